// SPDX-License-Identifier: BSD-3-Clause

// Sorted sets in RDB files. A large one is written from its last member to its first, as by Redis,
// which loads it faster so.

#include <bit>
#include <cmath>
#include <limits>

#include "base/numbers.h"
#include "snapshot/legacy_packed.h"
#include "snapshot/record_encoder.h"
#include "snapshot/value.h"
#include "snapshot/value_builder.h"
#include "types/sorted_set.h"

namespace gyre::snapshot {

namespace {

using containers::RankedSet;
using store::Encoding;
using types::Listpack;
using types::ListpackValue;
using types::PackedSortedSet;
using types::SortedSet;

constexpr store::Kind kPackedSortedSet{store::Type::zset, Encoding::listpack};

uint8_t type_of(const Record& record, int /*version*/) {
    return static_cast<uint8_t>(record.object == nullptr ? RdbType::zset_listpack
                                                         : RdbType::zset_2);
}

bool write_head(const Record& record, RecordEncoder& /*encoder*/, Buffer& /*out*/) {
    return record.object == nullptr;
}

bool write(const Record& record, WriteProgress& progress, size_t budget, RecordEncoder& encoder,
           Buffer& out) {
    if (record.object == nullptr) {
        encoder.string(record.value, out);
        return true;
    }
    const RankedSet& set = static_cast<const SortedSet&>(*record.object).set;
    if (!progress.has_head) {
        RecordEncoder::length(set.size(), out);
        progress.has_head = true;
        progress.member = set.last();
    }
    for (size_t done = 0; done < budget && progress.member;) {
        const RankedSet::Item item = set.at(progress.member);
        encoder.string(item.member, out);
        RecordEncoder::little_endian(std::bit_cast<uint64_t>(item.score), sizeof(item.score), out);
        done += item.member.size() + kElementCost;
        progress.member = set.previous(progress.member);
    }
    return !progress.member;
}

class SortedSetReader final : public ValueReader {
public:
    SortedSetReader(RdbType type, ReadContext context)
        : ValueReader(kPackedSortedSet),
          type_(type),
          listpack_max_(context.limits->zset_listpack_entries),
          builder_(*context.limits) {}

    void read(RdbInput& input) override {
        if (type_ == RdbType::zset_listpack || type_ == RdbType::zset_ziplist) {
            return read_packed(input);
        }
        has_head_ ? read_member(input) : read_head(input);
    }

private:
    // --- member by member, in any order ---
    void read_head(RdbInput& input) {
        left_ = input.take_length();
        if (!input.is_complete()) return;
        has_head_ = true;
        if (left_ == 0) end_empty();
    }
    void read_member(RdbInput& input) {
        const uint64_t start = input.offset();
        const EncodedText text = input.take_string();
        const double score = type_ == RdbType::zset ? take_text_score(input) : take_score(input);
        const std::string_view member = decode(input, first_, text);
        if (!input.is_complete()) return;
        if (std::isnan(score)) {
            return input.refuse(start, "the score of a sorted set's member is no number");
        }
        if (!builder_.add(member, score)) return refuse_twice(input, start, member);
        first_.trim();
        if (--left_ == 0) end(builder_.take());
    }
    static double take_score(RdbInput& input) {
        return std::bit_cast<double>(input.take_little_endian(sizeof(double)));
    }
    static double take_text_score(RdbInput& input) {
        const uint8_t size = input.take_byte();
        switch (static_cast<RdbTextScore>(size)) {
            case RdbTextScore::not_a_number:
                return std::numeric_limits<double>::quiet_NaN();
            case RdbTextScore::infinity:
                return std::numeric_limits<double>::infinity();
            case RdbTextScore::minus_infinity:
                return -std::numeric_limits<double>::infinity();
        }
        const std::string_view text = input.take_bytes(size);
        return base::parse_double(text).value_or(std::numeric_limits<double>::quiet_NaN());
    }

    // --- packed, in order ---
    void read_packed(RdbInput& input) {
        const EncodedText text = input.take_string();
        const std::string_view bytes = decode(input, first_, text);
        if (!input.is_complete()) return;
        type_ == RdbType::zset_ziplist ? take_ziplist(input, text, bytes)
                                       : take_listpack(input, text, bytes);
    }
    void take_listpack(RdbInput& input, const EncodedText& text, std::string_view bytes) {
        if (!Listpack::is_valid(bytes)) return refuse_packed(input, text, "a sorted set");
        const Listpack pack(bytes);
        if (pack.is_empty()) return end_empty();
        // As in Redis, how long its members are does not matter here.
        if (pack.size() / 2 <= listpack_max_) {
            if (!PackedSortedSet::is_valid(bytes)) {
                return refuse_packed(input, text, "a sorted set");
            }
            return end_packed(Encoding::listpack, bytes);
        }
        builder_.make_large();
        for (size_t at = pack.begin(); at != pack.end(); at = pack.next(at)) {
            if (!take_packed(pack.at(at))) return refuse_packed(input, text, "a sorted set");
        }
        if (member_) return refuse_packed(input, text, "a sorted set");
        end(builder_.take());
    }
    void take_ziplist(RdbInput& input, const EncodedText& text, std::string_view bytes) {
        const bool is_ziplist = visit_ziplist(
            bytes, [this](const ListpackValue& element) { return take_packed(element); });
        if (!is_ziplist || member_) return refuse_packed(input, text, "a sorted set");
        builder_.is_empty() ? end_empty() : end(builder_.take());
    }
    /// Members and scores in turn. False: they make no sense.
    bool take_packed(const ListpackValue& element) {
        if (!member_) {
            member_ = element;
            return true;
        }
        const ListpackValue member = *std::exchange(member_, std::nullopt);
        if (!element.is_integer() && !base::parse_double({element.data, element.size})) {
            return false;
        }
        ListpackValue::Digits digits;
        return builder_.append(member.text(digits), PackedSortedSet::score_of(element));
    }

    const RdbType type_;
    const size_t listpack_max_;
    SortedSetBuilder builder_;
    bool has_head_ = false;
    uint64_t left_ = 0;
    std::optional<ListpackValue> member_;  // its score is next
};

}  // namespace

const ValueWriter kSortedSetWriter{
    .type = type_of, .fields = nullptr, .write = write, .head = write_head};

std::unique_ptr<ValueReader> make_sorted_set_reader(uint8_t type, ReadContext context) {
    return std::make_unique<SortedSetReader>(static_cast<RdbType>(type), std::move(context));
}

}  // namespace gyre::snapshot
