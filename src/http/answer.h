// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// From a request to its response, in two steps. From the head alone: the guard (host, origin,
// content type), the way to the endpoint, its parameters, and the password. Who is refused there
// has none of his body kept. With the body: the transaction, the database, and the handler.
//
// Ownership: everything is borrowed until the task has ended; an admission goes from the one step
// to the other. Threads: home reactor. Suspends: as the backend does.

#include <optional>

#include "http/backend.h"
#include "http/endpoint.h"
#include "http/guard.h"
#include "http/request.h"
#include "http/response.h"
#include "http/target.h"
#include "ring/task.h"

namespace gyre::http {

/// What the head of a request has come to.
struct Admission {
    Origin origin = Origin::none;
    Target target = {};
    Route route = {};  ///< its key is a view of the target, which may be moved along with it
    /// The answer, whatever the body is. Nothing: the request is let in, and has an endpoint.
    std::optional<Response> response = std::nullopt;

    /// Nobody asks for the body.
    bool needs_no_body() const { return response || route.endpoint->body == Body::none; }
};

ring::Task<Admission> admit(Backend& backend, const Request& request,
                            const GuardSettings& settings);
/// Answers a request that is whole.
ring::Task<Response> answer(Backend& backend, const Request& request, Admission& admission);

}  // namespace gyre::http
