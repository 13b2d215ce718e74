// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the commands on places share: arguments and replies.
//
// Threads: home reactor.

#include <optional>

#include "commands/context.h"
#include "types/geo.h"

namespace gyre::commands {

/// Longitude and latitude, arguments `at` and the next. nullopt: the reply says what is wrong.
std::optional<types::GeoPoint> read_point(Context& context, size_t at);
/// M, KM, FT or MI, in metres.
std::optional<double> read_unit(Context& context, size_t at);

/// The place that a score means, whatever the score is.
types::GeoPoint point_of(double score);

/// Four decimals.
void reply_distance(resp::ReplyWriter& reply, double distance);
void reply_point(resp::ReplyWriter& reply, const types::GeoPoint& point);

}  // namespace gyre::commands
