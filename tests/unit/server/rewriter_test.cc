// SPDX-License-Identifier: BSD-3-Clause

// Goal: what is to be rewritten is decided in the moment it begins: an order that was meant for a
// log that is switched off meanwhile leads to nothing. Method: the real thing without a server
// around it; the test plays the workers that walk over the data, and steps in between two steps by
// keeping a shard locked.

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <string>
#include <thread>

#include "base/log.h"
#include "engine/keyspace.h"
#include "server/append_only.h"
#include "server/persistence.h"
#include "server/rewriter.h"

namespace gyre::server {
namespace {

using commands::RewriteOrder;

std::string temporary_directory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "gyre-test-XXXXXX").string();
    EXPECT_NE(::mkdtemp(pattern.data()), nullptr);
    return pattern;
}

/// The files are seen from the directory of the process.
class RewriterTest : public testing::Test {
protected:
    RewriterTest() : home_(temporary_directory()), before_(std::filesystem::current_path()) {
        base::set_level(base::Level::nothing);
        std::filesystem::current_path(home_);
        EXPECT_TRUE(persistence_.start([](bool) {}).has_value());
    }
    ~RewriterTest() override {
        finish_snapshot();
        persistence_.stop();
        file_.finish(1'000'000);
        std::filesystem::current_path(before_);
        std::error_code ignored;
        std::filesystem::remove_all(home_, ignored);
        base::set_level(base::Level::notice);
    }
    /// A log begins, up to its first rewrite, while there is some data.
    void begin_log() {
        for (int i = 0; i < 100; ++i) {
            const std::string name = "key:" + std::to_string(i);
            const store::Key key = store::Key::of(name);
            const size_t shard = dataset_.shard_of(key.hash);
            dataset_.lock(shard, executor_);
            engine::Keyspace keys(dataset_, executor_, 0, 1, false);
            keys.put(key, nullptr, types::encode_string("some value"));
            dataset_.unlock(shard);
        }
        ASSERT_TRUE(file_.begin_closed().has_value());
        file_.set_on(true);
        file_.begin_logging();
        rewriter_.schedule();
    }
    /// As the workers do it.
    void finish_snapshot() {
        while (persistence_.is_saving()) {
            for (size_t worker = 0; worker < dataset_.threads(); ++worker) {
                persistence_.job().run_slice(worker, executor_, [] { return int64_t{0}; }, false);
            }
            std::this_thread::yield();
        }
    }
    /// Begins what is to begin, while a shard is locked so that it gets no further than to say that
    /// it has begun; `meanwhile` then happens before the snapshot has its moment.
    template <class F>
    void look_and_meanwhile(F&& meanwhile) {
        dataset_.lock(0, executor_);
        std::thread other([this] {
            engine::Executor executor;
            rewriter_.look(executor);
        });
        while (!persistence_.is_saving()) std::this_thread::yield();
        meanwhile();
        dataset_.unlock(0);
        other.join();
    }

    std::string home_;
    std::filesystem::path before_;
    ServerSettings settings_;
    engine::Executor executor_;
    engine::Dataset dataset_{{.threads = 2, .databases = 1, .shards = 2, .seed = 1}};
    Persistence persistence_{dataset_, settings_};
    AppendOnly file_{settings_, 1};
    Rewriter rewriter_{persistence_, file_, settings_};
};

TEST_F(RewriterTest, begins_the_first_of_a_log) {
    begin_log();
    rewriter_.look(executor_);
    EXPECT_TRUE(rewriter_.figures().is_running);
    EXPECT_TRUE(persistence_.is_rewriting());
}

TEST_F(RewriterTest, begins_nothing_for_a_log_that_is_switched_off) {
    begin_log();
    rewriter_.switch_off();
    rewriter_.look(executor_);
    EXPECT_FALSE(rewriter_.figures().is_running);
    EXPECT_FALSE(rewriter_.figures().is_scheduled);
    EXPECT_FALSE(persistence_.is_saving());
}

TEST_F(RewriterTest, leaves_an_order_that_was_given_without_a_log) {
    EXPECT_EQ(rewriter_.order(executor_, true), RewriteOrder::scheduled);
    rewriter_.look(executor_);
    EXPECT_TRUE(rewriter_.figures().is_running);
}

/// The log ends between the decision to rewrite it and the moment of the snapshot.
TEST_F(RewriterTest, gives_up_the_base_of_a_log_that_ends_first) {
    begin_log();
    std::promise<bool> written;
    std::promise<void> ended;
    look_and_meanwhile([&] {
        persistence_.when_saved([&](bool is_written) { written.set_value(is_written); });
        rewriter_.switch_off();
        file_.end_logging([&] { ended.set_value(); });
    });
    finish_snapshot();
    EXPECT_FALSE(written.get_future().get());
    ended.get_future().wait();
    EXPECT_FALSE(std::filesystem::exists("appendonlydir/" + file_.new_base_name()));
}

/// The other order: the snapshot has its moment, and nobody has told the writer yet.
TEST_F(RewriterTest, forgets_the_base_of_a_log_that_has_ended) {
    begin_log();
    rewriter_.look(executor_);
    std::promise<bool> written;
    persistence_.when_saved([&](bool is_written) { written.set_value(is_written); });
    rewriter_.switch_off();
    std::promise<void> ended;
    file_.end_logging([&] { ended.set_value(); });
    rewriter_.forget();
    finish_snapshot();
    EXPECT_FALSE(written.get_future().get());
    ended.get_future().wait();
}

}  // namespace
}  // namespace gyre::server
