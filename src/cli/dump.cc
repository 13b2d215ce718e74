// SPDX-License-Identifier: BSD-3-Clause
#include "cli/dump.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "cli/conversation.h"
#include "cli/data_file.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/scan.h"
#include "snapshot/dump.h"
#include "snapshot/json_writer.h"
#include "snapshot/key_set.h"
#include "snapshot/rdb_writer.h"

namespace gyre::cli {
namespace {

constexpr int64_t kKeysPerScan = 256;
constexpr size_t kKeysOwedMax = 128;
constexpr size_t kBytesOwedMax = size_t{4} << 20;

/// Records become a file of one format.
class Writer {
public:
    virtual ~Writer() = default;
    virtual Result<void> add(const snapshot::Record& record) = 0;
    virtual Result<void> finish() = 0;
};

class WriterOfRdb final : public Writer {
public:
    explicit WriterOfRdb(DataOutput& output) : output_(output), writer_(output) {
        writer_.begin();
        writer_.aux("redis-bits", "64");
        writer_.aux("ctime", std::to_string(std::chrono::duration_cast<std::chrono::seconds>(
                                                std::chrono::system_clock::now().time_since_epoch())
                                                .count()));
    }
    Result<void> add(const snapshot::Record& record) override {
        writer_.record(record);
        return output_.result();
    }
    Result<void> finish() override {
        writer_.end();
        return output_.result();
    }

private:
    DataOutput& output_;
    snapshot::RdbWriter writer_;
};

class WriterOfJson final : public Writer {
public:
    explicit WriterOfJson(DataOutput& output)
        : writer_([&output](std::string_view bytes) {
              output.append(bytes);
              return output.result();
          }) {}
    Result<void> add(const snapshot::Record& record) override { return writer_.add(record); }
    Result<void> finish() override { return writer_.finish(); }

private:
    snapshot::JsonWriter writer_;
};

std::unique_ptr<Writer> make_writer(FileFormat format, DataOutput& output) {
    if (format == FileFormat::json) return std::make_unique<WriterOfJson>(output);
    return std::make_unique<WriterOfRdb>(output);
}

class Dump {
public:
    Dump(const Options& options, Link& link, Conversation& server, DataOutput& output)
        : options_(options),
          link_(link),
          server_(server),
          output_(output),
          writer_(make_writer(*options.file_format, output)) {
        if (options_.scan_count == 0) options_.scan_count = kKeysPerScan;
    }

    int run() {
        const Result<void> done = work();
        progress_.clear();
        if (done) {
            tell_summary();
            return 0;
        }
        std::string text = done.error().message;
        if (!output_.is_published()) {
            text += options_.data_file == "-" ? " What was written is not whole."
                                              : " " + options_.data_file + " was not written.";
        }
        write_error(text);
        return server_.stopped_by() == 0 ? 1 : 128 + server_.stopped_by();
    }

private:
    Result<void> work() {
        if (auto asked = ask_for_deadlines(); !asked) return asked;
        const auto databases = find_databases();
        if (!databases) return tl::unexpected(databases.error());
        // Of keys that match a pattern nobody knows the number.
        const bool is_counted = options_.pattern == "*";
        for (const DatabaseSize& each : *databases) state_.keys_total += is_counted ? each.keys : 0;
        for (const DatabaseSize& each : *databases) {
            if (auto done = dump_database(each.number); !done) return done;
        }
        if (auto finished = writer_->finish(); !finished) return finished;
        return output_.publish();
    }

    /// Servers before Redis 7.0 do not tell the deadline itself.
    Result<void> ask_for_deadlines() {
        const Result<Reply> reply = server_.ask("PEXPIRETIME", "key");
        if (!reply) return tl::unexpected(reply.error());
        has_deadlines_ = reply->text.find("unknown command") == std::string::npos;
        return {};
    }

