// SPDX-License-Identifier: BSD-3-Clause
#include "cli/command_table.h"

#include <algorithm>

#include "base/numbers.h"

namespace gyre::cli {
namespace {

std::string upper_case(std::string text) {
    for (char& letter : text) {
        if (letter >= 'a' && letter <= 'z') letter = static_cast<char>(letter - 'a' + 'A');
    }
    return text;
}

std::string text_at(const Reply& map, std::string_view key) {
    const Reply* value = map.find(key);
    return value == nullptr ? "" : value->text;
}

bool has_flag(const Reply& map, std::string_view field, std::string_view flag) {
    const Reply* flags = map.find(field);
    if (flags == nullptr) return false;
    return std::ranges::any_of(flags->elements,
                               [flag](const Reply& each) { return each.text == flag; });
}

Argument::Kind kind_of(std::string_view type) {
    if (type == "key") return Argument::Kind::key;
    if (type == "integer" || type == "double" || type == "unix-time") return Argument::Kind::number;
    if (type == "pure-token") return Argument::Kind::token;
    if (type == "oneof") return Argument::Kind::one_of;
    return type == "block" ? Argument::Kind::block : Argument::Kind::word;
}

std::vector<Argument> read_arguments(const Reply* list) {
    std::vector<Argument> arguments;
    if (list == nullptr) return arguments;
    for (const Reply& each : list->elements) {
        Argument argument;
        argument.name = text_at(each, "name");
        argument.kind = kind_of(text_at(each, "type"));
        argument.token = text_at(each, "token");
        argument.is_optional = has_flag(each, "flags", "optional");
        argument.is_multiple = has_flag(each, "flags", "multiple");
        argument.has_multiple_token = has_flag(each, "flags", "multiple_token");
        argument.arguments = read_arguments(each.find("arguments"));
        if (argument.kind == Argument::Kind::token && argument.token.empty()) {
            argument.token = upper_case(argument.name);
        }
        arguments.push_back(std::move(argument));
    }
    return arguments;
}

Command read_command(std::string name, const Reply& docs) {
    Command command;
    command.name = std::move(name);
    command.summary = text_at(docs, "summary");
    command.since = text_at(docs, "since");
    command.group = text_at(docs, "group");
    command.complexity = text_at(docs, "complexity");
    command.replaced_by = text_at(docs, "replaced_by");
    command.is_deprecated = has_flag(docs, "doc_flags", "deprecated");
    command.arguments = read_arguments(docs.find("arguments"));
    const Reply* inner = docs.find("subcommands");
    if (inner == nullptr) return command;
    for (size_t i = 0; i + 1 < inner->elements.size(); i += 2) {
        const std::string& full = inner->elements[i].text;  // "config|get"
        const std::string word = base::to_lower(full.substr(full.find('|') + 1));
        command.subcommands.emplace(
            word, read_command(command.name + " " + upper_case(word), inner->elements[i + 1]));
    }
    return command;
}

// --- notation -----------------------------------------------------------------------------------

std::string notation(const Argument& argument);

std::string join(std::span<const Argument> arguments, std::string_view separator) {
    std::string text;
    for (const Argument& each : arguments) {
        if (!text.empty()) text += separator;
        text += notation(each);
    }
    return text;
}

/// Without token, brackets and repetition.
std::string core_notation(const Argument& argument) {
    switch (argument.kind) {
        case Argument::Kind::token:
            return "";
        case Argument::Kind::one_of:
            // The brackets of an optional one stand for these.
            return argument.is_optional && argument.token.empty() && !argument.is_multiple
                       ? join(argument.arguments, "|")
                       : "<" + join(argument.arguments, "|") + ">";
        case Argument::Kind::block:
            return join(argument.arguments, " ");
        default:
            return argument.name;
    }
}

std::string with_token(const Argument& argument, bool is_token_done) {
    const std::string core = core_notation(argument);
    if (argument.token.empty() || is_token_done) return core;
    return core.empty() ? argument.token : argument.token + " " + core;
}

std::string repetition(const Argument& argument) {
    return "[" + with_token(argument, !argument.has_multiple_token) + " ...]";
}

std::string notation(const Argument& argument) {
    std::string text = with_token(argument, false);
    if (argument.is_multiple) text += " " + repetition(argument);
    return argument.is_optional ? "[" + text + "]" : text;
}

// --- matching -----------------------------------------------------------------------------------

/// Something that may still come.
struct Rest {
    const Argument* argument = nullptr;
    bool is_token_done = false;  // its token was typed
    bool is_again = false;       // one was typed already, more may come
};

/// Goes along the arguments with the words that were typed. What was not typed is gathered once the
/// words are used up.
class Matcher {
public:
    explicit Matcher(std::span<const std::string> words) : words_(words) {}

    bool match(std::span<const Argument> arguments) {
        for (size_t i = 0; i < arguments.size();) {
            size_t end = i;
            while (end < arguments.size() && arguments[end].is_optional) ++end;
            if (end > i) {
                if (!match_options(arguments.subspan(i, end - i))) return false;
                i = end;
            } else if (!match_one(arguments[i++])) {
                return false;
            }
        }
        return true;
    }

    bool is_at_end() const { return at_ == words_.size(); }
    const std::vector<Rest>& rest() const { return rest_; }

private:
    /// Options stand in any order; those that were not typed may still come.
    bool match_options(std::span<const Argument> options) {
        std::vector<bool> is_used(options.size());
        for (bool is_found = true; is_found && !is_at_end();) {
            is_found = false;
            for (size_t i = 0; i < options.size() && !is_found; ++i) {
                if (is_used[i] || !can_begin(options[i])) continue;
                is_used[i] = is_found = true;
                if (!match_one(options[i])) return false;
            }
        }
        if (!is_at_end()) return true;
        for (size_t i = 0; i < options.size(); ++i) {
            if (!is_used[i]) rest_.push_back({&options[i]});
        }
        return true;
    }

