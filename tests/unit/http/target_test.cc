// SPDX-License-Identifier: BSD-3-Clause

// Goal: a path is cut before it is decoded, and a name of this server is told from any other.

#include "http/target.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "http/guard.h"

namespace gyre::test {
namespace {

using ::testing::ElementsAre;

std::vector<std::string> segments(std::string_view text) {
    const auto target = http::parse_target(text);
    return target ? target->segments : std::vector<std::string>{"error"};
}

TEST(HttpTarget, is_cut_and_then_decoded) {
    EXPECT_THAT(segments("/"), ElementsAre(""));
    EXPECT_THAT(segments("/v1/keys/a%2Fb%00%ff"),
                ElementsAre("v1", "keys", std::string("a/b\0\xff", 5)));
    EXPECT_THAT(segments("/a//b/"), ElementsAre("a", "", "b", ""));
    EXPECT_THAT(segments("/a+b?x=1"), ElementsAre("a+b"));
    EXPECT_THAT(segments("/../etc/passwd"), ElementsAre("..", "etc", "passwd"));
    EXPECT_THAT(segments("http://localhost/a"), ElementsAre("a"));
    EXPECT_THAT(segments("http://localhost?x=1"), ElementsAre("error"));
    EXPECT_EQ(http::authority_of("http://localhost:80/a"), "localhost:80");
    EXPECT_EQ(http::authority_of("HTTPS://a?x"), "a");
    EXPECT_EQ(http::authority_of("http://a"), "a");
    EXPECT_EQ(http::authority_of("/http://a"), std::nullopt);
    EXPECT_TRUE(http::parse_target("*")->is_everything);
}

TEST(HttpTarget, has_a_query) {
    const auto target = http::parse_target("/k?match=a%2A+b&count=&flag&&count=2#x");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->value("match"), "a* b");
    EXPECT_EQ(target->value("count"), "");
    EXPECT_EQ(target->value("flag"), "");
    EXPECT_EQ(target->value("other"), std::nullopt);
}

TEST(HttpTarget, refuses_what_means_nothing) {
    for (const std::string_view text : {"/%", "/%4", "/%zz", "/?a=%", "a", ""}) {
        EXPECT_FALSE(http::parse_target(text)) << text;
    }
    std::string deep;
    for (int level = 0; level < 20; ++level) deep += "/a";
    EXPECT_FALSE(http::parse_target(deep));
    std::string wide = "/?";
    for (int pair = 0; pair < 70; ++pair) wide += "a=1&";
    EXPECT_FALSE(http::parse_target(wide));
}

TEST(HttpGuard, knows_the_names_of_this_server) {
    const std::vector<std::string> hosts{"db.example.org"};
    for (const std::string_view host :
         {"localhost", "LOCALHOST:8080", "a.localhost", "127.0.0.1", "10.1.2.3:80", "[::1]",
          "[::1]:8080", "db.example.org", "DB.example.org:1"}) {
        EXPECT_TRUE(http::is_known_host(host, hosts)) << host;
    }
    for (const std::string_view host :
         {"example.org", "localhost.example.org", "127.0.0.1.example.org", "", "evil", "[::1",
          "[evil]", "localhost:port", "1.2.3", "xdb.example.org", "localhost:80:80"}) {
        EXPECT_FALSE(http::is_known_host(host, hosts)) << host;
    }
}

TEST(HttpGuard, reads_credentials) {
    const auto read = [](std::string_view text) {
        return http::parse_authorization(text,
                                         [](std::string_view guess) { return guess == "se:cret"; });
    };
    const auto basic = read("Basic dXNlcjpwYTpzcw==");
    ASSERT_TRUE(basic);
    EXPECT_EQ(basic->user, "user");
    EXPECT_EQ(basic->password, "pa:ss");
    EXPECT_EQ(read("basic OnNlY3JldA==")->user, "default");
    EXPECT_EQ(read("Bearer secret")->password, "secret");
    EXPECT_EQ(read("bearer bob:secret")->user, "bob");
    EXPECT_EQ(read("Bearer se:cret")->user, "default");
    EXPECT_EQ(read("Bearer se:cret")->password, "se:cret");
    EXPECT_EQ(read("Bearer default:se:cret")->password, "se:cret");
    for (const std::string_view text : {"", "Basic", "Basic !!", "Basic c2VjcmV0", "Digest x"}) {
        EXPECT_FALSE(read(text)) << text;
    }
}

TEST(HttpGuard, knows_what_hosts_and_origins_can_be) {
    for (const std::string_view name : {"db.example.org", "db", "a-b_c.1"}) {
        EXPECT_TRUE(http::is_host_name(name)) << name;
    }
    for (const std::string_view name : {"", "http://a", "a:80", "a/b", ".a", "*", "*.a", "a,b"}) {
        EXPECT_FALSE(http::is_host_name(name)) << name;
    }
    for (const std::string_view origin :
         {"*", "null", "https://a.example", "http://localhost:3000", "http://[::1]:81",
          "http://[::1]", "chrome-extension://abc"}) {
        EXPECT_TRUE(http::is_origin(origin)) << origin;
    }
    for (const std::string_view origin :
         {"", "a.example", "https://", "https://a/", "https://a/b", "https://*.a", "http://a:b",
          "https://a,https://b", "https://a:443", "HTTP://a:80", "https://a:", "http://[::1]:80",
          "http://[x]", "http://[::1"}) {
        EXPECT_FALSE(http::is_origin(origin)) << origin;
    }
}

TEST(HttpGuard, tells_origins_apart) {
    http::Request request;
    request.fields[static_cast<size_t>(http::Field::host)] = "localhost:8080";
    http::GuardSettings settings;
    EXPECT_EQ(http::origin_of(request, settings), http::Origin::none);
    const auto of = [&](std::string_view origin) {
        request.fields[static_cast<size_t>(http::Field::origin)] = origin;
        return http::origin_of(request, settings);
    };
    EXPECT_EQ(of("http://localhost:8080"), http::Origin::same);
    EXPECT_EQ(of("https://localhost:8080"), http::Origin::same);
    EXPECT_EQ(of("http://localhost:8081"), http::Origin::foreign);
    EXPECT_EQ(of("null"), http::Origin::foreign);
    settings.origins = {"https://a.example"};
    EXPECT_EQ(of("https://a.example"), http::Origin::allowed);
    EXPECT_EQ(of("https://a.example.org"), http::Origin::foreign);
    settings.origins = {"*"};
    EXPECT_EQ(of("https://b.example"), http::Origin::allowed);
}

}  // namespace
}  // namespace gyre::test
