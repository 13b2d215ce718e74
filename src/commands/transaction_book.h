// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Transactions of clients that keep no connection (HTTP): each belongs to a token, and is lent to
// the session of the request that names it. One that has gone past transaction-max-time ends by
// itself; for a while after its end the token still says what became of it.
//
// Ownership: owns the transactions that are not lent. Threads: any; whoever takes, ends or clears
// does so with the executor of its own thread, and with no lock of a shard.
// Complexity: O(1), expire() and clear() O(open transactions).

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <gyre/result.h>

#include "commands/interactive.h"

namespace gyre::commands {

class TransactionBook {
public:
    /// How long a transaction that came to its end by itself is remembered.
    static constexpr int64_t kRememberedMs = 60'000;
    /// 128 bits in hexadecimal digits: nobody guesses one.
    static constexpr size_t kTokenBytes = 32;

    TransactionBook();
    ~TransactionBook();
    TransactionBook(const TransactionBook&) = delete;
    TransactionBook& operator=(const TransactionBook&) = delete;

    enum class Lent : uint8_t {
        yes,
        unknown,  ///< there is none of that token, any more
        busy,     ///< another request has it
    };
    /// A place among `most` for a transaction that is about to begin, lent to whoever begins it;
    /// one that was remembered goes for it, if need be. Returns its token; nullopt: there are as
    /// many.
    std::optional<std::string> add(size_t most);
    Lent take(std::string_view token, std::unique_ptr<Interactive>& transaction);
    /// After a request. A book that is closed rolls back.
    void give_back(std::string_view token, std::unique_ptr<Interactive> transaction, int64_t now_ms,
                   engine::Executor& executor);
    /// The transaction was committed or rolled back, or did not begin.
    void forget(std::string_view token);

    void expire(int64_t now_ms, engine::Executor& executor);
    /// Rolls back all that are not lent, and those that are when they come back.
    void close(engine::Executor& executor);
    size_t size() const;

private:
    struct Page {
        std::unique_ptr<Interactive> transaction;  // null: lent
        int64_t used_ms = 0;                       // when it came back last
    };
    struct Hash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>()(text);
        }
    };

    mutable std::mutex mutex_;
    std::unordered_map<std::string, Page, Hash, std::equal_to<>> pages_;
    bool is_closed_ = false;
};

}  // namespace gyre::commands
