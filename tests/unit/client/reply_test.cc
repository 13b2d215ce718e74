// SPDX-License-Identifier: BSD-3-Clause

// Printing, comparing and searching replies. The printed forms are those of redis-cli.

#include "gyre/reply.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace gyre {
namespace {

using namespace std::string_literals;

Reply text(ReplyType type, std::string bytes) {
    Reply reply;
    reply.type = type;
    reply.text = std::move(bytes);
    return reply;
}
Reply bulk(std::string bytes) { return text(ReplyType::bulk, std::move(bytes)); }

Reply number(ReplyType type, int64_t value) {
    Reply reply;
    reply.type = type;
    reply.integer = value;
    return reply;
}

Reply aggregate(ReplyType type, std::vector<Reply> elements) {
    Reply reply;
    reply.type = type;
    reply.elements = std::move(elements);
    return reply;
}

TEST(Reply, PrintsScalars) {
    EXPECT_EQ(text(ReplyType::status, "OK").to_string(), "OK");
    EXPECT_EQ(text(ReplyType::error, "ERR no").to_string(), "(error) ERR no");
    EXPECT_EQ(number(ReplyType::integer, -5).to_string(), "(integer) -5");
    EXPECT_EQ(Reply().to_string(), "(nil)");
    EXPECT_EQ(number(ReplyType::boolean, 1).to_string(), "(true)");
    EXPECT_EQ(number(ReplyType::boolean, 0).to_string(), "(false)");
    EXPECT_EQ(text(ReplyType::real, "3.10").to_string(), "(double) 3.10");
    EXPECT_EQ(text(ReplyType::verbatim, "a\nb").to_string(), "a\nb");
    EXPECT_EQ(text(ReplyType::big_number, "123").to_string(), "123");
    EXPECT_EQ(bulk("a \"b\"\\ \n\r\t\a\b \0\x7f\xff."s).to_string(),
              R"("a \"b\"\\ \n\r\t\a\b \x00\x7f\xff.")");
}

TEST(Reply, PrintsEmptyAggregates) {
    EXPECT_EQ(aggregate(ReplyType::array, {}).to_string(), "(empty array)");
    EXPECT_EQ(aggregate(ReplyType::map, {}).to_string(), "(empty hash)");
    EXPECT_EQ(aggregate(ReplyType::set, {}).to_string(), "(empty set)");
    EXPECT_EQ(aggregate(ReplyType::push, {}).to_string(), "(empty push)");
}

TEST(Reply, PrintsNestedAggregatesIndented) {
    const Reply inner = aggregate(ReplyType::array, {bulk("x"), bulk("y")});
    EXPECT_EQ(
        aggregate(ReplyType::array, {bulk("a"), inner, number(ReplyType::integer, 1)}).to_string(),
        "1) \"a\"\n2) 1) \"x\"\n   2) \"y\"\n3) (integer) 1");
    EXPECT_EQ(aggregate(ReplyType::set, {bulk("a"), bulk("b")}).to_string(), "1~ \"a\"\n2~ \"b\"");
    EXPECT_EQ(aggregate(ReplyType::map, {bulk("a"), inner, bulk("b"), Reply()}).to_string(),
              "1# \"a\" => \n   1) \"x\"\n   2) \"y\"\n2# \"b\" => (nil)");
    const Reply single = aggregate(ReplyType::map, {bulk("a"), bulk("1")});
    EXPECT_EQ(aggregate(ReplyType::map, {bulk("k"), single}).to_string(),
              "1# \"k\" => 1# \"a\" => \"1\"");
}

// As redis-cli does: what takes more than one line begins on its own, however deep the second line
// comes from.
TEST(Reply, PrintsAValueOfSeveralLinesBelowItsName) {
    const Reply pair = aggregate(ReplyType::array, {bulk("x"), bulk("y")});
    const Reply nest = aggregate(ReplyType::array, {aggregate(ReplyType::array, {pair})});
    EXPECT_EQ(aggregate(ReplyType::map, {bulk("k"), nest}).to_string(),
              "1# \"k\" => \n   1) 1) 1) \"x\"\n         2) \"y\"");
    const Reply lone = aggregate(ReplyType::array, {aggregate(ReplyType::array, {bulk("x")})});
    EXPECT_EQ(aggregate(ReplyType::map, {bulk("k"), lone}).to_string(), "1# \"k\" => 1) 1) \"x\"");
    const Reply map = aggregate(ReplyType::map, {bulk("m"), pair});
    EXPECT_EQ(aggregate(ReplyType::map, {bulk("k"), map}).to_string(),
              "1# \"k\" => \n   1# \"m\" => \n      1) \"x\"\n      2) \"y\"");
}

TEST(Reply, AlignsTheNumbersOfManyElements) {
    const std::string printed =
        aggregate(ReplyType::array, std::vector<Reply>(10, bulk("a"))).to_string();
    EXPECT_TRUE(printed.starts_with(" 1) \"a\"\n 2) \"a\"\n")) << printed;
    EXPECT_TRUE(printed.ends_with("\n10) \"a\"")) << printed;
}

TEST(Reply, ComparesAllOfAReply) {
    EXPECT_EQ(bulk("a"), bulk("a"));
    EXPECT_NE(bulk("a"), bulk("b"));
    EXPECT_NE(bulk("a"), text(ReplyType::status, "a"));
    EXPECT_NE(number(ReplyType::integer, 1), number(ReplyType::integer, 2));
    EXPECT_NE(aggregate(ReplyType::array, {bulk("a")}), aggregate(ReplyType::array, {bulk("b")}));
    Reply with_attribute = bulk("a");
    with_attribute.attributes = {bulk("k"), bulk("v")};
    EXPECT_NE(with_attribute, bulk("a"));
    Reply not_a_number = text(ReplyType::real, "nan");
    not_a_number.real = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(not_a_number, Reply(not_a_number));
}

TEST(Reply, FindsValuesByKey) {
    const std::vector<Reply> pairs = {bulk("a"), bulk("1"), bulk("b"), bulk("2")};
    for (const ReplyType type : {ReplyType::map, ReplyType::array}) {
        const Reply reply = aggregate(type, pairs);
        ASSERT_NE(reply.find("b"), nullptr);
        EXPECT_EQ(reply.find("b")->text, "2");
        EXPECT_EQ(reply.find("1"), nullptr) << "a value is no key";
    }
    EXPECT_EQ(bulk("a").find("a"), nullptr);
}

TEST(Reply, TellsTheCodeOfAnError) {
    EXPECT_EQ(text(ReplyType::error, "WRONGTYPE Operation").error_code(), "WRONGTYPE");
    EXPECT_EQ(text(ReplyType::error, "ERR").error_code(), "ERR");
    EXPECT_EQ(bulk("ERR x").error_code(), "");
    EXPECT_TRUE(text(ReplyType::status, "OK").is_ok());
    EXPECT_FALSE(bulk("OK").is_ok());
}

TEST(Reply, NamesEveryType) {
    EXPECT_EQ(reply_type_name(ReplyType::status), "status");
    EXPECT_EQ(reply_type_name(ReplyType::real), "double");
    EXPECT_EQ(reply_type_name(ReplyType::verbatim), "verbatim");
}

}  // namespace
}  // namespace gyre
