// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Runs commands without sockets, threads or a clock: what a connection does between parsing a
// request and sending its reply, on a data set of its own and at a time that only the test moves.
// Replies come back as the bytes a client would receive:
//
//     CommandRunner runner;
//     EXPECT_EQ(runner.run({"SET", "a", "1"}), "+OK\r\n");
//
// The services around the commands (configuration, INFO, shutdown) are the fakes below.
//
// Ownership: owns everything it needs. Threads: one. Suspends: never; a coroutine command must end
// without waiting, since there is no reactor.

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/output_buffer.h"
#include "commands/aliases.h"
#include "commands/clients.h"
#include "commands/command_log.h"
#include "commands/courier.h"
#include "commands/dispatch.h"
#include "commands/latency.h"
#include "commands/services.h"
#include "commands/session.h"
#include "commands/slowlog.h"
#include "commands/statistics.h"
#include "commands/tracking.h"
#include "engine/dataset.h"
#include "engine/eviction.h"

namespace gyre::test {

/// A table of parameters without any meaning.
class FakeConfiguration : public commands::Configuration {
public:
    std::map<std::string, std::string> values;  ///< what CONFIG GET shows and CONFIG SET may change
    std::string password_text;
    bool is_debug_allowed = true;
    int rewrites = 0;
    std::string rewrite_error;  ///< not empty: what CONFIG REWRITE fails with

    std::vector<std::pair<std::string, std::string>> get(
        std::span<const std::string_view> patterns) const override;
    Result<void> set(
        std::span<const std::pair<std::string_view, std::string_view>> changes) override;
    Result<void> rewrite() override;
    std::string password() const override { return password_text; }
    bool allows_debug(bool) const override { return is_debug_allowed; }
};

class FakeInformation : public commands::Information {
public:
    std::vector<MemoryFigure> figures;
    int resets = 0;
    const commands::CommandStatistics* statistics = nullptr;  ///< of the only reactor

    /// "# Name\r\nfake:1\r\n" for each section asked for, "# Default\r\n..." for none.
    std::string info(std::span<const std::string_view> sections) override;
    void reset_statistics(const ring::Reactor* /*home*/) override { ++resets; }
    std::vector<MemoryFigure> memory_figures() override { return figures; }
    std::vector<uint64_t> latency_histogram(uint32_t row) override;
    uint64_t ring_mapped_bytes() const override { return 0; }
};

/// Saves at once and nowhere.
class FakePersistence : public commands::Persistence {
public:
    int saves = 0;
    int scheduled = 0;
    bool is_busy = false;  ///< a snapshot is under way that never ends
    bool is_disk_good = true;
    bool saves_by_rules = false;
    commands::RewriteOrder rewrite_order = commands::RewriteOrder::begun;
    int64_t last_save = 0;
    std::function<void()> on_begin;

    bool begin_save(engine::Executor& executor) override;
    bool schedule_save() override {
        if (!is_rewriting()) return false;
        ++scheduled;
        return true;
    }
    bool is_saving() const override { return is_busy; }
    bool has_rules() const override { return saves_by_rules; }
    /// A rewrite that is waited for ends.
    void when_saved(std::function<void(bool)> tell) override {
        if (is_rewriting()) {
            rewrite_order = commands::RewriteOrder::begun;
            is_busy = false;
        }
        tell(is_disk_good);
    }
    commands::RewriteOrder begin_rewrite(engine::Executor&, bool is_later) override {
        return is_later ? commands::RewriteOrder::scheduled : rewrite_order;
    }
    bool is_rewriting() const override { return rewrite_order == commands::RewriteOrder::running; }
    int64_t last_save_s() const override { return last_save; }
};

/// Keeps aliases in memory, as long as the disk is good.
class FakeAliases : public commands::AliasKeeper {
public:
    int changes = 0;
    std::string error;  ///< not empty: what keeping them fails with

    const commands::AliasBook& book() const override { return book_; }
    void change(Edit edit, std::function<void(Result<void>)> tell) override;

private:
    commands::AliasBook book_;
};

/// Does all at once.
class FakeBackground : public commands::Background {
public:
    void run(std::function<void()> work) override { work(); }
};

class FakeControl : public commands::Control {
public:
    std::vector<commands::ShutdownOrder> shutdowns;
    std::string shutdown_error;  ///< not empty: why a shutdown is refused
    bool is_shutting_down = false;

