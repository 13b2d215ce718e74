// SPDX-License-Identifier: BSD-3-Clause
#include "commands/argument_store.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <new>

#include "base/memory.h"
#include "base/shared_bytes.h"

namespace gyre::commands {

ArgumentStore::~ArgumentStore() {
    for (base::SharedBytes* block : blocks_) block->release();
    for (char* chunk : chunks_) base::release(base::Purpose::clients, chunk);
}

/// Memory aligned for pointers.
char* ArgumentStore::take(size_t bytes) {
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

std::span<const resp::Argument> ArgumentStore::copy(std::span<const resp::Argument> arguments) {
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
            blocks_.push_back(argument.block);
            bytes_ += argument.block->footprint();
        } else {
            const size_t bytes = argument.bytes.size();
            if (bytes > 0) std::memcpy(text, argument.bytes.data(), bytes);
            argument.bytes = {text, bytes};
            text += bytes;
        }
        new (copies + index) resp::Argument(argument);
    }
    return {copies, arguments.size()};
}

std::span<const store::Key> ArgumentStore::copy(std::span<const store::Key> keys) {
    if (keys.empty()) return {};
    auto* copies = reinterpret_cast<store::Key*>(take(keys.size() * sizeof(store::Key)));
    std::uninitialized_copy(keys.begin(), keys.end(), copies);
    return {copies, keys.size()};
}

}  // namespace gyre::commands
