// Memory for every parameter buffer of a program, filled with seeded operands, so that two ways to run the program can start
// from the same bytes and be compared bit for bit.
//
// Floats are standard normals; u4, u8 and i8 uniform; an i32 buffer that `load_index` reads holds a permutation of what its
// indices select, another one small integers. Buffers that are written start with the same bytes on both sides, and a guard
// behind each shows writes past its end.
#pragma once

#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ir/interpret.h"
#include "ir/ir.h"
#include "targets/target.h"

namespace tilejit::inspect {

struct Memory {
  ir::Buffer buffer;
  int64_t row_stride = 0;        // elements
  int64_t size = 0;              // bytes, without the guard
  std::vector<std::byte> bytes;  // with the guard
};

/// By name: buffers of one name in several kernels are the same memory.
using ProgramMemory = std::map<std::string, Memory, std::less<>>;

/// `invalid` for a program whose buffers are too large to allocate.
Result<ProgramMemory> make_memory(const ir::Program& program, int64_t m, uint64_t seed);

/// What a kernel's parameters are called with, in their order.
std::vector<ir::BufferView> views_of(const ir::Kernel& kernel, ProgramMemory& memory);
std::vector<BufferArg> arguments_of(const ir::Kernel& kernel, ProgramMemory& memory);

/// Empty when all buffers hold the same bits (NaNs of a float buffer are equal); else the first element that differs.
std::string first_difference(const ProgramMemory& expected, const ProgramMemory& actual);

}  // namespace tilejit::inspect
