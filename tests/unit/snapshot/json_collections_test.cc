// SPDX-License-Identifier: BSD-3-Clause

// Goal: collections of every type and form come back from JSON as they were, whatever the chunks;
// what is no value of its type is refused where it stands, by a sentence that says what to do; and
// no damage does harm. Method: random collections written and read, and values written by hand.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "samples.h"
#include "snapshot/json_reader.h"
#include "snapshot/json_writer.h"
#include "support/seed.h"

namespace gyre::snapshot {
namespace {

using store::Encoding;
using store::Type;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

std::string written(const std::vector<Record>& records, size_t chunk = 65536) {
    std::string text;
    JsonWriter writer(
        [&](std::string_view bytes) -> Result<void> {
            EXPECT_LE(bytes.size(), chunk);
            text += bytes;
            return {};
        },
        chunk);
    for (const Record& record : records) EXPECT_TRUE(writer.add(record));
    EXPECT_TRUE(writer.finish());
    return text;
}

/// As elements_of(), without what is deleted of a stream, which JSON does not have.
std::string told_of(const Record& record) {
    if (record.kind.type != Type::stream) return test::elements_of(record);
    std::string told = "stream";
    for (const std::string& text : test::texts_of_stream(record, true)) {
        if (!text.starts_with("deleted ")) told += "[" + text + "]";
    }
    return told;
}

struct Outcome {
    std::vector<std::string> told;
    std::vector<store::Kind> kinds;
    std::string error;
};

Outcome read(std::string_view text, size_t chunk = 65536, const JsonReadOptions& options = {}) {
    Outcome outcome;
    size_t at = 0;
    const auto source = [&](std::span<char> buffer) -> Result<size_t> {
        const size_t count = std::min({chunk, buffer.size(), text.size() - at});
        if (count != 0) std::memcpy(buffer.data(), text.data() + at, count);
        at += count;
        return count;
    };
    const auto done = read_json(
        source,
        [&](const Record& record) -> Result<void> {
            outcome.told.push_back(std::string(record.key) + "=" + told_of(record));
            outcome.kinds.push_back(record.kind);
            EXPECT_EQ(record.object == nullptr, record.owner == nullptr || !*record.owner);
            return {};
        },
        options);
    if (!done) outcome.error = done.error().message;
    return outcome;
}

/// A document with one value; the value begins at byte kValueAt of it.
std::string document(std::string_view type, std::string_view value) {
    return "{\"format\":\"gyre-json\",\"version\":1,\"keys\":[{\"db\":0,\"key\":\"k\",\"type\":\"" +
           std::string(type) + "\",\"value\":" + std::string(value) + "}]}";
}
std::string told(std::string_view type, std::string_view value,
                 const JsonReadOptions& options = {}) {
    const Outcome outcome = read(document(type, value), 1, options);
    return outcome.error.empty() ? outcome.told.at(0).substr(2) : outcome.error;
}

TEST(JsonCollections, EveryFormComesBackInChunksOfAnySize) {
    SCOPED_TRACE(seed_note());
    const std::vector<Sample> all = samples(test_seed());
    for (const Sample& sample : all) {
        const std::string text = written({sample.record()}, 1000);
        for (const size_t chunk : {size_t{1}, size_t{7}, size_t{5000}}) {
            const Outcome outcome = read(text, chunk);
            ASSERT_EQ(outcome.error, "");
            EXPECT_TRUE(outcome.told.at(0) == "key=" + told_of(sample.record()))
                << store::type_name(sample.kind.type);
        }
    }
    std::vector<Record> records;
    for (const Sample& sample : all) {
        records.push_back(sample.record());
        records.back().database = records.size();
    }
    const Outcome outcome = read(written(records));
    ASSERT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.told.size(), records.size());
}

TEST(JsonCollections, WhatIsWrittenOfEachType) {
    const auto text = [](const Sample& sample) {
        const std::string whole = written({sample.record()});
        const size_t at = whole.find("\"value\":") + 8;
        return whole.substr(at, whole.size() - at - 5);
    };
    using namespace std::string_literals;
    const std::vector<std::string> few = {"a", "-1", "\xff", "\""};
    EXPECT_EQ(text({{Type::list, Encoding::listpack}, listpack_of(few), nullptr}),
              R"(["a","-1",{"base64":"/w=="},"\""])");
    EXPECT_EQ(text({{Type::set, Encoding::intset}, integers({7, -7}), nullptr}), R"(["-7","7"])");
    EXPECT_EQ(text({{Type::hash, Encoding::listpack}, listpack_of(few), nullptr}),
              R"([["a","-1"],[{"base64":"/w=="},"\""]])");
    EXPECT_EQ(text({{Type::zset, Encoding::listpack},
                    packed_sorted_set({{"m", -0.5}, {"n", 1e300}}),
                    nullptr}),
              R"([["m","-0.5"],["n","1e+300"]])");
    auto stream = std::make_unique<types::Stream>();
    EXPECT_EQ(
        text({{Type::stream, Encoding::stream}, "", std::move(stream)}),
        R"({"last_id":"0-0","max_deleted_id":"0-0","entries_added":0,"entries":[],"groups":[]})");
}

