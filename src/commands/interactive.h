// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A transaction that a client has begun with BEGIN and not ended yet: its view of the data, what
// its commands were given, for the log, and what has become of it. Once it has met a conflict or a
// bound its view is gone, and only its end is left to be asked for: commands that a client has sent
// ahead must not run on their own.
//
// Ownership: belongs to a session, or to whoever keeps a transaction for one session after the
// other (it knows neither session nor thread). Threads: home reactor of the session it is with.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/counted.h"
#include "commands/argument_store.h"
#include "engine/view.h"

namespace gyre::commands {

struct CommandSpec;
struct Session;

/// What a view and its commands need until their effects are written.
struct OpenView {
    OpenView(engine::Dataset& dataset, int64_t begin_ms) : view(dataset, begin_ms) {}
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }
    /// Of all of it.
    size_t bytes() const { return view.bytes() + kept.bytes(); }

    ArgumentStore kept;  ///< what the effects look at
    engine::View view;
    bool has_written = false;
    bool has_unlogged = false;  ///< it has written while there was no log
};

class Interactive {
public:
    enum class State : uint8_t {
        open,
        conflict,  ///< something it has seen has changed
        aborted,   ///< it has gone past a bound
    };

    Interactive(engine::Dataset& dataset, int64_t begin_ms, size_t database)
        : dataset_(dataset),
          open_(std::make_unique<OpenView>(dataset, begin_ms)),
          database_(database) {}
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }

    State state() const { return state_; }
    /// Only while it is open.
    OpenView& open() { return *open_; }
    const OpenView& open() const { return *open_; }
    /// What was selected when it began.
    size_t database() const { return database_; }
    /// Ends it when it has gone past a bound; true: it is not open any more. Of its time alone,
    /// before a command, or of all bounds, behind one.
    bool abort_if_late(int64_t now_ms, engine::Executor& executor);
    bool abort_if_too_large(engine::Executor& executor);
    /// What is told to every command of one that is not open.
    std::string refusal() const;

    void end_in_conflict(engine::Executor& executor);
    void roll_back(engine::Executor& executor);
    /// Nothing is left of what it has done. With no lock held.
    void drop(engine::Executor& executor);

private:
    void abort(std::string_view bound, engine::Executor& executor);

    engine::Dataset& dataset_;
    std::unique_ptr<OpenView> open_;
    const size_t database_;
    State state_ = State::open;
    std::string_view bound_;
};

/// Why the command cannot be part of a transaction or of a batch; empty: it can.
std::string refusal_within(const CommandSpec& spec);
/// It goes through a whole database.
bool goes_through_database(const CommandSpec& spec);

/// Ends the session's transaction, if there is one, as though it had never begun.
void roll_back(Session& session, engine::Executor& executor);

}  // namespace gyre::commands
