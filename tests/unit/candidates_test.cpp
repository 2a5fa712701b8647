#include "jit/candidates.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "jit/default_schedule.h"
#include "targets/targets.h"

namespace tilejit {
namespace {

struct Row {
  const TargetFacts& facts;
  Problem problem;
};

Row row_of(const std::string& line, const char* target = "zen4") {
  const TargetFacts& facts = (*find_target(target))->facts();
  return {facts, *resolve(*parse_problem(line), facts)};
}

TEST(Candidates, AreLegalOrSayWhyNot) {
  const Row row = row_of("w4a16 n=4096 k=4096 g=128");
  int legal_ones = 0;
  int refused = 0;
  for (const Layout& layout : candidate_layouts(row.problem, row.facts))
    for (const Candidate& candidate : candidates(row.problem, layout, row.facts)) {
      const Result<void> verdict = legal(row.problem, candidate.schedule, row.facts);
      ASSERT_EQ(candidate.verdict.ok(), verdict.ok()) << print_schedule(candidate.schedule);
      legal_ones += verdict.ok();
      if (verdict) continue;
      ++refused;
      EXPECT_EQ(candidate.verdict.error().message, verdict.error().message);
    }
  EXPECT_GT(legal_ones, 1000);
  EXPECT_GT(refused, 1000);
}

TEST(Candidates, ComeOnceAndInAFixedOrder) {
  for (const char* line : {"w4a16 n=4096 k=4096 g=128", "w4a16 n=384 k=64"}) {
    const Row row = row_of(line);
    std::set<std::string> seen;
    for (const Layout& layout : candidate_layouts(row.problem, row.facts)) {
      const auto first = candidates(row.problem, layout, row.facts);
      const auto second = candidates(row.problem, layout, row.facts);
      ASSERT_EQ(first.size(), second.size());
      for (size_t i = 0; i < first.size(); ++i) {
        EXPECT_EQ(first[i].schedule, second[i].schedule);
        EXPECT_TRUE(seen.insert(print_schedule(first[i].schedule)).second) << print_schedule(first[i].schedule);
      }
    }
  }
}

TEST(Candidates, NeverChangeWhatDecidesBits) {
  // A line has no words for them: a schedule with `dot` or `ks` does not even parse.
  EXPECT_FALSE(parse_schedule("dot=fma").ok());
  EXPECT_FALSE(parse_schedule("ks=2").ok());
}

TEST(Candidates, ANarrowLayerHasNarrowPanels) {
  const Row row = row_of("w4a16 n=20 k=64");
  const std::vector<Layout> layouts = candidate_layouts(row.problem, row.facts);
  ASSERT_FALSE(layouts.empty());
  for (const Layout& layout : layouts) EXPECT_LE(layout.panel, 32);
}

TEST(Candidates, HoldTheDefaultLayoutOfUsualSizes) {
  for (const char* target : {"zen4", "spr", "avx512"})
    for (const char* line : {"w4a16 n=4096 k=4096 g=128", "w4a16 n=1536 k=384 g=32 zp=int dot=fma"}) {
      const Row row = row_of(line, target);
      const std::vector<Layout> layouts = candidate_layouts(row.problem, row.facts);
      const Layout wanted = default_layout(row.problem, row.facts);
      EXPECT_NE(std::find(layouts.begin(), layouts.end(), wanted), layouts.end()) << print_layout(wanted);
    }
}

TEST(Candidates, HoldTheDefaultLoops) {
  for (const char* target : {"zen4", "spr", "avx512"})
    for (const char* line : {"w4a16 n=4096 k=4096 g=128", "w4a8 n=4096 k=4096 g=128", "w8a8 n=14336 k=14336",
                             "w16a16 n=384 k=1536 dot=fma"}) {
      const Row row = row_of(line, target);
      const Layout layout = default_layout(row.problem, row.facts);
      const std::vector<Candidate> all = candidates(row.problem, layout, row.facts);
      for (Loops loops : default_loops(row.problem, layout, row.facts)) {
        loops.m_lo = 1;
        loops.m_hi = Loops::no_limit;
        const auto same = [&](const Candidate& c) { return c.verdict.ok() && c.schedule == Schedule{layout, loops}; };
        EXPECT_EQ(std::count_if(all.begin(), all.end(), same), 1) << target << " " << print_schedule({layout, loops});
      }
    }
}

}  // namespace
}  // namespace tilejit
