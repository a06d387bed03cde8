#include "support/tls_peer.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <openssl/err.h>

#include <stdexcept>

namespace test_support {

TlsConnection::TlsConnection(WsConnection connection, const TlsWish& wish)
    : context_(::SSL_CTX_new(::TLS_server_method()), ::SSL_CTX_free),
      connection_(std::move(connection)) {
  SSL_CTX* const context = context_.get();
  ::SSL_CTX_set_security_level(context, 0);  // or it would not speak the old versions
  ::SSL_CTX_set_min_proto_version(context, wish.oldest);
  ::SSL_CTX_set_max_proto_version(context, wish.newest);
  if (::SSL_CTX_use_certificate(context, wish.certificate.certificate.get()) != 1 ||
      ::SSL_CTX_use_PrivateKey(context, wish.certificate.key.get()) != 1)
    throw std::runtime_error("the certificate cannot be used");
  for (const Certificate& one : wish.chain)
    ::SSL_CTX_add1_chain_cert(context, one.certificate.get());
  session_ = {::SSL_new(context), ::SSL_free};
  const timeval patience{10, 0};
  ::setsockopt(connection_.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::SSL_set_fd(session_.get(), connection_.descriptor());
}

bool TlsConnection::handshake() {
  const bool done = ::SSL_accept(session_.get()) == 1;
  ::ERR_clear_error();
  return done;
}

std::string TlsConnection::readSome() {
  char bytes[16 * 1024];
  const int count = ::SSL_read(session_.get(), bytes, sizeof bytes);
  ::ERR_clear_error();
  return count > 0 ? std::string(bytes, static_cast<std::size_t>(count)) : std::string();
}

std::string TlsConnection::readToEnd() {
  std::string all;
  for (std::string some = readSome(); !some.empty(); some = readSome()) all += some;
  return all;
}

std::string TlsConnection::accept() {
  static const std::string kKey = "Sec-WebSocket-Key: ";
  std::string head;
  while (head.find("\r\n\r\n") == std::string::npos) {
    const std::string some = readSome();
    if (some.empty()) throw std::runtime_error("no request came");
    head += some;
  }
  std::map<std::string, std::string> request;
  const std::size_t key = head.find(kKey) + kKey.size();
  request["sec-websocket-key"] = head.substr(key, head.find('\r', key) - key);
  write(WsConnection::acceptance(request) + "\r\n");
  return head;
}

void TlsConnection::write(const std::string& bytes) {
  ::SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size()));
  ::ERR_clear_error();
}

std::string TlsConnection::serverName() const {
  const char* name = ::SSL_get_servername(session_.get(), TLSEXT_NAMETYPE_host_name);
  return name == nullptr ? "" : name;
}

std::string TlsConnection::version() const { return ::SSL_get_version(session_.get()); }

}  // namespace test_support
