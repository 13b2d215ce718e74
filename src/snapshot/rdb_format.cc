// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/rdb_format.h"

#include <array>

namespace gyre::snapshot {

std::string_view rdb_type_name(uint8_t type) {
    // By number: what each version added stands in docs/formats/rdb.md.
    static constexpr std::array<std::string_view, 26> kNames = {
        "string", "list",   "set", "zset",   "hash", "zset", "module", "module", "",
        "hash",   "list",   "set", "zset",   "hash", "list", "stream", "hash",   "zset",
        "list",   "stream", "set", "stream", "hash", "hash", "hash",   "hash",
    };
    return type < kNames.size() ? kNames[type] : std::string_view();
}

}  // namespace gyre::snapshot
