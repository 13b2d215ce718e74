// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Whether the log streams: so much of it comes, and keeps coming, that larger groups are worth the
// time they take to gather, and so is writing them past the page cache (log/file_writer.h). One
// large value is no stream, nor are several with pauses between them.
//
// Threads: one. Time: given, so that tests need no clock.

#include <algorithm>
#include <cstdint>

namespace gyre::log {

/// What one kind of group is, in bytes and in time.
struct GroupLimits {
    uint64_t gather_bytes = 0;  ///< with so many it begins, when it is looked at,
    int64_t gather_us = 0;      ///< and so long after the last began
    uint64_t enough_bytes = 0;  ///< with so many it is one of a stream
};

struct StreamLimits {
    GroupLimits alone = {256 * 1024, 2000, 128 * 1024};
    GroupLimits streaming = {1024 * 1024, 10'000, 512 * 1024};
    /// From the first of so many groups one behind the other a stream is one.
    uint32_t groups_min = 8;
    /// And after so many it outlives a group that is too small.
    uint32_t groups_max = 16;
    /// One that begins later than this after the last was written does not follow it.
    int64_t gap_us_max = 50'000;
    /// A write past the page cache that takes longer is one of a slow disk: what that has not taken
    /// yet is lost with the process. There is no stream for so long after it, twice as long after
    /// each further one, until so many were quick.
    int64_t direct_us_max = 50'000;
    int64_t slow_pause_us_min = 1'000'000;
    int64_t slow_pause_us_max = 64'000'000;
    uint32_t quick_min = 64;
};

class StreamPolicy {
public:
    explicit StreamPolicy(const StreamLimits& limits = {}) : limits_(limits) {}

    /// A group of so many bytes begins.
    void note_group(uint64_t bytes, int64_t now_us) noexcept {
        if (now_us - last_us_ > limits_.gap_us_max) groups_ = 0;
        last_us_ = now_us;
        const bool is_enough = bytes >= next().enough_bytes && now_us >= not_before_us_;
        groups_ = is_enough ? std::min(groups_ + 1, limits_.groups_max) : groups_ / 2;
    }
    /// It is in the file.
    void note_written(int64_t now_us) noexcept { last_us_ = now_us; }
    /// A write past the page cache ended, after so long. False: the disk is slow.
    bool note_direct(int64_t took_us, int64_t now_us) noexcept {
        if (took_us <= limits_.direct_us_max) {
            if (++quick_ >= limits_.quick_min) slow_pause_us_ = 0;
            return true;
        }
        quick_ = 0;
        slow_pause_us_ =
            std::clamp(2 * slow_pause_us_, limits_.slow_pause_us_min, limits_.slow_pause_us_max);
        not_before_us_ = now_us + slow_pause_us_;
        stop();
        return false;
    }
    /// It is one no more, whatever it was.
    void stop() noexcept { groups_ = 0; }

    bool is_streaming() const noexcept { return groups_ >= limits_.groups_min; }
    /// Of the group that gathers.
    const GroupLimits& next() const noexcept {
        return is_streaming() ? limits_.streaming : limits_.alone;
    }

private:
    StreamLimits limits_;
    uint32_t groups_ = 0;
    int64_t last_us_ = 0;
    int64_t not_before_us_ = 0;
    int64_t slow_pause_us_ = 0;  // after the last slow write
    uint32_t quick_ = 0;         // writes since
};

}  // namespace gyre::log
