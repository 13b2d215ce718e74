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
    const auto basic = http::parse_authorization("Basic dXNlcjpwYTpzcw==");
    ASSERT_TRUE(basic);
    EXPECT_EQ(basic->user, "user");
    EXPECT_EQ(basic->password, "pa:ss");
    EXPECT_EQ(http::parse_authorization("basic OnNlY3JldA==")->user, "default");
    EXPECT_EQ(http::parse_authorization("Bearer secret")->password, "secret");
    EXPECT_EQ(http::parse_authorization("bearer bob:secret")->user, "bob");
    for (const std::string_view text : {"", "Basic", "Basic !!", "Basic c2VjcmV0", "Digest x"}) {
        EXPECT_FALSE(http::parse_authorization(text)) << text;
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
