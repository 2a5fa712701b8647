#include "targets/x86/vcode.h"

#include <fmt/format.h>

#include <array>

namespace tilejit::x86 {
namespace {

constexpr std::array gpr_names = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                  "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

class Printer {
 public:
  Printer(const VCode& code, const Allocation& allocation) : code_(code), allocation_(allocation) {}

  std::string text() {
    for (const Inst& inst : code_.insts) {
      if (inst.op == VOp::loop_end) --depth_;
      line(inst);
      if (inst.op == VOp::loop_begin) ++depth_;
    }
    return std::move(out_);
  }

 private:
  std::string name(Reg r) const {
    const Class cls = code_.classes[index(r)];
    if (allocation_.number.empty())
      return fmt::format("{}{}", cls == Class::gpr ? "g" : cls == Class::zmm ? "v" : "k", index(r));
    const int number = allocation_.number[index(r)];
    if (cls == Class::gpr) return gpr_names[static_cast<size_t>(number)];
    return fmt::format("{}{}", cls == Class::zmm ? "zmm" : "k", number);
  }

  std::string address(const Mem& mem) const {
    std::string s = "[";
    if (mem.kind == MemKind::slot) s += fmt::format("slot{}.{}", static_cast<int>(mem.slot_class), mem.disp);
    if (mem.kind == MemKind::constant) s += fmt::format("constant+{}", mem.disp);
    if (mem.kind == MemKind::pointer) {
      s += name(mem.base);
      if (mem.index != Reg::none) s += fmt::format("+{}*{}", name(mem.index), mem.scale);
      if (mem.disp != 0) s += fmt::format("{:+}", mem.disp);
    }
    return s + (mem.broadcast ? "]{1to16}" : "]");
  }

  static std::string suffix(const Inst& inst) {
    if (inst.op != VOp::load && inst.op != VOp::store && inst.op != VOp::store_low) return {};
    return fmt::format("{}x{}", inst.bytes / inst.element, inst.element);
  }

  void line(const Inst& inst) {
    out_.append(2 * static_cast<size_t>(depth_), ' ');
    if (inst.dst != Reg::none) out_ += name(inst.dst) + " = ";
    out_ += fmt::format("{}{}", info(inst.op).name, suffix(inst));
    const char* separator = " ";
    const auto operand = [&](const std::string& text) {
      out_ += separator + text;
      separator = ", ";
    };
    for (const Reg r : {inst.a, inst.b, inst.c})
      if (r != Reg::none) operand(name(r));
    if (inst.mem.kind != MemKind::none) operand(address(inst.mem));
    if (inst.mask != Reg::none) operand("{" + name(inst.mask) + "}");
    const bool is_loop = inst.op == VOp::loop_begin || inst.op == VOp::loop_end;
    if (is_loop) operand(code_.loops[static_cast<size_t>(inst.imm)].name);
    if (info(inst.op).form == Form::control && !is_loop) {
      if (inst.a != Reg::none && inst.b == Reg::none && inst.op != VOp::count_down)
        operand(fmt::format("{}", inst.bound));
      operand(fmt::format("L{}", inst.imm));
    } else if (!is_loop && (inst.imm != 0 || info(inst.op).form == Form::vvi || inst.op == VOp::arg)) {
      operand(fmt::format("{}", inst.imm));
    }
    if (inst.reads_dst) out_ += " (keeps)";
    out_ += '\n';
  }

  const VCode& code_;
  const Allocation& allocation_;
  std::string out_;
  int depth_ = 0;
};

}  // namespace

std::string print(const VCode& code, const Allocation& allocation) { return Printer(code, allocation).text(); }

}  // namespace tilejit::x86
