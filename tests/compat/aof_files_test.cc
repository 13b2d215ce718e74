// SPDX-License-Identifier: BSD-3-Clause

// Goal: what the log room writes, Redis loads with the same data; what Redis writes, the log room
// reads. Method: redis-server itself and redis-check-aof, on files of seeded random workloads and
// on damaged ones; data sets are compared by DEBUG DIGEST, which counts deadlines and databases.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "compat/aof_directory.h"
#include "compat/random.h"
#include "log/aof_manifest.h"
#include "log/effect_writer.h"
#include "support/aof_driver.h"
#include "support/seed.h"
#include "support/session.h"

namespace gyre::test {
namespace {

using namespace std::string_literals;
using Kind = log::AofEnd::Kind;
using Words = std::vector<std::string>;

constexpr const char* kPart = "appendonly.aof.1.incr.aof";
constexpr const char* kManifest = "appendonly.aof.manifest";
constexpr int64_t kFarMs = 4'000'000'000'000;

std::string command(const Words& words) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    std::string out;
    log::append(out, log::CommandEffect{views});
    return out;
}

void write_part(const AofDirectory& directory, std::string_view bytes) {
    directory.write(kPart, bytes);
    directory.write(kManifest, "file "s + kPart + " seq 1 type i\n");
}

// The digest of what a fresh server holds after it was told all of a file as a client.
std::string digest_of_replay(const std::vector<AofSeenUnit>& units) {
    const ServerProcess server(ServerOptions{.binary = oracle_binary()});
    Session session(server);
    for (const AofSeenUnit& unit : units) {
        if (unit.is_transaction) session.ask("MULTI");
        for (const AofSeenCommand& one : unit.commands) {
            const Reply reply = session.command(one.words);
            EXPECT_NE(reply.type, ReplyType::error) << one.words.front() << ": " << reply.text;
        }
        if (unit.is_transaction) session.ask("EXEC");
    }
    return session.ask("DEBUG", "DIGEST");
}

// A change as a client asks for it, and as the log says it.
class Workload {
public:
    explicit Workload(uint64_t seed) : random_(seed) {}

    struct Change {
        size_t database = 0;
        Words words;
        std::vector<log::Step> steps;
    };

