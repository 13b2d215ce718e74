// SPDX-License-Identifier: BSD-3-Clause
// The generator on a real ring, over socket pairs whose other ends threads of the test answer. All
// requests are PING, 14 bytes each, so that the peers can count without parsing.

#include "load/generator.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "load/clock.h"
#include "ring/uring/uring_ring.h"

namespace gyre::load {
namespace {

constexpr size_t kRequestBytes = 14;
constexpr int64_t kMillisecond = 1'000'000;

struct PeerOptions {
    std::string reply = "+PONG\r\n";
    size_t piece_bytes = 1 << 20;       ///< replies are sent in pieces of this size
    uint64_t close_after = UINT64_MAX;  ///< requests, after which the peer closes unanswered
    int64_t stall_ns = 0;               ///< time before the first answer
};

/// The server's end of one connection.
class Peer {
public:
    explicit Peer(PeerOptions options) : options_(std::move(options)) {
        int pair[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
        descriptor_ = pair[0];
        remote_ = pair[1];
        thread_ = std::thread([this] { serve(); });
    }
    ~Peer() { join(); }
    /// The end of the generator, which closes it, and so ends the thread.
    int remote() const { return remote_; }
    void join() {
        if (thread_.joinable()) thread_.join();
    }
    // After join().
    uint64_t requests() const { return bytes_ / kRequestBytes; }
    uint64_t most_at_once() const { return bytes_at_once_max_ / kRequestBytes; }

private:
    void serve() {
        char buffer[64 * 1024];
        for (;;) {
            const ssize_t received = ::recv(descriptor_, buffer, sizeof(buffer), 0);
            if (received <= 0) break;
            const uint64_t before = requests();
            bytes_ += static_cast<uint64_t>(received);
            bytes_at_once_max_ = std::max(bytes_at_once_max_, static_cast<uint64_t>(received));
            if (requests() > options_.close_after) break;
            if (before == 0) stall();
            if (!answer(requests() - before)) break;
        }
        ::close(descriptor_);
    }
    void stall() const {
        const int64_t until_ns = monotonic_ns() + options_.stall_ns;
        while (monotonic_ns() < until_ns) pause_processor();
    }
    bool answer(uint64_t count) const {
        std::string text;
        for (uint64_t i = 0; i < count; ++i) text += options_.reply;
        for (size_t at = 0; at < text.size(); at += options_.piece_bytes) {
            const size_t bytes = std::min(options_.piece_bytes, text.size() - at);
            if (::send(descriptor_, text.data() + at, bytes, MSG_NOSIGNAL) < 0) return false;
        }
        return true;
    }

    const PeerOptions options_;
    int descriptor_ = -1;
    int remote_ = -1;
    uint64_t bytes_ = 0;
    uint64_t bytes_at_once_max_ = 0;
    std::thread thread_;
};

class LoadGenerator : public ::testing::Test {
protected:
    void SetUp() override {
        auto created = ring::create_uring_ring({.buffer_count = 64});
        ASSERT_TRUE(created) << created.error().message;
        ring_ = std::move(*created);
        options_.command = Command::ping;
        options_.requests = 0;
    }

    Peer& add_peer(PeerOptions options = {}) { return peers_.emplace_back(std::move(options)); }

    /// Runs with the peers added, and waits for their ends.
    Results run() {
        std::vector<int> descriptors;
        for (const Peer& peer : peers_) descriptors.push_back(peer.remote());
        Results results;
        {
            Generator generator(*ring_, options_, descriptors);
            results = generator.run();
        }
        for (Peer& peer : peers_) peer.join();
        return results;
    }

    uint64_t requests_seen() const {
        uint64_t sum = 0;
        for (const Peer& peer : peers_) sum += peer.requests();
        return sum;
    }

