// SPDX-License-Identifier: BSD-3-Clause

// A partition against a map that does the same: every operation, values and keys of all sizes,
// deadlines, and the memory to the byte.

#include "store/partition.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "base/numbers.h"
#include "base/random.h"
#include "store/shard.h"
#include "support/seed.h"

namespace gyre::store {
namespace {

using base::Purpose;
using base::SharedBytes;
using base::SharedBytesRef;

constexpr int64_t kNow = 1'700'000'000'000;
constexpr int64_t kHour = 3'600'000;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kTick = containers::TimerWheel::kTickMs;

/// When the wheel fires at the latest.
int64_t tick_end(int64_t deadline_ms) { return ((deadline_ms >> 3) + 1) * kTick; }

std::string value_of(const Entry& entry) {
    if (entry.encoding() != Encoding::integer) return std::string(entry.bytes());
    char digits[base::kIntegerCharsMax];
    return {digits, base::write_integer(digits, entry.integer())};
}

/// What is in use for the three purposes that a partition has, since this object was made.
class UsedSince {
public:
    int64_t keyspace() const { return base::used(Purpose::keyspace) - keyspace_; }
    int64_t index() const { return base::used(Purpose::index) - index_; }
    int64_t wheel() const { return base::used(Purpose::wheel) - wheel_; }

private:
    int64_t keyspace_ = base::used(Purpose::keyspace);
    int64_t index_ = base::used(Purpose::index);
    int64_t wheel_ = base::used(Purpose::wheel);
};

/// One key as the model sees it.
struct Model {
    std::string value;
    int64_t expire_ms = kNoExpiry;
    int64_t timestamp_ms = kNoTimestamp;
    uint32_t access_word = 0;
};

/// A partition, the map beside it, and the operations on both.
class Pair {
public:
    explicit Pair(uint64_t seed) : random(seed) {
        shard.reclaimer = &reclaimer;
        for (size_t index = 0; index < 200; ++index) names_.push_back(make_name(index));
    }

    Partition& partition() { return shard.database(0, now_ms); }
    std::string draw_name() { return names_[random.below(names_.size())]; }
    std::string draw_bytes();
    int64_t draw_deadline();
    types::StringContent draw_content(std::string& bytes);
    void touch(const Key& key);

    void put();
    void change();
    void edit();
    void set_expiry();
    void set_timestamp();
    void copy();
    void erase();
    void hold();
    void expire();
    void step();
    void check();
    void check_memory();
    void check_scan();

    UsedSince used;
    base::Random random;
    int64_t now_ms = kNow;
    Reclaimer reclaimer;
    Shard shard{1, 1};
    std::map<std::string, Model> model;
    /// Values that are being sent while their keys change.
    std::vector<std::pair<SharedBytesRef, std::string>> held;

private:
    std::string make_name(size_t index);
    bool has(const std::string& name) const { return model.contains(name); }

