// SPDX-License-Identifier: BSD-3-Clause

// Transactions begun with BEGIN, batches, MULTI and plain commands of many clients at once, with
// clients that are cut off at any moment and a server that is killed: what is left has an order, a
// transaction is there whole or not at all, and what was acknowledged is there.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_test.h"
#include "support/seed.h"
#include "support/serializability.h"
#include "support/transaction_client.h"

namespace gyre::test {
namespace {

using Words = std::vector<std::string>;

class InteractiveTest : public ServerTest {
protected:
    static constexpr int kClients = 6;

    ~InteractiveTest() override {
        server_.reset();
        std::error_code ignored;
        if (!home_.empty()) std::filesystem::remove_all(home_, ignored);
    }

    void start_durably() {
        if (home_.empty()) home_ = make_temporary_directory();
        start({"--dir", home_, "--appendonly", "yes", "--appendfsync", "always", "--save", ""});
        ASSERT_TRUE(server().wait_for_log("Ready to accept connections")) << server().log();
    }

    /// One client's way to the server, which it loses now and then by its own doing, and for good
    /// when the server goes.
    class Line {
    public:
        Line(int port, uint64_t seed, int cuts_in) : port_(port), random_(seed), cuts_in_(cuts_in) {
            socket_ = RawSocket::connect_tcp(port_);
        }
        std::string ask(const Words& words) {
            if (!socket_) return {};
            if (cuts_in_ > 0 && random_() % static_cast<uint64_t>(cuts_in_) == 0) {
                // Sometimes the command arrives, and its answer has nowhere to go.
                if (random_() % 2 == 0) socket_->send(encode(words));
                socket_ = RawSocket::connect_tcp(port_);
                return {};
            }
            const Frame frame = socket_->command(words);
            if (!frame.raw.empty()) return frame.raw;
            socket_.reset();
            return {};
        }
        bool is_gone() const { return !socket_; }

    private:
        int port_;
        std::mt19937_64 random_;
        int cuts_in_;
        std::optional<RawSocket> socket_;
    };

    /// Runs clients for so many steps each, or until the server goes. `meanwhile` runs besides.
    void run_clients(int steps, int cuts_in, const std::function<void()>& meanwhile) {
        std::vector<std::thread> threads;
        for (int index = 0; index < kClients; ++index) {
            threads.emplace_back([&, index, round = ++rounds_] {
                const uint64_t seed = test_seed() + static_cast<uint64_t>(round);
                Line line(server().port(), seed, cuts_in);
                TransactionClient client(
                    "c" + std::to_string(round) + "-", seed,
                    [&line](const Words& words) { return line.ask(words); },
                    [this] { return clock_.fetch_add(1) + 1; });
                for (int step = 0; step < steps && !line.is_gone(); ++step) client.step();
                while (client.is_open()) client.step();
                const std::lock_guard lock(mutex_);
                history_.insert(history_.end(), client.history.begin(), client.history.end());
                static_cast<void>(index);
            });
        }
        meanwhile();
        for (std::thread& thread : threads) thread.join();
    }

    void expect_order() {
        RawSocket socket = server().connect();
        const FinalLists lists =
            lists_of([&](const Words& words) { return socket.command(words).raw; });
        EXPECT_EQ(find_anomaly(history_, lists), "");
    }
    size_t count(HistoryTransaction::End end) const {
        return static_cast<size_t>(std::ranges::count(history_, end, &HistoryTransaction::end));
    }

