// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Values of all types as JSON (docs/formats/json.md), walked where they lie: there is never a
// second copy of a collection.
//
// Ownership: borrows everything. Threads: one at a time. Complexity: O(bytes).

#include "snapshot/json_output.h"
#include "snapshot/record.h"

namespace gyre::snapshot {

/// The value of the member "value". After an error of the output it ends early.
void write_json_value(const Record& record, JsonOutput& out);

}  // namespace gyre::snapshot
