// SPDX-License-Identifier: BSD-3-Clause
#include "ring/uring/uring_ring.h"

#include <liburing.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "ring/sanitizers.h"
#include "ring/uring/buffer_ring.h"
#include "ring/uring/enter.h"
#include "ring/uring/operation_table.h"
#include "ring/uring/probe.h"
#include "ring/uring/receive_streams.h"
#include "ring/uring/setup_flags.h"
#include "ring/uring/shared_counters.h"
#include "ring/uring/sockets.h"

namespace gyre::ring {
namespace {

/// Vectors in one send or write; the kernel refuses more (UIO_MAXIOV).
constexpr size_t kVectorsMax = 1024;
/// Bytes of one vector in one send: the length field has 32 bits and the result 31.
constexpr size_t kSendBytesMax = size_t{1} << 30;
/// Bytes of one send that may be tried without a completion: what a socket's buffer mostly takes.
constexpr size_t kSilentBytesMax = 64 * 1024;
/// Rounds of 100 ms the destructor waits for cancelled operations.
constexpr int kDrainRoundsMax = 50;

int64_t clock_us(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return static_cast<int64_t>(time.tv_sec) * 1'000'000 + time.tv_nsec / 1000;
}

class UringRing final : public Ring {
public:
    explicit UringRing(const UringOptions& options)
        : buffers_(options.buffer_count, options.buffer_bytes),
          is_multishot_(options.multishot_receive) {}
    ~UringRing() override;
    /// 0 or -errno.
    int open(const UringOptions& options);

    int64_t monotonic_us() const override { return clock_us(CLOCK_MONOTONIC); }
    int64_t wall_us() const override { return clock_us(CLOCK_REALTIME); }
    int64_t wall_ms() const override { return clock_us(CLOCK_REALTIME) / 1000; }

    Result<int> listen(const Address& address, const ListenOptions& options) override {
        return open_listener(address, options);
    }
    int accept_now(int listener) override { return accept_connection(listener); }
    Address peer_address(int descriptor) const override { return address_of_peer(descriptor); }
    Address local_address(int descriptor) const override { return address_of_this_end(descriptor); }
    void configure_stream(int descriptor, int keepalive_seconds) override {
        tune_stream(descriptor, keepalive_seconds);
    }

    void poll_accept(Op& op, int listener) override;
    void receive(Op& op, int descriptor, bool data_is_waiting) override;
    void receive_into(Op& op, int descriptor, std::span<char> into) override;
    void send(Op& op, int descriptor, std::span<const iovec> vectors, SendReport report) override;
    void expedite(Op& send) override;
    // The system call: IORING_OP_SHUTDOWN always goes to a worker thread.
    void shutdown(int descriptor) override { static_cast<void>(::shutdown(descriptor, SHUT_RDWR)); }
    void shutdown_sending(int descriptor) override {
        static_cast<void>(::shutdown(descriptor, SHUT_WR));
    }
    void close(int descriptor) override;
    void cancel(Op& op) override;

    void write(Op& op, int file, std::span<const iovec> vectors, uint64_t offset) override;
    void sync(Op& op, int file) override;
    void write_synced(Op& op, int file, std::span<const iovec> vectors, uint64_t offset) override;

    char* buffer_data(uint16_t buffer) override { return buffers_.data(buffer); }
    void give_back(uint16_t buffer) override { buffers_.give(buffer); }

    size_t poll() override;
    size_t wait(int64_t deadline_us) override;
    void wake() override;

    const Features& features() const override { return features_; }
    Counters counters() const override { return counters_.copy(); }
    ThreadUse thread_use() const override { return ring::thread_use(); }

private:
    /// A completion as the kernel posted it, copied out so that its place is free at once.
    struct Reaped {
        uint64_t tag;  // the Op, kWakeTag, or 0 for what nobody waits for
        int32_t result;
        uint32_t flags;
    };
    static constexpr uint64_t kWakeTag = 1;  // no Op has an odd address
    // Nor one with the second bit set: the tag of a multishot request carries its stream's number.
    static constexpr uint64_t kStreamBit = 2;
    static uint64_t tag_of(uint32_t stream) { return uint64_t{stream} << 2 | kStreamBit; }
    static bool is_of_stream(uint64_t tag) { return (tag & kStreamBit) != 0; }
    static uint32_t stream_of(uint64_t tag) { return static_cast<uint32_t>(tag >> 2); }

