// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever the bytes are, the reader of JSON data sets ends with records or with an error of
// one line that says where; how the bytes are cut into chunks does not show; and what it accepts
// comes back when it is written and read again, from text that is the same when written twice
// unless the order of elements means nothing.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/json_reader.h"
#include "snapshot/json_writer.h"
#include "support/elements.h"

namespace {

using gyre::Result;
using gyre::snapshot::Record;

/// Low, so that short inputs reach every form.
const gyre::snapshot::ValueLimits kLimits{
    .hash_listpack_entries = 2,
    .hash_listpack_value = 8,
    .set_intset_entries = 3,
    .set_listpack_entries = 2,
    .set_listpack_value = 8,
    .zset_listpack_entries = 2,
    .zset_listpack_value = 8,
    .list = {.limit = gyre::types::ListLimit(3), .compress_depth = 1},
    .stream_node = {.bytes_max = 100, .entries_max = 3}};

struct Outcome {
    std::vector<std::string> records;
    std::string error;
    std::string written;       ///< the same records again
    bool is_canonical = true;  ///< no value has an order that means nothing

    bool operator==(const Outcome& other) const {
        return records == other.records && error == other.error;
    }
};

[[noreturn]] void fail(const char* what, const std::string& text) {
    std::fprintf(stderr, "json_fuzz: %s\n%s\n", what, text.c_str());
    std::abort();
}

void keep(const Record& record, Outcome& outcome) {
    using gyre::store::Type;
    const Type type = record.kind.type;
    if (record.object != nullptr && (type == Type::set || type == Type::hash)) {
        outcome.is_canonical = false;
    }
    outcome.records.push_back(std::to_string(record.database) + " " + std::string(record.key) +
                              " " + std::to_string(record.expire_ms) + " " +
                              std::to_string(record.timestamp_ms) + " " +
                              gyre::test::elements_of(record));
}

Outcome read(std::string_view text, size_t chunk) {
    Outcome outcome;
    size_t at = 0;
    const auto source = [&](std::span<char> buffer) -> Result<size_t> {
        const size_t count = std::min({chunk, buffer.size(), text.size() - at});
        if (count != 0) std::memcpy(buffer.data(), text.data() + at, count);
        at += count;
        return count;
    };
    gyre::snapshot::JsonWriter writer(
        [&outcome](std::string_view bytes) -> Result<void> {
            outcome.written += bytes;
            return {};
        },
        100);
    const auto handler = [&](const Record& record) -> Result<void> {
        keep(record, outcome);
        return writer.add(record);
    };
    const auto done = gyre::snapshot::read_json(
        source, handler, {.string_bytes_max = 4096, .chunk_bytes = 64, .limits = kLimits});
    if (!done) {
        outcome.error = done.error().message;
    } else if (*done != outcome.records.size()) {
        fail("another number of records", std::to_string(*done));
    }
    if (!writer.finish()) fail("the writer refuses the end", "");
    return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const Outcome outcome = read(text, 64);
    if (read(text, 1) != outcome) fail("the size of chunks shows", outcome.error);
    if (!outcome.error.empty()) {
        if (!outcome.error.starts_with("JSON, line ")) fail("no place", outcome.error);
        if (outcome.error.size() > 1000) fail("an endless error", outcome.error);
        for (const char byte : outcome.error) {
            if (byte < ' ' || byte > '~') fail("an error that does not print", outcome.error);
        }
        return 0;
    }
    const Outcome again = read(outcome.written, 64);
    if (again != outcome) fail("other data come back", outcome.written + again.error);
    if (outcome.is_canonical && again.written != outcome.written) {
        fail("the text is not canonical", outcome.written);
    }
    return 0;
}
