// SPDX-License-Identifier: BSD-3-Clause
#include "cli/editor.h"

#include <histedit.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "cli/history_file.h"
#include "cli/keyboard.h"
#include "cli/output.h"
#include "cli/pretty.h"

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#define GYRE_LEAKS_ARE_FOUND
#endif
#endif

namespace gyre::cli {
namespace {

/// While it lives, what is allocated does not count as leaked.
class LeakAllowance {
public:
#ifdef GYRE_LEAKS_ARE_FOUND
    LeakAllowance() { __lsan_disable(); }
    ~LeakAllowance() { __lsan_enable(); }
#else
    LeakAllowance() {}
    ~LeakAllowance() {}
#endif
    LeakAllowance(const LeakAllowance&) = delete;
    LeakAllowance& operator=(const LeakAllowance&) = delete;
};

/// How long bytes that may begin a mark of a paste wait for the rest of it.
constexpr int kDoubtMs = 30;
/// Keys that are sent by nobody else: our own functions hang on them.
constexpr wchar_t kPasteKey = 0x1f;
constexpr wchar_t kCancelKey = 0x1e;
/// Candidates shown at once.
constexpr size_t kCandidatesShown = 100;
/// Behind the cursor when the Tab key did not see all keys; ASCII, as hints are.
constexpr char kCutNote[] = "  (not all keys were looked at) ";
/// Marks what takes no columns in a prompt.
constexpr char kPromptEscape = '\1';

std::string with_carriage_returns(const std::string& text) {
    std::string out;
    for (const char byte : text) {
        if (byte == '\n') out += '\r';
        out += byte;
    }
    return out;
}

std::string in_columns(std::span<const std::string> words) {
    size_t width = 0;
    const size_t shown = std::min(words.size(), kCandidatesShown);
    for (size_t i = 0; i < shown; ++i) width = std::max(width, display_width(words[i]) + 2);
    const size_t in_row = std::max<size_t>(1, terminal_columns() / width);
    std::string out;
    for (size_t i = 0; i < shown; ++i) {
        out += words[i];
        const bool is_last = (i + 1) % in_row == 0 || i + 1 == shown;
        out += is_last ? "\n" : std::string(width - display_width(words[i]), ' ');
    }
    if (words.size() > shown) {
        out += "... and " + std::to_string(words.size() - shown) + " more\n";
    }
    return out;
}

}  // namespace

struct Editor::Machine {
    Machine(EditorHooks given, Signals& signal_source, bool colour)
        : hooks(std::move(given)), signals(signal_source), has_colour(colour) {
        edit = el_init("gyre-cli", stdin, stdout, stderr);
        history = history_init();
        HistEvent event;
        ::history(history, &event, H_SETSIZE, static_cast<int>(HistoryFile::kLinesMax));
        ::history(history, &event, H_SETUNIQUE, 1);
        el_set(edit, EL_CLIENTDATA, this);
        el_set(edit, EL_SIGNAL, 0);
        el_set(edit, EL_PROMPT_ESC, &Machine::prompt_text, kPromptEscape);
        el_set(edit, EL_EDITOR, "emacs");
        el_set(edit, EL_HIST, ::history, history);
        el_set(edit, EL_GETCFN, &Machine::read_character);
        add_functions();
        el_set(edit, EL_BIND, "^I", "gyre-complete", nullptr);
        el_set(edit, EL_BIND, "^_", "gyre-paste", nullptr);
        el_set(edit, EL_BIND, "^^", "gyre-cancel", nullptr);
        el_set(edit, EL_BIND, "^R", "em-inc-search-prev", nullptr);
        el_set(edit, EL_BIND, "^W", "ed-delete-prev-word", nullptr);
        el_source(edit, nullptr);
    }
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;
    ~Machine() {
        history_end(history);
        el_end(edit);
    }

    /// libedit keeps the names of added functions to the end of the process.
    void add_functions() {
        const LeakAllowance allowance;
        el_set(edit, EL_ADDFN, "gyre-complete", "Complete a word", &Machine::on_tab);
        el_set(edit, EL_ADDFN, "gyre-paste", "Insert what was pasted", &Machine::on_paste);
        el_set(edit, EL_ADDFN, "gyre-cancel", "Give the line up", &Machine::on_cancel);
    }

    static Machine& of(EditLine* edit) {
        void* data = nullptr;
        el_get(edit, EL_CLIENTDATA, &data);
        return *static_cast<Machine*>(data);
    }

    static char* prompt_text(EditLine* edit) { return of(edit).prompt.data(); }

    // --- reading keys
    // -----------------------------------------------------------------------------

    static int read_character(EditLine* edit, wchar_t* character) {
        Machine& machine = of(edit);
        machine.draw_hint();
        const int result = machine.next_character(character);
        machine.erase_hint();
        machine.tab_note.clear();
        return result;
    }

