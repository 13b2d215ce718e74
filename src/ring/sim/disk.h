// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A virtual disk behind a volatile cache. What was written is seen by whoever reads, but only what
// was synced is sure to survive crash(): of the rest each page stays as it was, has the new bytes,
// or is torn between the two, and the file ends anywhere between its durable and its last length.
// Names are durable once their directory was synced; without that, a crash undoes the last so many
// of the changes of names. After a sync that failed, pages count as clean though they never reached
// the disk, as on Linux: the next sync says that all is well.
//
// SimRing writes and syncs here; as Files it is what the thread of the log uses.
//
// Ownership: owns the files; belongs to a World. Threads: one.

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "ring/files.h"

namespace gyre::ring::sim {

/// Chances in thousandths, each at every opportunity.
struct DiskFaults {
    uint32_t write_failure = 0;  ///< a write fails with EIO
    uint32_t short_write = 0;    ///< a write ends before all is written
    uint32_t sync_failure = 0;   ///< a sync fails with EIO, and drops what it should have written
    uint32_t call_failure = 0;   ///< any other call fails with EIO
    uint32_t slow = 0;           ///< an operation takes up to slow_us
    int64_t slow_us = 20'000;

    /// Each fault off, or on with a strength of its own.
    static DiskFaults swarm(base::Random& random);
};

class Disk final : public Files {
public:
    static constexpr size_t kPageBytes = 4096;
    static constexpr size_t kSectorBytes = 512;
    /// Descriptors of files begin here, those of sockets are below.
    static constexpr int kFirstDescriptor = 1'000'000;

    explicit Disk(base::Random& random) : random_(random) {}

    DiskFaults faults;                ///< may change at any time
    uint64_t bytes_max = UINT64_MAX;  ///< of all files together: then ENOSPC
    bool fits_whole = false;          ///< ENOSPC also where a part of a write would fit
    bool is_read_only = false;        ///< EROFS
    bool is_never_direct = false;     ///< O_DIRECT is refused by the file, or only by its writes
    bool is_never_written_directly = false;
    int direct_failure = 0;       ///< an errno of such writes
    uint64_t uncached_bytes = 0;  ///< that were to leave the page cache, some of them twice
    uint64_t direct_bytes = 0;    ///< written past it

    static bool is_file(int descriptor) noexcept { return descriptor >= kFirstDescriptor; }

    /// Power is lost: volatile state is gone, and all descriptors with it.
    void crash();
    /// What the file holds as seen by a reader; empty when there is none.
    std::string content(const std::string& path) const;
    /// Moves everything below `from` elsewhere, as somebody might behind the server's back.
    void move_away(const std::string& from, const std::string& to);

    // --- for SimRing ---
    bool is_direct(int file) const { return direct_.contains(file); }
    /// Bytes written or -errno.
    int32_t write(int file, std::string_view bytes, uint64_t offset);
    int32_t sync_now(int file);
    /// Of these bytes only; what was written to other pages stays in doubt.
    int32_t sync_range(int file, uint64_t from, uint64_t end);
    int64_t delay_us();

    // --- Files ---
    Result<int> open(const std::string& path, OpenFor use) override;
    void close(int file) override;
    Result<uint64_t> size(int file) override;
    Result<size_t> read(int file, std::span<char> into, uint64_t offset) override;
    Result<void> truncate(int file, uint64_t bytes) override;
    Result<void> sync(int file) override;
    void leave_page_cache(int file, uint64_t begin, uint64_t end) override;
    Result<void> set_direct(int file, bool is_direct) override;
    Result<void> make_directory(const std::string& path) override;
    Result<void> rename(const std::string& from, const std::string& to) override;
    Result<void> remove(const std::string& path) override;
    Result<void> sync_directory(const std::string& path) override;
    bool is_at(int file, const std::string& path) override;
    bool exists(const std::string& path) override;
    Result<std::vector<std::string>> list(const std::string& directory) override;
    Result<int> lock_directory(const std::string& path) override;
    Result<void> write_whole(const std::string& path, std::string_view text) override;

private:
    struct Node {
        std::string seen;        // by readers
        std::string durable;     // survives a crash
        std::set<size_t> dirty;  // pages whose durable bytes may be older
        /// Of these, pages that the device has not even been given.
        std::set<size_t> cached;
    };
    using NodeRef = std::shared_ptr<Node>;
    using Names = std::map<std::string, NodeRef>;

    bool chance(uint32_t per_mille) { return per_mille > 0 && random_.below(1000) < per_mille; }
    Result<void> check(const std::string& path, bool changes);
    Node& node(int file);
    static void mark(Node& node, uint64_t from, uint64_t to);
    static void settle(Node& node, size_t page);
    /// As many of these bytes as go past the page cache, or -errno.
    int32_t write_directly(Node& node, std::string_view bytes, uint64_t offset);
    void lose_power(Node& node);
    void change_names();
    uint64_t used() const;

    base::Random& random_;
    Names names_;
    std::vector<Names> durable_names_{1};  // the last synced state, and each state after it
    std::set<std::string> directories_;
    std::map<int, NodeRef> open_;
    std::set<int> direct_;
    std::map<std::string, int> locks_;  // directories, and the descriptors that hold them
    int next_descriptor_ = kFirstDescriptor;
};

}  // namespace gyre::ring::sim
