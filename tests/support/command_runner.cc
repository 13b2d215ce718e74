// SPDX-License-Identifier: BSD-3-Clause
#include "support/command_runner.h"

#include <array>
#include <cstring>

#include "base/check.h"
#include "base/glob.h"
#include "commands/interactive.h"
#include "ring/task.h"
#include "store/access.h"

namespace gyre::test {

using commands::Dispatcher;
using commands::Session;

std::vector<std::pair<std::string, std::string>> FakeConfiguration::get(
    std::span<const std::string_view> patterns) const {
    std::vector<std::pair<std::string, std::string>> found;
    for (const auto& [name, value] : values) {
        for (const std::string_view pattern : patterns) {
            if (!base::glob_matches(pattern, name, base::GlobCase::ignored)) continue;
            found.emplace_back(name, value);
            break;
        }
    }
    return found;
}

Result<void> FakeConfiguration::set(
    std::span<const std::pair<std::string_view, std::string_view>> changes) {
    for (const auto& change : changes) {
        if (values.contains(std::string(change.first))) continue;
        return fail("ERR Unknown option or number of arguments for CONFIG SET - '" +
                    std::string(change.first) + "'");
    }
    for (const auto& change : changes) values[std::string(change.first)] = change.second;
    return {};
}

Result<void> FakeConfiguration::rewrite() {
    if (!rewrite_error.empty()) return fail(rewrite_error);
    ++rewrites;
    return {};
}

std::string FakeInformation::info(std::span<const std::string_view> sections) {
    if (sections.empty()) return "# Default\r\nfake:1\r\n";
    std::string text;
    for (const std::string_view section : sections) {
        if (!text.empty()) text += "\r\n";
        text += "# " + std::string(section) + "\r\nfake:1\r\n";
    }
    return text;
}

std::vector<uint64_t> FakeInformation::latency_histogram(uint32_t row) {
    std::vector<uint64_t> counts(commands::LatencyBuckets::kBuckets);
    if (statistics != nullptr) statistics->add_latency(row, counts);
    return counts;
}

bool FakePersistence::begin_save(engine::Executor&) {
    if (is_busy) return false;
    ++saves;
    if (on_begin) on_begin();
    return true;
}

void FakeAliases::change(Edit edit, std::function<void(Result<void>)> tell) {
    commands::AliasTable table = *book_.current();
    Result<void> result = edit(table);
    if (result && !error.empty()) result = fail(error);
    if (result) {
        ++changes;
        book_.publish(std::move(table));
    }
    tell(std::move(result));
}

void FakeControl::shutdown(const commands::ShutdownOrder& order,
                           std::function<void(Result<void>)> tell) {
    if (!shutdown_error.empty()) return tell(fail(shutdown_error));
    shutdowns.push_back(order);
    is_shutting_down = true;
    tell({});
}

void FakeHome::redirect_later(uint64_t client_id, commands::Invalidation invalidation,
                              SessionHome& origin, uint64_t origin_id) {
    const Session* target = find(client_id);
    if (target != nullptr && commands::give_redirected(*target, invalidation)) return;
    origin.break_redirect_later(origin_id, client_id);
}

void FakeHome::break_redirect_later(uint64_t client_id, uint64_t target_id) {
    if (Session* session = find(client_id)) commands::break_redirect(*session, target_id);
}

CommandRunner::CommandRunner(RunnerOptions options)
    : options_(options),
      dataset_({.threads = options.threads,
                .databases = options.databases,
                .shards = options.shards,
                .seed = options.seed}),
      evictor_(dataset_, executor_, options.seed,
               [this] { return eviction_clock_us_ += eviction_step_us; }),
      courier_(dataset_.pubsub().inbox(0)),
      services_{.dataset = dataset_,
                .executor = executor_,
                .evictor = evictor_,
                .reactor = nullptr,
                .clients = clients_,
                .configuration = configuration_,
                .information = information_,
                .control = control_,
                .persistence = persistence_,
                .aliases = aliases_,
                .background = background_,
                .statistics = statistics_,
                .slowlog = slowlog_,
                .latency = latency_,
                .command_log = command_log_,
                .courier = &courier_},
      dispatcher_(services_, options.threads),
      now_ms_(options.now_ms) {
    information_.statistics = &statistics_;
    home_.find = [this](uint64_t id) -> Session* {
        for (const auto& session : sessions_) {
            if (session->id == id && session->is_linked()) return session.get();
        }
        return nullptr;
    };
    add_session();
}

CommandRunner::~CommandRunner() {
    for (const auto& session : sessions_) leave(*session);
}

void CommandRunner::leave(Session& session) {
    clients_.remove(session);
    if (session.blocked) end_wait(session, store::Waiter::State::left);
    dataset_.pubsub().leave(session.subscriber, SIZE_MAX);
    commands::roll_back(session, executor_);
    commands::forget_watches(session, dataset_, executor_);
    commands::end_tracking(session, dataset_, executor_);
}

Session& CommandRunner::add_session() {
    auto session = std::make_unique<Session>();
    session->descriptor = static_cast<int>(8 + sessions_.size());
    session->home = &home_;
    outlets_[session.get()] = std::make_unique<FakeOutlet>(chunks_);
    session->outlet = outlets_[session.get()].get();
    session->peer_address = "127.0.0.1:" + std::to_string(50000 + sessions_.size());
    session->local_address = "127.0.0.1:6379";
    session->created_ms = now_ms_;
    session->last_active_ms = now_ms_;
    clients_.add(*session);
    sessions_.push_back(std::move(session));
    return *sessions_.back();
}

std::string CommandRunner::run(std::initializer_list<std::string_view> words) {
    return run_words(session(), {words.begin(), words.size()});
}

std::string CommandRunner::run(std::span<const std::string_view> words) {
    return run_words(session(), words);
}

std::string CommandRunner::run(const std::vector<std::string>& words) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    return run_words(session(), views);
}

