// SPDX-License-Identifier: BSD-3-Clause

// Commands on keys of any type. Replies were compared with redis-server 7.0.15.

#include <gtest/gtest.h>

#include <string>

#include "support/command_runner.h"

namespace {

using gyre::test::bulk;
using gyre::test::CommandRunner;

constexpr std::string_view kDatabaseRange = "-ERR DB index is out of range\r\n";
constexpr std::string_view kSame = "-ERR source and destination objects are the same\r\n";
constexpr std::string_view kSyntax = "-ERR syntax error\r\n";

class GenericTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    CommandRunner runner_;
};

TEST_F(GenericTest, del_and_its_other_names_count_what_they_removed) {
    for (const std::string_view name : {"DEL", "DELETE", "UNLINK"}) {
        run({"MSET", "a", "1", "b", "2", "c", "3"});
        EXPECT_EQ(run({name, "a", "a", "missing", "b"}), ":2\r\n");
        EXPECT_EQ(run({"EXISTS", "a", "b", "c"}), ":1\r\n");
    }
    EXPECT_EQ(run({"DEL"}), "-ERR wrong number of arguments for 'del' command\r\n");
}

TEST_F(GenericTest, del_does_not_count_a_key_past_its_deadline) {
    run({"SET", "a", "1", "PX", "10"});
    runner_.advance_ms(11);
    EXPECT_EQ(run({"DEL", "a"}), ":0\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
}

TEST_F(GenericTest, exists_and_touch_count_a_key_as_often_as_it_is_named) {
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"EXISTS", "a", "a", "missing"}), ":2\r\n");
    EXPECT_EQ(run({"TOUCH", "a", "a", "missing"}), ":2\r\n");
}

TEST_F(GenericTest, only_touch_and_reads_mark_a_key_as_used) {
    run({"SET", "a", "1"});
    runner_.advance_ms(30'000);
    run({"EXISTS", "a"});
    run({"TYPE", "a"});
    run({"TTL", "a"});
    EXPECT_EQ(run({"OBJECT", "IDLETIME", "a"}), ":30\r\n");
    runner_.session().no_touch = true;
    run({"GET", "a"});
    EXPECT_EQ(run({"OBJECT", "IDLETIME", "a"}), ":30\r\n");
    run({"TOUCH", "a"});
    EXPECT_EQ(run({"OBJECT", "IDLETIME", "a"}), ":0\r\n");
}

TEST_F(GenericTest, type_names_the_type_or_none) {
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"TYPE", "a"}), "+string\r\n");
    EXPECT_EQ(run({"TYPE", "missing"}), "+none\r\n");
}

TEST_F(GenericTest, rename_takes_value_and_deadline_along_and_replaces_the_target) {
    run({"SET", "a", "value", "PX", "5000"});
    run({"SET", "b", "other"});
    EXPECT_EQ(run({"RENAME", "a", "b"}), "+OK\r\n");
    EXPECT_EQ(run({"GET", "b"}), "$5\r\nvalue\r\n");
    EXPECT_EQ(run({"PTTL", "b"}), ":5000\r\n");
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
    EXPECT_EQ(run({"DBSIZE"}), ":1\r\n");
    // The target's deadline does not stay.
    run({"SET", "c", "1"});
    run({"RENAME", "c", "b"});
    EXPECT_EQ(run({"PTTL", "b"}), ":-1\r\n");
}

TEST_F(GenericTest, what_replaces_a_key_with_a_timestamp_is_a_write_of_now) {
    const std::string now = std::to_string(runner_.now_ms());
    const std::string later = std::to_string(runner_.now_ms() + 1);
    for (const bool renames : {true, false}) {
        const auto replace = [&] {
            return renames ? run({"RENAME", "other", "t"}) : run({"COPY", "other", "t", "REPLACE"});
        };
        run({"SET", "t", "old", "TIMESTAMP", "1000"});
        run({"SET", "other", "new"});
        EXPECT_EQ(replace(), renames ? "+OK\r\n" : ":1\r\n");
        EXPECT_EQ(run({"SET", "t", "older", "TIMESTAMP", "2000"}), "$-1\r\n");
        EXPECT_EQ(run({"SET", "t", "same", "TIMESTAMP", now}), "$-1\r\n");
        EXPECT_EQ(run({"GET", "t"}), bulk("new"));
        // The source's own is later than now: it is what counts.
        run({"SET", "other", "latest", "TIMESTAMP", later});
        replace();
        EXPECT_EQ(run({"SET", "t", "same", "TIMESTAMP", later}), "$-1\r\n");
        EXPECT_EQ(run({"GET", "t"}), bulk("latest"));
        run({"DEL", "t", "other"});
    }
}

