#include "targets/x86/arch.h"

#include <cpuid.h>
#include <fmt/format.h>

#include <cstring>
#include <string>
#include <vector>

namespace tilejit::x86 {
namespace {

using namespace feature;

struct FeatureName {
  uint32_t bit;
  const char* name;
};
constexpr FeatureName feature_names[] = {{base, "AVX-512 F+BW+DQ+VL"}, {vnni, "VNNI"}, {bf16, "BF16"}, {vbmi, "VBMI"}};

struct Facts {
  const char* name;
  uint32_t features;
  bool prefers_dot_bf16;
  bool prefers_dot_i8x2;  // measured on Sapphire Rapids: twice the rate of f32 FMA at m = 256
  int fma_per_cycle;
  bool unpacks_beside_dot;
  int prefetch_bytes;  // measured: one stream has 36-62 % of the bandwidth on Sapphire Rapids without, 94 % on Zen 4
  int64_t l1_kib;
  int64_t l2_kib;
  double memory_bytes_per_cycle;  // measured: 18.5 GB/s at 3.8 GHz on spr, 34.3 at 3.65 on zen4; others assumed
};
constexpr Facts rows_of_facts[] = {
    {"avx512", base, false, false, 2, false, 8192, 32, 1024, 5},
    {"avx512_vnni", base | vnni, false, true, 2, false, 8192, 32, 1024, 5},
    {"zen4", base | vnni | bf16 | vbmi, true, false, 1, true, 0, 32, 1024, 9.4},
    {"zen5", base | vnni | bf16 | vbmi, true, false, 2, true, 0, 48, 1024, 9.4},
    {"spr", base | vnni | bf16 | vbmi, false, true, 2, false, 8192, 48, 2048, 4.9},
};

std::vector<CpuRow> make_rows() {
  std::vector<CpuRow> rows;
  for (const Facts& f : rows_of_facts) {
    CpuRow& row = rows.emplace_back();
    row.features = f.features;
    row.facts.name = f.name;
    row.facts.has_dot_bf16 = (f.features & bf16) != 0;
    row.facts.prefers_dot_bf16 = f.prefers_dot_bf16;
    row.facts.prefers_dot_i8x2 = f.prefers_dot_i8x2;
    row.facts.prefetch_bytes = f.prefetch_bytes;
    row.facts.fma_per_cycle = f.fma_per_cycle;
    row.facts.unpacks_beside_dot = f.unpacks_beside_dot;
    row.facts.l1_bytes = f.l1_kib << 10;
    row.facts.l2_bytes = f.l2_kib << 10;
    row.facts.memory_bytes_per_cycle = f.memory_bytes_per_cycle;
    row.facts.identity = fmt::format("x86 {} features={:#x}", f.name, f.features);
  }
  return rows;
}

const CpuRow* find(const char* name) {
  for (const CpuRow& row : cpu_rows())
    if (row.facts.name == name) return &row;
  return nullptr;
}

struct Leaf {
  uint32_t eax = 0, ebx = 0, ecx = 0, edx = 0;
};

Leaf cpuid(uint32_t leaf, uint32_t subleaf) {
  Leaf l;
  __get_cpuid_count(leaf, subleaf, &l.eax, &l.ebx, &l.ecx, &l.edx);
  return l;
}

constexpr bool bits(uint32_t value, uint32_t wanted) { return (value & wanted) == wanted; }

/// XCR0 must enable xmm, ymm, opmask and both halves of the zmm state.
bool system_saves_zmm(const Leaf& one) {
  if (!bits(one.ecx, 1u << 27)) return false;  // OSXSAVE
  uint32_t low = 0;
  uint32_t high = 0;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return bits(low, 0xe6);
}

Machine detect() {
  Machine machine;
  const Leaf zero = cpuid(0, 0);
  char vendor[12];
  std::memcpy(vendor, &zero.ebx, 4);
  std::memcpy(vendor + 4, &zero.edx, 4);
  std::memcpy(vendor + 8, &zero.ecx, 4);
  machine.is_amd = std::memcmp(vendor, "AuthenticAMD", 12) == 0;
  machine.is_intel = std::memcmp(vendor, "GenuineIntel", 12) == 0;
  const Leaf one = cpuid(1, 0);
  const uint32_t family = (one.eax >> 8) & 0xf;
  machine.family = static_cast<int>(family == 0xf ? family + ((one.eax >> 20) & 0xff) : family);
  const Leaf seven = cpuid(7, 0);
  const Leaf seven_one = cpuid(7, 1);
  // Leaf 7: BMI1 3, BMI2 8, AVX512F 16, DQ 17, BW 30, VL 31. Leaf 1: FMA 12, F16C 29.
  const uint32_t wanted = 1u << 3 | 1u << 8 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
  if (!system_saves_zmm(one) || !bits(seven.ebx, wanted) || !bits(one.ecx, 1u << 12 | 1u << 29)) return machine;
  machine.features = base;
  if (bits(seven.ecx, 1u << 11)) machine.features |= vnni;
  if (bits(seven_one.eax, 1u << 5)) machine.features |= bf16;
  if (bits(seven.ecx, 1u << 1)) machine.features |= vbmi;
  return machine;
}

}  // namespace

std::span<const CpuRow> cpu_rows() {
  static const std::vector<CpuRow> rows = make_rows();
  return rows;
}

const Machine& this_machine() {
  static const Machine machine = detect();
  return machine;
}

Result<const CpuRow*> row_of(const Machine& machine) {
  const auto has = [&](uint32_t wanted) { return bits(machine.features, wanted); };
  if (!has(base))
    return unsupported(
        "host: this CPU or its system lacks AVX-512 F+BW+DQ+VL; name a row (zen4) to compile or emulate its code, or "
        "`ref`");
  const uint32_t full = base | vnni | bf16 | vbmi;
  if (machine.is_amd && machine.family == 0x19 && has(full)) return find("zen4");
  if (machine.is_amd && machine.family >= 0x1a && has(full)) return find("zen5");
  if (machine.is_intel && has(full)) return find("spr");
  return find(has(vnni) ? "avx512_vnni" : "avx512");
}

Result<void> can_execute(const CpuRow& row, const Machine& machine) {
  std::string missing;
  for (const FeatureName& f : feature_names)
    if (row.has(f.bit) && !bits(machine.features, f.bit)) missing += std::string(missing.empty() ? "" : ", ") + f.name;
  if (missing.empty()) return {};
  return unsupported(fmt::format("target {} needs {}, which this machine lacks", row.facts.name, missing));
}

}  // namespace tilejit::x86
