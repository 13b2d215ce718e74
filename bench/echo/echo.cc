// SPDX-License-Identifier: BSD-3-Clause

// bench-echo-server: answers each request with the same bulk string, whatever was asked. It parses
// nothing, so what it costs is what the kernel costs, and its latency is the noise of the machine:
// the floor below which differences between servers mean nothing.
//
// One thread, one io_uring: multishot accept, multishot receive into provided buffers, and one send
// for all requests that came from a connection in a turn. A request is counted by the '*' it begins
// with, so values must not contain one. Replies stand in memory once, repeated: a send is a range
// of that memory, and a connection keeps only how many bytes it is owed and where in a reply it
// stands. Sends are tried without waiting and report nothing when they succeed; what a full socket
// did not take is sent by one that waits.
//
// Needs Linux 6.1. Runs until it is ended by a signal. Exit code: 1 when it cannot run, 2 for
// options that are wrong.

#include <arpa/inet.h>
#include <liburing.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;

constexpr unsigned kBuffers = 256;  // so few stay in the processor's caches
constexpr unsigned kBufferBytes = 16 * 1024;
constexpr unsigned kSubmissions = 4096;
constexpr unsigned kCompletions = 16 * 1024;
constexpr int kBacklog = 511;
/// Of one send; the rest goes in the next.
constexpr size_t kSendBytesMax = 256 * 1024;
constexpr size_t kReplyBytesMax = 1024 * 1024;

/// Which operation a completion is of, beside its descriptor in the user data.
enum class Kind : uint8_t { accept, receive, send };

uint64_t user_data(Kind kind, int descriptor) {
    return static_cast<uint64_t>(descriptor) << 8 | static_cast<uint8_t>(kind);
}

struct Settings {
    uint16_t port = 7777;
    size_t reply_bytes = 64;
};

/// The kernel refused something; `code` is an errno.
bool complain(const char* what, int code) {
    std::fprintf(stderr, "bench-echo-server: %s: %s\n", what, std::strerror(code));
    return false;
}

class EchoServer {
public:
    explicit EchoServer(const Settings& settings) : settings_(settings) {
        const std::string body(settings.reply_bytes, 'x');
        const std::string reply = "$" + std::to_string(body.size()) + "\r\n" + body + "\r\n";
        reply_bytes_ = reply.size();
        while (replies_.size() < kSendBytesMax + reply_bytes_) replies_ += reply;
    }

    /// False, and a sentence on standard error, when it cannot run.
    bool run() {
        if (!listen_on_port() || !set_up_ring() || !provide_buffers()) return false;
        accept();
        for (;;) {
            send_all();
            const int result = io_uring_submit_and_wait(&ring_, 1);
            if (result < 0 && result != -EINTR) return complain("cannot wait", -result);
            take_completions();
        }
    }

private:
    struct Connection {
        uint64_t owed = 0;        ///< bytes of replies to be sent
        uint64_t sent = 0;        ///< bytes of replies sent, or in the send under way
        uint64_t tried = 0;       ///< bytes of the last send
        bool is_queued = false;   ///< in to_send_
        bool is_waiting = false;  ///< a send that waits is under way
        bool is_ended = false;    ///< by the client
    };

    // --- at start

