// Schedules of matrix steps: what is legal and why not, defaults and candidates, where a weight lies, what the kernels look like.
#include "jit/matrix_schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "ir/mma.h"
#include "ir/print.h"
#include "jit/build_linear.h"
#include "jit/candidates.h"
#include "jit/default_schedule.h"
#include "runtime/pack.h"
#include "targets/targets.h"
#include "tests/support/random_problem.h"
#include "tests/support/random_weights.h"

namespace tilejit {
namespace {

const std::vector<std::string> rows = {"ref_cdna2", "ref_cdna3", "ref_cdna4", "ref_rdna3", "ref_rdna4"};

const TargetFacts& facts_of(const std::string& name) { return (*find_target(name))->facts(); }

Problem resolved(const std::string& line, const std::string& target) {
  return *resolve(*parse_problem(line), facts_of(target));
}

TEST(MatrixSchedule, DotMmaNamesTheNumericsOfTheRow) {
  EXPECT_EQ(print_problem(resolved("w4a16 n=64 k=64 a=bf16", "ref_cdna3")),
            "w4a16 m=* n=64 k=64 a=bf16 dot=mma.cdna3 ks=1");
  const Problem f16 = resolved("w4a16 n=64 k=64 a=f16 dot=mma.rdna3", "ref_rdna3");
  EXPECT_EQ(ir::mma_rows()[static_cast<size_t>(f16.numerics)].name, "rdna3_f16");
  EXPECT_EQ(*parse_problem(print_problem(f16)), f16);
  EXPECT_EQ(resolved("w4a16 n=64 k=64 a=f32", "ref_cdna3").dot, Dot::fma);
  const auto message = [](const std::string& line, const std::string& target) {
    const auto parsed = parse_problem(line);
    return parsed.ok() ? can_implement(*parsed, facts_of(target)).error().message : parsed.error().message;
  };
  EXPECT_NE(message("w4a16 n=64 k=64 a=bf16 dot=mma.cdna2", "ref_cdna3")
                .find("its matrix steps round as cdna3_bf16, not as cdna2_bf16"),
            std::string::npos);
  EXPECT_NE(message("w4a16 n=64 k=64 dot=mma", "ref").find("dot=mma needs a matrix step of bf16"), std::string::npos);
  EXPECT_NE(message("w4a16 n=64 k=64 a=f32 dot=mma", "ref").find("dot=mma needs a matrix step of f32"),
            std::string::npos);
  EXPECT_NE(message("w4a16 n=64 k=64 dot=mma.cdna9", "ref").find("cdna2, cdna3, cdna4, rdna3, rdna4"),
            std::string::npos);
}

TEST(MatrixSchedule, IllegalOnesGiveEveryReason) {
  const Problem p = resolved("w4a16 n=256 k=512 a=bf16 g=128", "ref_cdna3");
  const std::string good = "panel=128 kk=32 streams=1 kl=4 kt=4 mr=32 nr=32 kc=128 wm=2 wn=2 stages=2";
  const auto refusal = [&](const std::string& changes) {
    Schedule s = *parse_schedule(good);
    const Schedule other = *parse_schedule(changes);
    const Schedule plain;
    const auto take = [](int& to, int from, int standard) { to = from == standard ? to : from; };
    take(s.layout.panel, other.layout.panel, plain.layout.panel);
    take(s.layout.kk, other.layout.kk, plain.layout.kk);
    take(s.layout.kt, other.layout.kt, plain.layout.kt);
    take(s.loops.mr, other.loops.mr, plain.loops.mr);
    take(s.loops.nr, other.loops.nr, plain.loops.nr);
    take(s.loops.wn, other.loops.wn, plain.loops.wn);
    take(s.loops.wm, other.loops.wm, plain.loops.wm);
    take(s.loops.kc, other.loops.kc, plain.loops.kc);
    take(s.loops.split, other.loops.split, plain.loops.split);
    const auto verdict = legal(p, s, facts_of("ref_cdna3"));
    return verdict.ok() ? std::string() : verdict.error().message;
  };
  EXPECT_EQ(refusal(""), "");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"kt=8", "kl=4 kt=8 is not kl=4 kt=4 of the matrix step"},
      {"panel=72", "panel=72 is not a multiple of 16 (columns of a matrix step)"},
      {"kk=12", "kk=12: a word is a multiple of kt=4 weights, of 8 to 128 bits, a power of two"},
      {"mr=24", "mr=24 is not a multiple of 16 (rows of a matrix step)"},
      {"nr=48", "wn=2 waves of nr=48 do not divide panel=128"},
      {"mr=128 nr=128 wn=1", "registers of 256"},
      {"wm=8 wn=4", "wm=8 wn=4: 32 waves of at most 16"},
      {"kc=96", "kc=96 is not a positive multiple of 128 (k of a block of packed weights)"},
      {"kc=512", "bytes of shared memory of 65536"},
      {"split=1", "split=1 needs two or more k segments of one length, ks=1"}};
  for (const auto& [changes, reason] : cases)
    EXPECT_NE(refusal(changes).find(reason), std::string::npos) << changes << ": " << refusal(changes);
  const auto dots = legal(p, *parse_schedule("panel=64 kk=8 mr=4 nr=16"), facts_of("ref_cdna3"));
  EXPECT_NE(dots.error().message.find("dot=mma takes a layout of matrix steps"), std::string::npos);
}

