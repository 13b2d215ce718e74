// SPDX-License-Identifier: BSD-3-Clause
#include "commands/clients.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "base/output_buffer.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

/// There is one user, and there are no replicas or masters.
std::string_view type_of(const Session& session) {
    return session.subscriber.count() > 0 ? "pubsub" : "normal";
}
constexpr std::string_view kUser = "default";

constexpr auto kRelaxed = std::memory_order_relaxed;

/// What a line tells, copied from a session under the registry's mutex; formatting it is not done
/// there, since clients that come and go wait for that mutex.
struct Line {
    Line(const Session& session, int64_t now_ms);
    std::string text() const;

    uint64_t id;
    std::string peer_address;
    std::string local_address;
    std::string name;
    std::string library_name;
    std::string library_version;
    std::string flags;
    int descriptor;
    size_t channels;
    size_t patterns;
    size_t shard_channels;
    int32_t queued_commands;
    uint64_t transaction_bytes;  // queued or written behind BEGIN, and keys that are watched
    uint32_t database;
    uint8_t protocol;
    int64_t redirect;
    int64_t age_s;
    int64_t idle_s;
    uint64_t query_bytes;
    uint64_t output_bytes;
    const CommandSpec* command;
};

std::string flags_of(const Session& session) {
    std::string flags;
    if (session.subscriber.count(engine::TopicKind::monitor) > 0) flags += 'O';
    if (session.subscriber.count() > 0) flags += 'P';
    if (session.queued_commands.load(kRelaxed) >= 0) flags += 'x';
    if (session.is_blocked.load(kRelaxed)) flags += 'b';
    if (session.tracks.load(kRelaxed)) flags += 't';
    if (session.has_broken_redirect.load(kRelaxed)) flags += 'R';
    if (session.tracks_prefixes.load(kRelaxed)) flags += 'B';
    if (session.watcher.is_touched.load(kRelaxed)) flags += 'd';
    if (session.is_unix) flags += 'U';
    if (session.no_evict.load(kRelaxed)) flags += 'e';
    if (session.no_touch.load(kRelaxed)) flags += 'T';
    return flags.empty() ? "N" : flags;
}

Line::Line(const Session& session, int64_t now_ms)
    : id(session.id),
      peer_address(session.peer_address),
      local_address(session.local_address),
      name(session.name),
      library_name(session.library_name),
      library_version(session.library_version),
      flags(flags_of(session)),
      descriptor(session.descriptor),
      channels(session.subscriber.count(engine::TopicKind::channel)),
      patterns(session.subscriber.count(engine::TopicKind::pattern)),
      shard_channels(session.subscriber.count(engine::TopicKind::shard_channel)),
      queued_commands(session.queued_commands.load(kRelaxed)),
      transaction_bytes(session.queued_bytes.load(kRelaxed) + session.watcher.bytes.load(kRelaxed)),
      database(session.database.load(kRelaxed)),
      protocol(session.protocol.load(kRelaxed)),
      redirect(session.redirect.load(kRelaxed)),
      age_s(std::max<int64_t>(now_ms - session.created_ms, 0) / 1000),
      idle_s(std::max<int64_t>(now_ms - session.last_active_ms.load(kRelaxed), 0) / 1000),
      query_bytes(session.query_buffer_bytes.load(kRelaxed)),
      output_bytes(session.output_pending_bytes.load(kRelaxed)),
      command(session.last_command.load(kRelaxed)) {}

/// The fields of Redis 7.2 in its order. What has no counterpart here (memory of a parsed command)
/// is 0; a reply buffer has chunks, no fixed first part.
std::string Line::text() const {
    const uint64_t chunks =
        (output_bytes + base::ChunkPool::kChunkBytes - 1) / base::ChunkPool::kChunkBytes;
    std::string line =
        fmt::format("id={} addr={} laddr={} fd={} name={} age={} idle={} flags={} db={}", id,
                    peer_address, local_address, descriptor, name, age_s, idle_s, flags, database);
    fmt::format_to(
        std::back_inserter(line),
        " sub={} psub={} ssub={} multi={} qbuf={} qbuf-free=0 argv-mem=0 multi-mem={} rbs=0 "
        "rbp=0 obl=0 oll={} omem={} tot-mem={} events={} cmd={}",
        channels, patterns, shard_channels, queued_commands, query_bytes, transaction_bytes, chunks,
        output_bytes, sizeof(Session) + query_bytes + transaction_bytes + output_bytes,
        output_bytes != 0 ? "rw" : "r", command == nullptr ? "NULL" : full_name(*command));
    fmt::format_to(std::back_inserter(line), " user={} redir={} resp={} lib-name={} lib-ver={}",
                   kUser, redirect, protocol, library_name, library_version);
    return line;
}

}  // namespace

bool is_valid_client_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char character) { return character >= '!' && character <= '~'; });
}

bool ClientFilter::matches(const Session& session, int64_t now_ms) const {
    if (!ids.empty() && !std::binary_search(ids.begin(), ids.end(), session.id)) return false;
    if (peer_address && *peer_address != session.peer_address) return false;
    if (local_address && *local_address != session.local_address) return false;
    if (type && *type != type_of(session)) return false;
    if (user && *user != kUser) return false;
    if (age_seconds_min && now_ms / 1000 - session.created_ms / 1000 < *age_seconds_min)
        return false;
    return !skip_id || *skip_id != session.id;
}

