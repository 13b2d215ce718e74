// SPDX-License-Identifier: BSD-3-Clause
#include "types/hyperloglog.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

namespace gyre::types {
namespace {

constexpr unsigned kIndexBits = 14;
constexpr unsigned kHashBits = 64 - kIndexBits;  // what the values count in: 1 to kHashBits + 1
constexpr uint64_t kSeed = 0xadc83b19;
constexpr unsigned kRegisterBits = 6;
constexpr uint8_t kRegisterMax = 63;

constexpr size_t kZeroRunMax = 64;
constexpr size_t kValueRunMax = 4;
constexpr uint8_t kSparseValueMax = 32;
/// After a change, so many runs from the one before on are looked at to be joined.
constexpr int kJoinRuns = 5;

/// A run of a sparse value.
struct Run {
    size_t bytes;
    size_t length;
    uint8_t value;
};

uint8_t byte_at(std::string_view text, size_t at) { return static_cast<uint8_t>(text[at]); }

/// The run at `at`, which is inside; a run cut off by the end is one of no bytes.
Run run_at(std::string_view text, size_t at) {
    const uint8_t first = byte_at(text, at);
    if ((first & 0x80) != 0) {
        return {1, size_t{first & 3U} + 1, static_cast<uint8_t>(((first >> 2) & 31) + 1)};
    }
    if ((first & 0x40) == 0) return {1, size_t{first & 63U} + 1, 0};
    if (at + 1 >= text.size()) return {0, 0, 0};
    return {2, (size_t{first & 63U} << 8 | byte_at(text, at + 1)) + 1, 0};
}

char value_run(uint8_t value, size_t length) {
    return static_cast<char>(0x80 | (value - 1) << 2 | (length - 1));
}

void append_zeros(std::string& runs, size_t length) {
    if (length > kZeroRunMax) {
        runs += static_cast<char>(0x40 | (length - 1) >> 8);
        runs += static_cast<char>((length - 1) & 0xFF);
    } else if (length > 0) {
        runs += static_cast<char>(length - 1);
    }
}

void append_values(std::string& runs, uint8_t value, size_t length) {
    if (length > 0) runs += value_run(value, length);
}

uint8_t dense_get(const char* value, size_t index) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(value) + HyperLogLog::kHeaderBytes;
    const size_t bit = index * kRegisterBits;
    unsigned pair = bytes[bit / 8];
    // The last register ends with the last byte.
    if (bit % 8 + kRegisterBits > 8) pair |= static_cast<unsigned>(bytes[bit / 8 + 1]) << 8;
    return (pair >> (bit % 8)) & kRegisterMax;
}

void dense_set(char* value, size_t index, uint8_t wanted) {
    auto* bytes = reinterpret_cast<uint8_t*>(value) + HyperLogLog::kHeaderBytes;
    const size_t bit = index * kRegisterBits;
    const unsigned shift = bit % 8;
    uint8_t& low = bytes[bit / 8];
    low = static_cast<uint8_t>((low & ~(kRegisterMax << shift)) | (wanted << shift));
    if (shift + kRegisterBits <= 8) return;
    uint8_t& high = bytes[bit / 8 + 1];
    high = static_cast<uint8_t>((high & ~(kRegisterMax >> (8 - shift))) | (wanted >> (8 - shift)));
}

/// Joins neighbouring runs of one value after a change, from `from` on.
void join_runs(std::string& value, size_t from) {
    size_t at = from;
    for (int step = 0; step < kJoinRuns && at < value.size(); ++step) {
        const Run run = run_at(value, at);
        if (run.bytes == 0) return;
        if (run.value == 0) {
            at += run.bytes;
            continue;
        }
        if (at + 1 < value.size() && (byte_at(value, at + 1) & 0x80) != 0) {
            const Run next = run_at(value, at + 1);
            if (next.value == run.value && next.length + run.length <= kValueRunMax) {
                value[at + 1] = value_run(run.value, run.length + next.length);
                value.erase(at, 1);
                continue;
            }
        }
        ++at;
    }
}

double tau(double x) {
    if (x == 0.0 || x == 1.0) return 0.0;
    double y = 1.0;
    double z = 1 - x;
    double before = 0;
    do {
        x = std::sqrt(x);
        before = z;
        y *= 0.5;
        z -= (1 - x) * (1 - x) * y;
    } while (before != z);
    return z / 3;
}

double sigma(double x) {
    if (x == 1.0) return std::numeric_limits<double>::infinity();
    double y = 1;
    double z = x;
    double before = 0;
    do {
        x *= x;
        before = z;
        z += x * y;
        y += y;
    } while (before != z);
    return z;
}

}  // namespace

uint64_t HyperLogLog::hash(std::string_view bytes) {
    constexpr uint64_t kMultiplier = 0xc6a4a7935bd1e995;
    constexpr int kShift = 47;
    uint64_t state = kSeed ^ (bytes.size() * kMultiplier);
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
        uint64_t word = 0;
        std::memcpy(&word, bytes.data(), sizeof word);
        word *= kMultiplier;
        word ^= word >> kShift;
        word *= kMultiplier;
        state ^= word;
        state *= kMultiplier;
    }
    if (!bytes.empty()) {
        uint64_t rest = 0;
        std::memcpy(&rest, bytes.data(), bytes.size());
        state ^= rest;
        state *= kMultiplier;
    }
    state ^= state >> kShift;
    state *= kMultiplier;
    state ^= state >> kShift;
    return state;
}

HyperLogLog::Mark HyperLogLog::mark_of(std::string_view element) {
    const uint64_t bits = hash(element);
    // A bit beyond the last ends the count.
    const uint64_t pattern = bits >> kIndexBits | uint64_t{1} << kHashBits;
    return {static_cast<uint32_t>(bits & (kRegisters - 1)),
            static_cast<uint8_t>(std::countr_zero(pattern) + 1)};
}

