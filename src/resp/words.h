// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Cuts a line into words by the rules of Redis' inline commands and configuration lines: blanks
// separate; "..." knows the escapes \n \r \t \b \a \xHH and \ before any other byte; '...' knows \'
// only; quotes may begin inside a word; a closing quote ends the word and must be followed by a
// blank or by the end. A NUL ends the line.
//
// Ownership: borrows the line. Threads: any. Complexity: O(bytes), one copy for quoted words only.
// Source of the rules: sdssplitargs of Redis 7.2.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gyre::resp {

class WordCursor {
public:
    enum class Step : uint8_t {
        plain,   ///< a word without quotes: text() is a view of the line
        quoted,  ///< a word that had quotes: text() is a view of the cursor, until the next call
        end,     ///< no word is left
        unbalanced,  ///< a quote is open at the end, or a closing one is followed by a non-blank
    };

    explicit WordCursor(std::string_view line) : line_(line) {}

    Step next();
    std::string_view text() const { return text_; }

private:
    char peek(size_t ahead = 0) const {
        return at_ + ahead < line_.size() ? line_[at_ + ahead] : '\0';
    }
    Step read_quoted_word(size_t begin);
    bool read_double_quoted();
    bool read_single_quoted();
    void read_escape();
    bool is_closed_well() const;

    std::string_view line_;
    size_t at_ = 0;
    std::string_view text_;
    std::string copy_;
};

}  // namespace gyre::resp
