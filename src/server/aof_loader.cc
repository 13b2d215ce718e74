// SPDX-License-Identifier: BSD-3-Clause
#include "server/aof_loader.h"

#include <fmt/format.h>

#include <cerrno>
#include <utility>

#include "base/log.h"
#include "engine/value_limits.h"

namespace gyre::server {
namespace {

log::AofLimits limits_of(const engine::Dataset& dataset) {
    log::AofLimits limits;
    // What was written under a larger limit is no damage.
    limits.bulk_bytes_max = std::max(
        limits.bulk_bytes_max, dataset.settings.proto_max_bulk_len.load(std::memory_order_relaxed));
    return limits;
}

std::vector<commands::ReplayHelper> replay_helpers(
    const std::vector<std::unique_ptr<LoadThread>>& threads) {
    std::vector<commands::ReplayHelper> helpers;
    for (size_t index = 1; index < threads.size(); ++index) {
        ring::Reactor& reactor = threads[index]->worker.reactor();
        helpers.push_back(
            {.services = threads[index]->services,
             .post = [&reactor](std::function<void()> job) { reactor.post(std::move(job)); }});
    }
    return helpers;
}

std::vector<engine::LoadHelper> load_helpers(
    const std::vector<std::unique_ptr<LoadThread>>& threads) {
    std::vector<engine::LoadHelper> helpers;
    for (size_t index = 1; index < threads.size(); ++index) {
        helpers.emplace_back([&thread = *threads[index]](auto job) {
            thread.worker.reactor().post([&thread, job = std::move(job)] { job(thread.executor); });
        });
    }
    return helpers;
}

}  // namespace

LoadThread::LoadThread(Worker& its_worker, int64_t wall_ms)
    : worker(its_worker),
      services{.dataset = worker.services().dataset,
               .executor = executor,
               .evictor = worker.services().evictor,
               .reactor = worker.services().reactor,
               .clients = worker.services().clients,
               .configuration = worker.services().configuration,
               .information = worker.services().information,
               .control = worker.services().control,
               .persistence = worker.services().persistence,
               .aliases = worker.services().aliases,
               .background = worker.services().background,
               .statistics = worker.services().statistics,
               .slowlog = worker.services().slowlog,
               .latency = worker.services().latency} {
    executor.origin.reactor = static_cast<uint32_t>(worker.index());
    executor.initial_access_word =
        engine::initial_access_word(services.dataset.settings.policy.load(), wall_ms);
}

AofLoader::AofLoader(log::AofDirectory& directory,
                     const std::vector<std::unique_ptr<LoadThread>>& threads,
                     const ServerSettings& settings, int64_t wall_ms, LoadFigures& figures)
    : directory_(directory),
      dataset_(threads[0]->services.dataset),
      lanes_(threads[0]->services, wall_ms, replay_helpers(threads)),
      may_be_truncated_(settings.load_truncated),
      verifies_checksum_(settings.rdb_checksum),
      rdb_loader_(dataset_, threads[0]->executor, wall_ms, engine::RdbLoader::Due::kept),
      figures_(figures),
      piece_(std::make_unique<char[]>(kPieceBytes)) {
    rdb_loader_.set_helpers(load_helpers(threads));
    figures_.started_ms.store(wall_ms, std::memory_order_relaxed);
}

AofLoader::~AofLoader() {
    if (file_ >= 0) directory_.files().close(file_);
}

Result<void> AofLoader::open() {
    files_ = directory_.manifest().load_order();
    uint64_t total = 0;
    for (const log::AofFile& one : files_) {
        const auto file =
            directory_.files().open(directory_.path_of(one.name), ring::OpenFor::reading);
        if (!file) {
            return fail(file.error().message + ". The manifest names it: restore the file", ENOENT);
        }
        const auto bytes = directory_.files().size(*file);
        directory_.files().close(*file);
        if (!bytes) return tl::unexpected(bytes.error());
        total += *bytes;
    }
    figures_.bytes_total.store(total, std::memory_order_relaxed);
    rdb_loader_.set_input_bytes(total);
    return {};
}

tl::unexpected<Error> AofLoader::refuse(uint64_t at, std::string_view why) const {
    // An RDB file is whole or none.
    const std::string_view advice =
        rdb_ ? "Restore the directory from a backup, or have the server that wrote it write it anew"
             : "Make a backup of your AOF file, then use redis-check-aof --fix on the manifest";
    return fail(fmt::format("Bad file format reading the append only file {}, offset {}: {}. {}",
                            path_, at, why, advice));
}

Result<void> AofLoader::open_next() {
    path_ = directory_.path_of(files_[next_file_++].name);
    const auto file = directory_.files().open(path_, ring::OpenFor::reading);
    if (!file) return tl::unexpected(file.error());
    file_ = *file;
    offset_ = 0;
    rdb_.reset();
    lanes_.begin_part();
    effects_.emplace(lanes_, limits_of(dataset_));
    return {};
}

Result<bool> AofLoader::step() {
    if (file_ < 0) {
        if (is_last_file()) return false;
        if (auto opened = open_next(); !opened) return tl::unexpected(opened.error());
    }
    const auto count = directory_.files().read(file_, {piece_.get(), kPieceBytes}, offset_);
    if (!count) return tl::unexpected(count.error());
    Result<void> done;
    if (*count == 0) {
        done = finish_file();
    } else {
        const std::string_view piece(piece_.get(), *count);
        done = rdb_ ? read_rdb(piece) : read_effects(piece);
        offset_ += *count;
        figures_.bytes.fetch_add(*count, std::memory_order_relaxed);
    }
    if (!done) return tl::unexpected(std::move(done.error()));
    return true;
}

snapshot::RdbReaderOptions AofLoader::rdb_options() const {
    return {.verifies_checksum = verifies_checksum_,
            .limits = engine::value_limits(dataset_.settings)};
}

/// An RDB file, as a base of its own or in front of an old log.
Result<void> AofLoader::read_rdb(std::string_view piece) {
    const auto consumed = rdb_->feed(piece);
    if (!consumed) return refuse_record(consumed.error().message);
    figures_.keys.store(rdb_loader_.keys_loaded(), std::memory_order_relaxed);
    if (!rdb_->is_done()) return {};
    // What follows may change what it has.
    if (auto done = rdb_loader_.finish(); !done) return refuse_record(done.error().message);
    figures_.keys.store(rdb_loader_.keys_loaded(), std::memory_order_relaxed);
    effects_.emplace(lanes_, limits_of(dataset_), offset_ + *consumed);
    rdb_.reset();
    if (*consumed == piece.size()) return {};
    return read_effects(piece.substr(*consumed));
}

Result<void> AofLoader::read_effects(std::string_view piece) {
    const log::AofReader::Status status = effects_->feed(piece);
    figures_.commands.store(effects_->commands(), std::memory_order_relaxed);
    if (status == log::AofReader::Status::failed) {
        // Of two faults the first in the file is the one to tell.
        if (auto done = finish_effects(); !done) return done;
        return refuse(effects_->end().at, effects_->end().message);
    }
    if (status != log::AofReader::Status::preamble) return {};
    // Said of the first piece, of which nothing was taken.
    rdb_.emplace(rdb_loader_, rdb_options());
    return read_rdb(piece);
}

/// The records that helpers put in their places are behind the reader: such an error has no better
/// place than before it.
tl::unexpected<Error> AofLoader::refuse_record(std::string_view why) const {
    if (!rdb_loader_.has_late_error()) return refuse(rdb_->offset(), why);
    return refuse(rdb_->offset(), fmt::format("{} (in a record before that)", why));
}

/// All of the file that was read is executed.
Result<void> AofLoader::finish_effects() {
    if (lanes_.finish()) return {};
    const commands::ReplayLanes::Failure& failure = *lanes_.failure();
    return fail(fmt::format(
        "Cannot execute the append only file {}, offset {}: {}. Its form is right, and the data "
        "are in it: load it with the server that wrote it, remove there what this one has not "
        "(functions by FUNCTION FLUSH), and take a snapshot (SAVE), or "
        "make a backup of it and remove this command",
        path_, failure.unit, failure.message));
}

/// An RDB file has a beginning and an end even when there is nothing in it. Of commands an empty
/// file is a data set without keys: redis-server writes one with aof-use-rdb-preamble no.
bool AofLoader::lacks_rdb() const {
    const auto& base = directory_.manifest().base;
    return offset_ == 0 && next_file_ == 1 && base && base->name.ends_with(".rdb");
}

Result<void> AofLoader::finish_file() {
    if (auto done = finish_effects(); !done) return done;
    if (lacks_rdb()) {
        return fail(fmt::format(
            "{} is empty, and a base is never: what it held is lost. Restore the file from a copy",
            path_));
    }
    if (rdb_) {
        if (auto whole = rdb_->finish(); !whole) return refuse(offset_, whole.error().message);
    }
    log::AofEnd end;
    if (effects_ && !rdb_) end = effects_->finish();
    if (end.kind == log::AofEnd::Kind::truncated) {
        if (!is_last_file() || !may_be_truncated_) {
            return refuse(end.at,
                          end.message + " (aof-load-truncated allows it for the last file)");
        }
        if (auto done = cut(end); !done) return done;
    } else if (end.kind != log::AofEnd::Kind::clean) {
        return refuse(end.at, end.message);
    }
    kept_bytes_ += effects_ && !rdb_ ? end.good_to : offset_;
    end_ = {.file_bytes = end.good_to, .database = end.database, .needs_mark = end.has_group_last};
    directory_.files().close(file_);
    file_ = -1;
    return {};
}

Result<void> AofLoader::cut(const log::AofEnd& end) {
    base::log(
        base::Level::warning,
        "The append-only file {} ends inside an effect (offset {}): it is cut at {}, {} bytes "
        "are dropped",
        path_, end.at, end.good_to, offset_ - end.good_to);
    const auto file = directory_.files().open(path_, ring::OpenFor::writing);
    if (!file) return tl::unexpected(file.error());
    Result<void> done = directory_.files().truncate(*file, end.good_to);
    if (done) done = directory_.files().sync(*file);
    directory_.files().close(*file);
    return done;
}

}  // namespace gyre::server
