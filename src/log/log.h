// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The log of effects in memory: one total order over all threads, made by one atomic addition. A
// writer reserves its place while it holds the locks of its shards, so the order of the log is that
// of the changes; it copies its bytes after it has let go of them, and then tells that they are
// there. Nobody takes a lock for that, and nobody waits.
//
//     appender.reserve(record.bytes());     // under the locks
//     ... unlock ...
//     appender.write(record);
//
// One thread (log/file_writer.h) takes the bytes up to frontier(), brings them to a file and says
// how far they are durable; who must not speak before that (appendfsync always) waits for it.
//
// Bounded: beyond `bytes_max` not yet released, admission() says full, and writers are held back
// before they execute. A record has no limit of its own: each thread may go over by one.
//
// How a writer is not overtaken: before it adds to the tail it stores the tail it sees in a slot of
// its own, and clears that after the copy. The frontier is the smallest of all slots and of the
// tail, read before them: whoever's addition was seen, his slot is seen as well (Garnet and others
// call it an epoch; the addition releases, reading the tail acquires).
//
// Ownership: borrowed by all; outlives them. Threads: as each member says.

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/prefetch.h"
#include "log/effect_writer.h"
#include "log/segments.h"

namespace gyre::log {

/// appendfsync.
enum class SyncMode : uint8_t { always, every_second, never };

/// Whether a command that writes may be executed.
enum class Admission : uint8_t {
    open,
    full,     ///< later: the disk is behind
    failing,  ///< refused: what is written cannot be made durable; failure() says why
};

/// Bytes that are encoded already, as part of the log.
struct EncodedEffects {
    std::string_view text;

    size_t bytes() const noexcept { return text.size(); }
    char* write(char* out) const noexcept;
    void write(Pieces& out) const { out.append(text); }
};

class Log;

/// One thread's way into the log.
class alignas(64) Appender {
public:
    /// Reserves the next place for `bytes`, at least one, and returns the position behind them.
    /// Each is followed by write() before the next.
    Position reserve(size_t bytes);
    /// Writes what the place was reserved for.
    template <class Part>
    void write(const Part& part);

    /// Behind the last one reserved.
    Position end() const noexcept { return end_; }
    /// Until then the thread is taken to be busy without a rest, for many who do not wait for the
    /// log. On the monotonic clock.
    void note_crowded(int64_t until_us) noexcept {
        crowded_until_us_.store(until_us, std::memory_order_relaxed);
    }

private:
    friend class Log;
    static constexpr Position kIdle = kNoPosition;
    /// Fetched behind a record, for the next.
    static constexpr size_t kFetchedBytes = 256;

    explicit Appender(Log& log) noexcept : log_(log) {}
    void fetch_next(const char* next) const;

    Log& log_;
    std::atomic<Position> pending_{kIdle};  // nothing before it is missing
    std::atomic<int64_t> crowded_until_us_{0};
    Position begin_ = 0;
    Position end_ = 0;
    bool follows_itself_ = false;  // nobody else has reserved since the last one
};

class Log {
public:
    static constexpr uint64_t kBytesMax = uint64_t{64} << 20;
    /// One of its words may be as long as a page of a disk.
    static constexpr size_t kLargeRecordBytes = 4096;

    explicit Log(size_t appenders, uint64_t bytes_max = kBytesMax);
    ~Log();

    // --- writers, each with its own ---
    Appender& appender(size_t index) { return *appenders_[index]; }
    Admission admission() const noexcept { return admission_.load(std::memory_order_relaxed); }
    /// After writing, at the end of a turn: has the log's thread look, if it sleeps and there is
    /// what it waits for.
    void kick();

    /// What follows goes into a file of its own, because a snapshot is taken here: while nobody has
    /// reserved a place and not finished the change it is for, under the locks of all shards. One
    /// at a time; the next replaces one that the log's thread has not come to.
    Position begin_part() noexcept;

    // --- any thread ---
    /// Behind everything that was reserved.
    Position tail() const noexcept { return tail_.load(std::memory_order_acquire); }
    /// Everything before it is on the disk.
    Position durable() const noexcept { return durable_.load(std::memory_order_acquire); }
    /// Everything before it is not kept any more.
    Position released() const noexcept { return released_.load(std::memory_order_acquire); }
    uint64_t memory_bytes() const noexcept { return segments_.bytes(); }
    /// Why admission() is failing; empty when it is not.
    std::string failure() const;

    std::atomic<SyncMode> sync_mode{SyncMode::every_second};
    std::atomic<bool> writes_clock{false};        ///< aof-timestamp-enabled
    std::atomic<bool> preallocates{false};        ///< aof-preallocate
    std::atomic<bool> reclaims_page_cache{true};  ///< aof-reclaim-page-cache
    std::atomic<bool> writes_directly{true};      ///< aof-direct-io
    std::atomic<int64_t> commit_delay_us{3000};   ///< aof-commit-delay
    /// Of a log that was switched on, until its first base is there: whatever is durable, nothing
    /// of it can be loaded.
    std::atomic<bool> lacks_base{false};

