// SPDX-License-Identifier: BSD-3-Clause
#include "cli/watch.h"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "cli/command_table.h"
#include "cli/full_screen.h"
#include "cli/live.h"
#include "cli/signals.h"
#include "cli/watch_history.h"
#include "cli/watch_view.h"

namespace gyre::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kIntervalDefault = 1;
/// At least so long after a look that found no server.
constexpr auto kRetry =
    std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(kRetryS));
/// A frame of plain text is as wide as the narrowest terminal that people use.
constexpr size_t kPlainColumns = 80;
/// The exit status of a program that a signal ended, as shells tell it.
constexpr int kSignalStatus = 128;

bool is_dumb_terminal() {
    const char* terminal = std::getenv("TERM");
    return terminal == nullptr || std::strcmp(terminal, "dumb") == 0;
}

std::string time_of_day() {
    const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    std::tm parts{};
    if (localtime_r(&now, &parts) == nullptr) return "";
    char text[16];
    return std::strftime(text, sizeof(text), "%H:%M:%S", &parts) == 0 ? "" : text;
}

/// Groups of commands, from the server's own table; none where it has no COMMAND DOCS.
std::map<std::string, std::string, std::less<>> groups_of(Link& link) {
    std::map<std::string, std::string, std::less<>> groups;
    const std::string docs[] = {"COMMAND", "DOCS"};
    const Result<Reply> reply = link.call(docs);
    if (!reply || reply->is_error()) return groups;
    CommandTable table;
    table.load_docs(*reply);
    for (const auto& [name, command] : table.commands()) {
        if (!command.group.empty()) groups.emplace(name, command.group);
    }
    return groups;
}

class Watch {
public:
    Watch(const Options& options, Link& link, const Output& output)
        : link_(link),
          interval_s_(options.interval_s > 0 ? options.interval_s : kIntervalDefault),
          frames_wanted_(rounds_of(options)),
          has_colour_(output.has_colour()),
          is_live_(output.is_terminal() && !is_dumb_terminal()) {
        link_.set_waiter([this](int descriptor) { return wait(descriptor, std::nullopt); });
    }
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { link_.set_waiter({}); }

    int run() {
        if (frames_wanted_ == 0) return 0;
        Result<void> done = begin();
        while (done && !is_leaving_) done = next_frame();
        screen_.reset();
        if (done || is_leaving_) return status_;
        write_error(done.error().message);
        return 1;
    }

private:
    Result<void> begin() {
        if (auto connected = link_.connect(); !connected) return connected;
        history_.emplace(groups_of(link_));
        started_ = next_look_ = Clock::now();
        if (auto looked = look(); !looked) return looked;
        if (is_live_ && !is_leaving_) {
            screen_.emplace();
            draw();
        }
        return {};
    }

    /// Waits for its time, looks, and shows what is seen.
    Result<void> next_frame() {
        const auto interval = std::chrono::duration<double>(interval_s_);
        next_look_ = std::max(next_look_ + std::chrono::duration_cast<Clock::duration>(interval),
                              Clock::now());
        if (!wait(link_.descriptor(), next_look_)) return {};
        const auto looked = look();
        if (is_leaving_) return {};
        if (!looked) return lose(looked.error());
        if (is_lost_) find_again();
        draw();
        if (frames_wanted_ && ++frames_ >= *frames_wanted_) is_leaving_ = true;
        return {};
    }

    /// What was seen last stays on the screen, and the next look may find the server again.
    Result<void> lose(const Error& error) {
        if (link_.is_open() || error.code == EACCES) return tl::unexpected(error);
        if (!is_lost_ && !screen_) write_error(error.message + " Trying again until it answers.");
        const bool is_new = !is_lost_;
        is_lost_ = true;
        if (is_new && screen_) draw();
        next_look_ = std::max(next_look_, Clock::now() + kRetry);
        return {};
    }

    /// Its counters may begin at nothing, and our looks count anew.
    void find_again() {
        is_lost_ = false;
        if (!screen_) write_error("Connected again.");
    }

    Result<void> look() {
        WatchSample sample;
        sample.own_infos = infos_;
        sample.own_histograms = histograms_;
        const std::string info[] = {"INFO", "EVERYTHING"};
        const Result<Reply> reply = link_.call(info);
        if (!reply) return tl::unexpected(reply.error());
        if (reply->is_error()) {
            return fail("The server refuses INFO, from which all numbers are: " + reply->text +
                        ".");
        }
        ++infos_;
        sample.at_s = std::chrono::duration<double>(Clock::now() - started_).count();
        sample.time = time_of_day();
        sample.read_info(reply->text);
        if (auto done = look_at_latency(sample); !done) return done;
        history_->add(std::move(sample));
        return {};
    }

