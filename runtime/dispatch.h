// From a call of a Linear to machine code: finds the program of m's range, compiled by the first call that needs it, and runs
// it. Once it is there, a call takes no lock and allocates nothing: one acquire load stands between m and the program.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "runtime/bound_program.h"
#include "runtime/cache.h"
#include "runtime/pack.h"

namespace tilejit {

/// `invalid`: not a number of rows that a call takes.
Result<void> check_rows(int64_t m);

class Dispatch {
 public:
  using Compile = std::function<Result<KernelCache::Handle>(const Schedule& schedule)>;

  /// One schedule for each range of m, ascending, covering every m. `threads` serve calls that name none.
  Dispatch(Problem problem, const std::vector<Schedule>& schedules, PackedWeights packed, Threads threads,
           Compile compile, Device device);

  Result<void> run(const LinearCall& call) const;
  Result<int64_t> workspace_bytes(int64_t m, int threads) const;
  /// Compiles the program of m's range.
  Result<void> warm(int64_t m) const;

 private:
  struct Range {
    int64_t last_m = 0;
    std::atomic<const BoundProgram*> ready = nullptr;
    Schedule schedule;
    std::mutex mutex;
    std::unique_ptr<const BoundProgram> program;  // what `ready` points to; written once, under the mutex
  };

  bool is_plain(const LinearCall& call) const;
  Range& range_of(int64_t m) const;
  /// For a call that is not plain, leaves its threads to OpenMP, or is the first of its range.
  Result<void> run_closely(const LinearCall& call, const Threads& threads) const;
  Result<const BoundProgram*> program(Range& range) const;
  Result<const BoundProgram*> compile_range(Range& range) const;

  const Problem problem_;
  const PackedWeights packed_;
  const Threads threads_;
  const Compile compile_;
  const int64_t a_bytes_;    // of an element
  const int64_t out_bytes_;  // of an element of out, mul and residual
  const int64_t out_columns_;
  const bool is_special_;              // the epilogue names mul or residual, or a GPU runs it
  const bool is_queued_;               // a GPU runs it
  mutable std::vector<Range> ranges_;  // as many from the start: a Range never moves
};

}  // namespace tilejit
