// SPDX-License-Identifier: BSD-3-Clause
#include "server/report.h"

#include <fmt/format.h>

#include <iterator>

#include "server/config_value.h"

namespace gyre::server {
namespace {

constexpr int64_t kDaySeconds = 86'400;

/// Of pairs "seconds changes": "3600 seconds with 1 write, 300 seconds with 100 writes".
std::string rules_in_words(std::string_view rules) {
    const auto words = split_words(rules);
    std::string text;
    for (size_t index = 0; index + 1 < words.size(); index += 2) {
        fmt::format_to(std::back_inserter(text), "{}{} s with {} write{}", index == 0 ? "" : " or ",
                       words[index], words[index + 1], words[index + 1] == "1" ? "" : "s");
    }
    return text;
}

std::string saved_in_words(const EndFigures& figures) {
    if (figures.has_log && figures.is_log_complete) {
        return fmt::format("Saved: the log in {} has every write", figures.log_directory);
    }
    if (figures.has_log && figures.missing_log_bytes == 0) {
        return fmt::format("The log in {} could not be written at the end: {}",
                           figures.log_directory, figures.log_failure);
    }
    if (figures.has_log) {
        return fmt::format("The log in {} lacks the last writes: {} did not reach the disk",
                           figures.log_directory, counted(figures.missing_log_bytes, "byte"));
    }
    if (figures.unsaved_changes == 0) {
        return figures.has_saved ? fmt::format("Saved: {} has every write", figures.snapshot_file)
                                 : "Nothing was changed, so nothing was saved";
    }
    const std::string unsaved = counted(figures.unsaved_changes, "write");
    if (!figures.has_saved) return fmt::format("Nothing was saved; lost: {}", unsaved);
    return fmt::format("Saved: {}, {} ago; lost since then: {}", figures.snapshot_file,
                       duration_in_words(figures.since_save_ms), unsaved);
}

}  // namespace

std::string counted(uint64_t number, std::string_view noun) {
    return fmt::format("{} {}{}", number, noun, number == 1 ? "" : "s");
}

std::string duration_in_words(int64_t milliseconds) {
    const auto seconds = static_cast<uint64_t>(milliseconds < 0 ? 0 : milliseconds / 1000);
    if (seconds < 60) return counted(seconds, "second");
    const uint64_t days = seconds / kDaySeconds;
    const std::string clock =
        fmt::format("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    return days == 0 ? clock : counted(days, "day") + " " + clock;
}

std::string durability_in_words(std::optional<log::SyncMode> sync, std::string_view save_rules,
                                std::string_view snapshot_file) {
    if (sync == log::SyncMode::always) {
        return "every write is on the disk before it is answered (appendonly yes, appendfsync "
               "always)";
    }
    if (sync == log::SyncMode::every_second) {
        return "a crash of the machine costs the writes of about the last second (appendonly yes, "
               "appendfsync everysec)";
    }
    if (sync == log::SyncMode::never) {
        return "a crash of the machine costs what the kernel has not written yet (appendonly yes, "
               "appendfsync no)";
    }
    const std::string rules = rules_in_words(save_rules);
    if (rules.empty()) {
        return "none: the data ends with the process, unless somebody asks for SAVE (appendonly "
               "no, no save rules)";
    }
    return fmt::format(
        "snapshots to {} after {}; a crash costs what came after the last one "
        "(appendonly no)",
        snapshot_file, rules);
}

std::vector<std::string> end_in_words(const EndFigures& figures) {
    std::vector<std::string> lines;
    lines.push_back(
        fmt::format("Served {} of {} in {}; {} at the end", counted(figures.commands, "command"),
                    counted(figures.clients, "connection"), duration_in_words(figures.uptime_ms),
                    counted(figures.keys, "key")));
    lines.push_back(saved_in_words(figures));
    if (figures.lost_lines > 0) {
        lines.push_back(fmt::format("Of the logs {} did not fit or could not be written",
                                    counted(figures.lost_lines, "line")));
    }
    return lines;
}

}  // namespace gyre::server
