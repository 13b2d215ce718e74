// SPDX-License-Identifier: BSD-3-Clause
#include "types/stream_node.h"

#include <charconv>

#include "base/check.h"

namespace gyre::types {
namespace {

/// Elements of an entry beside fields and values: flags, two differences, the count of fields.
constexpr int64_t kOwnElements = 3;

void add_texts(std::vector<ListpackElement>& elements, std::span<const std::string_view> texts,
               size_t from, size_t step) {
    for (size_t i = from; i < texts.size(); i += step) {
        elements.push_back(ListpackElement::of(texts[i]));
    }
}

void add_integer(std::vector<ListpackElement>& elements, uint64_t value) {
    elements.push_back(ListpackElement::of(static_cast<int64_t>(value)));
}

/// Reads hostile elements one after the other.
class Scanner {
public:
    explicit Scanner(std::string_view bytes) : pack_(bytes), place_(pack_.begin()) {}
    bool is_end() const { return place_ == pack_.end(); }
    /// False at the end, and for what is not an integer.
    bool integer(int64_t& value) {
        if (is_end()) return false;
        const ListpackValue found = pack_.at(place_);
        if (!found.is_integer()) return false;
        value = found.integer;
        place_ = pack_.next(place_);
        return true;
    }
    bool count(uint64_t& value) {
        int64_t number = 0;
        if (!integer(number) || number < 0) return false;
        value = static_cast<uint64_t>(number);
        return true;
    }
    bool skip(uint64_t elements) {
        for (; elements > 0; --elements) {
            if (is_end()) return false;
            place_ = pack_.next(place_);
        }
        return true;
    }

private:
    Listpack pack_;
    size_t place_;
};

struct Counts {
    uint64_t live = 0;
    uint64_t deleted = 0;
};

/// One entry; `before` is the id of the one in front and becomes this one's.
bool scan_entry(Scanner& scanner, const StreamId& master, uint64_t master_fields, bool is_first,
                StreamId& before, Counts& counts) {
    int64_t flags = 0;
    int64_t ms = 0;
    int64_t seq = 0;
    if (!scanner.integer(flags) || flags < 0 || flags > 3) return false;
    if (!scanner.integer(ms) || !scanner.integer(seq)) return false;
    const StreamId id{master.ms + static_cast<uint64_t>(ms),
                      master.seq + static_cast<uint64_t>(seq)};
    if (is_first ? id < master : id <= before) return false;
    before = id;
    uint64_t fields = master_fields;
    uint64_t elements = fields;
    if ((flags & StreamNode::kSameFields) == 0) {
        if (!scanner.count(fields) || fields > Listpack::kBytesMax) return false;
        elements = 2 * fields;
    }
    if (!scanner.skip(elements)) return false;
    uint64_t own = 0;
    const uint64_t expected =
        elements + kOwnElements + ((flags & StreamNode::kSameFields) == 0 ? 1 : 0);
    if (!scanner.count(own) || own != expected) return false;
    ++((flags & StreamNode::kDeleted) != 0 ? counts.deleted : counts.live);
    return true;
}

}  // namespace

bool StreamId::increment() {
    if (seq != UINT64_MAX) {
        ++seq;
        return true;
    }
    if (ms == UINT64_MAX) return false;
    ++ms;
    seq = 0;
    return true;
}

bool StreamId::decrement() {
    if (seq != 0) {
        --seq;
        return true;
    }
    if (ms == 0) return false;
    --ms;
    seq = UINT64_MAX;
    return true;
}

char* write_stream_id(char* out, const StreamId& id) {
    out = std::to_chars(out, out + 20, id.ms).ptr;
    *out++ = '-';
    return std::to_chars(out, out + 20, id.seq).ptr;
}

StreamNode::StreamNode(StreamId master, std::string_view bytes) : master_(master), pack_(bytes) {
    size_t place = pack_.begin();
    const auto count = [&] {
        const auto value = static_cast<size_t>(pack_.at(place).integer);
        place = pack_.next(place);
        return value;
    };
    entries_ = count();
    deleted_ = count();
    fields_ = count();
    fields_begin_ = place;
    entries_begin_ = pack_.advance(place, fields_ + 1);
}

StreamNode::Entry StreamNode::entry_at(size_t place) const {
    Entry entry;
    entry.place = place;
    if (place == pack_.end()) return entry;
    const auto integer = [&] {
        const int64_t value = pack_.at(place).integer;
        place = pack_.next(place);
        return static_cast<uint64_t>(value);
    };
    entry.flags = static_cast<uint8_t>(integer());
    entry.id.ms = master_.ms + integer();
    entry.id.seq = master_.seq + integer();
    entry.fields = entry.has_same_fields() ? fields_ : integer();
    entry.first = place;
    const size_t elements = entry.has_same_fields() ? entry.fields : 2 * entry.fields;
    entry.next = pack_.advance(place, elements + 1);
    return entry;
}

/// The entry that ends before `place`: its last element says how many it has.
StreamNode::Entry StreamNode::entry_before(size_t place) const {
    place = pack_.previous(place);
    for (int64_t left = pack_.at(place).integer; left > 0; --left) place = pack_.previous(place);
    return entry_at(place);
}

bool StreamNode::has_fields(std::span<const std::string_view> pairs) const {
    if (pairs.size() != 2 * fields_) return false;
    size_t place = fields_begin_;
    for (size_t i = 0; i < pairs.size(); i += 2) {
        ListpackValue::Digits digits;
        if (pack_.at(place).text(digits) != pairs[i]) return false;
        place = pack_.next(place);
    }
    return true;
}

std::vector<ListpackElement> StreamNode::first_elements(std::span<const std::string_view> pairs) {
    std::vector<ListpackElement> elements;
    elements.reserve(pairs.size() + 8);
    add_integer(elements, 1);
    add_integer(elements, 0);
    add_integer(elements, pairs.size() / 2);
    add_texts(elements, pairs, 0, 2);
    add_integer(elements, 0);
    add_integer(elements, kSameFields);
    add_integer(elements, 0);
    add_integer(elements, 0);
    add_texts(elements, pairs, 1, 2);
    add_integer(elements, pairs.size() / 2 + kOwnElements);
    return elements;
}

std::vector<ListpackElement> StreamNode::elements(const StreamId& id,
                                                  std::span<const std::string_view> pairs) const {
    const bool is_same = has_fields(pairs);
    std::vector<ListpackElement> elements;
    elements.reserve(pairs.size() + 5);
    add_integer(elements, is_same ? kSameFields : 0);
    add_integer(elements, id.ms - master_.ms);
    add_integer(elements, id.seq - master_.seq);
    if (is_same) {
        add_texts(elements, pairs, 1, 2);
        add_integer(elements, pairs.size() / 2 + kOwnElements);
    } else {
        add_integer(elements, pairs.size() / 2);
        add_texts(elements, pairs, 0, 1);
        add_integer(elements, pairs.size() + 1 + kOwnElements);
    }
    return elements;
}

ListpackSplice StreamNode::count_splice(size_t entries, size_t deleted,
                                        std::span<ListpackElement, 2> added) const {
    added[0] = ListpackElement::of(static_cast<int64_t>(entries));
    added[1] = ListpackElement::of(static_cast<int64_t>(deleted));
    return pack_.replace(pack_.begin(), 2, added);
}

ListpackSplice StreamNode::delete_splice(const Entry& entry,
                                         std::span<ListpackElement, 1> added) const {
    added[0] = ListpackElement::of(static_cast<int64_t>(entry.flags | kDeleted));
    return pack_.replace(entry.place, 1, added);
}

bool StreamNode::is_valid(const StreamId& master, std::string_view bytes) {
    if (!Listpack::is_valid(bytes)) return false;
    Scanner scanner(bytes);
    uint64_t live = 0;
    uint64_t deleted = 0;
    uint64_t fields = 0;
    if (!scanner.count(live) || !scanner.count(deleted) || !scanner.count(fields)) return false;
    int64_t zero = 0;
    if (fields > bytes.size() || !scanner.skip(fields)) return false;
    if (!scanner.integer(zero) || zero != 0) return false;
    Counts counts;
    StreamId before;
    bool is_first = true;
    while (!scanner.is_end()) {
        if (!scan_entry(scanner, master, fields, is_first, before, counts)) return false;
        is_first = false;
    }
    return counts.live == live && counts.deleted == deleted && !is_first;
}

}  // namespace gyre::types
