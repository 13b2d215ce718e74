// SPDX-License-Identifier: BSD-3-Clause

// Goal: sorted sets and streams that the snapshot room writes into a file are there when Redis has
// loaded it, and what Redis saves is read, and repeated byte for byte. Method: random values in our
// own memory, a file of them for the oracle, and its answers to commands, written down like the
// values themselves.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/rdb_reader.h"
#include "snapshot/rdb_writer.h"
#include "support/collection_samples.h"
#include "support/elements.h"
#include "support/seed.h"
#include "support/server_process.h"

namespace gyre::test {
namespace {

using store::Type;
using ::testing::HasSubstr;

class StringSink : public snapshot::ByteSink {
public:
    void append(std::string_view piece) override { bytes += piece; }
    std::string bytes;
};

/// Writes the file again, and all values down.
class CopyingHandler : public snapshot::RdbHandler {
public:
    CopyingHandler() : writer_(sink) { writer_.begin(); }
    Result<void> aux(std::string_view name, std::string_view value) override {
        writer_.aux(name, value);
        return {};
    }
    Result<void> select_database(size_t database) override {
        writer_.select_database(database);
        return {};
    }
    Result<void> resize_database(uint64_t keys, uint64_t keys_with_deadline) override {
        writer_.resize_database(keys, keys_with_deadline);
        return {};
    }
    Result<void> record(const snapshot::Record& record) override {
        texts.push_back(std::string(record.key) + "=" + elements_of(record, false));
        writer_.record(record);
        return {};
    }
    Result<void> end(const snapshot::RdbSummary& /*summary*/) override {
        writer_.end();
        return {};
    }

    StringSink sink;
    std::vector<std::string> texts;

private:
    snapshot::RdbWriter writer_;
};

std::string joined(const char* type, const std::vector<std::string>& texts) {
    std::string text = type;
    for (const std::string& part : texts) text += "[" + part + "]";
    return text;
}

/// As elements_of() has it, without what is deleted: no command tells that.
std::string told_of(const snapshot::Record& record) {
    if (record.kind.type != Type::stream) return elements_of(record);
    std::vector<std::string> texts = texts_of_stream(record, false);
    std::erase_if(texts, [](const std::string& text) { return text.starts_with("deleted "); });
    return joined("stream", texts);
}

const Frame& value_of(const Frame& map, std::string_view name) {
    for (size_t i = 0; i + 1 < map.items.size(); i += 2) {
        if (map.items[i].text == name) return map.items[i + 1];
    }
    ADD_FAILURE() << "no " << name;
    static const Frame kNone;
    return kNone;
}

std::string text_of_group(const Frame& group) {
    const Frame& read = value_of(group, "entries-read");
    std::string text = value_of(group, "name").text + " last " +
                       value_of(group, "last-delivered-id").text + " read " +
                       (read.is_null ? "-1" : read.text);
    for (const Frame& entry : value_of(group, "pending").items) {
        text += " " + entry.items[0].text + ">" + entry.items[1].text + "@" + entry.items[2].text +
                "*" + entry.items[3].text;
    }
    std::vector<std::string> consumers;
    for (const Frame& consumer : value_of(group, "consumers").items) {
        const Frame& pending = value_of(consumer, "pending");
        EXPECT_EQ(static_cast<size_t>(value_of(consumer, "pel-count").integer()),
                  pending.items.size());
        consumers.push_back(" " + value_of(consumer, "name").text + "(" +
                            std::to_string(pending.items.size()) + ")@" +
                            value_of(consumer, "seen-time").text);
    }
    for (const std::string& consumer : consumers) text += consumer;
    return text;
}

class RdbOrderedTest : public ::testing::Test {
protected:
    void SetUp() override {
        oracle_ = std::make_unique<ServerProcess>(ServerOptions{.binary = oracle_binary()});
        ASSERT_TRUE(oracle_->is_ready()) << oracle_->log();
        socket_.emplace(oracle_->connect());
    }
    Frame command(const std::vector<std::string>& words) { return socket_->command(words); }
    [[nodiscard]] std::string path() const { return oracle_->directory() + "/dump.rdb"; }

