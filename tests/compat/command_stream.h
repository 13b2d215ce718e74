// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The commands of a generator's random sequences, one sequence after the other, for tests without
// an oracle that mix them with what generators leave out. Threads: one at a time.

#include <cstddef>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "compat/generator.h"

namespace gyre::test {

template <class Source>
class CommandStream {
public:
    template <class... Arguments>
    explicit CommandStream(Arguments&&... arguments)
        : generator_(std::forward<Arguments>(arguments)...) {}
    Command next() {
        if (at_ == commands_.size()) {
            commands_ = generator_.sequence(100);
            at_ = 0;
        }
        return commands_[at_++];
    }

private:
    Source generator_;
    Sequence commands_;
    size_t at_ = 0;
};

/// For a Generator that is to give every command it knows.
inline std::set<std::string> known_to_the_generator() {
    const std::vector<std::string> names = Generator::known_commands();
    return {names.begin(), names.end()};
}

}  // namespace gyre::test
