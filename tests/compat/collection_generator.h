// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Random sequences of commands on lists, hashes and sets, for the differential test: few keys, most
// of them of the type a command wants; elements that meet; every option; and odd arguments of every
// sort in a fraction of the commands. Each sequence ends with the whole content of every key. The
// same seed gives the same sequence.
//
// What draws at random is given only in forms whose effect is determined: SPOP of nothing or of
// all.
//
// Threads: one at a time.

#include <cstdint>
#include <string>
#include <vector>

#include "compat/generator.h"
#include "compat/random.h"

namespace gyre::test {

class CollectionGenerator {
public:
    /// `with_encodings`: it asks for encodings, too.
    explicit CollectionGenerator(std::uint64_t seed, bool with_encodings = true);

    Sequence sequence(std::size_t length);
    /// Every command name it knows, in lower case.
    static std::vector<std::string> known_commands();

private:
    using Producer = Command (CollectionGenerator::*)(const std::string& name);
    struct Row {
        const char* name;
        int weight;
        Producer produce;
    };
    static const std::vector<Row>& rows();

    Command mutate(Command command);
    std::string key(char type);
    std::string element();
    std::string index();
    std::string count();
    std::string odd();
    void append_elements(Command& command, std::size_t most);

    Command push(const std::string& name);
    Command pop(const std::string& name);
    Command list_key(const std::string& name);
    Command lindex(const std::string& name);
    Command lset(const std::string& name);
    Command range(const std::string& name);
    Command lrem(const std::string& name);
    Command linsert(const std::string& name);
    Command lmove(const std::string& name);
    Command rpoplpush(const std::string& name);
    Command lmpop(const std::string& name);
    Command lpos(const std::string& name);
    Command hset(const std::string& name);
    Command hsetnx(const std::string& name);
    Command hash_key(const std::string& name);
    Command hash_field(const std::string& name);
    Command hash_fields(const std::string& name);
    Command hincrby(const std::string& name);
    Command hincrbyfloat(const std::string& name);
    Command draw(const std::string& name);
    Command scan(const std::string& name);
    Command sadd(const std::string& name);
    Command set_key(const std::string& name);
    Command set_member(const std::string& name);
    Command smove(const std::string& name);
    Command spop(const std::string& name);
    Command set_keys(const std::string& name);
    Command sintercard(const std::string& name);
    Command any_key(const std::string& name);
    Command any_keys(const std::string& name);
    Command copy(const std::string& name);
    Command object(const std::string& name);
    Command set_string(const std::string& name);

    Random random_;
    bool with_encodings_;
};

}  // namespace gyre::test
