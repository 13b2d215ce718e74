// SPDX-License-Identifier: BSD-3-Clause

// Where the commands of a stream begin.

#include "cli/pipe.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

std::string places(CommandScanner& scanner) {
    std::string text;
    while (const auto place = scanner.take()) {
        text += std::to_string(place->command) + "@" + std::to_string(place->line) + " ";
    }
    return text;
}

TEST(CommandScanner, FindsCommandsHoweverTheStreamIsCut) {
    const std::string stream =
        "*1\r\n$4\r\nPING\r\n"                          // line 1
        "set a 1\r\n"                                   // 4
        "\r\n"                                          // 5: nothing
        "*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$3\r\nx\ny\r\n"  // 6, with a line break in the value
        "*0\r\n"                                        // 14: nothing
        "get b\n"                                       // 15
        "*1\r\n$0\r\n\r\n"                              // 16
        "ping\r\n";                                     // 19
    for (size_t cut = 0; cut <= stream.size(); ++cut) {
        CommandScanner scanner;
        scanner.feed(std::string_view(stream).substr(0, cut));
        scanner.feed(std::string_view(stream).substr(cut));
        EXPECT_EQ(scanner.commands(), 6U);
        EXPECT_EQ(places(scanner), "1@1 2@4 3@6 4@15 5@16 6@19 ") << cut;
    }
}

TEST(CommandScanner, AnIncompleteCommandIsNone) {
    CommandScanner scanner;
    scanner.feed("*2\r\n$3\r\nGET\r\n$1\r\n");
    EXPECT_EQ(scanner.take(), std::nullopt);
    scanner.feed("a\r\n");
    EXPECT_TRUE(scanner.take());
}

TEST(CommandScanner, LivesWithNonsense) {
    CommandScanner scanner;
    scanner.feed("*x\r\n*1\r\n$-5\r\n*99999999999999999999\r\n$\r\n*1\r\nfoo\r\n");
    static_cast<void>(places(scanner));
    scanner.feed(std::string(100000, 'a') + "\r\n");
    EXPECT_EQ(scanner.commands(), 2U);  // "$" and the long line, taken for inline commands
}

}  // namespace
}  // namespace gyre::cli
