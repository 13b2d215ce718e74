// SPDX-License-Identifier: BSD-3-Clause
#include "commands/registry.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/check.h"
#include "base/numbers.h"

namespace gyre::commands {
namespace {

using Family = std::span<const CommandSpec> (*)();

constexpr Family kFamilies[] = {
    string_commands,        string_set_commands,
    string_number_commands, conditional_commands,
    list_commands,          list_blocking_commands,
    list_move_commands,     hash_commands,
    hash_read_commands,     hash_expire_commands,
    set_commands,           set_operation_commands,
    sort_commands,  // of lists, sets and sorted sets
    bitmap_commands,        bitfield_commands,
    generic_commands,       expire_commands,
    iteration_commands,     connection_commands,
    client_commands,        client_tracking_commands,
    server_commands,        config_commands,
    introspection_commands, memory_commands,
    latency_commands,       debug_commands,
    zset_commands,          zset_blocking_commands,
    zset_range_commands,    zset_combine_commands,
    hyperloglog_commands,   hyperloglog_self_test_commands,
    geo_commands,           geo_search_commands,
    stream_commands,        stream_delete_commands,
    stream_group_commands,  stream_pending_commands,
    stream_info_commands,   pubsub_commands,
    transaction_commands,   monitor_commands,
    help_commands,          alias_commands,
    find_commands,          dump_commands,
    persistence_commands,   durability_commands,
};

/// Longest command name; anything longer is unknown without a look.
constexpr size_t kNameBytesMax = 32;

class Registry {
public:
    static const Registry& get() {
        static const Registry registry;
        return registry;
    }

    std::span<const CommandSpec* const> rows() const { return rows_; }

    /// Open addressing over the names of commands that are no sub-commands.
    const CommandSpec* find(std::string_view name) const {
        if (name.empty() || name.size() > kNameBytesMax) return nullptr;
        const Folded folded = fold(name);
        for (size_t slot = hash(folded);; ++slot) {
            const Slot& candidate = slots_[slot & (kSlots - 1)];
            if (candidate.row == nullptr) return nullptr;
            if (candidate.name == folded && has_rest(candidate.row->name, name))
                return candidate.row;
        }
    }

    std::span<const CommandSpec* const> subcommands(const CommandSpec& container) const {
        const auto found = children_.find(container.name);
        if (found == children_.end()) return {};
        return found->second;
    }

    uint32_t index(const CommandSpec& spec) const {
        DCHECK(&spec >= copies_.data() && &spec < copies_.data() + copies_.size());
        return static_cast<uint32_t>(&spec - copies_.data());
    }

private:
    static constexpr size_t kSlots = 2048;

    /// Rows are copied side by side, so that a row's index is its distance from the first.
    Registry() : slots_(kSlots) {
        for (const Family family : kFamilies) {
            const auto rows = family();
            copies_.insert(copies_.end(), rows.begin(), rows.end());
        }
        CHECK(copies_.size() < kSlots / 2);
        for (const CommandSpec& row : copies_) add(row);
    }

    void add(const CommandSpec& row) {
        rows_.push_back(&row);
        if (!row.parent.empty()) {
            children_[row.parent].push_back(&row);
            return;
        }
        CHECK(row.name.size() <= kNameBytesMax);
        CHECK(find(row.name) == nullptr);
        const Folded folded = fold(row.name);
        size_t slot = hash(folded);
        while (slots_[slot & (kSlots - 1)].row != nullptr) ++slot;
        slots_[slot & (kSlots - 1)] = {folded, &row};
    }

    /// The length of a name with its first and its last eight bytes, in lower case: all of it up to
    /// 16 bytes, which few names are longer than. A name is looked up for each command, and this
    /// takes half the instructions of going through its letters.
    struct Folded {
        uint64_t first = 0;
        uint64_t last = 0;
        size_t length = 0;
        bool operator==(const Folded&) const = default;
    };
    struct Slot {
        Folded name;
        const CommandSpec* row = nullptr;
    };

    template <class Word>
    static uint64_t read(const char* at) {
        Word word = 0;
        std::memcpy(&word, at, sizeof word);
        return word;
    }

    static Folded fold(std::string_view name) {
        const char* const begin = name.data();
        const char* const end = begin + name.size();
        if (name.size() >= 8) {
            return {lower_case(read<uint64_t>(begin)), lower_case(read<uint64_t>(end - 8)),
                    name.size()};
        }
        if (name.size() >= 4) {
            return {lower_case(read<uint32_t>(begin)), lower_case(read<uint32_t>(end - 4)),
                    name.size()};
        }
        uint64_t word = 0;
        for (const char* at = begin; at != end; ++at) word = word << 8 | static_cast<uint8_t>(*at);
        return {lower_case(word), 0, name.size()};
    }

    /// Eight letters at once; what is no capital letter of ASCII stays as it is.
    static uint64_t lower_case(uint64_t letters) {
        constexpr uint64_t kEach = 0x0101010101010101;
        const uint64_t low_bits = letters & 0x7F * kEach;
        const uint64_t is_from_a = low_bits + (0x80 - 'A') * kEach;
        const uint64_t is_above_z = low_bits + (0x7F - 'Z') * kEach;
        const uint64_t is_capital = (is_from_a ^ is_above_z) & ~letters & 0x80 * kEach;
        return letters | is_capital >> 2;
    }

    /// Of two names whose folded forms are equal.
    static bool has_rest(std::string_view row_name, std::string_view name) {
        return name.size() <= 16 || base::equals_ignore_case(row_name, name);
    }

    static size_t hash(const Folded& name) {
        constexpr uint64_t kFactor = 0x9E3779B97F4A7C15;
        return ((name.first * kFactor ^ name.last) + name.length) * kFactor >> 40;
    }

    std::vector<CommandSpec> copies_;
    std::vector<const CommandSpec*> rows_;
    std::vector<Slot> slots_;
    std::unordered_map<std::string_view, std::vector<const CommandSpec*>> children_;
};

}  // namespace

std::span<const CommandSpec* const> rows() { return Registry::get().rows(); }

const CommandSpec* find_command(std::string_view name) { return Registry::get().find(name); }

std::span<const CommandSpec* const> subcommands(const CommandSpec& container) {
    return Registry::get().subcommands(container);
}

const CommandSpec* find_subcommand(const CommandSpec& container, std::string_view word) {
    for (const CommandSpec* row : subcommands(container)) {
        if (base::equals_ignore_case(row->name, word)) return row;
    }
    return nullptr;
}

const CommandSpec* find_full_name(std::string_view name) {
    const size_t bar = name.find('|');
    const CommandSpec* spec = find_command(name.substr(0, bar));
    if (spec == nullptr || bar == std::string_view::npos) return spec;
    return find_subcommand(*spec, name.substr(bar + 1));
}

uint32_t row_index(const CommandSpec& spec) { return Registry::get().index(spec); }

std::string full_name(const CommandSpec& spec) {
    if (spec.parent.empty()) return std::string(spec.name);
    return std::string(spec.parent) + "|" + std::string(spec.name);
}

}  // namespace gyre::commands
