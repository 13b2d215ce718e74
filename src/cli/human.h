// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Numbers as people read them at a glance.
//
// Threads: any.

#include <cstdint>
#include <string>

namespace gyre::cli {

/// "7", "0.5", "12,345", "1.23M": small ones exactly, with a decimal where they are no whole
/// numbers below ten, from 100,000 on three digits.
std::string human_count(double number);

/// A time of work: "850 ns", "66 us" (with the Greek letter), "1.5 ms", "3.20 s".
std::string human_microseconds(double microseconds);

/// A span of waiting: "850 ms", "9.8 s", "4 min 10 s", "3 h 5 min", "12 d 4 h". Never longer than
/// it is: what is cut off is left out.
std::string human_duration(int64_t milliseconds);

}  // namespace gyre::cli
