// SPDX-License-Identifier: BSD-3-Clause
#include "log/aof_manifest.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/numbers.h"
#include "resp/request_parser.h"

namespace gyre::log {
namespace {

constexpr size_t kWordsMin = 6;
// What a line takes besides the name: three keys, the largest number, the type, blanks and LF.
constexpr size_t kLineRestBytes = 64;

struct Entry {
    AofFile file;
    char type = 0;
};

tl::unexpected<Error> fail_line(size_t line, std::string_view reason) {
    return fail(fmt::format("append-only file manifest, line {}: {}; correct it, or restore a copy",
                            line, reason));
}

// The reason why a name cannot be one, or nothing.
std::string_view name_fault(std::string_view name) {
    if (name.empty()) return "the file name is empty";
    if (name.size() > kAofNameBytesMax) return "the file name is longer than 255 bytes";
    if (name.find_first_of("/\\") != std::string_view::npos) {
        return "the file name is a path; only a name within the directory is possible";
    }
    if (name.find('\0') != std::string_view::npos) return "the file name holds a zero byte";
    if (name == "." || name == "..") return "the file name is a directory";
    if (base::quote(name).size() + kLineRestBytes > kManifestLineBytesMax) {
        return "the file name is too long for a line of 1024 bytes once it is quoted";
    }
    return {};
}

Result<Entry> parse_line(std::string_view text, size_t line) {
    std::vector<std::string> words;
    if (!resp::split_line(text, words)) return fail_line(line, "the quotes are not balanced");
    if (words.size() < kWordsMin || words.size() % 2 != 0) {
        return fail_line(line, "expected 'file NAME seq NUMBER type b|h|i'");
    }
    Entry entry;
    bool has_name = false;
    std::optional<int64_t> sequence;
    for (size_t i = 0; i < words.size(); i += 2) {
        const std::string& value = words[i + 1];
        if (base::equals_ignore_case(words[i], "file")) {
            if (const auto fault = name_fault(value); !fault.empty()) return fail_line(line, fault);
            entry.file.name = value;
            has_name = true;
        } else if (base::equals_ignore_case(words[i], "seq")) {
            sequence = base::parse_integer(value);
            if (!sequence || *sequence < 1) {
                return fail_line(line, "the sequence number is not a number above 0");
            }
        } else if (base::equals_ignore_case(words[i], "type")) {
            // Redis looks at the first letter only.
            entry.type = value.empty() ? '\0' : value.front();
        }
        // Another pair is from a newer version; Redis skips it.
    }
    if (!has_name) return fail_line(line, "'file' is missing");
    if (!sequence) return fail_line(line, "'seq' is missing");
    if (entry.type == '\0') return fail_line(line, "'type' is missing");
    entry.file.sequence = *sequence;
    return entry;
}

size_t count_files(const AofManifest& manifest) {
    return (manifest.base ? 1 : 0) + manifest.increments.size() + manifest.history.size();
}

Result<void> add(AofManifest& manifest, Entry entry, size_t line) {
    if (count_files(manifest) == kManifestFilesMax) return fail_line(line, "more than 65536 files");
    switch (entry.type) {
        case static_cast<char>(AofFileType::base):
            if (manifest.base) return fail_line(line, "a second base file");
            manifest.base = std::move(entry.file);
            return {};
        case static_cast<char>(AofFileType::history):
            manifest.history.push_back(std::move(entry.file));
            return {};
        case static_cast<char>(AofFileType::increment):
            if (!manifest.increments.empty() &&
                manifest.increments.back().sequence >= entry.file.sequence) {
                return fail_line(line, "the sequence numbers of type i do not ascend");
            }
            manifest.increments.push_back(std::move(entry.file));
            return {};
        default:
            return fail_line(line, "the type is none of b, h and i");
    }
}

std::vector<std::string_view> sorted_names(const AofManifest& manifest) {
    std::vector<std::string_view> names;
    names.reserve(count_files(manifest));
    if (manifest.base) names.push_back(manifest.base->name);
    for (const AofFile& file : manifest.increments) names.push_back(file.name);
    for (const AofFile& file : manifest.history) names.push_back(file.name);
    std::sort(names.begin(), names.end());
    return names;
}

// A file that stands twice would be replayed twice, or deleted although it is needed.
Result<void> check_duplicates(const AofManifest& manifest) {
    const std::vector<std::string_view> names = sorted_names(manifest);
    const auto found = std::adjacent_find(names.begin(), names.end());
    if (found == names.end()) return {};
    return fail(fmt::format(
        "append-only file manifest: the file {} stands in it twice; correct it, or restore a copy",
        base::quote(*found)));
}

bool needs_quotes(std::string_view name) {
    return std::any_of(name.begin(), name.end(), [](char byte) {
        const auto code = static_cast<unsigned char>(byte);
        return code <= ' ' || code >= 0x7f || byte == '\\' || byte == '"' || byte == '\'';
    });
}

void format_line(std::string& out, const AofFile& file, AofFileType type) {
    // A comment begins with '#' at the start of a line only, so a name with one needs no quotes.
    out += fmt::format("file {} seq {} type {}\n",
                       needs_quotes(file.name) ? base::quote(file.name) : file.name, file.sequence,
                       static_cast<char>(type));
}

// The first sequence number after `last` whose name is free: a file of the history that was not
// deleted yet may have the next one, and so may one that no manifest names.
template <class Name>
Result<AofFile> next_file(const AofManifest& manifest, int64_t last, const Name& name_of,
                          const NameTest& is_taken) {
    if (count_files(manifest) == kManifestFilesMax) {
        return fail(
            "the append-only file has 65536 parts; delete those of type h in its manifest, "
            "or rewrite it with BGREWRITEAOF");
    }
    const std::vector<std::string_view> taken = sorted_names(manifest);
    for (int64_t sequence = last; sequence < INT64_MAX;) {
        ++sequence;
        std::string name = name_of(sequence);
        if (const auto fault = name_fault(name); !fault.empty()) {
            return fail(fmt::format("appendfilename: {}; choose another", fault));
        }
        if (std::binary_search(taken.begin(), taken.end(), name)) continue;
        if (!is_taken || !is_taken(name)) return AofFile{std::move(name), sequence};
    }
    return fail(
        "the append-only file has no sequence number left; let it begin again in an empty "
        "directory (appenddirname)");
}

}  // namespace

std::string AofNames::base(int64_t sequence, BaseFormat format) const {
    return fmt::format("{}.{}.base.{}", prefix, sequence,
                       format == BaseFormat::rdb ? "rdb" : "aof");
}

std::string AofNames::increment(int64_t sequence) const {
    return fmt::format("{}.{}.incr.aof", prefix, sequence);
}

std::string AofNames::manifest() const { return prefix + ".manifest"; }

std::string AofNames::temporary_manifest() const { return "temp-" + manifest(); }

bool AofNames::is_of_data(std::string_view name) const {
    if (!name.starts_with(prefix)) return false;
    name.remove_prefix(prefix.size());
    if (name.empty()) return true;
    if (name.front() != '.') return false;
    name.remove_prefix(1);
    const size_t digits = std::min(name.find_first_not_of("0123456789"), name.size());
    if (digits == 0) return false;
    name.remove_prefix(digits);
    return name == ".base.rdb" || name == ".base.aof" || name == ".incr.aof";
}

Result<AofManifest> AofManifest::parse(std::string_view text) {
    if (text.empty()) {
        return fail(
            "append-only file manifest: it is empty; restore a copy, or remove the "
            "directory to start without data");
    }
    if (text.size() > kManifestBytesMax) {
        return fail(
            fmt::format("append-only file manifest: it is longer than {} bytes; correct it, or "
                        "restore a copy",
                        kManifestBytesMax));
    }
    AofManifest manifest;
    for (size_t line = 1; !text.empty(); ++line) {
        const size_t newline = text.find('\n');
        const bool is_comment = text.front() == '#';
        const bool is_last = newline == std::string_view::npos;
        const std::string_view body = text.substr(0, newline);
        if (body.size() + 1 > kManifestLineBytesMax) {
            return fail_line(line, "longer than 1024 bytes");
        }
        text.remove_prefix(is_last ? text.size() : newline + 1);
        if (is_comment) continue;
        if (is_last) return fail_line(line, "the line feed at its end is missing");
        if (body.find('\0') != std::string_view::npos) return fail_line(line, "a zero byte");
        Result<Entry> entry = parse_line(body, line);
        if (!entry) return tl::unexpected(std::move(entry.error()));
        if (auto added = add(manifest, std::move(*entry), line); !added) {
            return tl::unexpected(std::move(added.error()));
        }
    }
    if (auto unique = check_duplicates(manifest); !unique) {
        return tl::unexpected(std::move(unique.error()));
    }
    return manifest;
}

std::string AofManifest::format() const {
    std::string out;
    if (base) format_line(out, *base, AofFileType::base);
    for (const AofFile& file : history) format_line(out, file, AofFileType::history);
    for (const AofFile& file : increments) format_line(out, file, AofFileType::increment);
    if (out.empty()) out = "# No file yet\n";
    return out;
}

Result<AofManifest> AofManifest::of_old_file(std::string name) {
    if (const auto fault = name_fault(name); !fault.empty()) {
        return fail(fmt::format("appendfilename: {}; choose another", fault));
    }
    AofManifest manifest;
    manifest.base = AofFile{std::move(name), 1};
    return manifest;
}

bool AofManifest::has(std::string_view name) const {
    const auto is_it = [name](const AofFile& file) { return file.name == name; };
    return (base && is_it(*base)) || std::ranges::any_of(increments, is_it) ||
           std::ranges::any_of(history, is_it);
}

std::vector<AofFile> AofManifest::load_order() const {
    std::vector<AofFile> files;
    if (base) files.push_back(*base);
    files.insert(files.end(), increments.begin(), increments.end());
    return files;
}

std::vector<std::string> AofManifest::deletable() const {
    std::vector<std::string> names;
    for (const AofFile& file : history) names.push_back(file.name);
    return names;
}

Result<AofManifest> AofManifest::with_new_increment(const AofNames& names,
                                                    const NameTest& is_taken) const {
    const int64_t last = increments.empty() ? 0 : increments.back().sequence;
    Result<AofFile> file = next_file(
        *this, last, [&](int64_t sequence) { return names.increment(sequence); }, is_taken);
    if (!file) return tl::unexpected(std::move(file.error()));
    AofManifest next = *this;
    next.increments.push_back(std::move(*file));
    return next;
}

Result<AofManifest> AofManifest::with_new_base(const AofNames& names, BaseFormat base_format,
                                               int64_t first_kept, const NameTest& is_taken) const {
    const int64_t last = base ? base->sequence : 0;
    Result<AofFile> file = next_file(
        *this, last, [&](int64_t sequence) { return names.base(sequence, base_format); }, is_taken);
    if (!file) return tl::unexpected(std::move(file.error()));
    return with_base(*std::move(file), first_kept);
}

AofManifest AofManifest::with_base(AofFile new_base, int64_t first_kept) const {
    AofManifest next;
    next.base = std::move(new_base);
    next.history = history;
    if (base) next.history.push_back(*base);
    for (const AofFile& increment : increments) {
        (increment.sequence < first_kept ? next.history : next.increments).push_back(increment);
    }
    return next;
}

AofManifest AofManifest::without_history() const {
    AofManifest next = *this;
    next.history.clear();
    return next;
}

}  // namespace gyre::log
