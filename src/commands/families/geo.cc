// SPDX-License-Identifier: BSD-3-Clause

// Places on earth, as members of sorted sets (types/geo.h): GEOADD, GEOPOS, GEOHASH, GEODIST.
// Searches stand in geo_search.cc.
//
// Threads: home reactor, under the locks of the keys.

#include <optional>
#include <string_view>
#include <vector>

#include "commands/families/geo_options.h"
#include "commands/families/zset_value.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

struct Place {
    double score;
    std::string_view member;
};

/// The triples behind the options. nullopt: something is wrong, and the reply says so.
std::optional<std::vector<Place>> read_places(Context& context, size_t first) {
    std::vector<Place> places;
    for (size_t at = first; at < context.count(); at += 3) {
        const auto point = read_point(context, at);
        if (!point) return std::nullopt;
        places.push_back({static_cast<double>(types::geo_score(*point)), context.argument(at + 2)});
    }
    return places;
}

void geoadd(Context& context) {
    bool nx = false;
    bool xx = false;
    bool ch = false;
    size_t first = 2;
    for (; first < context.count(); ++first) {
        if (context.is(first, "NX")) {
            nx = true;
        } else if (context.is(first, "XX")) {
            xx = true;
        } else if (context.is(first, "CH")) {
            ch = true;
        } else {
            break;
        }
    }
    const size_t rest = context.count() - first;
    if (rest == 0 || rest % 3 != 0 || (nx && xx)) return context.error(errors::kSyntax);
    const auto places = read_places(context, first);
    if (!places) return;
    auto zset = write_zset(context);
    if (!zset) return;
    int64_t added = 0;
    int64_t updated = 0;
    for (const Place& place : *places) {
        zset->update(place.member, [&](std::optional<double> present) -> std::optional<double> {
            if (present ? nx || *present == place.score : xx) return std::nullopt;
            ++(present ? updated : added);
            return place.score;
        });
    }
    if (added + updated > 0) zset->settle("zadd");
    context.reply.integer(added + (ch ? updated : 0));
}

void geopos(Context& context) {
    const auto zset = read_zset(context);
    if (!zset) return;
    context.reply.array(static_cast<int64_t>(context.count() - 2));
    for (size_t at = 2; at < context.count(); ++at) {
        const auto score = zset->score(context.argument(at));
        if (score) {
            reply_point(context.reply, point_of(*score));
        } else {
            context.reply.null_array();
        }
    }
}

void geohash(Context& context) {
    const auto zset = read_zset(context);
    if (!zset) return;
    context.reply.array(static_cast<int64_t>(context.count() - 2));
    for (size_t at = 2; at < context.count(); ++at) {
        const auto score = zset->score(context.argument(at));
        if (score) {
            context.reply.bulk(types::geo_hash(point_of(*score)));
        } else {
            context.reply.null();
        }
    }
}

void geodist(Context& context) {
    double unit = 1;
    if (context.count() > 5) return context.error(errors::kSyntax);
    if (context.count() == 5) {
        const auto metres = read_unit(context, 4);
        if (!metres) return;
        unit = *metres;
    }
    const auto zset = read_zset(context);
    if (!zset) return;
    const auto from = zset->score(context.argument(2));
    const auto to = zset->score(context.argument(3));
    if (!from || !to) return context.reply.null();
    reply_distance(context.reply, types::geo_distance(point_of(*from), point_of(*to)) / unit);
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;

constexpr CommandSpec kGeoCommands[] = {
    {.name = "geoadd",
     .handler = geoadd,
     .arity = -5,
     .flags = flag::write | flag::denyoom,
     .group = Group::geo,
     .keys = one_key(key_flag::rw | key_flag::update),
     .since = "3.2.0",
     .complexity = "O(log(N)) for each member.",
     .syntax = "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
     .summary = "Adds members with their places to a sorted set."},
    {.name = "geopos",
     .handler = geopos,
     .arity = -2,
     .flags = flag::readonly,
     .group = Group::geo,
     .keys = one_key(kReads),
     .since = "3.2.0",
     .complexity = "O(1) for each member.",
     .syntax = "key [member [member ...]]",
     .summary = "Returns longitude and latitude of members."},
    {.name = "geohash",
     .handler = geohash,
     .arity = -2,
     .flags = flag::readonly,
     .group = Group::geo,
     .keys = one_key(kReads),
     .since = "3.2.0",
     .complexity = "O(1) for each member.",
     .syntax = "key [member [member ...]]",
     .summary = "Returns the places of members as geohash strings."},
    {.name = "geodist",
     .handler = geodist,
     .arity = -4,
     .flags = flag::readonly,
     .group = Group::geo,
     .keys = one_key(kReads),
     .since = "3.2.0",
     .complexity = "O(1)",
     .syntax = "key member1 member2 [M | KM | FT | MI]",
     .summary = "Returns the distance between two members."},
};

}  // namespace

std::span<const CommandSpec> geo_commands() { return kGeoCommands; }

}  // namespace gyre::commands
