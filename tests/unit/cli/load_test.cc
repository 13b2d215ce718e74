// SPDX-License-Identifier: BSD-3-Clause

// What --load sends for a key.

#include "cli/load.h"

#include <gtest/gtest.h>

#include "snapshot/dump.h"

namespace gyre::cli {
namespace {

using Words = std::vector<std::string>;

Words without_payload(const snapshot::Record& record, bool replaces = false) {
    Words words = restore_words(record, replaces);
    words.erase(words.begin() + 3);
    return words;
}

TEST(Load, SendsTheDeadlineAsTheMomentItIs) {
    EXPECT_EQ(without_payload({.key = "k", .value = "v"}), (Words{"RESTORE", "k", "0", "ABSTTL"}));
    EXPECT_EQ(without_payload({.key = "k", .value = "v", .expire_ms = 1767225600000}, true),
              (Words{"RESTORE", "k", "1767225600000", "ABSTTL", "REPLACE"}));
}

TEST(Load, MakesNoKeyEternalWhoseDeadlineIsLongPast) {
    // 0 stands for no deadline in RESTORE, and below it for an error.
    EXPECT_EQ(without_payload({.key = "k", .expire_ms = 0})[2], "1");
    EXPECT_EQ(without_payload({.key = "k", .expire_ms = -5})[2], "1");
}

TEST(Load, SendsHowAKeyWasUsed) {
    EXPECT_EQ(without_payload({.key = "k", .idle_seconds = 60}),
              (Words{"RESTORE", "k", "0", "ABSTTL", "IDLETIME", "60"}));
    EXPECT_EQ(without_payload({.key = "k", .frequency = 7}),
              (Words{"RESTORE", "k", "0", "ABSTTL", "FREQ", "7"}));
}

TEST(Load, SendsAPayloadOfTheOldestVersionThatHoldsTheValue) {
    const std::string value(1000, 'x');
    const std::string payload = restore_words({.key = "k", .value = value}, false)[3];
    EXPECT_GT(payload.size(), value.size());  // not compressed
    EXPECT_EQ(payload[payload.size() - snapshot::kDumpFooterBytes], 10);
    const auto restored = snapshot::restore_payload(payload);
    ASSERT_TRUE(restored) << restored.error().message;
    EXPECT_EQ(restored->value, value);
}

}  // namespace
}  // namespace gyre::cli