TEST_F(GenericTest, a_timestamp_goes_with_its_value_and_none_comes_into_being) {
    run({"SET", "a", "1", "TIMESTAMP", "1000"});
    run({"SET", "b", "2"});
    EXPECT_EQ(run({"RENAME", "a", "b"}), "+OK\r\n");
    EXPECT_EQ(run({"SET", "b", "3", "TIMESTAMP", "1000"}), "$-1\r\n");
    EXPECT_EQ(run({"SET", "b", "3", "TIMESTAMP", "1001"}), "+OK\r\n");
    run({"SET", "c", "1"});
    run({"SET", "d", "1"});
    run({"COPY", "c", "d", "REPLACE"});
    EXPECT_EQ(run({"SET", "d", "2", "TIMESTAMP", "1"}), "+OK\r\n");
}

TEST_F(GenericTest, rename_to_itself_needs_the_key_only) {
    EXPECT_EQ(run({"RENAME", "missing", "missing"}), "-ERR no such key\r\n");
    EXPECT_EQ(run({"RENAME", "missing", "a"}), "-ERR no such key\r\n");
    run({"SET", "a", "1"});
    EXPECT_EQ(run({"RENAME", "a", "a"}), "+OK\r\n");
    EXPECT_EQ(run({"RENAMENX", "a", "a"}), ":0\r\n");
    EXPECT_EQ(run({"GET", "a"}), "$1\r\n1\r\n");
}

TEST_F(GenericTest, renamenx_leaves_a_target_alone) {
    run({"MSET", "a", "1", "b", "2"});
    EXPECT_EQ(run({"RENAMENX", "a", "b"}), ":0\r\n");
    EXPECT_EQ(run({"MGET", "a", "b"}), "*2\r\n$1\r\n1\r\n$1\r\n2\r\n");
    EXPECT_EQ(run({"RENAMENX", "a", "c"}), ":1\r\n");
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
    // A target past its deadline does not count.
    run({"SET", "b", "2", "PX", "10"});
    runner_.advance_ms(11);
    EXPECT_EQ(run({"RENAMENX", "c", "b"}), ":1\r\n");
    EXPECT_EQ(run({"PTTL", "b"}), ":-1\r\n");
}

TEST_F(GenericTest, copy_checks_its_options_before_it_looks_at_keys) {
    run({"MSET", "a", "1", "b", "2"});
    EXPECT_EQ(run({"COPY", "a", "b", "DB"}), kSyntax);
    EXPECT_EQ(run({"COPY", "a", "b", "FOO"}), kSyntax);
    EXPECT_EQ(run({"COPY", "a", "b", "DB", "x"}),
              "-ERR value is not an integer or out of range\r\n");
    EXPECT_EQ(run({"COPY", "a", "b", "DB", "99"}), kDatabaseRange);
    EXPECT_EQ(run({"COPY", "a", "b", "DB", "-1"}), kDatabaseRange);
    EXPECT_EQ(run({"COPY", "a", "b", "DB", "99", "FOO"}), kDatabaseRange);
    EXPECT_EQ(run({"COPY", "a", "b", "DB", "8589934592"}),
              "-ERR value is out of range, value must between -2147483648 and 2147483647\r\n");
    EXPECT_EQ(run({"COPY", "missing", "missing"}), kSame);
    EXPECT_EQ(run({"COPY", "a", "a", "DB", "0"}), kSame);
}

