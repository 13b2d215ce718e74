// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the tests of the RDB files share: a sink that keeps everything, a handler that writes down
// what it is told, one line each, and the footer of a file made by hand.

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/crc64.h"
#include "snapshot/byte_sink.h"
#include "snapshot/rdb_reader.h"
#include "snapshot/rdb_writer.h"
#include "support/elements.h"

namespace gyre::snapshot {

class CollectingSink : public ByteSink {
public:
    void append(std::string_view piece) override {
        EXPECT_FALSE(piece.empty());
        EXPECT_LE(piece.size(), kPieceBytesMax);
        pieces.push_back(piece);
        bytes += piece;
    }
    std::string bytes;
    std::vector<std::string_view> pieces;  ///< only to ask where they lay
};

/// A record in one line: database, key=value, attributes that differ from none.
inline std::string line_of(const Record& record) {
    std::string line = std::to_string(record.database) + " " + std::string(record.key) + "=" +
                       test::elements_of(record);
    if (record.expire_ms != store::kNoExpiry) line += " at " + std::to_string(record.expire_ms);
    if (record.timestamp_ms != store::kNoTimestamp) {
        line += " timestamp " + std::to_string(record.timestamp_ms);
    }
    if (record.idle_seconds) line += " idle " + std::to_string(*record.idle_seconds);
    if (record.frequency) line += " frequency " + std::to_string(*record.frequency);
    return line;
}

class CollectingHandler : public RdbHandler {
public:
    Result<void> aux(std::string_view name, std::string_view value) override {
        lines.push_back("aux " + std::string(name) + "=" + std::string(value));
        return {};
    }
    Result<void> select_database(size_t database) override {
        lines.push_back("select " + std::to_string(database));
        return {};
    }
    Result<void> resize_database(uint64_t keys, uint64_t keys_with_deadline) override {
        lines.push_back("resize " + std::to_string(keys) + " " +
                        std::to_string(keys_with_deadline));
        return {};
    }
    Result<void> record(const Record& record) override {
        lines.push_back(line_of(record));
        return {};
    }
    Result<void> function_library(std::string_view source, uint64_t offset) override {
        if (!is_lenient) return RdbHandler::function_library(source, offset);
        lines.push_back("function " + std::string(source));
        return {};
    }
    Result<void> module_aux(std::string_view module, uint64_t offset) override {
        if (!is_lenient) return RdbHandler::module_aux(module, offset);
        lines.push_back("module " + std::string(module));
        return {};
    }
    Result<void> end(const RdbSummary& summary) override {
        lines.push_back("end " + std::to_string(summary.version) + " bytes " +
                        std::to_string(summary.bytes) + " records " +
                        std::to_string(summary.records) + (summary.is_verified ? " verified" : ""));
        return {};
    }

    bool is_lenient = false;  ///< functions and modules are skipped
    std::vector<std::string> lines;
};

/// What came of reading: the lines, or the error.
struct ReadOutcome {
    std::vector<std::string> lines;
    std::string error;
    size_t consumed = 0;

    bool operator==(const ReadOutcome&) const = default;
};

inline void PrintTo(const ReadOutcome& outcome, std::ostream* out) {
    for (const std::string& line : outcome.lines) *out << line << '\n';
    *out << outcome.error << '\n' << outcome.consumed << " bytes";
}

/// Feeds the bytes in chunks of `size`, each in memory of its own, so that a sanitizer sees a read
/// beyond it or after it.
inline ReadOutcome read_in_chunks(std::string_view bytes, size_t size,
                                  RdbReaderOptions options = {}, bool is_lenient = false) {
    CollectingHandler handler;
    handler.is_lenient = is_lenient;
    RdbReader reader(handler, options);
    ReadOutcome outcome;
    while (!bytes.empty() && !reader.is_done()) {
        const std::vector<char> chunk(bytes.begin(), bytes.begin() + std::min(size, bytes.size()));
        const Result<size_t> fed = reader.feed(std::string_view(chunk.data(), chunk.size()));
        if (!fed) break;
        outcome.consumed += *fed;
        bytes.remove_prefix(*fed);
    }
    if (const Result<void> finished = reader.finish(); !finished) {
        outcome.error = finished.error().message;
    }
    outcome.lines = std::move(handler.lines);
    return outcome;
}

inline ReadOutcome read_at_once(std::string_view bytes) {
    return read_in_chunks(bytes, bytes.size() + 1);
}

inline std::string little_endian(uint64_t value, size_t size) {
    std::string bytes(sizeof(value), '\0');
    std::memcpy(bytes.data(), &value, sizeof(value));
    return bytes.substr(0, size);
}

/// Header, body, end mark and checksum.
inline std::string rdb_file(std::string_view body, std::string_view header = "REDIS0010") {
    std::string file = std::string(header) + std::string(body) + "\xff";
    return file + little_endian(base::crc64(0, file), 8);
}

}  // namespace gyre::snapshot
