// The state in which a workgroup starts: what the kernel descriptor asks of the command processor. Source: LLVM's AMDGPU usage
// guide, "Initial Kernel Execution State".
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "targets/amdgpu/emulator/machine.h"
#include "targets/amdgpu/emulator/memory_row.h"

namespace tilejit::amdgpu::emulator {
namespace {

// Bits of kernel_code_properties.
constexpr int private_buffer = 0, dispatch_ptr = 1, queue_ptr = 2, kernarg_ptr = 3, dispatch_id = 4,
              flat_scratch_init = 5, private_size = 6;

uint32_t field(uint32_t word, int bit, int width) { return (word >> bit) & ((1U << width) - 1); }

/// The AQL packet, of which kernels read the sizes.
std::vector<uint64_t> make_packet(const Launch& launch, uint64_t kernarg, const KernelDescriptor& d) {
  std::vector<uint64_t> packet(8);
  auto* bytes = reinterpret_cast<uint8_t*>(packet.data());
  for (size_t n = 0; n < 3; ++n) {
    const auto size = static_cast<uint16_t>(launch.size[n]);
    const uint32_t grid = launch.size[n] * launch.workgroups[n];
    std::memcpy(bytes + 4 + 2 * n, &size, 2);
    std::memcpy(bytes + 12 + 4 * n, &grid, 4);
  }
  std::memcpy(bytes + 24, &d.private_bytes, 4);
  const uint32_t lds = d.lds_bytes + launch.dynamic_lds_bytes;
  std::memcpy(bytes + 28, &lds, 4);
  std::memcpy(bytes + 40, &kernarg, 8);
  return packet;
}

Result<void> check_launch(const Program& p, const Launch& launch) {
  const KernelDescriptor& d = p.kernel.descriptor;
  const uint64_t items = uint64_t{launch.size[0]} * launch.size[1] * launch.size[2];
  const auto most = static_cast<uint64_t>(p.kernel.metadata.most_workitems);
  if (items == 0 || items > 1024 || (most != 0 && items > most))
    return invalid(fmt::format("emulator: a workgroup of {} workitems; {} allows {}", items, p.kernel.name, most));
  if (uint64_t{d.lds_bytes} + launch.dynamic_lds_bytes > static_cast<uint64_t>(p.row->lds_bytes))
    return invalid(fmt::format("emulator: {} takes {} bytes of LDS and {} of the launch, {} has {}", p.kernel.name,
                               d.lds_bytes, launch.dynamic_lds_bytes, p.row->facts.name, p.row->lds_bytes));
  if (launch.kernarg.size() < d.kernarg_bytes)
    return invalid(fmt::format("emulator: {} takes {} bytes of arguments, {} are given", p.kernel.name, d.kernarg_bytes,
                               launch.kernarg.size()));
  if (d.private_bytes != 0 && d.has(flat_scratch_init))
    return unsupported(
        fmt::format("emulator: {} addresses scratch memory by flat instructions through a register, which "
                    "the emulator does not do",
                    p.kernel.name));
  // Round to nearest even, f16 and f64 subnormals kept: what the numbers contract fixes. f32 may be either.
  if (field(d.rsrc1, 12, 4) != 0 || field(d.rsrc1, 18, 2) != 3 || (field(d.rsrc1, 16, 2) & 1) != field(d.rsrc1, 17, 1))
    return unsupported(fmt::format("emulator: {} runs under another float mode (rsrc1={:#x})", p.kernel.name, d.rsrc1));
  return {};
}

class ScalarSetup {
 public:
  explicit ScalarSetup(Wave& wave) : wave_(wave) {}
  void put(uint32_t value) { wave_.set_scalar(next_++, value); }
  void put_pair(uint64_t value) {
    put(static_cast<uint32_t>(value));
    put(static_cast<uint32_t>(value >> 32));
  }
  void skip(uint16_t n) { next_ = static_cast<uint16_t>(next_ + n); }
  void skip_to(uint16_t n) { next_ = n; }

