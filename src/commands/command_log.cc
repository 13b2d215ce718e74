// SPDX-License-Identifier: BSD-3-Clause
#include "commands/command_log.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/check.h"
#include "base/numbers.h"
#include "commands/families/introspection.h"
#include "commands/registry.h"
#include "commands/session.h"
#include "commands/slowlog.h"
#include "diary/diary.h"

namespace gyre::commands {
namespace {

constexpr uint32_t kEveryCategory = ~uint32_t{0};

/// A command, or a container with all that is in it.
bool is_meant(const CommandSpec& spec, const CommandSpec& named) {
    return &spec == &named || (named.is_container && spec.parent == named.name);
}

diary::NotedArgument noted(std::span<const resp::Argument> arguments, size_t index) {
    if (index > 0 && is_secret(arguments, index)) return {.is_hidden = true};
    const std::string_view bytes = arguments[index].bytes;
    const size_t kept = std::min(bytes.size(), diary::kNotedBytesMax);
    return {.bytes = bytes.substr(0, kept), .left_out_bytes = bytes.size() - kept};
}

}  // namespace

Result<CommandFilter> CommandFilter::parse(std::span<const std::string_view> words) {
    CommandFilter filter;
    const bool begins_with_all = words.empty() || words[0].starts_with('-');
    filter.rows_.assign(rows().size(), begins_with_all);
    for (const std::string_view word : words) {
        if (auto applied = filter.apply(word); !applied) return tl::unexpected(applied.error());
    }
    return filter;
}

Result<void> CommandFilter::apply(std::string_view word) {
    const std::string shown = base::escape_for_error(word);
    const bool is_taken = word.starts_with('-');
    if (!is_taken && !word.starts_with('+')) {
        return fail(
            fmt::format("'{}' begins neither with + nor with -: write +{} for what is to be "
                        "logged, or -{} for what is not",
                        shown, shown, shown));
    }
    const std::string_view name = word.substr(1);
    if (name.starts_with('@')) {
        const bool is_all = base::equals_ignore_case(name, "@all");
        const auto category = is_all ? kEveryCategory : find_acl_category(name.substr(1));
        if (!category) {
            return fail(
                fmt::format("'{}': there is no such category of commands; COMMAND INFO "
                            "shows those of a command, and @all is every command",
                            shown));
        }
        for (const CommandSpec* spec : rows()) {
            if (is_all || (acl_categories(*spec) & *category) != 0) {
                rows_[row_index(*spec)] = !is_taken;
            }
        }
        return {};
    }
    const CommandSpec* const named = find_full_name(name);
    if (named == nullptr) {
        return fail(
            fmt::format("'{}': there is no such command; a category begins with @, a "
                        "sub-command is written as config|set",
                        shown));
    }
    for (const CommandSpec* spec : rows()) {
        if (is_meant(*spec, *named)) rows_[row_index(*spec)] = !is_taken;
    }
    return {};
}

CommandLog& no_command_log() {
    static CommandLog instance;
    return instance;
}

void CommandLog::set_filter(const CommandFilter& filter) {
    CHECK(rows().size() <= kRowsMax);
    bool is_any = false;
    for (size_t place = 0; place < rows_.size(); ++place) {
        uint64_t bits = 0;
        for (size_t bit = 0; bit < 64; ++bit) {
            const size_t row = place * 64 + bit;
            if (row >= rows().size() || !filter.selects(static_cast<uint32_t>(row))) continue;
            bits |= uint64_t{1} << bit;
        }
        rows_[place].store(bits, std::memory_order_relaxed);
        is_any = is_any || bits != 0;
    }
    is_on_.store(is_any && diary::has_command_log(), std::memory_order_relaxed);
}

void CommandLog::add(const RequestView& request, const Session& session, uint64_t nanoseconds,
                     std::string_view error) const {
    if (request.spec == nullptr) return;
    const uint32_t row = row_index(*request.spec);
    if ((rows_[row / 64].load(std::memory_order_relaxed) >> (row % 64) & 1) == 0) return;
    std::array<diary::NotedArgument, diary::kNotedArgumentsMax> kept;
    const size_t count = std::min(request.arguments.size(), kept.size());
    for (size_t index = 0; index < count; ++index) kept[index] = noted(request.arguments, index);
    diary::note_command({.client = session.id,
                         .database = session.database.load(std::memory_order_relaxed),
                         .microseconds = nanoseconds / 1000,
                         .address = session.peer_address,
                         .name = session.name,
                         .error = error,
                         .arguments = std::span(kept).first(count),
                         .left_out_arguments = request.arguments.size() - count});
}

}  // namespace gyre::commands
