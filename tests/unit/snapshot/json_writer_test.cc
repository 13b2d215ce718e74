// SPDX-License-Identifier: BSD-3-Clause

#include "snapshot/json_writer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/collection_samples.h"

namespace gyre::snapshot {
namespace {

/// A sink that keeps what it is given, piece by piece.
struct Pieces {
    std::vector<std::string> all;

    base::ByteSink sink() {
        return [this](std::string_view bytes) -> Result<void> {
            all.emplace_back(bytes);
            return {};
        };
    }
    std::string joined() const {
        std::string text;
        for (const std::string& piece : all) text += piece;
        return text;
    }
};

/// The stream of the golden document.
std::unique_ptr<types::Stream> golden_stream() {
    using types::StreamId;
    constexpr uint64_t kStart = 1767222000000;
    auto stream = std::make_unique<types::Stream>();
    const auto add = [&](const StreamId& id, const std::vector<std::string_view>& pairs) {
        stream->append(id, pairs, {});
    };
    add({kStart, 0}, {"kind", "start", "by", "ada"});
    add({kStart, 1}, {"note", "\u00e4nd"});
    add({kStart + 5, 0}, {"kind", "mistake", "by", "ada"});
    add({kStart + 9, 0}, {"kind", "end", "by", "bob"});
    stream->erase({kStart + 5, 0});
    stream->add_group("all", {}, 0);
    types::StreamGroup* workers =
        stream->add_group("workers", {kStart, 1}, types::StreamGroup::kUnknown);
    workers->add_consumer("idle", 1767222100000);
    types::StreamConsumer* one = workers->add_consumer("one", 1767222200000);
    one->active_ms = 1767222150000;
    workers->add_pending({kStart, 1}, one, one->active_ms)->deliveries = 2;
    return stream;
}

/// What json_golden.json holds, and what its records borrow.
struct Golden {
    Golden() {
        using namespace std::string_view_literals;
        using store::Encoding;
        using store::Type;
        records = {
            {.key = "greeting", .value = "Hello, Gr\u00fc\u00dfe, \u4f60\u597d \U0001F600"},
            {.key = "counter", .value = "42"},
            {.key = "session:9", .value = "{\"user\":\"ada\"}\n", .expire_ms = 1767225600000},
            {.key = "stamped",
             .value = "a\\b\tc",
             .expire_ms = 1767225600001,
             .timestamp_ms = 1767222000000},
            // LRU and LFU are for other formats.
            {.key = "\xFF\0"sv, .value = "\xC3(", .idle_seconds = 7, .frequency = 9},
            {.key = "", .value = ""},
            {.key = "queue", .kind = {Type::list, Encoding::listpack}, .value = list},
            {.key = "numbers", .kind = {Type::set, Encoding::intset}, .value = numbers},
            {.key = "words",
             .kind = {Type::set, Encoding::listpack},
             .value = words,
             .expire_ms = 1767225600000},
            {.key = "user:1", .kind = {Type::hash, Encoding::listpack}, .value = user},
            {.key = "token", .kind = {Type::hash, Encoding::hashtable}, .object = &token},
            {.key = "board", .kind = {Type::zset, Encoding::listpack}, .value = board},
            {.key = "events", .kind = {Type::stream, Encoding::stream}, .object = stream.get()},
            {.database = 3, .key = "counter", .value = "\0\x1F/"sv},
        };
        token.set("secret", "s3");
        token.set_deadline("secret", 1767225600000);
    }

