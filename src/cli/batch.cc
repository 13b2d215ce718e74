// SPDX-License-Identifier: BSD-3-Clause
#include "cli/batch.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <iostream>
#include <iterator>
#include <thread>

#include "base/numbers.h"
#include "cli/batch_words.h"
#include "cli/complete.h"
#include "cli/deadlines.h"
#include "cli/line.h"

namespace gyre::cli {
namespace {

using Clock = std::chrono::steady_clock;

/// Ends the program's work.
constexpr int kFailed = 1;
constexpr int kDone = 0;

class Batch {
public:
    Batch(const Options& options, Link& link, const Output& output)
        : options_(options), link_(link), output_(output), deadlines_(link) {
        link_.set_observer([this](const Reply& message) { write_text(output_.message(message)); });
    }

    /// Runs a command; false ends everything.
    bool run(const std::vector<std::string>& given, int64_t repeat) {
        const Result<std::vector<std::string>> completed = complete_batch(given);
        if (!completed) return complain_of(completed.error());
        const std::vector<std::string>& words = *completed;
        for (int64_t i = 0; repeat < 0 || i < repeat; ++i) {
            if (!run_once(words)) return false;
            const bool is_last = repeat >= 0 && i + 1 == repeat;
            if (options_.interval_s > 0 && !is_last) pause_for(options_.interval_s);
        }
        return true;
    }

    void set_line(std::string file, size_t number) {
        file_ = std::move(file);
        line_ = number;
    }

    /// A line that cannot be cut into words; false ends everything.
    bool refuse_line() {
        // Of standard input it is told where redis-cli tells it, and is no failure.
        if (file_.empty()) {
            write_text("Invalid argument(s)\n");
            return true;
        }
        return complain_of({"Invalid argument(s): the quotes do not match.", EINVAL});
    }

    bool has_failed() const { return has_failed_; }
    /// Its lines are those of a file, where errors are told with their line.
    bool has_file() const { return !file_.empty(); }

    /// What was subscribed to is shown until the connection ends.
    int finish() {
        if (!link_.is_subscribed() && !link_.is_monitoring()) return has_failed_ ? kFailed : kDone;
        const auto streamed = link_.stream();
        if (!streamed) write_error(streamed.error().message);
        return streamed && !has_failed_ ? kDone : kFailed;
    }

private:
    /// Nothing was sent; false ends everything.
    bool complain_of(const Error& error) {
        complain(error.message);
        has_failed_ = true;
        return !options_.fails_on_error;
    }

    bool run_once(const std::vector<std::string>& words) {
        const Clock::time_point start = Clock::now();
        const Result<Deadlines::Answer> answer = ask(words);
        if (!answer && answer.error().code == ESHUTDOWN) return true;  // as it was asked for
        if (!answer) {
            complain(answer.error().message);
            has_failed_ = true;
            return false;
        }
        const Reply& reply = answer->reply;
        if (reply.is_error() && (options_.fails_on_error || !file_.empty())) {
            complain(reply.text);
            has_failed_ = true;
            return !options_.fails_on_error;
        }
        write_text(output_.reply(words, reply, Deadlines::notes(*answer)));
        write_deadlines(*answer);
        if (options_.shows_time) {
            const std::chrono::duration<double, std::milli> taken = Clock::now() - start;
            std::fprintf(stderr, "(%.3f ms)\n", taken.count());
        }
        return true;
    }

    Result<Deadlines::Answer> ask(const std::vector<std::string>& words) {
        if (options_.shows_ttl) return deadlines_.call(words);
        Result<Reply> reply = link_.call(words);
        if (!reply) return tl::unexpected(reply.error());
        return Deadlines::Answer{.reply = std::move(*reply)};
    }

    /// For people below the reply, where they do not stand in it already; else on standard error,
    /// so that the output stays what programs expect.
    void write_deadlines(const Deadlines::Answer& answer) const {
        const std::string text = Deadlines::lines(answer);
        if (text.empty()) return;
        if (!output_.is_pretty()) {
            std::fputs(text.c_str(), stderr);
        } else if (answer.listed == 0) {
            write_text(paint(text, Colour::dim, output_.has_colour()));
        }
    }

