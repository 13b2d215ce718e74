// SPDX-License-Identifier: BSD-3-Clause
#include "http/request_parser.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/numbers.h"

// Beast's functions are compiled here from its headers. It is used without Asio's loop, sockets and
// exceptions: what it finds wrong comes back as an error code. One of its assertions is wrong: that
// five bytes are there when the last chunk is looked at again, which are four when it is the first
// as well and its end comes byte by byte. What follows needs three, and there always are.
#define BOOST_DISABLE_ASSERTS
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpragmas"
#pragma GCC diagnostic ignored "-Wunknown-warning-option"
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
#pragma GCC diagnostic ignored "-Wdeprecated-copy"
#pragma GCC diagnostic ignored "-Wdeprecated-builtins"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include <boost/beast/http/basic_parser.hpp>
#pragma GCC diagnostic pop

namespace gyre::http {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

namespace {

constexpr std::string_view kMethodNames[] = {"GET", "HEAD", "PUT", "POST", "DELETE", "OPTIONS"};

struct FieldRow {
    std::string_view name;
    Field field;
    bool is_single;  ///< twice is an error: readers might take one each
};

constexpr FieldRow kFieldRows[] = {
    {"host", Field::host, true},
    {"authorization", Field::authorization, true},
    {"content-type", Field::content_type, true},
    {"content-encoding", Field::content_encoding, true},
    {"accept", Field::accept, false},
    {"if-match", Field::if_match, true},
    {"if-none-match", Field::if_none_match, true},
    {"origin", Field::origin, true},
    {"expect", Field::expect, true},
    {"gyre-type", Field::gyre_type, true},
    {"gyre-ttl-ms", Field::gyre_ttl_ms, true},
    {"gyre-transaction", Field::gyre_transaction, true},
    {"access-control-request-method", Field::request_method, false},
    {"access-control-request-headers", Field::request_headers, false},
};

const FieldRow* find_field(std::string_view name) {
    for (const FieldRow& row : kFieldRows) {
        if (base::equals_ignore_case(row.name, name)) return &row;
    }
    return nullptr;
}

std::string_view view(beast::string_view text) { return {text.data(), text.size()}; }

using Failure = RequestParser::Failure;

/// One for all that is wrong there: which fault is met first depends on where the stream is cut.
constexpr Failure kBadChunk = {400,
                               "A line around a chunk of the body is malformed. Correct its "
                               "length and extensions, and end each line by CR and LF."};

Failure failure_of(const beast::error_code& error) {
    if (error == bhttp::error::body_limit) {
        return {413, "The body is larger than http-max-body-bytes. Send less, or raise the limit."};
    }
    if (error == bhttp::error::header_limit) {
        return {431,
                "The header is larger than http-max-header-bytes. Send fewer or shorter "
                "fields."};
    }
    if (error == bhttp::error::bad_version) {
        return {400, "The request line is not one of HTTP/1.0 or HTTP/1.1. Use HTTP/1.1."};
    }
    if (error == bhttp::error::bad_method || error == bhttp::error::bad_target) {
        return {400, "The request line is malformed. Send: METHOD target HTTP/1.1."};
    }
    if (error == bhttp::error::bad_content_length || error == bhttp::error::bad_transfer_encoding) {
        return {400,
                "Content-Length and Transfer-Encoding contradict themselves or each other. "
                "Send one of them, once."};
    }
    return {400,
            "A header field is malformed. Send lines of the form `name: value`, each ended by "
            "CR and LF."};
}

/// A quoted string ends in the line it began in. Beast would look for its end in what stands
/// behind.
bool has_open_quote(std::string_view line) {
    bool is_open = false;
    for (size_t at = 0; at < line.size(); ++at) {
        if (line[at] == '"') is_open = !is_open;
        if (is_open && line[at] == '\\') ++at;
    }
    return is_open;
}

/// Of the lines around a chunk, which may not have come whole: the end of the chunk before, the
/// line with the length and, when that is zero, the trailers. What stands behind them is not looked
/// at.
bool has_bad_line(std::string_view text) {
    for (bool has_length = false;;) {
        const size_t end = text.find('\n');
        if (end == std::string_view::npos) return false;
        if (end == 0 || text[end - 1] != '\r') return true;
        const std::string_view line = text.substr(0, end - 1);
        text.remove_prefix(end + 1);
        if (has_length && line.empty()) return false;
        if (has_length || line.empty()) continue;
        has_length = true;
        if (has_open_quote(line)) return true;
        const std::string_view length = line.substr(0, line.find(';'));
        if (length.find_first_not_of('0') != length.npos) return false;
    }
}

}  // namespace

std::string_view method_name(Method method) {
    return method == Method::other ? std::string_view() : kMethodNames[static_cast<size_t>(method)];
}

Method parse_method(std::string_view name) {
    for (size_t index = 0; index < kMethodCount; ++index) {
        if (kMethodNames[index] == name) return static_cast<Method>(index);
    }
    return Method::other;
}

class RequestParser::Impl {
public:
    /// Beast's parser of one request, which tells `owner` what it finds.
    class Reader final : public bhttp::basic_parser<true> {
    public:
        /// Not eager: a call ends behind a line or a piece of the body, so that each line around a
        /// chunk is looked at before it is read.
        explicit Reader(Impl& owner) : owner_(owner) { eager(false); }

