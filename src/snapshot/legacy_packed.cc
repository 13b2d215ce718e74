// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/legacy_packed.h"

#include <cstdint>
#include <cstring>

namespace gyre::snapshot {

namespace {

using types::ListpackValue;

constexpr uint8_t kEnd = 0xff;
constexpr uint8_t kLongLength = 254;  // a length of four bytes follows

/// Takes numbers off the front of bytes; after the first that is not there all are zero.
class Bytes {
public:
    explicit Bytes(std::string_view rest) : rest_(rest) {}

    [[nodiscard]] bool is_good() const { return is_good_; }
    [[nodiscard]] size_t left() const { return rest_.size(); }
    [[nodiscard]] uint8_t peek() const {
        return rest_.empty() ? kEnd : static_cast<uint8_t>(rest_.front());
    }
    std::string_view take(size_t size) {
        if (size > rest_.size()) {
            is_good_ = false;
            return {};
        }
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }
    uint64_t little_endian(size_t size) {
        const std::string_view taken = take(size);
        uint64_t value = 0;
        if (is_good_) std::memcpy(&value, taken.data(), size);
        return value;
    }
    uint64_t big_endian(size_t size) {
        uint64_t value = 0;
        for (size_t i = 0; i < size; ++i) value = value << 8 | little_endian(1);
        return value;
    }
    int64_t integer(size_t size) {
        const auto shift = static_cast<unsigned>(64 - 8 * size);
        return static_cast<int64_t>(little_endian(size) << shift) >> shift;
    }

private:
    std::string_view rest_;
    bool is_good_ = true;
};

ListpackValue text(std::string_view bytes) { return {bytes.data(), bytes.size(), 0}; }
ListpackValue number(int64_t value) { return {nullptr, 0, value}; }

ListpackValue read_ziplist_element(Bytes& bytes, bool& is_known) {
    const auto first = static_cast<uint8_t>(bytes.little_endian(1));
    switch (first >> 6) {
        case 0:
            return text(bytes.take(first & 0x3f));
        case 1:
            return text(bytes.take((size_t{first} & 0x3f) << 8 | bytes.little_endian(1)));
        case 2:
            is_known = first == 0x80;
            return text(bytes.take(bytes.big_endian(4)));
        default:
            break;
    }
    switch (first) {
        case 0xc0:
            return number(bytes.integer(2));
        case 0xd0:
            return number(bytes.integer(4));
        case 0xe0:
            return number(bytes.integer(8));
        case 0xf0:
            return number(bytes.integer(3));
        case 0xfe:
            return number(bytes.integer(1));
        default:
            is_known = first >= 0xf1 && first <= 0xfd;
            return number((first & 15) - 1);
    }
}

}  // namespace

bool visit_ziplist(std::string_view bytes, const ElementVisitor& visit) {
    constexpr uint64_t kCountUnknown = 65535;
    Bytes rest(bytes);
    const uint64_t size = rest.little_endian(4);
    const uint64_t tail = rest.little_endian(4);
    const uint64_t count = rest.little_endian(2);
    if (!rest.is_good() || size != bytes.size() || rest.left() == 0) return false;
    uint64_t told = 0;
    size_t previous_at = bytes.size() - rest.left();
    size_t previous_bytes = 0;
    while (rest.peek() != kEnd) {
        const size_t at = bytes.size() - rest.left();
        uint64_t claimed = rest.little_endian(1);
        if (claimed == kLongLength) claimed = rest.little_endian(4);
        bool is_known = true;
        const ListpackValue element = read_ziplist_element(rest, is_known);
        if (!rest.is_good() || !is_known || claimed != previous_bytes) return false;
        if (!visit(element)) return false;
        ++told;
        previous_at = at;
        previous_bytes = bytes.size() - rest.left() - at;
    }
    if (rest.left() != 1 || tail != previous_at) return false;
    if (count != kCountUnknown && count != told) return false;
    return true;
}

bool visit_zipmap(std::string_view bytes, const ElementVisitor& visit) {
    Bytes rest(bytes);
    const uint64_t count = rest.little_endian(1);
    uint64_t told = 0;
    while (rest.left() != 0 && rest.peek() != kEnd) {
        for (const bool is_value : {false, true}) {
            uint64_t length = rest.little_endian(1);
            if (length == kEnd) return false;
            if (length == kLongLength) length = rest.little_endian(4);
            const uint64_t unused = is_value ? rest.little_endian(1) : 0;
            const ListpackValue element = text(rest.take(length));
            static_cast<void>(rest.take(unused));
            if (!rest.is_good() || !visit(element)) return false;
            ++told;
        }
    }
    if (rest.left() != 1) return false;
    if (count < kLongLength && count != told / 2) return false;
    return true;
}

}  // namespace gyre::snapshot
