// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What tests of the append-only file of a real server share: a directory that outlives servers, and
// a server that is started there.

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "integration/server_test.h"

namespace gyre::test {

using Words = std::vector<std::string>;

/// A directory that outlives its servers.
class Home {
public:
    Home() : path_(make_temporary_directory()) {}
    ~Home() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string part(int number = 1) const {
        return directory() + "/appendonly.aof." + std::to_string(number) + ".incr.aof";
    }
    std::string directory() const { return path_ + "/appendonlydir"; }
    const std::string& path() const { return path_; }

private:
    std::string path_;
};

inline std::string content(const std::string& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

inline int count_of(const std::string& text, const std::string& line) {
    int count = 0;
    for (size_t at = text.find(line); at != std::string::npos; at = text.find(line, at + 1))
        ++count;
    return count;
}

class AppendOnlyTest : public ServerTest {
protected:
    void start_at_home(const std::string& fsync, const Words& more = {}) {
        Words arguments{"--dir", home_.path(), "--appendonly", "yes", "--appendfsync", fsync};
        arguments.insert(arguments.end(), more.begin(), more.end());
        start(arguments);
        ASSERT_TRUE(server().wait_for_log("Ready to accept connections")) << server().log();
    }
    /// Starts one that must not come up; what it said.
    std::string failure(const Words& more = {}) {
        Words arguments{"--dir", home_.path(), "--appendonly", "yes"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        server_ = std::make_unique<ServerProcess>(
            ServerOptions{.threads = GetParam(), .arguments = arguments});
        EXPECT_EQ(server().wait_exit(), 1);
        return server().log();
    }
    void kill() {
        server().send_signal(SIGKILL);
        ASSERT_TRUE(server().wait_exit().has_value());
    }

    Home home_;
};

/// None under way and none to come, by one look: between two of them one may begin.
inline bool has_no_rewrite(Session& client) {
    const std::string text = client.ask("INFO", "persistence");
    return text.find("aof_rewrite_in_progress:0\r") != text.npos &&
           text.find("aof_rewrite_scheduled:0\r") != text.npos;
}

}  // namespace gyre::test
