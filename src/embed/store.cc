// SPDX-License-Identifier: BSD-3-Clause

// The public store on the rooms the server stands on: shards as in engine/dataset.h, with one
// database each and no lock. Shards are chosen by the top bits of a key's hash, of which the tables
// inside use the others.

#include "gyre/store.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "base/random.h"
#include "containers/slab.h"
#include "store/shard.h"
#include "types/string_value.h"

namespace gyre {
namespace {

using store::Entry;
using store::Key;
using store::Partition;
using store::Shard;

/// Entries freed by one call to drain().
constexpr size_t kDrainEntries = 4096;

int64_t system_ms() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

std::string_view value_bytes(const Entry& entry, char (&digits)[base::kIntegerCharsMax]) {
    if (entry.encoding() != store::Encoding::integer) return entry.bytes();
    const char* end = base::write_integer(digits, entry.integer());
    return {digits, static_cast<size_t>(end - digits)};
}

}  // namespace

class Store::Shards {
public:
    explicit Shards(StoreOptions options)
        : clock_(options.clock ? std::move(options.clock) : system_ms),
          bits_(static_cast<unsigned>(std::countr_zero(options.shards))) {
        base::Random seeds(options.seed != 0 ? options.seed : base::entropy());
        for (size_t index = 0; index < options.shards; ++index) {
            shards_.push_back(std::make_unique<Shard>(1, seeds.next()));
        }
    }

    int64_t now_ms() const { return clock_(); }
    size_t count() const { return shards_.size(); }
    unsigned bits() const { return bits_; }
    Shard& at(size_t index) { return *shards_[index]; }
    const Shard& at(size_t index) const { return *shards_[index]; }
    Partition& partition(const Key& key, int64_t now_ms) {
        return shard_of(key).database(0, now_ms);
    }
    /// The entry of a key that is not past its deadline; one that is goes.
    Entry* find(const Key& key, int64_t now_ms) {
        Partition* partition = shard_of(key).find_database(0);
        Entry* entry = partition == nullptr ? nullptr : partition->find(key);
        if (entry == nullptr || !entry->is_expired(now_ms)) return entry;
        partition->erase(key, entry);
        return nullptr;
    }

    size_t next_to_advance = 0;  // so that a limit on the work starves no shard

private:
    Shard& shard_of(const Key& key) { return *shards_[bits_ == 0 ? 0 : key.hash >> (64 - bits_)]; }

