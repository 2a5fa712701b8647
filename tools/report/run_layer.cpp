#include "tools/report/run_layer.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "bench/measure/clock.h"
#include "jit/schedule.h"
#include "runtime/agreement.h"
#include "runtime/cache.h"
#include "runtime/threads.h"
#include "targets/targets.h"
#include "tools/report/device_call.h"
#include "tools/report/operands.h"

namespace tilejit::report {
namespace {

/// The schedule line that the layer uses for m.
std::string schedule_for(const LinearInfo& info, int64_t m) {
  for (const std::string& line : info.schedules) {
    auto schedule = parse_schedule(line);
    if (schedule && m >= schedule->loops.m_lo && m <= schedule->loops.m_hi) return line;
  }
  return "";
}

/// Seconds of one warm call: the median of calls for 30 ms. Calls longer than a second are not repeated.
Result<double> time_call(DeviceCall& call, double first_seconds) {
  constexpr double enough_seconds = 0.03;
  constexpr size_t least_calls = 3;
  if (first_seconds > 1) return first_seconds;
  std::vector<double> samples;
  for (double total = 0; total < enough_seconds || samples.size() < least_calls; total += samples.back()) {
    const double start = measure::now();
    TRY(call.run());
    samples.push_back(measure::now() - start);
  }
  return measure::summarize(samples).median;
}

Result<Row> run_rows(Row row, const Linear& linear, const Weights& weights, const LayerRun& run) {
  Matrix a =
      run.activations != nullptr ? repeat_rows(*run.activations, row.m) : random_matrix(run.problem.a, row.m, row.k, 1);
  row.activations = run.activations != nullptr ? "file" : "random";
  const CallInputs inputs = random_inputs(run.problem, std::move(a), 2);
  std::vector<std::byte> out(static_cast<size_t>(bytes_of(run.problem.out, row.m * run.problem.out_columns())));
  DeviceCall call = TRY(DeviceCall::make(linear, inputs, run.problem, out));
  const int64_t compiled_before = process_cache().stats().compile_us;
  TRY(call.run());
  row.compile_us = static_cast<double>(process_cache().stats().compile_us - compiled_before);
  const double start = measure::now();
  TRY(call.run());
  const double once = measure::now() - start;
  // The emulator's time says nothing about the kernel.
  const bool is_emulated = linear.info().device == Device::emulated;
  const double seconds = is_emulated ? once : TRY(time_call(call, once));
  fill_time(row, linear, seconds);
  TRY(fill_check(row, linear, weights, inputs, run.options.threads));
  return row;
}

}  // namespace

std::string target_name(std::string_view asked) {
  const auto target = find_target(asked);
  return target ? (*target)->facts().name : std::string(asked);
}

Row describe_row(const Problem& problem, std::string_view target) {
  Row row;
  row.problem = print_problem(problem);
  row.scheme = to_string(problem.scheme);
  row.n = problem.n;
  row.k = problem.k;
  row.m = std::max<int64_t>(problem.m, 0);  // any_m is negative
  row.target = target_name(target);
  return row;
}

Result<void> supports(Scheme scheme, std::string_view target, Device device) {
  return can_implement(fmt::format("{} n=128 k=128 a=bf16", to_string(scheme)), target, device);
}

Row refused_row(Row row, Device device, const Error& error) {
  auto problem = parse_problem(row.problem);
  const bool by_scheme = problem && !supports(problem->scheme, row.target, device);
  row.note = "unsupported: " + (by_scheme ? row.scheme : error.message);
  return row;
}

void fill_time(Row& row, const Linear& linear, double seconds) {
  const LinearInfo& info = linear.info();
  row.target = info.target;
  row.device = info.target == "ref" ? "interpreted" : to_string(info.device);
  row.schedule = schedule_for(info, row.m);
  row.time_us = seconds * 1e6;
  row.gbps = static_cast<double>(info.information_bytes) / seconds * 1e-9;
  row.gflops = 2.0 * static_cast<double>(row.m * row.n * row.k) / seconds * 1e-9;
}

Result<void> fill_check(Row& row, const Linear& linear, const Weights& weights, const CallInputs& inputs,
                        const Threads& threads) {
  const Problem problem = TRY(parse_problem(linear.info().problem));
  // All bits set is a NaN: an output that is not written cannot agree.
  std::vector<std::byte> out(static_cast<size_t>(bytes_of(problem.out, row.m * problem.out_columns())),
                             std::byte{0xff});
  DeviceCall checked = TRY(DeviceCall::make(linear, inputs, problem, out));
  TRY(checked.run(&threads));
  TRY(checked.fetch());
  const LinearCall call = make_call(inputs, problem, out.data());
  const ReferenceRows rows = reference_rows(problem, weights, call.a, call.lda, call.m);
  const ReferenceOperands operands{
      .mul = call.mul, .ldmul = call.ldmul, .residual = call.residual, .ldres = call.ldres};
  const Agreement agreement = TRY(compare_with_reference(problem, weights, rows, operands, call.out, call.ldo));
  row.rel_l2 = agreement.rel_l2;
  row.sqnr_db = agreement.sqnr_db;
  row.sampled = agreement.sampled;
  row.ok = agreement.ok;
  row.note = agreement.worst;
  return {};
}

Result<std::vector<Row>> run_layer(const Row& description, const Weights& weights, const LayerRun& run) {
  Row row = description;
  row.problem = print_problem(run.problem);
  const auto linear = Linear::create(row.problem, weights, run.options);
  const auto is_row = [&](const Error& e) {
    return e.kind == ErrorKind::unsupported && run.refusal == Refusal::is_a_row;
  };
  if (!linear && !is_row(linear.error())) return linear.error();
  if (!linear) return std::vector<Row>{refused_row(std::move(row), run.options.device, linear.error())};
  Problem problem = TRY(parse_problem(linear->info().problem));
  row.threads = TRY(thread_count(run.options.threads));
  std::vector<Row> rows;
  for (const int64_t m : run.m) {
    problem.m = m;
    row.m = m;
    row.problem = print_problem(problem);
    auto done = run_rows(row, *linear, weights, run);
    if (!done && !is_row(done.error())) return done.error();
    rows.push_back(done ? std::move(*done) : refused_row(row, run.options.device, done.error()));
  }
  return rows;
}

}  // namespace tilejit::report
