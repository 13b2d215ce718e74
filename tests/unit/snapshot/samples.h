// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the tests of this room do with collections and with payloads.

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "rdb_bytes.h"
#include "snapshot/dump.h"
#include "snapshot/record_encoder.h"
#include "support/collection_samples.h"
#include "support/elements.h"

namespace gyre::snapshot {

using test::integers;
using test::listpack_of;
using test::packed_sorted_set;
using test::Sample;
using test::samples;

inline std::string restored_line(std::string_view payload, const RestoreOptions& options = {}) {
    const auto restored = restore_payload(payload, options);
    if (!restored) return restored.error().message;
    return test::elements_of(
        {.kind = restored->kind, .value = restored->value, .object = restored->object.get()});
}

inline std::string payload_of(const Sample& sample, int version, bool compress = true) {
    RecordEncoder encoder({.compress = compress}, version);
    Buffer body;
    encoder.payload(sample.record(), body);
    std::string payload(body.view());
    payload += little_endian(static_cast<uint64_t>(version), 2);
    return payload + little_endian(base::crc64(0, payload), 8);
}

inline std::string with_footer(std::string body, uint64_t version = 10) {
    body += little_endian(version, 2);
    return body + little_endian(base::crc64(0, body), 8);
}

inline std::string as_string(const std::string& bytes) {
    EXPECT_LT(bytes.size(), 64U);
    return static_cast<char>(bytes.size()) + bytes;
}

}  // namespace gyre::snapshot
