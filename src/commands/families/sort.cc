// SPDX-License-Identifier: BSD-3-Clause

// SORT and SORT_RO.
//
// BY and GET name keys by the elements, which nobody knows before the elements are read. So under
// the locks of the command's own keys it is looked where they lead, and where that is to further
// shards all are locked anew and it is looked once more (ServedLock, add_pattern_shards()): the
// command sees one moment, and a SORT without such patterns locks nothing but its keys. Elements
// enough to reach about every shard take them all; so does EXEC, which has to know before anything
// runs.
//
// Texts are compared by their bytes, as Redis does in the locale "C"; what is equal keeps its
// order.
//
// Threads: home reactor, under the locks of the keys and of what the patterns lead to.
// Complexity: O(N + M log M), with LIMIT O(N + N log K) for K elements up to its end.

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/numbers.h"
#include "commands/families/collection.h"
#include "commands/families/hash_value.h"
#include "commands/families/list_value.h"
#include "commands/families/sort_options.h"
#include "commands/families/sort_source.h"
#include "commands/registry.h"

namespace gyre::commands {
namespace {

using store::Entry;
using store::Key;
using types::List;
using types::ListpackValue;

constexpr std::string_view kNoScore = "ERR One or more scores can't be converted into double";

// --- what patterns lead to ----------------------------------------------------------------------

/// What stands where a pattern leads: a string, or a field of a hash. Good until the next look.
struct Found {
    const Entry* string = nullptr;
    ListpackValue value;
};

class PatternReader {
public:
    explicit PatternReader(Context& context) : context_(context) {}

    /// nullopt: nothing is there, or nothing that could be taken.
    std::optional<Found> find(const SortPattern& pattern, const ListpackValue& element) {
        if (pattern.is_element()) return Found{nullptr, element};
        if (!pattern.is_key()) return std::nullopt;
        ListpackValue::Digits digits;
        pattern.write_name(element.text(digits), name_);
        const Key key = Key::of(name_);
        Entry* entry = context_.keyspace.read(key);
        if (entry == nullptr) return std::nullopt;
        if (pattern.field().empty()) return string_of(*entry);
        if (entry->type() != store::Type::hash) return std::nullopt;
        const auto value = HashValue(context_, key, entry).find(pattern.field());
        return value ? std::optional(Found{nullptr, *value}) : std::nullopt;
    }

private:
    static std::optional<Found> string_of(const Entry& entry) {
        if (entry.type() != store::Type::string) return std::nullopt;
        if (entry.encoding() == store::Encoding::integer) {
            return Found{&entry, ListpackValue{nullptr, 0, entry.integer()}};
        }
        const std::string_view bytes = entry.bytes();
        return Found{&entry, ListpackValue{bytes.empty() ? "" : bytes.data(), bytes.size(), 0}};
    }

    Context& context_;
    std::string name_;
};

// --- in which order -----------------------------------------------------------------------------

/// As strtod reads it, which Redis takes: blanks before it, hexadecimal, nothing at all for 0.
std::optional<double> read_weight(std::string_view text) {
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool is_plain = error == std::errc() && end == text.data() + text.size() &&
                          (value == 0 || std::abs(value) >= std::numeric_limits<double>::min());
    if (!is_plain) {
        const std::string copy(text);
        char* rest = nullptr;
        errno = 0;
        value = std::strtod(copy.c_str(), &rest);
        if (*rest != '\0' || errno == ERANGE) return std::nullopt;
    }
    if (std::isnan(value)) return std::nullopt;
    return value;
}

std::optional<double> weight_of(const ListpackValue& value) {
    if (value.is_integer()) return static_cast<double>(value.integer);
    return read_weight({value.data, value.size});
}

/// An element on its way to its place.
struct Ranked {
    double weight;
    size_t index;
};

/// Brings those of the range to their places; where nothing tells two apart, the first stays first.
template <class Compare>
void order(std::vector<Ranked>& items, SortRange range, bool is_descending, Compare&& compare) {
    const auto less = [&](const Ranked& left, const Ranked& right) {
        const int difference = compare(left, right);
        if (difference == 0) return left.index < right.index;
        return is_descending ? difference > 0 : difference < 0;
    };
    if (range.end == items.size()) return std::sort(items.begin(), items.end(), less);
    const auto end = items.begin() + static_cast<std::ptrdiff_t>(range.end);
    std::partial_sort(items.begin(), end, items.end(), less);
}

/// What strcmp sees of a text.
std::string_view up_to_nul(std::string_view text) { return text.substr(0, text.find('\0')); }

class Sorting {
public:
    Sorting(Context& context, const SortOptions& options, SortSource& source)
        : context_(context), options_(options), source_(source), reader_(context) {}

