// SPDX-License-Identifier: BSD-3-Clause

// How to use gyre/store.h: a cache of sessions inside the program, whose entries expire.

#include <gyre/store.h>

#include <cstdlib>
#include <iostream>
#include <string>

namespace {

int report(const gyre::Error& error) {
    std::cerr << error.message << '\n';
    return EXIT_FAILURE;
}

}  // namespace

int main() {
    // A clock of our own, so that this example need not wait for a session to end.
    int64_t now_ms = 1'700'000'000'000;
    gyre::Result<gyre::Store> store = gyre::Store::create({.clock = [&now_ms] { return now_ms; }});
    if (!store) return report(store.error());

    for (int user = 0; user < 1000; ++user) {
        const std::string key = "session:" + std::to_string(user);
        // Every other session lives for half a minute, the rest for an hour.
        const int64_t ttl_ms = user % 2 == 0 ? 30'000 : 3'600'000;
        const auto stored = store->set(key, "user " + std::to_string(user), {.ttl_ms = ttl_ms});
        if (!stored) return report(stored.error());
    }
    std::cout << "session 7: " << store->get("session:7").value_or("none") << '\n';

    // A number, changed in place.
    const gyre::Result<int64_t> logins = store->incr("logins", 1000);
    if (!logins) return report(logins.error());
    std::cout << "logins: " << *logins << ", taking " << store->memory().entries << " bytes\n";

    // A minute later a short session is not seen any more, and advance() removes the others.
    now_ms += 60'000;
    std::cout << "session 8: " << store->get("session:8").value_or("none") << '\n';
    std::cout << "removed: " << store->advance() << '\n';

    // All keys, some hundred with each call.
    size_t sessions = 0;
    uint64_t cursor = 0;
    do {
        cursor = store->scan(cursor, 100, [&sessions](std::string_view key, std::string_view) {
            if (key.starts_with("session:")) ++sessions;
        });
    } while (cursor != 0);
    std::cout << "left: " << sessions << '\n';
    return EXIT_SUCCESS;
}
