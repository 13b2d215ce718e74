// SPDX-License-Identifier: BSD-3-Clause

// Goal: INFO without sockets: which sections an argument means, that every row reads and none
// appears twice, what the data set's figures become, and rates from samples. What needs clients
// stands in tests/integration/introspection_test.cc.

#include "server/info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "server/server.h"
#include "types/string_value.h"

namespace gyre::server {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class InfoTest : public ::testing::Test {
protected:
    InfoTest() {
        const std::vector<std::string_view> arguments{"--threads", "1", "--maxmemory", "1mb"};
        EXPECT_TRUE(config_.load(arguments));
        server_.emplace(config_);
    }

    std::string info(std::vector<std::string_view> sections = {}) {
        return server_->info(sections);
    }
    static std::vector<std::string> titles(const std::string& text) {
        std::vector<std::string> found;
        std::istringstream lines(text);
        for (std::string line; std::getline(lines, line);) {
            if (line.starts_with("# ")) found.push_back(line.substr(2, line.size() - 3));
        }
        return found;
    }
    /// The value of a field; "(none)" when there is none.
    std::string field(std::string_view section, const std::string& name) {
        const std::string text = "\n" + info({section});
        const size_t at = text.find("\n" + name + ":");
        if (at == std::string::npos) return "(none)";
        const size_t begin = at + name.size() + 2;
        return text.substr(begin, text.find("\r\n", begin) - begin);
    }
    void add_keys(size_t database, int count, int64_t expire_ms) {
        engine::Executor executor;
        engine::Dataset& dataset = server_->dataset();
        for (int i = 0; i < count; ++i) {
            const std::string name = std::to_string(database) + ":" + std::to_string(i);
            const store::Key key = store::Key::of(name);
            const size_t shard = dataset.shard_of(key.hash);
            dataset.lock(shard, executor);
            dataset.shard(shard)
                .database(database, 1)
                .put_string(key, nullptr, types::plain_string("value"), expire_ms,
                            store::kNoTimestamp);
            dataset.unlock(shard);
        }
    }

