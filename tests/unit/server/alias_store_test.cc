// SPDX-License-Identifier: BSD-3-Clause

// Goal: the file of the aliases is, after any crash, the last one that a client was told of or a
// later one; a disk that fails changes nothing; a file that is not whole ends the start and is left
// alone. Method: the simulated disk, which forgets what was not synced and fails when told to.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/random.h"
#include "ring/sim/disk.h"
#include "server/alias_store.h"
#include "support/seed.h"

namespace gyre::server {
namespace {

using ::testing::HasSubstr;

constexpr const char* kFile = "aliases.json";

/// The thread that does the writing: when the test says so.
class Later {
public:
    AliasStore::Later taker() {
        return [this](std::function<void()> work) { waiting_.push_back(std::move(work)); };
    }
    void run() {
        while (!waiting_.empty()) {
            const auto work = std::move(waiting_.front());
            waiting_.pop_front();
            work();
        }
    }

private:
    std::deque<std::function<void()>> waiting_;
};

class AliasStoreTest : public testing::Test {
protected:
    AliasStoreTest() : random_(test_seed()), disk_(random_) {
        EXPECT_TRUE(disk_.make_directory(".").has_value());
        EXPECT_TRUE(disk_.sync_directory(".").has_value());
    }
    /// As a server that has just started.
    std::unique_ptr<AliasStore> open() {
        auto store = std::make_unique<AliasStore>(disk_, kFile, later_.taker());
        const auto loaded = store->load();
        error_ = loaded ? "" : loaded.error().message;
        return store;
    }
    /// What the client is told; empty: OK.
    std::string define(AliasStore& store, const std::string& name, const std::string& word) {
        std::string outcome = "no answer";
        store.change(
            [&](commands::AliasTable& table) { return table.put({name, {"echo", word}}); },
            [&](const Result<void>& result) { outcome = result ? "" : result.error().message; });
        EXPECT_EQ(outcome, "no answer");
        later_.run();
        return outcome;
    }
    static std::string word_of(const AliasStore& store, std::string_view name) {
        const auto table = store.book().current();
        const commands::Alias* alias = table->find(name);
        return alias == nullptr ? "none" : alias->words[1];
    }

    base::Random random_;
    ring::sim::Disk disk_;
    Later later_;
    std::string error_;
};

TEST_F(AliasStoreTest, WhatWasDefinedIsThereAfterACrash) {
    auto store = open();
    EXPECT_EQ(store->book().current()->size(), 0U);
    EXPECT_EQ(define(*store, "a", "1"), "");
    EXPECT_EQ(define(*store, "b", "2"), "");
    EXPECT_EQ(define(*store, "a", "3"), "");
    disk_.crash();
    store = open();
    EXPECT_EQ(error_, "");
    EXPECT_EQ(word_of(*store, "a"), "3");
    EXPECT_EQ(word_of(*store, "b"), "2");
    EXPECT_FALSE(disk_.exists("temp-aliases.json"));
}

TEST_F(AliasStoreTest, ARefusedChangeWritesNothing) {
    auto store = open();
    EXPECT_THAT(define(*store, "a b", "1"), HasSubstr("cannot be an alias"));
    EXPECT_FALSE(disk_.exists(kFile));
    EXPECT_EQ(store->book().version(), 0U);
}

TEST_F(AliasStoreTest, ADiskThatFailsChangesNothing) {
    auto store = open();
    EXPECT_EQ(define(*store, "a", "1"), "");
    const std::string before = disk_.content(kFile);
    disk_.is_read_only = true;
    EXPECT_THAT(define(*store, "a", "2"), HasSubstr("ERR the aliases stay as they were: "));
    disk_.is_read_only = false;
    disk_.bytes_max = before.size() + 5;
    EXPECT_THAT(define(*store, "a", "2"), HasSubstr("ERR the aliases stay as they were: "));
    EXPECT_EQ(word_of(*store, "a"), "1");
    EXPECT_EQ(disk_.content(kFile), before);
    EXPECT_FALSE(disk_.exists("temp-aliases.json"));
    disk_.bytes_max = UINT64_MAX;
    EXPECT_EQ(define(*store, "a", "2"), "");
    EXPECT_EQ(word_of(*store, "a"), "2");
}

TEST_F(AliasStoreTest, AFileCutOffAnywhereEndsTheStartAndIsLeftAlone) {
    auto store = open();
    EXPECT_EQ(define(*store, "a", "one word"), "");
    const std::string whole = disk_.content(kFile);
    for (size_t bytes = 0; bytes + 1 < whole.size(); ++bytes) {
        ASSERT_TRUE(disk_.write_whole(kFile, whole.substr(0, bytes)).has_value());
        store = open();
        ASSERT_THAT(error_, HasSubstr("The aliases in aliases.json cannot be read: JSON, line "));
        ASSERT_THAT(error_, HasSubstr("The file was not touched"));
        ASSERT_EQ(disk_.content(kFile), whole.substr(0, bytes));
        ASSERT_EQ(store->book().current()->size(), 0U);
    }
}

TEST_F(AliasStoreTest, AnAliasWithTheNameOfACommandIsKeptAndUnused) {
    ASSERT_TRUE(disk_
                    .write_whole(kFile, R"({"format":"gyre-aliases","version":1,"aliases":[)"
                                        R"({"name":"get","words":["set","a","b"]}]})")
                    .has_value());
    const auto store = open();
    EXPECT_EQ(error_, "");
    std::vector<resp::Argument> call{{"get", nullptr}, {"k", nullptr}};
    std::deque<std::string> texts;
    EXPECT_FALSE(commands::expand_alias(*store->book().current(), call, 0, texts).value());
}

TEST_F(AliasStoreTest, AfterAnyCrashThereIsNothingOlderThanWhatWasAcknowledged) {
    SCOPED_TRACE(seed_note());
    auto store = open();
    std::set<std::string> possible{"none"};
    for (int round = 0; round < 3000; ++round) {
        disk_.faults =
            random_.below(3) == 0 ? ring::sim::DiskFaults::swarm(random_) : ring::sim::DiskFaults{};
        const std::string word = std::to_string(round);
        const bool is_acknowledged = define(*store, "a", word).empty();
        if (is_acknowledged) possible.clear();
        possible.insert(word);
        disk_.faults = {};
        if (random_.below(4) != 0) continue;
        disk_.crash();
        store = open();
        ASSERT_EQ(error_, "");
        ASSERT_TRUE(possible.contains(word_of(*store, "a"))) << round << word_of(*store, "a");
        possible = {word_of(*store, "a")};
    }
}

}  // namespace
}  // namespace gyre::server
