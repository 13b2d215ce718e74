// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/stream_options.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include <fmt/format.h>

#include "base/numbers.h"
#include "commands/effect_words.h"
#include "commands/families/collection.h"

namespace gyre::commands {
namespace {

using types::Stream;
using types::StreamId;
using types::StreamNode;

constexpr std::string_view kBadId = "ERR Invalid stream ID specified as stream command argument";
/// Redis copies ids into a buffer of this size.
constexpr size_t kIdBytesMax = 127;

/// As Redis' string2ull: a canonical number, else whatever strtoull takes whole.
std::optional<uint64_t> parse_part(const std::string& text) {
    if (const auto value = base::parse_integer(text)) {
        if (*value < 0) return std::nullopt;
        return static_cast<uint64_t>(*value);
    }
    if (text.empty()) return std::nullopt;
    errno = 0;
    char* end = nullptr;
    const uint64_t value = std::strtoull(text.c_str(), &end, 10);
    if (errno != 0 || *end != '\0' || end == text.c_str()) return std::nullopt;
    return value;
}

struct IntervalLimit {
    StreamId id;
    bool is_exclusive = false;
};

std::optional<IntervalLimit> read_limit(Context& context, size_t at, uint64_t missing_seq) {
    std::string_view text = up_to_nul(context.argument(at));
    if (text == "-") return IntervalLimit{};
    if (text == "+") return IntervalLimit{StreamId::max()};
    IntervalLimit limit;
    limit.is_exclusive = text.size() > 1 && text[0] == '(';
    if (limit.is_exclusive) text.remove_prefix(1);
    const auto parsed = parse_stream_id(text, missing_seq, false);
    if (!parsed) {
        refuse_id(context);
        return std::nullopt;
    }
    limit.id = parsed->id;
    return limit;
}

}  // namespace

std::string_view up_to_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

std::optional<ParsedId> parse_stream_id(std::string_view text, uint64_t missing_seq,
                                        bool allows_star) {
    if (text.size() > kIdBytesMax) return std::nullopt;
    text = up_to_nul(text);
    const size_t dash = text.find('-');
    const auto ms = parse_part(std::string(text.substr(0, dash)));
    if (!ms) return std::nullopt;
    ParsedId parsed{{*ms, missing_seq}, true};
    if (dash == std::string_view::npos) return parsed;
    const std::string rest(text.substr(dash + 1));
    if (allows_star && rest == "*") return ParsedId{{*ms, 0}, false};
    const auto seq = parse_part(rest);
    if (!seq) return std::nullopt;
    parsed.id.seq = *seq;
    return parsed;
}

void refuse_id(Context& context) { context.error(kBadId); }

std::optional<StreamId> read_id(Context& context, size_t at) {
    const auto parsed = parse_stream_id(context.argument(at), 0, false);
    if (parsed) return parsed->id;
    refuse_id(context);
    return std::nullopt;
}

std::optional<StreamId> read_interval_begin(Context& context, size_t at) {
    auto limit = read_limit(context, at, 0);
    if (!limit) return std::nullopt;
    if (!limit->is_exclusive || limit->id.increment()) return limit->id;
    context.error("ERR invalid start ID for the interval");
    return std::nullopt;
}

std::optional<StreamId> read_interval_end(Context& context, size_t at) {
    auto limit = read_limit(context, at, UINT64_MAX);
    if (!limit) return std::nullopt;
    if (!limit->is_exclusive || limit->id.decrement()) return limit->id;
    context.error("ERR invalid end ID for the interval");
    return std::nullopt;
}

std::optional<int64_t> read_count_from_zero(Context& context, size_t at) {
    const auto count = context.integer(at);
    if (!count) return std::nullopt;
    return std::max<int64_t>(*count, 0);
}

bool require_stream(Context& context, const store::Entry* entry) {
    return require_type(context, entry, store::Type::stream);
}

std::string no_group(std::string_view key, std::string_view group, std::string_view rest) {
    return fmt::format("NOGROUP No such key '{}' or consumer group '{}'{}", up_to_nul(key),
                       up_to_nul(group), rest);
}

std::string stream_id_text(const StreamId& id) {
    char text[types::kStreamIdCharsMax];
    const char* end = types::write_stream_id(text, id);
    return {text, static_cast<size_t>(end - text)};
}

void reply_id(resp::ReplyWriter& reply, const StreamId& id) {
    char text[types::kStreamIdCharsMax];
    const char* end = types::write_stream_id(text, id);
    reply.bulk({text, static_cast<size_t>(end - text)});
}

void reply_entry(resp::ReplyWriter& reply, const StreamNode& node, const StreamNode::Entry& entry) {
    reply.array(2);
    reply_id(reply, entry.id);
    reply.array(static_cast<int64_t>(2 * entry.fields));
    node.for_each_field(entry,
                        [&](const types::ListpackValue& field, const types::ListpackValue& value) {
                            reply_element(reply, field);
                            reply_element(reply, value);
                        });
}

void reply_entries(resp::ReplyWriter& reply, const Stream& stream, const StreamId& first,
                   const StreamId& last, uint64_t count, bool is_reversed) {
    const auto visit = [&](auto&& f) {
        if (is_reversed) {
            stream.visit_backwards(first, last, f);
        } else {
            stream.visit(first, last, f);
        }
    };
    // The number of entries comes first, so they are counted first.
    uint64_t found = 0;
    visit([&](const StreamNode&, const StreamNode::Entry&) { return ++found != count; });
    reply.array(static_cast<int64_t>(found));
    if (found == 0) return;
    visit([&](const StreamNode& node, const StreamNode::Entry& entry) {
        reply_entry(reply, node, entry);
        return --found > 0;
    });
}

bool reply_entry_of(resp::ReplyWriter& reply, const Stream& stream, const StreamId& id) {
    bool is_found = false;
    stream.visit(id, id, [&](const StreamNode& node, const StreamNode::Entry& entry) {
        reply_entry(reply, node, entry);
        is_found = true;
        return false;
    });
    return is_found;
}

// --- effects of groups
// ----------------------------------------------------------------------------

void tell_consumer(Context& context, const GroupName& name, std::string_view consumer) {
    EffectWords(context, "XGROUP")
        .add("CREATECONSUMER")
        .add(name.key)
        .add(name.group)
        .copy(consumer)
        .tell();
}

void tell_claimed(Context& context, const GroupName& name, std::string_view consumer,
                  std::span<const StreamId> ids, const types::StreamPending& pending) {
    EffectWords effect(context, "XCLAIM");
    effect.add(name.key).add(name.group).copy(consumer).add("0");
    for (const StreamId& id : ids) effect.copy(stream_id_text(id));
    effect.add("TIME").number(pending.delivered_ms);
    effect.add("RETRYCOUNT").number(static_cast<int64_t>(pending.deliveries));
    effect.add("FORCE").add("JUSTID").tell();
}

void tell_group_position(Context& context, const GroupName& name, const types::StreamGroup& group) {
    EffectWords(context, "XGROUP")
        .add("SETID")
        .add(name.key)
        .add(name.group)
        .copy(stream_id_text(group.last_id))
        .add("ENTRIESREAD")
        .number(group.entries_read)
        .tell();
}

}  // namespace gyre::commands
