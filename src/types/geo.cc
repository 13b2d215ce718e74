// SPDX-License-Identifier: BSD-3-Clause
#include "types/geo.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace gyre::types {
namespace {

constexpr unsigned kSteps = 26;
constexpr double kEarthRadius = 6372797.560856;
/// Half the map's edge in metres.
constexpr double kMercatorMax = 20037726.37;
constexpr double kPi = 3.14159265358979323846;

double radians(double degrees) { return degrees * (kPi / 180.0); }
double degrees(double radians) { return radians / (kPi / 180.0); }

struct Range {
    double low;
    double high;
};
constexpr Range kLongitudes{-kLongitudeMax, kLongitudeMax};
constexpr Range kLatitudes{-kLatitudeMax, kLatitudeMax};

uint64_t spread(uint64_t bits) {
    bits &= 0xFFFFFFFF;
    bits = (bits | bits << 16) & 0x0000FFFF0000FFFF;
    bits = (bits | bits << 8) & 0x00FF00FF00FF00FF;
    bits = (bits | bits << 4) & 0x0F0F0F0F0F0F0F0F;
    bits = (bits | bits << 2) & 0x3333333333333333;
    return (bits | bits << 1) & 0x5555555555555555;
}

uint32_t gather(uint64_t bits) {
    bits &= 0x5555555555555555;
    bits = (bits | bits >> 1) & 0x3333333333333333;
    bits = (bits | bits >> 2) & 0x0F0F0F0F0F0F0F0F;
    bits = (bits | bits >> 4) & 0x00FF00FF00FF00FF;
    bits = (bits | bits >> 8) & 0x0000FFFF0000FFFF;
    return static_cast<uint32_t>(bits | bits >> 16);
}

/// A square of the map: its column and row among 2^steps.
struct Square {
    uint32_t column = 0;
    uint32_t row = 0;
    unsigned steps = 0;

    uint64_t bits() const { return spread(row) | spread(column) << 1; }
    double side() const { return static_cast<double>(uint64_t{1} << steps); }
    /// Round the globe; in a direction in which there is no step, a place on the very edge stays.
    Square moved(int columns, int rows) const {
        return {columns == 0 ? column : wrapped(column, columns), row_moved(rows), steps};
    }
    Range longitudes() const { return part(kLongitudes, column); }
    Range latitudes() const { return part(kLatitudes, row); }

private:
    uint32_t wrapped(uint32_t index, int by) const {
        return (index + static_cast<uint32_t>(by)) &
               static_cast<uint32_t>((uint64_t{1} << steps) - 1);
    }
    uint32_t row_moved(int rows) const { return rows == 0 ? row : wrapped(row, rows); }
    Range part(const Range& whole, uint32_t index) const {
        const double scale = whole.high - whole.low;
        return {whole.low + (index * 1.0 / side()) * scale,
                whole.low + ((index + 1) * 1.0 / side()) * scale};
    }
};

uint32_t step_of(double value, const Range& range, unsigned steps) {
    const double offset = (value - range.low) / (range.high - range.low);
    return static_cast<uint32_t>(offset * static_cast<double>(uint64_t{1} << steps));
}

Square square_of(const GeoPoint& point, unsigned steps, const Range& latitudes) {
    return {step_of(point.longitude, kLongitudes, steps), step_of(point.latitude, latitudes, steps),
            steps};
}

/// Steps at which nine squares are likely to hold a circle of this radius.
unsigned steps_for(double radius, double latitude) {
    if (radius == 0) return kSteps;
    int steps = 1;
    while (radius < kMercatorMax) {
        radius *= 2;
        ++steps;
    }
    steps -= 2;
    // Towards the poles squares become narrow.
    if (latitude > 66 || latitude < -66) --steps;
    if (latitude > 80 || latitude < -80) --steps;
    return static_cast<unsigned>(std::clamp(steps, 1, static_cast<int>(kSteps)));
}

struct Bounds {
    double west;
    double south;
    double east;
    double north;
};

Bounds bounds_of(const GeoArea& area) {
    const double height = area.is_circle ? area.radius : area.height / 2;
    const double width = area.is_circle ? area.radius : area.width / 2;
    const GeoPoint& center = area.center;
    const double rise = degrees(height / kEarthRadius);
    const double edge = center.latitude < 0 ? center.latitude - rise : center.latitude + rise;
    const double run = degrees(width / kEarthRadius / std::cos(radians(edge)));
    return {center.longitude - run, center.latitude - rise, center.longitude + run,
            center.latitude + rise};
}

double latitude_distance(double from, double to) {
    return kEarthRadius * std::fabs(radians(to) - radians(from));
}

/// True when the squares around leave a part of the area out.
bool is_too_small(const Square& middle, const Bounds& bounds) {
    return middle.moved(0, 1).latitudes().high < bounds.north ||
           middle.moved(0, -1).latitudes().low > bounds.south ||
           middle.moved(1, 0).longitudes().high < bounds.east ||
           middle.moved(-1, 0).longitudes().low > bounds.west;
}

}  // namespace

