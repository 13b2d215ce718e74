// SPDX-License-Identifier: BSD-3-Clause
// bench-dataset-threads: what a second thread costs the first. GET and SET run through the data set
// as the server's handlers run them, by one thread and by two on processors of their own, over the
// same keys in one process and without sockets. The figure is CPU time of the thread for each
// command: what a thread spends more when another works beside it is the price of locks and of
// cache lines that go back and forth.
//
// Commands come in groups of which the shards are prefetched, as the dispatcher does when there are
// several threads; it does so here with one as well, to compare like with like. Runs of all kinds
// take turns, and the median of the rounds is given.

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <barrier>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/hash.h"
#include "base/prefetch.h"
#include "engine/dataset.h"
#include "engine/keyspace.h"
#include "micro/key_set.h"
#include "micro/thread_clock.h"
#include "types/string_value.h"

namespace gyre::micro {
namespace {

constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
constexpr size_t kGroup = 16;
constexpr size_t kValueBytes = 64;
constexpr size_t kShards = 64;
constexpr size_t kRunningMax = 2;

struct Options {
    size_t keys = 1'000'000;
    size_t commands = 2'000'000;  ///< of each thread in each run
    size_t rounds = 5;
    bool is_json = false;
};

enum class Command : uint8_t { get, set };
constexpr std::array kCommands{Command::get, Command::set};

/// One kind of run.
struct Setting {
    const char* title;
    const char* name;        ///< in JSON
    size_t dataset_threads;  ///< 1 elides the locks
    size_t running;
};
constexpr std::array<Setting, 3> kSettings{{
    {"one thread, no locks", "one_thread_ns", 1, 1},
    {"one thread, locks", "one_thread_locks_ns", 2, 1},
    {"two threads", "two_threads_ns", 2, kRunningMax},
}};

/// Nanoseconds for each command.
using Figures = std::array<std::array<double, kSettings.size()>, kCommands.size()>;

/// What one thread does in one run.
class Client {
public:
    Client(engine::Dataset& dataset, const KeySet& keys, int64_t now_ms)
        : dataset_(dataset), keys_(keys), now_ms_(now_ms) {}

    /// Runs `count` commands, a multiple of kGroup, on the keys from `first` on.
    void run(Command command, size_t first, size_t count) {
        size_t at = first % keys_.size();
        for (size_t done = 0; done < count; done += kGroup) {
            for (store::Key& key : group_) {
                key = admit(keys_[at]);
                at = at + 1 == keys_.size() ? 0 : at + 1;
            }
            for (const store::Key& key : group_) execute(command, key);
        }
    }

private:
    store::Key admit(std::string_view text) {
        const store::Key key = store::Key::of(text);
        const store::Shard& shard = dataset_.shard(dataset_.shard_of(key.hash));
        base::prefetch(&shard);
        base::prefetch(shard.database_slot(0));
        return key;
    }
    void execute(Command command, const store::Key& key) {
        const size_t shard = dataset_.shard_of(key.hash);
        dataset_.lock(shard, executor_);
        engine::Keyspace keyspace(dataset_, executor_, 0, now_ms_, false);
        if (command == Command::get) {
            const store::Entry* entry = keyspace.read(key);
            CHECK(entry != nullptr);
            std::memcpy(reply_.data(), entry->bytes().data(), kValueBytes);
        } else {
            store::Entry* present = keyspace.write(key);
            keyspace.put(key, present, types::encode_string({reply_.data(), kValueBytes}));
        }
        dataset_.unlock(shard);
    }

    engine::Dataset& dataset_;
    const KeySet& keys_;
    int64_t now_ms_;
    engine::Executor executor_;
    std::array<store::Key, kGroup> group_{};
    std::array<char, kValueBytes> reply_{};
};

/// The processors this process may use.
std::vector<int> processors() {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    std::vector<int> found;
    if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return found;
    for (int number = 0; number < CPU_SETSIZE; ++number) {
        if (CPU_ISSET(number, &allowed)) found.push_back(number);
    }
    return found;
}

void pin_to(int processor) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(processor, &one);
    CHECK(pthread_setaffinity_np(pthread_self(), sizeof(one), &one) == 0);
}

class Bench {
public:
    Bench(const Options& options, std::vector<int> pins)
        : options_(options), pins_(std::move(pins)), keys_("key:", options.keys, 1) {
        fill(alone_);
        fill(shared_);
    }

    Figures measure() {
        std::array<std::array<std::vector<double>, kSettings.size()>, kCommands.size()> rounds;
        for (size_t round = 0; round < options_.rounds; ++round) {
            for (size_t command = 0; command < kCommands.size(); ++command) {
                for (size_t setting = 0; setting < kSettings.size(); ++setting) {
                    rounds[command][setting].push_back(run(kCommands[command], kSettings[setting]));
                }
            }
        }
        Figures medians{};
        for (size_t command = 0; command < kCommands.size(); ++command) {
            for (size_t setting = 0; setting < kSettings.size(); ++setting) {
                std::vector<double>& figures = rounds[command][setting];
                std::ranges::sort(figures);
                medians[command][setting] = figures[figures.size() / 2];
            }
        }
        return medians;
    }

private:
    static engine::DatasetOptions dataset_options(size_t threads) {
        engine::DatasetOptions options;
        options.threads = threads;
        options.databases = 1;
        options.shards = kShards;
        options.seed = 1;
        return options;
    }
    void fill(engine::Dataset& dataset) {
        const size_t whole_groups = (keys_.size() + kGroup - 1) / kGroup * kGroup;
        Client(dataset, keys_, now_ms_).run(Command::set, 0, whole_groups);
    }

