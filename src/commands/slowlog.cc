// SPDX-License-Identifier: BSD-3-Clause
#include "commands/slowlog.h"

#include <algorithm>

#include "base/numbers.h"
#include "commands/statements.h"

namespace gyre::commands {
namespace {

using Arguments = std::span<const resp::Argument>;

constexpr std::string_view kRedacted = "(redacted)";

/// Parameters whose values are nobody's business.
bool is_secret_parameter(std::string_view name) {
    return base::equals_ignore_case(name, "requirepass") ||
           base::equals_ignore_case(name, "masterauth");
}

std::string shown(std::string_view bytes) {
    if (bytes.size() <= Slowlog::kArgumentBytesMax) return std::string(bytes);
    return std::string(bytes.substr(0, Slowlog::kArgumentBytesMax)) + "... (" +
           std::to_string(bytes.size() - Slowlog::kArgumentBytesMax) + " more bytes)";
}

/// The last of the places tells how many arguments there was no place for.
std::vector<std::string> shown(Arguments arguments) {
    const bool is_cut = arguments.size() > Slowlog::kArgumentsMax;
    const size_t count = is_cut ? Slowlog::kArgumentsMax - 1 : arguments.size();
    std::vector<std::string> words;
    words.reserve(count + 1);
    for (size_t index = 0; index < count; ++index) {
        const bool hidden = index > 0 && is_secret(arguments, index);
        words.push_back(hidden ? std::string(kRedacted) : shown(arguments[index].bytes));
    }
    if (is_cut) {
        words.push_back("... (" + std::to_string(arguments.size() - count) + " more arguments)");
    }
    return words;
}

/// Of a statement of BATCH, which is shown whole or not at all.
bool has_secret(std::string_view statement) {
    const auto words = statement_words(statement);
    // Nobody knows how a quote that was left open would have gone on.
    if (!words) return true;
    std::vector<resp::Argument> arguments;
    for (const std::string& word : *words) arguments.push_back({word, nullptr});
    for (size_t index = 1; index < arguments.size(); ++index) {
        if (is_secret(arguments, index)) return true;
    }
    return false;
}

}  // namespace

bool is_secret(Arguments arguments, size_t index) {
    const std::string_view command = arguments[0].bytes;
    if (base::equals_ignore_case(command, "batch")) {
        return std::ranges::any_of(split_statements(arguments[index].bytes), has_secret);
    }
    if (base::equals_ignore_case(command, "auth")) return index >= 1;
    // Wherever AUTH stands: without its version HELLO is an error, and the words are as secret.
    if (base::equals_ignore_case(command, "hello")) {
        const auto is_auth = [&](size_t at) {
            return at >= 1 && base::equals_ignore_case(arguments[at].bytes, "auth");
        };
        return is_auth(index - 1) || (index >= 2 && is_auth(index - 2));
    }
    return base::equals_ignore_case(command, "config") && index >= 3 &&
           base::equals_ignore_case(arguments[1].bytes, "set") &&
           is_secret_parameter(arguments[index - 1].bytes);
}

void Slowlog::add(int64_t now_ms, int64_t duration_us, Arguments arguments,
                  std::string_view peer_address, std::string_view client_name) {
    Record record{.time_s = now_ms / 1000,
                  .duration_us = duration_us,
                  .arguments = shown(arguments),
                  .peer_address = std::string(peer_address),
                  .client_name = std::string(client_name)};
    const auto kept =
        static_cast<size_t>(std::max<int64_t>(length_max.load(std::memory_order_relaxed), 0));
    const std::scoped_lock lock(mutex_);
    record.id = next_id_++;
    records_.push_front(std::move(record));
    while (records_.size() > kept) records_.pop_back();
}

std::vector<Slowlog::Record> Slowlog::get(int64_t count) const {
    const std::scoped_lock lock(mutex_);
    const size_t wanted =
        count < 0 ? records_.size() : std::min(records_.size(), static_cast<size_t>(count));
    return {records_.begin(), records_.begin() + static_cast<std::ptrdiff_t>(wanted)};
}

size_t Slowlog::size() const {
    const std::scoped_lock lock(mutex_);
    return records_.size();
}

void Slowlog::reset() {
    const std::scoped_lock lock(mutex_);
    records_.clear();
}

}  // namespace gyre::commands
