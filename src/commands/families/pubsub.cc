// SPDX-License-Identifier: BSD-3-Clause

// Publish and subscribe. A confirmation is a push like the messages themselves: CLIENT REPLY OFF
// does not silence it. Threads: home reactor.

#include <string>
#include <string_view>
#include <vector>

#include "base/glob.h"
#include "base/numbers.h"
#include "commands/context.h"
#include "commands/courier.h"
#include "commands/help.h"
#include "commands/registry.h"
#include "commands/slice.h"
#include "engine/view.h"

namespace gyre::commands {
namespace {

using engine::Pubsub;
using engine::TopicKind;

/// What the words of a kind are.
struct Words {
    TopicKind kind;
    std::string_view subscribe;
    std::string_view unsubscribe;
};
constexpr Words kChannels{TopicKind::channel, "subscribe", "unsubscribe"};
constexpr Words kPatterns{TopicKind::pattern, "psubscribe", "punsubscribe"};
constexpr Words kShardChannels{TopicKind::shard_channel, "ssubscribe", "sunsubscribe"};

/// The count in a confirmation: channels and patterns together, shard channels by themselves.
int64_t shown_count(const Session& session, TopicKind kind) {
    const engine::Subscriber& subscriber = session.subscriber;
    const size_t count =
        kind == TopicKind::shard_channel
            ? subscriber.count(kind)
            : subscriber.count(TopicKind::channel) + subscriber.count(TopicKind::pattern);
    return static_cast<int64_t>(count);
}

void confirm(Context& context, std::string_view word, std::string_view name, TopicKind kind) {
    context.reply.push(3);
    context.reply.bulk(word);
    context.reply.bulk(name);
    context.reply.integer(shown_count(context.session, kind));
}

void subscribe_to(Context& context, const Words& words) {
    Session& session = context.session;
    // Redis' rule, and for shard channels alone.
    if (words.kind == TopicKind::shard_channel && session.mode(Session::kExecuting)) {
        return context.error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client");
    }
    session.has_pushed = session.reply_mode != ReplyMode::on;
    for (size_t index = 1; index < context.count(); ++index) {
        const auto added = context.services.dataset.pubsub().subscribe(
            session.subscriber, words.kind, context.argument(index));
        if (added == Pubsub::Added::no_room) {
            context.error(
                "ERR max number of subscriptions reached. Unsubscribe from some channels, or raise "
                "maxsubscriptions");
            break;
        }
        confirm(context, words.subscribe, context.argument(index), words.kind);
    }
    session.set_mode(Session::kSubscribed, session.subscriber.count() > 0);
}

void unsubscribe_from(Context& context, const Words& words) {
    Session& session = context.session;
    Pubsub& pubsub = context.services.dataset.pubsub();
    session.has_pushed = session.reply_mode != ReplyMode::on;
    // What EXEC has published so far is on its way; outside of it nothing is.
    if (session.mode(Session::kExecuting) && context.services.courier != nullptr) {
        context.services.courier->hand_over(session);
    }
    std::vector<std::string> all;
    if (context.count() == 1) all = session.subscriber.names(words.kind);
    for (const std::string& name : all) {
        pubsub.unsubscribe(session.subscriber, words.kind, name);
        confirm(context, words.unsubscribe, name, words.kind);
    }
    for (size_t index = 1; index < context.count(); ++index) {
        pubsub.unsubscribe(session.subscriber, words.kind, context.argument(index));
        confirm(context, words.unsubscribe, context.argument(index), words.kind);
    }
    if (context.count() == 1 && all.empty()) {
        context.reply.push(3);
        context.reply.bulk(words.unsubscribe);
        context.reply.null();
        context.reply.integer(shown_count(session, words.kind));
    }
    session.set_mode(Session::kSubscribed, session.subscriber.count() > 0);
}

void subscribe(Context& context) { subscribe_to(context, kChannels); }
void unsubscribe(Context& context) { unsubscribe_from(context, kChannels); }
void psubscribe(Context& context) { subscribe_to(context, kPatterns); }
void punsubscribe(Context& context) { unsubscribe_from(context, kPatterns); }
void ssubscribe(Context& context) { subscribe_to(context, kShardChannels); }
void sunsubscribe(Context& context) { unsubscribe_from(context, kShardChannels); }

void publish_to(Context& context, TopicKind kind) {
    const resp::Argument& payload = context.arguments[2];
    const bool is_whole = payload.block != nullptr && payload.block->size() == payload.bytes.size();
    if (engine::View* view = context.keyspace.view(); view != nullptr) {
        // It leaves with the commit; this is how many it would reach now.
        view->record_message(kind, context.argument(1), payload.bytes,
                             is_whole ? payload.block : nullptr);
        return context.reply.integer(
            context.services.dataset.pubsub().receivers(kind, context.argument(1)));
    }
    context.reply.integer(context.services.dataset.pubsub().publish(
        kind, context.argument(1), payload.bytes, context.services.executor.origin,
        is_whole ? payload.block : nullptr));
}

void publish(Context& context) { publish_to(context, TopicKind::channel); }
void spublish(Context& context) { publish_to(context, TopicKind::shard_channel); }

// --- questions ----------------------------------------------------------------------------------

/// Names of all topics of a kind that match. A stripe of the directory at a time; the reply is
/// built aside, since their number is known only at the end.
ring::Task<void> list_topics(Context& context, TopicKind kind, std::string_view pattern) {
    Slice slice(context);
    base::OutputBuffer buffer(context.reply.buffer().pool());
    resp::ReplyWriter writer(buffer, context.reply.protocol());
    int64_t count = 0;
    for (size_t stripe = 0; stripe < Pubsub::kStripes; ++stripe) {
        context.services.dataset.pubsub().for_each(kind, stripe, [&](const engine::Topic& topic) {
            if (pattern != "*" && !base::glob_matches(pattern, topic.name())) return;
            writer.bulk(topic.name());
            ++count;
        });
        if (slice.is_over_now()) co_await slice.next();
    }
    context.reply.array(count);
    context.reply.buffer().splice(buffer);
}

ring::Task<void> refuse(Context& context, std::string text) {
    context.error(text);
    co_return;
}

/// A sub-command with a pattern, or without.
ring::Task<void> list_matching(Context& context, TopicKind kind) {
    if (context.count() == 2) return list_topics(context, kind, "*");
    if (context.count() == 3) return list_topics(context, kind, context.argument(2));
    return refuse(context, "ERR unknown subcommand or wrong number of arguments for '" +
                               base::escape_for_error(context.argument(1)) + "'. Try PUBSUB HELP.");
}

ring::Task<void> pubsub_channels(Context& context) {
    return list_matching(context, TopicKind::channel);
}
ring::Task<void> pubsub_shardchannels(Context& context) {
    return list_matching(context, TopicKind::shard_channel);
}

ring::Task<void> list_channels(Context& context) {
    if (context.count() == 1) return list_topics(context, TopicKind::channel, "*");
    if (context.count() == 2) {
        return list_topics(context, TopicKind::channel, context.argument(1));
    }
    return refuse(context, "ERR wrong number of arguments for 'list_channels' command");
}

void count_subscribers(Context& context, TopicKind kind) {
    context.reply.array((static_cast<int64_t>(context.count()) - 2) * 2);
    for (size_t index = 2; index < context.count(); ++index) {
        context.reply.bulk(context.argument(index));
        context.reply.integer(static_cast<int64_t>(
            context.services.dataset.pubsub().subscribers_of(kind, context.argument(index))));
    }
}

void pubsub_numsub(Context& context) { count_subscribers(context, TopicKind::channel); }
void pubsub_shardnumsub(Context& context) { count_subscribers(context, TopicKind::shard_channel); }

void pubsub_numpat(Context& context) {
    context.reply.integer(
        static_cast<int64_t>(context.services.dataset.pubsub().topics(TopicKind::pattern)));
}

void list_subscribers(Context& context) {
    context.reply.integer(static_cast<int64_t>(
        context.services.dataset.pubsub().subscribers_of(TopicKind::channel, context.argument(1))));
}

void pubsub_help(Context& context) {
    static constexpr std::string_view kLines[] = {
        "CHANNELS [<pattern>]",
        "    Return the channels that have subscribers and match the pattern (default: '*').",
        "NUMPAT",
        "    Return the number of patterns that are subscribed to.",
        "NUMSUB [<channel> ...]",
        "    Return the number of subscribers of each channel, those of patterns not",
        "    counted.",
        "SHARDCHANNELS [<pattern>]",
        "    Return the shard channels that have subscribers and match the pattern",
        "    (default: '*').",
        "SHARDNUMSUB [<shardchannel> ...]",
        "    Return the number of subscribers of each shard channel.",
    };
    reply_help(context, "PUBSUB", kLines);
}

constexpr uint32_t kListens = flag::pubsub | flag::noscript | flag::loading | flag::stale;
constexpr uint32_t kSpeaks =
    flag::pubsub | flag::loading | flag::stale | flag::fast | flag::may_replicate;
constexpr uint32_t kAsks = flag::pubsub | flag::loading | flag::stale;

constexpr CommandSpec kPubsubCommands[] = {
    {.name = "subscribe",
     .handler = subscribe,
     .arity = -2,
     .flags = kListens,
     .group = Group::pubsub,
     .since = "2.0.0",
     .complexity = "O(N) with N the number of channels.",
     .syntax = "channel [channel ...]",
     .summary = "Listens to channels."},
    {.name = "unsubscribe",
     .handler = unsubscribe,
     .arity = -1,
     .flags = kListens,
     .group = Group::pubsub,
     .since = "2.0.0",
     .complexity = "O(N) with N the number of channels.",
     .syntax = "[channel [channel ...]]",
     .summary = "Stops listening to channels, or to all."},
    {.name = "psubscribe",
     .handler = psubscribe,
     .arity = -2,
     .flags = kListens,
     .group = Group::pubsub,
     .since = "2.0.0",
     .complexity = "O(N) with N the number of patterns.",
     .syntax = "pattern [pattern ...]",
     .summary = "Listens to all channels that match one of the patterns."},
    {.name = "punsubscribe",
     .handler = punsubscribe,
     .arity = -1,
     .flags = kListens,
     .group = Group::pubsub,
     .since = "2.0.0",
     .complexity = "O(N) with N the number of patterns.",
     .syntax = "[pattern [pattern ...]]",
     .summary = "Stops listening to channels that match patterns, or any."},
    {.name = "ssubscribe",
     .handler = ssubscribe,
     .arity = -2,
     .flags = kListens,
     .group = Group::pubsub,
     .keys = keys_to_end(key_flag::not_key),
     .since = "7.0.0",
     .complexity = "O(N) with N the number of shard channels.",
     .syntax = "shardchannel [shardchannel ...]",
     .summary = "Listens to shard channels."},
    {.name = "sunsubscribe",
     .handler = sunsubscribe,
     .arity = -1,
     .flags = kListens,
     .group = Group::pubsub,
     .keys = keys_to_end(key_flag::not_key),
     .since = "7.0.0",
     .complexity = "O(N) with N the number of shard channels.",
     .syntax = "[shardchannel [shardchannel ...]]",
     .summary = "Stops listening to shard channels, or to all."},
    {.name = "publish",
     .handler = publish,
     .arity = 3,
     .flags = kSpeaks,
     .group = Group::pubsub,
     .since = "2.0.0",
     .complexity = "O(N+M) with N the number of subscribers and M the number of patterns that "
                   "begin as the channel does.",
     .syntax = "channel message",
     .summary = "Sends a message to who listens to the channel, and says how many these are."},
    {.name = "spublish",
     .handler = spublish,
     .arity = 3,
     .flags = kSpeaks,
     .group = Group::pubsub,
     .keys = one_key(key_flag::not_key),
     .since = "7.0.0",
     .complexity = "O(N) with N the number of subscribers.",
     .syntax = "shardchannel message",
     .summary = "Sends a message to who listens to the shard channel."},
    {.name = "pubsub",
     .arity = -2,
     .group = Group::pubsub,
     .since = "2.8.0",
     .complexity = "Depends on the sub-command.",
     .summary = "A container for questions about channels.",
     .is_container = true},
    {.name = "channels",
     .parent = "pubsub",
     .coroutine = pubsub_channels,
     .arity = -2,
     .flags = kAsks,
     .group = Group::pubsub,
     .since = "2.8.0",
     .complexity = "O(N) with N the number of channels.",
     .syntax = "[pattern]",
     .summary = "Lists channels that have subscribers."},
    {.name = "numsub",
     .parent = "pubsub",
     .handler = pubsub_numsub,
     .arity = -2,
     .flags = kAsks,
     .group = Group::pubsub,
     .since = "2.8.0",
     .complexity = "O(N) with N the number of channels asked about.",
     .syntax = "[channel [channel ...]]",
     .summary = "Counts the subscribers of channels."},
    {.name = "numpat",
     .parent = "pubsub",
     .handler = pubsub_numpat,
     .arity = 2,
     .flags = kAsks,
     .group = Group::pubsub,
     .since = "2.8.0",
     .complexity = "O(1)",
     .summary = "Counts the patterns that are subscribed to."},
    {.name = "shardchannels",
     .parent = "pubsub",
     .coroutine = pubsub_shardchannels,
     .arity = -2,
     .flags = kAsks,
     .group = Group::pubsub,
     .since = "7.0.0",
     .complexity = "O(N) with N the number of shard channels.",
     .syntax = "[pattern]",
     .summary = "Lists shard channels that have subscribers."},
    {.name = "shardnumsub",
     .parent = "pubsub",
     .handler = pubsub_shardnumsub,
     .arity = -2,
     .flags = kAsks,
     .group = Group::pubsub,
     .since = "7.0.0",
     .complexity = "O(N) with N the number of shard channels asked about.",
     .syntax = "[shardchannel [shardchannel ...]]",
     .summary = "Counts the subscribers of shard channels."},
    {.name = "help",
     .parent = "pubsub",
     .handler = pubsub_help,
     .arity = 2,
     .flags = flag::loading | flag::stale,
     .group = Group::pubsub,
     .since = "6.2.0",
     .complexity = "O(1)",
     .summary = "Explains the sub-commands."},
    {.name = "list_channels",
     .coroutine = list_channels,
     .arity = -1,
     .flags = kAsks,
     .group = Group::pubsub,
     .since = "0.1.0",
     .complexity = "O(N) with N the number of channels.",
     .syntax = "[pattern]",
     .summary = "Lists channels that have subscribers, as PUBSUB CHANNELS does."},
    {.name = "list_subscribers",
     .handler = list_subscribers,
     .arity = 2,
     .flags = kAsks,
     .group = Group::pubsub,
     .since = "0.1.0",
     .complexity = "O(1)",
     .syntax = "channel",
     .summary = "Counts the subscribers of a channel."},
};

}  // namespace

std::span<const CommandSpec> pubsub_commands() { return kPubsubCommands; }

}  // namespace gyre::commands
