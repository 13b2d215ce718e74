// SPDX-License-Identifier: BSD-3-Clause
//
// Task by itself: no ring and no reactor, only coroutines and a door that stops them.

#include "ring/task.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "ring/event.h"
#include "ring/sanitizers.h"

namespace gyre::ring {
namespace {

/// Stops a coroutine until open() lets it go on.
struct Door {
    struct Awaiter {
        Door* door;
        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<> waiter) const {
            door->waiters.push_back(waiter);
        }
        void await_resume() const noexcept {}
    };
    Awaiter pass() { return Awaiter{this}; }
    void open() {
        for (const std::coroutine_handle<> waiter : std::exchange(waiters, {})) resume(waiter);
    }
    std::vector<std::coroutine_handle<>> waiters;
};

/// Counts how many of it exist.
struct Counted {
    explicit Counted(int* alive) : count(alive) { ++*count; }
    Counted(const Counted& other) : count(other.count) { ++*count; }
    Counted& operator=(const Counted&) = delete;
    ~Counted() { --*count; }
    int* count;
};

Task<int> finished(int value) { co_return value; }

Task<int> through(Door* door, int value) {
    co_await door->pass();
    co_return value;
}

Task<void> sum_of_finished(int rounds, int64_t* total) {
    for (int i = 0; i < rounds; ++i) {
        const int value = co_await finished(i & 1);
        *total += value;
    }
}

TEST(Task, a_million_awaits_of_finished_tasks_use_no_stack) {
    TaskList tasks;
    int64_t total = 0;
    tasks.start(sum_of_finished(1'000'000, &total));
    EXPECT_EQ(500'000, total);
    EXPECT_EQ(0u, tasks.size());
}

Task<void> sum_of_mixed(Door* door, int rounds, int64_t* total) {
    for (int i = 0; i < rounds; ++i) {
        Task<int> next = i % 3 == 0 ? through(door, 1) : finished(1);
        *total += co_await std::move(next);
    }
}

TEST(Task, many_awaits_that_really_wait_use_no_stack) {
    TaskList tasks;
    Door door;
    int64_t total = 0;
    tasks.start(sum_of_mixed(&door, 300'000, &total));
    while (tasks.size() > 0) door.open();
    EXPECT_EQ(300'000, total);
}

Task<int> nested(Door* door, int depth) {
    if (depth == 0) {
        co_await door->pass();
        co_return 0;
    }
    const int below = co_await nested(door, depth - 1);
    co_return below + 1;
}

Task<void> keep(Task<int> task, int* value) { *value = co_await std::move(task); }

TEST(Task, the_end_of_a_deep_chain_is_told_one_by_one) {
    TaskList tasks;
    Door door;
    int depth = -1;
    tasks.start(keep(nested(&door, 1000), &depth));
    EXPECT_EQ(-1, depth);
    door.open();
    EXPECT_EQ(1000, depth);
}

Task<void> note(std::vector<std::string>* notes, std::string name, Door* door) {
    notes->push_back(name + " begins");
    co_await door->pass();
    notes->push_back(name + " ends");
}

Task<void> two_in_order(std::vector<std::string>* notes, Door* door) {
    co_await note(notes, "first", door);
    notes->push_back("between");
    co_await note(notes, "second", door);
}

TEST(Task, runs_in_order_and_only_when_awaited) {
    TaskList tasks;
    Door door;
    std::vector<std::string> notes;
    Task<void> never = note(&notes, "never", &door);
    tasks.start(two_in_order(&notes, &door));
    EXPECT_EQ((std::vector<std::string>{"first begins"}), notes);
    door.open();
    door.open();
    const std::vector<std::string> expected{"first begins", "first ends", "between",
                                            "second begins", "second ends"};
    EXPECT_EQ(expected, notes);
}

Task<std::unique_ptr<std::string>> make_text(Door* door) {
    auto text = std::make_unique<std::string>("moved, not copied");
    co_await door->pass();
    co_return text;
}

Task<void> take_text(Door* door, std::string* into) {
    std::unique_ptr<std::string> text = co_await make_text(door);
    *into = *text;
}

TEST(Task, hands_over_values_that_can_only_be_moved) {
    TaskList tasks;
    Door door;
    std::string text;
    tasks.start(take_text(&door, &text));
    door.open();
    EXPECT_EQ("moved, not copied", text);
}

Task<void> hold(Counted by_value, Door* door) {
    const Counted local = by_value;
    co_await door->pass();
}

Task<void> hold_and_await(Counted by_value, Door* door) {
    Task<void> named = hold(by_value, door);
    co_await std::move(named);
}

TEST(Task, destroys_everything_once_at_its_end) {
    int alive = 0;
    Door door;
    TaskList tasks;
    tasks.start(hold_and_await(Counted(&alive), &door));
    EXPECT_GT(alive, 0);
    door.open();
    EXPECT_EQ(0, alive);
}

TEST(Task, destroys_waiting_tasks_with_what_they_await) {
    int alive = 0;
    Door door;
    {
        TaskList tasks;
        for (int i = 0; i < 3; ++i) tasks.start(hold_and_await(Counted(&alive), &door));
        EXPECT_EQ(3u, tasks.size());
        EXPECT_GT(alive, 0);
    }
    EXPECT_EQ(0, alive);
}

TEST(Task, a_task_never_awaited_is_destroyed_unrun) {
    int alive = 0;
    Door door;
    {
        const Task<void> dropped = hold(Counted(&alive), &door);
        EXPECT_EQ(1, alive);
    }
    EXPECT_EQ(0, alive);
    EXPECT_TRUE(door.waiters.empty());
}

Task<void> await_moved_from(Task<int> task) {
    const int first = co_await std::move(task);
    const int second = co_await std::move(task);
    EXPECT_EQ(first, second);
}

TEST(Task, awaiting_twice_is_caught) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(
        {
            TaskList tasks;
            tasks.start(await_moved_from(finished(1)));
        },
        "is_started_");
}

TEST(Task, resuming_around_resume_is_caught) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(
        {
            TaskList tasks;
            Door door;
            int value = 0;
            tasks.start(keep(through(&door, 1), &value));
            door.waiters.front().resume();
        },
        "is_draining");
}

Task<void> end_another(Door* inner, std::vector<int>* order) {
    order->push_back(1);
    inner->open();  // resume() inside resume(): parents of both are told
    order->push_back(3);
    co_return;
}

Task<void> note_end(Door* door, std::vector<int>* order) {
    const int value = co_await through(door, 2);
    order->push_back(value);
}

TEST(Task, a_resume_inside_another_leaves_the_parents_to_it) {
    TaskList tasks;
    Door door;
    std::vector<int> order;
    tasks.start(note_end(&door, &order));
    tasks.start(end_another(&door, &order));
    EXPECT_EQ((std::vector<int>{1, 3, 2}), order);
    EXPECT_EQ(0u, tasks.size());
}

Task<void> wait_for(Event* event, int* passed) {
    co_await event->wait();
    ++*passed;
    co_await event->wait();  // still set: no waiting
    ++*passed;
    event->reset();
    co_await event->wait();
    ++*passed;
}

TEST(Event, stays_set_until_it_is_reset) {
    Event event;
    int passed = 0;
    TaskList tasks;
    tasks.start(wait_for(&event, &passed));
    EXPECT_TRUE(event.has_waiter());
    event.set();
    EXPECT_EQ(2, passed);
    EXPECT_FALSE(event.is_set());
    event.set();
    EXPECT_EQ(3, passed);
    EXPECT_EQ(0u, tasks.size());
}

TEST(Event, forgets_a_waiter_that_is_destroyed) {
    Event event;
    int passed = 0;
    {
        TaskList tasks;
        tasks.start(wait_for(&event, &passed));
        event.forget();
    }
    event.set();
    EXPECT_EQ(0, passed);
}

Task<void> second_waiter(Event* event) { co_await event->wait(); }

TEST(Event, has_one_waiter) {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(
        {
            Event event;
            int passed = 0;
            TaskList tasks;
            tasks.start(wait_for(&event, &passed));
            tasks.start(second_waiter(&event));
        },
        "waiter_");
}

TEST(FramePool, counts_frames_and_gives_them_back) {
    const FrameStatistics before = frame_statistics();
    Door door;
    {
        TaskList tasks;
        int value = 0;
        tasks.start(keep(through(&door, 1), &value));
        const FrameStatistics during = frame_statistics();
        EXPECT_EQ(before.live_frames + 2, during.live_frames);
        EXPECT_GT(during.live_bytes, before.live_bytes);
        EXPECT_GT(during.largest_bytes, 0u);
    }
    EXPECT_EQ(before.live_frames, frame_statistics().live_frames);
    EXPECT_EQ(before.live_bytes, frame_statistics().live_bytes);
}

TEST(FramePool, reuses_frames_of_a_class_and_counts_them_for_clients) {
#ifdef GYRE_RING_ASAN
    GTEST_SKIP() << "AddressSanitizer sees each frame as an allocation of its own";
#endif
    const int64_t used = base::used(base::Purpose::clients);
    void* first = allocate_frame(1000);
    EXPECT_GE(base::used(base::Purpose::clients), used + 1000);
    release_frame(first, 1000);
    void* second = allocate_frame(970);  // of the class up to 1024 bytes, as 1000 is
    EXPECT_EQ(first, second);
    release_frame(second, 970);
    const int64_t with_pool = base::used(base::Purpose::clients);
    void* large = allocate_frame(5000);
    EXPECT_GE(base::used(base::Purpose::clients), with_pool + 5000);
    release_frame(large, 5000);
    EXPECT_EQ(with_pool, base::used(base::Purpose::clients));
}

TEST(FramePool, keeps_a_limited_number_of_free_frames) {
    std::vector<void*> frames;
    for (int i = 0; i < 1000; ++i) frames.push_back(allocate_frame(256));
    const int64_t most = base::used(base::Purpose::clients);
    for (void* frame : frames) release_frame(frame, 256);
#ifndef GYRE_RING_ASAN
    EXPECT_LE(base::used(base::Purpose::clients), most - (1000 - 256) * 256);
#endif
    EXPECT_EQ(base::used(base::Purpose::clients) <= most, true);
}

}  // namespace
}  // namespace gyre::ring
