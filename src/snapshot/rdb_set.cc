// SPDX-License-Identifier: BSD-3-Clause

// Sets in RDB files. A packed set of strings has a type of its own only from version 11 on; before,
// it is written member by member, like a large one.

#include "snapshot/record_encoder.h"
#include "snapshot/value.h"
#include "snapshot/value_builder.h"
#include "types/intset.h"
#include "types/set.h"

namespace gyre::snapshot {

namespace {

using store::Encoding;
using types::Intset;
using types::Listpack;
using types::ListpackValue;
using types::Set;

constexpr store::Kind kIntset{store::Type::set, Encoding::intset};

uint8_t type_of(const Record& record, int version) {
    RdbType type = RdbType::set;
    if (record.kind.encoding == Encoding::intset) type = RdbType::set_intset;
    if (record.kind.encoding == Encoding::listpack && version >= kRdbVersionSetListpack) {
        type = RdbType::set_listpack;
    }
    return static_cast<uint8_t>(type);
}

bool write_head(const Record& record, RecordEncoder& encoder, Buffer& /*out*/) {
    return type_of(record, encoder.version()) != static_cast<uint8_t>(RdbType::set);
}

bool write_members(std::string_view bytes, RecordEncoder& encoder, Buffer& out) {
    const Listpack members(bytes);
    RecordEncoder::length(members.size(), out);
    for (size_t at = members.begin(); at != members.end(); at = members.next(at)) {
        ListpackValue::Digits digits;
        encoder.string(members.at(at).text(digits), out);
    }
    return true;
}

bool write(const Record& record, WriteProgress& progress, size_t budget, RecordEncoder& encoder,
           Buffer& out) {
    if (write_head(record, encoder, out)) {
        encoder.string(record.value, out);
        return true;
    }
    if (record.object == nullptr) return write_members(record.value, encoder, out);
    const auto& set = static_cast<const Set&>(*record.object);
    if (!progress.has_head) {
        RecordEncoder::length(set.size(), out);
        progress.has_head = true;
    }
    for (size_t done = 0; done < budget && progress.place < set.buckets(); ++progress.place) {
        set.for_each_in_bucket(progress.place, [&](std::string_view member) {
            encoder.string(member, out);
            done += member.size() + kElementCost;
        });
    }
    return progress.place >= set.buckets();
}

class SetReader final : public ValueReader {
public:
    SetReader(RdbType type, ReadContext context)
        : ValueReader(kIntset),
          type_(type),
          listpack_max_(context.limits->set_listpack_entries),
          builder_(*context.limits) {}

    void read(RdbInput& input) override {
        if (type_ != RdbType::set) return read_packed(input);
        if (!has_head_) return read_head(input);
        const uint64_t start = input.offset();
        const std::string_view member = decode(input, first_, input.take_string());
        if (!input.is_complete()) return;
        if (!builder_.add(member)) return refuse_twice(input, start, member);
        first_.trim();
        if (--left_ == 0) end(builder_.take());
    }

private:
    void read_head(RdbInput& input) {
        left_ = input.take_length();
        if (!input.is_complete()) return;
        has_head_ = true;
        builder_.expect(left_);
        if (left_ == 0) end_empty();
    }
    void read_packed(RdbInput& input) {
        const EncodedText text = input.take_string();
        const std::string_view bytes = decode(input, first_, text);
        if (!input.is_complete()) return;
        type_ == RdbType::set_intset ? take_intset(input, text, bytes)
                                     : take_listpack(input, text, bytes);
    }
    void take_intset(RdbInput& input, const EncodedText& text, std::string_view bytes) {
        if (!Intset::is_valid(bytes)) return refuse_packed(input, text, "a set");
        const Intset set(bytes);
        if (set.size() == 0) return end_empty();
        if (set.size() <= builder_.intset_max()) return end_packed(Encoding::intset, bytes);
        builder_.make_large();
        for (size_t i = 0; i < set.size(); ++i) add(ListpackValue{nullptr, 0, set.at(i)});
        end(builder_.take());
    }
    void take_listpack(RdbInput& input, const EncodedText& text, std::string_view bytes) {
        if (!Listpack::is_valid(bytes)) return refuse_packed(input, text, "a set");
        const Listpack set(bytes);
        if (set.is_empty()) return end_empty();
        if (set.size() <= listpack_max_) {
            if (!are_distinct(set, 1)) return refuse_packed(input, text, "a set");
            return end_packed(Encoding::listpack, bytes);
        }
        builder_.make_large();
        for (size_t at = set.begin(); at != set.end(); at = set.next(at)) {
            if (!add(set.at(at))) return refuse_packed(input, text, "a set");
        }
        end(builder_.take());
    }
    bool add(const ListpackValue& member) {
        ListpackValue::Digits digits;
        return builder_.add(member.text(digits));
    }

    const RdbType type_;
    const size_t listpack_max_;
    SetBuilder builder_;
    bool has_head_ = false;
    uint64_t left_ = 0;
};

}  // namespace

const ValueWriter kSetWriter{
    .type = type_of, .fields = nullptr, .write = write, .head = write_head};

std::unique_ptr<ValueReader> make_set_reader(uint8_t type, ReadContext context) {
    return std::make_unique<SetReader>(static_cast<RdbType>(type), std::move(context));
}

}  // namespace gyre::snapshot
