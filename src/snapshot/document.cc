// SPDX-License-Identifier: BSD-3-Clause
#include "snapshot/document.h"

#include <fmt/format.h>

#include <array>

#include "snapshot/json_writer.h"
#include "snapshot/rdb_reader.h"

namespace gyre::snapshot {

namespace {

class RdbDocument final : public Document {
public:
    RdbDocument(ByteSink& sink, const DocumentOptions& options) : writer_(sink, options.rdb) {
        writer_.begin();
        for (const auto& [name, value] : options.fields) writer_.aux(name, value);
    }
    Result<void> encoded(std::string_view part) override {
        writer_.encoded(part);
        return {};
    }
    Result<void> end() override {
        writer_.end();
        return {};
    }
    [[nodiscard]] uint64_t bytes() const override { return writer_.bytes(); }

private:
    RdbWriter writer_;
};

class JsonDocument final : public Document {
public:
    JsonDocument(ByteSink& sink, const DocumentOptions& options)
        : sink_(sink),
          writer_([this](std::string_view bytes) { return take(bytes); }, kPieceBytesMax),
          reader_(records_, {.string_bytes_max = kBelieved,
                             .verifies_checksum = false,
                             .limits = options.limits}),
          result_(read_back(fmt::format("REDIS{:04}", options.rdb.version))) {}

    Result<void> encoded(std::string_view part) override {
        if (result_) result_ = read_back(part);
        return result_;
    }

    Result<void> end() override {
        // The end mark, and a checksum that says that there is none.
        static constexpr std::array<char, 9> kEnd{static_cast<char>(RdbOpcode::end)};
        if (result_) result_ = read_back({kEnd.data(), kEnd.size()});
        if (result_) result_ = reader_.finish();
        if (result_) result_ = writer_.finish();
        return result_;
    }
    [[nodiscard]] uint64_t bytes() const override { return bytes_; }

private:
    Result<void> read_back(std::string_view bytes) {
        const auto taken = reader_.feed(bytes);
        if (taken) return {};
        return fail(
            fmt::format("What was encoded cannot be read back: {}. This is a mistake of "
                        "the program; set storage-format to rdb and save again",
                        taken.error().message));
    }
    Result<void> take(std::string_view bytes) {
        bytes_ += bytes.size();
        sink_.append(bytes);
        return {};
    }

    /// Writes what is read back.
    struct Records final : RdbHandler {
        explicit Records(JsonWriter& to) : writer(to) {}
        Result<void> record(const Record& record) override { return writer.add(record); }
        JsonWriter& writer;
    };
    /// Nothing that was encoded here is too long.
    static constexpr uint64_t kBelieved = uint64_t{1} << 60;

    ByteSink& sink_;
    uint64_t bytes_ = 0;
    JsonWriter writer_;
    Records records_{writer_};
    RdbReader reader_;
    Result<void> result_;
};

}  // namespace

std::unique_ptr<Document> make_document(ByteSink& sink, const DocumentOptions& options) {
    if (options.format == Format::json) return std::make_unique<JsonDocument>(sink, options);
    return std::make_unique<RdbDocument>(sink, options);
}

}  // namespace gyre::snapshot