    std::string home_;
    std::atomic<int64_t> clock_{0};
    std::mutex mutex_;
    int rounds_ = 0;
    std::vector<HistoryTransaction> history_;
};

GYRE_INSTANTIATE(InteractiveTest);

TEST_P(InteractiveTest, HasAnOrderThoughClientsAreCutOff) {
    REQUIRE_GYRE();
    SCOPED_TRACE(seed_note());
    start();
    run_clients(1500, 60, [] {});
    expect_order();
    EXPECT_GT(count(HistoryTransaction::End::committed), 100U);
    // Nobody is left who has begun: all were rolled back.
    Session control = session();
    while (control.info("stats", "gyre_transactions_open") != "0") std::this_thread::yield();
}

TEST_P(InteractiveTest, IsThereWholeOrNotAtAllOverSigkill) {
    REQUIRE_GYRE();
    SCOPED_TRACE(seed_note());
    std::mt19937_64 random(test_seed());
    start_durably();
    for (int round = 0; round < 4; ++round) {
        const int64_t until = clock_.load() + 200 + static_cast<int64_t>(random() % 600);
        run_clients(1'000'000, 200, [&] {
            while (clock_.load() < until) std::this_thread::yield();
            server().send_signal(SIGKILL);
            EXPECT_TRUE(server().wait_exit().has_value());
        });
        start_durably();
        expect_order();
        if (::testing::Test::HasFailure()) return;
    }
    EXPECT_GT(count(HistoryTransaction::End::committed), 100U);
}

TEST_P(InteractiveTest, ALostConnectionRollsBack) {
    REQUIRE_GYRE();
    start();
    Session control = session();
    {
        RawSocket socket = server().connect();
        EXPECT_EQ(socket.command({"BEGIN"}).text, "OK");
        EXPECT_EQ(socket.command({"SET", "a", "1"}).text, "OK");
        EXPECT_EQ(socket.command({"GET", "a"}).text, "1");
        EXPECT_EQ(control.info("stats", "gyre_transactions_open"), "1");
    }
    // The server learns of it in its own time.
    while (control.info("stats", "gyre_transactions_open") != "0") std::this_thread::yield();
    EXPECT_EQ(control.info("stats", "gyre_transactions_rolled_back"), "1");
    EXPECT_EQ(control.ask("GET", "a"), "(nil)");
}

/// By whichever thread served it, though nobody else has anything for that one to do.
TEST_P(InteractiveTest, NothingIsKeptOfATransactionThatWasLost) {
    REQUIRE_GYRE();
    constexpr int64_t kBytes = 10'000'000;
    start();
    Session control = session();
    const auto used = [&control] { return std::stoll(control.info("memory", "used_memory")); };
    const int64_t before = used();
    for (int client = 0; client < 4; ++client) {
        RawSocket socket = server().connect();
        EXPECT_EQ(socket.command({"BEGIN"}).text, "OK");
        EXPECT_EQ(socket.command({"SET", "big", std::string(kBytes, 'x')}).text, "OK");
        EXPECT_GT(used(), before + kBytes);
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (used() > before + kBytes / 2 && std::chrono::steady_clock::now() < until) {
        std::this_thread::yield();
    }
    EXPECT_LE(used(), before + kBytes / 2);
}

TEST_P(InteractiveTest, APipelineIsATransaction) {
    REQUIRE_GYRE();
    start();
    RawSocket socket = server().connect();
    std::string text;
    for (const Words& words : std::vector<Words>{{"BEGIN"},
                                                 {"GET", "a"},
                                                 {"SET", "a", "1"},
                                                 {"GET", "a"},
                                                 {"BATCH", "set b 2; get b"},
                                                 {"KEYS", "*"},
                                                 {"COMMIT"},
                                                 {"GET", "b"}}) {
        text += encode(words);
    }
    socket.send(text);
    const std::vector<Frame> replies = socket.read_frames(8);
    ASSERT_EQ(replies.size(), 8U);
    EXPECT_TRUE(replies[1].is_null);
    EXPECT_EQ(replies[3].text, "1");
    EXPECT_EQ(replies[4].items.size(), 2U);
    EXPECT_EQ(replies[5].items.size(), 2U);
    EXPECT_EQ(replies[6].text, "OK");
    EXPECT_EQ(replies[7].text, "2");
}

/// An idle client does not keep its transaction for ever.
TEST_P(InteractiveTest, PastItsTimeItIsGoneThoughNobodyAsks) {
    REQUIRE_GYRE();
    start({"--transaction-max-time", "1"});
    Session control = session();
    RawSocket socket = server().connect();
    EXPECT_EQ(socket.command({"BEGIN"}).text, "OK");
    EXPECT_EQ(socket.command({"SET", "a", "1"}).text, "OK");
    while (control.info("stats", "gyre_transactions_open") != "0") std::this_thread::yield();
    EXPECT_EQ(control.info("stats", "gyre_transactions_aborted"), "1");
    EXPECT_NE(socket.command({"GET", "a"}).text.find("transaction-max-time"), std::string::npos);
    EXPECT_EQ(socket.command({"ROLLBACK"}).text, "OK");
}

}  // namespace
}  // namespace gyre::test
