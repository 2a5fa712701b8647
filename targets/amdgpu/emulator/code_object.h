// What an ELF code object says about its kernels: the machine code, the kernel descriptor that the hardware is set up from,
// and the metadata note that the runtime reads. Sources: LLVM's AMDGPU usage guide (code object V5, kernel descriptor).
//
// Every offset and size is checked against the file: a truncated or absurd one is `invalid` and named.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tilejit::amdgpu::emulator {

struct KernelDescriptor {
  uint32_t lds_bytes = 0;
  uint32_t private_bytes = 0;
  uint32_t kernarg_bytes = 0;
  uint32_t rsrc1 = 0;
  uint32_t rsrc2 = 0;
  uint32_t rsrc3 = 0;
  uint16_t properties = 0;
  uint16_t preload = 0;  // kernarg words copied into user SGPRs
  bool has(int bit) const { return ((properties >> bit) & 1) != 0; }
  bool wave32() const { return has(10); }
  uint32_t user_sgprs() const { return (rsrc2 >> 1) & 31; }
};

struct KernelMetadata {
  std::string name;
  int64_t sgprs = 0, vgprs = 0, agprs = 0;
  int64_t sgpr_spills = 0, vgpr_spills = 0;
  int64_t lds_bytes = 0, private_bytes = 0, kernarg_bytes = 0;
  int64_t wave = 0, most_workitems = 0;
};

struct Kernel {
  std::string name;
  KernelDescriptor descriptor;
  KernelMetadata metadata;
  uint64_t address = 0;       // of the first instruction, as the file's disassembly prints it
  std::vector<uint8_t> code;  // from there to the symbol's end
};

struct CodeObject {
  uint32_t machine = 0;  // EF_AMDGPU_MACH, the processor
  std::string target;    // amdhsa.target of the metadata
  std::vector<Kernel> kernels;
};

Result<CodeObject> read_code_object(std::span<const uint8_t> bytes);

}  // namespace tilejit::amdgpu::emulator
