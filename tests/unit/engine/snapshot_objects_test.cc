// SPDX-License-Identifier: BSD-3-Clause

// Goal: large collections of every type are in a snapshot exactly as they were when it began,
// whatever is done to them and to their keys while it is taken; a change encodes little more than
// it touches; and what is kept for the snapshot is counted, limited and given back. Method: random
// operations with what the data set held at the beginning beside them; threads with known
// histories.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "engine/keyspace.h"
#include "engine/memory_check.h"
#include "engine/snapshot_job.h"
#include "support/elements.h"
#include "support/seed.h"
#include "support/snapshot_file.h"
#include "threads.h"

namespace gyre::engine {
namespace {

using containers::RankedSet;
using store::Encoding;
using store::Entry;
using store::Key;
using store::Kind;
using store::Type;
using types::Hash;
using types::List;
using types::ListEnd;
using types::Set;
using types::SortedSet;
using types::Stream;
using types::StreamGroup;
using types::StreamId;

constexpr int64_t kNow = 1'700'000'000'000;

using Objects = std::unique_ptr<types::Object>;
struct Content {
    test::FileKeys::Values values;
    std::map<std::pair<size_t, std::string>, int64_t> deadlines_ms;
    bool operator==(const Content&) const = default;
};

/// What a job has collected, taken from it now and then so that the walk goes on.
class File {
public:
    File() { writer_.begin(); }
    void take(SnapshotJob& job) { test::consume(job, writer_); }
    Content content() {
        writer_.end();
        test::FileKeys keys = test::keys_of_file(sink_.bytes);
        return {std::move(keys.values), std::move(keys.deadlines_ms)};
    }

private:
    test::StringSink sink_;
    snapshot::RdbWriter writer_{sink_};
};

/// Makes collections and changes them at random.
class Collections {
public:
    static constexpr std::array<Kind, 5> kKinds{{{Type::hash, Encoding::hashtable},
                                                 {Type::set, Encoding::hashtable},
                                                 {Type::zset, Encoding::skiplist},
                                                 {Type::list, Encoding::quicklist},
                                                 {Type::stream, Encoding::stream}}};

    explicit Collections(uint64_t seed) : random_(seed) {}
    base::Random& random() { return random_; }

    Objects make(Type type, size_t elements) {
        Objects object;
        switch (type) {
            case Type::hash:
                object = std::make_unique<Hash>();
                break;
            case Type::set:
                object = std::make_unique<Set>();
                break;
            case Type::zset:
                object = std::make_unique<SortedSet>();
                break;
            case Type::list:
                object = std::make_unique<List>(
                    List::Options{.limit = types::ListLimit(random_.below(2) == 0 ? -1 : 20),
                                  .compress_depth = static_cast<size_t>(random_.below(2))});
                break;
            default:
                object = std::make_unique<Stream>();
                static_cast<Stream&>(*object).add_group("early", {}, 0);
        }
        for (size_t i = 0; i < elements; ++i) add(type, *object, i);
        return object;
    }

    void change(Type type, types::Object& object) {
        switch (type) {
            case Type::hash:
                return change_hash(static_cast<Hash&>(object));
            case Type::set:
                return change_set(static_cast<Set&>(object));
            case Type::zset:
                return change_sorted_set(static_cast<SortedSet&>(object).set);
            case Type::list:
                return change_list(static_cast<List&>(object));
            default:
                return change_stream(static_cast<Stream&>(object));
        }
    }

private:
    std::string name() { return "element " + std::to_string(random_.below(6000)); }
    std::string value() {
        return std::string(random_.below(random_.below(50) == 0 ? 9000 : 60),
                           static_cast<char>('a' + random_.below(26)));
    }
    double score() { return static_cast<double>(random_.below(1000)) / 4; }

