// SPDX-License-Identifier: BSD-3-Clause
#include "types/hash.h"

#include <cstring>
#include <string>

#include "base/check.h"

namespace gyre::types {
namespace {

// The first byte: bits 0..1 the width of the field's length, 2..3 of the value's, 4 a deadline.
constexpr unsigned kWidthMask = 3;
constexpr unsigned kValueShift = 2;
constexpr unsigned kHasPlace = 1U << 4;
constexpr size_t kPlaceBytes = sizeof(uint32_t);
constexpr size_t kWidths[] = {1, 4, 8};

unsigned width_code(size_t length) noexcept {
    if (length <= UINT8_MAX) return 0;
    return length <= UINT32_MAX ? 1 : 2;
}

size_t read_length(const char* at, unsigned code) noexcept {
    uint64_t length = 0;
    if (code == 0) [[likely]]
        return static_cast<uint8_t>(*at);
    std::memcpy(&length, at, kWidths[code]);
    return length;
}

/// Where the parts of an element lie.
struct Parts {
    unsigned head;
    size_t name_bytes;
    size_t value_bytes;
    size_t place_at;
    size_t name_at;

    bool has_place() const noexcept { return (head & kHasPlace) != 0; }
    size_t bytes() const noexcept { return name_at + name_bytes + value_bytes; }
};

Parts parts_of(const char* element) noexcept {
    Parts parts;
    parts.head = static_cast<uint8_t>(*element);
    const unsigned name_code = parts.head & kWidthMask;
    const unsigned value_code = parts.head >> kValueShift & kWidthMask;
    const size_t value_length_at = 1 + kWidths[name_code];
    parts.name_bytes = read_length(element + 1, name_code);
    parts.value_bytes = read_length(element + value_length_at, value_code);
    parts.place_at = value_length_at + kWidths[value_code];
    parts.name_at = parts.place_at + (parts.has_place() ? kPlaceBytes : 0);
    return parts;
}

Parts plan(size_t name_bytes, size_t value_bytes, bool has_place) noexcept {
    const unsigned name_code = width_code(name_bytes);
    const unsigned value_code = width_code(value_bytes);
    Parts parts;
    parts.head = name_code | value_code << kValueShift | (has_place ? kHasPlace : 0);
    parts.name_bytes = name_bytes;
    parts.value_bytes = value_bytes;
    parts.place_at = 1 + kWidths[name_code] + kWidths[value_code];
    parts.name_at = parts.place_at + (has_place ? kPlaceBytes : 0);
    return parts;
}

/// Writes all but the place. `name` may be the element's own.
void write(char* element, const Parts& parts, std::string_view name, std::string_view value) {
    std::memmove(element + parts.name_at, name.data(), name.size());
    if (!value.empty()) {
        std::memcpy(element + parts.name_at + name.size(), value.data(), value.size());
    }
    *element = static_cast<char>(parts.head);
    const size_t name_width = kWidths[parts.head & kWidthMask];
    const uint64_t name_length = name.size();
    const uint64_t value_length = value.size();
    std::memcpy(element + 1, &name_length, name_width);
    std::memcpy(element + 1 + name_width, &value_length,
                kWidths[parts.head >> kValueShift & kWidthMask]);
}

uint32_t place_of(const char* element, const Parts& parts) noexcept {
    uint32_t place = 0;
    std::memcpy(&place, element + parts.place_at, kPlaceBytes);
    return place;
}

}  // namespace

std::string_view Hash::Layout::key(const char* element) noexcept {
    const Parts parts = parts_of(element);
    return {element + parts.name_at, parts.name_bytes};
}

size_t Hash::Layout::bytes(const char* element) noexcept { return parts_of(element).bytes(); }

void Hash::set_place(char* element, uint32_t place) {
    std::memcpy(element + parts_of(element).place_at, &place, kPlaceBytes);
}

Hash::Field Hash::field_at(const char* element) const {
    const Parts parts = parts_of(element);
    Field field;
    field.name = {element + parts.name_at, parts.name_bytes};
    field.value = {element + parts.name_at + parts.name_bytes, parts.value_bytes};
    if (parts.has_place()) field.deadline_ms = deadlines_.deadline(place_of(element, parts));
    return field;
}

std::optional<Hash::Field> Hash::find(std::string_view name) const {
    const auto position = elements_.find(name, base::hash_bytes(name));
    if (!position) return std::nullopt;
    return field_at(elements_.at(position));
}

/// The field at `position` with another value, in place where there is room. With `has_place` it
/// keeps the place it has, or has room for one; without it has none, and the heap none of it.
char* Hash::rewrite(Table::Position position, std::string_view name, std::string_view value,
                    bool has_place) {
    char* old = elements_.at(position);
    const Parts before = parts_of(old);
    const uint32_t place = before.has_place() ? place_of(old, before) : 0;
    if (before.has_place() && !has_place) deadlines_.remove(place);
    const Parts parts = plan(name.size(), value.size(), has_place);
    char* element = old;
    if (elements_.fits(position, parts.bytes())) {
        write(element, parts, name, value);
    } else {
        const ElementRef made = elements_.allocate(parts.bytes());
        element = made.data();
        write(element, parts, name, value);
        elements_.replace(position, made);
        if (before.has_place() && has_place) deadlines_.moved(place, made);
    }
    if (before.has_place() && has_place) set_place(element, place);
    return element;
}

bool Hash::set(std::string_view name, std::string_view value, Deadline deadline) {
    const uint64_t hash = base::hash_bytes(name);
    const auto position = elements_.find(name, hash);
    if (position) {
        const bool has_place = parts_of(elements_.at(position)).has_place();
        rewrite(position, name, value, has_place && deadline == Deadline::keep);
        return false;
    }
    const Parts parts = plan(name.size(), value.size(), false);
    const ElementRef element = elements_.allocate(parts.bytes());
    write(element.data(), parts, name, value);
    elements_.insert(hash, element);
    return true;
}

void Hash::erase(Table::Position position, uint64_t hash) {
    const char* element = elements_.at(position);
    const Parts parts = parts_of(element);
    if (parts.has_place()) deadlines_.remove(place_of(element, parts));
    elements_.erase(position, hash);
}

bool Hash::remove(std::string_view name) {
    const uint64_t hash = base::hash_bytes(name);
    const auto position = elements_.find(name, hash);
    if (!position) return false;
    erase(position, hash);
    return true;
}

void Hash::set_deadline(std::string_view name, int64_t deadline_ms) {
    const auto position = elements_.find(name, base::hash_bytes(name));
    CHECK(position);
    char* element = elements_.at(position);
    const Parts parts = parts_of(element);
    const bool has_place = deadline_ms != kNoDeadline;
    if (parts.has_place() && has_place) {
        deadlines_.change(place_of(element, parts), deadline_ms);
        return;
    }
    if (parts.has_place() == has_place) return;
    // The field lies elsewhere in the element afterwards; its value is copied before it is moved.
    const std::string value(field_at(element).value);
    rewrite(position, name, value, has_place);
    if (has_place) deadlines_.add(elements_.table().at(position), deadline_ms);
}

bool Hash::drain(size_t budget) {
    deadlines_.clear();
    return elements_.drain(budget);
}

Hash* Hash::clone() const {
    auto* copy = new Hash;
    for_each([copy](const Field& field) {
        copy->set(field.name, field.value);
        if (field.deadline_ms != kNoDeadline) copy->set_deadline(field.name, field.deadline_ms);
    });
    return copy;
}

}  // namespace gyre::types
