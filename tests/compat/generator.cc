// SPDX-License-Identifier: BSD-3-Clause
#include "compat/generator.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace gyre::test {

namespace {

constexpr int kMutatedPercent = 12;
constexpr int kSecondMutationPercent = 25;
constexpr std::int64_t kNearestRelative = 20'000;
constexpr std::int64_t kLongestTtl = 9'000'000'000'000'000'000;

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

/// The positive number a server would read, 0 when it would read none.
std::int64_t positive_number(const std::string& text) {
    if (text.empty() || text.find_first_not_of("0123456789") != std::string::npos) return 0;
    errno = 0;
    const long long value = std::strtoll(text.c_str(), nullptr, 10);
    return errno == ERANGE ? 0 : value;
}

/// Index of the first argument that may hold a relative deadline; 0 for other commands.
std::size_t first_deadline(const std::string& name) {
    if (name == "set") return 3;
    if (name == "getex" || name == "setex" || name == "psetex" || name == "expire" ||
        name == "pexpire" || name == "restore") {
        return 2;
    }
    return 0;
}

}  // namespace

const std::set<std::string>& absolute_deadlines() {
    static const std::set<std::string> deadlines{"4102444800",    "4102444801",    "5000000000",
                                                 "4102444800000", "4102444801000", "4102444800123",
                                                 "4102444801999", "5000000000000", "5000000000001"};
    return deadlines;
}

const std::vector<std::string>& generator_keys() {
    static const std::vector<std::string> keys{
        "a",     "b",
        "c",     "key:1",
        "key:2", "n",
        "",      std::string("bin\0\r\n\xff", 7),
        "{t}x",  "a key with spaces and a length that is beyond any small buffer for keys"};
    return keys;
}

const std::vector<Generator::Row>& Generator::rows() {
    using G = Generator;
    static const std::vector<Row> rows{{"set", 40, &G::set},
                                       {"get", 16, &G::key_only},
                                       {"getset", 4, &G::key_and_value},
                                       {"getex", 8, &G::getex},
                                       {"getdel", 3, &G::key_only},
                                       {"setex", 3, &G::setex},
                                       {"psetex", 3, &G::setex},
                                       {"setnx", 4, &G::key_and_value},
                                       {"mset", 6, &G::pairs},
                                       {"msetnx", 4, &G::pairs},
                                       {"mget", 6, &G::many_keys},
                                       {"append", 8, &G::key_and_value},
                                       {"strlen", 4, &G::key_only},
                                       {"setrange", 6, &G::setrange},
                                       {"getrange", 6, &G::key_and_range},
                                       {"substr", 2, &G::key_and_range},
                                       {"incr", 5, &G::key_only},
                                       {"decr", 3, &G::key_only},
                                       {"incrby", 6, &G::key_and_integer},
                                       {"decrby", 4, &G::key_and_integer},
                                       {"incrbyfloat", 8, &G::key_and_number},
                                       {"lcs", 6, &G::lcs},
                                       {"setbit", 8, &G::setbit},
                                       {"getbit", 4, &G::getbit},
                                       {"bitcount", 6, &G::bitcount},
                                       {"bitpos", 6, &G::bitpos},
                                       {"bitop", 6, &G::bitop},
                                       {"bitfield", 6, &G::bitfield},
                                       {"bitfield_ro", 2, &G::bitfield},
                                       {"del", 5, &G::many_keys},
                                       {"unlink", 3, &G::many_keys},
                                       {"exists", 4, &G::many_keys},
                                       {"touch", 2, &G::many_keys},
                                       {"type", 3, &G::key_only},
                                       {"rename", 5, &G::two_keys},
                                       {"renamenx", 4, &G::two_keys},
                                       {"copy", 6, &G::copy},
                                       {"move", 4, &G::move},
                                       {"swapdb", 2, &G::swapdb},
                                       {"select", 4, &G::select},
                                       {"expire", 7, &G::expire},
                                       {"pexpire", 6, &G::expire},
                                       {"expireat", 6, &G::expire},
                                       {"pexpireat", 6, &G::expire},
                                       {"ttl", 5, &G::key_only},
                                       {"pttl", 5, &G::key_only},
                                       {"expiretime", 4, &G::key_only},
                                       {"pexpiretime", 4, &G::key_only},
                                       {"persist", 4, &G::key_only},
                                       {"keys", 3, &G::keys},
                                       {"scan", 4, &G::scan},
                                       {"dump", 3, &G::key_only},
                                       {"restore", 5, &G::restore},
                                       {"randomkey", 1, &G::no_arguments},
                                       {"object", 6, &G::object},
                                       {"dbsize", 2, &G::no_arguments},
                                       {"flushdb", 1, &G::flush},
                                       {"flushall", 1, &G::flush},
                                       {"echo", 2, &G::message},
                                       {"ping", 2, &G::message},
                                       {"nosuchcommand", 1, &G::unknown}};
    return rows;
}