    Result<std::vector<DatabaseSize>> find_databases() {
        if (options_.address.names_database) {
            const Result<Reply> count = server_.ask("DBSIZE");
            if (!count) return tl::unexpected(count.error());
            if (count->is_error()) return refused("DBSIZE", *count);
            return std::vector{
                DatabaseSize{link_.database(), static_cast<uint64_t>(count->integer)}};
        }
        const Result<Reply> info = server_.ask("INFO", "keyspace");
        if (!info) return tl::unexpected(info.error());
        if (info->is_error()) return refused("INFO", *info);
        return databases_of(info->text);
    }

    static tl::unexpected<Error> refused(std::string_view what, const Reply& reply) {
        return fail(fmt::format("The server refuses {}: {}.", what, reply.text));
    }

    Result<void> dump_database(int64_t database) {
        database_ = static_cast<size_t>(database);
        const std::string number = std::to_string(database);
        const Result<Reply> selected = server_.ask("SELECT", number);
        if (!selected) return tl::unexpected(selected.error());
        if (selected->is_error()) return refused("SELECT " + number, *selected);
        std::string cursor = "0";
        append_scan(cursor);
        if (auto sent = server_.send(); !sent) return sent;
        do {
            std::vector<std::string> keys;
            if (auto taken = take_page(cursor, keys); !taken) return taken;
            if (auto dumped = dump_page(keys, cursor); !dumped) return dumped;
        } while (cursor != "0");
        return {};
    }

    void append_scan(const std::string& cursor) {
        const std::vector<std::string> words = scan_words(options_, cursor);
        const std::vector<std::string_view> views(words.begin(), words.end());
        server_.append(std::span(views));
    }

    /// The keys of a SCAN that was sent, without those that had their turn.
    Result<void> take_page(std::string& cursor, std::vector<std::string>& keys) {
        Result<Reply> reply = server_.next();
        if (!reply) return tl::unexpected(reply.error());
        if (reply->elements.size() != 2) return refused("SCAN", *reply);
        cursor = std::move(reply->elements[0].text);
        for (Reply& key : reply->elements[1].elements) {
            if (seen_.insert(database_, key.text)) keys.push_back(std::move(key.text));
        }
        return {};
    }

    /// Asks for the next page behind the last of these keys.
    Result<void> dump_page(const std::vector<std::string>& keys, const std::string& cursor) {
        const bool has_more = cursor != "0";
        for (size_t at = 0; at < keys.size();) {
            window_ = keys_at_a_time(window_, std::exchange(largest_, 0));
            const size_t end = std::min(keys.size(), at + window_);
            for (size_t i = at; i < end; ++i) append_key(keys[i]);
            if (end == keys.size() && has_more) append_scan(cursor);
            if (auto sent = server_.send(); !sent) return sent;
            for (; at < end; ++at) {
                if (auto taken = take_key(keys[at]); !taken) return taken;
            }
        }
        if (keys.empty() && has_more) append_scan(cursor);
        return server_.send();
    }

    void append_key(const std::string& key) {
        server_.append("MULTI");
        if (has_deadlines_) {
            server_.append("PEXPIRETIME", key);
        } else {
            server_.append("PTTL", key);
            server_.append("TIME");
        }
        server_.append("DUMP", key);
        server_.append("EXEC");
    }

    Result<void> take_key(const std::string& key) {
        Reply last;
        const size_t queued = has_deadlines_ ? 3 : 4;
        std::string refusal;
        for (size_t i = 0; i <= queued; ++i) {
            Result<Reply> reply = server_.next();
            if (!reply) return tl::unexpected(reply.error());
            // Why a command was not queued says more than EXEC, which fails for it.
            if (reply->is_error() && refusal.empty()) refusal = reply->text;
            last = std::move(*reply);
        }
        for (const Reply& part : last.elements) {
            if (part.is_error() && refusal.empty()) refusal = part.text;
        }
        if (!refusal.empty() || last.elements.size() != queued - 1) {
            return failed(key, refusal.empty() ? "the server's reply makes no sense" : refusal);
        }
        const Reply& payload = last.elements.back();
        progress_.show(state_);
        // It has gone since SCAN saw it.
        if (payload.is_null()) return {};
        return write_key(key, deadline_of(last), payload.text);
    }

