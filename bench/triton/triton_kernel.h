// A W4A16 kernel that Triton compiled (compile.py), executed and counted by tilejit's emulator.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string>
#include <utility>

#include "targets/amdgpu/emulator/emulator.h"
#include "targets/target.h"

namespace tilejit::bench {

/// What the file's name says: w4a16_TYPE_MxNxK_ldsBYTES_ARCH.hsaco.
struct TritonName {
  Type type = Type::bf16;
  int64_t tile_m = 0, tile_n = 0, tile_k = 0;
  int64_t lds_bytes = 0;
  std::string arch;
};
/// `invalid` for another name.
Result<TritonName> parse_triton_name(const std::string& path);

/// Of a small layer with tails in m and n, all of its workgroups.
struct TritonCheck {
  double rel_l2 = 0;  // to the same weights, rounded as the kernel rounds them, in double
  int64_t reports = 0;
  std::string first_report;  // empty: none
};

class TritonKernel {
 public:
  /// `invalid`: a file that is not there, that is no code object, or that holds an instruction unknown to the emulator.
  static Result<TritonKernel> load(const std::string& path);

  const TritonName& name() const { return name_; }
  Result<TritonCheck> check() const;
  /// The first workgroup of a layer of m x n x k.
  Result<TaskProfile> profile(int64_t m, int64_t n, int64_t k) const;
  /// Vector and accumulation registers of a wave, by the descriptor.
  int registers() const;

 private:
  TritonKernel(TritonName name, amdgpu::emulator::Emulator machine)
      : name_(std::move(name)), machine_(std::move(machine)) {}

  TritonName name_;
  amdgpu::emulator::Emulator machine_;
};

}  // namespace tilejit::bench
