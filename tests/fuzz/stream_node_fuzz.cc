// SPDX-License-Identifier: BSD-3-Clause

// Goal: bytes that pass for a node of a stream can be read, changed and trimmed without a fault.
// The first byte chooses what is done, the rest is the listpack; its master id is 1-1.

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "types/stream.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    using gyre::types::Stream;
    using gyre::types::StreamId;
    using gyre::types::StreamNode;
    using gyre::types::StreamTrim;
    if (size == 0) return 0;
    const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
    Stream stream;
    if (!stream.add_node({1, 1}, bytes)) return 0;
    std::vector<StreamId> ids;
    size_t text = 0;
    stream.visit({}, StreamId::max(), [&](const StreamNode& node, const StreamNode::Entry& entry) {
        ids.push_back(entry.id);
        node.for_each_field(
            entry, [&](const auto& field, const auto& value) { text += field.size + value.size; });
        return true;
    });
    size_t backwards = 0;
    stream.visit_backwards({}, StreamId::max(), [&](const StreamNode&, const StreamNode::Entry&) {
        ++backwards;
        return true;
    });
    if (ids.size() != stream.size() || backwards != ids.size() || text > bytes.size() * size) {
        std::fprintf(stderr, "stream_node_fuzz: entries do not add up\n");
        std::abort();
    }
    if (ids.empty()) return 0;
    const StreamId middle = ids[data[0] % ids.size()];
    stream.last_id = ids.back();
    if (data[0] % 2 == 0) stream.erase(middle);
    stream.trim({.by = StreamTrim::By::id, .length = 0, .id = middle});
    const std::array<std::string_view, 2> pair{"field", "value"};
    if (stream.last_id < StreamId::max()) stream.append(StreamId::max(), pair, {});
    return 0;
}