TEST(MatrixSchedule, DefaultsAreLegalAndCoverEveryM) {
  for (const std::string& name : rows)
    for (const char* line :
         {"w4a16 n=4096 k=4096 a=bf16 g=128", "w4a16 n=48 k=77 a=f16 g=20 zp=int", "w8a16 n=100 k=300 a=bf16 g=32",
          "w4a8 n=4096 k=4096 g=64", "w8a8 n=4096 k=4096", "w16a16 n=1 k=1 a=f16",
          "w4a16 n=11008 k=4096 a=bf16 g=128 epilogue=swiglu", "w4a16 n=4096 k=4096 a=f32"}) {
      const Problem p = resolved(line, name);
      const Layout layout = default_layout(p, facts_of(name));
      const std::vector<Loops> loops = default_loops(p, layout, facts_of(name));
      EXPECT_EQ(layout.is_matrix(), p.a != Type::f32 || p.quantizes_rows()) << line;
      int64_t next = 1;
      for (const Loops& l : loops) {
        const auto verdict = legal(p, {layout, l}, facts_of(name));
        EXPECT_TRUE(verdict.ok()) << name << ": " << line << ": " << verdict.error().message;
        EXPECT_EQ(l.m_lo, next);
        if (l.m_hi != Loops::no_limit) next = l.m_hi + 1;
      }
      EXPECT_EQ(loops.back().m_hi, Loops::no_limit);
    }
}

TEST(MatrixSchedule, CandidatesHoldTheDefaults) {
  const Problem p = resolved("w4a16 n=512 k=512 a=bf16 g=128 ks=2", "ref_cdna3");
  const TargetFacts& facts = facts_of("ref_cdna3");
  const Layout layout = default_layout(p, facts);
  const std::vector<Layout> layouts = candidate_layouts(p, facts);
  EXPECT_NE(std::find(layouts.begin(), layouts.end(), layout), layouts.end());
  const std::vector<Schedule> schedules = legal_schedules(p, layout, facts);
  EXPECT_GT(schedules.size(), 50u);
  for (Loops loops : default_loops(p, layout, facts)) {
    loops.m_lo = 1;
    loops.m_hi = Loops::no_limit;
    EXPECT_NE(std::find(schedules.begin(), schedules.end(), Schedule{layout, loops}), schedules.end());
  }
}

/// From the description in build_linear.h: the weight of every channel and k is found where it says.
TEST(MatrixSchedule, PackedWeightsLieWhereLanesLoadThem) {
  test::Rng rng(5);
  for (const std::string& name : rows)
    for (const char* line : {"w4a16 n=40 k=77 a=bf16 g=20", "w8a16 n=33 k=300 a=f16 g=-1"}) {
      SCOPED_TRACE(name + ": " + line);
      const Problem p = resolved(line, name);
      const Layout layout = default_layout(p, facts_of(name));
      const test::OwnedWeights weights = test::random_weights(p, rng);
      const auto packed = pack(weights.view, p, layout, {.max_threads = 1, .parallel_for = {}});
      ASSERT_TRUE(packed.ok());
      const auto* bytes = reinterpret_cast<const uint8_t*>(packed->operands[static_cast<size_t>(Operand::w)]);
      const PackedShape shape = packed_shape(p, layout);
      const int64_t step = int64_t{layout.kl} * layout.kt;
      const int64_t steps = layout.kk / layout.kt;
      for (int64_t n = 0; n < p.n; ++n)
        for (int64_t k = 0; k < p.k; ++k) {
          const int64_t group = p.group == -1 ? 0 : k / p.group;
          const int64_t in_group = k - group * shape.group;
          const int64_t block = group * shape.group_blocks + in_group / shape.block_k;
          const int64_t in_block = in_group % shape.block_k;
          const int64_t lane = in_block % step / layout.kt;
          const int64_t element = in_block % layout.kt * steps + in_block / step;
          const int64_t word =
              ((n / layout.panel * shape.blocks + block) * layout.kl + lane) * layout.panel + n % layout.panel;
          const int64_t bit = (word * layout.kk + element) * p.weight_bits();
          uint8_t u = 0;
          read_tile(weights.view, k, 1, n, 1, &u, 1);
          ASSERT_EQ(bytes[bit / 8] >> bit % 8 & ((1 << p.weight_bits()) - 1), u) << "n=" << n << " k=" << k;
        }
    }
}

