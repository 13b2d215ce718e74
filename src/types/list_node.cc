// SPDX-License-Identifier: BSD-3-Clause
#include "types/list_node.h"

#include <lzf.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "base/lzf.h"
#include "base/memory.h"

namespace gyre::types {
namespace {

constexpr base::Purpose kPurpose = base::Purpose::keyspace;
/// In front of compressed bytes: how many they were.
constexpr size_t kRawSizeBytes = sizeof(uint32_t);
/// Nodes of fewer bytes are not made smaller.
constexpr size_t kShrinkBytesMin = 256;

char* allocate(size_t bytes, size_t& footprint) {
    char* data = static_cast<char*>(base::allocate(kPurpose, bytes));
    footprint += base::usable_size(data);
    return data;
}

void free_bytes(char* data, size_t& footprint) noexcept {
    footprint -= base::usable_size(data);
    base::release(kPurpose, data);
}

void unpack(std::string_view compressed, char* out, size_t raw_bytes) {
    CHECK(base::unpack_lzf(compressed.substr(kRawSizeBytes), out, raw_bytes));
}

}  // namespace

ListNode ListNode::packed(std::string_view listpack, size_t capacity, size_t& footprint) {
    ListNode node;
    node.data_ = allocate(std::max(capacity, listpack.size()), footprint);
    node.size_ = listpack.size();
    node.count_ = static_cast<uint32_t>(Listpack(listpack).size());
    std::memcpy(node.data_, listpack.data(), listpack.size());
    return node;
}

ListNode ListNode::plain(std::string_view value, size_t& footprint) {
    ListNode node;
    node.data_ = allocate(value.size(), footprint);
    node.size_ = value.size();
    node.count_ = 1;
    node.form_ = Form::plain;
    std::memcpy(node.data_, value.data(), value.size());
    return node;
}

ListNode ListNode::clone(size_t& footprint) const {
    ListNode copy = *this;
    copy.data_ = allocate(size_, footprint);
    copy.gap_ = 0;
    copy.number_ = 0;
    std::memcpy(copy.data_, bytes().data(), size_);
    return copy;
}

void ListNode::release(size_t& footprint) noexcept { free_bytes(data_, footprint); }

size_t ListNode::allocated_bytes() const noexcept { return base::usable_size(data_); }

size_t ListNode::raw_bytes() const noexcept {
    if (form_ != Form::compressed) return size_;
    uint32_t raw = 0;
    std::memcpy(&raw, data_, kRawSizeBytes);
    return raw;
}

std::string_view ListNode::bytes(std::string& scratch) const {
    if (form_ != Form::compressed) return bytes();
    scratch.resize(raw_bytes());
    unpack(bytes(), scratch.data(), scratch.size());
    return scratch;
}

/// Makes the memory larger or smaller; the bytes lie at its beginning afterwards.
void ListNode::resize(size_t capacity, size_t& footprint) {
    move_to(0);
    footprint -= base::usable_size(data_);
    data_ = static_cast<char*>(base::reallocate(kPurpose, data_, capacity));
    footprint += base::usable_size(data_);
}

void ListNode::move_to(size_t gap) noexcept {
    if (gap == gap_) return;
    std::memmove(data_ + gap, data_ + gap_, size_);
    gap_ = static_cast<uint32_t>(gap);
}

/// Room for `bytes` more in front of what is there, or behind. All that is free goes to that side.
void ListNode::make_room(size_t bytes, bool in_front, size_t limit, size_t& footprint) {
    if (in_front && gap_ >= bytes) return;
    const size_t usable = base::usable_size(data_);
    const size_t room = in_front ? gap_ : usable - gap_ - size_;
    if (room >= bytes) return;
    if (usable - size_ < bytes) {
        resize(std::max(size_ + bytes, std::min(limit, usable + usable / 2)), footprint);
    }
    move_to(in_front ? base::usable_size(data_) - size_ : 0);
}

void ListNode::splice(const ListpackSplice& splice, size_t limit, size_t& footprint) {
    DCHECK(form_ == Form::packed);
    const size_t after = splice.size_after(size_);
    // The first element of all may be the first of many behind it.
    const bool in_front = splice.at == Listpack::kHeaderBytes && size_ > Listpack::kEmptyBytes;
    if (after > size_) make_room(after - size_, in_front, limit, footprint);
    if (in_front) {
        gap_ = static_cast<uint32_t>(splice.apply_front(data_ + gap_, size_) - data_);
    } else {
        splice.apply(data_ + gap_, size_);
    }
    size_ = after;
    count_ += static_cast<uint32_t>(splice.added.size());
    count_ -= static_cast<uint32_t>(splice.removed);
    is_incompressible_ = false;
    if (splice.removed == 0) return;
    const size_t usable = base::usable_size(data_);
    if (usable > kShrinkBytesMin && size_ < usable / 4) resize(usable / 2, footprint);
}

void ListNode::trim(size_t& footprint) {
    if (base::usable_size(data_) - size_ > size_ / 8) resize(size_, footprint);
}

void ListNode::compress(size_t& footprint) {
    if (form_ != Form::packed || is_incompressible_) return;
    if (size_ < kCompressBytesMin || size_ > kCompressBytesMax) return;
    char out[kCompressBytesMax];
    const auto room = static_cast<unsigned>(size_ - kCompressGainMin);
    const unsigned written = lzf_compress(data_ + gap_, static_cast<unsigned>(size_), out, room);
    if (written == 0) {
        is_incompressible_ = true;
        return;
    }
    char* compressed = allocate(kRawSizeBytes + written, footprint);
    const auto raw = static_cast<uint32_t>(size_);
    std::memcpy(compressed, &raw, kRawSizeBytes);
    std::memcpy(compressed + kRawSizeBytes, out, written);
    free_bytes(data_, footprint);
    data_ = compressed;
    gap_ = 0;
    size_ = kRawSizeBytes + written;
    form_ = Form::compressed;
}

void ListNode::decompress(size_t& footprint) {
    if (form_ != Form::compressed) return;
    const size_t raw = raw_bytes();
    char* data = allocate(raw, footprint);
    unpack(bytes(), data, raw);
    free_bytes(data_, footprint);
    data_ = data;
    size_ = raw;
    form_ = Form::packed;
}

}  // namespace gyre::types
