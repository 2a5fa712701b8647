#include "tools/search/predictor.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <utility>

#include "jit/build_linear.h"
#include "jit/default_schedule.h"
#include "jit/predict.h"
#include "runtime/threads.h"
#include "tools/search/order.h"

namespace tilejit::search {
namespace {

constexpr double never = std::numeric_limits<double>::infinity();

/// Share of the bandwidth that the loops read with, on rows that must ask ahead: measured on Sapphire Rapids with one, two,
/// four and eight streams, 0.80, 0.90, 0.94 and 1.0 with a prefetch, 0.58, 0.71 and 0.92 without.
double read_share(const Schedule& schedule, const TargetFacts& target) {
  if (target.prefetch_bytes == 0) return 1;
  const double doublings = std::log2(schedule.tile_streams());
  return std::min(1.0, schedule.loops.prefetch > 0 ? 0.8 + 0.07 * doublings : 0.58 + 0.15 * doublings);
}

/// The kernels run one after another. In each, arithmetic and memory overlap; a tenth of the shorter is assumed not to,
/// which also orders what memory alone limits.
double call_cycles(std::span<const CompiledKernel> program, const Schedule& schedule, const TargetFacts& target,
                   int64_t m, int threads) {
  constexpr double apart = 0.1;
  const ir::CacheSizes caches{.l1_bytes = target.l1_bytes, .l2_bytes = target.l2_bytes};
  double cycles = 0;
  for (const CompiledKernel& kernel : program) {
    const KernelWork work = predict_work(kernel, m, caches);
    if (work.tasks == 0) continue;
    const int64_t turns = (work.tasks + threads - 1) / threads;  // of the thread with the most tasks
    const double share = static_cast<double>(turns) / static_cast<double>(work.tasks);
    const double arithmetic = work.cycles * share;
    const double memory = work.memory_bytes * share / (target.memory_bytes_per_cycle * read_share(schedule, target));
    cycles += std::max(arithmetic, memory) + apart * std::min(arithmetic, memory);
  }
  return cycles;
}

}  // namespace

Predictor::Predictor(const Problem& resolved, const Target& target, std::vector<int64_t> m, int threads)
    : problem_(resolved), target_(target), m_(std::move(m)), threads_(threads) {
  const Schedule schedule = default_schedule(problem_, m_.front(), target_.facts());
  const auto program = compile(build_linear(problem_, schedule), target_, {.predict = Predict::own_row});
  has_model_ = program.ok() && call_cycles(*program, schedule, target_.facts(), m_.front(), threads_) > 0;
}

Predictor::Cycles Predictor::compile_and_predict(const Schedule& schedule) const {
  const auto program = compile(build_linear(problem_, schedule), target_, {.predict = Predict::own_row});
  if (!program) return Cycles(m_.size(), never);
  Cycles cycles;
  for (const int64_t m : m_) cycles.push_back(call_cycles(*program, schedule, target_.facts(), m, threads_));
  return cycles;
}

void Predictor::predict_all(const std::vector<Schedule>& schedules, const std::function<bool()>& in_time) {
  struct Work {
    const Predictor& predictor;
    const std::vector<Schedule>& schedules;
    const std::function<bool()>& in_time;
    std::vector<Cycles> found;
  } work{*this, schedules, in_time, std::vector<Cycles>(schedules.size())};
  const auto run = [](void* context, int64_t task, int) {
    Work& w = *static_cast<Work*>(context);
    const auto i = static_cast<size_t>(task);
    if (w.in_time()) w.found[i] = w.predictor.compile_and_predict(w.schedules[i]);
  };
  const Phase phase{.tasks = static_cast<int64_t>(schedules.size()), .run = run, .context = &work};
  const Threads all_cores{.max_threads = 0, .parallel_for = {}};
  run_phases({&phase, 1}, all_cores, thread_count(all_cores).value());
  for (size_t i = 0; i < schedules.size(); ++i)
    if (!work.found[i].empty()) cycles_[print_schedule(schedules[i])] = std::move(work.found[i]);
}

void Predictor::predict(const std::vector<Schedule>& schedules, const std::function<bool()>& in_time) {
  if (!has_model_) return;
  std::vector<Schedule> tiles;
  std::vector<Schedule> variants;
  for (const Schedule& schedule : schedules) {
    const bool is_usual =
        schedule.loops.is_blocked() || schedule.loops.prefetch == usual_prefetch(schedule, target_.facts());
    const std::string text = print_schedule(schedule);
    const bool is_first = is_usual && tiles_.emplace(print_schedule(tile_of(schedule)), text).first->second == text;
    (is_first ? tiles : variants).push_back(schedule);
  }
  predict_all(tiles, in_time);
  Cycles best(m_.size(), never);
  for (const auto& [text, cycles] : cycles_)
    for (size_t i = 0; i < m_.size(); ++i) best[i] = std::min(best[i], cycles[i]);
  std::vector<std::pair<double, Schedule>> by_distance;
  for (const Schedule& variant : variants) {
    double distance = never;
    const auto tile = tiles_.find(print_schedule(tile_of(variant)));
    const auto known = tile == tiles_.end() ? cycles_.end() : cycles_.find(tile->second);
    for (size_t i = 0; known != cycles_.end() && i < m_.size(); ++i)
      distance = std::min(distance, known->second[i] / best[i]);
    by_distance.emplace_back(distance, variant);
  }
  std::stable_sort(by_distance.begin(), by_distance.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (size_t i = 0; i < variants.size(); ++i) variants[i] = by_distance[i].second;
  predict_all(variants, in_time);
}

double Predictor::cycles(const Schedule& schedule, int64_t m) {
  if (!has_model_) return 1;
  const auto index = static_cast<size_t>(std::find(m_.begin(), m_.end(), m) - m_.begin());
  const std::string text = print_schedule(schedule);
  if (const auto found = cycles_.find(text); found != cycles_.end()) return found->second[index];
  if (const auto tile = tiles_.find(print_schedule(tile_of(schedule))); tile != tiles_.end()) {
    const auto found = cycles_.find(tile->second);
    return found != cycles_.end() ? found->second[index] : never;
  }
  return (cycles_[text] = compile_and_predict(schedule))[index];
}

}  // namespace tilejit::search
