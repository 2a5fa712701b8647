#include "runtime/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "runtime/json_text.h"
#include "runtime/mapped_file.h"

namespace tilejit {
namespace {

constexpr uint64_t max_header_bytes = 100'000'000;  // the format's own bound
constexpr int header_depth = 3;                     // root, tensor, shape

constexpr std::array dtypes = {
    Dtype{"F32", 32, Type::f32},       Dtype{"F16", 16, Type::f16},       Dtype{"BF16", 16, Type::bf16},
    Dtype{"I32", 32, Type::i32},       Dtype{"I16", 16, Type::i16},       Dtype{"I8", 8, Type::i8},
    Dtype{"U8", 8, Type::u8},          Dtype{"I64", 64, Type::index},     Dtype{"U64", 64, std::nullopt},
    Dtype{"U32", 32, std::nullopt},    Dtype{"U16", 16, std::nullopt},    Dtype{"F64", 64, std::nullopt},
    Dtype{"BOOL", 8, std::nullopt},    Dtype{"F8_E4M3", 8, std::nullopt}, Dtype{"F8_E5M2", 8, std::nullopt},
    Dtype{"F8_E8M0", 8, std::nullopt}, Dtype{"F4", 4, std::nullopt},      Dtype{"F6_E2M3", 6, std::nullopt},
    Dtype{"F6_E3M2", 6, std::nullopt}, Dtype{"C64", 64, std::nullopt},
};

struct Header {
  SortedJson json;
  std::span<const std::byte> body;
};

Result<Header> read_header(const MappedFile& file) {
  const auto bytes = file.bytes();
  uint64_t length = 0;
  if (bytes.size() < sizeof length)
    return invalid(fmt::format("{}: {} bytes are no safetensors file", file.path(), bytes.size()));
  std::memcpy(&length, bytes.data(), sizeof length);
  const uint64_t rest = bytes.size() - sizeof length;
  if (length > rest || length > max_header_bytes)
    return invalid(fmt::format("{}: the header has {} bytes; the file leaves {}, the format allows {}", file.path(),
                               length, rest, max_header_bytes));
  const auto size = static_cast<size_t>(length);
  auto json =
      TRY(parse_json<SortedJson>(file.text().substr(sizeof length, size), file.path() + ": header", header_depth));
  return Header{std::move(json), bytes.subspan(sizeof length + size)};
}

Error bad(const StoredTensor& tensor, std::string what) {
  return invalid(fmt::format("{}: tensor '{}': {}", tensor.file, tensor.name, what));
}

Result<void> read_dtype(const SortedJson& json, StoredTensor& tensor) {
  const auto name = json.find("dtype");
  if (name == json.end() || !name->is_string()) return bad(tensor, "dtype is missing or not a string");
  const auto& text = name->get_ref<const std::string&>();
  const auto found = std::find_if(dtypes.begin(), dtypes.end(), [&](const Dtype& d) { return d.name == text; });
  if (found == dtypes.end()) return bad(tensor, fmt::format("dtype '{}' is unknown", text));
  tensor.dtype = &*found;
  return {};
}

/// The bytes that dtype and shape need.
Result<int64_t> read_shape(const SortedJson& json, StoredTensor& tensor) {
  const auto shape = json.find("shape");
  if (shape == json.end() || !shape->is_array()) return bad(tensor, "shape is missing or not an array");
  int64_t bits = tensor.dtype->bits;
  for (const SortedJson& entry : *shape) {
    const auto size = integer_of(entry);
    if (!size || *size < 0) return bad(tensor, fmt::format("shape {} has an entry that is no size", shape->dump()));
    if (__builtin_mul_overflow(bits, *size, &bits))
      return bad(tensor, fmt::format("shape {} overflows 64 bits", shape->dump()));
    tensor.shape.push_back(*size);
  }
  if (bits % 8 != 0)
    return bad(tensor, fmt::format("shape {} of {} is not a whole number of bytes", shape->dump(), tensor.dtype->name));
  return bits / 8;
}

Result<StoredTensor> read_tensor(const std::string& name, const SortedJson& json, const std::string& path,
                                 std::span<const std::byte> body) {
  StoredTensor tensor{.name = name, .file = path, .dtype = nullptr, .shape = {}, .data = {}};
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  if (std::any_of(name.begin(), name.end(), is_control)) return bad(tensor, "has a control character in its name");
  if (!json.is_object()) return bad(tensor, "its entry is not an object");
  TRY(read_dtype(json, tensor));
  const int64_t needed = TRY(read_shape(json, tensor));
  const auto offsets = json.find("data_offsets");
  if (offsets == json.end() || !offsets->is_array() || offsets->size() != 2)
    return bad(tensor, "data_offsets is missing or not a pair");
  const auto begin = integer_of((*offsets)[0]), end = integer_of((*offsets)[1]);
  if (!begin || !end || *begin < 0 || *end < *begin || *end > static_cast<int64_t>(body.size()))
    return bad(tensor,
               fmt::format("data_offsets {} lie outside of the {} bytes of data", offsets->dump(), body.size()));
  if (*end - *begin != needed)
    return bad(tensor, fmt::format("data_offsets {} hold {} bytes; {} {} needs {}", offsets->dump(), *end - *begin,
                                   tensor.dtype->name, json.find("shape")->dump(), needed));
  if (json.size() != 3) return bad(tensor, "has keys besides dtype, shape and data_offsets");
  tensor.data = body.subspan(static_cast<size_t>(*begin), static_cast<size_t>(needed));
  return tensor;
}

/// Tensors must tile the data: sorted by place, each begins where the one before it ends.
Result<void> check_tiling(const TensorSet& set, const std::string& path, std::span<const std::byte> body) {
  std::vector<const StoredTensor*> order;
  for (const auto& [name, tensor] : set.tensors) order.push_back(&tensor);
  const auto extent = [](const StoredTensor* t) { return std::pair(t->data.data(), t->data.size()); };
  std::sort(order.begin(), order.end(), [&](auto* a, auto* b) { return extent(a) < extent(b); });
  const std::byte* position = body.data();
  for (const StoredTensor* tensor : order) {
    if (tensor->data.data() != position)
      return bad(*tensor,
                 fmt::format("begins at byte {} of the data; the tensors before it end at {}: tensors must not {}",
                             tensor->data.data() - body.data(), position - body.data(),
                             tensor->data.data() < position ? "overlap" : "leave holes"));
    position += tensor->data.size();
  }
  if (position != body.data() + body.size())
    return invalid(fmt::format("{}: {} bytes follow the last tensor", path, body.data() + body.size() - position));
  return {};
}

}  // namespace

const StoredTensor* TensorSet::find(std::string_view name) const {
  const auto found = tensors.find(name);
  return found == tensors.end() ? nullptr : &found->second;
}

Result<TensorSet> read_safetensors(const std::string& path) {
  const auto file = TRY(MappedFile::open(path));
  const Header header = TRY(read_header(*file));
  TensorSet set;
  set.storage = file;
  for (const auto& [name, entry] : header.json.items()) {
    if (name == "__metadata__") continue;
    set.tensors.emplace(name, TRY(read_tensor(name, entry, path, header.body)));
  }
  TRY(check_tiling(set, path, header.body));
  return set;
}

}  // namespace tilejit
