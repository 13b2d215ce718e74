// SPDX-License-Identifier: BSD-3-Clause
#include "compat/ordered_generator.h"

#include <algorithm>
#include <set>
#include <sstream>

namespace gyre::test {
namespace {

constexpr int kMutatedPercent = 6;
constexpr int kStrangeKeyPercent = 5;

const std::vector<std::string>& keys() {
    static const std::vector<std::string> all{"z:1", "z:2", "z:3", std::string("z:\0\xff", 4),
                                              "b:1", "b:2", "s:1", "s:2",
                                              "g:1", "g:2", "p:1", "p:2",
                                              "p:3", "x:1", "x:2", "t:1"};
    return all;
}

constexpr OrderedGenerator::Row kRows[] = {
    {16, "zadd {z} {add} {pairs}"},
    {6, "zincrby {z} {number} {member}"},
    {6, "zrem {z} {members}"},
    {2, "zcard {z}"},
    {3, "zscore {z} {member}"},
    {2, "zmscore {z} {members}"},
    {3, "zrank {z} {member}"},
    {3, "zrevrank {z} {member}"},
    {4, "zpopmin {z} {pop}"},
    {4, "zpopmax {z} {pop}"},
    {3, "zmpop {operands} {end} {count}"},
    {5, "zrange {z} {index} {index} {rev} {scores}"},
    {5, "zrange {z} {limit} {limit} BYSCORE {rev} {slice} {scores}"},
    {3, "zrevrange {z} {index} {index} {scores}"},
    {3, "zrangebyscore {z} {limit} {limit} {scores} {slice}"},
    {3, "zrevrangebyscore {z} {limit} {limit} {scores} {slice}"},
    {3, "zrangestore {z} {z} {index} {index} {rev}"},
    {3, "zrangestore {z} {z} {limit} {limit} BYSCORE {rev} {slice}"},
    {3, "zcount {z} {limit} {limit}"},
    {2, "zremrangebyrank {z} {index} {index}"},
    {2, "zremrangebyscore {z} {limit} {limit}"},
    {4, "zunionstore {z} {weighted} {aggregate}"},
    {4, "zinterstore {z} {weighted} {aggregate}"},
    {3, "zdiffstore {z} {operands}"},
    {3, "zunion {weighted} {aggregate} {scores}"},
    {3, "zinter {weighted} {aggregate} {scores}"},
    {3, "zdiff {operands} {scores}"},
    {3, "zintercard {operands} {most}"},
    {3, "!zscan {b} 0"},
    {1, "!zrandmember {z} 0"},
    {8, "!zadd {b} 0 {member} 0 {member}"},
    {3, "zrange {b} {bytes} {bytes} BYLEX {rev} {slice}"},
    {3, "zrangebylex {b} {bytes} {bytes} {slice}"},
    {3, "zrevrangebylex {b} {bytes} {bytes} {slice}"},
    {2, "zlexcount {b} {bytes} {bytes}"},
    {2, "zremrangebylex {b} {bytes} {bytes}"},
    {4, "sadd {s} {members}"},
    {10, "geoadd {g} {geoadd} {places}"},
    {3, "geopos {g} {members}"},
    {3, "geohash {g} {members}"},
    {4, "geodist {g} {member} {member} {unit}"},
    {8, "geosearch {g} {center} {shape} {sort} {atmost} {with}"},
    {4, "geosearchstore {g} {g} {center} {shape} {sort} {atmost} {storedist}"},
    {4, "georadius {g} {place} {radius} {sort} {atmost} {with}"},
    {2, "georadius {g} {place} {radius} {sort} {store}"},
    {2, "georadius_ro {g} {place} {radius} {sort} {atmost}"},
    {4, "georadiusbymember {g} {member} {radius} {sort} {atmost} {with}"},
    {2, "georadiusbymember {g} {member} {radius} {store}"},
    {8, "pfadd {p} {members}"},
    {2, "pfadd {p}"},
    {4, "pfcount {p} {p}"},
    {4, "pfcount {p}"},
    {4, "pfmerge {p} {p} {p}"},
    {2, "pfdebug {pfdebug} {p}"},
    {20, "!xadd {x} {make} {trim} {newid} {fields}"},
    {4, "xadd {x} {make} {trim} {id} {fields}"},
    {2, "xlen {x}"},
    {5, "xrange {x} {interval} {interval} {count}"},
    {5, "xrevrange {x} {interval} {interval} {count}"},
    {6, "xdel {x} {ids}"},
    {4, "xtrim {x} {trims}"},
    {2, "xsetid {x} {newid} {state}"},
    {5, "xread {count} STREAMS {x} {x} {id} {id}"},
    {6, "xgroup create {x} {group} {start} {mkstream} {read}"},
    {2, "xgroup setid {x} {group} {position} {read}"},
    {1, "xgroup destroy {x} {group}"},
    {2, "xgroup createconsumer {x} {group} {consumer}"},
    {2, "xgroup delconsumer {x} {group} {consumer}"},
    {14, "xreadgroup GROUP {group} {consumer} {count} {noack} STREAMS {x} {new}"},
    {4, "xreadgroup GROUP {group} {consumer} {count} {noack} STREAMS {x} {x} {new} {new}"},
    {6, "xack {x} {group} {ids}"},
    {4, "xpending {x} {group}"},
    {6, "xclaim {x} {group} {consumer} 0 {ids} {claim}"},
    {5, "xautoclaim {x} {group} {consumer} 0 {interval} {count} {justid}"},
    {3, "!xinfo groups {x}"},
    {1, "del {any}"},
    {2, "copy {any} {any}"},
    {1, "rename {any} {any}"},
    {2, "!set t:1 {member}"},
};

}  // namespace

std::vector<std::string> OrderedGenerator::known_commands() {
    std::set<std::string> names;
    for (const Row& row : kRows) {
        std::istringstream words(row.text[0] == '!' ? row.text + 1 : row.text);
        std::string name;
        std::string second;
        words >> name >> second;
        const bool is_container = name == "xgroup" || name == "xinfo";
        names.insert(is_container ? name + "|" + second : name);
    }
    return {names.begin(), names.end()};
}

OrderedGenerator::OrderedGenerator(std::uint64_t seed)
    : random_(seed * 0x2545f4914f6cdd1dULL + 11) {}

Sequence OrderedGenerator::sequence(std::size_t length) {
    std::vector<Row> weighted;
    for (const Row& row : kRows) {
        weighted.insert(weighted.end(), static_cast<std::size_t>(row.weight), row);
    }
    Sequence commands;
    while (commands.size() < length) commands.push_back(make(random_.pick(weighted)));
    for (const std::string& name : keys()) {
        commands.push_back({"TYPE", name});
        commands.push_back({"OBJECT", "ENCODING", name});
        commands.push_back({"ZRANGE", name, "0", "-1", "WITHSCORES"});
        commands.push_back({"GET", name});
        commands.push_back({"XRANGE", name, "-", "+"});
        commands.push_back({"XINFO", "GROUPS", name});
        commands.push_back({"XPENDING", name, "g1"});
        commands.push_back({"XREADGROUP", "GROUP", "g1", "alice", "STREAMS", name, "0"});
    }
    return commands;
}

Command OrderedGenerator::make(const Row& row) {
    const bool is_fixed = row.text[0] == '!';
    std::istringstream words(is_fixed ? row.text + 1 : row.text);
    Command command;
    for (std::string word; words >> word;) {
        if (word.front() == '{') {
            expand(word.substr(1, word.size() - 2), command);
        } else {
            command.push_back(word);
        }
    }
    if (!is_fixed && random_.chance(kMutatedPercent)) mutate(command);
    return command;
}

void OrderedGenerator::mutate(Command& command) {
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
}

std::string OrderedGenerator::odd() {
    return random_.pick({"9223372036854775807",
                         "-9223372036854775808",
                         "9223372036854775808",
                         "18446744073709551615",
                         "18446744073709551616",
                         "4294967296",
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
                         "0x10",
                         "(1",
                         "[a",
                         "-",
                         "+",
                         "$",
                         ">",
                         "~",
                         "1-1-1",
                         "1-",
                         "-1-1",
                         "WITHSCORES",
                         "LIMIT",
                         "COUNT",
                         "NX",
                         "XX",
                         "GT",
                         "LT",
                         "INCR",
                         "REV",
                         "BYSCORE",
                         "BYLEX",
                         "WEIGHTS",
                         "AGGREGATE",
                         "STORE",
                         "ANY",
                         "MAXLEN",
                         "MINID",
                         "NOACK",
                         "FORCE",
                         "JUSTID",
                         "GROUP",
                         "foo bar",
                         "z:1",
                         "t:1"});
}

std::string OrderedGenerator::member() {
    switch (random_.below(12)) {
        case 0:
            return std::string("m\0\r\n\xfe", 5);
        case 1:
            return "";
        case 2:
            return std::string(static_cast<std::size_t>(random_.between(60, 70)), 'l');
        case 3:
            return std::to_string(random_.between(-5, 300));
        default:
            return "m" + std::to_string(random_.below(24));
    }
}

std::string OrderedGenerator::number() {
    switch (random_.below(8)) {
        case 0:
            return random_.pick({"inf", "-inf", "+inf", "0", "-0", "1e3", "0.1", "-3.7", "1e20"});
        case 1:
            return std::to_string(random_.between(-9, 9)) + ".25";
        default:
            return std::to_string(random_.between(-8, 12));
    }
}

std::string OrderedGenerator::stream_id() {
    switch (random_.below(10)) {
        case 0:
            return std::to_string(random_.below(12));
        case 1:
            return random_.pick({"0-0", "0", "0-1", "18446744073709551615-18446744073709551615",
                                 "5-*", "1-18446744073709551615", "007-1"});
        default:
            return std::to_string(random_.between(1, last_id_ + 2)) + "-" +
                   std::to_string(random_.below(3));
    }
}

/// Not one of those whose members all have one score.
std::string OrderedGenerator::any_key() {
    for (;;) {
        const std::string& name = random_.pick(keys());
        if (name[0] != 'b') return name;
    }
}

void OrderedGenerator::append(Command& command, const std::string& text) {
    std::istringstream words(text);
    for (std::string word; words >> word;) {
        if (word.front() == '{') {
            expand(word.substr(1, word.size() - 2), command);
        } else {
            command.push_back(word);
        }
    }
}

void OrderedGenerator::maybe(Command& command, int percent, const std::string& text) {
    if (random_.chance(percent)) append(command, text);
}

/// A count, so many keys and perhaps a weight for each.
void OrderedGenerator::operands(Command& command, bool with_weights) {
    const std::size_t count = 1 + random_.below(3);
    command.push_back(std::to_string(count));
    for (std::size_t i = 0; i < count; ++i) append(command, random_.chance(80) ? "{z}" : "{s}");
    if (!with_weights || random_.chance(60)) return;
    command.push_back("WEIGHTS");
    for (std::size_t i = 0; i < count; ++i) append(command, "{number}");
}

void OrderedGenerator::expand(const std::string& word, Command& command) {
    if (word == "any") {
        command.push_back(any_key());
    } else if (word == "count") {
        maybe(command, 40, "COUNT " + std::to_string(random_.between(-1, 5)));
    } else if (word == "member") {
        command.push_back(member());
    } else if (word == "members") {
        for (std::size_t i = 1 + random_.below(4); i > 0; --i) command.push_back(member());
    } else if (word.size() == 1) {
        std::vector<std::string> fitting;
        for (const std::string& name : keys()) {
            if (name[0] == word[0]) fitting.push_back(name);
        }
        const bool is_strange = word != "b" && random_.chance(kStrangeKeyPercent);
        command.push_back(is_strange ? any_key() : random_.pick(fitting));
    } else if (!expand_sorted(word, command) && !expand_place(word, command)) {
        expand_stream(word, command);
    }
}

bool OrderedGenerator::expand_sorted(const std::string& word, Command& command) {
    if (word == "number") {
        command.push_back(number());
    } else if (word == "pairs") {
        for (std::size_t i = 1 + random_.below(5); i > 0; --i) append(command, "{number} {member}");
    } else if (word == "add") {
        for (const char* option : {"NX", "XX", "GT", "LT", "CH", "INCR"}) maybe(command, 9, option);
    } else if (word == "pop") {
        maybe(command, 50, std::to_string(random_.between(-1, 4)));
    } else if (word == "operands") {
        operands(command, false);
    } else if (word == "weighted") {
        operands(command, true);
    } else if (word == "aggregate") {
        maybe(command, 40, "AGGREGATE " + random_.pick({"SUM", "MIN", "MAX", "max", "AVG"}));
    } else if (word == "end") {
        command.push_back(random_.pick({"MIN", "MAX", "min", "mid"}));
    } else if (word == "index") {
        command.push_back(std::to_string(random_.between(-8, 8)));
    } else if (word == "rev") {
        maybe(command, 35, "REV");
    } else if (word == "scores") {
        maybe(command, 45, "WITHSCORES");
    } else if (word == "slice") {
        maybe(command, 35,
              "LIMIT " + std::to_string(random_.between(-1, 4)) + " " +
                  std::to_string(random_.between(-1, 6)));
    } else if (word == "limit") {
        command.push_back((random_.chance(25) ? "(" : "") + number());
    } else if (word == "bytes") {
        const std::string text =
            random_.pick({"-", "+", "[", "(", "[m1", "(m1", "[m2", "(m23", "x"});
        command.push_back(text.size() == 1 && text[0] != '-' && text[0] != '+' ? text + member()
                                                                               : text);
    } else if (word == "most") {
        maybe(command, 40, "LIMIT " + std::to_string(random_.between(-1, 4)));
    } else if (word == "pfdebug") {
        command.push_back(random_.pick({"ENCODING", "DECODE", "TODENSE", "NONE"}));
    } else {
        return false;
    }
    return true;
}

bool OrderedGenerator::expand_place(const std::string& word, Command& command) {
    if (word == "place") {
        command.push_back(std::to_string(random_.between(-180, 180)) + ".5");
        command.push_back(random_.chance(60)
                              ? std::to_string(random_.between(-86, 86))
                              : random_.pick({"0", "85.05", "-85.06", "66.2", "1.25"}));
    } else if (word == "places") {
        const bool is_near = random_.chance(70);
        for (std::size_t i = 1 + random_.below(6); i > 0; --i) {
            if (is_near) {
                command.push_back("13." + std::to_string(random_.below(1000)));
                command.push_back("38." + std::to_string(random_.below(1000)));
            } else {
                append(command, "{place}");
            }
            command.push_back(member());
        }
    } else if (word == "geoadd") {
        for (const char* option : {"NX", "XX", "CH"}) maybe(command, 9, option);
    } else if (word == "unit") {
        maybe(command, 50, random_.pick({"m", "km", "ft", "mi", "KM", "yd"}));
    } else if (word == "center") {
        maybe(command, 10, "{center}");
        append(command, random_.chance(40)   ? "FROMMEMBER {member}"
                        : random_.chance(60) ? "FROMLONLAT 13.5 38.3"
                                             : "FROMLONLAT {place}");
    } else if (word == "radius") {
        command.push_back(random_.pick({"0", "10", "100", "500", "20000", "-1", "7.5"}));
        command.push_back(random_.pick({"km", "km", "mi", "m", "FT"}));
    } else if (word == "shape") {
        append(command, random_.chance(50)
                            ? "BYRADIUS {radius}"
                            : "BYBOX " + random_.pick({"10", "200", "3000", "-3"}) + " {radius}");
    } else if (word == "sort") {
        maybe(command, 50, random_.pick({"ASC", "DESC"}));
    } else if (word == "atmost") {
        maybe(command, 35, "COUNT " + std::to_string(random_.between(0, 4)));
    } else if (word == "with") {
        for (const char* option : {"WITHDIST", "WITHHASH", "WITHCOORD"}) maybe(command, 25, option);
    } else if (word == "store") {
        append(command, random_.pick({"STORE {g}", "STOREDIST {g}", "STORE {g} WITHDIST"}));
        maybe(command, 25, random_.pick({"STORE {g}", "STOREDIST {g}"}));
    } else if (word == "storedist") {
        maybe(command, 40, "STOREDIST");
    } else {
        return false;
    }
    return true;
}

bool OrderedGenerator::expand_stream(const std::string& word, Command& command) {
    if (word == "newid") {
        last_id_ += static_cast<int>(random_.below(2));
        command.push_back(std::to_string(last_id_) +
                          (random_.chance(40) ? "-*" : "-" + std::to_string(random_.below(6))));
    } else if (word == "id") {
        command.push_back(stream_id());
    } else if (word == "ids") {
        for (std::size_t i = 1 + random_.below(4); i > 0; --i) command.push_back(stream_id());
    } else if (word == "interval") {
        command.push_back(random_.chance(50) ? random_.pick({"-", "+"})
                                             : (random_.chance(30) ? "(" : "") + stream_id());
    } else if (word == "fields") {
        const std::size_t pairs = random_.chance(70) ? 2 : 1 + random_.below(3);
        for (std::size_t i = 0; i < pairs; ++i) {
            command.push_back(random_.chance(80) ? "f" + std::to_string(i) : member());
            command.push_back(member());
        }
    } else if (word == "make") {
        maybe(command, 10, "NOMKSTREAM");
    } else if (word == "trim") {
        maybe(command, 15, "{trims}");
    } else if (word == "trims") {
        const bool by_length = random_.chance(60);
        append(command, by_length ? "MAXLEN" : "MINID");
        maybe(command, 40, random_.pick({"~", "="}));
        command.push_back(by_length ? std::to_string(random_.between(-1, 12)) : stream_id());
        maybe(command, 12, "LIMIT " + std::to_string(random_.between(-1, 20)));
    } else if (word == "state") {
        maybe(command, 40, "ENTRIESADDED " + std::to_string(random_.between(-1, 40)));
        maybe(command, 40, "MAXDELETEDID {id}");
    } else if (word == "group") {
        command.push_back(random_.pick({"g1", "g1", "g1", "g2", "none"}));
    } else if (word == "consumer") {
        command.push_back(random_.pick({"alice", "bob", "alice", "carol", ""}));
    } else if (word == "start") {
        command.push_back(random_.chance(40) ? random_.pick({"$", "0"}) : stream_id());
    } else if (word == "position") {
        append(command, random_.chance(20) ? random_.pick({"-", "+"}) : "{start}");
    } else if (word == "mkstream") {
        maybe(command, 50, "MKSTREAM");
        maybe(command, 5, "MKSTREAM MKSTREAM");
    } else if (word == "read") {
        maybe(command, 30, "ENTRIESREAD " + std::to_string(random_.between(-2, 20)));
    } else if (word == "noack") {
        maybe(command, 15, "NOACK");
    } else if (word == "new") {
        command.push_back(random_.chance(65) ? ">" : stream_id());
    } else if (word == "justid") {
        maybe(command, 40, "JUSTID");
    } else if (word == "claim") {
        maybe(command, 30, "FORCE");
        maybe(command, 30, "JUSTID");
        maybe(command, 20, "RETRYCOUNT " + std::to_string(random_.between(-1, 5)));
        maybe(command, 10, "IDLE 5000");
        maybe(command, 10, "TIME 1000");
        maybe(command, 15, "LASTID {id}");
    } else {
        return false;
    }
    return true;
}

}  // namespace gyre::test
