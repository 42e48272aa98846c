// serve-tiles: an export, or the book itself, as others read it over HTTP.
#include <charconv>

#include "runner/transparency/tile_server.h"
#include "tools/daybook/book_reader.h"
#include "tools/verifier/export_directory.h"

namespace daybook::commands {

namespace {

constexpr std::size_t tile_bytes_max = std::size_t{256} * (2 + entry_bytes_max);

std::expected<TileSource, Problem> from_directory(const std::string& path) {
  auto opened = ExportDirectory::open(path);
  if (!opened)
    return not_found("a folder that daybook ledger export made", "{}",
                     printable(opened.error().detail));
  if (const auto note = opened->read("checkpoint", tile_bytes_max); !note)
    return std::unexpected(
        Problem{.exit = Exit::not_found,
                .code = "DB-1004",
                .message = printable(path) + " is no export: it has no checkpoint",
                .hint = "daybook ledger export DIR makes one"});
  const auto directory = std::make_shared<ExportDirectory>(std::move(*opened));
  return [directory](const std::string& name) { return directory->read(name, tile_bytes_max); };
}

// The ledger is opened anew for each checkpoint that is asked for, so that what a keeper adds is
// there; whatever an answered checkpoint needs, the same opening has.
std::expected<TileSource, Problem> from_book(const Arguments& arguments) {
  const auto paths = find_book_of(arguments);
  if (!paths) return std::unexpected(paths.error());
  const auto config = read_config(*paths);
  if (!config) return std::unexpected(problem_of(config.error()));
  auto ledger = open_ledger(*paths, *config);
  if (!ledger) return std::unexpected(ledger.error());
  if (const auto note = tile_of(**ledger, "checkpoint"); !note)
    return std::unexpected(problem_of(note.error()));
  const auto open = std::make_shared<std::unique_ptr<RocksdbLedger>>(std::move(*ledger));
  return [open, paths = *paths, config = *config](const std::string& name) {
    if (name == "checkpoint")
      if (auto newer = open_ledger(paths, config)) *open = std::move(*newer);
    return tile_of(**open, name);
  };
}

}  // namespace

Outcome serve_tiles(Invocation& in) {
  std::string address = "127.0.0.1";
  std::uint16_t port = 0;
  if (in.arguments.has("listen")) {
    const std::string text = in.arguments.text("listen");
    const std::size_t colon = text.rfind(':');
    const char* end = text.data() + text.size();
    const char* digits = text.data() + (colon == std::string::npos ? 0 : colon + 1);
    const auto [at, error] = std::from_chars(digits, end, port);
    if (error != std::errc() || at != end || digits == end)
      return usage("127.0.0.1:8080, or a port alone", "--listen takes an address and a port");
    if (colon != std::string::npos) address = text.substr(0, colon);
    if (address.starts_with('[') && address.ends_with(']'))
      address = address.substr(1, address.size() - 2);
  }
  const std::string directory = in.arguments.text("DIR");
  if (!directory.empty() && in.arguments.has("book"))
    return usage("a folder, or the book itself", "DIR and --book can not both be served");
  auto source = directory.empty() ? from_book(in.arguments) : from_directory(directory);
  if (!source) return std::unexpected(source.error());
  const auto server = TileServer::listen(address, port, std::move(*source));
  if (!server) return std::unexpected(problem_of(server.error()));
  const std::string host = address.find(':') == std::string::npos ? address : "[" + address + "]";
  const std::string url = fmt::format("http://{}:{}/", host, (*server)->port());
  // At once: whoever started it reads where it is from here.
  const auto shown = in.output.print(Document{.kind = "TileServer",
                                              .json = {{"url", url}, {"port", (*server)->port()}},
                                              .text = fmt::format("serving {}\n", url)});
  if (!shown) return std::unexpected(shown.error());
  std::fflush(stdout);
  const std::uint64_t seconds = in.arguments.number("for").value_or(0);
  const TileServerReport report =
      (*server)->serve(std::chrono::seconds(std::min<std::uint64_t>(seconds, 1'000'000'000)));
  in.output.say(fmt::format("served {} answers, refused {}", report.served, report.refused));
  return Exit::good;
}

}  // namespace daybook::commands
