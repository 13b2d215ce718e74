// SPDX-License-Identifier: BSD-3-Clause
#include "cli/interactive.h"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "base/numbers.h"
#include "cli/aliases.h"
#include "cli/batch.h"
#include "cli/batch_words.h"
#include "cli/command_table.h"
#include "cli/complete.h"
#include "cli/deadlines.h"
#include "cli/editor.h"
#include "cli/history_file.h"
#include "cli/key_finder.h"
#include "cli/line.h"
#include "cli/signals.h"

namespace gyre::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// A command that took longer says so by itself.
constexpr double kSlowMs = 500;

/// Of a reply, between two looks for Ctrl-C: less than terminals take at a time.
constexpr size_t kPieceBytes = 2048;

/// Completion may not make people wait.
constexpr std::chrono::milliseconds kKeysBudget{50};

constexpr std::string_view kLocalWords[] = {"help", "exit", "quit", "clear", "connect"};

constexpr std::string_view kHelp =
    "Type a command to send it; Tab completes commands, options and keys.\n"
    "  help <command>     what it does and what it takes\n"
    "  help @<group>      the commands of a group: @string, @list, @pubsub ...\n"
    "  <n> <command>      run it n times\n"
    "  batch -f <file>    the commands of a file as one: all of them, or none\n"
    "  batch -c <text>    those of the text: \"put a 1; put b 2\"\n"
    "  connect <url>      another server: redis://host:port/database, or host port\n"
    "  :time on|off       show how long each command takes\n"
    "  :ttl on|off        show when what is read expires\n"
    "  :hints on|off      hints behind the cursor\n"
    "  :format <name>     table, standard, raw, csv, json\n"
    "  :clear             an empty screen\n"
    "  exit, quit, Ctrl-D leave\n"
    "Ctrl-R searches the history; Ctrl-C gives a line up, or a command that waits.\n";

class Interactive {
public:
    Interactive(const Options& options, Link& link, Output& output)
        : options_(options),
          link_(link),
          output_(output),
          shows_time_(options.shows_time),
          shows_ttl_(options.shows_ttl),
          deadlines_(link),
          finder_(link.address(), kKeysBudget),
          history_(default_history_path([](const char* name) { return std::getenv(name); })),
          editor_(hooks(), signals_, output.has_colour()) {
        link_.set_observer([this](const Reply& message) { show(output_.message(message)); });
        link_.set_notice([this](const std::string& text) { show(text + "\n"); });
        link_.set_waiter(
            [this](int descriptor) { return wait_or_stop(signals_, descriptor, stopped_by_); });
        link_.set_meaning([this](std::span<const std::string> words) { return meaning_of(words); });
    }
    ~Interactive() {
        link_.set_observer({});
        link_.set_notice({});
        link_.set_waiter({});
        link_.set_meaning({});
    }
    Interactive(const Interactive&) = delete;
    Interactive& operator=(const Interactive&) = delete;

    int run() {
        for (const std::string& line : history_.load()) editor_.add_history(line);
        if (auto connected = link_.connect(); !connected) {
            show_error(connected.error().message);
        } else {
            load_table();
        }
        while (!is_leaving_) {
            is_at_prompt_ = true;
            auto line = editor_.read_line(prompt_of(link_));
            is_at_prompt_ = false;
            if (!line) break;
            if (line->is_cancelled) {
                if (line->text.empty()) show("(exit, or Ctrl-D, leaves)\n");
                continue;
            }
            if (!complete_quotes(line->text)) continue;
            keep(line->text);
            for (const std::string& command : split_commands(line->text)) {
                if (!is_leaving_ && !run_text(command)) break;
            }
        }
        return 0;
    }

private:
    EditorHooks hooks() {
        EditorHooks hooks;
        hooks.hint = [this](const std::string& line) {
            return has_hints_ ? hint_for(table_, line) : std::string();
        };
        hooks.complete = [this](const std::string& line) {
            return complete(table_, kLocalWords, line, [this](const std::string& prefix) {
                return link_.is_open() ? finder_.find(link_.address(), link_.database(), prefix)
                                       : FoundKeys();
            });
        };
        hooks.watched = [this] { return link_.descriptor(); };
        hooks.on_readable = [this] {
            if (link_.take_messages()) return;
            const std::string& lost = link_.lost();
            show(lost.empty() ? "(the server closed the connection)\n"
                              : "(the server closed the connection; gone with it: " + lost + ")\n");
            if (is_at_prompt_) editor_.set_prompt(prompt_of(link_));
        };
        return hooks;
    }

