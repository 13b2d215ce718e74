// SPDX-License-Identifier: BSD-3-Clause

// The bytes of each effect against those redis-server 7.0 writes into its append-only file, and
// that the length computed before is the length written.

#include "log/effect_writer.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "resp/request_parser.h"
#include "support/aof_driver.h"
#include "support/seed.h"

namespace gyre::log {
namespace {

using namespace std::string_literals;
using namespace std::string_view_literals;

template <class Part>
std::string text(const Part& part) {
    std::string out = "before";
    append(out, part);
    EXPECT_TRUE(out.starts_with("before"));
    EXPECT_EQ(out.size(), 6 + part.bytes());
    return out.substr(6);
}

std::string command(const std::vector<std::string>& words) {
    std::string out = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) {
        out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }
    return out;
}

TEST(EffectWriter, ASetIsTheArrayThatRedisWrites) {
    EXPECT_EQ(text(SetEffect{.key = "a", .value = "1"}),
              "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n");
    EXPECT_EQ(text(SetEffect{.key = "a", .value = "1", .expire_ms = 1795261903160}),
              "*5\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n$4\r\nPXAT\r\n$13\r\n1795261903160\r\n");
    EXPECT_EQ(text(SetEffect{.key = "a", .value = "6.5", .keeps_ttl = true}),
              command({"SET", "a", "6.5", "KEEPTTL"}));
}

TEST(EffectWriter, EmptyAndBinaryWordsKeepTheirBytes) {
    EXPECT_EQ(text(SetEffect{}), "*3\r\n$3\r\nSET\r\n$0\r\n\r\n$0\r\n\r\n");
    EXPECT_EQ(text(SetEffect{.key = "\0\r\n$1"sv, .value = "\xff\0"sv}),
              command({"SET", "\0\r\n$1"s, "\xff\0"s}));
}

TEST(EffectWriter, TheOtherEffectsHaveTheWordsOfTheirCommand) {
    const std::array<std::string_view, 2> keys = {"a", "bb"};
    const std::array<KeyValue, 2> pairs = {KeyValue{"a", "1"}, KeyValue{"b", ""}};
    EXPECT_EQ(text(ExpireEffect{"a", 1795261903525}), command({"PEXPIREAT", "a", "1795261903525"}));
    EXPECT_EQ(text(ExpireEffect{"a", -1}), command({"PEXPIREAT", "a", "-1"}));
    EXPECT_EQ(text(PersistEffect{"a"}), command({"PERSIST", "a"}));
    EXPECT_EQ(text(DeleteEffect{.keys = keys}), command({"DEL", "a", "bb"}));
    EXPECT_EQ(text(DeleteEffect{.keys = keys, .is_unlink = true}), command({"UNLINK", "a", "bb"}));
    EXPECT_EQ(text(SetManyEffect{pairs}), command({"MSET", "a", "1", "b", ""}));
    EXPECT_EQ(text(RenameEffect{"a", "b"}), command({"RENAME", "a", "b"}));
    EXPECT_EQ(text(MoveEffect{"a", 12}), command({"MOVE", "a", "12"}));
    EXPECT_EQ(text(CopyEffect{.source = "a", .destination = "b"}), command({"COPY", "a", "b"}));
    EXPECT_EQ(
        text(CopyEffect{.source = "a", .destination = "b", .database = 3, .is_replacing = true}),
        command({"COPY", "a", "b", "DB", "3", "REPLACE"}));
    EXPECT_EQ(text(SwapDatabasesEffect{0, 15}), command({"SWAPDB", "0", "15"}));
    EXPECT_EQ(text(FlushDatabaseEffect{}), command({"FLUSHDB"}));
    EXPECT_EQ(text(FlushAllEffect{}), command({"FLUSHALL"}));
    EXPECT_EQ(text(SelectEffect{10}), command({"SELECT", "10"}));
    EXPECT_EQ(text(MultiEffect{}), command({"MULTI"}));
    EXPECT_EQ(text(ExecEffect{}), command({"EXEC"}));
    EXPECT_EQ(text(CommandEffect{keys}), command({"a", "bb"}));
    EXPECT_EQ(text(TimestampLine{1700000000000}), "#GYRE-TIMESTAMP:1700000000000\r\n");
    EXPECT_EQ(text(ClockLine{1795261806}), "#TS:1795261806\r\n");
}

TEST(EffectWriter, ARecordOfDatabaseZeroIsItsEffectAlone) {
    const std::array<Step, 1> steps = {Step{.effect = PersistEffect{"a"}}};
    EXPECT_EQ(text(Record{steps}), command({"PERSIST", "a"}));
}

TEST(EffectWriter, ARecordOfAnotherDatabaseSelectsAndReturns) {
    const std::array<Step, 1> steps = {
        Step{.database = 7, .effect = SetEffect{.key = "a", .value = "1"}, .timestamp_ms = 5}};
    EXPECT_EQ(text(Record{steps}), command({"SELECT", "7"}) + "#GYRE-TIMESTAMP:5\r\n" +
                                       command({"SET", "a", "1"}) + command({"SELECT", "0"}));
}

TEST(EffectWriter, SeveralStepsAreATransactionThatSelectsInside) {
    const std::array<Step, 4> steps = {
        Step{.database = 3, .effect = PersistEffect{"a"}},
        Step{.database = 3, .effect = PersistEffect{"b"}},
        Step{.database = 0, .effect = PersistEffect{"c"}, .timestamp_ms = -1},
        Step{.database = 4, .effect = PersistEffect{"d"}}};
    EXPECT_EQ(text(Record{steps}),
              command({"MULTI"}) + command({"SELECT", "3"}) + command({"PERSIST", "a"}) +
                  command({"PERSIST", "b"}) + command({"SELECT", "0"}) + "#GYRE-TIMESTAMP:-1\r\n" +
                  command({"PERSIST", "c"}) + command({"SELECT", "4"}) + command({"PERSIST", "d"}) +
                  command({"SELECT", "0"}) + command({"EXEC"}));
}

// Random records: the words they borrow live here.
class RandomRecords {
public:
    explicit RandomRecords(uint64_t seed) : random_(seed) {
        for (std::string& word : words_) word = random_word();
        for (size_t i = 0; i < views_.size(); ++i) views_[i] = words_[i];
        for (size_t i = 0; i < pairs_.size(); ++i) pairs_[i] = {word(), word()};
    }

