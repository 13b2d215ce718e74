// SPDX-License-Identifier: BSD-3-Clause

// Behind BEGIN, what concerns whole databases: which changes are conflicts for who has gone through
// one, or through a part of it, and FLUSHDB and FLUSHALL, which are undone like anything else.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/expiry.h"
#include "support/command_runner.h"

namespace gyre::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

const std::string kOk = "+OK\r\n";
const std::string kNull = "$-1\r\n";
const std::string kNone = "*0\r\n";

class InteractiveDatabaseTest : public ::testing::Test {
protected:
    std::string run(const std::vector<std::string>& words) { return runner_.run(words); }
    std::string other(const std::vector<std::string>& words) {
        return runner_.run_as(other_, words);
    }
    /// BEGIN, `look`, what `change` does, and what COMMIT answers.
    std::string outcome(const std::vector<std::string>& look, const std::function<void()>& change) {
        EXPECT_EQ(run({"BEGIN"}), kOk);
        run(look);
        change();
        return run({"COMMIT"});
    }
    void fill(int keys) {
        for (int index = 0; index < keys; ++index) run({"SET", name(index), "1"});
    }
    static std::string name(int index) { return "key:" + std::to_string(index); }
    /// SCAN from `cursor` on; gives the next one and the keys.
    std::pair<std::string, std::set<std::string>> scan(const std::string& cursor,
                                                       const std::string& count) {
        const std::string reply = run({"SCAN", cursor, "COUNT", count});
        std::vector<std::string> lines;
        for (size_t at = 0; at < reply.size();) {
            const size_t end = reply.find("\r\n", at);
            lines.push_back(reply.substr(at, end - at));
            at = end + 2;
        }
        // *2 $n cursor *m ($n key)...
        EXPECT_GE(lines.size(), 4U) << reply;
        std::set<std::string> keys;
        for (size_t line = 5; line < lines.size(); line += 2) keys.insert(lines[line]);
        return {lines[2], keys};
    }

    CommandRunner runner_;
    commands::Session& other_ = runner_.add_session();
};

// --- going through ------------------------------------------------------------------------------

TEST_F(InteractiveDatabaseTest, WhatChangesInAnotherDatabaseIsNoConflict) {
    fill(10);
    other({"SELECT", "1"});
    const auto change = [this] {
        other({"SET", "phantom", "1"});
        other({"DEL", "phantom"});
        other({"FLUSHDB"});
    };
    for (const std::vector<std::string>& look :
         std::vector<std::vector<std::string>>{{"KEYS", "*"},
                                               {"DBSIZE"},
                                               {"SIZE"},
                                               {"SCAN", "0"},
                                               {"VALUES"},
                                               {"ITEMS"},
                                               {"RANDOMKEY"},
                                               {"FIND", "KEYS", "LIKE", "*"},
                                               {"FIND", "0", "KEYS", "LIKE", "*"}}) {
        EXPECT_EQ(outcome(look, change), kOk) << look[0];
    }
    EXPECT_THAT(outcome({"KEYS", "*"}, [this] { other({"SWAPDB", "0", "1"}); }),
                StartsWith("-CONFLICT "));
}

TEST_F(InteractiveDatabaseTest, EveryKindOfChangeIsAConflictForWhoHasGoneThrough) {
    run({"XADD", "stream", "1-1", "f", "v"});
    const std::vector<std::vector<std::string>> changes = {
        {"SET", "new", "1"},
        {"SET", "new", "2"},
        {"APPEND", "new", "3"},
        {"EXPIRE", "new", "99"},
        {"PERSIST", "new"},
        {"RENAME", "new", "newer"},
        {"DEL", "newer"},
        {"RPUSH", "l", "1"},
        {"LPOP", "l"},
        {"HSET", "h", "f", "1"},
        {"HPEXPIRE", "h", "1000", "FIELDS", "1", "f"},
        {"SADD", "s", "m"},
        {"ZADD", "z", "1", "m"},
        {"XADD", "stream", "*", "f", "v"},
        {"SETBIT", "b", "7", "1"},
        {"BATCH", "set x 1"},
        {"FLUSHDB"}};
    for (const auto& change : changes) {
        EXPECT_THAT(
            outcome({"KEYS", "*"}, [&] { EXPECT_THAT(other(change), Not(StartsWith("-"))); }),
            StartsWith("-CONFLICT "))
            << change[0];
    }
    // Of these nobody sees anything who goes through.
    EXPECT_EQ(outcome({"KEYS", "*"}, [this] { other({"GET", "x"}); }), kOk);
    EXPECT_EQ(outcome({"KEYS", "*"}, [this] { other({"DEL", "none"}); }), kOk);
}