    /// CPU time of a command, the mean of the threads.
    double run(Command command, const Setting& setting) {
        // Another second: the first use of a key in a run writes its access word.
        now_ms_ += 1000;
        engine::Dataset& dataset = setting.dataset_threads == 1 ? alone_ : shared_;
        std::barrier start(static_cast<std::ptrdiff_t>(setting.running));
        std::array<double, kRunningMax> spent_ns{};
        std::vector<std::thread> threads;
        for (size_t index = 0; index < setting.running; ++index) {
            threads.emplace_back([&, index] {
                pin_to(pins_[index]);
                Client client(dataset, keys_, now_ms_);
                const size_t first = index * keys_.size() / kRunningMax;
                start.arrive_and_wait();
                const double started_ns = thread_cpu_ns();
                client.run(command, first, options_.commands);
                spent_ns[index] = thread_cpu_ns() - started_ns;
            });
        }
        for (std::thread& thread : threads) thread.join();
        return (spent_ns[0] + spent_ns[1]) /
               static_cast<double>(setting.running * options_.commands);
    }

    const Options options_;
    const std::vector<int> pins_;
    const KeySet keys_;
    int64_t now_ms_ = 1'700'000'000'000;
    engine::Dataset alone_{dataset_options(1)};
    engine::Dataset shared_{dataset_options(kRunningMax)};
};

double growth_percent(double from_ns, double to_ns) { return (to_ns / from_ns - 1) * 100; }

void print_text(const Options& options, const Figures& figures) {
    std::string text = fmt::format("{} keys, {} commands by each thread, median of {} rounds\n",
                                   options.keys, options.commands, options.rounds);
    text += fmt::format("CPU ns for each command {:>8} {:>8}\n", "GET", "SET");
    for (size_t i = 0; i < kSettings.size(); ++i) {
        text += fmt::format("  {:<21} {:>8.1f} {:>8.1f}\n", kSettings[i].title, figures[0][i],
                            figures[1][i]);
    }
    const auto growth = [&](const char* title, size_t from, size_t to) {
        text += fmt::format("  {:<21} {:>+7.1f}% {:>+7.1f}%\n", title,
                            growth_percent(figures[0][from], figures[0][to]),
                            growth_percent(figures[1][from], figures[1][to]));
    };
    text += "growth\n";
    growth("by the locks", 0, 1);
    growth("by the second thread", 1, 2);
    growth("in all", 0, 2);
    std::fputs(text.c_str(), stdout);
}

void print_json(const Options& options, const Figures& figures) {
    std::string text = fmt::format("{{\"keys\": {}, \"commands\": {}, \"rounds\": {}", options.keys,
                                   options.commands, options.rounds);
    for (size_t command = 0; command < kCommands.size(); ++command) {
        const auto& row = figures[command];
        text += fmt::format(", \"{}\": {{", kCommands[command] == Command::get ? "get" : "set");
        for (size_t i = 0; i < kSettings.size(); ++i) {
            text += fmt::format("\"{}\": {:.2f}, ", kSettings[i].name, row[i]);
        }
        text += fmt::format("\"growth_percent\": {:.2f}}}", growth_percent(row[0], row[2]));
    }
    std::puts((text + "}").c_str());
}

/// nullopt: not understood.
std::optional<Options> read_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--json") {
            options.is_json = true;
            continue;
        }
        size_t* target = name == "--keys"       ? &options.keys
                         : name == "--commands" ? &options.commands
                         : name == "--rounds"   ? &options.rounds
                                                : nullptr;
        if (target == nullptr || ++i == argc) return std::nullopt;
        const std::string_view text = argv[i];
        const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), *target);
        if (error != std::errc() || stop != text.data() + text.size() || *target == 0) {
            return std::nullopt;
        }
    }
    options.commands = (options.commands + kGroup - 1) / kGroup * kGroup;
    return options;
}

int run_main(int argc, char** argv) {
    const std::optional<Options> options = read_options(argc, argv);
    if (!options) {
        std::fputs("usage: bench-dataset-threads [--keys N] [--commands N] [--rounds N] [--json]\n",
                   stderr);
        return kExitUsage;
    }
    std::vector<int> pins = processors();
    if (pins.size() < kRunningMax) {
        std::fputs("bench-dataset-threads: needs two processors to run on\n", stderr);
        return kExitFailed;
    }
    // The same hashes in each run.
    base::seed_hash(1);
    const Figures figures = Bench(*options, std::move(pins)).measure();
    options->is_json ? print_json(*options, figures) : print_text(*options, figures);
    return 0;
}

}  // namespace
}  // namespace gyre::micro

int main(int argc, char** argv) { return gyre::micro::run_main(argc, argv); }
