#include "replay/state_bytes.h"

#include <boost/pfr.hpp>
#include <cstring>
#include <type_traits>
#include <utility>

#include "ledger/assertion.h"

namespace daybook {
namespace {

template <typename T>
concept Scalar = std::is_integral_v<T> || std::is_enum_v<T>;
template <typename T>
concept Text = std::is_same_v<T, std::string>;
template <typename T>
concept Octets = requires {
  std::tuple_size<T>::value;
}
&&std::is_same_v<typename T::value_type, std::uint8_t>;
template <typename T>
concept Optional = requires(T value) {
  typename T::value_type;
  value.has_value();
};
template <typename T>
concept Map = requires {
  typename T::mapped_type;
};
template <typename T>
concept Set = requires {
  typename T::key_type;
}
&&!Map<T>;
template <typename T>
concept Vector = requires(T value) {
  value.push_back(value.front());
}
&&!Text<T>;
template <typename T>
concept Tuple = requires {
  std::tuple_size<T>::value;
}
&&!Octets<T>;

template <typename T>
concept Struct = std::is_class_v<T> && std::is_aggregate_v<T> && !Octets<T>;

// Calls `each` with the constants 0 to n-1 until it returns false.
template <std::size_t n, typename Each>
bool for_each_index(Each each) {
  return [&]<std::size_t... i>(std::index_sequence<i...>) {
    return (each(std::integral_constant<std::size_t, i>()) && ...);
  }
  (std::make_index_sequence<n>());
}

template <typename T>
constexpr std::size_t fields_of = boost::pfr::tuple_size_v<T>;

template <typename T>
const T& fresh() {
  static const T value{};
  return value;
}

// How many fields there are up to the last that differs from its default.
template <typename T>
std::size_t fields_used(const T& value) {
  static_assert(fields_of<T> < 256);
  std::size_t used = 0;
  for_each_index<fields_of<T>>([&](auto i) {
    if (!(boost::pfr::get<i>(value) == boost::pfr::get<i>(fresh<T>()))) used = i + 1;
    return true;
  });
  return used;
}

// --- out ----------------------------------------------------------------------------------------

// `Sink` takes raw bytes.
template <typename Sink>
class Writer {
 public:
  explicit Writer(Sink& sink) : sink_(sink) {}

  template <Scalar T>
  void put(T value) {
    std::uint64_t bits = 0;
    if constexpr (std::is_enum_v<T>)
      bits = static_cast<std::uint64_t>(std::to_underlying(value));
    else
      bits = static_cast<std::uint64_t>(value);
    std::array<std::byte, sizeof(T)> bytes;
    for (auto& byte : bytes) {
      byte = static_cast<std::byte>(bits);
      bits >>= 8;
    }
    sink_(bytes);
  }
  void put(const Text auto& value) {
    count(value.size());
    sink_(bytes_of(value));
  }
  template <Octets T>
  void put(const T& value) {
    sink_(std::as_bytes(std::span(value)));
  }
  void put(const Optional auto& value) {
    put(value.has_value());
    if (value) put(*value);
  }
  void put(const Map auto& value) {
    count(value.size());
    for (const auto& [key, mapped] : value) {
      put(key);
      put(mapped);
    }
  }
  template <typename T>
  requires Set<T> || Vector<T>
  void put(const T& value) {
    count(value.size());
    for (const auto& element : value) put(element);
  }
  template <Tuple T>
  void put(const T& value) {
    for_each_index<std::tuple_size_v<T>>([&](auto i) {
      put(std::get<i>(value));
      return true;
    });
  }
  template <Struct T>
  void put(const T& value) {
    const std::size_t used = fields_used(value);
    put(static_cast<std::uint8_t>(used));
    for_each_index<fields_of<T>>([&](auto i) {
      if (i >= used) return false;
      put(boost::pfr::get<i>(value));
      return true;
    });
  }

 private:
  void count(std::size_t size) {
    DAYBOOK_ASSERT(size <= std::numeric_limits<std::uint32_t>::max(), "{} elements", size);
    put(static_cast<std::uint32_t>(size));
  }

  Sink& sink_;
};

// --- in -----------------------------------------------------------------------------------------

class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_(bytes) {}
  bool at_end() const { return rest_.empty(); }