std::vector<std::string> Generator::known_commands() {
    std::vector<std::string> names;
    for (const Row& row : rows()) names.emplace_back(row.name);
    std::erase(names, "nosuchcommand");
    return names;
}

Generator::Generator(std::uint64_t seed, const std::set<std::string>& available_commands)
    : random_(seed * 0x2545f4914f6cdd1dULL + 1) {
    for (const Row& row : rows()) {
        if (row.name != std::string_view("nosuchcommand") &&
            !available_commands.contains(row.name)) {
            continue;
        }
        weighted_rows_.insert(weighted_rows_.end(), static_cast<std::size_t>(row.weight), row);
    }
}

Sequence Generator::sequence(std::size_t length) {
    Sequence commands;
    while (commands.size() < length) {
        Command command = next();
        if (is_deterministic(command)) commands.push_back(std::move(command));
    }
    return commands;
}

Command Generator::next() {
    const Row& row = random_.pick(weighted_rows_);
    Command command = (this->*row.produce)(row.name);
    if (random_.chance(kMutatedPercent)) command = mutate(std::move(command));
    if (random_.chance(kSecondMutationPercent)) command[0] = random_case(command[0]);
    return command;
}

Command Generator::mutate(Command command) {
    do {
        const std::size_t at = 1 + random_.below(command.size());
        const bool is_end = at >= command.size();
        switch (random_.below(5)) {
            case 0:
                if (command.size() > 1) command.pop_back();
                break;
            case 1:
                command.push_back(odd_argument());
                break;
            case 2:
                if (!is_end) command[at] = odd_argument();
                break;
            case 3:  // an option, or a key, twice
                if (!is_end) command.push_back(command[at]);
                break;
            default:
                command.insert(command.begin() + static_cast<std::ptrdiff_t>(at), odd_argument());
                break;
        }
    } while (random_.chance(kSecondMutationPercent));
    return command;
}

bool Generator::is_deterministic(const Command& command) {
    const std::string name = lower(command[0]);
    const std::size_t first = first_deadline(name);
    if (first == 0) return true;
    std::set<std::string> deadlines;
    for (std::size_t i = first; i < command.size(); ++i) {
        const std::int64_t number = positive_number(command[i]);
        if (number == 0 || absolute_deadlines().contains(command[i])) continue;
        // The payload of SETEX and PSETEX is no deadline.
        if (i == 3 && (name == "setex" || name == "psetex")) continue;
        const bool follows_absolute = i > 0 && lower(command[i - 1]).ends_with("xat");
        if (follows_absolute) continue;
        // Added to the time of day it overflows, and the oracle takes the key for due.
        if (name == "restore" && number > kLongestTtl) return false;
        if (number < kNearestRelative || used_deadlines_.contains(command[i])) return false;
        deadlines.insert(command[i]);
    }
    used_deadlines_.merge(deadlines);
    return true;
}

std::string Generator::random_case(const std::string& name) {
    std::string text = name;
    const bool is_upper = random_.chance(50);
    for (char& c : text) {
        if (is_upper || random_.chance(50)) {
            c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
        }
    }
    return text;
}

// Arguments.

