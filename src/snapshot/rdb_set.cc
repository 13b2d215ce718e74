// SPDX-License-Identifier: BSD-3-Clause

// Sets in RDB files. A packed set of strings has a type of its own only from version 11 on; before,
// it is written member by member, like a large one.

#include <algorithm>

#include "base/numbers.h"
#include "snapshot/record_encoder.h"
#include "snapshot/value.h"
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
constexpr size_t kIntsetEntriesMax = size_t{1} << 30;  // its length has 32 bits

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

uint64_t begin_parts(const types::Object& object, RecordEncoder& /*encoder*/, Buffer& out) {
    RecordEncoder::length(object.size(), out);
    return object.size();
}

void write_part(const types::Object& object, uint64_t bucket, PartsProgress& progress,
                RecordEncoder& encoder, Buffer& out, Buffer& /*fields*/) {
    static_cast<const Set&>(object).for_each_in_bucket(bucket, [&](std::string_view member) {
        encoder.string(member, out);
        ++progress.count;
    });
}

class SetReader final : public ValueReader {
public:
    SetReader(RdbType type, ReadContext context)
        : ValueReader(kIntset), type_(type), limits_(*context.limits) {}

    void read(RdbInput& input) override {
        if (type_ != RdbType::set) return read_packed(input);
        if (!has_head_) return read_head(input);
        const uint64_t start = input.offset();
        const std::string_view member = decode(input, first_, input.take_string());
        if (!input.is_complete()) return;
        if (!add(member)) return refuse_twice(input, start, member);
        first_.trim();
        if (--left_ == 0) finish();
    }

private:
    [[nodiscard]] size_t intset_max() const {
        return std::min(limits_.set_intset_entries, kIntsetEntriesMax);
    }
    void read_head(RdbInput& input) {
        left_ = input.take_length();
        if (!input.is_complete()) return;
        has_head_ = true;
        packed_ = Intset::kEmpty;
        // A claim of many elements costs nothing here, and is right in an honest file.
        if (left_ > std::max(intset_max(), limits_.set_listpack_entries)) make_large();
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
        if (set.size() <= intset_max()) return end_packed(Encoding::intset, bytes);
        packed_ = bytes;
        make_large();
        finish();
    }
    void take_listpack(RdbInput& input, const EncodedText& text, std::string_view bytes) {
        if (!Listpack::is_valid(bytes)) return refuse_packed(input, text, "a set");
        const Listpack set(bytes);
        if (set.is_empty()) return end_empty();
        if (set.size() <= limits_.set_listpack_entries) {
            if (!are_distinct(set, 1)) return refuse_packed(input, text, "a set");
            return end_packed(Encoding::listpack, bytes);
        }
        packed_ = Intset::kEmpty;
        make_large();
        for (size_t at = set.begin(); at != set.end(); at = set.next(at)) {
            ListpackValue::Digits digits;
            if (!add(set.at(at).text(digits))) return refuse_packed(input, text, "a set");
        }
        finish();
    }

    bool add(std::string_view member) {
        if (is_intset_ && !object_) {
            const auto number = base::parse_integer(member);
            if (number && Intset(packed_).size() < intset_max()) return add_integer(*number);
            may_be_listpack(member) ? make_listpack() : make_large();
        }
        if (!object_ && may_be_listpack(member)) {
            const Listpack members(packed_);
            const auto element = types::ListpackElement::of(member);
            if (members.find(element, members.begin()) != members.end()) return false;
            append(packed_, member);
            return true;
        }
        make_large();
        return static_cast<Set&>(*object_).add(member);
    }
    bool add_integer(int64_t number) {
        const Intset set(packed_);
        if (set.contains(number)) return false;
        const size_t before = packed_.size();
        packed_.resize(set.size_with(number));
        Intset::insert(packed_.data(), before, number);
        return true;
    }
    /// `member`, and all there are, may lie in one.
    [[nodiscard]] bool may_be_listpack(std::string_view member) const {
        const size_t limit = limits_.set_listpack_value;
        if (member.size() > limit || packed_.size() >= Listpack::kBytesMax / 4) return false;
        if (!is_intset_) return Listpack(packed_).size() < limits_.set_listpack_entries;
        const Intset set(packed_);
        const size_t count = set.size();
        if (count >= limits_.set_listpack_entries) return false;
        // The longest of the integers is one of the ends.
        ListpackValue::Digits digits;
        return count == 0 ||
               (ListpackValue{nullptr, 0, set.at(0)}.text(digits).size() <= limit &&
                ListpackValue{nullptr, 0, set.at(count - 1)}.text(digits).size() <= limit);
    }
    template <class F>
    void for_each_packed(F&& f) const {
        if (is_intset_) {
            const Intset set(packed_);
            for (size_t i = 0; i < set.size(); ++i) f(ListpackValue{nullptr, 0, set.at(i)});
        } else {
            const Listpack set(packed_);
            for (size_t at = set.begin(); at != set.end(); at = set.next(at)) f(set.at(at));
        }
    }
    void make_listpack() {
        std::string listpack(Listpack::kEmpty);
        for_each_packed([&](const ListpackValue& member) { append(listpack, member); });
        packed_ = std::move(listpack);
        is_intset_ = false;
    }
    void make_large() {
        if (object_) return;
        auto set = std::make_unique<Set>();
        for_each_packed([&](const ListpackValue& member) {
            ListpackValue::Digits digits;
            set->add(member.text(digits));
        });
        object_ = std::move(set);
        packed_ = std::string();
    }
    void finish() {
        if (object_) return end_object(Encoding::hashtable);
        end_packed(is_intset_ ? Encoding::intset : Encoding::listpack, packed_);
    }

    const RdbType type_;
    const ValueLimits& limits_;
    bool has_head_ = false;
    bool is_intset_ = true;  // the packed form
    uint64_t left_ = 0;
};

}  // namespace

const ValueWriter kSetWriter{.type = type_of,
                             .fields = nullptr,
                             .write = write,
                             .head = write_head,
                             .begin_parts = begin_parts,
                             .part = write_part,
                             .rest = nullptr};

std::unique_ptr<ValueReader> make_set_reader(uint8_t type, ReadContext context) {
    return std::make_unique<SetReader>(static_cast<RdbType>(type), std::move(context));
}

}  // namespace gyre::snapshot
