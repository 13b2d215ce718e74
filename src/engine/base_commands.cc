// SPDX-License-Identifier: BSD-3-Clause
#include "engine/base_commands.h"

#include <fmt/format.h>

#include <utility>

#include "base/numbers.h"
#include "log/aof_reader.h"
#include "log/effect_writer.h"
#include "snapshot/dump.h"
#include "types/hash.h"
#include "types/intset.h"
#include "types/list.h"
#include "types/set.h"
#include "types/sorted_set.h"

namespace gyre::engine {

using snapshot::Record;
using store::Encoding;
using types::Listpack;
using types::ListpackValue;

namespace {

/// f(value) for each element of a listpack.
template <class F>
void for_each_packed(std::string_view bytes, F&& f) {
    const Listpack pack(bytes);
    for (size_t at = pack.begin(); at != pack.end(); at = pack.next(at)) f(pack.at(at));
}

template <class T>
const T& object_of(const Record& record) {
    return static_cast<const T&>(*record.object);
}

}  // namespace

Result<void> BaseCommands::select_database(size_t database) {
    if (database == database_) return {};
    database_ = database;
    log::append(text_, log::SelectEffect{database});
    return {};
}

void BaseCommands::add(const std::vector<std::string_view>& words) {
    const log::Step step{.effect = log::CommandEffect{words}, .timestamp_ms = timestamp_ms_};
    log::append(text_, log::Record{{&step, 1}});
}

void BaseCommands::begin(std::string_view name) { name_ = name; }

void BaseCommands::element(std::string_view word, size_t words_per_element) {
    words_.emplace_back(word);
    if (words_.size() == kElementsPerCommand * words_per_element) flush();
}

void BaseCommands::element(const ListpackValue& word, size_t words_per_element) {
    ListpackValue::Digits digits;
    element(word.text(digits), words_per_element);
}

void BaseCommands::flush() {
    if (words_.empty()) return;
    std::vector<std::string_view> words{name_, key_};
    words.insert(words.end(), words_.begin(), words_.end());
    add(words);
    words_.clear();
}

Result<void> BaseCommands::record(const Record& record) {
    key_ = record.key;
    timestamp_ms_ = record.timestamp_ms;
    Result<void> done;
    switch (record.kind.type) {
        case store::Type::string: {
            const log::Step step{.effect = log::SetEffect{.key = key_,
                                                          .value = record.value,
                                                          .expire_ms = record.expire_ms},
                                 .timestamp_ms = timestamp_ms_};
            log::append(text_, log::Record{{&step, 1}});
            return {};
        }
        case store::Type::list:
            list(record);
            break;
        case store::Type::set:
            set(record);
            break;
        case store::Type::hash:
            hash(record);
            break;
        case store::Type::zset:
            sorted_set(record);
            break;
        default:
            done = stream(record);
            break;
    }
    if (done && record.expire_ms != store::kNoExpiry) {
        log::append(text_, log::ExpireEffect{key_, record.expire_ms});
    }
    return done;
}

void BaseCommands::list(const Record& record) {
    begin("RPUSH");
    if (record.object == nullptr) {
        for_each_packed(record.value, [&](const ListpackValue& value) { element(value, 1); });
    } else {
        types::List::Cursor cursor(object_of<types::List>(record), 0);
        for (; cursor; cursor.next()) element(cursor.value(), 1);
    }
    flush();
}

void BaseCommands::set(const Record& record) {
    begin("SADD");
    if (record.object != nullptr) {
        object_of<types::Set>(record).for_each(
            [&](std::string_view member) { element(member, 1); });
    } else if (record.kind.encoding == Encoding::intset) {
        const types::Intset numbers(record.value);
        for (size_t index = 0; index < numbers.size(); ++index) {
            element(std::to_string(numbers.at(index)), 1);
        }
    } else {
        for_each_packed(record.value, [&](const ListpackValue& value) { element(value, 1); });
    }
    flush();
}

void BaseCommands::hash(const Record& record) {
    begin("HSET");
    if (record.object == nullptr) {
        for_each_packed(record.value, [&](const ListpackValue& value) { element(value, 2); });
        return flush();
    }
    const auto& hash = object_of<types::Hash>(record);
    hash.for_each([&](const types::Hash::Field& field) {
        element(field.name, 2);
        element(field.value, 2);
    });
    flush();
    if (hash.with_deadline() == 0) return;
    hash.for_each([&](const types::Hash::Field& field) {
        if (field.deadline_ms == types::Hash::kNoDeadline) return;
        const std::string deadline = std::to_string(field.deadline_ms);
        add({"HPEXPIREAT", key_, deadline, "FIELDS", "1", field.name});
    });
}

void BaseCommands::scored(std::string_view member, double score) {
    element(base::format_double(score), 2);
    element(member, 2);
}

void BaseCommands::sorted_set(const Record& record) {
    begin("ZADD");
    if (record.object == nullptr) {
        types::PackedSortedSet(record.value).for_each([&](std::string_view member, double score) {
            scored(member, score);
            return true;
        });
    } else {
        object_of<types::SortedSet>(record).set.for_each(
            [&](const containers::RankedSet::Item& item) { scored(item.member, item.score); });
    }
    flush();
}

Result<void> BaseCommands::stream(const Record& record) {
    const std::string payload = snapshot::dump_value(record).joined();
    if (payload.size() > static_cast<size_t>(log::AofLimits{}.bulk_bytes_max)) {
        return fail(
            fmt::format("the stream {} is too large for one command: set aof-use-rdb-preamble yes",
                        base::quote(record.key.substr(0, 128))));
    }
    add({"RESTORE", key_, "0", payload});
    return {};
}

}  // namespace gyre::engine
