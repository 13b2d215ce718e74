// SPDX-License-Identifier: BSD-3-Clause
#include "commands/matcher.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>

#include "base/glob.h"
#include "base/numbers.h"

namespace gyre::commands {
namespace {

/// An instruction of the automaton costs this much, where it has to be run one by one.
constexpr uint64_t kStepsPerInstruction = 4;
/// So many instructions are as one while their states are known, as they mostly are.
constexpr uint64_t kInstructionsAtOnce = 8;

/// Each byte of a text is looked at once for each element between two stars, and no more.
uint64_t longest_segment(std::string_view pattern) {
    uint64_t longest = 1;
    while (!pattern.empty()) {
        const size_t star = std::min(pattern.find('*'), pattern.size());
        longest = std::max<uint64_t>(longest, star);
        pattern.remove_prefix(std::min(star + 1, pattern.size()));
    }
    return longest;
}

Result<void> check_length(Matcher::How how, size_t bytes) {
    if (how == Matcher::How::exact) return {};
    const size_t limit =
        how == Matcher::How::regex ? Matcher::kRegexBytesMax : Matcher::kPatternBytesMax;
    if (bytes <= limit) return {};
    return fail(fmt::format("ERR the pattern has {} bytes: {} are the limit. Use a shorter one",
                            bytes, limit));
}

}  // namespace

Matcher::Matcher(How how, std::string_view pattern) : how_(how), pattern_(pattern) {
    if (how == How::like) steps_per_byte_ = longest_segment(pattern);
    if (how != How::regex) return;
    re2::RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kProgramBytesMax);
    // Where it matches is not asked: nothing needs to be captured.
    options.set_never_capture(true);
    regex_ = std::make_unique<re2::RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
    if (!regex_->ok()) return;
    const auto instructions = static_cast<uint64_t>(regex_->ProgramSize());
    steps_per_byte_ =
        kStepsPerInstruction * std::max<uint64_t>(instructions / kInstructionsAtOnce, 1);
}

Matcher::~Matcher() = default;

Result<std::shared_ptr<const Matcher>> Matcher::make(How how, std::string_view pattern) {
    if (auto fits = check_length(how, pattern.size()); !fits) {
        return tl::unexpected(std::move(fits.error()));
    }
    std::shared_ptr<const Matcher> matcher(new Matcher(how, pattern));
    if (how != How::regex) return matcher;
    if (!matcher->regex_->ok()) {
        return fail(fmt::format(
            "ERR the regular expression is not one: {} at '{}'. Correct it, or "
            "use LIKE or EXACT",
            matcher->regex_->error(), base::escape_for_error(matcher->regex_->error_arg())));
    }
    if (matcher->regex_->ProgramSize() > kRegexSizeMax) {
        return fail(
            fmt::format("ERR the regular expression is too large: it has {} states, and {} "
                        "are the limit. Repeat less in it",
                        matcher->regex_->ProgramSize(), kRegexSizeMax));
    }
    return matcher;
}

bool Matcher::matches(std::string_view text) const {
    switch (how_) {
        case How::exact:
            return text == pattern_;
        case How::like:
            return pattern_ == "*" || base::glob_matches(pattern_, text);
        case How::regex:
            break;
    }
    return regex_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                         re2::RE2::UNANCHORED, nullptr, 0);
}

uint64_t Matcher::cost(size_t bytes) const {
    if (how_ == How::exact) return bytes == pattern_.size() ? bytes / 16 : 0;
    return bytes * steps_per_byte_;
}

bool Matcher::is_literal() const {
    return how_ == How::exact || (how_ == How::like && base::glob_is_literal(pattern_));
}

}  // namespace gyre::commands