std::string CommandRunner::run_as(Session& session, std::initializer_list<std::string_view> words) {
    return run_words(session, {words.begin(), words.size()});
}

std::string CommandRunner::run_as(Session& session, const std::vector<std::string>& words) {
    const std::vector<std::string_view> views(words.begin(), words.end());
    return run_words(session, views);
}

const store::Entry* CommandRunner::find(std::string_view key) {
    const store::Key hashed = store::Key::of(key);
    const store::Partition* partition =
        dataset_.shard(dataset_.shard_of(hashed.hash)).find_database(session().database);
    return partition == nullptr ? nullptr : partition->find(hashed);
}

void CommandRunner::add_argument(std::string_view word) {
    resp::Argument argument{.bytes = word};
    if (word.size() >= resp::kLargeArgumentBytes) {
        argument.block = base::SharedBytes::create(word.size(), base::Purpose::clients);
        std::memcpy(argument.block->data(), word.data(), word.size());
        argument.block->set_size(word.size());
        argument.bytes = argument.block->view();
    }
    dispatcher_.arguments().push_back(argument);
}

std::string CommandRunner::run_words(Session& session, std::span<const std::string_view> words) {
    CHECK(!words.empty());
    executor_.initial_access_word =
        engine::initial_access_word(dataset_.settings.policy.load(), now_ms_);
    session.last_active_ms = now_ms_;
    evictor_.begin_turn();
    for (const std::string_view word : words) add_argument(word);
    const commands::Request& admitted = dispatcher_.admit(0, session);
    const commands::RequestView request = dispatcher_.view(admitted);
    dispatcher_.prefetch_entries();
    resp::ReplyWriter reply(output_, static_cast<resp::Protocol>(session.protocol.load()));
    dispatcher_.begin_run();
    const auto outcome = dispatcher_.execute(request, session, reply, now_ms_);
    if (outcome == Dispatcher::Outcome::coroutine) run_coroutine(request, session, reply);
    dispatcher_.clear();
    dispatcher_.waiters().finish_turn();
    executor_.reclaimer.run();
    return take_output(output_);
}

std::string CommandRunner::end_wait(Session& session, store::Waiter::State how) {
    session.waiter.end(how);
    resp::ReplyWriter reply(output_, static_cast<resp::Protocol>(session.protocol.load()));
    dispatcher_.end_wait(session, reply, now_ms_);
    return take_output(output_);
}

std::string CommandRunner::pushed(Session& session) {
    dataset_.tracking().broadcast(executor_.tracking, executor_.origin);
    while (courier_.run()) {
    }
    return take_output(outlets_.at(&session)->output());
}

void CommandRunner::run_coroutine(const commands::RequestView& request, Session& session,
                                  resp::ReplyWriter& reply) {
    const uint32_t errors_before = reply.errors();
    commands::Context context = dispatcher_.make_context(request, session, reply, now_ms_);
    ring::TaskList tasks;
    tasks.start(request.spec->coroutine(context));
    CHECK(tasks.size() == 0);  // it waits for something, and nobody is there to wake it
    dispatcher_.book(request, session, reply, errors_before, 0, now_ms_);
}

std::string CommandRunner::take_output(base::OutputBuffer& output) {
    std::string bytes;
    std::array<iovec, 16> vectors;
    while (!output.empty()) {
        const size_t count = output.gather(vectors, SIZE_MAX);
        size_t taken = 0;
        for (size_t index = 0; index < count; ++index) {
            bytes.append(static_cast<const char*>(vectors[index].iov_base), vectors[index].iov_len);
            taken += vectors[index].iov_len;
        }
        output.consume(taken);
    }
    return bytes;
}

std::string bulk(std::string_view bytes) {
    return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

}  // namespace gyre::test
