#include "targets/amdgpu/amdgpu_target.h"

#include <fmt/format.h>
#include <llvm-c/Target.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/Target/TargetMachine.h>

#include <algorithm>
#include <utility>

#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/codegen.h"
#include "targets/amdgpu/emulated.h"
#include "targets/amdgpu/emulator/code_object.h"
#include "targets/amdgpu/emulator/cycle_trace.h"
#include "targets/amdgpu/emulator/disassemble.h"
#include "targets/amdgpu/emulator/traffic.h"
#include "targets/amdgpu/launcher.h"
#include "targets/amdgpu/llvm.h"
#include "targets/amdgpu/profile.h"
#include "targets/amdgpu/select.h"
#include "targets/build_id.h"

namespace tilejit {
namespace {

std::string text_of(const llvm::Module& module) {
  std::string text;
  llvm::raw_string_ostream out(text);
  module.print(out, nullptr);
  return text;
}

/// The instructions that ship: address, first bytes, text.
Result<std::string> listing_of(const amdgpu::GpuRow& row, const amdgpu::emulator::Kernel& kernel) {
  using namespace amdgpu::emulator;
  const WaveSize wave = row.wave == 32 ? WaveSize::wave32 : WaveSize::wave64;
  std::string text;
  for (const Line& line : TRY(disassemble(row.facts.name, wave, kernel.code, kernel.address)))
    text += fmt::format("{:8x}: {:08x} {}\n", line.address, line.encoding, line.text);
  return text;
}

Resources resources_of(const amdgpu::GpuRow& row, const amdgpu::emulator::Kernel& kernel) {
  const amdgpu::emulator::KernelMetadata& says = kernel.metadata;
  Resources r;
  r.vector_registers = static_cast<int>(says.vgprs);
  r.general_registers = static_cast<int>(says.sgprs);
  r.accumulator_registers = static_cast<int>(says.agprs);
  r.spill_slots = says.vgpr_spills + says.sgpr_spills;
  r.shared_bytes = says.lds_bytes;
  r.private_bytes = says.private_bytes;
  r.code_bytes = static_cast<int64_t>(kernel.code.size());
  r.waves_per_simd = amdgpu::emulator::residency_of(row, {.vector_registers = static_cast<int>(says.vgprs),
                                                          .scalar_registers = static_cast<int>(says.sgprs),
                                                          .lds_bytes = says.lds_bytes,
                                                          .waves = static_cast<int>(says.most_workitems / row.wave)})
                         .waves;
  return r;
}

class AmdgpuTarget final : public Target {
 public:
  explicit AmdgpuTarget(const amdgpu::GpuRow& row) : row_(row), facts_(row.facts) {
    facts_.identity = fmt::format("{} LLVM {} {}", row.facts.identity, LLVM_VERSION_STRING,
                                  build_id_of(reinterpret_cast<const void*>(&LLVMInitializeAMDGPUTarget)));
  }

  const TargetFacts& facts() const override { return facts_; }
  Result<void> can_execute() const override {
    return unsupported(fmt::format(
        "target {} is a GPU's, which this process's CPU cannot execute; device hip or emulated can", row_.facts.name));
  }
  Result<void> can_emulate() const override { return {}; }
  Result<Code> emulated(Code code, const ir::Kernel& kernel) const override {
    return amdgpu::emulated(row_, std::move(code), kernel);
  }

  Result<TaskProfile> profile(const Code& code, const ir::Kernel& kernel, const BufferArg* buffers, int64_t m,
                              const int64_t* task) const override {
    const amdgpu::Launcher launcher = TRY(amdgpu::Launcher::load(row_, code, kernel));
    const auto outcome = TRY(launcher.run(buffers, m, task, amdgpu::emulator::Detail::trace));
    std::vector<std::string> names;
    for (const ir::Buffer& buffer : kernel.buffers)
      if (buffer.is_parameter()) names.push_back(buffer.name);
    return amdgpu::profile(launcher.program(), outcome, launcher.waves(), names);
  }

  Result<std::vector<BufferTraffic>> traffic(const Code& code, const ir::Kernel& kernel, const BufferArg* buffers,
                                             int64_t m, std::span<const std::vector<int64_t>> tasks) const override {
    const amdgpu::Launcher launcher = TRY(amdgpu::Launcher::load(row_, code, kernel));
    amdgpu::emulator::Traffic traffic;
    for (const std::vector<int64_t>& task : tasks)
      TRY(launcher.run(buffers, m, task.data(), amdgpu::emulator::Detail::sums, &traffic));
    std::vector<BufferTraffic> all;
    const auto is_buffer = [&](const std::string& name) {
      return std::ranges::any_of(kernel.buffers, [&](const ir::Buffer& buffer) { return buffer.name == name; });
    };
    const auto number = [](uint64_t bytes) { return static_cast<int64_t>(bytes); };
    for (const amdgpu::emulator::RangeTraffic& range : traffic.ranges())
      if (is_buffer(range.name))
        all.push_back({range.name, number(range.read), number(range.written), number(range.read_wide),
                       number(range.visited), number(range.lines_read), number(range.lines_written)});
    return all;
  }

  Result<Code> lower(const ir::Kernel& kernel, const LowerOptions& options) const override {
    llvm::LLVMContext context;
    const std::unique_ptr<llvm::TargetMachine> machine = TRY(amdgpu::make_machine(row_));
    const std::unique_ptr<llvm::Module> module = TRY(amdgpu::select(kernel, row_, context, *machine));
    if (options.stages) options.stages("llvm", text_of(*module));
    Code code;
    code.bytes = TRY(amdgpu::generate(*module, *machine, options.stages));
    const amdgpu::emulator::CodeObject object = TRY(amdgpu::emulator::read_code_object(code.bytes));
    const amdgpu::emulator::Kernel& shipped = object.kernels.front();
    const amdgpu::emulator::KernelMetadata& says = shipped.metadata;
    if (says.private_bytes != 0)
      return unsupported(
          fmt::format("{}: kernel {} needs {} bytes of memory for each lane beside {} registers: smaller "
                      "tiles (mr, nr or streams) fit",
                      row_.facts.name, kernel.name, says.private_bytes, says.vgprs));
    code.gpu = {kernel.name, static_cast<int>(says.most_workitems)};
    if (options.stages) code.listing = TRY(listing_of(row_, shipped));
    code.resources = resources_of(row_, shipped);
    return code;
  }

 private:
  const amdgpu::GpuRow& row_;
  TargetFacts facts_;  // the row's, with LLVM's build in their identity: it generates the code
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
