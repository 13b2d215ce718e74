// SPDX-License-Identifier: BSD-3-Clause
#include "types/stream_group.h"

#include <cstring>
#include <new>

#include "base/check.h"

namespace gyre::types {

TalliedText::TalliedText(containers::Tally& tally, std::string_view text)
    : tally_(tally), data_(nullptr), size_(text.size()) {
    if (text.empty()) return;
    data_ = static_cast<char*>(tally.allocate(text.size()));
    std::memcpy(data_, text.data(), text.size());
}

StreamGroup::~StreamGroup() {
    for (auto at = pending_.begin(); !pending_.is_end(at); at = pending_.next(at)) {
        tally_.release(pending_.value(at));
    }
    for (StreamConsumer* consumer : consumers_.items()) {
        consumer->~StreamConsumer();
        tally_.release(consumer);
    }
}

StreamConsumer* StreamGroup::add_consumer(std::string_view name, int64_t now_ms) {
    void* memory = tally_.allocate(sizeof(StreamConsumer));
    auto* consumer = new (memory) StreamConsumer(tally_, name, now_ms);
    consumers_.insert(consumer);
    return consumer;
}

void StreamGroup::erase_consumer(StreamConsumer* consumer) {
    const StreamPendingMap& list = consumer->pending;
    for (auto at = list.begin(); !list.is_end(at); at = list.next(at)) {
        tally_.release(list.value(at));
        pending_.erase(pending_.lower_bound(list.key(at)));
    }
    consumers_.erase(consumer);
    consumer->~StreamConsumer();
    tally_.release(consumer);
}

StreamPending* StreamGroup::add_pending(const StreamId& id, StreamConsumer* consumer,
                                        int64_t now_ms) {
    void* memory = tally_.allocate(sizeof(StreamPending));
    auto* added = new (memory) StreamPending{consumer, now_ms, 1};
    pending_.insert(id.key(), added);
    consumer->pending.insert(id.key(), added);
    return added;
}

void StreamGroup::append_pending(const StreamId& id, int64_t delivered_ms, uint64_t deliveries) {
    void* memory = tally_.allocate(sizeof(StreamPending));
    pending_.insert(id.key(), new (memory) StreamPending{nullptr, delivered_ms, deliveries});
}

bool StreamGroup::assign(const StreamId& id, StreamConsumer* consumer) {
    StreamPending* pending = find_pending(id);
    if (pending == nullptr || pending->consumer != nullptr) return false;
    consumer->pending.insert(id.key(), pending);
    pending->consumer = consumer;
    return true;
}

void StreamGroup::reassign(const StreamId& id, StreamPending* pending, StreamConsumer* consumer) {
    if (pending->consumer == consumer) return;
    StreamPendingMap& before = pending->consumer->pending;
    before.erase(before.lower_bound(id.key()));
    consumer->pending.insert(id.key(), pending);
    pending->consumer = consumer;
}

bool StreamGroup::acknowledge(const StreamId& id) {
    const auto at = pending_.lower_bound(id.key());
    if (pending_.is_end(at) || pending_.key(at) != id.key()) return false;
    StreamPending* gone = pending_.value(at);
    if (gone->consumer != nullptr) {
        StreamPendingMap& list = gone->consumer->pending;
        list.erase(list.lower_bound(id.key()));
    }
    pending_.erase(at);
    tally_.release(gone);
    return true;
}

size_t StreamGroup::shed_pending(size_t count) {
    size_t shed = 0;
    for (; shed < count && !pending_.empty(); ++shed) {
        acknowledge(StreamId::of(pending_.key(pending_.previous(pending_.end()))));
    }
    return shed;
}

}  // namespace gyre::types
