// SPDX-License-Identifier: BSD-3-Clause
#include "ring/sim/world.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "base/check.h"
#include "ring/sim/sim_ring.h"

namespace gyre::ring::sim {
namespace {

/// Virtual time a turn takes, so that a reactor that always has something to do does not stop the
/// clock.
constexpr int64_t kTurnUs = 1;
/// What a segment or an operation takes at most when nothing is slow.
constexpr uint64_t kUsualDelayUs = 20;

bool is_later(const Event& left, const Event& right) {
    if (left.at_us != right.at_us) return left.at_us > right.at_us;
    return left.sequence > right.sequence;
}

}  // namespace

World::World(uint64_t seed, const Faults& faults)
    : random_(seed), faults_(faults), network_(*this), disk_(random_) {}

void World::attach(Reactor& reactor, SimRing& ring) { actors_.push_back({&reactor, &ring}); }

void World::detach(const Reactor& reactor) {
    std::erase_if(actors_, [&](const Actor& actor) { return actor.reactor == &reactor; });
}

uint32_t World::add_ring(SimRing& ring) {
    rings_.push_back(&ring);
    return static_cast<uint32_t>(rings_.size() - 1);
}

bool World::is_waiting(const OperationRef& operation) const {
    if (operation.ring >= rings_.size() || rings_[operation.ring] == nullptr) return false;
    return rings_[operation.ring]->is_waiting(operation);
}

// --- time ---------------------------------------------------------------------------------------

int64_t World::network_delay_us() {
    int64_t delay_us = 1 + static_cast<int64_t>(random_.below(kUsualDelayUs));
    if (chance(faults_.slow_network)) {
        delay_us += static_cast<int64_t>(random_.below(static_cast<uint64_t>(faults_.slow_us)));
    }
    return delay_us;
}

int64_t World::completion_delay_us() {
    if (!chance(faults_.late_completion)) return static_cast<int64_t>(random_.below(3));
    return static_cast<int64_t>(random_.below(static_cast<uint64_t>(faults_.slow_us)));
}

void World::schedule(Event event, int64_t delay_us) {
    event.at_us = now_us_ + delay_us;
    event.sequence = sequence_++;
    future_.push_back(event);
    std::push_heap(future_.begin(), future_.end(), is_later);
}

void World::collect_due() {
    while (!future_.empty() && future_.front().at_us <= now_us_) {
        std::pop_heap(future_.begin(), future_.end(), is_later);
        due_.push_back(future_.back());
        future_.pop_back();
    }
}

/// To the next event or the next deadline of a reactor; false when there is neither.
bool World::advance_clock() {
    int64_t next_us = future_.empty() ? -1 : future_.front().at_us;
    for (const Actor& actor : actors_) {
        const int64_t deadline_us = actor.reactor->next_deadline_us();
        if (deadline_us >= 0 && (next_us < 0 || deadline_us < next_us)) next_us = deadline_us;
    }
    if (next_us < 0) return false;
    now_us_ = std::max(now_us_, next_us);
    return true;
}

// --- steps --------------------------------------------------------------------------------------

bool World::is_runnable(const Actor& actor) const {
    if (!actor.has_started || actor.ring->has_work()) return true;
    const int64_t deadline_us = actor.reactor->next_deadline_us();
    return deadline_us >= 0 && deadline_us <= now_us_;
}

void World::collect_runnable() {
    runnable_.clear();
    for (size_t i = 0; i < actors_.size(); ++i) {
        if (is_runnable(actors_[i])) runnable_.push_back(i);
    }
}

bool World::step() {
    if (!actors_.empty() && chance(faults_.idle_turn)) {
        run_turn(random_.below(actors_.size()));
        return true;
    }
    collect_due();
    collect_runnable();
    if (due_.empty() && runnable_.empty()) {
        if (!advance_clock()) return false;
        collect_due();
        collect_runnable();
    }
    CHECK(due_.size() + runnable_.size() > 0);
    const size_t pick = random_.below(due_.size() + runnable_.size());
    if (pick >= due_.size()) {
        run_turn(runnable_[pick - due_.size()]);
        return true;
    }
    const Event event = due_[pick];
    due_[pick] = due_.back();
    due_.pop_back();
    run(event);
    return true;
}

bool World::run_until(const std::function<bool()>& is_done, int64_t microseconds) {
    const int64_t end_us = now_us_ + microseconds;
    while (!is_done()) {
        if (now_us_ > end_us || !step()) return false;
    }
    return true;
}

void World::run_turn(size_t index) {
    trace("turn", actors_[index].ring->index(), 0);
    now_us_ += kTurnUs;
    // What the reactor does not ask for, it does not get: like a thread, it goes straight into the
    // next wait, and out of it only for the reasons is_runnable() knows.
    actors_[index].reactor->turn(true);
    actors_[index].has_started = true;
}

void World::run(const Event& event) {
    if (event.kind == EventKind::arrive) return network_.arrive(event.socket);
    if (event.kind == EventKind::connect) return network_.finish_connect(event.socket);
    SimRing* ring = rings_[event.operation.ring];
    if (ring == nullptr) return;  // gone with its operations
    if (event.kind == EventKind::attempt) ring->attempt(event.operation);
    if (event.kind == EventKind::complete) ring->complete(event.operation);
    if (event.kind == EventKind::cancel) ring->finish_cancel(event.operation);
}

void World::trace(std::string_view what, int64_t first, int64_t second) {
    const auto mix = [this](uint64_t value) {
        trace_hash_ = std::rotl((trace_hash_ ^ value) * 0x9e3779b97f4a7c15ULL, 29);
    };
    mix(static_cast<uint64_t>(now_us_));
    mix(static_cast<uint64_t>(static_cast<unsigned char>(what.front())) << 8 | what.size());
    mix(static_cast<uint64_t>(first));
    mix(static_cast<uint64_t>(second));
    if (trace_lines_ == nullptr) return;
    *trace_lines_ += std::to_string(now_us_) + ' ' + std::string(what) + ' ' +
                     std::to_string(first) + ' ' + std::to_string(second) + '\n';
}

}  // namespace gyre::ring::sim
