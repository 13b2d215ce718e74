// SPDX-License-Identifier: BSD-3-Clause
#include "http/json_value.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "base/base64.h"

namespace gyre::http {
namespace {

using base::JsonEvent;
using base::JsonKind;

/// Puts the events of a document together.
class Builder {
public:
    Result<void> add(const JsonEvent& event) {
        if (event.kind == JsonKind::name) {
            name_ = std::move(*event.text);
            return {};
        }
        if (event.kind == JsonKind::object_end || event.kind == JsonKind::array_end) {
            open_.pop_back();
            return {};
        }
        if (++count_ > kJsonValuesMax) {
            return base::json_fail(event.place,
                                   "more values than a request may have; send several requests");
        }
        return place(event);
    }
    JsonValue take() { return std::move(root_); }

private:
    Result<void> place(const JsonEvent& event) {
        JsonValue* value = &root_;
        if (!open_.empty()) {
            value = &open_.back()->parts.emplace_back();
            value->name = std::exchange(name_, {});
        }
        value->kind = event.kind;
        value->integer = event.integer;
        if (event.text != nullptr) value->text = std::move(*event.text);
        // Whoever is open gets no sibling before it ends, so its address stays.
        if (event.kind == JsonKind::object || event.kind == JsonKind::array) {
            open_.push_back(value);
        }
        return {};
    }

    JsonValue root_;
    std::string name_;
    std::vector<JsonValue*> open_;
    size_t count_ = 0;
};

}  // namespace

const JsonValue* JsonValue::find(std::string_view member) const {
    if (kind != JsonKind::object) return nullptr;
    const auto found = std::ranges::find(parts, member, &JsonValue::name);
    return found == parts.end() ? nullptr : &*found;
}

Result<JsonValue> parse_json_value(std::string_view text) {
    base::JsonLimits limits;
    limits.string_bytes_max = text.size();
    limits.between_bytes_max = text.size();
    limits.depth_max = kJsonDepthMax;
    Builder builder;
    std::string_view rest = text;
    const auto source = [&rest](std::span<char> into) -> Result<size_t> {
        const size_t bytes = std::min(into.size(), rest.size());
        std::memcpy(into.data(), rest.data(), bytes);
        rest.remove_prefix(bytes);
        return bytes;
    };
    limits.chunk_bytes = std::clamp<size_t>(text.size(), 256, limits.chunk_bytes);
    auto parsed = base::parse_json(
        source, [&builder](const JsonEvent& event) { return builder.add(event); }, limits);
    if (!parsed) return tl::unexpected(std::move(parsed.error()));
    return builder.take();
}

Result<std::string> bytes_of(const JsonValue& value, std::string_view what) {
    if (value.is(JsonKind::string) || value.is(JsonKind::number)) return value.text;
    if (value.is(JsonKind::integer)) return std::to_string(value.integer);
    const JsonValue* base64 = value.find("base64");
    if (base64 == nullptr || value.parts.size() != 1 || !base64->is(JsonKind::string)) {
        return fail(
            fmt::format("{} is {}; give a string, a number, or bytes as "
                        "{{\"base64\": \"...\"}}.",
                        what, base::json_kind_name(value.kind)));
    }
    auto bytes = base::decode_base64(base64->text);
    if (!bytes) return fail(fmt::format("{}: this is no base64. Correct it.", what));
    return *std::move(bytes);
}

Result<std::vector<std::string>> words_of(const JsonValue& value) {
    if (!value.is(JsonKind::array) || value.parts.empty()) {
        return fail("A command is an array of its words, such as [\"SET\", \"key\", \"value\"].");
    }
    std::vector<std::string> words;
    words.reserve(value.parts.size());
    for (const JsonValue& part : value.parts) {
        auto word = bytes_of(part, "A word of the command");
        if (!word) return tl::unexpected(std::move(word.error()));
        words.push_back(std::move(*word));
    }
    return words;
}

}  // namespace gyre::http
