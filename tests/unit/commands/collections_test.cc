// SPDX-License-Identifier: BSD-3-Clause

// Lists, hashes and sets, where redis-server 7.0, the oracle of the differential tests, has nothing
// to compare with: the forms collections have in 7.2 and when they change, memory to the byte,
// drawing at random, and the promises to maxkeys.

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/random.h"
#include "engine/memory_check.h"
#include "support/command_runner.h"
#include "support/seed.h"

namespace gyre::test {
namespace {

class CollectionsTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    std::string encoding(std::string_view key) {
        const std::string reply = run({"OBJECT", "ENCODING", key});
        return reply.substr(reply.find('\n') + 1, reply.size() - reply.find('\n') - 3);
    }
    void expect_exact_memory() {
        engine::MemoryCheck check(runner_.dataset());
        for (size_t shard = 0; shard < runner_.dataset().shards(); ++shard) {
            check.visit(shard, runner_.executor());
        }
        for (const std::string& difference : check.conclude(0)) ADD_FAILURE() << difference;
    }

    CommandRunner runner_;
};

TEST_F(CollectionsTest, AListIsAListpackUpToOneNode) {
    const std::string kilobyte(1000, 'x');
    for (int i = 0; i < 8; ++i) run({"RPUSH", "l", kilobyte});
    EXPECT_EQ(encoding("l"), "listpack");
    run({"RPUSH", "l", kilobyte});
    EXPECT_EQ(encoding("l"), "quicklist");
    run({"LPOP", "l"});
    run({"LPOP", "l"});
    EXPECT_EQ(encoding("l"), "quicklist");
    run({"LTRIM", "l", "0", "3"});
    EXPECT_EQ(encoding("l"), "listpack");
    EXPECT_EQ(run({"LLEN", "l"}), ":4\r\n");
    // Counted by elements.
    runner_.dataset().settings.list_max_listpack_size.store(4);
    for (const char* element : {"1", "2", "3", "4"}) run({"LPUSH", "n", element});
    EXPECT_EQ(encoding("n"), "listpack");
    run({"LPUSH", "n", "5"});
    EXPECT_EQ(encoding("n"), "quicklist");
    run({"LREM", "n", "0", "5"});
    run({"RPOP", "n"});
    EXPECT_EQ(encoding("n"), "quicklist");
    run({"RPOP", "n"});
    EXPECT_EQ(encoding("n"), "listpack");
    expect_exact_memory();
}

TEST_F(CollectionsTest, ASetHasThreeForms) {
    run({"SADD", "s", "1", "2"});
    EXPECT_EQ(encoding("s"), "intset");
    run({"SADD", "s", "a"});
    EXPECT_EQ(encoding("s"), "listpack");
    for (int i = 0; i < 125; ++i) run({"SADD", "s", "m" + std::to_string(i)});
    EXPECT_EQ(encoding("s"), "listpack");
    run({"SADD", "s", "one more"});
    EXPECT_EQ(encoding("s"), "hashtable");
    for (int i = 0; i < 512; ++i) run({"SADD", "i", std::to_string(i)});
    EXPECT_EQ(encoding("i"), "intset");
    run({"SADD", "i", "-1"});
    EXPECT_EQ(encoding("i"), "hashtable");
    run({"SADD", "long", std::string(64, 'x')});
    EXPECT_EQ(encoding("long"), "listpack");
    run({"SADD", "long", std::string(65, 'x')});
    EXPECT_EQ(encoding("long"), "hashtable");
    run({"SADD", "few", "1"});
    run({"SUNIONSTORE", "sum", "few", "long"});
    EXPECT_EQ(encoding("sum"), "hashtable");
    run({"SUNIONSTORE", "sum", "few"});
    EXPECT_EQ(encoding("sum"), "intset");
    run({"SADD", "letters", "a", "1"});
    run({"SINTERSTORE", "sum", "few", "letters"});
    EXPECT_EQ(encoding("sum"), "intset");
    run({"SDIFFSTORE", "sum", "letters", "none"});
    EXPECT_EQ(encoding("sum"), "listpack");
    expect_exact_memory();
}

TEST_F(CollectionsTest, AHashIsPackedWhileItIsSmall) {
    run({"HSET", "h", "f", std::string(64, 'x')});
    EXPECT_EQ(encoding("h"), "listpack");
    run({"HSET", "h", "f", std::string(65, 'x')});
    EXPECT_EQ(encoding("h"), "hashtable");
    for (int i = 0; i < 512; ++i) run({"HSET", "n", "f" + std::to_string(i), "v"});
    EXPECT_EQ(encoding("n"), "listpack");
    run({"HSET", "n", "one more", "v"});
    EXPECT_EQ(encoding("n"), "hashtable");
    EXPECT_EQ(run({"HLEN", "n"}), ":513\r\n");
    run({"HINCRBY", "i", std::string(65, 'f'), "1"});
    EXPECT_EQ(encoding("i"), "hashtable");
    expect_exact_memory();
}

TEST_F(CollectionsTest, HscanLeavesValuesOut) {
    run({"HSET", "h", "f", "v"});
    EXPECT_EQ(run({"HSCAN", "h", "0", "NOVALUES"}), "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nf\r\n");
    EXPECT_EQ(run({"HSCAN", "h", "0", "COUNT", "5", "novalues", "MATCH", "x"}),
              "*2\r\n$1\r\n0\r\n*0\r\n");
    for (int i = 0; i < 600; ++i) run({"HSET", "h", "f" + std::to_string(i), "v"});
    ASSERT_EQ(encoding("h"), "hashtable");
    const std::string reply = run({"HSCAN", "h", "0", "NOVALUES", "COUNT", "10000"});
    EXPECT_EQ(reply.substr(0, 17), "*2\r\n$1\r\n0\r\n*601\r\n");
    EXPECT_EQ(reply.find("\r\nv\r\n"), std::string::npos);
    run({"SADD", "s", "m"});
    run({"ZADD", "z", "1", "m"});
    const std::string refusal = "-ERR NOVALUES option can only be used in HSCAN\r\n";
    EXPECT_EQ(run({"SSCAN", "s", "0", "NOVALUES"}), refusal);
    EXPECT_EQ(run({"ZSCAN", "z", "0", "NOVALUES"}), refusal);
}

TEST_F(CollectionsTest, ScansGiveEachElementOfEveryForm) {
    for (const int members : {1, 100, 3000}) {
        run({"DEL", "s", "h"});
        std::set<std::string> expected;
        for (int i = 0; i < members; ++i) {
            const std::string name = "m" + std::to_string(i);
            expected.insert(name);
            run({"SADD", "s", name});
            run({"HSET", "h", name, "v"});
        }
        for (const char* key : {"s", "h"}) {
            std::set<std::string> seen;
            std::string cursor = "0";
            do {
                const std::string reply =
                    run({key[0] == 's' ? "SSCAN" : "HSCAN", key, cursor, "COUNT", "20"});
                std::vector<std::string> lines;
                for (size_t at = 0; at < reply.size(); at = reply.find('\n', at) + 1) {
                    lines.push_back(reply.substr(at, reply.find('\r', at) - at));
                }
                cursor = lines[2];
                for (size_t i = 3; i < lines.size(); ++i) {
                    if (lines[i][0] == 'm') seen.insert(lines[i]);
                }
            } while (cursor != "0");
            EXPECT_EQ(seen, expected) << key << members;
        }
    }
}

/// The bulk strings of an array.
std::vector<std::string> elements(const std::string& reply) {
    std::vector<std::string> found;
    size_t at = reply.find('\n') + 1;
    while (at < reply.size()) {
        const size_t header = reply.find('\n', at) + 1;
        const auto length = static_cast<size_t>(std::stoul(reply.substr(at + 1)));
        found.push_back(reply.substr(header, length));
        at = header + length + 2;
    }
    return found;
}

TEST_F(CollectionsTest, DrawingGivesDifferentMembersOrRepeatsThem) {
    for (const int members : {5, 60, 400}) {
        run({"DEL", "s", "h"});
        for (int i = 0; i < members; ++i) {
            run({"SADD", "s", "m" + std::to_string(i)});
            run({"HSET", "h", "m" + std::to_string(i), "v"});
        }
        for (const char* command : {"SRANDMEMBER", "HRANDFIELD"}) {
            const char* key = command[0] == 'S' ? "s" : "h";
            for (const int wanted : {1, 4, members / 2, members, members + 9}) {
                const auto drawn = elements(run({command, key, std::to_string(wanted)}));
                const std::set<std::string> different(drawn.begin(), drawn.end());
                EXPECT_EQ(drawn.size(), static_cast<size_t>(std::min(wanted, members)));
                EXPECT_EQ(different.size(), drawn.size());
            }
            EXPECT_EQ(elements(run({command, key, "-1000"})).size(), 1000u);
            EXPECT_EQ(run({command, key, "-9223372036854775807"}),
                      "-ERR value is out of range, at most 16777216 elements are drawn with "
                      "repetitions\r\n");
            EXPECT_EQ(run({command, "none", "-9223372036854775807"}), "*0\r\n");
        }
        std::set<std::string> popped;
        for (int i = 0; i < members; ++i) {
            const std::string reply = run({"SPOP", "s"});
            EXPECT_TRUE(popped.insert(reply).second);
        }
        EXPECT_EQ(run({"EXISTS", "s"}), ":0\r\n");
    }
}

// Each pair of members is drawn about as often as any other, in both ways of drawing.
TEST_F(CollectionsTest, DrawingIsFair) {
    for (const char* longest : {"x",
                                "a member too long to be packed with the others, so that all "
                                "of them stand in a table"}) {
        run({"DEL", "s"});
        for (int i = 0; i < 9; ++i) run({"SADD", "s", "m" + std::to_string(i)});
        run({"SADD", "s", longest});
        std::map<std::string, int> drawn;
        for (int i = 0; i < 20'000; ++i) {
            for (const std::string& member : elements(run({"SRANDMEMBER", "s", "2"}))) {
                ++drawn[member];
            }
        }
        ASSERT_EQ(drawn.size(), 10u);
        for (const auto& [member, count] : drawn) {
            EXPECT_GT(count, 3'600) << member;
            EXPECT_LT(count, 4'400) << member;
        }
    }
}

TEST_F(CollectionsTest, MaxkeysCountsWhatCommandsCreate) {
    engine::Executor executor;
    run({"RPUSH", "l", "a", "b"});
    run({"SADD", "s", "a"});
    runner_.dataset().set_maxkeys(2, executor);
    const auto is_refused = [this](std::initializer_list<std::string_view> words) {
        return run(words).substr(0, 4) == "-OOM";
    };
    EXPECT_TRUE(is_refused({"RPUSH", "new", "a"}));
    EXPECT_TRUE(is_refused({"HSET", "new", "a", "b"}));
    EXPECT_TRUE(is_refused({"LMOVE", "l", "new", "LEFT", "LEFT"}));
    EXPECT_TRUE(is_refused({"SUNIONSTORE", "new", "s"}));
    EXPECT_FALSE(is_refused({"RPUSH", "l", "c"}));
    EXPECT_FALSE(is_refused({"LPUSHX", "new", "c"}));
    EXPECT_FALSE(is_refused({"LMOVE", "none", "new", "LEFT", "LEFT"}));
    EXPECT_FALSE(is_refused({"SUNIONSTORE", "new", "none"}));
    EXPECT_FALSE(is_refused({"SUNIONSTORE", "s", "s"}));
    EXPECT_FALSE(is_refused({"HSETEX", "new", "FXX", "FIELDS", "1", "a", "b"}));
    EXPECT_EQ(run({"DBSIZE"}), ":2\r\n");
}

std::string text(base::Random& random) {
    const uint64_t draw = random.below(30);
    if (draw == 0) return std::string(random.below(9'000), 'x');
    if (draw < 10) return std::to_string(random.below(60'000));
    return "e" + std::to_string(random.below(40));
}

// Whatever is done: the memory is counted to the byte, and nothing of it stays.
TEST_F(CollectionsTest, MemoryIsExactWhateverIsDone) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    runner_.dataset().settings.list_compress_depth.store(1);
    static constexpr const char* kTemplates[][5] = {{"RPUSH", "l", "?", "?", "?"},
                                                    {"LPUSH", "l", "?", "?", "?"},
                                                    {"LPOP", "l"},
                                                    {"LREM", "l", "2", "?"},
                                                    {"LINSERT", "l", "BEFORE", "?", "?"},
                                                    {"LSET", "l", "3", "?"},
                                                    {"LTRIM", "l", "0", "3000"},
                                                    {"HSET", "h", "?", "?"},
                                                    {"HDEL", "h", "?", "?"},
                                                    {"HPEXPIRE", "h", "90000", "?"},
                                                    {"SADD", "s", "?", "?"},
                                                    {"SREM", "s", "?", "?"},
                                                    {"SPOP", "s", "2"},
                                                    {"SUNIONSTORE", "t", "s", "t"},
                                                    {"RENAME", "l", "l2"},
                                                    {"COPY", "h", "h2", "REPLACE"},
                                                    {"COPY", "l2", "l"},
                                                    {"LMOVE", "l", "l2", "LEFT", "RIGHT"}};
    for (int i = 0; i < 20'000; ++i) {
        std::vector<std::string> words;
        for (const char* word : kTemplates[random.below(std::size(kTemplates))]) {
            if (word == nullptr) break;
            const bool is_field = !words.empty() && words[0] == "HPEXPIRE" && *word == '?';
            if (is_field) words.insert(words.end(), {"FIELDS", "1"});
            words.push_back(*word == '?' ? text(random) : word);
        }
        // Renamed away and emptied now and then, or it would only be copied.
        if (words[0] == "RENAME" && random.below(40) != 0) continue;
        runner_.run(words);
        if (i % 1'000 == 0) {
            runner_.executor().reclaimer.run();
            while (!runner_.executor().reclaimer.drain(1'000)) {
            }
            expect_exact_memory();
        }
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace gyre::test