    /// A send whose success shows in nothing but that the kernel has taken it from the queue.
    struct SilentSend {
        uint32_t slot;
        uint32_t position;
    };

    void fill_features();
    io_uring_sqe& next_entry();
    OperationSlot& take_write(Op& op, int file, std::span<const iovec> vectors, uint64_t offset);
    void issue(OperationSlot& slot);
    void arm_wake();
    void receive_from_stream(Op& op, int descriptor);
    bool receive_into_from_stream(Op& op, int descriptor, std::span<char> into);
    void hand_on(Op& op, const Arrival& arrival);
    void copy_held(ReceiveStream& stream, Op& op, std::span<char> into);
    void start_stream(uint32_t index);
    void end_stream(uint32_t index);
    void close_stream(int descriptor);
    bool finish_stream(const Reaped& reaped);
    bool is_kept_waiting(uint32_t index, OperationSlot& slot, const Reaped& reaped);
    void finish_into(uint32_t index, OperationSlot& slot, const Arrival& arrival);
    void hold(uint32_t index, const Arrival& arrival);
    void discard(const Arrival& arrival);
    bool must_enter() const;
    void after_enter(int result, uint32_t queued_before);
    void enter_without_waiting();
    void enter_and_wait(int64_t deadline_us);
    void reap();
    size_t dispatch();
    bool finish(const Reaped& reaped);
    uint32_t submitted_position() const;
    size_t finish_silent(uint32_t submitted);
    bool take_finished(const SilentSend& send, uint32_t submitted, Op*& op, Completion& completion);
    bool is_restarted(OperationSlot& slot, const Reaped& reaped);
    static bool is_false_end(const OperationSlot& slot, const Reaped& reaped);
    Completion completion_of(const OperationSlot& slot, const Reaped& reaped);
    void drain();
    void give_up_waiting();

