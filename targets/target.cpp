#include "targets/target.h"

#include <array>

#include "ir/mma.h"

namespace tilejit {
namespace {

// All of 16 x 16: MFMA keeps a column's k in four lanes (AMD's CDNA 2 to 4 documents), WMMA in one (RDNA 3, whose lanes 16 to 31
// hold copies) or two (RDNA 4).
constexpr std::array families = {
    MatrixFamily{"cdna2", 64, 16, 16, 4}, MatrixFamily{"cdna3", 64, 16, 32, 4}, MatrixFamily{"cdna4", 64, 32, 64, 4},
    MatrixFamily{"rdna3", 32, 16, 16, 1}, MatrixFamily{"rdna4", 32, 16, 16, 2},
};

}  // namespace

std::span<const MatrixFamily> matrix_families() { return families; }

std::vector<MatrixStep> matrix_steps(const MatrixFamily& family) {
  std::vector<MatrixStep> steps;
  for (const Type type : {Type::bf16, Type::f16}) {
    const auto row = ir::find_mma(std::string(family.name) + "_" + std::string(to_string(type)));
    steps.push_back({.type = type, .numerics = *row, .k = family.k, .lanes = family.lanes});
  }
  steps.push_back({.type = Type::i8, .numerics = *ir::find_mma("i8"), .k = family.k_of_i8, .lanes = family.lanes});
  return steps;
}

const MatrixStep* find_matrix_step(const TargetFacts& facts, Type type) {
  for (const MatrixStep& step : facts.matrix)
    if (step.type == type) return &step;
  return nullptr;
}

Result<void> Target::can_emulate() const { return unsupported("target " + facts().name + " has no emulator"); }

// Overrides take the code over.
// NOLINTNEXTLINE(performance-unnecessary-value-param)
Result<Code> Target::emulated(Code, const ir::Kernel&) const { return can_emulate().error(); }

Result<TaskProfile> Target::profile(const Code&, const ir::Kernel&, const BufferArg*, int64_t, const int64_t*) const {
  return unsupported("target " + facts().name + " has no emulator that counts");
}

Result<std::vector<BufferTraffic>> Target::traffic(const Code&, const ir::Kernel&, const BufferArg*, int64_t,
                                                   std::span<const std::vector<int64_t>>) const {
  return unsupported("target " + facts().name + " has no emulator that counts");
}

}  // namespace tilejit
