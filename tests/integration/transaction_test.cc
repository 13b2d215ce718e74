// SPDX-License-Identifier: BSD-3-Clause

// Transactions under concurrency: what other clients see of them, and that watched keys exclude
// lost updates.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "integration/server_test.h"
#include "support/seed.h"

namespace gyre::test {
namespace {

class TransactionTest : public ServerTest {
protected:
    static constexpr int kAccounts = 12;
    static std::string account(size_t index) { return "account:" + std::to_string(index); }

    /// Runs `work` for each of the threads, with a session of its own.
    void run_clients(int count, const std::function<void(Session&, std::mt19937_64&)>& work) {
        std::vector<std::thread> threads;
        for (int index = 0; index < count; ++index) {
            threads.emplace_back([&, index] {
                Session one = session();
                std::mt19937_64 random(test_seed() + static_cast<uint64_t>(index));
                work(one, random);
            });
        }
        for (std::thread& one : threads) one.join();
    }
};

// Money moves between accounts by MULTI; whoever reads all of them, by MULTI or MGET, by KEYS and
// EXISTS in between, sees the same sum.
TEST_P(TransactionTest, TransactionsAreSeenWholeOrNotAtAll) {
    SCOPED_TRACE(seed_note());
    start();
    Session control = session();
    for (size_t index = 0; index < kAccounts; ++index) control.ask("SET", account(index), "100");
    std::atomic<int> wrong{0};
    run_clients(6, [&](Session& one, std::mt19937_64& random) {
        for (int round = 0; round < 400; ++round) {
            const std::string from = account(random() % kAccounts);
            const std::string to = account(random() % kAccounts);
            one.ask("MULTI");
            one.ask("DECRBY", from, "7");
            // Every other transaction locks the whole keyspace.
            if (random() % 2 == 0) one.ask("DBSIZE");
            if (random() % 8 == 0) one.ask("INFO", "keyspace");
            if (random() % 8 == 0) one.ask("CONFIG", "SET", "maxkeys", "0");
            one.ask("INCRBY", to, "7");
            one.ask("EXEC");
            std::vector<std::string> words{"MGET"};
            for (size_t index = 0; index < kAccounts; ++index) words.push_back(account(index));
            int64_t sum = 0;
            for (const Reply& value : one.command(words).elements) sum += std::stoll(value.text);
            if (sum != 100 * kAccounts) wrong.fetch_add(1);
        }
    });
    EXPECT_EQ(wrong.load(), 0);
}

// A counter that is read, and written by MULTI under WATCH: no increment is lost, and none is made
// twice.
TEST_P(TransactionTest, WatchedKeysLoseNoUpdate) {
    SCOPED_TRACE(seed_note());
    start();
    Session control = session();
    control.ask("SET", "counter", "0");
    std::atomic<int64_t> made{0};
    std::atomic<int64_t> conflicts{0};
    run_clients(6, [&](Session& one, std::mt19937_64&) {
        for (int round = 0; round < 200; ++round) {
            one.ask("WATCH", "counter");
            const int64_t value = std::stoll(one.ask("GET", "counter"));
            one.ask("MULTI");
            one.ask("SET", "counter", std::to_string(value + 1));
            (one.ask("EXEC") == "(nil)" ? conflicts : made).fetch_add(1);
        }
    });
    EXPECT_EQ(control.ask("GET", "counter"), std::to_string(made.load()));
    EXPECT_EQ(made + conflicts, 1200);
}

// Each writes its own of two keys if the other one is not there: never are both.
TEST_P(TransactionTest, WatchedKeysExcludeWriteSkew) {
    start();
    for (int round = 0; round < 200; ++round) {
        Session control = session();
        control.ask("FLUSHALL");
        std::vector<std::thread> threads;
        for (int index = 0; index < 2; ++index) {
            threads.emplace_back([&, index] {
                Session one = session();
                const std::string mine = "k" + std::to_string(index);
                const std::string other = "k" + std::to_string(1 - index);
                one.ask("WATCH", other);
                if (one.ask("EXISTS", other) != ":0") return;
                one.ask("MULTI");
                one.ask("SET", mine, "1");
                one.ask("EXEC");
            });
        }
        for (std::thread& one : threads) one.join();
        ASSERT_EQ(control.ask("EXISTS", "k0", "k1"), ":1");
    }
}

TEST_P(TransactionTest, AClientThatLeavesTakesItsTransactionAlong) {
    start();
    Session control = session();
    {
        RawSocket one = socket();
        one.command({"WATCH", "a", "b"});
        one.command({"MULTI"});
        EXPECT_EQ(one.command({"SET", "a", "1"}).text, "QUEUED");
    }
    EXPECT_EQ(control.ask("EXISTS", "a"), ":0");
    EXPECT_EQ(control.ask("SET", "a", "2"), "OK");
}

TEST_P(TransactionTest, QueuedCommandsCountAsQueryBuffer) {
    start({"--client-query-buffer-limit", "2mb"});
    RawSocket one = socket();
    one.command({"MULTI"});
    const std::string part(500'000, 'x');
    bool is_closed = false;
    for (int index = 0; index < 10 && !is_closed; ++index) {
        is_closed = one.command({"SET", "a", part}).text == "closed";
    }
    EXPECT_TRUE(is_closed);
    EXPECT_EQ(session().info("stats", "client_query_buffer_limit_disconnections"), "1");
}

TEST_P(TransactionTest, OneThatIsLostKeepsNothingMore) {
    start();
    Session one = session();
    Session other = session();
    const std::string part(500'000, 'x');
    const auto queue_much = [&] {
        for (int index = 0; index < 10; ++index) EXPECT_EQ(one.ask("SET", "a", part), "QUEUED");
    };
    const std::string id = one.ask("CLIENT", "ID").substr(1);
    const auto queued = [&] {
        const std::string text = other.ask("CLIENT", "LIST", "ID", id);
        return text.substr(text.find(" multi="), 8);
    };
    one.ask("MULTI");
    one.ask("SET", "a");
    queue_much();
    EXPECT_EQ(queued(), " multi=0");
    EXPECT_EQ(one.ask("EXEC"), "-EXECABORT Transaction discarded because of previous errors.");
    one.ask("WATCH", "w");
    other.ask("SET", "w", "1");
    one.ask("MULTI");
    queue_much();
    EXPECT_EQ(queued(), " multi=0");
    EXPECT_EQ(one.ask("EXEC"), "(nil)");
}

TEST_P(TransactionTest, APauseOfWritesHoldsBackTransactionsThatWrite) {
    start();
    Session control = session();
    RawSocket reads = socket();
    RawSocket writes = socket();
    for (RawSocket* one : {&reads, &writes}) one->command({"MULTI"});
    reads.command({"GET", "a"});
    writes.command({"SET", "a", "1"});
    control.ask("CLIENT", "PAUSE", "100000", "WRITE");
    EXPECT_EQ(reads.command({"EXEC"}).items.size(), 1U);
    writes.send(encode({"EXEC"}));
    EXPECT_TRUE(writes.is_silent_for(std::chrono::milliseconds(100)));
    control.ask("CLIENT", "UNPAUSE");
    EXPECT_EQ(writes.read_frame()->items.size(), 1U);
}

GYRE_INSTANTIATE(TransactionTest);

}  // namespace
}  // namespace gyre::test
