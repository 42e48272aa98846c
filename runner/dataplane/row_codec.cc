#include "runner/dataplane/row_codec.h"

#include <fmt/format.h>

#include <cstring>

#include "ledger/assertion.h"

namespace daybook {

RowCodec::RowCodec(const std::vector<Column>& columns) {
  for (const Column& column : columns) {
    physical_.push_back(physical_of(column.type));
    fixed_ += physical_.back() == Physical::text ? 4 : width_of(physical_.back());
  }
  nulls_ = (columns.size() + 7) / 8;
}

void RowCodec::encode(std::span<const VectorView> columns, std::span<const std::uint32_t> rows,
                      std::span<const std::uint64_t> numbers, LeafBatch& batch) const {
  DAYBOOK_ASSERT(rows.size() == numbers.size(), "{} rows, {} numbers", rows.size(), numbers.size());
  if (rows.empty()) return;
  if (rows.back() - rows.front() + 1 == rows.size()) {
    encode_rows(columns, numbers, batch, [first = rows.front()](std::size_t i) {
      return first + static_cast<std::uint32_t>(i);
    });
  } else {
    encode_rows(columns, numbers, batch, [&](std::size_t i) { return rows[i]; });
  }
}

// row(i): the row whose number is numbers[i].
template <typename Row>
void RowCodec::encode_rows(std::span<const VectorView> columns,
                           std::span<const std::uint64_t> numbers, LeafBatch& batch,
                           Row row) const {
  const std::size_t count = numbers.size();
  constexpr std::size_t at_once = 64;  // rows whose buffers stay in the nearest cache
  char* row_at[at_once];
  char* text_at[at_once];
  std::uint32_t text_bytes[at_once];
  for (std::size_t from = 0; from < count; from += at_once) {
    const std::size_t n = std::min(at_once, count - from);
    std::memset(text_bytes, 0, sizeof text_bytes);
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (physical_[c] != Physical::text) continue;
      const Text* texts = static_cast<const Text*>(columns[c].data);
      for (std::size_t i = 0; i < n; ++i) {
        const std::uint32_t r = row(from + i);
        if (columns[c].valid(r)) text_bytes[i] += texts[r].length;
      }
    }
    batch.reserve(
        n, [&](std::size_t i) { return numbers[from + i]; },
        [&](std::size_t i) { return nulls_ + fixed_ + text_bytes[i]; }, row_at);
    for (std::size_t i = 0; i < n; ++i) {
      std::memset(row_at[i], 0, nulls_);
      text_at[i] = row_at[i] + nulls_ + fixed_;
    }
    std::size_t at = nulls_;
    for (std::size_t c = 0; c < columns.size(); ++c) {
      const VectorView& view = columns[c];
      const auto is_null = [&](std::size_t i) {
        row_at[i][c / 8] = static_cast<char>(row_at[i][c / 8] | (1 << (c & 7)));
      };
      const auto put = [&]<std::size_t width>() {
        const char* data = static_cast<const char*>(view.data);
        if (view.validity == nullptr) {
          for (std::size_t i = 0; i < n; ++i) {
            std::memcpy(row_at[i] + at, data + row(from + i) * width, width);
          }
        } else {
          for (std::size_t i = 0; i < n; ++i) {
            const std::uint32_t r = row(from + i);
            if (view.valid(r)) {
              std::memcpy(row_at[i] + at, data + r * width, width);
            } else {
              std::memset(row_at[i] + at, 0, width);
              is_null(i);
            }
          }
        }
        at += width;
      };
      if (physical_[c] == Physical::text) {
        const Text* texts = static_cast<const Text*>(view.data);
        for (std::size_t i = 0; i < n; ++i) {
          const std::uint32_t r = row(from + i);
          std::uint32_t length = 0;
          if (view.valid(r)) {
            const char* text = texts[r].view().data();
            length = texts[r].length;
            // Into the slack, where the next text is written over it; never into another row.
            if (length <= 12) {
              std::memcpy(text_at[i], text, 12);
            } else {
              std::memcpy(text_at[i], text, length);
            }
            text_at[i] += length;
          } else {
            is_null(i);
          }
          std::memcpy(row_at[i] + at, &length, 4);
        }
        at += 4;
        continue;
      }
      switch (width_of(physical_[c])) {
        case 1: put.template operator()<1>(); break;
        case 2: put.template operator()<2>(); break;
        case 4: put.template operator()<4>(); break;
        case 8: put.template operator()<8>(); break;
        default: put.template operator()<16>(); break;
      }
    }
  }
}

Digest content_digest(const Digest& root, std::uint64_t rows, const std::vector<Column>& columns) {
  std::string text("daybook/content/v1", 19);
  text.append(reinterpret_cast<const char*>(root.data()), root.size());
  text += fmt::format("{}\n", rows);
  for (const Column& column : columns) {
    text += fmt::format("{} {} {}\n", column.name.size(), column.name, sql_name(column.type));
  }
  return sha256(bytes_of(text));
}

}  // namespace daybook
