// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A client that runs transactions of all kinds over a few lists, one after the other, a command at
// each step, and keeps their history for support/serializability.h. It neither knows what it talks
// to nor what time it is.
//
// Ownership: plain data. Threads: one at a time.

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/serializability.h"

namespace gyre::test {

inline constexpr size_t kTransactionKeys = 5;

/// The bulk strings of an array, as they come; of nested ones all.
inline std::vector<std::string> strings_of(const std::string& reply) {
    std::vector<std::string> found;
    for (size_t at = 0; at < reply.size();) {
        const size_t end = reply.find("\r\n", at);
        if (reply[at] != '$') {
            at = end + 2;
            continue;
        }
        const size_t bytes = std::stoul(reply.substr(at + 1, end - at - 1));
        found.push_back(reply.substr(end + 2, bytes));
        at = end + 2 + bytes + 2;
    }
    return found;
}

class TransactionClient {
public:
    using Words = std::vector<std::string>;
    /// Runs a command. An empty reply: the connection is gone, and there is a new one.
    using Ask = std::function<std::string(const Words&)>;
    /// Gives a number that grows.
    using Clock = std::function<int64_t()>;

    TransactionClient(std::string name, uint64_t seed, Ask ask, Clock clock)
        : name_(std::move(name)), random_(seed), ask_(std::move(ask)), clock_(std::move(clock)) {}

    std::vector<HistoryTransaction> history;

    void step() {
        if (!is_open_) return begin();
        switch (form_) {
            case Form::interactive:
                return left_ > 0 ? run_operation() : end_interactive();
            case Form::batch:
                return run_batch();
            case Form::multi:
                return left_ > 0 ? queue_operation() : run_exec();
            case Form::plain:
                return run_plain();
        }
    }
    bool is_open() const { return is_open_; }

private:
    enum class Form : uint8_t { interactive, batch, multi, plain };

    uint64_t below(uint64_t limit) { return random_() % limit; }

    void begin() {
        const uint64_t lot = below(10);
        form_ = lot < 6   ? Form::interactive
                : lot < 7 ? Form::batch
                : lot < 8 ? Form::multi
                          : Form::plain;
        left_ = 1 + below(5);
        current_ = {.name = name_ + std::to_string(history.size()),
                    .operations = {},
                    .end = HistoryTransaction::End::committed,
                    .began = clock_(),
                    .ended = 0};
        is_open_ = true;
        if (form_ != Form::interactive && form_ != Form::multi) return;
        if (ask_({form_ == Form::multi ? "MULTI" : "BEGIN"}).empty())
            finish(HistoryTransaction::End::aborted);
    }

    std::pair<Words, HistoryOperation> next_operation() {
        const std::string key = "k" + std::to_string(below(kTransactionKeys));
        const uint64_t lot = below(20);
        // Alone KEYS promises no moment.
        if (lot == 0 && form_ != Form::plain)
            return {{"KEYS", "*"}, {HistoryOperation::Kind::list_keys, {}, {}, {}}};
        if (lot < 10)
            return {{"LRANGE", key, "0", "-1"}, {HistoryOperation::Kind::read, key, {}, {}}};
        const std::string value = name_ + "v" + std::to_string(++values_);
        return {{"RPUSH", key, value}, {HistoryOperation::Kind::append, key, value, {}}};
    }

    static void note(HistoryOperation& operation, const std::string& reply) {
        std::vector<std::string> seen = strings_of(reply);
        if (operation.kind == HistoryOperation::Kind::read) operation.seen = std::move(seen);
        if (operation.kind == HistoryOperation::Kind::list_keys)
            operation.keys = {seen.begin(), seen.end()};
    }

    void run_plain() {
        auto [words, operation] = next_operation();
        const std::string reply = ask_(words);
        current_.operations.push_back(std::move(operation));
        if (reply.empty()) return lose();
        EXPECT_FALSE(reply.starts_with('-')) << reply;
        note(current_.operations.back(), reply);
        finish(HistoryTransaction::End::committed);
    }

    /// No answer came: what was read is not known, nor whether anything was done.
    void lose() {
        std::erase_if(current_.operations, [](const HistoryOperation& one) {
            return one.kind != HistoryOperation::Kind::append;
        });
        finish(HistoryTransaction::End::unknown);
    }

    void run_operation() {
        if (!scan_cursor_.empty() || below(40) == 0) return run_scan();
        auto [words, operation] = next_operation();
        const std::string reply = ask_(words);
        if (reply.empty()) return finish(HistoryTransaction::End::aborted);
        if (reply.starts_with('-')) return stop(reply);
        note(operation, reply);
        current_.operations.push_back(std::move(operation));
        if (left_ > 0) --left_;
    }

