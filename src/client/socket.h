// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A non-blocking stream socket of the client library with waits that end at a deadline.
//
// Ownership: owns the descriptor. Threads: one at a time. Errors: errno is kept in Error::code.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

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

    struct Ready {
        bool readable = false;
        bool writable = false;
    };
    /// Waits until bytes can be read, or written when `for_writing`. Neither: the deadline has
    /// passed.
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

    int descriptor_ = -1;
};

}  // namespace gyre::client
