// SPDX-License-Identifier: BSD-3-Clause

// Goal: CONFIG SET takes and refuses what the oracle takes and refuses, in its words, and CONFIG
// GET then shows the same, for every parameter both have, those that do nothing here included.
// Method: odd values of every kind for each. What is not to be compared is listed below, with its
// reason.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "compat/oracle_pair.h"

namespace gyre::test {
namespace {

/// Parameters left alone.
const std::set<std::string> kSkipped{
    "bind",
    "port",                    // their listeners decide: tests of their own
    "dir",                     // shows where each server runs
    "unixsocket",              // each has its own
    "maxclients",              // the limit of open files decides
    "loglevel",                // would silence the log of a failure
    "activedefrag",            // depends on how the oracle was built
    "notify-keyspace-events",  // not in this version
    "maxmemory-clients",       // not in this version
    "appendonly",              // changes at start only
    "aof-use-rdb-preamble",    // a base is always one
};

const std::vector<std::string> kValues{
    "",
    "0",
    "1",
    "-1",
    "-2",
    "5",
    "05",
    "+5",
    "-0",
    "1.5",
    "0x10",
    "abc",
    "x y z",
    "1 2",
    "0 1",
    "1 2 3",
    "-5000 0 1",
    "2 1 3",
    "yes",
    "YES",
    "no",
    "*",
    "local",
    "default",
    "nosave force",
    "force nosave save",
    "relative",
    "everysec",
    "10%",
    "-1%",
    "1b",
    "1B",
    "1k",
    "1KB",
    "1t",
    "1gb",
    "1048576",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "99999999999",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "a\nb",
    "\x01",
    "a\tb",
    "{title} {x}",
};

bool is_known_difference(const std::string& name, const std::string& value, const Frame& subject) {
    // A value that would mean something this version does not have.
    if (subject.text.find("not supported in this version") != std::string::npos) return true;
    // Redis shows the first of the words that mean the same.
    if (name == "oom-score-adj" && value == "relative") return true;
    return false;
}

/// The policies that Redis does not have stand behind its own.
std::string without_our_own(std::string text) {
    const std::string_view ours = ", allkeys-s3fifo, volatile-s3fifo";
    const size_t place = text.find(ours);
    return place == std::string::npos ? text : text.erase(place, ours.size());
}

std::map<std::string, std::string> shown(const Frame& reply) {
    std::map<std::string, std::string> values;
    for (size_t i = 0; i + 1 < reply.items.size(); i += 2) {
        values[reply.items[i].text] = reply.items[i + 1].text;
    }
    return values;
}

TEST(ConfigValues, AreTakenAndRefusedAlike) {
    OraclePair pair;
    ASSERT_TRUE(pair.is_ready()) << pair.log();
    const auto theirs = shown(pair.ask_oracle({"CONFIG", "GET", "*"}));
    const auto ours = shown(pair.ask_subject({"CONFIG", "GET", "*"}));
    size_t compared = 0;
    for (const auto& [name, initial] : theirs) {
        if (!ours.contains(name) || kSkipped.contains(name)) continue;
        for (const std::string& value : kValues) {
            const Frame expected = pair.ask_oracle({"CONFIG", "SET", name, value});
            const Frame actual = pair.ask_subject({"CONFIG", "SET", name, value});
            if (!is_known_difference(name, value, actual)) {
                EXPECT_EQ(quote(expected.raw), quote(without_our_own(actual.raw)))
                    << name << ' ' << quote(value);
                EXPECT_EQ(quote(pair.ask_oracle({"CONFIG", "GET", name}).raw),
                          quote(pair.ask_subject({"CONFIG", "GET", name}).raw))
                    << name << ' ' << quote(value);
                ++compared;
            }
            // Each value is set from the default.
            pair.ask_oracle({"CONFIG", "SET", name, initial});
            pair.ask_subject({"CONFIG", "SET", name, ours.at(name)});
        }
    }
    EXPECT_GT(compared, 5000U);
}

}  // namespace
}  // namespace gyre::test
