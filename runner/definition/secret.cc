#include "runner/definition/secret.h"

#include <strings.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace daybook {
namespace {

constexpr std::string_view env_prefix = "secret://env/", file_prefix = "secret://file/";
constexpr std::string_view any_prefix = "secret://";

std::string percent_encoded(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';
    if (plain) {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

}  // namespace

Secret::Secret(std::string value) : value_(std::move(value)) {}

Secret::~Secret() { ::explicit_bzero(value_.data(), value_.capacity()); }

// A short string is copied when moved: the place it was in is zeroed too.
Secret::Secret(Secret&& other) noexcept : value_(other.value_) {
  ::explicit_bzero(other.value_.data(), other.value_.size());
  other.value_.clear();
}

Secret& Secret::operator=(Secret&& other) noexcept {
  value_.swap(other.value_);
  return *this;
}

Result<Secret> resolve_secret(const std::string& reference) {
  if (!reference.starts_with(any_prefix)) return Secret(reference);
  if (reference.starts_with(env_prefix)) {
    const char* value = std::getenv(reference.c_str() + env_prefix.size());
    if (value == nullptr || *value == '\0') {
      return fail(Error::Code::not_found, "{}: the environment variable is not set", reference);
    }
    return Secret(value);
  }
  if (reference.starts_with(file_prefix)) {
    const std::string path = reference.substr(file_prefix.size() - 1);
    std::ifstream file(path, std::ios::binary);
    std::string value((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    if (!file.good() && !file.eof()) {
      return fail(Error::Code::not_found, "{}: {} can not be read", reference, path);
    }
    if (value.ends_with('\n')) value.pop_back();
    if (value.empty()) return fail(Error::Code::not_found, "{}: the file is empty", reference);
    return Secret(std::move(value));
  }
  return fail(Error::Code::invalid, "{}: only secret://env/ and secret://file/ are known",
              reference);
}

void Scrubber::hide(std::string_view value) {
  constexpr std::size_t bytes_min = 3;
  if (value.size() < bytes_min) return;
  hidden_.emplace_back(std::string(value));
  if (std::string encoded = percent_encoded(value); encoded != value) {
    hidden_.emplace_back(std::move(encoded));
  }
}

std::string Scrubber::scrub(std::string text) const {
  constexpr std::string_view mark = "•••";
  for (const Secret& secret : hidden_) {
    for (std::size_t at = text.find(secret.view()); at != std::string::npos;
         at = text.find(secret.view(), at + mark.size())) {
      text.replace(at, secret.view().size(), mark);
    }
  }
  return text;
}

}  // namespace daybook
