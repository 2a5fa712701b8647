// Rows of memory instructions: what is addressed how, times what is moved.
#pragma once

#include <cstdint>
#include <string_view>

#include "targets/amdgpu/emulator/instr.h"

namespace tilejit::amdgpu::emulator {

enum class Space : uint8_t { global, flat, scratch, buffer, lds, scalar, scalar_buffer };
enum class Direction : uint8_t { load, store, load_to_lds };

/// What moves between memory and registers for each lane (or once, for scalar loads).
struct Transfer {
  std::string_view name;  // of loads: `ubyte`, `dwordx2`, `b64`
  uint8_t bytes = 4;
  bool sign_extends = false;
  Half half = Half::whole;  // of the register, which then keeps its other half
};

struct MemoryRow {
  Space space = Space::global;
  Direction direction = Direction::load;
  Transfer transfer;
  uint8_t accesses = 1;  // read2, write2: two places
  uint16_t stride = 1;   // bytes that a unit of read2's offsets stands for
  Run run = nullptr;
};

/// The resource that a kernel is given for its scratch where that lies behind a buffer (CDNA 2, RDNA 2): lanes' words are
/// interleaved, which only the hardware sees. The base is no address of a process.
inline constexpr uint64_t scratch_base = 0xf5c0'0000'0000;
inline constexpr uint32_t scratch_kind = 0x00827000;  // the lane's number is added

/// Null when no memory instruction has this name.
const MemoryRow* find_memory(std::string_view mnemonic);

void run_scalar_load(Wave& w, const Instr& i);
void run_global(Wave& w, const Instr& i);  // flat and scratch too
void run_buffer(Wave& w, const Instr& i);
void run_lds(Wave& w, const Instr& i);
void run_lds_transposed(Wave& w, const Instr& i);  // ds_read_b64_tr_b16

}  // namespace tilejit::amdgpu::emulator
