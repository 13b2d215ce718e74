// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The log's thread on a simulated disk, with the test as those who write, and what a server that
// starts finds there.

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "log/aof_reader.h"
#include "log/file_writer.h"
#include "ring/sim/sim_ring.h"
#include "ring/sim/world.h"

namespace gyre::log {

using ring::sim::Disk;
using ring::sim::DiskFaults;
using ring::sim::SimRing;
using ring::sim::World;

inline const std::string kDirectory = "appendonlydir";

/// Collects the numbers of "SET <number> <value>".
struct Numbers final : AofHandler {
    Result<void> on_unit(const AofUnit& unit) override {
        for (const AofCommand& command : unit.commands) {
            if (command.arguments[0] == "SELECT") continue;
            found.push_back(std::stoull(std::string(command.arguments[1])));
            // Of filling there is nothing in any value.
            EXPECT_EQ(command.arguments[2].find_first_of(" #\n"), std::string_view::npos);
        }
        return {};
    }
    std::vector<uint64_t> found;
};

struct Loaded {
    std::vector<uint64_t> numbers;
    FileWriter::Start start;
};

/// One start of a server until its end: log, ring, thread, with the test as its writers.
struct Life {
    /// Without `start` there is no file at first.
    Life(World& home, uint64_t first_number, const std::optional<FileWriter::Start>& start,
         bool& is_open, const FileWriter::Limits& limits = {}, uint64_t log_bytes = 20'000)
        : world(home),
          ring(home),
          directory(home.disk(), kDirectory, AofNames{}),
          log(2, log_bytes) {
        is_open = directory.open().has_value();
        if (!is_open) return;
        writer = std::make_unique<FileWriter>(log, ring, directory, limits);
        if (start) {
            is_open = writer->open(*start).has_value();
        } else {
            writer->stay_closed();
        }
        if (!is_open) return;
        reactor = std::make_unique<ring::Reactor>(ring, *writer);
        log.set_thread_waker([this] { ring.wake(); });
        world.attach(*reactor, ring);
        next_number = first_number;
    }
    ~Life() {
        if (reactor) world.detach(*reactor);
    }

    /// From now on: both threads that write have no rest.
    void be_crowded() {
        for (size_t index = 0; index < 2; ++index) log.appender(index).note_crowded(INT64_MAX);
    }
    /// Reserves a place, now and then with the bytes following only later.
    void write_one() {
        if (log.admission() != Admission::open) return;
        const size_t index = world.random().below(2);
        if (open_records[index]) return complete(index);
        const std::string number = std::to_string(next_number++);
        const std::string value(world.random().below(value_bytes), 'v');
        const std::string_view words[] = {"SET", number, value};
        const Step step{.database = world.random().below(3), .effect = CommandEffect{words}};
        std::string text;
        append(text, Record{.steps = {&step, 1}});
        ends.push_back(log.appender(index).reserve(text.size()));
        open_records[index] = std::move(text);
        if (world.random().below(4) != 0) complete(index);
    }
    void complete(size_t index) {
        if (!open_records[index]) return;
        log.appender(index).write(EncodedEffects{*open_records[index]});
        open_records[index].reset();
        log.kick();
    }
    /// A rewrite, a step at each call: the place in the log, then the base of all before it.
    void rewrite_some() {
        if (is_adopting) return;
        if (!part_number) {
            log.begin_part();
            part_number = next_number;
            return;
        }
        std::string text;
        for (uint64_t number = 0; number < *part_number; ++number) {
            const std::string digits = std::to_string(number);
            const std::string_view words[] = {"SET", digits, "base"};
            append(text, CommandEffect{words});
        }
        part_number.reset();
        const std::string path = directory.path_of("temp.base");
        if (!world.disk().write_whole(path, text)) return;
        if (!world.disk().sync_directory(kDirectory)) return;
        is_adopting = true;
        writer->adopt({.path = path, .done = [this](Result<void> done) {
                           is_adopting = false;
                           rewrites += done ? 1 : 0;
                       }});
        ring.wake();
    }
    /// How many of this life's effects the log has called durable.
    uint64_t durable_count() const {
        uint64_t count = 0;
        for (const Position end : ends) count += end <= log.durable() ? 1 : 0;
        return count;
    }

    World& world;
    SimRing ring;
    AofDirectory directory;
    Log log;
    std::unique_ptr<FileWriter> writer;
    std::unique_ptr<ring::Reactor> reactor;
    std::optional<std::string> open_records[2];
    std::vector<Position> ends;
    uint64_t next_number = 0;
    uint64_t value_bytes = 600;           // fewer than these
    std::optional<uint64_t> part_number;  // of the first effect behind the part
    bool is_adopting = false;
    uint64_t rewrites = 0;
};

/// A log that begins and ends, again and again, while there is data.
struct Switched {
    enum class State : uint8_t { closed, open, closing };

    explicit Switched(Life& home) : life(home) {}

    void some() {
        if (state == State::open && life.rewrites > rewrites) kept = life.durable_count();
        base::Random& random = life.world.random();
        if (state == State::closed && random.below(100) == 0) {
            rewrites = life.rewrites;
            state = State::open;
        }
        if (state != State::open) return;
        if (random.below(40) == 0) life.rewrite_some();
        if (random.below(400) == 0) close();
    }
    void close() {
        state = State::closing;
        life.part_number.reset();
        life.writer->close(life.log.tail(), [this] {
            state = State::closed;
            ++ends;
        });
        life.ring.wake();
    }

