// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The words and numbers of the JSON form of a data set, for its writer and its reader. The page of
// the format is docs/formats/json.md; what changes here changes there and in the golden document.

#include <cstdint>
#include <string_view>

namespace gyre::snapshot::json_format {

inline constexpr std::string_view kFormatName = "gyre-json";
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

// Members of a stream, in the order they are written.
inline constexpr std::string_view kLastId = "last_id";  ///< of a group, too
inline constexpr std::string_view kMaxDeletedId = "max_deleted_id";
inline constexpr std::string_view kEntriesAdded = "entries_added";
inline constexpr std::string_view kEntries = "entries";
inline constexpr std::string_view kGroups = "groups";

// Members of a group and of a consumer.
inline constexpr std::string_view kName = "name";
inline constexpr std::string_view kEntriesRead = "entries_read";
inline constexpr std::string_view kConsumers = "consumers";
inline constexpr std::string_view kPending = "pending";
inline constexpr std::string_view kSeen = "seen_ms";
inline constexpr std::string_view kActive = "active_ms";

/// The one member of the object that stands for bytes that are no text.
inline constexpr std::string_view kBase64 = "base64";

}  // namespace gyre::snapshot::json_format
