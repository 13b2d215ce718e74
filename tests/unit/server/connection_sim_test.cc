// SPDX-License-Identifier: BSD-3-Clause
//
// A server of one or two workers and several clients with random conversations, over thousands of
// seeds of the simulated world, half of them with a random set of faults.
//
// Oracle: what touches a client's own keys is answered as a model says, byte by byte and in order;
// what touches the keys of all is answered in the right form; a connection that was not broken is
// answered to its end. Whenever nothing can happen for a while, no reply is owed to anybody. And
// afterwards nothing is left: no connection, operation, buffer, coroutine or memory of clients.
// Some seeds run twice and must give the same history.

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>

#include "base/hash.h"
#include "base/log.h"
#include "base/memory.h"
#include "conversation.h"
#include "simulated_server.h"

namespace gyre::server {
namespace {

uint64_t first_seed() {
    const char* text = std::getenv("GYRE_SEED");
    return text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
}

/// Longer than anything that makes a server wait by itself: pauses, the rest after a failed accept,
/// slow networks. Shorter than the worker's regular look at its connections, which would hide that
/// one of them was forgotten.
constexpr int64_t kQuietUs = 200'000;
/// Steps within which somebody must get on.
constexpr int kStepsMax = 100'000;
constexpr int64_t kEndUs = 10'000'000;

/// One client: says its script in pieces, reads slowly or fast, ends as the script wants.
class Speaker {
public:
    Speaker(SimulatedServer& server, base::Random& random, Script script)
        : peer_(server.world(), SimulatedServer::address()),
          script_(std::move(script)),
          reads_max_(random.below(2) == 0 ? SIZE_MAX : 1 + random.below(8000)),
          writes_max_(random.below(2) == 0 ? SIZE_MAX : 1 + random.below(4000)),
          breaks_at_(random.below(script_.bytes.size() + 1)) {}

    /// Does one thing; called between two steps.
    void act(base::Random& random) {
        speak(random);
        if (!is_closed_) received_ += peer_.receive(1 + random.below(reads_max_));
        if (!listener_.hear(received_, script_.expected)) is_wrong_ = true;
        end();
    }
    bool is_over() const {
        return is_closed_ || peer_.is_refused() ||
               ((peer_.is_ended() || peer_.is_reset()) && peer_.available() == 0);
    }
    bool is_wrong() const { return is_wrong_; }
    /// Grows with everything that happens to it.
    uint64_t progress() const { return sent_ + listener_.heard() + received_.size(); }
    /// A reply that should have come, when nothing is under way any more.
    bool is_owed() const {
        if (is_over() || !peer_.is_connected() || peer_.unsent() > 0 || peer_.available() > 0) {
            return false;
        }
        return !script_.expected.empty() && script_.expected.front().command_end <= sent_;
    }
    bool is_broken() const { return peer_.is_reset(); }
    bool breaks_itself() const {
        return script_.ending == Ending::reset || script_.ending == Ending::close_early;
    }
    bool may_lose_replies() const { return breaks_itself() || script_.ending == Ending::cut_off; }
    /// Connected and closed again without a word.
    bool is_turned_away() const { return received_.empty() && listener_.heard() == 0; }
    bool is_answered() const { return script_.expected.empty() && received_.empty(); }
    bool was_connected() const { return peer_.is_connected(); }
    uint64_t heard() const { return listener_.heard(); }
    std::string_view rest() const { return received_; }
    const Expectation* awaited() const {
        return script_.expected.empty() ? nullptr : &script_.expected.front();
    }

private:
    void speak(base::Random& random) {
        if (peer_.is_reset() || is_closed_ || is_finished_ || sent_ == script_.bytes.size()) return;
        const size_t left = script_.bytes.size() - sent_;
        const size_t count = std::min(left, 1 + random.below(std::min(writes_max_, left)));
        peer_.send(std::string_view(script_.bytes).substr(sent_, count));
        sent_ += count;
    }
    void end() {
        if (is_closed_ || is_finished_ || peer_.is_reset()) return;
        if (breaks_itself() && sent_ >= breaks_at_) {
            script_.ending == Ending::reset ? peer_.reset() : peer_.close();
            is_closed_ = true;
        } else if (script_.ending == Ending::half_close && sent_ == script_.bytes.size()) {
            peer_.finish_sending();
            is_finished_ = true;
        } else if (script_.ending == Ending::close_late && is_answered() &&
                   sent_ == script_.bytes.size()) {
            peer_.close();
            is_closed_ = true;
        }
    }

