// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <cctype>

#include "compat/differential.h"

namespace gyre::test {

namespace {

bool is_command(const Command& command, std::string_view name) {
    return command[0].size() == name.size() &&
           std::equal(name.begin(), name.end(), command[0].begin(), [](char a, char b) {
               return a == std::tolower(static_cast<unsigned char>(b));
           });
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
