// SPDX-License-Identifier: BSD-3-Clause

// The metrics table as Prometheus reads it: each row that is a number, under the name that INFO
// gives it with gyre_ before it, and the figures of commands, databases, purposes and errors with
// labels.
// Source: Prometheus' text exposition format 0.0.4.

#include <fmt/format.h>

#include <iterator>
#include <string>
#include <string_view>

#include "base/memory.h"
#include "base/numbers.h"
#include "commands/registry.h"
#include "server/info.h"
#include "server/server.h"

namespace gyre::server {
namespace {

class MetricsText {
public:
    void head(std::string_view name, InfoKind kind, std::string_view help) {
        fmt::format_to(std::back_inserter(text_), "# HELP {} {}\n# TYPE {} {}\n", name, help, name,
                       kind == InfoKind::counter ? "counter" : "gauge");
    }
    void line(std::string_view name, std::string_view value) {
        fmt::format_to(std::back_inserter(text_), "{} {}\n", name, value);
    }
    template <class Number>
    void line(std::string_view name, std::string_view label, std::string_view of, Number value) {
        fmt::format_to(std::back_inserter(text_), "{}{{{}=\"{}\"}} {}\n", name, label, escaped(of),
                       value);
    }
    std::string take() { return std::move(text_); }

private:
    static std::string escaped(std::string_view text) {
        std::string out;
        for (const char character : text) {
            if (character == '\\' || character == '"') out += '\\';
            out += character == '\n' ? ' ' : character;
        }
        return out;
    }

    std::string text_;
};

/// "used_memory" becomes "gyre_used_memory"; a counter ends in _total, and nothing else does,
/// whatever INFO calls it: collectors take the kind of a figure from its name.
std::string metric_name(const InfoMetric& metric) {
    constexpr std::string_view kTotal = "_total";
    std::string name(metric.name);
    if (!name.starts_with("gyre_")) name = "gyre_" + name;
    const bool is_total = name.ends_with(kTotal);
    if (metric.kind == InfoKind::counter) return is_total ? name : name + std::string(kTotal);
    if (is_total) name.resize(name.size() - kTotal.size());
    return name;
}

void append_rows(InfoSource& source, MetricsText& text) {
    for (const InfoSection& section : info_sections()) {
        for (const InfoMetric& metric : section.metrics) {
            if (metric.unit == InfoUnit::text) continue;
            const std::string value = metric.read(source);
            // Some have no number now, and say so in a word.
            if (!base::parse_double(value)) continue;
            const std::string name = metric_name(metric);
            text.head(name, metric.kind, metric.help);
            text.line(name, value);
        }
    }
}

void append_commands(InfoSource& source, MetricsText& text) {
    struct Column {
        std::string_view name;
        std::string_view help;
        double (*read)(const commands::CommandFigures& figures);
    };
    static constexpr Column kColumns[] = {
        {"gyre_command_calls_total", "Executions of a command",
         [](const commands::CommandFigures& one) { return static_cast<double>(one.calls); }},
        {"gyre_command_seconds_total", "Time spent in a command",
         [](const commands::CommandFigures& one) {
             return static_cast<double>(one.nanoseconds) / 1e9;
         }},
        {"gyre_command_failures_total", "Executions of a command that ended in an error",
         [](const commands::CommandFigures& one) { return static_cast<double>(one.failed_calls); }},
    };
    for (const Column& column : kColumns) {
        text.head(column.name, InfoKind::counter, column.help);
        for (const commands::CommandSpec* spec : commands::rows()) {
            const auto figures = command_figures(source.server, commands::row_index(*spec));
            if (figures.calls == 0) continue;
            text.line(column.name, "command", commands::full_name(*spec), column.read(figures));
        }
    }
}

void append_keyspace(InfoSource& source, MetricsText& text) {
    const auto& databases = source.keyspace().databases;
    text.head("gyre_database_keys", InfoKind::gauge, "Keys of a database");
    for (size_t index = 0; index < databases.size(); ++index) {
        if (databases[index].keys == 0) continue;
        text.line("gyre_database_keys", "db", std::to_string(index), databases[index].keys);
    }
    text.head("gyre_database_keys_with_ttl", InfoKind::gauge,
              "Keys of a database that have a deadline");
    for (size_t index = 0; index < databases.size(); ++index) {
        if (databases[index].keys == 0) continue;
        text.line("gyre_database_keys_with_ttl", "db", std::to_string(index),
                  databases[index].with_expiry);
    }
}

void append_types(InfoSource& source, MetricsText& text) {
    struct Column {
        std::string_view name;
        std::string_view help;
        int64_t store::TypeTally::* figure;
    };
    static constexpr Column kColumns[] = {
        {"gyre_type_keys", "Keys by type", &store::TypeTally::keys},
        {"gyre_type_memory_bytes", "Memory of keys and their values by type",
         &store::TypeTally::bytes},
    };
    for (const Column& column : kColumns) {
        text.head(column.name, InfoKind::gauge, column.help);
        for (size_t index = 0; index < store::kTypeCount; ++index) {
            const auto type = static_cast<store::Type>(index);
            text.line(column.name, "type", store::type_name(type),
                      source.keyspace().of(type).*column.figure);
        }
    }
}

void append_memory(MetricsText& text) {
    text.head("gyre_memory_bytes", InfoKind::gauge, "Memory by purpose");
    for (size_t index = 0; index < base::kPurposeCount; ++index) {
        const auto purpose = static_cast<base::Purpose>(index);
        text.line("gyre_memory_bytes", "purpose", base::purpose_name(purpose), base::used(purpose));
    }
}

void append_errors(InfoSource& source, MetricsText& text) {
    text.head("gyre_errors_total", InfoKind::counter, "Error replies by code");
    for (const auto& [code, number] : source.errors()) {
        text.line("gyre_errors_total", "code", base::escape_for_error(code), number);
    }
}

}  // namespace

std::string prometheus_text(InfoSource& source) {
    MetricsText text;
    text.head("gyre_info", InfoKind::gauge, "The version");
    text.line("gyre_info", "version", GYRE_VERSION, 1);
    append_rows(source, text);
    append_commands(source, text);
    append_keyspace(source, text);
    append_types(source, text);
    append_memory(text);
    append_errors(source, text);
    return text.take();
}

}  // namespace gyre::server
