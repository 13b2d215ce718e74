// SPDX-License-Identifier: BSD-3-Clause

// DUMP and RESTORE where there is nothing to compare with: limits, timestamps, default-ttl,
// statistics. Replies and payloads are compared with redis-server in tests/compat/dump_test.cc.

#include <gtest/gtest.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/crc64.h"
#include "snapshot/dump.h"
#include "support/command_runner.h"

namespace gyre::commands {
namespace {

using test::bulk;

class DumpTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    static std::string payload(std::string_view value) {
        return snapshot::dump_string(value).joined();
    }
    test::CommandRunner runner_;
};

TEST_F(DumpTest, what_dump_gives_restore_takes) {
    const std::string long_value(200'000, 'v');
    for (const std::string& value : {std::string("12345"), std::string("text"), long_value}) {
        run({"SET", "a", value});
        EXPECT_EQ(run({"DUMP", "a"}), bulk(payload(value)));
        EXPECT_EQ(run({"RESTORE", "b", "0", payload(value), "REPLACE"}), "+OK\r\n");
        EXPECT_EQ(run({"GET", "b"}), bulk(value));
    }
    EXPECT_EQ(run({"DUMP", "missing"}), "$-1\r\n");
}

TEST_F(DumpTest, a_key_past_its_deadline_is_neither_dumped_nor_in_the_way) {
    run({"SET", "a", "1", "PX", "10"});
    runner_.advance_ms(11);
    EXPECT_EQ(run({"DUMP", "a"}), "$-1\r\n");
    run({"SET", "a", "1", "PX", "10"});
    runner_.advance_ms(11);
    EXPECT_EQ(run({"RESTORE", "a", "0", payload("2")}), "+OK\r\n");
    EXPECT_EQ(run({"GET", "a"}), bulk("2"));
}

TEST_F(DumpTest, dump_is_a_read_and_restore_a_change) {
    run({"SET", "a", "1"});
    const auto before = runner_.dataset().statistics(runner_.executor());
    run({"DUMP", "a"});
    run({"DUMP", "missing"});
    run({"RESTORE", "b", "0", payload("1")});
    run({"RESTORE", "b", "0", payload("1")});  // BUSYKEY
    run({"RESTORE", "b", "1", payload("1"), "REPLACE", "ABSTTL"});
    run({"RESTORE", "b", "1", payload("1"), "ABSTTL"});
    const auto after = runner_.dataset().statistics(runner_.executor());
    EXPECT_EQ(after.keyspace_hits - before.keyspace_hits, 1U);
    EXPECT_EQ(after.keyspace_misses - before.keyspace_misses, 1U);
    EXPECT_EQ(after.changes - before.changes, 2U) << "made, and deleted";
    EXPECT_EQ(run({"DBSIZE"}), ":1\r\n");
}

TEST_F(DumpTest, the_default_ttl_does_not_apply) {
    runner_.dataset().settings.default_ttl_seconds = 100;
    EXPECT_EQ(run({"RESTORE", "a", "0", payload("1")}), "+OK\r\n");
    EXPECT_EQ(run({"TTL", "a"}), ":-1\r\n");
    EXPECT_EQ(run({"RESTORE", "a", "5000", payload("1"), "REPLACE"}), "+OK\r\n");
    EXPECT_EQ(run({"PTTL", "a"}), ":5000\r\n");
}

TEST_F(DumpTest, the_longest_ttl_is_no_overflow) {
    for (const std::string_view option : {"REPLACE", "ABSTTL"}) {
        run({"DEL", "a"});
        EXPECT_EQ(run({"RESTORE", "a", "0009223372036854775807", payload("1"), option}),
                  "-ERR value is not an integer or out of range\r\n");
        EXPECT_EQ(run({"RESTORE", "a", "9223372036854775807", payload("1"), option}), "+OK\r\n");
        EXPECT_EQ(run({"PEXPIRETIME", "a"}), ":9223372036854775806\r\n");
    }
}

TEST_F(DumpTest, a_timestamp_is_raised_by_restore_as_by_every_write) {
    run({"SET", "a", "1", "TIMESTAMP", "5"});
    run({"RESTORE", "a", "0", payload("2"), "REPLACE"});
    const store::Entry* entry = runner_.find("a");
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->timestamp_ms(), runner_.now_ms());
}

TEST_F(DumpTest, restore_keeps_maxkeys) {
    runner_.dataset().set_maxkeys(2, runner_.executor());
    EXPECT_EQ(run({"RESTORE", "a", "0", payload("1")}), "+OK\r\n");
    EXPECT_EQ(run({"RESTORE", "b", "0", payload("1")}), "+OK\r\n");
    EXPECT_EQ(run({"RESTORE", "c", "0", payload("1")}).substr(0, 5), "-OOM ");
    EXPECT_EQ(run({"RESTORE", "b", "0", payload("2"), "REPLACE"}), "+OK\r\n") << "needs no room";
    EXPECT_EQ(runner_.dataset().keys_reserved(), 2);
    EXPECT_EQ(run({"RESTORE", "b", "1", payload("2"), "REPLACE", "ABSTTL"}), "+OK\r\n");
    EXPECT_EQ(runner_.dataset().keys_reserved(), 1);
    runner_.dataset().settings.policy = engine::EvictionPolicy::allkeys_random;
    for (const std::string_view key : {"d", "e", "f"}) {
        EXPECT_EQ(run({"RESTORE", key, "0", payload("1")}), "+OK\r\n");
    }
    EXPECT_EQ(run({"DBSIZE"}), ":2\r\n") << "evicted instead";
}

TEST_F(DumpTest, restore_is_refused_above_maxmemory_and_dump_is_not) {
    run({"SET", "a", "1"});
    runner_.dataset().settings.maxmemory_bytes = 1;
    EXPECT_EQ(run({"RESTORE", "b", "0", payload("1")}).substr(0, 5), "-OOM ");
    EXPECT_EQ(run({"DUMP", "a"}), bulk(payload("1")));
}

TEST_F(DumpTest, the_word_of_s3fifo_is_left_alone) {
    runner_.dataset().set_policy(engine::EvictionPolicy::allkeys_s3fifo, runner_.executor());
    EXPECT_EQ(run({"RESTORE", "a", "0", payload("1"), "FREQ", "255"}), "+OK\r\n");
    EXPECT_EQ(run({"RESTORE", "b", "0", payload("1"), "IDLETIME", "5000"}), "+OK\r\n");
    for (const std::string_view key : {"a", "b"}) {
        EXPECT_LT(runner_.find(key)->access_word(), 16U) << "neither seconds nor minutes";
    }
}

TEST_F(DumpTest, collections_go_there_and_back) {
    run({"RPUSH", "list", "a", "1", "-70000", std::string(100, 'x')});
    run({"SADD", "integers", "1", "2", "70000"});
    run({"SADD", "set", "a", "b", "3"});
    run({"SADD", "large set", std::string(100, 'm'), "n"});
    run({"HSET", "hash", "f", "v", "n", "12"});
    run({"HSET", "large hash", "f", std::string(100, 'v'), "g", "w"});
    const std::vector<std::pair<std::string_view, std::vector<std::string_view>>> questions{
        {"list", {"LRANGE", "copy", "0", "-1"}},
        {"integers", {"SMEMBERS", "copy"}},
        {"set", {"SMISMEMBER", "copy", "a", "b", "3", "c"}},
        {"large set", {"SMISMEMBER", "copy", "n", "c"}},
        {"hash", {"HMGET", "copy", "f", "n", "x"}},
        {"large hash", {"HMGET", "copy", "f", "g", "x"}},
    };
    for (const auto& [name, question] : questions) {
        std::vector<std::string_view> of_original = question;
        of_original[1] = name;
        const std::string reply = run({"DUMP", name});
        const size_t start = reply.find("\r\n") + 2;
        const std::string payload_bytes = reply.substr(start, reply.size() - start - 2);
        EXPECT_EQ(run({"RESTORE", "copy", "0", payload_bytes, "REPLACE"}), "+OK\r\n") << name;
        const std::span<const std::string_view> expected(of_original);
        EXPECT_EQ(runner_.run(std::span<const std::string_view>(question)), runner_.run(expected))
            << name;
        EXPECT_EQ(run({"OBJECT", "ENCODING", "copy"}), run({"OBJECT", "ENCODING", name})) << name;
        EXPECT_EQ(run({"RESTORE", "later", "5000", payload_bytes, "REPLACE"}), "+OK\r\n");
        EXPECT_EQ(run({"TTL", "later"}), ":5\r\n");
        EXPECT_EQ(run({"RESTORE", "later", "0", payload_bytes, "REPLACE"}), "+OK\r\n");
        EXPECT_EQ(run({"TTL", "later"}), ":-1\r\n");
    }
}

TEST_F(DumpTest, a_type_that_is_not_there_is_named) {
    // Of a value of a module only its type matters here.
    std::string value("\x07\x01\x0a\x00", 4);
    const uint64_t checksum = base::crc64(0, value);
    for (int shift = 0; shift < 64; shift += 8) value += static_cast<char>(checksum >> shift);
    EXPECT_EQ(run({"RESTORE", "a", "0", value}),
              "-ERR payload: a module (type 7) at offset 0; values of that type are not there\r\n");
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
}

}  // namespace
}  // namespace gyre::commands
