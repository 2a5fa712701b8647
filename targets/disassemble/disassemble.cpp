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
#include <cstring>
#include <memory>

namespace tilejit {
namespace {

constexpr unsigned intel_syntax = 1;
constexpr unsigned default_syntax = 0;

/// LLVM's objects for one processor; later ones hold references to earlier ones.
struct Decoder {
  llvm::Triple triple;
  llvm::MCTargetOptions options;
  std::unique_ptr<llvm::MCRegisterInfo> registers;
  std::unique_ptr<llvm::MCAsmInfo> syntax;
  std::unique_ptr<llvm::MCInstrInfo> instructions;
  std::unique_ptr<llvm::MCSubtargetInfo> features;
  std::unique_ptr<llvm::MCContext> context;
  std::unique_ptr<llvm::MCDisassembler> disassembler;
  std::unique_ptr<llvm::MCInstPrinter> printer;
};

/// The target's part of LLVM must be initialized.
Result<std::unique_ptr<Decoder>> make_decoder(const char* triple, const std::string& processor,
                                              const std::string& features, unsigned syntax) {
  auto d = std::make_unique<Decoder>();
  d->triple = llvm::Triple(triple);
  std::string why;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(d->triple, why);
  if (target == nullptr) return unsupported(fmt::format("the disassembler needs an LLVM with {}: {}", triple, why));
  d->registers.reset(target->createMCRegInfo(d->triple));
  d->syntax.reset(target->createMCAsmInfo(*d->registers, d->triple, d->options));
  d->instructions.reset(target->createMCInstrInfo());
  d->features.reset(target->createMCSubtargetInfo(d->triple, processor, features));
  d->context = std::make_unique<llvm::MCContext>(d->triple, d->syntax.get(), d->registers.get(), d->features.get());
  d->disassembler.reset(target->createMCDisassembler(*d->features, *d->context));
  d->printer.reset(target->createMCInstPrinter(d->triple, syntax, *d->syntax, *d->instructions, *d->registers));
  return d;
}

Result<std::unique_ptr<Decoder>> make_x86_decoder() {
  LLVMInitializeX86TargetInfo();
  LLVMInitializeX86TargetMC();
  LLVMInitializeX86Disassembler();
  // The decoder's tables know every extension; features only choose the mode.
  auto d = TRY(make_decoder("x86_64-unknown-linux-gnu", "x86-64", "", intel_syntax));
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

DisassembledInstr decode_x86(Decoder& d, llvm::ArrayRef<uint8_t> rest, uint64_t offset) {
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

/// An operand that says that a literal follows, in encodings that have no such form: LLVM 22's decoder crashes on some of
/// them. These are buffer instructions before gfx12 and VOP3 of gfx9.
bool has_impossible_literal(const std::string& processor, llvm::ArrayRef<uint8_t> bytes) {
  uint64_t word = 0;
  std::memcpy(&word, bytes.data(), sizeof word);
  const uint64_t encoding = word >> 26 & 0x3f;
  const bool is_buffer = encoding == 0x38 || encoding == 0x3a;
  if (is_buffer && !processor.starts_with("gfx12")) return word >> 56 == 0xff;
  if (encoding != 0x34 || !processor.starts_with("gfx9")) return false;
  return (word >> 32 & 0x1ff) == 0xff || (word >> 41 & 0x1ff) == 0xff || (word >> 50 & 0x1ff) == 0xff;
}

}  // namespace

Result<std::vector<DisassembledInstr>> disassemble_x86(std::span<const uint8_t> code) {
  auto decoder = TRY(make_x86_decoder());
  std::vector<DisassembledInstr> listing;
  const llvm::ArrayRef<uint8_t> bytes(code.data(), code.size());
  for (size_t offset = 0; offset < code.size(); offset += listing.back().bytes.size())
    listing.push_back(decode_x86(*decoder, bytes.drop_front(offset), offset));
  return listing;
}

Result<std::vector<DisassembledInstr>> disassemble_amdgpu(const std::string& processor, const std::string& features,
                                                          std::span<const uint8_t> code, uint64_t address) {
  LLVMInitializeAMDGPUTargetInfo();
  LLVMInitializeAMDGPUTargetMC();
  LLVMInitializeAMDGPUDisassembler();
  const auto d = TRY(make_decoder("amdgcn-amd-amdhsa", processor, features, default_syntax));
  std::vector<DisassembledInstr> listing;
  std::vector<uint8_t> bytes(code.begin(), code.end());
  bytes.resize(bytes.size() +
               16);  // no instruction ends where the decoder reads on, which it does not check everywhere
  for (size_t at = 0; at < code.size();) {
    llvm::MCInst instr;
    uint64_t size = 0;
    const llvm::ArrayRef<uint8_t> rest = llvm::ArrayRef<uint8_t>(bytes).drop_front(at);
    if (has_impossible_literal(processor, rest)) break;
    const auto status = d->disassembler->getInstruction(instr, size, rest, address + at, llvm::nulls());
    if (status == llvm::MCDisassembler::Fail || size < 4 || size > code.size() - at) break;
    std::string printed;
    llvm::raw_string_ostream stream(printed);
    d->printer->printInst(&instr, address + at, "", *d->features, stream);
    listing.push_back({static_cast<int64_t>(at), {rest.begin(), rest.begin() + size}, one_line(printed)});
    at += size;
  }
  return listing;
}

}  // namespace tilejit

#else

namespace tilejit {

Result<std::vector<DisassembledInstr>> disassemble_x86(std::span<const uint8_t>) {
  return unsupported("the disassembler needs LLVM (build with TILEJIT_AMDGPU=ON)");
}

Result<std::vector<DisassembledInstr>> disassemble_amdgpu(const std::string&, const std::string&,
                                                          std::span<const uint8_t>, uint64_t) {
  return unsupported("the disassembler needs LLVM (build with TILEJIT_AMDGPU=ON)");
}

}  // namespace tilejit

#endif
