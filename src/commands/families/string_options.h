// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Words that several commands of strings share: when the key is to end (EX, PX, EXAT, PXAT,
// KEEPTTL, PERSIST) and on what the write depends (NX, XX, IFEQ, IFNE, IFDEQ, IFDNE).
//
// A row's hook for maxkeys reads the same words before its handler does, so reading writes no
// reply; it only tells whether the words make sense.
//
// Ownership: borrows the context. Threads: home reactor, under the locks of the keys.

#include <cstddef>
#include <cstdint>
#include <optional>

#include "commands/context.h"
#include "engine/keyspace.h"

namespace gyre::commands {

struct ExpiryOption {
    enum class Kind : uint8_t { none, ex, px, exat, pxat, keepttl, persist };
    Kind kind = Kind::none;
    size_t at = 0;  ///< the argument with the number

    bool has_number() const { return kind >= Kind::ex && kind <= Kind::pxat; }
};

/// Takes the word at `at` (and the number behind it, moving `at` there) if it says when the key is
/// to end, does not contradict what was said, and is none of the two kinds but `other` that not
/// every command has: KEEPTTL and PERSIST.
bool take_expiry(const Context& context, size_t& at, ExpiryOption& option,
                 ExpiryOption::Kind other);

/// The deadline in Unix milliseconds of a number `text` in the unit of `kind`, relative ones
/// counting from `from_ms`. nullopt: it is not an integer, or "invalid expire time in '...'
/// command", and the reply says so.
std::optional<int64_t> read_deadline(Context& context, ExpiryOption::Kind kind, size_t at,
                                     int64_t from_ms);

struct Condition {
    enum class Kind : uint8_t { none, nx, xx, ifeq, ifne, ifdeq, ifdne };
    Kind kind = Kind::none;
    size_t at = 0;  ///< the argument to compare with

    bool compares() const { return kind >= Kind::ifeq; }
    /// A missing key cannot fulfil it.
    bool needs_key() const { return kind == Kind::xx || kind == Kind::ifeq || kind == Kind::ifdeq; }
};

/// Takes NX or XX at `at`.
bool take_existence(const Context& context, size_t at, Condition& condition);
/// Takes IFEQ, IFNE, IFDEQ or IFDNE with the argument behind it.
bool take_comparison(const Context& context, size_t& at, Condition& condition);
/// Once before the key is looked up: false when IFDEQ or IFDNE has no digest; the reply says so.
bool check_condition(Context& context, const Condition& condition);
/// Whether the key as it is fulfils the condition. A condition that compares wants a string, or no
/// key.
bool is_met(const Context& context, const Condition& condition, const store::Entry* present);

/// The value of a string entry as a number, nullopt when it is none.
std::optional<int64_t> integer_of(const store::Entry& entry);
std::optional<long double> real_of(const store::Entry& entry);

/// False when a string of `length` + `added` bytes would exceed proto-max-bulk-len; the reply says
/// so.
bool check_length(Context& context, size_t length, size_t added);

/// Distinct keys of the command that do not exist.
int64_t count_missing_keys(Context& context);

/// "wrong number of arguments", where the row's arity alone cannot tell.
void refuse_count(Context& context);

/// A key that ends at this deadline has ended already: it is not to be kept.
bool is_past(const Context& context, engine::Deadline deadline);
/// Puts argument `value_at`, or deletes the key when its deadline is past already.
void put_until(Context& context, const store::Key& key, store::Entry* present, size_t value_at,
               engine::Deadline deadline, int64_t timestamp_ms = store::kNoTimestamp);

}  // namespace gyre::commands
