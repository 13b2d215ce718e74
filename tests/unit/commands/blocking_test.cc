// SPDX-License-Identifier: BSD-3-Clause

// Goal: who is served, with what, in which order, and what ends a wait. Method: several sessions on
// one data set without sockets, so that each step is whole before the next; what concerns time and
// connections stands in tests/unit/server, replies to arguments in tests/compat.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/memory.h"
#include "commands/blocking.h"
#include "support/command_runner.h"

namespace {

using gyre::commands::Session;
using gyre::store::Waiter;
using gyre::test::CommandRunner;

class BlockingTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    /// A client that waits for what the command wants.
    Session& wait(std::initializer_list<std::string_view> words) {
        Session& session = runner_.add_session();
        EXPECT_EQ(runner_.run_as(session, words), "");
        EXPECT_TRUE(session.waiter.is_waiting());
        return session;
    }
    static bool is_served(const Session& session) {
        return session.waiter.state() == Waiter::State::served;
    }
    std::string reply_of(Session& session) {
        EXPECT_TRUE(is_served(session));
        return runner_.end_wait(session);
    }
    static std::string pair(std::string_view key, std::string_view value) {
        return "*2\r\n" + gyre::test::bulk(key) + gyre::test::bulk(value);
    }
    /// What a waiter of that command waits for comes to the key.
    void make_ready(std::string_view command, std::string_view key) {
        if (command.starts_with("BL")) run({"RPUSH", key, "y"});
        if (command.starts_with("BZ")) run({"ZADD", key, "1", "m"});
        if (command.starts_with("X")) run({"XADD", key, "*", "f", "v"});
    }
    /// Waits that shards know of.
    size_t queues() {
        size_t keys = 0;
        runner_.dataset().for_each_shard(runner_.executor(), [&](gyre::store::Shard& shard) {
            if (shard.is_awaited()) keys += shard.waits().keys();
        });
        return keys;
    }
    CommandRunner runner_;
};

TEST_F(BlockingTest, what_is_there_is_had_at_once) {
    run({"RPUSH", "b", "1", "2", "3"});
    EXPECT_EQ(run({"BLPOP", "a", "b", "0"}), pair("b", "1"));
    EXPECT_EQ(run({"BRPOP", "a", "b", "0"}), pair("b", "3"));
    EXPECT_EQ(run({"BLMOVE", "b", "c", "LEFT", "LEFT", "0"}), "$1\r\n2\r\n");
    EXPECT_EQ(run({"BRPOPLPUSH", "c", "d", "0"}), "$1\r\n2\r\n");
    EXPECT_EQ(run({"BLMPOP", "0", "2", "a", "d", "LEFT"}), "*2\r\n$1\r\nd\r\n*1\r\n$1\r\n2\r\n");
    EXPECT_EQ(queues(), 0U);
}

TEST_F(BlockingTest, the_longest_waiting_comes_first_and_the_pusher_sees_nothing) {
    Session& first = wait({"BLPOP", "a", "0"});
    Session& second = wait({"BRPOP", "a", "0"});
    EXPECT_EQ(run({"RPUSH", "a", "1", "2", "3"}), ":3\r\n");
    EXPECT_EQ(run({"LRANGE", "a", "0", "-1"}), "*1\r\n$1\r\n2\r\n");
    EXPECT_EQ(reply_of(first), pair("a", "1"));
    EXPECT_EQ(reply_of(second), pair("a", "3"));
    EXPECT_EQ(runner_.home().woken_ids, (std::vector<uint64_t>{first.id, second.id}));
    EXPECT_EQ(queues(), 0U);
}

TEST_F(BlockingTest, of_several_keys_the_first_that_is_ready) {
    Session& one = wait({"BLPOP", "a", "b", "a", "c", "0"});
    EXPECT_EQ(queues(), 3U);
    Session& other = wait({"BLPOP", "c", "0"});
    run({"MULTI"});
    run({"RPUSH", "c", "3"});
    run({"RPUSH", "b", "2"});
    run({"RPUSH", "c", "4"});
    EXPECT_EQ(run({"EXEC"}), "*3\r\n:1\r\n:1\r\n:2\r\n");
    EXPECT_EQ(reply_of(one), pair("b", "2"));
    EXPECT_EQ(reply_of(other), pair("c", "3"));
    EXPECT_EQ(run({"LLEN", "c"}), ":1\r\n");
    EXPECT_EQ(queues(), 0U);
}

