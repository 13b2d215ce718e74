// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever commands, the wheels, evictions and flushes do while a snapshot is collected, it
// has the data as it was at the moment it began. Method: random commands on collections of every
// form and on keys as such, alone and in transactions, between the slices of the walk; what the
// data set held at the beginning is compared with what is read back.

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/numbers.h"
#include "compat/collection_generator.h"
#include "compat/command_stream.h"
#include "compat/generator.h"
#include "compat/ordered_generator.h"
#include "compat/random.h"
#include "engine/snapshot_job.h"
#include "snapshot/record_encoder.h"
#include "support/command_runner.h"
#include "support/seed.h"
#include "support/snapshot_file.h"

namespace gyre::test {
namespace {

class SnapshotOfCommandsTest : public testing::Test {
protected:
    static constexpr size_t kDatabasesHere = 4;
    static constexpr int kLargeElements = 2500;

    SnapshotOfCommandsTest() {
        // The generator sets bits as far out as they go.
        runner_.dataset().settings.proto_max_bulk_len = 1 << 20;
    }
    void run(const Command& command) { runner_.run(command); }
    std::string number(size_t below) { return std::to_string(random_.below(below)); }

    /// Collections of many elements under the names that the generator uses.
    void add_large() {
        for (const char* const name : {"l:1", "l:2", "s:1", "s:2", "h:1", "h:2"}) {
            const char kind = name[0];
            Command command{kind == 'l' ? "RPUSH" : kind == 's' ? "SADD" : "HSET", name};
            for (int index = 0; index < kLargeElements; ++index) {
                command.push_back("m" + std::to_string(index));
                if (kind == 'h') command.push_back(std::to_string(index));
            }
            run(command);
        }
        for (const char* const name : {"z:1", "z:2"}) {
            Command command{"ZADD", name};
            for (int index = 0; index < kLargeElements; ++index) {
                command.push_back(number(kLargeElements) + ".5");
                command.push_back("m" + std::to_string(index));
            }
            run(command);
        }
        add_large_stream("x:2");
    }

    /// Half of its entries are pending.
    void add_large_stream(const char* name) {
        run({"DEL", name});
        for (int index = 1; index <= kLargeElements; ++index) {
            run({"XADD", name, "0-" + std::to_string(index), "f", std::to_string(index)});
        }
        run({"XGROUP", "CREATE", name, "g1", "0"});
        run({"XREADGROUP", "GROUP", "g1", "alice", "COUNT", std::to_string(kLargeElements / 2),
             "STREAMS", name, ">"});
    }

    std::string any_key() {
        static const std::vector<std::string> names{"l:1", "l:2", "l:3", "h:1", "h:2", "s:1",
                                                    "s:2", "s:3", "x:1", "x:2", "z:1", "z:2",
                                                    "g:1", "p:1", "a",   "b"};
        return random_.pick(names);
    }
    std::string large_hash() { return random_.pick({"h:1", "h:2"}); }

    /// What the generators leave out: it depends on the time, or the oracle does not have it.
    Command special() {
        const std::string past = std::to_string(runner_.now_ms() - 1);
        const std::string soon = std::to_string(1 + random_.below(50));
        const std::string field = "m" + number(kLargeElements);
        switch (random_.below(20)) {
            case 0:
                return {"HPEXPIRE",
                        large_hash(),
                        soon,
                        "FIELDS",
                        "3",
                        field,
                        "m" + number(9),
                        "m" + number(kLargeElements)};
            case 1:
                return {"HPEXPIREAT", large_hash(), past, "FIELDS", "1", field};
            case 2:
                return {"HPERSIST", large_hash(), "FIELDS", "1", field};
            case 3:
                return {"HSETEX", large_hash(), "PX", soon, "FIELDS", "1", field, "new"};
            case 4:
                return {"HGETDEL", large_hash(), "FIELDS", "2", field, "m" + number(9)};
            case 5:
                return {"HGETEX", large_hash(), "PX", soon, "FIELDS", "1", field};
            case 6:
                return {"PEXPIRE", any_key(), soon};
            case 7:
                return {"PERSIST", any_key()};
            case 8:
                return {"MOVE", any_key(), number(kDatabasesHere)};
            case 9:
                return {"COPY", any_key(), any_key(), "DB", number(kDatabasesHere), "REPLACE"};
            case 10:
                return {"RENAME", any_key(), any_key()};
            case 11:
                return random_.chance(20) ? Command{"FLUSHDB"} : Command{"DBSIZE"};
            case 12:
                return random_.chance(10) ? Command{"FLUSHALL"} : Command{"UNLINK", any_key()};
            case 13:
                return {"SPOP", random_.pick({"s:1", "s:2"}), number(4)};
            case 14:
                return {"LTRIM", random_.pick({"l:1", "l:2"}), number(9), "-" + number(9)};
            case 15:
                return {"ZREM", random_.pick({"z:1", "z:2"}), field};
            case 16:
                return {"XDEL", "x:2", "0-" + number(kLargeElements)};
            case 17:
                return {"XACK", "x:2", "g1", "0-" + number(kLargeElements)};
            case 18:
                return {"XCLAIM", "x:2", "g1", "bob", "0", "0-" + number(kLargeElements)};
            default:
                return restore_of_another();
        }
    }

