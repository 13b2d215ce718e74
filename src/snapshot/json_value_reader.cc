// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/json_value_reader.h"

#include <fmt/format.h>

#include <array>
#include <string>
#include <utility>

#include "base/numbers.h"
#include "snapshot/json_bytes.h"
#include "snapshot/json_format.h"
#include "snapshot/rdb_format.h"
#include "snapshot/value_builder.h"

namespace gyre::snapshot {

namespace {

using base::json_fail;
using base::JsonEvent;
using base::JsonKind;
using base::JsonPlace;
using types::Hash;

tl::unexpected<Error> no_elements(const JsonEvent& event, std::string_view what) {
    return json_fail(event.place, fmt::format("a {} without elements; there is no such key: take "
                                              "the record out",
                                              what));
}

tl::unexpected<Error> is_twice(const JsonPlace& place, std::string_view what,
                               std::string_view element, std::string_view where) {
    return json_fail(place, fmt::format("{} {} twice in a {}; take one of the two out", what,
                                        shown_in_json(element), where));
}

/// An array of bytes. `Traits` say what is done with them.
template <class Traits>
class ElementsReader final : public JsonValueReader {
public:
    ElementsReader(const ValueLimits& limits, size_t string_bytes_max)
        : builder_(limits), bytes_(string_bytes_max) {}

    Result<void> on_event(const JsonEvent& event) override {
        if (!is_open_) {
            if (event.kind != JsonKind::array) {
                return wrong_json_kind(event, json_format::kValue, "an array of strings");
            }
            is_open_ = true;
            return {};
        }
        if (bytes_.is_done()) {
            if (event.kind == JsonKind::array_end) return on_end(event);
            bytes_.begin("element", element_);
            place_ = event.place;
        }
        if (auto done = bytes_.on_event(event); !done || !bytes_.is_done()) return done;
        if (!Traits::add(builder_, element_)) {
            return is_twice(place_, "element", element_, Traits::kName);
        }
        forget_long(element_);
        return {};
    }

private:
    Result<void> on_end(const JsonEvent& event) {
        if (builder_.is_empty()) return no_elements(event, Traits::kName);
        end(builder_.take());
        return {};
    }

    typename Traits::Builder builder_;
    JsonBytes bytes_;
    bool is_open_ = false;
    std::string element_;
    JsonPlace place_;
};

struct ListTraits {
    struct Builder : ListBuilder {
        explicit Builder(const ValueLimits& limits) : ListBuilder(limits.list) {}
    };
    static constexpr std::string_view kName = "list";
    static bool add(Builder& builder, std::string_view element) {
        builder.push(element);
        return true;
    }
};

struct SetTraits {
    using Builder = SetBuilder;
    static constexpr std::string_view kName = "set";
    static bool add(Builder& builder, std::string_view element) { return builder.add(element); }
};

/// An array of arrays of two parts or three.
template <class Traits>
class PairsReader final : public JsonValueReader {
public:
    PairsReader(const ValueLimits& limits, size_t string_bytes_max)
        : builder_(limits), bytes_(string_bytes_max) {}

    Result<void> on_event(const JsonEvent& event) override {
        switch (state_) {
            case State::start:
                if (event.kind != JsonKind::array) {
                    return wrong_json_kind(event, json_format::kValue, Traits::kShape);
                }
                state_ = State::pairs;
                return {};
            case State::pairs:
                return on_pairs(event);
            case State::pair:
                return on_part(event);
            case State::bytes:
                return on_bytes(event);
        }
        return {};
    }

private:
    enum class State : uint8_t {
        start,
        pairs,  ///< a pair, or the end
        pair,   ///< a part of it, or its end
        bytes,  ///< within a part
    };

    Result<void> on_pairs(const JsonEvent& event) {
        if (event.kind == JsonKind::array_end) {
            if (builder_.is_empty()) return no_elements(event, Traits::kName);
            end(builder_.take());
            return {};
        }
        if (event.kind != JsonKind::array) {
            return json_fail(
                event.place,
                fmt::format("{} among the elements of a {}; \"value\" must be {}",
                            base::json_kind_name(event.kind), Traits::kName, Traits::kShape));
        }
        state_ = State::pair;
        pair_ = {};
        pair_.place = event.place;
        parts_ = 0;
        return {};
    }

