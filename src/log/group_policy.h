// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// When the next group is to be written under `always`: at once, or when those have come back who
// were just told that theirs is on the disk. A sync costs as much processor time as some ten
// requests, and clients that wait for each answer fall into two halves of which one is written
// while the other gathers: twice the syncs that are needed. So when a group is on the disk the next
// one is held until nearly as many bytes have come as it had, beside those that gathered meanwhile,
// but no longer than two syncs take, nor than kHoldUsMax, nor when nothing has come for kIdleUs.
// Databases do the same for a fixed time (PostgreSQL's commit_delay), file systems for the mean
// time of a commit (jbd2).
//
// Clients that do not come back would be waited for in vain. So a hold that ran out and brought
// less than half of what it was for, or nothing beside what it began with, is followed by groups
// without one, twice as many each time. One client alone is not held up: its next write is all
// there is to wait for; where that is smaller than the one before, it is held once, and soon not
// any more.
//
// Where clients that do not wait for the log leave no processor a rest (Log::is_crowded()), a group
// is not worth a sync as soon as it is there: each costs these clients the time of dozens of
// requests. There a group begins no sooner than kDelaySyncs syncs take, from the beginning of the
// one before, and aof-commit-delay at most: those who wait for a disk anyway wait for
// a bit more, and the log takes a bounded share of what others need.
//
// Threads: one. Time: given, so that tests need no clock.

#include <algorithm>
#include <cstdint>

namespace gyre::log {

class GroupPolicy {
public:
    /// Beside others who fill the processor a sync takes a millisecond and more, for the threads
    /// it goes through wait for it, and clients come back as slowly.
    static constexpr int64_t kHoldUsMax = 3000;
    static constexpr int64_t kIdleUs = 500;
    /// Of the group on the disk, so much has to come again.
    static constexpr uint64_t kReturnPercent = 90;
    static constexpr uint32_t kPauseMax = 256;
    static constexpr int64_t kDelaySyncs = 4;
    /// A group of so many bytes is worth its sync.
    static constexpr uint64_t kDelayedBytesMax = uint64_t{64} << 10;

    /// A group of so many bytes is on the disk, which took so long; `waiting` bytes have come
    /// meanwhile.
    void note_synced(uint64_t bytes, uint64_t waiting, int64_t took_us, int64_t now_us) noexcept;
    /// The next group is not to begin: `waiting` bytes have come for it by now.
    bool holds(uint64_t waiting, int64_t now_us) noexcept;
    /// The same beside others who need the processor, for whose sake it waits no longer than so
    /// much from the beginning of the last one; to be asked before holds().
    bool delays(uint64_t waiting, int64_t now_us, int64_t delay_us_max) noexcept;
    struct Begun {
        bool was_held = false;
        bool was_delayed = false;
    };
    /// It begins, with so many bytes. What it was until now.
    Begun note_begun(uint64_t bytes, int64_t now_us) noexcept;

    /// Bytes with which a hold or delay ends, and when it is to be asked after again without them.
    uint64_t wanted() const noexcept { return is_delaying_ ? kDelayedBytesMax : wanted_; }
    int64_t until_us() const noexcept {
        return is_delaying_ ? delayed_until_us_ : std::min(until_us_, idle_us_);
    }

private:
    bool has_held_ = false;
    uint64_t waited_ = 0;  // bytes when the last group was on the disk,
    uint64_t first_ = 0;   // when the hold began,
    uint64_t seen_ = 0;    // and when it was looked at last
    uint64_t wanted_ = 0;  // 0: no hold
    int64_t until_us_ = 0;
    int64_t idle_us_ = 0;  // when it is looked at next
    uint32_t pause_ = 0;   // groups without a hold behind the next that is in vain
    uint32_t paused_ = 0;  // of them, those to come
    // delays
    int64_t begun_us_ = 0;
    int64_t sync_us_ = 0;  // mean of the last ones
    int64_t delayed_until_us_ = 0;
    bool is_delaying_ = false;
    bool was_delayed_ = false;  // since the last group
};

}  // namespace gyre::log
