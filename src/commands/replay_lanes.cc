// SPDX-License-Identifier: BSD-3-Clause
#include "commands/replay_lanes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/counted.h"
#include "base/numbers.h"

namespace gyre::commands {
namespace {

/// Of a command's name in a message.
constexpr size_t kNameShownMax = 64;

bool is_select(std::string_view name) { return base::equals_ignore_case(name, "select"); }

/// The bytes of a command, the marks between its arguments included: they lie in one piece.
std::string_view bytes_of(const RequestView& request) {
    const std::string_view first = request.arguments.front().bytes;
    const std::string_view last = request.arguments.back().bytes;
    return {first.data(), static_cast<size_t>(last.data() + last.size() - first.data())};
}

}  // namespace

/// Copies of commands, for later.
class ReplayLanes::Batch {
public:
    Batch() { bytes_.resize(kBatchBytes); }

    bool is_empty() const { return items_.empty(); }
    size_t size() const { return items_.size(); }
    bool has_room(size_t bytes) const {
        return items_.size() < kBatchCommands && bytes <= bytes_.size() - used_;
    }
    /// There is room for it.
    void add(const LoggedCommand& command, const Place& place) {
        const std::string_view bytes = bytes_of(command.request);
        char* const copy = bytes_.data() + used_;
        std::memcpy(copy, bytes.data(), bytes.size());
        used_ += bytes.size();
        const auto copied = [&](std::string_view view) {
            return std::string_view(copy + (view.data() - bytes.data()), view.size());
        };
        for (const resp::Argument& argument : command.request.arguments) {
            arguments_.push_back({copied(argument.bytes), nullptr});
        }
        for (const store::Key& key : command.request.keys) {
            keys_.push_back({copied(key.bytes), key.hash});
        }
        items_.push_back(
            {.spec = command.request.spec,
             .arguments = static_cast<uint32_t>(command.request.arguments.size()),
             .keys = static_cast<uint32_t>(command.request.keys.size()),
             .first_argument =
                 static_cast<uint32_t>(arguments_.size() - command.request.arguments.size()),
             .first_key = static_cast<uint32_t>(keys_.size() - command.request.keys.size()),
             .database = command.database,
             .timestamp_ms = command.timestamp_ms,
             .place = place});
    }
    LoggedCommand command(size_t index) const {
        const Item& item = items_[index];
        return {.request = {item.spec,
                            {arguments_.data() + item.first_argument, item.arguments},
                            {keys_.data() + item.first_key, item.keys}},
                .database = item.database,
                .timestamp_ms = item.timestamp_ms};
    }
    const Place& place(size_t index) const { return items_[index].place; }
    void clear() {
        items_.clear();
        arguments_.clear();
        keys_.clear();
        used_ = 0;
    }

private:
    struct Item {
        const CommandSpec* spec;
        uint32_t arguments;
        uint32_t keys;
        uint32_t first_argument;
        uint32_t first_key;
        uint32_t database;
        int64_t timestamp_ms;
        Place place;
    };
    base::CountedVector<Item, base::Purpose::log> items_;
    base::CountedVector<resp::Argument, base::Purpose::log> arguments_;
    base::CountedVector<store::Key, base::Purpose::log> keys_;
    base::CountedVector<char, base::Purpose::log> bytes_;  // never moves: the others point into it
    size_t used_ = 0;
};

struct ReplayLanes::Helper {
    Helper(const ReplayHelper& helper, int64_t wall_ms)
        : replay(helper.services, wall_ms), post(helper.post) {}
    Replay replay;
    std::function<void(std::function<void()>)> post;
    bool is_posted = false;  // under mutex_: it has a job, or is at it
};

ReplayLanes::ReplayLanes(Services& services, int64_t wall_ms,
                         const std::vector<ReplayHelper>& helpers)
    : services_(services),
      lanes_(helpers.empty()
                 ? 1
                 : std::min(services.dataset.shards(), kLanesPerThread * (helpers.size() + 1))),
      own_(services, wall_ms) {
    for (const ReplayHelper& helper : helpers) {
        helpers_.push_back(std::make_unique<Helper>(helper, wall_ms));
    }
    for (Lane& lane : lanes_) lane.open = std::make_unique<Batch>();
}

/// What is still held is not executed.
ReplayLanes::~ReplayLanes() {
    std::unique_lock hold(mutex_);
    is_given_up_ = true;
    changed_.wait(hold, [this] {
        return std::ranges::none_of(helpers_, [](const auto& one) { return one->is_posted; });
    });
}

// --- reading ------------------------------------------------------------------------------------

Result<void> ReplayLanes::on_unit(const log::AofUnit& unit) {
    for (const log::AofCommand& command : unit.commands) {
        if (has_failed()) return finish();
        const Place place{.unit = unit.begin, .command = command.offset};
        if (auto taken = take(command, place); !taken) {
            note_failure(place, {nullptr, arguments_, {}}, taken.error());
            return finish();
        }
    }
    return {};
}

Result<void> ReplayLanes::check(uint64_t unit, const log::AofCommand& command) {
    arguments_.clear();
    for (const std::string_view word : command.arguments) arguments_.push_back({word, nullptr});
    RequestView request{nullptr, arguments_, {}};
    Result<void> fits;
    if (is_select(command.arguments[0])) {
        if (const auto database = database_of(request); !database) {
            fits = tl::unexpected(database.error());
        }
    } else {
        request.spec = find_command_of(arguments_);
        fits = Replay::check(request);
    }
    if (fits) return {};
    note_failure({.unit = unit, .command = command.offset}, request, fits.error());
    return finish();
}

Result<void> ReplayLanes::take(const log::AofCommand& command, const Place& place) {
    arguments_.clear();
    keys_.clear();
    for (const std::string_view word : command.arguments) arguments_.push_back({word, nullptr});
    if (is_select(arguments_[0].bytes)) {
        const auto database = database_of({nullptr, arguments_, {}});
        if (!database) return tl::unexpected(database.error());
        database_ = *database;
        return {};
    }
    const CommandSpec* spec = find_command_of(arguments_);
    if (auto fits = Replay::check({spec, arguments_, {}}); !fits) return fits;
    append_keys(spec, arguments_, search_, keys_);
    const LoggedCommand logged{.request = {spec, arguments_, keys_},
                               .database = static_cast<uint32_t>(database_),
                               .timestamp_ms = command.timestamp_ms.value_or(store::kNoTimestamp)};
    if (concerns_all(logged.request)) {
        drain();
        return execute_here(logged);
    }
    const std::optional<size_t> lane = only_lane_of(logged.request);
    if (!lane || is_long(logged.request)) {
        settle_lanes_of(logged.request);
        return execute_here(logged);
    }
    add(lanes_[*lane], logged, place);
    return {};
}

Result<size_t> ReplayLanes::database_of(const RequestView& select) const {
    if (select.arguments.size() != 2) return fail("wrong number of arguments");
    const auto number = base::parse_integer(select.arguments[1].bytes);
    const auto databases = static_cast<int64_t>(services_.dataset.databases());
    if (!number || *number < 0 || *number >= databases) {
        return fail(fmt::format("there are {} databases; raise databases", databases));
    }
    return static_cast<size_t>(*number);
}

/// Where something has failed in front of it, it is not executed: that is what finish() tells.
Result<void> ReplayLanes::execute_here(const LoggedCommand& command) {
    if (has_failed()) return {};
    auto done = own_.execute(command);
    own_.clean_up();
    return done;
}

bool ReplayLanes::concerns_all(const RequestView& request) {
    if (request.keys.empty()) return true;
    return request.spec->has(flag::leads_on) && request.spec->leads_on(request.arguments);
}

bool ReplayLanes::is_long(const RequestView& request) {
    return request.arguments.size() > kCopiedArgumentsMax ||
           bytes_of(request).size() > kCopiedBytesMax;
}

size_t ReplayLanes::lane_of(const store::Key& key) const {
    return services_.dataset.shard_of(key.hash) % lanes_.size();
}

std::optional<size_t> ReplayLanes::only_lane_of(const RequestView& request) const {
    const size_t first = lane_of(request.keys[0]);
    for (const store::Key& key : request.keys.subspan(1)) {
        if (lane_of(key) != first) return std::nullopt;
    }
    return first;
}

void ReplayLanes::add(Lane& lane, const LoggedCommand& command, const Place& place) {
    if (!lane.open->has_room(bytes_of(command.request).size())) {
        close(lane, true);
        wait_for_room();
    }
    lane.open->add(command, place);
}

// --- lanes --------------------------------------------------------------------------------------

/// What the lane's open batch has may be executed from here on.
void ReplayLanes::close(Lane& lane, bool wakes) {
    if (lane.open->is_empty()) return;
    if (helpers_.empty()) {
        run(*lane.open, own_);
        lane.open->clear();
        return;
    }
    Helper* woken = nullptr;
    {
        const std::lock_guard hold(mutex_);
        if (lane.closed.empty() && !lane.is_busy) ready_.push_back(&lane);
        lane.closed.push_back(std::move(lane.open));
        ++held_;
        if (wakes) woken = idle_helper();
        if (spare_.empty()) {
            lane.open = std::make_unique<Batch>();
        } else {
            lane.open = std::move(spare_.back());
            spare_.pop_back();
        }
    }
    if (woken != nullptr) post(*woken);
}

/// Under mutex_: one that gets a job, to be posted without it.
ReplayLanes::Helper* ReplayLanes::idle_helper() {
    for (const auto& helper : helpers_) {
        if (!std::exchange(helper->is_posted, true)) return helper.get();
    }
    return nullptr;
}

void ReplayLanes::post(Helper& helper) {
    helper.post([this, &helper] { help(helper); });
}

/// What the helpers are too slow for, the reading thread does itself.
void ReplayLanes::wait_for_room() {
    std::unique_lock hold(mutex_);
    while (held_ >= kBatchesPerThread * (helpers_.size() + 1)) {
        if (!run_one(hold, own_)) changed_.wait(hold);
    }
}

/// Everything that was taken is executed.
void ReplayLanes::drain() {
    for (Lane& lane : lanes_) close(lane, lane.open->size() >= kWorthWaking);
    std::unique_lock hold(mutex_);
    while (held_ > 0) {
        if (!run_one(hold, own_)) changed_.wait(hold);
    }
}

void ReplayLanes::settle_lanes_of(const RequestView& request) {
    for (const store::Key& key : request.keys) settle(lanes_[lane_of(key)]);
}

/// Everything that the lane has is executed, and nobody is at it.
void ReplayLanes::settle(Lane& lane) {
    std::deque<std::unique_ptr<Batch>> batches;
    {
        std::unique_lock hold(mutex_);
        changed_.wait(hold, [&lane] { return !lane.is_busy; });
        if (!lane.closed.empty()) std::erase(ready_, &lane);
        batches.swap(lane.closed);
    }
    // Nobody else begins one: there is none to be seen.
    for (const auto& batch : batches) run(*batch, own_);
    if (!lane.open->is_empty()) {
        run(*lane.open, own_);
        lane.open->clear();
    }
    if (batches.empty()) return;
    const std::lock_guard hold(mutex_);
    held_ -= batches.size();
    for (auto& batch : batches) {
        batch->clear();
        spare_.push_back(std::move(batch));
    }
}

// --- executing ----------------------------------------------------------------------------------

/// Behind a failure, of this lane or of another, nothing needs to be executed any more.
void ReplayLanes::run(Batch& batch, Replay& replay) {
    for (size_t first = 0; first < batch.size(); first += kFetchedTogether) {
        const size_t end = std::min(first + kFetchedTogether, batch.size());
        for (size_t at = first; at < end; ++at) replay.prefetch_buckets(batch.command(at));
        for (size_t at = first; at < end; ++at) replay.prefetch_entries(batch.command(at));
        for (size_t at = first; at < end; ++at) {
            const Place& place = batch.place(at);
            if (place.command > failed_at_.load(std::memory_order_relaxed)) return;
            const LoggedCommand command = batch.command(at);
            if (auto done = replay.execute(command); !done) {
                return note_failure(place, command.request, done.error());
            }
        }
    }
    replay.clean_up();
}

/// With the mutex held, which is let go meanwhile. False: there is no lane to be at.
bool ReplayLanes::run_one(std::unique_lock<std::mutex>& hold, Replay& replay) {
    if (ready_.empty()) return false;
    Lane& lane = *ready_.front();
    ready_.pop_front();
    std::unique_ptr<Batch> batch = std::move(lane.closed.front());
    lane.closed.pop_front();
    lane.is_busy = true;
    hold.unlock();
    run(*batch, replay);
    batch->clear();
    hold.lock();
    lane.is_busy = false;
    --held_;
    spare_.push_back(std::move(batch));
    if (!lane.closed.empty()) ready_.push_back(&lane);
    changed_.notify_all();
    return true;
}

/// The last time with the mutex held is the last that this is touched.
void ReplayLanes::help(Helper& helper) {
    std::unique_lock hold(mutex_);
    for (size_t batches = 0; batches < kBatchesPerTurn && !is_given_up_; ++batches) {
        if (!run_one(hold, helper.replay)) break;
    }
    if (!ready_.empty() && !is_given_up_) {
        hold.unlock();
        return post(helper);
    }
    helper.is_posted = false;
    changed_.notify_all();
}

// --- errors -------------------------------------------------------------------------------------

void ReplayLanes::note_failure(const Place& place, const RequestView& request, const Error& error) {
    const std::lock_guard hold(mutex_);
    if (place.command >= failed_at_.load(std::memory_order_relaxed)) return;
    const std::string_view name = request.arguments[0].bytes.substr(0, kNameShownMax);
    failure_ = Failure{.unit = place.unit,
                       .command = place.command,
                       .message = fmt::format("command '{}' at offset {}: {}", name, place.command,
                                              error.message)};
    failed_at_.store(place.command, std::memory_order_relaxed);
}

Result<void> ReplayLanes::finish() {
    drain();
    if (failure_) return fail(failure_->message);
    return {};
}

}  // namespace gyre::commands