    std::vector<Step> steps() {
        std::vector<Step> steps(below(4) == 0 ? 1 + below(5) : 1);
        for (Step& step : steps) {
            step.database = below(3) == 0 ? below(20) : 0;
            step.effect = effect();
            if (below(4) == 0) step.timestamp_ms = number();
        }
        return steps;
    }

private:
    size_t below(size_t limit) { return random_() % limit; }
    std::string_view word() { return views_[below(views_.size())]; }
    // Of every length in decimal.
    int64_t number() { return static_cast<int64_t>(random_()) >> below(64); }
    std::string random_word() {
        // Around the lengths whose count of digits changes.
        constexpr std::array<size_t, 8> kLengths = {0, 1, 9, 10, 99, 100, 999, 1000};
        std::string word(kLengths[below(kLengths.size())] + below(2), ' ');
        for (char& byte : word) byte = static_cast<char>(random_());
        return word;
    }
    std::span<const std::string_view> some_words() {
        return std::span(views_).first(1 + below(views_.size()));
    }
    Effect effect() {
        switch (below(12)) {
            case 0:
                return SetEffect{.key = word(), .value = word(), .expire_ms = number()};
            case 1:
                return SetEffect{.key = word(), .value = word(), .keeps_ttl = below(2) == 0};
            case 2:
                return ExpireEffect{word(), number()};
            case 3:
                return PersistEffect{word()};
            case 4:
                return DeleteEffect{some_words(), below(2) == 0};
            case 5:
                return SetManyEffect{std::span(pairs_).first(1 + below(pairs_.size()))};
            case 6:
                return RenameEffect{word(), word()};
            case 7:
                return MoveEffect{word(), below(1000)};
            case 8:
                return CopyEffect{word(), word(), below(20), below(2) == 0};
            case 9:
                return SwapDatabasesEffect{below(20), below(200)};
            case 10:
                return below(2) == 0 ? Effect{FlushAllEffect{}} : Effect{FlushDatabaseEffect{}};
            default:
                return CommandEffect{some_words()};
        }
    }

