// Elementwise ops: the same LLVM instructions for each register. No instruction carries a fast-math flag.
#include <fmt/format.h>

#include <array>

#include "targets/amdgpu/selection.h"

namespace tilejit::amdgpu {
namespace {

using Args = std::array<llvm::Value*, 3>;

/// a > b ? a : b, in which a NaN and zeros of both signs give b: no maximum instruction does that.
llvm::Value* pick(llvm::IRBuilder<>& b, llvm::CmpInst::Predicate of_floats, llvm::CmpInst::Predicate of_integers,
                  const Args& x) {
  llvm::Value* chosen =
      x[0]->getType()->isFloatTy() ? b.CreateFCmp(of_floats, x[0], x[1]) : b.CreateICmp(of_integers, x[0], x[1]);
  return b.CreateSelect(chosen, x[0], x[1]);
}

/// LLVM selects 0 - x as -x, whose zero has another sign, unless it does not see the 0.
llvm::Value* difference(llvm::IRBuilder<>& b, llvm::Value* x, llvm::Value* y) {
  const auto* constant = llvm::dyn_cast<llvm::ConstantFP>(x);
  if (constant != nullptr && constant->isZero()) x = b.CreateArithmeticFence(x, x->getType());
  return b.CreateFSub(x, y);
}

llvm::Value* arithmetic(Selection& s, const ir::Instr& instr, const Args& x) {
  llvm::IRBuilder<>& b = s.b;
  const bool is_float = s.type(instr.dst).type == Type::f32;
  switch (instr.op) {
    case ir::Op::fill:
      if (is_float)
        return llvm::ConstantFP::get(b.getFloatTy(), llvm::APFloat(llvm::APFloat::IEEEsingle(),
                                                                   llvm::APInt(32, static_cast<uint32_t>(instr.imm))));
      return s.i32(instr.imm);
    case ir::Op::add: return is_float ? b.CreateFAdd(x[0], x[1]) : b.CreateAdd(x[0], x[1]);
    case ir::Op::sub: return is_float ? difference(b, x[0], x[1]) : b.CreateSub(x[0], x[1]);
    case ir::Op::mul: return is_float ? b.CreateFMul(x[0], x[1]) : b.CreateMul(x[0], x[1]);
    case ir::Op::max: return pick(b, llvm::CmpInst::FCMP_OGT, llvm::CmpInst::ICMP_SGT, x);
    case ir::Op::min: return pick(b, llvm::CmpInst::FCMP_OLT, llvm::CmpInst::ICMP_SLT, x);
    case ir::Op::fma: return b.CreateIntrinsic(llvm::Intrinsic::fma, {b.getFloatTy()}, {x[0], x[1], x[2]});
    case ir::Op::div:
      return b.CreateFDiv(x[0], x[1]);  // without !fpmath it is expanded to the correctly rounded quotient
    case ir::Op::round: return b.CreateUnaryIntrinsic(llvm::Intrinsic::roundeven, x[0]);
    case ir::Op::bitcast: return b.CreateBitCast(x[0], s.cell_type(s.type(instr.dst)));
    case ir::Op::bit_and: return b.CreateAnd(x[0], x[1]);
    case ir::Op::bit_or: return b.CreateOr(x[0], x[1]);
    case ir::Op::shift_left: return b.CreateShl(x[0], static_cast<uint64_t>(instr.imm));
    case ir::Op::shift_right: return b.CreateAShr(x[0], static_cast<uint64_t>(instr.imm));
    case ir::Op::convert:
    case ir::Op::exp:
    case ir::Op::erf:
    case ir::Op::tanh:
    case ir::Op::reduce_max:
    case ir::Op::reduce_add:
    case ir::Op::unpack:
    case ir::Op::unpack_zero:
    case ir::Op::dot_bf16:
    case ir::Op::dot_i8:
    case ir::Op::mma:
    case ir::Op::load:
    case ir::Op::store:
    case ir::Op::load_index:
    case ir::Op::prefetch:
    case ir::Op::async_copy:
    case ir::Op::for_loop:
    case ir::Op::end:
    case ir::Op::barrier:
    case ir::Op::wait: break;
  }
  return nullptr;
}

/// Round to nearest even by integer arithmetic on the bits; NaN becomes quiet, a subnormal the zero of its sign.
llvm::Value* f32_to_bf16(Selection& s, llvm::Value* x) {
  llvm::IRBuilder<>& b = s.b;
  llvm::Value* bits = b.CreateBitCast(x, b.getInt32Ty());
  llvm::Value* odd = b.CreateAnd(b.CreateLShr(bits, 16), 1);
  llvm::Value* rounded = b.CreateAdd(b.CreateAdd(bits, odd), s.i32(0x7fff));
  llvm::Value* is_nan = b.CreateFCmpUNO(x, x);
  llvm::Value* is_small = b.CreateICmpEQ(b.CreateAnd(bits, 0x7f800000), s.i32(0));
  rounded = b.CreateSelect(is_nan, b.CreateOr(bits, 0x00400000), rounded);
  rounded = b.CreateSelect(is_small, b.CreateAnd(bits, 0x80000000), rounded);
  return b.CreateTrunc(b.CreateLShr(rounded, 16), b.getInt16Ty());
}

llvm::Value* to_f32(Selection& s, llvm::Value* x, Type from) {
  llvm::IRBuilder<>& b = s.b;
  if (from == Type::bf16) return b.CreateBitCast(b.CreateShl(b.CreateZExt(x, b.getInt32Ty()), 16), b.getFloatTy());
  if (from == Type::f16) return b.CreateFPExt(b.CreateBitCast(x, b.getHalfTy()), b.getFloatTy());
  if (from == Type::u8 || from == Type::u4) return b.CreateUIToFP(x, b.getFloatTy());
  return b.CreateSIToFP(x, b.getFloatTy());
}

/// The fence keeps LLVM from making a product and its rounding one instruction, v_fma_mixlo_f16 with +0 as its addend: a product
/// of -0 would become +0.
llvm::Value* f32_to_f16(Selection& s, llvm::Value* x) {
  x = s.b.CreateArithmeticFence(x, x->getType());
  return s.b.CreateBitCast(s.b.CreateFPTrunc(x, s.b.getHalfTy()), s.b.getInt16Ty());
}

llvm::Value* clamped(Selection& s, llvm::Value* x, int64_t lo, int64_t hi) {
  x = s.b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, x, s.i32(lo));
  return s.b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x, s.i32(hi));
}

