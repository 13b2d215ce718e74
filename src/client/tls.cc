// SPDX-License-Identifier: BSD-3-Clause
#include "client/tls.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <system_error>
#include <utility>

namespace gyre::client {
namespace {

struct Deleter {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* ssl) const { SSL_free(ssl); }
    void operator()(BIO_METHOD* method) const { BIO_meth_free(method); }
};
using Context = std::unique_ptr<SSL_CTX, Deleter>;

// --- the socket as OpenSSL sees it
// ----------------------------------------------------------------

// OpenSSL's own writes with write(2), which ends the program by SIGPIPE when the server has gone.

int descriptor_of(BIO* bio) {
    return static_cast<int>(reinterpret_cast<intptr_t>(BIO_get_data(bio)));
}

bool is_passing(int error) { return error == EAGAIN || error == EINTR; }

int bio_write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(descriptor_of(bio), bytes, static_cast<size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && is_passing(errno)) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
}

int bio_read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    const ssize_t received = ::recv(descriptor_of(bio), into, static_cast<size_t>(size), 0);
    if (received < 0 && is_passing(errno)) BIO_set_retry_read(bio);
    if (received == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return static_cast<int>(received);
}

long bio_control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    return 0;
}

BIO_METHOD* socket_method() {
    static const std::unique_ptr<BIO_METHOD, Deleter> method = [] {
        std::unique_ptr<BIO_METHOD, Deleter> made(
            BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "gyre socket"));
        if (made) {
            BIO_meth_set_write(made.get(), bio_write);
            BIO_meth_set_read(made.get(), bio_read);
            BIO_meth_set_ctrl(made.get(), bio_control);
        }
        return made;
    }();
    return method.get();
}

// --- errors
// ---------------------------------------------------------------------------------------

/// What OpenSSL complains of; the oldest entry is the cause.
std::string openssl_reason() {
    const unsigned long code = ERR_peek_error();
    if (code == 0) return "no reason given";
    const char* reason = ERR_reason_error_string(code);
    if (reason != nullptr) return reason;
    return ERR_SYSTEM_ERROR(code) ? std::generic_category().message(ERR_GET_REASON(code))
                                  : "error " + std::to_string(code);
}

tl::unexpected<Error> file_failure(const std::string& what, const std::string& path) {
    return fail("Cannot use " + what + " " + path + ": " + openssl_reason() +
                    "; it must be PEM and readable.",
                EINVAL);
}

tl::unexpected<Error> refused_certificate(long result, const std::string& name) {
    std::string advice = "check the server's certificate.";
    if (result == X509_V_ERR_HOSTNAME_MISMATCH || result == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        advice = "connect by a name that the certificate has, or say which one to expect (--sni).";
    } else if (result == X509_V_ERR_CERT_HAS_EXPIRED) {
        advice = "it must be renewed where the server runs.";
    } else if (result == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
               result == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
               result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT ||
               result == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY ||
               result == X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE) {
        advice = "name the authority that signed it (--cacert).";
    }
    return fail("The certificate of " + name +
                    " is refused: " + X509_verify_cert_error_string(result) + "; " + advice,
                EPROTO);
}

/// An alert about certificates that came from the server: it wants another one from us.
bool is_about_our_certificate(int reason) {
    return reason == SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED ||
           reason == SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE ||
           reason == SSL_R_SSLV3_ALERT_BAD_CERTIFICATE ||
           reason == SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED ||
           reason == SSL_R_TLSV1_ALERT_UNKNOWN_CA;
}

tl::unexpected<Error> broken(const std::string& what, int system_error) {
    const unsigned long code = ERR_peek_error();
    const bool is_end = code == 0 && system_error == 0;
    if (is_end || ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return fail(what +
                        ": the server closed it without a word; check that its port is one of "
                        "TLS.",
                    ECONNRESET);
    }
    if (code == 0) {
        return fail(what + ": " + std::generic_category().message(system_error) + ".",
                    system_error);
    }
    std::string advice = ".";
    if (is_about_our_certificate(ERR_GET_REASON(code))) {
        advice =
            "; the server wants a certificate of the client, signed by an authority it "
            "knows (--cert, --key).";
    } else if (ERR_GET_REASON(code) == SSL_R_WRONG_VERSION_NUMBER) {
        advice = "; the server does not speak TLS on this port.";
    }
    return fail(what + ": " + openssl_reason() + advice, EPROTO);
}

