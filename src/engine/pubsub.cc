// SPDX-License-Identifier: BSD-3-Clause
#include "engine/pubsub.h"

#include <algorithm>
#include <cstring>
#include <new>
#include <utility>

#include "base/check.h"
#include "base/glob.h"
#include "base/hash.h"

namespace gyre::engine {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

/// A payload of this size and more is not copied behind the channel but kept in a block of its own,
/// which the replies refer to.
constexpr size_t kApartBytes = 16 * 1024;

/// What a pattern begins with before anything in it is special.
std::string_view literal_prefix(std::string_view pattern) {
    return pattern.substr(0, std::min(pattern.find_first_of("*?[\\"), pattern.size()));
}

base::SharedBytesRef block_of(std::string_view first, std::string_view second) {
    base::SharedBytes* block =
        base::SharedBytes::create(first.size() + second.size(), base::Purpose::pubsub);
    if (!first.empty()) std::memcpy(block->data(), first.data(), first.size());
    if (!second.empty()) std::memcpy(block->data() + first.size(), second.data(), second.size());
    block->set_size(first.size() + second.size());
    return base::SharedBytesRef::adopt(block);
}

Message make_message(std::string_view channel, std::string_view payload, base::SharedBytes* block) {
    Message message;
    message.channel_bytes = static_cast<uint32_t>(channel.size());
    const bool is_apart = payload.size() >= kApartBytes;
    message.text = block_of(channel, is_apart ? std::string_view() : payload);
    if (is_apart) {
        message.payload =
            block != nullptr ? base::SharedBytesRef::share(block) : block_of({}, payload);
    }
    return message;
}

}  // namespace

// --- topics -------------------------------------------------------------------------------------

Topic* Topic::create(TopicKind kind, std::string_view name, uint64_t hash) {
    void* memory = base::allocate(base::Purpose::pubsub, sizeof(Topic) + name.size());
    auto* topic = new (memory) Topic(kind, static_cast<uint32_t>(name.size()), hash);
    if (!name.empty()) {
        std::memcpy(reinterpret_cast<char*>(topic + 1), name.data(), name.size());
    }
    return topic;
}

TopicPart& Topic::part_of(uint32_t reactor) {
    if (first_part_.topic == nullptr) {
        first_part_.topic = this;
        first_part_.reactor = reactor;
        return first_part_;
    }
    TopicPart* part = &first_part_;
    while (part->reactor != reactor) {
        if (part->next_part == nullptr) {
            void* memory = base::allocate(base::Purpose::pubsub, sizeof(TopicPart));
            part->next_part = new (memory) TopicPart{.topic = this, .reactor = reactor};
        }
        part = part->next_part;
    }
    return *part;
}

void Topic::destroy() noexcept {
    TopicPart* part = first_part_.next_part;
    while (part != nullptr)
        base::release(base::Purpose::pubsub, std::exchange(part, part->next_part));
    this->~Topic();
    base::release(base::Purpose::pubsub, this);
}

// --- inboxes ------------------------------------------------------------------------------------

Inbox::~Inbox() {
    for (;;) {
        if (front_ == nullptr) refill();
        if (front_ == nullptr) return;
        drop_front();
    }
}

/// What it counts for: a share of the message is somebody else's too, but who knows how long.
int64_t Inbox::bytes_of(const Delivery& delivery) {
    return static_cast<int64_t>(sizeof(Delivery) + delivery.message.footprint());
}

bool Inbox::put(Delivery* delivery) noexcept {
    const int64_t bytes = bytes_of(*delivery);
    const int64_t before = bytes_.fetch_add(bytes, kRelaxed);
    if (before <= kBytesMax && before + bytes > kBytesMax) congested_.fetch_add(1, kRelaxed);
    Delivery* head = head_.load(kRelaxed);
    do {
        delivery->next = head;
    } while (!head_.compare_exchange_weak(head, delivery, std::memory_order_release, kRelaxed));
    return head == nullptr;
}

/// Turns what was put in since, newest first, into the order of putting.
void Inbox::refill() noexcept {
    Delivery* newest = head_.exchange(nullptr, std::memory_order_acquire);
    while (newest != nullptr) {
        Delivery* older = newest->next;
        newest->next = front_;
        front_ = newest;
        newest = older;
    }
}

