#include "tests/support/random_problem.h"

#include <algorithm>

#include "ir/check.h"
#include "jit/matrix_schedule.h"

namespace tilejit::test {
namespace {

constexpr int most_tries = 10000;

int64_t random_size(Rng& rng) {
  return rng.pick<int64_t>({1,  2,  3,  5,  7,   8,   13,  16,  17,  24,  31,  32,  33,  48,  64,
                            65, 80, 96, 97, 100, 112, 127, 128, 129, 160, 191, 192, 200, 256, 264});
}

Type random_float_type(Rng& rng) { return rng.pick({Type::f32, Type::bf16, Type::f16}); }

/// The layers of ggml files: scales, offsets and group size are what their blocks hold.
void make_ggml(Problem& p, Rng& rng) {
  const bool four = p.weight_bits() == 4;
  p.group = 32;
  p.k = rng.pick<int64_t>({32, 64, 96, 256});
  p.zp = four ? rng.pick({ZeroDomain::none, ZeroDomain::floating}) : ZeroDomain::none;
  p.zero = p.zp == ZeroDomain::floating ? 0 : four ? 8 : 128;
  p.s = p.k == 256 && p.zp == ZeroDomain::floating ? Type::f32 : Type::f16;
  p.perm = false;
}

void draw_quantization(Problem& p, Rng& rng) {
  p.zero = 1 << (p.weight_bits() - 1);
  p.s = random_float_type(rng);
  p.perm = rng.one_in(5);
  if (p.scheme != Scheme::w8a8) {
    p.group = rng.pick<int64_t>({-1, -1, 1, 3, 8, 16, 20, 24, 32, 32, 64, 100, 128, p.k, p.k + 3});
    p.zp = rng.pick({ZeroDomain::none, ZeroDomain::integer, ZeroDomain::floating});
  }
  if (p.zp != ZeroDomain::integer && rng.one_in(3))
    p.zero = static_cast<int>(rng.between(0, p.weight_bits() == 4 ? 16 : 255));
  if (p.scheme != Scheme::w8a8 && rng.one_in(8)) make_ggml(p, rng);
}

void draw_dot(Problem& p, Rng& rng) {
  std::vector<Dot> dots = {Dot::automatic};
  if (p.quantizes_rows()) {
    dots.push_back(Dot::i8);
  } else {
    dots.push_back(Dot::fma);
    if (p.a != Type::f32) dots.push_back(Dot::mma);
    if (p.a == Type::bf16) dots.push_back(Dot::bf16);
    if (p.has_scales()) dots.push_back(Dot::i8x2);
  }
  p.dot = rng.pick(dots);
  if (p.dot == Dot::i8x2 && p.out == Type::f32) p.out = rng.pick({Type::bf16, Type::f16});
}

/// Up to four ops in any order, half of the time with a bias among them.
void draw_epilogue(Problem& p, Rng& rng) {
  std::vector<Epilogue> ops = {Epilogue::relu, Epilogue::silu,     Epilogue::gelu,  Epilogue::gelu_tanh,
                               Epilogue::mul,  Epilogue::residual, Epilogue::swiglu};
  rng.shuffle(ops);
  ops.resize(rng.pick<size_t>({0, 0, 0, 1, 1, 2, 3}));
  if (rng.one_in(2)) ops.push_back(Epilogue::bias);
  rng.shuffle(ops);
  p.epilogue = ops;
  if (p.has(Epilogue::bias)) p.bias_type = random_float_type(rng);
  if (p.has(Epilogue::swiglu)) p.n += p.n % 2;
}

Problem draw_problem(Rng& rng) {
  Problem p;
  p.scheme = rng.pick({Scheme::w4a16, Scheme::w4a16, Scheme::w8a16, Scheme::w8a8, Scheme::w4a8, Scheme::w16a16});
  p.m = rng.pick<int64_t>({1, 1, 2, 3, 4, 5, 7, 8, 11, 13, 16, 17, 29});
  p.n = random_size(rng);
  p.k = random_size(rng);
  p.a = random_float_type(rng);
  p.out = rng.one_in(2) ? p.a : random_float_type(rng);
  p.zero = 0;
  if (p.has_scales()) draw_quantization(p, rng);
  draw_dot(p, rng);
  const int64_t units = p.group == -1 ? (p.k + 127) / 128 : p.groups();
  if (rng.one_in(3)) p.ks = static_cast<int>(rng.between(1, std::min<int64_t>(units, 5)));
  draw_epilogue(p, rng);
  return p;
}

/// Waves of matrix steps.
Schedule draw_matrix_schedule(const Problem& p, const MatrixStep& step, Rng& rng) {
  Schedule s;
  s.layout.kl = step.lanes;
  s.layout.kt = step.k_of_lane();
  s.layout.kk = s.layout.kt * rng.pick({1, 2, 4, 8, 16});
  s.layout.streams = rng.pick({1, 1, 2}) * (p.has(Epilogue::swiglu) ? 2 : 1);
  s.loops.mr = step.rows * rng.pick({1, 1, 2, 3});
  s.loops.nr = step.cols * rng.pick({1, 1, 2});
  s.loops.wm = rng.pick({1, 1, 2, 3});
  s.loops.wn = rng.pick({1, 1, 2, 4});
  s.layout.panel = s.loops.nr * s.loops.wn * rng.pick({1, 1, 2});
  s.loops.kc = s.layout.kk * s.layout.kl * static_cast<int>(rng.between(1, 4));
  s.loops.stages = rng.pick({1, 2, 2});
  if (p.ks > 1 && rng.one_in(3)) s.loops.split = 1;
  s.loops.ahead = rng.pick({0, 1});
  return s;
}

Schedule draw_schedule(const Problem& p, const TargetFacts& target, Rng& rng) {
  if (const MatrixStep* step = matrix_step_of(p, target); step != nullptr && (p.dot == Dot::mma || !rng.one_in(4)))
    return draw_matrix_schedule(p, *step, rng);
  Schedule s;
  const int unit = target.any_tile ? 1 : target.lanes;
  const int columns = static_cast<int>(rng.between(1, 8));
  s.layout.kk = p.packed_k();
  const int halves = p.has(Epilogue::swiglu) ? 2 : 1;
  s.layout.streams = rng.pick({1, 1, 1, 2, 4}) * halves;
  if (s.layout.streams > halves && rng.one_in(2)) s.loops.sr = s.layout.streams / 2;
  s.layout.panel = unit * columns * (target.any_tile ? static_cast<int>(rng.between(1, 4)) : 1);
  s.loops.nr = s.layout.panel / static_cast<int>(rng.between(1, columns));
  s.loops.mr = static_cast<int>(rng.pick<int64_t>({1, 1, 2, 3, 4, 6, 8, 12}));
  s.loops.unroll = static_cast<int>(rng.pick<int64_t>({1, 1, 2, 3, 4}));
  s.loops.prefetch = rng.pick({0, 0, 512, 4096, 32768});
  s.loops.spread = rng.pick({1, 2, 16});
  if (rng.one_in(2)) s.loops.expand = Expand::panel;
  if (s.loops.expand == Expand::panel || rng.one_in(3))
    s.loops.kc = p.dot == Dot::i8x2 ? rng.pick({0, 128, 256}) : s.layout.kk * static_cast<int>(rng.between(0, 9));
  if (s.loops.is_blocked() || rng.one_in(3)) s.loops.mc = s.loops.mr * static_cast<int>(rng.between(1, 4));
  if (!s.loops.is_blocked() && p.ks > 1 && rng.one_in(3)) s.loops.split = 1;  // legal() admits equal segments alone
  return s;
}

}  // namespace

Problem random_problem(const TargetFacts& target, Rng& rng) {
  for (int tries = 0; tries < most_tries; ++tries) {
    const auto resolved = resolve(draw_problem(rng), target);
    if (resolved.ok()) return *resolved;
  }
  CHECK(false, target.name + " implements no random problem");
}

Schedule random_schedule(const Problem& resolved, const TargetFacts& target, Rng& rng) {
  for (int tries = 0; tries < most_tries; ++tries) {
    const Schedule schedule = draw_schedule(resolved, target, rng);
    if (legal(resolved, schedule, target).ok()) return schedule;
  }
  CHECK(false, "no random schedule is legal for " + print_problem(resolved));
}

}  // namespace tilejit::test
