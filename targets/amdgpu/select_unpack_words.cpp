// Packed weights to operands of matrix steps: bf16, f16 or i8, of which a register holds two or four that follow one another in
// a column's k. Fields of one step lie at one place of different words, so that a byte permutation brings those of several
// words together, for all steps whose fields are in the same bytes.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "targets/amdgpu/selection.h"

namespace tilejit::amdgpu {
namespace {

constexpr uint32_t no_byte = 0x0c;  // v_perm_b32: zero
constexpr uint32_t upper_halves = 0x07060302;
constexpr uint32_t low_nibbles = 0x0f0f0f0f;
constexpr uint32_t signs = 0x80808080;

/// A field of a packed column: the register that holds it, and its number there.
struct Field {
  llvm::Value* word;
  int number;
};

class WordUnpacker {
 public:
  WordUnpacker(Selection& s, const ir::Instr& instr)
      : s_(s), b_(s.b), instr_(instr), from_(s.layout(instr.args[0])), to_(s.layout(instr.dst)),
        type_(s.type(instr.dst).type), bits_(bits_of(s.type(instr.args[0]).type)) {}

  llvm::Value* cell(int reg) {
    const Coord part = to_.register_part(reg);
    const int together = to_.shape().depth / from_.shape().rows;
    const int steps = from_.shape().depth / together;
    std::vector<Field> fields;
    for (int i = 0; i < to_.word(); ++i) {
      const int at = (part.depth % together + i) * steps + instr_.lane_constant;
      const Coord word{part.depth / together, part.col, at / from_.word() * from_.word()};
      fields.push_back({b_.CreateZExt(s_.read(instr_.args[0], word), b_.getInt32Ty()), at % from_.word()});
    }
    llvm::Value* zero = instr_.op == ir::Op::unpack_zero ? s_.read(instr_.args[1], {0, part.col, 0}) : nullptr;
    llvm::Value* all = bits_ == 16 ? halves(fields) : type_ == Type::i8 ? bytes(fields, zero) : floats(fields, zero);
    return b_.CreateTrunc(all, s_.cell_type(s_.type(instr_.dst)));
  }

 private:
  llvm::Value* permuted(llvm::Value* high, llvm::Value* low, uint32_t selector) {
    if (selector == 0x03020100) return low;
    if (selector == 0x07060504) return high;
    return b_.CreateIntrinsic(llvm::Intrinsic::amdgcn_perm, {}, {high, low, b_.getInt32(selector)});
  }

  struct Byte {
    llvm::Value* word = nullptr;
    int number = 0;
  };

  /// A word of four bytes from anywhere.
  llvm::Value* gathered(const std::array<Byte, 4>& from) {
    std::vector<llvm::Value*> words;
    for (const Byte& byte : from)
      if (byte.word != nullptr && std::find(words.begin(), words.end(), byte.word) == words.end())
        words.push_back(byte.word);
    llvm::Value* all = nullptr;
    for (size_t first = 0; first < words.size(); first += 2) {
      llvm::Value* low = words[first];
      llvm::Value* high = first + 1 < words.size() ? words[first + 1] : low;
      uint32_t selector = 0;
      for (size_t i = 0; i < from.size(); ++i) {
        const uint32_t byte = from[i].word == nullptr ? no_byte
                              : from[i].word == low   ? static_cast<uint32_t>(from[i].number)
                              : from[i].word == high  ? static_cast<uint32_t>(from[i].number) + 4
                                                      : no_byte;
        selector |= byte << 8 * i;
      }
      llvm::Value* some = permuted(high, low, selector);
      all = all == nullptr ? some : b_.CreateOr(all, some);
    }
    return all;
  }

  llvm::Value* halves(const std::vector<Field>& fields) {
    std::array<Byte, 4> from{};
    for (size_t i = 0; i < fields.size(); ++i)
      for (size_t h = 0; h < 2; ++h) from[2 * i + h] = {fields[i].word, 2 * fields[i].number + static_cast<int>(h)};
    return gathered(from);
  }

  // --- integers

  /// u - z of each byte; no borrow leaves its byte since 128 is added first.
  llvm::Value* bytes(const std::vector<Field>& fields, llvm::Value* zero) {
    if (bits_ == 8) return b_.CreateXor(gathered(whole_bytes(fields)), signs);  // the verifier admits z = 128 alone
    llvm::Value* lifted = nullptr;
    if (zero == nullptr) {
      lifted = b_.getInt32(((128U - static_cast<uint32_t>(instr_.imm)) & 0xffU) * 0x01010101U);
    } else {
      llvm::Value* rest = b_.CreateSub(s_.i32(128), zero);
      lifted = permuted(rest, rest, 0);
    }
    return b_.CreateXor(b_.CreateAdd(nibbles(fields), lifted), signs);
  }

