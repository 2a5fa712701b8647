// The emulator's sensitivity: in sound kernels each wait, each s_nop and each barrier is left out in turn, counters are
// loosened by one, and bits of operands and modifiers are flipped. What neither a report nor a wrong result shows must be
// proven harmless by executing both kernels. TILEJIT_TEST_CASES says how many bits are flipped; from 1,000 on all kernels
// take part. A table of counts is printed.
#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/random_cases.h"
#include "tests/unit/amdgpu_mutation.h"
#include "tests/unit/amdgpu_subject.h"
#include "tests/unit/amdgpu_survivors.h"
#include "tests/unit/amdgpu_written_kernels.h"

namespace tilejit::testing {
namespace {

using namespace amdgpu::emulator;

struct Line {
  const char* target;
  const char* problem;
};
// The first ones run always.
constexpr Line lines[] = {
    {"gfx942", "w4a16 m=9 n=330 k=288 a=bf16 out=f32 g=32 zp=int s=f16 epilogue=bias+silu"},
    {"gfx1100", "w8a8 m=9 n=330 k=288 a=f32 s=f16 epilogue=bias"},
    {"gfx1201", "w4a8 m=9 n=330 k=288 a=f32 g=32 zp=float"},
    {"gfx90a", "w4a16 m=9 n=330 k=288 a=f16 out=f32 g=32 zp=float s=bf16 epilogue=bias"},
    {"gfx90a", "w8a8 m=9 n=330 k=288 a=f32 epilogue=relu"},
    {"gfx942", "w8a8 m=9 n=330 k=288 a=bf16 out=f32 epilogue=residual"},
    {"gfx942", "w4a8 m=9 n=330 k=288 a=f32 g=48 zp=int"},
    {"gfx942", "w4a16 m=9 n=330 k=288 a=f32 g=32 perm=1 epilogue=mul"},
    {"gfx942", "w16a16 m=9 n=330 k=288 a=bf16 out=f32"},
    {"gfx950", "w4a16 m=9 n=330 k=288 a=bf16 out=f32 g=32 epilogue=bias"},
    {"gfx950", "w8a16 m=9 n=330 k=288 a=f16 out=f32 g=32 epilogue=swiglu"},
    {"gfx1030", "w4a16 m=9 n=330 k=288 a=f16 out=f32 g=32 zp=int"},
    {"gfx1030", "w8a8 m=9 n=330 k=288 a=f32"},
    {"gfx1100", "w4a16 m=9 n=330 k=288 a=f16 out=f32 g=32 zp=int epilogue=gelu_tanh"},
    {"gfx1100", "w16a16 m=9 n=330 k=288 a=f16 out=f32"},
    {"gfx1150", "w4a16 m=9 n=330 k=288 a=bf16 out=f32 g=48 dot=i8x2"},
    {"gfx1151", "w4a8 m=9 n=330 k=288 a=f16 out=f32 g=32 zp=int"},
    {"gfx1151", "w8a16 m=9 n=330 k=288 a=bf16 out=f32 g=32"},
    {"gfx1200", "w4a16 m=9 n=330 k=288 a=bf16 out=f32 g=32 zp=float"},
    {"gfx1201", "w8a8 m=9 n=330 k=288 a=f32 epilogue=gelu"},
    {"gfx1201", "w16a16 m=9 n=330 k=288 a=bf16 out=f32"},
};

/// What became of the alterations of one kind.
struct Tally {
  int all = 0, report = 0, bits = 0, refused = 0, stopped = 0;
  int ignored = 0;  // flips that the emulator does not tell from the original
  std::map<std::string, int> proven;
  std::vector<std::string> unproven;

