#include "ir/ir.h"

#include <algorithm>

#include "ir/check.h"

namespace tilejit::ir {

Affine Affine::of(Value var, int64_t coef) {
  Affine a;
  a.add(var, coef);
  return a;
}

int64_t Affine::coef_of(Value var) const {
  for (const Term& t : *this)
    if (t.var == var) return t.coef;
  return 0;
}

void Affine::add(Value var, int64_t coef) {
  if (coef == 0) return;
  Term* first = terms_.data();
  Term* last = first + size_;
  Term* at = std::lower_bound(first, last, var, [](const Term& t, Value v) { return t.var < v; });
  if (at != last && at->var == var) {
    at->coef += coef;
    if (at->coef == 0) {
      std::move(at + 1, last, at);
      --size_;
    }
    return;
  }
  CHECK(size_ < max_terms, "an affine index has more than six variables");
  std::move_backward(at, last, last + 1);
  *at = {var, coef};
  ++size_;
}

Affine Affine::substitute(Value var, const Affine& value) const {
  const int64_t coef = coef_of(var);
  if (coef == 0) return *this;
  Affine result = *this;
  result.add(var, -coef);
  return result + value * coef;
}

Affine operator+(Affine a, const Affine& b) {
  a.constant_ += b.constant_;
  for (const Term& t : b) a.add(t.var, t.coef);
  return a;
}

Affine operator*(Affine a, int64_t factor) {
  if (factor == 0) return {};
  a.constant_ *= factor;
  for (int i = 0; i < a.size_; ++i) a.terms_[static_cast<size_t>(i)].coef *= factor;
  return a;
}

bool Affine::operator==(const Affine& other) const {
  return constant_ == other.constant_ && std::equal(begin(), end(), other.begin(), other.end());
}

int64_t Bound::round(int64_t evaluated) const {
  int64_t v = std::max<int64_t>(evaluated, 0);
  if (rounding == Rounding::floor) v /= divisor;
  if (rounding == Rounding::ceil) v = (v + divisor - 1) / divisor;
  return std::min(v, limit);
}

Extent Extent::of_m(int64_t per, int64_t divisor) {
  Extent e;
  e.per = per;
  e.divisor = divisor;
  return e;
}

Kernel::Kernel() { add_value("m", {Type::index, {}}); }

Value Kernel::add_value(std::string value_name, TileType tile) {
  values.push_back({std::move(value_name), tile});
  return Value{static_cast<int32_t>(values.size()) - 1};
}

BufferId Kernel::add_buffer(Buffer buffer) {
  buffers.push_back(std::move(buffer));
  return BufferId{static_cast<int32_t>(buffers.size()) - 1};
}

int64_t Buffer::bytes_at(int64_t m, int64_t row_stride_bytes) const {
  int64_t row = 1;
  for (size_t d = 1; d < dims.size(); ++d) row *= dims[d].at(m);
  const int64_t rows = dims[0].at(m);
  if (!strided) return bytes_of(type, rows * row);
  return rows == 0 ? 0 : (rows - 1) * row_stride_bytes + bytes_of(type, row);
}

std::string_view to_string(Space space) {
  switch (space) {
    case Space::global: return "global";
    case Space::workspace: return "workspace";
    case Space::scratch: return "scratch";
    case Space::shared: return "shared";
  }
  return "?";
}

std::string_view to_string(LoopKind kind) {
  switch (kind) {
    case LoopKind::serial: return "serial";
    case LoopKind::unrolled: return "unrolled";
    case LoopKind::tasks: return "tasks";
    case LoopKind::waves: return "waves";
  }
  return "?";
}

std::vector<int32_t> match_loops(const Kernel& kernel) {
  std::vector<int32_t> partner(kernel.body.size(), -1);
  std::vector<int32_t> open;
  for (size_t i = 0; i < kernel.body.size(); ++i) {
    if (kernel.body[i].op == Op::for_loop) open.push_back(static_cast<int32_t>(i));
    if (kernel.body[i].op != Op::end) continue;
    CHECK(!open.empty(), "an end without its for_loop");
    partner[i] = open.back();
    partner[static_cast<size_t>(open.back())] = static_cast<int32_t>(i);
    open.pop_back();
  }
  CHECK(open.empty(), "a for_loop without its end");
  return partner;
}

}  // namespace tilejit::ir
