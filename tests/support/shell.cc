// SPDX-License-Identifier: BSD-3-Clause
#include "support/shell.h"

#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace gyre::test {

Outcome run_in_shell(const std::string& folder, const std::string& line, const std::string& input) {
    std::ofstream(folder + "/in", std::ios::binary) << input;
    const std::string command = "cd " + folder + " && { " + line + "\n} < in > out 2> err";
    const int status = std::system(command.c_str());
    Outcome outcome;
    if (WIFEXITED(status)) outcome.status = WEXITSTATUS(status);
    outcome.output = read_file(folder + "/out");
    outcome.errors = read_file(folder + "/err");
    return outcome;
}

std::string read_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string cli_program() {
    const char* program = std::getenv("GYRE_CLI");
    return program == nullptr ? "" : program;
}

}  // namespace gyre::test