TEST_F(BlockingTest, what_a_transaction_takes_back_serves_nobody) {
    Session& waiter = wait({"BLPOP", "a", "0"});
    run({"MULTI"});
    run({"RPUSH", "a", "1"});
    run({"DEL", "a"});
    run({"EXEC"});
    EXPECT_FALSE(is_served(waiter));
    run({"RPUSH", "a", "2"});
    EXPECT_EQ(reply_of(waiter), pair("a", "2"));
}

TEST_F(BlockingTest, in_a_transaction_nobody_waits) {
    run({"MULTI"});
    for (const char* command : {"BLPOP", "BRPOP", "BZPOPMIN", "BZPOPMAX"}) run({command, "a", "0"});
    run({"BLMOVE", "a", "b", "LEFT", "LEFT", "0"});
    run({"BRPOPLPUSH", "a", "b", "0"});
    run({"BLMPOP", "0", "1", "a", "LEFT"});
    run({"BZMPOP", "0", "1", "a", "MIN"});
    run({"XREAD", "BLOCK", "0", "STREAMS", "a", "$"});
    EXPECT_EQ(run({"EXEC"}),
              "*9\r\n*-1\r\n*-1\r\n*-1\r\n*-1\r\n$-1\r\n$-1\r\n*-1\r\n*-1\r\n*-1\r\n");
    EXPECT_EQ(queues(), 0U);
}

TEST_F(BlockingTest, a_chain_of_moves_is_followed_to_its_end) {
    // More links than shards: some targets share the shard of their source, most do not.
    std::vector<Session*> links;
    for (int index = 0; index < 40; ++index) {
        const std::string from = "k" + std::to_string(index);
        const std::string to = "k" + std::to_string(index + 1);
        links.push_back(&wait({"BLMOVE", from, to, "LEFT", "RIGHT", "0"}));
    }
    Session& last = wait({"BLPOP", "k40", "0"});
    EXPECT_EQ(run({"RPUSH", "k0", "x"}), ":1\r\n");
    for (Session* link : links) EXPECT_EQ(reply_of(*link), "$1\r\nx\r\n");
    EXPECT_EQ(reply_of(last), pair("k40", "x"));
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
}

TEST_F(BlockingTest, a_ring_of_moves_ends) {
    Session& there = wait({"BLMOVE", "a", "b", "LEFT", "LEFT", "0"});
    Session& back = wait({"BLMOVE", "b", "a", "LEFT", "LEFT", "0"});
    Session& again = wait({"BLMOVE", "a", "b", "LEFT", "LEFT", "0"});
    run({"RPUSH", "a", "x"});
    for (Session* one : {&there, &back, &again}) EXPECT_EQ(reply_of(*one), "$1\r\nx\r\n");
    EXPECT_EQ(run({"LRANGE", "b", "0", "-1"}), "*1\r\n$1\r\nx\r\n");
}

TEST_F(BlockingTest, a_move_serves_whoever_waits_for_its_target) {
    run({"RPUSH", "a", "x"});
    Session& waiter = wait({"BLPOP", "b", "0"});
    EXPECT_EQ(run({"BLMOVE", "a", "b", "LEFT", "LEFT", "0"}), "$1\r\nx\r\n");
    EXPECT_EQ(reply_of(waiter), pair("b", "x"));
}

TEST_F(BlockingTest, a_target_of_another_type_is_the_movers_error_and_the_next_has_the_element) {
    run({"SET", "b", "string"});
    Session& mover = wait({"BLMOVE", "a", "b", "LEFT", "LEFT", "0"});
    Session& next = wait({"BLPOP", "a", "0"});
    run({"RPUSH", "a", "x"});
    EXPECT_EQ(reply_of(mover).substr(0, 10), "-WRONGTYPE");
    EXPECT_EQ(reply_of(next), pair("a", "x"));
}

