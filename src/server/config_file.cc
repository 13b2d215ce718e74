// SPDX-License-Identifier: BSD-3-Clause
#include "server/config_file.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/glob.h"
#include "base/numbers.h"
#include "resp/request_parser.h"

namespace gyre::server {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kInclude = "include";
/// As much of a line as an error shows.
constexpr size_t kShownCharsMax = 128;

std::string_view trimmed(std::string_view text) {
    const size_t begin = text.find_first_not_of(kBlanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool is_secret(std::string_view name) {
    const std::string lower = base::to_lower(name);
    return lower == "requirepass" || lower == "masterauth" || lower == "user" ||
           lower.ends_with("-pass");
}

/// A line as an error shows it: without passwords, whatever else it holds.
std::string shown(std::string_view line) {
    const std::string_view name = line.substr(0, line.find_first_of(kBlanks));
    if (is_secret(name)) return std::string(name) + " ...";
    return base::escape_for_error(line, kShownCharsMax);
}

std::string unknown_directive(std::string_view name) {
    std::string text =
        fmt::format("unknown directive \"{}\". ", base::escape_for_error(name, kShownCharsMax));
    const std::string_view nearest = nearest_directive(name);
    if (!nearest.empty()) text += fmt::format("Did you mean \"{}\"? ", nearest);
    return text + "Remove the line or correct the name.";
}

std::string bad_value(const ConfigRow& row, const std::string& reason) {
    // The reason of a fixed row ends with the remedy.
    if (row.role == ConfigRole::fixed && reason.starts_with("not supported")) return reason + ".";
    std::string initial = fmt::format("{} {}", row.name, config_word(row.initial));
    if (row.kind == ConfigKind::output_limits) {
        // As CONFIG REWRITE writes it: CONFIG GET has an older word for one of the classes.
        const auto lines = config_lines(row, ConfigValue{std::string(row.initial)});
        initial = fmt::format("{}", fmt::join(lines.begin(), lines.end(), ", "));
    }
    return fmt::format("{}{} Correct the value, or remove the line for the default: {}", reason,
                       reason.ends_with('.') ? "" : ".", initial);
}

/// Calls `visit(line without its end)` for each line.
template <class Visit>
void for_each_line(std::string_view text, Visit visit) {
    while (!text.empty()) {
        const size_t end = text.find('\n');
        visit(text.substr(0, end));
        if (end == std::string_view::npos) return;
        text.remove_prefix(end + 1);
    }
}

}  // namespace

// --- reading
// ----------------------------------------------------------------------------------------

Result<std::string> read_config_file(const std::string& path, bool must_be_regular) {
    const auto failed = [&](int cause) {
        return fail(
            fmt::format("Cannot read the configuration file {}: {}. Correct the path or make "
                        "the file readable.",
                        path, std::strerror(cause)),
            cause);
    };
    // A pipe may stand for the first file, but an included one would hang the start.
    const int descriptor =
        ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (must_be_regular ? O_NONBLOCK : 0));
    if (descriptor < 0) return failed(errno);
    struct stat status{};
    ::fstat(descriptor, &status);
    std::string text;
    int cause = must_be_regular && !S_ISREG(status.st_mode) ? EINVAL : 0;
    char buffer[16 * 1024];
    while (cause == 0 && text.size() <= ConfigReader::kFileBytesMax) {
        const ssize_t count = ::read(descriptor, buffer, sizeof buffer);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) cause = errno;
        if (count <= 0) break;
        text.append(buffer, static_cast<size_t>(count));
    }
    ::close(descriptor);
    if (cause == 0 && text.size() > ConfigReader::kFileBytesMax) cause = EFBIG;
    if (cause != 0) return failed(cause);
    return text;
}

Result<void> ConfigReader::read_file(const std::string& path) {
    auto text = read_config_file(path, false);
    if (!text) return tl::unexpected(std::move(text.error()));
    std::error_code failure;
    open_files_.push_back(std::filesystem::weakly_canonical(path, failure));
    auto done = read_text(*text, path);
    open_files_.pop_back();
    return done;
}

