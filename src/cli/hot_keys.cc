// SPDX-License-Identifier: BSD-3-Clause
#include "cli/hot_keys.h"

#include <cstdio>
#include <utility>

#include "base/numbers.h"
#include "cli/batch.h"
#include "cli/scan.h"

namespace gyre::cli {
namespace {

void print_found(const HotKeys::Key& key) {
    std::printf("Hot key '%s' found so far with counter %lld\n", base::quote(key.name).c_str(),
                static_cast<long long>(key.counter));
    flush_output();
}

/// One page of keys; a key that has gone meanwhile has no counter.
Result<void> look_at(const std::vector<std::string>& names, Link& link, HotKeys& found) {
    for (const std::string& name : names) link.client().append("OBJECT", "FREQ", name);
    if (names.empty()) return {};
    const auto replies = link.client().execute_pipeline();
    if (!replies) return tl::unexpected(replies.error());
    for (size_t index = 0; index < names.size(); ++index) {
        const Reply& reply = (*replies)[index];
        if (reply.is_error()) return fail(reply.text);
        if (reply.is_null()) continue;
        HotKeys::Key key{names[index], reply.integer};
        if (found.add(key)) print_found(key);
    }
    return {};
}

}  // namespace

bool HotKeys::add(const Key& key) {
    ++sampled_;
    if (key.counter <= 0) return false;
    auto place = keys_.begin();
    while (place != keys_.end() && place->counter >= key.counter) ++place;
    if (place == keys_.end() && keys_.size() == kShown) return false;
    keys_.insert(place, key);
    if (keys_.size() > kShown) keys_.pop_back();
    return true;
}

std::string HotKeys::summary() const {
    std::string text = "\n-------- summary -------\n\nSampled " + std::to_string(sampled_) +
                       " keys in the keyspace!\n";
    for (const Key& key : keys_) {
        text += "hot key found with counter: " + std::to_string(key.counter) +
                "\tkeyname: " + base::quote(key.name) + "\n";
    }
    return text;
}

int run_hotkeys(const Options& options, Link& link) {
    write_text("\n# Looking at every key by SCAN for those used most, by OBJECT FREQ.\n\n");
    HotKeys found;
    const auto done =
        scan_keys(link, options, [&](const std::vector<std::string>& names) -> Result<bool> {
            if (auto looked = look_at(names, link, found); !looked) {
                return tl::unexpected(looked.error());
            }
            return true;
        });
    if (!done) {
        write_error(done.error().message);
        return 1;
    }
    write_text(found.summary());
    return 0;
}

}  // namespace gyre::cli
