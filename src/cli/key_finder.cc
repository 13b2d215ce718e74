// SPDX-License-Identifier: BSD-3-Clause
#include "cli/key_finder.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>
#include <vector>

namespace gyre::cli {
namespace {

/// Pages grow, so that a server that is far away is not asked for each thousand of keys, and do
/// not grow so far that one holds it up for milliseconds.
constexpr int kFirstPage = 1000;
constexpr int kLargestPage = 8000;

std::string glob_escape(const std::string& text) {
    std::string out;
    for (const char byte : text) {
        if (std::string_view("*?[]\\^").find(byte) != std::string_view::npos) out += '\\';
        out += byte;
    }
    return out;
}

}  // namespace

KeyFinder::KeyFinder(const Address& address, std::chrono::milliseconds budget)
    : link_({.address = address, .protocol = 2, .timeout_ms = kPatienceMs}), budget_(budget) {
    link_.set_waiter([this](int descriptor) { return wait(descriptor); });
}

FoundKeys KeyFinder::find(const Address& address, int database, const std::string& prefix) {
    if (!link_.is_open() || link_.address().to_string() != address.to_string() ||
        link_.database() != database) {
        Address target = address;
        target.database = database;
        link_.set_address(std::move(target));
        if (!link_.connect()) return {.is_cut = true};
    }
    const Clock::time_point until = Clock::now() + budget_;
    deadline_ = until + std::chrono::milliseconds(kPatienceMs);
    FoundKeys found;
    std::string cursor = "0";
    for (int page = kFirstPage;; page = std::min(kLargestPage, page * 2)) {
        const std::vector<std::string> words = {
            "SCAN", cursor, "MATCH", glob_escape(prefix) + "*", "COUNT", std::to_string(page)};
        const Result<Reply> reply = link_.call(words);
        if (!reply || reply->elements.size() != 2) break;
        for (const Reply& key : reply->elements[1].elements) found.names.push_back(key.text);
        cursor = reply->elements[0].text;
        if (cursor == "0") return found;
        if (found.names.size() >= kKeysMax || Clock::now() >= until) break;
    }
    found.is_cut = true;
    return found;
}

bool KeyFinder::wait(int descriptor) const {
    for (;;) {
        pollfd entry{descriptor, POLLIN, 0};
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
        if (left <= 0) return false;
        const int ready = poll(&entry, 1, static_cast<int>(left));
        if (ready >= 0 || errno != EINTR) return ready > 0;
    }
}

}  // namespace gyre::cli
