#include "runner/connect/failure.h"

#include <cerrno>
#include <cstring>

namespace daybook {
namespace {

std::string cut(std::string_view text) {
  constexpr std::string_view mark = " … (cut)";
  if (text.size() <= limits::text_bytes_max) return std::string(text);
  std::size_t keep = limits::text_bytes_max - mark.size();
  while (keep > 0 && (static_cast<unsigned char>(text[keep]) & 0xC0U) == 0x80U) --keep;
  return std::string(text.substr(0, keep)).append(mark);
}

ErrorClass class_of_errno(int error) {
  switch (error) {
    case EACCES:
    case EPERM:
    case EROFS: return ErrorClass::permission;
    case ENOSPC:
    case EDQUOT:
    case EIO:
    case ESTALE:
    case ENODEV: return ErrorClass::dependency_down;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EMLINK: return ErrorClass::throttled;
    case EAGAIN:
    case EINTR:
    case EBUSY:
    case ETIMEDOUT: return ErrorClass::transient;
    case EXDEV:
    case ELOOP:
    case ENOTDIR:
    case ENAMETOOLONG:
    case EOPNOTSUPP: return ErrorClass::definition;
    default: return ErrorClass::internal;
  }
}

}  // namespace

std::unexpected<SinkFailure> sink_failure(ErrorClass error, std::string_view code,
                                          std::string_view what, std::string_view detail,
                                          std::string_view classified_by) {
  return std::unexpected(SinkFailure{.error = error,
                                     .code = std::string(code),
                                     .detail = cut(detail),
                                     .fingerprint = fmt::format("{}: {}", code, what),
                                     .classified_by = std::string(classified_by)});
}

std::unexpected<SinkFailure> sink_conflict(std::string_view what, std::string_view detail) {
  return sink_failure(ErrorClass::data, "conflict", what, detail, "sink.conflict");
}

std::unexpected<SinkFailure> sink_fenced(EntryIndex held, EntryIndex ours) {
  return sink_failure(
      ErrorClass::internal, "fenced", "a later attempt holds the fence",
      fmt::format(
          "the sink's fence is at {}, this attempt holds {}: a later attempt has taken over", held,
          ours),
      "sink.fence");
}

std::unexpected<SinkFailure> errno_failure(int error, std::string_view call,
                                           std::string_view path) {
  const char* name = ::strerrorname_np(error);
  const std::string code =
      name != nullptr ? fmt::format("errno.{}", name) : fmt::format("errno.{}", error);
  return sink_failure(class_of_errno(error), code, call,
                      fmt::format("{} {}: {}", call, path, std::strerror(error)), "sink.errno");
}

}  // namespace daybook
