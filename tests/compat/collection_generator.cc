// SPDX-License-Identifier: BSD-3-Clause
#include "compat/collection_generator.h"

#include <algorithm>
#include <utility>

namespace gyre::test {
namespace {

constexpr int kMutatedPercent = 7;
constexpr int kStrangeKeyPercent = 8;

const std::vector<std::string>& keys() {
    static const std::vector<std::string> all{
        "l:1", "l:2", "l:3", "h:1", "h:2", "s:1", "s:2", "s:3", "x:1", std::string("s:\0\xff", 4)};
    return all;
}

}  // namespace

const std::vector<CollectionGenerator::Row>& CollectionGenerator::rows() {
    using G = CollectionGenerator;
    static const std::vector<Row> all{
        {"lpush", 12, &G::push},
        {"rpush", 14, &G::push},
        {"lpushx", 3, &G::push},
        {"rpushx", 3, &G::push},
        {"lpop", 6, &G::pop},
        {"rpop", 6, &G::pop},
        {"llen", 3, &G::list_key},
        {"lindex", 5, &G::lindex},
        {"lset", 6, &G::lset},
        {"lrange", 8, &G::range},
        {"ltrim", 3, &G::range},
        {"lrem", 6, &G::lrem},
        {"linsert", 8, &G::linsert},
        {"lmove", 6, &G::lmove},
        {"rpoplpush", 4, &G::rpoplpush},
        {"lmpop", 5, &G::lmpop},
        {"lpos", 7, &G::lpos},
        {"hset", 16, &G::hset},
        {"hmset", 3, &G::hset},
        {"hsetnx", 4, &G::hsetnx},
        {"hget", 5, &G::hash_field},
        {"hmget", 4, &G::hash_fields},
        {"hdel", 5, &G::hash_fields},
        {"hlen", 3, &G::hash_key},
        {"hstrlen", 4, &G::hash_field},
        {"hexists", 4, &G::hash_field},
        {"hkeys", 3, &G::hash_key},
        {"hvals", 3, &G::hash_key},
        {"hgetall", 4, &G::hash_key},
        {"hincrby", 6, &G::hincrby},
        {"hincrbyfloat", 6, &G::hincrbyfloat},
        {"hrandfield", 4, &G::draw},
        {"hscan", 4, &G::scan},
        {"sadd", 18, &G::sadd},
        {"srem", 6, &G::set_member},
        {"smove", 5, &G::smove},
        {"sismember", 4, &G::set_member},
        {"smismember", 4, &G::sadd},
        {"scard", 3, &G::set_key},
        {"smembers", 4, &G::set_key},
        {"spop", 3, &G::spop},
        {"srandmember", 4, &G::draw},
        {"sscan", 4, &G::scan},
        {"sinter", 4, &G::set_keys},
        {"sunion", 4, &G::set_keys},
        {"sdiff", 4, &G::set_keys},
        {"sinterstore", 5, &G::set_keys},
        {"sunionstore", 5, &G::set_keys},
        {"sdiffstore", 5, &G::set_keys},
        {"sintercard", 5, &G::sintercard},
        {"del", 1, &G::any_key},
        {"type", 2, &G::any_key},
        {"exists", 1, &G::any_keys},
        {"rename", 2, &G::any_keys},
        {"copy", 4, &G::copy},
        {"object", 5, &G::object},
        {"set", 2, &G::set_string},
        {"get", 2, &G::any_key},
        {"strlen", 1, &G::any_key},
        {"append", 1, &G::set_string},
    };
    return all;
}

std::vector<std::string> CollectionGenerator::known_commands() {
    std::vector<std::string> names;
    for (const Row& row : rows()) names.emplace_back(row.name);
    return names;
}

CollectionGenerator::CollectionGenerator(std::uint64_t seed, bool with_encodings)
    : random_(seed * 0x2545f4914f6cdd1dULL + 7), with_encodings_(with_encodings) {}

Sequence CollectionGenerator::sequence(std::size_t length) {
    std::vector<Row> weighted;
    for (const Row& row : rows()) {
        weighted.insert(weighted.end(), static_cast<std::size_t>(row.weight), row);
    }
    Sequence commands;
    while (commands.size() < length) {
        const Row& row = random_.pick(weighted);
        Command command = (this->*row.produce)(row.name);
        // Mutated, these might draw what is compared later, or ask for a reply without end.
        const bool is_drawn =
            row.produce == &CollectionGenerator::spop || row.produce == &CollectionGenerator::draw;
        if (!is_drawn && random_.chance(kMutatedPercent)) command = mutate(std::move(command));
        commands.push_back(std::move(command));
    }
    for (const std::string& name : keys()) {
        commands.push_back({"TYPE", name});
        if (with_encodings_) commands.push_back({"OBJECT", "ENCODING", name});
        commands.push_back({"LRANGE", name, "0", "-1"});
        commands.push_back({"HGETALL", name});
        commands.push_back({"SMEMBERS", name});
    }
    return commands;
}

Command CollectionGenerator::mutate(Command command) {
    const std::size_t at = 1 + random_.below(command.size());
    const bool is_end = at >= command.size();
    switch (random_.below(4)) {
        case 0:
            if (command.size() > 1) command.pop_back();
            break;
        case 1:
            command.push_back(odd());
            break;
        case 2:
            if (!is_end) command[at] = odd();
            break;
        default:
            command.insert(command.begin() + static_cast<std::ptrdiff_t>(at), odd());
            break;
    }
    return command;
}

// Arguments.

std::string CollectionGenerator::key(char type) {
    if (random_.chance(kStrangeKeyPercent)) return random_.pick(keys());
    std::vector<std::string> fitting;
    for (const std::string& name : keys()) {
        if (name[0] == type) fitting.push_back(name);
    }
    return random_.pick(fitting);
}

std::string CollectionGenerator::element() {
    switch (random_.below(14)) {
        case 0:
            return random_.pick({"", "-0", "01", "1.5", "9223372036854775807",
                                 "-9223372036854775808", "9223372036854775808", "inf", "nan"});
        case 1:
            return std::string("\0a\r\n\xff", 5);
        case 2:  // around the longest element that is packed, and around widths of lengths
            return std::string(static_cast<std::size_t>(random_.between(60, 68)), 'e');
        case 3:
            return std::string(static_cast<std::size_t>(random_.between(0, 300)),
                               static_cast<char>('a' + random_.below(3)));
        case 4:
            if (random_.chance(15)) {
                return std::string(static_cast<std::size_t>(random_.between(4000, 20'000)), 'L');
            }
            return std::to_string(random_.between(-70'000, 70'000));
        case 5:
        case 6:
        case 7:
        case 8:
            return std::to_string(random_.between(-5, 25));
        default:
            return "m" + std::to_string(random_.between(0, 15));
    }
}

std::string CollectionGenerator::index() {
    if (random_.chance(7)) return odd();
    return std::to_string(random_.chance(80) ? random_.between(-12, 12)
                                             : random_.between(-200, 200));
}

std::string CollectionGenerator::count() {
    if (random_.chance(12)) return odd();
    return std::to_string(random_.between(-4, 9));
}

std::string CollectionGenerator::odd() {
    return random_.pick({"9223372036854775807",
                         "-9223372036854775808",
                         "-9223372036854775807",
                         "9223372036854775808",
                         "18446744073709551616",
                         "4611686018427387904",
                         "-4611686018427387904",
                         "4294967296",
                         "2147483648",
                         "-1",
                         "0",
                         "-0",
                         "+5",
                         "007",
                         "1.5",
                         "",
                         " 1",
                         "1 ",
                         "abc",
                         "nan",
                         "inf",
                         "-inf",
                         "1e400",
                         "1e3",
                         "LEFT",
                         "RIGHT",
                         "COUNT",
                         "RANK",
                         "MAXLEN",
                         "LIMIT",
                         "MATCH",
                         "BEFORE",
                         "WITHVALUES",
                         "l:1",
                         "h:1",
                         "s:1",
                         "\r\n"});
}

void CollectionGenerator::append_elements(Command& command, std::size_t most) {
    const std::size_t count = 1 + random_.below(random_.chance(10) ? 12 * most : most);
    for (std::size_t i = 0; i < count; ++i) command.push_back(element());
}

// Commands.

Command CollectionGenerator::push(const std::string& name) {
    Command command{name, key('l')};
    append_elements(command, 5);
    return command;
}

Command CollectionGenerator::pop(const std::string& name) {
    if (random_.chance(60)) return {name, key('l')};
    return {name, key('l'), count()};
}

Command CollectionGenerator::list_key(const std::string& name) { return {name, key('l')}; }
Command CollectionGenerator::lindex(const std::string& name) { return {name, key('l'), index()}; }

Command CollectionGenerator::lset(const std::string& name) {
    return {name, key('l'), index(), element()};
}

Command CollectionGenerator::range(const std::string& name) {
    // What is left after a trim should often be something.
    if (name == "ltrim" && random_.chance(70)) {
        return {name, key('l'), std::to_string(random_.between(0, 4)),
                std::to_string(random_.between(-4, -1))};
    }
    return {name, key('l'), index(), index()};
}

Command CollectionGenerator::lrem(const std::string& name) {
    return {name, key('l'), count(), element()};
}

Command CollectionGenerator::linsert(const std::string& name) {
    return {name, key('l'), random_.pick({"BEFORE", "AFTER", "before", "After", "beside"}),
            element(), element()};
}

Command CollectionGenerator::lmove(const std::string& name) {
    const auto end = [this] { return random_.pick({"LEFT", "RIGHT", "left", "Right", "up"}); };
    const std::string from = end();
    const std::string source = key('l');
    return {name, source, key('l'), from, end()};
}

Command CollectionGenerator::rpoplpush(const std::string& name) {
    const std::string source = key('l');
    return {name, source, key('l')};
}

Command CollectionGenerator::lmpop(const std::string& name) {
    const std::size_t lists = 1 + random_.below(3);
    Command command{name, random_.chance(92) ? std::to_string(lists) : count()};
    for (std::size_t i = 0; i < lists; ++i) command.push_back(key('l'));
    command.push_back(random_.pick({"LEFT", "RIGHT", "right", "up"}));
    if (random_.chance(50)) {
        command.push_back(random_.pick({"COUNT", "count"}));
        command.push_back(count());
    }
    return command;
}

Command CollectionGenerator::lpos(const std::string& name) {
    Command command{name, key('l'), element()};
    const std::size_t options = random_.below(4);
    for (std::size_t i = 0; i < options; ++i) {
        command.push_back(random_.pick({"RANK", "COUNT", "MAXLEN", "rank", "count"}));
        command.push_back(count());
    }
    return command;
}

Command CollectionGenerator::hset(const std::string& name) {
    Command command{name, key('h')};
    const std::size_t fields = 1 + random_.below(random_.chance(10) ? 30 : 4);
    for (std::size_t i = 0; i < fields; ++i) {
        command.push_back(element());
        command.push_back(element());
    }
    return command;
}

Command CollectionGenerator::hsetnx(const std::string& name) {
    return {name, key('h'), element(), element()};
}

Command CollectionGenerator::hash_key(const std::string& name) { return {name, key('h')}; }

Command CollectionGenerator::hash_field(const std::string& name) {
    return {name, key('h'), element()};
}

Command CollectionGenerator::hash_fields(const std::string& name) {
    Command command{name, key('h')};
    append_elements(command, 5);
    return command;
}

Command CollectionGenerator::hincrby(const std::string& name) {
    return {name, key('h'), element(), random_.chance(80) ? count() : odd()};
}

Command CollectionGenerator::hincrbyfloat(const std::string& name) {
    const std::string number = random_.chance(70) ? std::to_string(random_.between(-90, 90)) + "." +
                                                        std::to_string(random_.between(0, 999))
                                                  : odd();
    return {name, key('h'), element(), number};
}

/// At random, in the number asked for; which ones is not compared.
Command CollectionGenerator::draw(const std::string& name) {
    const bool of_hash = name == "hrandfield";
    Command command{name, key(of_hash ? 'h' : 's')};
    if (random_.chance(30)) return command;
    // A negative number gets that many elements: only such as the oracle can answer, or refuses.
    const auto number = random_.pick({"-9223372036854775808", "0", "5", "1", "300", "-3", "-40",
                                      "9223372036854775807", "abc", "1.5"});
    command.push_back(number);
    if (of_hash && random_.chance(50)) {
        command.push_back(random_.pick({"WITHVALUES", "withvalues", "WITHVALUE"}));
    }
    return command;
}

Command CollectionGenerator::scan(const std::string& name) {
    Command command{name, key(name == "hscan" ? 'h' : 's'),
                    random_.chance(85) ? "0" : random_.pick({"abc", "-1", "", "1x", " 0"})};
    const std::size_t options = random_.below(3);
    for (std::size_t i = 0; i < options; ++i) {
        command.push_back(random_.pick({"MATCH", "COUNT", "match", "TYPE"}));
        command.push_back(random_.pick({"*", "m*", "1", "5", "1000", "0", "-1", "[a-m]1?"}));
    }
    return command;
}

Command CollectionGenerator::sadd(const std::string& name) {
    Command command{name, key('s')};
    if (random_.chance(35)) {
        const std::size_t count = 1 + random_.below(9);
        for (std::size_t i = 0; i < count; ++i) {
            command.push_back(std::to_string(random_.between(-20, 40)));
        }
        return command;
    }
    append_elements(command, 6);
    return command;
}

Command CollectionGenerator::set_key(const std::string& name) { return {name, key('s')}; }

Command CollectionGenerator::set_member(const std::string& name) {
    Command command{name, key('s'), element()};
    if (name == "srem" && random_.chance(40)) append_elements(command, 4);
    return command;
}

Command CollectionGenerator::smove(const std::string& name) {
    const std::string source = key('s');
    return {name, source, key('s'), element()};
}

Command CollectionGenerator::spop(const std::string& name) {
    return {name, key('s'), random_.pick({"0", "9223372036854775807", "-1", "abc", "", "100000"})};
}

Command CollectionGenerator::set_keys(const std::string& name) {
    Command command{name};
    const std::size_t count = 1 + random_.below(4);
    for (std::size_t i = 0; i < count; ++i) command.push_back(key('s'));
    return command;
}

Command CollectionGenerator::sintercard(const std::string& name) {
    const std::size_t sets = 1 + random_.below(3);
    Command command{name, random_.chance(90) ? std::to_string(sets) : count()};
    for (std::size_t i = 0; i < sets; ++i) command.push_back(key('s'));
    if (random_.chance(50)) {
        command.push_back(random_.pick({"LIMIT", "limit", "COUNT"}));
        command.push_back(count());
    }
    return command;
}

Command CollectionGenerator::any_key(const std::string& name) {
    return {name, random_.pick(keys())};
}

Command CollectionGenerator::any_keys(const std::string& name) {
    const std::string first = random_.pick(keys());
    return {name, first, random_.pick(keys())};
}

Command CollectionGenerator::copy(const std::string& name) {
    const char type = random_.pick({"l", "h", "s"})[0];
    const std::string source = key(type);
    Command command{name, source, key(type)};
    if (random_.chance(60)) command.push_back("REPLACE");
    return command;
}

Command CollectionGenerator::object(const std::string& name) {
    return {name, with_encodings_ ? "ENCODING" : "FREQ", random_.pick(keys())};
}

Command CollectionGenerator::set_string(const std::string& name) {
    return {name, random_.chance(70) ? "x:1" : random_.pick(keys()), element()};
}

}  // namespace gyre::test
