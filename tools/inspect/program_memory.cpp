#include "tools/inspect/program_memory.h"

#include <fmt/format.h>
#include <tilejit/types.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>

namespace tilejit::inspect {
namespace {

constexpr int64_t guard_bytes = 64;
constexpr int64_t most_bytes = int64_t{4} << 30;

/// The smallest extent that an index loaded from `buffer` selects from; 0 when no index is.
int64_t index_limit(const ir::Program& program, const std::string& buffer, int64_t m) {
  int64_t limit = 0;
  for (const ir::Kernel& kernel : program.kernels)
    for (const ir::Instr& index : kernel.body) {
      if (index.op != ir::Op::load_index || kernel.buffer(index.buffer).name != buffer) continue;
      for (const ir::Instr& use : kernel.body)
        for (size_t d = 0; d < use.slices.size(); ++d) {
          if (use.slices[d].start.coef_of(index.dst) == 0) continue;
          const int64_t extent = kernel.buffer(use.buffer).dims[d].at(m);
          limit = limit == 0 ? extent : std::min(limit, extent);
        }
    }
  return limit;
}

/// The largest zero point that `buffer` may hold, when an unpack_zero takes its values, else 255.
int64_t byte_limit(const ir::Program& program, const std::string& buffer) {
  for (const ir::Kernel& kernel : program.kernels)
    for (const ir::Instr& load : kernel.body) {
      if (load.op != ir::Op::load || kernel.buffer(load.buffer).name != buffer) continue;
      for (const ir::Instr& widen : kernel.body) {
        if (widen.op != ir::Op::convert || widen.args[0] != load.dst) continue;
        for (const ir::Instr& use : kernel.body)
          if (use.op == ir::Op::unpack_zero && use.args[1] == widen.dst)
            return int64_t{1} << bits_of(kernel.value(use.args[0]).tile.type);
      }
    }
  return 255;
}

template <typename T>
void store(Memory& memory, int64_t index, T value) {
  std::memcpy(memory.bytes.data() + index * static_cast<int64_t>(sizeof value), &value, sizeof value);
}

void fill_integers(Memory& memory, int64_t limit, std::mt19937_64& engine) {
  const int64_t count = memory.size / static_cast<int64_t>(sizeof(int32_t));
  std::vector<int32_t> values(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i)
    values[static_cast<size_t>(i)] = static_cast<int32_t>(limit > 0 ? i % limit : static_cast<int64_t>(engine() % 16));
  std::shuffle(values.begin(), values.end(), engine);
  for (int64_t i = 0; i < count; ++i) store(memory, i, values[static_cast<size_t>(i)]);
}

/// `limit`: the largest of bytes, the size of the index range of integers.
void fill(Memory& memory, int64_t limit, std::mt19937_64& engine) {
  std::normal_distribution<float> normal;
  const int64_t count = memory.size * 8 / bits_of(memory.buffer.type);
  switch (memory.buffer.type) {
    case Type::f32:
      for (int64_t i = 0; i < count; ++i) store(memory, i, normal(engine));
      return;
    case Type::bf16:
      for (int64_t i = 0; i < count; ++i) store(memory, i, f32_to_bf16(normal(engine)));
      return;
    case Type::f16:
      for (int64_t i = 0; i < count; ++i) store(memory, i, f32_to_f16(normal(engine)));
      return;
    case Type::i32: return fill_integers(memory, limit, engine);
    case Type::u8:
      for (int64_t i = 0; i < count; ++i)
        store(memory, i, static_cast<uint8_t>(engine() % static_cast<uint64_t>(limit + 1)));
      return;
    case Type::i16:
    case Type::i8:
    case Type::u4:
    case Type::index:
      for (int64_t i = 0; i < memory.size; ++i) memory.bytes[static_cast<size_t>(i)] = static_cast<std::byte>(engine());
      return;
  }
}

Result<Memory> make_buffer(const ir::Buffer& buffer, int64_t m) {
  Memory memory;
  memory.buffer = buffer;
  double row = 1;
  for (size_t d = 1; d < buffer.dims.size(); ++d) row *= static_cast<double>(buffer.dims[d].at(m));
  const double rows = static_cast<double>(buffer.dims[0].at(m));
  if (rows * (row + 8) * bits_of(buffer.type) / 8 > static_cast<double>(most_bytes))
    return invalid(fmt::format("buffer %{} takes more than {} GiB at m={}", buffer.name, most_bytes >> 30, m));
  // Rows of a strided buffer lie apart by more than they hold, so that a kernel which ignores the stride is found out; an
  // even number of elements, because rows of nibbles start on whole bytes.
  memory.row_stride = static_cast<int64_t>(row) + (buffer.strided ? 6 : 0);
  memory.size = bytes_of(buffer.type, static_cast<int64_t>(rows) * memory.row_stride);
  memory.bytes.resize(static_cast<size_t>(memory.size + guard_bytes), std::byte{0x5a});
  return memory;
}

bool is_nan(Type type, const std::byte* element) {
  uint32_t bits = 0;
  std::memcpy(&bits, element, static_cast<size_t>(bytes_of(type, 1)));
  if (type == Type::f32) return std::isnan(std::bit_cast<float>(bits));
  if (type == Type::bf16) return std::isnan(bf16_to_f32(static_cast<uint16_t>(bits)));
  return type == Type::f16 && std::isnan(f16_to_f32(static_cast<uint16_t>(bits)));
}

/// The value at a byte, for people: floats as numbers, the rest in hexadecimal.
std::string element_text(Type type, const std::byte* element) {
  const int64_t bytes = bytes_of(type, 1);
  uint32_t bits = 0;
  std::memcpy(&bits, element, static_cast<size_t>(bytes));
  if (type == Type::f32) return fmt::format("{} ({:#010x})", std::bit_cast<float>(bits), bits);
  if (type == Type::bf16) return fmt::format("{} ({:#06x})", bf16_to_f32(static_cast<uint16_t>(bits)), bits);
  if (type == Type::f16) return fmt::format("{} ({:#06x})", f16_to_f32(static_cast<uint16_t>(bits)), bits);
  return fmt::format("{:#x}", bits);
}

std::string difference(const std::string& name, const Memory& expected, const Memory& actual) {
  const Type type = expected.buffer.type;
  const int64_t step = bytes_of(type, 1);
  for (int64_t at = 0; at + step <= static_cast<int64_t>(expected.bytes.size()); at += step) {
    const std::byte* e = expected.bytes.data() + at;
    const std::byte* a = actual.bytes.data() + at;
    if (std::memcmp(e, a, static_cast<size_t>(step)) == 0) continue;
    if (at >= expected.size) return fmt::format("%{}: written past its end ({} bytes)", name, expected.size);
    if (is_nan(type, e) && is_nan(type, a)) continue;
    const int64_t element = at * 8 / bits_of(type);
    return fmt::format("%{}[{}][{}]: expected {}, got {}", name, element / expected.row_stride,
                       element % expected.row_stride, element_text(type, e), element_text(type, a));
  }
  return "";
}

}  // namespace

Result<ProgramMemory> make_memory(const ir::Program& program, int64_t m, uint64_t seed) {
  ProgramMemory memory;
  std::mt19937_64 engine(seed);
  for (const ir::Kernel& kernel : program.kernels)
    for (const ir::Buffer& buffer : kernel.buffers) {
      if (!buffer.is_parameter() || memory.contains(buffer.name)) continue;
      Memory one = TRY(make_buffer(buffer, m));
      if (buffer.space == ir::Space::global) {
        const bool bytes = buffer.type == Type::u8;
        fill(one, bytes ? byte_limit(program, buffer.name) : index_limit(program, buffer.name, m), engine);
      }
      memory.emplace(buffer.name, std::move(one));
    }
  return memory;
}

std::vector<ir::BufferView> views_of(const ir::Kernel& kernel, ProgramMemory& memory) {
  std::vector<ir::BufferView> views;
  for (const ir::Buffer& buffer : kernel.buffers) {
    if (!buffer.is_parameter()) continue;
    Memory& one = memory.find(buffer.name)->second;
    views.push_back({one.bytes.data(), one.size, one.row_stride});
  }
  return views;
}

std::vector<BufferArg> arguments_of(const ir::Kernel& kernel, ProgramMemory& memory) {
  std::vector<BufferArg> arguments;
  for (const ir::Buffer& buffer : kernel.buffers) {
    if (!buffer.is_parameter()) continue;
    Memory& one = memory.find(buffer.name)->second;
    arguments.push_back({one.bytes.data(), bytes_of(buffer.type, one.row_stride)});
  }
  return arguments;
}

std::string first_difference(const ProgramMemory& expected, const ProgramMemory& actual) {
  for (const auto& [name, memory] : expected) {
    std::string text = difference(name, memory, actual.find(name)->second);
    if (!text.empty()) return text;
  }
  return "";
}

}  // namespace tilejit::inspect
