// SPDX-License-Identifier: BSD-3-Clause
#include "server/listeners.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/log.h"
#include "ring/uring/sockets.h"

namespace gyre::server {
namespace {

using Family = ring::Address::Family;

/// A word of the bind directive.
ring::Address address_of(std::string name, uint16_t port) {
    ring::Address address;
    address.family = name.find(':') != std::string::npos ? Family::inet6 : Family::inet4;
    if (name == "*") name = "0.0.0.0";
    if (name == "::*") name = "::";
    address.host = std::move(name);
    address.port = port;
    return address;
}

}  // namespace

struct Listeners::Change {
    std::vector<Place> kept;
    std::vector<Place> opened;
    std::vector<Place> leaving;
};

Result<void> Listeners::open_unix(const std::string& path, const ring::ListenOptions& options) {
    const std::lock_guard lock(mutex_);
    ring::Address address;
    address.family = Family::unix_path;
    address.host = path;
    const auto descriptor = ring::open_listener(address, options);
    if (!descriptor) return tl::unexpected(descriptor.error());
    places_.push_back({std::move(address), *descriptor});
    on_home([this, socket = *descriptor] { acceptor_.add(socket, true); });
    return {};
}

/// Where those that leave may be in the way they fall silent, and it is tried again.
Result<int> Listeners::open_or_displace(const ring::Address& address,
                                        const ring::ListenOptions& options, Change& change) {
    auto descriptor = ring::open_listener(address, options);
    if (descriptor || descriptor.error().code != EADDRINUSE) return descriptor;
    bool is_freed = false;
    for (Place& place : change.leaving) {
        if (place.is_silenced || place.address.port != address.port) continue;
        if (place.address.family != address.family) continue;
        ring::stop_listening(place.descriptor);
        place.is_silenced = is_freed = true;
    }
    return is_freed ? ring::open_listener(address, options) : descriptor;
}

Result<void> Listeners::open_missing(std::span<const std::string> hosts, uint16_t port,
                                     const ring::ListenOptions& options, Change& change) {
    std::vector<std::pair<ring::Address, bool>> missing;
    for (const std::string& host : hosts) {
        const bool is_optional = host.starts_with('-');
        ring::Address address = address_of(is_optional ? host.substr(1) : host, port);
        const auto there =
            std::find_if(change.leaving.begin(), change.leaving.end(),
                         [&](const Place& old) { return old.address.text() == address.text(); });
        if (there == change.leaving.end()) {
            missing.emplace_back(std::move(address), is_optional);
            continue;
        }
        change.kept.push_back(std::move(*there));
        change.leaving.erase(there);
    }
    for (const auto& [address, is_optional] : missing) {
        const auto descriptor = open_or_displace(address, options, change);
        if (descriptor) {
            change.opened.push_back({address, *descriptor});
            continue;
        }
        // An address that was marked as optional may be missing here, but not taken by another
        // server.
        const Error& error = descriptor.error();
        if (!is_optional || (error.code != EADDRNOTAVAIL && error.code != EAFNOSUPPORT)) {
            return tl::unexpected(error);
        }
        base::log(base::Level::verbose, "Not listening on {}: {}", address.host, error.message);
    }
    return {};
}

void Listeners::undo(const Change& change, const ring::ListenOptions& options) {
    for (const Place& place : change.opened) ::close(place.descriptor);
    for (const Place& place : change.leaving) {
        if (!place.is_silenced || ring::listen_again(place.descriptor, options.backlog)) continue;
        base::log(base::Level::warning,
                  "No longer listening on {}: another process took it during a change of port or "
                  "bind that failed. Stop it and set port and bind again.",
                  place.address.text());
    }
}

void Listeners::commit(Change&& change) {
    places_ = std::move(change.kept);
    for (Place& place : change.opened) {
        if (is_running_) {
            base::log(base::Level::notice, "Listening on {}", place.address.text());
        }
        on_home([this, socket = place.descriptor] { acceptor_.add(socket, false); });
        places_.push_back(std::move(place));
    }
    for (const Place& place : change.leaving) {
        base::log(base::Level::notice, "No longer listening on {}", place.address.text());
        on_home([this, socket = place.descriptor] { acceptor_.remove(socket); });
    }
}

Result<void> Listeners::change_tcp(std::span<const std::string> hosts, uint16_t port,
                                   const ring::ListenOptions& options) {
    const std::lock_guard lock(mutex_);
    if (is_stopped_) return fail("the server is stopping: start it again with this address");
    Change change;
    for (const Place& place : places_) {
        const bool stays = place.address.family == Family::unix_path;
        (stays ? change.kept : change.leaving).push_back(place);
    }
    if (port == 0) hosts = {};
    if (auto opened = open_missing(hosts, port, options, change); !opened) {
        undo(change, options);
        return opened;
    }
    commit(std::move(change));
    return {};
}

void Listeners::start() {
    const std::lock_guard lock(mutex_);
    is_running_ = true;
}

void Listeners::stop() {
    const std::lock_guard lock(mutex_);
    is_stopped_ = true;
    acceptor_.stop();
}

std::vector<ring::Address> Listeners::addresses() const {
    const std::lock_guard lock(mutex_);
    std::vector<ring::Address> all;
    for (const Place& place : places_) all.push_back(place.address);
    return all;
}

/// Under the mutex, which keeps the order of messages that of the changes.
void Listeners::on_home(std::function<void()> work) {
    if (is_running_) {
        home_.post(std::move(work));
    } else {
        work();
    }
}

}  // namespace gyre::server
