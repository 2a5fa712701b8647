#include "targets/amdgpu/arch.h"

#include <string_view>
#include <vector>

namespace tilejit::amdgpu {
namespace {

/// Of the memory that a kernel's weights come from. Compute units and gigabytes a second are those of AMD's product pages and
/// data sheets, for the fastest product of each row: Instinct MI250 and MI250X (one of two dies, of the 208 compute units and
/// 3,277 GB/s of an MI250), MI300X, MI350X; Radeon RX 6900 XT, RX 7900 XTX, 890M (LPDDR5X-7500, 128 bits), 8060S (LPDDR5X-8000,
/// 256 bits), RX 9060 XT, RX 9070 XT.
struct Product {
  int compute_units;
  double gigabytes;
};

/// Nothing for a family without matrix instructions.
void add_matrix_steps(GpuRow& row) {
  for (const MatrixFamily& family : matrix_families()) {
    if (family.name != name_of(row.family)) continue;
    row.facts.matrix = matrix_steps(family);
    row.facts.wave_lanes = family.wave;
    row.facts.shared_bytes = row.lds_bytes;
    row.facts.prefers_dot_mma = true;
  }
}

void add_product(GpuRow& row, Product product) {
  row.facts.compute_units = product.compute_units;
  row.facts.memory_gigabytes = product.gigabytes;
  row.facts.simds_of_unit = row.simds;
}

GpuRow cdna(const char* name, Family family, Product product) {
  GpuRow row;
  row.facts.name = name;
  row.facts.identity = name;
  row.facts.is_gpu = true;
  row.facts.keeps_code = true;
  row.facts.lanes = 64;
  row.facts.registers = 192;      // of 256, without addresses and what is in flight
  row.facts.sum_registers = 128;  // of 256 AGPRs, which LLVM takes for what the registers do not hold
  row.family = family;
  if (family == Family::cdna4) {
    row.lds_bytes = 160 << 10;
    row.lds_banks = 64;
  }
  row.facts.task_bytes = row.lds_bytes;
  add_product(row, product);
  add_matrix_steps(row);
  return row;
}

GpuRow rdna(const char* name, Family family, int simd_vgprs, Product product) {
  GpuRow row;
  row.facts.name = name;
  row.facts.identity = name;
  row.facts.is_gpu = true;
  row.facts.keeps_code = true;
  row.facts.lanes = 32;
  row.facts.registers = 192;
  row.family = family;
  if (family != Family::rdna2) row.dot4 = Dot4::mixed_signs;
  row.wave = 32;
  row.simd_vgprs = simd_vgprs;
  row.register_granule = simd_vgprs == 1536 ? 24 : 16;
  row.most_waves = 16;
  row.simds = 2;
  row.facts.task_bytes = row.lds_bytes;
  add_product(row, product);
  add_matrix_steps(row);
  return row;
}

}  // namespace

std::string_view name_of(Family family) {
  switch (family) {
    case Family::cdna2: return "cdna2";
    case Family::cdna3: return "cdna3";
    case Family::cdna4: return "cdna4";
    case Family::rdna2: return "rdna2";
    case Family::rdna3: return "rdna3";
    case Family::rdna4: return "rdna4";
  }
  return "";
}

std::span<const GpuRow> gpu_rows() {
  static const std::vector<GpuRow> rows = {
      cdna("gfx90a", Family::cdna2, {104, 1638}),      cdna("gfx942", Family::cdna3, {304, 5300}),
      cdna("gfx950", Family::cdna4, {256, 8000}),      rdna("gfx1030", Family::rdna2, 1024, {80, 512}),
      rdna("gfx1100", Family::rdna3, 1536, {96, 960}), rdna("gfx1150", Family::rdna3, 1024, {16, 120}),
      rdna("gfx1151", Family::rdna3, 1536, {40, 256}), rdna("gfx1200", Family::rdna4, 1536, {32, 320}),
      rdna("gfx1201", Family::rdna4, 1536, {64, 640}),
  };
  return rows;
}

const GpuRow* find_gpu_row(std::string_view name) {
  for (const GpuRow& row : gpu_rows())
    if (row.facts.name == name) return &row;
  return nullptr;
}

}  // namespace tilejit::amdgpu
