// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What FIND looks for: a text as it is, a glob pattern, or a regular expression, which may match
// anywhere in the text. The one door to RE2; nothing else includes it. Its automata take time in
// proportion to the text whatever the expression; there are no back-references and no look-around.
//
// Regular expressions are about UTF-8: a byte that is none matches \C alone.
//
// Ownership: a matcher owns its pattern. Threads: any, several at once.
// Errors: of an expression, with its place, and what to do. Memory: kProgramBytesMax for each
// matcher, beside the pattern.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <gyre/result.h>

namespace re2 {
class RE2;
}

namespace gyre::commands {

class Matcher {
public:
    enum class How : uint8_t { exact, like, regex };

    /// Of a glob pattern. A text as it is may have any length.
    static constexpr size_t kPatternBytesMax = 128 * 1024;
    static constexpr size_t kRegexBytesMax = 4096;
    /// Instructions of the automaton: what a byte costs at the very worst.
    static constexpr int kRegexSizeMax = 4096;
    /// For program and states of a regular expression.
    static constexpr int64_t kProgramBytesMax = 2 * 1024 * 1024;

    /// Takes up to some milliseconds for a regular expression.
    static Result<std::shared_ptr<const Matcher>> make(How how, std::string_view pattern);
    ~Matcher();

    bool matches(std::string_view text) const;
    /// Steps, each of some nanoseconds, that matches() may need for a text of so many bytes.
    uint64_t cost(size_t bytes) const;
    /// It can match one text only: its pattern.
    bool is_literal() const;
    const std::string& pattern() const { return pattern_; }

private:
    Matcher(How how, std::string_view pattern);

    const How how_;
    const std::string pattern_;
    uint64_t steps_per_byte_ = 1;
    std::unique_ptr<re2::RE2> regex_;
};

}  // namespace gyre::commands