 private:
  Wave& wave_;
  uint16_t next_ = 0;
};

void set_scalars(const Machine& m, Wave& w) {
  const KernelDescriptor& d = m.program->kernel.descriptor;
  const auto address = [](const std::vector<uint64_t>& v) { return reinterpret_cast<uint64_t>(v.data()); };
  ScalarSetup s(w);
  // What nobody provides here stays unwritten, so that a read of it is a report.
  if (d.has(private_buffer)) {
    s.put_pair(scratch_base);
    s.put(~uint32_t{0});
    s.put(scratch_kind);
  }
  if (d.has(dispatch_ptr)) s.put_pair(address(m.dispatch));
  if (d.has(queue_ptr)) s.skip(2);
  if (d.has(kernarg_ptr)) s.put_pair(address(m.kernarg));
  if (d.has(dispatch_id)) s.put_pair(0);
  if (d.has(flat_scratch_init)) s.skip(2);
  if (d.has(private_size)) s.put(d.private_bytes);
  const auto* words = reinterpret_cast<const uint32_t*>(m.kernarg.data());
  const uint32_t preloaded = d.preload & 0x7f;
  for (uint32_t n = 0; n < preloaded; ++n) s.put(words[(d.preload >> 7) + n]);
  s.skip_to(static_cast<uint16_t>(d.user_sgprs()));
  const auto& group = m.launch->workgroup;
  if (m.program->row->family == Family::rdna4) {
    w.set_scalar(scalar::ttmp + 9, group[0]);
    w.set_scalar(scalar::ttmp + 7, group[1] | group[2] << 16);
    w.set_scalar(scalar::ttmp + 8, static_cast<uint32_t>(w.epoch.wave) << 25);  // of the workgroup
  } else {
    for (int n = 0; n < 3; ++n)
      if (field(d.rsrc2, 7 + n, 1) != 0) s.put(group[static_cast<size_t>(n)]);
    if (field(d.rsrc2, 10, 1) != 0) s.skip(1);
    // Where the wave's scratch begins behind the resource's base, unless addresses of scratch are the wave's own.
    if (d.has(private_buffer) && field(d.rsrc2, 0, 1) != 0) s.put(0);
  }
  w.set_pair(scalar::vcc, 0);
  w.set_scalar(scalar::m0, 0);
  w.set_scc(false);
  w.sgpr_written.set(scalar::null);
  // Nothing defines these three; a kernel that reads them first is wrong.
  for (const uint16_t n : {scalar::vcc, uint16_t{scalar::vcc + 1}, scalar::m0, scalar::scc}) w.sgpr_written.reset(n);
}

void set_vectors(const Machine& m, Wave& w, uint64_t first_item) {
  const auto& size = m.launch->size;
  const uint64_t items = uint64_t{size[0]} * size[1] * size[2];
  const uint32_t mode = field(m.program->kernel.descriptor.rsrc2, 11, 2);
  const bool is_packed = m.program->row->family != Family::rdna2;
  uint64_t exec = 0;
  for (int lane = 0; lane < w.lanes; ++lane) {
    const uint64_t item = first_item + static_cast<uint64_t>(lane);
    if (item >= items) break;
    exec |= uint64_t{1} << lane;
    const auto x = static_cast<uint32_t>(item % size[0]);
    const auto y = static_cast<uint32_t>(item / size[0] % size[1]);
    const auto z = static_cast<uint32_t>(item / size[0] / size[1]);
    const auto l = static_cast<size_t>(lane);
    w.vgpr[0][l] = is_packed ? x | y << 10 | z << 20 : x;
    w.vgpr[1][l] = y;
    w.vgpr[2][l] = z;
  }
  for (uint32_t n = 0; n <= (is_packed ? 0 : std::min(mode, 2U)); ++n) w.vgpr_written[n] = {exec, exec};
  w.set_pair(scalar::exec, exec);
}

void start_wave(Machine& m, size_t n) {
  Wave& w = m.waves[n];
  const Program& p = *m.program;
  const KernelDescriptor& d = p.kernel.descriptor;
  w.machine = &m;
  w.lanes = p.wave;
  w.all_lanes = p.wave == 64 ? ~uint64_t{0} : 0xffffffffU;
  w.epoch.wave = static_cast<uint8_t>(n);
  // AGPRs follow v255; the first three hold the workitem's place, used or not.
  const size_t vectors = p.agprs > 0 ? first_agpr + p.agprs : std::max(p.vgprs, 3U);
  w.vgpr.resize(vectors);
  w.vgpr_written.resize(vectors);
  w.scratch_bytes = d.private_bytes;
  w.scratch.resize(size_t{d.private_bytes} * static_cast<size_t>(p.wave));
  w.mode = field(d.rsrc1, 12, 8);
  w.flushes_f32 = field(d.rsrc1, 16, 2) == 0;
  w.ieee = p.row->family != Family::rdna4 && field(d.rsrc1, 23, 1) != 0;
  // With preloaded arguments, the first 256 bytes are for firmware that does not preload.
  if ((d.preload & 0x7f) != 0) {
    const auto at = std::lower_bound(p.addresses.begin(), p.addresses.end(), p.kernel.address + 256);
    w.next = static_cast<int32_t>(at - p.addresses.begin());
  }
  set_scalars(m, w);
  set_vectors(m, w, n * static_cast<uint64_t>(p.wave));
}

}  // namespace

Result<Machine> make_machine(const Program& program, const Launch& launch) {
  TRY(check_launch(program, launch));
  Machine m;
  m.program = &program;
  m.launch = &launch;
  const KernelDescriptor& d = program.kernel.descriptor;
  m.kernarg.resize((launch.kernarg.size() + 15) / 8);
  if (!launch.kernarg.empty()) std::memcpy(m.kernarg.data(), launch.kernarg.data(), launch.kernarg.size());
  m.dispatch = make_packet(launch, reinterpret_cast<uint64_t>(m.kernarg.data()), d);
  static const std::string kernarg_name = "the kernel arguments";
  static const std::string packet_name = "the dispatch packet";
  m.spans.push_back({reinterpret_cast<uint64_t>(m.kernarg.data()), d.kernarg_bytes, false, &kernarg_name});
  m.spans.push_back({reinterpret_cast<uint64_t>(m.dispatch.data()), 64, false, &packet_name});
  for (const MemoryRange& range : launch.memory)
    m.spans.push_back(
        {reinterpret_cast<uint64_t>(range.data), range.bytes, range.access == Access::read_write, &range.name});
  m.lds = Lds(d.lds_bytes + launch.dynamic_lds_bytes);
  const uint64_t items = uint64_t{launch.size[0]} * launch.size[1] * launch.size[2];
  m.waves.resize((items + static_cast<uint64_t>(program.wave) - 1) / static_cast<uint64_t>(program.wave));
  m.hazards.assign(m.waves.size(), HazardTracker(*program.row));
  return m;
}

void start(Machine& m) {
  for (size_t n = 0; n < m.waves.size(); ++n) start_wave(m, n);
}

}  // namespace tilejit::amdgpu::emulator
