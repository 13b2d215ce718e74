// SPDX-License-Identifier: BSD-3-Clause
#include "commands/aliases.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/numbers.h"
#include "base/utf8.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

std::string shown(std::string_view text) { return base::escape_for_error(text); }

/// A byte of a name: it must survive being typed, quoted in errors, and listed one a line.
bool is_name_byte(unsigned char byte) {
    return byte > ' ' && byte != 0x7F && byte != '"' && byte != '\'' && byte != '\\';
}

Result<void> check_name(std::string_view name) {
    const bool is_typed = std::all_of(name.begin(), name.end(), is_name_byte);
    if (name.empty() || name.size() > AliasTable::kNameBytesMax || !is_typed ||
        !base::is_utf8(name)) {
        return fail(fmt::format(
            "ERR '{}' cannot be an alias: a name has 1 to {} bytes of text, and no blanks, quotes, "
            "backslashes or control characters. Choose another name",
            shown(name), AliasTable::kNameBytesMax));
    }
    // These close the connection: browsers send them.
    if (base::equals_ignore_case(name, "post") || base::equals_ignore_case(name, "host:")) {
        return fail(fmt::format(
            "ERR '{}' cannot be an alias: it is a word of HTTP. Choose another name", shown(name)));
    }
    return {};
}

/// What stands at a '$' in a word of an alias.
struct Placeholder {
    enum class Kind : uint8_t { none, one, all, dollar } kind = Kind::none;
    size_t number = 0;  ///< of `one`, from 1
};

Placeholder placeholder_at(std::string_view word, size_t at) {
    if (word[at] != '$' || at + 1 == word.size()) return {};
    const char next = word[at + 1];
    if (next == '@') return {Placeholder::Kind::all};
    if (next == '$') return {Placeholder::Kind::dollar};
    if (next >= '1' && next <= '9') {
        return {Placeholder::Kind::one, static_cast<size_t>(next - '0')};
    }
    return {};
}

/// What the placeholders of some words ask of a call.
struct Demand {
    size_t highest = 0;    ///< of $1 to $9
    bool has_all = false;  ///< $@
    bool has_any() const { return has_all || highest > 0; }
};

/// nullopt: there is a $@ that is not a word of its own.
std::optional<Demand> demand_of(std::span<const std::string> words) {
    Demand demand;
    for (const std::string& word : words) {
        for (size_t at = 0; at < word.size(); ++at) {
            const Placeholder found = placeholder_at(word, at);
            if (found.kind == Placeholder::Kind::none) continue;
            if (found.kind == Placeholder::Kind::all && word.size() != 2) return std::nullopt;
            if (found.kind == Placeholder::Kind::all) demand.has_all = true;
            demand.highest = std::max(demand.highest, found.number);
            ++at;
        }
    }
    return demand;
}

Result<void> check_words(const Alias& alias) {
    size_t bytes = 0;
    for (const std::string& word : alias.words) {
        bytes += word.size();
        if (!base::is_utf8(word)) {
            return fail(fmt::format(
                "ERR alias '{}': '{}' is not UTF-8, and an alias is kept as text. Leave these "
                "bytes to the arguments of its calls",
                shown(alias.name), shown(word)));
        }
    }
    if (alias.words.empty() || alias.words.size() > AliasTable::kWordsMax ||
        bytes > AliasTable::kTextBytesMax) {
        return fail(fmt::format(
            "ERR alias '{}' stands for {} words of {} bytes: 1 to {} words and {} bytes are the "
            "limit. Make it shorter",
            shown(alias.name), alias.words.size(), bytes, AliasTable::kWordsMax,
            AliasTable::kTextBytesMax));
    }
    const auto command = demand_of({alias.words.data(), 1});
    if (!command || command->has_any()) {
        return fail(fmt::format(
            "ERR alias '{}' must begin with the name of a command: $1 to $9 and $@ stand for "
            "arguments",
            shown(alias.name)));
    }
    if (!demand_of(alias.words)) {
        return fail(
            fmt::format("ERR alias '{}': $@ stands for several arguments and must be a word of its "
                        "own. Put blanks around it",
                        shown(alias.name)));
    }
    return {};
}

