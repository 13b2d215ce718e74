// SPDX-License-Identifier: BSD-3-Clause

// Goal: the notation of the rows is understood, in every row of the table too, and keys stand where
// the key specifications say.

#include <gtest/gtest.h>

#include <string>

#include "commands/registry.h"
#include "commands/syntax.h"

namespace gyre::commands {
namespace {

/// "key:key#0 value:string? EX=seconds:integer": flags as '?', '+' and '*' (token repeated).
std::string text_of(const std::vector<SyntaxArgument>& arguments) {
    std::string text;
    for (const SyntaxArgument& argument : arguments) {
        if (!text.empty()) text += ' ';
        if (!argument.token.empty()) text += argument.token + "=";
        text += argument.name + ":" + std::string(type_name(argument.type));
        if (argument.key_spec) text += "#" + std::to_string(*argument.key_spec);
        if (!argument.arguments.empty()) text += "(" + text_of(argument.arguments) + ")";
        if (argument.is_optional) text += '?';
        if (argument.is_multiple) text += '+';
        if (argument.has_multiple_token) text += '*';
    }
    return text;
}

std::string parsed(std::string_view syntax, KeySpecs keys = no_keys(), std::string_view name = "x",
                   std::string_view parent = {}) {
    CommandSpec spec{.name = name, .parent = parent, .keys = keys, .syntax = syntax};
    const auto arguments = parse_syntax(spec);
    return arguments ? text_of(*arguments) : "(malformed)";
}

TEST(Syntax, WordsAndTokens) {
    EXPECT_EQ(parsed(""), "");
    EXPECT_EQ(parsed("message"), "message:string");
    EXPECT_EQ(parsed("NOW"), "NOW=now:pure-token");
    EXPECT_EQ(parsed("EX seconds"), "EX=seconds:integer");
    EXPECT_EQ(parsed("AUTH username password"),
              "AUTH=username_password:block(username:string password:string)");
    EXPECT_EQ(parsed("A B b"), "A=a:pure-token B=b:string");
    EXPECT_EQ(parsed("unix-time-seconds pattern float"),
              "unix-time-seconds:unix-time pattern:pattern float:double");
}

TEST(Syntax, TypesThatDependOnTheCommand) {
    EXPECT_EQ(parsed("increment"), "increment:integer");
    EXPECT_EQ(parsed("increment", no_keys(), "incrbyfloat"), "increment:double");
    EXPECT_EQ(parsed("value"), "value:string");
    EXPECT_EQ(parsed("value", no_keys(), "setbit"), "value:integer");
}

TEST(Syntax, OptionsAndChoices) {
    EXPECT_EQ(parsed("[ASYNC | SYNC]"),
              "async_sync:oneof(ASYNC=async:pure-token SYNC=sync:pure-token)?");
    EXPECT_EQ(parsed("[NX | XX] [EX seconds | PERSIST]"),
              "condition:oneof(NX=nx:pure-token XX=xx:pure-token)? "
              "expiration:oneof(EX=seconds:integer PERSIST=persist:pure-token)?");
    EXPECT_EQ(parsed("<ON | OFF>"), "on_off:oneof(ON=on:pure-token OFF=off:pure-token)");
    EXPECT_EQ(parsed("SKIPME <YES | NO>"),
              "SKIPME=yes_no:oneof(YES=yes:pure-token NO=no:pure-token)");
    EXPECT_EQ(parsed("[start end [BYTE | BIT]]"),
              "start_end:block(start:integer end:integer "
              "byte_bit:oneof(BYTE=byte:pure-token BIT=bit:pure-token)?)?");
}

TEST(Syntax, Repetition) {
    EXPECT_EQ(parsed("word [word ...]"), "word:string+");
    EXPECT_EQ(parsed("[event [event ...]]"), "event:string?+");
    EXPECT_EQ(parsed("command [arg ...]"), "command:string arg:string?+");
    EXPECT_EQ(parsed("a b [a b ...]"), "a_b:block(a:string b:string)+");
    EXPECT_EQ(parsed("ID client-id [client-id ...]"), "ID=client-id:integer+");
    EXPECT_EQ(parsed("[GET pattern [GET pattern ...]]"), "GET=pattern:pattern?+*");
    EXPECT_EQ(parsed("[GET a | <SET b | ADD c> [GET a | <SET b | ADD c> ...]]"),
              "a_b_c:oneof(GET=a:string b_c:oneof(SET=b:string ADD=c:string))?+");
}

TEST(Syntax, KeysStandWhereTheSpecificationsSay) {
    EXPECT_EQ(parsed("key value", one_key(0)), "key:key#0 value:string");
    EXPECT_EQ(parsed("key value [key value ...]", keys_to_end(0, 1, 2)),
              "key_value:block(key:key#0 value:string)+");
    EXPECT_EQ(parsed("source destination", two_keys(0, 0)), "source:key#0 destination:key#1");
    EXPECT_EQ(parsed("numkeys key [key ...]", counted_keys(0, 1)), "numkeys:integer key:key#0+");
    EXPECT_EQ(parsed("key [SAMPLES count]", one_key(0, 2), "usage", "memory"),
              "key:key#0 SAMPLES=count:integer?");
    EXPECT_EQ(parsed("<AND | OR> destkey", one_key(0, 2)),
              "and_or:oneof(AND=and:pure-token OR=or:pure-token) destkey:key#0");
    // Behind an option the place is unknown.
    EXPECT_EQ(parsed("[db] key", one_key(0, 2)), "db:integer? key:string");
}

TEST(Syntax, MalformedTextIsRefused) {
    for (const std::string_view bad : {"[a", "a]", "<a | b", "a | b", "[]", "<>", "[a | ]", "...",
                                       "a ... b", "[a ... b]", "<a]", "[...]"}) {
        EXPECT_EQ(parsed(bad), "(malformed)") << bad;
    }
}

TEST(Syntax, EveryRowIsUnderstood) {
    for (const CommandSpec* row : rows()) {
        EXPECT_TRUE(parse_syntax(*row).has_value()) << full_name(*row) << ": " << row->syntax;
    }
}

/// The first key of each specification shows up in the tree.
TEST(Syntax, EveryKeySpecificationOfTheTableIsFound) {
    for (const CommandSpec* row : rows()) {
        const auto arguments = parse_syntax(*row);
        ASSERT_TRUE(arguments.has_value()) << full_name(*row);
        const std::string text = text_of(*arguments);
        for (size_t index = 0; index < row->keys.count; ++index) {
            // A shard's channel is found like a key, and is none.
            const KeySpec& keys = row->keys.items[index];
            if ((keys.flags & key_flag::not_key) != 0) continue;
            // What lies elsewhere and is found by what lies here is no argument (SORT BY).
            if (keys.find == KeySpec::Find::unknown && keys.position == nullptr) continue;
            EXPECT_NE(text.find(":key#" + std::to_string(index)), std::string::npos)
                << full_name(*row) << ": " << text;
        }
    }
}

}  // namespace
}  // namespace gyre::commands
