// SPDX-License-Identifier: BSD-3-Clause

// Goal: what a server writes for the person who runs it: log, error log, command log; their
// formats, their rotation, the journal; and that a server's end leaves nothing unwritten.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

class LogsTest : public ServerTest {
protected:
    std::string path(const std::string& name) { return server().directory() + "/" + name; }
    std::string content(const std::string& name) {
        std::ifstream file(path(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }
    bool has(const std::string& name, std::string_view text) {
        return content(name).find(text) != std::string::npos;
    }
    bool comes(const std::string& name, std::string_view text) {
        return wait_until([&] { return has(name, text); });
    }
};

TEST_P(LogsTest, HangupOpensTheFilesAgain) {
    REQUIRE_GYRE();
    start({"--logfile", "gyre.log", "--error-log", "errors.log", "--command-log", "commands.log"});
    Session s = session();
    s.ask("DEBUG", "LOG", "before the move");
    ASSERT_TRUE(comes("gyre.log", "before the move"));
    ASSERT_TRUE(comes("errors.log", "before the move"));
    ASSERT_TRUE(comes("commands.log", "before the move"));
    for (const char* name : {"gyre.log", "errors.log", "commands.log"}) {
        std::filesystem::rename(path(name), path(std::string(name) + ".1"));
    }
    server().send_signal(SIGHUP);
    ASSERT_TRUE(comes("gyre.log", "opened again"));
    s.ask("DEBUG", "LOG", "behind the move");
    for (const std::string name : {"gyre.log", "errors.log", "commands.log"}) {
        EXPECT_TRUE(comes(name, "behind the move")) << name;
        EXPECT_FALSE(has(name, "before the move")) << name;
        EXPECT_FALSE(has(name + ".1", "behind the move")) << name;
    }
}

TEST_P(LogsTest, AFileThatCannotBeOpenedAgainStaysInUse) {
    REQUIRE_GYRE();
    const std::string directory = make_temporary_directory();
    start({"--logfile", directory + "/gyre.log"});
    const std::string moved = directory + ".moved";
    std::filesystem::rename(directory, moved);
    server().send_signal(SIGHUP);
    const auto log = [&moved] {
        std::ifstream file(moved + "/gyre.log");
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    EXPECT_TRUE(wait_until([&] { return log().find("stays in use") != std::string::npos; }));
    Session s = session();
    EXPECT_EQ(s.info("stats", "gyre_log_reopen_failures"), "1");
    s.ask("DEBUG", "LOG", "still here");
    EXPECT_TRUE(wait_until([&] { return log().find("still here") != std::string::npos; }));
    std::filesystem::remove_all(moved);
}

TEST_P(LogsTest, WarningsStandInTheErrorLog) {
    REQUIRE_GYRE();
    start({"--error-log", "errors.log"});
    session().ask("DEBUG", "LOG", "something is wrong");
    ASSERT_TRUE(comes("errors.log", "warning DEBUG LOG: something is wrong\n"));
    EXPECT_FALSE(has("errors.log", "Ready to accept")) << content("errors.log");
    EXPECT_TRUE(server().wait_for_log("something is wrong"));
    EXPECT_TRUE(server().wait_for_log("Ready to accept connections"));
}

TEST_P(LogsTest, TheCommandLogHidesPasswords) {
    REQUIRE_GYRE();
    start({"--command-log", "commands.log"});
    Session s = session();
    s.ask("SET", "key", "line\nfeed");
    s.ask("CONFIG", "SET", "requirepass", "hunter2");
    s.ask("AUTH", "hunter2");
    s.ask("AUTH", "hunter3");
    s.ask("HELLO", "3", "AUTH", "default", "hunter2");
    s.ask("ECHO", "end");
    ASSERT_TRUE(comes("commands.log", "\"end\""));
    const std::string log = content("commands.log");
    EXPECT_NE(log.find(" ok \"SET\" \"key\" \"line\\nfeed\"\n"), std::string::npos) << log;
    EXPECT_NE(log.find(" ok \"CONFIG\" \"SET\" \"requirepass\" (redacted)\n"), std::string::npos)
        << log;
    EXPECT_NE(log.find(" ok \"AUTH\" (redacted)\n"), std::string::npos) << log;
    EXPECT_NE(log.find(" WRONGPASS \"AUTH\" (redacted)\n"), std::string::npos) << log;
    EXPECT_EQ(log.find("hunter"), std::string::npos) << log;
    EXPECT_GE(s.info_number("stats", "gyre_command_log_lines"), 6);
    EXPECT_EQ(s.info("stats", "gyre_command_log_lines_lost"), "0");
    // The other logs do not have it either.
    EXPECT_EQ(server().log().find("hunter"), std::string::npos);
}

TEST_P(LogsTest, TheFilterChangesWhileItRuns) {
    REQUIRE_GYRE();
    start({"--command-log", "commands.log", "--command-log-filter", "+@write -del"});
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "GET", "command-log-filter"), "[command-log-filter +@write -del]");
    s.ask("GET", "one");
    s.ask("DEL", "two");
    s.ask("SET", "three", "3");
    EXPECT_EQ(s.ask("CONFIG", "SET", "command-log-filter", "+nonsense"),
              "-ERR CONFIG SET failed (possibly related to argument 'command-log-filter') - "
              "'+nonsense': there is no such command; a category begins with @, a sub-command is "
              "written as config|set");
    EXPECT_EQ(s.ask("CONFIG", "SET", "command-log-filter", "-@all"), "OK");
    s.ask("SET", "four", "4");
    EXPECT_EQ(s.ask("CONFIG", "SET", "command-log-filter", "+get"), "OK");
    s.ask("GET", "five");
    ASSERT_TRUE(comes("commands.log", "five"));
    const std::string log = content("commands.log");
    EXPECT_NE(log.find("three"), std::string::npos);
    for (const char* word : {"one", "two", "four"}) {
        EXPECT_EQ(log.find(word), std::string::npos) << log;
    }
    EXPECT_TRUE(s.reply("CONFIG", "SET", "command-log", "elsewhere").is_error());
    EXPECT_TRUE(s.reply("CONFIG", "SET", "error-log", "elsewhere").is_error());
}

TEST_P(LogsTest, LinesAreJsonWhenAskedFor) {
    REQUIRE_GYRE();
    start({"--logfile", "gyre.log", "--log-format", "json", "--command-log", "commands.log"});
    Session s = session();
    s.ask("SET", "key", "\xff");
    s.ask("DEBUG", "LOG", "say \"json\"");
    ASSERT_TRUE(comes("gyre.log", R"("level":"warning","text":"DEBUG LOG: say \"json\""})"));
    ASSERT_TRUE(comes("commands.log", R"("command":["SET","key",{"base64":"/w=="}]})"));
    std::ifstream log(path("gyre.log"));
    for (std::string line; std::getline(log, line);) {
        EXPECT_TRUE(line.starts_with("{\"time\":\"") && line.ends_with("}")) << line;
    }
    EXPECT_EQ(s.ask("CONFIG", "SET", "log-format", "text"), "OK");
    s.ask("DEBUG", "LOG", "as before");
    EXPECT_TRUE(comes("gyre.log", " warning DEBUG LOG: as before\n"));
}

TEST_P(LogsTest, LevelsCanBeChanged) {
    REQUIRE_GYRE();
    start({"--logfile", "gyre.log"});
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "SET", "loglevel", "nothing"), "OK");
    s.ask("DEBUG", "LOG", "unheard");
    EXPECT_EQ(s.ask("CONFIG", "SET", "loglevel", "warning"), "OK");
    s.ask("DEBUG", "LOG", "heard");
    ASSERT_TRUE(comes("gyre.log", "DEBUG LOG: heard"));
    EXPECT_FALSE(has("gyre.log", "unheard"));
}