    void complain(const std::string& text) {
        if (file_.empty() && options_.fails_on_error) {
            std::fprintf(stderr, "%s\n", text.c_str());
        } else if (file_.empty()) {
            write_error(text);
        } else {
            std::fprintf(stderr, "%s:%zu: %s\n", file_.c_str(), line_, text.c_str());
        }
    }

    const Options& options_;
    Link& link_;
    const Output& output_;
    Deadlines deadlines_;
    std::string file_;  // whose lines are run; empty: none
    size_t line_ = 0;
    bool has_failed_ = false;
};

std::string read_all(std::istream& in) {
    return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

/// The command with standard input in its place; an error when its place is not there.
Result<std::vector<std::string>> complete_words(const Options& options) {
    std::vector<std::string> words = options.words;
    if (options.takes_last_from_stdin) words.push_back(read_all(std::cin));
    if (options.stdin_tag.empty()) return words;
    const auto place = std::ranges::find(words, options.stdin_tag);
    if (place == words.end()) {
        return fail("The command has no argument '" + options.stdin_tag +
                    "', which -X is to replace.");
    }
    *place = read_all(std::cin);
    return words;
}

bool is_word(const std::vector<std::string>& words, std::string_view name) {
    return words.size() == 1 && base::equals_ignore_case(words[0], name);
}

/// "HELP GET" of the server's command table, as in an interactive session.
void print_help(Link& link, std::span<const std::string> words, const Output& output) {
    const std::string docs[] = {"COMMAND", "DOCS"};
    const Result<Reply> reply = link.call(docs);
    CommandTable table;
    if (reply && !reply->is_error()) table.load_docs(*reply);
    Aliases aliases;
    if (table.commands().contains("show-alias")) {
        const std::string show[] = {"SHOW-ALIAS"};
        if (const Result<Reply> told = link.call(show)) aliases.load(*told);
    }
    const std::string text = help_for(table, words, output.has_colour(), &aliases);
    write_text(text.empty() ? "There is no help for that.\n" : text);
}

/// A line; false ends the run.
bool run_line(Batch& batch, const std::string& line, Link& link, const Output& output) {
    if (batch.has_file() && is_comment(line)) return true;
    auto words = split_line(line);
    if (!words) return batch.refuse_line();
    if (words->empty()) return true;
    if (is_word(*words, "quit") || is_word(*words, "exit")) return false;
    if (words->size() > 1 && base::equals_ignore_case(words->front(), "help")) {
        print_help(link, std::span(*words).subspan(1), output);
        return true;
    }
    const int64_t repeat = take_repeat(*words);
    return batch.run(*words, repeat);
}

}  // namespace

void pause_for(double seconds) {
    std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

int run_command(const Options& options, Link& link, const Output& output) {
    const auto words = complete_words(options);
    if (!words) {
        write_error(words.error().message);
        return kFailed;
    }
    Batch batch(options, link, output);
    if (!batch.run(*words, options.repeat)) return kFailed;
    return batch.finish();
}

int run_lines(const Options& options, Link& link, const Output& output) {
    std::ifstream file;
    const bool is_stdin = options.file.empty() || options.file == "-";
    if (!is_stdin) {
        file.open(options.file, std::ios::binary);
        if (!file) {
            write_error("Cannot read " + options.file + "; check its name and its permissions.");
            return kFailed;
        }
    }
    std::istream& in = is_stdin ? std::cin : file;
    Batch batch(options, link, output);
    std::string line;
    for (size_t number = 1; std::getline(in, line); ++number) {
        if (!options.file.empty()) batch.set_line(options.file, number);
        if (!run_line(batch, line, link, output)) return batch.has_failed() ? kFailed : kDone;
    }
    return batch.finish();
}

}  // namespace gyre::cli
