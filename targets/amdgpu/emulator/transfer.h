// The bytes of one lane between registers and memory.
#pragma once

#include <cstdint>

#include "targets/amdgpu/emulator/memory_row.h"
#include "targets/amdgpu/emulator/wave.h"

namespace tilejit::amdgpu::emulator {

/// The register's bytes that a store moves.
void get_lane(const Wave& w, const Transfer& transfer, const Operand& from, size_t lane, uint8_t* bytes);
/// Extends what was loaded. A half keeps the other half of its register; on CDNA, whose registers have ECC, that other half
/// is undefined afterwards.
void put_lane(Wave& w, const Transfer& transfer, const Operand& to, size_t lane, const uint8_t* bytes);

void report_lds(Wave& w, LdsFault fault, uint32_t address, uint32_t bytes);

}  // namespace tilejit::amdgpu::emulator