/// JOURNAL_STREAM names the file that the child's standard output will be, by device and inode.
TEST_P(LogsTest, TheJournalGetsPriorities) {
    REQUIRE_GYRE();
    const std::string directory = make_temporary_directory();
    const std::string file = directory + "/journal";
    const int descriptor = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    ASSERT_GE(descriptor, 0);
    struct stat status{};
    ASSERT_EQ(::fstat(descriptor, &status), 0);
    ::setenv("JOURNAL_STREAM",
             (std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino)).c_str(), 1);
    // The server opens it as its standard output: the shell passes it on.
    const std::string port = std::to_string(free_port());
    const std::string line = "exec " + server_binary() + " --threads " +
                             std::to_string(GetParam()) + " --port " + port + " --save '' --dir " +
                             directory + " >>" + file + " 2>&1";
    {
        ServerProcess shell(
            ServerOptions{.binary = "/bin/sh", .arguments = {"-c", line}, .has_defaults = false});
        const auto text = [&file] {
            std::ifstream log(file);
            return std::string(std::istreambuf_iterator<char>(log), {});
        };
        EXPECT_TRUE(wait_until([&] {
            return text().find("\n<5>Ready to accept connections") != std::string::npos;
        })) << text();
        EXPECT_TRUE(text().starts_with("<5>Gyre ")) << text();
        shell.send_signal(SIGTERM);
        EXPECT_EQ(shell.wait_exit(), 0);
        EXPECT_NE(text().find("\n<5>Stopped. Bye bye..."), std::string::npos) << text();
    }
    ::unsetenv("JOURNAL_STREAM");
    ::close(descriptor);
    // Elsewhere nothing is the journal, and lines are dated.
    start();
    EXPECT_TRUE(server().wait_for_log(" notice Ready to accept connections"));
    EXPECT_EQ(server().log().find("<5>"), std::string::npos) << server().log();
    std::filesystem::remove_all(directory);
}

