// Evidence gathered from a book, and checked by what an auditor runs: good as it is, and refused
// with the file named wherever a byte differs.
#include "replay/evidence.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

#include "ledger/codec/event_codec.h"
#include "ledger/memory_ledger.h"
#include "ledger/ssh_signature.h"
#include "replay/checkpoint.h"
#include "replay/evidence_gather.h"
#include "replay/fold.h"
#include "tests/support/scenario.h"
#include "tests/support/temporary_directory.h"
#include "tools/verifier/evidence_archive.h"

namespace daybook {
namespace {

using namespace story;

constexpr ErasureId erasure0{0};

std::string slurp(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

// A run of one partition with two records set aside, one of them erased; its load was approved.
class EvidenceTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { one_ = new Made; }
  static void TearDownTestSuite() {
    delete one_;
    one_ = nullptr;
  }

  struct Made {
    TemporaryDirectory folder{"evidence"};
    std::mt19937_64 random{1};
    std::optional<PayloadStore> payloads;
    MemoryLedger ledger;
    State state;
    NoteSigner key{"daybook.local/test", NoteKeyKind::note, digest(7)};
    std::string load_text = "daybook approval of a load, version 1\nrows 8\n";
    std::string erase_text = "daybook erasure, version 1\n";
    std::string public_key;
    StoredFiles files, with_records;

    Made() {
      payloads = *PayloadStore::open(posix_file_system(), folder.path().string(),
                                     [this](std::span<std::byte> out) {
                                       for (std::byte& b : out)
                                         b = static_cast<std::byte>(random());
                                     });
      run("ssh-keygen -q -t ed25519 -N '' -C ben -f key");
      public_key = parse_ssh_public_key(slurp(folder / "key.pub"))->line;
      tell();
      state = *fold(ledger, ledger.head().size);
      const TreeHead head = ledger.head();
      const auto note = sign_checkpoint({key.name, head}, key);
      EXPECT_TRUE(ledger.put(checkpoint_key(head.size), bytes_of(*note)).has_value());
      files = gathered(false);
      with_records = gathered(true);
    }

    void run(const std::string& command) const {
      EXPECT_EQ(std::system(("cd " + folder.path().string() + " && " + command).c_str()), 0);
    }
    std::string signature(const std::string& text) const {
      std::ofstream(folder / "text") << text;
      run("rm -f text.sig; ssh-keygen -q -Y sign -n daybook -f key text 2>/dev/null");
      return slurp(folder / "text.sig");
    }
    PayloadRef put(const std::string& text) {
      const auto kept = payloads->put(bytes_of(text));
      return {kept->digest, kept->length};
    }
    static std::string line(int row, const std::string& bytes, const std::string& message) {
      return fmt::format(
          R"({{"input":0,"row":{},"offset":0,"bytes":"{}","violations":[{{"rule":"amount.maximum",)"
          R"("column":"amount","message":"{}"}}]}})"
          "\n",
          row, bytes, message);
    }

    void tell() {
      const PayloadRef both =
          put(line(2, "2,Ana,9", "9 is above 1") + line(3, "3,<b>,9", "9 is above 1"));
      const PayloadRef rest = put(line(2, "", "") + line(3, "3,<b>,9", "9 is above 1"));
      DefinitionRegistered definition = registered();
      definition.files = put(R"({"pipeline":"runways <&>"})");
      AttemptStaged with_held = staged_as();
      with_held.counts = {.read = 10, .accepted = 8, .quarantined = 2, .filtered = 0, .merged = 0};
      with_held.output_rows = 8;
      with_held.batch = batch0;
      with_held.quarantine = both;
      with_held.rules = {{"amount.maximum", 2}};
      with_held.files = {{.name = "feed.csv",
                          .digest = digest(1),
                          .bytes = 100,
                          .records = 10,
                          .record_root = {},
                          .copy = {}}};
      PrincipalEnrolled ben = enrolled("ben", {"approver"});
      ben.public_key = public_key;
      const auto approves_with_key = [&](ApprovalId id, const std::string& text) {
        ApprovalGiven given = approves("ben", id);
        given.signature = signature(text);
        given.key_fingerprint = parse_ssh_public_key(public_key)->fingerprint;
        return by("ben", given);
      };
      ErasureProposed erasure{.erasure = erasure0,
                              .policy = "subject (column name)",
                              .items = {{.kind = PayloadKind::quarantine,
                                         .payload = both,
                                         .replacement = rest,
                                         .slot = slot0,
                                         .run = run0,
                                         .batch = batch0,
                                         .records = {0},
                                         .entry = 9}},
                              .plan = sha256(bytes_of(erase_text)),
                              .text = {},
                              .approvals = 1,
                              .reason = "request <4711>"};
      ApprovalRequested asks_erasure{.approval = approval1,
                                     .subject = ApprovalSubject::erasure,
                                     .slot = no_slot,
                                     .compensation = no_compensation,
                                     .digest = erasure.plan,
                                     .needed = 1,
                                     .erasure = erasure0};
      BookCreated first = std::get<BookCreated>(created);
      first.origin = key.name;
      first.log_vkey = key.verifier().vkey();
      LoadIntended load = intends();
      load.rows = 8;
      LoadCommitted loaded_now = commits();
      loaded_now.rows = 8;
      LoadVerified verified_now = verifies();
      verified_now.rows = 8;
      History history = History{Fact(Event(first))} + boot(1) + ben + by("dora", definition) +
                        by("ana", started()) + opened() + planned_as(PlanReason::new_partition) +
                        attempted() + with_held + asks(approval0, sha256(bytes_of(load_text))) +
                        approves_with_key(approval0, load_text) + load + loaded_now + verified_now +
                        finished() + by("ana", Event(erasure)) + by("ana", Event(asks_erasure)) +
                        approves_with_key(approval1, erase_text) +
                        by("ana", ErasureStarted{.erasure = erasure0}) +
                        ErasureFinished{.erasure = erasure0, .payloads = 1, .bytes = both.bytes} +
                        by("eve", enrolled("eve", {"operator"}));
      State at;
      for (const Fact& fact : history) {
        Entry entry = entry_after(at, fact);
        if (const RunState* open = at.find(run0)) entry.envelope.correlation = open->uuid;
        EXPECT_TRUE(violations(at, entry).empty()) << ::testing::PrintToString(fact.event);
        apply(at, entry);
        const auto bytes = encode(entry);
        const Bytes group[] = {bytes};
        EXPECT_TRUE(ledger.append(group).has_value());
      }
      EXPECT_TRUE(payloads->erase({both.digest, both.bytes}).has_value());
    }

    StoredFiles gathered(bool records) {
      const EvidenceSource source{
          .state = state,
          .now = state,
          .ledger = ledger,
          .payloads = *payloads,
          .approval_text = [&](const State&, ApprovalId id) -> Result<std::string> {
            return id == approval0 ? load_text : erase_text;
          }};
      const EvidenceWish wish{
          .run = run0, .with_records = records, .made_at = "2026-01-31T09:00:00Z"};
      auto made = gather_evidence(source, wish, key);
      if (!made) ADD_FAILURE() << made.error().detail;
      return made.value_or(StoredFiles{});
    }
  };

  static Judgement judge(const StoredFiles& files) {
    return verify_evidence(files, {.log = one_->key.verifier(), .origin = {}, .witnesses = {}});
  }
  static ::testing::AssertionResult names(const Judgement& judgement, const std::string& path) {
    for (const Fault& fault : judgement.faults())
      if (fault.path == path) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << path << " is not named:\n" << judgement.text();
  }

  static Made* one_;
};
EvidenceTest::Made* EvidenceTest::one_ = nullptr;

TEST_F(EvidenceTest, IsGoodAsItIsGathered) {
  const Judgement judgement = judge(one_->files);
  EXPECT_EQ(judgement.verdict(), Verdict::good) << judgement.text();
  EXPECT_EQ(judgement.signatures, 2U);
  EXPECT_EQ(judgement.files, one_->files.size());
  EXPECT_EQ(judge(one_->with_records).verdict(), Verdict::good);
  EXPECT_TRUE(looks_like_evidence(one_->files));
  EXPECT_EQ(*read_stored_zip(write_stored_zip(one_->files)), one_->files);
}

TEST_F(EvidenceTest, HoldsNoBytesOfRecordsUnlessAsked) {
  for (const auto& [name, content] : one_->files) {
    EXPECT_EQ(content.find("3,<b>,9"), content.npos) << name;
    EXPECT_EQ(content.find("2,Ana"), content.npos) << name;
  }
  EXPECT_NE(one_->with_records.at("records/0.jsonl").find("3,<b>,9"), std::string::npos);
  const std::string& listing = one_->files.at("quarantine/0.jsonl");
  EXPECT_NE(listing.find(R"("row":2,"rules":["amount.maximum"],"erased":true)"), listing.npos);
  EXPECT_NE(listing.find(R"("row":3,"rules":["amount.maximum"],"erased":false)"), listing.npos);
}

TEST_F(EvidenceTest, ItsReportEscapesWhatPeopleTyped) {
  const std::string& page = one_->files.at("report.html");
  EXPECT_NE(page.find("request &lt;4711&gt;"), page.npos);
  EXPECT_EQ(page.find("<4711>"), page.npos);
  EXPECT_EQ(page.find("<script"), page.npos);
  EXPECT_NE(page.find("prefers-color-scheme:dark"), page.npos);
}

TEST_F(EvidenceTest, OneChangedByteOfAnyFileIsRefusedAndTheFileNamed) {
  for (const StoredFiles* files : {&one_->files, &one_->with_records})
    for (const auto& [name, content] : *files)
      for (const std::size_t at : {std::size_t{0}, content.size() / 2, content.size() - 1}) {
        StoredFiles bent = *files;
        bent[name][at] = static_cast<char>(bent[name][at] ^ 1);
        const Judgement judgement = judge(bent);
        EXPECT_EQ(judgement.verdict(), Verdict::tampered) << name << " byte " << at;
        EXPECT_TRUE(names(judgement, name)) << "byte " << at;
      }
}

TEST_F(EvidenceTest, MissingAndStrayFilesAreRefusedAndNamed) {
  for (const auto& [name, content] : one_->with_records) {
    StoredFiles fewer = one_->with_records;
    fewer.erase(name);
    EXPECT_EQ(judge(fewer).verdict(), Verdict::tampered) << name;
  }
  for (const char* stray : {"notes.txt", "approvals/99.txt", "checkpoints/7", "definitions/9.json",
                            "quarantine/77.jsonl", "approvals/0-9.sig", "records/7.salt"}) {
    StoredFiles more = one_->files;
    more[stray] = "x\n";
    const Judgement judgement = judge(more);
    EXPECT_EQ(judgement.verdict(), Verdict::tampered) << stray;
    EXPECT_TRUE(names(judgement, stray));
  }
}

// Whoever has the key can list what they like: what is listed must be true all the same.
TEST_F(EvidenceTest, FilesThatAreSignedForMustStillFollowFromTheBook) {
  const auto resigned = [&](StoredFiles files) {
    const auto old = parse_note(files.at("manifest"));
    files.erase("manifest");
    const auto evidence = parse_evidence(files, old->text);
    if (!evidence) return files;
    const std::string text = manifest_text(*evidence, one_->key.name, files);
    files["manifest"] = format_note({text, {*sign_note(one_->key, text)}});
    return files;
  };
  EXPECT_EQ(judge(resigned(one_->with_records)).verdict(), Verdict::good);
  for (const char* name :
       {"definitions/0.json", "definitions/0.salt", "approvals/0.txt", "approvals/1-0.sig",
        "allowed_signers", "quarantine/0.jsonl", "records/0.jsonl", "records/0.salt", "report.html",
        "README.txt", "entries.jsonl", "entries.proof"}) {
    StoredFiles bent = one_->with_records;
    std::string& content = bent.at(name);
    const std::size_t at = content.size() / 2;
    content[at] = content[at] == 'A' ? 'B' : 'A';
    const Judgement judgement = judge(resigned(bent));
    EXPECT_EQ(judgement.verdict(), Verdict::tampered) << name;
    EXPECT_FALSE(judgement.faults().empty()) << name;
  }
}

TEST_F(EvidenceTest, IsNothingWithoutTheRightKey) {
  NoteSigner other = one_->key;
  other.seed = digest(8);
  EXPECT_NE(verify_evidence(one_->files, {.log = other.verifier(), .origin = {}, .witnesses = {}})
                .verdict(),
            Verdict::good);
}

}  // namespace
}  // namespace daybook
