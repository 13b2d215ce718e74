// SPDX-License-Identifier: BSD-3-Clause
#include "server/rewriter.h"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/log.h"
#include "base/memory.h"

namespace gyre::server {
namespace {

using base::Level;
using commands::RewriteOrder;

int64_t monotonic_s() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec;
}

}  // namespace

RewriteOrder Rewriter::order(engine::Executor& executor, bool is_later) {
    bool is_alone = false;
    {
        const std::lock_guard hold(mutex_);
        if (figures_.is_running) return RewriteOrder::running;
        figures_.is_scheduled = true;
        if (is_later || !claim()) return RewriteOrder::scheduled;
        is_alone = is_alone_;
    }
    return begin(executor, is_alone);
}

void Rewriter::schedule() {
    const std::lock_guard hold(mutex_);
    figures_.is_scheduled = true;
}

void Rewriter::log_begins() {
    const std::lock_guard hold(mutex_);
    is_log_ending_ = false;
    figures_.is_scheduled = true;
}

void Rewriter::log_ends() {
    const std::lock_guard hold(mutex_);
    is_log_ending_ = true;
}

void Rewriter::switch_off() {
    const std::lock_guard hold(mutex_);
    file_.set_on(false);
    figures_.is_scheduled = false;
}

/// Under the mutex, so that it is still the log's when it is given up.
void Rewriter::forget() {
    const std::lock_guard hold(mutex_);
    if (figures_.is_running && !is_alone_) persistence_.give_up_base();
}

void Rewriter::look(engine::Executor& executor) {
    bool is_alone = false;
    {
        const std::lock_guard hold(mutex_);
        if (figures_.is_running) {
            figures_.last_memory_bytes = std::max(
                figures_.last_memory_bytes, base::used(base::Purpose::snapshot) - memory_before_);
            return;
        }
        if ((!figures_.is_scheduled && !is_due()) || !claim()) return;
        is_alone = is_alone_;
    }
    begin(executor, is_alone);
}

/// Under mutex_.
bool Rewriter::is_due() const {
    const int64_t since_s = figures_.is_last_good ? kRetrySeconds : monotonic_s() - failed_s_;
    const bool has_just_failed = since_s < kRetrySeconds;
    if (!file_.is_on()) return false;
    if (file_.lacks_base()) {
        constexpr uint64_t kDoublings = 6;
        const int64_t pause_s = int64_t{1} << std::min(figures_.failures_in_row, kDoublings);
        return since_s >= std::min(pause_s / 2, kRetrySeconds);
    }
    if (file_.needs_base()) return !has_just_failed;
    const int64_t percentage = settings_.rewrite_percentage.load(std::memory_order_relaxed);
    const uint64_t bytes = file_.bytes();
    if (percentage == 0 || bytes < settings_.rewrite_bytes_min.load(std::memory_order_relaxed)) {
        return false;
    }
    if (has_just_failed) return false;
    const uint64_t before = std::max<uint64_t>(file_.rewritten_bytes(), 1);
    return bytes > before && 100.0 * static_cast<double>(bytes - before) >=
                                 static_cast<double>(percentage) * static_cast<double>(before);
}

/// Under mutex_, while none is under way: whoever gets true begins one. What it is for is decided
/// in the same moment as whether it is wanted: a log that is switched off meanwhile takes back what
/// was scheduled for it (switch_off()).
bool Rewriter::claim() {
    is_alone_ = !file_.is_on();
    // One of a log that is about to end would be none of the log that follows it.
    if (!is_alone_ && (is_log_ending_ || !file_.is_logging())) return false;
    figures_.is_running = true;
    // What is scheduled from here on is another one.
    figures_.is_scheduled = false;
    started_s_ = monotonic_s();
    memory_before_ = base::used(base::Purpose::snapshot);
    figures_.last_memory_bytes = 0;
    return true;
}

RewriteOrder Rewriter::begin(engine::Executor& executor, bool is_alone) {
    if (is_alone) {
        if (const auto ready = file_.prepare_alone(); !ready) {
            end(ready, 0);
            return RewriteOrder::failed;
        }
    }
    // Where that fails, writing the base says so.
    if (!is_alone) static_cast<void>(file_.prepare_base());
    const bool has_begun = start(executor, is_alone);
    const std::lock_guard hold(mutex_);
    if (has_begun) {
        base::log(Level::notice, "Background append only file rewriting started");
    } else {
        figures_.is_running = false;
        // Unless the log was switched meanwhile.
        if (is_alone != file_.is_on()) figures_.is_scheduled = true;
    }
    return has_begun ? RewriteOrder::begun : RewriteOrder::scheduled;
}

/// False: a snapshot is under way.
bool Rewriter::start(engine::Executor& executor, bool is_alone) {
    const auto format = settings_.aof_base_is_rdb.load(std::memory_order_relaxed)
                            ? log::BaseFormat::rdb
                            : log::BaseFormat::aof;
    return persistence_.begin_base(
        {.directory = settings_.append_directory,
         .name = file_.new_base_name(),
         .syncs_often = settings_.aof_syncs_often.load(std::memory_order_relaxed),
         .is_commands = format == log::BaseFormat::aof,
         .position = [this, is_alone] { return is_alone ? file_.position() : begin_part(); },
         .done = [this, format,
                  is_alone](const Result<uint64_t>& bytes) { adopt(bytes, format, is_alone); }},
        executor);
}

/// Under the locks of all shards. The log may have ended since this was claimed, with nothing to
/// forget yet: then nobody wants the base.
log::Position Rewriter::begin_part() {
    if (!file_.is_logging()) persistence_.give_up_base();
    return file_.begin_part();
}

void Rewriter::adopt(const Result<uint64_t>& bytes, log::BaseFormat format, bool is_alone) {
    if (!bytes) return end(tl::unexpected(bytes.error()), 0);
    auto done = [this, count = *bytes](const Result<void>& result) { end(result, count); };
    if (is_alone) return file_.adopt_alone(format, std::move(done));
    file_.adopt_base(*bytes, format, std::move(done));
}

void Rewriter::end(const Result<void>& done, uint64_t base_bytes) {
    const bool is_given_up = !done && done.error().code == ECANCELED;
    if (done) {
        base::log(Level::notice, "Background AOF rewrite finished: a base of {} bytes", base_bytes);
    } else if (is_given_up) {
        base::log(Level::notice, "Background AOF rewrite given up");
    } else {
        base::log(Level::warning, "Background AOF rewrite failed, the files stay as they were: {}",
                  done.error().message);
    }
    const std::lock_guard hold(mutex_);
    figures_.is_running = false;
    // That it was given up says nothing about the disk; a log that is on again wants another.
    if (is_given_up) {
        if (file_.is_on()) figures_.is_scheduled = true;
        return;
    }
    figures_.last_took_s = monotonic_s() - started_s_;
    figures_.is_last_good = done.has_value();
    if (done) {
        ++figures_.rewrites;
        figures_.failures_in_row = 0;
    } else {
        failed_s_ = monotonic_s();
        ++figures_.failures_in_row;
    }
}

RewriteFigures Rewriter::figures() const {
    const std::lock_guard hold(mutex_);
    RewriteFigures figures = figures_;
    if (figures.is_running) figures.running_s = monotonic_s() - started_s_;
    // It is tried again until there is one.
    if (!figures.is_running && file_.is_on() && file_.lacks_base()) figures.is_scheduled = true;
    return figures;
}

void Rewriter::reset_statistics() {
    const std::lock_guard hold(mutex_);
    figures_.rewrites = 0;
}

}  // namespace gyre::server
