// Few rows on a GPU: the weights come once, in the widest loads, with enough of them in flight, and k segments are tasks where
// channels alone give too few waves.
#ifdef TILEJIT_HAVE_AMDGPU

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "targets/targets.h"
#include "tools/inspect/in_flight.h"
#include "tools/inspect/run_program.h"

namespace tilejit {
namespace {

Result<Problem> resolved(const std::string& line, const char* target) {
  const Problem problem = TRY(parse_problem(line));
  return resolve(problem, TRY(find_target(target))->facts());
}

struct Segments {
  const char* target;
  const char* line;
  int ks;
};

// Waves of 16 channels for three of four SIMDs, in equal segments of at least 1024 k; 1 where segments would cost and not help.
TEST(AmdgpuSmallM, SegmentsFollowFromTheShapeAndTheRow) {
  for (const Segments& s : {Segments{"gfx942", "w4a16 n=4096 k=4096 g=128", 4},
                            {"gfx942", "w4a16 n=14336 k=4096 g=128", 2},
                            {"gfx942", "w4a16 n=28672 k=4096 g=128", 1},
                            {"gfx942", "w4a16 n=1024 k=4096 g=128", 4},
                            {"gfx942", "w4a16 n=1024 k=1000 g=128", 1},
                            {"gfx942", "w4a8 n=4096 k=4096 g=128", 4},
                            {"gfx942", "w16a16 n=4096 k=4096", 4},
                            {"gfx942", "w8a8 n=4096 k=4096", 4},
                            {"gfx942", "w16a16 n=4096 k=4096 a=f32", 1},
                            {"gfx90a", "w4a16 n=4096 k=4096 g=128", 2},
                            {"gfx950", "w4a16 n=4096 k=4096 g=128", 4},
                            {"gfx1100", "w4a16 n=4096 k=4096 g=128", 1},
                            {"gfx1100", "w4a16 n=1024 k=4096 g=128", 1},
                            {"gfx1030", "w4a16 n=1024 k=4096 g=128", 1},
                            {"zen4", "w4a16 n=1024 k=4096 g=128", 1}})
    for (const char* rows : {"", " m=1", " m=4096"}) {
      const auto problem = resolved(s.line + std::string(rows), s.target);
      ASSERT_TRUE(problem.ok()) << problem.error().message;
      EXPECT_EQ(problem->ks, s.ks) << s.target << ": " << s.line << rows;
    }
}

TEST(AmdgpuSmallM, FewRowsTakeSegmentsAsTasksAndManyRowsDoNot) {
  const TargetFacts& facts = (*find_target("gfx942"))->facts();
  const auto problem = resolved("w4a16 n=4096 k=4096 g=128", "gfx942");
  ASSERT_TRUE(problem.ok());
  EXPECT_EQ(default_schedule(*problem, 1, facts).loops.split, 1);
  EXPECT_EQ(default_schedule(*problem, 16, facts).loops.split, 1);
  EXPECT_EQ(default_schedule(*problem, 4096, facts).loops.split, 0);
}

struct Compiled {
  Problem problem;
  ir::Program program;
  std::vector<CompiledKernel> kernels;
};

Result<Compiled> compiled(const std::string& line, const char* target) {
  Compiled all;
  const Target& machine = *TRY(find_target(target));
  all.problem = TRY(resolved(line, target));
  all.program = build_linear(all.problem, default_schedule(all.problem, all.problem.m, machine.facts()));
  all.kernels = TRY(compile(all.program, machine, {}));
  return all;
}

struct Row {
  const char* target;
  const char* line;
};

std::string name_of(const testing::TestParamInfo<Row>& info) {
  std::string name = std::string(info.param.target) + "_" + info.param.line;
  std::replace_if(
      name.begin(), name.end(), [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

class AmdgpuSmallMBytes : public testing::TestWithParam<Row> {};

TEST_P(AmdgpuSmallMBytes, WeightsComeOnceInWideLoads) {
  const auto all = compiled(GetParam().line, GetParam().target);
  ASSERT_TRUE(all.ok()) << all.error().message;
  auto memory = inspect::make_memory(all->program, all->problem.m, 1);
  ASSERT_TRUE(memory.ok());
  const auto kernels = inspect::count_traffic(all->kernels, **find_target(GetParam().target), *memory, all->problem.m);
  ASSERT_TRUE(kernels.ok()) << kernels.error().message;
  const Problem& p = all->problem;
  const double weights = static_cast<double>(p.n * p.k * p.weight_bits()) / 8;
  const double scales = p.has_scales() ? static_cast<double>(p.n * p.groups() * bits_of(p.s)) / 8 : 0;
  double operands = 0;
  double activations = 0;
  for (const inspect::KernelTraffic& kernel : *kernels)
    for (const BufferTraffic& buffer : kernel.buffers) {
      const auto moved = static_cast<double>(buffer.lines_read + buffer.lines_written);
      if (buffer.buffer == "w") {
        EXPECT_EQ(buffer.read_wide, buffer.read) << "loads of less than 16 bytes";
        if (std::string_view(GetParam().target).starts_with("gfx9")) {
          EXPECT_EQ(buffer.visited, buffer.lines_read) << "neighbouring lanes in lines apart";
        }
      }
      if (buffer.buffer == "ap") activations += moved;
      const bool is_operand =
          buffer.buffer == "w" || buffer.buffer == "s" || buffer.buffer == "a" || buffer.buffer == "out";
      if (is_operand) operands += moved;
    }
  EXPECT_GE(operands, weights + scales);
  EXPECT_LE(operands, 1.02 * (weights + scales));
  // Rows that do not exist are not moved: the copy is written and read once, in whole vectors.
  const int64_t row = (p.k + 1024) * (p.has_integer_dot() ? 1 : bits_of(p.a) / 8);
  EXPECT_LE(activations, static_cast<double>(2 * p.m * row));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, AmdgpuSmallMBytes,
    testing::Values(Row{"gfx942", "w4a16 m=1 n=512 k=4096 g=128 s=bf16"}, Row{"gfx942", "w8a8 m=1 n=512 k=4096"},
                    Row{"gfx942", "w4a8 m=1 n=512 k=4096 g=128 s=bf16"}, Row{"gfx942", "w16a16 m=1 n=256 k=4096"},
                    Row{"gfx1100", "w4a16 m=1 n=512 k=4096 g=128 s=bf16"}, Row{"gfx1201", "w8a8 m=1 n=512 k=4096"}),
    name_of);

class AmdgpuSmallMInFlight : public testing::TestWithParam<Row> {};

TEST_P(AmdgpuSmallMInFlight, CoversTheLatencyOfMemory) {
  const Target& target = **find_target(GetParam().target);
  const auto all = compiled(GetParam().line, GetParam().target);
  ASSERT_TRUE(all.ok()) << all.error().message;
  EXPECT_EQ(all->kernels[1].code.resources.spill_slots, 0);
  auto memory = inspect::make_memory(all->program, all->problem.m, 1);
  ASSERT_TRUE(memory.ok());
  const auto task = inspect::profile_first_task(all->kernels[1], target, *memory, all->problem.m);
  ASSERT_TRUE(task.ok()) << task.error().message;
  const auto unit = inspect::unit_in_flight(*task, target.facts());
  ASSERT_TRUE(unit.has_value());
  EXPECT_EQ(unit->of_wave.buffer, "w");
  EXPECT_GE(unit->bytes, unit->needed);
}

constexpr const char* int4 = "w4a16 m=1 n=4096 k=4096 g=128 s=bf16";
constexpr const char* int8 = "w8a8 m=16 n=4096 k=4096";
INSTANTIATE_TEST_SUITE_P(Rows, AmdgpuSmallMInFlight,
                         testing::Values(Row{"gfx90a", int4}, Row{"gfx942", int4}, Row{"gfx942", int8},
                                         Row{"gfx942", "w16a16 m=4 n=4096 k=4096"}, Row{"gfx950", int4},
                                         Row{"gfx1100", int4}, Row{"gfx1201", int8}),
                         name_of);

}  // namespace
}  // namespace tilejit

#endif