    bool listen_on_port() {
        listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (listener_ < 0) return complain("cannot make a socket", errno);
        const int on = 1;
        ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(settings_.port);
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
            ::listen(listener_, kBacklog) != 0)
            return complain(("cannot listen on port " + std::to_string(settings_.port)).c_str(),
                            errno);
        return true;
    }

    bool set_up_ring() {
        io_uring_params parameters{};
        parameters.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                           IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL |
                           IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
        parameters.cq_entries = kCompletions;
        const int result = io_uring_queue_init_params(kSubmissions, &ring_, &parameters);
        if (result < 0) return complain("cannot set up io_uring, which takes Linux 6.1", -result);
        io_uring_register_ring_fd(&ring_);  // saves a look-up per system call; not needed
        return true;
    }

    bool provide_buffers() {
        void* memory = ::mmap(nullptr, kBuffers * (kBufferBytes + sizeof(io_uring_buf)),
                              PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) return complain("cannot get memory", errno);
        buffer_ring_ = static_cast<io_uring_buf_ring*>(memory);
        buffers_ = static_cast<char*>(memory) + kBuffers * sizeof(io_uring_buf);
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<uint64_t>(buffer_ring_);
        registration.ring_entries = kBuffers;
        const int result = io_uring_register_buf_ring(&ring_, &registration, 0);
        if (result < 0) return complain("cannot register buffers", -result);
        io_uring_buf_ring_init(buffer_ring_);
        for (unsigned i = 0; i < kBuffers; ++i) give_back(i);
        publish_buffers();
        return true;
    }

    // --- submissions

    io_uring_sqe* next_submission() {
        io_uring_sqe* submission = io_uring_get_sqe(&ring_);
        while (submission == nullptr) {
            io_uring_submit(&ring_);
            submission = io_uring_get_sqe(&ring_);
        }
        return submission;
    }

    void accept() {
        io_uring_sqe* submission = next_submission();
        io_uring_prep_multishot_accept(submission, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        submission->user_data = user_data(Kind::accept, listener_);
    }

    void receive(int descriptor) {
        io_uring_sqe* submission = next_submission();
        io_uring_prep_recv_multishot(submission, descriptor, nullptr, 0, 0);
        submission->flags |= IOSQE_BUFFER_SELECT;
        submission->ioprio |= IORING_RECVSEND_POLL_FIRST;
        submission->user_data = user_data(Kind::receive, descriptor);
    }

    /// `waits`: until the socket has taken all. Otherwise only failure posts a completion.
    void send(int descriptor, bool waits) {
        Connection& connection = connections_[static_cast<size_t>(descriptor)];
        const uint64_t length = std::min<uint64_t>(connection.owed, kSendBytesMax);
        const char* begin = replies_.data() + connection.sent % reply_bytes_;
        io_uring_sqe* submission = next_submission();
        io_uring_prep_send(submission, descriptor, begin, length,
                           MSG_NOSIGNAL | MSG_WAITALL | (waits ? 0 : MSG_DONTWAIT));
        submission->user_data = user_data(Kind::send, descriptor);
        if (!waits) submission->flags |= IOSQE_CQE_SKIP_SUCCESS;
        connection.is_waiting = waits;
        connection.tried = length;
        connection.owed -= length;
        connection.sent += length;
    }

    void send_all() {
        sending_.swap(to_send_);
        for (const int descriptor : sending_) {
            Connection& connection = connections_[static_cast<size_t>(descriptor)];
            connection.is_queued = false;
            if (connection.is_waiting || connection.is_ended) continue;
            // What takes more than one send goes on when the first completes.
            send(descriptor, connection.owed > kSendBytesMax);
        }
        sending_.clear();
    }

    void queue(int descriptor) {
        Connection& connection = connections_[static_cast<size_t>(descriptor)];
        if (!connection.is_queued) to_send_.push_back(descriptor);
        connection.is_queued = true;
    }

    // --- completions

    void take_completions() {
        unsigned head = 0;
        unsigned count = 0;
        io_uring_cqe* completion = nullptr;
        io_uring_for_each_cqe(&ring_, head, completion) {
            ++count;
            const int descriptor = static_cast<int>(completion->user_data >> 8);
            switch (static_cast<Kind>(completion->user_data & 0xff)) {
                case Kind::accept:
                    accepted(completion->res, completion->flags);
                    break;
                case Kind::receive:
                    received(descriptor, completion->res, completion->flags);
                    break;
                case Kind::send:
                    sent(descriptor, completion->res);
                    break;
            }
        }
        io_uring_cq_advance(&ring_, count);
        publish_buffers();
    }

    void accepted(int descriptor, unsigned flags) {
        if (descriptor >= 0) {
            const int on = 1;
            ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            const size_t needed = static_cast<size_t>(descriptor) + 1;
            if (connections_.size() < needed) connections_.resize(needed * 2);
            connections_[static_cast<size_t>(descriptor)] = Connection{};
            receive(descriptor);
        } else {
            complain("cannot accept", -descriptor);
        }
        if ((flags & IORING_CQE_F_MORE) == 0) accept();
    }

    void received(int descriptor, int result, unsigned flags) {
        if (result > 0) {
            const unsigned buffer = flags >> IORING_CQE_BUFFER_SHIFT;
            const char* begin = buffers_ + size_t{buffer} * kBufferBytes;
            const auto requests = std::count(begin, begin + result, '*');
            give_back(buffer);
            if (requests != 0) {
                connections_[static_cast<size_t>(descriptor)].owed +=
                    static_cast<uint64_t>(requests) * reply_bytes_;
                queue(descriptor);
            }
        } else if (result != -ENOBUFS) {
            end(descriptor);
            return;
        }
        if ((flags & IORING_CQE_F_MORE) == 0) receive(descriptor);
    }

    /// Of a send that waited, or of one that did not and failed: what it left goes out by one that
    /// waits. A connection that broke is noticed by its receive.
    void sent(int descriptor, int result) {
        Connection& connection = connections_[static_cast<size_t>(descriptor)];
        connection.is_waiting = false;
        if (connection.is_ended) {
            ::close(descriptor);
            return;
        }
        const uint64_t left = connection.tried - static_cast<uint64_t>(std::max(result, 0));
        connection.sent -= left;
        connection.owed += left;
        if (result < 0 && result != -EAGAIN && result != -EINTR) return;
        if (connection.owed != 0) send(descriptor, true);
    }

    /// Its number may be given to a new connection only when no completion for it is to come.
    void end(int descriptor) {
        Connection& connection = connections_[static_cast<size_t>(descriptor)];
        connection.is_ended = true;
        connection.owed = 0;
        if (!connection.is_waiting) ::close(descriptor);
    }

    // --- receive buffers

    void give_back(unsigned buffer) {
        io_uring_buf_ring_add(buffer_ring_, buffers_ + size_t{buffer} * kBufferBytes, kBufferBytes,
                              static_cast<uint16_t>(buffer), io_uring_buf_ring_mask(kBuffers),
                              given_back_++);
    }

    void publish_buffers() {
        io_uring_buf_ring_advance(buffer_ring_, std::exchange(given_back_, 0));
    }

    // fixed after construction
    const Settings settings_;
    size_t reply_bytes_ = 0;  // of one, with its head and tail
    std::string replies_;     // a whole send from any position of a reply

    int listener_ = -1;
    io_uring ring_{};
    io_uring_buf_ring* buffer_ring_ = nullptr;
    char* buffers_ = nullptr;
    int given_back_ = 0;                   // buffers the kernel does not yet know of
    std::vector<Connection> connections_;  // by descriptor
    std::vector<int> to_send_;             // descriptors owed something
    std::vector<int> sending_;             // the same, while they are gone through
};

