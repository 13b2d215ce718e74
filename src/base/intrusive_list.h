// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// A doubly linked list whose links stand in the elements, so that membership costs no allocation
// and an element leaves in O(1) without knowing its list. An element derives from ListHook once for
// each list it can be in; the tags tell them apart.
//
// Ownership: none: the list refers to its elements. An element unlinks itself when it is destroyed;
// a list that is destroyed lets its elements go. Threads: as its owner says; nothing here is
// atomic. Invariants: a hook is in one list at most. The element an iteration stands on may be
// unlinked or destroyed; the one after it may not.

#include <cstddef>
#include <iterator>

#include "base/check.h"

namespace gyre::base {

template <class T, class Tag>
class IntrusiveList;

struct DefaultListTag {};

template <class Tag = DefaultListTag>
class ListHook {
public:
    ListHook() noexcept = default;
    ListHook(const ListHook&) = delete;
    ListHook& operator=(const ListHook&) = delete;
    ~ListHook() { unlink(); }

    bool is_linked() const noexcept { return next_ != nullptr; }
    /// Leaves the list; nothing happens when in none.
    void unlink() noexcept {
        if (next_ == nullptr) return;
        previous_->next_ = next_;
        next_->previous_ = previous_;
        next_ = previous_ = nullptr;
    }

private:
    template <class, class>
    friend class IntrusiveList;

    void link_before(ListHook& position) noexcept {
        CHECK(!is_linked());
        next_ = &position;
        previous_ = position.previous_;
        previous_->next_ = this;
        position.previous_ = this;
    }

    ListHook* next_ = nullptr;
    ListHook* previous_ = nullptr;
};

template <class T, class Tag = DefaultListTag>
class IntrusiveList {
    using Hook = ListHook<Tag>;

public:
    /// Knows the next element already, so the present one may go.
    class Iterator {
    public:
        using iterator_category = std::input_iterator_tag;
        using value_type = T;
        using difference_type = std::ptrdiff_t;
        using pointer = T*;
        using reference = T&;

        explicit Iterator(Hook* hook) noexcept : hook_(hook), next_(hook->next_) {}
        T& operator*() const noexcept { return element(*hook_); }
        T* operator->() const noexcept { return &element(*hook_); }
        Iterator& operator++() noexcept {
            hook_ = next_;
            next_ = hook_->next_;
            return *this;
        }
        bool operator==(const Iterator& other) const noexcept { return hook_ == other.hook_; }

    private:
        Hook* hook_;
        Hook* next_;
    };

    IntrusiveList() noexcept { close(); }
    IntrusiveList(const IntrusiveList&) = delete;
    IntrusiveList& operator=(const IntrusiveList&) = delete;
    ~IntrusiveList() {
        clear();
        head_.next_ = head_.previous_ = nullptr;
    }

    bool empty() const noexcept { return head_.next_ == &head_; }
    /// O(n).
    size_t count() const noexcept {
        size_t count = 0;
        for (const Hook* hook = head_.next_; hook != &head_; hook = hook->next_) ++count;
        return count;
    }

    T& front() noexcept {
        DCHECK(!empty());
        return element(*head_.next_);
    }
    T& back() noexcept {
        DCHECK(!empty());
        return element(*head_.previous_);
    }
    void push_front(T& added) noexcept { hook_of(added).link_before(*head_.next_); }
    void push_back(T& added) noexcept { hook_of(added).link_before(head_); }
    /// Puts `added` in front of `position`, which is in this list.
    void insert_before(T& position, T& added) noexcept {
        hook_of(added).link_before(hook_of(position));
    }
    /// The first element, unlinked; null when empty.
    T* pop_front() noexcept {
        if (empty()) return nullptr;
        T& first = front();
        hook_of(first).unlink();
        return &first;
    }
    void remove(T& element) noexcept { hook_of(element).unlink(); }
    /// Lets all elements go.
    void clear() noexcept {
        while (!empty()) head_.next_->unlink();
    }
    /// Appends all of `other`'s elements, in O(1).
    void splice_back(IntrusiveList& other) noexcept {
        if (other.empty()) return;
        Hook* first = other.head_.next_;
        Hook* last = other.head_.previous_;
        first->previous_ = head_.previous_;
        head_.previous_->next_ = first;
        last->next_ = &head_;
        head_.previous_ = last;
        other.close();
    }

    Iterator begin() noexcept { return Iterator(head_.next_); }
    Iterator end() noexcept { return Iterator(&head_); }

private:
    static T& element(Hook& hook) noexcept { return static_cast<T&>(hook); }
    static Hook& hook_of(T& element) noexcept { return element; }
    void close() noexcept { head_.next_ = head_.previous_ = &head_; }

    Hook head_;
};

}  // namespace gyre::base
