// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The way to the end of a server: by SHUTDOWN or by a signal. When there is something to save, all
// writes are held back first, and only when no worker runs one any more the last snapshot begins,
// so that it has every write that was acknowledged. When it fails the server goes on as if nothing
// had been asked, unless FORCE was.
//
// Ownership: borrows everything. Threads: stop() on the first worker's; take_back() on any.
// Suspends: never; what it waits for comes back as messages to the first worker.

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "commands/clients.h"
#include "commands/services.h"
#include "server/append_only.h"
#include "server/persistence.h"
#include "server/worker.h"

namespace gyre::server {

class Stopper {
public:
    using Tell = std::function<void(Result<void>)>;

    Stopper(Persistence& persistence, const AppendOnly& file, commands::ClientRegistry& clients,
            const std::vector<std::unique_ptr<Worker>>& workers)
        : persistence_(persistence), file_(file), clients_(clients), workers_(workers) {}

    /// Stops the first worker in the end, which ends the server. A second order while one is under
    /// way shares its outcome.
    void stop(const commands::ShutdownOrder& order, Tell tell);
    /// False: there is nothing to take back any more.
    bool take_back();

private:
    void hold_writes();
    void save();
    void end(Result<void> result);
    void post(void (Stopper::*step)());
    void end_well() { end({}); }
    void conclude();

    Persistence& persistence_;
    const AppendOnly& file_;
    commands::ClientRegistry& clients_;
    const std::vector<std::unique_ptr<Worker>>& workers_;
    commands::ShutdownOrder order_;
    std::vector<Tell> tells_;
    bool is_under_way_ = false;
    bool has_ended_ = false;
    bool is_saved_ = false;
    bool holds_writes_ = false;
    std::atomic<bool> is_saving_{false};
    std::atomic<bool> is_taken_back_{false};
};

}  // namespace gyre::server
