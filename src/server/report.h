// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a server says of itself when it starts and when it ends, in words for the person who runs
// it. The figures are handed in: here are the sentences.
//
// Threads: any.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "log/log.h"

namespace gyre::server {

/// "5 seconds", "02:03:04", "1 day 02:03:04", "12 days 02:03:04".
std::string duration_in_words(int64_t milliseconds);
/// "1 key", "2 keys".
std::string counted(uint64_t number, std::string_view noun);

/// What a crash may cost. `sync`: of the log; nothing: there is none. `save_rules`: as CONFIG GET
/// save has them.
std::string durability_in_words(std::optional<log::SyncMode> sync, std::string_view save_rules,
                                std::string_view snapshot_file);

/// A server that has served its last command.
struct EndFigures {
    int64_t uptime_ms = 0;
    uint64_t commands = 0;
    uint64_t clients = 0;
    uint64_t keys = 0;
    bool has_log = false;
    bool is_log_complete = false;  ///< all of it is on the disk
    std::string log_directory;
    std::string snapshot_file;
    uint64_t missing_log_bytes = 0;
    std::string log_failure;       ///< it could not be written at the end
    bool has_saved = false;        ///< a snapshot, since the start
    uint64_t unsaved_changes = 0;  ///< writes since the last one, or since the start
    int64_t since_save_ms = 0;     ///< since the last one
    uint64_t lost_lines = 0;       ///< of the log, the error log and the command log
};
std::vector<std::string> end_in_words(const EndFigures& figures);

}  // namespace gyre::server
