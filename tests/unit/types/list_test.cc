// SPDX-License-Identifier: BSD-3-Clause

// Goal: a list agrees with a deque of strings whatever is done to it, under every limit and
// compress depth, and its memory is exact.

#include "types/list.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "base/memory.h"
#include "base/random.h"
#include "support/seed.h"

namespace gyre::types {
namespace {

using Model = std::deque<std::string>;

int64_t keyspace_bytes() { return base::used(base::Purpose::keyspace); }

std::string text_of(const ListpackValue& value) {
    ListpackValue::Digits digits;
    return std::string(value.text(digits));
}

/// A list and the truth about it.
class Pair {
public:
    explicit Pair(List::Options options) : list(new List(options)), before_(0) {
        before_ = keyspace_bytes() - static_cast<int64_t>(list->footprint());
    }

    void push(ListEnd end, const std::string& value) {
        list->push(end, value);
        end == ListEnd::head ? model.push_front(value) : model.push_back(value);
    }
    void erase(size_t start, size_t count) {
        list->erase(start, count);
        const auto from = model.begin() + static_cast<std::ptrdiff_t>(start);
        model.erase(from, from + static_cast<std::ptrdiff_t>(count));
    }
    void insert(size_t index, ListEnd side, const std::string& value) {
        List::Cursor cursor(*list, index);
        list->insert(cursor, side, value);
        model.insert(model.begin() + static_cast<std::ptrdiff_t>(index) + (side == ListEnd::tail),
                     value);
    }
    void replace(size_t index, const std::string& value) {
        List::Cursor cursor(*list, index);
        list->replace(cursor, value);
        model[index] = value;
    }
    void remove(const std::string& value, size_t limit, ListEnd from) {
        const size_t removed = list->remove(value, limit, from);
        size_t expected = 0;
        for (; expected < limit; ++expected) {
            auto found = std::find(model.begin(), model.end(), value);
            if (from == ListEnd::tail) {
                const auto behind = std::find(model.rbegin(), model.rend(), value);
                found = behind == model.rend() ? model.end() : behind.base() - 1;
            }
            if (found == model.end()) break;
            model.erase(found);
        }
        ASSERT_EQ(removed, expected);
    }

    void check() const {
        ASSERT_EQ(list->size(), model.size());
        ASSERT_EQ(keyspace_bytes() - before_, static_cast<int64_t>(list->footprint()));
        check_nodes();
        if (model.empty()) return;
        List::Cursor forward(*list, 0);
        for (const std::string& expected : model) {
            ASSERT_TRUE(forward);
            ASSERT_EQ(text_of(forward.value()), expected);
            forward.next();
        }
        ASSERT_FALSE(forward);
        List::Cursor backward(*list, model.size() - 1);
        for (size_t i = model.size(); i-- > 0; backward.previous()) {
            ASSERT_TRUE(backward);
            ASSERT_EQ(text_of(backward.value()), model[i]);
        }
        ASSERT_FALSE(backward);
    }
    void check_nodes() const {
        size_t node = 0;
        size_t elements = 0;
        const List::Options& options = list->options();
        std::vector<ListNode::Form> forms;
        list->for_each_node([&](ListNode::Form form, std::string_view bytes, size_t count) {
            forms.push_back(form);
            elements += count;
            ++node;
            ASSERT_GT(count, 0u);
            if (form == ListNode::Form::plain) {
                ASSERT_EQ(count, 1u);
                return;
            }
            ASSERT_TRUE(Listpack::is_valid(bytes));
            ASSERT_EQ(Listpack(bytes).size(), count);
            ASSERT_TRUE(options.limit.allows(bytes.size(), count)) << bytes.size() << " " << count;
        });
        ASSERT_EQ(node, list->nodes());
        ASSERT_EQ(elements, list->size());
        for (size_t i = 0; i < forms.size(); ++i) {
            if (i < options.compress_depth || i + options.compress_depth >= forms.size()) {
                ASSERT_NE(forms[i], ListNode::Form::compressed) << i;
            }
            if (options.compress_depth == 0) {
                ASSERT_NE(forms[i], ListNode::Form::compressed);
            }
        }
    }