    /// Into the history, unless the line or what an alias makes of it has a secret.
    void keep(const std::string& text) {
        for (const std::string& command : split_commands(text)) {
            auto words = split_line(command);
            if (!words) continue;
            take_repeat(*words);
            const auto meant = aliases_.expand(*words);
            if (meant && has_secret_words(*meant)) return;
        }
        if (history_.append(text)) {
            editor_.add_history(text);
        } else if (text.size() > HistoryFile::kLineBytesMax) {
            show(paint("(longer than " + std::to_string(HistoryFile::kLineBytesMax / 1024) +
                           " KiB: not kept in the history)\n",
                       Colour::dim, output_.has_colour()));
        }
    }

    /// For the link: a word that is no command is an alias, or one that has come since.
    std::optional<std::vector<std::string>> meaning_of(std::span<const std::string> words) const {
        if (words.empty() || table_.is_empty() || table_.find(words).command != nullptr) {
            return std::vector<std::string>(words.begin(), words.end());
        }
        return aliases_.expand(words);
    }

    /// Servers without aliases have no such command.
    void load_aliases() {
        if (!table_.commands().contains("show-alias")) return;
        const std::string words[] = {"SHOW-ALIAS"};
        const Result<Reply> reply = link_.call(words);
        if (reply && !reply->is_error()) aliases_.load(*reply);
    }

    /// Somebody may have made the alias since they were asked for. Behind MULTI it cannot be asked:
    /// the question would be queued.
    void look_for_alias(const std::vector<std::string>& words) {
        const bool is_known =
            table_.find(words).command != nullptr || aliases_.find(words[0]) != nullptr;
        if (!is_known && link_.is_open() && !link_.is_in_transaction()) load_aliases();
    }

    void show(const std::string& text) {
        if (!text.empty()) editor_.print(text);
    }
    void show_error(const std::string& text) {
        show(paint(text, Colour::error, output_.has_colour()) + "\n");
    }

    /// Asks for more lines while a quote is open; false: given up.
    bool complete_quotes(std::string& text) {
        while (has_open_quote(text)) {
            auto more = editor_.read_line("... ");
            if (!more || more->is_cancelled) return false;
            text += '\n' + more->text;
        }
        return true;
    }

    void load_table() {
        const std::string docs[] = {"COMMAND", "DOCS"};
        const Result<Reply> reply = link_.call(docs);
        if (!reply) return;
        if (!reply->is_error()) {
            table_.load_docs(*reply);
            return load_aliases();
        }
        const std::string names[] = {"COMMAND"};
        const Result<Reply> list = link_.call(names);
        if (list && !list->is_error()) table_.load_names(*list);
    }

    /// False: what follows in the same paste is not run.
    bool run_text(const std::string& text) {
        auto words = split_line(text);
        if (!words) {
            show_error("The quotes do not match.");
            return false;
        }
        if (words->empty() || run_local(*words)) return true;
        const int64_t repeat = take_repeat(*words);
        auto completed = complete_batch(*words);
        if (!completed) {
            show_error(completed.error().message);
            return false;
        }
        look_for_alias(*completed);
        for (int64_t i = 0; i < repeat; ++i) {
            if (!run_once(*completed)) return false;
            if (options_.interval_s > 0 && i + 1 < repeat) pause_for(options_.interval_s);
        }
        if (table_.is_empty() && link_.is_open()) load_table();  // the password is there now
        if (is_word(words->front(), "alias") || is_word(words->front(), "reset-alias")) {
            load_aliases();
        }
        return true;
    }

