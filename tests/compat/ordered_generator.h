// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Random sequences of commands on sorted sets, places, HyperLogLogs and streams, for the
// differential test. A row is a command as text in which words in braces stand for what is drawn.
// Each sequence ends with the whole content of every key. The same seed gives the same sequence.
//
// Left out is what depends on the time (ids made by the server, idle times) or on chance, and
// ranges by bytes where scores differ, which Redis leaves undefined.
//
// Threads: one at a time.

#include <cstdint>
#include <string>
#include <vector>

#include "compat/generator.h"
#include "compat/random.h"

namespace gyre::test {

class OrderedGenerator {
public:
    struct Row {
        int weight;
        const char* text;  ///< `!` in front: arguments are not mutated
    };

    explicit OrderedGenerator(std::uint64_t seed);

    Sequence sequence(std::size_t length);
    /// Every command name it knows, in lower case.
    static std::vector<std::string> known_commands();

private:
    Command make(const Row& row);
    void expand(const std::string& word, Command& command);
    bool expand_sorted(const std::string& word, Command& command);
    bool expand_place(const std::string& word, Command& command);
    bool expand_stream(const std::string& word, Command& command);
    void append(Command& command, const std::string& text);
    void maybe(Command& command, int percent, const std::string& text);
    void mutate(Command& command);
    std::string any_key();
    std::string odd();
    std::string member();
    std::string number();
    std::string stream_id();
    void operands(Command& command, bool with_weights);

    Random random_;
    int last_id_ = 1;
};

}  // namespace gyre::test