/// Null: there is no such conversion.
llvm::Value* converted(Selection& s, llvm::Value* x, Type from, Type to) {
  llvm::IRBuilder<>& b = s.b;
  if (from == to) return x;
  if (to == Type::f32) return to_f32(s, x, from);
  if (from == Type::f32 && to == Type::bf16) return f32_to_bf16(s, x);
  if (from == Type::f32 && to == Type::f16) return f32_to_f16(s, x);
  if (from == Type::f32 && to == Type::i32)
    return b.CreateIntrinsic(llvm::Intrinsic::fptosi_sat, {b.getInt32Ty(), b.getFloatTy()},
                             {b.CreateUnaryIntrinsic(llvm::Intrinsic::roundeven, x)});
  if (to == Type::i32 && (from == Type::i8 || from == Type::i16)) return b.CreateSExt(x, b.getInt32Ty());
  if (to == Type::i32 && (from == Type::u8 || from == Type::u4)) return b.CreateZExt(x, b.getInt32Ty());
  if (from == Type::i32 && to == Type::i16) return b.CreateTrunc(clamped(s, x, -32768, 32767), b.getInt16Ty());
  if (from == Type::i32 && to == Type::i8) return b.CreateTrunc(clamped(s, x, -128, 127), b.getInt8Ty());
  if (from == Type::i32 && to == Type::u8) return b.CreateTrunc(clamped(s, x, 0, 255), b.getInt8Ty());
  return nullptr;
}

/// CDNA multiplies and adds two f32 at once.
bool has_pairs(const Selection& s, const ir::Instr& instr) {
  const bool is_packed = instr.op == ir::Op::fma || instr.op == ir::Op::mul || instr.op == ir::Op::add;
  return is_packed && s.has_matrix_steps && is_cdna(s.row.family) && s.type(instr.dst).type == Type::f32 &&
         s.layout(instr.dst).registers() % 2 == 0;
}

/// The fence keeps LLVM from taking the pairs apart.
void select_pairs(Selection& s, const ir::Instr& instr) {
  const Layout& layout = s.layout(instr.dst);
  llvm::IRBuilder<>& b = s.b;
  llvm::Type* pair = llvm::FixedVectorType::get(b.getFloatTy(), 2);
  std::vector<llvm::Value*> registers;
  for (int r = 0; r < layout.registers(); r += 2) {
    Args args{};
    for (size_t a = 0; a < args.size(); ++a) {
      if (instr.args[a] == ir::Value::none) continue;
      const std::array cells = {s.read(instr.args[a], layout.register_part(r)),
                                s.read(instr.args[a], layout.register_part(r + 1))};
      args[a] = s.joined(cells);
    }
    llvm::Value* both = instr.op == ir::Op::fma
                            ? b.CreateIntrinsic(llvm::Intrinsic::fma, {pair}, {args[0], args[1], args[2]})
                        : instr.op == ir::Op::mul ? b.CreateFMul(args[0], args[1])
                                                  : b.CreateFAdd(args[0], args[1]);
    both = b.CreateArithmeticFence(both, pair);
    for (uint64_t i = 0; i < 2; ++i) registers.push_back(b.CreateExtractElement(both, i));
  }
  s.write(instr.dst, std::move(registers));
}

}  // namespace

Result<void> select_arithmetic(Selection& s, const ir::Instr& instr) {
  const Layout& layout = s.layout(instr.dst);
  if (layout.word() != 1) return refuse(s, instr, "arithmetic on tiles with depth");
  if (has_pairs(s, instr)) {
    select_pairs(s, instr);
    return {};
  }
  std::vector<llvm::Value*> registers;
  for (int r = 0; r < layout.registers(); ++r) {
    Args args{};
    for (size_t a = 0; a < args.size(); ++a)
      if (instr.args[a] != ir::Value::none) args[a] = s.read(instr.args[a], layout.register_part(r));
    registers.push_back(arithmetic(s, instr, args));
  }
  s.write(instr.dst, std::move(registers));
  return {};
}

Result<void> select_convert(Selection& s, const ir::Instr& instr) {
  const Layout& layout = s.layout(instr.dst);
  const Type from = s.type(instr.args[0]).type;
  const Type to = s.type(instr.dst).type;
  if (layout.word() != 1 || s.layout(instr.args[0]).word() != 1)
    return refuse(s, instr, "conversion of tiles with depth");
  std::vector<llvm::Value*> registers;
  for (int r = 0; r < layout.registers(); ++r) {
    registers.push_back(converted(s, s.read(instr.args[0], layout.register_part(r)), from, to));
    if (registers.back() == nullptr)
      return refuse(s, instr, fmt::format("no conversion from {} to {}", to_string(from), to_string(to)));
  }
  s.write(instr.dst, std::move(registers));
  return {};
}

}  // namespace tilejit::amdgpu
