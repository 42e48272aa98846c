// A pointer is one word, little endian, by its lowest two bits:
//
//   struct   0 | offset:30 << 2 | data words:16 << 32 | pointers:16 << 48
//   list     1 | offset:30 << 2 | element size:3 << 32 | element count:29 << 35
//
// The offset counts words from the end of the pointer to the object. Element sizes 0 to 7 are void,
// bit, 1, 2, 4 and 8 bytes, pointer, and struct; a list of structs counts words instead of elements
// and opens with a tag word, which is a struct pointer with the element count as its offset.
// https://capnproto.org/encoding.html
#include "ledger/codec/canonical_copy.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "ledger/assertion.h"

namespace daybook {
namespace {

using Word = std::uint64_t;

constexpr std::array<unsigned, 6> element_bits{0, 1, 8, 16, 32, 64};
constexpr unsigned pointer_elements = 6;
constexpr unsigned struct_elements = 7;

struct Shape {
  std::size_t data = 0, pointers = 0;
};

Word offset_bits(std::ptrdiff_t offset) { return (static_cast<Word>(offset) << 2) & 0xffff'fffcU; }
Word struct_pointer(std::ptrdiff_t offset, Shape shape) {
  return offset_bits(offset) | Word{shape.data} << 32 | Word{shape.pointers} << 48;
}
Word list_pointer(std::ptrdiff_t offset, unsigned size, std::size_t count) {
  return 1 | offset_bits(offset) | Word{size} << 32 | Word{count} << 35;
}

Shape shape_of(Word pointer) {
  return {static_cast<std::uint16_t>(pointer >> 32), static_cast<std::uint16_t>(pointer >> 48)};
}
const Word* target(const Word* pointer) {
  return pointer + 1 + (static_cast<std::int32_t>(*pointer) >> 2);
}

class Copy {
 public:
  explicit Copy(Word* out) : out_(out), end_(out) {}

  std::size_t size() const { return static_cast<std::size_t>(end_ - out_); }

  Word* allocate(std::size_t words) {
    Word* place = end_;
    end_ += words;
    return place;
  }

  // The pointer at `from` becomes the one at `to`, and what it points at follows at the end.
  void pointer(const Word* from, Word* to) {
    if (*from == 0) {
      *to = 0;
    } else if ((*from & 3) == 0) {
      structure(from, to);
    } else {
      DAYBOOK_ASSERT((*from & 3) == 1, "a far pointer within one segment");
      list(from, to);
    }
  }

 private:
  // What is left of a shape when zero words at the ends of both sections are cut.
  static Shape used(const Word* content, Shape shape) {
    const Word* pointers = content + shape.data;
    Shape kept = shape;
    while (kept.data > 0 && content[kept.data - 1] == 0) --kept.data;
    while (kept.pointers > 0 && is_null(pointers + kept.pointers - 1)) --kept.pointers;
    return kept;
  }

  static bool is_null(const Word* pointer) {
    if (*pointer == 0) return true;
    if ((*pointer & 3) == 0) return false;
    const auto size = static_cast<unsigned>(*pointer >> 32) & 7;
    const auto count = *pointer >> 35;
    if (size == struct_elements) return static_cast<std::uint32_t>(*target(pointer)) >> 2 == 0;
    return count == 0 || (size == 2 && count == 1 && (*target(pointer) & 0xff) == 0);
  }

  void structure(const Word* from, Word* to) {
    const Word* content = target(from);
    const Shape shape = shape_of(*from);
    const Shape kept = used(content, shape);
    if (kept.data + kept.pointers == 0) {
      *to = struct_pointer(-1, kept);
      return;
    }
    Word* place = allocate(kept.data + kept.pointers);
    *to = struct_pointer(place - to - 1, kept);
    sections(content, shape, place, kept);
  }

  void sections(const Word* content, Shape shape, Word* place, Shape kept) {
    std::copy_n(content, kept.data, place);
    for (std::size_t i = 0; i < kept.pointers; ++i)
      pointer(content + shape.data + i, place + kept.data + i);
  }

  void list(const Word* from, Word* to) {
    if (is_null(from)) {
      *to = 0;
      return;
    }
    const Word* content = target(from);
    const auto size = static_cast<unsigned>(*from >> 32) & 7;
    const auto count = static_cast<std::size_t>(*from >> 35);
    if (size == struct_elements) {
      struct_list(content, to);
      return;
    }
    if (size == pointer_elements) {
      Word* place = allocate(count);
      *to = list_pointer(place - to - 1, size, count);
      for (std::size_t i = 0; i < count; ++i) pointer(content + i, place + i);
      return;
    }
    const std::size_t words = (count * element_bits[size] + 63) / 64;
    Word* place = allocate(words);
    *to = list_pointer(place - to - 1, size, count);
    std::copy_n(content, words, place);
  }

  void struct_list(const Word* tag, Word* to) {
    const auto count = static_cast<std::size_t>(static_cast<std::uint32_t>(*tag) >> 2);
    const Shape shape = shape_of(*tag);
    const std::size_t stride = shape.data + shape.pointers;
    Shape kept;
    for (std::size_t i = 0; i < count; ++i) {
      const Shape element = used(tag + 1 + i * stride, shape);
      kept.data = std::max(kept.data, element.data);
      kept.pointers = std::max(kept.pointers, element.pointers);
    }
    const std::size_t kept_stride = kept.data + kept.pointers;
    Word* place = allocate(1 + count * kept_stride);
    *to = list_pointer(place - to - 1, struct_elements, count * kept_stride);
    *place = struct_pointer(static_cast<std::ptrdiff_t>(count), kept);
    for (std::size_t i = 0; i < count; ++i)
      sections(tag + 1 + i * stride, shape, place + 1 + i * kept_stride, kept);
  }

  Word* out_;
  Word* end_;
};

}  // namespace

std::size_t canonical_copy(std::span<const std::uint64_t> words, std::uint64_t* out) {
  Copy copy(out);
  copy.pointer(words.data(), copy.allocate(1));
  return copy.size();
}

}  // namespace daybook
