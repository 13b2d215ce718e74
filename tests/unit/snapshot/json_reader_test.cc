// SPDX-License-Identifier: BSD-3-Clause

#include "snapshot/json_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "snapshot/json_writer.h"
#include "support/seed.h"

namespace gyre::snapshot {
namespace {

/// A record that owns its bytes.
struct Kept {
    size_t database = 0;
    std::string key;
    std::string value;
    int64_t expire_ms = store::kNoExpiry;
    int64_t timestamp_ms = store::kNoTimestamp;

    explicit Kept(const Record& record)
        : database(record.database),
          key(record.key),
          value(record.value),
          expire_ms(record.expire_ms),
          timestamp_ms(record.timestamp_ms) {}
    Record record() const {
        return {.database = database,
                .key = key,
                .value = value,
                .expire_ms = expire_ms,
                .timestamp_ms = timestamp_ms};
    }
    bool operator==(const Kept&) const = default;
};

/// A source of a text that gives at most `chunk` bytes at a time, each in memory of just that size,
/// so that a sanitizer sees who reads on.
base::ByteSource source_of(std::string_view text, size_t chunk) {
    return [text, chunk, at = size_t{0}](std::span<char> buffer) mutable -> Result<size_t> {
        const size_t count = std::min({chunk, buffer.size(), text.size() - at});
        if (count != 0) std::memcpy(buffer.data(), text.data() + at, count);
        at += count;
        return count;
    };
}

struct Outcome {
    std::vector<Kept> records;
    std::string error;  ///< "" for none

    bool operator==(const Outcome&) const = default;
};

Outcome read(std::string_view text, size_t chunk = 65536, JsonReadOptions options = {}) {
    Outcome outcome;
    const auto handler = [&outcome](const Record& record) -> Result<void> {
        outcome.records.emplace_back(record);
        return {};
    };
    const auto done = read_json(source_of(text, chunk), handler, options);
    if (done) {
        EXPECT_EQ(*done, outcome.records.size());
    } else {
        outcome.error = done.error().message;
        EXPECT_FALSE(outcome.error.empty());
    }
    return outcome;
}

std::string written(const std::vector<Kept>& records) {
    std::string text;
    JsonWriter writer([&text](std::string_view bytes) -> Result<void> {
        text += bytes;
        return {};
    });
    for (const Kept& kept : records) EXPECT_TRUE(writer.add(kept.record()));
    EXPECT_TRUE(writer.finish());
    return text;
}

constexpr std::string_view kHead = R"({"format":"gyre-json","version":1,"keys":[)";

/// A document with these records, on its second line.
std::string document(std::string_view records) {
    return std::string(kHead) + "\n" + std::string(records) + "\n]}\n";
}

/// Offset of the first record's first byte in such a document.
constexpr size_t kFirst = kHead.size() + 1;

std::string at(size_t line, size_t byte) {
    return "JSON, line " + std::to_string(line) + ", byte " + std::to_string(byte) + ": ";
}

constexpr std::string_view kPlain = R"({"db":0,"key":"a","type":"string","value":"b"})";

std::string random_bytes(base::Random& random) {
    std::string bytes(random.below(30), '\0');
    // ASCII, a few characters to escape, pieces of other scripts, anything: texts and others both.
    const uint64_t kind = random.below(4);
    for (char& byte : bytes) {
        byte = static_cast<char>(kind == 0   ? random.below(128)
                                 : kind == 1 ? 'a' + random.below(26)
                                 : kind == 2 ? "\"\\\n\t\0/\x7F"[random.below(7)]
                                             : random.below(256));
    }
    if (kind == 1) bytes += "\u00e4\u20ac\U0001F600";
    return bytes;
}

std::vector<Kept> random_records(base::Random& random, size_t count) {
    std::vector<Kept> records;
    for (size_t number = 0; number < count; ++number) {
        Kept kept{Record{}};
        kept.database = random.below(4);
        kept.key = random_bytes(random) + std::to_string(number);
        kept.value = random_bytes(random);
        if (random.below(2) == 0) kept.expire_ms = static_cast<int64_t>(random.next() >> 1) - 1;
        if (random.below(2) == 0) kept.timestamp_ms = static_cast<int64_t>(random.next() >> 1);
        records.push_back(std::move(kept));
    }
    return records;
}

TEST(JsonReader, what_was_written_comes_back_in_chunks_of_any_size) {
    for (uint64_t round = 0; round < 50; ++round) {
        SCOPED_TRACE(seed_note() + " round " + std::to_string(round));
        base::Random random(test_seed() + round);
        const std::vector<Kept> records = random_records(random, random.below(40));
        const std::string text = written(records);
        for (const size_t chunk : {size_t{1}, size_t{1 + random.below(200)}, size_t{65536}}) {
            const Outcome outcome = read(text, chunk);
            ASSERT_EQ(outcome.error, "");
            ASSERT_EQ(outcome.records, records);
        }
    }
}

TEST(JsonReader, the_callers_buffer_may_be_one_byte) {
    const Outcome outcome = read(document(kPlain), 65536, {.chunk_bytes = 1});
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.records.size(), 1U);
}

TEST(JsonReader, every_byte_value_alone_and_between_others_comes_back) {
    std::vector<Kept> records;
    for (int byte = 0; byte < 256; ++byte) {
        Kept kept{Record{}};
        kept.key = std::string(1, static_cast<char>(byte));
        kept.value = "ab" + kept.key + "cd";
        records.push_back(kept);
    }
    const Outcome outcome = read(written(records));
    EXPECT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.records, records);
}

