// SPDX-License-Identifier: BSD-3-Clause
// gyre-cli against the real server. Where redis-cli has the same mode its output is the measure,
// byte for byte; what has none is looked at itself. $GYRE_CLI names the program.

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "integration/server_test.h"
#include "support/shell.h"

namespace gyre::test {
namespace {

constexpr const char* kRedisCli = "/usr/bin/redis-cli";

class CliTest : public ServerTest {
protected:
    /// Runs a program in a shell with its arguments as they would be typed.
    Outcome run(const std::string& program, const std::string& arguments,
                const std::string& input = "") {
        return run_in_shell(server().directory(),
                            program + " -p " + std::to_string(server().port()) + " " + arguments,
                            input);
    }
    Outcome cli(const std::string& arguments, const std::string& input = "") {
        return run(cli_program(), arguments, input);
    }

    void expect_like_redis_cli(const std::string& arguments, const std::string& input = "") {
        session().ask("FLUSHALL");
        prepare();
        const Outcome theirs = run(kRedisCli, arguments, input);
        session().ask("FLUSHALL");
        prepare();
        const Outcome ours = cli(arguments, input);
        EXPECT_EQ(ours.output, theirs.output) << arguments << "\n" << input << ours.errors;
        EXPECT_EQ(ours.status, theirs.status) << arguments << "\n" << input << ours.errors;
    }

    static bool is_oracle_binary(const std::string& binary) { return binary == oracle_binary(); }

