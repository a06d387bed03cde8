#include "agent/panel/tls.h"

#include <arpa/inet.h>
#include <poll.h>
#include <string.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

namespace agent {
namespace {

using control::Error;
using control::ErrorCode;
using control::Result;

constexpr std::size_t kLargestRecord = SSL3_RT_MAX_PLAIN_LENGTH;

struct ContextDeleter {
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};
using Context = std::unique_ptr<SSL_CTX, ContextDeleter>;

struct SessionDeleter {
  void operator()(SSL* session) const { ::SSL_free(session); }
};
using Session = std::unique_ptr<SSL, SessionDeleter>;

/// The first error of the thread's queue, which is emptied.
std::string opensslReason(const char* otherwise) {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  const char* reason = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return reason == nullptr ? otherwise : reason;
}

class TlsTransport : public Transport {
 public:
  TlsTransport(Descriptor descriptor, Session session)
      : descriptor_(std::move(descriptor)), session_(std::move(session)) {}
  ~TlsTransport() override {
    // Says goodbye when there is room for it; who reads knows the end by the close frame.
    if (usable_) ::SSL_shutdown(session_.get());
    ::ERR_clear_error();
  }
  TlsTransport(const TlsTransport&) = delete;
  TlsTransport& operator=(const TlsTransport&) = delete;

  /// One step of the handshake; kMoved: it is done.
  Io handshake() { return outcome(::SSL_connect(session_.get()), 0, read_events_); }

  Io read(char* to, std::size_t size) override {
    std::size_t count = 0;
    const int result = ::SSL_read_ex(session_.get(), to, size, &count);
    return outcome(result, count, read_events_);
  }
  Io write(std::string_view bytes) override {
    std::size_t count = 0;
    const int result = ::SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &count);
    Io io = outcome(result, count, write_events_);
    // A record may be sealed already and wait for room: its bytes are on their way.
    if (io.state == Io::State::kWait)
      io.bytes = std::min<std::size_t>(bytes.size(), kLargestRecord);
    return io;
  }
  bool holdsMore() const override { return ::SSL_has_pending(session_.get()) == 1; }
  int descriptor() const override { return descriptor_.get(); }
  short readEvents() const override { return read_events_; }
  short writeEvents() const override { return write_events_; }

  long verification() const { return ::SSL_get_verify_result(session_.get()); }
  /// OpenSSL's code of the error that broke it.
  unsigned long error() const { return error_; }

 private:
  Io outcome(int result, std::size_t count, short& events) {
    if (result > 0) return {.bytes = count};
    const int system_error = errno;
    switch (::SSL_get_error(session_.get(), result)) {
      case SSL_ERROR_WANT_READ:
        events = POLLIN;
        return {.state = Io::State::kWait};
      case SSL_ERROR_WANT_WRITE:
        events = POLLOUT;
        return {.state = Io::State::kWait};
      case SSL_ERROR_ZERO_RETURN:
        return {.state = Io::State::kEnd};
      case SSL_ERROR_SYSCALL:
        usable_ = false;
        ::ERR_clear_error();
        return {.state = Io::State::kBroken,
                .problem = system_error == 0 ? "the stream ended" : ::strerror(system_error)};
      default:
        usable_ = false;
        error_ = ::ERR_peek_error();
        return {.state = Io::State::kBroken, .problem = opensslReason("TLS failed")};
    }
  }

  const Descriptor descriptor_;
  Session session_;
  short read_events_ = POLLIN;
  short write_events_ = POLLOUT;
  /// After a fatal error no more may be said on the session.
  bool usable_ = true;
  unsigned long error_ = 0;
};

Result<Context> makeContext(const std::string& ca_file) {
  Context context(::SSL_CTX_new(::TLS_client_method()));
  if (!context) return unavailable("TLS cannot be set up: " + opensslReason("no reason given"));
  ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_security_level(context.get(), 2);
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  ::SSL_CTX_set_options(context.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
  // What is sent lies in a buffer that may grow and move between two attempts.
  ::SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                        SSL_MODE_RELEASE_BUFFERS);
  // Many small records from one system call.
  ::SSL_CTX_set_read_ahead(context.get(), 1);
  ::SSL_CTX_set_default_read_buffer_len(context.get(), 64 * 1024);
  // A host without any authorities of its own is no mistake: PANEL_CA_FILE may be all it needs.
  ::SSL_CTX_set_default_verify_paths(context.get());
  ::ERR_clear_error();
  if (!ca_file.empty() && ::SSL_CTX_load_verify_file(context.get(), ca_file.c_str()) != 1)
    return unavailable("PANEL_CA_FILE " + ca_file +
                       " cannot be used: " + opensslReason("no certificate could be read") +
                       "; it must hold certificates as PEM");
  return context;
}

bool isAddress(const std::string& host) {
  unsigned char bytes[16];
  return ::inet_pton(AF_INET, host.c_str(), bytes) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), bytes) == 1;
}

/// Names the peer: what its certificate must be for, and, for a name, which of its certificates is
/// asked for.
bool name(SSL* session, const std::string& host) {
  if (isAddress(host))
    return ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(session), host.c_str()) == 1;
  ::SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  return ::SSL_set1_host(session, host.c_str()) == 1 &&
         ::SSL_set_tlsext_host_name(session, const_cast<char*>(host.c_str())) == 1;
}

std::string certificateProblem(long verification, const std::string& host) {
  const std::string certificate = "the panel's certificate ";
  switch (verification) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return certificate + "has expired: renew it, or correct this host's clock";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return certificate + "is not valid yet: correct this host's clock, or the certificate";
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return certificate + "is not for " + host +
             ": use a name that it is for in PANEL_URL, or have it made for this one";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return certificate + "is self-signed: if it is the right one, name it in PANEL_CA_FILE";
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      return certificate +
             "is signed by an authority that is unknown here: name that in PANEL_CA_FILE, or "
             "have the panel send the certificates in between";
    default:
      return certificate + "is refused: " + ::X509_verify_cert_error_string(verification);
  }
}

std::string handshakeProblem(const TlsTransport& transport, const std::string& host, const Io& io) {
  if (transport.verification() != X509_V_OK)
    return certificateProblem(transport.verification(), host);
  const unsigned long error = transport.error();
  switch (ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
      return "the panel speaks no TLS 1.2 or later: enable it there";
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_HTTP_REQUEST:
      return "the panel does not speak TLS at this address: check the port, or use ws://";
    default:
      return "TLS failed: " +
             (io.state == Io::State::kEnd ? "the panel closed the connection" : io.problem);
  }
}

}  // namespace

Result<std::unique_ptr<Transport>> connectTls(Descriptor descriptor, const std::string& host,
                                              const std::string& ca_file,
                                              const AwaitEvents& await) {
  ::ERR_clear_error();
  auto context = makeContext(ca_file);
  if (!context) return context.error();
  Session session(::SSL_new(context->get()));
  if (!session || !name(session.get(), host) || ::SSL_set_fd(session.get(), descriptor.get()) != 1)
    return unavailable("TLS cannot be set up: " + opensslReason("no reason given"));
  auto transport = std::make_unique<TlsTransport>(std::move(descriptor), std::move(session));
  for (;;) {
    const Io io = transport->handshake();
    if (io.state == Io::State::kMoved) return std::unique_ptr<Transport>(std::move(transport));
    if (io.state != Io::State::kWait) return unavailable(handshakeProblem(*transport, host, io));
    if (!await(transport->descriptor(), transport->readEvents()))
      return Error{.code = ErrorCode::kDeadlineExceeded, .message = "TLS took too long"};
  }
}

}  // namespace agent