// Whatever JSON allows may be done to the text without changing what it says.
TEST(JsonReader, other_ways_to_write_the_same_json_are_read) {
    const Outcome plain = read(document(
        R"({"db":1,"key":"a\"€😀","type":"string","expireat_ms":-5,"timestamp_ms":7,"value":"b"})"));
    ASSERT_EQ(plain.error, "");
    ASSERT_EQ(plain.records.size(), 1U);
    EXPECT_EQ(plain.records[0].expire_ms, -5);
    const std::string others[] = {
        document(R"({"db":1,"key":"a\u0022\u20AC\ud83d\uDE00","type":"\u0073tring",)"
                 R"("expireat_ms":-5,"timestamp_ms":7,"value":"\u0062"})"),
        document("{ \"timestamp_ms\" :\t7,\r\n\"type\":\"string\",\n\n\"value\":\"b\",\"key\" : "
                 "\"a\\\"€😀\", \"expireat_ms\":-5,\"db\":1 }"),
        "\xEF\xBB\xBF \n" + document(R"({"\u0064b":1,"key":"a\"€😀","type":"string",)"
                                     R"("expireat_ms":-5,"timestamp_ms":7,"value":"b"})"),
    };
    for (const std::string& other : others) EXPECT_EQ(read(other), plain) << other;
}

TEST(JsonReader, times_of_64_bits_come_to_the_digit) {
    const Outcome outcome = read(document(
        R"({"db":0,"key":"a","type":"string","expireat_ms":9223372036854775806,)"
        R"("timestamp_ms":9223372036854775807,"value":""},)"
        R"({"db":0,"key":"b","type":"string","expireat_ms":-9223372036854775808,)"
        R"("timestamp_ms":-9223372036854775807,"value":""},)"
        R"({"db":0,"key":"c","type":"string","expireat_ms":9007199254740993,"value":""})"));
    ASSERT_EQ(outcome.error, "");
    EXPECT_EQ(outcome.records[0].expire_ms, INT64_MAX - 1);
    EXPECT_EQ(outcome.records[0].timestamp_ms, INT64_MAX);
    EXPECT_EQ(outcome.records[1].expire_ms, INT64_MIN);
    EXPECT_EQ(outcome.records[1].timestamp_ms, INT64_MIN + 1);
    EXPECT_EQ(outcome.records[2].expire_ms, 9007199254740993);  // no double has this value
    EXPECT_EQ(outcome.records[2].timestamp_ms, store::kNoTimestamp);
}

