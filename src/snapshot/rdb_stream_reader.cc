// SPDX-License-Identifier: BSD-3-Clause

// Streams in RDB files, read: node by node, then group by group with each pending entry. All that
// Redis writes in order must be in order, names, too: what is built is then appended to and never
// moved, so a long list of names costs what it has bytes.

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <limits>

#include "snapshot/rdb_format.h"
#include "snapshot/rdb_stream.h"
#include "snapshot/value.h"
#include "types/stream.h"

namespace gyre::snapshot {

namespace {

using store::Encoding;
using types::Stream;
using types::StreamConsumer;
using types::StreamGroup;
using types::StreamId;
using types::StreamNode;

constexpr store::Kind kStream{store::Type::stream, Encoding::stream};
/// Replies and arithmetic have signed numbers.
constexpr uint64_t kNumberMax = std::numeric_limits<int64_t>::max();

class StreamReader final : public ValueReader {
public:
    StreamReader(RdbType type, ReadContext context)
        : ValueReader(kStream), type_(type), active_times_(std::move(context.times)) {}

    void read(RdbInput& input) override {
        switch (part_) {
            case Part::head:
                return read_head(input);
            case Part::nodes:
                return read_node(input);
            case Part::counts:
                return read_counts(input);
            case Part::group:
                return read_group(input);
            case Part::pending:
                return read_pending(input);
            case Part::consumers:
                return read_consumers(input);
            case Part::consumer:
                return read_consumer(input);
            case Part::consumer_pending:
                return read_consumer_pending(input);
        }
    }

private:
    enum class Part : uint8_t {
        head,
        nodes,
        counts,
        group,
        pending,
        consumers,
        consumer,
        consumer_pending
    };

    Stream& stream() { return *stream_; }
    [[nodiscard]] bool has_counts() const { return type_ != RdbType::stream_listpacks; }
    /// `left_` of what comes in this part, or on with the next where there is none.
    void begin(Part part, uint64_t left, Part behind) {
        left_ = left;
        before_.reset();
        part_ = left == 0 ? behind : part;
    }

    // --- words ---
    static StreamId take_id(RdbInput& input) {
        StreamId id;
        id.ms = input.take_length();
        id.seq = input.take_length();
        return id;
    }
    /// `bytes` are kStreamIdBytes.
    static StreamId id_of(std::string_view bytes) {
        std::array<uint64_t, 2> words;
        std::memcpy(words.data(), bytes.data(), sizeof(words));
        return {__builtin_bswap64(words[0]), __builtin_bswap64(words[1])};
    }
    /// A pending entry's; above the one before in the same list.
    StreamId take_pending_id(RdbInput& input) {
        const uint64_t start = input.offset();
        const std::string_view bytes = input.take_bytes(kStreamIdBytes);
        if (!input.is_complete()) return {};
        const StreamId id = id_of(bytes);
        if (before_ && id <= *before_) input.refuse(start, "pending ids of a group do not rise");
        return id;
    }
    static int64_t take_time(RdbInput& input, int64_t least) {
        const uint64_t start = input.offset();
        const auto time = static_cast<int64_t>(input.take_little_endian(sizeof(int64_t)));
        if (time < least) input.refuse(start, fmt::format("the time {} in a stream's group", time));
        return time;
    }
    static uint64_t take_number(RdbInput& input, std::string_view what) {
        const uint64_t start = input.offset();
        const uint64_t number = input.take_length();
        if (number > kNumberMax)
            input.refuse(start, fmt::format("{} {} in a stream", number, what));
        return number;
    }

    // --- entries ---
    void read_head(RdbInput& input) {
        const uint64_t nodes = input.take_length();
        if (!input.is_complete()) return;
        stream_ = std::make_unique<Stream>();
        begin(Part::nodes, nodes, Part::counts);
    }
    void read_node(RdbInput& input) {
        const EncodedText name = input.take_string();
        const EncodedText text = input.take_string();
        const std::string_view master = decode(input, first_, name);
        const std::string_view node = decode(input, second_, text);
        if (!input.is_complete()) return;
        if (master.size() != kStreamIdBytes) {
            return input.refuse(
                name.offset, fmt::format("an id of {} bytes for a stream's node", master.size()));
        }
        const StreamId id = id_of(master);
        if (before_ && id <= *before_) {
            return input.refuse(name.offset, "the ids of a stream do not rise");
        }
        if (!stream().add_node(id, node)) return refuse_packed(input, text, "a stream's node");
        before_ = StreamNode(id, node).last().id;
        second_.trim();
        if (--left_ == 0) part_ = Part::counts;
    }
    void read_counts(RdbInput& input) {
        const uint64_t start = input.offset();
        const uint64_t entries = input.take_length();
        const StreamId last_id = take_id(input);
        StreamId max_deleted_id;
        uint64_t entries_added = entries;
        if (has_counts()) {
            take_id(input);  // the first one, which the nodes tell
            max_deleted_id = take_id(input);
            entries_added = take_number(input, "entries were added");
        }
        const uint64_t groups = input.take_length();
        if (!input.is_complete()) return;
        if (entries != stream().size()) {
            return input.refuse(
                start, fmt::format("a stream of {} entries claims {}", stream().size(), entries));
        }
        if (entries_added < entries) {
            return input.refuse(start, fmt::format("{} entries were added to a stream of {}",
                                                   entries_added, entries));
        }
        if (const auto last = stream().last_entry(); last && last_id < *last) {
            return input.refuse(start, "the last id of a stream is below that of its last entry");
        }
        stream().set_last_id(last_id);
        stream().max_deleted_id = max_deleted_id;
        stream().entries_added = entries_added;
        groups_left_ = groups;
        next_group(input);
    }

