// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// One place that lines are written to: a file, standard output or standard error. The sinks are
// spdlog's; here is what it leaves open: a file that is opened again under its name, lines that
// could not be written, and whether the journal reads what we print.
//
// Ownership: owns its sink. Threads: one at a time. Errors: open() and reopen() say what is in the
// way; a line that cannot be written is counted.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <gyre/result.h>

#include "diary/line.h"

namespace spdlog::sinks {
class sink;
}

namespace gyre::diary {

inline constexpr std::string_view kStandardOutput = "/dev/stdout";
inline constexpr std::string_view kStandardError = "/dev/stderr";

class Outlet {
public:
    /// A file, which is appended to, or one of the two streams by the names above. `what` names it
    /// in errors: "log file".
    static Result<Outlet> open(const std::string& path, std::string_view what);

    Reader reader() const { return reader_; }
    /// A line without its end. It may stay in memory until flush().
    void write(std::string_view line) noexcept;
    void flush() noexcept;
    /// Opens the file by its name again, after it was moved away; a stream stays. On an error
    /// everything goes on as before.
    Result<void> reopen();
    bool is_file() const { return is_file_; }
    /// Lines that could not be written; none of them need have reached the file.
    uint64_t lost_lines() const { return lost_lines_; }

private:
    void note_lost() noexcept;

    std::string path_;
    std::string what_;
    std::shared_ptr<spdlog::sinks::sink> sink_;
    std::string spare_;  // a line behind a fragment
    Reader reader_ = Reader::file;
    bool is_file_ = false;
    bool is_torn_ = false;  // what was written last may be half a line
    uint64_t unflushed_lines_ = 0;
    uint64_t lost_lines_ = 0;
};

/// Whether what is written to a descriptor goes to systemd's journal, by what JOURNAL_STREAM says
/// (its value; empty: there is none): the device and the inode of the stream.
bool is_journal(int descriptor, std::string_view journal_stream);

}  // namespace gyre::diary