    void add(Type type, types::Object& object, size_t index) {
        const std::string text = "element " + std::to_string(index);
        switch (type) {
            case Type::hash:
                static_cast<Hash&>(object).set(text, value());
                if (index % 5 == 0) {
                    static_cast<Hash&>(object).set_deadline(text,
                                                            kNow + static_cast<int64_t>(index));
                }
                return;
            case Type::set:
                static_cast<Set&>(object).add(text + value());
                return;
            case Type::zset:
                static_cast<SortedSet&>(object).set.insert(text, RankedSet::hash(text), score());
                return;
            case Type::list:
                static_cast<List&>(object).push(ListEnd::tail, value());
                return;
            default:
                append(static_cast<Stream&>(object));
        }
    }

    void change_hash(Hash& hash) {
        switch (random_.below(6)) {
            case 0:
                for (size_t i = 0; i < 300 && hash.size() > 0; ++i) {
                    hash.remove(std::string(hash.random(random_).name));
                }
                return;
            case 1:
                hash.remove(name());
                return;
            case 2:
                hash.remove_due(kNow + 5000, 32, [](auto) {});
                return;
            case 3:
                if (hash.size() == 0) return;
                hash.set_deadline(
                    std::string(hash.random(random_).name),
                    random_.below(3) == 0 ? Hash::kNoDeadline : kNow + 9000 + random_.below(50));
                return;
            default:
                for (size_t i = random_.below(60); i-- > 0;) hash.set(name(), value());
        }
    }
    void change_set(Set& set) {
        switch (random_.below(4)) {
            case 0:
                for (size_t i = 0; i < 300 && set.size() > 0; ++i) {
                    set.remove(std::string(set.random(random_)));
                }
                return;
            case 1:
                set.remove(name());
                return;
            default:
                for (size_t i = random_.below(60); i-- > 0;) set.add(name());
        }
    }
    void change_sorted_set(RankedSet& set) {
        const std::string member = name();
        const RankedSet::Place place = set.find(member, RankedSet::hash(member));
        switch (random_.below(5)) {
            case 0: {
                const size_t begin = random_.below(set.size() + 1);
                return set.erase_ranks(begin, std::min(set.size(), begin + random_.below(200)));
            }
            case 1:
                if (place) set.erase(place);
                return;
            case 2:
                if (place) set.change(place, RankedSet::hash(member), score());
                return;
            default:
                for (size_t i = 0; i < 40; ++i) {
                    const std::string added = value() + name();
                    const uint64_t hash = RankedSet::hash(added);
                    if (!set.find(added, hash)) set.insert(added, hash, score());
                }
        }
    }
    void change_list(List& list) {
        const size_t size = list.size();
        switch (random_.below(8)) {
            case 0: {
                const size_t start = random_.below(size + 1);
                return list.erase(start, std::min(size - start, random_.below(400)));
            }
            case 1:
                if (size > 0) list.pop(random_.below(2) == 0 ? ListEnd::head : ListEnd::tail);
                return;
            case 2:
                list.remove(value(), 3, random_.below(2) == 0 ? ListEnd::head : ListEnd::tail);
                return;
            case 3:
                if (size > 0) {
                    List::Cursor at(list, random_.below(size));
                    list.replace(at, value());
                }
                return;
            case 4:
                for (size_t i = 0; i < 30 && list.size() > 0; ++i) {
                    List::Cursor at(list, random_.below(list.size()));
                    list.insert(at, random_.below(2) == 0 ? ListEnd::head : ListEnd::tail, value());
                }
                return;
            default:
                for (size_t i = random_.below(60); i-- > 0;) {
                    list.push(random_.below(2) == 0 ? ListEnd::head : ListEnd::tail, value());
                }
        }
    }

