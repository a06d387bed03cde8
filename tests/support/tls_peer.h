#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "support/certificates.h"
#include "support/ws_peer.h"

namespace test_support {

/// What a server shows and speaks.
struct TlsWish {
  Certificate certificate;
  std::vector<Certificate> chain{};  ///< sent with it
  int oldest = TLS1_2_VERSION;
  int newest = TLS1_3_VERSION;
};

/// The server's end of one TLS connection. Every call gives up after 10 s.
class TlsConnection {
 public:
  TlsConnection(WsConnection connection, const TlsWish& wish);

  /// False: the client refused, or nothing in common was found.
  bool handshake();
  /// Reads a request and upgrades; returns its head.
  std::string accept();
  void write(const std::string& bytes);
  /// What comes within the stream until its end.
  std::string readToEnd();
  /// The next bytes of the stream; none at its end.
  std::string readSome();
  /// The name the client asked for; empty: none.
  std::string serverName() const;
  std::string version() const;

 private:
  std::shared_ptr<SSL_CTX> context_;
  std::shared_ptr<SSL> session_;
  WsConnection connection_;
};

}  // namespace test_support
