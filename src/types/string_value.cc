// SPDX-License-Identifier: BSD-3-Clause
#include "types/string_value.h"

#include "base/numbers.h"

namespace gyre::types {

StringContent encode_string(std::string_view bytes) {
    // 20 characters hold every int64; parsing is skipped for what cannot be a number.
    if (bytes.size() <= 20 && !bytes.empty() &&
        (bytes[0] == '-' || (bytes[0] >= '0' && bytes[0] <= '9'))) {
        if (const auto number = base::parse_integer(bytes)) return integer_string(*number);
    }
    return plain_string(bytes);
}

StringContent plain_string(std::string_view bytes, bool is_raw) {
    StringContent content;
    content.bytes = bytes;
    content.is_raw = is_raw;
    return content;
}

StringContent integer_string(int64_t value) {
    StringContent content;
    content.kind = StringContent::Kind::integer;
    content.integer = value;
    return content;
}

StringContent block_string(base::SharedBytes* block) {
    StringContent content;
    content.kind = StringContent::Kind::block;
    content.block = block;
    return content;
}

}  // namespace gyre::types
