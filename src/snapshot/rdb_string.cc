// SPDX-License-Identifier: BSD-3-Clause

// Strings in RDB files.

#include <array>

#include "base/numbers.h"
#include "snapshot/record_encoder.h"

namespace gyre::snapshot {

void write_string_value(const store::Entry& entry, RecordEncoder& encoder, Buffer& out) {
    if (entry.encoding() != store::Encoding::integer) return encoder.string(entry.bytes(), out);
    std::array<char, base::kIntegerCharsMax> text;
    const char* end = base::write_integer(text.data(), entry.integer());
    encoder.string(std::string_view(text.data(), static_cast<size_t>(end - text.data())), out);
}

}  // namespace gyre::snapshot
