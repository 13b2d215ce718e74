// SPDX-License-Identifier: BSD-3-Clause

// Goal: what db-updates publishes is what the log holds, in its order, whoever changes the keys:
// clients of several reactors whose keys have nothing in common, transactions, clients that waited,
// deadlines, and the lack of room. Method: all of these at once, with keys that are written once
// each, and the append-only file read afterwards.

#include <atomic>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

/// "set key", "rpush key" ...; whatever removes a key is "gone".
using Changes = std::vector<std::string>;

std::string change(std::string operation, const std::string& key) {
    for (char& letter : operation) {
        if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
    }
    if (operation == "del" || operation == "expired" || operation == "evicted") operation = "gone";
    return operation + " " + key;
}

/// The value of a member of the object that is a string without anything to be escaped.
std::string member(const std::string& json, const std::string& name) {
    const std::string start = "\"" + name + "\":\"";
    const size_t at = json.find(start);
    if (at == std::string::npos) return "";
    return json.substr(at + start.size(), json.find('"', at + start.size()) - at - start.size());
}

/// The words of the commands of an append-only file.
std::vector<std::vector<std::string>> commands_in(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::vector<std::vector<std::string>> commands;
    std::string line;
    while (std::getline(file, line)) {
        if (line.starts_with('#')) continue;
        if (!line.starts_with('*')) {
            ADD_FAILURE() << "not a command: " << line;
            break;
        }
        std::vector<std::string> words(std::stoul(line.substr(1)));
        for (std::string& word : words) {
            std::getline(file, line);
            word.resize(std::stoul(line.substr(1)));
            file.read(word.data(), static_cast<std::streamsize>(word.size()));
            file.ignore(2);
        }
        commands.push_back(std::move(words));
    }
    return commands;
}

class UpdatesTest : public ServerTest {
protected:
    void SetUp() override { REQUIRE_GYRE(); }
    void start_logged(std::vector<std::string> more = {}) {
        more.insert(more.begin(), {"--appendonly", "yes", "--db-updates", "yes"});
        start(std::move(more));
        ASSERT_TRUE(server().wait_for_log("Ready to accept connections")) << server().log();
    }
    Changes logged() {
        const std::string folder = server().directory() + "/appendonlydir/";
        Changes changes;
        for (const auto& words : commands_in(folder + "appendonly.aof.1.incr.aof")) {
            if (words[0] == "MULTI" || words[0] == "EXEC" || words[0] == "SELECT") continue;
            changes.push_back(change(words[0], words.size() > 1 ? words[1] : ""));
        }
        return changes;
    }
    /// Reads messages until that of the key `last`.
    static Changes read_until(RawSocket& subscriber, const std::string& last) {
        Changes changes;
        for (;;) {
            const auto frame = subscriber.read_frame();
            if (!frame || frame->items.size() != 3) {
                ADD_FAILURE() << "no message";
                return changes;
            }
            const std::string& json = frame->items[2].text;
            const std::string operation = member(json, "op");
            // A deadline is part of the SET in the log.
            if (operation != "expire") changes.push_back(change(operation, member(json, "key")));
            if (member(json, "key") == last) return changes;
        }
    }
    /// Writes keys that nobody else writes, alone and two at a time, some with a deadline.
    void write_keys(int client, int rounds) {
        Session s = session();
        for (int round = 0; round < rounds; ++round) {
            const std::string key = std::to_string(client) + ":" + std::to_string(round);
            switch (round % 4) {
                case 0:
                    s.ask("SET", "a" + key, "v");
                    break;
                case 1:
                    s.ask("SET", "b" + key, "v", "PX", std::to_string(1 + round % 7));
                    break;
                case 2:
                    s.ask("RPUSH", "queue", key);
                    break;
                default:
                    s.ask("MULTI");
                    s.ask("SET", "c" + key, "v");
                    s.ask("SET", "d" + key, "v");
                    s.ask("GET", "b" + key);
                    s.ask("EXEC");
            }
        }
    }
};

