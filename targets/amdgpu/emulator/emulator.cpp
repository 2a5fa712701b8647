#include "targets/amdgpu/emulator/emulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ir/float_mode.h"
#include "targets/amdgpu/emulator/code_object.h"
#include "targets/amdgpu/emulator/decode.h"
#include "targets/amdgpu/emulator/machine.h"

namespace tilejit::amdgpu::emulator {

std::string_view to_string(ReportKind kind) {
  switch (kind) {
    case ReportKind::unmet_wait: return "unmet wait";
    case ReportKind::lds_race: return "LDS race";
    case ReportKind::uninitialized: return "uninitialized";
    case ReportKind::misaligned: return "misaligned";
    case ReportKind::out_of_bounds: return "out of bounds";
    case ReportKind::barrier_divergence: return "barrier divergence";
    case ReportKind::wait_states: return "wait states";
    case ReportKind::undefined: break;
  }
  return "undefined";
}

std::string describe(const Report& r) {
  return fmt::format("{:#x}: {}: {}: {} (wave {})", r.address, r.instruction, to_string(r.kind), r.message, r.wave);
}

namespace {

constexpr std::array count_fields = {&Counts::valu,
                                     &Counts::matrix,
                                     &Counts::salu,
                                     &Counts::smem,
                                     &Counts::vmem_load,
                                     &Counts::vmem_store,
                                     &Counts::lds,
                                     &Counts::branch,
                                     &Counts::wait,
                                     &Counts::barrier,
                                     &Counts::other,
                                     &Counts::global_bytes_read,
                                     &Counts::global_bytes_written,
                                     &Counts::scalar_bytes_read,
                                     &Counts::lds_bytes_read,
                                     &Counts::lds_bytes_written,
                                     &Counts::lds_conflicts,
                                     &Counts::redundant_waits};

}  // namespace

Counts& Counts::operator+=(const Counts& o) {
  for (uint64_t Counts::*field : count_fields) this->*field += o.*field;
  return *this;
}

Counts& Counts::operator-=(const Counts& o) {
  for (uint64_t Counts::*field : count_fields) this->*field -= o.*field;
  return *this;
}

Emulator::Emulator(std::unique_ptr<Program> program) : program_(std::move(program)) {}
Emulator::Emulator(Emulator&&) noexcept = default;
Emulator& Emulator::operator=(Emulator&&) noexcept = default;
Emulator::~Emulator() = default;

Result<Emulator> Emulator::load(const GpuRow& row, std::span<const uint8_t> code_object, const std::string& name) {
  CodeObject object = TRY(read_code_object(code_object));
  if (!object.target.ends_with(row.facts.name) &&
      object.target.find(std::string(row.facts.name) + ":") == std::string::npos)
    return invalid(fmt::format("code object: it is for {}, not for {}", object.target, row.facts.name));
  auto kernel = std::find_if(object.kernels.begin(), object.kernels.end(),
                             [&](const Kernel& k) { return name.empty() || k.name == name; });
  if (kernel == object.kernels.end()) return invalid(fmt::format("code object: no kernel {}", name));
  if (name.empty() && object.kernels.size() > 1)
    return invalid(fmt::format("code object: {} kernels, and none is named", object.kernels.size()));
  return Emulator(TRY(decode(row, std::move(*kernel))));
}

Emulator Emulator::without(size_t instruction) const {
  auto p = std::make_unique<Program>(*program_);
  const auto at = static_cast<std::ptrdiff_t>(instruction);
  for (Instr& i : p->instrs) {
    if (i.target > at) --i.target;
    if (i.dual != nullptr) i.dual = p->duals.data() + (i.dual - program_->duals.data());
  }
  p->instrs.erase(p->instrs.begin() + at);
  p->addresses.erase(p->addresses.begin() + at);
  p->texts.erase(p->texts.begin() + at);
  p->issues.erase(p->issues.begin() + at);
  return Emulator(std::move(p));
}

Result<Outcome> Emulator::run_workgroup(const Launch& launch) const {
  const ir::DefaultFloatMode mode;
  Machine machine = TRY(make_machine(*program_, launch));
  start(machine);
  TRY(run(machine));
  return Outcome{machine.counts, std::move(machine.trace), std::move(machine.reports)};
}

}  // namespace tilejit::amdgpu::emulator
