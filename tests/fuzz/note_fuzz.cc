// Signed notes, checkpoints and keys in text, from anybody.
#include "ledger/note.h"
#include "tests/fuzz/fuzz.h"

using namespace daybook;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const NoteVerifier golden = [] {
    std::string key = fuzz::source_file("tests/golden/0.1.0.vkey");
    key.erase(key.find_last_not_of('\n') + 1);
    const auto parsed = parse_vkey(key);
    DAYBOOK_ASSERT(parsed.has_value(), "{}", parsed.error().detail);
    return *parsed;
  }();
  static const std::string genuine = fuzz::source_file("tests/golden/0.1.0/checkpoint");
  static const auto genuine_text = parse_note(genuine)->text;

  const std::string_view text = fuzz::text(data, size);
  if (const auto key = parse_vkey(text)) DAYBOOK_ASSERT(parse_vkey(key->vkey()) == *key);
  if (const auto checkpoint = parse_checkpoint(text))
    DAYBOOK_ASSERT(format_checkpoint(*checkpoint) == text);
  const auto note = parse_note(text);
  if (!note) return 0;
  DAYBOOK_ASSERT(format_note(*note) == text);
  (void)parse_checkpoint(note->text);
  // The key has signed one text; no other may pass for it.
  if (verify_note(*note, {&golden, 1})) DAYBOOK_ASSERT(note->text == genuine_text);
  if (const auto opened = open_checkpoint(text, golden))
    DAYBOOK_ASSERT(format_checkpoint(*opened) == genuine_text);
  return 0;
}
