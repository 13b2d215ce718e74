// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A large list: a deque of nodes, each a listpack of several kilobytes or one large element. Nodes
// stand in blocks of up to 64, blocks in a doubly linked chain; both know how many elements they
// hold, so an index skips 64 nodes at a step and nothing is ever moved but the nodes of one block.
//
// With a compress depth all nodes but that many at either end are LZF compressed, as Redis does it.
//
// While it is saved its nodes are numbered. One that is about to be changed, or removed, before its
// turn is kept aside: a copy of it, or itself.
//
// Ownership: a List owns its nodes. A Cursor borrows the list and is good until the next change
// that was not made through it. Threads: caller holds the shard lock. Errors: running out of memory
// ends the process. Complexity: push and pop O(1) (a node's bytes move), index O(nodes / 64 + bytes
// of a node), insertion and removal at a cursor O(bytes of a node). Invariants: 1. no node and no
// block is empty. 2. footprint() is what the allocators gave, to the
//             byte. 3. with a depth d, the first d and the last d nodes are not compressed.
//             4. while it is saved, each number that is still to come has one node: in the list,
//             where numbers rise, or kept aside.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "types/list_node.h"
#include "types/object.h"

namespace gyre::types {

/// How large nodes may be: Redis' list-max-listpack-size. From 0 on a number of elements (0 counts
/// as 1), and never more than 8 KiB; from -1 to -5: 4, 8, 16, 32, 64 KiB.
class ListLimit {
public:
    static constexpr size_t kCountedBytesMax = 8192;
    static constexpr int64_t kElementsMax = 32767;

    explicit ListLimit(int64_t setting) noexcept;
    size_t bytes_max() const noexcept { return bytes_max_; }
    size_t elements_max() const noexcept { return elements_max_; }
    bool allows(size_t bytes, size_t elements) const noexcept {
        return bytes <= bytes_max_ && elements <= elements_max_;
    }
    /// What a list must fit into to become a listpack again: half.
    bool allows_shrunk(size_t bytes, size_t elements) const noexcept;

private:
    size_t bytes_max_;
    size_t elements_max_;
    bool is_counted_;
};

enum class ListEnd : uint8_t { head, tail };

class List final : public Object {
    struct Block;
    struct Place;

public:
    struct Options {
        ListLimit limit{-2};
        size_t compress_depth = 0;
    };
    static constexpr size_t kBlockNodes = 64;

    explicit List(Options options) : options_(options) {}
    /// With the elements of a listpack, in one node.
    List(std::string_view listpack, Options options);
    ~List() override;
    List(const List&) = delete;
    List& operator=(const List&) = delete;

    size_t size() const override { return size_; }
    size_t contents_bytes() const override { return footprint_; }
    List* clone() const override;
    bool drain(size_t budget) override;
    /// A part is a node, told in order. O(nodes), 2 ns each.
    void begin_saving(ObjectSaver& saver) override;
    bool save_next(size_t& place) override;
    void end_saving() override;
    /// The node that the saver is being told of: f(form, raw bytes), as with for_each_node().
    template <class F>
    void visit_part(F&& f) const {
        std::string scratch;
        f(saving_->part->form(), saving_->part->bytes(scratch));
    }

    size_t nodes() const noexcept { return node_count_; }
    const Options& options() const noexcept { return options_; }
    /// When all elements lie in one listpack: that. Empty: they do not.
    std::string_view only_listpack() const noexcept;

    /// `value` must not lie in this list.
    void push(ListEnd end, std::string_view value);
    /// Removes `count` elements, which are there, from `start` on.
    void erase(size_t start, size_t count);
    void pop(ListEnd end) { erase(end == ListEnd::head ? 0 : size_ - 1, 1); }
    /// Appends the elements of a listpack as a node of their own, whatever the limit of nodes says;
    /// of an empty one nothing.
    void append_node(std::string_view listpack);

    /// A place in the list, or none.
    class Cursor {
    public:
        /// At element `index`, which is below size().
        Cursor(const List& list, size_t index);
        Cursor(const Cursor&) = delete;
        Cursor& operator=(const Cursor&) = delete;
        explicit operator bool() const noexcept { return block_ != nullptr; }
        /// Good until the cursor moves or the list changes.
        ListpackValue value() const;
        void next();
        void previous();

    private:
        friend class List;
        void enter(Block* block, size_t node);

        Block* block_ = nullptr;
        size_t node_ = 0;
        size_t at_ = 0;           // of the element in its listpack
        std::string_view bytes_;  // of the node
        std::string scratch_;     // of a node that is compressed
    };

