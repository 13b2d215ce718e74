// SPDX-License-Identifier: BSD-3-Clause
#include "resp/reply_writer.h"

#include <algorithm>

#include "base/check.h"
#include "base/numbers.h"

namespace gyre::resp {
namespace {

// A marker, the digits of any int64_t with its sign, CR and LF.
constexpr size_t kHeaderBytesMax = 24;
// Payloads up to here are written together with their header: a larger one in a single reservation
// would waste the end of a chunk.
constexpr size_t kSmallBytesMax = 1024;

// memcpy must not see the null pointer of an empty view.
char* write_bytes(char* at, std::string_view bytes) {
    return std::copy(bytes.begin(), bytes.end(), at);
}

char* write_line_end(char* at) {
    at[0] = '\r';
    at[1] = '\n';
    return at + 2;
}

char* write_header(char* at, char marker, int64_t number) {
    *at = marker;
    return write_line_end(base::write_integer(at + 1, number));
}

}  // namespace

void ReplyWriter::header(char marker, int64_t number) {
    char* const begin = out_.reserve(kHeaderBytesMax);
    out_.commit(static_cast<size_t>(write_header(begin, marker, number) - begin));
}

void ReplyWriter::line(char marker, std::string_view text) {
    if (text.size() > kSmallBytesMax) [[unlikely]] {
        out_.append({&marker, 1});
        out_.append(text);
        out_.append("\r\n");
        return;
    }
    char* const begin = out_.reserve(text.size() + 3);
    *begin = marker;
    write_line_end(write_bytes(begin + 1, text));
    out_.commit(text.size() + 3);
}

void ReplyWriter::simple(std::string_view text) {
    DCHECK(text.find_first_of("\r\n") == std::string_view::npos);
    line('+', text);
}

void ReplyWriter::error(std::string_view text) {
    // As Redis: what ends the text is cut, what stands inside becomes a space.
    const size_t last = text.find_last_not_of("\r\n");
    text = text.substr(0, last == std::string_view::npos ? 0 : last + 1);
    ++errors_;
    error_code_bytes_ =
        static_cast<uint8_t>(std::min({text.find(' '), text.size(), sizeof error_code_}));
    std::copy_n(text.data(), error_code_bytes_, error_code_);
    out_.append("-");
    while (!text.empty()) {
        const std::string_view piece = text.substr(0, kSmallBytesMax);
        char* const begin = out_.reserve(piece.size());
        std::replace_copy_if(
            piece.begin(), piece.end(), begin,
            [](char byte) { return byte == '\r' || byte == '\n'; }, ' ');
        out_.commit(piece.size());
        text.remove_prefix(piece.size());
    }
    out_.append("\r\n");
}

void ReplyWriter::integer(int64_t value) { header(':', value); }

void ReplyWriter::bulk(std::string_view bytes) {
    if (bytes.size() > kSmallBytesMax) [[unlikely]] {
        header('$', static_cast<int64_t>(bytes.size()));
        out_.append(bytes);
        out_.append("\r\n");
        return;
    }
    char* const begin = out_.reserve(kHeaderBytesMax + bytes.size() + 2);
    char* at = write_header(begin, '$', static_cast<int64_t>(bytes.size()));
    at = write_line_end(write_bytes(at, bytes));
    out_.commit(static_cast<size_t>(at - begin));
}

void ReplyWriter::bulk_integer(int64_t value) {
    char digits[base::kIntegerCharsMax];
    char* const end = base::write_integer(digits, value);
    bulk({digits, static_cast<size_t>(end - digits)});
}

void ReplyWriter::bulk_shared(const base::SharedBytesRef& value) {
    CHECK(value);
    if (value->size() < kReferenceBytes) {
        bulk(value->view());
        return;
    }
    header('$', static_cast<int64_t>(value->size()));
    out_.append_reference(value);
    out_.append("\r\n");
}

void ReplyWriter::boolean(bool value) {
    if (is_resp3()) {
        out_.append(value ? std::string_view("#t\r\n") : "#f\r\n");
    } else {
        out_.append(value ? std::string_view(":1\r\n") : ":0\r\n");
    }
}

void ReplyWriter::real(double value) {
    char text[base::kDoubleCharsMax];
    char* const end = base::write_double(text, value);
    real_text({text, static_cast<size_t>(end - text)});
}

void ReplyWriter::real_text(std::string_view text) {
    if (is_resp3()) {
        line(',', text);
    } else {
        bulk(text);
    }
}

void ReplyWriter::verbatim(std::string_view format, std::string_view text) {
    if (!is_resp3()) {
        bulk(text);
        return;
    }
    CHECK(format.size() == 3);
    header('=', static_cast<int64_t>(text.size() + 4));
    out_.append(format);
    out_.append(":");
    out_.append(text);
    out_.append("\r\n");
}

void ReplyWriter::big_number(std::string_view digits) {
    if (is_resp3()) {
        line('(', digits);
    } else {
        bulk(digits);
    }
}

void ReplyWriter::array(int64_t count) { header('*', count); }

void ReplyWriter::map(int64_t pairs) {
    if (is_resp3()) {
        header('%', pairs);
    } else {
        header('*', pairs * 2);
    }
}

void ReplyWriter::set(int64_t count) { header(is_resp3() ? '~' : '*', count); }

void ReplyWriter::push(int64_t count) { header(is_resp3() ? '>' : '*', count); }

void ReplyWriter::attribute(int64_t pairs) {
    CHECK(is_resp3());
    header('|', pairs);
}

}  // namespace gyre::resp
