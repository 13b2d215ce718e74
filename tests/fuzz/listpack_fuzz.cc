// SPDX-License-Identifier: BSD-3-Clause

// Goal: bytes that pass for a listpack or an intset can be read, from both sides, and changed,
// without a step beyond them; whatever is done leaves bytes that pass again.

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "types/intset.h"
#include "types/listpack.h"

namespace {

using gyre::types::Intset;
using gyre::types::Listpack;
using gyre::types::ListpackElement;
using gyre::types::ListpackValue;

void demand(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "listpack_fuzz: %s\n", what);
    std::abort();
}

void check_listpack(std::string_view bytes) {
    const Listpack listpack(bytes);
    size_t count = 0;
    for (size_t at = listpack.begin(); at != listpack.end(); at = listpack.next(at)) {
        demand(listpack.previous(listpack.next(at)) == at, "not the same way back");
        ListpackValue::Digits digits;
        const std::string text(listpack.at(at).text(digits));
        demand(listpack.find(ListpackElement::of(text), at) == at, "an element is not found");
        ++count;
    }
    demand(count == listpack.size(), "another count");
    std::string changed(bytes);
    const std::array added{ListpackElement::of("new"), ListpackElement::of(int64_t{-77})};
    const size_t middle = listpack.seek(static_cast<int64_t>(count / 2));
    listpack.insert(middle, added).apply(changed);
    demand(Listpack::is_valid(changed), "no listpack after an insertion");
    Listpack(changed).erase(middle, 2).apply(changed);
    demand(Listpack::is_valid(changed), "no listpack after a removal");
    demand(changed.size() == bytes.size(), "a removal leaves something");
}

void check_intset(std::string_view bytes) {
    const Intset intset(bytes);
    for (size_t i = 0; i < intset.size(); ++i) {
        demand(intset.find(intset.at(i)).index == i, "an integer is not found");
    }
    std::string changed(bytes);
    for (const int64_t value : {int64_t{3}, int64_t{70'000}, INT64_MIN}) {
        if (Intset(changed).contains(value)) continue;
        const size_t before = changed.size();
        changed.resize(Intset(changed).size_with(value));
        Intset::insert(changed.data(), before, value);
        demand(Intset::is_valid(changed), "no intset after an insertion");
        demand(Intset(changed).contains(value), "an integer put in is missing");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    if (Listpack::is_valid(bytes)) check_listpack(bytes);
    if (Intset::is_valid(bytes)) check_intset(bytes);
    return 0;
}
