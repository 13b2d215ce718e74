// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Scripts for several connections, run against the oracle and the server under test. Every byte
// each connection receives is compared. A PING of each connection in turn ends a step: what came
// before its answer belongs to the step.
//
// Ownership: a script borrows its server. Threads: one.

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "support/raw_socket.h"
#include "support/server_process.h"

namespace gyre::test {

/// Number of the connection, and the command it sends. A word "{id:2}" is replaced by the client's
/// number of connection 2, which must be there and not subscribed when it is first asked for.
struct Step {
    size_t connection;
    std::vector<std::string> command;
    std::vector<std::vector<std::string>> more = {};  ///< sent with it
    bool is_compared = true;
    bool leaves_open = false;  ///< in MULTI
    bool is_awaited = false;   ///< each command has one reply that is no push, read before the PING
};

/// What the connections received in a step: the frames before the answer to a PING, as they came.
class Script {
public:
    explicit Script(const ServerProcess& server) : server_(server) {}

    std::string run(const Step& step) {
        while (sockets_.size() <= step.connection) {
            sockets_.push_back(server_.connect());
            is_open_.push_back(false);
        }
        is_open_[step.connection] = step.leaves_open;
        std::string bytes = encode(resolved(step.command));
        for (const auto& command : step.more) bytes += encode(resolved(command));
        sockets_[step.connection].send(bytes);
        std::string heard = step.is_awaited ? replies(step) : std::string();
        heard += drain(step.connection);
        for (size_t index = 0; index < sockets_.size(); ++index) {
            if (index != step.connection) heard += drain(index);
        }
        return heard;
    }

private:
    std::vector<std::string> resolved(std::vector<std::string> words) {
        for (std::string& word : words) {
            if (!word.starts_with("{id:")) continue;
            const size_t index = std::stoul(word.substr(4));
            std::string& id = ids_[index];
            if (id.empty()) id = sockets_.at(index).command({"CLIENT", "ID"}).text;
            word = id;
        }
        return words;
    }

    std::string replies(const Step& step) {
        std::string heard;
        for (size_t left = 1 + step.more.size(); left > 0;) {
            const auto frame = sockets_[step.connection].read_frame();
            if (!frame) return heard + "(closed)";
            heard += quote(frame->raw) + " ";
            if (frame->type != '>') --left;
        }
        return heard;
    }

    /// Behind MULTI a PING would be queued; there it is an error that spoils nothing.
    std::string drain(size_t index) {
        const std::string mark = "mark of the end";
        const std::string refused = "ERR WATCH inside MULTI is not allowed";
        const bool is_open = is_open_[index];
        sockets_[index].send(is_open ? encode({"WATCH", "x"}) : encode({"PING", mark}));
        std::string heard = "[" + std::to_string(index) + "] ";
        for (;;) {
            const auto frame = sockets_[index].read_frame();
            if (!frame) return heard + "(closed)\n";
            const bool is_mark = is_open ? frame->text == refused || frame->text.starts_with("OOM ")
                                         : frame->text == mark || (frame->items.size() == 2 &&
                                                                   frame->items[1].text == mark);
            if (is_mark) return heard + "\n";
            heard += quote(frame->raw) + " ";
        }
    }

    const ServerProcess& server_;
    std::vector<RawSocket> sockets_;
    std::vector<bool> is_open_;
    std::map<size_t, std::string> ids_;
};

/// Runs the steps against both servers, with the same arguments.
inline void compare_scripts(const std::vector<Step>& steps,
                            const std::vector<std::string>& arguments = {}) {
    ServerProcess oracle(ServerOptions{.binary = oracle_binary(), .arguments = arguments});
    ServerProcess subject(ServerOptions{.threads = 3, .arguments = arguments});
    ASSERT_TRUE(oracle.is_ready());
    ASSERT_TRUE(subject.is_ready()) << subject.log();
    Script theirs(oracle);
    Script ours(subject);
    for (const Step& step : steps) {
        const std::string our_frames = ours.run(step);
        const std::string their_frames = theirs.run(step);
        if (!step.is_compared) continue;
        EXPECT_EQ(our_frames, their_frames) << describe(step.command);
    }
}

}  // namespace gyre::test
