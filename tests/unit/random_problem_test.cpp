// Random problems reach everything that a target implements: what a generator leaves out, no random test can find wrong.
#include "tests/support/random_problem.h"

#include <gtest/gtest.h>
#include <tilejit/weights.h>

#include <set>
#include <string>
#include <vector>

#include "targets/targets.h"
#include "tests/support/random_weights.h"

namespace tilejit::test {
namespace {

constexpr int draws = 3000;

/// What is special about a problem, one word each.
std::set<std::string> traits(const Problem& p) {
  std::set<std::string> words = {"scheme=" + std::string(to_string(p.scheme)),
                                 std::string(to_string(p.scheme)) + " dot=" + std::string(to_string(p.dot))};
  for (const Epilogue e : p.epilogue) {
    Problem one;
    one.n = one.k = 2;
    one.epilogue = {e};
    words.insert(print_problem(one));
  }
  words.insert(std::string(to_string(p.scheme)) + " zp=" + std::string(to_string(p.zp)));
  if (p.perm) words.insert(std::string(to_string(p.scheme)) + " perm=1");
  if (p.ks > 1) words.insert(std::string(to_string(p.scheme)) + " ks=2");
  return words;
}

/// The same words of small problems, one for each combination that the target implements.
std::set<std::string> implemented(const TargetFacts& target) {
  std::set<std::string> words;
  const auto add = [&](const std::string& line) {
    const auto parsed = parse_problem(line);
    if (!parsed) return;
    if (const auto resolved = resolve(*parsed, target)) words.merge(traits(*resolved));
  };
  for (const char* scheme : {"w4a16", "w8a16", "w8a8", "w4a8", "w16a16"}) {
    const std::string line = std::string(scheme) + " n=64 k=256 a=bf16";
    for (const char* dot : {"fma", "bf16", "i8x2", "i8", "mma"}) add(line + " dot=" + dot);
    for (const char* rest : {"", " zp=int g=32", " zp=float g=32", " perm=1", " ks=2"}) add(line + rest);
    for (const char* op : {"bias", "relu", "silu", "gelu", "gelu_tanh", "mul", "residual", "swiglu"})
      add(line + " epilogue=" + op);
  }
  return words;
}

TEST(RandomProblem, ReachesWhatTheTargetImplements) {
  for (const std::string& name : target_names()) {
    const TargetFacts& target = (*find_target(name))->facts();
    Rng rng(1);
    std::set<std::string> reached;
    for (int i = 0; i < draws; ++i) reached.merge(traits(random_problem(target, rng)));
    for (const std::string& word : implemented(target)) EXPECT_TRUE(reached.contains(word)) << name << ": " << word;
  }
}

TEST(RandomProblem, EpilogueOpsStandInAnyOrder) {
  const TargetFacts& target = (*find_target("ref"))->facts();
  Rng rng(1);
  std::set<std::pair<Epilogue, Epilogue>> pairs;
  for (int i = 0; i < draws; ++i) {
    const Problem p = random_problem(target, rng);
    for (size_t j = 1; j < p.epilogue.size(); ++j) pairs.insert({p.epilogue[j - 1], p.epilogue[j]});
  }
  const auto may_stand_in_order = [&](Epilogue first, Epilogue second) {
    Problem p = *parse_problem("w4a16 n=64 k=64");
    p.epilogue = {first, second};
    return resolve(p, target).ok();
  };
  for (const auto& [first, second] : pairs) {
    if (!may_stand_in_order(second, first)) continue;
    EXPECT_TRUE(pairs.contains({second, first})) << static_cast<int>(first) << " before " << static_cast<int>(second);
  }
  EXPECT_TRUE(pairs.contains({Epilogue::bias, Epilogue::relu}) && pairs.contains({Epilogue::relu, Epilogue::bias}));
}

TEST(RandomProblem, LinesAreCanonical) {
  const TargetFacts& target = (*find_target("ref"))->facts();
  Rng rng(2);
  for (int i = 0; i < draws; ++i) {
    const Problem p = random_problem(target, rng);
    const auto parsed = parse_problem(print_problem(p));
    ASSERT_TRUE(parsed) << parsed.error().message;
    EXPECT_EQ(*parsed, p);
  }
}

TEST(RandomWeights, AreValidInEveryPacking) {
  const TargetFacts& target = (*find_target("ref"))->facts();
  Rng rng(3);
  std::set<std::pair<int, Packing>> packings;
  for (int i = 0; i < draws; ++i) {
    const Problem p = random_problem(target, rng);
    const OwnedWeights w = random_weights(p, rng);
    const auto valid = validate(w.view);
    ASSERT_TRUE(valid) << print_problem(p) << ": " << valid.error().message;
    packings.insert({w.view.bits, w.view.packing});
  }
  const std::set<std::pair<int, Packing>> all = {
      {4, Packing::k_words},   {4, Packing::n_words_awq}, {4, Packing::row_words}, {4, Packing::row_bytes},
      {4, Packing::q4_0},      {4, Packing::q4_1},        {4, Packing::q4_k},      {8, Packing::k_words},
      {8, Packing::row_words}, {8, Packing::row_bytes},   {8, Packing::q8_0},      {16, Packing::row_floats}};
  EXPECT_EQ(packings, all);
}

}  // namespace
}  // namespace tilejit::test
