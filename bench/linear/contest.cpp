#include "bench/linear/contest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "bench/measure/clock.h"
#include "bench/measure/walk.h"
#include "runtime/cache.h"
#include "tools/report/operands.h"

namespace tilejit::bench {
namespace {

constexpr double sample_seconds = 0.02;  // long against the clock and a thread's start

measure::Peak peak_of(Dot dot) {
  switch (dot) {
    case Dot::bf16: return measure::Peak::vdpbf16ps;
    case Dot::i8:
    case Dot::i8x2: return measure::Peak::vpdpbusd;
    case Dot::fma:
    case Dot::mma:
    case Dot::automatic: return measure::Peak::vfmadd231ps;
  }
  return measure::Peak::vfmadd231ps;
}

}  // namespace

Result<Copies> make_copies(const std::string& line, const std::string& schedule, const Options& options) {
  Copies copies;
  const Problem asked = TRY(parse_problem(line));
  TRY(can_implement(line, options.target));
  LinearOptions create;
  create.target = options.target;
  create.schedule = schedule;
  copies.first = report::random_weights(asked, 0);
  copies.layers.push_back(TRY(Linear::create(line, copies.first, create)));
  const int64_t count = measure::walk_copies(copies.layers.front().info().packed_bytes);
  for (int64_t i = 1; i < count; ++i) {
    const Weights weights = report::random_weights(asked, static_cast<uint64_t>(i));
    copies.layers.push_back(TRY(Linear::create(line, weights, create)));
  }
  copies.problem = TRY(parse_problem(copies.layers.front().info().problem));
  return copies;
}

Contestant::Contestant(const Copies& copies, int64_t m, int threads)
    : copies_(&copies), inputs_(report::random_inputs(
                            copies.problem, report::random_matrix(copies.problem.a, m, copies.problem.k, 1), 2)),
      out_(static_cast<size_t>(bytes_of(copies.problem.out, m * copies.problem.out_columns()))),
      m_(m), threads_{.max_threads = threads, .parallel_for = {}} {}

Result<double> Contestant::time_calls(int64_t calls) {
  LinearCall call = report::make_call(inputs_, copies_->problem, out_.data());
  call.threads = &threads_;
  const double start = measure::now();
  for (int64_t i = 0; i < calls; ++i) {
    TRY(copies_->layers[next_].run(call));
    next_ = (next_ + 1) % copies_->layers.size();
  }
  return (measure::now() - start) / static_cast<double>(calls);
}

Result<void> Contestant::prepare() {
  const int64_t before = process_cache().stats().compile_us;
  TRY(time_calls(1));
  compile_us_ = static_cast<double>(process_cache().stats().compile_us - before);
  const auto copies = static_cast<int64_t>(copies_->layers.size());
  const double seconds = TRY(time_calls(std::min<int64_t>(copies, 4)));
  calls_ = std::max<int64_t>(1, std::llround(sample_seconds / seconds));
  return {};
}

Result<void> Contestant::measure(measure::RoofTable& roofs) {
  const double seconds = TRY(time_calls(calls_));
  turns_.push_back(roofs.turn(seconds, threads_.max_threads, peak_of(copies_->problem.dot)));
  return {};
}

double Contestant::times_of(const Contestant& other) const {
  std::vector<double> ratios;
  for (size_t i = 0; i < turns_.size(); ++i) ratios.push_back(turns_[i].seconds / other.turns_[i].seconds);
  return measure::summarize(ratios).median;
}

Result<report::Row> Contestant::result(const measure::RoofTable& roofs) const {
  const Linear& linear = copies_->layers.front();
  Problem problem = copies_->problem;
  problem.m = m_;
  report::Row row = report::describe_row(problem, linear.info().target);
  row.threads = threads_.max_threads;
  row.compile_us = compile_us_;
  std::vector<double> samples;
  for (const measure::Turn& turn : turns_) samples.push_back(turn.seconds);
  const measure::Summary summary = measure::summarize(samples);
  report::fill_time(row, linear, summary.median);
  row.spread = summary.spread();
  const auto bytes = static_cast<double>(linear.info().information_bytes);
  const double operations = 2.0 * static_cast<double>(m_ * problem.n * problem.k);
  const measure::Share share = roofs.share(turns_, threads_.max_threads, bytes, operations, peak_of(problem.dot));
  row.roof = share.roof;
  row.roof_share = share.of_roof;
  row.read_share = share.of_read;
  TRY(report::fill_check(row, linear, copies_->first, inputs_, threads_));
  return row;
}

}  // namespace tilejit::bench
