// SPDX-License-Identifier: BSD-3-Clause
// The bucket table alone, over a million objects of eight bytes in random order. Nothing is
// prefetched, but one operation does not need the result of the one before, so that the processor
// has a few of them under way at once.

#include <algorithm>
#include <vector>

#include "base/random.h"
#include "containers/bucket_table.h"
#include "micro/meter.h"

namespace gyre::micro {
namespace {

constexpr size_t kObjects = 1'000'000;
constexpr size_t kFindsPerTurn = 16;

// Two lines that the core has not, one behind the other: the bucket (of 13 MB) and the object (of
// 8 MB), in a shared cache that answers in some 20 ns when nobody else uses it.
constexpr double kFindHitBudgetNs = 50;
// The bucket only: a tag agrees by chance once in ten thousand finds.
constexpr double kFindMissBudgetNs = 20;
// The bucket and a seventh of a split, which reads two buckets and the objects of a chain; and the
// table's memory, had from the kernel page for page.
constexpr double kInsertBudgetNs = 60;
// A find, and a share of the merges, each of which reads two chains more.
constexpr double kEraseBudgetNs = 70;

struct Object {
    uint64_t hash = 0;
};

struct Policy {
    using Reference = Object*;
    static uint64_t to_bits(Object* object) { return reinterpret_cast<uint64_t>(object); }
    static Object* from_bits(uint64_t bits) { return reinterpret_cast<Object*>(bits); }
    uint64_t hash(Object* object) const { return object->hash; }
};

using Table = containers::BucketTable<Policy>;

/// The objects, and their hashes in another order.
struct World {
    World() : objects(kObjects), hashes(kObjects) {
        base::Random random(1);
        for (size_t i = 0; i < kObjects; ++i) hashes[i] = objects[i].hash = random.next();
        std::shuffle(hashes.begin(), hashes.end(), random);
    }
    void fill(Table& table) {
        for (Object& object : objects) table.insert(object.hash, &object);
    }
    std::vector<Object> objects;
    std::vector<uint64_t> hashes;
};

Table::Position find(const Table& table, uint64_t hash) {
    return table.find(hash, [hash](const Object* object) { return object->hash == hash; });
}

void find_all(benchmark::State& state, const Table& table, const std::vector<uint64_t>& hashes,
              bool is_there, double budget_ns) {
    size_t at = 0;
    size_t found = 0;
    Meter meter(state, budget_ns);
    while (state.KeepRunningBatch(kFindsPerTurn)) {
        for (size_t i = 0; i < kFindsPerTurn; ++i) {
            found += static_cast<bool>(find(table, hashes[at + i]));
        }
        at = at + 2 * kFindsPerTurn <= hashes.size() ? at + kFindsPerTurn : 0;
    }
    meter.report();
    const auto finds = static_cast<size_t>(state.iterations());
    if (found != (is_there ? finds : 0)) state.SkipWithError("not found, or found by mistake");
}

void find_hit(benchmark::State& state) {
    World world;
    Table table;
    world.fill(table);
    find_all(state, table, world.hashes, true, kFindHitBudgetNs);
}

void find_miss(benchmark::State& state) {
    World world;
    Table table;
    world.fill(table);
    base::Random random(2);
    for (uint64_t& hash : world.hashes) hash = random.next();
    find_all(state, table, world.hashes, false, kFindMissBudgetNs);
}

/// From none to a million: with all splits, and none of the table in memory before.
void insert(benchmark::State& state) {
    World world;
    Meter meter(state, kInsertBudgetNs);
    while (state.KeepRunningBatch(kObjects)) {
        Table table;
        world.fill(table);
        meter.pause();
        table.clear([](Object*) {});
        meter.resume();
    }
    meter.report();
}

/// From a million to none: with all merges.
void erase(benchmark::State& state) {
    World world;
    Table table;
    world.fill(table);
    Meter meter(state, kEraseBudgetNs);
    while (state.KeepRunningBatch(kObjects)) {
        for (const uint64_t hash : world.hashes) table.erase(find(table, hash), hash);
        meter.pause();
        world.fill(table);
        meter.resume();
    }
    meter.report();
}

BENCHMARK(find_hit)->Name("bucket_table/find_hit");
BENCHMARK(find_miss)->Name("bucket_table/find_miss");
BENCHMARK(insert)->Name("bucket_table/insert");
BENCHMARK(erase)->Name("bucket_table/erase");

}  // namespace
}  // namespace gyre::micro
