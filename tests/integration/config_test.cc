// SPDX-License-Identifier: BSD-3-Clause

// Goal: configuration: the file's syntax, the command line, CONFIG GET, SET, REWRITE, RESETSTAT,
// and errors that name file, line and remedy. A stock redis.conf starts the server.

#include <filesystem>
#include <fstream>
#include <iterator>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

constexpr const char* kStockConfiguration = "/etc/redis/redis.conf";

class ConfigTest : public ServerTest {
protected:
    static std::string read_file(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }

    /// Starts with the configuration and expects the start to fail; the log.
    std::string refused(const std::string& text, const std::vector<std::string>& arguments = {}) {
        ServerProcess process(
            ServerOptions{.threads = GetParam(), .arguments = arguments, .config_text = text});
        EXPECT_FALSE(process.is_ready()) << text;
        EXPECT_EQ(process.wait_exit(std::chrono::milliseconds{5000}).value_or(0), 1) << text;
        return process.log();
    }
};

TEST_P(ConfigTest, GetTakesNamesAndPatterns) {
    start({"--maxmemory", "100mb", "--timeout", "77"});
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "GET", "maxmemory"), "[maxmemory 104857600]");
    EXPECT_EQ(s.ask("CONFIG", "GET", "TimeOut"), "[TimeOut 77]");
    EXPECT_EQ(s.ask("CONFIG", "GET", "nosuch"), "[]");
    EXPECT_EQ(s.reply("CONFIG", "GET", "maxmemory", "timeout").elements.size(), 4U);
    EXPECT_GE(s.reply("CONFIG", "GET", "maxmemory*").elements.size(), 6U);
    EXPECT_GE(s.reply("CONFIG", "GET", "*").elements.size(), 60U);
    EXPECT_EQ(s.ask("CONFIG", "GET", "save"), "[save ]");
    EXPECT_EQ(s.ask("CONFIG", "GET", "appendonly"), "[appendonly no]");
    EXPECT_EQ(session(3).reply("CONFIG", "GET", "timeout").type, ReplyType::map);
}

TEST_P(ConfigTest, DefaultsAreThoseOfRedis) {
    start();
    Session s = session();
    const std::vector<std::pair<std::string, std::string>> table{
        {"bind", "127.0.0.1 -::1"},
        {"protected-mode", "yes"},
        {"maxclients", "10000"},
        {"timeout", "0"},
        {"tcp-keepalive", "300"},
        {"tcp-backlog", "511"},
        {"databases", "16"},
        {"maxmemory", "0"},
        {"maxmemory-policy", "noeviction"},
        {"maxmemory-samples", "5"},
        {"lfu-log-factor", "10"},
        {"lfu-decay-time", "1"},
        {"proto-max-bulk-len", "536870912"},
        {"requirepass", ""},
        {"client-query-buffer-limit", "1073741824"},
        {"slowlog-log-slower-than", "10000"},
        {"slowlog-max-len", "128"},
        {"latency-monitor-threshold", "0"},
        {"client-output-buffer-limit",
         "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"}};
    for (const auto& [name, value] : table) {
        // bind of the oracle is shown as written; Debian's build has the same default.
        if (is_oracle() && name == "bind") continue;
        EXPECT_EQ(s.ask("CONFIG", "GET", name), "[" + name + " " + value + "]");
    }
}

TEST_P(ConfigTest, SetIsAllOrNothing) {
    start();
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "SET", "timeout", "100", "maxmemory", "1gb"), "OK");
    EXPECT_EQ(s.ask("CONFIG", "GET", "maxmemory"), "[maxmemory 1073741824]");
    EXPECT_TRUE(s.reply("CONFIG", "SET", "timeout", "200", "maxmemory", "bad").is_error());
    EXPECT_EQ(s.ask("CONFIG", "GET", "timeout"), "[timeout 100]");
    EXPECT_EQ(s.ask("CONFIG", "SET", "nosuch", "1"),
              "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'");
    EXPECT_EQ(
        s.ask("CONFIG", "SET", "databases", "3"),
        "-ERR CONFIG SET failed (possibly related to argument 'databases') - can't set immutable "
        "config");
    EXPECT_EQ(
        s.ask("CONFIG", "SET", "timeout", "1", "timeout", "2"),
        "-ERR CONFIG SET failed (possibly related to argument 'timeout') - duplicate parameter");
    const std::string refusal =
        "-ERR CONFIG SET failed (possibly related to argument 'maxmemory-policy')";
    EXPECT_EQ(s.ask("CONFIG", "SET", "maxmemory-policy", "bad").substr(0, refusal.size()), refusal);
}