    bool is_next(std::string_view token) const {
        return !is_at_end() && base::equals_ignore_case(words_[at_], token);
    }

    /// The next word may be the first of this argument.
    bool can_begin(const Argument& argument) const {
        if (!argument.token.empty()) return is_next(argument.token);
        switch (argument.kind) {
            case Argument::Kind::token:
                return false;
            case Argument::Kind::number:
                return base::parse_double(words_[at_]).has_value();
            case Argument::Kind::one_of:
                return std::ranges::any_of(
                    argument.arguments, [this](const Argument& each) { return can_begin(each); });
            case Argument::Kind::block:
                return !argument.arguments.empty() && can_begin(argument.arguments.front());
            default:
                return true;
        }
    }

    bool match_one(const Argument& argument) {
        if (is_at_end()) {
            rest_.push_back({&argument});
            return true;
        }
        if (!argument.token.empty()) {
            if (!is_next(argument.token)) return false;
            ++at_;
            if (argument.kind == Argument::Kind::token) return match_more(argument);
            if (is_at_end()) {
                rest_.push_back({&argument, true});
                return true;
            }
        }
        return match_core(argument) && match_more(argument);
    }

    bool match_core(const Argument& argument) {
        switch (argument.kind) {
            case Argument::Kind::block:
                return match(argument.arguments);
            case Argument::Kind::one_of:
                for (const Argument& each : argument.arguments) {
                    if (can_begin(each)) return match_one(each);
                }
                return false;
            case Argument::Kind::token:
                return false;
            default:
                // "*" and "-" stand for numbers often enough: only options are told apart by form.
                ++at_;
                return true;
        }
    }

    /// Repetitions. They take all the words there are: which of them belong to what follows ("key
    /// [key ...] timeout") cannot be known before the line is complete.
    bool match_more(const Argument& argument) {
        if (!argument.is_multiple) return true;
        while (!is_at_end()) {
            if (argument.has_multiple_token && !is_next(argument.token)) return true;
            if (argument.has_multiple_token) ++at_;
            const size_t before = rest_.size();
            if (is_at_end()) {
                rest_.push_back({&argument, true});
                return true;
            }
            if (!can_begin_again(argument)) return true;
            if (!match_core(argument)) return false;
            if (rest_.size() != before) return true;  // a block that is not complete
        }
        rest_.push_back({&argument, false, true});
        return true;
    }

    bool can_begin_again(const Argument& argument) const {
        Argument bare = argument;
        bare.token.clear();
        return can_begin(bare);
    }

    std::span<const std::string> words_;
    size_t at_ = 0;
    std::vector<Rest> rest_;
};

/// What an argument may begin with.
void add_first(Expected& expected, const Argument& argument, bool is_token_done) {
    if (!argument.token.empty() && !is_token_done) {
        expected.tokens.push_back(argument.token);
        return;
    }
    switch (argument.kind) {
        case Argument::Kind::key:
            expected.wants_key = true;
            return;
        case Argument::Kind::one_of:
            for (const Argument& each : argument.arguments) add_first(expected, each, false);
            return;
        case Argument::Kind::block:
            for (const Argument& each : argument.arguments) {
                add_first(expected, each, false);
                if (!each.is_optional) return;
            }
            return;
        default:
            return;
    }
}

std::string hint_of(const Rest& rest) {
    const Argument& argument = *rest.argument;
    if (rest.is_again) return repetition(argument);
    if (!rest.is_token_done) return notation(argument);
    std::string text = with_token(argument, true);
    if (argument.is_multiple) text += " " + repetition(argument);
    return text;
}

}  // namespace

void CommandTable::load_docs(const Reply& docs) {
    for (size_t i = 0; i + 1 < docs.elements.size(); i += 2) {
        const std::string& name = docs.elements[i].text;
        commands_.insert_or_assign(base::to_lower(name),
                                   read_command(upper_case(name), docs.elements[i + 1]));
    }
}

void CommandTable::load_names(const Reply& commands) {
    for (const Reply& each : commands.elements) {
        if (each.elements.empty()) continue;
        const std::string& name = each.elements.front().text;
        Command command;
        command.name = upper_case(name);
        commands_.emplace(base::to_lower(name), std::move(command));
    }
}

CommandTable::Found CommandTable::find(std::span<const std::string> words) const {
    if (words.empty()) return {};
    const auto command = commands_.find(base::to_lower(words[0]));
    if (command == commands_.end()) return {};
    if (words.size() > 1) {
        const auto inner = command->second.subcommands.find(base::to_lower(words[1]));
        if (inner != command->second.subcommands.end()) return {&inner->second, 2};
    }
    return {&command->second, 1};
}

std::string syntax_of(std::span<const Argument> arguments) { return join(arguments, " "); }

std::optional<Expected> expect_after(const Command& command, std::span<const std::string> words) {
    Matcher matcher(words);
    if (!matcher.match(command.arguments) || !matcher.is_at_end()) return std::nullopt;
    Expected expected;
    bool is_reached = true;  // nothing that must come first stands before
    for (const Rest& rest : matcher.rest()) {
        if (!expected.hint.empty()) expected.hint += ' ';
        expected.hint += hint_of(rest);
        if (!is_reached) continue;
        add_first(expected, *rest.argument,
                  rest.is_token_done || (rest.is_again && !rest.argument->has_multiple_token));
        is_reached = rest.is_again || (rest.argument->is_optional && !rest.is_token_done);
    }
    return expected;
}

}  // namespace gyre::cli
