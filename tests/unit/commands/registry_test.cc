// SPDX-License-Identifier: BSD-3-Clause

// Goal: a row is found by its name in any mix of capital and small letters, and by nothing else
// that differs in as little as one bit.

#include <gtest/gtest.h>

#include <string>

#include "commands/registry.h"

namespace gyre::commands {
namespace {

char capital(char letter) {
    return letter >= 'a' && letter <= 'z' ? static_cast<char>(letter - 'a' + 'A') : letter;
}

/// The rows that find_command() knows.
template <class F>
void for_each_command(F&& f) {
    size_t seen = 0;
    for (const CommandSpec* row : rows()) {
        if (!row->parent.empty()) continue;
        f(*row);
        ++seen;
    }
    ASSERT_GT(seen, 200u);
}

TEST(Registry, FindsNamesInAnyCase) {
    for_each_command([](const CommandSpec& row) {
        EXPECT_EQ(find_command(row.name), &row);
        std::string name(row.name);
        // One letter after the other becomes a capital one, until all are.
        for (char& letter : name) {
            letter = capital(letter);
            EXPECT_EQ(find_command(name), &row) << name;
        }
        for (size_t at = 0; at < name.size(); at += 2) name[at] = row.name[at];
        EXPECT_EQ(find_command(name), &row) << name;
    });
}

TEST(Registry, FindsNothingThatLooksAlike) {
    const auto folded = [](std::string text) {
        for (char& letter : text) {
            if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
        }
        return text;
    };
    for_each_command([&folded](const CommandSpec& row) {
        for (size_t at = 0; at < row.name.size(); ++at) {
            for (unsigned bit = 0; bit < 8; ++bit) {
                std::string name(row.name);
                name[at] = static_cast<char>(static_cast<unsigned char>(name[at]) ^ 1U << bit);
                const CommandSpec* found = find_command(name);
                if (found != nullptr) {
                    EXPECT_EQ(found->name, folded(name));
                }
            }
        }
        EXPECT_EQ(find_command(std::string(row.name) + '\0'), nullptr);
        EXPECT_EQ(find_command('\0' + std::string(row.name)), nullptr);
    });
    EXPECT_EQ(find_command(""), nullptr);
    EXPECT_EQ(find_command(std::string_view("\0\0\0", 3)), nullptr);
    EXPECT_EQ(find_command(std::string(33, 'a')), nullptr);
}

}  // namespace
}  // namespace gyre::commands
