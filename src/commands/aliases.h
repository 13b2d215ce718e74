// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Names that clients give to commands with some of their arguments: `ALIAS user HGETALL user:$1`
// makes `user 7` mean `HGETALL user:7`. An alias stands for words; what a call of it makes of them
// is executed as if it had been sent, permissions included.
//
// A table is a value. What all reactors see is one that nobody changes any more, in an AliasBook;
// each keeps the one it saw last and compares a number to know whether there is a newer one.
//
// Ownership: a table owns its texts; readers share the table. Threads: a table is its holder's; the
// book any. Errors: a sentence for the client that asked, with its ERR.
// Complexity: O(log n) to find, O(n) to change: a change copies the table.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <gyre/result.h>

#include "resp/request_parser.h"

namespace gyre::commands {

struct Alias {
    std::string name;                ///< in small letters
    std::vector<std::string> words;  ///< the command's name, then its arguments
};

class AliasTable {
public:
    static constexpr size_t kAliasesMax = 1000;
    static constexpr size_t kNameBytesMax = 64;
    static constexpr size_t kWordsMax = 64;
    /// All words of one alias.
    static constexpr size_t kTextBytesMax = 4096;
    /// Aliases that lead to each other, the last to a command.
    static constexpr size_t kDepthMax = 8;
    /// Arguments of a command that a call becomes.
    static constexpr size_t kArgumentsMax = 1024 * 1024;
    /// Text that one call may have put together, of words in which a placeholder is a part.
    static constexpr size_t kBuiltBytesMax = 1024 * 1024;

    /// The alias of this name in any case; null: none.
    const Alias* find(std::string_view name) const;
    /// Adds an alias, in the place of one of the same name. An error leaves the table as it was.
    /// Whether its name is a command's is for the caller to say.
    Result<void> put(Alias alias);
    bool remove(std::string_view name);
    void clear() { by_name_.clear(); }
    size_t size() const { return by_name_.size(); }
    /// By name.
    const std::map<std::string, Alias, std::less<>>& all() const { return by_name_; }

private:
    Result<void> check_chains(const std::string& name) const;

    std::map<std::string, Alias, std::less<>> by_name_;
};

/// The words as one line that could be typed: those with blanks in quotes.
std::string alias_line(const Alias& alias);

/// Makes of a call, which is `arguments` from `first` on, what its alias stands for. New texts go
/// to `texts`, and stay where they are. False: it is no alias. An error leaves all as it was.
Result<bool> expand_alias(const AliasTable& table, std::vector<resp::Argument>& arguments,
                          size_t first, std::deque<std::string>& texts);

/// The table that all reactors see.
class AliasBook {
public:
    using Table = std::shared_ptr<const AliasTable>;

    AliasBook() : table_(std::make_shared<const AliasTable>()) {}
    Table current() const {
        const std::lock_guard hold(mutex_);
        return table_;
    }
    /// Another one for each publish().
    uint64_t version() const noexcept { return version_.load(std::memory_order_acquire); }
    void publish(AliasTable table) {
        auto next = std::make_shared<const AliasTable>(std::move(table));
        const std::lock_guard hold(mutex_);
        table_.swap(next);
        version_.fetch_add(1, std::memory_order_release);
    }

private:
    mutable std::mutex mutex_;
    Table table_;  // under mutex_
    std::atomic<uint64_t> version_{0};
};

/// One reactor's view of the book.
class AliasReader {
public:
    explicit AliasReader(const AliasBook& book) : book_(book), table_(book.current()) {}
    /// As of now.
    const AliasTable& table() {
        const uint64_t version = book_.version();
        if (version != version_) [[unlikely]] {
            // In this order: a table that is newer than its number is only fetched once more.
            version_ = version;
            table_ = book_.current();
        }
        return *table_;
    }
    /// As it was when table() was last called.
    const AliasTable& last_table() const { return *table_; }

private:
    const AliasBook& book_;
    AliasBook::Table table_;
    uint64_t version_ = 0;
};

}  // namespace gyre::commands
