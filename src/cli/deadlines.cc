// SPDX-License-Identifier: BSD-3-Clause
#include "cli/deadlines.h"

#include <algorithm>
#include <utility>

#include "base/numbers.h"
#include "cli/human.h"
#include "cli/pretty.h"

namespace gyre::cli {
namespace {

/// Of the elements of a command in the reply of COMMAND.
constexpr size_t kName = 0;
constexpr size_t kFlags = 2;
constexpr size_t kFirst = 3;
constexpr size_t kLast = 4;
constexpr size_t kStep = 5;
constexpr size_t kSubcommands = 9;

/// PTTL of a key that is not there.
constexpr int64_t kGone = -2;

std::vector<std::string> pttl_of(const std::string& key) { return {"PTTL", key}; }

std::vector<std::vector<std::string>> pttls_of(std::span<const std::string> keys) {
    std::vector<std::vector<std::string>> commands;
    commands.reserve(keys.size());
    std::ranges::transform(keys, std::back_inserter(commands), pttl_of);
    return commands;
}

/// The keys that a reply names; in ITEMS each is followed by its value.
void take_listed(std::string_view command, Deadlines::Answer& answer) {
    const std::vector<Reply>& elements = answer.reply.elements;
    answer.stride = base::equals_ignore_case(command, "items") ? 2 : 1;
    answer.listed = elements.size() / answer.stride;
    for (size_t i = 0; i < std::min(answer.listed, Deadlines::kKeysMax); ++i) {
        answer.keys.push_back(elements[i * answer.stride].text);
    }
}

}  // namespace

// --- the table ----------------------------------------------------------------------------------

void ReadCommands::load(const Reply& commands) {
    for (const Reply& command : commands.elements) add(command);
}

void ReadCommands::add(const Reply& command) {
    const std::vector<Reply>& parts = command.elements;
    if (parts.size() <= kStep) return;
    const bool only_reads = std::ranges::any_of(
        parts[kFlags].elements, [](const Reply& flag) { return flag.text == "readonly"; });
    const Place place{parts[kFirst].integer, parts[kLast].integer, parts[kStep].integer};
    if (only_reads && place.first > 0 && place.step > 0) {
        places_.insert_or_assign(base::to_lower(parts[kName].text), place);
    }
    if (parts.size() <= kSubcommands) return;
    for (const Reply& subcommand : parts[kSubcommands].elements) add(subcommand);
}

std::vector<std::string> ReadCommands::keys_of(std::span<const std::string> words) const {
    std::vector<std::string> keys;
    if (words.empty()) return keys;
    auto place = places_.find(base::to_lower(words[0]));
    if (place == places_.end() && words.size() > 1) {
        place = places_.find(base::to_lower(words[0]) + "|" + base::to_lower(words[1]));
    }
    if (place == places_.end()) return keys;
    const auto size = static_cast<int64_t>(words.size());
    const int64_t last = place->second.last < 0 ? size + place->second.last : place->second.last;
    for (int64_t at = place->second.first; at <= std::min(last, size - 1);
         at += place->second.step) {
        const std::string& key = words[static_cast<size_t>(at)];
        if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
        if (keys.size() == Deadlines::kKeysMax) break;
    }
    return keys;
}

// --- asking -------------------------------------------------------------------------------------

bool Deadlines::may_ask() const {
    return !link_.is_in_transaction() && !link_.is_monitoring() &&
           (!link_.is_subscribed() || link_.protocol() == 3);
}

/// A server that does not tell (yet: it may want a password) is asked again at the next command.
Result<void> Deadlines::load_table() {
    const std::string words[] = {"COMMAND"};
    const Result<Reply> reply = link_.call(words);
    if (!reply) return tl::unexpected(reply.error());
    if (!reply->is_error()) commands_.load(*reply);
    return {};
}

Result<Deadlines::Answer> Deadlines::call(std::span<const std::string> words) {
    if (auto opened = link_.open(); !opened) return tl::unexpected(opened.error());
    Answer answer;
    if (may_ask()) {
        if (commands_.is_empty()) {
            if (auto loaded = load_table(); !loaded) return tl::unexpected(loaded.error());
        }
        answer.keys = commands_.keys_of(words);
    }
    Result<std::vector<Reply>> replies = link_.call_with(words, pttls_of(answer.keys));
    if (!replies) return tl::unexpected(replies.error());
    answer.reply = std::move(replies->front());
    replies->erase(replies->begin());
    if (!words.empty() && lists_keys(words[0]) && answer.reply.is_aggregate() && may_ask()) {
        take_listed(words[0], answer);
        if (!answer.keys.empty()) {
            // Not by call(): the connection that gave the keys is there.
            const auto commands = pttls_of(answer.keys);
            replies = link_.call_with(commands.front(), std::span(commands).subspan(1));
            if (!replies) return tl::unexpected(replies.error());
        }
    }
    for (const Reply& reply : *replies) answer.texts.push_back(deadline_text(reply));
    return answer;
}

// --- showing ------------------------------------------------------------------------------------

std::vector<std::string> Deadlines::notes(const Answer& answer) {
    std::vector<std::string> notes;
    if (answer.listed == 0) return notes;
    notes.resize(answer.reply.elements.size());
    for (size_t i = 0; i < answer.texts.size(); ++i) notes[i * answer.stride] = answer.texts[i];
    return notes;
}

std::string Deadlines::lines(const Answer& answer) {
    std::string out;
    if (answer.reply.is_error()) return out;
    const bool is_alone = answer.keys.size() == 1 && answer.listed == 0;
    for (size_t i = 0; i < answer.texts.size(); ++i) {
        if (answer.texts[i].empty()) continue;
        out += '(';
        if (!is_alone) out += quote_for_people(answer.keys[i]) + ": ";
        out += answer.texts[i] + ")\n";
    }
    return out;
}

std::string deadline_text(const Reply& pttl) {
    if (pttl.type != ReplyType::integer || pttl.integer <= kGone) return "";
    if (pttl.integer < 0) return "no expiry";
    return "expires in " + human_duration(pttl.integer);
}

bool lists_keys(std::string_view command) {
    return base::equals_ignore_case(command, "keys") || base::equals_ignore_case(command, "items");
}

}  // namespace gyre::cli
