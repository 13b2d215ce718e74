// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a run of gyre-load is to do, read from the command line. One row for each option
// (options.cc); the help text comes from the rows.
//
// Ownership: plain values. Threads: any.
// Errors: a sentence that names the option and what it takes; nothing is guessed or corrected.

#include <cstdint>
#include <span>
#include <string>

#include <gyre/result.h>

#include "load/pacer.h"
#include "load/script.h"

namespace gyre::load {

enum class Command : uint8_t { get, set, incr, mset, ping, mixed, script };
enum class Distribution : uint8_t { uniform, zipf, sequential };

/// Most requests of one connection that may be in flight.
inline constexpr uint32_t kPipelineMax = 10'000;
/// Twelve digits hold the number of a key.
inline constexpr uint64_t kKeyNumberEnd = 1'000'000'000'000;

struct Options {
    // where
    std::string host = "127.0.0.1";
    uint16_t port = 6379;
    std::string unix_path;  ///< instead of host and port when not empty
    uint32_t connections = 50;
    uint32_t pipeline = 1;
    uint32_t idle = 0;  ///< further connections that only stand

    // how much, how fast
    uint64_t requests = 0;  ///< 0: no limit; one of the two limits is always set
    double seconds = 0;     ///< 0: no limit
    double warmup_seconds = 0;
    double rate = 0;  ///< requests a second of an open loop; 0: closed loop
    Arrivals arrivals = Arrivals::even;
    bool is_spinning = false;
    uint64_t connect_storm = 0;  ///< connections to open and close instead of sending requests

    // what
    bool is_http = false;  ///< GET of a key as a resource, on the server's port for HTTP
    Command command = Command::get;
    uint32_t get_percent = 0;  ///< of a mixed load
    Script script;             ///< of Command::script
    uint64_t keys = 1'000'000;
    uint64_t offset = 0;
    Distribution distribution = Distribution::uniform;
    double zipf_exponent = 0;
    std::string key_prefix = "key:";
    uint64_t value_bytes = 64;
    bool has_integer_values = false;
    uint64_t ttl_min_seconds = 0;  ///< 0: no deadline
    uint64_t ttl_max_seconds = 0;
    int64_t expire_at_ms = 0;  ///< 0: no deadline
    uint64_t seed = 1;

    bool is_json = false;
    bool wants_help = false;
};

/// `arguments` without the program's name: "--name value", "--name=value" and "--flag".
Result<Options> parse_options(std::span<const char* const> arguments);

std::string help_text();

}  // namespace gyre::load
