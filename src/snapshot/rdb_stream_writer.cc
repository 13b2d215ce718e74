// SPDX-License-Identifier: BSD-3-Clause

// Streams in RDB files, written: nodes as they lie in memory, counts and ids, groups with what is
// pending. When a consumer was active has a place in the type only from version 11 on; below, it
// stands in AUX fields before the stream, so that a server that knows nothing of it loads the
// stream without.

#include <array>
#include <bit>
#include <cstring>

#include "snapshot/rdb_stream.h"
#include "snapshot/record_encoder.h"
#include "snapshot/value.h"
#include "types/stream.h"

namespace gyre::snapshot {

namespace {

using types::Stream;
using types::StreamConsumer;
using types::StreamGroup;
using types::StreamId;
using types::StreamPendingMap;
using Part = StreamProgress::Part;

/// Times in one AUX field at most.
constexpr size_t kTimesPerField = 1024;

const Stream& stream_of(const Record& record) { return static_cast<const Stream&>(*record.object); }

uint8_t type_of(const Record& /*record*/, int version) {
    return static_cast<uint8_t>(version >= kRdbVersionActiveTimes ? RdbType::stream_listpacks_3
                                                                  : RdbType::stream_listpacks_2);
}

bool write_head(const Record& /*record*/, RecordEncoder& /*encoder*/, Buffer& /*out*/) {
    return false;
}

std::array<char, kStreamIdBytes> id_bytes(const StreamId& id) {
    static_assert(std::endian::native == std::endian::little);
    const uint64_t ms = __builtin_bswap64(id.ms);
    const uint64_t seq = __builtin_bswap64(id.seq);
    std::array<char, kStreamIdBytes> bytes;
    std::memcpy(bytes.data(), &ms, sizeof(ms));
    std::memcpy(bytes.data() + sizeof(ms), &seq, sizeof(seq));
    return bytes;
}

/// A stream from where it stopped until the budget is used.
class StreamWriter {
public:
    StreamWriter(const Stream& stream, WriteProgress& progress, size_t budget,
                 RecordEncoder& encoder, Buffer& out)
        : stream_(stream),
          progress_(progress),
          at_(progress.stream),
          budget_(budget),
          encoder_(encoder),
          out_(out) {}

    /// True when all is written.
    bool write() {
        while (done_ < budget_) {
            switch (at_.part) {
                case Part::nodes:
                    write_nodes();
                    break;
                case Part::groups:
                    if (at_.group == stream_.groups().size()) return true;
                    write_group();
                    break;
                case Part::pending:
                    write_pending(group().pending(), true);
                    break;
                case Part::consumers:
                    write_consumer();
                    break;
                case Part::consumer_pending:
                    write_pending(consumer().pending, false);
                    break;
            }
        }
        return false;
    }

private:
    [[nodiscard]] const StreamGroup& group() const { return *stream_.groups()[at_.group]; }
    [[nodiscard]] const StreamConsumer& consumer() const {
        return *group().consumers()[at_.consumer];
    }
    void begin(Part part) {
        at_.part = part;
        at_.next = {};
    }

    void number(uint64_t value) { RecordEncoder::length(value, out_); }
    void id(const StreamId& id) {
        number(id.ms);
        number(id.seq);
    }
    void time(int64_t time_ms) {
        RecordEncoder::little_endian(static_cast<uint64_t>(time_ms), sizeof(time_ms), out_);
    }
    void raw_id(const StreamId& id) {
        const auto bytes = id_bytes(id);
        out_.append({bytes.data(), bytes.size()}, 2 * out_.size());
    }

    void write_nodes() {
        if (!progress_.has_head) {
            number(stream_.node_count());
            progress_.has_head = true;
        }
        bool is_cut = false;
        stream_.visit_nodes(at_.next, [&](const StreamId& master, std::string_view node) {
            is_cut = done_ >= budget_;
            if (is_cut) {
                at_.next = master;
                return false;
            }
            const auto name = id_bytes(master);
            encoder_.string({name.data(), name.size()}, out_);
            encoder_.string(node, out_);
            done_ += node.size() + kElementCost;
            return true;
        });
        if (is_cut) return;
        write_counts();
        begin(Part::groups);
    }
    void write_counts() {
        number(stream_.size());
        id(stream_.last_id);
        id(stream_.first_id());
        id(stream_.max_deleted_id);
        number(stream_.entries_added);
        number(stream_.groups().size());
        done_ += kElementCost;
    }
    void write_group() {
        encoder_.string(group().name(), out_);
        id(group().last_id);
        number(static_cast<uint64_t>(group().entries_read));
        number(group().pending().size());
        done_ += kElementCost;
        begin(Part::pending);
    }
    /// Of a group with times and counts, of a consumer only which ones.
    void write_pending(const StreamPendingMap& pending, bool is_group) {
        auto at = pending.lower_bound(at_.next.key());
        for (; !pending.is_end(at) && done_ < budget_; at = pending.next(at)) {
            raw_id(StreamId::of(pending.key(at)));
            if (is_group) {
                time(pending.value(at)->delivered_ms);
                number(pending.value(at)->deliveries);
            }
            done_ += kElementCost;
        }
        if (!pending.is_end(at)) {
            at_.next = StreamId::of(pending.key(at));
            return;
        }
        if (is_group) {
            number(group().consumers().size());
            at_.consumer = 0;
        } else {
            ++at_.consumer;
        }
        begin(Part::consumers);
    }
    void write_consumer() {
        if (at_.consumer == group().consumers().size()) {
            ++at_.group;
            return begin(Part::groups);
        }
        encoder_.string(consumer().name(), out_);
        time(consumer().seen_ms);
        if (encoder_.version() >= kRdbVersionActiveTimes) time(consumer().active_ms);
        number(consumer().pending.size());
        done_ += kElementCost;
        begin(Part::consumer_pending);
    }

    const Stream& stream_;
    WriteProgress& progress_;
    StreamProgress& at_;
    const size_t budget_;
    RecordEncoder& encoder_;
    Buffer& out_;
    size_t done_ = 0;
};

bool write(const Record& record, WriteProgress& progress, size_t budget, RecordEncoder& encoder,
           Buffer& out) {
    return StreamWriter(stream_of(record), progress, budget, encoder, out).write();
}

/// One AUX field of times in each part. `count` are the consumers before the next one.
bool write_fields(const Record& record, WriteProgress& progress, size_t budget,
                  RecordEncoder& encoder, Buffer& out) {
    if (encoder.version() >= kRdbVersionActiveTimes) return true;
    const auto groups = stream_of(record).groups();
    StreamProgress& at = progress.stream;
    Buffer times;
    size_t gathered = 0;
    size_t done = 0;
    while (at.group < groups.size() && gathered < kTimesPerField && done < budget) {
        const auto consumers = groups[at.group]->consumers();
        if (at.consumer == consumers.size()) {
            ++at.group;
            at.consumer = 0;
            continue;
        }
        const StreamConsumer& consumer = *consumers[at.consumer++];
        if (consumer.active_ms != consumer.seen_ms) {
            write_element_time({progress.count, consumer.active_ms + kActiveTimeOffset}, times);
            ++gathered;
        }
        ++progress.count;
        done += kElementCost;
    }
    if (!times.is_empty()) encoder.aux(kActiveTimesField, times.view(), out);
    return at.group == groups.size();
}

}  // namespace

const ValueWriter kStreamWriter{
    .type = type_of, .fields = write_fields, .write = write, .head = write_head};

}  // namespace gyre::snapshot