    std::string ask_sorted_set(const std::string& key) {
        std::vector<std::string> texts;
        const Frame reply = command({"ZRANGE", key, "0", "-1", "WITHSCORES"});
        for (size_t i = 0; i + 1 < reply.items.size(); i += 2) {
            // Redis 7.0 tells 17 digits where fewer would do.
            const auto score = base::parse_double(reply.items[i + 1].text);
            texts.push_back(reply.items[i].text + ":" +
                            (score ? base::format_double(*score) : reply.items[i + 1].text));
        }
        return joined("zset", texts);
    }
    std::string ask_stream(const std::string& key) {
        const Frame all = command({"XINFO", "STREAM", key, "FULL", "COUNT", "0"});
        std::vector<std::string> texts{value_of(all, "length").text + " of " +
                                       value_of(all, "entries-added").text + " from " +
                                       value_of(all, "recorded-first-entry-id").text + " to " +
                                       value_of(all, "last-generated-id").text + " without " +
                                       value_of(all, "max-deleted-entry-id").text};
        for (const Frame& entry : command({"XRANGE", key, "-", "+"}).items) {
            std::string text = entry.items[0].text;
            const std::vector<Frame>& fields = entry.items[1].items;
            for (size_t i = 0; i + 1 < fields.size(); i += 2) {
                text += " " + fields[i].text + "=" + fields[i + 1].text;
            }
            texts.push_back(std::move(text));
        }
        for (const Frame& group : value_of(all, "groups").items) {
            texts.push_back(text_of_group(group));
        }
        return joined("stream", texts);
    }
    std::string ask(Type type, const std::string& key) {
        return type == Type::zset ? ask_sorted_set(key) : ask_stream(key);
    }
    std::string read_file() {
        std::ifstream file(path(), std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }

    std::unique_ptr<ServerProcess> oracle_;
    std::optional<RawSocket> socket_;
};

TEST_F(RdbOrderedTest, RedisHasWhatAFileOfOursHas) {
    SCOPED_TRACE(seed_note());
    std::vector<Sample> all = samples(test_seed());
    std::erase_if(all, [](const Sample& sample) {
        return sample.kind.type != Type::zset && sample.kind.type != Type::stream;
    });
    ASSERT_EQ(all.size(), 8U);
    for (const bool compress : {true, false}) {
        StringSink sink;
        snapshot::RdbWriter writer(sink, {.strings = {.compress = compress}});
        writer.begin();
        for (size_t i = 0; i < all.size(); ++i) {
            const std::string key = std::to_string(i);
            snapshot::Record record = all[i].record();
            record.key = key;
            writer.record(record);
        }
        writer.end();
        std::ofstream(path(), std::ios::binary) << sink.bytes;
        ASSERT_EQ(command({"DEBUG", "RELOAD", "NOSAVE"}).text, "OK");
        EXPECT_EQ(command({"DBSIZE"}).integer(), 8);
        for (size_t i = 0; i < all.size(); ++i) {
            const std::string ours = told_of(all[i].record());
            const std::string theirs = ask(all[i].kind.type, std::to_string(i));
            EXPECT_TRUE(theirs == ours) << quote(theirs.substr(0, 2000)) << "\n"
                                        << quote(ours.substr(0, 2000));
        }
        const char* checker = std::getenv("GYRE_CHECK_RDB");
        const std::string line = std::string(checker == nullptr ? "redis-check-rdb" : checker) +
                                 " " + path() + " > /dev/null";
        EXPECT_EQ(std::system(line.c_str()), 0);

        // And what Redis makes of it is read again, and repeated.
        ASSERT_EQ(command({"SAVE"}).text, "OK");
        const std::string file = read_file();
        CopyingHandler handler;
        snapshot::RdbReader reader(handler);
        const Result<size_t> fed = reader.feed(file);
        ASSERT_TRUE(fed) << fed.error().message;
        ASSERT_TRUE(reader.finish());
        std::vector<std::string> expected;
        for (size_t i = 0; i < all.size(); ++i) {
            expected.push_back(std::to_string(i) + "=" + elements_of(all[i].record(), false));
        }
        std::sort(handler.texts.begin(), handler.texts.end());
        std::sort(expected.begin(), expected.end());
        EXPECT_TRUE(handler.texts == expected);
        EXPECT_TRUE(handler.sink.bytes == file) << "the file is not repeated byte for byte";
    }
}

}  // namespace
}  // namespace gyre::test
