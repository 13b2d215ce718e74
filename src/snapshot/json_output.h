// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// JSON text on its way into a sink, in chunks. The first error of the sink stays; what is put after
// it goes nowhere, so that whoever writes asks once, at the end.
//
// Ownership: keeps the sink; what is put is borrowed for the call. Threads: one at a time.
// Complexity: O(length). Memory: one chunk, whatever the length of a string.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/byte_stream.h"
#include "gyre/result.h"

namespace gyre::snapshot {

class JsonOutput {
public:
    /// Gives the sink pieces of `chunk_bytes`, the last one shorter.
    JsonOutput(base::ByteSink sink, size_t chunk_bytes);

    /// JSON as it stands.
    void put(std::string_view text);
    /// A string, or an object with base64 when the bytes are no text.
    void put_bytes(std::string_view bytes);
    void put_number(int64_t number);
    /// `,"name":`
    void put_name(std::string_view name);
    /// Hands over what is left; nothing may follow.
    void finish();

    [[nodiscard]] bool is_good() const { return result_.has_value(); }
    [[nodiscard]] const Result<void>& result() const { return result_; }

private:
    void put_text(std::string_view text);
    void put_base64(std::string_view bytes);

    base::ByteSink sink_;
    size_t chunk_bytes_;
    std::string buffer_;
    Result<void> result_;
};

}  // namespace gyre::snapshot
