#include "bench/triton/triton_kernel.h"

#include <fmt/format.h>
#include <tilejit/types.h>

#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <regex>
#include <utility>

#include "targets/amdgpu/emulator/program.h"
#include "targets/amdgpu/profile.h"

namespace tilejit::bench {
namespace {

using amdgpu::emulator::Access;
using amdgpu::emulator::Detail;
using amdgpu::emulator::Launch;
using amdgpu::emulator::MemoryRange;
using amdgpu::emulator::Outcome;

constexpr int64_t group = 128;
constexpr int64_t waves = 4;
constexpr int64_t nibbles = 8;        // of a word
constexpr size_t hidden_bytes = 256;  // of arguments behind the kernel's own, which it does not read

float narrow_to_float(Type type, uint16_t bits) { return type == Type::f16 ? f16_to_f32(bits) : bf16_to_f32(bits); }
uint16_t float_to_narrow(Type type, float value) { return type == Type::f16 ? f32_to_f16(value) : f32_to_bf16(value); }

using Grid = std::array<uint32_t, 3>;

/// The operands of a layer, weights as compile.py packs them.
struct Layer {
  Layer(Type type, int64_t m_, int64_t n_, int64_t k_)
      : m(m_), n(n_), k(k_), a(static_cast<size_t>(m * k)), scales(static_cast<size_t>(k / group * n)),
        out(static_cast<size_t>(m * n)), packed(static_cast<size_t>(k * n / nibbles)) {
    std::mt19937 random(1);
    std::uniform_real_distribution<float> values(-1, 1);
    for (uint16_t& x : a) x = float_to_narrow(type, values(random));
    for (uint16_t& x : scales) x = float_to_narrow(type, 0.05F + 0.01F * values(random));
    for (uint32_t& x : packed) x = static_cast<uint32_t>(random());
  }

  std::vector<uint8_t> arguments() const {
    std::vector<uint8_t> bytes;
    const auto append = [&](const auto& value) {
      const size_t at = bytes.size();
      bytes.resize(at + sizeof value);
      std::memcpy(&bytes[at], &value, sizeof value);
    };
    for (const void* data : {static_cast<const void*>(a.data()), static_cast<const void*>(packed.data()),
                             static_cast<const void*>(scales.data()), static_cast<const void*>(out.data())})
      append(data);
    for (const int64_t size : {m, n, k}) append(static_cast<int32_t>(size));
    bytes.resize(bytes.size() + hidden_bytes);
    return bytes;
  }

  std::vector<MemoryRange> memory() const {
    return {{a.data(), a.size() * sizeof a[0], Access::read, "a"},
            {packed.data(), packed.size() * sizeof packed[0], Access::read, "w"},
            {scales.data(), scales.size() * sizeof scales[0], Access::read, "s"},
            {out.data(), out.size() * sizeof out[0], Access::read_write, "out"}};
  }

  /// The weight as the kernel rounds it.
  double weight(Type type, int64_t row, int64_t column) const {
    const uint32_t word = packed[static_cast<size_t>(row * (n / nibbles) + column / nibbles)];
    const auto u = static_cast<int>(word >> (column % nibbles * 4) & 15U);
    const float scale = narrow_to_float(type, scales[static_cast<size_t>(row / group * n + column)]);
    return narrow_to_float(type, float_to_narrow(type, static_cast<float>(u - 8) * scale));
  }

  double rel_l2(Type type) const {
    double error = 0;
    double norm = 0;
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t r = 0; r < k; ++r)
          sum += narrow_to_float(type, a[static_cast<size_t>(i * k + r)]) * weight(type, r, j);
        const double difference = narrow_to_float(type, out[static_cast<size_t>(i * n + j)]) - sum;
        error += difference * difference;
        norm += sum * sum;
      }
    return std::sqrt(error / norm);
  }

  int64_t m, n, k;
  std::vector<uint16_t> a, scales, out;
  std::vector<uint32_t> packed;
};

