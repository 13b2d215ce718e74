// SPDX-License-Identifier: BSD-3-Clause
#include <string>

#include "ring/ring.h"

namespace gyre::ring {

std::string Address::text() const {
    const std::string number = std::to_string(port);
    if (family == Family::inet6) return "[" + host + "]:" + number;
    if (family == Family::unix_path) return host + ":0";
    return host + ":" + number;
}

}  // namespace gyre::ring
