// SPDX-License-Identifier: BSD-3-Clause
#include "ring/uring/probe.h"

#include <liburing.h>
#include <sys/utsname.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>

#include "ring/uring/uring_ring.h"

namespace gyre::ring {
namespace {

std::optional<int> read_number(const char* path) {
    std::ifstream file(path);
    int value = 0;
    if (file >> value) return value;
    return std::nullopt;
}

std::string explain_permission(const UringSurroundings& surroundings) {
    const int disabled = surroundings.disabled.value_or(0);
    if (disabled == 1) {
        const std::string group =
            surroundings.group ? std::to_string(*surroundings.group) : "unknown";
        return "the system allows io_uring to one group only (kernel.io_uring_disabled is 1): run "
               "the "
               "server with CAP_SYS_ADMIN, or put its group's id into kernel.io_uring_group (now " +
               group + ")";
    }
    if (disabled == 2) {
        return "io_uring is switched off on this system (kernel.io_uring_disabled is 2): run "
               "'sysctl -w kernel.io_uring_disabled=0'";
    }
    return "a seccomp filter blocks io_uring, as the default profile of Docker and containerd "
           "does: run "
           "the container with '--security-opt seccomp=PROFILE', a profile that allows "
           "io_uring_setup, "
           "io_uring_enter and io_uring_register (or seccomp=unconfined for a trial)";
}

struct NeededOperation {
    int code;
    const char* name;
};

constexpr NeededOperation kNeededOperations[] = {
    {IORING_OP_POLL_ADD, "POLL_ADD"}, {IORING_OP_RECV, "RECV"},
    {IORING_OP_SEND, "SEND"},         {IORING_OP_SENDMSG, "SENDMSG"},
    {IORING_OP_READ, "READ"},         {IORING_OP_ASYNC_CANCEL, "ASYNC_CANCEL"},
};

Result<void> probe_operations() {
    io_uring_probe* probe = io_uring_get_probe();
    if (probe == nullptr) return {};  // the ring above was set up: its result stands
    const char* missing = nullptr;
    for (const NeededOperation& operation : kNeededOperations) {
        if (!io_uring_opcode_supported(probe, operation.code)) missing = operation.name;
    }
    io_uring_free_probe(probe);
    if (missing == nullptr) return {};
    return fail("cannot use io_uring: this kernel lacks the operation " + std::string(missing) +
                    ": run the server on Linux 6.1 or newer",
                EOPNOTSUPP);
}

}  // namespace

UringSurroundings read_uring_surroundings() {
    UringSurroundings surroundings;
    surroundings.disabled = read_number("/proc/sys/kernel/io_uring_disabled");
    surroundings.group = read_number("/proc/sys/kernel/io_uring_group");
    utsname names{};
    if (::uname(&names) == 0) surroundings.kernel_release = names.release;
    return surroundings;
}

std::string explain_uring_failure(int error, const UringSurroundings& surroundings) {
    const std::string start = "cannot use io_uring: ";
    switch (error) {
        case EPERM:
            return start + explain_permission(surroundings);
        case ENOSYS:
            return start +
                   "the kernel was built without it, or a sandbox (seccomp, gVisor) hides it: run "
                   "the server on a kernel with CONFIG_IO_URING and outside of such a sandbox";
        case EINVAL:
            return start + "kernel " + surroundings.kernel_release +
                   " is too old: run the server on Linux 6.1 or newer";
        case ENOMEM:
            return start +
                   "the limit on locked memory or the memory limit of the container is too low: "
                   "raise 'ulimit -l' or the container's memory";
        case EMFILE:
            return start + "this process may not open another descriptor: raise 'ulimit -n'";
        case ENFILE:
            return start + "the system has no descriptor left: raise fs.file-max";
        default:
            return start + std::strerror(error) + " (errno " + std::to_string(error) + ", kernel " +
                   surroundings.kernel_release + "): check the kernel's log";
    }
}

Result<void> probe_uring() {
    UringOptions options;
    options.submission_entries = 8;
    options.completion_entries = 16;
    options.buffer_count = 2;
    options.buffer_bytes = 4096;
    const Result<std::unique_ptr<Ring>> ring = create_uring_ring(options);
    if (!ring) return tl::unexpected<Error>(ring.error());
    return probe_operations();
}

}  // namespace gyre::ring
