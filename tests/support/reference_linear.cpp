#include "tests/support/reference_linear.h"

#include "ir/check.h"

namespace tilejit::test {

void reference_linear(const Problem& resolved, const Weights& weights, const FloatRows& a,
                      const ReferenceOperands& operands, int64_t m, double* out, double* bound) {
  CHECK(a.type == resolved.a, "activations of another type than the problem's");
  const ReferenceRows rows = reference_rows(resolved, weights, a.data, a.stride, m);
  const int64_t columns = resolved.out_columns();
  for (int64_t n = 0; n < columns; ++n) {
    const std::vector<ReferenceOutput> column = reference_column(resolved, weights, rows, operands, n);
    for (int64_t i = 0; i < m; ++i) {
      out[i * columns + n] = column[static_cast<size_t>(i)].value;
      bound[i * columns + n] = column[static_cast<size_t>(i)].bound;
    }
  }
}

}  // namespace tilejit::test
