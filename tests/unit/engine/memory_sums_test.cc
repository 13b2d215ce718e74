// SPDX-License-Identifier: BSD-3-Clause

// The sums over memory agree to the byte after a life of the data set: what is handed out for each
// purpose, and what slabs and tables hold in reserve, is what was obtained.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "containers/page_source.h"
#include "engine/eviction.h"
#include "engine/expiry.h"
#include "engine/keyspace.h"
#include "engine/memory_check.h"
#include "support/seed.h"

namespace gyre::engine {
namespace {

using base::Purpose;
using store::Entry;
using store::Key;

constexpr int64_t kNow = 1'700'000'000'000;

class MemorySumsTest : public testing::Test {
protected:
    /// The equality itself, and what a walk over all entries finds.
    void expect_agreement(const char* when) {
        SCOPED_TRACE(when);
        executor_.reclaimer.run();
        const int64_t slack = memory_slack(dataset_, executor_);
        EXPECT_EQ(base::used_total() + slack, base::obtained());
        MemoryCheck check(dataset_);
        for (size_t shard = 0; shard < dataset_.shards(); ++shard) check.visit(shard, executor_);
        for (const std::string& difference : check.conclude(0)) ADD_FAILURE() << difference;
    }
    void run_operations(int count);
    void change(Keyspace& keys, const Key& key, Entry* entry);
    void drain() {
        while (!dataset_.drain(0, 1, 500, executor_)) executor_.reclaimer.run();
    }

    int64_t now_ms_ = kNow;
    base::Random random_{test_seed()};
    Dataset dataset_{{.threads = 1, .databases = 3, .shards = 16, .seed = 1}};
    Executor executor_;
    ExpiryCycle expiry_{dataset_, executor_, 0, [] { return int64_t{0}; }};
};

void MemorySumsTest::change(Keyspace& keys, const Key& key, Entry* entry) {
    const std::string bytes(random_.below(uint64_t{1} << random_.below(18)), 'x');
    switch (random_.below(6)) {
        case 0:
            keys.change(key, entry, types::encode_string(bytes));
            return;
        case 1:
            keys.change(key, entry, types::integer_string(static_cast<int64_t>(random_.next())));
            return;
        case 2: {
            const size_t present =
                entry->encoding() == store::Encoding::integer ? 20 : entry->bytes().size();
            keys.edit(key, entry, present + random_.below(5000));
            return;
        }
        case 3:
            keys.set_expiry(key, entry, now_ms_ + static_cast<int64_t>(random_.below(5000)));
            return;
        case 4: {
            Keyspace other = keys.in_database(2);
            if (other.peek(key) == nullptr) other.copy_to(key, *entry);
            return;
        }
        default:
            keys.erase(key, entry);
    }
}

void MemorySumsTest::run_operations(int count) {
    for (int round = 0; round < count; ++round) {
        const std::string name =
            std::string(random_.below(40), 'k') + std::to_string(random_.below(2000));
        const Key key = Key::of(name);
        dataset_.lock(dataset_.shard_of(key.hash), executor_);
        Keyspace keys(dataset_, executor_, random_.below(3), now_ms_, false);
        Entry* entry = keys.read(key);
        if (entry == nullptr || random_.below(3) == 0) {
            const std::string bytes(random_.below(uint64_t{1} << random_.below(18)), 'v');
            const auto deadline =
                random_.below(2) == 0
                    ? Deadline::none()
                    : Deadline::at(now_ms_ + 1 + static_cast<int64_t>(random_.below(9000)));
            keys.put(key, entry, types::encode_string(bytes), deadline,
                     random_.below(8) == 0 ? now_ms_ : store::kNoTimestamp);
        } else {
            change(keys, key, entry);
        }
        dataset_.unlock(dataset_.shard_of(key.hash));
        executor_.reclaimer.run();
        if (round % 16 == 0) {
            now_ms_ += 5;
            expiry_.run(now_ms_, true);
        }
    }
}

TEST_F(MemorySumsTest, agree_through_a_life_of_the_data_set) {
    SCOPED_TRACE(seed_note());
    expect_agreement("at the beginning");
    run_operations(30'000);
    expect_agreement("after many operations");
    EXPECT_GT(dataset_.keys_total(executor_), 500U);
    now_ms_ += 20'000;
    while (expiry_.run(now_ms_, false)) {
    }
    expect_agreement("after what expires is gone");
    dataset_.flush(0, executor_);
    drain();
    expect_agreement("after a flush of one database");
    run_operations(5000);
    dataset_.swap(0, 2, executor_);
    expect_agreement("after a swap");
    Evictor evictor(dataset_, executor_, 1, [] { return 0; });
    dataset_.settings.policy = EvictionPolicy::allkeys_lru;
    for (int turn = 0; turn < 200; ++turn) evictor.evict_one(now_ms_);
    expect_agreement("after evictions");
    dataset_.flush_all(executor_);
    drain();
    expect_agreement("after everything is flushed");
    EXPECT_EQ(base::used(Purpose::keyspace), 0);
    EXPECT_EQ(base::used(Purpose::index), 0);
    EXPECT_EQ(base::used(Purpose::wheel), 0);
    purge_memory(dataset_, executor_);
    expect_agreement("after memory was given back");
    EXPECT_EQ(memory_slack(dataset_, executor_), 0);
}

TEST_F(MemorySumsTest, the_check_sees_what_does_not_add_up) {
    run_operations(100);
    const auto differences = [&] {
        executor_.reclaimer.run();
        MemoryCheck check(dataset_);
        for (size_t shard = 0; shard < dataset_.shards(); ++shard) check.visit(shard, executor_);
        return check.conclude(0);
    };
    EXPECT_TRUE(differences().empty());
    base::account(Purpose::keyspace, 8);
    const std::vector<std::string> found = differences();
    base::account(Purpose::keyspace, -8);
    ASSERT_EQ(found.size(), 2U);
    EXPECT_EQ(found[0].substr(0, 9), "keyspace:");
    EXPECT_EQ(found[1].substr(0, 6), "total:");
    dataset_.flush_all(executor_);
    EXPECT_FALSE(differences().empty()) << "entries wait to be freed";
    drain();
    EXPECT_TRUE(differences().empty());
}

}  // namespace
}  // namespace gyre::engine
