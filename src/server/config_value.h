// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Values of the configuration: from the words of a directive to the form CONFIG GET prints, by the
// kind of their row, and back to lines of a file. The texts of errors are those of Redis.
//
// Threads: any. Errors: the reason alone; callers say where.

#include <array>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/stream.h"
#include "server/config_table.h"

namespace gyre::server {

/// Values by place of the row in config_rows().
using ConfigValues = std::vector<ConfigValue>;

/// The defaults.
ConfigValues initial_config_values();

/// Reads the arguments of a directive. Where they say a part only (one class of
/// client-output-buffer-limit), the rest is that of `present`.
Result<ConfigValue> parse_config_value(const ConfigRow& row, std::span<const std::string> words,
                                       const ConfigValue& present);

/// The lines that set a row to a value, without line ends.
std::vector<std::string> config_lines(const ConfigRow& row, const ConfigValue& value);
/// One word as the reader of files takes it: quoted where it must be.
std::string config_word(std::string_view word);

/// A name and no path, with Redis' words for dbfilename.
Result<void> check_plain_name(const ConfigValue& value, const std::string& parameter,
                              std::string_view kind = "filename");

/// Views of the words of a text, which blanks separate.
std::vector<std::string_view> split_words(std::string_view text);

/// Of normal, replica and pubsub clients, in this order.
using OutputLimits = std::array<net::OutputLimit, 3>;
OutputLimits output_limits_of(const ConfigValue& value);

}  // namespace gyre::server