// --- setting up
// -----------------------------------------------------------------------------------

/// No pass phrase: OpenSSL would ask for one on the terminal.
int refuse_pass_phrase(char* /*into*/, int /*size*/, int /*is_writing*/, void* /*data*/) {
    return 0;
}

Result<void> set_authorities(SSL_CTX* context, const TlsOptions& options) {
    if (options.ca_file.empty() && options.ca_directory.empty()) {
        if (SSL_CTX_set_default_verify_paths(context) == 1) return {};
        return fail("Cannot use the system's certificate authorities: " + openssl_reason() + ".",
                    EINVAL);
    }
    if (!options.ca_file.empty() &&
        SSL_CTX_load_verify_file(context, options.ca_file.c_str()) != 1) {
        return file_failure("the certificate authorities of", options.ca_file);
    }
    if (options.ca_directory.empty()) return {};
    // OpenSSL looks into the directory when it needs something: what is none would be no error.
    if (::access((options.ca_directory + "/.").c_str(), R_OK | X_OK) != 0 ||
        SSL_CTX_load_verify_dir(context, options.ca_directory.c_str()) != 1) {
        return fail("Cannot use the directory of certificate authorities " + options.ca_directory +
                        "; it must be readable, and prepared by `openssl rehash`.",
                    EINVAL);
    }
    return {};
}

Result<void> set_own_certificate(SSL_CTX* context, const TlsOptions& options) {
    if (options.certificate_file.empty() != options.key_file.empty()) {
        return fail(
            "A certificate of the client needs its key, and a key its certificate; give "
            "both files.",
            EINVAL);
    }
    if (options.certificate_file.empty()) return {};
    SSL_CTX_set_default_passwd_cb(context, refuse_pass_phrase);
    if (SSL_CTX_use_certificate_chain_file(context, options.certificate_file.c_str()) != 1) {
        return file_failure("the certificate", options.certificate_file);
    }
    if (SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
        return file_failure("the key (without a pass phrase)", options.key_file);
    }
    if (SSL_CTX_check_private_key(context) != 1) {
        return file_failure("the certificate with this key,", options.key_file);
    }
    return {};
}

Result<Context> make_context(const TlsOptions& options) {
    ERR_clear_error();
    Context context(SSL_CTX_new(TLS_client_method()));
    if (!context) return fail("Cannot start TLS: " + openssl_reason() + ".", ENOMEM);
    if (SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1) {
        return fail("Cannot start TLS 1.2: " + openssl_reason() + ".", EINVAL);
    }
    SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION);
    // What is sent next time begins with the same bytes, which may lie elsewhere by then.
    SSL_CTX_set_mode(context.get(),
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context.get(), options.verifies ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       nullptr);
    if (auto set = set_authorities(context.get(), options); !set)
        return tl::unexpected(set.error());
    if (auto set = set_own_certificate(context.get(), options); !set) {
        return tl::unexpected(set.error());
    }
    return context;
}

bool is_address(const std::string& name) {
    in6_addr address{};
    return inet_pton(AF_INET, name.c_str(), &address) == 1 ||
           inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

/// Whom we ask for, and whom the certificate must name.
bool set_name(SSL* ssl, const std::string& name) {
    if (is_address(name)) {
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name.c_str()) == 1;
    }
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set_tlsext_host_name(ssl, name.c_str()) == 1 &&
           SSL_set1_host(ssl, name.c_str()) == 1;
}

int to_int(size_t size) { return static_cast<int>(std::min<size_t>(size, INT_MAX)); }

}  // namespace

// --- a connection
// ---------------------------------------------------------------------------------

class Tls::Session {
public:
    Session(Context context_of_ssl, std::string whom)
        : context(std::move(context_of_ssl)), ssl(SSL_new(context.get())), name(std::move(whom)) {}

    Context context;
    std::unique_ptr<SSL, Deleter> ssl;
    std::string name;
    bool is_established = false;  // and nothing went wrong since
};

Tls::Tls(std::unique_ptr<Session> session) : session_(std::move(session)) {}

Tls::~Tls() {
    ERR_clear_error();
    if (session_->is_established) static_cast<void>(SSL_shutdown(session_->ssl.get()));
    ERR_clear_error();
}

