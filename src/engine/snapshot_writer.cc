// SPDX-License-Identifier: BSD-3-Clause
#include "engine/snapshot_writer.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "base/check.h"

namespace gyre::engine {
namespace {

/// Values longer than this are written as they are: their bytes would have to be in memory twice.
constexpr size_t kCompressedBytesMax = size_t{16} * 1024 * 1024;

std::string path_of(const SnapshotFile& file, const std::string& name) {
    return file.directory + "/" + name;
}

tl::unexpected<Error> write_failed(int error) {
    return fail(fmt::format("Cannot write: {}. Make room on the disk of dir, or set dir to "
                            "another one",
                            std::strerror(error)),
                error);
}

}  // namespace

// --- the file -----------------------------------------------------------------------------------

void FileSink::Operation::on_done(ring::Op& op, const ring::Completion& completion) {
    auto& self = static_cast<Operation&>(op);
    self.result = completion.result;
    self.done.set_later(*self.reactor);
}

void FileSink::start_write() {
    std::swap(filling_, writing_);
    filling_.clear();
    written_ = 0;
    is_writing_ = true;
    send();
}

void FileSink::send() {
    vector_ = {writing_.data() + written_, writing_.size() - written_};
    write_.reactor = &reactor_;
    write_.done.reset();
    reactor_.ring().write(write_, file_, std::span<const iovec>(&vector_, 1), offset_);
}

/// A write may end before all is written: it is started again behind what was, until it says why.
ring::Task<Result<void>> FileSink::wait_for_write() {
    while (is_writing_) {
        co_await write_.done.wait();
        if (write_.result <= 0) {
            is_writing_ = false;
            co_return write_failed(write_.result == 0 ? ENOSPC : -write_.result);
        }
        const auto count = static_cast<size_t>(write_.result);
        written_ += count;
        offset_ += count;
        unsynced_ += count;
        is_writing_ = written_ < writing_.size();
        if (is_writing_) send();
    }
    co_return Result<void>();
}

ring::Task<Result<void>> FileSink::sync() {
    sync_.reactor = &reactor_;
    sync_.done.reset();
    reactor_.ring().sync(sync_, file_);
    co_await sync_.done.wait();
    unsynced_ = 0;
    if (sync_.result < 0) co_return write_failed(-sync_.result);
    co_return Result<void>();
}

ring::Task<Result<void>> FileSink::settle() {
    if (filling_.size() < kWriteBytes) co_return Result<void>();
    Result<void> result = co_await wait_for_write();
    if (result && syncs_often_ && unsynced_ >= kSyncBytes) result = co_await sync();
    if (result) start_write();
    co_return result;
}

ring::Task<Result<void>> FileSink::finish() {
    Result<void> result = co_await wait_for_write();
    if (result && !filling_.is_empty()) {
        start_write();
        result = co_await wait_for_write();
    }
    if (result) result = co_await sync();
    co_return result;
}

ring::Task<void> FileSink::abandon() {
    if (std::exchange(is_writing_, false)) co_await write_.done.wait();
}

// --- the snapshot -------------------------------------------------------------------------------

SnapshotWriter::SnapshotWriter(ring::Reactor& reactor, ring::Files& files, SnapshotJob& job)
    : reactor_(reactor), files_(files), job_(job) {
    job_.set_consumer([this] { reactor_.post([this] { is_told_.set_later(reactor_); }); });
}

SnapshotWriter::~SnapshotWriter() { job_.set_consumer(nullptr); }

ring::Task<Result<uint64_t>> SnapshotWriter::write(SnapshotFile file) {
    const std::string temporary = path_of(file, file.temporary_name);
    strings_ = snapshot::StringEncoder(
        {.compress = file.format.strings.compress, .compressed_bytes_max = kCompressedBytesMax});
    Result<uint64_t> result;
    const Result<int> opened = files_.open(temporary, ring::OpenFor::creating);
    if (opened) {
        result = co_await write_open(file, *opened);
        files_.close(*opened);
        if (result) {
            if (auto published = publish(file); !published) {
                result = tl::unexpected(std::move(published.error()));
            }
        }
        if (!result) static_cast<void>(files_.remove(temporary));
    } else {
        result = tl::unexpected(opened.error());
    }
    if (!result) co_await drain();
    is_stopped_.store(false, std::memory_order_relaxed);
    co_return result;
}

ring::Task<Result<uint64_t>> SnapshotWriter::write_open(const SnapshotFile& file, int descriptor) {
    FileSink sink(reactor_, descriptor, file.syncs_often);
    const snapshot::DocumentOptions options{
        .format = file.kind, .rdb = file.format, .fields = file.fields, .limits = file.limits};
    const auto document = snapshot::make_document(sink, options);
    Result<void> result = co_await write_records(sink, *document);
    if (result) result = document->end();
    if (result) result = co_await sink.finish();
    co_await sink.abandon();
    if (!result) co_return tl::unexpected(std::move(result.error()));
    co_return Result<uint64_t>(document->bytes());
}

/// Until everything is collected and taken.
ring::Task<Result<void>> SnapshotWriter::write_records(FileSink& sink,
                                                       snapshot::Document& document) {
    Result<void> result;
    while (result) {
        is_told_.reset();
        job_.expect();
        const bool is_last = job_.is_collected();
        SnapshotChunk* chunks = job_.queue().take_all();
        if (chunks == nullptr && is_last) break;
        if (chunks == nullptr) co_await is_told_.wait();
        while (chunks != nullptr) {
            const std::unique_ptr<SnapshotChunk> chunk(std::exchange(chunks, chunks->next));
            if (result) result = co_await write_chunk(sink, document, *chunk);
            consumed(chunk->size());
        }
        if (job_.lacks_values()) {
            result = fail(
                "There is a value of a type that this version cannot write. Delete it "
                "and save again");
        }
        if (is_stopped_.load(std::memory_order_relaxed)) {
            result = fail("Stopped before it was complete: the file before it stays", ECANCELED);
        }
    }
    co_return result;
}

ring::Task<Result<void>> SnapshotWriter::write_chunk(FileSink& sink, snapshot::Document& document,
                                                     SnapshotChunk& chunk) {
    Result<void> result = co_await write_bytes(sink, document, chunk.bytes.view());
    for (const snapshot::Buffer& part : chunk.more) {
        if (result) result = co_await write_bytes(sink, document, part.view());
    }
    if (!result || !chunk.value) co_return result;
    const snapshot::EncodedString encoded = strings_.encode(chunk.value->view());
    result = co_await write_bytes(sink, document, encoded.head());
    if (result) result = co_await write_bytes(sink, document, encoded.body);
    co_return result;
}

ring::Task<Result<void>> SnapshotWriter::write_bytes(FileSink& sink, snapshot::Document& document,
                                                     std::string_view bytes) {
    Result<void> result;
    while (result && !bytes.empty()) {
        result = document.encoded(bytes.substr(0, snapshot::kPieceBytesMax));
        bytes.remove_prefix(std::min(bytes.size(), snapshot::kPieceBytesMax));
        if (result) result = co_await sink.settle();
    }
    co_return result;
}

Result<void> SnapshotWriter::publish(const SnapshotFile& file) {
    auto renamed = files_.rename(path_of(file, file.temporary_name), path_of(file, file.name));
    if (!renamed) return renamed;
    return files_.sync_directory(file.directory);
}

/// The walk goes on, for nothing: the next snapshot needs all entries marked.
ring::Task<void> SnapshotWriter::drain() {
    job_.discard();
    for (;;) {
        is_told_.reset();
        job_.expect();
        const bool is_last = job_.is_collected();
        SnapshotChunk* chunks = job_.queue().take_all();
        if (chunks == nullptr && is_last) break;
        if (chunks == nullptr) co_await is_told_.wait();
        while (chunks != nullptr) {
            const std::unique_ptr<SnapshotChunk> chunk(std::exchange(chunks, chunks->next));
            consumed(chunk->size());
        }
    }
}

void SnapshotWriter::consumed(size_t bytes) {
    if (job_.consumed(bytes) && resume_) resume_();
}

}  // namespace gyre::engine
