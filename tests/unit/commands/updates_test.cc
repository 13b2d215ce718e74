// SPDX-License-Identifier: BSD-3-Clause

// db-updates: each change is told of once, with what the key is afterwards, in the order of the
// changes.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "commands/context.h"
#include "engine/eviction.h"
#include "engine/expiry.h"
#include "support/command_runner.h"

namespace gyre::commands {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class UpdatesTest : public testing::Test {
protected:
    UpdatesTest() : listener_(runner_.add_session()) {
        runner_.run_as(listener_, {"SUBSCRIBE", "db_updates"});
        settings().notified_events = engine::event::updates;
    }
    engine::Settings& settings() { return runner_.dataset().settings; }
    std::string run(std::initializer_list<std::string_view> words) { return runner_.run(words); }
    /// The objects that came, without braces and time, after a look at the time.
    std::vector<std::string> updates() {
        const std::string text = runner_.pushed(listener_);
        std::vector<std::string> found;
        for (size_t at = text.find("{\"op\""); at != std::string::npos;
             at = text.find("{\"op\"", at)) {
            std::string one = text.substr(at, text.find("\r\n", at) - at);
            at += one.size();
            const std::string time = ",\"time_ms\":" + std::to_string(runner_.now_ms());
            EXPECT_THAT(one, HasSubstr(time));
            one.erase(one.find(time), time.size());
            found.push_back(std::move(one));
        }
        return found;
    }
    std::vector<std::string> updates_of(std::initializer_list<std::string_view> words) {
        run(words);
        return updates();
    }

    test::CommandRunner runner_;
    Session& listener_;
};

TEST_F(UpdatesTest, AChangeIsToldWithTypeDatabaseAndTimeToLive) {
    EXPECT_THAT(updates_of({"SET", "a", "1"}),
                ElementsAre(R"({"op":"set","key":"a","type":"string","db":0,"ttl_ms":null})"));
    EXPECT_THAT(updates_of({"SET", "a", "1", "PX", "5000"}),
                ElementsAre(R"({"op":"set","key":"a","type":"string","db":0,"ttl_ms":5000})",
                            R"({"op":"expire","key":"a","type":"string","db":0,"ttl_ms":5000})"));
    runner_.advance_ms(1000);
    EXPECT_THAT(updates_of({"APPEND", "a", "2"}),
                ElementsAre(R"({"op":"append","key":"a","type":"string","db":0,"ttl_ms":4000})"));
    EXPECT_THAT(updates_of({"PERSIST", "a"}),
                ElementsAre(R"({"op":"persist","key":"a","type":"string","db":0,"ttl_ms":null})"));
    run({"SELECT", "3"});
    EXPECT_THAT(updates_of({"ZADD", "z", "1", "m"}),
                ElementsAre(R"({"op":"zadd","key":"z","type":"zset","db":3,"ttl_ms":null})"));
    EXPECT_THAT(updates_of({"ZREM", "z", "m"}),
                ElementsAre(R"({"op":"zrem","key":"z","type":"zset","db":3,"ttl_ms":null})",
                            R"({"op":"del","key":"z","type":null,"db":3,"ttl_ms":null})"));
}

TEST_F(UpdatesTest, EachTypeIsNamed) {
    EXPECT_THAT(updates_of({"RPUSH", "l", "a"}), ElementsAre(HasSubstr(R"("type":"list")")));
    EXPECT_THAT(updates_of({"SADD", "s", "a"}), ElementsAre(HasSubstr(R"("type":"set")")));
    EXPECT_THAT(updates_of({"HSET", "h", "a", "b"}), ElementsAre(HasSubstr(R"("type":"hash")")));
    EXPECT_THAT(updates_of({"XADD", "x", "1-1", "a", "b"}),
                ElementsAre(HasSubstr(R"("type":"stream")")));
    EXPECT_THAT(updates_of({"SETBIT", "b", "1", "1"}),
                ElementsAre(HasSubstr(R"("op":"setbit","key":"b","type":"string")")));
    EXPECT_THAT(updates_of({"RENAME", "l", "m"}),
                ElementsAre(HasSubstr(R"("op":"rename_from","key":"l","type":null)"),
                            HasSubstr(R"("op":"rename_to","key":"m","type":"list")")));
}

TEST_F(UpdatesTest, WhatEmptiesASetSaysWhatItWas) {
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"SPOP", "s"}, {"SPOP", "s", "1"}, {"SPOP", "s", "5"}, {"SREM", "s", "a"}}) {
        run({"SADD", "s", "a"});
        updates();
        runner_.run(words);
        EXPECT_THAT(updates(), ElementsAre(HasSubstr(R"("key":"s","type":"set")"),
                                           HasSubstr(R"("op":"del","key":"s","type":null)")))
            << words.size();
    }
}

