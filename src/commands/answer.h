// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What another thread will say to a command that waits for it: yes or no, once.
//
//     const auto answer = std::make_shared<Answer>(context);
//     ask([answer](bool is_good) { Answer::give(answer, is_good); });
//     co_await answer->wait();
//
// Ownership: shared between the command and whoever answers, so that either may go first.
// Threads: give() on any; the rest on the home thread of the command. Suspends: wait(), until the
// answer is there; what passes meanwhile is not counted as the command's time. Without a reactor
// (tests) the answer must be given before wait().

#include <memory>

#include "base/ticks.h"
#include "commands/context.h"
#include "ring/event.h"
#include "ring/reactor.h"

namespace gyre::commands {

class Answer {
public:
    explicit Answer(Context& context) : context_(context), home_(context.services.reactor) {}

    static void give(const std::shared_ptr<Answer>& answer, bool is_good) {
        if (answer->home_ == nullptr) {
            answer->is_good_ = is_good;
            answer->given_.set();
            return;
        }
        answer->home_->post([answer, is_good] {
            answer->is_good_ = is_good;
            answer->given_.set_later(*answer->home_);
        });
    }

    ring::Task<void> wait() {
        const uint64_t start = base::ticks();
        co_await given_.wait();
        context_.away_ticks += base::ticks() - start;
    }
    bool is_good() const noexcept { return is_good_; }

private:
    Context& context_;  // used by wait() alone, whose caller it belongs to
    ring::Reactor* home_;
    ring::Event given_;
    bool is_good_ = false;
};

}  // namespace gyre::commands
