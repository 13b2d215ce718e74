// SPDX-License-Identifier: BSD-3-Clause
#include "load/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

namespace gyre::load {
namespace {

/// Requests of a run that says neither how many nor how long.
constexpr uint64_t kRequestsDefault = 100'000;
constexpr uint64_t kConnectionsMax = 1'000'000;
constexpr uint64_t kValueBytesMax = 512 * 1024 * 1024;
constexpr uint64_t kTtlMax = 10'000'000'000;  // seconds
constexpr double kZipfExponentMax = 20;
/// Memory of all requests that may be in flight together.
constexpr uint64_t kRequestBytesMax = uint64_t{4} << 30;

/// One option. `read` is false for a text it does not take.
struct Row {
    std::string_view name;
    std::string_view value;  ///< what the value is, for people; empty: a flag
    std::string_view help;
    bool (*read)(Options& options, std::string_view text);
};

std::optional<uint64_t> number_in(std::string_view text, uint64_t low, uint64_t high) {
    uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end || number < low || number > high) return std::nullopt;
    return number;
}

template <class Number>
bool read_number(std::string_view text, uint64_t low, uint64_t high, Number& target) {
    const std::optional<uint64_t> number = number_in(text, low, high);
    if (number) target = static_cast<Number>(*number);
    return number.has_value();
}

/// Above 0.
bool read_positive(std::string_view text, double high, double& target) {
    double number = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end || !(number > 0) || number > high) return false;
    target = number;
    return true;
}

bool read_text(std::string_view text, std::string& target) {
    target = text;
    return !text.empty();
}

bool read_command(Options& options, std::string_view text) {
    constexpr std::string_view kMixed = "mixed:";
    if (text.starts_with(kMixed)) {
        options.command = Command::mixed;
        return read_number(text.substr(kMixed.size()), 0, 100, options.get_percent);
    }
    constexpr std::pair<std::string_view, Command> kNames[] = {{"get", Command::get},
                                                               {"set", Command::set},
                                                               {"incr", Command::incr},
                                                               {"mset", Command::mset},
                                                               {"ping", Command::ping}};
    for (const auto& [name, command] : kNames) {
        if (name != text) continue;
        options.command = command;
        return true;
    }
    return false;
}

bool read_script(Options& options, std::string_view text) {
    auto script = parse_script(text);
    if (!script) return false;
    options.script = std::move(*script);
    options.command = Command::script;
    return true;
}

bool read_distribution(Options& options, std::string_view text) {
    constexpr std::string_view kZipf = "zipf:";
    if (text.starts_with(kZipf)) {
        options.distribution = Distribution::zipf;
        return read_positive(text.substr(kZipf.size()), kZipfExponentMax, options.zipf_exponent);
    }
    options.distribution = text == "sequential" ? Distribution::sequential : Distribution::uniform;
    return text == "sequential" || text == "uniform";
}

bool read_arrivals(Options& options, std::string_view text) {
    options.arrivals = text == "poisson" ? Arrivals::poisson : Arrivals::even;
    return text == "poisson" || text == "even";
}

bool read_ttl(Options& options, std::string_view text) {
    const size_t colon = text.find(':');
    const std::string_view low = text.substr(0, colon);
    const std::string_view high = colon == text.npos ? low : text.substr(colon + 1);
    return read_number(low, 1, kTtlMax, options.ttl_min_seconds) &&
           read_number(high, options.ttl_min_seconds, kTtlMax, options.ttl_max_seconds);
}

constexpr Row kRows[] = {
    {"--host", "NAME", "server's address (127.0.0.1)",
     [](Options& o, std::string_view text) { return read_text(text, o.host); }},
    {"--port", "1..65535", "server's port (6379)",
     [](Options& o, std::string_view text) { return read_number(text, 1, 65535, o.port); }},
    {"--unix", "PATH", "server's Unix socket, instead of host and port",
     [](Options& o, std::string_view text) { return read_text(text, o.unix_path); }},
    {"--connections", "1..1000000", "connections that send requests (50)",
     [](Options& o, std::string_view text) {
         return read_number(text, 1, kConnectionsMax, o.connections);
     }},
    {"--pipeline", "1..10000", "requests a connection has in flight at most (1)",
     [](Options& o, std::string_view text) {
         return read_number(text, 1, kPipelineMax, o.pipeline);
     }},
    {"--idle", "0..1000000", "further connections, that stay silent (0)",
     [](Options& o, std::string_view text) {
         return read_number(text, 0, kConnectionsMax, o.idle);
     }},
    {"--requests", "NUMBER", "end after so many (100000, or the keys of a sequential load)",
     [](Options& o, std::string_view text) {
         return read_number(text, 1, UINT64_MAX, o.requests);
     }},
    {"--seconds", "SECONDS", "end after so long",
     [](Options& o, std::string_view text) { return read_positive(text, 1e9, o.seconds); }},
    {"--warmup", "SECONDS", "before that, requests that are not recorded (0)",
     [](Options& o, std::string_view text) {
         return text == "0" || read_positive(text, 1e6, o.warmup_seconds);
     }},
    {"--rate", "PER_SECOND", "open loop: requests leave at this rate, whatever the server does",
     [](Options& o, std::string_view text) { return read_positive(text, 1e9, o.rate); }},
    {"--arrivals", "even|poisson", "distances between the requests of an open loop (even)",
     read_arrivals},
    {"--spin", "", "look for replies all the time instead of sleeping",
     [](Options& o, std::string_view) { return o.is_spinning = true; }},
    {"--connect-storm", "NUMBER", "open and close so many connections, one PING on each",
     [](Options& o, std::string_view text) {
         return read_number(text, 1, UINT64_MAX, o.connect_storm);
     }},
    {"--command", "get|set|incr|mset|ping|mixed:PERCENT_GET",
     "what is sent (get); mset sets 10 keys, mixed is get and set", read_command},
    {"--script", "COMMANDS",
     "requests of several commands: \"MULTI; SET {key} {value}; GET {key}; EXEC\"", read_script},
    {"--http", "", "get: by HTTP, GET /v1/keys/{key}",
     [](Options& o, std::string_view) { return o.is_http = true; }},
    {"--keys", "1..1000000000000", "size of the key space (1000000)",
     [](Options& o, std::string_view text) { return read_number(text, 1, kKeyNumberEnd, o.keys); }},
    {"--offset", "NUMBER", "number of the first key (0)",
     [](Options& o, std::string_view text) {
         return read_number(text, 0, kKeyNumberEnd, o.offset);
     }},
    {"--distribution", "uniform|zipf:EXPONENT|sequential", "which keys come how often (uniform)",
     read_distribution},
    {"--key-prefix", "TEXT", "what stands before the twelve digits of a key (key:)",
     [](Options& o, std::string_view text) {
         o.key_prefix = text;
         return text.size() <= 1024;
     }},
    {"--value-bytes", "0..536870912", "size of values (64)",
     [](Options& o, std::string_view text) {
         return read_number(text, 0, kValueBytesMax, o.value_bytes);
     }},
    {"--integer-values", "", "values are numbers of 8 digits",
     [](Options& o, std::string_view) { return o.has_integer_values = true; }},
    {"--ttl", "MIN[:MAX]", "set and mixed: seconds until a key is due, drawn from the range",
     read_ttl},
    {"--expire-at-ms", "UNIX_MS", "set and mixed: all keys are due at this time",
     [](Options& o, std::string_view text) {
         return read_number(text, 1, INT64_MAX, o.expire_at_ms);
     }},
    {"--seed", "NUMBER", "of the random numbers: the same seed sends the same requests (1)",
     [](Options& o, std::string_view text) { return read_number(text, 0, UINT64_MAX, o.seed); }},
    {"--json", "", "print one line of JSON instead of text",
     [](Options& o, std::string_view) { return o.is_json = true; }},
    {"--help", "", "print this", [](Options& o, std::string_view) { return o.wants_help = true; }},
};