// The last byte of the document is a line break, which may be missing.
TEST(JsonReader, a_document_cut_anywhere_is_an_error_at_its_end) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    const std::string text = written(random_records(random, 6));
    const auto lines = [&text](size_t bytes) {
        return 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(bytes), '\n');
    };
    for (size_t length = 0; length + 1 < text.size(); ++length) {
        const Outcome outcome = read(text.substr(0, length), 7);
        ASSERT_TRUE(outcome.error.starts_with(at(static_cast<size_t>(lines(length)), length)))
            << outcome.error;
        ASSERT_NE(outcome.error.find("the document is cut off"), std::string::npos)
            << outcome.error;
        ASSERT_LE(outcome.records.size(), 6U);
    }
    EXPECT_EQ(read(text.substr(0, text.size() - 1)).error, "");
}

struct Fault {
    std::string text;
    size_t line;
    size_t byte;
    std::string_view says;
};

void check_faults(const std::vector<Fault>& faults) {
    for (const Fault& fault : faults) {
        const Outcome outcome = read(fault.text);
        EXPECT_TRUE(outcome.error.starts_with(at(fault.line, fault.byte))) << fault.text << "\n"
                                                                           << outcome.error;
        EXPECT_NE(outcome.error.find(fault.says), std::string::npos) << fault.text << "\n"
                                                                     << outcome.error;
        // What is wrong, and behind a semicolon or colon what to do; on one line.
        EXPECT_EQ(outcome.error.find('\n'), std::string::npos) << outcome.error;
        EXPECT_EQ(read(fault.text, 1), outcome) << "the size of chunks shows";
    }
}

TEST(JsonReader, a_file_of_another_kind_is_refused_at_its_head) {
    check_faults({
        {"", 1, 0, "unexpected end of input"},
        {" \n ", 2, 3, "unexpected end of input"},
        {"REDIS0011", 1, 0, "invalid literal"},
        {std::string("\0", 1), 1, 0, "a NUL byte"},
        {"\xEF\xBBx{}", 1, 2, "invalid BOM"},
        {"*3\r\n", 1, 0, "invalid literal"},
        {"[]", 1, 0, "the document is an array"},
        {"1", 1, 0, "the document is a whole number"},
        {"null ", 1, 0, "the document is null"},
        {"\"gyre-json\"", 1, 0, "the document is a string"},
        {"{}", 1, 1, "has no \"format\""},
        {R"({"a":"b"})", 1, 1, "member \"a\" where \"format\" must stand"},
        {R"({"version":1})", 1, 1, "where \"format\" must stand"},
        {R"({"format":"rdb"})", 1, 10, "\"format\" is not \"gyre-json\""},
        {R"({"format":1})", 1, 10, "\"format\" is not \"gyre-json\""},
        {R"({"format":"gyre-json"})", 1, 21, "has no \"version\""},
        {R"({"format":"gyre-json","keys":[]})", 1, 22, "where \"version\" must stand"},
        {R"({"format":"gyre-json","format":"gyre-json"})", 1, 22, "where \"version\" must stand"},
        {R"({"format":"gyre-json","version":2})", 1, 32, "version 2 of the format"},
        {R"({"format":"gyre-json","version":-1})", 1, 32, "version -1 of the format"},
        {R"({"format":"gyre-json","version":1.0})", 1, 32, "\"version\" is a number that is not"},
        {R"({"format":"gyre-json","version":"1"})", 1, 32, "\"version\" is a string"},
        {R"({"format":"gyre-json","version":1})", 1, 33, "has no \"keys\""},
        {R"({"format":"gyre-json","version":1,"keys":{}})", 1, 41, "\"keys\" is an object"},
        {R"({"format":"gyre-json","version":1,"keys":[],"more":1})", 1, 44,
         "member \"more\" behind"},
        {R"({"format":"gyre-json","version":1,"keys":[],"keys":[]})", 1, 44,
         "member \"keys\" behind"},
    });
}

TEST(JsonReader, garbage_behind_the_document_is_an_error) {
    const std::string text = document(kPlain);
    const size_t end = text.size();
    check_faults({
        {text + "x", 4, end, "behind the end of the document"},
        {text + text, 4, end, "behind the end of the document"},
        {text + "}", 4, end, "behind the end of the document"},
        {text + "\"", 4, end + 1, "behind the end of the document"},
        {text + std::string("\0", 1), 4, end, "a NUL byte"},
        {text + std::string("  \0x", 4), 4, end + 2, "a NUL byte"},
        {text + "\n\xFF", 5, end + 1, "behind the end of the document"},
    });
}

