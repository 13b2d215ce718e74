// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Feeds a stream to a RequestParser in pieces, as a connection does: the bytes of the command under
// way are kept in a tail, large arguments go to blocks of their own. Before each call the bytes
// move to a fresh allocation of exactly their size, so that an address sanitizer sees every view
// that is kept too long and every byte that is read too many.
//
// Threads: one. For unit tests and fuzz targets.

#include <algorithm>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "resp/request_parser.h"

namespace gyre::test {

/// What came out of a stream; two ways to cut the same stream must give equal outcomes.
struct RequestOutcome {
    std::vector<std::vector<std::string>> commands;
    size_t empty_count = 0;
    std::string error;
    bool is_at_start = false;  ///< after the last byte

    bool operator==(const RequestOutcome&) const = default;
};

class RequestDriver {
public:
    explicit RequestDriver(const resp::ParserLimits& limits = {}) : limits_(limits) {}

    /// Takes the next bytes of the stream. After an error they are ignored, as a server does.
    void feed(std::string_view bytes) {
        while (outcome_.error.empty() && !bytes.empty()) {
            if (block_missing_ > 0) {
                fill_block(bytes);
            } else {
                tail_.append(bytes);
                bytes = {};
            }
            if (block_missing_ == 0) parse_all();
        }
        outcome_.is_at_start = parser_.is_at_start();
    }

    const RequestOutcome& outcome() const { return outcome_; }
    const resp::RequestParser& parser() const { return parser_; }
    /// How many arguments took the way of the large ones.
    size_t large_count() const { return large_count_; }

private:
    using Status = resp::RequestParser::Status;

    void fill_block(std::string_view& bytes) {
        const size_t count = std::min(block_missing_, bytes.size());
        std::memcpy(block_->data() + (parser_.large_size() - block_missing_), bytes.data(), count);
        bytes.remove_prefix(count);
        block_missing_ -= count;
        if (block_missing_ > 0) return;
        block_->set_size(parser_.large_size());
        parser_.large_done(std::move(block_));
        block_ = base::SharedBytesRef();
    }

    // Until the parser wants more bytes.
    void parse_all() {
        for (;;) {
            const size_t size = tail_.size();
            const std::unique_ptr<char[]> moved(new char[size]);
            std::copy(tail_.begin(), tail_.end(), moved.get());
            size_t consumed = 0;
            std::vector<resp::Argument> arguments;
            const Status status = parser_.parse({moved.get(), size}, limits_, arguments, consumed);
            if (status == Status::complete) take_command(arguments);
            if (status == Status::empty) ++outcome_.empty_count;
            if (status == Status::error) outcome_.error = parser_.error_text();
            if (status == Status::large) begin_block();
            if (status != Status::complete && status != Status::empty) return;
            tail_.erase(0, consumed);
            if (tail_.empty()) return;
        }
    }

    void take_command(const std::vector<resp::Argument>& arguments) {
        std::vector<std::string>& command = outcome_.commands.emplace_back();
        for (const resp::Argument& argument : arguments) {
            command.emplace_back(argument.bytes);
            if (argument.block != nullptr) argument.block->release();
        }
    }

    void begin_block() {
        ++large_count_;
        const std::string_view here = std::string_view(tail_).substr(parser_.large_offset());
        block_ = base::SharedBytesRef::adopt(
            base::SharedBytes::create(parser_.large_size(), base::Purpose::clients));
        std::memcpy(block_->data(), here.data(), here.size());
        block_missing_ = parser_.large_size() - here.size();
        tail_.resize(parser_.large_offset());
    }

    resp::ParserLimits limits_;
    resp::RequestParser parser_;
    std::string tail_;
    base::SharedBytesRef block_;
    size_t block_missing_ = 0;
    size_t large_count_ = 0;
    RequestOutcome outcome_;
};

/// Feeds `stream` in pieces whose sizes `next_size` gives.
inline RequestOutcome run_requests(std::string_view stream, const resp::ParserLimits& limits,
                                   const std::function<size_t()>& next_size) {
    RequestDriver driver(limits);
    while (!stream.empty()) {
        const size_t size = std::clamp<size_t>(next_size(), 1, stream.size());
        driver.feed(stream.substr(0, size));
        stream.remove_prefix(size);
    }
    return driver.outcome();
}

}  // namespace gyre::test