TEST_F(UpdatesTest, ABitfieldThatSetsNothingSaysSoOnlyWhereTheKeyHasGrown) {
    const std::initializer_list<std::string_view> kRefused = {"BITFIELD", "b",  "OVERFLOW", "FAIL",
                                                              "INCRBY",   "u2", "0",        "7"};
    EXPECT_THAT(updates_of(kRefused), ElementsAre());
    run({"SET", "b", ""});
    updates();
    EXPECT_THAT(updates_of(kRefused), ElementsAre(HasSubstr(R"("op":"setbit","key":"b")")));
    EXPECT_THAT(updates_of(kRefused), ElementsAre());
    EXPECT_THAT(updates_of({"BITFIELD", "b", "OVERFLOW", "FAIL", "INCRBY", "u2", "0", "7", "INCRBY",
                            "u8", "0", "1"}),
                ElementsAre(HasSubstr(R"("op":"setbit","key":"b")")));
}

TEST_F(UpdatesTest, ReadingMissingAndRefusedCommandsTellNothing) {
    run({"SET", "a", "x"});
    updates();
    for (const auto& words : std::vector<std::vector<std::string>>{
             {"GET", "a"}, {"GET", "missing"}, {"INCR", "a"}, {"DEL", "missing"}, {"TTL", "a"}}) {
        runner_.run(words);
        EXPECT_THAT(updates(), ElementsAre());
    }
}

TEST_F(UpdatesTest, KeysThatGoByThemselvesAreToldOfToo) {
    run({"SET", "soon", "v", "PX", "10"});
    run({"SET", "later", "v", "PX", "10"});
    updates();
    runner_.advance_ms(11);
    EXPECT_THAT(updates_of({"GET", "soon"}),
                ElementsAre(R"({"op":"expired","key":"soon","type":null,"db":0,"ttl_ms":null})"));
    engine::ExpiryCycle cycle(runner_.dataset(), runner_.executor(), 0, [] { return int64_t{0}; });
    runner_.advance_ms(100);
    while (cycle.run(runner_.now_ms(), false)) {
    }
    EXPECT_THAT(updates(),
                ElementsAre(R"({"op":"expired","key":"later","type":null,"db":0,"ttl_ms":null})"));
}

TEST_F(UpdatesTest, FieldsThatGoByThemselvesAreToldOfAndTheirHashWithTheLast) {
    run({"HSET", "h", "f", "v"});
    run({"HPEXPIRE", "h", "10", "FIELDS", "1", "f"});
    updates();
    engine::ExpiryCycle cycle(runner_.dataset(), runner_.executor(), 0, [] { return int64_t{0}; });
    runner_.advance_ms(100);
    while (cycle.run(runner_.now_ms(), false)) {
    }
    EXPECT_THAT(updates(), ElementsAre(HasSubstr(R"("op":"hexpired","key":"h")"),
                                       HasSubstr(R"("op":"del","key":"h","type":null)")));
}

