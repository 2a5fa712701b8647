#include "targets/amdgpu/assemble.h"

#include <fmt/format.h>
#include <llvm-c/Target.h>
#include <llvm/MC/MCAsmBackend.h>
#include <llvm/MC/MCAsmInfo.h>
#include <llvm/MC/MCCodeEmitter.h>
#include <llvm/MC/MCContext.h>
#include <llvm/MC/MCInstrInfo.h>
#include <llvm/MC/MCObjectFileInfo.h>
#include <llvm/MC/MCObjectWriter.h>
#include <llvm/MC/MCParser/MCAsmParser.h>
#include <llvm/MC/MCParser/MCTargetAsmParser.h>
#include <llvm/MC/MCRegisterInfo.h>
#include <llvm/MC/MCStreamer.h>
#include <llvm/MC/MCSubtargetInfo.h>
#include <llvm/MC/MCTargetOptions.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/SourceMgr.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/TargetParser/Triple.h>

#include <memory>
#include <utility>

#include "targets/amdgpu/link.h"

namespace tilejit::amdgpu {
namespace {

void collect(const llvm::SMDiagnostic& diagnostic, void* words) {
  if (diagnostic.getKind() != llvm::SourceMgr::DK_Error) return;
  auto& all = *static_cast<std::string*>(words);
  if (!all.empty()) all += "; ";
  all += fmt::format("line {}: {}: {}", diagnostic.getLineNo(), diagnostic.getMessage().str(),
                     diagnostic.getLineContents().str());
}

/// LLVM's objects for one processor; later ones hold references to earlier ones.
struct Assembler {
  llvm::Triple triple{"amdgcn-amd-amdhsa"};
  llvm::MCTargetOptions options;
  llvm::SourceMgr source;
  std::unique_ptr<llvm::MCRegisterInfo> registers;
  std::unique_ptr<llvm::MCAsmInfo> syntax;
  std::unique_ptr<llvm::MCInstrInfo> instructions;
  std::unique_ptr<llvm::MCSubtargetInfo> features;
  std::unique_ptr<llvm::MCContext> context;
  std::unique_ptr<llvm::MCObjectFileInfo> sections;
};

Result<llvm::SmallVector<char, 0>> run(const llvm::Target& target, Assembler& a) {
  llvm::SmallVector<char, 0> object;
  llvm::raw_svector_ostream out(object);
  std::unique_ptr<llvm::MCAsmBackend> backend(target.createMCAsmBackend(*a.features, *a.registers, a.options));
  auto writer = backend->createObjectWriter(out);
  std::unique_ptr<llvm::MCCodeEmitter> emitter(target.createMCCodeEmitter(*a.instructions, *a.context));
  const std::unique_ptr<llvm::MCStreamer> streamer(target.createMCObjectStreamer(
      a.triple, *a.context, std::move(backend), std::move(writer), std::move(emitter), *a.features));
  const std::unique_ptr<llvm::MCAsmParser> parser(llvm::createMCAsmParser(a.source, *a.context, *streamer, *a.syntax));
  const std::unique_ptr<llvm::MCTargetAsmParser> instructions(
      target.createMCAsmParser(*a.features, *parser, *a.instructions, a.options));
  if (instructions == nullptr) return unsupported("this LLVM has no assembler for AMDGPU");
  parser->setTargetParser(*instructions);
  if (parser->Run(false)) return invalid("assembly");
  return object;
}

}  // namespace

Result<std::vector<uint8_t>> assemble(const GpuRow& row, std::string_view text, const std::string& features) {
  LLVMInitializeAMDGPUTargetInfo();
  LLVMInitializeAMDGPUTargetMC();
  LLVMInitializeAMDGPUAsmParser();
  Assembler a;
  std::string why;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(a.triple, why);
  if (target == nullptr) return unsupported("the assembler needs an LLVM with the AMDGPU target: " + why);
  std::string words;
  a.source.setDiagHandler(collect, &words);
  a.source.AddNewSourceBuffer(llvm::MemoryBuffer::getMemBufferCopy({text.data(), text.size()}), llvm::SMLoc());
  a.registers.reset(target->createMCRegInfo(a.triple));
  a.syntax.reset(target->createMCAsmInfo(*a.registers, a.triple, a.options));
  a.instructions.reset(target->createMCInstrInfo());
  a.features.reset(target->createMCSubtargetInfo(a.triple, row.facts.name, features));
  a.context =
      std::make_unique<llvm::MCContext>(a.triple, a.syntax.get(), a.registers.get(), a.features.get(), &a.source);
  a.sections.reset(target->createMCObjectFileInfo(*a.context, true));
  a.context->setObjectFileInfo(a.sections.get());
  const auto object = run(*target, a);
  if (!words.empty()) return invalid("assembly: " + words);
  if (!object.ok()) return object.error();
  return link({object->data(), object->size()});
}

}  // namespace tilejit::amdgpu