    Config config_;
    std::optional<Server> server_;
};

TEST_F(InfoTest, DefaultSectionsAreThoseOfRedisAndExpiry) {
    const std::string text = info();
    EXPECT_THAT(titles(text),
                ElementsAre("Server", "Clients", "Memory", "Persistence", "Stats", "Replication",
                            "CPU", "Modules", "Errorstats", "Expiry", "Cluster", "Keyspace"));
    EXPECT_EQ(titles(info({"default"})), titles(text));
    EXPECT_TRUE(text.starts_with("# Server\r\nredis_version:7.2.4\r\n"));
    EXPECT_THAT(text, HasSubstr("\r\n\r\n# Clients\r\n"));
    EXPECT_THAT(text, HasSubstr("cluster_enabled:0\r\n\r\n# Keyspace\r\n"));
}

TEST_F(InfoTest, SectionsByName) {
    EXPECT_THAT(titles(info({"all"})),
                ::testing::IsSupersetOf({"Commandstats", "Latencystats", "Ring"}));
    EXPECT_EQ(titles(info({"everything"})), titles(info({"ALL"})));
    EXPECT_THAT(titles(info({"keyspace", "SERVER", "cpu", "server"})),
                ElementsAre("Server", "CPU", "Keyspace"));
    EXPECT_EQ(info({"nosuch"}), "");
    EXPECT_THAT(titles(info({"nosuch", "ring"})), ElementsAre("Ring"));
    EXPECT_THAT(titles(info({"default", "commandstats"})), ::testing::Contains("Commandstats"));
}

TEST_F(InfoTest, EveryRowHasAHelpAndANameOfItsOwn) {
    std::vector<std::string_view> names;
    for (const InfoSection& section : info_sections()) {
        for (const InfoMetric& metric : section.metrics) {
            names.push_back(metric.name);
            EXPECT_FALSE(metric.help.empty()) << metric.name;
            ASSERT_NE(metric.read, nullptr) << metric.name;
        }
    }
    std::sort(names.begin(), names.end());
    EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
}

TEST_F(InfoTest, NumbersAreNumbers) {
    add_keys(0, 10, store::kNoExpiry);
    InfoSource source(*server_);
    for (const InfoSection& section : info_sections()) {
        for (const InfoMetric& metric : section.metrics) {
            const std::string value = metric.read(source);
            EXPECT_EQ(value.find_first_of("\r\n"), std::string::npos) << metric.name;
            if (metric.unit == InfoUnit::text) continue;
            char* end = nullptr;
            std::strtod(value.c_str(), &end);
            EXPECT_TRUE(!value.empty() && *end == '\0') << metric.name << ":" << value;
        }
    }
}

TEST_F(InfoTest, FactsOfTheServer) {
    EXPECT_EQ(field("server", "server_name"), "gyre");
    EXPECT_EQ(field("server", "gyre_version"), GYRE_VERSION);
    EXPECT_EQ(field("server", "run_id").size(), 40U);
    EXPECT_EQ(field("replication", "master_replid").size(), 40U);
    EXPECT_NE(field("replication", "master_replid"), field("server", "run_id"));
    EXPECT_EQ(field("server", "tcp_port"), "6379");
    EXPECT_EQ(field("server", "config_file"), "");
    EXPECT_EQ(field("server", "multiplexing_api"), "io_uring");
    EXPECT_EQ(field("clients", "maxclients"), "10000");
    EXPECT_EQ(field("replication", "role"), "master");
    EXPECT_EQ(field("persistence", "aof_enabled"), "0");
}

TEST_F(InfoTest, MemoryAddsUp) {
    const auto number = [this](const char* name) { return std::stoll(field("memory", name)); };
    add_keys(0, 1000, store::kNoExpiry);
    EXPECT_GT(number("used_memory_keyspace"), 1000);
    EXPECT_EQ(number("used_memory_keyspace"), number("used_memory_dataset"));
    EXPECT_GE(number("used_memory_peak"), number("used_memory"));
    EXPECT_GT(number("used_memory_rss"), 1000 * 1000);
    EXPECT_EQ(field("memory", "maxmemory_policy"), "noeviction");
    const auto figures = server_->memory_figures();
    const auto of = [&](std::string_view name) {
        const auto found = std::find_if(figures.begin(), figures.end(),
                                        [&](const auto& figure) { return figure.name == name; });
        return found == figures.end() ? -1 : found->integer;
    };
    EXPECT_EQ(of("keys.count"), 1000);
    EXPECT_EQ(of("dataset.bytes") + of("overhead.total"), of("total.allocated"));
    EXPECT_GT(of("keys.bytes-per-key"), 10);
    EXPECT_EQ(of("db.1"), -1);
    const auto database = std::find_if(figures.begin(), figures.end(),
                                       [](const auto& figure) { return figure.name == "db.0"; });
    ASSERT_NE(database, figures.end());
    ASSERT_EQ(database->parts.size(), 2U);
    EXPECT_EQ(database->parts[0].name, "overhead.hashtable.main");
    EXPECT_EQ(database->parts[0].integer, number("used_memory_index"));
    EXPECT_EQ(database->parts[1].name, "overhead.hashtable.expires");
    EXPECT_EQ(database->parts[1].integer, number("used_memory_wheel"));
}

TEST_F(InfoTest, MemoryByTypeIsTheSameEverywhere) {
    add_keys(0, 30, store::kNoExpiry);
    add_keys(2, 12, store::kNoExpiry);
    engine::Executor executor;
    const store::Key key = store::Key::of("packed");
    engine::Dataset& dataset = server_->dataset();
    const size_t shard = dataset.shard_of(key.hash);
    dataset.lock(shard, executor);
    const store::Entry* hash = dataset.shard(shard).database(1, 1).put_packed(
        key, nullptr, {store::Type::hash, store::Encoding::listpack}, "\7\0\0\0\0\0\xff",
        store::kNoExpiry, store::kNoTimestamp);
    const std::string bytes = std::to_string(store::Partition::footprint(*hash));
    dataset.unlock(shard);

    EXPECT_EQ(field("memory", "keys_type_string"), "42");
    EXPECT_EQ(field("memory", "keys_type_hash"), "1");
    EXPECT_EQ(field("memory", "keys_type_stream"), "0");
    EXPECT_EQ(field("memory", "used_memory_type_hash"), bytes);
    EXPECT_EQ(field("memory", "used_memory_type_zset"), "0");
    // Nothing is shared and nothing waits to be freed: the parts are the whole.
    EXPECT_EQ(std::stoll(field("memory", "used_memory_type_string")) + std::stoll(bytes),
              std::stoll(field("memory", "used_memory_keyspace")));
    const auto figures = server_->memory_figures();
    size_t types = 0;
    for (const auto& figure : figures) {
        if (!figure.name.starts_with("type.")) continue;
        ++types;
        const std::string type = figure.name.substr(5);
        ASSERT_EQ(figure.parts.size(), 2U);
        EXPECT_EQ(figure.parts[0].name, "keys.count");
        EXPECT_EQ(std::to_string(figure.parts[0].integer), field("memory", "keys_type_" + type));
        EXPECT_EQ(figure.parts[1].name, "bytes");
        EXPECT_EQ(std::to_string(figure.parts[1].integer),
                  field("memory", "used_memory_type_" + type));
    }
    EXPECT_EQ(types, store::kTypeCount);
    InfoSource source(*server_);
    const std::string metrics = prometheus_text(source);
    EXPECT_THAT(metrics, HasSubstr("\ngyre_type_keys{type=\"string\"} 42\n"));
    EXPECT_THAT(metrics, HasSubstr("\ngyre_type_memory_bytes{type=\"hash\"} " + bytes + "\n"));
}

TEST_F(InfoTest, KeyspaceAndExpiryCountByDatabase) {
    InfoSource now(*server_);
    add_keys(0, 20, store::kNoExpiry);
    add_keys(3, 5, now.wall_ms() + 100'000);
    add_keys(4, 7, now.wall_ms() - 1000);
    EXPECT_EQ(field("keyspace", "db0"), "keys=20,expires=0,avg_ttl=0");
    const std::string third = field("keyspace", "db3");
    EXPECT_TRUE(third.starts_with("keys=5,expires=5,avg_ttl=")) << third;
    const int64_t left_ms = std::stoll(third.substr(third.rfind('=') + 1));
    EXPECT_GT(left_ms, 50'000);
    EXPECT_LE(left_ms, 100'000);
    EXPECT_EQ(field("keyspace", "db4"), "keys=7,expires=7,avg_ttl=0");
    EXPECT_EQ(field("keyspace", "db1"), "(none)");
    EXPECT_EQ(field("expiry", "expiry_keys_with_ttl"), "12");
    EXPECT_EQ(field("expiry", "expiry_keys_without_ttl"), "20");
    EXPECT_EQ(field("expiry", "expiry_backlog"), "7");
    EXPECT_EQ(field("stats", "expired_stale_perc"), "58.33");
}

TEST_F(InfoTest, ResetClearsStatisticsAndKeepsState) {
    engine::Executor executor;
    server_->dataset().for_each_shard(executor, [](store::Shard& shard) {
        shard.statistics.keyspace_hits = 1;
        shard.statistics.expired_lazily = 2;
        shard.statistics.expired_actively = 3;
        shard.statistics.changes = 4;
    });
    const auto shards = static_cast<int64_t>(server_->dataset().shards());
    EXPECT_EQ(field("stats", "keyspace_hits"), std::to_string(shards));
    EXPECT_EQ(field("stats", "expired_keys"), std::to_string(shards * 5));
    server_->reset_statistics(nullptr);
    EXPECT_EQ(field("stats", "keyspace_hits"), "0");
    EXPECT_EQ(field("stats", "expired_keys"), "0");
    EXPECT_EQ(field("persistence", "rdb_changes_since_last_save"), std::to_string(shards * 4));
}

TEST(HumanBytes, AreWrittenAsRedisDoes) {
    EXPECT_EQ(human_bytes(0), "0B");
    EXPECT_EQ(human_bytes(1023), "1023B");
    EXPECT_EQ(human_bytes(1024), "1.00K");
    EXPECT_EQ(human_bytes(941048), "918.99K");
    EXPECT_EQ(human_bytes(25276510208), "23.54G");
    EXPECT_EQ(human_bytes(INT64_MAX), "8.00E");
}

TEST(InfoHistory, RatesAreThoseOfLate) {
    InfoHistory history;
    EXPECT_EQ(history.rates(5'000'000, {.commands = 100}).commands, 0);
    history.sample(1'000'000, {.commands = 100});
    // Too close to say anything, and not kept.
    EXPECT_EQ(history.rates(1'050'000, {.commands = 200}).commands, 0);
    history.sample(1'050'000, {.commands = 9000});
    EXPECT_DOUBLE_EQ(history.rates(2'000'000, {.commands = 600}).commands, 500);
    history.sample(2'000'000, {.commands = 600});
    history.sample(3'000'000, {.commands = 700, .input_bytes = 10});
    // Since the oldest of the last two seconds.
    EXPECT_DOUBLE_EQ(history.rates(4'000'000, {.commands = 1000}).commands, 200);
    // Nobody asked for long: since the newest.
    EXPECT_DOUBLE_EQ(history.rates(13'000'000, {.commands = 1700}).commands, 100);
    EXPECT_DOUBLE_EQ(history.rates(13'000'000, {.input_bytes = 1010}).input_bytes, 100);
    // Counters that were set back are no negative rate.
    EXPECT_EQ(history.rates(4'000'000, {.commands = 5}).commands, 0);
}

TEST(InfoHistory, KeepsTheNewestSamplesAndForgetsAtReset) {
    InfoHistory history;
    for (uint64_t second = 1; second <= 100; ++second) {
        history.sample(static_cast<int64_t>(second) * 1'000'000, {.commands = second * 10});
    }
    EXPECT_DOUBLE_EQ(history.rates(101'000'000, {.commands = 1010}).commands, 10);
    history.reset({.connections = 7});
    EXPECT_EQ(history.rates(102'000'000, {.commands = 1010}).commands, 0);
    EXPECT_EQ(history.baseline().connections, 7U);
    EXPECT_EQ(history.replication_id().size(), 40U);
}

}  // namespace
}  // namespace gyre::server
