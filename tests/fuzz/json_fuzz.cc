// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever the bytes are, the reader of JSON data sets ends with records or with an error of
// one line that says where; how the bytes are cut into chunks does not show; and what it accepts
// comes back when it is written and read again, from text that is the same when written twice.

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

namespace {

using gyre::Result;
using gyre::snapshot::Record;

/// A record that owns its bytes.
struct Kept {
    size_t database;
    std::string key;
    std::string value;
    int64_t expire_ms;
    int64_t timestamp_ms;

    bool operator==(const Kept&) const = default;
};

struct Outcome {
    std::vector<Kept> records;
    std::string error;

    bool operator==(const Outcome&) const = default;
};

[[noreturn]] void fail(const char* what, const std::string& text) {
    std::fprintf(stderr, "json_fuzz: %s\n%s\n", what, text.c_str());
    std::abort();
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
    const auto handler = [&](const Record& record) -> Result<void> {
        outcome.records.push_back({record.database, std::string(record.key),
                                   std::string(record.value), record.expire_ms,
                                   record.timestamp_ms});
        return {};
    };
    const auto done =
        gyre::snapshot::read_json(source, handler, {.string_bytes_max = 4096, .chunk_bytes = 64});
    if (!done) {
        outcome.error = done.error().message;
    } else if (*done != outcome.records.size()) {
        fail("another number of records", std::to_string(*done));
    }
    return outcome;
}

std::string written(const std::vector<Kept>& records) {
    std::string text;
    gyre::snapshot::JsonWriter writer(
        [&text](std::string_view bytes) -> Result<void> {
            text += bytes;
            return {};
        },
        100);
    for (const Kept& kept : records) {
        const auto done = writer.add({.database = kept.database,
                                      .key = kept.key,
                                      .value = kept.value,
                                      .expire_ms = kept.expire_ms,
                                      .timestamp_ms = kept.timestamp_ms});
        if (!done) fail("the writer refuses", done.error().message);
    }
    if (!writer.finish()) fail("the writer refuses the end", "");
    return text;
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
    const std::string once = written(outcome.records);
    const Outcome again = read(once, 64);
    if (again != outcome) fail("other data come back", once + again.error);
    if (written(again.records) != once) fail("the text is not canonical", once);
    return 0;
}
