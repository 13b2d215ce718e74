// SPDX-License-Identifier: BSD-3-Clause

// Goal: the file of a snapshot holds the data set exactly as it was at one moment, though several
// threads go on writing; and a disk that fails leaves the file before it as it was. Method: writers
// with known histories on threads of their own; and the whole way on a simulated disk with faults.

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "base/random.h"
#include "containers/bucket_memory.h"
#include "engine/keyspace.h"
#include "engine/rdb_loader.h"
#include "engine/snapshot_job.h"
#include "engine/snapshot_writer.h"
#include "ring/sim/sim_ring.h"
#include "ring/sim/world.h"
#include "snapshot/rdb_reader.h"
#include "snapshot/rdb_writer.h"
#include "support/elements.h"
#include "support/seed.h"
#include "support/snapshot_file.h"
#include "threads.h"
#include "types/hash.h"
#include "types/list.h"
#include "types/set.h"

namespace gyre::engine {
namespace {

using ring::sim::SimRing;
using ring::sim::World;
using store::Key;

constexpr int64_t kNow = 1'700'000'000'000;

using Keys = test::FileKeys;
using test::consume;
using test::file_of;
using test::StringSink;

Keys read(std::string_view file) { return test::keys_of_file(file); }

// Each writer counts through numbers. It writes number n to one key of its own after the other, all
// under the lock of the key's shard. So at any one moment the keys of a writer hold n up to some
// key and n - 1 behind it. Two keys of a pair, written under both locks, are always equal. And all
// numbers together are the writes there were, which the snapshot asks for as its position.
class SnapshotPointInTime : public testing::Test {
protected:
    static constexpr size_t kThreads = 3;
    static constexpr size_t kKeys = 400;
    static constexpr int kSnapshots = 6;

    SnapshotPointInTime()
        : dataset_({.threads = kThreads, .databases = 2, .shards = 16, .seed = test_seed()}) {}

    static std::string name_of(size_t thread, size_t key) {
        return "t" + std::to_string(thread) + ":" + std::to_string(key);
    }

    void write(size_t thread, size_t at, uint64_t number, base::Random& random,
               Executor& executor) {
        const std::string name = name_of(thread, at);
        const std::string pair_name = name + "'";
        const Key key = Key::of(name);
        const Key pair = Key::of(pair_name);
        ShardSet set;
        set.add(dataset_.shard_of(key.hash));
        set.add(dataset_.shard_of(pair.hash));
        // Some values are long, so that their bytes are shared and not copied.
        std::string value = std::to_string(number) + ":" + std::to_string(thread) + ":";
        value.resize(at % 50 == 0 ? 6000 : 20, '.');
        const ShardGuard guard(dataset_, set, executor);
        position_.fetch_add(1, std::memory_order_relaxed);
        Keyspace keys(dataset_, executor, at % 2, kNow, false);
        keys.put(key, keys.write(key), types::encode_string(value));
        if (random.below(3) == 0) {
            if (store::Entry* old = keys.write(pair)) keys.erase(pair, old);
        }
        keys.put(pair, keys.write(pair), types::encode_string(value));
    }

    void write_until_over(size_t thread) {
        Executor executor;
        base::Random random(test_seed() + thread);
        const auto clock = [] { return int64_t{0}; };
        for (uint64_t number = 1; !is_over_; ++number) {
            for (size_t at = 0; at < kKeys; ++at) {
                write(thread, at, number, random, executor);
                executor.reclaimer.run();
                job_.run_slice(thread, executor, clock, true);
            }
        }
    }

    void take_snapshots() {
        Executor executor;
        for (int snapshot = 0; snapshot < kSnapshots; ++snapshot) {
            job_.begin({}, executor, [&] { return position_.load(std::memory_order_relaxed); });
            positions_.push_back(job_.position());
            StringSink sink;
            snapshot::RdbWriter writer(sink);
            writer.begin();
            for (bool is_last = false; !is_last;) {
                job_.expect();
                is_last = job_.is_collected();
                consume(job_, writer);
            }
            writer.end();
            files_.push_back(std::move(sink.bytes));
        }
        is_over_ = true;
    }

