// SPDX-License-Identifier: BSD-3-Clause
//
// The loop on the simulated ring, where time is what the test makes it, and two tests with real
// threads for what only they can show: that a message wakes a sleeping reactor and none is lost.

#include "ring/reactor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "ring/event.h"
#include "ring/sim/sim_ring.h"
#include "ring/sim/world.h"
#include "ring/uring/uring_ring.h"

namespace gyre::ring {
namespace {

/// A client that notes when it is asked, and wants what the test says.
struct NotingClient : Reactor::Client {
    void on_ready() override { notes.push_back("ready"); }
    int64_t before_wait() override {
        notes.push_back("wait");
        return wants_us;
    }
    std::vector<std::string> notes;
    int64_t wants_us = -1;
};

struct NotingTimer : Timer {
    explicit NotingTimer(std::vector<std::string>* where, std::string label)
        : Timer(&NotingTimer::on_due), notes(where), name(std::move(label)) {}
    static void on_due(Timer& timer) {
        NotingTimer& self = static_cast<NotingTimer&>(timer);
        self.notes->push_back(self.name);
    }
    std::vector<std::string>* notes;
    std::string name;
};

class ReactorTest : public ::testing::Test {
protected:
    ReactorTest() : world_(1), ring_(world_), reactor_(ring_, client_) {
        world_.attach(reactor_, ring_);
    }

