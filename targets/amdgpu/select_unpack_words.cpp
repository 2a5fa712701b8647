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
    const bool are_alike = fields.size() == 2 && (bits_ == 8 || fields[0].number % 2 == fields[1].number % 2);
    if (type_ == Type::f16 && are_alike) return halves_in_place(fields, zero);
    llvm::Type* pair = llvm::FixedVectorType::get(b_.getFloatTy(), 2);
    llvm::Value* u = llvm::PoisonValue::get(pair);
    llvm::Value* z = llvm::PoisonValue::get(pair);
    for (size_t i = 0; i < 2; ++i) {
      const Number n = number(fields[std::min(i, fields.size() - 1)]);
      llvm::Value* base = llvm::ConstantFP::get(b_.getFloatTy(), n.base);
      u = b_.CreateInsertElement(u, n.value, i);
      z = b_.CreateInsertElement(z,
                                 zero == nullptr
                                     ? llvm::ConstantFP::get(b_.getFloatTy(), n.base + static_cast<double>(instr_.imm))
                                 : n.base == 0 ? b_.CreateSIToFP(zero, b_.getFloatTy())
                                               : b_.CreateFAdd(b_.CreateSIToFP(zero, b_.getFloatTy()), base),
                                 i);
    }
    // The fence keeps the two together: one instruction subtracts both.
    u = b_.CreateFSub(u, z);
    u = b_.CreateArithmeticFence(u, pair);
    llvm::Value* low = b_.CreateExtractElement(u, uint64_t{0});
    llvm::Value* high = b_.CreateExtractElement(u, uint64_t{1});
    if (type_ == Type::f16)  // every u - z is an integer that f16 holds
      return b_.CreateBitCast(b_.CreateIntrinsic(llvm::Intrinsic::amdgcn_cvt_pkrtz, {}, {low, high}), b_.getInt32Ty());
    return permuted(b_.CreateBitCast(high, b_.getInt32Ty()), b_.CreateBitCast(low, b_.getInt32Ty()), upper_halves);
  }

  /// A field plus `base`.
  struct Number {
    llvm::Value* value;
    double base;
  };

  /// The machine converts any byte of a word. A nibble that lies at bit b of the mantissa of 2^(23-b) is a number already.
  Number number(const Field& field) {
    if (bits_ == 8) {
      llvm::Value* byte = b_.CreateAnd(b_.CreateLShr(field.word, 8 * static_cast<uint64_t>(field.number)), 0xff);
      return {b_.CreateUIToFP(byte, b_.getFloatTy()), 0};
    }
    constexpr int mantissa = 23;
    constexpr int most = 4;   // nibbles that end inside the mantissa
    constexpr int down = 12;  // bits that bring the others there
    const bool is_high = field.number > most;
    const int bit = 4 * field.number - (is_high ? down : 0);
    llvm::Value* word = is_high ? b_.CreateLShr(field.word, down) : field.word;
    const uint32_t exponent = static_cast<uint32_t>(127 + mantissa - bit) << mantissa;
    llvm::Value* bits = masked(word, 0xfU << bit, exponent);
    return {b_.CreateBitCast(bits, b_.getFloatTy()), static_cast<double>(1 << (mantissa - bit))};
  }

  /// One instruction, but for constants: the machine takes one of CDNA's from a scalar register, two of RDNA's.
  llvm::Value* masked(llvm::Value* word, uint32_t mask, uint32_t others) {
    llvm::Value* constant = is_cdna(s_.row.family) ? s_.in_register(others, Selection::Register::vector)
                                                   : static_cast<llvm::Value*>(b_.getInt32(others));
    return b_.CreateOr(b_.CreateAnd(word, s_.in_register(mask, Selection::Register::scalar)), constant);
  }

  /// As `number` does, in the mantissas of two f16.
  llvm::Value* halves_in_place(const std::vector<Field>& fields, llvm::Value* zero) {
    constexpr int mantissa = 10;
    const int bit = bits_ == 8 ? 0 : fields[0].number % 2 * 4;
    const int in_byte = 8 / bits_;
    llvm::Value* words = gathered({Byte{fields[0].word, fields[0].number / in_byte}, Byte{},
                                   Byte{fields[1].word, fields[1].number / in_byte}, Byte{}});
    const uint32_t exponent = (static_cast<uint32_t>(15 + mantissa - bit) << mantissa) * 0x00010001U;
    words = bits_ == 8 ? b_.CreateOr(words, exponent) : masked(words, (0xfU << bit) * 0x00010001U, exponent);
    llvm::Type* pair = llvm::FixedVectorType::get(b_.getHalfTy(), 2);
    llvm::Value* u = b_.CreateBitCast(words, pair);
    const double base = 1 << (mantissa - bit);
    llvm::Value* z = llvm::ConstantFP::get(pair, base + static_cast<double>(instr_.imm));
    if (zero != nullptr) {
      llvm::Value* sum = b_.CreateAdd(zero, s_.i32(1 << (mantissa - bit)));
      z = b_.CreateVectorSplat(2, b_.CreateFPTrunc(b_.CreateSIToFP(sum, b_.getFloatTy()), b_.getHalfTy()));
    }
    return b_.CreateBitCast(b_.CreateFSub(u, z), b_.getInt32Ty());
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
