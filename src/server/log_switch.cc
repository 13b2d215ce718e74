// SPDX-License-Identifier: BSD-3-Clause
#include "server/log_switch.h"

#include <atomic>
#include <utility>

#include "base/log.h"

namespace gyre::server {

using base::Level;

Result<void> LogSwitch::set(bool is_on) {
    const std::lock_guard hold(mutex_);
    if (is_on == file_.is_on()) return {};
    if ((dataset_.settings.refusals.load() & engine::refusal::loading) != 0) {
        return fail("The data is being read. Try again when it is there");
    }
    if (is_on && state_ == State::off) {
        if (auto begun = start(); !begun) return begun;
    }
    if (is_on) {
        file_.set_on(true);
        // It begins when the last worker logs; until then INFO says that it will.
        rewriter_.schedule();
        return {};
    }
    rewriter_.switch_off();
    if (state_ == State::on) stop();
    return {};
}

/// Calls `step` on each worker's thread between two commands, and `last` behind the last of them.
void LogSwitch::on_each_worker(void (*step)(LogSwitch&, Worker&),
                               void (*last)(LogSwitch&, Worker&)) {
    const auto left = std::make_shared<std::atomic<size_t>>(workers_.size());
    for (const auto& worker : workers_) {
        worker->reactor().post([this, left, step, last, each = worker.get()] {
            step(*this, *each);
            if (left->fetch_sub(1) == 1) last(*this, *each);
        });
    }
}

Result<void> LogSwitch::start() {
    file_.prepare();
    // Before the thread runs that calls them.
    for (size_t index = 0; index < workers_.size() && !file_.is_running(); ++index) {
        file_.log()->set_waker(index, [&ring = workers_[index]->ring()] { ring.wake(); });
    }
    if (auto begun = file_.begin_closed(); !begun) return begun;
    state_ = State::starting;
    base::log(Level::notice, "The append-only file begins");
    on_each_worker(
        [](LogSwitch& self, Worker& worker) {
            worker.attach_log(*self.file_.log(), self.file_.recent_writes());
        },
        [](LogSwitch& self, Worker& worker) { self.all_attached(worker); });
    return {};
}

/// The mutex is let go before the rewrite locks the shards. Who switches the log off between the
/// two takes back what is scheduled here.
void LogSwitch::all_attached(Worker& last) {
    {
        const std::lock_guard hold(mutex_);
        state_ = State::on;
        file_.begin_logging();
        if (!file_.is_on()) return stop();
        rewriter_.log_begins();
    }
    rewriter_.look(last.executor());
}

void LogSwitch::stop() {
    state_ = State::stopping;
    rewriter_.log_ends();
    halves_left_ = 2;
    Worker& first = *workers_[0];
    first.reactor().post([this, &first] { end_logging(first); });
}

/// What is executed by a worker behind this place is logged, but in vain.
void LogSwitch::end_logging(Worker& worker) {
    {
        engine::ShardSet all;
        all.add_all(dataset_.shards());
        const engine::ShardGuard guard(dataset_, all, worker.executor());
        file_.end_logging([this] { half_stopped(); });
    }
    rewriter_.forget();
    on_each_worker([](LogSwitch&, Worker& each) { each.detach_log(); },
                   [](LogSwitch& self, Worker&) { self.half_stopped(); });
}

void LogSwitch::half_stopped() {
    const std::lock_guard hold(mutex_);
    if (--halves_left_ > 0) return;
    state_ = State::off;
    base::log(Level::notice, "The append-only file has ended");
    if (!file_.is_on()) return;
    if (auto begun = start(); !begun) {
        base::log(Level::warning, "The append-only file cannot begin: {}", begun.error().message);
    }
}

}  // namespace gyre::server
