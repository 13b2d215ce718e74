// SPDX-License-Identifier: BSD-3-Clause

// The command line.

#include "cli/options.h"

#include <gtest/gtest.h>

#include <map>

namespace gyre::cli {
namespace {

using Words = std::vector<std::string>;

Result<Options> parse(std::vector<std::string_view> arguments,
                      std::map<std::string, const char*> variables = {}) {
    return parse_options(arguments, [&](const char* name) {
        const auto found = variables.find(name);
        return found == variables.end() ? nullptr : found->second;
    });
}

std::string refusal(std::vector<std::string_view> arguments) {
    const auto options = parse(std::move(arguments));
    return options ? "" : options.error().message;
}

TEST(Options, OptionsEndWhereTheCommandBegins) {
    const auto options = parse({"-h", "box", "-p", "7000", "-n", "2", "set", "-x", "--raw"});
    ASSERT_TRUE(options);
    EXPECT_EQ(options->address.to_string(), "box:7000");
    EXPECT_EQ(options->address.database, 2);
    EXPECT_EQ(options->words, (Words{"set", "-x", "--raw"}));
    EXPECT_FALSE(options->format);
    EXPECT_EQ(parse({"--", "-p"})->words, (Words{"-p"}));
}

TEST(Options, PasswordsComeFromManyPlaces) {
    EXPECT_EQ(parse({}, {{"REDISCLI_AUTH", "r"}})->address.password, "r");
    EXPECT_EQ(parse({}, {{"REDISCLI_AUTH", "r"}, {"GYRE_AUTH", "g"}})->address.password, "g");
    const auto given = parse({"-a", "x", "--user", "ann"}, {{"GYRE_AUTH", "g"}});
    EXPECT_EQ(given->address.password, "x");
    EXPECT_EQ(given->address.username, "ann");
    EXPECT_TRUE(given->has_visible_password);
    EXPECT_FALSE(parse({}, {{"GYRE_AUTH", "g"}})->has_visible_password);
    EXPECT_TRUE(parse({"-u", "redis://:pw@h"})->has_visible_password);
}

TEST(Options, FormatsAndTasks) {
    EXPECT_EQ(parse({"--json"})->format, Format::json);
    EXPECT_EQ(parse({"--no-raw"})->format, Format::standard);
    EXPECT_EQ(parse({"--bigkeys"})->task, Task::bigkeys);
    EXPECT_EQ(parse({"-h"})->task, Task::show_help);
    EXPECT_EQ(parse({"-r", "-1", "-i", "0.5", "ping"})->repeat, -1);
    EXPECT_TRUE(parse({"-r", "1"})->has_repeat);
    EXPECT_FALSE(parse({})->has_repeat);
    EXPECT_TRUE(parse({"--ttl", "get", "a"})->shows_ttl);
    EXPECT_EQ(parse({"--watch"})->task, Task::watch);
    EXPECT_EQ(parse({"-i", "0.5"})->interval_s, 0.5);
    EXPECT_EQ(parse({"--quoted-input", "get", "\"a\\x00\""})->words[1], std::string("a\0", 2));
    EXPECT_EQ(parse({"--quoted-pattern", "\"a b*\""})->pattern, "a b*");
}

TEST(Options, SayWhatIsWrong) {
    EXPECT_NE(refusal({"--bogus"}).find("--bogus"), std::string::npos);
    EXPECT_NE(refusal({"-p"}).find("needs a value"), std::string::npos);
    EXPECT_NE(refusal({"-p", "x"}).find("port"), std::string::npos);
    EXPECT_NE(refusal({"-r", "x"}).find("-r"), std::string::npos);
    EXPECT_NE(refusal({"-i", "-1"}).find("-i"), std::string::npos);
    EXPECT_NE(refusal({"--tls"}).find("TLS"), std::string::npos);
    EXPECT_NE(refusal({"-x"}).find("need a command"), std::string::npos);
    EXPECT_NE(refusal({"-f", "x", "get", "a"}).find("exclude"), std::string::npos);
    EXPECT_NE(refusal({"-x", "-X", "t", "get"}).find("one of them"), std::string::npos);
    EXPECT_NE(refusal({"--watch", "--csv"}).find("draws for people"), std::string::npos);
    EXPECT_NE(refusal({"--watch", "get", "a"}).find("no command"), std::string::npos);
    EXPECT_NE(refusal({"--quoted-input", "\"a"}).find("in quotes"), std::string::npos);
}

TEST(Options, HelpNamesEachOption) {
    const std::string text = help_text();
    for (const char* name : {"-h <host>", "-u <url>", "--askpass", "--pipe", "--memkeys"}) {
        EXPECT_NE(text.find(name), std::string::npos) << name;
    }
}

}  // namespace
}  // namespace gyre::cli
