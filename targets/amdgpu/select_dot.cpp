// dot_i8: four products of a signed and an unsigned byte. A row whose instruction takes signed bytes only is given the weights
// less 128, so that each step leaves out 128 times the sum of x; the sums of x are collected once for all columns and added
// when somebody reads the result. Weights that come from nibbles are never that large.
#include <algorithm>

#include "targets/amdgpu/selection.h"

namespace tilejit::amdgpu {
namespace {

constexpr uint32_t high_bits = 0x80808080;
constexpr uint32_t ones = 0x01010101;

/// Whether every byte that is ever written to `w` is below 128.
bool is_small(const ir::Kernel& kernel, ir::Value w) {
  return std::all_of(kernel.body.begin(), kernel.body.end(), [&](const ir::Instr& instr) {
    return instr.dst != w || instr.op == ir::Op::for_loop ||
           (instr.op == ir::Op::unpack && kernel.value(instr.args[0]).tile.type == Type::u4);
  });
}

bool leaves_out(const Selection& s, const ir::Instr& instr) {
  return s.row.dot4 == Dot4::both_signed && !is_small(s.kernel, instr.args[1]);
}

llvm::Value* dot4(Selection& s, llvm::Value* x, llvm::Value* w, llvm::Value* sum) {
  llvm::IRBuilder<>& b = s.b;
  if (s.row.dot4 == Dot4::mixed_signs)
    return b.CreateIntrinsic(llvm::Intrinsic::amdgcn_sudot4, {}, {b.getTrue(), x, b.getFalse(), w, sum, b.getFalse()});
  return b.CreateIntrinsic(llvm::Intrinsic::amdgcn_sdot4, {}, {x, w, sum, b.getFalse()});
}

}  // namespace

void prepare_sums(Selection& s) {
  for (const ir::Instr& instr : s.kernel.body)
    if (instr.op == ir::Op::dot_i8 && leaves_out(s, instr))
      s.tile(instr.dst).missing.assign(static_cast<size_t>(s.type(instr.dst).shape.rows), s.b.getInt32(0));
}

Result<void> select_dot_i8(Selection& s, const ir::Instr& instr) {
  if (s.row.dot4 == Dot4::none) return refuse(s, instr, "no instruction for dots of bytes");
  const Layout& layout = s.layout(instr.dst);
  const bool is_shifted = leaves_out(s, instr);
  const bool accumulates = instr.args[2] == instr.dst && is_shifted;
  std::vector<llvm::Value*> missing = s.tile(instr.dst).missing;
  std::vector<llvm::Value*> registers;
  for (int r = 0; r < layout.registers(); ++r) {
    const Coord part = layout.register_part(r);
    llvm::Value* w = s.read(instr.args[1], part);
    if (is_shifted) w = s.b.CreateXor(w, high_bits);
    llvm::Value* sum = accumulates ? s.tile(instr.dst).registers[static_cast<size_t>(r)] : s.read(instr.args[2], part);
    registers.push_back(dot4(s, s.read(instr.args[0], part), w, sum));
  }
  if (is_shifted) {
    for (size_t row = 0; row < missing.size(); ++row) {
      llvm::Value* x = s.read(instr.args[0], {static_cast<int>(row), 0, 0});
      missing[row] = dot4(s, x, s.b.getInt32(ones), accumulates ? missing[row] : s.b.getInt32(0));
    }
  }
  s.write(instr.dst, std::move(registers));
  if (is_shifted) s.tile(instr.dst).missing = std::move(missing);
  return {};
}

}  // namespace tilejit::amdgpu
