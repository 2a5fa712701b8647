#include "targets/amdgpu/emulator/matrix.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <string>
#include <vector>

namespace tilejit::amdgpu::emulator {
namespace {

constexpr uint32_t sign_bit = 0x80000000;

bool has(uint8_t mask, Matrix matrix) { return (mask >> static_cast<int>(matrix) & 1) != 0; }

uint32_t element_at(const MatrixOp& op, Matrix matrix, std::span<const Lanes> from, int lane, int element) {
  const int bits = bits_of(op, matrix);
  const uint32_t word = from[static_cast<size_t>(element * bits / 32)][static_cast<size_t>(lane)];
  return bits == 32 ? word : word >> element * bits % 32 & ((uint32_t{1} << bits) - 1);
}

/// A by rows, B by columns: the k values of line l begin at l * k.
std::vector<uint32_t> lines_of(const MatrixOp& op, Matrix matrix, std::span<const Lanes> from) {
  std::vector<uint32_t> lines(static_cast<size_t>(op.size * op.k));
  for (int lane = 0; lane < lanes_of(op); ++lane)
    for (int e = 0; e < elements_of(op, matrix); ++e) {
      const Place at = place(op, matrix, lane, e);
      const int index = matrix == Matrix::a ? at.row * op.k + at.column : at.column * op.k + at.row;
      lines[static_cast<size_t>(index)] = element_at(op, matrix, from, lane, e);
    }
  return lines;
}

std::vector<Factor> factors_of(const MatrixOp& op, Matrix matrix, std::span<const Lanes> from,
                               const MatrixModifiers& m) {
  const std::vector<uint32_t> lines = lines_of(op, matrix, from);
  const FloatType type = op.type == MatrixType::f16 ? FloatType::f16 : FloatType::bf16;
  std::vector<Factor> factors(lines.size());
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool odd = i % 2 != 0;  // k is even
    const uint32_t flip = has(odd ? m.neg_hi : m.neg_lo, matrix) ? 0x8000 : 0;
    factors[i] = factor(op.numerics, type, static_cast<uint16_t>(lines[i] ^ flip));
  }
  return factors;
}

std::vector<int32_t> integers_of(const MatrixOp& op, Matrix matrix, std::span<const Lanes> from,
                                 const MatrixModifiers& m) {
  const std::vector<uint32_t> lines = lines_of(op, matrix, from);
  const bool is_signed = is_cdna(op.family) || has(m.neg_lo, matrix);
  const int unused = 32 - bits_of(op, matrix);
  std::vector<int32_t> integers(lines.size());
  for (size_t i = 0; i < lines.size(); ++i)
    integers[i] = is_signed ? static_cast<int32_t>(lines[i] << unused) >> unused : static_cast<int32_t>(lines[i]);
  return integers;
}

uint32_t accumulate_integers(const int32_t* a, const int32_t* b, int k, uint32_t c, const MatrixModifiers& m) {
  int64_t sum = static_cast<int32_t>(c);
  for (int i = 0; i < k; ++i) sum += int64_t{a[i]} * b[i];
  if (m.clamp) sum = std::clamp<int64_t>(sum, std::numeric_limits<int32_t>::min(), std::numeric_limits<int32_t>::max());
  return static_cast<uint32_t>(sum);
}

/// compute(row, column, c) -> d, for all elements; D is written last since it may be any of the sources.
template <typename Compute>
void for_each_of_c(const MatrixOp& op, std::span<const Lanes> c, std::span<Lanes> d, Compute compute) {
  std::vector<Lanes> result(d.begin(), d.end());
  for (int lane = 0; lane < lanes_of(op); ++lane)
    for (int e = 0; e < elements_of(op, Matrix::c); ++e) {
      const Place at = place(op, Matrix::c, lane, e);
      const size_t r = static_cast<size_t>(e), l = static_cast<size_t>(lane);
      result[r][l] = compute(static_cast<size_t>(at.row), static_cast<size_t>(at.column), c[r][l]);
    }
  std::copy(result.begin(), result.end(), d.begin());
}

void multiply_floats(const MatrixOp& op, std::span<const Lanes> a, std::span<const Lanes> b, std::span<const Lanes> c,
                     const MatrixModifiers& m, std::span<Lanes> d) {
  const std::vector<Factor> x = factors_of(op, Matrix::a, a, m), y = factors_of(op, Matrix::b, b, m);
  const FloatType type = op.type == MatrixType::f16 ? FloatType::f16 : FloatType::bf16;
  const size_t k = static_cast<size_t>(op.k);
  for_each_of_c(op, c, d, [&](size_t row, size_t column, uint32_t start) {
    if (has(m.neg_hi, Matrix::c)) start &= ~sign_bit;
    if (has(m.neg_lo, Matrix::c)) start ^= sign_bit;
    return accumulate(op.numerics, type, std::span(x).subspan(row * k, k), std::span(y).subspan(column * k, k), start);
  });
}

void multiply_integers(const MatrixOp& op, std::span<const Lanes> a, std::span<const Lanes> b, std::span<const Lanes> c,
                       const MatrixModifiers& m, std::span<Lanes> d) {
  const std::vector<int32_t> x = integers_of(op, Matrix::a, a, m), y = integers_of(op, Matrix::b, b, m);
  const size_t k = static_cast<size_t>(op.k);
  for_each_of_c(op, c, d, [&](size_t row, size_t column, uint32_t start) {
    return accumulate_integers(&x[row * k], &y[column * k], op.k, start, m);
  });
}

Result<void> check_registers(const MatrixOp& op, Matrix matrix, size_t count, const char* name) {
  const int wanted = registers_of(op, matrix);
  if (count == static_cast<size_t>(wanted)) return {};
  return invalid(std::string(op.mnemonic) + ": " + name + " has " + std::to_string(count) + " registers, not " +
                 std::to_string(wanted));
}

Result<void> check_modifiers(const MatrixOp& op, const MatrixModifiers& m) {
  const std::string name(op.mnemonic);
  if (is_cdna(op.family) && (m.neg_lo != 0 || m.neg_hi != 0 || m.clamp))
    return invalid(name + " has no neg_lo, neg_hi or clamp");
  if (op.numerics != Numerics::i32 && m.clamp) return invalid(name + " of floats has no clamp");
  if (op.numerics == Numerics::i32 && (m.neg_hi != 0 || has(m.neg_lo, Matrix::c)))
    return invalid(name + " of integers has no neg_hi and no neg_lo of C");
  return {};
}

Result<void> check_copies(const MatrixOp& op, std::span<const Lanes> from, const char* name) {
  const size_t half = static_cast<size_t>(op.size);
  for (size_t r = 0; r < from.size(); ++r)
    for (size_t lane = 0; lane < half; ++lane)
      if (from[r][lane] != from[r][lane + half])
        return invalid(std::string(op.mnemonic) + ": register " + std::to_string(r) + " of " + name +
                       " differs in lanes " + std::to_string(lane) + " and " + std::to_string(lane + half) +
                       ", which must hold copies");
  return {};
}

}  // namespace

Result<void> multiply(const MatrixOp& op, std::span<const Lanes> a, std::span<const Lanes> b, std::span<const Lanes> c,
                      const MatrixModifiers& modifiers, std::span<Lanes> d) {
  TRY(check_registers(op, Matrix::a, a.size(), "A"));
  TRY(check_registers(op, Matrix::b, b.size(), "B"));
  TRY(check_registers(op, Matrix::c, c.size(), "C"));
  TRY(check_registers(op, Matrix::c, d.size(), "D"));
  TRY(check_modifiers(op, modifiers));
  if (op.family == Family::rdna3) {
    TRY(check_copies(op, a, "A"));
    TRY(check_copies(op, b, "B"));
  }
  if (op.numerics == Numerics::i32)
    multiply_integers(op, a, b, c, modifiers, d);
  else
    multiply_floats(op, a, b, c, modifiers, d);
  return {};
}

}  // namespace tilejit::amdgpu::emulator
