// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever happens to keys, the counters by type are what MEMORY USAGE says of all keys of
// that type, added up; and with what copies share they are what the keyspace has been given.
// Method: random commands on every type and on keys as such, alone, in transactions that end in
// every way, beside expiry, eviction, snapshots and freeing in the background; after each round
// every key is asked for its size.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "compat/collection_generator.h"
#include "compat/command_stream.h"
#include "compat/generator.h"
#include "compat/ordered_generator.h"
#include "compat/random.h"
#include "engine/expiry.h"
#include "engine/memory_check.h"
#include "engine/snapshot_job.h"
#include "support/command_runner.h"
#include "support/seed.h"
#include "support/snapshot_file.h"

namespace gyre::test {
namespace {

using store::kTypeCount;
using store::Type;
using store::TypeTally;
using Tallies = std::array<TypeTally, kTypeCount>;

constexpr size_t kDatabasesHere = 3;

class MemoryTypesTest : public testing::Test {
protected:
    MemoryTypesTest() {
        // The generator sets bits as far out as they go.
        runner_.dataset().settings.proto_max_bulk_len = 1 << 20;
    }
    std::string run(const Command& command) { return runner_.run(command); }
    std::string number(size_t below) { return std::to_string(random_.below(below)); }

    /// What the counters say.
    Tallies counted() {
        Tallies sums{};
        runner_.dataset().for_each_shard(runner_.executor(), [&](store::Shard& shard) {
            for (size_t database = 0; database < kDatabasesHere; ++database) {
                const store::Partition* partition = shard.find_database(database);
                if (partition == nullptr) continue;
                for (size_t type = 0; type < kTypeCount; ++type) {
                    const TypeTally& tally = partition->tally(static_cast<Type>(type));
                    sums[type].keys += tally.keys;
                    sums[type].bytes += tally.bytes;
                }
            }
        });
        return sums;
    }

    /// The keys of a database. Those that are past their deadline and still here count too, though
    /// commands do not see them: their sizes are added to `sums`.
    std::vector<std::string> keys_of(size_t database, Tallies& sums) {
        std::vector<std::string> keys;
        runner_.dataset().for_each_shard(runner_.executor(), [&](store::Shard& shard) {
            const store::Partition* partition = shard.find_database(database);
            if (partition == nullptr) return;
            partition->for_each([&](const store::Entry& entry) {
                if (!entry.is_expired(runner_.now_ms())) {
                    keys.emplace_back(entry.key());
                    return;
                }
                TypeTally& sum = sums[static_cast<size_t>(entry.type())];
                ++sum.keys;
                sum.bytes += static_cast<int64_t>(store::Partition::footprint(entry));
            });
        });
        return keys;
    }

    TypeTally& of_reply(Tallies& sums, const std::string& type) {
        size_t index = 0;
        while (index + 1 < kTypeCount &&
               type != "+" + std::string(type_name(static_cast<Type>(index))) + "\r\n") {
            ++index;
        }
        EXPECT_EQ(type, "+" + std::string(type_name(static_cast<Type>(index))) + "\r\n");
        return sums[index];
    }

    /// What the keys say, one after the other.
    Tallies asked() {
        Tallies sums{};
        commands::Session& auditor = runner_.add_session();
        for (size_t database = 0; database < kDatabasesHere; ++database) {
            runner_.run_as(auditor, {"SELECT", std::to_string(database)});
            for (const std::string& key : keys_of(database, sums)) {
                const std::string usage = runner_.run_as(auditor, Command{"MEMORY", "USAGE", key});
                EXPECT_TRUE(usage.starts_with(":")) << key << usage;
                TypeTally& sum = of_reply(sums, runner_.run_as(auditor, Command{"TYPE", key}));
                ++sum.keys;
                sum.bytes += std::stoll(usage.substr(1));
            }
        }
        runner_.leave(auditor);
        return sums;
    }

    void expect_agreement(const char* when) {
        SCOPED_TRACE(when);
        const Tallies counters = counted();
        const Tallies keys = asked();
        for (size_t index = 0; index < kTypeCount; ++index) {
            const char* type = type_name(static_cast<Type>(index));
            EXPECT_EQ(counters[index].keys, keys[index].keys) << type;
            EXPECT_EQ(counters[index].bytes, keys[index].bytes) << type;
            most_[index] = std::max(most_[index], counters[index].keys);
        }
    }

    /// With nothing waiting to be freed: the parts are the whole.
    void expect_the_whole() {
        drain();
        engine::MemoryCheck check(runner_.dataset());
        for (size_t shard = 0; shard < runner_.dataset().shards(); ++shard) {
            check.visit(shard, runner_.executor());
        }
        for (const std::string& difference : check.conclude(0)) ADD_FAILURE() << difference;
    }