    /// Sum of the numbers of a writer's keys.
    static uint64_t check_writer(const Keys& keys, size_t thread) {
        uint64_t sum = 0;
        uint64_t first = 0;
        uint64_t previous = UINT64_MAX;
        for (size_t at = 0; at < kKeys; ++at) {
            const std::string name = name_of(thread, at);
            const auto found = keys.values.find({at % 2, name});
            const auto pair = keys.values.find({at % 2, name + "'"});
            EXPECT_EQ(found == keys.values.end(), pair == keys.values.end());
            uint64_t number = 0;
            if (found != keys.values.end() && pair != keys.values.end()) {
                EXPECT_EQ(found->second, pair->second);
                number = std::stoull(found->second);
            }
            if (at == 0) first = number;
            EXPECT_LE(number, previous) << "an earlier key is older than a later one";
            EXPECT_LE(first - number, 1U);
            previous = number;
            sum += number;
        }
        return sum;
    }

    Dataset dataset_;
    SnapshotJob job_{dataset_};
    std::atomic<bool> is_over_{false};
    std::atomic<uint64_t> position_{0};
    std::vector<std::string> files_;
    std::vector<uint64_t> positions_;
};

TEST_F(SnapshotPointInTime, threads_that_write_are_seen_at_one_moment) {
    SCOPED_TRACE(seed_note());
    run_threads(kThreads + 1, [this](size_t thread) {
        thread == kThreads ? take_snapshots() : write_until_over(thread);
    });
    ASSERT_EQ(files_.size(), static_cast<size_t>(kSnapshots));
    for (size_t snapshot = 0; snapshot < files_.size(); ++snapshot) {
        const Keys keys = read(files_[snapshot]);
        uint64_t writes = 0;
        for (size_t thread = 0; thread < kThreads; ++thread) writes += check_writer(keys, thread);
        EXPECT_EQ(writes, positions_[snapshot]) << "as many as there were when it began";
    }
}

TEST(SnapshotJob, the_walk_waits_while_too_much_is_queued) {
    Dataset dataset({.threads = 1, .databases = 1, .shards = 4, .seed = 1});
    Executor executor;
    Keyspace keys(dataset, executor, 0, kNow, false);
    const std::string value(4000, 'v');
    for (int index = 0; index < 8000; ++index) {
        const std::string name = "k" + std::to_string(index);
        keys.put(Key::of(name), nullptr, types::plain_string(value));
    }
    SnapshotJob job(dataset);
    int wakes = 0;
    job.set_consumer([&] { ++wakes; });
    job.begin({.strings = {.compress = false}}, executor);
    const auto clock = [] { return int64_t{0}; };
    while (job.run_slice(0, executor, clock, false)) {
    }
    EXPECT_FALSE(job.is_collected());
    EXPECT_EQ(wakes, 1) << "once until the consumer looks";
    EXPECT_GE(job.queue().bytes(), SnapshotJob::kQueuedBytesMax);
    // A hold adds no more than two chunks, which end with the chain that fills them.
    EXPECT_LE(job.queue().bytes(), SnapshotJob::kQueuedBytesMax + 3 * SnapshotJob::kChunkBytes);
    StringSink sink;
    snapshot::RdbWriter writer(sink);
    writer.begin();
    size_t rounds = 0;
    while (!job.is_collected()) {
        job.expect();
        consume(job, writer);
        while (job.run_slice(0, executor, clock, false)) {
        }
        ASSERT_LT(++rounds, 100U);
    }
    consume(job, writer);
    writer.end();
    EXPECT_EQ(read(sink.bytes).values.size(), 8000U);
    EXPECT_EQ(job.keys_encoded(), 8000U);
    EXPECT_EQ(job.keys_total(), 8000U);
    EXPECT_EQ(job.queue().bytes(), 0U);
}

// A disk that stands still while writers go through all keys: at some point they are to wait.
TEST(SnapshotJob, writers_are_held_back_when_what_they_save_first_piles_up) {
    Dataset dataset({.threads = 1, .databases = 1, .shards = 4, .seed = 1});
    Executor executor;
    Keyspace keys(dataset, executor, 0, kNow, false);
    const std::string value(4000, 'v');
    constexpr int kKeys = 25'000;
    for (int index = 0; index < kKeys; ++index) {
        const std::string name = "k" + std::to_string(index);
        keys.put(Key::of(name), nullptr, types::plain_string(value));
    }
    SnapshotJob job(dataset);
    std::vector<bool> orders;
    job.set_brake([&](bool is_on) { orders.push_back(is_on); });
    job.begin({.strings = {.compress = false}}, executor);
    const auto clock = [] { return int64_t{0}; };
    for (int index = 0; index < kKeys && orders.empty(); ++index) {
        const std::string name = "k" + std::to_string(index);
        const Key key = Key::of(name);
        keys.put(key, keys.write(key), types::plain_string("new"));
        job.run_slice(0, executor, clock, true);
    }
    EXPECT_EQ(orders, std::vector<bool>{true});
    EXPECT_LE(job.queue().bytes(), SnapshotJob::kBrakeBytes + 2 * SnapshotJob::kChunkBytes);
    SnapshotChunk* chunks = job.queue().take_all();
    while (chunks != nullptr) {
        const std::unique_ptr<SnapshotChunk> chunk(std::exchange(chunks, chunks->next));
        job.consumed(chunk->size());
        EXPECT_EQ(orders.size() == 2, job.queue().bytes() <= SnapshotJob::kBrakeBytes / 2);
    }
    EXPECT_EQ(orders, (std::vector<bool>{true, false}));
    job.discard();
    while (job.run_slice(0, executor, clock, false)) {
    }
    SnapshotQueue::free_all(job.queue().take_all());
}

// --- on a simulated disk ------------------------------------------------------------------------

/// A reactor that walks, and one that writes, in one world.
class Machine : ring::Reactor::Client {
public:
    Machine(World& world, Dataset& dataset)
        : world_(world),
          ring_(world),
          reactor_(ring_, *this),
          job_(dataset),
          writer_(reactor_, world.disk(), job_) {
        world_.attach(reactor_, ring_);
    }
    ~Machine() override { world_.detach(reactor_); }

