// SPDX-License-Identifier: BSD-3-Clause
#include "ring/sim/sim_ring.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "base/check.h"
#include "ring/sanitizers.h"

namespace gyre::ring::sim {
namespace {
/// What a buffer is filled with when it goes back, so that a late reader sees no data.
constexpr int kStaleByte = 0xDB;
}  // namespace

SimRing::SimRing(World& world, const SimRingOptions& options)
    : world_(world),
      options_(options),
      index_(world.add_ring(*this)),
      memory_(std::make_unique<char[]>(size_t{options.buffer_count} * options.buffer_bytes)),
      is_lent_(options.buffer_count, false) {
    for (uint32_t i = options.buffer_count; i-- > 0;)
        free_buffers_.push_back(static_cast<uint16_t>(i));
    features_.kernel = "simulated";
    features_.flags = "SIMULATED";
    features_.buffer_count = options.buffer_count;
    features_.buffer_bytes = options.buffer_bytes;
    features_.descriptors_max = 1024;
    forbid_access(memory_.get(), size_t{options.buffer_count} * options.buffer_bytes);
}

SimRing::~SimRing() {
    allow_access(memory_.get(), size_t{options_.buffer_count} * options_.buffer_bytes);
    world_.remove_ring(index_);
}

Address SimRing::peer_address(int descriptor) const {
    return world_.network().of_descriptor(descriptor).remote;
}

Address SimRing::local_address(int descriptor) const {
    return world_.network().of_descriptor(descriptor).local;
}

// --- starting -----------------------------------------------------------------------------------

SimRing::Slot& SimRing::take_slot(Op& op, Kind kind) {
    CHECK(!op.in_flight);
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<uint32_t>(slots_.size()));
        slots_.emplace_back();
    }
    const uint32_t index = free_slots_.back();
    free_slots_.pop_back();
    ++in_flight_;
    Slot& slot = slots_[index];
    slot = Slot{.op = &op, .kind = kind, .state = State::waiting, .generation = slot.generation};
    op.in_flight = true;
    op.backend = index;
    return slot;
}

SimRing::Slot& SimRing::start(Op& op, Kind kind, int descriptor) {
    Socket& socket = world_.network().of_descriptor(descriptor);
    ++socket.in_flight;
    Slot& slot = take_slot(op, kind);
    slot.socket = socket.id;
    unsubmitted_.push_back(index_of(slot));
    return slot;
}

SimRing::Slot& SimRing::start_on_file(Op& op, Kind kind, int file) {
    CHECK(Disk::is_file(file));
    Slot& slot = take_slot(op, kind);
    slot.file = file;
    return slot;
}

void SimRing::write(Op& op, int file, std::span<const iovec> vectors, uint64_t offset) {
    CHECK(!vectors.empty());
    Slot& slot = start_on_file(op, Kind::write, file);
    slot.vectors = vectors;
    slot.offset = offset;
    for (const iovec& vector : vectors) slot.total += vector.iov_len;
    unsubmitted_.push_back(index_of(slot));
}

void SimRing::sync(Op& op, int file) {
    unsubmitted_.push_back(index_of(start_on_file(op, Kind::sync, file)));
}

void SimRing::write_synced(Op& op, int file, std::span<const iovec> vectors, uint64_t offset) {
    write(op, file, vectors, offset);
    slots_[op.backend].is_synced = true;
}

void SimRing::poll_accept(Op& op, int listener) { start(op, Kind::accept_poll, listener); }

void SimRing::receive(Op& op, int descriptor, bool) { start(op, Kind::receive, descriptor); }

void SimRing::receive_into(Op& op, int descriptor, std::span<char> into) {
    CHECK(!into.empty());
    Slot& slot = start(op, Kind::receive_into, descriptor);
    slot.into = into;
    slot.total = into.size();
}

void SimRing::send(Op& op, int descriptor, std::span<const iovec> vectors, SendReport report) {
    CHECK(!vectors.empty());
    Slot& slot = start(op, Kind::send, descriptor);
    slot.vectors = vectors;
    for (const iovec& vector : vectors) slot.total += vector.iov_len;
    slot.is_silent = report == SendReport::with_next;
}

void SimRing::expedite(Op& send) {
    if (send.in_flight && slots_[send.backend].is_silent) may_not_wait_ = true;
}

void SimRing::cancel(Op& op) {
    if (op.in_flight) cancelling_.push_back(ref(op.backend));
}

void SimRing::submit() {
    ++counters_.enters;
    counters_.submitted += unsubmitted_.size() + cancelling_.size();
    for (const uint16_t buffer : unpublished_buffers_) free_buffers_.push_back(buffer);
    unpublished_buffers_.clear();
    for (const uint32_t slot : unsubmitted_) {
        // Tried at once, as the kernel does: such a send has left, failed, or waits for room when
        // this returns.
        if (slots_[slot].is_silent) {
            attempt(ref(slot));
            continue;
        }
        const bool is_disk = slots_[slot].file >= 0;
        world_.schedule({.kind = EventKind::attempt, .operation = ref(slot)},
                        is_disk ? world_.disk().delay_us() : world_.completion_delay_us());
    }
    unsubmitted_.clear();
    for (const OperationRef& operation : cancelling_) {
        world_.schedule({.kind = EventKind::cancel, .operation = operation},
                        world_.completion_delay_us());
    }
    cancelling_.clear();
}