    void append(Stream& stream) {
        StreamId id = stream.last_id;
        id.ms += random_.below(2);
        if (id == stream.last_id) id.increment();
        const std::string text = value();
        const std::array<std::string_view, 2> pairs{"field", text};
        stream.append(id, pairs, {.bytes_max = 4096, .entries_max = 50});
    }
    void change_stream(Stream& stream) {
        switch (random_.below(6)) {
            case 0:
                stream.trim({.by = types::StreamTrim::By::length,
                             .length = stream.size() - std::min(stream.size(), random_.below(200)),
                             .id = {},
                             .is_approximate = random_.below(2) == 0,
                             .limit = 0});
                return;
            case 1:
                stream.erase({random_.below(stream.last_id.ms + 1), random_.below(3)});
                return;
            case 2: {
                // Entries from the end go, and others with their ids come.
                const StreamId kept{stream.last_id.ms - std::min<uint64_t>(stream.last_id.ms, 150),
                                    0};
                while (stream.last_entry() && *stream.last_entry() > kept) {
                    stream.erase(*stream.last_entry());
                }
                return stream.set_last_id(stream.last_entry().value_or(kept));
            }
            case 3:
                return change_group(stream);
            default:
                for (size_t i = random_.below(120); i-- > 0;) append(stream);
        }
    }
    void change_group(Stream& stream) {
        StreamGroup* group = stream.find_group("early");
        if (group == nullptr || random_.below(10) == 0) {
            if (group != nullptr) stream.erase_group(group);
            stream.add_group("early", stream.last_id, StreamGroup::kUnknown);
            return;
        }
        const std::string consumer_name = "consumer " + std::to_string(random_.below(4));
        types::StreamConsumer* consumer = group->find_consumer(consumer_name);
        if (consumer == nullptr) consumer = group->add_consumer(consumer_name, kNow);
        const StreamId id{random_.below(3000), random_.below(3)};
        if (!group->acknowledge(id)) group->add_pending(id, consumer, kNow);
    }

    base::Random random_;
};

class SnapshotObjects : public testing::Test {
protected:
    static constexpr size_t kKeys = 20;

    explicit SnapshotObjects(uint64_t seed = test_seed()) : collections_(seed) {}

    base::Random& random() { return collections_.random(); }
    static std::string name_of(size_t index) { return "key " + std::to_string(index); }
    Keyspace keys(size_t database) { return Keyspace(dataset_, executor_, database, kNow, false); }
    static Type type_of(size_t index) { return Collections::kKinds[index % 5].type; }

    void create(size_t database, size_t index, size_t elements = 2500) {
        const Key key = Key::of(names_[index]);
        Keyspace space = keys(database);
        space.put_object(key, space.peek(key), Collections::kKinds[index % 5],
                         collections_.make(type_of(index), elements));
    }

    Content content() {
        Content all;
        for (size_t database = 0; database < 2; ++database) {
            for (size_t shard = 0; shard < dataset_.shards(); ++shard) {
                const store::Partition* partition = dataset_.shard(shard).find_database(database);
                if (partition == nullptr) continue;
                partition->for_each([&](const Entry& entry) {
                    const std::pair place(database, std::string(entry.key()));
                    snapshot::Record record;
                    if (entry.encoding() != Encoding::integer) {
                        snapshot::describe_value(entry, record);
                    }
                    all.values[place] = test::elements_of(record);
                    if (entry.has_expiry()) all.deadlines_ms[place] = entry.expire_ms();
                });
            }
        }
        return all;
    }

    void edit(Keyspace& space, const Key& key, Entry* entry) {
        const Type type = entry->type();
        space.edit_object<types::Object>(
            key, entry, [&](types::Object& object) { collections_.change(type, object); });
        if (entry->object()->size() == 0 && type != Type::stream) space.erase(key, entry);
    }

    void step() {
        const size_t database = random().below(2);
        const size_t index = random().below(kKeys);
        Keyspace space = keys(database);
        const Key key = Key::of(names_[index]);
        Entry* entry = space.peek(key);
        const size_t kind = random().below(100);
        if (kind == 0) return dataset_.swap(0, 1, executor_);
        if (kind == 1 && random().below(4) == 0) return dataset_.flush(database, executor_);
        if (kind == 2) {
            dataset_.drain(0, 1, 50, executor_);
            return;
        }
        if (entry == nullptr) {
            if (random().below(20) == 0) create(database, index, 200 + random().below(2000));
            return;
        }
        if (kind < 8) return space.erase(key, entry);
        if (kind < 12) return create(database, index, 1 + random().below(2000));
        if (kind < 14) {
            space.put(key, entry, types::plain_string("text"));
            return space.erase(key, space.peek(key));
        }
        if (kind < 18) {
            space.set_expiry(key, entry, kNow + 1 + static_cast<int64_t>(random().below(1000)));
            return;
        }
        if (kind < 28) return move(space, key, entry, index);
        edit(space, key, entry);
    }

