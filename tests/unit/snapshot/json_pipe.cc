// SPDX-License-Identifier: BSD-3-Clause

// Lets another program see our JSON from outside (check_json.py). Records stand one on a line in a
// form without any escaping of its own: database, key, value, deadline, timestamp, divided by
// blanks, bytes as "x" and hexadecimal digits, "-" for what is not there. Only strings go so; other
// values are seen by what comes of a document that is read and written again.
//
//     unit-snapshot-json-pipe write    records on standard input, the document on standard output
//     unit-snapshot-json-pipe read     the other way round
//     unit-snapshot-json-pipe copy     a document on standard input, another on standard output

#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>

#include "snapshot/json_reader.h"
#include "snapshot/json_writer.h"

namespace {

using gyre::Result;
using gyre::snapshot::Record;

int give_up(const std::string& why) {
    std::fprintf(stderr, "%s\n", why.c_str());
    return EXIT_FAILURE;
}

std::string to_hex(std::string_view bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text = "x";
    for (const char byte : bytes) {
        text += kDigits[static_cast<unsigned char>(byte) >> 4];
        text += kDigits[static_cast<unsigned char>(byte) & 15];
    }
    return text;
}

std::string from_hex(std::string_view text) {
    std::string bytes;
    for (size_t at = 1; at + 1 < text.size(); at += 2) {
        unsigned byte = 0;
        std::from_chars(text.data() + at, text.data() + at + 2, byte, 16);
        bytes += static_cast<char>(byte);
    }
    return bytes;
}

std::string to_time(int64_t time_ms, int64_t none) {
    return time_ms == none ? "-" : std::to_string(time_ms);
}

int64_t from_time(const std::string& text, int64_t none) {
    return text == "-" ? none : std::strtoll(text.c_str(), nullptr, 10);
}

Result<void> print(std::string_view bytes) {
    std::cout.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return {};
}

int write() {
    gyre::snapshot::JsonWriter writer(print);
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream words(line);
        std::string key;
        std::string value;
        std::string expire;
        std::string timestamp;
        Record record;
        words >> record.database >> key >> value >> expire >> timestamp;
        if (!words) return give_up("a line is incomplete");
        key = from_hex(key);
        value = from_hex(value);
        record.key = key;
        record.value = value;
        record.expire_ms = from_time(expire, gyre::store::kNoExpiry);
        record.timestamp_ms = from_time(timestamp, gyre::store::kNoTimestamp);
        if (const auto done = writer.add(record); !done) return give_up(done.error().message);
    }
    if (const auto done = writer.finish(); !done) return give_up(done.error().message);
    return EXIT_SUCCESS;
}

Result<size_t> take(std::span<char> buffer) {
    std::cin.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    return static_cast<size_t>(std::cin.gcount());
}

int read() {
    const auto handler = [](const Record& record) -> Result<void> {
        std::cout << record.database << ' ' << to_hex(record.key) << ' ' << to_hex(record.value)
                  << ' ' << to_time(record.expire_ms, gyre::store::kNoExpiry) << ' '
                  << to_time(record.timestamp_ms, gyre::store::kNoTimestamp) << '\n';
        return {};
    };
    const auto done = gyre::snapshot::read_json(take, handler);
    return done ? EXIT_SUCCESS : give_up(done.error().message);
}

int copy() {
    gyre::snapshot::JsonWriter writer(print);
    const auto done = gyre::snapshot::read_json(
        take, [&writer](const Record& record) { return writer.add(record); });
    if (!done) return give_up(done.error().message);
    const auto end = writer.finish();
    return end ? EXIT_SUCCESS : give_up(end.error().message);
}

}  // namespace

int main(int argc, char** argv) {
    const std::string_view verb = argc == 2 ? argv[1] : "";
    if (verb == "write") return write();
    if (verb == "read") return read();
    if (verb == "copy") return copy();
    return give_up("write, read or copy");
}
