// SPDX-License-Identifier: BSD-3-Clause
#include "cli/session_state.h"

#include <algorithm>
#include <string_view>

#include "base/numbers.h"
#include "cli/address.h"

namespace gyre::cli {
namespace {

/// Errors of a server that has not looked at the command: what was open still is.
constexpr std::string_view kRefusedUnseen[] = {"NOAUTH",  "NOPERM",   "LOADING",
                                               "MISCONF", "READONLY", "NOREPLICAS"};

bool is_unseen(const Reply& reply) {
    return std::ranges::find(kRefusedUnseen, reply.error_code()) != std::end(kRefusedUnseen);
}

bool is_queued(const Reply& reply) {
    return reply.type == ReplyType::status && reply.text == "QUEUED";
}

}  // namespace

void SessionState::begin_in(int database) {
    end();
    database_ = database;
}

void SessionState::end() {
    database_ = lasting_database();
    transaction_ = Transaction::none;
    has_watches_ = is_doubtful_ = false;
    forget_queue();
}

void SessionState::forget_queue() {
    queued_ = 0;
    may_select_.clear();
}

int SessionState::lasting_database() const {
    return transaction_ == Transaction::begin ? database_before_ : database_;
}

void SessionState::set_database(int database) {
    database_ = database;
    is_doubtful_ = false;
}

void SessionState::note(std::span<const std::string> words, const Reply& reply) {
    if (words.empty()) return;
    const std::string name = base::to_lower(words[0]);
    if (name == "reset" && !reply.is_error()) {
        begin_in(0);
    } else if (transaction_ == Transaction::multi) {
        note_in_multi(name, words, reply);
    } else {
        note_run(name, words, reply);
    }
}

void SessionState::note_unknown(const Reply& reply) {
    if (reply.is_error()) return;
    if (transaction_ != Transaction::multi) {
        is_doubtful_ = true;
    } else if (is_queued(reply)) {
        may_select_.emplace_back(queued_++, std::vector<std::string>());
    }
}

void SessionState::note_in_multi(std::string_view name, std::span<const std::string> words,
                                 const Reply& reply) {
    if (is_queued(reply)) {
        if (name == "select" || name == "batch") {
            may_select_.emplace_back(queued_, std::vector<std::string>(words.begin(), words.end()));
        }
        ++queued_;
    } else if (name == "exec" && words.size() == 1 && !is_unseen(reply)) {
        exec(reply);
    } else if (name == "discard" && words.size() == 1 && !is_unseen(reply)) {
        leave(false);
    }
}

/// The reply is an error when nothing was run, null when a watched key has changed.
void SessionState::exec(const Reply& reply) {
    const std::vector<Queued> queue = std::exchange(may_select_, {});
    leave(false);
    if (!reply.is_aggregate()) return;
    for (const auto& [place, words] : queue) {
        if (place >= reply.elements.size()) continue;
        if (words.empty()) {
            note_unknown(reply.elements[place]);
        } else {
            note_run(base::to_lower(words[0]), words, reply.elements[place]);
        }
    }
}

void SessionState::leave(bool takes_back) {
    if (takes_back) database_ = lasting_database();
    transaction_ = Transaction::none;
    has_watches_ = false;
    forget_queue();
}

void SessionState::note_run(std::string_view name, std::span<const std::string> words,
                            const Reply& reply) {
    const bool is_interactive = transaction_ == Transaction::begin;
    if (is_interactive && words.size() == 1 && (name == "commit" || name == "rollback")) {
        // Whatever the answer, it has ended: an error says that nothing was done.
        if (!is_unseen(reply)) leave(name == "rollback" || reply.is_error());
        return;
    }
    if (reply.is_error()) return;
    if (name == "multi") {
        transaction_ = Transaction::multi;
    } else if (name == "begin") {
        database_before_ = database_;
        transaction_ = Transaction::begin;
    } else if (name == "watch") {
        has_watches_ = true;
    } else if (name == "unwatch" || name == "exec" || name == "discard") {
        has_watches_ = false;
    } else if (name == "select" && words.size() == 2) {
        if (const auto database = parse_database(words[1])) set_database(*database);
    } else if (name == "batch") {
        is_doubtful_ = true;
    }
}

}  // namespace gyre::cli