    /// To a key of the same type, in either database.
    void move(Keyspace& space, const Key& key, Entry* entry, size_t index) {
        Keyspace other = keys(random().below(2));
        const Key target = Key::of(names_[(index + 5 * random().below(4)) % kKeys]);
        if (target.bytes == key.bytes && other.database() == space.database()) return;
        Entry* present = other.peek(target);
        if (random().below(3) == 0) {
            if (present == nullptr) other.copy_to(target, *entry);
            return;
        }
        if (present != nullptr) other.erase_to_replace(target, present);
        other.move_to(target, space, key, entry, store::kNoTimestamp);
    }

    /// One slice, which ends after one hold of a lock.
    void slice(SnapshotJob& job) {
        int64_t now_us = 0;
        job.run_slice(0, executor_, [&now_us] { return now_us += 1000; }, true);
    }
    /// To the end, when nothing waits to be freed; what is in the file then.
    Content finish(SnapshotJob& job) {
        File file;
        while (!job.is_collected()) {
            slice(job);
            file.take(job);
        }
        file.take(job);
        while (!dataset_.drain(0, 1, 500, executor_)) {
        }
        while (!executor_.reclaimer.drain(500)) {
        }
        executor_.reclaimer.run();
        return file.content();
    }

    void expect_sums_agree() {
        MemoryCheck check(dataset_);
        for (size_t shard = 0; shard < dataset_.shards(); ++shard) check.visit(shard, executor_);
        for (const std::string& difference : check.conclude(0)) ADD_FAILURE() << difference;
    }

