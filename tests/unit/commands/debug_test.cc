// SPDX-License-Identifier: BSD-3-Clause

// DEBUG. Replies were compared with redis-server 7.0.15, but for MEMORY-CHECK, which is our own,
// and STRINGMATCH-LEN.

#include <gtest/gtest.h>

#include <string>

#include "base/memory.h"
#include "support/command_runner.h"

namespace {

using gyre::test::CommandRunner;

class DebugTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    CommandRunner runner_;
};

TEST_F(DebugTest, is_refused_unless_the_configuration_allows_it) {
    runner_.configuration().is_debug_allowed = false;
    EXPECT_EQ(run({"DEBUG", "ERROR", "x"}),
              "-ERR DEBUG command not allowed. If the enable-debug-command option is set to "
              "\"local\", you can run it from a local connection, otherwise you need to set this "
              "option in the configuration file, and then restart the server.\r\n");
}

TEST_F(DebugTest, unknown_words_and_wrong_counts_share_one_error) {
    const auto unknown = [](std::string_view word) {
        return "-ERR unknown subcommand or wrong number of arguments for '" + std::string(word) +
               "'. Try DEBUG HELP.\r\n";
    };
    EXPECT_EQ(run({"DEBUG", "FOO"}), unknown("FOO"));
    EXPECT_EQ(run({"DEBUG", "OBJECT"}), unknown("OBJECT"));
    EXPECT_EQ(run({"DEBUG", "object", "a", "fast"}), unknown("object"));
    EXPECT_EQ(run({"DEBUG", "POPULATE", "1", "a", "2", "b"}), unknown("POPULATE"));
    EXPECT_EQ(run({"DEBUG"}), "-ERR wrong number of arguments for 'debug' command\r\n");
}

TEST_F(DebugTest, digests_are_of_the_data_and_not_of_its_form) {
    const auto digest = [this] { return run({"DEBUG", "DIGEST"}); };
    const std::string nothing = "+" + std::string(40, '0') + "\r\n";
    EXPECT_EQ(digest(), nothing);
    run({"SET", "a", "12"});
    run({"SADD", "s", "1", "2", "x"});
    run({"HSET", "h", "f", "1", "g", "2"});
    const std::string before = digest();
    // The same by another way, in other encodings.
    run({"FLUSHALL"});
    run({"SADD", "s", "x", "2", std::string(100, 'm'), "1"});
    run({"SREM", "s", std::string(100, 'm')});
    run({"HSET", "h", "g", "2", "long", std::string(100, 'v'), "f", "1"});
    run({"HDEL", "h", "long"});
    run({"SET", "a", "1"});
    EXPECT_NE(digest(), before);
    run({"APPEND", "a", "2"});
    EXPECT_EQ(digest(), before);
    // What is past its deadline is not there.
    run({"SET", "gone", "x", "PX", "10"});
    EXPECT_NE(digest(), before);
    runner_.advance_ms(11);
    EXPECT_EQ(digest(), before);
    EXPECT_EQ(run({"DEBUG", "DIGEST-VALUE", "gone", "nothing"}), "*2\r\n" + nothing + nothing);
}

TEST_F(DebugTest, digest_sees_that_a_field_has_a_deadline) {
    run({"HSET", "h", "f", "1"});
    const std::string without = run({"DEBUG", "DIGEST-VALUE", "h"});
    run({"HPEXPIRE", "h", "5000", "FIELDS", "1", "f"});
    EXPECT_NE(run({"DEBUG", "DIGEST-VALUE", "h"}), without);
    run({"HPERSIST", "h", "FIELDS", "1", "f"});
    EXPECT_EQ(run({"DEBUG", "DIGEST-VALUE", "h"}), without);
}

TEST_F(DebugTest, object_shows_encoding_and_length) {
    const auto length_of = [this](std::string_view value) {
        run({"SET", "a", value});
        const std::string reply = run({"DEBUG", "OBJECT", "a"});
        const size_t at = reply.find("serializedlength:");
        EXPECT_TRUE(reply.starts_with("+Value at:0x")) << reply;
        return std::stoi(reply.substr(at + 17));
    };
    // What redis-server gives for these.
    EXPECT_EQ(length_of("127"), 2);
    EXPECT_EQ(length_of("128"), 3);
    EXPECT_EQ(length_of("-129"), 3);
    EXPECT_EQ(length_of("100000"), 5);
    EXPECT_EQ(length_of("2147483648"), 11);
    EXPECT_EQ(length_of("12345678901"), 12);
    EXPECT_EQ(length_of("abc"), 4);
    runner_.advance_ms(5000);
    const std::string reply = run({"DEBUG", "OBJECT", "a"});
    EXPECT_NE(reply.find(" refcount:1 encoding:embstr "), std::string::npos);
    EXPECT_TRUE(reply.ends_with(" lru_seconds_idle:5\r\n"));
    EXPECT_EQ(run({"DEBUG", "OBJECT", "missing"}), "-ERR no such key\r\n");
}

