// SPDX-License-Identifier: BSD-3-Clause

#include "base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>

#include "base/numbers.h"

namespace gyre::base {
namespace {

constexpr std::array<const char*, 5> kLevelNames = {"debug", "verbose", "notice", "warning",
                                                    "nothing"};
/// A line is cut behind this much text: a mistake must not fill the disk in one go.
constexpr size_t kTextBytesMax = 16 * 1024;

constinit std::atomic<Level> lowest_level{Level::notice};
constinit std::atomic<uint64_t> lines_lost{0};

/// What log lines go to. The library's logger is replaced as a whole when the target changes; a
/// line under way holds on to the one it began with.
struct Target {
    std::mutex mutex;
    std::shared_ptr<spdlog::logger> logger;
    std::string path;  // empty: stderr or stdout
};

std::shared_ptr<spdlog::logger> make_logger(spdlog::sink_ptr sink) {
    auto logger = std::make_shared<spdlog::logger>("gyre", std::move(sink));
    // The level stands in the text: the library's names are not ours.
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %P %v");
    logger->set_level(spdlog::level::trace);
    logger->flush_on(spdlog::level::trace);
    logger->set_error_handler([](const std::string&) { lines_lost.fetch_add(1); });
    return logger;
}

/// Leaked on purpose: see "Ownership" in the header.
Target& target() {
    static Target* const instance = [] {
        auto* created = new Target;
        created->logger = make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
        return created;
    }();
    return *instance;
}

std::shared_ptr<spdlog::logger> current_logger() {
    Target& place = target();
    const std::lock_guard lock(place.mutex);
    return place.logger;
}

void append_escaped(fmt::memory_buffer& line, std::string_view text) {
    for (const char character : text.substr(0, kTextBytesMax)) {
        const auto code = static_cast<unsigned char>(character);
        if (code >= 0x20 && code != 0x7f) {
            line.push_back(character);
        } else if (character == '\n') {
            line.append(std::string_view("\\n"));
        } else {
            fmt::format_to(fmt::appender(line), "\\x{:02x}", code);
        }
    }
    if (text.size() > kTextBytesMax) line.append(std::string_view(" [cut]"));
}

tl::unexpected<Error> cannot_open(const std::string& path, int code, const char* reason) {
    return fail(fmt::format("Can't open the log file {}: {}; check that its directory exists and "
                            "can be written to",
                            quote(path), reason),
                code);
}

/// The only place that meets the library's exceptions about files.
Result<std::shared_ptr<spdlog::logger>> open_logger(const std::string& path) {
    try {
        if (path.empty()) return make_logger(std::make_shared<spdlog::sinks::stderr_sink_mt>());
        // The library would make the directories that are missing; a path with a mistake in it is
        // an error instead.
        std::FILE* const probe = std::fopen(path.c_str(), "ae");
        if (probe == nullptr) return cannot_open(path, errno, std::strerror(errno));
        std::fclose(probe);
        return make_logger(std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
    } catch (const std::exception& failure) {
        return cannot_open(path, errno, failure.what());
    }
}

}  // namespace

const char* level_name(Level level) noexcept { return kLevelNames[static_cast<size_t>(level)]; }

std::optional<Level> parse_level(std::string_view name) noexcept {
    for (size_t index = 0; index < kLevelNames.size(); ++index) {
        if (equals_ignore_case(kLevelNames[index], name)) return static_cast<Level>(index);
    }
    return std::nullopt;
}

void set_level(Level level) noexcept { lowest_level.store(level, std::memory_order_relaxed); }

Level level() noexcept { return lowest_level.load(std::memory_order_relaxed); }

Result<void> log_to_file(const std::string& path) {
    auto logger = open_logger(path);
    if (!logger) return tl::unexpected(logger.error());
    Target& place = target();
    const std::lock_guard lock(place.mutex);
    place.logger = std::move(*logger);
    place.path = path;
    return {};
}

void log_to_stdout() {
    auto logger = make_logger(std::make_shared<spdlog::sinks::stdout_sink_mt>());
    Target& place = target();
    const std::lock_guard lock(place.mutex);
    place.logger = std::move(logger);
    place.path.clear();
}

Result<void> reopen_log() {
    std::string path;
    {
        Target& place = target();
        const std::lock_guard lock(place.mutex);
        path = place.path;
    }
    if (path.empty()) return {};
    return log_to_file(path);
}

uint64_t log_lines_lost() noexcept { return lines_lost.load(std::memory_order_relaxed); }

namespace log_detail {

void write(Level line_level, fmt::string_view format, fmt::format_args arguments) noexcept {
    try {
        fmt::memory_buffer text;
        fmt::vformat_to(fmt::appender(text), format, arguments);
        fmt::memory_buffer line;
        line.append(std::string_view(level_name(line_level)));
        line.push_back(' ');
        append_escaped(line, {text.data(), text.size()});
        current_logger()->log(spdlog::level::info, spdlog::string_view_t(line.data(), line.size()));
    } catch (...) {
        lines_lost.fetch_add(1, std::memory_order_relaxed);
    }
}

}  // namespace log_detail
}  // namespace gyre::base
