// Times schedules of one problem on this machine: packs the weights in each layout that competes, as often as together no
// cache holds them, compiles each schedule once, and times calls that walk the copies. What a schedule computes is compared,
// bit for bit, with what the first one of that m computed.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "runtime/bound_program.h"
#include "runtime/pack.h"
#include "targets/target.h"
#include "tools/report/run_layer.h"

namespace tilejit::tune {

class Stopwatch {
 public:
  Stopwatch(const Problem& resolved, const Target& target, int threads);

  /// Seconds of one call, the mean of as many as take half a millisecond. A schedule that does not compile takes forever.
  Result<double> measure(const Schedule& schedule, int64_t m);
  /// Packs these layouts and forgets all others.
  Result<void> keep(const std::vector<Layout>& layouts);

 private:
  /// The copies of one layout, walked on from where the last call stopped.
  struct Copies {
    std::vector<std::unique_ptr<PackedWeights>> packed;
    size_t next = 0;
  };
  /// One schedule, bound to each copy; none where it does not compile.
  struct Program {
    std::vector<BoundProgram> bound;
  };
  /// Operands for an m.
  struct Rows {
    report::Matrix a;
    report::Matrix operand;  // of mul and residual
    std::vector<std::byte> out;
    std::vector<std::byte> expected;  // empty until the first schedule has run
  };

  Program make_program(const Schedule& schedule, const Copies& copies) const;
  Rows& rows_of(int64_t m);
  Result<void> call(const BoundProgram& program, Rows& rows) const;
  Result<void> check_bits(const BoundProgram& program, const Schedule& schedule, Rows& rows) const;

  const Problem problem_;
  const Target& target_;
  const Threads threads_;
  const Weights weights_;
  std::map<std::string, Copies> copies_;     // by the layout's text
  std::map<std::string, Program> programs_;  // by the schedule's text
  std::map<std::pair<std::string, int64_t>, bool> checked_;
  std::map<int64_t, Rows> rows_;
};

}  // namespace tilejit::tune
