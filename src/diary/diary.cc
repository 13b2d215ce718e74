// SPDX-License-Identifier: BSD-3-Clause
#include "diary/diary.h"

#include <fmt/format.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/thread_name.h"
#include "base/ticks.h"
#include "diary/outlet.h"
#include "diary/record_ring.h"

namespace gyre::diary {
namespace {

using base::Level;

constexpr auto kRelaxed = std::memory_order_relaxed;
constexpr int kSettleMs = kSettleNs / 1'000'000;
/// How soon a loss is looked at again that may not be told yet.
constexpr int kLossLookMs = 100;

/// One thread's ring, and what has come out of it and is not written yet.
struct Lane {
    explicit Lane(size_t bytes) : ring(bytes) {}

    RecordRing ring;
    // written by the thread that has it
    std::atomic<uint64_t> lost_lines{0};
    std::atomic<uint64_t> lost_commands{0};
    // under the mutex of the lanes
    bool is_taken = true;
    // the background thread's
    std::string front;
    bool has_front = false;

    bool refill() {
        if (!has_front) has_front = ring.take(front);
        return has_front;
    }
};

struct Losses {
    uint64_t lines = 0;
    uint64_t commands = 0;
    bool operator==(const Losses&) const = default;
};

Moment now() {
    timespec wall{};
    ::clock_gettime(CLOCK_REALTIME, &wall);
    return {static_cast<int64_t>(base::monotonic_ns()),
            int64_t{wall.tv_sec} * 1'000'000 + wall.tv_nsec / 1000};
}

class Keeper {
public:
    Result<void> open(const Places& places);
    void close();
    Result<void> start(size_t ring_bytes);
    void stop();
    Result<void> reopen();
    void request_reopen() noexcept;
    void flush(int patience_ms) noexcept;
    Figures figures() noexcept;

    void set_format(Format format) noexcept { format_.store(format, kRelaxed); }
    bool has_commands() const noexcept { return has_commands_.load(kRelaxed); }
    void write_line(Level level, std::string_view text) noexcept;
    void write_command(const CommandNote& note) noexcept;

    Lane* own_lane();
    void give_back(Lane& lane);

private:
    using Turn = std::pair<int64_t, Lane*>;

    void run();
    bool drain(int64_t horizon_ns);
    void rest(bool was_busy);
    bool has_records() const;
    std::vector<Lane*> lanes() const;
    Losses losses() const;
    void tell_losses(int64_t now_ns, int64_t horizon_ns, bool at_once);
    void wake_if_asleep() noexcept;
    void signal() const noexcept;
    void write_here(const Record& record) noexcept;
    // under outlets_mutex_
    void write(const Record& record);
    void write_own(Level level, std::string_view text);
    void flush_outlets() noexcept;
    const std::string& line_of(const Record& record, Reader reader);

    std::atomic<Format> format_{Format::text};
    std::atomic<bool> has_commands_{false};

    mutable std::mutex lanes_mutex_;
    // under lanes_mutex_
    std::vector<std::unique_ptr<Lane>> lanes_;
    size_t ring_bytes_ = kRingBytes;

    std::mutex outlets_mutex_;
    // under outlets_mutex_
    std::optional<Outlet> log_;
    std::optional<Outlet> errors_;
    std::optional<Outlet> commands_;
    LineWriter lines_;
    std::string line_;

    // the background thread's
    std::vector<Turn> turns_;  // a heap: the oldest record first
    Record record_;
    Losses told_;
    int64_t told_ns_ = INT64_MIN / 2;
    int64_t loss_seen_ns_ = INT64_MAX;  // when there was first something to tell

    std::thread thread_;
    int event_ = -1;
    std::atomic<uint64_t> epoch_{1};  // of the rings: threads take one of their own in each
    std::atomic<bool> is_running_{false};
    std::atomic<bool> is_ending_{false};
    std::atomic<bool> is_asleep_{false};
    std::atomic<bool> is_reopen_wanted_{false};
    std::atomic<uint64_t> flushes_wanted_{0};
    std::atomic<uint64_t> flushes_done_{0};

