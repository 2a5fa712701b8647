#include "targets/amdgpu/codegen.h"

#include <fmt/format.h>
#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/Analysis/TargetTransformInfo.h>
#include <llvm/CodeGen/CodeGenTargetMachineImpl.h>
#include <llvm/CodeGen/MachineFunctionPass.h>
#include <llvm/CodeGen/MachineModuleInfo.h>
#include <llvm/CodeGen/Passes.h>
#include <llvm/CodeGen/TargetPassConfig.h>
#include <llvm/IR/DiagnosticInfo.h>
#include <llvm/IR/DiagnosticPrinter.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Verifier.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Support/TargetSelect.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/Transforms/InstCombine/InstCombine.h>
#include <llvm/Transforms/Scalar/ADCE.h>
#include <llvm/Transforms/Scalar/EarlyCSE.h>
#include <llvm/Transforms/Scalar/IndVarSimplify.h>
#include <llvm/Transforms/Scalar/LICM.h>
#include <llvm/Transforms/Scalar/LoopPassManager.h>
#include <llvm/Transforms/Scalar/SimplifyCFG.h>
#include <llvm/Transforms/Utils/LoopSimplify.h>

#include <algorithm>
#include <mutex>
#include <optional>
#include <utility>

#include "ir/check.h"
#include "targets/amdgpu/link.h"
#include "targets/amdgpu/llvm.h"

namespace tilejit::amdgpu {
namespace {

/// Collects errors in place of printing them; warnings and remarks are dropped.
class Diagnostics final : public llvm::DiagnosticHandler {
 public:
  explicit Diagnostics(std::string& words) : words_(words) {}
  bool handleDiagnostics(const llvm::DiagnosticInfo& info) override {
    if (info.getSeverity() != llvm::DS_Error) return true;
    const std::string words = words_of(info);
    if (words_.find(words) != std::string::npos) return true;  // the same of another instruction
    words_ += (words_.empty() ? "" : "; ") + words;
    return true;
  }

 private:
  /// Without the function's type, which `unsupported` prints.
  static std::string words_of(const llvm::DiagnosticInfo& info) {
    if (const auto* unsupported = llvm::dyn_cast<llvm::DiagnosticInfoUnsupported>(&info))
      return unsupported->getMessage().str();
    std::string words;
    llvm::raw_string_ostream out(words);
    llvm::DiagnosticPrinterRawOStream printer(out);
    info.print(printer);
    return words.empty() ? "an error without a text" : words;
  }

  std::string& words_;
};

std::string print(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, nullptr);
  return text;
}

void initialize_llvm() {
  static std::once_flag once;
  std::call_once(once, [] {
    LLVMInitializeAMDGPUTargetInfo();
    LLVMInitializeAMDGPUTarget();
    LLVMInitializeAMDGPUTargetMC();
    LLVMInitializeAMDGPUAsmPrinter();
    LLVMInitializeAMDGPUAsmParser();  // without it inline assembly aborts
  });
}

/// What kernels of tiles need of O1: they have no memory to promote, no calls to inline and no loops to unroll (the schedule says
/// what is unrolled), and one round of combining finds what five do.
llvm::FunctionPassManager passes() {
  llvm::FunctionPassManager passes;
  passes.addPass(llvm::EarlyCSEPass());
  passes.addPass(llvm::InstCombinePass());
  passes.addPass(llvm::SimplifyCFGPass());
  passes.addPass(llvm::LoopSimplifyPass());
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::LICMPass(llvm::LICMOptions()), true));
  passes.addPass(llvm::createFunctionToLoopPassAdaptor(llvm::IndVarSimplifyPass()));
  passes.addPass(llvm::EarlyCSEPass(true));
  passes.addPass(llvm::ADCEPass());
  return passes;
}

void optimize(llvm::Module& module, llvm::TargetMachine& machine) {
  llvm::PassBuilder builder(&machine);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager calls;
  llvm::ModuleAnalysisManager modules;
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(calls);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, calls, modules);
  llvm::ModulePassManager all;
  all.addPass(llvm::createModuleToFunctionPassAdaptor(passes()));
  all.run(module, modules);
}

/// Scheduling after register allocation takes a time that grows faster than a block does: in long ones, as epilogues are, a fifth to
/// a third of all. Without it steady loops of dots lose 0 to 5 % of their estimated clocks, those of matrix instructions up to
/// 15 %: only kernels without matrix instructions that have a block of more instructions than this go without.
constexpr size_t longest_scheduled_twice = 1000;