    Result<void> look_at_latency(WatchSample& sample) {
        if (!has_histograms_) return {};
        const std::string words[] = {"LATENCY", "HISTOGRAM"};
        const Result<Reply> reply = link_.call(words);
        if (!reply) return tl::unexpected(reply.error());
        ++histograms_;
        if (reply->is_error()) {
            has_histograms_ = false;  // an old server, or one that does not allow it
        } else {
            sample.read_histogram(*reply);
        }
        return {};
    }

    void draw() {
        if (!history_ || history_->is_empty()) return;
        WatchView view{.address = link_.address().to_string(),
                       .interval_s = interval_s_,
                       .is_paused = is_paused_,
                       .is_lost = is_lost_,
                       .has_keys = screen_ && screen_->has_keyboard(),
                       .has_colour = has_colour_};
        if (screen_) {
            const ScreenSize size = screen_size();
            view.columns = size.columns;
            view.rows = size.rows;
            if (!screen_->draw(draw_watch(*history_, view))) leave(1);
            return;
        }
        view.columns = kPlainColumns;
        std::string text;
        for (const std::string& line : draw_watch(*history_, view)) text += line + '\n';
        write_text(text + '\n');
        // Whoever read this has gone.
        if (std::ferror(stdout) != 0) leave(1);
    }

    void leave(int status) {
        is_leaving_ = true;
        status_ = status;
    }

    /// Until the descriptor can be read or the time has come, and while it is paused until that
    /// ends; keys and signals are heard meanwhile. False: the person leaves.
    bool wait(int descriptor, std::optional<Clock::time_point> until) {
        const bool is_reply = !until;
        while (!is_leaving_) {
            const int keyboard =
                screen_ && screen_->has_keyboard() && !is_keyboard_closed_ ? STDIN_FILENO : -1;
            pollfd entries[] = {
                {descriptor, POLLIN, 0}, {signals_.descriptor(), POLLIN, 0}, {keyboard, POLLIN, 0}};
            int timeout = -1;
            if (until && (!is_paused_ || is_lost_)) {
                const auto left =
                    std::chrono::ceil<std::chrono::milliseconds>(*until - Clock::now()).count();
                if (left <= 0) return true;
                timeout = static_cast<int>(left);
            }
            if (poll(entries, 3, timeout) < 0) {
                if (errno != EINTR) leave(1);
                continue;
            }
            if (entries[1].revents != 0) on_signal();
            if (entries[2].revents != 0) on_keys();
            if (entries[0].revents == 0) continue;
            if (is_reply) return !is_leaving_;
            // Nothing was asked for: a message of no interest, or the end.
            if (!link_.take_messages()) return !is_leaving_;
        }
        return false;
    }

    void on_signal() {
        const auto signal = signals_.take();
        if (!signal) return;
        if (*signal == SIGWINCH) {
            if (screen_) draw();
        } else {
            leave(*signal == SIGINT ? 0 : kSignalStatus + *signal);
        }
    }

    void on_keys() {
        char keys[64];
        const ssize_t bytes = ::read(STDIN_FILENO, keys, sizeof(keys));
        if (bytes == 0) is_keyboard_closed_ = true;
        for (ssize_t i = 0; i < bytes && !is_leaving_; ++i) on_key(keys[i]);
    }

    void on_key(char key) {
        switch (key) {
            case 'q':
            case 'Q':
                return leave(0);
            case 'p':
            case 'P':
                is_paused_ = !is_paused_;
                return draw();
            case 'r':
            case 'R':
                if (history_) history_->reset();
                return draw();
            default:
                return;
        }
    }

    Signals signals_;
    Link& link_;
    double interval_s_;
    std::optional<int64_t> frames_wanted_;
    bool has_colour_;
    bool is_live_;
    std::optional<WatchHistory> history_;
    std::optional<FullScreen> screen_;
    Clock::time_point started_;
    Clock::time_point next_look_;
    int64_t frames_ = 0;
    int64_t infos_ = 0;
    int64_t histograms_ = 0;
    bool has_histograms_ = true;
    bool is_paused_ = false;
    bool is_keyboard_closed_ = false;
    bool is_lost_ = false;
    bool is_leaving_ = false;
    int status_ = 0;
};

}  // namespace

int run_watch(const Options& options, Link& link, const Output& output) {
    return Watch(options, link, output).run();
}

}  // namespace gyre::cli
