#include "targets/x86/x86_target.h"

#include <utility>

#include "targets/x86/arch.h"
#include "targets/x86/emulator/emulator.h"
#include "targets/x86/encode.h"
#include "targets/x86/model.h"
#include "targets/x86/regalloc.h"
#include "targets/x86/select.h"

namespace tilejit {
namespace {

class X86Target final : public Target {
 public:
  explicit X86Target(const x86::CpuRow& row) : row_(row) {}

  const TargetFacts& facts() const override { return row_.facts; }
  Result<void> can_execute() const override { return x86::can_execute(row_, x86::this_machine()); }

  Result<Code> lower(const ir::Kernel& kernel, const LowerOptions& options) const override {
    x86::VCode code = TRY(x86::select(kernel, row_));
    x86::forward_copies(code);
    x86::order(code);
    if (options.stages) options.stages("vcode", x86::print(code, {}));
    const x86::Allocation allocation = TRY(x86::allocate(code, options.vector_registers));
    if (options.stages) options.stages("alloc", x86::print(code, allocation));
    Code result = TRY(x86::encode(code, allocation));
    x86::predict_loops(code, allocation, wanted_cores(options.predict), result.resources);
    return result;
  }

  Result<void> can_emulate() const override { return x86::can_emulate(); }
  Result<Code> emulated(Code code, const ir::Kernel&) const override { return x86::emulated(std::move(code)); }

 private:
  /// The row's own core, then those that people compare.
  std::vector<const x86::Core*> wanted_cores(Predict predict) const {
    std::vector<const x86::Core*> wanted;
    if (predict == Predict::none) return wanted;
    wanted.push_back(&x86::core_of(row_.facts.name));
    if (predict == Predict::own_row) return wanted;
    for (const char* name : {"zen4", "zen5", "spr"})
      if (name != wanted.front()->name) wanted.push_back(&x86::core_of(name));
    return wanted;
  }

  const x86::CpuRow& row_;
};

std::vector<std::unique_ptr<Target>> make_targets() {
  std::vector<std::unique_ptr<Target>> targets;
  for (const x86::CpuRow& row : x86::cpu_rows()) targets.push_back(std::make_unique<X86Target>(row));
  return targets;
}

}  // namespace

const std::vector<std::unique_ptr<Target>>& x86_targets() {
  static const std::vector<std::unique_ptr<Target>> targets = make_targets();
  return targets;
}

Result<const Target*> x86_host_target() {
  const x86::CpuRow* row = TRY(x86::row_of(x86::this_machine()));
  return x86_targets()[static_cast<size_t>(row - x86::cpu_rows().data())].get();
}

}  // namespace tilejit
