// SPDX-License-Identifier: BSD-3-Clause
#include "conversation.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace gyre::server {
namespace {

constexpr std::string_view kOk = "+OK\r\n";
constexpr std::string_view kNull = "$-1\r\n";
constexpr std::string_view kNotInteger = "-ERR value is not an integer or out of range\r\n";
/// Bytes of values in one script, about.
constexpr uint64_t kScriptBytesMax = 600 * 1024;

std::string bulk(std::string_view bytes) {
    return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}
std::string number(int64_t value) { return ":" + std::to_string(value) + "\r\n"; }

// --- reading replies ----------------------------------------------------------------------------

constexpr size_t kIncomplete = 0;
constexpr size_t kMalformed = SIZE_MAX;

/// The number in a line behind its marker; the length of the line with CRLF, or one of the above.
size_t read_line_number(std::string_view bytes, int64_t& value) {
    const size_t end = bytes.find("\r\n");
    if (end == std::string_view::npos) return bytes.size() > 30 ? kMalformed : kIncomplete;
    const auto result = std::from_chars(bytes.data() + 1, bytes.data() + end, value);
    return result.ec == std::errc() && result.ptr == bytes.data() + end ? end + 2 : kMalformed;
}

bool is_script_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char letter) {
        return (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') ||
               letter == '-' || letter == ':';
    });
}

/// A bulk string or nil: its length and text.
size_t read_text(std::string_view bytes, std::string_view& text) {
    if (bytes.empty()) return kIncomplete;
    int64_t length = 0;
    const size_t line = bytes[0] == '$' ? read_line_number(bytes, length) : kMalformed;
    if (line == kIncomplete || line == kMalformed || length < -1) {
        return line == kIncomplete ? kIncomplete : kMalformed;
    }
    if (length == -1) return line;
    const auto size = static_cast<size_t>(length);
    if (bytes.size() < line + size + 2) return kIncomplete;
    text = bytes.substr(line, size);
    return is_script_text(text) && bytes.substr(line + size, 2) == "\r\n" ? line + size + 2
                                                                          : kMalformed;
}

size_t read_texts(std::string_view bytes, const Expectation& expectation) {
    if (bytes.empty()) return kIncomplete;
    int64_t count = 0;
    size_t at = bytes[0] == '*' ? read_line_number(bytes, count) : kMalformed;
    if (at == kIncomplete || at == kMalformed) return at;
    std::vector<std::string> names;
    for (int64_t i = 0; i < count; ++i) {
        std::string_view text;
        const size_t length = read_text(bytes.substr(at), text);
        if (length == kIncomplete || length == kMalformed) return length;
        names.emplace_back(text);
        at += length;
    }
    if (expectation.kind == Expectation::Kind::names) {
        std::sort(names.begin(), names.end());
        return names == expectation.names ? at : kMalformed;
    }
    const bool fits = expectation.count == SIZE_MAX || expectation.count == names.size();
    return fits ? at : kMalformed;
}

size_t read_exact(std::string_view bytes, std::string_view wanted) {
    if (bytes.substr(0, wanted.size()) != wanted.substr(0, bytes.size())) return kMalformed;
    return bytes.size() < wanted.size() ? kIncomplete : wanted.size();
}

/// The length of the reply at the front, if it is what is expected.
size_t read_reply(std::string_view bytes, const Expectation& expectation) {
    using Kind = Expectation::Kind;
    if (bytes.empty()) return kIncomplete;
    int64_t value = 0;
    std::string_view text;
    switch (expectation.kind) {
        case Kind::exact:
            return read_exact(bytes, expectation.bytes);
        case Kind::integer_or_error:
            if (bytes[0] == '-') return read_exact(bytes, kNotInteger);
            [[fallthrough]];
        case Kind::integer:
            return bytes[0] == ':' ? read_line_number(bytes, value) : kMalformed;
        case Kind::text:
            return read_text(bytes, text);
        case Kind::texts:
        case Kind::names:
            return read_texts(bytes, expectation);
    }
    return kMalformed;
}

Expectation of_kind(Expectation::Kind kind, size_t count = SIZE_MAX) {
    Expectation expectation;
    expectation.kind = kind;
    expectation.count = count;
    return expectation;
}

}  // namespace

std::string Expectation::describe() const {
    if (kind == Kind::exact) return bytes;
    std::string text = "a reply of kind " + std::to_string(static_cast<int>(kind));
    for (const std::string& name : names) text += " " + name;
    return text;
}

bool Listener::hear(std::string& received, std::deque<Expectation>& expected) {
    size_t at = 0;
    bool fits = true;
    while (at < received.size()) {
        const std::string_view rest = std::string_view(received).substr(at);
        const size_t length = expected.empty() ? kMalformed : read_reply(rest, expected.front());
        fits = length != kMalformed;
        if (length == kIncomplete || length == kMalformed) break;
        at += length;
        expected.pop_front();
        ++heard_;
    }
    received.erase(0, at);
    return fits;
}

// --- writing scripts ----------------------------------------------------------------------------

