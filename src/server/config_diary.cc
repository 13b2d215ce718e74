// SPDX-License-Identifier: BSD-3-Clause

// The parameters of the log and of the command log.

#include "base/log.h"
#include "commands/command_log.h"
#include "diary/diary.h"
#include "server/config.h"
#include "server/config_table.h"
#include "server/config_value.h"

namespace gyre::server {
namespace {

using enum ConfigKind;
using enum ConfigChange;

constexpr int64_t kRingBytesMax = 1024LL * 1024 * 1024;

void set_level(ServerSettings&, const ConfigValue& value) {
    if (const auto level = base::parse_level(value.text)) base::set_level(*level);
}

void set_format(ServerSettings&, const ConfigValue& value) {
    if (const auto format = diary::parse_format(value.text)) diary::set_format(*format);
}

Result<void> check_filter(const ConfigValue& value) {
    const auto filter = commands::CommandFilter::parse(split_words(value.text));
    if (!filter) return tl::unexpected(filter.error());
    return {};
}

void set_filter(const ConfigTargets& targets, const ConfigValue& value) {
    if (targets.command_log == nullptr) return;
    if (const auto filter = commands::CommandFilter::parse(split_words(value.text))) {
        targets.command_log->set_filter(*filter);
    }
}

#define SETTING(expression) \
    [](ServerSettings& settings, const ConfigValue& value) { settings.expression; }

/// Files are named at start alone: who may send CONFIG SET need not be one who may write anywhere.
const ConfigRow kDiaryRows[] = {
    {.name = "loglevel",
     .kind = choice,
     .initial = "notice",
     .choices = "debug verbose notice warning nothing",
     .summary = "What is worth a line in the log.",
     .to_settings = set_level},
    {.name = "logfile",
     .kind = text,
     .change = at_start,
     .summary = "File to log to, seen from dir. Empty: standard output; `/dev/stderr`: standard "
                "error. SIGHUP has it, and the two below, opened again.",
     .to_settings = SETTING(log_file = value.text)},
    {.name = "log-format",
     .kind = choice,
     .initial = "text",
     .choices = "text json",
     .summary = "Lines for people, or one JSON object a line.",
     .to_settings = set_format},
    {.name = "error-log",
     .kind = text,
     .change = at_start,
     .summary = "File to which warnings go as well. Empty: none.",
     .to_settings = SETTING(error_log = value.text)},
    {.name = "command-log",
     .kind = text,
     .change = at_start,
     .summary = "File with a line for each command that was run or refused, passwords hidden. "
                "Empty: none.",
     .to_settings = SETTING(command_log = value.text)},
    {.name = "command-log-filter",
     .kind = words,
     .summary = "Which commands: `+` adds and `-` takes away `@category`, `command` or "
                "`config|set`, one word after the other, from all where the first is a `-`. "
                "Empty: all; `-@all`: none.",
     .to_targets = set_filter,
     .check = check_filter},
    {.name = "log-ring-bytes",
     .kind = memory,
     .change = at_start,
     .initial = "262144",
     .min = static_cast<int64_t>(diary::kRingBytesMin),
     .max = kRingBytesMax,
     .summary = "Lines of one thread that may wait to be written; what does not fit is counted and "
                "lost. Rounded up to a power of two.",
     .to_settings = SETTING(log_ring_bytes = static_cast<size_t>(value.number))},
};

#undef SETTING

}  // namespace

std::span<const ConfigRow> diary_config_rows() { return kDiaryRows; }

}  // namespace gyre::server
