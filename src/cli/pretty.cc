// SPDX-License-Identifier: BSD-3-Clause
#include "cli/pretty.h"

#include <wchar.h>

#include <algorithm>
#include <vector>

#include "base/numbers.h"
#include "base/utf8.h"

namespace gyre::cli {
namespace {

/// A column of names is not made wider than this for the sake of one long name.
constexpr size_t kNameColumnsMax = 32;

struct Cell {
    std::string text;
    Colour colour = Colour::none;
};

std::string_view escape_of(Colour colour) {
    switch (colour) {
        case Colour::text:
            return "\x1b[32m";
        case Colour::number:
            return "\x1b[36m";
        case Colour::error:
            return "\x1b[31m";
        case Colour::dim:
            return "\x1b[90m";
        case Colour::name:
            return "\x1b[33m";
        case Colour::heading:
            return "\x1b[1m";
        case Colour::none:
            break;
    }
    return "";
}

/// The code point that begins a well-formed text, and its bytes.
std::pair<uint32_t, size_t> decode_first(std::string_view text) {
    const auto first = static_cast<unsigned char>(text[0]);
    if (first < 0x80) return {first, 1};
    const size_t bytes = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code = first & (0xffU >> (bytes + 1));
    for (size_t i = 1; i < bytes && i < text.size(); ++i) {
        code = (code << 6) | (static_cast<unsigned char>(text[i]) & 0x3fU);
    }
    return {code, std::min(bytes, text.size())};
}

/// Control characters, and those that turn the direction of the text around.
bool steers_terminal(uint32_t code) {
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

/// What a status or an error says, without what could steer the terminal. Line breaks stay when
/// the text is a report.
std::string printable(std::string_view text, bool keeps_lines) {
    const bool is_text = base::is_utf8(text);
    std::string out;
    while (!text.empty()) {
        const auto [code, bytes] =
            is_text ? decode_first(text)
                    : std::pair<uint32_t, size_t>(static_cast<unsigned char>(text[0]), 1);
        const bool is_kept = keeps_lines && (code == '\n' || code == '\t');
        const bool is_strange = !is_text && code >= 0x80;
        if (is_kept || (!steers_terminal(code) && !is_strange)) {
            out += text.substr(0, bytes);
        } else if (!(keeps_lines && code == '\r')) {
            const std::string quoted = base::quote(text.substr(0, bytes));
            out += std::string_view(quoted).substr(1, quoted.size() - 2);
        }
        text.remove_prefix(bytes);
    }
    return out;
}

Cell scalar(const Reply& reply) {
    switch (reply.type) {
        case ReplyType::status:
            return {printable(reply.text, false), Colour::none};
        case ReplyType::verbatim:
            return {printable(reply.text, true), Colour::none};
        case ReplyType::error:
            return {"(error) " + printable(reply.text, false), Colour::error};
        case ReplyType::integer:
            return {"(integer) " + std::to_string(reply.integer), Colour::number};
        case ReplyType::real:
            return {"(double) " + printable(reply.text, false), Colour::number};
        case ReplyType::big_number:
            return {printable(reply.text, false), Colour::number};
        case ReplyType::boolean:
            return {reply.integer != 0 ? "(true)" : "(false)", Colour::number};
        case ReplyType::bulk:
            return {quote_for_people(reply.text), Colour::text};
        case ReplyType::null:
            return {"(nil)", Colour::dim};
        default:
            return {reply.to_string(), Colour::dim};  // an empty aggregate
    }
}

bool is_scalar(const Reply& reply) { return !reply.is_aggregate() || reply.elements.empty(); }

/// In a table the types stand to reason.
Cell table_cell(const Reply& reply) {
    if (reply.type == ReplyType::integer) return {std::to_string(reply.integer), Colour::number};
    if (reply.type == ReplyType::real) return {printable(reply.text, false), Colour::number};
    return scalar(reply);
}

/// The name of a field: as it is when it is a plain word.
Cell name_cell(const Reply& reply) {
    const bool is_plain =
        !reply.is_aggregate() && !reply.text.empty() &&
        std::ranges::all_of(reply.text, [](char byte) { return byte > ' ' && byte < 0x7f; });
    if (is_plain) return {reply.text, Colour::name};
    Cell cell = table_cell(reply);
    cell.colour = Colour::name;
    return cell;
}

class Printer {
public:
    explicit Printer(const PrettyOptions& options, std::span<const std::string> notes = {})
        : options_(options), notes_(notes) {}

    void reply(const Reply& reply, size_t indent) {
        if (is_scalar(reply)) {
            put(scalar(reply));
            out_ += '\n';
        } else if (reply.type == ReplyType::map) {
            map(reply, indent);
        } else if (!table(reply, indent)) {
            list(reply, indent);
        }
    }

    std::string take() { return std::move(out_); }

private:
    void put(const Cell& cell) { out_ += paint(cell.text, cell.colour, options_.has_colour); }

    void put_padded(const Cell& cell, size_t width) {
        put(cell);
        const size_t taken = display_width(cell.text);
        out_.append(taken < width ? width - taken : 0, ' ');
    }

    /// Behind what was printed last: the note of an element that does not stand inside another.
    void put_note(size_t index, size_t indent) {
        if (indent > 0 || index >= notes_.size() || notes_[index].empty()) return;
        out_.pop_back();
        out_ += "  ";
        put({notes_[index], Colour::dim});
        out_ += '\n';
    }

    /// Name and value in two columns; what is nested stands below its name. The first line is
    /// begun already.
    void map(const Reply& reply, size_t indent) {
        size_t width = 0;
        for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
            const size_t name = display_width(name_cell(reply.elements[i]).text);
            if (name <= kNameColumnsMax) width = std::max(width, name);
        }
        for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
            if (i > 0) out_.append(indent, ' ');
            const Reply& value = reply.elements[i + 1];
            if (is_scalar(value)) {
                put_padded(name_cell(reply.elements[i]), width);
                out_ += "  ";
                put(scalar(value));
                out_ += '\n';
                put_note(i, indent);
                continue;
            }
            put(name_cell(reply.elements[i]));
            out_ += '\n';
            out_.append(indent + 2, ' ');
            this->reply(value, indent + 2);
            put_note(i, indent);
        }
    }

