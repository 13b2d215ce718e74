// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The one door to the kernel for I/O. A Ring starts operations and reports their completions;
// nothing above it knows an SQE, and nothing above it knows whether the kernel (uring/) or the
// simulator (sim/) is behind it. Descriptors are plain ints in both.
//
// Operations complete through an Op, a slot that lives in an object which outlives the operation (a
// stream, a listener, the reactor), never in a coroutine frame. A slot carries one operation at a
// time; its handler is called from Ring::wait() or Ring::poll(), on the ring's own thread.
//
// Ownership: whoever starts an operation owns its Op, its buffers, iovecs and msghdr, and keeps all
// of them in place until the handler ran. Provided receive buffers belong to the ring; one is lent
// with the completion that names it, until give_back().
// Threads: all calls on the thread that created the ring, but for wake().
// Suspends: never. Errors of operations arrive as negative errno in Completion::result.
//
// Sources: io_uring_setup(2), io_uring_enter(2), io_uring_register(2).

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <gyre/result.h>

#include "ring/thread_use.h"

namespace gyre::ring {

/// How an operation ended.
struct Completion {
    static constexpr uint16_t kNoBuffer = 0xFFFF;
    int32_t result = 0;           ///< bytes, a descriptor, 0 for end of stream; or -errno
    uint16_t buffer = kNoBuffer;  ///< provided buffer lent by a receive, perhaps beside an error
    bool more_data = false;     ///< the socket held more than was received (no need to poll first)
    bool left_at_once = false;  ///< a send that was done when it was submitted, and may have been
                                ///< so for long: SendReport::with_next
};

/// A slot for one operation at a time.
struct Op {
    using Handler = void (*)(Op& op, const Completion& completion);
    explicit Op(Handler on_done) noexcept : handler(on_done) {}
    Op(const Op&) = delete;
    Op& operator=(const Op&) = delete;

    Handler handler;
    bool in_flight = false;  ///< set by the ring at start, cleared before the handler is called
    uint32_t backend = 0;    ///< for the ring's own use
};

/// Where a listener listens or a peer sits.
struct Address {
    enum class Family : uint8_t { inet4, inet6, unix_path };
    Family family = Family::inet4;
    std::string host;  ///< numeric address, or the path of a Unix socket
    uint16_t port = 0;
    /// "127.0.0.1:6379", "[::1]:6379" or "/path:0", as CLIENT LIST prints it.
    std::string text() const;
};

struct ListenOptions {
    int backlog = 511;
    uint32_t unix_permissions = 0;  ///< mode of a Unix socket from the start; 0: the umask's
};

/// When the handler of a send is called that could leave at once.
enum class SendReport : uint8_t {
    at_once,    ///< as soon as it is sent: by a completion of its own, which ends a wait()
    with_next,  ///< together with whatever else ends the next wait(), which may be late: for the
                ///< many sends behind which nothing waits
};

/// What the ring found and uses, for the start-up lines and INFO.
struct Features {
    std::string kernel;  ///< "6.18.1"
    std::string flags;   ///< "SINGLE_ISSUER DEFER_TASKRUN ..."
    uint32_t submission_entries = 0;
    uint32_t completion_entries = 0;
    uint32_t buffer_count = 0;
    uint32_t buffer_bytes = 0;
    uint64_t descriptors_max = 0;  ///< RLIMIT_NOFILE
    uint64_t mapped_bytes = 0;  ///< obtained by base::map_pages for provided buffers: slack of the
                                ///< memory check, counted as obtained and not as used
};

/// Counted events; each is a limit reached or a retry.
struct Counters {
    uint64_t enters = 0;  ///< io_uring_enter calls
    uint64_t submitted = 0;
    uint64_t completed = 0;
    uint64_t submission_full = 0;      ///< submission queue was full, flushed in place
    uint64_t completion_overflow = 0;  ///< completion queue overflowed into the kernel's list
    uint64_t buffer_starved = 0;       ///< a receive found no provided buffer
    uint64_t interrupted = 0;          ///< EINTR, EAGAIN, EBUSY from enter, retried
    uint64_t gathered = 0;             ///< waits that asked for several completions
};

/// How long a wait may go on for more completions than the first.
struct Gathering {
    uint32_t completions = 1;  ///< that end it at once
    uint32_t us = 0;           ///< after which one is enough
};

class Ring {
public:
    Ring() = default;
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    virtual ~Ring() = default;

    // --- time -------------------------------------------------------------------------------
    /// Monotonic microseconds. Never goes back.
    virtual int64_t monotonic_us() const = 0;
    /// Unix time in milliseconds; may step.
    virtual int64_t wall_ms() const = 0;
    /// The same in microseconds.
    virtual int64_t wall_us() const = 0;