    // --- who waits ---
    /// Called by the log's thread, without a lock, when what the waiter waits for has come, or when
    /// admission() has changed. Set once, before anybody waits.
    void set_waker(size_t waiter, std::function<void()> wake);
    /// Has all of them look again.
    void wake_all();
    /// True when `position` is durable. If it is not, the waiter is woken once it is; one position
    /// at a time, the next replaces it.
    bool wait_durable(size_t waiter, Position position);

    // --- the log's thread ---
    /// Everything before it is written.
    Position frontier();
    /// No thread that writes has a rest (Appender::note_crowded()).
    bool is_crowded(int64_t now_us) const noexcept;
    /// Where the next file begins, kNoPosition: nowhere yet. To be asked for after the frontier:
    /// who has reserved behind it did so after it was set.
    Position part() const noexcept { return part_.load(std::memory_order_acquire); }
    /// That file is there.
    void end_part(Position begun) noexcept {
        part_.compare_exchange_strong(begun, kNoPosition, std::memory_order_acq_rel);
    }
    /// Behind the last large record of those before the frontier, or of later ones.
    Position large_end() const noexcept { return large_end_.load(std::memory_order_relaxed); }
    std::span<char> at(Position position) { return segments_.at(position); }
    /// Memory that was kept for the next bytes and is not wanted goes back: a look now and then.
    void trim() { segments_.trim(); }
    void set_durable(Position position);
    /// Gives memory back.
    void release(Position position);
    void fail(std::string why);
    /// It is well again.
    void recover();
    /// Set once: how to wake the log's thread.
    void set_thread_waker(std::function<void()> wake) { wake_thread_ = std::move(wake); }
    /// The thread means to sleep until everything before `wake_at` is written, and so to be found
    /// by kick(): false when it is already.
    bool park(Position wake_at);
    void unpark() noexcept { wake_at_.store(kNoPosition, std::memory_order_relaxed); }

private:
    friend class Appender;
    struct alignas(64) Waiter {
        std::atomic<Position> wants{kNoPosition};
        std::function<void()> wake;
    };
    void note_full(Position end);
    void note_large(Position end) noexcept;

    alignas(64) std::atomic<Position> tail_{0};
    std::atomic<Position> large_end_{0};
    // read by all, written now and then
    alignas(64) std::atomic<Position> room_end_;
    std::atomic<Position> durable_{0};
    std::atomic<Position> released_{0};
    std::atomic<Admission> admission_{Admission::open};
    std::atomic<Position> wake_at_{kNoPosition};  ///< of the log's thread, if it sleeps
    std::atomic<Position> part_{kNoPosition};

    const uint64_t bytes_max_;
    Segments segments_;
    std::vector<std::unique_ptr<Appender>> appenders_;
    std::unique_ptr<Waiter[]> waiters_;
    size_t waiter_count_;
    std::function<void()> wake_thread_;
    Position frontier_ = 0;  // the log's thread
    mutable std::mutex mutex_;
    std::string failure_;  // under mutex_
};

/// Puts pieces one behind the other into the log, from segment to segment.
class LogPieces final : public Pieces {
public:
    LogPieces(Segments& segments, Position position) : segments_(segments), position_(position) {}
    void append(std::string_view bytes) override;
    Position position() const noexcept { return position_; }

private:
    Segments& segments_;
    Position position_;
};

inline Position Appender::reserve(size_t bytes) {
    DCHECK(pending_.load(std::memory_order_relaxed) == kIdle);
    // Whoever sees this value sees what was written before as well.
    pending_.store(log_.tail_.load(std::memory_order_relaxed), std::memory_order_release);
    begin_ = log_.tail_.fetch_add(bytes, std::memory_order_acq_rel);
    follows_itself_ = begin_ == end_;
    end_ = begin_ + bytes;
    if (end_ > log_.room_end_.load(std::memory_order_relaxed)) [[unlikely]]
        log_.note_full(end_);
    if (bytes >= Log::kLargeRecordBytes) [[unlikely]]
        log_.note_large(end_);
    return end_;
}

/// The log goes on where nobody has written for long, and the next reserve() waits for all stores
/// before it.
inline void Appender::fetch_next(const char* next) const {
    if (!follows_itself_) return;
    for (size_t at = 0; at < kFetchedBytes; at += 64) base::prefetch_for_writing(next + at);
}

template <class Part>
void Appender::write(const Part& part) {
    const std::span<char> room = log_.segments_.at(begin_);
    if (end_ - begin_ <= room.size()) [[likely]] {
        part.write(room.data());
        fetch_next(room.data() + (end_ - begin_));
    } else {
        LogPieces pieces(log_.segments_, begin_);
        part.write(pieces);
        DCHECK(pieces.position() == end_);
    }
    pending_.store(kIdle, std::memory_order_release);
}

}  // namespace gyre::log