    sim::World world_;
    sim::SimRing ring_;
    NotingClient client_;
    Reactor reactor_;
};

Task<void> note_when_resumed(std::vector<std::string>* notes, Event* event) {
    co_await event->wait();
    notes->push_back("coroutine");
}

TEST_F(ReactorTest, a_turn_has_a_fixed_order) {
    std::vector<std::string>& notes = client_.notes;
    struct Accepting : Op {
        Accepting() : Op(&Accepting::on_done) {}
        static void on_done(Op& op, const Completion&) { static_cast<Accepting&>(op).act(); }
        std::function<void()> act;
    } op;
    Event event;
    NotingTimer timer(&notes, "timer");
    op.act = [&] {
        notes.push_back("handler");
        reactor_.post([&] { notes.push_back("message"); });
        reactor_.arm(timer, reactor_.now_us());
        event.set_later(reactor_);
    };
    const int listener = *ring_.listen({Address::Family::inet4, "10.0.0.1", 1}, {});
    ring_.poll_accept(op, listener);
    world_.network().connect({Address::Family::inet4, "10.0.0.1", 1});
    reactor_.spawn(note_when_resumed(&notes, &event));
    ASSERT_TRUE(world_.run_until([&] { return !op.in_flight; }, 1000));
    const auto handler = std::find(notes.begin(), notes.end(), "handler");
    const std::vector<std::string> turn(handler, notes.end());
    EXPECT_EQ(
        (std::vector<std::string>{"handler", "message", "timer", "ready", "coroutine", "wait"}),
        turn);
    ring_.close(listener);
}

TEST_F(ReactorTest, timers_fire_in_order_and_never_early) {
    struct Dated : Timer {
        Dated() : Timer(&Dated::on_due) {}
        static void on_due(Timer& timer) {
            Dated& self = static_cast<Dated&>(timer);
            EXPECT_GE(self.reactor->now_us(), self.due_us);
            EXPECT_FALSE(timer.is_armed());
            self.order->push_back(&self);
        }
        Reactor* reactor = nullptr;
        int64_t due_us = 0;
        int number = 0;
        std::vector<Dated*>* order = nullptr;
    };
    base::Random random(7);
    std::vector<Dated> timers(500);
    std::vector<Dated*> order;
    int number = 0;
    for (Dated& timer : timers) {
        timer.reactor = &reactor_;
        timer.order = &order;
        timer.number = number++;
        timer.due_us = reactor_.now_us() + 10 + static_cast<int64_t>(random.below(200));
        reactor_.arm(timer, timer.due_us);
    }
    for (int i = 0; i < 500; i += 5) {  // moved once more, or taken out
        Dated& timer = timers[static_cast<size_t>(i)];
        if (i % 2 == 0) {
            reactor_.disarm(timer);
            EXPECT_FALSE(timer.is_armed());
        } else {
            timer.due_us += 1000;
            timer.number = number++;
            reactor_.arm(timer, timer.due_us);
        }
    }
    ASSERT_TRUE(world_.run_until([&] { return order.size() == 450; }, 5000));
    EXPECT_TRUE(
        std::is_sorted(order.begin(), order.end(), [](const Dated* left, const Dated* right) {
            if (left->due_us != right->due_us) return left->due_us < right->due_us;
            return left->number < right->number;
        }));
}

TEST_F(ReactorTest, a_timer_that_arms_itself_as_due_does_not_hold_up_the_turn) {
    struct Again : Timer {
        Again() : Timer(&Again::on_due) {}
        static void on_due(Timer& timer) {
            Again& self = static_cast<Again&>(timer);
            ++self.count;
            self.reactor->arm(self, self.reactor->now_us());
        }
        Reactor* reactor = nullptr;
        int count = 0;
    } again;
    again.reactor = &reactor_;
    reactor_.arm(again, reactor_.now_us());
    for (int turns = 1; turns <= 3; ++turns) {
        reactor_.turn(false);
        EXPECT_EQ(turns, again.count);
    }
}

TEST_F(ReactorTest, a_destroyed_timer_does_not_fire) {
    {
        NotingTimer timer(&client_.notes, "gone");
        reactor_.turn(false);
        reactor_.arm(timer, reactor_.now_us() + 5);
        EXPECT_EQ(reactor_.now_us() + 5, reactor_.next_deadline_us());
    }
    EXPECT_EQ(-1, reactor_.next_deadline_us());
}

Task<void> sleep_and_note(Reactor* reactor, int64_t microseconds, std::vector<int64_t>* times) {
    const int64_t began_us = reactor->now_us();
    Reactor::Sleep pause(*reactor, microseconds);  // what Reactor::sleep returns
    co_await pause;
    times->push_back(reactor->now_us() - began_us);
}

TEST_F(ReactorTest, sleepers_wake_in_order_of_their_time) {
    std::vector<int64_t> times;
    for (const int64_t microseconds : {700, 30, 500}) {
        reactor_.spawn(sleep_and_note(&reactor_, microseconds, &times));
    }
    EXPECT_EQ(3u, reactor_.tasks());
    ASSERT_TRUE(world_.run_until([&] { return reactor_.tasks() == 0; }, 2000));
    ASSERT_EQ(3u, times.size());
    EXPECT_TRUE(std::is_sorted(times.begin(), times.end()));
    EXPECT_GE(times[0], 30);
    EXPECT_GE(times[1], 500);
    EXPECT_LT(times[2], 750);
}

TEST_F(ReactorTest, sleeping_tasks_can_be_destroyed_with_the_reactor) {
    std::vector<int64_t> times;
    sim::SimRing ring(world_);
    {
        Reactor reactor(ring, client_);
        reactor.spawn(sleep_and_note(&reactor, 1'000'000, &times));
        EXPECT_EQ(1u, reactor.tasks());
    }
    EXPECT_TRUE(times.empty());
}

TEST_F(ReactorTest, messages_run_once_in_order_and_new_ones_in_the_next_turn) {
    std::vector<int> order;
    reactor_.post([&] {
        order.push_back(1);
        reactor_.post([&] { order.push_back(3); });
    });
    reactor_.post([&] { order.push_back(2); });
    EXPECT_EQ(0, reactor_.next_deadline_us());
    EXPECT_TRUE(reactor_.turn(true));
    EXPECT_EQ((std::vector<int>{1, 2}), order);
    EXPECT_TRUE(reactor_.turn(true));
    EXPECT_EQ((std::vector<int>{1, 2, 3}), order);
    EXPECT_FALSE(reactor_.turn(true));
    EXPECT_EQ(3u, reactor_.statistics().messages);
    EXPECT_EQ(3u, reactor_.statistics().turns);
}

TEST_F(ReactorTest, the_client_says_when_it_wants_to_run) {
    client_.wants_us = reactor_.now_us() + 300;
    reactor_.turn(true);
    EXPECT_EQ(client_.wants_us, reactor_.next_deadline_us());
    NotingTimer later(&client_.notes, "later");
    reactor_.arm(later, client_.wants_us + 1);
    EXPECT_EQ(client_.wants_us, reactor_.next_deadline_us());
    NotingTimer sooner(&client_.notes, "sooner");
    reactor_.arm(sooner, client_.wants_us - 1);
    EXPECT_EQ(client_.wants_us - 1, reactor_.next_deadline_us());
}

TEST_F(ReactorTest, the_wall_clock_may_step_without_moving_timers) {
    std::vector<int64_t> times;
    reactor_.spawn(sleep_and_note(&reactor_, 1000, &times));
    const int64_t before_ms = reactor_.now_ms();
    world_.step_wall(-3'600'000);
    ASSERT_TRUE(world_.run_until([&] { return reactor_.tasks() == 0; }, 2000));
    EXPECT_LT(reactor_.now_ms(), before_ms - 3'500'000);
    EXPECT_GE(times[0], 1000);
    EXPECT_LT(times[0], 1100);
}

TEST_F(ReactorTest, measures_the_longest_turn_in_cpu_time) {
    reactor_.post([] {
        volatile uint64_t sink = 0;
        for (int i = 0; i < 20'000'000; ++i) sink = sink + 1;
    });
    reactor_.turn(false);
    EXPECT_GT(reactor_.statistics().longest_turn_cpu_us, 1000u);
    reactor_.reset_longest_turn();
    EXPECT_EQ(0u, reactor_.statistics().longest_turn_cpu_us);
}

TEST_F(ReactorTest, stop_ends_run_after_the_turn) {
    reactor_.post([&] { reactor_.stop(); });
    EXPECT_FALSE(reactor_.is_stopping());
    reactor_.run();
    EXPECT_TRUE(reactor_.is_stopping());
    // Who turns it on waits as before.
    EXPECT_NE(reactor_.next_deadline_us(), 0);
    EXPECT_EQ("wait", client_.notes.back());
}

struct QuietClient : Reactor::Client {
    void on_ready() override {}
    int64_t before_wait() override { return -1; }
};

/// A reactor on a thread of its own, which stops and goes when this does.
class Home {
public:
    explicit Home(const ReactorOptions& options) : thread_([this, options] { run(options); }) {
        reactor_.wait(nullptr);
    }
    ~Home() {
        is_over_.store(true);
        is_over_.notify_one();
        thread_.join();
    }
    Reactor& reactor() { return *reactor_.load(); }
    /// Until run() has returned.
    void await_end() { has_ended_.wait(false); }

private:
    void run(const ReactorOptions& options) {
        const std::unique_ptr<Ring> ring = *create_uring_ring({});
        QuietClient client;
        Reactor reactor(*ring, client, options);
        reactor_.store(&reactor);
        reactor_.notify_one();
        reactor.run();
        has_ended_.store(true);
        has_ended_.notify_one();
        is_over_.wait(false);  // others may still be inside post() or stop()
    }