    /// Takes a snapshot to its end; what became of it.
    Result<uint64_t> save(Executor& executor, const std::function<void()>& meanwhile) {
        meanwhile_ = meanwhile;
        executor_ = &executor;
        outcome_.reset();
        job_.begin({}, executor);
        reactor_.post([this] { reactor_.spawn(write()); });
        world_.run_until([this] { return outcome_.has_value(); }, 60'000'000);
        CHECK(outcome_.has_value());
        return *outcome_;
    }
    SnapshotJob& job() { return job_; }
    SnapshotWriter& writer() { return writer_; }

private:
    ring::Task<void> write() {
        SnapshotFile file{.directory = "data", .temporary_name = "temp.rdb"};
        outcome_ = co_await writer_.write(std::move(file));
    }
    void on_ready() override {}
    int64_t before_wait() override {
        if (!job_.is_walking()) return -1;
        meanwhile_();
        const auto clock = [] { return int64_t{0}; };
        return job_.run_slice(0, *executor_, clock, false) ? 0 : world_.now_us() + 100;
    }

    World& world_;
    SimRing ring_;
    ring::Reactor reactor_;
    SnapshotJob job_;
    SnapshotWriter writer_;
    Executor* executor_ = nullptr;
    std::function<void()> meanwhile_;
    std::optional<Result<uint64_t>> outcome_;
};

using Values = std::map<std::pair<size_t, std::string>, std::string>;

class SnapshotDiskTest : public testing::Test {
protected:
    SnapshotDiskTest() : dataset_({.threads = 1, .databases = 2, .shards = 4, .seed = 1}) {}

