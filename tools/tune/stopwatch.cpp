#include "tools/tune/stopwatch.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "bench/measure/clock.h"
#include "bench/measure/walk.h"
#include "ir/check.h"
#include "jit/build_linear.h"
#include "jit/compile.h"
#include "tools/report/operands.h"

namespace tilejit::tune {

Stopwatch::Stopwatch(const Problem& resolved, const Target& target, int threads)
    : problem_(resolved), target_(target), threads_{.max_threads = threads, .parallel_for = {}},
      weights_(report::random_weights(resolved, 1)) {}

Result<void> Stopwatch::keep(const std::vector<Layout>& layouts) {
  std::map<std::string, Copies> kept;
  for (const Layout& layout : layouts)
    if (auto found = copies_.extract(print_layout(layout)); !found.empty()) kept.insert(std::move(found));
  programs_.clear();  // they are bound to the copies that go, and not to those that come
  copies_ = std::move(kept);
  for (const Layout& layout : layouts) {
    auto& packed = copies_[print_layout(layout)].packed;
    const auto count = [&] {
      const auto all = static_cast<size_t>(measure::walk_copies(packed.front()->bytes));
      return (all + layouts.size() - 1) / layouts.size();
    };
    while (packed.empty() || packed.size() < count())
      packed.push_back(std::make_unique<PackedWeights>(TRY(pack(weights_, problem_, layout, threads_))));
  }
  return {};
}

Stopwatch::Program Stopwatch::make_program(const Schedule& schedule, const Copies& copies) const {
  Program program;
  auto kernels = compile(build_linear(problem_, schedule), target_, {});
  if (!kernels) return program;
  auto loaded = load_program(std::move(*kernels), print_problem(problem_));
  if (!loaded) return program;
  const auto executable = std::make_shared<const Executable>(std::move(*loaded));
  for (const auto& packed : copies.packed) program.bound.emplace_back(executable, *packed, problem_.n * problem_.k);
  return program;
}

Stopwatch::Rows& Stopwatch::rows_of(int64_t m) {
  Rows& rows = rows_[m];
  if (rows.a.rows == 0) {
    rows.a = report::random_matrix(problem_.a, m, problem_.k, 1);
    rows.operand = report::random_matrix(problem_.out, m, problem_.n, 2);
    rows.out.resize(static_cast<size_t>(bytes_of(problem_.out, m * problem_.out_columns())));
  }
  return rows;
}

Result<void> Stopwatch::call(const BoundProgram& program, Rows& rows) const {
  void* const operand = rows.operand.data.data();
  const int64_t operand_stride = bytes_of(problem_.out, problem_.n);
  return program.run(
      {.data = {rows.a.data.data(), rows.out.data(), operand, operand},
       .row_stride_bytes = {bytes_of(problem_.a, problem_.k), bytes_of(problem_.out, problem_.out_columns()),
                            operand_stride, operand_stride},
       .m = rows.a.rows,
       .workspace = nullptr},
      threads_, threads_.max_threads);
}

/// All copies hold the same weights, so every schedule must give the same bits.
Result<void> Stopwatch::check_bits(const BoundProgram& program, const Schedule& schedule, Rows& rows) const {
  std::fill(rows.out.begin(), rows.out.end(), std::byte{0xff});
  TRY(call(program, rows));
  if (rows.expected.empty()) rows.expected = rows.out;
  CHECK(rows.expected == rows.out, fmt::format("{} m={}: schedule '{}' gives other bits than the first one measured",
                                               print_problem(problem_), rows.a.rows, print_schedule(schedule)));
  return {};
}

Result<double> Stopwatch::measure(const Schedule& schedule, int64_t m) {
  constexpr double enough_seconds = 0.5e-3;
  const std::string text = print_schedule(schedule);
  const auto copies = copies_.find(print_layout(schedule.layout));
  CHECK(copies != copies_.end(), "a layout that keep() was not told");
  const auto found = programs_.find(text);
  const Program& program =
      found != programs_.end() ? found->second : programs_[text] = make_program(schedule, copies->second);
  if (program.bound.empty()) return std::numeric_limits<double>::infinity();
  Rows& rows = rows_of(m);
  if (!std::exchange(checked_[{text, m}], true)) TRY(check_bits(program.bound.front(), schedule, rows));

  size_t& next = copies->second.next;
  const double start = measure::now();
  double seconds = 0;
  int calls = 0;
  for (; seconds < enough_seconds; ++calls) {
    TRY(call(program.bound[next], rows));
    next = (next + 1) % program.bound.size();
    seconds = measure::now() - start;
  }
  return seconds / calls;
}

}  // namespace tilejit::tune