const Row* find_row(std::string_view name) {
    for (const Row& row : kRows) {
        if (row.name == name) return &row;
    }
    return nullptr;
}

/// At most, of the values alone.
uint64_t bytes_in_flight(const Options& options) {
    const bool sends_values = options.command != Command::get && options.command != Command::ping &&
                              options.command != Command::incr;
    uint64_t values = options.command == Command::mset ? 10 : 1;
    if (options.command == Command::script)
        values = static_cast<uint64_t>(std::ranges::count(
            options.script.pieces, ScriptPiece::Kind::value, &ScriptPiece::kind));
    if (!sends_values) return 0;
    return options.value_bytes * values * options.pipeline * options.connections;
}

/// What no option alone can tell. Empty: the options fit each other.
std::string find_contradiction(const Options& options) {
    const bool has_deadline = options.ttl_max_seconds != 0 || options.expire_at_ms != 0;
    if (options.ttl_max_seconds != 0 && options.expire_at_ms != 0)
        return "--ttl and --expire-at-ms exclude each other: choose one";
    if (has_deadline && options.command != Command::set && options.command != Command::mixed)
        return "--ttl and --expire-at-ms need --command set or mixed:PERCENT_GET";
    if (options.script.commands != 0 && options.command != Command::script)
        return "--script and --command exclude each other: choose one";
    if (options.is_http && options.command != Command::get) return "--http needs --command get";
    if (options.offset + options.keys > kKeyNumberEnd)
        return "--offset and --keys go beyond twelve digits: choose smaller ones";
    if (options.arrivals == Arrivals::poisson && options.rate == 0)
        return "--arrivals poisson needs --rate";
    if (bytes_in_flight(options) > kRequestBytesMax)
        return "--value-bytes, --pipeline and --connections need over 4 GiB: choose smaller ones";
    if (options.connect_storm != 0 && (options.rate != 0 || options.warmup_seconds != 0))
        return "--connect-storm runs as fast as it can: leave --rate and --warmup away";
    return "";
}

}  // namespace

Result<Options> parse_options(std::span<const char* const> arguments) {
    Options options;
    for (size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        const size_t equals = argument.find('=');
        const std::string_view name = argument.substr(0, equals);
        const Row* row = find_row(name);
        if (row == nullptr) return fail(fmt::format("there is no option {}: see --help", name));
        std::string_view value;
        if (equals != argument.npos) {
            if (row->value.empty()) return fail(fmt::format("{} takes no value", name));
            value = argument.substr(equals + 1);
        } else if (!row->value.empty()) {
            if (++i == arguments.size())
                return fail(fmt::format("{} needs a value: {}", name, row->value));
            value = arguments[i];
        }
        if (!row->read(options, value))
            return fail(fmt::format("{} takes {}, not '{}'", name, row->value, value));
    }
    if (std::string found = find_contradiction(options); !found.empty())
        return fail(std::move(found));
    if (options.requests == 0 && options.seconds == 0) {
        options.requests =
            options.distribution == Distribution::sequential ? options.keys : kRequestsDefault;
    }
    return options;
}

std::string help_text() {
    std::string text =
        "usage: gyre-load [options]\n"
        "Sends requests to a server that speaks the Redis protocol and tells how long the replies "
        "took.\n"
        "Exit code: 0; 1 when nothing came back but errors or nothing at all; 2 for options that "
        "are wrong.\n\n";
    for (const Row& row : kRows)
        text += fmt::format("  {} {}\n        {}\n", row.name, row.value, row.help);
    return text;
}

}  // namespace gyre::load
