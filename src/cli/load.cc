// SPDX-License-Identifier: BSD-3-Clause
#include "cli/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "base/numbers.h"
#include "cli/conversation.h"
#include "cli/data_file.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "snapshot/dump.h"
#include "snapshot/json_reader.h"
#include "snapshot/rdb_reader.h"

namespace gyre::cli {
namespace {

constexpr size_t kChunkBytes = size_t{256} << 10;
/// What is gathered before it is sent.
constexpr size_t kBytesPerSend = size_t{64} << 10;
/// What is on its way at most, but for one value that is larger by itself.
constexpr size_t kBytesOwedMax = size_t{8} << 20;
constexpr size_t kRepliesOwedMax = 4096;
/// Errors told one by one; the rest is counted.
constexpr uint64_t kErrorsShown = 100;

class Load final : public snapshot::RdbHandler {
public:
    Load(const Options& options, Link& link, DataInput& input)
        : options_(options), server_(link.client()), input_(input) {
        if (options_.address.names_database) only_ = static_cast<size_t>(link.database());
        state_.bytes_total = input_.size();
    }

    int run() {
        Result<void> done = read_file();
        if (!is_broken_) {
            Result<void> taken = finish();
            if (done) done = taken;
        }
        progress_.clear();
        if (!done) {
            write_error(fmt::format("{} Before that, {} loaded{}.", done.error().message,
                                    counted(loaded_),
                                    sent_.empty() ? "" : "; of others the replies did not come"));
            return server_.stopped_by() == 0 ? 1 : 128 + server_.stopped_by();
        }
        tell_summary();
        return present_ + refused_ == 0 ? 0 : 1;
    }

    Result<void> record(const snapshot::Record& record) override {
        if (only_ && record.database != *only_) return {};
        if (auto selected = select(record.database); !selected) return selected;
        if (record.timestamp_ms != store::kNoTimestamp) ++with_timestamp_;
        return send(restore_words(record, options_.replaces_keys),
                    {.name = std::string(record.key), .key_of = record.database});
    }

    Result<void> function_library(std::string_view source, uint64_t /*offset*/) override {
        if (only_) return {};
        std::vector<std::string> words = {"FUNCTION", "LOAD"};
        if (options_.replaces_keys) words.emplace_back("REPLACE");
        words.emplace_back(source);
        return send(words, {.name = "library of functions"});
    }

private:
    /// A command whose reply is to come.
    struct Sent {
        std::string name;              // key, or what else it was
        std::optional<size_t> key_of;  // database of the key
        size_t bytes = 0;
    };

    Result<void> read_file() {
        if (auto ready = server_.wait_for(input_.descriptor()); !ready) {
            return broken(ready.error());
        }
        const auto first = input_.peek();
        if (!first) return tl::unexpected(first.error());
        if (!*first) return fail(options_.data_file + " is empty; give an RDB file or JSON.");
        const bool is_rdb = **first == 'R' || **first == 'V';
        Result<void> done = is_rdb ? read_rdb() : read_json();
        if (done || is_broken_) return done;
        return fail(options_.data_file + ": " + done.error().message + ".");
    }

    Result<size_t> read(std::span<char> into) {
        if (auto ready = server_.wait_for(input_.descriptor()); !ready) {
            return broken(ready.error());
        }
        return input_.read(into);
    }

    Result<void> read_rdb() {
        snapshot::RdbReader reader(*this);
        const auto buffer = std::make_unique<char[]>(kChunkBytes);
        while (!reader.is_done()) {
            const Result<size_t> count = read({buffer.get(), kChunkBytes});
            if (!count) return tl::unexpected(count.error());
            if (*count == 0) break;
            if (auto fed = reader.feed({buffer.get(), *count}); !fed) {
                return tl::unexpected(fed.error());
            }
        }
        return reader.finish();
    }

    Result<void> read_json() {
        // Without replacing the server itself tells of a key that comes twice.
        const auto count = snapshot::read_json(
            [this](std::span<char> buffer) { return read(buffer); },
            [this](const snapshot::Record& record) { return this->record(record); },
            {.finds_duplicate_keys = options_.replaces_keys});
        if (!count) return tl::unexpected(count.error());
        return {};
    }

    /// Keys must not reach a database that was selected before: the first time it is waited for.
    Result<void> select(size_t database) {
        if (database_ == database) return {};
        database_ = database;
        const std::string number = std::to_string(database);
        const bool is_known = known_databases_.contains(database);
        server_.append("SELECT", number);
        if (is_known) {
            sent_.push_back({.name = "SELECT " + number});
            return {};
        }
        if (auto taken = finish(); !taken) return taken;
        const Result<Reply> reply = server_.next();
        if (!reply) return broken(reply.error());
        if (reply->is_error()) {
            return broken({"The server refuses SELECT " + number + ": " + reply->text + "."});
        }
        known_databases_.insert(database);
        return {};
    }

