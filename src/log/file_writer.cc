// SPDX-License-Identifier: BSD-3-Clause
#include "log/file_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/crc64.h"
#include "base/log.h"
#include "log/group_head.h"

namespace gyre::log {
namespace {

/// The earlier of two times, of which -1 is never.
int64_t sooner(int64_t left_us, int64_t right_us) {
    if (left_us < 0) return right_us;
    return right_us < 0 ? left_us : std::min(left_us, right_us);
}

}  // namespace

FileWriter::FileWriter(Log& log, ring::Ring& ring, AofDirectory& directory, const Limits& limits)
    : log_(log),
      ring_(ring),
      directory_(directory),
      limits_(limits),
      write_(&handle_write, *this),
      sync_(&handle_sync, *this),
      stream_(limits.stream) {}

FileWriter::~FileWriter() {
    if (file_ < 0) return;
    cut_end();
    directory_.files().close(file_);
    if (founding_) static_cast<void>(directory_.files().remove(path_));
}

void FileWriter::stay_closed() { next_look_us_ = ring_.monotonic_us() + kLookUs; }

/// Whoever wrote them may have died before they were on the disk; what follows would be synced
/// alone, behind a hole.
Result<void> FileWriter::sync_what_is_there() {
    ring::Files& files = directory_.files();
    for (const AofFile& there : directory_.manifest().load_order()) {
        const auto file = files.open(directory_.path_of(there.name), ring::OpenFor::reading);
        if (!file) return tl::unexpected(file.error());
        auto done = files.sync(*file);
        files.close(*file);
        if (!done) return done;
    }
    return {};
}

/// A crash has left its filling.
Result<void> FileWriter::cut_what_follows() {
    ring::Files& files = directory_.files();
    const auto size = files.size(file_);
    if (!size) return tl::unexpected(size.error());
    if (*size <= file_bytes_) return {};
    if (auto done = files.truncate(file_, file_bytes_); !done) return done;
    return files.sync(file_);
}

/// The one that is open now has so much that stays, all of it on the disk.
void FileWriter::begin_file(uint64_t bytes) {
    next_prefix_.clear();
    clock_s_ = 0;
    file_bytes_ = sync_file_bytes_ = kept_file_bytes_ = bytes;
    figures_.file_bytes.store(bytes, std::memory_order_relaxed);
    reclaimed_to_ = bytes / limits_.reclaim_bytes * limits_.reclaim_bytes;
    given_to_ = log_from_ = bytes;
    is_direct_ = is_never_direct_ = false;
    set_filled_to(0);
    needs_mark_ = false;
}

Result<void> FileWriter::open(const Start& start) {
    if (auto done = sync_what_is_there(); !done) return done;
    if (directory_.manifest().increments.empty()) {
        auto made = directory_.create_increment();
        if (!made) return tl::unexpected(std::move(made.error()));
        file_ = made->file;
        path_ = std::move(made->path);
        if (auto done = directory_.commit(made->next); !done) return done;
    } else {
        path_ = directory_.path_of(directory_.manifest().increments.back().name);
        const auto file = directory_.files().open(path_, ring::OpenFor::writing);
        if (!file) return tl::unexpected(file.error());
        file_ = *file;
        begin_file(start.file_bytes);
        needs_mark_ = start.needs_mark;
        if (auto done = cut_what_follows(); !done) return done;
        if (start.database != 0) append(next_prefix_, SelectEffect{0});
    }
    next_look_us_ = ring_.monotonic_us() + kLookUs;
    return {};
}

bool FileWriter::is_drained() const {
    return is_finishing_.load(std::memory_order_relaxed) && trouble_ == Trouble::none &&
           is_idle() && !group_ && synced_ == log_.tail();
}

bool FileWriter::syncs_each_group() const {
    return candidate_ || log_.sync_mode.load(std::memory_order_relaxed) == SyncMode::always ||
           is_finishing_.load(std::memory_order_relaxed) || close_at() != kNoPosition;
}

// --- the turn
// ----------------------------------------------------------------------------------------

int64_t FileWriter::before_wait() {
    now_us_ = ring_.monotonic_us();
    log_.unpark();
    pump();
    const bool is_waiting_for_sync =
        sync_.in_flight && (syncs_each_group() || is_at_part() || needs_mark_ || group_);
    const bool is_waiting_for_disk = write_.in_flight || is_waiting_for_sync;
    // Whatever is under way ends this sleep, and so does the time at which to write what gathers.
    if (is_waiting_for_disk || trouble_ != Trouble::none || gathers()) return next_deadline_us();
    const bool is_held = holds();
    if (!log_.park(written_ + (is_held ? policy_.wanted() : 1))) return 0;
    return is_held ? sooner(next_deadline_us(), policy_.until_us()) : next_deadline_us();
}

void FileWriter::pump() {
    if (now_us_ >= next_look_us_) log_.trim();
    if (file_ >= 0 && may_end()) end_file();
    if (file_ < 0) return pump_closed();
    look_at_place();
    if (trouble_ != Trouble::none && !is_retrying_) {
        if (!is_idle()) return;
        cut_untrusted();
        cure();
        if (now_us_ < retry_us_ && !is_retrying_) return;
        if (!is_retrying_) try_again();
        if (trouble_ != Trouble::none && !is_retrying_) return;
    }
    if (is_at_part()) begin_part();
    adopt_base();
    if (!write_.in_flight) write_more();
    if (must_sync()) start_sync();
    if (sync_.in_flight && now_us_ >= next_sync_us_ && written_ > sync_end_ && !is_delay_counted_) {
        is_delay_counted_ = true;
        add(figures_.delayed_syncs);
    }
}

void FileWriter::write_more() {
    if (group_) return send_group();
    // A group that was only written has its sync before the next.
    if (syncs_each_group() && (sync_.in_flight || written_ > synced_)) return;
    const Position frontier = log_.frontier();
    const Position limit = std::min(log_.part(), close_at());
    if (written_ == limit) return;  // what follows is not for this file
    const Position end = written_ < limit ? std::min(frontier, limit) : frontier;
    if (end <= written_ || gathers() || holds()) return;
    // A head says that all before it is on the disk, and so does the mark that ends a row of them.
    if (needs_mark_ && written_ > synced_) {
        if (!sync_.in_flight) start_sync();
        return;
    }
    start_group(end);
}

/// Those whose last writes have just come to the disk are waited for, and so is the processor.
bool FileWriter::holds() {
    const Position tail = log_.tail();
    const bool may_hold = log_.sync_mode.load(std::memory_order_relaxed) == SyncMode::always &&
                          !is_finishing_.load(std::memory_order_relaxed) && !candidate_ &&
                          close_at() == kNoPosition && log_.part() == kNoPosition;
    if (!may_hold || tail == written_) return false;
    const int64_t delay_us = log_.commit_delay_us.load(std::memory_order_relaxed);
    const bool is_delayed =
        policy_.delays(tail - written_, now_us_, log_.is_crowded(now_us_) ? delay_us : 0);
    return is_delayed || policy_.holds(tail - written_, now_us_);
}

/// More may come before it is worth a write.
bool FileWriter::gathers() const {
    return !syncs_each_group() && now_us_ < next_write_us_ && !group_ &&
           log_.tail() - written_ < stream_.next().gather_bytes && log_.tail() != written_;
}

int64_t FileWriter::next_deadline_us() const {
    int64_t deadline_us = next_look_us_;
    if (trouble_ != Trouble::none && !is_retrying_) return sooner(deadline_us, retry_us_);
    if (gathers()) deadline_us = sooner(deadline_us, next_write_us_);
    const bool is_sync_due =
        log_.sync_mode.load(std::memory_order_relaxed) == SyncMode::every_second &&
        written_ > synced_ && !needs_synced_memory() &&
        (!sync_.in_flight || (written_ > sync_end_ && !is_delay_counted_));
    return is_sync_due ? sooner(deadline_us, next_sync_us_) : deadline_us;
}

// --- writing
// -----------------------------------------------------------------------------------------

std::string FileWriter::clock_line() {
    std::string line;
    if (!log_.writes_clock.load(std::memory_order_relaxed)) return line;
    const int64_t now_s = ring_.wall_ms() / 1000;
    if (now_s != clock_s_) append(line, ClockLine{now_s});
    clock_s_ = now_s;
    return line;
}

/// Up to a frontier, and whole: where a group ends a record ends, so that is where a file may be
/// cut.
void FileWriter::start_group(Position end) {
    if (figures_.unsynced_since_us.load(std::memory_order_relaxed) == 0) {
        note_unsynced_since(now_us_);
    }
    group_begun_us_ = now_us_;
    group_ = Group{.begin = written_, .end = end, .prefix = std::exchange(next_prefix_, {})};
    put_head(clock_line());
    note_group();
    align_stream();
    if (!group_->prefix.empty()) log_from_ = file_bytes_ + group_->prefix.size();
    is_part_synced_ = false;
    next_write_us_ = now_us_ + stream_.next().gather_us;
    const GroupPolicy::Begun begun = policy_.note_begun(end - written_, now_us_);
    if (begun.was_held) add(figures_.held_groups);
    if (begun.was_delayed) add(figures_.delayed_groups);
    send_group();
}

/// What is synced with a write is that write and nothing else: only when all before it is.
bool FileWriter::may_sync_with_write() const {
#ifdef GYRE_MUTATION_SKIP_SYNC
    return false;
#endif
    return syncs_each_group() && !sync_.in_flight && synced_ == group_->begin &&
           group_->is_synced && doubt_ == 0;
}

// What goes over filling may be torn by a crash in ways that a file which grows is not: its reader
// needs the checksum. Redis' tools look at the ends of words, so no word of such a group may hold a
// whole page.
bool FileWriter::is_to_be_checked() {
    const bool is_small = group_->bytes() <= kCheckedBytesMax && log_.large_end() <= group_->begin;
    small_groups_ = is_small ? std::min(small_groups_ + 1, small_groups_wanted_) : 0;
    return small_groups_ == small_groups_wanted_ &&
           log_.preallocates.load(std::memory_order_relaxed) &&
           log_.sync_mode.load(std::memory_order_relaxed) == SyncMode::always && !candidate_ &&
           !founding_ && now_us_ >= next_filling_us_ && may_sync_with_write();
}

// `clock`, the line with the time or nothing, comes before a head: redis-check-aof may cut the file
// at it, and no head is left without its group.
void FileWriter::put_head(const std::string& clock) {
    Group& group = *group_;
    if (!is_to_be_checked()) {
        std::string mark;
        if (std::exchange(needs_mark_, false)) mark = to_string(GroupHead{.offset = file_bytes_});
        group.prefix.insert(0, mark + clock);
        return;
    }
    GroupHead head{.offset = file_bytes_ + clock.size(),
                   .bytes = group.bytes(),
                   .crc = base::crc64(0, group.prefix)};
    for (Position at = group.begin; at < group.end;) {
        const std::span<const char> room = log_.at(at);
        const size_t bytes = std::min<uint64_t>(room.size(), group.end - at);
        head.crc = base::crc64(head.crc, {room.data(), bytes});
        at += bytes;
    }
    group.prefix.insert(0, clock + to_string(head));
    group.is_checked = true;
    add(figures_.checked_groups);
    // Where its beginning might be missing behind a length that is there, nobody would know that
    // it was to be checked. Behind one that is whole a reader does.
    if (!std::exchange(needs_mark_, true)) return;
    const uint64_t end = file_bytes_ + group.bytes();
    if (end < filled_to_) {
        group.filling = 1;
        return;
    }
    group.filling = filling_end(end + kFillingBytes) - end;
    if (filled_to_ > 0) small_groups_wanted_ = kSmallGroupsMin;
}

/// A line of filling begins where the group ends, wherever that is.
size_t FileWriter::add_filling(size_t count) {
    static char line_begin = '#';
    const Group& group = *group_;
    uint64_t done = group.done - std::min(group.done, group.bytes());
    if (done == 0 && group.filling > 0) vectors_[count++] = {&line_begin, ++done};
    if (done >= group.filling) return count;
    const std::string_view rest = filling(file_bytes_ + group.bytes() + done, group.filling - done);
    vectors_[count++] = {const_cast<char*>(rest.data()), rest.size()};
    return count;
}

void FileWriter::set_filled_to(uint64_t end) {
    filled_to_ = end;
    figures_.filling_bytes.store(end - std::min(end, file_bytes_), std::memory_order_relaxed);
}

/// Where large groups come between the small ones, each piece of filling costs two changes of the
/// file's length and saves little.
void FileWriter::note_filling_cut() {
    const bool is_for_large = small_groups_ == 0;
    if (!is_for_large || filled_to_ - std::min(filled_to_, file_bytes_) < kFillingBytes / 2) return;
    small_groups_wanted_ = std::min(2 * small_groups_wanted_, kSmallGroupsMax);
}

/// A sync of its own is told what one under way has failed for, and that one nothing.
bool FileWriter::waits_for_filling_cut() const {
    return filled_to_ > 0 && !group_->is_checked && sync_.in_flight;
}

/// The file ends with what was written, also after a crash.
bool FileWriter::cut_filling() {
    if (filled_to_ == 0) return true;
    ring::Files& files = directory_.files();
    Result<void> done = files.truncate(file_, file_bytes_);
    if (!done) {
        run_into(Trouble::write, done.error().message);
        return false;
    }
    note_filling_cut();
    set_filled_to(0);
    if (done = files.sync(file_); !done) run_into(Trouble::sync, done.error().message);
    return done.has_value();
}

/// Of the log from `at` to `end`, as much as there are vectors for.
size_t FileWriter::add_vectors(size_t count, Position at, Position end) {
    while (at < end && count < vectors_.size()) {
        const std::span<char> room = log_.at(at);
        const size_t bytes = std::min<uint64_t>(room.size(), end - at);
        vectors_[count++] = {room.data(), bytes};
        at += bytes;
    }
    return count;
}

/// As much of what is left as one write takes.
void FileWriter::send_group() {
    if (waits_for_filling_cut()) return;
    if (!group_->is_checked && !cut_filling()) return;
    if (send_direct()) return;
    leave_direct();
    const Group& group = *group_;
    size_t count = 0;
    if (group.done < group.prefix.size()) {
        vectors_[count++] = {const_cast<char*>(group.prefix.data()) + group.done,
                             group.prefix.size() - group.done};
    }
    Position at = group.begin;
    if (group.done > group.prefix.size()) {
        at = std::min(at + (group.done - group.prefix.size()), group.end);
    }
    const size_t prefixes = count;
    count = add_vectors(count, at, group.end);
    for (size_t index = prefixes; index < count; ++index) at += vectors_[index].iov_len;
    count = add_filling(count);
    const std::span<const iovec> vectors(vectors_.data(), count);
    const uint64_t offset = file_bytes_ + group.done;
    add(figures_.groups);
    write_syncs_ = at == group.end && may_sync_with_write();
    if (!write_syncs_) {
        group_->is_synced = false;
        return ring_.write(write_, file_, vectors, offset);
    }
    sync_end_ = group.end;
    sync_file_bytes_ = file_bytes_ + group.bytes();
    note_sync_start();
    ring_.write_synced(write_, file_, vectors, offset);
}

void FileWriter::handle_write(ring::Op& op, const ring::Completion& completion) {
    static_cast<WriterOp&>(op).writer.written(completion.result);
}

void FileWriter::written(int32_t result) {
    const bool was_to_sync = std::exchange(write_syncs_, false);
    if (was_to_sync) figures_.is_syncing.store(false, std::memory_order_relaxed);
    if (std::exchange(is_direct_write_, false) && !note_direct(result)) return send_again();
    // A write of nothing gets nowhere: as good as an error.
    if (result <= 0) return not_written(result == 0 ? EIO : -result, was_to_sync);
    CHECK(group_.has_value());
    const uint64_t before = std::min(group_->done, group_->bytes());
    group_->done += static_cast<uint64_t>(result);
    add(figures_.bytes, std::min(group_->done, group_->bytes()) - before);
    if (const int error = std::exchange(doubt_, 0); error != 0) {
#ifndef GYRE_MUTATION_TRUST_FAILED_SYNC
        return sync_failed(error);
#endif
    }
    const bool has_filling = group_->filling == 0 || group_->done > group_->bytes();
    if (group_->done >= group_->bytes() && has_filling) {
        // What there is of it stays: the next group that needs none cuts it off.
        const uint64_t filling_done = group_->done - group_->bytes();
        if (filling_done < group_->filling) next_filling_us_ = now_us_ + kFillingPauseUs;
        group_->filling = filling_done;
        return all_written(was_to_sync);
    }
    send_again();
}

/// A disk that is full is waited for, but after a sync that failed the file is not trusted. So
/// which of the two it was has to be known: the write is tried once more, alone. Where that fails
/// as well it is the disk's being full, or as good as that: all that a sync may have failed for is
/// written again.
void FileWriter::not_written(int error, bool was_to_sync) {
    if (group_->filling > 1) {
        give_up_filling();
        // It is cut off, and that synced, before the group is written again, so a sync that failed
        // for want of space has left nothing that is trusted.
        if (error == ENOSPC || error == EDQUOT || error == EFBIG) return send_again();
    }
    doubt_ = was_to_sync ? error : 0;
    if (!was_to_sync) {
        return run_into(Trouble::write,
                        fmt::format("Cannot write {}: {}", path_, std::strerror(error)));
    }
    send_again();
}

void FileWriter::send_again() {
    if (trouble_ == Trouble::none || is_retrying_) send_group();
}

/// There may be place for the group alone. Of all that it was to bring any part may be there.
void FileWriter::give_up_filling() {
    Group& group = *group_;
    next_filling_us_ = now_us_ + kFillingPauseUs;
    set_filled_to(file_bytes_ + group.bytes() + group.filling);
    const uint64_t done = std::min(group.done, group.bytes());
    figures_.bytes.store(figures_.bytes.load(std::memory_order_relaxed) - done,
                         std::memory_order_relaxed);
    group.filling = group.done = 0;
    group.is_checked = group.is_synced = false;
}

void FileWriter::all_written(bool is_synced) {
    const uint64_t bytes = group_->end - group_->begin;
    written_ = group_->end;
    file_bytes_ += group_->bytes();
    const uint64_t filled_to = group_->filling > 0 ? file_bytes_ + group_->filling : 0;
    set_filled_to(std::max(filled_to_, filled_to));
    group_.reset();
    stream_.note_written(ring_.monotonic_us());
    figures_.file_bytes.store(file_bytes_, std::memory_order_relaxed);
#ifdef GYRE_MUTATION_SKIP_SYNC
    // Planted fault: what is only written counts as durable.
    sync_end_ = written_;
    sync_file_bytes_ = file_bytes_;
    complete_sync();
#endif
    if (is_synced) {
        note_sync_end();
        const auto took_us =
            static_cast<int64_t>(figures_.last_sync_us.load(std::memory_order_relaxed));
        policy_.note_synced(bytes, log_.tail() - written_, took_us, sync_started_us_ + took_us);
        return complete_sync();
    }
    if (syncs_each_group()) return;
    if (log_.sync_mode.load(std::memory_order_relaxed) == SyncMode::never) {
        kept_file_bytes_ = file_bytes_;
        log_.release(written_);
    }
    if (is_retrying_) succeed();
}

// --- syncing
// -----------------------------------------------------------------------------------------

bool FileWriter::must_sync() const {
    if (sync_.in_flight || (trouble_ != Trouble::none && !is_retrying_)) return false;
    if (syncs_each_group()) {
        // An empty new file has no write.
        const bool is_complete = !write_.in_flight && !group_;
        return is_complete && (written_ > synced_ || candidate_);
    }
    if (log_.sync_mode.load(std::memory_order_relaxed) == SyncMode::never) return false;
    return written_ > synced_ && !needs_synced_memory() &&
           (now_us_ >= next_sync_us_ || written_ - synced_ >= kUnsyncedBytesMax);
}

void FileWriter::note_sync_start() {
    sync_started_us_ = ring_.monotonic_us();
    left_since_us_ = group_ && !write_syncs_ ? group_begun_us_ : sync_started_us_;
    next_sync_us_ = sync_started_us_ + kSyncIntervalUs;
    is_delay_counted_ = false;
    figures_.is_syncing.store(true, std::memory_order_relaxed);
}

void FileWriter::start_sync() {
    sync_end_ = written_;
    sync_file_bytes_ = file_bytes_;
    note_sync_start();
    ring_.sync(sync_, file_);
}

void FileWriter::handle_sync(ring::Op& op, const ring::Completion& completion) {
    static_cast<WriterOp&>(op).writer.synced(completion.result);
}

void FileWriter::synced(int32_t result) {
    figures_.is_syncing.store(false, std::memory_order_relaxed);
#ifdef GYRE_MUTATION_TRUST_FAILED_SYNC
    // Planted fault: the next sync will do.
    if (result != 0) return;
#endif
    if (result != 0) return sync_failed(-result);
    note_sync_end();
    complete_sync();
}

void FileWriter::sync_failed(int error) {
    run_into(Trouble::sync, fmt::format("Cannot sync {}: {}", path_, std::strerror(error)));
}

void FileWriter::note_unsynced_since(int64_t time_us) {
    figures_.unsynced_since_us.store(time_us, std::memory_order_relaxed);
}

void FileWriter::note_sync_end() {
    const auto took_us = static_cast<uint64_t>(ring_.monotonic_us() - sync_started_us_);
    add(figures_.syncs);
    figures_.last_sync_us.store(took_us, std::memory_order_relaxed);
    if (took_us > figures_.longest_sync_us.load(std::memory_order_relaxed)) {
        figures_.longest_sync_us.store(took_us, std::memory_order_relaxed);
    }
}

void FileWriter::complete_sync() {
    if (candidate_) {
        if (auto done = directory_.commit(*candidate_); !done) {
            return run_into(Trouble::sync, done.error().message);
        }
        candidate_.reset();
        if (cure_) end_cure({});
    }
    synced_ = sync_end_;
    given_to_ = std::max(given_to_, sync_file_bytes_);
    // What came behind the last group came after that had begun.
    const bool is_all = synced_ == written_ && !group_;
    const int64_t waiting_since_us = log_.tail() == written_ ? 0 : group_begun_us_;
    note_unsynced_since(is_all ? waiting_since_us : left_since_us_);
    is_part_synced_ = is_at_part() && synced_ == written_;
    if (!founding_) log_.set_durable(synced_);
    if (synced_ >= log_.released()) {
        kept_file_bytes_ = sync_file_bytes_;
        log_.release(synced_);
    }
    reclaim_page_cache();
    if (is_retrying_ && !group_) succeed();
}

/// What is written is not read before a start. In the page cache it would take the place of what is
/// used, and always come to new pages, which cost the kernel more than those it has just had back.
/// A folio that lies across the end of a piece stays, and goes with the next.
void FileWriter::reclaim_page_cache() {
    const uint64_t synced = sync_file_bytes_ / limits_.reclaim_bytes * limits_.reclaim_bytes;
    const uint64_t end = std::min(synced, reclaimed_to_ + kReclaimBytesMax);
    if (end <= reclaimed_to_ || !log_.reclaims_page_cache.load(std::memory_order_relaxed)) return;
    const uint64_t begin = reclaimed_to_ - std::min(reclaimed_to_, limits_.reclaim_bytes);
    directory_.files().leave_page_cache(file_, begin, end);
    add(figures_.reclaimed_bytes, end - reclaimed_to_);
    reclaimed_to_ = end;
}

}  // namespace gyre::log