    io_uring uring_{};
    bool is_open_ = false;
    int wake_descriptor_ = -1;
    bool is_wake_armed_ = false;
    uint64_t wake_value_ = 0;  // where the armed read of the eventfd puts its count
    BufferRing buffers_;
    OperationTable operations_;
    const bool is_multishot_;
    ReceiveStreams streams_;
    std::vector<Reaped> reaped_;       // waiting for dispatch()
    std::vector<Reaped> dispatching_;  // being handled
    bool is_dispatching_ = false;
    std::vector<SilentSend> silent_;  // under way, in the order of submission
    std::vector<SilentSend> silent_dispatching_;
    bool may_not_wait_ = false;  // somebody waits for one of silent_
    uint32_t dropped_seen_ = 0;
    Features features_;
    SharedCounters counters_;
};

// --- life ---------------------------------------------------------------------------------------

int UringRing::open(const UringOptions& options) {
    io_uring_params parameters{};
    for (const SetupFlag& flag : kSetupFlags) parameters.flags |= flag.bit;
    parameters.cq_entries = std::max(options.completion_entries, options.submission_entries);
    const int error = io_uring_queue_init_params(options.submission_entries, &uring_, &parameters);
    if (error != 0) return error;
    is_open_ = true;
    // Saves looking up the ring's descriptor at every entry; a kernel without it works all the
    // same.
    static_cast<void>(io_uring_register_ring_fd(&uring_));
    features_.submission_entries = parameters.sq_entries;
    features_.completion_entries = parameters.cq_entries;
    wake_descriptor_ = ::eventfd(0, EFD_CLOEXEC);
    if (wake_descriptor_ < 0) return -errno;
    if (const int buffer_error = buffers_.open(uring_); buffer_error != 0) return buffer_error;
    fill_features();
    arm_wake();
    return 0;
}

void UringRing::fill_features() {
    features_.kernel = read_uring_surroundings().kernel_release;
    for (const SetupFlag& flag : kSetupFlags) {
        if (!features_.flags.empty()) features_.flags += ' ';
        features_.flags += flag.name;
    }
    if (can_gather(uring_)) features_.flags += " MIN_TIMEOUT";
    features_.buffer_count = buffers_.count();
    features_.buffer_bytes = buffers_.bytes();
    features_.mapped_bytes = buffers_.mapped_bytes();
    rlimit descriptors{};
    if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0)
        features_.descriptors_max = descriptors.rlim_cur;
}

UringRing::~UringRing() {
    if (!is_open_) return;
    drain();
    buffers_.close();
    io_uring_queue_exit(&uring_);
    if (wake_descriptor_ >= 0) ::close(wake_descriptor_);
}

/// For the end: operations that wait for a stream's next completion go without it.
void UringRing::give_up_waiting() {
    streams_.for_each([this](ReceiveStream& stream) {
        if (stream.waiting == nullptr || stream.is_armed) return;
        operations_.give(operations_.slot_of(*std::exchange(stream.waiting, nullptr)));
    });
}

/// Nothing the kernel still works on may outlive the memory it works with.
void UringRing::drain() {
    io_uring_sqe& entry = next_entry();
    io_uring_prep_cancel64(&entry, 0, IORING_ASYNC_CANCEL_ANY);
    io_uring_sqe_set_data64(&entry, 0);
    for (int round = 0; round < kDrainRoundsMax; ++round) {
        for (const Reaped& reaped : std::exchange(reaped_, {})) {
            if (reaped.tag == kWakeTag) is_wake_armed_ = false;
            if (reaped.tag <= kWakeTag) continue;
            if (is_of_stream(reaped.tag)) {
                if ((reaped.flags & IORING_CQE_F_MORE) == 0) streams_.disarm(stream_of(reaped.tag));
                continue;
            }
            operations_.give(operations_.slot_of(*reinterpret_cast<Op*>(reaped.tag)));
        }
        for (const SilentSend& send : std::exchange(silent_, {})) {
            Op* op = nullptr;
            Completion completion;
            static_cast<void>(take_finished(send, submitted_position(), op, completion));
        }
        give_up_waiting();
        if (operations_.in_flight() == 0 && !is_wake_armed_ && streams_.armed() == 0) return;
        enter_and_wait(monotonic_us() + 100'000);
        reap();
    }
}

// --- operations ---------------------------------------------------------------------------------

/// Never fails: a full submission queue is flushed on the spot. Losing an entry here would be a
/// connection that is never read again.
io_uring_sqe& UringRing::next_entry() {
    while (io_uring_sq_space_left(&uring_) == 0) [[unlikely]] {
        SharedCounters::add(counters_.submission_full);
        enter_without_waiting();
        reap();  // a full completion queue could be what holds the kernel up; handlers run later
    }
    return *io_uring_get_sqe(&uring_);
}

void UringRing::issue(OperationSlot& slot) {
    io_uring_sqe* entry = &next_entry();
    switch (slot.kind) {
        case OperationKind::accept_poll:
            io_uring_prep_poll_add(entry, slot.descriptor, POLLIN);
            break;
        case OperationKind::receive:
            io_uring_prep_recv(entry, slot.descriptor, nullptr, 0, 0);
            entry->flags |= IOSQE_BUFFER_SELECT;
            entry->buf_group = BufferRing::kGroup;
            if (slot.poll_first) entry->ioprio |= IORING_RECVSEND_POLL_FIRST;
            break;
        case OperationKind::receive_into:
            io_uring_prep_recv(entry, slot.descriptor, slot.into.iov_base, slot.into.iov_len,
                               MSG_WAITALL);
            break;
        case OperationKind::send: {
            // WAITALL: the kernel itself goes on after short sends, and counts them as failed when
            // it may not wait. DONTWAIT: it may not.
            const int flags = MSG_NOSIGNAL | MSG_WAITALL | (slot.is_silent ? MSG_DONTWAIT : 0);
            if (slot.message.msg_iovlen == 1) {
                const iovec& vector = slot.message.msg_iov[0];
                io_uring_prep_send(entry, slot.descriptor, vector.iov_base,
                                   std::min(vector.iov_len, kSendBytesMax), flags);
            } else {
                io_uring_prep_sendmsg(entry, slot.descriptor, &slot.message, flags);
            }
            if (slot.is_silent) {
                entry->flags |= IOSQE_CQE_SKIP_SUCCESS;
                slot.position = uring_.sq.sqe_tail - 1;
                silent_.push_back({slot.index, slot.position});
            }
            break;
        }
        case OperationKind::write:
            io_uring_prep_writev(entry, slot.descriptor, slot.message.msg_iov,
                                 static_cast<unsigned>(slot.message.msg_iovlen), slot.offset);
            if (slot.is_synced) entry->rw_flags = RWF_DSYNC;
            break;
        case OperationKind::sync:
            io_uring_prep_fsync(entry, slot.descriptor, IORING_FSYNC_DATASYNC);
            break;
    }
    io_uring_sqe_set_data(entry, slot.op);
}

void UringRing::poll_accept(Op& op, int listener) {
    issue(operations_.take(op, OperationKind::accept_poll, listener));
}

void UringRing::receive(Op& op, int descriptor, bool data_is_waiting) {
    if (is_multishot_) return receive_from_stream(op, descriptor);
    OperationSlot& slot = operations_.take(op, OperationKind::receive, descriptor);
    // Polling first also means that no buffer is picked before there is something to put into it.
    slot.poll_first = !data_is_waiting;
    issue(slot);
}

void UringRing::receive_into(Op& op, int descriptor, std::span<char> into) {
    CHECK(!into.empty());
    if (is_multishot_ && receive_into_from_stream(op, descriptor, into)) return;
    OperationSlot& slot = operations_.take(op, OperationKind::receive_into, descriptor);
    slot.into = {into.data(), into.size()};
    issue(slot);
}

/// A send that completes while it is submitted, as nearly all do, would post a completion that the
/// very same entry then finds: it would not wait, and a turn would be spent on learning what was to
/// be expected. So a small send is tried without waiting (DONTWAIT) and without a completion
/// (CQE_SKIP_SUCCESS). After the entry that took it, it is either done, or has failed and a
/// completion says so, a short count included; no room (-EAGAIN) starts it again, to wait.
void UringRing::send(Op& op, int descriptor, std::span<const iovec> vectors, SendReport report) {
    CHECK(!vectors.empty());
    OperationSlot& slot = operations_.take(op, OperationKind::send, descriptor);
    slot.message = {};
    slot.message.msg_iov = const_cast<iovec*>(vectors.data());
    slot.message.msg_iovlen = std::min(vectors.size(), kVectorsMax);
    if (report == SendReport::with_next) {
        size_t bytes = 0;
        for (size_t i = 0; i < slot.message.msg_iovlen; ++i) bytes += vectors[i].iov_len;
        slot.is_silent = bytes <= kSilentBytesMax;
        slot.bytes = static_cast<uint32_t>(bytes);
    }
    issue(slot);
}

/// The next entry takes it from the queue if none has yet, and that is all there is to wait for.
void UringRing::expedite(Op& send) {
    if (send.in_flight && operations_.slot_of(send).is_silent) may_not_wait_ = true;
}

// --- files --------------------------------------------------------------------------------------

OperationSlot& UringRing::take_write(Op& op, int file, std::span<const iovec> vectors,
                                     uint64_t offset) {
    CHECK(!vectors.empty());
    OperationSlot& slot = operations_.take(op, OperationKind::write, file);
    slot.message = {};
    slot.message.msg_iov = const_cast<iovec*>(vectors.data());
    slot.message.msg_iovlen = std::min(vectors.size(), kVectorsMax);
    slot.offset = offset;
    return slot;
}

void UringRing::write(Op& op, int file, std::span<const iovec> vectors, uint64_t offset) {
    issue(take_write(op, file, vectors, offset));
}

void UringRing::sync(Op& op, int file) { issue(operations_.take(op, OperationKind::sync, file)); }

void UringRing::write_synced(Op& op, int file, std::span<const iovec> vectors, uint64_t offset) {
    OperationSlot& slot = take_write(op, file, vectors, offset);
    slot.is_synced = true;
    issue(slot);
}

// --- cancelling ---------------------------------------------------------------------------------

void UringRing::cancel(Op& op) {
    if (!op.in_flight) return;
    OperationSlot& slot = operations_.slot_of(op);
    slot.cancel_wanted = true;
    const uint32_t stream = is_multishot_ ? streams_.find(slot.descriptor) : ReceiveStreams::kNone;
    if (stream != ReceiveStreams::kNone && streams_.at(stream).waiting == &op) {
        return end_stream(stream);
    }
    io_uring_sqe& entry = next_entry();
    io_uring_prep_cancel(&entry, &op, 0);
    io_uring_sqe_set_data64(&entry, 0);
}

// --- multishot receives -------------------------------------------------------------------------

void UringRing::start_stream(uint32_t index) {
    io_uring_sqe& entry = next_entry();
    io_uring_prep_recv_multishot(&entry, streams_.at(index).descriptor, nullptr, 0, 0);
    entry.flags |= IOSQE_BUFFER_SELECT;
    entry.buf_group = BufferRing::kGroup;
    entry.ioprio |= IORING_RECVSEND_POLL_FIRST;
    io_uring_sqe_set_data64(&entry, tag_of(index));
    streams_.arm(index);
}

void UringRing::end_stream(uint32_t index) {
    ReceiveStream& stream = streams_.at(index);
    if (!stream.is_armed || stream.is_ending) return;
    stream.is_ending = true;
    io_uring_sqe& entry = next_entry();
    io_uring_prep_cancel64(&entry, tag_of(index), 0);
    io_uring_sqe_set_data64(&entry, 0);
}

/// Has `op` complete in the next dispatch with what came before it was asked for.
void UringRing::hand_on(Op& op, const Arrival& arrival) {
    reaped_.push_back({reinterpret_cast<uint64_t>(&op), arrival.result, arrival.flags});
}

void UringRing::receive_from_stream(Op& op, int descriptor) {
    const uint32_t index = streams_.open(descriptor);
    ReceiveStream& stream = streams_.at(index);
    operations_.take(op, OperationKind::receive, descriptor);
    if (!stream.held.empty()) return hand_on(op, ReceiveStreams::take(stream));
    stream.waiting = &op;
    if (!stream.is_armed) start_stream(index);
}

/// Large values go around the buffers, so the multishot request is ended first; what it has brought
/// until then is copied. False when nothing is in the way of a plain receive.
bool UringRing::receive_into_from_stream(Op& op, int descriptor, std::span<char> into) {
    const uint32_t index = streams_.find(descriptor);
    if (index == ReceiveStreams::kNone) return false;
    ReceiveStream& stream = streams_.at(index);
    if (stream.held.empty() && !stream.is_armed) return false;
    OperationSlot& slot = operations_.take(op, OperationKind::receive_into, descriptor);
    slot.into = {into.data(), into.size()};
    end_stream(index);
    if (stream.held.empty()) {
        stream.waiting = &op;
    } else {
        copy_held(stream, op, into);
    }
    return true;
}

/// Completes `op` with as much of the first held buffer as fits.
void UringRing::copy_held(ReceiveStream& stream, Op& op, std::span<char> into) {
    Arrival& first = stream.held.front();
    if (first.result <= 0) return hand_on(op, ReceiveStreams::take(stream));
    const auto buffer = static_cast<uint16_t>(first.flags >> IORING_CQE_BUFFER_SHIFT);
    const auto have = static_cast<size_t>(first.result);
    const size_t count = std::min(have, into.size());
    buffers_.take(buffer);
    char* bytes = buffers_.data(buffer);
    std::memcpy(into.data(), bytes, count);
    if (count < have) {
        std::memmove(bytes, bytes + count, have - count);
        first.result = static_cast<int32_t>(have - count);
        buffers_.untake(buffer);
    } else {
        ReceiveStreams::take(stream);
        buffers_.give(buffer);
    }
    hand_on(op, {static_cast<int32_t>(count), 0});
}

void UringRing::discard(const Arrival& arrival) {
    if ((arrival.flags & IORING_CQE_F_BUFFER) == 0) return;
    const auto buffer = static_cast<uint16_t>(arrival.flags >> IORING_CQE_BUFFER_SHIFT);
    buffers_.take(buffer);
    buffers_.give(buffer);
}

/// A completion of a multishot request. True when a handler ran.
bool UringRing::finish_stream(const Reaped& reaped) {
    const uint32_t index = stream_of(reaped.tag);
    ReceiveStream& stream = streams_.at(index);
    const Arrival arrival{reaped.result, reaped.flags};
    const bool is_closed = stream.descriptor < 0;
    if ((reaped.flags & IORING_CQE_F_MORE) == 0) streams_.disarm(index);
    if (is_closed) {
        discard(arrival);
        return false;
    }
    if (stream.waiting == nullptr) {
        hold(index, arrival);
        return false;
    }
    Op& op = *stream.waiting;
    OperationSlot& slot = operations_.slot_of(op);
    if (slot.kind == OperationKind::receive_into) {
        finish_into(index, slot, arrival);
        return false;
    }
    if (is_kept_waiting(index, slot, reaped)) return false;
    stream.waiting = nullptr;
    const Completion completion = completion_of(slot, reaped);
    operations_.give(slot);
    op.handler(op, completion);
    return true;
}

/// The request ended without a result for whoever waits: it is started again.
bool UringRing::is_kept_waiting(uint32_t index, OperationSlot& slot, const Reaped& reaped) {
    if (slot.cancel_wanted) return false;
    const bool is_nothing = reaped.result == -ECANCELED || reaped.result == -EAGAIN ||
                            reaped.result == -EINTR || is_false_end(slot, reaped);
    if (!is_nothing) return false;
    discard({reaped.result, reaped.flags});
    if (!streams_.at(index).is_armed) start_stream(index);
    return true;
}

/// Somebody waits for the request's end, to receive into memory of their own.
void UringRing::finish_into(uint32_t index, OperationSlot& slot, const Arrival& arrival) {
    ReceiveStream& stream = streams_.at(index);
    Op& op = *slot.op;
    hold(index, arrival);
    if (!stream.held.empty()) {
        stream.waiting = nullptr;
        return copy_held(stream, op, {static_cast<char*>(slot.into.iov_base), slot.into.iov_len});
    }
    if (stream.is_armed) return;
    stream.waiting = nullptr;
    issue(slot);
}

/// Nobody has asked for it. An end or an error is told to whoever asks next; what has only stopped
/// the request is not.
void UringRing::hold(uint32_t index, const Arrival& arrival) {
    ReceiveStream& stream = streams_.at(index);
    const int32_t result = arrival.result;
    if (result == -ECANCELED || result == -ENOBUFS || result == -EAGAIN || result == -EINTR) {
        return discard(arrival);
    }
    stream.held.push_back(arrival);
    if (stream.held.size() >= ReceiveStreams::kHeldMax) end_stream(index);
}

void UringRing::close_stream(int descriptor) {
    const uint32_t index = streams_.find(descriptor);
    if (index == ReceiveStreams::kNone) return;
    ReceiveStream& stream = streams_.at(index);
    while (!stream.held.empty()) discard(ReceiveStreams::take(stream));
    end_stream(index);
    streams_.detach(index);
}

void UringRing::close(int descriptor) {
    if (is_multishot_) close_stream(descriptor);
    static_cast<void>(::close(descriptor));
}

// --- wake ---------------------------------------------------------------------------------------

void UringRing::arm_wake() {
    io_uring_sqe& entry = next_entry();
    io_uring_prep_read(&entry, wake_descriptor_, &wake_value_, sizeof(wake_value_), 0);
    io_uring_sqe_set_data64(&entry, kWakeTag);
    is_wake_armed_ = true;
}

void UringRing::wake() {
    const int saved_errno = errno;  // may be called from a signal handler
    announce_handover(&wake_value_);
    const uint64_t one = 1;
    while (::write(wake_descriptor_, &one, sizeof(one)) < 0 && errno == EINTR) {
    }
    errno = saved_errno;
}

// --- the turn -----------------------------------------------------------------------------------

/// Work for the kernel: entries to submit, completions it has not posted (TASKRUN), or posted
/// beside the full queue (CQ_OVERFLOW: looking at the first flag alone can hang).
bool UringRing::must_enter() const {
    constexpr uint32_t flags = IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW;
    return io_uring_sq_ready(&uring_) > 0 || (IO_URING_READ_ONCE(*uring_.sq.kflags) & flags) != 0;
}

void UringRing::after_enter(int result, uint32_t queued_before) {
    SharedCounters::add(counters_.enters);
    SharedCounters::add(counters_.submitted, queued_before - io_uring_sq_ready(&uring_));
    if (result >= 0 || result == -ETIME) return;
    // EINTR: a signal. EAGAIN: no memory for a request just now. EBUSY, EBADR: the completion queue
    // has to be read first. What was not submitted is still queued, and the next entry takes it
    // along.
    const bool is_passing =
        result == -EINTR || result == -EAGAIN || result == -EBUSY || result == -EBADR;
    CHECK(is_passing);
    SharedCounters::add(counters_.interrupted);
}

/// Always asks for events: with DEFER_TASKRUN a bare submit would never see a completion.
void UringRing::enter_without_waiting() {
    buffers_.publish();
    const uint32_t queued = io_uring_sq_ready(&uring_);
    after_enter(io_uring_submit_and_get_events(&uring_), queued);
}

void UringRing::enter_and_wait(int64_t deadline_us) {
    buffers_.publish();
    const uint32_t queued = io_uring_sq_ready(&uring_);
    const int64_t left_us =
        deadline_us < 0 ? -1 : std::max<int64_t>(deadline_us - monotonic_us(), 0);
    if (left_us != 0 && gathering().completions > 1 && can_gather(uring_)) {
        SharedCounters::add(counters_.gathered);
    }
    after_enter(submit_and_wait(uring_, left_us, gathering()), queued);
}

/// Empties the completion queue. Nothing is handled here, so it may be called from anywhere.
void UringRing::reap() {
    for (;;) {
        uint32_t head = 0;
        uint32_t count = 0;
        io_uring_cqe* entry = nullptr;
        io_uring_for_each_cqe(&uring_, head, entry) {
            buffers_.note_completion(entry->flags);
            reaped_.push_back({entry->user_data, entry->res, entry->flags});
            ++count;
        }
        io_uring_cq_advance(&uring_, count);
        if (!io_uring_cq_has_overflow(&uring_)) break;
        SharedCounters::add(counters_.completion_overflow);
        enter_without_waiting();
    }
    // Completions the kernel had no memory to keep. Their operations would hang without a word.
    const uint32_t dropped = IO_URING_READ_ONCE(*uring_.cq.koverflow);
    SharedCounters::add(counters_.completion_overflow, dropped - dropped_seen_);
    dropped_seen_ = dropped;
}

size_t UringRing::poll() {
    CHECK(!is_dispatching_);
    buffers_.publish();
    if (must_enter()) enter_without_waiting();
    reap();
    may_not_wait_ = false;
    return dispatch();
}

size_t UringRing::wait(int64_t deadline_us) {
    CHECK(!is_dispatching_);
    if (may_not_wait_ || !reaped_.empty() || io_uring_cq_ready(&uring_) > 0) return poll();
    enter_and_wait(deadline_us);
    reap();
    return dispatch();
}

size_t UringRing::dispatch() {
    if (reaped_.empty() && silent_.empty()) return 0;
    // Handlers may submit more, and reap what came of it: a silent send counts as done only when
    // all completions its entry has posted are among those handled here.
    const uint32_t submitted = submitted_position();
    dispatching_.swap(reaped_);
    is_dispatching_ = true;
    announce_handlers();
    size_t handled = 0;
    for (const Reaped& reaped : dispatching_) {
        if (finish(reaped)) ++handled;
    }
    dispatching_.clear();
    handled += finish_silent(submitted);
    is_dispatching_ = false;
    SharedCounters::add(counters_.completed, handled);
    return handled;
}

/// True when a handler ran.
bool UringRing::finish(const Reaped& reaped) {
    if (reaped.tag == 0) return false;  // a cancellation's own completion
    if (reaped.tag == kWakeTag) {
        observe_handover(&wake_value_);
        arm_wake();
        return false;
    }
    if (is_of_stream(reaped.tag)) return finish_stream(reaped);
    Op& op = *reinterpret_cast<Op*>(reaped.tag);
    OperationSlot& slot = operations_.slot_of(op);
    const Completion completion = completion_of(slot, reaped);
    if (is_restarted(slot, reaped)) return false;
    operations_.give(slot);
    op.handler(op, completion);
    return true;
}

/// Where the kernel's head of the submission queue stands: entries before it have been taken.
uint32_t UringRing::submitted_position() const {
    return uring_.sq.sqe_tail - io_uring_sq_ready(&uring_);
}

/// Calls the handlers of the silent sends that were submitted and have not failed.
size_t UringRing::finish_silent(uint32_t submitted) {
    if (silent_.empty()) return 0;
    size_t handled = 0;
    silent_dispatching_.swap(silent_);
    for (const SilentSend& send : silent_dispatching_) {
        Op* op = nullptr;
        Completion completion;
        if (!take_finished(send, submitted, op, completion)) continue;
        op->handler(*op, completion);
        ++handled;
    }
    silent_dispatching_.clear();
    return handled;
}

/// False for one that has failed, whose slot then has another use, or is still queued.
bool UringRing::take_finished(const SilentSend& send, uint32_t submitted, Op*& op,
                              Completion& completion) {
    OperationSlot& slot = operations_.at(send.slot);
    if (slot.op == nullptr || !slot.is_silent || slot.position != send.position) return false;
    if (static_cast<int32_t>(submitted - send.position) <= 0) {
        silent_.push_back(send);
        return false;
    }
    op = slot.op;
    completion.result = static_cast<int32_t>(slot.bytes);
    completion.left_at_once = true;
    operations_.give(slot);
    return true;
}

Completion UringRing::completion_of(const OperationSlot& slot, const Reaped& reaped) {
    Completion completion;
    completion.result = reaped.result;
    completion.more_data = (reaped.flags & IORING_CQE_F_SOCK_NONEMPTY) != 0;
    if (slot.kind == OperationKind::accept_poll && reaped.result > 0) completion.result = 0;
    if (reaped.result == -ENOBUFS && !buffers_.grow()) {
        SharedCounters::add(counters_.buffer_starved);
    }
    if ((reaped.flags & IORING_CQE_F_BUFFER) == 0) return completion;
    const uint16_t buffer = static_cast<uint16_t>(reaped.flags >> IORING_CQE_BUFFER_SHIFT);
    buffers_.take(buffer);
    if (reaped.result <= 0) {  // picked, but nothing was put into it
        buffers_.give(buffer);
        return completion;
    }
    completion.buffer = buffer;
    // A buffer filled to its end says that there is more, flag or not.
    if (static_cast<uint32_t>(reaped.result) == buffers_.bytes()) completion.more_data = true;
    return completion;
}

/// Two results are none: a receive of nothing although the stream goes on, and a retry the kernel
/// leaves to us. Those start again, unless they were to be cancelled.
bool UringRing::is_restarted(OperationSlot& slot, const Reaped& reaped) {
    const bool is_retry = reaped.result == -EAGAIN || reaped.result == -EINTR;
    if (!is_retry && !is_false_end(slot, reaped)) return false;
    slot.poll_first = is_retry;
    slot.is_silent = false;
    issue(slot);
    if (slot.cancel_wanted) cancel(*slot.op);  // the first request found nothing to cancel
    return true;
}

/// A receive of 0 bytes with SOCK_NONEMPTY does not tell: some kernels (6.12 was seen) say so while
/// data waits, and for TCP the flag also stands beside a true end, because the kernel counts the
/// FIN as something to read. A look at the socket decides; connections end seldom enough for a
/// system call.
bool UringRing::is_false_end(const OperationSlot& slot, const Reaped& reaped) {
    if (slot.kind != OperationKind::receive && slot.kind != OperationKind::receive_into)
        return false;
    if (reaped.result != 0 || (reaped.flags & IORING_CQE_F_SOCK_NONEMPTY) == 0) return false;
    char byte = 0;
    const ssize_t waiting = ::recv(slot.descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return waiting > 0 || (waiting < 0 && (errno == EAGAIN || errno == EINTR));
}

}  // namespace

Result<std::unique_ptr<Ring>> create_uring_ring(const UringOptions& options) {
    if (!std::has_single_bit(options.buffer_count) || options.buffer_count > 32768) {
        return fail("the number of receive buffers must be a power of two up to 32768: choose 1024",
                    EINVAL);
    }
    auto ring = std::make_unique<UringRing>(options);
    const int error = ring->open(options);
    if (error != 0) return fail(explain_uring_failure(-error, read_uring_surroundings()), -error);
    return Result<std::unique_ptr<Ring>>(std::move(ring));
}

}  // namespace gyre::ring
