#include "runtime/gguf.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <set>

#include "runtime/mapped_file.h"

namespace tilejit {
namespace {

constexpr std::array types = {
    GgufType{0, "f32", 1, 4},         GgufType{1, "f16", 1, 2},         GgufType{2, "q4_0", 32, 18},
    GgufType{3, "q4_1", 32, 20},      GgufType{6, "q5_0", 32, 22},      GgufType{7, "q5_1", 32, 24},
    GgufType{8, "q8_0", 32, 34},      GgufType{9, "q8_1", 32, 36},      GgufType{10, "q2_k", 256, 84},
    GgufType{11, "q3_k", 256, 110},   GgufType{12, "q4_k", 256, 144},   GgufType{13, "q5_k", 256, 176},
    GgufType{14, "q6_k", 256, 210},   GgufType{15, "q8_k", 256, 292},   GgufType{16, "iq2_xxs", 256, 66},
    GgufType{17, "iq2_xs", 256, 74},  GgufType{18, "iq3_xxs", 256, 98}, GgufType{19, "iq1_s", 256, 50},
    GgufType{20, "iq4_nl", 32, 18},   GgufType{21, "iq3_s", 256, 110},  GgufType{22, "iq2_s", 256, 82},
    GgufType{23, "iq4_xs", 256, 136}, GgufType{24, "i8", 1, 1},         GgufType{25, "i16", 1, 2},
    GgufType{26, "i32", 1, 4},        GgufType{27, "i64", 1, 8},        GgufType{28, "f64", 1, 8},
    GgufType{29, "iq1_m", 256, 56},   GgufType{30, "bf16", 1, 2},       GgufType{34, "tq1_0", 256, 54},
    GgufType{35, "tq2_0", 256, 66},   GgufType{39, "mxfp4", 32, 17},
};

/// Bytes of a scalar metadata value, by its type number; 0 for strings (8) and arrays (9).
constexpr std::array<uint64_t, 13> value_bytes = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
constexpr uint32_t string_value = 8, array_value = 9, u32_value = 4;
constexpr int max_dimensions = 4;
constexpr uint64_t max_alignment = uint64_t{1} << 20;

/// Reads little-endian values in order; every read is checked against the end of the file.
class Cursor {
 public:
  explicit Cursor(const MappedFile& file) : file_(file) {}

  Error bad(std::string what) const {
    return invalid(fmt::format("{}: at byte {}: {}", file_.path(), position_, what));
  }
  uint64_t left() const { return file_.bytes().size() - position_; }
  uint64_t position() const { return position_; }

  Result<void> skip(uint64_t count, uint64_t bytes_each) {
    if (bytes_each != 0 && count > left() / bytes_each)
      return bad(fmt::format("{} values of {} bytes; the file has {} bytes left", count, bytes_each, left()));
    position_ += count * bytes_each;
    return {};
  }
  template <typename T>
  Result<T> read() {
    const uint64_t begin = position_;
    TRY(skip(1, sizeof(T)));
    T value{};
    std::memcpy(&value, file_.bytes().data() + begin, sizeof value);
    return value;
  }
  /// A key or a tensor's name: printable ASCII, because messages and tables show it.
  Result<std::string> read_name() {
    const auto length = TRY(read<uint64_t>());
    const uint64_t begin = position_;
    TRY(skip(length, 1));
    const std::string_view name = file_.text().substr(begin, length);
    const auto is_printable = [](char c) { return c >= ' ' && c <= '~'; };
    if (!std::all_of(name.begin(), name.end(), is_printable))
      return bad("a name with bytes that are not printable ASCII");
    return std::string(name);
  }

