// SPDX-License-Identifier: BSD-3-Clause

// Goal: the configuration without a server: syntax, values of each kind, errors that say where and
// what to do, all or nothing, what reaches its target, and rewriting a file without losing a
// comment.

#include "server/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "base/log.h"
#include "commands/latency.h"
#include "commands/slowlog.h"
#include "server/config_file.h"
#include "server/config_table.h"
#include "server/process.h"

namespace gyre::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using Pairs = std::vector<std::pair<std::string, std::string>>;

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

class ConfigTest : public ::testing::Test {
protected:
    ConfigTest() {
        std::string pattern = ::testing::TempDir() + "gyre-config-XXXXXX";
        EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
        directory_ = pattern;
    }
    ~ConfigTest() override {
        base::set_level(base::Level::notice);
        std::error_code ignored;
        std::filesystem::remove_all(directory_, ignored);
    }

    std::string write(const std::string& name, const std::string& text) {
        const std::string path = directory_ + "/" + name;
        std::ofstream(path, std::ios::binary) << text;
        return path;
    }
    /// The error of loading `text`; empty: none.
    static std::string error_of(const std::string& text) {
        Config config;
        const auto loaded = config.load_text(text, "/etc/gyre.conf");
        return loaded ? "" : loaded.error().message;
    }
    static std::string error_of_options(std::vector<std::string_view> arguments) {
        Config config;
        const auto loaded = config.load(arguments);
        return loaded ? "" : loaded.error().message;
    }
    std::string get(std::string_view name) const {
        const std::string_view patterns[] = {name};
        const auto found = config_.get(patterns);
        return found.size() == 1 ? found[0].second : "(" + std::to_string(found.size()) + ")";
    }
    /// "" or the reply to a CONFIG SET.
    std::string set(std::vector<std::pair<std::string_view, std::string_view>> changes) {
        const auto done = config_.set(changes);
        return done ? "" : done.error().message;
    }
    std::string set_error(std::string_view name, std::string_view value) {
        const std::string error = set({{name, value}});
        const std::string prefix =
            "ERR CONFIG SET failed (possibly related to argument '" + std::string(name) + "') - ";
        return error.starts_with(prefix) ? error.substr(prefix.size()) : error;
    }
    void load(const std::string& text) {
        const auto loaded = config_.load_text(text, "test.conf");
        ASSERT_TRUE(loaded) << loaded.error().message;
    }
    void attach() {
        ConfigTargets targets;
        targets.dataset = &dataset_;
        targets.slowlog = &slowlog_;
        targets.latency = &latency_;
        targets.track_latency = [this](bool on) { tracks_latency_ = on; };
        targets.listen = [this](std::span<const std::string> hosts, int64_t port) -> Result<void> {
            if (!can_listen_) return fail("taken");
            listening_.clear();
            for (const std::string& host : hosts) listening_ += host + " ";
            listening_ += std::to_string(port);
            return {};
        };
        config_.attach(targets);
    }

    std::string directory_;
    Config config_;
    engine::Dataset dataset_{engine::DatasetOptions{}};
    commands::Slowlog slowlog_;
    commands::LatencyMonitor latency_;
    bool tracks_latency_ = true;
    bool can_listen_ = true;
    std::string listening_;  // what the listeners were asked for last
};

// --- the table
// ------------------------------------------------------------------------------------

