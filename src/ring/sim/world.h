// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A world made of a seed: one virtual clock, one virtual network, one virtual disk, any number of
// reactors, all run in one thread. Each step() picks by the seed one of the things that can happen
// now: a segment arrives, an operation is tried, a completion shows, a reactor takes a turn. When
// nothing can, the clock jumps to the next thing that will. The code under test is the shipped one;
// equal seeds (and equal use by the test) give equal histories, which trace_hash() sums up.
//
// Ownership: the world owns sockets and events. Rings, reactors and peers belong to the test and
// are gone before it.
// Threads: one.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "ring/reactor.h"
#include "ring/sim/disk.h"
#include "ring/sim/faults.h"
#include "ring/sim/network.h"

namespace gyre::ring::sim {

class SimRing;

enum class EventKind : uint8_t { arrive, connect, attempt, complete, cancel };

struct Event {
    EventKind kind = EventKind::arrive;
    SocketId socket = kNoSocket;  // arrive: the receiving end; connect: the peer's end
    OperationRef operation;       // attempt, complete, cancel
    int64_t at_us = 0;
    uint64_t sequence = 0;
};

class World {
public:
    explicit World(uint64_t seed, const Faults& faults = {});
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    int64_t now_us() const noexcept { return now_us_; }
    int64_t wall_ms() const noexcept { return wall_offset_ms_ + now_us_ / 1000; }
    /// Sets the wall clock forward or back.
    void step_wall(int64_t milliseconds) noexcept { wall_offset_ms_ += milliseconds; }

    /// Has `reactor`, which uses `ring`, take its turns in this world until detach(). Neither from
    /// inside a turn.
    void attach(Reactor& reactor, SimRing& ring);
    void detach(const Reactor& reactor);

    /// Lets one thing happen; false when nothing can any more.
    bool step();
    /// Steps until `is_done`; false when that did not come within `microseconds` of virtual time,
    /// or nothing can happen any more.
    bool run_until(const std::function<bool()>& is_done, int64_t microseconds);

    /// Sum of everything that happened, in order.
    uint64_t trace_hash() const noexcept { return trace_hash_; }
    /// Writes a line for each thing that happens to `lines` (null: stop).
    void trace_to(std::string* lines) noexcept { trace_lines_ = lines; }

    // --- for the rings, the network and the peers ---
    base::Random& random() noexcept { return random_; }
    const Faults& faults() const noexcept { return faults_; }
    Network& network() noexcept { return network_; }
    Disk& disk() noexcept { return disk_; }
    bool chance(uint32_t per_mille) { return per_mille > 0 && random_.below(1000) < per_mille; }
    int64_t network_delay_us();
    int64_t completion_delay_us();
    void schedule(Event event, int64_t delay_us);
    void trace(std::string_view what, int64_t first, int64_t second);
    uint32_t add_ring(SimRing& ring);
    void remove_ring(uint32_t index) noexcept { rings_[index] = nullptr; }
    bool is_waiting(const OperationRef& operation) const;

private:
    struct Actor {
        Reactor* reactor = nullptr;
        SimRing* ring = nullptr;
        bool has_started = false;  // the first turn is for nothing
    };

    void collect_due();
    void collect_runnable();
    bool advance_clock();
    void run(const Event& event);
    void run_turn(size_t index);
    bool is_runnable(const Actor& actor) const;

    base::Random random_;
    const Faults faults_;
    Network network_;
    Disk disk_;
    int64_t now_us_ = 1'000'000;
    int64_t wall_offset_ms_ = 1'700'000'000'000;
    uint64_t sequence_ = 0;
    std::vector<Event> future_;  // heap: earliest first
    std::vector<Event> due_;
    std::vector<Actor> actors_;
    std::vector<size_t> runnable_;
    std::vector<SimRing*> rings_;
    uint64_t trace_hash_ = 0x243f6a8885a308d3ULL;
    std::string* trace_lines_ = nullptr;
};

}  // namespace gyre::ring::sim
