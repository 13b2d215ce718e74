// SPDX-License-Identifier: BSD-3-Clause
// gyre-cli: reads the options and does what they ask for.

#include <fcntl.h>
#include <langinfo.h>
#include <sys/types.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/batch.h"
#include "cli/dump.h"
#include "cli/hot_keys.h"
#include "cli/interactive.h"
#include "cli/link.h"
#include "cli/live.h"
#include "cli/load.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/pipe.h"
#include "cli/scan.h"
#include "cli/watch.h"

namespace {

using namespace gyre::cli;

/// Widths and characters are those of UTF-8, whatever the locale leaves unsaid.
void set_locale() {
    static_cast<void>(std::setlocale(LC_CTYPE, ""));
    if (std::strcmp(nl_langinfo(CODESET), "UTF-8") != 0) {
        static_cast<void>(std::setlocale(LC_CTYPE, "C.UTF-8"));
    }
}

bool wants_colour() {
    const char* terminal = std::getenv("TERM");
    const char* refused = std::getenv("NO_COLOR");
    return isatty(STDOUT_FILENO) == 1 && (refused == nullptr || refused[0] == '\0') &&
           terminal != nullptr && std::strcmp(terminal, "dumb") != 0;
}

/// Bytes up to the end of a line, and no more: what follows is for others to read. nullopt: there
/// is none.
std::optional<std::string> read_line_of(int descriptor) {
    std::string line;
    for (;;) {
        char byte = 0;
        const ssize_t bytes = ::read(descriptor, &byte, 1);
        if (bytes < 0 && errno == EINTR) continue;
        if (bytes <= 0 && line.empty()) return std::nullopt;
        if (bytes <= 0 || byte == '\n') return line;
        line += byte;
    }
}

/// A line from the terminal that is not shown; where there is no terminal, the first line of
/// standard input.
std::optional<std::string> ask_password() {
    const int terminal = ::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (terminal < 0) return read_line_of(STDIN_FILENO);
    termios before{};
    const bool is_hidden = tcgetattr(terminal, &before) == 0;
    termios hidden = before;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    if (is_hidden) static_cast<void>(tcsetattr(terminal, TCSAFLUSH, &hidden));
    static_cast<void>(dprintf(terminal, "Password: "));
    auto password = read_line_of(terminal);
    if (is_hidden) static_cast<void>(tcsetattr(terminal, TCSAFLUSH, &before));
    static_cast<void>(dprintf(terminal, "\n"));
    ::close(terminal);
    return password.value_or("");
}

LinkOptions link_options(const Options& options, bool is_for_people) {
    LinkOptions link;
    link.address = options.address;
    link.protocol = options.protocol;
    const bool is_json = options.format == Format::json || options.format == Format::quoted_json;
    if (is_json && !link.protocol) link.protocol = 3;
    link.prefers_resp3 = is_for_people;
    link.follows_cluster = options.follows_cluster;
    return link;
}

int run(const Options& options) {
    const bool is_terminal = isatty(STDOUT_FILENO) == 1;
    Output output(options, is_terminal, wants_colour());
    Link link(link_options(options, output.is_pretty()));
    link.set_notice([](const std::string& text) { write_error(text); });
    switch (options.task) {
        case Task::pipe:
            return run_pipe(options, link);
        case Task::dump:
            return run_dump(options, link);
        case Task::load:
            return run_load(options, link);
        case Task::scan:
            return run_scan(options, link, output);
        case Task::bigkeys:
            return run_bigkeys(options, link);
        case Task::memkeys:
            return run_memkeys(options, link);
        case Task::hotkeys:
            return run_hotkeys(options, link);
        case Task::latency:
            return run_latency(options, link, output);
        case Task::stat:
            return run_stat(options, link);
        case Task::watch:
            return run_watch(options, link, output);
        default:
            break;
    }
    if (!options.words.empty()) return run_command(options, link, output);
    const bool is_interactive = options.file.empty() && is_terminal && isatty(STDIN_FILENO) == 1;
    return is_interactive ? run_interactive(options, link, output)
                          : run_lines(options, link, output);
}

}  // namespace

int main(int argc, char** argv) {
    set_locale();
    static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
    const std::vector<std::string_view> arguments(argv + 1, argv + argc);
    auto options = parse_options(arguments, [](const char* name) { return std::getenv(name); });
    if (!options) {
        write_error(options.error().message);
        return 1;
    }
    if (options->task == Task::show_help) {
        write_text(help_text());
        return 0;
    }
    if (options->task == Task::show_version) {
        write_text("gyre-cli " GYRE_VERSION "\n");
        return 0;
    }
    if (options->asks_password) {
        auto password = ask_password();
        if (!password) {
            write_error(
                "--askpass found neither a terminal to ask on nor a line of standard input; give "
                "one, or set GYRE_AUTH.");
            return 1;
        }
        options->address.password = std::move(*password);
    }
    if (options->has_visible_password && options->warns_of_password) {
        write_error(
            "warning: others may see a password on the command line; set GYRE_AUTH or give "
            "--askpass.");
    }
    return run(*options);
}