Result<void> ConfigReader::read_text(std::string_view text, std::string_view origin) {
    Result<void> result;
    size_t number = 0;
    for_each_line(text, [&](std::string_view line) {
        ++number;
        if (result) result = read_line(line, fmt::format("{}:{}", origin, number));
    });
    return result;
}

Result<void> ConfigReader::read_line(std::string_view line, const std::string& place) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#') return {};
    std::vector<std::string> words;
    if (!resp::split_line(line, words)) {
        return fail(
            fmt::format("{}: '{}': a quote is not closed, or not followed by a blank. Correct "
                        "the quotes.",
                        place, shown(line)));
    }
    if (words.empty()) return {};
    const bool is_include = base::equals_ignore_case(words[0], kInclude);
    const auto done = is_include ? include(std::span(words).subspan(1)) : apply(words);
    if (done) return {};
    return fail(fmt::format("{}: '{}': {}", place, shown(line), done.error().message));
}

Result<void> ConfigReader::read_option(std::span<const std::string> words) {
    const bool is_include = base::equals_ignore_case(words[0], kInclude);
    const auto done = is_include ? include(words.subspan(1)) : apply(words);
    if (done) return {};
    std::string line = "--" + base::escape_for_error(words[0], kShownCharsMax);
    if (is_secret(words[0])) {
        line += " ...";
    } else {
        for (const std::string& word : words.subspan(1)) line += " " + config_word(word);
    }
    return fail(fmt::format("command line: '{}': {}", base::escape_for_error(line, kShownCharsMax),
                            done.error().message));
}

Result<void> ConfigReader::apply(std::span<const std::string> words) {
    const auto place = find_config_row(words[0]);
    if (!place) {
        for (const RefusedDirective& refused : refused_directives()) {
            if (!base::equals_ignore_case(words[0], refused.name)) continue;
            return fail(fmt::format("not supported in this version: {}.", refused.remedy));
        }
        return fail(unknown_directive(words[0]));
    }
    const ConfigRow& row = config_rows()[*place];
    auto value = parse_config_value(row, words.subspan(1), values_[*place]);
    if (!value) return fail(bad_value(row, value.error().message));
    values_[*place] = std::move(*value);
    return {};
}

Result<void> ConfigReader::include(std::span<const std::string> words) {
    if (words.size() != 1) return fail("include takes the path of one file. Correct the line.");
    if (depth_ == kDepthMax) {
        return fail(fmt::format("files include each other more than {} deep. Break the circle.",
                                kDepthMax));
    }
    const std::string path = (directory_ / words[0]).string();
    ++depth_;
    Result<void> result;
    if (base::glob_is_literal(words[0])) {
        result = include_file(path);
    } else {
        glob_t found{};
        // No match is no error: a directory of additions may be empty.
        if (::glob(path.c_str(), 0, nullptr, &found) == 0) {
            for (size_t index = 0; index < found.gl_pathc && result; ++index) {
                result = include_file(found.gl_pathv[index]);
            }
        }
        ::globfree(&found);
    }
    --depth_;
    return result;
}

Result<void> ConfigReader::include_file(const std::string& path) {
    if (++files_ > kFilesMax) {
        return fail(fmt::format("more than {} files are included. Break the circle.", kFilesMax));
    }
    std::error_code failure;
    const std::filesystem::path file = std::filesystem::weakly_canonical(path, failure);
    if (!failure && std::ranges::find(open_files_, file) != open_files_.end()) {
        return fail("the file is being read already: it includes itself. Break the circle.");
    }
    auto text = read_config_file(path, true);
    if (!text) return tl::unexpected(std::move(text.error()));
    open_files_.push_back(file);
    auto done = read_text(*text, path);
    open_files_.pop_back();
    return done;
}

// --- rewriting
// --------------------------------------------------------------------------------------