    void list(const Reply& reply, size_t indent) {
        const size_t digits = std::to_string(reply.elements.size()).size();
        const char mark = reply.type == ReplyType::set ? '~' : ')';
        for (size_t i = 0; i < reply.elements.size(); ++i) {
            if (i > 0) out_.append(indent, ' ');
            const std::string number = std::to_string(i + 1);
            put({std::string(digits - number.size(), ' ') + number + mark, Colour::dim});
            out_ += ' ';
            this->reply(reply.elements[i], indent + digits + 2);
            put_note(i, indent);
        }
    }

    /// A list of two or more maps with the same names and plain values, when it is not too wide.
    bool table(const Reply& reply, size_t indent) {
        if (!is_table(reply)) return false;
        const std::vector<Reply>& first = reply.elements.front().elements;
        std::vector<std::vector<Cell>> rows(1);
        for (size_t i = 0; i < first.size(); i += 2) rows[0].push_back(name_cell(first[i]));
        for (const Reply& row : reply.elements) {
            std::vector<Cell>& cells = rows.emplace_back();
            for (size_t i = 1; i < row.elements.size(); i += 2) {
                cells.push_back(table_cell(row.elements[i]));
            }
        }
        std::vector<size_t> widths(rows[0].size());
        size_t total = indent;
        for (size_t column = 0; column < widths.size(); ++column) {
            for (const auto& row : rows) {
                widths[column] = std::max(widths[column], display_width(row[column].text));
            }
            total += widths[column] + 2;
        }
        if (total > options_.columns + 2) return false;
        put_rows(rows, widths, indent);
        return true;
    }

