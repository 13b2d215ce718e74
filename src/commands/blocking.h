// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Commands that wait for keys: BLPOP, BLMOVE, BZPOPMIN, XREAD BLOCK ... or for the disk: WAITAOF.
//
// The row's handler is a plain function, under the locks of its keys as any other. It makes an
// attempt; where there is nothing to be had it calls block(), which takes the client's places in
// the queues of its keys (store/wait.h) under those same locks, and the connection then waits. So
// there is no frame and no copy of the arguments for a command that finds something, and in a
// transaction, where nobody may wait, the handler is all there is.
//
// Whoever changes a key that is waited for serves before he lets the locks go: he makes the attempt
// of each waiter in turn, with a reply of the waiter's own, so no other command ever sees the
// element. An attempt that makes another key ready (BLMOVE) is followed by that key's waiters. For
// the targets of such moves the locks are taken before the command runs (ServedLock).
//
// A command that waits for the log has no keys and no attempt: its home ends the wait when the log
// is durable so far (server/worker.h), and the command's own reply is written then.
//
// Ownership: a Blocked belongs to its session, and lives until its home has taken its places back
// in every shard; until then other threads may look at it, under the lock of one of its keys. A
// WaiterService belongs to a Dispatcher. Threads: home reactor, but for attempts and what they
// write. Suspends: never; the connection waits.

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "base/output_buffer.h"
#include "commands/context.h"
#include "commands/transaction.h"
#include "engine/dataset.h"
#include "log/log.h"
#include "resp/reply_writer.h"
#include "store/wait.h"

namespace gyre::commands {

class Blocked;

/// What an attempt may look at. The command's own sees all of its keys; one on behalf of a waiter
/// sees those that are locked just now, and has to claim the waiter before it changes anything or
/// refuses.
class Reach {
public:
    Reach() = default;
    Reach(const engine::Dataset& dataset, const engine::ShardSet& locked, const Blocked& blocked)
        : dataset_(&dataset), locked_(&locked), blocked_(&blocked) {}

    bool is_service() const { return blocked_ != nullptr; }
    bool sees(const store::Key& key) const {
        return locked_ == nullptr || locked_->has(dataset_->shard_of(key.hash));
    }
    /// Once, when the attempt is about to succeed, or to fail for good. False: the client waits no
    /// more.
    bool claim() const;

private:
    const engine::Dataset* dataset_ = nullptr;
    const engine::ShardSet* locked_ = nullptr;
    const Blocked* blocked_ = nullptr;
};

/// The command's work. False: nothing is there yet; what was written counts only with true.
using Attempt = bool (*)(Context& context, const Reach& reach);

/// Writes the reply of a command that waits for no key, whatever has ended the wait, and where it
/// may not wait at all.
using Closing = void (*)(Context& context);

/// What is told, where nobody may wait, to a command that has found nothing. A timeout is a null
/// array whatever the command.
enum class NullReply : uint8_t { bulk, array };

struct BlockOrder {
    using Replacement = std::pair<size_t, std::string_view>;

    Attempt attempt = nullptr;
    std::span<const store::Key> keys;      ///< those of the context it waits for, from the first on
    store::Type type = store::Type::list;  ///< of what is to be there
    int64_t timeout_ms = 0;                ///< 0: for ever
    NullReply null = NullReply::array;
    bool has_target = false;     ///< the key behind `keys` gets what is taken
    bool wants_removal = false;  ///< the keys' going ends the wait too
    /// Arguments that mean something else later (XREAD's $), and what they mean now.
    std::span<const Replacement> replacements = {};
    /// In place of keys: the log has to be durable so far. kNoPosition: only its end ends the wait.
    std::optional<log::Position> log_position = std::nullopt;
    Closing closing = nullptr;  ///< must be there when there is no attempt
};

/// The client waits from here on. Where it may not, it gets the null reply.
void block(Context& context, const BlockOrder& order);

/// A timeout in seconds or milliseconds, as milliseconds from now. nullopt: it is none, and the
/// reply says so.
std::optional<int64_t> read_timeout_seconds(Context& context, size_t index);
std::optional<int64_t> read_timeout_ms(Context& context, size_t index);

/// The command of a client that waits.
class Blocked {
public:
    Blocked(Context& context, const BlockOrder& order);
    Blocked(const Blocked&) = delete;
    Blocked& operator=(const Blocked&) = delete;
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }

    const CommandSpec& spec() const { return spec_; }
    std::span<const resp::Argument> arguments() const { return copy_.commands()[0].arguments; }
    std::span<const store::Key> keys() const { return keys_; }
    int64_t timeout_ms() const { return timeout_ms_; }
    std::optional<log::Position> log_position() const { return log_position_; }

    // How long the command has run: at home, and for the attempt that succeeded, on any thread.
    uint64_t home_nanoseconds = 0;
    uint64_t service_nanoseconds = 0;

private:
    friend class Reach;
    friend class WaiterService;
    friend void block(Context& context, const BlockOrder& order);
    void take_places(engine::Dataset& dataset);

    const CommandSpec& spec_;
    Session& session_;
    const Attempt attempt_;
    const Closing closing_;
    const int64_t timeout_ms_;
    const std::optional<log::Position> log_position_;
    const size_t database_;
    Transaction copy_;  // of the arguments
    std::vector<store::Key> keys_;
    std::deque<store::Wait, base::CountedAllocator<store::Wait, base::Purpose::clients>> waits_;
    const resp::Protocol protocol_;
    // Written by whoever has claimed the waiter, read at home once it is served.
    base::CountedString<base::Purpose::clients> reply_;
    bool is_error_ = false;
};

/// Serves those who wait for keys that commands of this reactor have changed, and ends the waits of
/// its own clients.
class WaiterService final : public engine::WaitServer {
public:
    explicit WaiterService(Services& services);
    ~WaiterService() override;

    /// Adds the shards that serving those who wait for these keys may look at: of the targets that
    /// elements move to, and what is waited for there, and where a key of another type may be in
    /// the way, of all that those clients wait for. The set is locked; true: it has grown, and has
    /// to be locked anew.
    bool extend(engine::ShardSet& locked, std::span<const store::Key> keys);
    /// All waiters for touched keys in these shards, which are locked, in the order in which the
    /// keys were changed and the clients came.
    void serve(const engine::ShardSet& locked) override;
    /// Nobody is served while a transaction runs.
    void set_deferred(bool is_deferred) { is_deferred_ = is_deferred; }
    /// The time at which commands run where there is no reactor.
    void set_now_ms(int64_t now_ms) { now_ms_ = now_ms; }

    /// At the end of the turn, with no lock held: serves where keys went for their time or for want
    /// of room, and tells the homes of all who were served.
    void finish_turn();
    bool has_work() const;

    /// Home thread, with no lock held: the wait of the session is over. Takes its places back,
    /// writes the reply of a client that stays, and hands over what is known of the command.
    std::unique_ptr<Blocked> end_wait(Session& session, resp::ReplyWriter& reply);

private:
    struct Served {
        SessionHome* home;
        uint64_t client_id;
    };
    void serve_queue(store::Shard& shard, const engine::ShardSet& locked);
    bool serve_one(Blocked& blocked, const engine::ShardSet& locked);
    bool attempt(Blocked& blocked, Context& context, const engine::ShardSet& locked);
    Context context_of(Blocked& blocked, resp::ReplyWriter& reply);
    void take_reply(Blocked& blocked, const resp::ReplyWriter& reply);
    void write_reply(Blocked& blocked, store::Waiter::State how, resp::ReplyWriter& reply);
    int64_t now_ms() const;

    Services& services_;
    // What an attempt writes: another thread may be at the same waiter until one has claimed it.
    base::ChunkPool chunks_;
    base::OutputBuffer scratch_{chunks_};
    std::vector<Served> served_;
    int64_t now_ms_ = 0;
    bool is_deferred_ = false;
};

/// Locks the shards of a command's keys, those that what lies there leads to (SORT's patterns),
/// and, where clients wait for the keys, those their elements may move to. Within a transaction it
/// only locks the first: EXEC has the others, and serves.
class ServedLock {
public:
    ServedLock(Services& services, WaiterService& service, engine::ShardSet set, Context& context);
    ~ServedLock();
    ServedLock(const ServedLock&) = delete;
    ServedLock& operator=(const ServedLock&) = delete;
    /// When the command is done: serves who waits for what it has changed.
    void serve() const;

private:
    Services& services_;
    engine::ShardSet set_;
    const bool is_in_transaction_;
};

}  // namespace gyre::commands