    std::function<int64_t()> clock_;
    unsigned bits_;
    std::vector<std::unique_ptr<Shard>> shards_;
};

Store::Store(std::unique_ptr<Shards> shards) : shards_(std::move(shards)) {}
Store::Store(Store&& other) noexcept = default;
Store& Store::operator=(Store&& other) noexcept = default;
Store::~Store() = default;

Result<Store> Store::create(StoreOptions options) {
    if (!std::has_single_bit(options.shards) || options.shards > kShardsMax) {
        return fail("shards must be a power of two from 1 to 1024");
    }
    return Store(std::make_unique<Shards>(std::move(options)));
}

// --- one key
// ------------------------------------------------------------------------------------------

namespace {

/// Of a key with a recorded timestamp every change is a write, as on the server: it happens now,
/// and not before what it replaces.
void raise_timestamp(Partition& partition, const Key& key, Entry* entry, int64_t now_ms) {
    if (!entry->has(Entry::has_timestamp)) return;
    partition.set_timestamp(key, entry, std::max(entry->timestamp_ms(), now_ms));
}

/// The end of a positive time to live; none when there is no such time.
std::optional<int64_t> deadline_after(int64_t now_ms, int64_t ttl_ms) {
    int64_t deadline_ms = 0;
    if (__builtin_add_overflow(now_ms, ttl_ms, &deadline_ms)) return std::nullopt;
    if (deadline_ms == store::kNoExpiry) return std::nullopt;
    return deadline_ms;
}

/// The deadline a write asks for.
Result<int64_t> deadline_of(const SetOptions& options, const Entry* present, int64_t now_ms) {
    if (options.ttl_ms) {
        if (*options.ttl_ms <= 0) return fail("ttl_ms must be more than 0; leave it out for none");
        const auto deadline_ms = deadline_after(now_ms, *options.ttl_ms);
        if (!deadline_ms) return fail("ttl_ms is beyond the end of time; leave it out for none");
        return *deadline_ms;
    }
    return options.keep_ttl && present != nullptr ? present->expire_ms() : store::kNoExpiry;
}

Result<void> check_set(std::string_view key, std::string_view value, const SetOptions& options) {
    if (key.size() > Store::kBytesMax) return fail("the key is longer than 512 MiB");
    if (value.size() > Store::kBytesMax) return fail("the value is longer than 512 MiB");
    if (options.only_new && options.only_existing) {
        return fail("only_new and only_existing exclude each other; give one of them");
    }
    if (options.keep_ttl && options.ttl_ms) {
        return fail("keep_ttl and ttl_ms exclude each other; give one of them");
    }
    if (options.timestamp_ms.value_or(0) < 0) {
        return fail("timestamp_ms must be 0 or more; leave it out for a write of now");
    }
    return {};
}

}  // namespace

Result<SetOutcome> Store::set(std::string_view key, std::string_view value,
                              const SetOptions& options) {
    if (auto checked = check_set(key, value, options); !checked) {
        return tl::unexpected(std::move(checked.error()));
    }
    const int64_t now_ms = shards_->now_ms();
    const Key hashed = Key::of(key);
    Entry* present = shards_->find(hashed, now_ms);
    const auto deadline = deadline_of(options, present, now_ms);
    if (!deadline) return tl::unexpected(deadline.error());
    if (present != nullptr ? options.only_new : options.only_existing) return SetOutcome::refused;
    int64_t stamp = options.timestamp_ms.value_or(store::kNoTimestamp);
    if (present != nullptr && present->has(Entry::has_timestamp)) {
        if (options.timestamp_ms && present->timestamp_ms() >= stamp) return SetOutcome::outdated;
        // A write without a timestamp happens now, and not before what it replaces.
        if (!options.timestamp_ms) stamp = std::max(present->timestamp_ms(), now_ms);
    }
    shards_->partition(hashed, now_ms)
        .put_string(hashed, present, types::encode_string(value), *deadline, stamp);
    return SetOutcome::stored;
}

std::optional<std::string> Store::get(std::string_view key) {
    const Entry* entry = shards_->find(Key::of(key), shards_->now_ms());
    if (entry == nullptr) return std::nullopt;
    char digits[base::kIntegerCharsMax];
    return std::string(value_bytes(*entry, digits));
}

bool Store::exists(std::string_view key) {
    return shards_->find(Key::of(key), shards_->now_ms()) != nullptr;
}

bool Store::del(std::string_view key) {
    const int64_t now_ms = shards_->now_ms();
    const Key hashed = Key::of(key);
    Entry* entry = shards_->find(hashed, now_ms);
    if (entry == nullptr) return false;
    shards_->partition(hashed, now_ms).erase(hashed, entry);
    return true;
}

Result<int64_t> Store::incr(std::string_view key, int64_t by) {
    if (key.size() > kBytesMax) return fail("the key is longer than 512 MiB");
    const int64_t now_ms = shards_->now_ms();
    const Key hashed = Key::of(key);
    Entry* entry = shards_->find(hashed, now_ms);
    int64_t value = 0;
    if (entry != nullptr) {
        char digits[base::kIntegerCharsMax];
        const auto number = base::parse_integer(value_bytes(*entry, digits));
        if (!number) return fail("the value is no 64-bit integer; set one first");
        value = *number;
    }
    if (__builtin_add_overflow(value, by, &value)) {
        return fail("the sum is beyond a 64-bit integer; the value was left as it is");
    }
    Partition& partition = shards_->partition(hashed, now_ms);
    const auto content = types::integer_string(value);
    if (entry == nullptr) {
        partition.put_string(hashed, nullptr, content, store::kNoExpiry, store::kNoTimestamp);
        return value;
    }
    entry = partition.change_string(hashed, entry, content);
    raise_timestamp(partition, hashed, entry, now_ms);
    return value;
}

Result<bool> Store::expire(std::string_view key, int64_t ttl_ms) {
    const int64_t now_ms = shards_->now_ms();
    const auto deadline_ms = deadline_after(now_ms, std::max<int64_t>(ttl_ms, 0));
    if (!deadline_ms) {
        return fail("ttl_ms is beyond the end of time; persist() removes a deadline");
    }
    return expire_at(key, *deadline_ms);
}

bool Store::expire_at(std::string_view key, int64_t unix_ms) {
    const int64_t now_ms = shards_->now_ms();
    const Key hashed = Key::of(key);
    Entry* entry = shards_->find(hashed, now_ms);
    if (entry == nullptr) return false;
    Partition& partition = shards_->partition(hashed, now_ms);
    if (unix_ms <= now_ms) {
        partition.erase(hashed, entry);
    } else {
        entry = partition.set_expiry(hashed, entry, unix_ms);
        raise_timestamp(partition, hashed, entry, now_ms);
    }
    return true;
}

std::optional<int64_t> Store::ttl_ms(std::string_view key) {
    const int64_t now_ms = shards_->now_ms();
    const Entry* entry = shards_->find(Key::of(key), now_ms);
    if (entry == nullptr) return std::nullopt;
    return entry->has_expiry() ? entry->expire_ms() - now_ms : kNoExpiry;
}

bool Store::persist(std::string_view key) {
    const int64_t now_ms = shards_->now_ms();
    const Key hashed = Key::of(key);
    Entry* entry = shards_->find(hashed, now_ms);
    if (entry == nullptr || !entry->has_expiry()) return false;
    Partition& partition = shards_->partition(hashed, now_ms);
    entry = partition.set_expiry(hashed, entry, store::kNoExpiry);
    raise_timestamp(partition, hashed, entry, now_ms);
    return true;
}

// --- all keys
// -----------------------------------------------------------------------------------------

// As Dataset::scan(): the shard in the low bits of the cursor, its own cursor above.
uint64_t Store::scan(uint64_t cursor, size_t count, const Visitor& visit) {
    const int64_t now_ms = shards_->now_ms();
    size_t given = 0;
    do {
        const size_t index = cursor & (shards_->count() - 1);
        uint64_t inner = (cursor & ~store::kDefendedCursor) >> shards_->bits();
        const Partition* partition = shards_->at(index).find_database(0);
        const bool is_defended = partition != nullptr && partition->is_defended();
        if (is_defended != ((cursor & store::kDefendedCursor) != 0)) inner = 0;
        if (partition == nullptr) {
            inner = 0;
        } else {
            inner = partition->scan(inner, [&](const Entry& entry) {
                if (entry.is_expired(now_ms)) return;
                char digits[base::kIntegerCharsMax];
                visit(entry.key(), value_bytes(entry, digits));
                ++given;
            });
        }
        const uint64_t mark = is_defended ? store::kDefendedCursor : 0;
        cursor = inner != 0 ? inner << shards_->bits() | index | mark : index + 1;
        if (cursor == shards_->count() && inner == 0) return 0;
    } while (given < count);
    return cursor;
}

size_t Store::size() const {
    size_t keys = 0;
    for (size_t index = 0; index < shards_->count(); ++index) keys += shards_->at(index).keys();
    return keys;
}

void Store::clear() {
    for (size_t index = 0; index < shards_->count(); ++index) {
        Shard& shard = shards_->at(index);
        shard.detach_database(0);
        while (!shard.drain(kDrainEntries)) {
        }
        shard.slab().trim();
    }
}

StoreMemory Store::memory() const {
    StoreMemory sum;
    for (size_t index = 0; index < shards_->count(); ++index) {
        const containers::Slab& slab = shards_->at(index).slab();
        sum.slack += static_cast<int64_t>(slab.reserved_bytes() - slab.used_bytes());
        const Partition* partition = shards_->at(index).find_database(0);
        if (partition == nullptr) continue;
        sum.entries += partition->entry_bytes();
        sum.index += static_cast<int64_t>(partition->index_bytes());
        sum.wheel += static_cast<int64_t>(partition->wheel_bytes());
    }
    return sum;
}

// --- time
// ---------------------------------------------------------------------------------------------

size_t Store::advance(size_t work_max) { return advance_to(shards_->now_ms(), work_max); }

size_t Store::advance_to(int64_t now_ms, size_t work_max) {
    size_t removed = 0;
    for (size_t step = 0; step < shards_->count() && work_max > 0; ++step) {
        Partition* partition = shards_->at(shards_->next_to_advance).find_database(0);
        if (partition != nullptr) {
            const size_t work =
                partition->expire_due(now_ms, work_max, [&](const Entry&) { ++removed; });
            if (work >= work_max) return removed;
            work_max -= work;
        }
        shards_->next_to_advance = (shards_->next_to_advance + 1) % shards_->count();
    }
    return removed;
}

int64_t Store::next_due_ms() const {
    int64_t due = kNoExpiry;
    for (size_t index = 0; index < shards_->count(); ++index) {
        due = std::min(due, shards_->at(index).next_due_ms());
    }
    return due;
}

}  // namespace gyre
