// SPDX-License-Identifier: BSD-3-Clause

// Goal: Redis and the snapshot room read each other's files. Method: the oracle saves a data set
// with every form of string, which the reader must tell as the oracle's own commands do, and which
// the writer must write again byte for byte; and the oracle loads files of the writer, after its
// checker has accepted them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/crc64.h"
#include "compat/random.h"
#include "snapshot/dump.h"
#include "snapshot/rdb_reader.h"
#include "snapshot/rdb_writer.h"
#include "support/server_process.h"

namespace gyre::test {
namespace {

using namespace std::string_literals;
using ::testing::HasSubstr;

/// Far away, so that nothing is due while the test runs.
constexpr int64_t kDeadline = 4102444800123;

struct Key {
    std::string value;
    int64_t expire_ms = store::kNoExpiry;

    bool operator==(const Key&) const = default;
};
/// By database and name.
using DataSet = std::map<std::pair<size_t, std::string>, Key>;

void PrintTo(const Key& key, std::ostream* out) {
    *out << quote(key.value.substr(0, 60)) << " at " << key.expire_ms;
}

/// Strings of every form, in databases whose numbers need one byte and two.
DataSet every_form() {
    DataSet data;
    const auto add = [&](size_t database, std::string name, std::string value) {
        const int64_t expire_ms =
            data.size() % 3 == 1 ? kDeadline + static_cast<int64_t>(data.size()) : store::kNoExpiry;
        data[{database, std::move(name)}] = Key{std::move(value), expire_ms};
    };
    for (const char* const number : {"0",
                                     "-1",
                                     "127",
                                     "128",
                                     "-128",
                                     "-129",
                                     "32767",
                                     "32768",
                                     "-32768",
                                     "-32769",
                                     "2147483647",
                                     "2147483648",
                                     "-2147483648",
                                     "-2147483649",
                                     "9223372036854775807",
                                     "-9223372036854775808",
                                     "01",
                                     "-0",
                                     "+5",
                                     "1.5",
                                     " 7"}) {
        add(0, "number "s + number, number);
        add(3, number, "key is a number");
    }
    Random random(1);
    for (const size_t size : {0U, 1U, 5U, 19U, 20U, 21U, 22U, 44U, 45U, 63U, 64U, 65U, 4095U, 4097U,
                              16383U, 16384U, 65535U, 65536U, 300000U}) {
        add(15, "same " + std::to_string(size), std::string(size, 's'));
        std::string noise(size, '\0');
        for (char& byte : noise) byte = static_cast<char>(random.next());
        add(15, "noise " + std::to_string(size), noise);
        add(99, noise.substr(0, 5000) + "k", "key is noise");
        add(99, std::string(size % 7000, 'k'), "key is long");
    }
    return data;
}

Frame ask(RawSocket& socket, const std::vector<std::string>& command) {
    return socket.command(command);
}

void fill(RawSocket& socket, const DataSet& data) {
    for (const auto& [place, key] : data) {
        ask(socket, {"SELECT", std::to_string(place.first)});
        ask(socket, {"SET", place.second, key.value});
        if (key.expire_ms != store::kNoExpiry) {
            ask(socket, {"PEXPIREAT", place.second, std::to_string(key.expire_ms)});
        }
    }
}

/// What the server says of the keys of `expected`, and how many keys it has besides.
DataSet ask_for_all(RawSocket& socket, const DataSet& expected) {
    DataSet found;
    std::map<size_t, int64_t> counts;
    for (const auto& [place, key] : expected) {
        ask(socket, {"SELECT", std::to_string(place.first)});
        const int64_t expire_ms = ask(socket, {"PEXPIRETIME", place.second}).integer();
        Frame value = ask(socket, {"GET", place.second});
        if (expire_ms == -2) continue;
        found[place] = Key{std::move(value.text), expire_ms == -1 ? store::kNoExpiry : expire_ms};
        ++counts[place.first];
    }
    for (const auto& [database, count] : counts) {
        ask(socket, {"SELECT", std::to_string(database)});
        EXPECT_EQ(ask(socket, {"DBSIZE"}).integer(), count) << "database " << database;
    }
    return found;
}

class StringSink : public snapshot::ByteSink {
public:
    void append(std::string_view piece) override { bytes += piece; }
    std::string bytes;
};

/// Keeps the data set and writes the same file again.
class CopyingHandler : public snapshot::RdbHandler {
public:
    explicit CopyingHandler(snapshot::RdbWriterOptions options) : writer(sink, options) {
        writer.begin();
    }
    Result<void> aux(std::string_view name, std::string_view value) override {
        fields[std::string(name)] = value;
        writer.aux(name, value);
        return {};
    }
    Result<void> select_database(size_t database) override {
        writer.select_database(database);
        return {};
    }
    Result<void> resize_database(uint64_t keys, uint64_t keys_with_deadline) override {
        writer.resize_database(keys, keys_with_deadline);
        return {};
    }
    Result<void> record(const snapshot::Record& record) override {
        data[{record.database, std::string(record.key)}] =
            Key{std::string(record.value), record.expire_ms};
        with_idle += record.idle_seconds.has_value() ? 1 : 0;
        with_frequency += record.frequency.has_value() ? 1 : 0;
        writer.record(record);
        return {};
    }
    Result<void> end(const snapshot::RdbSummary& read) override {
        writer.end();
        summary = read;
        return {};
    }