    Command restore_of_another() {
        const std::string reply = runner_.run({"DUMP", any_key()});
        if (reply[0] != '$' || reply[1] == '-') return {"PING"};
        const size_t at = reply.find("\r\n") + 2;
        return {"RESTORE", any_key(), "0", reply.substr(at, reply.size() - at - 2), "REPLACE"};
    }

    Command next() {
        const size_t kind = random_.below(14);
        if (kind < 4) return collections_.next();
        if (kind < 8) return ordered_.next();
        return kind < 12 ? special() : plain_.next();
    }

    /// One command, a transaction of some, or what happens by itself.
    void step() {
        const size_t kind = random_.below(40);
        if (kind == 0) {
            runner_.advance_ms(static_cast<int64_t>(random_.below(40)));
        } else if (kind < 3) {
            expire_some();
        } else if (kind == 3) {
            runner_.dataset().drain(0, 1, 1 + random_.below(20), runner_.executor());
            runner_.executor().reclaimer.run();
        } else if (kind < 10) {
            run({"MULTI"});
            for (size_t count = random_.below(6); count > 0; --count) run(next());
            run({"EXEC"});
        } else {
            run(next());
        }
    }

    void expire_some() {
        engine::Dataset& dataset = runner_.dataset();
        for (size_t shard = 0; shard < dataset.shards(); ++shard) {
            dataset.lock(shard, runner_.executor());
            dataset.shard(shard).expire_due(runner_.now_ms(), 20, [](const store::Entry&) {});
            dataset.unlock(shard);
        }
        runner_.executor().reclaimer.run();
    }

    /// What a snapshot is to have, as it lies now.
    FileKeys content() {
        FileKeys all;
        for (size_t shard = 0; shard < runner_.dataset().shards(); ++shard) {
            for (size_t database = 0; database < kDatabasesHere; ++database) {
                const store::Partition* partition =
                    runner_.dataset().shard(shard).find_database(database);
                if (partition == nullptr) continue;
                partition->for_each([&](const store::Entry& entry) {
                    std::string digits;
                    snapshot::Record record{
                        .database = database, .key = entry.key(), .expire_ms = entry.expire_ms()};
                    if (entry.encoding() == store::Encoding::integer) {
                        digits = std::to_string(entry.integer());
                        record.value = digits;
                    } else {
                        snapshot::describe_value(entry, record);
                    }
                    EXPECT_TRUE(all.record(record));
                });
            }
        }
        return all;
    }

    void take_snapshot() {
        const FileKeys expected = content();
        job_.begin({.now_ms = runner_.now_ms()}, runner_.executor());
        int64_t now_us = 0;
        const auto clock = [&now_us] { return now_us += 1000; };  // a slice is one hold of a lock
        while (!job_.is_collected()) {
            for (size_t count = random_.below(12); count > 0; --count) step();
            job_.run_slice(0, runner_.executor(), clock, true);
        }
        ASSERT_FALSE(job_.lacks_values());
        const FileKeys told = keys_of_file(file_of(job_));
        EXPECT_TRUE(told.deadlines_ms == expected.deadlines_ms);
        EXPECT_EQ(told.values.size(), expected.values.size());
        for (const auto& [place, elements] : expected.values) {
            const auto found = told.values.find(place);
            if (found != told.values.end() && found->second == elements) continue;
            ADD_FAILURE() << base::quote(place.second) << " of database " << place.first
                          << (found == told.values.end() ? " is missing" : " differs");
        }
    }

    CommandRunner runner_{{.databases = kDatabasesHere, .shards = 4, .seed = test_seed()}};
    engine::SnapshotJob job_{runner_.dataset()};
    Random random_{test_seed()};
    CommandStream<CollectionGenerator> collections_{test_seed()};
    CommandStream<OrderedGenerator> ordered_{test_seed()};
    CommandStream<Generator> plain_{test_seed(), known_to_the_generator()};
};

TEST_F(SnapshotOfCommandsTest, it_is_of_the_moment_it_began_whatever_is_run_meanwhile) {
    SCOPED_TRACE(seed_note());
    auto& settings = runner_.dataset().settings;
    for (int round = 0; round < 60 && !HasFailure(); ++round) {
        run({"SELECT", number(kDatabasesHere)});
        // Small collections are packed in some rounds and objects in others.
        settings.hash_max_listpack_entries = round % 2 == 0 ? 3 : 512;
        settings.set_max_listpack_entries = round % 2 == 0 ? 3 : 128;
        settings.set_max_intset_entries = round % 2 == 0 ? 3 : 512;
        settings.zset_max_listpack_entries = round % 2 == 0 ? 3 : 128;
        settings.list_max_listpack_size = round % 3 == 0 ? 2 : -2;
        if (round % 3 != 2) add_large();
        for (int count = 0; count < 100; ++count) step();
        take_snapshot();
    }
}

TEST_F(SnapshotOfCommandsTest, keys_that_are_evicted_meanwhile_are_part_of_it) {
    SCOPED_TRACE(seed_note());
    engine::Dataset& dataset = runner_.dataset();
    dataset.set_policy(engine::EvictionPolicy::allkeys_random, runner_.executor());
    dataset.set_maxkeys(12, runner_.executor());
    for (int round = 0; round < 40 && !HasFailure(); ++round) {
        add_large();
        take_snapshot();
    }
    EXPECT_GT(dataset.statistics(runner_.executor()).evicted, 50U);
}

}  // namespace
}  // namespace gyre::test