    void prepare() {
        Session client = session();
        client.ask("SET", "text", "caf\xc3\xa9 \"x\"\n\x01\xff");
        client.ask("SET", "number", "41");
        client.ask("RPUSH", "list", "a", "", "c\td", "12");
        client.ask("HSET", "hash", "field", "value");
        client.ask("ZADD", "zset", "1.5", "one");
        client.ask("SADD", "set", "member");
    }
};

TEST_P(CliTest, PrintsAsRedisCliDoes) {
    start({"--enable-debug-command", "yes"});
    if (access(kRedisCli, X_OK) != 0) GTEST_SKIP() << "no redis-cli";
    const std::string commands =
        "GET text\n"
        "GET nothing\n"
        "GET list\n"
        "INCR number\n"
        "LRANGE list 0 -1\n"
        "LRANGE nothing 0 -1\n"
        "HGETALL hash\n"
        "ZRANGE zset 0 -1 WITHSCORES\n"
        "SMEMBERS set\n"
        "CONFIG GET maxmemory*\n"
        "XINFO STREAM nothing\n"
        "COMMAND GETKEYS\n"
        "DEBUG PROTOCOL map\n"
        "DEBUG PROTOCOL array\n"
        "DEBUG PROTOCOL set\n"
        "DEBUG PROTOCOL double\n"
        "DEBUG PROTOCOL verbatim\n"
        "DEBUG PROTOCOL true\n"
        "DEBUG PROTOCOL null\n"
        "COMMAND INFO get nothing\n"
        "PUBSUB NUMSUB a b\n"
        "ECHO ''\n"
        "INFO keyspace\n";
    // Not --quoted-json: redis-cli 7.0 leaves quotes in it that are not JSON.
    for (const char* format : {"", "--raw", "--no-raw", "--csv", "--json", "--json -2",
                               "--no-raw -3", "--raw -3", "--csv -3"}) {
        expect_like_redis_cli(format, commands);
    }
}

TEST_P(CliTest, TakesOptionsAsRedisCliDoes) {
    start();
    if (access(kRedisCli, X_OK) != 0) GTEST_SKIP() << "no redis-cli";
    const std::string url = "-u redis://127.0.0.1:" + std::to_string(server().port());
    for (const std::string& arguments : std::vector<std::string>{
             "-r 3 INCR number", "-r 2 -i 0.01 --no-raw INCR number", "-r 3 -D '|' PING",
             "-d , LRANGE list 0 -1", "-n 2 DBSIZE", url + "/0 GET number", url + "/3 DBSIZE",
             "--quoted-input GET '\"numb\\x65r\"'", "--scan --pattern 'n*'",
             "--no-raw --scan --pattern 'n*'", "-e GET number", "-e GET", "LPUSH number x",
             "-s server.sock GET number", "SUBSCRIBE"}) {
        expect_like_redis_cli(arguments);
    }
    expect_like_redis_cli("-x SET key", "a\nb\n");
    expect_like_redis_cli("-X TAG SET TAG value", "key");
}

TEST_P(CliTest, ReadsLinesAsRedisCliDoes) {
    start();
    if (access(kRedisCli, X_OK) != 0) GTEST_SKIP() << "no redis-cli";
    const std::string lines =
        "set a 1\nget a\n\n   \nget \"a\nget \"a\"b\n3 incr a\nnonsense\nmulti\nincr a\nexec\n"
        "select 2\nget a\nset 'x y' \"\\x41\\n\"\nget 'x y'\nquit\nget a\n";
    for (const char* format : {"", "--no-raw", "--csv", "--json"}) {
        expect_like_redis_cli(format, lines);
    }
}

TEST_P(CliTest, InsertsAStreamAsRedisCliDoes) {
    start();
    if (access(kRedisCli, X_OK) != 0) GTEST_SKIP() << "no redis-cli";
    std::string stream;
    for (int i = 0; i < 20000; ++i) {
        const std::string key = "key:" + std::to_string(i);
        stream += "*3\r\n$3\r\nSET\r\n$" + std::to_string(key.size()) + "\r\n" + key +
                  "\r\n$3\r\nx\ny\r\n";
    }
    expect_like_redis_cli("--pipe", stream);
    EXPECT_EQ(session().number("DBSIZE"), 20006);
    expect_like_redis_cli("--pipe", "SET a 1\r\nLPUSH a x\r\nGET a");
}

TEST_P(CliTest, SaysWhereAnErrorOfAStreamIs) {
    start();
    const Outcome outcome =
        cli("--pipe", "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$3\r\n1\n2\r\nLPUSH a x\r\nGET a\r\n");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_NE(outcome.errors.find("line 9, command 2: WRONGTYPE"), std::string::npos)
        << outcome.errors;
    EXPECT_NE(outcome.output.find("errors: 1, replies: 3\n"), std::string::npos) << outcome.output;
}

TEST_P(CliTest, RunsAFileAndSaysWhereItsErrorsAre) {
    start();
    std::ofstream(server().directory() + "/commands") << "set k v ex 10\nlpush k x\nget k\n";
    const Outcome outcome = cli("-f commands");
    EXPECT_EQ(outcome.status, 1);
    EXPECT_EQ(outcome.output, "OK\nv\n");
    EXPECT_EQ(outcome.errors.substr(0, 21), "commands:2: WRONGTYPE");
    const Outcome stopped = cli("-e -f commands");
    EXPECT_EQ(stopped.output, "OK\n");
    EXPECT_EQ(cli("-f missing").status, 1);
}

TEST_P(CliTest, WordsOfTheOriginSystemsWork) {
    start();
    REQUIRE_GYRE();
    const Outcome outcome = cli("",
                                "put k v 10\nset_with_ttl l w 10\nkeys *\nvalues\nsize\n"
                                "delete k\nsize\nlist_channels\n");
    EXPECT_EQ(outcome.status, 0) << outcome.errors;
    EXPECT_EQ(outcome.output.substr(0, 6), "OK\nOK\n");
    EXPECT_EQ(outcome.output.find("ERR"), std::string::npos) << outcome.output;
}

TEST_P(CliTest, ABatchIsTextOrAFile) {
    start();
    REQUIRE_GYRE();
    EXPECT_EQ(cli("batch -c 'put a 1; put b 2; get b'").output, "OK\nOK\n2\n");
    std::ofstream(server().directory() + "/good") << "# three\nput a 3\n\nput b 4; get b\n";
    std::ofstream(server().directory() + "/bad") << "put a 9\nlpush b x\n";
    EXPECT_EQ(cli("batch -f good").output, "OK\nOK\n4\n");
    EXPECT_EQ(session().number("DBSIZE"), 2);
    // As other replies that are errors: the status tells with -e.
    const Outcome refused = cli("batch -f bad");
    EXPECT_EQ(refused.output.substr(0, 21), "BATCHERR 2 WRONGTYPE ");
    EXPECT_EQ(refused.status, 0);
    const Outcome told = cli("-e batch -f bad");
    EXPECT_EQ(told.errors.substr(0, 21), "BATCHERR 2 WRONGTYPE ");
    EXPECT_EQ(told.status, 1);
    EXPECT_EQ(session().ask("GET", "a"), "3");
    for (const char* wrong : {"batch -f missing", "batch -f", "batch -c", "batch -f ."}) {
        const Outcome outcome = cli(wrong);
        EXPECT_EQ(outcome.status, 1) << wrong;
        EXPECT_EQ(outcome.output, "") << wrong;
        EXPECT_EQ(outcome.errors.substr(0, 10), "gyre-cli: ") << wrong;
    }
    EXPECT_NE(cli("", "help batch\n").output.find("batch -f file"), std::string::npos);
    std::ofstream(server().directory() + "/lines") << "batch -c 'get a'\nbatch -f missing\nget b\n";
    const Outcome lines = cli("-f lines");
    EXPECT_EQ(lines.output, "3\n4\n");
    EXPECT_EQ(lines.errors.substr(0, 16), "lines:2: Cannot ");
    EXPECT_EQ(lines.status, 1);
}

TEST_P(CliTest, AFileMayHaveCommentsAndNoOpenQuotes) {
    start();
    std::ofstream(server().directory() + "/commands") << "# first\nset k v\nget \"k\n  #\nget k\n";
    const Outcome outcome = cli("-f commands");
    EXPECT_EQ(outcome.output, "OK\nv\n");
    EXPECT_EQ(outcome.errors.substr(0, 31), "commands:3: Invalid argument(s)");
    EXPECT_EQ(outcome.status, 1);
    const Outcome stopped = cli("-e -f commands");
    EXPECT_EQ(stopped.output, "OK\n");
    EXPECT_EQ(stopped.errors.substr(0, 31), "commands:3: Invalid argument(s)");
    EXPECT_EQ(stopped.status, 1);
}

TEST_P(CliTest, AsksForThePasswordWhereThereIsNoTerminal) {
    start({"--requirepass", "s3cret"});
    // A session of its own has no terminal.
    const std::string program = "setsid -w " + cli_program();
    EXPECT_EQ(run(program, "--askpass PING", "s3cret\nrest\n").output, "PONG\n");
    EXPECT_EQ(run(program, "--askpass", "s3cret\nset k v\nget k\n").output, "OK\nv\n");
    EXPECT_EQ(run(program, "--askpass -x SET k", "s3cret\nvalue").output, "OK\n");
    EXPECT_EQ(run(program, "--askpass GET k", "s3cret").output, "value\n");
    EXPECT_EQ(run(program, "--askpass PING", "wrong\n").status, 1);
    const Outcome none = run(program, "--askpass PING");
    EXPECT_EQ(none.status, 1);
    EXPECT_NE(none.errors.find("--askpass found neither"), std::string::npos) << none.errors;
}

TEST_P(CliTest, EndsWhenNobodyReads) {
    start();
    // The shell waits for all of the pipe: that it ends is the first half.
    const std::string tells = "; echo ${PIPESTATUS[0]} >&2'";
    const auto piped = [&](const std::string& arguments) {
        return run("bash -c '" + cli_program() + " \"$@\" | head -n 1" + tells + " cli", arguments);
    };
    const Outcome counted = piped("-r -1 -i 0.01 INCR sp");
    EXPECT_EQ(counted.output, "1\n");
    EXPECT_EQ(counted.errors, "141\n");  // 128 + SIGPIPE
    const std::string count = session().ask("GET", "sp");
    EXPECT_EQ(piped("--stat -i 0.01").errors, "141\n");
    EXPECT_EQ(session().ask("GET", "sp"), count);
}

TEST_P(CliTest, FindsTheServerAgainThatItLooksAt) {
    const std::string folder = make_temporary_directory();
    const std::string socket = folder + "/socket";
    for (const char* what : {"--stat -i 0.01 -r 1000000", "--watch -i 0.01"}) {
        SCOPED_TRACE(what);
        start({"--unixsocket", socket});
        std::FILE* pipe =
            ::popen((cli_program() + " -s " + socket + " " + what + " 2>&1").c_str(), "re");
        ASSERT_NE(pipe, nullptr);
        char line[1024];
        const auto reads_until = [&](const char* text) {
            while (std::fgets(line, sizeof(line), pipe) != nullptr) {
                if (std::strstr(line, text) != nullptr) return true;
            }
            return false;
        };
        const char* numbers = what[2] == 's' ? " (+" : "operations ";
        EXPECT_TRUE(reads_until(numbers));
        EXPECT_TRUE(reads_until(numbers));
        server().stop();
        EXPECT_TRUE(reads_until("Trying again until it answers."));
        start({"--unixsocket", socket});
        EXPECT_TRUE(reads_until("Connected again."));
        EXPECT_TRUE(reads_until(numbers));
        ::pclose(pipe);  // it ends as nobody reads
        server().stop();
    }
    std::filesystem::remove_all(folder);
}

TEST_P(CliTest, MeasuresLatencyAcrossALostConnection) {
    start();
    // For long enough that it has been answered when the connection goes: before, nothing says that
    // there is a server to go on with.
    std::FILE* pipe = ::popen(
        (cli_program() + " -p " + std::to_string(server().port()) + " --latency -i 6 2>&1").c_str(),
        "re");
    ASSERT_NE(pipe, nullptr);
    // Who asks twice has been answered once.
    ASSERT_TRUE(wait_until([&] {
        const std::string counts = session().ask("INFO", "commandstats");
        const size_t ping = counts.find("cmdstat_ping:calls=");
        return ping != std::string::npos && counts.compare(ping + 19, 2, "1,") != 0;
    }));
    EXPECT_EQ(session().ask("CLIENT", "KILL", "TYPE", "normal"), ":1");
    std::string text;
    char line[1024];
    while (std::fgets(line, sizeof(line), pipe) != nullptr) text += line;
    ASSERT_EQ(::pclose(pipe), 0) << text;
    EXPECT_NE(text.find("Trying again"), std::string::npos) << text;
    EXPECT_NE(text.find("Connected again."), std::string::npos) << text;
    long long least = 0, most = 0, count = 0;
    double average = 0;
    const size_t last = text.rfind('\n', text.size() - 2);
    ASSERT_EQ(
        std::sscanf(text.c_str() + last + 1, "%lld %lld %lf %lld", &least, &most, &average, &count),
        4)
        << text;
    // Of microseconds: no round trip takes none.
    EXPECT_GE(count, 1);
    EXPECT_GE(average, static_cast<double>(least));
}

TEST_P(CliTest, ShutdownIsAnsweredByTheEnd) {
    start();
    const Outcome outcome = cli("SHUTDOWN NOSAVE");
    EXPECT_EQ(outcome.status, 0);
    EXPECT_EQ(outcome.output, "");
    EXPECT_EQ(outcome.errors, "");
}

TEST_P(CliTest, NestsMapsAsRedisCliDoes) {
    if (access(kRedisCli, X_OK) != 0) GTEST_SKIP() << "no redis-cli";
    for (const std::string& binary : {server_binary(), oracle_binary()}) {
        if (access(binary.c_str(), X_OK) != 0) continue;
        SCOPED_TRACE(binary);
        server_ = std::make_unique<ServerProcess>(ServerOptions{.binary = binary});
        ASSERT_TRUE(server().is_ready()) << server().log();
        const auto compare = [&](const std::string& input) {
            EXPECT_EQ(cli("-3 --no-raw", input).output, run(kRedisCli, "-3 --no-raw", input).output)
                << input;
        };
        // Once, as consumers and times of deliveries are a matter of when.
        cli("",
            "xadd s 1-1 f v\nxadd s 2-1 f v a b\nxadd s 3-1 f v\nxgroup create s g 0\n"
            "xgroup create s h 0\n");
        compare("xinfo stream s full\nxinfo stream s\nxinfo groups s\n");
        compare("command docs get\ncommand docs set config\ncommand info get set\n");
        compare("acl getuser default\nclient trackinginfo\nconfig get save\n");
        if (!is_oracle_binary(binary)) continue;
        compare(
            "eval \"redis.setresp(3); return {map={a={1,2},b={},c={1},e={{{1}}},"
            "f={map={x={map={y={1,2}}}}},g={set={q=true}},h={{{1,2},{3}},{4}}}}\" 0\n");
    }
}

TEST_P(CliTest, Authenticates) {
    start({"--requirepass", "s3cret"});
    EXPECT_NE(cli("PING").output.find("NOAUTH"), std::string::npos);
    EXPECT_EQ(cli("--no-auth-warning -a s3cret PING").output, "PONG\n");
    EXPECT_EQ(cli("--no-auth-warning -a s3cret -3 PING").output, "PONG\n");
    const Outcome wrong = cli("--user default --pass wrong PING");
    EXPECT_EQ(wrong.status, 1);
    EXPECT_NE(wrong.errors.find("WRONGPASS"), std::string::npos) << wrong.errors;
    EXPECT_EQ(run("GYRE_AUTH=s3cret " + cli_program(), "PING").output, "PONG\n");
    EXPECT_EQ(run("REDISCLI_AUTH=s3cret " + cli_program(), "PING").output, "PONG\n");
}

TEST_P(CliTest, SaysWhyThereIsNoConnection) {
    start();
    const Outcome refused = cli("-p " + std::to_string(free_port()) + " PING");
    EXPECT_EQ(refused.status, 1);
    EXPECT_NE(refused.errors.find("Cannot connect"), std::string::npos) << refused.errors;
    const Outcome no_tls = cli("--tls PING");
    EXPECT_EQ(no_tls.status, 1);
    EXPECT_NE(no_tls.errors.find("TLS"), std::string::npos) << no_tls.errors;
    EXPECT_EQ(cli("-n 99999 PING").status, 1);
}

TEST_P(CliTest, FindsBigKeys) {
    start();
    prepare();
    Session client = session();
    client.ask("RPUSH", "long", "1", "2", "3", "4", "5");
    const Outcome by_size = cli("--bigkeys");
    EXPECT_EQ(by_size.status, 0) << by_size.errors;
    for (const char* line :
         {"Sampled 7 keys in the keyspace!", "Biggest   list found '\"long\"' has 5 items",
          "2 lists with 9 items (28.57% of keys, avg size 4.50)",
          "1 hashs with 1 fields (14.29% of keys, avg size 1.00)"}) {
        EXPECT_NE(by_size.output.find(line), std::string::npos) << line << "\n" << by_size.output;
    }
    const Outcome by_memory = cli("--memkeys --pattern 'l*'");
    EXPECT_NE(by_memory.output.find("Sampled 2 keys"), std::string::npos) << by_memory.output;
}

TEST_P(CliTest, FindsHotKeys) {
    start();
    prepare();
    const Outcome unknown = cli("--hotkeys");
    EXPECT_EQ(unknown.status, 1);
    EXPECT_NE(unknown.errors.find("LFU maxmemory policy is not selected"), std::string::npos)
        << unknown.errors;
    Session client = session();
    // Every use counts, and none is forgotten.
    ASSERT_EQ(client.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lfu", "lfu-log-factor", "0",
                         "lfu-decay-time", "0"),
              "OK");
    client.ask("FLUSHALL");
    prepare();
    client.ask("SET", "hot\n", "v");
    for (int use = 0; use < 50; ++use) client.ask("GET", "hot\n");
    const std::string counter = client.ask("OBJECT", "FREQ", "hot\n").substr(1);
    const Outcome found = cli("--hotkeys");
    EXPECT_EQ(found.status, 0) << found.errors;
    EXPECT_NE(found.output.find("Sampled 7 keys in the keyspace!\nhot key found with counter: " +
                                counter + "\tkeyname: \"hot\\n\"\n"),
              std::string::npos)
        << found.output;
}

TEST_P(CliTest, LooksAtTheServer) {
    start();
    prepare();
    const Outcome stat = cli("--stat -i 0.01 -r 2");
    EXPECT_EQ(stat.status, 0) << stat.errors;
    EXPECT_NE(stat.output.find("\n6          "), std::string::npos) << stat.output;
    const Outcome latency = cli("--latency -i 0.05 --csv");
    int numbers = 0;
    double value = 0;
    const char* at = latency.output.c_str();
    for (int taken = 0; std::sscanf(at, "%lf%n", &value, &taken) == 1;
         at += taken + (at[taken] == ',')) {
        ++numbers;
    }
    EXPECT_EQ(numbers, 4) << latency.output;
}

TEST_P(CliTest, TellsDeadlinesBesideTheOutput) {
    start();
    for (const std::string& binary : {server_binary(), oracle_binary()}) {
        if (access(binary.c_str(), X_OK) != 0) continue;
        SCOPED_TRACE(binary);
        server_ = std::make_unique<ServerProcess>(ServerOptions{.binary = binary});
        ASSERT_TRUE(server().is_ready()) << server().log();
        session().ask("SET", "soon", "v", "EX", "999999");
        session().ask("RPUSH", "kept", "w");
        const Outcome one = cli("--ttl GET soon");
        EXPECT_EQ(one.output, "v\n");
        EXPECT_EQ(one.errors, "(expires in 11 d 13 h)\n");
        EXPECT_EQ(cli("--ttl LRANGE kept 0 -1").errors, "(no expiry)\n");
        EXPECT_EQ(cli("--ttl OBJECT ENCODING kept").errors, "(no expiry)\n");
        EXPECT_EQ(cli("--ttl --json -3 LRANGE kept 0 -1").output, "[\"w\"]\n");
        const Outcome listed = cli("--ttl KEYS k*");
        EXPECT_EQ(listed.output, "kept\n");
        EXPECT_EQ(listed.errors, "(\"kept\": no expiry)\n");
        for (const char* line : {"GET missing", "GET kept", "SET x y", "DBSIZE", "KEYS nothing*"}) {
            EXPECT_EQ(cli(std::string("--ttl ") + line).errors, "") << line;
        }
        EXPECT_EQ(cli("--ttl", "multi\nget soon\nexec\nget soon\n").errors,
                  "(expires in 11 d 13 h)\n");
    }
}

TEST_P(CliTest, WatchesWithoutATerminal) {
    start();
    prepare();
    const Outcome watched = cli("--watch -i 0.01 -r 2");
    EXPECT_EQ(watched.status, 0) << watched.errors;
    size_t frames = 0;
    for (size_t at = watched.output.find("\noperations "); at != std::string::npos;
         at = watched.output.find("\noperations ", at + 1)) {
        ++frames;
    }
    EXPECT_EQ(frames, 2U) << watched.output;
    for (const char* text : {"\n  string ", "\n  hset ", "\nmemory ", "keys and values",
                             "0 of 6 keys  due 0  late p99 ", "\nclients    1 "}) {
        EXPECT_NE(watched.output.find(text), std::string::npos) << text << "\n" << watched.output;
    }
    EXPECT_EQ(watched.output.find('\x1b'), std::string::npos) << watched.output;
    // Who reads no more ends it.
    const std::string first = cli("--watch -i 0.01 | head -n 1").output;
    EXPECT_EQ(first.find('\n') + 1, first.size()) << first;
    EXPECT_EQ(cli("--watch -r 0").output, "");
    EXPECT_NE(cli("--json --watch").errors.find("--watch takes no command"), std::string::npos);
    EXPECT_EQ(cli("--watch GET a").status, 1);
    server().stop();
    const Outcome gone = cli("--watch");
    EXPECT_EQ(gone.status, 1);
    EXPECT_NE(gone.errors.find("Cannot connect"), std::string::npos) << gone.errors;
}

TEST_P(CliTest, WatchesRedisServerWithWhatItHas) {
    if (access(oracle_binary().c_str(), X_OK) != 0) GTEST_SKIP() << "no redis-server";
    server_ = std::make_unique<ServerProcess>(ServerOptions{.binary = oracle_binary()});
    ASSERT_TRUE(server().is_ready()) << server().log();
    prepare();
    const Outcome watched = cli("--watch -i 0.01 -r 1");
    EXPECT_EQ(watched.status, 0) << watched.errors;
    for (const char* text : {"Redis ", "\noperations ", "\n  string ", "\n  hset ", "\nmemory ",
                             "  data set ", "0 of 6 keys\n", "\nclients    1 "}) {
        EXPECT_NE(watched.output.find(text), std::string::npos) << text << "\n" << watched.output;
    }
    for (const char* text : {"due ", "late ", "keys and values"}) {
        EXPECT_EQ(watched.output.find(text), std::string::npos) << text << "\n" << watched.output;
    }
}

// The number of reactors is nothing to the client.
INSTANTIATE_TEST_SUITE_P(Reactors, CliTest, ::testing::Values(1), reactors_name);

}  // namespace
}  // namespace gyre::test
