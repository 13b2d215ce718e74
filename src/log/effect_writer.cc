// SPDX-License-Identifier: BSD-3-Clause
#include "log/effect_writer.h"

#include <cstring>

#include "base/check.h"
#include "base/numbers.h"

namespace gyre::log {
namespace {

constexpr size_t kLineEndBytes = 2;

using base::unsigned_chars;

// The two sinks take the same calls: one adds up, the other writes.
class Measure {
public:
    void command(size_t words) { bytes_ += 1 + unsigned_chars(words) + kLineEndBytes; }
    void word(std::string_view text) {
        bytes_ += 1 + unsigned_chars(text.size()) + kLineEndBytes + text.size() + kLineEndBytes;
    }
    void word(int64_t number) {
        const size_t chars = base::integer_chars(number);
        bytes_ += 1 + unsigned_chars(chars) + kLineEndBytes + chars + kLineEndBytes;
    }
    void line(std::string_view prefix, int64_t number) {
        bytes_ += prefix.size() + base::integer_chars(number) + kLineEndBytes;
    }
    size_t bytes() const { return bytes_; }

private:
    size_t bytes_ = 0;
};

class Writer {
public:
    explicit Writer(char* out) : at_(out) {}

    void command(size_t words) { length('*', words); }
    void word(std::string_view text) {
        length('$', text.size());
        raw(text);
        end_line();
    }
    void word(int64_t number) {
        length('$', base::integer_chars(number));
        at_ = base::write_integer(at_, number);
        end_line();
    }
    void line(std::string_view prefix, int64_t number) {
        raw(prefix);
        at_ = base::write_integer(at_, number);
        end_line();
    }
    void length(char marker, size_t value) {
        *at_++ = marker;
        if (value < 100) [[likely]] {
            if (value >= 10) *at_++ = static_cast<char>('0' + value / 10);
            *at_++ = static_cast<char>('0' + value % 10);
        } else {
            at_ = base::write_integer(at_, static_cast<int64_t>(value));
        }
        end_line();
    }
    char* end() const { return at_; }

private:
    void raw(std::string_view text) {
        // An empty view may have no address, which memcpy() must not be given.
        if (!text.empty()) std::memcpy(at_, text.data(), text.size());
        at_ += text.size();
    }
    void end_line() {
        *at_++ = '\r';
        *at_++ = '\n';
    }

    char* at_;
};

/// Hands on what is short in one piece, and the text of a word as it lies.
class PieceWriter {
public:
    explicit PieceWriter(Pieces& out) : out_(out) {}

    void command(size_t words) { length('*', words); }
    void word(std::string_view text) {
        length('$', text.size());
        out_.append(text);
        out_.append("\r\n");
    }
    void word(int64_t number) {
        char digits[base::kIntegerCharsMax];
        const char* const end = base::write_integer(digits, number);
        word(std::string_view(digits, static_cast<size_t>(end - digits)));
    }
    void line(std::string_view prefix, int64_t number) {
        char digits[base::kIntegerCharsMax];
        const char* const end = base::write_integer(digits, number);
        out_.append(prefix);
        out_.append({digits, static_cast<size_t>(end - digits)});
        out_.append("\r\n");
    }

private:
    void length(char marker, size_t value) {
        char text[1 + base::kIntegerCharsMax + kLineEndBytes];
        Writer writer(text);
        writer.length(marker, value);
        out_.append({text, static_cast<size_t>(writer.end() - text)});
    }