    void write_some(base::Random& random) {
        for (int count = 0; count < 40; ++count) {
            Keyspace keys(dataset_, executor_, random.below(2), kNow, false);
            const std::string name = "k" + std::to_string(random.below(300));
            const Key key = Key::of(name);
            store::Entry* present = keys.write(key);
            if (present != nullptr && random.below(4) == 0) {
                keys.erase(key, present);
                values_.erase({keys.database(), name});
                continue;
            }
            const std::string value(random.below(random.below(20) == 0 ? 200'000 : 300),
                                    static_cast<char>('a' + random.below(26)));
            keys.put(key, present, types::encode_string(value));
            values_[{keys.database(), name}] = value;
        }
        executor_.reclaimer.run();
    }

    Executor executor_;
    Dataset dataset_;
    Values values_;
};

TEST_F(SnapshotDiskTest, whatever_fails_the_file_is_a_whole_snapshot) {
    const uint64_t first = test_seed();
    for (uint64_t seed = first; seed < first + 150 && !HasFailure(); ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        World world(seed);
        base::Random random(seed);
        ASSERT_TRUE(world.disk().make_directory("data"));
        Machine machine(world, dataset_);
        std::optional<Values> on_disk;
        for (int round = 0; round < 6; ++round) {
            world.disk().faults =
                round % 2 == 0 ? ring::sim::DiskFaults{} : ring::sim::DiskFaults::swarm(random);
            world.disk().bytes_max = random.below(5) == 0 ? random.below(300'000) : UINT64_MAX;
            write_some(random);
            const Values expected = values_;
            const auto saved = machine.save(executor_, [&] { write_some(random); });
            world.disk().faults = {};
            const std::string path = "data/dump.rdb";
            EXPECT_FALSE(world.disk().exists("data/temp.rdb") && saved);
            if (saved) on_disk = expected;
            if (!saved) {
                EXPECT_NE(saved.error().message, "");
                // The rename may be there though its directory could not be synced.
                if (world.disk().exists(path) && on_disk &&
                    read(world.disk().content(path)).values != *on_disk) {
                    on_disk = expected;
                }
            }
            if (!on_disk) continue;
            const std::string file = world.disk().content(path);
            EXPECT_EQ(saved ? *saved : file.size(), file.size());
            EXPECT_TRUE(read(file).values == *on_disk) << "round " << round;
        }
    }
}

TEST_F(SnapshotDiskTest, one_that_is_told_to_give_up_ends_and_the_next_one_is_whole) {
    World world(1);
    base::Random random(1);
    ASSERT_TRUE(world.disk().make_directory("data"));
    Machine machine(world, dataset_);
    write_some(random);
    const auto stopped = machine.save(executor_, [&] { machine.writer().stop(); });
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ECANCELED);
    EXPECT_FALSE(world.disk().exists("data/dump.rdb"));
    EXPECT_FALSE(world.disk().exists("data/temp.rdb"));
    const auto saved = machine.save(executor_, [] {});
    ASSERT_TRUE(saved) << saved.error().message;
    EXPECT_TRUE(read(world.disk().content("data/dump.rdb")).values == values_);
}

TEST_F(SnapshotDiskTest, a_saved_file_survives_the_loss_of_power) {
    World world(7);
    base::Random random(7);
    ASSERT_TRUE(world.disk().make_directory("data"));
    EXPECT_TRUE(world.disk().sync_directory("."));
    Machine machine(world, dataset_);
    write_some(random);
    ASSERT_TRUE(machine.save(executor_, [] {}));
    world.disk().crash();
    EXPECT_TRUE(read(world.disk().content("data/dump.rdb")).values == values_);
}

// --- large collections --------------------------------------------------------------------------

/// Collections of thousands of elements in one data set, which are written to in between.
class LargeCollections {
public:
    static constexpr size_t kKeys = 24;

    explicit LargeCollections(uint64_t seed) : random_(seed) {
        for (size_t i = 0; i < kKeys; ++i) create(i);
    }
    Dataset& dataset() { return dataset_; }
    Executor& executor() { return executor_; }
    base::Random& random() { return random_; }

    /// Of all keys that there are, by their names.
    std::map<std::pair<size_t, std::string>, std::string> content() {
        std::map<std::pair<size_t, std::string>, std::string> all;
        for (size_t i = 0; i < kKeys; ++i) {
            const std::string name = std::to_string(i);
            const store::Entry* entry = keys_.peek(Key::of(name));
            if (entry == nullptr) continue;
            snapshot::Record record;
            snapshot::describe_value(*entry, record);
            all[{0, name}] = test::elements_of(record);
        }
        return all;
    }

