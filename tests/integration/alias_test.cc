// SPDX-License-Identifier: BSD-3-Clause

// Goal: aliases are there for every client at once, in the middle of a pipeline too, and after a
// restart or a kill; a file that is not theirs keeps the server from starting and stays as it is.

#include <signal.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

namespace fs = std::filesystem;

class AliasTest : public ServerTest {
protected:
    void SetUp() override {
        if (is_oracle()) GTEST_SKIP() << "Gyre's own";
        directory_ = make_temporary_directory();
    }
    void TearDown() override {
        server_.reset();
        std::error_code ignored;
        fs::remove_all(directory_, ignored);
    }
    /// A server on the directory that outlives it.
    void start_here(std::vector<std::string> arguments = {}) {
        server_.reset();
        arguments.insert(arguments.begin(), {"--dir", directory_});
        start(std::move(arguments));
    }
    std::string path(const std::string& name = "aliases.json") const {
        return directory_ + "/" + name;
    }
    std::string content() const {
        std::ifstream file(path(), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::string directory_;
};

TEST_P(AliasTest, AllClientsHaveThemAtOnceAndAfterAKill) {
    start_here();
    Session s = session();
    std::vector<Session> others;
    for (int index = 0; index < 4; ++index) others.push_back(session());
    EXPECT_EQ(s.ask("ALIAS", "put-twice", "MSET", "$1:1", "$2", "$1:2", "$2"), "OK");
    for (Session& other : others) EXPECT_EQ(other.ask("put-twice", "a", "v"), "OK");
    EXPECT_EQ(s.ask("MGET", "a:1", "a:2"), "[v v]");
    EXPECT_EQ(s.ask("ALIAS", "show", "INFO", "server"), "OK");
    EXPECT_EQ(s.ask("RESET-ALIAS", "show"), "OK");
    for (Session& other : others) {
        EXPECT_TRUE(other.ask("show").starts_with("-ERR unknown command 'show'"));
    }
    server().send_signal(SIGKILL);
    server().wait_exit();
    start_here();
    Session t = session();
    EXPECT_EQ(t.ask("SHOW-ALIAS"), "[put-twice MSET $1:1 $2 $1:2 $2]");
    EXPECT_EQ(t.ask("put-twice", "b", "w"), "OK");
    EXPECT_EQ(t.ask("MGET", "b:1", "b:2"), "[w w]");
    EXPECT_EQ(t.ask("RESET-ALIAS"), "OK");
    server().stop();
    start_here();
    EXPECT_EQ(session().ask("SHOW-ALIAS"), "[]");
    EXPECT_FALSE(fs::exists(path("temp-aliases.json")));
}

TEST_P(AliasTest, APipelineUsesWhatItHasJustDefined) {
    start_here();
    RawSocket client = socket();
    client.send(
        "ALIAS greet ECHO \"hello $1\"\r\ngreet you\r\nPING\r\nALIAS greet ECHO $2\r\n"
        "greet a b\r\nMULTI\r\ngreet a c\r\ngreet\r\nEXEC\r\nRESET-ALIAS greet\r\ngreet\r\n"
        "QUIT\r\n");
    EXPECT_EQ(client.read_to_end(),
              "+OK\r\n$9\r\nhello you\r\n+PONG\r\n+OK\r\n$1\r\nb\r\n+OK\r\n+QUEUED\r\n"
              "-ERR wrong number of arguments for alias 'greet': it takes 2, as it stands for "
              "ECHO $2\r\n-EXECABORT Transaction discarded because of previous errors.\r\n+OK\r\n"
              "-ERR unknown command 'greet', with args beginning with: \r\n+OK\r\n");
}

TEST_P(AliasTest, AnAliasForACommandThatWaitsWaits) {
    start_here();
    Session s = session();
    EXPECT_EQ(s.ask("ALIAS", "take", "BLPOP", "$@", "0"), "OK");
    EXPECT_EQ(s.ask("ALIAS", "all", "KEYS", "*"), "OK");
    std::thread giver([this] {
        Session other = session();
        EXPECT_TRUE(
            wait_until([&] { return other.info_number("clients", "blocked_clients") == 1; }));
        other.ask("RPUSH", "list", "element");
    });
    EXPECT_EQ(s.ask("take", "none", "list"), "[list element]");
    giver.join();
    s.ask("SET", "only", "1");
    EXPECT_EQ(s.ask("all"), "[only]");
}

TEST_P(AliasTest, ManyClientsThatDefineAtOnceLoseNothing) {
    start_here();
    constexpr int kClients = 4;
    constexpr int kEach = 25;
    std::atomic<int> refused{0};
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client) {
        clients.emplace_back([this, client, &refused] {
            Session s = session();
            for (int index = 0; index < kEach; ++index) {
                const std::string name =
                    "alias-" + std::to_string(client) + "-" + std::to_string(index);
                if (s.ask("ALIAS", name, "ECHO", name) != "OK") ++refused;
                if (s.ask(name) != name) ++refused;
            }
        });
    }
    for (std::thread& client : clients) client.join();
    EXPECT_EQ(refused.load(), 0);
    EXPECT_EQ(session().reply("SHOW-ALIAS").elements.size(), 2U * kClients * kEach);
    server().stop();
    start_here();
    EXPECT_EQ(session().reply("SHOW-ALIAS").elements.size(), 2U * kClients * kEach);
}

TEST_P(AliasTest, AFileThatIsNotWholeOrNotTheirsEndsTheStart) {
    start_here();
    EXPECT_EQ(session().ask("ALIAS", "g", "GET"), "OK");
    server().stop();
    const std::string whole = content();
    for (const std::string& bad : {whole.substr(0, whole.size() / 2), std::string("REDIS0011"),
                                   std::string(), std::string("{\"format\":\"gyre-json\"}")}) {
        std::ofstream(path(), std::ios::binary) << bad;
        ServerProcess process(
            ServerOptions{.arguments = {"--port", std::to_string(free_port()), "--dir", directory_},
                          .has_defaults = false});
        EXPECT_EQ(process.wait_exit(), 1) << process.log();
        EXPECT_NE(process.log().find("The aliases in aliases.json cannot be read: JSON, line 1"),
                  std::string::npos)
            << process.log();
        EXPECT_EQ(content(), bad);
    }
}

TEST_P(AliasTest, TheFileHasANameOfChoice) {
    start_here({"--alias-file", "names.json"});
    Session s = session();
    EXPECT_EQ(s.ask("CONFIG", "GET", "alias-file"), "[alias-file names.json]");
    EXPECT_TRUE(s.reply("CONFIG", "SET", "alias-file", "x.json").is_error());
    EXPECT_EQ(s.ask("ALIAS", "g", "GET"), "OK");
    EXPECT_TRUE(fs::exists(path("names.json")));
    EXPECT_FALSE(fs::exists(path()));
}

GYRE_INSTANTIATE(AliasTest);

}  // namespace
}  // namespace gyre::test