/// The same behind what is there, of which `last` is one; returns the last one, or null.
Delivery* Inbox::refill_behind(Delivery* last) noexcept {
    Delivery* const front = std::exchange(front_, nullptr);
    refill();
    if (front == nullptr) {
        last = front_;
    } else {
        if (last == nullptr) last = front;
        while (last->next != nullptr) last = last->next;
        last->next = std::exchange(front_, front);
    }
    while (last != nullptr && last->next != nullptr) last = last->next;
    return last;
}

/// Of front_'s part, whose list is being gone through: the subscription has had its turn.
bool Inbox::has_passed(const Subscription& subscription) const noexcept {
    for (const Subscription* next = cursor_; next != nullptr; next = next->next) {
        if (next == &subscription) return false;
    }
    return true;
}

void Inbox::take_for(Subscriber& subscriber, const std::function<void(const Delivery&)>& give) {
    Delivery* const seen = std::exchange(seen_last_, refill_behind(seen_last_));
    const bool knows = std::exchange(seen_for_, &subscriber) == &subscriber && seen != nullptr;
    for (Delivery* next = knows ? seen->next : front_; next != nullptr; next = next->next) {
        if (next->part->topic->kind() == TopicKind::tracking) continue;
        Subscription* subscription = subscriber.find(*next->part);
        if (subscription == nullptr || subscription->since >= next->number) continue;
        if (next == front_ && has_begun_ && has_passed(*subscription)) continue;
        subscription->since = next->number;
        give(*next);
    }
}

void Inbox::drop_front() noexcept {
    if (seen_last_ == front_) seen_last_ = nullptr;
    Delivery* done = std::exchange(front_, front_->next);
    const int64_t bytes = bytes_of(*done);
    const int64_t before = bytes_.fetch_sub(bytes, kRelaxed);
    if (before > kBytesMax && before - bytes <= kBytesMax) congested_.fetch_sub(1, kRelaxed);
    done->part->topic->release();
    delete done;
    cursor_ = nullptr;
    has_begun_ = false;
}

const Subscription* Inbox::take(const Delivery*& delivery) {
    for (;;) {
        if (front_ == nullptr) refill();
        if (front_ == nullptr) return nullptr;
        if (!has_begun_) cursor_ = front_->part->first;
        has_begun_ = true;
        while (cursor_ != nullptr && cursor_->since >= front_->number) cursor_ = cursor_->next;
        if (cursor_ != nullptr) {
            delivery = front_;
            return std::exchange(cursor_, cursor_->next);
        }
        drop_front();
    }
}

// --- subscribers --------------------------------------------------------------------------------

size_t Subscriber::Hash::operator()(std::string_view name) const { return base::hash_bytes(name); }

Subscriber::~Subscriber() {
    CHECK(count() == 0);
    CHECK(count(TopicKind::monitor) == 0);
}

Subscription* Subscriber::find(TopicPart& part) const {
    const auto& table = tables_[static_cast<size_t>(part.topic->kind())];
    if (!table) return nullptr;
    Subscription like{.part = &part};
    const auto found = table->find(&like);
    // A topic of this name may have gone, and come again.
    return found != table->end() && (*found)->part == &part ? *found : nullptr;
}

std::vector<std::string> Subscriber::names(TopicKind kind) const {
    std::vector<std::string> found;
    const auto& table = tables_[static_cast<size_t>(kind)];
    if (!table) return found;
    found.reserve(table->size());
    for (const Subscription* subscription : *table) {
        found.emplace_back(subscription->part->topic->name());
    }
    return found;
}

// --- the directory ------------------------------------------------------------------------------

size_t Pubsub::Hash::operator()(std::string_view name) const { return base::hash_bytes(name); }
size_t Pubsub::TextHash::operator()(std::string_view text) const { return base::hash_bytes(text); }

Pubsub::Pubsub(size_t reactors) {
    for (size_t index = 0; index < reactors; ++index) {
        inboxes_.push_back(std::make_unique<Inbox>(congested_));
    }
}

Pubsub::~Pubsub() = default;

Pubsub::Stripe& Pubsub::stripe(TopicKind kind, uint64_t hash) {
    if (kind == TopicKind::pattern) return patterns_;
    if (kind == TopicKind::monitor) return monitors_;
    // Not the bits by which the table itself chooses.
    const size_t index = hash >> 58;
    if (kind == TopicKind::tracking) return tracking_[index];
    return kind == TopicKind::channel ? channels_[index] : shard_channels_[index];
}