    private:
        using Verb = bhttp::verb;
        using Text = beast::string_view;
        using Code = beast::error_code;
        void on_request_impl(Verb, Text method, Text target, int version, Code&) override {
            owner_.request.method = gyre::http::parse_method(view(method));
            owner_.request.target = view(target);
            owner_.request.is_http_1_0 = version == 10;
        }
        void on_response_impl(int, Text, int, Code&) override {}
        void on_field_impl(bhttp::field, Text name, Text value, Code& error) override {
            if (!owner_.note_field(view(name), view(value))) error = bhttp::error::bad_value;
        }
        void on_header_impl(Code& error) override {
            owner_.is_head_known = true;
            if (!owner_.check_head(*this)) error = bhttp::error::bad_value;
        }
        void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
        size_t on_body_impl(Text body, Code&) override { return owner_.take_body(view(body)); }
        void on_chunk_header_impl(std::uint64_t size, Text, Code&) override {
            owner_.chunk_left = size;
        }
        size_t on_chunk_body_impl(std::uint64_t left, Text body, Code&) override {
            owner_.chunk_left = left - body.size();
            return owner_.take_body(view(body));
        }
        void on_finish_impl(Code&) override {}

        Impl& owner_;
    };

    Impl() { reader.emplace(*this); }

    Status take_head(std::string_view& input, const ParserLimits& limits);
    Status take_rest(std::string_view& input);
    bool skip_empty_lines(std::string_view& input);
    size_t find_head_end();
    bool note_field(std::string_view name, std::string_view value);
    bool check_head(const Reader& parsed);
    size_t take_body(std::string_view bytes) {
        if (!drops_body) request.body.append(bytes);
        return bytes.size();
    }
    Status fail_with(const Failure& with) {
        if (failure.status == 0) failure = with;
        return Status::error;
    }

