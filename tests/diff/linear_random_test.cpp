// Random linear layers through the public interface, on this machine or, where it has no row, by the emulator of another one's
// code (fewer of them). For each: the machine code is within the contract's bound of the double reference; the interpreter gives the same bits, and so do another row of the instruction set, another schedule (an odd one
// in the interpreter), another number of threads and another m with the rows in other places; nothing outside the operands
// is touched; and the caller's floating-point modes neither matter nor change.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <tilejit/linear.h>
#include <xmmintrin.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "targets/targets.h"
#include "tests/support/bounds.h"
#include "tests/support/guarded_memory.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_layer.h"
#include "tests/support/random_problem.h"
#include "tests/support/reference_linear.h"
#include "tests/support/target_run.h"

namespace tilejit {
namespace {

using test::GuardedMemory;
using test::OwnedRows;
using test::RandomLayer;
using test::Rng;

constexpr unsigned flush_to_zero = 0x8000;
constexpr unsigned denormals_are_zero = 0x0040;
constexpr unsigned default_mode = 0x1f80;
constexpr unsigned status_flags = 0x003f;

struct Variant {
  std::string target;
  Device device = Device::native;
  Schedule schedule;
  int threads = 1;
  unsigned mode = default_mode;
  bool own_workspace = false;
  bool in_place = false;  // the residual is read from out's own memory
};

std::string describe_case(uint64_t seed, const RandomLayer& layer, const Variant& v) {
  return fmt::format("{}\n  schedule: {}\n  target={} device={} threads={} mxcsr={:#x} packing={} lda={}{}\n  {}\n",
                     print_problem(layer.problem), print_schedule(v.schedule), v.target, to_string(v.device), v.threads,
                     v.mode, static_cast<int>(layer.weights->view.packing), layer.a.stride,
                     v.in_place ? " in place" : "", test::reproduction(seed));
}

/// Elements between the rows keep the pattern that the memory was filled with.
void expect_gaps_untouched(const OwnedRows& out) {
  for (int64_t row = 0; row + 1 < out.rows; ++row) {
    const std::byte* end = out.row(row).data() + out.row(row).size();
    ASSERT_TRUE(std::all_of(end, static_cast<const std::byte*>(out.row(row + 1).data()),
                            [](std::byte b) { return b == GuardedMemory::pattern; }))
        << "row " << row << " was written past its end";
  }
}

std::vector<std::byte> dense_rows(const OwnedRows& rows) {
  std::vector<std::byte> dense;
  for (int64_t r = 0; r < rows.rows; ++r) dense.insert(dense.end(), rows.row(r).begin(), rows.row(r).end());
  return dense;
}

/// Workspace of exactly the size asked for; empty when the arena serves.
Result<std::unique_ptr<GuardedMemory>> make_workspace(const Linear& linear, int64_t m, const Variant& v) {
  if (!v.own_workspace) return std::unique_ptr<GuardedMemory>();
  const int64_t bytes = TRY(linear.workspace_bytes(m, v.threads));
  return std::make_unique<GuardedMemory>((bytes + 63) / 64 * 64, GuardedMemory::Guard::at_end, 64);
}

/// Runs one variant and returns out as dense rows.
Result<std::vector<std::byte>> run_variant(const RandomLayer& layer, const Variant& v, Rng& rng) {
  const Problem& p = layer.problem;
  const LinearOptions options{.target = v.target,
                              .device = v.device,
                              .schedule = print_schedule(v.schedule),
                              .warm_m = {},
                              .threads = {.max_threads = v.threads, .parallel_for = {}}};
  const Linear linear = TRY(Linear::create(print_problem(p), layer.weights->view, options));
  const OwnedRows out = test::empty_rows(p.out, p.m, p.out_columns(), rng);
  if (v.in_place)
    for (int64_t r = 0; r < p.m; ++r) std::ranges::copy(layer.residual.row(r), out.row(r).begin());
  const auto workspace = TRY(make_workspace(linear, p.m, v));
  const OwnedRows& residual = v.in_place ? out : layer.residual;
  _mm_setcsr(v.mode);
  const auto ran = linear.run({.a = layer.a.data(),
                               .lda = layer.a.stride,
                               .m = p.m,
                               .out = out.memory->data(),
                               .ldo = out.stride,
                               .mul = layer.mul.data(),
                               .ldmul = layer.mul.stride,
                               .residual = residual.data(),
                               .ldres = residual.stride,
                               .workspace = workspace ? workspace->data() : nullptr});
  const unsigned mode_after = _mm_getcsr();
  _mm_setcsr(default_mode);
  EXPECT_EQ(mode_after & ~status_flags, v.mode & ~status_flags);
  TRY(ran);
  EXPECT_TRUE(out.intact() && layer.a.intact() && layer.mul.intact() && layer.residual.intact());
  EXPECT_TRUE(!workspace || workspace->intact());
  expect_gaps_untouched(out);
  return dense_rows(out);
}

/// Bit for bit, but all NaNs are one.
void expect_same_bits(const Problem& p, const std::vector<std::byte>& left, const std::vector<std::byte>& right) {
  ASSERT_EQ(left.size(), right.size());
  if (left == right) return;
  const int64_t columns = p.out_columns();
  const test::FloatRows x{left.data(), p.out, columns};
  const test::FloatRows y{right.data(), p.out, columns};
  const auto element = static_cast<size_t>(bits_of(p.out) / 8);
  for (int64_t row = 0; row < p.m; ++row) {
    for (int64_t n = 0; n < columns; ++n) {
      const auto at = static_cast<size_t>(row * columns + n) * element;
      const bool both_nan = std::isnan(x.at(row, n)) && std::isnan(y.at(row, n));
      ASSERT_TRUE(both_nan || std::memcmp(&left[at], &right[at], element) == 0)
          << "row " << row << ", column " << n << ": " << x.at(row, n) << " and " << y.at(row, n);
    }
  }
}

void expect_within_bound(const RandomLayer& layer, const std::vector<std::byte>& dense) {
  const Problem& p = layer.problem;
  const int64_t columns = p.out_columns();
  const auto count = static_cast<size_t>(p.m * columns);
  std::vector<double> reference(count);
  std::vector<double> bound(count);
  test::reference_linear(p, layer.weights->view, {layer.a.data(), p.a, layer.a.stride}, layer.operands(), p.m,
                         reference.data(), bound.data());
  const auto report = test::check_bound({dense.data(), p.out, columns}, p.m, columns, reference.data(), bound.data());
  EXPECT_TRUE(report.ok) << report.message;
}

unsigned random_mode(Rng& rng) {
  if (!rng.one_in(3)) return default_mode;
  const unsigned rounding = static_cast<unsigned>(rng.between(0, 3)) << 13;
  return default_mode | rounding | (rng.one_in(2) ? flush_to_zero : 0) | (rng.one_in(2) ? denormals_are_zero : 0);
}

const TargetFacts& facts_of(const std::string& name) {
  const auto target = find_target(name);
  EXPECT_TRUE(target.ok());
  return (*target)->facts();
}

/// This machine's row; without AVX-512 the one that is emulated; without the emulator the interpreter, which still meets the
/// reference and other schedules.
std::string machine() {
  if (find_target("host").ok()) return "host";
  return test::device_for(**find_target("zen4")).ok() ? "zen4" : "ref";
}

Device device_of(const std::string& name) {
  const auto device = test::device_for(**find_target(name));
  return device.ok() ? *device : Device::native;
}

/// The rows of the interpreter with matrix steps, whose tasks are waves.
std::vector<std::string> rows_of_waves() {
  std::vector<std::string> names;
  for (const std::string& name : target_names())
    if (name.starts_with("ref_")) names.push_back(name);
  return names;
}

/// The interpreter that defines the bits of a machine.
std::string interpreter_of(const std::string& machine) { return machine.starts_with("ref_") ? machine : "ref"; }

/// The rows that implement the problem on the device of `machine`. Integers are the same everywhere.
std::vector<std::string> executing_rows(const Problem& problem, const std::string& machine) {
  if (machine.starts_with("ref_")) return {problem.has_integer_dot() ? "ref" : machine};
  std::vector<std::string> names = {machine};
  for (const std::string& name : target_names()) {
    if (!name.starts_with("ref") && can_implement(print_problem(problem), name, device_of(machine)).ok())
      names.push_back(name);
  }
  return names;
}

Variant random_variant(const Problem& problem, const std::string& target, Rng& rng) {
  return {.target = target,
          .device = device_of(target),
          .schedule = test::random_schedule(problem, facts_of(target), rng),
          .threads = static_cast<int>(rng.between(1, 2)),
          .mode = random_mode(rng),
          .own_workspace = rng.one_in(2),
          .in_place = problem.has(Epilogue::residual) &&
                      problem.columns_at(Epilogue::residual) == problem.out_columns() && rng.one_in(2)};
}

/// The bytes of other rows: row r is row which[r] of `dense`.
std::vector<std::byte> gather_rows(const std::vector<std::byte>& dense, int64_t row_bytes,
                                   const std::vector<int64_t>& which) {
  std::vector<std::byte> gathered;
  for (const int64_t r : which)
    gathered.insert(gathered.end(), dense.begin() + r * row_bytes, dense.begin() + (r + 1) * row_bytes);
  return gathered;
}

/// A GPU's registers are counted when a kernel is compiled: a tile that legal() admits may need more than there are.
bool is_short_of_registers(const Variant& variant, const Error& error) {
  return facts_of(variant.target).is_gpu && error.kind == ErrorKind::unsupported &&
         error.message.find("bytes of memory for each lane") != std::string::npos;
}

/// Another m whose rows are those of `layer` in other places: no row's bits depend on where it is or on what is beside it.
void expect_rows_are_independent(uint64_t seed, const RandomLayer& layer, const std::string& machine,
                                 const std::vector<std::byte>& expected, Rng& rng) {
  std::vector<int64_t> which(static_cast<size_t>(rng.between(1, 20)));
  for (int64_t& r : which) r = rng.between(0, layer.problem.m - 1);
  const RandomLayer other = test::with_rows(layer, which, rng);
  const Variant variant = random_variant(other.problem, machine, rng);
  SCOPED_TRACE("with rows moved from another m\n" + describe_case(seed, other, variant));
  const auto out = run_variant(other, variant, rng);
  ASSERT_TRUE(out.ok()) << out.error().message;
  const int64_t row_bytes = bytes_of(layer.problem.out, layer.problem.out_columns());
  expect_same_bits(other.problem, gather_rows(expected, row_bytes, which), *out);
}

void run_case(uint64_t seed, const std::string& machine) {
  Rng rng(seed);
  const RandomLayer layer = test::random_layer(facts_of(machine), rng);
  const Variant first = random_variant(layer.problem, machine, rng);
  SCOPED_TRACE(describe_case(seed, layer, first));
  const auto expected = run_variant(layer, first, rng);
  ASSERT_TRUE(expected.ok()) << expected.error().message;
  // What float dots make of infinities may overflow on its way; integer dots turn such rows into NaN.
  if (layer.values == test::Values::finite || layer.problem.has_integer_dot()) expect_within_bound(layer, *expected);
  Variant interpreted = first;
  interpreted.target = interpreter_of(machine);
  interpreted.device = Device::native;
  interpreted.mode = default_mode;
  const Variant odd{.target = interpreter_of(machine),
                    .schedule = test::random_schedule(layer.problem, facts_of(interpreter_of(machine)), rng)};
  const Variant other_row = random_variant(layer.problem, rng.pick(executing_rows(layer.problem, machine)), rng);
  for (const Variant& other : {interpreted, other_row, odd}) {
    if (testing::Test::HasFailure()) return;
    SCOPED_TRACE("against\n" + describe_case(seed, layer, other));
    const auto out = run_variant(layer, other, rng);
    if (!out.ok() && is_short_of_registers(other, out.error())) continue;
    ASSERT_TRUE(out.ok()) << out.error().message;
    expect_same_bits(layer.problem, *expected, *out);
  }
  if (!testing::Test::HasFailure()) expect_rows_are_independent(seed, layer, machine, *expected, rng);
}

TEST(LinearRandom, MachineCodeInterpreterAndReferenceAgree) {
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(device_of(machine()) == Device::native ? 500 : 300));
  for (uint64_t seed = first; seed < first + cases && !HasFailure(); ++seed) run_case(seed, machine());
}

/// Matrix steps: waves in adversarial orders, for every family's numerics and lanes.
TEST(LinearRandom, WavesAndReferenceAgree) {
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(300));
  const std::vector<std::string> rows = rows_of_waves();
  for (uint64_t seed = first; seed < first + cases && !HasFailure(); ++seed) run_case(seed, rows[seed % rows.size()]);
}

}  // namespace
}  // namespace tilejit