    ring::sim::Peer peer_;
    Script script_;
    Listener listener_;
    std::string received_;  // and not yet understood
    const uint64_t reads_max_;
    const size_t writes_max_;
    const size_t breaks_at_;
    size_t sent_ = 0;
    bool is_finished_ = false;
    bool is_closed_ = false;
    bool is_wrong_ = false;
};

struct Outcome {
    uint64_t trace_hash = 0;
    uint64_t replies = 0;
    uint64_t broken = 0;
    uint64_t turned_away = 0;
    uint64_t starved = 0;
};

/// Plays one seed.
class Play {
public:
    explicit Play(uint64_t seed) : random_(seed), server_(options(seed)) {
        memory_before_ = base::used(base::Purpose::clients);
        const size_t count = 1 + random_.below(5);
        ScriptWriter writer(random_, value_bytes_max(), random_.below(3) == 0 ? 6 : 60);
        for (size_t i = 0; i < count; ++i)
            speakers_.emplace_back(server_, random_, writer.write(i));
    }

    Outcome run() {
        converse();
        Outcome outcome;
        for (const Speaker& speaker : speakers_) judge(speaker, outcome);
        EXPECT_TRUE(server_.run_until([this] { return server_.is_at_rest(); }, kEndUs))
            << "something is left";
        judge_memory();
        for (size_t i = 0; i < workers_; ++i) {
            outcome.starved += server_.ring(i).counters().buffer_starved;
        }
        outcome.trace_hash = server_.world().trace_hash();
        return outcome;
    }

private:
    SimulatedServerOptions options(uint64_t seed) {
        base::seed_hash(seed);
        SimulatedServerOptions chosen;
        chosen.seed = seed;
        chosen.workers = workers_ = 1 + random_.below(2);
        // With many shards a walk through the keys takes more than one slice.
        chosen.shards = random_.below(4) == 0 ? 1024 : 16;
        if (random_.below(2) == 0) {
            chosen.faults = ring::sim::Faults::swarm(random_);
            // Less than that takes for ever.
            chosen.faults.window_bytes = std::max(chosen.faults.window_bytes, 32U);
        }
        faults_ = chosen.faults;
        chosen.ring.buffer_count = 1 + static_cast<uint32_t>(random_.below(4));
        static constexpr uint32_t kBufferBytes[] = {16, 200, 1024, 16 * 1024, 64 * 1024};
        chosen.ring.buffer_bytes =
            1 + static_cast<uint32_t>(random_.below(kBufferBytes[random_.below(5)]));
        buffer_bytes_ = chosen.ring.buffer_bytes;
        return chosen;
    }
    /// So much that a value takes some hundred steps at most.
    size_t value_bytes_max() const {
        size_t bytes = 200 * 1024;
        if (faults_.window_bytes < 1024) bytes = size_t{faults_.window_bytes} * 100;
        return std::min(bytes, size_t{buffer_bytes_} * 500);
    }
    void converse() {
        int steps = 0;
        uint64_t progress_before = 0;
        while (!let_speak()) {
            const int64_t before_us = server_.world().now_us();
            server_.world().step();
            if (server_.world().now_us() - before_us >= kQuietUs) expect_nothing_owed();
            const uint64_t progress = sum_progress();
            steps = progress == progress_before ? steps + 1 : 0;
            progress_before = progress;
            if (steps > kStepsMax) ADD_FAILURE() << "no progress";
            if (::testing::Test::HasFailure()) return;
        }
    }
    /// True when all of them are over.
    bool let_speak() {
        bool all = true;
        for (Speaker& speaker : speakers_) {
            if (random_.below(4) == 0) speaker.act(random_);
            if (speaker.is_wrong()) report(speaker, "wrong reply");
            all = all && speaker.is_over();
        }
        return all;
    }
    uint64_t sum_progress() const {
        uint64_t sum = 0;
        for (const Speaker& speaker : speakers_) sum += speaker.progress();
        return sum;
    }
    void expect_nothing_owed() {
        for (const Speaker& speaker : speakers_) {
            if (speaker.is_owed()) report(speaker, "forgotten");
        }
    }
    void judge(const Speaker& speaker, Outcome& outcome) {
        outcome.replies += speaker.heard();
        if (speaker.is_broken() && (speaker.breaks_itself() || faults_.reset > 0)) {
            ++outcome.broken;
        } else if (faults_.accept_failure > 0 && speaker.is_turned_away()) {
            ++outcome.turned_away;
        } else if (!speaker.may_lose_replies() && !speaker.is_answered()) {
            report(speaker, "not answered to the end");
        }
    }
    static void report(const Speaker& speaker, const char* what) {
        const Expectation* awaited = speaker.awaited();
        ADD_FAILURE() << what << " after " << speaker.heard() << " replies\nawaited: "
                      << (awaited == nullptr ? "the end" : awaited->describe().substr(0, 200))
                      << "\nreceived: " << speaker.rest().substr(0, 200);
    }
    /// What the clients needed is back, but for pools.
    void judge_memory() {
        constexpr int64_t kFramesMax = 256 * 1024;
        int64_t pooled = 0;
        for (size_t i = 0; i < workers_; ++i) {
            pooled += static_cast<int64_t>(server_.worker(i).chunks().free_count()) *
                      static_cast<int64_t>(base::ChunkPool::kChunkBytes + 64);
        }
        EXPECT_LE(base::used(base::Purpose::clients), memory_before_ + pooled + kFramesMax);
    }

