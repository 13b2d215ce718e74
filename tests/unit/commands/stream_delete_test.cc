// SPDX-License-Identifier: BSD-3-Clause

// XDELEX and XACKDEL, which the oracle of the differential tests does not have. Expected replies
// are those of Redis 8.2.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/command_runner.h"

namespace gyre::test {
namespace {

constexpr const char* kWrongType =
    "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n";
constexpr const char* kSyntax = "-ERR syntax error\r\n";
constexpr const char* kNotPositive = "-ERR Number of IDs must be a positive integer\r\n";
constexpr const char* kMismatch =
    "-ERR The `numids` parameter must match the number of arguments\r\n";
constexpr const char* kBadId = "-ERR Invalid stream ID specified as stream command argument\r\n";

class StreamDeleteTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    /// Five entries, 1-0 to 5-0; g1 has read three and acknowledged the first, g2 has read two and
    /// acknowledged both.
    void SetUp() override {
        for (const char* id : {"1-0", "2-0", "3-0", "4-0", "5-0"}) {
            run({"XADD", "s", id, "f", "v"});
        }
        run({"XGROUP", "CREATE", "s", "g1", "0"});
        run({"XGROUP", "CREATE", "s", "g2", "0"});
        run({"XREADGROUP", "GROUP", "g1", "alice", "COUNT", "3", "STREAMS", "s", ">"});
        run({"XREADGROUP", "GROUP", "g2", "bob", "COUNT", "2", "STREAMS", "s", ">"});
        run({"XACK", "s", "g1", "1-0"});
        run({"XACK", "s", "g2", "1-0", "2-0"});
    }
    int64_t pending(std::string_view group) {
        const std::string reply = run({"XPENDING", "s", group});
        return std::stoll(reply.substr(reply.find(':') + 1));
    }

