// SPDX-License-Identifier: BSD-3-Clause
#include "cli/options.h"

#include <algorithm>
#include <limits>

#include "base/numbers.h"
#include "cli/line.h"

namespace gyre::cli {
namespace {

using Setter = Result<void> (*)(Options& options, std::string_view value);

struct Row {
    std::string_view name;
    std::string_view value;  // what --help calls its value; empty: it takes none
    Setter set;
    std::string_view help;  // empty: another name of the row before
};

template <auto Member>
Result<void> set_true(Options& options, std::string_view) {
    options.*Member = true;
    return {};
}

template <Task Value>
Result<void> set_task(Options& options, std::string_view) {
    options.task = Value;
    return {};
}

template <Format Value>
Result<void> set_format(Options& options, std::string_view) {
    options.format = Value;
    return {};
}

template <auto Member>
Result<void> set_text(Options& options, std::string_view value) {
    options.*Member = value;
    return {};
}

template <int Value>
Result<void> set_protocol(Options& options, std::string_view) {
    options.protocol = Value;
    return {};
}

Result<int64_t> read_number(std::string_view name, std::string_view value, int64_t least) {
    const auto number = base::parse_integer(value);
    if (!number || *number < least || *number > std::numeric_limits<int>::max()) {
        return fail("The value of " + std::string(name) + " must be a number from " +
                    std::to_string(least) + " on, not '" + std::string(value) + "'.");
    }
    return *number;
}

Result<void> set_host(Options& options, std::string_view value) {
    options.address.host = value;
    return {};
}
Result<void> set_port(Options& options, std::string_view value) {
    const Result<uint16_t> port = parse_port(value);
    if (!port) return tl::unexpected(port.error());
    options.address.port = *port;
    return {};
}
Result<void> set_socket(Options& options, std::string_view value) {
    options.address.unix_path = value;
    return {};
}
Result<void> set_url(Options& options, std::string_view value) {
    auto done = apply_url(options.address, value);
    options.has_visible_password |= !options.address.password.empty();
    return done;
}
Result<void> set_database(Options& options, std::string_view value) {
    const Result<int> database = parse_database(value);
    if (!database) return tl::unexpected(database.error());
    options.address.database = *database;
    options.address.names_database = true;
    return {};
}
Result<void> set_user(Options& options, std::string_view value) {
    options.address.username = value;
    return {};
}
Result<void> set_password(Options& options, std::string_view value) {
    options.address.password = value;
    options.has_visible_password = true;
    return {};
}
Result<void> hide_warning(Options& options, std::string_view) {
    options.warns_of_password = false;
    return {};
}
Result<void> set_repeat(Options& options, std::string_view value) {
    const Result<int64_t> number = read_number("-r", value, -1);
    if (!number) return tl::unexpected(number.error());
    options.repeat = *number;
    options.has_repeat = true;
    return {};
}
Result<void> set_interval(Options& options, std::string_view value) {
    const auto seconds = base::parse_double(value);
    constexpr double kDay = 86400;
    if (!seconds || *seconds < 0 || *seconds > kDay) {
        return fail("The value of -i must be a number of seconds, at most a day, not '" +
                    std::string(value) + "'.");
    }
    options.interval_s = *seconds;
    return {};
}
Result<void> set_scan_count(Options& options, std::string_view value) {
    const Result<int64_t> number = read_number("--count", value, 1);
    if (!number) return tl::unexpected(number.error());
    options.scan_count = *number;
    return {};
}
Result<void> set_pipe_timeout(Options& options, std::string_view value) {
    const Result<int64_t> number = read_number("--pipe-timeout", value, 0);
    if (!number) return tl::unexpected(number.error());
    options.pipe_timeout_s = static_cast<int>(std::min<int64_t>(*number, 1'000'000));
    return {};
}
template <Task Value>
Result<void> set_data_file(Options& options, std::string_view value) {
    if (!options.data_file.empty()) return fail("Give one of --dump, --rdb and --load, once.");
    if (value.empty()) return fail("The name of the file is empty.");
    options.task = Value;
    options.data_file = value;
    return {};
}
Result<void> set_rdb_file(Options& options, std::string_view value) {
    options.file_format = FileFormat::rdb;
    return set_data_file<Task::dump>(options, value);
}
Result<void> set_file_format(Options& options, std::string_view value) {
    if (value != "rdb" && value != "json") {
        return fail("The value of --format must be rdb or json, not '" + std::string(value) + "'.");
    }
    options.file_format = value == "rdb" ? FileFormat::rdb : FileFormat::json;
    return {};
}
Result<void> set_quoted_pattern(Options& options, std::string_view value) {
    auto words = split_line(value);
    if (!words || words->size() != 1) {
        return fail("The value of --quoted-pattern must be one word in quotes.");
    }
    options.pattern = std::move(words->front());
    return {};
}
Result<void> set_pushes(Options& options, std::string_view value) {
    if (value != "yes" && value != "no" && value != "y" && value != "n") {
        return fail("The value of --show-pushes must be yes or no.");
    }
    options.shows_pushes = value.front() == 'y';
    return {};
}
Result<void> set_tls(Options& options, std::string_view) {
    options.address.uses_tls = true;
    return {};
}
template <auto Member>
Result<void> set_tls_text(Options& options, std::string_view value) {
    options.address.tls.*Member = value;
    return {};
}
Result<void> set_insecure(Options& options, std::string_view) {
    options.address.tls.verifies = false;
    return {};
}

constexpr Row kRows[] = {
    {"-h", "host", set_host, "Host of the server (127.0.0.1)."},
    {"-p", "port", set_port, "Its port (6379)."},
    {"-s", "path", set_socket, "Its Unix socket, in place of host and port."},
    {"-u", "url", set_url, "redis[s]://user:password@host:port/database or unix://path?db=number."},
    {"-a", "password", set_password, "Password; better in GYRE_AUTH or REDISCLI_AUTH."},
    {"--pass", "password", set_password, ""},
    {"--user", "name", set_user, "User to authenticate as."},
    {"--askpass", "", set_true<&Options::asks_password>, "Ask for the password."},
    {"--no-auth-warning", "", hide_warning, "Be silent about a password on the command line."},
    {"-n", "database", set_database, "Number of the database."},
    {"-2", "", set_protocol<2>, "Speak RESP2."},
    {"-3", "", set_protocol<3>, "Speak RESP3."},
    {"-c", "", set_true<&Options::follows_cluster>, "Follow redirections of a cluster."},
    {"-r", "count", set_repeat, "Run the command so many times; -1: for ever."},
    {"-i", "seconds", set_interval, "Wait so long between two times; parts of seconds too."},
    {"-x", "", set_true<&Options::takes_last_from_stdin>,
     "Take the last argument from standard input."},
    {"-X", "tag", set_text<&Options::stdin_tag>, "Take the argument `tag` from standard input."},
    {"-e", "", set_true<&Options::fails_on_error>,
     "End with status 1 at the first error, which goes to standard error."},
    {"-f", "file", set_text<&Options::file>, "Run the commands of a file, one a line."},
    {"--quoted-input", "", set_true<&Options::has_quoted_input>,
     "Read quotes and escapes in the arguments."},
    {"--raw", "", set_format<Format::raw>, "Replies as they are; what happens without a terminal."},
    {"--no-raw", "", set_format<Format::standard>, "Replies with types and numbers."},
    {"--csv", "", set_format<Format::csv>, "Replies as comma-separated values."},
    {"--json", "", set_format<Format::json>, "Replies as JSON, asked for in RESP3."},
    {"--quoted-json", "", set_format<Format::quoted_json>, "The same in ASCII."},
    {"-d", "text", set_text<&Options::element_delimiter>,
     "What stands between elements of a raw reply."},
    {"-D", "text", set_text<&Options::reply_delimiter>, "What ends a raw reply."},
    {"--show-pushes", "yes|no", set_pushes, "Print push messages of RESP3."},
    {"--time", "", set_true<&Options::shows_time>, "Show how long each command took."},
    {"--ttl", "", set_true<&Options::shows_ttl>,
     "Show when what is read expires; without a terminal on standard error."},
    {"--pipe", "", set_task<Task::pipe>,
     "Send standard input, which is in the protocol, as it is."},
    {"--pipe-timeout", "seconds", set_pipe_timeout, "Wait so long for replies (30); 0: for ever."},
    {"--dump", "file", set_data_file<Task::dump>,
     "Write the keys to a file, name.rdb or name.json; - is standard output."},
    {"--rdb", "file", set_rdb_file, "The same, as RDB whatever its name."},
    {"--load", "file", set_data_file<Task::load>,
     "Put the keys of an RDB or JSON file into the server; - is standard input."},
    {"--format", "rdb|json", set_file_format, "Format of the file of --dump."},
    {"--replace", "", set_true<&Options::replaces_keys>,
     "Let --load write over keys that are there."},
    {"--scan", "", set_task<Task::scan>, "List the keys by SCAN."},
    {"--pattern", "glob", set_text<&Options::pattern>,
     "Only keys that match, in --scan, --dump, --bigkeys, --memkeys, --hotkeys."},
    {"--quoted-pattern", "glob", set_quoted_pattern, "The same with quotes and escapes."},
    {"--count", "number", set_scan_count, "COUNT of each SCAN."},
    {"--bigkeys", "", set_task<Task::bigkeys>, "The keys of each type with the most elements."},
    {"--memkeys", "", set_task<Task::memkeys>, "The keys of each type that take the most memory."},
    {"--hotkeys", "", set_task<Task::hotkeys>,
     "The keys used most; the server's maxmemory-policy must be one of LFU."},
    {"--latency", "", set_task<Task::latency>, "How long PING takes, again and again."},
    {"--stat", "", set_task<Task::stat>, "A line of numbers about the server each second."},
    {"--watch", "", set_task<Task::watch>,
     "A dashboard of the server, drawn anew each second or every -i seconds."},
    {"--tls", "", set_tls, "Connect through TLS, as a rediss:// URL does."},
    {"--cacert", "file", set_tls_text<&TlsOptions::ca_file>,
     "Authorities that may sign the server's certificate; else those of the system."},
    {"--cacertdir", "directory", set_tls_text<&TlsOptions::ca_directory>,
     "The same, as a directory of `openssl rehash`."},
    {"--cert", "file", set_tls_text<&TlsOptions::certificate_file>,
     "Certificate to show to the server."},
    {"--key", "file", set_tls_text<&TlsOptions::key_file>, "Its key."},
    {"--sni", "name", set_tls_text<&TlsOptions::server_name>,
     "Name to ask the server for and to expect in its certificate; else the host."},
    {"--insecure", "", set_insecure, "Do not look at the server's certificate."},
    {"--help", "", set_task<Task::show_help>, "This."},
    {"--version", "", set_task<Task::show_version>, "The version."},
    {"-v", "", set_task<Task::show_version>, ""},
};

const Row* find_row(std::string_view name) {
    const auto* row = std::ranges::find(kRows, name, &Row::name);
    return row == std::end(kRows) ? nullptr : row;
}

void read_environment(Options& options, const Environment& environment) {
    for (const char* name : {"REDISCLI_AUTH", "GYRE_AUTH"}) {
        if (const char* value = environment(name)) options.address.password = value;
    }
}

/// What belongs to --dump and --load alone, and the format that a name tells.
Result<void> check_data_file(Options& options) {
    const bool is_load = options.task == Task::load;
    if (options.replaces_keys && !is_load) return fail("--replace is for --load.");
    if (options.file_format && options.task != Task::dump) {
        return fail("--format is for --dump; what a file to load is, its first bytes say.");
    }
    if (options.data_file.empty()) return {};
    if (options.task != Task::dump && !is_load) return fail("Give one task at a time.");
    if (!options.words.empty()) {
        return fail("--dump and --load take no command; '" + options.words.front() +
                    "' would not be run.");
    }
    if (options.follows_cluster) {
        return fail("--dump and --load talk to one server; leave -c out, and do it for each node.");
    }
    if (is_load && options.pattern != "*") return fail("--pattern is not for --load.");
    if (is_load || options.file_format) return {};
    const std::string name = base::to_lower(options.data_file);
    if (!name.ends_with(".rdb") && !name.ends_with(".json")) {
        return fail("The name '" + options.data_file +
                    "' does not say whether to write RDB or JSON; give --format rdb or --format "
                    "json.");
    }
    options.file_format = name.ends_with(".rdb") ? FileFormat::rdb : FileFormat::json;
    return {};
}

Result<void> check_tls(const Address& address) {
    const TlsOptions& tls = address.tls;
    if (address.uses_tls && !address.unix_path.empty()) {
        return fail("TLS is for TCP; leave it out for a Unix socket.");
    }
    if (tls.certificate_file.empty() != tls.key_file.empty()) {
        return fail("--cert and --key belong together; give both.");
    }
    const bool says_something = !tls.ca_file.empty() || !tls.ca_directory.empty() ||
                                !tls.certificate_file.empty() || !tls.server_name.empty() ||
                                !tls.verifies;
    if (address.uses_tls || !says_something) return {};
    return fail(
        "--cacert, --cacertdir, --cert, --key, --sni and --insecure are for TLS; give "
        "--tls or a rediss:// URL.");
}

Result<void> check_together(Options& options) {
    if (auto done = check_tls(options.address); !done) return done;
    if (auto done = check_data_file(options); !done) return done;
    if (options.asks_password) options.has_visible_password = false;
    if (options.takes_last_from_stdin && !options.stdin_tag.empty()) {
        return fail("-x and -X both take standard input; give one of them.");
    }
    if (!options.file.empty() && !options.words.empty()) {
        return fail("-f and a command exclude each other; put the command into the file.");
    }
    if (options.task == Task::watch && (options.format || !options.words.empty())) {
        return fail(
            "--watch takes no command and draws for people; for programs there is the command "
            "INFO, with --json or --raw.");
    }
    const bool takes_stdin = options.takes_last_from_stdin || !options.stdin_tag.empty();
    if (takes_stdin && options.words.empty()) {
        return fail("-x and -X need a command, whose argument they read.");
    }
    return {};
}

/// The command, as it was typed.
Result<void> take_words(Options& options, std::span<const std::string_view> words) {
    for (const std::string_view word : words) {
        if (!options.has_quoted_input) {
            options.words.emplace_back(word);
            continue;
        }
        auto unquoted = split_line(word);
        if (!unquoted || unquoted->size() != 1) {
            return fail("With --quoted-input each argument is one word in quotes; '" +
                        std::string(word) + "' is not.");
        }
        options.words.push_back(std::move(unquoted->front()));
    }
    return {};
}

}  // namespace

Result<Options> parse_options(std::span<const std::string_view> arguments,
                              const Environment& environment) {
    Options options;
    read_environment(options, environment);
    size_t at = 0;
    while (at < arguments.size() && arguments[at].starts_with('-') && arguments[at].size() > 1) {
        const std::string_view name = arguments[at++];
        if (name == "--") break;
        const Row* row = find_row(name);
        if (row == nullptr) {
            return fail("There is no option '" + std::string(name) + "'; see gyre-cli --help.");
        }
        // As in redis-cli, -h with nothing behind it asks for help.
        if (name == "-h" && at == arguments.size()) row = find_row("--help");
        std::string_view value;
        if (!row->value.empty()) {
            if (at == arguments.size()) {
                return fail("The option " + std::string(name) +
                            " needs a value: " + std::string(row->value) + ".");
            }
            value = arguments[at++];
        }
        if (auto done = row->set(options, value); !done) return tl::unexpected(done.error());
    }
    if (auto done = take_words(options, arguments.subspan(at)); !done) {
        return tl::unexpected(done.error());
    }
    if (auto done = check_together(options); !done) return tl::unexpected(done.error());
    return options;
}

std::string help_text() {
    std::string text =
        "gyre-cli " GYRE_VERSION
        ": talks to Gyre and to other servers of the Redis protocol.\n\n"
        "Usage: gyre-cli [options] [command [argument ...]]\n\n"
        "Without a command: interactive on a terminal, else the lines of standard input.\n\n";
    constexpr size_t kHelpColumn = 24;
    for (const Row& row : kRows) {
        std::string line = "  " + std::string(row.name);
        if (!row.value.empty()) line += " <" + std::string(row.value) + ">";
        line.resize(std::max(kHelpColumn, line.size() + 1), ' ');
        text += line + (row.help.empty() ? "The same." : std::string(row.help)) + "\n";
    }
    return text;
}

}  // namespace gyre::cli
