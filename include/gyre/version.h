// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// The version of Gyre this header came with. Threads: any.

#define GYRE_VERSION_MAJOR 0
#define GYRE_VERSION_MINOR 1
#define GYRE_VERSION_PATCH 0