TEST(JsonCollections, ManyElementsAreGivenInBoundedChunks) {
    base::Random random(1);
    const Sample sample = test::random_set(random, 20000);
    const std::string text = written({sample.record()}, 100);
    EXPECT_GT(text.size(), 100000U);
}

TEST(JsonCollections, TheFormFollowsTheLimits) {
    const auto encoding = [](std::string_view type, std::string_view value, ValueLimits limits) {
        const Outcome outcome = read(document(type, value), 1, {.limits = limits});
        return outcome.error.empty() ? outcome.kinds.at(0).encoding : Encoding::raw;
    };
    EXPECT_EQ(encoding("set", R"(["1","2"])", {}), Encoding::intset);
    EXPECT_EQ(encoding("set", R"(["1","b"])", {}), Encoding::listpack);
    EXPECT_EQ(encoding("set", R"(["1","b"])", {.set_listpack_entries = 1}), Encoding::hashtable);
    EXPECT_EQ(encoding("hash", R"([["1","b"]])", {}), Encoding::listpack);
    EXPECT_EQ(encoding("hash", R"([["1","b",5]])", {}), Encoding::hashtable);
    EXPECT_EQ(encoding("hash", R"([["1","bb"]])", {.hash_listpack_value = 1}), Encoding::hashtable);
    EXPECT_EQ(encoding("zset", R"([["a","1"]])", {}), Encoding::listpack);
    EXPECT_EQ(encoding("zset", R"([["a","1"]])", {.zset_listpack_entries = 0}), Encoding::skiplist);
    EXPECT_EQ(encoding("list", R"(["a","b"])", {}), Encoding::listpack);
    EXPECT_EQ(encoding("list", R"(["a","b"])", {.list = {.limit = types::ListLimit(1)}}),
              Encoding::quicklist);
    size_t nodes = 0;
    const auto source = [text =
                             document("stream", R"({"last_id":"3-0","entries_added":3,"entries":)"
                                                R"([["1-0",[]],["2-0",[]],["3-0",[]]]})"),
                         given = false](std::span<char> buffer) mutable -> Result<size_t> {
        if (std::exchange(given, true)) return 0;
        return text.copy(buffer.data(), buffer.size());
    };
    const auto done =
        read_json(source,
                  [&](const Record& record) -> Result<void> {
                      nodes = static_cast<const types::Stream&>(*record.object).node_count();
                      return {};
                  },
                  {.limits = {.stream_node = {.entries_max = 2}}});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(nodes, 2U);
}

TEST(JsonCollections, OtherWaysToWriteTheSame) {
    EXPECT_EQ(told("zset", R"([["b","1e1"],["a",".5"],["c","-Infinity"]])"),
              "zset[c:-inf][a:0.5][b:10]");
    const std::string_view stream =
        "stream[1 of 2 from 5-1 to 6-0 without 0-0][5-1 f=v][g last 5-1 read -1 "
        "5-1>c@7*3 c(1)@9/-1]";
    EXPECT_EQ(told("stream", R"({"groups":[{"name":"g","last_id":"5-1","consumers":[{"seen_ms":9,)"
                             R"("name":"c"}],"pending":[["5-1","c",7,3]]}],"entries":[["5-1",)"
                             R"(["f","v"]]],"entries_added":2,"last_id":"6-0"})"),
              stream);
    EXPECT_EQ(told("stream", R"({"max_deleted_id":"9-9","entries":[],"entries_added":0,)"
                             R"("last_id":"18446744073709551615-18446744073709551615"})"),
              "stream[0 of 0 from 0-0 to 18446744073709551615-18446744073709551615 without 9-9]");
}

