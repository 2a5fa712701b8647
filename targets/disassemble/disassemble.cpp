#include "targets/disassemble/disassemble.h"

#ifdef TILEJIT_HAVE_LLVM

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

#include <algorithm>
#include <memory>

namespace tilejit {
namespace {

constexpr unsigned intel_syntax = 1;

/// LLVM's objects for x86-64; later ones hold references to earlier ones.
struct X86Decoder {
  llvm::Triple triple{"x86_64-unknown-linux-gnu"};
  llvm::MCTargetOptions options;
  std::unique_ptr<llvm::MCRegisterInfo> registers;
  std::unique_ptr<llvm::MCAsmInfo> syntax;
  std::unique_ptr<llvm::MCInstrInfo> instructions;
  std::unique_ptr<llvm::MCSubtargetInfo> features;
  std::unique_ptr<llvm::MCContext> context;
  std::unique_ptr<llvm::MCDisassembler> disassembler;
  std::unique_ptr<llvm::MCInstPrinter> printer;
};

Result<std::unique_ptr<X86Decoder>> make_decoder() {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86Disassembler();
  auto d = std::make_unique<X86Decoder>();
  std::string why;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(d->triple, why);
  if (target == nullptr) return unsupported("the disassembler needs an LLVM with the X86 target: " + why);
  d->registers.reset(target->createMCRegInfo(d->triple));
  d->syntax.reset(target->createMCAsmInfo(*d->registers, d->triple, d->options));
  d->instructions.reset(target->createMCInstrInfo());
  // The decoder's tables know every extension; features only choose the mode.
  d->features.reset(target->createMCSubtargetInfo(d->triple, "x86-64", ""));
  d->context = std::make_unique<llvm::MCContext>(d->triple, d->syntax.get(), d->registers.get(), d->features.get());
  d->disassembler.reset(target->createMCDisassembler(*d->features, *d->context));
  d->printer.reset(target->createMCInstPrinter(d->triple, intel_syntax, *d->syntax, *d->instructions, *d->registers));
  d->printer->setPrintBranchImmAsAddress(true);
  d->printer->setPrintImmHex(true);
  return d;
}

/// "\tvmovups\tzmm0, ..." as one line with single spaces.
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

DisassembledInstr decode(X86Decoder& d, llvm::ArrayRef<uint8_t> rest, uint64_t offset) {
  llvm::MCInst instr;
  uint64_t size = 0;
  const auto status = d.disassembler->getInstruction(instr, size, rest, offset, llvm::nulls());
  if (status == llvm::MCDisassembler::Fail || size == 0)
    return {static_cast<int64_t>(offset), {rest[0]}, fmt::format(".byte {:#04x}", rest[0])};
  std::string printed;
  llvm::raw_string_ostream stream(printed);
  // The x86 printer wants the address that a displacement counts from: the end of the instruction.
  d.printer->printInst(&instr, offset + size, "", *d.features, stream);
  return {static_cast<int64_t>(offset), {rest.begin(), rest.begin() + size}, one_line(printed)};
}

}  // namespace

Result<std::vector<DisassembledInstr>> disassemble_x86(std::span<const uint8_t> code) {
  auto decoder = TRY(make_decoder());
  std::vector<DisassembledInstr> listing;
  const llvm::ArrayRef<uint8_t> bytes(code.data(), code.size());
  for (size_t offset = 0; offset < code.size(); offset += listing.back().bytes.size())
    listing.push_back(decode(*decoder, bytes.drop_front(offset), offset));
  return listing;
}

}  // namespace tilejit

#else

namespace tilejit {

Result<std::vector<DisassembledInstr>> disassemble_x86(std::span<const uint8_t>) {
  return unsupported("the disassembler needs LLVM (build with TILEJIT_AMDGPU=ON)");
}

}  // namespace tilejit

#endif