Grid grid_of(const TritonName& name, const Layer& layer) {
  return {static_cast<uint32_t>((layer.m + name.tile_m - 1) / name.tile_m),
          static_cast<uint32_t>((layer.n + name.tile_n - 1) / name.tile_n), 1};
}

Result<Outcome> run(const amdgpu::emulator::Emulator& machine, const TritonName& name, const Layer& layer, Grid at,
                    Detail detail) {
  const std::vector<uint8_t> arguments = layer.arguments();
  const std::vector<MemoryRange> memory = layer.memory();
  Launch launch;
  launch.workgroup = at;
  launch.workgroups = grid_of(name, layer);
  launch.size = {static_cast<uint32_t>(waves * machine.program().wave), 1, 1};
  launch.kernarg = arguments;
  launch.dynamic_lds_bytes = static_cast<uint32_t>(name.lds_bytes);
  launch.memory = memory;
  launch.detail = detail;
  return machine.run_workgroup(launch);
}

}  // namespace

Result<TritonName> parse_triton_name(const std::string& path) {
  static const std::regex form(
      "w4a16_(bf16|f16)_(\\d{1,4})x(\\d{1,4})x(\\d{1,4})_lds(\\d{1,6})_(gfx[0-9a-f]+)\\.hsaco");
  const std::string file = std::filesystem::path(path).filename().string();
  std::smatch found;
  if (!std::regex_match(file, found, form))
    return invalid(
        fmt::format("{}: not named as bench/triton/compile.py names its files: "
                    "w4a16_bf16_128x128x32_lds16384_gfx942.hsaco",
                    path));
  return TritonName{found[1] == "f16" ? Type::f16 : Type::bf16,
                    std::stoll(found[2]),
                    std::stoll(found[3]),
                    std::stoll(found[4]),
                    std::stoll(found[5]),
                    found[6]};
}

Result<TritonKernel> TritonKernel::load(const std::string& path) {
  TritonName name = TRY(parse_triton_name(path));
  const amdgpu::GpuRow* row = amdgpu::find_gpu_row(name.arch);
  if (row == nullptr) return unsupported(fmt::format("{}: tilejit has no row of {}", path, name.arch));
  std::ifstream file(path, std::ios::binary);
  if (!file) return invalid(fmt::format("{}: cannot be read", path));
  const std::vector<uint8_t> bytes{std::istreambuf_iterator<char>(file), {}};
  auto machine = amdgpu::emulator::Emulator::load(*row, bytes);
  if (!machine) return Error{machine.error().kind, fmt::format("{}: {}", path, machine.error().message)};
  return TritonKernel(std::move(name), std::move(*machine));
}

Result<TritonCheck> TritonKernel::check() const {
  const Layer layer(name_.type, name_.tile_m + 3, 2 * name_.tile_n - nibbles, 4 * group);
  TritonCheck check;
  const Grid grid = grid_of(name_, layer);
  for (uint32_t x = 0; x < grid[0]; ++x)
    for (uint32_t y = 0; y < grid[1]; ++y) {
      const Outcome outcome = TRY(run(machine_, name_, layer, {x, y, 0}, Detail::sums));
      if (check.reports == 0 && !outcome.reports.empty())
        check.first_report = amdgpu::emulator::describe(outcome.reports.front());
      check.reports += static_cast<int64_t>(outcome.reports.size());
    }
  check.rel_l2 = layer.rel_l2(name_.type);
  return check;
}

Result<TaskProfile> TritonKernel::profile(int64_t m, int64_t n, int64_t k) const {
  const Layer layer(name_.type, m, n, k);
  const Outcome outcome = TRY(run(machine_, name_, layer, {0, 0, 0}, Detail::trace));
  return amdgpu::profile(machine_.program(), outcome, waves);
}

int TritonKernel::registers() const { return static_cast<int>(machine_.program().vgprs + machine_.program().agprs); }

}  // namespace tilejit::bench
