// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the configuration says about the form of collections that are read from outside.
//
// Threads: any.

#include "engine/settings.h"
#include "snapshot/value.h"

namespace gyre::engine {

inline snapshot::ValueLimits value_limits(const Settings& settings) {
    constexpr auto kRelaxed = std::memory_order_relaxed;
    const types::ListLimit list(settings.list_max_listpack_size.load(kRelaxed));
    const auto depth = static_cast<size_t>(settings.list_compress_depth.load(kRelaxed));
    return {.hash_listpack_entries = settings.hash_max_listpack_entries.load(kRelaxed),
            .hash_listpack_value = settings.hash_max_listpack_value.load(kRelaxed),
            .set_intset_entries = settings.set_max_intset_entries.load(kRelaxed),
            .set_listpack_entries = settings.set_max_listpack_entries.load(kRelaxed),
            .set_listpack_value = settings.set_max_listpack_value.load(kRelaxed),
            .zset_listpack_entries = settings.zset_max_listpack_entries.load(kRelaxed),
            .zset_listpack_value = settings.zset_max_listpack_value.load(kRelaxed),
            .list = {.limit = list, .compress_depth = depth},
            .stream_node = {.bytes_max = settings.stream_node_max_bytes.load(kRelaxed),
                            .entries_max = settings.stream_node_max_entries.load(kRelaxed)}};
}

}  // namespace gyre::engine