    std::mt19937_64 random_;
    std::array<std::string, 12> words_;
    std::array<std::string_view, 12> views_;
    std::array<KeyValue, 12> pairs_;
};

TEST(EffectWriter, TheLengthComputedIsTheLengthWritten) {
    SCOPED_TRACE(seed_note());
    constexpr char kGuard = '\x5a';
    for (uint64_t round = 0; round < 3000; ++round) {
        RandomRecords records(test_seed() + round);
        const std::vector<Step> steps = records.steps();
        const Record record{steps};
        std::string out(record.bytes() + 1, kGuard);
        ASSERT_EQ(record.write(out.data()), out.data() + record.bytes());
        ASSERT_EQ(out.back(), kGuard);
    }
}

TEST(EffectWriter, TheReaderGivesBackWhatWasWritten) {
    SCOPED_TRACE(seed_note());
    std::string file;
    uint64_t steps_total = 0;
    for (uint64_t round = 0; round < 500; ++round) {
        RandomRecords records(test_seed() + round);
        const std::vector<Step> steps = records.steps();
        append(file, Record{steps});
        steps_total += steps.size();
    }
    const test::AofOutcome outcome = test::read_aof_whole(file);
    ASSERT_EQ(outcome.kind, AofEnd::Kind::clean) << outcome.message;
    EXPECT_EQ(outcome.database, 0U);
    // Writing again what was read gives the same file.
    std::string again;
    uint64_t effects = 0;
    for (const test::AofSeenUnit& unit : outcome.units) {
        if (unit.is_transaction) append(again, MultiEffect{});
        for (const test::AofSeenCommand& seen : unit.commands) {
            if (seen.timestamp_ms) append(again, TimestampLine{*seen.timestamp_ms});
            EXPECT_EQ(seen.offset, again.size());
            const std::vector<std::string_view> words(seen.words.begin(), seen.words.end());
            append(again, CommandEffect{words});
            if (seen.words.front() != "SELECT") ++effects;
        }
        if (unit.is_transaction) append(again, ExecEffect{});
        EXPECT_EQ(unit.end, again.size());
    }
    EXPECT_EQ(again, file);
    EXPECT_EQ(effects, steps_total);
}

/// A command as it came is what would be written, or its parser has let something pass that the
/// file must not have.
TEST(EffectWriter, KnowsTheFormItWrites) {
    SCOPED_TRACE(seed_note());
    std::mt19937_64 random(test_seed());
    int written = 0;
    int others = 0;
    for (int round = 0; round < 50'000; ++round) {
        std::vector<std::string> words(1 + random() % 12);
        for (std::string& word : words) word.assign(random() % 4 == 0 ? random() % 120 : 3, 'w');
        std::string wire = command(words);
        for (uint64_t changes = random() % 3; changes > 0; --changes) {
            constexpr std::string_view bytes = "\r\n$*0123456789w ";
            wire[random() % wire.size()] = bytes[random() % bytes.size()];
        }
        resp::RequestParser parser;
        std::vector<resp::Argument> arguments;
        size_t consumed = 0;
        if (parser.parse(wire, {}, arguments, consumed) != resp::RequestParser::Status::complete)
            continue;
        if (arguments.empty()) continue;
        const std::string_view taken = std::string_view(wire).substr(0, consumed);
        std::vector<std::string> parsed;
        for (const resp::Argument& argument : arguments) {
            parsed.emplace_back(argument.bytes);
            if (argument.block != nullptr) argument.block->release();
        }
        const bool is_written = taken == command(parsed);
        ASSERT_EQ(is_written_form(taken, arguments), is_written) << wire;
        is_written ? ++written : ++others;
    }
    EXPECT_GT(written, 10'000);
    EXPECT_GT(others, 1000);
}

TEST(EffectWriter, WordsFromElsewhereAreNotOfTheWire) {
    const std::string wire = command({"SET", "key", "value"});
    const std::string other = wire;
    std::vector<resp::Argument> arguments{{std::string_view(wire).substr(8, 3)},
                                          {std::string_view(wire).substr(17, 3)},
                                          {std::string_view(wire).substr(26, 5)}};
    EXPECT_TRUE(is_written_form(wire, arguments));
    EXPECT_FALSE(is_written_form({}, arguments));
    EXPECT_FALSE(is_written_form(std::string_view(wire).substr(0, wire.size() - 1), arguments));
    for (resp::Argument& argument : arguments) {
        const std::string_view before = argument.bytes;
        argument.bytes = std::string_view(other).substr(
            static_cast<size_t>(before.data() - wire.data()), before.size());
        EXPECT_FALSE(is_written_form(wire, arguments));
        argument.bytes = before;
    }
}

}  // namespace
}  // namespace gyre::log
