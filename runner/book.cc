#include "runner/book.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace daybook {

namespace fs = std::filesystem;

Result<BookPaths> find_book(const fs::path& start) {
  std::error_code ignored;
  for (fs::path at = fs::absolute(start, ignored); !at.empty(); at = at.parent_path()) {
    const BookPaths paths{at / ".daybook"};
    std::error_code error;
    if (fs::exists(paths.config(), error)) return paths;
    // Somebody else's book is not no book: going on would end in another one further up.
    if (error == std::errc::permission_denied)
      return std::unexpected(Error{Error::Code::io,
                                   fmt::format("{}: {}", paths.root.string(), error.message()),
                                   "a book belongs to one user; --book DIR names another book"});
    if (at == at.root_path()) break;
  }
  return std::unexpected(Error{Error::Code::not_found,
                               fmt::format("there is no book in {} or above it", start.string()),
                               "daybook init makes one here; --book DIR names one elsewhere"});
}

Result<BookConfig> read_config(const BookPaths& paths) {
  std::ifstream file(paths.config());
  if (!file)
    return fail(Error::Code::not_found, "{}: {}", paths.config().string(), std::strerror(errno));
  std::stringstream text;
  text << file.rdbuf();
  const std::string bytes = text.str();
  const auto json = nlohmann::json::parse(bytes, nullptr, false);
  BookConfig config;
  // To the parser a NUL is the end, whatever comes after it.
  if (bytes.find('\0') != std::string::npos || !json.is_object() || !json.contains("origin") ||
      !json["origin"].is_string() || !json.contains("anchor") || !json["anchor"].is_string() ||
      json.value("format", 0) != 1)
    return fail(Error::Code::corrupt, "{} is not a daybook configuration of format 1",
                paths.config().string());
  config.origin = json["origin"].get<std::string>();
  config.anchor = json["anchor"].get<std::string>();
  if (const auto every = json.find("checkpoint_every");
      every != json.end() && every->is_number_unsigned())
    config.checkpoint_every = every->get<std::uint32_t>();
  return config;
}

Result<void> write_config(const BookPaths& paths, const BookConfig& config) {
  nlohmann::ordered_json json;
  json["format"] = 1;
  json["origin"] = config.origin;
  json["anchor"] = config.anchor;
  json["checkpoint_every"] = config.checkpoint_every;
  const std::string text = json.dump(2) + "\n";
  // O_EXCL: a book's configuration is written once, by init.
  const int file =
      ::open(paths.config().c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (file < 0)
    return fail(Error::Code::io, "{}: {}", paths.config().string(), std::strerror(errno));
  const bool written =
      ::write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(file) == 0;
  const int error = errno;
  ::close(file);
  if (!written)
    return fail(Error::Code::io, "{}: {}", paths.config().string(), std::strerror(error));
  return {};
}

}  // namespace daybook