TEST_F(InteractiveDatabaseTest, WhatBecameReadyForWhoWaitsIsAChangeToo) {
    other({"BLPOP", "l", "0"});
    commands::Session& third = runner_.add_session();
    EXPECT_THAT(outcome({"KEYS", "*"}, [&] { runner_.run_as(third, {"RPUSH", "l", "1"}); }),
                StartsWith("-CONFLICT "));
    EXPECT_EQ(runner_.end_wait(other_), "*2\r\n" + bulk("l") + bulk("1"));
}

TEST_F(InteractiveDatabaseTest, OneStepOfAScanIsInConflictWithWhatIsNearAlone) {
    constexpr int kKeys = 2000;
    fill(kKeys);
    run({"BEGIN"});
    const std::set<std::string> seen = scan("0", "20").second;
    EXPECT_EQ(run({"ROLLBACK"}), kOk);
    ASSERT_GE(seen.size(), 20U);
    int conflicts = 0;
    for (int index = 0; index < kKeys; ++index) {
        const std::string answer =
            outcome({"SCAN", "0", "COUNT", "20"}, [&] { other({"SET", name(index), "2"}); });
        const bool is_conflict = answer.starts_with("-CONFLICT ");
        EXPECT_TRUE(is_conflict || answer == kOk) << answer;
        if (seen.contains(name(index))) {
            EXPECT_TRUE(is_conflict) << name(index);
        }
        conflicts += is_conflict ? 1 : 0;
    }
    // A table of so few keys has fewer buckets than there are counters.
    EXPECT_EQ(conflicts, static_cast<int>(seen.size()));
}

TEST_F(InteractiveDatabaseTest, StepsOfAScanAddUpToTheWholeDatabase) {
    constexpr int kKeys = 500;
    fill(kKeys);
    const auto scan_all = [this] {
        EXPECT_EQ(run({"BEGIN"}), kOk);
        std::set<std::string> keys;
        std::string cursor = "0";
        do {
            auto [next, some] = scan(cursor, "10");
            keys.merge(some);
            cursor = next;
        } while (cursor != "0");
        return keys;
    };
    EXPECT_EQ(scan_all().size(), static_cast<size_t>(kKeys));
    EXPECT_EQ(run({"COMMIT"}), kOk);
    // Keys that were not there have a place too, wherever it is.
    for (int index = 0; index < kKeys; index += 7) {
        scan_all();
        const std::string key = index % 2 == 0 ? name(index) : "new:" + std::to_string(index);
        other({"SET", key, "2"});
        EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT ")) << key;
    }
}

TEST_F(InteractiveDatabaseTest, AChangeBetweenTwoStepsIsAConflictWhereTheFirstHasBeen) {
    fill(500);
    run({"BEGIN"});
    const auto [cursor, seen] = scan("0", "10");
    ASSERT_FALSE(seen.empty());
    ASSERT_NE(cursor, "0");
    other({"DEL", *seen.begin()});
    std::string answer = run({"SCAN", cursor, "COUNT", "10"});
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT "));
}