    CommandRunner runner_;
};

TEST_F(StreamDeleteTest, ReferencesAreKeptUnlessSaidOtherwise) {
    EXPECT_EQ(run({"XDELEX", "s", "IDS", "3", "2-0", "9-0", "2-0"}), "*3\r\n:1\r\n:-1\r\n:-1\r\n");
    EXPECT_EQ(run({"XDELEX", "s", "keepref", "ids", "1", "3-0"}), "*1\r\n:1\r\n");
    EXPECT_EQ(run({"XLEN", "s"}), ":3\r\n");
    EXPECT_EQ(pending("g1"), 2);
}

TEST_F(StreamDeleteTest, ReferencesGoWithDelref) {
    EXPECT_EQ(run({"XDELEX", "s", "DELREF", "IDS", "2", "2-0", "5-0"}), "*2\r\n:1\r\n:1\r\n");
    EXPECT_EQ(run({"XLEN", "s"}), ":3\r\n");
    EXPECT_EQ(pending("g1"), 1);
    // Those that an entry left behind as well.
    EXPECT_EQ(run({"XDEL", "s", "3-0"}), ":1\r\n");
    EXPECT_EQ(pending("g1"), 1);
    EXPECT_EQ(run({"XDELEX", "s", "DELREF", "IDS", "1", "3-0"}), "*1\r\n:-1\r\n");
    EXPECT_EQ(pending("g1"), 0);
}

TEST_F(StreamDeleteTest, WithAckedOnlyWhatAllGroupsAreDoneWithGoes) {
    // Done with; pending in g1; not read by g2; read by nobody; not there.
    EXPECT_EQ(run({"XDELEX", "s", "ACKED", "IDS", "5", "1-0", "2-0", "3-0", "5-0", "9-0"}),
              "*5\r\n:1\r\n:2\r\n:2\r\n:2\r\n:-1\r\n");
    EXPECT_EQ(run({"XLEN", "s"}), ":4\r\n");
    run({"XACK", "s", "g1", "2-0"});
    EXPECT_EQ(run({"XDELEX", "s", "ACKED", "IDS", "1", "2-0"}), "*1\r\n:1\r\n");
    // Where there is no group, nobody refers to anything.
    run({"XGROUP", "DESTROY", "s", "g1"});
    run({"XGROUP", "DESTROY", "s", "g2"});
    EXPECT_EQ(run({"XDELEX", "s", "ACKED", "IDS", "2", "3-0", "5-0"}), "*2\r\n:1\r\n:1\r\n");
}

TEST_F(StreamDeleteTest, XackdelDeletesWhatItAcknowledges) {
    // Pending; acknowledged before; not read.
    EXPECT_EQ(run({"XACKDEL", "s", "g1", "IDS", "3", "2-0", "1-0", "4-0"}),
              "*3\r\n:1\r\n:-1\r\n:-1\r\n");
    EXPECT_EQ(run({"XLEN", "s"}), ":4\r\n");
    EXPECT_EQ(pending("g1"), 1);
    // What is pending and no entry any more is acknowledged, and is gone.
    run({"XDEL", "s", "3-0"});
    EXPECT_EQ(run({"XACKDEL", "s", "g1", "IDS", "1", "3-0"}), "*1\r\n:1\r\n");
    EXPECT_EQ(pending("g1"), 0);
}

TEST_F(StreamDeleteTest, XackdelMindsOtherGroups) {
    run({"XREADGROUP", "GROUP", "g2", "bob", "COUNT", "1", "STREAMS", "s", ">"});
    EXPECT_EQ(run({"XACKDEL", "s", "g1", "ACKED", "IDS", "2", "2-0", "3-0"}), "*2\r\n:1\r\n:2\r\n");
    EXPECT_EQ(run({"XLEN", "s"}), ":4\r\n");
    EXPECT_EQ(pending("g1"), 0);
    EXPECT_EQ(run({"XACKDEL", "s", "g2", "ACKED", "IDS", "1", "3-0"}), "*1\r\n:1\r\n");
    EXPECT_EQ(run({"XLEN", "s"}), ":3\r\n");
    for (const char* group : {"g1", "g2"}) {
        run({"XREADGROUP", "GROUP", group, "carol", "COUNT", "1", "STREAMS", "s", ">"});
    }
    EXPECT_EQ(run({"XACKDEL", "s", "g1", "DELREF", "IDS", "1", "4-0"}), "*1\r\n:1\r\n");
    EXPECT_EQ(pending("g2"), 0);
}

TEST_F(StreamDeleteTest, WhereNothingIsEveryIdIsMissing) {
    EXPECT_EQ(run({"XDELEX", "none", "IDS", "2", "1-0", "2-0"}), "*2\r\n:-1\r\n:-1\r\n");
    EXPECT_EQ(run({"XACKDEL", "none", "g", "IDS", "1", "1-0"}), "*1\r\n:-1\r\n");
    EXPECT_EQ(run({"XACKDEL", "s", "none", "ACKED", "IDS", "1", "1-0"}), "*1\r\n:-1\r\n");
    EXPECT_EQ(run({"EXISTS", "none"}), ":0\r\n");
}

TEST_F(StreamDeleteTest, AStreamStaysWhenItIsEmpty) {
    EXPECT_EQ(run({"XDELEX", "s", "IDS", "5", "1-0", "2-0", "3-0", "4-0", "5-0"}),
              "*5\r\n:1\r\n:1\r\n:1\r\n:1\r\n:1\r\n");
    EXPECT_EQ(run({"XLEN", "s"}), ":0\r\n");
    EXPECT_EQ(run({"EXISTS", "s"}), ":1\r\n");
    EXPECT_EQ(run({"XADD", "s", "5-0", "f", "v"}).substr(0, 4), "-ERR");
}

TEST_F(StreamDeleteTest, WhatMakesNoSenseIsRefusedAndChangesNothing) {
    using Words = std::vector<std::string>;
    const std::vector<std::pair<Words, const char*>> cases{
        {{"IDS", "0", "1-0"}, kNotPositive},
        {{"IDS", "-1", "1-0"}, kNotPositive},
        {{"IDS", "x", "1-0"}, kNotPositive},
        {{"IDS", "9223372036854775807", "1-0"}, kNotPositive},
        {{"IDS", "2147483647", "1-0"}, kMismatch},
        {{"IDS", "2", "1-0"}, kMismatch},
        {{"IDS", "1", "1-0", "2-0"}, kMismatch},
        {{"IDS", "2", "1-0", "x"}, kBadId},
        {{"IDS", "1", "-"}, kBadId},
        {{"1", "1-0", "2-0"}, kSyntax},
        {{"NOREF", "IDS", "1", "1-0"}, kSyntax},
        {{"ACKED", "DELREF", "IDS", "1", "1-0"}, kSyntax},
        {{"KEEPREF", "1", "1-0", "IDS"}, kSyntax},
    };
    run({"SET", "string", "v"});
    for (const auto& [words, error] : cases) {
        Words delex{"XDELEX", "s"};
        delex.insert(delex.end(), words.begin(), words.end());
        EXPECT_EQ(runner_.run(delex), error) << words[1];
        Words ackdel{"XACKDEL", "s", "g1"};
        ackdel.insert(ackdel.end(), words.begin(), words.end());
        EXPECT_EQ(runner_.run(ackdel), error) << words[1];
    }
    EXPECT_EQ(run({"XDELEX", "string", "IDS", "1", "1-0"}), kWrongType);
    EXPECT_EQ(run({"XACKDEL", "string", "g", "IDS", "1", "1-0"}), kWrongType);
    EXPECT_EQ(run({"XDELEX", "s", "IDS", "1"}),
              "-ERR wrong number of arguments for 'xdelex' command\r\n");
    EXPECT_EQ(run({"XLEN", "s"}), ":5\r\n");
    EXPECT_EQ(pending("g1"), 2);
}

}  // namespace
}  // namespace gyre::test
