#include "targets/amdgpu/matrix_form.h"

#include <bit>
#include <string_view>

#include "ir/mma.h"
#include "targets/target.h"

namespace tilejit::amdgpu {
namespace {

constexpr int line_bits = 4;  // of the number of a row of A, of a column of B and of C

std::vector<MatrixForm> make_forms() {
  std::vector<MatrixForm> forms;
  for (const Family known : {Family::cdna2, Family::cdna3, Family::cdna4, Family::rdna3, Family::rdna4})
    for (const MatrixFamily& family : matrix_families()) {
      if (family.name != name_of(known)) continue;
      for (const MatrixStep& step : matrix_steps(family))
        forms.push_back({known, step.type, step.numerics, step.k, step.k_of_lane()});
    }
  return forms;
}

int log2_of(int power) { return std::countr_zero(static_cast<unsigned>(power)); }

LaneBit lane_bit(Dim dim, int bit) { return {false, dim, bit}; }

}  // namespace

std::span<const MatrixForm> matrix_forms() {
  static const std::vector<MatrixForm> forms = make_forms();
  return forms;
}

const MatrixForm* find_matrix_form(Family family, int numerics, int depth) {
  for (const MatrixForm& form : matrix_forms())
    if (form.family == family && form.numerics == numerics && depth % form.k == 0) return &form;
  return nullptr;
}

int sums_of(const MatrixForm& form) { return is_cdna(form.family) ? 4 : 8; }

/// A row of A is numbered by the register of the sum that it makes and by the part of the wave that has it: CDNA 4 * part +
/// register, RDNA 3 2 * register + part, RDNA 4 8 * part + register.
MatrixLanes matrix_lanes(const MatrixForm& form, int columns) {
  const int wave_bits = is_cdna(form.family) ? 6 : 5;
  const int sum_bits = log2_of(sums_of(form));
  const int part_bits = line_bits - sum_bits;
  // Two tiles of four neighbouring channels in each lane make eight.
  const int part_column = is_cdna(form.family) && columns % 32 == 0 ? sum_bits + 1 : sum_bits;
  const bool part_comes_first = form.family == Family::rdna3;
  MatrixLanes lanes;
  for (int i = 0; i < line_bits; ++i) {
    lanes.x.push_back(lane_bit(Dim::row, i));
    lanes.sum.push_back(lane_bit(Dim::row, i));
    const int first_part = part_comes_first ? 0 : sum_bits;
    const bool is_part = i >= first_part && i < first_part + part_bits;
    const int of_sum = part_comes_first ? i - part_bits : i;
    lanes.w.push_back(lane_bit(Dim::col, is_part ? part_column + i - first_part : of_sum));
  }
  for (int i = line_bits; i < wave_bits; ++i) {
    const int depth_bit = log2_of(form.k_of_lane) + i - line_bits;
    const LaneBit shares_k = form.k_of_lane == form.k ? LaneBit{} : lane_bit(Dim::depth, depth_bit);
    lanes.x.push_back(shares_k);
    lanes.w.push_back(shares_k);
    lanes.sum.push_back(lane_bit(Dim::col, part_column + i - line_bits));
  }
  return lanes;
}

}  // namespace tilejit::amdgpu
