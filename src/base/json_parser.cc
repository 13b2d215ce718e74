// SPDX-License-Identifier: BSD-3-Clause

#include "base/json_parser.h"

#include <fmt/format.h>

#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/check.h"

namespace gyre::base {

namespace {

/// Hands the source to the parser byte by byte and follows the text just far enough to know where
/// tokens begin and how much the parser keeps of them: whether the byte is inside a string. The
/// parser's own position is that of its last byte read, and it keeps every byte since the start of
/// the last string.
class Feed {
public:
    Feed(const ByteSource& source, const JsonLimits& limits)
        : source_(source), limits_(limits), buffer_(limits.chunk_bytes) {}

    /// True when there are no more bytes for the parser: at the end, or when something is wrong
    /// (error()).
    bool at_end() {
        if (at_ != end_) [[likely]]
            return false;
        return !refill();
    }
    char current() const { return buffer_[at_]; }
    void advance() {
        const char byte = buffer_[at_++];
        note(byte);
        ++here_.byte;
        if (error_) [[unlikely]]
            at_ = end_ = 0;
    }

    /// Why the bytes ended early; of the source or of a limit.
    std::optional<Error>& error() { return error_; }
    /// The first byte that was not read.
    const JsonPlace& here() const { return here_; }
    const JsonPlace& string_place() const { return string_; }
    /// Of the last number or literal.
    const JsonPlace& scalar_place() const { return scalar_; }
    /// True once the parser has asked for a byte behind the last one.
    bool is_over() const { return is_over_; }
    /// Of the last bracket.
    const JsonPlace& bracket_place() const { return bracket_; }

private:
    bool refill() {
        if (is_over_ || error_) return false;
        Result<size_t> got = source_(buffer_);
        if (!got) {
            error_ = std::move(got.error());
            return false;
        }
        CHECK(*got <= buffer_.size());
        at_ = 0;
        end_ = *got;
        is_over_ = end_ == 0;
        return !is_over_;
    }

    void refuse(const JsonPlace& place, std::string_view sentence) {
        error_ = json_fail(place, sentence).value();
    }

    void note(char byte) {
        if (in_string_) {
            note_in_string(byte);
            return;
        }
        if (++between_bytes_ > limits_.between_bytes_max) {
            refuse(here_, fmt::format("more than {} bytes without a string; take the blanks, or "
                                      "the digits of a number, away",
                                      limits_.between_bytes_max));
            return;
        }
        note_between(byte);
    }

    /// Counts what the string is at least when decoded: an escape may be one byte.
    void note_in_string(char byte) {
        if (escape_left_ != 0) {
            --escape_left_;
            if (is_escape_letter_ && byte == 'u') escape_left_ = 4;
            is_escape_letter_ = false;
            return;
        }
        if (byte == '"') {
            in_string_ = false;
            return;
        }
        if (++string_bytes_ > limits_.string_bytes_max) {
            refuse(string_, fmt::format("a string longer than {} bytes; take it out, or read "
                                        "with a higher limit",
                                        limits_.string_bytes_max));
        }
        if (byte == '\\') {
            escape_left_ = 1;
            is_escape_letter_ = true;
        }
    }

    void note_between(char byte) {
        switch (byte) {
            case '"':
                in_string_ = true;
                string_bytes_ = 0;
                between_bytes_ = 0;
                string_ = here_;
                break;
            case '{':
            case '}':
            case '[':
            case ']':
                bracket_ = here_;
                [[fallthrough]];
            case ',':
            case ':':
            case ' ':
            case '\t':
            case '\r':
                in_scalar_ = false;
                return;
            case '\n':
                ++here_.line;
                in_scalar_ = false;
                return;
            case '\0':
                // The parser would take it for the end and never look at what follows.
                refuse(here_, "a NUL byte; this is no JSON, or a damaged file: take another copy");
                return;
            default:
                if (!in_scalar_) scalar_ = here_;
                in_scalar_ = true;
                return;
        }
        in_scalar_ = false;
    }

    const ByteSource& source_;
    const JsonLimits& limits_;
    std::vector<char> buffer_;
    size_t at_ = 0;
    size_t end_ = 0;
    bool is_over_ = false;
    std::optional<Error> error_;

    JsonPlace here_;
    JsonPlace string_;
    JsonPlace scalar_;
    JsonPlace bracket_;
    bool in_string_ = false;
    bool in_scalar_ = false;
    bool is_escape_letter_ = false;
    unsigned escape_left_ = 0;
    size_t string_bytes_ = 0;
    size_t between_bytes_ = 0;
};

/// What the parser asks for: a standard input iterator. The one without a feed is the end.
class FeedIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = char;

    FeedIterator() = default;
    explicit FeedIterator(Feed& feed) : feed_(&feed) {}

    char operator*() const { return feed_->current(); }
    FeedIterator& operator++() {
        feed_->advance();
        return *this;
    }
    void operator++(int) { feed_->advance(); }
    bool operator==(const FeedIterator& other) const { return is_end() == other.is_end(); }

private:
    bool is_end() const { return feed_ == nullptr || feed_->at_end(); }

    Feed* feed_ = nullptr;
};

/// The parser's callbacks, named by it, turned into events.
class Bridge {
public:
    using Json = nlohmann::json;

    Bridge(Feed& feed, const JsonEvents& events, const JsonLimits& limits)
        : feed_(feed), events_(events), limits_(limits) {}

    std::optional<Error>& error() { return error_; }