uint64_t geo_score(const GeoPoint& point) { return square_of(point, kSteps, kLatitudes).bits(); }

GeoPoint geo_point(uint64_t score) {
    const Square square{gather(score >> 1), gather(score), kSteps};
    const Range longitudes = square.longitudes();
    const Range latitudes = square.latitudes();
    return {std::clamp((longitudes.low + longitudes.high) / 2, -kLongitudeMax, kLongitudeMax),
            std::clamp((latitudes.low + latitudes.high) / 2, -kLatitudeMax, kLatitudeMax)};
}

double geo_distance(const GeoPoint& from, const GeoPoint& to) {
    const double v = std::sin((radians(to.longitude) - radians(from.longitude)) / 2);
    if (v == 0.0) return latitude_distance(from.latitude, to.latitude);
    const double first = radians(from.latitude);
    const double second = radians(to.latitude);
    const double u = std::sin((second - first) / 2);
    const double a = u * u + std::cos(first) * std::cos(second) * v * v;
    return 2.0 * kEarthRadius * std::asin(std::sqrt(a));
}

std::string geo_hash(const GeoPoint& point) {
    constexpr std::string_view kLetters = "0123456789bcdefghjkmnpqrstuvwxyz";
    constexpr size_t kLength = 11;
    // The standard one cuts latitudes of the whole globe.
    const uint64_t bits = square_of(point, kSteps, Range{-90, 90}).bits();
    std::string text;
    for (size_t i = 1; i < kLength; ++i) text += kLetters[(bits >> (2 * kSteps - i * 5)) & 31];
    // Of the last letter only two bits are known; Redis gives none of them.
    return text + kLetters[0];
}

std::optional<double> GeoArea::distance_within(const GeoPoint& point) const {
    if (!is_circle) {
        if (latitude_distance(point.latitude, center.latitude) > height / 2) return std::nullopt;
        const GeoPoint level{center.longitude, point.latitude};
        if (geo_distance(point, level) > width / 2) return std::nullopt;
        return geo_distance(center, point);
    }
    const double distance = geo_distance(center, point);
    if (distance > radius) return std::nullopt;
    return distance;
}

GeoCover geo_cover(const GeoArea& area) {
    const Bounds bounds = bounds_of(area);
    const double reach = area.is_circle ? area.radius
                                        : std::sqrt((area.width / 2) * (area.width / 2) +
                                                    (area.height / 2) * (area.height / 2));
    unsigned steps = steps_for(reach, area.center.latitude);
    Square middle = square_of(area.center, steps, kLatitudes);
    if (steps > 1 && is_too_small(middle, bounds)) {
        --steps;
        middle = square_of(area.center, steps, kLatitudes);
    }
    const bool excludes = steps >= 2;
    const bool no_south = excludes && middle.latitudes().low < bounds.south;
    const bool no_north = excludes && middle.latitudes().high > bounds.north;
    const bool no_west = excludes && middle.longitudes().low < bounds.west;
    const bool no_east = excludes && middle.longitudes().high > bounds.east;
    struct Step {
        int columns;
        int rows;
    };
    constexpr Step kOrder[] = {{0, 0}, {0, 1},  {0, -1}, {1, 0},  {-1, 0},
                               {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};
    GeoCover cover;
    uint64_t before = 0;
    for (const Step& step : kOrder) {
        if ((step.rows > 0 && no_north) || (step.rows < 0 && no_south)) continue;
        if ((step.columns > 0 && no_east) || (step.columns < 0 && no_west)) continue;
        const uint64_t bits = middle.moved(step.columns, step.rows).bits();
        // Large squares are their own neighbours.
        if (cover.count > 0 && bits == before) continue;
        before = bits;
        const unsigned shift = 2 * (kSteps - steps);
        cover.ranges[cover.count++] = {bits << shift, (bits + 1) << shift};
    }
    return cover;
}

}  // namespace gyre::types
