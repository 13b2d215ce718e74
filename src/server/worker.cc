// SPDX-License-Identifier: BSD-3-Clause
#include "server/worker.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "commands/clients.h"
#include "commands/interactive.h"
#include "commands/latency.h"
#include "commands/tracking.h"
#include "commands/transaction_book.h"
#include "server/connection.h"
#include "server/http_connection.h"

namespace gyre::server {
Worker::Worker(const Shared& shared, size_t index, ring::Ring& ring, uint64_t seed)
    : shared_(shared),
      index_(index),
      ring_(ring),
      reactor_(ring, *this, {.gather_us = static_cast<uint32_t>(shared.settings.gather_us)}),
      evictor_(shared.dataset, executor_, seed, [&ring] { return ring.monotonic_us(); }),
      expiry_(shared.dataset, executor_, index, [&ring] { return ring.monotonic_us(); }),
      courier_(shared.dataset.pubsub().inbox(index)),
      services_{.dataset = shared.dataset,
                .executor = executor_,
                .evictor = evictor_,
                .reactor = &reactor_,
                .clients = shared.clients,
                .configuration = shared.configuration,
                .information = shared.information,
                .control = shared.control,
                .persistence = shared.persistence,
                .aliases = shared.aliases,
                .background = shared.background,
                .statistics = statistics_,
                .slowlog = shared.slowlog,
                .latency = shared.latency,
                .command_log = shared.command_log,
                .courier = &courier_},
      dispatcher_(services_, shared.dataset.threads()),
      cron_(*this),
      pause_timer_(*this),
      farewell_(*this) {
    executor_.origin.reactor = static_cast<uint32_t>(index);
    reactor_.arm(cron_, ring.monotonic_us() + kCronUs);
    if (shared.log == nullptr) return;
    shared.log->set_waker(index, [&ring] { ring.wake(); });
    attach_log(*shared.log, *shared.recent_writes);
}

void Worker::attach_log(log::Log& log, engine::RecentWrites& recent) {
    log_ = &log;
    detach_log();  // of what was noted while nobody asked for it
    executor_.effects.attach(log, log.appender(index_), recent);
}

/// Nothing becomes durable any more.
void Worker::detach_log() {
    executor_.effects = {};
    end_log_waits(log::kNoPosition);
}

Worker::~Worker() { CHECK(connections_.empty()); }

void Worker::serve() {
    serve_until_stop();
    close_all([] { return true; });
}

void Worker::close_all(const std::function<bool()>& is_idle) {
    reactor_.disarm(cron_);
    // Messages that wait for a round go before the connections do.
    courier_.catch_up();
    flush_dirty();
    for (const auto& connection : connections_) connection->finish();
    const int64_t timeout_s =
        shared_.settings.shutdown_timeout_seconds.load(std::memory_order_relaxed);
    reactor_.arm(farewell_, ring_.monotonic_us() + timeout_s * 1'000'000);
    // Those on their way here count too: they are closed as they come.
    while (!is_idle() || load() > 0) {
        reactor_.turn(true);
        destroy_finished();
    }
    reactor_.disarm(farewell_);
}

/// Who has not read the last replies by now goes without.
void Worker::handle_farewell(ring::Timer& timer) {
    Worker& worker = static_cast<FarewellTimer&>(timer).worker;
    for (const auto& connection : worker.connections_) connection->close();
}

ClientStream& Worker::create(int descriptor, bool is_unix, Wire wire) {
    if (wire == Wire::http) {
        connections_.push_back(std::make_unique<HttpConnection>(*this, descriptor, is_unix));
    } else {
        connections_.push_back(std::make_unique<Connection>(*this, descriptor, is_unix));
    }
    ClientStream& connection = *connections_.back();
    connection.place = connections_.size() - 1;
    commands::Session& session = connection.session();
    session.local_address = ring_.local_address(descriptor).text();
    // The peer of a Unix socket has no name: Redis shows the server's path.
    session.peer_address = is_unix ? session.local_address : ring_.peer_address(descriptor).text();
    ring_.configure_stream(
        descriptor,
        static_cast<int>(shared_.settings.tcp_keepalive_seconds.load(std::memory_order_relaxed)));
    reactor_.spawn(connection.serve());
    return connection;
}

void Worker::adopt(int descriptor, bool is_unix, uint64_t client_id, Wire wire) {
    reactor_.post([this, descriptor, is_unix, client_id, wire] {
        ClientStream& connection = create(descriptor, is_unix, wire);
        connection.session().id = client_id;
        shared_.clients.add(connection.session());
        by_id_.emplace(connection.session().id, &connection);
        if (reactor_.is_stopping()) {
            connection.close();
            return;
        }
        connection.receive_again();
    });
}

void Worker::refuse(int descriptor, bool is_unix, std::string_view error, Wire wire) {
    add_load();
    create(descriptor, is_unix, wire).refuse(error);
}

void Worker::close_later(uint64_t client_id) {
    reactor_.post([this, client_id] {
        const auto found = by_id_.find(client_id);
        if (found == by_id_.end()) return;
        found->second->leave_wait();
        found->second->close();
    });
}

void Worker::unpause_later() {
    reactor_.post([this] { resume_paused(); });
}

void Worker::wake_later(uint64_t client_id) {
    reactor_.post([this, client_id] {
        const auto found = by_id_.find(client_id);
        if (found != by_id_.end()) found->second->look_at_wait();
    });
}

/// At once where the two clients have the same home, so that what one changes the other is told
/// before anything later.
void Worker::redirect_later(uint64_t client_id, commands::Invalidation invalidation,
                            SessionHome& origin, uint64_t origin_id) {
    if (&origin == this) return redirect(client_id, invalidation, origin, origin_id);
    reactor_.post([this, client_id, invalidation = std::move(invalidation), &origin, origin_id] {
        redirect(client_id, invalidation, origin, origin_id);
    });
}

void Worker::redirect(uint64_t client_id, const commands::Invalidation& invalidation,
                      SessionHome& origin, uint64_t origin_id) {
    const auto found = by_id_.find(client_id);
    if (found != by_id_.end() &&
        commands::give_redirected(found->second->session(), invalidation)) {
        return;
    }
    origin.break_redirect_later(origin_id, client_id);
}

void Worker::break_redirect_later(uint64_t client_id, uint64_t target_id) {
    reactor_.post([this, client_id, target_id] {
        const auto found = by_id_.find(client_id);
        if (found != by_id_.end()) commands::break_redirect(found->second->session(), target_id);
    });
}

void Worker::mark_ready(ClientStream& connection) {
    if (connection.is_ready) return;
    connection.is_ready = true;
    ready_.push_back(&connection);
}

void Worker::mark_dirty(ClientStream& connection) {
    if (connection.is_dirty) return;
    connection.is_dirty = true;
    dirty_.push_back(&connection);
}

void Worker::mark_starved(ClientStream& connection) {
    if (connection.is_starved) return;
    connection.is_starved = true;
    starved_.push_back(&connection);
}

void Worker::mark_finished(ClientStream& connection) { finished_.push_back(&connection); }

void Worker::mark_paused(ClientStream& connection) {
    paused_.push_back(connection);
    if (pause_timer_.is_armed()) return;
    const int64_t left_ms = shared_.clients.pause_until_ms() - reactor_.now_ms();
    const bool is_congested = shared_.dataset.pubsub().is_congested();
    // Who waits for the log is resumed by tend_log().
    const int64_t wait_ms =
        is_paused() || is_congested
            ? std::clamp(left_ms, is_congested ? kCongestedLookMs : 0, kPauseLookMs)
            : kPauseLookMs;
    reactor_.arm(pause_timer_, reactor_.now_us() + wait_ms * 1000);
}

void Worker::mark_gated(ClientStream& connection) {
    if (connection.is_gated) return;
    connection.is_gated = true;
    gated_.push_back(&connection);
}

void Worker::await_log(Connection& connection, log::Position position) {
    log_waits_.emplace(LogWait{position, connection.session().id}, &connection);
}

void Worker::forget_log_wait(Connection& connection, log::Position position) {
    log_waits_.erase(LogWait{position, connection.session().id});
}

/// Replies that may leave and commands that wait no more, now that the log is durable so far. True
/// when this worker has to look again at once: what the others wait for is durable.
bool Worker::follow_log() {
    if (gated_.empty() && log_waits_.empty()) [[likely]] {
        if (log_ != nullptr) note_crowd(dirty_.size());
        reactor_.set_may_gather(true);
        return false;
    }
    const log::Position durable = log_->durable();
    const auto others = static_cast<size_t>(std::ranges::count_if(
        dirty_, [](const ClientStream* connection) { return !connection->is_gated; }));
    note_crowd(others);
    // Where nothing is synced any more, those who were to wait for it wait for nothing.
    const bool is_synced = log_->sync_mode.load(std::memory_order_relaxed) != log::SyncMode::never;
    const log::Position next_reply =
        release_gated(is_synced ? durable : log::kNoPosition - 1, answered_now(others));
    // Whose log has no base yet is woken with it.
    const log::Position next_wait =
        log_->lacks_base.load() ? log::kNoPosition : end_log_waits(durable);
    const log::Position next = std::min(next_reply, next_wait);
    reactor_.set_may_gather(next_reply == log::kNoPosition);
    return next != log::kNoPosition && log_->wait_durable(index_, next);
}

/// The log's thread is told when those who do not wait for it have this one work without a rest.
void Worker::note_crowd(size_t others) {
    if (log_->sync_mode.load(std::memory_order_relaxed) != log::SyncMode::always) return;
    crowd_.note_turn(others);
    if (!crowd_.is_due(reactor_.now_us())) return;
    if (crowd_.review(reactor_.now_us(), ring_.thread_use())) {
        log_->appender(index_).note_crowded(reactor_.now_us() + Crowd::kLastsUs);
    }
}

/// How many of those whose replies may leave are answered in this turn. Where the turn has been
/// long already, so many that they make it little longer.
size_t Worker::answered_now(size_t others) const {
    const bool are_few = gated_.size() <= kAnsweredAtOnce;
    if (are_few && others < kAnsweredPerTurn) return gated_.size();
    const int64_t turn_us = std::max<int64_t>(ring_.monotonic_us() - reactor_.now_us(), 0);
    return std::max({kAnsweredPerTurn, gated_.size() / kAnsweredShare,
                     static_cast<size_t>(turn_us / kTurnUsPerAnswer)});
}

/// Lets go of at most so many of those whose replies may leave; returns the position that the first
/// of the others waits for. Who has more that waits goes behind those who were not answered.
log::Position Worker::release_gated(log::Position durable, size_t left) {
    log::Position next = log::kNoPosition;
    std::erase_if(gated_, [&](ClientStream* connection) {
        log::Position wanted = connection->first_gate();
        const bool is_answered = wanted <= durable && left > 0;
        if (is_answered) {
            --left;
            wanted = connection->release_replies(durable);
        }
        connection->is_gated = wanted != log::kNoPosition;
        next = std::min(next, wanted);
        if (is_answered && connection->is_gated) gated_again_.push_back(connection);
        return is_answered || !connection->is_gated;
    });
    gated_.insert(gated_.end(), gated_again_.begin(), gated_again_.end());
    gated_again_.clear();
    if (next <= durable) figures_.reply_slices.fetch_add(1, std::memory_order_relaxed);
    return next;
}

log::Position Worker::end_log_waits(log::Position durable) {
    while (!log_waits_.empty() && log_waits_.begin()->first.first <= durable) {
        Connection& connection = *log_waits_.begin()->second;
        log_waits_.erase(log_waits_.begin());
        connection.end_log_wait();
    }
    return log_waits_.empty() ? log::kNoPosition : log_waits_.begin()->first.first;
}

/// While clients are paused the data stays as it is. Not while it is loaded: who loads writes.
bool Worker::data_stays() const {
    if (shared_.clients.data_stays_until_ms() <= reactor_.now_ms()) [[likely]]
        return false;
    const uint32_t refusals = shared_.dataset.settings.refusals.load(std::memory_order_relaxed);
    return (refusals & engine::refusal::loading) == 0;
}

/// While nothing can be logged or clients are paused, keys that are due stay, unseen; while a log
/// is loaded, it says itself which keys have gone.
bool Worker::may_remove() const {
    const uint32_t refusals = shared_.dataset.settings.refusals.load(std::memory_order_relaxed);
    if ((refusals & engine::refusal::loading) != 0) [[unlikely]]
        return false;
    if (data_stays()) [[unlikely]]
        return false;
    return log_ == nullptr || log_->admission() == log::Admission::open;
}

void Worker::handle_pause(ring::Timer& timer) {
    static_cast<PauseTimer&>(timer).worker.resume_paused();
}

/// Those whose pause is not over yet come back to the list.
void Worker::resume_paused() {
    reactor_.disarm(pause_timer_);
    for (ClientStream& connection : paused_) connection.look_at_pause();
    paused_.clear();
}

bool Worker::may_warn_of_attack() {
    if (reactor_.now_us() - attack_warned_us_ < kAttackWarningUs) return false;
    attack_warned_us_ = reactor_.now_us();
    return true;
}

// --- the turn
// -------------------------------------------------------------------------------------

void Worker::on_ready() {
    if (shared_.dataset.threads() > 1) shared_.dataset.announce_awake(index_);
    was_busy_ = !ready_.empty();
    executor_.effects.set_holds(data_stays());
    evictor_.begin_turn();
    if (ready_.empty()) return;
    executor_.initial_access_word = engine::initial_access_word(
        shared_.dataset.settings.policy.load(std::memory_order_relaxed), reactor_.now_ms());
    // Connections with more input than one batch mark themselves ready again: they come behind the
    // others, in the same turn.
    while (!ready_.empty()) {
        serving_.swap(ready_);
        size_t next = 0;
        while (next < serving_.size()) serve_group(next);
        serving_.clear();
    }
}

/// Parses connections until enough requests are together, prefetches, then runs them.
void Worker::serve_group(size_t& next) {
    const size_t first = next;
    while (next < serving_.size() && dispatcher_.requests().size() < kGroupRequests) {
        serving_[next]->is_ready = false;
        if (!serving_[next]->is_closing()) serving_[next]->parse_batch();
        ++next;
    }
    dispatcher_.prefetch_entries();
    for (size_t index = first; index < next; ++index) {
        if (!serving_[index]->is_closing()) serving_[index]->run_batch();
    }
    dispatcher_.clear();
}

void Worker::flush_dirty() {
    // Flushing can close a stream, but marks none dirty.
    for (ClientStream* connection : dirty_) {
        connection->is_dirty = false;
        connection->flush();
        if (!connection->output().empty()) connection->check_output_limit(reactor_.now_ms());
    }
    dirty_.clear();
    for (ClientStream* connection : starved_) {
        connection->is_starved = false;
        connection->receive_again();
    }
    starved_.clear();
}

/// True when some are left that have too many subscriptions to take back in one turn.
bool Worker::destroy_finished() {
    size_t budget = kLeavingPerTurn;
    std::vector<ClientStream*> leaving;
    for (ClientStream* connection : std::exchange(finished_, {})) {
        CHECK(connection->is_finished());
        engine::Subscriber& subscriber = connection->session().subscriber;
        const size_t subscriptions = subscriber.count();
        if (!shared_.dataset.pubsub().leave(subscriber, budget)) {
            leaving.push_back(connection);
            budget = 0;
            continue;
        }
        budget -= std::min(budget, subscriptions);
        commands::roll_back(connection->session(), executor_);
        commands::forget_watches(connection->session(), shared_.dataset, executor_);
        commands::end_tracking(connection->session(), shared_.dataset, executor_);
        std::erase(dirty_, connection);
        std::erase(starved_, connection);
        std::erase(ready_, connection);
        std::erase(gated_, connection);
        shared_.clients.remove(connection->session());
        by_id_.erase(connection->session().id);
        // The last one takes its place.
        connections_.back()->place = connection->place;
        std::swap(connections_[connection->place], connections_.back());
        connections_.pop_back();
        load_.fetch_sub(1, std::memory_order_relaxed);
    }
    finished_ = std::move(leaving);
    // Of a transaction that was open: nobody else may come for long who would free it.
    executor_.reclaimer.run();
    return !finished_.empty();
}

/// Runs a slice of background work, and notes how long it took while somebody watches.
template <class F>
bool Worker::run_slice(const char* event, F&& slice) {
    if (shared_.latency.threshold_ms.load(std::memory_order_relaxed) == 0) return slice();
    const int64_t start_us = ring_.monotonic_us();
    const bool has_more = slice();
    shared_.latency.add_if_slow(event, reactor_.now_ms(), (ring_.monotonic_us() - start_us) / 1000);
    return has_more;
}

bool Worker::remove_some(int64_t now_ms, bool is_busy) {
    bool has_more = run_slice("expire-cycle", [&] { return expiry_.run(now_ms, is_busy); });
    if (evictor_.is_over_memory() || evictor_.is_over_keys()) [[unlikely]] {
        const bool is_ongoing =
            run_slice("eviction-cycle", [&] { return evictor_.run_slice(now_ms); });
        has_more = has_more || is_ongoing;
        evictor_.note_excess();
    } else if (shared_.dataset.excess().is_on()) [[unlikely]] {
        evictor_.note_excess();
    }
    return has_more;
}

/// Expiry, eviction, the snapshot and freeing, a slice of each; true when more is to be done at
/// once.
bool Worker::background(bool is_busy) {
    const int64_t now_ms = reactor_.now_ms();
    bool has_more = may_remove() && remove_some(now_ms, is_busy);
    if (shared_.snapshot != nullptr && shared_.snapshot->is_walking()) [[unlikely]] {
        const auto clock = [this] { return ring_.monotonic_us(); };
        const bool is_ongoing = run_slice("snapshot-cycle", [&] {
            return shared_.snapshot->run_slice(index_, executor_, clock, is_busy);
        });
        has_more = has_more || is_ongoing;
    }
    const size_t flushes = shared_.dataset.flushes();
    if (flushes != drained_flushes_) {
        if (shared_.dataset.drain(index_, shared_.dataset.threads(), kDrainEntries, executor_)) {
            drained_flushes_ = flushes;
        } else {
            has_more = true;
        }
        executor_.reclaimer.run();
    }
    if (executor_.reclaimer.has_objects() && !executor_.reclaimer.drain(kDrainElements)) {
        has_more = true;
    }
    return has_more;
}

/// When this worker's shards next have something to expire. With several workers the time is
/// announced before it is read for good, so that a deadline set meanwhile is seen here or wakes
/// this worker.
int64_t Worker::next_expiry_ms() {
    const int64_t due_ms = expiry_.next_due_ms();
    if (shared_.dataset.threads() == 1) return due_ms;
    shared_.dataset.announce_sleep(index_, due_ms);
    return std::min(due_ms, expiry_.next_due_ms());
}

/// The same by the monotonic clock; INT64_MAX: there is nothing that may be removed. The end of a
/// pause is looked for: it ends by the wall clock, or because somebody says so, and may be told to
/// the homes of clients alone.
int64_t Worker::next_expiry_us() {
    const bool stays = data_stays();
    if (!shared_.dataset.settings.active_expire.load(std::memory_order_relaxed) ||
        (!stays && !may_remove())) {
        return INT64_MAX;
    }
    int64_t due_ms = next_expiry_ms();
    if (due_ms == INT64_MAX) return INT64_MAX;
    if (stays) [[unlikely]] {
        const int64_t look_ms = reactor_.now_ms() + kDueLookMs;
        due_ms = std::max(due_ms, std::min(shared_.clients.data_stays_until_ms(), look_ms));
    }
    return reactor_.now_us() + std::max<int64_t>(due_ms - reactor_.now_ms(), 0) * 1000;
}

/// Tells of the changes of this turn, and forgets what is too much; true when more is to be done.
bool Worker::tend_tracking() {
    engine::Tracking& tracking = shared_.dataset.tracking();
    tracking.broadcast(executor_.tracking, executor_.origin);
    bool has_more = !executor_.tracking.drain(kTracksPerTurn);
    if (!tracking.is_above_limit()) [[likely]]
        return has_more;
    const size_t shard = next_trimmed_++ % shared_.dataset.shards();
    shared_.dataset.lock(shard, executor_);
    tracking.trim(shared_.dataset.shard(shard), kTracksPerTurn, executor_.origin);
    shared_.dataset.unlock(shard);
    return has_more || tracking.is_above_limit();
}

int64_t Worker::before_wait() {
    shared_.dataset.tracking().broadcast(executor_.tracking, executor_.origin);
    courier_.run_round(reactor_.now_us(),
                       shared_.settings.pubsub_gather_us.load(std::memory_order_relaxed));
    if (index_ == 0 && shared_.each_turn) shared_.each_turn();
    const bool is_due = follow_log();
    flush_dirty();
    bool has_more = destroy_finished();
    has_more = background(was_busy_) || is_due || has_more;
    if (dispatcher_.waiters().has_work()) [[unlikely]]
        dispatcher_.waiters().finish_turn();
    tend_log();
    has_more = tend_tracking() || has_more;
    shared_.dataset.wake_asleep(executor_);
    // A command that had to wait has ended after on_ready(), and there is input behind it; or what
    // was removed in the background has made messages.
    if (has_more || !ready_.empty()) return 0;
    const int64_t next_us = std::min(courier_.next_round_us(), next_expiry_us());
    if (next_us == INT64_MAX) return -1;
    return next_us <= reactor_.now_us() ? 0 : next_us;
}

/// Tells the log's thread what was written in this turn, and writers that they may go on.
void Worker::tend_log() {
    if (log_ == nullptr) [[likely]]
        return;
    if (executor_.effects.take_written()) log_->kick();
    if (!paused_.empty() && log_->admission() != log::Admission::full && !is_paused()) {
        resume_paused();
    }
}

bool Worker::is_paused() const {
    return shared_.clients.pause_mode(reactor_.now_ms()) !=
           commands::ClientRegistry::PauseMode::none;
}

void Worker::handle_cron(ring::Timer& timer) { static_cast<CronTimer&>(timer).worker.cron(); }

void Worker::cron() {
    const int64_t now_ms = reactor_.now_ms();
    for (const auto& connection : connections_) connection->check_limits(now_ms);
    chunks_.trim();
    if (index_ == 0 && shared_.each_second) shared_.each_second();
    if (index_ == 0 && shared_.transactions != nullptr) {
        shared_.transactions->expire(now_ms, executor_);
    }
    reactor_.arm(cron_, reactor_.now_us() + kCronUs);
}

}  // namespace gyre::server
