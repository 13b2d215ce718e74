// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Reads lengths and strings of RDB out of bytes that may not all be there yet. An RdbInput goes
// over the bytes of one item (an opcode with its fields, a key with its value). Its take_...()
// functions may be called one after the other without a look at each result: after the first that
// lacks bytes or finds nonsense all others return zeros and empty views, and the input says which
// it was. When bytes are missing, the item is read again from its beginning once there are
// bytes_needed().
//
// Locating a string costs the same whatever its length; only decode() touches its bytes, so
// starting an item again is cheap.
//
// Ownership: borrows the bytes. Threads: one at a time. Errors: problem() and where it lies.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/numbers.h"
#include "gyre/result.h"
#include "snapshot/buffer.h"

namespace gyre::snapshot {

/// Something in the input that cannot be: what, and at which offset.
struct RdbProblem {
    std::string text;
    uint64_t offset = 0;
    std::string_view advice = "the file is damaged, restore it from a copy";  ///< a literal
};

/// A string as it lies in the input.
struct EncodedText {
    enum class Form : uint8_t { plain, integer, lzf };
    Form form = Form::plain;
    std::string_view bytes;  ///< plain: the string; lzf: its compressed form
    int64_t integer = 0;
    uint64_t length = 0;  ///< of the string that `lzf` stands for
    uint64_t offset = 0;  ///< where it begins
};

class RdbInput {
public:
    /// `offset` is where the bytes stand in the whole, for messages.
    RdbInput(std::string_view bytes, uint64_t offset, uint64_t string_bytes_max);

    uint8_t take_byte();
    /// An unsigned number of `size` bytes, least significant first.
    uint64_t take_little_endian(size_t size);
    uint64_t take_length();
    std::string_view take_bytes(uint64_t size);
    EncodedText take_string();

    /// Everything asked for was there.
    [[nodiscard]] bool is_complete() const { return !lacks_bytes_ && !problem_; }
    /// Meaningful when bytes are missing: the item has this many at least.
    [[nodiscard]] size_t bytes_needed() const { return bytes_needed_; }
    [[nodiscard]] size_t bytes_taken() const { return position_; }
    /// Where the next byte stands in the whole.
    [[nodiscard]] uint64_t offset() const { return offset_ + position_; }
    [[nodiscard]] const std::optional<RdbProblem>& problem() const { return problem_; }
    /// Says that what stands there cannot be. The first to say so is heard.
    void refuse(RdbProblem problem);
    void refuse(uint64_t offset, std::string text) { refuse({std::move(text), offset}); }

private:
    struct Length {
        uint64_t value = 0;
        bool is_encoding = false;  ///< the value is one of RdbStringEncoding
    };

    bool has(uint64_t size);
    Length take_any_length();
    uint64_t take_big_endian(size_t size);
    void take_compressed(EncodedText& text);

    std::string_view bytes_;
    uint64_t offset_;
    uint64_t string_bytes_max_;
    size_t position_ = 0;
    size_t bytes_needed_ = 0;
    bool lacks_bytes_ = false;
    std::optional<RdbProblem> problem_;
};

/// Gives strings their plain form, in memory of its own where they do not lie in the input plainly.
class StringDecoder {
public:
    /// Valid until the next call, and while the input is. An error: the compressed form is damaged.
    tl::expected<std::string_view, RdbProblem> decode(const EncodedText& text);
    /// The memory in which the last compressed string was unpacked; it stays where it is.
    Buffer take_unpacked() { return std::exchange(unpacked_, Buffer()); }
    /// Gives back the memory that one large string took.
    void trim() { unpacked_.trim(); }

private:
    Buffer unpacked_;
    std::array<char, base::kIntegerCharsMax> digits_{};
};

}  // namespace gyre::snapshot
