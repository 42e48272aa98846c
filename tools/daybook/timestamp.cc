// ledger timestamp: an authority's word for when a checkpoint was there (RFC 3161).
#include "ledger/timestamp.h"

#include "ledger/codec/event_codec.h"
#include "replay/export.h"
#include "replay/timestamps.h"
#include "runner/entropy.h"
#include "runner/transparency/http_client.h"
#include "tools/daybook/log_answers.h"
#include "tools/daybook/submit.h"
#include "tools/daybook/whole_file.h"

namespace daybook::commands {

namespace {

constexpr std::size_t ca_bytes_max = 1'000'000;

std::string base64_of(std::string_view bytes) { return base64(bytes_of(bytes)); }

std::expected<PendingTimestamp, Problem> fresh_request(const Ledger& ledger) {
  auto note = latest_checkpoint(ledger);
  if (!note) return std::unexpected(problem_of(note.error()));
  std::uint64_t nonce = 0;
  const auto entropy = make_system_entropy();
  entropy->fill(std::as_writable_bytes(std::span(&nonce, 1)));
  auto request = timestamp_request(bytes_of(*note), nonce);
  if (!request) return std::unexpected(problem_of(request.error()));
  return PendingTimestamp{std::move(*note), std::move(*request)};
}

std::expected<std::string, Problem> ask_authority(const std::string& text,
                                                  const std::string& request) {
  const auto url = parse_http_url(text);
  if (!url) return std::unexpected(problem_of(url.error()));
  const auto answer =
      http_post(*url, "application/timestamp-query", request,
                {.patience = std::chrono::seconds(15), .body_bytes_max = timestamp_bytes_max});
  if (!answer) return std::unexpected(problem_of(answer.error()));
  if (answer->status != 200 || !answer->content_type.starts_with("application/timestamp-reply"))
    return std::unexpected(problem_of(Error{
        Error::Code::unavailable, fmt::format("{} answered with HTTP status {} and no time stamp",
                                              url->authority(), answer->status)}));
  return answer->body;
}

// The answer of the keeper, which looks at what it is given again.
Outcome keep(Invocation& in, const ReadBook& book, const PendingTimestamp& asked,
             const std::string& response) {
  const auto ca = whole_file(in.arguments.text("ca"), ca_bytes_max);
  if (!ca) return std::unexpected(ca.error());
  const auto good = verify_timestamp(response, bytes_of(asked.note), *ca, asked.request);
  if (!good) {
    Problem problem = problem_of(good.error());
    problem.exit = Exit::integrity;
    problem.code = "DB-1009";
    problem.hint = "nothing was kept";
    return std::unexpected(std::move(problem));
  }
  const auto kept = submit(
      book.paths, in.output,
      {"timestamp-keep", {{"note", base64_of(asked.note)}, {"response", base64_of(response)}}});
  if (!kept) return std::unexpected(kept.error());
  const std::string time = iso_time(good->time * 1'000'000);
  return printed(in.output.print(
      Document{.kind = "TimeStamp",
               .json = {{"size", (*kept)["size"]},
                        {"name", (*kept)["name"]},
                        {"time", time},
                        {"policy", good->policy}},
               .text = fmt::format("the checkpoint of {} entries was there at {}\n  kept as {}; "
                                   "exports and evidence carry it\n",
                                   grouped((*kept)["size"].get<std::uint64_t>()), time,
                                   (*kept)["name"].get<std::string>()),
               .ledger_size = book.state.size}));
}

}  // namespace

Outcome ledger_timestamp(Invocation& in) {
  const bool tsa = in.arguments.has("tsa"), request = in.arguments.has("request"),
             response = in.arguments.has("response");
  if (tsa + request + response != 1)
    return usage(
        "--tsa URL asks an authority; --request FILE and, later, --response FILE do it by "
        "hand",
        "one of --tsa, --request and --response");
  if (!request && !in.arguments.has("ca"))
    return usage("--ca FILE, the authority's root certificate (PEM)", "--ca is missing");
  const auto book = read_book(in);
  if (!book) return std::unexpected(book.error());
  if (response) {
    const auto pending = pending_timestamp(*book->ledger);
    if (!pending) return std::unexpected(problem_of(pending.error()));
    if (!*pending)
      return not_found("daybook ledger timestamp --request FILE", "no time stamp was asked for");
    const auto bytes = whole_file(in.arguments.text("response"), timestamp_bytes_max);
    if (!bytes) return std::unexpected(bytes.error());
    return keep(in, *book, **pending, *bytes);
  }
  const auto asked = fresh_request(*book->ledger);
  if (!asked) return std::unexpected(asked.error());
  if (tsa) {
    const auto bytes = ask_authority(in.arguments.text("tsa"), asked->request);
    if (!bytes) return std::unexpected(bytes.error());
    return keep(in, *book, *asked, *bytes);
  }
  const auto kept =
      submit(book->paths, in.output,
             {"timestamp-pending",
              {{"note", base64_of(asked->note)}, {"request", base64_of(asked->request)}}});
  if (!kept) return std::unexpected(kept.error());
  const std::string file = in.arguments.text("request");
  if (const auto made = new_file(file, asked->request); !made) return std::unexpected(made.error());
  return printed(in.output.print(
      Document{.kind = "TimeStampRequest",
               .json = {{"file", file}, {"size", (*kept)["size"]}},
               .text = fmt::format("wrote the request for the checkpoint of {} entries to {}\n",
                                   grouped((*kept)["size"].get<std::uint64_t>()), printable(file)),
               .ledger_size = book->state.size}));
}

}  // namespace daybook::commands