std::string HyperLogLog::empty() {
    std::string value("HYLL\1", 5);
    value.resize(kHeaderBytes, '\0');
    value += static_cast<char>(0x40 | (kRegisters - 1) >> 8);
    value += static_cast<char>((kRegisters - 1) & 0xFF);
    return value;
}

bool HyperLogLog::is_valid(std::string_view value) {
    if (value.size() < kHeaderBytes || value.substr(0, 4) != "HYLL") return false;
    if (byte_at(value, 4) > 1) return false;
    return !is_dense(value) || value.size() == kDenseBytes;
}

bool HyperLogLog::raise_dense(char* value, Mark mark) {
    if (dense_get(value, mark.index) >= mark.value) return false;
    dense_set(value, mark.index, mark.value);
    return true;
}

HyperLogLog::Change HyperLogLog::raise(std::string& value, Mark mark, size_t sparse_bytes_max) {
    const auto raise_as_dense = [&] {
        if (!is_dense(value) && !make_dense(value)) return Change::corrupt;
        return raise_dense(value.data(), mark) ? Change::changed : Change::none;
    };
    if (is_dense(value) || mark.value > kSparseValueMax) return raise_as_dense();
    size_t at = kHeaderBytes;
    size_t before = kHeaderBytes;  // the run before `at`
    size_t first = 0;              // register of the run
    Run run{};
    while (at < value.size()) {
        run = run_at(value, at);
        if (run.bytes == 0) return Change::corrupt;
        if (mark.index < first + run.length) break;
        before = at;
        at += run.bytes;
        first += run.length;
    }
    if (at >= value.size()) return Change::corrupt;
    if (run.value >= mark.value) return Change::none;
    const size_t ahead = mark.index - first;
    const size_t behind = run.length - ahead - 1;
    std::string runs;
    if (run.value == 0) {
        append_zeros(runs, ahead);
        append_values(runs, mark.value, 1);
        append_zeros(runs, behind);
    } else {
        append_values(runs, run.value, ahead);
        append_values(runs, mark.value, 1);
        append_values(runs, run.value, behind);
    }
    const bool grows = runs.size() > run.bytes;
    if (grows && value.size() + runs.size() - run.bytes > sparse_bytes_max) return raise_as_dense();
    value.replace(at, run.bytes, runs);
    join_runs(value, before);
    return Change::changed;
}

bool HyperLogLog::make_dense(std::string& value) {
    if (is_dense(value)) return true;
    std::string dense(value, 0, kHeaderBytes);
    dense[4] = 0;
    dense.resize(kDenseBytes, '\0');
    size_t index = 0;
    for (size_t at = kHeaderBytes; at < value.size();) {
        const Run run = run_at(value, at);
        if (run.bytes == 0 || index + run.length > kRegisters) return false;
        if (run.value > 0) {
            for (size_t i = 0; i < run.length; ++i) dense_set(dense.data(), index + i, run.value);
        }
        index += run.length;
        at += run.bytes;
    }
    if (index != kRegisters) return false;
    value = std::move(dense);
    return true;
}

bool HyperLogLog::merge_into(Registers& registers, std::string_view value) {
    if (is_dense(value)) {
        for (size_t i = 0; i < kRegisters; ++i) {
            registers[i] = std::max(registers[i], dense_get(value.data(), i));
        }
        return true;
    }
    size_t index = 0;
    for (size_t at = kHeaderBytes; at < value.size();) {
        const Run run = run_at(value, at);
        if (run.bytes == 0 || index + run.length > kRegisters) return false;
        for (size_t i = 0; run.value > 0 && i < run.length; ++i) {
            registers[index + i] = std::max(registers[index + i], run.value);
        }
        index += run.length;
        at += run.bytes;
    }
    return index == kRegisters;
}

uint64_t HyperLogLog::estimate(const Registers& registers) {
    constexpr double kAlphaInfinite = 0.721347520444481703680;
    constexpr double kCount = kRegisters;
    std::array<int, 64> histogram{};
    for (const uint8_t value : registers) ++histogram[value];
    double z = kCount * tau((kCount - histogram[kHashBits + 1]) / kCount);
    for (size_t value = kHashBits; value >= 1; --value) {
        z += histogram[value];
        z *= 0.5;
    }
    z += kCount * sigma(histogram[0] / kCount);
    return static_cast<uint64_t>(std::llround(kAlphaInfinite * kCount * kCount / z));
}

std::optional<uint64_t> HyperLogLog::count(std::string_view value) {
    Registers registers{};
    if (!merge_into(registers, value)) return std::nullopt;
    return estimate(registers);
}

std::optional<uint64_t> HyperLogLog::cached_count(std::string_view value) {
    if ((byte_at(value, 15) & 0x80) != 0) return std::nullopt;
    uint64_t count = 0;
    std::memcpy(&count, value.data() + 8, sizeof count);
    return count;
}

void HyperLogLog::cache_count(char* value, uint64_t count) {
    std::memcpy(value + 8, &count, sizeof count);
}

std::string HyperLogLog::describe(std::string_view value) {
    std::string text;
    for (size_t at = kHeaderBytes; at < value.size();) {
        const Run run = run_at(value, at);
        if (run.bytes == 0) break;
        if (!text.empty()) text += ' ';
        if (run.value > 0) {
            text += "v:" + std::to_string(run.value) + "," + std::to_string(run.length);
        } else {
            text += (run.bytes == 2 ? "Z:" : "z:") + std::to_string(run.length);
        }
        at += run.bytes;
    }
    return text;
}

}  // namespace gyre::types
