// SPDX-License-Identifier: BSD-3-Clause

// Goal: what COMMAND tells of the shared commands and subcommands is what the oracle tells, because
// cluster clients, proxies and ACL rules are built on it: arity, flags, key positions, ACL
// categories, tips, key specifications; and COMMAND GETKEYS finds the same keys.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "compat/oracle_pair.h"

namespace gyre::test {
namespace {

using Command = std::vector<std::string>;

// Where 7.2 changed the table, or Gyre departs on purpose: field of a command and the reason.
const std::map<std::string, std::string> kKnown{
    {"keys.arity", "KEYS alone is KEYS *"},
    {"zrank.arity", "Redis 7.2 takes WITHSCORE"},
    {"zrevrank.arity", "Redis 7.2 takes WITHSCORE"},
};

constexpr std::size_t kFields = 10;
const char* const kFieldNames[kFields] = {"name", "arity", "flags", "first_key", "last_key",
                                          "step", "acl",   "tips",  "key_specs", "subcommands"};

/// The elements in an order of their own, so that sets compare equal.
std::string sorted_text(const Frame& frame) {
    if (!frame.is_aggregate()) return describe(frame);
    std::vector<std::string> texts;
    for (const Frame& item : frame.items) texts.push_back(sorted_text(item));
    std::sort(texts.begin(), texts.end());
    std::string joined = "[";
    for (const std::string& text : texts) joined += text + " ";
    return joined + "]";
}

std::map<std::string, Frame> rows_by_name(const Frame& reply) {
    std::map<std::string, Frame> rows;
    for (const Frame& row : reply.items) {
        if (row.items.size() < kFields) continue;
        rows[row.items[0].text] = row;
        rows.merge(rows_by_name(row.items[9]));
    }
    return rows;
}

class CommandTableTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() { pair_ = new OraclePair(); }
    static void TearDownTestSuite() {
        delete pair_;
        pair_ = nullptr;
    }
    void SetUp() override {
        ASSERT_TRUE(pair_->is_ready()) << pair_->log();
        pair_->connect();
    }

