// SPDX-License-Identifier: BSD-3-Clause

// Goal: whatever a configuration file holds, it is read or refused with an error of one line; what
// was read comes out of a rewrite as it went in; and nothing of a refused file stays.

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/numbers.h"
#include "server/config.h"
#include "server/config_file.h"

namespace {

using gyre::server::Config;
using gyre::server::ConfigReader;
using gyre::server::ConfigValues;

[[noreturn]] void fail(const char* what, const std::string& text) {
    std::fprintf(stderr, "config_fuzz: %s\n%s\n", what, text.c_str());
    std::abort();
}

std::vector<std::pair<std::string, std::string>> everything(const Config& config) {
    const std::string_view patterns[] = {"*"};
    return config.get(patterns);
}

void check_rewrite(std::string_view text) {
    ConfigValues values = gyre::server::initial_config_values();
    if (!ConfigReader(values, "/").read_text(text, "fuzz")) fail("read once, refused then", "");
    // From an empty file everything that is not a default is new; from its own, nothing is.
    for (const std::string_view before : {std::string_view(), text}) {
        const auto written = gyre::server::rewritten_config(before, "fuzz", values, "/");
        if (!written) fail("a text that was read is not rewritten", written.error().message);
        ConfigValues again = gyre::server::initial_config_values();
        const auto read = ConfigReader(again, "/").read_text(*written, "rewritten");
        if (!read) fail("what was written is not read", read.error().message);
        for (size_t index = 0; index < values.size(); ++index) {
            if (again[index].text != values[index].text) fail("another value comes back", *written);
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    // Other files of the machine are not part of the input.
    if (gyre::base::to_lower(text).find("include") != std::string::npos) return 0;
    Config config;
    const auto before = everything(config);
    const auto loaded = config.load_text(text, "fuzz");
    if (loaded) {
        check_rewrite(text);
    } else {
        const std::string& message = loaded.error().message;
        if (!message.starts_with("fuzz:")) fail("an error that does not say where", message);
        for (const char character : message) {
            if (character == '\n' || character == '\r') fail("an error of several lines", message);
        }
        if (everything(config) != before) fail("a refused text left something behind", message);
    }
    gyre::base::set_level(gyre::base::Level::notice);
    return 0;
}
