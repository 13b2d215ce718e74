// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Remaining lifetimes beside what is read: behind a command that reads keys its PTTLs go to the
// server in the same write, and for KEYS and ITEMS, whose reply is what names the keys, in one
// write after it. Which words are keys, and whether a command only reads, says the server's table
// (COMMAND).
//
// Nothing is asked in a transaction, where it would be queued (MULTI) or would mark keys as read
// (BEGIN), nor on a connection with subscriptions in RESP2, which takes no such commands.
//
// Ownership: the link must outlive the object. Threads: one.

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/link.h"

namespace gyre::cli {

/// Where the keys of commands that only read stand in a line.
class ReadCommands {
public:
    /// From the reply of COMMAND, RESP2 or RESP3.
    void load(const Reply& commands);
    bool is_empty() const { return places_.empty(); }
    /// The keys that a line reads, each once; none of a command that writes, or whose keys do not
    /// stand at fixed places.
    std::vector<std::string> keys_of(std::span<const std::string> words) const;

private:
    struct Place {
        int64_t first = 0;
        int64_t last = 0;  // negative: from the end
        int64_t step = 1;
    };
    void add(const Reply& command);
    std::map<std::string, Place> places_;  // by name in lower case: "get", "object|encoding"
};

class Deadlines {
public:
    /// Of a longer list the first keys alone are asked for.
    static constexpr size_t kKeysMax = 1000;

    struct Answer {
        Reply reply;
        std::vector<std::string> keys;  ///< that were asked for
        std::vector<std::string>
            texts;          ///< "expires in 9.8 s", for each of them; empty: it is gone
        size_t listed = 0;  ///< keys that the reply itself names, all of them; 0: it names none
        size_t stride = 1;  ///< elements of the reply from one of these to the next
    };

    explicit Deadlines(Link& link) : link_(link) {}

    /// Runs a command as Link::call does.
    Result<Answer> call(std::span<const std::string> words);
    /// The next command goes to another server.
    void forget() { commands_ = {}; }

    /// For each element of the reply what stands behind it; nothing where it names no keys.
    static std::vector<std::string> notes(const Answer& answer);
    /// What stands below the reply, in brackets, a line for each key.
    static std::string lines(const Answer& answer);

private:
    bool may_ask() const;
    Result<void> load_table();
    Link& link_;
    ReadCommands commands_;
};

/// The reply of PTTL for people: "expires in 9.8 s", "no expiry"; empty for a key that is not there
/// and for an error.
std::string deadline_text(const Reply& pttl);

/// True for commands whose reply names keys.
bool lists_keys(std::string_view command);

}  // namespace gyre::cli
