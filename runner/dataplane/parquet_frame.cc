#include "runner/dataplane/parquet_frame.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "runner/dataplane/source_parts.h"

namespace daybook {
namespace {

using namespace parquet_limits;

// Thrift's compact protocol over bytes that may be anything. The first fault stays; after it every
// read gives zero and every structure is at its end.
class Compact {
 public:
  enum Type : std::uint8_t {
    stop = 0,
    yes = 1,
    no = 2,
    byte = 3,
    i16 = 4,
    i32 = 5,
    i64 = 6,
    real = 7,
    binary = 8,
    list = 9,
    set = 10,
    map = 11,
    structure = 12,
    uuid = 13,
  };

  explicit Compact(std::string_view bytes) : bytes_(bytes) {}

  bool good() const { return fault_.empty(); }
  const std::string& fault() const { return fault_; }
  std::size_t position() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  bool cut() const { return cut_; }  // the fault is that the bytes end too early

  void fail(std::string what) {
    if (good()) fault_ = what.empty() ? "given up" : std::move(what);
    at_ = bytes_.size();
  }

  // Calls `field(id, type)` for each field; what it does not read (returns false for) is skipped.
  template <typename Field>
  void fields(Field field) {
    if (++depth_ > depth_max) return fail("structures nested too deeply");
    std::int64_t id = 0;
    while (good()) {
      const std::uint8_t head = next();
      const auto type = static_cast<Type>(head & 15);
      if (!good() || head == stop) break;
      id = (head >> 4) != 0 ? id + (head >> 4) : integer();
      if (!field(id, type)) skip(type);
    }
    --depth_;
  }

  // Elements of a list, each at least one byte: more than there are bytes left is a lie.
  template <typename Element>
  void elements(Type of, Type wanted, Element element) {
    if (of != list && of != set) return fail("a field of another type than the format has");
    const std::uint8_t head = next();
    const std::uint64_t count = (head >> 4) != 15 ? head >> 4 : varint();
    if (count > left()) {
      return fail(fmt::format("a list of {} elements in {} bytes", count, left()), true);
    }
    if (count != 0 && (head & 15) != wanted) return fail("a list of another type than it has");
    for (std::uint64_t i = 0; i < count && good(); ++i) element();
  }

  std::int64_t number(Type type) {
    if (type != i16 && type != i32 && type != i64) {
      fail("a field of another type than the format has");
      return 0;
    }
    return integer();
  }

  std::string_view text(Type type) {
    if (type != binary) {
      fail("a field of another type than the format has");
      return {};
    }
    return take(varint());
  }

  void skip(Type type) {
    switch (type) {
      case yes:
      case no: return;
      case byte: next(); return;
      case i16:
      case i32:
      case i64: varint(); return;
      case real: take(8); return;
      case uuid: take(16); return;
      case binary: take(varint()); return;
      case list:
      case set: {
        const std::uint8_t head = next();
        const std::uint64_t count = (head >> 4) != 15 ? head >> 4 : varint();
        skip_elements(count, static_cast<Type>(head & 15));
        return;
      }
      case map: {
        const std::uint64_t count = varint();
        if (count == 0) return;
        const std::uint8_t types = next();
        if (count > left())
          return fail(fmt::format("a map of {} in {} bytes", count, left()), true);
        for (std::uint64_t i = 0; i < count && good(); ++i) {
          skip_elements(1, static_cast<Type>(types >> 4));
          skip_elements(1, static_cast<Type>(types & 15));
        }
        return;
      }
      case structure: fields([](std::int64_t, Type) { return false; }); return;
      default: fail(fmt::format("a field of type {}, which there is none", int{type}));
    }
  }

 private:
  static constexpr int depth_max = 32;

  void fail(std::string what, bool cut) {
    if (good()) cut_ = cut;
    fail(std::move(what));
  }

  void skip_elements(std::uint64_t count, Type type) {
    if (count > left()) {
      return fail(fmt::format("a list of {} elements in {} bytes", count, left()), true);
    }
    if (++depth_ > depth_max) return fail("structures nested too deeply");
    for (std::uint64_t i = 0; i < count && good(); ++i) {
      if (type == yes || type == no) {
        next();  // inside of lists a truth value is a byte
      } else {
        skip(type);
      }
    }
    --depth_;
  }

  std::uint8_t next() {
    const std::string_view one = take(1);
    return one.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(one[0]);
  }

  std::string_view take(std::uint64_t size) {
    if (size > left()) {
      fail("it ends in the middle", true);
      return {};
    }
    const std::string_view taken = bytes_.substr(at_, size);
    at_ += size;
    return taken;
  }

  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t part = next();
      value |= static_cast<std::uint64_t>(part & 0x7f) << shift;
      if (part < 0x80) return good() ? value : 0;
    }
    fail("a number of more than 64 bits");
    return 0;
  }