 private:
  const MappedFile& file_;
  uint64_t position_ = 0;
};

Result<void> skip_scalars(Cursor& cursor, uint32_t type, uint64_t count) {
  if (type >= value_bytes.size()) return cursor.bad(fmt::format("the metadata type {} is unknown", type));
  if (type != string_value) return cursor.skip(count, value_bytes[type]);
  if (count > cursor.left() / 8)
    return cursor.bad(fmt::format("an array of {} strings; the file has {} bytes left", count, cursor.left()));
  for (uint64_t i = 0; i < count; ++i) {
    const auto length = TRY(cursor.read<uint64_t>());
    TRY(cursor.skip(length, 1));
  }
  return {};
}

Result<void> skip_value(Cursor& cursor, uint32_t type) {
  if (type != array_value) return skip_scalars(cursor, type, 1);
  const auto element = TRY(cursor.read<uint32_t>());
  const auto count = TRY(cursor.read<uint64_t>());
  if (element == array_value) return cursor.bad("an array of arrays in the metadata");
  return skip_scalars(cursor, element, count);
}

/// Skips the metadata; the alignment is the one key that the layout needs.
Result<uint64_t> read_alignment(Cursor& cursor, uint64_t count) {
  uint64_t alignment = 32;
  std::set<std::string, std::less<>> seen;
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key = TRY(cursor.read_name());
    if (!seen.insert(key).second) return cursor.bad(fmt::format("the metadata key '{}' occurs twice", key));
    const auto type = TRY(cursor.read<uint32_t>());
    if (key == "general.alignment" && type == u32_value) {
      alignment = TRY(cursor.read<uint32_t>());
      if (alignment == 0 || alignment % 8 != 0 || alignment > max_alignment)
        return cursor.bad(fmt::format("general.alignment={} is not a multiple of 8 up to 2^20", alignment));
    } else {
      TRY(skip_value(cursor, type));
    }
  }
  return alignment;
}

struct Entry {
  GgufTensor tensor;
  uint64_t offset = 0;  // from the start of the data
  uint64_t bytes = 0;
};

Error bad_tensor(const std::string& path, const GgufTensor& tensor, std::string what) {
  return invalid(fmt::format("{}: tensor '{}': {}", path, tensor.name, what));
}

Result<uint64_t> tensor_bytes(const std::string& path, const GgufTensor& tensor) {
  if (tensor.type == nullptr) return uint64_t{0};
  int64_t bytes = tensor.type->bytes;
  if (tensor.dimensions[0] % tensor.type->block != 0)
    return bad_tensor(path, tensor,
                      fmt::format("k={} is not a multiple of the {} weights of a {} block", tensor.dimensions[0],
                                  tensor.type->block, tensor.type->name));
  for (size_t i = 0; i < tensor.dimensions.size(); ++i)
    if (__builtin_mul_overflow(bytes, i == 0 ? tensor.dimensions[0] / tensor.type->block : tensor.dimensions[i],
                               &bytes))
      return bad_tensor(path, tensor, fmt::format("dimensions {} overflow 64 bits", tensor.dimensions));
  return static_cast<uint64_t>(bytes);
}

Result<Entry> read_entry(Cursor& cursor, const std::string& path) {
  Entry entry;
  GgufTensor& tensor = entry.tensor;
  tensor.name = TRY(cursor.read_name());
  const auto count = TRY(cursor.read<uint32_t>());
  if (count < 1 || count > max_dimensions)
    return bad_tensor(path, tensor, fmt::format("has {} dimensions; 1 to {} are possible", count, max_dimensions));
  for (uint32_t i = 0; i < count; ++i) {
    const auto size = TRY(cursor.read<uint64_t>());
    if (size < 1 || size > uint64_t{1} << 40)
      return bad_tensor(path, tensor, fmt::format("dimension {} is {}", i, size));
    tensor.dimensions.push_back(static_cast<int64_t>(size));
  }
  tensor.type_id = TRY(cursor.read<uint32_t>());
  const auto found =
      std::find_if(types.begin(), types.end(), [&](const GgufType& t) { return t.id == tensor.type_id; });
  tensor.type = found == types.end() ? nullptr : &*found;
  entry.offset = TRY(cursor.read<uint64_t>());
  entry.bytes = TRY(tensor_bytes(path, tensor));
  return entry;
}

/// Cuts the tensors' bytes out of the data; they must be aligned, inside, and apart.
Result<void> place(const std::string& path, std::span<const std::byte> data, uint64_t alignment,
                   std::vector<Entry>& entries) {
  for (Entry& entry : entries) {
    if (entry.offset % alignment != 0)
      return bad_tensor(path, entry.tensor,
                        fmt::format("offset {} is not a multiple of the alignment {}", entry.offset, alignment));
    if (entry.offset > data.size() || entry.bytes > data.size() - entry.offset)
      return bad_tensor(path, entry.tensor,
                        fmt::format("{} bytes at offset {} lie outside of the {} bytes of data", entry.bytes,
                                    entry.offset, data.size()));
    entry.tensor.data = data.subspan(entry.offset, entry.bytes);
  }
  std::vector<const Entry*> order;
  order.reserve(entries.size());
  for (const Entry& entry : entries) order.push_back(&entry);
  std::sort(order.begin(), order.end(),
            [](auto* a, auto* b) { return std::pair(a->offset, a->bytes) < std::pair(b->offset, b->bytes); });
  for (size_t i = 1; i < order.size(); ++i)
    if (order[i]->offset < order[i - 1]->offset + order[i - 1]->bytes)
      return bad_tensor(
          path, order[i]->tensor,
          fmt::format("begins at offset {}, inside of tensor '{}'", order[i]->offset, order[i - 1]->tensor.name));
  return {};
}

struct Preamble {
  uint64_t tensors = 0;
  uint64_t metadata = 0;
};

Result<Preamble> read_preamble(Cursor& cursor) {
  const auto magic = TRY(cursor.read<uint32_t>());
  if (magic != 0x46554747) return cursor.bad("the file does not begin with GGUF");
  const auto version = TRY(cursor.read<uint32_t>());
  if (version != 2 && version != 3)
    return cursor.bad(fmt::format("version {}; 2 and 3 (little endian) are read", version));
  const auto tensors = TRY(cursor.read<uint64_t>());
  const auto metadata = TRY(cursor.read<uint64_t>());
  // The shortest entries: a name's length, a count, one dimension, type, offset; a key's length, a type, one byte.
  if (tensors > cursor.left() / 32 || metadata > cursor.left() / 13)
    return cursor.bad(
        fmt::format("{} tensors and {} metadata values do not fit in {} bytes", tensors, metadata, cursor.left()));
  return Preamble{tensors, metadata};
}

}  // namespace