    void shutdown(const commands::ShutdownOrder& order,
                  std::function<void(Result<void>)> tell) override;
    bool abort_shutdown() override { return std::exchange(is_shutting_down, false); }
};

/// Remembers which clients it was asked to close.
class FakeHome : public commands::SessionHome {
public:
    std::function<commands::Session*(uint64_t)> find;
    std::vector<uint64_t> closed_ids;
    std::vector<uint64_t> woken_ids;
    int unpauses = 0;
    void close_later(uint64_t client_id) override { closed_ids.push_back(client_id); }
    void unpause_later() override { ++unpauses; }
    void wake_later(uint64_t client_id) override { woken_ids.push_back(client_id); }
    void redirect_later(uint64_t client_id, commands::Invalidation invalidation,
                        SessionHome& origin, uint64_t origin_id) override;
    void break_redirect_later(uint64_t client_id, uint64_t target_id) override;
};

/// Where one session's messages go.
class FakeOutlet : public commands::PushOutlet {
public:
    explicit FakeOutlet(base::ChunkPool& chunks) : output_(chunks) {}
    base::OutputBuffer* push_buffer() override { return &output_; }
    base::OutputBuffer& output() { return output_; }

private:
    base::OutputBuffer output_;
};

struct RunnerOptions {
    size_t threads = 1;
    size_t databases = 16;
    size_t shards = 16;
    uint64_t seed = 1;
    int64_t now_ms = 1'700'000'000'000;
};

class CommandRunner {
public:
    explicit CommandRunner(RunnerOptions options = {});
    ~CommandRunner();
    CommandRunner(const CommandRunner&) = delete;
    CommandRunner& operator=(const CommandRunner&) = delete;

    /// Runs one command for the first session, or for one of add_session(); returns its reply.
    /// Words of resp::kLargeArgumentBytes and more arrive in a block of their own, as they do from
    /// a socket.
    std::string run(std::initializer_list<std::string_view> words);
    std::string run(std::span<const std::string_view> words);
    std::string run(const std::vector<std::string>& words);
    std::string run_as(commands::Session& session, std::initializer_list<std::string_view> words);
    std::string run_as(commands::Session& session, const std::vector<std::string>& words);

    /// The client leaves; its session stays.
    void leave(commands::Session& session);
    /// What was pushed to a session since it was last asked; delivers what waits.
    std::string pushed(commands::Session& session);

    /// Ends the session's wait for a key, unless it has been served, and returns the reply it gets.
    std::string end_wait(commands::Session& session,
                         store::Waiter::State how = store::Waiter::State::timed_out);

    /// All that a buffer holds, which is empty then.
    static std::string take_output(base::OutputBuffer& output);

    int64_t now_ms() const { return now_ms_; }
    void advance_ms(int64_t milliseconds) { now_ms_ += milliseconds; }
    void use_resp3() { session().protocol = 3; }

    /// The entry of a key in the first session's database as it lies, expired or not; null: none.
    const store::Entry* find(std::string_view key);

    /// What the evictor's clock goes on by each time it is read; 0: no slice of it ever ends.
    int64_t eviction_step_us = 0;

    engine::Dataset& dataset() { return dataset_; }
    engine::Executor& executor() { return executor_; }
    commands::Session& session() { return *sessions_.front(); }
    /// One more client, registered as the first one is.
    commands::Session& add_session();
    commands::Services& services() { return services_; }
    commands::ClientRegistry& clients() { return clients_; }
    commands::CommandStatistics& statistics() { return statistics_; }
    FakeConfiguration& configuration() { return configuration_; }
    FakeInformation& information() { return information_; }
    FakeControl& control() { return control_; }
    FakePersistence& persistence() { return persistence_; }
    FakeAliases& aliases() { return aliases_; }
    FakeHome& home() { return home_; }

private:
    std::string run_words(commands::Session& session, std::span<const std::string_view> words);
    void add_argument(std::string_view word);
    void run_coroutine(const commands::RequestView& request, commands::Session& session,
                       resp::ReplyWriter& reply);

    // fixed after construction
    RunnerOptions options_;
    engine::Executor executor_;  // before the data set, whose shards hand their blocks to it
    engine::Dataset dataset_;
    int64_t eviction_clock_us_ = 0;
    engine::Evictor evictor_;
    commands::ClientRegistry clients_;
    commands::CommandStatistics statistics_;
    commands::Slowlog slowlog_;
    commands::LatencyMonitor latency_;
    commands::CommandLog command_log_;
    FakeConfiguration configuration_;
    FakeInformation information_;
    FakeControl control_;
    FakePersistence persistence_;
    FakeAliases aliases_;
    FakeBackground background_;
    FakeHome home_;
    commands::Courier courier_;
    commands::Services services_;
    commands::Dispatcher dispatcher_;

    base::ChunkPool chunks_;
    base::OutputBuffer output_{chunks_};
    std::vector<std::unique_ptr<commands::Session>> sessions_;
    std::map<commands::Session*, std::unique_ptr<FakeOutlet>> outlets_;
    int64_t now_ms_;
};

/// "$3\r\nabc\r\n": what a bulk string looks like, for expectations about long values.
std::string bulk(std::string_view bytes);

}  // namespace gyre::test
