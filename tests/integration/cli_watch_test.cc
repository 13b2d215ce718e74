// SPDX-License-Identifier: BSD-3-Clause
// gyre-cli --watch in a pseudo-terminal whose screen is looked at: what it draws, its keys, the
// size of the terminal, and that it leaves the terminal as it was. $GYRE_CLI names the program.

#include <gtest/gtest.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "integration/server_test.h"
#include "support/terminal.h"

namespace gyre::test {
namespace {

class CliWatchTest : public ServerTest {
protected:
    void start_and_watch() {
        start();
        watch();
    }
    void watch() {
        const std::string port = std::to_string(server().port());
        watch({"-p", port}, "127.0.0.1:" + port);
    }
    void watch(const std::vector<std::string>& where, const std::string& address) {
        const char* program = std::getenv("GYRE_CLI");
        ASSERT_NE(program, nullptr);
        terminal_ = std::make_unique<Terminal>(
            std::vector<std::string>{program, where[0], where[1], "--watch", "-i", "0.05"},
            std::vector<std::pair<std::string, std::string>>{{"NO_COLOR", "1"},
                                                             {"LC_ALL", "C.UTF-8"}});
        ASSERT_TRUE(shows("operations ")) << screen();
        ASSERT_TRUE(shows(address)) << screen();
        EXPECT_TRUE(terminal_->screen().is_alternate());
        EXPECT_FALSE(terminal_->screen().has_cursor());
        EXPECT_FALSE(terminal_->is_in_line_mode());
    }

    std::string screen() { return terminal_->screen().text(); }
    bool shows(const std::string& text) {
        return terminal_->wait_for([&](const Screen& screen) { return screen.has_text(text); });
    }
    bool hides(const std::string& text) {
        return terminal_->wait_for([&](const Screen& screen) { return !screen.has_text(text); });
    }
    void expect_restored() {
        EXPECT_FALSE(terminal_->screen().is_alternate());
        EXPECT_TRUE(terminal_->screen().has_cursor());
        EXPECT_TRUE(terminal_->is_in_line_mode());
        EXPECT_FALSE(terminal_->screen().has_text("operations")) << screen();
    }
    /// Seconds for which the dashboard has asked nothing.
    int64_t idle_s() {
        const Reply list = session().reply("CLIENT", "LIST");
        int64_t longest = 0;
        for (size_t at = list.text.find(" idle="); at != std::string::npos;
             at = list.text.find(" idle=", at + 1)) {
            longest = std::max<int64_t>(longest, std::atoll(list.text.c_str() + at + 6));
        }
        return longest;
    }

    std::unique_ptr<Terminal> terminal_;
};

TEST_P(CliWatchTest, DrawsWhatHappensInPlace) {
    start_and_watch();
    Session client = session();
    client.ask("SET", "a", "1", "EX", "1000");
    client.ask("SET", "b", "1");
    ASSERT_TRUE(shows("1 of 2 keys")) << screen();
    ASSERT_TRUE(shows("\n  string ")) << screen();
    ASSERT_TRUE(shows("\n  set ")) << screen();
    ASSERT_TRUE(shows("\nclients    2 ")) << screen();
    ASSERT_TRUE(shows("  late p99 ")) << screen();
    EXPECT_EQ(terminal_->screen().row(23), "q quit   p pause   r reset   every 0.05 s");
    // In place: there is one of each section.
    EXPECT_EQ(screen().find("\nmemory "), screen().rfind("\nmemory ")) << screen();
}

TEST_P(CliWatchTest, PausesAndGoesOn) {
    start_and_watch();
    terminal_->type("p");
    ASSERT_TRUE(shows("  paused")) << screen();
    ASSERT_TRUE(shows("p go on")) << screen();
    ASSERT_TRUE(wait_until([&] { return idle_s() >= 1; }));
    session().ask("SET", "a", "1");
    terminal_->type("r");  // draws what was seen, not what there is
    ASSERT_TRUE(hides("most ")) << screen();
    EXPECT_FALSE(terminal_->screen().has_text("of 1 keys")) << screen();
    terminal_->type("p");
    ASSERT_TRUE(shows("of 1 keys")) << screen();
    ASSERT_TRUE(hides("paused")) << screen();
    ASSERT_TRUE(shows("most ")) << screen();
}

TEST_P(CliWatchTest, FollowsTheSizeOfTheTerminal) {
    start_and_watch();
    terminal_->resize(40, 12);
    ASSERT_TRUE(terminal_->wait_for([](const Screen& screen) {
        return screen.row(11).starts_with("q quit") && screen.row(1).starts_with("operations ");
    })) << screen();
    terminal_->resize(39, 12);
    ASSERT_TRUE(terminal_->wait_for([](const Screen& screen) {
        return screen.text() == "too small: 40x12 is the least\n";
    })) << screen();
    terminal_->resize(160, 40);
    ASSERT_TRUE(terminal_->wait_for([](const Screen& screen) {
        return screen.row(39).starts_with("q quit") &&
               screen.row(2).find("memory ") != std::string::npos;
    })) << screen();
}

TEST_P(CliWatchTest, LeavesTheTerminalAsItWas) {
    start();
    struct Way {
        const char* keys;
        int signal;
        int status;
    };
    for (const Way& way :
         {Way{"q", 0, 0}, Way{"\x03", 0, 0}, Way{"", SIGINT, 0}, Way{"", SIGTERM, 128 + SIGTERM}}) {
        SCOPED_TRACE(way.keys + std::to_string(way.signal));
        watch();
        if (HasFatalFailure()) return;
        terminal_->type(way.keys);
        if (way.signal != 0) terminal_->send_signal(way.signal);
        EXPECT_EQ(terminal_->wait_exit(), way.status);
        expect_restored();
    }
}

TEST_P(CliWatchTest, WaitsForAServerThatGoes) {
    const std::string folder = make_temporary_directory();
    const std::string path = folder + "/socket";
    start({"--unixsocket", path});
    watch({"-s", path}, path);
    terminal_->type("p");  // nothing is asked, yet it is noticed
    ASSERT_TRUE(shows("  paused")) << screen();
    server().send_signal(SIGKILL);
    ASSERT_TRUE(shows("connection lost, trying again")) << screen();
    ASSERT_TRUE(shows("operations ")) << screen();  // as they were
    start({"--unixsocket", path});
    session().ask("SET", "a", "1");
    ASSERT_TRUE(hides("connection lost")) << screen();
    terminal_->type("p");
    ASSERT_TRUE(shows("of 1 keys")) << screen();
    server().send_signal(SIGKILL);
    ASSERT_TRUE(shows("connection lost, trying again")) << screen();
    terminal_->type("q");
    EXPECT_EQ(terminal_->wait_exit(), 0);
    expect_restored();
    std::filesystem::remove_all(folder);
}

// The number of reactors is nothing to the client.
INSTANTIATE_TEST_SUITE_P(Reactors, CliWatchTest, ::testing::Values(1), reactors_name);

}  // namespace
}  // namespace gyre::test
