// SPDX-License-Identifier: BSD-3-Clause
//
// Clients, workers, log, its thread and a disk in one simulated world, whose power fails at a
// random moment: with appendfsync always every write that a client was told of is found again, by
// executing what is on the disk, and nothing that no client has sent. Disks fail, are full, and
// tell lies; over hundreds of seeds.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "base/log.h"
#include "commands/replay_lanes.h"
#include "log/file_writer.h"
#include "simulated_server.h"
#include "support/seed.h"

namespace gyre::server {
namespace {

const std::string kDirectory = "appendonlydir";

/// The log's thread, on the world of a server.
struct LogThread {
    explicit LogThread(SimulatedServer& home)
        : server(home),
          ring(home.world()),
          directory(home.world().disk(), kDirectory, log::AofNames{}),
          writer(home.log(), ring, directory) {
        EXPECT_TRUE(directory.open());
        EXPECT_TRUE(writer.open({}));
        reactor = std::make_unique<ring::Reactor>(ring, writer);
        home.log().set_thread_waker([this] { ring.wake(); });
        home.world().attach(*reactor, ring);
    }
    ~LogThread() {
        server.world().detach(*reactor);
        server.log().set_thread_waker([] {});
    }

    SimulatedServer& server;
    ring::sim::SimRing ring;
    log::AofDirectory directory;
    log::FileWriter writer;
    std::unique_ptr<ring::Reactor> reactor;
};

/// A client that counts, with a few requests under way.
class Counter {
public:
    Counter(SimulatedServer& server, std::string key) : client_(server), key_(std::move(key)) {}

    void send() {
        if (under_way_ == 4) return;
        client_.send("INCR " + key_ + "\r\n");
        ++under_way_;
        ++sent_;
    }
    void receive() {
        const std::string& text = client_.received();
        for (size_t end = text.find('\n', at_); end != std::string::npos;
             end = text.find('\n', at_)) {
            if (text[at_] == ':') told_ = std::stoull(text.substr(at_ + 1));
            at_ = end + 1;
            --under_way_;
        }
    }
    const std::string& key() const { return key_; }
    uint64_t sent() const { return sent_; }
    uint64_t told() const { return told_; }

private:
    SimulatedClient client_;
    std::string key_;
    size_t at_ = 0;
    int under_way_ = 0;
    uint64_t sent_ = 0;
    uint64_t told_ = 0;
};

/// Executes what a disk holds.
void load(ring::sim::Disk& disk, test::CommandRunner& runner) {
    log::AofDirectory directory(disk, kDirectory, log::AofNames{});
    ASSERT_TRUE(directory.open());
    commands::ReplayLanes replay(runner.services(), runner.now_ms());
    for (const log::AofFile& file : directory.manifest().load_order()) {
        replay.begin_part();
        log::AofReader reader(replay);
        // The last may end badly: what stands before that counts.
        const std::string content = disk.content(directory.path_of(file.name));
        if (reader.feed(content) != log::AofReader::Status::failed) reader.finish();
        EXPECT_TRUE(replay.finish().has_value());
        EXPECT_NE(reader.end().kind, log::AofEnd::Kind::refused) << reader.end().message;
    }
    runner.executor().is_replaying = false;
}

TEST(LogCrash, EveryWriteThatWasToldOfIsFoundAgain) {
    base::set_level(base::Level::nothing);
    uint64_t told = 0;
    for (uint64_t seed = test_seed(); seed < test_seed() + 300; ++seed) {
        SCOPED_TRACE("GYRE_SEED=" + std::to_string(seed));
        base::Random choices(seed);
        SimulatedServer server(
            {.seed = seed, .workers = 1 + choices.below(2), .log_bytes = 20'000});
        server.log().sync_mode = log::SyncMode::always;
        auto thread = std::make_unique<LogThread>(server);
        ring::sim::Disk& disk = server.world().disk();
        disk.faults = ring::sim::DiskFaults::swarm(choices);
        std::vector<std::unique_ptr<Counter>> counters;
        for (int i = 0; i < 4; ++i) {
            counters.push_back(std::make_unique<Counter>(server, "c" + std::to_string(i)));
        }
        const uint64_t steps = choices.below(6000);
        for (uint64_t step = 0; step < steps; ++step) {
            Counter& counter = *counters[choices.below(counters.size())];
            if (choices.below(4) == 0) counter.send();
            counter.receive();
            if (choices.below(1000) == 0) disk.bytes_max = choices.below(5000);
            if (choices.below(300) == 0) disk.bytes_max = UINT64_MAX;
            server.world().step();
        }
        for (const auto& counter : counters) counter->receive();
        thread.reset();
        disk.faults = {};
        disk.crash();
        test::CommandRunner runner;
        load(disk, runner);
        for (const auto& counter : counters) {
            const store::Entry* entry = runner.find(counter->key());
            const uint64_t found = entry == nullptr ? 0 : static_cast<uint64_t>(entry->integer());
            EXPECT_GE(found, counter->told()) << counter->key();
            EXPECT_LE(found, counter->sent()) << counter->key();
            told += counter->told();
        }
        server.make_durable();
        if (server.log().admission() == log::Admission::failing) server.log().recover();
        counters.clear();
        if (::testing::Test::HasFailure()) break;
    }
    EXPECT_GT(told, 10'000U);
    base::set_level(base::Level::notice);
}

}  // namespace
}  // namespace gyre::server