struct Fault {
    std::string_view type;
    std::string_view value;
    size_t at;  ///< in the value
    std::string_view says;
};

void check_faults(const std::vector<Fault>& faults) {
    for (const Fault& fault : faults) {
        const size_t start = document(fault.type, "").size() - 3;
        EXPECT_THAT(
            told(fault.type, fault.value),
            AllOf(StartsWith("JSON, line 1, byte " + std::to_string(start + fault.at) + ": "),
                  HasSubstr(fault.says)))
            << fault.value;
    }
}

TEST(JsonCollections, ValuesOfAnotherShapeAreRefused) {
    check_faults({
        {"list", R"("a")", 0, "\"value\" is a string; it must be an array of strings"},
        {"list", "[]", 1, "a list without elements; there is no such key: take the record out"},
        {"list", "[1]", 1, "\"element\" is a whole number; it must be a string, or for bytes"},
        {"list", R"(["a",["b"]])", 5, "\"element\" is an array; it must be a string"},
        {"list", R"([{"base64":"YQ=="}])", 11, "base64 of what is valid UTF-8"},
        {"list", R"([{"a":1}])", 2, "unknown member \"a\" in the object for \"element\""},
        {"set", "{}", 0, "\"value\" is an object; it must be an array of strings"},
        {"set", "[]", 1, "a set without elements"},
        {"set", R"(["b","a","b"])", 9, "element \"b\" twice in a set; take one of the two out"},
        {"set", R"(["5","a","5"])", 9, "element \"5\" twice in a set"},
        {"hash", "[]", 1, "a hash without elements"},
        {"hash", R"({"a":"b"})", 0, "it must be an array of pairs [\"field\",\"value\"]"},
        {"hash", R"(["a","b"])", 1, "a string among the elements of a hash"},
        {"hash", R"([["a"]])", 5, "an element of a hash with 1 of its parts"},
        {"hash", R"([["a","b","c"]])", 10, "\"deadline\" is a string; it must be a whole number"},
        {"hash", R"([["a","b",-1]])", 10, "\"deadline\" is -1; it must be from 0 to 28147"},
        {"hash", R"([["a","b",1,2]])", 12, "more than 3 parts in an element of a hash"},
        {"hash", R"([["a",1]])", 6, "\"value\" is a whole number"},
        {"hash", R"([["a","1"],["a","1"]])", 11, "field \"a\" twice in a hash"},
        {"zset", "[]", 1, "a sorted set without elements"},
        {"zset", R"([["a",1]])", 6, "\"score\" is a whole number; it must be a string such as"},
        {"zset", R"([["a","nan"]])", 6, "\"score\" is \"nan\"; it must be a number in a string"},
        {"zset", R"([["a",""]])", 6, "\"score\" is \"\""},
        {"zset", R"([["a","1e999"]])", 6, "\"score\" is \"1e999\""},
        {"zset", R"([["a","1","x"]])", 10, "more than 2 parts in an element of a sorted set"},
        {"zset", R"([["a","1"],["a","2"]])", 11, "member \"a\" twice in a sorted set"},
        {"stream", "[]", 0, "\"value\" is an array; it must be an object"},
    });
}

TEST(JsonCollections, StreamsThatContradictThemselvesAreRefused) {
    const std::string_view kUnknown = R"({"last_id":"1-0","length":1})";
    const std::string_view kId = "it must be the id of an entry, as \"1700000000000-0\"";
    check_faults({
        {"stream", kUnknown, 17, "unknown member \"length\" in a stream"},
        {"stream", R"({"last_id":"1-0","last_id":"1-0"})", 17, "member \"last_id\" twice"},
        {"stream", R"({"last_id":"1-0","entries":[]})", 0, "a stream without \"entries_added\""},
        {"stream", R"({"entries":[["1-0",[]]],"entries_added":1,"last_id":"0-9"})", 0,
         "\"last_id\" is below the id of the last entry"},
        {"stream", R"({"entries":[["1-0",[]]],"entries_added":0,"last_id":"1-0"})", 0,
         "\"entries_added\" is 0 of 1 entries"},
        {"stream", R"({"entries_added":-1})", 17, "\"entries_added\" is -1"},
        {"stream", R"({"last_id":"1"})", 11, kId},
        {"stream", R"({"last_id":"1-"})", 11, kId},
        {"stream", R"({"last_id":"01-0"})", 11, kId},
        {"stream", R"({"last_id":"1-0 "})", 11, kId},
        {"stream", R"({"last_id":"-1-0"})", 11, kId},
        {"stream", R"({"last_id":"18446744073709551616-0"})", 11, kId},
        {"stream", R"({"last_id":1})", 11, kId},
        {"stream", R"({"entries":{}})", 11, "\"entries\" is an object; it must be an array"},
        {"stream", R"({"entries":["1-0"]})", 12, "\"entry\" is a string; it must be an array"},
        {"stream", R"({"entries":[["1-0"]]})", 18, "an entry that is cut off"},
        {"stream", R"({"entries":[["1-0",["a"]]]})", 23, "a field without a value in an entry"},
        {"stream", R"({"entries":[["1-0",[],1]]})", 22, "a third part of an entry"},
        {"stream", R"({"entries":[["0-0",[]]]})", 21, "not above that of the one before, or is 0"},
        {"stream", R"({"entries":[["1-0",[]],["1-0",[]]]})", 32, "put the entries in order"},
    });
}

