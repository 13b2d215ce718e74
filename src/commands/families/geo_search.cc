// SPDX-License-Identifier: BSD-3-Clause

// Searches for places: GEOSEARCH, GEOSEARCHSTORE and the older GEORADIUS commands, which share
// their options as far as Redis has them.
//
// Threads: home reactor, under the locks of the keys.

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "base/numbers.h"
#include "base/stable_sort.h"
#include "commands/families/collection.h"
#include "commands/families/geo_options.h"
#include "commands/families/zset_value.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using containers::RankedSet;
using types::GeoArea;
using types::GeoPoint;

enum class Form : uint8_t { coordinates, member, search, search_store };
enum class Sort : uint8_t { none, nearest, farthest };
enum class From : uint8_t { nothing, member, coordinates };

struct Search {
    Form form = Form::search;
    bool may_store = false;  ///< the older commands but for their _RO forms
    size_t options_at = 2;
    const store::Key* target = nullptr;
    bool stores_distance = false;
    GeoArea area;
    double unit = 1;
    From from = From::nothing;  ///< of GEOSEARCH's options
    bool has_shape = false;
    bool with_distance = false;
    bool with_hash = false;
    bool with_point = false;
    bool is_any = false;
    int64_t count = 0;  ///< 0: all
    Sort sort = Sort::none;

    bool is_search() const { return form == Form::search || form == Form::search_store; }
    bool has_extras() const { return with_distance || with_hash || with_point; }
};

/// A number that is not negative, with the texts Redis has for others.
std::optional<double> read_length(Context& context, size_t at, std::string_view not_number) {
    const auto length = base::parse_double(context.argument(at));
    if (!length) context.error(not_number);
    return length;
}

/// Radius and unit, from argument `at` on.
bool read_radius(Context& context, size_t at, Search& search) {
    const auto radius = read_length(context, at, "ERR need numeric radius");
    if (!radius) return false;
    if (*radius < 0) {
        context.error("ERR radius cannot be negative");
        return false;
    }
    const auto unit = read_unit(context, at + 1);
    if (!unit) return false;
    search.unit = *unit;
    search.area.is_circle = true;
    search.area.radius = *radius * *unit;
    search.has_shape = true;
    return true;
}

bool read_box(Context& context, size_t at, Search& search) {
    const auto width = read_length(context, at, "ERR need numeric width");
    if (!width) return false;
    const auto height = read_length(context, at + 1, "ERR need numeric height");
    if (!height) return false;
    if (*height < 0 || *width < 0) {
        context.error("ERR height or width cannot be negative");
        return false;
    }
    const auto unit = read_unit(context, at + 2);
    if (!unit) return false;
    search.unit = *unit;
    search.area.is_circle = false;
    search.area.width = *width * *unit;
    search.area.height = *height * *unit;
    search.has_shape = true;
    return true;
}

bool read_center(Context& context, size_t at, Search& search) {
    const auto point = read_point(context, at);
    if (point) search.area.center = *point;
    return point.has_value();
}

bool read_member(Context& context, size_t at, const ZsetValue& zset, Search& search) {
    if (zset.size() == 0) return true;
    const auto score = zset.score(context.argument(at));
    if (score) {
        search.area.center = point_of(*score);
        return true;
    }
    context.error("ERR could not decode requested zset member");
    return false;
}

const store::Key* key_at(Context& context, size_t at) {
    for (const store::Key& key : context.keys) {
        if (key.bytes == context.argument(at)) return &key;
    }
    return nullptr;
}

/// What GEOSEARCH has in place of fixed arguments. nullopt: it is none of these.
std::optional<bool> read_search_option(Context& context, size_t& at, const ZsetValue& zset,
                                       Search& search, bool& by_box) {
    const size_t left = context.count() - at - 1;
    const size_t here = at;
    // Given twice, the last counts; but not one where the other stands already.
    if (left >= 1 && context.is(here, "FROMMEMBER") && search.from != From::coordinates) {
        at += 1;
        search.from = From::member;
        return read_member(context, here + 1, zset, search);
    }
    if (left >= 2 && context.is(here, "FROMLONLAT") && search.from != From::member) {
        at += 2;
        search.from = From::coordinates;
        return read_center(context, here + 1, search);
    }
    if (left >= 2 && context.is(here, "BYRADIUS") && !by_box) {
        at += 2;
        return read_radius(context, here + 1, search);
    }
    if (left >= 3 && context.is(here, "BYBOX") && (by_box || !search.has_shape)) {
        at += 3;
        by_box = true;
        return read_box(context, here + 1, search);
    }
    if (search.form == Form::search_store && context.is(here, "STOREDIST")) {
        search.stores_distance = true;
        return true;
    }
    return std::nullopt;
}

