// SPDX-License-Identifier: BSD-3-Clause
#include "server/convert.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <utility>

#include "engine/settings.h"
#include "engine/value_limits.h"
#include "ring/files.h"
#include "snapshot/json_reader.h"
#include "snapshot/json_writer.h"
#include "snapshot/rdb_reader.h"
#include "snapshot/rdb_writer.h"

namespace gyre::server {
namespace {

constexpr size_t kSliceBytes = 256 * 1024;

/// The new file under a temporary name. The first error stays.
class Output final : public snapshot::ByteSink {
public:
    explicit Output(const std::string& path)
        : path_(path), temporary_(path + ".part"), file_(std::fopen(temporary_.c_str(), "wbxe")) {
        if (file_ == nullptr) note_error();
    }
    ~Output() override {
        if (file_ == nullptr) return;
        std::fclose(file_);
        static_cast<void>(files_.remove(temporary_));
    }
    Output(const Output&) = delete;
    Output& operator=(const Output&) = delete;

    void append(std::string_view piece) override {
        if (!result_) return;
        if (std::fwrite(piece.data(), 1, piece.size(), file_) != piece.size()) note_error();
    }
    [[nodiscard]] const Result<void>& result() const { return result_; }

    /// Everything is on the disk, under its own name.
    Result<void> publish() {
        if (result_ && std::fflush(file_) != 0) note_error();
        if (result_) result_ = files_.sync(fileno(file_));
        if (!result_) return result_;
        std::fclose(std::exchange(file_, nullptr));
        if (auto renamed = files_.rename(temporary_, path_); !renamed) return renamed;
        const std::string directory = std::filesystem::path(path_).parent_path().string();
        return files_.sync_directory(directory.empty() ? "." : directory);
    }

private:
    void note_error() {
        const int error = errno;
        result_ = fail(fmt::format("Cannot write {}: {}. Make room, or write to another place",
                                   temporary_, std::strerror(error)),
                       error);
    }

    const std::string path_;
    const std::string temporary_;
    ring::PosixFiles files_;
    std::FILE* file_;
    Result<void> result_;
};

class JsonFromRdb final : public snapshot::RdbHandler {
public:
    explicit JsonFromRdb(Output& output)
        : output_(output), writer_([this](std::string_view bytes) {
              output_.append(bytes);
              return output_.result();
          }) {}
    Result<void> record(const snapshot::Record& record) override { return writer_.add(record); }
    Result<void> end(const snapshot::RdbSummary& summary) override {
        records_ = summary.records;
        return writer_.finish();
    }
    [[nodiscard]] uint64_t records() const { return records_; }

private:
    Output& output_;
    snapshot::JsonWriter writer_;
    uint64_t records_ = 0;
};

Result<uint64_t> json_from_rdb(const base::ByteSource& source, Output& output) {
    const engine::Settings settings;
    JsonFromRdb handler(output);
    snapshot::RdbReader reader(handler, {.limits = engine::value_limits(settings)});
    const auto buffer = std::make_unique<char[]>(kSliceBytes);
    while (!reader.is_done()) {
        const auto count = source({buffer.get(), kSliceBytes});
        if (!count) return tl::unexpected(count.error());
        if (*count == 0) break;
        if (const auto taken = reader.feed({buffer.get(), *count}); !taken) {
            return fail(
                fmt::format("{} (record at offset {})", taken.error().message, reader.offset()));
        }
    }
    if (auto finished = reader.finish(); !finished) return tl::unexpected(finished.error());
    return handler.records();
}

Result<uint64_t> rdb_from_json(const base::ByteSource& source, Output& output) {
    const engine::Settings settings;
    snapshot::RdbWriter writer(output);
    writer.begin();
    const auto take = [&](const snapshot::Record& record) {
        writer.record(record);
        return output.result();
    };
    const auto records =
        snapshot::read_json(source, take, {.limits = engine::value_limits(settings)});
    if (!records) return records;
    writer.end();
    return records;
}

}  // namespace

Result<uint64_t> convert_file(const std::string& from, const std::string& to) {
    ring::PosixFiles files;
    if (files.exists(to)) {
        return fail(fmt::format("{} is there already; remove it, or write to another place", to));
    }
    const auto file = files.open(from, ring::OpenFor::reading);
    if (!file) return tl::unexpected(file.error());
    const auto source = [&, offset = uint64_t{0}](std::span<char> buffer) mutable {
        auto count = files.read(*file, buffer, offset);
        if (count) offset += *count;
        return count;
    };
    std::array<char, 1> first{};
    const auto begin = files.read(*file, first, 0);
    const bool is_rdb = begin && *begin == 1 && (first[0] == 'R' || first[0] == 'V');
    if (to.ends_with(is_rdb ? ".rdb" : ".json")) {
        files.close(*file);
        return fail(
            fmt::format("{} is {} already, and {} would be the other form; give it another "
                        "name, or copy the file",
                        from, is_rdb ? "an RDB file" : "JSON", to));
    }
    Output output(to);
    Result<uint64_t> records =
        output.result() ? Result<uint64_t>(0) : tl::unexpected(output.result().error());
    if (records) {
        records = is_rdb ? json_from_rdb(source, output) : rdb_from_json(source, output);
        if (!records) {
            records = fail(fmt::format("{}: {}", from, records.error().message));
        } else if (auto published = output.publish(); !published) {
            records = tl::unexpected(published.error());
        }
    }
    files.close(*file);
    return records;
}

}  // namespace gyre::server
