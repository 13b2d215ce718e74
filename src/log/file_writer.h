// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Brings the log to its file: what a thread of its own does, with a ring of its own. It writes what
// has gathered as one group and syncs it, with one sync in flight at most, while the next group
// gathers.
//
//     always         write and sync as one operation, once those who write have come back, and
//                    later where others need the processor (log/group_policy.h)
//     every second   write every few milliseconds, sync each second and when much is unsynced
//     never          write; the kernel brings it to the disk when it likes
//
// A sync that need not record a new length of the file costs a third less. So where groups are
// small and follow each other (kSmallGroupsMin), one of them brings filling behind it
// (log/group_head.h), and those after it go over that, each with its checksum. A larger one cuts
// the filling off first.
//
// Under `every second`, groups that are large and follow each other (log/stream_policy.h) go past
// the page cache, as far as they fill pages of the file; the rest of the last page goes through it.
// That saves a copy of each byte, and the memory of the page cache. Such a write makes the file
// longer at once, so whatever stands before it and is not on the disk yet goes with it, once more:
// a crash leaves no hole.
//
// When something fails, writes are refused (Log::admission()) and what was executed already stays
// in memory, in order, until it is on the disk after all:
//   - a write that fails (disk full, read-only) is tried again, at the same offset;
//   - after a sync that failed nothing behind the last success is trusted: the file is cut there,
//     and all since then goes into a new one, which is synced before the manifest names it; where
//     memory has not got all since then (it was given up unsynced: never), a rewrite has to do it;
//   - a file or directory that has vanished is waited for, and then (kPlacePatienceUs) a rewrite.
// Each is tried again after a pause. Nothing here ends the process, and nothing is told to be
// durable that is not. A rewrite cures them all: writes are refused, so the log in memory goes on
// from its place, and with its base the file in trouble is not needed any more.
//
// A log may begin while there is data already, and end while there still is. It then begins with a
// rewrite: until its base is there the file is named by no manifest, what comes before its place is
// forgotten, and no failure refuses a write: the beginning fails instead, and is made again.
//
// Ownership: borrows log, ring and directory, which outlive it; owns the descriptor of the file it
// writes to. Threads: the log's; the figures may be read by any.

#include <sys/uio.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "log/aof_directory.h"
#include "log/group_policy.h"
#include "log/log.h"
#include "log/stream_policy.h"
#include "ring/reactor.h"

