// SPDX-License-Identifier: BSD-3-Clause

// Manifests, good and bad. What is accepted is compared with redis-server in the compatibility
// suite; here are the texts of the errors and the operations.

#include "log/aof_manifest.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "support/seed.h"

namespace gyre::log {
namespace {

using namespace std::string_literals;
using Files = std::vector<AofFile>;

const AofNames kNames;

AofManifest parsed(std::string_view text) {
    Result<AofManifest> manifest = AofManifest::parse(text);
    EXPECT_TRUE(manifest) << (manifest ? "" : manifest.error().message);
    return manifest ? *manifest : AofManifest{};
}

std::string error(std::string_view text) {
    const Result<AofManifest> manifest = AofManifest::parse(text);
    return manifest ? "accepted" : manifest.error().message;
}

TEST(AofManifest, ReadsWhatRedisWrites) {
    const std::string text =
        "file appendonly.aof.2.base.rdb seq 2 type b\n"
        "file appendonly.aof.1.base.rdb seq 1 type h\n"
        "file appendonly.aof.1.incr.aof seq 1 type h\n"
        "file appendonly.aof.2.incr.aof seq 2 type i\n"
        "file appendonly.aof.5.incr.aof seq 5 type i\n";
    const AofManifest manifest = parsed(text);
    EXPECT_EQ(manifest.base, (AofFile{"appendonly.aof.2.base.rdb", 2}));
    EXPECT_EQ(manifest.history,
              (Files{{"appendonly.aof.1.base.rdb", 1}, {"appendonly.aof.1.incr.aof", 1}}));
    EXPECT_EQ(manifest.increments,
              (Files{{"appendonly.aof.2.incr.aof", 2}, {"appendonly.aof.5.incr.aof", 5}}));
    EXPECT_EQ(manifest.format(), text);
    EXPECT_EQ(manifest.load_order(), (Files{{"appendonly.aof.2.base.rdb", 2},
                                            {"appendonly.aof.2.incr.aof", 2},
                                            {"appendonly.aof.5.incr.aof", 5}}));
    EXPECT_EQ(manifest.deletable(),
              (std::vector<std::string>{"appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"}));
}

TEST(AofManifest, PairsStandInAnyOrderAndCaseAndUnknownOnesAreSkipped) {
    EXPECT_EQ(parsed("  TYPE base  Seq 3 shard 4 FILE a \t\r\n").base, (AofFile{"a", 3}));
    EXPECT_EQ(parsed("#only a comment\n"), AofManifest{});
    EXPECT_EQ(parsed("#without an end"), AofManifest{});
    EXPECT_EQ(parsed("# a\nfile a seq 1 type i\n#\n").increments, (Files{{"a", 1}}));
}

TEST(AofManifest, NamesWithOddBytesAreQuoted) {
    for (const std::string& name : {"a b"s, "a\"b"s, "it's"s, "\n\t\x01"s, "#x"s, "\xc3\xa4"s}) {
        AofManifest manifest;
        manifest.base = AofFile{name, 1};
        EXPECT_EQ(parsed(manifest.format()), manifest) << manifest.format();
    }
    AofManifest manifest;
    manifest.base = AofFile{"a b", 1};
    EXPECT_EQ(manifest.format(), "file \"a b\" seq 1 type b\n");
}

TEST(AofManifest, SaysLineAndReason) {
    const std::string good = "file g seq 1 type i\n";
    const auto line_2 = [](const std::string& reason) {
        return "append-only file manifest, line 2: " + reason + "; correct it, or restore a copy";
    };
    const std::string form = line_2("expected 'file NAME seq NUMBER type b|h|i'");
    EXPECT_EQ(error(good + "\n"), form);
    EXPECT_EQ(error(good + "file a seq 2\n"), form);
    EXPECT_EQ(error(good + "file a seq 2 type i x\n"), form);
    EXPECT_EQ(error(good + " # x\n"), form);
    EXPECT_EQ(error(good + "file \"a seq 2 type i\n"), line_2("the quotes are not balanced"));
    EXPECT_EQ(error(good + "file a seq 2 type i"), line_2("the line feed at its end is missing"));
    EXPECT_EQ(error(good + "file a seq 2 type i\0\n"s), line_2("a zero byte"));
    EXPECT_EQ(error(good + std::string(1024, 'x') + "\n"), line_2("longer than 1024 bytes"));
    EXPECT_EQ(error(good + "nile a seq 2 type i\n"), line_2("'file' is missing"));
    EXPECT_EQ(error(good + "file a sec 2 type i\n"), line_2("'seq' is missing"));
    EXPECT_EQ(error(good + "file a seq 2 mode i\n"), line_2("'type' is missing"));
    EXPECT_EQ(error(good + "file a seq 2 type \"\"\n"), line_2("'type' is missing"));
    EXPECT_EQ(error(good + "file a seq 2 type x\n"), line_2("the type is none of b, h and i"));
    const std::string number = line_2("the sequence number is not a number above 0");
    for (const std::string text : {"0", "-1", "2x", "x", "\"\"", "9223372036854775808"}) {
        EXPECT_EQ(error(good + "file a seq " + text + " type i\n"), number);
    }
    EXPECT_EQ(error(good + "file a seq 1 type i\n"),
              line_2("the sequence numbers of type i do not ascend"));
    const std::string path =
        line_2("the file name is a path; only a name within the directory is possible");
    EXPECT_EQ(error(good + "file ../a seq 2 type i\n"), path);
    EXPECT_EQ(error(good + "file a\\\\b seq 2 type i\n"), path);
    EXPECT_EQ(error(good + "file .. seq 2 type i\n"), line_2("the file name is a directory"));
    EXPECT_EQ(error(good + "file \"\" seq 2 type i\n"), line_2("the file name is empty"));
    EXPECT_EQ(error(good + "file \"a\\x00\" seq 2 type i\n"),
              line_2("the file name holds a zero byte"));
    EXPECT_EQ(error(good + "file " + std::string(256, 'a') + " seq 2 type i\n"),
              line_2("the file name is longer than 255 bytes"));
    EXPECT_EQ(error(good + "file " + std::string(250, '\xe4') + " seq 2 type i\n"),
              line_2("the file name is too long for a line of 1024 bytes once it is quoted"));
    EXPECT_EQ(error("file a seq 1 type b\nfile b seq 2 type b\n"), line_2("a second base file"));
    EXPECT_EQ(
        error("file a seq 1 type b\nfile a seq 1 type i\n"),
        "append-only file manifest: the file \"a\" stands in it twice; correct it, or restore a "
        "copy");
    EXPECT_EQ(error(""),
              "append-only file manifest: it is empty; restore a copy, or remove the directory to "
              "start without data");
}

TEST(AofManifest, HasAsManyFilesAsItsLimit) {
    std::string text;
    for (size_t i = 1; i <= kManifestFilesMax; ++i) {
        text += "file appendonly.aof." + std::to_string(i) + ".incr.aof seq " + std::to_string(i) +
                " type h\n";
    }
    const AofManifest manifest = parsed(text);
    EXPECT_EQ(
        error(text + "file x seq 1 type b\n"),
        "append-only file manifest, line 65537: more than 65536 files; correct it, or restore a "
        "copy");
    EXPECT_EQ(
        error(std::string(kManifestBytesMax + 1, '#')),
        "append-only file manifest: it is longer than 67108864 bytes; correct it, or restore a "
        "copy");
    const Result<AofManifest> next = manifest.with_new_increment(kNames);
    ASSERT_FALSE(next);
    EXPECT_NE(next.error().message.find("65536 parts"), std::string::npos);
    // All the names it would try are taken.
    AofManifest almost = manifest;
    almost.history.pop_back();
    EXPECT_EQ(almost.with_new_increment(kNames)->increments,
              (Files{{"appendonly.aof.65536.incr.aof", 65536}}));
}

TEST(AofManifest, ARewriteTakesTheStepsOfRedis) {
    const AofManifest empty;
    const AofManifest fresh =
        *empty.with_new_increment(kNames)->with_new_base(kNames, BaseFormat::rdb, 1);
    EXPECT_EQ(fresh.format(),
              "file appendonly.aof.1.base.rdb seq 1 type b\n"
              "file appendonly.aof.1.incr.aof seq 1 type i\n");
    const AofManifest begun = *fresh.with_new_increment(kNames);
    EXPECT_EQ(begun.format(), fresh.format() + "file appendonly.aof.2.incr.aof seq 2 type i\n");
    const AofManifest failed_and_begun = *begun.with_new_increment(kNames);
    const AofManifest done = *failed_and_begun.with_new_base(kNames, BaseFormat::aof, 3);
    EXPECT_EQ(done.format(),
              "file appendonly.aof.2.base.aof seq 2 type b\n"
              "file appendonly.aof.1.base.rdb seq 1 type h\n"
              "file appendonly.aof.1.incr.aof seq 1 type h\n"
              "file appendonly.aof.2.incr.aof seq 2 type h\n"
              "file appendonly.aof.3.incr.aof seq 3 type i\n");
    EXPECT_EQ(done.deletable().size(), 3U);
    EXPECT_EQ(done.without_history().format(),
              "file appendonly.aof.2.base.aof seq 2 type b\n"
              "file appendonly.aof.3.incr.aof seq 3 type i\n");
    EXPECT_TRUE(done.without_history().deletable().empty());
}

TEST(AofManifest, AnOldFileBecomesTheBase) {
    const AofManifest manifest = *AofManifest::of_old_file("appendonly.aof");
    EXPECT_EQ(manifest.format(), "file appendonly.aof seq 1 type b\n");
    EXPECT_EQ(manifest.with_new_increment(kNames)->increments,
              (Files{{"appendonly.aof.1.incr.aof", 1}}));
    EXPECT_FALSE(AofManifest::of_old_file("a/b"));
}

TEST(AofManifest, ANameOfTheHistoryIsNotUsedAgain) {
    const AofManifest manifest = parsed("file appendonly.aof.1.incr.aof seq 1 type h\n");
    EXPECT_EQ(manifest.with_new_increment(kNames)->increments,
              (Files{{"appendonly.aof.2.incr.aof", 2}}));
}

TEST(AofManifest, ANameThatIsTakenIsPassedOver) {
    const NameTest is_taken = [](const std::string& name) {
        return name == "appendonly.aof.1.base.rdb" || name == "appendonly.aof.1.incr.aof" ||
               name == "appendonly.aof.2.incr.aof";
    };
    const AofManifest begun = *AofManifest{}.with_new_increment(kNames, is_taken);
    EXPECT_EQ(begun.increments, (Files{{"appendonly.aof.3.incr.aof", 3}}));
    const AofManifest done = *begun.with_new_base(kNames, BaseFormat::rdb, 3, is_taken);
    EXPECT_EQ(done.base->name, "appendonly.aof.2.base.rdb");
}

TEST(AofManifest, WithoutFilesItIsNoEmptyText) {
    EXPECT_EQ(AofManifest{}.format(), "# No file yet\n");
    EXPECT_EQ(parsed(AofManifest{}.format()), AofManifest{});
}

TEST(AofManifest, KnowsTheNamesOfItsFiles) {
    for (const char* name : {"appendonly.aof", "appendonly.aof.1.base.rdb",
                             "appendonly.aof.12.base.aof", "appendonly.aof.3.incr.aof"}) {
        EXPECT_TRUE(kNames.is_of_data(name)) << name;
    }
    for (const char* name :
         {"", "appendonly.ao", "appendonly.aofx", "appendonly.aof.", "appendonly.aof.manifest",
          "appendonly.aof.1", "appendonly.aof.incr.aof", "appendonly.aof..incr.aof",
          "appendonly.aof.x.incr.aof", "appendonly.aof.1.incr.rdb", "appendonly.aof.1.incr.aof.old",
          "appendonly.aof1.incr.aof", "temp-appendonly.aof.base", "other.aof.1.incr.aof"}) {
        EXPECT_FALSE(kNames.is_of_data(name)) << name;
    }
}

TEST(AofManifest, TheLastSequenceNumberHasNoNext) {
    const AofManifest last = parsed("file a seq 9223372036854775807 type i\n");
    EXPECT_FALSE(last.with_new_increment(kNames));
    EXPECT_TRUE(last.with_new_base(kNames, BaseFormat::rdb, 1));
    EXPECT_FALSE(parsed("file a seq 9223372036854775807 type b\n")
                     .with_new_base(kNames, BaseFormat::rdb, 1));
}

TEST(AofManifest, ANameThatCannotBeOneIsRefusedBeforeItIsWritten) {
    const Result<AofManifest> next =
        AofManifest{}.with_new_increment(AofNames{std::string(250, 'a')});
    ASSERT_FALSE(next);
    EXPECT_EQ(next.error().message,
              "appendfilename: the file name is longer than 255 bytes; choose another");
}

TEST(AofManifest, NamesFollowTheScheme) {
    const AofNames names{"x"};
    EXPECT_EQ(names.base(3, BaseFormat::rdb), "x.3.base.rdb");
    EXPECT_EQ(names.base(3, BaseFormat::aof), "x.3.base.aof");
    EXPECT_EQ(names.increment(4), "x.4.incr.aof");
    EXPECT_EQ(names.manifest(), "x.manifest");
    EXPECT_EQ(names.temporary_manifest(), "temp-x.manifest");
}

TEST(AofManifest, WhatIsWrittenReadsBack) {
    SCOPED_TRACE(seed_note());
    std::mt19937_64 random(test_seed());
    for (int round = 0; round < 300; ++round) {
        AofNames names;
        names.prefix.clear();
        // Any bytes but those that no name has.
        for (uint64_t i = random() % 12; i > 0; --i) {
            const char byte = static_cast<char>(random());
            if (byte != '\0' && byte != '/' && byte != '\\') names.prefix += byte;
        }
        AofManifest manifest;
        for (uint64_t step = random() % 10; step > 0; --step) {
            const Result<AofManifest> next =
                random() % 3 == 0 && !manifest.increments.empty()
                    ? manifest.with_new_base(names, BaseFormat::rdb,
                                             manifest.increments.back().sequence)
                    : manifest.with_new_increment(names);
            ASSERT_TRUE(next);
            manifest = *next;
            if (random() % 4 == 0) manifest = manifest.without_history();
        }
        ASSERT_EQ(parsed(manifest.format()), manifest) << manifest.format();
    }
}

}  // namespace
}  // namespace gyre::log
