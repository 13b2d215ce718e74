// SPDX-License-Identifier: BSD-3-Clause
//
// Of the file writer: a log that streams goes past the page cache.

#include <algorithm>
#include <cerrno>

#include "log/file_writer.h"

namespace gyre::log {
namespace {

constexpr uint64_t page_of(uint64_t offset) {
    return offset / FileWriter::kPageBytes * FileWriter::kPageBytes;
}

/// A comment of this many bytes, 2 at least, in lines that all readers of such files take.
std::string comment(size_t bytes) {
    constexpr size_t kLineBytes = 128;
    std::string text;
    while (bytes > 0) {
        const size_t line = std::min(bytes, kLineBytes);
        // Nothing is left that is too short for a line.
        const size_t length = bytes - line == 1 ? line - 1 : line;
        text += '#';
        text.append(length - 2, ' ');
        text += '\n';
        bytes -= length;
    }
    return text;
}

}  // namespace

bool FileWriter::may_write_directly() const {
    return !is_never_direct_ && !syncs_each_group() &&
           log_.sync_mode.load(std::memory_order_relaxed) == SyncMode::every_second &&
           log_.writes_directly.load(std::memory_order_relaxed);
}

bool FileWriter::may_stream() const { return stream_.is_streaming() && may_write_directly(); }

/// Larger groups would be for nothing where they go through the page cache after all.
void FileWriter::note_group() {
    const Group& group = *group_;
    if (!may_write_directly()) return stream_.stop();
    stream_.note_group(group.end - group.begin, now_us_);
}

/// The bytes of a page of the file are to be those of a page in memory. Where they are not, a
/// comment before the group moves them there.
void FileWriter::align_stream() {
    Group& group = *group_;
    if (!may_stream() || group.is_checked) return;
    const uint64_t here = file_bytes_ + group.prefix.size();
    const uint64_t short_of = (group.begin - here) % kPageBytes;
    if (short_of == 0) return;
    group.prefix += comment(short_of == 1 ? short_of + kPageBytes : short_of);
}

/// As much of the group as ends with a page, from the page on before which nothing is left to
/// write. What of that is in the file already is the same there. True: it is under way.
bool FileWriter::send_direct() {
    const Group& group = *group_;
    if (!may_stream()) return false;
    const uint64_t from = page_of(given_to_);
    const uint64_t here = file_bytes_ + group.done;
    const uint64_t end = page_of(file_bytes_ + group.bytes());
    if (from < log_from_ || (group.begin - file_bytes_) % kPageBytes != 0) return false;
    if (here > from + limits_.again_bytes_max || end < here + limits_.direct_bytes_min)
        return false;
    const Position begin = group.begin - (file_bytes_ - from);
    // What was given up is not there any more, and the sync under way ends with giving up its part.
    const Position released = log_.released();
    const Position kept = sync_.in_flight ? std::max(released, sync_end_) : released;
    if (begin < page_of(kept)) return false;
    if (!is_direct_ && !directory_.files().set_direct(file_, true)) {
        is_never_direct_ = true;
        return false;
    }
    is_direct_ = is_direct_write_ = true;
    again_ = here - from;
    direct_started_us_ = ring_.monotonic_us();
    const size_t count = add_vectors(0, begin, begin + (end - from));
    add(figures_.groups);
    group_->is_synced = false;
    ring_.write(write_, file_, {vectors_.data(), count}, from);
    return true;
}

/// A sync gives up the memory of what it covers: none begins while that is written once more.
bool FileWriter::needs_synced_memory() const {
    return write_.in_flight && is_direct_write_ && again_ >= kPageBytes;
}

/// Makes of what was written what that is of the group. False: nothing, send it again. Whether a
/// disk is in trouble the page cache is to tell.
bool FileWriter::note_direct(int32_t& result) {
    const int64_t end_us = ring_.monotonic_us();
    if (!stream_.note_direct(end_us - direct_started_us_, end_us)) add(figures_.slow_directs);
    if (result <= 0) {
        is_never_direct_ = result == -EINVAL || result == -EOPNOTSUPP;
        stream_.stop();
        return false;
    }
    const auto written = static_cast<uint64_t>(result);
    const uint64_t from = file_bytes_ + group_->done - again_;
    const bool is_further = page_of(from + written) > given_to_;
    if (is_further) given_to_ = page_of(from + written);
    const uint64_t new_bytes = written - std::min(written, again_);
    add(figures_.direct_bytes, new_bytes);
    result = static_cast<int32_t>(new_bytes);
    if (new_bytes > 0) return true;
    if (!is_further) stream_.stop();
    return false;
}

void FileWriter::leave_direct() {
    // Where that fails the next write does, for its want of alignment, and this is tried again.
    if (is_direct_) is_direct_ = !directory_.files().set_direct(file_, false);
}

}  // namespace gyre::log