bool is_scheduled_twice(const llvm::Module& module) {
  size_t longest = 0;
  for (const llvm::Function& function : module) {
    const llvm::StringRef name = function.getName();
    if (name.starts_with("llvm.amdgcn.mfma") || name.starts_with("llvm.amdgcn.wmma")) return true;
    for (const llvm::BasicBlock& block : function) longest = std::max(longest, block.size());
  }
  return longest <= longest_scheduled_twice;
}

/// Empties functions once an error was diagnosed: what LLVM goes on with then may be an instruction whose encoding ends the
/// process.
class EmptyAfterErrors final : public llvm::MachineFunctionPass {
 public:
  explicit EmptyAfterErrors(const std::string& errors) : MachineFunctionPass(id), errors_(errors) {}
  bool runOnMachineFunction(llvm::MachineFunction& function) override {
    if (errors_.empty()) return false;
    for (llvm::MachineBasicBlock& block : function) block.clear();
    return true;
  }
  void getAnalysisUsage(llvm::AnalysisUsage& usage) const override {
    usage.setPreservesAll();
    MachineFunctionPass::getAnalysisUsage(usage);
  }

 private:
  static char id;  // its address is the pass's name to LLVM
  const std::string& errors_;
};
char EmptyAfterErrors::id = 0;

/// The passes of addPassesToEmitFile, which has no place to leave one out or to add one. Null: LLVM cannot write objects of this machine.
std::optional<llvm::SmallVector<char, 0>> emit(llvm::Module& module, llvm::TargetMachine& generic,
                                               const std::string& errors) {
  auto& machine = static_cast<llvm::CodeGenTargetMachineImpl&>(generic);
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream out(bytes);
  llvm::legacy::PassManager passes;
  auto* info = new llvm::MachineModuleInfoWrapperPass(&machine);  // `passes` owns it, and `config`
  llvm::TargetPassConfig* config = machine.createPassConfig(passes);
  config->setDisableVerify(true);
  if (!is_scheduled_twice(module)) config->disablePass(&llvm::PostRASchedulerID);
  passes.add(config);
  passes.add(info);
  if (config->addISelPasses()) return std::nullopt;
  config->addMachinePasses();
  config->setInitialized();
  passes.add(new EmptyAfterErrors(errors));
  if (machine.addAsmPrinter(passes, out, nullptr, llvm::CodeGenFileType::ObjectFile, info->getMMI().getContext()))
    return std::nullopt;
  passes.add(llvm::createFreeMachineFunctionPass());
  passes.run(module);
  return bytes;
}

}  // namespace

Result<std::unique_ptr<llvm::TargetMachine>> make_machine(const GpuRow& row) {
  initialize_llvm();
  const llvm::Triple triple("amdgcn-amd-amdhsa");
  std::string words;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(triple, words);
  if (target == nullptr) return unsupported(fmt::format("{}: {}", row.facts.name, words));
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;  // an fma only where the IR has one
  // Elements of 16 bits fill a register each: halves save few of them, and a load into one must wait for the other.
  const bool has_halves = row.family == Family::rdna3 || row.family == Family::rdna4;
  const char* features = has_halves ? "-real-true16" : "";
  std::unique_ptr<llvm::TargetMachine> machine(target->createTargetMachine(
      triple, row.facts.name, features, options, llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Default));
  if (machine == nullptr) return unsupported(fmt::format("{}: LLVM has no machine for it", row.facts.name));
  return machine;
}

Result<std::vector<uint8_t>> generate(llvm::Module& module, llvm::TargetMachine& machine, const StageSink& stages) {
  std::string words;
  module.getContext().setDiagnosticHandler(std::make_unique<Diagnostics>(words));
  std::string broken;
  llvm::raw_string_ostream verifier(broken);
  const bool is_sound = !llvm::verifyModule(module, &verifier);
  CHECK(is_sound, broken + print(module));
  optimize(module, machine);
  if (stages) stages("llvm_opt", print(module));
  const auto object = emit(module, machine, words);
  module.getContext().setDiagnosticHandler(nullptr);
  const auto kernel = std::ranges::find_if(module, [](const llvm::Function& f) { return !f.isDeclaration(); });
  if (!words.empty())
    return unsupported(fmt::format("{}: kernel {}: LLVM: {}", std::string_view(machine.getTargetCPU()),
                                   std::string_view(kernel->getName()), words));
  if (!object) return unsupported("LLVM cannot write AMDGPU objects");
  return link({object->data(), object->size()});
}

}  // namespace tilejit::amdgpu
