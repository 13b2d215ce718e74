// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Collections of every type and form, made at random, and a few packed ones by hand.

#include <array>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/random.h"
#include "snapshot/record.h"
#include "snapshot/value.h"
#include "store/entry.h"
#include "types/hash.h"
#include "types/intset.h"
#include "types/list.h"
#include "types/listpack.h"
#include "types/set.h"
#include "types/sorted_set.h"
#include "types/stream.h"

namespace gyre::test {

/// A collection, with what a record says of it.
struct Sample {
    store::Kind kind;
    std::string bytes;
    std::unique_ptr<types::Object> object;

    [[nodiscard]] snapshot::Record record() const {
        return {.key = "key", .kind = kind, .value = bytes, .object = object.get()};
    }
};

inline std::string listpack_of(const std::vector<std::string>& elements) {
    std::string bytes(types::Listpack::kEmpty);
    for (const std::string& element : elements) snapshot::append(bytes, element);
    return bytes;
}

inline std::string random_text(base::Random& random) {
    switch (random.below(4)) {
        case 0:
            return std::to_string(static_cast<int64_t>(random.next()) >> random.below(64));
        case 1: {
            std::string noise(random.below(90), '\0');
            for (char& byte : noise) byte = static_cast<char>(random.next());
            return noise;
        }
        case 2:
            return std::string(random.below(600), 'r') + std::to_string(random.below(1000000));
        default:
            return "element " + std::to_string(random.below(1000000));
    }
}

inline Sample random_list(base::Random& random, size_t size) {
    auto list = std::make_unique<types::List>(
        types::List::Options{types::ListLimit(-1), static_cast<size_t>(random.below(3))});
    for (size_t i = 0; i < size; ++i) {
        list->push(types::ListEnd::tail,
                   random.below(50) == 0 ? std::string(5000, 'l') : random_text(random));
    }
    return {{store::Type::list, store::Encoding::quicklist}, "", std::move(list)};
}

inline Sample random_set(base::Random& random, size_t size) {
    auto set = std::make_unique<types::Set>();
    while (set->size() < size) set->add(random_text(random));
    return {{store::Type::set, store::Encoding::hashtable}, "", std::move(set)};
}

inline Sample random_hash(base::Random& random, size_t size, bool has_deadlines) {
    auto hash = std::make_unique<types::Hash>();
    while (hash->size() < size) {
        const std::string name = random_text(random);
        hash->set(name, random_text(random));
        if (has_deadlines && random.below(3) == 0) {
            hash->set_deadline(name, static_cast<int64_t>(random.below(1ULL << 47)));
        }
    }
    if (has_deadlines) {
        hash->set("the last", "v");
        hash->set_deadline("the last", 1);
    }
    return {{store::Type::hash, store::Encoding::hashtable}, "", std::move(hash)};
}

/// Members and scores in turn, as they lie in a listpack.
inline std::string packed_sorted_set(const std::vector<std::pair<std::string, double>>& members) {
    std::string bytes(types::Listpack::kEmpty);
    for (const auto& [member, score] : members) {
        snapshot::append(bytes, member);
        snapshot::append(bytes, types::PackedScore(score).element());
    }
    return bytes;
}

inline double random_score(base::Random& random) {
    switch (random.below(5)) {
        case 0:
            return static_cast<double>(static_cast<int64_t>(random.next()) >> random.below(64));
        case 1:
            return static_cast<double>(random.below(1000)) / 7;
        case 2:
            return random.below(2) == 0 ? std::numeric_limits<double>::infinity()
                                        : -std::numeric_limits<double>::infinity();
        default:
            return static_cast<double>(random.below(20));
    }
}

inline Sample random_sorted_set(base::Random& random, size_t size) {
    using containers::RankedSet;
    auto object = std::make_unique<types::SortedSet>();
    while (object->size() < size) {
        const std::string member = random_text(random);
        const uint64_t hash = RankedSet::hash(member);
        if (object->set.find(member, hash)) continue;
        object->set.insert(member, hash, random_score(random));
    }
    return {{store::Type::zset, store::Encoding::skiplist}, "", std::move(object)};
}

/// Entries given to consumers of a group, some of them, and some of these acknowledged again.
inline void fill_group(base::Random& random, types::Stream& stream, types::StreamGroup& group) {
    const size_t consumers = random.below(4);
    for (size_t i = 0; i < consumers; ++i) {
        const int64_t seen_ms = 1700000000000 + static_cast<int64_t>(random.below(100000));
        types::StreamConsumer* consumer =
            group.add_consumer(i == 0 ? "7" : random_text(random) + std::to_string(i), seen_ms);
        if (random.below(2) == 0) consumer->active_ms = seen_ms - 5;
    }
    if (consumers == 0) return;
    using types::StreamNode;
    stream.visit({}, types::StreamId::max(),
                 [&](const StreamNode&, const StreamNode::Entry& entry) {
                     if (random.below(3) == 0) return true;
                     types::StreamConsumer* to = group.consumers()[random.below(consumers)];
                     const auto delivered_ms = static_cast<int64_t>(random.below(1ULL << 41));
                     group.add_pending(entry.id, to, delivered_ms)->deliveries = random.below(300);
                     return true;
                 });
}

inline Sample random_stream(base::Random& random, size_t size) {
    auto stream = std::make_unique<types::Stream>();
    const types::StreamNodeLimits limits{.bytes_max = 1024, .entries_max = 1 + random.below(30)};
    types::StreamId id{random.below(1ULL << 42), random.next() >> random.below(64)};
    std::vector<types::StreamId> ids;
    for (size_t i = 0; i < size; ++i) {
        id.ms += random.below(3);
        id.seq = random.below(2) == 0 ? id.seq / 2 : id.seq;
        if (id <= stream->last_id) id = stream->last_id;
        id.increment();
        const std::string first = random_text(random);
        const std::string second = random_text(random);
        if (random.below(4) != 0) {
            const std::array<std::string_view, 4> pairs{"field", first, "7", second};
            stream->append(id, pairs, limits);
        } else {
            const std::array<std::string_view, 2> pairs{first, second};
            stream->append(id, pairs, limits);
        }
        ids.push_back(id);
    }
    for (size_t i = 0; i < size / 5; ++i) stream->erase(ids[random.below(size)]);
    for (size_t i = 0; i < 3 && size > 0; ++i) {
        fill_group(random, *stream,
                   *stream->add_group("group " + std::to_string(i), ids[random.below(size)],
                                      static_cast<int64_t>(random.below(50)) - 1));
    }
    stream->trim({.by = types::StreamTrim::By::length, .length = size - size / 4});
    return {{store::Type::stream, store::Encoding::stream}, "", std::move(stream)};
}

inline std::string integers(const std::vector<int64_t>& numbers) {
    std::string bytes(types::Intset::kEmpty);
    for (const int64_t number : numbers) {
        const size_t before = bytes.size();
        bytes.resize(types::Intset(bytes).size_with(number));
        types::Intset::insert(bytes.data(), before, number);
    }
    return bytes;
}

inline std::vector<Sample> samples(uint64_t seed) {
    using namespace std::string_literals;
    base::Random random(seed);
    std::vector<Sample> all;
    const std::vector<std::string> few = {"a", "1",     "-70000", "9223372036854775807",
                                          "",  "b\0c"s, "007"};
    all.push_back({{store::Type::list, store::Encoding::listpack}, listpack_of(few), nullptr});
    all.push_back({{store::Type::set, store::Encoding::listpack}, listpack_of(few), nullptr});
    all.push_back({{store::Type::hash, store::Encoding::listpack},
                   listpack_of({"f", "1", "", "g", "2", "x"}),
                   nullptr});
    all.push_back({{store::Type::set, store::Encoding::intset}, integers({5}), nullptr});
    all.push_back(
        {{store::Type::set, store::Encoding::intset}, integers({1, -40000, INT64_MAX}), nullptr});
    all.push_back({{store::Type::zset, store::Encoding::listpack},
                   packed_sorted_set({{"low", -std::numeric_limits<double>::infinity()},
                                      {"-1", -0.5},
                                      {"", 1},
                                      {"a", 1},
                                      {"x", 4611686018427387904.0},
                                      {"y", 1e300}}),
                   nullptr});
    all.push_back(random_stream(random, 0));
    for (const size_t size : {1U, 7U, 2000U}) {
        all.push_back(random_sorted_set(random, size));
        all.push_back(random_stream(random, size));
        all.push_back(random_list(random, size));
        all.push_back(random_set(random, size));
        all.push_back(random_hash(random, size, false));
        all.push_back(random_hash(random, size, true));
    }
    return all;
}

}  // namespace gyre::test