void Pubsub::index_pattern(Topic& topic) {
    const std::string_view prefix = literal_prefix(topic.name());
    auto found = by_prefix_.find(prefix);
    if (found == by_prefix_.end()) {
        found = by_prefix_.emplace(Text(prefix), Patterns()).first;
        const auto length = static_cast<uint32_t>(prefix.size());
        const auto place = std::lower_bound(prefix_lengths_.begin(), prefix_lengths_.end(),
                                            std::pair<uint32_t, uint32_t>(length, 0));
        if (place != prefix_lengths_.end() && place->first == length) {
            ++place->second;
        } else {
            prefix_lengths_.insert(place, {length, 1});
        }
    }
    topic.place = found->second.size();
    found->second.push_back(&topic);
}

void Pubsub::forget_pattern(Topic& topic) {
    const std::string_view prefix = literal_prefix(topic.name());
    const auto found = by_prefix_.find(prefix);
    CHECK(found != by_prefix_.end());
    // The last one takes its place.
    Patterns& patterns = found->second;
    patterns.back()->place = topic.place;
    patterns[topic.place] = patterns.back();
    patterns.pop_back();
    if (!patterns.empty()) return;
    by_prefix_.erase(found);
    const auto length = static_cast<uint32_t>(prefix.size());
    const auto place = std::lower_bound(prefix_lengths_.begin(), prefix_lengths_.end(),
                                        std::pair<uint32_t, uint32_t>(length, 0));
    if (--place->second == 0) prefix_lengths_.erase(place);
}

Pubsub::Added Pubsub::subscribe(Subscriber& subscriber, TopicKind kind, std::string_view name) {
    auto& table = subscriber.tables_[static_cast<size_t>(kind)];
    if (!table) table = std::make_unique<Subscriber::Table>();
    if (table->contains(name)) return Added::was_there;
    const int64_t limit = subscriptions_max.load(kRelaxed);
    if (limit != 0 && subscriptions() >= static_cast<size_t>(limit)) return Added::no_room;
    const uint64_t hash = base::hash_bytes(name);
    auto* subscription = new Subscription{.subscriber = &subscriber};
    {
        Stripe& place = stripe(kind, hash);
        const std::lock_guard lock(place.mutex);
        const auto found = place.topics.find(name);
        Topic* topic = found != place.topics.end() ? *found : nullptr;
        if (topic == nullptr) {
            topic = Topic::create(kind, name, hash);
            place.topics.insert(topic);
            topics_[static_cast<size_t>(kind)].fetch_add(1, kRelaxed);
            if (kind == TopicKind::pattern) index_pattern(*topic);
        }
        TopicPart& part = topic->part_of(subscriber.reactor);
        ++part.count;
        ++topic->subscriptions;
        subscription->part = &part;
        subscription->since = topic->messages;
    }
    TopicPart& part = *subscription->part;
    subscription->previous = part.last;
    (part.last != nullptr ? part.last->next : part.first) = subscription;
    part.last = subscription;
    table->insert(subscription);
    subscriber.counts_[static_cast<size_t>(kind)].fetch_add(1, kRelaxed);
    subscriptions_.fetch_add(1, kRelaxed);
    return Added::yes;
}

/// Nobody listens any more. Under the mutex of its place.
void Pubsub::forget_topic(Stripe& place, Topic& topic) {
    place.topics.erase(place.topics.find(topic.name()));
    topics_[static_cast<size_t>(topic.kind())].fetch_sub(1, kRelaxed);
    if (topic.kind() == TopicKind::pattern) forget_pattern(topic);
    topic.release();
}

/// The subscription is in no table any more.
void Pubsub::remove(Subscription* subscription) {
    TopicPart& part = *subscription->part;
    Topic& topic = *part.topic;
    inboxes_[part.reactor]->pass(*subscription);
    (subscription->previous != nullptr ? subscription->previous->next : part.first) =
        subscription->next;
    (subscription->next != nullptr ? subscription->next->previous : part.last) =
        subscription->previous;
    subscription->subscriber->counts_[static_cast<size_t>(topic.kind())].fetch_sub(1, kRelaxed);
    subscriptions_.fetch_sub(1, kRelaxed);
    delete subscription;
    Stripe& place = stripe(topic.kind(), topic.hash());
    const std::lock_guard lock(place.mutex);
    --part.count;
    if (--topic.subscriptions == 0) forget_topic(place, topic);
}