TEST_F(BlockingTest, every_way_a_list_comes_to_be) {
    run({"RPUSH", "source", "1", "2", "3", "4", "5", "6", "7"});
    const std::vector<std::vector<std::string>> ways{
        {"LPUSH", "a", "x"},          {"RENAME", "one", "a"},
        {"COPY", "source", "a"},      {"LMOVE", "source", "a", "LEFT", "LEFT"},
        {"RPOPLPUSH", "source", "a"},
    };
    for (const auto& way : ways) {
        run({"DEL", "one", "a"});
        run({"RPUSH", "one", "x"});
        Session& waiter = wait({"BLPOP", "a", "0"});
        runner_.run(way);
        EXPECT_TRUE(is_served(waiter)) << way[0];
        runner_.end_wait(waiter);
    }
}

TEST_F(BlockingTest, other_databases_are_other_keys_until_they_change_places) {
    Session& waiter = wait({"BLPOP", "a", "0"});
    run({"SELECT", "1"});
    run({"RPUSH", "a", "x"});
    run({"RPUSH", "b", "y"});
    EXPECT_FALSE(is_served(waiter));
    Session& receiver = wait({"BLPOP", "b", "0"});
    run({"MOVE", "b", "0"});
    EXPECT_EQ(reply_of(receiver), pair("b", "y"));
    Session& copied = wait({"BLPOP", "copy", "0"});
    run({"COPY", "a", "copy", "DB", "0"});
    EXPECT_EQ(reply_of(copied), pair("copy", "x"));
    run({"SWAPDB", "0", "1"});
    EXPECT_EQ(reply_of(waiter), pair("a", "x"));
}

TEST_F(BlockingTest, a_waiter_of_another_type_stays) {
    Session& list = wait({"BLPOP", "a", "0"});
    Session& zset = wait({"BZPOPMIN", "a", "0"});
    run({"SET", "a", "x"});
    run({"DEL", "a"});
    run({"ZADD", "a", "1", "m"});
    EXPECT_FALSE(is_served(list));
    EXPECT_EQ(reply_of(zset), "*3\r\n$1\r\na\r\n$1\r\nm\r\n$1\r\n1\r\n");
    run({"RPUSH", "a", "x"});
    EXPECT_EQ(reply_of(list), pair("a", "x"));
}

// As since Redis 7.2, where whoever is woken runs the whole command again: a key of another type
// that comes before the one that is ready is an error, wherever either lies.
TEST_F(BlockingTest, a_key_of_another_type_before_the_ready_one_is_an_error) {
    const std::vector<std::vector<std::string>> waits{
        {"BLPOP", "bar", "KEY", "0"},
        {"BLMPOP", "0", "2", "bar", "KEY", "LEFT"},
        {"XREAD", "BLOCK", "0", "STREAMS", "bar", "KEY", "$", "$"},
        {"BZPOPMAX", "bar", "KEY", "0"},
        {"BZMPOP", "0", "2", "bar", "KEY", "MIN"},
    };
    // Keys of the shard of the first, and of others.
    for (int index = 0; index < 40; ++index) {
        const std::string key = "k" + std::to_string(index);
        for (auto words : waits) {
            std::replace(words.begin(), words.end(), std::string("KEY"), key);
            Session& waiter = runner_.add_session();
            EXPECT_EQ(runner_.run_as(waiter, words), "");
            run({"SET", "bar", "x"});
            EXPECT_FALSE(is_served(waiter)) << words[0];
            make_ready(words[0], key);
            EXPECT_EQ(reply_of(waiter).substr(0, 10), "-WRONGTYPE") << words[0] << key;
            EXPECT_EQ(run({"EXISTS", key}), ":1\r\n") << "nothing is taken";
            run({"DEL", "bar", key});
        }
    }
}

TEST_F(BlockingTest, a_key_of_another_type_that_has_gone_bars_nobody) {
    const std::vector<std::vector<std::string>> ends{
        {"DEL", "bar"},           {"RENAME", "bar", "other"}, {"FLUSHALL"},
        {"PEXPIRE", "bar", "-1"}, {"SWAPDB", "0", "1"},
    };
    for (int index = 0; index < 40; ++index) {
        const std::string key = "k" + std::to_string(index);
        for (const auto& end : ends) {
            Session& waiter = wait({"BLPOP", "bar", key, "bar", "0"});
            run({"SET", "bar", "x"});
            runner_.run(end);
            run({"RPUSH", key, "y"});
            EXPECT_EQ(reply_of(waiter), pair(key, "y")) << end[0];
            run({"FLUSHALL"});
        }
        // Behind the key that is ready; by its deadline, whether or not somebody has noticed.
        for (const bool is_noticed : {true, false}) {
            Session& waiter = wait({"BLPOP", "bar", key, "behind", "0"});
            run({"SET", "behind", "x"});
            run({"SET", "bar", "x", "PX", "100"});
            runner_.advance_ms(200);
            if (is_noticed) run({"GET", "bar"});
            run({"RPUSH", key, "y"});
            EXPECT_EQ(reply_of(waiter), pair(key, "y"));
            run({"FLUSHALL"});
        }
        EXPECT_FALSE(gyre::store::WaitTable::is_any_barred());
    }
}

