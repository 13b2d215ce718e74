// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/json_bytes.h"

#include <fmt/format.h>

#include "base/base64.h"
#include "base/numbers.h"
#include "base/utf8.h"
#include "snapshot/json_format.h"

namespace gyre::snapshot {

using base::json_fail;
using base::JsonEvent;
using base::JsonKind;

std::string shown_in_json(std::string_view name) {
    constexpr size_t kShownMax = 64;
    return base::quote(name.substr(0, kShownMax)) + (name.size() > kShownMax ? "..." : "");
}

tl::unexpected<Error> wrong_json_kind(const JsonEvent& event, std::string_view name,
                                      std::string_view wanted) {
    return json_fail(event.place, fmt::format("\"{}\" is {}; it must be {}", name,
                                              base::json_kind_name(event.kind), wanted));
}

Result<int64_t> json_number(const JsonEvent& event, std::string_view name, JsonRange range) {
    if (event.kind != JsonKind::integer) {
        return wrong_json_kind(event, name,
                               fmt::format("a whole number from {} to {}, without fraction or "
                                           "exponent",
                                           range.min, range.max));
    }
    if (event.integer < range.min || event.integer > range.max) {
        return json_fail(event.place, fmt::format("\"{}\" is {}; it must be from {} to {}", name,
                                                  event.integer, range.min, range.max));
    }
    return event.integer;
}

void forget_long(std::string& bytes) {
    constexpr size_t kKeptBytes = size_t{1} << 20;
    if (bytes.capacity() > kKeptBytes) std::string().swap(bytes);
}

Result<void> JsonBytes::on_event(const JsonEvent& event) {
    switch (state_) {
        case State::start:
            return on_start(event);
        case State::base64:
            return on_base64(event);
        case State::base64_text:
            return on_base64_text(event);
        case State::base64_end:
            return on_base64_end(event);
        case State::done:
            break;
    }
    return {};
}

Result<void> JsonBytes::on_start(const JsonEvent& event) {
    if (event.kind == JsonKind::object) {
        state_ = State::base64;
        return {};
    }
    if (event.kind != JsonKind::string) {
        return wrong_json_kind(event, name_,
                               "a string, or for bytes that are no text {\"base64\":\"...\"}");
    }
    if (event.text->size() > bytes_max_) return too_long(event);
    // The parser goes on with what the target had: no copy, and no new allocation either.
    target_->swap(*event.text);
    state_ = State::done;
    return {};
}

tl::unexpected<Error> JsonBytes::too_long(const JsonEvent& event) const {
    return json_fail(event.place,
                     fmt::format("\"{}\" is longer than {} bytes; take the record out, or read "
                                 "with a higher limit",
                                 name_, bytes_max_));
}

Result<void> JsonBytes::on_base64(const JsonEvent& event) {
    if (event.kind == JsonKind::object_end) {
        return json_fail(event.place, fmt::format("an empty object as \"{}\"; write a string, "
                                                  "or {{\"base64\":\"...\"}}",
                                                  name_));
    }
    if (*event.text != json_format::kBase64) {
        return json_fail(event.place,
                         fmt::format("unknown member {} in the object for \"{}\"; it has only "
                                     "\"base64\"",
                                     shown_in_json(*event.text), name_));
    }
    state_ = State::base64_text;
    return {};
}

Result<void> JsonBytes::on_base64_text(const JsonEvent& event) {
    if (event.kind != JsonKind::string) {
        return wrong_json_kind(event, json_format::kBase64, "a string");
    }
    std::string& bytes = *event.text;
    const auto length = base::decode_base64(bytes.data(), bytes);
    if (!length) {
        return json_fail(event.place,
                         "no base64 as RFC 4648 has it (the standard alphabet, padded with =, "
                         "no blanks, the bits left over zero); encode the bytes again");
    }
    bytes.resize(*length);
    if (bytes.size() > bytes_max_) return too_long(event);
    if (base::is_utf8(bytes)) {
        return json_fail(event.place,
                         fmt::format("base64 of what is valid UTF-8; write \"{}\" as a string: "
                                     "there is one way for each",
                                     name_));
    }
    target_->swap(bytes);
    state_ = State::base64_end;
    return {};
}

Result<void> JsonBytes::on_base64_end(const JsonEvent& event) {
    if (event.kind != JsonKind::object_end) {
        return json_fail(event.place, fmt::format("member {} beside \"base64\"; take it out, the "
                                                  "object has one member",
                                                  shown_in_json(*event.text)));
    }
    state_ = State::done;
    return {};
}

}  // namespace gyre::snapshot
