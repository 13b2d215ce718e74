// SPDX-License-Identifier: BSD-3-Clause

#include "snapshot/key_set.h"

#include <utility>

#include "base/hash.h"

namespace gyre::snapshot {

namespace {

constexpr size_t kSlotsFirst = 64;

}  // namespace

bool KeySet::insert(size_t database, std::string_view key) {
    if (size_ * 4 >= slots_.size() * 3) grow();
    const uint64_t* secret = base::hash_secret.words;
    Fingerprint fingerprint{base::siphash13(key, {secret[0], secret[1] ^ database}),
                            base::siphash13(key, {secret[2], secret[3] ^ database})};
    if (fingerprint == Fingerprint{}) fingerprint.low = 1;
    Fingerprint& slot = find(fingerprint);
    if (slot == fingerprint) return false;
    slot = fingerprint;
    ++size_;
    return true;
}

KeySet::Fingerprint& KeySet::find(const Fingerprint& wanted) {
    const size_t mask = slots_.size() - 1;
    size_t index = wanted.low & mask;
    while (slots_[index] != Fingerprint{} && slots_[index] != wanted) index = (index + 1) & mask;
    return slots_[index];
}

void KeySet::grow() {
    const size_t slots = slots_.empty() ? kSlotsFirst : slots_.size() * 2;
    const std::vector<Fingerprint> before = std::exchange(slots_, std::vector<Fingerprint>(slots));
    for (const Fingerprint& fingerprint : before) {
        if (fingerprint != Fingerprint{}) find(fingerprint) = fingerprint;
    }
}

}  // namespace gyre::snapshot
