// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Who saves a container part by part while it goes on being changed. A part is what the container
// says, a bucket or a leaf. The container marks the parts that are saved, and has one that is not
// saved before it is changed; what is new, or was moved out of a saved part, counts as saved.
//
// Ownership: borrowed by the container from begin_saving() to end_saving().
// Threads: those of the container, under the same lock.

#include <cstdint>

namespace gyre::containers {

class PartSaver {
public:
    /// Called once for each part, which is as it was when saving began. It must not change the
    /// container.
    virtual void save_part(uint64_t part) = 0;

protected:
    ~PartSaver() = default;
};

}  // namespace gyre::containers
