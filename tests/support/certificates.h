#pragma once

#include <memory>
#include <string>

#include <openssl/x509.h>

namespace test_support {

/// A certificate and its key.
struct Certificate {
  std::shared_ptr<X509> certificate;
  std::shared_ptr<EVP_PKEY> key;

  std::string pem() const;
};

struct CertificateWish {
  std::string names{};  ///< as in a subjectAltName: "DNS:localhost,IP:127.0.0.1"
  std::string common_name = "test";
  int begins_in_days = -1;
  int ends_in_days = 30;
  bool authority = false;
};

/// Signed by `issuer`, or by itself.
Certificate issue(const CertificateWish& wish, const Certificate* issuer = nullptr);

}  // namespace test_support
