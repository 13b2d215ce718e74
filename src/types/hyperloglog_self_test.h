// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What PFSELFTEST runs: registers keep what is put into them, the sparse form and the dense one
// hold the same, and estimates are as near as the theory says.
//
// Ownership: owns what it tests with. Threads: one at a time. Complexity: some 2,000 steps of about
// 50 us.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/random.h"
#include "types/hyperloglog.h"

namespace gyre::types {

class HyperLogLogSelfTest {
public:
    explicit HyperLogLogSelfTest(uint64_t seed);

    /// Goes on for a little. False: it has ended.
    bool step();
    /// What is wrong; empty: nothing, as far as it got.
    const std::string& failure() const { return failure_; }

    /// What a dense value has in another way than it should; empty: nothing.
    static std::string register_failure(const HyperLogLog::Registers& expected,
                                        std::string_view dense);
    /// What is wrong with an estimate of that many elements; empty: nothing.
    static std::string estimate_failure(uint64_t elements, uint64_t estimate);

private:
    static constexpr size_t kRegisterRounds = 200;
    static constexpr uint64_t kElements = 2'000'000;
    static constexpr uint64_t kElementsPerStep = 1000;
    static constexpr size_t kSparseBytesMax = 3000;
    static constexpr uint64_t kFirstCheckpoint = 10;

    void test_registers();
    void add_element();
    void check_estimates();

    base::Random random_;
    const uint64_t seed_;
    std::string failure_;
    size_t rounds_ = 0;
    uint64_t elements_ = 0;
    uint64_t checkpoint_ = kFirstCheckpoint;
    std::string growing_ = HyperLogLog::empty();  // sparse as long as that is small enough
    std::string dense_ = HyperLogLog::empty();
};

}  // namespace gyre::types
