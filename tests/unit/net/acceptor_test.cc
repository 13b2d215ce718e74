// SPDX-License-Identifier: BSD-3-Clause

#include "net/acceptor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <utility>
#include <vector>

#include "base/log.h"
#include "manual_ring.h"
#include "ring/sim/peer.h"
#include "ring/sim/sim_ring.h"
#include "ring/sim/world.h"

namespace gyre::net {
namespace {

struct QuietClient : ring::Reactor::Client {
    void on_ready() override {}
    int64_t before_wait() override { return -1; }
};

class AcceptorTest : public ::testing::Test {
protected:
    AcceptorTest() {
        base::set_level(base::Level::nothing);
        EXPECT_TRUE(acceptor_.listen({}, {}).has_value());
        acceptor_.start();
    }
    ~AcceptorTest() override { base::set_level(base::Level::notice); }

    /// Lets that much time pass, and the reactor notice.
    void pass(int64_t microseconds) {
        ring_.now_us += microseconds;
        reactor_.turn(false);
    }

    ManualRing ring_;
    QuietClient client_;
    ring::Reactor reactor_{ring_, client_};
    std::vector<int> accepted_;
    Acceptor acceptor_{reactor_, [this](int descriptor, bool) { accepted_.push_back(descriptor); }};
};

TEST_F(AcceptorTest, hands_over_all_that_wait) {
    ring_.accepts = {7, 8, 9};
    ring_.complete(ring_.poll_op, 0);
    EXPECT_EQ(accepted_, (std::vector<int>{7, 8, 9}));
    EXPECT_NE(ring_.poll_op, nullptr);
    EXPECT_EQ(acceptor_.counters().accepted, 3U);
}

TEST_F(AcceptorTest, takes_a_bounded_number_each_turn) {
    for (int i = 0; i < Acceptor::kAcceptsPerTurn + 10; ++i) ring_.accepts.push_back(1000 + i);
    ring_.complete(ring_.poll_op, 0);
    EXPECT_EQ(accepted_.size(), static_cast<size_t>(Acceptor::kAcceptsPerTurn));
    ring_.complete(ring_.poll_op, 0);
    EXPECT_EQ(accepted_.size(), static_cast<size_t>(Acceptor::kAcceptsPerTurn) + 10);
}

TEST_F(AcceptorTest, refuses_one_and_rests_when_descriptors_run_out) {
    // With the reserve given up one more is accepted, to be closed.
    ring_.accepts = {7, -EMFILE, 8, 9};
    ring_.complete(ring_.poll_op, 0);
    EXPECT_EQ(accepted_, (std::vector<int>{7}));
    EXPECT_EQ(ring_.closed, (std::vector<int>{8}));
    EXPECT_EQ(ring_.poll_op, nullptr);
    EXPECT_EQ(acceptor_.counters().out_of_descriptors, 1U);
    pass(Acceptor::kBackoffUs - 1);
    EXPECT_EQ(ring_.poll_op, nullptr);
    pass(1);
    ASSERT_NE(ring_.poll_op, nullptr);
    ring_.complete(ring_.poll_op, 0);
    EXPECT_EQ(accepted_, (std::vector<int>{7, 9}));
}

TEST_F(AcceptorTest, goes_on_behind_a_connection_that_failed) {
    ring_.accepts = {-ECONNABORTED, 7, -EPERM, -EINTR, 8};
    ring_.complete(ring_.poll_op, 0);
    EXPECT_EQ(accepted_, (std::vector<int>{7, 8}));
    EXPECT_EQ(acceptor_.counters().errors, 3U);
    EXPECT_NE(ring_.poll_op, nullptr);
}

TEST_F(AcceptorTest, rests_when_memory_is_missing) {
    for (const int error : {-ENOBUFS, -ENOMEM, -EBADF}) {
        const int calls_before = ring_.accept_calls;
        ring_.accepts = {error, 7};
        ring_.complete(ring_.poll_op, 0);
        EXPECT_EQ(ring_.accept_calls, calls_before + 1);
        EXPECT_EQ(ring_.poll_op, nullptr);
        pass(Acceptor::kBackoffUs);
        ASSERT_NE(ring_.poll_op, nullptr);
    }
    ring_.complete(ring_.poll_op, 0);
    EXPECT_EQ(accepted_, (std::vector<int>{7}));
}

TEST_F(AcceptorTest, closes_the_listener_once_its_poll_has_ended) {
    acceptor_.stop();
    EXPECT_NE(ring_.cancelled, nullptr);
    EXPECT_FALSE(acceptor_.is_idle());
    EXPECT_TRUE(ring_.closed.empty());
    ring_.accepts = {7};
    ring_.complete(ring_.poll_op, -ECANCELED);
    EXPECT_TRUE(acceptor_.is_idle());
    EXPECT_EQ(ring_.closed, (std::vector<int>{100}));
    EXPECT_TRUE(accepted_.empty());
}

TEST_F(AcceptorTest, closes_a_resting_listener_at_once) {
    ring_.accepts = {-ENOMEM};
    ring_.complete(ring_.poll_op, 0);
    acceptor_.stop();
    EXPECT_EQ(ring_.closed, (std::vector<int>{100}));
    pass(2 * Acceptor::kBackoffUs);
    EXPECT_EQ(ring_.poll_op, nullptr);
}

TEST_F(AcceptorTest, a_listener_that_is_added_is_served_at_once_and_one_removed_no_longer) {
    ring::Op* const first = std::exchange(ring_.poll_op, nullptr);
    acceptor_.add(200, false);
    ring::Op* const second = ring_.poll_op;
    ASSERT_NE(second, first);
    acceptor_.remove(100);
    EXPECT_EQ(ring_.cancelled, first);
    EXPECT_TRUE(ring_.closed.empty());
    ring_.poll_op = first;
    ring_.accepts = {7};
    ring_.complete(ring_.poll_op, -ECANCELED);
    EXPECT_EQ(ring_.closed, (std::vector<int>{100}));
    EXPECT_TRUE(accepted_.empty());
    ring_.poll_op = second;
    ring_.complete(ring_.poll_op, 0);
    EXPECT_EQ(accepted_, (std::vector<int>{7}));
    acceptor_.remove(200);
    ring_.complete(ring_.poll_op, -ECANCELED);
    EXPECT_EQ(ring_.closed, (std::vector<int>{100, 200}));
    EXPECT_TRUE(acceptor_.is_idle());
}

TEST_F(AcceptorTest, one_that_was_removed_while_it_rested_is_not_polled_again) {
    ring_.accepts = {-ENOMEM};
    ring_.complete(ring_.poll_op, 0);
    acceptor_.remove(100);
    EXPECT_EQ(ring_.closed, (std::vector<int>{100}));
    pass(2 * Acceptor::kBackoffUs);
    EXPECT_EQ(ring_.poll_op, nullptr);
}

TEST_F(AcceptorTest, what_comes_too_late_is_closed) {
    acceptor_.stop();
    acceptor_.add(200, false);
    EXPECT_EQ(ring_.closed, (std::vector<int>{200}));
}

TEST(Acceptor, stops_from_within_on_accept) {
    ManualRing ring;
    QuietClient client;
    ring::Reactor reactor(ring, client);
    Acceptor* self = nullptr;
    int accepted = 0;
    Acceptor acceptor(reactor, [&](int, bool) {
        ++accepted;
        self->stop();
    });
    self = &acceptor;
    ASSERT_TRUE(acceptor.listen({}, {}).has_value());
    acceptor.start();
    ring.accepts = {7, 8};
    ring.complete(ring.poll_op, 0);
    EXPECT_EQ(accepted, 1);
    EXPECT_TRUE(acceptor.is_idle());
    EXPECT_EQ(ring.closed, (std::vector<int>{100}));
}

/// Descriptors are missing half of the time: each peer is either taken or told so, in time.
TEST(Acceptor, leaves_nobody_waiting_when_descriptors_are_scarce) {
    base::set_level(base::Level::nothing);
    const ring::Address address{ring::Address::Family::inet4, "10.0.0.1", 6379};
    ring::sim::World world(1, {.accept_failure = 500});
    ring::sim::SimRing ring(world);
    QuietClient client;
    ring::Reactor reactor(ring, client);
    world.attach(reactor, ring);
    std::vector<int> accepted;
    Acceptor acceptor(reactor, [&](int descriptor, bool) { accepted.push_back(descriptor); });
    ASSERT_TRUE(acceptor.listen(address, {}).has_value());
    acceptor.start();
    std::deque<ring::sim::Peer> peers;
    for (int i = 0; i < 30; ++i) peers.emplace_back(world, address);
    const auto refused = [&] {
        return static_cast<size_t>(std::count_if(peers.begin(), peers.end(), [](const auto& peer) {
            return peer.is_connected() && peer.is_ended();
        }));
    };
    EXPECT_TRUE(world.run_until([&] { return accepted.size() + refused() == peers.size(); },
                                60 * Acceptor::kBackoffUs));
    EXPECT_GT(accepted.size(), 0U);
    EXPECT_GT(refused(), 0U);
    EXPECT_EQ(acceptor.counters().accepted, accepted.size());
    for (const int descriptor : accepted) ring.close(descriptor);
    acceptor.stop();
    EXPECT_TRUE(world.run_until([&] { return acceptor.is_idle(); }, 1000));
    EXPECT_EQ(world.network().descriptors_open(), 0U);
    base::set_level(base::Level::notice);
}

}  // namespace
}  // namespace gyre::net
