// SPDX-License-Identifier: BSD-3-Clause
#include "resp/words.h"

#include <vector>

#include "resp/request_parser.h"

namespace gyre::resp {
namespace {

// isspace() of the C locale.
bool is_blank(char byte) { return byte == ' ' || (byte >= '\t' && byte <= '\r'); }

// What ends a word outside quotes: narrower than is_blank(), a vertical tab inside a word belongs
// to it.
bool ends_word(char byte) {
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t' || byte == '\0';
}

int hex_digit(char byte) {
    if (byte >= '0' && byte <= '9') return byte - '0';
    if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
    if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
    return -1;
}

char unescape(char byte) {
    switch (byte) {
        case 'n':
            return '\n';
        case 'r':
            return '\r';
        case 't':
            return '\t';
        case 'b':
            return '\b';
        case 'a':
            return '\a';
        default:
            return byte;
    }
}

}  // namespace

WordCursor::Step WordCursor::next() {
    while (is_blank(peek())) ++at_;
    if (peek() == '\0') return Step::end;
    const size_t begin = at_;
    while (!ends_word(peek())) {
        if (peek() == '"' || peek() == '\'') return read_quoted_word(begin);
        ++at_;
    }
    text_ = line_.substr(begin, at_ - begin);
    return Step::plain;
}

// Stands at the first quote of a word that began at `begin`.
WordCursor::Step WordCursor::read_quoted_word(size_t begin) {
    copy_.assign(line_.substr(begin, at_ - begin));
    const bool is_double = peek() == '"';
    ++at_;
    if (!(is_double ? read_double_quoted() : read_single_quoted())) return Step::unbalanced;
    text_ = copy_;
    return Step::quoted;
}

bool WordCursor::read_double_quoted() {
    for (;;) {
        const char byte = peek();
        if (byte == '\0') return false;
        if (byte == '"') {
            ++at_;
            return is_closed_well();
        }
        if (byte == '\\' && peek(1) != '\0') {
            read_escape();
        } else {
            copy_.push_back(byte);
            ++at_;
        }
    }
}

void WordCursor::read_escape() {
    const int high = hex_digit(peek(2));
    const int low = hex_digit(peek(3));
    if (peek(1) == 'x' && high >= 0 && low >= 0) {
        copy_.push_back(static_cast<char>(high * 16 + low));
        at_ += 4;
        return;
    }
    copy_.push_back(unescape(peek(1)));
    at_ += 2;
}

bool WordCursor::read_single_quoted() {
    for (;;) {
        const char byte = peek();
        if (byte == '\0') return false;
        if (byte == '\'') {
            ++at_;
            return is_closed_well();
        }
        if (byte == '\\' && peek(1) == '\'') ++at_;
        copy_.push_back(peek());
        ++at_;
    }
}

bool WordCursor::is_closed_well() const { return peek() == '\0' || is_blank(peek()); }

bool split_line(std::string_view line, std::vector<std::string>& words) {
    words.clear();
    WordCursor cursor(line);
    for (;;) {
        switch (cursor.next()) {
            case WordCursor::Step::plain:
            case WordCursor::Step::quoted:
                words.emplace_back(cursor.text());
                break;
            case WordCursor::Step::end:
                return true;
            case WordCursor::Step::unbalanced:
                words.clear();
                return false;
        }
    }
}

}  // namespace gyre::resp
