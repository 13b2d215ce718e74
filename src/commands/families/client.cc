// SPDX-License-Identifier: BSD-3-Clause

// CLIENT: what connections there are, their names, and what an operator does to them.
//
// A pause holds back every command of every client, CLIENT UNPAUSE too unless it is one of writes
// only: so does Redis. Threads: home reactor.

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/numbers.h"
#include "commands/clients.h"
#include "commands/context.h"
#include "commands/help.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

/// Types of clients as the filters name them; "slave" is the old word for a replica.
std::optional<std::string> parse_type(Context& context, size_t index) {
    if (context.is(index, "SLAVE")) return "replica";
    for (const std::string_view type : {"normal", "master", "replica", "pubsub"}) {
        if (context.is(index, type)) return std::string(type);
    }
    context.error("ERR Unknown client type '" + base::escape_for_error(context.argument(index)) +
                  "'");
    return std::nullopt;
}

void client_id(Context& context) {
    context.reply.integer(static_cast<int64_t>(context.session.id));
}

void client_info(Context& context) {
    context.reply.verbatim(
        "txt", context.services.clients.describe(context.session, context.now_ms()) + "\n");
}

// --- LIST
// -----------------------------------------------------------------------------------------

/// The lines of these clients in the order they were asked for, as often as they were.
void list_ids(Context& context) {
    std::vector<uint64_t> wanted;
    for (size_t index = 3; index < context.count(); ++index) {
        const auto id = context.integer(index, "ERR Invalid client ID");
        if (!id) return;
        // No client has the number 0.
        wanted.push_back(*id < 0 ? 0 : static_cast<uint64_t>(*id));
    }
    ClientFilter filter;
    filter.ids = wanted;
    std::sort(filter.ids.begin(), filter.ids.end());
    const std::string all = context.services.clients.list(filter, context.now_ms());
    std::unordered_map<uint64_t, std::string_view> lines;
    for (std::string_view rest = all; !rest.empty();) {
        const std::string_view line = rest.substr(0, rest.find('\n') + 1);
        const size_t digits_at = std::string_view("id=").size();
        const auto id = base::parse_integer(line.substr(digits_at, line.find(' ') - digits_at));
        lines.emplace(static_cast<uint64_t>(id.value_or(0)), line);
        rest.remove_prefix(line.size());
    }
    std::string text;
    for (const uint64_t id : wanted) {
        const auto found = lines.find(id);
        if (found != lines.end()) text += found->second;
    }
    context.reply.verbatim("txt", text);
}

void client_list(Context& context) {
    ClientFilter filter;
    if (context.count() == 4 && context.is(2, "TYPE")) {
        filter.type = parse_type(context, 3);
        if (!filter.type) return;
    } else if (context.count() > 3 && context.is(2, "ID")) {
        return list_ids(context);
    } else if (context.count() != 2) {
        return context.error(errors::kSyntax);
    }
    context.reply.verbatim("txt", context.services.clients.list(filter, context.now_ms()));
}

// --- names
// ----------------------------------------------------------------------------------------

void client_setname(Context& context) {
    if (!is_valid_client_text(context.argument(2))) {
        return context.error(
            "ERR Client names cannot contain spaces, newlines or special characters.");
    }
    context.services.clients.set_text(&Session::name, context.session, context.argument(2));
    context.reply.ok();
}

void client_getname(Context& context) {
    // Only this thread changes it.
    if (context.session.name.empty()) return context.reply.null();
    context.reply.bulk(context.session.name);
}

void client_setinfo(Context& context) {
    const bool is_name = context.is(2, "LIB-NAME");
    if (!is_name && !context.is(2, "LIB-VER")) {
        return context.error("ERR Unrecognized option '" +
                             base::escape_for_error(context.argument(2)) + "'");
    }
    if (!is_valid_client_text(context.argument(3))) {
        return context.error(std::string("ERR ") + (is_name ? "lib-name" : "lib-ver") +
                             " cannot contain spaces, newlines or special characters.");
    }
    context.services.clients.set_text(is_name ? &Session::library_name : &Session::library_version,
                                      context.session, context.argument(3));
    context.reply.ok();
}

// --- KILL
// -----------------------------------------------------------------------------------------

bool parse_kill_id(Context& context, size_t index, ClientFilter& filter) {
    const auto id =
        context.integer_between(index, 1, INT64_MAX, "ERR client-id should be greater than 0");
    if (id) filter.ids = {static_cast<uint64_t>(*id)};
    return id.has_value();
}

