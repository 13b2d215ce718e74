// SPDX-License-Identifier: BSD-3-Clause
// Geo: the scores and distances that Redis' documentation shows; covers hold what they must.

#include "types/geo.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::types {
namespace {

constexpr GeoPoint kPalermo{13.361389, 38.115556};
constexpr GeoPoint kCatania{15.087269, 37.502669};

TEST(GeoTest, ScoresDistancesAndHashesAreThoseOfRedis) {
    EXPECT_EQ(geo_score(kPalermo), 3479099956230698U);
    EXPECT_EQ(geo_score(kCatania), 3479447370796909U);
    const GeoPoint palermo = geo_point(3479099956230698U);
    EXPECT_NEAR(palermo.longitude, 13.36138933897018433, 1e-14);
    EXPECT_NEAR(palermo.latitude, 38.11555639549629859, 1e-14);
    EXPECT_NEAR(geo_distance(palermo, geo_point(3479447370796909U)), 166274.1516, 0.0001);
    EXPECT_EQ(geo_hash(palermo), "sqc8b49rny0");
    EXPECT_EQ(geo_hash(geo_point(3479447370796909U)), "sqdtr74hyu0");
}

TEST(GeoTest, ACoverHoldsEveryPointOfTheArea) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    for (int round = 0; round < 400; ++round) {
        GeoArea area;
        area.center = {random.unit() * 340 - 170, random.unit() * 150 - 75};
        area.is_circle = random.below(2) == 0;
        area.radius = std::pow(10.0, random.unit() * 5 + 1);
        area.width = area.radius * (0.2 + random.unit());
        area.height = area.radius * (0.2 + random.unit());
        const GeoCover cover = geo_cover(area);
        ASSERT_GT(cover.count, 0U);
        for (int i = 0; i < 40; ++i) {
            const double reach = area.radius / 100000;
            const GeoPoint point =
                geo_point(geo_score({area.center.longitude + (random.unit() - 0.5) * 2 * reach,
                                     area.center.latitude + (random.unit() - 0.5) * 2 * reach}));
            if (!point.is_valid() || !area.distance_within(point)) continue;
            const uint64_t score = geo_score(point);
            bool is_covered = false;
            for (size_t j = 0; j < cover.count; ++j) {
                is_covered |= score >= cover.ranges[j].begin && score < cover.ranges[j].end;
            }
            EXPECT_TRUE(is_covered)
                << area.center.longitude << " " << area.center.latitude << " " << area.radius;
        }
    }
}

TEST(GeoTest, AreasEndWhereTheySay) {
    GeoArea circle{kPalermo, true, 166274, 0, 0};
    EXPECT_FALSE(circle.distance_within(kCatania));
    circle.radius = 166300;
    EXPECT_TRUE(circle.distance_within(kCatania));
    GeoArea box{kPalermo, false, 0, 310000, 140000};
    EXPECT_TRUE(box.distance_within(kCatania));
    box.height = 130000;
    EXPECT_FALSE(box.distance_within(kCatania));
}

}  // namespace
}  // namespace gyre::types