TEST_F(ConfigTest, RowsAreCompleteAndNamesAreUnique) {
    std::vector<std::string_view> names;
    for (const ConfigRow& row : config_rows()) {
        names.push_back(row.name);
        if (!row.alias.empty()) names.push_back(row.alias);
        EXPECT_FALSE(row.summary.empty()) << row.name;
        if (row.role != ConfigRole::active) {
            EXPECT_EQ(row.to_settings, nullptr) << row.name;
            EXPECT_EQ(row.to_targets, nullptr) << row.name;
        }
    }
    for (const RefusedDirective& refused : refused_directives()) names.push_back(refused.name);
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST_F(ConfigTest, DefaultsOfSettingsAreThoseOfTheTable) {
    const ServerSettings plain;
    const ServerSettings& settings = config_.settings();
    EXPECT_EQ(settings.bind, plain.bind);
    EXPECT_EQ(settings.port, plain.port);
    EXPECT_EQ(settings.tcp_backlog, plain.tcp_backlog);
    EXPECT_EQ(settings.threads, plain.threads);
    EXPECT_EQ(settings.databases, plain.databases);
    EXPECT_EQ(settings.directory, plain.directory);
    EXPECT_EQ(settings.supervised, plain.supervised);
    EXPECT_EQ(settings.debug_access, plain.debug_access);
    EXPECT_EQ(settings.protected_mode, plain.protected_mode);
    EXPECT_EQ(settings.tcp_keepalive_seconds, plain.tcp_keepalive_seconds);
    EXPECT_EQ(settings.maxclients, plain.maxclients);
    EXPECT_EQ(settings.query_buffer_bytes_max, plain.query_buffer_bytes_max);
    EXPECT_EQ(settings.shutdown_timeout_seconds, plain.shutdown_timeout_seconds);
    EXPECT_EQ(settings.output_pubsub.hard_bytes, 32U * 1024 * 1024);
    EXPECT_EQ(settings.output_replica.soft_seconds, 60);
    const engine::Settings untouched;
    attach();
    EXPECT_EQ(dataset_.settings.samples, untouched.samples);
    EXPECT_EQ(dataset_.settings.lfu_log_factor, untouched.lfu_log_factor);
    EXPECT_EQ(dataset_.settings.lfu_decay_minutes, untouched.lfu_decay_minutes);
    EXPECT_EQ(dataset_.settings.proto_max_bulk_len, untouched.proto_max_bulk_len);
    EXPECT_EQ(slowlog_.threshold_us, commands::Slowlog().threshold_us);
    EXPECT_EQ(slowlog_.length_max, commands::Slowlog().length_max);
}

TEST_F(ConfigTest, EachThreadHasDescriptorsOfItsOwn) {
    ServerSettings settings;
    settings.threads = 1;
    const uint64_t with_one = reserved_descriptors(settings);
    settings.threads = 256;
    // A ring and an event descriptor.
    EXPECT_EQ(reserved_descriptors(settings), with_one + 255 * 2);
}

TEST_F(ConfigTest, TheDocumentationIsUpToDate) {
    const std::string path = std::string(GYRE_SOURCE_ROOT) + "/docs/configuration.md";
    if (std::getenv("GYRE_WRITE_DOCS") != nullptr) {
        std::ofstream(path, std::ios::binary) << configuration_document();
    }
    EXPECT_TRUE(read_file(path) == configuration_document())
        << path
        << " is stale: run this test with GYRE_WRITE_DOCS=1 in the environment, which writes it";
}

TEST_F(ConfigTest, TheSampleFileIsTheDefaultsAndLoadsUncommented) {
    std::istringstream sample(
        read_file(std::string(GYRE_SOURCE_ROOT) + "/docs/packaging/gyre.conf"));
    std::string text;
    std::vector<std::string> names;
    for (std::string line; std::getline(sample, line);) {
        // "#name value" is a directive, "# words" and "#####" are not.
        const bool is_directive = line.size() > 1 && line[0] == '#' && std::islower(line[1]) != 0;
        if (!is_directive || line.starts_with("#include")) continue;
        text += line.substr(1) + "\n";
        names.push_back(line.substr(1, line.find(' ') - 1));
    }
    for (const ConfigRow& row : active_config_rows()) {
        EXPECT_NE(std::find(names.begin(), names.end(), row.name), names.end())
            << row.name << " is missing";
    }
    const std::string_view everything[] = {"*"};
    const auto defaults = config_.get(everything);
    load(text);
    EXPECT_EQ(config_.get(everything), defaults);
    EXPECT_THAT(config_.notices(), IsEmpty());
}

TEST_F(ConfigTest, AStockConfigurationOfRedisLoads) {
    const std::string text = read_file("/etc/redis/redis.conf");
    if (text.empty()) GTEST_SKIP() << "no /etc/redis/redis.conf that may be read";
    load(text);
    EXPECT_EQ(get("save"), "3600 1 300 100 60 10000");
    EXPECT_THAT(
        config_.notices(),
        ElementsAre(HasSubstr("daemonize yes has no effect: the server stays in the foreground")));
}

// --- syntax
// ---------------------------------------------------------------------------------------

TEST_F(ConfigTest, SyntaxOfLines) {
    load(
        "# comment\r\n\n  \t \n  timeout\t 33  \r\nMaxMemory 2Mb\nrequirepass \"a b\\x21\\t\"\n"
        "pidfile 'it\\'s'\nlogfile \"\"\n   # another\nunixsocket /a#b");
    EXPECT_EQ(get("timeout"), "33");
    EXPECT_EQ(get("maxmemory"), "2097152");
    EXPECT_EQ(get("requirepass"), "a b!\t");
    EXPECT_EQ(config_.password(), "a b!\t");
    EXPECT_EQ(get("pidfile"), "it's");
    EXPECT_EQ(get("unixsocket"), "/a#b");
}

TEST_F(ConfigTest, LaterLinesWin) {
    load(
        "bind 1.2.3.4 ::1\ntimeout 1\ntimeout 2\nbind 127.0.0.1\n"
        "client-output-buffer-limit normal 1kb 2k 3\nclient-output-buffer-limit replica 4 5 6\n"
        "client-output-buffer-limit normal 7 8 9\n");
    EXPECT_EQ(get("timeout"), "2");
    EXPECT_THAT(config_.settings().bind, ElementsAre("127.0.0.1"));
    EXPECT_EQ(get("client-output-buffer-limit"),
              "normal 7 8 9 slave 4 5 6 pubsub 33554432 8388608 60");
    EXPECT_EQ(config_.settings().output_normal.load().hard_bytes, 7U);
    EXPECT_EQ(config_.settings().output_replica.load().soft_seconds, 6);
}

TEST_F(ConfigTest, SeveralWordsOrOneOfSeveral) {
    load("bind \"127.0.0.1  -::1\"\nlatency-tracking-info-percentiles 50 99.95 1e1\n");
    EXPECT_THAT(config_.settings().bind, ElementsAre("127.0.0.1", "-::1"));
    EXPECT_EQ(get("latency-tracking-info-percentiles"), "50 99.95 10");
    load("latency-tracking-info-percentiles \"\"\nbind \"\"\n");
    EXPECT_EQ(get("latency-tracking-info-percentiles"), "");
    EXPECT_THAT(config_.settings().bind, IsEmpty());
}

TEST_F(ConfigTest, ErrorsNamePlaceAndRemedy) {
    EXPECT_EQ(error_of("timeout 1\n\nmaxmemry 1gb\n"),
              "/etc/gyre.conf:3: 'maxmemry 1gb': unknown directive \"maxmemry\". Did you mean "
              "\"maxmemory\"? Remove the line or correct the name.");
    EXPECT_EQ(
        error_of("qwertyuiop 1"),
        "/etc/gyre.conf:1: 'qwertyuiop 1': unknown directive \"qwertyuiop\". Remove the line or "
        "correct the name.");
    EXPECT_EQ(
        error_of("timeout x"),
        "/etc/gyre.conf:1: 'timeout x': argument couldn't be parsed into an integer. Correct the "
        "value, or remove the line for the default: timeout 0");
    EXPECT_THAT(error_of("timeout"), HasSubstr("wrong number of arguments"));
    EXPECT_THAT(error_of("timeout 1 2"), HasSubstr("wrong number of arguments"));
    EXPECT_THAT(error_of("unixsocketperm 888"), HasSubstr("couldn't be parsed as an octal number"));
    EXPECT_THAT(error_of("unixsocketperm 1000"), HasSubstr("must be between 0 and 777 inclusive"));
    EXPECT_THAT(error_of("requirepass \"open"), HasSubstr("quote"));
    EXPECT_THAT(error_of("client-output-buffer-limit normal 1"),
                HasSubstr("for the default: client-output-buffer-limit normal 0 0 0, "
                          "client-output-buffer-limit replica 256mb 64mb 60, "
                          "client-output-buffer-limit pubsub 32mb 8mb 60"));
    // A password does not go to the screen, whatever is wrong with its line.
    EXPECT_THAT(error_of("requirepass a b"), ::testing::Not(HasSubstr("a b")));
    EXPECT_THAT(error_of("requirepass a\"b"), ::testing::Not(HasSubstr("a\"b")));
    EXPECT_THAT(error_of("nosuch \x01\x1b\r\x02x"), ::testing::Not(HasSubstr("\r")));
}

TEST_F(ConfigTest, ControlCharactersAreRefused) {
    for (const char* text :
         {"pidfile \"\\x7f\"", "bind \"\\x01\"", "dbfilename \"a\\rb\"", "unixsocket \"a\\x00\""}) {
        EXPECT_THAT(error_of(text), HasSubstr("argument must not contain control characters"))
            << text;
    }
    // A password may have any.
    EXPECT_EQ(error_of("requirepass \"a\\tb\""), "");
    EXPECT_EQ(set({{"requirepass", std::string_view("a\r\n\0b", 5)}}), "");
    EXPECT_EQ(config_.password(), std::string_view("a\r\n\0b", 5));
}

TEST_F(ConfigTest, NothingIsTakenFromATextWithAnError) {
    EXPECT_FALSE(config_.load_text("timeout 5\nnosuch 1\n", "x"));
    EXPECT_EQ(get("timeout"), "0");
    EXPECT_EQ(config_.settings().timeout_seconds, 0);
}

TEST_F(ConfigTest, WhatIsNotThereIsRefused) {
    for (const char* text :
         {"replicaof 10.0.0.1 6379", "slaveof 10.0.0.1 6379", "tls-port 6380",
          "cluster-enabled yes", "aclfile /etc/users.acl", "user alice on",
          "rename-command FLUSHALL \"\"", "loadmodule /x.so", "maxmemory-clients 1mb",
          "min-replicas-to-write 1", "syslog-enabled yes"}) {
        EXPECT_THAT(error_of(text), HasSubstr("not supported in this version: ")) << text;
        EXPECT_THAT(error_of(text), HasSubstr("Remove the line")) << text;
    }
    EXPECT_EQ(error_of("appendonly no\nreplicaof\ntls-port 0\ncluster-enabled no\n"), "");
    EXPECT_THAT(error_of("supervised upstart"), HasSubstr("must be one of the following"));
}

TEST_F(ConfigTest, RulesOfSaveAddUpFromLineToLine) {
    EXPECT_EQ(get("save"), "3600 1 300 100 60 10000");
    load("save 900 1\nsave 60 5 30 0\n");
    EXPECT_EQ(get("save"), "900 1 60 5 30 0");
    load("save 900 1\n");
    EXPECT_EQ(get("save"), "900 1") << "read anew";
    load("save 900 1\nsave \"\"\n");
    EXPECT_EQ(get("save"), "");
    load("save 900 1\nsave \"\"\nsave 5 6\n");
    EXPECT_EQ(get("save"), "5 6");
    for (const char* text : {"save 900", "save 0 1", "save 1 -1", "save a 1", "save 1 2 3"}) {
        EXPECT_THAT(error_of(text), HasSubstr("Invalid save parameters")) << text;
    }
}

/// Whether there is a log or not: it may be switched on later.
TEST_F(ConfigTest, TheFilesOfTheLogHaveNames) {
    for (const char* path : {"../x", "a/b", "/a", "a\\b"}) {
        const std::string value(path);
        EXPECT_THAT(error_of("appendfilename " + value),
                    HasSubstr("appendfilename can't be a path, just a filename"));
        EXPECT_THAT(error_of("appenddirname " + value),
                    HasSubstr("appenddirname can't be a path, just a dirname"));
    }
    EXPECT_THAT(error_of("appendfilename \"\""), HasSubstr("appendfilename can't be empty"));
    EXPECT_THAT(error_of("appenddirname \"\""), HasSubstr("appenddirname can't be empty"));
    load("appendfilename my.aof\nappenddirname \"a dir\"\n");
    EXPECT_EQ(config_.settings().append_file, "my.aof");
    EXPECT_EQ(config_.settings().append_directory, "a dir");
}

TEST_F(ConfigTest, TheFileOfASnapshotIsAName) {
    EXPECT_EQ(get("dbfilename"), "dump.rdb");
    EXPECT_THAT(error_of("dbfilename a/b.rdb"), HasSubstr("can't be a path, just a filename"));
    EXPECT_THAT(error_of("dbfilename a\\b.rdb"), HasSubstr("can't be a path, just a filename"));
    EXPECT_THAT(error_of("dbfilename \"\""), HasSubstr("can't be empty"));
    load("dbfilename x.rdb\nrdbchecksum no\n");
    EXPECT_EQ(config_.settings().rdb_file, "x.rdb");
    EXPECT_FALSE(config_.settings().rdb_checksum);
}

TEST_F(ConfigTest, IgnoredDirectivesAreKeptShownAndReported) {
    load("hz 100\nactiverehashing yes\nbusy-reply-threshold 7\ndaemonize yes\n");
    EXPECT_EQ(get("hz"), "100");
    EXPECT_EQ(get("activerehashing"), "yes");
    EXPECT_EQ(get("lua-time-limit"), "7");
    EXPECT_EQ(get("busy-reply-threshold"), "7");
    EXPECT_EQ(config_.notices().size(), 3U);
    EXPECT_THAT(config_.notices(), ::testing::Contains(HasSubstr("hz 100 has no effect: ")));
    EXPECT_EQ(set({{"hz", "50"}, {"slave-priority", "5"}}), "");
    EXPECT_EQ(get("replica-priority"), "5");
    EXPECT_THAT(error_of("activerehashing maybe"), HasSubstr("argument must be 'yes' or 'no'"));
    load("masterauth secret\n");
    EXPECT_THAT(config_.notices(), ::testing::Not(::testing::Contains(HasSubstr("secret"))));
}

// --- include and the command line
// ------------------------------------------------------------------

TEST_F(ConfigTest, IncludeReadsAtItsPlace) {
    const std::string more = write("more.conf", "timeout 2\nslowlog-max-len 55\n");
    load("timeout 1\ninclude " + more + "\n");
    EXPECT_EQ(get("timeout"), "2");
    load("include " + more + "\ntimeout 3\n");
    EXPECT_EQ(get("timeout"), "3");
    EXPECT_EQ(get("slowlog-max-len"), "55");
}

TEST_F(ConfigTest, IncludeTakesPatternsInOrder) {
    write("b.inc", "timeout 2\n");
    write("a.inc", "timeout 1\n");
    load("include " + directory_ + "/*.inc\ninclude " + directory_ + "/*.none\n");
    EXPECT_EQ(get("timeout"), "2");
}

TEST_F(ConfigTest, ErrorsOfAnIncludedFileNameBoth) {
    const std::string bad = write("bad.conf", "\ntimeout x\n");
    const std::string error = error_of("include " + bad);
    EXPECT_THAT(error, HasSubstr("/etc/gyre.conf:1: 'include "));
    EXPECT_THAT(error, HasSubstr(bad + ":2: 'timeout x'"));
    EXPECT_THAT(error_of("include " + directory_ + "/none"),
                HasSubstr("No such file or directory"));
    EXPECT_THAT(error_of("include a b"), HasSubstr("include takes the path of one file"));
    EXPECT_THAT(error_of("include " + directory_), HasSubstr("Cannot read the configuration file"));
    const std::string pipe = directory_ + "/pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_THAT(error_of("include " + pipe), HasSubstr("Cannot read the configuration file"));
}

TEST_F(ConfigTest, CirclesOfIncludesEnd) {
    const std::string self = directory_ + "/self.conf";
    write("self.conf", "include " + self + "\n");
    EXPECT_EQ(error_of("include " + self),
              "/etc/gyre.conf:1: 'include " + self + "': " + self + ":1: 'include " + self +
                  "': the file is being read already: it includes itself. Break the circle.");
    write("a.conf", "include " + directory_ + "/./b.conf\n");
    write("b.conf", "include " + directory_ + "/a.conf\n");
    EXPECT_THAT(error_of("include " + directory_ + "/a.conf"), HasSubstr("it includes itself"));
    for (int i = 0; i < 20; ++i) {
        write("deep" + std::to_string(i) + ".conf",
              "include " + directory_ + "/deep" + std::to_string(i + 1) + ".conf\n");
    }
    EXPECT_THAT(error_of("include " + directory_ + "/deep0.conf"),
                HasSubstr("include each other more than 16 deep"));
    write("leaf.conf", "timeout 1\n");
    std::string wide;
    for (int i = 0; i < 300; ++i) wide += "include " + directory_ + "/leaf.conf\n";
    EXPECT_THAT(error_of(wide), HasSubstr("more than 256 files are included"));
}

TEST_F(ConfigTest, CommandLineComesAfterTheFile) {
    const std::string file = write("gyre.conf", "timeout 33\nport 1\n");
    const std::vector<std::string_view> arguments{file,
                                                  "--timeout",
                                                  "44",
                                                  "--save",
                                                  "",
                                                  "--bind",
                                                  "127.0.0.1",
                                                  "::1",
                                                  "--slowlog-log-slower-than",
                                                  "-1",
                                                  "--maxmemory 1mb",
                                                  "--logfile",
                                                  "a b"};
    ASSERT_TRUE(config_.load(arguments));
    EXPECT_EQ(config_.file(), file);
    EXPECT_EQ(get("timeout"), "44");
    EXPECT_EQ(config_.settings().port, 1);
    EXPECT_THAT(config_.settings().bind, ElementsAre("127.0.0.1", "::1"));
    EXPECT_EQ(get("slowlog-log-slower-than"), "-1");
    EXPECT_EQ(get("maxmemory"), "1048576");
    EXPECT_EQ(config_.settings().log_file, "a b");
}

TEST_F(ConfigTest, ErrorsOfTheCommandLine) {
    EXPECT_EQ(error_of_options({"--maxmemry", "1gb"}),
              "command line: '--maxmemry 1gb': unknown directive \"maxmemry\". Did you mean "
              "\"maxmemory\"? Remove the line or correct the name.");
    EXPECT_THAT(error_of_options({"--port"}), HasSubstr("wrong number of arguments"));
    EXPECT_THAT(error_of_options({"--requirepass", "secret", "x"}),
                ::testing::Not(HasSubstr("secret")));
    EXPECT_THAT(error_of_options({"/no/such/file.conf"}), HasSubstr("/no/such/file.conf"));
    EXPECT_THAT(error_of_options({"-"}), HasSubstr("standard input"));
    EXPECT_EQ(error_of_options({"--save"}), "");
    EXPECT_EQ(error_of_options({}), "");
}

// --- CONFIG GET and SET
// ---------------------------------------------------------------------------

TEST_F(ConfigTest, GetTakesNamesPatternsAndAliases) {
    const std::string_view patterns[] = {"TimeOut", "time*", "slowlog-*", "nosuch",
                                         "slave-read-only"};
    EXPECT_THAT(config_.get(patterns),
                ElementsAre(Pairs::value_type{"TimeOut", "0"},
                            Pairs::value_type{"slowlog-log-slower-than", "10000"},
                            Pairs::value_type{"slowlog-max-len", "128"},
                            Pairs::value_type{"slave-read-only", "yes"}));
    const std::string_view everything[] = {"*"};
    EXPECT_GT(config_.get(everything).size(), 150U);
}

TEST_F(ConfigTest, SetErrorsAreThoseOfRedis) {
    EXPECT_EQ(set({{"nosuch", "1"}}),
              "ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'");
    EXPECT_EQ(
        set({{"timeout", "1"}, {"TIMEOUT", "2"}}),
        "ERR CONFIG SET failed (possibly related to argument 'TIMEOUT') - duplicate parameter");
    EXPECT_EQ(set_error("maxmemory-eviction-tenacity", "101"),
              "argument must be between 0 and 100 inclusive");
    EXPECT_EQ(set({{"port", "70000"}, {"bad", "1"}}),
              "ERR Unknown option or number of arguments for CONFIG SET - 'bad'");
    EXPECT_EQ(set({{"databases", "1"}, {"bad", "1"}}),
              "ERR CONFIG SET failed (possibly related to argument 'databases') - can't set "
              "immutable config");
    EXPECT_EQ(set_error("dir", "/tmp"), "can't set protected config");
    EXPECT_EQ(set_error("maxclients", "abc"), "argument couldn't be parsed into an integer");
    EXPECT_EQ(set_error("maxclients", " 5"), "argument couldn't be parsed into an integer");
    EXPECT_EQ(set_error("maxclients", "0"), "argument must be between 1 and 4294967295 inclusive");
    EXPECT_EQ(set_error("maxmemory", "-1"), "argument must be a memory value");
    EXPECT_EQ(set_error("maxmemory", "10xb"), "argument must be a memory value");
    EXPECT_EQ(set_error("protected-mode", "maybe"), "argument must be 'yes' or 'no'");
    EXPECT_EQ(
        set_error("maxmemory-policy", "foo"),
        "argument(s) must be one of the following: volatile-lru, volatile-lfu, volatile-random, "
        "volatile-ttl, allkeys-lru, allkeys-lfu, allkeys-random, noeviction, allkeys-s3fifo, "
        "volatile-s3fifo");
    EXPECT_EQ(set_error("client-output-buffer-limit", "foo 1 2 3"),
              "Invalid client class specified in buffer limit configuration.");
    EXPECT_EQ(set_error("client-output-buffer-limit", "normal 1 2"),
              "Wrong number of arguments in buffer limit configuration.");
    EXPECT_EQ(set_error("client-output-buffer-limit", "normal 1 2 2147483647"), "");
    EXPECT_EQ(set_error("client-output-buffer-limit", "normal 1 2 2147483648"),
              "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    EXPECT_EQ(set_error("client-output-buffer-limit", "normal a 2 3"),
              "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
    EXPECT_EQ(set_error("latency-tracking-info-percentiles", "101"),
              "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
    EXPECT_EQ(set_error("latency-tracking-info-percentiles", "abc"),
              "Invalid latency-tracking-info-percentiles parameters");
    EXPECT_EQ(set_error("slowlog-log-slower-than", "-2"),
              "argument must be between -1 and 9223372036854775807 inclusive");
    EXPECT_EQ(set_error("proto-max-bulk-len", "100"),
              "argument must be between 1048576 and 9223372036854775807 inclusive");
    EXPECT_EQ(set_error("save", "900 a"), "Invalid save parameters");
    EXPECT_EQ(set({{"save", "900 1"}, {"appendonly", "no"}}), "");
    EXPECT_EQ(get("save"), "900 1");
    EXPECT_EQ(set({{"save", "800 2"}}), "");
    EXPECT_EQ(get("save"), "800 2") << "CONFIG SET replaces";
    EXPECT_EQ(set({{"save", ""}}), "");
    EXPECT_EQ(get("save"), "");
    // What the client sent does not break out of the line.
    EXPECT_EQ(set({{"x\r\n+F", "1"}}).find('\n'), std::string::npos);
}

TEST_F(ConfigTest, WhatDoesNothingIsCheckedAllTheSame) {
    EXPECT_THAT(error_of("shutdown-on-sigterm abc"),
                HasSubstr("argument(s) must be one of the following: default, save, nosave, now, "
                          "force"));
    EXPECT_THAT(error_of("shutdown-on-sigint save nosave"),
                HasSubstr("shutdown options SAVE and NOSAVE can't be used simultaneously"));
    EXPECT_THAT(error_of("oom-score-adj-values abc"), HasSubstr("wrong number of arguments"));
    EXPECT_THAT(error_of("oom-score-adj-values 0 1 2001"),
                HasSubstr("elements must be between -2000 and 2000."));
    EXPECT_EQ(set({{"shutdown-on-sigint", "FORCE default nosave"}}), "");
    EXPECT_EQ(get("shutdown-on-sigint"), "nosave force");
    EXPECT_EQ(set({{"shutdown-on-sigint", "default"}}), "");
    EXPECT_EQ(get("shutdown-on-sigint"), "default");
    EXPECT_EQ(set_error("repl-backlog-size", ""),
              "argument must be between 1 and 9223372036854775807 inclusive");
    EXPECT_EQ(set({{"repl-backlog-size", "1"}, {"hz", "100000"}}), "");
    EXPECT_EQ(get("repl-backlog-size"), "16384");
    EXPECT_EQ(get("hz"), "500");
    EXPECT_EQ(set({{"proc-title-template", "{title} {{x {port}"}}), "");
    for (const char* bad : {"", "  ", "{nosuch}", "{title"}) {
        EXPECT_THAT(set_error("proc-title-template", bad), HasSubstr("unknown variables")) << bad;
    }
    EXPECT_EQ(set_error("cluster-announce-hostname", std::string(256, 'a')),
              "Hostnames must be less than 256 characters");
}

TEST_F(ConfigTest, MaxmemoryGoesToTheEndOfWhatRedisCounts) {
    attach();
    EXPECT_EQ(set({{"maxmemory", "9223372036854775808"}}), "");
    EXPECT_EQ(get("maxmemory"), "9223372036854775808");
    EXPECT_EQ(dataset_.settings.maxmemory_bytes, INT64_MAX);
    EXPECT_EQ(set({{"maxmemory", "99999999999gb"}}), "");
    EXPECT_EQ(get("maxmemory"), "18446744073709551615");
    EXPECT_EQ(set_error("proto-max-bulk-len", "9223372036854775808"),
              "argument must be between 1048576 and 9223372036854775807 inclusive");
}

TEST_F(ConfigTest, SetIsAllOrNothing) {
    attach();
    EXPECT_NE(set({{"timeout", "7"}, {"maxmemory", "1mb"}, {"slowlog-max-len", "-1"}}), "");
    EXPECT_EQ(get("timeout"), "0");
    EXPECT_EQ(config_.settings().timeout_seconds, 0);
    EXPECT_EQ(dataset_.settings.maxmemory_bytes, 0);
    EXPECT_EQ(set({{"timeout", "7"}, {"maxmemory", "1mb"}, {"slowlog-max-len", "1"}}), "");
    EXPECT_EQ(config_.settings().timeout_seconds, 7);
    EXPECT_EQ(dataset_.settings.maxmemory_bytes, 1024 * 1024);
    EXPECT_EQ(slowlog_.length_max, 1);
}

TEST_F(ConfigTest, ValuesRestUntilTheirTargetsAreThere) {
    load(
        "maxmemory 5mb\nmaxmemory-policy allkeys-lfu\nmaxmemory-samples 9\nlfu-log-factor 3\n"
        "lfu-decay-time 4\nmaxkeys 10\ndefault-ttl 60\nproto-max-bulk-len 2mb\n"
        "slowlog-log-slower-than 5\nslowlog-max-len 6\nlatency-monitor-threshold "
        "7\nlatency-tracking no\n");
    EXPECT_EQ(set({{"default-ttl", "61"}}), "");
    EXPECT_EQ(dataset_.settings.maxmemory_bytes, 0);
    attach();
    EXPECT_EQ(dataset_.settings.maxmemory_bytes, 5 * 1024 * 1024);
    EXPECT_EQ(dataset_.settings.policy, engine::EvictionPolicy::allkeys_lfu);
    EXPECT_EQ(dataset_.settings.samples, 9);
    EXPECT_EQ(dataset_.settings.lfu_log_factor, 3);
    EXPECT_EQ(dataset_.settings.lfu_decay_minutes, 4);
    EXPECT_EQ(dataset_.settings.maxkeys, 10);
    EXPECT_TRUE(dataset_.counts_keys());
    EXPECT_EQ(dataset_.settings.default_ttl_seconds, 61);
    EXPECT_EQ(dataset_.settings.proto_max_bulk_len, 2 * 1024 * 1024);
    EXPECT_EQ(slowlog_.threshold_us, 5);
    EXPECT_EQ(slowlog_.length_max, 6);
    EXPECT_EQ(latency_.threshold_ms, 7);
    EXPECT_FALSE(tracks_latency_);
    EXPECT_EQ(set({{"latency-tracking", "yes"}, {"maxmemory", ""}}), "");
    EXPECT_TRUE(tracks_latency_);
    EXPECT_EQ(dataset_.settings.maxmemory_bytes, 0);
}

TEST_F(ConfigTest, PortAndBindChangeWhenTheListenersCanFollow) {
    attach();
    EXPECT_EQ(set_error("port", "70000"), "argument must be between 0 and 65535 inclusive");
    EXPECT_TRUE(listening_.empty());
    EXPECT_EQ(set({{"timeout", "1"}}), "");
    EXPECT_TRUE(listening_.empty());
    EXPECT_EQ(set({{"port", "7000"}}), "");
    EXPECT_EQ(listening_, "127.0.0.1 -::1 7000");
    EXPECT_EQ(set({{"bind", "::1  *"}, {"port", "0"}}), "");
    EXPECT_EQ(listening_, "::1 * 0");
    EXPECT_EQ(config_.settings().port, 0);
    can_listen_ = false;
    EXPECT_EQ(set({{"timeout", "2"}, {"bind", "1.2.3.4"}, {"port", "7001"}}),
              "ERR CONFIG SET failed (possibly related to argument 'bind') - Failed to bind to "
              "specified addresses.");
    EXPECT_EQ(set_error("port", "7001"), "Unable to listen on this port. Check server logs.");
    EXPECT_EQ(get("port"), "0");
    EXPECT_EQ(get("bind"), "::1 *");
    EXPECT_EQ(get("timeout"), "1");
    EXPECT_THAT(config_.settings().bind, ElementsAre("::1", "*"));
}

TEST_F(ConfigTest, WhatTheSystemDecidesIsShownAndAsked) {
    attach();
    EXPECT_EQ(get("dir"), std::filesystem::current_path().string());
    config_.settings().maxclients = 77;  // as a start with few open files does
    EXPECT_EQ(get("maxclients"), "77");
    EXPECT_THAT(
        set_error("maxclients", "4000000000"),
        HasSubstr("The operating system is not able to handle the specified number of clients"));
}

TEST_F(ConfigTest, PasswordAndDebugAccess) {
    EXPECT_FALSE(config_.settings().has_password);
    EXPECT_EQ(set({{"requirepass", "x y"}}), "");
    EXPECT_TRUE(config_.settings().has_password);
    EXPECT_EQ(config_.password(), "x y");
    EXPECT_EQ(set({{"requirepass", ""}}), "");
    EXPECT_FALSE(config_.settings().has_password);
    EXPECT_FALSE(config_.allows_debug(true));
    load("enable-debug-command local\n");
    EXPECT_TRUE(config_.allows_debug(true));
    EXPECT_FALSE(config_.allows_debug(false));
    load("enable-debug-command yes\n");
    EXPECT_TRUE(config_.allows_debug(false));
    load("loglevel WARNING\n");
    EXPECT_EQ(base::level(), base::Level::warning);
}

// --- CONFIG REWRITE
// -------------------------------------------------------------------------------

TEST_F(ConfigTest, RewriteKeepsWhatIsTrueAndSaysWhatIsNew) {
    const std::string file =
        write("gyre.conf",
              "# a comment of mine\n\ntimeout 33\nMaxMemory 1mb\n# about clients\n"
              "client-output-buffer-limit normal 1mb 0 0\nclient-output-buffer-limit pubsub 1mb 0 "
              "0\ntimeout 34");
    ASSERT_EQ(::chmod(file.c_str(), 0640), 0);
    const std::vector<std::string_view> arguments{file, "--port", "7000"};
    ASSERT_TRUE(config_.load(arguments));
    EXPECT_EQ(set({{"timeout", "55"}, {"slowlog-max-len", "77"}, {"requirepass", "a \"b"}}), "");
    EXPECT_EQ(set({{"client-output-buffer-limit", "normal 2mb 0 0"}}), "");
    ASSERT_TRUE(config_.rewrite());
    const std::string expected =
        "# a comment of mine\n\ntimeout 55\nMaxMemory 1mb\n# about clients\n"
        "client-output-buffer-limit normal 2mb 0 0\n"
        "client-output-buffer-limit replica 256mb 64mb 60\n"
        "client-output-buffer-limit pubsub 1mb 0 0\n"
        "# Generated by CONFIG REWRITE\nport 7000\nrequirepass \"a \\\"b\"\nslowlog-max-len 77\n";
    EXPECT_EQ(read_file(file), expected);
    struct stat status{};
    ASSERT_EQ(::stat(file.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0640U);
    // Once more changes nothing, and what was written reads back as it was.
    ASSERT_TRUE(config_.rewrite());
    EXPECT_EQ(read_file(file), expected);
    Config again;
    ASSERT_TRUE(again.load(std::vector<std::string_view>{file}));
    const std::string_view everything[] = {"*"};
    EXPECT_EQ(again.get(everything), config_.get(everything));
    EXPECT_EQ(set({{"slowlog-max-len", "128"}, {"slowlog-log-slower-than", "1"}}), "");
    ASSERT_TRUE(config_.rewrite());
    const std::string text = read_file(file);
    EXPECT_THAT(text, HasSubstr("slowlog-max-len 128\nslowlog-log-slower-than 1\n"));
    EXPECT_EQ(text.find("# Generated"), text.rfind("# Generated"));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 1);
}

TEST_F(ConfigTest, RewriteHasTheLastWordOverIncludes) {
    write("late.conf", "timeout 2\n");
    const std::string file =
        write("gyre.conf", "timeout 1\ninclude " + directory_ + "/late.conf\n");
    ASSERT_TRUE(config_.load(std::vector<std::string_view>{file}));
    EXPECT_EQ(set({{"timeout", "3"}}), "");
    ASSERT_TRUE(config_.rewrite());
    Config again;
    ASSERT_TRUE(again.load(std::vector<std::string_view>{file}));
    EXPECT_EQ(again.settings().timeout_seconds, 3);
    EXPECT_EQ(read_file(directory_ + "/late.conf"), "timeout 2\n");
}

TEST_F(ConfigTest, RewriteFollowsALinkAndReportsFailures) {
    EXPECT_EQ(config_.rewrite().error().message, "ERR The server is running without a config file");
    const std::string file = write("real.conf", "timeout 1\n");
    const std::string link = directory_ + "/link.conf";
    std::filesystem::create_symlink(file, link);
    ASSERT_TRUE(config_.load(std::vector<std::string_view>{link}));
    EXPECT_EQ(set({{"timeout", "3"}}), "");
    ASSERT_TRUE(config_.rewrite());
    EXPECT_TRUE(std::filesystem::is_symlink(link));
    EXPECT_EQ(read_file(file), "timeout 3\n");
    write("real.conf", "nosuch 1\n");
    EXPECT_THAT(config_.rewrite().error().message, HasSubstr("ERR Rewriting config file: "));
    EXPECT_EQ(read_file(file), "nosuch 1\n");
    std::filesystem::remove(file);
    EXPECT_THAT(config_.rewrite().error().message, HasSubstr("ERR Rewriting config file: "));
    EXPECT_FALSE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace gyre::server
