// SPDX-License-Identifier: BSD-3-Clause
//
// Heads of groups: one way to write each, and no other is read. Filling: the same at each place of
// a file, its lines never ending where a sector does.

#include "log/group_head.h"

#include <gtest/gtest.h>

#include <string>

#include "log/aof_reader.h"

namespace gyre::log {
namespace {

TEST(GroupHead, IsALineOfItsNumbers) {
    EXPECT_EQ(to_string({.offset = 17, .bytes = 300, .crc = 0xab}),
              "#GYRE-GROUP:17:300:00000000000000ab\r\n");
    const std::string longest = to_string({UINT64_MAX, kCheckedBytesMax, UINT64_MAX});
    EXPECT_LE(longest.size(), kGroupHeadBytesMax);
    const auto head = parse_group_head(longest.substr(0, longest.size() - 1));
    ASSERT_TRUE(head.has_value());
    EXPECT_EQ(head->offset, UINT64_MAX);
    EXPECT_EQ(head->bytes, kCheckedBytesMax);
    EXPECT_EQ(head->crc, UINT64_MAX);
    EXPECT_FALSE(head->is_mark());
    EXPECT_TRUE(parse_group_head("#GYRE-GROUP:5:0:0000000000000000\r")->is_mark());
}

TEST(GroupHead, IsNothingElse) {
    for (const char* line : {
             "#GYRE-GROUP:5:10:00000000000000ab",      // no CR
             "#GYRE-GROUP:5:10:00000000000000ab\r\r",  // two of them
             "#GYRE-GROUP:5:10:00000000000000ab \r",   // more behind it
             "#GYRE-GROUP:05:10:00000000000000ab\r",   // a leading zero
             "#GYRE-GROUP:+5:10:00000000000000ab\r",   // a sign
             "#GYRE-GROUP:-5:10:00000000000000ab\r",
             "#GYRE-GROUP:5:10:ab\r",                   // digits missing
             "#GYRE-GROUP:5:10:00000000000000AB\r",     // in capitals
             "#GYRE-GROUP:5:16385:00000000000000ab\r",  // too long
             "#GYRE-GROUP:99999999999999999999:10:00000000000000ab\r",
             "#GYRE-GROUP:5:10\r",
             "#GYRE-GROUP:\r",
             "#GYRE-GROUP",
             "#gyre-group:5:10:00000000000000ab\r",
             "",
         }) {
        EXPECT_FALSE(parse_group_head(line).has_value()) << line;
    }
}

TEST(Filling, HasLinesThatEndInTheMiddleOfASector) {
    const std::string text(filling(0, 8 * kFillingPeriod));
    size_t lines = 0;
    for (size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\n') continue;
        ++lines;
        EXPECT_EQ(at % kFillingPeriod, kFillingLineEnd);
        EXPECT_EQ(text[at + 1], '#');
    }
    EXPECT_EQ(lines, 8U);
    EXPECT_LE(kFillingPeriod, kAnnotationBytesMax) << "a line that Redis takes";
    EXPECT_EQ(text.find_first_not_of(" #\n"), std::string::npos);
}

TEST(Filling, IsTheSameAtEachPlace) {
    const std::string text(filling(0, kFillingBytesMax));
    for (const uint64_t offset : {1, 254, 255, 256, 511, 512, 513, 70'000}) {
        EXPECT_EQ(filling(offset, 2000), text.substr(offset % kFillingPeriod, 2000)) << offset;
    }
}

TEST(Filling, EndsBehindALine) {
    for (uint64_t offset = 0; offset < 2000; ++offset) {
        const uint64_t end = filling_end(offset);
        EXPECT_GE(end, offset);
        EXPECT_LT(end, offset + kFillingPeriod);
        EXPECT_EQ((end - 1) % kFillingPeriod, kFillingLineEnd);
        EXPECT_EQ(filling_end(end), end);
    }
}

TEST(Filling, IsKnownByItsLines) {
    EXPECT_TRUE(is_filling("#   ", 255));
    EXPECT_TRUE(is_filling("##  #", 512 + 255)) << "where a group has ended in it";
    EXPECT_FALSE(is_filling("#   ", 256));
    EXPECT_FALSE(is_filling("# x ", 255));
    EXPECT_FALSE(is_filling("#  \r", 255));
}

}  // namespace
}  // namespace gyre::log
