// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the commands on streams share: ids as arguments, looking a stream or a group up, replies of
// entries.
//
// Threads: home reactor, under the locks of the keys.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "commands/context.h"
#include "types/stream.h"

namespace gyre::commands {

inline constexpr store::Kind kStreamKind{store::Type::stream, store::Encoding::stream};

/// An id as Redis reads it: `ms`, `ms-seq`, and, with `auto_seq`, `ms-*`.
struct ParsedId {
    types::StreamId id;
    bool is_seq_given = true;
};
std::optional<ParsedId> parse_stream_id(std::string_view text, uint64_t missing_seq,
                                        bool allows_star);
/// Writes the error that an argument is no id.
void refuse_id(Context& context);
/// An id that is neither `-` nor `+`. nullopt: it is none, and the reply says so.
std::optional<types::StreamId> read_id(Context& context, size_t at);

/// Limits of an interval: `-`, `+`, an id, or `(id` for what lies behind or before it.
std::optional<types::StreamId> read_interval_begin(Context& context, size_t at);
std::optional<types::StreamId> read_interval_end(Context& context, size_t at);

/// COUNT's value, below 0 as 0.
std::optional<int64_t> read_count_from_zero(Context& context, size_t at);

/// The stream of an entry, for looking.
inline const types::Stream& stream_of(const store::Entry& entry) {
    return *static_cast<const types::Stream*>(entry.object());
}
bool require_stream(Context& context, const store::Entry* entry);

/// Lets `edit` change the stream of a key.
template <class F>
decltype(auto) edit_stream(Context& context, const store::Key& key, store::Entry* entry, F&& edit) {
    return context.keyspace.edit_object<types::Stream>(key, entry, std::forward<F>(edit));
}

/// Tells those who listen what happened to the stream of the command's key.
inline void tell_stream(Context& context, std::string_view event) {
    context.keyspace.notify(engine::event::stream, event, context.keys[0]);
}

/// An argument as it stands in an error: up to a NUL.
std::string_view up_to_nul(std::string_view text);
/// "NOGROUP No such key 'k' or consumer group 'g'" and what follows.
std::string no_group(std::string_view key, std::string_view group, std::string_view rest = {});

std::string stream_id_text(const types::StreamId& id);
void reply_id(resp::ReplyWriter& reply, const types::StreamId& id);
void reply_entry(resp::ReplyWriter& reply, const types::StreamNode& node,
                 const types::StreamNode::Entry& entry);
/// Entries from `first` to `last` as an array; at most `count`, 0 for all.
void reply_entries(resp::ReplyWriter& reply, const types::Stream& stream,
                   const types::StreamId& first, const types::StreamId& last, uint64_t count,
                   bool is_reversed = false);
/// The entry with this id; false when there is none.
bool reply_entry_of(resp::ReplyWriter& reply, const types::Stream& stream,
                    const types::StreamId& id);

// --- effects of groups, as Redis propagates them ------------------------------------------------
/// Where a group lies, as the log names it.
struct GroupName {
    std::string_view key;
    std::string_view group;
};
/// A consumer that a command has made by naming it.
void tell_consumer(Context& context, const GroupName& name, std::string_view consumer);
/// These entries are pending for the consumer, given out at this time, so many times.
void tell_claimed(Context& context, const GroupName& name, std::string_view consumer,
                  std::span<const types::StreamId> ids, const types::StreamPending& pending);
/// How far the group has read.
void tell_group_position(Context& context, const GroupName& name, const types::StreamGroup& group);

}  // namespace gyre::commands
