// SPDX-License-Identifier: BSD-3-Clause

// Coroutine commands on a reactor: they yield between slices, others change the data meanwhile, and
// the client may go while they sleep. The simulated ring's clock stands still within a turn, so a
// slice ends after Slice::kStepsMax steps.

#include "commands/slice.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/ticks.h"
#include "commands/context.h"
#include "commands/registry.h"
#include "ring/sim/sim_ring.h"
#include "ring/sim/world.h"
#include "support/command_runner.h"

namespace gyre::commands {
namespace {

struct IdleClient : ring::Reactor::Client {
    void on_ready() override {}
    int64_t before_wait() override { return -1; }
};

class SliceTest : public testing::Test {
protected:
    SliceTest() : services_(runner_.services()) {
        world_.attach(reactor_, ring_);
        services_.reactor = &reactor_;
    }

    void fill(const std::string& prefix, int count) {
        for (int index = 0; index < count; ++index) {
            runner_.run({"SET", prefix + std::to_string(index), "value"});
        }
    }
    /// Starts a command of one session; `between` runs after each turn until it has ended. Returns
    /// the number of turns.
    int run(std::vector<std::string_view> words, const std::function<void()>& between) {
        start(words);
        int turns = 0;
        while (tasks_.size() > 0) {
            between();
            reactor_.turn(false);
            ++turns;
        }
        return turns;
    }
    void start(const std::vector<std::string_view>& words) {
        arguments_.clear();
        for (const std::string_view word : words) arguments_.push_back({.bytes = word});
        const CommandSpec& spec = *find_command(words[0]);
        const engine::Keyspace keyspace(services_.dataset, services_.executor, 0, runner_.now_ms(),
                                        false);
        context_.emplace(
            Context{runner_.session(), spec, arguments_, {}, reply_, keyspace, services_});
        tasks_.start(spec.coroutine(*context_));
    }
    std::string take_output() {
        std::string bytes;
        while (!output_.empty()) {
            iovec vector{};
            output_.gather({&vector, 1}, SIZE_MAX);
            bytes.append(static_cast<const char*>(vector.iov_base), vector.iov_len);
            output_.consume(vector.iov_len);
        }
        return bytes;
    }

    test::CommandRunner runner_;
    ring::sim::World world_{1};
    ring::sim::SimRing ring_{world_};
    IdleClient client_;
    ring::Reactor reactor_{ring_, client_};
    Services services_;
    base::ChunkPool chunks_;
    base::OutputBuffer output_{chunks_};
    resp::ReplyWriter reply_{output_, resp::Protocol::resp2};
    std::vector<resp::Argument> arguments_;
    std::optional<Context> context_;
    ring::TaskList tasks_;
};

TEST_F(SliceTest, keys_yields_and_gives_what_stays_exactly_once) {
    fill("stays:", 1000);
    fill("goes:", 19'000);
    int gone = 0;
    const int turns = run({"KEYS"}, [&] {
        for (int change = 0; change < 4000 && gone < 19'000; ++change) {
            runner_.run({"DEL", "goes:" + std::to_string(gone++)});
        }
    });
    EXPECT_GE(turns, 3);
    const std::string reply = take_output();
    std::map<std::string, int> given;
    size_t at = reply.find("\r\n") + 2;
    while (at < reply.size()) {
        const size_t begin = reply.find("\r\n", at) + 2;
        const size_t end = reply.find("\r\n", begin);
        ++given[reply.substr(begin, end - begin)];
        at = end + 2;
    }
    EXPECT_EQ(reply.substr(0, reply.find("\r\n")), "*" + std::to_string(given.size()));
    for (int index = 0; index < 1000; ++index) {
        EXPECT_EQ(given["stays:" + std::to_string(index)], 1) << index;
    }
    for (const auto& [name, times] : given) EXPECT_EQ(times, 1) << name;
}

TEST_F(SliceTest, a_flush_that_waits_replies_when_the_memory_is_free) {
    fill("key:", 20'000);
    int replies_early = 0;
    const int turns = run({"FLUSHALL"}, [&] {
        EXPECT_EQ(runner_.run({"DBSIZE"}), ":0\r\n");
        replies_early += output_.empty() ? 0 : 1;
    });
    EXPECT_GE(turns, 1);
    EXPECT_EQ(replies_early, 0);
    EXPECT_EQ(runner_.dataset().detached_entries(runner_.executor()), 0U);
    EXPECT_EQ(take_output(), "+OK\r\n");
}

TEST_F(SliceTest, size_and_scan_and_populate_yield_too) {
    EXPECT_GE(run({"DEBUG", "POPULATE", "20000"}, [] {}), 20'000 / int{Slice::kStepsMax} - 1);
    EXPECT_EQ(take_output(), "+OK\r\n");
    EXPECT_GE(run({"SCAN", "0", "COUNT", "1000000"}, [] {}), 3);
    EXPECT_TRUE(take_output().starts_with("*2\r\n$1\r\n0\r\n*20000\r\n"));
    // Keys past their deadline make SIZE look at all of them.
    for (int index = 0; index < 1000; ++index) {
        runner_.run({"SET", "soon:" + std::to_string(index), "1", "PX", "1"});
    }
    runner_.advance_ms(2);
    world_.step_wall(runner_.now_ms() - ring_.wall_ms());
    EXPECT_GE(run({"SIZE"}, [] {}), 3);
    EXPECT_EQ(take_output(), ":20000\r\n");
}

TEST_F(SliceTest, the_time_between_slices_is_not_the_commands) {
    fill("key:", 20'000);
    constexpr uint64_t kBetweenNs = 2'000'000;
    const uint64_t start = base::ticks();
    const int turns = run({"KEYS"}, [] {
        const uint64_t begin = base::ticks();
        while (base::ticks_to_ns(base::ticks() - begin) < kBetweenNs) {
        }
    });
    const uint64_t away_ns = base::ticks_to_ns(context_->away_ticks);
    EXPECT_GE(turns, 3);
    EXPECT_GE(away_ns, static_cast<uint64_t>(turns) * kBetweenNs);
    EXPECT_LT(context_->away_ticks, base::ticks() - start);
}

TEST_F(SliceTest, a_command_may_be_destroyed_while_it_sleeps) {
    fill("key:", 20'000);
    start({"ITEMS"});
    ASSERT_EQ(tasks_.size(), 1U);
    tasks_.clear();
    reactor_.turn(false);
    EXPECT_TRUE(output_.empty());
    EXPECT_EQ(runner_.run({"DBSIZE"}), ":20000\r\n");
}

}  // namespace
}  // namespace gyre::commands
