// SPDX-License-Identifier: BSD-3-Clause
// TLS of the client library and of gyre-cli, against Debian's redis-server, which has it. The
// authority is made by the openssl tool for these tests alone. $GYRE_CLI names the program.

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "support/server_process.h"
#include "support/session.h"
#include "support/shell.h"
#include "support/terminal.h"

namespace gyre::test {
namespace {

constexpr int kStartAttempts = 5;

/// Keys and certificates: those of a good server, of one whose name is another, of an expired one,
/// of a client, and an authority that signed none of them.
const char* const kMakeCertificates = R"(set -e
new='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
authority() { openssl req -x509 $new -keyout $1.key -out $1.pem -subj "/CN=$1" -days 30; }
signed() { # name days extension
    openssl req $new -keyout $1.key -out $1.csr -subj "/CN=$1"
    printf '%s\n' "$3" > $1.ext
    openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out $1.pem -days $2 -extfile $1.ext
}
authority ca
authority other
signed good 30 'subjectAltName=DNS:localhost,IP:127.0.0.1'
signed elsewhere 30 'subjectAltName=DNS:box.test'
signed expired -1 'subjectAltName=DNS:localhost,IP:127.0.0.1'
signed client 30 'extendedKeyUsage=clientAuth'
openssl pkey -in client.key -aes128 -passout pass:secret -out locked.key
mkdir authorities && cp ca.pem authorities && openssl rehash authorities
)";

class CliTls : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        folder_ = make_temporary_directory();
        const Outcome made = run_in_shell(folder_, kMakeCertificates);
        ASSERT_EQ(made.status, 0) << made.errors;
    }
    static void TearDownTestSuite() { std::filesystem::remove_all(folder_); }

    void SetUp() override {
        if (access(oracle_binary().c_str(), X_OK) != 0) GTEST_SKIP() << "no redis-server";
    }

    static std::string path(const std::string& name) { return folder_ + "/" + name; }

    /// A redis-server with this certificate, on a port for TLS beside the plain one.
    void start(const std::string& certificate, const std::vector<std::string>& more = {}) {
        for (int attempt = 0; attempt < kStartAttempts; ++attempt) {
            port_ = free_port();
            std::vector<std::string> arguments = {"--tls-port",         std::to_string(port_),
                                                  "--tls-cert-file",    path(certificate + ".pem"),
                                                  "--tls-key-file",     path(certificate + ".key"),
                                                  "--tls-ca-cert-file", path("ca.pem"),
                                                  "--tls-auth-clients", "no"};
            arguments.insert(arguments.end(), more.begin(), more.end());
            server_ = std::make_unique<ServerProcess>(
                ServerOptions{.binary = oracle_binary(), .arguments = arguments});
            // Somebody may have taken the port for TLS meanwhile.
            if (server_->is_ready()) return;
        }
        FAIL() << server_->log();
    }

    ClientOptions options(const TlsOptions& tls) const {
        return {.port = static_cast<uint16_t>(port_), .tls = tls};
    }
    ClientOptions trusting() const { return options({.ca_file = path("ca.pem")}); }
    /// Why there is no connection, or why its first command fails; empty: there is one.
    static Error refusal(const ClientOptions& options) {
        auto client = Client::connect(options);
        if (!client) return client.error();
        const auto reply = client->command("PING");
        return reply ? Error{} : reply.error();
    }

    std::string call(const std::string& arguments) const {
        return cli_program() + " -p " + std::to_string(port_) + " " + arguments;
    }
    Outcome cli(const std::string& arguments, const std::string& input = "") const {
        return run_in_shell(folder_, call(arguments), input);
    }

    static std::string folder_;
    std::unique_ptr<ServerProcess> server_;
    int port_ = 0;
};

std::string CliTls::folder_;

