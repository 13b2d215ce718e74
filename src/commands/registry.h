// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// All rows of the command table: the families listed by name, looked up in O(1). A row's index is
// its place in rows(), the same for the life of the process; statistics are kept by it.
//
// Ownership: the registry, built at first use, keeps copies of the families' constant rows side by
// side; every `const CommandSpec&` about is one of those. Threads: any.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "commands/spec.h"

namespace gyre::commands {

/// Every command and sub-command; containers stand before their sub-commands.
std::span<const CommandSpec* const> rows();
/// The command of this name in any case; null: unknown.
const CommandSpec* find_command(std::string_view name);
/// The sub-command `word` of a container; null: unknown.
const CommandSpec* find_subcommand(const CommandSpec& container, std::string_view word);
/// A command by its full name in any case, as full_name() gives it: "get", "config|get"; null:
/// unknown.
const CommandSpec* find_full_name(std::string_view name);
/// All sub-commands of a container.
std::span<const CommandSpec* const> subcommands(const CommandSpec& container);
/// Place in rows().
uint32_t row_index(const CommandSpec& spec);
/// "get" or "config|get": the name in COMMAND LIST, INFO commandstats and error texts.
std::string full_name(const CommandSpec& spec);

// --- the families, one line each
// ------------------------------------------------------------------
std::span<const CommandSpec> string_commands();
std::span<const CommandSpec> string_set_commands();
std::span<const CommandSpec> string_number_commands();
std::span<const CommandSpec>
conditional_commands();  ///< DELEX, DIGEST, MSETEX, INCREX ...: newer than Redis 7.2
std::span<const CommandSpec> sort_commands();  ///< SORT, SORT_RO
std::span<const CommandSpec> bitmap_commands();
std::span<const CommandSpec> bitfield_commands();  ///< BITFIELD, BITFIELD_RO
std::span<const CommandSpec> list_commands();
std::span<const CommandSpec> zset_blocking_commands();  ///< BZPOPMIN ...
std::span<const CommandSpec> list_blocking_commands();  ///< BLPOP, BLMOVE ...
std::span<const CommandSpec> list_move_commands();      ///< LMOVE, LMPOP, LPOS ...
std::span<const CommandSpec> hash_commands();
std::span<const CommandSpec> hash_read_commands();    ///< HGETALL, HRANDFIELD, HSCAN ...
std::span<const CommandSpec> hash_expire_commands();  ///< deadlines of fields
std::span<const CommandSpec> set_commands();
std::span<const CommandSpec> set_operation_commands();  ///< SINTER, SUNION, SDIFF ...
std::span<const CommandSpec> generic_commands();
std::span<const CommandSpec> dump_commands();
std::span<const CommandSpec> persistence_commands();  ///< SAVE, BGSAVE, LASTSAVE
std::span<const CommandSpec> durability_commands();   ///< WAITAOF
std::span<const CommandSpec> expire_commands();
std::span<const CommandSpec> iteration_commands();  ///< SCAN, KEYS, VALUES, ITEMS, RANDOMKEY
std::span<const CommandSpec> connection_commands();
std::span<const CommandSpec> client_commands();
std::span<const CommandSpec> client_tracking_commands();  ///< and CACHING, GETREDIR
std::span<const CommandSpec> server_commands();
std::span<const CommandSpec> config_commands();
std::span<const CommandSpec> introspection_commands();  ///< COMMAND and its sub-commands
std::span<const CommandSpec> memory_commands();
std::span<const CommandSpec> latency_commands();  ///< LATENCY, SLOWLOG
std::span<const CommandSpec> debug_commands();
std::span<const CommandSpec> zset_commands();
std::span<const CommandSpec> zset_range_commands();
std::span<const CommandSpec> zset_combine_commands();
std::span<const CommandSpec> hyperloglog_commands();
std::span<const CommandSpec> hyperloglog_self_test_commands();  ///< PFSELFTEST
std::span<const CommandSpec> geo_commands();
std::span<const CommandSpec> geo_search_commands();
std::span<const CommandSpec> stream_commands();
std::span<const CommandSpec> stream_delete_commands();  ///< XDELEX, XACKDEL
std::span<const CommandSpec> stream_group_commands();
std::span<const CommandSpec> stream_pending_commands();
std::span<const CommandSpec> stream_info_commands();
std::span<const CommandSpec> pubsub_commands();
std::span<const CommandSpec> transaction_commands();
std::span<const CommandSpec> monitor_commands();
std::span<const CommandSpec> help_commands();
std::span<const CommandSpec> find_commands();
std::span<const CommandSpec> alias_commands();  ///< ALIAS, SHOW-ALIAS, RESET-ALIAS

}  // namespace gyre::commands