    bool null() { return emit({JsonKind::null, feed_.scalar_place()}); }
    bool boolean(bool value) {
        return emit({JsonKind::boolean, feed_.scalar_place(), nullptr, value ? 1 : 0});
    }
    bool number_integer(Json::number_integer_t value) {
        return emit({JsonKind::integer, feed_.scalar_place(), nullptr, value});
    }
    bool number_unsigned(Json::number_unsigned_t value) {
        if (!std::in_range<int64_t>(value)) return emit_number(std::to_string(value));
        return number_integer(static_cast<int64_t>(value));
    }
    bool number_float(Json::number_float_t, const Json::string_t& text) {
        return emit_number(text);
    }
    bool string(Json::string_t& text) { return emit_text(JsonKind::string, text); }
    bool key(Json::string_t& text) { return emit_text(JsonKind::name, text); }
    bool binary(Json::binary_t&) { return false; }  // of other formats than JSON
    bool start_object(std::size_t) { return open(JsonKind::object); }
    bool start_array(std::size_t) { return open(JsonKind::array); }
    bool end_object() { return close(JsonKind::object_end); }
    bool end_array() { return close(JsonKind::array_end); }

    bool parse_error(std::size_t, const std::string&, const Json::exception& problem) {
        // What ended the bytes is the cause; that they ended is not.
        if (feed_.error()) return false;
        constexpr int kNumberOverflow = 406;
        if (problem.id == kNumberOverflow) {
            if (emit({JsonKind::number, feed_.scalar_place()})) {
                fail_at(feed_.scalar_place(), "a number too large for any use; correct it");
            }
            return false;
        }
        fail_syntax(problem.what());
        return false;
    }

private:
    bool emit_number(std::string text) {
        return emit({JsonKind::number, feed_.scalar_place(), &text});
    }

    /// Its text is "[...] parse error at line 1, column 2: syntax error while parsing object - ...;
    /// last read: '...'", where the last part is as long as the token and not ours to print.
    void fail_syntax(std::string_view text) {
        const size_t start = text.find("syntax error");
        if (start != std::string_view::npos) text.remove_prefix(start);
        text = text.substr(0, text.find("; last read: '"));
        if (is_complete_) {
            fail_at(last_place(text), "something behind the end of the document; take it away");
        } else if (feed_.is_over()) {
            fail_at(feed_.here(), fmt::format("{}; the document is cut off, or lacks a bracket or "
                                              "quote: take a whole copy, or correct its end",
                                              text));
        } else {
            fail_at(last_place(text),
                    fmt::format("{}; correct the document here, or give one that is JSON", text));
        }
    }

    /// Of the token that the parser did not expect, as far as it ends where the parser has read
    /// to; else of the byte that was one too many.
    JsonPlace last_place(std::string_view text) const {
        constexpr auto kNone = std::string_view::npos;
        if (text.find("- unexpected string") != kNone) return feed_.string_place();
        for (const std::string_view scalar : {"number", "true", "false", "null"}) {
            if (text.find(fmt::format("- unexpected {}", scalar)) != kNone) {
                return feed_.scalar_place();
            }
        }
        JsonPlace place = feed_.here();
        if (!feed_.is_over()) --place.byte;
        return place;
    }

    bool fail_at(const JsonPlace& place, std::string_view sentence) {
        error_ = json_fail(place, sentence).value();
        return false;
    }

    bool emit(const JsonEvent& event) {
        Result<void> done = events_(event);
        if (done) return true;
        error_ = std::move(done.error());
        return false;
    }

    bool emit_text(JsonKind kind, std::string& text) {
        if (text.size() > limits_.string_bytes_max) {
            return fail_at(feed_.string_place(),
                           fmt::format("a string longer than {} bytes; take it out, or read with a "
                                       "higher limit",
                                       limits_.string_bytes_max));
        }
        return emit({kind, feed_.string_place(), &text});
    }

    bool open(JsonKind kind) {
        if (depth_ == limits_.depth_max) {
            return fail_at(feed_.bracket_place(),
                           fmt::format("nested deeper than {}; nothing that belongs here is",
                                       limits_.depth_max));
        }
        ++depth_;
        return emit({kind, feed_.bracket_place()});
    }

    bool close(JsonKind kind) {
        --depth_;
        is_complete_ = depth_ == 0;
        return emit({kind, feed_.bracket_place()});
    }

    Feed& feed_;
    const JsonEvents& events_;
    const JsonLimits& limits_;
    size_t depth_ = 0;
    bool is_complete_ = false;
    std::optional<Error> error_;
};

}  // namespace

tl::unexpected<Error> json_fail(const JsonPlace& place, std::string_view sentence, int code) {
    return fail(fmt::format("JSON, line {}, byte {}: {}", place.line, place.byte, sentence), code);
}

std::string_view json_kind_name(JsonKind kind) {
    switch (kind) {
        case JsonKind::object:
            return "an object";
        case JsonKind::object_end:
            return "the end of an object";
        case JsonKind::array:
            return "an array";
        case JsonKind::array_end:
            return "the end of an array";
        case JsonKind::name:
            return "a name";
        case JsonKind::string:
            return "a string";
        case JsonKind::integer:
            return "a whole number";
        case JsonKind::number:
            return "a number that is not whole or has more than 64 bits";
        case JsonKind::boolean:
            return "true or false";
        case JsonKind::null:
            return "null";
    }
    return "";
}

Result<void> parse_json(const ByteSource& source, const JsonEvents& events,
                        const JsonLimits& limits) {
    CHECK(limits.chunk_bytes > 0);
    Feed feed(source, limits);
    Bridge bridge(feed, events, limits);
    const bool is_complete = nlohmann::json::sax_parse(FeedIterator(feed), FeedIterator(), &bridge);
    // A handler that refused comes before what the bytes behind it may be.
    if (bridge.error()) return tl::unexpected<Error>(std::move(*bridge.error()));
    if (feed.error()) return tl::unexpected<Error>(std::move(*feed.error()));
    CHECK(is_complete);
    return {};
}

}  // namespace gyre::base