TEST(JsonReader, a_record_that_is_not_as_it_must_be_is_an_error) {
    const size_t zero = kFirst;
    check_faults({
        {document("1"), 2, zero, "a whole number among the keys"},
        {document("[]"), 2, zero, "an array among the keys"},
        {document("\"a\""), 2, zero, "a string among the keys"},
        {document("null"), 2, zero, "null among the keys"},
        {document("true"), 2, zero, "true or false among the keys"},
        {document("1e5"), 2, zero, "a number that is not whole"},
        {document("{}"), 2, zero, "a record without \"db\""},
        {document(R"({"db":0})"), 2, zero, "a record without \"key\""},
        {document(R"({"db":0,"key":"a"})"), 2, zero, "a record without \"type\""},
        {document(R"({"db":0,"key":"a","type":"string"})"), 2, zero, "without \"value\""},
        {document(R"({"key":"a","type":"string","value":"b"})"), 2, zero, "without \"db\""},
        {document(R"({"db":0,"ttl":5})"), 2, zero + 8, "unknown member \"ttl\""},
        {document(R"({"db":0,"DB":5})"), 2, zero + 8, "unknown member \"DB\""},
        {document(R"({"db":0,"":5})"), 2, zero + 8, "unknown member \"\""},
        {document(R"({"\n\u0000ä":0})"), 2, zero + 1, R"(unknown member "\n\x00\xc3\xa4")"},
        {document("{\"" + std::string(1000, 'n') + "\":0}"), 2, zero + 1, "n\"... in a record"},
        {document(R"({"db":0,"db":0})"), 2, zero + 8, "member \"db\" twice"},
        {document(R"({"db":0,"expireat_ms":1,"expireat_ms":1})"), 2, zero + 24, "twice"},
        {document(R"({"db":0,"value":"b","type":"string"})"), 2, zero + 8, "before \"type\""},
        {document(R"({"type":"module"})"), 2, zero + 8, "type \"module\""},
        {document(R"({"type":"String"})"), 2, zero + 8, "type \"String\""},
        {document(R"({"type":null})"), 2, zero + 8, "\"type\" is null"},
    });
}

TEST(JsonReader, numbers_are_whole_and_in_their_range) {
    const size_t number = kFirst + 6;
    const size_t time = kFirst + 15;
    check_faults({
        {document(R"({"db":"0"})"), 2, number, "\"db\" is a string"},
        {document(R"({"db":null})"), 2, number, "\"db\" is null"},
        {document(R"({"db":-1})"), 2, number, "\"db\" is -1; it must be from 0 to 2147483647"},
        {document(R"({"db":2147483648})"), 2, number, "\"db\" is 2147483648"},
        {document(R"({"db":0.0})"), 2, number, "\"db\" is a number that is not whole"},
        {document(R"({"db":1e0})"), 2, number, "without fraction or exponent"},
        {document(R"({"db":01})"), 2, number, "expected '}'"},
        {document(R"({"db":+1})"), 2, number, "invalid literal"},
        {document(R"({"db":-})"), 2, number + 1, "invalid number"},
        {document(R"({"db":NaN})"), 2, number, "invalid literal"},
        {document(R"({"expireat_ms":9223372036854775807})"), 2, time,
         "\"expireat_ms\" is 9223372036854775807; it must be from -9223372036854775808 to "
         "9223372036854775806"},
        {document(R"({"expireat_ms":9223372036854775808})"), 2, time, "more than 64 bits"},
        {document(R"({"expireat_ms":18446744073709551616})"), 2, time, "more than 64 bits"},
        {document(R"({"expireat_ms":-9223372036854775809})"), 2, time, "more than 64 bits"},
        {document(R"({"expireat_ms":)" + std::string(5000, '9') + "}"), 2, time,
         "more than 64 bits"},
        {document(R"({"expireat_ms":1e999})"), 2, time, "more than 64 bits"},
        {document(R"({"expireat_ms":-1e999})"), 2, time, "more than 64 bits"},
        {document(R"({"expireat_ms":1767225600000.0})"), 2, time, "not whole"},
        {document(R"({"expireat_ms":true})"), 2, time, "\"expireat_ms\" is true or false"},
        {document("{\"expireat_ms\":{}}"), 2, time, "\"expireat_ms\" is an object"},
        {document(R"({"timestamp_ms":-9223372036854775808})"), 2, time + 1, "it must be from"},
        {document(R"({"timestamp_ms":[1]})"), 2, time + 1, "\"timestamp_ms\" is an array"},
    });
}