/// Activations pass through shared memory; with two stages one barrier separates stages.
TEST(MatrixSchedule, TheGemmKernelSharesActivations) {
  const Problem p = resolved("w4a16 n=256 k=1024 a=bf16 g=128", "ref_cdna3");
  const Schedule schedule =
      *parse_schedule("panel=128 kk=32 streams=1 kl=4 kt=4 mr=32 nr=32 kc=128 wm=2 wn=2 stages=2");
  ASSERT_TRUE(legal(p, schedule, facts_of("ref_cdna3")).ok());
  const ir::Program program = build_linear(p, schedule);
  const std::string text = ir::print(program.kernels[1]);
  EXPECT_NE(text.find("shared %stage: bf16[2,64,132]"), std::string::npos) << text;
  EXPECT_NE(text.find("= mma.cdna3_bf16 %x, %u, %part : f32[32,32]"), std::string::npos) << text;
  // Eight stages: the first filled before the loop, six in it, two behind it.
  const auto barriers = std::count_if(program.kernels[1].body.begin(), program.kernels[1].body.end(),
                                      [](const ir::Instr& i) { return i.op == ir::Op::barrier; });
  EXPECT_EQ(barriers, 1 + 2 + 2);
}

/// One buffer is filled behind a second barrier of each stage but the last.
TEST(MatrixSchedule, OneBufferTakesHalfOfTheMemoryAndTwiceTheBarriers) {
  const Problem p = resolved("w4a16 n=256 k=1024 a=bf16 g=128", "ref_cdna3");
  const Schedule schedule =
      *parse_schedule("panel=128 kk=32 streams=1 kl=4 kt=4 mr=32 nr=32 kc=128 wm=2 wn=2 stages=1");
  ASSERT_TRUE(legal(p, schedule, facts_of("ref_cdna3")).ok());
  const ir::Program program = build_linear(p, schedule);
  EXPECT_NE(ir::print(program.kernels[1]).find("shared %stage: bf16[1,64,132]"), std::string::npos);
  const auto barriers = std::count_if(program.kernels[1].body.begin(), program.kernels[1].body.end(),
                                      [](const ir::Instr& i) { return i.op == ir::Op::barrier; });
  EXPECT_EQ(barriers, 1 + 2 * 2 + 2 + 1);
}

/// With ahead=1 a step's activations are loaded before the step that precedes it in its stage.
TEST(MatrixSchedule, OperandsAreBroughtAhead) {
  const Problem p = resolved("w4a16 n=256 k=1024 a=bf16 g=128", "ref_cdna3");
  const std::string text = "panel=128 kk=32 streams=1 kl=4 kt=4 mr=32 nr=32 kc=128 wm=2 wn=2 stages=1 ahead=1";
  const Schedule schedule = *parse_schedule(text);
  EXPECT_EQ(*parse_schedule(print_schedule(schedule)), schedule);
  ASSERT_TRUE(legal(p, schedule, facts_of("ref_cdna3")).ok());
  const ir::Program program = build_linear(p, schedule);
  const ir::Kernel& gemm = program.kernels[1];
  std::vector<ir::Value> brought;  // activations that no step has used yet
  size_t steps = 0, most = 0;
  for (const ir::Instr& instr : gemm.body) {
    const bool is_x = instr.op == ir::Op::load && gemm.buffer(instr.buffer).space == ir::Space::shared;
    if (is_x) brought.push_back(instr.dst);
    most = std::max(most, brought.size());
    if (instr.op != ir::Op::mma) continue;
    ++steps;
    ASSERT_FALSE(brought.empty());
    EXPECT_EQ(instr.args[0], brought.front());
    brought.erase(brought.begin());
  }
  EXPECT_EQ(steps, 4u * 8);  // two stages in the loop, two behind it
  EXPECT_EQ(most, 2u);
  const auto dots = legal(p, *parse_schedule("panel=64 kk=8 mr=4 nr=16 ahead=1"), facts_of("ref_cdna3"));
  EXPECT_NE(dots.error().message.find("ahead=1 without matrix steps"), std::string::npos) << dots.error().message;
}

/// Tasks of many rows on wide waves leave room for another.
TEST(MatrixSchedule, TwoTasksShareAMachine) {
  for (const std::string name : {"ref_cdna2", "ref_cdna3", "ref_cdna4"})
    for (const char* line : {"w4a16 n=4096 k=4096 a=bf16 g=128", "w4a16 n=4096 k=4096 a=f16 g=128 zp=int",
                             "w8a8 n=4096 k=4096", "w8a16 n=4096 k=4096 a=bf16 g=128", "w16a16 n=512 k=512 a=f16"}) {
      const Problem p = resolved(line, name);
      const Schedule schedule = default_schedule(p, 4096, facts_of(name));
      EXPECT_LE(2 * shared_bytes(p, schedule), facts_of(name).shared_bytes) << name << ": " << line;
    }
}

}  // namespace
}  // namespace tilejit
