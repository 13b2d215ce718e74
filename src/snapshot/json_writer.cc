// SPDX-License-Identifier: BSD-3-Clause

#include "snapshot/json_writer.h"

#include <fmt/format.h>

#include "base/check.h"
#include "snapshot/json_format.h"
#include "snapshot/json_value_writer.h"

namespace gyre::snapshot {

void JsonWriter::begin() {
    if (has_begun_) return;
    has_begun_ = true;
    out_.put(fmt::format(R"({{"{}":"{}","{}":{},"{}":[)", json_format::kFormat,
                         json_format::kFormatName, json_format::kVersionMember,
                         json_format::kVersion, json_format::kKeys));
}

Result<void> JsonWriter::add(const Record& record) {
    CHECK(!is_finished_);
    begin();
    out_.put(fmt::format(R"({}{{"{}":{},"{}":)", has_records_ ? ",\n" : "\n",
                         json_format::kDatabase, record.database, json_format::kKey));
    has_records_ = true;
    out_.put_bytes(record.key);
    out_.put_name(json_format::kType);
    out_.put(fmt::format(R"("{}")", store::type_name(record.kind.type)));
    if (record.expire_ms != store::kNoExpiry) {
        out_.put_name(json_format::kExpireAt);
        out_.put_number(record.expire_ms);
    }
    if (record.timestamp_ms != store::kNoTimestamp) {
        out_.put_name(json_format::kTimestamp);
        out_.put_number(record.timestamp_ms);
    }
    out_.put_name(json_format::kValue);
    write_json_value(record, out_);
    out_.put("}");
    return out_.result();
}

Result<void> JsonWriter::finish() {
    CHECK(!is_finished_);
    is_finished_ = true;
    begin();
    out_.put("\n]}\n");
    out_.finish();
    return out_.result();
}

}  // namespace gyre::snapshot
