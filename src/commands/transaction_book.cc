// SPDX-License-Identifier: BSD-3-Clause
#include "commands/transaction_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/random.h"

namespace gyre::commands {

TransactionBook::TransactionBook() = default;

TransactionBook::~TransactionBook() {
    // A view takes back its marks before it goes: close() has seen to that.
    for (const auto& [token, page] : pages_) CHECK(page.transaction == nullptr);
}

std::optional<std::string> TransactionBook::add(size_t most) {
    const std::lock_guard hold(mutex_);
    if (pages_.size() >= most) {
        const auto over = std::ranges::find_if(pages_, [](const auto& entry) {
            const auto& transaction = entry.second.transaction;
            return transaction && transaction->state() != Interactive::State::open;
        });
        if (over != pages_.end()) pages_.erase(over);
        if (pages_.size() >= most) return std::nullopt;
    }
    for (;;) {
        std::string token = fmt::format("{:016x}{:016x}", base::entropy(), base::entropy());
        if (pages_.try_emplace(token).second) return token;
    }
}

TransactionBook::Lent TransactionBook::take(std::string_view token,
                                            std::unique_ptr<Interactive>& transaction) {
    const std::lock_guard hold(mutex_);
    const auto found = pages_.find(token);
    if (found == pages_.end()) return Lent::unknown;
    if (!found->second.transaction) return Lent::busy;
    transaction = std::move(found->second.transaction);
    return Lent::yes;
}

void TransactionBook::give_back(std::string_view token, std::unique_ptr<Interactive> transaction,
                                int64_t now_ms, engine::Executor& executor) {
    const std::lock_guard hold(mutex_);
    const auto found = pages_.find(token);
    if (is_closed_ || found == pages_.end()) {
        transaction->roll_back(executor);
        return;
    }
    found->second = {std::move(transaction), now_ms};
}

void TransactionBook::forget(std::string_view token) {
    const std::lock_guard hold(mutex_);
    const auto found = pages_.find(token);
    if (found != pages_.end()) pages_.erase(found);
}

void TransactionBook::expire(int64_t now_ms, engine::Executor& executor) {
    const std::lock_guard hold(mutex_);
    for (auto at = pages_.begin(); at != pages_.end();) {
        Page& page = at->second;
        bool is_forgotten = false;
        if (page.transaction) {
            const bool was_over = page.transaction->state() != Interactive::State::open;
            const bool is_over = page.transaction->abort_if_late(now_ms, executor);
            if (is_over && !was_over) page.used_ms = now_ms;
            is_forgotten = is_over && now_ms - page.used_ms > kRememberedMs;
        }
        at = is_forgotten ? pages_.erase(at) : std::next(at);
    }
}

void TransactionBook::close(engine::Executor& executor) {
    const std::lock_guard hold(mutex_);
    is_closed_ = true;
    for (auto& [token, page] : pages_) {
        if (page.transaction) page.transaction->roll_back(executor);
    }
    pages_.clear();
}

size_t TransactionBook::size() const {
    const std::lock_guard hold(mutex_);
    return pages_.size();
}

}  // namespace gyre::commands