std::string Generator::key() { return random_.pick(generator_keys()); }

std::string Generator::odd_integer() {
    return random_.pick({"9223372036854775807",
                         "-9223372036854775808",
                         "9223372036854775808",
                         "-9223372036854775809",
                         "18446744073709551616",
                         "4294967296",
                         "2147483648",
                         "-1",
                         "0",
                         "-0",
                         "+5",
                         "007",
                         "1.5",
                         "0x10",
                         "",
                         " 1",
                         "1 ",
                         "abc",
                         "nan",
                         "inf",
                         "1e3",
                         "99999999999999999999999999999",
                         "9223372036854776",
                         "9223370399119966",
                         "-9223372036854776",
                         "9223372036854770000",
                         "-9999999999999999",
                         "536870912",
                         "4294967295"});
}

std::string Generator::odd_argument() {
    switch (random_.below(6)) {
        case 0:
            return odd_integer();
        case 1:
            return random_.pick({"NX",           "XX",          "GT",    "LT",      "EX",
                                 "PX",           "EXAT",        "PXAT",  "KEEPTTL", "GET",
                                 "PERSIST",      "REPLACE",     "DB",    "MATCH",   "COUNT",
                                 "TYPE",         "BIT",         "BYTE",  "LEN",     "IDX",
                                 "WITHMATCHLEN", "MINMATCHLEN", "ASYNC", "SYNC"});
        case 2:
            return std::string("\0\r\n", 3);
        case 3:
            return random_.pick(
                {"", " ", "\r\n", "-", "'", "\"", "foo bar", "\xff\xfe", "*", "nx "});
        case 4:
            return key();
        default:
            return value();
    }
}

std::string Generator::integer() {
    if (random_.chance(20)) return odd_integer();
    if (random_.chance(50)) return std::to_string(random_.between(-20, 20));
    return std::to_string(random_.between(-1'000'000, 1'000'000));
}

std::string Generator::number() {
    switch (random_.below(6)) {
        case 0:
            return random_.pick({"nan",      "inf",
                                 "-inf",     "+inf",
                                 "1e5000",   "-1e5000",
                                 "1e-5000",  "1e308",
                                 "-1e308",   "1e17",
                                 "1e18",     "1e-17",
                                 "1e-18",    "5.0e3",
                                 "0x1p3",    "",
                                 " 1.5",     "1.5 ",
                                 "abc",      "1,5",
                                 "3.0",      "-0.0",
                                 "infinity", "1e400",
                                 "1e4932",   "123456789012345678901234567890",
                                 "0.1e",     "."});
        case 1:
            return integer();
        case 2:
            return std::to_string(random_.between(-99, 99)) + "." +
                   std::to_string(random_.between(0, 999'999'999));
        default:
            return std::to_string(random_.between(-9, 9)) + "." +
                   std::to_string(random_.between(0, 99));
    }
}

std::string Generator::value() {
    switch (random_.below(9)) {
        case 0:
            return std::to_string(random_.between(-10'000, 10'000));
        case 1:
            return odd_integer();
        case 2:
            return number();
        case 3:
            return "";
        case 4:
            return std::string("\0a\r\n\xff", 5);
        case 5:  // around the longest embedded string of the oracle
            return std::string(static_cast<std::size_t>(random_.between(40, 48)), 'e');
        case 6:
            return std::string(static_cast<std::size_t>(random_.between(0, 600)),
                               static_cast<char>(random_.below(256)));
        default:
            return random_.pick({"foo", "bar", "ohmytext", "mynewtext", "foobar", "abcabc", "x"});
    }
}

