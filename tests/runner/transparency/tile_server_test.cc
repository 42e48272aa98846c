#include "runner/transparency/tile_server.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "ledger/file_system.h"
#include "tests/support/temporary_directory.h"
#include "tests/tools/verifier/exported_books.h"

namespace daybook {
namespace {

namespace fs = std::filesystem;
using testing::must;

unsigned refused(const std::string& head) { return refused_head(head, 8080); }
unsigned with_fields(const std::string& fields,
                     const std::string& line = "GET /checkpoint HTTP/1.1") {
  return refused(line + "\r\n" + fields + "\r\n");
}
unsigned with_target(const std::string& target) {
  return with_fields("Host: 127.0.0.1:8080\r\n", "GET " + target + " HTTP/1.1");
}

TEST(TileRequest, OfTheFormatIsAnswered) {
  EXPECT_EQ(with_fields("Host: 127.0.0.1:8080\r\n"), 0U);
  EXPECT_EQ(with_fields("host: localhost:8080\r\nAccept: */*\r\nContent-Length: 0\r\n"), 0U);
  EXPECT_EQ(with_fields("Host: [::1]:8080\r\n", "HEAD /tile/0/000 HTTP/1.1"), 0U);
  EXPECT_EQ(with_fields("", "GET /checkpoint HTTP/1.0"), 0U);
}

TEST(TileRequest, ThatTwoProgramsCouldReadDifferentlyIsRefused) {
  const std::string host = "Host: 127.0.0.1:8080\r\n";
  EXPECT_EQ(with_fields(host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 413U);
  EXPECT_EQ(with_fields(host + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400U);
  EXPECT_EQ(with_fields(host + "Content-Length: 0\r\nContent-Length: 0\r\n"), 400U);
  EXPECT_EQ(with_fields(host + "Transfer-Encoding: xchunked\r\n"), 400U);
  EXPECT_EQ(with_fields(host + "Transfer-Encoding: chunked, identity\r\n"), 400U);
  EXPECT_EQ(with_fields(host + "A: b\r\n c\r\n"), 400U);
  EXPECT_EQ(with_fields(host + "A : b\r\n"), 400U);
  EXPECT_EQ(with_fields(host + "A\r\n"), 400U);
  EXPECT_EQ(with_fields(host + "A: b\nC: d\r\n"), 400U);
  EXPECT_EQ(with_fields(host + "A: b\rC\r\n"), 400U);
  EXPECT_EQ(with_fields(host + std::string("A: \0\r\n", 6)), 400U);
  EXPECT_EQ(with_fields(host + host), 400U);
  EXPECT_EQ(with_fields(""), 400U);
  EXPECT_EQ(with_fields(host + "Content-Length: 1073741824\r\n"), 413U);
  EXPECT_EQ(with_fields(host + "Expect: 100-continue\r\n"), 417U);
}

TEST(TileRequest, OfAnotherHostIsRefused) {
  EXPECT_EQ(with_fields("Host: evil.example\r\n"), 421U);
  EXPECT_EQ(with_fields("Host: 127.0.0.1:8081\r\n"), 421U);
  EXPECT_EQ(with_fields("Host: 127.0.0.1.evil.example:8080\r\n"), 421U);
}

TEST(TileRequest, OfAnotherMethodOrVersionIsRefused) {
  const std::string host = "Host: localhost\r\n";
  for (const std::string method : {"POST", "PUT", "DELETE", "TRACE", "CONNECT", "OPTIONS"})
    EXPECT_EQ(with_fields(host, method + " /checkpoint HTTP/1.1"), 405U) << method;
  EXPECT_EQ(with_fields(host, "BREW /checkpoint HTTP/1.1"), 501U);
  EXPECT_EQ(with_fields(host, "GET /checkpoint HTTP/2.0"), 505U);
  EXPECT_EQ(with_fields(host, "GET  /checkpoint HTTP/1.1"), 400U);
  EXPECT_EQ(with_fields(host, "GET /checkpoint"), 400U);
  EXPECT_EQ(refused(""), 400U);
  EXPECT_EQ(refused("GET / HTTP/1.1\r\n"), 400U);
}

TEST(TileRequest, PathsAreNotDecoded) {
  for (const std::string target : {"/%2e%2e%2f", "/checkpoint%00", "/checkpoint;x", "/checkpoint?x",
                                   "/a#b", "\\checkpoint", "checkpoint", "http://localhost/", "*"})
    EXPECT_EQ(with_target(target), 400U) << target;
  EXPECT_EQ(with_target("/" + std::string(300, 'a')), 414U);
}

TEST(Tiles, OfALedgerAreThoseOfItsExport) {
  TemporaryDirectory place;
  for (const std::uint64_t size : {1U, 2U, 255U, 256U, 257U, 600U, 65'537U}) {
    MemoryLedger ledger;
    testing::grow_events(ledger, size);
    const fs::path root = place.path() / fmt::format("{}", size);
    must(export_tiles(ledger, root.string(), posix_file_system()));
    std::size_t files = 0;
    for (const auto& file : fs::recursive_directory_iterator(root)) {
      if (!file.is_regular_file()) continue;
      std::ifstream in(file.path(), std::ios::binary);
      std::stringstream content;
      content << in.rdbuf();
      const std::string name = fs::relative(file.path(), root).string();
      EXPECT_EQ(must(tile_of(ledger, name)), content.str()) << size << " " << name;
      ++files;
    }
    EXPECT_GE(files, 3U);
  }
}

TEST(Tiles, ThatAreNotThereAreNotFound) {
  MemoryLedger ledger;
  testing::grow_events(ledger, 300);
  for (const std::string path : {"",
                                 "tile",
                                 "tile/",
                                 "tile/0/001",
                                 "tile/0/002",
                                 "tile/0/001.p/45",
                                 "tile/0/001.p/0",
                                 "tile/0/001.p/256",
                                 "tile/0/1",
                                 "tile/0/x000/001",
                                 "tile/1/000",
                                 "tile/1/000.p/2",
                                 "tile/64/000",
                                 "tile/00/000",
                                 "tile/0/000/",
                                 "tile/0//000",
                                 "tile/entries/001",
                                 "tile/entries/000.p/",
                                 "tile/0/000.p/01",
                                 "../checkpoint",
                                 "tile/0/../0/000",
                                 "tile/0/x018/x446/x744/x073/x709/551",
                                 "tile/0/x999/x999/x999/x999/x999/x999/999"})
    EXPECT_EQ(tile_of(ledger, path).error().code, Error::Code::not_found) << path;
  EXPECT_TRUE(tile_of(ledger, "tile/0/001.p/44"));
  EXPECT_TRUE(tile_of(ledger, "tile/0/001.p/3"));
}

TEST(TileServer, ListensOnLoopbackAlone) {
  const TileSource none = [](const std::string&) -> Result<std::string> { return ""; };
  EXPECT_EQ(TileServer::listen("0.0.0.0", 0, none).error().code, Error::Code::invalid);
  EXPECT_EQ(TileServer::listen("192.0.2.1", 0, none).error().code, Error::Code::invalid);
  EXPECT_EQ(TileServer::listen("localhost", 0, none).error().code, Error::Code::invalid);
  const auto server = TileServer::listen("127.0.0.1", 0, none);
  ASSERT_TRUE(server);
  EXPECT_EQ(TileServer::listen("127.0.0.1", (*server)->port(), none).error().code,
            Error::Code::conflict);
}

}  // namespace
}  // namespace daybook
