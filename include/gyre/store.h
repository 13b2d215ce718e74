// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A key-value store inside the program: strings by key, with expiry, counted memory and the table,
// timer wheel and encodings of the server, but no sockets and no threads.
//
//     auto store = gyre::Store::create();
//     if (!store) return report(store.error().message);
//     store->set("session:7", "alice", {.ttl_ms = 30'000});
//     if (auto user = store->get("session:7")) greet(*user);
//     store->advance();                       // now and then: removes what is due
//
// Time. A key past its deadline is never seen: it is removed when it is met. Those that nobody asks
// for are removed by advance(), which the program calls as often as it likes; next_due_ms() says
// when that is worth while. The clock can be replaced.
//
// Ownership: the store owns copies of all keys and values. Threads: any, but one caller at a time:
// the store has no lock. Errors: a Result where the caller's arguments or the present value can be
// wrong; running out of memory ends the process. The library replaces the global operator new and
// delete of the program it is linked into, in order to count what they give.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gyre/result.h"

namespace gyre {

struct StoreOptions {
    /// Parts the keys are spread over, a power of two up to 1024. Each grows on its own.
    size_t shards = 1;
    /// Of the store's random choices; 0: drawn from the kernel.
    uint64_t seed = 0;
    /// Unix time in milliseconds; empty: the system's clock.
    std::function<int64_t()> clock = {};
};

struct SetOptions {
    std::optional<int64_t> ttl_ms = {};  ///< time to live, more than 0
    /// Of the write, 0 or more: a later one is never replaced by an earlier.
    std::optional<int64_t> timestamp_ms = {};
    bool only_new = false;       ///< only when the key does not exist
    bool only_existing = false;  ///< only when it does
    bool keep_ttl = false;       ///< the deadline there is stays
};

enum class SetOutcome : uint8_t {
    stored,
    refused,   ///< only_new or only_existing was not met
    outdated,  ///< the key holds a write with this timestamp or a later one
};

/// Bytes that a store takes.
struct StoreMemory {
    int64_t entries = 0;  ///< keys and values
    int64_t index = 0;    ///< the hash tables
    int64_t wheel = 0;    ///< the timer wheels
    int64_t slack = 0;    ///< obtained for entries and not in use
    int64_t total() const { return entries + index + wheel + slack; }
};

class Store {
public:
    static constexpr size_t kShardsMax = 1024;
    /// Longest key and longest value.
    static constexpr size_t kBytesMax = size_t{512} * 1024 * 1024;
    /// What ttl_ms() says of a key that does not expire.
    static constexpr int64_t kNoExpiry = std::numeric_limits<int64_t>::max();
    static constexpr size_t kNoLimit = std::numeric_limits<size_t>::max();

    static Result<Store> create(StoreOptions options = {});

    Store(Store&& other) noexcept;
    Store& operator=(Store&& other) noexcept;
    ~Store();

    // --- one key; O(1)
    // ----------------------------------------------------------------------------
    Result<SetOutcome> set(std::string_view key, std::string_view value,
                           const SetOptions& options = {});
    std::optional<std::string> get(std::string_view key);
    bool exists(std::string_view key);
    /// True when there was such a key.
    bool del(std::string_view key);
    /// Adds to the number that the value is, a missing key counting as 0. The deadline stays.
    Result<int64_t> incr(std::string_view key, int64_t by = 1);
    /// Gives the key a deadline `ttl_ms` from now; 0 or less removes it. False: no such key.
    Result<bool> expire(std::string_view key, int64_t ttl_ms);
    /// The same with a Unix time.
    bool expire_at(std::string_view key, int64_t unix_ms);
    /// Milliseconds left, kNoExpiry when the key does not expire; nullopt: no such key.
    std::optional<int64_t> ttl_ms(std::string_view key);
    /// Removes the deadline. True when there was one.
    bool persist(std::string_view key);

    // --- all keys
    // ---------------------------------------------------------------------------------
    using Visitor = std::function<void(std::string_view key, std::string_view value)>;
    /// Gives about `count` keys and returns where to go on; begins with 0, ends with 0. Keys that
    /// are there from the first call to the last are given at least once. The visitor must not call
    /// the store; the views are good until it returns.
    uint64_t scan(uint64_t cursor, size_t count, const Visitor& visit);
    /// Keys held, including those past their deadline and not yet removed. O(shards).
    size_t size() const;
    /// Removes all keys. O(keys).
    void clear();
    StoreMemory memory() const;

    // --- time
    // -------------------------------------------------------------------------------------
    /// Removes keys whose deadline has passed; returns how many. With a limit it stops after that
    /// much work (about a key each) and goes on there with the next call.
    size_t advance(size_t work_max = kNoLimit);
    /// The same at a time of the caller's.
    size_t advance_to(int64_t now_ms, size_t work_max = kNoLimit);
    /// When advance() may next have something to do, Unix milliseconds; kNoExpiry: not at all.
    int64_t next_due_ms() const;

private:
    class Shards;
    explicit Store(std::unique_ptr<Shards> shards);
    std::unique_ptr<Shards> shards_;
};

}  // namespace gyre
