// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The options of SORT, and its patterns: names of keys with a place for an element.
//
// Ownership: views of the command's arguments. Threads: any.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/result.h"
#include "resp/request_parser.h"

namespace gyre::commands {

/// What BY and GET name. The first `*` stands for the element, `->` and a field behind it for that
/// field of a hash, and `#` alone for the element itself. As in Redis a NUL ends what is looked
/// through, though not the name.
class SortPattern {
public:
    explicit SortPattern(std::string_view text);

    /// `#`.
    bool is_element() const { return kind_ == Kind::element; }
    /// It names a key for each element. One that is neither names nothing.
    bool is_key() const { return kind_ == Kind::key; }
    /// Empty: the key's value itself.
    std::string_view field() const { return field_; }
    /// The name of the element's key.
    void write_name(std::string_view element, std::string& name) const;

private:
    enum class Kind : uint8_t { nothing, element, key };
    Kind kind_ = Kind::nothing;
    std::string_view before_;
    std::string_view behind_;
    std::string_view field_;
};

struct SortOptions {
    bool is_descending = false;
    bool is_alphabetic = false;
    bool keeps_order = false;  ///< BY a pattern without `*`: nothing is sorted
    bool is_stored = false;
    int64_t offset = 0;
    int64_t count = -1;  ///< negative: all
    std::optional<SortPattern> by;
    std::vector<SortPattern> gets;

    /// Those of a whole command; SORT_RO has no STORE. The error is a reply.
    static Result<SortOptions> read(std::span<const resp::Argument> arguments, bool may_store);

    /// Some pattern names keys by the elements.
    bool leads_on() const;
};

/// Where the key stands that STORE names; 0: there is none.
uint32_t sort_target(std::span<const std::string_view> arguments);

}  // namespace gyre::commands
