// SPDX-License-Identifier: BSD-3-Clause
#include "server/saver.h"

#include <future>
#include <utility>

#include "base/thread_name.h"
#include "ring/uring/uring_ring.h"

namespace gyre::server {
namespace {

/// One write, one sync and the wake; no sockets.
constexpr uint32_t kEntries = 16;

}  // namespace

/// There is nothing to do but what coroutines do.
class Saver::Idle final : public ring::Reactor::Client {
public:
    void on_ready() override {}
    int64_t before_wait() override { return -1; }
};

Saver::Saver(engine::Dataset& dataset, engine::SnapshotJob& job) : dataset_(dataset), job_(job) {}

Saver::~Saver() { stop(); }

void Saver::stop() {
    if (!thread_.joinable()) return;
    reactor_->stop();
    may_end_.store(true);
    may_end_.notify_one();
    thread_.join();
}

Result<void> Saver::start() {
    std::promise<Result<void>> started;
    auto outcome = started.get_future();
    thread_ = std::thread([this, promise = std::move(started)]() mutable {
        base::name_thread("gyre-saver");
        ring::UringOptions options;
        options.submission_entries = kEntries;
        options.completion_entries = 2 * kEntries;
        options.buffer_count = 2;
        options.multishot_receive = false;
        auto ring = ring::create_uring_ring(options);
        if (!ring) {
            promise.set_value(tl::unexpected(std::move(ring.error())));
            return;
        }
        ring_ = std::move(*ring);
        mapped_bytes_ = ring_->features().mapped_bytes;
        idle_ = std::make_unique<Idle>();
        reactor_ = std::make_unique<ring::Reactor>(*ring_, *idle_);
        writer_ = std::make_unique<engine::SnapshotWriter>(*reactor_, files_, job_);
        writer_->set_resume([this] { dataset_.wake_all(); });
        promise.set_value({});
        serve();
    });
    Result<void> result = outcome.get();
    if (!result) thread_.join();
    return result;
}

void Saver::serve() {
    reactor_->run();
    // stop() may still be at the ring it wakes.
    may_end_.wait(false);
    writer_.reset();
    reactor_.reset();
    idle_.reset();
    ring_.reset();
}

void Saver::save(engine::SnapshotFile file, Done done) {
    reactor_->post([this, file = std::move(file), done = std::move(done)]() mutable {
        reactor_->spawn(write(std::move(file), std::move(done)));
    });
}

void Saver::run(std::function<void()> work) { reactor_->post(std::move(work)); }

void Saver::give_up() { writer_->stop(); }

void Saver::forget_give_up() { writer_->forget_stop(); }

ring::Task<void> Saver::write(engine::SnapshotFile file, Done done) {
    Result<uint64_t> bytes = co_await writer_->write(std::move(file));
    done(std::move(bytes));
}

}  // namespace gyre::server