    /// Puts `value` in front of the element at the cursor (ListEnd::head) or behind it. The cursor
    /// is void afterwards; `value` must not lie in this list. So with replace().
    void insert(Cursor& cursor, ListEnd side, std::string_view value);
    void replace(Cursor& cursor, std::string_view value);
    /// Removes up to `limit` elements equal to `value`, the first ones seen from `from`; returns
    /// how many.
    size_t remove(std::string_view value, size_t limit, ListEnd from);

    /// f(form, raw bytes, elements) for each node, as RDB stores them; `f` gets what is not
    /// compressed.
    template <class F>
    void for_each_node(F&& f) const;
    /// A place for next_node(), as long as the list does not change.
    struct NodeCursor {
        const void* block = nullptr;
        size_t node = 0;
        bool has_begun = false;
    };
    /// The same in parts: f(...) for the next node; false when there is none.
    template <class F>
    bool next_node(NodeCursor& cursor, F&& f) const;

private:
    struct Block {
        Block* next;
        Block* previous;
        size_t elements;
        uint32_t count;
        uint32_t capacity;
        ListNode nodes[1];  // as many as the capacity says
    };
    static constexpr size_t kBlockNodesMin = 2;
    static size_t block_bytes(size_t capacity) {
        return sizeof(Block) + (capacity - 1) * sizeof(ListNode);
    }
    struct Place {
        Block* block = nullptr;
        size_t node = 0;
        ListNode& operator*() const { return block->nodes[node]; }
        ListNode* operator->() const { return &block->nodes[node]; }
        explicit operator bool() const { return block != nullptr; }
        bool operator==(const Place& other) const {
            return block == other.block && node == other.node;
        }
    };

    // --- blocks and nodes -------------------------------------------------------------------
    Block* new_block(size_t capacity, Block* previous, Block* next);
    void free_block(Block* block) noexcept;
    Block* grow_block(Block* block);
    Block* split_block(Block* block);
    Place first() const { return {head_, 0}; }
    Place last() const { return {tail_, tail_ == nullptr ? 0 : tail_->count - 1}; }
    static Place after(Place place);
    static Place before(Place place);
    Place locate(size_t index, size_t& offset) const;
    Place put_node(Place place, ListEnd side, const ListNode& node);
    Place erase_node(Place place);

    // --- elements -----------------------------------------------------------------------------
    ListNode node_with(std::string_view value, bool is_at_end);
    bool takes(Place place, const ListpackElement& element) const;
    void change(Place place, const ListpackSplice& splice);
    Place split_node(Place place, size_t at);
    void insert_at(Place place, size_t at, std::string_view value);
    size_t remove_in(Place place, std::string_view value, size_t limit, ListEnd from);
    bool merge_next(Place place);

    // --- compression --------------------------------------------------------------------------
    bool is_interior(Place place) const;
    void settle(Place place);
    void settle_around(Place place);
    void settle_ends();

    // --- saving ---------------------------------------------------------------------------------
    struct Saving {
        Block* block = nullptr;  // nodes in front of it have no number
        uint32_t next = 1;       // number of the node whose turn it is
        uint32_t last = 0;
        const ListNode* part = nullptr;
        std::map<uint32_t, ListNode> kept;
    };
    enum class Keep : uint8_t { copy, itself };
    bool keep(ListNode& node, Keep how);
    void release_kept(ListNode& node);
    ListNode& next_numbered();

    Options options_;
    Block* head_ = nullptr;
    Block* tail_ = nullptr;
    size_t size_ = 0;
    size_t node_count_ = 0;
    size_t footprint_ = 0;  // of nodes and blocks
    std::unique_ptr<Saving> saving_;
};

template <class F>
void List::for_each_node(F&& f) const {
    std::string scratch;
    for (const Block* block = head_; block != nullptr; block = block->next) {
        for (size_t i = 0; i < block->count; ++i) {
            const ListNode& node = block->nodes[i];
            f(node.form(), node.bytes(scratch), node.count());
        }
    }
}

template <class F>
bool List::next_node(NodeCursor& cursor, F&& f) const {
    if (!cursor.has_begun) cursor = {head_, 0, true};
    const auto* block = static_cast<const Block*>(cursor.block);
    if (block == nullptr) return false;
    const ListNode& node = block->nodes[cursor.node];
    std::string scratch;
    f(node.form(), node.bytes(scratch), node.count());
    if (++cursor.node == block->count) cursor = {block->next, 0, true};
    return true;
}

}  // namespace gyre::types
