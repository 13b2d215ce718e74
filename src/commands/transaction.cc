// SPDX-License-Identifier: BSD-3-Clause
#include "commands/transaction.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "base/memory.h"
#include "commands/spec.h"

namespace gyre::commands {

Transaction::~Transaction() {
    for (const Command& command : commands_) {
        for (const resp::Argument& argument : command.arguments) {
            if (argument.block != nullptr) argument.block->release();
        }
    }
    for (char* chunk : chunks_) base::release(base::Purpose::clients, chunk);
}

/// Memory aligned for pointers.
char* Transaction::take(size_t bytes) {
    bytes = (bytes + alignof(void*) - 1) / alignof(void*) * alignof(void*);
    if (bytes > left_) {
        left_ = std::max(bytes, kChunkBytes);
        cursor_ = static_cast<char*>(base::allocate(base::Purpose::clients, left_));
        chunks_.push_back(cursor_);
        bytes_ += left_;
    }
    char* taken = cursor_;
    cursor_ += bytes;
    left_ -= bytes;
    return taken;
}

std::span<const resp::Argument> Transaction::queue(const CommandSpec& spec,
                                                   std::span<const resp::Argument> arguments) {
    size_t text_bytes = 0;
    for (const resp::Argument& argument : arguments) {
        if (argument.block == nullptr) text_bytes += argument.bytes.size();
    }
    char* memory = take(arguments.size() * sizeof(resp::Argument) + text_bytes);
    auto* copies = reinterpret_cast<resp::Argument*>(memory);
    char* text = reinterpret_cast<char*>(copies + arguments.size());
    for (size_t index = 0; index < arguments.size(); ++index) {
        resp::Argument argument = arguments[index];
        if (argument.block != nullptr) {
            argument.block->retain();
            bytes_ += argument.block->footprint();
        } else {
            const size_t bytes = argument.bytes.size();
            if (bytes > 0) std::memcpy(text, argument.bytes.data(), bytes);
            argument.bytes = {text, bytes};
            text += bytes;
        }
        new (copies + index) resp::Argument(argument);
    }
    commands_.push_back({&spec, {copies, arguments.size()}, keys_.size(), 0});
    flags_ |= spec.flags;
    return commands_.back().arguments;
}

}  // namespace gyre::commands