    Life& life;
    State state = State::closed;
    uint64_t kept = 0;  // so many effects must be found
    uint64_t ends = 0;
    uint64_t rewrites = 0;  // when it began
};

class FileWriterSim : public ::testing::Test {
protected:
    void SetUp() override { base::set_level(base::Level::nothing); }

    /// How the last file may end.
    enum class Ending : uint8_t {
        any,   ///< cut as if it were torn: a disk may leave holes in what made a file longer
        torn,  ///< or whole; never damaged: small groups went over filling
    };
    /// What a server that starts finds. Only the last file may end badly; it is cut there.
    static Loaded load(Disk& disk, Ending ending = Ending::any) {
        Loaded loaded;
        AofDirectory directory(disk, kDirectory, AofNames{});
        EXPECT_TRUE(directory.open());
        const std::vector<AofFile> files = directory.manifest().load_order();
        for (const AofFile& file : files) {
            const bool is_last = &file == &files.back();
            const std::string path = directory.path_of(file.name);
            EXPECT_TRUE(disk.exists(path)) << path;
            Numbers numbers;
            AofReader reader(numbers);
            const std::string content = disk.content(path);
            if (reader.feed(content) != AofReader::Status::failed) reader.finish();
            const AofEnd& end = reader.end();
            EXPECT_TRUE(is_last || end.kind == AofEnd::Kind::clean) << path << ": " << end.message;
            if (ending == Ending::torn) {
                EXPECT_NE(end.kind, AofEnd::Kind::corrupt) << path << ": " << end.message;
            }
            loaded.numbers.insert(loaded.numbers.end(), numbers.found.begin(), numbers.found.end());
            loaded.start = {end.good_to, end.database, end.has_group_last};
            if (end.kind == AofEnd::Kind::clean) continue;
            const auto opened = disk.open(path, ring::OpenFor::writing);
            EXPECT_TRUE(disk.truncate(*opened, end.good_to));
            EXPECT_TRUE(disk.sync(*opened));
            disk.close(*opened);
        }
        return loaded;
    }

    /// The numbers must be 0, 1, 2 ... as far as they go.
    static void check(const Loaded& loaded, uint64_t durable, uint64_t logged) {
        for (size_t i = 0; i < loaded.numbers.size(); ++i) ASSERT_EQ(loaded.numbers[i], i);
        ASSERT_GE(loaded.numbers.size(), durable);
        ASSERT_LE(loaded.numbers.size(), logged);
    }

    static SyncMode mode_of(base::Random& random) {
        return random.below(2) == 0 ? SyncMode::always : SyncMode::every_second;
    }

    /// Groups are small here, so in half of the lives what counts as large is small as well.
    static FileWriter::Limits limits_of(base::Random& random) {
        FileWriter::Limits limits{.reclaim_bytes = Disk::kPageBytes};
        if (random.below(2) == 0) return limits;
        limits.stream = {.alone = {1000, 2000, 100},
                         .streaming = {random.below(30'000), 100'000, 100},
                         .groups_min = 2,
                         .groups_max = 4,
                         .gap_us_max = 1'000'000};
        limits.direct_bytes_min = Disk::kPageBytes;
        limits.again_bytes_max = random.below(100'000);
        return limits;
    }

    /// Writers and disk for a while; now and then the disk is full, or its directory elsewhere.
    /// Under `never` only a rewrite helps in some cases, so not who waits for it to be well uses
    /// it.
    static void live(Life& life, int64_t steps, bool has_never) {
        World& world = life.world;
        base::Random& random = world.random();
        Disk& disk = world.disk();
        for (int64_t step = 0; step < steps; ++step) {
            if (random.below(3) == 0) life.write_one();
            if (random.below(150) == 0) life.rewrite_some();
            if (random.below(500) == 0) disk.bytes_max = random.below(30'000);
            if (random.below(200) == 0) disk.bytes_max = UINT64_MAX;
            if (random.below(1000) == 0) disk.is_read_only = !disk.is_read_only;
            if (random.below(300) == 0) life.log.sync_mode = mode_of(random);
            if (random.below(500) == 0) world.run_until([] { return false; }, 1'000'000);
            if (has_never && random.below(600) == 0) life.log.sync_mode = SyncMode::never;
            world.step();
        }
    }
    /// Another life, with a write that has come to the disk when power is lost.
    static void goes_on_behind(World& world, uint64_t left) {
        const Loaded loaded = load(world.disk());
        check(loaded, left, left);
        bool is_open = false;
        Life life(world, left, loaded.start, is_open);
        life.log.sync_mode = SyncMode::always;
        life.write_one();
        for (size_t index = 0; index < 2; ++index) life.complete(index);
        const auto is_durable = [&] { return life.log.durable() == life.log.tail(); };
        ASSERT_TRUE(world.run_until(is_durable, 10'000'000));
        world.disk().crash();
        check(load(world.disk()), life.next_number, life.next_number);
    }
    static void heal(Disk& disk) {
        disk.faults = {};
        disk.bytes_max = UINT64_MAX;
        disk.is_read_only = false;
    }
};

}  // namespace gyre::log
