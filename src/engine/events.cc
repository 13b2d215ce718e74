// SPDX-License-Identifier: BSD-3-Clause
#include "engine/events.h"

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

}  // namespace

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