    std::unique_ptr<List> list;
    Model model;

private:
    int64_t before_;
};

std::string random_text(base::Random& random) {
    switch (random.below(12)) {
        case 0:
            return std::to_string(static_cast<int64_t>(random.next()) >> random.below(64));
        case 1:
            return "";
        case 2:
            return std::string(random.below(random.below(20) == 0 ? 20'000 : 700), 'x');
        default:
            return "element " + std::to_string(random.below(9));
    }
}

void step(Pair& pair, base::Random& random) {
    const size_t size = pair.model.size();
    const size_t index = size == 0 ? 0 : random.below(size);
    const ListEnd end = random.below(2) == 0 ? ListEnd::head : ListEnd::tail;
    switch (size == 0 ? 0 : random.below(12)) {
        case 0:
        case 1:
        case 2:
        case 3:
            return pair.push(end, random_text(random));
        case 4:
        case 5:
            return pair.erase(end == ListEnd::head ? 0 : size - 1, 1);
        case 6:
        case 7:
            return pair.insert(index, end, random_text(random));
        case 8:
        case 9:
            return pair.replace(index, random_text(random));
        case 10:
            return pair.remove(random_text(random), 1 + random.below(20), end);
        default:
            return pair.erase(index, random.below(std::min<size_t>(size - index, 30) + 1));
    }
}

struct Setting {
    int64_t limit;
    size_t depth;
};

class ListModel : public ::testing::TestWithParam<Setting> {};

TEST_P(ListModel, AgreesWithADeque) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed() + static_cast<uint64_t>(GetParam().limit));
    Pair pair({ListLimit(GetParam().limit), GetParam().depth});
    for (int i = 0; i < 6'000; ++i) {
        step(pair, random);
        if (i % 50 == 0) pair.check();
        if (HasFatalFailure()) return;
        // Now and then it grows to many nodes, and shrinks.
        if (i % 1'000 == 999) {
            for (int k = 0; k < 2'000; ++k) pair.push(ListEnd::tail, random_text(random));
            pair.check();
            pair.erase(0, pair.model.size() - 200);
        }
    }
    pair.check();
    const std::unique_ptr<List> copy(pair.list->clone());
    ASSERT_EQ(copy->size(), pair.model.size());
    for (size_t i = 0; i < pair.model.size(); ++i) {
        ASSERT_EQ(text_of(List::Cursor(*copy, i).value()), pair.model[i]);
    }
}

INSTANTIATE_TEST_SUITE_P(Settings, ListModel,
                         ::testing::Values(Setting{-2, 0}, Setting{-1, 1}, Setting{-5, 3},
                                           Setting{1, 0}, Setting{4, 2}, Setting{128, 1},
                                           Setting{0, 1}, Setting{-9, 0}),
                         [](const auto& setting) { return std::to_string(setting.index); });

TEST(List, CompressesWhatStandsBetweenTheEnds) {
    const auto fill = [](List& list) {
        for (int i = 0; i < 20'000; ++i) {
            list.push(ListEnd::tail, "an element that repeats itself " + std::to_string(i % 7));
        }
    };
    const auto plain = std::make_unique<List>(List::Options{ListLimit(-2), 0});
    const auto compressed = std::make_unique<List>(List::Options{ListLimit(-2), 2});
    fill(*plain);
    fill(*compressed);
    size_t forms = 0;
    compressed->for_each_node([&](ListNode::Form form, std::string_view, size_t) {
        forms += form == ListNode::Form::compressed ? 1 : 0;
    });
    EXPECT_EQ(forms, compressed->nodes() - 4);
    EXPECT_LT(compressed->footprint() * 5, plain->footprint());
}

TEST(List, GivesAllMemoryBackInSlices) {
    const int64_t before = keyspace_bytes();
    auto* list = new List({ListLimit(-2), 0});
    for (int i = 0; i < 100'000; ++i) list->push(ListEnd::tail, "an element of some length");
    EXPECT_GT(list->footprint(), 2'500'000u);
    EXPECT_LT(list->footprint(), 3'200'000u);
    int slices = 0;
    while (!list->drain(1'000)) ++slices;
    EXPECT_GT(slices, 50);
    delete list;
    EXPECT_EQ(keyspace_bytes(), before);
}

TEST(List, BecomesAListpackAgainWhenOneNodeIsLeft) {
    List list({ListLimit(-2), 0});
    for (int i = 0; i < 3'000; ++i) list.push(ListEnd::tail, std::to_string(i));
    EXPECT_TRUE(list.only_listpack().empty());
    list.erase(10, 2'990);
    ASSERT_EQ(list.only_listpack().size(), Listpack::kEmptyBytes + 20);
    const List again(list.only_listpack(), list.options());
    EXPECT_EQ(text_of(List::Cursor(again, 9).value()), "9");
}

TEST(List, LimitsAreThoseOfRedis) {
    EXPECT_EQ(ListLimit(-1).bytes_max(), 4096u);
    EXPECT_EQ(ListLimit(-2).bytes_max(), 8192u);
    EXPECT_EQ(ListLimit(-5).bytes_max(), 65536u);
    EXPECT_EQ(ListLimit(INT64_MIN).bytes_max(), 65536u);
    EXPECT_EQ(ListLimit(0).elements_max(), 1u);
    EXPECT_EQ(ListLimit(INT64_MAX).elements_max(), 32767u);
    EXPECT_TRUE(ListLimit(128).allows(8192, 128));
    EXPECT_FALSE(ListLimit(128).allows(8193, 1));
    EXPECT_FALSE(ListLimit(128).allows(1, 129));
    EXPECT_TRUE(ListLimit(128).allows_shrunk(8192, 64));
    EXPECT_FALSE(ListLimit(128).allows_shrunk(8192, 65));
    EXPECT_TRUE(ListLimit(-2).allows_shrunk(4096, 4000));
    EXPECT_FALSE(ListLimit(-2).allows_shrunk(4097, 1));
}

}  // namespace
}  // namespace gyre::types