  template <Scalar T>
  bool get(T& value) {
    if (rest_.size() < sizeof(T)) return false;
    std::uint64_t bits = 0;
    for (std::size_t i = sizeof(T); i-- > 0;)
      bits = bits << 8 | std::to_integer<unsigned>(rest_[i]);
    rest_ = rest_.subspan(sizeof(T));
    if constexpr (std::is_same_v<T, bool>)
      if (bits > 1) return false;
    value = static_cast<T>(bits);
    return true;
  }
  bool get(Text auto& value) {
    std::uint32_t size = 0;
    if (!get(size) || rest_.size() < size) return false;
    value.assign(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    return true;
  }
  template <Octets T>
  bool get(T& value) {
    if (rest_.size() < value.size()) return false;
    std::memcpy(value.data(), rest_.data(), value.size());
    rest_ = rest_.subspan(value.size());
    return true;
  }
  bool get(Optional auto& value) {
    bool present = false;
    if (!get(present)) return false;
    if (!present) {
      value.reset();
      return true;
    }
    return get(value.emplace());
  }
  template <Map T>
  bool get(T& value) {
    return elements([&] {
      std::pair<typename T::key_type, typename T::mapped_type> element;
      if (!get(element.first) || !get(element.second)) return false;
      return append(value, std::move(element), element.first);
    });
  }
  template <Set T>
  bool get(T& value) {
    return elements([&] {
      typename T::key_type element{};
      return get(element) && append(value, std::move(element), element);
    });
  }
  bool get(Vector auto& value) {
    return elements([&] { return get(value.emplace_back()); });
  }
  template <Tuple T>
  bool get(T& value) {
    return for_each_index<std::tuple_size_v<T>>([&](auto i) { return get(std::get<i>(value)); });
  }
  template <Struct T>
  bool get(T& value) {
    std::uint8_t used = 0;
    if (!get(used) || used > fields_of<T>) return false;
    const bool whole = for_each_index<fields_of<T>>(
        [&](auto i) { return i >= used || get(boost::pfr::get<i>(value)); });
    return whole && fields_used(value) == used;
  }

 private:
  // No element takes less than a byte, so a forged count ends with the bytes.
  template <typename One>
  bool elements(One one) {
    std::uint32_t size = 0;
    if (!get(size) || rest_.size() < size) return false;
    for (std::uint32_t i = 0; i < size; ++i)
      if (!one()) return false;
    return true;
  }

  // Only in ascending order: there is one spelling.
  template <typename T, typename Element, typename Key>
  static bool append(T& sorted, Element&& element, const Key& key) {
    if constexpr (Map<T>) {
      if (!sorted.empty() && !(sorted.rbegin()->first < key)) return false;
    } else {
      if (!sorted.empty() && !(*sorted.rbegin() < key)) return false;
    }
    sorted.insert(sorted.end(), std::forward<Element>(element));
    return true;
  }

  Bytes rest_;
};

// --- shape --------------------------------------------------------------------------------------

template <typename T>
void describe_layout(std::string& out) {
  if constexpr (Scalar<T>) {
    out += fmt::format("{}{}", std::is_same_v<T, bool> ? 'b' : 'i', sizeof(T));
  } else if constexpr (Text<T>) {
    out += 's';
  } else if constexpr (Octets<T>) {
    out += fmt::format("o{}", std::tuple_size_v<T>);
  } else if constexpr (Optional<T>) {
    out += '?';
    describe_layout<typename T::value_type>(out);
  } else if constexpr (Map<T>) {
    out += "m";
    describe_layout<typename T::key_type>(out);
    describe_layout<typename T::mapped_type>(out);
  } else if constexpr (Set<T> || Vector<T>) {
    out += Set<T> ? 'e' : 'v';
    describe_layout<typename T::value_type>(out);
  } else if constexpr (Tuple<T>) {
    out += '(';
    for_each_index<std::tuple_size_v<T>>([&](auto i) {
      describe_layout<std::tuple_element_t<i, T>>(out);
      return true;
    });
    out += ')';
  } else {
    out += '{';
    for_each_index<fields_of<T>>([&](auto i) {
      describe_layout<boost::pfr::tuple_element_t<i, T>>(out);
      return true;
    });
    out += '}';
  }
}

struct ToVector {
  std::vector<std::byte> out;
  void operator()(Bytes bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
};

struct ToDigest {
  static constexpr std::size_t buffer_bytes = 65'536;
  Sha256 hash;
  std::vector<std::byte> buffer;
  void operator()(Bytes bytes) {
    if (buffer.size() + bytes.size() > buffer_bytes) flush();
    buffer.insert(buffer.end(), bytes.begin(), bytes.end());
  }
  void flush() {
    hash.update(buffer);
    buffer.clear();
  }
};

}  // namespace

std::vector<std::byte> state_bytes(const State& state) {
  ToVector sink;
  Writer(sink).put(state);
  return std::move(sink.out);
}

Result<State> state_from_bytes(Bytes bytes) {
  Result<State> state;
  Reader reader(bytes);
  if (!reader.get(*state) || !reader.at_end())
    state = fail(Error::Code::corrupt, "{} bytes are no state", bytes.size());
  return state;
}

Digest state_root(const State& state) {
  ToDigest sink;
  sink.buffer.reserve(ToDigest::buffer_bytes);
  Writer(sink).put(state);
  sink.flush();
  return sink.hash.finish();
}

const Digest& state_layout() {
  static const Digest layout = [] {
    std::string text;
    describe_layout<State>(text);
    return sha256(bytes_of(text));
  }();
  return layout;
}

}  // namespace daybook