TEST_F(DebugTest, error_and_log_take_any_text) {
    EXPECT_EQ(run({"DEBUG", "ERROR", "hello"}), "-hello\r\n");
    EXPECT_EQ(run({"DEBUG", "ERROR", "-FOO a\r\nb"}), "--FOO a  b\r\n");
    EXPECT_EQ(run({"DEBUG", "LOG", "a message of the test"}), "+OK\r\n");
}

TEST_F(DebugTest, sleep_reads_its_number_leniently) {
    EXPECT_EQ(run({"DEBUG", "SLEEP", "0"}), "+OK\r\n");
    EXPECT_EQ(run({"DEBUG", "SLEEP", "x"}), "+OK\r\n");
    EXPECT_EQ(run({"DEBUG", "SLEEP", "-1"}), "+OK\r\n");
    EXPECT_EQ(run({"DEBUG", "SLEEP", "nan"}), "+OK\r\n");
}

TEST_F(DebugTest, set_active_expire_turns_a_setting) {
    EXPECT_EQ(run({"DEBUG", "SET-ACTIVE-EXPIRE", "0"}), "+OK\r\n");
    EXPECT_FALSE(runner_.dataset().settings.active_expire);
    EXPECT_EQ(run({"DEBUG", "SET-ACTIVE-EXPIRE", "1"}), "+OK\r\n");
    EXPECT_TRUE(runner_.dataset().settings.active_expire);
}

TEST_F(DebugTest, stringmatch_matches_globs) {
    EXPECT_EQ(run({"DEBUG", "STRINGMATCH-LEN", "a*c", "abbc"}), ":1\r\n");
    EXPECT_EQ(run({"DEBUG", "STRINGMATCH-LEN", "a*c", "abbd"}), ":0\r\n");
}

TEST_F(DebugTest, populate_makes_keys_that_are_missing) {
    run({"SET", "key:1", "mine"});
    EXPECT_EQ(run({"DEBUG", "POPULATE", "3"}), "+OK\r\n");
    EXPECT_EQ(run({"MGET", "key:0", "key:1", "key:2", "key:3"}),
              "*4\r\n$7\r\nvalue:0\r\n$4\r\nmine\r\n$7\r\nvalue:2\r\n$-1\r\n");
    EXPECT_EQ(run({"DEBUG", "POPULATE", "2", "foo", "12"}), "+OK\r\n");
    EXPECT_EQ(run({"GET", "foo:1"}), "$12\r\nvalue:1" + std::string(5, '\0') + "\r\n");
    EXPECT_EQ(run({"DEBUG", "POPULATE", "1", "bar", "3"}), "+OK\r\n");
    EXPECT_EQ(run({"GET", "bar:0"}), "$3\r\nval\r\n");
    EXPECT_EQ(run({"DEBUG", "POPULATE", "0"}), "+OK\r\n");
    EXPECT_EQ(run({"DEBUG", "POPULATE", "1", "large", "9223372036854775807"}),
              "-ERR size is larger than proto-max-bulk-len\r\n");
    for (const std::string_view count : {"x", "-1"}) {
        EXPECT_EQ(run({"DEBUG", "POPULATE", count}),
                  "-ERR value is out of range, must be positive\r\n");
        EXPECT_EQ(run({"DEBUG", "POPULATE", "1", "p", count}),
                  "-ERR value is out of range, must be positive\r\n");
    }
    EXPECT_EQ(run({"DBSIZE"}), ":6\r\n");
}

