// SPDX-License-Identifier: BSD-3-Clause
//
// Of the file writer: what it does when something fails, when the log is written anew, and when it
// begins or ends.

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/log.h"
#include "log/file_writer.h"

namespace gyre::log {

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
    stream_.stop();
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
            if (!directory_.files().is_at(file_, path_)) {
                return run_into(Trouble::place,
                                path_ + " has been moved or removed: put it back, or BGREWRITEAOF");
            }
            if (auto back = directory_.come_back(); !back) {
                return run_into(Trouble::place, back.error().message);
            }
            return succeed();
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
    if (is_cut_) set_filled_to(0);
}

/// What could not be written whole is no effect: its beginning would only be in the way.
void FileWriter::cut_end() {
    cut_untrusted();
    if ((group_ || filled_to_ > 0) && !is_cut_) {
        static_cast<void>(directory_.files().truncate(file_, file_bytes_));
    }
    set_filled_to(0);
    needs_mark_ = false;
}

/// The old file ends where it is known to be good; what followed goes into a new one. With a base
/// that cures it the old file does not matter. Without a base nothing can be done for what was
/// given up in memory before it was synced (`never`): it may be a hole in the file.
Result<void> FileWriter::begin_new_file() {
    ring::Files& files = directory_.files();
    if (!candidate_ && !cure_) {
        if (log_.released() > synced_) {
            figures_.needs_base.store(true, std::memory_order_relaxed);
            return fail("Syncing failed, also of what the log has in memory no more: BGREWRITEAOF");
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
    // One that takes the place of the part's first, which no manifest names, may have a lower
    // number.
    first_kept_ = std::min(first_kept_, sequence);
    candidate_ = cure_ ? made->next.with_base(cure_->file, sequence) : std::move(made->next);
    group_.reset();
    doubt_ = 0;
    begin_file(0);
    written_ = cure_ ? cure_->part : log_.released();
    synced_ = written_;
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
        note_unsynced_since(0);
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
    begin_file(0);  // filling stays in the old one
    (is_founding ? founding_ : candidate_) = std::move(made->next);
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
    if (auto followed = directory_.follow(); !followed) {
        next = tl::unexpected(std::move(followed.error()));
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
    note_unsynced_since(0);
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
