// SPDX-License-Identifier: BSD-3-Clause

// Transactions of all kinds by several clients at once, and whether there is an order in which they
// could have run one after the other: BEGIN ... COMMIT, BATCH, MULTI ... EXEC, plain commands.
// First that the checker finds what is wrong with histories that are.

#include "support/serializability.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "commands/interactive.h"
#include "support/command_runner.h"
#include "support/seed.h"
#include "support/transaction_client.h"

namespace gyre::test {
namespace {

using Kind = HistoryOperation::Kind;
using End = HistoryTransaction::End;
using Words = std::vector<std::string>;

HistoryOperation append(std::string key, std::string value) {
    return {Kind::append, std::move(key), std::move(value), {}};
}
HistoryOperation read(std::string key, std::vector<std::string> seen) {
    return {Kind::read, std::move(key), {}, std::move(seen)};
}
HistoryOperation list_keys(std::set<std::string> keys) {
    return {Kind::list_keys, {}, {}, {}, std::move(keys)};
}
/// All at the same time, where nothing else is said.
HistoryTransaction transaction(std::string name, std::vector<HistoryOperation> operations,
                               End end = End::committed, int64_t began = 0, int64_t ended = 100) {
    return {std::move(name), std::move(operations), end, began, ended};
}

TEST(SerializabilityChecker, AcceptsWhatHasAnOrder) {
    EXPECT_EQ(find_anomaly({transaction("one", {read("a", {}), append("b", "1")}),
                            transaction("two", {read("b", {"1"}), append("a", "2")}),
                            transaction("three", {append("a", "3")}, End::aborted),
                            transaction("four", {append("b", "4"), read("b", {"1", "4"})},
                                        End::unknown, 0, INT64_MAX),
                            transaction("five", {append("a", "5")}, End::unknown, 0, INT64_MAX)},
                           {{"a", {"2"}}, {"b", {"1", "4"}}}),
              "");
}

TEST(SerializabilityChecker, FindsWriteSkew) {
    EXPECT_NE(find_anomaly({transaction("one", {read("a", {}), append("b", "1")}),
                            transaction("two", {read("b", {}), append("a", "2")})},
                           {{"a", {"2"}}, {"b", {"1"}}}),
              "");
}

TEST(SerializabilityChecker, FindsLostUpdatesAndTwoMoments) {
    EXPECT_NE(find_anomaly({transaction("one", {read("a", {}), append("a", "1")}),
                            transaction("two", {read("a", {}), append("a", "2")})},
                           {{"a", {"1", "2"}}}),
              "");
    EXPECT_NE(find_anomaly({transaction("one", {append("a", "1"), append("b", "2")}),
                            transaction("two", {read("a", {}), read("b", {"2"})})},
                           {{"a", {"1"}}, {"b", {"2"}}}),
              "");
}

TEST(SerializabilityChecker, FindsPhantoms) {
    EXPECT_NE(find_anomaly({transaction("one", {list_keys({}), append("b", "1")}),
                            transaction("two", {list_keys({}), append("a", "2")})},
                           {{"a", {"2"}}, {"b", {"1"}}}),
              "");
    EXPECT_NE(find_anomaly({transaction("one", {append("a", "1"), list_keys({})})}, {{"a", {"1"}}}),
              "");
}

TEST(SerializabilityChecker, FindsWhatAbortedAndWhatWasLost) {
    EXPECT_NE(find_anomaly({transaction("one", {append("a", "1")}, End::aborted)}, {{"a", {"1"}}}),
              "");
    EXPECT_NE(find_anomaly({transaction("one", {append("a", "1"), append("b", "2")}, End::unknown,
                                        0, INT64_MAX)},
                           {{"a", {"1"}}}),
              "")
        << "half of it is there";
    EXPECT_NE(find_anomaly({transaction("one", {append("a", "1")})}, {}), "");
    EXPECT_NE(find_anomaly({transaction("one", {append("a", "1")}, End::aborted),
                            transaction("two", {read("a", {"1"})})},
                           {}),
              "");
    EXPECT_NE(find_anomaly({transaction("one", {append("a", "1"), read("a", {})})}, {{"a", {"1"}}}),
              "");
    EXPECT_NE(find_anomaly({transaction("one", {append("a", "1")})}, {{"a", {"1", "1"}}}), "");
}

TEST(SerializabilityChecker, FindsWhatComesTooLate) {
    EXPECT_NE(find_anomaly({transaction("one", {append("a", "1")}, End::committed, 0, 10),
                            transaction("two", {read("a", {})}, End::committed, 20, 30)},
                           {{"a", {"1"}}}),
              "");
}

// --- clients -------------------------------------------------------------------------------------

size_t committed(const std::vector<HistoryTransaction>& history, End end = End::committed) {
    return static_cast<size_t>(
        std::ranges::count(history, end, [](const auto& one) { return one.end; }));
}

// One thread, whose order of steps comes from the seed: what is found once is found again.
TEST(Serializability, HoldsForAnyOrderOfSteps) {
    size_t aborted = 0;
    for (uint64_t seed = test_seed(); seed < test_seed() + 2000; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        CommandRunner runner({.shards = seed % 2 == 0 ? size_t{1} : size_t{16}, .seed = seed});
        if (seed % 3 == 0) runner.dataset().settings.list_max_listpack_size = 3;
        base::Random random(seed);
        int64_t now = 0;
        std::vector<std::unique_ptr<TransactionClient>> clients;
        for (int index = 0; index < 4; ++index) {
            commands::Session& session = runner.add_session();
            clients.push_back(std::make_unique<TransactionClient>(
                std::string(1, static_cast<char>('a' + index)), seed * 10 + index,
                [&runner, &session](const Words& words) { return runner.run_as(session, words); },
                [&now] { return ++now; }));
        }
        for (int step = 0; step < 150; ++step) clients[random.below(clients.size())]->step();
        for (const auto& client : clients) {
            while (client->is_open()) client->step();
        }
        std::vector<HistoryTransaction> history;
        for (const auto& client : clients) {
            history.insert(history.end(), client->history.begin(), client->history.end());
        }
        const auto lists = lists_of([&](const Words& words) { return runner.run(words); });
        ASSERT_EQ(find_anomaly(history, lists), "");
        ASSERT_FALSE(::testing::Test::HasFailure());
        EXPECT_GT(committed(history), 0U);
        aborted += committed(history, End::aborted);
        ASSERT_EQ(runner.dataset().views(), 0);
    }
    EXPECT_GT(aborted, 1000U) << "where nothing meets, nothing is shown";
}

// --- threads -------------------------------------------------------------------------------------

/// What a reactor has, without its ring.
class Lane {
public:
    Lane(engine::Dataset& dataset, commands::ClientRegistry& clients, size_t threads)
        : evictor_(dataset, executor_, 1, [] { return int64_t{0}; }),
          services_{.dataset = dataset,
                    .executor = executor_,
                    .evictor = evictor_,
                    .reactor = nullptr,
                    .clients = clients,
                    .configuration = configuration_,
                    .information = information_,
                    .control = control_,
                    .persistence = persistence_,
                    .aliases = aliases_,
                    .background = background_,
                    .statistics = statistics_,
                    .slowlog = slowlog_,
                    .latency = latency_},
          dispatcher_(services_, threads) {}
    ~Lane() { commands::roll_back(session_, executor_); }