TEST_F(GenericTest, copy_makes_a_key_of_its_own) {
    run({"SET", "a", "value", "PX", "5000"});
    EXPECT_EQ(run({"COPY", "a", "b"}), ":1\r\n");
    run({"APPEND", "a", "+"});
    EXPECT_EQ(run({"MGET", "a", "b"}), "*2\r\n$6\r\nvalue+\r\n$5\r\nvalue\r\n");
    EXPECT_EQ(run({"PTTL", "b"}), ":5000\r\n");
    EXPECT_EQ(run({"COPY", "a", "b"}), ":0\r\n");
    EXPECT_EQ(run({"COPY", "a", "b", "REPLACE"}), ":1\r\n");
    EXPECT_EQ(run({"GET", "b"}), "$6\r\nvalue+\r\n");
    EXPECT_EQ(run({"COPY", "missing", "b", "REPLACE"}), ":0\r\n");
    EXPECT_EQ(run({"GET", "b"}), "$6\r\nvalue+\r\n");
}

TEST_F(GenericTest, copies_of_a_large_value_change_apart) {
    const std::string large(100'000, 'x');
    run({"SET", "a", large});
    EXPECT_EQ(run({"COPY", "a", "b"}), ":1\r\n");
    run({"SETRANGE", "b", "0", "y"});
    EXPECT_EQ(run({"GET", "a"}), bulk(large));
    EXPECT_EQ(run({"GET", "b"}), bulk("y" + large.substr(1)));
    run({"DEL", "a"});
    EXPECT_EQ(run({"GET", "b"}), bulk("y" + large.substr(1)));
}

TEST_F(GenericTest, copy_and_move_reach_other_databases) {
    run({"SET", "a", "1", "PX", "5000"});
    EXPECT_EQ(run({"COPY", "a", "a", "DB", "1"}), ":1\r\n");
    EXPECT_EQ(run({"COPY", "a", "a", "DB", "1"}), ":0\r\n");
    EXPECT_EQ(run({"MOVE", "a", "1"}), ":0\r\n");
    EXPECT_EQ(run({"MOVE", "a", "2"}), ":1\r\n");
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
    runner_.session().database = 2;
    EXPECT_EQ(run({"GET", "a"}), "$1\r\n1\r\n");
    EXPECT_EQ(run({"PTTL", "a"}), ":5000\r\n");
    runner_.session().database = 1;
    EXPECT_EQ(run({"GET", "a"}), "$1\r\n1\r\n");
}

TEST_F(GenericTest, move_checks_the_database_first) {
    EXPECT_EQ(run({"MOVE", "missing", "x"}), "-ERR value is not an integer or out of range\r\n");
    EXPECT_EQ(run({"MOVE", "missing", "99"}), kDatabaseRange);
    EXPECT_EQ(run({"MOVE", "missing", "-1"}), kDatabaseRange);
    EXPECT_EQ(run({"MOVE", "missing", "0"}), kSame);
    EXPECT_EQ(run({"MOVE", "missing", "1"}), ":0\r\n");
}

TEST_F(GenericTest, copy_is_refused_only_when_it_would_make_a_key_too_many) {
    run({"MSET", "a", "1", "b", "2"});
    runner_.dataset().set_maxkeys(2, runner_.executor());
    EXPECT_EQ(run({"COPY", "a", "c"}),
              "-OOM command not allowed when the number of keys would exceed 'maxkeys'.\r\n");
    EXPECT_EQ(run({"COPY", "a", "b", "REPLACE"}), ":1\r\n");
    EXPECT_EQ(run({"COPY", "missing", "c"}), ":0\r\n");
    EXPECT_EQ(run({"COPY", "a", "c", "DB", "x"}),
              "-ERR value is not an integer or out of range\r\n");
    EXPECT_EQ(run({"RENAME", "a", "c"}), "+OK\r\n");
    run({"DEL", "c"});
    EXPECT_EQ(run({"COPY", "b", "a", "DB", "3"}), ":1\r\n");
    EXPECT_EQ(runner_.dataset().keys_reserved(), 2);
}

TEST_F(GenericTest, object_tells_encoding_idle_time_and_references) {
    run({"MSET", "int", "12", "short", "abc", "long", std::string(45, 'x')});
    EXPECT_EQ(run({"OBJECT", "ENCODING", "int"}), "$3\r\nint\r\n");
    EXPECT_EQ(run({"OBJECT", "ENCODING", "short"}), "$6\r\nembstr\r\n");
    EXPECT_EQ(run({"OBJECT", "ENCODING", "long"}), "$3\r\nraw\r\n");
    EXPECT_EQ(run({"OBJECT", "REFCOUNT", "int"}), ":1\r\n");
    runner_.advance_ms(7000);
    EXPECT_EQ(run({"OBJECT", "IDLETIME", "int"}), ":7\r\n");
    for (const std::string_view word : {"ENCODING", "REFCOUNT", "IDLETIME", "FREQ"}) {
        EXPECT_EQ(run({"OBJECT", word, "missing"}), "$-1\r\n");
    }
    runner_.use_resp3();
    EXPECT_EQ(run({"OBJECT", "ENCODING", "missing"}), "_\r\n");
}

TEST_F(GenericTest, object_freq_and_idletime_depend_on_the_policy) {
    run({"SET", "a", "1"});
    EXPECT_TRUE(run({"OBJECT", "FREQ", "a"})
                    .starts_with("-ERR An LFU maxmemory policy is not selected, access"));
    runner_.dataset().settings.policy = gyre::engine::EvictionPolicy::allkeys_lfu;
    run({"SET", "b", "1"});
    EXPECT_EQ(run({"OBJECT", "FREQ", "b"}), ":5\r\n");
    EXPECT_TRUE(run({"OBJECT", "IDLETIME", "a"})
                    .starts_with("-ERR An LFU maxmemory policy is selected, idle time"));
}

TEST_F(GenericTest, under_s3fifo_object_freq_is_what_the_policy_goes_by) {
    runner_.dataset().set_policy(gyre::engine::EvictionPolicy::allkeys_s3fifo, runner_.executor());
    run({"SET", "a", "1"});
    for (const std::string_view frequency : {":0\r\n", ":1\r\n", ":2\r\n", ":3\r\n", ":3\r\n"}) {
        EXPECT_EQ(run({"OBJECT", "FREQ", "a"}), frequency);
        run({"GET", "a"});
    }
    EXPECT_EQ(run({"RENAME", "a", "b"}), "+OK\r\n");
    EXPECT_EQ(run({"OBJECT", "FREQ", "b"}), ":3\r\n");
    run({"SELECT", "1"});
    run({"SET", "c", "1"});
    run({"APPEND", "c", "2"});
    EXPECT_EQ(run({"OBJECT", "FREQ", "c"}), ":1\r\n");
    EXPECT_EQ(run({"MOVE", "c", "0"}), ":1\r\n");
    run({"SELECT", "0"});
    EXPECT_EQ(run({"OBJECT", "FREQ", "c"}).substr(0, 1), ":");
    EXPECT_TRUE(run({"OBJECT", "IDLETIME", "c"})
                    .starts_with("-ERR An S3-FIFO maxmemory policy is selected, idle time"));
}

TEST_F(GenericTest, object_without_a_known_word_explains_itself) {
    EXPECT_EQ(run({"OBJECT"}), "-ERR wrong number of arguments for 'object' command\r\n");
    EXPECT_EQ(run({"OBJECT", "FOO"}), "-ERR unknown subcommand 'FOO'. Try OBJECT HELP.\r\n");
    EXPECT_EQ(run({"OBJECT", "ENCODING"}),
              "-ERR wrong number of arguments for 'object|encoding' command\r\n");
    EXPECT_TRUE(run({"OBJECT", "HELP"})
                    .starts_with("*15\r\n+OBJECT <subcommand> [<arg> [value] [opt] ...]. "
                                 "Subcommands are:\r\n+ENCODING <key>\r\n"));
}

}  // namespace
