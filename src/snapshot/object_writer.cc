// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/object_writer.h"

#include <iterator>
#include <utility>

#include "base/check.h"

namespace gyre::snapshot {

Buffer& ObjectWriter::room_in(std::vector<Buffer>& pieces) {
    if (pieces.empty() || pieces.back().size() >= kPieceBytes) pieces.emplace_back();
    return pieces.back();
}

void ObjectWriter::begin(const Record& record, RecordEncoder& encoder) {
    CHECK(record.object != nullptr);
    writer_ = value_writer(record.kind.type);
    CHECK(writer_ != nullptr);
    object_ = record.object;
    encoder.attributes(record, head_);
    Buffer& out = room_in(pieces_);
    RecordEncoder::byte(writer_->type(record, encoder.version()), out);
    encoder.string(record.key, out);
    count_ = writer_->begin_parts(*object_, encoder, out);
}

size_t ObjectWriter::part(uint64_t part, RecordEncoder& encoder) {
    Buffer& out = room_in(pieces_);
    const size_t before = out.size() + head_.size();
    writer_->part(*object_, part, progress_, encoder, out, head_);
    return out.size() + head_.size() - before;
}

bool ObjectWriter::rest(size_t budget, RecordEncoder& encoder) {
    return writer_->rest == nullptr ||
           writer_->rest(*object_, progress_, budget, encoder, room_in(rest_), head_);
}

Buffer ObjectWriter::take_head() { return std::move(head_); }

std::vector<Buffer> ObjectWriter::take_pieces() {
    CHECK(progress_.count == count_);
    pieces_.insert(pieces_.end(), std::make_move_iterator(rest_.begin()),
                   std::make_move_iterator(rest_.end()));
    return std::move(pieces_);
}

}  // namespace gyre::snapshot
