// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A blocking client socket for tests that care about bytes rather than about commands: fragments,
// half-closed connections, peers that do not read. Every wait has a deadline, so a server that
// stays silent makes a test fail and never hang.
//
// Ownership: owns its descriptor; movable. Threads: one at a time.
// Errors: connect() gives nullopt; sending to a closed peer gives false; receiving gives what came.

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/frame.h"

namespace gyre::test {

constexpr std::chrono::milliseconds kPatience{20'000};

class RawSocket {
public:
    static std::optional<RawSocket> connect_tcp(int port, const std::string& host = "127.0.0.1");
    static std::optional<RawSocket> connect_unix(const std::string& path);

    RawSocket(RawSocket&& other) noexcept;
    RawSocket& operator=(RawSocket&& other) noexcept;
    RawSocket(const RawSocket&) = delete;
    RawSocket& operator=(const RawSocket&) = delete;
    ~RawSocket();

    /// Sends all bytes; false when the peer closed or took nothing for `patience`.
    bool send(std::string_view bytes, std::chrono::milliseconds patience = kPatience);
    /// Sends bytes and, so that neither side waits for the other, reads replies meanwhile.
    bool send_while_reading(std::string_view bytes);
    /// Sends what the kernel takes without waiting; the number of bytes taken.
    std::size_t send_some(std::string_view bytes);

    /// The next frame; nullopt when the peer closed or the patience ended.
    std::optional<Frame> read_frame(std::chrono::milliseconds patience = kPatience);
    std::vector<Frame> read_frames(std::size_t count,
                                   std::chrono::milliseconds patience = kPatience);
    /// Sends one command and reads one reply; a nil frame with text "closed" when there is none.
    Frame command(const std::vector<std::string>& arguments);

    /// Everything up to the end of the stream, or what came until the patience ended.
    std::string read_to_end(std::chrono::milliseconds patience = kPatience);
    /// True when the peer ends the stream (or resets it) in time with nothing more sent.
    bool is_closed_by_peer(std::chrono::milliseconds patience = kPatience);
    /// True when nothing arrives for the given time and the stream stays open.
    bool is_silent_for(std::chrono::milliseconds quiet);

    void shutdown_write();
    void close();
    void set_receive_buffer(int bytes);
    [[nodiscard]] int descriptor() const { return descriptor_; }

private:
    explicit RawSocket(int descriptor) : descriptor_(descriptor) {}
    /// Receives once; false at the end of the stream, a reset, or the deadline.
    bool fill(std::chrono::steady_clock::time_point deadline);
    std::optional<Frame> take_frame();
    void compact();

    int descriptor_ = -1;
    bool is_at_end_ = false;
    std::string input_;
    std::size_t consumed_ = 0;
};

}  // namespace gyre::test
