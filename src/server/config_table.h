// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The table behind the configuration: one row for each parameter. The reader of configuration
// files, the command line, CONFIG GET, SET and REWRITE, and docs/configuration.md are derived from
// it.
//
// A row is active (it does something), ignored (a directive of Redis that has no meaning here: kept
// and shown, with the reason), or fixed (it would mean something this version does not have: only
// the default is accepted). To add a parameter: a row in config_table.cc.
//
// Ownership: constant, for the life of the process. Threads: any.
// Names, defaults and ranges: Redis 7.2.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gyre/result.h>

#include "server/settings.h"

namespace gyre::server {

struct ConfigTargets;

/// What a value is made of.
enum class ConfigKind : uint8_t {
    boolean,  ///< yes, no
    integer,
    octal,
    memory,  ///< bytes, with a unit
    choice,  ///< one of a few words
    text,
    words,          ///< several words
    percentiles,    ///< several numbers from 0 to 100
    output_limits,  ///< class, hard limit, soft limit, seconds; for each class
    save_points,    ///< seconds, changes; pairs
    flags,          ///< several of a few words, the first of which stands for none
};

enum class ConfigRole : uint8_t { active, ignored, fixed };

/// When a value may change.
enum class ConfigChange : uint8_t {
    always,
    at_start,      ///< "can't set immutable config", as Redis says
    never_by_set,  ///< "can't set protected config", as Redis says
};

/// A value as CONFIG GET prints it, and as a number where it is one.
struct ConfigValue {
    std::string text;
    int64_t number = 0;
};

struct ConfigRow {
    std::string_view name;
    std::string_view alias = {};
    ConfigKind kind = ConfigKind::text;
    ConfigRole role = ConfigRole::active;
    ConfigChange change = ConfigChange::always;
    std::string_view initial = {};  ///< as CONFIG GET prints it
    int64_t min = 0;
    int64_t max = INT64_MAX;
    bool is_unsigned = false;  ///< memory: up to 2^64 - 1, whatever max says
    /// What numbers within the range are brought to without a word, as Redis does.
    int64_t lowest = INT64_MIN;
    int64_t highest = INT64_MAX;
    std::string_view choices = {};  ///< of choice and flags: words, separated by blanks
    /// Active rows: what it does. Ignored ones: why it has no meaning. Fixed ones: what to do
    /// instead.
    std::string_view summary = {};
    void (*to_settings)(ServerSettings& settings, const ConfigValue& value) = nullptr;
    void (*to_targets)(const ConfigTargets& targets, const ConfigValue& value) = nullptr;
    /// Whether a value has sense, beyond what its kind says.
    Result<void> (*check)(const ConfigValue& value) = nullptr;
    /// Brings a value that has passed check() to the form in which it is shown.
    void (*normalize)(ConfigValue& value) = nullptr;
    /// Whether the system allows a value at run time.
    Result<void> (*admit)(const ServerSettings& settings, const ConfigValue& value) = nullptr;
    /// What is in force, where the start may have changed what was asked for.
    std::string (*in_force)(const ServerSettings& settings) = nullptr;
};

/// A directive of Redis that is not a parameter and is refused.
struct RefusedDirective {
    std::string_view name;
    std::string_view remedy;
};

/// All rows, by name.
std::span<const ConfigRow> config_rows();
/// Place of a row by its name or alias, in any case.
std::optional<size_t> find_config_row(std::string_view name);
std::span<const RefusedDirective> refused_directives();
/// The name, alias or directive nearest to a mistyped one; empty: none is near.
std::string_view nearest_directive(std::string_view name);
/// docs/configuration.md.
std::string configuration_document();

// --- parts of the table, in files of their own
// ----------------------------------------------------
std::span<const ConfigRow> active_config_rows();
std::span<const ConfigRow> http_config_rows();   ///< of these, those of HTTP
std::span<const ConfigRow> diary_config_rows();  ///< of these, those of the log
std::span<const ConfigRow> aof_config_rows();    ///< of these, those of the append-only file
std::span<const ConfigRow> ignored_config_rows();
std::span<const ConfigRow> fixed_config_rows();

}  // namespace gyre::server
