// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Random conversations with a server, and what the server should say in them. A ScriptWriter makes
// the bytes one client sends together with the replies it must get; a Listener holds the replies
// that come against them.
//
// Each client has keys of its own, of which the writer knows the value at any time (a map), so that
// replies are known to the byte; of keys that all clients change only the form of a reply is known.
//
// Ownership: values. Threads: one.

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"

namespace gyre::server {

/// One reply.
struct Expectation {
    enum class Kind : uint8_t {
        exact,             ///< these bytes
        integer,           ///< any
        integer_or_error,  ///< any; an error when the key holds something else
        text,              ///< a bulk string or nil, of the letters that scripts use
        texts,             ///< an array of `count` of them (any number: SIZE_MAX)
        names,             ///< an array of just `names`, in any order
    };
    Kind kind = Kind::exact;
    std::string bytes;
    size_t count = SIZE_MAX;
    std::vector<std::string> names;
    size_t command_end = 0;  ///< the reply is due once that much of the script was sent

    std::string describe() const;
};

/// How a client ends.
enum class Ending : uint8_t {
    half_close,   ///< sends an end, reads to the end
    server,       ///< the script makes the server close
    cut_off,      ///< it does so without the replies that are still to be sent
    close_late,   ///< closes when all is answered
    close_early,  ///< closes somewhere
    reset,        ///< breaks the connection somewhere
};

struct Script {
    std::string bytes;
    std::deque<Expectation> expected;
    Ending ending = Ending::half_close;
};

class ScriptWriter {
public:
    ScriptWriter(base::Random& random, size_t value_bytes_max, size_t commands_max)
        : random_(random), value_bytes_max_(value_bytes_max), commands_max_(commands_max) {}

    /// The script of client number `client`.
    Script write(size_t client);

private:
    using Words = std::vector<std::string>;
    void write_command();
    void write_private();
    void write_private_many();
    void write_shared();
    void write_walk();
    void write_pause();
    void write_reply_mode();
    void write_nothing();
    void write_end();
    /// Appends a command and its reply.
    void say(const Words& words, Expectation expectation);
    void say(const Words& words, std::string reply);
    std::string own_key();
    static std::string shared_key(uint64_t number) { return "s" + std::to_string(number); }
    std::string value();
    std::string increment(const std::string& key);
    std::string get_range(const std::string& key, int64_t start, int64_t end) const;

    base::Random& random_;
    const size_t value_bytes_max_;
    const size_t commands_max_;
    Script script_;
    std::string prefix_;
    std::map<std::string, std::string> model_;
    enum class Replies : uint8_t { on, off, skip } replies_ = Replies::on;
    uint64_t known_bytes_ = 0;  // of values sent and asked for: bounds the script
};

/// Takes replies off the front of what was received.
class Listener {
public:
    /// Removes from `received` and `expected` what fits. False when something does not fit, or came
    /// unasked.
    bool hear(std::string& received, std::deque<Expectation>& expected);
    uint64_t heard() const { return heard_; }

private:
    uint64_t heard_ = 0;
};

}  // namespace gyre::server