    int next_character(wchar_t* character) {
        bool is_late = false;
        for (;;) {
            Keyboard::Input input = keyboard.next(is_late);
            is_late = false;
            if (input.kind == Keyboard::Kind::key) {
                *character = static_cast<wchar_t>(input.character);
                return 1;
            }
            if (input.kind == Keyboard::Kind::paste) {
                pasted = clean_paste(input.text);
                *character = kPasteKey;
                return 1;
            }
            const bool is_doubtful = input.kind == Keyboard::Kind::doubt;
            switch (wait(is_doubtful ? kDoubtMs : -1)) {
                case Event::end:
                    return 0;
                case Event::cancel:
                    *character = kCancelKey;
                    return 1;
                case Event::timeout:
                    is_late = is_doubtful;
                    break;
                case Event::bytes:
                    break;
            }
        }
    }

    enum class Event : uint8_t { bytes, timeout, cancel, end };

    Event wait(int timeout_ms) {
        pollfd entries[] = {{STDIN_FILENO, POLLIN, 0},
                            {signals.descriptor(), POLLIN, 0},
                            {hooks.watched ? hooks.watched() : -1, POLLIN, 0}};
        const int count = poll(entries, 3, timeout_ms);
        if (count < 0) return errno == EINTR ? Event::timeout : Event::end;
        if (count == 0) return Event::timeout;
        if (entries[1].revents != 0) {
            const auto signal = signals.take();
            if (signal == SIGWINCH) {
                follow_size();
            } else if (signal == SIGINT) {
                return Event::cancel;
            } else if (signal) {
                return Event::end;
            }
        }
        if (entries[2].revents != 0 && hooks.on_readable) hooks.on_readable();
        if (entries[0].revents == 0) return Event::bytes;
        char buffer[4096];
        const ssize_t bytes = ::read(STDIN_FILENO, buffer, sizeof(buffer));
        if (bytes <= 0) return bytes < 0 && errno == EINTR ? Event::timeout : Event::end;
        keyboard.feed({buffer, static_cast<size_t>(bytes)});
        return Event::bytes;
    }

    // --- the screen
    // -------------------------------------------------------------------------------

    std::string line_to_cursor() const {
        const LineInfo* line = el_line(edit);
        return {line->buffer, line->cursor};
    }

    struct Place {
        size_t row = 0;
        size_t column = 0;
    };
    /// Where the cursor stands, counted from the first row of the prompt.
    Place cursor_place() const { return cursor_place(columns); }
    Place cursor_place(size_t wide) const {
        Place place;
        size_t width = prompt_width;
        std::string_view text;
        const std::string line = line_to_cursor();
        for (text = line; text.find('\n') != std::string_view::npos;) {
            const size_t end = text.find('\n');
            place.row += (width + display_width(text.substr(0, end))) / wide + 1;
            text.remove_prefix(end + 1);
            width = 0;
        }
        width += display_width(text);
        place.row += width / wide;
        place.column = width % wide;
        return place;
    }

    void draw_hint() {
        const LineInfo* line = el_line(edit);
        if (!hooks.hint || line->cursor != line->lastchar || line->cursor == line->buffer) return;
        std::string hint = tab_note + hooks.hint(line_to_cursor());
        if (hint.empty()) return;
        const size_t room = columns - cursor_place().column;
        if (room < 3) return;
        // Names of arguments are ASCII: bytes are columns.
        if (hint.size() > room - 1) hint.resize(room - 1);
        write_text(paint(hint, Colour::dim, has_colour) + "\x1b[" + std::to_string(hint.size()) +
                   "D");
        is_hint_drawn = true;
    }

    void erase_hint() {
        if (is_hint_drawn) write_text("\x1b[K");
        is_hint_drawn = false;
    }

    void take_prompt(const std::string& text) {
        prompt = text;
        if (has_colour && !text.empty()) {
            // libedit sends an escape along with the character behind it, and drops one that has
            // none: the blank at the end of the prompt is outside.
            prompt = "\1\x1b[1m\1" + text.substr(0, text.size() - 1) + "\1\x1b[0m\1" +
                     text.substr(text.size() - 1);
        }
        prompt_width = display_width(text);
    }

    /// Back to the first row of the prompt, with nothing below.
    void erase_line() {
        erase_hint();
        erase_rows(cursor_place().row);
    }
    /// So many above that of the cursor, and what is behind them.
    static void erase_rows(size_t rows) {
        std::string out = "\r";
        if (rows > 0) out += "\x1b[" + std::to_string(rows) + "A";
        write_text(out + "\x1b[J");
    }

    /// Draws the line anew in a terminal of another size. Some terminals wrap what is there anew
    /// and some do not: of the two places where the prompt may begin the lower one is taken, which
    /// may leave a part of the line behind, but draws over nothing that stood above it.
    void follow_size() {
        const bool had_hint = is_hint_drawn;
        erase_hint();
        const size_t rows = std::min(cursor_place().row, cursor_place(terminal_columns()).row);
        erase_rows(rows);
        take_size();
        el_set(edit, EL_REFRESH);
        if (had_hint) draw_hint();
    }

