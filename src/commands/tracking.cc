// SPDX-License-Identifier: BSD-3-Clause
#include "commands/tracking.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "commands/courier.h"

namespace gyre::commands {
namespace {

using engine::TopicKind;
using engine::Tracking;

constexpr auto kRelaxed = std::memory_order_relaxed;

bool is_resp3(const Session& session) { return session.protocol.load(kRelaxed) == 3; }

/// What others see in CLIENT LIST.
void publish_state(Session& session) {
    const ClientTracking* tracking = session.tracking.get();
    session.tracks.store(tracking != nullptr, kRelaxed);
    session.tracks_prefixes.store(tracking != nullptr && tracking->options.is_broadcast, kRelaxed);
    session.has_broken_redirect.store(tracking != nullptr && tracking->is_broken, kRelaxed);
    session.redirect.store(
        tracking != nullptr ? static_cast<int64_t>(tracking->options.redirect) : -1, kRelaxed);
}

/// The topics that the options ask for.
std::vector<std::string> wanted_topics(const Session& session) {
    const ClientTracking& tracking = *session.tracking;
    std::vector<std::string> topics{Tracking::common_topic()};
    if (!tracking.options.is_broadcast) {
        topics.push_back(Tracking::reader_topic(session.id));
    } else if (tracking.options.is_quiet) {
        topics.push_back(Tracking::quiet_topic(session.id));
    } else {
        for (const ClientTracking::Text& prefix : tracking.prefixes) {
            topics.push_back(Tracking::prefix_topic(prefix));
        }
    }
    return topics;
}

/// Those that are there already stay: what is under way to them would be lost.
bool listen(Session& session, engine::Pubsub& pubsub) {
    const std::vector<std::string> wanted = wanted_topics(session);
    for (const std::string& name : session.subscriber.names(TopicKind::tracking)) {
        if (std::ranges::find(wanted, name) != wanted.end()) continue;
        pubsub.unsubscribe(session.subscriber, TopicKind::tracking, name);
    }
    return std::ranges::all_of(wanted, [&](const std::string& name) {
        return pubsub.subscribe(session.subscriber, TopicKind::tracking, name) !=
               engine::Pubsub::Added::no_room;
    });
}

/// Changes the list of prefixes, with all shards locked: they have to know whether there are any.
template <class Change>
void change_prefixes(engine::Dataset& dataset, engine::Executor& executor, Change&& change) {
    engine::ShardSet all;
    all.add_all(dataset.shards());
    const engine::ShardGuard guard(dataset, all, executor);
    change();
    const bool is_any = dataset.tracking().prefixes() > 0;
    for (size_t index = 0; index < dataset.shards(); ++index) {
        dataset.shard(index).set_broadcast(is_any);
    }
}

void remove_prefixes(const Session& session, engine::Dataset& dataset) {
    const ClientTracking& tracking = *session.tracking;
    for (const ClientTracking::Text& prefix : tracking.prefixes) {
        dataset.tracking().remove_prefix(prefix, session.id, tracking.options.is_quiet);
    }
}

void set_prefixes(Session& session, const ClientTracking::Options& options,
                  std::span<const std::string_view> prefixes, engine::Dataset& dataset) {
    ClientTracking& tracking = *session.tracking;
    remove_prefixes(session, dataset);
    tracking.options = options;
    for (const std::string_view prefix : prefixes) {
        const auto place =
            std::lower_bound(tracking.prefixes.begin(), tracking.prefixes.end(), prefix);
        if (place != tracking.prefixes.end() && *place == prefix) continue;
        tracking.prefixes.emplace(place, prefix);
    }
    for (const ClientTracking::Text& prefix : tracking.prefixes) {
        dataset.tracking().add_prefix(prefix, session.id, options.is_quiet);
    }
}

/// The frame around the keys, as the receiver expects it; empty: it can take none.
std::string_view frame_of(const Session& receiver, bool is_redirected) {
    if (is_resp3(receiver)) return ">2\r\n$10\r\ninvalidate\r\n";
    // As in Redis whatever it is subscribed to: it should be this channel.
    if (!is_redirected || !receiver.mode(Session::kSubscribed)) return {};
    return "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n";
}

/// False: the receiver is leaving.
bool give(const Session& receiver, const Invalidation& invalidation, bool is_redirected) {
    base::OutputBuffer* output = receiver.outlet->invalidation_buffer();
    if (output == nullptr) return false;
    const std::string_view frame = frame_of(receiver, is_redirected);
    if (frame.empty()) return true;
    output->append(frame);
    if (invalidation.message.payload) {
        output->append_reference(invalidation.message.payload);
    } else {
        output->append(invalidation.keys());
    }
    return true;
}

}  // namespace

bool begin_tracking(Session& session, const ClientTracking::Options& options,
                    std::span<const std::string_view> prefixes, engine::Dataset& dataset,
                    engine::Executor& executor) {
    if (!session.tracking) {
        session.tracking = std::make_unique<ClientTracking>();
        dataset.tracking().count_client(1);
        session.set_mode(Session::kTracking, true);
    }
    ClientTracking& tracking = *session.tracking;
    tracking.is_broken = false;
    if (options.is_broadcast) {
        static constexpr std::string_view kAll[] = {""};
        const auto wanted = prefixes.empty() ? std::span<const std::string_view>(kAll) : prefixes;
        change_prefixes(dataset, executor,
                        [&] { set_prefixes(session, options, wanted, dataset); });
    } else {
        tracking.options = options;
    }
    publish_state(session);
    if (listen(session, dataset.pubsub())) return true;
    end_tracking(session, dataset, executor);
    return false;
}

void end_tracking(Session& session, engine::Dataset& dataset, engine::Executor& executor) {
    if (!session.tracking) return;
    dataset.pubsub().leave(session.subscriber, TopicKind::tracking);
    if (!session.tracking->prefixes.empty()) {
        change_prefixes(dataset, executor, [&] { remove_prefixes(session, dataset); });
    }
    session.tracking.reset();
    session.set_mode(Session::kTracking, false);
    dataset.tracking().count_client(-1);
    publish_state(session);
}

void remember_keys(const Session& session, std::span<const store::Key> keys,
                   engine::Dataset& dataset, engine::Executor& executor) {
    if (!session.tracking->remembers()) return;
    for (const store::Key& key : keys) {
        dataset.tracking().remember(dataset.shard(dataset.shard_of(key.hash)), key, session.id,
                                    executor.origin);
    }
}

void give_invalidation(Session& session, const engine::Message& message) {
    const ClientTracking::Options& options = session.tracking->options;
    Invalidation invalidation{message, is_resp3(session)};
    if (options.redirect == 0) {
        static_cast<void>(give(session, invalidation, false));
    } else {
        options.redirect_home->redirect_later(options.redirect, std::move(invalidation),
                                              *session.home, session.id);
    }
}

bool give_redirected(const Session& target, const Invalidation& invalidation) {
    return give(target, invalidation, true);
}

void break_redirect(Session& session, uint64_t target_id) {
    if (!session.tracking || session.tracking->options.redirect != target_id) return;
    session.tracking->is_broken = true;
    publish_state(session);
    if (!is_resp3(session)) return;
    base::OutputBuffer* output = session.outlet->push_buffer();
    if (output == nullptr) return;
    output->append(">2\r\n$21\r\ntracking-redir-broken\r\n:" + std::to_string(target_id) + "\r\n");
}

}  // namespace gyre::commands
