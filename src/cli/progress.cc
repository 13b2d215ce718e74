// SPDX-License-Identifier: BSD-3-Clause
#include "cli/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace gyre::cli {
namespace {

constexpr std::chrono::milliseconds kInterval{200};
constexpr size_t kBarColumns = 16;
/// Before, a rate is chance.
constexpr double kSecondsToJudge = 0.5;
constexpr double kSecondsShownMax = 99 * 3600.0;

/// What is done, 0 to 1; negative when nobody knows what is all.
double fraction(const ProgressState& state) {
    const bool is_by_keys = state.keys_total > 0;
    const auto total = static_cast<double>(is_by_keys ? state.keys_total : state.bytes_total);
    if (total <= 0) return -1;
    return std::min(1.0, static_cast<double>(is_by_keys ? state.keys : state.bytes) / total);
}

std::string amount(const std::string& done, const std::string& total, bool has_total) {
    return has_total ? done + " of " + total : done;
}

size_t error_columns() {
    winsize size{};
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

}  // namespace

std::string shown_bytes(uint64_t bytes) {
    if (bytes < 1000) return fmt::format("{} bytes", bytes);
    constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB"};
    double amount = static_cast<double>(bytes) / 1000;
    size_t unit = 0;
    while (amount >= 999.95 && unit + 1 < std::size(kUnits)) {
        amount /= 1000;
        ++unit;
    }
    return fmt::format("{:.1f} {}", amount, kUnits[unit]);
}

std::string shown_duration(double seconds) {
    const auto whole = static_cast<int64_t>(std::clamp(seconds, 0.0, kSecondsShownMax));
    const int64_t minutes = whole / 60;
    if (minutes < 60) return fmt::format("{}:{:02}", minutes, whole % 60);
    return fmt::format("{}:{:02}:{:02}", minutes / 60, minutes % 60, whole % 60);
}

std::string progress_line(const ProgressState& state, double seconds, size_t columns) {
    const double done = fraction(state);
    std::string parts[5];
    if (done >= 0) {
        const auto filled = static_cast<size_t>(done * kBarColumns);
        parts[0] = fmt::format("[{}{}] {:3.0f}%", std::string(filled, '#'),
                               std::string(kBarColumns - filled, '.'), done * 100);
    }
    parts[1] =
        amount(std::to_string(state.keys), std::to_string(state.keys_total), state.keys_total > 0) +
        " keys";
    parts[2] =
        amount(shown_bytes(state.bytes), shown_bytes(state.bytes_total), state.bytes_total > 0);
    if (seconds >= kSecondsToJudge) {
        if (done > 0) parts[3] = shown_duration(seconds * (1 - done) / done) + " left";
        parts[4] = fmt::format("{:.0f}/s", static_cast<double>(state.keys) / seconds);
    }
    std::string line;
    for (const std::string& part : parts) {
        if (part.empty()) continue;
        const std::string longer = line.empty() ? part : line + "  " + part;
        if (longer.size() > columns) break;
        line = longer;
    }
    return line;
}

Progress::Progress() : is_watched_(isatty(STDERR_FILENO) == 1) {}

void Progress::show(const ProgressState& state) {
    if (!is_watched_) return;
    const Clock::time_point now = Clock::now();
    if (now - drawn_at_ < kInterval) return;
    drawn_at_ = now;
    // One column less: some terminals go to the next line behind the last one.
    const std::string line = progress_line(state, seconds(), error_columns() - 1);
    std::fprintf(stderr, "\r\x1b[K%s", line.c_str());
    is_drawn_ = true;
}

void Progress::clear() {
    if (is_drawn_) std::fputs("\r\x1b[K", stderr);
    is_drawn_ = false;
}

double Progress::seconds() const {
    return std::chrono::duration<double>(Clock::now() - started_at_).count();
}

}  // namespace gyre::cli
