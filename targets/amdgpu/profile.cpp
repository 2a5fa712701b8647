#include "targets/amdgpu/profile.h"

#include <algorithm>
#include <array>

#include "targets/amdgpu/emulator/cycle_trace.h"
#include "targets/amdgpu/emulator/in_flight.h"
#include "targets/amdgpu/emulator/matrix.h"

namespace tilejit::amdgpu {
namespace {

using emulator::Counts;
using emulator::LoopRange;

struct CountName {
  const char* name;
  uint64_t Counts::*field;
};
constexpr std::array instruction_names = {
    CountName{"valu", &Counts::valu},
    CountName{"matrix", &Counts::matrix},
    CountName{"salu", &Counts::salu},
    CountName{"scalar_loads", &Counts::smem},
    CountName{"global_loads", &Counts::vmem_load},
    CountName{"global_stores", &Counts::vmem_store},
    CountName{"lds", &Counts::lds},
    CountName{"branches", &Counts::branch},
    CountName{"waits", &Counts::wait},
    CountName{"barriers", &Counts::barrier},
    CountName{"other", &Counts::other},
};
constexpr std::array more_names = {
    CountName{"global_bytes_read", &Counts::global_bytes_read},
    CountName{"global_bytes_written", &Counts::global_bytes_written},
    CountName{"scalar_bytes_read", &Counts::scalar_bytes_read},
    CountName{"lds_bytes_read", &Counts::lds_bytes_read},
    CountName{"lds_bytes_written", &Counts::lds_bytes_written},
    CountName{"lds_conflict_clocks", &Counts::lds_conflicts},
    CountName{"redundant_waits", &Counts::redundant_waits},
};

/// Instructions first .. last, divided by `times`.
std::vector<NamedNumber> count(const emulator::Program& program, const emulator::Trace& trace, const LoopRange& range,
                               double times) {
  Counts sum;
  double matrix_clocks = 0;
  for (size_t n = range.first; n <= range.last; ++n) {
    const Counts& counts = trace.of_instruction[n];
    sum += counts;
    if (const emulator::MatrixOp* op = program.instrs[n].matrix)
      matrix_clocks += static_cast<double>(counts.total()) * clocks_of(*op);
  }
  std::vector<NamedNumber> numbers{{"instructions", static_cast<double>(sum.total()) / times}};
  const auto add = [&](const CountName& row) {
    numbers.push_back({row.name, static_cast<double>(sum.*row.field) / times});
  };
  std::ranges::for_each(instruction_names, add);
  numbers.push_back({"matrix_clocks", matrix_clocks / times});
  std::ranges::for_each(more_names, add);
  return numbers;
}

emulator::Residency residency_of(const emulator::Program& program, int waves) {
  return emulator::residency_of(*program.row, {.vector_registers = static_cast<int>(program.vgprs + program.agprs),
                                               .scalar_registers = static_cast<int>(program.sgprs),
                                               .lds_bytes = program.kernel.descriptor.lds_bytes,
                                               .waves = waves});
}

Result<SlotEstimate> estimate(const emulator::Program& program, const emulator::Trace& trace, const LoopRange& loop,
                              int waves) {
  using emulator::Port;
  const emulator::CycleModel model = emulator::cycle_model(*program.row);
  const emulator::Residency residency = residency_of(program, waves);
  const std::vector<int32_t> path = emulator::iteration_path(trace, loop);
  const emulator::CycleEstimate result =
      TRY(emulator::estimate_cycles(model, emulator::cycle_trace(program, model, path, trace), residency));
  SlotEstimate numbers;
  numbers.waves = residency.waves;
  numbers.clocks = result.clocks;
  numbers.matrix_share = result.matrix_share();
  for (const auto& [port, name] :
       {std::pair{Port::valu, "valu"}, std::pair{Port::matrix, "matrix"}, std::pair{Port::lds, "lds"},
        std::pair{Port::memory, "memory"}, std::pair{Port::scalar, "scalar"}})
    numbers.busy.push_back({name, result.busy[static_cast<size_t>(port)]});
  for (const auto& [reason, share] : result.idle) numbers.waiting.push_back({reason, share});
  return numbers;
}

std::vector<LoadsInFlight> in_flight(const emulator::Program& program, const emulator::Trace& trace,
                                     const std::optional<LoopRange>& loop, std::span<const std::string> buffers) {
  const std::vector<int32_t> path = loop ? emulator::iteration_path(trace, *loop) : trace.path;
  const emulator::Path kind = loop ? emulator::Path::repeated : emulator::Path::once;
  std::vector<LoadsInFlight> all;
  for (const emulator::InFlight& of_range : emulator::most_in_flight(program, trace, path, kind))
    if (const auto n = static_cast<size_t>(of_range.range); n < buffers.size())
      all.push_back({buffers[n], of_range.loads, of_range.bytes});
  return all;
}

}  // namespace

Result<TaskProfile> profile(const emulator::Program& program, const emulator::Outcome& outcome, int waves,
                            std::span<const std::string> buffers) {
  const emulator::Trace& trace = outcome.trace;
  TaskProfile task;
  task.waves = waves;
  task.counts = count(program, trace, {0, program.instrs.size() - 1}, 1);
  const auto loop = emulator::steady_loop(trace);
  task.in_flight = in_flight(program, trace, loop, buffers);
  task.waves_of_unit = residency_of(program, waves).waves_per_unit;
  if (!loop) return task;
  const auto iterations = static_cast<double>(trace.of_instruction[loop->first].total());
  LoopProfile steady;
  steady.first_address = static_cast<int64_t>(program.addresses[loop->first]);
  steady.last_address = static_cast<int64_t>(program.addresses[loop->last]);
  steady.iterations = static_cast<int64_t>(iterations);
  steady.counts = count(program, trace, *loop, iterations);
  steady.share = steady.counts.front().value * iterations / task.counts.front().value;
  steady.estimate = TRY(estimate(program, trace, *loop, waves));
  task.steady_loop = std::move(steady);
  return task;
}

}  // namespace tilejit::amdgpu
