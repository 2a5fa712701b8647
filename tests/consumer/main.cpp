// An embedder outside the tree: one 4-bit layer, w = 0.5 * q, built and run through the public headers only.
#include <tilejit/linear.h>

#include <cstdio>
#include <vector>

int main() {
  constexpr int64_t m = 3, n = 32, k = 64;
  const std::vector<int8_t> q(n * k, 2);
  const std::vector<float> scales(n, 0.5F), a(m * k, 1.0F);
  std::vector<float> out(m * n);
  tilejit::Weights weights;
  weights.n = n;
  weights.k = k;
  weights.data = std::as_bytes(std::span(q));
  weights.scales = {reinterpret_cast<const std::byte*>(scales.data()), tilejit::Type::f32, n, 1};

  const char* problem = "w4a16 n=32 k=64 a=f32";
  tilejit::LinearOptions options;
  if (!tilejit::can_implement(problem, options.target).ok()) options.target = "ref";  // no AVX-512 here
  const auto linear = tilejit::Linear::create(problem, weights, options);
  const auto ran =
      linear.ok() ? linear->run({.a = a.data(), .lda = k, .m = m, .out = out.data(), .ldo = n}) : linear.error();
  if (!ran.ok()) return std::puts(ran.error().message.c_str()), 1;
  std::printf("tilejit %s, target %s: out[2,31] = %g\n", tilejit::version(), linear->info().target.c_str(),
              out[m * n - 1]);
  return out[0] == 64 && out[m * n - 1] == 64 ? 0 : 1;
}
