#include "tests/support/random_problem.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "ir/check.h"
#include "runtime/weights_layout.h"

namespace tilejit::test {
namespace {

int64_t random_size(Rng& rng) {
  return rng.pick<int64_t>({1,  2,  3,  5,  7,   8,   13,  16,  17,  24,  31,  32,  33,  48,  64,
                            65, 80, 96, 97, 100, 112, 127, 128, 129, 160, 191, 192, 200, 256, 264});
}

Type random_float_type(Rng& rng) { return rng.pick({Type::f32, Type::bf16, Type::f16}); }

/// The layers of ggml files: scales, offsets and group size are what their blocks hold.
void make_ggml(Problem& p, Rng& rng) {
  p.group = 32;
  p.k = rng.pick<int64_t>({32, 64, 96, 256});
  p.zp = rng.pick({ZeroDomain::none, ZeroDomain::floating});
  p.zero = p.zp == ZeroDomain::none ? 8 : 0;
  p.s = p.k == 256 && p.zp == ZeroDomain::floating ? Type::f32 : Type::f16;
  p.perm = false;
}

Problem draw_problem(Rng& rng) {
  Problem p;
  p.m = rng.pick<int64_t>({1, 1, 2, 3, 4, 5, 7, 8, 11, 13, 16, 17, 29});
  p.n = random_size(rng);
  p.k = random_size(rng);
  p.a = random_float_type(rng);
  p.out = rng.one_in(2) ? p.a : random_float_type(rng);
  p.group = rng.pick<int64_t>({-1, -1, 1, 3, 8, 16, 20, 24, 32, 32, 64, 100, 128, p.k, p.k + 3});
  p.zp = rng.pick({ZeroDomain::none, ZeroDomain::integer, ZeroDomain::floating});
  if (p.zp != ZeroDomain::integer && rng.one_in(3)) p.zero = static_cast<int>(rng.between(0, 16));
  p.s = random_float_type(rng);
  p.perm = rng.one_in(5);
  if (p.a == Type::bf16) p.dot = rng.pick({Dot::automatic, Dot::fma, Dot::bf16});
  if (rng.one_in(8)) make_ggml(p, rng);
  const int64_t units = p.group == -1 ? (p.k + 127) / 128 : p.groups();
  if (rng.one_in(3)) p.ks = static_cast<int>(rng.between(1, std::min<int64_t>(units, 5)));
  if (rng.one_in(2)) p.epilogue = {Epilogue::bias};
  if (rng.one_in(2)) p.bias_type = p.epilogue.empty() ? Type::f32 : random_float_type(rng);
  return p;
}

Schedule draw_schedule(const TargetFacts& target, Rng& rng) {
  Schedule s;
  const int unit = target.any_tile ? 1 : target.lanes;
  const int columns = static_cast<int>(rng.between(1, 8));
  s.layout.streams = rng.pick({1, 1, 1, 2, 4});
  s.layout.panel = unit * columns * (target.any_tile ? static_cast<int>(rng.between(1, 4)) : 1);
  s.loops.nr = s.layout.panel / static_cast<int>(rng.between(1, columns));
  s.loops.mr = static_cast<int>(rng.pick<int64_t>({1, 1, 2, 3, 4, 6, 8, 12}));
  s.loops.unroll = static_cast<int>(rng.pick<int64_t>({1, 1, 2, 3, 4}));
  s.loops.prefetch = rng.pick({0, 0, 512, 4096});
  if (rng.one_in(2)) {
    s.loops.expand = Expand::panel;
    s.loops.kc = s.layout.kk * static_cast<int>(rng.between(0, 9));
    s.loops.mc = s.loops.mr * static_cast<int>(rng.between(1, 4));
  }
  return s;
}

GuardedMemory& add_memory(OwnedWeights& w, int64_t bytes) {
  return *w.memory.emplace_back(std::make_unique<GuardedMemory>(std::max<int64_t>(bytes, 1)));
}

std::span<const std::byte> random_bytes(OwnedWeights& w, int64_t bytes, Rng& rng) {
  GuardedMemory& memory = add_memory(w, bytes);
  for (std::byte& b : memory.bytes()) b = static_cast<std::byte>(rng.next());
  return memory.bytes();
}

/// A scale: of either sign, now and then zero, over a few orders of magnitude.
double random_scale(Rng& rng) {
  return rng.one_in(20) ? 0.0 : rng.symmetric() * std::ldexp(1.0, static_cast<int>(rng.between(-8, 0)));
}

/// [G, N] in either order.
FloatMatrix random_matrix(OwnedWeights& w, Type type, Rng& rng) {
  const int64_t groups = w.view.groups();
  const int64_t bytes = bits_of(type) / 8;
  GuardedMemory& memory = add_memory(w, groups * w.view.n * bytes);
  for (int64_t i = 0; i < groups * w.view.n; ++i) store_float(memory.data() + i * bytes, type, random_scale(rng));
  FloatMatrix matrix{.data = memory.data(), .type = type, .group_stride = w.view.n, .channel_stride = 1};
  if (rng.one_in(2)) {
    matrix.group_stride = 1;
    matrix.channel_stride = groups;
  }
  return matrix;
}

std::vector<Packing> packings_for(const Problem& p) {
  std::vector<Packing> packings = {Packing::row_words, Packing::row_bytes};
  if (p.k % 8 == 0) packings.push_back(Packing::k_words);
  if (p.n % 8 == 0) packings.push_back(Packing::n_words_awq);
  if (p.group != 32 || p.k % 32 != 0 || p.perm) return packings;
  if (p.zp == ZeroDomain::none && p.zero == 8 && p.s == Type::f16) packings = {Packing::q4_0};
  if (p.zp == ZeroDomain::floating && p.zero == 0 && p.s == Type::f16) packings = {Packing::q4_1};
  if (p.zp == ZeroDomain::floating && p.zero == 0 && p.s == Type::f32 && p.k % 256 == 0) packings = {Packing::q4_k};
  return packings;
}

/// Every block of a ggml row starts with one or two f16 that must be finite.
void set_block_scales(const Weights& w, std::byte* data, Rng& rng) {
  const int64_t halves = w.packing == Packing::q4_0 ? 1 : 2;
  const int64_t block_k = w.packing == Packing::q4_k ? 256 : 32;
  const int64_t block_bytes = w.packing == Packing::q4_0 ? 18 : w.packing == Packing::q4_1 ? 20 : 144;
  for (int64_t block = 0; block < w.n * w.k / block_k; ++block) {
    for (int64_t i = 0; i < halves; ++i) store_float(data + block * block_bytes + 2 * i, Type::f16, random_scale(rng));
  }
}

void fill_data(OwnedWeights& w, Rng& rng) {
  w.view.data = random_bytes(w, data_bytes(w.view), rng);
  std::byte* data = w.memory.back()->data();
  const Packing packing = w.view.packing;
  if (packing == Packing::q4_0 || packing == Packing::q4_1 || packing == Packing::q4_k)
    set_block_scales(w.view, data, rng);
  if (packing != Packing::row_bytes) return;
  for (std::byte& b : w.memory.back()->bytes()) b = static_cast<std::byte>(rng.between(-8, 7));
}

}  // namespace

uint64_t Rng::next() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

int64_t Rng::between(int64_t lo, int64_t hi) {
  return lo + static_cast<int64_t>(next() % static_cast<uint64_t>(hi - lo + 1));
}

double Rng::symmetric() { return std::ldexp(static_cast<double>(static_cast<int64_t>(next()) >> 11), -52); }

Problem random_problem(const TargetFacts& target, Rng& rng) {
  while (true) {
    const auto resolved = resolve(draw_problem(rng), target);
    if (resolved.ok()) return *resolved;
  }
}

Schedule random_schedule(const Problem& resolved, const TargetFacts& target, Rng& rng) {
  for (int tries = 0; tries < 10000; ++tries) {
    const Schedule schedule = draw_schedule(target, rng);
    if (legal(resolved, schedule, target).ok()) return schedule;
  }
  CHECK(false, "no random schedule is legal for " + print_problem(resolved));
}

OwnedWeights random_weights(const Problem& p, Rng& rng) {
  OwnedWeights w;
  Weights& view = w.view;
  view.n = p.n;
  view.k = p.k;
  view.bits = p.weight_bits();
  view.group = p.group;
  view.zero = p.zero;
  view.name = "random";
  view.packing = rng.pick(packings_for(p));
  fill_data(w, rng);
  if (p.zp == ZeroDomain::integer) {
    view.zero_packing = p.n % 8 != 0 ? ZeroPacking::n_words_transposed
                                     : rng.pick({ZeroPacking::n_words, ZeroPacking::n_words_minus_one,
                                                 ZeroPacking::n_words_awq, ZeroPacking::n_words_transposed});
    view.zeros = random_bytes(w, zeros_bytes(view), rng);
  }
  const bool in_blocks =
      view.packing == Packing::q4_0 || view.packing == Packing::q4_1 || view.packing == Packing::q4_k;
  if (!in_blocks) view.scales = random_matrix(w, p.s, rng);
  if (!in_blocks && p.zp == ZeroDomain::floating) view.offsets = random_matrix(w, p.s, rng);
  if (p.perm) {
    w.perm.resize(static_cast<size_t>(p.k));
    std::iota(w.perm.begin(), w.perm.end(), 0);
    for (size_t i = w.perm.size(); i-- > 1;)
      std::swap(w.perm[i], w.perm[static_cast<size_t>(rng.between(0, static_cast<int64_t>(i)))]);
    view.perm = w.perm;
  }
  if (p.has(Epilogue::bias)) {
    const int64_t bytes = bits_of(p.bias_type) / 8;
    GuardedMemory& memory = add_memory(w, p.n * bytes);
    for (int64_t i = 0; i < p.n; ++i) store_float(memory.data() + i * bytes, p.bias_type, rng.symmetric());
    view.bias = memory.bytes();
    view.bias_type = p.bias_type;
  }
  return w;
}

void fill_activations(std::span<std::byte> memory, Type type, Values values, Rng& rng) {
  const auto bytes = static_cast<size_t>(bits_of(type) / 8);
  const double smallest = type == Type::f16 ? 0x1p-24 : type == Type::bf16 ? 0x1p-133 : 0x1p-149;
  for (size_t i = 0; i + bytes <= memory.size(); i += bytes) {
    double value = rng.symmetric() * std::ldexp(1.0, static_cast<int>(rng.between(-3, 3)));
    if (rng.one_in(16)) value = 0;
    if (rng.one_in(32)) value = static_cast<double>(rng.between(-100, 100)) * smallest;
    if (values == Values::with_specials && rng.one_in(200)) {
      value = rng.pick({std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
                        std::numeric_limits<double>::quiet_NaN()});
    }
    store_float(&memory[i], type, value);
  }
}

void store_float(std::byte* to, Type type, double value) {
  const auto wide = static_cast<float>(value);
  const uint16_t half = type == Type::bf16 ? f32_to_bf16(wide) : f32_to_f16(wide);
  if (type == Type::f32) {
    std::memcpy(to, &wide, sizeof(wide));
  } else {
    std::memcpy(to, &half, sizeof(half));
  }
}

}  // namespace tilejit::test
