#include "support/certificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <stdexcept>

namespace test_support {
namespace {

constexpr long kDay = 24 * 60 * 60;

void require(bool worked) {
  if (!worked) throw std::runtime_error("a certificate cannot be made");
}

void addExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  ::X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = ::X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  require(extension != nullptr && ::X509_add_ext(certificate, extension, -1) == 1);
  ::X509_EXTENSION_free(extension);
}

}  // namespace

std::string Certificate::pem() const {
  BIO* memory = ::BIO_new(BIO_s_mem());
  require(::PEM_write_bio_X509(memory, certificate.get()) == 1);
  char* text = nullptr;
  const long size = ::BIO_get_mem_data(memory, &text);
  std::string copy(text, static_cast<std::size_t>(size));
  ::BIO_free(memory);
  return copy;
}

Certificate issue(const CertificateWish& wish, const Certificate* issuer) {
  static std::atomic<long> serial{1};
  Certificate made{{::X509_new(), ::X509_free},
                   {::EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"), ::EVP_PKEY_free}};
  X509* const certificate = made.certificate.get();
  require(certificate != nullptr && made.key != nullptr);
  ::X509_set_version(certificate, 2);
  ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate), serial++);
  ::X509_gmtime_adj(::X509_getm_notBefore(certificate), wish.begins_in_days * kDay);
  ::X509_gmtime_adj(::X509_getm_notAfter(certificate), wish.ends_in_days * kDay);
  ::X509_set_pubkey(certificate, made.key.get());
  // Authorities need names that differ, or one is taken for the other.
  const std::string name = wish.common_name + (wish.authority ? std::to_string(serial) : "");
  X509_NAME* const subject = ::X509_get_subject_name(certificate);
  require(::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                       reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                                       0) == 1);
  X509* const signer = issuer != nullptr ? issuer->certificate.get() : certificate;
  ::X509_set_issuer_name(certificate, ::X509_get_subject_name(signer));
  addExtension(certificate, signer, NID_basic_constraints,
               wish.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (!wish.names.empty()) addExtension(certificate, signer, NID_subject_alt_name, wish.names);
  const EVP_PKEY* const key = issuer != nullptr ? issuer->key.get() : made.key.get();
  require(::X509_sign(certificate, const_cast<EVP_PKEY*>(key), ::EVP_sha256()) > 0);
  return made;
}

}  // namespace test_support