/// Options that are one word. False: it is none.
bool read_word(const Context& context, size_t at, Search& search) {
    if (context.is(at, "WITHDIST")) {
        search.with_distance = true;
    } else if (context.is(at, "WITHHASH")) {
        search.with_hash = true;
    } else if (context.is(at, "WITHCOORD")) {
        search.with_point = true;
    } else if (context.is(at, "ANY")) {
        search.is_any = true;
    } else if (context.is(at, "ASC")) {
        search.sort = Sort::nearest;
    } else if (context.is(at, "DESC")) {
        search.sort = Sort::farthest;
    } else {
        return false;
    }
    return true;
}

bool read_count(Context& context, size_t at, Search& search) {
    const auto count = context.integer(at);
    if (!count) return false;
    search.count = *count;
    if (*count > 0) return true;
    context.error("ERR COUNT must be > 0");
    return false;
}

bool read_options(Context& context, const ZsetValue& zset, Search& search) {
    bool by_box = false;
    for (size_t at = search.options_at; at < context.count(); ++at) {
        if (read_word(context, at, search)) continue;
        const bool has_value = at + 1 < context.count();
        if (has_value && context.is(at, "COUNT")) {
            if (!read_count(context, ++at, search)) return false;
            continue;
        }
        const bool stores = context.is(at, "STORE");
        if (has_value && search.may_store && (stores || context.is(at, "STOREDIST"))) {
            search.stores_distance = !stores;
            search.target = key_at(context, ++at);
            continue;
        }
        const auto taken = search.is_search()
                               ? read_search_option(context, at, zset, search, by_box)
                               : std::nullopt;
        if (!taken) context.error(errors::kSyntax);
        if (!taken || !*taken) return false;
    }
    return true;
}

/// Options that do not go together. False: the reply says so.
bool check_options(Context& context, const Search& search) {
    const std::string name = base::escape_for_error(context.argument(0));
    if (search.target != nullptr && search.has_extras()) {
        context.error(fmt::format(
            "ERR {} is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            search.form == Form::search_store ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS"));
    } else if (search.is_search() && search.from == From::nothing) {
        context.error(fmt::format(
            "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for {}", name));
    } else if (search.is_search() && !search.has_shape) {
        context.error(
            fmt::format("ERR exactly one of BYRADIUS and BYBOX can be specified for {}", name));
    } else if (search.is_any && search.count == 0) {
        context.error("ERR the ANY argument requires COUNT argument");
    } else {
        return true;
    }
    return false;
}

struct Hit {
    std::string member;
    double score;
    double distance;  ///< metres
    GeoPoint point;
};

/// What lies in the area, in the order of the squares; with ANY no more than wanted.
std::vector<Hit> find_hits(const ZsetValue& zset, const Search& search) {
    std::vector<Hit> hits;
    const size_t enough = search.is_any ? static_cast<size_t>(search.count) : SIZE_MAX;
    const types::GeoCover cover = types::geo_cover(search.area);
    for (size_t i = 0; i < cover.count && hits.size() < enough; ++i) {
        const types::GeoRange& range = cover.ranges[i];
        const size_t begin =
            zset.count_before({static_cast<double>(range.begin), Edge::Kind::before_score, {}});
        const size_t end =
            zset.count_before({static_cast<double>(range.end), Edge::Kind::before_score, {}});
        zset.visit(begin, end, false, [&](std::string_view member, double score) {
            if (hits.size() >= enough) return;
            const GeoPoint point = point_of(score);
            if (const auto distance = search.area.distance_within(point)) {
                hits.push_back({std::string(member), score, *distance, point});
            }
        });
    }
    return hits;
}

void sort_hits(std::vector<Hit>& hits, Sort sort) {
    if (sort == Sort::none) return;
    base::stable_sort(hits, [sort](const Hit& left, const Hit& right) {
        return sort == Sort::nearest ? left.distance < right.distance
                                     : left.distance > right.distance;
    });
}