    int64_t deadline_of(const Reply& replies) const {
        const int64_t number = replies.elements[0].integer;
        if (number < 0) return store::kNoExpiry;
        if (has_deadlines_) return number;
        const Reply& time = replies.elements[1];
        if (time.elements.size() != 2) return number;
        const int64_t seconds = base::parse_integer(time.elements[0].text).value_or(0);
        const int64_t micros = base::parse_integer(time.elements[1].text).value_or(0);
        return number + seconds * 1000 + micros / 1000;
    }

    Result<void> write_key(const std::string& key, int64_t expire_ms, const std::string& payload) {
        largest_ = std::max(largest_, payload.size());
        const auto value = snapshot::restore_payload(payload);
        if (!value) return failed(key, value.error().message);
        const snapshot::Record record{.database = database_,
                                      .key = key,
                                      .kind = value->kind,
                                      .value = value->value,
                                      .object = value->object.get(),
                                      .expire_ms = expire_ms};
        if (auto added = writer_->add(record); !added) return added;
        ++state_.keys;
        state_.bytes = output_.bytes();
        return {};
    }

    [[nodiscard]] tl::unexpected<Error> failed(const std::string& key, std::string_view why) const {
        return fail(fmt::format("Key {} of database {}: {}.", base::quote(key), database_, why));
    }

    void tell_summary() const {
        const bool is_stdout = options_.data_file == "-";
        const std::string text = fmt::format("{} keys in {}, {}, {:.1f} s\n", state_.keys,
                                             is_stdout ? "standard output" : options_.data_file,
                                             shown_bytes(output_.bytes()), progress_.seconds());
        std::FILE* stream = is_stdout ? stderr : stdout;
        static_cast<void>(std::fwrite(text.data(), 1, text.size(), stream));
    }

    Options options_;
    Link& link_;
    Conversation& server_;
    DataOutput& output_;
    std::unique_ptr<Writer> writer_;
    bool has_deadlines_ = true;
    size_t database_ = 0;
    size_t window_ = 0;   // keys asked for at a time
    size_t largest_ = 0;  // payload among them
    snapshot::KeySet seen_;
    Progress progress_;
    ProgressState state_;
};

}  // namespace

size_t keys_at_a_time(size_t before, size_t largest_bytes) {
    const size_t that_fit = kBytesOwedMax / std::max<size_t>(largest_bytes, 1);
    return std::clamp<size_t>(std::min(2 * before, that_fit), 1, kKeysOwedMax);
}

std::vector<DatabaseSize> databases_of(std::string_view info) {
    std::vector<DatabaseSize> databases;
    while (!info.empty()) {
        std::string_view line = info.substr(0, info.find('\n'));
        info.remove_prefix(std::min(info.size(), line.size() + 1));
        const size_t colon = line.find(":keys=");
        if (!line.starts_with("db") || colon == std::string_view::npos) continue;
        const auto number = base::parse_integer(line.substr(2, colon - 2));
        line.remove_prefix(colon + 6);
        const auto keys = base::parse_integer(line.substr(0, line.find(',')));
        if (number && keys) databases.push_back({*number, static_cast<uint64_t>(*keys)});
    }
    return databases;
}

int run_dump(const Options& options, Link& link) {
    if (auto connected = link.connect(); !connected) {
        write_error(connected.error().message);
        return 1;
    }
    // From here on a signal waits until the file can be taken away.
    Conversation server(link.client());
    auto output = DataOutput::open(options.data_file);
    if (!output) {
        write_error(output.error().message);
        return 1;
    }
    return Dump(options, link, server, **output).run();
}

}  // namespace gyre::cli
