// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Publish and subscribe: who listens to which channel, and the way of a message to them.
//
// A topic is a channel, a pattern or a shard channel. It has one part for each reactor that has
// subscribers of it; a part's list of subscriptions is touched by that reactor alone. Publishing
// looks the topic up and puts one delivery for each part into the inbox of the part's reactor; the
// reactor goes through the list in slices. All deliveries of a message share one copy of its bytes.
//
// Order: deliveries of one publisher reach a subscriber in the order of the calls; so do those of
// publishers that hold the same shard lock. Each topic counts its messages, so that who subscribes
// does not get what was published before, though it may be delivered later.
//
// Ownership: a topic lives while it has subscriptions or deliveries under way. Subscriptions belong
// to their Subscriber, which leaves before it goes.
// Threads: publish() and the questions from any; a Subscriber and an Inbox's reading side belong to
// their home reactor. The directory is cut into stripes with a mutex each, patterns have one.
// Suspends: never; no system call but for a contended mutex, so that it may be used under a shard
// lock. Complexity: publish O(1), and for patterns one lookup for each length of a literal prefix
// in use, plus the patterns found there.

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/counted.h"
#include "base/shared_bytes.h"

namespace gyre::engine {

/// monitor: the one topic without a name that MONITOR listens to. tracking: those of CLIENT
/// TRACKING (engine/tracking.h).
enum class TopicKind : uint8_t { channel, pattern, shard_channel, monitor, tracking };
inline constexpr size_t kTopicKinds = 5;

class Inbox;
class Subscriber;
class Topic;
struct TopicPart;

/// One subscriber's place in a topic.
struct Subscription {
    TopicPart* part = nullptr;
    Subscriber* subscriber = nullptr;
    uint64_t since = 0;  ///< messages of the topic up to this one were before its time
    Subscription* next = nullptr;
    Subscription* previous = nullptr;

    static void* operator new(size_t bytes) { return base::allocate(base::Purpose::pubsub, bytes); }
    static void operator delete(void* memory) { base::release(base::Purpose::pubsub, memory); }
};

/// The subscriptions of one reactor's clients to a topic.
struct TopicPart {
    Topic* topic = nullptr;
    TopicPart* next_part = nullptr;  ///< of the topic; under the directory's mutex
    Subscription* first = nullptr;   ///< home reactor
    Subscription* last = nullptr;    ///< home reactor
    uint32_t reactor = 0;
    uint32_t count = 0;  ///< under the directory's mutex
};

class Topic {
public:
    static Topic* create(TopicKind kind, std::string_view name, uint64_t hash);
    void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
    }

    TopicKind kind() const { return kind_; }
    std::string_view name() const { return {reinterpret_cast<const char*>(this + 1), bytes_}; }
    uint64_t hash() const { return hash_; }

    // --- under the mutex of the topic's place in the directory ---
    uint64_t messages = 0;  ///< published so far
    uint32_t subscriptions = 0;
    size_t place = 0;  ///< of a pattern, among those with the same prefix
    TopicPart* parts() { return first_part_.topic == nullptr ? nullptr : &first_part_; }
    /// The part of a reactor, made at its first use.
    TopicPart& part_of(uint32_t reactor);

private:
    Topic(TopicKind kind, uint32_t bytes, uint64_t hash)
        : kind_(kind), bytes_(bytes), hash_(hash) {}
    void destroy() noexcept;

    std::atomic<uint32_t> references_{1};
    TopicKind kind_;
    uint32_t bytes_;  // of the name, which follows the object
    uint64_t hash_;
    TopicPart first_part_;
};

/// The bytes of a message: one copy, whoever gets it.
struct Message {
    base::SharedBytesRef text;     ///< the channel, and behind it the payload unless that is apart
    base::SharedBytesRef payload;  ///< a large payload
    uint32_t channel_bytes = 0;

    std::string_view channel() const { return text->view().substr(0, channel_bytes); }
    std::string_view content() const {
        return payload ? payload->view() : text->view().substr(channel_bytes);
    }
    size_t footprint() const { return text->footprint() + (payload ? payload->footprint() : 0); }
};

/// A message on its way to the subscriptions of one part.
struct Delivery {
    Delivery* next = nullptr;
    TopicPart* part = nullptr;  ///< its topic is retained
    uint64_t number = 0;        ///< among the topic's messages
    Message message;

    static void* operator new(size_t bytes) { return base::allocate(base::Purpose::pubsub, bytes); }
    static void operator delete(void* memory) { base::release(base::Purpose::pubsub, memory); }
};

