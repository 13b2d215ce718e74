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
    EXPECT_NE(refusal({"-x"}).find("need a command"), std::string::npos);
    EXPECT_NE(refusal({"-f", "x", "get", "a"}).find("exclude"), std::string::npos);
    EXPECT_NE(refusal({"-x", "-X", "t", "get"}).find("one of them"), std::string::npos);
    EXPECT_NE(refusal({"--watch", "--csv"}).find("draws for people"), std::string::npos);
    EXPECT_NE(refusal({"--watch", "get", "a"}).find("no command"), std::string::npos);
    EXPECT_NE(refusal({"--quoted-input", "\"a"}).find("in quotes"), std::string::npos);
}

TEST(Options, FilesOfDataSayTheirFormat) {
    const auto json = parse({"--dump", "a.JSON"});
    ASSERT_TRUE(json) << json.error().message;
    EXPECT_EQ(json->task, Task::dump);
    EXPECT_EQ(json->data_file, "a.JSON");
    EXPECT_EQ(json->file_format, FileFormat::json);
    EXPECT_FALSE(json->address.names_database);
    EXPECT_EQ(parse({"--dump", "a.rdb", "--format", "json"})->file_format, FileFormat::json);
    EXPECT_EQ(parse({"--rdb", "-"})->file_format, FileFormat::rdb);
    EXPECT_TRUE(parse({"-n", "0", "--dump", "a.rdb"})->address.names_database);
    EXPECT_TRUE(parse({"-u", "redis://h/0", "--dump", "a.rdb"})->address.names_database);
    EXPECT_FALSE(parse({"-u", "redis://h", "--dump", "a.rdb"})->address.names_database);
    const auto load = parse({"--load", "a", "--replace"});
    ASSERT_TRUE(load) << load.error().message;
    EXPECT_EQ(load->task, Task::load);
    EXPECT_TRUE(load->replaces_keys);
    EXPECT_FALSE(load->file_format);
}

TEST(Options, FilesOfDataAreRefusedWhereTheyMeanNothing) {
    EXPECT_NE(refusal({"--dump", "a"}).find("--format"), std::string::npos);
    EXPECT_NE(refusal({"--dump", "-"}).find("--format"), std::string::npos);
    EXPECT_NE(refusal({"--dump", "a", "--format", "xml"}).find("xml"), std::string::npos);
    EXPECT_NE(refusal({"--load", "a", "--format", "rdb"}).find("first bytes"), std::string::npos);
    EXPECT_NE(refusal({"--format", "rdb", "get", "a"}).find("--dump"), std::string::npos);
    EXPECT_NE(refusal({"--dump", "a.rdb", "--replace"}).find("--load"), std::string::npos);
    EXPECT_NE(refusal({"--dump", "a.rdb", "--load", "b"}).find("once"), std::string::npos);
    EXPECT_NE(refusal({"--dump", "a.rdb", "--scan"}).find("one task"), std::string::npos);
    EXPECT_NE(refusal({"--load", "a", "get", "b"}).find("'get'"), std::string::npos);
    EXPECT_NE(refusal({"--load", "a", "-c"}).find("-c"), std::string::npos);
    EXPECT_NE(refusal({"--load", "a", "--pattern", "x*"}).find("--pattern"), std::string::npos);
    EXPECT_NE(refusal({"--load", ""}).find("empty"), std::string::npos);
}

TEST(Options, TlsIsAskedForByOptionOrUrl) {
    EXPECT_FALSE(parse({"ping"})->address.uses_tls);
    const auto all = parse({"--tls", "--cacert", "ca", "--cacertdir", "dir", "--cert", "c", "--key",
                            "k", "--sni", "box", "--insecure"});
    ASSERT_TRUE(all) << all.error().message;
    EXPECT_TRUE(all->address.uses_tls);
    const TlsOptions& tls = all->address.tls;
    EXPECT_EQ(tls.ca_file + tls.ca_directory + tls.certificate_file + tls.key_file, "cadirck");
    EXPECT_EQ(tls.server_name, "box");
    EXPECT_FALSE(tls.verifies);
    EXPECT_TRUE(parse({"-u", "rediss://h"})->address.uses_tls);
    EXPECT_TRUE(parse({"-u", "rediss://h"})->address.tls.verifies);
    EXPECT_TRUE(parse({"--tls", "-u", "redis://h"})->address.uses_tls);
    EXPECT_TRUE(parse({"-u", "rediss://h", "--cacert", "ca"}));
}

TEST(Options, TlsOptionsWithoutTlsAreRefused) {
    EXPECT_NE(refusal({"--cacert", "ca"}).find("--tls"), std::string::npos);
    EXPECT_NE(refusal({"--insecure"}).find("--tls"), std::string::npos);
    EXPECT_NE(refusal({"--sni", "h", "-u", "redis://h"}).find("--tls"), std::string::npos);
    EXPECT_NE(refusal({"--tls", "--cert", "c"}).find("both"), std::string::npos);
    EXPECT_NE(refusal({"--tls", "-s", "/socket"}).find("Unix"), std::string::npos);
}

TEST(Options, HelpNamesEachOption) {
    const std::string text = help_text();
    for (const char* name : {"-h <host>", "-u <url>", "--askpass", "--pipe", "--memkeys",
                             "--dump <file>", "--load <file>"}) {
        EXPECT_NE(text.find(name), std::string::npos) << name;
    }
}

}  // namespace
}  // namespace gyre::cli
