// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Is a history of transactions over lists strictly serializable? Each transaction appends values
// that nobody else appends, reads whole lists, and now and then looks which lists there are. What a
// list holds at the end is the order of its versions, so that who follows whom is known and need
// not be guessed:
//   - who appended a value comes before who appended the next one (ww),
//   - who appended the last value that a read has seen comes before the reader (wr),
//   - a reader comes before who appended the first value it has not seen (rw), and one who has not
//     found a list before who made it,
//   - who had ended comes before who had not begun.
// There is an order of all of them exactly when these have no cycle. Besides: a value that a
// transaction appended which came to nothing is never seen, one that was committed is never lost,
// a read sees what its own transaction has appended, and nothing is there twice.
//
// Source: A. Adya, "Weak consistency", 1999; P. Alvaro and K. Kingsbury, "Elle", 2020.
// Complexity: O(values + transactions * those at the same time). Threads: any. Ownership: plain
// data.

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace gyre::test {

struct HistoryOperation {
    enum class Kind : uint8_t { append, read, list_keys };
    Kind kind = Kind::read;
    std::string key;
    std::string value;                ///< of append
    std::vector<std::string> seen;    ///< of read: the whole list, empty when there was none
    std::set<std::string> keys = {};  ///< of list_keys: those there were
};

struct HistoryTransaction {
    enum class End : uint8_t {
        committed,
        aborted,
        unknown,  ///< its client or the server went before the answer came: all of it, or nothing
    };
    std::string name;  ///< for messages
    std::vector<HistoryOperation> operations;
    End end = End::committed;
    int64_t began = 0;
    int64_t ended = 0;  ///< of one whose end is unknown: INT64_MAX
};

/// The lists as they are when all is over.
using FinalLists = std::map<std::string, std::vector<std::string>>;

/// What is wrong with the history; empty: nothing. What an aborted transaction has read does not
/// count: it may have seen two moments, and has come to nothing.
std::string find_anomaly(const std::vector<HistoryTransaction>& history, const FinalLists& lists);

}  // namespace gyre::test