Result<void> Tls::check_built() { return {}; }

Result<std::unique_ptr<Tls>> Tls::start(int descriptor, const TlsOptions& options,
                                        const std::string& host) {
    auto context = make_context(options);
    if (!context) return tl::unexpected(context.error());
    auto session = std::make_unique<Session>(
        std::move(*context), options.server_name.empty() ? host : options.server_name);
    BIO* bio = socket_method() == nullptr ? nullptr : BIO_new(socket_method());
    if (!session->ssl || bio == nullptr) {
        BIO_free(bio);
        return fail("Cannot start TLS: " + openssl_reason() + ".", ENOMEM);
    }
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<intptr_t>(descriptor)));
    BIO_set_init(bio, 1);
    SSL_set_bio(session->ssl.get(), bio, bio);
    if (!set_name(session->ssl.get(), session->name)) {
        return fail("'" + session->name + "' is no name that a certificate could have; give one.",
                    EINVAL);
    }
    return std::unique_ptr<Tls>(new Tls(std::move(session)));
}

Result<bool> Tls::shake_hands() {
    SSL* ssl = session_->ssl.get();
    ERR_clear_error();
    errno = 0;
    const int done = SSL_connect(ssl);
    const int system_error = errno;
    if (done == 1) {
        session_->is_established = true;
        return true;
    }
    const int problem = SSL_get_error(ssl, done);
    receiving_waits_to_write_ = problem == SSL_ERROR_WANT_WRITE;
    if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) return false;
    const long verified = SSL_get_verify_result(ssl);
    if (verified != X509_V_OK && SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE) {
        return refused_certificate(verified, session_->name);
    }
    return broken("Cannot agree on TLS with " + session_->name, system_error);
}

Result<size_t> Tls::send_some(std::string_view bytes) {
    sending_waits_to_read_ = false;
    if (bytes.empty()) return size_t{0};
    SSL* ssl = session_->ssl.get();
    ERR_clear_error();
    errno = 0;
    const int sent = SSL_write(ssl, bytes.data(), to_int(bytes.size()));
    const int system_error = errno;
    if (sent > 0) return static_cast<size_t>(sent);
    const int problem = SSL_get_error(ssl, sent);
    sending_waits_to_read_ = problem == SSL_ERROR_WANT_READ;
    if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) return size_t{0};
    session_->is_established = false;
    auto failure = broken("The connection to the server broke while sending", system_error);
    // The server may have said why before it closed: a certificate it does not take is told after
    // the handshake, when we are sending already.
    ERR_clear_error();
    char byte = 0;
    if (SSL_read(ssl, &byte, 1) <= 0 && ERR_peek_error() != 0 &&
        ERR_GET_REASON(ERR_peek_error()) != SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        return broken("The server ended the connection", 0);
    }
    return failure;
}

Result<Tls::Received> Tls::receive_some(char* into, size_t bytes) {
    receiving_waits_to_write_ = false;
    if (late_error_) return tl::unexpected<Error>(*std::exchange(late_error_, std::nullopt));
    SSL* ssl = session_->ssl.get();
    Received received;
    // One call gives one record at most, 16 KiB.
    while (received.bytes < bytes) {
        ERR_clear_error();
        errno = 0;
        const int count = SSL_read(ssl, into + received.bytes, to_int(bytes - received.bytes));
        const int system_error = errno;
        if (count > 0) {
            received.bytes += static_cast<size_t>(count);
            continue;
        }
        const int problem = SSL_get_error(ssl, count);
        receiving_waits_to_write_ = problem == SSL_ERROR_WANT_WRITE;
        if (problem == SSL_ERROR_WANT_READ || problem == SSL_ERROR_WANT_WRITE) break;
        // A goodbye behind bytes is met again by the next call.
        received.is_end = problem == SSL_ERROR_ZERO_RETURN && received.bytes == 0;
        if (problem == SSL_ERROR_ZERO_RETURN) break;
        session_->is_established = false;
        auto failure = broken("The connection to the server broke while receiving", system_error);
        if (received.bytes == 0) return failure;
        late_error_ = failure.value();
        break;
    }
    return received;
}

bool Tls::has_bytes() const { return late_error_ || SSL_pending(session_->ssl.get()) > 0; }

}  // namespace gyre::client
