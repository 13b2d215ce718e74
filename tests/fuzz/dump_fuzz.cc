// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever RESTORE is given, it is a value or an error; and every string goes through DUMP
// and comes back. The input is used as a payload, as one whose footer is made right, and as a
// string.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "base/crc64.h"
#include "snapshot/dump.h"

namespace {

using namespace gyre::snapshot;

constexpr uint64_t kStringBytesMax = 100000;

[[noreturn]] void fail(const char* what, const std::string& detail = "") {
    std::fprintf(stderr, "dump_fuzz: %s\n%s\n", what, detail.c_str());
    std::abort();
}

void check_round_trip(std::string_view value, bool compress) {
    const DumpPayload payload = dump_string(value, {.strings = {.compress = compress}});
    const std::string joined = payload.joined();
    const auto restored = restore_payload(joined);
    if (!restored) fail("what is dumped is not restored", restored.error().message);
    if (restored->value != value) fail("another value comes back");
}

/// The payload in memory of exactly its size.
void check_payload(std::string_view bytes) {
    const std::vector<char> payload(bytes.begin(), bytes.end());
    const auto restored =
        restore_payload(std::string_view(payload.data(), payload.size()), kStringBytesMax);
    if (restored) {
        if (restored->value.size() > kStringBytesMax) fail("a value beyond the limit");
        check_round_trip(restored->value, true);
        return;
    }
    const std::string& message = restored.error().message;
    if (!message.starts_with("payload: ")) fail("an error that does not say where", message);
}

std::string with_footer(std::string_view body) {
    std::string payload(body);
    payload.append("\x0a\x00", 2);
    const uint64_t checksum = gyre::base::crc64(0, payload);
    for (int shift = 0; shift < 64; shift += 8) payload += static_cast<char>(checksum >> shift);
    return payload;
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