    void write(size_t index) {
        const std::string name = std::to_string(index);
        const Key key = Key::of(name);
        store::Entry* entry = keys_.peek(key);
        if (entry == nullptr) return create(index);
        const std::string text = "new " + std::to_string(random_.below(1000));
        if (random_.below(8) == 0) return keys_.erase(key, entry);
        switch (index % 3) {
            case 0:
                keys_.edit_object<types::Hash>(key, entry, [&](types::Hash& hash) {
                    hash.set(text, text);
                    hash.set("field 5", text);
                    return hash.remove("field " + std::to_string(random_.below(3000)));
                });
                break;
            case 1:
                keys_.edit_object<types::Set>(key, entry, [&](types::Set& set) {
                    set.remove("member " + std::to_string(random_.below(3000)));
                    return set.add(text);
                });
                break;
            default:
                keys_.edit_object<types::List>(key, entry, [&](types::List& list) {
                    list.pop(types::ListEnd::head);
                    list.push(types::ListEnd::tail, text);
                    return true;
                });
        }
        keys_.changed(key, entry);
    }

private:
    void create(size_t index) {
        const std::string name = std::to_string(index);
        std::unique_ptr<types::Object> object;
        store::Kind kind{store::Type::list, store::Encoding::quicklist};
        if (index % 3 == 0) {
            auto hash = std::make_unique<types::Hash>();
            for (int i = 0; i < 3000; ++i) {
                const std::string field = "field " + std::to_string(i);
                hash->set(field, name);
                if (i % 5 == 0) hash->set_deadline(field, kNow + 1'000'000 + i);
            }
            kind = {store::Type::hash, store::Encoding::hashtable};
            object = std::move(hash);
        } else if (index % 3 == 1) {
            auto set = std::make_unique<types::Set>();
            for (int i = 0; i < 3000; ++i) set->add("member " + std::to_string(i));
            kind = {store::Type::set, store::Encoding::hashtable};
            object = std::move(set);
        } else {
            auto list = std::make_unique<types::List>(types::List::Options{});
            for (int i = 0; i < 9000; ++i) {
                list->push(types::ListEnd::tail, "element " + std::to_string(i));
            }
            object = std::move(list);
        }
        EXPECT_GT(object->footprint(), SnapshotJob::kLargeBytes);
        keys_.put_object(Key::of(name), nullptr, kind, std::move(object));
    }

