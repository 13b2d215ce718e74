// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Reads an append-only file from bytes pushed into it: an incremental file of the multi-part form,
// or an old single file. Its unit is what may take effect by itself: one command, or all of MULTI
// ... EXEC at once, so a transaction whose end is missing is never half there.
//
// The form is that of redis-check-aof, not the laxer one of a socket (resp/request_parser.h): a
// file has no client to answer to, and a byte that Redis never writes is damage. What is refused
// here and not there: numbers with a sign or leading zeros, other bytes where a CRLF belongs.
// Inline commands are none.
//
// A file that begins with "REDIS" has an RDB in front: feed() says so, has taken nothing, and the
// caller starts a reader behind it.
//
// A group with a head (log/group_head.h) is checked before anything of it is delivered. One that is
// not whole is where the file ends, as a crash leaves it, if nothing but filling follows the place
// that it has. It is damage where something else does, or another head, which says that all before
// it was on the disk.
//
// The database that is selected where a file is good to is part of the result: a file cut between
// `SELECT n` and `SELECT 0` leaves it at n, and who continues the file must select 0 first.
//
// Ownership: borrows the handler. Threads: one at a time. Suspends: never.
// Errors: end() says what, at which byte, and to which byte the file is good; it never throws and
// never crashes on what a file holds.
// Complexity: O(bytes); what lies whole in a piece is not copied. Memory: the bytes of the unit
// under way that have arrived, and some 50 for each of its arguments; a length is not believed
// before its bytes are there.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/counted.h"
#include "gyre/result.h"
#include "log/group_head.h"

namespace gyre::log {

struct AofLimits {
    int64_t bulk_bytes_max = 512LL * 1024 * 1024;  ///< proto-max-bulk-len of who wrote the file
    int64_t arguments_max = INT32_MAX;             ///< of one command
    uint64_t unit_bytes_max = 4ULL * 1024 * 1024 * 1024;  ///< of a command or a transaction
};
/// A line that begins with '#', with its end: what the loader of Redis 7.0 takes.
inline constexpr size_t kAnnotationBytesMax = 1023;

/// Views and spans are valid during the call they are given to. The words of a command lie in one
/// piece of memory, in their order, as in the file.
struct AofCommand {
    uint64_t offset = 0;                          ///< of its first byte in the file
    std::span<const std::string_view> arguments;  ///< one at least
    std::optional<int64_t> timestamp_ms;          ///< "#GYRE-TIMESTAMP:" before it
};

struct AofUnit {
    uint64_t begin = 0;  ///< offset of the command, or of MULTI
    uint64_t end = 0;    ///< offset behind it
    bool is_transaction = false;
    /// One, or those between MULTI and EXEC, which may be none.
    std::span<const AofCommand> commands;
    std::optional<int64_t> clock_s;  ///< the last "#TS:" before its end
};

class AofHandler {
public:
    virtual ~AofHandler() = default;
    /// An error ends the reading; the file counts as good up to this unit.
    virtual Result<void> on_unit(const AofUnit& unit) = 0;
    /// A command of the transaction that begins at `unit`, before the rest of it is read: it may
    /// have no end. An error ends the reading here.
    virtual Result<void> check(uint64_t unit, const AofCommand& command);
};

/// How a file ended.
struct AofEnd {
    enum class Kind : uint8_t {
        clean,
        truncated,  ///< ends inside a unit or a group; a file cut at good_to is clean
                    ///< (aof-load-truncated)
        corrupt,    ///< a byte that cannot stand where it stands
        refused,    ///< by the handler, or a unit above unit_bytes_max
    };
    Kind kind = Kind::clean;
    uint64_t at = 0;       ///< the fault; or where the file ends
    uint64_t good_to = 0;  ///< end of the last whole unit or annotation; only filling follows
    size_t database = 0;   ///< selected at good_to
    bool has_group_last = false;  ///< there a group with a head ends
    std::string message;          ///< empty when clean
};

class AofReader {
public:
    enum class Status : uint8_t {
        more,      ///< everything was taken
        preamble,  ///< the file begins with an RDB; nothing was taken, of earlier pieces neither
        failed,    ///< see end()
    };

    /// `start`: offset of the first byte that will be fed; 0 looks for a preamble.
    explicit AofReader(AofHandler& handler, const AofLimits& limits = {}, uint64_t start = 0);

