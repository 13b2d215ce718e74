// SPDX-License-Identifier: BSD-3-Clause
#include "commands/families/geo_options.h"

#include <fmt/format.h>

#include "base/numbers.h"

namespace gyre::commands {
namespace {

constexpr double kKilometre = 1000;
constexpr double kFoot = 0.3048;
constexpr double kMile = 1609.34;

}  // namespace

std::optional<types::GeoPoint> read_point(Context& context, size_t at) {
    const auto longitude = base::parse_double(context.argument(at));
    const auto latitude = longitude ? base::parse_double(context.argument(at + 1)) : std::nullopt;
    if (!latitude) {
        context.error(errors::kNotFloat);
        return std::nullopt;
    }
    const types::GeoPoint point{*longitude, *latitude};
    if (point.is_valid()) return point;
    context.error(fmt::format("ERR invalid longitude,latitude pair {:f},{:f}", point.longitude,
                              point.latitude));
    return std::nullopt;
}

std::optional<double> read_unit(Context& context, size_t at) {
    // Redis compares up to a NUL.
    const std::string_view text = context.argument(at).substr(0, context.argument(at).find('\0'));
    if (base::equals_ignore_case(text, "M")) return 1;
    if (base::equals_ignore_case(text, "KM")) return kKilometre;
    if (base::equals_ignore_case(text, "FT")) return kFoot;
    if (base::equals_ignore_case(text, "MI")) return kMile;
    context.error("ERR unsupported unit provided. please use M, KM, FT, MI");
    return std::nullopt;
}

types::GeoPoint point_of(double score) {
    // Any sorted set may be asked, with any scores. What no integer can be is what Redis' cast
    // makes of it on x86-64.
    constexpr double kHalf = 9223372036854775808.0;  // 2^63
    if (score >= 2 * kHalf) return types::geo_point(0);
    if (score >= kHalf) return types::geo_point(static_cast<uint64_t>(score));
    return types::geo_point(score >= -kHalf ? static_cast<uint64_t>(static_cast<int64_t>(score))
                                            : uint64_t{1} << 63);
}

void reply_distance(resp::ReplyWriter& reply, double distance) {
    reply.bulk(fmt::format("{:.4f}", distance));
}

void reply_point(resp::ReplyWriter& reply, const types::GeoPoint& point) {
    reply.array(2);
    reply.real_text(base::format_long_double_human(point.longitude));
    reply.real_text(base::format_long_double_human(point.latitude));
}

}  // namespace gyre::commands
