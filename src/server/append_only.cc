// SPDX-License-Identifier: BSD-3-Clause
#include "server/append_only.h"

#include <fmt/format.h>

#include <future>
#include <utility>

#include "base/log.h"
#include "base/thread_name.h"
#include "ring/uring/uring_ring.h"
#include "server/worker.h"

namespace gyre::server {

AppendOnly::AppendOnly(const ServerSettings& settings, size_t threads)
    : settings_(settings),
      threads_count_(threads),
      directory_(files_, settings.append_directory, log::AofNames{settings.append_file}) {}

AppendOnly::~AppendOnly() { finish(0); }

void AppendOnly::prepare() {
    if (log_) return;
    log_ = std::make_unique<log::Log>(threads_count_);
    recent_writes_ = std::make_unique<engine::RecentWrites>();
    log_->sync_mode = sync_mode_.load();
    log_->writes_clock = writes_clock_.load();
    log_->preallocates = preallocates_.load();
    log_->reclaims_page_cache = reclaims_page_cache_.load();
    log_->writes_directly = writes_directly_.load();
    log_->commit_delay_us = commit_delay_us_.load();
    made_log_.store(log_.get(), std::memory_order_release);
}

void AppendOnly::set_sync_mode(log::SyncMode mode) {
    sync_mode_.store(mode);
    refresh_sync_mode();
}

/// Nothing is told to be durable that cannot be loaded: before the first base is there, no reply
/// waits. Who then reads a key that was written under another mode waits for all that there is.
void AppendOnly::refresh_sync_mode() {
    log::Log* const log = this->log();
    if (log == nullptr) return;
    // Who comes last must have seen what the other has changed.
    const std::lock_guard hold(sync_mode_mutex_);
    const log::SyncMode wanted = sync_mode_.load();
    const bool is_too_early = wanted == log::SyncMode::always && !is_founded_.load();
    log->sync_mode = is_too_early ? log::SyncMode::every_second : wanted;
    recent_writes_->note_all(log->tail());
    const bool has_base_now = log->lacks_base.exchange(!is_founded_.load()) && is_founded_.load();
    // Whoever waits for a sync that may never come is let go.
    if (has_base_now || wanted == log::SyncMode::never) log->wake_all();
}

void AppendOnly::set_writes_clock(bool writes) {
    writes_clock_.store(writes);
    if (log::Log* const log = this->log()) log->writes_clock = writes;
}

void AppendOnly::set_preallocates(bool preallocates) {
    preallocates_.store(preallocates);
    if (log::Log* const log = this->log()) log->preallocates = preallocates;
}

void AppendOnly::set_reclaims_page_cache(bool reclaims) {
    reclaims_page_cache_.store(reclaims);
    if (log::Log* const log = this->log()) log->reclaims_page_cache = reclaims;
}

void AppendOnly::set_writes_directly(bool directly) {
    writes_directly_.store(directly);
    if (log::Log* const log = this->log()) log->writes_directly = directly;
}

void AppendOnly::set_commit_delay(int64_t microseconds) {
    commit_delay_us_.store(microseconds);
    if (log::Log* const log = this->log()) log->commit_delay_us = microseconds;
}

Result<void> AppendOnly::open() {
    if (auto opened = directory_.open(); !opened) return opened;
    return adopt_old_file();
}

/// Of a server before Redis 7 there is one file and no directory. The manifest first: a crash
/// before the file has moved is seen at the next start.
Result<void> AppendOnly::adopt_old_file() {
    const std::string& name = settings_.append_file;
    if (!files_.exists(name)) return {};
    const log::AofManifest& manifest = directory_.manifest();
    const bool is_new = manifest.load_order().empty();
    const bool is_half_done =
        manifest.base && manifest.base->name == name && !files_.exists(directory_.path_of(name));
    if (!is_new && !is_half_done) return {};
    if (is_new && files_.exists(directory_.path_of(name))) {
        return fail(
            fmt::format("{} and {} are both there, and no manifest says which of them is the log: "
                        "move one away",
                        name, directory_.path_of(name)));
    }
    if (is_new) {
        auto adopted = log::AofManifest::of_old_file(name);
        if (!adopted) return tl::unexpected(std::move(adopted.error()));
        if (auto done = directory_.commit(*adopted); !done) return done;
    }
    if (auto done = files_.rename(name, directory_.path_of(name)); !done) return done;
    base::log(base::Level::notice, "The append-only file {} was moved into {}", name,
              settings_.append_directory);
    return files_.sync_directory(settings_.append_directory);
}

// --- loading
// -----------------------------------------------------------------------------------------

Result<void> AppendOnly::load(std::span<const std::unique_ptr<Worker>> workers,
                              const std::function<bool()>& serve) {
    Worker& first = *workers[0];
    const int64_t started_ms = first.ring().wall_ms();
    std::vector<std::unique_ptr<LoadThread>> threads;
    for (const auto& worker : workers) {
        threads.push_back(std::make_unique<LoadThread>(*worker, started_ms));
    }
    AofLoader loader(directory_, threads, settings_, started_ms, load_figures_);
    if (auto opened = loader.open(); !opened) return opened;
    if (auto read = read_files(loader, first, serve); !read) return read;
    base::log(base::Level::notice, "DB loaded from append only file: {:.3f} seconds, {} effects",
              static_cast<double>(first.ring().wall_ms() - started_ms) / 1000,
              load_figures_.commands.load());
    const uint64_t loaded = loader.kept_bytes();
    base_bytes_.store(loaded, std::memory_order_relaxed);
    rewritten_bytes_.store(loaded, std::memory_order_relaxed);
    auto started = start_thread(loader.end());
    if (started) begin_logging();
    return started;
}

Result<void> AppendOnly::read_files(AofLoader& loader, Worker& worker,
                                    const std::function<bool()>& serve) {
    for (;;) {
        const int64_t until_us = worker.ring().monotonic_us() + kLoadSliceUs;
        do {
            const auto has_more = loader.step();
            if (!has_more) return tl::unexpected(has_more.error());
            if (!*has_more) return {};
        } while (worker.ring().monotonic_us() < until_us);
        if (!serve()) return fail("Stopped while it was read");
    }
}

// --- beginning and ending while there is data
// ----------------------------------------------------

/// Whoever is told that there is a log has one as soon as its base is written: what would be in the
/// way of any file is better told now.
Result<void> AppendOnly::prove_writable() {
    const std::string probe = settings_.append_directory + "/temp-probe";
    const std::string text(kProbeBytes, '#');
    if (auto written = files_.write_whole(probe, text); !written) {
        static_cast<void>(files_.remove(probe));
        return written;
    }
    return files_.remove(probe);
}

Result<void> AppendOnly::begin_closed() {
    prepare();
    is_founded_.store(false);
    refresh_sync_mode();
    const std::lock_guard hold(beginning_mutex_);
    if (is_running()) return {};
    if (auto opened = directory_.open(); !opened) return opened;
    // Only a directory can be synced: there may be something else by that name.
    if (auto synced = files_.sync_directory(settings_.append_directory); !synced) return synced;
    if (auto writable = prove_writable(); !writable) return writable;
    return start_thread(std::nullopt);
}

void AppendOnly::end_logging(std::function<void()> done) {
    is_logging_.store(false);
    writer_->close(log_->tail(), std::move(done));
    ring_->wake();
}

bool AppendOnly::lacks_base() const noexcept { return is_on() && !is_founded_.load(); }

bool AppendOnly::needs_base() const noexcept {
    const log::WriterFigures* figures = writer_figures();
    return figures != nullptr && figures->needs_base.load(std::memory_order_relaxed);
}

/// A log that has ended has no place for it.
log::Position AppendOnly::begin_part() noexcept {
    return is_logging() ? log_->begin_part() : log_->tail();
}

// --- rewriting
// ---------------------------------------------------------------------------------------

uint64_t AppendOnly::bytes() const noexcept {
    const log::WriterFigures* figures = writer_figures();
    const uint64_t base = base_bytes_.load(std::memory_order_relaxed);
    if (figures == nullptr) return base;
    return base + figures->bytes.load(std::memory_order_relaxed) -
           adopted_part_bytes_.load(std::memory_order_relaxed);
}

void AppendOnly::adopt_base(uint64_t base_bytes, log::BaseFormat format,
                            std::function<void(const Result<void>&)> done) {
    log::FileWriter::NewBase base;
    base.path = directory_.path_of(new_base_name());
    base.format = format;
    base.keeps_old = settings_.keeps_aof_history.load(std::memory_order_relaxed);
    base.done = [this, base_bytes, done = std::move(done)](const Result<void>& result) {
        if (result) {
            adopted_part_bytes_.store(writer_->figures().part_bytes.load(),
                                      std::memory_order_relaxed);
            base_bytes_.store(base_bytes, std::memory_order_relaxed);
            rewritten_bytes_.store(bytes(), std::memory_order_relaxed);
            if (!is_founded_.exchange(true)) refresh_sync_mode();
        }
        done(result);
    };
    writer_->adopt(std::move(base));
    ring_->wake();
}

Result<void> AppendOnly::prepare_alone() {
    const std::lock_guard hold(beginning_mutex_);
    if (is_running()) return {};
    if (auto opened = directory_.open(); !opened) return opened;
    // Only a directory can be synced: there may be something else by that name.
    return files_.sync_directory(settings_.append_directory);
}

void AppendOnly::adopt_alone(log::BaseFormat format,
                             std::function<void(const Result<void>&)> done) {
    const std::string path = directory_.path_of(new_base_name());
    const bool keeps_old = settings_.keeps_aof_history.load(std::memory_order_relaxed);
    Result<void> result;
    {
        const std::lock_guard hold(beginning_mutex_);
        if (is_running()) {
            writer_->adopt({.path = path,
                            .format = format,
                            .keeps_old = keeps_old,
                            .is_alone = true,
                            .done = std::move(done)});
            ring_->wake();
            return;
        }
        result = directory_.open();
        if (result) result = directory_.replace_all(path, format, keeps_old);
    }
    done(result);
}

// --- the log's thread
// --------------------------------------------------------------------------------

Result<void> AppendOnly::start_thread(const std::optional<log::FileWriter::Start>& start) {
    std::promise<Result<void>> opened;
    auto outcome = opened.get_future();
    thread_ = std::thread([this, start, promise = std::move(opened)]() mutable {
        base::name_thread("gyre-log");
        Result<void> result = open_writer(start);
        const bool is_open = result.has_value();
        // Who made the ring must end it.
        if (!is_open) close_writer();
        is_running_.store(is_open, std::memory_order_release);
        promise.set_value(std::move(result));
        if (is_open) run();
    });
    Result<void> result = outcome.get();
    if (!result) thread_.join();
    return result;
}

/// A ring is made on the thread that uses it.
Result<void> AppendOnly::open_writer(const std::optional<log::FileWriter::Start>& start) {
    ring::UringOptions options;
    options.submission_entries = 16;
    options.completion_entries = 64;
    options.buffer_count = 1;
    options.buffer_bytes = 4096;
    auto ring = ring::create_uring_ring(options);
    if (!ring) return tl::unexpected(std::move(ring.error()));
    ring_ = std::move(*ring);
    mapped_bytes_.store(ring_->features().mapped_bytes, std::memory_order_relaxed);
    writer_ = std::make_unique<log::FileWriter>(*log_, *ring_, directory_);
    log_->set_thread_waker([this] { ring_->wake(); });
    if (start) return writer_->open(*start);
    writer_->stay_closed();
    return {};
}

void AppendOnly::run() {
    {
        ring::Reactor reactor(*ring_, *writer_);
        while (!is_stopping_.load(std::memory_order_acquire)) reactor.turn(true);
        writer_->finish();
        while (!writer_->is_drained() &&
               ring_->monotonic_us() < stop_deadline_us_.load(std::memory_order_relaxed)) {
            reactor.turn(true);
        }
        if (!writer_->is_drained()) {
            missing_bytes_.store(writer_->missing_bytes());
            base::log(base::Level::warning,
                      "The append-only file could not be completed: {}. {} bytes of effects are "
                      "lost",
                      log_->failure(), missing_bytes_.load());
        }
        while (!writer_->is_idle()) reactor.turn(true);
    }
    is_running_.store(false, std::memory_order_release);
    is_woken_.wait(false);
    close_writer();
}

void AppendOnly::close_writer() {
    writer_.reset();
    mapped_bytes_.store(0, std::memory_order_relaxed);
    ring_.reset();
}

void AppendOnly::finish(int64_t timeout_us) {
    if (!thread_.joinable()) return;
    stop_deadline_us_.store(ring_->monotonic_us() + timeout_us, std::memory_order_relaxed);
    is_stopping_.store(true, std::memory_order_release);
    ring_->wake();
    // The thread may have seen it before it was woken: the ring it takes with it is still in use.
    is_woken_.store(true);
    is_woken_.notify_one();
    thread_.join();
}

}  // namespace gyre::server