    Pieces& out_;
};

template <class Sink>
void number(Sink& sink, size_t value) {
    sink.word(static_cast<int64_t>(value));
}

template <class Sink>
void list(Sink& sink, const SetEffect& effect) {
    const bool expires = effect.expire_ms != kNoDeadline;
    DCHECK(!expires || !effect.keeps_ttl);
    sink.command(expires ? 5 : effect.keeps_ttl ? 4 : 3);
    sink.word("SET");
    sink.word(effect.key);
    sink.word(effect.value);
    if (expires) {
        sink.word("PXAT");
        sink.word(effect.expire_ms);
    } else if (effect.keeps_ttl) {
        sink.word("KEEPTTL");
    }
}

template <class Sink>
void list(Sink& sink, const ExpireEffect& effect) {
    sink.command(3);
    sink.word("PEXPIREAT");
    sink.word(effect.key);
    sink.word(effect.expire_ms);
}

template <class Sink>
void list(Sink& sink, const PersistEffect& effect) {
    sink.command(2);
    sink.word("PERSIST");
    sink.word(effect.key);
}

template <class Sink>
void list(Sink& sink, const DeleteEffect& effect) {
    DCHECK(!effect.keys.empty());
    sink.command(1 + effect.keys.size());
    sink.word(effect.is_unlink ? std::string_view("UNLINK") : std::string_view("DEL"));
    for (const std::string_view key : effect.keys) sink.word(key);
}

template <class Sink>
void list(Sink& sink, const SetManyEffect& effect) {
    DCHECK(!effect.pairs.empty());
    sink.command(1 + 2 * effect.pairs.size());
    sink.word("MSET");
    for (const KeyValue& pair : effect.pairs) {
        sink.word(pair.key);
        sink.word(pair.value);
    }
}

template <class Sink>
void list(Sink& sink, const RenameEffect& effect) {
    sink.command(3);
    sink.word("RENAME");
    sink.word(effect.source);
    sink.word(effect.destination);
}

template <class Sink>
void list(Sink& sink, const MoveEffect& effect) {
    sink.command(3);
    sink.word("MOVE");
    sink.word(effect.key);
    number(sink, effect.database);
}

template <class Sink>
void list(Sink& sink, const CopyEffect& effect) {
    sink.command(3 + (effect.database ? 2 : 0) + (effect.is_replacing ? 1 : 0));
    sink.word("COPY");
    sink.word(effect.source);
    sink.word(effect.destination);
    if (effect.database) {
        sink.word("DB");
        number(sink, *effect.database);
    }
    if (effect.is_replacing) sink.word("REPLACE");
}

template <class Sink>
void list(Sink& sink, const SwapDatabasesEffect& effect) {
    sink.command(3);
    sink.word("SWAPDB");
    number(sink, effect.first);
    number(sink, effect.second);
}

template <class Sink>
void list_one(Sink& sink, std::string_view name) {
    sink.command(1);
    sink.word(name);
}

template <class Sink>
void list(Sink& sink, const FlushDatabaseEffect&) {
    list_one(sink, "FLUSHDB");
}

template <class Sink>
void list(Sink& sink, const FlushAllEffect&) {
    list_one(sink, "FLUSHALL");
}

template <class Sink>
void list(Sink& sink, const MultiEffect&) {
    list_one(sink, "MULTI");
}

template <class Sink>
void list(Sink& sink, const ExecEffect&) {
    list_one(sink, "EXEC");
}

template <class Sink>
void list(Sink& sink, const SelectEffect& effect) {
    sink.command(2);
    sink.word("SELECT");
    number(sink, effect.database);
}

template <class Sink>
void list(Sink& sink, const CommandEffect& effect) {
    DCHECK(!effect.words.empty());
    sink.command(effect.words.size());
    for (const std::string_view word : effect.words) sink.word(word);
}

template <class Sink>
void list(Sink& sink, const TimestampLine& line) {
    sink.line(kTimestampPrefix, line.timestamp_ms);
}

template <class Sink>
void list(Sink& sink, const ClockLine& line) {
    sink.line(kClockPrefix, line.unix_s);
}

template <class Sink>
void list(Sink& sink, const Record& record) {
    DCHECK(!record.steps.empty());
    const bool is_transaction = record.steps.size() > 1;
    size_t selected = 0;
    if (is_transaction) list(sink, MultiEffect{});
    for (const Step& step : record.steps) {
        if (step.database != selected) list(sink, SelectEffect{step.database});
        selected = step.database;
        // Directly before the command it belongs to: a reader takes it for the next one.
        if (step.timestamp_ms != kNoTimestamp) list(sink, TimestampLine{step.timestamp_ms});
        std::visit([&sink](const auto& effect) { list(sink, effect); }, step.effect);
    }
    if (selected != 0) list(sink, SelectEffect{0});
    if (is_transaction) list(sink, ExecEffect{});
}

template <class Part>
size_t measure(const Part& part) {
    Measure sink;
    list(sink, part);
    return sink.bytes();
}

template <class Part>
char* put(const Part& part, char* out) {
    Writer sink(out);
    list(sink, part);
    return sink.end();
}

}  // namespace

size_t SetEffect::bytes() const noexcept { return measure(*this); }
char* SetEffect::write(char* out) const noexcept { return put(*this, out); }

size_t ExpireEffect::bytes() const noexcept { return measure(*this); }
char* ExpireEffect::write(char* out) const noexcept { return put(*this, out); }

size_t PersistEffect::bytes() const noexcept { return measure(*this); }
char* PersistEffect::write(char* out) const noexcept { return put(*this, out); }

size_t DeleteEffect::bytes() const noexcept { return measure(*this); }
char* DeleteEffect::write(char* out) const noexcept { return put(*this, out); }

size_t SetManyEffect::bytes() const noexcept { return measure(*this); }
char* SetManyEffect::write(char* out) const noexcept { return put(*this, out); }

size_t RenameEffect::bytes() const noexcept { return measure(*this); }
char* RenameEffect::write(char* out) const noexcept { return put(*this, out); }

size_t MoveEffect::bytes() const noexcept { return measure(*this); }
char* MoveEffect::write(char* out) const noexcept { return put(*this, out); }

size_t CopyEffect::bytes() const noexcept { return measure(*this); }
char* CopyEffect::write(char* out) const noexcept { return put(*this, out); }

size_t SwapDatabasesEffect::bytes() const noexcept { return measure(*this); }
char* SwapDatabasesEffect::write(char* out) const noexcept { return put(*this, out); }

size_t FlushDatabaseEffect::bytes() const noexcept { return measure(*this); }
char* FlushDatabaseEffect::write(char* out) const noexcept { return put(*this, out); }

size_t FlushAllEffect::bytes() const noexcept { return measure(*this); }
char* FlushAllEffect::write(char* out) const noexcept { return put(*this, out); }

size_t SelectEffect::bytes() const noexcept { return measure(*this); }
char* SelectEffect::write(char* out) const noexcept { return put(*this, out); }

size_t MultiEffect::bytes() const noexcept { return measure(*this); }
char* MultiEffect::write(char* out) const noexcept { return put(*this, out); }

size_t ExecEffect::bytes() const noexcept { return measure(*this); }
char* ExecEffect::write(char* out) const noexcept { return put(*this, out); }

size_t CommandEffect::bytes() const noexcept { return measure(*this); }
char* CommandEffect::write(char* out) const noexcept { return put(*this, out); }

size_t TimestampLine::bytes() const noexcept { return measure(*this); }
char* TimestampLine::write(char* out) const noexcept { return put(*this, out); }

size_t ClockLine::bytes() const noexcept { return measure(*this); }
char* ClockLine::write(char* out) const noexcept { return put(*this, out); }

size_t Record::bytes() const noexcept { return measure(*this); }
char* Record::write(char* out) const noexcept { return put(*this, out); }
void Record::write(Pieces& out) const {
    PieceWriter sink(out);
    list(sink, *this);
}

}  // namespace gyre::log
