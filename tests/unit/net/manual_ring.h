// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A ring on which nothing happens by itself: operations stay until the test completes them, and
// accept() gives what the test has laid out. For results the simulated world does not bring about.
//
// Ownership: of nothing but its list. Threads: one.

#include <cerrno>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "ring/ring.h"

namespace gyre::net {

class ManualRing final : public ring::Ring {
public:
    // --- what the test does
    // -----------------------------------------------------------------------
    int64_t now_us = 1'000'000;
    std::deque<int> accepts;  ///< results of accept_now(); -EAGAIN when empty
    std::vector<int> closed;
    std::vector<int> was_shut_down;
    std::vector<int> sending_ended;
    std::vector<uint16_t> given_back;
    int accept_calls = 0;
    ring::Op* poll_op = nullptr;
    ring::Op* receive_op = nullptr;
    ring::Op* send_op = nullptr;
    ring::Op* cancelled = nullptr;
    std::span<char> receiving_into;  ///< empty: into a provided buffer
    bool data_was_waiting = false;
    std::vector<iovec> sending;
    ring::Op* expedited = nullptr;
    ring::SendReport send_report = ring::SendReport::at_once;

    /// Ends an operation, named by the member that holds it.
    void complete(ring::Op*& op, const ring::Completion& completion) {
        CHECK(op != nullptr);
        ring::Op& ended = *op;
        op = nullptr;
        ended.in_flight = false;
        ended.handler(ended, completion);
    }
    void complete(ring::Op*& op, int32_t result) {
        complete(op, ring::Completion{.result = result});
    }
    /// The bytes of the send under way.
    std::string sent_text() const {
        std::string text;
        for (const iovec& part : sending) {
            text.append(static_cast<const char*>(part.iov_base), part.iov_len);
        }
        return text;
    }

    // --- ring::Ring
    // -------------------------------------------------------------------------------
    int64_t monotonic_us() const override { return now_us; }
    int64_t wall_ms() const override { return now_us / 1000; }
    int64_t wall_us() const override { return now_us; }
    Result<int> listen(const ring::Address&, const ring::ListenOptions&) override {
        return next_listener_++;
    }
    int accept_now(int) override {
        ++accept_calls;
        if (accepts.empty()) return -EAGAIN;
        const int result = accepts.front();
        accepts.pop_front();
        return result;
    }
    void poll_accept(ring::Op& op, int) override { start(poll_op, op); }
    ring::Address peer_address(int) const override { return {}; }
    ring::Address local_address(int) const override { return {}; }
    void configure_stream(int, int) override {}
    void receive(ring::Op& op, int, bool data_is_waiting) override {
        start(receive_op, op);
        receiving_into = {};
        data_was_waiting = data_is_waiting;
    }
    void receive_into(ring::Op& op, int, std::span<char> into) override {
        start(receive_op, op);
        receiving_into = into;
    }
    void send(ring::Op& op, int, std::span<const iovec> vectors, ring::SendReport report) override {
        start(send_op, op);
        send_report = report;
        sending.assign(vectors.begin(), vectors.end());
    }
    void expedite(ring::Op& op) override { expedited = &op; }
    void shutdown(int descriptor) override { was_shut_down.push_back(descriptor); }
    void shutdown_sending(int descriptor) override { sending_ended.push_back(descriptor); }
    void close(int descriptor) override { closed.push_back(descriptor); }
    void write(ring::Op&, int, std::span<const iovec>, uint64_t) override { CHECK(false); }
    void sync(ring::Op&, int) override { CHECK(false); }
    void write_synced(ring::Op&, int, std::span<const iovec>, uint64_t) override { CHECK(false); }
    void cancel(ring::Op& op) override { cancelled = &op; }
    char* buffer_data(uint16_t) override { return buffer_; }
    void give_back(uint16_t buffer) override { given_back.push_back(buffer); }
    size_t poll() override { return 0; }
    size_t wait(int64_t) override { return 0; }
    void wake() override {}
    const ring::Features& features() const override { return features_; }
    ring::Counters counters() const override { return {}; }
    ring::ThreadUse thread_use() const override { return {}; }

private:
    static void start(ring::Op*& slot, ring::Op& op) {
        CHECK(slot == nullptr);
        CHECK(!op.in_flight);
        op.in_flight = true;
        slot = &op;
    }

    char buffer_[64] = {};
    int next_listener_ = 100;
    ring::Features features_;
};

}  // namespace gyre::net
