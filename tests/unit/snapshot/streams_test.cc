// SPDX-License-Identifier: BSD-3-Clause

// Goal: streams with groups come back as they were from all three types, and a stream that
// contradicts itself is refused with the place and the reason. Method: values put together by hand
// out of good parts, of which one is exchanged. What every type of collection has in common (random
// ones there and back, cuts, damage) is in collections_test.cc.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "samples.h"

namespace gyre::snapshot {
namespace {

using namespace std::string_literals;
using store::Encoding;
using store::Type;
using ::testing::HasSubstr;
using types::Stream;
using types::StreamId;

std::string big_endian(uint64_t value) {
    std::string bytes;
    for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
    return bytes;
}
std::string raw(const StreamId& id) { return big_endian(id.ms) + big_endian(id.seq); }
std::string length(uint64_t value) {
    std::array<char, kRdbLengthBytesMax> bytes;
    return {bytes.data(), write_rdb_length(bytes.data(), value)};
}
std::string lengths(const StreamId& id) { return length(id.ms) + length(id.seq); }

/// A node with the ids given, each with the field f and its number.
std::string node(const std::vector<StreamId>& ids) {
    Stream stream;
    for (const StreamId& id : ids) {
        const std::string value = std::to_string(id.ms);
        const std::array<std::string_view, 2> pair{"f", value};
        stream.append(id, pair, {});
    }
    std::string bytes;
    stream.for_each_node([&](const StreamId&, std::string_view node) { bytes = node; });
    return as_string(raw(ids[0])) + as_string(bytes);
}

/// The parts of a stream of two nodes, 1-1 2-0 and 5-5, of which somebody deleted 3-0, and of one
/// group with two consumers.
struct Parts {
    int type = 19;
    std::string nodes = "\x02" + node({{1, 1}, {2, 0}}) + node({{5, 5}});
    uint64_t size = 3;
    StreamId last_id{6, 0};
    StreamId first_id{1, 1};
    StreamId max_deleted_id{3, 0};
    uint64_t entries_added = 4;
    std::string groups = length(1) + group("g");

