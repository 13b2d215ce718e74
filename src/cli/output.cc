// SPDX-License-Identifier: BSD-3-Clause
#include "cli/output.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace gyre::cli {
namespace {

/// Messages of channels and confirmations of subscriptions, which were asked for.
bool is_subscription_message(const Reply& message) {
    if (message.elements.empty()) return false;
    const std::string& kind = message.elements[0].text;
    return kind.ends_with("message") || kind.ends_with("subscribe");
}

/// The signal is ignored for the sake of sockets; what becomes of it is what shells expect.
[[noreturn]] void end_unread() {
    static_cast<void>(std::signal(SIGPIPE, SIG_DFL));
    static_cast<void>(std::raise(SIGPIPE));
    std::_Exit(1);  // it was blocked by whoever started the program
}

}  // namespace

Output::Output(const Options& options, bool is_terminal, bool has_colour)
    : is_pretty_(is_terminal && !options.format),
      is_terminal_(is_terminal),
      has_colour_(has_colour),
      shows_pushes_(options.shows_pushes.value_or(is_terminal)),
      hides_pushes_(options.shows_pushes == false) {
    layout_.format = options.format.value_or(Format::raw);
    layout_.element_delimiter = options.element_delimiter;
    layout_.reply_delimiter = options.reply_delimiter;
}

void Output::set_format(std::optional<Format> format) {
    is_pretty_ = !format;
    if (format) layout_.format = *format;
}

PrettyOptions Output::pretty_options() const { return {has_colour_, terminal_columns()}; }

std::string Output::reply(std::span<const std::string> words, const Reply& reply,
                          std::span<const std::string> notes) const {
    if (reply.type == ReplyType::push) return "";
    if (is_pretty_) {
        return is_report(words) ? pretty_report(reply, pretty_options())
                                : pretty_reply(reply, pretty_options(), notes);
    }
    return is_report(words) ? format_report(reply) : format_reply(reply, layout_);
}

std::string Output::message(const Reply& message) const {
    if (hides_pushes_) return "";
    const bool is_line_of_monitor = !message.is_aggregate();
    if (!shows_pushes_ && !is_line_of_monitor && !is_subscription_message(message)) return "";
    if (!is_pretty_) return format_reply(message, layout_);
    return is_line_of_monitor ? pretty_reply(message, pretty_options())
                              : pretty_message(message, pretty_options());
}

void write_text(std::string_view text) {
    const bool is_written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (!is_written && errno == EPIPE) end_unread();
    flush_output();
}

void flush_output() {
    if (std::fflush(stdout) != 0 && errno == EPIPE) end_unread();
}

void write_error(std::string_view text) {
    std::fprintf(stderr, "gyre-cli: %.*s\n", static_cast<int>(text.size()), text.data());
}

size_t terminal_columns() {
    winsize size{};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

}  // namespace gyre::cli