    void drain() {
        engine::Executor& executor = runner_.executor();
        executor.reclaimer.run();
        while (!runner_.dataset().drain(0, 1, 1000, executor)) executor.reclaimer.run();
        while (!executor.reclaimer.drain(1000)) {
        }
        executor.reclaimer.run();
    }

    void expire_all() {
        runner_.advance_ms(20);
        while (expiry_.run(runner_.now_ms(), false)) {
        }
        runner_.executor().reclaimer.run();
    }

    std::string any_key() {
        static const std::vector<std::string> names{"l:1", "l:2", "h:1", "h:2", "s:1", "s:2", "x:1",
                                                    "x:2", "z:1", "z:2", "g:1", "p:1", "a",   "b"};
        return random_.pick(names);
    }

    /// A value that lies in the entry, beside it, or beside it and is shared by copies.
    std::string value() { return std::string(random_.below(size_t{1} << random_.below(17)), 'v'); }

    Command restore_of_another() {
        const std::string reply = run({"DUMP", any_key()});
        if (reply[0] != '$' || reply[1] == '-') return {"PING"};
        const size_t at = reply.find("\r\n") + 2;
        return {"RESTORE", any_key(), random_.chance(50) ? "0" : "30",
                reply.substr(at, reply.size() - at - 2), "REPLACE"};
    }

    Command large() {
        const size_t kind = random_.below(4);
        static constexpr std::array<const char*, 4> kCommands{"RPUSH", "SADD", "HSET", "ZADD"};
        static constexpr std::array<const char*, 4> kNames{"l:", "s:", "h:", "z:"};
        Command command{kCommands[kind], kNames[kind] + number(3)};
        for (size_t index = random_.below(800) + 1; index > 0; --index) {
            if (kind == 3) command.push_back(number(1000));
            command.push_back("m" + number(2000));
            if (kind == 2) command.push_back(value().substr(0, 200));
        }
        return command;
    }

    /// What the generators leave out.
    Command special() {
        switch (random_.below(17)) {
            case 0:
                return {"HPEXPIRE",
                        random_.pick({"h:1", "h:2"}),
                        number(50),
                        "FIELDS",
                        "2",
                        "m" + number(20),
                        "m" + number(2000)};
            case 1:
                return {"PEXPIRE", any_key(), number(100)};
            case 2:
                return {"PERSIST", any_key()};
            case 3:
                return {"MOVE", any_key(), number(kDatabasesHere)};
            case 4:
                return {"COPY", any_key(), any_key(), "DB", number(kDatabasesHere), "REPLACE"};
            case 5:
                return {"RENAME", any_key(), any_key()};
            case 6:
                return {"RENAMENX", any_key(), any_key()};
            case 7:
                return {"SWAPDB", number(kDatabasesHere), number(kDatabasesHere)};
            case 8:
                if (!random_.chance(20)) return {"UNLINK", any_key()};
                return {"FLUSHDB", random_.pick({"SYNC", "ASYNC"})};
            case 9:
                if (!random_.chance(10)) return {"DEL", any_key(), any_key()};
                return {"FLUSHALL", random_.pick({"SYNC", "ASYNC"})};
            case 10:
                return {"SET", any_key(), value(), "PX", "1" + number(100)};
            case 11:
                return {"SET", any_key(), value(), "TIMESTAMP", std::to_string(runner_.now_ms())};
            case 12:
                return {"APPEND", any_key(), value()};
            case 13:
                return {"BATCH", "set " + any_key() + " 1; rpush " + any_key() + " a b; hset " +
                                     any_key() + " f v"};
            case 14:
                return large();
            default:
                return restore_of_another();
        }
    }

    Command next() {
        const size_t kind = random_.below(12);
        if (kind < 3) return collections_.next();
        if (kind < 6) return ordered_.next();
        return kind < 10 ? special() : plain_.next();
    }

    /// MULTI or BEGIN, some commands, and one of the ends that these have.
    void transaction() {
        const bool is_interactive = random_.chance(50);
        run({is_interactive ? "BEGIN" : "MULTI"});
        for (size_t count = random_.below(8); count > 0; --count) run(next());
        if (random_.chance(20)) {
            // Others do not see what a transaction has written so far, and neither do the counters.
            if (is_interactive) expect_agreement("while a transaction is open");
            // Somebody is faster, or a command cannot be queued.
            commands::Session& other = runner_.add_session();
            runner_.run_as(other, Command{"SET", any_key(), value()});
            runner_.leave(other);
            run({"NOSUCHCOMMAND"});
        }
        if (random_.chance(50)) {
            run({is_interactive ? "ROLLBACK" : "DISCARD"});
        } else {
            run({is_interactive ? "COMMIT" : "EXEC"});
        }
        run({"SELECT", number(kDatabasesHere)});
    }

