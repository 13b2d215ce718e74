// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A non-blocking stream socket of the client library with waits that end at a deadline, plain or
// with TLS.
//
// Ownership: owns the descriptor. Threads: one at a time. Errors: errno is kept in Error::code.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "client/tls.h"
#include "gyre/client.h"
#include "gyre/result.h"

namespace gyre::client {

/// The end of a wait; no end when the timeout is 0 or less.
class Deadline {
public:
    static Deadline after(int timeout_ms);
    /// A deadline that has passed.
    static Deadline now();
    /// The first of `parts` equal parts of what is left.
    Deadline part(size_t parts) const;
    /// For poll(): what is left, rounded up, -1 without an end.
    int left_ms() const;

private:
    std::chrono::steady_clock::time_point end_ = std::chrono::steady_clock::time_point::max();
};

class Socket {
public:
    Socket() = default;
    Socket(Socket&& other) noexcept;
    Socket& operator=(Socket&& other) noexcept;
    ~Socket();

    static Result<Socket> connect_tcp(const std::string& host, uint16_t port, Deadline deadline);
    static Result<Socket> connect_unix(const std::string& path, Deadline deadline);
    /// All bytes from here on go through TLS. `host` is who was connected to.
    Result<void> start_tls(const TlsOptions& options, const std::string& host, Deadline deadline);

    struct Ready {
        bool readable = false;
        bool writable = false;
    };
    /// Waits until bytes can be read, or written when `for_writing`. Neither: the deadline has
    /// passed. With TLS it may turn out that there are none yet.
    Result<Ready> wait(bool for_writing, Deadline deadline);

    /// Bytes taken by the kernel; 0 when it takes none now.
    Result<size_t> send_some(std::string_view bytes);
    struct Received {
        size_t bytes = 0;     ///< 0: none are there now, or the end
        bool is_end = false;  ///< the peer has closed
    };
    Result<Received> receive_some(char* into, size_t bytes);

    int file_descriptor() const { return descriptor_; }
    bool is_open() const { return descriptor_ >= 0; }
    void close();

private:
    explicit Socket(int descriptor) : descriptor_(descriptor) {}
    Result<void> finish_connect(const void* address, uint32_t address_bytes, Deadline deadline);

    Result<Ready> wait_for_tls(bool for_writing, Deadline deadline);
    Result<Ready> poll_for(bool for_reading, bool for_writing, Deadline deadline);

    int descriptor_ = -1;
    std::unique_ptr<Tls> tls_;  // null: none; goes before the descriptor
};

}  // namespace gyre::client
