#include "targets/amdgpu/emulator/disassemble.h"

#include <fmt/format.h>
#include <llvm-c/Target.h>
#include <llvm/ADT/ArrayRef.h>
#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCDisassembler/MCDisassembler.h>
#include <llvm/MC/MCInst.h>
#include <llvm/MC/MCInstPrinter.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/MCTargetOptions.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/TargetParser/Triple.h>

#include <cstring>
#include <memory>

namespace tilejit::amdgpu::emulator {
namespace {

/// LLVM's objects for one processor; later ones hold references to earlier ones.
struct Decoder {
  llvm::Triple triple{"amdgcn-amd-amdhsa"};
  llvm::MCTargetOptions options;
  std::unique_ptr<llvm::MCRegisterInfo> registers;
  std::unique_ptr<llvm::MCAsmInfo> syntax;
  std::unique_ptr<llvm::MCInstrInfo> instructions;
  std::unique_ptr<llvm::MCSubtargetInfo> features;
  std::unique_ptr<llvm::MCContext> context;
  std::unique_ptr<llvm::MCDisassembler> disassembler;
  std::unique_ptr<llvm::MCInstPrinter> printer;
};

std::string features_of(const std::string& processor, WaveSize wave) {
  if (processor.starts_with("gfx9")) return "";
  const std::string size = wave == WaveSize::wave32 ? "+wavefrontsize32" : "+wavefrontsize64";
  return processor.starts_with("gfx10") ? size : size + ",+real-true16";
}

Result<std::unique_ptr<Decoder>> make_decoder(const std::string& processor, WaveSize wave) {
  LLVMInitializeAMDGPUTargetInfo();
  LLVMInitializeAMDGPUTargetMC();
  LLVMInitializeAMDGPUDisassembler();
  auto d = std::make_unique<Decoder>();
  std::string why;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(d->triple, why);
  if (target == nullptr) return unsupported("the emulator needs an LLVM with the AMDGPU target: " + why);
  d->registers.reset(target->createMCRegInfo(d->triple));
  d->syntax.reset(target->createMCAsmInfo(*d->registers, d->triple, d->options));
  d->instructions.reset(target->createMCInstrInfo());
  d->features.reset(target->createMCSubtargetInfo(d->triple, processor, features_of(processor, wave)));
  d->context = std::make_unique<llvm::MCContext>(d->triple, d->syntax.get(), d->registers.get(), d->features.get());
  d->disassembler.reset(target->createMCDisassembler(*d->features, *d->context));
  d->printer.reset(target->createMCInstPrinter(d->triple, d->syntax->getAssemblerDialect(), *d->syntax,
                                               *d->instructions, *d->registers));
  return d;
}

std::string one_line(const std::string& printed) {
  std::string line;
  for (const char c : printed) {
    if (c != '\t' && c != ' ' && c != '\n')
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  while (!line.empty() && line.back() == ' ') line.pop_back();
  return line;
}

}  // namespace

Result<std::vector<Line>> disassemble(const std::string& processor, WaveSize wave, std::span<const uint8_t> code,
                                      uint64_t address) {
  const auto d = TRY(make_decoder(processor, wave));
  std::vector<Line> lines;
  size_t kept = 0;
  const llvm::ArrayRef<uint8_t> bytes(code.data(), code.size());
  for (size_t at = 0; at < code.size();) {
    llvm::MCInst instr;
    uint64_t size = 0;
    const auto status = d->disassembler->getInstruction(instr, size, bytes.drop_front(at), address + at, llvm::nulls());
    if (status == llvm::MCDisassembler::Fail || size < 4 || size > code.size() - at) {
      if (kept > 0) break;  // what follows the end of the program need not be one
      return invalid(fmt::format("no instruction of {} at {:#x}", processor, address + at));
    }
    std::string printed;
    llvm::raw_string_ostream stream(printed);
    d->printer->printInst(&instr, address + at, "", *d->features, stream);
    Line line{address + at, static_cast<uint32_t>(size), 0, one_line(printed)};
    std::memcpy(&line.encoding, code.data() + at, sizeof line.encoding);
    lines.push_back(std::move(line));
    if (lines.back().text.starts_with("s_endpgm")) kept = lines.size();
    at += size;
  }
  if (kept == 0) return invalid(fmt::format("the code at {:#x} has no s_endpgm", address));
  lines.resize(kept);
  return lines;
}

}  // namespace tilejit::amdgpu::emulator
