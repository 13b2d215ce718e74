// SPDX-License-Identifier: BSD-3-Clause

// Goal: what AofManifest::parse() takes is what redis-server takes. Method: redis-server is started
// on each manifest, with every file that it names in place and empty; it comes up or it does not.

#include "log/aof_manifest.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "compat/aof_directory.h"
#include "support/server_process.h"

namespace gyre::test {
namespace {

using namespace std::string_literals;

enum class Verdict : std::uint8_t { both_accept, both_refuse, we_are_stricter };

struct Row {
    std::string text;
    Verdict verdict = Verdict::both_refuse;
    const char* oracle_says = "";  ///< in its log, when it refuses
};

constexpr const char* kFormat = "Invalid AOF manifest file format";
constexpr const char* kTooLong = "The AOF manifest file contains too long line";

const std::vector<Row> kRows = {
    {"file a seq 1 type b\nfile b seq 1 type i\n", Verdict::both_accept},
    {"file b seq 1 type i\nfile a seq 7 type b\nfile c seq 1 type h\n", Verdict::both_accept},
    {"file b seq 3 type i\nfile c seq 9 type i\n", Verdict::both_accept},
    {"  TYPE base \t SEQ 1 other x File a \r\n", Verdict::both_accept},
    {"#\n#x\nfile a seq 1 type i\n#no end", Verdict::both_accept},
    {"#x\n", Verdict::both_accept},
    {"file \"a b\" seq 1 type i\n", Verdict::both_accept},
    {"file 'it\\'s' seq 1 type i\n", Verdict::both_accept},
    {"file \"\\x61\" seq 1 type i\n", Verdict::both_accept},
    {"file a file b seq 1 seq 2 type i type b\n", Verdict::both_accept},
    {"#" + std::string(1022, 'x') + "\nfile a seq 1 type i\n", Verdict::both_accept},
    {"file a seq 1 type i" + std::string(1004, ' ') + "\n", Verdict::both_accept},

    {"", Verdict::both_refuse, "Found an empty AOF manifest"},
    {"\n", Verdict::both_refuse, kFormat},
    {" \t\r\n", Verdict::both_refuse, kFormat},
    {"file a seq 1 type i\n\n", Verdict::both_refuse, kFormat},
    {"file a seq 1 type i", Verdict::both_refuse, kTooLong},
    {"file a seq 1 type i" + std::string(1005, ' ') + "\n", Verdict::both_refuse, kTooLong},
    {"#" + std::string(1023, 'x') + "\nfile a seq 1 type i\n", Verdict::both_refuse},
    {"file a\0 seq 1 type i\n"s, Verdict::both_refuse, kTooLong},
    {" #x\n", Verdict::both_refuse, kFormat},
    {"file a seq 1\n", Verdict::both_refuse, kFormat},
    {"file a seq 1 type i x\n", Verdict::both_refuse, kFormat},
    {"file \"a seq 1 type i\n", Verdict::both_refuse, kFormat},
    {"file \"a\"b seq 1 type i\n", Verdict::both_refuse, kFormat},
    {"nile a seq 1 type i\n", Verdict::both_refuse, kFormat},
    {"file a sec 1 type i\n", Verdict::both_refuse, kFormat},
    {"file a seq 1 kind i\n", Verdict::both_refuse, kFormat},
    {"file a seq 0 type i\n", Verdict::both_refuse, kFormat},
    {"file a seq x type b\n", Verdict::both_refuse, kFormat},
    {"file a seq \"\" type b\n", Verdict::both_refuse, kFormat},
    {"file a seq 1 type \"\"\n", Verdict::both_refuse, kFormat},
    {"file a seq 1 type x\n", Verdict::both_refuse, "Unknown AOF file type"},
    {"file a seq 1 type B\n", Verdict::both_refuse, "Unknown AOF file type"},
    {"file ../a seq 1 type b\n", Verdict::both_refuse, "File can't be a path"},
    {"file /a seq 1 type b\n", Verdict::both_refuse, "File can't be a path"},
    {"file a\\b seq 1 type b\n", Verdict::both_refuse, "File can't be a path"},
    {"file a seq 1 type b\nfile b seq 2 type b\n", Verdict::both_refuse,
     "Found duplicate base file information"},
    {"file a seq 2 type i\nfile b seq 1 type i\n", Verdict::both_refuse,
     "Found a non-monotonic sequence number"},
    {"file a seq 2 type i\nfile b seq 2 type i\n", Verdict::both_refuse,
     "Found a non-monotonic sequence number"},
    {"file a seq -1 type i\n", Verdict::both_refuse, "Found a non-monotonic sequence number"},
    {"file \"\" seq 1 type i\n", Verdict::both_refuse},
    {"file .. seq 1 type i\n", Verdict::both_refuse},

    // What cannot be meant, and is lost or replayed twice without a word.
    {"file a seq 1x type b\n", Verdict::we_are_stricter},
    {"file a seq +1 type b\n", Verdict::we_are_stricter},
    {"file a seq 01 type b\n", Verdict::we_are_stricter},
    {"file a seq -1 type b\n", Verdict::we_are_stricter},
    {"file a seq 9223372036854775808 type b\n", Verdict::we_are_stricter},
    {"file a seq 1 type i\nfile a seq 2 type i\n", Verdict::we_are_stricter},
    {"file a seq 1 type b\nfile a seq 1 type h\n", Verdict::we_are_stricter},
    {"file \"a\\x00b\" seq 1 type i\n", Verdict::we_are_stricter},
};

TEST(AofManifestCompat, TakesWhatRedisTakes) {
    for (const Row& row : kRows) {
        SCOPED_TRACE(row.text.substr(0, 80));
        const AofDirectory directory;
        for (const char* name : {"a", "b", "c", "a b", "it's"}) directory.write(name, "");
        directory.write("appendonly.aof.manifest", row.text);
        ServerProcess oracle(directory.oracle());
        const auto parsed = log::AofManifest::parse(row.text);
        EXPECT_EQ(AofDirectory::has_loaded(oracle), row.verdict != Verdict::both_refuse)
            << oracle.log();
        EXPECT_EQ(parsed.has_value(), row.verdict == Verdict::both_accept)
            << (parsed ? "" : parsed.error().message);
        EXPECT_NE(oracle.log().find(row.oracle_says), std::string::npos) << oracle.log();
    }
}

TEST(AofManifestCompat, WritesWhatRedisWrites) {
    const AofDirectory directory;
    const log::AofNames names;
    log::AofManifest ours;
    {
        ServerProcess oracle(directory.oracle());
        ASSERT_TRUE(AofDirectory::has_loaded(oracle)) << oracle.log();
        ours = *ours.with_new_increment(names)->with_new_base(names, log::BaseFormat::rdb, 1);
        EXPECT_EQ(directory.read(names.manifest()), ours.format());
        RawSocket socket = oracle.connect();
        socket.command({"CONFIG", "SET", "aof-use-rdb-preamble", "no"});
        socket.command({"BGREWRITEAOF"});
        ASSERT_TRUE(oracle.wait_for_log("Background AOF rewrite finished successfully"));
        ours = *ours.with_new_increment(names);
        ours = *ours.with_new_base(names, log::BaseFormat::aof, ours.increments.back().sequence);
        EXPECT_EQ(ours.deletable(), (std::vector<std::string>{names.base(1, log::BaseFormat::rdb),
                                                              names.increment(1)}));
        ours = ours.without_history();
        EXPECT_EQ(directory.read(names.manifest()), ours.format());
    }
    for (const log::AofFile& file : ours.load_order()) {
        EXPECT_TRUE(std::filesystem::exists(directory.file(file.name))) << file.name;
    }
}

}  // namespace
}  // namespace gyre::test