    Result<void> on_part(const JsonEvent& event) {
        if (event.kind == JsonKind::array_end) return on_pair(event);
        if (parts_ == Traits::kPartsMax) {
            return json_fail(event.place,
                             fmt::format("more than {} parts in an element of a {}; "
                                         "\"value\" must be {}",
                                         Traits::kPartsMax, Traits::kName, Traits::kShape));
        }
        const size_t part = parts_++;
        if (part >= Traits::kBytesParts) return Traits::read(event, pair_);
        bytes_.begin(Traits::kParts[part], part == 0 ? name_ : text_);
        state_ = State::bytes;
        return on_bytes(event);
    }

    Result<void> on_bytes(const JsonEvent& event) {
        auto done = bytes_.on_event(event);
        if (done && bytes_.is_done()) state_ = State::pair;
        return done;
    }

    Result<void> on_pair(const JsonEvent& event) {
        if (parts_ < 2) {
            return json_fail(event.place,
                             fmt::format("an element of a {} with {} of its parts; \"value\" must "
                                         "be {}",
                                         Traits::kName, parts_, Traits::kShape));
        }
        if (!Traits::add(builder_, name_, text_, pair_)) {
            return is_twice(pair_.place, Traits::kParts[0], name_, Traits::kName);
        }
        forget_long(name_);
        forget_long(text_);
        state_ = State::pairs;
        return {};
    }

    typename Traits::Builder builder_;
    JsonBytes bytes_;
    State state_ = State::start;
    size_t parts_ = 0;
    std::string name_;
    std::string text_;
    typename Traits::Pair pair_;
};

struct HashTraits {
    using Builder = HashBuilder;
    struct Pair {
        JsonPlace place;
        int64_t deadline_ms = Hash::kNoDeadline;
    };
    static constexpr std::string_view kName = "hash";
    static constexpr std::string_view kShape =
        "an array of pairs [\"field\",\"value\"], with a "
        "deadline as third part where there is one";
    static constexpr std::array<std::string_view, 2> kParts = {"field", "value"};
    static constexpr size_t kBytesParts = 2;
    static constexpr size_t kPartsMax = 3;
    static Result<void> read(const JsonEvent& event, Pair& pair) {
        const auto number = json_number(event, "deadline", {0, kFieldDeadlineMax});
        if (!number) return tl::unexpected<Error>(number.error());
        pair.deadline_ms = *number;
        return {};
    }
    static bool add(Builder& builder, std::string_view name, std::string_view value,
                    const Pair& pair) {
        return builder.add(name, value, pair.deadline_ms);
    }
};

struct SortedSetTraits {
    using Builder = SortedSetBuilder;
    struct Pair {
        JsonPlace place;
        double score = 0;
    };
    static constexpr std::string_view kName = "sorted set";
    static constexpr std::string_view kShape = "an array of pairs [\"member\",\"score\"]";
    static constexpr std::array<std::string_view, 1> kParts = {"member"};
    static constexpr size_t kBytesParts = 1;
    static constexpr size_t kPartsMax = 2;
    static Result<void> read(const JsonEvent& event, Pair& pair) {
        if (event.kind != JsonKind::string) {
            return wrong_json_kind(event, "score", "a string such as \"1.5\" or \"-inf\"");
        }
        const auto score = base::parse_double(*event.text);
        if (!score) {
            return json_fail(event.place,
                             fmt::format("\"score\" is {}; it must be a number in a string, such "
                                         "as \"1.5\" or \"-inf\"",
                                         shown_in_json(*event.text)));
        }
        pair.score = *score;
        return {};
    }
    static bool add(Builder& builder, std::string_view name, std::string_view /*text*/,
                    const Pair& pair) {
        return builder.add(name, pair.score);
    }
};

}  // namespace

std::unique_ptr<JsonValueReader> make_json_value_reader(store::Type type, const ValueLimits& limits,
                                                        size_t string_bytes_max) {
    switch (type) {
        case store::Type::list:
            return std::make_unique<ElementsReader<ListTraits>>(limits, string_bytes_max);
        case store::Type::set:
            return std::make_unique<ElementsReader<SetTraits>>(limits, string_bytes_max);
        case store::Type::zset:
            return std::make_unique<PairsReader<SortedSetTraits>>(limits, string_bytes_max);
        case store::Type::hash:
            return std::make_unique<PairsReader<HashTraits>>(limits, string_bytes_max);
        case store::Type::stream:
            return make_json_stream_reader(limits, string_bytes_max);
        case store::Type::string:
            break;
    }
    return nullptr;
}

}  // namespace gyre::snapshot
