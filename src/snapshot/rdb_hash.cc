// SPDX-License-Identifier: BSD-3-Clause

// Hashes in RDB files. Deadlines of fields have types of their own only from version 12 on; below,
// they stand in AUX fields before the hash, by the place of the field in it, so that a server that
// knows nothing of them loads the hash without.

#include <algorithm>
#include <array>

#include "base/check.h"
#include "snapshot/legacy_packed.h"
#include "snapshot/record_encoder.h"
#include "snapshot/value.h"
#include "snapshot/value_builder.h"

namespace gyre::snapshot {

namespace {

using store::Encoding;
using types::Hash;
using types::Listpack;
using types::ListpackValue;

static_assert(kFieldDeadlineMax == Hash::kKeptDeadlineMax);

constexpr store::Kind kPackedHash{store::Type::hash, Encoding::listpack};

// --- writing ------------------------------------------------------------------------------------

/// Deadlines in one AUX field at most.
constexpr size_t kDeadlinesPerField = 1024;

const Hash* hash_of(const Record& record) { return static_cast<const Hash*>(record.object); }

bool has_deadlines(const Record& record) {
    return record.object != nullptr && hash_of(record)->with_deadline() != 0;
}

uint8_t type_of(const Record& record, int version) {
    RdbType type = RdbType::hash;
    if (record.object == nullptr) {
        type = RdbType::hash_listpack;
    } else if (version >= kRdbVersionFieldDeadlines && has_deadlines(record)) {
        type = RdbType::hash_metadata;
    }
    return static_cast<uint8_t>(type);
}

bool write_head(const Record& record, RecordEncoder& /*encoder*/, Buffer& /*out*/) {
    return record.object == nullptr;
}

/// One AUX field of deadlines in each part.
bool write_fields(const Record& record, WriteProgress& progress, size_t budget,
                  RecordEncoder& encoder, Buffer& out) {
    if (!has_deadlines(record) || encoder.version() >= kRdbVersionFieldDeadlines) return true;
    const Hash& hash = *hash_of(record);
    Buffer deadlines;
    size_t gathered = 0;
    for (size_t done = 0;
         done < budget && gathered < kDeadlinesPerField && progress.place < hash.buckets();
         ++progress.place) {
        hash.for_each_in_bucket(progress.place, [&](const Hash::Field& field) {
            if (field.deadline_ms != Hash::kNoDeadline) {
                write_element_time({progress.count, field.deadline_ms}, deadlines);
                ++gathered;
            }
            ++progress.count;
            done += kElementCost;
        });
    }
    if (!deadlines.is_empty()) encoder.aux(kFieldDeadlinesField, deadlines.view(), out);
    return progress.place >= hash.buckets();
}

bool write(const Record& record, WriteProgress& progress, size_t budget, RecordEncoder& encoder,
           Buffer& out) {
    if (record.object == nullptr) {
        encoder.string(record.value, out);
        return true;
    }
    const Hash& hash = *hash_of(record);
    const bool is_timed =
        type_of(record, encoder.version()) == static_cast<uint8_t>(RdbType::hash_metadata);
    const int64_t nearest_ms = hash.nearest_deadline_ms();
    if (!progress.has_head) {
        if (is_timed) {
            RecordEncoder::little_endian(static_cast<uint64_t>(nearest_ms), sizeof(int64_t), out);
        }
        RecordEncoder::length(hash.size(), out);
        progress.has_head = true;
    }
    for (size_t done = 0; done < budget && progress.place < hash.buckets(); ++progress.place) {
        hash.for_each_in_bucket(progress.place, [&](const Hash::Field& field) {
            if (is_timed) {
                const bool has_deadline = field.deadline_ms != Hash::kNoDeadline;
                const int64_t distance = has_deadline ? field.deadline_ms - nearest_ms + 1 : 0;
                RecordEncoder::length(static_cast<uint64_t>(distance), out);
            }
            encoder.string(field.name, out);
            encoder.string(field.value, out);
            done += field.name.size() + field.value.size() + kElementCost;
        });
    }
    return progress.place >= hash.buckets();
}

uint64_t begin_parts(const types::Object& object, RecordEncoder& encoder, Buffer& out) {
    // With deadlines in the type the nearest of them would have to stand in front.
    CHECK(encoder.version() < kRdbVersionFieldDeadlines);
    RecordEncoder::length(object.size(), out);
    return object.size();
}

bool write_gathered(const types::Object& /*object*/, PartsProgress& progress, size_t /*budget*/,
                    RecordEncoder& encoder, Buffer& /*out*/, Buffer& fields) {
    if (!progress.times.is_empty()) {
        encoder.aux(kFieldDeadlinesField, progress.times.view(), fields);
    }
    progress.times.clear();
    progress.times_count = 0;
    return true;
}

void write_part(const types::Object& object, uint64_t bucket, PartsProgress& progress,
                RecordEncoder& encoder, Buffer& out, Buffer& fields) {
    static_cast<const Hash&>(object).for_each_in_bucket(bucket, [&](const Hash::Field& field) {
        if (field.deadline_ms != Hash::kNoDeadline) {
            write_element_time({progress.count, field.deadline_ms}, progress.times);
            ++progress.times_count;
        }
        ++progress.count;
        encoder.string(field.name, out);
        encoder.string(field.value, out);
    });
    if (progress.times_count >= kDeadlinesPerField) {
        write_gathered(object, progress, 0, encoder, out, fields);
    }
}

// --- reading ------------------------------------------------------------------------------------

/// How deadlines stand in the file.
enum class DeadlineForm : uint8_t {
    none,
    before_field,  ///< a length, counted from the nearest, which stands in front
    absolute,      ///< a length: Redis 7.4 before its release
    behind_value,  ///< eight bytes, -1 for none: Valkey
};

class HashReader final : public ValueReader {
public:
    HashReader(RdbType type, ReadContext context)
        : ValueReader(kPackedHash),
          type_(type),
          limits_(*context.limits),
          builder_(*context.limits),
          deadlines_(std::move(context.times)) {
        if (type == RdbType::hash_metadata) form_ = DeadlineForm::before_field;
        if (type == RdbType::hash_metadata_early) {
            form_ = context.version == kRdbVersionValkey ? DeadlineForm::behind_value
                                                         : DeadlineForm::absolute;
        }
    }

