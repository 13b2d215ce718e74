// SPDX-License-Identifier: BSD-3-Clause

// URLs and what they mean.

#include "cli/address.h"

#include <gtest/gtest.h>

namespace gyre::cli {
namespace {

Address of(std::string_view url) {
    Address address;
    const auto done = apply_url(address, url);
    EXPECT_TRUE(done) << url << ": " << done.error().message;
    return address;
}

std::string refusal(std::string_view url) {
    Address address;
    const auto done = apply_url(address, url);
    return done ? "" : done.error().message;
}

TEST(Address, ReadsEachPartOfAUrl) {
    const Address address = of("redis://ann:s%3Acret%40@example.org:7000/3");
    EXPECT_EQ(address.username, "ann");
    EXPECT_EQ(address.password, "s:cret@");
    EXPECT_EQ(address.host, "example.org");
    EXPECT_EQ(address.port, 7000);
    EXPECT_EQ(address.database, 3);
    EXPECT_EQ(address.to_string(), "example.org:7000");
}

TEST(Address, KnowsUrlsThatAskForTls) {
    EXPECT_FALSE(of("redis://h").uses_tls);
    const Address address = of("rediss://ann:pw@h:7000/3");
    EXPECT_TRUE(address.uses_tls);
    EXPECT_EQ(address.to_string(), "h:7000");
    EXPECT_EQ(address.database, 3);
    EXPECT_TRUE(of("valkeys://h").uses_tls);
}

TEST(Address, LeavesWhatTheUrlDoesNotSay) {
    EXPECT_EQ(of("redis://").to_string(), "127.0.0.1:6379");
    EXPECT_EQ(of("valkey://other").to_string(), "other:6379");
    EXPECT_EQ(of("redis://:7001/").to_string(), "127.0.0.1:7001");
    const Address address = of("redis://secret@h");
    EXPECT_EQ(address.username, "");
    EXPECT_EQ(address.password, "secret");
    EXPECT_EQ(of("redis://:secret@h").password, "secret");
}

TEST(Address, ReadsIpv6AndUnixSockets) {
    const Address six = of("redis://[::1]:7002/1");
    EXPECT_EQ(six.host, "::1");
    EXPECT_EQ(six.to_string(), "[::1]:7002");
    EXPECT_EQ(of("redis://[fe80::2]").host, "fe80::2");
    const Address local = of("unix:///run/gyre.sock?db=4");
    EXPECT_EQ(local.unix_path, "/run/gyre.sock");
    EXPECT_EQ(local.database, 4);
    EXPECT_EQ(of("unix://ann:pw@/run/a%20b").unix_path, "/run/a b");
}

TEST(Address, RefusesWhatCannotBeMeant) {
    EXPECT_NE(refusal("http://h").find("no URL of a server"), std::string::npos);
    EXPECT_NE(refusal("localhost").find("no URL of a server"), std::string::npos);
    EXPECT_NE(refusal("redis://h:0").find("1 to 65535"), std::string::npos);
    EXPECT_NE(refusal("redis://h:99999").find("1 to 65535"), std::string::npos);
    EXPECT_NE(refusal("redis://h/x").find("database"), std::string::npos);
    EXPECT_NE(refusal("redis://a%2@h").find("%25"), std::string::npos);
    EXPECT_NE(refusal("redis://[::1").find("']'"), std::string::npos);
    EXPECT_NE(refusal("unix://").find("no socket"), std::string::npos);
    EXPECT_NE(refusal("unix:///s?x=1").find("?db="), std::string::npos);
}

}  // namespace
}  // namespace gyre::cli
