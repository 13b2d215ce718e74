// SPDX-License-Identifier: BSD-3-Clause
#include "ring/uring/sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace gyre::ring {
namespace {

/// A socket address of any family, in the form the kernel wants.
struct Endpoint {
    union {
        sockaddr any;
        sockaddr_in inet4;
        sockaddr_in6 inet6;
        sockaddr_un path;
        sockaddr_storage storage;
    };
    socklen_t length = 0;
    Endpoint() : storage{} {}
};

/// Closes on destruction what is not handed on.
class Descriptor {
public:
    explicit Descriptor(int value) noexcept : value_(value) {}
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    int get() const noexcept { return value_; }
    int detach() noexcept { return std::exchange(value_, -1); }

private:
    int value_;
};

std::string remedy(int error) {
    switch (error) {
        case EADDRINUSE:
            // Which of them cannot be asked. SO_REUSEADDR, which a listener has, gets it past a
            // connection only where the socket of that had it too.
            return "another process listens there, or a connection has that port, or had it a "
                   "minute ago: stop that process, or choose another port";
        case EADDRNOTAVAIL:
            return "this machine has no such address: check the bind directive";
        case EACCES:
            return "not permitted: choose a port above 1023 or a directory this user may write";
        case EMFILE:
        case ENFILE:
            return "no descriptor is left: raise ulimit -n";
        case EAFNOSUPPORT:
            return "this machine has no such address family: check the bind directive";
        case ENOENT:
            return "the directory does not exist: create it";
        default:
            return std::strerror(error);
    }
}

tl::unexpected<Error> cannot_listen(const Address& address, int error) {
    // A path has no port, whatever CLIENT LIST shows.
    const bool is_path = address.family == Address::Family::unix_path;
    const std::string place = is_path ? address.host : address.text();
    if (is_path && error == EADDRINUSE) {
        return fail("cannot listen on " + place +
                        ": another process listens there, or it is no socket: stop that process, "
                        "remove the file, or choose another path",
                    error);
    }
    return fail("cannot listen on " + place + ": " + remedy(error), error);
}

Result<Endpoint> endpoint_of(const Address& address) {
    Endpoint endpoint;
    if (address.family == Address::Family::inet4) {
        endpoint.inet4.sin_family = AF_INET;
        endpoint.inet4.sin_port = htons(address.port);
        endpoint.length = sizeof(sockaddr_in);
        if (inet_pton(AF_INET, address.host.c_str(), &endpoint.inet4.sin_addr) == 1)
            return endpoint;
        return fail("'" + address.host + "' is not an IPv4 address: give one such as 127.0.0.1",
                    EINVAL);
    }
    if (address.family == Address::Family::inet6) {
        endpoint.inet6.sin6_family = AF_INET6;
        endpoint.inet6.sin6_port = htons(address.port);
        endpoint.length = sizeof(sockaddr_in6);
        if (inet_pton(AF_INET6, address.host.c_str(), &endpoint.inet6.sin6_addr) == 1)
            return endpoint;
        return fail("'" + address.host + "' is not an IPv6 address: give one such as ::1", EINVAL);
    }
    endpoint.path.sun_family = AF_UNIX;
    if (address.host.empty() || address.host.size() >= sizeof(endpoint.path.sun_path)) {
        return fail("the Unix socket path '" + address.host + "' must have 1 to " +
                        std::to_string(sizeof(endpoint.path.sun_path) - 1) +
                        " bytes: choose another",
                    ENAMETOOLONG);
    }
    std::memcpy(endpoint.path.sun_path, address.host.data(), address.host.size());
    endpoint.length = sizeof(sockaddr_un);
    return endpoint;
}

/// Removes a socket file nobody listens on. What is in use, or is no socket, stays, and bind() will
/// then say so.
void remove_stale_socket(const Endpoint& endpoint) {
    struct stat status{};
    if (::lstat(endpoint.path.sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) return;
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (probe.get() < 0) return;
    if (::connect(probe.get(), &endpoint.any, endpoint.length) != 0 && errno == ECONNREFUSED) {
        ::unlink(endpoint.path.sun_path);
    }
}

Address address_from(const Endpoint& endpoint) {
    Address address;
    char text[INET6_ADDRSTRLEN] = "";
    if (endpoint.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &endpoint.inet4.sin_addr, text, sizeof(text));
        address.port = ntohs(endpoint.inet4.sin_port);
    } else if (endpoint.any.sa_family == AF_INET6) {
        address.family = Address::Family::inet6;
        inet_ntop(AF_INET6, &endpoint.inet6.sin6_addr, text, sizeof(text));
        address.port = ntohs(endpoint.inet6.sin6_port);
    } else {
        address.family = Address::Family::unix_path;
        const char* path = endpoint.path.sun_path;
        const size_t header = offsetof(sockaddr_un, sun_path);
        if (endpoint.length > header)
            address.host.assign(path, strnlen(path, endpoint.length - header));
        return address;
    }
    address.host = text;
    return address;
}

void set_option(int descriptor, int level, int name, int value) {
    // Only tuning: a socket without the option (Unix) works all the same.
    static_cast<void>(::setsockopt(descriptor, level, name, &value, sizeof(value)));
}

}  // namespace