  std::int64_t integer() {
    const std::uint64_t zigzag = varint();
    return static_cast<std::int64_t>(zigzag >> 1) ^ -static_cast<std::int64_t>(zigzag & 1);
  }

  std::string_view bytes_;
  std::size_t at_ = 0;
  int depth_ = 0;
  bool cut_ = false;
  std::string fault_;
};

using Type = Compact::Type;

struct Element {
  bool leaf = false, repeated = false;
  std::int64_t children = 0;
};
struct Chunk {
  bool has_data = false;
  std::int64_t values = 0, compressed = 0, uncompressed = 0, data_page = 0, dictionary_page = 0;
  std::int64_t bloom_at = 0, bloom_size = 0;
  std::string_view elsewhere;  // the name of the file it is said to be in
};
Element read_element(Compact& in) {
  Element element;
  in.fields([&](std::int64_t id, Type type) {
    if (id == 1) element.leaf = true;
    if (id == 3) return element.repeated = in.number(type) == 2, true;
    if (id == 5) return element.children = in.number(type), true;
    return false;
  });
  return element;
}

void read_chunk_data(Compact& in, Chunk& chunk) {
  chunk.has_data = true;
  in.fields([&](std::int64_t id, Type type) {
    std::int64_t* into = id == 5    ? &chunk.values
                         : id == 6  ? &chunk.uncompressed
                         : id == 7  ? &chunk.compressed
                         : id == 9  ? &chunk.data_page
                         : id == 11 ? &chunk.dictionary_page
                         : id == 14 ? &chunk.bloom_at
                         : id == 15 ? &chunk.bloom_size
                                    : nullptr;
    // Writers put things of their own into numbers that came into use later: of another type, they
    // are passed over, as Thrift has it.
    if (into == nullptr || type == Compact::list) return false;
    *into = in.number(type);
    return true;
  });
}

Chunk read_chunk(Compact& in) {
  Chunk chunk;
  in.fields([&](std::int64_t id, Type type) {
    if (id == 1) return chunk.elsewhere = in.text(type), true;
    if (id == 3 && type == Compact::structure) return read_chunk_data(in, chunk), true;
    return false;
  });
  return chunk;
}

struct Page {
  std::int64_t kind = -1, uncompressed = -1, compressed = -1, values = -1;
  static constexpr std::int64_t data = 0, dictionary = 2, data_v2 = 3;
};

Page read_page(Compact& in) {
  Page page;
  in.fields([&](std::int64_t id, Type type) {
    if (id == 1) return page.kind = in.number(type), true;
    if (id == 2) return page.uncompressed = in.number(type), true;
    if (id == 3) return page.compressed = in.number(type), true;
    if ((id == 5 || id == 7 || id == 8) && type == Compact::structure) {
      in.fields([&](std::int64_t inner, Type of) {
        if (inner == 1) return page.values = in.number(of), true;
        return false;
      });
      return true;
    }
    return false;
  });
  return page;
}

class Frame {
 public:
  Frame(int descriptor, std::uint64_t size) : descriptor_(descriptor), size_(size) {}

  // Empty when sound.
  std::string fault() {
    if (size_ < 12) return fmt::format("{} bytes are no Parquet file", size_);
    std::string ends(12, '\0');
    if (!read(0, 4, ends.data()) || !read(size_ - 8, 8, ends.data() + 4)) return unreadable_;
    if (ends.ends_with("PARE")) return "it is encrypted, which Daybook does not read";
    if (!ends.starts_with("PAR1") || !ends.ends_with("PAR1")) {
      return "it does not begin and end with PAR1, as Parquet files do";
    }
    std::uint32_t length = 0;
    for (int i = 3; i >= 0; --i) length = (length << 8) | static_cast<unsigned char>(ends[4 + i]);
    if (length > size_ - 12) {
      return fmt::format("its footer is said to have {} bytes; the file has {}", length, size_);
    }
    if (length > footer_bytes_max) {
      return fmt::format("its footer has {} MiB, more than {}", length >> 20,
                         footer_bytes_max >> 20);
    }
    data_end_ = size_ - 8 - length;
    std::string bytes(length, '\0');
    if (!read(data_end_, length, bytes.data())) return unreadable_;
    if (std::string bad = schema_fault(bytes); !bad.empty()) return bad;
    return rows_fault(bytes);
  }

