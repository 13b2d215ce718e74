// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The configuration: one row per parameter (config_table.cc), read from redis.conf syntax and from
// the command line, shown and changed by CONFIG. Every parameter has a name, a type, a default, a
// range, whether it may change at run time, and what is to be done when it does.
//
// Ownership: owned by main; outlives the Server. Threads: load() and attach() before the reactors
// run; the Configuration interface from any thread, under a mutex. Errors: of a file they name
// file, line and remedy.

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/services.h"
#include "server/settings.h"

namespace gyre::server {

class AppendOnly;
class Persistence;

/// What a change of a parameter reaches beyond ServerSettings.
struct ConfigTargets {
    engine::Dataset* dataset = nullptr;
    commands::Slowlog* slowlog = nullptr;
    commands::LatencyMonitor* latency = nullptr;
    commands::CommandLog* command_log = nullptr;
    Persistence* persistence = nullptr;
    AppendOnly* append_only = nullptr;
    /// latency-tracking for all workers.
    std::function<void(bool)> track_latency;
    /// bind and port: listens there and nowhere else, or says why it cannot and changes nothing.
    std::function<Result<void>(std::span<const std::string> hosts, int64_t port)> listen;
    /// http-bind and http-port likewise.
    std::function<Result<void>(std::span<const std::string> hosts, int64_t port)> listen_http;
    /// appendonly while the server runs, or why it cannot change.
    std::function<Result<void>(bool is_on)> switch_log;
};

class Config final : public commands::Configuration {
public:
    Config();
    ~Config() override;

    /// Reads `gyre-server [file] [--name value ...]`. Later settings win.
    Result<void> load(std::span<const std::string_view> arguments);
    /// Reads one configuration text; `origin` names it in errors. For tests and the fuzzer.
    Result<void> load_text(std::string_view text, std::string_view origin);
    /// Applies everything to its target; later changes go there at once.
    void attach(const ConfigTargets& targets);
    /// Directives of Redis that have no meaning here and were given, with their reason: to be
    /// reported once at start.
    std::vector<std::string> notices() const;

    ServerSettings& settings() { return settings_; }
    /// Absolute path of the file read, empty: none.
    std::string file() const;

    std::vector<std::pair<std::string, std::string>> get(
        std::span<const std::string_view> patterns) const override;
    Result<void> set(
        std::span<const std::pair<std::string_view, std::string_view>> changes) override;
    Result<void> rewrite() override;
    std::string password() const override;
    bool allows_debug(bool is_local) const override;
    std::unique_lock<std::recursive_mutex> hold() override;

private:
    struct State;  // values as text, the file read, the targets
    ServerSettings settings_;
    std::unique_ptr<State> state_;
};

}  // namespace gyre::server