    void put_rows(const std::vector<std::vector<Cell>>& rows, const std::vector<size_t>& widths,
                  size_t indent) {
        for (size_t row = 0; row < rows.size(); ++row) {
            if (row > 0) out_.append(indent, ' ');
            for (size_t column = 0; column < widths.size(); ++column) {
                const bool is_last = column + 1 == widths.size();
                put_padded(rows[row][column], is_last ? 0 : widths[column]);
                if (!is_last) out_ += "  ";
            }
            out_ += '\n';
        }
    }

    static bool is_table(const Reply& reply) {
        if (reply.elements.size() < 2) return false;
        const Reply& first = reply.elements.front();
        return std::ranges::all_of(reply.elements, [&first](const Reply& row) {
            if (row.type != ReplyType::map || row.elements.empty()) return false;
            if (row.elements.size() != first.elements.size()) return false;
            for (size_t i = 0; i + 1 < row.elements.size(); i += 2) {
                if (!(row.elements[i] == first.elements[i])) return false;
                if (!is_scalar(row.elements[i + 1])) return false;
            }
            return true;
        });
    }

    PrettyOptions options_;
    std::span<const std::string> notes_;
    std::string out_;
};

}  // namespace

std::string paint(std::string_view text, Colour colour, bool has_colour) {
    if (!has_colour || colour == Colour::none) return std::string(text);
    return std::string(escape_of(colour)) + std::string(text) + "\x1b[0m";
}

std::string quote_for_people(std::string_view text) {
    if (!base::is_utf8(text)) return base::quote(text);
    std::string out = "\"";
    while (!text.empty()) {
        const auto [code, bytes] = decode_first(text);
        if (steers_terminal(code) || code == '"' || code == '\\') {
            const std::string quoted = base::quote(text.substr(0, bytes));
            out += std::string_view(quoted).substr(1, quoted.size() - 2);
        } else {
            out += text.substr(0, bytes);
        }
        text.remove_prefix(bytes);
    }
    return out + '"';
}

size_t display_width(std::string_view text) {
    if (!base::is_utf8(text)) return text.size();
    size_t width = 0;
    while (!text.empty()) {
        const auto [code, bytes] = decode_first(text);
        const int columns = wcwidth(static_cast<wchar_t>(code));
        width += columns < 0 ? 1 : static_cast<size_t>(columns);
        text.remove_prefix(bytes);
    }
    return width;
}

std::string pretty_reply(const Reply& reply, const PrettyOptions& options,
                         std::span<const std::string> notes) {
    Printer printer(options, notes);
    printer.reply(reply, 0);
    return printer.take();
}

std::string pretty_message(const Reply& message, const PrettyOptions& options) {
    if (message.elements.size() < 2) return pretty_reply(message, options);
    std::string line;
    for (size_t i = 0; i < message.elements.size(); ++i) {
        const Reply& each = message.elements[i];
        if (i > 0) line += ' ';
        if (i == 0) {
            line += paint(printable(each.text, false), Colour::dim, options.has_colour);
        } else if (is_scalar(each)) {
            const bool is_payload = i + 1 == message.elements.size();
            Cell cell = is_payload ? table_cell(each) : name_cell(each);
            line += paint(cell.text, cell.colour, options.has_colour);
        } else {
            return pretty_reply(message, options);
        }
    }
    return line + '\n';
}

std::string pretty_report(const Reply& reply, const PrettyOptions& options) {
    if (reply.is_error() || reply.is_aggregate()) return pretty_reply(reply, options);
    const std::string text = printable(reply.text, true);
    std::string out;
    for (size_t at = 0; at < text.size();) {
        const size_t end = std::min(text.find('\n', at), text.size());
        const std::string_view line = std::string_view(text).substr(at, end - at);
        const bool is_heading = line.starts_with("# ");
        out += paint(line, is_heading ? Colour::heading : Colour::none, options.has_colour);
        out += '\n';
        at = end + 1;
    }
    return out;
}

}  // namespace gyre::cli