TEST_F(CliTls, CommandsPipelinesAndMessagesGoThrough) {
    start("good");
    auto client = Client::connect(trusting());
    ASSERT_TRUE(client) << client.error().message;
    EXPECT_TRUE(client->command("SET", "a", "1")->is_ok());
    EXPECT_EQ(client->command("GET", "a")->text, "1");
    EXPECT_EQ(Session(*server_).ask("GET", "a"), "1");
    // More than all buffers on the way hold, in both directions at the same time.
    const std::string large(3'000'000, 'x');
    for (int i = 0; i < 20; ++i) client->append("ECHO", large);
    for (int i = 0; i < 20'000; ++i) client->append("INCR", "n");
    const auto replies = client->execute_pipeline();
    ASSERT_TRUE(replies) << replies.error().message;
    EXPECT_EQ((*replies)[19].text, large);
    EXPECT_EQ(replies->back().integer, 20'000);

    std::string heard;
    client->set_push_handler([&](const Reply& push) { heard += push.elements.back().text; });
    ASSERT_TRUE(client->command("HELLO", "3"));
    ASSERT_TRUE(client->command("SUBSCRIBE", "news"));
    heard.clear();
    EXPECT_EQ(Session(*server_).ask("PUBLISH", "news", "hello"), ":1");
    const auto count = client->process_pushes(static_cast<int>(kPatience.count()));
    ASSERT_TRUE(count) << count.error().message;
    EXPECT_EQ(heard, "hello");
}

TEST_F(CliTls, RawBytesGoThroughInPieces) {
    start("good");
    auto client = Client::connect(trusting());
    ASSERT_TRUE(client) << client.error().message;
    ASSERT_TRUE(client->send_raw("ECHO 0123456789\r\nPING\r\n"));
    // Less than a record at a time: what is left of it is in no socket any more.
    std::string bytes;
    const std::string wanted = "$10\r\n0123456789\r\n+PONG\r\n";
    while (bytes.size() < wanted.size()) {
        const auto piece = client->receive_raw(3, static_cast<int>(kPatience.count()));
        ASSERT_TRUE(piece) << piece.error().message;
        ASSERT_LE(piece->size(), 3U);
        bytes += *piece;
    }
    EXPECT_EQ(bytes, wanted);
}

TEST_F(CliTls, AuthoritiesMayBeADirectory) {
    start("good");
    EXPECT_EQ(refusal(options({.ca_directory = path("authorities")})).message, "");
}

TEST_F(CliTls, ACertificateOfAnotherNameIsRefused) {
    start("elsewhere");
    const Error address = refusal(trusting());
    EXPECT_EQ(address.code, EPROTO);
    EXPECT_NE(address.message.find("certificate of 127.0.0.1 is refused: IP address mismatch"),
              std::string::npos)
        << address.message;
    ClientOptions by_name = trusting();
    by_name.host = "localhost";
    const Error name = refusal(by_name);
    EXPECT_NE(name.message.find("certificate of localhost is refused: hostname mismatch"),
              std::string::npos)
        << name.message;
    EXPECT_EQ(refusal(options({.ca_file = path("ca.pem"), .server_name = "box.test"})).message, "");
}

TEST_F(CliTls, ACertificateOfAnUnknownAuthorityIsRefused) {
    start("good");
    for (const TlsOptions& tls : {TlsOptions{.ca_file = path("other.pem")}, TlsOptions{}}) {
        const Error error = refusal(options(tls));
        EXPECT_EQ(error.code, EPROTO);
        EXPECT_NE(error.message.find("--cacert"), std::string::npos) << error.message;
    }
    EXPECT_EQ(refusal(options({.verifies = false})).message, "");
}

TEST_F(CliTls, AnExpiredCertificateIsRefused) {
    start("expired");
    const Error error = refusal(trusting());
    EXPECT_EQ(error.code, EPROTO);
    EXPECT_NE(error.message.find("has expired"), std::string::npos) << error.message;
}

TEST_F(CliTls, ACertificateOfTheClientIsShownWhereItIsDemanded) {
    // TLS 1.2 refuses in the handshake, 1.3 behind it.
    for (const std::string protocol : {"TLSv1.2", "TLSv1.3"}) {
        start("good", {"--tls-auth-clients", "yes", "--tls-protocols", protocol});
        const Error without = refusal(trusting());
        EXPECT_EQ(without.code, EPROTO) << protocol << without.message;
        EXPECT_NE(without.message.find("wants a certificate of the client"), std::string::npos)
            << protocol << without.message;
        const TlsOptions with{.ca_file = path("ca.pem"),
                              .certificate_file = path("client.pem"),
                              .key_file = path("client.key")};
        EXPECT_EQ(refusal(options(with)).message, "") << protocol;
    }
}

TEST_F(CliTls, FilesThatCannotBeUsedAreNamed) {
    start("good");
    const auto expect_named = [&](const TlsOptions& tls, const std::string& name) {
        const Error error = refusal(options(tls));
        EXPECT_EQ(error.code, EINVAL) << name;
        EXPECT_NE(error.message.find(name), std::string::npos) << error.message;
    };
    expect_named({.ca_file = path("missing.pem")}, "missing.pem");
    expect_named({.ca_directory = path("missing")}, "missing");
    expect_named({.certificate_file = path("client.pem"), .key_file = path("other.key")},
                 "other.key");
    // And nobody is asked for the pass phrase.
    expect_named({.certificate_file = path("client.pem"), .key_file = path("locked.key")},
                 "locked.key");
    expect_named({.certificate_file = path("client.pem")}, "both files");
    ClientOptions local = trusting();
    local.unix_path = server_->unix_path();
    EXPECT_EQ(refusal(local).code, EINVAL);
}

TEST_F(CliTls, AServerWithoutTlsIsTold) {
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    ASSERT_EQ(bind(listener, generic, size), 0);
    ASSERT_EQ(listen(listener, 2), 0);
    getsockname(listener, generic, &size);
    port_ = ntohs(address.sin_port);
    // One that says nothing: the kernel takes the connection, nobody the bytes.
    ClientOptions silent = trusting();
    silent.timeout_ms = 50;
    EXPECT_EQ(refusal(silent).code, ETIMEDOUT);
    close(accept(listener, nullptr, nullptr));

    std::thread answering([listener] {
        const int accepted = accept(listener, nullptr, nullptr);
        char bytes[16];
        EXPECT_GT(recv(accepted, bytes, sizeof(bytes), 0), 0);
        const std::string answer = "-ERR unknown command\r\n";
        EXPECT_EQ(send(accepted, answer.data(), answer.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(answer.size()));
        // Until the client has gone.
        while (recv(accepted, bytes, sizeof(bytes), 0) > 0) {
        }
        close(accepted);
    });
    const Error error = refusal(trusting());
    EXPECT_EQ(error.code, EPROTO);
    EXPECT_NE(error.message.find("does not speak TLS"), std::string::npos) << error.message;
    answering.join();
    close(listener);
}

TEST_F(CliTls, AServerThatGoesAwayIsAnErrorAndNoSignal) {
    start("good");
    auto client = Client::connect(trusting());
    ASSERT_TRUE(client) << client.error().message;
    ASSERT_TRUE(client->command("PING"));
    server_->send_signal(SIGKILL);
    ASSERT_TRUE(server_->wait_exit());
    Result<Reply> reply = client->command("PING");
    // The first writes may still be taken by the kernel.
    for (int i = 0; i < 1000 && reply; ++i) reply = client->command("PING");
    ASSERT_FALSE(reply);
    EXPECT_FALSE(client->is_open());
}

TEST_F(CliTls, TheProgramTakesRedisClisOptions) {
    start("good", {"--tls-auth-clients", "yes"});
    const std::string with_certificate = "--cert client.pem --key client.key ";
    for (const std::string& arguments :
         {"--tls --cacert ca.pem " + with_certificate,
          "--tls --cacertdir authorities " + with_certificate,
          "--tls --cacert ca.pem --sni localhost " + with_certificate,
          "--tls --insecure " + with_certificate,
          "--cacert ca.pem -u rediss://127.0.0.1:" + std::to_string(port_) + " " +
              with_certificate}) {
        const Outcome outcome = cli(arguments + "PING");
        EXPECT_EQ(outcome.output, "PONG\n") << arguments << outcome.errors;
        EXPECT_EQ(outcome.status, 0) << arguments;
    }
    const Outcome untrusted = cli("--tls PING");
    EXPECT_EQ(untrusted.status, 1);
    EXPECT_NE(untrusted.errors.find("The certificate of 127.0.0.1 is refused"), std::string::npos)
        << untrusted.errors;
    const Outcome unknown = cli("--tls --cacert ca.pem PING");
    EXPECT_EQ(unknown.status, 1);
    EXPECT_NE(unknown.errors.find("--cert"), std::string::npos) << unknown.errors;
}

TEST_F(CliTls, MassInsertionAndFilesGoThrough) {
    start("good");
    std::string stream;
    for (int i = 0; i < 20'000; ++i) {
        const std::string key = "key:" + std::to_string(i);
        stream += "*3\r\n$3\r\nSET\r\n$" + std::to_string(key.size()) + "\r\n" + key +
                  "\r\n$3\r\nx\ny\r\n";
    }
    const std::string tls = "--tls --cacert ca.pem ";
    const Outcome piped = cli(tls + "--pipe", stream);
    EXPECT_EQ(piped.status, 0) << piped.errors;
    EXPECT_NE(piped.output.find("errors: 0, replies: 20000\n"), std::string::npos) << piped.output;
    EXPECT_EQ(cli(tls + "--dump data.rdb").status, 0);
    EXPECT_EQ(Session(*server_).ask("FLUSHALL"), "OK");
    const Outcome loaded = cli(tls + "--load data.rdb");
    EXPECT_EQ(loaded.status, 0) << loaded.errors;
    EXPECT_EQ(Session(*server_).number("DBSIZE"), 20'000);
}

TEST_F(CliTls, APersonIsServedToo) {
    start("good");
    Terminal terminal(
        {cli_program(), "-p", std::to_string(port_), "--tls", "--cacert", path("ca.pem")},
        {{"GYRE_HISTORY", ""}, {"NO_COLOR", "1"}, {"LC_ALL", "C.UTF-8"}});
    const std::string prompt = "127.0.0.1:" + std::to_string(port_);
    ASSERT_TRUE(terminal.wait_for_line(prompt + ">")) << terminal.screen().text();
    terminal.type("subscribe news\r");
    ASSERT_TRUE(terminal.wait_for_line(prompt + "(subscribed)>")) << terminal.screen().text();
    EXPECT_EQ(Session(*server_).ask("PUBLISH", "news", "hello"), ":1");
    EXPECT_TRUE(terminal.wait_for_row("message news \"hello\"")) << terminal.screen().text();
    // A scheme without TLS leaves it.
    terminal.type("connect redis://127.0.0.1:" + std::to_string(server_->port()) + "\r");
    ASSERT_TRUE(terminal.wait_for_line("127.0.0.1:" + std::to_string(server_->port()) + ">"))
        << terminal.screen().text();
    terminal.type("connect rediss://127.0.0.1:" + std::to_string(port_) + "\r");
    ASSERT_TRUE(terminal.wait_for_line(prompt + ">")) << terminal.screen().text();
}

}  // namespace
}  // namespace gyre::test