Script ScriptWriter::write(size_t client) {
    script_ = {};
    model_.clear();
    replies_ = Replies::on;
    known_bytes_ = 0;
    prefix_ = "p" + std::to_string(client) + ":";
    const size_t count = 1 + random_.below(commands_max_);
    for (size_t i = 0; i < count && known_bytes_ < kScriptBytesMax; ++i) write_command();
    write_end();
    return std::move(script_);
}

void ScriptWriter::write_command() {
    const uint64_t pick = random_.below(100);
    if (pick < 45) return write_private();
    if (pick < 58) return write_private_many();
    if (pick < 80) return write_shared();
    if (pick < 88) return write_walk();
    if (pick < 90) return write_pause();
    if (pick < 95) return write_reply_mode();
    write_nothing();
}

void ScriptWriter::say(const Words& words, Expectation expectation) {
    const bool is_simple = std::all_of(words.begin(), words.end(), [](const std::string& word) {
        return !word.empty() && word.size() < 100;
    });
    if (is_simple && random_.below(4) == 0) {
        for (const std::string& word : words) script_.bytes += word + " ";
        script_.bytes.back() = '\r';
        script_.bytes += '\n';
    } else {
        script_.bytes += "*" + std::to_string(words.size()) + "\r\n";
        for (const std::string& word : words) script_.bytes += bulk(word);
    }
    if (replies_ == Replies::on) {
        expectation.command_end = script_.bytes.size();
        known_bytes_ += expectation.bytes.size();
        script_.expected.push_back(std::move(expectation));
    }
    if (replies_ == Replies::skip) replies_ = Replies::on;
}

void ScriptWriter::say(const Words& words, std::string reply) {
    Expectation expectation;
    expectation.bytes = std::move(reply);
    say(words, std::move(expectation));
}

std::string ScriptWriter::own_key() { return prefix_ + std::to_string(random_.below(4)); }

/// Mostly short, sometimes as long as may be.
std::string ScriptWriter::value() {
    const uint64_t pick = random_.below(20);
    if (pick == 0) return {};
    if (pick < 3) return std::to_string(static_cast<int64_t>(random_.below(2000)) - 1000);
    size_t bytes_max = 60;
    if (pick > 13) bytes_max = 3000;
    if (pick == 18) bytes_max = 50 * 1024;
    if (pick == 19) bytes_max = 200 * 1024;
    const size_t size = random_.below(std::min(bytes_max, value_bytes_max_) + 1);
    // Neighbours differ, so that bytes in the wrong place show.
    std::string text(size, 'a');
    const uint64_t start = random_.below(26);
    for (size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>('a' + (start + i + i / 26) % 26);
    }
    known_bytes_ += size;
    return text;
}

std::string ScriptWriter::increment(const std::string& key) {
    std::string& text = model_.try_emplace(key, "0").first->second;
    int64_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size() ||
        std::to_string(value) != text) {
        return std::string(kNotInteger);
    }
    text = std::to_string(++value);
    return number(value);
}

std::string ScriptWriter::get_range(const std::string& key, int64_t start, int64_t end) const {
    const auto found = model_.find(key);
    if (found == model_.end()) return {};
    const auto size = static_cast<int64_t>(found->second.size());
    if (start < 0 && end < 0 && start > end) return {};
    if (start < 0) start = std::max<int64_t>(size + start, 0);
    if (end < 0) end = std::max<int64_t>(size + end, 0);
    end = std::min(end, size - 1);
    if (size == 0 || start > end) return {};
    return found->second.substr(static_cast<size_t>(start), static_cast<size_t>(end - start + 1));
}