    // --- groups ---
    void next_group(RdbInput& input) {
        if (groups_left_ > 0) {
            part_ = Part::group;
            return;
        }
        if (next_time_ != active_times_.size()) {
            return input.refuse(input.offset(), "there are times of consumers that are not there");
        }
        end({.kind = kStream, .object = std::move(stream_)});
    }
    void read_group(RdbInput& input) {
        const EncodedText text = input.take_string();
        const StreamId last_id = take_id(input);
        const uint64_t start = input.offset();
        const auto entries_read =
            has_counts() ? static_cast<int64_t>(input.take_length()) : stream().count_to(last_id);
        const uint64_t pending = input.take_length();
        const std::string_view name = decode(input, first_, text);
        if (!input.is_complete()) return;
        if (entries_read < StreamGroup::kUnknown) {
            return input.refuse(start, fmt::format("a group has read {} entries", entries_read));
        }
        if (!stream().groups().empty() && name <= stream().groups().back()->name()) {
            return input.refuse(text.offset, "the groups of a stream are not in order");
        }
        group_ = stream().add_group(name, last_id, entries_read);
        first_.trim();
        unassigned_ = pending;
        begin(Part::pending, pending, Part::consumers);
    }
    void read_pending(RdbInput& input) {
        const StreamId id = take_pending_id(input);
        const int64_t delivered_ms = take_time(input, 0);
        const uint64_t deliveries = take_number(input, "deliveries");
        if (!input.is_complete()) return;
        group_->append_pending(id, delivered_ms, deliveries);
        before_ = id;
        if (--left_ == 0) part_ = Part::consumers;
    }
    void read_consumers(RdbInput& input) {
        consumers_left_ = input.take_length();
        if (input.is_complete()) next_consumer(input);
    }
    void next_consumer(RdbInput& input) {
        if (consumers_left_ > 0) {
            part_ = Part::consumer;
            return;
        }
        if (unassigned_ > 0) {
            return input.refuse(
                input.offset(),
                fmt::format("{} entries of a group are pending for no consumer", unassigned_));
        }
        --groups_left_;
        next_group(input);
    }
    void read_consumer(RdbInput& input) {
        const EncodedText text = input.take_string();
        const int64_t seen_ms = take_time(input, 0);
        const int64_t active_ms =
            type_ == RdbType::stream_listpacks_3 ? take_time(input, -1) : seen_ms;
        const uint64_t pending = input.take_length();
        const std::string_view name = decode(input, first_, text);
        if (!input.is_complete()) return;
        const auto present = group_->consumers();
        if (!present.empty() && name <= present.back()->name()) {
            return input.refuse(text.offset, "the consumers of a group are not in order");
        }
        consumer_ = group_->add_consumer(name, seen_ms);
        consumer_->active_ms = known_active_ms(active_ms);
        first_.trim();
        begin(Part::consumer_pending, pending, Part::consumer);
        if (pending == 0) end_consumer(input);
    }
    /// An AUX field knows better than a type that has no place for it.
    int64_t known_active_ms(int64_t active_ms) {
        const uint64_t index = consumer_index_++;
        if (next_time_ == active_times_.size() || active_times_[next_time_].index != index) {
            return active_ms;
        }
        return active_times_[next_time_++].time_ms - kActiveTimeOffset;
    }
    void read_consumer_pending(RdbInput& input) {
        const uint64_t start = input.offset();
        const StreamId id = take_pending_id(input);
        if (!input.is_complete()) return;
        if (!group_->assign(id, consumer_)) {
            return input.refuse(start,
                                "an entry is pending for a consumer and not for its group, "
                                "or for two consumers");
        }
        before_ = id;
        --unassigned_;
        if (--left_ == 0) end_consumer(input);
    }
    void end_consumer(RdbInput& input) {
        --consumers_left_;
        next_consumer(input);
    }

    const RdbType type_;
    Part part_ = Part::head;
    std::unique_ptr<Stream> stream_;
    uint64_t left_ = 0;               // nodes, or pending entries of the list at hand
    std::optional<StreamId> before_;  // the id before, where ids rise
    uint64_t groups_left_ = 0;
    uint64_t consumers_left_ = 0;
    uint64_t unassigned_ = 0;  // pending entries of the group
    StreamGroup* group_ = nullptr;
    StreamConsumer* consumer_ = nullptr;
    const std::vector<ElementTime> active_times_;  // from AUX fields
    size_t next_time_ = 0;
    uint64_t consumer_index_ = 0;  // of the next one
};

}  // namespace

std::unique_ptr<ValueReader> make_stream_reader(uint8_t type, ReadContext context) {
    return std::make_unique<StreamReader>(static_cast<RdbType>(type), std::move(context));
}

}  // namespace gyre::snapshot
