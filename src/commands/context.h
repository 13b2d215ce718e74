// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One command being executed: what a handler gets. Arguments and keys are views that live until the
// command has ended.
//
// Ownership: everything borrowed for the call. Threads: home reactor; for plain handlers the locks
// of `keys`' shards are held, for coroutine handlers none are.

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "commands/errors.h"
#include "commands/services.h"
#include "commands/session.h"
#include "commands/spec.h"
#include "engine/keyspace.h"
#include "resp/reply_writer.h"
#include "resp/request_parser.h"

namespace gyre::commands {

struct Context {
    Session& session;
    const CommandSpec& spec;
    std::span<const resp::Argument> arguments;  ///< arguments[0] is the command's name as sent
    std::span<const store::Key> keys;           ///< the keys, in the order of find_keys()
    resp::ReplyWriter& reply;
    engine::Keyspace keyspace;  ///< the selected database, at now_ms
    Services& services;
    uint64_t away_ticks = 0;  ///< of base::ticks(), in which a coroutine command did not run

    size_t count() const { return arguments.size(); }
    std::string_view argument(size_t index) const { return arguments[index].bytes; }
    int64_t now_ms() const { return keyspace.now_ms(); }
    int64_t clock_ms() const { return keyspace.clock_ms(); }
    /// Case-insensitive comparison with an upper-case word.
    bool is(size_t index, std::string_view word) const;

    void error(std::string_view text) { reply.error(text); }

    // --- argument readers: on failure they write the error reply and return nullopt
    // ------------------
    std::optional<int64_t> integer(size_t index, std::string_view message = errors::kNotInteger);
    /// An integer in [low, high]; out of range is Redis' "ERR value is out of range..." family:
    /// `message`.
    std::optional<int64_t> integer_between(size_t index, int64_t low, int64_t high,
                                           std::string_view message);
    std::optional<long double> real(size_t index);
    /// A database index.
    std::optional<uint32_t> database(size_t index);

    /// True when `entry` is null or a string; else writes WRONGTYPE and returns false.
    bool require_string(const store::Entry* entry);
    /// The bytes of a string entry; integers are written into `digits`.
    static std::string_view string_bytes(const store::Entry& entry, char (&digits)[24]);
    static size_t string_length(const store::Entry& entry);
    /// Replies with a string entry's value, large ones by reference.
    void reply_string(const store::Entry& entry) { write_string(reply, entry); }
    /// The same into a reply that is built aside.
    static void write_string(resp::ReplyWriter& reply, const store::Entry& entry);
    /// A string argument on its way into the keyspace: encoded as SET does, a large one taken over
    /// as the block it was received into.
    types::StringContent content(size_t index) const;

    // --- effects: for handlers whose words mean something else later, or nothing to Redis (engine/
    // effects.h). Without a log they do nothing.
    // ---------------------------------------------------------
    /// In place of the words of this command; views last as long as the arguments.
    void tell(const log::Effect& effect, int64_t timestamp_ms = log::kNoTimestamp) {
        if (logs()) [[unlikely]]
            effects().tell(keyspace.database(), effect, timestamp_ms);
    }
    /// The key now holds `value`, with the deadline and the timestamp of the entry.
    void tell_value(const store::Key& key, const store::Entry& entry, std::string_view value) {
        if (logs()) [[unlikely]]
            tell_set(key, entry, value);
    }
    /// The same of argument `index`.
    void tell_value(const store::Key& key, const store::Entry& entry, size_t index) {
        tell_value(key, entry, argument(index));
    }
    /// As tell_value(), of a text that ends before the command does.
    void tell_copy(const store::Key& key, const store::Entry& entry, std::string_view value) {
        if (logs()) [[unlikely]]
            tell_set(key, entry, effects().keep(value));
    }
    /// The key has gone.
    void tell_deleted(const store::Key& key) { tell(log::DeleteEffect{{&key.bytes, 1}}); }
    /// The key got this deadline, or none.
    void tell_deadline(const store::Key& key, const store::Entry& entry);
    bool logs() const { return services.executor.effects.is_on(); }
    engine::Effects& effects() { return services.executor.effects; }

private:
    void tell_set(const store::Key& key, const store::Entry& entry, std::string_view value);
};

}  // namespace gyre::commands
