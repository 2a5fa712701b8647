#include "tests/unit/assemble_amdgpu.h"

#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>

#include <algorithm>

#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/assemble.h"

namespace tilejit::testing {
namespace {

std::string descriptor(const AssembledKernel& k, const amdgpu::GpuRow& row) {
  std::string text =
      fmt::format(R"(
.rodata
.p2align 6
.amdhsa_kernel k
  .amdhsa_next_free_vgpr {}
  .amdhsa_next_free_sgpr 96
  .amdhsa_group_segment_fixed_size {}
  .amdhsa_private_segment_fixed_size {}
  .amdhsa_kernarg_size {}
  .amdhsa_user_sgpr_kernarg_segment_ptr 1
  .amdhsa_system_sgpr_workgroup_id_x 1
  .amdhsa_float_denorm_mode_32 3
)",
                  k.agprs == 0 ? k.vgprs : k.vgprs + k.agprs, k.lds_bytes, k.scratch_bytes, k.kernarg_bytes);
  if (amdgpu::is_cdna(row.family)) text += fmt::format("  .amdhsa_accum_offset {}\n", k.vgprs);
  if (!amdgpu::is_cdna(row.family)) text += "  .amdhsa_wavefront_size32 1\n";
  const bool is_behind_buffer = row.family == amdgpu::Family::cdna2 || row.family == amdgpu::Family::rdna2;
  if (k.scratch_bytes != 0)
    text += is_behind_buffer ? "  .amdhsa_user_sgpr_private_segment_buffer 1\n"
                               "  .amdhsa_system_sgpr_private_segment_wavefront_offset 1\n"
                             : "  .amdhsa_enable_private_segment 1\n";
  return text + ".end_amdhsa_kernel\n";
}

std::string metadata(const AssembledKernel& k, const amdgpu::GpuRow& row) {
  return fmt::format(R"(
.amdgpu_metadata
---
amdhsa.version: [ 1, 2 ]
amdhsa.target: amdgcn-amd-amdhsa--{}
amdhsa.kernels:
  - .name: k
    .symbol: k.kd
    .kernarg_segment_size: {}
    .kernarg_segment_align: 8
    .group_segment_fixed_size: {}
    .private_segment_fixed_size: {}
    .wavefront_size: {}
    .sgpr_count: 96
    .vgpr_count: {}
    .agpr_count: {}
    .max_flat_workgroup_size: {}
...
.end_amdgpu_metadata
)",
                     row.facts.name, k.kernarg_bytes, k.lds_bytes, k.scratch_bytes, row.wave,
                     k.noted_vgprs != 0 ? k.noted_vgprs : k.vgprs + k.agprs, k.agprs, k.most_workitems);
}

}  // namespace

Result<std::vector<uint8_t>> assemble_kernel(const AssembledKernel& k) {
  const amdgpu::GpuRow* row = amdgpu::find_gpu_row(k.target);
  if (row == nullptr) return invalid("no row " + k.target);
  const std::string text = fmt::format(
      ".amdgcn_target \"amdgcn-amd-amdhsa--{}\"\n.amdhsa_code_object_version 5\n.text\n.globl k\n.p2align 8\n.type "
      "k,@function\nk:\n{}\n"
      "s_endpgm\n.Lend:\n.size k, .Lend-k\n{}{}",
      k.target, k.body, descriptor(k, *row), metadata(k, *row));
  return amdgpu::assemble(*row, text, k.features);
}

Result<amdgpu::emulator::Emulator> load_assembled(const AssembledKernel& k) {
  const auto elf = TRY(assemble_kernel(k));
  return amdgpu::emulator::Emulator::load(*amdgpu::find_gpu_row(k.target), elf, "k");
}

}  // namespace tilejit::testing

#endif
