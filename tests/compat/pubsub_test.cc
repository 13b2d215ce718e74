// SPDX-License-Identifier: BSD-3-Clause

// Goal: publish, subscribe and keyspace notifications as redis-server does them. Method: scripts
// (compat/script.h). Two things are kept out of them: the order of patterns among themselves, which
// redis-server leaves open, and messages that a client publishes to itself, where 7.0 and 7.2
// differ.

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "compat/script.h"

namespace gyre::test {
namespace {

TEST(PubsubCompatTest, ChannelsPatternsAndShardChannels) {
    compare_scripts({
        {0, {"SUBSCRIBE", "a", "b", "a"}},
        {1, {"PSUBSCRIBE", "a*"}},
        {2, {"SSUBSCRIBE", "a"}},
        {3, {"PUBLISH", "a", "one"}},
        {3, {"PUBLISH", "abc", std::string("\0\r\n", 3)}},
        {3, {"PUBLISH", "b", ""}},
        {3, {"PUBLISH", "", "x"}},
        {3, {"SPUBLISH", "a", "shard"}},
        {3, {"PUBLISH", "a", std::string(50'000, 'x')}},
        {3, {"PUBSUB", "CHANNELS", "a*"}},
        {3, {"PUBSUB", "CHANNELS", "[a]"}},
        {3, {"PUBSUB", "CHANNELS", "a", "b"}},
        {3, {"PUBSUB", "NUMSUB"}},
        {3, {"PUBSUB", "NUMSUB", "a", "b", "c", "a"}},
        {3, {"PUBSUB", "NUMPAT"}},
        {3, {"PUBSUB", "NUMPAT", "x"}},
        {3, {"PUBSUB", "SHARDCHANNELS"}},
        {3, {"PUBSUB", "SHARDCHANNELS", "b*"}},
        {3, {"PUBSUB", "SHARDNUMSUB", "a", "b"}},
        {3, {"PUBSUB", "NOSUCH"}},
        {3, {"PUBSUB"}},
        {0, {"SUBSCRIBE", "c"}},
        {0, {"PSUBSCRIBE", "d*", "d*"}},
        {0, {"SSUBSCRIBE", "e"}},
        {0, {"UNSUBSCRIBE", "a", "nosuch"}},
        {3, {"PUBLISH", "a", "two"}},
        {0, {"PUNSUBSCRIBE"}},
        {0, {"UNSUBSCRIBE", "b"}},
        {0, {"UNSUBSCRIBE"}},
        {0, {"UNSUBSCRIBE"}},
        {0, {"PUNSUBSCRIBE"}},
        {0, {"GET", "a"}},
        {0, {"SUNSUBSCRIBE"}},
        {0, {"SUNSUBSCRIBE"}},
        {0, {"GET", "a"}},
        {3, {"PUBLISH", "a", "three"}},
        {3, {"PUBLISH", "c", "three"}},
        {3, {"PUBSUB", "CHANNELS"}},
    });
}

TEST(PubsubCompatTest, WhatASubscriberMayDo) {
    compare_scripts({
        {0, {"SUBSCRIBE", "a"}},
        {0, {"PING"}},
        {0, {"PING", "a", "b"}},
        {0, {"GET", "a"}},
        {0, {"GET"}},
        {0, {"nosuch"}},
        {0, {"CONFIG", "GET", "x"}},
        {0, {"CONFIG", "NOSUCH"}},
        {0, {"PUBLISH", "a", "b"}},
        {0, {"PUBSUB", "CHANNELS"}},
        {0, {"HELLO", "3"}},
        {0, {"SELECT", "1"}},
        {0, {"SUBSCRIBE"}},
        {0, {"RESET"}},
        {0, {"GET", "a"}},
        {1, {"PUBLISH", "a", "b"}},
        {1, {"PUBSUB", "NUMSUB", "a"}},
        {0, {"SUBSCRIBE", "a"}},
        {0, {"QUIT"}},
        {1, {"PUBLISH", "a", "b"}},
    });
}

TEST(PubsubCompatTest, SubscribingInATransaction) {
    compare_scripts({
        {0, {"MULTI"}, {}, true, true},
        {0, {"SSUBSCRIBE", "a", "b"}, {}, true, true},
        {0, {"SUNSUBSCRIBE", "a"}, {}, true, true},
        {0, {"SUBSCRIBE", "a"}, {}, true, true},
        {0, {"UNSUBSCRIBE", "a"}, {}, true, true},
        {0, {"EXEC"}},
        {1, {"PUBSUB", "SHARDCHANNELS"}},
        {0, {"SSUBSCRIBE", "a"}},
    });
}

TEST(PubsubCompatTest, MessagesInResp3AndRepliesBetween) {
    compare_scripts({
        {1, {"HELLO", "3"}, {}, false},
        {1, {"CLIENT", "SETNAME", "x"}},
        {1, {"SUBSCRIBE", "a"}},
        {1, {"PSUBSCRIBE", "a*"}},
        {1, {"SSUBSCRIBE", "a"}},
        {1, {"GET", "a"}},
        {1, {"PING"}},
        {2, {"PUBLISH", "a", "one"}},
        {2, {"SPUBLISH", "a", "two"}},
        {1, {"CLIENT", "REPLY", "SKIP"}, {{"PSUBSCRIBE", "b*"}}},
        {1,
         {"CLIENT", "REPLY", "OFF"},
         {{"GET", "a"}, {"SSUBSCRIBE", "c"}, {"UNSUBSCRIBE", "x"}, {"CLIENT", "REPLY", "ON"}}},
        {1, {"PUBSUB", "NUMSUB", "a"}},
        {1, {"UNSUBSCRIBE"}},
        {1, {"UNSUBSCRIBE"}},
        {2, {"PUBLISH", "a", "three"}},
        {1, {"RESET"}},
        {2, {"PUBLISH", "a", "four"}},
    });
}

/// What DUMP gives of the string "value".
const std::string kPayload("\x00\x05value\x0a\x00\x81\xf6\xc1\x38\xc1\xaa\x9b\x6e", 17);

// What changes keys, or is refused to, in an order that finds them there or not.
const std::vector<std::vector<std::string>> kEventful{
    {"SET", "k", "1"},
    {"SET", "k", "1", "EX", "100"},
    {"SET", "k", "2", "KEEPTTL"},
    {"SET", "k", "3", "NX"},
    {"SET", "new", "3", "XX"},
    {"SET", "k", "3", "GET"},
    {"SETNX", "k", "1"},
    {"SETNX", "k2", "1"},
    {"SETEX", "k", "100", "v"},
    {"PSETEX", "k", "100000", "v"},
    {"GETSET", "k", "v"},
    {"GETDEL", "k"},
    {"GETDEL", "k"},
    {"MSET", "a", "1", "b", "2"},
    {"MSETNX", "a", "1", "c", "2"},
    {"MSETNX", "c", "1", "d", "2"},
    {"APPEND", "a", "x"},
    {"APPEND", "a", ""},
    {"APPEND", "fresh", "x"},
    {"SETRANGE", "a", "2", "xy"},
    {"SETRANGE", "a", "2", ""},
    {"SETRANGE", "nosuch", "2", ""},
    {"INCR", "n"},
    {"INCRBY", "n", "3"},
    {"DECR", "n"},
    {"DECRBY", "n", "3"},
    {"INCRBYFLOAT", "n", "1.5"},
    {"INCR", "a"},
    {"SETBIT", "bits", "7", "1"},
    {"SETBIT", "bits", "7", "1"},
    {"SETBIT", "bits", "100", "0"},
    {"BITFIELD", "bits", "SET", "u8", "0", "255"},
    {"BITFIELD", "bits", "SET", "u8", "0", "255"},
    {"BITFIELD", "bits", "GET", "u8", "0"},
    {"BITFIELD", "bits", "OVERFLOW", "FAIL", "INCRBY", "u8", "0", "1"},
    {"BITOP", "NOT", "inverse", "bits"},
    {"BITOP", "AND", "inverse", "nosuch"},
    {"BITOP", "AND", "inverse", "nosuch"},
    {"EXPIRE", "a", "100"},
    {"EXPIRE", "a", "100", "NX"},
    {"PEXPIRE", "a", "100000"},
    {"EXPIREAT", "a", "99999999999"},
    {"PEXPIREAT", "a", "99999999999999"},
    {"PERSIST", "a"},
    {"PERSIST", "a"},
    {"EXPIRE", "a", "-1"},
    {"EXPIRE", "a", "-1"},
    {"GETEX", "b", "EX", "100"},
    {"GETEX", "b", "PERSIST"},
    {"GETEX", "b", "PERSIST"},
    {"GETEX", "b"},
    {"GETEX", "b", "PXAT", "1"},
    {"RENAME", "c", "c2"},
    {"RENAME", "c2", "c2"},
    {"RENAMENX", "c2", "d"},
    {"RENAMENX", "c2", "e"},
    {"RENAME", "e", "d"},
    {"COPY", "d", "d2"},
    {"COPY", "d", "d2"},
    {"COPY", "d", "d2", "REPLACE"},
    {"COPY", "d", "d", "DB", "3"},
    {"MOVE", "d", "3"},
    {"MOVE", "d2", "3"},
    {"DUMP", "d"},
    {"RESTORE", "r", "0", kPayload},
    {"RESTORE", "r", "0", kPayload},
    {"RESTORE", "r", "100000", kPayload, "REPLACE"},
    {"RESTORE", "r", "0", "no payload", "REPLACE"},
    {"RESTORE", "r", "1", kPayload, "REPLACE", "ABSTTL"},
    {"RESTORE", "r", "1", kPayload, "REPLACE", "ABSTTL"},
    {"RESTORE", "r", "4102444800123", kPayload, "ABSTTL"},
    {"DEL", "r"},
    {"DEL", "d", "d", "x"},
    {"UNLINK", "n"},
    {"TOUCH", "k2"},
    {"SWAPDB", "0", "3"},
    {"DEL", "d2"},
    {"SELECT", "3"},
    {"DEL", "k2"},
    {"FLUSHALL"}};

// Rows of words: what changes collections, or finds nothing to change.
constexpr std::string_view kCollections[] = {
    "RPUSH l a b c d e a",
    "LPUSH l x y",
    "LPUSHX l z",
    "RPUSHX l z",
    "LPUSHX no z",
    "LPOP l",
    "RPOP l 2",
    "LPOP l 0",
    "LPOP no",
    "LSET l 0 new",
    "LSET l 100 new",
    "LINSERT l BEFORE new older",
    "LINSERT l AFTER nosuch x",
    "LREM l 0 nosuch",
    "LREM l 1 older",
    "LTRIM l 0 100",
    "LTRIM l 1 -1",
    "LMOVE l l2 LEFT RIGHT",
    "LMOVE l l RIGHT LEFT",
    "RPOPLPUSH l l2",
    "RPOPLPUSH no l2",
    "LMPOP 2 no l2 LEFT COUNT 1",
    "LMPOP 1 l2 RIGHT COUNT 10",
    "LTRIM l 5 1",
    "RPUSH l a",
    "LREM l 0 a",
    "RPUSH l a",
    "RPOP l",
    "RPUSH l a",
    "LMOVE l l3 RIGHT RIGHT",
    "HSET h a 1 b 2",
    "HSET h a 1",
    "HMSET h c 3",
    "HSETNX h c 3",
    "HSETNX h d 4",
    "HINCRBY h a 1",
    "HINCRBY h c x",
    "HINCRBYFLOAT h a 1.5",
    "HDEL h nosuch",
    "HDEL h a b",
    "HDEL h c d e",
    "SADD s a b c 1",
    "SADD s a",
    "SREM s nosuch",
    "SREM s a",
    "SMOVE s s2 b",
    "SMOVE s s2 b",
    "SMOVE s s c",
    "SPOP s 0",
    "SREM s c",
    "SPOP s 10",
    "SADD s x y",
    "SREM s x y",
    "SADD s one",
    "SPOP s",
    "SADD s x",
    "SMOVE s s2 x",
    "SADD s 1 2 3",
    "SINTERSTORE s3 s s",
    "SUNIONSTORE s3 s s2",
    "SDIFFSTORE s3 s s",
    "SDIFFSTORE s3 s s",
    "DEL s",
    "ZADD z 1 a 2 b 3 c 4 d 5 e 6 f",
    "ZADD z 1 a",
    "ZADD z XX 9 nosuch",
    "ZADD z INCR 1 a",
    "ZADD z CH 2 a",
    "ZINCRBY z 1 a",
    "ZINCRBY z 0 a",
    "ZREM z nosuch",
    "ZREM z a",
    "ZPOPMIN z",
    "ZPOPMAX z 1",
    "ZPOPMIN z 0",
    "ZPOPMIN no",
    "ZMPOP 2 no z MIN COUNT 1",
    "ZRANGESTORE z2 z 0 -1",
    "ZRANGESTORE z2 no 0 -1",
    "ZRANGESTORE z2 no 0 -1",
    "ZUNIONSTORE z2 2 z no",
    "ZINTERSTORE z2 2 z z",
    "ZDIFFSTORE z2 2 z z",
    "ZDIFFSTORE z2 2 z z",
    "ZREMRANGEBYRANK z 50 60",
    "ZREMRANGEBYRANK z 0 0",
    "ZADD z 0 a 0 b 0 c",
    "ZREMRANGEBYLEX z [a [a",
    "ZREMRANGEBYSCORE z 0 0",
    "ZREMRANGEBYSCORE z -inf +inf",
    "ZADD z 1 a",
    "ZPOPMAX z",
    "ZADD z 1 a",
    "ZREM z a",
    "GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania",
    "GEOADD g 13.361389 38.115556 Palermo",
    "GEOSEARCHSTORE g2 g FROMLONLAT 15 37 BYRADIUS 200 km",
    "GEORADIUS g 15 37 200 km STORE g2",
    "GEORADIUS g 15 37 1 m STORE g2",
    "GEOSEARCHSTORE g2 no FROMLONLAT 15 37 BYRADIUS 200 km",
    "PFADD p a b c",
    "PFADD p a",
    "PFADD p",
    "PFADD p2",
    "PFMERGE p3 p p2",
    "PFCOUNT p",
    "XADD x 1-1 a 1",
    "XADD x MAXLEN 1 2-1 a 1",
    "XADD x NOMKSTREAM 3-1 a 1",
    "XADD nosuch NOMKSTREAM 3-1 a 1",
    "XADD x 1-1 a 1",
    "XTRIM x MAXLEN 10",
    "XTRIM x MAXLEN 1",
    "XDEL x 9-9",
    "XDEL x 3-1",
    "XSETID x 9-1",
    "XGROUP CREATE x g 0",
    "XGROUP CREATE x g 0",
    "XGROUP CREATE x2 g 0 MKSTREAM",
    "XGROUP SETID x g 0",
    "XGROUP CREATECONSUMER x g c",
    "XGROUP CREATECONSUMER x g c",
    "XADD x 10-1 a 1",
    "XREADGROUP GROUP g c STREAMS x >",
    "XREADGROUP GROUP g c STREAMS x >",
    "XACK x g 10-1",
    "XADD x 11-1 a 1",
    "XREADGROUP GROUP g c STREAMS x >",
    "XCLAIM x g c3 0 11-1",
    "XAUTOCLAIM x g c4 0 0",
    "XGROUP DELCONSUMER x g nosuch",
    "XGROUP DELCONSUMER x g c",
    "XGROUP DESTROY x nosuch",
    "XGROUP DESTROY x g",
    "RENAME x x3",
    "COPY x3 x4",
    "DEL x3",
    "FLUSHALL",
};

std::vector<std::string> words_of(std::string_view row) {
    std::vector<std::string> words;
    while (!row.empty()) {
        const size_t end = std::min(row.find(' '), row.size());
        words.emplace_back(row.substr(0, end));
        row.remove_prefix(std::min(end + 1, row.size()));
    }
    return words;
}

// What looks for a key that is missing.
const std::vector<std::vector<std::string>> kLookups{
    {"SELECT", "0"},
    {"GET", "no"},
    {"MGET", "no", "no"},
    {"EXISTS", "no"},
    {"TTL", "no"},
    {"TYPE", "no"},
    {"OBJECT", "ENCODING", "no"},
    {"STRLEN", "no"},
    {"GETRANGE", "no", "0", "1"},
    {"TOUCH", "no"},
    {"COPY", "no", "x"},
    {"GETBIT", "no", "1"},
    {"BITCOUNT", "no"},
    {"GETEX", "no"},
    {"EXPIRE", "no", "1"},
    {"PERSIST", "no"},
    {"RENAME", "no", "x"},
    {"DEL", "no"},
    {"XACK", "no", "g", "1-1"},
    {"XCLAIM", "no", "g", "c", "0", "1-1"},
    {"XAUTOCLAIM", "no", "g", "c", "0", "0"},
    {"XREAD", "STREAMS", "no", "0"},
    {"XREAD", "STREAMS", "no", "no", "0", "$"},
    {"XREADGROUP", "GROUP", "g", "c", "STREAMS", "no", ">"},
    {"BITFIELD", "bits", "OVERFLOW", "FAIL", "INCRBY", "u2", "0", "7"},
    {"INCR", "yes"},
    {"FLUSHDB"}};

TEST(PubsubCompatTest, KeyspaceEventsOfEveryCommand) {
    std::vector<Step> steps{{0, {"CONFIG", "SET", "notify-keyspace-events", "KEA"}},
                            {0, {"CONFIG", "GET", "notify-keyspace-events"}},
                            {1, {"PSUBSCRIBE", "__key*__:*"}}};
    for (const char* classes : {"KEA", "Kg", "E$x", "KEmn", ""}) {
        steps.push_back({0, {"CONFIG", "SET", "notify-keyspace-events", classes}});
        for (const auto& command : kEventful) steps.push_back({0, command});
        for (const auto& command : kLookups) {
            steps.push_back({0, command});
        }
    }
    compare_scripts(steps);
}

TEST(PubsubCompatTest, KeyspaceEventsOfCollections) {
    std::vector<Step> steps{{1, {"PSUBSCRIBE", "__key*__:*"}}};
    for (const char* classes : {"KEA", "Eln", "Kh", "Es", "Ez", "Kt", "Eg", "E$"}) {
        steps.push_back({0, {"CONFIG", "SET", "notify-keyspace-events", classes}});
        for (const std::string_view row : kCollections) steps.push_back({0, words_of(row)});
    }
    compare_scripts(steps);
}

TEST(PubsubCompatTest, ALetterThatIsNoClass) {
    compare_scripts({{0, {"CONFIG", "SET", "notify-keyspace-events", "KEq"}},
                     {0, {"CONFIG", "SET", "notify-keyspace-events", "AKEn"}},
                     {0, {"CONFIG", "GET", "notify-keyspace-events"}},
                     {0, {"CONFIG", "SET", "notify-keyspace-events", "nmEKx"}},
                     {0, {"CONFIG", "GET", "notify-keyspace-events"}},
                     {0, {"CONFIG", "SET", "notify-keyspace-events", ""}},
                     {0, {"CONFIG", "GET", "notify-keyspace-events"}}});
}

}  // namespace
}  // namespace gyre::test