    void read(RdbInput& input) override {
        switch (type_) {
            case RdbType::hash_zipmap:
            case RdbType::hash_ziplist:
            case RdbType::hash_listpack:
            case RdbType::hash_listpack_ex_early:
            case RdbType::hash_listpack_ex:
                return read_packed(input);
            default:
                return has_head_ ? read_field(input) : read_head(input);
        }
    }

private:
    // --- field by field ---
    void read_head(RdbInput& input) {
        const uint64_t start = input.offset();
        if (form_ == DeadlineForm::before_field) nearest_ms_ = take_deadline(input, start);
        left_ = input.take_length();
        if (!input.is_complete()) return;
        has_head_ = true;
        builder_.expect(left_);
        if (left_ == 0) end_empty();
    }
    void read_field(RdbInput& input) {
        const uint64_t start = input.offset();
        int64_t deadline_ms = deadline_before(input);
        const EncodedText name_text = input.take_string();
        const EncodedText value_text = input.take_string();
        if (form_ == DeadlineForm::behind_value) deadline_ms = deadline_behind(input);
        const std::string_view name = decode(input, first_, name_text);
        const std::string_view value = decode(input, second_, value_text);
        if (!input.is_complete()) return;
        if (!add(name, value, deadline_ms)) return refuse_twice(input, start, name);
        first_.trim();
        second_.trim();
        if (--left_ == 0) finish(input, start);
    }
    static int64_t take_deadline(RdbInput& input, uint64_t start) {
        const auto value = static_cast<int64_t>(input.take_little_endian(sizeof(int64_t)));
        return checked(input, start, value);
    }
    static int64_t checked(RdbInput& input, uint64_t start, int64_t deadline_ms) {
        if (!input.is_complete()) return Hash::kNoDeadline;
        if (deadline_ms >= 0 && deadline_ms <= kFieldDeadlineMax) return deadline_ms;
        input.refuse(start, "the deadline of a field is beyond all bounds");
        return Hash::kNoDeadline;
    }
    int64_t deadline_before(RdbInput& input) const {
        if (form_ != DeadlineForm::before_field && form_ != DeadlineForm::absolute) {
            return Hash::kNoDeadline;
        }
        const uint64_t start = input.offset();
        const uint64_t claimed = input.take_length();
        if (!input.is_complete() || claimed == 0) return Hash::kNoDeadline;
        // No sum of the two can wrap around.
        constexpr auto kMax = static_cast<uint64_t>(kFieldDeadlineMax);
        const auto distance = static_cast<int64_t>(std::min(claimed, kMax + 1));
        const bool is_absolute = form_ == DeadlineForm::absolute;
        return checked(input, start, is_absolute ? distance : nearest_ms_ + distance - 1);
    }
    static int64_t deadline_behind(RdbInput& input) {
        const uint64_t start = input.offset();
        const auto claimed = static_cast<int64_t>(input.take_little_endian(sizeof(int64_t)));
        return claimed == -1 ? Hash::kNoDeadline : checked(input, start, claimed);
    }