  static std::array<Byte, 4> whole_bytes(const std::vector<Field>& fields) {
    std::array<Byte, 4> from{};
    for (size_t i = 0; i < fields.size(); ++i) from[i] = {fields[i].word, fields[i].number};
    return from;
  }

  llvm::Value* low_or_high(llvm::Value* word, int number) {
    return b_.CreateAnd(b_.CreateLShr(word, 4 * static_cast<uint64_t>(number % 2)), low_nibbles);
  }

  /// Each in a byte.
  llvm::Value* nibbles(const std::vector<Field>& fields) {
    std::array<Byte, 4> from{};
    const bool are_alike =
        std::all_of(fields.begin(), fields.end(), [&](const Field& f) { return f.number % 2 == fields[0].number % 2; });
    for (size_t i = 0; i < fields.size(); ++i)
      from[i] = {are_alike ? fields[i].word : low_or_high(fields[i].word, fields[i].number), fields[i].number / 2};
    llvm::Value* all = gathered(from);
    return are_alike ? low_or_high(all, fields[0].number) : all;
  }

  // --- floats

  llvm::Value* floats(const std::vector<Field>& fields, llvm::Value* zero) {
    llvm::Type* pair = llvm::FixedVectorType::get(b_.getFloatTy(), 2);
    llvm::Value* u = llvm::PoisonValue::get(pair);
    for (size_t i = 0; i < fields.size(); ++i) u = b_.CreateInsertElement(u, number(fields[i]), i);
    if (fields.size() == 1) u = b_.CreateInsertElement(u, llvm::ConstantFP::get(b_.getFloatTy(), 0.0), uint64_t{1});
    if (zero != nullptr || instr_.imm != 0) {
      llvm::Value* z = zero == nullptr ? llvm::ConstantFP::get(b_.getFloatTy(), static_cast<double>(instr_.imm))
                                       : b_.CreateSIToFP(zero, b_.getFloatTy());
      u = b_.CreateFSub(u, b_.CreateVectorSplat(2, fenced(z)));
    }
    llvm::Value* low = b_.CreateExtractElement(u, uint64_t{0});
    llvm::Value* high = b_.CreateExtractElement(u, uint64_t{1});
    if (type_ == Type::f16)  // every u - z is an integer that f16 holds
      return b_.CreateBitCast(b_.CreateIntrinsic(llvm::Intrinsic::amdgcn_cvt_pkrtz, {}, {low, high}), b_.getInt32Ty());
    return permuted(b_.CreateBitCast(high, b_.getInt32Ty()), b_.CreateBitCast(low, b_.getInt32Ty()), upper_halves);
  }

  llvm::Value* fenced(llvm::Value* x) { return b_.CreateArithmeticFence(x, b_.getFloatTy()); }

  /// The machine converts any byte of a word; the fence keeps LLVM from extracting each nibble by itself.
  llvm::Value* number(const Field& field) {
    llvm::Value* spread = field.word;
    if (bits_ == 4) {
      spread = low_or_high(field.word, field.number);
      spread = b_.CreateBitCast(fenced(b_.CreateBitCast(spread, b_.getFloatTy())), b_.getInt32Ty());
    }
    const int byte = bits_ == 4 ? field.number / 2 : field.number;
    return b_.CreateUIToFP(b_.CreateAnd(b_.CreateLShr(spread, 8 * static_cast<uint64_t>(byte)), 0xff), b_.getFloatTy());
  }

  Selection& s_;
  llvm::IRBuilder<>& b_;
  const ir::Instr& instr_;
  const Layout& from_;
  const Layout& to_;
  Type type_;
  int bits_;  // of a packed weight
};

}  // namespace

Result<void> select_unpack_words(Selection& s, const ir::Instr& instr) {
  if (instr.lane_var != ir::Value::none) return refuse(s, instr, "the lane of a matrix step's weights is a constant");
  const ir::Shape& packed = s.layout(instr.args[0]).shape();
  if (s.layout(instr.dst).shape().depth / packed.rows % s.layout(instr.dst).word() != 0)
    return refuse(s, instr, "lanes that hold part of a register of a column's k");
  WordUnpacker unpacker(s, instr);
  std::vector<llvm::Value*> registers;
  for (int r = 0; r < s.layout(instr.dst).registers(); ++r) registers.push_back(unpacker.cell(r));
  s.write(instr.dst, std::move(registers));
  return {};
}

}  // namespace tilejit::amdgpu