    std::string list = test::listpack_of({"first", "-7", "", "\xFF"});
    std::string numbers = test::integers({-5, 0, 70000});
    std::string words = test::listpack_of({"a", "\u00e4", "1"});
    std::string user = test::listpack_of({"name", "Ada", "visits", "42"});
    std::string board =
        test::packed_sorted_set({{"nobody", -std::numeric_limits<double>::infinity()},
                                 {"ada", 1.5},
                                 {"eve", 1.5},
                                 {"bob", 70}});
    types::Hash token;
    std::unique_ptr<types::Stream> stream = golden_stream();
    std::vector<Record> records;
};

const std::vector<Record>& golden_records() {
    static const Golden kGolden;
    return kGolden.records;
}

std::string written(const std::vector<Record>& records, size_t chunk_bytes) {
    Pieces pieces;
    JsonWriter writer(pieces.sink(), chunk_bytes);
    for (const Record& record : records) EXPECT_TRUE(writer.add(record));
    EXPECT_TRUE(writer.finish());
    for (size_t index = 0; index < pieces.all.size(); ++index) {
        const bool is_last = index + 1 == pieces.all.size();
        EXPECT_TRUE(is_last || pieces.all[index].size() == chunk_bytes);
        EXPECT_LE(pieces.all[index].size(), chunk_bytes);
        EXPECT_FALSE(pieces.all[index].empty());
    }
    return pieces.joined();
}

TEST(JsonWriter, writes_the_golden_document_in_chunks_of_any_size) {
    std::ifstream file(GYRE_JSON_GOLDEN, std::ios::binary);
    const std::string golden(std::istreambuf_iterator<char>(file), {});
    ASSERT_FALSE(golden.empty());
    for (const size_t chunk_bytes : {1U, 2U, 7U, 64U, 1000U, 65536U}) {
        EXPECT_EQ(written(golden_records(), chunk_bytes), golden) << chunk_bytes;
    }
    EXPECT_EQ(written(golden_records(), golden.size()), golden);
}

TEST(JsonWriter, a_data_set_without_keys_is_a_document_too) {
    EXPECT_EQ(written({}, 65536), "{\"format\":\"gyre-json\",\"version\":1,\"keys\":[\n]}\n");
}

TEST(JsonWriter, extremes_of_numbers_are_written_to_the_digit) {
    const std::string text = written({{.database = SIZE_MAX,
                                       .expire_ms = store::kNoExpiry - 1,
                                       .timestamp_ms = store::kNoTimestamp + 1},
                                      {.expire_ms = INT64_MIN, .timestamp_ms = INT64_MAX}},
                                     65536);
    EXPECT_EQ(text,
              "{\"format\":\"gyre-json\",\"version\":1,\"keys\":[\n"
              "{\"db\":18446744073709551615,\"key\":\"\",\"type\":\"string\","
              "\"expireat_ms\":9223372036854775806,\"timestamp_ms\":-9223372036854775807,"
              "\"value\":\"\"},\n"
              "{\"db\":0,\"key\":\"\",\"type\":\"string\","
              "\"expireat_ms\":-9223372036854775808,\"timestamp_ms\":9223372036854775807,"
              "\"value\":\"\"}\n]}\n");
}

// A value passes through in pieces: what the sink gets is bounded, and so is what the writer keeps.
TEST(JsonWriter, a_long_value_is_given_in_bounded_chunks) {
    for (const char filler : {'a', '\x01', '\xFF'}) {
        const std::string value(3'000'001, filler);
        const std::string text = written({{.key = "k", .value = value}}, 4096);
        const size_t expected = filler == 'a'      ? value.size()
                                : filler == '\x01' ? value.size() * 6
                                                   : (value.size() + 2) / 3 * 4;
        EXPECT_GT(text.size(), expected);
        EXPECT_LT(text.size(), expected + 200);
    }
}

TEST(JsonWriter, an_error_of_the_sink_comes_out_wherever_it_happens) {
    const std::string whole = written(golden_records(), 16);
    const size_t pieces = (whole.size() + 15) / 16;
    for (size_t allowed = 0; allowed < pieces; ++allowed) {
        size_t taken = 0;
        JsonWriter writer(
            [&](std::string_view) -> Result<void> {
                if (taken == allowed) return fail("the disk is full; make room", 28);
                ++taken;
                return {};
            },
            16);
        Result<void> done;
        for (const Record& record : golden_records()) {
            done = writer.add(record);
            if (!done) break;
        }
        if (done) done = writer.finish();
        ASSERT_FALSE(done) << allowed;
        EXPECT_EQ(done.error().message, "the disk is full; make room");
        EXPECT_EQ(done.error().code, 28);
    }
}

}  // namespace
}  // namespace gyre::snapshot