TEST(JsonCollections, GroupsThatContradictThemselvesAreRefused) {
    check_faults({
        {"stream", R"({"groups":[1]})", 11, "\"group\" is a whole number; it must be an object"},
        {"stream", R"({"groups":[{"last_id":"1-0","name":"g"}]})", 12, "write \"name\" first"},
        {"stream", R"({"groups":[{"name":"g"}]})", 11, "a group without \"last_id\""},
        {"stream", R"({"groups":[{}]})", 11, "a group without \"name\""},
        {"stream", R"({"groups":[{"name":"g","lag":1}]})", 23, "unknown member \"lag\" in a group"},
        {"stream", R"({"groups":[{"name":"g","last_id":"1-0"},{"name":"g"}]})", 48,
         "the group \"g\" is there twice, or not in the order of names"},
        {"stream", R"({"groups":[{"name":"g","entries_read":-1}]})", 38, "\"entries_read\" is -1"},
        {"stream", R"({"groups":[{"name":"g","consumers":[{"name":"c"}]}]})", 36,
         "a consumer without \"seen_ms\""},
        {"stream",
         R"({"groups":[{"name":"g","consumers":[{"name":"b","seen_ms":1},{"name":"a","seen_ms":1}]}]})",
         61, "the consumer \"a\" is there twice, or not in the order of names"},
        {"stream", R"({"groups":[{"name":"g","pending":[["1-0","c",1,1]]}]})", 34,
         "an entry is pending for \"c\", whom \"consumers\" does not name before"},
        {"stream", R"({"groups":[{"name":"g","pending":[["1-0","c",1]]}]})", 46,
         "a pending entry of 3 parts; it is"},
        {"stream", R"({"groups":[{"name":"g","pending":[["1-0","c",1,1,1]]}]})", 49,
         "a fifth part of a pending entry"},
        {"stream",
         R"({"groups":[{"name":"g","consumers":[{"name":"c","seen_ms":1}],)"
         R"("pending":[["1-0","c",1,1],["1-0","c",1,1]]}]})",
         89, "put them in order"},
    });
}

TEST(JsonCollections, ElementsAreAsLongAsIsAllowed) {
    const JsonReadOptions options{.string_bytes_max = 10};
    EXPECT_EQ(told("list", R"(["1234567890"])", options), "list[1234567890]");
    EXPECT_THAT(told("list", R"(["12345678901"])", options),
                HasSubstr("\"element\" is longer than 10 bytes"));
    EXPECT_THAT(told("hash", R"([["12345678901","v"]])", options),
                HasSubstr("\"field\" is longer than 10 bytes"));
}

TEST(JsonCollections, EveryCutIsSeenAndNoDamageDoesHarm) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    std::vector<Sample> all = samples(test_seed());
    for (const Sample& sample : all) {
        const std::string text = written({sample.record()});
        if (text.size() > 3000) continue;
        for (size_t size = 0; size + 1 < text.size(); ++size) {
            EXPECT_THAT(read(text.substr(0, size)).error, HasSubstr("the document is cut off"));
        }
        for (int round = 0; round < 1000; ++round) {
            std::string damaged = text;
            const char other = "[]{},\"0-9:e"[random.below(11)];
            damaged[random.below(damaged.size())] = other;
            EXPECT_THAT(read(damaged, 1 + random.below(50)).error,
                        AnyOf("", StartsWith("JSON, line ")));
        }
    }
}

}  // namespace
}  // namespace gyre::snapshot
