// vcode: flat machine instructions over virtual registers, between instruction choice (select.h) and bytes (encode.h).
//
// Registers are mutable and of three classes. Loops are structured: `loop_begin` and `loop_end` markers enclose a label, a
// body and one backward jump. All other jumps go forward and only skip instructions that are dead or that read what they
// conditionally overwrite (`reads_dst`), so a register's life is one interval of the instruction order. The allocator
// (regalloc.h) keeps the instructions, adds spill code and gives every register a number of its class.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "targets/target.h"

namespace tilejit::x86 {

enum class VOp : uint8_t {
#define VVV(name, flags) name,
#define VV(name, dst_bytes, src_bytes, flags) name,
#define VVI(name, flags) name,
#define VOP(name, form, flags) name,
#include "targets/x86/vcode_ops.def"
#undef VVV
#undef VV
#undef VVI
#undef VOP
};

inline constexpr int vop_count = 0
#define VVV(name, flags) +1
#define VV(name, dst_bytes, src_bytes, flags) +1
#define VVI(name, flags) +1
#define VOP(name, form, flags) +1
#include "targets/x86/vcode_ops.def"
#undef VVV
#undef VV
#undef VVI
#undef VOP
    ;

/// Which operands an instruction has and which of them may be memory.
enum class Form : uint8_t { vvv, vv, vvi, fma, dot, other, control };

namespace op_flag {
inline constexpr uint8_t none = 0;
inline constexpr uint8_t commutative = 1;
inline constexpr uint8_t bcast = 2;
inline constexpr uint8_t late = 4;
inline constexpr uint8_t effect = 8;
}  // namespace op_flag

struct VOpInfo {
  std::string_view name;
  Form form;
  uint8_t flags;
  uint8_t source_bytes;  // of a vv row's memory operand
  bool has(uint8_t flag) const { return (flags & flag) != 0; }
};
namespace vop_table {
using namespace op_flag;
inline constexpr VOpInfo infos[] = {
#define VVV(name, flags) {#name, Form::vvv, flags, 64},
#define VV(name, dst_bytes, src_bytes, flags) {#name, Form::vv, flags, src_bytes},
#define VVI(name, flags) {#name, Form::vvi, flags, 64},
#define VOP(name, form, flags) {#name, Form::form, flags, 64},
#include "targets/x86/vcode_ops.def"
#undef VVV
#undef VV
#undef VVI
#undef VOP
};
}  // namespace vop_table
constexpr const VOpInfo& info(VOp op) { return vop_table::infos[static_cast<size_t>(op)]; }

enum class Class : uint8_t { gpr, zmm, mask };
inline constexpr int class_count = 3;
enum class Reg : int32_t { none = -1 };
constexpr size_t index(Reg r) { return static_cast<size_t>(r); }

/// `pointer`: base + index * scale + disp. `slot`: spill slot `disp` of its class. `constant`: byte `disp` of the pool.
enum class MemKind : uint8_t { none, pointer, slot, constant };

struct Mem {
  MemKind kind = MemKind::none;
  uint8_t scale = 1;
  bool broadcast = false;  // one dword for all lanes
  Class slot_class = Class::zmm;
  Reg base = Reg::none;
  Reg index = Reg::none;
  int32_t disp = 0;
};

struct Inst {
  VOp op = VOp::zero;
  bool reads_dst = false;  // keeps dst where it does not write
  uint8_t bytes = 64;      // load, store, store_low: memory moved
  uint8_t element = 4;     // bytes of one element under a mask
  Reg dst = Reg::none;
  Reg a = Reg::none;
  Reg b = Reg::none;
  Reg c = Reg::none;
  Reg mask = Reg::none;
  Mem mem;
  int32_t bound = 0;  // jumps: the immediate compared with when b is none
  int64_t imm = 0;
};

struct VLoop {
  std::string name;
  int depth = 0;         // 1: outermost
  int32_t position = 0;  // of the for_loop in the kernel's body
};

struct VCode {
  std::vector<Inst> insts;
  std::vector<Class> classes;  // of every register
  std::vector<VLoop> loops;
  std::vector<uint8_t> constants;  // the pool; every table at a 64-byte boundary
  int32_t labels = 0;
  int64_t scratch_bytes = 0;

  Reg add_register(Class cls) {
    classes.push_back(cls);
    return Reg{static_cast<int32_t>(classes.size()) - 1};
  }
};

/// Calls f(register, is late) for every register that the instruction reads. T is Inst or const Inst.
template <typename T, typename F>
void for_each_read(T& inst, F f) {
  const bool late = info(inst.op).has(op_flag::late);
  if (inst.a != Reg::none) f(inst.a, false);
  if (inst.b != Reg::none) f(inst.b, late);
  if (inst.c != Reg::none) f(inst.c, late);
  if (inst.mask != Reg::none) f(inst.mask, false);
  if (inst.mem.base != Reg::none) f(inst.mem.base, false);
  if (inst.mem.index != Reg::none) f(inst.mem.index, false);
  if (inst.reads_dst) f(inst.dst, false);
}

/// What the allocator decided; empty `number` means registers are still virtual.
struct Allocation {
  std::vector<uint8_t> number;  // by register: its number within its class
  int32_t slots[class_count] = {0, 0, 0};
};

/// One instruction a line, indented by loop depth; with an allocation, machine register names.
std::string print(const VCode& code, const Allocation& allocation);

}  // namespace tilejit::x86
