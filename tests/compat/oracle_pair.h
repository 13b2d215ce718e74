// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The oracle and the server under test side by side, one connection to each, for table-driven
// tests.
//
// Ownership: owns both processes. Threads: one at a time.

#include <set>
#include <string>
#include <vector>

#include "support/server_process.h"

namespace gyre::test {

class OraclePair {
public:
    explicit OraclePair(const std::vector<std::string>& arguments = {})
        : oracle_(ServerOptions{.binary = oracle_binary(), .arguments = arguments}),
          subject_(ServerOptions{.threads = 2, .arguments = arguments}) {
        if (is_ready()) connect();
    }

    [[nodiscard]] bool is_ready() const { return oracle_.is_ready() && subject_.is_ready(); }
    [[nodiscard]] std::string log() const { return oracle_.log() + subject_.log(); }

    /// Fresh connections, after a command may have closed or changed the old ones.
    void connect() {
        oracle_socket_.clear();
        subject_socket_.clear();
        oracle_socket_.push_back(oracle_.connect());
        subject_socket_.push_back(subject_.connect());
    }

    Frame ask_oracle(const std::vector<std::string>& command) {
        return oracle_socket_.front().command(command);
    }
    Frame ask_subject(const std::vector<std::string>& command) {
        return subject_socket_.front().command(command);
    }

    /// Replies to commands sent in one write.
    std::vector<Frame> pipeline_oracle(const std::vector<std::vector<std::string>>& commands) {
        return pipeline(oracle_socket_.front(), commands);
    }
    std::vector<Frame> pipeline_subject(const std::vector<std::vector<std::string>>& commands) {
        return pipeline(subject_socket_.front(), commands);
    }

    /// Names of the commands both have; with subcommands as container|name.
    std::set<std::string> shared_commands() {
        std::set<std::string> ours = names_of(ask_subject({"COMMAND"}));
        const std::set<std::string> theirs = names_of(ask_oracle({"COMMAND"}));
        std::erase_if(ours, [&](const std::string& name) { return !theirs.contains(name); });
        return ours;
    }

    static std::set<std::string> names_of(const Frame& command_reply) {
        std::set<std::string> names;
        for (const Frame& row : command_reply.items) {
            if (row.items.empty()) continue;
            names.insert(row.items[0].text);
            if (row.items.size() < 10) continue;
            names.merge(names_of(row.items[9]));
        }
        return names;
    }

    /// "config|get" as the words to send.
    static std::vector<std::string> words_of(const std::string& name) {
        const std::size_t bar = name.find('|');
        if (bar == std::string::npos) return {name};
        return {name.substr(0, bar), name.substr(bar + 1)};
    }

private:
    static std::vector<Frame> pipeline(RawSocket& socket,
                                       const std::vector<std::vector<std::string>>& commands) {
        std::string bytes;
        for (const std::vector<std::string>& command : commands) bytes += encode(command);
        socket.send_while_reading(bytes);
        return socket.read_frames(commands.size());
    }

    ServerProcess oracle_;
    ServerProcess subject_;
    std::vector<RawSocket> oracle_socket_;
    std::vector<RawSocket> subject_socket_;
};

}  // namespace gyre::test