    /// False: a weight is no number, and the reply says so.
    bool run(SortRange range) {
        items_.resize(source_.elements().size());
        for (size_t i = 0; i < items_.size(); ++i) items_[i] = {0, i};
        range_ = range;
        if (options_.keeps_order) return true;
        if (!options_.is_alphabetic) return sort_by_number();
        options_.by ? sort_by_texts() : sort_by_text();
        return true;
    }
    /// Rows of one value for each GET, or of the element.
    size_t values() const { return range_.size() * std::max<size_t>(options_.gets.size(), 1); }
    void reply();
    void store(const Key& target);

private:
    bool sort_by_number();
    void sort_by_text();
    void sort_by_texts();
    /// f(element) for those of the range.
    template <class F>
    void visit(F&& f) {
        for (size_t at = range_.begin; at < range_.end; ++at) {
            f(source_.elements()[items_[at].index]);
        }
    }

    Context& context_;
    const SortOptions& options_;
    SortSource& source_;
    PatternReader reader_;
    std::vector<Ranked> items_;
    SortRange range_;
};

bool Sorting::sort_by_number() {
    const std::vector<ListpackValue>& elements = source_.elements();
    for (Ranked& item : items_) {
        const ListpackValue& element = elements[item.index];
        const auto found =
            options_.by ? reader_.find(*options_.by, element) : Found{nullptr, element};
        if (!found) continue;  // counts as 0
        const auto weight = weight_of(found->value);
        if (!weight) {
            context_.error(kNoScore);
            return false;
        }
        item.weight = *weight;
    }
    order(items_, range_, options_.is_descending, [&](const Ranked& left, const Ranked& right) {
        if (left.weight != right.weight) return left.weight < right.weight ? -1 : 1;
        ListpackValue::Digits left_digits;
        ListpackValue::Digits right_digits;
        return elements[left.index]
            .text(left_digits)
            .compare(elements[right.index].text(right_digits));
    });
    return true;
}

/// By the elements themselves. What is stored must not depend on a locale, so Redis compares it
/// beyond a NUL too.
void Sorting::sort_by_text() {
    std::vector<std::string_view> texts = source_.texts();
    if (!options_.is_stored) std::ranges::transform(texts, texts.begin(), up_to_nul);
    order(items_, range_, options_.is_descending, [&](const Ranked& left, const Ranked& right) {
        return texts[left.index].compare(texts[right.index]);
    });
}

/// By what the pattern leads to; elements without come first.
void Sorting::sort_by_texts() {
    std::vector<std::optional<std::string_view>> texts;
    texts.reserve(items_.size());
    for (const ListpackValue& element : source_.elements()) {
        texts.emplace_back();
        const auto found = reader_.find(*options_.by, element);
        if (!found) continue;
        ListpackValue::Digits digits;
        const std::string_view text = found->value.text(digits);
        texts.back() = source_.arena().keep(options_.is_stored ? text : up_to_nul(text));
    }
    order(items_, range_, options_.is_descending, [&](const Ranked& left, const Ranked& right) {
        const auto& first = texts[left.index];
        const auto& second = texts[right.index];
        if (first && second) return first->compare(*second);
        return static_cast<int>(first.has_value()) - static_cast<int>(second.has_value());
    });
}

void Sorting::reply() {
    context_.reply.array(static_cast<int64_t>(values()));
    visit([&](const ListpackValue& element) {
        if (options_.gets.empty()) reply_element(context_.reply, element);
        for (const SortPattern& pattern : options_.gets) {
            const auto found = reader_.find(pattern, element);
            if (!found) {
                context_.reply.null();
            } else if (found->string != nullptr) {
                context_.reply_string(*found->string);
            } else {
                reply_element(context_.reply, found->value);
            }
        }
    });
}

/// What a GET does not find is an empty element.
void Sorting::store(const Key& target) {
    auto list = std::make_unique<List>(ListValue::options(context_.keyspace.dataset().settings));
    const auto push = [&](const ListpackValue& value) {
        ListpackValue::Digits digits;
        list->push(types::ListEnd::tail, value.text(digits));
    };
    visit([&](const ListpackValue& element) {
        if (options_.gets.empty()) push(element);
        for (const SortPattern& pattern : options_.gets) {
            const auto found = reader_.find(pattern, element);
            push(found ? found->value : ListpackValue{"", 0, 0});
        }
    });
    ListValue::store(context_.keyspace, target, std::move(list), "sortstore");
}

// --- the commands -------------------------------------------------------------------------------

/// A stored set is put in order whatever was said of that, as it has none of its own.
void settle_order(SortOptions& options, const SortSource& source) {
    if (!options.keeps_order || !options.is_stored || !source.is_set()) return;
    options.keeps_order = false;
    options.is_alphabetic = true;
    options.by.reset();
}

/// Takes the elements that matter; what is left to sort of them is the range returned.
SortRange take_elements(SortSource& source, const SortOptions& options) {
    const SortRange range = SortRange::of(options.offset, options.count, source.size());
    if (options.keeps_order) {
        source.take(range, options.is_descending);
        return {0, range.size()};
    }
    source.take({0, source.size()}, false);
    return range;
}

void run(Context& context, bool may_store) {
    auto options = SortOptions::read(context.arguments, may_store);
    if (!options) return context.error(options.error().message);
    const Entry* entry = context.keyspace.read(context.keys[0]);
    if (entry != nullptr && !SortSource::is_sortable(*entry)) {
        return context.error(errors::kWrongType);
    }
    SortSource source(entry);
    settle_order(*options, source);
    const SortRange range = take_elements(source, *options);
    Sorting sorting(context, *options, source);
    if (!sorting.run(range)) return;
    if (!options->is_stored) return sorting.reply();
    sorting.store(context.keys.back());
    context.reply.integer(static_cast<int64_t>(sorting.values()));
}

void sort(Context& context) { run(context, true); }
void sort_ro(Context& context) { run(context, false); }

bool leads_on(std::span<const resp::Argument> arguments, bool may_store) {
    const auto options = SortOptions::read(arguments, may_store);
    return options && options->leads_on();
}

bool sort_leads_on(std::span<const resp::Argument> arguments) { return leads_on(arguments, true); }
bool sort_ro_leads_on(std::span<const resp::Argument> arguments) {
    return leads_on(arguments, false);
}

bool has_all(const engine::ShardSet& set, size_t shards) {
    for (size_t shard = 0; shard < shards; ++shard) {
        if (!set.has(shard)) return false;
    }
    return true;
}

/// The shards of the keys that patterns name, for the elements that are there now.
bool add_pattern_shards(Context& context, engine::ShardSet& set, bool may_store) {
    auto options = SortOptions::read(context.arguments, may_store);
    engine::Dataset& dataset = context.keyspace.dataset();
    if (!options || !options->leads_on() || has_all(set, dataset.shards())) return false;
    const Entry* entry = context.keyspace.peek(context.keys[0]);
    if (entry == nullptr || !SortSource::is_sortable(*entry)) return false;
    SortSource source(entry);
    settle_order(*options, source);
    std::vector<SortPattern> patterns = options->gets;
    if (options->by && !options->keeps_order) patterns.push_back(*options->by);
    std::erase_if(patterns, [](const SortPattern& pattern) { return !pattern.is_key(); });
    const SortRange range = SortRange::of(options->offset, options->count, source.size());
    const size_t elements = options->keeps_order ? range.size() : source.size();
    if (elements * patterns.size() >= dataset.shards()) {
        set.add_all(dataset.shards());
        return true;
    }
    take_elements(source, *options);
    bool has_grown = false;
    std::string name;
    for (const ListpackValue& element : source.elements()) {
        ListpackValue::Digits digits;
        const std::string_view text = element.text(digits);
        for (const SortPattern& pattern : patterns) {
            pattern.write_name(text, name);
            const size_t shard = dataset.shard_of(Key::of(name).hash);
            has_grown = has_grown || !set.has(shard);
            set.add(shard);
        }
    }
    return has_grown;
}

bool sort_lead_on(Context& context, engine::ShardSet& set) {
    return add_pattern_shards(context, set, true);
}
bool sort_ro_lead_on(Context& context, engine::ShardSet& set) {
    return add_pattern_shards(context, set, false);
}

/// One, if a target is named that is missing and there is something to sort.
int64_t sort_new_keys(Context& context) {
    if (context.keys.size() < 2 || context.keyspace.peek(context.keys[0]) == nullptr) return 0;
    return context.keyspace.peek(context.keys[1]) == nullptr ? 1 : 0;
}

constexpr uint16_t kReads = key_flag::ro | key_flag::access;
constexpr KeySpec kSource{kReads, 1, KeySpec::Find::range, 0, 1, 0};
constexpr KeySpec kPatterns{
    .flags = kReads,
    .find = KeySpec::Find::unknown,
    .notes =
        "For the optional BY/GET keyword. It is marked 'unknown' because the key names derive "
        "from the content of the key we sort"};
constexpr KeySpec kTarget{
    .flags = key_flag::ow | key_flag::update,
    .find = KeySpec::Find::unknown,
    .keyword = "STORE",
    .position = sort_target,
    .notes =
        "For the optional STORE keyword. It is marked 'unknown' because the keyword can "
        "appear anywhere in the argument array"};
constexpr std::string_view kCost =
    "O(N+M*log(M)) with N elements in the key and M returned, O(N) where nothing is sorted.";

constexpr CommandSpec kSortCommands[] = {
    {.name = "sort",
     .handler = sort,
     .arity = -2,
     .flags = flag::write | flag::denyoom | flag::movablekeys | flag::leads_on,
     .group = Group::generic,
     .keys = {{kSource, kPatterns, kTarget}, 3},
     .categories = acl::set | acl::sortedset | acl::list | acl::dangerous,
     .since = "1.0.0",
     .complexity = kCost,
     .syntax = "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] "
               "[ALPHA] [STORE destination]",
     .summary = "Returns or stores the elements of a list, a set or a sorted set in order.",
     .new_keys = sort_new_keys,
     .leads_on = sort_leads_on,
     .lead_on = sort_lead_on},
    {.name = "sort_ro",
     .handler = sort_ro,
     .arity = -2,
     .flags = flag::readonly | flag::movablekeys | flag::leads_on,
     .group = Group::generic,
     .keys = {{kSource, kPatterns}, 2},
     .categories = acl::set | acl::sortedset | acl::list | acl::dangerous,
     .since = "7.0.0",
     .complexity = kCost,
     .syntax = "key [BY pattern] [LIMIT offset count] [GET pattern [GET pattern ...]] [ASC | DESC] "
               "[ALPHA]",
     .summary = "Returns the elements of a list, a set or a sorted set in order.",
     .leads_on = sort_ro_leads_on,
     .lead_on = sort_ro_lead_on},
};

}  // namespace

std::span<const CommandSpec> sort_commands() { return kSortCommands; }

}  // namespace gyre::commands