    std::unique_ptr<ring::Ring> ring_;
    std::deque<Peer> peers_;
    Options options_;
};

TEST_F(LoadGenerator, AClosedLoopSendsExactlyTheRequestsAskedFor) {
    for (int i = 0; i < 3; ++i) add_peer();
    options_.pipeline = 4;
    options_.requests = 1001;
    const Results results = run();
    EXPECT_EQ(results.requests, 1001U);
    EXPECT_EQ(results.latency_ns.count(), 1001U);
    EXPECT_EQ(results.errors + results.nils + results.hits + results.unanswered, 0U);
    EXPECT_GT(results.seconds, 0);
    EXPECT_GT(results.cpu_seconds, 0);
    EXPECT_FALSE(results.is_all_lost());
    EXPECT_EQ(requests_seen(), 1001U);
    for (const Peer& peer : peers_) EXPECT_EQ(peer.most_at_once(), 4U);
}

TEST_F(LoadGenerator, RepliesMayComeInPieces) {
    add_peer({.piece_bytes = 1});
    add_peer({.piece_bytes = 5});
    options_.pipeline = 3;
    options_.requests = 200;
    const Results results = run();
    EXPECT_EQ(results.requests, 200U);
    EXPECT_EQ(results.connections_lost, 0U);
}

TEST_F(LoadGenerator, SpinningChangesNothingButTheWaiting) {
    add_peer();
    options_.is_spinning = true;
    options_.requests = 500;
    EXPECT_EQ(run().requests, 500U);
    EXPECT_EQ(requests_seen(), 500U);
}

TEST_F(LoadGenerator, BatchesLargerThanASocketTakesAreSentWhole) {
    add_peer();
    options_.pipeline = 10'000;
    options_.requests = 100'000;
    EXPECT_EQ(run().requests, 100'000U);
    EXPECT_EQ(requests_seen(), 100'000U);
}

TEST_F(LoadGenerator, AnOpenLoopSendsEachRequestThatWasIntended) {
    for (int i = 0; i < 4; ++i) add_peer();
    options_.rate = 2000;
    options_.seconds = 0.2;
    const Results results = run();
    EXPECT_EQ(results.requests, 400U);
    EXPECT_EQ(results.send_delay_ns.count(), 400U);
    EXPECT_EQ(requests_seen(), 400U);
    EXPECT_GE(results.seconds, 0.199);
}

/// One connection, a request each millisecond, and a peer that stands still for 40 ms: the 40
/// requests that were due meanwhile have waited, and none is dropped.
TEST_F(LoadGenerator, LatencyIncludesTheTimeARequestCouldNotLeave) {
    add_peer({.stall_ns = 40 * kMillisecond});
    options_.rate = 1000;
    options_.requests = 100;
    const Results results = run();
    EXPECT_EQ(results.requests, 100U);
    EXPECT_GE(results.latency_ns.max(), 40 * kMillisecond);
    EXPECT_GE(results.latency_ns.percentile(70), 8 * kMillisecond);
    EXPECT_GE(results.send_delay_ns.max(), 38 * kMillisecond);
}

TEST_F(LoadGenerator, AnOpenLoopFillsAPipelineWithWhatIsDue) {
    Peer& peer = add_peer({.stall_ns = 40 * kMillisecond});
    options_.rate = 1000;
    options_.requests = 100;
    options_.pipeline = 8;
    EXPECT_EQ(run().requests, 100U);
    EXPECT_EQ(peer.most_at_once(), 8U);
}

/// 10,000 requests are due after the stall, one each 4 us; their replies fill several receives.
/// Each latency is that of its own request: they spread over the 40 ms.
TEST_F(LoadGenerator, EachReplyIsCountedFromTheTimeOfItsOwnRequest) {
    add_peer({.stall_ns = 40 * kMillisecond});
    options_.rate = 250'000;
    options_.requests = 10'001;
    options_.pipeline = 10'000;
    const Results results = run();
    EXPECT_EQ(results.requests, 10'001U);
    const int64_t spread = results.latency_ns.percentile(95) - results.latency_ns.percentile(5);
    EXPECT_GE(spread, 15 * kMillisecond);
}

TEST_F(LoadGenerator, NoBatchHasRequestsOfTheWarmUpAndOthers) {
    add_peer({.stall_ns = 40 * kMillisecond});
    options_.rate = 1000;
    options_.warmup_seconds = 0.02;
    options_.requests = 50;
    options_.pipeline = 100;
    EXPECT_EQ(run().requests, 50U);
    EXPECT_EQ(requests_seen(), 70U);
}

TEST_F(LoadGenerator, TheWarmUpIsNotRecorded) {
    add_peer();
    options_.warmup_seconds = 0.03;
    options_.requests = 10;
    const Results results = run();
    EXPECT_EQ(results.requests, 10U);
    EXPECT_EQ(results.latency_ns.count(), 10U);
    EXPECT_GT(requests_seen(), 10U);
}

TEST_F(LoadGenerator, TimeEndsARun) {
    add_peer();
    options_.seconds = 0.05;
    const Results results = run();
    EXPECT_GT(results.requests, 0U);
    EXPECT_EQ(results.requests, requests_seen());
}

TEST_F(LoadGenerator, ErrorsAndNilsAreCounted) {
    add_peer({.reply = "-ERR not now\r\n"});
    add_peer({.reply = "$-1\r\n"});
    add_peer({.reply = "$2\r\nhi\r\n"});
    options_.requests = 300;
    options_.pipeline = 10;
    const Results results = run();
    EXPECT_EQ(results.requests, 300U);
    EXPECT_EQ(results.errors + results.nils + results.hits, 300U);
    EXPECT_GE(results.errors, 10U);
    EXPECT_GE(results.nils, 10U);
    EXPECT_GE(results.hits, 10U);
    EXPECT_EQ(results.first_error, "ERR not now");
}

TEST_F(LoadGenerator, OthersGoOnWhenAConnectionIsLost) {
    add_peer({.close_after = 0});
    add_peer();
    options_.requests = 300;
    const Results results = run();
    EXPECT_EQ(results.connections_lost, 1U);
    EXPECT_EQ(results.unanswered, 1U);
    EXPECT_EQ(results.requests, 299U);
    EXPECT_FALSE(results.is_all_lost());
    EXPECT_FALSE(results.first_error.empty());
}

TEST_F(LoadGenerator, ARunEndsWhenAllConnectionsAreLost) {
    add_peer({.close_after = 0});
    add_peer({.reply = "HTTP/1.1 400 Bad Request\r\n"});
    options_.requests = 300;
    const Results results = run();
    EXPECT_EQ(results.connections_lost, 2U);
    EXPECT_EQ(results.requests, 0U);
    EXPECT_TRUE(results.is_all_lost());
}

TEST_F(LoadGenerator, MoreRepliesThanRequestsAreNotCounted) {
    add_peer({.reply = "+PONG\r\n+PONG\r\n"});
    options_.requests = 5;
    const Results results = run();
    EXPECT_EQ(results.connections_lost, 1U);
    EXPECT_EQ(results.requests, 0U);
}

}  // namespace
}  // namespace gyre::load
