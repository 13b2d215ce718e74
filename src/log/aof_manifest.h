// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The manifest of a multi-part append-only file, Redis 7's form: which files there are, and in
// which order they are loaded. A value: each operation returns the next manifest, and the caller
// makes it true on the disk (create the new file, write the manifest beside the old one and rename
// it, delete what became history, drop it from the manifest).
//
//     file appendonly.aof.2.base.rdb seq 2 type b
//     file appendonly.aof.1.incr.aof seq 1 type h
//     file appendonly.aof.2.incr.aof seq 2 type i
//
// What parse() takes is what Redis 7.0 takes, less what cannot be meant: see
// docs/formats/aof.md.
//
// Ownership: owns its text. Threads: any. Errors: parse() names the line and the reason, the
// operations fail when a sequence number would overflow or the list is full.
// Complexity: O(text), O(files log files) for the search of duplicates.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gyre/result.h"

namespace gyre::log {

/// A line with its LF, as in Redis.
inline constexpr size_t kManifestLineBytesMax = 1024;
inline constexpr size_t kManifestFilesMax = 65536;
inline constexpr size_t kManifestBytesMax = kManifestFilesMax * kManifestLineBytesMax;
/// Of a file's name: what a directory can hold.
inline constexpr size_t kAofNameBytesMax = 255;

enum class AofFileType : char { base = 'b', history = 'h', increment = 'i' };
enum class BaseFormat : uint8_t { rdb, aof };

struct AofFile {
    std::string name;  ///< within the directory (appenddirname)
    int64_t sequence = 0;

    bool operator==(const AofFile&) const = default;
};

/// The names that belong to one `appendfilename`.
struct AofNames {
    std::string prefix = "appendonly.aof";

    std::string base(int64_t sequence, BaseFormat format) const;  ///< appendonly.aof.1.base.rdb
    std::string increment(int64_t sequence) const;                ///< appendonly.aof.1.incr.aof
    std::string manifest() const;                                 ///< appendonly.aof.manifest
    std::string temporary_manifest() const;                       ///< temp-appendonly.aof.manifest
    /// Of a base or an increment, whatever its number, or of an old single file.
    bool is_of_data(std::string_view name) const;
};

/// Whether there is a file of that name that must not be touched.
using NameTest = std::function<bool(const std::string& name)>;

struct AofManifest {
    std::optional<AofFile> base;      ///< loaded first
    std::vector<AofFile> increments;  ///< then these, in ascending sequence; the last is written to
    std::vector<AofFile> history;     ///< loaded never; may be deleted

    bool operator==(const AofManifest&) const = default;

    static Result<AofManifest> parse(std::string_view text);
    /// Base, history, increments, one line each; without any a comment, as an empty text is none.
    std::string format() const;

    /// Of an old single-file log that was moved into the directory: it is the base.
    static Result<AofManifest> of_old_file(std::string name);

    bool has(std::string_view name) const;
    /// What is loaded, in order.
    std::vector<AofFile> load_order() const;
    /// What may be deleted, once this manifest is durable.
    std::vector<std::string> deletable() const;

    /// With one more increment at the end: at the first start, when a file is full, and where a
    /// rewrite begins. Names that are taken are passed over, here and below.
    Result<AofManifest> with_new_increment(const AofNames& names,
                                           const NameTest& is_taken = {}) const;
    /// With a new base, which holds all that stood before increment `first_kept`: the old base and
    /// the increments before that one become history.
    Result<AofManifest> with_new_base(const AofNames& names, BaseFormat base_format,
                                      int64_t first_kept, const NameTest& is_taken = {}) const;
    /// The same with a base that has its name.
    AofManifest with_base(AofFile new_base, int64_t first_kept) const;
    /// After the files of the history were deleted.
    AofManifest without_history() const;
};

}  // namespace gyre::log
