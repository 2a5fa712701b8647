// What happens in which order: barriers, and what LLVM's scheduler may not move.
#include <llvm/IR/InlineAsm.h>

#include "targets/amdgpu/selection.h"

namespace tilejit::amdgpu {
namespace {

// Of the mask of sched_barrier, the instructions that may pass.
constexpr int pass_vector = 0x002;
constexpr int pass_scalar = 0x004;
constexpr int pass_matrix = 0x008;
constexpr int pass_memory = 0x070;  // loads and stores
constexpr int pass_lds = 0x380;     // likewise
constexpr int pass_transcendental = 0x400;

void let_pass(Selection& s, int mask) { s.b.CreateIntrinsic(llvm::Intrinsic::amdgcn_sched_barrier, {}, {s.i32(mask)}); }

}  // namespace

/// All LDS accesses of the wave are done before it arrives. A fence would make it wait for loads from memory as well, which are
/// meant to stay in flight.
void select_barrier(Selection& s, int64_t waves) {
  if (waves == 1) return s.fence();
  const char* text = s.row.family == Family::rdna4 ? "s_wait_dscnt 0x0\ns_barrier_signal -1\ns_barrier_wait -1"
                                                   : "s_waitcnt lgkmcnt(0)\ns_barrier";
  llvm::FunctionType* type = llvm::FunctionType::get(s.b.getVoidTy(), false);
  llvm::CallInst* call = s.b.CreateCall(llvm::InlineAsm::get(type, text, "~{memory}", true));
  call->addFnAttr(llvm::Attribute::Convergent);
}

void keep_loads_early(Selection& s) {
  if (s.has_matrix_steps) let_pass(s, pass_vector | pass_scalar | pass_matrix | pass_lds | pass_transcendental);
}

void part_regions(Selection& s) {
  if (s.has_matrix_steps && is_cdna(s.row.family)) let_pass(s, 0);
}

void keep_steps_apart(Selection& s) { let_pass(s, is_cdna(s.row.family) ? pass_scalar : pass_scalar | pass_memory); }

}  // namespace tilejit::amdgpu
