// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// Where the server is and who asks: from options, or from a URL
//
//     redis://[[user]:password@]host[:port][/database]
//     rediss://...                                    the same through TLS
//     unix://[[user]:password@]/path/of/socket[?db=n]
//
// Every part may be percent-encoded; a host in brackets is an IPv6 address. redis-socket:// and
// valkey:// and valkeys:// are other names. What precedes '@' without a colon is a password, as
// redis-cli takes it.
//
// Threads: any. Errors: a sentence for the person who typed the URL.

#include <cstdint>
#include <string>
#include <string_view>

#include "gyre/client.h"
#include "gyre/result.h"

namespace gyre::cli {

struct Address {
    std::string host = "127.0.0.1";
    uint16_t port = 6379;
    std::string unix_path = {};  ///< when set, used instead of host and port
    bool uses_tls = false;
    TlsOptions tls = {};
    std::string username = {};
    std::string password = {};
    int database = 0;
    bool names_database = false;  ///< somebody has said which, 0 or another

    /// "host:port" or the path, as the prompt shows it.
    std::string to_string() const;
};

/// Sets what the URL says and leaves the rest as it is; redis:// does not switch TLS off.
Result<void> apply_url(Address& address, std::string_view url);

/// 1 to 65535.
Result<uint16_t> parse_port(std::string_view text);
/// 0 to 2^31 - 1.
Result<int> parse_database(std::string_view text);

}  // namespace gyre::cli
