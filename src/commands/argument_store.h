// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Copies of commands' arguments and keys that stay where they are: of what is queued behind MULTI,
// and of what an open transaction has done and will log. A large argument keeps the block it was
// received into.
//
// Ownership: part of a session. Threads: home reactor. Complexity: one allocation at most for each
// command; small ones share chunks.

#include <cstddef>
#include <span>

#include "base/counted.h"
#include "resp/request_parser.h"
#include "store/partition.h"

namespace gyre::commands {

class ArgumentStore {
public:
    ArgumentStore() = default;
    ArgumentStore(const ArgumentStore&) = delete;
    ArgumentStore& operator=(const ArgumentStore&) = delete;
    ~ArgumentStore();
    static void* operator new(size_t bytes) {
        return base::allocate(base::Purpose::clients, bytes);
    }
    static void operator delete(void* memory) { base::release(base::Purpose::clients, memory); }

    std::span<const resp::Argument> copy(std::span<const resp::Argument> arguments);
    /// Whose bytes lie in arguments that were copied.
    std::span<const store::Key> copy(std::span<const store::Key> keys);
    /// Large arguments included.
    size_t bytes() const { return bytes_; }

private:
    static constexpr size_t kChunkBytes = 2048;
    char* take(size_t bytes);

    base::CountedVector<base::SharedBytes*, base::Purpose::clients> blocks_;
    base::CountedVector<char*, base::Purpose::clients> chunks_;
    char* cursor_ = nullptr;
    size_t left_ = 0;  // behind cursor_
    size_t bytes_ = 0;
};

}  // namespace gyre::commands
