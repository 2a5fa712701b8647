#include "targets/x86/emulator/emulator.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

#include "ir/float_mode.h"
#include "targets/disassemble/disassemble.h"
#include "targets/x86/emulator/decode.h"
#include "targets/x86/emulator/machine.h"

namespace tilejit::x86 {
namespace {

using emulator::Instr;
using emulator::Machine;
using emulator::Program;

Result<void> run(const Program& program, const BufferArg* buffers, int64_t m, const int64_t* task, void* scratch) {
  const ir::DefaultFloatMode mode;
  Machine machine({reinterpret_cast<uint64_t>(buffers), static_cast<uint64_t>(m), reinterpret_cast<uint64_t>(task),
                   reinterpret_cast<uint64_t>(scratch)},
                  mode.saved());
  while (!machine.done) {
    const size_t at = machine.next++;
    const Instr& instr = program.instrs[at];
    const emulator::State unknown = instr.reads & ~machine.known;
    if (unknown != 0)
      machine.fail(fmt::format("needs {}, never written (or undefined since)", emulator::names_of(unknown)));
    else
      instr.run(machine, instr);
    if (!machine.fault.empty()) return invalid(fmt::format("emulator: {}: {}", program.texts[at], machine.fault));
    machine.known = (machine.known & ~instr.clears) | instr.writes;
  }
  return {};
}

}  // namespace

Result<void> can_emulate() {
  constexpr uint8_t ret[] = {0xc3};
  const auto listing = disassemble_x86(ret);
  if (!listing) return unsupported("the emulator cannot read code: " + listing.error().message);
  return {};
}

Result<Code> emulated(Code code) {
  auto program = std::make_shared<const Program>(TRY(emulator::decode(code)));
  code.interpreted = [program = std::move(program)](const BufferArg* buffers, int64_t m, const int64_t* task,
                                                    void* scratch) { return run(*program, buffers, m, task, scratch); };
  return code;
}

}  // namespace tilejit::x86