    base::Random random_;
    size_t workers_ = 1;
    uint32_t buffer_bytes_ = 0;
    ring::sim::Faults faults_;
    SimulatedServer server_;
    std::deque<Speaker> speakers_;
    int64_t memory_before_ = 0;
};

TEST(ConnectionSim, converses_in_thousands_of_worlds) {
    base::set_level(base::Level::nothing);
    constexpr uint64_t kSeeds = 3000;
    constexpr uint64_t kTwiceEvery = 8;
    Outcome sum;
    const uint64_t first = first_seed();
    for (uint64_t seed = first; seed < first + kSeeds; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        const Outcome once = Play(seed).run();
        ASSERT_FALSE(::testing::Test::HasFailure());
        if (seed % kTwiceEvery == 0) {
            // By now the pools hold all that this play needs.
            const int64_t before = base::used(base::Purpose::clients);
            const Outcome again = Play(seed).run();
            ASSERT_EQ(once.trace_hash, again.trace_hash) << "not deterministic";
            ASSERT_EQ(before, base::used(base::Purpose::clients));
        }
        sum.replies += once.replies;
        sum.broken += once.broken;
        sum.turned_away += once.turned_away;
        sum.starved += once.starved;
    }
    // The worlds were neither too kind nor too hostile.
    EXPECT_GT(sum.replies, kSeeds * 20);
    EXPECT_GT(sum.broken, kSeeds / 20);
    EXPECT_GT(sum.turned_away, kSeeds / 50);
    EXPECT_GT(sum.starved, kSeeds);
    base::set_level(base::Level::notice);
}

}  // namespace
}  // namespace gyre::server
