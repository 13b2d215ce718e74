// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What a request needs of the server: commands run for its client, and a few facts. The connection
// implements it; tests bring their own.
//
// Ownership: lives as long as its connection. Threads: home reactor. Suspends: for a command that
// waits, and in a pause. Words outlive the call.

#include <span>
#include <string>
#include <string_view>

#include <gyre/result.h>

#include "gyre/reply.h"
#include "ring/task.h"

namespace gyre::http {

class Backend {
public:
    using Words = std::span<const std::string_view>;
    virtual ~Backend() = default;

    /// Runs a command that the client chose; one that is about a connection is refused. Asked for
    /// in RESP3.
    virtual ring::Task<Reply> run(Words words) = 0;
    /// Runs one that a request is made of: AUTH, SELECT, MULTI, WATCH ... All they leave behind
    /// ends with the request.
    virtual ring::Task<Reply> run_own(Words words) = 0;
    /// Whether a text is the password there is. What is made of it is AUTH's business, and what
    /// AUTH counts.
    virtual bool is_password(std::string_view text) const = 0;
    /// The client has said the password of this request, or there is none.
    virtual bool is_authenticated() const = 0;
    /// Goes on with the transaction of a token, for this request alone. The error is one of RESP.
    virtual Result<void> enter_transaction(std::string_view token) = 0;
    /// The request is part of a transaction (BEGIN).
    virtual bool is_in_transaction() const = 0;
    /// Begins one that outlives the request; returns its token, or an error of RESP.
    virtual ring::Task<Result<std::string>> begin_transaction() = 0;
    /// The data is loaded.
    virtual bool is_ready() const = 0;
    /// The metrics table in Prometheus' text format.
    virtual std::string metrics() = 0;
};

}  // namespace gyre::http