    std::vector<std::string> names_;
};

std::string Pair::make_name(size_t index) {
    static constexpr size_t kBorders[] = {0, 1, 7, 8, 254, 255, 256, 1000};
    std::string name(index < std::size(kBorders) ? kBorders[index] : 3 + random.below(60), '\0');
    if (index % 10 == 9) name.resize(200 + random.below(800));
    for (char& letter : name) letter = static_cast<char>(random.next());
    if (name.size() >= 3) name.replace(0, 3, std::to_string(100 + index));
    return name;
}

std::string Pair::draw_bytes() {
    const uint64_t kind = random.below(100);
    size_t bytes = random.below(64);
    if (kind < 10) return std::to_string(static_cast<int64_t>(random.next()) >> random.below(64));
    if (kind < 30) bytes = random.below(700);
    if (kind < 12) bytes = 4090 + random.below(12);
    if (kind == 12) bytes = random.below(100'000);
    if (kind == 13) bytes = 0;
    std::string text(bytes, '\0');
    for (char& letter : text) letter = static_cast<char>(random.next());
    return text;
}

int64_t Pair::draw_deadline() {
    switch (random.below(10)) {
        case 0:
        case 1:
            return kNoExpiry;
        case 2:
            return now_ms - static_cast<int64_t>(random.below(100));
        case 3:
            return now_ms + static_cast<int64_t>(random.below(300 * kDay));
        case 4:
            return random.below(2) == 0 ? INT64_MAX - 1 - static_cast<int64_t>(random.below(20))
                                        : INT64_MIN + static_cast<int64_t>(random.below(20));
        default:
            return now_ms + static_cast<int64_t>(random.below(uint64_t{1} << random.below(18)));
    }
}

types::StringContent Pair::draw_content(std::string& bytes) {
    bytes = draw_bytes();
    if (bytes.size() > 16 && random.below(8) == 0) {
        SharedBytes* block = SharedBytes::create(bytes.size() + 5, Purpose::clients);
        bytes.copy(block->data(), bytes.size());
        block->set_size(bytes.size());
        return types::block_string(block);
    }
    if (random.below(4) == 0) return types::plain_string(bytes, random.below(2) == 0);
    return types::encode_string(bytes);
}

/// Sets the access word to something to be recognized.
void Pair::touch(const Key& key) {
    const auto word = static_cast<uint32_t>(random.next() & 0xFFFFFF);
    partition().find(key)->set_access_word(word);
    model[std::string(key.bytes)].access_word = word;
}

void Pair::put() {
    const std::string name = draw_name();
    const Key key = Key::of(name);
    std::string bytes;
    const types::StringContent content = draw_content(bytes);
    const int64_t deadline = draw_deadline();
    const int64_t stamp = random.below(3) == 0 ? now_ms : kNoTimestamp;
    shard.initial_access_word = static_cast<uint32_t>(random.next() & 0xFFFFFF);
    const uint32_t word = has(name) ? model[name].access_word : shard.initial_access_word;
    const Entry* entry =
        partition().put_string(key, partition().find(key), content, deadline, stamp);
    EXPECT_EQ(entry, partition().find(key));
    model[name] = {bytes, deadline, stamp, word};
}

void Pair::change() {
    const std::string name = draw_name();
    if (!has(name)) return;
    const Key key = Key::of(name);
    const auto content = draw_content(model[name].value);
    const Entry* entry = partition().change_string(key, partition().find(key), content);
    EXPECT_EQ(entry, partition().find(key));
}

void Pair::edit() {
    const std::string name = draw_name();
    if (!has(name)) return;
    const Key key = Key::of(name);
    std::string& value = model[name].value;
    size_t bytes = value.size() + random.below(100);
    if (random.below(3) == 0) bytes = random.below(5000);
    Entry* entry = partition().find(key);
    char* data = partition().edit_string(key, entry, bytes);
    EXPECT_EQ(entry, partition().find(key));
    EXPECT_EQ(entry->encoding(), Encoding::raw);
    value.resize(bytes, '\0');
    EXPECT_EQ(std::string_view(data, bytes), value);
    if (bytes == 0) return;
    const size_t place = random.below(bytes);
    data[place] = value[place] = static_cast<char>(random.next());
}

void Pair::set_expiry() {
    const std::string name = draw_name();
    if (!has(name)) return;
    const Key key = Key::of(name);
    model[name].expire_ms = draw_deadline();
    const Entry* entry = partition().set_expiry(key, partition().find(key), model[name].expire_ms);
    EXPECT_EQ(entry, partition().find(key));
}

void Pair::set_timestamp() {
    const std::string name = draw_name();
    if (!has(name)) return;
    const Key key = Key::of(name);
    model[name].timestamp_ms = static_cast<int64_t>(random.next());
    const Entry* entry =
        partition().set_timestamp(key, partition().find(key), model[name].timestamp_ms);
    EXPECT_EQ(entry, partition().find(key));
}

void Pair::copy() {
    const std::string from = draw_name();
    const std::string to = draw_name();
    if (!has(from) || has(to)) return;
    const Entry* source = partition().find(Key::of(from));
    const Entry* entry = partition().insert_copy(Key::of(to), *source);
    EXPECT_EQ(entry, partition().find(Key::of(to)));
    EXPECT_EQ(entry->encoding(), source->encoding());
    model[to] = model[from];
}

void Pair::erase() {
    const std::string name = draw_name();
    if (!has(name)) return;
    const Key key = Key::of(name);
    partition().erase(key, partition().find(key));
    EXPECT_EQ(partition().find(key), nullptr);
    model.erase(name);
}

/// Holds on to a value, as a reply does that is being sent, and lets another go.
void Pair::hold() {
    const std::string name = draw_name();
    if (has(name)) {
        const Entry* entry = partition().find(Key::of(name));
        if (entry->has(Entry::external)) {
            held.emplace_back(SharedBytesRef::share(entry->block()), std::string(entry->bytes()));
        }
    }
    if (held.size() < 8) return;
    EXPECT_EQ(held.front().first->view(), held.front().second);
    held.erase(held.begin());
}

void Pair::expire() {
    now_ms += static_cast<int64_t>(random.below(uint64_t{1} << random.below(12)));
    const bool is_bounded = random.below(2) == 0;
    const size_t budget = is_bounded ? 1 + random.below(20) : SIZE_MAX / 2;
    const size_t work = partition().expire_due(now_ms, budget, [&](const Entry& entry) {
        const auto found = model.find(std::string(entry.key()));
        ASSERT_NE(found, model.end());
        EXPECT_EQ(entry.expire_ms(), found->second.expire_ms);
        EXPECT_GT(now_ms, found->second.expire_ms) << "early";
        model.erase(found);
    });
    if (is_bounded) {
        EXPECT_LE(work, budget + 1);
        return;
    }
    // Tokens added with a past deadline while others were fired wait for the next call.
    partition().expire_due(now_ms, budget,
                           [&](const Entry& entry) { model.erase(std::string(entry.key())); });
    int64_t due = 0;
    for (const auto& [name, one] : model) {
        EXPECT_TRUE(one.expire_ms == kNoExpiry || one.expire_ms > now_ms ||
                    tick_end(one.expire_ms) > now_ms)
            << "late: " << now_ms - one.expire_ms;
        due += one.expire_ms < now_ms;
    }
    EXPECT_EQ(partition().backlog(now_ms), due) << "of the tick that is not over";
}

void Pair::step() {
    switch (random.below(12)) {
        case 0:
        case 1:
        case 2:
            return put();
        case 3:
            return change();
        case 4:
            return edit();
        case 5:
        case 6:
            return set_expiry();
        case 7:
            return set_timestamp();
        case 8:
            return copy();
        case 9:
            return erase();
        case 10:
            return hold();
        default:
            return expire();
    }
}

void Pair::check_memory() {
    reclaimer.run();
    int64_t bytes = 0;
    int64_t in_use = 0;
    std::set<const SharedBytes*> blocks;
    const auto add_block = [&](const SharedBytes* block) {
        if (blocks.insert(block).second) in_use += static_cast<int64_t>(block->footprint());
    };
    partition().for_each([&](const Entry& entry) {
        const auto footprint = static_cast<int64_t>(Partition::footprint(entry));
        bytes += footprint;
        in_use += footprint;
        if (!entry.has(Entry::external)) return;
        in_use -= static_cast<int64_t>(entry.block()->footprint());
        add_block(entry.block());
    });
    for (const auto& [block, expected] : held) add_block(block.get());
    EXPECT_EQ(partition().entry_bytes(), bytes);
    EXPECT_EQ(used.keyspace(), in_use);
    EXPECT_EQ(used.index(), static_cast<int64_t>(partition().index_bytes()));
    EXPECT_EQ(used.wheel(), static_cast<int64_t>(partition().wheel_bytes()));
}

void Pair::check_scan() {
    std::multiset<std::string> seen;
    uint64_t cursor = 0;
    do {
        cursor = partition().scan(cursor, [&](const Entry& entry) { seen.emplace(entry.key()); });
    } while (cursor != 0);
    EXPECT_EQ(seen.size(), model.size());
    for (const auto& [name, one] : model) EXPECT_EQ(seen.count(name), 1U);
}

void Pair::check() {
    ASSERT_EQ(partition().size(), model.size());
    size_t expiring = 0;
    double sum = 0;
    for (const auto& [name, one] : model) {
        const Entry* entry = partition().find(Key::of(name));
        ASSERT_NE(entry, nullptr);
        EXPECT_EQ(entry->key(), name);
        EXPECT_EQ(entry->type(), Type::string);
        EXPECT_EQ(value_of(*entry), one.value);
        EXPECT_EQ(entry->expire_ms(), one.expire_ms);
        EXPECT_EQ(entry->timestamp_ms(), one.timestamp_ms);
        EXPECT_EQ(entry->access_word(), one.access_word);
        expiring += one.expire_ms != kNoExpiry;
        if (one.expire_ms != kNoExpiry) sum += static_cast<double>(one.expire_ms);
    }
    EXPECT_EQ(partition().with_expiry(), expiring);
    // Deadlines at the ends of int64 leave nothing of the others' digits.
    EXPECT_NEAR(partition().deadline_sum_ms(), sum, 1e9);
    check_memory();
    check_scan();
}

TEST(Partition, does_what_a_map_does) {
    SCOPED_TRACE(seed_note());
    for (uint64_t run = 0; run < 30 && !testing::Test::HasFailure(); ++run) {
        SCOPED_TRACE("run " + std::to_string(run));
        Pair pair(test_seed() + run);
        for (int step = 0; step < 3000 && !testing::Test::HasFailure(); ++step) {
            pair.step();
            if (pair.random.below(8) == 0) {
                const std::string name = pair.draw_name();
                if (pair.model.contains(name)) pair.touch(Key::of(name));
            }
            if (step % 100 == 0) pair.check();
        }
        pair.check();
        for (const auto& [block, expected] : pair.held) EXPECT_EQ(block->view(), expected);
    }
}

TEST(Partition, gives_all_memory_back_when_everything_is_erased) {
    SCOPED_TRACE(seed_note());
    Pair pair(test_seed() + 100);
    for (int step = 0; step < 2000; ++step) pair.step();
    for (const auto& [name, one] : pair.model) {
        const Key key = Key::of(name);
        pair.partition().erase(key, pair.partition().find(key));
    }
    pair.model.clear();
    pair.held.clear();
    pair.check();
    EXPECT_EQ(pair.partition().entry_bytes(), 0);
    EXPECT_EQ(pair.used.keyspace(), 0);
    EXPECT_EQ(pair.used.index(), 0);
    EXPECT_EQ(pair.shard.slab().used_bytes(), 0U);
    // The tokens of erased keys stay until they fire, or too many are stale.
    EXPECT_LT(pair.used.wheel(), 64 * 1024);
    pair.shard.detach_database(0);
    while (!pair.shard.drain(10)) {
    }
    EXPECT_EQ(pair.used.wheel(), 0);
}

TEST(Partition, gives_all_memory_back_when_it_is_destroyed) {
    SCOPED_TRACE(seed_note());
    const UsedSince used;
    {
        Pair pair(test_seed() + 200);
        for (int step = 0; step < 2000; ++step) pair.step();
        pair.held.clear();
    }
    EXPECT_EQ(used.keyspace(), 0);
    EXPECT_EQ(used.index(), 0);
    EXPECT_EQ(used.wheel(), 0);
}

TEST(Partition, gives_all_memory_back_when_it_is_drained) {
    SCOPED_TRACE(seed_note());
    Pair pair(test_seed() + 300);
    for (int step = 0; step < 2000; ++step) pair.step();
    pair.held.clear();
    pair.shard.detach_database(0);
    while (!pair.shard.drain(7)) pair.reclaimer.run();
    pair.reclaimer.run();
    EXPECT_EQ(pair.used.keyspace(), 0);
    EXPECT_EQ(pair.used.index(), 0);
    EXPECT_EQ(pair.used.wheel(), 0);
    EXPECT_EQ(pair.shard.slab().used_bytes(), 0U);
}

// --- strings ------------------------------------------------------------------------------------

class PartitionTest : public testing::Test {
protected:
    PartitionTest() { shard_.reclaimer = &reclaimer_; }
    Partition& partition() { return shard_.database(0, kNow); }
    Entry* put(const std::string& name, std::string_view value, int64_t expire_ms = kNoExpiry) {
        const Key key = Key::of(name);
        return partition().put_string(key, partition().find(key), types::encode_string(value),
                                      expire_ms, kNoTimestamp);
    }
    Entry* find(const std::string& name) { return partition().find(Key::of(name)); }
    void set_expiry(const std::string& name, int64_t expire_ms) {
        partition().set_expiry(Key::of(name), find(name), expire_ms);
    }
    size_t expire(int64_t now_ms) {
        size_t removed = 0;
        partition().expire_due(now_ms, SIZE_MAX / 2, [&](const Entry& entry) {
            EXPECT_TRUE(entry.is_expired(now_ms)) << "early";
            ++removed;
        });
        return removed;
    }

    Reclaimer reclaimer_;
    Shard shard_{1, 1};
};

TEST_F(PartitionTest, encodings_are_those_of_redis) {
    EXPECT_EQ(put("a", "12")->encoding(), Encoding::integer);
    EXPECT_EQ(put("a", "012")->encoding(), Encoding::embstr);
    EXPECT_EQ(put("a", std::string(44, 'x'))->encoding(), Encoding::embstr);
    EXPECT_EQ(put("a", std::string(45, 'x'))->encoding(), Encoding::raw);
    EXPECT_EQ(put("a", "")->encoding(), Encoding::embstr);
    EXPECT_FALSE(put("a", std::string(4096, 'x'))->has(Entry::external));
    EXPECT_TRUE(put("a", std::string(4097, 'x'))->has(Entry::external));
    EXPECT_FALSE(put("a", "short again")->has(Entry::external));
}

TEST_F(PartitionTest, a_string_without_an_address_is_empty) {
    const Key key = Key::of("a");
    Entry* entry = partition().put_string(key, nullptr, types::plain_string({}, true), kNoExpiry,
                                          kNoTimestamp);
    EXPECT_EQ(entry->bytes(), "");
    EXPECT_EQ(entry->encoding(), Encoding::raw);
}

TEST_F(PartitionTest, appending_is_amortized) {
    const Key key = Key::of("log");
    Entry* entry = put("log", std::string(5000, 'x'));
    size_t moves = 0;
    const char* place = entry->bytes().data();
    for (size_t bytes = 5001; bytes <= 50'000; ++bytes) {
        const char* data = partition().edit_string(key, entry, bytes);
        moves += data != place;
        place = data;
    }
    EXPECT_LE(moves, 15U);
    EXPECT_EQ(entry->bytes().size(), 50'000U);
}

TEST_F(PartitionTest, appending_to_a_large_value_is_amortized_too) {
    constexpr size_t kStart = 8 << 20;
    constexpr size_t kEnd = 64 << 20;
    constexpr size_t kStep = 100'000;
    const Key key = Key::of("log");
    Entry* entry = put("log", std::string(kStart, 'x'));
    EXPECT_EQ(entry->block()->capacity(), kStart) << "nothing to spare before it grows";
    size_t grown = 0;
    size_t bytes = kStart;
    while (bytes < kEnd) {
        const size_t capacity = entry->block()->capacity();
        bytes += kStep;
        partition().edit_string(key, entry, bytes)[bytes - 1] = 'y';
        grown += entry->block()->capacity() != capacity;
        ASSERT_LE(entry->block()->capacity(), bytes + bytes / 8 + kStep);
    }
    EXPECT_LE(grown, 20U) << "ln 8 / ln 9/8 is 18";
    EXPECT_EQ(entry->bytes().size(), bytes);
    EXPECT_EQ(entry->bytes()[kStart - 1], 'x');
    EXPECT_EQ(entry->bytes()[kStart], '\0');
    EXPECT_EQ(entry->bytes()[kStart + kStep - 1], 'y');
    EXPECT_EQ(partition().entry_bytes(), static_cast<int64_t>(Partition::footprint(*entry)));
    EXPECT_TRUE(reclaimer_.empty()) << "it was made larger, not copied";
}

TEST_F(PartitionTest, a_value_that_is_made_large_at_once_has_nothing_to_spare) {
    Entry* entry = put("bits", "x");
    partition().edit_string(Key::of("bits"), entry, 1 << 20)[0] = 'y';
    EXPECT_EQ(entry->block()->capacity(), size_t{1} << 20);
}

TEST_F(PartitionTest, a_short_value_grows_where_it_lies_while_its_memory_has_room) {
    Entry* entry = put("a", std::string(50, 'x'), kNow + kHour);
    const int64_t counted = partition().entry_bytes();
    const char* place = entry->bytes().data();
    const size_t room = containers::Slab::class_bytes(entry->size()) - entry->size();
    ASSERT_GT(room, 0U);
    partition().edit_string(Key::of("a"), entry, 50 + room);
    EXPECT_EQ(entry->bytes().data(), place);
    EXPECT_EQ(entry->bytes(), std::string(50, 'x') + std::string(room, '\0'));
    EXPECT_EQ(entry->encoding(), Encoding::raw);
    EXPECT_EQ(entry->expire_ms(), kNow + kHour);
    EXPECT_EQ(partition().entry_bytes(), counted);
    partition().edit_string(Key::of("a"), entry, 51 + room);
    EXPECT_EQ(entry->bytes(), std::string(50, 'x') + std::string(room + 1, '\0'));
    EXPECT_GT(partition().entry_bytes(), counted);
}

TEST_F(PartitionTest, a_value_being_sent_is_not_changed) {
    Entry* entry = put("a", std::string(10'000, 'x'));
    const SharedBytesRef sent = SharedBytesRef::share(entry->block());
    partition().edit_string(Key::of("a"), entry, 10'001)[0] = 'y';
    EXPECT_EQ(sent->view(), std::string(10'000, 'x'));
    EXPECT_EQ(entry->bytes()[0], 'y');
    partition().erase(Key::of("a"), entry);
    EXPECT_EQ(sent->view(), std::string(10'000, 'x'));
}

TEST_F(PartitionTest, a_copy_shares_a_large_value_until_one_changes) {
    Entry* source = put("a", std::string(10'000, 'x'));
    Entry* copy = partition().insert_copy(Key::of("b"), *source);
    EXPECT_EQ(copy->block(), source->block());
    partition().edit_string(Key::of("b"), copy, 10'000)[5] = 'y';
    EXPECT_NE(copy->block(), source->block());
    EXPECT_EQ(find("a")->bytes(), std::string(10'000, 'x'));
}

// --- time ---------------------------------------------------------------------------------------

TEST_F(PartitionTest, a_key_goes_with_the_tick_of_its_deadline) {
    for (const int64_t delay : {0L, 1L, 7L, 8L, 100L, 511L, 513L, 40'000L, 3'000'000L,
                                int64_t{2} * kDay, int64_t{120} * kDay}) {
        SCOPED_TRACE(delay);
        Shard shard(1, 1);
        Partition& one = shard.database(0, kNow);
        const int64_t deadline = kNow + delay;
        one.put_string(Key::of("a"), nullptr, types::plain_string("v"), deadline, kNoTimestamp);
        const auto count = [&](int64_t now_ms) {
            const size_t before = one.size();
            one.expire_due(now_ms, 1000, [](const Entry&) {});
            return before - one.size();
        };
        EXPECT_EQ(count(deadline), 0U);
        EXPECT_EQ(count(tick_end(deadline) - 1), 0U);
        EXPECT_LE(one.next_due_ms(), tick_end(deadline));
        EXPECT_EQ(count(tick_end(deadline)), 1U);
        EXPECT_EQ(one.wheel_bytes(), 0U);
    }
}

TEST_F(PartitionTest, a_deadline_that_is_moved_counts_from_then_on) {
    put("later", "v", kNow + 100);
    set_expiry("later", kNow + 5000);
    put("sooner", "v", kNow + 5000);
    set_expiry("sooner", kNow + 100);
    put("never", "v", kNow + 100);
    set_expiry("never", kNoExpiry);
    put("again", "v", kNow + 5000);
    set_expiry("again", kNoExpiry);
    set_expiry("again", kNow + 100);
    put("overwritten", "v", kNow + 100);
    put("overwritten", "v");
    EXPECT_EQ(partition().with_expiry(), 3U);
    EXPECT_EQ(expire(kNow + 200), 2U);
    EXPECT_EQ(find("sooner"), nullptr);
    EXPECT_EQ(find("again"), nullptr);
    EXPECT_EQ(expire(tick_end(kNow + 5000) - 1), 0U);
    EXPECT_EQ(expire(tick_end(kNow + 5000)), 1U);
    EXPECT_EQ(find("later"), nullptr);
    EXPECT_NE(find("never"), nullptr);
    EXPECT_NE(find("overwritten"), nullptr);
}

TEST_F(PartitionTest, the_budget_is_kept_and_nothing_is_lost) {
    for (int index = 0; index < 10'000; ++index)
        put("key:" + std::to_string(index), "v", kNow + 50);
    const int64_t now_ms = kNow + 100;
    EXPECT_EQ(partition().backlog(kNow + 50), 0);
    size_t calls = 0;
    while (partition().size() > 0) {
        EXPECT_EQ(partition().backlog(now_ms), static_cast<int64_t>(partition().size()));
        EXPECT_LE(partition().next_due_ms(), now_ms);
        ASSERT_LE(partition().expire_due(now_ms, 100, [](const Entry&) {}), 101U);
        ASSERT_LT(++calls, 500U);
    }
    EXPECT_GE(calls, 100U);
    EXPECT_EQ(partition().backlog(now_ms), 0);
}

// What the wheel has not heard of: keys that went, that stay for ever or for longer, that have more
// than one token, and those whose tick is not over.
TEST_F(PartitionTest, the_backlog_is_of_keys_that_are_here_and_past_their_deadline) {
    for (int index = 0; index < 10; ++index) {
        const std::string name = "key:" + std::to_string(index);
        put(name, "v", kNow + 5'000);
        put(name, "v", kNow + 1'000);
    }
    EXPECT_EQ(partition().backlog(kNow + 1'000), 0);
    EXPECT_EQ(partition().backlog(kNow + 1'001), 10);
    EXPECT_EQ(partition().backlog(kNow + 6'000), 10) << "two tokens each";
    size_t lookups = 2;
    EXPECT_GE(partition().backlog(kNow + 6'000, lookups), 19) << "18 tokens not looked up";
    put("key:1", "v", kNoExpiry);
    put("key:2", "v", kNow + 3'000);
    partition().erase(Key::of("key:3"), find("key:3"));
    EXPECT_EQ(partition().backlog(kNow + 1'500), 7);
    EXPECT_EQ(partition().backlog(kNow + 3'001), 8);
    partition().expire_due(kNow + 3'100, 1'000'000, [](const Entry&) {});
    EXPECT_EQ(partition().backlog(kNow + 3'100), 0);
    EXPECT_EQ(partition().size(), 1U);
}

TEST_F(PartitionTest, the_backlog_is_exact_before_the_wheel_has_been_moved) {
    for (int index = 0; index < 1000; ++index) {
        put("key:" + std::to_string(index), "v", kNow + 30'000 + index % 3);
        put("later:" + std::to_string(index), "v", kNow + 30'100);
    }
    EXPECT_EQ(partition().backlog(kNow + 30'020), 1000);
    size_t lookups = 300;
    EXPECT_EQ(partition().backlog(kNow + 30'020, lookups), 1000) << "with no stale token, exact";
    EXPECT_EQ(lookups, 0U);
    partition().expire_due(kNow + 30'020, 300, [](const Entry&) {});
    EXPECT_EQ(partition().backlog(kNow + 30'020), static_cast<int64_t>(partition().size()) - 1000);
}

/// Bytes that a wheel of one key may take: twice the tokens at which it is rebuilt, and its slots.
constexpr size_t kWheelBytesMax =
    3 * 8 * (Partition::kTokensSlack + 64) + 2 * containers::TimerWheel::kLevels * 64 * 8 + 8192;

TEST_F(PartitionTest, moving_one_deadline_a_million_times_keeps_the_wheel_small) {
    for (int index = 0; index < 200; ++index) put("other:" + std::to_string(index), "v");
    put("a", "v", kNow + kHour);
    size_t most = 0;
    int64_t deadline = 0;
    for (int round = 0; round < 1'000'000; ++round) {
        deadline = kNow + kHour / (1 + round % 2) - round % 1009 * 60;
        set_expiry("a", deadline);
        if (round % 64 == 0) most = std::max(most, partition().wheel_bytes());
    }
    EXPECT_LE(most, kWheelBytesMax);
    EXPECT_EQ(expire(deadline), 0U);
    EXPECT_EQ(expire(tick_end(deadline)), 1U);
}

TEST_F(PartitionTest, removing_and_setting_a_deadline_keeps_the_wheel_small) {
    put("a", "v");
    size_t most = 0;
    for (int round = 0; round < 200'000; ++round) {
        set_expiry("a", kNow + kHour + round);
        set_expiry("a", kNoExpiry);
        if (round % 50 == 0) expire(kNow + round / 50);
        most = std::max(most, partition().wheel_bytes());
    }
    EXPECT_LE(most, kWheelBytesMax);
    EXPECT_EQ(expire(kNow + kDay), 0U);
    EXPECT_NE(find("a"), nullptr);
    EXPECT_EQ(partition().wheel_bytes(), 0U);
}

TEST_F(PartitionTest, tokens_of_keys_that_went_do_not_stay) {
    for (int index = 0; index < 20'000; ++index) {
        put("key:" + std::to_string(index), "v", kNow + kDay);
    }
    const size_t full = partition().wheel_bytes();
    for (int index = 0; index < 20'000; ++index) {
        const std::string name = "key:" + std::to_string(index);
        if (index % 2 == 0) {
            partition().erase(Key::of(name), find(name));
        } else {
            put(name, "without");
        }
    }
    expire(kNow + 1);
    expire(kNow + 2);
    EXPECT_LT(partition().wheel_bytes(), full / 8);
    EXPECT_EQ(partition().size(), 10'000U);
}

// A rebuild goes on while keys come, go and change; and it wants to be called until it is done.
TEST_F(PartitionTest, a_rebuild_loses_no_deadline) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    std::map<std::string, int64_t> deadlines;
    int64_t now_ms = kNow;
    size_t rebuilds = 0;
    const auto on_expired = [&](const Entry& entry) {
        const auto found = deadlines.find(std::string(entry.key()));
        ASSERT_NE(found, deadlines.end());
        EXPECT_GT(now_ms, found->second) << "early";
        deadlines.erase(found);
    };
    for (int round = 0; round < 60'000; ++round) {
        const std::string name = "key:" + std::to_string(random.below(3000));
        const bool is_short = random.below(10) == 0;
        const int64_t delay = 1 + static_cast<int64_t>(random.below(is_short ? 3000 : 50'000));
        put(name, "v", now_ms + delay);
        deadlines[name] = now_ms + delay;
        if (random.below(20) != 0) continue;
        ++now_ms;
        shard_.next_due_hint_ms = INT64_MAX;
        for (const DueHint hint :
             {DueHint::slots, DueHint::chunks, DueHint::buckets, DueHint::entries}) {
            partition().hint_due(now_ms, hint);
        }
        partition().expire_due(now_ms, 16, on_expired);
        rebuilds += partition().next_due_ms() == 0;
    }
    EXPECT_GT(rebuilds, 10U);
    for (int step = 0; step < 200; ++step) {
        now_ms += 300;
        while (partition().next_due_ms() <= now_ms) {
            partition().expire_due(now_ms, 1000, on_expired);
        }
        for (const auto& [name, deadline] : deadlines)
            EXPECT_GT(tick_end(deadline), now_ms) << name;
        EXPECT_EQ(partition().size(), deadlines.size());
    }
    EXPECT_EQ(partition().size(), 0U);
    EXPECT_EQ(partition().wheel_bytes(), 0U);
}

TEST_F(PartitionTest, a_rebuild_asks_to_be_called) {
    put("a", "v", kNow + 2 * kHour);
    for (int index = 0; index < 2000; ++index) put("other:" + std::to_string(index), "v");
    shard_.next_due_hint_ms = INT64_MAX;
    int64_t deadline = kNow + 2 * kHour;
    while (partition().next_due_ms() != 0) set_expiry("a", --deadline);
    EXPECT_LE(shard_.next_due_hint_ms, kNow);
    size_t calls = 0;
    while (partition().next_due_ms() == 0) {
        expire(kNow + 1);
        ASSERT_LT(++calls, 100U);
    }
}

// A rebuild goes through all keys: it must not be the few with a deadline alone that set it off.
TEST_F(PartitionTest, stale_tokens_are_borne_in_proportion_to_the_keys) {
    constexpr size_t kKeys = 80'000;
    constexpr size_t kStaleMax = kKeys / Partition::kKeysPerStaleToken;
    for (size_t index = 0; index < kKeys; ++index) put("plain:" + std::to_string(index), "v");
    size_t stale = 0;
    while (partition().next_due_ms() != 0) {
        put("session", "v", kNow + kHour);
        partition().erase(Key::of("session"), find("session"));
        ++stale;
        ASSERT_LE(stale, kStaleMax + 2);
    }
    EXPECT_GE(stale, kStaleMax);
}

TEST_F(PartitionTest, a_replaced_wheel_is_freed_in_slices) {
    constexpr size_t kBudget = 64;
    constexpr size_t kSliceBytesMax = (kBudget + 1) * 528 + containers::TimerWheel::kLevels * 528;
    for (int index = 0; index < 100'000; ++index) {
        put("key:" + std::to_string(index), "v", kNow + kDay + index);
    }
    int erased = 0;
    for (; partition().next_due_ms() != 0; ++erased) {
        ASSERT_LT(erased, 90'000);
        const std::string name = "key:" + std::to_string(erased);
        partition().erase(Key::of(name), find(name));
    }
    size_t calls = 0;
    while (partition().next_due_ms() == 0) {
        const size_t bytes = partition().wheel_bytes();
        const size_t work = partition().expire_due(kNow + 1, kBudget, [](const Entry&) {});
        ASSERT_LE(work, kBudget + 1);
        if (bytes > partition().wheel_bytes()) {
            ASSERT_LE(bytes - partition().wheel_bytes(), kSliceBytesMax);
        }
        ASSERT_LT(++calls, 10'000U);
    }
    EXPECT_GT(calls, 100U);
    EXPECT_LT(partition().wheel_bytes(), 60'000U * 10);
    EXPECT_EQ(partition().with_expiry(), static_cast<size_t>(100'000 - erased));
}

// Two keys with the same tag in one chain: the token of one must not breed tokens for the other.
TEST_F(PartitionTest, tokens_do_not_multiply_when_tags_agree) {
    std::map<uint64_t, std::string> tags;
    std::pair<std::string, std::string> names;
    for (int index = 0; names.first.empty(); ++index) {
        const std::string name = "key:" + std::to_string(index);
        const auto [one, is_new] = tags.emplace(base::hash_bytes(name) >> 24 & 0xFFFF, name);
        if (!is_new) names = {one->second, name};
    }
    int64_t now_ms = kNow;
    for (int round = 0; round < 2000; ++round) {
        // Sessions that are kept alive: the deadline moves on before it comes.
        put(names.first, "v", now_ms + 50);
        put(names.second, "v", now_ms + 50);
        now_ms += 40;
        ASSERT_EQ(expire(now_ms), 0U);
        ASSERT_LE(partition().wheel_bytes(), 4096U) << round;
    }
    EXPECT_EQ(expire(now_ms + 100), 2U);
}

TEST_F(PartitionTest, a_clock_set_back_makes_nothing_early_and_nothing_stay) {
    put("far", "v", kNow + 10 * kDay);
    EXPECT_EQ(expire(kNow + 5 * kDay), 0U);
    const int64_t now_ms = kNow + 4 * kDay;
    put("soon", "v", now_ms + 1000);
    put("later", "v", now_ms + 2 * kHour);
    EXPECT_LE(shard_.next_due_hint_ms, now_ms + 1001);
    EXPECT_EQ(expire(now_ms + 900), 0U);
    EXPECT_EQ(partition().size(), 3U);
    EXPECT_EQ(expire(now_ms + 1100) + expire(now_ms + 1100), 1U);
    EXPECT_EQ(find("soon"), nullptr);
    EXPECT_EQ(expire(tick_end(now_ms + 2 * kHour) - 1), 0U);
    EXPECT_EQ(expire(tick_end(now_ms + 2 * kHour)), 1U);
    EXPECT_EQ(expire(tick_end(kNow + 10 * kDay)), 1U);
    EXPECT_EQ(partition().wheel_bytes(), 0U);
}

TEST_F(PartitionTest, a_clock_that_trembles_makes_nothing_early) {
    EXPECT_EQ(expire(kNow + 1000), 0U);
    put("warm", "v", kNow + 1);
    EXPECT_EQ(expire(kNow + 1008), 1U);
    put("a", "v", kNow + 800);
    EXPECT_EQ(expire(kNow + 700), 0U);
    EXPECT_EQ(expire(kNow + 800), 0U);
    EXPECT_NE(find("a"), nullptr);
    EXPECT_EQ(expire(kNow + 1009), 1U);
}

// --- collisions ---------------------------------------------------------------------------------

/// Names whose hashes agree in the low bits: in a table as small as theirs they share one chain.
std::vector<std::string> colliding_names(size_t count) {
    std::vector<std::string> names;
    for (int index = 0; names.size() < count; ++index) {
        std::string name = "name:" + std::to_string(index);
        if ((base::hash_bytes(name) & 63) == 17) names.push_back(std::move(name));
    }
    return names;
}

TEST_F(PartitionTest, random_keys_need_no_defence) {
    for (int index = 0; index < 100'000; ++index) put("key:" + std::to_string(index), "");
    EXPECT_FALSE(partition().is_defended());
    EXPECT_EQ(shard_.statistics.index_defences, 0U);
}

TEST_F(PartitionTest, keys_that_collide_change_the_hash_function_and_lose_nothing) {
    const UsedSince used;
    const std::vector<std::string> names = colliding_names(300);
    size_t inserted = 0;
    while (!partition().is_defended() && inserted < names.size()) {
        put(names[inserted], std::to_string(inserted), kNow + 100 + static_cast<int64_t>(inserted));
        ++inserted;
    }
    ASSERT_TRUE(partition().is_defended());
    EXPECT_GT(inserted, Partition::kChainBucketsMax * 7);
    EXPECT_LT(inserted, names.size());
    EXPECT_EQ(shard_.statistics.index_defences, 1U);
    for (; inserted < names.size(); ++inserted) {
        put(names[inserted], std::to_string(inserted), kNow + 100 + static_cast<int64_t>(inserted));
    }
    EXPECT_EQ(shard_.statistics.index_defences, 1U);
    EXPECT_EQ(partition().with_expiry(), names.size());
    for (size_t index = 0; index < names.size(); ++index) {
        const Entry* entry = find(names[index]);
        ASSERT_NE(entry, nullptr) << names[index];
        EXPECT_EQ(value_of(*entry), std::to_string(index));
    }
    // Each goes with its tick, those from before the change too.
    for (size_t index = 0; index < names.size(); ++index) {
        expire(tick_end(kNow + 100 + static_cast<int64_t>(index)));
        ASSERT_EQ(find(names[index]), nullptr) << index;
        EXPECT_TRUE(index + 8 >= names.size() || find(names[index + 8]) != nullptr);
    }
    EXPECT_EQ(partition().size(), 0U);
    EXPECT_EQ(used.keyspace(), 0);
    EXPECT_EQ(used.index(), 0);
    EXPECT_EQ(used.wheel(), 0);
}

TEST_F(PartitionTest, every_operation_works_on_a_defended_partition) {
    const std::vector<std::string> names = colliding_names(200);
    for (const std::string& name : names) put(name, "value of " + name);
    ASSERT_TRUE(partition().is_defended());
    for (size_t index = 0; index < names.size(); ++index) {
        const Key key = Key::of(names[index]);
        Entry* entry = partition().find(key);
        entry = partition().set_expiry(key, entry, kNow + 1000);
        entry = partition().set_timestamp(key, entry, kNow);
        const size_t bytes = entry->bytes().size() + 200 * (index % 40);
        partition().edit_string(key, entry, bytes)[0] = 'V';
        EXPECT_EQ(entry, partition().find(key));
        EXPECT_EQ(entry->expire_ms(), kNow + 1000);
        const std::string copied = "copy of " + names[index];
        partition().insert_copy(Key::of(copied), *entry);
        if (index % 3 == 0) partition().erase(key, entry);
        EXPECT_EQ(find(copied)->bytes().substr(0, 9), "Value of ");
    }
    base::Random random(1);
    EXPECT_NE(partition().random(random), nullptr);
    EXPECT_EQ(partition().size(), 2 * names.size() - (names.size() + 2) / 3);
    EXPECT_EQ(expire(kNow + 1010), 2 * names.size() - (names.size() + 2) / 3);
}

TEST_F(PartitionTest, a_copy_that_sets_off_the_defence_is_there_afterwards) {
    const std::vector<std::string> names = colliding_names(300);
    const Entry* source = put("source", std::string(10'000, 's'), kNow + 500);
    for (const std::string& name : names) {
        partition().insert_copy(Key::of(name), *source);
        ASSERT_NE(find(name), nullptr);
        ASSERT_EQ(find(name)->bytes().size(), 10'000U);
    }
    ASSERT_TRUE(partition().is_defended());
    EXPECT_EQ(expire(kNow + 600), names.size() + 1);
}

// --- drawing ------------------------------------------------------------------------------------

TEST_F(PartitionTest, random_keys_come_from_everywhere) {
    base::Random random(3);
    EXPECT_EQ(partition().random(random), nullptr);
    for (int index = 0; index < 100; ++index) put("key:" + std::to_string(index), "v");
    std::set<std::string> drawn;
    std::set<std::string> sampled;
    for (int round = 0; round < 5000; ++round) {
        drawn.emplace(partition().random(random)->key());
        EntryRef found[5];
        ASSERT_EQ(partition().sample(random, found, 5), 5U);
        for (const EntryRef one : found) sampled.emplace(one->key());
    }
    EXPECT_EQ(drawn.size(), 100U);
    EXPECT_EQ(sampled.size(), 100U);
}

}  // namespace
}  // namespace gyre::store
