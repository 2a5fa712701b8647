#include "targets/amdgpu/amdgpu_target.h"

#include <fmt/format.h>
#include <llvm/Target/TargetMachine.h>

#include <utility>

#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/codegen.h"
#include "targets/amdgpu/emulated.h"
#include "targets/amdgpu/emulator/code_object.h"
#include "targets/amdgpu/emulator/disassemble.h"
#include "targets/amdgpu/llvm.h"
#include "targets/amdgpu/select.h"

namespace tilejit {
namespace {

std::string text_of(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, nullptr);
  return text;
}

/// The instructions that ship: address, first bytes, text.
Result<std::string> listing_of(const amdgpu::GpuRow& row, std::span<const uint8_t> elf) {
  using namespace amdgpu::emulator;
  const CodeObject object = TRY(read_code_object(elf));
  const WaveSize wave = row.wave == 32 ? WaveSize::wave32 : WaveSize::wave64;
  std::string text;
  for (const Kernel& kernel : object.kernels)
    for (const Line& line : TRY(disassemble(row.facts.name, wave, kernel.code, kernel.address)))
      text += fmt::format("{:8x}: {:08x} {}\n", line.address, line.encoding, line.text);
  return text;
}

Resources resources_of(const amdgpu::GpuResources& gpu) {
  Resources r;
  r.vector_registers = gpu.vgprs;
  r.general_registers = gpu.sgprs;
  r.accumulator_registers = gpu.agprs;
  r.spill_slots = gpu.spilled_vgprs + gpu.spilled_sgprs;
  r.shared_bytes = gpu.lds_bytes;
  r.private_bytes = gpu.private_bytes;
  r.code_bytes = gpu.code_bytes;
  return r;
}

class AmdgpuTarget final : public Target {
 public:
  explicit AmdgpuTarget(const amdgpu::GpuRow& row) : row_(row) {}

  const TargetFacts& facts() const override { return row_.facts; }
  Result<void> can_execute() const override {
    return unsupported(fmt::format(
        "{}: this build runs no kernels on a GPU; --device emulated executes their code objects", row_.facts.name));
  }

  Result<Code> lower(const ir::Kernel& kernel, const LowerOptions& options) const override {
    llvm::LLVMContext context;
    const std::unique_ptr<llvm::TargetMachine> machine = TRY(amdgpu::make_machine(row_));
    const std::unique_ptr<llvm::Module> module = TRY(amdgpu::select(kernel, row_, context, *machine));
    if (options.stages) options.stages("llvm", text_of(*module));
    amdgpu::GpuCode gpu = TRY(amdgpu::generate(*module, *machine, options.stages));
    if (gpu.resources.private_bytes != 0)
      return unsupported(
          fmt::format("{}: kernel {} needs {} bytes of memory for each lane beside {} registers: smaller "
                      "tiles (mr, nr or streams) fit",
                      row_.facts.name, kernel.name, gpu.resources.private_bytes, gpu.resources.vgprs));
    Code code;
    code.bytes = std::move(gpu.elf);
    if (options.stages) code.listing = TRY(listing_of(row_, code.bytes));
    code.constants_offset = static_cast<int64_t>(code.bytes.size());
    code.kernel = std::make_shared<const ir::Kernel>(kernel);
    code.resources = resources_of(gpu.resources);
    return code;
  }

  Result<void> can_emulate() const override { return {}; }
  Result<Code> emulated(Code code) const override { return amdgpu::emulated(row_, std::move(code)); }

 private:
  const amdgpu::GpuRow& row_;
};

std::vector<std::unique_ptr<Target>> make_targets() {
  std::vector<std::unique_ptr<Target>> targets;
  for (const amdgpu::GpuRow& row : amdgpu::gpu_rows()) targets.push_back(std::make_unique<AmdgpuTarget>(row));
  return targets;
}

}  // namespace

const std::vector<std::unique_ptr<Target>>& amdgpu_targets() {
  static const std::vector<std::unique_ptr<Target>> targets = make_targets();
  return targets;
}

}  // namespace tilejit
