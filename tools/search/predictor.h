// How long a schedule should take by the static model of the target: the schedule is compiled, the cycles of its loops
// are counted (jit/predict.h), and what comes from memory takes its time beside them. `tune` measures in this order; a
// wrong prediction costs time, never a wrong choice among what is measured.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "jit/problem.h"
#include "jit/schedule.h"
#include "targets/target.h"

namespace tilejit::search {

/// Predictions for one problem, for calls on `threads` threads with each of the `m` rows.
class Predictor {
 public:
  Predictor(const Problem& resolved, const Target& target, std::vector<int64_t> m, int threads);

  /// Predicts legal schedules on all cores of this machine while `in_time` says so: first one of each register tile,
  /// then its variants (unroll, prefetch, spread, rows of a task), those of tiles that are near the best of some m first.
  void predict(const std::vector<Schedule>& schedules, const std::function<bool()>& in_time);

  /// Cycles of one call, m one of the constructor's; infinite for a schedule that does not compile. Where predict() did
  /// not come to a variant its tile's first schedule stands for it, and where it did not come to that either the
  /// variant takes forever; what it was never given is compiled now. 1 for every schedule of a target without a model.
  double cycles(const Schedule& schedule, int64_t m);

 private:
  using Cycles = std::vector<double>;  // by m

  Cycles compile_and_predict(const Schedule& schedule) const;
  void predict_all(const std::vector<Schedule>& schedules, const std::function<bool()>& in_time);

  const Problem problem_;
  const Target& target_;
  const std::vector<int64_t> m_;
  const int threads_;
  bool has_model_ = false;
  std::map<std::string, Cycles> cycles_;      // by the schedule's text
  std::map<std::string, std::string> tiles_;  // the schedule that stands for a register tile, by the text of tile_of
};

}  // namespace tilejit::search
