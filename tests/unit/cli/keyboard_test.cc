// SPDX-License-Identifier: BSD-3-Clause

// Keys and pastes out of bytes, however they are cut.

#include "cli/keyboard.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

using Kind = Keyboard::Kind;

TEST(Keyboard, DecodesCharacters) {
    Keyboard keyboard;
    keyboard.feed("a\xc3");
    EXPECT_EQ(keyboard.next().character, U'a');
    EXPECT_EQ(keyboard.next().kind, Kind::nothing);
    keyboard.feed("\xa9\xf0\x9f\x98\x80\xff");
    EXPECT_EQ(keyboard.next().character, U'\u00e9');
    EXPECT_EQ(keyboard.next().character, U'\U0001f600');
    EXPECT_EQ(keyboard.next().character, U'\ufffd');
    EXPECT_EQ(keyboard.next().kind, Kind::nothing);
}

TEST(Keyboard, APasteIsOneTextHoweverItIsCut) {
    const std::string bytes = "x\x1b[200~get a\rget \x1b[b\x1b[201~y";
    for (size_t cut = 0; cut <= bytes.size(); ++cut) {
        Keyboard keyboard;
        std::string seen;
        for (const std::string& part : {bytes.substr(0, cut), bytes.substr(cut)}) {
            keyboard.feed(part);
            for (auto input = keyboard.next(); input.kind == Kind::key || input.kind == Kind::paste;
                 input = keyboard.next()) {
                if (input.kind == Kind::paste) {
                    seen += "<" + input.text + ">";
                } else {
                    seen += static_cast<char>(input.character);
                }
            }
        }
        EXPECT_EQ(seen, "x<get a\rget \x1b[b>y") << cut;
    }
}

TEST(Keyboard, AnEscapeThatStaysAloneIsAKey) {
    Keyboard keyboard;
    keyboard.feed("\x1b");
    EXPECT_EQ(keyboard.next().kind, Kind::doubt);
    EXPECT_EQ(keyboard.next(true).character, U'\x1b');
    keyboard.feed("\x1b[A");
    EXPECT_EQ(keyboard.next().character, U'\x1b');
    EXPECT_EQ(keyboard.next().character, U'[');
}

TEST(Keyboard, APasteIsCleaned) {
    EXPECT_EQ(clean_paste("a\r\nb\rc\n\n"), "a\nb\nc");
    EXPECT_EQ(clean_paste("\x1b[31ma\x07\tb\x7f"), "[31ma\tb");
    EXPECT_EQ(clean_paste("\n"), "");
}

}  // namespace
}  // namespace gyre::cli
