// Random linear layers through the public interface, on this machine or, where it has no row, by the emulator of another one's
// code (fewer of them). For each: the machine code is within the contract's bound of the double
// reference; the interpreter gives the same bits; another schedule (and an odd one in the interpreter) gives the same bits;
// nothing outside the operands is touched; and the caller's floating-point modes neither matter nor change.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <tilejit/linear.h>
#include <xmmintrin.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "targets/targets.h"
#include "tests/support/bounds.h"
#include "tests/support/guarded_memory.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_problem.h"
#include "tests/support/reference_linear.h"
#include "tests/support/target_run.h"

namespace tilejit {
namespace {

using test::GuardedMemory;
using test::Rng;

constexpr unsigned flush_to_zero = 0x8000;
constexpr unsigned denormals_are_zero = 0x0040;
constexpr unsigned default_mode = 0x1f80;
constexpr unsigned status_flags = 0x003f;

/// One random layer with everything a call needs.
struct Case {
  uint64_t seed = 0;
  Problem problem;
  test::OwnedWeights weights;
  int64_t lda = 0;
  int64_t ldo = 0;
  std::unique_ptr<GuardedMemory> a;
  test::Values values = test::Values::finite;
};

struct Variant {
  std::string target;
  Device device = Device::native;
  Schedule schedule;
  int threads = 1;
  unsigned mode = default_mode;
  bool own_workspace = false;
};

GuardedMemory::Guard random_guard(Rng& rng) {
  return rng.one_in(4) ? GuardedMemory::Guard::at_begin : GuardedMemory::Guard::at_end;
}

Case make_case(uint64_t seed, const TargetFacts& facts, Rng& rng) {
  Case c;
  c.seed = seed;
  c.problem = test::random_problem(facts, rng);
  c.weights = test::random_weights(c.problem, rng);
  c.lda = c.problem.k + (rng.one_in(2) ? 0 : rng.between(1, 40));
  c.ldo = c.problem.n + (rng.one_in(2) ? 0 : rng.between(1, 40));
  c.a = std::make_unique<GuardedMemory>(bytes_of(c.problem.a, (c.problem.m - 1) * c.lda + c.problem.k),
                                        random_guard(rng));
  c.values = rng.one_in(4) ? test::Values::with_specials : test::Values::finite;
  test::fill_activations(c.a->bytes(), c.problem.a, c.values, rng);
  return c;
}

std::string describe_case(const Case& c, const Variant& v) {
  return fmt::format(
      "{}\n  schedule: {}\n  target={} device={} threads={} mxcsr={:#x} lda={} ldo={} packing={}\n  {}\n",
      print_problem(c.problem), print_schedule(v.schedule), v.target, to_string(v.device), v.threads, v.mode, c.lda,
      c.ldo, static_cast<int>(c.weights.view.packing), test::reproduction(c.seed));
}

/// Elements between the rows keep the pattern that the memory was filled with.
void expect_gaps_untouched(const Case& c, const GuardedMemory& out) {
  const int64_t element = bits_of(c.problem.out) / 8;
  for (int64_t row = 0; row + 1 < c.problem.m; ++row) {
    for (int64_t i = (row * c.ldo + c.problem.n) * element; i < (row + 1) * c.ldo * element; ++i) {
      ASSERT_EQ(out.data()[i], GuardedMemory::pattern) << "row " << row << " was written past n";
    }
  }
}

/// Runs one variant and returns out as dense rows; empty after a failure.
std::vector<std::byte> run_variant(const Case& c, const Variant& v, Rng& rng) {
  const LinearOptions options{.target = v.target,
                              .device = v.device,
                              .schedule = print_schedule(v.schedule),
                              .warm_m = {},
                              .threads = {.max_threads = v.threads, .parallel_for = {}}};
  const auto linear = Linear::create(print_problem(c.problem), c.weights.view, options);
  if (!linear.ok()) {
    ADD_FAILURE() << linear.error().message;
    return {};
  }
  const int64_t element = bits_of(c.problem.out) / 8;
  const GuardedMemory out(((c.problem.m - 1) * c.ldo + c.problem.n) * element, random_guard(rng));
  std::unique_ptr<GuardedMemory> workspace;
  if (v.own_workspace) {
    const auto bytes = linear->workspace_bytes(c.problem.m, v.threads);
    if (!bytes.ok()) {
      ADD_FAILURE() << bytes.error().message;
      return {};
    }
    workspace = std::make_unique<GuardedMemory>((*bytes + 63) / 64 * 64, GuardedMemory::Guard::at_end, 64);
  }
  _mm_setcsr(v.mode);
  const auto ran = linear->run({.a = c.a->data(),
                                .lda = c.lda,
                                .m = c.problem.m,
                                .out = out.data(),
                                .ldo = c.ldo,
                                .workspace = workspace ? workspace->data() : nullptr});
  const unsigned mode_after = _mm_getcsr();
  _mm_setcsr(default_mode);
  EXPECT_EQ(mode_after & ~status_flags, v.mode & ~status_flags);
  if (!ran.ok()) {
    ADD_FAILURE() << ran.error().message;
    return {};
  }
  EXPECT_TRUE(out.intact() && c.a->intact() && (!workspace || workspace->intact()));
  expect_gaps_untouched(c, out);
  std::vector<std::byte> dense(static_cast<size_t>(c.problem.m * c.problem.n * element));
  for (int64_t row = 0; row < c.problem.m; ++row) {
    std::memcpy(dense.data() + row * c.problem.n * element, out.data() + row * c.ldo * element,
                static_cast<size_t>(c.problem.n * element));
  }
  return dense;
}

/// Bit for bit, but all NaNs are one.
void expect_same_bits(const Case& c, const std::vector<std::byte>& left, const std::vector<std::byte>& right) {
  if (left == right || left.size() != right.size()) return;
  const test::FloatRows x{left.data(), c.problem.out, c.problem.n};
  const test::FloatRows y{right.data(), c.problem.out, c.problem.n};
  const auto element = static_cast<size_t>(bits_of(c.problem.out) / 8);
  for (int64_t row = 0; row < c.problem.m; ++row) {
    for (int64_t n = 0; n < c.problem.n; ++n) {
      const auto at = static_cast<size_t>(row * c.problem.n + n) * element;
      const bool both_nan = std::isnan(x.at(row, n)) && std::isnan(y.at(row, n));
      ASSERT_TRUE(both_nan || std::memcmp(&left[at], &right[at], element) == 0)
          << "row " << row << ", channel " << n << ": " << x.at(row, n) << " and " << y.at(row, n);
    }
  }
}

void expect_within_bound(const Case& c, const std::vector<std::byte>& dense) {
  const auto count = static_cast<size_t>(c.problem.m * c.problem.n);
  std::vector<double> reference(count);
  std::vector<double> bound(count);
  test::reference_linear(c.problem, c.weights.view, {c.a->data(), c.problem.a, c.lda}, c.problem.m, reference.data(),
                         bound.data());
  const auto report = test::check_bound({dense.data(), c.problem.out, c.problem.n}, c.problem.m, c.problem.n,
                                        reference.data(), bound.data());
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

/// The rows that implement the problem on the device of `machine`.
std::vector<std::string> executing_rows(const Problem& problem) {
  std::vector<std::string> names = {machine()};
  for (const std::string& name : target_names()) {
    if (name != "ref" && can_implement(print_problem(problem), name, device_of(machine())).ok()) names.push_back(name);
  }
  return names;
}

void run_case(uint64_t seed) {
  Rng rng(seed);
  const Case c = make_case(seed, facts_of(machine()), rng);
  const auto native_variant = [&](const std::string& target) {
    return Variant{.target = target,
                   .device = device_of(target),
                   .schedule = test::random_schedule(c.problem, facts_of(target), rng),
                   .threads = static_cast<int>(rng.between(1, 2)),
                   .mode = random_mode(rng),
                   .own_workspace = rng.one_in(2)};
  };
  const Variant first = native_variant(machine());
  std::vector<std::byte> expected;
  {
    SCOPED_TRACE(describe_case(c, first));
    expected = run_variant(c, first, rng);
    if (testing::Test::HasFailure()) return;
    if (c.values == test::Values::finite) expect_within_bound(c, expected);
  }
  Variant interpreted = first;
  interpreted.target = "ref";
  interpreted.device = Device::native;
  interpreted.mode = default_mode;
  const Variant odd{
      .target = "ref", .device = Device::native, .schedule = test::random_schedule(c.problem, facts_of("ref"), rng)};
  for (const Variant& other : {interpreted, native_variant(rng.pick(executing_rows(c.problem))), odd}) {
    SCOPED_TRACE(describe_case(c, first) + "against\n" + describe_case(c, other));
    expect_same_bits(c, expected, run_variant(c, other, rng));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(LinearRandom, MachineCodeInterpreterAndReferenceAgree) {
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(device_of(machine()) == Device::native ? 500 : 100));
  for (uint64_t seed = first; seed < first + cases && !HasFailure(); ++seed) run_case(seed);
}

}  // namespace
}  // namespace tilejit