    /// Takes the next bytes of the file, in pieces of any size. The calls of the handler happen in
    /// here.
    Status feed(std::string_view piece);
    /// After the last byte: how the file ended. From here on feed() takes nothing.
    const AofEnd& finish();
    /// After `failed`: the same.
    const AofEnd& end() const { return end_; }

    /// End of the last whole unit so far.
    uint64_t good_to() const { return end_.good_to; }
    uint64_t units() const { return units_; }
    /// Commands delivered, MULTI and EXEC not among them.
    uint64_t commands() const { return commands_total_; }

private:
    enum class Phase : uint8_t { first, start, length_line, payload, group };
    enum class Step : uint8_t { done, incomplete, preamble, torn, failed };
    // Offsets from the start of the unit: the buffer may move while it grows.
    struct Piece {
        size_t offset = 0;
        size_t length = 0;
    };
    struct Command {
        size_t offset = 0;
        size_t first_piece = 0;
        std::optional<int64_t> timestamp_ms;
    };

    Status feed_in_place(std::string_view piece);
    Status feed_buffer(std::string_view bytes);
    void reserve(size_t needed);
    Status status_of(Step step) const;
    size_t wanted(std::string_view piece) const;
    Step read_unit(std::string_view input);
    Step read_first(std::string_view input);
    Step read_start(std::string_view input);
    Step read_annotation(std::string_view input);
    Step take_annotation(std::string_view text);
    Step take_group_head(std::string_view text, size_t next);
    Step read_group(std::string_view input);
    bool is_behind_group() const { return is_behind_group_ && unit_offset_ >= group_until_; }
    bool is_filling_under_way() const;
    Status look_behind_torn(std::string_view bytes);
    std::optional<uint64_t> head_in(std::string_view text) const;
    Status refuse_torn(uint64_t at, std::string_view what);
    void begin_torn(uint64_t at, std::string_view what);
    Step read_count(std::string_view input);
    Step read_length(std::string_view input);
    Step read_payload(std::string_view input);
    Step finish_command(std::string_view input);
    Step check_last(std::string_view input);
    Step deliver(std::string_view input, bool is_transaction);
    Step read_number(std::string_view input, std::string_view what, int64_t& value, size_t& next);
    Step refuse_size();
    Step corrupt(size_t offset, std::string_view what);
    Step stop(AofEnd::Kind kind, uint64_t at, std::string_view what);
    std::optional<size_t> database_after(std::string_view input, size_t command) const;
    std::span<const Piece> pieces_of(size_t command) const;
    std::string_view word(std::string_view input, const Piece& piece) const;
    void end_unit(size_t bytes);

    // fixed after construction
    AofHandler& handler_;
    AofLimits limits_;

    // the unit under way
    uint64_t unit_offset_;  // of its first byte in the file
    size_t position_ = 0;   // start of the line or payload under way, from the unit's first byte
    size_t scanned_ = 0;    // the line of '#' under way has no end before this
    size_t length_ = 0;     // of the payload under way
    int64_t arguments_left_ = 0;
    Phase phase_ = Phase::first;
    bool is_in_transaction_ = false;
    std::optional<int64_t> timestamp_ms_;  // for the next command
    GroupHead group_;                      // phase group
    size_t group_begin_ = 0;               // behind its head, from the unit's first byte
    base::CountedVector<Piece, base::Purpose::log> pieces_;
    base::CountedVector<Command, base::Purpose::log> commands_;

    // between pieces of the file
    // The bytes of the unit that are there, when it did not lie whole in a piece.
    base::CountedVector<char, base::Purpose::log> buffer_;
    std::optional<int64_t> clock_s_;
    bool is_over_ = false;
    // A group that was checked came last; from there on there is nothing but filling.
    bool is_behind_group_ = false;
    uint64_t group_until_ = 0;  // where it ends: up to there all is as it was written
    bool is_torn_ = false;
    uint64_t torn_at_ = 0;
    std::string torn_message_;
    uint64_t torn_until_ = 0;  // behind the place of the group that is not whole
    std::string torn_;         // the file from the unit under way up to there
    uint64_t torn_next_ = 0;   // offset of the first byte that has not come
    AofEnd end_;
    uint64_t units_ = 0;
    uint64_t commands_total_ = 0;

    // of deliver(), kept for their capacity
    base::CountedVector<std::string_view, base::Purpose::log> views_;
    base::CountedVector<AofCommand, base::Purpose::log> delivered_;
};

}  // namespace gyre::log
