#include "ledger/timestamp.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ts.h>
#include <openssl/x509.h>

#include <cstring>
#include <ctime>
#include <memory>

namespace daybook {
namespace {

template <auto release>
struct Free {
  void operator()(auto* value) const { release(value); }
};
using Request = std::unique_ptr<TS_REQ, Free<TS_REQ_free>>;
using Response = std::unique_ptr<TS_RESP, Free<TS_RESP_free>>;
using Imprint = std::unique_ptr<TS_MSG_IMPRINT, Free<TS_MSG_IMPRINT_free>>;
using Algorithm = std::unique_ptr<X509_ALGOR, Free<X509_ALGOR_free>>;
using Integer = std::unique_ptr<ASN1_INTEGER, Free<ASN1_INTEGER_free>>;
using Store = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Context = std::unique_ptr<TS_VERIFY_CTX, Free<TS_VERIFY_CTX_free>>;
using Bio = std::unique_ptr<BIO, Free<BIO_free_all>>;

std::unexpected<Error> refuse(std::string_view why) {
  std::string detail = fmt::format("time stamp: {}", why);
  if (const unsigned long code = ERR_peek_last_error(); code != 0)
    if (const char* text = ERR_reason_error_string(code)) detail += fmt::format(" ({})", text);
  ERR_clear_error();
  return std::unexpected(Error{Error::Code::invalid, std::move(detail)});
}

const unsigned char* start_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// The whole of the bytes, and nothing after it.
template <typename Pointer>
Pointer parse(std::string_view der, auto* from_der) {
  if (der.size() > timestamp_bytes_max) return nullptr;
  const unsigned char* at = start_of(der);
  Pointer out(from_der(nullptr, &at, static_cast<long>(der.size())));
  if (out && at != start_of(der) + der.size()) return nullptr;
  return out;
}

Result<StampedTime> facts_of(TS_RESP& response, Bytes data) {
  const ASN1_INTEGER* status = TS_STATUS_INFO_get0_status(TS_RESP_get_status_info(&response));
  const long granted = ASN1_INTEGER_get(status);
  if (granted != TS_STATUS_GRANTED && granted != TS_STATUS_GRANTED_WITH_MODS)
    return refuse(fmt::format("the authority refused, with status {}", granted));
  TS_TST_INFO* info = TS_RESP_get_tst_info(&response);
  if (info == nullptr) return refuse("there is no token");
  TS_MSG_IMPRINT* imprint = TS_TST_INFO_get_msg_imprint(info);
  const ASN1_OBJECT* algorithm = nullptr;
  X509_ALGOR_get0(&algorithm, nullptr, nullptr, TS_MSG_IMPRINT_get_algo(imprint));
  const ASN1_OCTET_STRING* bytes = TS_MSG_IMPRINT_get_msg(imprint);
  const Digest digest = sha256(data);
  if (OBJ_obj2nid(algorithm) != NID_sha256 ||
      ASN1_STRING_length(bytes) != static_cast<int>(digest.size()) ||
      std::memcmp(ASN1_STRING_get0_data(bytes), digest.data(), digest.size()) != 0)
    return refuse("it is not about these bytes");
  std::tm broken{};
  if (ASN1_TIME_to_tm(TS_TST_INFO_get_time(info), &broken) != 1) return refuse("it has no time");
  StampedTime out{.time = static_cast<std::int64_t>(::timegm(&broken)), .policy = {}};
  char policy[128] = {};
  OBJ_obj2txt(policy, sizeof(policy), TS_TST_INFO_get_policy_id(info), 1);
  out.policy = policy;
  return out;
}

// Takes what it is given; the names changed with OpenSSL 3.4.
void set_store(TS_VERIFY_CTX* context, X509_STORE* store) {
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
  TS_VERIFY_CTX_set0_store(context, store);
#else
  TS_VERIFY_CTX_set_store(context, store);
#endif
}
void set_data(TS_VERIFY_CTX* context, BIO* data) {
#if OPENSSL_VERSION_NUMBER >= 0x30400000L
  TS_VERIFY_CTX_set0_data(context, data);
#else
  TS_VERIFY_CTX_set_data(context, data);
#endif
}

}  // namespace

Result<std::string> timestamp_request(Bytes data, std::uint64_t nonce) {
  const Request request(TS_REQ_new());
  const Imprint imprint(TS_MSG_IMPRINT_new());
  const Algorithm algorithm(X509_ALGOR_new());
  const Integer number(ASN1_INTEGER_new());
  Digest digest = sha256(data);
  const bool made =
      request && imprint && algorithm && number && TS_REQ_set_version(request.get(), 1) == 1 &&
      X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(NID_sha256), V_ASN1_NULL, nullptr) == 1 &&
      TS_MSG_IMPRINT_set_algo(imprint.get(), algorithm.get()) == 1 &&
      TS_MSG_IMPRINT_set_msg(imprint.get(), digest.data(), static_cast<int>(digest.size())) == 1 &&
      TS_REQ_set_msg_imprint(request.get(), imprint.get()) == 1 &&
      ASN1_INTEGER_set_uint64(number.get(), nonce) == 1 &&
      TS_REQ_set_nonce(request.get(), number.get()) == 1 &&
      TS_REQ_set_cert_req(request.get(), 1) == 1;
  if (!made) return refuse("the request can not be made");
  unsigned char* der = nullptr;
  const int size = i2d_TS_REQ(request.get(), &der);
  if (size <= 0) return refuse("the request can not be written");
  std::string out(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return out;
}

Result<StampedTime> read_timestamp(std::string_view response, Bytes data) {
  const auto parsed = parse<Response>(response, d2i_TS_RESP);
  if (!parsed) return refuse("these bytes are no response");
  return facts_of(*parsed, data);
}

Result<StampedTime> verify_timestamp(std::string_view response, Bytes data, std::string_view ca,
                                     std::string_view request) {
  const auto parsed = parse<Response>(response, d2i_TS_RESP);
  if (!parsed) return refuse("these bytes are no response");
  auto facts = facts_of(*parsed, data);
  if (!facts) return facts;
  Store store(X509_STORE_new());
  const Bio pem(BIO_new_mem_buf(ca.data(), static_cast<int>(ca.size())));
  std::size_t certificates = 0;
  while (const Certificate one{PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr)}) {
    if (X509_STORE_add_cert(store.get(), one.get()) != 1) return refuse("the authority's root");
    ++certificates;
  }
  ERR_clear_error();
  if (certificates == 0) return refuse("there is no certificate of an authority (PEM)");
  Request asked;
  const Context context(TS_VERIFY_CTX_new());
  if (!request.empty()) {
    asked = parse<Request>(request, d2i_TS_REQ);
    if (!asked || TS_REQ_to_TS_VERIFY_CTX(asked.get(), context.get()) == nullptr)
      return refuse("the request is none");
    TS_VERIFY_CTX_add_flags(context.get(), TS_VFY_SIGNATURE);
  } else {
    TS_VERIFY_CTX_set_flags(context.get(), TS_VFY_VERSION | TS_VFY_SIGNATURE | TS_VFY_DATA);
    set_data(context.get(), BIO_new_mem_buf(data.data(), static_cast<int>(data.size())));
  }
  set_store(context.get(), store.release());
  if (TS_RESP_verify_response(context.get(), parsed.get()) != 1)
    return refuse("it is not that of the authority");
  return facts;
}

}  // namespace daybook
