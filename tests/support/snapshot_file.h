// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a SnapshotJob collects as the bytes of a file, without a disk and without a thread for it;
// and the keys of such a file, for tests that compare. Threads: one at a time.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "engine/snapshot_job.h"
#include "snapshot/byte_sink.h"
#include "snapshot/rdb_encode.h"
#include "snapshot/rdb_reader.h"
#include "snapshot/rdb_writer.h"
#include "support/elements.h"

namespace gyre::test {

/// Keys of a file, by database and name: elements_of() each.
class FileKeys : public snapshot::RdbHandler {
public:
    using Values = std::map<std::pair<size_t, std::string>, std::string>;

    Result<void> record(const snapshot::Record& record) override {
        const auto place = std::pair(record.database, std::string(record.key));
        const bool is_new = values.emplace(place, elements_of(record)).second;
        EXPECT_TRUE(is_new) << record.key << " twice";
        if (record.expire_ms != store::kNoExpiry) deadlines_ms[place] = record.expire_ms;
        return {};
    }
    Values values;
    std::map<std::pair<size_t, std::string>, int64_t> deadlines_ms;
};

class StringSink final : public snapshot::ByteSink {
public:
    void append(std::string_view piece) override { bytes += piece; }
    std::string bytes;
};

/// Takes what the job has collected so far to the writer.
inline void consume(engine::SnapshotJob& job, snapshot::RdbWriter& writer) {
    engine::SnapshotChunk* chunks = job.queue().take_all();
    while (chunks != nullptr) {
        const std::unique_ptr<engine::SnapshotChunk> chunk(std::exchange(chunks, chunks->next));
        job.consumed(chunk->size());
        writer.encoded(chunk->bytes.view());
        for (const snapshot::Buffer& part : chunk->more) writer.encoded(part.view());
        if (!chunk->value) continue;
        snapshot::StringEncoder encoder({});
        const snapshot::EncodedString encoded = encoder.encode(chunk->value->view());
        writer.encoded(encoded.head());
        writer.encoded(encoded.body);
    }
}

/// The file of a job that has collected everything and given nothing away.
inline std::string file_of(engine::SnapshotJob& job) {
    StringSink sink;
    snapshot::RdbWriter writer(sink);
    writer.begin();
    consume(job, writer);
    writer.end();
    return sink.bytes;
}

inline FileKeys keys_of_file(std::string_view file) {
    FileKeys keys;
    snapshot::RdbReader reader(keys);
    const auto fed = reader.feed(file);
    EXPECT_TRUE(fed) << fed.error().message;
    const auto finished = reader.finish();
    EXPECT_TRUE(finished) << finished.error().message;
    return keys;
}

}  // namespace gyre::test
