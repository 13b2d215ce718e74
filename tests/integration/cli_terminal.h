// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The fixture of the tests that use gyre-cli as a person does: in a pseudo-terminal whose screen is
// looked at. $GYRE_CLI names the program.
//
// Ownership: owns server and terminal. Threads: one.

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "integration/server_test.h"
#include "support/terminal.h"

namespace gyre::test {

class CliTerminalTest : public ServerTest {
protected:
    void open(std::vector<std::string> arguments = {}) {
        const char* program = std::getenv("GYRE_CLI");
        ASSERT_NE(program, nullptr);
        std::vector<std::string> words = {program, "-p", std::to_string(server().port())};
        words.insert(words.end(), arguments.begin(), arguments.end());
        terminal_ = std::make_unique<Terminal>(
            words, std::vector<std::pair<std::string, std::string>>{
                       {"GYRE_HISTORY", history_path()}, {"NO_COLOR", "1"}, {"LC_ALL", "C.UTF-8"}});
    }
    void start_and_open() {
        start();
        open();
        ASSERT_TRUE(at_prompt()) << screen();
    }

    std::string history_path() { return server().directory() + "/history"; }
    std::string prompt(const std::string& state = "") {
        return "127.0.0.1:" + std::to_string(server().port()) + state + ">";
    }
    bool at_prompt(const std::string& state = "") {
        return terminal_->wait_for_line(prompt(state));
    }
    std::string screen() { return terminal_->screen().text(); }
    void type(std::string_view keys) { terminal_->type(keys); }
    bool shows_row(const std::string& row) { return terminal_->wait_for_row(row); }
    bool shows_line(const std::string& line) { return terminal_->wait_for_line(line); }

    std::unique_ptr<Terminal> terminal_;
};

}  // namespace gyre::test