TEST_F(BlockingTest, a_key_of_another_type_bars_who_comes_later) {
    for (int index = 0; index < 40; ++index) {
        const std::string key = "k" + std::to_string(index);
        Session& first = wait({"BLPOP", "bar", key, "0"});
        run({"SET", "bar", "x", "PX", "100"});
        runner_.advance_ms(200);
        // It finds nothing in the way, as nobody has removed what is due.
        Session& second = wait({"BLPOP", "bar", key, "0"});
        run({"SET", "bar", "z"});
        run({"RPUSH", key, "1", "2"});
        EXPECT_EQ(reply_of(first).substr(0, 10), "-WRONGTYPE");
        EXPECT_EQ(reply_of(second).substr(0, 10), "-WRONGTYPE");
        EXPECT_FALSE(gyre::store::WaitTable::is_any_barred()) << "nobody waits any more";
        run({"FLUSHALL"});
    }
}

TEST_F(BlockingTest, a_key_of_another_type_bars_who_wants_another_type) {
    Session& zset = wait({"BZPOPMIN", "a", "z", "0"});
    Session& reader = wait({"XREAD", "BLOCK", "0", "STREAMS", "a", "z", "$", "$"});
    run({"XADD", "a", "1-1", "f", "v"});
    EXPECT_TRUE(is_served(reader));
    Session& later = wait({"XREAD", "BLOCK", "0", "STREAMS", "a", "z", "$", "$"});
    run({"ZADD", "z", "1", "m"});
    EXPECT_EQ(reply_of(zset).substr(0, 10), "-WRONGTYPE");
    EXPECT_FALSE(is_served(later)) << "a sorted set wakes no reader";
    run({"XADD", "a", "2-1", "f", "v"});
    EXPECT_EQ(reply_of(later).substr(0, 10), "-WRONGTYPE") << "but it is in the way";
}

TEST_F(BlockingTest, a_count_takes_what_is_there) {
    Session& list = wait({"BLMPOP", "0", "2", "a", "b", "RIGHT", "COUNT", "10"});
    run({"RPUSH", "b", "1", "2"});
    EXPECT_EQ(reply_of(list), "*2\r\n$1\r\nb\r\n*2\r\n$1\r\n2\r\n$1\r\n1\r\n");
    Session& zset = wait({"BZMPOP", "0", "1", "z", "MAX", "COUNT", "1"});
    run({"ZADD", "z", "1", "a", "2", "b"});
    EXPECT_EQ(reply_of(zset), "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\nb\r\n$1\r\n2\r\n");
}

// --- streams ----------------------------------------------------------------------------------

TEST_F(BlockingTest, all_readers_of_a_stream_get_the_entry) {
    run({"XADD", "s", "5-1", "f", "old"});
    Session& newest = wait({"XREAD", "BLOCK", "0", "STREAMS", "s", "$"});
    Session& later = wait({"XREAD", "BLOCK", "0", "STREAMS", "s", "7-0"});
    Session& other = wait({"XREAD", "BLOCK", "0", "STREAMS", "none", "s", "$", "$"});
    run({"XADD", "s", "6-1", "f", "v"});
    const std::string entry = "*1\r\n*2\r\n$3\r\n6-1\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
    const std::string reply = "*1\r\n*2\r\n$1\r\ns\r\n" + entry;
    EXPECT_EQ(reply_of(newest), reply);
    EXPECT_EQ(reply_of(other), reply);
    EXPECT_FALSE(is_served(later));
    run({"XADD", "s", "7-1", "f", "v"});
    EXPECT_TRUE(is_served(later));
}

