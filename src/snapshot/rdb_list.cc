// SPDX-License-Identifier: BSD-3-Clause

// Lists in RDB files: always as a quicklist, node by node; and every form Redis ever wrote.

#include <fmt/format.h>

#include "snapshot/legacy_packed.h"
#include "snapshot/record_encoder.h"
#include "snapshot/value.h"
#include "snapshot/value_builder.h"

namespace gyre::snapshot {

namespace {

using store::Encoding;
using types::List;
using types::Listpack;
using types::ListpackValue;

constexpr store::Kind kPackedList{store::Type::list, Encoding::listpack};

uint8_t type_of(const Record& /*record*/, int /*version*/) {
    return static_cast<uint8_t>(RdbType::list_quicklist_2);
}

bool write_head(const Record& record, RecordEncoder& /*encoder*/, Buffer& out) {
    if (record.object != nullptr) return false;
    RecordEncoder::length(1, out);
    RecordEncoder::length(static_cast<uint64_t>(RdbListNode::packed), out);
    return true;
}

bool write(const Record& record, WriteProgress& progress, size_t budget, RecordEncoder& encoder,
           Buffer& out) {
    if (write_head(record, encoder, out)) {
        encoder.string(record.value, out);
        return true;
    }
    const auto& list = static_cast<const List&>(*record.object);
    if (!progress.has_head) {
        RecordEncoder::length(list.nodes(), out);
        progress.has_head = true;
    }
    for (size_t done = 0; done < budget;) {
        const bool has_node = list.next_node(
            progress.node, [&](types::ListNode::Form form, std::string_view bytes, size_t) {
                const bool is_plain = form == types::ListNode::Form::plain;
                const RdbListNode kind = is_plain ? RdbListNode::plain : RdbListNode::packed;
                RecordEncoder::length(static_cast<uint64_t>(kind), out);
                encoder.string(bytes, out);
                done += bytes.size() + kElementCost;
            });
        if (!has_node) return true;
    }
    return false;
}

class ListReader final : public ValueReader {
public:
    /// A node of a file that has more bytes is not taken as it is.
    static constexpr size_t kNodeBytesMax = 64 * 1024;

    ListReader(RdbType type, ReadContext context)
        : ValueReader(kPackedList),
          type_(type),
          limit_(context.limits->list.limit),
          builder_(context.limits->list) {}

    void read(RdbInput& input) override {
        if (type_ != RdbType::list_ziplist && !has_head_) return read_head(input);
        RdbListNode kind = type_ == RdbType::list ? RdbListNode::plain : RdbListNode::packed;
        const uint64_t start = input.offset();
        if (type_ == RdbType::list_quicklist_2) {
            const uint64_t claimed = input.take_length();
            const bool is_plain = claimed == static_cast<uint64_t>(RdbListNode::plain);
            if (!is_plain && claimed != static_cast<uint64_t>(RdbListNode::packed)) {
                input.refuse(start, fmt::format("unknown kind {} of a list's node", claimed));
            }
            if (is_plain) kind = RdbListNode::plain;
        }
        const EncodedText text = input.take_string();
        const std::string_view bytes = decode(input, first_, text);
        if (!input.is_complete()) return;
        if (kind == RdbListNode::plain) {
            builder_.push(bytes);
        } else if (type_ == RdbType::list_quicklist_2) {
            add_listpack(input, text, bytes);
        } else {
            add_ziplist(input, text, bytes);
        }
        if (!input.is_complete() || is_done()) return;
        first_.trim();
        if (left_ == 0 || --left_ == 0) finish();
    }

private:
    void read_head(RdbInput& input) {
        left_ = input.take_length();
        if (!input.is_complete()) return;
        has_head_ = true;
        is_single_ = left_ == 1;
        if (left_ == 0) end_empty();
    }
    void add_listpack(RdbInput& input, const EncodedText& text, std::string_view bytes) {
        if (!Listpack::is_valid(bytes)) return refuse_packed(input, text, "a list");
        const Listpack elements(bytes);
        if (elements.is_empty()) return;  // Redis once left such nodes behind
        const size_t count = elements.size();
        if (is_single_ && limit_.allows(bytes.size(), count)) {
            return end_packed(Encoding::listpack, bytes);
        }
        if (bytes.size() <= kNodeBytesMax) return builder_.push_node(bytes);
        for (size_t at = elements.begin(); at != elements.end(); at = elements.next(at)) {
            push(elements.at(at));
        }
    }
    void add_ziplist(RdbInput& input, const EncodedText& text, std::string_view bytes) {
        const bool is_ziplist = visit_ziplist(bytes, [this](const ListpackValue& element) {
            push(element);
            return true;
        });
        if (!is_ziplist) refuse_packed(input, text, "a list");
    }
    void push(const ListpackValue& element) {
        ListpackValue::Digits digits;
        builder_.push(element.text(digits));
    }
    void finish() { builder_.is_empty() ? end_empty() : end(builder_.take()); }

    const RdbType type_;
    const types::ListLimit limit_;
    ListBuilder builder_;
    bool has_head_ = false;
    bool is_single_ = false;
    uint64_t left_ = 0;  // elements or nodes
};

}  // namespace

const ValueWriter kListWriter{
    .type = type_of, .fields = nullptr, .write = write, .head = write_head};

std::unique_ptr<ValueReader> make_list_reader(uint8_t type, ReadContext context) {
    return std::make_unique<ListReader>(static_cast<RdbType>(type), std::move(context));
}

}  // namespace gyre::snapshot
