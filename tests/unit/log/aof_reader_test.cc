// SPDX-License-Identifier: BSD-3-Clause

// Append-only files, whole, cut and damaged. Each file is also fed in pieces of every size up to
// its own and in seeded random ones, which must make no difference, down to the text of the error.

#include "log/aof_reader.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/crc64.h"
#include "base/memory.h"
#include "log/group_head.h"
#include "support/aof_driver.h"
#include "support/seed.h"

namespace gyre::log {
namespace {

using namespace std::string_literals;
using test::AofOutcome;
using test::AofRun;
using test::AofSeenUnit;
using test::read_aof;
using test::read_aof_whole;
using Kind = AofEnd::Kind;
using Words = std::vector<std::string>;

constexpr size_t kEverySizeMax = 1200;  // every size of piece is quadratic

std::string command(const Words& words) {
    std::string out = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) {
        out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }
    return out;
}

// The outcome of a file fed whole, after it was found to be the same for other pieces.
AofOutcome read(std::string_view file, const AofRun& run = {}) {
    const AofOutcome whole = read_aof_whole(file, run);
    if (file.size() <= kEverySizeMax) {
        for (size_t bytes = 1; bytes < file.size(); ++bytes) {
            EXPECT_EQ(whole, read_aof(file, [&] { return bytes; }, run)) << "pieces of " << bytes;
        }
    }
    SCOPED_TRACE(seed_note());
    std::mt19937_64 random(test_seed());
    for (int round = 0; round < 8; ++round) {
        EXPECT_EQ(whole, read_aof(file, [&] { return random() % 40 + 1; }, run));
    }
    return whole;
}

const std::string kSet = command({"SET", "k", "v"});
const std::string kSelect = command({"SELECT", "9"});
const std::string kMulti = command({"MULTI"});
const std::string kExec = command({"EXEC"});

TEST(AofReader, GivesEachCommandWithItsPlace) {
    const std::string file = kSelect + kSet + command({"", "\r\n\0"s});
    const AofOutcome outcome = read(file);
    EXPECT_EQ(outcome.kind, Kind::clean);
    EXPECT_EQ(outcome.message, "");
    EXPECT_EQ(outcome.at, file.size());
    EXPECT_EQ(outcome.good_to, file.size());
    EXPECT_EQ(outcome.database, 9U);
    const uint64_t first = kSelect.size();
    const uint64_t second = first + kSet.size();
    const std::vector<AofSeenUnit> expected = {
        {0, first, false, {{0, {"SELECT", "9"}, {}}}, {}},
        {first, second, false, {{first, {"SET", "k", "v"}, {}}}, {}},
        {second, file.size(), false, {{second, {"", "\r\n\0"s}, {}}}, {}},
    };
    EXPECT_EQ(outcome.units, expected);
}

TEST(AofReader, AnEmptyFileIsClean) {
    EXPECT_EQ(read("").kind, Kind::clean);
    EXPECT_EQ(read("").good_to, 0U);
}

TEST(AofReader, GivesATransactionAtOnce) {
    const std::string file = kSet + kMulti + kSet + command({"SELECT", "3"}) + command({"exec"});
    const AofOutcome outcome = read(file);
    ASSERT_EQ(outcome.kind, Kind::clean) << outcome.message;
    ASSERT_EQ(outcome.units.size(), 2U);
    const AofSeenUnit& unit = outcome.units[1];
    EXPECT_TRUE(unit.is_transaction);
    EXPECT_EQ(unit.begin, kSet.size());
    EXPECT_EQ(unit.end, file.size());
    ASSERT_EQ(unit.commands.size(), 2U);
    EXPECT_EQ(unit.commands[0].offset, kSet.size() + kMulti.size());
    EXPECT_EQ(unit.commands[1].words, (Words{"SELECT", "3"}));
    EXPECT_EQ(outcome.database, 3U);
}

TEST(AofReader, AnEmptyTransactionIsAUnitWithoutCommands) {
    const AofOutcome outcome = read(command({"multi", "x"}) + kExec);
    ASSERT_EQ(outcome.units.size(), 1U);
    EXPECT_TRUE(outcome.units[0].is_transaction);
    EXPECT_TRUE(outcome.units[0].commands.empty());
}

TEST(AofReader, ATimestampBelongsToTheNextCommandOnly) {
    const std::string file = "#GYRE-TIMESTAMP:-5\r\n# more\n" + kSet + kSet + kMulti +
                             "#GYRE-TIMESTAMP:9223372036854775807\r\n" + kSet + kSet + kExec;
    const AofOutcome outcome = read(file);
    ASSERT_EQ(outcome.kind, Kind::clean) << outcome.message;
    ASSERT_EQ(outcome.units.size(), 3U);
    EXPECT_EQ(outcome.units[0].commands[0].timestamp_ms, -5);
    EXPECT_EQ(outcome.units[0].begin, file.find('*'));
    EXPECT_EQ(outcome.units[1].commands[0].timestamp_ms, std::nullopt);
    EXPECT_EQ(outcome.units[2].commands[0].timestamp_ms, INT64_MAX);
    EXPECT_EQ(outcome.units[2].commands[1].timestamp_ms, std::nullopt);
}

TEST(AofReader, TheClockHoldsForAllThatFollows) {
    const AofOutcome outcome = read(kSet + "#TS:17\r\n" + kSet + "#TS:x\r\n#\n" + kSet + kMulti +
                                    "#TS:18\r\n" + kSet + kExec + "#TS:19\r\n");
    ASSERT_EQ(outcome.kind, Kind::clean) << outcome.message;
    ASSERT_EQ(outcome.units.size(), 4U);
    EXPECT_EQ(outcome.units[0].clock_s, std::nullopt);
    EXPECT_EQ(outcome.units[1].clock_s, 17);
    EXPECT_EQ(outcome.units[2].clock_s, 17);
    EXPECT_EQ(outcome.units[3].clock_s, 18);
    EXPECT_EQ(outcome.good_to, outcome.at) << "an annotation at the end loses nothing";
}

TEST(AofReader, AnAnnotationIsAsLongAsRedisReadsIt) {
    const std::string longest = "#" + std::string(kAnnotationBytesMax - 3, 'a') + "\r\n";
    EXPECT_EQ(read(longest + kSet).kind, Kind::clean);
    const AofOutcome outcome = read(kSet + "#" + longest + kSet);
    EXPECT_EQ(outcome.kind, Kind::corrupt);
    EXPECT_EQ(outcome.at, kSet.size());
    EXPECT_EQ(outcome.good_to, kSet.size());
    EXPECT_EQ(outcome.message,
              "byte 27: a line that begins with '#' is longer than 1023 bytes; the file is good up "
              "to byte 27: restore a copy, or keep one and cut the file there");
}

// What Redis would lose with a cut at each byte, it loses here.
TEST(AofReader, AFileCutAnywhereIsGoodUpToItsLastWholeUnit) {
    const std::string file = kSet + "#TS:7\r\n" + kSelect + "#GYRE-TIMESTAMP:5\r\n" + kSet + "#\n" +
                             kMulti + kSet + "#GYRE-TIMESTAMP:6\r\n" + command({"SELECT", "0"}) +
                             kExec + command({"DEL", "a", "b"});
    const std::string timestamp = "#GYRE-TIMESTAMP:5\r\n";
    // Where a cut is no damage, with the database there.
    std::vector<std::pair<size_t, size_t>> rests = {{0, 0}};
    const auto rest = [&](size_t bytes, size_t database) {
        rests.emplace_back(rests.back().first + bytes, database);
    };
    rest(kSet.size(), 0);
    rest("#TS:7\r\n"s.size(), 0);
    rest(kSelect.size(), 9);
    rest(timestamp.size() + kSet.size(), 9);
    rest(2, 9);
    rest(2 * kSet.size() + timestamp.size() + kMulti.size() + kExec.size() +
             command({"SELECT", "0"}).size() - kSet.size(),
         0);
    rests.emplace_back(file.size(), 0);

    for (size_t cut = 0; cut <= file.size(); ++cut) {
        const AofOutcome outcome = read(file.substr(0, cut));
        const auto good = std::find_if(rests.rbegin(), rests.rend(),
                                       [cut](const auto& one) { return one.first <= cut; });
        EXPECT_EQ(outcome.good_to, good->first) << cut;
        EXPECT_EQ(outcome.database, good->second) << cut;
        EXPECT_EQ(outcome.at, cut);
        EXPECT_EQ(outcome.kind, good->first == cut ? Kind::clean : Kind::truncated)
            << cut << ": " << outcome.message;
        // And what is left after the cut is what was delivered.
        const AofOutcome again = read_aof_whole(file.substr(0, outcome.good_to));
        EXPECT_EQ(again.kind, Kind::clean);
        EXPECT_EQ(again.units, outcome.units);
    }
}

TEST(AofReader, SaysWhatATruncatedFileEndsIn) {
    EXPECT_EQ(
        read(kSet + "*3\r\n").message,
        "byte 31: the file ends inside what begins at byte 27; the file is good up to byte 27: "
        "cut it there, as aof-load-truncated yes does");
    EXPECT_EQ(
        read(kMulti + kSet).message,
        "byte 42: the file ends inside the transaction that begins at byte 0; the file is good "
        "up to byte 0: cut it there, as aof-load-truncated yes does");
    EXPECT_EQ(read("#GYRE-TIMESTAMP:1\r\n").message,
              "byte 19: the file ends with a timestamp without its command; the file is good up to "
              "byte 0: cut it there, as aof-load-truncated yes does");
}

struct Damage {
    std::string bytes;
    size_t at;  ///< within the bytes
    std::string what;
};

TEST(AofReader, SaysWhereAndHowAFileIsDamaged) {
    const std::string not_length = "the length of an argument is not a number and CRLF";
    const std::string not_count = "the number of arguments is not a number and CRLF";
    const std::vector<Damage> table = {
        {"SET k v\r\n", 0, "'S' stands where '*' or '#' must begin a command"},
        {"\r\n", 0, "0x0d stands where '*' or '#' must begin a command"},
        {"\0\0\0\0"s, 0, "0x00 stands where '*' or '#' must begin a command"},
        {"REDIS", 0, "'R' stands where '*' or '#' must begin a command"},
        {"*0\r\n", 1, "a command of 0 arguments; 1 to 2147483647 are possible"},
        {"*2147483648\r\n", 1, "a command of 2147483648 arguments; 1 to 2147483647 are possible"},
        {"*-1\r\n", 1, not_count},
        {"*+3\r\n", 1, not_count},
        {"*03\r\n", 1, not_count},
        {"*\r\n", 1, not_count},
        {"*3\n", 1, not_count},
        {"*3\rx", 1, not_count},
        {"*3 \r\n", 1, not_count},
        {"*99999999999999999999\r\n", 1, not_count},
        {"*000000000000000000000000000000000000", 1, not_count},
        {"*1\r\n*", 4, "'*' stands where '$' must begin an argument"},
        {"*1\r\n\n", 4, "0x0a stands where '$' must begin an argument"},
        {"*1\r\n$-1\r\n", 5, not_length},
        {"*1\r\n$536870913\r\n", 5,
         "an argument of 536870913 bytes; up to 536870912 are possible (proto-max-bulk-len)"},
        {"*1\r\n$9223372036854775807\r\n", 5,
         "an argument of 9223372036854775807 bytes; up to 536870912 are possible "
         "(proto-max-bulk-len)"},
        {"*1\r\n$3\r\nabcd", 11, "'d' stands where a CR must end an argument"},
        {"*1\r\n$3\r\nabc\r\r", 12, "0x0d stands where an LF must end an argument"},
        {"*1\r\n$0\r\n\n", 8, "0x0a stands where a CR must end an argument"},
        {kMulti + kMulti, kMulti.size(), "MULTI inside a transaction"},
        {kExec, 0, "EXEC without MULTI"},
        {"#GYRE-TIMESTAMP:\r\n", 16, "the timestamp is not a number"},
        {"#GYRE-TIMESTAMP:12 \r\n", 16, "the timestamp is not a number"},
        {"#GYRE-TIMESTAMP:9223372036854775808\r\n", 16, "the timestamp is not a number"},
    };
    for (const Damage& damage : table) {
        const AofOutcome outcome = read(kSet + damage.bytes + kSet);
        EXPECT_EQ(outcome.kind, Kind::corrupt) << damage.what;
        EXPECT_EQ(outcome.at, kSet.size() + damage.at) << damage.what;
        EXPECT_EQ(outcome.good_to, kSet.size()) << damage.what;
        EXPECT_EQ(outcome.units.size(), 1U) << damage.what;
        EXPECT_EQ(outcome.message,
                  "byte " + std::to_string(outcome.at) + ": " + damage.what +
                      "; the file is good up to byte 27: restore a copy, or keep one and cut the "
                      "file there");
    }
}

TEST(AofReader, ATimestampThatHasNoCommandOfItsOwnIsDamage) {
    const std::string timestamp = "#GYRE-TIMESTAMP:1\r\n";
    for (const std::string& file :
         {timestamp + kMulti, kMulti + kSet + timestamp + kExec, timestamp + timestamp + kSet}) {
        const AofOutcome outcome = read(file);
        EXPECT_EQ(outcome.kind, Kind::corrupt) << file;
        EXPECT_EQ(outcome.good_to, 0U) << file;
    }
}

TEST(AofReader, AnRdbInFrontIsLeftToTheCaller) {
    const AofOutcome outcome = read("REDIS0010\xfa\r\n" + kSet);
    EXPECT_TRUE(outcome.has_preamble);
    EXPECT_TRUE(outcome.units.empty());
    EXPECT_EQ(outcome.good_to, 0U);
    EXPECT_EQ(read("REDI").kind, Kind::truncated);
    const AofOutcome other = read("REDUS");
    EXPECT_FALSE(other.has_preamble);
    EXPECT_EQ(other.kind, Kind::corrupt);
    EXPECT_EQ(other.at, 0U);
}

TEST(AofReader, GoesOnBehindAnRdbWithOffsetsOfTheFile) {
    const AofOutcome outcome = read(kSet + "x", {.start = 1000});
    ASSERT_EQ(outcome.units.size(), 1U);
    EXPECT_EQ(outcome.units[0].begin, 1000U);
    EXPECT_EQ(outcome.units[0].commands[0].offset, 1000U);
    EXPECT_EQ(outcome.good_to, 1000 + kSet.size());
    EXPECT_EQ(outcome.at, 1000 + kSet.size());
    EXPECT_EQ(read("REDIS", {.start = 1000}).kind, Kind::corrupt);
    EXPECT_EQ(read("", {.start = 1000}).good_to, 1000U);
}

TEST(AofReader, WhatTheHandlerRefusesEndsTheReading) {
    const AofOutcome outcome = read(kSet + command({"NOSUCH"}) + kSet, {.refused = "NOSUCH"});
    EXPECT_EQ(outcome.kind, Kind::refused);
    EXPECT_EQ(outcome.at, kSet.size());
    EXPECT_EQ(outcome.good_to, kSet.size());
    EXPECT_EQ(outcome.message,
              "byte 27: unknown command NOSUCH; everything up to byte 27 was taken");
    const AofOutcome group =
        read(kMulti + kSet + command({"NOSUCH"}) + kExec, {.refused = "NOSUCH"});
    EXPECT_EQ(group.good_to, 0U);
    EXPECT_TRUE(group.units.empty());
}

/// Where EXEC is damaged the end of the file comes inside the transaction: what is wrong is the
/// command, not the end.
TEST(AofReader, WhatCannotStandInATransactionIsNoTornEnd) {
    const std::string damaged = kMulti + kSet + command({"EXED"}) + kSet + kSet;
    const AofOutcome outcome = read(kSet + damaged, {.refused = "EXED"});
    EXPECT_EQ(outcome.kind, Kind::refused);
    EXPECT_EQ(outcome.at, kSet.size() + kMulti.size() + kSet.size());
    EXPECT_EQ(outcome.good_to, kSet.size());
    EXPECT_EQ(outcome.message, "byte 69: unknown command EXED; everything up to byte 27 was taken");
    EXPECT_EQ(read(kSet + kMulti + kSet, {.refused = "EXED"}).kind, Kind::truncated);
}

TEST(AofReader, AUnitHasALimit) {
    AofRun run;
    run.limits.unit_bytes_max = 100;
    EXPECT_EQ(read(kSet + kSet + kSet + kSet + kSet, run).kind, Kind::clean);
    std::string transaction = kMulti + kSet + kSet + kSet + kSet;
    EXPECT_EQ(read(transaction, run).kind, Kind::refused);
    const AofOutcome comments = read(kMulti + "#" + std::string(90, 'x') + "\n", run);
    EXPECT_EQ(comments.kind, Kind::refused);
    EXPECT_NE(comments.message.find("longer than 100 bytes; raise that limit"), std::string::npos);
    run.limits.bulk_bytes_max = 10;
    run.limits.arguments_max = 2;
    EXPECT_EQ(read(kSet, run).kind, Kind::corrupt);
    EXPECT_EQ(read(command({"GET", "0123456789"}), run).kind, Kind::clean);
    EXPECT_EQ(read(command({"GET", "0123456789a"}), run).kind, Kind::corrupt);
}

TEST(AofReader, ALyingLengthTakesNoMemory) {
    test::AofCollector collector;
    const int64_t before = base::used(base::Purpose::log);
    AofReader reader(collector);
    EXPECT_EQ(reader.feed("*2147483647\r\n$536870912\r\nabc"), AofReader::Status::more);
    EXPECT_LT(base::used(base::Purpose::log) - before, 4096);
    EXPECT_EQ(reader.finish().kind, Kind::truncated);
}

TEST(AofReader, HoldsALargeArgumentOnce) {
    test::AofCollector collector;
    const int64_t before = base::used(base::Purpose::log);
    AofReader reader(collector);
    const std::string file = command({"SET", "k", std::string(6'000'000, 'x')});
    for (size_t at = 0; at < file.size() - 1; at += 10'000) {
        const size_t bytes = std::min<size_t>(10'000, file.size() - 1 - at);
        EXPECT_EQ(reader.feed(std::string_view(file).substr(at, bytes)), AofReader::Status::more);
    }
    EXPECT_LT(base::used(base::Purpose::log) - before, 6'100'000);
    EXPECT_EQ(reader.feed("\n"), AofReader::Status::more);
    EXPECT_EQ(collector.units[0].commands[0].words[2], std::string(6'000'000, 'x'));
}

TEST(AofReader, GivesTheMemoryOfALargeUnitBack) {
    test::AofCollector collector;
    const int64_t before = base::used(base::Purpose::log);
    AofReader reader(collector);
    const std::string large = command({"SET", "k", std::string(3'000'000, 'x')});
    std::string many = "*200000\r\n";
    for (int i = 0; i < 200'000; ++i) many += "$0\r\n\r\n";
    for (const std::string& file : {large, many}) {
        const std::string_view view = file;
        EXPECT_EQ(reader.feed(view.substr(0, file.size() / 2)), AofReader::Status::more);
        EXPECT_GT(base::used(base::Purpose::log) - before, 500'000);
        EXPECT_EQ(reader.feed(view.substr(file.size() / 2)), AofReader::Status::more);
        EXPECT_LT(base::used(base::Purpose::log) - before, 4096);
    }
    EXPECT_EQ(reader.units(), 2U);
    EXPECT_EQ(reader.commands(), 2U);
    EXPECT_EQ(collector.units[0].commands[0].words[2].size(), 3'000'000U);
}

TEST(AofReader, DamagedFilesEndWithAVerdict) {
    SCOPED_TRACE(seed_note());
    std::mt19937_64 random(test_seed());
    const std::string good = kSet + "#TS:7\r\n" + kSelect + "#GYRE-TIMESTAMP:5\r\n" + kSet +
                             kMulti + kSet + command({"DEL", "a", "b"}) + kExec + kSet;
    int corrupt = 0;
    for (int round = 0; round < 4000; ++round) {
        std::string file = good;
        for (uint64_t change = random() % 3 + 1; change > 0; --change) {
            const size_t at = random() % file.size();
            switch (random() % 3) {
                case 0:
                    file[at] = static_cast<char>(random());
                    break;
                case 1:
                    file.erase(at, 1);
                    break;
                default:
                    file.insert(at, 1, "*$#\r\n0129"[random() % 9]);
                    break;
            }
        }
        const AofOutcome whole = read_aof_whole(file);
        ASSERT_EQ(whole, read_aof(file, [] { return 1; })) << file;
        ASSERT_EQ(whole, read_aof(file, [&] { return random() % 9 + 1; })) << file;
        ASSERT_LE(whole.good_to, whole.at);
        corrupt += whole.kind == Kind::corrupt ? 1 : 0;
        const AofOutcome again = read_aof_whole(file.substr(0, whole.good_to));
        ASSERT_EQ(again.kind, Kind::clean) << file;
        ASSERT_EQ(again.units, whole.units) << file;
    }
    EXPECT_GT(corrupt, 1000);
}

// --- groups and filling
// ------------------------------------------------------------------------------

/// A file as the log's thread leaves it: groups over filling, each with its head.
class Grouped {
public:
    /// Behind what is there, which ends the file.
    explicit Grouped(std::string before = {}) : text_(std::move(before)), end_(text_.size()) {}

    void add(std::string_view units, const std::string& clock = {}) {
        const GroupHead head{end_ + clock.size(), units.size(), base::crc64(0, units)};
        put(clock + to_string(head) + std::string(units));
        text_[end_] = '#';
    }
    /// Cuts the filling off, and goes on without.
    void leave(std::string_view units) {
        text_.resize(end_);
        const std::string mark = to_string(GroupHead{.offset = end_});
        text_ += mark + std::string(units);
        end_ = text_.size();
    }

    const std::string& text() const { return text_; }
    size_t end() const { return end_; }

private:
    void put(const std::string& bytes) {
        if (end_ + bytes.size() >= text_.size()) {
            const uint64_t to = filling_end(end_ + bytes.size() + 3000);
            text_ += filling(text_.size(), to - text_.size());
        }
        text_.replace(end_, bytes.size(), bytes);
        end_ += bytes.size();
    }

    std::string text_;
    size_t end_;
};

std::string sets(int first, int count, size_t bytes = 60) {
    std::string units;
    for (int i = first; i < first + count; ++i) {
        units += command({"SET", std::to_string(i), std::string(bytes, 'v')});
    }
    return units;
}

TEST(AofReader, GivesTheUnitsOfGroups) {
    Grouped file(kSelect);
    file.add(sets(0, 3));
    file.add(kMulti + sets(3, 2) + kExec + sets(5, 1));
    file.add(sets(6, 20), "#TS:17\r\n");
    const AofOutcome outcome = read(file.text());
    EXPECT_EQ(outcome.kind, Kind::clean) << outcome.message;
    EXPECT_EQ(outcome.units.size(), 1U + 3 + 2 + 20);
    EXPECT_EQ(outcome.good_to, file.end()) << "what follows is filling";
    EXPECT_EQ(outcome.at, file.text().size());
    EXPECT_EQ(outcome.database, 9U);
    EXPECT_EQ(outcome.units.back().end, file.end());
    EXPECT_EQ(outcome.units.back().clock_s, 17);
}

/// Of a group any sectors may be on the disk when power is lost, and of the others what lay there.
void expect_torn_ends(const std::string& clock, size_t padding, const std::string& last) {
    Grouped file;
    file.add(sets(0, 3) + command({"SET", "padding", std::string(padding, 'p')}));
    file.add(sets(3, 1));
    const std::string before = file.text();
    const size_t good = file.end();
    file.add(last, clock);
    ASSERT_EQ(before.size(), file.text().size());
    const size_t first = good / kFillingPeriod;
    const size_t count = file.end() / kFillingPeriod + 1 - first;
    ASSERT_GE(count, 2U);
    for (uint64_t kept = 0; kept < uint64_t{1} << count; ++kept) {
        std::string torn = before;
        for (size_t i = 0; i < count; ++i) {
            if ((kept >> i & 1) == 0) continue;
            const size_t at = (first + i) * kFillingPeriod;
            torn.replace(at, kFillingPeriod, file.text(), at, kFillingPeriod);
        }
        const AofOutcome outcome = read_aof_whole(torn);
        SCOPED_TRACE(kept);
        if (torn == file.text()) {
            ASSERT_EQ(outcome.kind, Kind::clean);
            ASSERT_GT(outcome.units.size(), 5U);
            continue;
        }
        ASSERT_EQ(outcome.kind, torn == before ? Kind::clean : Kind::truncated) << outcome.message;
        ASSERT_EQ(outcome.units.size(), 5U);
        ASSERT_GE(outcome.good_to, good);
        ASSERT_LE(outcome.good_to, good + clock.size()) << "the line with the time may stay";
        if (kept % 37 == 1) read(torn);
    }
}

TEST(AofReader, AGroupThatIsNotWholeIsWhereTheFileEnds) {
    expect_torn_ends("", 10, sets(5, 30));
    expect_torn_ends("#TS:1700000000\r\n", 10, sets(5, 30));
    // Wherever a sector ends.
    for (size_t padding = 100; padding < 612; padding += 3) {
        SCOPED_TRACE(padding);
        expect_torn_ends("#TS:1700000000\r\n", padding, sets(5, 10));
    }
}

/// What clients store may be a piece of such a file.
TEST(AofReader, WhatAClientHasStoredIsNoHead) {
    const std::string inner = sets(0, 1);
    const std::string stored = to_string(GroupHead{0, inner.size(), base::crc64(0, inner)}) + inner;
    expect_torn_ends("", 10, sets(5, 10) + command({"SET", "backup", stored}) + sets(6, 10));
    Grouped file;
    file.add(sets(0, 3));
    const size_t good = file.end();
    file.add(command({"SET", "backup", stored}) + sets(3, 1));
    std::string text = file.text();
    text[file.end() - 10] ^= 1;
    const AofOutcome outcome = read(text);
    EXPECT_EQ(outcome.kind, Kind::truncated) << outcome.message;
    EXPECT_EQ(outcome.good_to, good);
}

/// A command that the file ends in, where a group was, does not swallow the groups behind it.
TEST(AofReader, NothingUnfinishedHidesAHead) {
    Grouped file;
    file.add(sets(0, 2));
    const size_t good = file.end();
    file.add(sets(2, 2));
    const size_t third = file.end();
    file.add(sets(4, 2));
    std::string text = file.text();
    const std::string begun = "*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$90000\r\n";
    text.replace(good, begun.size(), begun);
    const AofOutcome outcome = read(text);
    EXPECT_EQ(outcome.kind, Kind::corrupt) << outcome.message;
    EXPECT_EQ(outcome.good_to, good);
    EXPECT_NE(outcome.message.find("at byte " + std::to_string(third)), std::string::npos);
}

/// Two groups, of which the second is not whole.
struct WithTornGroup {
    WithTornGroup() {
        file.add(sets(0, 3));
        good = file.end();
        file.add(sets(3, 2));
        text = file.text();
        text[good + 70] ^= 1;
    }
    Grouped file;
    size_t good;
    std::string text;
};

/// Filling that was brought with the group is not there, or zeros are in its place.
TEST(AofReader, FillingMayBeMissingBehindATornGroup) {
    const WithTornGroup two;
    const auto& [file, good, text] = two;
    for (const size_t at : {file.end(), file.end() + 1, file.end() + 700, text.size()}) {
        std::string torn = text;
        std::fill(torn.begin() + static_cast<std::ptrdiff_t>(at), torn.end(), '\0');
        torn += std::string(40'000, '\0');
        const AofOutcome outcome = read(torn);
        EXPECT_EQ(outcome.kind, Kind::truncated) << outcome.message;
        EXPECT_EQ(outcome.good_to, good);
    }
}

/// What a crash leaves has nothing but filling behind it.
TEST(AofReader, MoreThanFillingBehindATornGroupIsDamage) {
    auto [file, good, text] = WithTornGroup();
    for (const std::string& more : {std::string("x"), kSet, std::string(20'000, '#') + "\r"}) {
        const AofOutcome outcome = read(text + more);
        EXPECT_EQ(outcome.kind, Kind::corrupt) << outcome.message;
        EXPECT_EQ(outcome.good_to, good);
    }
    // Where the head is missing as well, its group may have had any size.
    text.replace(good, 20, 20, ' ');
    EXPECT_EQ(read(text).kind, Kind::truncated);
    EXPECT_EQ(read(text + kSet).kind, Kind::truncated);
    EXPECT_EQ(read(text + std::string(20'000, ' ') + kSet).kind, Kind::corrupt);
}

/// Somebody took a command out: what follows is whole, at other offsets.
TEST(AofReader, GroupsThatWereMovedAreDamage) {
    for (const int first : {0, 3}) {
        Grouped file;
        file.add(sets(0, 3));
        const size_t second = file.end();
        file.add(sets(3, 3));
        const size_t third = file.end();
        file.add(sets(6, 3));
        std::string text = file.text();
        const std::string gone = sets(first, 1);
        const size_t at = text.find(gone);
        ASSERT_NE(at, text.npos);
        text.erase(at, gone.size());
        const AofOutcome outcome = read(text);
        EXPECT_EQ(outcome.kind, Kind::corrupt) << outcome.message;
        EXPECT_EQ(outcome.good_to, first == 0 ? 0 : second);
        // Or a group.
        text = file.text();
        text.erase(second, third - second);
        EXPECT_EQ(read(text).kind, Kind::corrupt);
        // And the file ends in what was moved.
        text.resize(second + 100);
        EXPECT_NE(read(text).kind, Kind::clean);
    }
}

/// Of the last group the file has no more than the head: but that is not the last.
TEST(AofReader, AHeadInsideTheGroupThatTheFileEndsInIsDamage) {
    Grouped file;
    file.add(sets(0, 2));
    const size_t first = file.end();
    file.add(sets(2, 2));
    std::string text = file.text().substr(0, file.end());
    const size_t bytes_at = text.find(':', 12) + 1;
    ASSERT_EQ(text[bytes_at], '1');
    text[bytes_at] = '9';
    const AofOutcome outcome = read(text);
    EXPECT_EQ(outcome.kind, Kind::corrupt) << outcome.message;
    EXPECT_EQ(outcome.good_to, 0U);
    EXPECT_NE(outcome.message.find("at byte " + std::to_string(first)), std::string::npos);
}

/// The file grew with it: where it ends too early it is a torn end as any other.
TEST(AofReader, AFileMayEndAnywhereInAGroup) {
    Grouped file;
    file.add(sets(0, 2));
    const size_t good = file.end();
    file.add(sets(2, 2));
    for (size_t length = good; length < file.end(); ++length) {
        const AofOutcome outcome = read_aof_whole(std::string_view(file.text()).substr(0, length));
        const bool is_at_end = length <= good + 1;  // or with one byte of filling
        ASSERT_EQ(outcome.kind, is_at_end ? Kind::clean : Kind::truncated) << length;
        ASSERT_EQ(outcome.good_to, good) << length;
        ASSERT_EQ(outcome.units.size(), 2U) << length;
    }
    for (size_t length = file.end(); length < file.text().size(); ++length) {
        const AofOutcome outcome = read_aof_whole(std::string_view(file.text()).substr(0, length));
        ASSERT_EQ(outcome.kind, Kind::clean) << length << outcome.message;
        ASSERT_EQ(outcome.good_to, file.end()) << length;
    }
}

/// Who wrote the next group knew that all before it was on the disk.
TEST(AofReader, AGroupBeforeAnotherIsDamagedAndNotTorn) {
    Grouped file;
    file.add(sets(0, 2));
    const size_t second = file.end();
    file.add(sets(2, 2));
    const size_t third = file.end();
    file.add(sets(4, 2));
    std::string text = file.text();
    for (size_t at = second; at < third; at += 3) {
        text[at] ^= 1;
        const AofOutcome outcome = read_aof_whole(text);
        ASSERT_EQ(outcome.kind, Kind::corrupt) << at;
        ASSERT_EQ(outcome.good_to, second) << at;
        // Or the group itself, where it has another offset in its head. A head begins like filling.
        const auto names = [&](size_t head) {
            return outcome.message.find("at byte " + std::to_string(head)) != std::string::npos;
        };
        ASSERT_TRUE(names(third) || names(third + 1) || names(second)) << outcome.message;
        text[at] ^= 1;
    }
    text[second + 60] ^= 1;
    read(text);
}

TEST(AofReader, AMarkSaysThatAllBeforeItWasOnTheDisk) {
    Grouped file;
    file.add(sets(0, 2));
    const size_t good = file.end();
    file.add(sets(2, 2));
    file.leave(sets(4, 2));
    const AofOutcome whole = read(file.text());
    EXPECT_EQ(whole.kind, Kind::clean) << whole.message;
    EXPECT_EQ(whole.units.size(), 6U);
    EXPECT_EQ(whole.good_to, file.end());
    std::string text = file.text();
    text[good + 50] ^= 1;
    const AofOutcome damaged = read(text);
    EXPECT_EQ(damaged.kind, Kind::corrupt);
    EXPECT_EQ(damaged.good_to, good);
    // Behind a mark damage is damage.
    EXPECT_EQ(read(file.text() + "x" + sets(6, 1)).kind, Kind::corrupt);
}

/// redis-server writes on behind the filling that a crash has left.
TEST(AofReader, WhatOthersWriteBehindFillingIsRead) {
    Grouped file;
    file.add(sets(0, 2));
    const std::string text = file.text() + sets(2, 2);
    const AofOutcome outcome = read(text);
    EXPECT_EQ(outcome.kind, Kind::clean) << outcome.message;
    EXPECT_EQ(outcome.units.size(), 4U);
    EXPECT_EQ(outcome.good_to, text.size());
    EXPECT_EQ(read(text + "x").kind, Kind::corrupt);
    EXPECT_EQ(read(text + "*3").kind, Kind::truncated);
}

TEST(AofReader, AHeadStandsWhereItSays) {
    const std::string units = sets(0, 1);
    const std::string elsewhere = to_string(GroupHead{1, units.size(), base::crc64(0, units)});
    EXPECT_EQ(read(elsewhere + units).kind, Kind::corrupt);
    EXPECT_EQ(read("#GYRE-GROUP:0\r\n" + units).kind, Kind::corrupt);
    const std::string here = to_string(GroupHead{0, units.size(), base::crc64(0, units)});
    EXPECT_EQ(read(here + units).kind, Kind::clean);
    EXPECT_EQ(read("#GYRE-TIMESTAMP:1\r\n" + here + units).kind, Kind::corrupt);
}

TEST(AofReader, SaysWhetherAGroupIsLast) {
    struct Ignore final : AofHandler {
        Result<void> on_unit(const AofUnit&) override { return {}; }
    } ignore;
    Grouped file;
    const auto ends_with_group = [&](const std::string& text) {
        AofReader reader(ignore);
        reader.feed(text);
        return reader.finish().has_group_last;
    };
    EXPECT_FALSE(ends_with_group(kSet));
    file.add(kSet);
    EXPECT_TRUE(ends_with_group(file.text()));
    EXPECT_TRUE(ends_with_group(file.text().substr(0, file.end())));
    file.leave(kSet);
    EXPECT_FALSE(ends_with_group(file.text()));
}

TEST(AofReader, AnAnnotationHasNoZero) {
    const AofOutcome outcome = read(kSet + "#TS:1\0\r\n"s + kSet);
    EXPECT_EQ(outcome.kind, Kind::corrupt);
    EXPECT_EQ(outcome.at, kSet.size() + 5);
    EXPECT_EQ(outcome.good_to, kSet.size());
}

}  // namespace
}  // namespace gyre::log
