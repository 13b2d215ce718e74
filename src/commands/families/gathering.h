// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The elements of a reply before their number is known: built aside, and spliced behind the header
// of the reply once it is.
//
// Ownership: borrows the context's pool of chunks. Threads: home reactor.

#include <cstddef>
#include <cstdint>

#include "commands/context.h"

namespace gyre::commands {

class Gathering {
public:
    explicit Gathering(Context& context)
        : buffer_(context.reply.buffer().pool()), writer_(buffer_, context.reply.protocol()) {}

    resp::ReplyWriter& writer() { return writer_; }
    int64_t count() const { return count_; }
    void count_one() { ++count_; }

    /// What was gathered so far stays.
    void keep() {
        kept_mark_ = buffer_.mark();
        kept_count_ = count_;
    }
    /// What was gathered since keep() was a mistake.
    void drop() {
        buffer_.truncate(kept_mark_);
        count_ = kept_count_;
    }
    void move_to(resp::ReplyWriter& reply) { reply.buffer().splice(buffer_); }

private:
    base::OutputBuffer buffer_;
    resp::ReplyWriter writer_;
    int64_t count_ = 0;
    int64_t kept_count_ = 0;
    size_t kept_mark_ = 0;
};

}  // namespace gyre::commands
