#include "targets/amdgpu/emulator/wave.h"

#include <fmt/format.h>

#include <utility>

#include "targets/amdgpu/emulator/machine.h"

namespace tilejit::amdgpu::emulator {
namespace {

Stream stream_of(const Instr& i) {
  if (i.kind == Class::lds) return Stream::lds;
  return i.kind == Class::smem ? Stream::any_order : Stream::vector_memory;
}

bool is_written(const Wave& wave, const Range& range, uint64_t lanes) {
  if (!range.is_vector) {
    for (uint16_t n = 0; n < range.words; ++n)
      if (!wave.sgpr_written[size_t{range.first} + n]) return false;
    return true;
  }
  for (size_t n = range.first; n < size_t{range.first} + range.words; ++n) {
    const Written16& written = wave.vgpr_written[n];
    if (range.half != Half::high && (lanes & ~written.low) != 0) return false;
    if (range.half != Half::low && (lanes & ~written.high) != 0) return false;
  }
  return true;
}

}  // namespace

void Wave::report(ReportKind kind, std::string message) { machine->report(*this, kind, std::move(message)); }

void Wave::check(const Instr& i) {
  const uint64_t active = i.whole_wave ? all_lanes : exec();
  const bool in_flight = waits.has_any();
  for (size_t n = 0; n < i.read_ranges; ++n) {
    const Range& range = i.reads[n];
    if (in_flight && waits.is_pending(range))
      report(ReportKind::unmet_wait, fmt::format("reads {} before it was waited for", name_of(range)));
    if (!range.copied && !is_written(*this, range, active))
      report(ReportKind::uninitialized, fmt::format("reads {}, which was never written", name_of(range)));
  }
  if (!in_flight) return;
  for (size_t n = 0; n < i.write_ranges; ++n) {
    const Range& range = i.writes[n];
    if (i.loads ? waits.may_arrive_after(range, stream_of(i)) : waits.is_pending(range))
      report(ReportKind::unmet_wait, fmt::format("overwrites {} before a load of it was waited for", name_of(range)));
  }
}

std::string name_of(const Range& range) {
  std::string prefix = "s";
  int first = range.first;
  if (range.is_vector) {
    prefix = first >= first_agpr ? "a" : "v";
    if (first >= first_agpr) first -= first_agpr;
  } else if (first >= scalar::vcc) {
    switch (first) {
      case scalar::vcc: return "vcc";
      case scalar::m0: return "m0";
      case scalar::exec: return "exec";
      case scalar::scc: return "scc";
      default: return fmt::format("scalar register {}", first);
    }
  }
  if (range.words == 1) return fmt::format("{}{}", prefix, first);
  return fmt::format("{}[{}:{}]", prefix, first, first + range.words - 1);
}

}  // namespace tilejit::amdgpu::emulator
