// SPDX-License-Identifier: BSD-3-Clause
#include "log/aof_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/crc64.h"
#include "base/numbers.h"
#include "log/effect_writer.h"

namespace gyre::log {
namespace {

constexpr std::string_view kPreambleMagic = "REDIS";
constexpr std::string_view kLineEnd = "\r\n";
constexpr size_t kLineEndBytes = kLineEnd.size();
// Behind the marker of a count or length.
constexpr size_t kNumberBytesMax = base::kIntegerCharsMax + kLineEndBytes;
// What is kept between units; a larger one gives its memory back.
constexpr size_t kKeptBytesMax = 1024 * 1024;
// A line with the time. Any group is longer.
constexpr uint64_t kClockBytesMax = 32;
// Of a group: such a line, its head, what it holds.
constexpr uint64_t kGroupPlaceBytesMax = kClockBytesMax + kGroupHeadBytesMax + kCheckedBytesMax;
constexpr std::string_view kFillingOrZero("# \n\0", 4);

bool is_whole(const GroupHead& head, std::string_view behind) {
    const std::string_view group = behind.substr(0, head.bytes);
    return !head.is_mark() && group.size() == head.bytes && base::crc64(0, group) == head.crc;
}

std::string describe_byte(char byte) {
    const auto code = static_cast<unsigned char>(byte);
    if (code > 0x20 && code < 0x7f) return fmt::format("'{}'", byte);
    return fmt::format("0x{:02x}", code);
}

}  // namespace

Result<void> AofHandler::check(uint64_t, const AofCommand&) { return {}; }

AofReader::AofReader(AofHandler& handler, const AofLimits& limits, uint64_t start)
    : handler_(handler),
      limits_(limits),
      unit_offset_(start),
      phase_(start == 0 ? Phase::first : Phase::start) {
    end_.good_to = start;
}

AofReader::Status AofReader::feed(std::string_view piece) {
    if (is_over_) return Status::failed;
    while (!piece.empty()) {
        if (is_torn_) return look_behind_torn(piece);
        if (buffer_.empty()) return feed_in_place(piece);
        const size_t take = wanted(piece);
        const Status status = feed_buffer(piece.substr(0, take));
        if (status != Status::more) return status;
        piece.remove_prefix(take);
    }
    return Status::more;
}

// Units that lie whole in `piece` are read where they are; what is left over goes to the buffer.
AofReader::Status AofReader::feed_in_place(std::string_view piece) {
    while (!piece.empty()) {
        const uint64_t before = unit_offset_;
        const Step step = read_unit(piece);
        if (step == Step::incomplete) {
            buffer_.assign(piece.begin(), piece.end());
            return Status::more;
        }
        if (step == Step::torn) return look_behind_torn(piece);
        if (step != Step::done) return status_of(step);
        piece.remove_prefix(static_cast<size_t>(unit_offset_ - before));
    }
    return Status::more;
}

// `bytes` do not reach beyond the unit under way, see wanted().
AofReader::Status AofReader::feed_buffer(std::string_view bytes) {
    reserve(buffer_.size() + bytes.size());
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    const uint64_t before = unit_offset_;
    const Step step = read_unit({buffer_.data(), buffer_.size()});
    if (step == Step::incomplete) return Status::more;
    if (step == Step::torn) return look_behind_torn({buffer_.data(), buffer_.size()});
    if (step != Step::done) return status_of(step);
    if (const size_t taken = unit_offset_ - before; taken < buffer_.size()) {
        // The head of a group; all units of the group are there.
        const auto group = std::exchange(buffer_, {});
        return feed_in_place(std::string_view(group.data(), group.size()).substr(taken));
    }
    buffer_.clear();
    if (buffer_.capacity() > kKeptBytesMax) buffer_.shrink_to_fit();
    return Status::more;
}

// Doubles, as it must for many small arguments, but stops at the end of one that is at least half
// of what is held: a large value would otherwise take up to twice its size.
void AofReader::reserve(size_t needed) {
    const size_t capacity = buffer_.capacity();
    if (phase_ != Phase::payload || needed <= capacity || length_ < capacity / 2) return;
    const size_t end = position_ + length_ + kLineEndBytes;
    buffer_.reserve(std::max(needed, std::min(end, 2 * capacity)));
}

AofReader::Status AofReader::status_of(Step step) const {
    return step == Step::preamble ? Status::preamble : Status::failed;
}

// How much of `piece` belongs to the unit under way for certain, and is of use to it.
size_t AofReader::wanted(std::string_view piece) const {
    if (phase_ == Phase::group) {
        return std::min(group_begin_ + group_.bytes - buffer_.size(), piece.size());
    }
    if (phase_ == Phase::payload) {
        const size_t missing = position_ + length_ + kLineEndBytes - buffer_.size();
        return std::min(missing, piece.size());
    }
    const size_t newline = piece.find('\n');
    return newline == std::string_view::npos ? piece.size() : newline + 1;
}

// Reads on; `input` begins at the unit's first byte and holds at least what it held the last time.
// After done the unit was delivered and unit_offset_ stands behind it.
AofReader::Step AofReader::read_unit(std::string_view input) {
    const uint64_t unit = unit_offset_;
    for (;;) {
        Step step = Step::done;
        switch (phase_) {
            case Phase::first:
                step = read_first(input);
                break;
            case Phase::start:
                step = read_start(input);
                break;
            case Phase::length_line:
                step = read_length(input);
                break;
            case Phase::payload:
                step = read_payload(input);
                break;
            case Phase::group:
                step = read_group(input);
                break;
        }
        if (step != Step::done || unit_offset_ != unit) return step;
    }
}

AofReader::Step AofReader::read_first(std::string_view input) {
    const std::string_view head = input.substr(0, kPreambleMagic.size());
    if (!kPreambleMagic.starts_with(head)) {
        phase_ = Phase::start;
        return Step::done;
    }
    if (head.size() < kPreambleMagic.size()) return Step::incomplete;
    stop(AofEnd::Kind::refused, 0, "an RDB stands in front; read that first and go on behind it");
    return Step::preamble;
}

AofReader::Step AofReader::read_start(std::string_view input) {
    if (position_ == input.size()) return Step::incomplete;
    const char marker = input[position_];
    if (marker == '#') return read_annotation(input);
    if (marker == '*') return read_count(input);
    return corrupt(position_, fmt::format("{} stands where '*' or '#' must begin a command",
                                          describe_byte(marker)));
}

AofReader::Step AofReader::read_annotation(std::string_view input) {
    const size_t newline = input.find('\n', std::max(scanned_, position_));
    const size_t next = std::min(newline, input.size() - 1) + 1;
    if (next - position_ > kAnnotationBytesMax) {
        return corrupt(position_, fmt::format("a line that begins with '#' is longer than {} bytes",
                                              kAnnotationBytesMax));
    }
    scanned_ = next;
    if (newline == std::string_view::npos) return Step::incomplete;
    const std::string_view text = input.substr(position_, newline - position_);
    if (!is_in_transaction_ && text.starts_with(kGroupPrefix)) {
        return take_group_head(text, next);
    }
    const Step step = take_annotation(text);
    if (step != Step::done) return step;
    const bool is_only_filling = is_behind_group() && text.find_first_not_of("# ") == text.npos;
    position_ = next;
    if (is_in_transaction_) return next > limits_.unit_bytes_max ? refuse_size() : Step::done;
    // Outside a transaction the line is over with its end; a timestamp waits for its command, and
    // is lost with it.
    end_unit(next);
    if (!timestamp_ms_ && !is_only_filling) end_.good_to = unit_offset_;
    return Step::done;
}

// What is not the head of a group at its own place is damage.
AofReader::Step AofReader::take_group_head(std::string_view text, size_t next) {
    const std::optional<GroupHead> head = parse_group_head(text);
    if (!head || head->offset != unit_offset_ || timestamp_ms_) {
        return corrupt(position_, "the head of a group that is none, or not at its place");
    }
    if (!head->is_mark()) {
        group_ = *head;
        group_begin_ = next;
        phase_ = Phase::group;
        return Step::done;
    }
    is_behind_group_ = false;
    end_unit(next);
    end_.good_to = unit_offset_;
    return Step::done;
}

AofReader::Step AofReader::read_group(std::string_view input) {
    if (input.size() < group_begin_ + group_.bytes) return Step::incomplete;
    phase_ = Phase::start;
    const uint64_t end = unit_offset_ + group_begin_ + group_.bytes;
#ifdef GYRE_MUTATION_TRUST_TORN_GROUP
    // Planted fault: what lies there will be what was written.
    group_.crc = base::crc64(0, input.substr(group_begin_, group_.bytes));
#endif
    if (base::crc64(0, input.substr(group_begin_, group_.bytes)) != group_.crc) {
        is_behind_group_ = true;
        begin_torn(unit_offset_, "a group that is not what its checksum says");
        return Step::torn;
    }
    end_unit(group_begin_);
    is_behind_group_ = true;
    group_until_ = end;
    return Step::done;
}

// The place of a group whose head is there is known; of another it is as large as that of any.
void AofReader::begin_torn(uint64_t at, std::string_view what) {
    is_torn_ = true;
    torn_at_ = at;
    torn_message_ = what;
    torn_next_ = unit_offset_;
    torn_until_ = group_begin_ > 0 ? unit_offset_ + group_begin_ + group_.bytes
                                   : group_until_ + kGroupPlaceBytesMax;
}

// `bytes` are those from the unit under way on, or what follows the last ones. Filling that was to
// be brought with the group may be zeros.
AofReader::Status AofReader::look_behind_torn(std::string_view bytes) {
    const uint64_t offset = torn_next_;
    const size_t inside =
        std::min<uint64_t>(torn_until_ - std::min(torn_until_, offset), bytes.size());
    torn_.append(bytes.substr(0, inside));
    const size_t other = bytes.find_first_not_of(kFillingOrZero, inside);
    torn_next_ += bytes.size();
    buffer_.clear();
    if (other == bytes.npos) return Status::more;
    return refuse_torn(offset + other, "is more than filling");
}

// Whoever began another group knew that all before it was on the disk: then it was not a crash that
// left this one so. `text` are bytes of the file from the unit under way on. At another offset than
// its own a head counts where a group has to begin, and only with its whole group: in a file that
// somebody took something out of. Elsewhere it may be a part of what a client has stored.
std::optional<uint64_t> AofReader::head_in(std::string_view text) const {
    for (size_t at = text.find(kGroupPrefix, group_begin_ > 0 ? 1 : 0); at != text.npos;
         at = text.find(kGroupPrefix, at + 1)) {
        const std::string_view rest = text.substr(at, kGroupHeadBytesMax);
        const size_t newline = rest.find('\n');
        if (newline == rest.npos) continue;
        const std::optional<GroupHead> head = parse_group_head(rest.substr(0, newline));
        if (!head) continue;
        const uint64_t here = unit_offset_ + at;
        const bool is_where_one_begins = here <= group_until_ + kClockBytesMax;
        const bool is_at_home = head->offset == here;
        // There it is the head of the group that is torn; what is missing is the line with the
        // time.
        if (is_at_home && !is_where_one_begins) return here;
        if (is_where_one_begins && !is_at_home && is_whole(*head, text.substr(at + newline + 1)))
            return here;
    }
    return std::nullopt;
}

AofReader::Status AofReader::refuse_torn(uint64_t at, std::string_view what) {
    return status_of(
        stop(AofEnd::Kind::corrupt, torn_at_,
             fmt::format("{}, and what stands at byte {} {}", torn_message_, at, what)));
}

AofReader::Step AofReader::take_annotation(std::string_view text) {
    // Nobody writes one: what should stand here has not come to the disk, however much that was.
    if (const size_t zero = text.find('\0'); zero != text.npos) {
        return corrupt(position_ + zero, "0x00 in a line that begins with '#'");
    }
    const bool is_timestamp = text.starts_with(kTimestampPrefix);
    if (!is_timestamp && !text.starts_with(kClockPrefix)) {
        const bool is_broken = is_behind_group() && !is_in_transaction_ &&
                               !is_filling(text, unit_offset_ + position_ + text.size());
        return is_broken ? corrupt(position_, "filling that something was written into")
                         : Step::done;
    }
    std::string_view digits =
        text.substr(is_timestamp ? kTimestampPrefix.size() : kClockPrefix.size());
    if (digits.ends_with('\r')) digits.remove_suffix(1);
    const std::optional<int64_t> value = base::parse_integer(digits);
    if (!is_timestamp) {
        // Redis skips a clock line whatever stands in it. Behind a group it may be one that filling
        // shows through.
        if (is_behind_group() && !is_in_transaction_ && (!value || !text.ends_with('\r'))) {
            return corrupt(position_, "a line with the time that is not whole");
        }
        if (value) clock_s_ = value;
        return Step::done;
    }
    if (!value) {
        return corrupt(position_ + kTimestampPrefix.size(), "the timestamp is not a number");
    }
    if (timestamp_ms_) return corrupt(position_, "a second timestamp for the same command");
    timestamp_ms_ = value;
    return Step::done;
}

AofReader::Step AofReader::read_count(std::string_view input) {
    int64_t count = 0;
    size_t next = 0;
    const Step step = read_number(input, "number of arguments", count, next);
    if (step != Step::done) return step;
    if (count < 1 || count > limits_.arguments_max) {
        return corrupt(position_ + 1, fmt::format("a command of {} arguments; 1 to {} are possible",
                                                  count, limits_.arguments_max));
    }
    commands_.push_back({position_, pieces_.size(), timestamp_ms_});
    arguments_left_ = count;
    position_ = next;
    phase_ = Phase::length_line;
    return Step::done;
}

AofReader::Step AofReader::read_length(std::string_view input) {
    if (position_ == input.size()) return Step::incomplete;
    if (input[position_] != '$') {
        return corrupt(position_, fmt::format("{} stands where '$' must begin an argument",
                                              describe_byte(input[position_])));
    }
    int64_t length = 0;
    size_t next = 0;
    const Step step = read_number(input, "length of an argument", length, next);
    if (step != Step::done) return step;
    if (length > limits_.bulk_bytes_max) {
        return corrupt(position_ + 1, fmt::format("an argument of {} bytes; up to {} are possible "
                                                  "(proto-max-bulk-len)",
                                                  length, limits_.bulk_bytes_max));
    }
    const uint64_t bytes = uint64_t{next} + static_cast<uint64_t>(length) + kLineEndBytes;
    if (bytes > limits_.unit_bytes_max) return refuse_size();
    length_ = static_cast<size_t>(length);
    position_ = next;
    phase_ = Phase::payload;
    return Step::done;
}

AofReader::Step AofReader::read_payload(std::string_view input) {
    const size_t line_end = position_ + length_;
    if (line_end < input.size() && input[line_end] != '\r') {
        return corrupt(line_end, fmt::format("{} stands where a CR must end an argument",
                                             describe_byte(input[line_end])));
    }
    if (input.size() < line_end + kLineEndBytes) return Step::incomplete;
    if (input[line_end + 1] != '\n') {
        return corrupt(line_end + 1, fmt::format("{} stands where an LF must end an argument",
                                                 describe_byte(input[line_end + 1])));
    }
    pieces_.push_back({position_, length_});
    position_ = line_end + kLineEndBytes;
    if (--arguments_left_ > 0) {
        phase_ = Phase::length_line;
        return Step::done;
    }
    phase_ = Phase::start;
    return finish_command(input);
}

// The last argument of the last of commands_ is there.
AofReader::Step AofReader::finish_command(std::string_view input) {
    const Command command = commands_.back();
    const std::string_view name = word(input, pieces_[command.first_piece]);
    const bool is_multi = base::equals_ignore_case(name, "multi");
    const bool is_exec = base::equals_ignore_case(name, "exec");
    if (!is_multi && !is_exec) {
        timestamp_ms_.reset();
        return is_in_transaction_ ? check_last(input) : deliver(input, false);
    }
    if (timestamp_ms_) return corrupt(command.offset, "a timestamp stands before MULTI or EXEC");
    if (is_multi == is_in_transaction_) {
        return corrupt(command.offset,
                       is_multi ? "MULTI inside a transaction" : "EXEC without MULTI");
    }
    commands_.pop_back();
    pieces_.resize(command.first_piece);
    is_in_transaction_ = is_multi;
    return is_multi ? Step::done : deliver(input, true);
}

// A damaged EXEC is a command that nobody knows: found out here, and not at the end of the file,
// where all that follows would be taken for a torn end.
AofReader::Step AofReader::check_last(std::string_view input) {
    const size_t last = commands_.size() - 1;
    views_.clear();
    for (const Piece& piece : pieces_of(last)) views_.push_back(word(input, piece));
    const AofCommand command{unit_offset_ + commands_[last].offset, views_,
                             commands_[last].timestamp_ms};
    if (Result<void> result = handler_.check(unit_offset_, command); !result) {
        return stop(AofEnd::Kind::refused, command.offset, result.error().message);
    }
    return Step::done;
}

AofReader::Step AofReader::deliver(std::string_view input, bool is_transaction) {
    const size_t end = position_;
    if (is_behind_group()) is_behind_group_ = false;
    views_.clear();
    for (const Piece& piece : pieces_) views_.push_back(word(input, piece));
    delivered_.clear();
    size_t database = end_.database;
    for (size_t i = 0; i < commands_.size(); ++i) {
        const std::span<const Piece> pieces = pieces_of(i);
        delivered_.push_back({unit_offset_ + commands_[i].offset,
                              std::span(views_).subspan(commands_[i].first_piece, pieces.size()),
                              commands_[i].timestamp_ms});
        database = database_after(input, i).value_or(database);
    }
    const AofUnit unit{unit_offset_, unit_offset_ + end, is_transaction, delivered_, clock_s_};
    if (Result<void> result = handler_.on_unit(unit); !result) {
        return stop(AofEnd::Kind::refused, unit_offset_, result.error().message);
    }
    ++units_;
    commands_total_ += commands_.size();
    end_unit(end);
    end_.good_to = unit_offset_;
    end_.database = database;
    return Step::done;
}

// The digits and the CRLF behind the marker at position_. It says that they are wrong as soon as no
// further byte could make them right, so the answer does not depend on how the file is cut.
AofReader::Step AofReader::read_number(std::string_view input, std::string_view what,
                                       int64_t& value, size_t& next) {
    const std::string_view rest = input.substr(position_ + 1, kNumberBytesMax);
    size_t digits = 0;
    while (digits < rest.size() && rest[digits] >= '0' && rest[digits] <= '9') ++digits;
    const std::string_view tail = rest.substr(digits, kLineEnd.size());
    if (tail == kLineEnd) {
        if (const auto number = base::parse_integer(rest.substr(0, digits))) {
            value = *number;
            next = position_ + 1 + digits + kLineEnd.size();
            return Step::done;
        }
    } else if (rest.size() < kNumberBytesMax && (tail.empty() || (digits > 0 && tail == "\r"))) {
        return Step::incomplete;
    }
    return corrupt(position_ + 1, fmt::format("the {} is not a number and CRLF", what));
}

AofReader::Step AofReader::refuse_size() {
    return stop(AofEnd::Kind::refused, unit_offset_ + position_,
                fmt::format("the command or transaction that begins at byte {} is longer than {} "
                            "bytes; raise that limit",
                            unit_offset_, limits_.unit_bytes_max));
}

AofReader::Step AofReader::corrupt(size_t offset, std::string_view what) {
    if (is_behind_group()) {
        begin_torn(unit_offset_ + offset, what);
        return Step::torn;
    }
    return stop(AofEnd::Kind::corrupt, unit_offset_ + offset, what);
}

AofReader::Step AofReader::stop(AofEnd::Kind kind, uint64_t at, std::string_view what) {
    is_over_ = true;
    end_.kind = kind;
    end_.at = at;
    end_.message = fmt::format("byte {}: {}; ", at, what);
    if (kind == AofEnd::Kind::refused) {
        end_.message += fmt::format("everything up to byte {} was taken", end_.good_to);
    } else {
        end_.message += fmt::format("the file is good up to byte {}: {}", end_.good_to,
                                    kind == AofEnd::Kind::truncated
                                        ? "cut it there, as aof-load-truncated yes does"
                                        : "restore a copy, or keep one and cut the file there");
    }
    return Step::failed;
}

// A line of it without an end, which a crash has left.
bool AofReader::is_filling_under_way() const {
    const std::string_view line(buffer_.data(), buffer_.size());
    return is_behind_group() && line.find_first_not_of("# ") == line.npos;
}

const AofEnd& AofReader::finish() {
    if (is_over_) return end_;
    end_.has_group_last = is_behind_group_;
    const std::string_view rest(buffer_.data(), buffer_.size());
    const bool may_hold_heads = is_torn_ || phase_ == Phase::group || is_behind_group();
    if (const auto head = may_hold_heads ? head_in(is_torn_ ? torn_ : rest) : std::nullopt) {
        if (!is_torn_) begin_torn(unit_offset_, "a unit that is not whole");
        refuse_torn(*head, "was written when all before it was on the disk");
        return end_;
    }
    if (is_torn_) {
        stop(AofEnd::Kind::truncated, torn_at_, torn_message_);
        return end_;
    }
    const uint64_t size = unit_offset_ + buffer_.size();
    if (is_in_transaction_) {
        stop(AofEnd::Kind::truncated, size,
             fmt::format("the file ends inside the transaction that begins at byte {}",
                         unit_offset_));
    } else if (!buffer_.empty() && !is_filling_under_way()) {
        stop(AofEnd::Kind::truncated, size,
             fmt::format("the file ends inside what begins at byte {}", unit_offset_));
    } else if (timestamp_ms_) {
        stop(AofEnd::Kind::truncated, size, "the file ends with a timestamp without its command");
    }
    end_.at = size;
    is_over_ = true;
    return end_;
}

// The database a command selects, if it is SELECT and well formed.
std::optional<size_t> AofReader::database_after(std::string_view input, size_t command) const {
    const std::span<const Piece> pieces = pieces_of(command);
    if (pieces.size() != 2) return std::nullopt;
    if (!base::equals_ignore_case(word(input, pieces[0]), "select")) return std::nullopt;
    const std::optional<int64_t> number = base::parse_integer(word(input, pieces[1]));
    if (!number || *number < 0) return std::nullopt;
    return static_cast<size_t>(*number);
}

std::span<const AofReader::Piece> AofReader::pieces_of(size_t command) const {
    const size_t first = commands_[command].first_piece;
    const size_t end =
        command + 1 < commands_.size() ? commands_[command + 1].first_piece : pieces_.size();
    return std::span(pieces_).subspan(first, end - first);
}

std::string_view AofReader::word(std::string_view input, const Piece& piece) const {
    return input.substr(piece.offset, piece.length);
}

void AofReader::end_unit(size_t bytes) {
    unit_offset_ += bytes;
    position_ = 0;
    scanned_ = 0;
    group_begin_ = 0;
    is_in_transaction_ = false;
    pieces_.clear();
    commands_.clear();
    if (pieces_.capacity() * sizeof(Piece) > kKeptBytesMax) {
        pieces_.shrink_to_fit();
        views_.clear();
        views_.shrink_to_fit();
    }
    if (commands_.capacity() * sizeof(Command) > kKeptBytesMax) {
        commands_.shrink_to_fit();
        delivered_.clear();
        delivered_.shrink_to_fit();
    }
}

}  // namespace gyre::log
