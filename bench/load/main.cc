// SPDX-License-Identifier: BSD-3-Clause
// gyre-load: the load generator. See options.cc for what it takes and generator.h for how it works.

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

#include "load/generator.h"
#include "load/options.h"
#include "load/results.h"
#include "load/storm.h"
#include "load/target.h"
#include "ring/uring/uring_ring.h"

namespace {

using namespace gyre;
using namespace gyre::load;

constexpr int kExitLost = 1;
constexpr int kExitUsage = 2;

int complain(const Error& error, int code) {
    std::fprintf(stderr, "gyre-load: %s\n", error.message.c_str());
    return code;
}

/// As many receive buffers as connections may complete in a turn, but no more: they are used in
/// turn, and a few stay in the processor's caches where a thousand do not.
Result<std::unique_ptr<ring::Ring>> make_ring(const Options& options) {
    ring::UringOptions settings;
    settings.buffer_count = std::bit_ceil(std::clamp<uint32_t>(options.connections, 64, 8192));
    return ring::create_uring_ring(settings);
}

/// Opens `count` connections.
Result<std::vector<int>> connect_all(Target& target, uint32_t count) {
    std::vector<int> descriptors;
    while (descriptors.size() < count) {
        const Result<int> descriptor = target.connect();
        if (!descriptor) return tl::unexpected<Error>(descriptor.error());
        descriptors.push_back(*descriptor);
    }
    return descriptors;
}

int print(const Results& results, const Options& options) {
    const std::string text =
        options.is_json ? results_as_json(results, options) : results_as_text(results, options);
    std::fputs(text.c_str(), stdout);
    if (options.is_json && !results.first_error.empty())
        std::fprintf(stderr, "gyre-load: first error: %s\n", results.first_error.c_str());
    return results.is_all_lost() ? kExitLost : 0;
}

int run(const Options& options) {
    raise_descriptor_limit();
    ::prctl(PR_SET_TIMERSLACK, 1UL);  // wake when asked to, not up to 50 us later
    Result<Target> target = Target::find(options);
    if (!target) return complain(target.error(), kExitLost);
    const Result<std::unique_ptr<ring::Ring>> ring = make_ring(options);
    if (!ring) return complain(ring.error(), kExitLost);
    const Result<std::vector<int>> idle = connect_all(*target, options.idle);
    if (!idle) return complain(idle.error(), kExitLost);
    if (options.connect_storm != 0) {
        // Whether there is a server at all shows before the storm, not in a million failures.
        const Result<std::vector<int>> first = connect_all(*target, 1);
        if (!first) return complain(first.error(), kExitLost);
        ::close(first->front());
        Storm storm(**ring, *target, options);
        return print(storm.run(), options);
    }
    const Result<std::vector<int>> active = connect_all(*target, options.connections);
    if (!active) return complain(active.error(), kExitLost);
    Generator generator(**ring, options, *active);
    return print(generator.run(), options);
}

}  // namespace

int main(int count, char** arguments) {
    const auto options = parse_options(
        std::span<const char* const>(arguments, static_cast<size_t>(count)).subspan(1));
    if (!options) return complain(options.error(), kExitUsage);
    if (options->wants_help) {
        std::fputs(help_text().c_str(), stdout);
        return 0;
    }
    return run(*options);
}
