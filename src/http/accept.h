// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The field Accept: how much a client wants a type.
//
// Threads: any. Complexity: O(n). Source: RFC 9110, section 12.5.1.

#include <cstdint>
#include <optional>
#include <string_view>

namespace gyre::http {

/// Thousandths, from 0 (not at all) to 1000; of several ranges that fit, the narrowest counts.
/// Nothing: none of them fits, or there is no field. `is_named`: the range is the type itself.
struct Quality {
    uint16_t thousandths = 0;
    bool is_named = false;
};
std::optional<Quality> quality_of(std::optional<std::string_view> accept, std::string_view type);

}  // namespace gyre::http