    std::string run(const Words& words) {
        for (const std::string& word : words) dispatcher_.arguments().push_back({word, nullptr});
        const commands::Request& admitted = dispatcher_.admit(0, session_);
        const commands::RequestView request = dispatcher_.view(admitted);
        resp::ReplyWriter reply(output_, resp::Protocol::resp2);
        if (dispatcher_.execute(request, session_, reply, kNowMs) ==
            commands::Dispatcher::Outcome::coroutine) {
            commands::Context context = dispatcher_.make_context(request, session_, reply, kNowMs);
            ring::TaskList tasks;
            tasks.start(request.spec->coroutine(context));
        }
        dispatcher_.clear();
        executor_.reclaimer.run();
        return CommandRunner::take_output(output_);
    }

private:
    static constexpr int64_t kNowMs = 1'700'000'000'000;

    engine::Executor executor_;
    engine::Evictor evictor_;
    commands::CommandStatistics statistics_;
    commands::Slowlog slowlog_;
    commands::LatencyMonitor latency_;
    FakeConfiguration configuration_;
    FakeInformation information_;
    FakeControl control_;
    FakePersistence persistence_;
    FakeAliases aliases_;
    FakeBackground background_;
    commands::Services services_;
    commands::Dispatcher dispatcher_;
    base::ChunkPool chunks_;
    base::OutputBuffer output_{chunks_};
    commands::Session session_;
};

TEST(Serializability, HoldsAcrossThreads) {
    constexpr size_t kThreads = 3;
    for (uint64_t seed = test_seed(); seed < test_seed() + 30; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        engine::Dataset dataset({.threads = kThreads, .databases = 2, .shards = 8, .seed = seed});
        commands::ClientRegistry registry;
        std::vector<std::unique_ptr<Lane>> lanes;
        for (size_t index = 0; index < kThreads; ++index) {
            lanes.push_back(std::make_unique<Lane>(dataset, registry, kThreads));
        }
        std::atomic<int64_t> clock{0};
        std::vector<std::unique_ptr<TransactionClient>> clients;
        for (size_t index = 0; index < kThreads; ++index) {
            Lane& lane = *lanes[index];
            clients.push_back(std::make_unique<TransactionClient>(
                std::string(1, static_cast<char>('a' + index)), seed * 10 + index,
                [&lane](const Words& words) { return lane.run(words); },
                [&clock] { return clock.fetch_add(1) + 1; }));
        }
        std::vector<std::thread> threads;
        for (const auto& client : clients) {
            threads.emplace_back([&client = *client] {
                for (int step = 0; step < 500; ++step) client.step();
                while (client.is_open()) client.step();
            });
        }
        for (std::thread& thread : threads) thread.join();
        std::vector<HistoryTransaction> history;
        for (const auto& client : clients) {
            history.insert(history.end(), client->history.begin(), client->history.end());
        }
        const auto lists = lists_of([&](const Words& words) { return lanes[0]->run(words); });
        ASSERT_EQ(find_anomaly(history, lists), "");
        ASSERT_FALSE(::testing::Test::HasFailure());
    }
}

}  // namespace
}  // namespace gyre::test