    std::atomic<uint64_t> written_lines_{0};
    std::atomic<uint64_t> written_commands_{0};
    std::atomic<uint64_t> unwritten_{0};
    std::atomic<uint64_t> failed_reopens_{0};
};

/// Leaked on purpose: destructors of static objects may log.
Keeper& keeper() {
    static Keeper* const instance = new Keeper;
    return *instance;
}

/// A thread's hold on its lane.
struct Handle {
    ~Handle() {
        if (lane != nullptr) keeper().give_back(*std::exchange(lane, nullptr));
    }
    Lane* lane = nullptr;
    uint64_t epoch = 0;
};
thread_local Handle own_handle;

/// This thread writes lines just now, or is the one in the background: it must not wait for itself.
constinit thread_local bool is_writing = false;

void write_line_of_log(Level level, std::string_view text) noexcept {
    keeper().write_line(level, text);
}

void bump(std::atomic<uint64_t>& counter, uint64_t by = 1) {
    counter.store(counter.load(kRelaxed) + by, kRelaxed);
}

// --- where lines go
// -------------------------------------------------------------------------------

Result<void> Keeper::open(const Places& places) {
    const auto open_some = [](const std::string& path,
                              std::string_view what) -> Result<std::optional<Outlet>> {
        if (path.empty()) return std::nullopt;
        auto outlet = Outlet::open(path, what);
        if (!outlet) return tl::unexpected(std::move(outlet.error()));
        return std::move(*outlet);
    };
    auto log =
        open_some(places.log.empty() ? std::string(kStandardOutput) : places.log, "log file");
    if (!log) return tl::unexpected(std::move(log.error()));
    auto errors = open_some(places.errors, "error log");
    if (!errors) return tl::unexpected(std::move(errors.error()));
    auto commands = open_some(places.commands, "command log");
    if (!commands) return tl::unexpected(std::move(commands.error()));
    const std::lock_guard lock(outlets_mutex_);
    flush_outlets();
    log_ = std::move(*log);
    errors_ = std::move(*errors);
    commands_ = std::move(*commands);
    has_commands_.store(commands_.has_value(), kRelaxed);
    base::set_log_writer(write_line_of_log);
    return {};
}

void Keeper::close() {
    base::set_log_writer(nullptr);
    has_commands_.store(false, kRelaxed);
    const std::lock_guard lock(outlets_mutex_);
    flush_outlets();
    log_.reset();
    errors_.reset();
    commands_.reset();
}

Result<void> Keeper::reopen() {
    const std::lock_guard lock(outlets_mutex_);
    Result<void> result;
    bool is_any_new = false;
    for (auto* outlet : {&log_, &errors_, &commands_}) {
        if (!outlet->has_value() || !(*outlet)->is_file()) continue;
        if (auto reopened = (*outlet)->reopen(); !reopened) {
            bump(failed_reopens_);
            write_own(Level::warning, reopened.error().message + ". The one before stays in use");
            if (result) result = reopened;
        } else {
            is_any_new = true;
        }
    }
    if (is_any_new) write_own(Level::notice, "The files of the log were opened again");
    flush_outlets();
    return result;
}

const std::string& Keeper::line_of(const Record& record, Reader reader) {
    line_.clear();
    lines_.append(line_, record, format_.load(kRelaxed), reader);
    return line_;
}

void Keeper::write(const Record& record) {
    if (record.kind == RecordKind::command) {
        if (!commands_) return;
        commands_->write(line_of(record, commands_->reader()));
        return bump(written_commands_);
    }
    if (!log_) return;
    log_->write(line_of(record, log_->reader()));
    bump(written_lines_);
    if (errors_ && record.level >= Level::warning) {
        errors_->write(line_of(record, errors_->reader()));
    }
}

/// What the diary has to say about itself.
void Keeper::write_own(Level level, std::string_view text) {
    if (!base::is_logged(level)) return;
    Record record;
    record.moment = now();
    record.level = level;
    record.text = text;
    write(record);
}

void Keeper::flush_outlets() noexcept {
    uint64_t unwritten = 0;
    for (auto* outlet : {&log_, &errors_, &commands_}) {
        if (!outlet->has_value()) continue;
        const uint64_t before = (*outlet)->lost_lines();
        (*outlet)->flush();
        unwritten += (*outlet)->lost_lines() - before;
    }
    if (unwritten > 0) bump(unwritten_, unwritten);
}

/// By the thread that logs.
void Keeper::write_here(const Record& record) noexcept {
    if (std::exchange(is_writing, true)) return;
    try {
        const std::lock_guard lock(outlets_mutex_);
        write(record);
        flush_outlets();
    } catch (...) {
        unwritten_.fetch_add(1, kRelaxed);
    }
    is_writing = false;
}

// --- threads that log
// -----------------------------------------------------------------------------

Lane* Keeper::own_lane() {
    Handle& handle = own_handle;
    const uint64_t epoch = epoch_.load(kRelaxed);
    if (handle.lane != nullptr && handle.epoch == epoch) [[likely]]
        return handle.lane;
    if (handle.lane != nullptr) give_back(*std::exchange(handle.lane, nullptr));
    handle.epoch = epoch;
    const std::lock_guard lock(lanes_mutex_);
    const size_t bytes = RecordRing::rounded(ring_bytes_);
    for (const auto& lane : lanes_) {
        if (lane->is_taken || lane->ring.capacity() != bytes) continue;
        lane->is_taken = true;
        return handle.lane = lane.get();
    }
    lanes_.push_back(std::make_unique<Lane>(bytes));
    return handle.lane = lanes_.back().get();
}

void Keeper::give_back(Lane& lane) {
    const std::lock_guard lock(lanes_mutex_);
    lane.is_taken = false;
}

void Keeper::write_line(Level level, std::string_view text) noexcept {
    if (!is_running_.load(std::memory_order_acquire)) {
        Record record;
        record.moment = now();
        record.level = level;
        record.text = text;
        return write_here(record);
    }
    Lane& lane = *own_lane();
    if (!push_line(lane.ring, now(), level, text)) bump(lane.lost_lines);
    wake_if_asleep();
}

void Keeper::write_command(const CommandNote& note) noexcept {
    if (!is_running_.load(std::memory_order_acquire)) {
        Record record;
        record.kind = RecordKind::command;
        record.moment = now();
        record.command = note;
        return write_here(record);
    }
    Lane& lane = *own_lane();
    if (!push_command(lane.ring, now(), note)) bump(lane.lost_commands);
    wake_if_asleep();
}

/// One system call for each time that the thread has gone to sleep, by whoever comes first.
void Keeper::wake_if_asleep() noexcept {
    if (is_asleep_.load(std::memory_order_seq_cst) && is_asleep_.exchange(false)) signal();
}

void Keeper::signal() const noexcept {
    const uint64_t one = 1;
    // It can only fail where the thread has been signalled 2^64 - 2 times and not looked.
    [[maybe_unused]] const ssize_t written = ::write(event_, &one, sizeof one);
}

void Keeper::request_reopen() noexcept {
    is_reopen_wanted_.store(true);
    signal();
}

void Keeper::flush(int patience_ms) noexcept {
    if (!is_running_.load() || is_writing) return;
    const int before = errno;
    const uint64_t wanted = flushes_wanted_.fetch_add(1) + 1;
    signal();
    for (int waited = 0; flushes_done_.load() < wanted && waited < patience_ms; ++waited) {
        ::poll(nullptr, 0, 1);
    }
    errno = before;
}

// --- the thread in the background
// -----------------------------------------------------------------

Result<void> Keeper::start(size_t ring_bytes) {
    CHECK(!is_running_.load());
    if (event_ < 0) event_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (event_ < 0) {
        const int cause = errno;
        return fail(fmt::format("Cannot make the event of the log's thread: {}. Raise the limit of "
                                "open files (ulimit -n)",
                                std::strerror(cause)),
                    cause);
    }
    {
        const std::lock_guard lock(lanes_mutex_);
        ring_bytes_ = std::max(ring_bytes, kRingBytesMin);
    }
    epoch_.fetch_add(1);
    is_ending_.store(false);
    // Signals are for the threads that serve: this one must be awake when a handler waits for it.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    is_running_.store(true, std::memory_order_release);
    return {};
}

void Keeper::stop() {
    if (!is_running_.exchange(false)) return;
    is_ending_.store(true);
    signal();
    thread_.join();
}

void Keeper::run() {
    base::name_thread("gyre-diary");
    is_writing = true;
    for (;;) {
        const bool is_ending = is_ending_.load();
        const uint64_t flushes = flushes_wanted_.load();
        const bool is_flush = flushes != flushes_done_.load(kRelaxed);
        if (is_reopen_wanted_.exchange(false)) static_cast<void>(reopen());
        const auto now_ns = static_cast<int64_t>(base::monotonic_ns());
        const uint64_t before = written_lines_.load(kRelaxed) + written_commands_.load(kRelaxed);
        const int64_t horizon_ns = is_ending ? INT64_MAX : is_flush ? now_ns : now_ns - kSettleNs;
        const bool has_more = drain(horizon_ns);
        {
            const std::lock_guard lock(outlets_mutex_);
            if (!has_more) tell_losses(now_ns, horizon_ns, is_ending || is_flush);
            flush_outlets();
        }
        if (has_more) continue;
        flushes_done_.store(flushes);
        if (is_ending) return;
        rest(before != written_lines_.load(kRelaxed) + written_commands_.load(kRelaxed));
    }
}

std::vector<Lane*> Keeper::lanes() const {
    std::vector<Lane*> all;
    const std::lock_guard lock(lanes_mutex_);
    for (const auto& lane : lanes_) all.push_back(lane.get());
    return all;
}

/// Writes what is not newer than the horizon, in order of time; true: there may be more of it.
bool Keeper::drain(int64_t horizon_ns) {
    const auto push = [this](Lane& lane) {
        turns_.emplace_back(order_of(lane.front), &lane);
        std::push_heap(turns_.begin(), turns_.end(), std::greater<>());
    };
    turns_.clear();
    for (Lane* lane : lanes()) {
        if (lane->refill()) push(*lane);
    }
    const std::lock_guard lock(outlets_mutex_);
    for (size_t written = 0; written < kRecordsPerRound; ++written) {
        if (turns_.empty() || turns_.front().first > horizon_ns) return false;
        std::pop_heap(turns_.begin(), turns_.end(), std::greater<>());
        Lane& lane = *turns_.back().second;
        turns_.pop_back();
        read_record(lane.front, record_);
        write(record_);
        lane.has_front = false;
        if (lane.refill()) push(lane);
    }
    return true;
}

bool Keeper::has_records() const {
    const auto all = lanes();
    return std::any_of(all.begin(), all.end(),
                       [](const Lane* lane) { return lane->has_front || !lane->ring.is_empty(); });
}

/// Until there is something to do. While records come they are looked for each kSettleNs, so that
/// nobody has to wake this thread for each of them.
void Keeper::rest(bool was_busy) {
    int timeout_ms = kSettleMs;
    if (!was_busy && !has_records()) {
        is_asleep_.store(true, std::memory_order_seq_cst);
        if (!has_records()) timeout_ms = losses() == told_ ? -1 : kLossLookMs;
    }
    pollfd wait{event_, POLLIN, 0};
    ::poll(&wait, 1, timeout_ms);
    is_asleep_.store(false);
    uint64_t signals = 0;
    [[maybe_unused]] const ssize_t read = ::read(event_, &signals, sizeof signals);
}

Losses Keeper::losses() const {
    Losses sum;
    for (const Lane* lane : lanes()) {
        sum.lines += lane->lost_lines.load(kRelaxed);
        sum.commands += lane->lost_commands.load(kRelaxed);
    }
    return sum;
}

/// Behind what was noted before the loss: so there is room again.
void Keeper::tell_losses(int64_t now_ns, int64_t horizon_ns, bool at_once) {
    const Losses sum = losses();
    if (sum == told_) return;
    loss_seen_ns_ = std::min(loss_seen_ns_, now_ns);
    const bool is_early = horizon_ns < loss_seen_ns_ || now_ns - told_ns_ < kLossReportNs;
    if (is_early && !at_once) return;
    loss_seen_ns_ = INT64_MAX;
    const uint64_t lines = sum.lines - told_.lines;
    const uint64_t commands = sum.commands - told_.commands;
    told_ = sum;
    told_ns_ = now_ns;
    write_own(
        Level::warning,
        fmt::format("Lost for want of room: {} lines of the log, {} of the command log. Raise "
                    "log-ring-bytes, or narrow command-log-filter",
                    lines, commands));
    if (commands == 0 || !commands_) return;
    // The gap shows where it is, whatever the level of the log.
    const std::string text = fmt::format("{} commands are missing here", commands);
    Record record;
    record.moment = now();
    record.level = Level::warning;
    record.text = text;
    commands_->write(line_of(record, commands_->reader()));
}

Figures Keeper::figures() noexcept {
    const Losses lost = losses();
    return {.lines = written_lines_.load(kRelaxed),
            .commands = written_commands_.load(kRelaxed),
            .lost_lines = lost.lines,
            .lost_commands = lost.commands,
            .unwritten = unwritten_.load(kRelaxed),
            .failed_reopens = failed_reopens_.load(kRelaxed)};
}

}  // namespace

Result<void> open(const Places& places) { return keeper().open(places); }
void close() { keeper().close(); }
void set_format(Format format) noexcept { keeper().set_format(format); }
bool has_command_log() noexcept { return keeper().has_commands(); }
Result<void> start(size_t ring_bytes) { return keeper().start(ring_bytes); }
void stop() { keeper().stop(); }
void attach_thread() { keeper().own_lane(); }
void note_command(const CommandNote& note) noexcept { keeper().write_command(note); }
Result<void> reopen() { return keeper().reopen(); }
void request_reopen() noexcept { keeper().request_reopen(); }
void flush(int patience_ms) noexcept { keeper().flush(patience_ms); }
Figures figures() noexcept { return keeper().figures(); }

}  // namespace gyre::diary