TEST_F(InteractiveDatabaseTest, WhereTheTableGrowsOrShrinksAScanStillKnowsWhatItHasSeen) {
    constexpr int kKeys = 3000;
    fill(kKeys);
    run({"BEGIN"});
    const std::set<std::string> seen = scan("0", "50").second;
    for (int index = 0; index < kKeys; ++index) {
        if (!seen.contains(name(index))) other({"DEL", name(index)});
    }
    EXPECT_EQ(run({"COMMIT"}), kOk) << "nothing has changed where it has been";
    // A chain of the small table is many of the large one, and still the same keys.
    run({"BEGIN"});
    const std::set<std::string> rest = scan("0", "1000").second;
    ASSERT_FALSE(rest.empty());
    int conflicts = 0;
    for (int index = 0; index < kKeys; ++index) {
        if (!seen.contains(name(index))) other({"SET", name(index), "1"});
    }
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT ")) << "of these some have come to it";
    for (const std::string& key : rest) {
        run({"BEGIN"});
        scan("0", "500");
        other({"APPEND", key, "1"});
        conflicts += run({"COMMIT"}).starts_with("-CONFLICT ") ? 1 : 0;
    }
    EXPECT_EQ(conflicts, static_cast<int>(rest.size()));
}

TEST_F(InteractiveDatabaseTest, KeysThatAreDueGoUnnoticedButNotWhenTheyBecomeSo) {
    engine::ExpiryCycle cycle(runner_.dataset(), runner_.executor(), 0, [] { return int64_t{0}; });
    run({"SET", "due", "1", "PX", "5"});
    run({"SET", "later", "1", "PX", "500"});
    runner_.advance_ms(10);
    const auto remove = [&] { cycle.run(runner_.now_ms() + 2, false); };
    EXPECT_EQ(outcome({"KEYS", "*"}, remove), kOk);
    EXPECT_EQ(run({"DBSIZE"}), ":1\r\n") << "the wheel has removed it meanwhile";
    EXPECT_THAT(outcome({"KEYS", "*"},
                        [&] {
                            runner_.advance_ms(600);
                            remove();
                        }),
                StartsWith("-CONFLICT "));
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
}

TEST_F(InteractiveDatabaseTest, ChangesAreCountedNoLongerThanSomebodyAsks) {
    const auto is_observed = [this] {
        for (size_t shard = 0; shard < runner_.dataset().shards(); ++shard) {
            if (runner_.dataset().shard(shard).is_observed()) return true;
        }
        return false;
    };
    for (const char* end : {"COMMIT", "ROLLBACK", "RESET"}) {
        run({"BEGIN"});
        run({"KEYS", "*"});
        EXPECT_TRUE(is_observed());
        run({end});
        EXPECT_FALSE(is_observed()) << end;
    }
    run({"BEGIN"});
    run({"KEYS", "*"});
    other({"BEGIN"});
    other({"KEYS", "*"});
    run({"COMMIT"});
    EXPECT_TRUE(is_observed());
    run({"SET", "a", "1"});
    EXPECT_THAT(other({"COMMIT"}), StartsWith("-CONFLICT "));
    EXPECT_FALSE(is_observed());
}

// --- FLUSHDB, FLUSHALL --------------------------------------------------------------------------

TEST_F(InteractiveDatabaseTest, AFlushIsSeenInsideAndDoneByTheCommit) {
    fill(50);
    run({"BEGIN"});
    run({"SET", "before", "1"});
    EXPECT_EQ(run({"FLUSHDB"}), kOk);
    for (const std::vector<std::string>& look : std::vector<std::vector<std::string>>{
             {"KEYS", "*"}, {"VALUES"}, {"ITEMS"}, {"FIND", "KEYS", "LIKE", "*"}}) {
        EXPECT_EQ(run(look), kNone) << look[0];
    }
    EXPECT_EQ(run({"SCAN", "0"}), "*2\r\n" + bulk("0") + kNone);
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
    EXPECT_EQ(run({"SIZE"}), ":0\r\n");
    EXPECT_EQ(run({"RANDOMKEY"}), kNull);
    EXPECT_EQ(run({"EXISTS", "before", name(1)}), ":0\r\n");
    EXPECT_EQ(run({"INCR", name(1)}), ":1\r\n");
    EXPECT_EQ(run({"SET", "after", "1", "NX"}), kOk);
    EXPECT_EQ(run({"DBSIZE"}), ":2\r\n");
    EXPECT_EQ(other({"DBSIZE"}), ":50\r\n");
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(other({"DBSIZE"}), ":2\r\n");
    EXPECT_EQ(other({"MGET", name(1), "after", "before"}),
              "*3\r\n" + bulk("1") + bulk("1") + kNull);
}

