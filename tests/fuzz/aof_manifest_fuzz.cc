// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever stands in a manifest, it is read or refused in one line; what was read is written
// so that it reads back the same, and so are the manifests that follow from it.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "log/aof_manifest.h"

namespace {

using gyre::log::AofManifest;
using gyre::log::BaseFormat;

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "aof_manifest_fuzz: %s\n", what);
    std::abort();
}

void check(const AofManifest& manifest) {
    const std::string text = manifest.format();
    const auto again = AofManifest::parse(text);
    if (!again) fail("what was written is refused");
    if (*again != manifest) fail("what was written reads as something else");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const auto manifest = AofManifest::parse({reinterpret_cast<const char*>(data), size});
    if (!manifest) {
        const std::string& message = manifest.error().message;
        if (message.empty() || message.find('\n') != std::string::npos) fail("a bad error text");
        return 0;
    }
    check(*manifest);
    const gyre::log::AofNames names;
    const auto begun = manifest->with_new_increment(names);
    if (!begun) return 0;
    check(*begun);
    const auto done =
        begun->with_new_base(names, BaseFormat::rdb, begun->increments.back().sequence);
    if (!done) return 0;
    check(*done);
    if (done->increments.size() != 1) fail("a rewrite that keeps old increments");
    check(done->without_history());
    return 0;
}