TEST_F(BlockingTest, a_group_gives_each_entry_once) {
    run({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"});
    const auto read = [&](std::string_view consumer) -> Session& {
        return wait({"XREADGROUP", "GROUP", "g", consumer, "BLOCK", "0", "STREAMS", "s", ">"});
    };
    Session& first = read("c1");
    Session& second = read("c2");
    run({"XADD", "s", "1-1", "f", "v"});
    EXPECT_TRUE(is_served(first));
    EXPECT_FALSE(is_served(second));
    run({"XADD", "s", "2-1", "f", "v"});
    EXPECT_NE(reply_of(second).find("2-1"), std::string::npos);
    EXPECT_EQ(run({"XPENDING", "s", "g"}),
              "*4\r\n:2\r\n$3\r\n1-1\r\n$3\r\n2-1\r\n*2\r\n*2\r\n$2\r\nc1\r\n$1\r\n1\r\n*2\r\n$"
              "2\r\nc2\r\n$"
              "1\r\n1\r\n");
}

TEST_F(BlockingTest, the_end_of_a_group_or_its_stream_ends_the_wait) {
    const std::vector<std::vector<std::string>> ends{
        {"XGROUP", "DESTROY", "s", "g"},
        {"DEL", "s"},
        {"RENAME", "s", "t"},
        {"FLUSHALL"},
        {"SET", "s", "x"},
        {"PEXPIRE", "s", "-1"},
    };
    for (const auto& end : ends) {
        run({"DEL", "s"});
        run({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"});
        Session& waiter =
            wait({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"});
        Session& reader = wait({"XREAD", "BLOCK", "0", "STREAMS", "s", "$"});
        runner_.run(end);
        const std::string reply = reply_of(waiter);
        const std::string code = end[0] == "SET" ? "-WRONGTYPE" : "-NOGROUP";
        EXPECT_EQ(reply.substr(0, code.size()), code) << end[0];
        EXPECT_FALSE(is_served(reader)) << end[0];
        runner_.end_wait(reader);
    }
}

TEST_F(BlockingTest, a_stream_that_is_past_its_deadline_ends_the_wait_of_a_group) {
    run({"XGROUP", "CREATE", "s", "g", "$", "MKSTREAM"});
    run({"PEXPIRE", "s", "100"});
    Session& waiter = wait({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"});
    runner_.advance_ms(200);
    run({"GET", "s"});
    EXPECT_EQ(reply_of(waiter).substr(0, 8), "-NOGROUP");
}

TEST_F(BlockingTest, a_time_beyond_the_clock_is_none) {
    run({"RPUSH", "a", "x"});
    for (const auto* seconds : {"9223372036854775", "9223372036854776", "1e300", "inf"}) {
        EXPECT_EQ(run({"BLPOP", "a", seconds}), "-ERR timeout is out of range\r\n") << seconds;
    }
    EXPECT_EQ(run({"LLEN", "a"}), ":1\r\n");
}

TEST_F(BlockingTest, what_makes_nothing_ready_tries_nobody) {
    run({"XGROUP", "CREATE", "s", "g", "0", "MKSTREAM"});
    run({"XADD", "s", "1-1", "f", "v"});
    run({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "s", ">"});
    wait({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"});
    wait({"XREADGROUP", "GROUP", "g", "d", "BLOCK", "0", "STREAMS", "s", ">"});
    const auto hits = [this] {
        uint64_t sum = 0;
        runner_.dataset().for_each_shard(runner_.executor(), [&](gyre::store::Shard& shard) {
            sum += shard.statistics.keyspace_hits;
        });
        return sum;
    };
    const uint64_t before = hits();
    EXPECT_EQ(run({"XACK", "s", "g", "1-1"}), ":1\r\n");
    EXPECT_EQ(run({"XGROUP", "CREATECONSUMER", "s", "g", "e"}), ":1\r\n");
    EXPECT_EQ(run({"XDEL", "s", "1-1"}), ":1\r\n");
    EXPECT_EQ(hits(), before + 1) << "XACK's own look";
}

TEST_F(BlockingTest, a_long_error_is_told_whole) {
    const std::string key(40'000, 's');
    run({"XGROUP", "CREATE", key, "g", "$", "MKSTREAM"});
    Session& waiter = wait({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", key, ">"});
    run({"DEL", key});
    const std::string reply = reply_of(waiter);
    EXPECT_GT(reply.size(), key.size());
    EXPECT_TRUE(reply.starts_with("-NOGROUP") && reply.ends_with("\r\n"));
}

// --- ends ---------------------------------------------------------------------------------------

TEST_F(BlockingTest, a_timeout_is_a_null_array) {
    EXPECT_EQ(runner_.end_wait(wait({"BLPOP", "a", "0"})), "*-1\r\n");
    EXPECT_EQ(runner_.end_wait(wait({"BLMOVE", "a", "b", "LEFT", "LEFT", "0"})), "*-1\r\n");
    EXPECT_EQ(runner_.end_wait(wait({"BRPOPLPUSH", "a", "b", "0"})), "*-1\r\n");
    EXPECT_EQ(runner_.end_wait(wait({"BZPOPMAX", "a", "0"})), "*-1\r\n");
    EXPECT_EQ(runner_.end_wait(wait({"XREAD", "BLOCK", "0", "STREAMS", "a", "$"})), "*-1\r\n");
    EXPECT_EQ(queues(), 0U);
}

TEST_F(BlockingTest, who_has_left_takes_nothing) {
    Session& leaving = wait({"BLPOP", "a", "0"});
    Session& staying = wait({"BLPOP", "a", "0"});
    EXPECT_TRUE(leaving.waiter.end(Waiter::State::left));
    run({"RPUSH", "a", "x"});
    EXPECT_EQ(reply_of(staying), pair("a", "x"));
    EXPECT_EQ(runner_.end_wait(leaving), "");
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
}

TEST_F(BlockingTest, who_is_killed_takes_nothing) {
    Session& killed = wait({"BLPOP", "a", "0"});
    EXPECT_EQ(run({"CLIENT", "KILL", "ID", std::to_string(killed.id)}), ":1\r\n");
    run({"RPUSH", "a", "x"});
    EXPECT_EQ(run({"LLEN", "a"}), ":1\r\n");
}

TEST_F(BlockingTest, client_unblock_ends_a_wait_once) {
    Session& one = wait({"BLPOP", "a", "0"});
    Session& other = wait({"BLPOP", "a", "0"});
    const std::string id = std::to_string(one.id);
    EXPECT_EQ(run({"CLIENT", "UNBLOCK", id}), ":1\r\n");
    EXPECT_EQ(run({"CLIENT", "UNBLOCK", id}), ":0\r\n");
    EXPECT_EQ(run({"CLIENT", "UNBLOCK", std::to_string(other.id), "error"}), ":1\r\n");
    EXPECT_EQ(runner_.end_wait(one), "*-1\r\n");
    EXPECT_EQ(runner_.end_wait(other), "-UNBLOCKED client unblocked via CLIENT UNBLOCK\r\n");
    EXPECT_EQ(run({"CLIENT", "UNBLOCK", std::to_string(runner_.session().id)}), ":0\r\n");
    EXPECT_EQ(run({"CLIENT", "UNBLOCK", "123456"}), ":0\r\n");
    run({"RPUSH", "a", "x"});
    EXPECT_EQ(run({"LLEN", "a"}), ":1\r\n");
}

TEST_F(BlockingTest, client_list_shows_who_is_blocked) {
    Session& one = wait({"BLPOP", "a", "0"});
    const std::string id = std::to_string(one.id);
    EXPECT_NE(run({"CLIENT", "LIST", "ID", id}).find(" flags=b "), std::string::npos);
    runner_.end_wait(one);
    EXPECT_NE(run({"CLIENT", "LIST", "ID", id}).find(" flags=N "), std::string::npos);
}

// --- what others see
// ------------------------------------------------------------------------------

TEST_F(BlockingTest, a_served_command_is_a_change_of_its_keys) {
    Session& watcher = runner_.add_session();
    runner_.run_as(watcher, {"WATCH", "b"});
    runner_.run_as(watcher, {"MULTI"});
    Session& mover = wait({"BLMOVE", "a", "b", "LEFT", "LEFT", "0"});
    run({"RPUSH", "a", "x"});
    EXPECT_TRUE(is_served(mover));
    EXPECT_EQ(runner_.run_as(watcher, {"EXEC"}), "*-1\r\n");
}

TEST_F(BlockingTest, monitors_see_the_command_once_when_it_begins) {
    Session& monitor = runner_.add_session();
    runner_.run_as(monitor, {"MONITOR"});
    Session& waiter = wait({"BLPOP", "a", "0"});
    const std::string begun = runner_.pushed(monitor);
    EXPECT_NE(begun.find("\"BLPOP\" \"a\" \"0\""), std::string::npos) << begun;
    run({"RPUSH", "a", "x"});
    reply_of(waiter);
    EXPECT_EQ(runner_.pushed(monitor).find("BLPOP"), std::string::npos);
}

TEST_F(BlockingTest, a_key_too_many_is_refused_to_the_mover) {
    runner_.dataset().set_maxkeys(2, runner_.executor());
    Session& mover = wait({"BLMOVE", "a", "b", "LEFT", "LEFT", "0"});
    run({"SET", "other", "1"});
    EXPECT_EQ(run({"RPUSH", "a", "x", "y"}), ":2\r\n");
    EXPECT_EQ(reply_of(mover).substr(0, 4), "-OOM");
    EXPECT_EQ(run({"LLEN", "a"}), ":2\r\n");
    EXPECT_EQ(runner_.dataset().keys_reserved(), 2);
}

TEST_F(BlockingTest, where_nothing_may_be_evicted_movers_are_refused_too) {
    runner_.dataset().settings.policy.store(gyre::engine::EvictionPolicy::volatile_lru);
    runner_.dataset().set_maxkeys(2, runner_.executor());
    run({"SET", "other", "1"});
    Session& mover = wait({"BLMOVE", "a", "b", "LEFT", "LEFT", "0"});
    runner_.dataset().suppose_no_deadlines();
    runner_.dataset().conclude_no_deadlines();
    EXPECT_EQ(run({"RPUSH", "a", "x", "y"}), ":2\r\n");
    EXPECT_EQ(reply_of(mover).substr(0, 4), "-OOM");
}

TEST_F(BlockingTest, above_maxmemory_movers_are_refused_and_those_who_take_are_not) {
    // As since Redis 7.2, where a command that was blocked goes through the checks once more.
    run({"RPUSH", "source", "x", "y"});
    Session& mover = wait({"BLMOVE", "a", "b", "LEFT", "LEFT", "0"});
    Session& taker = wait({"BLPOP", "a", "0"});
    runner_.dataset().settings.maxmemory_bytes = 1;
    EXPECT_EQ(run({"RENAME", "source", "a"}), "+OK\r\n");
    EXPECT_EQ(reply_of(mover), "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    EXPECT_EQ(reply_of(taker), "*2\r\n$1\r\na\r\n$1\r\nx\r\n");
    EXPECT_EQ(run({"EXISTS", "b"}), ":0\r\n");

    // Under a policy that evicts, the turns that follow make the room.
    runner_.dataset().settings.policy.store(gyre::engine::EvictionPolicy::allkeys_lru);
    runner_.dataset().settings.maxmemory_bytes = 0;
    Session& second = wait({"BLMOVE", "c", "b", "LEFT", "LEFT", "0"});
    runner_.dataset().settings.maxmemory_bytes = 1;
    EXPECT_EQ(run({"RENAME", "a", "c"}), "+OK\r\n");
    EXPECT_EQ(reply_of(second), "$1\r\ny\r\n");
    runner_.dataset().settings.maxmemory_bytes = 0;
}

TEST_F(BlockingTest, no_memory_is_left_of_waits) {
    Session& session = runner_.add_session();
    // What attempts write to is kept for the next.
    runner_.run_as(session, {"BLPOP", "b", "0"});
    run({"RPUSH", "b", "x"});
    runner_.end_wait(session);
    const int64_t before = gyre::base::used(gyre::base::Purpose::clients);
    const std::string large(100'000, 'k');
    for (int round = 0; round < 3; ++round) {
        runner_.run_as(session, {"BLPOP", "a", "b", large, "0"});
        EXPECT_GT(gyre::base::used(gyre::base::Purpose::clients), before + 100'000);
        if (round == 1) run({"RPUSH", "b", "x"});
        runner_.end_wait(session);
    }
    EXPECT_LE(gyre::base::used(gyre::base::Purpose::clients), before);
}

}  // namespace
