#pragma once
// What the Secure room needs of libssl beyond its functions: macros wrapped, and the few places that are C by nature
// (a BIO over a non-blocking socket, the names in a certificate, the sealing of session tickets).
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

// MARK: Settings of a context

static inline int samegate_ctx_set_versions(SSL_CTX *ctx, int least, int most) {
    return SSL_CTX_set_min_proto_version(ctx, least) == 1 && SSL_CTX_set_max_proto_version(ctx, most) == 1;
}

static inline int samegate_ctx_set_groups(SSL_CTX *ctx, const char *list) {
    return (int)SSL_CTX_set1_groups_list(ctx, list);
}

/// No compression (its length tells secrets), no renegotiation (the client could spend our CPU with it); ChaCha20 first
/// for clients that put it first, since those have no AES instructions.
static inline void samegate_ctx_set_options(SSL_CTX *ctx) {
    SSL_CTX_set_options(
        ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
}

/// Small idle connections, writes that stop at a record, no system call for the record header alone.
static inline void samegate_ctx_set_modes(SSL_CTX *ctx) {
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(ctx, 1);
}

/// Nothing is kept per session on this side: tickets carry it all.
static inline void samegate_ctx_set_no_cache(SSL_CTX *ctx) { SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); }

/// New sessions go to the callback and nowhere else.
static inline void samegate_ctx_set_client_cache(SSL_CTX *ctx) {
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
}

static inline void samegate_ctx_set_chain_max(SSL_CTX *ctx, long bytes) { SSL_CTX_set_max_cert_list(ctx, bytes); }

// Whether the last reading of a PEM block has failed for want of another: 1 when so.
static inline int samegate_pem_is_over(void) {
    const unsigned long error = ERR_peek_last_error();
    return ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

static inline void samegate_ctx_set_owner(SSL_CTX *ctx, void *owner) { SSL_CTX_set_app_data(ctx, owner); }
static inline void *samegate_ctx_owner(const SSL_CTX *ctx) { return SSL_CTX_get_app_data(ctx); }

typedef int (*samegate_name_callback)(SSL *ssl, int *alert, void *owner);
static inline void samegate_ctx_set_name_callback(SSL_CTX *ctx, samegate_name_callback callback, void *owner) {
    SSL_CTX_set_tlsext_servername_callback(ctx, callback);
    SSL_CTX_set_tlsext_servername_arg(ctx, owner);
}

static inline int samegate_ssl_set_name(SSL *ssl, const char *name) { return (int)SSL_set_tlsext_host_name(ssl, name); }

static inline int samegate_error_reason(unsigned long code) { return ERR_GET_REASON(code); }
static inline int samegate_error_library(unsigned long code) { return ERR_GET_LIB(code); }

/// A passphrase is never asked for: a daemon has nobody to ask.
static inline int samegate_no_passphrase(char *buffer, int size, int writing, void *data) {
    (void)buffer, (void)size, (void)writing, (void)data;
    return -1;
}
static inline pem_password_cb *samegate_refuse_passphrase(void) { return samegate_no_passphrase; }

// MARK: How long a session may be resumed

/// A ticket of TLS 1.3 is made anew with each use, its time with it: what it carries besides is when the first handshake was.
static inline int samegate_ticket_made(SSL *ssl, void *unused) {
    (void)unused;
    SSL_SESSION *session = SSL_get_session(ssl);
    void *first = NULL;
    size_t count = 0;
    if (session && SSL_SESSION_get0_ticket_appdata(session, &first, &count) == 1 && count == sizeof(int64_t)) return 1;
    const int64_t now = (int64_t)time(NULL);
    return session ? SSL_SESSION_set1_ticket_appdata(session, &now, sizeof now) : 0;
}

/// A session that has had its time, or whose client's certificate has, is not resumed: a whole handshake looks at everything
/// again. So is one that does not say when it began.
static inline SSL_TICKET_RETURN samegate_ticket_opened(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                                       size_t count, SSL_TICKET_STATUS status, void *unused) {
    (void)name, (void)count, (void)unused;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW) return SSL_TICKET_RETURN_IGNORE_RENEW;
    void *stored = NULL;
    size_t stored_count = 0;
    int64_t first = 0;
    if (SSL_SESSION_get0_ticket_appdata(session, &stored, &stored_count) != 1 || stored_count != sizeof first)
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    memcpy(&first, stored, sizeof first);
    const int64_t age = (int64_t)time(NULL) - first;
    if (age < 0 || age > SSL_CTX_get_timeout(SSL_get_SSL_CTX(ssl))) return SSL_TICKET_RETURN_IGNORE_RENEW;
    X509 *peer = SSL_SESSION_get0_peer(session);
    if (peer && X509_cmp_current_time(X509_get0_notAfter(peer)) <= 0) return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

static inline int samegate_ctx_bound_sessions(SSL_CTX *ctx) {
    return SSL_CTX_set_session_ticket_cb(ctx, samegate_ticket_made, samegate_ticket_opened, NULL);
}

// MARK: The socket

/// What a connection's BIO works on. The socket is non-blocking, and a send to a closed peer is an error, not a signal.
typedef struct {
    int fd;  // -1 once the socket is not ours any more
    int error;  // the errno that ended the connection, 0 for none
    int read_blocked;
    int write_blocked;
    uint64_t received;
    uint64_t received_max;  // bytes taken from a peer that has not finished its handshake
} samegate_wire;

static inline int samegate_wire_write(BIO *bio, const char *bytes, size_t count, size_t *done) {
    samegate_wire *wire = (samegate_wire *)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t sent;
    do sent = send(wire->fd, bytes, count, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        *done = (size_t)sent;
        return 1;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK) {
        wire->write_blocked = 1;
        BIO_set_retry_write(bio);
    } else {
        wire->error = errno;
    }
    return 0;
}

static inline int samegate_wire_read(BIO *bio, char *bytes, size_t count, size_t *done) {
    samegate_wire *wire = (samegate_wire *)BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (wire->received >= wire->received_max) {
        wire->error = EMSGSIZE;
        return 0;
    }
    ssize_t got;
    do got = recv(wire->fd, bytes, count, 0);
    while (got < 0 && errno == EINTR);
    if (got > 0) {
        wire->received += (uint64_t)got;
        *done = (size_t)got;
        return 1;
    }
    if (got == 0) {
        BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
        wire->read_blocked = 1;
        BIO_set_retry_read(bio);
    } else {
        wire->error = errno;
    }
    return 0;
}

static inline long samegate_wire_control(BIO *bio, int command, long number, void *pointer) {
    (void)number, (void)pointer;
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return command == BIO_CTRL_FLUSH;
}

static inline int samegate_wire_created(BIO *bio) {
    BIO_set_init(bio, 1);
    return 1;
}

/// Made once for the process.
static inline BIO_METHOD *samegate_wire_method(void) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "samegate socket");
    if (method == NULL) return NULL;
    BIO_meth_set_write_ex(method, samegate_wire_write);
    BIO_meth_set_read_ex(method, samegate_wire_read);
    BIO_meth_set_ctrl(method, samegate_wire_control);
    BIO_meth_set_create(method, samegate_wire_created);
    return method;
}

