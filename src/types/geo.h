// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Places on earth as scores of a sorted set: longitude and latitude cut into 2^26 steps each and
// their bits interleaved, so that a square of the map is a range of scores. The numbers are Redis':
// the same scores, distances and, for a search, the same squares in the same order.
//
// Threads: any. Errors: none; the caller checks the limits of coordinates.
// Complexity: O(1).
// Sources: G. M. Morton (1966) for the interleaving; the haversine formula; behaviour of Redis 7.

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace gyre::types {

inline constexpr double kLongitudeMax = 180;
/// Where the map of Mercator ends (EPSG:900913).
inline constexpr double kLatitudeMax = 85.05112878;

struct GeoPoint {
    double longitude = 0;
    double latitude = 0;
    bool is_valid() const {
        return longitude >= -kLongitudeMax && longitude <= kLongitudeMax &&
               latitude >= -kLatitudeMax && latitude <= kLatitudeMax;
    }
};

/// The score of a place, and the middle of the square that a score means.
uint64_t geo_score(const GeoPoint& point);
GeoPoint geo_point(uint64_t score);
/// Metres.
double geo_distance(const GeoPoint& from, const GeoPoint& to);
/// Eleven letters of the standard geohash.
std::string geo_hash(const GeoPoint& point);

/// A circle or a rectangle around a place.
struct GeoArea {
    GeoPoint center;
    bool is_circle = true;
    double radius = 0;  ///< metres
    double width = 0;   ///< metres, whole
    double height = 0;

    /// The distance from the center, nullopt outside.
    std::optional<double> distance_within(const GeoPoint& point) const;
};

/// Scores from `begin` on, before `end`.
struct GeoRange {
    uint64_t begin = 0;
    uint64_t end = 0;
};
struct GeoCover {
    std::array<GeoRange, 9> ranges{};
    size_t count = 0;
};
/// Squares that cover an area, as ranges of scores, in Redis' order of search: the middle, then
/// north, south, east, west and the corners.
GeoCover geo_cover(const GeoArea& area);

}  // namespace gyre::types