TEST_P(LogsTest, NothingIsLostAtTheEnd) {
    REQUIRE_GYRE();
    start({"--command-log", "commands.log", "--log-ring-bytes", "16mb"});
    Session s = session();
    std::string pipeline;
    for (int number = 0; number < 5000; ++number) {
        pipeline += encode({"SET", "key", std::to_string(number)});
    }
    RawSocket connection = socket();
    ASSERT_TRUE(connection.send(pipeline));
    for (int number = 0; number < 5000; ++number) ASSERT_TRUE(connection.read_frame());
    EXPECT_EQ(server().stop(), 0);
    const std::string log = content("commands.log");
    size_t at = 0;
    for (int number = 0; number < 5000; ++number) {
        at = log.find("\"SET\" \"key\" \"" + std::to_string(number) + "\"\n", at);
        ASSERT_NE(at, std::string::npos) << number;
    }
    EXPECT_NE(server().log().find("Bye bye"), std::string::npos);
}

TEST_P(LogsTest, ACrashAndASecondSignalLeaveNothingUnwritten) {
    REQUIRE_GYRE();
    start();
    session().ask("DEBUG", "LOG", "last words");
    server().send_signal(SIGABRT);
    EXPECT_EQ(server().wait_exit(), 128 + SIGABRT);
    EXPECT_NE(server().log().find("last words"), std::string::npos);
    start();
    session().ask("DEBUG", "LOG", "last words");
    server().send_signal(SIGTERM);
    server().send_signal(SIGTERM);
    ASSERT_TRUE(server().wait_exit().has_value());
    EXPECT_NE(server().log().find("last words"), std::string::npos);
}

TEST_P(LogsTest, AFileThatCannotBeOpenedKeepsItFromStarting) {
    REQUIRE_GYRE();
    for (const char* parameter : {"--logfile", "--error-log", "--command-log"}) {
        ServerProcess process(ServerOptions{
            .threads = GetParam(), .arguments = {parameter, "/proc/no-such-directory/file"}});
        EXPECT_EQ(process.wait_exit(), 1) << parameter;
        EXPECT_NE(process.log().find("no-such-directory"), std::string::npos) << process.log();
    }
}

TEST_P(LogsTest, StartAndEndSayWhatIsWorthKnowing) {
    REQUIRE_GYRE();
    start({"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"});
    Session s = session();
    s.ask("SET", "key", "value");
    ASSERT_TRUE(server().wait_for_log("Ready to accept connections"));
    const std::string begin = server().log();
    for (const std::string& text :
         {"pid " + std::to_string(server().pid()), std::to_string(GetParam()) + " thread",
          std::string("no configuration file"), std::string("memory 100.00M, then allkeys-lru"),
          std::string("Durability: none"), "127.0.0.1:" + std::to_string(server().port()),
          std::string("Ready to accept connections")}) {
        EXPECT_NE(begin.find(text), std::string::npos) << text << " is not in\n" << begin;
    }
    EXPECT_EQ(server().stop(), 0);
    const std::string log = server().log();
    EXPECT_NE(log.find("1 key at the end"), std::string::npos) << log;
    EXPECT_NE(log.find("Nothing was saved; lost: 1 write\n"), std::string::npos) << log;
}

TEST_P(LogsTest, TheEndSaysThatTheLogHasEverything) {
    REQUIRE_GYRE();
    start({"--appendonly", "yes", "--appendfsync", "always"});
    session().ask("SET", "key", "value");
    EXPECT_TRUE(
        server().wait_for_log("Durability: every write is on the disk before it is answered"));
    EXPECT_EQ(server().stop(), 0);
    EXPECT_NE(server().log().find("Saved: the log in appendonlydir has every write"),
              std::string::npos)
        << server().log();
}

GYRE_INSTANTIATE(LogsTest);

}  // namespace
}  // namespace gyre::test
