// SPDX-License-Identifier: BSD-3-Clause
#include "commands/alias_document.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"
#include "base/json_parser.h"
#include "base/json_text.h"
#include "base/numbers.h"

namespace gyre::commands {
namespace {

using base::json_fail;
using base::JsonEvent;
using base::JsonKind;

constexpr std::string_view kFormatName = "gyre-aliases";
constexpr int64_t kVersion = 1;
constexpr std::string_view kShape =
    "a file of aliases is {\"format\":\"gyre-aliases\",\"version\":1,\"aliases\":[...]}";

void append_string(std::string& text, std::string_view bytes) {
    text += '"';
    while (!bytes.empty()) {
        std::array<char, 256> piece;
        const base::JsonEscaped done = base::escape_json(bytes, piece);
        text.append(piece.data(), done.written);
        bytes.remove_prefix(done.taken);
    }
    text += '"';
}

/// The document's grammar as a machine over events.
class DocumentReader {
public:
    Result<void> on_event(const JsonEvent& event) {
        switch (state_) {
            case State::document:
                return step(event, JsonKind::object, State::head);
            case State::head:
                return on_head(event);
            case State::format:
                return on_format(event);
            case State::version:
                return on_version(event);
            case State::aliases:
                return step(event, JsonKind::array, State::alias);
            case State::alias:
                return on_alias(event);
            case State::member:
                return on_member(event);
            case State::name:
                return on_name(event);
            case State::words:
                return step(event, JsonKind::array, State::word);
            case State::word:
                return on_word(event);
            case State::tail:
                return step(event, JsonKind::object_end, State::tail);
        }
        return {};
    }
    AliasTable take() {
        CHECK(state_ == State::tail);
        return std::move(table_);
    }

private:
    /// What the next event belongs to.
    enum class State : uint8_t {
        document,  ///< nothing read
        head,      ///< a member of the document
        format,    ///< its value
        version,
        aliases,
        alias,   ///< an alias, or the end of the array
        member,  ///< a member of it, or its end
        name,    ///< its value
        words,
        word,  ///< a word, or the end of them
        tail,  ///< the end of the document
    };

    static tl::unexpected<Error> refuse(const JsonEvent& event, std::string_view what) {
        return json_fail(event.place, fmt::format("{}: {}", what, kShape));
    }

    Result<void> step(const JsonEvent& event, JsonKind wanted, State next) {
        if (event.kind != wanted) {
            return refuse(event,
                          fmt::format("{} where {} must stand", base::json_kind_name(event.kind),
                                      base::json_kind_name(wanted)));
        }
        state_ = next;
        return {};
    }

    Result<void> on_head(const JsonEvent& event) {
        static constexpr std::array<std::pair<std::string_view, State>, 3> kMembers = {{
            {"format", State::format},
            {"version", State::version},
            {"aliases", State::aliases},
        }};
        const auto& [name, next] = kMembers[members_++];
        if (event.kind != JsonKind::name || *event.text != name) {
            return refuse(event, fmt::format("the member \"{}\" must stand here", name));
        }
        state_ = next;
        return {};
    }

    Result<void> on_format(const JsonEvent& event) {
        if (event.kind != JsonKind::string || *event.text != kFormatName) {
            return refuse(event, "this is another kind of file");
        }
        state_ = State::head;
        return {};
    }

    Result<void> on_version(const JsonEvent& event) {
        if (event.kind != JsonKind::integer || event.integer != kVersion) {
            return json_fail(
                event.place,
                fmt::format("another version of the format than {}, which this program "
                            "reads: use the program that wrote it",
                            kVersion));
        }
        state_ = State::head;
        return {};
    }

    Result<void> on_alias(const JsonEvent& event) {
        if (event.kind == JsonKind::array_end) {
            state_ = State::tail;
            return {};
        }
        alias_ = {};
        has_words_ = false;
        place_ = event.place;
        return step(event, JsonKind::object, State::member);
    }

    Result<void> on_member(const JsonEvent& event) {
        if (event.kind == JsonKind::object_end) return end_alias();
        const bool is_name = *event.text == "name";
        if (!is_name && *event.text != "words") {
            return json_fail(event.place, "an alias has \"name\" and \"words\" and nothing else");
        }
        if (is_name ? !alias_.name.empty() : has_words_) {
            return json_fail(event.place,
                             fmt::format("\"{}\" stands twice in an alias", *event.text));
        }
        has_words_ = has_words_ || !is_name;
        state_ = is_name ? State::name : State::words;
        return {};
    }

    Result<void> on_name(const JsonEvent& event) {
        if (event.kind != JsonKind::string || event.text->empty()) {
            return json_fail(event.place, "the name of an alias is a string that is not empty");
        }
        alias_.name = *event.text;
        state_ = State::member;
        return {};
    }

    Result<void> on_word(const JsonEvent& event) {
        if (event.kind == JsonKind::array_end) {
            state_ = State::member;
            return {};
        }
        if (event.kind != JsonKind::string) {
            return json_fail(event.place, "the words of an alias are strings");
        }
        if (alias_.words.size() == AliasTable::kWordsMax) {
            return json_fail(event.place,
                             fmt::format("an alias has at most {} words", AliasTable::kWordsMax));
        }
        alias_.words.push_back(*event.text);
        return {};
    }

    Result<void> end_alias() {
        if (alias_.name.empty() || !has_words_) {
            return json_fail(place_, "an alias has a \"name\" and \"words\"");
        }
        if (table_.find(alias_.name) != nullptr) {
            return json_fail(
                place_, fmt::format("alias {} stands twice: remove one", base::quote(alias_.name)));
        }
        if (auto put = table_.put(std::move(alias_)); !put) {
            std::string_view text = put.error().message;
            text.remove_prefix(text.find(' ') + 1);  // "ERR " is for clients
            return json_fail(place_, text);
        }
        state_ = State::alias;
        return {};
    }

    State state_ = State::document;
    size_t members_ = 0;
    AliasTable table_;
    // of the alias at hand
    Alias alias_;
    bool has_words_ = false;
    base::JsonPlace place_;
};

}  // namespace

std::string write_aliases(const AliasTable& table) {
    std::string text =
        fmt::format("{{\"format\":\"{}\",\"version\":{},\"aliases\":[", kFormatName, kVersion);
    bool is_first = true;
    for (const auto& [name, alias] : table.all()) {
        text += is_first ? "\n{\"name\":" : ",\n{\"name\":";
        is_first = false;
        append_string(text, name);
        text += ",\"words\":[";
        for (size_t index = 0; index < alias.words.size(); ++index) {
            if (index > 0) text += ',';
            append_string(text, alias.words[index]);
        }
        text += "]}";
    }
    text += "\n]}\n";
    CHECK(text.size() <= kAliasDocumentBytesMax);
    return text;
}

Result<AliasTable> read_aliases(std::string_view text) {
    DocumentReader reader;
    const base::ByteSource source = [text](std::span<char> into) mutable -> Result<size_t> {
        const size_t count = std::min(into.size(), text.size());
        std::memcpy(into.data(), text.data(), count);
        text.remove_prefix(count);
        return count;
    };
    const base::JsonLimits limits{.string_bytes_max = AliasTable::kTextBytesMax, .depth_max = 6};
    const Result<void> done = base::parse_json(
        source, [&reader](const JsonEvent& event) { return reader.on_event(event); }, limits);
    if (!done) return tl::unexpected(done.error());
    return reader.take();
}

}  // namespace gyre::commands