    // --- sockets ----------------------------------------------------------------------------
    /// Opens a non-blocking listening socket. A stale Unix socket file is replaced.
    virtual Result<int> listen(const Address& address, const ListenOptions& options) = 0;
    /// Takes one waiting connection without waiting: a descriptor or -errno (-EAGAIN: none waits).
    virtual int accept_now(int listener) = 0;
    /// Completes once `listener` may have connections waiting (result 0), to be taken by
    /// accept_now().
    virtual void poll_accept(Op& op, int listener) = 0;
    /// Address of the peer, and of this end, of a connected socket.
    virtual Address peer_address(int descriptor) const = 0;
    virtual Address local_address(int descriptor) const = 0;
    /// TCP_NODELAY on; SO_KEEPALIVE with the interval given, 0: off. No-op for Unix sockets.
    virtual void configure_stream(int descriptor, int keepalive_seconds) = 0;

    /// Receives into a provided buffer: result > 0 and a buffer; 0 end of stream; -errno. -ENOBUFS:
    /// no buffer was free, start again after buffers came back. `data_is_waiting` skips the poll.
    virtual void receive(Op& op, int descriptor, bool data_is_waiting) = 0;
    /// Receives into the caller's memory: all of `into`, but fewer at end of stream, error,
    /// shutdown, or when a part had arrived before this was asked for.
    virtual void receive_into(Op& op, int descriptor, std::span<char> into) = 0;
    /// Sends the vectors in order (they stay in place until done). May send fewer bytes than asked.
    /// One that has to wait for room, or fails, reports as soon as that is known in any case.
    virtual void send(Op& op, int descriptor, std::span<const iovec> vectors,
                      SendReport report = SendReport::at_once) = 0;
    /// Something waits for the end of a send after all: it is then reported at once.
    virtual void expedite(Op& send) = 0;
    /// shutdown(2) both ways, at once; pending operations on the descriptor then complete.
    virtual void shutdown(int descriptor) = 0;
    /// shutdown(2) of what is sent, at once: the peer sees the end of the stream, and what it sends
    /// is received as before. Not while a send is in flight.
    virtual void shutdown_sending(int descriptor) = 0;
    /// Closes at once. Only when nothing on the descriptor is in flight.
    virtual void close(int descriptor) = 0;
    /// Asks for the cancellation of `op`; its handler still runs, with -ECANCELED or its result.
    virtual void cancel(Op& op) = 0;

    // --- files ------------------------------------------------------------------------------
    /// Writes the vectors in order, from `offset` of the file on (they stay in place until done).
    /// Bytes written, perhaps fewer than asked for, or -errno.
    virtual void write(Op& op, int file, std::span<const iovec> vectors, uint64_t offset) = 0;
    /// Has what was written reach the disk, with what it takes to find it there (fdatasync). 0 or
    /// -errno; after an error nobody knows what has arrived of all that was written since the last
    /// success, and a later success does not tell either.
    virtual void sync(Op& op, int file) = 0;
    /// As write(), and what the completion counts is on the disk when it comes, with what it takes
    /// to find it there (RWF_DSYNC); other bytes of the file are not meant. One operation costs the
    /// kernel half the hand-overs between threads of a write with a sync linked to it. -errno may
    /// be of either half, and then nobody knows what has arrived, as with sync(); and where fewer
    /// bytes are counted than were asked for, the sync of others may have failed. Either way, what
    /// was not counted is on the disk once it has been written again and that was synced.
    virtual void write_synced(Op& op, int file, std::span<const iovec> vectors,
                              uint64_t offset) = 0;

    // --- provided buffers -------------------------------------------------------------------
    virtual char* buffer_data(uint16_t buffer) = 0;
    /// Returns a lent buffer to the ring. Cheap; published with the next submission.
    virtual void give_back(uint16_t buffer) = 0;

    // --- the turn ---------------------------------------------------------------------------
    /// Submits what was started and runs the handlers of what has completed, without waiting.
    /// Returns the number of completions.
    virtual size_t poll() = 0;
    /// Submits, waits until something completes, wake() is called, or `deadline_us` (monotonic; -1:
    /// none) has passed, then runs the handlers. Returns the number of completions.
    virtual size_t wait(int64_t deadline_us) = 0;
    /// From now on wait() may go on for more completions, as far as the system can: it then ends
    /// later by up to gathering.us, also for wake(), but not after its deadline.
    void gather(const Gathering& gathering) noexcept { gathering_ = gathering; }
    /// Ends a wait(), from any thread or a signal handler. Kept if no wait is going on.
    virtual void wake() = 0;

    /// Of the thread that the ring belongs to. A system call.
    virtual ThreadUse thread_use() const = 0;

    virtual const Features& features() const = 0;
    /// A copy of the counts. Any thread.
    virtual Counters counters() const = 0;

    /// Has `call(context)` run in poll() and wait() between the return from the kernel and the
    /// first handler, when there are completions: the reactor takes the time there. Null: nobody.
    void set_before_handlers(void (*call)(void*), void* context) noexcept {
        before_handlers_ = call;
        before_handlers_context_ = context;
    }

protected:
    const Gathering& gathering() const noexcept { return gathering_; }
    void announce_handlers() const {
        if (before_handlers_ != nullptr) before_handlers_(before_handlers_context_);
    }

private:
    void (*before_handlers_)(void*) = nullptr;
    void* before_handlers_context_ = nullptr;
    Gathering gathering_;
};

}  // namespace gyre::ring
