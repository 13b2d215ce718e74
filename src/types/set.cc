// SPDX-License-Identifier: BSD-3-Clause
#include "types/set.h"

#include <cstring>

#include "base/check.h"

namespace gyre::types {
namespace {

/// In the byte of the length: eight bytes with the length follow.
constexpr uint8_t kLong = 255;
constexpr size_t kLongBytes = 1 + sizeof(uint64_t);

size_t header_bytes(size_t length) noexcept { return length < kLong ? 1 : kLongBytes; }

}  // namespace

std::string_view Set::Layout::key(const char* element) noexcept {
    const auto length = static_cast<uint8_t>(*element);
    if (length != kLong) [[likely]]
        return {element + 1, length};
    uint64_t long_length = 0;
    std::memcpy(&long_length, element + 1, sizeof long_length);
    return {element + kLongBytes, long_length};
}

size_t Set::Layout::bytes(const char* element) noexcept {
    const size_t length = key(element).size();
    return header_bytes(length) + length;
}

bool Set::add(std::string_view member) {
    const uint64_t hash = base::hash_bytes(member);
    if (elements_.find(member, hash)) return false;
    const size_t header = header_bytes(member.size());
    const ElementRef element = elements_.allocate(header + member.size());
    char* out = element.data();
    *out = static_cast<char>(header == 1 ? member.size() : kLong);
    const uint64_t length = member.size();
    if (header != 1) std::memcpy(out + 1, &length, sizeof length);
    if (!member.empty()) std::memcpy(out + header, member.data(), member.size());
    elements_.insert(hash, element);
    return true;
}

bool Set::remove(std::string_view member) {
    const uint64_t hash = base::hash_bytes(member);
    const auto position = elements_.find(member, hash);
    if (!position) return false;
    elements_.erase(position, hash);
    return true;
}

Set* Set::clone() const {
    auto* copy = new Set;
    for_each([copy](std::string_view member) { copy->add(member); });
    return copy;
}

}  // namespace gyre::types
