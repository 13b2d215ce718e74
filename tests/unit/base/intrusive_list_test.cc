// SPDX-License-Identifier: BSD-3-Clause

#include "base/intrusive_list.h"

#include <gtest/gtest.h>

#include <list>
#include <memory>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::base {
namespace {

struct ByAge;

struct Item : ListHook<>, ListHook<ByAge> {
    explicit Item(int item_number) : number(item_number) {}
    int number;
};
using Items = IntrusiveList<Item>;
using Ages = IntrusiveList<Item, ByAge>;

template <class List>
std::vector<int> numbers(List& list) {
    std::vector<int> found;
    for (Item& item : list) found.push_back(item.number);
    return found;
}

TEST(IntrusiveList, keeps_the_order_elements_are_put_in) {
    Item one(1), two(2), three(3), four(4);
    Items list;
    EXPECT_TRUE(list.empty());
    EXPECT_EQ(list.pop_front(), nullptr);
    list.push_back(two);
    list.push_front(one);
    list.push_back(four);
    list.insert_before(four, three);
    EXPECT_EQ(numbers(list), (std::vector{1, 2, 3, 4}));
    EXPECT_EQ(list.front().number, 1);
    EXPECT_EQ(list.back().number, 4);
    EXPECT_EQ(list.count(), 4u);
    list.remove(two);
    EXPECT_EQ(list.pop_front(), &one);
    EXPECT_EQ(numbers(list), (std::vector{3, 4}));
    EXPECT_FALSE(one.ListHook<>::is_linked());
}

TEST(IntrusiveList, an_element_can_be_in_one_list_for_each_tag) {
    Item one(1), two(2);
    Items list;
    Ages ages;
    list.push_back(one);
    list.push_back(two);
    ages.push_back(two);
    ages.push_back(one);
    list.remove(one);
    EXPECT_EQ(numbers(list), (std::vector{2}));
    EXPECT_EQ(numbers(ages), (std::vector{2, 1}));
}

TEST(IntrusiveList, elements_leave_when_destroyed_and_outlive_their_list) {
    Item stays(1);
    {
        Items list;
        list.push_back(stays);
        {
            Item goes(2);
            list.push_back(goes);
            EXPECT_EQ(list.count(), 2u);
        }
        EXPECT_EQ(numbers(list), (std::vector{1}));
    }
    EXPECT_FALSE(stays.ListHook<>::is_linked());
    stays.ListHook<>::unlink();  // in no list: nothing
}

TEST(IntrusiveList, the_element_an_iteration_stands_on_may_go) {
    std::vector<std::unique_ptr<Item>> items;
    Items list;
    for (int number = 0; number < 6; ++number) {
        items.push_back(std::make_unique<Item>(number));
        list.push_back(*items.back());
    }
    std::vector<int> visited;
    for (Item& item : list) {
        visited.push_back(item.number);
        if (item.number % 2 == 0) items[static_cast<size_t>(item.number)].reset();
    }
    EXPECT_EQ(visited, (std::vector{0, 1, 2, 3, 4, 5}));
    EXPECT_EQ(numbers(list), (std::vector{1, 3, 5}));
}

TEST(IntrusiveList, splice_moves_everything_in_order) {
    Item one(1), two(2), three(3);
    Items list, other;
    list.push_back(one);
    other.push_back(two);
    other.push_back(three);
    list.splice_back(other);
    list.splice_back(other);  // empty: nothing
    EXPECT_EQ(numbers(list), (std::vector{1, 2, 3}));
    EXPECT_TRUE(other.empty());
    other.splice_back(list);
    EXPECT_EQ(numbers(other), (std::vector{1, 2, 3}));
    EXPECT_TRUE(list.empty());
}

TEST(IntrusiveListDeathTest, an_element_cannot_be_linked_twice) {
    Item one(1);
    Items list;
    list.push_back(one);
    EXPECT_DEATH(list.push_back(one), "is_linked");
}

TEST(IntrusiveList, behaves_like_a_list_under_random_operations) {
    SCOPED_TRACE(seed_note());
    Random random(test_seed());
    std::vector<std::unique_ptr<Item>> items;
    for (int number = 0; number < 20; ++number) items.push_back(std::make_unique<Item>(number));
    Items list;
    std::list<int> model;
    for (int step = 0; step < 5000; ++step) {
        Item& item = *items[random.below(items.size())];
        if (item.ListHook<>::is_linked()) {
            item.ListHook<>::unlink();
            model.remove(item.number);
        } else if (random.below(2) == 0) {
            list.push_back(item);
            model.push_back(item.number);
        } else {
            list.push_front(item);
            model.push_front(item.number);
        }
        ASSERT_EQ(numbers(list), std::vector<int>(model.begin(), model.end()));
    }
}

}  // namespace
}  // namespace gyre::base
