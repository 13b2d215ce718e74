// SPDX-License-Identifier: BSD-3-Clause
#include "types/hyperloglog_self_test.h"

#include <cmath>
#include <cstring>

#include "base/check.h"

namespace gyre::types {
namespace {

constexpr uint8_t kRegisterMax = 63;
/// Of the standard error, which is 1.04 / sqrt(registers): one run in many millions goes beyond.
constexpr double kErrorsMax = 6;

}  // namespace

HyperLogLogSelfTest::HyperLogLogSelfTest(uint64_t seed) : random_(seed), seed_(seed) {
    CHECK(HyperLogLog::make_dense(dense_));
}

std::string HyperLogLogSelfTest::register_failure(const HyperLogLog::Registers& expected,
                                                  std::string_view dense) {
    HyperLogLog::Registers found{};
    if (!HyperLogLog::merge_into(found, dense)) return "The registers cannot be read";
    for (size_t i = 0; i < found.size(); ++i) {
        if (found[i] == expected[i]) continue;
        return "Register " + std::to_string(i) + " should be " + std::to_string(expected[i]) +
               " but is " + std::to_string(found[i]);
    }
    return {};
}

std::string HyperLogLogSelfTest::estimate_failure(uint64_t elements, uint64_t estimate) {
    const auto wanted = static_cast<double>(elements);
    const double standard = 1.04 / std::sqrt(static_cast<double>(HyperLogLog::kRegisters));
    // So few hardly ever meet in a register, but they may.
    const double most =
        elements <= kFirstCheckpoint ? 1 : std::ceil(standard * kErrorsMax * wanted);
    const double error = std::abs(static_cast<double>(estimate) - wanted);
    if (error <= most) return {};
    return "Too big error. card:" + std::to_string(elements) +
           " abserr:" + std::to_string(static_cast<uint64_t>(error));
}

/// Each register gets a value of its own, which its neighbours in the same bytes must not touch.
void HyperLogLogSelfTest::test_registers() {
    std::string value = HyperLogLog::empty();
    CHECK(HyperLogLog::make_dense(value));
    HyperLogLog::Registers expected{};
    for (uint32_t index = 0; index < expected.size(); ++index) {
        expected[index] = static_cast<uint8_t>(random_.below(kRegisterMax + 1));
        if (expected[index] != 0) HyperLogLog::raise_dense(value.data(), {index, expected[index]});
    }
    failure_ = register_failure(expected, value);
}

void HyperLogLogSelfTest::add_element() {
    char bytes[sizeof(uint64_t)];
    const uint64_t element = ++elements_ ^ seed_;
    std::memcpy(bytes, &element, sizeof bytes);
    const auto mark = HyperLogLog::mark_of({bytes, sizeof bytes});
    HyperLogLog::raise_dense(dense_.data(), mark);
    if (HyperLogLog::is_dense(growing_)) {
        HyperLogLog::raise_dense(growing_.data(), mark);
    } else {
        HyperLogLog::raise(growing_, mark, kSparseBytesMax);
    }
}

void HyperLogLogSelfTest::check_estimates() {
    const auto from_growing = HyperLogLog::count(growing_);
    const auto from_dense = HyperLogLog::count(dense_);
    if (!from_growing || from_growing != from_dense) {
        failure_ = "dense/sparse disagree";
    } else {
        failure_ = estimate_failure(elements_, *from_dense);
    }
}

bool HyperLogLogSelfTest::step() {
    if (!failure_.empty()) return false;
    if (rounds_ < kRegisterRounds) {
        ++rounds_;
        test_registers();
        return true;
    }
    if (elements_ == kElements) return false;
    for (uint64_t added = 0; added < kElementsPerStep && failure_.empty(); ++added) {
        add_element();
        if (elements_ != checkpoint_) continue;
        check_estimates();
        checkpoint_ *= 10;
    }
    return true;
}

}  // namespace gyre::types
