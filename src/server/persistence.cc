// SPDX-License-Identifier: BSD-3-Clause
#include "server/persistence.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <utility>

#include "base/log.h"
#include "base/memory.h"
#include "engine/value_limits.h"
#include "server/rewriter.h"
#include "snapshot/json_reader.h"

namespace gyre::server {
namespace {

using base::Level;

/// Inline values are compressed under a shard's lock: none of them is longer than this.
constexpr size_t kCompressedBytesMax = store::Entry::kInlineValueMax;

int64_t wall_ms() {
    timespec time{};
    clock_gettime(CLOCK_REALTIME, &time);
    return static_cast<int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000;
}

int64_t wall_s() { return wall_ms() / 1000; }

std::string_view extension(snapshot::Format format) {
    return format == snapshot::Format::json ? "json" : "rdb";
}

}  // namespace

Persistence::Persistence(engine::Dataset& dataset, const ServerSettings& settings)
    : dataset_(dataset), settings_(settings), job_(dataset), saver_(dataset, job_) {
    figures_.last_save_s = wall_s();
}

Result<void> Persistence::start(std::function<void(bool)> brake) {
    job_.set_brake(std::move(brake));
    return saver_.start();
}

// --- saving -------------------------------------------------------------------------------------

engine::SnapshotFile Persistence::file_now(int version) const {
    engine::SnapshotFile file;
    file.name = settings_.snapshot_file();
    file.kind = settings_.storage_format;
    file.limits = engine::value_limits(dataset_.settings);
    file.temporary_name = fmt::format("temp-{}.{}", getpid(), extension(settings_.storage_format));
    file.format.version = version;
    file.format.has_checksum = settings_.rdb_checksum;
    file.format.strings.compress = dataset_.settings.rdb_compression.load();
    file.syncs_often = settings_.rdb_syncs_often.load(std::memory_order_relaxed);
    // As Redis' own, so that its tools show them.
    file.fields = {{"redis-ver", "7.2.4"},
                   {"redis-bits", "64"},
                   {"ctime", std::to_string(wall_s())},
                   {"used-mem", std::to_string(base::used_total())},
                   {"aof-base", "0"}};
    return file;
}

/// The mutex makes it the only one; the shards are locked without it.
bool Persistence::begin_save(engine::Executor& executor) {
    {
        const std::lock_guard hold(mutex_);
        if (is_saving_) return false;
        is_saving_ = true;
        is_scheduled_ = false;
        saver_.forget_give_up();
        save_started_s_ = last_try_s_ = wall_s();
        memory_before_ = base::used(base::Purpose::snapshot);
        figures_.last_save_memory_bytes = 0;
    }
    const int version = settings_.rdb_version.load(std::memory_order_relaxed);
    start_job(executor, version, nullptr);
    saver_.save(file_now(version), [this](const Result<uint64_t>& bytes) { finish(bytes); });
    dataset_.wake_all();
    base::log(Level::notice, "Background saving started");
    return true;
}

bool Persistence::schedule_save() {
    const std::lock_guard hold(mutex_);
    if (is_saving_ && !is_for_log_) return false;
    is_scheduled_ = true;
    return true;
}

/// Fixes the moment and has the workers walk. Only who has set is_saving_.
void Persistence::start_job(engine::Executor& executor, int version,
                            const std::function<uint64_t()>& position) {
    engine::SnapshotOptions options;
    options.version = version;
    options.strings = {.compress = dataset_.settings.rdb_compression.load(),
                       .compressed_bytes_max = kCompressedBytesMax};
    options.now_ms = wall_ms();
    job_.begin(options, executor, position);
}

bool Persistence::begin_base(Base base, engine::Executor& executor) {
    {
        const std::lock_guard hold(mutex_);
        if (is_saving_) return false;
        is_saving_ = is_for_log_ = true;
        saver_.forget_give_up();
    }
    const int version = settings_.rdb_version.load(std::memory_order_relaxed);
    start_job(executor, version, base.position);
    engine::SnapshotFile file = file_now(version);
    file.directory = base.directory;
    file.name = base.name;
    file.kind = snapshot::Format::rdb;
    file.temporary_name = "temp-" + base.name;
    file.syncs_often = base.syncs_often;
    file.is_commands = base.is_commands;
    file.fields.back().second = "1";  // aof-base
    saver_.save(std::move(file), [this, base = std::move(base)](const Result<uint64_t>& bytes) {
        finish_base(bytes, base);
    });
    dataset_.wake_all();
    return true;
}

void Persistence::finish_base(const Result<uint64_t>& bytes, const Base& base) {
    std::vector<std::function<void(bool)>> waiters;
    {
        const std::lock_guard hold(mutex_);
        is_saving_ = is_for_log_ = false;
        waiters.swap(waiters_);
    }
    base.done(bytes);
    for (const auto& tell : waiters) tell(bytes.has_value());
}

commands::RewriteOrder Persistence::begin_rewrite(engine::Executor& executor, bool is_later) {
    if (rewriter_ == nullptr) return commands::RewriteOrder::failed;
    return rewriter_->order(executor, is_later);
}

bool Persistence::is_rewriting() const {
    const std::lock_guard hold(mutex_);
    return is_for_log_;
}

void Persistence::finish(const Result<uint64_t>& bytes) {
    std::vector<std::function<void(bool)>> waiters;
    // The job is the next one's as soon as the mutex is let go.
    const uint64_t keys = job_.keys_encoded();
    const uint64_t position = job_.position();
    {
        const std::lock_guard hold(mutex_);
        is_saving_ = false;
        figures_.last_save_took_s = wall_s() - save_started_s_;
        // One that was told to give up says nothing about the disk.
        const bool is_given_up = !bytes && bytes.error().code == ECANCELED;
        if (!is_given_up) figures_.is_last_save_good = bytes.has_value();
        if (bytes) {
            figures_.last_save_s = wall_s();
            figures_.changes_at_save = job_.changes();
            ++figures_.saves;
            figures_.has_saved = true;
        }
        refresh_refusal();
        waiters.swap(waiters_);
    }
    if (bytes) {
        base::log(Level::notice, "DB saved on disk: {} keys, {} bytes, log position {}", keys,
                  *bytes, position);
    } else {
        base::log(Level::warning, "Background saving error, {} stays as it was: {}",
                  settings_.snapshot_file(), bytes.error().message);
    }
    for (const auto& tell : waiters) tell(bytes.has_value());
}

void Persistence::when_saved(std::function<void(bool)> tell) {
    bool is_good = false;
    {
        const std::lock_guard hold(mutex_);
        if (is_saving_) {
            waiters_.push_back(std::move(tell));
            return;
        }
        is_good = figures_.is_last_save_good;
    }
    tell(is_good);
}

int64_t Persistence::last_save_s() const {
    const std::lock_guard hold(mutex_);
    return figures_.last_save_s;
}

bool Persistence::is_saving() const {
    const std::lock_guard hold(mutex_);
    return is_saving_;
}

void Persistence::give_up() {
    const std::lock_guard hold(mutex_);
    if (is_saving_) saver_.give_up();
}

void Persistence::give_up_base() {
    const std::lock_guard hold(mutex_);
    if (is_saving_ && is_for_log_) saver_.give_up();
}

// --- rules --------------------------------------------------------------------------------------

void Persistence::set_rules(std::vector<SaveRule> rules) {
    const std::lock_guard hold(mutex_);
    rules_ = std::move(rules);
    refresh_refusal();
}

bool Persistence::has_rules() const {
    const std::lock_guard hold(mutex_);
    return !rules_.empty();
}

void Persistence::set_stops_writes(bool stops) {
    const std::lock_guard hold(mutex_);
    stops_writes_ = stops;
    refresh_refusal();
}

void Persistence::refresh_refusal() {
    const bool is_refused = stops_writes_ && !rules_.empty() && !figures_.is_last_save_good;
    if (is_refused) {
        dataset_.settings.refusals.fetch_or(engine::refusal::save_failed);
    } else {
        dataset_.settings.refusals.fetch_and(~engine::refusal::save_failed);
    }
}

void Persistence::look_at_rules(engine::Executor& executor) {
    std::vector<SaveRule> rules;
    bool is_scheduled = false;
    uint64_t saved_changes = 0;
    int64_t since_s = 0;
    {
        const std::lock_guard hold(mutex_);
        figures_.last_save_memory_bytes =
            std::max(figures_.last_save_memory_bytes,
                     is_saving_ ? base::used(base::Purpose::snapshot) - memory_before_ : 0);
        const int64_t now_s = wall_s();
        const bool waits = !figures_.is_last_save_good && now_s - last_try_s_ <= kRetrySeconds;
        if (is_saving_ || waits || is_loading()) return;
        is_scheduled = is_scheduled_;
        rules = rules_;
        saved_changes = figures_.changes_at_save;
        since_s = now_s - figures_.last_save_s;
    }
    if (is_scheduled) {
        begin_save(executor);
        return;
    }
    if (rules.empty()) return;
    const uint64_t changes = dataset_.statistics(executor).changes - saved_changes;
    for (const SaveRule& rule : rules) {
        if (changes < static_cast<uint64_t>(rule.changes) || since_s <= rule.seconds) continue;
        base::log(Level::notice, "{} changes in {} seconds. Saving...", rule.changes, rule.seconds);
        begin_save(executor);
        return;
    }
}

// --- loading ------------------------------------------------------------------------------------

Result<void> Persistence::load(engine::Executor& executor, const std::function<bool()>& serve,
                               std::vector<engine::LoadHelper> helpers) {
    const std::string name = settings_.snapshot_file();
    if (!files_.exists(name)) {
        warn_of_other_format();
        return {};
    }
    const auto file = files_.open(name, ring::OpenFor::reading);
    if (!file) return tl::unexpected(file.error());
    const auto bytes = files_.size(*file);
    Result<void> result;
    if (!bytes) {
        result = tl::unexpected(bytes.error());
    } else {
        {
            const std::lock_guard hold(mutex_);
            figures_.load_started_s = wall_s();
            figures_.load_bytes_total = *bytes;
        }
        result = load_open(*file, *bytes, executor, serve, std::move(helpers));
    }
    files_.close(*file);
    if (!result) {
        return fail(
            fmt::format("{}: {}. The file was not touched, and nothing will be written "
                        "over it",
                        name, result.error().message));
    }
    return {};
}

bool Persistence::is_loading() const {
    return (dataset_.settings.refusals.load(std::memory_order_relaxed) &
            engine::refusal::loading) != 0;
}

void Persistence::begin_count(engine::Executor& executor) {
    const uint64_t changes = dataset_.statistics(executor).changes;
    const std::lock_guard hold(mutex_);
    figures_.changes_at_save = changes;
}

Result<void> Persistence::load_open(int file, uint64_t bytes, engine::Executor& executor,
                                    const std::function<bool()>& serve,
                                    std::vector<engine::LoadHelper> helpers) {
    const int64_t started_ms = wall_ms();
    executor.initial_access_word = engine::initial_access_word(
        dataset_.settings.policy.load(std::memory_order_relaxed), started_ms);
    engine::RdbLoader loader(dataset_, executor, started_ms);
    loader.set_helpers(std::move(helpers));
    loader.set_input_bytes(bytes);
    const auto read = [&, offset = uint64_t{0}](std::span<char> buffer) mutable -> Result<size_t> {
        if (offset > 0 && !serve()) return fail("Stopped while it was read");
        const auto count = files_.read(file, buffer, offset);
        if (!count) return count;
        if (offset == 0) {
            if (auto is_ours = check_format({buffer.data(), *count}); !is_ours) {
                return tl::unexpected(is_ours.error());
            }
        }
        offset += *count;
        load_bytes_.store(offset, std::memory_order_relaxed);
        load_keys_.store(loader.keys_loaded(), std::memory_order_relaxed);
        return count;
    };
    auto result = settings_.storage_format == snapshot::Format::json ? load_json(read, loader)
                                                                     : load_rdb(read, loader);
    if (result) result = loader.finish();
    if (!result) return result;
    const std::lock_guard hold(mutex_);
    figures_.keys_loaded = loader.keys_loaded();
    figures_.keys_expired = loader.keys_expired();
    base::log(Level::notice,
              "DB loaded from disk: {} keys and {} expired ones, {} bytes, {:.3f} seconds",
              loader.keys_loaded(), loader.keys_expired(), bytes,
              static_cast<double>(wall_ms() - started_ms) / 1000);
    return {};
}

/// Who has changed storage-format alone would find no data, and not know why.
void Persistence::warn_of_other_format() {
    const bool is_json = settings_.storage_format == snapshot::Format::json;
    const std::string_view other = is_json ? "dump.rdb" : "dump.json";
    if (settings_.rdb_file != "dump.rdb" || !files_.exists(std::string(other))) return;
    base::log(
        Level::warning,
        "There is no {}, so the server starts without data; {} is there, and is not read with "
        "storage-format {}. To take it over: --convert {} {}",
        settings_.snapshot_file(), other, extension(settings_.storage_format), other,
        settings_.snapshot_file());
}

/// A file of the other format would be refused for its first byte; this says what to do about it.
Result<void> Persistence::check_format(std::string_view begin) const {
    const bool is_json = settings_.storage_format == snapshot::Format::json;
    if (is_json && (begin.starts_with("REDIS") || begin.starts_with("VALKEY"))) {
        return fail(
            "It is an RDB file, and storage-format is json. Set storage-format to rdb, or "
            "dbfilename to a JSON document");
    }
    if (!is_json && begin.starts_with("{")) {
        return fail(
            "It is no RDB file. If it is a JSON document, set storage-format to json, or "
            "dbfilename to an RDB file");
    }
    return {};
}

Result<void> Persistence::load_rdb(const base::ByteSource& source, engine::RdbLoader& loader) {
    snapshot::RdbReader reader(loader, {.string_bytes_max = string_bytes_max(),
                                        .verifies_checksum = settings_.rdb_checksum,
                                        .limits = engine::value_limits(dataset_.settings)});
    const auto buffer = std::make_unique<char[]>(kLoadSliceBytes);
    while (!reader.is_done()) {
        const auto count = source({buffer.get(), kLoadSliceBytes});
        if (!count) return tl::unexpected(count.error());
        if (*count == 0) break;
        const auto taken = reader.feed({buffer.get(), *count});
        if (!taken) {
            return fail(fmt::format("{} (record {} offset {})", taken.error().message,
                                    loader.has_late_error() ? "before" : "at", reader.offset()));
        }
    }
    return reader.finish();
}

Result<void> Persistence::load_json(const base::ByteSource& source, engine::RdbLoader& loader) {
    const snapshot::JsonReadOptions options{.databases = dataset_.databases(),
                                            .string_bytes_max = string_bytes_max(),
                                            .chunk_bytes = kLoadSliceBytes,
                                            .finds_duplicate_keys = false,
                                            .limits = engine::value_limits(dataset_.settings)};
    const auto take = [&loader](const snapshot::Record& record) { return loader.record(record); };
    const auto records = snapshot::read_json(source, take, options);
    if (!records) return tl::unexpected(records.error());
    return {};
}

/// The longest string that clients may have set.
uint64_t Persistence::string_bytes_max() const {
    const auto settable = dataset_.settings.proto_max_bulk_len.load(std::memory_order_relaxed);
    return std::max(snapshot::kRdbStringBytesMax, static_cast<uint64_t>(settable));
}

// --- figures ------------------------------------------------------------------------------------

PersistenceFigures Persistence::figures() const {
    const std::lock_guard hold(mutex_);
    PersistenceFigures figures = figures_;
    figures.is_loading = is_loading();
    figures.is_saving = is_saving_ && !is_for_log_;
    figures.load_bytes = load_bytes_.load(std::memory_order_relaxed);
    if (figures.is_loading) figures.keys_loaded = load_keys_.load(std::memory_order_relaxed);
    figures.brakes = job_.brakes();
    if (is_saving_) {
        // Of a rewrite as well, as in Redis.
        figures.save_keys_total = job_.keys_total();
        figures.save_keys = job_.keys_encoded();
        figures.ahead_bytes = job_.ahead_bytes();
        figures.adopted_objects = job_.adopted_objects();
        if (!is_for_log_) figures.save_running_s = wall_s() - save_started_s_;
    }
    return figures;
}

void Persistence::reset_statistics() {
    const std::lock_guard hold(mutex_);
    figures_.saves = 0;
    job_.reset_brakes();
}

}  // namespace gyre::server