    Dataset dataset_{{.threads = 1, .databases = 2, .shards = 4, .seed = 1}};
    Executor executor_;
    Keyspace keys_{dataset_, executor_, 0, kNow, false};
    base::Random random_;
};

TEST(SnapshotJob, a_large_collection_takes_many_holds_and_is_of_the_moment_it_began) {
    SCOPED_TRACE(seed_note());
    for (uint64_t round = 0; round < 10; ++round) {
        LargeCollections large(test_seed() + round);
        SnapshotJob job(large.dataset());
        const auto expected = large.content();
        job.begin({}, large.executor());
        // A slice ends after one hold of a lock.
        int64_t now_us = 0;
        const auto clock = [&now_us] { return now_us += 1000; };
        size_t holds = 0;
        while (!job.is_collected()) {
            job.run_slice(0, large.executor(), clock, true);
            ++holds;
            // The more rounds, the more of them are encoded to their end by the walk alone.
            if (large.random().below(round + 1) == 0) {
                large.write(large.random().below(LargeCollections::kKeys));
            }
            large.executor().reclaimer.run();
        }
        if (round > 5) {
            // Encoded whole, all of them and the empty chains would take some ten.
            EXPECT_GT(holds, LargeCollections::kKeys / SnapshotJob::kChainsPerHold * 2);
        }
        EXPECT_TRUE(read(file_of(job)).values == expected) << "round " << round;
        EXPECT_EQ(job.keys_encoded(), LargeCollections::kKeys);
    }
}

TEST(SnapshotJob, databases_swapped_and_flushed_while_parts_of_them_are_encoded) {
    LargeCollections large(5);
    SnapshotJob job(large.dataset());
    int64_t now_us = 0;
    const auto clock = [&now_us] { return now_us += 1000; };
    const auto expected = large.content();
    job.begin({}, large.executor());
    job.run_slice(0, large.executor(), clock, true);
    large.dataset().swap(0, 1, large.executor());
    for (size_t i = 0; i < LargeCollections::kKeys; ++i) large.write(i);  // keys of the other one
    job.run_slice(0, large.executor(), clock, true);
    large.dataset().flush_all(large.executor());
    while (!job.is_collected()) job.run_slice(0, large.executor(), clock, true);
    EXPECT_TRUE(read(file_of(job)).values == expected);
}

TEST(SnapshotJob, one_that_is_discarded_leaves_no_part_behind) {
    LargeCollections large(3);
    SnapshotJob job(large.dataset());
    int64_t now_us = 0;
    const auto clock = [&now_us] { return now_us += 1000; };
    job.begin({}, large.executor());
    job.run_slice(0, large.executor(), clock, true);
    job.discard();
    while (!job.is_collected()) job.run_slice(0, large.executor(), clock, true);
    file_of(job);
    large.write(0);
    const auto expected = large.content();
    job.begin({}, large.executor());
    while (!job.is_collected()) job.run_slice(0, large.executor(), clock, true);
    EXPECT_TRUE(read(file_of(job)).values == expected);
}

// --- loading ------------------------------------------------------------------------------------

TEST(RdbLoaderTest, keys_come_back_with_all_that_belongs_to_them) {
    Dataset dataset({.threads = 2, .databases = 4, .shards = 4, .seed = 1});
    Executor executor;
    dataset.set_policy(EvictionPolicy::allkeys_lru, executor);
    RdbLoader loader(dataset, executor, kNow);
    EXPECT_TRUE(loader.record({.database = 3,
                               .key = "k",
                               .value = "12345",
                               .expire_ms = kNow + 5000,
                               .timestamp_ms = kNow - 7,
                               .idle_seconds = 100,
                               .frequency = {}}));
    EXPECT_TRUE(loader.record({.database = 0, .key = "k", .value = "v", .expire_ms = kNow - 1}));
    EXPECT_TRUE(loader.record({.database = 0, .key = "now", .value = "v", .expire_ms = kNow}));
    ASSERT_TRUE(loader.finish());
    EXPECT_EQ(loader.keys_loaded(), 2U);
    EXPECT_EQ(loader.keys_expired(), 1U);
    Keyspace keys(dataset, executor, 3, kNow, true);
    const store::Entry* entry = keys.peek(Key::of("k"));
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->encoding(), store::Encoding::integer);
    EXPECT_EQ(entry->expire_ms(), kNow + 5000);
    EXPECT_EQ(entry->timestamp_ms(), kNow - 7);
    EXPECT_EQ(store::lru_idle_ms(entry->access_word(), kNow), 100'000);
}

/// A thread with an executor of its own that does what it is told.
class HelpingThread {
public:
    ~HelpingThread() {
        {
            const std::lock_guard hold(mutex_);
            is_over_ = true;
        }
        told_.notify_one();
        thread_.join();
    }
    LoadHelper helper() {
        return [this](std::function<void(Executor&)> job) {
            {
                const std::lock_guard hold(mutex_);
                jobs_.push_back(std::move(job));
            }
            told_.notify_one();
        };
    }
    size_t done() const { return done_.load(); }

private:
    void run() {
        std::unique_lock hold(mutex_);
        for (;;) {
            told_.wait(hold, [this] { return is_over_ || !jobs_.empty(); });
            if (jobs_.empty()) return;
            const auto job = std::move(jobs_.front());
            jobs_.pop_front();
            hold.unlock();
            job(executor_);
            done_.fetch_add(1);
            hold.lock();
        }
    }
    Executor executor_;
    std::mutex mutex_;
    std::condition_variable told_;
    std::deque<std::function<void(Executor&)>> jobs_;
    bool is_over_ = false;
    std::atomic<size_t> done_{0};
    std::thread thread_{[this] { run(); }};
};

TEST(RdbLoaderTest, with_helpers_every_key_comes_once) {
    constexpr int kKeys = 50'000;
    Dataset dataset({.threads = 3, .databases = 4, .shards = 8, .seed = 1});
    Executor executor;
    HelpingThread first;
    HelpingThread second;
    RdbLoader loader(dataset, executor, kNow);
    loader.set_helpers({first.helper(), second.helper()});
    for (int index = 0; index < kKeys; ++index) {
        const std::string text = std::to_string(index);
        const std::string value = index % 99 == 0 ? std::string(20'000, 'x') + text : "v" + text;
        ASSERT_TRUE(loader.record({.database = static_cast<size_t>(index % 3),
                                   .key = text,
                                   .value = value,
                                   .expire_ms = kNow - 1 + index % 2 * 10}));
    }
    ASSERT_TRUE(loader.finish());
    EXPECT_EQ(loader.keys_loaded(), static_cast<uint64_t>(kKeys / 2));
    EXPECT_EQ(loader.keys_expired(), static_cast<uint64_t>(kKeys / 2));
    EXPECT_GT(first.done() + second.done(), 0U);
    for (int index = 1; index < kKeys; index += 2) {
        const std::string text = std::to_string(index);
        Keyspace keys(dataset, executor, static_cast<size_t>(index % 3), kNow, true);
        ASSERT_NE(keys.peek(Key::of(text)), nullptr) << text;
    }
}

TEST(RdbLoaderTest, what_a_helper_finds_wrong_ends_the_reading) {
    Dataset dataset({.threads = 2, .databases = 2, .shards = 4, .seed = 1});
    Executor executor;
    HelpingThread thread;
    RdbLoader loader(dataset, executor, kNow);
    loader.set_helpers({thread.helper()});
    for (size_t index = 0; index < 2 * RdbLoader::kBatchRecords; ++index) {
        const auto done = loader.record(
            {.database = 1, .key = std::to_string(index % RdbLoader::kBatchRecords), .value = "v"});
        if (!done) break;
    }
    const auto finished = loader.finish();
    ASSERT_FALSE(finished);
    EXPECT_NE(finished.error().message.find("of database 1 is there twice"), std::string::npos);
    EXPECT_TRUE(loader.has_late_error());
}

TEST(RdbLoaderTest, indexes_are_made_as_large_as_the_input_can_need) {
    const auto index_bytes = [](Dataset& dataset) {
        size_t sum = 0;
        for (size_t shard = 0; shard < dataset.shards(); ++shard) {
            const store::Partition* partition = dataset.shard(shard).find_database(1);
            sum += partition != nullptr ? partition->index_bytes() : 0;
        }
        return sum;
    };
    Dataset dataset({.threads = 1, .databases = 2, .shards = 4, .seed = 1});
    Executor executor;
    RdbLoader loader(dataset, executor, kNow);
    constexpr uint64_t kInputBytes = 400'000;
    constexpr size_t kIndexBytesForEachKey = 10;  // at least 8 B and an eighth, at the top fill
    loader.set_input_bytes(kInputBytes);
    ASSERT_TRUE(loader.select_database(1));
    ASSERT_TRUE(loader.resize_database(UINT64_MAX, 0));
    const size_t reserved = index_bytes(dataset);
    EXPECT_GE(reserved, kInputBytes / RdbLoader::kRecordBytesMin * 8);
    EXPECT_LE(reserved, kInputBytes / RdbLoader::kRecordBytesMin * kIndexBytesForEachKey);
    // What is left of the claim is nothing.
    ASSERT_TRUE(loader.resize_database(UINT64_MAX, 0));
    EXPECT_EQ(index_bytes(dataset), reserved);
    for (int index = 0; index < 100; ++index) {
        ASSERT_TRUE(loader.record({.database = 1, .key = std::to_string(index), .value = "v"}));
    }
    ASSERT_TRUE(loader.finish());
    EXPECT_EQ(loader.keys_loaded(), 100U);
    // At most one piece of buckets for each shard is left of it, and where these lie.
    EXPECT_LE(index_bytes(dataset), dataset.shards() * 2 * containers::BucketMemory::kSegmentBytes);
}

TEST(RdbLoaderTest, what_cannot_be_is_refused_by_name) {
    Dataset dataset({.threads = 1, .databases = 2, .shards = 4, .seed = 1});
    Executor executor;
    RdbLoader loader(dataset, executor, kNow);
    EXPECT_TRUE(loader.record({.database = 1, .key = "k", .value = "v"}));
    EXPECT_TRUE(loader.record({.database = 1, .key = "k", .value = "w"}));
    const auto twice = loader.finish();
    ASSERT_FALSE(twice);
    EXPECT_NE(twice.error().message.find("the key \"k\" of database 1 is there twice"),
              std::string::npos);
    const auto beyond = loader.select_database(2);
    ASSERT_FALSE(beyond);
    EXPECT_NE(beyond.error().message.find("set `databases` to 3"), std::string::npos);
}

}  // namespace
}  // namespace gyre::engine
