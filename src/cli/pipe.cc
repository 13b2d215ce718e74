// SPDX-License-Identifier: BSD-3-Clause
#include "cli/pipe.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <random>

#include "base/numbers.h"
#include "cli/output.h"

namespace gyre::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kReadBytes = size_t{64} * 1024;
/// More of a header or an inline command is not needed to know what it is.
constexpr size_t kLineKept = 64;
constexpr std::chrono::milliseconds kProgressInterval{200};
/// Errors told one by one; the rest is counted.
constexpr uint64_t kErrorsShown = 100;

/// "$12": 12; -1 for what is no number.
int64_t number_behind_marker(std::string_view header) {
    return header.empty() ? -1 : base::parse_integer(header.substr(1)).value_or(-1);
}

std::string random_marker() {
    std::random_device device;
    std::string marker;
    while (marker.size() < 20) marker += static_cast<char>('a' + device() % 26);
    return marker;
}

class Pipe {
public:
    Pipe(const Options& options, Client& client)
        : options_(options), client_(client), marker_(random_marker()) {}

    int run() {
        if (!send_input() || !receive_rest()) return 1;
        show_progress(true);
        std::printf("Last reply received from server.\nerrors: %llu, replies: %llu\n",
                    static_cast<unsigned long long>(errors_),
                    static_cast<unsigned long long>(replies_));
        return errors_ == 0 ? 0 : 1;
    }

private:
    bool send_input() {
        std::string buffer(kReadBytes, '\0');
        for (;;) {
            const ssize_t bytes = ::read(STDIN_FILENO, buffer.data(), buffer.size());
            if (bytes < 0 && errno == EINTR) continue;
            if (bytes < 0) return complain("Cannot read standard input.");
            if (bytes == 0) break;
            const std::string_view chunk(buffer.data(), static_cast<size_t>(bytes));
            scanner_.feed(chunk);
            sent_bytes_ += chunk.size();
            if (!send(chunk) || !take_replies()) return false;
            show_progress(false);
        }
        // An inline command without its line end would swallow the marker.
        if (!send("\r\n*2\r\n$4\r\nECHO\r\n$20\r\n" + marker_ + "\r\n")) return false;
        show_progress(true);
        write_text("All data transferred. Waiting for the last reply...\n");
        return true;
    }

    bool send(std::string_view bytes) {
        auto sent = client_.send_raw(bytes);
        while (!sent && sent.error().code == ETIMEDOUT) sent = client_.flush();
        if (sent) return true;
        static_cast<void>(take_replies());  // the server's last words say why
        return is_told_ ? false : complain(sent.error().message);
    }

    bool receive_rest() {
        while (!is_at_end_) {
            const bool is_endless = options_.pipe_timeout_s == 0;
            pollfd entry{client_.file_descriptor(), POLLIN, 0};
            const int ready = poll(&entry, 1, is_endless ? -1 : options_.pipe_timeout_s * 1000);
            if (ready < 0 && errno != EINTR) return complain("Cannot wait for the server.");
            if (ready == 0) {
                return complain("No replies for " + std::to_string(options_.pipe_timeout_s) +
                                " seconds; --pipe-timeout waits longer.");
            }
            if (!take_replies()) return false;
            show_progress(false);
        }
        return true;
    }

    /// All replies that have come.
    bool take_replies() {
        while (!is_at_end_) {
            const Result<std::optional<Reply>> reply = client_.try_read_reply();
            if (!reply) return complain(reply.error().message);
            if (!*reply) return true;
            if ((*reply)->type == ReplyType::bulk && (*reply)->text == marker_) {
                is_at_end_ = true;
                return true;
            }
            const auto place = scanner_.take();
            ++replies_;
            if ((*reply)->is_error()) tell_error(**reply, place);
        }
        return true;
    }

    void tell_error(const Reply& reply, const std::optional<CommandScanner::Place>& place) {
        if (++errors_ > kErrorsShown) return;
        clear_progress();
        if (place) {
            std::fprintf(stderr, "line %llu, command %llu: %s\n",
                         static_cast<unsigned long long>(place->line),
                         static_cast<unsigned long long>(place->command), reply.text.c_str());
        } else {
            std::fprintf(stderr, "%s\n", reply.text.c_str());
        }
        if (errors_ == kErrorsShown) std::fprintf(stderr, "further errors are only counted\n");
    }