TEST_F(InteractiveDatabaseTest, ARollbackUndoesAFlush) {
    fill(50);
    for (const char* word : {"FLUSHDB", "FLUSHALL", "CLEAR"}) {
        run({"BEGIN"});
        EXPECT_EQ(run({word, "ASYNC"}), kOk);
        EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
        EXPECT_EQ(run({"ROLLBACK"}), kOk);
        EXPECT_EQ(run({"DBSIZE"}), ":50\r\n") << word;
        EXPECT_EQ(run({"GET", name(7)}), bulk("1"));
    }
    run({"BEGIN"});
    EXPECT_THAT(run({"FLUSHDB", "NEVER"}), StartsWith("-ERR syntax"));
    EXPECT_EQ(run({"DBSIZE"}), ":50\r\n");
    EXPECT_EQ(run({"COMMIT"}), kOk);
}

TEST_F(InteractiveDatabaseTest, AFlushIsOfItsDatabaseAndFlushallOfAll) {
    for (const char* database : {"0", "1", "2"}) {
        other({"SELECT", database});
        other({"MSET", "a", "1", "b", "1"});
    }
    run({"BEGIN"});
    run({"SELECT", "1"});
    run({"FLUSHDB"});
    EXPECT_EQ(run({"EXISTS", "a"}), ":0\r\n");
    run({"SELECT", "0"});
    EXPECT_EQ(run({"EXISTS", "a"}), ":1\r\n");
    EXPECT_EQ(run({"COPY", "a", "c", "DB", "1"}), ":1\r\n");
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"DBSIZE"}), ":2\r\n");
    EXPECT_EQ(other({"DBSIZE"}), ":2\r\n");
    other({"SELECT", "1"});
    EXPECT_EQ(other({"KEYS", "*"}), "*1\r\n" + bulk("c"));
    run({"BEGIN"});
    run({"FLUSHALL"});
    run({"SELECT", "2"});
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
    run({"SET", "d", "1"});
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"KEYS", "*"}), "*1\r\n" + bulk("d"));
    EXPECT_EQ(other({"DBSIZE"}), ":0\r\n");
}

TEST_F(InteractiveDatabaseTest, WhatAFlushTakesAwayNeedNotBeAsItWas) {
    fill(50);
    EXPECT_EQ(outcome({"FLUSHDB"},
                      [this] {
                          other({"SET", "phantom", "1"});
                          other({"DEL", name(1)});
                      }),
              kOk)
        << "it has seen nothing of it";
    EXPECT_EQ(run({"DBSIZE"}), ":0\r\n");
    // But what it has seen before must be.
    fill(50);
    run({"BEGIN"});
    run({"GET", name(1)});
    run({"FLUSHDB"});
    other({"SET", name(1), "2"});
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT "));
    EXPECT_EQ(run({"DBSIZE"}), ":50\r\n");
    run({"BEGIN"});
    run({"KEYS", "*"});
    run({"FLUSHDB"});
    other({"SET", "phantom", "1"});
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-CONFLICT "));
}