    void step() {
        const size_t kind = random_.below(50);
        if (kind == 0) {
            runner_.advance_ms(static_cast<int64_t>(random_.below(40)));
        } else if (kind < 3) {
            expiry_.run(runner_.now_ms(), true);
        } else if (kind == 3) {
            runner_.dataset().drain(0, 1, 1 + random_.below(20), runner_.executor());
        } else if (kind < 10) {
            transaction();
        } else {
            run(next());
        }
    }

    void steps(int count) {
        for (; count > 0; --count) step();
    }

    void set_limits(int round) {
        auto& settings = runner_.dataset().settings;
        // Small collections are packed in some rounds and objects in others.
        const bool is_packed = round % 2 == 0;
        settings.hash_max_listpack_entries = is_packed ? 512 : 3;
        settings.set_max_listpack_entries = is_packed ? 128 : 3;
        settings.set_max_intset_entries = is_packed ? 512 : 3;
        settings.zset_max_listpack_entries = is_packed ? 128 : 3;
        settings.list_max_listpack_size = round % 3 == 0 ? 2 : -2;
    }

    CommandRunner runner_{{.databases = kDatabasesHere, .shards = 4, .seed = test_seed()}};
    engine::ExpiryCycle expiry_{runner_.dataset(), runner_.executor(), 0,
                                [] { return int64_t{0}; }};
    engine::SnapshotJob job_{runner_.dataset()};
    Random random_{test_seed()};
    CommandStream<CollectionGenerator> collections_{test_seed()};
    CommandStream<OrderedGenerator> ordered_{test_seed()};
    CommandStream<Generator> plain_{test_seed(), known_to_the_generator()};
    std::array<int64_t, kTypeCount> most_{};  // keys of each type there were at once
};

TEST_F(MemoryTypesTest, counters_are_the_sums_over_the_keys_whatever_happens) {
    SCOPED_TRACE(seed_note());
    for (int round = 0; round < 40 && !HasFailure(); ++round) {
        SCOPED_TRACE("round " + std::to_string(round));
        set_limits(round);
        run({"SELECT", number(kDatabasesHere)});
        steps(200);
        expire_all();
        expect_agreement("after commands and transactions");
        expect_the_whole();
    }
    // Each type was there, and with more than a key.
    for (size_t type = 0; type < kTypeCount; ++type) {
        EXPECT_GT(most_[type], 1) << type_name(static_cast<Type>(type));
    }
    run({"FLUSHALL", "ASYNC"});
    expect_agreement("while what was flushed waits to be freed");
    for (const TypeTally& tally : counted()) EXPECT_EQ(tally.keys + tally.bytes, 0);
    expect_the_whole();
    EXPECT_EQ(base::used(base::Purpose::keyspace), 0);
}

TEST_F(MemoryTypesTest, counters_are_the_sums_while_keys_are_evicted) {
    SCOPED_TRACE(seed_note());
    engine::Dataset& dataset = runner_.dataset();
    dataset.set_policy(engine::EvictionPolicy::allkeys_random, runner_.executor());
    dataset.set_maxkeys(16, runner_.executor());
    for (int round = 0; round < 20 && !HasFailure(); ++round) {
        set_limits(round);
        steps(150);
        expire_all();
        expect_agreement("at the limit");
    }
    EXPECT_GT(dataset.statistics(runner_.executor()).evicted, 50U);
    expect_the_whole();
}

TEST_F(MemoryTypesTest, counters_are_the_sums_while_collections_are_being_saved) {
    SCOPED_TRACE(seed_note());
    for (int round = 0; round < 20 && !HasFailure(); ++round) {
        set_limits(round);
        for (int count = 0; count < 10; ++count) run(large());
        job_.begin({.now_ms = runner_.now_ms()}, runner_.executor());
        int64_t now_us = 0;
        const auto clock = [&now_us] { return now_us += 1000; };  // a slice is one hold of a lock
        while (!job_.is_collected()) {
            steps(5);
            job_.run_slice(0, runner_.executor(), clock, true);
        }
        expire_all();
        expect_agreement("when it is collected");
        EXPECT_FALSE(file_of(job_).empty());
    }
    expect_the_whole();
}

}  // namespace
}  // namespace gyre::test
