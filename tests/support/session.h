// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The public client in the form tests like: one command in, one line of text out, and a
// conversation that breaks is a failure of the test. Also the few questions many tests ask: a field
// of INFO, waiting until something becomes true.
//
// Ownership: owns its connection. Threads: one at a time.

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/client.h"
#include "support/server_process.h"

namespace gyre::test {

/// OK as "OK", :1 as ":1", bulks as they are, null as "(nil)", errors as "-ERR ...", doubles as
/// ",1.5", aggregates as "[a :1 (nil)]".
std::string brief(const Reply& reply);

/// Polls until the condition holds; false after the patience.
bool wait_until(const std::function<bool()>& is_true,
                std::chrono::milliseconds patience = kPatience);

class Session {
public:
    /// Connects with the given options to the server's port, or to the Unix path if given. Throws,
    /// which fails the test, when there is no connection.
    explicit Session(const ServerProcess& server, ClientOptions options = {});

    /// The reply; a status "(connection failed: ...)" and a test failure when there is none.
    Reply command(const std::vector<std::string>& words);

    template <class... Words>
    Reply reply(const Words&... words) {
        return command({std::string(words)...});
    }
    /// The reply as one line, see brief().
    template <class... Words>
    std::string ask(const Words&... words) {
        return brief(command({std::string(words)...}));
    }
    template <class... Words>
    int64_t number(const Words&... words) {
        return command({std::string(words)...}).integer;
    }

    /// The value of a line of INFO, "" when there is no such field.
    std::string info(const std::string& section, std::string_view field);
    int64_t info_number(const std::string& section, std::string_view field);

    Client& client() { return client_; }

private:
    Client client_;
};

}  // namespace gyre::test