// --- trying -------------------------------------------------------------------------------------

bool SimRing::is_waiting(const OperationRef& operation) const {
    const Slot& slot = slots_[operation.slot];
    return slot.generation == operation.generation && slot.state == State::waiting;
}

void SimRing::attempt(const OperationRef& operation) {
    if (!is_waiting(operation)) return;
    Slot& slot = slots_[operation.slot];
    world_.trace("try", slot.socket, static_cast<int64_t>(slot.kind));
    if (slot.kind == Kind::write) return try_write(slot);
    if (slot.kind == Kind::sync) return finish(slot, world_.disk().sync_now(slot.file));
    attempt_on_socket(slot, world_.network().socket(slot.socket));
}

void SimRing::attempt_on_socket(Slot& slot, Socket& socket) {
    switch (slot.kind) {
        case Kind::accept_poll:
            return try_accept(slot, socket);
        case Kind::receive:
            return try_receive(slot, socket);
        case Kind::receive_into:
            return try_receive_into(slot, socket);
        case Kind::send:
            return try_send(slot, socket);
        case Kind::write:
        case Kind::sync:
            break;
    }
}

void SimRing::try_write(Slot& slot) {
    Disk& disk = world_.disk();
    if (slot.done > 0) {  // written: what is left is the sync of these bytes
        const int32_t result = disk.sync_range(slot.file, slot.offset, slot.offset + slot.done);
        return finish(slot, result == 0 ? static_cast<int32_t>(slot.done) : result);
    }
    for (const iovec& vector : slot.vectors) {
        const uintptr_t begin = reinterpret_cast<uintptr_t>(vector.iov_base);
        const bool is_aligned = (begin | vector.iov_len) % Files::kDirectAlignment == 0;
        CHECK(is_aligned || !disk.is_direct(slot.file));
    }
    const int32_t result = disk.write(slot.file, outgoing(slot, slot.total), slot.offset);
    if (result <= 0 || !slot.is_synced) return finish(slot, result);
    slot.done = static_cast<size_t>(result);
    world_.schedule({.kind = EventKind::attempt, .operation = ref(index_of(slot))},
                    disk.delay_us());
}

void SimRing::finish(Slot& slot, int32_t result) {
    slot.state = State::over;
    slot.completion.result = result;
    const uint32_t index = index_of(slot);
    world_.trace("done", slot.socket, result);
    if (slot.is_silent && result == static_cast<int64_t>(slot.total)) {
        slot.completion.left_at_once = true;
        silent_.push_back(index);
        return;
    }
    world_.schedule({.kind = EventKind::complete, .operation = ref(index)},
                    world_.completion_delay_us());
}

void SimRing::wait_to_receive(Slot& slot, Socket& socket) {
    CHECK(!world_.is_waiting(socket.receiver));  // one receive at a time on a stream
    socket.receiver = ref(index_of(slot));
}

void SimRing::try_accept(Slot& slot, Socket& socket) {
    if (!socket.backlog.empty()) return finish(slot, 0);
    if (socket.is_receiving_closed) return finish(slot, -EINVAL);
    wait_to_receive(slot, socket);
}

bool SimRing::is_broken_by_chance(Socket& socket) {
    if (socket.is_reset || !world_.chance(world_.faults().reset)) return false;
    world_.network().break_connection(socket);
    return true;
}

/// How a receive ends when nothing has arrived: -errno, 0, or 1 for not yet.
int32_t SimRing::end_of(const Socket& socket) const {
    if (socket.is_reset) return -ECONNRESET;
    return socket.is_receiving_closed || socket.is_ended ? 0 : 1;
}

void SimRing::try_receive(Slot& slot, Socket& socket) {
    is_broken_by_chance(socket);
    if (socket.available() == 0 || socket.is_receiving_closed) {
        const int32_t end = end_of(socket);
        return end <= 0 ? finish(slot, end) : wait_to_receive(slot, socket);
    }
    const int buffer = take_buffer();
    if (buffer < 0) {
        ++counters_.buffer_starved;
        return finish(slot, buffer);
    }
    size_t count = std::min<size_t>(socket.available(), options_.buffer_bytes);
    if (world_.chance(world_.faults().short_receive)) count = 1 + world_.random().below(count);
    slot.completion.buffer = static_cast<uint16_t>(buffer);
    allow_access(buffer_data(slot.completion.buffer), options_.buffer_bytes);
    world_.network().take(socket, buffer_data(slot.completion.buffer), count);
    slot.completion.more_data = socket.available() > 0;
    finish(slot, static_cast<int32_t>(count));
}

