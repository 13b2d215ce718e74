// SPDX-License-Identifier: BSD-3-Clause

// Many connections that do nothing: what each costs, and that they cost the others nothing.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

constexpr int64_t kBytesPerIdleConnectionMax = 2048;

/// Descriptors this process may open for connections.
size_t connections_allowed(size_t wanted) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    constexpr size_t kOwn = 200;
    return std::min<size_t>(wanted, limit.rlim_cur > 2 * kOwn ? limit.rlim_cur - kOwn : kOwn);
}

class ConnectionsTest : public ServerTest {};

TEST_P(ConnectionsTest, AnIdleConnectionTakesLessThanTwoKibibytes) {
    const size_t count = connections_allowed(10'000);
    start({"--maxclients", "20000"});
    Session watcher = session();
    const auto used = [&] { return watcher.info_number("memory", "used_memory"); };
    const int64_t before = used();
    std::vector<RawSocket> idle;
    idle.reserve(count);
    for (size_t index = 0; index < count; ++index) idle.push_back(socket());
    // Each has spoken once: what it keeps is what it keeps for good.
    for (RawSocket& one : idle) one.send("PING\r\n");
    for (RawSocket& one : idle) {
        const auto reply = one.read_frame();
        ASSERT_TRUE(reply.has_value());
        ASSERT_EQ(reply->raw, "+PONG\r\n");
    }
    EXPECT_EQ(watcher.info("clients", "connected_clients"), std::to_string(count + 1));
    EXPECT_LT((used() - before) / static_cast<int64_t>(count), kBytesPerIdleConnectionMax);
    EXPECT_EQ(watcher.ask("PING"), "PONG");
}

/// Clients of each reactor, as INFO tells them.
std::vector<int> clients_by_reactor(const std::string& info) {
    std::vector<int> clients;
    const std::string mark = ":clients=";
    size_t place = 0;
    while ((place = info.find("gyre_reactor", place)) != std::string::npos) {
        place = info.find(mark, place) + mark.size();
        clients.push_back(std::stoi(info.substr(place)));
    }
    return clients;
}

TEST_P(ConnectionsTest, ANewOneGoesToTheReactorWithTheFewest) {
    start();
    Session watcher = session();
    std::vector<RawSocket> others;
    for (int index = 0; index < 21; ++index) others.push_back(socket());
    // Those of one reactor leave; who comes next fills its place.
    for (RawSocket& one : others) ASSERT_EQ(one.command({"PING"}).raw, "+PONG\r\n");
    for (size_t index = 0; index < 10; ++index)
        others.erase(others.begin() + static_cast<int>(index));
    ASSERT_TRUE(
        wait_until([&] { return watcher.info_number("clients", "connected_clients") == 12; }));
    for (int index = 0; index < 10; ++index) others.push_back(socket());
    for (RawSocket& one : others) ASSERT_EQ(one.command({"PING"}).raw, "+PONG\r\n");
    const std::vector<int> clients = clients_by_reactor(watcher.ask("INFO", "everything"));
    ASSERT_EQ(clients.size(), static_cast<size_t>(GetParam()));
    const auto [least, most] = std::minmax_element(clients.begin(), clients.end());
    EXPECT_LE(*most - *least, 1);
}

GYRE_INSTANTIATE(ConnectionsTest);

}  // namespace
}  // namespace gyre::test