template <class Number>
bool read_number(std::string_view text, uint64_t low, uint64_t high, Number& target) {
    uint64_t number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || stop != text.data() + text.size()) return false;
    target = static_cast<Number>(number);
    return number >= low && number <= high;
}

void print_usage(std::FILE* where) {
    std::fprintf(
        where,
        "usage: bench-echo-server [--port 1..65535] [--reply-bytes 0..%zu]\n"
        "Answers each request with a bulk string of so many bytes (port 7777, 64 bytes).\n",
        kReplyBytesMax);
}

/// False, and a sentence on standard error, when they are wrong.
bool read_options(int count, char** arguments, Settings& settings) {
    for (int i = 1; i < count; i += 2) {
        const std::string_view name = arguments[i];
        const std::string_view value = i + 1 < count ? arguments[i + 1] : "";
        if (name == "--port" && read_number(value, 1, 65535, settings.port)) continue;
        if (name == "--reply-bytes" && read_number(value, 0, kReplyBytesMax, settings.reply_bytes))
            continue;
        std::fprintf(stderr, "bench-echo-server: cannot take %s %s\n", arguments[i],
                     std::string(value).c_str());
        print_usage(stderr);
        return false;
    }
    return true;
}

}  // namespace

int main(int count, char** arguments) {
    if (count == 2 && std::string_view(arguments[1]) == "--help") {
        print_usage(stdout);
        return 0;
    }
    Settings settings;
    if (!read_options(count, arguments, settings)) return kExitUsage;
    EchoServer server(settings);
    return server.run() ? 0 : kExitFailed;
}