/// Makes `ssl` speak through `wire`, which must outlive it. 1 when it worked.
static inline int samegate_ssl_attach(SSL *ssl, const BIO_METHOD *method, samegate_wire *wire) {
    BIO *bio = BIO_new(method);
    if (bio == NULL) return 0;
    BIO_set_data(bio, wire);
    SSL_set_bio(ssl, bio, bio);
    return 1;
}

// MARK: Certificates

typedef void (*samegate_name_visitor)(void *context, int kind, const char *text, int count);

/// Calls `visit` for each DNS name, e-mail address, URI (kinds GEN_DNS, GEN_EMAIL, GEN_URI) of the certificate.
static inline void samegate_certificate_names(X509 *certificate, samegate_name_visitor visit, void *context) {
    GENERAL_NAMES *names =
        (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, i);
        if (name->type != GEN_DNS && name->type != GEN_EMAIL && name->type != GEN_URI) continue;
        const ASN1_STRING *text = name->d.ia5;
        visit(context, name->type, (const char *)ASN1_STRING_get0_data(text), ASN1_STRING_length(text));
    }
    GENERAL_NAMES_free(names);
}

/// The subject (or issuer) by RFC 2253 as a new memory BIO, or NULL.
static inline BIO *samegate_name_text(const X509_NAME *name) {
    BIO *text = BIO_new(BIO_s_mem());
    if (text == NULL) return NULL;
    // Everything outside ASCII and every control character stays escaped: the text goes to logs and headers.
    if (X509_NAME_print_ex(text, name, 0, XN_FLAG_RFC2253) < 0) {
        BIO_free(text);
        return NULL;
    }
    return text;
}

static inline long samegate_bio_bytes(BIO *bio, char **bytes) { return BIO_get_mem_data(bio, bytes); }

// MARK: Session tickets

enum { SAMEGATE_TICKET_NAME = 16, SAMEGATE_TICKET_CIPHER = 32, SAMEGATE_TICKET_MAC = 32 };

/// Prepares the sealing (`sealing` 1) or opening (0) of one ticket: AES-256-CBC and HMAC-SHA-256. 1 when it worked.
static inline int samegate_ticket_begin(
    EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, const unsigned char *cipher_key, const unsigned char *mac_key,
    const unsigned char *iv, int sealing) {
    OSSL_PARAM parameters[3];
    parameters[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)mac_key, SAMEGATE_TICKET_MAC);
    parameters[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA256", 0);
    parameters[2] = OSSL_PARAM_construct_end();
    if (EVP_MAC_CTX_set_params(mac, parameters) != 1) return 0;
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, cipher_key, iv, sealing);
}
