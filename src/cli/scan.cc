// SPDX-License-Identifier: BSD-3-Clause
#include "cli/scan.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iterator>

#include "base/numbers.h"
#include "cli/batch.h"

namespace gyre::cli {
namespace {

/// Pages between two pauses of -i, as redis-cli counts them.
constexpr int kPagesPerPause = 100;

struct TypeRow {
    std::string name;
    std::string size_command;  // empty: unknown to us, counted without a size
    std::string unit;
    uint64_t keys = 0;
    uint64_t total = 0;
    uint64_t biggest = 0;
    std::string biggest_key = {};
};

class BigKeys {
public:
    BigKeys(const Options& options, Link& link, bool is_by_memory)
        : options_(options), link_(link), is_by_memory_(is_by_memory) {}

    int run() {
        std::printf(
            "\n# Looking at every key by SCAN for the %s of each type.\n\n",
            is_by_memory_ ? "one that takes the most memory" : "one with the most elements");
        const auto done = scan_keys(link_, options_, [this](const std::vector<std::string>& keys) {
            return look_at(keys);
        });
        if (!done) {
            write_error(done.error().message);
            return 1;
        }
        print_summary();
        return 0;
    }

private:
    Result<bool> look_at(const std::vector<std::string>& keys) {
        std::vector<TypeRow*> rows;
        for (const std::string& key : keys) link_.client().append("TYPE", key);
        auto types = link_.client().execute_pipeline();
        if (!types) return tl::unexpected(types.error());
        size_t asked = 0;
        for (size_t i = 0; i < keys.size(); ++i) {
            TypeRow* row = row_of((*types)[i].text);
            rows.push_back(row);
            if (row != nullptr) asked += ask_size(*row, keys[i]);
        }
        auto sizes = asked > 0 ? link_.client().execute_pipeline()
                               : Result<std::vector<Reply>>(std::vector<Reply>());
        if (!sizes) return tl::unexpected(sizes.error());
        auto size = sizes->begin();
        for (size_t i = 0; i < keys.size(); ++i) {
            if (rows[i] == nullptr) continue;
            const bool has_size = is_by_memory_ || !rows[i]->size_command.empty();
            count(*rows[i], keys[i], has_size && size != sizes->end() ? (size++)->integer : 0);
        }
        return true;
    }

    bool ask_size(const TypeRow& row, const std::string& key) {
        if (is_by_memory_) {
            link_.client().append("MEMORY", "USAGE", key);
        } else if (!row.size_command.empty()) {
            link_.client().append(row.size_command, key);
        } else {
            return false;
        }
        return true;
    }

    /// nullptr: the key has gone meanwhile.
    TypeRow* row_of(const std::string& type) {
        if (type == "none" || type.empty()) return nullptr;
        const auto row = std::ranges::find(rows_, type, &TypeRow::name);
        if (row != rows_.end()) return &*row;
        // Room is made at the start: rows are pointed to.
        if (rows_.size() == rows_.capacity()) return nullptr;
        return &rows_.emplace_back(TypeRow{type, "", "units"});
    }

    void count(TypeRow& row, const std::string& key, int64_t size) {
        const auto amount = static_cast<uint64_t>(std::max<int64_t>(size, 0));
        ++sampled_;
        key_bytes_ += key.size();
        ++row.keys;
        row.total += amount;
        if (amount <= row.biggest && !row.biggest_key.empty()) return;
        row.biggest = amount;
        row.biggest_key = base::quote(key);
        std::printf("Biggest %-6s found so far '%s' with %llu %s\n", row.name.c_str(),
                    row.biggest_key.c_str(), static_cast<unsigned long long>(row.biggest),
                    unit(row));
        flush_output();
    }

    const char* unit(const TypeRow& row) const {
        return is_by_memory_ ? "bytes" : row.unit.c_str();
    }

    static double ratio(uint64_t part, uint64_t whole) {
        return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
    }

    void print_summary() const {
        std::printf("\n-------- summary -------\n\nSampled %llu keys in the keyspace!\n",
                    static_cast<unsigned long long>(sampled_));
        std::printf("Total key length in bytes is %llu (avg len %.2f)\n\n",
                    static_cast<unsigned long long>(key_bytes_), ratio(key_bytes_, sampled_));
        for (const TypeRow& row : rows_) {
            if (row.biggest_key.empty()) continue;
            std::printf("Biggest %6s found '%s' has %llu %s\n", row.name.c_str(),
                        row.biggest_key.c_str(), static_cast<unsigned long long>(row.biggest),
                        unit(row));
        }
        std::printf("\n");
        for (const TypeRow& row : rows_) {
            std::printf("%llu %ss with %llu %s (%05.2f%% of keys, avg size %.2f)\n",
                        static_cast<unsigned long long>(row.keys), row.name.c_str(),
                        static_cast<unsigned long long>(row.total), unit(row),
                        100 * ratio(row.keys, sampled_), ratio(row.total, row.keys));
        }
    }

    static std::vector<TypeRow> known_rows() {
        std::vector<TypeRow> rows;
        rows.reserve(64);
        rows.push_back({"list", "LLEN", "items"});
        rows.push_back({"hash", "HLEN", "fields"});
        rows.push_back({"string", "STRLEN", "bytes"});
        rows.push_back({"stream", "XLEN", "entries"});
        rows.push_back({"set", "SCARD", "members"});
        rows.push_back({"zset", "ZCARD", "members"});
        return rows;
    }

    const Options& options_;
    Link& link_;
    bool is_by_memory_;
    std::vector<TypeRow> rows_ = known_rows();
    uint64_t sampled_ = 0;
    uint64_t key_bytes_ = 0;
};

}  // namespace

std::vector<std::string> scan_words(const Options& options, const std::string& cursor) {
    std::vector<std::string> words = {"SCAN", cursor};
    if (options.pattern != "*") words.insert(words.end(), {"MATCH", options.pattern});
    if (options.scan_count > 0) {
        words.insert(words.end(), {"COUNT", std::to_string(options.scan_count)});
    }
    return words;
}

Result<void> scan_keys(Link& link, const Options& options,
                       const std::function<Result<bool>(const std::vector<std::string>&)>& visit) {
    std::string cursor = "0";
    for (int page = 1;; ++page) {
        const Result<Reply> reply = link.call(scan_words(options, cursor));
        if (!reply) return tl::unexpected(reply.error());
        if (reply->is_error() || reply->elements.size() != 2) {
            return fail("The server refuses SCAN: " + reply->text + ".");
        }
        cursor = reply->elements[0].text;
        std::vector<std::string> keys;
        std::ranges::transform(reply->elements[1].elements, std::back_inserter(keys), &Reply::text);
        const Result<bool> goes_on = visit(keys);
        if (!goes_on) return tl::unexpected(goes_on.error());
        if (!*goes_on || cursor == "0") return {};
        if (options.interval_s > 0 && page % kPagesPerPause == 0) pause_for(options.interval_s);
    }
}

int run_scan(const Options& options, Link& link, const Output& output) {
    const bool is_quoted = options.format == Format::standard || output.is_pretty();
    const auto done = scan_keys(link, options, [&](const std::vector<std::string>& keys) {
        std::string text;
        for (const std::string& key : keys) text += (is_quoted ? base::quote(key) : key) + '\n';
        write_text(text);
        return Result<bool>(true);
    });
    if (done) return 0;
    write_error(done.error().message);
    return 1;
}

int run_bigkeys(const Options& options, Link& link) { return BigKeys(options, link, false).run(); }

int run_memkeys(const Options& options, Link& link) { return BigKeys(options, link, true).run(); }

}  // namespace gyre::cli