std::string Generator::bit_offset() {
    if (random_.chance(15)) return odd_integer();
    return std::to_string(random_.chance(80) ? random_.between(0, 100)
                                             : random_.between(0, 40'000));
}

std::string Generator::pattern() {
    return random_.pick({"*",       "a",     "?",       "key:*",  "k*[12]", "k*[^1]",
                         "[a-c]",   "[c-a]", "[",       "[]",     "\\*",    "\\",
                         "",        "*{*}*", "nomatch", "**",     "*\r*",   "k??:1",
                         "[^a-c]*", "[a-",   "*a*a*b",  "[\\]a]", "a\\"});
}

std::string Generator::relative_seconds() {
    const std::int64_t base =
        std::vector<std::int64_t>{30'000, 86'400, 10'000'000}[random_.below(3)];
    return std::to_string(base + 7 * deadlines_made_++);
}

std::string Generator::relative_milliseconds() { return relative_seconds() + "500"; }

std::string Generator::absolute_seconds() {
    return random_.pick({"4102444800", "4102444801", "5000000000"});
}

std::string Generator::absolute_milliseconds() {
    return random_.pick({"4102444800000", "4102444801000", "4102444800123", "4102444801999",
                         "5000000000000", "5000000000001"});
}

void Generator::append_expiry(Command& command) {
    const std::string option = random_.pick({"EX", "PX", "EXAT", "PXAT"});
    command.push_back(random_.chance(30) ? lower(option) : option);
    if (random_.chance(12)) {
        command.push_back(odd_integer());
    } else if (option == "EX") {
        command.push_back(relative_seconds());
    } else if (option == "PX") {
        command.push_back(relative_milliseconds());
    } else if (option == "EXAT") {
        command.push_back(random_.chance(8) ? "1" : absolute_seconds());
    } else {
        command.push_back(random_.chance(8) ? "1" : absolute_milliseconds());
    }
}

// Commands.

Command Generator::key_only(const std::string& name) { return {name, key()}; }

Command Generator::no_arguments(const std::string& name) { return {name}; }

Command Generator::many_keys(const std::string& name) {
    Command command{name};
    const std::size_t count = 1 + random_.below(4);
    for (std::size_t i = 0; i < count; ++i) command.push_back(key());
    return command;
}

Command Generator::key_and_value(const std::string& name) { return {name, key(), value()}; }

Command Generator::key_and_integer(const std::string& name) { return {name, key(), integer()}; }

Command Generator::key_and_number(const std::string& name) { return {name, key(), number()}; }

Command Generator::set(const std::string& name) {
    Command command{name, key(), value()};
    if (random_.chance(45)) return command;
    const std::size_t options = 1 + random_.below(3);
    for (std::size_t i = 0; i < options; ++i) {
        switch (random_.below(4)) {
            case 0:
                command.push_back(random_.pick({"NX", "XX", "nx", "Xx"}));
                break;
            case 1:
                command.push_back(random_.pick({"GET", "get"}));
                break;
            case 2:
                command.push_back(random_.pick({"KEEPTTL", "keepttl"}));
                break;
            default:
                append_expiry(command);
                break;
        }
    }
    return command;
}

Command Generator::getex(const std::string& name) {
    Command command{name, key()};
    if (random_.chance(25)) return command;
    if (random_.chance(25)) {
        command.push_back("PERSIST");
    } else {
        append_expiry(command);
    }
    if (random_.chance(10)) append_expiry(command);
    return command;
}

Command Generator::setex(const std::string& name) {
    const bool is_odd = random_.chance(15);
    const std::string deadline = is_odd            ? odd_integer()
                                 : name == "setex" ? relative_seconds()
                                                   : relative_milliseconds();
    return {name, key(), deadline, value()};
}

Command Generator::pairs(const std::string& name) {
    Command command{name};
    const std::size_t count = 1 + random_.below(4);
    for (std::size_t i = 0; i < count; ++i) {
        command.push_back(key());
        command.push_back(value());
    }
    return command;
}

Command Generator::setrange(const std::string& name) {
    const std::string offset =
        random_.chance(15) ? odd_integer() : std::to_string(random_.between(0, 60));
    return {name, key(), offset, value()};
}

Command Generator::key_and_range(const std::string& name) {
    return {name, key(), integer(), integer()};
}

Command Generator::lcs(const std::string& name) {
    Command command{name, key(), key()};
    const std::size_t options = random_.below(4);
    for (std::size_t i = 0; i < options; ++i) {
        command.push_back(random_.pick({"LEN", "IDX", "WITHMATCHLEN", "idx", "MINMATCHLEN"}));
        if (command.back() == "MINMATCHLEN") {
            command.push_back(random_.chance(80) ? std::to_string(random_.between(-1, 4))
                                                 : odd_integer());
        }
    }
    return command;
}

Command Generator::setbit(const std::string& name) {
    return {name, key(), bit_offset(),
            random_.chance(90) ? random_.pick({"0", "1"}) : odd_integer()};
}

Command Generator::getbit(const std::string& name) { return {name, key(), bit_offset()}; }

Command Generator::bitcount(const std::string& name) {
    Command command{name, key()};
    if (random_.chance(30)) return command;
    command.push_back(integer());
    if (random_.chance(95)) command.push_back(integer());
    if (random_.chance(50)) command.push_back(random_.pick({"BIT", "BYTE", "bit", "byte"}));
    return command;
}

Command Generator::bitpos(const std::string& name) {
    Command command{name, key(), random_.chance(90) ? random_.pick({"0", "1"}) : odd_integer()};
    if (random_.chance(60)) command.push_back(integer());
    if (command.size() == 4 && random_.chance(60)) command.push_back(integer());
    if (command.size() == 5 && random_.chance(50)) {
        command.push_back(random_.pick({"BIT", "BYTE", "bit", "byte"}));
    }
    return command;
}

Command Generator::bitop(const std::string& name) {
    Command command{name, random_.pick({"AND", "OR", "XOR", "NOT", "and", "Or", "xor", "not"}),
                    key()};
    const bool is_not = lower(command[1]) == "not";
    const std::size_t count = is_not && random_.chance(90) ? 1 : 1 + random_.below(4);
    for (std::size_t i = 0; i < count; ++i) command.push_back(key());
    return command;
}

Command Generator::bitfield(const std::string& name) {
    Command command{name, key()};
    const std::size_t count = 1 + random_.below(3);
    for (std::size_t i = 0; i < count; ++i) {
        const std::string operation =
            name == "bitfield_ro" && random_.chance(85)
                ? "GET"
                : random_.pick({"GET", "SET", "INCRBY", "OVERFLOW", "get"});
        command.push_back(operation);
        if (operation == "OVERFLOW") {
            command.push_back(random_.pick({"WRAP", "SAT", "FAIL", "fail", "none"}));
            continue;
        }
        command.push_back(
            random_.pick({"u8", "i8", "u1", "i64", "u63", "u64", "i65", "i16", "u0", "x8"}));
        command.push_back((random_.chance(30) ? "#" : "") + bit_offset());
        if (lower(operation) != "get") command.push_back(integer());
    }
    return command;
}

Command Generator::two_keys(const std::string& name) { return {name, key(), key()}; }

Command Generator::copy(const std::string& name) {
    Command command{name, key(), key()};
    if (random_.chance(40)) {
        command.push_back(random_.pick({"DB", "db"}));
        command.push_back(random_.chance(85) ? std::to_string(random_.below(kDatabases))
                                             : odd_integer());
    }
    if (random_.chance(50)) command.push_back(random_.pick({"REPLACE", "replace"}));
    return command;
}

Command Generator::move(const std::string& name) {
    return {name, key(),
            random_.chance(85) ? std::to_string(random_.below(kDatabases)) : odd_integer()};
}

Command Generator::swapdb(const std::string& name) {
    const auto database = [this] {
        return random_.chance(85) ? std::to_string(random_.below(kDatabases)) : odd_integer();
    };
    const std::string first = database();
    return {name, first, database()};
}

Command Generator::select(const std::string& name) {
    if (random_.chance(20))
        return {name, random_.pick({"16", "-1", "abc", "1 ", "", "4294967296"})};
    return {name, std::to_string(random_.below(kDatabases))};
}

Command Generator::expire(const std::string& name) {
    Command command{name, key()};
    if (random_.chance(15)) {
        command.push_back(odd_integer());
    } else if (name == "expire") {
        command.push_back(random_.chance(8) ? "-1" : relative_seconds());
    } else if (name == "pexpire") {
        command.push_back(random_.chance(8) ? "0" : relative_milliseconds());
    } else if (name == "expireat") {
        command.push_back(random_.chance(8) ? "1000" : absolute_seconds());
    } else {
        command.push_back(random_.chance(8) ? "1000" : absolute_milliseconds());
    }
    const std::size_t options = random_.chance(50) ? 0 : 1 + random_.below(2);
    for (std::size_t i = 0; i < options; ++i) {
        command.push_back(random_.pick({"NX", "XX", "GT", "LT", "nx", "gt", "YY"}));
    }
    return command;
}

// What DUMP of the oracle gives for 12345, foobar, sixty times 'e', and nothing; and two with an
// end that is wrong.
Command Generator::restore(const std::string& name) {
    using namespace std::string_literals;
    static const std::vector<std::string> payloads{
        "\x00\xc1\x39\x30\x0a\x00\x9d\x94\xea\x27\x93\xfc\x08\xb9"s,
        "\x00\x06"
        "foobar\x0a\x00\x3b\x4c\x3c\xf6\xb7\xee\x7b\xae"s,
        "\x00\xc3\x09\x3c\x01"
        "ee\xe0\x2f\x00\x01"
        "ee\x0a\x00\x5b\x6c\xcb\x22\xcf\x1c\x33\xdd"s,
        "\x00\x00\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xda"s,
        "\x00\x00\x0a\x00\x5d\x9b\x5c\x40\x0f\x7f\xa2\xdb"s,
        "foobar"s};
    const bool is_absolute = random_.chance(40);
    std::string ttl = "0";
    if (random_.chance(10)) {
        ttl = odd_integer();
    } else if (random_.chance(50)) {
        ttl = is_absolute ? absolute_milliseconds() : relative_milliseconds();
    }
    Command command{name, key(), ttl, random_.pick(payloads)};
    if (is_absolute) command.push_back(random_.pick({"ABSTTL", "absttl"}));
    if (random_.chance(60)) command.push_back(random_.pick({"REPLACE", "replace"}));
    if (random_.chance(15)) {
        command.push_back(random_.pick({"IDLETIME", "FREQ", "freq"}));
        command.push_back(random_.chance(70) ? "7" : odd_integer());
    }
    return command;
}

// KEYS alone is Gyre's own spelling of KEYS *, so the generator always gives a pattern.
Command Generator::keys(const std::string& name) { return {name, pattern()}; }

Command Generator::scan(const std::string& name) {
    Command command{name, random_.chance(85) ? "0" : random_.pick({"abc", "-1", "", "1x", " 0"})};
    const std::size_t options = random_.below(4);
    for (std::size_t i = 0; i < options; ++i) {
        const std::string option = random_.pick({"MATCH", "COUNT", "TYPE", "match"});
        command.push_back(option);
        if (option == "COUNT") {
            command.push_back(random_.chance(70) ? random_.pick({"1", "5", "10", "1000"})
                                                 : odd_integer());
        } else if (option == "TYPE") {
            command.push_back(random_.pick({"string", "STRING", "list", "nosuchtype", ""}));
        } else {
            command.push_back(pattern());
        }
    }
    return command;
}

Command Generator::object(const std::string& name) {
    return {name, random_.pick({"ENCODING", "encoding", "FREQ", "ENCODING", "NOSUCH"}), key()};
}

Command Generator::flush(const std::string& name) {
    if (random_.chance(50)) return {name};
    return {name, random_.pick({"ASYNC", "SYNC", "async", "NOW"})};
}

Command Generator::message(const std::string& name) {
    if (name == "ping" && random_.chance(40)) return {name};
    return {name, value()};
}

Command Generator::unknown(const std::string&) {
    Command command{
        random_.pick({"nosuchcommand", "", " ", "get ", "\r\n", "GE\rT", "SETT", "*1", "\"get\""})};
    const std::size_t count = random_.below(4);
    for (std::size_t i = 0; i < count; ++i) command.push_back(odd_argument());
    return command;
}

}  // namespace gyre::test
