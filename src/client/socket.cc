// SPDX-License-Identifier: BSD-3-Clause
#include "client/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>
#include <system_error>
#include <utility>

namespace gyre::client {
namespace {

using Clock = std::chrono::steady_clock;

tl::unexpected<Error> system_failure(const std::string& what, int code) {
    return fail(what + ": " + std::generic_category().message(code) + ".", code);
}

tl::unexpected<Error> connect_failure(const std::string& what, int code) {
    return fail(what + " (" + std::generic_category().message(code) +
                    "); check that a server listens there.",
                code);
}

struct AddressListDeleter {
    void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, AddressListDeleter>;

Result<AddressList> resolve(const std::string& host, uint16_t port) {
    addrinfo hints{};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int status = getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
    if (status != 0) {
        return fail("Cannot find the address of " + host + ": " + gai_strerror(status) +
                        "; check the host name.",
                    status == EAI_SYSTEM ? errno : ENOENT);
    }
    return AddressList(list);
}

void set_flag(int descriptor, int level, int option) {
    const int on = 1;
    // A socket that refuses works all the same.
    static_cast<void>(setsockopt(descriptor, level, option, &on, sizeof(on)));
}

}  // namespace

Deadline Deadline::after(int timeout_ms) {
    Deadline deadline;
    if (timeout_ms > 0) deadline.end_ = Clock::now() + std::chrono::milliseconds(timeout_ms);
    return deadline;
}

Deadline Deadline::now() {
    Deadline deadline;
    deadline.end_ = Clock::time_point::min();
    return deadline;
}

Deadline Deadline::part(size_t parts) const {
    if (end_ == Clock::time_point::max()) return *this;
    Deadline deadline = *this;
    const Clock::time_point present = Clock::now();
    if (present < end_) {
        deadline.end_ = present + (end_ - present) / static_cast<int64_t>(parts);
    }
    return deadline;
}

int Deadline::left_ms() const {
    if (end_ == Clock::time_point::max()) return -1;
    const Clock::time_point present = Clock::now();
    if (end_ <= present) return 0;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - present).count();
    return static_cast<int>(std::min<int64_t>(left, std::numeric_limits<int>::max()));
}

Socket::Socket(Socket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), tls_(std::move(other.tls_)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    std::swap(tls_, other.tls_);
    return *this;
}

Socket::~Socket() { close(); }

void Socket::close() {
    tls_.reset();
    if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

Result<Socket> Socket::connect_tcp(const std::string& host, uint16_t port, Deadline deadline) {
    Result<AddressList> addresses = resolve(host, port);
    if (!addresses) return tl::unexpected(std::move(addresses.error()));
    const std::string what = "Cannot connect to " + host + ", port " + std::to_string(port);
    int code = ENOENT;
    size_t left = 0;
    for (const addrinfo* each = addresses->get(); each != nullptr; each = each->ai_next) ++left;
    // One that does not answer leaves time for the others.
    for (const addrinfo* each = addresses->get(); each != nullptr; each = each->ai_next, --left) {
        Socket socket(::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (!socket.is_open()) {
            code = errno;
            continue;
        }
        const Result<void> connected =
            socket.finish_connect(each->ai_addr, each->ai_addrlen, deadline.part(left));
        if (connected) {
            // Pipelines are written whole: waiting for more to send would only add delay.
            set_flag(socket.descriptor_, IPPROTO_TCP, TCP_NODELAY);
            set_flag(socket.descriptor_, SOL_SOCKET, SO_KEEPALIVE);
            return socket;
        }
        code = connected.error().code;
    }
    return connect_failure(what, code);
}

Result<Socket> Socket::connect_unix(const std::string& path, Deadline deadline) {
    const std::string what = "Cannot connect to the Unix socket " + path;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) return system_failure(what, ENAMETOOLONG);
    std::copy(path.begin(), path.end(), address.sun_path);
    Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket.is_open()) return system_failure(what, errno);
    // With a full backlog a non-blocking connect() fails at once and poll() cannot wait for room; a
    // blocking one waits, for as long as sending may take.
    const int left_ms = deadline.left_ms();
    timeval limit{};
    if (left_ms >= 0) {
        limit.tv_sec = left_ms / 1000;
        limit.tv_usec = left_ms % 1000 * 1000;
    }
    static_cast<void>(
        setsockopt(socket.descriptor_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
    if (::connect(socket.descriptor_, reinterpret_cast<const sockaddr*>(&address),
                  sizeof(address)) != 0) {
        return connect_failure(what, errno == EAGAIN ? ETIMEDOUT : errno);
    }
    if (fcntl(socket.descriptor_, F_SETFL, O_NONBLOCK) != 0) return system_failure(what, errno);
    return socket;
}

Result<void> Socket::finish_connect(const void* address, uint32_t address_bytes,
                                    Deadline deadline) {
    if (::connect(descriptor_, static_cast<const sockaddr*>(address), address_bytes) == 0)
        return {};
    if (errno != EINPROGRESS && errno != EINTR) return fail("", errno);
    const Result<Ready> ready = wait(true, deadline);
    if (!ready) return fail("", ready.error().code);
    if (!ready->writable) return fail("", ETIMEDOUT);
    int code = 0;
    socklen_t code_bytes = sizeof(code);
    if (getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &code, &code_bytes) != 0) code = errno;
    if (code != 0) return fail("", code);
    return {};
}

Result<void> Socket::start_tls(const TlsOptions& options, const std::string& host,
                               Deadline deadline) {
    Result<std::unique_ptr<Tls>> tls = Tls::start(descriptor_, options, host);
    if (!tls) return tl::unexpected(std::move(tls.error()));
    tls_ = std::move(*tls);
    for (;;) {
        const Result<bool> agreed = tls_->shake_hands();
        if (!agreed) return tl::unexpected(agreed.error());
        if (*agreed) return {};
        const bool for_writing = tls_->receiving_waits_to_write();
        const Result<Ready> ready = poll_for(!for_writing, for_writing, deadline);
        if (!ready) return tl::unexpected(ready.error());
        if (!ready->readable && !ready->writable) {
            return fail("No agreement on TLS with " + host +
                            " within the timeout; check that its port is one of TLS, or raise the "
                            "timeout.",
                        ETIMEDOUT);
        }
    }
}

Result<Socket::Ready> Socket::wait(bool for_writing, Deadline deadline) {
    return tls_ ? wait_for_tls(for_writing, deadline) : poll_for(true, for_writing, deadline);
}

/// Receiving may have to wait until something can be sent, and the other way round.
Result<Socket::Ready> Socket::wait_for_tls(bool for_writing, Deadline deadline) {
    if (tls_->has_bytes()) return Ready{true, false};
    const bool sending_reads = tls_->sending_waits_to_read();
    const bool receiving_writes = tls_->receiving_waits_to_write();
    const Result<Ready> ready =
        poll_for(true, (for_writing && !sending_reads) || receiving_writes, deadline);
    if (!ready) return ready;
    return Ready{ready->readable || (receiving_writes && ready->writable),
                 ready->writable || (sending_reads && ready->readable)};
}

Result<Socket::Ready> Socket::poll_for(bool for_reading, bool for_writing, Deadline deadline) {
    pollfd entry{};
    entry.fd = descriptor_;
    entry.events = static_cast<short>((for_reading ? POLLIN : 0) | (for_writing ? POLLOUT : 0));
    for (;;) {
        const int count = poll(&entry, 1, deadline.left_ms());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return system_failure("Cannot wait for the server", errno);
        if (count == 0) return Ready{};
        // A failed or closed socket is ready: the next call on it tells why.
        const bool is_broken = (entry.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0;
        return Ready{is_broken || (entry.revents & POLLIN) != 0,
                     is_broken || (entry.revents & POLLOUT) != 0};
    }
}

Result<size_t> Socket::send_some(std::string_view bytes) {
    if (tls_) return tls_->send_some(bytes);
    for (;;) {
        const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent >= 0) return static_cast<size_t>(sent);
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return size_t{0};
        return system_failure("The connection to the server broke while sending", errno);
    }
}

Result<Socket::Received> Socket::receive_some(char* into, size_t bytes) {
    if (tls_) {
        const Result<Tls::Received> received = tls_->receive_some(into, bytes);
        if (!received) return tl::unexpected(received.error());
        return Received{received->bytes, received->is_end};
    }
    for (;;) {
        const ssize_t received = ::recv(descriptor_, into, bytes, 0);
        if (received > 0) return Received{static_cast<size_t>(received), false};
        if (received == 0) return Received{0, true};
        if (errno == EINTR) continue;
        if (errno == EAGAIN) return Received{};
        return system_failure("The connection to the server broke while receiving", errno);
    }
}

}  // namespace gyre::client