    static OraclePair* pair_;
};

OraclePair* CommandTableTest::pair_ = nullptr;

TEST_F(CommandTableTest, RowsOfSharedCommandsAreEqual) {
    const std::map<std::string, Frame> expected = rows_by_name(pair_->ask_oracle({"COMMAND"}));
    const std::map<std::string, Frame> actual = rows_by_name(pair_->ask_subject({"COMMAND"}));
    std::size_t compared = 0;
    for (const auto& [name, row] : actual) {
        const auto theirs = expected.find(name);
        if (theirs == expected.end()) continue;
        ++compared;
        for (std::size_t field = 1; field + 1 < kFields; ++field) {
            if (kKnown.contains(name + "." + kFieldNames[field])) continue;
            EXPECT_EQ(sorted_text(theirs->second.items[field]), sorted_text(row.items[field]))
                << name << " " << kFieldNames[field];
        }
    }
    EXPECT_GT(compared, 80U);
}

TEST_F(CommandTableTest, NamesOfOneCommandAreCaseBlindAndUnknownOnesNull) {
    for (const Command& command : std::vector<Command>{{"COMMAND", "INFO", "gEt", "nosuch"},
                                                       {"COMMAND", "INFO", "nosuch"},
                                                       {"COMMAND", "INFO", "config|get"},
                                                       {"COMMAND", "INFO", "config|nosuch"}}) {
        const Frame expected = pair_->ask_oracle(command);
        const Frame actual = pair_->ask_subject(command);
        ASSERT_EQ(expected.items.size(), actual.items.size()) << describe(command);
        for (std::size_t i = 0; i < expected.items.size(); ++i) {
            EXPECT_EQ(expected.items[i].is_null, actual.items[i].is_null) << describe(command);
        }
    }
}

TEST_F(CommandTableTest, DocumentationHasGroupSinceAndComplexity) {
    for (const std::string& name : pair_->shared_commands()) {
        const Frame expected = pair_->ask_oracle({"COMMAND", "DOCS", name});
        const Frame actual = pair_->ask_subject({"COMMAND", "DOCS", name});
        ASSERT_EQ(expected.items.size(), actual.items.size()) << name;
        if (expected.items.size() != 2) continue;
        const auto field = [](const Frame& reply, std::string_view wanted) {
            const std::vector<Frame>& items = reply.items[1].items;
            for (std::size_t i = 0; i + 1 < items.size(); i += 2) {
                if (items[i].text == wanted) return items[i + 1].text;
            }
            return std::string("(absent)");
        };
        EXPECT_EQ(expected.items[0].text, actual.items[0].text);
        for (const char* wanted : {"group", "since"}) {
            EXPECT_EQ(field(expected, wanted), field(actual, wanted)) << name << " " << wanted;
        }
        EXPECT_NE(field(actual, "summary"), "(absent)") << name;
    }
}

TEST_F(CommandTableTest, GetkeysFindsTheSameKeys) {
    const std::vector<Command> table{{"GET", "a"},
                                     {"SET", "a", "b"},
                                     {"SET", "a", "b", "GET"},
                                     {"MSET", "a", "1", "b", "2"},
                                     {"MSETNX", "a", "1", "b", "2"},
                                     {"MGET", "a", "b", "c"},
                                     {"DEL", "a", "b"},
                                     {"UNLINK", "a"},
                                     {"EXISTS", "a", "a"},
                                     {"TOUCH", "a", "b"},
                                     {"RENAME", "a", "b"},
                                     {"COPY", "a", "b"},
                                     {"BITOP", "AND", "d", "a", "b"},
                                     {"LCS", "a", "b"},
                                     {"EXPIRE", "a", "1"},
                                     {"OBJECT", "ENCODING", "a"},
                                     {"MEMORY", "USAGE", "a"},
                                     {"GETEX", "a", "PERSIST"},
                                     {"LMOVE", "a", "b", "LEFT", "RIGHT"},
                                     {"LMPOP", "2", "a", "b", "LEFT"},
                                     {"LMPOP", "3", "a", "b", "LEFT"},
                                     {"HSET", "a", "f", "v"},
                                     {"SMOVE", "a", "b", "m"},
                                     {"SINTERCARD", "2", "a", "b", "LIMIT", "1"},
                                     {"SINTERCARD", "0", "a"},
                                     {"SINTERSTORE", "d", "a", "b"},
                                     {"SUNION", "a", "b"},
                                     {"SSCAN", "a", "0"},
                                     {"BITFIELD", "a", "GET", "u8", "0"},
                                     {"BITCOUNT", "a"},
                                     {"MOVE", "a", "1"},
                                     {"TYPE", "a"},
                                     {"SETRANGE", "a", "0", "x"},
                                     {"ZUNIONSTORE", "d", "2", "a", "b", "WEIGHTS", "1", "2"},
                                     {"ZINTER", "2", "a", "b"},
                                     {"ZMPOP", "1", "a", "MIN"},
                                     {"XREAD", "COUNT", "1", "STREAMS", "a", "b", "0", "0"},
                                     {"XREADGROUP", "GROUP", "streams", "c", "STREAMS", "a", ">"},
                                     {"XGROUP", "CREATE", "a", "g", "$"},
                                     {"PFMERGE", "d", "a", "b"},
                                     {"SORT", "a"},
                                     {"SORT", "a", "GET", "STORE", "STORE", "d", "DESC"},
                                     {"SORT", "a", "STORE", "d", "LIMIT", "0", "STORE"},
                                     {"SORT", "a", "STORE", "d", "STORE", "e"},
                                     {"SORT", "a", "STORE"},
                                     {"SORT_RO", "a", "STORE", "d"},
                                     {"PING"},
                                     {"MSET", "a"},
                                     {"SCAN", "0"},
                                     {"KEYS", "*"},
                                     {"nosuch", "a"}};
    for (const char* subcommand : {"GETKEYS", "GETKEYSANDFLAGS"}) {
        for (const Command& row : table) {
            Command command{"COMMAND", subcommand};
            command.insert(command.end(), row.begin(), row.end());
            const Frame expected = pair_->ask_oracle(command);
            const Frame actual = pair_->ask_subject(command);
            EXPECT_EQ(sorted_text(expected), sorted_text(actual)) << describe(command);
        }
    }
}

TEST_F(CommandTableTest, ListFiltersAsTheOracle) {
    for (const Command& filter : std::vector<Command>{{"PATTERN", "get*"},
                                                      {"PATTERN", "config|*"},
                                                      {"ACLCAT", "bitmap"},
                                                      {"ACLCAT", "nosuch"},
                                                      {"MODULE", "nosuch"}}) {
        Command command{"COMMAND", "LIST", "FILTERBY"};
        command.insert(command.end(), filter.begin(), filter.end());
        const std::set<std::string> shared = pair_->shared_commands();
        const auto names = [&](const Frame& reply) {
            std::set<std::string> set;
            for (const Frame& item : reply.items) {
                if (shared.contains(item.text)) set.insert(item.text);
            }
            return set;
        };
        EXPECT_EQ(names(pair_->ask_oracle(command)), names(pair_->ask_subject(command)))
            << describe(command);
    }
}

TEST_F(CommandTableTest, CountIsTheLengthOfTheList) {
    const Frame count = pair_->ask_subject({"COMMAND", "COUNT"});
    EXPECT_EQ(static_cast<std::size_t>(count.integer()),
              pair_->ask_subject({"COMMAND"}).items.size());
}

}  // namespace
}  // namespace gyre::test