bool Pubsub::unsubscribe(Subscriber& subscriber, TopicKind kind, std::string_view name) {
    auto& table = subscriber.tables_[static_cast<size_t>(kind)];
    if (!table) return false;
    const auto found = table->find(name);
    if (found == table->end()) return false;
    Subscription* subscription = *found;
    table->erase(found);
    if (table->empty()) table.reset();
    remove(subscription);
    return true;
}

bool Pubsub::leave(Subscriber& subscriber, size_t budget) {
    for (auto& table : subscriber.tables_) {
        while (table && !table->empty() && budget > 0) {
            --budget;
            Subscription* subscription = *table->begin();
            table->erase(table->begin());
            remove(subscription);
        }
        if (table && !table->empty()) return false;
        table.reset();
    }
    return true;
}

void Pubsub::leave(Subscriber& subscriber, TopicKind kind) {
    for (const std::string& name : subscriber.names(kind)) unsubscribe(subscriber, kind, name);
}

// --- publishing ---------------------------------------------------------------------------------

/// One delivery for each part that has subscriptions. Under the mutex of the topic's place.
int64_t Pubsub::send(Topic& topic, std::string_view channel, std::string_view payload,
                     base::SharedBytes* block, Message& message, Origin& origin) {
    ++topic.messages;
    if (!message.text) message = make_message(channel, payload, block);
    for (TopicPart* part = topic.parts(); part != nullptr; part = part->next_part) {
        if (part->count == 0) continue;
        topic.retain();
        auto* delivery = new Delivery{.part = part, .number = topic.messages, .message = message};
        if (inboxes_[part->reactor]->put(delivery) && part->reactor != origin.reactor) {
            origin.asleep.push_back(part->reactor);
        }
    }
    return topic.subscriptions;
}

/// What `receivers_of(topic)` says of the patterns that match, in all.
template <class F>
int64_t Pubsub::sum_over_patterns(std::string_view channel, F&& receivers_of) {
    int64_t receivers = 0;
    const std::lock_guard lock(patterns_.mutex);
    for (const auto& [length, prefixes] : prefix_lengths_) {
        if (length > channel.size()) break;
        const auto found = by_prefix_.find(channel.substr(0, length));
        if (found == by_prefix_.end()) continue;
        for (Topic* topic : found->second) {
            if (!base::glob_matches(topic->name(), channel)) continue;
            receivers += receivers_of(*topic);
        }
    }
    return receivers;
}

int64_t Pubsub::send_to_patterns(std::string_view channel, std::string_view payload,
                                 base::SharedBytes* block, Message& message, Origin& origin) {
    return sum_over_patterns(channel, [&](Topic& topic) {
        return send(topic, channel, payload, block, message, origin);
    });
}

int64_t Pubsub::receivers(TopicKind kind, std::string_view channel) {
    auto receivers = static_cast<int64_t>(subscribers_of(kind, channel));
    if (kind == TopicKind::channel && topics(TopicKind::pattern) > 0) {
        receivers += sum_over_patterns(
            channel, [](const Topic& topic) { return static_cast<int64_t>(topic.subscriptions); });
    }
    return receivers;
}

int64_t Pubsub::publish(TopicKind kind, std::string_view channel, std::string_view payload,
                        Origin& origin, base::SharedBytes* block) {
    int64_t receivers = 0;
    Message message;
    if (topics(kind) > 0) {
        Stripe& place = stripe(kind, base::hash_bytes(channel));
        const std::lock_guard lock(place.mutex);
        const auto found = place.topics.find(channel);
        if (found != place.topics.end()) {
            receivers += send(**found, channel, payload, block, message, origin);
        }
    }
    if (kind == TopicKind::channel && topics(TopicKind::pattern) > 0) {
        receivers += send_to_patterns(channel, payload, block, message, origin);
    }
    return receivers;
}

size_t Pubsub::subscribers_of(TopicKind kind, std::string_view name) {
    Stripe& place = stripe(kind, base::hash_bytes(name));
    const std::lock_guard lock(place.mutex);
    const auto found = place.topics.find(name);
    return found == place.topics.end() ? 0 : (*found)->subscriptions;
}

void Pubsub::for_each(TopicKind kind, size_t stripe,
                      const std::function<void(const Topic&)>& visit) {
    CHECK(kind == TopicKind::channel || kind == TopicKind::shard_channel);
    Stripe& place = kind == TopicKind::channel ? channels_[stripe] : shard_channels_[stripe];
    const std::lock_guard lock(place.mutex);
    for (const Topic* topic : place.topics) visit(*topic);
}

}  // namespace gyre::engine
