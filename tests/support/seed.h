// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The seed of a random test: GYRE_SEED from the environment, or a fixed one. It is printed with
// SCOPED_TRACE(seed_note()), so that a failure can be repeated.
//
// Threads: any.

#include <cstdint>
#include <cstdlib>
#include <string>

namespace gyre {

inline uint64_t test_seed() {
    const char* text = std::getenv("GYRE_SEED");
    return text == nullptr ? 20260301 : std::strtoull(text, nullptr, 10);
}

inline std::string seed_note() { return "GYRE_SEED=" + std::to_string(test_seed()); }

}  // namespace gyre
