// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Configuration files: read in the syntax of redis.conf, and rewritten in place.
//
// One directive a line: a name and its arguments; quotes around an argument with blanks; "#" at the
// start of a line begins a comment; `include` reads another file, or all that match a glob pattern,
// at its place. Later lines win.
//
// Ownership: a reader works on values of its caller, which are half changed when it fails. Threads:
// one. Errors: name file, line and remedy.

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "server/config_value.h"

namespace gyre::server {

class ConfigReader {
public:
    /// Files within files.
    static constexpr size_t kDepthMax = 16;
    /// Files in all: two that include each other in several places are many before they are deep.
    static constexpr size_t kFilesMax = 256;
    static constexpr size_t kFileBytesMax = 16 * 1024 * 1024;

    /// Relative paths are seen from `directory`.
    ConfigReader(ConfigValues& values, std::filesystem::path directory)
        : values_(values), directory_(std::move(directory)) {}

    Result<void> read_file(const std::string& path);
    Result<void> read_text(std::string_view text, std::string_view origin);
    /// One directive as the command line gives it: "--name" and its arguments.
    Result<void> read_option(std::span<const std::string> words);

private:
    Result<void> read_line(std::string_view line, const std::string& place);
    Result<void> apply(std::span<const std::string> words);
    Result<void> include(std::span<const std::string> words);
    Result<void> include_file(const std::string& path);

    ConfigValues& values_;
    std::filesystem::path directory_;
    std::vector<std::filesystem::path> open_files_;  // being read, each includes the next
    size_t depth_ = 0;
    size_t files_ = 0;
};

/// The whole of a file; the error names it.
Result<std::string> read_config_file(const std::string& path, bool must_be_regular);

/// The text of a configuration file, changed so that reading it gives `values`: lines that already
/// say so stay as they are, comments and order too, and what is new comes at the end.
Result<std::string> rewritten_config(std::string_view text, const std::string& origin,
                                     const ConfigValues& values,
                                     const std::filesystem::path& directory);

/// Replaces a file as a whole: a temporary file beside it, synced, renamed over it.
Result<void> replace_file(const std::string& path, std::string_view text);

}  // namespace gyre::server