    static std::string pending(const StreamId& id) {
        return raw(id) + little_endian(1000 + id.ms, 8) + length(id.ms);
    }
    static std::string consumer(const std::string& name, const std::vector<StreamId>& ids,
                                int type = 19) {
        std::string bytes = as_string(name) + little_endian(2000, 8);
        if (type == 21) bytes += little_endian(1500, 8);
        bytes += length(ids.size());
        for (const StreamId& id : ids) bytes += raw(id);
        return bytes;
    }
    static std::string group_head(const std::string& name, int type = 19) {
        return as_string(name) + lengths({2, 0}) + (type == 15 ? "" : length(2));
    }
    static std::string group(const std::string& name, int type = 19) {
        return group_head(name, type) + "\x02" + pending({1, 1}) + pending({4, 0}) + "\x02" +
               consumer("one", {{4, 0}}, type) + consumer("two", {{1, 1}}, type);
    }
    [[nodiscard]] std::string payload() const {
        std::string body = static_cast<char>(type) + nodes + length(size) + lengths(last_id);
        if (type != 15) {
            body += lengths(first_id) + lengths(max_deleted_id) + length(entries_added);
        }
        return with_footer(body + groups, 11);
    }
    [[nodiscard]] std::string line() const { return restored_line(payload()); }
};

constexpr std::string_view kEntries = "[1-1 f=1][2-0 f=2][5-5 f=5]";

TEST(Streams, AllThreeTypes) {
    const std::string head = "stream[3 of 4 from 1-1 to 6-0 without 3-0]" + std::string(kEntries);
    const std::string group = "[g last 2-0 read 2 1-1>two@1001*1 4-0>one@1004*4 one(1)@2000/";
    EXPECT_EQ(Parts().line(), head + group + "2000 two(1)@2000/2000]");
    Parts third{.type = 21};
    third.groups = length(1) + Parts::group("g", 21);
    EXPECT_EQ(third.line(), head + group + "1500 two(1)@2000/1500]");
    // What was added and read before the type could say so is reckoned as by Redis.
    Parts first{.type = 15};
    first.groups = length(1) + Parts::group("g", 15);
    EXPECT_EQ(first.line(), "stream[3 of 3 from 1-1 to 6-0 without 0-0]" + std::string(kEntries) +
                                "[g last 2-0 read -1 1-1>two@1001*1 4-0>one@1004*4 "
                                "one(1)@2000/2000 two(1)@2000/2000]");
}

TEST(Streams, AnEmptyOneIsAStream) {
    Parts empty{.nodes = length(0), .size = 0};
    empty.groups = length(0);
    const std::string line = "stream[0 of 4 from 0-0 to 6-0 without 3-0]";
    EXPECT_EQ(empty.line(), line);
    // What Redis makes of the first id of an empty stream that it read from type 15.
    empty.first_id = StreamId::max();
    EXPECT_EQ(empty.line(), line);
    const std::string body = empty.payload();
    const ReadOutcome outcome = read_at_once(
        rdb_file(body.substr(0, 1) + "\x01k" + body.substr(1, body.size() - 1 - kDumpFooterBytes)));
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.lines[0], "0 k=" + line);
}

TEST(Streams, IdsThatDoNotRiseAreRefused) {
    for (const StreamId& second : {StreamId{2, 0}, StreamId{1, 1}, StreamId{0, 9}}) {
        EXPECT_THAT((Parts{.nodes = "\x02" + node({{1, 1}, {2, 0}}) + node({second})}.line()),
                    HasSubstr("the ids of a stream do not rise at offset "));
    }
    EXPECT_THAT((Parts{.last_id = {5, 4}}.line()),
                HasSubstr("the last id of a stream is below that of its last entry"));
    EXPECT_THAT((Parts{.nodes = "\x01\x05short" + node({{1, 1}}).substr(17)}.line()),
                HasSubstr("an id of 5 bytes for a stream's node at offset 2"));
}

TEST(Streams, CountsThatAreWrongAreRefused) {
    EXPECT_THAT((Parts{.size = 4}.line()), HasSubstr("a stream of 3 entries claims 4"));
    EXPECT_THAT((Parts{.entries_added = 2}.line()),
                HasSubstr("2 entries were added to a stream of 3"));
    EXPECT_THAT((Parts{.entries_added = 1ULL << 63}.line()),
                HasSubstr("9223372036854775808 entries were added"));
    EXPECT_THAT((Parts{.nodes = "\x01" + as_string(raw({1, 1})) +
                                as_string(std::string(types::Listpack::kEmpty))}
                     .line()),
                HasSubstr("the packed form of a stream's node makes no sense"));
}

TEST(Streams, GroupsThatContradictThemselvesAreRefused) {
    using P = Parts;
    const auto error = [](const std::string& groups) { return Parts{.groups = groups}.line(); };
    EXPECT_THAT(error("\x02" + P::group("b") + P::group("a")),
                HasSubstr("the groups of a stream are not in order"));
    EXPECT_THAT(error("\x02" + P::group("b") + P::group("b")),
                HasSubstr("the groups of a stream are not in order"));
    const std::string read_less = as_string("g") + lengths({2, 0}) + length(~uint64_t{1});
    EXPECT_THAT(error("\x01" + read_less + "\x00\x00"s), HasSubstr("a group has read -2 entries"));
    const std::string head = "\x01" + P::group_head("g");
    const std::string two = head + "\x02" + P::pending({1, 1}) + P::pending({4, 0});
    EXPECT_THAT(error(head + "\x02" + P::pending({4, 0}) + P::pending({1, 1})),
                HasSubstr("pending ids of a group do not rise"));
    EXPECT_THAT(error(head + "\x02" + P::pending({1, 1}) + P::pending({1, 1})),
                HasSubstr("pending ids of a group do not rise"));
    EXPECT_THAT(error(two + "\x00"s),
                HasSubstr("2 entries of a group are pending for no consumer"));
    EXPECT_THAT(error(two + "\x01" + P::consumer("c", {{1, 1}})),
                HasSubstr("1 entries of a group are pending for no consumer"));
    EXPECT_THAT(error(two + "\x01" + P::consumer("c", {{1, 1}, {3, 0}})),
                HasSubstr("pending for a consumer and not for its group"));
    EXPECT_THAT(error(two + "\x01" + P::consumer("c", {{4, 0}, {1, 1}})),
                HasSubstr("pending ids of a group do not rise"));
    EXPECT_THAT(error(two + "\x02" + P::consumer("c", {{1, 1}}) + P::consumer("d", {{1, 1}})),
                HasSubstr("or for two consumers"));
    EXPECT_THAT(error(two + "\x02" + P::consumer("d", {{1, 1}}) + P::consumer("c", {{4, 0}})),
                HasSubstr("the consumers of a group are not in order"));
}

TEST(Streams, TimesAndCountsBeyondAllBoundsAreRefused) {
    using P = Parts;
    const auto error = [](const std::string& groups) { return Parts{.groups = groups}.line(); };
    const std::string head = "\x01" + P::group_head("g");
    const std::string negative = little_endian(~uint64_t{0}, 8);
    EXPECT_THAT(error(head + "\x01" + raw({1, 1}) + negative + "\x01"),
                HasSubstr("the time -1 in a stream's group"));
    EXPECT_THAT(error(head + "\x01" + raw({1, 1}) + little_endian(5, 8) + length(1ULL << 63)),
                HasSubstr("9223372036854775808 deliveries in a stream"));
    EXPECT_THAT(error(head + "\x00\x01"s + as_string("c") + negative + "\x00"s),
                HasSubstr("the time -1 in a stream's group"));
    // Never active is -1.
    Parts never{.type = 21};
    never.groups = head + "\x00\x01"s + as_string("c") + little_endian(7, 8) + negative + "\x00"s;
    EXPECT_THAT(never.line(), HasSubstr("c(0)@7/-1]"));
    never.groups = head + "\x00\x01"s + as_string("c") + little_endian(7, 8) +
                   little_endian(~uint64_t{1}, 8) + "\x00"s;
    EXPECT_THAT(never.line(), HasSubstr("the time -2 in a stream's group"));
}

TEST(Streams, ClaimsOfMuchReserveNothing) {
    const int64_t before = base::used(base::Purpose::keyspace);
    const std::string much = length(uint64_t{1} << 60);
    const std::vector<std::string> values = {
        "\x13" + much,
        "\x13" + Parts().nodes + length(3) + lengths({6, 0}) + lengths({}) + lengths({}) +
            length(4) + much,
    };
    for (const std::string& value : values) {
        EXPECT_THAT(restored_line(with_footer(value)), HasSubstr("the value ends too early"));
    }
    EXPECT_EQ(base::used(base::Purpose::keyspace), before);
}

TEST(Streams, WhenAConsumerWasActiveStandsInAFieldOfTheFile) {
    auto stream = std::make_unique<Stream>();
    for (const char* const name : {"a", "b"}) {
        types::StreamGroup* group = stream->add_group(name, {}, 0);
        group->add_consumer("always", 10)->active_ms = 10;
        group->add_consumer("before", 10)->active_ms = 7;
        group->add_consumer("never", 10);
    }
    const Sample sample{{Type::stream, Encoding::stream}, "", std::move(stream)};
    RecordEncoder encoder({.compress = false});
    Buffer body;
    encoder.record(sample.record(), body);
    // The second, third, fifth and sixth consumer; times plus one.
    const auto time = [](uint64_t index, uint64_t plus_one) {
        return length(index) + little_endian(plus_one, 8);
    };
    const std::string field =
        "\xfa\x11gyre-active-times" + as_string(time(1, 8) + time(2, 0) + time(4, 8) + time(5, 0));
    EXPECT_EQ(body.view().substr(2, field.size()), field);
    EXPECT_EQ(read_at_once(rdb_file(body.view())).lines[1], line_of(sample.record()));
    // Without the field a consumer was active when it was seen.
    const std::string rest(body.view().substr(2 + field.size()));
    EXPECT_THAT(read_at_once(rdb_file(rest)).lines[0], HasSubstr("never(0)@10/10"));
    RecordEncoder newer({}, 11);
    Buffer without_field;
    newer.record(sample.record(), without_field);
    EXPECT_THAT(std::string(without_field.view()), ::testing::Not(HasSubstr("gyre-active")));
    EXPECT_EQ(read_at_once(rdb_file(without_field.view(), "REDIS0011")).lines[1],
              line_of(sample.record()));
    // It belongs to a stream, and to a consumer that is there.
    const auto error = [](const std::string& bytes) { return read_at_once(rdb_file(bytes)).error; };
    const std::string seventh = "\xfa\x11gyre-active-times" + as_string(time(6, 8));
    EXPECT_THAT(error(seventh + rest),
                HasSubstr("there are times of consumers that are not there"));
    EXPECT_THAT(error(field + "\x00\x01k\x01v"s), HasSubstr("times of consumers before a string"));
    EXPECT_THAT(error(field + "\x02\x01k\x01\x01v"s),
                HasSubstr("times of consumers before what has none"));
    EXPECT_THAT(error(field + field + rest), HasSubstr("times of a stream's consumers make no"));
    EXPECT_THAT(error("\xfa\x14gyre-field-deadlines" + as_string(time(0, 8)) + rest),
                HasSubstr("deadlines of fields before what has none"));
    EXPECT_THAT(error("\xfa\x14gyre-field-deadlines" + as_string(time(0, 8)) + field + rest),
                HasSubstr("times of a stream's consumers make no"));
}

TEST(Streams, PartsEndWithinGroups) {
    base::Random random(5);
    auto stream = std::make_unique<Stream>();
    types::StreamGroup* group = stream->add_group("g", {}, 0);
    std::array<types::StreamConsumer*, 2> consumers{group->add_consumer("a", 1),
                                                    group->add_consumer("b", 1)};
    for (uint64_t i = 0; i < 1000; ++i) group->add_pending({i, 0}, consumers[i % 2], 5);
    const Sample sample{{Type::stream, Encoding::stream}, "", std::move(stream)};
    RecordEncoder encoder({}, 11);
    Buffer parts;
    WriteProgress progress;
    size_t count = 1;
    while (!encoder.record_part(sample.record(), progress, 10 * kElementCost, parts)) ++count;
    EXPECT_GT(count, 200U);
    EXPECT_LT(count, 230U);
    Buffer whole;
    RecordEncoder({}, 11).record(sample.record(), whole);
    EXPECT_TRUE(parts.view() == whole.view());
}

}  // namespace
}  // namespace gyre::snapshot