    StringSink sink;
    snapshot::RdbWriter writer;
    std::map<std::string, std::string> fields;
    DataSet data;
    size_t with_idle = 0;
    size_t with_frequency = 0;
    snapshot::RdbSummary summary;
};

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

void write_file(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
}

/// "" or the error.
std::string read(std::string_view bytes, snapshot::RdbHandler& handler, size_t chunk = 16384) {
    snapshot::RdbReader reader(handler);
    while (!bytes.empty() && !reader.is_done()) {
        const Result<size_t> fed = reader.feed(bytes.substr(0, chunk));
        if (!fed) return fed.error().message;
        bytes.remove_prefix(*fed);
    }
    const Result<void> finished = reader.finish();
    return finished ? "" : finished.error().message;
}

/// What redis-check-rdb says.
std::string check_rdb(const std::string& path) {
    const char* program = std::getenv("GYRE_CHECK_RDB");
    const std::string line =
        std::string(program == nullptr ? "redis-check-rdb" : program) + " " + path;
    std::FILE* pipe = ::popen(line.c_str(), "r");
    std::string text;
    std::array<char, 4096> part;
    while (const size_t size = std::fread(part.data(), 1, part.size(), pipe)) {
        text.append(part.data(), size);
    }
    ::pclose(pipe);
    return text;
}

class RdbTest : public ::testing::Test {
protected:
    void start(std::vector<std::string> arguments = {}) {
        arguments.insert(arguments.end(), {"--databases", "100"});
        oracle_ = std::make_unique<ServerProcess>(
            ServerOptions{.binary = oracle_binary(), .arguments = std::move(arguments)});
        ASSERT_TRUE(oracle_->is_ready()) << oracle_->log();
        socket_.emplace(oracle_->connect());
    }
    RawSocket& socket() { return *socket_; }
    Frame command(const std::vector<std::string>& words) { return ask(*socket_, words); }
    [[nodiscard]] std::string path() const { return oracle_->directory() + "/dump.rdb"; }

    /// The file that the oracle saves.
    std::string save() {
        EXPECT_EQ(command({"SAVE"}).text, "OK");
        return read_file(path());
    }
    /// Lets the oracle load a file in place of what it has; its reply.
    std::string load(std::string_view file) {
        write_file(path(), file);
        return command({"DEBUG", "RELOAD", "NOSAVE"}).text;
    }