namespace {

constexpr std::string_view kSignature = "# Generated by CONFIG REWRITE";

/// Rows to which reading `text` gives another value than wanted.
Result<std::vector<bool>> differing_rows(std::string_view text, const std::string& origin,
                                         const ConfigValues& wanted,
                                         const std::filesystem::path& directory) {
    ConfigValues values = initial_config_values();
    if (auto read = ConfigReader(values, directory).read_text(text, origin); !read) {
        return tl::unexpected(std::move(read.error()));
    }
    std::vector<bool> differs(values.size());
    for (size_t index = 0; index < values.size(); ++index) {
        differs[index] = values[index].text != wanted[index].text;
    }
    return differs;
}

std::optional<size_t> row_of_line(std::string_view line) {
    line = trimmed(line);
    std::vector<std::string> words;
    if (line.empty() || line[0] == '#' || !resp::split_line(line, words) || words.empty()) {
        return std::nullopt;
    }
    return find_config_row(words[0]);
}

void append_lines(std::string& text, const ConfigRow& row, const ConfigValue& value) {
    for (const std::string& line : config_lines(row, value)) text += line + "\n";
}

/// Puts the wanted value at the first line of each row that differs, and takes its other lines
/// away.
std::string replaced_lines(std::string_view text, const std::vector<bool>& differs,
                           const ConfigValues& values) {
    std::string changed;
    std::vector<bool> is_written(differs.size());
    for_each_line(text, [&](std::string_view line) {
        const auto place = row_of_line(line);
        if (!place || !differs[*place]) {
            changed.append(line).append("\n");
        } else if (!is_written[*place]) {
            is_written[*place] = true;
            append_lines(changed, config_rows()[*place], values[*place]);
        }
    });
    return changed;
}

Result<void> write_all(int descriptor, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(descriptor, text.data(), text.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(std::strerror(errno), errno);
        text.remove_prefix(static_cast<size_t>(count));
    }
    if (::fsync(descriptor) != 0) return fail(std::strerror(errno), errno);
    return {};
}

/// The new name must be on disk as well; where directories cannot be synced, the system does it.
void sync_directory(const std::filesystem::path& directory) {
    const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) return;
    ::fsync(descriptor);
    ::close(descriptor);
}

}  // namespace

Result<std::string> rewritten_config(std::string_view text, const std::string& origin,
                                     const ConfigValues& values,
                                     const std::filesystem::path& directory) {
    auto differs = differing_rows(text, origin, values, directory);
    if (!differs) return tl::unexpected(std::move(differs.error()));
    std::string changed = replaced_lines(text, *differs, values);
    // What no line of this file says, or what an included file says otherwise later on.
    differs = differing_rows(changed, origin, values, directory);
    if (!differs) return tl::unexpected(std::move(differs.error()));
    bool is_signed = changed.find(kSignature) != std::string::npos;
    for (size_t index = 0; index < values.size(); ++index) {
        if (!(*differs)[index]) continue;
        if (!is_signed) changed.append(kSignature).append("\n");
        is_signed = true;
        append_lines(changed, config_rows()[index], values[index]);
    }
    return changed;
}

Result<void> replace_file(const std::string& path, std::string_view text) {
    std::error_code failure;
    std::filesystem::path target = std::filesystem::canonical(path, failure);
    if (failure) target = path;
    struct stat status{};
    const mode_t mode = ::stat(target.c_str(), &status) == 0 ? status.st_mode & 07777 : 0600;
    const std::string temporary = fmt::format("{}.{}.tmp", target.string(), ::getpid());
    const int descriptor =
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0) return fail(std::strerror(errno), errno);
    auto written = write_all(descriptor, text);
    if (written && ::fchmod(descriptor, mode) != 0) written = fail(std::strerror(errno), errno);
    // A file of another owner stays his, where this process may say so.
    if (written && status.st_uid != ::geteuid()) {
        [[maybe_unused]] const int ignored = ::fchown(descriptor, status.st_uid, status.st_gid);
    }
    ::close(descriptor);
    if (written && ::rename(temporary.c_str(), target.c_str()) != 0) {
        written = fail(std::strerror(errno), errno);
    }
    if (!written) {
        ::unlink(temporary.c_str());
        return written;
    }
    sync_directory(target.parent_path());
    return {};
}

}  // namespace gyre::server