TEST(JsonReader, strings_and_base64_have_one_way_each) {
    const size_t key = kFirst + 7;
    const std::string overlong = "{\"key\":\"\xC0\xAF\"}";
    check_faults({
        {document(R"({"key":1})"), 2, key, "\"key\" is a whole number"},
        {document(R"({"key":["a"]})"), 2, key, "\"key\" is an array"},
        {document(R"({"key":{}})"), 2, key + 1, "an empty object as \"key\""},
        {document(R"({"key":{"hex":"00"}})"), 2, key + 1, "unknown member \"hex\""},
        {document(R"({"key":{"base64":1}})"), 2, key + 10, "\"base64\" is a whole number"},
        {document(R"({"key":{"base64":{}}})"), 2, key + 10, "\"base64\" is an object"},
        {document(R"({"key":{"base64":"/w=="
,"base64":"/w=="}})"),
         3, key + 18, "member \"base64\" beside"},
        {document(R"({"key":{"base64":"/w"}})"), 2, key + 10, "no base64"},
        {document(R"({"key":{"base64":"/x=="}})"), 2, key + 10, "no base64"},
        {document(R"({"key":{"base64":"/w==\n"}})"), 2, key + 10, "no base64"},
        {document(R"({"key":{"base64":"_w=="}})"), 2, key + 10, "no base64"},
        {document(R"({"key":{"base64":"YQ=="}})"), 2, key + 10, "valid UTF-8; write \"key\""},
        {document(R"({"key":{"base64":""}})"), 2, key + 10, "valid UTF-8; write \"key\""},
        {document(R"({"type":"string","value":{"base64":"YQ=="}})"), 2, kFirst + 35,
         "write \"value\""},
        {document(R"({"key":"\ud800"})"), 2, key + 7, "surrogate"},
        {document(R"({"key":"\ud800\u0041"})"), 2, key + 12, "surrogate"},
        {document(R"({"key":"\udc00"})"), 2, key + 6, "surrogate"},
        {document(R"({"key":"\u00g0"})"), 2, key + 5, "must be followed by 4 hex digits"},
        {document(R"({"key":"\x41"})"), 2, key + 2, "forbidden character after backslash"},
        {document("{\"key\":\"\n\"}"), 2, key + 1, "control character"},
        {document(std::string("{\"key\":\"\0\"}", 10)), 2, key + 1, "control character"},
        {document("{\"key\":\"\xFF\"}"), 2, key + 1, "UTF-8"},
        {document(overlong), 2, key + 1, "UTF-8"},
        {document("{\"key\":\"\xED\xA0\x80\"}"), 2, key + 2, "UTF-8"},
        {document("{'key':'a'}"), 2, kFirst + 1, "invalid literal"},
        {document("{\"key\":\"a\",}"), 2, kFirst + 11, "expected string literal"},
        {document("{\"key\" \"a\"}"), 2, key, "expected ':'"},
        {document("/* a */"), 2, kFirst, "invalid literal"},
        {document(std::string(kPlain) + ","), 3, kFirst + kPlain.size() + 2, "unexpected ']'"},
    });
}

TEST(JsonReader, a_key_twice_in_a_database_is_an_error) {
    const std::string other = R"({"db":1,"key":"a","type":"string","value":"b"})";
    const std::string plain(kPlain);
    EXPECT_EQ(read(document(plain + ",\n" + other)).error, "");
    check_faults({
        {document(plain + ",\n" + other + ",\n" + plain), 4, kFirst + plain.size() * 2 + 4,
         "key \"a\" twice in database 0"},
        {document(plain + ",\n" + R"({"db":0,"key":"\u0061","type":"string","value":""})"), 3,
         kFirst + plain.size() + 2, "key \"a\" twice in database 0"},
    });
    const Outcome both = read(document(plain + "," + plain), 1, {.finds_duplicate_keys = false});
    EXPECT_EQ(both.error, "");
    EXPECT_EQ(both.records.size(), 2U);
}

