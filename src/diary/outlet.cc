// SPDX-License-Identifier: BSD-3-Clause
#include "diary/outlet.h"

#include <fmt/format.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <utility>

#include "base/numbers.h"

namespace gyre::diary {
namespace {

tl::unexpected<Error> cannot_open(std::string_view what, const std::string& path, int code,
                                  const char* reason) {
    return fail(fmt::format("Can't open the {} {}: {}; check that its directory exists and can be "
                            "written to",
                            what, base::quote(path), reason),
                code);
}

/// The only place that meets the library's exceptions about opening.
Result<spdlog::sink_ptr> make_file_sink(const std::string& path, std::string_view what) {
    try {
        // The library would make the directories that are missing; a path with a mistake in it is
        // an error instead.
        std::FILE* const probe = std::fopen(path.c_str(), "ae");
        if (probe == nullptr) return cannot_open(what, path, errno, std::strerror(errno));
        std::fclose(probe);
        spdlog::sink_ptr sink = std::make_shared<spdlog::sinks::basic_file_sink_st>(path);
        // What a line is made of is our business (line.h).
        sink->set_pattern("%v");
        return sink;
    } catch (const std::exception& failure) {
        return cannot_open(what, path, errno, failure.what());
    }
}

std::FILE* stream_of(std::string_view path) {
    if (path == kStandardOutput) return stdout;
    return path == kStandardError ? stderr : nullptr;
}

spdlog::sink_ptr make_stream_sink(const std::FILE* stream) {
    spdlog::sink_ptr sink;
    if (stream == stdout) {
        sink = std::make_shared<spdlog::sinks::stdout_sink_st>();
    } else {
        sink = std::make_shared<spdlog::sinks::stderr_sink_st>();
    }
    sink->set_pattern("%v");
    return sink;
}

}  // namespace

bool is_journal(int descriptor, std::string_view journal_stream) {
    struct stat status{};
    if (journal_stream.empty() || ::fstat(descriptor, &status) != 0) return false;
    return journal_stream == fmt::format("{}:{}", status.st_dev, status.st_ino);
}

Result<Outlet> Outlet::open(const std::string& path, std::string_view what) {
    Outlet outlet;
    outlet.path_ = path;
    outlet.what_ = what;
    if (std::FILE* const stream = stream_of(path)) {
        const char* const journal = std::getenv("JOURNAL_STREAM");
        outlet.sink_ = make_stream_sink(stream);
        if (journal != nullptr && is_journal(::fileno(stream), journal)) {
            outlet.reader_ = Reader::journal;
        }
        return outlet;
    }
    auto sink = make_file_sink(path, what);
    if (!sink) return tl::unexpected(std::move(sink.error()));
    outlet.sink_ = std::move(*sink);
    outlet.is_file_ = true;
    return outlet;
}

void Outlet::write(std::string_view line) noexcept {
    try {
        ++unflushed_lines_;
        if (is_torn_) {
            spare_ = '\n';
            spare_ += line;
            line = spare_;
            is_torn_ = false;
        }
        const spdlog::string_view_t payload(line.data(), line.size());
        sink_->log(spdlog::details::log_msg({}, spdlog::level::info, payload));
    } catch (...) {
        note_lost();
    }
}

/// The sinks of the streams say nothing of failures, but the C library remembers them.
void Outlet::flush() noexcept {
    if (unflushed_lines_ == 0) return;
    try {
        sink_->flush();
        std::FILE* const stream = is_file_ ? nullptr : stream_of(path_);
        if (stream != nullptr && std::ferror(stream) != 0) {
            std::clearerr(stream);
            return note_lost();
        }
        unflushed_lines_ = 0;
    } catch (...) {
        note_lost();
    }
}

void Outlet::note_lost() noexcept {
    lost_lines_ += std::exchange(unflushed_lines_, 0);
    is_torn_ = true;
}

Result<void> Outlet::reopen() {
    if (!is_file_) return {};
    auto sink = make_file_sink(path_, what_);
    if (!sink) return tl::unexpected(std::move(sink.error()));
    flush();
    sink_ = std::move(*sink);
    is_torn_ = false;
    return {};
}

}  // namespace gyre::diary
