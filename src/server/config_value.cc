// SPDX-License-Identifier: BSD-3-Clause
#include "server/config_value.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/numbers.h"

namespace gyre::server {
namespace {

constexpr std::array<std::string_view, 3> kClientClasses{"normal", "slave", "pubsub"};
/// Words of client-output-buffer-limit for one class.
constexpr size_t kLimitWords = 4;

bool has_control_character(std::string_view text) {
    return std::any_of(text.begin(), text.end(), [](unsigned char character) {
        return (character < 0x20 && character != '\t') || character == 0x7F;
    });
}

/// As many as fit in the numbers that targets take.
int64_t signed_bytes(uint64_t bytes) {
    return static_cast<int64_t>(std::min<uint64_t>(bytes, INT64_MAX));
}

template <class T>
bool read_whole(std::string_view text, T& number, int base) {
    const auto [end, failure] =
        std::from_chars(text.data(), text.data() + text.size(), number, base);
    return failure == std::errc() && end == text.data() + text.size();
}

std::string join(std::span<const std::string> words) {
    return fmt::format("{}", fmt::join(words.begin(), words.end(), " "));
}

/// "a, b, c" of "a b c".
std::string listed(std::string_view choices) {
    const auto words = split_words(choices);
    return fmt::format("{}", fmt::join(words.begin(), words.end(), ", "));
}

Result<ConfigValue> parse_boolean(std::string_view word) {
    if (base::equals_ignore_case(word, "yes")) return ConfigValue{"yes", 1};
    if (base::equals_ignore_case(word, "no")) return ConfigValue{"no", 0};
    return fail("argument must be 'yes' or 'no'");
}

tl::unexpected<Error> not_a_choice(const ConfigRow& row) {
    return fail("argument(s) must be one of the following: " + listed(row.choices));
}

Result<ConfigValue> parse_choice(const ConfigRow& row, std::string_view word) {
    for (const std::string_view choice : split_words(row.choices)) {
        if (base::equals_ignore_case(word, choice)) return ConfigValue{std::string(choice)};
    }
    return not_a_choice(row);
}

std::string number_text(ConfigKind kind, int64_t number) {
    return kind == ConfigKind::octal ? fmt::format("{:o}", number) : std::to_string(number);
}

Result<int64_t> parse_number(ConfigKind kind, std::string_view word) {
    if (kind == ConfigKind::octal) {
        int64_t mode = 0;
        if (read_whole(word, mode, 8)) return mode;
        return fail("argument couldn't be parsed as an octal number");
    }
    if (const auto number = base::parse_integer(word)) return *number;
    return fail("argument couldn't be parsed into an integer");
}

Result<ConfigValue> parse_numeric(const ConfigRow& row, std::string_view word) {
    const auto number = parse_number(row.kind, word);
    if (!number) return tl::unexpected(number.error());
    if (*number < row.min || *number > row.max) {
        return fail(fmt::format("argument must be between {} and {} inclusive",
                                number_text(row.kind, row.min), number_text(row.kind, row.max)));
    }
    const int64_t brought = std::clamp(*number, row.lowest, row.highest);
    return ConfigValue{number_text(row.kind, brought), brought};
}

/// The number of what is beyond 2^63 - 1 is that; the text is what was meant.
Result<ConfigValue> parse_memory(const ConfigRow& row, std::string_view word) {
    const auto bytes = base::parse_memory_size(word);
    if (!bytes) return fail("argument must be a memory value");
    const auto min = static_cast<uint64_t>(row.min);
    const uint64_t max = row.is_unsigned ? UINT64_MAX : static_cast<uint64_t>(row.max);
    if (*bytes < min || *bytes > max) {
        return fail(fmt::format("argument must be between {} and {} inclusive", min, max));
    }
    const uint64_t brought =
        std::max(*bytes, static_cast<uint64_t>(std::max<int64_t>(row.lowest, 0)));
    return ConfigValue{std::to_string(brought), signed_bytes(brought)};
}

/// Names of files and addresses have no control characters; what never leaves the configuration
/// may have any, and so may a password.
Result<ConfigValue> parse_text(const ConfigRow& row, std::string_view text) {
    const bool is_free = row.check != nullptr ||
                         (row.kind == ConfigKind::text && row.change == ConfigChange::always);
    if (!is_free && has_control_character(text)) {
        return fail("argument must not contain control characters");
    }
    return ConfigValue{std::string(text)};
}

/// In the order of the table, whatever the order given.
Result<ConfigValue> parse_flags(const ConfigRow& row, std::span<const std::string> words) {
    const auto choices = split_words(row.choices);
    std::vector<bool> is_given(choices.size());
    for (const std::string& word : words) {
        const auto choice = std::find_if(
            choices.begin(), choices.end(),
            [&](std::string_view known) { return base::equals_ignore_case(known, word); });
        if (choice == choices.end()) return not_a_choice(row);
        is_given[static_cast<size_t>(choice - choices.begin())] = true;
    }
    if (words.empty()) return not_a_choice(row);
    std::vector<std::string> shown;
    for (size_t index = 1; index < choices.size(); ++index) {
        if (is_given[index]) shown.emplace_back(choices[index]);
    }
    return ConfigValue{shown.empty() ? std::string(choices[0]) : join(shown)};
}

Result<ConfigValue> parse_percentiles(std::span<const std::string> words) {
    std::vector<std::string> shown;
    for (const std::string& word : words) {
        const auto number = base::parse_double(word);
        if (!number) return fail("Invalid latency-tracking-info-percentiles parameters");
        if (*number < 0 || *number > 100) {
            return fail(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]");
        }
        shown.push_back(base::format_double(*number));
    }
    return ConfigValue{join(shown)};
}

std::optional<size_t> client_class(std::string_view name) {
    if (base::equals_ignore_case(name, "replica")) return 1;
    for (size_t index = 0; index < kClientClasses.size(); ++index) {
        if (base::equals_ignore_case(name, kClientClasses[index])) return index;
    }
    return std::nullopt;
}

std::optional<net::OutputLimit> parse_limit(std::span<const std::string> words) {
    const auto hard = base::parse_memory_size(words[1]);
    const auto soft = base::parse_memory_size(words[2]);
    int64_t seconds = 0;
    if (!hard || !soft || !read_whole(words[3], seconds, 10)) return std::nullopt;
    if (seconds < 0 || seconds > INT32_MAX) return std::nullopt;
    return net::OutputLimit{static_cast<uint64_t>(signed_bytes(*hard)),
                            static_cast<uint64_t>(signed_bytes(*soft)), seconds};
}

std::string limits_text(const OutputLimits& limits) {
    std::string text;
    for (size_t index = 0; index < limits.size(); ++index) {
        const net::OutputLimit& limit = limits[index];
        fmt::format_to(std::back_inserter(text), "{}{} {} {} {}", index == 0 ? "" : " ",
                       kClientClasses[index], limit.hard_bytes, limit.soft_bytes,
                       limit.soft_seconds);
    }
    return text;
}

Result<ConfigValue> parse_output_limits(std::span<const std::string> words,
                                        const ConfigValue& present) {
    if (words.size() % kLimitWords != 0) {
        return fail("Wrong number of arguments in buffer limit configuration.");
    }
    OutputLimits limits = output_limits_of(present);
    for (size_t first = 0; first < words.size(); first += kLimitWords) {
        const auto index = client_class(words[first]);
        if (!index) return fail("Invalid client class specified in buffer limit configuration.");
        const auto limit = parse_limit(words.subspan(first, kLimitWords));
        if (!limit) {
            return fail(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.");
        }
        limits[*index] = *limit;
    }
    return ConfigValue{limits_text(limits)};
}

Result<ConfigValue> parse_save_points(std::span<const std::string> words) {
    bool is_good = words.size() % 2 == 0;
    for (size_t index = 0; index < words.size() && is_good; ++index) {
        const auto number = base::parse_integer(words[index]);
        const int64_t least = index % 2 == 0 ? 1 : 0;  // seconds, then changes
        is_good = number && *number >= least;
    }
    if (!is_good) return fail("Invalid save parameters");
    return ConfigValue{join(words)};
}

bool takes_several(ConfigKind kind) {
    return kind == ConfigKind::words || kind == ConfigKind::percentiles ||
           kind == ConfigKind::output_limits || kind == ConfigKind::save_points ||
           kind == ConfigKind::flags;
}

Result<ConfigValue> parse_by_kind(const ConfigRow& row, std::span<const std::string> words,
                                  const ConfigValue& present) {
    switch (row.kind) {
        case ConfigKind::boolean:
            return parse_boolean(words[0]);
        case ConfigKind::choice:
            return parse_choice(row, words[0]);
        case ConfigKind::integer:
        case ConfigKind::octal:
            return parse_numeric(row, words[0]);
        case ConfigKind::memory:
            return parse_memory(row, words[0]);
        case ConfigKind::text:
            return parse_text(row, words[0]);
        case ConfigKind::words:
            return parse_text(row, join(words));
        case ConfigKind::flags:
            return parse_flags(row, words);
        case ConfigKind::percentiles:
            return parse_percentiles(words);
        case ConfigKind::output_limits:
            return parse_output_limits(words, present);
        case ConfigKind::save_points:
            return parse_save_points(words);
    }
    return fail("argument of a kind that is not known");
}

/// 1048576 as 1mb, where it comes out even.
std::string memory_text(uint64_t bytes) {
    constexpr std::array<std::pair<uint64_t, const char*>, 3> kUnits{
        {{1ULL << 30, "gb"}, {1ULL << 20, "mb"}, {1ULL << 10, "kb"}}};
    for (const auto& [unit, name] : kUnits) {
        if (bytes != 0 && bytes % unit == 0) return std::to_string(bytes / unit) + name;
    }
    return std::to_string(bytes);
}

std::vector<std::string> limit_lines(const ConfigRow& row, const ConfigValue& value) {
    const OutputLimits limits = output_limits_of(value);
    std::vector<std::string> lines;
    for (size_t index = 0; index < limits.size(); ++index) {
        const std::string_view name = index == 1 ? "replica" : kClientClasses[index];
        lines.push_back(
            fmt::format("{} {} {} {} {}", row.name, name, memory_text(limits[index].hard_bytes),
                        memory_text(limits[index].soft_bytes), limits[index].soft_seconds));
    }
    return lines;
}

}  // namespace

std::vector<std::string_view> split_words(std::string_view text) {
    constexpr std::string_view kBlanks = " \t";
    std::vector<std::string_view> words;
    size_t at = text.find_first_not_of(kBlanks);
    while (at != std::string_view::npos) {
        const size_t end = std::min(text.find_first_of(kBlanks, at), text.size());
        words.push_back(text.substr(at, end - at));
        at = text.find_first_not_of(kBlanks, end);
    }
    return words;
}

ConfigValues initial_config_values() {
    ConfigValues values;
    for (const ConfigRow& row : config_rows()) {
        ConfigValue empty;
        if (row.kind == ConfigKind::output_limits) empty.text = row.initial;
        const std::string words[] = {std::string(row.initial)};
        auto value = parse_config_value(row, words, empty);
        CHECK(value.has_value());
        values.push_back(std::move(*value));
    }
    return values;
}

Result<ConfigValue> parse_config_value(const ConfigRow& row, std::span<const std::string> words,
                                       const ConfigValue& present) {
    std::vector<std::string> parts;
    if (takes_several(row.kind)) {
        // One argument of several words is the same as several: CONFIG SET knows no other way.
        if (words.size() == 1) {
            for (const std::string_view part : split_words(words[0])) parts.emplace_back(part);
            words = parts;
        }
    } else if (words.size() != 1) {
        return fail("wrong number of arguments");
    }
    auto value = parse_by_kind(row, words, present);
    if (value && row.check != nullptr) {
        if (auto checked = row.check(*value); !checked) {
            return tl::unexpected(std::move(checked.error()));
        }
    }
    if (value && row.normalize != nullptr) row.normalize(*value);
    if (value && row.role == ConfigRole::fixed && value->text != row.initial) {
        return fail(fmt::format("not supported in this version: {}", row.summary));
    }
    return value;
}

std::string config_word(std::string_view word) {
    const bool is_plain = !word.empty() && std::all_of(word.begin(), word.end(), [](char c) {
        return c > ' ' && c < 0x7F && c != '"' && c != '\'';
    });
    return is_plain ? std::string(word) : base::quote(word);
}

std::vector<std::string> config_lines(const ConfigRow& row, const ConfigValue& value) {
    if (row.kind == ConfigKind::output_limits) return limit_lines(row, value);
    if (row.kind == ConfigKind::memory) {
        const uint64_t bytes = base::parse_memory_size(value.text).value_or(0);
        return {fmt::format("{} {}", row.name, memory_text(bytes))};
    }
    if (takes_several(row.kind) && !value.text.empty()) {
        std::string line(row.name);
        for (const std::string_view word : split_words(value.text)) line += " " + config_word(word);
        return {line};
    }
    return {fmt::format("{} {}", row.name, config_word(value.text))};
}

OutputLimits output_limits_of(const ConfigValue& value) {
    const auto words = split_words(value.text);
    OutputLimits limits;
    CHECK(words.size() == limits.size() * kLimitWords);
    for (size_t index = 0; index < limits.size(); ++index) {
        const auto at = [&](size_t offset) {
            return base::parse_integer(words[index * kLimitWords + offset]).value_or(0);
        };
        limits[index] = {static_cast<uint64_t>(at(1)), static_cast<uint64_t>(at(2)), at(3)};
    }
    return limits;
}

Result<void> check_plain_name(const ConfigValue& value, const std::string& parameter,
                              std::string_view kind) {
    if (value.text.empty()) return fail(parameter + " can't be empty");
    const auto is_control = [](unsigned char c) { return c < ' ' || c == 0x7F; };
    if (std::any_of(value.text.begin(), value.text.end(), is_control)) {
        return fail("argument must not contain control characters");
    }
    if (value.text.find_first_of("/\\") == std::string::npos) return {};
    return fail(fmt::format("{} can't be a path, just a {}", parameter, kind));
}

}  // namespace gyre::server