    Request request;
    Failure failure;
    std::optional<Reader> reader;
    std::string head;         // up to its empty line: the request's views are of it
    std::string chunk;        // the beginning of a line around a chunk
    uint64_t chunk_left = 0;  // bytes of the chunk under way
    std::optional<uint64_t> body_bytes;
    size_t line_begin = 0;  // of the head's line that has not ended yet
    size_t searched = 0;
    size_t field_count = 0;
    size_t empty_bytes = 0;
    bool is_head_known = false;
    bool is_length_known = false;
    bool is_coding_known = false;
    bool wants_continue = false;
    bool drops_body = false;
};

/// False: too many.
bool RequestParser::Impl::skip_empty_lines(std::string_view& input) {
    while (head.empty() && !input.empty() && (input[0] == '\r' || input[0] == '\n')) {
        if (++empty_bytes > kEmptyLineBytesMax) return false;
        input.remove_prefix(1);
    }
    return true;
}

/// Looks at the lines that have ended since the last time. Returns where the head ends; npos: not
/// yet, or `failure` says why it never will.
size_t RequestParser::Impl::find_head_end() {
    for (size_t at = head.find('\n', searched); at != std::string::npos;
         at = head.find('\n', line_begin)) {
        if (at == line_begin || head[at - 1] != '\r') {
            fail_with({400, "A line of the head ends in a bare line feed. Send CR and LF."});
            return std::string::npos;
        }
        // Lines that go on in the next one are read by some and cut by others.
        if (line_begin > 0 && (head[line_begin] == ' ' || head[line_begin] == '\t')) {
            fail_with({400, "A header field is folded over two lines. Send it in one."});
            return std::string::npos;
        }
        const bool is_empty = at == line_begin + 1;
        line_begin = at + 1;
        if (is_empty) return line_begin;
    }
    searched = head.size();
    return std::string::npos;
}

RequestParser::Status RequestParser::Impl::take_head(std::string_view& input,
                                                     const ParserLimits& limits) {
    if (!skip_empty_lines(input)) {
        return fail_with({400, "No request begins with an empty line. Send a request line."});
    }
    const size_t before = head.size();
    const size_t room = limits.header_bytes_max - std::min(before, limits.header_bytes_max);
    head.append(input.substr(0, room));
    const size_t end = find_head_end();
    if (failure.status != 0) return Status::error;
    if (end == std::string::npos) {
        if (input.size() >= room) return fail_with(failure_of(bhttp::error::header_limit));
        input = {};
        return Status::incomplete;
    }
    head.resize(end);
    input.remove_prefix(head.size() - before);
    reader->header_limit(static_cast<uint32_t>(head.size() + 1));
    reader->body_limit(limits.body_bytes_max);
    beast::error_code error;
    const size_t taken = reader->put(boost::asio::buffer(head.data(), head.size()), error);
    if (error == bhttp::error::need_more && is_head_known) error = {};
    if (error || taken != head.size()) return fail_with(failure_of(error));
    return reader->is_done() ? Status::complete : Status::head;
}

/// What Beast does not take of its input is the beginning of a line around a chunk, which has to
/// come whole: it is kept in `chunk`. Where a line stands next, no more is shown than it may have,
/// so that its limit is the same however the stream is cut.
RequestParser::Status RequestParser::Impl::take_rest(std::string_view& input) {
    while (!input.empty()) {
        const size_t kept = chunk.size();
        const bool is_line = is_coding_known && chunk_left == 0;
        const std::string_view piece = is_line ? input.substr(0, kChunkLineBytesMax - kept) : input;
        if (kept > 0) chunk.append(piece);
        const std::string_view bytes = kept > 0 ? std::string_view(chunk) : piece;
        if (is_line && has_bad_line(bytes)) return fail_with(kBadChunk);
        beast::error_code error;
        const size_t taken = reader->put(boost::asio::buffer(bytes.data(), bytes.size()), error);
        if (error && error != bhttp::error::need_more) {
            const bool is_large = error == bhttp::error::body_limit;
            return fail_with(is_coding_known && !is_large ? kBadChunk : failure_of(error));
        }
        if (taken > 0 && taken >= kept) {
            input.remove_prefix(taken - kept);
            chunk.clear();
            if (reader->is_done()) return Status::complete;
            continue;
        }
        if (bytes.size() == kChunkLineBytesMax) {
            return fail_with(
                {400, "A line around a chunk is too long. Leave extensions and trailers out."});
        }
        if (kept == 0) chunk.assign(piece);
        chunk.erase(0, taken);
        input.remove_prefix(piece.size());
    }
    return Status::incomplete;
}

/// False: refused, and `failure` says why. Fields behind the body count, and mean nothing.
bool RequestParser::Impl::note_field(std::string_view name, std::string_view value) {
    if (++field_count > kFieldsMax) {
        failure = {431, "There are more than 100 header fields. Send fewer."};
        return false;
    }
    if (is_head_known) return true;
    if (base::equals_ignore_case(name, "content-length")) {
        const bool is_number = !value.empty() && value.size() <= 19 &&
                               value.find_first_not_of("0123456789") == std::string_view::npos;
        if (std::exchange(is_length_known, true) || !is_number) {
            failure = failure_of(bhttp::error::bad_content_length);
            return false;
        }
        if (const auto bytes = base::parse_integer(value)) {
            body_bytes = static_cast<uint64_t>(*bytes);
        }
    }
    if (base::equals_ignore_case(name, "transfer-encoding")) {
        if (std::exchange(is_coding_known, true)) {
            failure = failure_of(bhttp::error::bad_transfer_encoding);
            return false;
        }
        if (!base::equals_ignore_case(value, "chunked")) {
            failure = {501, "Of transfer codings only `chunked` is known. Send the body as it is."};
            return false;
        }
    }
    const FieldRow* row = find_field(name);
    if (row == nullptr) return true;
    auto& slot = request.fields[static_cast<size_t>(row->field)];
    if (slot && row->is_single) {
        failure = {400, "A header field that may stand once stands there twice. Send it once."};
        return false;
    }
    if (!slot) slot = value;
    return true;
}

bool RequestParser::Impl::check_head(const Reader& parsed) {
    request.keeps_alive = parsed.keep_alive();
    if (request.is_http_1_0 && is_coding_known) {
        failure = {400, "HTTP/1.0 knows no Transfer-Encoding. Use HTTP/1.1."};
        return false;
    }
    if (!request.is_http_1_0 && !request.field(Field::host)) {
        failure = {400, "The field Host is missing. HTTP/1.1 demands it."};
        return false;
    }
    if (const auto expect = request.field(Field::expect)) {
        if (!base::equals_ignore_case(*expect, "100-continue")) {
            failure = {417, "Only 100-continue can be expected. Leave the field Expect out."};
            return false;
        }
        wants_continue = !request.is_http_1_0;
    }
    return true;
}

RequestParser::RequestParser() : impl_(std::make_unique<Impl>()) {}
RequestParser::~RequestParser() = default;

RequestParser::Status RequestParser::parse(std::string_view& input, const ParserLimits& limits) {
    if (impl_->failure.status != 0) return Status::error;
    if (impl_->is_head_known) return impl_->take_rest(input);
    return impl_->take_head(input, limits);
}

Request& RequestParser::request() noexcept { return impl_->request; }
const RequestParser::Failure& RequestParser::failure() const noexcept { return impl_->failure; }

bool RequestParser::take_wants_continue() noexcept {
    return std::exchange(impl_->wants_continue, false);
}

bool RequestParser::is_at_start() const noexcept { return impl_->head.empty(); }

void RequestParser::drop_body() noexcept { impl_->drops_body = true; }

std::optional<uint64_t> RequestParser::body_bytes() const noexcept { return impl_->body_bytes; }

bool RequestParser::is_in_head() const noexcept { return !is_at_start() && !impl_->is_head_known; }

void RequestParser::reset() {
    Impl& impl = *impl_;
    impl.request = {};
    impl.failure = {};
    impl.reader.emplace(impl);
    impl.head.clear();
    // What one long request took is not kept.
    if (impl.head.capacity() > kChunkLineBytesMax) impl.head.shrink_to_fit();
    impl.chunk = {};
    impl.searched = impl.line_begin = 0;
    impl.body_bytes.reset();
    impl.chunk_left = 0;
    impl.field_count = 0;
    impl.empty_bytes = 0;
    impl.is_head_known = impl.is_length_known = impl.is_coding_known = false;
    impl.wants_continue = impl.drops_body = false;
}

size_t RequestParser::held_bytes() const noexcept {
    return impl_->head.capacity() + impl_->chunk.capacity() + impl_->request.body.capacity();
}

}  // namespace gyre::http
