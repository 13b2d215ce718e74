// SPDX-License-Identifier: BSD-3-Clause
//
// The simulated world itself: that it keeps the contract of ring.h, that each fault can be seen,
// and that it notices a user who does not keep his side.

#include "ring/sim/sim_ring.h"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>
#include <vector>

#include "ring/sim/peer.h"
#include "ring/sim/world.h"

namespace gyre::ring::sim {
namespace {

const Address kHere{Address::Family::inet4, "10.0.0.1", 6379};

struct Recorder : Op {
    Recorder() : Op(&Recorder::on_done) {}
    static void on_done(Op& op, const Completion& done) {
        static_cast<Recorder&>(op).completion = done;
    }
    Completion completion;
};

/// A world with one ring, polled by hand, a listener and one connection.
struct Scene {
    explicit Scene(uint64_t seed, const Faults& faults = {}, const SimRingOptions& options = {})
        : world(seed, faults),
          ring(world, options),
          listener(*ring.listen(kHere, {})),
          peer(world, kHere) {
        Recorder waiting;
        ring.poll_accept(waiting, listener);
        finish(waiting);
        while ((server = ring.accept_now(listener)) == -EMFILE) ++refused;
    }
    /// Polls and lets things happen until `started` is over.
    void finish(const Op& started) {
        while (started.in_flight) {
            ring.poll();
            if (!started.in_flight) break;
            ASSERT_TRUE(world.step()) << "nothing can happen any more";
        }
    }
    /// Lets everything happen that can.
    void settle() {
        do ring.poll();
        while (world.step());
    }
    int32_t receive() {
        ring.receive(op, server, false);
        finish(op);
        if (op.completion.result > 0) {
            got.append(ring.buffer_data(op.completion.buffer),
                       static_cast<size_t>(op.completion.result));
            ring.give_back(op.completion.buffer);
        }
        return op.completion.result;
    }
    int32_t send(const std::string& text) {
        const iovec vector{const_cast<char*>(text.data()), text.size()};
        ring.send(op, server, {&vector, 1}, SendReport::at_once);
        finish(op);
        return op.completion.result;
    }

