// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The value of a key as a resource: how it is read whatever its type, its fingerprint, and the
// commands that make it anew.
//
// Threads: home reactor. Suspends: as the backend does. Errors: those of the commands.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/reply.h"
#include "http/backend.h"
#include "http/json_value.h"

namespace gyre::http {

struct KeyValue {
    /// Not empty: it could not be read, and why.
    std::string error = {};
    bool exists = false;
    std::string type = {};  ///< "string", "list", "set", "hash", "zset", "stream"
    Reply value = {};
    int64_t ttl_ms = -1;  ///< -1: it has no deadline

    bool is_string() const { return type == "string"; }
    std::string json() const;
    /// Names the value and its type: two values with one fingerprint are taken for the same. It
    /// finds changes; it is no defence against those who want equal ones.
    std::string fingerprint() const;

private:
    uint64_t digest() const;
};

/// Reads a key at one moment. Not between WATCH and EXEC, as it is a transaction itself.
ring::Task<KeyValue> read_key(Backend& backend, std::string_view key);
/// Reads a key that is watched: the commands run one after the other.
ring::Task<KeyValue> read_watched(Backend& backend, std::string_view key);

/// The command that makes a collection of a type out of JSON, without its name and key: the
/// elements of a list or a set, fields and values, scores and members. `command` becomes "RPUSH",
/// "SADD", "HSET" or "ZADD".
Result<std::vector<std::string>> elements_of(std::string_view type, const JsonValue& value,
                                             std::string_view& command);
/// What a JSON value is when nobody says so: an object is a hash, an array a list, all else a
/// string.
std::string_view type_of(const JsonValue& value);

}  // namespace gyre::http