/// The alias that a word means where a command is looked for; null: a command, or nothing known.
const Alias* find_called(const AliasTable& table, std::string_view word) {
    return find_command(word) != nullptr ? nullptr : table.find(word);
}

/// Builds the arguments that one alias makes of one call. Blocks it has taken are given back unless
/// the result is taken.
class Expansion {
public:
    Expansion(const Alias& alias, std::span<const resp::Argument> call,
              std::deque<std::string>& texts)
        : alias_(alias), given_(call.subspan(1)), texts_(texts), texts_before_(texts.size()) {}
    Expansion(const Expansion&) = delete;
    Expansion& operator=(const Expansion&) = delete;
    ~Expansion() {
        for (const resp::Argument& argument : built_) release(argument);
        if (!is_taken_) texts_.resize(texts_before_);
    }

    Result<void> build() {
        const Demand demand = demand_of(alias_.words).value();
        if (auto fits = check_count(demand); !fits) return fits;
        for (const std::string& word : alias_.words) {
            if (auto added = add_word(word); !added) return added;
        }
        return demand.has_any() ? Result<void>() : add_all();
    }
    std::vector<resp::Argument> take() {
        is_taken_ = true;
        return std::exchange(built_, {});
    }
    static void release(const resp::Argument& argument) {
        if (argument.block != nullptr) argument.block->release();
    }

private:
    Result<void> check_count(const Demand& demand) const {
        const bool is_exact = demand.has_any() && !demand.has_all;
        if (given_.size() >= demand.highest && (!is_exact || given_.size() == demand.highest)) {
            return {};
        }
        return fail(fmt::format(
            "ERR wrong number of arguments for alias '{}': it takes {}{}, as it stands for {}",
            shown(alias_.name), demand.highest, is_exact ? "" : " or more",
            shown(alias_line(alias_))));
    }

    Result<void> add(const resp::Argument& argument) {
        if (built_.size() == AliasTable::kArgumentsMax) {
            return fail(
                fmt::format("ERR alias '{}' would make more than {} arguments. Call it with fewer",
                            shown(alias_.name), AliasTable::kArgumentsMax));
        }
        if (argument.block != nullptr) argument.block->retain();
        built_.push_back(argument);
        return {};
    }

    Result<void> add_all() {
        for (const resp::Argument& argument : given_) {
            if (auto added = add(argument); !added) return added;
        }
        return {};
    }

    Result<void> add_word(const std::string& word) {
        if (word.size() == 2) {
            const Placeholder whole = placeholder_at(word, 0);
            if (whole.kind == Placeholder::Kind::all) return add_all();
            if (whole.kind == Placeholder::Kind::one) return add(given_[whole.number - 1]);
        }
        auto text = filled(word);
        if (!text) return tl::unexpected(std::move(text.error()));
        texts_.push_back(std::move(*text));
        return add({texts_.back(), nullptr});
    }

    /// The word with the arguments in it.
    Result<std::string> filled(const std::string& word) {
        std::string text;
        for (size_t at = 0; at < word.size(); ++at) {
            const Placeholder found = placeholder_at(word, at);
            std::string_view piece(&word[at], 1);
            if (found.kind == Placeholder::Kind::one) piece = given_[found.number - 1].bytes;
            if (found.kind != Placeholder::Kind::none) ++at;
            built_bytes_ += piece.size();
            if (built_bytes_ > AliasTable::kBuiltBytesMax) {
                return fail(fmt::format(
                    "ERR alias '{}' would put together more than {} bytes of text. Let long "
                    "arguments be words of their own",
                    shown(alias_.name), AliasTable::kBuiltBytesMax));
            }
            text += piece;
        }
        return text;
    }

