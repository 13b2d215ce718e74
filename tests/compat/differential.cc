// SPDX-License-Identifier: BSD-3-Clause
#include "compat/differential.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <initializer_list>
#include <stdexcept>
#include <utility>

namespace gyre::test {

namespace {

constexpr std::size_t kSignatureBytes = 60;
constexpr int kScanRounds = 100'000;

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

void sort_items(Frame& frame) {
    std::sort(frame.items.begin(), frame.items.end(),
              [](const Frame& a, const Frame& b) { return a.raw < b.raw; });
    frame.raw = frame.type + std::to_string(frame.items.size()) + "\r\n";
    for (const Frame& item : frame.items) frame.raw += item.raw;
}

void remove_duplicates(Frame& sorted) {
    const auto same = [](const Frame& a, const Frame& b) { return a.raw == b.raw; };
    sorted.items.erase(std::unique(sorted.items.begin(), sorted.items.end(), same),
                       sorted.items.end());
    sort_items(sorted);
}

bool is_one_of(const std::string& name, std::initializer_list<const char*> names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

/// The argument with the cursor; 0: the command is no scan.
std::size_t cursor_place(const Command& command) {
    const std::string name = lower(command[0]);
    if (name == "scan") return 1;
    return is_one_of(name, {"hscan", "sscan", "zscan"}) ? 2 : 0;
}

bool is_scan_from_start(const Command& command) {
    const std::size_t place = cursor_place(command);
    return place != 0 && command.size() > place && command[place] == "0";
}

/// Replies whose elements may come in any order.
bool is_unordered(const std::string& name) {
    return is_one_of(name, {"keys", "smembers", "sinter", "sunion", "sdiff", "spop", "hkeys",
                            "hvals", "hgetall"});
}

bool needs_company(const Command& command) {
    const std::string name = lower(command[0]);
    return name == "randomkey" || name == "dbsize" || is_scan_from_start(command);
}

/// Follows the cursor to the end; the reply becomes the sorted set of all keys seen.
Frame scan_to_end(RawSocket& socket, Command command) {
    Frame first = socket.command(command);
    if (first.items.size() != 2) return first;
    Frame keys = first.items[1];
    std::string cursor = first.items[0].text;
    for (int round = 0; cursor != "0" && round < kScanRounds; ++round) {
        command[cursor_place(command)] = cursor;
        const Frame next = socket.command(command);
        if (next.items.size() != 2) return next;
        cursor = next.items[0].text;
        keys.items.insert(keys.items.end(), next.items[1].items.begin(), next.items[1].items.end());
    }
    sort_items(keys);
    remove_duplicates(keys);
    return keys;
}

/// Any existing key is right: keeps only whether there was one.
Frame random_key(RawSocket& socket, const Command& command) {
    Frame key = socket.command(command);
    if (key.type != '$' || key.is_null) return key;
    const Frame exists = socket.command({"EXISTS", key.text});
    key.text = exists.integer() == 1 ? "a key that exists" : "a key that does not exist";
    key.raw = key.text;
    return key;
}

Frame database_size(RawSocket& socket, const Command& command) {
    Command touch{"EXISTS"};
    touch.insert(touch.end(), generator_keys().begin(), generator_keys().end());
    socket.command(touch);
    return socket.command(command);
}

Frame accompanied_reply(RawSocket& socket, const Command& command) {
    const std::string name = lower(command[0]);
    if (name == "randomkey") return random_key(socket, command);
    if (name == "dbsize") return database_size(socket, command);
    return scan_to_end(socket, command);
}

[[noreturn]] void connection_lost(const Sequence& commands, std::size_t index) {
    std::string text = "a server closed the connection or fell silent at command " +
                       std::to_string(index) + " of:\n";
    for (const Command& command : commands) text += "    " + describe(command) + "\n";
    throw std::runtime_error(text);
}

std::optional<long long> tolerance_of(const Command& command) {
    const std::string name = lower(command[0]);
    if (name == "ttl" || name == "expiretime") return kToleranceSeconds;
    if (name == "pttl" || name == "pexpiretime") return kToleranceSeconds * 1000;
    if (name == "object" && command.size() > 1 && lower(command[1]) == "idletime") {
        return kToleranceSeconds;
    }
    return std::nullopt;
}

bool is_keyword(const std::string& argument) {
    return !argument.empty() && argument.size() < 12 &&
           std::all_of(
               argument.begin(), argument.end(),
               [](unsigned char c) { return std::isalpha(c) != 0; });
}

}  // namespace

std::string Difference::signature() const {
    std::string text = lower(command[0]);
    for (std::size_t i = 1; i < command.size(); ++i) {
        if (i > 2 && is_keyword(command[i])) text += " " + lower(command[i]);
    }
    const auto brief = [](const Frame& frame) {
        if (frame.is_error()) return describe(frame).substr(0, kSignatureBytes);
        return std::string(1, frame.type) + (frame.is_null ? "nil" : "");
    };
    return text + " -> " + brief(expected) + " / " + brief(actual);
}

bool replies_agree(const Command& command, const Frame& oracle, const Frame& subject) {
    if (oracle.raw == subject.raw) return true;
    const std::optional<long long> tolerance = tolerance_of(command);
    if (tolerance && oracle.type == ':' && subject.type == ':') {
        const bool is_absolute = absolute_deadlines().contains(oracle.text) ||
                                 absolute_deadlines().contains(subject.text);
        const long long distance = std::llabs(oracle.integer() - subject.integer());
        const bool are_both_times = oracle.integer() > 0 && subject.integer() > 0;
        if (!is_absolute && are_both_times && distance <= *tolerance) return true;
    }
    const std::string name = lower(command[0]);
    if (is_one_of(name, {"srandmember", "hrandfield"}) && oracle.type == subject.type &&
        oracle.is_null == subject.is_null && !oracle.is_error()) {
        return oracle.items.size() == subject.items.size();
    }
    if (is_unordered(name) && oracle.is_aggregate() && subject.is_aggregate()) {
        Frame left = oracle;
        Frame right = subject;
        sort_items(left);
        sort_items(right);
        if (left.raw == right.raw) return true;
    }
    // From any other cursor a scan may return what it likes.
    if (cursor_place(command) != 0 && !is_scan_from_start(command) && oracle.items.size() == 2 &&
        subject.items.size() == 2) {
        return true;
    }
    return std::any_of(
        known_differences().begin(), known_differences().end(),
        [&](const KnownDifference& known) { return known.matches(command, oracle, subject); });
}

Differential::Differential(const ServerProcess& oracle, const ServerProcess& subject)
    : oracle_(oracle.connect()), subject_(subject.connect()) {}

std::vector<Frame> Differential::replies(RawSocket& socket, const Sequence& commands,
                                         int protocol) {
    std::string batch = encode({"FLUSHALL"}) + encode({"SELECT", "0"}) +
                        encode({"HELLO", std::to_string(protocol)});
    std::size_t batched = 3;
    std::vector<Frame> all;
    const auto finish_batch = [&] {
        if (!socket.send_while_reading(batch)) connection_lost(commands, all.size());
        std::vector<Frame> frames = socket.read_frames(batched);
        if (frames.size() != batched) connection_lost(commands, all.size() + frames.size());
        all.insert(all.end(), std::make_move_iterator(frames.begin()),
                   std::make_move_iterator(frames.end()));
        batch.clear();
        batched = 0;
    };
    for (const Command& command : commands) {
        if (needs_company(command)) {
            finish_batch();
            all.push_back(accompanied_reply(socket, command));
        } else {
            batch += encode(command);
            ++batched;
        }
    }
    finish_batch();
    all.erase(all.begin(), all.begin() + 3);
    return all;
}

std::optional<Difference> Differential::run(const Sequence& commands, int protocol) {
    const std::vector<Frame> expected = replies(oracle_, commands, protocol);
    std::vector<Frame> actual = replies(subject_, commands, protocol);
    for (std::size_t i = 0; i < commands.size(); ++i) {
        if (tamper_) tamper_(commands[i], actual[i]);
        if (!replies_agree(commands[i], expected[i], actual[i])) {
            return Difference{commands[i], i, expected[i], actual[i]};
        }
    }
    return std::nullopt;
}

Sequence Differential::shrink(Sequence commands, int protocol) {
    // What stands behind the command usually does not matter; when it does, it stays.
    const std::optional<Difference> first = run(commands, protocol);
    if (!first) return commands;
    Sequence head(commands.begin(),
                  commands.begin() + static_cast<std::ptrdiff_t>(first->index) + 1);
    if (run(head, protocol)) commands = std::move(head);
    for (std::size_t chunk = commands.size() / 2; chunk > 0; chunk /= 2) {
        std::size_t at = 0;
        while (at < commands.size()) {
            Sequence shorter = commands;
            const std::size_t end = std::min(at + chunk, commands.size());
            shorter.erase(shorter.begin() + static_cast<std::ptrdiff_t>(at),
                          shorter.begin() + static_cast<std::ptrdiff_t>(end));
            if (!shorter.empty() && run(shorter, protocol)) {
                commands = std::move(shorter);
            } else {
                at += chunk;
            }
        }
    }
    return commands;
}

}  // namespace gyre::test