namespace gyre::log {

/// Written by the log's thread, read by any.
struct WriterFigures {
    std::atomic<uint64_t> file_bytes{0};      ///< of the file that is written to
    std::atomic<uint64_t> groups{0};          ///< writes
    std::atomic<uint64_t> held_groups{0};     ///< that waited for those who write (GroupPolicy)
    std::atomic<uint64_t> delayed_groups{0};  ///< that waited for the sake of those who do not
    std::atomic<uint64_t> bytes{0};           ///< written, filling not counted
    std::atomic<uint64_t> syncs{0};
    std::atomic<uint64_t> delayed_syncs{0};  ///< due while one was still under way
    std::atomic<uint64_t> failures{0};
    std::atomic<uint64_t> recoveries{0};
    std::atomic<uint64_t> filling_bytes{0};    ///< of the file, behind file_bytes
    std::atomic<uint64_t> checked_groups{0};   ///< that went over filling, or began it
    std::atomic<uint64_t> reclaimed_bytes{0};  ///< that left the page cache
    std::atomic<uint64_t> direct_bytes{0};     ///< of `bytes`, written past it
    std::atomic<uint64_t> slow_directs{0};     ///< such writes that took too long
    std::atomic<uint64_t> part_bytes{0};       ///< of `bytes`, those before the part under way
    std::atomic<uint64_t> last_sync_us{0};
    std::atomic<uint64_t> longest_sync_us{0};
    std::atomic<bool> is_syncing{false};
    /// On the ring's clock: what is not on the disk has come since then; 0: all is. What has come
    /// for the next group, while none is under way, counts when that begins.
    std::atomic<int64_t> unsynced_since_us{0};
    std::atomic<bool> needs_base{false};  ///< only a rewrite can help
};

/// Of figures that one thread writes.
inline void add(std::atomic<uint64_t>& count, uint64_t amount = 1) noexcept {
    count.store(count.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

class FileWriter final : public ring::Reactor::Client {
public:
    /// Of one write.
    static constexpr uint64_t kGroupBytesMax = uint64_t{16} << 20;
    static constexpr size_t kVectorsMax = kGroupBytesMax / Segments::kSegmentBytes + 2;
    static constexpr int64_t kSyncIntervalUs = 1'000'000;
    /// Under `everysec`, synced before its second is over when so much is not.
    static constexpr uint64_t kUnsyncedBytesMax = Log::kBytesMax / 4;
    /// How often it is looked whether the file is still where it was.
    static constexpr int64_t kLookUs = 1'000'000;
    /// How long it is waited for when it is not.
    static constexpr int64_t kPlacePatienceUs = 5'000'000;
    static constexpr int64_t kRetryUsMin = 100'000;
    static constexpr int64_t kRetryUsMax = 2'000'000;
    /// With aof-preallocate the group after so many small ones brings filling, which the next ones
    /// go over; where there is no place for it, it is tried again after a while.
    static constexpr uint32_t kSmallGroupsMin = 8;
    /// Where filling is cut off that was hardly used, twice as many are asked for, up to so many.
    static constexpr uint32_t kSmallGroupsMax = 1024;
    static constexpr int64_t kFillingPauseUs = 60'000'000;

    /// With aof-reclaim-page-cache, what is synced leaves the page cache: whole pieces of so much,
    /// and no more at once than takes a few milliseconds.
    static constexpr uint64_t kReclaimBytes = uint64_t{1} << 20;
    static constexpr uint64_t kReclaimBytesMax = uint64_t{64} << 20;

    /// What goes past the page cache begins and ends with a page.
    static constexpr uint64_t kPageBytes = ring::Files::kDirectAlignment;
    static_assert(Segments::kAlignment % kPageBytes == 0);

    /// Of what is done for the sake of speed.
    struct Limits {
        uint64_t reclaim_bytes = kReclaimBytes;  ///< a power of two, whole pages
        StreamLimits stream;
        /// Past the page cache at least so much goes, and of what is not on the disk at most so
        /// much goes there once more.
        uint64_t direct_bytes_min = 64 * 1024;
        uint64_t again_bytes_max = kUnsyncedBytesMax;
    };

    FileWriter(Log& log, ring::Ring& ring, AofDirectory& directory)
        : FileWriter(log, ring, directory, Limits()) {}
    FileWriter(Log& log, ring::Ring& ring, AofDirectory& directory, const Limits& limits);
    ~FileWriter() override;

    /// Where writing goes on.
    struct Start {
        uint64_t file_bytes = 0;  ///< of the last increment, all of them good
        size_t database = 0;      ///< selected at its end
        bool needs_mark = false;  ///< it ends with a group that was checked
    };
    /// Opens the last increment of the manifest, or makes the first. Before the reactor runs.
    Result<void> open(const Start& start);
    /// In its place: there is no file until Log::begin_part(), and no log before the base of that
    /// is there.
    void stay_closed();
    /// The log ends at this position, where all shards are locked: the file is completed, synced
    /// and closed, and what comes behind it is forgotten. What cannot be brought to the disk just
    /// now is given up. `done` is called on the log's thread; then begin_part() may begin another.
    /// Any thread, one at a time; wake the ring after it.
    void close(Position end, std::function<void()> done);
    /// A base that has what stands before the part that Log::begin_part() began.
    struct NewBase {
        std::string path;  ///< where it lies, complete and on the disk
        BaseFormat format = BaseFormat::rdb;
        bool keeps_old = false;  ///< do not delete the files it replaces
        bool is_alone = false;   ///< of no part: it replaces all there is, while there is no log
        /// Called on the log's thread, once: the directory is the new base and what follows, or it
        /// is what it was and the new file has gone.
        std::function<void(Result<void>)> done;
    };
    /// Makes it the directory's, as soon as the part has begun; where the file cannot come so far,
    /// in place of that file. Any thread, one at a time; wake the ring after it.
    void adopt(NewBase base);

    /// From now on everything is written and synced as soon as it is there. Any thread; wake the
    /// ring after it.
    void finish() noexcept { is_finishing_.store(true, std::memory_order_relaxed); }
    /// After finish(): all of it is on the disk.
    bool is_drained() const;
    /// Nothing of it is with the ring.
    bool is_idle() const noexcept { return !write_.in_flight && !sync_.in_flight; }
    /// Bytes of the log that a start from here would not find, for one whose file is where it was.
    uint64_t missing_bytes() const noexcept {
        return log_.tail() - (trouble_ == Trouble::sync ? synced_ : written_);
    }

    const WriterFigures& figures() const noexcept { return figures_; }

    // --- ring::Reactor::Client ---
    void on_ready() override {}
    int64_t before_wait() override;

private:
    struct WriterOp : ring::Op {
        WriterOp(Handler on_done, FileWriter& owner) noexcept : Op(on_done), writer(owner) {}
        FileWriter& writer;
    };
    /// What one write brings to the file, until all of it is there.
    struct Group {
        Position begin = 0;
        Position end = 0;
        std::string prefix;       // before it: a line with the time, a head, a SELECT
        uint64_t filling = 0;     // bytes behind it, so that the file grows seldom
        uint64_t done = 0;        // bytes, all of these counted
        bool is_checked = false;  // has a head
        bool is_synced = true;    // what is done of it is on the disk
        uint64_t bytes() const { return prefix.size() + (end - begin); }
    };
    /// The worse the greater.
    enum class Trouble : uint8_t {
        none,
        place,  ///< the file is not where it was
        write,  ///< the group under way could not be written
        sync,   ///< the file is not to be trusted behind what was synced
    };

    static void handle_write(ring::Op& op, const ring::Completion& completion);
    static void handle_sync(ring::Op& op, const ring::Completion& completion);
    void written(int32_t result);
    void not_written(int error, bool was_to_sync);
    void send_again();
    void give_up_filling();
    void all_written(bool is_synced);
    void synced(int32_t result);
    void sync_failed(int error);
    void note_unsynced_since(int64_t time_us);
    void note_sync_end();
    void pump();
    void write_more();
    void start_group(Position end);
    void send_group();
    bool is_to_be_checked();
    void put_head(const std::string& clock);
    bool cut_filling();
    void note_filling_cut();
    bool waits_for_filling_cut() const;
    void set_filled_to(uint64_t end);
    size_t add_filling(size_t count);
    bool may_write_directly() const;
    bool may_stream() const;
    void note_group();
    bool needs_synced_memory() const;
    void align_stream();
    bool send_direct();
    size_t add_vectors(size_t count, Position at, Position end);
    bool note_direct(int32_t& result);
    void leave_direct();
    void begin_file(uint64_t bytes);
    void start_sync();
    void note_sync_start();
    bool must_sync() const;
    bool gathers() const;
    bool holds();
    bool may_sync_with_write() const;
    bool syncs_each_group() const;
    void complete_sync();
    void reclaim_page_cache();
    void look_at_place();
    void run_into(Trouble trouble, std::string why);
    void try_again();
    void cut_untrusted();
    void cut_end();
    Result<void> begin_new_file();
    Result<void> sync_what_is_there();
    Result<void> cut_what_follows();
    bool is_at_part() const { return written_ == log_.part() && !group_; }
    Position close_at() const { return close_at_.load(std::memory_order_acquire); }
    static Error no_part() { return {"the log does not go on behind it", ECANCELED}; }
    bool may_end() const;
    void end_file();
    void pump_closed();
    void tell_closed();
    void give_up_beginning(const std::string& why);
    void begin_part();
    Result<void> open_part();
    void adopt_base();
    void cure();
    void begin_cure(NewBase base, Position part);
    void end_cure(Result<void> result);
    void look_at_manifest();
    Result<void> replace_base(const NewBase& base);
    void succeed();
    int64_t next_deadline_us() const;
    std::string clock_line();

    Log& log_;
    ring::Ring& ring_;
    AofDirectory& directory_;
    const Limits limits_;
    WriterOp write_;
    WriterOp sync_;
    std::array<iovec, kVectorsMax> vectors_;
    WriterFigures figures_;
    std::atomic<bool> is_finishing_{false};

    int file_ = -1;
    std::string path_;
    /// A file that no manifest names yet, and the one that will.
    std::optional<AofManifest> candidate_;
    /// The same of a log that begins: only its base makes it true.
    std::optional<AofManifest> founding_;
    bool is_ending_ = false;  // the file is closed as soon as nothing is with the ring
    std::optional<Group> group_;
    GroupPolicy policy_;
    StreamPolicy stream_;
    bool write_syncs_ = false;  // the write under way ends on the disk
    /// An errno of such a write. Which of its halves failed, a write alone is to tell.
    int doubt_ = 0;
    std::string next_prefix_;
    int64_t clock_s_ = 0;           // of the last line with the time
    Position written_ = 0;          // in the file
    uint64_t file_bytes_ = 0;       // up to there
    Position sync_end_ = 0;         // what the sync under way covers
    uint64_t sync_file_bytes_ = 0;  // the same in the file
    Position synced_ = 0;
    uint64_t kept_file_bytes_ = 0;  // where Log::released() lies in the file
    uint64_t reclaimed_to_ = 0;     // in the file, out of the page cache
    uint64_t given_to_ = 0;         // in the file, of which the page cache has nothing to write
    uint64_t log_from_ = 0;         // in the file, from where it is the log's bytes and no others
    bool is_direct_ = false;        // writes go past the page cache,
    bool is_direct_write_ = false;  // and so does the one under way
    bool is_never_direct_ = false;  // this file's cannot
    uint64_t again_ = 0;            // of the write under way, bytes before what is new
    int64_t direct_started_us_ = 0;
    uint64_t filled_to_ = 0;     // in the file, behind what is written; 0: it ends with that
    bool needs_mark_ = false;    // the last group was checked
    uint32_t small_groups_ = 0;  // one behind the other, of those that are asked for
    uint32_t small_groups_wanted_ = kSmallGroupsMin;
    int64_t next_filling_us_ = 0;  // after it could not be written

    int64_t now_us_ = 0;
    int64_t next_write_us_ = 0;
    int64_t sync_started_us_ = 0;
    int64_t group_begun_us_ = 0;  // the last one
    int64_t left_since_us_ = 0;   // what the sync under way does not bring to the disk
    int64_t next_sync_us_ = 0;
    int64_t next_look_us_ = 0;
    bool is_delay_counted_ = false;

    /// A base that lies in its place, until a manifest names it: what follows it begins anew there.
    struct Cure {
        NewBase base;
        AofFile file;  // what it is now
        Position part = 0;
    };
    std::optional<Cure> cure_;

    bool is_part_synced_ = false;  // all of the file before the part
    int64_t first_kept_ = 0;       // the increment that the part began
    /// Why a base cannot be adopted: it needs a part of its own.
    std::optional<Error> part_error_ = no_part();
    std::atomic<Position> close_at_{kNoPosition};
    std::mutex order_mutex_;
    std::optional<NewBase> new_base_;    // under order_mutex_
    std::function<void()> tell_closed_;  // under order_mutex_

    Trouble trouble_ = Trouble::none;
    bool is_retrying_ = false;
    bool is_cut_ = false;        // after a failed sync the file ends where it is trusted
    int64_t retry_us_ = 0;       // when
    int64_t displaced_us_ = -1;  // since when the file is not where it was
    int64_t pause_us_ = kRetryUsMin;
};

}  // namespace gyre::log
