// Drives a fuzz target without libFuzzer: every file it is given, then mutations of them for a
// while. No coverage leads it; it keeps the targets and their corpora from rotting where there is
// no Clang, and repeats a finding.
//
//   fuzz_NAME [--seconds N] [--seed N] FILE-OR-FOLDER…
//
// The input at hand is written to ./crash-NAME when the process dies of it, or takes 20 s.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

namespace fs = std::filesystem;
using Input = std::vector<std::uint8_t>;

constexpr std::size_t input_bytes_max = 1 << 17;
constexpr unsigned input_seconds_max = 20;

const Input* at_hand = nullptr;
std::string crash_file;

void keep_input(int signal) {
  const int fd = ::open(crash_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd >= 0 && at_hand != nullptr) {
    [[maybe_unused]] const auto ignored = ::write(fd, at_hand->data(), at_hand->size());
  }
  ::signal(signal == SIGALRM ? SIGABRT : signal, SIG_DFL);
  ::raise(signal == SIGALRM ? SIGABRT : signal);
}

void run(const Input& input) {
  at_hand = &input;
  ::alarm(input_seconds_max);
  (void)LLVMFuzzerTestOneInput(input.data(), input.size());
  ::alarm(0);
}

class Mutator {
 public:
  Mutator(std::uint64_t seed, const std::vector<Input>& corpus) : random_(seed), corpus_(corpus) {}

  Input next() {
    Input input = corpus_.empty() ? Input{} : corpus_[below(corpus_.size())];
    for (std::size_t turns = 1 + below(4); turns > 0; --turns) mutate(input);
    if (input.size() > input_bytes_max) input.resize(input_bytes_max);
    return input;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  auto place(Input& input) {
    return input.begin() + static_cast<std::ptrdiff_t>(below(input.size()));
  }

  void mutate(Input& input) {
    static constexpr std::uint8_t telling[] = {0,    1,   0x7f, 0x80, 0xff, '"',
                                               '\n', '{', '[',  '-',  '\\'};
    if (input.empty()) {
      input.push_back(static_cast<std::uint8_t>(random_()));
      return;
    }
    const std::size_t length = std::min(input.size(), 1 + below(64));
    const auto at = static_cast<std::ptrdiff_t>(below(input.size() - length + 1));
    const auto begin = input.begin() + at;
    const auto end = begin + static_cast<std::ptrdiff_t>(length);
    switch (below(8)) {
      case 0: *place(input) ^= static_cast<std::uint8_t>(1U << below(8)); break;
      case 1: *place(input) = telling[below(std::size(telling))]; break;
      case 2: input.insert(place(input), telling[below(std::size(telling))]); break;
      case 3: input.erase(begin, end); break;
      case 4: input.resize(below(input.size())); break;
      case 5: {
        const Input part(begin, end);
        input.insert(place(input), part.begin(), part.end());
        break;
      }
      case 6: std::fill(begin, end, telling[below(std::size(telling))]); break;
      default: {
        const Input& other = corpus_[below(corpus_.size())];
        const std::size_t from = below(other.size());
        input.erase(begin, input.end());
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
      }
    }
  }

  std::mt19937_64 random_;
  const std::vector<Input>& corpus_;
};

void add(const fs::path& path, std::vector<Input>& corpus) {
  std::ifstream in(path, std::ios::binary);
  corpus.emplace_back(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

}  // namespace

int main(int argc, char** argv) {
  double seconds = 1;
  std::uint64_t seed = 1;
  std::vector<Input> corpus;
  const std::string name = fs::path(argv[0]).filename().string();
  crash_file = "crash-" + name;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if ((word == "--seconds" || word == "--seed") && i + 1 < argc) {
      const std::string_view value = argv[++i];
      const auto parsed = word == "--seed"
                              ? std::from_chars(value.data(), value.data() + value.size(), seed)
                              : std::from_chars(value.data(), value.data() + value.size(), seconds);
      if (parsed.ec == std::errc{}) continue;
      fmt::print(stderr, "{}: {} takes a number\n", name, word);
      return 2;
    }
    if (fs::is_directory(word)) {
      std::vector<fs::path> files;
      for (const auto& entry : fs::recursive_directory_iterator(word))
        if (entry.is_regular_file()) files.push_back(entry.path());
      std::ranges::sort(files);
      for (const fs::path& file : files) add(file, corpus);
    } else if (fs::exists(word)) {
      add(word, corpus);
    } else {
      fmt::print(stderr, "{}: there is no {}\n", name, word);
      return 2;
    }
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM})
    ::signal(signal, keep_input);

  if (corpus.empty()) {
    fmt::print(stderr, "{}: no inputs: a target without a corpus shows nothing\n", name);
    return 2;
  }
  for (const Input& input : corpus) run(input);
  Mutator mutator(seed, corpus);
  std::uint64_t runs = 0;
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    const Input input = mutator.next();
    run(input);
    ++runs;
  }
  fmt::print("{}: {} files of the corpus, {} mutations from seed {}\n", name, corpus.size(), runs,
             seed);
  return 0;
}
