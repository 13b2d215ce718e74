// SPDX-License-Identifier: BSD-3-Clause
#include "cli/history_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "cli/line.h"

namespace gyre::cli {
namespace {

std::string escape(std::string_view line) {
    std::string out;
    for (const char byte : line) {
        if (byte == '\\') {
            out += "\\\\";
        } else if (byte == '\n') {
            out += "\\n";
        } else {
            out += byte;
        }
    }
    return out;
}

std::string unescape(std::string_view line) {
    std::string out;
    for (size_t at = 0; at < line.size(); ++at) {
        if (line[at] == '\\' && at + 1 < line.size()) {
            ++at;
            out += line[at] == 'n' ? '\n' : line[at];
        } else {
            out += line[at];
        }
    }
    return out;
}

/// One write, so that lines of two sessions do not mix.
bool write_to(const std::string& path, int flags, std::string_view text) {
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    if (descriptor < 0) return false;
    const ssize_t written = ::write(descriptor, text.data(), text.size());
    ::close(descriptor);
    return written == static_cast<ssize_t>(text.size());
}

}  // namespace

std::string default_history_path(const std::function<const char*(const char*)>& environment) {
    if (const char* path = environment("GYRE_HISTORY")) return path;
    const char* state = environment("XDG_STATE_HOME");
    if (state != nullptr && state[0] == '/') return std::string(state) + "/gyre/cli_history";
    const char* home = environment("HOME");
    if (home == nullptr || home[0] != '/') return "";
    return std::string(home) + "/.local/state/gyre/cli_history";
}

std::vector<std::string> HistoryFile::load() const {
    std::vector<std::string> lines;
    if (path_.empty()) return lines;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) {
        if (!line.empty() && line.size() <= 2 * kLineBytesMax) lines.push_back(unescape(line));
    }
    const bool is_long = lines.size() > 2 * kLinesMax;
    if (lines.size() > kLinesMax) {
        lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(kLinesMax));
    }
    if (is_long) rewrite(lines);
    return lines;
}

bool HistoryFile::append(const std::string& line) {
    if (line.empty() || line.size() > kLineBytesMax || line == last_ || has_secret(line)) {
        return false;
    }
    last_ = line;
    if (path_.empty()) return true;
    std::error_code ignored;
    const std::filesystem::path folder = std::filesystem::path(path_).parent_path();
    if (!folder.empty() && std::filesystem::create_directories(folder, ignored)) {
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, ignored);
    }
    // For this session the line counts also when the file does not take it.
    static_cast<void>(write_to(path_, O_APPEND, escape(line) + '\n'));
    return true;
}

void HistoryFile::rewrite(const std::vector<std::string>& lines) const {
    std::string text;
    for (const std::string& line : lines) text += escape(line) + '\n';
    const std::string temporary = path_ + "." + std::to_string(::getpid());
    if (write_to(temporary, O_TRUNC, text)) {
        static_cast<void>(std::rename(temporary.c_str(), path_.c_str()));
    } else {
        static_cast<void>(::unlink(temporary.c_str()));
    }
}

}  // namespace gyre::cli
