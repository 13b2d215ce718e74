// SPDX-License-Identifier: BSD-3-Clause
#include "load/target.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace gyre::load {
namespace {

/// Connections that come from one address, of which there are as many, before its turn comes again.
constexpr uint32_t kConnectionsPerSource = 10'000;
constexpr uint32_t kSourceAddresses = 64;

Result<sockaddr_un> unix_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path))
        return fail("the path of the Unix socket is too long: " + path, ENAMETOOLONG);
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

bool is_in_loopback(const sockaddr_storage& address) {
    if (address.ss_family != AF_INET) return false;
    const auto& inet = reinterpret_cast<const sockaddr_in&>(address);
    return ntohl(inet.sin_addr.s_addr) >> 24 == 127;
}

/// 127.0.0.1 and its neighbours. The port is chosen by connect(), not here: only then may the same
/// port serve several destinations.
int bind_source(int descriptor, uint32_t connection) {
    const uint32_t number = connection / kConnectionsPerSource % kSourceAddresses;
    if (number == 0) return 0;  // what connect() takes by itself
    const int on = 1;
    ::setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl((127U << 24) + 1 + number);
    return ::bind(descriptor, reinterpret_cast<const sockaddr*>(&source), sizeof(source));
}

}  // namespace

Result<Target> Target::find(const Options& options) {
    Target target;
    if (!options.unix_path.empty()) {
        const Result<sockaddr_un> address = unix_address(options.unix_path);
        if (!address) return tl::unexpected<Error>(address.error());
        std::memcpy(&target.address_, &*address, sizeof(*address));
        target.length_ = sizeof(*address);
        target.name_ = options.unix_path;
        return target;
    }
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(options.port);
    const int error = ::getaddrinfo(options.host.c_str(), port.c_str(), &hints, &found);
    if (error != 0)
        return fail(fmt::format("cannot find {}: {}", options.host, ::gai_strerror(error)));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> guard(found, &::freeaddrinfo);
    std::memcpy(&target.address_, found->ai_addr, found->ai_addrlen);
    target.length_ = found->ai_addrlen;
    target.is_loopback_ = is_in_loopback(target.address_);
    target.name_ = fmt::format("{}:{}", options.host, options.port);
    return target;
}

Result<int> Target::open_socket() {
    const int family = address_.ss_family;
    const int descriptor = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return cannot_connect(-1, errno);
    if (is_loopback_ && bind_source(descriptor, opened_++) != 0)
        return cannot_connect(descriptor, errno);
    const int on = 1;
    if (family != AF_UNIX) ::setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return descriptor;
}

Result<int> Target::connect() {
    const Result<int> descriptor = open_socket();
    if (!descriptor) return descriptor;
    while (::connect(*descriptor, reinterpret_cast<const sockaddr*>(&address_), length_) != 0) {
        if (errno == EISCONN) break;
        if (errno != EINTR && errno != EALREADY) return cannot_connect(*descriptor, errno);
    }
    return descriptor;
}

Result<int> Target::start_connecting() {
    if (address_.ss_family == AF_UNIX) return connect();
    const Result<int> descriptor = open_socket();
    if (!descriptor) return descriptor;
    ::fcntl(*descriptor, F_SETFL, O_NONBLOCK);
    const int result =
        ::connect(*descriptor, reinterpret_cast<const sockaddr*>(&address_), length_);
    if (result != 0 && errno != EINPROGRESS) return cannot_connect(*descriptor, errno);
    // The ring's operations are to wait for the connection, not to fail with EAGAIN.
    ::fcntl(*descriptor, F_SETFL, 0);
    return descriptor;
}

tl::unexpected<Error> Target::cannot_connect(int descriptor, int error) const {
    if (descriptor >= 0) ::close(descriptor);
    const char* remedy = "";
    if (error == EMFILE || error == ENFILE) remedy = "; raise ulimit -n";
    if (error == EADDRNOTAVAIL) remedy = "; no port is left, wait a minute or take fewer";
    if (error == ECONNREFUSED || error == ENOENT) remedy = "; is the server running there?";
    return fail(fmt::format("cannot connect to {}: {}{}", name_, std::strerror(error), remedy),
                error);
}

void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    static_cast<void>(::setrlimit(RLIMIT_NOFILE, &limit));
}

}  // namespace gyre::load