    // --- packed ---
    void read_packed(RdbInput& input) {
        const uint64_t start = input.offset();
        if (type_ == RdbType::hash_listpack_ex) static_cast<void>(take_deadline(input, start));
        const EncodedText text = input.take_string();
        const std::string_view bytes = decode(input, first_, text);
        if (!input.is_complete()) return;
        const bool is_old = type_ == RdbType::hash_ziplist || type_ == RdbType::hash_zipmap;
        if (is_old) return read_legacy(input, text, bytes);
        if (!Listpack::is_valid(bytes)) return refuse_packed(input, text, "a hash");
        const Listpack elements(bytes);
        const size_t step = type_ == RdbType::hash_listpack ? 2 : 3;
        const size_t count = elements.size();
        if (count % step != 0) return refuse_packed(input, text, "a hash");
        if (count == 0) return end_empty();
        if (step == 3) return read_timed(input, text, elements);
        if (deadlines_.empty() && count / 2 <= limits_.hash_listpack_entries &&
            are_short(elements)) {
            if (!are_distinct(elements, step)) return refuse_packed(input, text, "a hash");
            return end_packed(Encoding::listpack, bytes);
        }
        builder_.make_large();
        for (size_t at = elements.begin(); at != elements.end(); at = elements.advance(at, 2)) {
            if (!add(elements.at(at), elements.at(elements.next(at)), Hash::kNoDeadline)) {
                return refuse_packed(input, text, "a hash");
            }
        }
        finish(input, start);
    }
    /// As Redis does after loading one: a text that is too long makes it large.
    [[nodiscard]] bool are_short(const Listpack& elements) const {
        for (size_t at = elements.begin(); at != elements.end(); at = elements.next(at)) {
            const ListpackValue element = elements.at(at);
            if (!element.is_integer() && element.size > limits_.hash_listpack_value) return false;
        }
        return true;
    }
    /// Field, value and deadline in turn.
    void read_timed(RdbInput& input, const EncodedText& text, const Listpack& elements) {
        for (size_t at = elements.begin(); at != elements.end();) {
            const size_t value_at = elements.next(at);
            const size_t deadline_at = elements.next(value_at);
            const ListpackValue deadline = elements.at(deadline_at);
            const int64_t claimed = deadline.is_integer() ? deadline.integer : -1;
            if (claimed < 0 || claimed > kFieldDeadlineMax ||
                !add(elements.at(at), elements.at(value_at),
                     claimed == 0 ? Hash::kNoDeadline : claimed)) {
                return refuse_packed(input, text, "a hash with deadlines");
            }
            at = elements.next(deadline_at);
        }
        finish(input, text.offset);
    }
    void read_legacy(RdbInput& input, const EncodedText& text, std::string_view bytes) {
        std::optional<ListpackValue> name;
        const auto take = [&](const ListpackValue& element) {
            if (!name) {
                name = element;
                return true;
            }
            const ListpackValue field = *std::exchange(name, std::nullopt);
            return add(field, element, Hash::kNoDeadline);
        };
        const bool is_good =
            type_ == RdbType::hash_ziplist ? visit_ziplist(bytes, take) : visit_zipmap(bytes, take);
        if (!is_good || name) return refuse_packed(input, text, "a hash");
        if (builder_.is_empty()) return end_empty();
        finish(input, text.offset);
    }

    // --- building ---
    bool add(const ListpackValue& name, const ListpackValue& value, int64_t deadline_ms) {
        ListpackValue::Digits name_digits;
        ListpackValue::Digits value_digits;
        return add(name.text(name_digits), value.text(value_digits), deadline_ms);
    }
    /// False: it was there.
    bool add(std::string_view name, std::string_view value, int64_t deadline_ms) {
        if (next_deadline_ < deadlines_.size() && deadlines_[next_deadline_].index == index_) {
            deadline_ms = deadlines_[next_deadline_++].time_ms;
        }
        ++index_;
        return builder_.add(name, value, deadline_ms);
    }
    void finish(RdbInput& input, uint64_t start) {
        if (next_deadline_ != deadlines_.size()) {
            return input.refuse(start, "there are deadlines of fields that the hash has not");
        }
        end(builder_.take());
    }

    const RdbType type_;
    const ValueLimits& limits_;
    HashBuilder builder_;
    DeadlineForm form_ = DeadlineForm::none;
    bool has_head_ = false;
    uint64_t left_ = 0;
    int64_t nearest_ms_ = 0;
    std::vector<ElementTime> deadlines_;  // from AUX fields
    size_t next_deadline_ = 0;
    uint64_t index_ = 0;  // of the next field
};

}  // namespace

const ValueWriter kHashWriter{.type = type_of,
                              .fields = write_fields,
                              .write = write,
                              .head = write_head,
                              .begin_parts = begin_parts,
                              .part = write_part,
                              .rest = write_gathered};

std::unique_ptr<ValueReader> make_hash_reader(uint8_t type, ReadContext context) {
    return std::make_unique<HashReader>(static_cast<RdbType>(type), std::move(context));
}

}  // namespace gyre::snapshot
