// SPDX-License-Identifier: BSD-3-Clause
//
// The kernel's ring on real sockets. The peer of each connection is a plain blocking socket of the
// same thread, so nothing here depends on timing: what the peer did has happened before the ring is
// asked.

#include "ring/uring/uring_ring.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "ring/uring/probe.h"

namespace gyre::ring {
namespace {

/// An operation that remembers how it ended.
struct Recorder : Op {
    Recorder() : Op(&Recorder::on_done) {}
    static void on_done(Op& op, const Completion& done) {
        Recorder& self = static_cast<Recorder&>(op);
        EXPECT_FALSE(op.in_flight);
        self.completion = done;
        ++self.count;
    }
    Completion completion;
    int count = 0;
};

/// With multishot and with single-shot receives.
class Uring : public ::testing::TestWithParam<bool> {
protected:
    void open(UringOptions options = {}) {
        options.multishot_receive = GetParam();
        Result<std::unique_ptr<Ring>> created = create_uring_ring(options);
        ASSERT_TRUE(created) << created.error().message;
        ring_ = *std::move(created);
    }
    ~Uring() override {
        ring_.reset();
        for (const int descriptor : descriptors_) ::close(descriptor);
    }
    /// A listener on a free loopback port.
    int listen_tcp() {
        const Result<int> listener = ring_->listen({Address::Family::inet4, "127.0.0.1", 0}, {});
        EXPECT_TRUE(listener);
        descriptors_.push_back(*listener);
        return *listener;
    }
    int connect_to(int listener) {
        sockaddr_storage address{};
        socklen_t length = sizeof(address);
        getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
        const int peer = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        EXPECT_EQ(0, connect(peer, reinterpret_cast<sockaddr*>(&address), length));
        descriptors_.push_back(peer);
        return peer;
    }
    /// A connected pair: the server's end, taken through the ring, and the peer's.
    struct Pair {
        int server = -1;
        int peer = -1;
    };
    Pair connected() {
        const int listener = listen_tcp();
        Pair pair;
        pair.peer = connect_to(listener);
        Recorder waiting;
        ring_->poll_accept(waiting, listener);
        finish(waiting);
        EXPECT_EQ(0, waiting.completion.result);
        pair.server = ring_->accept_now(listener);
        EXPECT_GE(pair.server, 0);
        descriptors_.push_back(pair.server);
        return pair;
    }
    void finish(Recorder& op) {
        while (op.in_flight) ring_->wait(-1);
    }
    /// Receives once and returns the bytes; the buffer goes back.
    std::string receive(int descriptor, bool waiting = false) {
        Recorder op;
        ring_->receive(op, descriptor, waiting);
        finish(op);
        if (op.completion.result <= 0) return {};
        std::string bytes(ring_->buffer_data(op.completion.buffer),
                          static_cast<size_t>(op.completion.result));
        ring_->give_back(op.completion.buffer);
        return bytes;
    }
    int32_t send(int descriptor, std::vector<std::string> parts) {
        std::vector<iovec> vectors;
        for (std::string& part : parts) vectors.push_back({part.data(), part.size()});
        Recorder op;
        ring_->send(op, descriptor, vectors);
        finish(op);
        return op.completion.result;
    }
    void peer_sends(int peer, const std::string& bytes) {
        ASSERT_EQ(static_cast<ssize_t>(bytes.size()), ::send(peer, bytes.data(), bytes.size(), 0));
    }
    std::string peer_receives(int peer, size_t count) {
        std::string bytes(count, '\0');
        const ssize_t got = ::recv(peer, bytes.data(), count, MSG_WAITALL);
        bytes.resize(got < 0 ? 0 : static_cast<size_t>(got));
        return bytes;
    }
    void reset(int peer) {
        const linger hard{1, 0};
        setsockopt(peer, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
        ::close(peer);
        descriptors_.erase(std::find(descriptors_.begin(), descriptors_.end(), peer));
    }

    std::unique_ptr<Ring> ring_;
    std::vector<int> descriptors_;
};

TEST_P(Uring, echoes_over_tcp) {
    open();
    const Pair pair = connected();
    peer_sends(pair.peer, "hello");
    EXPECT_EQ("hello", receive(pair.server));
    EXPECT_EQ(11, send(pair.server, {"back ", "again", "!"}));
    EXPECT_EQ("back again!", peer_receives(pair.peer, 11));
    EXPECT_EQ(4, send(pair.server, {"once"}));
    EXPECT_EQ("once", peer_receives(pair.peer, 4));
}

TEST_P(Uring, names_both_ends) {
    open();
    const Pair pair = connected();
    const Address server = ring_->local_address(pair.server);
    const Address peer = ring_->peer_address(pair.server);
    EXPECT_EQ("127.0.0.1", server.host);
    EXPECT_NE(0, peer.port);
    EXPECT_EQ("127.0.0.1:" + std::to_string(peer.port), peer.text());
    EXPECT_EQ("[::1]:7", (Address{Address::Family::inet6, "::1", 7}).text());
    ring_->configure_stream(pair.server, 300);
    int keepalive = 0;
    socklen_t length = sizeof(keepalive);
    getsockopt(pair.server, SOL_SOCKET, SO_KEEPALIVE, &keepalive, &length);
    EXPECT_EQ(1, keepalive);
}

TEST_P(Uring, replaces_a_stale_unix_socket_but_not_a_live_one) {
    open();
    char directory[] = "/tmp/gyre-ring-XXXXXX";
    ASSERT_NE(nullptr, mkdtemp(directory));
    const std::string path = std::string(directory) + "/socket";
    const Address address{Address::Family::unix_path, path, 0};
    ListenOptions options;
    options.unix_permissions = 0700;
    for (int round = 0; round < 2; ++round) {  // the second finds the file the first left behind
        const Result<int> listener = ring_->listen(address, options);
        ASSERT_TRUE(listener) << listener.error().message;
        struct stat status{};
        ASSERT_EQ(0, stat(path.c_str(), &status));
        EXPECT_EQ(0700u, status.st_mode & 0777);
        const Result<int> second = ring_->listen(address, options);
        ASSERT_FALSE(second);
        EXPECT_EQ(EADDRINUSE, second.error().code);
        while (ring_->accept_now(*listener) >= 0) {  // what looked whether someone is there
        }
        const int peer = connect_to(*listener);
        const int server = ring_->accept_now(*listener);
        ASSERT_GE(server, 0);
        EXPECT_EQ(path + ":0", ring_->peer_address(server).text());
        peer_sends(peer, "x");
        EXPECT_EQ("x", receive(server));
        ::close(server);
        ::close(*listener);
    }
    unlink(path.c_str());
    rmdir(directory);
}

TEST_P(Uring, says_why_it_cannot_listen) {
    open();
    const Result<int> name = ring_->listen({Address::Family::inet4, "localhost", 1}, {});
    ASSERT_FALSE(name);
    EXPECT_NE(std::string::npos, name.error().message.find("'localhost' is not an IPv4 address"));
    const std::string long_path(200, 'p');
    EXPECT_EQ(ENAMETOOLONG,
              ring_->listen({Address::Family::unix_path, long_path, 0}, {}).error().code);
    const Address taken = ring_->local_address(listen_tcp());
    EXPECT_EQ(EADDRINUSE, ring_->listen(taken, {}).error().code);
}

TEST_P(Uring, receives_a_large_pipeline_in_order) {
    open();
    const Pair pair = connected();
    std::string sent;
    for (int i = 0; i < 200'000; ++i) sent += std::to_string(i) + "\n";
    std::thread writer([&] { peer_sends(pair.peer, sent); });
    std::string got;
    bool more = false;
    while (got.size() < sent.size()) {
        Recorder op;
        ring_->receive(op, pair.server, more);
        finish(op);
        ASSERT_GT(op.completion.result, 0);
        got.append(ring_->buffer_data(op.completion.buffer),
                   static_cast<size_t>(op.completion.result));
        ring_->give_back(op.completion.buffer);
        more = op.completion.more_data;
    }
    writer.join();
    EXPECT_EQ(sent, got);
}

TEST_P(Uring, flushes_a_full_submission_queue_in_place) {
    UringOptions options;
    options.submission_entries = 4;
    options.completion_entries = 4096;
    open(options);
    std::vector<Pair> pairs;
    for (int i = 0; i < 20; ++i) pairs.push_back(connected());
    std::deque<Recorder> ops(pairs.size());
    for (size_t i = 0; i < pairs.size(); ++i) ring_->receive(ops[i], pairs[i].server, false);
    EXPECT_GT(ring_->counters().submission_full, 0u);
    for (const Pair& pair : pairs) peer_sends(pair.peer, "!");
    for (Recorder& op : ops) finish(op);
    for (Recorder& op : ops) {
        EXPECT_EQ(1, op.completion.result);
        EXPECT_EQ(1, op.count);
        ring_->give_back(op.completion.buffer);
    }
}

TEST_P(Uring, loses_nothing_when_the_completion_queue_overflows) {
    UringOptions options;
    options.submission_entries = 2;
    options.completion_entries = 2;
    options.buffer_count = 64;
    open(options);
    std::vector<Pair> pairs;
    for (int i = 0; i < 30; ++i) pairs.push_back(connected());
    std::deque<Recorder> ops(pairs.size());
    for (size_t i = 0; i < pairs.size(); ++i) ring_->receive(ops[i], pairs[i].server, false);
    ring_->poll();
    for (const Pair& pair : pairs) peer_sends(pair.peer, "!");
    for (Recorder& op : ops) finish(op);
    for (Recorder& op : ops) EXPECT_EQ(1, op.count);
    EXPECT_GT(ring_->counters().completion_overflow, 0u);
}

TEST_P(Uring, reports_starvation_and_receives_once_buffers_are_back) {
    UringOptions options;
    options.buffer_count = 2;
    open(options);
    std::vector<Pair> pairs;
    std::deque<Recorder> ops(3);
    for (int i = 0; i < 3; ++i) {
        pairs.push_back(connected());
        peer_sends(pairs.back().peer, "data");
    }
    for (size_t i = 0; i < 3; ++i) ring_->receive(ops[i], pairs[i].server, true);
    for (Recorder& op : ops) finish(op);
    EXPECT_EQ(4, ops[0].completion.result);
    EXPECT_EQ(4, ops[1].completion.result);
    EXPECT_EQ(-ENOBUFS, ops[2].completion.result);
    EXPECT_EQ(Completion::kNoBuffer, ops[2].completion.buffer);
    EXPECT_EQ(1u, ring_->counters().buffer_starved);
    ring_->give_back(ops[0].completion.buffer);
    EXPECT_EQ("data", receive(pairs[2].server, true));
}

TEST_P(Uring, buffers_come_round_many_times) {
    UringOptions options;
    options.buffer_count = 2;
    options.buffer_bytes = 4096;
    open(options);
    const Pair pair = connected();
    for (int i = 0; i < 100; ++i) {
        const std::string text = "round " + std::to_string(i);
        peer_sends(pair.peer, text);
        EXPECT_EQ(text, receive(pair.server));
    }
    EXPECT_EQ(0u, ring_->counters().buffer_starved);
}

TEST_P(Uring, light_traffic_touches_few_buffers) {
    open();
    const Pair pair = connected();
    std::set<const void*> touched;
    for (int i = 0; i < 1000; ++i) {
        peer_sends(pair.peer, "x");
        Recorder op;
        ring_->receive(op, pair.server, false);
        finish(op);
        ASSERT_EQ(1, op.completion.result);
        touched.insert(ring_->buffer_data(op.completion.buffer));
        ring_->give_back(op.completion.buffer);
    }
    EXPECT_LE(touched.size(), 65u) << "64 with the kernel and the one in hand";
}

TEST_P(Uring, a_crowd_gets_all_the_buffers_there_are) {
    open();
    std::vector<Pair> pairs;
    std::deque<Recorder> ops(300);
    for (size_t i = 0; i < ops.size(); ++i) {
        pairs.push_back(connected());
        peer_sends(pairs.back().peer, "data");
        ring_->receive(ops[i], pairs[i].server, true);
    }
    // None comes back in between: each has to find one that was spare.
    for (size_t i = 0; i < ops.size(); ++i) {
        finish(ops[i]);
        while (ops[i].completion.result == -ENOBUFS && ops[i].count < 10) {
            ring_->receive(ops[i], pairs[i].server, true);
            finish(ops[i]);
        }
        ASSERT_EQ(4, ops[i].completion.result) << i;
    }
    EXPECT_EQ(0u, ring_->counters().buffer_starved) << "there were more";
}

TEST_P(Uring, giving_a_buffer_back_twice_is_caught) {
    open();
    const Pair pair = connected();
    peer_sends(pair.peer, "x");
    Recorder op;
    ring_->receive(op, pair.server, false);
    finish(op);
    ring_->give_back(op.completion.buffer);
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
    EXPECT_DEATH(ring_->give_back(op.completion.buffer), "is_lent_");
}

TEST_P(Uring, receives_exactly_into_the_callers_memory) {
    open();
    const Pair pair = connected();
    std::string value(1 << 20, '\0');
    const std::string sent(value.size(), 'v');
    Recorder op;
    ring_->receive_into(op, pair.server, value);
    ring_->poll();
    std::thread writer([&] { peer_sends(pair.peer, sent + "rest"); });
    finish(op);
    writer.join();
    EXPECT_EQ(static_cast<int32_t>(sent.size()), op.completion.result);
    EXPECT_EQ(sent, value);
    EXPECT_EQ("rest", receive(pair.server));
}

TEST_P(Uring, receives_less_into_memory_only_at_the_end) {
    open();
    const Pair pair = connected();
    std::string value(100, '\0');
    peer_sends(pair.peer, "half");
    ::shutdown(pair.peer, SHUT_WR);
    Recorder op;
    ring_->receive_into(op, pair.server, value);
    finish(op);
    EXPECT_EQ(4, op.completion.result);
}

TEST_P(Uring, shutdown_ends_a_receive_and_a_send_whose_peer_does_not_read) {
    open();
    const Pair pair = connected();
    std::string large(32 << 20, 's');
    const iovec vector{large.data(), large.size()};
    Recorder sending;
    Recorder receiving;
    ring_->send(sending, pair.server, {&vector, 1});
    ring_->receive(receiving, pair.server, false);
    ring_->poll();
    ring_->poll();
    EXPECT_TRUE(sending.in_flight);  // the peer's window is full
    EXPECT_TRUE(receiving.in_flight);
    ring_->shutdown(pair.server);
    finish(sending);
    finish(receiving);
    EXPECT_GT(sending.completion.result, 0);  // what went out before
    EXPECT_LT(sending.completion.result, static_cast<int32_t>(large.size()));
    EXPECT_EQ(0, receiving.completion.result);
}

TEST_P(Uring, sends_all_to_a_slow_peer) {
    open();
    const Pair pair = connected();
    const std::string large(8 << 20, 's');
    std::string got;
    std::thread reader([&] { got = peer_receives(pair.peer, large.size() + 3); });
    EXPECT_EQ(static_cast<int32_t>(large.size() + 3), send(pair.server, {large, "end"}));
    reader.join();
    EXPECT_EQ(large + "end", got);
}

TEST_P(Uring, end_of_stream_and_reset_are_told_apart) {
    open();
    const Pair ended = connected();
    ::shutdown(ended.peer, SHUT_WR);
    Recorder op;
    ring_->receive(op, ended.server, false);
    finish(op);
    EXPECT_EQ(0, op.completion.result);
    EXPECT_EQ(Completion::kNoBuffer, op.completion.buffer);
    const Pair broken = connected();
    reset(broken.peer);
    ring_->receive(op, broken.server, false);
    finish(op);
    EXPECT_EQ(-ECONNRESET, op.completion.result);
    EXPECT_EQ(Completion::kNoBuffer, op.completion.buffer);
    EXPECT_EQ(-EPIPE, send(broken.server, {"to nobody"}));
}

TEST_P(Uring, cancels_what_waits) {
    open();
    const Pair pair = connected();
    Recorder op;
    ring_->receive(op, pair.server, false);
    ring_->poll();
    ring_->cancel(op);
    finish(op);
    EXPECT_EQ(-ECANCELED, op.completion.result);
    ring_->cancel(op);  // nothing is in flight: nothing happens
    peer_sends(pair.peer, "later");
    EXPECT_EQ("later", receive(pair.server));
}

TEST_P(Uring, a_deadline_ends_the_wait) {
    open();
    const int64_t deadline_us = ring_->monotonic_us() + 3000;
    while (ring_->monotonic_us() < deadline_us) EXPECT_EQ(0u, ring_->wait(deadline_us));
    EXPECT_EQ(0u, ring_->wait(deadline_us));  // past already
}

TEST_P(Uring, gathers_as_many_completions_as_asked_for) {
    open();
    if (ring_->features().flags.find("MIN_TIMEOUT") == std::string::npos) {
        GTEST_SKIP() << "this kernel cannot";
    }
    const Pair first = connected();
    const Pair second = connected();
    Recorder one;
    Recorder other;
    ring_->receive(one, first.server, false);
    ring_->receive(other, second.server, false);
    ASSERT_EQ(write(first.peer, "a", 1), 1);
    ring_->gather({.completions = 2, .us = 60'000'000});
    std::thread writer([&] { ASSERT_EQ(write(second.peer, "b", 1), 1); });
    EXPECT_EQ(ring_->wait(-1), 2U);
    writer.join();
    EXPECT_FALSE(one.in_flight || other.in_flight);
    EXPECT_EQ(ring_->counters().gathered, 1U);
    ring_->give_back(one.completion.buffer);
    ring_->give_back(other.completion.buffer);
}

TEST_P(Uring, a_gathering_wait_ends_with_fewer_in_time) {
    open();
    const Pair pair = connected();
    Recorder op;
    ring_->receive(op, pair.server, false);
    ASSERT_EQ(write(pair.peer, "a", 1), 1);
    ring_->gather({.completions = 9, .us = 1000});
    finish(op);
    ring_->give_back(op.completion.buffer);
    // A deadline that comes first ends it as well, with or without a completion.
    ring_->gather({.completions = 9, .us = 60'000'000});
    EXPECT_EQ(ring_->wait(ring_->monotonic_us() + 2000), 0U);
    Recorder next;
    ring_->receive(next, pair.server, false);
    ASSERT_EQ(write(pair.peer, "b", 1), 1);
    while (next.in_flight) ring_->wait(ring_->monotonic_us() + 2000);
    ring_->give_back(next.completion.buffer);
    ring_->gather({.completions = 9, .us = 1000});
    std::thread waker([this] { ring_->wake(); });
    ring_->wait(-1);
    waker.join();
}

TEST_P(Uring, a_wake_from_another_thread_ends_the_wait) {
    open();
    for (int i = 0; i < 50; ++i) {
        bool was_woken = false;  // ordered by the wake itself: ThreadSanitizer watches
        std::thread waker([&] {
            was_woken = true;
            ring_->wake();
        });
        ring_->wait(-1);
        EXPECT_TRUE(was_woken);
        waker.join();
    }
}

TEST_P(Uring, a_wake_before_the_wait_is_kept) {
    open();
    ring_->wake();
    ring_->wake();
    EXPECT_EQ(0u, ring_->wait(-1));
}

Ring* ring_to_wake = nullptr;

TEST_P(Uring, a_signal_handler_may_wake) {
    open();
    ring_to_wake = ring_.get();
    struct sigaction action{};
    struct sigaction before{};
    action.sa_handler = [](int) { ring_to_wake->wake(); };
    sigaction(SIGUSR1, &action, &before);
    errno = 77;
    raise(SIGUSR1);
    EXPECT_EQ(77, errno);
    EXPECT_EQ(0u, ring_->wait(-1));
    sigaction(SIGUSR1, &before, nullptr);
}

TEST_P(Uring, a_signal_during_the_wait_is_counted) {
    open();
    struct sigaction action{};
    struct sigaction before{};
    action.sa_handler = [](int) {};  // no SA_RESTART: the system call ends with EINTR
    sigaction(SIGUSR2, &action, &before);
    const pthread_t waiting = pthread_self();
    std::thread sender([&] {
        while (ring_->counters().interrupted == 0) {
            pthread_kill(waiting, SIGUSR2);
            std::this_thread::yield();
        }
    });
    // A signal may also end a wait that has submitted something: that one is not counted.
    while (ring_->counters().interrupted == 0) ring_->wait(-1);
    sender.join();
    sigaction(SIGUSR2, &before, nullptr);
    EXPECT_GT(ring_->counters().interrupted, 0u);
}

TEST_P(Uring, accept_says_when_descriptors_run_out) {
    open();
    const int listener = listen_tcp();
    EXPECT_EQ(-EAGAIN, ring_->accept_now(listener));
    connect_to(listener);
    rlimit before{};
    getrlimit(RLIMIT_NOFILE, &before);
    const int next = ::dup(listener);  // the lowest free number: no descriptor may be as high
    ::close(next);
    rlimit none = before;
    none.rlim_cur = static_cast<rlim_t>(next);
    ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
    const int refused = ring_->accept_now(listener);
    setrlimit(RLIMIT_NOFILE, &before);
    EXPECT_EQ(-EMFILE, refused);
    const int server = ring_->accept_now(listener);  // it was only put off
    EXPECT_GE(server, 0);
    EXPECT_NE(0, fcntl(server, F_GETFL) & O_NONBLOCK);
    ring_->close(server);
}

TEST_P(Uring, can_be_destroyed_with_operations_in_flight) {
    std::string into(64, '\0');
    std::string large(32 << 20, 's');
    const iovec vector{large.data(), large.size()};
    Recorder ops[3];
    open();
    const Pair pair = connected();
    const Pair other = connected();
    ring_->receive(ops[0], pair.server, false);
    ring_->receive_into(ops[1], other.server, into);
    ring_->send(ops[2], other.server, {&vector, 1});
    ring_->poll();
    ring_.reset();
    for (const Recorder& op : ops) EXPECT_EQ(0, op.count);
}

TEST_P(Uring, tells_what_it_found) {
    open();
    const Features& features = ring_->features();
    EXPECT_EQ(read_uring_surroundings().kernel_release, features.kernel);
    EXPECT_EQ(4096u, features.submission_entries);
    EXPECT_EQ(16384u, features.completion_entries);
    EXPECT_EQ(1024u, features.buffer_count);
    EXPECT_EQ(16384u, features.buffer_bytes);
    EXPECT_GE(features.mapped_bytes, uint64_t{1024} * 16384);
    EXPECT_GT(features.descriptors_max, 0u);
    // Linux 6.12 and newer add MIN_TIMEOUT.
    EXPECT_EQ("SINGLE_ISSUER DEFER_TASKRUN COOP_TASKRUN TASKRUN_FLAG SUBMIT_ALL CQSIZE CLAMP",
              features.flags.substr(0, features.flags.find(" MIN_TIMEOUT")));
    UringOptions wrong;
    wrong.buffer_count = 1000;
    EXPECT_EQ(EINVAL, create_uring_ring(wrong).error().code);
}

INSTANTIATE_TEST_SUITE_P(Receives, Uring, ::testing::Values(true, false),
                         [](const ::testing::TestParamInfo<bool>& parameter) {
                             return parameter.param ? "multishot" : "single_shot";
                         });

TEST(UringProbe, finds_io_uring_here) {
    const Result<void> found = probe_uring();
    EXPECT_TRUE(found) << found.error().message;
}

TEST(UringProbe, names_cause_and_remedy) {
    const auto says = [](int error, std::optional<int> disabled, const char* words) {
        const UringSurroundings surroundings{disabled, 1001, "5.10.0-8-amd64"};
        const std::string message = explain_uring_failure(error, surroundings);
        EXPECT_NE(std::string::npos, message.find(words)) << message;
        EXPECT_EQ(std::string::npos, message.find('\n'));
    };
    says(EPERM, std::nullopt, "--security-opt seccomp=");
    says(EPERM, 0, "--security-opt seccomp=");
    says(EPERM, 1, "kernel.io_uring_group (now 1001)");
    says(EPERM, 2, "sysctl -w kernel.io_uring_disabled=0");
    says(ENOSYS, 0, "CONFIG_IO_URING");
    says(EINVAL, 0, "kernel 5.10.0-8-amd64 is too old: run the server on Linux 6.1 or newer");
    says(ENOMEM, 0, "ulimit -l");
    says(EMFILE, 0, "ulimit -n");
    says(ENFILE, 0, "fs.file-max");
    says(EIO, 0, "errno 5");
}

}  // namespace
}  // namespace gyre::ring
