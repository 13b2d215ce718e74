// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The TLS of one connection of the client library, over a socket that does not block. TLS 1.2 at
// least, without renegotiation. Nothing of OpenSSL is seen outside tls.cc; a library built without
// it has tls_missing.cc in its place, and check_built() says so.
//
// Ownership: borrows the descriptor, which must stay open while this lives. Threads: one at a time.
// Suspends: never; what the socket must become ready for is told. Errors: code EPROTO when the
// other side or its certificate is refused, else errno. After an error of a call there is no way
// on.

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gyre/client.h"
#include "gyre/result.h"

namespace gyre::client {

class Tls {
public:
    /// An error (ENOTSUP) where the library is built without it.
    static Result<void> check_built();
    /// `host`: the name or the address that was connected to, which the certificate must be for,
    /// unless the options name another.
    static Result<std::unique_ptr<Tls>> start(int descriptor, const TlsOptions& options,
                                              const std::string& host);
    /// Says goodbye, if there is room for it.
    ~Tls();
    Tls(const Tls&) = delete;
    Tls& operator=(const Tls&) = delete;

    /// True when both sides agree; false: the socket must become ready first.
    Result<bool> shake_hands();
    /// Bytes taken; 0 when none can be now. The next call begins with the bytes that were not
    /// taken.
    Result<size_t> send_some(std::string_view bytes);
    struct Received {
        size_t bytes = 0;
        bool is_end = false;  ///< the other side has said goodbye
    };
    Result<Received> receive_some(char* into, size_t bytes);

    /// Bytes can be received whether the socket is ready or not.
    [[nodiscard]] bool has_bytes() const;
    /// What the last call that could do nothing waits for, where that is not the obvious.
    [[nodiscard]] bool receiving_waits_to_write() const { return receiving_waits_to_write_; }
    [[nodiscard]] bool sending_waits_to_read() const { return sending_waits_to_read_; }

private:
    class Session;
    explicit Tls(std::unique_ptr<Session> session);

    std::unique_ptr<Session> session_;
    bool receiving_waits_to_write_ = false;
    bool sending_waits_to_read_ = false;
    std::optional<Error> late_error_;  // met behind bytes that were given
};

}  // namespace gyre::client