TEST_F(InteractiveDatabaseTest, ABatchThatFailsUndoesItsFlush) {
    fill(20);
    run({"RPUSH", "l", "1"});
    EXPECT_THAT(run({"BATCH", "clear; set a 1; incr a; lpush a 1"}),
                StartsWith("-BATCHERR 4 WRONGTYPE"));
    EXPECT_EQ(run({"DBSIZE"}), ":21\r\n");
    run({"BEGIN"});
    run({"SET", "own", "1"});
    run({"RPUSH", "l", "2"});
    EXPECT_THAT(run({"BATCH",
                     "flushdb; set a 1; exists own; get l"
                     "; lpush a 1"}),
                StartsWith("-BATCHERR 5 WRONGTYPE"));
    EXPECT_EQ(run({"DBSIZE"}), ":22\r\n");
    EXPECT_EQ(run({"GET", "own"}), bulk("1"));
    EXPECT_EQ(run({"GET", "a"}), kNull);
    EXPECT_EQ(run({"LRANGE", "l", "0", "-1"}), "*2\r\n" + bulk("1") + bulk("2"));
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(run({"DBSIZE"}), ":22\r\n");
    EXPECT_EQ(run({"BATCH", "clear; set a 1; dbsize; keys *"}),
              "*4\r\n" + kOk + kOk + ":1\r\n*1\r\n" + bulk("a"));
    EXPECT_EQ(run({"DBSIZE"}), ":1\r\n");
    run({"MULTI"});
    run({"SET", "b", "1"});
    run({"BATCH", "flushall; set c 1"});
    run({"DBSIZE"});
    EXPECT_EQ(run({"EXEC"}), "*3\r\n" + kOk + "*2\r\n" + kOk + kOk + ":1\r\n");
}

TEST_F(InteractiveDatabaseTest, OthersAreToldOfAFlushAtTheCommit) {
    run({"MSET", "a", "1", "b", "1"});
    other_.protocol = 3;
    other({"CLIENT", "TRACKING", "ON"});
    other({"GET", "a"});
    other({"WATCH", "b"});
    commands::Session& listener = runner_.add_session();
    runner_.run_as(listener, {"SUBSCRIBE", "db_updates"});
    runner_.pushed(listener);
    runner_.dataset().settings.notified_events = engine::event::updates;
    run({"BEGIN"});
    run({"SET", "c", "1"});
    run({"FLUSHDB"});
    run({"SET", "d", "1"});
    EXPECT_EQ(runner_.pushed(other_), "");
    EXPECT_EQ(runner_.pushed(listener), "");
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_THAT(runner_.pushed(other_), HasSubstr("invalidate"));
    const std::string pushed = runner_.pushed(listener);
    const size_t first = pushed.find(R"("op":"set","key":"c")");
    const size_t flush = pushed.find(R"("op":"flushdb","key":null)");
    const size_t second = pushed.find(R"("op":"set","key":"d")");
    EXPECT_LT(first, flush) << pushed;
    EXPECT_LT(flush, second) << pushed;
    EXPECT_NE(second, std::string::npos) << pushed;
    other({"MULTI"});
    other({"GET", "b"});
    EXPECT_EQ(other({"EXEC"}), "_\r\n");
}

TEST_F(InteractiveDatabaseTest, AFlushMakesRoom) {
    run({"MSET", "a", "1", "b", "1"});
    runner_.dataset().set_maxkeys(2, runner_.executor());
    run({"BEGIN"});
    run({"FLUSHDB"});
    run({"FLUSHDB"});
    run({"MSET", "c", "1", "b", "2"});
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(runner_.dataset().keys_reserved(), 2);
    run({"BEGIN"});
    run({"FLUSHALL"});
    run({"FLUSHDB"});
    run({"MSET", "c", "1", "d", "1", "e", "1"});
    EXPECT_THAT(run({"COMMIT"}), StartsWith("-OOM "));
    EXPECT_EQ(run({"DBSIZE"}), ":2\r\n");
    run({"BEGIN"});
    run({"FLUSHALL"});
    EXPECT_EQ(run({"COMMIT"}), kOk);
    EXPECT_EQ(runner_.dataset().keys_reserved(), 0);
}

}  // namespace
}  // namespace gyre::test
