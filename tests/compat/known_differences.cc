// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "compat/differential.h"

namespace gyre::test {

namespace {

bool is_command(const Command& command, std::string_view name) {
    return command[0].size() == name.size() &&
           std::equal(name.begin(), name.end(), command[0].begin(), [](char a, char b) {
               return a == std::tolower(static_cast<unsigned char>(b));
           });
}

/// Equal but for the digits of numbers that are the same double.
bool is_equal_but_for_digits(const Frame& oracle, const Frame& subject) {
    if (oracle.type != subject.type || oracle.is_null != subject.is_null ||
        oracle.items.size() != subject.items.size()) {
        return false;
    }
    for (std::size_t i = 0; i < oracle.items.size(); ++i) {
        if (!is_equal_but_for_digits(oracle.items[i], subject.items[i])) return false;
    }
    if (oracle.text == subject.text) return true;
    char* oracle_end = nullptr;
    char* subject_end = nullptr;
    const double expected = std::strtod(oracle.text.c_str(), &oracle_end);
    const double actual = std::strtod(subject.text.c_str(), &subject_end);
    return *oracle_end == '\0' && *subject_end == '\0' && expected == actual;
}

/// XINFO GROUPS: only consumers that the subject has more.
bool has_more_consumers(const Frame& oracle, const Frame& subject) {
    constexpr std::size_t kConsumers = 3;
    if (oracle.items.size() != subject.items.size()) return false;
    for (std::size_t i = 0; i < oracle.items.size(); ++i) {
        Frame theirs = oracle.items[i];
        const Frame& ours = subject.items[i];
        if (theirs.items.size() <= kConsumers || ours.items.size() != theirs.items.size()) {
            return false;
        }
        if (theirs.items[kConsumers].integer() > ours.items[kConsumers].integer()) return false;
        theirs.items[kConsumers] = ours.items[kConsumers];
        if (!is_equal_but_for_digits(theirs, ours)) return false;
    }
    return true;
}

bool shows_scores(const Command& command) {
    return !command.empty() && (command[0][0] == 'z' || command[0][0] == 'Z');
}

}  // namespace

const std::vector<KnownDifference>& known_differences() {
    static const std::vector<KnownDifference> differences{
        {"Redis 7.2 checks the arguments of BITCOUNT and BITPOS before it looks for the key; 7.0 "
         "answers for a missing key without reading them",
         [](const Command& command, const Frame& oracle, const Frame& subject) {
             return (is_command(command, "bitcount") || is_command(command, "bitpos")) &&
                    oracle.type == ':' && (oracle.text == "0" || oracle.text == "-1") &&
                    subject.is_error();
         }},
        {"KEYS alone is KEYS * in Gyre, the one listed deviation in arity",
         [](const Command& command, const Frame& oracle, const Frame& subject) {
             return is_command(command, "keys") && command.size() == 1 && oracle.is_error() &&
                    subject.is_aggregate();
         }},
        {"Two values of maxmemory-policy more than Redis has stand in the list of those there are",
         [](const Command& command, const Frame& oracle, const Frame& subject) {
             return is_command(command, "config") && oracle.is_error() &&
                    oracle.text + ", allkeys-s3fifo, volatile-s3fifo" == subject.text;
         }},
        {"Redis 7.2 writes scores with as few digits as it can, 7.0 with 17",
         [](const Command& command, const Frame& oracle, const Frame& subject) {
             return shows_scores(command) && is_equal_but_for_digits(oracle, subject);
         }},
        {"ZRANK and ZREVRANK take WITHSCORE since Redis 7.2",
         [](const Command& command, const Frame& oracle, const Frame& subject) {
             return (is_command(command, "zrank") || is_command(command, "zrevrank")) &&
                    oracle.is_error() && subject.is_error() &&
                    oracle.text.starts_with("ERR wrong number of arguments");
         }},
        {"Redis 7.2 names the command in the error of XREAD and XREADGROUP about unbalanced lists",
         [](const Command&, const Frame& oracle, const Frame& subject) {
             return oracle.text.starts_with("ERR Unbalanced XREAD list of streams: ") &&
                    subject.text.starts_with("ERR Unbalanced 'xread");
         }},
        {"XCLAIM and XAUTOCLAIM make the consumer since Redis 7.2 even when there is nothing to "
         "claim",
         [](const Command& command, const Frame& oracle, const Frame& subject) {
             if (is_command(command, "xinfo")) return has_more_consumers(oracle, subject);
             return is_command(command, "xgroup") && oracle.text == "1" && subject.text == "0";
         }},
        {"Redis 7.2 refuses the least integer as RANK of LPOS, whose opposite it cannot hold",
         [](const Command& command, const Frame&, const Frame& subject) {
             return is_command(command, "lpos") &&
                    subject.text.starts_with("ERR value is out of range, value must between");
         }},
        {"Lists of one node and small sets are listpacks since Redis 7.2",
         [](const Command& command, const Frame& oracle, const Frame& subject) {
             return is_command(command, "object") && subject.text == "listpack" &&
                    (oracle.text == "quicklist" || oracle.text == "hashtable");
         }},
        {"Redis 7.2 names <proto> in the advice that HELLO gives before authentication",
         [](const Command& command, const Frame& oracle, const Frame& subject) {
             const std::size_t at = subject.text.find("<proto> ");
             return is_command(command, "hello") && at != std::string::npos &&
                    std::string(subject.text).erase(at, 8) == oracle.text;
         }},
    };
    return differences;
}

}  // namespace gyre::test