const GgufTensor* GgufFile::find(std::string_view name) const {
  const auto found = std::find_if(tensors.begin(), tensors.end(), [&](const GgufTensor& t) { return t.name == name; });
  return found == tensors.end() ? nullptr : &*found;
}

Result<GgufFile> read_gguf(const std::string& path) {
  const auto file = TRY(MappedFile::open(path));
  Cursor cursor(*file);
  const Preamble preamble = TRY(read_preamble(cursor));
  const uint64_t alignment = TRY(read_alignment(cursor, preamble.metadata));
  std::vector<Entry> entries;
  std::set<std::string, std::less<>> names;
  for (uint64_t i = 0; i < preamble.tensors; ++i) {
    entries.push_back(TRY(read_entry(cursor, path)));
    if (!names.insert(entries.back().tensor.name).second)
      return bad_tensor(path, entries.back().tensor, "occurs twice");
  }
  const uint64_t begin = (cursor.position() + alignment - 1) / alignment * alignment;
  const uint64_t size = file->bytes().size();
  TRY(place(path, file->bytes().subspan(std::min(begin, size)), alignment, entries));
  GgufFile result{.path = path, .tensors = {}, .storage = file};
  for (Entry& entry : entries) result.tensors.push_back(std::move(entry.tensor));
  return result;
}

}  // namespace tilejit