void reply_hits(Context& context, const Search& search, const std::vector<Hit>& hits) {
    const int64_t extras =
        int64_t{search.with_distance} + int64_t{search.with_hash} + int64_t{search.with_point};
    context.reply.array(static_cast<int64_t>(hits.size()));
    for (const Hit& hit : hits) {
        if (extras > 0) context.reply.array(extras + 1);
        context.reply.bulk(hit.member);
        if (search.with_distance) reply_distance(context.reply, hit.distance / search.unit);
        if (search.with_hash) context.reply.integer(static_cast<int64_t>(hit.score));
        if (search.with_point) reply_point(context.reply, hit.point);
    }
}

void store_hits(Context& context, const Search& search, const std::vector<Hit>& hits) {
    auto result = std::unique_ptr<types::SortedSet>(new types::SortedSet());
    for (const Hit& hit : hits) {
        result->set.insert(hit.member, RankedSet::hash(hit.member),
                           search.stores_distance ? hit.distance / search.unit : hit.score);
    }
    ZsetValue::store(context.keyspace, *search.target, std::move(result),
                     search.is_search() ? "geosearchstore" : "georadiusstore");
    context.reply.integer(static_cast<int64_t>(hits.size()));
}

/// The arguments that the older commands have in fixed places.
bool read_fixed(Context& context, const ZsetValue& zset, Search& search) {
    if (search.form == Form::coordinates) {
        return read_center(context, 2, search) && read_radius(context, 4, search);
    }
    if (search.form != Form::member || zset.size() == 0) return true;
    return read_member(context, 2, zset, search) && read_radius(context, 3, search);
}

void run(Context& context, Search search) {
    const bool is_stored = search.form == Form::search_store;
    const auto zset = read_zset(context, is_stored ? 1 : 0);
    if (!zset) return;
    if (is_stored) search.target = &context.keys[0];
    if (!read_fixed(context, *zset, search)) return;
    if (!read_options(context, *zset, search) || !check_options(context, search)) return;
    if (zset->size() == 0) {
        if (search.target == nullptr) return context.reply.array(0);
        return store_hits(context, search, {});
    }
    if (search.count > 0 && search.sort == Sort::none && !search.is_any) {
        search.sort = Sort::nearest;
    }
    std::vector<Hit> hits = find_hits(*zset, search);
    sort_hits(hits, search.sort);
    if (search.count > 0 && hits.size() > static_cast<size_t>(search.count)) {
        hits.resize(static_cast<size_t>(search.count));
    }
    if (search.target != nullptr) {
        store_hits(context, search, hits);
    } else {
        reply_hits(context, search, hits);
    }
}

void georadius(Context& context) {
    run(context, {.form = Form::coordinates, .may_store = true, .options_at = 6});
}
void georadius_ro(Context& context) { run(context, {.form = Form::coordinates, .options_at = 6}); }
void georadiusbymember(Context& context) {
    run(context, {.form = Form::member, .may_store = true, .options_at = 5});
}
void georadiusbymember_ro(Context& context) {
    run(context, {.form = Form::member, .options_at = 5});
}
void geosearch(Context& context) { run(context, {.form = Form::search, .options_at = 2}); }
void geosearchstore(Context& context) {
    run(context, {.form = Form::search_store, .options_at = 3});
}

/// One, if a target is named that is missing and the source is there.
int64_t radius_new_keys(Context& context) {
    if (context.keys.size() < 2 || context.keyspace.peek(context.keys[0]) == nullptr) return 0;
    return context.keyspace.peek(context.keys.back()) == nullptr ? 1 : 0;
}

