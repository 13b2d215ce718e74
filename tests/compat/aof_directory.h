// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A directory with append-only files as redis-server keeps them, and what redis-server and
// redis-check-aof say of it.
//
// Ownership: owns the directory. Threads: one at a time.

#include <sys/wait.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "support/server_process.h"
#include "support/session.h"

namespace gyre::test {

struct AofCheck {
    int exit_code = -1;
    std::string output;

    [[nodiscard]] bool is_valid() const { return exit_code == 0; }
    /// The number behind "ok_up_to=", -1 when there is none.
    [[nodiscard]] int64_t ok_up_to() const {
        constexpr std::string_view kKey = "ok_up_to=";
        const std::size_t at = output.find(kKey);
        return at == std::string::npos ? -1 : std::atoll(output.c_str() + at + kKey.size());
    }
};

class AofDirectory {
public:
    AofDirectory() : path_(make_temporary_directory()) {
        std::filesystem::create_directory(path_ + "/appendonlydir");
    }
    AofDirectory(const AofDirectory&) = delete;
    AofDirectory& operator=(const AofDirectory&) = delete;
    ~AofDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string file(const std::string& name) const {
        return path_ + "/appendonlydir/" + name;
    }
    void write(const std::string& name, std::string_view bytes) const {
        std::ofstream(file(name), std::ios::binary) << bytes;
    }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream stream(file(name), std::ios::binary);
        return {std::istreambuf_iterator<char>(stream), {}};
    }

    /// How to start redis-server on this directory.
    [[nodiscard]] ServerOptions oracle() const {
        return {.binary = oracle_binary(),
                .arguments = {"--dir", path_, "--appendonly", "yes", "--appendfsync", "no",
                              "--auto-aof-rewrite-percentage", "0"}};
    }

    /// Whether a server has loaded its files. Being ready is not enough: while it loads it answers
    /// already, and may stop afterwards.
    static bool has_loaded(ServerProcess& server) {
        const auto is_up = [&server] {
            return server.log().find("Ready to accept connections") != std::string::npos;
        };
        const auto has_ended = [&server] {
            return server.wait_exit(std::chrono::milliseconds{0}).has_value();
        };
        wait_until([&] { return is_up() || has_ended(); });
        return is_up() && !has_ended();
    }

    /// redis-check-aof of one of the files: the manifest, or a part.
    [[nodiscard]] AofCheck check(const std::string& name) const {
        const char* const tool = std::getenv("GYRE_CHECK_AOF");
        const std::string command =
            std::string(tool == nullptr ? "/usr/bin/redis-check-aof" : tool) + " '" + file(name) +
            "' < /dev/null 2>&1";
        AofCheck result;
        std::FILE* const pipe = ::popen(command.c_str(), "r");
        if (pipe == nullptr) return result;
        char bytes[4096];
        for (std::size_t count; (count = std::fread(bytes, 1, sizeof bytes, pipe)) > 0;) {
            result.output.append(bytes, count);
        }
        const int status = ::pclose(pipe);
        if (WIFEXITED(status)) result.exit_code = WEXITSTATUS(status);
        return result;
    }

private:
    std::string path_;
};

}  // namespace gyre::test
