// Any schedule, legal or not, on every GPU row: legal() refuses it with its reasons, or the kernels compile, or the compiler says
// what does not fit. Nothing else happens, whatever other threads compile at the same time: LLVM would end the process
// where it meets what it cannot select.
#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/matrix_schedule.h"
#include "targets/targets.h"
#include "tests/support/gpu_rows.h"
#include "tests/support/random_cases.h"
#include "tests/support/random_numbers.h"
#include "tests/support/random_problem.h"

namespace tilejit {
namespace {

using test::Rng;

constexpr int threads = 3;
constexpr uint64_t nothing = UINT64_MAX;
/// What each thread works on, for the words that are left when the process is ended from inside LLVM.
std::array<std::atomic<uint64_t>, threads> current_seeds;

extern "C" void say_seeds(int) {
  for (const std::atomic<uint64_t>& seed : current_seeds) {
    if (seed == nothing) continue;
    std::array<char, 64> text = {'a', 'b', 'o', 'r', 't', 'e', 'd', ' ', 'a', 't', ' ', 's', 'e', 'e', 'd', ' '};
    char* end = std::to_chars(text.data() + 16, text.data() + 40, seed.load()).ptr;
    *end++ = '\n';
    if (write(STDERR_FILENO, text.data(), static_cast<size_t>(end - text.data())) < 0) return;
  }
}

/// Says the seeds when the process aborts.
class AbortWatch {
 public:
  AbortWatch() : former_(std::signal(SIGABRT, say_seeds)) { std::ranges::fill(current_seeds, nothing); }
  ~AbortWatch() { std::signal(SIGABRT, former_); }
  AbortWatch(const AbortWatch&) = delete;
  AbortWatch& operator=(const AbortWatch&) = delete;

 private:
  void (*former_)(int);
};

/// One number of the schedule becomes another, near a sensible one or anything that the text allows.
void change_something(Schedule& s, Rng& rng) {
  const std::array<int*, 15> fields = {&s.layout.panel, &s.layout.kk,   &s.layout.streams, &s.layout.kl,
                                       &s.layout.kt,    &s.loops.mr,    &s.loops.nr,       &s.loops.kc,
                                       &s.loops.mc,     &s.loops.wm,    &s.loops.wn,       &s.loops.stages,
                                       &s.loops.unroll, &s.loops.split, &s.loops.ahead};
  int& field = *fields[static_cast<size_t>(rng.between(0, fields.size() - 1))];
  switch (rng.between(0, 5)) {
    case 0: field = static_cast<int>(rng.between(0, 64)); return;
    case 1: field *= 2; return;
    case 2: field = std::max(field / 2, 1); return;
    case 3: field *= 3; return;
    case 4: field = 1 << rng.between(0, 10); return;
    default: field = static_cast<int>(rng.between(0, 1 << 20)); return;
  }
}

Schedule any_schedule(const Problem& problem, const TargetFacts& facts, Rng& rng) {
  Schedule s = test::random_schedule(problem, facts, rng);
  for (int changes = static_cast<int>(rng.pick<int64_t>({0, 1, 1, 1, 2, 3})); changes > 0; --changes)
    change_something(s, rng);
  if (rng.one_in(8)) s.loops.expand = s.loops.expand == Expand::panel ? Expand::inplace : Expand::panel;
  // What the text cannot say cannot be asked for.
  const auto spoken = parse_schedule(print_schedule(s));
  return spoken ? *spoken : test::random_schedule(problem, facts, rng);
}

/// Whether a legal schedule is also compiled, which takes a thousand times as long.
enum class Sampling : uint8_t { check, compile };

/// One of three, of many cases one of sixteen, and a case that is repeated.
Sampling sampling_of(uint64_t seed, uint64_t cases) {
  const uint64_t share = cases == 1 ? 1 : cases < 1000 ? 3 : 16;
  return seed % share == 0 ? Sampling::compile : Sampling::check;
}

struct Tally {
  int refused = 0, compiled = 0, unfit = 0;
};

/// Empty, or what is wrong with how a case ended.
std::string run_case(uint64_t seed, const Target& target, Sampling sampling, Tally& tally) {
  Rng rng(seed);
  Problem problem = test::random_problem(target.facts(), rng);
  if (rng.one_in(4)) problem.n *= rng.pick<int64_t>({2, 16, 100});
  if (rng.one_in(4)) problem.m = rng.pick<int64_t>({64, 1000, 4096});
  const Schedule schedule = any_schedule(problem, target.facts(), rng);
  const auto wrong = [&](const std::string& what) {
    return fmt::format("{}\n{}\n{}: {}\n{}", print_problem(problem), print_schedule(schedule), target.facts().name,
                       what, test::reproduction(seed));
  };
  const auto is_reason = [](const Error& e) {
    return e.kind == ErrorKind::unsupported && e.message.size() > 10 && e.message.find('\n') == std::string::npos;
  };
  if (const auto allowed = legal(problem, schedule, target.facts()); !allowed) {
    ++tally.refused;
    return is_reason(allowed.error()) ? "" : wrong("no reason: " + allowed.error().message);
  }
  if (sampling == Sampling::check) return "";
  const auto compiled = compile(build_linear(problem, schedule), target, {});
  ++(compiled ? tally.compiled : tally.unfit);
  if (!compiled) return is_reason(compiled.error()) ? "" : wrong("no reason: " + compiled.error().message);
  for (const CompiledKernel& kernel : *compiled)
    if (kernel.code.bytes.empty() || kernel.code.resources.private_bytes != 0) return wrong("no code that fits");
  return "";
}

class AmdgpuSchedules : public testing::TestWithParam<const char*> {};

TEST_P(AmdgpuSchedules, AreRefusedOrCompiled) {
  const Target& target = **find_target(GetParam());
  const uint64_t first = test::first_seed();
  const auto cases = static_cast<uint64_t>(test::test_cases(36));
  const AbortWatch watch;
  std::atomic<uint64_t> next = first;
  std::array<Tally, threads> tallies;
  std::mutex mutex;
  std::string failures;
  std::vector<std::thread> workers;
  for (size_t t = 0; t < threads; ++t)
    workers.emplace_back([&, t] {
      for (uint64_t seed = next++; seed < first + cases; seed = next++) {
        current_seeds[t] = seed;
        const std::string failure = run_case(seed, target, sampling_of(seed, cases), tallies[t]);
        const std::lock_guard lock(mutex);
        if (!failure.empty() && failures.size() < 4096) failures += failure + "\n";
      }
      current_seeds[t] = nothing;
    });
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(failures, "");
  Tally all;
  for (const Tally& t : tallies) all = {all.refused + t.refused, all.compiled + t.compiled, all.unfit + t.unfit};
  RecordProperty("refused", all.refused);
  RecordProperty("compiled", all.compiled);
  RecordProperty("unfit", all.unfit);
  if (cases >= 36) {
    EXPECT_GT(all.refused, 0);
    EXPECT_GT(all.compiled, 0);
  }
}

INSTANTIATE_TEST_SUITE_P(Rows, AmdgpuSchedules, testing::ValuesIn(test::gpu_rows),
                         [](const auto& row) { return row.param; });

}  // namespace
}  // namespace tilejit

#endif