    Result<void> send(const std::vector<std::string>& words, Sent sent) {
        const std::vector<std::string_view> views(words.begin(), words.end());
        for (const std::string_view word : views) sent.bytes += word.size();
        server_.append(std::span(views));
        unsent_bytes_ += sent.bytes;
        owed_bytes_ += sent.bytes;
        sent_.push_back(std::move(sent));
        if (unsent_bytes_ < kBytesPerSend && sent_.size() < kRepliesOwedMax) return {};
        unsent_bytes_ = 0;
        if (auto done = server_.send(); !done) return broken(done.error());
        state_.bytes = input_.bytes();
        progress_.show(state_);
        return take_what_is_there();
    }

    Result<void> take_what_is_there() {
        while (!sent_.empty()) {
            if (owed_bytes_ > kBytesOwedMax || sent_.size() > kRepliesOwedMax) {
                if (auto taken = take_replies(sent_.size() - 1); !taken) return taken;
                continue;
            }
            const auto reply = server_.next_if_there();
            if (!reply) return broken(reply.error());
            if (!*reply) return {};
            take(**reply);
        }
        return {};
    }

    /// Sends what is left, and takes the replies to all that was counted.
    Result<void> finish() {
        unsent_bytes_ = 0;
        if (auto sent = server_.send(); !sent) return broken(sent.error());
        return take_replies(0);
    }

    /// Until no more than so many are owed.
    Result<void> take_replies(size_t owed) {
        while (sent_.size() > owed) {
            const Result<Reply> reply = server_.next();
            if (!reply) return broken(reply.error());
            take(*reply);
        }
        return {};
    }

    void take(const Reply& reply) {
        const Sent sent = std::move(sent_.front());
        sent_.pop_front();
        owed_bytes_ -= sent.bytes;
        if (!reply.is_error()) {
            loaded_ += sent.key_of ? 1 : 0;
            state_.keys = loaded_;
        } else if (reply.error_code() == "BUSYKEY") {
            ++present_;
        } else {
            tell_refusal(sent, reply);
        }
    }

    void tell_refusal(const Sent& sent, const Reply& reply) {
        if (++refused_ > kErrorsShown) return;
        progress_.clear();
        const std::string name =
            sent.key_of ? fmt::format("key {} of database {}", base::quote(sent.name), *sent.key_of)
                        : sent.name;
        std::fprintf(stderr, "%s: %s\n", name.c_str(), reply.text.c_str());
        if (refused_ == kErrorsShown) std::fprintf(stderr, "further errors are only counted\n");
    }

    /// The conversation is at its end; what is wrong is not the file.
    tl::unexpected<Error> broken(Error error) {
        is_broken_ = true;
        return tl::unexpected<Error>(std::move(error));
    }

    static std::string counted(uint64_t keys) {
        return keys == 1 ? "1 key" : std::to_string(keys) + " keys";
    }

    void tell_summary() const {
        std::string text = fmt::format("{} loaded, {}, {:.1f} s\n", counted(loaded_),
                                       shown_bytes(input_.bytes()), progress_.seconds());
        if (present_ > 0) {
            text += fmt::format("{} there already, left as they were; --replace writes over them\n",
                                counted(present_));
        }
        if (refused_ > 0) text += fmt::format("{} refused\n", counted(refused_));
        if (with_timestamp_ > 0) {
            text += fmt::format("{} had a timestamp, which RESTORE does not take\n",
                                counted(with_timestamp_));
        }
        write_text(text);
    }

    const Options& options_;
    Conversation server_;
    DataInput& input_;
    std::optional<size_t> only_;      // keys of other databases stay out
    std::optional<size_t> database_;  // selected
    std::set<size_t> known_databases_;
    std::deque<Sent> sent_;
    size_t unsent_bytes_ = 0;
    size_t owed_bytes_ = 0;
    uint64_t loaded_ = 0;
    uint64_t present_ = 0;
    uint64_t refused_ = 0;
    uint64_t with_timestamp_ = 0;
    bool is_broken_ = false;
    Progress progress_;
    ProgressState state_;
};

}  // namespace

std::vector<std::string> restore_words(const snapshot::Record& record, bool replaces) {
    // Compressing is for the server's own files; here it would only take time twice.
    const snapshot::DumpOptions plain{.strings = {.compress = false}};
    const auto payload = record.kind.type == store::Type::string
                             ? snapshot::dump_string(record.value, plain)
                             : snapshot::dump_value(record, plain);
    // 0 would mean that there is none.
    const int64_t expire_ms =
        record.expire_ms == store::kNoExpiry ? 0 : std::max<int64_t>(record.expire_ms, 1);
    std::vector<std::string> words = {"RESTORE", std::string(record.key), std::to_string(expire_ms),
                                      payload.joined(), "ABSTTL"};
    if (replaces) words.emplace_back("REPLACE");
    if (record.idle_seconds) {
        words.insert(words.end(), {"IDLETIME", std::to_string(*record.idle_seconds)});
    } else if (record.frequency) {
        words.insert(words.end(), {"FREQ", std::to_string(*record.frequency)});
    }
    return words;
}

int run_load(const Options& options, Link& link) {
    auto input = DataInput::open(options.data_file);
    if (!input) {
        write_error(input.error().message);
        return 1;
    }
    if (auto connected = link.connect(); !connected) {
        write_error(connected.error().message);
        return 1;
    }
    return Load(options, link, **input).run();
}

}  // namespace gyre::cli
