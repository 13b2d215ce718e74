// SPDX-License-Identifier: BSD-3-Clause
// Streams against a std::map under random changes; groups; exact memory; hostile nodes.

#include "types/stream.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "support/seed.h"

namespace gyre::types {
namespace {

using Fields = std::vector<std::string>;
using Model = std::map<StreamId, Fields>;

std::string text_of(const ListpackValue& value) {
    ListpackValue::Digits digits;
    return std::string(value.text(digits));
}

Fields fields_of(const StreamNode& node, const StreamNode::Entry& entry) {
    Fields fields;
    node.for_each_field(entry, [&](const ListpackValue& field, const ListpackValue& value) {
        fields.push_back(text_of(field));
        fields.push_back(text_of(value));
    });
    return fields;
}

void append(Stream& stream, const StreamId& id, const Fields& fields,
            const StreamNodeLimits& limits) {
    const std::vector<std::string_view> views(fields.begin(), fields.end());
    stream.append(id, views, limits);
}

Fields random_fields(base::Random& random) {
    Fields fields;
    const bool is_usual = random.below(4) != 0;
    const size_t pairs = is_usual ? 2 : 1 + random.below(5);
    for (size_t i = 0; i < pairs; ++i) {
        fields.push_back(is_usual ? "field" + std::to_string(i) : std::to_string(random.below(9)));
        fields.push_back(random.below(2) == 0 ? std::to_string(random.next())
                                              : std::string(random.below(30), 'v'));
    }
    return fields;
}

void expect_equal(const Stream& stream, const Model& model) {
    ASSERT_EQ(stream.size(), model.size());
    auto expected = model.begin();
    stream.visit({}, StreamId::max(), [&](const StreamNode& node, const StreamNode::Entry& entry) {
        EXPECT_EQ(entry.id, expected->first);
        EXPECT_EQ(fields_of(node, entry), expected->second);
        ++expected;
        return true;
    });
    ASSERT_EQ(expected, model.end());
    stream.visit_backwards({}, StreamId::max(),
                           [&](const StreamNode&, const StreamNode::Entry& entry) {
                               --expected;
                               EXPECT_EQ(entry.id, expected->first);
                               return true;
                           });
    ASSERT_EQ(expected, model.begin());
    ASSERT_EQ(stream.first_id(), model.empty() ? StreamId{} : model.begin()->first);
    stream.for_each_node([](const StreamId& master, std::string_view bytes) {
        EXPECT_TRUE(StreamNode::is_valid(master, bytes));
    });
}

void expect_range(const Stream& stream, const Model& model, const StreamId& first,
                  const StreamId& last) {
    std::vector<StreamId> expected;
    for (auto it = model.lower_bound(first); it != model.end() && it->first <= last; ++it) {
        expected.push_back(it->first);
    }
    std::vector<StreamId> found;
    stream.visit(first, last, [&](const StreamNode&, const StreamNode::Entry& entry) {
        found.push_back(entry.id);
        return true;
    });
    ASSERT_EQ(found, expected);
    found.clear();
    stream.visit_backwards(first, last, [&](const StreamNode&, const StreamNode::Entry& entry) {
        found.push_back(entry.id);
        return true;
    });
    std::reverse(found.begin(), found.end());
    ASSERT_EQ(found, expected);
}

StreamId any_id(base::Random& random, const Model& model) {
    if (model.empty() || random.below(4) == 0) return {random.below(3000), random.below(3)};
    auto it = model.lower_bound({random.below(model.rbegin()->first.ms + 1), 0});
    return it == model.end() ? model.begin()->first : it->first;
}

size_t trim_model(Model& model, const StreamTrim& trim) {
    size_t gone = 0;
    while (!model.empty() && (trim.by == StreamTrim::By::length ? model.size() > trim.length
                                                                : model.begin()->first < trim.id)) {
        model.erase(model.begin());
        ++gone;
    }
    return gone;
}

void run_random(uint64_t seed, const StreamNodeLimits& limits) {
    base::Random random(seed);
    Stream stream;
    Model model;
    StreamId next{1, 0};
    for (int step = 0; step < 4000; ++step) {
        const uint64_t dice = random.below(100);
        if (dice < 60) {
            next = random.below(3) == 0 ? StreamId{next.ms, next.seq + 1}
                                        : StreamId{next.ms + 1 + random.below(3), random.below(5)};
            const Fields fields = random_fields(random);
            append(stream, next, fields, limits);
            model[next] = fields;
        } else if (dice < 85) {
            const StreamId id = any_id(random, model);
            ASSERT_EQ(stream.contains(id), model.contains(id));
            ASSERT_EQ(stream.erase(id), model.erase(id) == 1);
        } else if (dice < 90) {
            StreamTrim trim;
            trim.by = random.below(2) == 0 ? StreamTrim::By::length : StreamTrim::By::id;
            trim.length = model.size() - std::min<size_t>(model.size(), random.below(60));
            trim.id = any_id(random, model);
            ASSERT_EQ(stream.trim(trim), trim_model(model, trim));
        } else {
            const StreamId first = any_id(random, model);
            expect_range(stream, model, first, any_id(random, model));
        }
        if (step % 200 == 0) expect_equal(stream, model);
        if (testing::Test::HasFatalFailure()) return;
    }
    const std::unique_ptr<Stream> copy(stream.clone());
    expect_equal(*copy, model);
}

TEST(StreamTest, AgreesWithTheModelUnderRandomChanges) {
    SCOPED_TRACE(seed_note());
    run_random(test_seed(), {.bytes_max = 4096, .entries_max = 100});
    run_random(test_seed() + 1, {.bytes_max = 200, .entries_max = 0});
    run_random(test_seed() + 2, {.bytes_max = 0, .entries_max = 7});
}

TEST(StreamTest, ANodeIsRedisBytes) {
    Stream stream;
    append(stream, {1526919030474, 55}, {"a", "1", "b", "x"}, {});
    append(stream, {1526919030475, 0}, {"a", "2", "b", "y"}, {});
    append(stream, {1526919030475, 1}, {"c", "3"}, {});
    std::string found;
    stream.for_each_node([&](const StreamId& master, std::string_view bytes) {
        EXPECT_EQ(master, (StreamId{1526919030474, 55}));
        found = bytes;
    });
    const char expected[] =
        "\x4d\0\0\0\x1b\0"
        "\3\1\0\1\2\1\x81"
        "a\2\x81"
        "b\2\0\1"
        "\2\1\0\1\0\1\1\1\x81x\2\5\1"
        "\2\1\1\1\xdf\xc9\2\2\1\x81y\2\5\1"
        "\0\1\1\1\xdf\xca\2\1\1\x81"
        "c\2\3\1\6\1\xff";
    EXPECT_EQ(found.size(), sizeof expected - 1);
    EXPECT_EQ(found.substr(6), std::string(expected + 6, sizeof expected - 7));
}

TEST(StreamTest, ApproximateTrimmingTakesWholeNodes) {
    Stream stream;
    for (uint64_t i = 1; i <= 350; ++i) append(stream, {i, 0}, {"f", "v"}, {});
    StreamTrim trim{.by = StreamTrim::By::length, .length = 120, .id = {}, .is_approximate = true};
    EXPECT_EQ(stream.trim(trim), 200U);
    EXPECT_EQ(stream.first_id(), (StreamId{201, 0}));
    trim.limit = 10;
    trim.length = 0;
    EXPECT_EQ(stream.trim(trim), 0U);
    trim.is_approximate = false;
    trim.limit = 0;
    EXPECT_EQ(stream.trim(trim), 150U);
    EXPECT_EQ(stream.node_count(), 0U);
    EXPECT_EQ(stream.first_id(), StreamId{});
}

TEST(StreamTest, GroupsKeepWhatIsPendingInOrder) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    Stream stream;
    StreamGroup* group = stream.add_group("g", {}, StreamGroup::kUnknown);
    EXPECT_EQ(stream.add_group("g", {}, 0), nullptr);
    std::map<StreamId, std::string> model;
    const std::vector<std::string> names{"", "alice", "bob", "carol"};
    for (int step = 0; step < 6000; ++step) {
        const StreamId id{random.below(800), random.below(2)};
        const std::string& name = names[random.below(names.size())];
        StreamConsumer* consumer = group->find_consumer(name);
        if (consumer == nullptr) consumer = group->add_consumer(name, step);
        StreamPending* pending = group->find_pending(id);
        ASSERT_EQ(pending != nullptr, model.contains(id));
        const uint64_t dice = random.below(100);
        if (dice < 50) {
            if (pending == nullptr) {
                group->add_pending(id, consumer, step);
            } else {
                group->reassign(id, pending, consumer);
            }
            model[id] = name;
        } else if (dice < 99) {
            ASSERT_EQ(group->acknowledge(id), model.erase(id) == 1);
        } else {
            group->erase_consumer(consumer);
            std::erase_if(model, [&](const auto& item) { return item.second == name; });
        }
    }
    const StreamPendingMap& list = group->pending();
    auto expected = model.begin();
    for (auto at = list.begin(); !list.is_end(at); at = list.next(at), ++expected) {
        ASSERT_EQ(StreamId::of(list.key(at)), expected->first);
        ASSERT_EQ(list.value(at)->consumer->name(), expected->second);
    }
    EXPECT_EQ(expected, model.end());
}

TEST(StreamTest, MemoryIsExactAndGoesBackInSlices) {
    SCOPED_TRACE(seed_note());
    base::Random random(test_seed());
    const int64_t before = base::used(base::Purpose::keyspace);
    auto stream = std::make_unique<Stream>();
    StreamGroup* group = stream->add_group("group", {}, 0);
    StreamConsumer* consumer = group->add_consumer("consumer", 1);
    for (uint64_t i = 1; i <= 5000; ++i) {
        append(*stream, {i, 0}, random_fields(random), {});
        if (i % 2 == 0) group->add_pending({i, 0}, consumer, 0);
        if (i % 3 == 0) stream->erase({random.below(i), 0});
        ASSERT_EQ(base::used(base::Purpose::keyspace) - before,
                  static_cast<int64_t>(stream->footprint()));
    }
    size_t calls = 1;
    while (!stream->drain(200)) ++calls;
    EXPECT_GT(calls, 20U);
    stream.reset();
    EXPECT_EQ(base::used(base::Purpose::keyspace), before);
}

TEST(StreamTest, NodesFromOutsideAreLookedThrough) {
    Stream source;
    for (uint64_t i = 1; i <= 5; ++i) append(source, {i, i}, {"f", std::to_string(i)}, {});
    source.erase({3, 3});
    std::string bytes;
    source.for_each_node([&](const StreamId&, std::string_view node) { bytes = node; });
    Stream target;
    EXPECT_TRUE(target.add_node({1, 1}, bytes));
    EXPECT_EQ(target.size(), 4U);
    EXPECT_FALSE(target.add_node({1, 1}, bytes)) << "ids do not rise";
    EXPECT_TRUE(target.add_node({6, 1}, bytes));
    size_t refused = 0;
    for (size_t i = 0; i < bytes.size(); ++i) {
        for (const int change : {1, 2, 0x40, 0x80}) {
            std::string damaged = bytes;
            damaged[i] = static_cast<char>(damaged[i] ^ change);
            Stream other;
            if (!other.add_node({1, 1}, damaged)) {
                ++refused;
                continue;
            }
            other.visit({}, StreamId::max(),
                        [](const StreamNode& node, const StreamNode::Entry& entry) {
                            return !fields_of(node, entry).empty();
                        });
        }
    }
    EXPECT_GT(refused, bytes.size());
}

TEST(StreamTest, ANodeOfDeletedEntriesOnlyIsOne) {
    Stream stream;
    for (uint64_t i = 1; i <= 4; ++i) append(stream, {i, 0}, {"f", "v"}, {});
    stream.erase({4, 0});
    stream.trim({.by = StreamTrim::By::id, .length = 0, .id = {4, 0}});
    EXPECT_EQ(stream.size(), 0U);
    ASSERT_EQ(stream.node_count(), 1U);
    Stream copy;
    stream.for_each_node([&](const StreamId& master, std::string_view node) {
        EXPECT_TRUE(copy.add_node(master, node));
    });
    EXPECT_EQ(copy.size(), 0U);
    append(copy, {5, 0}, {"f", "v"}, {});
    expect_equal(copy, {{{5, 0}, {"f", "v"}}});
}

TEST(StreamTest, WhereTheLastIdGoesBackIdsStillRise) {
    for (const size_t entries_max : {1U, 3U, 100U}) {
        const StreamNodeLimits limits{.entries_max = entries_max};
        // On the heap, as its footprint is what the allocator gave for it.
        const auto owner = std::make_unique<Stream>();
        Stream& stream = *owner;
        Model model;
        for (uint64_t i = 1; i <= 9; ++i) {
            append(stream, {i, 0}, {"f", "v"}, limits);
            if (i <= 4) model[{i, 0}] = {"f", "v"};
        }
        for (uint64_t i = 9; i >= 5; --i) stream.erase({i, 0});
        stream.set_last_id({4, 0});
        expect_equal(stream, model);
        append(stream, {5, 5}, {"f", "w"}, limits);
        model[{5, 5}] = {"f", "w"};
        expect_equal(stream, model);
        Stream loaded;
        stream.for_each_node([&](const StreamId& master, std::string_view node) {
            EXPECT_TRUE(loaded.add_node(master, node));
        });
        expect_equal(loaded, model);
        const size_t footprint = stream.footprint();
        stream.set_last_id({100, 0});
        EXPECT_EQ(stream.last_id, (StreamId{100, 0}));
        EXPECT_EQ(stream.footprint(), footprint);
    }
}

TEST(StreamTest, AGroupThatIsBuiltAssignsWhatIsPending) {
    Stream stream;
    StreamGroup* group = stream.add_group("g", {}, 0);
    for (uint64_t i = 1; i <= 100; ++i) group->append_pending({i, 0}, 7, i);
    StreamConsumer* one = group->add_consumer("one", 1);
    StreamConsumer* two = group->add_consumer("two", 1);
    for (uint64_t i = 1; i <= 99; ++i) EXPECT_TRUE(group->assign({i, 0}, i % 3 == 0 ? two : one));
    EXPECT_FALSE(group->assign({1, 0}, two)) << "given to another";
    EXPECT_FALSE(group->assign({101, 0}, two)) << "not pending";
    EXPECT_EQ(one->pending.size(), 66U);
    EXPECT_EQ(two->pending.size(), 33U);
    EXPECT_EQ(group->find_pending({50, 0})->deliveries, 50U);
    EXPECT_TRUE(group->acknowledge({50, 0}));
    EXPECT_EQ(one->pending.size(), 65U);
    // One is still nobody's: it goes with its group.
    EXPECT_FALSE(stream.drain(10));
}

}  // namespace
}  // namespace gyre::types
