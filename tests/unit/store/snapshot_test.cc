// SPDX-License-Identifier: BSD-3-Clause

// Goal: a snapshot of a shard is told every entry that was there when it began, once, as it was
// then, whatever is done to the shard while it is walked. Method: random operations of every kind
// with a model beside them; the model as it was when the snapshot began is what must be told.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/numbers.h"
#include "base/random.h"
#include "store/shard.h"
#include "support/seed.h"

namespace gyre::store {
namespace {

constexpr int64_t kNow = 1'700'000'000'000;
constexpr size_t kDatabases = 3;

struct Told {
    std::string value;
    int64_t expire_ms = kNoExpiry;
    int64_t timestamp_ms = kNoTimestamp;
    bool operator==(const Told&) const = default;
};
void PrintTo(const Told& told, std::ostream* out) {
    *out << base::quote(told.value.substr(0, 40)) << " at " << told.expire_ms << " of "
         << told.timestamp_ms;
}
using Content = std::map<std::pair<size_t, std::string>, Told>;

std::string text_of(const Entry& entry) {
    if (entry.encoding() == Encoding::integer) return std::to_string(entry.integer());
    return std::string(entry.bytes());
}

class Recorder final : public EntrySaver {
public:
    bool save(size_t database, const Entry& entry, Pace /*pace*/) override {
        const bool is_new =
            content
                .emplace(std::pair(database, std::string(entry.key())),
                         Told{text_of(entry), entry.expire_ms(), entry.timestamp_ms()})
                .second;
        EXPECT_TRUE(is_new) << "told twice: " << entry.key();
        return true;
    }
    Content content;
};

class SnapshotTest : public testing::Test {
protected:
    SnapshotTest() : shard_(kDatabases, test_seed()), random_(test_seed()) {}

    std::string random_key() { return "k" + std::to_string(random_.below(keys_)); }
    std::string random_value() {
        switch (random_.below(6)) {
            case 0:
                return std::to_string(random_.below(1000));
            case 1:
                return std::string(4000 + random_.below(5000), 'l');
            default:
                return std::string(random_.below(90), static_cast<char>('a' + random_.below(26)));
        }
    }
    Partition& database(size_t index) { return shard_.database(index, kNow); }

    void put(size_t index, const std::string& name) {
        const Key key = Key::of(name);
        const std::string value = random_value();
        const int64_t expire_ms = random_.below(3) == 0 ? kNow + 100'000 : kNoExpiry;
        const int64_t stamp = random_.below(4) == 0 ? kNow : kNoTimestamp;
        Partition& partition = database(index);
        partition.put_string(key, partition.find(key), types::encode_string(value), expire_ms,
                             stamp);
        model_[{index, name}] = {value, expire_ms, stamp};
    }

    void change(size_t index, const std::string& name) {
        const Key key = Key::of(name);
        Partition& partition = database(index);
        Entry* entry = partition.find(key);
        if (entry == nullptr) return put(index, name);
        Told& told = model_[{index, name}];
        switch (random_.below(7)) {
            case 0:
                partition.erase(key, entry);
                model_.erase({index, name});
                return;
            case 1: {
                const size_t bytes = told.value.size() + random_.below(3000);
                char* value = partition.edit_string(key, entry, bytes);
                told.value.resize(bytes, '\0');
                if (bytes > 0) value[0] = told.value[0] = '#';
                return;
            }
            case 2:
                told.expire_ms = random_.below(3) == 0 ? kNoExpiry : kNow + 5000 + random_.below(9);
                partition.set_expiry(key, entry, told.expire_ms);
                return;
            case 3:
                told.timestamp_ms = kNow + static_cast<int64_t>(random_.below(50));
                partition.set_timestamp(key, entry, told.timestamp_ms);
                return;
            case 4:
                told.value = std::to_string(random_.below(100));
                partition.change_string(key, entry, types::encode_string(told.value));
                return;
            case 5:
                return move(index, name);
            default:
                return put(index, name);
        }
    }

    void move(size_t index, const std::string& name) {
        const size_t other = (index + 1) % kDatabases;
        const std::string target = name + "x";
        const Key key = Key::of(target);
        const Key source_key = Key::of(name);
        if (database(other).find(key) != nullptr) return;
        Entry* source = database(index).find(source_key);
        model_[{other, target}] = model_[{index, name}];
        if (random_.below(2) == 0) {
            database(other).insert_copy(key, *source);
            return;
        }
        database(other).insert_moved(key, database(index), source_key, source);
        model_.erase({index, name});
    }

    void step() {
        const size_t index = random_.below(kDatabases);
        const size_t kind = random_.below(1000);
        if (kind < 2) {
            shard_.swap_databases(0, index);
            Content swapped;
            for (auto& [place, told] : model_) {
                const size_t database = place.first == 0       ? index
                                        : place.first == index ? 0
                                                               : place.first;
                swapped[{database, place.second}] = told;
            }
            model_ = std::move(swapped);
        } else if (kind < 4) {
            shard_.detach_database(index);
            std::erase_if(model_, [&](const auto& one) { return one.first.first == index; });
        } else if (kind < 30) {
            shard_.drain(1 + random_.below(50));
        } else {
            change(index, random_key());
        }
    }