/// Deliveries for one reactor: any thread puts them in, without a lock; the reactor takes them in
/// order and goes through the subscriptions of each.
class Inbox {
public:
    /// Bytes of messages that wait for a reactor, above which those who publish have to wait.
    static constexpr int64_t kBytesMax = 64LL * 1024 * 1024;

    /// Counts itself in `congested` while too much waits in it.
    explicit Inbox(std::atomic<int32_t>& congested) : congested_(congested) {}
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    ~Inbox();

    /// True when it was empty: the reactor may sleep and has to be told.
    bool put(Delivery* delivery) noexcept;
    bool empty() const noexcept {
        return front_ == nullptr && head_.load(std::memory_order_acquire) == nullptr;
    }
    /// The next subscription a message is for, and the message; null: nothing is left. The delivery
    /// is good until the next call.
    const Subscription* take(const Delivery*& delivery);
    /// Gives away what waits for one subscriber, but for what its tracking has to tell; its turn
    /// passes over that. For one who is about to give up subscriptions and was counted when it was
    /// published. Complexity: O(deliveries that nobody of the same subscriber's calls has seen).
    void take_for(Subscriber& subscriber, const std::function<void(const Delivery&)>& give);
    /// The subscription leaves its list.
    void pass(const Subscription& leaving) noexcept {
        if (cursor_ == &leaving) cursor_ = leaving.next;
    }

private:
    void refill() noexcept;
    Delivery* refill_behind(Delivery* last) noexcept;
    bool has_passed(const Subscription& subscription) const noexcept;
    void drop_front() noexcept;
    static int64_t bytes_of(const Delivery& delivery);

    std::atomic<int32_t>& congested_;
    std::atomic<Delivery*> head_{nullptr};  // newest first
    std::atomic<int64_t> bytes_{0};
    Delivery* front_ = nullptr;             // oldest first; home reactor, as what follows
    const Subscription* cursor_ = nullptr;  // in the list of front_'s part
    bool has_begun_ = false;                // cursor_ is that of front_
    Delivery* seen_last_ = nullptr;         // by take_for(): the last one there was; null: none
    const Subscriber* seen_for_ = nullptr;
};

/// A subscriber's own index of its subscriptions. Home reactor, but for the counts.
class Subscriber {
public:
    Subscriber() = default;
    Subscriber(const Subscriber&) = delete;
    Subscriber& operator=(const Subscriber&) = delete;
    ~Subscriber();

    size_t count(TopicKind kind) const {
        return counts_[static_cast<size_t>(kind)].load(std::memory_order_relaxed);
    }
    /// To channels of all kinds.
    size_t count() const {
        return count(TopicKind::channel) + count(TopicKind::pattern) +
               count(TopicKind::shard_channel);
    }
    /// The subscription to the topic of a part; null: there is none.
    Subscription* find(TopicPart& part) const;
    /// Names of the topics of a kind, in no order.
    std::vector<std::string> names(TopicKind kind) const;

    uint32_t reactor = 0;   ///< home
    void* owner = nullptr;  ///< whose subscriptions these are

private:
    friend class Pubsub;
    struct Hash {
        using is_transparent = void;
        size_t operator()(const Subscription* subscription) const {
            return subscription->part->topic->hash();
        }
        size_t operator()(std::string_view name) const;
    };
    struct Equal {
        using is_transparent = void;
        static std::string_view name(std::string_view text) { return text; }
        static std::string_view name(const Subscription* subscription) {
            return subscription->part->topic->name();
        }
        template <class Left, class Right>
        bool operator()(const Left& left, const Right& right) const {
            return name(left) == name(right);
        }
    };
    using Table = std::unordered_set<Subscription*, Hash, Equal,
                                     base::CountedAllocator<Subscription*, base::Purpose::pubsub>>;

    std::array<std::unique_ptr<Table>, kTopicKinds> tables_;
    std::array<std::atomic<uint32_t>, kTopicKinds> counts_{};
};

class Pubsub {
public:
    enum class Added : uint8_t { yes, was_there, no_room };
    /// Who publishes from: the reactors it finds asleep are put on its list, to be woken by
    /// whoever made it once no lock is held.
    struct Origin {
        uint32_t reactor = UINT32_MAX;  ///< needs no waking
        std::vector<uint32_t> asleep;
    };

    explicit Pubsub(size_t reactors);
    Pubsub(const Pubsub&) = delete;
    Pubsub& operator=(const Pubsub&) = delete;
    ~Pubsub();

