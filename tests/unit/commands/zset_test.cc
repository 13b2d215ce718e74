// SPDX-License-Identifier: BSD-3-Clause

// Sorted sets: what is newer than the oracle of the differential tests, goes by chance or by size.
// Expected replies are those of redis-server 7.2.

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

#include "support/command_runner.h"

namespace gyre::test {
namespace {

class ZsetTest : public testing::Test {
protected:
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    void fill(std::string_view key, int members) {
        for (int i = 0; i < members; ++i) {
            run({"ZADD", key, std::to_string(i), "m" + std::to_string(i)});
        }
    }

    CommandRunner runner_;
};

TEST_F(ZsetTest, FormsChangeAtTheLimits) {
    fill("z", 128);
    EXPECT_EQ(run({"OBJECT", "ENCODING", "z"}), bulk("listpack"));
    fill("z", 129);
    EXPECT_EQ(run({"OBJECT", "ENCODING", "z"}), bulk("skiplist"));
    run({"ZADD", "y", "1", std::string(64, 'x')});
    EXPECT_EQ(run({"OBJECT", "ENCODING", "y"}), bulk("listpack"));
    run({"ZADD", "y", "1", std::string(65, 'x')});
    EXPECT_EQ(run({"OBJECT", "ENCODING", "y"}), bulk("skiplist"));
    EXPECT_EQ(run({"ZCARD", "y"}), ":2\r\n");
}

TEST_F(ZsetTest, RanksComeWithScoresOnDemand) {
    run({"ZADD", "z", "1.5", "a", "2", "b"});
    EXPECT_EQ(run({"ZRANK", "z", "b", "WITHSCORE"}), "*2\r\n:1\r\n" + bulk("2"));
    EXPECT_EQ(run({"ZREVRANK", "z", "a", "withscore"}), "*2\r\n:1\r\n" + bulk("1.5"));
    EXPECT_EQ(run({"ZRANK", "z", "c", "WITHSCORE"}), "*-1\r\n");
    EXPECT_EQ(run({"ZRANK", "z", "c"}), "$-1\r\n");
    EXPECT_EQ(run({"ZRANK", "none", "c", "WITHSCORE"}), "*-1\r\n");
    EXPECT_EQ(run({"ZRANK", "z", "a", "SCORE"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"ZRANK", "z", "a", "WITHSCORE", "x"}),
              "-ERR wrong number of arguments for 'zrank' command\r\n");
    runner_.use_resp3();
    EXPECT_EQ(run({"ZRANK", "z", "a", "WITHSCORE"}), "*2\r\n:0\r\n,1.5\r\n");
}

TEST_F(ZsetTest, RandomMembersAreMembersAndDifferent) {
    fill("z", 300);
    for (const std::string_view count : {"1", "10", "299", "300", "1000"}) {
        const std::string reply = run({"ZRANDMEMBER", "z", count});
        std::set<std::string> seen;
        size_t found = 0;
        for (size_t at = reply.find("\r\nm"); at != std::string::npos;
             at = reply.find("\r\nm", at + 1)) {
            seen.insert(reply.substr(at + 2, reply.find("\r\n", at + 2) - at - 2));
            ++found;
        }
        EXPECT_EQ(found, std::min<size_t>(std::stoul(std::string(count)), 300)) << count;
        EXPECT_EQ(seen.size(), found);
    }
    EXPECT_EQ(run({"ZRANDMEMBER", "z", "-3"}).substr(0, 4), "*3\r\n");
    EXPECT_EQ(run({"ZRANDMEMBER", "z", "-3", "WITHSCORES"}).substr(0, 4), "*6\r\n");
    EXPECT_EQ(
        run({"ZRANDMEMBER", "z", "-9223372036854775807"}),
        "-ERR value is out of range, at most 16777216 elements are drawn with repetitions\r\n");
    EXPECT_EQ(run({"ZRANDMEMBER", "none"}), "$-1\r\n");
    EXPECT_EQ(run({"ZRANDMEMBER", "none", "2"}), "*0\r\n");
}

TEST_F(ZsetTest, StoredSetsLoseTheDeadline) {
    run({"ZADD", "z", "1", "a"});
    run({"SET", "target", "x", "EX", "100"});
    EXPECT_EQ(run({"ZUNIONSTORE", "target", "1", "z"}), ":1\r\n");
    EXPECT_EQ(run({"TTL", "target"}), ":-1\r\n");
    EXPECT_EQ(run({"ZDIFFSTORE", "target", "2", "z", "z"}), ":0\r\n");
    EXPECT_EQ(run({"EXISTS", "target"}), ":0\r\n");
    run({"EXPIRE", "z", "100"});
    run({"ZADD", "z", "2", "b"});
    EXPECT_EQ(run({"TTL", "z"}), ":100\r\n");
}

TEST_F(ZsetTest, ErrorsLeaveNothingBehind) {
    EXPECT_EQ(run({"ZADD", "z", "1", "a", "nan", "b"}), "-ERR value is not a valid float\r\n");
    EXPECT_EQ(run({"EXISTS", "z"}), ":0\r\n");
    EXPECT_EQ(run({"ZADD", "z", "XX", "1", "a"}), ":0\r\n");
    EXPECT_EQ(run({"ZADD", "z", "XX", "INCR", "1", "a"}), "$-1\r\n");
    EXPECT_EQ(run({"EXISTS", "z"}), ":0\r\n");
    run({"ZADD", "z", "inf", "a"});
    EXPECT_EQ(run({"ZINCRBY", "z", "-inf", "a"}), "-ERR resulting score is not a number (NaN)\r\n");
    EXPECT_EQ(run({"ZUNIONSTORE", "t", "9223372036854775807", "z"}), "-ERR syntax error\r\n");
    EXPECT_EQ(run({"ZUNIONSTORE", "t", "-9223372036854775808", "z"}),
              "-ERR at least 1 input key is needed for 'zunionstore' command\r\n");
}

TEST_F(ZsetTest, MemoryAddsUpThroughAllChanges) {
    fill("z", 3000);
    run({"COPY", "z", "y"});
    run({"ZREMRANGEBYRANK", "z", "100", "2500"});
    run({"ZUNIONSTORE", "x", "2", "z", "y", "WEIGHTS", "2", "3"});
    run({"ZRANGESTORE", "w", "y", "0", "50"});
    run({"ZPOPMAX", "y", "2990"});
    const store::Entry* large = runner_.find("x");
    ASSERT_NE(large, nullptr);
    EXPECT_GT(store::Partition::footprint(*large), 3000U * 20);
    run({"DEL", "z", "y", "x", "w"});
    int64_t left = 0;
    for (size_t i = 0; i < runner_.dataset().shards(); ++i) {
        const store::Partition* partition = runner_.dataset().shard(i).find_database(0);
        if (partition != nullptr) left += partition->entry_bytes();
    }
    EXPECT_EQ(left, 0);
}

TEST_F(ZsetTest, GeoDistancesAndBoxes) {
    run({"GEOADD", "g", "13.361389", "38.115556", "Palermo", "15.087269", "37.502669", "Catania"});
    EXPECT_EQ(run({"GEODIST", "g", "Palermo", "Catania", "KM"}), bulk("166.2742"));
    EXPECT_EQ(run({"GEOSEARCH", "g", "FROMLONLAT", "15", "37", "BYBOX", "400", "400", "KM", "ASC",
                   "WITHDIST"}),
              "*2\r\n*2\r\n" + bulk("Catania") + bulk("56.4413") + "*2\r\n" + bulk("Palermo") +
                  bulk("190.4424"));
    EXPECT_EQ(run({"GEOSEARCH", "g", "FROMLONLAT", "15", "37", "BYRADIUS", "200", "KM", "COUNT",
                   "1", "ANY"})
                  .substr(0, 4),
              "*1\r\n");
}

TEST_F(ZsetTest, TheLastTargetOfASearchCounts) {
    run({"GEOADD", "g", "1", "1", "a"});
    const auto search = [&](std::initializer_list<std::string_view> options) {
        run({"DEL", "d1", "d2"});
        std::vector<std::string_view> words{"GEORADIUS", "g", "1", "1", "10", "km"};
        words.insert(words.end(), options.begin(), options.end());
        return runner_.run(words);
    };
    const std::string by_score = bulk("a") + bulk("3377822707026402");
    for (const std::string_view first : {"STORE", "STOREDIST"}) {
        EXPECT_EQ(search({first, "d1", "STORE", "d2"}), ":1\r\n");
        EXPECT_EQ(run({"EXISTS", "d1"}), ":0\r\n");
        EXPECT_EQ(run({"ZRANGE", "d2", "0", "-1", "WITHSCORES"}), "*2\r\n" + by_score);
        EXPECT_EQ(search({first, "d1", "STOREDIST", "d2"}), ":1\r\n");
        EXPECT_EQ(run({"EXISTS", "d1"}), ":0\r\n");
        const std::string distance = run({"ZRANGE", "d2", "0", "-1", "WITHSCORES"});
        EXPECT_NE(distance, "*2\r\n" + by_score);
        EXPECT_TRUE(distance.starts_with("*2\r\n" + bulk("a")));
    }
    EXPECT_EQ(search({"STORE", "STORE", "STORE", "d2", "COUNT", "1"}), ":1\r\n");
    EXPECT_EQ(run({"EXISTS", "STORE", "d2"}), ":1\r\n");
    EXPECT_EQ(search({"STORE", "d1", "STORE", "d2", "WITHDIST"}),
              "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and "
              "WITHCOORD options\r\n");
    EXPECT_EQ(run({"GEORADIUSBYMEMBER", "g", "a", "10", "km", "STORE", "d1", "STOREDIST", "d2"}),
              ":1\r\n");
    EXPECT_EQ(run({"ZRANGE", "d2", "0", "-1", "WITHSCORES"}), "*2\r\n" + bulk("a") + bulk("0"));
    // Redis looks for the first, whatever the command does.
    EXPECT_EQ(run({"COMMAND", "GETKEYS", "GEORADIUS", "g", "1", "1", "10", "km", "STORE", "d1",
                   "STORE", "d2"}),
              "*2\r\n" + bulk("g") + bulk("d1"));
}

TEST_F(ZsetTest, TheLastCenterOfASearchCounts) {
    run({"GEOADD", "g", "1", "1", "a", "1.01", "1.01", "b"});
    EXPECT_EQ(run({"GEOSEARCH", "g", "FROMLONLAT", "0", "0", "FROMLONLAT", "1", "1", "BYRADIUS",
                   "10", "m"}),
              "*1\r\n" + bulk("a"));
    EXPECT_EQ(run({"GEOSEARCH", "g", "FROMMEMBER", "a", "FROMMEMBER", "b", "BYRADIUS", "10", "m"}),
              "*1\r\n" + bulk("b"));
    EXPECT_EQ(run({"GEOSEARCHSTORE", "t", "g", "FROMMEMBER", "a", "FROMMEMBER", "b", "BYRADIUS",
                   "10", "m"}),
              ":1\r\n");
    EXPECT_EQ(run({"ZRANGE", "t", "0", "-1"}), "*1\r\n" + bulk("b"));
    EXPECT_EQ(run({"GEOSEARCH", "g", "FROMMEMBER", "no", "FROMMEMBER", "b", "BYRADIUS", "1", "m"}),
              "-ERR could not decode requested zset member\r\n");
    for (const std::string_view key : {"g", "none"}) {
        EXPECT_EQ(run({"GEOSEARCH", key, "FROMMEMBER", "a", "FROMLONLAT", "1", "1", "BYRADIUS",
                       "10", "m"}),
                  "-ERR syntax error\r\n");
        EXPECT_EQ(run({"GEOSEARCH", key, "FROMLONLAT", "1", "1", "FROMMEMBER", "a", "BYRADIUS",
                       "10", "m"}),
                  "-ERR syntax error\r\n");
    }
}

TEST_F(ZsetTest, PlacesOfScoresThatNoPlaceHas) {
    run({"ZADD", "z", "1e300", "x", "-1e300", "n", "9223372036854774784", "y", "9.3e18", "o"});
    const std::string north = bulk("85.0511287799999991");
    const std::string south = bulk("-85.05112751263942528");
    const std::string west = bulk("-179.99999731779098511");
    const std::string east = bulk("180");
    EXPECT_EQ(run({"GEOPOS", "z", "x", "n", "y", "o"}), "*4\r\n*2\r\n" + west + south + "*2\r\n" +
                                                            east + south + "*2\r\n" + east + north +
                                                            "*2\r\n" + east + north);
    EXPECT_EQ(run({"GEOHASH", "z", "x", "y"}),
              "*2\r\n" + bulk("00bh0hbj200") + bulk("bp05b5048p0"));
}

TEST_F(ZsetTest, HyperLogLogsAreStrings) {
    EXPECT_EQ(run({"PFADD", "h", "a", "b", "c"}), ":1\r\n");
    EXPECT_EQ(run({"PFCOUNT", "h"}), ":3\r\n");
    EXPECT_EQ(run({"OBJECT", "ENCODING", "h"}), bulk("raw"));
    for (int i = 0; i < 5000; ++i) run({"PFADD", "h", std::to_string(i)});
    EXPECT_EQ(run({"PFDEBUG", "ENCODING", "h"}), "+dense\r\n");
    EXPECT_EQ(run({"STRLEN", "h"}), ":12304\r\n");
    EXPECT_EQ(run({"PFMERGE", "t", "h", "none"}), "+OK\r\n");
    EXPECT_EQ(run({"PFCOUNT", "t"}), run({"PFCOUNT", "h"}));
    run({"SET", "bad", std::string("HYLL\1\0\0\0\0\0\0\0\0\0\0\200\1\1", 18)});
    EXPECT_EQ(run({"PFCOUNT", "bad"}), "-INVALIDOBJ Corrupted HLL object detected\r\n");
}

}  // namespace
}  // namespace gyre::test