bool parse_kill_age(Context& context, size_t index, ClientFilter& filter) {
    const auto age = context.integer(index, "ERR maxage is not an integer or out of range");
    if (age && *age <= 0) {
        context.error("ERR maxage should be greater than 0");
        return false;
    }
    filter.age_seconds_min = age;
    return age.has_value();
}

bool parse_kill_user(Context& context, size_t index, ClientFilter& filter) {
    filter.user = std::string(context.argument(index));
    if (*filter.user == "default") return true;
    context.error("ERR No such user '" + base::escape_for_error(*filter.user) + "'");
    return false;
}

bool parse_skipme(Context& context, size_t index, ClientFilter& filter) {
    if (context.is(index, "YES")) {
        filter.skip_id = context.session.id;
    } else if (context.is(index, "NO")) {
        filter.skip_id.reset();
    } else {
        context.error(errors::kSyntax);
        return false;
    }
    return true;
}

/// One option and its value at `index`; false after the error was written.
bool parse_kill_option(Context& context, size_t index, ClientFilter& filter) {
    const size_t value = index + 1;
    if (value < context.count()) {
        if (context.is(index, "ID")) return parse_kill_id(context, value, filter);
        if (context.is(index, "MAXAGE")) return parse_kill_age(context, value, filter);
        if (context.is(index, "USER")) return parse_kill_user(context, value, filter);
        if (context.is(index, "SKIPME")) return parse_skipme(context, value, filter);
        if (context.is(index, "TYPE")) {
            filter.type = parse_type(context, value);
            return filter.type.has_value();
        }
        if (context.is(index, "ADDR")) {
            filter.peer_address = std::string(context.argument(value));
            return true;
        }
        if (context.is(index, "LADDR")) {
            filter.local_address = std::string(context.argument(value));
            return true;
        }
    }
    context.error(errors::kSyntax);
    return false;
}

/// The old form names an address, and may mean oneself.
void kill_address(Context& context) {
    ClientFilter filter;
    filter.peer_address = std::string(context.argument(2));
    if (context.services.clients.kill(filter, context.now_ms(), context.session) == 0) {
        return context.error("ERR No such client");
    }
    context.reply.ok();
}

void refuse_count(Context& context) {
    context.error("ERR unknown subcommand or wrong number of arguments for '" +
                  base::escape_for_error(context.argument(1)) + "'. Try CLIENT HELP.");
}

void client_unblock(Context& context) {
    if (context.count() > 4) return refuse_count(context);
    const bool with_error = context.count() == 4 && context.is(3, "ERROR");
    if (context.count() == 4 && !with_error && !context.is(3, "TIMEOUT")) {
        return context.error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    }
    const auto id = context.integer(2);
    if (!id) return;
    const bool has_ended =
        *id > 0 && context.services.clients.unblock(static_cast<uint64_t>(*id), with_error);
    context.reply.integer(has_ended ? 1 : 0);
}

void client_kill(Context& context) {
    if (context.count() == 3) return kill_address(context);
    ClientFilter filter;
    filter.skip_id = context.session.id;
    for (size_t index = 2; index < context.count(); index += 2) {
        if (!parse_kill_option(context, index, filter)) return;
    }
    context.reply.integer(context.services.clients.kill(filter, context.now_ms(), context.session));
}

// --- switches of a connection
// ---------------------------------------------------------------------

void set_switch(Context& context, std::atomic<bool>& value) {
    const bool is_on = context.is(2, "ON");
    if (!is_on && !context.is(2, "OFF")) return context.error(errors::kSyntax);
    value.store(is_on, kRelaxed);
    context.reply.ok();
}

void client_no_evict(Context& context) { set_switch(context, context.session.no_evict); }
void client_no_touch(Context& context) { set_switch(context, context.session.no_touch); }

void client_reply(Context& context) {
    ReplyMode& mode = context.session.reply_mode;
    if (context.is(2, "ON")) {
        mode = ReplyMode::on;
        context.reply.ok();
    } else if (context.is(2, "OFF")) {
        mode = ReplyMode::off;
    } else if (context.is(2, "SKIP")) {
        if (mode != ReplyMode::off) mode = ReplyMode::skip_next;
    } else {
        context.error(errors::kSyntax);
    }
}

// --- pauses
// ---------------------------------------------------------------------------------------

