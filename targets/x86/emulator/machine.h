// The emulated CPU: registers, flags, MXCSR, a private stack, and the rules of access to them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "targets/x86/emulator/instr.h"

namespace tilejit::x86::emulator {

inline constexpr int rsp = 4;
inline constexpr uint32_t default_mxcsr = 0x1f80;
inline constexpr uint32_t mxcsr_flags = 0x3f;
inline constexpr std::array<uint8_t, 6> callee_saved = {3, 5, 12, 13, 14, 15};

enum class Access : uint8_t { read, write };

struct Machine {
  static constexpr uint64_t stack_bytes = 128 << 10;
  static constexpr uint64_t red_zone = 128;
  static constexpr uint64_t return_address = 0x7e57'ab1e'0000'c0de;

  /// Ready to run the entry: rdi, rsi, rdx and rcx are the arguments, the return address is on the stack.
  Machine(const std::array<uint64_t, 4>& arguments, uint32_t mxcsr);

  uint64_t address(const Memory& memory) const {
    return g[memory.base] + g[memory.index] * memory.scale + static_cast<uint64_t>(memory.disp);
  }
  /// The bytes at an instruction's memory operand; null after a fault.
  std::byte* at(const Instr& i, uint64_t bytes, Access access);
  /// What the instruction does with `bytes` at an address that it names through rsp.
  bool check_stack(uint64_t where, uint64_t bytes, Access access);
  void fail(std::string why) {
    if (fault.empty()) fault = std::move(why);
  }
  /// `ret`.
  void leave();

  std::array<Vector, 32> z{};
  std::array<uint64_t, 17> g{};  // g[no_register] stays 0
  std::array<uint64_t, 8> k{};
  bool carry_flag = false;
  bool zero_flag = false;
  bool sign_flag = false;
  bool overflow_flag = false;
  bool done = false;
  uint32_t mxcsr = default_mxcsr;
  State known = 0;  // what has been written
  size_t next = 0;  // index of the next instruction
  std::string fault;

 private:
  struct Stack {
    std::array<std::byte, stack_bytes> bytes;
    std::array<bool, stack_bytes / 4> written;
  };
  std::unique_ptr<Stack> stack_;
  std::array<uint64_t, 17> entry_g_{};
  uint32_t entry_mxcsr_ = 0;
};

}  // namespace tilejit::x86::emulator
