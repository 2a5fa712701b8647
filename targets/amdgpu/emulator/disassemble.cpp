#include "targets/amdgpu/emulator/disassemble.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "targets/disassemble/disassemble.h"

namespace tilejit::amdgpu::emulator {
namespace {

std::string features_of(const std::string& processor, WaveSize wave) {
  if (processor.starts_with("gfx9")) return "";
  const std::string size = wave == WaveSize::wave32 ? "+wavefrontsize32" : "+wavefrontsize64";
  return processor.starts_with("gfx10") ? size : size + ",+real-true16";
}

}  // namespace

Result<std::vector<Line>> disassemble(const std::string& processor, WaveSize wave, std::span<const uint8_t> code,
                                      uint64_t address) {
  const auto listing = TRY(disassemble_amdgpu(processor, features_of(processor, wave), code, address));
  std::vector<Line> lines;
  size_t kept = 0;  // what follows the end of the program need not be one
  size_t bytes = 0;
  for (const DisassembledInstr& instr : listing) {
    Line line{address + bytes, static_cast<uint32_t>(instr.bytes.size()), 0, instr.text};
    std::memcpy(&line.encoding, instr.bytes.data(), sizeof line.encoding);
    bytes += instr.bytes.size();
    lines.push_back(std::move(line));
    if (lines.back().text.starts_with("s_endpgm")) kept = lines.size();
  }
  if (kept == 0 && bytes < code.size())
    return invalid(fmt::format("no instruction of {} at {:#x}", processor, address + bytes));
  if (kept == 0) return invalid(fmt::format("the code at {:#x} has no s_endpgm", address));
  lines.resize(kept);
  return lines;
}

}  // namespace tilejit::amdgpu::emulator