    std::atomic<Reactor*> reactor_{nullptr};
    std::atomic<bool> has_ended_{false};
    std::atomic<bool> is_over_{false};
    std::thread thread_;
};

void exchange_messages(const ReactorOptions& options) {
    constexpr int kEach = 3000;
    std::vector<int> last(3, -1);
    int received = 0;
    Home home(options);
    Reactor& reactor = home.reactor();
    std::vector<std::thread> senders;
    for (size_t sender = 0; sender < last.size(); ++sender) {
        senders.emplace_back([&, sender] {
            for (int i = 0; i < kEach; ++i) {
                reactor.post([&, sender, i] {
                    EXPECT_EQ(last[sender] + 1, i);  // in order of each sender
                    last[sender] = i;
                    if (++received == 3 * kEach) reactor.stop();
                });
                if (i % 64 == 0) std::this_thread::yield();  // lets the reactor fall asleep
            }
        });
    }
    home.await_end();  // comes only if no message and no wake was lost
    for (std::thread& sender : senders) sender.join();
    EXPECT_EQ(3 * kEach, received);
}

TEST(ReactorThreads, no_message_is_lost_by_a_reactor_that_sleeps) { exchange_messages({}); }

TEST(ReactorThreads, no_message_is_lost_by_a_reactor_that_spins) {
    exchange_messages({.spin_us = 50});
}

TEST(ReactorThreads, each_message_wakes_a_sleeping_reactor) {
    std::atomic<int> ran{0};
    Home home({});
    for (int i = 0; i < 200; ++i) {
        home.reactor().post([&] {
            ++ran;
            ran.notify_one();
        });
        ran.wait(i);
    }
    home.reactor().stop();
    home.await_end();
}

}  // namespace
}  // namespace gyre::ring