void client_pause(Context& context) {
    using Mode = ClientRegistry::PauseMode;
    if (context.count() > 4) return refuse_count(context);
    const bool is_write = context.count() == 4 && context.is(3, "WRITE");
    if (context.count() == 4 && !is_write && !context.is(3, "ALL")) {
        return context.error("ERR CLIENT PAUSE mode must be WRITE or ALL");
    }
    const auto timeout = context.integer(2, "ERR timeout is not an integer or out of range");
    if (!timeout) return;
    if (*timeout < 0) return context.error("ERR timeout is negative");
    const int64_t now_ms = context.now_ms();
    if (*timeout > INT64_MAX - now_ms) return context.error("ERR timeout is out of range");
    const int64_t until_ms = *timeout == 0 ? 0 : now_ms + *timeout;
    context.services.clients.pause(is_write ? Mode::write : Mode::all, until_ms, now_ms);
    context.reply.ok();
}

void client_unpause(Context& context) {
    context.services.clients.unpause();
    context.reply.ok();
}

void client_help(Context& context) {
    static constexpr std::string_view kLines[] = {
        "CACHING (YES|NO)",
        "    Whether the keys that the next command reads are tracked, with OPTIN or OPTOUT.",
        "GETNAME",
        "    Return the name of this connection.",
        "GETREDIR",
        "    Return the client that is told of tracked keys: 0 this one, -1 nobody.",
        "ID",
        "    Return the number of this connection.",
        "INFO",
        "    Return the line of CLIENT LIST about this connection.",
        "KILL <ip:port>",
        "    Close the connection that comes from <ip:port>.",
        "KILL <option> <value> [<option> <value> [...]]",
        "    Close the connections that fit all of the options:",
        "    * ADDR (<ip:port>|<unixsocket>:0)",
        "      Those that come from this address.",
        "    * LADDR (<ip:port>|<unixsocket>:0)",
        "      Those that were made to this address of the server.",
        "    * ID <client-id>",
        "      The one with this number.",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Those of this type.",
        "    * USER <username>",
        "      Those authenticated as this user.",
        "    * MAXAGE <seconds>",
        "      Those that are at least this old.",
        "    * SKIPME (YES|NO)",
        "      Whether to spare this connection (default: yes).",
        "LIST [options ...]",
        "    Return a line about each connection. Options:",
        "    * TYPE (NORMAL|MASTER|REPLICA|PUBSUB)",
        "      Those of this type.",
        "    * ID <client-id> [<client-id> ...]",
        "      Those with these numbers.",
        "NO-EVICT (ON|OFF)",
        "    Accepted and shown in CLIENT LIST; no connection is ever closed to save memory.",
        "NO-TOUCH (ON|OFF)",
        "    Whether the commands of this connection leave the LRU/LFU of keys as it is.",
        "PAUSE <timeout> [WRITE|ALL]",
        "    Hold back all commands, or those that write, for <timeout> milliseconds.",
        "REPLY (ON|OFF|SKIP)",
        "    Whether this connection gets replies.",
        "SETINFO <option> <value>",
        "    Tell what library the client uses. Options:",
        "    * LIB-NAME <name>",
        "    * LIB-VER <version>",
        "SETNAME <name>",
        "    Give this connection a name.",
        "TRACKING (ON|OFF) [REDIRECT <id>] [BCAST] [PREFIX <prefix> [...]] [OPTIN] [OPTOUT] "
        "[NOLOOP]",
        "    Whether this connection, or that of <id>, is told when keys change that it has read,",
        "    or that begin with one of the prefixes.",
        "TRACKINGINFO",
        "    Return how this connection tracks keys.",
        "UNBLOCK <clientid> [TIMEOUT|ERROR]",
        "    End the wait of a client for a key, as its timeout does or with an error.",
        "UNPAUSE",
        "    End a pause.",
    };
    reply_help(context, "CLIENT", kLines);
}

// --- rows
// -----------------------------------------------------------------------------------------

constexpr uint32_t kPlain = flag::noscript | flag::loading | flag::stale;
constexpr uint32_t kAdmin = kPlain | flag::admin;
constexpr std::string_view kPerClient = "O(N) with N the number of clients";

