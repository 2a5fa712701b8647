// How a call's tasks meet threads: inline for one thread, the caller's parallel_for, or one OpenMP region for all phases.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <cstdint>
#include <span>

namespace tilejit {

/// Tasks that may run in any order; all of them end before the next phase starts. `run` does not throw.
struct Phase {
  int64_t tasks = 0;
  void (*run)(void* context, int64_t task, int thread) = nullptr;
  void* context = nullptr;
  bool is_small = false;  // less work than an OpenMP region costs: runs in one, but opens none
};

/// How many threads a call may use, at least 1. `invalid`: a negative count, or a parallel_for without a count.
Result<int> thread_count(const Threads& threads);

/// Runs the phases in order on `count` threads (of thread_count). Tasks are handed out as threads become free, so that uneven
/// tasks and busy cores balance; OpenMP's fork and join are paid once for all phases, and only when one of them is worth it.
/// Allocates nothing itself.
void run_phases(std::span<const Phase> phases, const Threads& threads, int count);

}  // namespace tilejit