/// One of the client's own keys: the reply is known.
void ScriptWriter::write_private() {
    const std::string key = own_key();
    const auto found = model_.find(key);
    switch (random_.below(7)) {
        case 0:
        case 1: {
            const std::string text = value();
            model_[key] = text;
            return say({"SET", key, text}, std::string(kOk));
        }
        case 2:
            return say({"GET", key},
                       found == model_.end() ? std::string(kNull) : bulk(found->second));
        case 3: {
            const std::string more = value();
            std::string& text = model_[key];
            text += more;
            return say({"append", key, more}, number(static_cast<int64_t>(text.size())));
        }
        case 4:
            return say({"INCR", key}, increment(key));
        case 5:
            return say({"Del", key}, number(static_cast<int64_t>(model_.erase(key))));
        default: {
            const auto start = static_cast<int64_t>(random_.below(400)) - 200;
            const auto end = static_cast<int64_t>(random_.below(100'000)) - 200;
            return say({"GETRANGE", key, std::to_string(start), std::to_string(end)},
                       bulk(get_range(key, start, end)));
        }
    }
}

void ScriptWriter::write_private_many() {
    const size_t count = 1 + random_.below(5);
    const bool is_get = random_.below(2) == 0;
    Words words{is_get ? "MGET" : "MSET"};
    std::string reply = is_get ? "*" + std::to_string(count) + "\r\n" : std::string(kOk);
    for (size_t i = 0; i < count; ++i) {
        const std::string key = own_key();
        words.push_back(key);
        if (is_get) {
            const auto found = model_.find(key);
            reply += found == model_.end() ? std::string(kNull) : bulk(found->second);
        } else {
            words.push_back(value());
            model_[key] = words.back();
        }
    }
    say(words, std::move(reply));
}

/// A key that others change too: only the form of the reply is known.
void ScriptWriter::write_shared() {
    using Kind = Expectation::Kind;
    const std::string key = shared_key(random_.below(3));
    switch (random_.below(7)) {
        case 0:
            return say({"SET", key, value()}, std::string(kOk));
        case 1:
            return say({"GET", key}, of_kind(Kind::text));
        case 2:
            return say({"APPEND", key, value()}, of_kind(Kind::integer));
        case 3:
            return say({"INCR", shared_key(random_.below(5))}, of_kind(Kind::integer_or_error));
        case 4:
            return say({"DEL", key, shared_key(1)}, of_kind(Kind::integer));
        case 5:
            return say({"MGET", key, shared_key(0), own_key()}, of_kind(Kind::texts, 3));
        default:
            return say({"GETRANGE", key, "10", "50000"}, of_kind(Kind::text));
    }
}

/// Commands that may wait, and a database to be emptied.
void ScriptWriter::write_walk() {
    using Kind = Expectation::Kind;
    switch (random_.below(5)) {
        case 0: {
            Expectation own = of_kind(Kind::names);
            for (const auto& [key, text] : model_) own.names.push_back(key);
            return say({"KEYS", prefix_ + "*"}, own);
        }
        case 1:
            return say({"KEYS", "s*"}, of_kind(Kind::texts));
        case 2:
            return say({"RANDOMKEY"}, of_kind(Kind::text));
        case 3:
            return say({"DBSIZE"}, of_kind(Kind::integer));
        default:
            say({"SELECT", "1"}, std::string(kOk));
            say({"SET", own_key(), value()}, std::string(kOk));
            say({"FLUSHDB", random_.below(2) == 0 ? "SYNC" : "ASYNC"}, std::string(kOk));
            return say({"SELECT", "0"}, std::string(kOk));
    }
}

void ScriptWriter::write_pause() {
    const std::string milliseconds = std::to_string(random_.below(20));
    say({"CLIENT", "PAUSE", milliseconds, random_.below(2) == 0 ? "WRITE" : "ALL"},
        std::string(kOk));
}

void ScriptWriter::write_reply_mode() {
    const uint64_t pick = random_.below(4);
    if (pick < 2) {
        // Replies come back with this one's own.
        replies_ = Replies::on;
        return say({"CLIENT", "REPLY", "ON"}, std::string(kOk));
    }
    const Replies before = std::exchange(replies_, Replies::off);
    say({"CLIENT", "REPLY", pick == 2 ? "OFF" : "SKIP"}, std::string());
    replies_ = pick == 2 || before == Replies::off ? Replies::off : Replies::skip;
}

/// What has no reply or an error for one.
void ScriptWriter::write_nothing() {
    const uint64_t pick = random_.below(4);
    // An empty command has no reply, and is one that may be skipped all the same.
    if (pick < 2 && replies_ == Replies::skip) replies_ = Replies::on;
    switch (pick) {
        case 0:
            script_.bytes += "\r\n";
            return;
        case 1:
            script_.bytes += "*0\r\n";
            return;
        case 2:
            return say({"GET"}, "-ERR wrong number of arguments for 'get' command\r\n");
        default:
            return say({"NOTHING"},
                       "-ERR unknown command 'NOTHING', with args beginning with: \r\n");
    }
}

void ScriptWriter::write_end() {
    static constexpr std::pair<std::string_view, std::string_view> kErrors[] = {
        {"*1\r\n!4\r\n", "-ERR Protocol error: expected '$', got '!'\r\n"},
        {"*abc\r\n", "-ERR Protocol error: invalid multibulk length\r\n"},
        {"*2\r\n$3\r\nGET\r\n$-7\r\n", "-ERR Protocol error: invalid bulk length\r\n"},
        {"SET a 'b\r\n", "-ERR Protocol error: unbalanced quotes in request\r\n"},
        {"POST / HTTP/1.1\r\n", ""},
        {"QUIT\r\n", "+OK\r\n"},
    };
    const uint64_t pick = random_.below(10);
    if (pick < 4) {
        script_.ending = static_cast<Ending>(pick == 0 ? Ending::half_close : Ending::close_late);
        if (pick == 0 && random_.below(2) == 0) script_.bytes += "*3\r\n$3\r\nSET\r\n$40000\r\nab";
        return;
    }
    if (pick < 6) {
        script_.ending = pick == 4 ? Ending::close_early : Ending::reset;
        return;
    }
    const auto& [bytes, reply] = kErrors[random_.below(std::size(kErrors))];
    script_.ending = bytes.starts_with("POST") ? Ending::cut_off : Ending::server;
    script_.bytes += bytes;
    if (replies_ == Replies::on && !reply.empty()) {
        Expectation last;
        last.bytes = reply;
        last.command_end = script_.bytes.size();
        script_.expected.push_back(std::move(last));
    }
    // Nobody looks at what comes behind.
    if (random_.below(2) == 0) script_.bytes += "SET " + own_key() + " never\r\nPING\r\n";
}

}  // namespace gyre::server