    void take_size() {
        columns = terminal_columns();
        el_resize(edit);
    }

    void print_above(const std::string& text) {
        const bool had_hint = is_hint_drawn;
        erase_line();
        write_text(with_carriage_returns(text));
        el_set(edit, EL_REFRESH);
        if (had_hint) draw_hint();
    }

    void change_prompt(const std::string& text) {
        const bool had_hint = is_hint_drawn;
        erase_line();
        take_prompt(text);
        el_set(edit, EL_REFRESH);
        if (had_hint) draw_hint();
    }

    // --- keys of our own
    // --------------------------------------------------------------------------

    static unsigned char on_paste(EditLine* edit, int) {
        Machine& machine = of(edit);
        if (machine.pasted.empty()) return CC_ERROR;
        const int done = el_insertstr(edit, machine.pasted.c_str());
        machine.pasted.clear();
        return done == 0 ? CC_REFRESH : CC_ERROR;
    }

    static unsigned char on_cancel(EditLine* edit, int) {
        of(edit).is_cancelled = true;
        return CC_NEWLINE;
    }

    static unsigned char on_tab(EditLine* edit, int) {
        Machine& machine = of(edit);
        const std::string line = machine.line_to_cursor();
        if (!machine.hooks.complete) return CC_ERROR;
        const Completion completion = machine.hooks.complete(line);
        if (completion.is_cut) machine.tab_note = kCutNote;
        if (completion.candidates.empty()) return CC_ERROR;
        const std::string typed = line.substr(completion.begin);
        std::string wanted = common_beginning(completion.candidates);
        const bool is_only = completion.candidates.size() == 1;
        if (is_only && !completion.is_open) wanted += ' ';
        const bool is_longer = wanted.size() > typed.size();
        if (is_longer || is_only) {
            const LineInfo* info = el_line(edit);
            const auto before = el_count(info->buffer, info->cursor, completion.begin);
            el_deletestr(edit, before);
            if (el_insertstr(edit, wanted.c_str()) != 0) return CC_ERROR;
            return CC_REFRESH;
        }
        machine.print_above(in_columns(completion.candidates));
        return CC_NORM;
    }

    /// Characters, not bytes, between a byte of the line and the cursor.
    static int el_count(const char* buffer, const char* cursor, size_t begin) {
        return static_cast<int>(std::count_if(buffer + begin, cursor, [](char byte) {
            return (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U;
        }));
    }

    EditorHooks hooks;
    Signals& signals;
    bool has_colour;
    EditLine* edit = nullptr;
    History* history = nullptr;
    Keyboard keyboard;
    std::string prompt;
    size_t prompt_width = 0;
    size_t columns = terminal_columns();  // as of what is drawn
    std::string pasted;
    std::string tab_note;  // stands before the hint until the next key
    bool is_reading = false;
    bool is_cancelled = false;
    bool is_hint_drawn = false;
};

Editor::Editor(EditorHooks hooks, Signals& signals, bool has_colour)
    : machine_(std::make_unique<Machine>(std::move(hooks), signals, has_colour)) {}

Editor::~Editor() = default;

std::optional<Editor::Line> Editor::read_line(const std::string& prompt) {
    Machine& machine = *machine_;
    machine.take_prompt(prompt);
    machine.is_cancelled = false;
    machine.is_reading = true;
    // Before the prompt is there: keys that come at once must not be echoed by the terminal.
    el_set(machine.edit, EL_PREP_TERM, 1);
    machine.take_size();  // nobody has looked while a command ran
    write_text("\x1b[?2004h");
    int characters = 0;
    const char* line = el_gets(machine.edit, &characters);
    machine.is_reading = false;
    write_text("\x1b[?2004l");
    if (line == nullptr || characters <= 0) {
        write_text("\n");
        // An empty line that was given up looks like the end.
        if (machine.is_cancelled) return Line{"", true};
        return std::nullopt;
    }
    Line result{line, machine.is_cancelled};
    if (result.is_cancelled) write_text("\r\n");
    while (!result.text.empty() && result.text.back() == '\n') result.text.pop_back();
    return result;
}

void Editor::add_history(const std::string& line) {
    HistEvent event;
    ::history(machine_->history, &event, H_ENTER, line.c_str());
}

void Editor::print(const std::string& text) {
    if (machine_->is_reading) {
        machine_->print_above(text);
    } else {
        write_text(text);
    }
}

void Editor::set_prompt(const std::string& prompt) {
    if (machine_->is_reading) machine_->change_prompt(prompt);
}

void Editor::clear_screen() { write_text("\x1b[H\x1b[2J"); }

}  // namespace gyre::cli
