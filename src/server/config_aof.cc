// SPDX-License-Identifier: BSD-3-Clause

// The parameters of the append-only file.

#include <climits>

#include "server/append_only.h"
#include "server/config.h"
#include "server/config_table.h"
#include "server/config_value.h"

namespace gyre::server {
namespace {

using enum ConfigKind;
using enum ConfigChange;

constexpr int64_t kCommitDelayUsMax = 100'000;

Result<void> check_log_file(const ConfigValue& value) {
    return check_plain_name(value, "appendfilename");
}

Result<void> check_log_directory(const ConfigValue& value) {
    return check_plain_name(value, "appenddirname", "dirname");
}

Result<void> check_log_and_format(const ServerSettings& settings, const ConfigValue& append_only) {
    if (append_only.number == 0) return {};
    return check_storage(settings.storage_format, true);
}

void set_sync_mode(const ConfigTargets& targets, const ConfigValue& value) {
    if (targets.append_only == nullptr) return;
    targets.append_only->set_sync_mode(value.text == "always"     ? log::SyncMode::always
                                       : value.text == "everysec" ? log::SyncMode::every_second
                                                                  : log::SyncMode::never);
}

#define SETTING(expression) \
    [](ServerSettings& settings, const ConfigValue& value) { settings.expression; }
#define LOG(call)                                                      \
    [](const ConfigTargets& targets, const ConfigValue& value) {       \
        if (targets.append_only != nullptr) targets.append_only->call; \
    }

const ConfigRow kLogRows[] = {
    {.name = "appendonly",
     .kind = boolean,
     .initial = "no",
     .summary = "Keep a log of what changes in a file, and load it at start. Switched on while the "
                "server runs, the log begins with a rewrite, and with its end it counts.",
     .to_settings = SETTING(append_only = value.number != 0),
     .admit = check_log_and_format},
    {.name = "appendfsync",
     .kind = choice,
     .initial = "everysec",
     .choices = "everysec always no",
     .summary = "When the log reaches the disk: always, before a client is told anything that is "
                "not yet there; everysec, each second; no, when the kernel likes.",
     .to_targets = set_sync_mode},
    {.name = "aof-commit-delay",
     .kind = integer,
     .initial = "3000",
     .max = kCommitDelayUsMax,
     .summary = "Under appendfsync always, where clients that do not wait for the log leave no "
                "reactor a rest and the log needs their processors, a group of writes begins no "
                "sooner than four syncs take from the beginning of the one before, and so many "
                "microseconds at most. 0: as soon as it can.",
     .to_targets = LOG(set_commit_delay(value.number))},
    {.name = "appendfilename",
     .kind = text,
     .change = at_start,
     .initial = "appendonly.aof",
     .summary = "What the names of the log's files begin with.",
     .to_settings = SETTING(append_file = value.text),
     .check = check_log_file},
    {.name = "appenddirname",
     .kind = text,
     .change = at_start,
     .initial = "appendonlydir",
     .summary = "Directory of the log's files, within dir.",
     .to_settings = SETTING(append_directory = value.text),
     .check = check_log_directory},
    {.name = "aof-load-truncated",
     .kind = boolean,
     .initial = "yes",
     .summary = "Start although the log ends inside an effect, and drop that one.",
     .to_settings = SETTING(load_truncated = value.number != 0)},
    {.name = "auto-aof-rewrite-percentage",
     .kind = integer,
     .initial = "100",
     .max = INT_MAX,
     .summary = "Per cent by which the log has to grow since it was last written anew to be "
                "written anew by itself. 0: never.",
     .to_settings = SETTING(rewrite_percentage = value.number)},
    {.name = "auto-aof-rewrite-min-size",
     .kind = memory,
     .initial = "67108864",
     .summary = "Size below which it is not.",
     .to_settings = SETTING(rewrite_bytes_min = static_cast<uint64_t>(value.number))},
    {.name = "aof-rewrite-incremental-fsync",
     .kind = boolean,
     .initial = "yes",
     .summary = "Sync the new base each 32 MiB, so that the disk has little left to do in the end.",
     .to_settings = SETTING(aof_syncs_often = value.number != 0)},
    {.name = "aof-use-rdb-preamble",
     .kind = boolean,
     .initial = "yes",
     .summary = "A new base of the log is an RDB file, which is smaller and read faster; no: "
                "commands, as everything behind it.",
     .to_settings = SETTING(aof_base_is_rdb = value.number != 0)},
    {.name = "aof-disable-auto-gc",
     .kind = boolean,
     .initial = "no",
     .summary = "Keep the files that a new base replaces, as history in the manifest.",
     .to_settings = SETTING(keeps_aof_history = value.number != 0)},
    {.name = "aof-timestamp-enabled",
     .kind = boolean,
     .initial = "no",
     .summary = "Write the time into the log, once in a second, as lines that begin with #TS.",
     .to_targets = LOG(set_writes_clock(value.number != 0))},
    {.name = "aof-preallocate",
     .kind = boolean,
     .initial = "no",
     .summary = "Under appendfsync always, small groups of writes go over filling that was written "
                "before them, each with a checksum: their syncs take a third less. The files are "
                "for this server then: redis-server reads them, but one that was edited by hand, "
                "or cut with Redis' tools, may be refused here, or lose its last group.",
     .to_targets = LOG(set_preallocates(value.number != 0))},
    {.name = "aof-reclaim-page-cache",
     .kind = boolean,
     .initial = "yes",
     .summary =
         "What was synced of the log leaves the kernel's page cache, where nobody would read "
         "it. no: a server that is started again finds it there.",
     .to_targets = LOG(set_reclaims_page_cache(value.number != 0))},
    {.name = "aof-direct-io",
     .kind = boolean,
     .initial = "yes",
     .summary =
         "Under appendfsync everysec, a log that streams (from some 50 MB a second on) goes past "
         "the kernel's page cache (O_DIRECT), where the file system can: it costs less, and its "
         "syncs are short.",
     .to_targets = LOG(set_writes_directly(value.number != 0))},
};

#undef SETTING
#undef LOG

}  // namespace

std::span<const ConfigRow> aof_config_rows() { return kLogRows; }

}  // namespace gyre::server
