// SPDX-License-Identifier: BSD-3-Clause

// What a client does for its connection: authenticate, choose protocol and database, ping, leave.
//
// There is one user, "default", whose password is requirepass. Threads: home reactor.

#include <optional>
#include <string>

#include "base/numbers.h"
#include "commands/clients.h"
#include "commands/context.h"
#include "commands/dispatch.h"
#include "commands/interactive.h"
#include "commands/password.h"
#include "commands/registry.h"
#include "commands/tracking.h"

namespace gyre::commands {
namespace {

constexpr std::string_view kVersion = "7.2.4";
constexpr std::string_view kUser = "default";
constexpr std::string_view kWrongPassword =
    "WRONGPASS invalid username-password pair or user is disabled.";
constexpr std::string_view kNoPassword =
    "ERR AUTH <password> called without any password configured for the default user. Are you sure "
    "your configuration is correct?";
constexpr std::string_view kHelloNeedsAuth =
    "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
    "<proto> "
    "AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol "
    "version at the same time";
constexpr std::string_view kBadName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

constexpr auto kRelaxed = std::memory_order_relaxed;

/// Takes as long for a wrong first byte as for a wrong last one; only the lengths show.
bool equal_in_constant_time(std::string_view secret, std::string_view guess) {
    unsigned difference = secret.size() == guess.size() ? 0 : 1;
    for (size_t index = 0; index < guess.size(); ++index) {
        const char expected = secret.empty() ? '\0' : secret[index % secret.size()];
        difference |= static_cast<unsigned char>(expected ^ guess[index]);
    }
    return difference == 0;
}

/// Authenticates the session, or writes why not.
bool authenticate(Context& context, std::string_view user, std::string_view password) {
    const Configuration& configuration = context.services.configuration;
    // Without a password any will do, as for Redis' user with "nopass".
    const bool is_open = configuration.password().empty();
    if (user != kUser || (!is_open && !is_password(configuration, password))) {
        context.error(kWrongPassword);
        return false;
    }
    context.session.is_authenticated.store(true, kRelaxed);
    return true;
}

void auth(Context& context) {
    if (context.count() > 3) return context.error(errors::kSyntax);
    if (context.count() == 2 && context.services.configuration.password().empty()) {
        return context.error(kNoPassword);
    }
    const std::string_view user = context.count() == 3 ? context.argument(1) : kUser;
    if (authenticate(context, user, context.argument(context.count() - 1))) context.reply.ok();
}

struct HelloOptions {
    std::optional<uint8_t> protocol;
    std::optional<std::string_view> user;
    std::string_view password;
    std::optional<std::string_view> name;
};

bool parse_hello_option(Context& context, size_t& index, HelloOptions& options) {
    const size_t left = context.count() - index - 1;
    if (context.is(index, "AUTH") && left >= 2) {
        options.user = context.argument(index + 1);
        options.password = context.argument(index + 2);
        index += 3;
        return true;
    }
    if (context.is(index, "SETNAME") && left >= 1) {
        options.name = context.argument(index + 1);
        index += 2;
        if (is_valid_client_text(*options.name)) return true;
        context.error(kBadName);
        return false;
    }
    context.error("ERR Syntax error in HELLO option '" +
                  base::escape_for_error(context.argument(index)) + "'");
    return false;
}

std::optional<HelloOptions> parse_hello(Context& context) {
    HelloOptions options;
    if (context.count() > 1) {
        const auto protocol =
            context.integer(1, "ERR Protocol version is not an integer or out of range");
        if (!protocol) return std::nullopt;
        if (*protocol != 2 && *protocol != 3) {
            context.error("NOPROTO unsupported protocol version");
            return std::nullopt;
        }
        options.protocol = static_cast<uint8_t>(*protocol);
    }
    for (size_t index = 2; index < context.count();) {
        if (!parse_hello_option(context, index, options)) return std::nullopt;
    }
    return options;
}

void reply_hello(Context& context) {
    resp::ReplyWriter& reply = context.reply;
    reply.map(7);
    reply.bulk("server");
    reply.bulk("redis");
    reply.bulk("version");
    reply.bulk(kVersion);
    reply.bulk("proto");
    reply.integer(context.session.protocol.load(kRelaxed));
    reply.bulk("id");
    reply.integer(static_cast<int64_t>(context.session.id));
    reply.bulk("mode");
    reply.bulk("standalone");
    reply.bulk("role");
    reply.bulk("master");
    reply.bulk("modules");
    reply.array(0);
}

void set_protocol(Context& context, uint8_t protocol) {
    context.session.protocol.store(protocol, kRelaxed);
    context.reply.set_protocol(static_cast<resp::Protocol>(protocol));
}

void hello(Context& context) {
    const auto options = parse_hello(context);
    if (!options) return;
    if (options->user && !authenticate(context, *options->user, options->password)) return;
    if (!context.session.is_authenticated.load(kRelaxed)) return context.error(kHelloNeedsAuth);
    if (options->name) {
        context.services.clients.set_text(&Session::name, context.session, *options->name);
    }
    if (options->protocol) set_protocol(context, *options->protocol);
    reply_hello(context);
}

void echo(Context& context) { context.reply.bulk(context.argument(1)); }

void ping(Context& context) {
    if (context.count() > 2) {
        return context.error("ERR wrong number of arguments for 'ping' command");
    }
    const Session& session = context.session;
    if (session.mode(Session::kSubscribed) && session.protocol.load(kRelaxed) == 2) {
        // In the form of a message, which is all a subscriber expects.
        context.reply.array(2);
        context.reply.bulk("pong");
        return context.reply.bulk(context.count() == 2 ? context.argument(1) : "");
    }
    if (context.count() == 2) return context.reply.bulk(context.argument(1));
    context.reply.simple("PONG");
}

void quit(Context& context) {
    context.reply.ok();
    context.session.close_after_reply = true;
}

/// Back to what a new connection is. The library's name and version stay: it is still the same
/// library.
void reset(Context& context) {
    Session& session = context.session;
    discard_transaction(session, context.services);
    roll_back(session, context.services.executor);
    end_tracking(session, context.services.dataset, context.services.executor);
    context.services.dataset.pubsub().leave(session.subscriber, SIZE_MAX);
    session.set_mode(Session::kSubscribed | Session::kMonitoring, false);
    session.database.store(0, kRelaxed);
    session.no_evict.store(false, kRelaxed);
    session.no_touch.store(false, kRelaxed);
    session.is_authenticated.store(context.services.configuration.password().empty(), kRelaxed);
    // A reply that was to be skipped still is.
    if (session.reply_mode == ReplyMode::off) session.reply_mode = ReplyMode::on;
    context.services.clients.set_text(&Session::name, session, {});
    set_protocol(context, 2);
    context.reply.simple("RESET");
}

void select(Context& context) {
    const auto database = context.database(1);
    if (!database) return;
    context.session.database.store(*database, kRelaxed);
    context.reply.ok();
}

constexpr uint32_t kBeforeAuth =
    flag::noscript | flag::loading | flag::stale | flag::fast | flag::no_auth | flag::allow_busy;

constexpr CommandSpec kConnectionCommands[] = {
    {.name = "auth",
     .handler = auth,
     .arity = -2,
     .flags = kBeforeAuth,
     .group = Group::connection,
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "[username] password",
     .summary = "Authenticates the connection."},
    {.name = "hello",
     .handler = hello,
     .arity = -1,
     .flags = kBeforeAuth,
     .group = Group::connection,
     .since = "6.0.0",
     .complexity = "O(1)",
     .syntax = "[protover [AUTH username password] [SETNAME clientname]]",
     .summary = "Greets the server: chooses the protocol, authenticates and names the connection."},
    {.name = "echo",
     .handler = echo,
     .arity = 2,
     .flags = flag::loading | flag::stale | flag::fast,
     .group = Group::connection,
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "message",
     .summary = "Returns the string it was given."},
    {.name = "ping",
     .handler = ping,
     .arity = -1,
     .flags = flag::fast,
     .group = Group::connection,
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "[message]",
     .summary = "Says that the server is alive.",
     .tips = "request_policy:all_shards response_policy:all_succeeded"},
    {.name = "quit",
     .handler = quit,
     .arity = -1,
     .flags = kBeforeAuth,
     .group = Group::connection,
     .since = "1.0.0",
     .complexity = "O(1)",
     .summary = "Closes the connection once its replies are sent.",
     .deprecated_since = "7.2.0",
     .replaced_by = "just closing the connection"},
    {.name = "reset",
     .handler = reset,
     .arity = 1,
     .flags = kBeforeAuth,
     .group = Group::connection,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Makes the connection as it was when it was new."},
    {.name = "select",
     .handler = select,
     .arity = 2,
     .flags = flag::loading | flag::stale | flag::fast,
     .group = Group::connection,
     .since = "1.0.0",
     .complexity = "O(1)",
     .syntax = "index",
     .summary = "Chooses the database of the connection."},
};

}  // namespace

bool is_password(const Configuration& configuration, std::string_view text) {
    const std::string secret = configuration.password();
    return !secret.empty() && equal_in_constant_time(secret, text);
}

std::span<const CommandSpec> connection_commands() { return kConnectionCommands; }

}  // namespace gyre::commands