    std::vector<std::string> names_ = [] {
        std::vector<std::string> names;
        for (size_t i = 0; i < kKeys; ++i) names.push_back(name_of(i));
        return names;
    }();
    Collections collections_;
    Executor executor_;
    Dataset dataset_{{.threads = 1, .databases = 2, .shards = 8, .seed = 1}};
};

TEST_F(SnapshotObjects, are_told_as_they_were_whatever_is_done_to_them_meanwhile) {
    SCOPED_TRACE(seed_note());
    SnapshotJob job(dataset_);
    for (uint64_t round = 0; round < 12 && !HasFailure(); ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        for (size_t i = 0; i < kKeys; ++i) {
            if (random().below(2) == 0) create(random().below(2), i);
        }
        for (int i = 0; i < 50; ++i) step();
        const Content expected = content();
        // What compressing takes stays until the next one begins.
        const bool compress = round % 2 == 0;
        job.begin({.strings = {.compress = compress}}, executor_);
        const int64_t snapshot_bytes = base::used(base::Purpose::snapshot);
        const size_t pace = 1 + random().below(30);
        for (int slices = 0; slices < 400 && !job.is_collected(); ++slices) {
            for (size_t count = random().below(pace); count > 0; --count) step();
            slice(job);
        }
        EXPECT_TRUE(finish(job) == expected);
        EXPECT_EQ(job.ahead_bytes(), 0U);
        EXPECT_EQ(job.adopted_objects(), 0U);
        if (!compress) {
            EXPECT_EQ(base::used(base::Purpose::snapshot), snapshot_bytes);
        }
        expect_sums_agree();
    }
}

TEST_F(SnapshotObjects, one_that_is_given_up_in_the_middle_leaves_nothing_behind) {
    SCOPED_TRACE(seed_note());
    SnapshotJob job(dataset_);
    for (size_t i = 0; i < kKeys; ++i) create(0, i);
    for (int round = 0; round < 6; ++round) {
        job.begin({}, executor_);
        for (int i = 0; i < 100; ++i) {
            step();
            if (i % 10 == 0) slice(job);
        }
        job.discard();
        for (int i = 0; i < 100; ++i) step();
        finish(job);
        EXPECT_EQ(job.ahead_bytes(), 0U);
        EXPECT_EQ(job.adopted_objects(), 0U);
        expect_sums_agree();
        const Content expected = content();
        job.begin({}, executor_);
        for (int i = 0; i < 40; ++i) step();
        EXPECT_TRUE(finish(job) == expected);
    }
}

// Whatever is changed, the change encodes or keeps no more than some parts of it.
TEST_F(SnapshotObjects, a_change_saves_only_what_it_touches) {
    SnapshotJob job(dataset_);
    for (size_t i = 0; i < 5; ++i) create(0, i, 20'000);
    const Content expected = content();
    job.begin({.strings = {.compress = false}}, executor_);
    Keyspace space = keys(0);
    const auto ahead_of = [&](size_t index, const std::function<void(types::Object&)>& change) {
        const Key key = Key::of(names_[index]);
        const size_t before = job.ahead_bytes();
        space.edit_object<types::Object>(key, space.peek(key),
                                         [&](types::Object& object) { change(object); });
        return job.ahead_bytes() - before;
    };
    constexpr size_t kLittle = 100'000;
    const std::string text = "element 7000";
    EXPECT_LT(
        ahead_of(0, [&](types::Object& object) { static_cast<Hash&>(object).set(text, "x"); }),
        kLittle);
    EXPECT_LT(ahead_of(1, [&](types::Object& object) { static_cast<Set&>(object).add(text); }),
              kLittle);
    EXPECT_LT(ahead_of(2,
                       [&](types::Object& object) {
                           RankedSet& set = static_cast<SortedSet&>(object).set;
                           set.change(set.find(text, RankedSet::hash(text)), RankedSet::hash(text),
                                      -1);
                       }),
              kLittle);
    EXPECT_LT(ahead_of(3,
                       [&](types::Object& object) {
                           auto& list = static_cast<List&>(object);
                           list.push(ListEnd::head, text);
                           list.push(ListEnd::tail, text);
                           List::Cursor at(list, 10'000);
                           list.replace(at, text);
                       }),
              kLittle);
    EXPECT_LT(ahead_of(4,
                       [&](types::Object& object) {
                           auto& stream = static_cast<Stream&>(object);
                           const std::array<std::string_view, 2> pairs{"field", text};
                           stream.append({stream.last_id.ms + 1, 0}, pairs, {});
                       }),
              kLittle);
    EXPECT_GT(job.ahead_bytes(), 0U);
    EXPECT_TRUE(job.queue().is_empty()) << "nothing is encoded to its end";
    EXPECT_TRUE(finish(job) == expected);
}

TEST_F(SnapshotObjects, those_that_lose_their_keys_are_the_snapshots_until_it_has_them) {
    SnapshotJob job(dataset_);
    for (size_t i = 0; i < kKeys; ++i) create(0, i, 4000);
    const Content expected = content();
    job.begin({}, executor_);
    const int64_t before = base::used(base::Purpose::snapshot);
    Keyspace space = keys(0);
    for (size_t i = 0; i < 5; ++i) space.erase(Key::of(names_[i]), space.peek(Key::of(names_[i])));
    for (size_t i = 5; i < 10; ++i) {
        space.put(Key::of(names_[i]), space.peek(Key::of(names_[i])), types::plain_string("new"));
    }
    EXPECT_EQ(job.adopted_objects(), 10U);
    EXPECT_TRUE(job.queue().is_empty());
    EXPECT_FALSE(executor_.reclaimer.has_objects());
    dataset_.flush_all(executor_);
    while (!dataset_.drain(0, 1, 500, executor_)) {
    }
    EXPECT_EQ(job.adopted_objects(), kKeys);
    EXPECT_GT(base::used(base::Purpose::snapshot), before + int64_t{kKeys} * 64 * 1024);
    EXPECT_EQ(job.ahead_bytes(), 0U);
    expect_sums_agree();
    EXPECT_TRUE(finish(job) == expected);
    EXPECT_EQ(job.adopted_objects(), 0U);
    expect_sums_agree();
}

// A writer that goes through many large collections faster than the walk: it is to wait, and what
// it has begun is encoded before anything else.
TEST_F(SnapshotObjects, writers_are_held_back_when_too_much_is_saved_ahead) {
    constexpr size_t kHashes = 40;
    constexpr size_t kFields = 500;
    const std::string value(4000, 'v');
    Keyspace space = keys(0);
    for (size_t i = 0; i < kHashes; ++i) {
        auto hash = std::make_unique<Hash>();
        for (size_t field = 0; field < kFields; ++field) hash->set(std::to_string(field), value);
        space.put_object(Key::of("hash " + std::to_string(i)), nullptr, Collections::kKinds[0],
                         std::move(hash));
    }
    const Content expected = content();
    SnapshotJob job(dataset_);
    std::vector<bool> orders;
    job.set_brake([&](bool is_on) { orders.push_back(is_on); });
    job.begin({.strings = {.compress = false}}, executor_);
    // Who writes here has no turn of the walk in between.
    for (size_t i = 0; i < kHashes && job.ahead_bytes() < SnapshotJob::kAheadBytesMax; ++i) {
        const std::string name = "hash " + std::to_string(i);
        const Key key = Key::of(name);
        space.edit_object<Hash>(key, space.peek(key), [&](Hash& hash) {
            for (size_t field = 0; field < kFields; ++field) hash.set(std::to_string(field), "new");
        });
    }
    EXPECT_GE(job.ahead_bytes(), SnapshotJob::kAheadBytesMax);
    EXPECT_LT(job.ahead_bytes(), SnapshotJob::kAheadBytesMax + 3 * kFields * value.size());
    File file;
    slice(job);
    EXPECT_EQ(orders, std::vector<bool>{true});
    EXPECT_EQ(job.brakes(), 1U);
    while (!job.is_collected()) {
        slice(job);
        file.take(job);
        EXPECT_EQ(orders.size() == 2, job.ahead_bytes() <= SnapshotJob::kAheadBytesMax / 2);
    }
    file.take(job);
    EXPECT_EQ(orders, (std::vector<bool>{true, false}));
    EXPECT_TRUE(file.content() == expected);
}

// --- threads ------------------------------------------------------------------------------------

// Each thread counts through numbers. It writes number n to one field of its hash after the other,
// and now and then gives the hash another name, in another shard, or makes it anew with the same
// content. So at any one moment there is one hash of each thread, whose fields hold n up to some
// field and n - 1 behind it.
class SnapshotObjectThreads : public testing::Test {
protected:
    static constexpr size_t kThreads = 3;
    static constexpr size_t kFields = 2000;
    static constexpr size_t kNames = 8;
    static constexpr int kSnapshots = 8;

    static std::string name_of(size_t thread, size_t name) {
        return "t" + std::to_string(thread) + ":" + std::to_string(name);
    }
    static std::string field_of(size_t field) {
        return std::string(20, 'f') + std::to_string(1'000'000 + field);
    }

    struct Writer {
        explicit Writer(size_t index) : thread(index), random(test_seed() + index) {}
        size_t thread;
        base::Random random;
        Executor executor;
        std::string name;
    };

    void create(Writer& writer) {
        writer.name = name_of(writer.thread, 0);
        const Key key = Key::of(writer.name);
        auto hash = std::make_unique<Hash>();
        for (size_t field = 0; field < kFields; ++field) hash->set(field_of(field), "0");
        Keyspace keys(dataset_, writer.executor, 0, kNow, false);
        keys.put_object(key, nullptr, Collections::kKinds[0], std::move(hash));
    }

    void rename(Writer& writer) {
        const std::string target = name_of(writer.thread, writer.random.below(kNames));
        if (target == writer.name) return;
        const Key from = Key::of(writer.name);
        const Key to = Key::of(target);
        ShardSet set;
        set.add(dataset_.shard_of(from.hash));
        set.add(dataset_.shard_of(to.hash));
        const ShardGuard guard(dataset_, set, writer.executor);
        Keyspace keys(dataset_, writer.executor, 0, kNow, false);
        if (writer.random.below(2) == 0) {
            keys.move_to(to, keys, from, keys.peek(from), store::kNoTimestamp);
        } else {
            keys.copy_to(to, *keys.peek(from));
            keys.erase(from, keys.peek(from));
        }
        writer.name = target;
    }

    void write_until_over(size_t thread) {
        Writer writer(thread);
        {
            ShardSet all;
            all.add_all(dataset_.shards());
            const ShardGuard guard(dataset_, all, writer.executor);
            create(writer);
        }
        ++writers_ready_;
        const auto clock = [] { return int64_t{0}; };
        for (uint64_t number = 1; !is_over_; ++number) {
            for (size_t field = 0; field < kFields && !is_over_; ++field) {
                if (writer.random.below(100) == 0) rename(writer);
                set_field(writer, field, number);
                job_.run_slice(thread, writer.executor, clock, true);
                writer.executor.reclaimer.run();
                writer.executor.reclaimer.drain(100);
            }
        }
    }

    void set_field(Writer& writer, size_t field, uint64_t number) {
        const Key key = Key::of(writer.name);
        ShardSet set;
        set.add(dataset_.shard_of(key.hash));
        const ShardGuard guard(dataset_, set, writer.executor);
        Keyspace keys(dataset_, writer.executor, 0, kNow, false);
        keys.edit_object<Hash>(key, keys.peek(key), [&](Hash& hash) {
            hash.set(field_of(field), std::to_string(number));
        });
    }

    void take_snapshots() {
        while (writers_ready_ < kThreads) std::this_thread::yield();
        Executor executor;
        for (int snapshot = 0; snapshot < kSnapshots; ++snapshot) {
            job_.begin({}, executor);
            test::StringSink sink;
            snapshot::RdbWriter writer(sink);
            writer.begin();
            for (bool is_last = false; !is_last;) {
                job_.expect();
                is_last = job_.is_collected();
                test::consume(job_, writer);
                std::this_thread::yield();
            }
            writer.end();
            files_.push_back(std::move(sink.bytes));
        }
        is_over_ = true;
    }

    Dataset dataset_{{.threads = kThreads, .databases = 1, .shards = 16, .seed = test_seed()}};
    SnapshotJob job_{dataset_};
    std::atomic<bool> is_over_{false};
    std::atomic<size_t> writers_ready_{0};
    std::vector<std::string> files_;
};

/// The numbers of the fields of a hash, from the text of its elements; in order of the fields.
std::vector<uint64_t> numbers_of(const std::string& elements) {
    std::vector<uint64_t> numbers;
    for (size_t at = elements.find(':'); at != std::string::npos; at = elements.find(':', at + 1)) {
        numbers.push_back(std::stoull(elements.substr(at + 1)));
    }
    return numbers;
}

TEST_F(SnapshotObjectThreads, hashes_that_change_their_shards_are_seen_once_and_at_one_moment) {
    SCOPED_TRACE(seed_note());
    run_threads(kThreads + 1, [this](size_t thread) {
        thread == kThreads ? take_snapshots() : write_until_over(thread);
    });
    ASSERT_EQ(files_.size(), static_cast<size_t>(kSnapshots));
    for (const std::string& file : files_) {
        const test::FileKeys keys = test::keys_of_file(file);
        EXPECT_EQ(keys.values.size(), kThreads);
        for (const auto& [place, elements] : keys.values) {
            const std::vector<uint64_t> numbers = numbers_of(elements);
            ASSERT_EQ(numbers.size(), kFields);
            EXPECT_TRUE(std::is_sorted(numbers.rbegin(), numbers.rend()));
            EXPECT_LE(numbers.front() - numbers.back(), 1U);
        }
    }
}

}  // namespace
}  // namespace gyre::engine
