// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever RESTORE is given, it is a value or an error; and every string goes through DUMP
// and comes back, as does every collection. The input is used as a payload, as one whose footer is
// made right, and as a string.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/crc64.h"
#include "snapshot/dump.h"
#include "snapshot/record_encoder.h"
#include "support/elements.h"

namespace {

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
    std::fprintf(stderr, "dump_fuzz: %s\n%s\n", what, detail.c_str());
    std::abort();
}

std::string with_footer(std::string_view body) {
    std::string payload(body);
    payload.append("\x0a\x00", 2);
    const uint64_t checksum = gyre::base::crc64(0, payload);
    for (int shift = 0; shift < 64; shift += 8) payload += static_cast<char>(checksum >> shift);
    return payload;
}

void check_round_trip(std::string_view value, bool compress) {
    const DumpPayload payload = dump_string(value, {.strings = {.compress = compress}});
    const std::string joined = payload.joined();
    const auto restored = restore_payload(joined);
    if (!restored) fail("what is dumped is not restored", restored.error().message);
    if (restored->value != value) fail("another value comes back");
}

/// What was restored is dumped and restored again.
void check_collection(const RestoredValue& restored) {
    const Record record{
        .kind = restored.kind, .value = restored.value, .object = restored.object.get()};
    const std::string elements = gyre::test::elements_of(record);
    if (elements.empty()) fail("a collection without elements");
    for (const int version : {10, 11, 12}) {
        RecordEncoder encoder({}, version);
        Buffer body;
        encoder.payload(record, body);
        const std::string payload = with_footer(body.view());
        const auto again = restore_payload(payload, {.limits = kLimits});
        if (!again) fail("what is written is not restored", again.error().message);
        const bool keeps_deadlines = version == 12;
        const Record back{
            .kind = again->kind, .value = again->value, .object = again->object.get()};
        if (gyre::test::elements_of(back, keeps_deadlines) !=
            gyre::test::elements_of(record, keeps_deadlines)) {
            fail("other elements come back", elements);
        }
    }
}

/// The payload in memory of exactly its size.
void check_payload(std::string_view bytes) {
    const std::vector<char> payload(bytes.begin(), bytes.end());
    const auto restored = restore_payload(std::string_view(payload.data(), payload.size()),
                                          {.string_bytes_max = kStringBytesMax, .limits = kLimits});
    if (restored && restored->kind.type != gyre::store::Type::string) {
        return check_collection(*restored);
    }
    if (restored) {
        if (restored->value.size() > kStringBytesMax) fail("a value beyond the limit");
        check_round_trip(restored->value, true);
        return;
    }
    const std::string& message = restored.error().message;
    if (!message.starts_with("payload: ")) fail("an error that does not say where", message);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_payload(bytes);
    check_payload(with_footer(bytes));
    check_round_trip(bytes, true);
    check_round_trip(bytes, false);
    return 0;
}
