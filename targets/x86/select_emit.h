// Appends vcode. An Emitter holds the code under construction: the entry block, which runs once per task and receives constants,
// arguments and strides on first use, and the body behind it.
#pragma once

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "targets/x86/vcode.h"

namespace tilejit::x86 {

/// Registers made one after another: those of a tile.
struct Registers {
  Reg first = Reg::none;
  int32_t count = 0;

  bool empty() const { return count == 0; }
  size_t size() const { return static_cast<size_t>(count); }
  Reg operator[](size_t i) const { return Reg{static_cast<int32_t>(first) + static_cast<int32_t>(i)}; }
  bool contains(Reg r) const { return r >= first && static_cast<int32_t>(r) - static_cast<int32_t>(first) < count; }
  bool operator==(const Registers&) const = default;
};

class Emitter {
 public:
  VCode code;

  Reg gpr() { return code.add_register(Class::gpr); }
  Reg zmm() { return code.add_register(Class::zmm); }
  Registers zmms(size_t count);
  Reg mask() { return code.add_register(Class::mask); }
  int64_t label() { return code.labels++; }

  Inst& push(VOp op, Reg dst = Reg::none, Reg a = Reg::none, Reg b = Reg::none, Reg c = Reg::none);
  /// The same with a new register of dst's class as result.
  Reg vector(VOp op, Reg a = Reg::none, Reg b = Reg::none);
  Reg vector_imm(VOp op, Reg a, int64_t imm);
  Reg general(VOp op, Reg a, Reg b = Reg::none);
  Reg immediate(int64_t value);

  /// dst = a + value, a * value for any 64-bit value; `a` itself when nothing is to be done.
  Reg plus(Reg a, int64_t value);
  Reg times(Reg a, int64_t value);
  void add_to(Reg dst, int64_t value);
  void jump(VOp op, Reg a, Reg b, int32_t bound, int64_t to);
  void place(int64_t label_number);

  /// A register that holds 16 dwords, or one dword in every lane, through the whole kernel.
  Reg table(const std::array<uint32_t, 16>& dwords);
  Reg splat(uint32_t dword);
  /// A mask of 64 lanes that repeats the bits of a dword.
  Reg lane_mask(uint32_t bits);
  /// dst = one dword in every lane, written here.
  void fill(Reg dst, uint32_t dword);

  /// The entry's arguments: buffers, m, task, scratch.
  Reg argument(int number);

  /// Runs f with the entry block as the place of emission.
  template <typename F>
  auto in_entry(F f) {
    std::vector<Inst>* const outer = std::exchange(out_, &entry_);
    auto result = f();
    out_ = outer;
    return result;
  }
  /// Puts the entry block in front of the body.
  void finish();

 private:
  struct Constant {
    int32_t offset;
    VOp op;  // how it is read
    Reg reg;
  };
  int32_t pooled_table(const std::array<uint32_t, 16>& dwords);
  int32_t pooled_dword(uint32_t dword);
  Reg hoisted(int32_t offset, VOp op);

  std::vector<Inst> entry_;
  std::vector<Inst> arguments_;
  std::vector<Inst>* out_ = &code.insts;
  std::vector<Constant> hoisted_;
  std::vector<int32_t> tables_;
  std::vector<int32_t> dwords_;
  int32_t dword_line_ = -1;  // a 64-byte line of the pool that takes single dwords
  std::array<Reg, 4> argument_{Reg::none, Reg::none, Reg::none, Reg::none};
};

}  // namespace tilejit::x86
