// SPDX-License-Identifier: BSD-3-Clause

// Goal: a table comes back from its document as it was; a document that is cut off, foreign or
// changed by hand is refused with a place, and never half read.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "commands/alias_document.h"

namespace gyre::commands {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

AliasTable sample() {
    AliasTable table;
    EXPECT_TRUE(table.put({"user", {"hgetall", "user:$1"}}).has_value());
    EXPECT_TRUE(table.put({"odd", {"set", "a \"quoted\"\n\tkey \x01", "", "größe"}}).has_value());
    EXPECT_TRUE(table.put({"who", {"user", "$1"}}).has_value());
    return table;
}

/// The document as docs/formats/aliases.md shows it.
constexpr std::string_view kGolden =
    R"({"format":"gyre-aliases","version":1,"aliases":[
{"name":"odd","words":["set","a \"quoted\"\n\tkey \u0001","","größe"]},
{"name":"user","words":["hgetall","user:$1"]},
{"name":"who","words":["user","$1"]}
]}
)";

std::string error_of(std::string_view text) {
    const auto table = read_aliases(text);
    return table ? "none" : table.error().message;
}

TEST(AliasDocument, TheTableComesBack) {
    EXPECT_EQ(write_aliases(sample()), kGolden);
    const auto table = read_aliases(kGolden);
    ASSERT_TRUE(table.has_value()) << table.error().message;
    EXPECT_EQ(table->size(), 3U);
    EXPECT_EQ(table->find("ODD")->words[1], "a \"quoted\"\n\tkey \x01");
    EXPECT_EQ(write_aliases(*table), kGolden);
    EXPECT_EQ(write_aliases({}), "{\"format\":\"gyre-aliases\",\"version\":1,\"aliases\":[\n]}\n");
    EXPECT_EQ(read_aliases(write_aliases({}))->size(), 0U);
}

TEST(AliasDocument, ADocumentCutOffAtAnyByteIsRefused) {
    // All but the line break at its end matters.
    for (size_t bytes = 0; bytes + 1 < kGolden.size(); ++bytes) {
        const auto table = read_aliases(kGolden.substr(0, bytes));
        ASSERT_FALSE(table.has_value()) << bytes;
        ASSERT_THAT(table.error().message, StartsWith("JSON, line ")) << bytes;
    }
}

TEST(AliasDocument, NoChangedByteIsHarmful) {
    for (size_t at = 0; at < kGolden.size(); ++at) {
        for (const char byte : {'\0', '"', '}', ']', ',', '9', '\x80', '$', '@'}) {
            std::string text(kGolden);
            text[at] = byte;
            const auto table = read_aliases(text);
            if (table) {
                EXPECT_LE(table->size(), 3U);
            } else {
                EXPECT_THAT(table.error().message, StartsWith("JSON, line "));
            }
        }
    }
}

TEST(AliasDocument, ForeignDocumentsAreNamedAsSuch) {
    EXPECT_THAT(error_of("[]"), HasSubstr("an array where an object must stand"));
    EXPECT_THAT(error_of(R"({"format":"gyre-json","version":1,"keys":[]})"),
                HasSubstr("this is another kind of file"));
    EXPECT_THAT(error_of(R"({"version":1})"), HasSubstr("the member \"format\" must stand here"));
    EXPECT_THAT(error_of(R"({"format":"gyre-aliases","version":2,"aliases":[]})"),
                HasSubstr("another version of the format"));
    EXPECT_THAT(error_of(R"({"format":"gyre-aliases","version":1})"),
                HasSubstr("the member \"aliases\" must stand here"));
    EXPECT_THAT(error_of(R"({"format":"gyre-aliases","version":1,"aliases":[],"more":1})"),
                HasSubstr("where the end of an object must stand"));
    EXPECT_THAT(error_of("REDIS0011"), StartsWith("JSON, line 1"));
}

TEST(AliasDocument, AnAliasThatCannotBeIsAnErrorWithItsPlace) {
    const auto with = [](std::string_view aliases) {
        return error_of("{\"format\":\"gyre-aliases\",\"version\":1,\"aliases\":[\n" +
                        std::string(aliases) + "]}");
    };
    EXPECT_EQ(with(R"({"name":"a","words":["get"]})"), "none");
    EXPECT_EQ(with(R"({"words":["get"],"name":"a"})"), "none");
    EXPECT_THAT(with(R"({"name":"a"})"), HasSubstr("a \"name\" and \"words\""));
    EXPECT_THAT(with(R"({"name":"","words":[]})"), HasSubstr("a string that is not empty"));
    EXPECT_THAT(with(R"({"name":"a","words":[]})"), HasSubstr("1 to 64 words"));
    EXPECT_THAT(with(R"({"name":"a","words":[1]})"), HasSubstr("words of an alias are strings"));
    EXPECT_THAT(with(R"({"name":"a","words":["b"],"words":["c"]})"), HasSubstr("stands twice"));
    EXPECT_THAT(with(R"({"name":"a","text":"b"})"), HasSubstr("and nothing else"));
    EXPECT_THAT(with(R"({"name":"a b","words":["get"]})"),
                StartsWith("JSON, line 2, byte 49: 'a b' cannot be an alias"));
    EXPECT_THAT(with("{\"name\":\"a\",\"words\":[\"get\"]},\n{\"name\":\"A\",\"words\":[\"x\"]}"),
                StartsWith("JSON, line 3"));
    EXPECT_THAT(with("{\"name\":\"a\",\"words\":[\"b\"]},{\"name\":\"b\",\"words\":[\"a\"]}"),
                HasSubstr("would lead in a circle"));
}

}  // namespace
}  // namespace gyre::commands
