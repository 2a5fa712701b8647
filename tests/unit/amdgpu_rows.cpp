#include "tests/unit/amdgpu_rows.h"

#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "targets/amdgpu/arch.h"
#include "tests/unit/assemble_amdgpu.h"

namespace tilejit::testing {
namespace {

using namespace amdgpu::emulator;

bool is_new(const std::string& target) { return target.starts_with("gfx11") || target.starts_with("gfx12"); }
bool is_gfx12(const std::string& target) { return target.starts_with("gfx12"); }

std::string body_of(const std::string& target, const GpuTestRow& row) {
  const bool is_scalar =
      std::string(row.text).find("s20") != std::string::npos || std::string(row.text).find("s[20") != std::string::npos;
  const std::string wait_scalar = is_gfx12(target) ? "s_wait_kmcnt 0\n" : "s_waitcnt lgkmcnt(0)\n";
  const std::string wait_load = is_gfx12(target) ? "s_wait_loadcnt 0\n" : "s_waitcnt vmcnt(0)\n";
  const std::string wide = is_new(target) ? "b128" : "dwordx4";
  std::string text = fmt::format("s_load_{} s[4:7], s[0:1], 0x0\n", wide) + wait_scalar;
  text += fmt::format("s_load_{} s[12:15], s[4:5], 0x0\n", wide);
  text += "v_and_b32 v0, 0x3ff, v0\nv_lshlrev_b32 v10, 4, v0\n";
  text += fmt::format("global_load_{} v[6:9], v10, s[4:5]\n", wide) + wait_scalar + wait_load;
  for (int n = 1; n <= 4; ++n) text += fmt::format("v_mov_b32 v{}, v{}\n", n, n + 5);
  for (int n = 20; n < 24; ++n) text += fmt::format("v_mov_b32 v{}, 0\ns_mov_b32 s{}, 0\n", n, n);
  text += "s_cmp_eq_u32 s12, s12\n";
  for (const char c : std::string(row.text) + "\n") {
    text += c;
    if (c != '\n') continue;  // the rows are not about wait states
    if (target.starts_with("gfx9")) text += "s_nop 7\n";
    if (is_gfx12(target)) text += "s_wait_alu depctr_va_vcc(0) depctr_va_sdst(0) depctr_sa_sdst(0) depctr_va_vdst(0)\n";
  }
  for (int n = 20; n < 24 && is_scalar; ++n) text += fmt::format("v_mov_b32 v{}, s{}\n", n, n);
  return text + fmt::format("global_store_{} v10, v[20:23], s[6:7]\n", wide);
}

void check_row(const std::string& target, const GpuTestRow& row) {
  SCOPED_TRACE(target + ": " + row.text);
  AssembledKernel kernel;
  kernel.target = target;
  kernel.body = body_of(target, row);
  if (std::string(row.text).find(".l") != std::string::npos) kernel.features = "+real-true16";
  kernel.agprs = target.starts_with("gfx9") ? 8 : 0;
  auto emulator = load_assembled(kernel);
  ASSERT_TRUE(emulator.ok()) << emulator.error().message;
  std::vector<GpuWords> in(64, row.cases[0].in);
  std::vector<GpuWords> out(64);
  for (size_t n = 0; n < row.cases.size(); ++n) in[n] = row.cases[n].in;
  std::array<uint64_t, 8> arguments = {reinterpret_cast<uint64_t>(in.data()), reinterpret_cast<uint64_t>(out.data())};
  const std::vector<MemoryRange> memory = {{in.data(), in.size() * sizeof(GpuWords), Access::read, "in"},
                                           {out.data(), out.size() * sizeof(GpuWords), Access::read_write, "out"}};
  Launch launch;
  launch.size = {static_cast<uint32_t>(amdgpu::find_gpu_row(target)->wave), 1, 1};
  launch.kernarg = {reinterpret_cast<const uint8_t*>(arguments.data()), sizeof arguments};
  launch.memory = memory;
  const auto outcome = emulator->run_workgroup(launch);
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  for (const Report& report : outcome->reports) ADD_FAILURE() << describe(report);
  for (size_t n = 0; n < row.cases.size(); ++n)
    for (size_t w = 0; w < 4; ++w)
      EXPECT_EQ(fmt::format("{:#x}", out[n][w]), fmt::format("{:#x}", row.cases[n].out[w]))
          << "case " << n << " word " << w;
}

}  // namespace

void check_gpu_rows(const std::vector<GpuTestRow>& rows) {
  for (const GpuTestRow& row : rows) {
    std::string targets = row.targets;
    for (size_t from = 0; from < targets.size();) {
      const size_t end = std::min(targets.find(' ', from), targets.size());
      check_row(targets.substr(from, end - from), row);
      from = end + 1;
    }
  }
}

}  // namespace tilejit::testing

#endif