    bool run_once(const std::vector<std::string>& words) {
        stopped_by_ = 0;
        const Clock::time_point start = Clock::now();
        const Result<Deadlines::Answer> answer = ask(words);
        const std::chrono::duration<double, std::milli> taken = Clock::now() - start;
        if (!answer && answer.error().code == ESHUTDOWN) {
            show("(" + answer.error().message + ")\n");
            return true;
        }
        if (!answer) {
            if (stopped_by_ != 0) show("\n");  // behind the terminal's ^C
            show_error(answer.error().message);
            is_leaving_ = stopped_by_ != 0 && stopped_by_ != SIGINT;
            return false;
        }
        if (!show_reply(output_.reply(words, answer->reply, Deadlines::notes(*answer)))) {
            return false;
        }
        show_deadlines(*answer);
        if (shows_time_ || (output_.is_pretty() && taken.count() >= kSlowMs)) {
            char text[48];
            std::snprintf(text, sizeof(text), "(%.3f ms)", taken.count());
            show(paint(text, Colour::dim, output_.has_colour()) + "\n");
        }
        if (link_.is_monitoring()) monitor();
        return true;
    }

    /// A reply may be larger than anybody wants to see: Ctrl-C ends it. False: it did.
    bool show_reply(std::string_view text) {
        for (; !text.empty(); text.remove_prefix(std::min(kPieceBytes, text.size()))) {
            const auto signal = signals_.take();
            if (signal && *signal != SIGWINCH) {
                stopped_by_ = *signal;
                // Also what the terminal was given and has not shown.
                static_cast<void>(tcflush(STDOUT_FILENO, TCOFLUSH));
                show("\n(the rest is not shown)\n");
                is_leaving_ = stopped_by_ != SIGINT;
                return false;
            }
            write_text(text.substr(0, kPieceBytes));
        }
        return true;
    }

    /// Formats for programs have no place for deadlines.
    Result<Deadlines::Answer> ask(const std::vector<std::string>& words) {
        if (shows_ttl_ && output_.is_pretty()) return deadlines_.call(words);
        Result<Reply> reply = link_.call(words);
        if (!reply) return tl::unexpected(reply.error());
        return Deadlines::Answer{.reply = std::move(*reply)};
    }

    /// Below the reply, where they do not stand in it.
    void show_deadlines(const Deadlines::Answer& answer) {
        if (answer.listed == 0) {
            const std::string text = Deadlines::lines(answer);
            if (!text.empty()) show(paint(text, Colour::dim, output_.has_colour()));
        } else if (answer.listed > answer.keys.size()) {
            show(paint(
                "(deadlines of the first " + std::to_string(answer.keys.size()) + " keys alone)\n",
                Colour::dim, output_.has_colour()));
        }
    }

    /// Replies could not be told from the lines of MONITOR: it ends before the next command.
    void monitor() {
        show("(Ctrl-C ends it)\n");
        const auto streamed = link_.stream();
        if (stopped_by_ != 0) show("\n");  // behind the terminal's ^C
        if (!streamed) show_error(streamed.error().message);
        link_.close();
        is_leaving_ = stopped_by_ != 0 && stopped_by_ != SIGINT;
    }

    bool is_word(const std::string& word, std::string_view name) const {
        return base::equals_ignore_case(word, name);
    }