TEST_P(ConfigTest, FileSyntaxWithCommentsQuotesUnitsAndInclude) {
    const std::string directory = make_temporary_directory();
    std::ofstream(directory + "/more.conf") << "slowlog-max-len 55\n";
    start({},
          "# comment\n\n  timeout   33  \nmaxmemory 2mb\nrequirepass \"a b\\x21\"\n"
          "MaxMemory-Samples 7\ninclude " +
              directory +
              "/more.conf\n"
              "client-output-buffer-limit normal 1mb 512kb 10\n");
    Session s(server(), {.password = "a b!"});
    EXPECT_EQ(s.ask("CONFIG", "GET", "timeout"), "[timeout 33]");
    EXPECT_EQ(s.ask("CONFIG", "GET", "maxmemory"), "[maxmemory 2097152]");
    EXPECT_EQ(s.ask("CONFIG", "GET", "maxmemory-samples"), "[maxmemory-samples 7]");
    EXPECT_EQ(s.ask("CONFIG", "GET", "slowlog-max-len"), "[slowlog-max-len 55]");
    EXPECT_NE(s.ask("CONFIG", "GET", "client-output-buffer-limit").find("normal 1048576 524288 10"),
              std::string::npos);
    std::filesystem::remove_all(directory);
}

TEST_P(ConfigTest, TheCommandLineBeatsTheFile) {
    start({"--timeout", "44"}, "timeout 33\n");
    EXPECT_EQ(session().ask("CONFIG", "GET", "timeout"), "[timeout 44]");
}

TEST_P(ConfigTest, ErrorsNameFileLineAndRemedy) {
    const std::string unknown = refused("timeout 1\nno-such-directive yes\n");
    EXPECT_NE(unknown.find("no-such-directive"), std::string::npos) << unknown;
    EXPECT_NE(unknown.find("2"), std::string::npos) << unknown;
    if (!is_oracle()) {
        EXPECT_NE(unknown.find("server.conf"), std::string::npos) << unknown;
    }
    for (const char* bad :
         {"timeout x\n", "timeout -1\n", "maxmemory 1zb\n", "maxmemory-policy x\n",
          "protected-mode maybe\n", "port 99999\n", "timeout\n", "timeout 1 2\n",
          "requirepass \"open\n", "include /no/such/file.conf\n"}) {
        const std::string log = refused(bad);
        EXPECT_FALSE(log.empty()) << bad;
    }
}

TEST_P(ConfigTest, AStockConfigurationStarts) {
    if (!std::filesystem::exists(kStockConfiguration)) GTEST_SKIP() << "no " << kStockConfiguration;
    const std::string directory = make_temporary_directory();
    start({"--daemonize", "no", "--pidfile", directory + "/server.pid", "--logfile", "",
           "--supervised", "no"},
          read_file(kStockConfiguration));
    Session s = session();
    EXPECT_EQ(s.ask("SET", "a", "b"), "OK");
    EXPECT_EQ(s.ask("CONFIG", "GET", "hz"), "[hz 10]");
    EXPECT_EQ(s.ask("CONFIG", "GET", "activerehashing"), "[activerehashing yes]");
    EXPECT_EQ(server().stop(), 0);
    std::filesystem::remove_all(directory);
}

TEST_P(ConfigTest, RewriteKeepsTheFileAndItsComments) {
    start({}, "# a comment of mine\ntimeout 33\nmaxmemory 1mb\n");
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "SET", "timeout", "55", "slowlog-max-len", "77"), "OK");
    EXPECT_EQ(s.ask("CONFIG", "REWRITE"), "OK");
    const std::string text = read_file(server().config_path());
    EXPECT_NE(text.find("# a comment of mine\n"), std::string::npos) << text;
    EXPECT_NE(text.find("timeout 55\n"), std::string::npos) << text;
    EXPECT_EQ(text.find("timeout 33"), std::string::npos) << text;
    EXPECT_NE(text.find("slowlog-max-len 77\n"), std::string::npos) << text;
    EXPECT_NE(text.find("maxmemory 1mb\n"), std::string::npos) << text;
}

TEST_P(ConfigTest, AStartWithALogFileInNoDirectoryFails) {
    const std::string directory = make_temporary_directory();
    const std::string log = refused("timeout 0\n", {"--logfile", directory + "/no/such/file"});
    EXPECT_NE(log.find("Can't open the log file"), std::string::npos) << log;
    EXPECT_FALSE(std::filesystem::exists(directory + "/no"));
    std::filesystem::remove_all(directory);
}

TEST_P(ConfigTest, RewriteWithoutAFileIsAnError) {
    start();
    EXPECT_EQ(session().ask("CONFIG", "REWRITE"),
              "-ERR The server is running without a config file");
}

TEST_P(ConfigTest, ResetstatClearsTheCounters) {
    start();
    Session s = session();
    s.ask("GET", "missing");
    EXPECT_EQ(s.info_number("stats", "keyspace_misses"), 1);
    EXPECT_EQ(s.ask("CONFIG", "RESETSTAT"), "OK");
    EXPECT_EQ(s.info_number("stats", "keyspace_misses"), 0);
}

GYRE_INSTANTIATE(ConfigTest);

}  // namespace
}  // namespace gyre::test
