// Matrix steps: weights are A, activations B (matrix_form.h). A tile of the IR is several instructions, none of which needs the
// result of another one of the same 16 k.
#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include "targets/amdgpu/matrix_form.h"
#include "targets/amdgpu/selection.h"

namespace tilejit::amdgpu {
namespace {

using llvm::Intrinsic::ID;

struct Instruction {
  Family family;
  Type type;
  ID id;
};
constexpr std::array instructions = {
    Instruction{Family::cdna2, Type::bf16, llvm::Intrinsic::amdgcn_mfma_f32_16x16x16bf16_1k},
    Instruction{Family::cdna2, Type::f16, llvm::Intrinsic::amdgcn_mfma_f32_16x16x16f16},
    Instruction{Family::cdna2, Type::i8, llvm::Intrinsic::amdgcn_mfma_i32_16x16x16i8},
    Instruction{Family::cdna3, Type::bf16, llvm::Intrinsic::amdgcn_mfma_f32_16x16x16bf16_1k},
    Instruction{Family::cdna3, Type::f16, llvm::Intrinsic::amdgcn_mfma_f32_16x16x16f16},
    Instruction{Family::cdna3, Type::i8, llvm::Intrinsic::amdgcn_mfma_i32_16x16x32_i8},
    Instruction{Family::cdna4, Type::bf16, llvm::Intrinsic::amdgcn_mfma_f32_16x16x32_bf16},
    Instruction{Family::cdna4, Type::f16, llvm::Intrinsic::amdgcn_mfma_f32_16x16x32_f16},
    Instruction{Family::cdna4, Type::i8, llvm::Intrinsic::amdgcn_mfma_i32_16x16x64_i8},
    Instruction{Family::rdna3, Type::bf16, llvm::Intrinsic::amdgcn_wmma_f32_16x16x16_bf16},
    Instruction{Family::rdna3, Type::f16, llvm::Intrinsic::amdgcn_wmma_f32_16x16x16_f16},
    Instruction{Family::rdna3, Type::i8, llvm::Intrinsic::amdgcn_wmma_i32_16x16x16_iu8},
    Instruction{Family::rdna4, Type::bf16, llvm::Intrinsic::amdgcn_wmma_f32_16x16x16_bf16},
    Instruction{Family::rdna4, Type::f16, llvm::Intrinsic::amdgcn_wmma_f32_16x16x16_f16},
    Instruction{Family::rdna4, Type::i8, llvm::Intrinsic::amdgcn_wmma_i32_16x16x16_iu8},
};

const Instruction* find_instruction(const MatrixForm& form) {
  const auto* const found = std::find_if(instructions.begin(), instructions.end(), [&](const Instruction& i) {
    return i.family == form.family && i.type == form.type;
  });
  return found == instructions.end() ? nullptr : &*found;
}

class Step {
 public:
  Step(Selection& s, const ir::Instr& instr, const MatrixForm& form, const Instruction& instruction)
      : s_(s), b_(s.b), instr_(instr), form_(form), instruction_(instruction), x_(s.layout(instr.args[0])),
        w_(s.layout(instr.args[1])), sum_(s.layout(instr.dst)), words_(form.k_of_lane / x_.word()) {}

  void run() {
    for (int r = 0; r < sum_.registers(); ++r) sums_.push_back(s_.read(instr_.args[2], sum_.register_part(r)));
    const int depth_words = words_ * (x_.shape().depth / form_.k);
    const int columns = w_.registers() / depth_words;
    const int rows = x_.registers() / depth_words;
    for (int k = 0; k < depth_words; k += words_)
      for (int c = 0; c < columns; ++c) {
        llvm::Value* w = operand(instr_.args[1], w_, c * depth_words + k);
        for (int r = 0; r < rows; ++r) {
          const Coord part{x_.register_part(r * depth_words).row, w_.register_part(c * depth_words).col, 0};
          multiply(w, operand(instr_.args[0], x_, r * depth_words + k), part);
        }
      }
    s_.write(instr_.dst, std::move(sums_));
  }

 private:
  /// The consecutive registers of a lane's k.
  llvm::Value* operand(ir::Value v, const Layout& layout, int first) {
    std::vector<llvm::Value*> cells;
    for (int i = 0; i < words_; ++i) cells.push_back(s_.read(v, layout.register_part(first + i)));
    return b_.CreateBitCast(s_.joined(cells), operand_type());
  }

  llvm::Type* operand_type() {
    const auto elements = static_cast<unsigned>(form_.k_of_lane);
    const auto words = static_cast<unsigned>(words_);
    if (form_.type == Type::f16) return llvm::FixedVectorType::get(b_.getHalfTy(), elements);
    if (form_.type == Type::bf16)
      return llvm::FixedVectorType::get(
          form_.family == Family::cdna4 ? b_.getBFloatTy() : static_cast<llvm::Type*>(b_.getInt16Ty()), elements);
    if (form_.family == Family::cdna2) return b_.getInt32Ty();
    if (form_.family == Family::cdna3) return b_.getInt64Ty();
    return llvm::FixedVectorType::get(b_.getInt32Ty(), words);
  }

  /// Registers of channels that the tile does not have are zeros.
  void multiply(llvm::Value* w, llvm::Value* x, Coord part) {
    const auto first = static_cast<size_t>(sum_.register_of(part));
    const auto count = static_cast<size_t>(std::min(sums_of(form_), sum_.shape().cols - part.col));
    std::vector<llvm::Value*> sums(static_cast<size_t>(sums_of(form_)),
                                   llvm::Constant::getNullValue(sums_[0]->getType()));
    for (size_t i = 0; i < count; ++i) sums[i] = sums_[first + i];
    llvm::Value* sum = call(w, x, s_.joined(sums));
    for (size_t i = 0; i < count; ++i) sums_[first + i] = b_.CreateExtractElement(sum, i);
  }

  llvm::Value* call(llvm::Value* w, llvm::Value* x, llvm::Value* sum) {
    if (is_cdna(form_.family))
      return b_.CreateIntrinsic(instruction_.id, {}, {w, x, sum, s_.i32(0), s_.i32(0), s_.i32(0)});
    if (form_.type != Type::i8) return b_.CreateIntrinsic(instruction_.id, {sum->getType(), w->getType()}, {w, x, sum});
    // Both sides are signed; sums wrap.
    return b_.CreateIntrinsic(instruction_.id, {sum->getType(), w->getType()},
                              {b_.getTrue(), w, b_.getTrue(), x, sum, b_.getFalse()});
  }

  Selection& s_;
  llvm::IRBuilder<>& b_;
  const ir::Instr& instr_;
  const MatrixForm& form_;
  const Instruction& instruction_;
  const Layout& x_;
  const Layout& w_;
  const Layout& sum_;
  int words_;  // of an operand of an instruction
  std::vector<llvm::Value*> sums_;
};

}  // namespace

Result<void> select_mma(Selection& s, const ir::Instr& instr) {
  const MatrixForm* form =
      find_matrix_form(s.row.family, static_cast<int>(instr.imm), s.layout(instr.args[0]).shape().depth);
  const Instruction* instruction = form == nullptr ? nullptr : find_instruction(*form);
  if (instruction == nullptr) return refuse(s, instr, "no matrix instruction has these bits");
  Step(s, instr, *form, *instruction).run();
  return {};
}

}  // namespace tilejit::amdgpu
