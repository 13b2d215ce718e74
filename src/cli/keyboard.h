// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the terminal sends, as characters: UTF-8 is decoded, and what stands between the marks of a
// bracketed paste (ESC [ 200 ~ and ESC [ 201 ~) comes as one text, so that its line breaks and tabs
// are not keys.
//
// Threads: one. Complexity: O(bytes).
// Source: xterm's control sequences, "Bracketed Paste Mode".

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gyre::cli {

class Keyboard {
public:
    static constexpr size_t kPasteBytesMax = size_t{16} * 1024 * 1024;

    /// Bytes as they were read.
    void feed(std::string_view bytes) { bytes_.append(bytes); }

    enum class Kind : uint8_t {
        nothing,  ///< more bytes are needed
        doubt,    ///< what there is may be a key or the beginning of a mark: wait a little for more
        key,      ///< `character`
        paste,    ///< `text`
    };
    struct Input {
        Kind kind = Kind::nothing;
        char32_t character = 0;
        std::string text = {};
    };
    /// The next character or paste. With `is_late` what is in doubt is taken for a key.
    Input next(bool is_late = false);

private:
    Input take_key();

    std::string bytes_;
    bool is_pasting_ = false;
    std::string paste_;
};

/// What a pasted text becomes in the line: line ends are LF, none stands at the end, and other
/// control characters but the tab are left out.
std::string clean_paste(std::string_view text);

}  // namespace gyre::cli