TEST_F(UpdatesTest, ChangesOfAGroupWithoutAnEventAreToldOfHereAlone) {
    Session& other = runner_.add_session();
    run({"XGROUP", "CREATE", "x", "g", "0", "MKSTREAM"});
    run({"XADD", "x", "1-1", "a", "b"});
    run({"XADD", "x", "1-2", "a", "b"});
    updates();
    runner_.run_as(other, {"PSUBSCRIBE", "__key*"});
    runner_.pushed(other);
    settings().notified_events = engine::event::updates | engine::event_classes("AKE").value();
    run({"XREADGROUP", "GROUP", "g", "c", "COUNT", "2", "STREAMS", "x", ">"});
    EXPECT_THAT(updates(),
                ElementsAre(HasSubstr(R"("op":"xgroup-createconsumer","key":"x")"),
                            HasSubstr(R"("op":"xreadgroup","key":"x","type":"stream")")));
    EXPECT_THAT(updates_of({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "x", ">"}), ElementsAre());
    EXPECT_THAT(updates_of({"XACK", "x", "g", "1-1"}), ElementsAre(HasSubstr(R"("op":"xack")")));
    EXPECT_THAT(updates_of({"XACK", "x", "g", "1-1"}), ElementsAre());
    EXPECT_THAT(updates_of({"XCLAIM", "x", "g", "c", "0", "1-2"}),
                ElementsAre(HasSubstr(R"("op":"xclaim")")));
    EXPECT_THAT(updates_of({"XAUTOCLAIM", "x", "g", "c", "0", "0"}),
                ElementsAre(HasSubstr(R"("op":"xautoclaim")")));
    EXPECT_THAT(updates_of({"XAUTOCLAIM", "x", "g", "c", "1000", "0"}), ElementsAre());
    EXPECT_THAT(runner_.pushed(other), testing::Not(HasSubstr("xack")));
}

TEST_F(UpdatesTest, WholeDatabasesAreToldOfOnce) {
    EXPECT_THAT(updates_of({"FLUSHDB"}),
                ElementsAre(R"({"op":"flushdb","key":null,"type":null,"db":0,"ttl_ms":null})"));
    EXPECT_THAT(updates_of({"FLUSHALL"}),
                ElementsAre(R"({"op":"flushall","key":null,"type":null,"db":null,"ttl_ms":null})"));
    EXPECT_THAT(updates_of({"SWAPDB", "1", "2"}),
                ElementsAre(R"({"op":"swapdb","key":null,"type":null,"db":1,"ttl_ms":null})",
                            R"({"op":"swapdb","key":null,"type":null,"db":2,"ttl_ms":null})"));
}

TEST_F(UpdatesTest, ATransactionTellsOfItsChangesInOrder) {
    run({"MULTI"});
    run({"SET", "a", "1"});
    run({"RPUSH", "l", "x"});
    run({"DEL", "a"});
    EXPECT_THAT(updates_of({"EXEC"}), ElementsAre(HasSubstr(R"("op":"set","key":"a")"),
                                                  HasSubstr(R"("op":"rpush","key":"l")"),
                                                  HasSubstr(R"("op":"del","key":"a")")));
}

TEST_F(UpdatesTest, NamesThatAreNoTextAreEncoded) {
    EXPECT_THAT(updates_of({"SET", "\xFF\x01", "1"}),
                ElementsAre(HasSubstr(R"("key":{"base64":"/wE="})")));
    EXPECT_THAT(updates_of({"SET", "line\r\n\"quote\"\\", "1"}),
                ElementsAre(HasSubstr(R"("key":"line\r\n\"quote\"\\")")));
}

TEST_F(UpdatesTest, NeitherAsksForTheOther) {
    Session& other = runner_.add_session();
    runner_.run_as(other, {"PSUBSCRIBE", "__key*"});
    runner_.pushed(other);
    run({"SET", "a", "1"});
    EXPECT_EQ(runner_.pushed(other), "");
    // Classes that were not asked for stay away from who asked for others.
    settings().notified_events = engine::event::updates | engine::event_classes("Kg").value();
    updates();
    run({"SET", "a", "2"});
    EXPECT_EQ(runner_.pushed(other), "");
    EXPECT_EQ(updates().size(), 1U);
    run({"DEL", "a"});
    EXPECT_THAT(runner_.pushed(other), HasSubstr("__keyspace@0__:a"));
    EXPECT_EQ(updates().size(), 1U);
    settings().notified_events = engine::event_classes("AKE").value();
    run({"SET", "a", "3"});
    EXPECT_THAT(runner_.pushed(other), HasSubstr("__keyevent@0__:set"));
    EXPECT_EQ(updates().size(), 0U);
}

}  // namespace
}  // namespace gyre::commands
