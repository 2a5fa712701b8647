// Matrix and dot instructions: registers to the functions of matrix.h and dot.h and back.
#include "targets/amdgpu/emulator/matrix_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "targets/amdgpu/emulator/bind.h"
#include "targets/amdgpu/emulator/machine.h"

namespace tilejit::amdgpu::emulator {
namespace {

/// The registers of an operand; a constant is copied into `room`.
std::span<const Lanes> registers(const Wave& w, const Operand& o, size_t count, std::vector<Lanes>& room) {
  if (o.kind == Kind::vgpr) return {&w.vgpr[o.first], count};
  room.resize(count);
  for (Lanes& lanes : room) lanes.fill(static_cast<uint32_t>(o.value));
  return room;
}

void run_matrix(Wave& w, const Instr& i) {
  const MatrixOp& op = *i.matrix;
  const auto count = [&](Matrix m) { return static_cast<size_t>(registers_of(op, m)); };
  std::vector<Lanes> room;
  const auto a = registers(w, i.operand[1], count(Matrix::a), room);
  const auto b = registers(w, i.operand[2], count(Matrix::b), room);
  const auto c = registers(w, i.operand[3], count(Matrix::c), room);
  const MatrixModifiers modifiers{i.modifiers.neg_lo, i.modifiers.neg_hi, i.modifiers.clamp};
  const std::span<Lanes> d{&w.vgpr[i.operand[0].first], count(Matrix::c)};
  if (const auto done = multiply(op, a, b, c, modifiers, d); !done.ok())
    w.report(ReportKind::undefined, done.error().message);
  for (size_t n = 0; n < count(Matrix::c); ++n) w.vgpr_written[i.operand[0].first + n] = {w.all_lanes, w.all_lanes};
}

void run_dot(Call& c) {
  const Modifiers& m = c.instr->modifiers;
  const DotOp& op = *c.instr->dot;
  const DotModifiers modifiers{m.neg_lo, m.neg_hi, m.op_sel, m.has_op_sel_hi ? m.op_sel_hi : uint8_t{7}, m.clamp};
  const auto lanes = static_cast<size_t>(c.wave->lanes);
  for (size_t lane = 0; lane < lanes; ++lane)
    c.out[0][lane] = dot(op, (*c.in[0])[lane], (*c.in[1])[lane], (*c.in[2])[lane], modifiers);
}

const VectorRow& dot_row(const DotOp& op) {
  static const auto rows = [] {
    std::array<VectorRow, 6> all;
    for (size_t n = 0; n < all.size(); ++n) {
      const Value value = std::array{Value::b32, Value::f16x2, Value::bf16x2}[n / 2];
      const uint16_t source = n % 2 != 0 ? vector_flag::accumulates : vector_flag::none;
      all[n] = whole("v_dot", run_dot, Value::b32, {value, value, Value::b32},
                     static_cast<uint16_t>(vector_flag::packed | vector_flag::saturates | source));
    }
    return all;
  }();
  const size_t type = op.type == DotType::f16 ? 1 : op.type == DotType::bf16 ? 2 : 0;
  return rows[2 * type + (op.source == DotSource::destination ? 1 : 0)];
}

}  // namespace

Result<void> bind_matrix(const Program& program, const Parsed& parsed, const MatrixOp& op, Instr& i) {
  i.matrix = &op;
  i.run = run_matrix;
  i.kind = Class::matrix;
  i.whole_wave = true;
  i.modifiers = parsed.modifiers;
  if (lanes_of(op) != program.wave) return invalid(fmt::format("it wants waves of {} lanes", lanes_of(op)));
  const Modifiers& m = i.modifiers;
  if (m.cbsz != 0 || m.abid != 0 || m.blgp != 0) return unsupported("the emulator knows no broadcast of matrix blocks");
  if (parsed.operands.size() != 4) return invalid("the emulator knows matrix instructions with four operands");
  std::copy(parsed.operands.begin(), parsed.operands.end(), i.operand.begin());
  i.operands = 4;
  constexpr std::array matrices = {Matrix::c, Matrix::a, Matrix::b, Matrix::c};
  for (size_t n = 0; n < 4; ++n) {
    Operand& o = i.operand[n];
    const bool is_constant_c = n == 3 && o.kind == Kind::constant;
    if (is_constant_c && o.written == Written::real) {
      const bool is_float = op.type == MatrixType::f16 || op.type == MatrixType::bf16;
      if (!is_float) return invalid("a float constant in an integer matrix instruction");
      o.value = std::bit_cast<uint32_t>(static_cast<float>(o.real));
    }
    if (is_constant_c) continue;
    if (o.kind != Kind::vgpr || o.words != registers_of(op, matrices[n]))
      return invalid(fmt::format("operand {} is no {} vector registers", n, registers_of(op, matrices[n])));
    if (n == 0)
      add_write(i, o);
    else
      add_read(i, o);
  }
  return {};
}

Result<void> bind_dot(const Program& program, Parsed& parsed, const DotOp& op, Instr& i) {
  i.dot = &op;
  TRY(bind_vector(program, parsed, dot_row(op), i));
  const Modifiers& m = i.modifiers;
  return check(op, {m.neg_lo, m.neg_hi, m.op_sel, m.has_op_sel_hi ? m.op_sel_hi : uint8_t{7}, m.clamp});
}

}  // namespace tilejit::amdgpu::emulator
