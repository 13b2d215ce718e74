// SPDX-License-Identifier: BSD-3-Clause
#include "commands/courier.h"

#include <algorithm>
#include <string_view>

#include "commands/session.h"
#include "commands/tracking.h"

namespace gyre::commands {
namespace {

std::string_view frame_start(engine::TopicKind kind) {
    switch (kind) {
        case engine::TopicKind::channel:
            return "*3\r\n$7\r\nmessage\r\n";
        case engine::TopicKind::pattern:
            return "*4\r\n$8\r\npmessage\r\n";
        case engine::TopicKind::shard_channel:
            return "*3\r\n$8\r\nsmessage\r\n";
        case engine::TopicKind::monitor:
            return "+";
        case engine::TopicKind::tracking:
            break;
    }
    return {};
}

}  // namespace

void Courier::append(std::string_view bytes) {
    frame_ += '$';
    frame_ += std::to_string(bytes.size());
    frame_ += "\r\n";
    frame_ += bytes;
    frame_ += "\r\n";
}

/// The frame in RESP2; RESP3 differs in its first byte. Of a payload that is shared it has only the
/// length.
void Courier::write_frame(const engine::Delivery& delivery) {
    const engine::Topic& topic = *delivery.part->topic;
    frame_ = frame_start(topic.kind());
    if (topic.kind() == engine::TopicKind::monitor) {
        if (delivery.message.payload) return;
        frame_ += delivery.message.content();
        frame_ += "\r\n";
        return;
    }
    if (topic.kind() == engine::TopicKind::pattern) append(topic.name());
    append(delivery.message.channel());
    if (!delivery.message.payload) return append(delivery.message.content());
    frame_ += '$';
    frame_ += std::to_string(delivery.message.content().size());
    frame_ += "\r\n";
}

void Courier::give(const engine::Delivery& delivery, Session& session) {
    if (part_ != delivery.part || number_ != delivery.number) {
        write_frame(delivery);
        part_ = delivery.part;
        number_ = delivery.number;
    }
    base::OutputBuffer* output = session.outlet->push_buffer();
    if (output == nullptr) return;
    if (output->empty()) ++sends_;
    const bool is_resp3 = session.protocol.load(std::memory_order_relaxed) == 3;
    if (delivery.part->topic->kind() != engine::TopicKind::monitor) {
        frame_[0] = is_resp3 ? '>' : '*';
    }
    output->append(frame_);
    if (!delivery.message.payload) return;
    output->append_reference(delivery.message.payload);
    output->append("\r\n");
}

void Courier::hand_over(Session& session) {
    part_ = nullptr;
    inbox_.take_for(session.subscriber,
                    [&](const engine::Delivery& delivery) { give(delivery, session); });
}

bool Courier::run(size_t budget, size_t sends_max) {
    // The topic may be gone since, and another come to its place.
    part_ = nullptr;
    sends_ = 0;
    for (; budget > 0 && sends_ < sends_max; --budget) {
        const engine::Delivery* delivery = nullptr;
        const engine::Subscription* next = inbox_.take(delivery);
        if (next == nullptr) return false;
        auto& session = *static_cast<Session*>(next->subscriber->owner);
        if (delivery->part->topic->kind() == engine::TopicKind::tracking) {
            give_invalidation(session, delivery->message);
            continue;
        }
        give(*delivery, session);
    }
    return !inbox_.empty();
}

void Courier::run_round(int64_t now_us, int64_t pause_us) {
    const bool is_early = pause_us > 0 && now_us < next_round_us_;
    if (inbox_.empty() || is_early) return;
    next_round_us_ = 0;
    if (run() || pause_us == 0) return;
    const auto took_us = static_cast<int64_t>(sends_) * kSendUs;
    next_round_us_ = now_us + took_us + std::min(took_us, pause_us);
}

}  // namespace gyre::commands
