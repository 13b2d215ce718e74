// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The words and numbers of the JSON form of a data set, for its writer and its reader. The page of
// the format is docs/formats/json.md; what changes here changes there and in the golden document.

#include <cstdint>
#include <string_view>

namespace gyre::snapshot::json_format {

inline constexpr std::string_view kName = "gyre-json";
inline constexpr int64_t kVersion = 1;

// Members of the document, in their order.
inline constexpr std::string_view kFormat = "format";
inline constexpr std::string_view kVersionMember = "version";
inline constexpr std::string_view kKeys = "keys";

// Members of a record, in the order they are written.
inline constexpr std::string_view kDatabase = "db";
inline constexpr std::string_view kKey = "key";
inline constexpr std::string_view kType = "type";
inline constexpr std::string_view kExpireAt = "expireat_ms";
inline constexpr std::string_view kTimestamp = "timestamp_ms";
inline constexpr std::string_view kValue = "value";

/// The one member of the object that stands for bytes that are no text.
inline constexpr std::string_view kBase64 = "base64";

}  // namespace gyre::snapshot::json_format