void SimRing::try_receive_into(Slot& slot, Socket& socket) {
    is_broken_by_chance(socket);
    if (!socket.is_receiving_closed) {
        slot.done +=
            world_.network().take(socket, slot.into.data() + slot.done, slot.total - slot.done);
    }
    if (slot.done == slot.total) return finish(slot, static_cast<int32_t>(slot.done));
    const int32_t end = end_of(socket);
    if (end > 0) return wait_to_receive(slot, socket);
    finish(slot, slot.done > 0 ? static_cast<int32_t>(slot.done) : end);
}

void SimRing::try_send(Slot& slot, Socket& socket) {
    is_broken_by_chance(socket);
    if (socket.is_reset || socket.is_sending_closed) {
        return finish(slot, slot.done > 0 ? static_cast<int32_t>(slot.done) : -EPIPE);
    }
    const size_t room = std::min(slot.total - slot.done, world_.network().space(socket));
    const bool is_short = room > 0 && world_.chance(world_.faults().short_send);
    const size_t count = is_short ? 1 + world_.random().below(room) : room;
    if (count > 0) {
        world_.network().put(socket, outgoing(slot, count));
        slot.done += count;
    }
    if (slot.done == slot.total || is_short) return finish(slot, static_cast<int32_t>(slot.done));
    CHECK(!world_.is_waiting(socket.sender));  // one send at a time on a stream
    slot.is_silent = false;
    socket.sender = ref(index_of(slot));
}

std::string SimRing::outgoing(const Slot& slot, size_t count) const {
    std::string bytes;
    size_t skipped = slot.done;
    for (const iovec& vector : slot.vectors) {
        const size_t skip = std::min(skipped, vector.iov_len);
        skipped -= skip;
        const size_t part = std::min(vector.iov_len - skip, count - bytes.size());
        bytes.append(static_cast<const char*>(vector.iov_base) + skip, part);
    }
    return bytes;
}

void SimRing::complete(const OperationRef& operation) { completed_.push_back(operation.slot); }

void SimRing::finish_cancel(const OperationRef& operation) {
    if (!is_waiting(operation)) return;  // it was faster
    Slot& slot = slots_[operation.slot];
    if (slot.kind == Kind::write && slot.done > 0) return;  // nobody stops a sync
    world_.trace("cancel", slot.socket, static_cast<int64_t>(slot.done));
    finish(slot, slot.done > 0 ? static_cast<int32_t>(slot.done) : -ECANCELED);
}

// --- buffers ------------------------------------------------------------------------------------

int SimRing::take_buffer() {
    if (free_buffers_.empty() || world_.chance(world_.faults().starvation)) return -ENOBUFS;
    const uint16_t buffer = free_buffers_.back();
    free_buffers_.pop_back();
    is_lent_[buffer] = true;
    ++lent_;
    return buffer;
}

char* SimRing::buffer_data(uint16_t buffer) {
    CHECK(buffer < options_.buffer_count);
    return memory_.get() + size_t{buffer} * options_.buffer_bytes;
}

void SimRing::give_back(uint16_t buffer) {
    CHECK(buffer < options_.buffer_count);
    CHECK(is_lent_[buffer]);
    is_lent_[buffer] = false;
    --lent_;
    std::memset(buffer_data(buffer), kStaleByte, options_.buffer_bytes);
    forbid_access(buffer_data(buffer), options_.buffer_bytes);
    unpublished_buffers_.push_back(buffer);
}

// --- the turn -----------------------------------------------------------------------------------

size_t SimRing::poll() {
    CHECK(!is_dispatching_);
    is_woken_ = false;
    may_not_wait_ = false;
    submit();
    take_silent();
    return dispatch();
}

/// With nothing at hand that ends a wait, this goes to sleep, so to speak: sends without a
/// completion of their own are then handled only after something has ended it, in the next call.
size_t SimRing::wait(int64_t deadline_us) {
    const bool is_over = is_woken_ || may_not_wait_ || !completed_.empty() ||
                         (deadline_us >= 0 && deadline_us <= world_.now_us());
    if (is_over) return poll();
    CHECK(!is_dispatching_);
    ++sleeps_;
    // Virtual time is not spent on waiting for more: what is counted is that it was asked for.
    if (gathering().completions > 1) ++counters_.gathered;
    submit();
    return dispatch();
}

void SimRing::take_silent() {
    completed_.insert(completed_.end(), silent_.begin(), silent_.end());
    silent_.clear();
}

size_t SimRing::dispatch() {
    if (completed_.empty()) return 0;
    is_dispatching_ = true;
    dispatching_.swap(completed_);
    announce_handlers();
    for (const uint32_t index : dispatching_) {
        Slot& slot = slots_[index];
        Op& op = *slot.op;
        const Completion completion = slot.completion;
        if (slot.socket != kNoSocket) --world_.network().socket(slot.socket).in_flight;
        --in_flight_;
        slot.state = State::free;
        ++slot.generation;
        free_slots_.push_back(index);
        op.in_flight = false;
        op.handler(op, completion);
    }
    const size_t count = dispatching_.size();
    counters_.completed += count;
    dispatching_.clear();
    is_dispatching_ = false;
    return count;
}

}  // namespace gyre::ring::sim