    std::unique_ptr<ServerProcess> oracle_;
    std::optional<RawSocket> socket_;
};

TEST_F(RdbTest, TheReaderTellsWhatRedisSavedAndTheWriterRepeatsIt) {
    const DataSet data = every_form();
    for (const std::string compression : {"yes", "no"}) {
        for (const std::string checksum : {"yes", "no"}) {
            SCOPED_TRACE("rdbcompression " + compression + ", rdbchecksum " + checksum);
            start({"--rdbcompression", compression, "--rdbchecksum", checksum});
            fill(socket(), data);
            const std::string file = save();
            CopyingHandler handler(
                {.has_checksum = checksum == "yes", .strings = {.compress = compression == "yes"}});
            ASSERT_EQ(read(file, handler), "");
            EXPECT_EQ(handler.data, data);
            EXPECT_EQ(handler.data, ask_for_all(socket(), data));
            EXPECT_EQ(handler.summary.version, 10);
            EXPECT_EQ(handler.summary.is_verified, checksum == "yes");
            EXPECT_TRUE(handler.fields.contains("redis-ver"));
            EXPECT_TRUE(handler.sink.bytes == file) << "the file is not repeated byte for byte";
        }
    }
}

TEST_F(RdbTest, ChunksOfAFileOfRedisMayBeSmall) {
    start();
    fill(socket(), every_form());
    const std::string file = save();
    for (const size_t chunk : {1, 2, 3, 7, 100, 4096}) {
        CopyingHandler handler({});
        ASSERT_EQ(read(file, handler, chunk), "") << chunk;
        EXPECT_TRUE(handler.sink.bytes == file) << chunk;
    }
}

TEST_F(RdbTest, IdleTimesAndFrequenciesAreRead) {
    for (const bool is_lfu : {false, true}) {
        start({"--maxmemory-policy", is_lfu ? "allkeys-lfu" : "allkeys-lru", "--maxmemory", "1gb"});
        fill(socket(), every_form());
        CopyingHandler handler({});
        const std::string file = save();
        ASSERT_EQ(read(file, handler), "");
        EXPECT_EQ(handler.with_idle, is_lfu ? 0 : handler.data.size());
        EXPECT_EQ(handler.with_frequency, is_lfu ? handler.data.size() : 0);
        EXPECT_TRUE(handler.sink.bytes == file);
    }
}

TEST_F(RdbTest, FunctionsOfRedisAreRefusedByName) {
    start();
    command({"SET", "before", "x"});
    command({"FUNCTION", "LOAD", "#!lua name=l\nredis.register_function('f', function() end)"});
    CopyingHandler handler({});
    EXPECT_THAT(read(save(), handler), HasSubstr("a library of functions at offset "));
}

std::string written(const DataSet& data, snapshot::RdbWriterOptions options) {
    StringSink sink;
    snapshot::RdbWriter writer(sink, options);
    writer.begin();
    writer.aux("redis-ver", "7.2.4");
    writer.aux("redis-bits", "64");
    writer.aux("ctime", "1700000000");
    writer.aux("used-mem", "1000000");
    writer.aux("aof-base", "0");
    int64_t timestamp_ms = 1700000000000;
    for (const auto& [place, key] : data) {
        writer.record({.database = place.first,
                       .key = place.second,
                       .value = key.value,
                       .expire_ms = key.expire_ms,
                       .timestamp_ms = ++timestamp_ms % 2 == 0 ? timestamp_ms : store::kNoTimestamp,
                       .idle_seconds = timestamp_ms % 3 == 0 ? std::optional(77U) : std::nullopt,
                       .frequency = std::nullopt});
    }
    writer.end();
    return sink.bytes;
}

TEST_F(RdbTest, RedisAcceptsAndLoadsWhatIsWritten) {
    start({"--maxmemory-policy", "allkeys-lru"});
    const DataSet data = every_form();
    for (const bool compress : {true, false}) {
        for (const bool has_checksum : {true, false}) {
            const std::string file =
                written(data, {.has_checksum = has_checksum, .strings = {.compress = compress}});
            EXPECT_EQ(load(file), "OK");
            EXPECT_EQ(ask_for_all(socket(), data), data);
            const std::string verdict = check_rdb(path());
            EXPECT_THAT(verdict, HasSubstr("RDB looks OK!"));
            EXPECT_THAT(verdict, HasSubstr(has_checksum ? "Checksum OK" : "checksum disabled"));
            EXPECT_THAT(verdict, HasSubstr("[info] " + std::to_string(data.size()) + " keys read"));
            EXPECT_THAT(verdict, HasSubstr("AUX FIELD gyre-timestamp = '17000000000"));
        }
    }
}

TEST_F(RdbTest, AttributesThatAreWrittenReachRedis) {
    start({"--maxmemory-policy", "allkeys-lfu"});
    StringSink sink;
    snapshot::RdbWriter writer(sink);
    writer.begin();
    writer.record({.key = "k", .value = "v", .frequency = uint8_t{200}});
    writer.end();
    EXPECT_EQ(load(sink.bytes), "OK");
    EXPECT_EQ(command({"OBJECT", "FREQ", "k"}).integer(), 200);
    command({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
    StringSink other;
    snapshot::RdbWriter idle_writer(other);
    idle_writer.begin();
    idle_writer.record({.key = "k", .value = "v", .idle_seconds = 5000});
    idle_writer.end();
    EXPECT_EQ(load(other.bytes), "OK");
    EXPECT_GE(command({"OBJECT", "IDLETIME", "k"}).integer(), 5000);
    EXPECT_LE(command({"OBJECT", "IDLETIME", "k"}).integer(), 5100);
}

TEST_F(RdbTest, AFileOfVersion11IsBeyondRedis70) {
    start();
    const DataSet data = {{{0, "k"}, Key{"v"}}};
    write_file(path(), written(data, {.version = 11}));
    EXPECT_THAT(check_rdb(path()), HasSubstr("Can't handle RDB format version 11"));
    // Its own reader takes it, as Redis 7.2 does.
    CopyingHandler handler({.version = 11});
    EXPECT_EQ(read(read_file(path()), handler), "");
    EXPECT_EQ(handler.data, data);
}

TEST_F(RdbTest, RedisSeesDamageWhereWeSeeIt) {
    start();
    std::string file = written({{{0, "k"}, Key{"some value"}}}, {});
    file[file.size() - 12] ^= 1;
    write_file(path(), file);
    EXPECT_THAT(check_rdb(path()), HasSubstr("RDB CRC error"));
    CopyingHandler handler({});
    EXPECT_THAT(read(file, handler), HasSubstr("checksum "));
}

TEST_F(RdbTest, PayloadsOfDumpAreTheSameBytesAndGoBothWays) {
    for (const bool compress : {true, false}) {
        start({"--rdbcompression", compress ? "yes" : "no"});
        for (const auto& [place, key] : every_form()) {
            command({"SET", "k", key.value});
            const std::string theirs = command({"DUMP", "k"}).text;
            const std::string ours =
                snapshot::dump_string(key.value, {.strings = {.compress = compress}}).joined();
            EXPECT_TRUE(ours == theirs) << quote(key.value.substr(0, 60));
            const auto restored = snapshot::restore_payload(theirs);
            ASSERT_TRUE(restored) << restored.error().message;
            EXPECT_TRUE(restored->value == key.value);
            EXPECT_EQ(command({"RESTORE", "restored", "0", ours, "REPLACE"}).text, "OK");
            EXPECT_TRUE(command({"GET", "restored"}).text == key.value);
        }
    }
}

TEST_F(RdbTest, DamagedPayloadsAreRefusedInTheWordsOfRedis) {
    start();
    const std::string good = snapshot::dump_string("some value").joined();
    // Only the first byte may go unseen by the checksum alone: it is a zero, and the register
    // starts at zero.
    std::vector<std::string> payloads = {"", "x", good + "x", good.substr(2)};
    for (size_t at = 0; at < good.size(); ++at) {
        payloads.push_back(good);
        payloads.back()[at] ^= 4;
    }
    for (const std::string& payload : payloads) {
        const auto restored = snapshot::restore_payload(payload);
        ASSERT_FALSE(restored);
        EXPECT_EQ(restored.error().kind, snapshot::DumpError::Kind::footer);
        EXPECT_EQ(command({"RESTORE", "k", "0", payload, "REPLACE"}).text,
                  snapshot::kDumpFooterError);
    }
    // The checksum is right, the type unknown.
    std::string unknown = "\x63x\n\x00"s;
    const uint64_t checksum = base::crc64(0, unknown);
    for (int shift = 0; shift < 64; shift += 8) unknown += static_cast<char>(checksum >> shift);
    const auto restored = snapshot::restore_payload(unknown);
    ASSERT_FALSE(restored);
    EXPECT_EQ(restored.error().kind, snapshot::DumpError::Kind::format);
    EXPECT_EQ(command({"RESTORE", "k", "0", unknown}).text, snapshot::kDumpFormatError);
}

}  // namespace
}  // namespace gyre::test
