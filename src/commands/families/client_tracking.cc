// SPDX-License-Identifier: BSD-3-Clause

// CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO: what a client that keeps copies of values
// wants to be told. Order of the checks and texts of the errors are Redis'.
// Threads: home reactor.

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "commands/clients.h"
#include "commands/context.h"
#include "commands/registry.h"
#include "commands/tracking.h"

namespace gyre::commands {
namespace {

/// Of one client: each is compared with each other. It stands in the error too.
constexpr size_t kPrefixesMax = 1000;

struct TrackingWish {
    ClientTracking::Options options;
    std::vector<std::string_view> prefixes;
};

/// False after the error was written.
bool parse_redirect(Context& context, size_t index, ClientTracking::Options& options) {
    if (options.redirect != 0) {
        context.error("ERR A client can only redirect to a single other client");
        return false;
    }
    const auto id = context.integer(index);
    if (!id) return false;
    SessionHome* home =
        *id <= 0 ? nullptr : context.services.clients.find_home(static_cast<uint64_t>(*id));
    if (home == nullptr) {
        context.error("ERR The client ID you want redirect to does not exist");
        return false;
    }
    options.redirect = static_cast<uint64_t>(*id);
    options.redirect_home = home;
    return true;
}

std::optional<TrackingWish> parse_wish(Context& context) {
    TrackingWish wish;
    for (size_t index = 3; index < context.count(); ++index) {
        const bool has_more = index + 1 < context.count();
        if (context.is(index, "REDIRECT") && has_more) {
            if (!parse_redirect(context, ++index, wish.options)) return std::nullopt;
        } else if (context.is(index, "BCAST")) {
            wish.options.is_broadcast = true;
        } else if (context.is(index, "OPTIN")) {
            wish.options.is_optin = true;
        } else if (context.is(index, "OPTOUT")) {
            wish.options.is_optout = true;
        } else if (context.is(index, "NOLOOP")) {
            wish.options.is_quiet = true;
        } else if (context.is(index, "PREFIX") && has_more) {
            wish.prefixes.push_back(context.argument(++index));
        } else {
            context.error(errors::kSyntax);
            return std::nullopt;
        }
    }
    return wish;
}

/// What stands against these options, with those in force; empty: nothing.
std::string_view refusal_of(const TrackingWish& wish, const ClientTracking* present) {
    const ClientTracking::Options& options = wish.options;
    const size_t prefixes = present == nullptr ? 0 : present->prefixes.size();
    if (wish.prefixes.size() + prefixes > kPrefixesMax) {
        return "ERR a client may track 1000 prefixes at most. Track shorter ones";
    }
    if (!options.is_broadcast && !wish.prefixes.empty()) {
        return "ERR PREFIX option requires BCAST mode to be enabled";
    }
    if (present != nullptr && present->options.is_broadcast != options.is_broadcast) {
        return "ERR You can't switch BCAST mode on/off before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    }
    if (options.is_broadcast && (options.is_optin || options.is_optout)) {
        return "ERR OPTIN and OPTOUT are not compatible with BCAST";
    }
    if (options.is_optin && options.is_optout) {
        return "ERR You can't specify both OPTIN mode and OPTOUT mode";
    }
    if (present != nullptr && ((options.is_optin && present->options.is_optout) ||
                               (options.is_optout && present->options.is_optin))) {
        return "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, "
               "and then re-enabling it with a different mode.";
    }
    return {};
}

bool overlap(std::string_view one, std::string_view other) {
    return one.starts_with(other) || other.starts_with(one);
}

std::string overlap_text(std::string_view prefix, std::string_view kind, std::string_view other) {
    return "ERR Prefix '" + std::string(prefix) + "' overlaps with " + std::string(kind) + " '" +
           std::string(other) + "'. Prefixes for a single client must not overlap.";
}

/// Of prefixes with each other or with those there are; empty: none.
std::string find_overlap(const TrackingWish& wish, const ClientTracking* present) {
    for (size_t index = 0; index < wish.prefixes.size(); ++index) {
        const std::string_view prefix = wish.prefixes[index];
        if (present != nullptr) {
            for (const ClientTracking::Text& other : present->prefixes) {
                if (overlap(prefix, other)) {
                    return overlap_text(prefix, "an existing prefix", other);
                }
            }
        }
        for (size_t behind = index + 1; behind < wish.prefixes.size(); ++behind) {
            if (overlap(prefix, wish.prefixes[behind])) {
                return overlap_text(prefix, "another provided prefix", wish.prefixes[behind]);
            }
        }
    }
    return {};
}

void client_tracking(Context& context) {
    const auto wish = parse_wish(context);
    if (!wish) return;
    Session& session = context.session;
    Services& services = context.services;
    if (session.outlet == nullptr) {
        return context.error("ERR this connection gets replies alone. Track over RESP");
    }
    if (context.is(2, "OFF")) {
        end_tracking(session, services.dataset, services.executor);
        return context.reply.ok();
    }
    if (!context.is(2, "ON")) return context.error(errors::kSyntax);
    const ClientTracking* present = session.tracking.get();
    if (const auto text = refusal_of(*wish, present); !text.empty()) return context.error(text);
    if (const auto text = find_overlap(*wish, present); !text.empty()) return context.error(text);
    if (!begin_tracking(session, wish->options, wish->prefixes, services.dataset,
                        services.executor)) {
        return context.error(
            "ERR max number of subscriptions reached, of which tracking needs some. Track fewer "
            "prefixes, or raise maxsubscriptions");
    }
    context.reply.ok();
}

void client_caching(Context& context) {
    ClientTracking* tracking = context.session.tracking.get();
    if (tracking == nullptr) {
        return context.error(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN "
            "or OPTOUT mode enabled");
    }
    if (context.is(2, "YES")) {
        if (!tracking->options.is_optin) {
            return context.error(
                "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.");
        }
    } else if (context.is(2, "NO")) {
        if (!tracking->options.is_optout) {
            return context.error(
                "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.");
        }
    } else {
        return context.error(errors::kSyntax);
    }
    tracking->has_caching = true;
    context.reply.ok();
}

int64_t redirect_of(const Session& session) {
    return session.tracking ? static_cast<int64_t>(session.tracking->options.redirect) : -1;
}

void client_getredir(Context& context) { context.reply.integer(redirect_of(context.session)); }

std::vector<std::string_view> flags_of(const ClientTracking* tracking) {
    if (tracking == nullptr) return {"off"};
    std::vector<std::string_view> flags{"on"};
    const ClientTracking::Options& options = tracking->options;
    if (options.is_broadcast) flags.emplace_back("bcast");
    if (options.is_optin) flags.emplace_back("optin");
    if (options.is_optin && tracking->has_caching) flags.emplace_back("caching-yes");
    if (options.is_optout) flags.emplace_back("optout");
    if (options.is_optout && tracking->has_caching) flags.emplace_back("caching-no");
    if (options.is_quiet) flags.emplace_back("noloop");
    if (tracking->is_broken) flags.emplace_back("broken_redirect");
    return flags;
}

void client_trackinginfo(Context& context) {
    const ClientTracking* tracking = context.session.tracking.get();
    const std::vector<std::string_view> flags = flags_of(tracking);
    context.reply.map(3);
    context.reply.bulk("flags");
    context.reply.set(static_cast<int64_t>(flags.size()));
    for (const std::string_view flag : flags) context.reply.bulk(flag);
    context.reply.bulk("redirect");
    context.reply.integer(redirect_of(context.session));
    context.reply.bulk("prefixes");
    context.reply.array(tracking == nullptr ? 0 : static_cast<int64_t>(tracking->prefixes.size()));
    if (tracking == nullptr) return;
    for (const ClientTracking::Text& prefix : tracking->prefixes) context.reply.bulk(prefix);
}

constexpr uint32_t kPlain = flag::noscript | flag::loading | flag::stale;

constexpr CommandSpec kClientTrackingCommands[] = {
    {.name = "caching",
     .parent = "client",
     .handler = client_caching,
     .arity = 3,
     .flags = kPlain,
     .group = Group::connection,
     .since = "6.0.0",
     .complexity = "O(1)",
     .syntax = "<YES | NO>",
     .summary = "Says whether the keys that the next command reads are tracked."},
    {.name = "getredir",
     .parent = "client",
     .handler = client_getredir,
     .arity = 2,
     .flags = kPlain,
     .group = Group::connection,
     .since = "6.0.0",
     .complexity = "O(1)",
     .summary = "Returns which client is told of the keys that the connection tracks."},
    {.name = "tracking",
     .parent = "client",
     .handler = client_tracking,
     .arity = -3,
     .flags = kPlain,
     .group = Group::connection,
     .since = "6.0.0",
     .complexity = "O(1), or O(N) with N the number of prefixes.",
     .syntax = "<ON | OFF> [REDIRECT client-id] [PREFIX prefix [PREFIX prefix ...]] [BCAST] "
               "[OPTIN] [OPTOUT] [NOLOOP]",
     .summary =
         "Says whether the connection is told when keys change of which it may keep copies."},
    {.name = "trackinginfo",
     .parent = "client",
     .handler = client_trackinginfo,
     .arity = 2,
     .flags = kPlain,
     .group = Group::connection,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Describes how the connection tracks keys."},
};

}  // namespace

std::span<const CommandSpec> client_tracking_commands() { return kClientTrackingCommands; }

}  // namespace gyre::commands
