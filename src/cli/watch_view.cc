// SPDX-License-Identifier: BSD-3-Clause
#include "cli/watch_view.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <span>
#include <utility>

#include "cli/human.h"
#include "cli/live.h"
#include "cli/pretty.h"

namespace gyre::cli {
namespace {

using Series = WatchHistory::Series;

/// Where the numbers of a section begin, behind its name.
constexpr size_t kLabelColumns = 11;
constexpr size_t kIndent = 2;
/// From this width on sections stand side by side.
constexpr size_t kTwoColumnsMin = 120;
constexpr size_t kGapColumns = 3;
constexpr size_t kItemGapColumns = 2;
/// Below this width a line has room for what matters most alone.
constexpr size_t kNarrowMax = 57;
constexpr size_t kSparkColumnsMin = 8;
constexpr size_t kSparkColumnsMax = 32;
constexpr size_t kBarColumnsMax = 32;
/// A table of commands has its outer percentiles from this width on.
constexpr size_t kAllPercentilesMin = 62;
/// Commands that one looks at; more say less.
constexpr size_t kCommandsMax = 12;
constexpr size_t kFamiliesMax = 12;

/// Memory this near to maxmemory deserves a look, and a key this late.
constexpr double kMemoryNear = 0.9;
constexpr double kLateMs = 100;
constexpr double kVeryLateMs = 1000;

// --- lines --------------------------------------------------------------------------------------

struct Span {
    std::string text;
    Colour colour = Colour::none;
};

/// A line that takes no more columns than it may: what does not fit is left out as a whole.
class Line {
public:
    explicit Line(size_t columns) : columns_(columns) {}

    size_t room() const { return columns_ - width_; }

    bool add(std::string text, Colour colour = Colour::none) {
        const size_t more = display_width(text);
        if (more > room()) return false;
        width_ += more;
        spans_.push_back({std::move(text), colour});
        return true;
    }
    /// One of several, with a gap between them.
    bool item(const std::string& text, Colour colour = Colour::none) {
        const size_t gap = has_items() ? kItemGapColumns : 0;
        if (gap + display_width(text) > room()) return false;
        return add(std::string(gap, ' ')) && add(text, colour);
    }
    /// Something stands behind what was last filled up.
    bool has_items() const { return width_ > items_begin_; }
    void fill_to(size_t column) {
        if (column > width_) add(std::string(std::min(column, columns_) - width_, ' '));
        items_begin_ = width_;
    }
    /// Right-aligned in a cell of that width; what is too long pushes on.
    void cell(const std::string& text, size_t columns) {
        const size_t taken = display_width(text);
        if (taken < columns) add(std::string(columns - taken, ' '));
        add(text);
    }
    void append(const Line& other) {
        for (const Span& span : other.spans_) add(span.text, span.colour);
    }

