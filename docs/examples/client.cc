// SPDX-License-Identifier: BSD-3-Clause

// How to use gyre/client.h: connect, set and get a value, send a pipeline, print replies.
//
//     example-client [host [port]]

#include <gyre/client.h>

#include <cstdlib>
#include <iostream>
#include <string>

namespace {

int report(const gyre::Error& error) {
    std::cerr << error.message << '\n';
    return EXIT_FAILURE;
}

}  // namespace

int main(int argc, char** argv) {
    gyre::ClientOptions options;
    options.client_name = "example";
    if (argc > 1) options.host = argv[1];
    if (argc > 2) options.port = static_cast<uint16_t>(std::atoi(argv[2]));

    gyre::Result<gyre::Client> client = gyre::Client::connect(options);
    if (!client) return report(client.error());

    // One command, one reply. A refusal by the server is a reply too; an error is a broken
    // conversation.
    gyre::Result<gyre::Reply> stored =
        client->command("SET", "example:colour", "green", "EX", "60");
    if (!stored) return report(stored.error());
    std::cout << "SET: " << stored->to_string() << '\n';

    gyre::Result<gyre::Reply> colour = client->command("GET", "example:colour");
    if (!colour) return report(colour.error());
    std::cout << "GET: " << colour->text << '\n';

    // A pipeline: many commands, sent at once; their replies come in the same order.
    for (int i = 1; i <= 3; ++i) client->append("INCRBY", "example:sum", std::to_string(i));
    client->append("MGET", "example:sum", "example:colour", "example:none");
    client->append("INCR", "example:colour");
    client->append("DEL", "example:sum", "example:colour");
    gyre::Result<std::vector<gyre::Reply>> replies = client->execute_pipeline();
    if (!replies) return report(replies.error());
    for (const gyre::Reply& reply : *replies) std::cout << reply.to_string() << '\n';
    return EXIT_SUCCESS;
}
