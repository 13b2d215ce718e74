// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever bytes claim to be an RDB file, the reader tells the same whether they come in one
// piece or in many, takes no memory for what is not there, and what it accepts survives being
// written and read again. The first byte of the input chooses cuts and options, the rest is the
// file.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/memory.h"
#include "snapshot/rdb_reader.h"
#include "snapshot/rdb_writer.h"
#include "support/elements.h"

namespace {

using gyre::Result;
using namespace gyre::snapshot;

constexpr uint64_t kStringBytesMax = 100000;
/// Low, so that short inputs reach every form.
const ValueLimits kLimits{.hash_listpack_entries = 4,
                          .hash_listpack_value = 8,
                          .set_intset_entries = 6,
                          .set_listpack_entries = 4,
                          .set_listpack_value = 8,
                          .zset_listpack_entries = 4,
                          .zset_listpack_value = 8,
                          .list = {.limit = gyre::types::ListLimit(4), .compress_depth = 1}};

[[noreturn]] void fail(const char* what, const std::string& detail = "") {
    std::fprintf(stderr, "rdb_fuzz: %s\n%s\n", what, detail.c_str());
    std::abort();
}

class Sink : public ByteSink {
public:
    void append(std::string_view piece) override { bytes += piece; }
    std::string bytes;
};

/// Writes down what is told, and writes the records again.
class Transcript : public RdbHandler {
public:
    Transcript() : writer_(sink) { writer_.begin(); }

    Result<void> aux(std::string_view name, std::string_view value) override {
        add("aux", name, value);
        writer_.aux(name, value);
        return {};
    }
    Result<void> select_database(size_t database) override {
        add("select", std::to_string(database), "");
        return {};
    }
    Result<void> resize_database(uint64_t keys, uint64_t with_deadline) override {
        add("resize", std::to_string(keys), std::to_string(with_deadline));
        return {};
    }
    Result<void> record(const Record& record) override {
        const std::string attributes =
            std::to_string(record.database) + ' ' + std::to_string(record.expire_ms) + ' ' +
            std::to_string(record.timestamp_ms) + ' ' +
            (record.idle_seconds ? std::to_string(*record.idle_seconds) : "-") + ' ' +
            (record.frequency ? std::to_string(*record.frequency) : "-");
        const std::string value = gyre::test::elements_of(record);
        add(attributes, record.key, value);
        records += attributes + ' ' + std::string(record.key) + '=' + value;
        writer_.record(record);
        return {};
    }
    Result<void> function_library(std::string_view source, uint64_t) override {
        add("function", source, "");
        return {};
    }
    Result<void> module_aux(std::string_view module, uint64_t) override {
        add("module", module, "");
        return {};
    }
    Result<void> end(const RdbSummary& summary) override {
        add("end", std::to_string(summary.bytes), std::to_string(summary.records));
        writer_.end();
        return {};
    }

    std::string text;
    std::string records;
    Sink sink;

private:
    void add(std::string_view what, std::string_view left, std::string_view right) {
        text.append(what).append(" ").append(left).append("=").append(right).append("\n");
    }
    RdbWriter writer_;
};

/// The error is the last line of the transcript; true when the file was complete.
bool read(Transcript& transcript, std::string_view bytes, size_t size, bool verifies) {
    RdbReader reader(
        transcript,
        {.string_bytes_max = kStringBytesMax, .verifies_checksum = verifies, .limits = kLimits});
    const int64_t before = gyre::base::used(gyre::base::Purpose::snapshot);
    while (!bytes.empty() && !reader.is_done()) {
        // A copy of its own for each piece, so that a sanitizer sees every read beyond it.
        const std::vector<char> piece(bytes.begin(), bytes.begin() + std::min(size, bytes.size()));
        const Result<size_t> fed = reader.feed(std::string_view(piece.data(), piece.size()));
        const int64_t used = gyre::base::used(gyre::base::Purpose::snapshot) - before;
        if (used > static_cast<int64_t>(3 * Buffer::kKeptBytesMax + 4 * kStringBytesMax)) {
            fail("more memory than its limits allow", std::to_string(used));
        }
        if (!fed) break;
        if (*fed < piece.size() && !reader.is_done()) fail("bytes are left before the end");
        bytes.remove_prefix(*fed);
    }
    const Result<void> finished = reader.finish();
    if (!finished) {
        const std::string& message = finished.error().message;
        if (!message.starts_with("RDB file: ")) fail("an error that does not say where", message);
        if (message.find(" at offset ") == std::string::npos) fail("no offset", message);
        transcript.text += message;
    }
    return finished.has_value();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0) return 0;
    const bool verifies = (data[0] & 0x80) != 0;
    const size_t cut = 1 + (data[0] & 0x7f);
    const std::string_view file(reinterpret_cast<const char*>(data + 1), size - 1);
    Transcript whole;
    const bool is_complete = read(whole, file, size, verifies);
    Transcript cut_up;
    read(cut_up, file, cut, verifies);
    if (whole.text != cut_up.text) fail("cuts make a difference", whole.text + "\n" + cut_up.text);
    if (!is_complete) return 0;
    Transcript again;
    if (!read(again, whole.sink.bytes, cut, true)) fail("what is written is not read", again.text);
    if (again.records != whole.records) fail("other records come back", again.text);
    return 0;
}
