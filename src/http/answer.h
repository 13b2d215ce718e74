// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// From a request to its response: the guard (host, origin, content type), the way to the endpoint,
// authentication, the database, and the handler.
//
// Ownership: everything is borrowed until the task has ended. Threads: home reactor. Suspends: as
// the backend does.

#include "http/backend.h"
#include "http/guard.h"
#include "http/request.h"
#include "http/response.h"
#include "ring/task.h"

namespace gyre::http {

ring::Task<Response> answer(Backend& backend, const Request& request,
                            const GuardSettings& settings);

}  // namespace gyre::http