Result<int> open_listener(const Address& address, const ListenOptions& options) {
    const Result<Endpoint> endpoint = endpoint_of(address);
    if (!endpoint) return tl::unexpected<Error>(endpoint.error());
    const bool is_unix = address.family == Address::Family::unix_path;
    Descriptor listener(
        ::socket(endpoint->any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (listener.get() < 0) return cannot_listen(address, errno);
    if (is_unix) remove_stale_socket(*endpoint);
    if (!is_unix) set_option(listener.get(), SOL_SOCKET, SO_REUSEADDR, 1);
    // Each family has a listener of its own, so that "bind * -::*" does not collide with itself.
    if (address.family == Address::Family::inet6) {
        set_option(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, 1);
    }
    if (::bind(listener.get(), &endpoint->any, endpoint->length) != 0) {
        return cannot_listen(address, errno);
    }
    if (is_unix && options.unix_permissions != 0 &&
        ::chmod(address.host.c_str(), options.unix_permissions) != 0) {
        return cannot_listen(address, errno);
    }
    if (::listen(listener.get(), options.backlog) != 0) return cannot_listen(address, errno);
    return listener.detach();
}

void stop_listening(int listener) { static_cast<void>(::shutdown(listener, SHUT_RDWR)); }

bool listen_again(int listener, int backlog) { return ::listen(listener, backlog) == 0; }

int accept_connection(int listener) {
    for (;;) {
        const int descriptor = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) return descriptor;
        // ECONNABORTED: the peer went away while it waited; the next one may be there.
        if (errno != EINTR && errno != ECONNABORTED) return -errno;
    }
}

Address address_of_peer(int descriptor) {
    Endpoint endpoint;
    endpoint.length = sizeof(endpoint.storage);
    if (::getpeername(descriptor, &endpoint.any, &endpoint.length) != 0) return {};
    // A Unix client has no name; the path it connected to says more.
    if (endpoint.any.sa_family == AF_UNIX) return address_of_this_end(descriptor);
    return address_from(endpoint);
}

Address address_of_this_end(int descriptor) {
    Endpoint endpoint;
    endpoint.length = sizeof(endpoint.storage);
    if (::getsockname(descriptor, &endpoint.any, &endpoint.length) != 0) return {};
    return address_from(endpoint);
}

void tune_stream(int descriptor, int keepalive_seconds) {
    set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, keepalive_seconds > 0 ? 1 : 0);
    if (keepalive_seconds <= 0) return;
    // Idle for the interval, then three probes within the same time: a dead peer is gone after
    // twice it.
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, keepalive_seconds);
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, std::max(1, keepalive_seconds / 3));
    set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace gyre::ring
