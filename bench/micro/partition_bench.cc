// SPDX-License-Identifier: BSD-3-Clause
// A partition over a million keys of 16 bytes with values of 64, without deadlines: the bucket
// table with entries from the slab behind it, and the key hashed each time. Nothing is prefetched,
// which the server does for requests that come together.

#include <memory>
#include <string>

#include "micro/key_set.h"
#include "micro/meter.h"
#include "store/shard.h"
#include "types/string_value.h"

namespace gyre::micro {
namespace {

constexpr size_t kKeys = 1'000'000;
constexpr size_t kFindsPerTurn = 16;
constexpr int64_t kNowMs = 1'700'000'000'000;

// The hash of the key, the bucket, and the entry, which is one of 100 MB: two waits, the second one
// for memory and for the translation of its address.
constexpr double kFindHitBudgetNs = 150;
// The hash and the bucket.
constexpr double kFindMissBudgetNs = 40;
// The bucket, memory for the entry that nobody has touched before, and a share of the splits, which
// read entries to hash their keys again.
constexpr double kInsertBudgetNs = 220;
// A find, the entry given back to its slab page, whose head is one more line of memory, and a share
// of the merges.
constexpr double kEraseBudgetNs = 320;

/// One shard with the one partition of its only database.
class World {
public:
    World()
        : shard_(std::make_unique<store::Shard>(1, 1)), partition_(shard_->database(0, kNowMs)) {
        shard_->reclaimer = &reclaimer_;
    }
    store::Partition& partition() { return partition_; }
    void fill(const KeySet& keys) {
        const types::StringContent content = types::plain_string(value_);
        for (size_t i = 0; i < keys.size(); ++i) {
            partition_.put_string(store::Key::of(keys[i]), nullptr, content, store::kNoExpiry,
                                  store::kNoTimestamp);
        }
    }

private:
    const std::string value_ = std::string(64, 'x');
    store::Reclaimer reclaimer_;
    std::unique_ptr<store::Shard> shard_;
    store::Partition& partition_;
};

/// In an order that is not that in which they are inserted.
KeySet keys_to_insert() { return {"key:", kKeys, 1}; }
KeySet keys_to_find() { return {"key:", kKeys, 2}; }
KeySet keys_to_miss() { return {"nil:", kKeys, 2}; }

void find_all(benchmark::State& state, const KeySet& keys, bool is_there, double budget_ns) {
    World world;
    world.fill(keys_to_insert());
    size_t at = 0;
    size_t found = 0;
    Meter meter(state, budget_ns);
    while (state.KeepRunningBatch(kFindsPerTurn)) {
        for (size_t i = 0; i < kFindsPerTurn; ++i) {
            found += world.partition().find(store::Key::of(keys[at + i])) != nullptr;
        }
        at = at + 2 * kFindsPerTurn <= keys.size() ? at + kFindsPerTurn : 0;
    }
    meter.report();
    const auto finds = static_cast<size_t>(state.iterations());
    if (found != (is_there ? finds : 0)) state.SkipWithError("not found, or found by mistake");
}

void find_hit(benchmark::State& state) { find_all(state, keys_to_find(), true, kFindHitBudgetNs); }
void find_miss(benchmark::State& state) {
    find_all(state, keys_to_miss(), false, kFindMissBudgetNs);
}

/// From none to a million.
void insert(benchmark::State& state) {
    const KeySet keys = keys_to_insert();
    Meter meter(state, kInsertBudgetNs);
    while (state.KeepRunningBatch(kKeys)) {
        meter.pause();
        World world;
        meter.resume();
        world.fill(keys);
        meter.pause();
        while (!world.partition().is_drained()) world.partition().drain(kKeys);
        meter.resume();
    }
    meter.report();
}

/// From a million to none, each found and removed.
void erase(benchmark::State& state) {
    const KeySet inserted = keys_to_insert();
    const KeySet erased = keys_to_find();
    World world;
    world.fill(inserted);
    Meter meter(state, kEraseBudgetNs);
    while (state.KeepRunningBatch(kKeys)) {
        for (size_t i = 0; i < erased.size(); ++i) {
            const store::Key key = store::Key::of(erased[i]);
            world.partition().erase(key, world.partition().find(key));
        }
        meter.pause();
        world.fill(inserted);
        meter.resume();
    }
    meter.report();
}

BENCHMARK(find_hit)->Name("partition/find_hit");
BENCHMARK(find_miss)->Name("partition/find_miss");
BENCHMARK(insert)->Name("partition/insert");
BENCHMARK(erase)->Name("partition/erase");

}  // namespace
}  // namespace gyre::micro