    /// Begins, goes on with the operations, and compares.
    void take_snapshot() {
        Recorder recorder;
        const Content expected = model_;
        shard_.begin_snapshot(recorder);
        while (true) {
            for (size_t count = random_.below(5); count > 0; --count) step();
            if (!shard_.continue_snapshot()) break;
        }
        EXPECT_FALSE(shard_.is_saving());
        EXPECT_EQ(recorder.content.size(), expected.size());
        EXPECT_TRUE(recorder.content == expected);
        for (const auto& [place, told] : expected) {
            const auto found = recorder.content.find(place);
            if (found == recorder.content.end()) {
                ADD_FAILURE() << "not told: " << place.first << " " << place.second;
                break;
            }
            if (!(found->second == told)) {
                EXPECT_EQ(found->second, told) << place.second;
                break;
            }
        }
    }

    size_t keys_ = 3000;
    Shard shard_;
    base::Random random_;
    Content model_;
};

TEST_F(SnapshotTest, tells_what_was_there_when_it_began_whatever_is_done_meanwhile) {
    SCOPED_TRACE(seed_note());
    for (int round = 0; round < 30 && !HasFailure(); ++round) {
        // Few and many, so that tables grow and shrink during the walk.
        keys_ = round % 3 == 0 ? 40 : 3000;
        for (int count = 0; count < 2000; ++count) step();
        take_snapshot();
    }
}

TEST_F(SnapshotTest, a_shard_that_grows_and_one_that_shrinks) {
    for (int index = 0; index < 200; ++index) put(0, "early" + std::to_string(index));
    Recorder first;
    Content expected = model_;
    shard_.begin_snapshot(first);
    for (int index = 0; index < 5000; ++index) {
        put(0, "late" + std::to_string(index));
        if (index % 200 == 0) shard_.continue_snapshot();
    }
    while (shard_.continue_snapshot()) {
    }
    EXPECT_TRUE(first.content == expected);
    Recorder second;
    expected = model_;
    shard_.begin_snapshot(second);
    for (int index = 0; index < 5000; ++index) {
        const std::string name = "late" + std::to_string(index);
        database(0).erase(Key::of(name), database(0).find(Key::of(name)));
        if (index % 200 == 0) shard_.continue_snapshot();
    }
    while (shard_.continue_snapshot()) {
    }
    EXPECT_TRUE(second.content == expected);
}

TEST_F(SnapshotTest, keys_that_expire_are_told_first) {
    for (int index = 0; index < 500; ++index) {
        const std::string name = "k" + std::to_string(index);
        database(1).put_string(Key::of(name), nullptr, types::plain_string("v"), kNow + 10,
                               kNoTimestamp);
        model_[{1, name}] = {"v", kNow + 10, kNoTimestamp};
    }
    Recorder recorder;
    shard_.begin_snapshot(recorder);
    shard_.expire_due(kNow + 1000, 10'000, [](const Entry&) {});
    EXPECT_EQ(shard_.keys(), 0U);
    while (shard_.continue_snapshot()) {
    }
    EXPECT_TRUE(recorder.content == model_);
}

TEST_F(SnapshotTest, what_was_flushed_before_it_began_is_no_part_of_it) {
    for (int index = 0; index < 500; ++index) put(0, "k" + std::to_string(index));
    shard_.detach_database(0);
    shard_.drain(100);
    put(0, "after");
    Recorder recorder;
    shard_.begin_snapshot(recorder);
    while (shard_.continue_snapshot()) {
    }
    while (!shard_.drain(100)) {
    }
    EXPECT_EQ(recorder.content.size(), 1U);
    Recorder again;
    shard_.begin_snapshot(again);
    while (shard_.continue_snapshot()) {
    }
    EXPECT_EQ(again.content.size(), 1U);
}

TEST_F(SnapshotTest, a_database_that_is_flushed_meanwhile_is_told_whole) {
    for (int index = 0; index < 500; ++index) put(2, "k" + std::to_string(index));
    const Content expected = model_;
    Recorder recorder;
    shard_.begin_snapshot(recorder);
    shard_.continue_snapshot();
    shard_.detach_database(2);
    shard_.drain(50);
    while (shard_.continue_snapshot()) {
    }
    EXPECT_TRUE(recorder.content == expected);
    while (!shard_.drain(100)) {
    }
    EXPECT_TRUE(recorder.content == expected);
}

TEST_F(SnapshotTest, an_index_that_defends_itself_meanwhile_loses_and_repeats_nothing) {
    for (int index = 0; index < 300; ++index) put(0, "k" + std::to_string(index));
    const Content expected = model_;
    Recorder recorder;
    shard_.begin_snapshot(recorder);
    for (int step = 0; step < 10; ++step) shard_.continue_snapshot();
    for (int index = 0; !database(0).is_defended(); ++index) {
        const std::string name = "collides:" + std::to_string(index);
        if ((base::hash_bytes(name) & 511) == 3) put(0, name);
    }
    while (shard_.continue_snapshot()) {
    }
    EXPECT_TRUE(recorder.content == expected);
}

}  // namespace
}  // namespace gyre::store
