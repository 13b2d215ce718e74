// SPDX-License-Identifier: BSD-3-Clause

// Goal: what operators and exporters read: INFO, SLOWLOG, LATENCY, MEMORY, OBJECT, COMMAND, DEBUG
// and its gate.

#include "integration/server_test.h"

namespace gyre::test {
namespace {

class IntrospectionTest : public ServerTest {};

TEST_P(IntrospectionTest, InfoHasTheSectionsAndFieldsExportersRead) {
    start();
    Session s = session();
    const std::vector<std::pair<std::string, std::vector<std::string>>> table{
        {"server",
         {"redis_version", "redis_mode", "os", "arch_bits", "process_id", "run_id", "tcp_port",
          "server_time_usec", "uptime_in_seconds", "uptime_in_days", "executable", "config_file"}},
        {"clients",
         {"connected_clients", "maxclients", "client_recent_max_input_buffer",
          "client_recent_max_output_buffer", "blocked_clients", "tracking_clients"}},
        {"memory",
         {"used_memory",
          "used_memory_human",
          "used_memory_rss",
          "used_memory_peak",
          "used_memory_overhead",
          "used_memory_startup",
          "used_memory_dataset",
          "maxmemory",
          "maxmemory_human",
          "maxmemory_policy",
          "mem_fragmentation_ratio",
          "mem_fragmentation_bytes",
          "mem_clients_normal",
          "mem_clients_slaves",
          "mem_replication_backlog",
          "mem_aof_buffer",
          "mem_allocator",
          "lazyfree_pending_objects",
          "lazyfreed_objects",
          "allocator_allocated",
          "allocator_active",
          "allocator_resident",
          "total_system_memory"}},
        {"persistence",
         {"loading", "rdb_bgsave_in_progress", "aof_enabled", "rdb_changes_since_last_save",
          "rdb_last_bgsave_status"}},
        {"stats",
         {"total_connections_received", "total_commands_processed", "instantaneous_ops_per_sec",
          "total_net_input_bytes", "total_net_output_bytes", "rejected_connections", "expired_keys",
          "expired_stale_perc", "expired_time_cap_reached_count", "evicted_keys", "evicted_clients",
          "keyspace_hits", "keyspace_misses", "total_error_replies", "latest_fork_usec",
          "pubsub_channels", "total_reads_processed", "total_writes_processed"}},
        {"replication", {"role", "connected_slaves", "master_replid", "master_repl_offset"}},
        {"cpu", {"used_cpu_sys", "used_cpu_user"}},
    };
    const std::string all = s.ask("INFO", "all");
    const std::string default_text = s.ask("INFO");
    for (const auto& [section, fields] : table) {
        std::string title = section;
        title[0] = static_cast<char>(title[0] - 'a' + 'A');
        if (section == "cpu") title = "CPU";
        EXPECT_NE(default_text.find("# " + title + "\r\n"), std::string::npos) << title;
        const std::string text = "\n" + s.ask("INFO", section);
        for (const std::string& field : fields) {
            EXPECT_NE(text.find("\n" + field + ":"), std::string::npos) << section << " " << field;
            EXPECT_NE(all.find("\n" + field + ":"), std::string::npos) << "all " << field;
        }
    }
    EXPECT_EQ(s.info("server", "run_id").size(), 40U);
    EXPECT_EQ(s.info("server", "tcp_port"), std::to_string(server().port()));
    EXPECT_EQ(s.info("replication", "role"), "master");
    EXPECT_EQ(s.info("keyspace", "db0"), "");
    EXPECT_EQ(s.ask("INFO", "nosuch"), "");
    EXPECT_EQ(session(3).reply("INFO", "server").type, ReplyType::verbatim);
}

TEST_P(IntrospectionTest, InfoNamesGyre) {
    REQUIRE_GYRE();
    start();
    Session s = session();
    EXPECT_EQ(s.info("server", "redis_version"), "7.2.4");
    EXPECT_EQ(s.info("server", "server_name"), "gyre");
    EXPECT_NE(s.info("server", "gyre_version"), "");
    EXPECT_NE(s.info("stats", "client_query_buffer_limit_disconnections"), "");
    EXPECT_NE(s.info("stats", "client_output_buffer_limit_disconnections"), "");
}

TEST_P(IntrospectionTest, CountersCount) {
    start();
    Session s = session();
    s.ask("SET", "a", "1");
    s.ask("GET", "a");
    s.ask("GET", "missing");
    s.ask("NOSUCH");
    s.ask("INCR", "a", "b");
    s.ask("SET", "w", "x");
    s.ask("INCR", "w");
    EXPECT_EQ(s.info_number("stats", "keyspace_hits"), 1);
    EXPECT_EQ(s.info_number("stats", "keyspace_misses"), 1);
    EXPECT_EQ(s.info_number("stats", "total_error_replies"), 3);
    EXPECT_EQ(s.info("keyspace", "db0").rfind("keys=2,expires=0", 0), 0U);
    const std::string get = s.info("commandstats", "cmdstat_get");
    EXPECT_EQ(get.rfind("calls=2,usec=", 0), 0U) << get;
    EXPECT_NE(get.find(",usec_per_call="), std::string::npos) << get;
    const std::string incr = s.info("commandstats", "cmdstat_incr");
    EXPECT_NE(incr.find(",rejected_calls=1,failed_calls=1"), std::string::npos) << incr;
    EXPECT_EQ(s.info("errorstats", "errorstat_ERR"), "count=3");
    const std::string latency = s.info("latencystats", "latency_percentiles_usec_get");
    EXPECT_EQ(latency.rfind("p50=", 0), 0U) << latency;
}

TEST_P(IntrospectionTest, ErrorsInATransactionAreCountedOnceAndStatisticsBeginWithTheirReset) {
    start();
    Session s = session();
    s.ask("SET", "w", "x");
    EXPECT_EQ(s.ask("CONFIG", "RESETSTAT"), "OK");
    EXPECT_EQ(s.info("commandstats", "cmdstat_set"), "");
    const std::string reset = s.info("commandstats", "cmdstat_config|resetstat");
    EXPECT_EQ(reset.rfind("calls=1,usec=", 0), 0U) << reset;
    s.ask("MULTI");
    s.ask("INCR", "w");
    s.ask("SET", "v", "x");
    s.ask("INCR", "v");
    s.ask("EXEC");
    EXPECT_EQ(s.info_number("stats", "total_error_replies"), 2);
    EXPECT_EQ(s.info("errorstats", "errorstat_ERR"), "count=2");
    const auto failed = [&s](const std::string& name) {
        const std::string figures = s.info("commandstats", "cmdstat_" + name);
        return figures.substr(figures.find("failed_calls="));
    };
    EXPECT_EQ(failed("incr"), "failed_calls=2");
    EXPECT_EQ(failed("set"), "failed_calls=0");
    EXPECT_EQ(failed("exec"), "failed_calls=0");
    s.ask("EXEC");
    EXPECT_EQ(failed("exec"), "failed_calls=1");
    EXPECT_EQ(s.info("errorstats", "errorstat_ERR"), "count=3");
}

/// In a pipeline a command's time begins where that of the one before ended; but a wait between
/// them, and a command that has taken its time, are not the next one's.
TEST_P(IntrospectionTest, TimesInAPipelineAreEachItsOwn) {
    start({"--enable-debug-command", "yes"});
    Session s = session();
    RawSocket socket = this->socket();
    std::string pipeline;
    for (const std::vector<std::string>& words : std::vector<std::vector<std::string>>{
             {"DEBUG", "SLEEP", "0.05"},
             {"GET", "a"},
             {"BLPOP", "b", "0.05"},
             {"GET", "a"},
             {"KEYS", "*"},
             {"GET", "a"},
         }) {
        pipeline += encode(words);
    }
    socket.send(pipeline);
    ASSERT_EQ(socket.read_frames(6).size(), 6U);
    // Nor is the time between two pipelines.
    socket.send(encode({"BLPOP", "b", "0.05"}));
    s.ask("GET", "a");
    ASSERT_EQ(socket.read_frames(1).size(), 1U);
    s.ask("GET", "a");
    const auto microseconds = [&](const std::string& row) {
        const std::string figures = s.info("commandstats", "cmdstat_" + row);
        return std::stoll(figures.substr(figures.find("usec=") + 5));
    };
    EXPECT_GE(microseconds("debug"), 50'000);
    EXPECT_LT(microseconds("get"), 25'000);
}

TEST_P(IntrospectionTest, SlowlogRecordsCutsAndForgets) {
    start({"--slowlog-log-slower-than", "0", "--slowlog-max-len", "5"});
    Session s = session();
    s.ask("CLIENT", "SETNAME", "slow");
    EXPECT_EQ(s.ask("SLOWLOG", "RESET"), "OK");
    std::vector<std::string> many{"DEL"};
    for (int i = 0; i < 50; ++i) many.push_back("k" + std::to_string(i));
    s.command(many);
    s.ask("SET", "a", std::string(500, 'x'));
    const Reply entries = s.reply("SLOWLOG", "GET", "2");
    ASSERT_EQ(entries.elements.size(), 2U);
    const Reply& set = entries.elements[0];
    ASSERT_EQ(set.elements.size(), 6U);
    EXPECT_EQ(set.elements[3].elements[0].text, "SET");
    EXPECT_EQ(set.elements[3].elements[2].text, std::string(128, 'x') + "... (372 more bytes)");
    EXPECT_EQ(set.elements[5].text, "slow");
    const Reply& del = entries.elements[1];
    ASSERT_EQ(del.elements[3].elements.size(), 32U);
    EXPECT_EQ(del.elements[3].elements[31].text, "... (20 more arguments)");
    for (int i = 0; i < 10; ++i) s.ask("PING");
    EXPECT_EQ(s.ask("SLOWLOG", "LEN"), ":5");
    EXPECT_EQ(s.reply("SLOWLOG", "GET", "-1").elements.size(), 5U);
    EXPECT_EQ(s.ask("CONFIG", "SET", "slowlog-log-slower-than", "-1"), "OK");
    s.ask("SLOWLOG", "RESET");
    s.ask("PING");
    EXPECT_EQ(s.ask("SLOWLOG", "LEN"), ":0");
}

TEST_P(IntrospectionTest, LatencyEventsAreRecordedAboveTheThreshold) {
    // Far above what a busy machine takes from a command that is quick.
    start({"--latency-monitor-threshold", "400"});
    Session s = session();
    EXPECT_EQ(s.ask("LATENCY", "LATEST"), "[]");
    s.ask("DEBUG", "SLEEP", "0.5");
    const Reply latest = s.reply("LATENCY", "LATEST");
    ASSERT_EQ(latest.elements.size(), 1U);
    EXPECT_EQ(latest.elements[0].elements[0].text, "command");
    EXPECT_GE(latest.elements[0].elements[2].integer, 450);
    EXPECT_EQ(s.reply("LATENCY", "HISTORY", "command").elements.size(), 1U);
    EXPECT_EQ(s.ask("LATENCY", "RESET", "command"), ":1");
    EXPECT_EQ(s.ask("LATENCY", "LATEST"), "[]");
    EXPECT_FALSE(s.reply("LATENCY", "DOCTOR").text.empty());
    s.ask("SET", "a", "b");
    const Reply histogram = s.reply("LATENCY", "HISTOGRAM", "set");
    ASSERT_EQ(histogram.elements.size(), 2U);
    EXPECT_EQ(histogram.elements[0].text, "set");
    EXPECT_EQ(histogram.elements[1].elements[1].integer, 1);
}

TEST_P(IntrospectionTest, MemoryOfKeysAndOfTheWhole) {
    start();
    Session s = session();
    EXPECT_EQ(s.ask("MEMORY", "USAGE", "missing"), "(nil)");
    s.ask("SET", "small", "v");
    s.ask("SET", "big", std::string(100'000, 'b'));
    EXPECT_GT(s.number("MEMORY", "USAGE", "small"), 8);
    EXPECT_LT(s.number("MEMORY", "USAGE", "small"), 200);
    EXPECT_GE(s.number("MEMORY", "USAGE", "big", "SAMPLES", "0"), 100'000);
    EXPECT_LT(s.number("MEMORY", "USAGE", "big"), 140'000);
    const Reply stats = s.reply("MEMORY", "STATS");
    for (const char* field : {"peak.allocated", "total.allocated", "startup.allocated",
                              "clients.normal", "overhead.total", "keys.count",
                              "keys.bytes-per-key", "dataset.bytes", "dataset.percentage",
                              "peak.percentage", "allocator.allocated", "fragmentation", "db.0"}) {
        EXPECT_NE(stats.find(field), nullptr) << field;
    }
    ASSERT_NE(stats.find("keys.count"), nullptr);
    EXPECT_EQ(stats.find("keys.count")->integer, 2);
    EXPECT_EQ(stats.find("db.1"), nullptr);
    ASSERT_NE(stats.find("db.0"), nullptr);
    for (const char* field : {"overhead.hashtable.main", "overhead.hashtable.expires"}) {
        EXPECT_NE(stats.find("db.0")->find(field), nullptr) << field;
    }
    EXPECT_FALSE(s.reply("MEMORY", "DOCTOR").text.empty());
    EXPECT_EQ(s.ask("MEMORY", "PURGE"), "OK");
}

TEST_P(IntrospectionTest, FreedReceivedAndSentIsCounted) {
    start();
    Session s = session();
    for (int i = 0; i < 100; ++i) s.ask("SET", "k" + std::to_string(i), "v");
    EXPECT_EQ(s.info_number("memory", "lazyfreed_objects"), 0);
    EXPECT_EQ(s.ask("FLUSHALL", "ASYNC"), "OK");
    EXPECT_TRUE(wait_until([&] { return s.info_number("memory", "lazyfreed_objects") == 100; }));
    // Each of these is a receive and a send of its own.
    const int64_t reads = s.info_number("stats", "total_reads_processed");
    const int64_t writes = s.info_number("stats", "total_writes_processed");
    for (int i = 0; i < 10; ++i) s.ask("PING");
    EXPECT_GE(s.info_number("stats", "total_reads_processed"), reads + 10);
    EXPECT_GE(s.info_number("stats", "total_writes_processed"), writes + 10);
    EXPECT_EQ(s.ask("CONFIG", "RESETSTAT"), "OK");
    EXPECT_EQ(s.info_number("memory", "lazyfreed_objects"), 0);
}

TEST_P(IntrospectionTest, ListenersAreNamed) {
    start();
    REQUIRE_GYRE();  // since Redis 7.2
    Session s = session();
    const std::string port = std::to_string(server().port());
    ASSERT_EQ(s.ask("CONFIG", "SET", "bind", "127.0.0.1 127.0.0.2"), "OK");
    EXPECT_EQ(s.info("server", "listener0"), "name=tcp,bind=127.0.0.1,bind=127.0.0.2,port=" + port);
    EXPECT_EQ(s.info("server", "listener1"), "name=unix,bind=" + server().unix_path());
}

TEST_P(IntrospectionTest, UsedMemoryRisesAndFalls) {
    start();
    Session s = session();
    const int64_t empty = s.info_number("memory", "used_memory");
    for (int i = 0; i < 1000; ++i) s.ask("SET", "k" + std::to_string(i), std::string(10'000, 'v'));
    const int64_t full = s.info_number("memory", "used_memory");
    EXPECT_GT(full - empty, 10'000'000);
    EXPECT_LT(full - empty, 13'000'000);
    s.ask("FLUSHALL");
    EXPECT_TRUE(
        wait_until([&] { return s.info_number("memory", "used_memory") - empty < 1'000'000; }));
}

TEST_P(IntrospectionTest, ObjectTellsEncodingAndIdleTime) {
    start();
    Session s = session();
    s.ask("SET", "n", "12345");
    s.ask("SET", "short", "abc");
    s.ask("SET", "long", std::string(45, 'x'));
    s.ask("SET", "appended", "a");
    s.ask("APPEND", "appended", "b");
    EXPECT_EQ(s.ask("OBJECT", "ENCODING", "n"), "int");
    EXPECT_EQ(s.ask("OBJECT", "ENCODING", "short"), "embstr");
    EXPECT_EQ(s.ask("OBJECT", "ENCODING", "long"), "raw");
    EXPECT_EQ(s.ask("OBJECT", "ENCODING", "appended"), "raw");
    EXPECT_EQ(s.ask("OBJECT", "ENCODING", "none"), "(nil)");
    EXPECT_EQ(s.ask("OBJECT", "REFCOUNT", "short"), ":1");
    EXPECT_EQ(s.ask("OBJECT", "IDLETIME", "short"), ":0");
    EXPECT_EQ(
        s.ask("OBJECT", "FREQ", "short"),
        "-ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note "
        "that when switching between policies at runtime LRU and LFU data will take some time to "
        "adjust.");
    EXPECT_TRUE(wait_until([&] { return s.number("OBJECT", "IDLETIME", "short") >= 1; }));
    s.ask("GET", "short");
    EXPECT_EQ(s.ask("OBJECT", "IDLETIME", "short"), ":0");
}

TEST_P(IntrospectionTest, HelpOfContainersIsAList) {
    start();
    Session s = session();
    for (const char* container :
         {"CLIENT", "CONFIG", "COMMAND", "OBJECT", "MEMORY", "LATENCY", "SLOWLOG", "DEBUG"}) {
        const Reply help = s.reply(container, "HELP");
        ASSERT_GT(help.elements.size(), 3U) << container;
        EXPECT_EQ(
            help.elements[0].text,
            std::string(container) + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
    }
}

TEST_P(IntrospectionTest, DebugIsClosedByDefault) {
    start({"--enable-debug-command", "no"});
    EXPECT_EQ(
        session().ask("DEBUG", "SLEEP", "0"),
        "-ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", "
        "you can run it from a local connection, otherwise you need to set this option in the "
        "configuration file, and then restart the server.");
    start({"--enable-debug-command", "local"});
    EXPECT_EQ(session().ask("DEBUG", "SLEEP", "0"), "OK");
    Session local(server(), {.unix_path = server().unix_path()});
    EXPECT_EQ(local.ask("DEBUG", "SLEEP", "0"), "OK");
}

TEST_P(IntrospectionTest, CommandTellsOnlyWhatIsThere) {
    REQUIRE_GYRE();
    start();
    Session s = session();
    const Reply list = s.reply("COMMAND", "LIST");
    for (const Reply& name : list.elements) {
        if (name.text == "shutdown" || name.text == "quit" || name.text == "reset") continue;
        // What follows would be queued, or be told of in between.
        if (name.text == "multi" || name.text == "monitor") continue;
        const std::size_t bar = name.text.find('|');
        const std::string reply =
            bar == std::string::npos
                ? s.ask(name.text)
                : s.ask(name.text.substr(0, bar), name.text.substr(bar + 1), "x", "x", "x", "x");
        EXPECT_EQ(reply.find("-ERR unknown subcommand '"), std::string::npos) << name.text;
        EXPECT_EQ(reply.find("-ERR unknown command"), std::string::npos) << name.text;
    }
    EXPECT_EQ(brief(s.reply("COMMAND", "INFO", "fcall")), "[(nil)]");
    EXPECT_EQ(s.ask("FCALL", "a", "b"),
              "-ERR unknown command 'FCALL', with args beginning with: 'a' 'b' ");
}

TEST_P(IntrospectionTest, TimeMoves) {
    start();
    Session s = session();
    const Reply time = s.reply("TIME");
    ASSERT_EQ(time.elements.size(), 2U);
    EXPECT_GT(std::stoll(time.elements[0].text), 1'700'000'000);
    EXPECT_LT(std::stoll(time.elements[1].text), 1'000'000);
}

GYRE_INSTANTIATE(IntrospectionTest);

}  // namespace
}  // namespace gyre::test
