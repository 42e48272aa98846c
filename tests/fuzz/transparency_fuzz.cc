// What others send while the log is shown to them: heads of requests, answers of witnesses, answers
// of time stamping authorities, chains of keys.
#include "ledger/timestamp.h"
#include "replay/log_keys.h"
#include "runner/transparency/http_client.h"
#include "runner/transparency/tile_server.h"
#include "runner/transparency/witness_talk.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

namespace {

void talk(std::string_view body) {
  static const NoteVerifier log =
      *parse_vkey("ledger.example/test+421031f3+AZsfhHkc/HZjBFhU04netcqVRJ2HXydqg4QLBgqznPxx");
  static const NoteVerifier witness =
      *parse_vkey("witness.example/w2+e98dbcf5+BABFkvNHqYw4x6+j1IuU+y8gnpX7dIL2Ls4uw87USZkh");
  const std::string note =
      "ledger.example/test\n257\n6sxCy9aaRpNMQLARCcKz6jKIDaigU8zk4Mli0J9pttA=\n\n"
      "— ledger.example/test QhAx85BYs8N25imtkF65BYONJ62hF/xG94MTXQqTDjCqiAowEwmfgzsQ/UksnMJ/"
      "JKiGc/dcO6kbTqgOW7/lliAY/A4=\n";
  for (const unsigned status : {200U, 409U}) {
    WitnessTalk one(
        witness, note, 0,
        {.consistency = [](std::uint64_t, std::uint64_t) -> Result<std::vector<Digest>> {
           return std::vector<Digest>(3);
         },
         .signed_at = [](std::uint64_t size) { return size % 2 == 0; }});
    for (int i = 0; i < 10 && one.request(); ++i) one.answer(status, "text/x.tlog.size", body);
    DAYBOOK_ASSERT(!one.request());
    if (one.says() != WitnessSays::cosigned) continue;
    const auto whole = with_cosignatures(note, one.cosignatures());
    DAYBOOK_ASSERT(whole && open_checkpoint(*whole, log));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text = fuzz::text(data, size);
  talk(text);
  if (refused_head(text, 8080) == 0) DAYBOOK_ASSERT(text.ends_with("\r\n\r\n"));
  if (const auto url = parse_http_url(text))
    DAYBOOK_ASSERT(!url->host.empty() && url->target.starts_with('/'));
  (void)read_timestamp(text, bytes_of("x"));
  // Nobody here has a key that is in the corpus: what comes is never more than the signatures give.
  const NoteVerifier pinned{"daybook.local/fuzz", NoteKeyKind::note, {}};
  if (const auto found = follow_keys(std::span(&pinned, 1), text)) DAYBOOK_ASSERT(found->empty());
  return 0;
}
