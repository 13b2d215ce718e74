// SPDX-License-Identifier: BSD-3-Clause

// Goal: with several reactors and several clients, commands behave as if executed one at a time,
// also those that touch several keys in several shards. Method: client threads fire random commands
// at a few keys and record what they saw and when; the histories are judged by
// support/linearizability.h, which is itself tested here with histories that are wrong.

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <thread>

#include "compat/random.h"
#include "integration/server_test.h"
#include "support/linearizability.h"

namespace gyre::test {
namespace {

using Kind = OperationKind;
using Results = std::vector<std::optional<std::string>>;

Operation operation(Kind kind, std::vector<int> keys, std::vector<std::string> arguments,
                    Results results, int64_t invoked, int64_t returned) {
    return Operation{.kind = kind,
                     .keys = std::move(keys),
                     .arguments = std::move(arguments),
                     .results = std::move(results),
                     .invoked_ns = invoked,
                     .returned_ns = returned};
}

TEST(LinearizabilityChecker, AcceptsSequentialAndOverlappingHistories) {
    EXPECT_TRUE(is_linearizable({}, 1));
    EXPECT_TRUE(is_linearizable({operation(Kind::set, {0}, {"a"}, {"OK"}, 0, 1),
                                 operation(Kind::get, {0}, {}, {"a"}, 2, 3)},
                                1));
    // The read began before the write ended: either value is right.
    for (const char* seen : {"a", "b"}) {
        EXPECT_TRUE(is_linearizable({operation(Kind::set, {0}, {"a"}, {"OK"}, 0, 1),
                                     operation(Kind::set, {0}, {"b"}, {"OK"}, 2, 9),
                                     operation(Kind::get, {0}, {}, {seen}, 3, 4)},
                                    1));
    }
    EXPECT_TRUE(is_linearizable({operation(Kind::increment, {0}, {}, {"2"}, 0, 9),
                                 operation(Kind::increment, {0}, {}, {"1"}, 1, 8),
                                 operation(Kind::append, {0}, {"x"}, {"2"}, 10, 11),
                                 operation(Kind::increment, {0}, {}, {"error"}, 12, 13),
                                 operation(Kind::del, {0}, {}, {"1"}, 14, 15),
                                 operation(Kind::set_nx, {0}, {"n"}, {"OK"}, 16, 17),
                                 operation(Kind::set_nx, {0}, {"m"}, {std::nullopt}, 18, 19)},
                                1));
}

TEST(LinearizabilityChecker, ReadsNumbersAsTheServerDoes) {
    EXPECT_TRUE(is_linearizable({operation(Kind::set, {0}, {"012"}, {"OK"}, 0, 1),
                                 operation(Kind::increment, {0}, {}, {"error"}, 2, 3)},
                                1));
    EXPECT_FALSE(is_linearizable({operation(Kind::set, {0}, {"012"}, {"OK"}, 0, 1),
                                  operation(Kind::increment, {0}, {}, {"13"}, 2, 3)},
                                 1));
}

TEST(LinearizabilityChecker, RejectsAStaleRead) {
    EXPECT_FALSE(is_linearizable({operation(Kind::set, {0}, {"a"}, {"OK"}, 0, 1),
                                  operation(Kind::set, {0}, {"b"}, {"OK"}, 2, 3),
                                  operation(Kind::get, {0}, {}, {"a"}, 4, 5)},
                                 1));
}

TEST(LinearizabilityChecker, RejectsAValueNobodyWrote) {
    EXPECT_FALSE(is_linearizable({operation(Kind::set, {0}, {"a"}, {"OK"}, 0, 5),
                                  operation(Kind::get, {0}, {}, {"b"}, 1, 6)},
                                 1));
}

TEST(LinearizabilityChecker, RejectsALostIncrement) {
    EXPECT_FALSE(is_linearizable({operation(Kind::increment, {0}, {}, {"1"}, 0, 9),
                                  operation(Kind::increment, {0}, {}, {"1"}, 0, 9)},
                                 1));
}

TEST(LinearizabilityChecker, RejectsTwoWinnersOfSetNx) {
    EXPECT_FALSE(is_linearizable({operation(Kind::set_nx, {0}, {"a"}, {"OK"}, 0, 9),
                                  operation(Kind::set_nx, {0}, {"b"}, {"OK"}, 0, 9)},
                                 1));
}

TEST(LinearizabilityChecker, RejectsReadsThatDisagreeOnTheOrderOfWrites) {
    EXPECT_FALSE(is_linearizable(
        {operation(Kind::set, {0}, {"a"}, {"OK"}, 0, 100),
         operation(Kind::set, {0}, {"b"}, {"OK"}, 0, 100),
         operation(Kind::get, {0}, {}, {"a"}, 10, 20), operation(Kind::get, {0}, {}, {"b"}, 30, 40),
         operation(Kind::get, {0}, {}, {"a"}, 50, 60)},
        1));
}

TEST(LinearizabilityChecker, RejectsATornReadOverSeveralKeys) {
    EXPECT_FALSE(is_linearizable({operation(Kind::mset, {0, 1}, {"a", "a"}, {"OK"}, 0, 1),
                                  operation(Kind::mset, {0, 1}, {"b", "b"}, {"OK"}, 2, 9),
                                  operation(Kind::mget, {0, 1}, {}, {"a", "b"}, 3, 4)},
                                 2));
    EXPECT_TRUE(is_linearizable({operation(Kind::mset, {0, 1}, {"a", "a"}, {"OK"}, 0, 1),
                                 operation(Kind::mset, {0, 1}, {"b", "b"}, {"OK"}, 2, 9),
                                 operation(Kind::mget, {0, 1}, {}, {"b", "b"}, 3, 4)},
                                2));
}

TEST(LinearizabilityChecker, RejectsSingleReadsThatSeeHalfOfAWriteOfTwoKeys) {
    EXPECT_FALSE(is_linearizable({operation(Kind::mset, {0, 1}, {"a", "a"}, {"OK"}, 0, 100),
                                  operation(Kind::get, {0}, {}, {"a"}, 10, 20),
                                  operation(Kind::get, {1}, {}, {std::nullopt}, 30, 40)},
                                 2));
}

constexpr int kClients = 5;
constexpr int kRounds = 300;
constexpr int kOperationsEach = 24;
constexpr int kGroupKeys = 3;
constexpr uint64_t kDefaultSeed = 20'251;

int64_t now_ns() {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

std::string key_name(int round, int key) {
    return "round:" + std::to_string(round) + ":" + std::to_string(key);
}

Operation random_operation(Random& random, const std::string& tag) {
    static const std::vector<Kind> kKinds{Kind::get,    Kind::get, Kind::set,       Kind::set_nx,
                                          Kind::append, Kind::del, Kind::increment, Kind::mset,
                                          Kind::mget,   Kind::mget};
    Operation result;
    result.kind = random.pick(kKinds);
    if (result.kind == Kind::mset || result.kind == Kind::mget) {
        for (int key = 0; key < kGroupKeys; ++key) result.keys.push_back(key);
    } else {
        result.keys.push_back(static_cast<int>(random.below(kGroupKeys)));
    }
    const bool is_number = random.chance(30);
    for (std::size_t i = 0; i < result.keys.size(); ++i) {
        result.arguments.push_back(is_number ? std::to_string(random.below(1000)) : tag);
    }
    return result;
}

std::vector<std::string> words_of(const Operation& operation, int round) {
    static const char* const kNames[] = {"GET",    "SET", "SET",  "INCR",
                                         "APPEND", "DEL", "MSET", "MGET"};
    std::vector<std::string> words{kNames[static_cast<int>(operation.kind)]};
    const bool has_value = operation.kind == Kind::set || operation.kind == Kind::set_nx ||
                           operation.kind == Kind::append || operation.kind == Kind::mset;
    for (std::size_t i = 0; i < operation.keys.size(); ++i) {
        words.push_back(key_name(round, operation.keys[i]));
        if (has_value) words.push_back(operation.arguments[i]);
    }
    if (operation.kind == Kind::set_nx) words.emplace_back("NX");
    return words;
}

std::optional<std::string> result_of(const Reply& reply) {
    if (reply.is_null()) return std::nullopt;
    if (reply.is_error()) return "error";
    return reply.type == ReplyType::integer ? std::to_string(reply.integer) : reply.text;
}

void execute(Session& session, Operation& operation, int round) {
    const std::vector<std::string> words = words_of(operation, round);
    operation.invoked_ns = now_ns();
    const Reply reply = session.command(words);
    operation.returned_ns = now_ns();
    if (operation.kind != Kind::mget) {
        operation.results = {result_of(reply)};
        return;
    }
    for (const Reply& element : reply.elements) operation.results.push_back(result_of(element));
}

class LinearizabilityTest : public ServerTest {
protected:
    /// One client's share: all rounds, each started together with the other clients.
    void run_client(int client, uint64_t seed) {
        Session session(*server_);
        Random random(seed + static_cast<uint64_t>(client) * 1000);
        for (int round = 0; round < kRounds; ++round) {
            ++arrived_;
            while (arrived_.load() < (round + 1) * kClients) std::this_thread::yield();
            std::vector<Operation> mine;
            for (int i = 0; i < kOperationsEach; ++i) {
                const std::string tag =
                    std::string(1, static_cast<char>('a' + client)) + std::to_string(i);
                Operation next = random_operation(random, tag);
                execute(session, next, round);
                mine.push_back(std::move(next));
            }
            const std::lock_guard<std::mutex> lock(mutex_);
            auto& history = histories_[static_cast<std::size_t>(round)];
            history.insert(history.end(), mine.begin(), mine.end());
        }
    }

    std::atomic<int> arrived_{0};
    std::mutex mutex_;
    std::vector<std::vector<Operation>> histories_ = std::vector<std::vector<Operation>>(kRounds);
};

TEST_P(LinearizabilityTest, HistoriesOfConcurrentClients) {
    start();
    const char* replay = std::getenv("GYRE_SEED");
    const uint64_t seed = replay != nullptr ? std::strtoull(replay, nullptr, 10) : kDefaultSeed;
    SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client) {
        clients.emplace_back([this, client, seed] { run_client(client, seed); });
    }
    for (std::thread& client : clients) client.join();
    for (const std::vector<Operation>& history : histories_) {
        if (is_linearizable(history, kGroupKeys)) continue;
        std::string text;
        for (const Operation& each : history) text += describe(each) + "\n";
        ADD_FAILURE() << "no order explains this history:\n" << text;
        break;
    }
}

TEST_P(LinearizabilityTest, ManyKeysAreWrittenAndReadAtOnce) {
    start();
    constexpr int kKeys = 40;
    constexpr int kWrites = 400;
    const auto write = [this](const std::string& tag) {
        Session session(*server_);
        for (int i = 0; i < kWrites; ++i) {
            std::vector<std::string> words{"MSET"};
            for (int key = 0; key < kKeys; ++key) {
                words.push_back("many:" + std::to_string(key));
                words.push_back(tag + std::to_string(i));
            }
            session.command(words);
        }
    };
    std::thread first(write, "first");
    std::thread second(write, "second");
    Session reader(*server_);
    std::vector<std::string> words{"MGET"};
    for (int key = kKeys - 1; key >= 0; --key) words.push_back("many:" + std::to_string(key));
    for (int i = 0; i < kWrites; ++i) {
        const Reply reply = reader.command(words);
        for (const Reply& element : reply.elements) {
            EXPECT_EQ(brief(element), brief(reply.elements[0]));
        }
    }
    first.join();
    second.join();
}

TEST_P(LinearizabilityTest, RenamesMoveAValueWithoutLosingOrDoublingIt) {
    start();
    Session setup(*server_);
    setup.ask("SET", "here", "value");
    const auto rename = [this](const std::string& from, const std::string& to) {
        Session session(*server_);
        for (int i = 0; i < 2000; ++i) session.command({"RENAME", from, to});
    };
    std::thread forth(rename, "here", "there");
    std::thread back(rename, "there", "here");
    Session reader(*server_);
    for (int i = 0; i < 1000; ++i) EXPECT_EQ(reader.number("EXISTS", "here", "there"), 1);
    forth.join();
    back.join();
}

GYRE_INSTANTIATE(LinearizabilityTest);

}  // namespace
}  // namespace gyre::test
