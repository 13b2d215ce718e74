// SPDX-License-Identifier: BSD-3-Clause
#include "commands/syntax.h"

#include <algorithm>
#include <span>
#include <utility>

#include "base/numbers.h"

namespace gyre::commands {
namespace {

using Type = SyntaxArgument::Type;
using Lexemes = std::vector<std::string_view>;

constexpr std::string_view kDots = "...";

bool is_mark(char character) {
    return character == '[' || character == ']' || character == '<' || character == '>' ||
           character == '|';
}

Lexemes split(std::string_view text) {
    Lexemes lexemes;
    while (!text.empty()) {
        size_t length = 1;
        if (text[0] != ' ' && !is_mark(text[0])) {
            while (length < text.size() && text[length] != ' ' && !is_mark(text[length])) ++length;
        }
        if (text[0] != ' ') lexemes.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return lexemes;
}

/// Words in which nothing is in lower case stand for themselves.
bool is_token(std::string_view word) {
    return std::none_of(word.begin(), word.end(),
                        [](char letter) { return letter >= 'a' && letter <= 'z'; });
}

// --- types from names
// -----------------------------------------------------------------------------

constexpr std::string_view kIntegers[] = {
    "seconds",   "milliseconds", "offset", "count",          "increment", "decrement", "start",
    "end",       "index",        "index1", "index2",         "db",        "numkeys",   "cursor",
    "timeout",   "protover",     "bit",    "min-match-len",  "client-id", "maxage",    "ttl",
    "frequency", "integer",      "port",   "destination-db",
};
constexpr std::string_view kReals[] = {"float", "score"};

/// Words that mean a number with some commands and none with others.
struct Exception {
    std::string_view command;
    std::string_view name;
    Type type;
};
constexpr Exception kExceptions[] = {
    {"setbit", "value", Type::integer},
    {"bitfield", "value", Type::integer},
    {"incrbyfloat", "increment", Type::real},
};

Type type_of(std::string_view command, std::string_view name) {
    for (const Exception& exception : kExceptions) {
        if (exception.command == command && exception.name == name) return exception.type;
    }
    const auto is_in = [name](std::span<const std::string_view> names) {
        return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (name.starts_with("unix-time")) return Type::unix_time;
    if (name == "pattern") return Type::pattern;
    if (is_in(kIntegers)) return Type::integer;
    if (is_in(kReals)) return Type::real;
    return Type::string;
}

// --- names of groups
// ------------------------------------------------------------------------------

std::string joined_names(std::span<const SyntaxArgument> arguments) {
    const auto is_needed = [](const SyntaxArgument& argument) { return !argument.is_optional; };
    const bool skips_optional = std::any_of(arguments.begin(), arguments.end(), is_needed);
    std::string name;
    for (const SyntaxArgument& argument : arguments) {
        if (skips_optional && argument.is_optional) continue;
        if (!name.empty()) name += '_';
        name += argument.name;
    }
    return name;
}

/// The choices that many commands offer have names of their own.
std::string choice_name(std::span<const SyntaxArgument> choices) {
    const std::string& first = choices[0].token;
    if (first == "NX") return "condition";
    if (first == "EX") return "expiration";
    return joined_names(choices);
}

SyntaxArgument group(std::vector<SyntaxArgument> arguments) {
    if (arguments.size() == 1) return std::move(arguments[0]);
    SyntaxArgument block;
    block.name = joined_names(arguments);
    block.type = Type::block;
    block.arguments = std::move(arguments);
    return block;
}

// --- the parser
// -----------------------------------------------------------------------------------

/// A word or a bracketed group, before tokens take what belongs to them.
struct Unit {
    enum class Kind : uint8_t { token, word, choice, other };
    Kind kind;
    size_t begin;  ///< its first lexeme
    SyntaxArgument argument;
};

/// Tokens take the words behind them, or the choice right behind them.
std::vector<SyntaxArgument> with_tokens(std::span<Unit> units) {
    std::vector<SyntaxArgument> arguments;
    for (size_t index = 0; index < units.size();) {
        if (units[index].kind != Unit::Kind::token) {
            arguments.push_back(std::move(units[index++].argument));
            continue;
        }
        const std::string token = units[index++].argument.token;
        std::vector<SyntaxArgument> taken;
        while (index < units.size() && units[index].kind == Unit::Kind::word) {
            taken.push_back(std::move(units[index++].argument));
        }
        if (taken.empty() && index < units.size() && units[index].kind == Unit::Kind::choice) {
            taken.push_back(std::move(units[index++].argument));
        }
        SyntaxArgument argument;
        if (taken.empty()) {
            argument.name = base::to_lower(token);
            argument.type = Type::pure_token;
        } else {
            argument = group(std::move(taken));
        }
        argument.token = token;
        arguments.push_back(std::move(argument));
    }
    return arguments;
}

class Parser {
public:
    Parser(const Lexemes& lexemes, std::string_view command)
        : lexemes_(lexemes), command_(command) {}

    std::optional<std::vector<SyntaxArgument>> parse() {
        auto units = parse_sequence(0);
        if (!units || at_ != lexemes_.size() || repeats_) return std::nullopt;
        return with_tokens(*units);
    }

private:
    using Units = std::vector<Unit>;

    bool is_at(std::string_view lexeme) const {
        return at_ < lexemes_.size() && lexemes_[at_] == lexeme;
    }
    bool is_at_end() const {
        return at_ == lexemes_.size() || is_at("|") || is_at("]") || is_at(">");
    }

    /// Units up to a bar, a closing bracket or the end. `group_begin`: where the group around
    /// begins.
    std::optional<Units> parse_sequence(size_t group_begin) {
        Units units;
        repeats_ = false;
        while (!is_at_end()) {
            if (is_at(kDots)) {
                ++at_;
                if (!is_at_end()) return std::nullopt;
                repeats_ = true;
            } else if (is_at("<")) {
                const size_t begin = at_;
                auto choice = parse_group(">");
                if (!choice) return std::nullopt;
                units.push_back({Unit::Kind::choice, begin, std::move(*choice)});
            } else if (is_at("[")) {
                if (!parse_bracket(units, group_begin)) return std::nullopt;
            } else {
                units.push_back(word_unit());
            }
        }
        return units;
    }

    Unit word_unit() {
        const std::string_view word = lexemes_[at_];
        Unit unit{is_token(word) ? Unit::Kind::token : Unit::Kind::word, at_, {}};
        ++at_;
        if (unit.kind == Unit::Kind::token) {
            unit.argument.token = word;
        } else {
            unit.argument.name = word;
            unit.argument.type = type_of(command_, word);
        }
        return unit;
    }

    /// "<...>" or "[...]" from its opening mark on: its only sequence, or a choice of several.
    std::optional<SyntaxArgument> parse_group(std::string_view closing) {
        const size_t begin = ++at_;
        std::vector<SyntaxArgument> choices;
        bool repeats = false;
        for (;;) {
            auto units = parse_sequence(begin);
            if (!units || units->empty()) return std::nullopt;
            repeats = repeats_;
            choices.push_back(group(with_tokens(*units)));
            if (!is_at("|")) break;
            ++at_;
        }
        if (!is_at(closing)) return std::nullopt;
        ++at_;
        SyntaxArgument argument;
        if (choices.size() == 1) {
            argument = std::move(choices[0]);
        } else {
            argument.name = choice_name(choices);
            argument.type = Type::one_of;
            argument.arguments = std::move(choices);
        }
        if (repeats || repeated_group_ == begin) argument.is_multiple = true;
        if (repeated_group_ == begin) repeated_group_ = 0;
        repeats_ = false;
        return argument;
    }

    /// A bracket says that something is optional, or that what stands before it may be repeated.
    bool parse_bracket(Units& units, size_t group_begin) {
        const size_t begin = at_;
        auto argument = parse_group("]");
        if (!argument) return false;
        const std::span<const std::string_view> inner(lexemes_.data() + begin + 1, at_ - begin - 2);
        if (inner.back() == kDots &&
            fold(units, inner.first(inner.size() - 1), begin, group_begin)) {
            return true;
        }
        argument->is_optional = true;
        units.push_back({Unit::Kind::other, begin, std::move(*argument)});
        return true;
    }

    bool stands_before(std::span<const std::string_view> repeated, size_t from, size_t end) const {
        return end - from == repeated.size() &&
               std::equal(repeated.begin(), repeated.end(),
                          lexemes_.begin() + static_cast<std::ptrdiff_t>(from));
    }

    /// Makes one repeated unit of those that `repeated` says again; false when it says something
    /// else.
    bool fold(Units& units, std::span<const std::string_view> repeated, size_t end,
              size_t group_begin) {
        for (size_t index = 0; index < units.size(); ++index) {
            if (!stands_before(repeated, units[index].begin, end)) continue;
            const std::span<Unit> folded = std::span(units).subspan(index);
            const bool is_plain = folded.size() == 1;
            const bool has_token = folded[0].kind == Unit::Kind::token;
            if (!is_plain || has_token) {
                Unit unit{Unit::Kind::other, folded[0].begin, group(with_tokens(folded))};
                unit.argument.has_multiple_token = has_token;
                units.erase(units.begin() + static_cast<std::ptrdiff_t>(index), units.end());
                units.push_back(std::move(unit));
            }
            units.back().argument.is_multiple = true;
            return true;
        }
        // The whole group around, with all its alternatives.
        if (group_begin == 0 || !stands_before(repeated, group_begin, end)) return false;
        repeated_group_ = group_begin;
        return true;
    }

    const Lexemes& lexemes_;
    std::string_view command_;
    size_t at_ = 0;
    bool repeats_ = false;       // the sequence read last ended with dots
    size_t repeated_group_ = 0;  // the group under way that is repeated as a whole; 0: none
};

// --- keys
// -----------------------------------------------------------------------------------------

std::optional<size_t> key_spec_at(const CommandSpec& spec, int64_t position) {
    const auto specs = spec.keys.view();
    for (size_t index = 0; index < specs.size(); ++index) {
        const KeySpec& keys = specs[index];
        if ((keys.flags & key_flag::not_key) != 0 || !keys.keyword.empty()) continue;
        if (keys.find == KeySpec::Find::unknown) continue;
        const int64_t first = keys.find == KeySpec::Find::keynum ? keys.begin + keys.b : keys.begin;
        const bool is_later = keys.find == KeySpec::Find::range && keys.a > 0 && keys.b > 0 &&
                              position > first && position <= first + keys.a &&
                              (position - first) % keys.b == 0;
        if (position == first || is_later) return index;
    }
    return std::nullopt;
}

/// Marks an argument that is one value as a key if a specification begins at its position.
void mark_key(const CommandSpec& spec, SyntaxArgument& argument, int64_t position) {
    argument.key_spec = key_spec_at(spec, position);
    if (argument.key_spec) argument.type = Type::key;
}

bool is_one_value(const SyntaxArgument& argument) {
    return argument.type != Type::one_of && argument.type != Type::block &&
           argument.type != Type::pure_token;
}

/// Marks the keys that stand behind a word.
void mark_keys_behind_words(const CommandSpec& spec, std::span<SyntaxArgument> arguments) {
    const auto specs = spec.keys.view();
    for (SyntaxArgument& argument : arguments) {
        for (size_t index = 0; index < specs.size(); ++index) {
            if (specs[index].keyword.empty() || argument.token != specs[index].keyword) continue;
            SyntaxArgument& key = is_one_value(argument) ? argument : argument.arguments.front();
            key.key_spec = index;
            key.type = Type::key;
        }
        mark_keys_behind_words(spec, argument.arguments);
    }
}

/// Marks the keys among arguments whose position does not depend on what the client gives. False:
/// from here on it does.
bool mark_keys(const CommandSpec& spec, std::span<SyntaxArgument> arguments, int64_t& position) {
    for (SyntaxArgument& argument : arguments) {
        if (argument.is_optional) {
            // What comes first of it still has its position.
            if (argument.token.empty() && is_one_value(argument))
                mark_key(spec, argument, position);
            return false;
        }
        if (!argument.token.empty()) ++position;
        if (argument.type == Type::one_of) {
            // Tokens to choose from take one place.
            for (const SyntaxArgument& choice : argument.arguments) {
                if (choice.type != Type::pure_token) return false;
            }
            ++position;
        } else if (argument.type == Type::block) {
            if (!mark_keys(spec, argument.arguments, position)) return false;
        } else if (argument.type != Type::pure_token) {
            mark_key(spec, argument, position++);
        }
        if (argument.is_multiple) return false;
    }
    return true;
}

}  // namespace

std::string_view type_name(SyntaxArgument::Type type) {
    switch (type) {
        case Type::string:
            return "string";
        case Type::integer:
            return "integer";
        case Type::real:
            return "double";
        case Type::key:
            return "key";
        case Type::pattern:
            return "pattern";
        case Type::unix_time:
            return "unix-time";
        case Type::pure_token:
            return "pure-token";
        case Type::one_of:
            return "oneof";
        case Type::block:
            return "block";
    }
    return "string";
}

std::optional<std::vector<SyntaxArgument>> parse_syntax(const CommandSpec& spec) {
    const Lexemes lexemes = split(spec.syntax);
    auto arguments = Parser(lexemes, spec.name).parse();
    if (!arguments) return std::nullopt;
    int64_t position = spec.parent.empty() ? 1 : 2;
    mark_keys(spec, *arguments, position);
    mark_keys_behind_words(spec, *arguments);
    return arguments;
}

}  // namespace gyre::commands
