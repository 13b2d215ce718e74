// SPDX-License-Identifier: BSD-3-Clause
#include "cli/batch_words.h"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/numbers.h"
#include "cli/line.h"

namespace gyre::cli {
namespace {

bool is_batch(std::span<const std::string> words) {
    return !words.empty() && base::equals_ignore_case(words[0], "batch");
}

/// The statements of a file: its text without the lines that are comments.
Result<std::string> read_statements(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return fail("Cannot read " + path + ": " + std::strerror(errno) + "; nothing was sent.");
    }
    std::string text;
    std::string line;
    char quote = 0;
    while (std::getline(file, line)) {
        // Inside quotes a line belongs to its word, whatever it begins with.
        if (quote == 0 && is_comment(line)) continue;
        line += '\n';
        quote = open_quote(line, quote);
        text += line;
        if (text.size() > kBatchFileBytesMax) {
            return fail(path + " has more than " +
                        std::to_string(kBatchFileBytesMax / 1024 / 1024) +
                        " MiB, the limit of a batch; run it in parts, or with gyre-cli -f.");
        }
    }
    // A directory can be opened, but not read.
    if (file.bad()) return fail("Cannot read " + path + "; nothing was sent.");
    if (split_commands(text).empty()) {
        return fail(path + " has no commands; nothing was sent.");
    }
    return text;
}

}  // namespace

Result<std::vector<std::string>> complete_batch(std::span<const std::string> words) {
    std::vector<std::string> completed(words.begin(), words.end());
    if (!is_batch(words) || words.size() < 2) return completed;
    if (words[1] == "-c") {
        if (words.size() == 2) {
            return fail(R"(batch -c needs its commands, as in: batch -c "put a 1; put b 2")");
        }
        completed.erase(completed.begin() + 1);
        return completed;
    }
    if (words[1] != "-f") return completed;
    if (words.size() != 3) {
        return fail("batch -f needs the name of one file, as in: batch -f commands.txt");
    }
    auto text = read_statements(words[2]);
    if (!text) return tl::unexpected(text.error());
    return std::vector<std::string>{words[0], std::move(*text)};
}

bool wants_batch_file(std::span<const std::string> words) {
    return is_batch(words) && words.size() == 2 && words[1] == "-f";
}

std::optional<std::string_view> batch_hint(std::span<const std::string> words) {
    if (!is_batch(words)) return std::nullopt;
    if (words.size() == 1) return R"("command; command"|-c "command; command"|-f file)";
    if (words[1] == "-c") return words.size() == 2 ? R"("command; command")" : "";
    if (words[1] == "-f") return words.size() == 2 ? "file" : "";
    return std::nullopt;
}

}  // namespace gyre::cli