TEST_F(DebugTest, protocol_shows_every_type_in_resp2) {
    const std::pair<std::string_view, std::string_view> expected[] = {
        {"string", "$11\r\nHello World\r\n"},
        {"integer", ":12345\r\n"},
        {"double", "$5\r\n3.141\r\n"},
        {"null", "$-1\r\n"},
        {"array", "*3\r\n:0\r\n:1\r\n:2\r\n"},
        {"set", "*3\r\n:0\r\n:1\r\n:2\r\n"},
        {"map", "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n"},
        {"attrib", "$39\r\nSome real reply following the attribute\r\n"},
        {"push", "-ERR RESP2 is not supported by this command\r\n"},
        {"verbatim", "$25\r\nThis is a verbatim\nstring\r\n"},
        {"true", ":1\r\n"},
        {"false", ":0\r\n"},
        {"bignum", "$37\r\n1234567999999999999999999999999999999\r\n"},
    };
    for (const auto& [type, reply] : expected) EXPECT_EQ(run({"DEBUG", "PROTOCOL", type}), reply);
    EXPECT_EQ(
        run({"DEBUG", "PROTOCOL", "foo"}),
        "-ERR Wrong protocol type name. Please use one of the following: string|integer|double|"
        "bignum|null|array|set|map|attrib|push|verbatim|true|false\r\n");
}

TEST_F(DebugTest, protocol_shows_every_type_in_resp3) {
    runner_.use_resp3();
    const std::pair<std::string_view, std::string_view> expected[] = {
        {"double", ",3.141\r\n"},
        {"null", "_\r\n"},
        {"set", "~3\r\n:0\r\n:1\r\n:2\r\n"},
        {"map", "%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"},
        {"attrib",
         "|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n"
         "$39\r\nSome real reply following the attribute\r\n"},
        {"push",
         ">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n$40\r\nSome real reply following the push "
         "reply\r\n"},
        {"verbatim", "=29\r\ntxt:This is a verbatim\nstring\r\n"},
        {"true", "#t\r\n"},
        {"bignum", "(1234567999999999999999999999999999999\r\n"},
    };
    for (const auto& [type, reply] : expected) EXPECT_EQ(run({"DEBUG", "PROTOCOL", type}), reply);
}

TEST_F(DebugTest, memory_check_agrees_after_work_of_all_kinds) {
    const std::string large(100'000, 'x');
    for (int index = 0; index < 3000; ++index) {
        const std::string key = "key:" + std::to_string(index);
        run({"SET", key, std::string(static_cast<size_t>(index), 'v'), "PX", "5000"});
        if (index % 3 == 0) run({"SET", key, "7"});
        if (index % 5 == 0) run({"APPEND", key, large});
        if (index % 50 == 0) run({"COPY", key, "copy:" + key});
        if (index % 7 == 0) run({"DEL", key});
        if (index % 11 == 0) run({"PERSIST", key});
    }
    EXPECT_EQ(run({"DEBUG", "MEMORY-CHECK"}), ":0\r\n");
    runner_.advance_ms(6000);
    run({"KEYS"});
    run({"GET", "key:1"});
    EXPECT_EQ(run({"DEBUG", "MEMORY-CHECK"}), ":0\r\n");
    run({"FLUSHALL"});
    EXPECT_EQ(run({"DEBUG", "MEMORY-CHECK"}), ":0\r\n");
}

TEST_F(DebugTest, memory_check_tells_a_byte_that_nobody_owns) {
    run({"SET", "a", "1"});
    gyre::base::account(gyre::base::Purpose::keyspace, 8);
    const std::string reply = run({"DEBUG", "MEMORY-CHECK"});
    gyre::base::account(gyre::base::Purpose::keyspace, -8);
    EXPECT_TRUE(reply.starts_with("-ERR memory does not add up: keyspace: counted ")) << reply;
    EXPECT_NE(reply.find("; total: counted "), std::string::npos) << reply;
    EXPECT_EQ(run({"DEBUG", "MEMORY-CHECK"}), ":0\r\n");
}

TEST_F(DebugTest, memory_check_tells_entries_that_wait_to_be_freed) {
    run({"SET", "a", "1"});
    run({"FLUSHALL", "ASYNC"});
    EXPECT_TRUE(run({"DEBUG", "MEMORY-CHECK"})
                    .starts_with("-ERR memory does not add up: entries waiting to be freed: "));
}

TEST_F(DebugTest, help_lists_what_there_is) {
    const std::string help = run({"DEBUG", "HELP"});
    for (const std::string_view word :
         {"DIGEST", "DIGEST-VALUE", "ERROR", "LOG", "MEMORY-CHECK", "OBJECT", "POPULATE",
          "PROTOCOL", "SET-ACTIVE-EXPIRE", "SLEEP", "STRINGMATCH-LEN"}) {
        EXPECT_NE(help.find("+" + std::string(word)), std::string::npos) << word;
    }
}

}  // namespace
