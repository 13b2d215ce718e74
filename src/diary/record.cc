// SPDX-License-Identifier: BSD-3-Clause
#include "diary/record.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/check.h"

namespace gyre::diary {
namespace {

struct Head {
    int64_t order_ns;
    int64_t wall_us;
    RecordKind kind;
    base::Level level;
};

struct CommandHead {
    uint64_t client;
    uint64_t microseconds;
    uint64_t left_out_arguments;
    uint32_t database;
    uint16_t address_bytes;
    uint16_t name_bytes;
    uint16_t error_bytes;
    uint16_t argument_count;
};

struct ArgumentHead {
    uint64_t left_out_bytes;
    uint16_t bytes;
    bool is_hidden;
};

/// Fields only: what lies between them is not written to the ring as it came from the stack.
template <class T>
T zeroed() {
    static_assert(std::is_trivially_copyable_v<T>);
    T value;
    std::memset(&value, 0, sizeof value);
    return value;
}

Head head_of(const Moment& moment, RecordKind kind, base::Level level) {
    Head head = zeroed<Head>();
    head.order_ns = moment.order_ns;
    head.wall_us = moment.wall_us;
    head.kind = kind;
    head.level = level;
    return head;
}

std::string_view cut(std::string_view text) { return text.substr(0, kNotedBytesMax); }

template <class T>
T take(std::string_view& bytes) {
    T value;
    CHECK(bytes.size() >= sizeof value);
    std::memcpy(&value, bytes.data(), sizeof value);
    bytes.remove_prefix(sizeof value);
    return value;
}

std::string_view take_text(std::string_view& bytes, size_t count) {
    CHECK(bytes.size() >= count);
    const std::string_view text = bytes.substr(0, count);
    bytes.remove_prefix(count);
    return text;
}

void read_command(std::string_view bytes, Record& record) {
    const auto head = take<CommandHead>(bytes);
    CommandNote& note = record.command;
    note.client = head.client;
    note.database = head.database;
    note.microseconds = head.microseconds;
    note.left_out_arguments = head.left_out_arguments;
    note.address = take_text(bytes, head.address_bytes);
    note.name = take_text(bytes, head.name_bytes);
    note.error = take_text(bytes, head.error_bytes);
    record.arguments.clear();
    for (size_t index = 0; index < head.argument_count; ++index) {
        const auto argument = take<ArgumentHead>(bytes);
        record.arguments.push_back(
            {take_text(bytes, argument.bytes), argument.left_out_bytes, argument.is_hidden});
    }
    note.arguments = record.arguments;
    CHECK(bytes.empty());
}

}  // namespace

bool push_line(RecordRing& ring, const Moment& moment, base::Level level,
               std::string_view text) noexcept {
    const Head head = head_of(moment, RecordKind::line, level);
    if (!ring.begin(sizeof head + text.size())) return false;
    ring.put(&head, sizeof head);
    ring.put(text.data(), text.size());
    ring.commit();
    return true;
}

bool push_command(RecordRing& ring, const Moment& moment, const CommandNote& note) noexcept {
    DCHECK(note.arguments.size() <= kNotedArgumentsMax);
    const std::string_view texts[] = {cut(note.address), cut(note.name), cut(note.error)};
    size_t bytes = sizeof(Head) + sizeof(CommandHead);
    for (const std::string_view text : texts) bytes += text.size();
    for (const NotedArgument& argument : note.arguments) {
        DCHECK(argument.bytes.size() <= kNotedBytesMax);
        bytes += sizeof(ArgumentHead) + argument.bytes.size();
    }
    if (!ring.begin(bytes)) return false;
    const Head head = head_of(moment, RecordKind::command, base::Level::nothing);
    ring.put(&head, sizeof head);
    CommandHead command = zeroed<CommandHead>();
    command.client = note.client;
    command.microseconds = note.microseconds;
    command.left_out_arguments = note.left_out_arguments;
    command.database = note.database;
    command.address_bytes = static_cast<uint16_t>(texts[0].size());
    command.name_bytes = static_cast<uint16_t>(texts[1].size());
    command.error_bytes = static_cast<uint16_t>(texts[2].size());
    command.argument_count = static_cast<uint16_t>(note.arguments.size());
    ring.put(&command, sizeof command);
    for (const std::string_view text : texts) ring.put(text.data(), text.size());
    for (const NotedArgument& argument : note.arguments) {
        ArgumentHead each = zeroed<ArgumentHead>();
        each.left_out_bytes = argument.left_out_bytes;
        each.bytes = static_cast<uint16_t>(argument.bytes.size());
        each.is_hidden = argument.is_hidden;
        ring.put(&each, sizeof each);
        ring.put(argument.bytes.data(), argument.bytes.size());
    }
    ring.commit();
    return true;
}

int64_t order_of(std::string_view bytes) noexcept { return take<Head>(bytes).order_ns; }

void read_record(std::string_view bytes, Record& record) {
    const Head head = take<Head>(bytes);
    record.kind = head.kind;
    record.moment = {head.order_ns, head.wall_us};
    record.level = head.level;
    if (head.kind == RecordKind::command) return read_command(bytes, record);
    record.text = bytes;
}

}  // namespace gyre::diary
