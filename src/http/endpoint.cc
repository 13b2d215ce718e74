// SPDX-License-Identifier: BSD-3-Clause
#include "http/endpoint.h"

#include <algorithm>

namespace gyre::http {
namespace {

/// Whether the segments are those of the path; `key` is what stands for the part in braces.
bool matches(std::string_view path, const Target& target, std::string_view& key) {
    for (const std::string& segment : target.segments) {
        if (path.empty()) return false;
        path.remove_prefix(1);
        const std::string_view part = path.substr(0, path.find('/'));
        path.remove_prefix(part.size());
        if (part.starts_with('{')) {
            key = segment;
        } else if (part != segment) {
            return false;
        }
    }
    return path.empty();
}

void add_method(std::string& list, std::string_view name) {
    if (!list.empty()) list += ", ";
    list += name;
}

}  // namespace

std::vector<const Endpoint*> endpoints() {
    std::vector<const Endpoint*> all;
    for (const auto family : {service_endpoints(), key_endpoints(), command_endpoints(),
                              subscribe_endpoints(), origin_endpoints()}) {
        for (const Endpoint& one : family) all.push_back(&one);
    }
    return all;
}

bool Endpoint::knows_parameter(std::string_view name) const {
    if (has(endpoint_flag::any_query) || (name == "db" && takes_database())) return true;
    return std::ranges::any_of(
        parameters, [name](const Parameter& one) { return !one.is_field && one.name == name; });
}

Route find_route(Method method, const Target& target) {
    static const std::vector<const Endpoint*> kAll = endpoints();
    const Method wanted = method == Method::head ? Method::get : method;
    Route route;
    for (const Endpoint* endpoint : kAll) {
        std::string_view key;
        if (target.is_everything || !matches(endpoint->path, target, key)) continue;
        if (endpoint->method == wanted && (method != Method::head || endpoint->has_head())) {
            route.endpoint = endpoint;
            route.key = key;
            return route;
        }
        add_method(route.allowed, method_name(endpoint->method));
        if (endpoint->has_head()) add_method(route.allowed, "HEAD");
    }
    if (!route.allowed.empty()) add_method(route.allowed, "OPTIONS");
    return route;
}

}  // namespace gyre::http
