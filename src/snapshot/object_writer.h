// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The record of one collection that is saved part by part (types/object.h) while it goes on being
// changed: the bytes are put together here, in the order the file wants, until all is told. Parts
// come in the order in which they are told, which is free for hashes, sets and sorted sets;
// deadlines of fields, which stand in front of the key and name fields by their place, follow that
// order.
//
// Ownership: owns the bytes; borrows the object, and an encoder for each call. Threads: one at a
// time. Errors: none; a part too many or too few is a mistake of the program (CHECK). Memory: the
// record, in pieces of kPieceBytes. Format: docs/formats/rdb.md.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "snapshot/buffer.h"
#include "snapshot/record.h"
#include "snapshot/record_encoder.h"
#include "snapshot/value.h"

namespace gyre::snapshot {

class ObjectWriter {
public:
    /// The bytes are kept in pieces of about this size.
    static constexpr size_t kPieceBytes = 64 * 1024;

    /// What stands before the elements. `record` has an object.
    void begin(const Record& record, RecordEncoder& encoder);
    /// The next part; returns how many bytes it took.
    size_t part(uint64_t part, RecordEncoder& encoder);
    /// What has no parts, which must not change from the first call to the last: as much as the
    /// budget says. True when all of it is written.
    bool rest(size_t budget, RecordEncoder& encoder);

    /// When all is written: the record is the head and the pieces.
    Buffer take_head();
    std::vector<Buffer> take_pieces();

private:
    static Buffer& room_in(std::vector<Buffer>& pieces);

    const ValueWriter* writer_ = nullptr;
    const types::Object* object_ = nullptr;
    PartsProgress progress_;
    uint64_t count_ = 0;  // elements there must be
    Buffer head_;
    std::vector<Buffer> pieces_;  // of the value
    std::vector<Buffer> rest_;    // behind them
};

}  // namespace gyre::snapshot
