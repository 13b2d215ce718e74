// SPDX-License-Identifier: BSD-3-Clause
// Keys for gyre-cli's Tab key out of a database with many.

#include "cli/key_finder.h"

#include <gtest/gtest.h>

#include "integration/server_test.h"

namespace gyre::test {
namespace {

using cli::FoundKeys;
using cli::KeyFinder;

constexpr int kKeys = 100'000;
/// Ends nothing on the slowest machine.
constexpr std::chrono::minutes kLongTime{1};

class KeyFinderTest : public ServerTest {
protected:
    void start_with_many() {
        start();
        Session client = session();
        for (int i = 0; i < kKeys; ++i) {
            client.client().append("SET", "other:" + std::to_string(i), "v");
        }
        client.client().append("SET", "the*one", "v");
        client.client().append("SET", "the_two", "v");
        ASSERT_TRUE(client.client().execute_pipeline());
        address_.port = static_cast<uint16_t>(server().port());
    }

    cli::Address address_;
};

TEST_P(KeyFinderTest, FindsTheOneOfVeryMany) {
    start_with_many();
    KeyFinder finder(address_, kLongTime);
    const FoundKeys found = finder.find(address_, 0, "the*");
    EXPECT_EQ(found.names, std::vector<std::string>{"the*one"});
    EXPECT_FALSE(found.is_cut);
    EXPECT_TRUE(finder.find(address_, 3, "the").names.empty()) << "of another database";
    EXPECT_EQ(finder.find(address_, 0, "the").names.size(), 2U);
}

TEST_P(KeyFinderTest, SaysThatItStopped) {
    start_with_many();
    // Enough of them.
    const FoundKeys many = KeyFinder(address_, kLongTime).find(address_, 0, "o");
    EXPECT_GE(many.names.size(), KeyFinder::kKeysMax);
    EXPECT_LT(many.names.size(), size_t{kKeys});
    EXPECT_TRUE(many.is_cut);
    // No time: one page and no more.
    const FoundKeys hasty =
        KeyFinder(address_, std::chrono::milliseconds(0)).find(address_, 0, "x");
    EXPECT_TRUE(hasty.names.empty());
    EXPECT_TRUE(hasty.is_cut);
    ASSERT_TRUE(server().stop());
    const FoundKeys nobody = KeyFinder(address_, kLongTime).find(address_, 0, "o");
    EXPECT_TRUE(nobody.names.empty());
    EXPECT_TRUE(nobody.is_cut);
}

INSTANTIATE_TEST_SUITE_P(Reactors, KeyFinderTest, ::testing::Values(1), reactors_name);

}  // namespace
}  // namespace gyre::test
