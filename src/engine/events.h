// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Keyspace notifications: what happens to keys, published to the channels `__keyspace@<db>__:<key>`
// and `__keyevent@<db>__:<event>`. Handlers tell of an event right where they change the key, with
// its shard locked, so that the events of a key leave in the order of its changes. While nobody
// asked for a class, telling costs one load and one branch.
//
// Classes, letters and names of events are Redis' (notify-keyspace-events). With `db-updates` each
// change is also published to one channel, as a JSON object, and where there is a log in its order.
// Threads: any.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace gyre::engine {

namespace event {
inline constexpr uint32_t keyspace = 1U << 0;    ///< K: publish to __keyspace@<db>__
inline constexpr uint32_t keyevent = 1U << 1;    ///< E: publish to __keyevent@<db>__
inline constexpr uint32_t generic = 1U << 2;     ///< g: del, expire, rename_from ...
inline constexpr uint32_t string = 1U << 3;      ///< $
inline constexpr uint32_t list = 1U << 4;        ///< l
inline constexpr uint32_t set = 1U << 5;         ///< s
inline constexpr uint32_t hash = 1U << 6;        ///< h
inline constexpr uint32_t sorted_set = 1U << 7;  ///< z
inline constexpr uint32_t expired = 1U << 8;     ///< x
inline constexpr uint32_t evicted = 1U << 9;     ///< e
inline constexpr uint32_t stream = 1U << 10;     ///< t
inline constexpr uint32_t module = 1U << 11;     ///< d
inline constexpr uint32_t created = 1U << 12;    ///< n: new
inline constexpr uint32_t key_miss = 1U << 13;   ///< m: keymiss
inline constexpr uint32_t updates = 1U << 14;    ///< db-updates: what is in `all`, to its channel
/// A: all but new and keymiss.
inline constexpr uint32_t all =
    generic | string | list | set | hash | sorted_set | expired | evicted | stream | module;
}  // namespace event

/// What must be asked for that an event of these classes is published.
constexpr uint32_t asked_by(uint32_t classes) {
    return (classes & event::all) != 0 ? classes | event::updates : classes;
}

/// What db-updates tell of a key besides its name.
struct KeyState {
    std::optional<std::string_view> type;  ///< nullopt: there is no such key
    std::optional<int64_t> expire_ms;
};

/// Something happened to a key.
struct KeyEvent {
    uint32_t classes;
    std::string_view name;
    std::string_view key;
    size_t database;
    int64_t now_ms;
    bool is_gone = false;             ///< though its entry is still there
    const KeyState* state = nullptr;  ///< when it happened, where that was not just now
};

/// Where db-updates go.
inline constexpr std::string_view kUpdatesChannel = "db_updates";

/// A change as it is published there. What is nullopt is null in the text.
struct Update {
    std::string_view operation;
    std::optional<std::string_view> key;   ///< bytes that are no UTF-8 become {"base64":"..."}
    std::optional<std::string_view> type;  ///< of a key that is there now
    std::optional<size_t> database;
    int64_t time_ms;
    std::optional<int64_t> ttl_ms;
};
std::string update_text(const Update& update);

/// The classes that the letters of notify-keyspace-events name; nullopt: a letter is unknown.
std::optional<uint32_t> event_classes(std::string_view letters);
/// The letters, in the order in which Redis shows them.
std::string event_letters(uint32_t classes);

}  // namespace gyre::engine