    bool complain(const std::string& text) {
        clear_progress();
        if (!is_told_) write_error(text + " Replies so far: " + std::to_string(replies_) + ".");
        is_told_ = true;
        return false;
    }

    void show_progress(bool is_last) {
        if (!is_watched_) return;
        const Clock::time_point now = Clock::now();
        if (!is_last && now - shown_at_ < kProgressInterval) return;
        shown_at_ = now;
        const std::chrono::duration<double> seconds = now - started_at_;
        std::fprintf(stderr, "\r\x1b[K%.1f MB sent, %llu replies (%.0f/s), %llu errors",
                     static_cast<double>(sent_bytes_) / 1e6,
                     static_cast<unsigned long long>(replies_),
                     static_cast<double>(replies_) / std::max(seconds.count(), 1e-3),
                     static_cast<unsigned long long>(errors_));
        if (is_last) std::fputc('\n', stderr);
        has_progress_ = !is_last;
    }

    void clear_progress() {
        if (has_progress_) std::fputs("\r\x1b[K", stderr);
        has_progress_ = false;
    }

    const Options& options_;
    Client& client_;
    CommandScanner scanner_;
    std::string marker_;
    uint64_t sent_bytes_ = 0;
    uint64_t replies_ = 0;
    uint64_t errors_ = 0;
    bool is_at_end_ = false;
    bool is_told_ = false;
    const bool is_watched_ = isatty(STDERR_FILENO) == 1;
    bool has_progress_ = false;
    Clock::time_point started_at_ = Clock::now();
    Clock::time_point shown_at_ = started_at_;
};

}  // namespace

void CommandScanner::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        if (state_ == State::payload) {
            const size_t taken = std::min<uint64_t>(payload_left_, bytes.size());
            const std::string_view payload = bytes.substr(0, taken);
            line_ += static_cast<uint64_t>(std::count(payload.begin(), payload.end(), '\n'));
            payload_left_ -= taken;
            bytes.remove_prefix(taken);
            if (payload_left_ == 0) {
                state_ = --arguments_left_ == 0 ? State::start : State::bulk_header;
                if (arguments_left_ == 0) begin_command();
            }
            continue;
        }
        if (state_ == State::start) {
            command_line_ = line_;
            state_ = State::header;
        }
        const size_t end = bytes.find('\n');
        const std::string_view part = bytes.substr(0, end);
        line_text_.append(part.substr(0, kLineKept - std::min(kLineKept, line_text_.size())));
        bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
        if (end != std::string_view::npos) end_line();
    }
}

/// A header or an inline command is complete.
void CommandScanner::end_line() {
    ++line_;
    std::string text = std::exchange(line_text_, {});
    while (!text.empty() && (text.back() == '\r' || text.back() == ' ')) text.pop_back();
    const bool is_bulk = state_ == State::bulk_header;
    state_ = State::start;
    const int64_t number = number_behind_marker(text);
    if (is_bulk) {
        if (number < 0) return;  // the server will refuse it
        payload_left_ = static_cast<uint64_t>(number) + 2;
        state_ = State::payload;
    } else if (text.starts_with('*')) {
        if (number <= 0) return;  // nothing is answered
        arguments_left_ = static_cast<uint64_t>(number);
        state_ = State::bulk_header;
    } else if (!text.empty()) {
        begin_command();
    }
}

void CommandScanner::begin_command() { places_.push_back({++commands_, command_line_}); }

std::optional<CommandScanner::Place> CommandScanner::take() {
    if (places_.empty()) return std::nullopt;
    const Place place = places_.front();
    places_.pop_front();
    return place;
}

int run_pipe(const Options& options, Link& link) {
    if (auto connected = link.connect(); !connected) {
        write_error(connected.error().message);
        return 1;
    }
    return Pipe(options, link.client()).run();
}

}  // namespace gyre::cli
