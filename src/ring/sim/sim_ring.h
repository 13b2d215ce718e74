// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The Ring of a simulated world. It keeps the contract of ring.h and checks that its user does: a
// started operation is seen only after the next poll() or wait(), a buffer is reused only after it
// was given back and that was published, a descriptor is closed only when nothing on it is in
// flight.
//
// wait() does not wait: it returns, and the World lets the reactor take its next turn when there is
// something to do. Memory lent to the "kernel" is touched when the operation is tried, not when it
// is started, so changing it too early shows.
//
// Ownership: borrows the world, which must outlive it.
// Threads: one; wake() too.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ring/ring.h"
#include "ring/sim/world.h"

namespace gyre::ring::sim {

struct SimRingOptions {
    uint32_t buffer_count = 16;
    uint32_t buffer_bytes = 512;
};

class SimRing final : public Ring {
public:
    explicit SimRing(World& world, const SimRingOptions& options = {});
    ~SimRing() override;

    int64_t monotonic_us() const override { return world_.now_us(); }
    int64_t wall_us() const override { return world_.wall_ms() * 1000 + world_.now_us() % 1000; }
    int64_t wall_ms() const override { return world_.wall_ms(); }
    Result<int> listen(const Address& address, const ListenOptions& options) override {
        return world_.network().listen(address, options);
    }
    int accept_now(int listener) override { return world_.network().accept(listener); }
    Address peer_address(int descriptor) const override;
    Address local_address(int descriptor) const override;
    void configure_stream(int, int) override {}
    void poll_accept(Op& op, int listener) override;
    void receive(Op& op, int descriptor, bool data_is_waiting) override;
    void receive_into(Op& op, int descriptor, std::span<char> into) override;
    void send(Op& op, int descriptor, std::span<const iovec> vectors, SendReport report) override;
    void expedite(Op& send) override;
    void shutdown(int descriptor) override { world_.network().shutdown(descriptor); }
    void shutdown_sending(int descriptor) override {
        world_.network().shutdown_sending(descriptor);
    }
    void close(int descriptor) override { world_.network().close(descriptor); }
    void cancel(Op& op) override;
    void write(Op& op, int file, std::span<const iovec> vectors, uint64_t offset) override;
    void sync(Op& op, int file) override;
    void write_synced(Op& op, int file, std::span<const iovec> vectors, uint64_t offset) override;
    char* buffer_data(uint16_t buffer) override;
    void give_back(uint16_t buffer) override;
    size_t poll() override;
    size_t wait(int64_t) override;
    void wake() override { is_woken_ = true; }
    const Features& features() const override { return features_; }
    Counters counters() const override { return counters_; }
    /// Its processor is its own, and work takes no time.
    ThreadUse thread_use() const override { return {.sleeps = sleeps_}; }

    // --- for the world ---
    uint32_t index() const noexcept { return index_; }
    /// Something to submit, to hand over, or a wake.
    bool has_work() const noexcept {
        return is_woken_ || !completed_.empty() || !unsubmitted_.empty() || !cancelling_.empty() ||
               may_not_wait_;
    }
    bool is_waiting(const OperationRef& operation) const;
    void attempt(const OperationRef& operation);
    void complete(const OperationRef& operation);
    void finish_cancel(const OperationRef& operation);
    /// Buffers lent and not given back: 0 when a server is at rest.
    size_t buffers_lent() const noexcept { return lent_; }
    size_t operations_in_flight() const noexcept { return in_flight_; }

private:
    enum class Kind : uint8_t { accept_poll, receive, receive_into, send, write, sync };
    enum class State : uint8_t { free, waiting, over };
    struct Slot {
        Op* op = nullptr;
        Kind kind = Kind::receive;
        State state = State::free;
        SocketId socket = kNoSocket;
        std::span<char> into;
        std::span<const iovec> vectors;
        size_t done = 0;   // bytes moved so far
        size_t total = 0;  // bytes asked for
        int file = -1;
        uint64_t offset = 0;
        bool is_synced = false;  // a write that ends when it is on the disk
        Completion completion;
        uint32_t generation = 0;
        bool is_silent = false;  // a send that ends no wait if it succeeds at once
    };

    Slot& take_slot(Op& op, Kind kind);
    Slot& start(Op& op, Kind kind, int descriptor);
    Slot& start_on_file(Op& op, Kind kind, int file);
    uint32_t index_of(const Slot& slot) const {
        return static_cast<uint32_t>(&slot - slots_.data());
    }
    OperationRef ref(uint32_t slot) const { return {index_, slot, slots_[slot].generation}; }
    void finish(Slot& slot, int32_t result);
    void try_accept(Slot& slot, Socket& socket);
    void try_receive(Slot& slot, Socket& socket);
    void try_receive_into(Slot& slot, Socket& socket);
    void try_send(Slot& slot, Socket& socket);
    void attempt_on_socket(Slot& slot, Socket& socket);
    void try_write(Slot& slot);
    bool is_broken_by_chance(Socket& socket);
    int32_t end_of(const Socket& socket) const;
    void wait_to_receive(Slot& slot, Socket& socket);
    int take_buffer();
    std::string outgoing(const Slot& slot, size_t count) const;
    void submit();
    void take_silent();
    size_t dispatch();

    World& world_;
    const SimRingOptions options_;
    const uint32_t index_;
    std::vector<Slot> slots_;
    std::vector<uint32_t> free_slots_;
    std::vector<uint32_t> unsubmitted_;
    std::vector<OperationRef> cancelling_;
    std::vector<uint32_t> completed_;
    std::vector<uint32_t> silent_;  // left as well, to be handled after the next wait
    std::vector<uint32_t> dispatching_;
    std::unique_ptr<char[]> memory_;
    std::vector<uint16_t> free_buffers_;
    std::vector<uint16_t> unpublished_buffers_;
    std::vector<bool> is_lent_;
    size_t lent_ = 0;
    size_t in_flight_ = 0;
    bool is_woken_ = false;
    bool may_not_wait_ = false;  // somebody waits for one of silent_
    bool is_dispatching_ = false;
    Features features_;
    Counters counters_;
    uint64_t sleeps_ = 0;
};

}  // namespace gyre::ring::sim
