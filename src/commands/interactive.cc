// SPDX-License-Identifier: BSD-3-Clause
#include "commands/interactive.h"

#include <atomic>
#include <utility>

#include "commands/registry.h"
#include "commands/session.h"
#include "commands/spec.h"

namespace gyre::commands {
namespace {

constexpr std::string_view kBoundOfKeys = "transaction-max-keys";
constexpr std::string_view kBoundOfBytes = "transaction-max-bytes";
constexpr std::string_view kBoundOfTime = "transaction-max-time";

std::string upper_case(std::string text) {
    for (char& letter : text) {
        if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
    }
    return text;
}

bool exceeds(int64_t value, const std::atomic<int64_t>& bound) {
    const int64_t most = bound.load(std::memory_order_relaxed);
    return most > 0 && value > most;
}

}  // namespace

bool Interactive::abort_if_late(int64_t now_ms, engine::Executor& executor) {
    if (state_ == State::open &&
        exceeds(now_ms - open_->view.begin_ms(), dataset_.settings.transaction_max_ms)) {
        abort(kBoundOfTime, executor);
    }
    return state_ != State::open;
}

bool Interactive::abort_if_too_large(engine::Executor& executor) {
    const engine::Settings& settings = dataset_.settings;
    if (state_ != State::open) return true;
    if (exceeds(static_cast<int64_t>(open_->view.keys()), settings.transaction_max_keys)) {
        abort(kBoundOfKeys, executor);
    } else if (exceeds(static_cast<int64_t>(open_->bytes()), settings.transaction_max_bytes)) {
        abort(kBoundOfBytes, executor);
    }
    return state_ != State::open;
}

std::string Interactive::refusal() const {
    if (state_ == State::conflict) {
        return "CONFLICT Something that the transaction has seen was changed. Nothing of it was "
               "done: begin again";
    }
    return "ABORTED The transaction went past " + std::string(bound_) +
           " and nothing of it was done. End it with ROLLBACK";
}

void Interactive::drop(engine::Executor& executor) {
    if (!open_) return;
    open_->view.leave(executor);
    open_.reset();
}

void Interactive::roll_back(engine::Executor& executor) {
    if (!open_) return;
    dataset_.transactions().rolled_back.fetch_add(1, std::memory_order_relaxed);
    drop(executor);
}

void Interactive::end_in_conflict(engine::Executor& executor) {
    state_ = State::conflict;
    dataset_.transactions().conflicts.fetch_add(1, std::memory_order_relaxed);
    drop(executor);
}

void Interactive::abort(std::string_view bound, engine::Executor& executor) {
    state_ = State::aborted;
    bound_ = bound;
    dataset_.transactions().aborted.fetch_add(1, std::memory_order_relaxed);
    drop(executor);
}

bool goes_through_database(const CommandSpec& spec) {
    return spec.has(flag::readonly) && !spec.has_keys();
}

std::string refusal_within(const CommandSpec& spec) {
    const std::string name = upper_case(full_name(spec));
    const auto refused = [&name](std::string_view why) {
        return "ERR " + name + " is not allowed inside a transaction: " + std::string(why);
    };
    if (spec.group == Group::transactions && spec.name != "batch") {
        return refused("it is a transaction of its own");
    }
    if (spec.has(flag::pubsub) && spec.has(flag::noscript)) {
        return refused("messages would come between its replies");
    }
    const bool is_change =
        spec.coroutine != nullptr && !spec.has(flag::readonly) && spec.group != Group::pubsub;
    if (spec.has(flag::admin) || (is_change && !spec.has(flag::write))) {
        return refused("it concerns the server and not the data, and could not be undone");
    }
    if (spec.name == "swapdb") {
        return refused("it changes what all others see of two databases. Use MULTI");
    }
    return {};
}

void roll_back(Session& session, engine::Executor& executor) {
    if (!session.interactive) return;
    session.interactive->roll_back(executor);
    session.database.store(static_cast<uint32_t>(session.interactive->database()),
                           std::memory_order_relaxed);
    session.interactive.reset();
    session.set_mode(Session::kInteractive, false);
    session.queued_bytes.store(0, std::memory_order_relaxed);
}

}  // namespace gyre::commands
