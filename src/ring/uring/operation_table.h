// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the ring remembers of an operation in flight: enough to start it again where the kernel asks
// for that, the message header the kernel reads from, and the list of all that is out (which also
// keeps those operations reachable for leak checkers). An Op names its slot by Op::backend.
//
// Ownership: slots stay at their address for the life of the table; freed ones are reused last in,
// first out, so the set in use stays small and warm.
// Threads: the ring's. Complexity: O(1).

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "base/check.h"
#include "ring/ring.h"

namespace gyre::ring {

enum class OperationKind : uint8_t { accept_poll, receive, receive_into, send, write, sync };

struct OperationSlot {
    Op* op = nullptr;  // null: free
    int descriptor = -1;
    OperationKind kind = OperationKind::receive;
    bool poll_first = false;
    bool cancel_wanted = false;
    bool is_silent = false;  // send: success posts no completion
    bool is_synced = false;  // write: it ends when it is on the disk
    uint32_t index = 0;
    uint32_t position = 0;  // of a silent send in the submission queue
    uint32_t bytes = 0;     // of a silent send
    iovec into{};           // receive_into
    uint64_t offset = 0;    // write: in the file
    msghdr message{};       // send, write: the vectors
};

class OperationTable {
public:
    OperationSlot& take(Op& op, OperationKind kind, int descriptor) {
        CHECK(!op.in_flight);
        if (free_.empty()) grow();
        OperationSlot& slot = at(free_.back());
        free_.pop_back();
        slot.op = &op;
        slot.kind = kind;
        slot.descriptor = descriptor;
        slot.poll_first = false;
        slot.cancel_wanted = false;
        slot.is_silent = false;
        slot.is_synced = false;
        op.in_flight = true;
        op.backend = slot.index;
        ++in_flight_;
        return slot;
    }
    OperationSlot& slot_of(const Op& op) {
        OperationSlot& slot = at(op.backend);
        CHECK(slot.op == &op);
        return slot;
    }
    void give(OperationSlot& slot) {
        slot.op->in_flight = false;
        slot.op = nullptr;
        free_.push_back(slot.index);
        --in_flight_;
    }
    size_t in_flight() const noexcept { return in_flight_; }
    OperationSlot& at(uint32_t index) { return chunks_[index / kChunkSlots][index % kChunkSlots]; }

private:
    static constexpr size_t kChunkSlots = 256;

    void grow() {
        const size_t first = chunks_.size() * kChunkSlots;
        chunks_.push_back(std::make_unique<OperationSlot[]>(kChunkSlots));
        for (size_t i = kChunkSlots; i-- > 0;) {
            const uint32_t index = static_cast<uint32_t>(first + i);
            at(index).index = index;
            free_.push_back(index);
        }
    }

    std::vector<std::unique_ptr<OperationSlot[]>> chunks_;
    std::vector<uint32_t> free_;
    size_t in_flight_ = 0;
};

}  // namespace gyre::ring
