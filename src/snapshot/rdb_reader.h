// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Reads an RDB file that comes in chunks of any size, and tells a handler what is in it. Strings
// that lie plainly within one chunk are given as views into it; only what a chunk's end cuts in two
// is copied.
//
//     RdbReader reader(handler);
//     while (!reader.is_done() && there is more)
//         if (auto consumed = reader.feed(chunk); !consumed) return consumed.error();
//     return reader.finish();
//
// Reads the versions 1 to 12 of Redis and 80 of Valkey, as far as the types exist. A key of a type
// that does not is an error, not a gap: what was skipped would be missing in the next file written.
//
// Nothing in the input is believed before it is there: a length reserves no memory, a string is
// gathered as its bytes come, and one that is compressed is checked for a possible length first.
//
// A collection is read element by element (snapshot/value.h) and told when it is complete: as
// packed bytes, or as an object that the handler takes.
//
// Ownership: borrows the handler. Threads: one at a time. Suspends: never; a call takes the time of
// its chunk. Errors: say what, at which offset of the input, and what to do; the first one stays.
// Memory: the item that is cut in two, two unpacked strings, and the collection at hand.
// Complexity: O(bytes), whatever the size of the chunks.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gyre/result.h"
#include "snapshot/buffer.h"
#include "snapshot/rdb_decode.h"
#include "snapshot/rdb_format.h"
#include "snapshot/record.h"
#include "snapshot/value.h"

namespace gyre::snapshot {

/// What is known of a file at its end.
struct RdbSummary {
    int version = 0;
    uint64_t bytes = 0;  ///< with header and checksum
    uint64_t records = 0;
    /// Collections without elements, which are left out, as in Redis.
    uint64_t empty_records = 0;
    bool is_verified = false;  ///< there was a checksum, and it was right
};

/// Told in the order of the file; views are valid during the call. An error that a function returns
/// ends the reading, and feed() returns it as it is.
class RdbHandler {
public:
    virtual ~RdbHandler() = default;

    /// A field about the whole file. The one that carries a timestamp comes as a part of its
    /// Record.
    virtual Result<void> aux(std::string_view name, std::string_view value);
    virtual Result<void> select_database(size_t database);
    /// How many keys the selected database will have. A claim of the file: no reason to allocate.
    virtual Result<void> resize_database(uint64_t keys, uint64_t keys_with_deadline);
    virtual Result<void> record(const Record& record) = 0;
    /// A library of functions. Refused unless overridden: there are no functions here, and if it
    /// were skipped, the next file written would not have it any more.
    virtual Result<void> function_library(std::string_view source, uint64_t offset);
    /// What a module keeps besides keys. Refused unless overridden, for the same reason; its bytes
    /// are skipped.
    virtual Result<void> module_aux(std::string_view module, uint64_t offset);
    virtual Result<void> end(const RdbSummary& summary);
};

struct RdbReaderOptions {
    /// A longer string, compressed or not, is an error.
    uint64_t string_bytes_max = kRdbStringBytesMax;
    /// False: the checksum is read and not compared.
    bool verifies_checksum = true;
    /// In which form collections are told.
    ValueLimits limits = {};
};

class RdbReader {
public:
    explicit RdbReader(RdbHandler& handler, RdbReaderOptions options = {});

    /// The next bytes. Returns how many of them belong to the file: all, unless it ends among them.
    Result<size_t> feed(std::string_view chunk);
    /// The input is over. An error unless the file was complete.
    Result<void> finish();

    /// The file is complete; what follows is not part of it (an AOF behind its preamble).
    [[nodiscard]] bool is_done() const noexcept { return state_ == State::done; }
    /// Offset of the first byte that is not part of an item told already.
    [[nodiscard]] uint64_t offset() const noexcept { return offset_; }
    /// 0 before the header is read.
    [[nodiscard]] int version() const noexcept { return summary_.version; }

private:
    enum class State : uint8_t { header, body, module_value, value, checksum, done, failed };

    std::string_view feed_cut_item(std::string_view rest);
    std::string_view feed_items(std::string_view rest);
    size_t read_item(std::string_view bytes);
    void read(RdbInput& input);
    void read_header(RdbInput& input);
    void read_body(RdbInput& input);
    void read_opcode(RdbInput& input, uint8_t opcode);
    void read_attribute(RdbInput& input, RdbOpcode opcode);
    void read_aux(RdbInput& input);
    void read_function(RdbInput& input);
    void read_module_aux(RdbInput& input);
    void read_module_value(RdbInput& input);
    void read_record(RdbInput& input);
    void begin_value(RdbInput& input, uint8_t type);
    void read_value(RdbInput& input);
    void tell_record();
    void refuse_type(RdbInput& input, uint8_t type);
    void read_end_mark(RdbInput& input);
    void read_checksum(RdbInput& input);
    void end_file(uint64_t bytes);

    std::string_view decode(RdbInput& input, StringDecoder& decoder, const EncodedText& text);
    void take_element_times(RdbInput& input, store::Type type, std::string_view text);
    void refuse_times(RdbInput& input, std::string_view what);
    void take_timestamp(RdbInput& input, std::string_view text);
    void add_to_checksum(const char* until);
    void tell(Result<void> result);
    void fail_with(Error error);
    std::string_view item_name() const;

    RdbHandler& handler_;
    const RdbReaderOptions options_;
    State state_ = State::header;
    Error error_;
    RdbSummary summary_;

    uint64_t offset_ = 0;      ///< of the item at hand
    Buffer cut_item_;          ///< the beginning of an item whose end has not come
    size_t bytes_needed_ = 0;  ///< what that item has at least

    /// Where the bytes of this chunk begin that are not in checksum_ yet; null from the end mark
    /// on.
    const char* checksum_from_ = nullptr;
    uint64_t checksum_ = 0;

    Record record_;  ///< the attributes of the next key, and the database
    StringDecoder key_;
    StringDecoder value_;

    // the collection that is being read
    Buffer key_bytes_;
    std::vector<ElementTime> times_;  ///< of elements of the collection that is next
    store::Type times_type_{};        ///< what that must be
    std::unique_ptr<ValueReader> collection_;
};

}  // namespace gyre::snapshot
