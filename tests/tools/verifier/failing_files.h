// A file system that stops in the middle: from the n-th change on, nothing is done any more. Keeps
// what was done, in order.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ledger/file_system.h"

namespace daybook::testing {

class FailingFiles : public FileSystem {
 public:
  explicit FailingFiles(std::uint64_t changes) : left_(changes) {}
  bool failed() const { return failed_; }
  const std::vector<std::pair<std::string, std::string>>& done() const { return done_; }

  Result<std::unique_ptr<File>> open(const std::string& path, Open how) override {
    if (how == Open::create_new && !go_on("create", path)) return stopped();
    auto file = under_.open(path, how);
    if (!file) return file;
    return std::make_unique<Watched>(std::move(*file), *this);
  }
  bool exists(const std::string& path) const override { return under_.exists(path); }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return go_on("rename", to) ? under_.rename(from, to) : stopped();
  }
  Result<void> remove(const std::string& path) override {
    return go_on("remove", path) ? under_.remove(path) : stopped();
  }
  Result<void> make_dir(const std::string& path) override {
    return go_on("make_dir", path) ? under_.make_dir(path) : stopped();
  }
  Result<void> sync_dir(const std::string& path) override {
    return go_on("sync_dir", path) ? under_.sync_dir(path) : stopped();
  }
  Result<std::vector<std::string>> list(const std::string& path) const override {
    return under_.list(path);
  }
  Result<std::unique_ptr<File>> lock(const std::string& path) override { return under_.lock(path); }

 private:
  class Watched : public File {
   public:
    Watched(std::unique_ptr<File> file, FailingFiles& files)
        : file_(std::move(file)), files_(files) {}
    Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> into) const override {
      return file_->read_at(offset, into);
    }
    Result<void> write_at(std::uint64_t offset, Bytes data) override {
      if (files_.go_on("write")) return file_->write_at(offset, data);
      (void)file_->write_at(offset, data.first(data.size() / 2));  // torn
      return stopped();
    }
    Result<void> sync() override { return files_.go_on("sync") ? file_->sync() : stopped(); }
    Result<std::uint64_t> size() const override { return file_->size(); }
    unsigned mode() const override { return file_->mode(); }

   private:
    std::unique_ptr<File> file_;
    FailingFiles& files_;
  };

  bool go_on(std::string what, std::string path = {}) {
    if (left_ == 0) failed_ = true;
    if (left_ == 0) return false;
    --left_;
    done_.emplace_back(std::move(what), std::move(path));
    return true;
  }
  static std::unexpected<Error> stopped() { return fail(Error::Code::io, "stopped"); }

  FileSystem& under_ = posix_file_system();
  std::uint64_t left_;
  bool failed_ = false;
  std::vector<std::pair<std::string, std::string>> done_;
};

}  // namespace daybook::testing
