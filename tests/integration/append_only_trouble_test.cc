// SPDX-License-Identifier: BSD-3-Clause

// The append-only file of a real server where its directory vanishes, comes back, or takes nothing.

#include <sys/mount.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "integration/append_only_test.h"

namespace gyre::test {
namespace {

GYRE_INSTANTIATE(AppendOnlyTest);

TEST_P(AppendOnlyTest, RefusesWritesWhileItsDirectoryIsGone) {
    start_at_home("always");
    Session client = session();
    EXPECT_EQ(client.ask("SET", "a", "1"), "OK");
    const std::string elsewhere = home_.path() + "/elsewhere";
    std::filesystem::rename(home_.directory(), elsewhere);
    // A write that is under way when it is seen is answered when it is well again: none is.
    ASSERT_TRUE(
        wait_until([&] { return client.info("persistence", "aof_last_write_status") == "err"; }));
    EXPECT_TRUE(client.ask("SET", "a", "2").starts_with("-MISCONF"));
    EXPECT_EQ(client.ask("GET", "a"), "1");
    std::filesystem::rename(elsewhere, home_.directory());
    ASSERT_TRUE(wait_until([&] { return client.ask("SET", "a", "3") == "OK"; }));
    EXPECT_EQ(client.info("persistence", "aof_last_write_status"), "ok");
    EXPECT_NE(client.info("persistence", "aof_failures"), "0");
    kill();
    start_at_home("always");
    EXPECT_EQ(session().ask("GET", "a"), "3");
}

/// What was removed cannot be put back, but the data is still there.
TEST_P(AppendOnlyTest, IsWrittenAnewWhenItWasRemoved) {
    start_at_home("always");
    Session client = session();
    const auto is_failing = [&] {
        return client.info("persistence", "aof_last_write_status") == "err";
    };
    const std::pair<const char*, std::string> cases[] = {{"file", home_.part()},
                                                         {"directory", home_.directory()}};
    for (const auto& [name, path] : cases) {
        SCOPED_TRACE(name);
        EXPECT_EQ(client.ask("RPUSH", "l", name), name == std::string("file") ? ":1" : ":3");
        std::filesystem::remove_all(path);
        ASSERT_TRUE(wait_until(is_failing));
        EXPECT_TRUE(client.ask("RPUSH", "l", "x").starts_with("-MISCONF"));
        EXPECT_EQ(client.ask("SHUTDOWN"), "-ERR Errors trying to SHUTDOWN. Check logs.");
        EXPECT_TRUE(server().wait_for_log("can't exit"));
        EXPECT_EQ(client.ask("BGREWRITEAOF"), "Background append only file rewriting started");
        ASSERT_TRUE(wait_until([&] { return !is_failing(); }));
        EXPECT_FALSE(client.ask("RPUSH", "l", "after").starts_with("-"));
        ASSERT_TRUE(wait_until(
            [&] { return client.info("persistence", "aof_rewrite_in_progress") == "0"; }));
        EXPECT_EQ(client.info("persistence", "aof_last_bgrewrite_status"), "ok");
    }
    kill();
    start_at_home("always");
    EXPECT_EQ(session().ask("LRANGE", "l", "0", "-1"), "[file after directory after]");
}

/// The process stands in the directory that was removed, and goes to the one that has its name.
TEST_P(AppendOnlyTest, GoesToItsDirectoryWhenThatIsMadeAnew) {
    start_at_home("always");
    Session client = session();
    const auto is_failing = [&] { return client.ask("RPUSH", "l", "x").starts_with("-MISCONF"); };
    std::filesystem::remove_all(home_.path());
    ASSERT_TRUE(wait_until(is_failing));
    EXPECT_EQ(client.ask("CONFIG", "GET", "dir"), "[dir " + home_.path() + "]");
    EXPECT_TRUE(server().wait_for_log("(dir) has been removed"));
    std::filesystem::create_directory(home_.path());
    ASSERT_TRUE(wait_until([&] { return !is_failing(); }));
    client.ask("SET", "a", "after");
    kill();
    start_at_home("always");
    EXPECT_EQ(session().ask("GET", "a"), "after");
    EXPECT_NE(session().ask("LLEN", "l"), ":0");
}

/// What somebody else has put there stays as it is, until he takes it away.
TEST_P(AppendOnlyTest, StaysAwayFromADirectoryThatHasFilesOfItsOwn) {
    start({"--dir", home_.path(), "--save", "3600 1"});
    Session client = session();
    client.ask("SET", "a", "1");
    std::filesystem::remove_all(home_.path());
    std::filesystem::create_directory(home_.path());
    const std::string snapshot = home_.path() + "/dump.rdb";
    std::ofstream(snapshot) << "a backup";
    EXPECT_TRUE(server().wait_for_log("dump.rdb, which is not written over"));
    EXPECT_TRUE(client.ask("SAVE").starts_with("-"));
    EXPECT_EQ(content(snapshot), "a backup");
    std::filesystem::remove(snapshot);
    EXPECT_TRUE(wait_until([&] { return content(snapshot).starts_with("REDIS"); }));
}

/// Nor is a log in the place of its own written over.
TEST_P(AppendOnlyTest, LeavesTheLogAloneThatTookThePlaceOfItsOwn) {
    start_at_home("always");
    Session client = session();
    EXPECT_EQ(client.ask("SET", "a", "1"), "OK");
    const std::string own = home_.path() + "/own";
    std::filesystem::rename(home_.directory(), own);
    std::filesystem::create_directory(home_.directory());
    const std::string manifest = home_.directory() + "/appendonly.aof.manifest";
    std::ofstream(manifest) << "file appendonly.aof.1.incr.aof seq 1 type i\n";
    std::ofstream(home_.part()) << "another log";
    const auto status = [&] { return client.info("persistence", "aof_last_write_status"); };
    ASSERT_TRUE(wait_until([&] { return status() == "err"; }));
    EXPECT_EQ(client.ask("BGREWRITEAOF"), "Background append only file rewriting started");
    EXPECT_TRUE(server().wait_for_log("is another directory than before and has a log"));
    EXPECT_EQ(content(home_.part()), "another log");
    EXPECT_EQ(content(manifest), "file appendonly.aof.1.incr.aof seq 1 type i\n");
    EXPECT_TRUE(client.ask("SET", "a", "2").starts_with("-MISCONF"));
    std::filesystem::remove_all(home_.directory());
    std::filesystem::rename(own, home_.directory());
    ASSERT_TRUE(wait_until([&] { return client.ask("SET", "a", "3") == "OK"; }));
    EXPECT_EQ(client.ask("BGREWRITEAOF"), "Background append only file rewriting started");
    ASSERT_TRUE(wait_until([&] { return has_no_rewrite(client); }));
    EXPECT_EQ(client.info("persistence", "aof_last_bgrewrite_status"), "ok");
    EXPECT_EQ(client.ask("SET", "b", "4"), "OK");
    kill();
    start_at_home("always");
    EXPECT_EQ(session().ask("MGET", "a", "b"), "[3 4]");
}

/// What it had written there is written again, and the log of the server goes on there.
TEST_P(AppendOnlyTest, SavesAgainWhereItsDirectoryIsMadeAnew) {
    start({"--dir", home_.path(), "--save", "3600 1", "--logfile", "gyre.log"});
    Session client = session();
    client.ask("SET", "a", "1");
    EXPECT_EQ(client.ask("SAVE"), "OK");
    std::filesystem::remove_all(home_.path());
    EXPECT_TRUE(client.ask("SAVE").starts_with("-"));
    std::filesystem::create_directory(home_.path());
    for (const char* name : {"/dump.rdb", "/gyre.log"}) {
        const std::string path = home_.path() + name;
        EXPECT_TRUE(wait_until([&] { return std::filesystem::exists(path); })) << name;
    }
    kill();
    start({"--dir", home_.path()});
    EXPECT_EQ(session().ask("GET", "a"), "1");
}

/// Who is told that there is a log has one.
TEST_P(AppendOnlyTest, BeginsNoLogWhereNoneCanBeWritten) {
    const std::string place = make_temporary_directory();
    if (::mount("none", place.c_str(), "tmpfs", 0, "size=1m") != 0) {
        GTEST_SKIP() << "may not mount a file system";
    }
    start({"--dir", place, "--appendfsync", "always"});
    Session s = session();
    s.ask("SET", "a", "1");
    std::ofstream(place + "/filler") << std::string(2 << 20, 'f');
    const std::string refused = s.ask("CONFIG", "SET", "appendonly", "yes");
    EXPECT_TRUE(refused.starts_with("-ERR CONFIG SET failed")) << refused;
    EXPECT_TRUE(server().wait_for_log("No space left on device")) << server().log();
    EXPECT_EQ(s.ask("CONFIG", "GET", "appendonly"), "[appendonly no]");
    EXPECT_EQ(s.info("persistence", "aof_enabled"), "0");
    std::filesystem::remove(place + "/filler");
    EXPECT_EQ(s.ask("CONFIG", "SET", "appendonly", "yes"), "OK");
    EXPECT_EQ(s.ask("SET", "b", "2"), "OK");
    EXPECT_EQ(s.ask("WAITAOF", "1", "0", "0"), "[:1 :0]");
    server().send_signal(SIGKILL);
    server().wait_exit();
    start({"--dir", place, "--appendonly", "yes"});
    EXPECT_EQ(session().ask("MGET", "a", "b"), "[1 2]");
    server_.reset();
    ::umount(place.c_str());
}

}  // namespace
}  // namespace gyre::test
