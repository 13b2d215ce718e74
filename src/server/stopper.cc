// SPDX-License-Identifier: BSD-3-Clause
#include "server/stopper.h"

#include <utility>

#include "base/log.h"

namespace gyre::server {

using base::Level;

void Stopper::stop(const commands::ShutdownOrder& order, Tell tell) {
    if (has_ended_) return tell({});
    tells_.push_back(std::move(tell));
    if (std::exchange(is_under_way_, true)) return;
    order_ = order;
    is_taken_back_.store(false);
    // As Redis: at the next start the file would be the data, and there is none yet.
    if (file_.lacks_base() && !order.force) {
        return end(
            fail("Writing initial AOF, can't exit. Wait for its end, or use SHUTDOWN FORCE"));
    }
    if (const std::string failure = file_.failure();
        !failure.empty() && !order.force && !order.nosave) {
        return end(fail("The append-only file cannot be completed (" + failure +
                        "), can't exit. Mend that, or use SHUTDOWN NOSAVE or FORCE"));
    }
    const bool saves = order.save || (!order.nosave && persistence_.has_rules());
    // What is being read is on the disk, and half of it must not replace the whole.
    if (saves && !persistence_.is_loading()) return hold_writes();
    if (!persistence_.is_saving()) return end_well();
    persistence_.give_up();
    persistence_.when_saved([this](bool) { post(&Stopper::end_well); });
}

bool Stopper::take_back() {
    if (!is_saving_.load()) return false;
    is_taken_back_.store(true);
    persistence_.give_up();
    return true;
}

void Stopper::post(void (Stopper::*step)()) {
    workers_[0]->reactor().post([this, step] { (this->*step)(); });
}

/// Goes on when each worker has passed a point between two commands.
void Stopper::hold_writes() {
    base::log(Level::notice, "Saving the final snapshot before the end");
    is_saving_.store(true);
    holds_writes_ = true;
    clients_.hold_writes(workers_[0]->reactor().now_ms());
    const auto left = std::make_shared<std::atomic<size_t>>(workers_.size());
    for (const auto& worker : workers_) {
        worker->reactor().post([this, left] {
            if (left->fetch_sub(1) == 1) post(&Stopper::save);
        });
    }
}

void Stopper::save() {
    if (is_taken_back_.load()) return conclude();
    if (!persistence_.begin_save(workers_[0]->executor())) {
        // One that began before the writes were held is of no use.
        persistence_.give_up();
        return persistence_.when_saved([this](bool) { post(&Stopper::save); });
    }
    persistence_.when_saved([this](bool is_saved) {
        workers_[0]->reactor().post([this, is_saved] {
            is_saved_ = is_saved;
            conclude();
        });
    });
}

void Stopper::conclude() {
    is_saving_.store(false);
    if (is_taken_back_.load()) return end(fail("The shutdown was taken back with ABORT"));
    if (is_saved_ || order_.force) return end_well();
    end(
        fail("Error trying to save the DB, can't exit. Make room on the disk, or use SHUTDOWN "
             "NOSAVE or FORCE"));
}

void Stopper::end(Result<void> result) {
    is_under_way_ = false;
    has_ended_ = result.has_value();
    if (!result) {
        if (std::exchange(holds_writes_, false)) clients_.release_writes();
        base::log(Level::warning, "{}", result.error().message);
    }
    std::vector<Tell> tells;
    tells.swap(tells_);
    for (const Tell& tell : tells) tell(result);
    if (has_ended_) workers_[0]->stop();
}

}  // namespace gyre::server
