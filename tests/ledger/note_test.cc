#include "ledger/note.h"

#include <gtest/gtest.h>

namespace daybook {
namespace {

constexpr std::string_view origin = "ledger.example/test";
constexpr std::string_view log_vkey =
    "ledger.example/test+421031f3+AZsfhHkc/HZjBFhU04netcqVRJ2HXydqg4QLBgqznPxx";
constexpr std::string_view witness_vkey =
    "witness.example/w2+e98dbcf5+BABFkvNHqYw4x6+j1IuU+y8gnpX7dIL2Ls4uw87USZkh";
constexpr std::string_view published =
    "ledger.example/test\n257\n6sxCy9aaRpNMQLARCcKz6jKIDaigU8zk4Mli0J9pttA=\n\n"
    "— ledger.example/test "
    "QhAx85BYs8N25imtkF65BYONJ62hF/xG94MTXQqTDjCqiAowEwmfgzsQ/UksnMJ/JKiGc/dcO6kbTqgOW7/lliAY/A4=\n"
    "— witness.example/w2 "
    "6Y289QAAAABpVbkAL9Ty4Y4Z/gFVi4T9+MXeYb8Xw3lRavVvLaGgl2liVs8iSZmRP3nsDBCu6hiHyPuuaQ1w4kCL01Tn"
    "zO5FJN1XDQ==\n";

const NoteSigner log_signer{
    std::string(origin), NoteKeyKind::note,
    *digest_from_hex("836ff184e7b41b1e13cb5fd89fa1de98dbbab99e9d2918913ff43b86a5c7c213")};
const NoteSigner witness_signer{
    "witness.example/w2", NoteKeyKind::cosignature,
    *digest_from_hex("06f8faea3b5f697691b6d063a07ba4ffaf1ece9a1d473c588565231cdc8e59cc")};

Checkpoint checkpoint_257() {
  return {
      std::string(origin),
      {257, *digest_from_hex("eacc42cbd69a46934c40b01109c2b3ea32880da8a053cce4e0c962d09f69b6d0")}};
}

TEST(Note, ReproducesThePublishedCheckpointByteForByte) {
  EXPECT_EQ(log_signer.verifier().vkey(), log_vkey);
  EXPECT_EQ(witness_signer.verifier().vkey(), witness_vkey);
  const auto signed_note = sign_checkpoint(checkpoint_257(), log_signer);
  ASSERT_TRUE(signed_note);
  auto note = parse_note(*signed_note);
  ASSERT_TRUE(note);
  const auto cosignature = sign_note(witness_signer, note->text, 1767225600);
  ASSERT_TRUE(cosignature);
  note->signatures.push_back(*cosignature);
  EXPECT_EQ(format_note(*note), published);
}

TEST(Note, VerifiesThePublishedCheckpointAndItsWitness) {
  const auto log = parse_vkey(log_vkey);
  const auto witness = parse_vkey(witness_vkey);
  ASSERT_TRUE(log && witness);
  const auto checkpoint = open_checkpoint(published, *log);
  ASSERT_TRUE(checkpoint) << checkpoint.error().detail;
  EXPECT_EQ(*checkpoint, checkpoint_257());
  const auto note = parse_note(published);
  const std::vector<NoteVerifier> known = {*log, *witness};
  const auto good = verify_note(*note, known);
  ASSERT_TRUE(good);
  ASSERT_EQ(good->size(), 2U);
  EXPECT_EQ((*good)[1].by, *witness);
  EXPECT_EQ((*good)[1].time, 1767225600U);
}

TEST(Note, ReadsTheKeyOfTheSpecification) {
  constexpr std::string_view text =
      "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
  const auto key = parse_vkey(text);
  ASSERT_TRUE(key) << key.error().detail;
  EXPECT_EQ(key->id(), 0x530d903aU);
  EXPECT_EQ(key->vkey(), text);
  for (std::string_view bad :
       {"", "example.com/foo",
        "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
        "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"}) {
    EXPECT_FALSE(parse_vkey(bad)) << bad;
  }
}

TEST(Note, IsRefusedWhenAnyByteIsDifferent) {
  const auto log = parse_vkey(log_vkey);
  const auto witness = parse_vkey(witness_vkey);
  const std::vector<NoteVerifier> known = {*log, *witness};
  for (std::size_t i = 0; i < published.size(); ++i) {
    std::string other(published);
    other[i] = static_cast<char>(other[i] ^ 1);
    const auto note = parse_note(other);
    if (!note) continue;
    const auto good = verify_note(*note, known);
    EXPECT_FALSE(good && good->size() == 2) << i;
  }
}

TEST(Note, IgnoresUnknownKeysButNeedsOneKnown) {
  const auto log = parse_vkey(log_vkey);
  auto note = parse_note(published);
  note->signatures.erase(note->signatures.begin());
  EXPECT_FALSE(verify_note(*note, std::span(&*log, 1)));
  const NoteVerifier same_name{std::string(origin), NoteKeyKind::note, {}};
  EXPECT_FALSE(verify_note(*parse_note(published), std::span(&same_name, 1)));
}

TEST(Note, IsParsedStrictly) {
  const std::string good(published);
  const auto replaced = [&](std::string_view what, std::string_view with) {
    std::string text = good;
    return text.replace(text.find(what), what.size(), with);
  };
  for (const std::string& bad :
       {std::string(), good.substr(0, good.size() - 1), good + "x\n", replaced("\n\n", "\n"),
        replaced("257", "2\r57"), replaced("257", "2\xff\x37"), replaced("— l", "- l"),
        replaced("/A4=", "/A5="), replaced(" QhAx", "  QhAx")}) {
    EXPECT_FALSE(parse_note(bad)) << bad;
  }
  // The text may hold blank lines: the last one counts.
  const auto signature = sign_note(log_signer, "a\n\nb\n");
  const auto note = parse_note(format_note({"a\n\nb\n", {*signature}}));
  ASSERT_TRUE(note);
  EXPECT_EQ(note->text, "a\n\nb\n");
}

TEST(Note, IsUtf8AndHoldsNoControlByte) {
  const auto of = [](std::string_view text) {
    return parse_note(format_note({std::string(text) + "\n", {*sign_note(log_signer, "x\n")}}));
  };
  for (const std::string_view good :
       {"a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"})
    EXPECT_TRUE(of(good)) << hex(bytes_of(good));
  for (const std::string_view bad :
       {"\x01", "\t", "\x80", "\xc1\xbf", "\xc2", "\xc2z", "\xe0\x9f\xbf", "\xe0\xa0", "\xe0\xa0z",
        "\xed\xa0\x80", "\xed\xbf\xbf", "\xf0\x8f\xbf\xbf", "\xf0\x90\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff"})
    EXPECT_FALSE(of(bad)) << hex(bytes_of(bad));
}

TEST(Note, NamesNobodyByAnEmptyNameAPlusOrAWhiteSpace) {
  for (const std::string_view good : {"a", "a/b", "\xe2\x80\x8b", "\xe2\x80\x90", "\xc2\xa1"})
    EXPECT_TRUE(sign_note({std::string(good), NoteKeyKind::note, {}}, "x\n")) << good;
  for (const std::string_view bad :
       {"", "a+b", "a b", "\t", "\x1f", "\xff", "\xc2\x85", "\xc2\xa0", "\xe1\x9a\x80",
        "\xe2\x80\x80", "\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf",
        "\xe2\x81\x9f", "\xe3\x80\x80"})
    EXPECT_FALSE(sign_note({std::string(bad), NoteKeyKind::note, {}}, "x\n")) << hex(bytes_of(bad));
}

TEST(Note, EndsInANewlineWhereItIsSigned) {
  EXPECT_FALSE(sign_note(log_signer, ""));
  EXPECT_FALSE(sign_note(log_signer, "a\nb"));
}

TEST(Note, HasBoundsOfSizeAndOfSignatures) {
  Note note{"text\n", std::vector(100, *sign_note(log_signer, "text\n"))};
  EXPECT_TRUE(parse_note(format_note(note)));
  note.signatures.push_back(note.signatures[0]);
  EXPECT_FALSE(parse_note(format_note(note)));
  note = {std::string(1'000'000, 'x') + "\n", {note.signatures[0]}};
  EXPECT_FALSE(parse_note(format_note(note)));
}

TEST(Note, IsRefusedWhereTheSignatureOfAKnownKeyHasAnotherLength) {
  const auto log = parse_vkey(log_vkey);
  auto note = parse_note(published);
  note->signatures[0].signature += "more";
  EXPECT_FALSE(verify_note(*note, std::span(&*log, 1)));
}

TEST(Note, TakesNoKeyOfAnotherKindOrLength) {
  const auto vkey_of = [](std::string_view bytes) {
    return fmt::format("a+00000000+{}", base64(bytes_of(bytes)));
  };
  const std::string_view key(published.data(), 32);
  const auto detail_of = [](const std::string& text) { return parse_vkey(text).error().detail; };
  EXPECT_EQ(detail_of(vkey_of("\1")), "verifier key: not an Ed25519 key");
  EXPECT_EQ(detail_of("a+00000000+AQ="), "verifier key: not an Ed25519 key");
  EXPECT_EQ(detail_of(vkey_of("\2" + std::string(key))), "verifier key: unknown kind");
}

TEST(Checkpoint, IsParsedStrictly) {
  const std::string good = format_checkpoint(checkpoint_257());
  EXPECT_EQ(*parse_checkpoint(good), checkpoint_257());
  const auto with_size = [&](std::string_view size) {
    return std::string(origin) + "\n" + std::string(size) + good.substr(good.find("\n6sx"));
  };
  EXPECT_TRUE(parse_checkpoint(with_size("9223372036854775807")));
  for (const char* size :
       {"0257", "-1", "+1", "", "1 ", "9223372036854775808", "18446744073709551616"}) {
    EXPECT_FALSE(parse_checkpoint(with_size(size))) << size;
  }
  EXPECT_FALSE(parse_checkpoint(good + "extension\n"));
  EXPECT_FALSE(parse_checkpoint(good.substr(0, good.size() - 1)));
  EXPECT_FALSE(parse_checkpoint("a b" + good.substr(origin.size())));
  EXPECT_FALSE(parse_checkpoint("o\n1\nAAAA\n"));
  EXPECT_FALSE(parse_checkpoint("o\n1\n???\n"));
}

TEST(Checkpoint, IsOfTheLogThatSignedIt) {
  const auto log = parse_vkey(log_vkey);
  const std::string text = format_checkpoint({"another.example/log", checkpoint_257().head});
  const auto opened = open_checkpoint(format_note({text, {*sign_note(log_signer, text)}}), *log);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().detail, "checkpoint of another.example/log, not of ledger.example/test");
  EXPECT_FALSE(open_checkpoint("no note", *log));
  EXPECT_FALSE(open_checkpoint(
      format_note({"no checkpoint\n", {*sign_note(log_signer, "no checkpoint\n")}}), *log));
}

}  // namespace
}  // namespace daybook