TEST(JsonReader, a_database_beyond_the_callers_is_an_error) {
    const std::string text = document(R"({"db":16,"key":"a","type":"string","value":"b"})");
    EXPECT_EQ(read(text, 65536, {.databases = 17}).error, "");
    EXPECT_EQ(read(text, 65536, {.databases = 16}).error,
              at(2, kFirst + 6) + "\"db\" is 16; it must be from 0 to 15");
}

// Far deeper than a stack would bear, were there one.
TEST(JsonReader, nesting_without_end_is_refused_at_once) {
    constexpr size_t kDeep = 1'000'000;
    std::string deep_objects;
    for (size_t depth = 0; depth < kDeep; ++depth) deep_objects += "{\"a\":";
    check_faults({
        {std::string(kDeep, '['), 1, 0, "the document is an array"},
        {deep_objects, 1, 1, "member \"a\" where"},
        {document(std::string(kDeep, '[')), 2, kFirst, "an array among the keys"},
        {document("{\"key\":" + std::string(kDeep, '[')), 2, kFirst + 7, "\"key\" is an array"},
        {document("{\"key\":" + deep_objects), 2, kFirst + 8, "unknown member \"a\""},
    });
}

TEST(JsonReader, strings_have_a_limit_that_is_not_believed_but_counted) {
    const JsonReadOptions options{.string_bytes_max = 10};
    const auto with_value = [](std::string_view value) {
        return document(R"({"db":0,"key":"a","type":"string","value":")" + std::string(value) +
                        "\"}");
    };
    const size_t value = kFirst + 42;
    EXPECT_EQ(read(with_value(std::string(10, 'x')), 1, options).error, "");
    EXPECT_EQ(read(with_value(R"(\u0000\u0000\u0000\u0000\u0000\n\n\n\n\n)"), 1, options).error,
              "");
    EXPECT_EQ(read(document(R"({"db":0,"key":{"base64":"////////////8w=="},"type":"string",)"
                            R"("value":""})"),
                   1, options)
                  .error,
              "");
    const std::string value_long =
        at(2, value) +
        "\"value\" is longer than 10 bytes; take the record out, or read with a "
        "higher limit";
    EXPECT_EQ(read(with_value(std::string(11, 'x')), 1, options).error, value_long);
    EXPECT_EQ(read(with_value(R"(\n\n\n\n\n\n\n\n\n\n\n)"), 1, options).error, value_long);
    EXPECT_EQ(read(with_value(R"(\u20ac\u20ac\u20ac\u20ac)"), 1, options).error, value_long);
    EXPECT_EQ(read(document(R"({"key":{"base64":"//////////////8="}})"), 1, options).error,
              at(2, kFirst + 17) +
                  "\"key\" is longer than 10 bytes; take the record out, or read "
                  "with a higher limit");
    // What no base64 of so few bytes could be is refused before it is all read.
    std::string escapes;
    for (int count = 0; count < 65; ++count) escapes += "\\n";
    for (const std::string& longer : {std::string(1000, 'x'), escapes}) {
        EXPECT_EQ(read(with_value(longer), 1, options).error,
                  at(2, value) +
                      "a string longer than 64 bytes; take it out, or read with a higher limit");
    }
    EXPECT_EQ(read(with_value("b"), 1, {.string_bytes_max = 1}).error, "");
}

// The source never ends: only a limit ends the reading.
TEST(JsonReader, endless_input_ends_at_a_limit) {
    struct Endless {
        std::string front;
        char filler;
        std::string_view says;
    };
    const Endless cases[] = {
        {"", ' ', "without a string"},
        {std::string(kHead), '\n', "without a string"},
        {document(kPlain), ' ', "without a string"},
        {std::string(kHead) + "{\"db\":", '1', "without a string"},
        {std::string(kHead) + "{\"key\":\"", 'k', "a string longer than 1336 bytes"},
        {std::string(kHead) + "{\"", 'k', "a string longer than 1336 bytes"},
    };
    for (const Endless& endless : cases) {
        size_t given = 0;
        const auto source = [&](std::span<char> buffer) -> Result<size_t> {
            for (char& byte : buffer) {
                byte = given < endless.front.size() ? endless.front[given] : endless.filler;
                ++given;
            }
            return buffer.size();
        };
        const auto done = read_json(source, [](const Record&) -> Result<void> { return {}; },
                                    {.string_bytes_max = 1000});
        ASSERT_FALSE(done);
        EXPECT_NE(done.error().message.find(endless.says), std::string::npos)
            << done.error().message;
        EXPECT_LT(given, size_t{1} << 20);
    }
}

TEST(JsonReader, a_long_value_comes_back) {
    for (const char* unit : {"plain text ", "\x01\x02", "\xFF\xFE\xFD"}) {
        std::vector<Kept> records{Kept{Record{.key = "k"}}};
        for (int times = 0; times < 300'000; ++times) records[0].value += unit;
        const Outcome outcome = read(written(records));
        ASSERT_EQ(outcome.error, "");
        ASSERT_EQ(outcome.records, records);
    }
}

TEST(JsonReader, an_error_of_the_source_comes_out_as_it_is) {
    const std::string text = document(kPlain);
    for (size_t good = 0; good <= text.size(); ++good) {
        const auto inner = source_of(text.substr(0, good), 1);
        const std::string front = text.substr(0, good);
        size_t given = 0;
        const auto source = [&](std::span<char> buffer) -> Result<size_t> {
            if (given == front.size()) return fail("the disk does not answer; replace it", 5);
            buffer[0] = front[given++];
            return 1;
        };
        const auto done = read_json(source, [](const Record&) -> Result<void> { return {}; });
        ASSERT_FALSE(done) << good;
        EXPECT_EQ(done.error().message, "the disk does not answer; replace it");
        EXPECT_EQ(done.error().code, 5);
    }
}

TEST(JsonReader, a_handler_that_refuses_ends_it_with_the_place_of_the_record) {
    const std::string second = R"({"db":1,"key":"a","type":"string","value":"b"})";
    const std::string text = document(std::string(kPlain) + ",\n  " + second + ",\n" + second);
    size_t calls = 0;
    const auto handler = [&calls](const Record& record) -> Result<void> {
        ++calls;
        if (record.database == 1) return fail("no memory is left; raise maxmemory", 12);
        return {};
    };
    const auto done = read_json(source_of(text, 3), handler);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message,
              at(3, kFirst + kPlain.size() + 4) + "no memory is left; raise maxmemory");
    EXPECT_EQ(done.error().code, 12);
    EXPECT_EQ(calls, 2U);
}

// A record is not held back until more is read.
TEST(JsonReader, a_record_is_given_at_its_last_bracket) {
    const std::string text = document(kPlain);
    const size_t bracket = kFirst + kPlain.size();
    size_t given = 0;
    size_t given_at_call = 0;
    const auto source = [&](std::span<char> buffer) -> Result<size_t> {
        if (given == text.size()) return 0;
        buffer[0] = text[given++];
        return 1;
    };
    const auto handler = [&](const Record&) -> Result<void> {
        given_at_call = given;
        return {};
    };
    EXPECT_TRUE(read_json(source, handler));
    EXPECT_EQ(given_at_call, bracket);
}

// Whatever a byte of a document becomes, the reader ends with data or with an error.
TEST(JsonReader, damage_is_no_more_than_an_error) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    const std::string text = written(random_records(random, 5));
    for (int round = 0; round < 20'000; ++round) {
        std::string damaged = text;
        for (uint64_t count = 1 + random.below(3); count > 0; --count) {
            damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
        }
        const Outcome outcome = read(damaged, 1 + random.below(100));
        if (outcome.error.empty()) {
            ASSERT_EQ(read(written(outcome.records)), outcome);
        } else {
            ASSERT_TRUE(outcome.error.starts_with("JSON, line ")) << outcome.error;
        }
    }
}

}  // namespace
}  // namespace gyre::snapshot