TEST_P(UpdatesTest, ComeInTheOrderOfTheLogWhoeverChangesTheKeys) {
    start_logged({"--maxkeys", "60", "--maxmemory-policy", "allkeys-random"});
    RawSocket subscriber = socket();
    subscriber.command({"SUBSCRIBE", "db_updates"});
    Changes told;
    std::thread reader([&] { told = read_until(subscriber, "last"); });
    constexpr int kWriters = 4;
    constexpr int kRounds = 300;
    std::atomic<int> taken{0};
    std::vector<std::thread> waiters;
    std::atomic<bool> may_stop{false};
    for (int client = 0; client < 2; ++client) {
        waiters.emplace_back([&] {
            Session s = session();
            while (!may_stop) {
                if (s.ask("BLPOP", "queue", "0.05") != "(nil)") ++taken;
            }
        });
    }
    std::vector<std::thread> writers;
    for (int client = 0; client < kWriters; ++client) {
        writers.emplace_back([this, client] { write_keys(client, kRounds); });
    }
    for (std::thread& writer : writers) writer.join();
    may_stop = true;
    for (std::thread& waiter : waiters) waiter.join();
    Session s = session();
    EXPECT_TRUE(wait_until([&] { return s.info_number("stats", "expired_keys") > 0; }));
    EXPECT_EQ(s.ask("SET", "last", "v"), "OK");
    reader.join();
    EXPECT_GT(s.info_number("stats", "evicted_keys"), 100);
    EXPECT_GT(taken.load(), 0);
    EXPECT_EQ(server().stop(), 0);
    Changes wanted = logged();
    // What went for the last key, or after it, nobody waited for. That a list goes with its last
    // element is told, but does not need to be logged.
    while (!wanted.empty() && wanted.back() != "set last") wanted.pop_back();
    std::erase(wanted, "gone queue");
    std::erase(told, "gone queue");
    ASSERT_EQ(told.size(), wanted.size());
    for (size_t index = 0; index < told.size(); ++index) {
        ASSERT_EQ(told[index], wanted[index]) << "change " << index;
    }
}

TEST_P(UpdatesTest, WholeDatabasesHaveTheirPlaceAmongTheOthers) {
    start_logged();
    RawSocket subscriber = socket();
    subscriber.command({"SUBSCRIBE", "db_updates"});
    Session s = session();
    s.ask("SET", "a", "1");
    s.ask("FLUSHDB");
    s.ask("MULTI");
    s.ask("SET", "b", "1");
    s.ask("FLUSHALL");
    s.ask("SET", "c", "1");
    s.ask("SWAPDB", "0", "1");
    s.ask("EXEC");
    s.ask("SET", "last", "1");
    EXPECT_EQ(read_until(subscriber, "last"), (Changes{"set a", "flushdb ", "set b", "flushall ",
                                                       "set c", "swapdb ", "swapdb ", "set last"}));
    EXPECT_EQ(server().stop(), 0);
    EXPECT_EQ(logged(), (Changes{"set a", "flushdb ", "set b", "flushall ", "set c", "swapdb 0",
                                 "set last"}));
}

TEST_P(UpdatesTest, AnAliasIsLoggedAndToldOfAsItsCommand) {
    start_logged();
    RawSocket subscriber = socket();
    subscriber.command({"SUBSCRIBE", "db_updates"});
    Session s = session();
    EXPECT_EQ(s.ask("ALIAS", "keep", "SET", "kept:$1", "$2"), "OK");
    EXPECT_EQ(s.ask("ALIAS", "take", "BLPOP", "$@", "0"), "OK");
    EXPECT_EQ(s.ask("keep", "a", "1"), "OK");
    s.ask("MULTI");
    EXPECT_EQ(s.ask("keep", "b", "1"), "QUEUED");
    EXPECT_EQ(s.ask("EXEC"), "[OK]");
    std::thread giver([this] {
        Session other = session();
        EXPECT_TRUE(
            wait_until([&] { return other.info_number("clients", "blocked_clients") == 1; }));
        other.ask("RPUSH", "list", "element");
    });
    EXPECT_EQ(s.ask("take", "list"), "[list element]");
    giver.join();
    s.ask("keep", "last", "1");
    const Changes wanted{"set kept:a", "set kept:b", "rpush list",
                         "lpop list",  "gone list",  "set kept:last"};
    EXPECT_EQ(read_until(subscriber, "kept:last"), wanted);
    EXPECT_EQ(s.info("commandstats", "cmdstat_set").substr(0, 7), "calls=3");
    EXPECT_EQ(server().stop(), 0);
    Changes logged_changes = logged();
    EXPECT_EQ(logged_changes,
              (Changes{"set kept:a", "set kept:b", "rpush list", "lpop list", "set kept:last"}));
}

TEST_P(UpdatesTest, ComeWithoutALogToo) {
    start({"--db-updates", "yes"});
    RawSocket subscriber = socket();
    subscriber.command({"SUBSCRIBE", "db_updates"});
    Session s = session();
    s.ask("SET", "soon", "v", "PX", "20");
    EXPECT_EQ(read_until(subscriber, "soon"), (Changes{"set soon"}));
    EXPECT_EQ(read_until(subscriber, "soon"), Changes{});  // its deadline
    EXPECT_EQ(read_until(subscriber, "soon"), (Changes{"gone soon"}));
    EXPECT_EQ(s.ask("CONFIG", "SET", "db-updates", "no"), "OK");
    s.ask("SET", "quiet", "v");
    EXPECT_EQ(s.ask("CONFIG", "SET", "db-updates", "yes"), "OK");
    s.ask("SET", "last", "v");
    EXPECT_EQ(read_until(subscriber, "last"), (Changes{"set last"}));
}

GYRE_INSTANTIATE(UpdatesTest);

}  // namespace
}  // namespace gyre::test
