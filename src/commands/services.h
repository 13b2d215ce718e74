// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What commands need of the server around them, as interfaces: the commands room knows neither the
// configuration table nor the threads. The server implements them; tests bring their own.
//
// Threads: any.

#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gyre/result.h>

#include "engine/dataset.h"

namespace gyre::engine {
class Evictor;
}
namespace gyre::ring {
class Reactor;
}

namespace gyre::commands {

class AliasBook;
class AliasTable;
class ClientRegistry;
class CommandLog;
class CommandStatistics;
class Courier;
class Dispatcher;
class LatencyMonitor;
class Slowlog;

/// CONFIG GET, SET, REWRITE.
class Configuration {
public:
    virtual ~Configuration() = default;
    /// Names and values of all parameters that match any of the glob patterns, each once.
    virtual std::vector<std::pair<std::string, std::string>> get(
        std::span<const std::string_view> patterns) const = 0;
    /// Sets all or none. The error is the whole reply: "ERR CONFIG SET failed (possibly related to
    /// argument 'x') - reason".
    virtual Result<void> set(
        std::span<const std::pair<std::string_view, std::string_view>> changes) = 0;
    virtual Result<void> rewrite() = 0;
    /// requirepass; empty: none.
    virtual std::string password() const = 0;
    virtual bool allows_debug(bool is_local) const = 0;
    /// Keeps other threads from it until the lock goes: for who holds shards and would else wait
    /// for one that changes the configuration and waits for shards.
    virtual std::unique_lock<std::recursive_mutex> hold() { return {}; }
};

/// INFO: one "# Section" block after another. No name: the default sections; also "all",
/// "everything", "default".
class Information {
public:
    virtual ~Information() = default;
    virtual std::string info(std::span<const std::string_view> sections) = 0;
    /// CONFIG RESETSTAT. Counts of the reactor that runs are zero when it returns.
    virtual void reset_statistics(const ring::Reactor* home) = 0;
    /// LATENCY HISTOGRAM: the counts of a row over all reactors (LatencyBuckets::kBuckets numbers).
    virtual std::vector<uint64_t> latency_histogram(uint32_t row) = 0;
    /// Parts for MEMORY STATS: name and bytes (or a ratio as a real), in the order of the reply.
    struct MemoryFigure {
        std::string name;
        int64_t integer = 0;
        double real = 0;
        bool is_real = false;
        std::vector<MemoryFigure> parts = {};  ///< not empty: a map of these
    };
    virtual std::vector<MemoryFigure> memory_figures() = 0;
    /// Mapped by all rings for their buffers: obtained, and not used memory.
    virtual uint64_t ring_mapped_bytes() const = 0;
};

/// What became of an order to rewrite the append-only file.
enum class RewriteOrder : uint8_t {
    begun,
    scheduled,  ///< it begins when the snapshot under way has ended
    running,    ///< one is under way
    failed,     ///< its directory cannot be used; the server's log says why
};

/// SAVE, BGSAVE, LASTSAVE and BGREWRITEAOF.
class Persistence {
public:
    virtual ~Persistence() = default;
    /// Begins a snapshot of the data as it is now. False: one is under way.
    virtual bool begin_save(engine::Executor& executor) = 0;
    /// One begins within a second of the end of the rewrite under way. False: a snapshot is.
    virtual bool schedule_save() = 0;
    /// A snapshot has begun and not ended.
    virtual bool is_saving() const = 0;
    /// Snapshots are made by themselves, after some changes.
    virtual bool has_rules() const = 0;
    /// Begins to rewrite the append-only file; where there is none, a base is written that another
    /// can go on from. `is_later`: not now, because the changes of a
    /// command under way have no place in the log yet.
    virtual RewriteOrder begin_rewrite(engine::Executor& executor, bool is_later) = 0;
    /// What is under way is a rewrite, not a snapshot that was asked for.
    virtual bool is_rewriting() const = 0;
    /// Has `tell` called once, on any thread, when the snapshot under way has ended: whether it is
    /// on the disk.
    virtual void when_saved(std::function<void(bool is_saved)> tell) = 0;
    /// Unix time in seconds of the last one that is; of the start, when there was none.
    virtual int64_t last_save_s() const = 0;
};

/// For work that takes long and touches nothing of anybody: matching of long texts.
class Background {
public:
    virtual ~Background() = default;
    /// Has `work` done once, in order, on a thread that serves nobody. Any thread.
    virtual void run(std::function<void()> work) = 0;
};

/// ALIAS, SHOW-ALIAS and RESET-ALIAS.
class AliasKeeper {
public:
    using Edit = std::function<Result<void>(AliasTable& table)>;
    virtual ~AliasKeeper() = default;
    virtual const AliasBook& book() const = 0;
    /// Has `edit` change a copy of the table, which then is kept and becomes what all see, or not
    /// at all. `tell` is called once, on any thread; an error is the whole reply. Changes are made
    /// one after the other.
    virtual void change(Edit edit, std::function<void(Result<void>)> tell) = 0;
};

/// What the words of SHUTDOWN, or a signal, ask for.
struct ShutdownOrder {
    bool save = false;    ///< though no rule of `save` asks for it
    bool nosave = false;  ///< though one does
    bool now = false;
    bool force = false;  ///< though saving fails
};

/// SHUTDOWN and DEBUG.
class Control {
public:
    virtual ~Control() = default;
    /// Begins a graceful stop of the whole server, which saves first if it is to. `tell` is called
    /// once, on any thread: the server stops, or it cannot, and why.
    virtual void shutdown(const ShutdownOrder& order, std::function<void(Result<void>)> tell) = 0;
    /// Takes back a shutdown that is still saving. False: none was under way.
    virtual bool abort_shutdown() = 0;
};

/// One that is never on: what is replayed is logged by nobody.
CommandLog& no_command_log();

/// Everything a Context hands to handlers. Home-reactor members differ per reactor.
struct Services {
    engine::Dataset& dataset;
    engine::Executor& executor;  ///< of this reactor
    engine::Evictor& evictor;    ///< of this reactor
    ring::Reactor* reactor;      ///< of this reactor; null in tests without one
    ClientRegistry& clients;
    Configuration& configuration;
    Information& information;
    Control& control;
    Persistence& persistence;
    AliasKeeper& aliases;
    Background& background;
    CommandStatistics& statistics;  ///< of this reactor
    Slowlog& slowlog;
    LatencyMonitor& latency;
    CommandLog& command_log = no_command_log();
    Courier* courier = nullptr;        ///< of this reactor; null where nobody subscribes
    Dispatcher* dispatcher = nullptr;  ///< of this reactor; it puts itself here
};

}  // namespace gyre::commands