  /// Whether anybody noticed.
  bool count(const Ran& ran) {
    ++all;
    report += ran.end == End::report ? 1 : 0;
    bits += ran.end == End::bits ? 1 : 0;
    refused += ran.end == End::refused ? 1 : 0;
    stopped += ran.end == End::stopped ? 1 : 0;
    return ran.end != End::silent;
  }
  int detected() const { return report + bits + refused + stopped; }
};
using Table = std::map<std::string, Tally>;

void print(const Table& table) {
  for (const auto& [name, t] : table) {
    fmt::print("{:24} {:6} altered: {} by report, {} by bits, {} refused, {} stopped; {} unproven\n", name, t.all,
               t.report, t.bits, t.refused, t.stopped, t.unproven.size());
    for (const auto& [reason, count] : t.proven) fmt::print("{:24} {:6} {}\n", "", count, reason);
  }
}

Ran run_changed(Subject& subject, const Program& program, size_t n, const Changed& changed) {
  const Result<Emulator> altered = load_changed(subject, program, n, changed);
  if (!altered) return {End::refused, altered.error().message};
  return run_all(subject, *altered);
}

void leave_out(Subject& subject, const Emulator& emulator, const std::vector<Trace>& traces, Table& table) {
  const Program& p = emulator.program();
  const bool is_alone = subject.operands[0].launches[0].launch.size[0] <= static_cast<uint32_t>(p.wave);
  for (size_t n = 0; n < p.instrs.size(); ++n) {
    const auto guard = guard_of(p, n);
    if (!guard) continue;
    const auto settle = [&](Tally& tally, const Ran& ran, const std::string& what, std::span<const int16_t> looser) {
      if (tally.count(ran)) return;
      if (*guard == Guard::barrier && separates_nothing(p, traces, n))
        return void(++tally.proven["no LDS access lies before it or behind it"]);
      if (*guard == Guard::nop && is_behind_packed_operation(p, n))
        return void(++tally.proven["LLVM puts it behind every packed operation"]);
      if (*guard == Guard::nop && is_padding(p, n)) return void(++tally.proven["it aligns a branch target"]);
      if (*guard == Guard::wait || *guard == Guard::alu_wait) {
        const WaitProof proof = *guard == Guard::wait ? prove_harmless(p, traces, n, looser, is_alone)
                                                      : prove_alu_wait_redundant(p, traces, n);
        if (proof.kind == WaitProof::Kind::idle) return void(++tally.proven["it never finds anything to wait for"]);
        if (proof.kind == WaitProof::Kind::covered)
          return void(++tally.proven["another wait comes before any use of what it waits for"]);
        tally.unproven.push_back(fmt::format("{}: {:#x}: {} -> {}: {}", subject.name, p.addresses[n], p.texts[n], what,
                                             proof.where.empty() ? "not executed" : proof.where));
        return;
      }
      tally.unproven.push_back(fmt::format("{}: {:#x}: {} -> {}", subject.name, p.addresses[n], p.texts[n], what));
    };
    const Emulator without = emulator.without(n);
    settle(table[fmt::format("without {}", to_string(*guard))], run_all(subject, without), "left out", {});
    for (const Changed& changed : loosened(subject, p, n)) {
      const Result<Emulator> altered = load_changed(subject, p, n, changed);
      std::span<const int16_t> looser;
      if (altered) looser = altered->program().instrs[n].wait;
      settle(table[fmt::format("looser {}", to_string(*guard))], run_changed(subject, p, n, changed), changed.text,
             looser);
    }
  }
}

/// Instructions that compute or move something and are executed.
std::vector<size_t> flippable(const Program& p, const std::vector<Trace>& traces) {
  std::vector<bool> executed(p.instrs.size());
  for (const Trace& trace : traces)
    for (const uint32_t at : trace) executed[at] = true;
  std::vector<size_t> all;
  for (size_t n = 0; n < p.instrs.size(); ++n) {
    const std::string_view mnemonic = mnemonic_of(p.texts[n]);
    const bool advises = mnemonic == "s_delay_alu" || mnemonic == "s_clause" ||
                         mnemonic == "s_set_inst_prefetch_distance" || mnemonic == "s_inst_prefetch" ||
                         mnemonic == "s_sendmsg" || mnemonic == "s_endpgm";
    if (executed[n] && !guard_of(p, n) && !advises) all.push_back(n);
  }
  return all;
}

/// Flips one bit that leaves the operation what it is; false when the drawn bit does not.
bool flip_one(Subject& subject, const Emulator& emulator, size_t n, std::mt19937_64& random, Table& table) {
  const Program& p = emulator.program();
  const auto bit = static_cast<uint32_t>(random() % (8 * bytes_of(p, n)));
  const auto changed = flipped(subject, p, n, bit);
  if (!changed || mnemonic_of(changed->text) != mnemonic_of(p.texts[n])) return false;
  if (changed->text == p.texts[n]) {
    ++table["flip"].proven["(not counted) a bit without a meaning"];
    return false;
  }
  if (without_cache_policy(changed->text) == without_cache_policy(p.texts[n])) {
    ++table["flip"].proven["(not counted) cache policy"];
    return false;
  }
  Tally& tally = table["flip"];
  const Ran ran = run_changed(subject, p, n, *changed);
  if (tally.count(ran)) return true;
  const Result<Emulator> altered = load_changed(subject, p, n, *changed);
  const FlipProof proof = prove_unchanged(subject, emulator, *altered, n);
  const std::string what =
      fmt::format("{}: {:#x}: {} -> {} (bit {})", subject.name, p.addresses[n], p.texts[n], changed->text, bit);
  if (proof.kind == Unchanged::ignored)
    tally.unproven.push_back(what);
  else
    ++tally.proven[fmt::format("{}{}{}", to_string(proof.kind), proof.by.empty() ? "" : ": ", proof.by)];
  tally.ignored += proof.kind == Unchanged::ignored || proof.kind == Unchanged::defined ? 1 : 0;
  return true;
}

void flip(Subject& subject, const Emulator& emulator, const std::vector<Trace>& traces, int cases, uint64_t seed,
          Table& table) {
  std::mt19937_64 random(seed);
  const std::vector<size_t> places = flippable(emulator.program(), traces);
  for (int done = 0, tries = 0; done < cases && tries < 50 * cases; ++tries)
    done += flip_one(subject, emulator, places[random() % places.size()], random, table) ? 1 : 0;
}

TEST(AmdgpuSensitivity, EveryAlterationIsDetectedOrHarmless) {
  const int cases = test::test_cases(60);
  const uint64_t seed = test::first_seed();
  std::vector<Subject> subjects;
  for (size_t n = 0; n < (cases < 1000 ? 3 : std::size(lines)); ++n) {
    auto made = linear_subjects(lines[n].target, lines[n].problem, 2);
    ASSERT_TRUE(made.ok()) << lines[n].target << " " << lines[n].problem << ": " << made.error().message;
    std::ranges::move(*made, std::back_inserter(subjects));
  }
  for (const Written& written : written_kernels()) {
    auto made = written_subject(written, 2);
    ASSERT_TRUE(made.ok()) << made.error().message;
    subjects.push_back(std::move(*made));
  }
  Table table;
  for (size_t n = 0; n < subjects.size(); ++n) {
    const auto emulator = subjects[n].load();
    const std::vector<Trace> traces = traces_of(subjects[n], *emulator);
    leave_out(subjects[n], *emulator, traces, table);
    const int share = static_cast<int>((static_cast<size_t>(cases) + subjects.size() - 1) / subjects.size());
    flip(subjects[n], *emulator, traces, share, seed + n, table);
  }
  fmt::print("{} kernels\n", subjects.size());
  print(table);
  const Tally& flips = table["flip"];
  fmt::print("flips: {:.1f} % change what the kernel does, {:.1f} % what its instruction does\n",
             100.0 * flips.detected() / flips.all, 100.0 * (flips.all - flips.ignored) / flips.all);
  if (cases >= 1000) { EXPECT_LE(100 * flips.ignored, flips.all); }
  for (const auto& [name, tally] : table)
    for (const std::string& unproven : tally.unproven) ADD_FAILURE() << name << ": " << unproven;
}

}  // namespace
}  // namespace tilejit::testing

#endif