void ClientRegistry::add(Session& session) {
    const std::scoped_lock lock(mutex_);
    if (session.id == 0) session.id = take_id();
    sessions_.push_back(session);
    count_.fetch_add(1, kRelaxed);
}

void ClientRegistry::remove(Session& session) {
    const std::scoped_lock lock(mutex_);
    if (!session.is_linked()) return;
    sessions_.remove(session);
    count_.fetch_sub(1, kRelaxed);
}

void ClientRegistry::set_text(std::string Session::* field, Session& session,
                              std::string_view text) {
    const std::scoped_lock lock(mutex_);
    session.*field = text;
}

std::string ClientRegistry::list(const ClientFilter& filter, int64_t now_ms) const {
    std::vector<Line> lines;
    lines.reserve(filter.ids.empty() ? count() : filter.ids.size());
    for_each([&](const Session& session) {
        if (filter.matches(session, now_ms)) lines.emplace_back(session, now_ms);
    });
    std::string text;
    for (const Line& line : lines) {
        text += line.text();
        text += '\n';
    }
    return text;
}

std::string ClientRegistry::describe(const Session& session, int64_t now_ms) const {
    std::optional<Line> line;
    {
        const std::scoped_lock lock(mutex_);
        line.emplace(session, now_ms);
    }
    return line->text();
}

int64_t ClientRegistry::kill(const ClientFilter& filter, int64_t now_ms, Session& self) {
    int64_t killed = 0;
    // Homes are asked under the mutex: no session of the list can go meanwhile. They only take a
    // note. Whoever looks next does not find it any more, although its home may need a while.
    const std::scoped_lock lock(mutex_);
    for (Session& session : sessions_) {
        if (!filter.matches(session, now_ms)) continue;
        ++killed;
        if (&session == &self) {
            self.close_after_reply = true;
            continue;
        }
        sessions_.remove(session);
        count_.fetch_sub(1, kRelaxed);
        // From here on it takes nothing any more.
        session.waiter.end(store::Waiter::State::left);
        session.home->close_later(session.id);
    }
    return killed;
}

bool ClientRegistry::unblock(uint64_t client_id, bool with_error) {
    using State = store::Waiter::State;
    const std::scoped_lock lock(mutex_);
    for (Session& session : sessions_) {
        if (session.id != client_id) continue;
        if (!session.waiter.end(with_error ? State::unblocked : State::timed_out)) return false;
        session.home->wake_later(client_id);
        return true;
    }
    return false;
}

SessionHome* ClientRegistry::find_home(uint64_t client_id) const {
    SessionHome* home = nullptr;
    for_each([&](const Session& session) {
        if (session.id == client_id) home = session.home;
    });
    return home;
}

void ClientRegistry::for_each(const std::function<void(const Session&)>& visit) const {
    const std::scoped_lock lock(mutex_);
    for (const Session& session : sessions_) visit(session);
}

void ClientRegistry::pause(PauseMode mode, int64_t until_ms, int64_t now_ms) {
    const std::scoped_lock lock(mutex_);
    // A pause whose time is over has no say any more.
    const bool is_paused = wanted_until_ms_ > now_ms;
    wanted_mode_ = is_paused ? std::max(wanted_mode_, mode) : mode;
    wanted_until_ms_ = is_paused ? std::max(wanted_until_ms_, until_ms) : until_ms;
    publish_pause();
}

void ClientRegistry::unpause() {
    const std::scoped_lock lock(mutex_);
    wanted_until_ms_ = 0;
    wanted_mode_ = PauseMode::none;
    publish_pause();
    tell_homes();
}

void ClientRegistry::hold_writes(int64_t now_ms) {
    const std::scoped_lock lock(mutex_);
    if (wanted_until_ms_ <= now_ms) wanted_mode_ = PauseMode::none;
    ++holds_;
    publish_pause();
}

void ClientRegistry::release_writes() {
    const std::scoped_lock lock(mutex_);
    CHECK(holds_ > 0);
    --holds_;
    publish_pause();
    tell_homes();
}

/// A pause of everything that was under way when writes were held stays one until they are
/// released.
void ClientRegistry::publish_pause() {
    pause_mode_.store(holds_ > 0 ? std::max(wanted_mode_, PauseMode::write) : wanted_mode_,
                      kRelaxed);
    pause_until_ms_.store(holds_ > 0 ? INT64_MAX : wanted_until_ms_, kRelaxed);
    data_stays_until_ms_.store(wanted_until_ms_, kRelaxed);
}

/// Each home once; there are few.
void ClientRegistry::tell_homes() {
    std::vector<SessionHome*> homes;
    for (const Session& session : sessions_) {
        if (session.home == nullptr) continue;
        if (std::find(homes.begin(), homes.end(), session.home) == homes.end()) {
            homes.push_back(session.home);
        }
    }
    for (SessionHome* home : homes) home->unpause_later();
}

}  // namespace gyre::commands