    // Its steps borrow from this object, until the next call.
    Change next() {
        for (std::string& key : keys_) key = "key:" + std::to_string(random_.below(40));
        value_ = std::string(random_.below(3) == 0 ? random_.below(3000) : random_.below(12), 'v');
        for (char& byte : value_) byte = static_cast<char>(random_.next());
        expire_ms_ = kFarMs + random_.between(0, 100'000);
        Change change;
        change.database = random_.chance(50) ? 0 : random_.below(16);
        log::Effect effect = choose(change);
        log::Step step{.database = change.database, .effect = effect};
        if (random_.chance(30)) step.timestamp_ms = random_.between(-5, kFarMs);
        change.steps.push_back(step);
        return change;
    }

    size_t below(size_t bound) { return random_.below(bound); }

private:
    log::Effect choose(Change& change) {
        const std::string deadline = std::to_string(expire_ms_);
        switch (random_.below(14)) {
            case 0:
                change.words = {"SET", keys_[0], value_, "PXAT", deadline};
                return log::SetEffect{.key = keys_[0], .value = value_, .expire_ms = expire_ms_};
            case 1:
                change.words = {"SET", keys_[0], value_, "KEEPTTL"};
                return log::SetEffect{.key = keys_[0], .value = value_, .keeps_ttl = true};
            case 2:
                change.words = {"GETEX", keys_[0], "PXAT", deadline};
                return log::ExpireEffect{keys_[0], expire_ms_};
            case 3:
                change.words = {"GETEX", keys_[0], "PERSIST"};
                return log::PersistEffect{keys_[0]};
            case 4:
                change.words = {"DEL", keys_[0], keys_[1]};
                views_ = {keys_[0], keys_[1]};
                return log::DeleteEffect{views_};
            case 5:
                change.words = {"UNLINK", keys_[0]};
                views_ = {keys_[0]};
                return log::DeleteEffect{views_, true};
            case 6:
                change.words = {"MSET", keys_[0], value_, keys_[1], ""};
                pairs_ = {{keys_[0], value_}, {keys_[1], ""}};
                return log::SetManyEffect{pairs_};
            case 7:
                change.words = {"COPY", keys_[0], keys_[1], "DB", "3", "REPLACE"};
                return log::CopyEffect{keys_[0], keys_[1], 3, true};
            case 8:
                change.words = {"COPY", keys_[0], keys_[1]};
                return log::CopyEffect{.source = keys_[0], .destination = keys_[1]};
            case 9:
                change.words = {"APPEND", keys_[0], value_};
                views_ = {"APPEND", keys_[0], value_};
                return log::CommandEffect{views_};
            case 10:
                return rare(change);
            default:
                change.words = {"SET", keys_[0], value_};
                return log::SetEffect{.key = keys_[0], .value = value_};
        }
    }

    log::Effect rare(Change& change) {
        // COPY and MOVE onto their own place are errors, which no log has.
        switch (random_.below(12)) {
            case 0:
                change.words = {"FLUSHDB"};
                return log::FlushDatabaseEffect{};
            case 1:
                change.words = {"SWAPDB", "0", "5"};
                return log::SwapDatabasesEffect{0, 5};
            case 2:
                change.database = 2;
                change.words = {"MOVE", keys_[0], "11"};
                return log::MoveEffect{keys_[0], 11};
            default:
                change.words = {"EXPIREAT", keys_[0], std::to_string(kFarMs / 1000)};
                return log::ExpireEffect{keys_[0], kFarMs};
        }
    }

    Random random_;
    std::string keys_[2];
    std::string value_;
    int64_t expire_ms_ = 0;
    std::vector<std::string_view> views_;
    std::vector<log::KeyValue> pairs_;
};

// A client's server runs the commands; the file has their effects.
std::string run_workload(Workload& workload, Session& session, int changes) {
    std::string file;
    log::append(file, log::ClockLine{1'700'000'000});
    size_t selected = 0;
    for (int i = 0; i < changes; ++i) {
        const Workload::Change change = workload.next();
        if (change.database != selected) session.ask("SELECT", std::to_string(change.database));
        selected = change.database;
        const Reply reply = session.command(change.words);
        // What was an error changed nothing.
        if (reply.type == ReplyType::error) continue;
        if (workload.below(10) == 0) {
            // RENAME needs a key that is there: two steps, one transaction.
            session.ask("SET", "from", "x");
            session.ask("RENAME", "from", "to");
            std::vector<log::Step> steps = change.steps;
            steps.push_back({change.database, log::SetEffect{.key = "from", .value = "x"}, 7});
            steps.push_back({change.database, log::RenameEffect{"from", "to"}});
            log::append(file, log::Record{steps});
        } else {
            log::append(file, log::Record{change.steps});
        }
    }
    return file;
}

TEST(AofFilesCompat, RedisLoadsWhatTheLogWrites) {
    SCOPED_TRACE(seed_note());
    const ServerProcess client_side(ServerOptions{.binary = oracle_binary()});
    ASSERT_TRUE(client_side.is_ready()) << client_side.log();
    Session session(client_side);
    Workload workload(test_seed());
    const std::string first = run_workload(workload, session, 1500);
    session.ask("SELECT", "0");
    const std::string second = run_workload(workload, session, 1500);

    const AofDirectory directory;
    const log::AofNames names;
    const log::AofManifest manifest = *log::AofManifest{}.with_new_increment(names)->with_new_base(
        names, log::BaseFormat::aof, 1);
    directory.write(manifest.base->name, first);
    directory.write(manifest.increments.back().name, second);
    directory.write(names.manifest(), manifest.format());
    for (const std::string& name :
         {names.manifest(), manifest.base->name, manifest.increments.back().name}) {
        const AofCheck check = directory.check(name);
        EXPECT_TRUE(check.is_valid()) << name << ": " << check.output;
    }
    ServerProcess loader(directory.oracle());
    ASSERT_TRUE(AofDirectory::has_loaded(loader)) << loader.log();
    EXPECT_EQ(loader.log().find("CRITICAL"), std::string::npos) << loader.log();
    Session loaded(loader);
    EXPECT_EQ(loaded.ask("DEBUG", "DIGEST"), session.ask("DEBUG", "DIGEST"));
    EXPECT_GT(session.info_number("stats", "total_commands_processed"), 3000);
    EXPECT_NE(loaded.ask("DEBUG", "DIGEST"), std::string(40, '0'));
}

// Commands that Redis rewrites on their way into its file.
Words rewritten(Random& random, const std::string& key) {
    const std::string value(random.below(2000), static_cast<char>('a' + random.below(26)));
    switch (random.below(16)) {
        case 0:
            return {"SET", key, value, "EX", "100000"};
        case 1:
            return {"SETEX", key, "100000", value};
        case 2:
            return {"EXPIRE", key, "200000"};
        case 3:
            return {"EXPIRE", key, "-1"};
        case 4:
            return {"GETEX", key, "EX", "300000"};
        case 5:
            return {"PERSIST", key};
        case 6:
            return {"INCRBYFLOAT", "number", "1.25"};
        case 7:
            return {"GETDEL", key};
        case 8:
            return {"MSET", key, value, "other", ""};
        case 9:
            return {"SETRANGE", key, "5", value};
        case 10:
            return {"BITFIELD", key, "SET", "u8", "3", "200"};
        case 11:
            return {"COPY", key, "copy", "DB", "7", "REPLACE"};
        case 12:
            return {"EVAL", "redis.call('set',KEYS[1],'x') redis.call('append',KEYS[1],'y')", "1",
                    key};
        case 13:
            return {"SELECT", std::to_string(random.below(16))};
        default:
            return {"SET", key, value};
    }
}

TEST(AofFilesCompat, TheReaderReadsWhatRedisWrites) {
    SCOPED_TRACE(seed_note());
    const AofDirectory directory;
    Random random(test_seed());
    std::string digest;
    {
        ServerOptions options = directory.oracle();
        options.arguments.insert(options.arguments.end(), {"--aof-timestamp-enabled", "yes"});
        ServerProcess writer(options);
        ASSERT_TRUE(AofDirectory::has_loaded(writer)) << writer.log();
        Session session(writer);
        bool is_in_transaction = false;
        for (int i = 0; i < 4000; ++i) {
            if (random.below(20) == 0) {
                session.ask(is_in_transaction ? "EXEC" : "MULTI");
                is_in_transaction = !is_in_transaction;
            }
            session.command(rewritten(random, "key:" + std::to_string(random.below(50))));
        }
        if (is_in_transaction) session.ask("EXEC");
        digest = session.ask("DEBUG", "DIGEST");
    }
    const std::string file = directory.read(kPart);
    const AofOutcome outcome = read_aof(file, [&] { return random.below(5000) + 1; });
    ASSERT_EQ(outcome.kind, Kind::clean) << outcome.message;
    EXPECT_EQ(outcome.good_to, file.size());
    EXPECT_TRUE(outcome.units.front().clock_s.has_value());
    EXPECT_EQ(digest_of_replay(outcome.units), digest);
    EXPECT_TRUE(std::any_of(outcome.units.begin(), outcome.units.end(),
                            [](const AofSeenUnit& unit) { return unit.is_transaction; }));

    const auto manifest = log::AofManifest::parse(directory.read(kManifest));
    ASSERT_TRUE(manifest) << manifest.error().message;
    EXPECT_EQ(manifest->increments.front().name, kPart);
    // Its base is an RDB file, and is told from a log.
    EXPECT_TRUE(read_aof_whole(directory.read(manifest->base->name)).has_preamble);
}

TEST(AofFilesCompat, CutsAFileWhereRedisCutsIt) {
    const std::string set = command({"SET", "k", "v"});
    const std::string file = set + "#GYRE-TIMESTAMP:17\r\n" + command({"SELECT", "9"}) +
                             command({"MULTI"}) + set + "#TS:1\r\n" + command({"DEL", "k"}) +
                             command({"EXEC"}) + command({"SET", "last", std::string(20, 'x')});
    const size_t annotation = set.size() + "#GYRE-TIMESTAMP:17\r\n"s.size();
    const AofDirectory directory;
    for (size_t cut = 1; cut <= file.size(); ++cut) {
        // Redis takes part of a line of '#' at the end for a whole one, and then writes behind it.
        if (cut > set.size() && cut <= annotation) continue;
        write_part(directory, std::string_view(file).substr(0, cut));
        const AofOutcome outcome = read_aof_whole(std::string_view(file).substr(0, cut));
        const AofCheck check = directory.check(kPart);
        ASSERT_EQ(check.is_valid(), outcome.kind == Kind::clean) << cut << check.output;
        // An annotation before what is lost is lost with it here; there it stays.
        const bool keeps_annotation = outcome.good_to == set.size() && cut > annotation;
        ASSERT_EQ(check.ok_up_to(), keeps_annotation ? annotation : outcome.good_to)
            << cut << check.output;
        if (cut % 11 != 0) continue;
        ServerProcess loader(directory.oracle());
        ASSERT_TRUE(AofDirectory::has_loaded(loader)) << loader.log();
        // Cut inside a command of a transaction, the loader keeps MULTI and what follows it, so
        // that what it writes next joins the transaction that it dropped.
        const bool is_mended = outcome.message.find("transaction") == std::string::npos ||
                               loader.log().find("Revert incomplete") != std::string::npos;
        if (is_mended) {
            ASSERT_EQ(directory.read(kPart).size(), outcome.good_to) << cut << loader.log();
        } else {
            ASSERT_GT(directory.read(kPart).size(), outcome.good_to) << cut << loader.log();
        }
    }
}

struct Row {
    std::string bytes;
    Kind ours = Kind::clean;
    bool is_valid = true;   ///< says redis-check-aof
    bool is_loaded = true;  ///< by redis-server, with aof-load-truncated
};

// Where the three differ, the reader is on the side of the one that refuses.
TEST(AofFilesCompat, JudgesFilesAsRedisAndItsToolsDo) {
    const std::string set = command({"SET", "k", "v"});
    const std::string multi = command({"MULTI"});
    const std::string exec = command({"EXEC"});
    const std::vector<Row> rows = {
        {"#GYRE-TIMESTAMP:1700000000000\r\n" + set, Kind::clean, true, true},
        {multi + "#GYRE-TIMESTAMP:-1\r\n" + set + exec, Kind::clean, true, true},
        {"#TS:1\r\n#TS:x\r\n#\n# free text\n" + set, Kind::clean, true, true},
        {"#" + std::string(1020, 'a') + "\r\n" + set, Kind::clean, true, true},
        {"#" + std::string(1021, 'a') + "\r\n" + set, Kind::corrupt, false, false},
        {command({"multi", "x"}) + set + command({"exec", "y"}), Kind::clean, true, true},
        {multi + exec, Kind::clean, true, true},
        {set + "SET k v\r\n", Kind::corrupt, false, false},
        {"\r\n" + set, Kind::corrupt, false, false},
        {set + std::string(100, '\0'), Kind::corrupt, false, false},
        {"*3\r\n#x\r\n" + set, Kind::corrupt, false, false},
        {"*3\n$3\nSET\n$1\nk\n$1\nv\n", Kind::corrupt, false, false},
        {"*3\r\n$3\r\nSETxx$1\r\nk\r\n$1\r\nv\r\n", Kind::corrupt, false, true},
        {multi + multi + set + exec, Kind::corrupt, false, true},
        {exec + set, Kind::corrupt, false, true},
        {"*0\r\n" + set, Kind::corrupt, true, false},
        {"*-1\r\n" + set, Kind::corrupt, true, false},
        {"*+3\r\n" + set.substr(4), Kind::corrupt, true, true},
        {"*03\r\n" + set.substr(4), Kind::corrupt, true, true},
        {set + multi + set, Kind::truncated, false, true},
        {set + set.substr(0, 20), Kind::truncated, false, true},
        {set + "#GYRE-TIMESTAMP:1\r\n", Kind::truncated, true, true},
        {set + "#TS:1", Kind::truncated, true, true},
        {set + "#TS:1\0\r\n"s + set, Kind::corrupt, true, true},
    };
    for (const Row& row : rows) {
        SCOPED_TRACE(row.bytes.substr(0, 60));
        const AofDirectory directory;
        write_part(directory, row.bytes);
        const AofOutcome outcome = read_aof_whole(row.bytes);
        EXPECT_EQ(outcome.kind, row.ours) << outcome.message;
        const AofCheck check = directory.check(kPart);
        EXPECT_EQ(check.is_valid(), row.is_valid) << check.output;
        ServerProcess loader(directory.oracle());
        EXPECT_EQ(AofDirectory::has_loaded(loader), row.is_loaded) << loader.log();
    }
}

}  // namespace
}  // namespace gyre::test
