// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the families of lists, hashes and sets share: the type a key must have, changes of packed
// bytes, replies of elements, and the options of
// HSCAN and SSCAN.
//
// Threads: home reactor, under the locks of the keys.

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/context.h"
#include "types/listpack.h"

namespace gyre::commands {

/// True when `entry` is null or of this type; else writes WRONGTYPE.
bool require_type(Context& context, const store::Entry* entry, store::Type type);

/// Changes the listpack of a packed collection; `entry` is updated when it moves. What `splice`
/// adds must not lie in the entry.
void splice_packed(engine::Keyspace& keyspace, const store::Key& key, store::Entry*& entry,
                   const types::ListpackSplice& splice);

/// An element as a bulk string.
void reply_element(resp::ReplyWriter& reply, const types::ListpackValue& value);

/// An integer from `low` to `high`, as Redis' commands that take a count read it: a text of its own
/// for what is no integer at all, `message` for one out of range, by default one that names both.
std::optional<int64_t> count_between(Context& context, size_t index, int64_t low, int64_t high,
                                     std::string_view message = {});

/// "value is out of range, must be positive" where a count may be left out.
inline constexpr std::string_view kNotPositive = "ERR value is out of range, must be positive";

/// Elements one command repeats at most (a negative count of SRANDMEMBER and HRANDFIELD): a few
/// bytes of request must not become any number of bytes of reply.
inline constexpr int64_t kRepeatedMax = int64_t{1} << 24;
inline constexpr std::string_view kTooManyRepeated =
    "ERR value is out of range, at most 16777216 elements are drawn with repetitions";

/// Different indexes below `size`, at most `count`, each subset as likely as another, ascending.
std::vector<size_t> draw_indexes(base::Random& random, size_t size, size_t count);

/// HSCAN's and SSCAN's arguments.
struct ElementScan {
    uint64_t cursor = 0;
    int64_t count = 10;
    std::string_view pattern = "*";
    bool without_values = false;  ///< HSCAN's NOVALUES
    bool wants(std::string_view element) const;
    /// Chains to look at in one call, as Redis: ten times as many as elements are wanted.
    int64_t chains_max() const;
};
/// COUNT of SCAN and FIND CURSOR where it is left out.
inline constexpr int64_t kScanCount = 10;
/// Chains that one call of these looks at: as Redis, ten times as many as keys are wanted. A pass
/// over all shards is free, so that a small database comes in one call.
int64_t scan_chains(int64_t count, size_t shards);
/// A cursor as Redis reads it with strtoul: a sign may stand before it, an empty text is 0, and the
/// text ends at a NUL.
std::optional<uint64_t> parse_cursor(std::string_view text);
/// The cursor. nullopt: it is none, and the reply says so.
std::optional<uint64_t> read_cursor(Context& context, size_t index);
/// The options behind the cursor. False: something is wrong, and the reply says so.
bool read_scan_options(Context& context, size_t index, ElementScan& scan);
/// What a scan answers: cursor and elements.
void reply_scanned(Context& context, uint64_t cursor, const std::vector<std::string>& elements);

}  // namespace gyre::commands
