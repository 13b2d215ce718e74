// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What the functions of the single types share. To add a type, a file snapshot/rdb_<type>.cc with a
// ValueWriter and a function that makes its ValueReader, and a line for each in value.cc.
//
// Writing: a value is written in parts, so that a large one need not be written under one hold of
// its shard's lock. A part does about as much as its budget says, counted in bytes of the value
// (kElementCost on top for each element), and leaves in WriteProgress where the next one begins.
// Between two parts the value must not change: whoever is about to change it first has all that is
// left written.
//
// Reading: a value is read in parts, too, each of which begins only when its bytes are there, so
// that a large value that comes in small chunks is not read again from its beginning. What comes
// out is a collection in the form that the limits ask for. Every byte is checked: a reader refuses
// what is no collection, elements that are there twice, and bytes behind the end of a packed form.
//
// Ownership: writers borrow everything. A reader owns what it has built until it is taken; `bytes`
// of its value may lie in its input. Threads: one at a time. Errors: RdbInput::refuse().
// Complexity: O(bytes), expected. Memory: what is built, and two unpacked strings.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "containers/ranked_set.h"
#include "snapshot/buffer.h"
#include "snapshot/rdb_decode.h"
#include "snapshot/record.h"
#include "store/entry.h"
#include "types/hash.h"
#include "types/list.h"
#include "types/listpack.h"
#include "types/object.h"
#include "types/stream.h"

namespace gyre::snapshot {

class RecordEncoder;

// --- writing ------------------------------------------------------------------------------------

/// Where in a stream the next part begins.
struct StreamProgress {
    enum class Part : uint8_t { nodes, groups, pending, consumers, consumer_pending };
    Part part = Part::nodes;
    size_t group = 0;
    size_t consumer = 0;
    types::StreamId next;  ///< node or pending entry
};

/// How far the writing of one record has come.
struct WriteProgress {
    enum class Stage : uint8_t { attributes, fields, value };
    Stage stage = Stage::attributes;
    bool has_head = false;  ///< the number of elements is written
    size_t place = 0;       ///< the next bucket
    uint64_t count = 0;     ///< elements before it
    types::List::NodeCursor node;
    containers::RankedSet::Place member;  ///< the next one
    StreamProgress stream;
};

/// What an element costs beside its bytes.
inline constexpr size_t kElementCost = 32;

/// The functions of a type. Those that write return true when all is written.
struct ValueWriter {
    using Write = bool (*)(const Record& record, WriteProgress& progress, size_t budget,
                           RecordEncoder& encoder, Buffer& out);
    /// The number of the type in the file.
    uint8_t (*type)(const Record& record, int version);
    /// AUX fields that must stand before the key; null: there never are any.
    Write fields;
    Write write;
    /// All of the value but its last string, which is record.value as it stands. False: it is not
    /// of that form, and nothing is written.
    bool (*head)(const Record& record, RecordEncoder& encoder, Buffer& out);
};
/// Null: values of this type cannot be written.
const ValueWriter* value_writer(store::Type type);

extern const ValueWriter kListWriter;
extern const ValueWriter kSetWriter;
extern const ValueWriter kSortedSetWriter;
extern const ValueWriter kHashWriter;
extern const ValueWriter kStreamWriter;

// --- reading ------------------------------------------------------------------------------------

/// Up to what size collections are packed: see engine::Settings.
struct ValueLimits {
    size_t hash_listpack_entries = 512;
    size_t hash_listpack_value = 64;
    size_t set_intset_entries = 512;
    size_t set_listpack_entries = 128;
    size_t set_listpack_value = 64;
    size_t zset_listpack_entries = 128;
    size_t zset_listpack_value = 64;
    types::List::Options list = {};
    types::StreamNodeLimits stream_node = {};  ///< of streams that are appended to
};

/// A collection that is complete.
struct BuiltValue {
    store::Kind kind{};
    std::string bytes;                      ///< of a packed one
    std::unique_ptr<types::Object> object;  ///< of any other
};

/// A time that belongs to an element of a collection, a field of a hash or a consumer of a stream:
/// which one it is in the order of the file.
struct ElementTime {
    uint64_t index = 0;
    int64_t time_ms = 0;
};

/// What a reader must know beside the bytes.
struct ReadContext {
    int version = 0;
    const ValueLimits* limits = nullptr;
    /// Deadlines of the fields of the hash, or times of the consumers of the stream, that follows,
    /// ascending; a reader of something else leaves them.
    std::vector<ElementTime> times;
};

class ValueReader {
public:
    virtual ~ValueReader() = default;
    ValueReader(const ValueReader&) = delete;
    ValueReader& operator=(const ValueReader&) = delete;

    /// Reads the next part, at least one byte. When bytes are missing nothing has happened, and it
    /// is called again with the same ones and more.
    virtual void read(RdbInput& input) = 0;
    [[nodiscard]] bool is_done() const { return is_done_; }

    // --- when it is done ---
    /// There were no elements.
    [[nodiscard]] bool is_empty() const { return !object_ && bytes_.empty(); }
    [[nodiscard]] store::Kind kind() const { return kind_; }
    /// Of a packed collection; good while the input and the reader are.
    [[nodiscard]] std::string_view bytes() const { return bytes_; }
    [[nodiscard]] std::unique_ptr<types::Object>& object() { return object_; }

protected:
    explicit ValueReader(store::Kind kind) : kind_(kind) {}

    /// Empty where the input is refused; good until the decoder's next string.
    static std::string_view decode(RdbInput& input, StringDecoder& decoder,
                                   const EncodedText& text);
    static void refuse_packed(RdbInput& input, const EncodedText& text, std::string_view what);
    static void refuse_twice(RdbInput& input, uint64_t offset, std::string_view element);
    void end_packed(store::Encoding encoding, std::string_view bytes) {
        kind_.encoding = encoding;
        bytes_ = bytes;
        is_done_ = true;
    }
    void end(BuiltValue built) {
        built_ = std::move(built);
        object_ = std::move(built_.object);
        end_packed(built_.kind.encoding, built_.bytes);
    }
    void end_empty() { is_done_ = true; }

    StringDecoder first_;
    StringDecoder second_;

private:
    store::Kind kind_;
    std::string_view bytes_;
    BuiltValue built_;  // what bytes_ may lie in
    std::unique_ptr<types::Object> object_;
    bool is_done_ = false;
};

/// For a type's number in the file. Null: values of that number cannot be read.
std::unique_ptr<ValueReader> make_value_reader(uint8_t type, ReadContext context);

std::unique_ptr<ValueReader> make_list_reader(uint8_t type, ReadContext context);
std::unique_ptr<ValueReader> make_set_reader(uint8_t type, ReadContext context);
std::unique_ptr<ValueReader> make_sorted_set_reader(uint8_t type, ReadContext context);
std::unique_ptr<ValueReader> make_hash_reader(uint8_t type, ReadContext context);
std::unique_ptr<ValueReader> make_stream_reader(uint8_t type, ReadContext context);

/// One of the times in an AUX field kFieldDeadlinesField or kActiveTimesField.
void write_element_time(const ElementTime& time, Buffer& out);
/// All of one field; false where they make no sense, or one is above `max_ms`.
bool read_element_times(std::string_view text, int64_t max_ms, std::vector<ElementTime>& times);

/// No two of the elements at 0, `step`, 2 `step` ... are equal.
bool are_distinct(const types::Listpack& listpack, size_t step);
void append(std::string& listpack, std::string_view element);
void append(std::string& listpack, const types::ListpackValue& element);
void append(std::string& listpack, const types::ListpackElement& element);

}  // namespace gyre::snapshot