    /// Words that are not sent.
    bool run_local(const std::vector<std::string>& words) {
        const std::string& name = words[0];
        if (words.size() == 1 && (is_word(name, "exit") || is_word(name, "quit"))) {
            is_leaving_ = true;
        } else if (is_word(name, "help") || name == "?") {
            show_help(std::span(words).subspan(1));
        } else if (words.size() == 1 && is_word(name, "clear") && !has_own_clear()) {
            editor_.clear_screen();
        } else if (name == ":clear") {
            editor_.clear_screen();
        } else if (words.size() > 1 && is_word(name, "connect")) {
            connect_to(std::span(words).subspan(1));
        } else if (name.starts_with(':')) {
            set_preference(words);
        } else {
            return false;
        }
        return true;
    }

    /// CLEAR empties a database where the server has it: then it is not ours to take.
    bool has_own_clear() const { return table_.commands().contains("clear"); }

    void show_help(std::span<const std::string> words) {
        if (words.empty()) return show(std::string(kHelp));
        if (words.size() == 1 && table_.find(words).command == nullptr) load_aliases();
        const std::string text = help_for(table_, words, output_.has_colour(), &aliases_);
        show(text.empty() ? "There is no help for that; `help` alone says what there is.\n" : text);
    }

    void connect_to(std::span<const std::string> words) {
        Address address = link_.address();
        address.database = 0;
        Result<void> done;
        if (words.size() == 1) {
            // A scheme says whether with TLS; else it is as it was.
            const bool has_scheme = words[0].find("://") != std::string::npos;
            if (has_scheme) address.uses_tls = false;
            done = apply_url(address, has_scheme ? words[0] : "redis://" + words[0]);
        } else {
            const auto port = parse_port(words[1]);
            if (!port) return show_error(port.error().message);
            address.host = words[0];
            address.port = *port;
            address.unix_path.clear();
        }
        if (done) {
            link_.set_address(std::move(address));
            done = link_.connect();
        }
        if (!done) return show_error(done.error().message);
        table_ = CommandTable();
        aliases_ = Aliases();
        deadlines_.forget();
        load_table();
    }

    void set_preference(const std::vector<std::string>& words) {
        const std::string& name = words[0];
        const std::string value = words.size() > 1 ? base::to_lower(words[1]) : "";
        const bool is_switch = value == "on" || value == "off";
        if (name == ":time" && is_switch) {
            shows_time_ = value == "on";
        } else if (name == ":ttl" && is_switch) {
            shows_ttl_ = value == "on";
        } else if (name == ":hints" && is_switch) {
            has_hints_ = value == "on";
        } else if (name == ":format" && set_format(value)) {
            return;
        } else {
            show_error(
                "There is :time on|off, :ttl on|off, :hints on|off, and :format "
                "table|standard|raw|csv|json.");
        }
    }

    bool set_format(const std::string& name) {
        if (name == "table") {
            output_.set_format(std::nullopt);
        } else if (name == "standard") {
            output_.set_format(Format::standard);
        } else if (name == "raw") {
            output_.set_format(Format::raw);
        } else if (name == "csv") {
            output_.set_format(Format::csv);
        } else if (name == "json") {
            output_.set_format(Format::json);
        } else {
            return false;
        }
        return true;
    }

    const Options& options_;
    Link& link_;
    Output& output_;
    Signals signals_;
    int stopped_by_ = 0;
    bool shows_time_;
    bool shows_ttl_;
    Deadlines deadlines_;
    bool has_hints_ = true;
    bool is_leaving_ = false;
    bool is_at_prompt_ = false;  // not at the one for the rest of a quote
    CommandTable table_;
    Aliases aliases_;
    KeyFinder finder_;
    HistoryFile history_;
    Editor editor_;
};

}  // namespace

std::string prompt_of(const Link& link) {
    if (!link.is_open()) return "not connected> ";
    std::string prompt = link.address().to_string();
    if (link.database() != 0) prompt += "[" + std::to_string(link.database()) + "]";
    if (link.is_in_transaction()) prompt += "(TX)";
    if (link.is_subscribed()) prompt += "(subscribed)";
    return prompt + "> ";
}

int run_interactive(const Options& options, Link& link, Output& output) {
    return Interactive(options, link, output).run();
}

}  // namespace gyre::cli
