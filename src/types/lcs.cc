// SPDX-License-Identifier: BSD-3-Clause
#include "types/lcs.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <memory>

namespace gyre::types {
namespace {

constexpr size_t kWordBits = 64;

/// For each byte that occurs in the first string: the places where the second has it, as a bit set.
class Masks {
public:
    Masks(std::string_view first, std::string_view second)
        : words_((second.size() + kWordBits - 1) / kWordBits) {
        index_.fill(kAbsent);
        size_t distinct = 0;
        for (const char byte : first) {
            size_t& index = index_[static_cast<uint8_t>(byte)];
            if (index == kAbsent) index = distinct++;
        }
        bits_.resize(distinct * words_);
        for (size_t place = 0; place < second.size(); ++place) {
            const size_t index = index_[static_cast<uint8_t>(second[place])];
            if (index == kAbsent) continue;
            bits_[index * words_ + place / kWordBits] |= uint64_t{1} << (place % kWordBits);
        }
    }

    size_t words() const { return words_; }
    /// Of a byte of the first string.
    const uint64_t* of(char byte) const {
        return bits_.data() + index_[static_cast<uint8_t>(byte)] * words_;
    }

private:
    static constexpr size_t kAbsent = SIZE_MAX;
    size_t words_;
    std::array<size_t, 256> index_;
    std::vector<uint64_t> bits_;
};

/// One step of the recurrence, next = (row + (row & mask)) | (row & ~mask). May work in place.
void next_row(const uint64_t* row, const uint64_t* mask, size_t words, uint64_t* next) {
    uint64_t carry = 0;
    for (size_t word = 0; word < words; ++word) {
        const uint64_t bits = row[word];
        const uint64_t matched = bits & mask[word];
        uint64_t sum = 0;
        const bool first_carry = __builtin_add_overflow(bits, matched, &sum);
        const bool second_carry = __builtin_add_overflow(sum, carry, &sum);
        carry = static_cast<uint64_t>(first_carry | second_carry);
        next[word] = sum | (bits & ~mask[word]);
    }
}

/// Clear bits among the first `columns`.
size_t count_clear(const uint64_t* row, size_t columns) {
    size_t count = 0;
    for (size_t word = 0; word * kWordBits < columns; ++word) {
        const size_t left = columns - word * kWordBits;
        const uint64_t valid = left >= kWordBits ? ~uint64_t{0} : (uint64_t{1} << left) - 1;
        count += static_cast<size_t>(std::popcount(~row[word] & valid));
    }
    return count;
}

bool is_set(const uint64_t* row, size_t column) {
    return (row[column / kWordBits] >> (column % kWordBits) & 1) != 0;
}

/// Walks back through the rows, gathering equal bytes into runs.
Lcs walk_back(std::string_view first, std::string_view second, const uint64_t* rows, size_t words) {
    Lcs result;
    size_t in_first = first.size();
    size_t in_second = second.size();
    bool extends = false;  // the step before was a match too
    while (in_first > 0 && in_second > 0) {
        if (first[in_first - 1] == second[in_second - 1]) {
            --in_first;
            --in_second;
            result.text += first[in_first];
            if (!extends) result.matches.push_back({in_first, in_first, in_second, in_second});
            result.matches.back().first_begin = in_first;
            result.matches.back().second_begin = in_second;
            extends = true;
            continue;
        }
        extends = false;
        // A clear bit: without the last byte of `second` the length is less, without that of
        // `first` not.
        if (is_set(rows + (in_first - 1) * words, in_second - 1)) {
            --in_second;
        } else {
            --in_first;
        }
    }
    std::reverse(result.text.begin(), result.text.end());
    return result;
}

}  // namespace

Lcs lcs(std::string_view first, std::string_view second) {
    if (first.empty() || second.empty()) return {};
    const Masks masks(first, second);
    const size_t words = masks.words();
    const auto rows = std::make_unique_for_overwrite<uint64_t[]>(first.size() * words);
    const std::vector<uint64_t> start(words, ~uint64_t{0});
    const uint64_t* row = start.data();
    for (size_t place = 0; place < first.size(); ++place) {
        uint64_t* next = rows.get() + place * words;
        next_row(row, masks.of(first[place]), words, next);
        row = next;
    }
    return walk_back(first, second, rows.get(), words);
}

size_t lcs_length(std::string_view first, std::string_view second) {
    const Masks masks(first, second);
    std::vector<uint64_t> row(masks.words(), ~uint64_t{0});
    for (const char byte : first) next_row(row.data(), masks.of(byte), row.size(), row.data());
    return count_clear(row.data(), second.size());
}

}  // namespace gyre::types
