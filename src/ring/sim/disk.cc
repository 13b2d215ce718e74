// SPDX-License-Identifier: BSD-3-Clause
#include "ring/sim/disk.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace gyre::ring::sim {
namespace {

uint32_t strength(base::Random& random, uint32_t most) {
    const bool is_on = random.below(2) == 0;
    return is_on ? 1 + static_cast<uint32_t>(random.below(most)) : 0;
}

tl::unexpected<Error> failed(int error, const std::string& path) {
    return fail(path + ": " + std::strerror(error), error);
}

std::string parent_of(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? std::string(".") : path.substr(0, slash);
}

}  // namespace

DiskFaults DiskFaults::swarm(base::Random& random) {
    DiskFaults faults;
    faults.write_failure = strength(random, 100);
    faults.short_write = strength(random, 400);
    faults.sync_failure = strength(random, 100);
    faults.call_failure = strength(random, 200);
    faults.slow = strength(random, 500);
    faults.slow_us = 1 + static_cast<int64_t>(random.below(50'000));
    return faults;
}

// --- power
// -----------------------------------------------------------------------------------------

void Disk::mark(Node& node, uint64_t from, uint64_t to) {
    for (uint64_t page = from / kPageBytes; page * kPageBytes < to; ++page) {
        node.dirty.insert(page);
        node.cached.insert(page);
    }
}

/// Each dirty page is old, new, or new up to some sector; the length is any that was on the way.
void Disk::lose_power(Node& node) {
    std::string left = node.durable;
    const size_t shorter = std::min(left.size(), node.seen.size());
    const size_t longer = std::max(left.size(), node.seen.size());
    for (const size_t page : node.dirty) {
        const size_t from = page * kPageBytes;
        const size_t end = std::min(from + kPageBytes, node.seen.size());
        const uint64_t fate = random_.below(3);
        if (fate == 0 || from >= end) continue;
        const size_t torn = from + kSectorBytes * (1 + random_.below(kPageBytes / kSectorBytes));
        const size_t to = fate == 1 ? end : std::min(end, torn);
        if (left.size() < to) left.resize(to, '\0');
        std::copy(node.seen.begin() + static_cast<std::ptrdiff_t>(from),
                  node.seen.begin() + static_cast<std::ptrdiff_t>(to),
                  left.begin() + static_cast<std::ptrdiff_t>(from));
    }
    const size_t length =
        node.dirty.empty() ? node.durable.size() : shorter + random_.below(longer - shorter + 1);
    left.resize(length, '\0');
    node.seen = left;
    node.durable = std::move(left);
    node.dirty.clear();
    node.cached.clear();
}

void Disk::crash() {
    open_.clear();
    direct_.clear();
    locks_.clear();
    names_ = durable_names_[random_.below(durable_names_.size())];
    durable_names_.assign(1, names_);
    std::set<Node*> done;
    for (const auto& [path, file] : names_) {
        if (done.insert(file.get()).second) lose_power(*file);
    }
}

std::string Disk::content(const std::string& path) const {
    const auto found = names_.find(path);
    return found == names_.end() ? std::string() : found->second->seen;
}

void Disk::move_away(const std::string& from, const std::string& to) {
    Names moved;
    for (const auto& [path, file] : names_) {
        moved[path.starts_with(from) ? to + path.substr(from.size()) : path] = file;
    }
    names_ = std::move(moved);
    change_names();
}

/// A change of names: a crash may find it done or not, but none before it that is not.
void Disk::change_names() { durable_names_.push_back(names_); }

// --- what a ring does
// --------------------------------------------------------------------------------

Disk::Node& Disk::node(int file) {
    const auto found = open_.find(file);
    CHECK(found != open_.end());
    return *found->second;
}

uint64_t Disk::used() const {
    uint64_t bytes = 0;
    for (const auto& [path, file] : names_) bytes += file->seen.size();
    return bytes;
}

int32_t Disk::write(int file, std::string_view bytes, uint64_t offset) {
    Node& target = node(file);
    const bool is_aligned = (offset | bytes.size()) % kDirectAlignment == 0;
    CHECK(is_aligned || !is_direct(file));
    if (is_read_only) return -EROFS;
    if (chance(faults.write_failure)) return -EIO;
    size_t count = bytes.size();
    if (count > 1 && chance(faults.short_write)) count = 1 + random_.below(count - 1);
    const uint64_t grows =
        offset + count > target.seen.size() ? offset + count - target.seen.size() : 0;
    const uint64_t room = bytes_max - std::min(bytes_max, used());
    if (grows > room) count -= fits_whole ? count : std::min<uint64_t>(count, grows - room);
    if (count == 0) return -ENOSPC;
    if (is_direct(file)) return write_directly(target, bytes.substr(0, count), offset);
    if (target.seen.size() < offset + count) target.seen.resize(offset + count, '\0');
    target.seen.replace(offset, count, bytes.substr(0, count));
    mark(target, offset, offset + count);
    return static_cast<int32_t>(count);
}

/// A file that becomes longer by such a write has its new length on the disk as soon as the file
/// system likes. Pages before it that only the page cache has would be holes in it after a crash,
/// which no reader takes for an end: they go with it, or before it.
int32_t Disk::write_directly(Node& node, std::string_view bytes, uint64_t offset) {
    const size_t count = bytes.size() / kSectorBytes * kSectorBytes;
    if (is_never_written_directly) return -EINVAL;
    if (direct_failure != 0) return -direct_failure;
    if (count == 0) return -ENOSPC;
    const size_t first = offset / kPageBytes;
    const size_t behind = (offset + count + kPageBytes - 1) / kPageBytes;
    CHECK(node.cached.empty() || *node.cached.begin() >= first);
    if (node.seen.size() < offset + count) node.seen.resize(offset + count, '\0');
    node.seen.replace(offset, count, bytes.substr(0, count));
    mark(node, offset, offset + count);
    node.cached.erase(node.cached.begin(), node.cached.lower_bound(behind));
    direct_bytes += count;
    return static_cast<int32_t>(count);
}

/// The page as it is seen becomes what survives.
void Disk::settle(Node& node, size_t page) {
    const size_t from = page * kPageBytes;
    const size_t end = std::min(from + kPageBytes, node.seen.size());
    if (from >= end) return;
    if (node.durable.size() < end) node.durable.resize(end, '\0');
    node.durable.replace(from, end - from, node.seen, from, end - from);
}

int32_t Disk::sync_now(int file) {
    Node& target = node(file);
    if (const int32_t result = sync_range(file, 0, target.seen.size()); result != 0) return result;
    target.durable.resize(target.seen.size(), '\0');
    return 0;
}

int32_t Disk::sync_range(int file, uint64_t from, uint64_t end) {
    Node& target = node(file);
    const bool fails = chance(faults.sync_failure);
    const auto first = target.dirty.lower_bound(from / kPageBytes);
    const auto behind = target.dirty.lower_bound((end + kPageBytes - 1) / kPageBytes);
    // Of a sync that fails some pages arrive and some do not; none is tried again.
    for (auto page = first; page != behind; ++page) {
        if (!fails || random_.below(2) == 0) settle(target, *page);
    }
    target.dirty.erase(first, behind);
    target.cached.erase(target.cached.lower_bound(from / kPageBytes),
                        target.cached.lower_bound((end + kPageBytes - 1) / kPageBytes));
    if (fails) return -EIO;
    // The length is the file's, not the range's.
    if (target.durable.size() > target.seen.size()) target.durable.resize(target.seen.size());
    return 0;
}

int64_t Disk::delay_us() {
    if (!chance(faults.slow)) return 1 + static_cast<int64_t>(random_.below(50));
    return 1 + static_cast<int64_t>(random_.below(static_cast<uint64_t>(faults.slow_us)));
}

// --- files
// -------------------------------------------------------------------------------------------

Result<void> Disk::check(const std::string& path, bool changes) {
    if (chance(faults.call_failure)) return failed(EIO, path);
    if (changes && is_read_only) return failed(EROFS, path);
    return {};
}

Result<int> Disk::open(const std::string& path, OpenFor use) {
    const bool creates = use == OpenFor::creating || use == OpenFor::creating_new;
    if (auto ok = check(path, creates); !ok) return tl::unexpected(ok.error());
    const auto found = names_.find(path);
    if (creates) {
        if (!directories_.contains(parent_of(path))) return failed(ENOENT, path);
        if (found == names_.end()) {
            names_[path] = std::make_shared<Node>();
            change_names();
        } else if (use == OpenFor::creating_new) {
            return failed(EEXIST, path);
        } else {
            found->second->seen.clear();
            mark(*found->second, 0, found->second->durable.size());
        }
    } else if (found == names_.end()) {
        return failed(ENOENT, path);
    }
    open_[next_descriptor_] = names_[path];
    return next_descriptor_++;
}

void Disk::close(int file) {
    open_.erase(file);
    direct_.erase(file);
    std::erase_if(locks_, [file](const auto& lock) { return lock.second == file; });
}

Result<uint64_t> Disk::size(int file) { return node(file).seen.size(); }

Result<size_t> Disk::read(int file, std::span<char> into, uint64_t offset) {
    const std::string& seen = node(file).seen;
    if (offset >= seen.size()) return size_t{0};
    return seen.copy(into.data(), into.size(), offset);
}

Result<void> Disk::truncate(int file, uint64_t bytes) {
    if (auto ok = check("truncate", true); !ok) return ok;
    Node& target = node(file);
    mark(target, bytes, std::max<uint64_t>(target.seen.size(), target.durable.size()));
    target.seen.resize(bytes, '\0');
    return {};
}

Result<void> Disk::sync(int file) {
    const int32_t result = sync_now(file);
    if (result != 0) return failed(-result, "sync");
    return {};
}

void Disk::leave_page_cache(int file, uint64_t begin, uint64_t end) {
    const Node& target = node(file);
    CHECK(begin <= end && end <= target.seen.size());
    CHECK(begin % kPageBytes == 0 && end % kPageBytes == 0);
    // Linux would begin to write those that are dirty, in whatever order.
    const auto dirty = target.cached.lower_bound(begin / kPageBytes);
    CHECK(dirty == target.cached.end() || *dirty >= end / kPageBytes);
    uncached_bytes += end - begin;
}

Result<void> Disk::set_direct(int file, bool is_direct) {
    if (is_direct && is_never_direct) return failed(EINVAL, "O_DIRECT");
    if (is_direct) {
        direct_.insert(file);
    } else {
        direct_.erase(file);
    }
    return {};
}

Result<void> Disk::make_directory(const std::string& path) {
    if (auto ok = check(path, !directories_.contains(path)); !ok) return ok;
    directories_.insert(path);
    return {};
}

Result<void> Disk::rename(const std::string& from, const std::string& to) {
    if (auto ok = check(from, true); !ok) return ok;
    const auto found = names_.find(from);
    if (found == names_.end()) return failed(ENOENT, from);
    NodeRef file = found->second;
    names_.erase(found);
    names_[to] = std::move(file);
    change_names();
    return {};
}

Result<void> Disk::remove(const std::string& path) {
    if (auto ok = check(path, true); !ok) return ok;
    if (names_.erase(path) > 0) change_names();
    return {};
}

Result<void> Disk::sync_directory(const std::string& path) {
    if (auto ok = check(path, false); !ok) return ok;
    durable_names_.assign(1, names_);
    return {};
}

bool Disk::is_at(int file, const std::string& path) {
    if (const auto lock = locks_.find(path); lock != locks_.end()) return lock->second == file;
    const auto found = names_.find(path);
    const auto opened = open_.find(file);
    return found != names_.end() && opened != open_.end() && found->second == opened->second;
}

bool Disk::exists(const std::string& path) { return names_.contains(path); }

Result<std::vector<std::string>> Disk::list(const std::string& directory) {
    if (auto ok = check(directory, false); !ok) return tl::unexpected(ok.error());
    std::vector<std::string> names;
    for (const auto& [path, file] : names_) {
        if (parent_of(path) == directory) names.push_back(path.substr(path.rfind('/') + 1));
    }
    return names;
}

Result<int> Disk::lock_directory(const std::string& path) {
    if (auto ok = check(path, false); !ok) return tl::unexpected(ok.error());
    if (!directories_.contains(path)) return failed(ENOENT, path);
    if (!locks_.try_emplace(path, next_descriptor_).second) return failed(EWOULDBLOCK, path);
    return next_descriptor_++;
}

Result<void> Disk::write_whole(const std::string& path, std::string_view text) {
    const auto file = open(path, OpenFor::creating);
    if (!file) return tl::unexpected(file.error());
    Result<void> result;
    uint64_t offset = 0;
    while (offset < text.size() && result) {
        const int32_t count = write(*file, text.substr(offset), offset);
        if (count < 0) result = failed(-count, path);
        if (count > 0) offset += static_cast<uint64_t>(count);
    }
    if (result) result = sync(*file);
    close(*file);
    return result;
}

}  // namespace gyre::ring::sim
