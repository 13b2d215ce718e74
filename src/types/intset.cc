// SPDX-License-Identifier: BSD-3-Clause
#include "types/intset.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"

namespace gyre::types {
namespace {

static_assert(std::endian::native == std::endian::little, "integers are copied as they lie");

template <class T>
T load(const char* at) noexcept {
    T value;
    std::memcpy(&value, at, sizeof value);
    return value;
}

int64_t load_integer(const char* integers, size_t width, size_t index) noexcept {
    const char* at = integers + index * width;
    if (width == sizeof(int16_t)) return load<int16_t>(at);
    if (width == sizeof(int32_t)) return load<int32_t>(at);
    return load<int64_t>(at);
}

void store_integer(char* integers, size_t width, size_t index, int64_t value) noexcept {
    std::memcpy(integers + index * width, &value, width);
}

void store_header(char* bytes, size_t width, size_t count) noexcept {
    const auto narrow_width = static_cast<uint32_t>(width);
    const auto narrow_count = static_cast<uint32_t>(count);
    std::memcpy(bytes, &narrow_width, sizeof narrow_width);
    std::memcpy(bytes + sizeof narrow_width, &narrow_count, sizeof narrow_count);
}

size_t width_of(int64_t value) noexcept {
    if (value >= INT16_MIN && value <= INT16_MAX) return sizeof(int16_t);
    if (value >= INT32_MIN && value <= INT32_MAX) return sizeof(int32_t);
    return sizeof(int64_t);
}

}  // namespace

size_t Intset::width() const noexcept { return load<uint32_t>(data_); }

int64_t Intset::at(size_t index) const noexcept {
    return load_integer(data_ + kHeaderBytes, width(), index);
}

Intset::Place Intset::find(int64_t value) const noexcept {
    size_t low = 0;
    size_t high = size();
    const size_t wide = width();
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int64_t found = load_integer(data_ + kHeaderBytes, wide, middle);
        if (found == value) return {middle, true};
        if (found < value) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return {low, false};
}

size_t Intset::size_with(int64_t value) const noexcept {
    return kHeaderBytes + (size() + 1) * std::max(width(), width_of(value));
}

void Intset::insert(char* bytes, size_t before, int64_t value) noexcept {
    const Intset intset({bytes, before});
    const Place place = intset.find(value);
    DCHECK(!place.is_found);
    const size_t count = intset.size();
    const size_t old_width = intset.width();
    const size_t width = std::max(old_width, width_of(value));
    char* integers = bytes + kHeaderBytes;
    if (width == old_width) {
        char* at = integers + place.index * width;
        std::memmove(at + width, at, (count - place.index) * width);
    } else {
        // From the last to the first: none is overwritten before it was read. One that is wider
        // than all others comes before or behind them, so the gap is at an end.
        for (size_t i = count; i-- > 0;) {
            const int64_t moved = load_integer(integers, old_width, i);
            store_integer(integers, width, i < place.index ? i : i + 1, moved);
        }
    }
    store_integer(integers, width, place.index, value);
    store_header(bytes, width, count + 1);
}

size_t Intset::erase(char* bytes, size_t before, size_t index) noexcept {
    const Intset intset({bytes, before});
    const size_t count = intset.size();
    const size_t width = intset.width();
    DCHECK(index < count);
    char* at = bytes + kHeaderBytes + index * width;
    std::memmove(at, at + width, (count - index - 1) * width);
    store_header(bytes, width, count - 1);
    return before - width;
}

bool Intset::is_valid(std::string_view bytes) noexcept {
    if (bytes.size() < kHeaderBytes) return false;
    const size_t width = load<uint32_t>(bytes.data());
    if (width != sizeof(int16_t) && width != sizeof(int32_t) && width != sizeof(int64_t)) {
        return false;
    }
    const uint64_t count = load<uint32_t>(bytes.data() + sizeof(uint32_t));
    if (count * width != bytes.size() - kHeaderBytes) return false;
    const char* integers = bytes.data() + kHeaderBytes;
    for (uint64_t i = 1; i < count; ++i) {
        if (load_integer(integers, width, i - 1) >= load_integer(integers, width, i)) return false;
    }
    return true;
}

}  // namespace gyre::types
