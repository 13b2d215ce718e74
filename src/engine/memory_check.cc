// SPDX-License-Identifier: BSD-3-Clause
#include "engine/memory_check.h"

#include <fmt/format.h>

#include <array>

#include "base/memory.h"
#include "containers/page_source.h"

namespace gyre::engine {
namespace {

int64_t slab_slack(const store::Shard& shard) {
    return static_cast<int64_t>(shard.slab().reserved_bytes() - shard.slab().used_bytes());
}

}  // namespace

void MemoryCheck::expect_equal(const std::string& what, int64_t counted, int64_t found) {
    if (counted == found) return;
    differences_.push_back(fmt::format("{}: counted {}, found {}", what, counted, found));
}

void MemoryCheck::visit_partition(const store::Partition& partition, size_t shard,
                                  size_t database) {
    std::array<store::TypeTally, store::kTypeCount> found{};
    int64_t entries = 0;
    int64_t expiring = 0;
    partition.for_each([&](const store::Entry& entry) {
        const auto footprint = static_cast<int64_t>(store::Partition::footprint(entry));
        store::TypeTally& of_type = found[static_cast<size_t>(entry.type())];
        of_type.bytes += footprint;
        ++of_type.keys;
        keyspace_bytes_ += footprint;
        ++entries;
        expiring += entry.has_expiry() ? 1 : 0;
        if (!entry.has(store::Entry::external)) return;
        if (blocks_.insert(entry.block()).second) return;
        keyspace_bytes_ -= static_cast<int64_t>(entry.block()->footprint());
    });
    const std::string where = fmt::format("shard {} database {} ", shard, database);
    expect_equal(where + "keys", static_cast<int64_t>(partition.size()), entries);
    expect_equal(where + "keys with expiry", static_cast<int64_t>(partition.with_expiry()),
                 expiring);
    for (size_t index = 0; index < store::kTypeCount; ++index) {
        const auto type = static_cast<store::Type>(index);
        const std::string of = where + "type " + store::type_name(type) + ' ';
        expect_equal(of + "keys", partition.tally(type).keys, found[index].keys);
        expect_equal(of + "bytes", partition.tally(type).bytes, found[index].bytes);
    }
    index_bytes_ += static_cast<int64_t>(partition.index_bytes());
    wheel_bytes_ += static_cast<int64_t>(partition.wheel_bytes());
    eviction_bytes_ += static_cast<int64_t>(partition.eviction_bytes());
}

void MemoryCheck::visit(size_t shard, Executor& executor) {
    dataset_.lock(shard, executor);
    const store::Shard& data = dataset_.shard(shard);
    for (size_t database = 0; database < data.databases(); ++database) {
        const store::Partition* partition = data.find_database(database);
        if (partition != nullptr) visit_partition(*partition, shard, database);
    }
    slab_slack_bytes_ += slab_slack(data);
    detached_entries_ += data.detached_entries();
    wheel_bytes_ += static_cast<int64_t>(data.detached_wheel_bytes());
    eviction_bytes_ += static_cast<int64_t>(data.detached_eviction_bytes());
    dataset_.unlock(shard);
}

std::vector<std::string> MemoryCheck::conclude(int64_t mapped_bytes) {
    // What these have written lies outside of the shards.
    expect_equal("open transactions", 0, dataset_.views());
    expect_equal("entries waiting to be freed", 0,
                 static_cast<int64_t>(detached_entries_ + store::Reclaimer::pending_objects()));
    expect_equal("keyspace", base::used(base::Purpose::keyspace), keyspace_bytes_);
    expect_equal("index", base::used(base::Purpose::index), index_bytes_);
    expect_equal("wheel", base::used(base::Purpose::wheel), wheel_bytes_);
    expect_equal("eviction", base::used(base::Purpose::eviction), eviction_bytes_);
    const int64_t slack = slab_slack_bytes_ + containers::PageSource::slack() + mapped_bytes;
    expect_equal("total", base::used_total() + slack, base::obtained());
    return std::move(differences_);
}

void purge_memory(Dataset& dataset, Executor& executor) {
    dataset.for_each_shard(executor, [](store::Shard& shard) { shard.slab().trim(); });
    containers::PageSource::trim_all();
    base::purge();
}

int64_t memory_slack(Dataset& dataset, Executor& executor) {
    int64_t bytes = containers::PageSource::slack();
    dataset.for_each_shard(executor, [&](store::Shard& shard) { bytes += slab_slack(shard); });
    return bytes;
}

}  // namespace gyre::engine
