// SPDX-License-Identifier: BSD-3-Clause

#include "base/json_text.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace gyre::base {

namespace {

/// What a byte becomes: itself (kPlain), \u00xx (kCode), or a backslash and this character.
constexpr char kPlain = 0;
constexpr char kCode = 1;

constexpr std::array<char, 256> make_forms() {
    std::array<char, 256> forms{};
    for (size_t control = 0; control < 0x20; ++control) forms[control] = kCode;
    forms['\b'] = 'b';
    forms['\f'] = 'f';
    forms['\n'] = 'n';
    forms['\r'] = 'r';
    forms['\t'] = 't';
    forms['"'] = '"';
    forms['\\'] = '\\';
    return forms;
}
constexpr std::array<char, 256> kForms = make_forms();

char form_of(char byte) { return kForms[static_cast<unsigned char>(byte)]; }

/// Writes the escape of `byte`; returns its length.
size_t write_escape(char* out, char byte, char form) {
    constexpr std::string_view kHex = "0123456789abcdef";
    out[0] = '\\';
    if (form != kCode) {
        out[1] = form;
        return 2;
    }
    const auto code = static_cast<unsigned char>(byte);
    std::memcpy(out + 1, "u00", 3);
    out[4] = kHex[code >> 4];
    out[5] = kHex[code & 15];
    return kJsonEscapeMax;
}

}  // namespace

JsonEscaped escape_json(std::string_view text, std::span<char> out) noexcept {
    size_t taken = 0;
    size_t written = 0;
    while (taken < text.size()) {
        const char* const from = text.data() + taken;
        const size_t most = std::min(text.size() - taken, out.size() - written);
        size_t run = 0;
        while (run < most && form_of(from[run]) == kPlain) ++run;
        if (run != 0) std::memcpy(out.data() + written, from, run);
        taken += run;
        written += run;
        if (taken == text.size() || out.size() - written < kJsonEscapeMax) break;
        // With that much room the run ended at a byte to escape, or at the buffer's very end.
        const char form = form_of(text[taken]);
        if (form == kPlain) continue;
        written += write_escape(out.data() + written, text[taken], form);
        ++taken;
    }
    return {taken, written};
}

void append_json_escaped(std::string& out, std::string_view text) {
    std::array<char, 4096> buffer;
    while (!text.empty()) {
        const JsonEscaped step = escape_json(text, buffer);
        out.append(buffer.data(), step.written);
        text.remove_prefix(step.taken);
    }
}

}  // namespace gyre::base
