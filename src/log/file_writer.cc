// SPDX-License-Identifier: BSD-3-Clause
#include "log/file_writer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/log.h"

namespace gyre::log {
namespace {

void add(std::atomic<uint64_t>& count, uint64_t amount = 1) {
    count.store(count.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

/// The earlier of two times, of which -1 is never.
int64_t sooner(int64_t left_us, int64_t right_us) {
    if (left_us < 0) return right_us;
    return right_us < 0 ? left_us : std::min(left_us, right_us);
}

}  // namespace

FileWriter::FileWriter(Log& log, ring::Ring& ring, AofDirectory& directory)
    : log_(log),
      ring_(ring),
      directory_(directory),
      write_(&handle_write, *this),
      sync_(&handle_sync, *this) {}

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
        file_bytes_ = start.file_bytes;
        if (start.database != 0) append(next_prefix_, SelectEffect{0});
    }
    kept_file_bytes_ = file_bytes_;
    figures_.file_bytes.store(file_bytes_, std::memory_order_relaxed);
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
    const bool is_waiting_for_disk =
        write_.in_flight || ((syncs_each_group() || is_at_part()) && sync_.in_flight);
    // Whatever is under way ends this sleep, and so does the time at which to write what gathers.
    if (is_waiting_for_disk || trouble_ != Trouble::none || gathers()) return next_deadline_us();
    const bool is_held = holds();
    if (!log_.park(written_ + (is_held ? policy_.wanted() : 1))) return 0;
    return is_held ? sooner(next_deadline_us(), policy_.until_us()) : next_deadline_us();
}

void FileWriter::pump() {
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
    if (end > written_ && !gathers() && !holds()) start_group(end);
}

/// Those whose last writes have just come to the disk are waited for.
bool FileWriter::holds() {
    const Position tail = log_.tail();
    const bool may_hold = log_.sync_mode.load(std::memory_order_relaxed) == SyncMode::always &&
                          !is_finishing_.load(std::memory_order_relaxed) && !candidate_ &&
                          close_at() == kNoPosition && log_.part() == kNoPosition;
    return may_hold && tail != written_ && policy_.holds(tail - written_, now_us_);
}

/// More may come before it is worth a write.
bool FileWriter::gathers() const {
    return !syncs_each_group() && now_us_ < next_write_us_ && !group_ &&
           log_.tail() - written_ < kGatherBytes && log_.tail() != written_;
}

int64_t FileWriter::next_deadline_us() const {
    int64_t deadline_us = next_look_us_;
    if (trouble_ != Trouble::none && !is_retrying_) return sooner(deadline_us, retry_us_);
    if (gathers()) deadline_us = sooner(deadline_us, next_write_us_);
    const bool is_sync_due =
        log_.sync_mode.load(std::memory_order_relaxed) == SyncMode::every_second &&
        written_ > synced_ && !(sync_.in_flight && is_delay_counted_);
    return is_sync_due ? sooner(deadline_us, next_sync_us_) : deadline_us;
}

// --- writing
// -----------------------------------------------------------------------------------------

std::string FileWriter::clock_prefix() {
    std::string prefix = std::exchange(next_prefix_, {});
    if (!log_.writes_clock.load(std::memory_order_relaxed)) return prefix;
    const int64_t now_s = ring_.wall_ms() / 1000;
    if (now_s != clock_s_) append(prefix, ClockLine{now_s});
    clock_s_ = now_s;
    return prefix;
}

/// Up to a frontier, and whole: where a group ends a record ends, so that is where a file may be
/// cut.
void FileWriter::start_group(Position end) {
    group_ = Group{.begin = written_, .end = end, .prefix = clock_prefix()};
    is_part_synced_ = false;
    next_write_us_ = now_us_ + kGatherUs;
    if (policy_.note_begun(end - written_)) add(figures_.held_groups);
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

/// As much of what is left as one write takes.
void FileWriter::send_group() {
    const Group& group = *group_;
    size_t count = 0;
    if (group.done < group.prefix.size()) {
        vectors_[count++] = {const_cast<char*>(group.prefix.data()) + group.done,
                             group.prefix.size() - group.done};
    }
    Position at = group.begin;
    if (group.done > group.prefix.size()) at += group.done - group.prefix.size();
    while (at < group.end && count < vectors_.size()) {
        const std::span<char> room = log_.at(at);
        const size_t bytes = std::min<uint64_t>(room.size(), group.end - at);
        vectors_[count++] = {room.data(), bytes};
        at += bytes;
    }
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
    // A write of nothing gets nowhere: as good as an error.
    if (result <= 0) return not_written(result == 0 ? EIO : -result, was_to_sync);
    CHECK(group_.has_value());
    group_->done += static_cast<uint64_t>(result);
    add(figures_.bytes, static_cast<uint64_t>(result));
    if (const int error = std::exchange(doubt_, 0); error != 0) {
#ifndef GYRE_MUTATION_TRUST_FAILED_SYNC
        return sync_failed(error);
#endif
    }
    if (group_->done == group_->bytes()) return all_written(was_to_sync);
    if (trouble_ == Trouble::none || is_retrying_) send_group();
}

/// A disk that is full is waited for, but after a sync that failed the file is not trusted. So
/// which of the two it was has to be known: the write is tried once more, alone. Where that fails
/// as well it is the disk's being full, or as good as that: all that a sync may have failed for is
/// written again.
void FileWriter::not_written(int error, bool was_to_sync) {
    doubt_ = was_to_sync ? error : 0;
    if (!was_to_sync) {
        return run_into(Trouble::write, fmt::format("writing failed: {}", std::strerror(error)));
    }
    if (trouble_ == Trouble::none || is_retrying_) send_group();
}

void FileWriter::all_written(bool is_synced) {
    const uint64_t bytes = group_->end - group_->begin;
    written_ = group_->end;
    file_bytes_ += group_->bytes();
    group_.reset();
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
    return written_ > synced_ &&
           (now_us_ >= next_sync_us_ || written_ - synced_ >= kUnsyncedBytesMax);
}

void FileWriter::note_sync_start() {
    sync_started_us_ = ring_.monotonic_us();
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
    run_into(Trouble::sync, fmt::format("syncing failed: {}", std::strerror(error)));
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
    is_part_synced_ = is_at_part() && synced_ == written_;
    if (!founding_) log_.set_durable(synced_);
    if (synced_ >= log_.released()) {
        kept_file_bytes_ = sync_file_bytes_;
        log_.release(synced_);
    }
    if (is_retrying_ && !group_) succeed();
}

// --- trouble
// -----------------------------------------------------------------------------------------

void FileWriter::look_at_place() {
    if (now_us_ < next_look_us_) return;
    next_look_us_ = now_us_ + kLookUs;
    if (trouble_ != Trouble::none) return;
    if (directory_.files().is_at(file_, path_)) return look_at_manifest();
    run_into(Trouble::place, path_ + " has been moved or removed: put it back, or BGREWRITEAOF");
}

/// Without it nobody would find the file at the next start. It is known what it said.
void FileWriter::look_at_manifest() {
    const std::string path = directory_.path_of(directory_.names().manifest());
    if (candidate_ || founding_ || directory_.files().exists(path)) return;
    if (auto done = directory_.commit(directory_.manifest()); !done) {
        return run_into(Trouble::place, done.error().message);
    }
    base::log(base::Level::warning, "Append-only file: {} was missing, it is written again", path);
}

void FileWriter::run_into(Trouble trouble, std::string why) {
    if (founding_) return give_up_beginning(why);
    if (trouble_ == Trouble::none) {
        base::log(base::Level::warning, "Append-only file: {}. Writes are refused until it is well",
                  why);
    }
    add(figures_.failures);
    if (trouble == Trouble::place) {
        if (displaced_us_ < 0) displaced_us_ = ring_.monotonic_us();
        const bool is_lost = ring_.monotonic_us() - displaced_us_ >= kPlacePatienceUs;
        figures_.needs_base.store(is_lost, std::memory_order_relaxed);
    }
    trouble_ = std::max(trouble_, trouble);
    is_retrying_ = false;
    retry_us_ = ring_.monotonic_us() + pause_us_;
    pause_us_ = std::min(2 * pause_us_, kRetryUsMax);
    log_.fail(std::move(why));
}

void FileWriter::try_again() {
    switch (trouble_) {
        case Trouble::none:
            return;
        case Trouble::place:
            if (directory_.files().is_at(file_, path_)) return succeed();
            return run_into(Trouble::place,
                            path_ + " has been moved or removed: put it back, or BGREWRITEAOF");
        case Trouble::write:
            is_retrying_ = true;
            return;
        case Trouble::sync:
            if (auto begun = begin_new_file(); !begun) {
                return run_into(Trouble::sync, begun.error().message);
            }
            is_retrying_ = true;
            return;
    }
}

/// Who starts after a crash is not told that the sync has failed, and would trust it.
void FileWriter::cut_untrusted() {
    if (trouble_ != Trouble::sync || is_cut_ || candidate_ || cure_) return;
    is_cut_ = directory_.files().truncate(file_, kept_file_bytes_).has_value();
}

/// What could not be written whole is no effect: its beginning would only be in the way.
void FileWriter::cut_end() {
    cut_untrusted();
    if (group_ && !is_cut_) static_cast<void>(directory_.files().truncate(file_, file_bytes_));
}

/// The old file ends where it is known to be good; what followed goes into a new one. With a base
/// that cures it the old file does not matter. Without a base nothing can be done for what was
/// given up in memory before it was synced (`never`): it may be a hole in the file.
Result<void> FileWriter::begin_new_file() {
    ring::Files& files = directory_.files();
    if (!candidate_ && !cure_) {
        if (log_.released() > synced_) {
            figures_.needs_base.store(true, std::memory_order_relaxed);
            return fail("syncing failed, also of what the log has in memory no more: BGREWRITEAOF");
        }
        if (auto done = files.truncate(file_, kept_file_bytes_); !done) return done;
        if (auto done = files.sync(file_); !done) return done;
    }
    auto made = directory_.create_increment();
    if (!made) return tl::unexpected(std::move(made.error()));
    files.close(file_);
    file_ = made->file;
    path_ = std::move(made->path);
    const int64_t sequence = made->next.increments.back().sequence;
    candidate_ = cure_ ? made->next.with_base(cure_->file, sequence) : std::move(made->next);
    group_.reset();
    doubt_ = 0;
    next_prefix_.clear();
    clock_s_ = 0;
    written_ = cure_ ? cure_->part : log_.released();
    synced_ = written_;
    file_bytes_ = 0;
    kept_file_bytes_ = 0;
    is_cut_ = false;
    return {};
}

// --- rewriting
// ---------------------------------------------------------------------------------------

/// Only the last file may end early: what comes before is on the disk first, whatever appendfsync
/// says.
void FileWriter::begin_part() {
    if (trouble_ != Trouble::none || candidate_ || !is_idle()) return;
    const bool is_founding = file_ < 0 || founding_;
    if (!is_founding && !is_part_synced_) return start_sync();
    const Position here = written_;
    part_error_.reset();
    is_ending_ = false;
    if (auto opened = open_part(); !opened) {
        base::log(base::Level::warning, "The rewrite of the append-only file fails: {}",
                  opened.error().message);
        part_error_ = std::move(opened.error());
    } else if (is_founding) {
        // What comes before belongs to no file: not to this one either, should it be begun anew.
        synced_ = here;
        log_.release(here);
    }
    is_part_synced_ = false;
    log_.end_part(here);
}

Result<void> FileWriter::open_part() {
    const bool is_founding = file_ < 0 || founding_;
    // While there was no log somebody may have removed its directory.
    if (is_founding) {
        if (auto opened = directory_.open(); !opened) return opened;
    }
    auto made = directory_.create_increment();
    if (!made) return tl::unexpected(std::move(made.error()));
    if (file_ >= 0) directory_.files().close(file_);
    file_ = made->file;
    path_ = std::move(made->path);
    first_kept_ = made->next.increments.back().sequence;
    (is_founding ? founding_ : candidate_) = std::move(made->next);
    next_prefix_.clear();
    clock_s_ = 0;
    file_bytes_ = 0;
    sync_file_bytes_ = 0;
    kept_file_bytes_ = 0;
    figures_.file_bytes.store(0, std::memory_order_relaxed);
    figures_.part_bytes.store(figures_.bytes.load(std::memory_order_relaxed),
                              std::memory_order_relaxed);
    return {};
}

void FileWriter::adopt(NewBase base) {
    const std::lock_guard hold(order_mutex_);
    new_base_ = std::move(base);
}

void FileWriter::adopt_base() {
    if (log_.part() != kNoPosition || candidate_ || trouble_ != Trouble::none) return;
    std::optional<NewBase> base;
    {
        const std::lock_guard hold(order_mutex_);
        // One that has a log to replace waits for the log's end.
        if (new_base_ && new_base_->is_alone && file_ >= 0) return;
        base.swap(new_base_);
    }
    if (!base) return;
    if (base->is_alone) {
        return base->done(directory_.replace_all(base->path, base->format, base->keeps_old));
    }
    Result<void> replaced = replace_base(*base);
    part_error_ = no_part();
    if (replaced) {
        if (!base->keeps_old) directory_.delete_history();
        if (founding_) {
            founding_.reset();
            log_.set_durable(synced_);
        }
    } else {
        static_cast<void>(directory_.files().remove(base->path));
        // It begins anew. The manifest on the disk may name the file: it stays.
        is_ending_ = founding_.has_value();
        founding_.reset();
    }
    base->done(std::move(replaced));
}

/// In trouble, with nothing under way. A base of the part that the file has not come to replaces
/// the file, too. One of the part that the file began is as good as ever while the file is only
/// short of room; otherwise it says nothing about what follows it, and another one is to be made.
void FileWriter::cure() {
    if (cure_ || founding_) return;
    std::optional<NewBase> base;
    {
        const std::lock_guard hold(order_mutex_);
        if (!new_base_ || new_base_->is_alone) return;
        base.swap(new_base_);
    }
    const Position part = log_.part();
    if (part != kNoPosition) return begin_cure(*std::move(base), part);
    Result<void> done;
    if (trouble_ == Trouble::write && !candidate_) {
        done = replace_base(*base);
        if (done && !base->keeps_old) directory_.delete_history();
    } else {
        done = fail("The file that follows it cannot be written: " + log_.failure());
    }
    if (!done) static_cast<void>(directory_.files().remove(base->path));
    part_error_ = no_part();
    base->done(std::move(done));
}

/// Once the base has its name there is no way back: the next manifest names it, and a new file.
void FileWriter::begin_cure(NewBase base, Position part) {
    log_.end_part(part);
    part_error_ = no_part();
    // The directory may be another one.
    Result<AofManifest> next = tl::unexpected(Error{});
    if (auto locked = directory_.lock(); !locked) {
        next = tl::unexpected(std::move(locked.error()));
    } else {
        next = directory_.place_base(base.path, directory_.manifest(), base.format, 0);
    }
    if (!next) {
        static_cast<void>(directory_.files().remove(base.path));
        return base.done(tl::unexpected(next.error()));
    }
    cure_ = Cure{std::move(base), *next->base, part};
    trouble_ = Trouble::sync;
    if (auto begun = begin_new_file(); !begun) {
        return run_into(Trouble::sync, begun.error().message);
    }
    is_retrying_ = true;
}

void FileWriter::end_cure(Result<void> result) {
    const Cure cure = *std::exchange(cure_, std::nullopt);
    figures_.part_bytes.store(figures_.bytes.load(std::memory_order_relaxed),
                              std::memory_order_relaxed);
    if (result && !cure.base.keeps_old) directory_.delete_history();
    cure.base.done(std::move(result));
}

Result<void> FileWriter::replace_base(const NewBase& base) {
    if (part_error_) return tl::unexpected(*part_error_);
    const AofManifest& present = founding_ ? *founding_ : directory_.manifest();
    const auto next = directory_.place_base(base.path, present, base.format, first_kept_);
    if (!next) return tl::unexpected(next.error());
    // Its name may be one that a beginning before it had: what that wrote must not come back.
    if (founding_) {
        if (auto done = directory_.files().sync(file_); !done) return done;
    }
    // Where that fails nobody knows which manifest is on the disk: both may be loaded.
    return directory_.commit(*next);
}

// --- beginning and ending while there is data
// ---------------------------------------------------

void FileWriter::close(Position end, std::function<void()> done) {
    const std::lock_guard hold(order_mutex_);
    tell_closed_ = std::move(done);
    close_at_.store(end, std::memory_order_release);
}

bool FileWriter::may_end() const {
    if (!is_idle()) return false;
    if (is_ending_) return true;
    const Position end = close_at();
    if (end == kNoPosition) return false;
    // What cannot be brought to the disk, or has no base, is no part of the log that ends.
    if (founding_ || trouble_ != Trouble::none) return true;
    return written_ == end && synced_ == end && !group_ && !candidate_;
}

/// A file that no manifest can name goes.
void FileWriter::end_file() {
    ring::Files& files = directory_.files();
    cut_end();
    files.close(file_);
    file_ = -1;
    if (founding_) static_cast<void>(files.remove(path_));
    if (trouble_ != Trouble::none) {
        base::log(base::Level::warning,
                  "The append-only file ends while it cannot be written: {} bytes are lost",
                  std::min(log_.tail(), close_at()) - synced_);
        log_.recover();
    }
    founding_.reset();
    candidate_.reset();
    group_.reset();
    doubt_ = 0;
    next_prefix_.clear();
    if (cure_) end_cure(tl::unexpected(no_part()));
    displaced_us_ = -1;
    figures_.needs_base.store(false, std::memory_order_relaxed);
    trouble_ = Trouble::none;
    is_retrying_ = is_ending_ = is_part_synced_ = is_cut_ = false;
    pause_us_ = kRetryUsMin;
    if (close_at() != kNoPosition) part_error_ = no_part();
    figures_.file_bytes.store(0, std::memory_order_relaxed);
}

/// What is logged while there is no file belongs to no log. A base that comes too late is refused.
void FileWriter::pump_closed() {
    next_look_us_ = now_us_ + kLookUs;
    const Position frontier = log_.frontier();
    if (frontier >= close_at()) {
        if (log_.part() <= close_at()) log_.end_part(log_.part());
        tell_closed();
    }
    const Position end = std::min(frontier, log_.part());
    written_ = synced_ = std::max(written_, end);
    log_.set_durable(synced_);
    log_.release(synced_);
    if (is_at_part()) begin_part();
    adopt_base();
}

void FileWriter::tell_closed() {
    std::function<void()> tell;
    {
        const std::lock_guard hold(order_mutex_);
        tell.swap(tell_closed_);
        close_at_.store(kNoPosition, std::memory_order_relaxed);
    }
    if (tell) tell();
}

/// No log has begun, and no write is refused for it.
void FileWriter::give_up_beginning(const std::string& why) {
    base::log(base::Level::warning, "The append-only file cannot begin: {}", why);
    add(figures_.failures);
    part_error_ = Error{why, 0};
    is_ending_ = true;
}

void FileWriter::succeed() {
    trouble_ = Trouble::none;
    is_retrying_ = false;
    pause_us_ = kRetryUsMin;
    displaced_us_ = -1;
    figures_.needs_base.store(false, std::memory_order_relaxed);
    add(figures_.recoveries);
    base::log(base::Level::notice, "Append-only file: it is well again, writes are accepted");
    log_.recover();
}

}  // namespace gyre::log
