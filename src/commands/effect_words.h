// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// An effect put together word by word, by handlers whose own words would not do (engine/effects.h):
//
//     EffectWords(context, "SREM").add(key).copy(member).tell();
//
// Only where there is a log (Context::logs()): a handler asks before it builds one.
//
// Ownership: borrows the context; words that are added last as long as the arguments, others are
// copied. Threads: home reactor.

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "commands/context.h"

namespace gyre::commands {

class EffectWords {
public:
    EffectWords(Context& context, std::string_view name) : context_(context), words_{name} {}

    EffectWords& add(std::string_view word) {
        words_.push_back(word);
        return *this;
    }
    EffectWords& add(const store::Key& key) { return add(key.bytes); }
    /// The arguments from `first` on.
    EffectWords& add_arguments(size_t first) {
        for (size_t at = first; at < context_.count(); ++at) add(context_.argument(at));
        return *this;
    }
    EffectWords& copy(std::string_view word) { return add(context_.effects().keep(word)); }
    EffectWords& number(int64_t value) {
        char digits[base::kIntegerCharsMax];
        const char* end = base::write_integer(digits, value);
        return copy({digits, static_cast<size_t>(end - digits)});
    }
    size_t size() const { return words_.size(); }
    void tell() { context_.effects().tell_words(context_.keyspace.database(), std::move(words_)); }

private:
    Context& context_;
    std::vector<std::string_view> words_;
};

}  // namespace gyre::commands
