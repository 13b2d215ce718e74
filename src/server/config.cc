// SPDX-License-Identifier: BSD-3-Clause
#include "server/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/check.h"
#include "base/glob.h"
#include "base/log.h"
#include "base/numbers.h"
#include "resp/request_parser.h"
#include "server/config_file.h"
#include "server/config_table.h"
#include "server/config_value.h"

namespace gyre::server {

namespace {

struct Change {
    std::string_view name;  // as the client wrote it
    size_t place = 0;
    ConfigValue value;
};

}  // namespace

/// All under the mutex, but for `directory`.
struct Config::State {
    mutable std::recursive_mutex mutex;
    ConfigValues values = initial_config_values();
    std::string file;
    /// Where the process was started: paths of `include` are seen from there, also after `dir`.
    std::filesystem::path directory;
    ConfigTargets targets;
    bool is_attached = false;

    const ConfigValue& value(std::string_view name) const {
        const auto place = find_config_row(name);
        CHECK(place.has_value());
        return values[*place];
    }
    std::string shown(size_t place, const ServerSettings& settings) const {
        const ConfigRow& row = config_rows()[place];
        if (is_attached && row.in_force != nullptr) return row.in_force(settings);
        return values[place].text;
    }
    using Listen = decltype(ConfigTargets::listen);
    Result<void> listen_as(std::span<const Change> changes) const;
    Result<void> listen_as(std::span<const Change> changes, std::string_view bind_name,
                           std::string_view port_name, const Listen& listen) const;
    Result<void> log_as(std::span<const Change> changes) const;
    /// Takes over values that were read whole.
    void adopt(ConfigValues&& read, ServerSettings& settings) {
        values = std::move(read);
        for (size_t place = 0; place < values.size(); ++place) {
            const ConfigRow& row = config_rows()[place];
            if (row.to_settings != nullptr) row.to_settings(settings, values[place]);
        }
    }
};

namespace {

/// A directive of the command line: "--name" up to the next "--name".
struct Option {
    std::vector<std::string> words;
};

bool begins_option(std::string_view argument) {
    return argument.size() > 2 && argument.starts_with("--");
}

/// `--name value`, and "--name value" as one argument.
Result<std::vector<Option>> split_options(std::span<const std::string_view> arguments) {
    std::vector<Option> options;
    for (const std::string_view argument : arguments) {
        if (!begins_option(argument)) {
            if (options.empty()) {
                return fail(
                    fmt::format("command line: '{}': a directive begins with \"--\". The "
                                "configuration file comes first, and there is one.",
                                base::escape_for_error(argument)));
            }
            options.back().words.emplace_back(argument);
            continue;
        }
        Option option;
        if (!resp::split_line(argument.substr(2), option.words) || option.words.empty()) {
            return fail(
                fmt::format("command line: '{}': a quote is not closed. Correct the quotes.",
                            base::escape_for_error(argument)));
        }
        options.push_back(std::move(option));
    }
    return options;
}

Error failed_set(std::string_view name, std::string_view reason) {
    return {fmt::format("ERR CONFIG SET failed (possibly related to argument '{}') - {}",
                        base::escape_for_error(name), base::escape_for_error(reason, 512)),
            0};
}

/// Finds the rows; an error is that of the first argument at fault, as in Redis, but an unknown
/// name comes before what is wrong with those behind it.
Result<std::vector<Change>> find_changes(
    std::span<const std::pair<std::string_view, std::string_view>> wanted) {
    std::vector<Change> changes;
    for (const auto& [name, text] : wanted) {
        const auto place = find_config_row(name);
        if (!place) {
            return fail(
                fmt::format("ERR Unknown option or number of arguments for CONFIG SET - '{}'",
                            base::escape_for_error(name)));
        }
        const ConfigChange when = config_rows()[*place].change;
        if (when == ConfigChange::at_start) {
            return tl::unexpected(failed_set(name, "can't set immutable config"));
        }
        if (when == ConfigChange::never_by_set) {
            return tl::unexpected(failed_set(name, "can't set protected config"));
        }
        const bool is_twice = std::any_of(changes.begin(), changes.end(), [&](const Change& other) {
            return other.place == *place;
        });
        if (is_twice) return tl::unexpected(failed_set(name, "duplicate parameter"));
        changes.push_back({name, *place, {}});
    }
    return changes;
}

Result<ConfigValue> parse_change(const ConfigRow& row, std::string_view text,
                                 const ConfigValue& present, const ServerSettings& settings,
                                 bool is_running) {
    const std::string words[] = {std::string(text)};
    auto value = parse_config_value(row, words, present);
    if (!value || !is_running) return value;
    if (row.admit != nullptr) {
        if (auto admitted = row.admit(settings, *value); !admitted) {
            return tl::unexpected(std::move(admitted.error()));
        }
    }
    return value;
}

}  // namespace

/// Moves the listeners to where the changes want them; what goes wrong is put down to the first
/// change of bind or port, as in Redis.
Result<void> Config::State::listen_as(std::span<const Change> changes) const {
    if (auto moved = listen_as(changes, "bind", "port", targets.listen); !moved) return moved;
    auto moved = listen_as(changes, "http-bind", "http-port", targets.listen_http);
    // All or nothing: where the other places were moved they are moved back.
    if (!moved) static_cast<void>(listen_as({}, "bind", "port", targets.listen));
    return moved;
}

/// No changes: back to the values in force.
Result<void> Config::State::listen_as(std::span<const Change> changes, std::string_view bind_name,
                                      std::string_view port_name, const Listen& listen) const {
    if (!listen) return {};
    std::string bind = value(bind_name).text;
    int64_t port = value(port_name).number;
    const Change* first = nullptr;
    for (const Change& change : changes) {
        const std::string_view name = config_rows()[change.place].name;
        if (name != bind_name && name != port_name) continue;
        if (first == nullptr) first = &change;
        if (name == bind_name) bind = change.value.text;
        if (name == port_name) port = change.value.number;
    }
    if (first == nullptr && !changes.empty()) return {};
    std::vector<std::string> hosts;
    for (const std::string_view word : split_words(bind)) hosts.emplace_back(word);
    const auto moved = listen(hosts, port);
    if (moved) return {};
    base::log(base::Level::warning, "{} and {} stay as they are: {}", bind_name, port_name,
              moved.error().message);
    if (first == nullptr) return moved;
    return tl::unexpected(
        failed_set(first->name, config_rows()[first->place].name == bind_name
                                    ? "Failed to bind to specified addresses."
                                    : "Unable to listen on this port. Check server logs."));
}

/// Begins or ends the append-only file, if that is among the changes.
Result<void> Config::State::log_as(std::span<const Change> changes) const {
    if (!targets.switch_log) return {};
    for (const Change& change : changes) {
        if (config_rows()[change.place].name != "appendonly") continue;
        const auto switched = targets.switch_log(change.value.number != 0);
        if (switched) continue;
        base::log(base::Level::warning, "appendonly stays as it is: {}", switched.error().message);
        return tl::unexpected(failed_set(
            change.name, change.value.number != 0 ? "Unable to turn on AOF. Check server logs."
                                                  : "Unable to turn off AOF. Check server logs."));
    }
    return {};
}

Config::Config() : state_(std::make_unique<State>()) {
    std::error_code failure;
    state_->directory = std::filesystem::current_path(failure);
    state_->adopt(initial_config_values(), settings_);
}

Config::~Config() = default;

// --- at start
// ---------------------------------------------------------------------------------------

Result<void> Config::load(std::span<const std::string_view> arguments) {
    const std::lock_guard lock(state_->mutex);
    ConfigValues values = state_->values;
    ConfigReader reader(values, state_->directory);
    std::string file;
    if (!arguments.empty() && !begins_option(arguments[0])) {
        if (arguments[0] == "-") {
            return fail(
                "command line: '-': the configuration is not read from standard input in this "
                "version. Name a file.");
        }
        file = (state_->directory / arguments[0]).lexically_normal().string();
        if (auto read = reader.read_file(file); !read) return read;
        arguments = arguments.subspan(1);
    }
    const auto options = split_options(arguments);
    if (!options) return tl::unexpected(options.error());
    for (const Option& option : *options) {
        if (auto read = reader.read_option(option.words); !read) return read;
    }
    state_->file = std::move(file);
    state_->adopt(std::move(values), settings_);
    return {};
}

Result<void> Config::load_text(std::string_view text, std::string_view origin) {
    const std::lock_guard lock(state_->mutex);
    ConfigValues values = state_->values;
    if (auto read = ConfigReader(values, state_->directory).read_text(text, origin); !read) {
        return read;
    }
    state_->adopt(std::move(values), settings_);
    return {};
}

void Config::attach(const ConfigTargets& targets) {
    const std::lock_guard lock(state_->mutex);
    state_->targets = targets;
    state_->is_attached = true;
    for (size_t place = 0; place < state_->values.size(); ++place) {
        const ConfigRow& row = config_rows()[place];
        if (row.to_targets != nullptr) row.to_targets(targets, state_->values[place]);
    }
}

std::vector<std::string> Config::notices() const {
    const std::lock_guard lock(state_->mutex);
    std::vector<std::string> notices;
    for (size_t place = 0; place < state_->values.size(); ++place) {
        const ConfigRow& row = config_rows()[place];
        const ConfigValue& value = state_->values[place];
        if (row.role != ConfigRole::ignored || value.text == row.initial) continue;
        const bool is_secret = row.name.ends_with("-pass") || row.name == "masterauth";
        notices.push_back(fmt::format("{} {} has no effect: {}", row.name,
                                      is_secret ? "..." : config_word(value.text), row.summary));
    }
    return notices;
}

std::string Config::file() const {
    const std::lock_guard lock(state_->mutex);
    return state_->file;
}

// --- CONFIG
// -----------------------------------------------------------------------------------------

std::vector<std::pair<std::string, std::string>> Config::get(
    std::span<const std::string_view> patterns) const {
    const std::lock_guard lock(state_->mutex);
    std::vector<std::pair<std::string, std::string>> found;
    const auto rows = config_rows();
    const auto add = [&](std::string_view name, size_t place) {
        const bool is_known = std::any_of(found.begin(), found.end(), [&](const auto& entry) {
            return base::equals_ignore_case(entry.first, name);
        });
        if (!is_known) found.emplace_back(name, state_->shown(place, settings_));
    };
    for (const std::string_view pattern : patterns) {
        // A name comes back in the letters it was asked with.
        if (base::glob_is_literal(pattern)) {
            if (const auto place = find_config_row(pattern)) add(pattern, *place);
            continue;
        }
        for (size_t place = 0; place < rows.size(); ++place) {
            for (const std::string_view name : {rows[place].name, rows[place].alias}) {
                if (name.empty()) continue;
                if (base::glob_matches(pattern, name, base::GlobCase::ignored)) add(name, place);
            }
        }
    }
    return found;
}

Result<void> Config::set(std::span<const std::pair<std::string_view, std::string_view>> wanted) {
    const std::lock_guard lock(state_->mutex);
    auto changes = find_changes(wanted);
    if (!changes) return tl::unexpected(std::move(changes.error()));
    for (size_t index = 0; index < changes->size(); ++index) {
        Change& change = (*changes)[index];
        auto value = parse_change(config_rows()[change.place], wanted[index].second,
                                  state_->values[change.place], settings_, state_->is_attached);
        if (!value) return tl::unexpected(failed_set(change.name, value.error().message));
        change.value = std::move(*value);
    }
    if (auto moved = state_->listen_as(*changes); !moved) return moved;
    if (auto switched = state_->log_as(*changes); !switched) return switched;
    // From here on nothing can fail: all or nothing.
    for (Change& change : *changes) {
        const ConfigRow& row = config_rows()[change.place];
        state_->values[change.place] = std::move(change.value);
        const ConfigValue& value = state_->values[change.place];
        if (row.to_settings != nullptr) row.to_settings(settings_, value);
        if (row.to_targets != nullptr && state_->is_attached)
            row.to_targets(state_->targets, value);
    }
    return {};
}

Result<void> Config::rewrite() {
    const std::lock_guard lock(state_->mutex);
    if (state_->file.empty()) return fail("ERR The server is running without a config file");
    const auto failed = [](const Error& error) {
        return fail("ERR Rewriting config file: " + base::escape_for_error(error.message, 512),
                    error.code);
    };
    const auto text = read_config_file(state_->file, true);
    if (!text) return failed(text.error());
    const auto changed = rewritten_config(*text, state_->file, state_->values, state_->directory);
    if (!changed) return failed(changed.error());
    if (auto replaced = replace_file(state_->file, *changed); !replaced) {
        return failed(replaced.error());
    }
    return {};
}

std::string Config::password() const {
    const std::lock_guard lock(state_->mutex);
    return state_->value("requirepass").text;
}

std::unique_lock<std::recursive_mutex> Config::hold() { return std::unique_lock(state_->mutex); }

bool Config::allows_debug(bool is_local) const {
    return settings_.debug_access == DebugAccess::yes ||
           (settings_.debug_access == DebugAccess::local && is_local);
}

}  // namespace gyre::server
