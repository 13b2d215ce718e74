// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The command line of gyre-cli, which is redis-cli's where both have an option: one row of a table
// for each, from which the help is printed too.
//
// Threads: any. Errors: a sentence that names the option.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/address.h"
#include "cli/format.h"
#include "gyre/result.h"

namespace gyre::cli {

/// What the program is asked to do.
enum class Task : uint8_t {
    commands,  ///< those of the arguments, of a file or of standard input, or interactive
    pipe,
    dump,
    load,
    scan,
    bigkeys,
    memkeys,
    hotkeys,
    latency,
    stat,
    watch,
    show_help,
    show_version,
};

/// Of a file with data.
enum class FileFormat : uint8_t { rdb, json };

struct Options {
    Address address;
    bool asks_password = false;
    bool warns_of_password = true;  ///< a password stands on the command line
    bool has_visible_password = false;
    std::optional<int> protocol;   ///< 2 or 3; else what suits the output
    std::optional<Format> format;  ///< else raw, or for people on a terminal
    std::string element_delimiter = "\n";
    std::string reply_delimiter = "\n";
    Task task = Task::commands;
    int64_t repeat = 1;  ///< -1: for ever
    bool has_repeat = false;
    double interval_s = 0;
    bool takes_last_from_stdin = false;
    std::string stdin_tag = {};  ///< the word that standard input stands for
    bool fails_on_error = false;
    bool follows_cluster = false;
    bool has_quoted_input = false;
    std::optional<bool> shows_pushes;  ///< else on a terminal only
    bool shows_time = false;
    bool shows_ttl = false;
    std::string file = {};  ///< commands, one a line; "-" is standard input
    std::string pattern = "*";
    int64_t scan_count = 0;  ///< COUNT of SCAN; 0: the server's default
    int pipe_timeout_s = 30;
    std::string data_file = {};  ///< of --dump and --load
    /// Of --dump, always there once the options are read; of --load the file itself says it.
    std::optional<FileFormat> file_format;
    bool replaces_keys = false;
    std::vector<std::string> words;  ///< the command
};

/// Reads a variable of the environment; nullptr when it is not set.
using Environment = std::function<const char*(const char*)>;

/// The arguments without the program's name.
Result<Options> parse_options(std::span<const std::string_view> arguments,
                              const Environment& environment);

/// What --help prints.
std::string help_text();

}  // namespace gyre::cli
