// SPDX-License-Identifier: BSD-3-Clause
#include "http/command_rule.h"

#include <algorithm>
#include <span>
#include <string_view>

namespace gyre::http {
namespace {

/// Of the connection group, those that only look or speak of other clients.
constexpr std::string_view kHarmless[] = {"ping", "echo",    "list",        "info",    "id",
                                          "kill", "getname", "pause",       "unpause", "unblock",
                                          "help", "client",  "trackinginfo"};
constexpr std::string_view kListening[] = {
    "subscribe",    "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe",
    "sunsubscribe", "monitor",     "sync",       "psync",        "replconf"};

bool contains(std::span<const std::string_view> names, std::string_view name) {
    return std::ranges::find(names, name) != names.end();
}

}  // namespace

bool is_about_connection(const commands::CommandSpec& spec) {
    if (contains(kListening, spec.name)) return true;
    if (spec.group == commands::Group::transactions) return spec.name != "batch";
    return spec.group == commands::Group::connection && !contains(kHarmless, spec.name);
}

}  // namespace gyre::http
