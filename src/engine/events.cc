// SPDX-License-Identifier: BSD-3-Clause
#include "engine/events.h"

#include <array>

#include "base/base64.h"
#include "base/json_text.h"
#include "base/utf8.h"

namespace gyre::engine {
namespace {

struct Letter {
    char letter;
    uint32_t classes;
};

/// Behind A, which stands for the first ten of them, Redis shows none of the first eleven.
constexpr Letter kClasses[] = {
    {'g', event::generic}, {'$', event::string},     {'l', event::list},    {'s', event::set},
    {'h', event::hash},    {'z', event::sorted_set}, {'x', event::expired}, {'e', event::evicted},
    {'t', event::stream},  {'d', event::module},     {'n', event::created},
};
constexpr Letter kTargets[] = {
    {'K', event::keyspace}, {'E', event::keyevent}, {'m', event::key_miss}};

void append_text(std::string& out, std::string_view text) {
    out += '"';
    while (!text.empty()) {
        std::array<char, 256> piece;
        const base::JsonEscaped done = base::escape_json(text, piece);
        out.append(piece.data(), done.written);
        text.remove_prefix(done.taken);
    }
    out += '"';
}

void append_bytes(std::string& out, std::string_view bytes) {
    if (base::is_utf8(bytes)) return append_text(out, bytes);
    out += "{\"base64\":\"" + base::encode_base64(bytes) + "\"}";
}

template <class T>
std::string number_or_null(const std::optional<T>& number) {
    return number ? std::to_string(*number) : "null";
}

}  // namespace

std::string update_text(const Update& update) {
    std::string text = "{\"op\":";
    append_text(text, update.operation);
    text += ",\"key\":";
    update.key ? append_bytes(text, *update.key) : void(text += "null");
    text += ",\"type\":";
    update.type ? append_text(text, *update.type) : void(text += "null");
    text += ",\"db\":" + number_or_null(update.database);
    text += ",\"time_ms\":" + std::to_string(update.time_ms);
    text += ",\"ttl_ms\":" + number_or_null(update.ttl_ms) + "}";
    return text;
}

std::optional<uint32_t> event_classes(std::string_view letters) {
    uint32_t classes = 0;
    for (const char letter : letters) {
        uint32_t meant = letter == 'A' ? event::all : 0;
        for (const Letter& known : kClasses) meant |= known.letter == letter ? known.classes : 0;
        for (const Letter& known : kTargets) meant |= known.letter == letter ? known.classes : 0;
        if (meant == 0) return std::nullopt;
        classes |= meant;
    }
    return classes;
}

std::string event_letters(uint32_t classes) {
    std::string letters;
    if ((classes & event::all) == event::all) {
        letters += 'A';
    } else {
        for (const Letter& known : kClasses) {
            if ((classes & known.classes) != 0) letters += known.letter;
        }
    }
    for (const Letter& known : kTargets) {
        if ((classes & known.classes) != 0) letters += known.letter;
    }
    return letters;
}

}  // namespace gyre::engine