int64_t search_new_keys(Context& context) {
    return context.keyspace.peek(context.keys[0]) == nullptr &&
                   context.keyspace.peek(context.keys[1]) != nullptr
               ? 1
               : 0;
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr uint16_t kStores = key_flag::ow | key_flag::update;

/// Where the target stands that read_options() takes, the last of all, if this is the word before
/// it; 0 otherwise.
template <size_t kOptionsAt, bool kIsDistance>
uint32_t target_at(std::span<const std::string_view> arguments) {
    uint32_t found = 0;
    for (size_t at = kOptionsAt; at + 1 < arguments.size(); ++at) {
        const bool stores = base::equals_ignore_case(arguments[at], "STORE");
        if (stores || base::equals_ignore_case(arguments[at], "STOREDIST")) {
            ++at;
            found = stores == kIsDistance ? 0 : static_cast<uint32_t>(at);
        } else if (base::equals_ignore_case(arguments[at], "COUNT")) {
            ++at;
        }
    }
    return found;
}

template <size_t kOptionsAt>
constexpr KeySpecs radius_keys() {
    constexpr auto kAt = static_cast<int16_t>(kOptionsAt);
    return {{KeySpec{kReads, 1, KeySpec::Find::range, 0, 1, 0, {}},
             KeySpec{kStores, kAt, KeySpec::Find::range, 0, 1, 0, "STORE",
                     target_at<kOptionsAt, false>},
             KeySpec{kStores, kAt, KeySpec::Find::range, 0, 1, 0, "STOREDIST",
                     target_at<kOptionsAt, true>}},
            3};
}

constexpr std::string_view kSearchCost =
    "O(N+log(M)) with N members in the squares that cover the area and M in the set.";
constexpr std::string_view kOldReplacement =
    "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument";

constexpr CommandSpec kGeoSearchCommands[] = {
    {.name = "georadius",
     .handler = georadius,
     .arity = -6,
     .flags = flag::write | flag::denyoom | flag::movablekeys,
     .group = Group::geo,
     .keys = radius_keys<6>(),
     .since = "3.2.0",
     .complexity = kSearchCost,
     .syntax = "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] "
               "[WITHHASH] [COUNT count [ANY]] [ASC | DESC] [STORE storekey] [STOREDIST storekey]",
     .summary = "Returns or stores the members in a circle around a place.",
     .new_keys = radius_new_keys,
     .deprecated_since = "6.2.0",
     .replaced_by = kOldReplacement},
    {.name = "georadius_ro",
     .handler = georadius_ro,
     .arity = -6,
     .flags = flag::readonly,
     .group = Group::geo,
     .keys = one_key(kReads),
     .since = "3.2.10",
     .complexity = kSearchCost,
     .syntax = "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] "
               "[WITHHASH] [COUNT count [ANY]] [ASC | DESC]",
     .summary = "Returns the members in a circle around a place.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument"},
    {.name = "georadiusbymember",
     .handler = georadiusbymember,
     .arity = -5,
     .flags = flag::write | flag::denyoom | flag::movablekeys,
     .group = Group::geo,
     .keys = radius_keys<5>(),
     .since = "3.2.0",
     .complexity = kSearchCost,
     .syntax = "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] "
               "[COUNT count [ANY]] [ASC | DESC] [STORE storekey] [STOREDIST storekey]",
     .summary = "Returns or stores the members in a circle around a member.",
     .new_keys = radius_new_keys,
     .deprecated_since = "6.2.0",
     .replaced_by =
         "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"},
    {.name = "georadiusbymember_ro",
     .handler = georadiusbymember_ro,
     .arity = -5,
     .flags = flag::readonly,
     .group = Group::geo,
     .keys = one_key(kReads),
     .since = "3.2.10",
     .complexity = kSearchCost,
     .syntax = "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] "
               "[COUNT count [ANY]] [ASC | DESC]",
     .summary = "Returns the members in a circle around a member.",
     .deprecated_since = "6.2.0",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"},
    {.name = "geosearch",
     .handler = geosearch,
     .arity = -7,
     .flags = flag::readonly,
     .group = Group::geo,
     .keys = one_key(kReads),
     .since = "6.2.0",
     .complexity = kSearchCost,
     .syntax = "key <FROMMEMBER member | FROMLONLAT longitude latitude> "
               "<BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> "
               "[ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
     .summary = "Returns the members in a circle or a box."},
    {.name = "geosearchstore",
     .handler = geosearchstore,
     .arity = -8,
     .flags = flag::write | flag::denyoom,
     .group = Group::geo,
     .keys = two_keys(key_flag::ow | key_flag::update, kReads),
     .since = "6.2.0",
     .complexity = kSearchCost,
     .syntax = "destination source <FROMMEMBER member | FROMLONLAT longitude latitude> "
               "<BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> "
               "[ASC | DESC] [COUNT count [ANY]] [STOREDIST]",
     .summary = "Stores the members in a circle or a box as a sorted set.",
     .new_keys = search_new_keys},
};

}  // namespace

std::span<const CommandSpec> geo_search_commands() { return kGeoSearchCommands; }

}  // namespace gyre::commands