    World world;
    SimRing ring;
    int listener;
    Peer peer;
    int server = -1;
    int refused = 0;
    Recorder op;
    std::string got;
};

TEST(Sim, carries_bytes_both_ways_and_ends) {
    Scene scene(1);
    scene.peer.send("hello");
    EXPECT_EQ(5, scene.receive());
    EXPECT_EQ("hello", scene.got);
    EXPECT_EQ(4, scene.send("back"));
    scene.settle();
    EXPECT_EQ("back", scene.peer.receive());
    scene.peer.finish_sending();
    EXPECT_EQ(0, scene.receive());
    scene.ring.close(scene.server);
    scene.settle();
    EXPECT_TRUE(scene.peer.is_ended());
    EXPECT_EQ(1u, scene.world.network().descriptors_open());
}

TEST(Sim, sends_vectors_in_order_and_receives_into_memory) {
    Scene scene(2);
    std::string parts[] = {"one", "", "three"};
    const iovec vectors[] = {{parts[0].data(), 3}, {parts[1].data(), 0}, {parts[2].data(), 5}};
    scene.ring.send(scene.op, scene.server, vectors, SendReport::at_once);
    scene.finish(scene.op);
    EXPECT_EQ(8, scene.op.completion.result);
    scene.settle();
    EXPECT_EQ("onethree", scene.peer.receive());
    std::string into(1000, '\0');
    const std::string value(1000, 'v');
    scene.ring.receive_into(scene.op, scene.server, into);
    scene.peer.send(value + "rest");
    scene.finish(scene.op);
    EXPECT_EQ(value, into);
    EXPECT_EQ(4, scene.receive());
    scene.ring.receive_into(scene.op, scene.server, into);
    scene.peer.send("half");
    scene.peer.finish_sending();
    scene.finish(scene.op);
    EXPECT_EQ(4, scene.op.completion.result);
}

TEST(Sim, a_send_that_reports_with_the_next_thing_ends_no_wait) {
    Scene scene(9);
    const std::string text = "quiet";
    const iovec vector{const_cast<char*>(text.data()), text.size()};
    scene.ring.send(scene.op, scene.server, {&vector, 1}, SendReport::with_next);
    scene.ring.wait(-1);  // submits it
    while (scene.world.step()) {
    }
    EXPECT_EQ("quiet", scene.peer.receive());
    EXPECT_TRUE(scene.op.in_flight);
    EXPECT_FALSE(scene.ring.has_work());
    scene.ring.poll();
    EXPECT_FALSE(scene.op.in_flight);
    EXPECT_EQ(5, scene.op.completion.result);
}

TEST(Sim, a_peer_that_does_not_read_holds_up_the_sender) {
    Faults faults;
    faults.window_bytes = 100;
    Scene scene(3, faults);
    const std::string text(250, 's');
    const iovec vector{const_cast<char*>(text.data()), text.size()};
    scene.ring.send(scene.op, scene.server, {&vector, 1}, SendReport::at_once);
    scene.settle();
    EXPECT_TRUE(scene.op.in_flight);
    EXPECT_EQ(100u, scene.peer.available());
    std::string received;
    while (scene.op.in_flight) {
        received += scene.peer.receive();
        scene.settle();
    }
    received += scene.peer.receive();
    EXPECT_EQ(text, received);
    scene.peer.send(text);  // and a server that does not read the peer
    scene.settle();
    EXPECT_EQ(150u, scene.peer.unsent());
}

TEST(Sim, reset_shutdown_and_cancel_end_operations) {
    Scene scene(4);
    scene.ring.receive(scene.op, scene.server, false);
    scene.ring.poll();
    scene.ring.cancel(scene.op);
    scene.finish(scene.op);
    EXPECT_EQ(-ECANCELED, scene.op.completion.result);
    scene.ring.receive(scene.op, scene.server, false);
    scene.ring.poll();
    scene.peer.reset();
    scene.finish(scene.op);
    EXPECT_EQ(-ECONNRESET, scene.op.completion.result);
    EXPECT_EQ(-EPIPE, scene.send("x"));
    Scene other(5);
    other.ring.receive(other.op, other.server, false);
    other.ring.poll();
    other.ring.shutdown(other.server);
    other.finish(other.op);
    EXPECT_EQ(0, other.op.completion.result);
    EXPECT_EQ(-EPIPE, other.send("x"));
}

TEST(Sim, refuses_and_resets_as_tcp_does) {
    Scene scene(6);
    Peer nobody(scene.world, {Address::Family::inet4, "10.0.0.1", 1});
    scene.settle();
    EXPECT_TRUE(nobody.is_refused());
    EXPECT_EQ(EADDRINUSE, scene.ring.listen(kHere, {}).error().code);
    scene.peer.send("unread");
    scene.settle();
    scene.ring.close(scene.server);  // with unread bytes: a reset
    scene.settle();
    EXPECT_TRUE(scene.peer.is_reset());
    EXPECT_EQ(scene.server, scene.listener + 1);
    Peer next(scene.world, kHere);
    scene.settle();
    EXPECT_EQ(scene.server, scene.ring.accept_now(scene.listener));  // the number is used again
}

TEST(Sim, each_fault_shows_and_none_shows_when_off) {
    Faults faults;
    faults.accept_failure = 900;
    EXPECT_GT(Scene(7, faults).refused, 0);
    EXPECT_EQ(0, Scene(7).refused);

    faults = {.short_receive = 1000};
    Scene short_receive(8, faults);
    short_receive.peer.send(std::string(400, 'x'));
    short_receive.settle();
    EXPECT_LT(short_receive.receive(), 400);
    EXPECT_TRUE(short_receive.op.completion.more_data);

    faults = {.short_send = 1000};
    Scene short_send(9, faults);
    EXPECT_LT(short_send.send(std::string(400, 'x')), 400);

    faults = {.starvation = 1000};
    Scene starved(10, faults);
    starved.peer.send("x");
    EXPECT_EQ(-ENOBUFS, starved.receive());
    EXPECT_EQ(1u, starved.ring.counters().buffer_starved);

    faults = {.reset = 1000};
    Scene broken(11, faults);
    EXPECT_EQ(-ECONNRESET, broken.receive());
    EXPECT_TRUE(broken.peer.is_reset());
}

TEST(Sim, buffers_really_run_out) {
    SimRingOptions options;
    options.buffer_count = 1;
    Scene scene(12, {}, options);
    scene.peer.send("x");
    scene.ring.receive(scene.op, scene.server, false);
    scene.finish(scene.op);
    const uint16_t lent = scene.op.completion.buffer;
    EXPECT_EQ(1u, scene.ring.buffers_lent());
    scene.peer.send("y");
    EXPECT_EQ(-ENOBUFS, scene.receive());
    scene.ring.give_back(lent);
    EXPECT_EQ(1, scene.receive());
    EXPECT_EQ("y", scene.got);
}

TEST(Sim, notices_misuse) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    Scene scene(13);
    scene.ring.receive(scene.op, scene.server, false);
    EXPECT_DEATH(scene.ring.receive(scene.op, scene.server, false), "in_flight");
    EXPECT_DEATH(scene.ring.close(scene.server), "in_flight == 0");
    EXPECT_DEATH(scene.ring.give_back(0), "is_lent_");
    EXPECT_DEATH(scene.ring.shutdown(99), "descriptor");
}

std::string history(uint64_t seed) {
    base::Random random(seed);
    Scene scene(seed, Faults::swarm(random));
    std::string lines;
    scene.world.trace_to(&lines);
    scene.peer.send(std::string(300, 'x'));
    scene.peer.finish_sending();
    int32_t result = 1;
    while (result > 0 || result == -ENOBUFS) result = scene.receive();
    return lines + std::to_string(scene.world.trace_hash());
}

TEST(Sim, equal_seeds_give_equal_histories_and_others_do_not) {
    for (uint64_t seed = 0; seed < 50; ++seed) {
        EXPECT_EQ(history(seed), history(seed));
        EXPECT_NE(history(seed), history(seed + 1));
    }
}

}  // namespace
}  // namespace gyre::ring::sim