    // --- home reactor of the subscriber ---
    Added subscribe(Subscriber& subscriber, TopicKind kind, std::string_view name);
    /// False: it was not subscribed.
    bool unsubscribe(Subscriber& subscriber, TopicKind kind, std::string_view name);
    /// Takes back up to `budget` subscriptions; true when none is left.
    bool leave(Subscriber& subscriber, size_t budget);
    /// Takes back those of a kind.
    void leave(Subscriber& subscriber, TopicKind kind);
    Inbox& inbox(size_t reactor) { return *inboxes_[reactor]; }

    // --- any thread ---
    /// Sends to the subscribers of the channel, and for TopicKind::channel to those of patterns
    /// that match; returns how many there are. A `block` that holds just the payload is shared.
    int64_t publish(TopicKind kind, std::string_view channel, std::string_view payload,
                    Origin& origin, base::SharedBytes* block = nullptr);
    /// How many there are that publish() would send to.
    int64_t receivers(TopicKind kind, std::string_view channel);
    /// Too much waits to be delivered: commands that publish should wait a little.
    bool is_congested() const { return congested_.load(std::memory_order_relaxed) > 0; }
    size_t topics(TopicKind kind) const {
        return topics_[static_cast<size_t>(kind)].load(std::memory_order_relaxed);
    }
    size_t subscriptions() const { return subscriptions_.load(std::memory_order_relaxed); }
    size_t subscribers_of(TopicKind kind, std::string_view name);
    /// The directory is visited a stripe at a time, each under its mutex.
    static constexpr size_t kStripes = 64;
    void for_each(TopicKind kind, size_t stripe, const std::function<void(const Topic&)>& visit);

    /// maxsubscriptions; 0: no limit.
    std::atomic<int64_t> subscriptions_max{0};

private:
    struct Hash {
        using is_transparent = void;
        size_t operator()(const Topic* topic) const { return topic->hash(); }
        size_t operator()(std::string_view name) const;
    };
    struct Equal {
        using is_transparent = void;
        static std::string_view name(std::string_view text) { return text; }
        static std::string_view name(const Topic* topic) { return topic->name(); }
        template <class Left, class Right>
        bool operator()(const Left& left, const Right& right) const {
            return name(left) == name(right);
        }
    };
    using Table = std::unordered_set<Topic*, Hash, Equal,
                                     base::CountedAllocator<Topic*, base::Purpose::pubsub>>;
    struct alignas(64) Stripe {
        std::mutex mutex;
        Table topics;
    };
    using Text = base::CountedString<base::Purpose::pubsub>;
    struct TextHash {
        using is_transparent = void;
        size_t operator()(std::string_view text) const;
        size_t operator()(const Text& text) const { return (*this)(std::string_view(text)); }
    };
    struct TextEqual {
        using is_transparent = void;
        bool operator()(std::string_view left, std::string_view right) const {
            return left == right;
        }
    };
    using Patterns = base::CountedVector<Topic*, base::Purpose::pubsub>;
    using PatternsByPrefix = std::unordered_map<
        Text, Patterns, TextHash, TextEqual,
        base::CountedAllocator<std::pair<const Text, Patterns>, base::Purpose::pubsub>>;

    Stripe& stripe(TopicKind kind, uint64_t hash);
    void index_pattern(Topic& topic);
    void forget_pattern(Topic& topic);
    void forget_topic(Stripe& place, Topic& topic);
    void remove(Subscription* subscription);
    int64_t send(Topic& topic, std::string_view channel, std::string_view payload,
                 base::SharedBytes* block, Message& message, Origin& origin);
    template <class F>
    int64_t sum_over_patterns(std::string_view channel, F&& receivers_of);
    int64_t send_to_patterns(std::string_view channel, std::string_view payload,
                             base::SharedBytes* block, Message& message, Origin& origin);

    std::atomic<int32_t> congested_{0};  // inboxes
    std::vector<std::unique_ptr<Inbox>> inboxes_;
    std::array<Stripe, kStripes> channels_;
    std::array<Stripe, kStripes> shard_channels_;
    std::array<Stripe, kStripes> tracking_;
    Stripe monitors_;
    Stripe patterns_;
    PatternsByPrefix by_prefix_;  // under the mutex of patterns_, as what follows
    base::CountedVector<std::pair<uint32_t, uint32_t>, base::Purpose::pubsub>
        prefix_lengths_;  // in use, ascending, with how many prefixes have it
    std::array<std::atomic<size_t>, kTopicKinds> topics_{};
    std::atomic<size_t> subscriptions_{0};
};

}  // namespace gyre::engine