 private:
  bool read(std::uint64_t from, std::uint64_t size, char* into) {
    while (size > 0) {
      const ssize_t got = ::pread(descriptor_, into, size, static_cast<off_t>(from));
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) {
        unreadable_ = got == 0 ? "it became shorter while it was read" : std::strerror(errno);
        return false;
      }
      from += static_cast<std::uint64_t>(got);
      into += got;
      size -= static_cast<std::uint64_t>(got);
    }
    return true;
  }

  // The schema is a tree written as a list, each group with the number of its children.
  std::string schema_fault(std::string_view bytes) {
    std::vector<Element> schema;
    Compact in(bytes);
    in.fields([&](std::int64_t id, Type type) {
      if (id != 2) return false;
      in.elements(type, Compact::structure, [&] {
        schema.push_back(read_element(in));
        if (schema.size() > schema_elements_max) {
          in.fail(fmt::format("a schema of more than {} elements", schema_elements_max));
        }
      });
      return true;
    });
    if (!in.good()) return "its footer is malformed: " + in.fault();
    if (schema.empty() || schema[0].leaf) return "it has no schema";
    struct Open {
      std::int64_t children;
      bool repeated;
    };
    std::vector<Open> open;
    for (std::size_t i = 0; i < schema.size(); ++i) {
      const Element& element = schema[i];
      while (!open.empty() && open.back().children == 0) open.pop_back();
      if (open.empty() && i != 0) return "its schema has elements that are of no group";
      const bool repeated = i != 0 && (element.repeated || open.back().repeated);
      if (i != 0) --open.back().children;
      if (element.leaf) {
        repeated_.push_back(repeated);
        if (repeated_.size() > dataplane_limits::columns_max) {
          return fmt::format("it has more than {} columns", dataplane_limits::columns_max);
        }
        continue;
      }
      if (element.children < 0 ||
          static_cast<std::uint64_t>(element.children) > schema.size() - i - 1) {
        return fmt::format("its schema has a group of {} elements, which are not there",
                           element.children);
      }
      open.push_back({element.children, repeated});
      if (open.size() > schema_depth_max) {
        return fmt::format("its schema is nested more than {} deep", schema_depth_max);
      }
    }
    for (const Open& group : open) {
      if (group.children != 0) return "its schema ends in the middle of a group";
    }
    return repeated_.empty() ? "it has no columns" : "";
  }

  // Row groups one after the other; that of many nothing is kept is what bounds the memory.
  std::string rows_fault(std::string_view bytes) {
    std::int64_t said = 0;
    std::string fault;
    Compact in(bytes);
    in.fields([&](std::int64_t id, Type type) {
      if (id == 3) return said = in.number(type), true;
      if (id != 4) return false;
      in.elements(type, Compact::structure, [&] {
        fault = group_fault(in);
        if (!fault.empty()) in.fail({});
        ++groups_;
      });
      return true;
    });
    if (!fault.empty()) return fault;
    if (!in.good()) return "its footer is malformed: " + in.fault();
    if (said < 0 || rows_ != static_cast<std::uint64_t>(said)) {
      return fmt::format("it is said to have {} rows; its row groups have {}", said, rows_);
    }
    return {};
  }

  std::string group_fault(Compact& in) {
    std::int64_t rows = 0;
    std::vector<Chunk> chunks;
    in.fields([&](std::int64_t id, Type type) {
      if (id == 1) {
        in.elements(type, Compact::structure, [&] {
          chunks.push_back(read_chunk(in));
          if (chunks.size() > repeated_.size()) {
            in.fail(fmt::format("row group {} has more columns than the schema", groups_));
          }
        });
        return true;
      }
      if (id == 3) return rows = in.number(type), true;
      return false;
    });
    if (!in.good()) return "its footer is malformed: " + in.fault();
    if (chunks.size() != repeated_.size()) {
      return fmt::format("row group {} has {} columns; the schema has {}", groups_, chunks.size(),
                         repeated_.size());
    }
    // Neither overflows: the size of a file is below 2^47 in practice, and what is added is
    // bounded.
    const std::uint64_t most = std::min(size_, std::uint64_t{1} << 48) * rows_per_byte_max;
    if (rows < 0 || static_cast<std::uint64_t>(rows) > most - rows_) {
      return fmt::format("it is said to have {} rows and more in {} bytes, over {} to a byte", rows,
                         size_, rows_per_byte_max);
    }
    rows_ += static_cast<std::uint64_t>(rows);
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      const std::string bad = chunk_fault(chunks[c], repeated_[c], rows);
      if (!bad.empty()) return fmt::format("row group {}, column {}: {}", groups_, c, bad);
    }
    return {};
  }

  std::string chunk_fault(const Chunk& chunk, bool repeated, std::int64_t rows) {
    if (!chunk.elsewhere.empty()) return "its values are said to be in another file";
    if (!chunk.has_data) return "nothing says where its values are";
    if (chunk.values < rows || (!repeated && chunk.values != rows) ||
        static_cast<std::uint64_t>(chunk.values) > size_ * rows_per_byte_max) {
      return fmt::format("it is said to have {} values in {} rows", chunk.values, rows);
    }
    if (chunk.bloom_at != 0 && !inside(chunk.bloom_at, chunk.bloom_size)) {
      return "its Bloom filter is said to be outside of the data";
    }
    // Some writers say 0 where there is no dictionary.
    const std::int64_t begin = chunk.dictionary_page > 0
                                   ? std::min(chunk.dictionary_page, chunk.data_page)
                                   : chunk.data_page;
    if (chunk.values == 0) return {};
    if (!inside(begin, chunk.compressed)) {
      return fmt::format("its {} bytes from {} are not inside of the data", chunk.compressed,
                         begin);
    }
    return pages_fault(static_cast<std::uint64_t>(begin), chunk.values);
  }

  bool inside(std::int64_t begin, std::int64_t size) const {
    return begin >= 4 && size >= 0 && static_cast<std::uint64_t>(begin) <= data_end_ &&
           static_cast<std::uint64_t>(size) <= data_end_ - static_cast<std::uint64_t>(begin);
  }

  // Walks the pages until all values are found; what was walked is in no other chunk.
  std::string pages_fault(std::uint64_t at, std::int64_t values) {
    std::int64_t found = 0;
    while (found < values) {
      if (at >= data_end_) {
        return fmt::format("its pages have {} values of {}", found, values);
      }
      std::uint64_t header = 0;
      const auto page = page_at(at, header);
      if (!page) return fmt::format("the page at {} is malformed: {}", at, page.error());
      const std::uint64_t left = data_end_ - at - header;
      if (page->compressed < 0 || static_cast<std::uint64_t>(page->compressed) > left) {
        return fmt::format("the page at {} is said to have {} bytes; there are {}", at,
                           page->compressed, left);
      }
      if (page->uncompressed < 0 ||
          static_cast<std::uint64_t>(page->uncompressed) > page_bytes_max) {
        return fmt::format("the page at {} would grow to {} bytes, more than {} MiB", at,
                           page->uncompressed, page_bytes_max >> 20);
      }
      if (page->kind == Page::data || page->kind == Page::data_v2) {
        if (page->values < 0 || page->values > values - found) {
          return fmt::format("the page at {} is said to have {} values; {} are left", at,
                             page->values, values - found);
        }
        found += page->values;
      } else if (page->kind == Page::dictionary &&
                 (page->values < 0 || page->values > page->uncompressed)) {
        return fmt::format("the dictionary at {} is said to have {} values in {} bytes", at,
                           page->values, page->uncompressed);
      }
      const std::uint64_t whole = header + static_cast<std::uint64_t>(page->compressed);
      at += whole;
      walked_ += whole;
      if (walked_ > data_end_) return "its pages are those of other columns too";
    }
    return {};
  }

  // A page's header has no length of its own; statistics may make it long.
  std::expected<Page, std::string> page_at(std::uint64_t at, std::uint64_t& header) {
    for (std::uint64_t size = 256;; size *= 16) {
      const std::uint64_t there = std::min({size, data_end_ - at, header_bytes_max});
      buffer_.resize(there);
      if (!read(at, there, buffer_.data())) return std::unexpected(unreadable_);
      Compact in(buffer_);
      const Page page = read_page(in);
      header = in.position();
      if (in.good()) return page;
      if (!in.cut() || there < size) return std::unexpected(in.fault());
    }
  }

  static constexpr std::uint64_t header_bytes_max = 16ULL << 20;
  static constexpr std::size_t schema_elements_max = 4 * dataplane_limits::columns_max;

  int descriptor_;
  std::uint64_t size_;
  std::uint64_t data_end_ = 0;  // where the footer begins
  std::uint64_t walked_ = 0;
  std::uint64_t groups_ = 0, rows_ = 0;  // looked at so far
  // Of each column: it or a group above it is; then it has other than one value in a row.
  std::vector<bool> repeated_;
  std::string buffer_, unreadable_;
};

}  // namespace

Staged<void> check_parquet_frame(const std::string& path, const std::string& name) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status {};
  if (descriptor < 0 || ::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    const int number = errno;
    if (descriptor >= 0) ::close(descriptor);
    return no_stage(ErrorClass::data, "source.missing", "{}: {}", name, std::strerror(number));
  }
  const std::string fault = Frame(descriptor, static_cast<std::uint64_t>(status.st_size)).fault();
  ::close(descriptor);
  if (fault.empty()) return {};
  return no_stage(ErrorClass::data, "source.malformed", "{}: {}", name, printable(fault, 300));
}

}  // namespace daybook
