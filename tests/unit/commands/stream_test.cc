// SPDX-License-Identifier: BSD-3-Clause

// Streams: what depends on the time or is newer than the oracle of the differential tests. Expected
// replies are those of redis-server 7.2.

#include <gtest/gtest.h>

#include <string>

#include "support/command_runner.h"

namespace gyre::test {
namespace {

class StreamCommandTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    std::string id(int64_t after_ms, int seq) const {
        return bulk(std::to_string(runner_.now_ms() + after_ms) + "-" + std::to_string(seq));
    }

    CommandRunner runner_;
};

TEST_F(StreamCommandTest, IdsOfTheServerRiseWhateverTheClockDoes) {
    EXPECT_EQ(run({"XADD", "s", "*", "f", "v"}), id(0, 0));
    EXPECT_EQ(run({"XADD", "s", "*", "f", "v"}), id(0, 1));
    runner_.advance_ms(-5000);
    EXPECT_EQ(run({"XADD", "s", "*", "f", "v"}), id(5000, 2));
    runner_.advance_ms(6000);
    EXPECT_EQ(run({"XADD", "s", "*", "f", "v"}), id(0, 0));
    EXPECT_EQ(run({"OBJECT", "ENCODING", "s"}), bulk("stream"));
    EXPECT_EQ(run({"TYPE", "s"}), "+stream\r\n");
}

TEST_F(StreamCommandTest, TheLastIdOfAllEndsAStream) {
    EXPECT_EQ(run({"XADD", "s", "18446744073709551615-18446744073709551614", "f", "v"}),
              bulk("18446744073709551615-18446744073709551614"));
    EXPECT_EQ(run({"XADD", "s", "*", "f", "v"}), bulk("18446744073709551615-18446744073709551615"));
    EXPECT_EQ(run({"XADD", "s", "*", "f", "v"}),
              "-ERR The stream has exhausted the last possible ID, unable to add more items\r\n");
    EXPECT_EQ(run({"XADD", "t", "5-18446744073709551615", "f", "v"}),
              bulk("5-18446744073709551615"));
    EXPECT_EQ(run({"XADD", "t", "5-*", "f", "v"}), "-ERR Elements are too large to be stored\r\n");
}

TEST_F(StreamCommandTest, PendingEntriesKnowHowLongTheyWait) {
    run({"XADD", "s", "1-1", "f", "v"});
    run({"XADD", "s", "2-1", "f", "v"});
    run({"XGROUP", "CREATE", "s", "g", "0"});
    run({"XREADGROUP", "GROUP", "g", "alice", "COUNT", "1", "STREAMS", "s", ">"});
    runner_.advance_ms(700);
    run({"XREADGROUP", "GROUP", "g", "bob", "STREAMS", "s", ">"});
    runner_.advance_ms(300);
    EXPECT_EQ(run({"XPENDING", "s", "g", "-", "+", "10"}),
              "*2\r\n*4\r\n" + bulk("1-1") + bulk("alice") + ":1000\r\n:1\r\n*4\r\n" + bulk("2-1") +
                  bulk("bob") + ":300\r\n:1\r\n");
    EXPECT_EQ(run({"XPENDING", "s", "g", "IDLE", "500", "-", "+", "10"}),
              "*1\r\n*4\r\n" + bulk("1-1") + bulk("alice") + ":1000\r\n:1\r\n");
    EXPECT_EQ(run({"XPENDING", "s", "g", "-", "+", "10", "bob"}),
              "*1\r\n*4\r\n" + bulk("2-1") + bulk("bob") + ":300\r\n:1\r\n");
    EXPECT_EQ(run({"XPENDING", "s", "g", "(1-1", "+", "10", "alice"}), "*0\r\n");
    EXPECT_EQ(run({"XPENDING", "s", "g", "IDLE", "500", "-", "+"}), "-ERR syntax error\r\n");
}

TEST_F(StreamCommandTest, ClaimingMindsTheIdleTime) {
    run({"XADD", "s", "1-1", "f", "v"});
    run({"XGROUP", "CREATE", "s", "g", "0"});
    run({"XREADGROUP", "GROUP", "g", "alice", "STREAMS", "s", ">"});
    runner_.advance_ms(1000);
    EXPECT_EQ(run({"XCLAIM", "s", "g", "bob", "1001", "1-1", "JUSTID"}), "*0\r\n");
    EXPECT_EQ(run({"XAUTOCLAIM", "s", "g", "bob", "1001", "-", "JUSTID"}),
              "*3\r\n" + bulk("0-0") + "*0\r\n*0\r\n");
    EXPECT_EQ(run({"XCLAIM", "s", "g", "bob", "1000", "1-1", "IDLE", "400"}),
              "*1\r\n*2\r\n" + bulk("1-1") + "*2\r\n" + bulk("f") + bulk("v"));
    EXPECT_EQ(run({"XPENDING", "s", "g", "-", "+", "10"}),
              "*1\r\n*4\r\n" + bulk("1-1") + bulk("bob") + ":400\r\n:2\r\n");
    EXPECT_EQ(
        run({"XCLAIM", "s", "g", "bob", "0", "1-1", "IDLE", "-9223372036854775808", "JUSTID"}),
        "*1\r\n" + bulk("1-1"));
    EXPECT_EQ(run({"XPENDING", "s", "g", "-", "+", "10"}),
              "*1\r\n*4\r\n" + bulk("1-1") + bulk("bob") + ":0\r\n:2\r\n");
    run({"XDEL", "s", "1-1"});
    EXPECT_EQ(run({"XAUTOCLAIM", "s", "g", "alice", "0", "-"}),
              "*3\r\n" + bulk("0-0") + "*0\r\n*1\r\n" + bulk("1-1"));
}

TEST_F(StreamCommandTest, XinfoShowsConsumersAsRedis72Does) {
    run({"XADD", "s", "1-1", "f", "v"});
    run({"XGROUP", "CREATE", "s", "g", "0"});
    run({"XGROUP", "CREATECONSUMER", "s", "g", "idler"});
    run({"XREADGROUP", "GROUP", "g", "alice", "STREAMS", "s", ">"});
    runner_.advance_ms(50);
    run({"XREADGROUP", "GROUP", "g", "alice", "STREAMS", "s", ">"});
    runner_.advance_ms(5);
    EXPECT_EQ(run({"XINFO", "CONSUMERS", "s", "g"}),
              "*2\r\n*8\r\n" + bulk("name") + bulk("alice") + bulk("pending") + ":1\r\n" +
                  bulk("idle") + ":5\r\n" + bulk("inactive") + ":55\r\n*8\r\n" + bulk("name") +
                  bulk("idler") + bulk("pending") + ":0\r\n" + bulk("idle") + ":55\r\n" +
                  bulk("inactive") + ":-1\r\n");
}

TEST_F(StreamCommandTest, XinfoStreamShowsAll) {
    EXPECT_EQ(run({"XINFO", "STREAM", "s"}), "-ERR no such key\r\n");
    run({"XADD", "s", "1-1", "f", "v"});
    const std::string entry = "*2\r\n" + bulk("1-1") + "*2\r\n" + bulk("f") + bulk("v");
    const std::string state = bulk("length") + ":1\r\n" + bulk("radix-tree-keys") + ":1\r\n" +
                              bulk("radix-tree-nodes") + ":2\r\n" + bulk("last-generated-id") +
                              bulk("1-1") + bulk("max-deleted-entry-id") + bulk("0-0") +
                              bulk("entries-added") + ":1\r\n" + bulk("recorded-first-entry-id") +
                              bulk("1-1");
    EXPECT_EQ(run({"XINFO", "STREAM", "s"}), "*20\r\n" + state + bulk("groups") + ":0\r\n" +
                                                 bulk("first-entry") + entry + bulk("last-entry") +
                                                 entry);
    run({"XGROUP", "CREATE", "s", "g", "0"});
    run({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"});
    const std::string now = ":" + std::to_string(runner_.now_ms()) + "\r\n";
    EXPECT_EQ(run({"XINFO", "STREAM", "s", "FULL", "COUNT", "0"}),
              "*18\r\n" + state + bulk("entries") + "*1\r\n" + entry + bulk("groups") +
                  "*1\r\n*14\r\n" + bulk("name") + bulk("g") + bulk("last-delivered-id") +
                  bulk("1-1") + bulk("entries-read") + ":1\r\n" + bulk("lag") + ":0\r\n" +
                  bulk("pel-count") + ":1\r\n" + bulk("pending") + "*1\r\n*4\r\n" + bulk("1-1") +
                  bulk("c") + now + ":1\r\n" + bulk("consumers") + "*1\r\n*10\r\n" + bulk("name") +
                  bulk("c") + bulk("seen-time") + now + bulk("active-time") + now +
                  bulk("pel-count") + ":1\r\n" + bulk("pending") + "*1\r\n*3\r\n" + bulk("1-1") +
                  now + ":1\r\n");
}

TEST_F(StreamCommandTest, TheEndsOfAnIntervalAreIdsForXgroupSetidAlone) {
    const std::string bad = "-ERR Invalid stream ID specified as stream command argument\r\n";
    const auto position = [&] {
        const std::string groups = run({"XINFO", "GROUPS", "s"});
        const std::string name = bulk("last-delivered-id");
        return groups.substr(groups.find(name) + name.size());
    };
    run({"XADD", "s", "1-1", "f", "v"});
    EXPECT_EQ(run({"XGROUP", "CREATE", "s", "g", "+"}), bad);
    EXPECT_EQ(run({"XGROUP", "CREATE", "s", "g", "-"}), bad);
    EXPECT_EQ(run({"XGROUP", "CREATE", "s", "g", "0"}), "+OK\r\n");
    EXPECT_EQ(run({"XGROUP", "SETID", "s", "g", "+"}), "+OK\r\n");
    EXPECT_TRUE(position().starts_with(bulk("18446744073709551615-18446744073709551615")));
    EXPECT_EQ(run({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"}), "*-1\r\n");
    EXPECT_EQ(run({"XGROUP", "SETID", "s", "g", "-"}), "+OK\r\n");
    EXPECT_TRUE(position().starts_with(bulk("0-0")));
    EXPECT_EQ(run({"XGROUP", "SETID", "s", "g", "(1"}), bad);
}

TEST_F(StreamCommandTest, XgroupCountsItsArgumentsLast) {
    const std::string form = "-ERR unknown subcommand or wrong number of arguments for '";
    const std::string create = form + "CREATE'. Try XGROUP HELP.\r\n";
    const std::string set_id = form + "SETID'. Try XGROUP HELP.\r\n";
    EXPECT_EQ(run({"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM", "MKSTREAM", "ENTRIESREAD", "1"}),
              create);
    EXPECT_EQ(run({"EXISTS", "s"}), ":0\r\n");
    EXPECT_EQ(run({"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM", "MKSTREAM", "MKSTREAM"}),
              "+OK\r\n");
    EXPECT_EQ(run({"XGROUP", "CREATE", "s", "h", "0", "ENTRIESREAD", "1", "ENTRIESREAD", "2"}),
              create);
    EXPECT_EQ(run({"XGROUP", "SETID", "s", "g", "0", "ENTRIESREAD", "1", "ENTRIESREAD", "2"}),
              set_id);
    // What else is wrong comes first.
    EXPECT_EQ(run({"XGROUP", "SETID", "s", "h", "0", "ENTRIESREAD", "1", "ENTRIESREAD", "2"}),
              "-NOGROUP No such consumer group 'h' for key name 's'\r\n");
    EXPECT_EQ(run({"XGROUP", "SETID", "s", "g", "0", "ENTRIESREAD", "1"}), "+OK\r\n");
}

TEST_F(StreamCommandTest, AGroupNamedTwiceGivesNoEntryTwice) {
    const auto entry = [](const char* name) {
        return "*2\r\n" + bulk(name) + "*2\r\n" + bulk("f") + bulk("v");
    };
    const std::string part = "*2\r\n" + bulk("s");
    for (const char* name : {"1-1", "2-1", "3-1"}) run({"XADD", "s", name, "f", "v"});
    run({"XGROUP", "CREATE", "s", "g", "0"});
    EXPECT_EQ(run({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "s", ">", ">"}),
              "*1\r\n" + part + "*3\r\n" + entry("1-1") + entry("2-1") + entry("3-1"));
    EXPECT_EQ(run({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "s", ">", ">"}), "*-1\r\n");
    run({"XGROUP", "SETID", "s", "g", "0"});
    EXPECT_EQ(
        run({"XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "s", "s", "s", ">", ">",
             ">"}),
        "*2\r\n" + part + "*2\r\n" + entry("1-1") + entry("2-1") + part + "*1\r\n" + entry("3-1"));
    // What is pending is another matter, and may be asked for twice.
    EXPECT_EQ(run({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "s", "s", "2-1", ">", "2-1"}),
              "*2\r\n" + part + "*1\r\n" + entry("3-1") + part + "*1\r\n" + entry("3-1"));
    const char* const last = "18446744073709551615-18446744073709551615";
    run({"XADD", "s", last, "f", "v"});
    EXPECT_EQ(run({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "s", ">", ">"}),
              "*1\r\n" + part + "*1\r\n" + entry(last));
    EXPECT_EQ(run({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", "s", ">", ">"}), "*-1\r\n");
}

TEST_F(StreamCommandTest, XreadAnswersWithAMapInResp3) {
    run({"XADD", "s", "1-1", "f", "v"});
    runner_.use_resp3();
    EXPECT_EQ(
        run({"XREAD", "STREAMS", "s", "none", "0", "0"}),
        "%1\r\n" + bulk("s") + "*1\r\n*2\r\n" + bulk("1-1") + "*2\r\n" + bulk("f") + bulk("v"));
    EXPECT_EQ(run({"XREAD", "STREAMS", "s", "1-1"}), "_\r\n");
}

TEST_F(StreamCommandTest, CopiesHaveTheirOwnGroups) {
    run({"XADD", "s", "1-1", "f", "v"});
    run({"XGROUP", "CREATE", "s", "g", "0"});
    run({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"});
    EXPECT_EQ(run({"COPY", "s", "t"}), ":1\r\n");
    EXPECT_EQ(run({"XACK", "t", "g", "1-1"}), ":1\r\n");
    EXPECT_EQ(run({"XACK", "s", "g", "1-1"}), ":1\r\n");
    EXPECT_EQ(run({"XGROUP", "DESTROY", "t", "g"}), ":1\r\n");
    EXPECT_EQ(run({"RENAME", "t", "u"}), "+OK\r\n");
    EXPECT_EQ(run({"XLEN", "u"}), ":1\r\n");
}

}  // namespace
}  // namespace gyre::test
