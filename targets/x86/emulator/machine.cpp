#include "targets/x86/emulator/machine.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

namespace tilejit::x86::emulator {

Machine::Machine(const std::array<uint64_t, 4>& arguments, uint32_t caller_mxcsr)
    : mxcsr(caller_mxcsr), stack_(new Stack), entry_mxcsr_(caller_mxcsr) {
  stack_->written.fill(false);
  // What a caller leaves in registers that it does not pass is arbitrary.
  for (size_t n = 0; n < no_register; ++n) g[n] = 0xbad0'0000'0000'0000 + n;
  constexpr std::array<uint8_t, 4> argument_registers = {7, 6, 2, 1};
  for (size_t n = 0; n < arguments.size(); ++n) {
    g[argument_registers[n]] = arguments[n];
    known |= general_state(argument_registers[n]);
  }
  const uint64_t top = (reinterpret_cast<uint64_t>(stack_->bytes.data()) + stack_bytes) & ~uint64_t{63};
  g[rsp] = top - 8;  // a call leaves rsp 8 below a multiple of 16
  known |= general_state(rsp);
  if ((mxcsr & ~mxcsr_flags) == default_mxcsr) known |= float_mode;
  entry_g_ = g;
  const uint64_t to = return_address;
  check_stack(g[rsp], sizeof to, Access::write);
  std::memcpy(reinterpret_cast<void*>(g[rsp]), &to, sizeof to);
}

bool Machine::check_stack(uint64_t where, uint64_t bytes, Access access) {
  const uint64_t low = reinterpret_cast<uint64_t>(stack_->bytes.data());
  const uint64_t top = entry_g_[rsp] + 8;
  if (where < low || where < g[rsp] - red_zone || where + bytes > top) {
    fail(fmt::format("{} bytes at rsp{:+} are outside of the stack (a frame of {} bytes, {} at most)", bytes,
                     static_cast<int64_t>(where - g[rsp]), top - g[rsp], stack_bytes));
    return false;
  }
  for (uint64_t at = (where - low) / 4; at < (where + bytes - low + 3) / 4; ++at) {
    if (access == Access::write) stack_->written[at] = true;
    if (!stack_->written[at]) {
      fail(fmt::format("reads the stack at rsp{:+}, which was never written",
                       static_cast<int64_t>(low + at * 4 - g[rsp])));
      return false;
    }
  }
  return true;
}

std::byte* Machine::at(const Instr& i, uint64_t bytes, Access access) {
  const uint64_t where = address(i.memory);
  if (i.memory.of_stack && !check_stack(where, bytes, access)) return nullptr;
  return reinterpret_cast<std::byte*>(where);
}

void Machine::leave() {
  if (!check_stack(g[rsp], 8, Access::read)) return;
  uint64_t to = 0;
  std::memcpy(&to, reinterpret_cast<const void*>(g[rsp]), sizeof to);
  if (g[rsp] != entry_g_[rsp] || to != return_address)
    return fail(fmt::format("returns with an unbalanced stack: rsp is {:+} bytes from where the caller left it",
                            static_cast<int64_t>(g[rsp] - entry_g_[rsp])));
  constexpr std::array<const char*, 6> names = {"rbx", "rbp", "r12", "r13", "r14", "r15"};
  for (size_t n = 0; n < callee_saved.size(); ++n)
    if (g[callee_saved[n]] != entry_g_[callee_saved[n]])
      return fail(fmt::format("returns with {} changed, which belongs to the caller", names[n]));
  if ((mxcsr & ~mxcsr_flags) != (entry_mxcsr_ & ~mxcsr_flags))
    return fail(fmt::format("returns with MXCSR {:#x}, called with {:#x}", mxcsr, entry_mxcsr_));
  done = true;
}

}  // namespace tilejit::x86::emulator