    const Alias& alias_;
    std::span<const resp::Argument> given_;
    std::deque<std::string>& texts_;
    const size_t texts_before_;
    std::vector<resp::Argument> built_;
    size_t built_bytes_ = 0;
    bool is_taken_ = false;
};

}  // namespace

const Alias* AliasTable::find(std::string_view name) const {
    if (by_name_.empty() || name.size() > kNameBytesMax) return nullptr;
    const auto found = by_name_.find(base::to_lower(name));
    return found == by_name_.end() ? nullptr : &found->second;
}

Result<void> AliasTable::put(Alias alias) {
    alias.name = base::to_lower(alias.name);
    if (auto checked = check_name(alias.name); !checked) return checked;
    if (auto checked = check_words(alias); !checked) return checked;
    const std::string name = alias.name;
    const auto before = by_name_.find(name);
    if (before == by_name_.end() && by_name_.size() == kAliasesMax) {
        return fail(
            fmt::format("ERR there are {} aliases, and no more can be kept. Remove one with "
                        "RESET-ALIAS name",
                        kAliasesMax));
    }
    std::optional<Alias> replaced;
    if (before != by_name_.end()) replaced = std::move(before->second);
    by_name_[name] = std::move(alias);
    auto checked = check_chains(name);
    if (checked) return checked;
    if (replaced) {
        by_name_[name] = std::move(*replaced);
    } else {
        by_name_.erase(name);
    }
    return checked;
}

/// The one that is new or changed, `name`, may have closed a circle or made a chain too long.
Result<void> AliasTable::check_chains(const std::string& name) const {
    for (const auto& [start, first] : by_name_) {
        const Alias* alias = &first;
        for (size_t depth = 1; alias != nullptr; ++depth) {
            if (depth > kDepthMax) {
                return fail(fmt::format(
                    "ERR alias '{}' would lead in a circle, or over more than {} aliases. Name a "
                    "command instead",
                    shown(name), kDepthMax));
            }
            alias = find_called(*this, alias->words[0]);
        }
    }
    return {};
}

bool AliasTable::remove(std::string_view name) { return by_name_.erase(base::to_lower(name)) > 0; }

std::string alias_line(const Alias& alias) {
    std::string line;
    for (const std::string& word : alias.words) {
        const bool is_plain = !word.empty() && std::all_of(word.begin(), word.end(), is_name_byte);
        if (!line.empty()) line += ' ';
        line += is_plain ? word : base::quote(word);
    }
    return line;
}

Result<bool> expand_alias(const AliasTable& table, std::vector<resp::Argument>& arguments,
                          size_t first, std::deque<std::string>& texts) {
    const Alias* alias = find_called(table, arguments[first].bytes);
    if (alias == nullptr) return false;
    // Each step is one call more: those between are given back at the end of theirs.
    std::vector<resp::Argument> call(arguments.begin() + static_cast<ptrdiff_t>(first),
                                     arguments.end());
    const size_t texts_before = texts.size();
    bool is_own = false;
    Result<void> result;
    for (size_t depth = 0; alias != nullptr && result; ++depth) {
        CHECK(depth < AliasTable::kDepthMax);
        Expansion expansion(*alias, call, texts);
        result = expansion.build();
        if (!result) break;
        auto next = expansion.take();
        if (is_own) std::for_each(call.begin(), call.end(), Expansion::release);
        call = std::move(next);
        is_own = true;
        alias = find_called(table, call[0].bytes);
    }
    if (!result) {
        if (is_own) std::for_each(call.begin(), call.end(), Expansion::release);
        texts.resize(texts_before);
        return tl::unexpected(std::move(result.error()));
    }
    std::for_each(arguments.begin() + static_cast<ptrdiff_t>(first), arguments.end(),
                  Expansion::release);
    arguments.resize(first);
    arguments.insert(arguments.end(), call.begin(), call.end());
    return true;
}

}  // namespace gyre::commands