    std::string text(bool has_colour) const {
        std::string out;
        for (const Span& span : spans_) out += paint(span.text, span.colour, has_colour);
        if (!has_colour) out.erase(out.find_last_not_of(' ') + 1);
        return out;
    }

private:
    size_t columns_;
    size_t width_ = 0;
    size_t items_begin_ = 0;
    std::vector<Span> spans_;
};

std::string cut_to(std::string_view text, size_t columns) {
    return std::string(text.substr(0, columns));
}

/// One part of the dashboard: the line that is always there, and what tells more.
struct Section {
    Line summary;
    std::vector<Line> details;
    size_t first = 1;  // how many details come at least, or none: a heading has something below it
};

size_t spark_columns(size_t columns) {
    return std::clamp(columns / 6, kSparkColumnsMin, kSparkColumnsMax);
}

/// The room that items of a summary have before the sparkline.
Line summary_line(const char* name, size_t columns) {
    Line line(columns - spark_columns(columns) - 1);
    line.add(name, Colour::heading);
    line.fill_to(kLabelColumns);
    return line;
}

Line with_spark(const Line& summary, const WatchHistory::Values& values, size_t columns) {
    Line line(columns);
    line.append(summary);
    const size_t width = spark_columns(columns);
    line.fill_to(columns - width);
    line.add(sparkline(values, width));
    return line;
}

std::string per_second(double rate) { return human_count(rate) + " /s"; }
std::string bytes(double number) { return human_bytes(std::llround(number)); }
std::string percent(double share) {
    char text[32];
    std::snprintf(text, sizeof(text), share < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * share);
    return text;
}

/// "name value": an item that a server may have nothing for.
void item_if(Line& line, const char* name, std::optional<double> number,
             std::string (*format)(double), Colour colour = Colour::none) {
    if (number) line.item(std::string(name) + " " + format(*number), colour);
}

// --- sections -----------------------------------------------------------------------------------

std::optional<double> sum_of(std::optional<double> left, std::optional<double> right) {
    if (!left || !right) return std::nullopt;
    return *left + *right;
}

Section operations_section(const WatchHistory& history, size_t columns) {
    Line line = summary_line("operations", columns);
    const auto operations = history.operations();
    line.item(operations ? per_second(*operations) : "measuring");
    item_if(line, "most", history.most_operations(), human_count);
    const auto hits = history.rate("keyspace_hits");
    const auto misses = history.rate("keyspace_misses");
    if (const auto looked = sum_of(hits, misses); looked && *looked > 0) {
        line.item("hits " + percent(*hits / *looked));
    }
    // Seconds of processor in a second: of one core.
    const auto processor = sum_of(history.rate("used_cpu_user"), history.rate("used_cpu_sys"));
    item_if(line, "cpu", processor, percent);
    Section section{with_spark(line, history.series(Series::operations), columns), {}, 1};

    const auto families = history.families();
    double largest = 0;
    for (const auto& family : families) largest = std::max(largest, family.rate);
    const size_t name_columns = 14;
    const size_t rate_columns = 12;
    for (const auto& family : std::span(families).first(std::min(families.size(), kFamiliesMax))) {
        Line detail(columns);
        detail.fill_to(kIndent);
        detail.add(cut_to(family.name, name_columns));
        detail.fill_to(kIndent + name_columns);
        detail.cell(per_second(family.rate), rate_columns);
        detail.add("  ");
        detail.add(watch_bar(family.rate, largest, std::min(detail.room(), kBarColumnsMax)));
        section.details.push_back(std::move(detail));
    }
    return section;
}

std::string time_or_blank(std::optional<double> microseconds) {
    return microseconds ? human_microseconds(*microseconds) : "";
}

/// Name, rate, mean; the percentiles since the server counts, the inner one where all are too wide.
Line command_line(const WatchHistory::CommandRow& row, size_t columns) {
    const bool has_all = columns >= kAllPercentilesMin;
    const size_t name_columns = has_all ? 16 : 12;
    const size_t cell_columns = 9;
    Line line(columns);
    line.fill_to(kIndent);
    line.add(cut_to(row.name, name_columns));
    line.fill_to(kIndent + name_columns);
    line.cell(human_count(row.rate), cell_columns - 1);
    line.cell(time_or_blank(row.mean_us), cell_columns);
    if (has_all) line.cell(time_or_blank(row.p50_us), cell_columns);
    line.cell(time_or_blank(row.p99_us), cell_columns);
    if (has_all) line.cell(time_or_blank(row.p999_us), cell_columns);
    return line;
}

Line command_heading(bool has_percentiles, size_t columns) {
    const bool has_all = columns >= kAllPercentilesMin;
    const size_t name_columns = has_all ? 16 : 12;
    Line line(columns);
    line.fill_to(kIndent);
    std::string text = "command";
    text.resize(name_columns, ' ');
    text += "      /s     mean";
    if (has_percentiles) text += has_all ? "      p50      p99    p99.9  since start" : "      p99";
    line.add(text, Colour::dim);
    return line;
}

Section latency_section(const WatchHistory& history, size_t columns) {
    Line line = summary_line("latency", columns);
    // The server counts calls by the power of two above their time: more is not known.
    constexpr std::pair<const char*, double> kShares[] = {
        {"p50", 0.5}, {"p99", 0.99}, {"p99.9", 0.999}};
    for (const auto& [name, share] : kShares) {
        if (columns <= kNarrowMax && share != 0.99) continue;
        const auto edge = history.percentile_us(share);
        if (edge) line.item(std::string(name) + " \xe2\x89\xa4" + human_microseconds(*edge));
    }
    item_if(line, "mean", history.mean_us(), human_microseconds);
    if (!line.has_items()) line.item(history.has_rates() ? "no calls" : "measuring");
    Section section{with_spark(line, history.series(Series::latency), columns), {}, 1};
    const auto rows = history.commands();
    if (rows.empty()) return section;
    const bool has_percentiles =
        std::ranges::any_of(rows, [](const auto& row) { return row.p99_us.has_value(); });
    section.first = 2;
    section.details.push_back(command_heading(has_percentiles, columns));
    for (const auto& row : std::span(rows).first(std::min(rows.size(), kCommandsMax))) {
        section.details.push_back(command_line(row, columns));
    }
    return section;
}

struct Purpose {
    const char* field;
    const char* name;
};
/// What memory is used for, as Gyre counts it: these add up to used_memory.
constexpr Purpose kPurposes[] = {
    {"used_memory_keyspace", "keys and values"},
    {"used_memory_index", "index"},
    {"used_memory_wheel", "deadlines"},
    {"used_memory_clients", "clients"},
    {"used_memory_log", "log"},
    {"used_memory_backlog", "backlog"},
    {"used_memory_pubsub", "pub/sub"},
    {"used_memory_snapshot", "snapshot"},
    {"used_memory_eviction", "eviction"},
    {"used_memory_other", "other"},
};
/// What redis-server tells of it; they overlap in nothing, and something remains.
constexpr Purpose kPurposesOfRedis[] = {
    {"used_memory_dataset", "data set"}, {"used_memory_startup", "start"},
    {"mem_clients_normal", "clients"},   {"mem_clients_slaves", "replicas"},
    {"mem_aof_buffer", "log"},           {"mem_replication_backlog", "backlog"},
    {"used_memory_scripts", "scripts"},
};

std::vector<Line> purpose_lines(const WatchSample& now, size_t columns) {
    const bool is_gyre = now.number("used_memory_keyspace").has_value();
    const std::span<const Purpose> table =
        is_gyre ? std::span<const Purpose>(kPurposes) : std::span<const Purpose>(kPurposesOfRedis);
    std::vector<std::pair<double, const char*>> found;
    for (const Purpose& purpose : table) {
        const auto number = now.number(purpose.field);
        if (number && *number > 0) found.emplace_back(*number, purpose.name);
    }
    std::ranges::sort(found, std::greater<>(), [](const auto& each) { return each.first; });
    const double used = now.number("used_memory").value_or(0);
    std::vector<Line> lines;
    for (const auto& [number, name] : found) {
        Line line(columns);
        line.fill_to(kIndent);
        line.add(name);
        line.fill_to(kIndent + 16);
        line.cell(bytes(number), 9);
        if (used > 0) line.cell(percent(number / used), 8);
        line.add("  ");
        line.add(watch_bar(number, used, std::min(line.room(), kBarColumnsMax)));
        lines.push_back(std::move(line));
    }
    return lines;
}

Section memory_section(const WatchHistory& history, size_t columns) {
    const WatchSample& now = history.now();
    Line line = summary_line("memory", columns);
    const auto used = now.number("used_memory");
    if (used) line.item(bytes(*used));
    const auto limit = now.number("maxmemory");
    if (used && limit && *limit > 0) {
        const double share = *used / *limit;
        const Colour colour = share >= 1             ? Colour::error
                              : share >= kMemoryNear ? Colour::name
                                                     : Colour::none;
        line.item(percent(share) + " of " + bytes(*limit), colour);
    }
    item_if(line, "peak", now.number("used_memory_peak"), bytes);
    item_if(line, "resident", now.number("used_memory_rss"), bytes);
    return {with_spark(line, history.series(Series::memory), columns), purpose_lines(now, columns)};
}

std::string milliseconds(double number) { return human_duration(std::llround(number)); }

Colour colour_of_lateness(std::optional<double> late_ms) {
    if (!late_ms || *late_ms < kLateMs) return Colour::none;
    return *late_ms < kVeryLateMs ? Colour::name : Colour::error;
}

Section expiry_section(const WatchHistory& history, size_t columns) {
    const WatchSample& now = history.now();
    Line line = summary_line("expiry", columns);
    auto with_ttl = now.number("expiry_keys_with_ttl");
    if (!with_ttl) with_ttl = now.keyspace("expires");
    const auto keys = now.keyspace("keys");
    std::string share;
    if (with_ttl && keys) share = human_count(*with_ttl) + " of " + human_count(*keys) + " keys";
    const bool is_narrow = columns <= kNarrowMax;
    if (!is_narrow && !share.empty()) line.item(share);
    item_if(line, "due", now.number("expiry_backlog"), human_count);
    const auto p99 = now.number("expiry_lateness_p99_ms");
    item_if(line, "late p99", p99, milliseconds, colour_of_lateness(p99));
    const bool has_share_below = is_narrow && line.has_items();
    if (is_narrow && !has_share_below && !share.empty()) line.item(share);
    Section section{with_spark(line, history.series(Series::due), columns), {}, 1};

    Line late(columns);
    late.fill_to(kLabelColumns);
    if (has_share_below && !share.empty()) late.item(share);
    item_if(late, "late p50", now.number("expiry_lateness_p50_ms"), milliseconds);
    const auto most = now.number("expiry_lateness_max_ms");
    item_if(late, "late max", most, milliseconds, colour_of_lateness(most));
    if (late.has_items()) section.details.push_back(std::move(late));
    Line gone(columns);
    gone.fill_to(kLabelColumns);
    item_if(gone, "expired", history.rate("expired_keys"), per_second);
    item_if(gone, "evicted", history.rate("evicted_keys"), per_second);
    if (gone.has_items()) section.details.push_back(std::move(gone));
    return section;
}

Section clients_section(const WatchHistory& history, size_t columns) {
    const WatchSample& now = history.now();
    Line line = summary_line("clients", columns);
    const auto connected = now.number("connected_clients");
    if (connected) line.item(human_count(*connected));
    item_if(line, "blocked", now.number("blocked_clients"), human_count);
    item_if(line, "pub/sub", now.number("pubsub_clients"), human_count);
    item_if(line, "tracking", now.number("tracking_clients"), human_count);
    Section section{with_spark(line, history.series(Series::traffic), columns), {}, 1};

    Line traffic(columns);
    traffic.fill_to(kLabelColumns);
    if (const auto in = history.rate("total_net_input_bytes")) {
        traffic.item("in " + bytes(*in) + "/s");
    }
    if (const auto out = history.rate("total_net_output_bytes")) {
        traffic.item("out " + bytes(*out) + "/s");
    }
    item_if(traffic, "connections", history.rate("total_connections_received"), per_second);
    const auto refused = history.rate("rejected_connections");
    if (refused && *refused > 0) {
        traffic.item("refused " + per_second(*refused), Colour::error);
    }
    if (traffic.has_items()) section.details.push_back(std::move(traffic));
    return section;
}

// --- the whole ----------------------------------------------------------------------------------

/// What somebody should look after; empty when all is well.
std::vector<std::string> complaints(const WatchSample& now) {
    std::vector<std::string> found;
    if (now.number("loading").value_or(0) > 0) found.emplace_back("loading data");
    constexpr std::pair<const char*, const char*> kStates[] = {
        {"rdb_last_bgsave_status", "the last snapshot failed"},
        {"aof_last_write_status", "the log cannot be written"},
        {"aof_last_bgrewrite_status", "the last rewrite of the log failed"},
    };
    for (const auto& [field, text] : kStates) {
        const std::string_view state = now.text(field);
        if (!state.empty() && state != "ok") found.emplace_back(text);
    }
    return found;
}

Line header(const WatchHistory& history, const WatchView& view) {
    const WatchSample& now = history.now();
    Line line(view.columns);
    const std::string_view gyre = now.text("gyre_version");
    const std::string_view redis = now.text("redis_version");
    if (!gyre.empty()) {
        line.item("Gyre " + std::string(gyre), Colour::heading);
    } else if (!redis.empty()) {
        line.item("Redis " + std::string(redis), Colour::heading);
    }
    line.item(view.address);
    if (view.is_lost) line.item("connection lost, trying again", Colour::error);
    if (view.is_paused) line.item("paused", Colour::name);
    for (const std::string& text : complaints(now)) line.item(text, Colour::error);
    if (!now.time.empty()) line.item(now.time);
    if (const auto uptime = now.number("uptime_in_seconds")) {
        const int64_t seconds = std::llround(*uptime);
        line.item("up " +
                  (seconds < 60 ? std::to_string(seconds) + " s" : human_duration(seconds * 1000)));
    }
    if (const auto threads = now.number("gyre_threads")) {
        line.item(human_count(*threads) + (*threads == 1 ? " thread" : " threads"));
    }
    return line;
}

Line footer(const WatchView& view) {
    Line line(view.columns);
    line.add("q quit   p ", Colour::dim);
    line.add(view.is_paused ? "go on" : "pause", view.is_paused ? Colour::name : Colour::dim);
    line.add("   r reset", Colour::dim);
    char interval[48];
    std::snprintf(interval, sizeof(interval), "   every %g s", view.interval_s);
    line.add(interval, Colour::dim);
    return line;
}

/// The sections below each other in so many rows (0: all there is): all summaries, then details in
/// turn.
std::vector<Line> stack(std::vector<Section> sections, size_t rows, bool has_gaps, size_t columns) {
    std::vector<size_t> shown(sections.size(), 0);
    size_t used = sections.size() + (has_gaps ? sections.size() - 1 : 0);
    for (bool is_more = true; is_more;) {
        is_more = false;
        for (size_t i = 0; i < sections.size(); ++i) {
            const size_t more = shown[i] == 0 ? sections[i].first : 1;
            if (shown[i] + more > sections[i].details.size()) continue;
            if (rows != 0 && used + more > rows) continue;
            shown[i] += more;
            used += more;
            is_more = true;
        }
    }
    std::vector<Line> lines;
    for (size_t i = 0; i < sections.size(); ++i) {
        if (has_gaps && i > 0) lines.emplace_back(columns);
        lines.push_back(std::move(sections[i].summary));
        for (size_t at = 0; at < shown[i]; ++at) {
            lines.push_back(std::move(sections[i].details[at]));
        }
    }
    return lines;
}

std::vector<Line> side_by_side(const std::vector<Line>& left, const std::vector<Line>& right,
                               size_t columns) {
    std::vector<Line> lines;
    const size_t middle = (columns - kGapColumns) / 2 + kGapColumns;
    for (size_t i = 0; i < std::max(left.size(), right.size()); ++i) {
        Line line(columns);
        if (i < left.size()) line.append(left[i]);
        if (i < right.size()) {
            line.fill_to(middle);
            line.append(right[i]);
        }
        lines.push_back(std::move(line));
    }
    return lines;
}

}  // namespace

std::vector<std::string> draw_watch(const WatchHistory& history, const WatchView& view) {
    const bool is_small =
        view.columns < kWatchColumnsMin || (view.rows != 0 && view.rows < kWatchRowsMin);
    if (is_small) {
        return {cut_to("too small: " + std::to_string(kWatchColumnsMin) + "x" +
                           std::to_string(kWatchRowsMin) + " is the least",
                       view.columns)};
    }
    const bool is_wide = view.columns >= kTwoColumnsMin;
    const size_t width = is_wide ? (view.columns - kGapColumns) / 2 : view.columns;
    std::vector<Section> first;
    first.push_back(operations_section(history, width));
    first.push_back(latency_section(history, width));
    std::vector<Section> second;
    second.push_back(memory_section(history, width));
    second.push_back(expiry_section(history, width));
    second.push_back(clients_section(history, width));

    // The header, the footer, and blank lines where there is room for them.
    const bool has_air = view.rows == 0 || view.rows >= 2 * kWatchRowsMin;
    const size_t frame = 1 + (view.has_keys ? 1 : 0) + (has_air ? 1 : 0);
    const size_t rows = view.rows == 0 ? 0 : view.rows - frame;
    std::vector<Line> body;
    if (is_wide) {
        body = side_by_side(stack(std::move(first), rows, has_air, width),
                            stack(std::move(second), rows, has_air, width), view.columns);
    } else {
        std::ranges::move(second, std::back_inserter(first));
        body = stack(std::move(first), rows, has_air, width);
    }
    std::vector<std::string> lines = {header(history, view).text(view.has_colour)};
    if (has_air) lines.emplace_back();
    for (const Line& line : body) lines.push_back(line.text(view.has_colour));
    if (!view.has_keys) return lines;
    // At the bottom of the screen.
    const size_t last = view.rows == 0 ? lines.size() + 1 : view.rows - 1;
    if (lines.size() < last) lines.resize(last);
    lines.push_back(footer(view).text(view.has_colour));
    return lines;
}

std::string sparkline(const WatchHistory::Values& values, size_t columns) {
    constexpr const char* kBlocks[] = {"\xe2\x96\x81", "\xe2\x96\x82", "\xe2\x96\x83",
                                       "\xe2\x96\x84", "\xe2\x96\x85", "\xe2\x96\x86",
                                       "\xe2\x96\x87", "\xe2\x96\x88"};
    const size_t shown = std::min(values.size(), columns);
    double largest = 0;
    for (size_t i = values.size() - shown; i < values.size(); ++i) {
        largest = std::max(largest, values[i].value_or(0));
    }
    std::string out(columns - shown, ' ');
    for (size_t i = values.size() - shown; i < values.size(); ++i) {
        if (!values[i]) {
            out += ' ';
            continue;
        }
        const double height = largest == 0 ? 0 : *values[i] / largest;
        out += kBlocks[std::min<size_t>(7, static_cast<size_t>(height * 8))];
    }
    return out;
}

std::string watch_bar(double part, double whole, size_t columns) {
    constexpr const char* kParts[] = {"",
                                      "\xe2\x96\x8f",
                                      "\xe2\x96\x8e",
                                      "\xe2\x96\x8d",
                                      "\xe2\x96\x8c",
                                      "\xe2\x96\x8b",
                                      "\xe2\x96\x8a",
                                      "\xe2\x96\x89"};
    if (part <= 0 || whole <= 0) return "";
    const double share = std::min(1.0, part / whole);
    const auto eighths = std::max<size_t>(
        1, static_cast<size_t>(std::llround(share * 8.0 * static_cast<double>(columns))));
    std::string out;
    for (size_t i = 0; i < eighths / 8; ++i) out += "\xe2\x96\x88";
    return out + kParts[eighths % 8];
}

}  // namespace gyre::cli