constexpr CommandSpec kClientCommands[] = {
    {.name = "client",
     .arity = -2,
     .group = Group::connection,
     .since = "2.4.0",
     .complexity = "Depends on the sub-command.",
     .summary = "Groups the commands about client connections.",
     .is_container = true},
    {.name = "getname",
     .parent = "client",
     .handler = client_getname,
     .arity = 2,
     .flags = kPlain,
     .group = Group::connection,
     .since = "2.6.9",
     .complexity = "O(1)",
     .summary = "Returns the name of the connection."},
    {.name = "help",
     .parent = "client",
     .handler = client_help,
     .arity = 2,
     .flags = flag::loading | flag::stale,
     .group = Group::connection,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Lists the sub-commands of CLIENT."},
    {.name = "id",
     .parent = "client",
     .handler = client_id,
     .arity = 2,
     .flags = kPlain,
     .group = Group::connection,
     .since = "5.0.0",
     .complexity = "O(1)",
     .summary = "Returns the number of the connection, which no other one ever has."},
    {.name = "info",
     .parent = "client",
     .handler = client_info,
     .arity = 2,
     .flags = kPlain,
     .group = Group::connection,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Describes the connection.",
     .tips = "nondeterministic_output"},
    {.name = "kill",
     .parent = "client",
     .handler = client_kill,
     .arity = -3,
     .flags = kAdmin,
     .group = Group::connection,
     .since = "2.4.0",
     .complexity = kPerClient,
     .syntax = "<ip:port | [ID client-id] [TYPE <NORMAL | MASTER | SLAVE | REPLICA | PUBSUB>] "
               "[USER username] [ADDR ip:port] [LADDR ip:port] [SKIPME <YES | NO>] "
               "[MAXAGE maxage]>",
     .summary = "Closes connections of other clients."},
    {.name = "list",
     .parent = "client",
     .handler = client_list,
     .arity = -2,
     .flags = kAdmin,
     .group = Group::connection,
     .since = "2.4.0",
     .complexity = kPerClient,
     .syntax = "[TYPE <NORMAL | MASTER | REPLICA | PUBSUB>] [ID client-id [client-id ...]]",
     .summary = "Describes all connections.",
     .tips = "nondeterministic_output"},
    {.name = "no-evict",
     .parent = "client",
     .handler = client_no_evict,
     .arity = 3,
     .flags = kAdmin,
     .group = Group::connection,
     .since = "7.0.0",
     .complexity = "O(1)",
     .syntax = "<ON | OFF>",
     .summary = "Spares the connection when clients are closed to save memory."},
    {.name = "no-touch",
     .parent = "client",
     .handler = client_no_touch,
     .arity = 3,
     .flags = kPlain,
     .group = Group::connection,
     .since = "7.2.0",
     .complexity = "O(1)",
     .syntax = "<ON | OFF>",
     .summary = "Lets the commands of the connection leave the access times of keys alone."},
    {.name = "pause",
     .parent = "client",
     .handler = client_pause,
     .arity = -3,
     .flags = kAdmin,
     .group = Group::connection,
     .since = "2.9.50",
     .complexity = "O(1)",
     .syntax = "timeout [WRITE | ALL]",
     .summary = "Holds back the commands of all clients."},
    {.name = "reply",
     .parent = "client",
     .handler = client_reply,
     .arity = 3,
     .flags = kPlain,
     .group = Group::connection,
     .since = "3.2.0",
     .complexity = "O(1)",
     .syntax = "<ON | OFF | SKIP>",
     .summary = "Says whether the connection gets replies."},
    {.name = "setinfo",
     .parent = "client",
     .handler = client_setinfo,
     .arity = 4,
     .flags = kPlain,
     .group = Group::connection,
     .since = "7.2.0",
     .complexity = "O(1)",
     .syntax = "<LIB-NAME libname | LIB-VER libver>",
     .summary = "Tells the server what library the client uses.",
     .tips = "request_policy:all_nodes response_policy:all_succeeded"},
    {.name = "setname",
     .parent = "client",
     .handler = client_setname,
     .arity = 3,
     .flags = kPlain,
     .group = Group::connection,
     .since = "2.6.9",
     .complexity = "O(1)",
     .syntax = "connection-name",
     .summary = "Gives the connection a name."},
    {.name = "unblock",
     .parent = "client",
     .handler = client_unblock,
     .arity = -3,
     .flags = kAdmin,
     .group = Group::connection,
     .since = "5.0.0",
     .complexity = kPerClient,
     .syntax = "client-id [TIMEOUT | ERROR]",
     .summary = "Ends the wait of a client for a key, as its timeout does or with an error."},
    {.name = "unpause",
     .parent = "client",
     .handler = client_unpause,
     .arity = 2,
     .flags = kAdmin,
     .group = Group::connection,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Ends a pause of the clients."},
};

}  // namespace

std::span<const CommandSpec> client_commands() { return kClientCommands; }

}  // namespace gyre::commands
