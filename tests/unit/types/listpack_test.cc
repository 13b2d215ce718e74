// SPDX-License-Identifier: BSD-3-Clause

// Goal: a listpack agrees with a vector of strings whatever is done to it, its bytes are those
// Redis writes, and bytes from elsewhere are refused unless they are one.

#include "types/listpack.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::types {
namespace {

using std::string;
using std::string_view;
using Strings = std::vector<string>;

/// Each in a buffer of exactly its size, so that a sanitizer sees a read beyond it.
std::vector<char> exact(string_view bytes) { return {bytes.begin(), bytes.end()}; }

Strings content(string_view bytes) {
    const std::vector<char> copy = exact(bytes);
    const Listpack listpack({copy.data(), copy.size()});
    Strings strings;
    ListpackValue::Digits digits;
    for (size_t at = listpack.begin(); at != listpack.end(); at = listpack.next(at)) {
        strings.emplace_back(listpack.at(at).text(digits));
    }
    return strings;
}

void append(string& bytes, string_view value) {
    const std::array added{ListpackElement::of(value)};
    const Listpack listpack(bytes);
    listpack.insert(listpack.end(), added).apply(bytes);
}

string listpack_of(const Strings& strings) {
    string bytes(Listpack::kEmpty);
    for (const string& value : strings) append(bytes, value);
    return bytes;
}

TEST(Listpack, HasTheBytesOfRedis) {
    EXPECT_EQ(listpack_of({}), string("\7\0\0\0\0\0\xff", 7));
    // As redis-server 7.0 puts them into a DUMP of RPUSH k a 1 -1 128 4095 -4096 32767 8388607
    // 2147483647 9223372036854775807.
    const string expected(
        "\x31\0\0\0\x0a\0"
        "\x81"
        "a\x02"
        "\x01\x01"
        "\xdf\xff\x02"
        "\xc0\x80\x02"
        "\xcf\xff\x02"
        "\xd0\x00\x02"
        "\xf1\xff\x7f\x03"
        "\xf2\xff\xff\x7f\x04"
        "\xf3\xff\xff\xff\x7f\x05"
        "\xf4\xff\xff\xff\xff\xff\xff\xff\x7f\x09"
        "\xff",
        49);
    EXPECT_EQ(listpack_of({"a", "1", "-1", "128", "4095", "-4096", "32767", "8388607", "2147483647",
                           "9223372036854775807"}),
              expected);
}

TEST(Listpack, LengthsAreWrittenAsRedisWritesThem) {
    // Sizes of the whole element: the width of the length behind grows one early.
    const auto bytes_of = [](size_t text) {
        return ListpackElement::of(string(text, 'x')).bytes();
    };
    EXPECT_EQ(bytes_of(0), 2u);
    EXPECT_EQ(bytes_of(63), 65u);
    EXPECT_EQ(bytes_of(64), 67u);    // two bytes of header
    EXPECT_EQ(bytes_of(125), 128u);  // 127 in front of the length
    EXPECT_EQ(bytes_of(126), 130u);  // two bytes of length
    EXPECT_EQ(bytes_of(4095), 4099u);
    EXPECT_EQ(bytes_of(4096), 4103u);
    EXPECT_EQ(bytes_of(16377), 16384u);  // 16382 in front of the length
    EXPECT_EQ(bytes_of(16378), 16386u);  // 16383: three bytes already
    EXPECT_EQ(bytes_of(2097145), 2097153u);
    EXPECT_EQ(bytes_of(2097146), 2097155u);
    for (const size_t text : {125u, 126u, 16377u, 16378u, 2097145u, 2097146u}) {
        const string bytes = listpack_of({"first", string(text, 'x'), "last"});
        ASSERT_TRUE(Listpack::is_valid(bytes)) << text;
        const Listpack listpack(bytes);
        const size_t middle = listpack.previous(listpack.previous(listpack.end()));
        EXPECT_EQ(listpack.at(middle).size, text);
        EXPECT_EQ(listpack.next(listpack.begin()), middle);
    }
}

TEST(Listpack, OnlyCanonicalNumbersBecomeIntegers) {
    for (const string_view text :
         {"0", "127", "-1", "9223372036854775807", "-9223372036854775808"}) {
        const string bytes = listpack_of({string(text)});
        EXPECT_TRUE(Listpack(bytes).at(6).is_integer()) << text;
        EXPECT_EQ(content(bytes), Strings{string(text)});
    }
    for (const string_view text :
         {"", "-0", "+1", "01", " 1", "1 ", "9223372036854775808", "1.0", "-", "0x1"}) {
        const string bytes = listpack_of({string(text)});
        EXPECT_FALSE(Listpack(bytes).at(6).is_integer()) << text;
        EXPECT_EQ(content(bytes), Strings{string(text)});
    }
}

TEST(Listpack, FindsTextAndNumbersAndLeavesOutWhatItIsTold) {
    const string bytes = listpack_of({"a", "7", "7", "a", "b", "-300"});
    const Listpack listpack(bytes);
    const auto index_of = [&](string_view text, size_t skip) {
        const size_t found = listpack.find(ListpackElement::of(text), listpack.begin(), skip);
        for (int64_t index = 0; index < 6; ++index) {
            if (listpack.seek(index) == found) return index;
        }
        EXPECT_EQ(found, listpack.end());
        return int64_t{-1};
    };
    EXPECT_EQ(index_of("a", 0), 0);
    EXPECT_EQ(index_of("7", 0), 1);
    EXPECT_EQ(index_of("7", 1), 2);
    EXPECT_EQ(index_of("b", 1), 4);
    EXPECT_EQ(index_of("-300", 0), 5);
    EXPECT_EQ(index_of("-300", 1), -1);
    EXPECT_EQ(index_of("07", 0), -1);
    // A number that was stored as text, as only foreign bytes have it.
    const string foreign("\x0a\0\0\0\1\0\x81\x37\2\xff", 10);
    ASSERT_TRUE(Listpack::is_valid(foreign));
    EXPECT_EQ(Listpack(foreign).find(ListpackElement::of("7"), 6), 6u);
    EXPECT_EQ(Listpack(foreign).find(ListpackElement::of(int64_t{7}), 6), 6u);
}

TEST(Listpack, CountsWhatTheHeaderCannotHold) {
    string bytes(Listpack::kEmpty);
    const std::vector<ListpackElement> many(70'000, ListpackElement::of("1"));
    Listpack(bytes).insert(6, many).apply(bytes);
    EXPECT_EQ(Listpack(bytes).size(), 70'000u);
    EXPECT_TRUE(Listpack::is_valid(bytes));
    EXPECT_EQ(Listpack(bytes).seek(69'999), bytes.size() - 3);
    EXPECT_EQ(Listpack(bytes).seek(-70'000), 6u);
    EXPECT_EQ(Listpack(bytes).seek(-70'001), Listpack(bytes).end());
    Listpack(bytes).erase(6, 69'990).apply(bytes);
    EXPECT_EQ(Listpack(bytes).size(), 10u);
    EXPECT_TRUE(Listpack::is_valid(bytes));
}

string random_text(base::Random& random) {
    switch (random.below(6)) {
        case 0:
            return std::to_string(static_cast<int64_t>(random.next()) >> random.below(64));
        case 1:
            return string(random.below(140), 'v');
        case 2:
            return string(random.below(9) == 0 ? random.below(20'000) : random.below(20), '\0');
        default:
            return "member" + std::to_string(random.below(20));
    }
}

void check_seeks(const Listpack& listpack, const Strings& model) {
    const auto size = static_cast<int64_t>(model.size());
    ASSERT_EQ(listpack.size(), model.size());
    ListpackValue::Digits digits;
    for (int64_t index = -size - 1; index <= size; ++index) {
        const size_t at = listpack.seek(index);
        if (index < -size || index >= size) {
            ASSERT_EQ(at, listpack.end());
            continue;
        }
        ASSERT_EQ(listpack.at(at).text(digits), model[static_cast<size_t>((index + size) % size)]);
        ASSERT_EQ(listpack.previous(listpack.next(at)), at);
    }
}

TEST(Listpack, AgreesWithAVector) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    string bytes(Listpack::kEmpty);
    Strings model;
    for (int step = 0; step < 20'000; ++step) {
        const Listpack listpack(bytes);
        const size_t from = random.below(model.size() + 1);
        const size_t removed =
            random.below(std::min<size_t>(model.size() - from, model.size() > 40 ? 9 : 2) + 1);
        Strings texts(random.below(3));
        std::vector<ListpackElement> added;
        for (string& text : texts) text = random_text(random);
        for (const string& text : texts) added.push_back(ListpackElement::of(text));
        const ListpackSplice splice =
            listpack.replace(listpack.seek(static_cast<int64_t>(from)), removed, added);
        const size_t planned = splice.size_after(bytes.size());
        splice.apply(bytes);
        ASSERT_EQ(bytes.size(), planned);
        const auto at = model.begin() + static_cast<std::ptrdiff_t>(from);
        model.insert(model.erase(at, at + static_cast<std::ptrdiff_t>(removed)), texts.begin(),
                     texts.end());
        ASSERT_TRUE(Listpack::is_valid(bytes));
        ASSERT_EQ(content(bytes), model);
        if (step % 16 == 0) check_seeks(Listpack(bytes), model);
        if (HasFatalFailure()) return;
    }
}

TEST(Listpack, RefusesBytesThatAreNone) {
    const string good = listpack_of({"abc", "12345", string(100, 'x'), string(5000, 'y'), "-7"});
    ASSERT_TRUE(Listpack::is_valid(good));
    for (size_t cut = 0; cut < good.size(); ++cut) {
        const std::vector<char> part = exact(string_view(good).substr(0, cut));
        ASSERT_FALSE(Listpack::is_valid({part.data(), part.size()})) << cut;
    }
    EXPECT_FALSE(Listpack::is_valid(good + '\xff'));
    for (const string_view bad : {
             string_view("\x09\0\0\0\1\0\x81\1\xff", 9),  // text longer than what follows
             string_view("\x08\0\0\0\1\0\xf5\xff", 8),    // no such encoding
             string_view("\x09\0\0\0\1\0\1\2\xff", 9),    // wrong length behind
             string_view("\x09\0\0\0\2\0\1\1\xff", 9),    // wrong count
             string_view("\x08\0\0\0\1\0\xf0\xff", 8),    // header cut off
             string_view("\x0d\0\0\0\1\0\xf0\xff\xff\xff\xff\1\xff", 13),
         }) {
        const std::vector<char> copy = exact(bad);
        EXPECT_FALSE(Listpack::is_valid({copy.data(), copy.size()}));
    }
}

// Whatever single bytes are changed: it is refused, or it can be read to its end from both sides.
TEST(Listpack, WhatIsValidCanBeRead) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed() + 1);
    const string good = listpack_of({"abc", "12345", "", string(70, 'x'), "-7", "70000"});
    size_t accepted = 0;
    for (int round = 0; round < 200'000; ++round) {
        std::vector<char> bytes = exact(good);
        for (uint64_t changes = 1 + random.below(3); changes != 0; --changes) {
            bytes[random.below(bytes.size())] = static_cast<char>(random.next());
        }
        const string_view view(bytes.data(), bytes.size());
        if (!Listpack::is_valid(view)) continue;
        ++accepted;
        const Listpack listpack(view);
        const Strings strings = content(view);
        ASSERT_EQ(strings.size(), listpack.size());
        size_t at = listpack.end();
        for (size_t i = strings.size(); i-- > 0;) {
            at = listpack.previous(at);
            ListpackValue::Digits digits;
            ASSERT_EQ(listpack.at(at).text(digits), strings[i]);
        }
        ASSERT_EQ(at, listpack.begin());
    }
    EXPECT_GT(accepted, 0u);
}

}  // namespace
}  // namespace gyre::types
