#include "ledger/keys.h"

#include <cstring>

namespace daybook {
namespace {

constexpr std::string_view heading = "PRIVATE+KEY+";

std::string format_key(const NoteSigner& signer) {
  std::string secret(1, static_cast<char>(signer.kind));
  secret.append(reinterpret_cast<const char*>(signer.seed.data()), signer.seed.size());
  return fmt::format("{}{}+{:08x}+{}\n", heading, signer.name, signer.verifier().id(),
                     base64(bytes_of(secret)));
}

}  // namespace

Result<NoteSigner> create_signing_key(FileSystem& files, const std::string& path,
                                      const std::string& name, const RandomBytes& entropy) {
  NoteSigner signer{name, NoteKeyKind::note, {}};
  entropy(std::as_writable_bytes(std::span(signer.seed)));
  if (const auto valid = parse_vkey(signer.verifier().vkey()); !valid) {
    return std::unexpected(valid.error());
  }
  const auto file = files.open(path, FileSystem::Open::create_new);
  if (!file) return std::unexpected(file.error());
  if (const auto done = (*file)->write_at(0, bytes_of(format_key(signer))); !done) {
    return std::unexpected(done.error());
  }
  if (const auto done = (*file)->sync(); !done) return std::unexpected(done.error());
  if (const auto done = files.sync_dir(parent_of(path)); !done) {
    return std::unexpected(done.error());
  }
  return signer;
}

Result<NoteSigner> load_signing_key(FileSystem& files, const std::string& path) {
  const auto file = files.open(path, FileSystem::Open::read);
  if (!file) return std::unexpected(file.error());
  if (((*file)->mode() & 077) != 0) {
    return std::unexpected(Error{Error::Code::invalid,
                                 fmt::format("{} is open to others than its owner", path),
                                 fmt::format("chmod 600 {}", path)});
  }
  const Result<std::string> text = read_whole(**file);
  if (!text) return std::unexpected(text.error());
  const auto bad = [&] { return fail(Error::Code::corrupt, "{} is not a signing key", path); };
  const std::size_t id = text->find('+', heading.size());
  const std::size_t secret = id == std::string::npos ? id : text->find('+', id + 1);
  if (!text->starts_with(heading) || secret == std::string::npos || text->back() != '\n') {
    return bad();
  }
  const auto bytes =
      base64_decode(std::string_view(*text).substr(secret + 1, text->size() - secret - 2));
  if (!bytes || bytes->size() != 33) return bad();
  NoteSigner signer{
      text->substr(heading.size(), id - heading.size()), static_cast<NoteKeyKind>((*bytes)[0]), {}};
  std::memcpy(signer.seed.data(), bytes->data() + 1, signer.seed.size());
  if (format_key(signer) != *text) return bad();
  return signer;
}

}  // namespace daybook