    /// A step of a SCAN of all keys, with the steps of others between it and the next.
    void run_scan() {
        if (scan_cursor_.empty()) scan_cursor_ = "0";
        const std::string reply = ask_({"SCAN", scan_cursor_, "COUNT", "2"});
        if (reply.empty()) return finish(HistoryTransaction::End::aborted);
        if (reply.starts_with('-')) return stop(reply);
        const std::vector<std::string> texts = strings_of(reply);
        scanned_.insert(texts.begin() + 1, texts.end());
        scan_cursor_ = texts[0];
        if (scan_cursor_ != "0") return;
        current_.operations.push_back({HistoryOperation::Kind::list_keys, {}, {}, {}, scanned_});
        scanned_.clear();
        scan_cursor_.clear();
        if (left_ > 0) --left_;
    }

    /// A conflict on the way: all that is left is its end.
    void stop(const std::string& reply) {
        EXPECT_TRUE(reply.starts_with("-CONFLICT ")) << reply;
        const std::string end = ask_({below(2) == 0 ? "COMMIT" : "ROLLBACK"});
        EXPECT_TRUE(end.empty() || end == "+OK\r\n" || end.starts_with("-CONFLICT ")) << end;
        finish(HistoryTransaction::End::aborted);
    }

    void end_interactive() {
        if (below(8) == 0) {
            const std::string reply = ask_({"ROLLBACK"});
            EXPECT_TRUE(reply.empty() || reply == "+OK\r\n") << reply;
            return finish(HistoryTransaction::End::aborted);
        }
        const std::string reply = ask_({"COMMIT"});
        if (reply.empty()) return finish(HistoryTransaction::End::unknown);
        EXPECT_TRUE(reply == "+OK\r\n" || reply.starts_with("-CONFLICT ")) << reply;
        finish(reply == "+OK\r\n" ? HistoryTransaction::End::committed
                                  : HistoryTransaction::End::aborted);
    }

    void run_batch() {
        Words words{"BATCH"};
        std::vector<HistoryOperation> operations;
        for (; left_ > 0; --left_) {
            auto [statement, operation] = next_operation();
            std::string text;
            for (const std::string& word : statement) text += word + " ";
            words.push_back(text);
            operations.push_back(std::move(operation));
        }
        const bool fails = below(6) == 0;
        if (fails) words.push_back("HGET k0");
        note_all(ask_(words), std::move(operations), fails);
    }

    void queue_operation() {
        auto [words, operation] = next_operation();
        const std::string reply = ask_(words);
        if (reply.empty()) return finish(HistoryTransaction::End::aborted);
        EXPECT_EQ(reply, "+QUEUED\r\n");
        current_.operations.push_back(std::move(operation));
        --left_;
    }

    void run_exec() { note_all(ask_({"EXEC"}), std::exchange(current_.operations, {}), false); }

    void note_all(const std::string& reply, std::vector<HistoryOperation> operations, bool fails) {
        current_.operations = std::move(operations);
        if (reply.empty()) return lose();
        if (fails) {
            EXPECT_TRUE(reply.starts_with("-BATCHERR ")) << reply;
            return finish(HistoryTransaction::End::aborted);
        }
        EXPECT_TRUE(reply.starts_with('*')) << reply;
        size_t at = reply.find("\r\n") + 2;
        for (HistoryOperation& one : current_.operations) {
            const size_t end = end_of_reply(reply, at);
            note(one, reply.substr(at, end - at));
            at = end;
        }
        EXPECT_EQ(at, reply.size());
        finish(HistoryTransaction::End::committed);
    }

    static size_t end_of_reply(const std::string& reply, size_t at) {
        const size_t line = reply.find("\r\n", at) + 2;
        const auto number = [&] { return std::stol(reply.substr(at + 1, line - at - 3)); };
        if (reply[at] == '$') return line + static_cast<size_t>(number()) + 2;
        if (reply[at] != '*') return line;
        size_t end = line;
        for (long left = number(); left > 0; --left) end = end_of_reply(reply, end);
        return end;
    }

    void finish(HistoryTransaction::End end) {
        current_.end = end;
        current_.ended = end == HistoryTransaction::End::unknown ? INT64_MAX : clock_();
        history.push_back(std::exchange(current_, {}));
        scanned_.clear();
        scan_cursor_.clear();
        is_open_ = false;
    }

    const std::string name_;
    std::mt19937_64 random_;
    Ask ask_;
    Clock clock_;
    Form form_ = Form::plain;
    bool is_open_ = false;
    uint64_t left_ = 0;
    uint64_t values_ = 0;
    HistoryTransaction current_;
    std::set<std::string> scanned_;
    std::string scan_cursor_;  // empty: no SCAN is under way
};

inline FinalLists lists_of(const TransactionClient::Ask& ask) {
    FinalLists lists;
    for (size_t key = 0; key < kTransactionKeys; ++key) {
        const std::string name = "k" + std::to_string(key);
        const auto values = strings_of(ask({"LRANGE", name, "0", "-1"}));
        if (!values.empty()) lists[name] = values;
    }
    return lists;
}

}  // namespace gyre::test
