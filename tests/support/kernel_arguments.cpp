#include "tests/support/kernel_arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

namespace tilejit::test {
namespace {

using ir::Buffer;
using ir::Kernel;

struct Layout {
  int64_t elements = 0;    // from the first to the last, gaps between rows included
  int64_t row_stride = 0;  // 0 unless strided
};

Layout layout_of(const Buffer& buffer, int64_t m, std::mt19937_64& random) {
  int64_t elements = 1;
  for (const ir::Extent& e : buffer.dims) elements *= e.at(m);
  if (!buffer.strided) return {elements, 0};
  const int64_t rows = buffer.dims[0].at(m);
  const int64_t cols = buffer.dims[1].at(m);
  const int64_t stride = cols + static_cast<int64_t>(random() % 8);
  return {rows == 0 ? 0 : (rows - 1) * stride + cols, stride};
}

float random_float(std::mt19937_64& random) {
  constexpr float rare[] = {0.0f, -0.0f, 1e-40f, -1e-30f, 3e38f, 65504.0f};
  if (random() % 64 == 0) return rare[random() % std::size(rare)];
  return static_cast<float>(static_cast<int64_t>(random() % 4001) - 2000) / 1000.0f;
}

template <typename T>
void put(std::byte* at, T element) {
  std::memcpy(at, &element, sizeof element);
}

template <typename T>
T get(const std::vector<std::byte>& memory, int64_t element) {
  T value;
  std::memcpy(&value, memory.data() + element * static_cast<int64_t>(sizeof value), sizeof value);
  return value;
}

/// Numbers below this for an integer buffer that an op reads as something else than a number; 0 for any number.
uint64_t limit_of(const Buffer& buffer, int64_t elements) {
  if (buffer.type == Type::i32 && buffer.name == "perm")
    return static_cast<uint64_t>(std::clamp<int64_t>(elements, 1, 16));
  if (buffer.type == Type::u8 && (buffer.name == "zeros" || buffer.name == "z")) return 17;
  return 0;
}

void fill_element(const Buffer& buffer, std::byte* base, int64_t element, uint64_t limit, std::mt19937_64& random) {
  const auto integer = [&] { return limit == 0 ? random() : random() % limit; };
  std::byte* at = base + element * bits_of(buffer.type) / 8;
  switch (buffer.type) {
    case Type::f32: return put(at, random_float(random));
    case Type::bf16: return put(at, f32_to_bf16(random_float(random)));
    case Type::f16: return put(at, f32_to_f16(random_float(random)));
    case Type::i32: return put(at, static_cast<int32_t>(integer()));
    case Type::i16: return put(at, static_cast<int16_t>(integer()));
    case Type::i8:
    case Type::u8:
    case Type::u4: return put(at, static_cast<uint8_t>(integer()));
    case Type::index: return;
  }
}

/// The value of a float element; nothing can tell two NaNs apart.
bool same_element(Type type, const std::vector<std::byte>& a, const std::vector<std::byte>& b, int64_t element) {
  const auto is_nan = [&](const std::vector<std::byte>& memory) {
    if (type == Type::f32) return std::isnan(get<float>(memory, element));
    if (type == Type::bf16) return std::isnan(bf16_to_f32(get<uint16_t>(memory, element)));
    return type == Type::f16 && std::isnan(f16_to_f32(get<uint16_t>(memory, element)));
  };
  const auto byte = static_cast<size_t>(element * bits_of(type) / 8);
  const auto size = static_cast<size_t>(bytes_of(type, 1));
  return std::memcmp(a.data() + byte, b.data() + byte, size) == 0 || (is_nan(a) && is_nan(b));
}

std::string shown(Type type, const std::vector<std::byte>& memory, int64_t element) {
  switch (type) {
    case Type::f32: return fmt::format("{} ({:#010x})", get<float>(memory, element), get<uint32_t>(memory, element));
    case Type::bf16:
      return fmt::format("{} ({:#06x})", bf16_to_f32(get<uint16_t>(memory, element)), get<uint16_t>(memory, element));
    case Type::f16:
      return fmt::format("{} ({:#06x})", f16_to_f32(get<uint16_t>(memory, element)), get<uint16_t>(memory, element));
    case Type::i32: return fmt::format("{}", get<int32_t>(memory, element));
    case Type::i16: return fmt::format("{}", get<int16_t>(memory, element));
    case Type::i8:
    case Type::u8: return fmt::format("{:#04x}", get<uint8_t>(memory, element));
    case Type::u4: return fmt::format("byte {:#04x}", get<uint8_t>(memory, element / 2));
    case Type::index: break;
  }
  return "?";
}

}  // namespace

std::vector<ir::BufferView> Arguments::views() {
  std::vector<ir::BufferView> result;
  for (size_t i = 0; i < memory.size(); ++i)
    result.push_back({memory[i].data(), static_cast<int64_t>(memory[i].size()), row_strides[i]});
  return result;
}

Arguments random_arguments(const Kernel& kernel, int64_t m, uint64_t seed) {
  std::mt19937_64 random(seed);
  Arguments arguments;
  for (const Buffer& b : kernel.buffers) {
    if (!b.is_parameter()) continue;
    const Layout layout = layout_of(b, m, random);
    std::vector<std::byte>& memory =
        arguments.memory.emplace_back(static_cast<size_t>(bytes_of(b.type, layout.elements)));
    arguments.row_strides.push_back(layout.row_stride);
    const uint64_t limit = limit_of(b, layout.elements);
    for (int64_t e = 0; e < layout.elements; ++e) fill_element(b, memory.data(), e, limit, random);
  }
  return arguments;
}

std::string difference(const Kernel& kernel, const Arguments& a, const Arguments& b) {
  size_t parameter = 0;
  for (const Buffer& buffer : kernel.buffers) {
    if (!buffer.is_parameter()) continue;
    const auto& left = a.memory[parameter];
    const auto& right = b.memory[parameter];
    if (left.size() != right.size()) return fmt::format("%{}: {} and {} bytes", buffer.name, left.size(), right.size());
    const int64_t elements = static_cast<int64_t>(left.size()) * 8 / bits_of(buffer.type);
    for (int64_t e = 0; e < elements; ++e)
      if (!same_element(buffer.type, left, right, e))
        return fmt::format("%{} element {} (rows are {} apart): {} and {}", buffer.name, e, a.row_strides[parameter],
                           shown(buffer.type, left, e), shown(buffer.type, right, e));
    ++parameter;
  }
  return "";
}

}  // namespace tilejit::test
