// SPDX-License-Identifier: BSD-3-Clause

// Goal: clients that keep copies are told of changes as by redis-server: when, of what, in which
// frames. Method: scripts (compat/script.h), written ones and random ones. Kept out of them is what
// a client hears of its own broken redirection, which comes a moment later here where the two
// clients belong to different reactors (integration/tracking_test.cc).

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "compat/script.h"
#include "support/seed.h"

namespace gyre::test {
namespace {

using Words = std::vector<std::string>;

Words words_of(std::string_view row) {
    Words words;
    while (!row.empty()) {
        const size_t end = std::min(row.find(' '), row.size());
        words.emplace_back(row.substr(0, end));
        row.remove_prefix(std::min(end + 1, row.size()));
    }
    return words;
}

Step step(size_t connection, std::string_view row) {
    Step made{connection, words_of(row)};
    // Word of keys with a prefix comes at the end of a turn: the PING is not to be part of it.
    made.is_awaited = true;
    return made;
}
/// Several commands, sent at once.
Step pipeline(size_t connection, const std::vector<std::string_view>& rows) {
    Step made = step(connection, rows[0]);
    for (size_t index = 1; index < rows.size(); ++index) {
        made.more.push_back(words_of(rows[index]));
    }
    return made;
}
/// Its reply tells of the server.
Step hello3(size_t connection) { return {connection, {"HELLO", "3"}, {}, false}; }

TEST(TrackingCompatTest, WhoHasReadAKeyIsToldOnceThatItHasChanged) {
    compare_scripts({
        hello3(1),
        step(0, "SET a 1"),
        step(1, "CLIENT TRACKING ON"),
        step(0, "SET a 2"),
        step(1, "GET a"),
        step(1, "GET a"),
        step(0, "SET a 3"),
        step(0, "SET a 4"),
        step(1, "MGET a b nosuch"),
        step(0, "DEL a nosuch2"),
        step(0, "SET nosuch 1"),
        step(0, "MSET a 1 b 2 c 3"),
        step(1, "GET a"),
        step(1, "SET a 9"),
        step(1, "APPEND a x"),
        pipeline(1, {"GET a", "SET a 1", "GET a", "SET a 2", "PING"}),
        pipeline(1, {"MULTI", "GET a", "GET b", "SET a 5", "GET a", "EXEC", "PING"}),
        step(0, "SET a 6"),
        pipeline(1, {"MULTI", "GET a", "SET b 5", "EXEC"}),
        pipeline(0, {"MULTI", "SET a 5", "SET b 5", "SET a 7", "EXEC"}),
        step(1, "GET a"),
        step(1, "SELECT 3"),
        step(0, "SET a 8"),
        step(1, "GET a"),
        step(0, "SET a 9"),
        step(1, "CLIENT TRACKING ON"),
        step(1, "CLIENT TRACKING OFF"),
        step(0, "SET a 10"),
        step(1, "CLIENT TRACKING OFF"),
        step(1, "GET a"),
        step(1, "CLIENT TRACKING ON"),
        step(0, "SET a 11"),
        step(1, "GET a"),
        step(1, "RESET"),
        hello3(1),
        step(0, "SET a 12"),
    });
}

TEST(TrackingCompatTest, EveryCommandThatReadsCountsAndEveryOneThatChanges) {
    std::vector<Step> steps{hello3(1), step(1, "CLIENT TRACKING ON")};
    for (const std::string_view row :
         {"SET s 123", "RPUSH l a b c", "SADD t a b c", "ZADD z 1 a 2 b", "HSET h f v",
          "XADD x 1-1 a b", "PFADD p a b", "GEOADD g 13.36 38.11 Palermo"}) {
        steps.push_back(step(0, row));
    }
    for (const std::string_view row : {"STRLEN s",
                                       "GETRANGE s 0 1",
                                       "EXISTS s l",
                                       "TTL s",
                                       "PTTL s",
                                       "TYPE s",
                                       "OBJECT ENCODING s",
                                       "BITCOUNT s",
                                       "GETBIT s 1",
                                       "LCS s s2",
                                       "DUMP s",
                                       "LRANGE l 0 -1",
                                       "LLEN l",
                                       "LINDEX l 0",
                                       "LPOS l b",
                                       "SMEMBERS t",
                                       "SCARD t",
                                       "SISMEMBER t a",
                                       "SINTER t u",
                                       "SUNION t u",
                                       "SINTERCARD 2 t u",
                                       "ZRANGE z 0 -1",
                                       "ZSCORE z a",
                                       "ZRANK z a",
                                       "ZCARD z",
                                       "ZUNION 2 z y",
                                       "HGETALL h",
                                       "HGET h f",
                                       "HLEN h",
                                       "HKEYS h",
                                       "XRANGE x - +",
                                       "XLEN x",
                                       "XREAD STREAMS x 0",
                                       "XINFO STREAM x",
                                       "PFCOUNT p",
                                       "GEOPOS g Palermo",
                                       "GEOSEARCH g FROMLONLAT 13 38 BYRADIUS 100 km",
                                       "SCAN 0 COUNT 100",
                                       "HSCAN h 0",
                                       "SORT_RO l ALPHA",
                                       "TOUCH s",
                                       "GET l",
                                       "KEYS s",
                                       "RANDOMKEY"}) {
        Step read = step(1, row);
        // These depend on the hash function.
        read.is_compared = !row.starts_with("SCAN") && !row.starts_with("RANDOMKEY") &&
                           !row.starts_with("SMEMBERS") && !row.starts_with("SUNION") &&
                           !row.starts_with("SINTER ") && !row.starts_with("XINFO");
        steps.push_back(read);
        for (const std::string_view change :
             {"SET s 123", "RPUSH l a", "SADD t d", "SREM t d", "ZINCRBY z 1 a", "HINCRBY h n 1",
              "XADD x 1-* a b", "PFADD p c d", "GEOADD g CH 13.36 38.11 Palermo", "SET s2 x",
              "SADD u a", "SREM u a", "ZADD y 1 a"}) {
            steps.push_back(step(0, change));
        }
    }
    compare_scripts(steps);
}

TEST(TrackingCompatTest, KeysThatMoveGoOrComeAreChanged) {
    std::vector<Step> steps{hello3(1), step(1, "CLIENT TRACKING ON")};
    for (const std::string_view row : {"RENAME a b",
                                       "RENAME b a",
                                       "RENAMENX a b",
                                       "COPY b a",
                                       "COPY b a REPLACE",
                                       "MOVE a 3",
                                       "EXPIRE b 100",
                                       "PERSIST b",
                                       "PERSIST b",
                                       "EXPIRE b -1",
                                       "SET b 1 EX 100",
                                       "GETEX b PERSIST",
                                       "GETDEL b",
                                       "SETNX b 1",
                                       "SETNX b 1",
                                       "UNLINK b",
                                       "SETRANGE b 2 x",
                                       "INCR n",
                                       "GETSET b 1",
                                       "SETBIT b 1 1",
                                       "SORT l ALPHA STORE a",
                                       "BITOP NOT a b",
                                       "LMOVE l a LEFT RIGHT",
                                       "LPOP l 10",
                                       "LPUSHX l x",
                                       "FLUSHDB",
                                       "SET a 1",
                                       "FLUSHALL",
                                       "FLUSHALL",
                                       "SET a 1",
                                       "SWAPDB 0 3",
                                       "SET a 2"}) {
        steps.push_back(step(1, "MGET a b n"));
        steps.push_back(step(1, "LLEN l"));
        steps.push_back(step(0, row));
        if (row == "SETBIT b 1 1") steps.push_back(step(0, "RPUSH l x y z"));
    }
    steps.push_back(step(1, "GET a"));
    steps.push_back(step(1, "FLUSHDB"));
    steps.push_back(pipeline(1, {"MULTI", "GET a", "SET a 1", "FLUSHALL", "SET a 2", "EXEC"}));
    steps.push_back(step(0, "SET a 2"));
    compare_scripts(steps);
}

TEST(TrackingCompatTest, GroupsOfAStreamAreNotTracked) {
    std::vector<Step> steps{hello3(1),
                            hello3(2),
                            step(0, "XADD x 1-1 a b"),
                            step(0, "XADD x 1-2 a b"),
                            step(1, "CLIENT TRACKING ON"),
                            step(2, "CLIENT TRACKING ON BCAST"),
                            step(1, "XLEN x")};
    for (const std::string_view row :
         {"XGROUP CREATE x g 0", "XGROUP CREATECONSUMER x g c",
          "XREADGROUP GROUP g c COUNT 1 STREAMS x >", "XREADGROUP GROUP g d STREAMS x >",
          "XREADGROUP GROUP g c STREAMS x >", "XREADGROUP GROUP g c STREAMS x 0",
          "XCLAIM x g d 0 1-1", "XAUTOCLAIM x g e 0 0", "XACK x g 1-1", "XGROUP SETID x g 0",
          "XGROUP DELCONSUMER x g d", "XGROUP DESTROY x g", "XSETID x 5-5", "XADD x 6-1 a b"}) {
        steps.push_back(step(0, row));
    }
    compare_scripts(steps);
}

TEST(TrackingCompatTest, WhoAsksForItIsNotToldOfItsOwnChanges) {
    compare_scripts({
        hello3(1),
        step(1, "CLIENT TRACKING ON NOLOOP"),
        step(1, "GET a"),
        step(1, "SET a 1"),
        step(0, "SET a 2"),
        step(1, "GET a"),
        step(0, "SET a 3"),
        pipeline(1, {"MULTI", "GET a", "SET a 1", "EXEC", "GET a"}),
        step(0, "SET a 4"),
        step(1, "GET a"),
        step(1, "FLUSHALL"),
        step(1, "CLIENT TRACKING ON"),
        step(1, "GET a"),
        step(1, "SET a 1"),
    });
}

TEST(TrackingCompatTest, OptinAndOptout) {
    std::vector<Step> steps{hello3(1)};
    for (const std::string mode : {"OPTIN", "OPTOUT"}) {
        const std::string word = mode == "OPTIN" ? "YES" : "NO";
        for (const std::string& row : std::vector<std::string>{"CLIENT TRACKING ON " + mode,
                                                               "GET a",
                                                               "CLIENT CACHING " + word,
                                                               "GET a",
                                                               "GET b",
                                                               "CLIENT CACHING " + word,
                                                               "PING",
                                                               "GET a",
                                                               "CLIENT CACHING " + word,
                                                               "CLIENT TRACKINGINFO",
                                                               "GET a",
                                                               "CLIENT TRACKINGINFO",
                                                               "CLIENT CACHING " + word,
                                                               "nosuch",
                                                               "GET a",
                                                               "CLIENT CACHING " + word,
                                                               "GET",
                                                               "GET a",
                                                               "CLIENT CACHING YES",
                                                               "CLIENT CACHING NO",
                                                               "CLIENT CACHING MAYBE",
                                                               "CLIENT TRACKING OFF"}) {
            steps.push_back(step(1, row));
            steps.push_back(step(0, "MSET a 1 b 2"));
        }
        const std::string on = "CLIENT TRACKING ON " + mode;
        const std::string caching = "CLIENT CACHING " + word;
        steps.push_back(pipeline(1, {on, caching, "MULTI", "GET a", "GET b", "EXEC", "GET c"}));
        steps.push_back(step(0, "MSET a 1 b 2 c 3"));
        steps.push_back(
            pipeline(1, {"MULTI", "GET a", caching, "GET b", "GET c", "EXEC", "GET d"}));
        steps.push_back(step(0, "MSET a 1 b 2 c 3 d 4"));
        steps.push_back(pipeline(1, {caching, "CLIENT ID", "GET a"}));
        steps.back().is_compared = false;
        steps.push_back(step(0, "MSET a 1 b 2 c 3 d 4"));
        steps.push_back(step(1, "CLIENT TRACKING OFF"));
    }
    compare_scripts(steps);
}

TEST(TrackingCompatTest, PrefixesAreToldOfAllTheirKeys) {
    compare_scripts({
        hello3(1),
        hello3(2),
        step(1, "CLIENT TRACKING ON BCAST"),
        step(2, "CLIENT TRACKING ON BCAST PREFIX user: PREFIX a NOLOOP"),
        step(0, "SET a 1"),
        step(0, "SET user:1 1"),
        step(0, "SET other 1"),
        step(0, "GET a"),
        step(0, "MSET b 1 ab 2 user:2 3 a 4 user: 5 user 6"),
        pipeline(0, {"SET b 1", "SET a 1", "SET b 2", "DEL a"}),
        step(2, "SET a 1"),
        pipeline(2, {"SET a 1", "SET user:7 1"}),
        pipeline(1, {"SET a 1", "GET a", "SET user:7 1"}),
        pipeline(1, {"MULTI", "SET a 1", "SET zz 1", "EXEC"}),
        step(2, "CLIENT TRACKINGINFO"),
        step(2, "CLIENT TRACKING ON BCAST PREFIX c"),
        step(2, "SET c 1"),
        step(2, "SET a 1"),
        step(2, "CLIENT TRACKINGINFO"),
        step(2, "CLIENT TRACKING ON BCAST NOLOOP PREFIX d"),
        step(2, "SET c 1"),
        step(0, "FLUSHDB"),
        step(2, "FLUSHALL"),
        step(2, "CLIENT TRACKING OFF"),
        step(0, "SET a 1"),
        step(1, "CLIENT TRACKING OFF"),
        step(0, "SET a 1"),
        step(2, "CLIENT TRACKING ON"),
        step(2, "GET a"),
        step(0, "SET a 1"),
        step(2, "CLIENT TRACKING OFF"),
        step(2, "CLIENT TRACKING ON BCAST PREFIX q"),
        step(0, "SET a 1"),
        step(2, "RESET"),
        step(0, "SET q 1"),
    });
}

TEST(TrackingCompatTest, AnotherClientIsToldInstead) {
    compare_scripts({
        step(0, "PING"),
        step(1, "PING"),
        step(2, "PING"),
        step(1, "CLIENT GETREDIR"),
        step(1, "CLIENT TRACKING ON REDIRECT {id:2}"),
        step(1, "GET a"),
        step(0, "SET a 1"),  // it is not subscribed
        step(2, "SUBSCRIBE __redis__:invalidate"),
        step(1, "GET a"),
        step(0, "SET a 2"),
        step(1, "GET a"),
        step(1, "SET a 3"),
        step(0, "FLUSHALL"),
        hello3(1),
        step(0, "FLUSHALL"),
        step(1, "GET a"),
        step(0, "SET a 4"),
        step(2, "UNSUBSCRIBE"),
        step(2, "SUBSCRIBE elsewhere"),
        step(1, "GET a"),
        step(0, "SET a 5"),
        step(2, "UNSUBSCRIBE"),
        hello3(2),
        step(1, "GET a"),
        step(0, "SET a 6"),
        step(0, "FLUSHDB"),
        step(1, "CLIENT TRACKING ON"),
        step(1, "GET a"),
        step(0, "SET a 7"),
        step(1, "CLIENT TRACKING OFF"),
        step(1, "CLIENT GETREDIR"),
        step(1, "CLIENT TRACKING ON BCAST PREFIX a REDIRECT {id:2}"),
        step(0, "SET a 8"),
        step(0, "FLUSHDB"),
        step(1, "CLIENT TRACKING OFF"),
        step(0, "SET a 9"),
    });
}

TEST(TrackingCompatTest, WhatIsRefused) {
    std::vector<Step> steps;
    for (const std::string_view row : {"CLIENT TRACKING",
                                       "CLIENT TRACKING MAYBE",
                                       "CLIENT TRACKING ON MAYBE",
                                       "CLIENT TRACKING ON REDIRECT",
                                       "CLIENT TRACKING ON REDIRECT x",
                                       "CLIENT TRACKING ON REDIRECT 999999",
                                       "CLIENT TRACKING ON REDIRECT -1",
                                       "CLIENT TRACKING ON REDIRECT 0",
                                       "CLIENT TRACKING ON REDIRECT {id:0} REDIRECT {id:0}",
                                       "CLIENT TRACKING ON PREFIX a",
                                       "CLIENT TRACKING ON PREFIX",
                                       "CLIENT TRACKING ON BCAST PREFIX",
                                       "CLIENT TRACKING ON BCAST OPTIN",
                                       "CLIENT TRACKING ON BCAST OPTOUT",
                                       "CLIENT TRACKING ON OPTIN OPTOUT",
                                       "CLIENT TRACKING ON BCAST PREFIX a PREFIX ab",
                                       "CLIENT TRACKING ON BCAST PREFIX a PREFIX a",
                                       "CLIENT TRACKINGINFO",
                                       "CLIENT CACHING",
                                       "CLIENT CACHING YES",
                                       "CLIENT CACHING NO",
                                       "CLIENT GETREDIR",
                                       "CLIENT GETREDIR x",
                                       "CLIENT TRACKINGINFO x",
                                       "CLIENT TRACKING ON OPTIN",
                                       "CLIENT TRACKING ON OPTOUT",
                                       "CLIENT TRACKING ON BCAST",
                                       "CLIENT CACHING NO",
                                       "CLIENT TRACKINGINFO",
                                       "CLIENT TRACKING ON",
                                       "CLIENT TRACKING ON OPTOUT",
                                       "CLIENT CACHING YES",
                                       "CLIENT TRACKING OFF",
                                       "CLIENT TRACKING ON BCAST PREFIX foo PREFIX bar",
                                       "CLIENT TRACKING ON BCAST PREFIX foobar",
                                       "CLIENT TRACKING ON BCAST PREFIX f",
                                       "CLIENT TRACKING ON BCAST PREFIX baz",
                                       "CLIENT TRACKING ON",
                                       "CLIENT TRACKING ON OPTIN",
                                       "CLIENT TRACKINGINFO",
                                       "CLIENT TRACKING OFF MAYBE",
                                       "CLIENT TRACKING OFF NOLOOP",
                                       "CLIENT TRACKINGINFO"}) {
        steps.push_back(step(0, "PING"));
        steps.push_back(step(0, row));
        steps.push_back({1, {"PING"}});
    }
    compare_scripts(steps);
}

/// Random commands of four clients, three of which are told of changes in ways of their own. What
/// replaces a key by another is not among them: the two are told of in another order.
std::vector<Step> random_steps(uint64_t seed, size_t count) {
    static constexpr std::string_view kRows[] = {"GET a",
                                                 "GET b",
                                                 "GET ab",
                                                 "MGET a b ab",
                                                 "GET ba",
                                                 "STRLEN a",
                                                 "SET a 1",
                                                 "SET b 1",
                                                 "SET ab 1",
                                                 "DEL a ab",
                                                 "APPEND b x",
                                                 "MSET a 1 ba 2",
                                                 "FLUSHDB",
                                                 "EXPIRE a 100",
                                                 "INCR n",
                                                 "GET n",
                                                 "COPY a b REPLACE",
                                                 "DEL b ba",
                                                 "GETEX a PERSIST",
                                                 "SETNX a 1",
                                                 "EXISTS a b",
                                                 "PING",
                                                 "SET ba 1 GET"};
    std::mt19937_64 random(seed);
    std::vector<Step> steps{hello3(1),
                            hello3(2),
                            hello3(3),
                            step(1, "CLIENT TRACKING ON"),
                            step(2, "CLIENT TRACKING ON OPTIN NOLOOP"),
                            step(3, "CLIENT TRACKING ON BCAST PREFIX a PREFIX n NOLOOP")};
    for (size_t index = 0; index < count; ++index) {
        const size_t connection = random() % 4;
        std::vector<std::string_view> rows;
        if (connection == 2 && random() % 2 == 0) rows.emplace_back("CLIENT CACHING YES");
        const size_t commands = 1 + random() % 3;
        const bool is_transaction = random() % 4 == 0;
        if (is_transaction) rows.emplace_back("MULTI");
        for (size_t command = 0; command < commands; ++command) {
            rows.push_back(kRows[random() % std::size(kRows)]);
        }
        if (is_transaction) rows.emplace_back("EXEC");
        steps.push_back(pipeline(connection, rows));
    }
    return steps;
}

TEST(TrackingCompatTest, RandomCommandsOfClientsThatTrack) {
    SCOPED_TRACE(seed_note());
    for (uint64_t round = 0; round < 5 && !HasFailure(); ++round) {
        compare_scripts(random_steps(test_seed() + round, 300));
    }
}

}  // namespace
}  // namespace gyre::test
