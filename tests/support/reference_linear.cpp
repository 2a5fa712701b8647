#include "tests/support/reference_linear.h"

#include "ir/check.h"
#include "runtime/reference.h"

namespace tilejit::test {

void reference_linear(const Problem& resolved, const Weights& weights, const FloatRows& a, int64_t m, double* out,
                      double* bound) {
  CHECK(a.type == resolved.a, "activations of another type than the problem's");
  const ReferenceRows rows = reference_rows(resolved, weights, a.data, a.stride, m);
  for (int64_t n = 0; n < weights.n; ++n) {
    const std::vector<ReferenceOutput> channel = reference_channel(resolved, weights, rows, n);
    for (int64_t i = 0; i < m; ++i) {
      out[i * weights.n + n] = channel[static_cast<size_t>(i)].value;
      bound[i * weights.n + n] = channel[static_cast<size_t>(i)].bound;
    }
  }
}

}  // namespace tilejit::test
