// SPDX-License-Identifier: BSD-3-Clause
#include "support/raw_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace gyre::test {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kReceiveBytes = 256 * 1024;
constexpr std::size_t kCompactBytes = 4 * 1024 * 1024;

int remaining_ms(Clock::time_point deadline) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
    return left < 0 ? 0 : static_cast<int>(left) + 1;
}

/// Waits for the events; the events seen, 0 at the deadline.
short wait_for(int descriptor, short events, Clock::time_point deadline) {
    pollfd entry{descriptor, events, 0};
    while (true) {
        const int ready = ::poll(&entry, 1, remaining_ms(deadline));
        if (ready > 0) return entry.revents;
        if (ready == 0 || errno != EINTR) return 0;
    }
}

}  // namespace

std::optional<RawSocket> RawSocket::connect_tcp(int port, const std::string& host) {
    const bool is_ipv6 = host.find(':') != std::string::npos;
    const int descriptor = ::socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return std::nullopt;
    RawSocket socket(descriptor);
    int result = -1;
    if (is_ipv6) {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(static_cast<std::uint16_t>(port));
        ::inet_pton(AF_INET6, host.c_str(), &address.sin6_addr);
        result = ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address);
    } else {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(port));
        ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
        result = ::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address);
    }
    if (result != 0) return std::nullopt;
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return socket;
}

std::optional<RawSocket> RawSocket::connect_unix(const std::string& path) {
    const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return std::nullopt;
    RawSocket socket(descriptor);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        return std::nullopt;
    }
    return socket;
}

RawSocket::RawSocket(RawSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      is_at_end_(other.is_at_end_),
      input_(std::move(other.input_)),
      consumed_(other.consumed_) {}

RawSocket& RawSocket::operator=(RawSocket&& other) noexcept {
    if (this == &other) return *this;
    close();
    descriptor_ = std::exchange(other.descriptor_, -1);
    is_at_end_ = other.is_at_end_;
    input_ = std::move(other.input_);
    consumed_ = other.consumed_;
    return *this;
}

RawSocket::~RawSocket() { close(); }

void RawSocket::close() {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = -1;
}

void RawSocket::shutdown_write() { ::shutdown(descriptor_, SHUT_WR); }

void RawSocket::set_receive_buffer(int bytes) {
    ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

std::size_t RawSocket::send_some(std::string_view bytes) {
    const ssize_t sent =
        ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

bool RawSocket::send(std::string_view bytes, std::chrono::milliseconds patience) {
    while (!bytes.empty()) {
        const short events = wait_for(descriptor_, POLLOUT, Clock::now() + patience);
        if ((events & POLLOUT) == 0) return false;
        const ssize_t sent =
            ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            if (errno == EAGAIN || errno == EINTR) continue;
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool RawSocket::send_while_reading(std::string_view bytes) {
    while (!bytes.empty()) {
        const short events = wait_for(descriptor_, POLLOUT | POLLIN, Clock::now() + kPatience);
        if (events == 0) return false;
        if ((events & (POLLIN | POLLHUP)) != 0 && !fill(Clock::now())) return false;
        if ((events & POLLOUT) != 0) bytes.remove_prefix(send_some(bytes));
    }
    return true;
}

bool RawSocket::fill(Clock::time_point deadline) {
    while (!is_at_end_) {
        if (wait_for(descriptor_, POLLIN, deadline) == 0) return false;
        const std::size_t size = input_.size();
        input_.resize(size + kReceiveBytes);
        const ssize_t received =
            ::recv(descriptor_, input_.data() + size, kReceiveBytes, MSG_DONTWAIT);
        const int error = errno;
        input_.resize(size + (received > 0 ? static_cast<std::size_t>(received) : 0));
        if (received > 0) return true;
        if (received < 0 && (error == EAGAIN || error == EINTR)) continue;
        is_at_end_ = true;
    }
    return false;
}

void RawSocket::compact() {
    if (consumed_ == input_.size()) {
        input_.clear();
        consumed_ = 0;
    } else if (consumed_ > kCompactBytes) {
        input_.erase(0, consumed_);
        consumed_ = 0;
    }
}

std::optional<Frame> RawSocket::take_frame() {
    std::size_t offset = consumed_;
    std::optional<Frame> frame = parse_frame(input_, offset);
    if (frame) {
        consumed_ = offset;
        compact();
    }
    return frame;
}

std::optional<Frame> RawSocket::read_frame(std::chrono::milliseconds patience) {
    const Clock::time_point deadline = Clock::now() + patience;
    // A large array arrives in many pieces: look at it again only after it has doubled, so that the
    // whole costs linear time, or when nothing more is at hand.
    std::size_t worth_a_look = 0;
    while (true) {
        const std::size_t held = input_.size() - consumed_;
        if (held >= worth_a_look || wait_for(descriptor_, POLLIN, Clock::now()) == 0) {
            std::optional<Frame> frame = take_frame();
            if (frame) return frame;
            worth_a_look = held * 2;
        }
        if (!fill(deadline)) return take_frame();
    }
}

std::vector<Frame> RawSocket::read_frames(std::size_t count, std::chrono::milliseconds patience) {
    std::vector<Frame> frames;
    while (frames.size() < count) {
        std::optional<Frame> frame = read_frame(patience);
        if (!frame) break;
        frames.push_back(std::move(*frame));
    }
    return frames;
}

Frame RawSocket::command(const std::vector<std::string>& arguments) {
    std::optional<Frame> frame;
    if (send_while_reading(encode(arguments))) frame = read_frame();
    if (frame) return std::move(*frame);
    Frame closed;
    closed.is_null = true;
    closed.text = "closed";
    return closed;
}

std::string RawSocket::read_to_end(std::chrono::milliseconds patience) {
    const Clock::time_point deadline = Clock::now() + patience;
    while (fill(deadline)) {
    }
    std::string bytes = input_.substr(consumed_);
    consumed_ = input_.size();
    compact();
    return bytes;
}

bool RawSocket::is_closed_by_peer(std::chrono::milliseconds patience) {
    return read_to_end(patience).empty() && is_at_end_;
}

bool RawSocket::is_silent_for(std::chrono::milliseconds quiet) {
    if (consumed_ != input_.size()) return false;
    return !fill(Clock::now() + quiet) && !is_at_end_;
}

}  // namespace gyre::test
