#include "jit/linear/quantize.h"

#include <bit>
#include <functional>
#include <string>

namespace tilejit {
namespace {

using ir::Affine;
using ir::BufferId;
using ir::LoopKind;
using ir::Op;
using ir::Slice;
using ir::Space;
using ir::Value;

constexpr int64_t magnitude = 0x7fffffff;
constexpr int64_t largest_finite = 0x7f7fffff;
constexpr int64_t quiet_nan = 0x7fc00000;

int64_t bits(float value) { return std::bit_cast<uint32_t>(value); }

/// Tiles over consecutive columns: 16 of one row at a time, or, where a piece is not so many, one of all rows.
struct Lanes {
  int rows, cols;
  Affine row;  // the first of the register tile's rows
};

class Quantizer {
 public:
  Quantizer(const Geometry& geometry, ir::Builder& builder, const StagedRows& rows)
      : g(geometry), b(builder), rows_(rows) {
    ascale_ = b.buffer("ascale", Space::workspace, Type::f32, {g.rows(), g.activation_scales()});
    if (g.needs_activation_sums()) isum_ = b.buffer("isum", Space::workspace, Type::i32, {g.rows(), g.pieces});
  }

  void run() {
    if (g.p.quantizes_rows()) {
      const Lanes lanes = open_lanes(g.shape.padded_k, true);
      quantize_row(lanes);
      close_lanes(lanes);
      if (!g.needs_activation_sums() && !g.has_c()) return;
    }
    for_runs(g, b, [&](const Run& run, const RunStart& start) {
      const Value c = b.for_loop(LoopKind::serial, "c", 0, run.count);
      const RunStart chunk{start.scale + Affine::of(c), start.sum + Affine::of(c),
                           start.piece + Affine::of(c, run.pieces), start.block + Affine::of(c, run.blocks)};
      // What follows the last column: zeros where rows are staged; of the integers only those that fill its vector.
      const bool is_last = run.count == 1 && g.repeats == 1 && run.block + run.blocks == g.shape.blocks &&
                           (!g.p.quantizes_rows() || run.block == 0);
      const int64_t full = run.blocks / g.piece_blocks;
      const Value i = b.for_loop(LoopKind::serial, "i", 0, full);
      piece(chunk.sum, chunk.piece + Affine::of(i), chunk.block + Affine::of(i, g.piece_blocks), g.piece_blocks,
            is_last && run.pieces == 1);
      b.end();
      if (full < run.pieces)
        piece(chunk.sum, chunk.piece + full, chunk.block + full * g.piece_blocks, run.blocks - full * g.piece_blocks,
              is_last);
      b.end();
    });
  }

 private:
  void piece(const Affine& sum, const Affine& piece, const Affine& block, int64_t blocks, bool ends_row) {
    const int64_t columns = blocks * g.shape.block_k;
    const Affine first = block * g.shape.block_k;
    const Lanes lanes = open_lanes(columns, ends_row);
    if (g.p.quantizes_rows())
      sum_integers(lanes, first, columns, sum, piece);
    else
      quantize_piece(lanes, first, columns, piece);
    close_lanes(lanes);
  }

  // --- lanes
  Lanes open_lanes(int64_t columns, bool ends_row) {
    if (columns % g.copy_columns != 0 && !ends_row) return {g.prepared_rows(), 1, 0};
    return {1, g.copy_columns, Affine::of(b.for_loop(LoopKind::serial, "r", 0, g.prepared_rows()))};
  }
  void close_lanes(const Lanes& lanes) {
    if (lanes.cols > 1) b.end();
  }

  /// body(first column of the tile) for the tiles of `columns` columns from `first` on.
  void for_tiles(const Lanes& lanes, const Affine& first, int64_t columns, const std::function<void(Affine)>& body) {
    const Value v = b.for_loop(LoopKind::serial, "v", 0, ceil_div(columns, lanes.cols));
    body(first + Affine::of(v, lanes.cols));
    b.end();
  }

  // --- registers
  Value tile(const char* name, Type type, const Lanes& lanes) {
    return b.tile(name, {type, {lanes.rows, lanes.cols, 1}});
  }
  Value column(const char* name, Type type, const Lanes& lanes) { return b.tile(name, {type, {lanes.rows, 1, 1}}); }
  Value constant(const char* name, Type type, int64_t value) {
    const Value v = b.tile(name, {type, {1, 1, 1}});
    b.fill(v, value);
    return v;
  }
  Value integer(const char* name, int64_t value) { return constant(name, Type::i32, value); }
  Value number(const char* name, float value) { return constant(name, Type::f32, bits(value)); }
  /// A new column of the op's result.
  Value make(Op op, const char* name, Type type, const Lanes& lanes, Value x, Value y = Value::none) {
    const Value v = column(name, type, lanes);
    b.elementwise(op, v, x, y);
    return v;
  }
  Value sign_mask(const char* name, const Lanes& lanes, Value difference) {
    const Value v = column(name, Type::i32, lanes);
    b.shift(Op::shift_right, v, difference, 31);
    return v;
  }

  Value load_staged(const Lanes& lanes, const Affine& first) {
    const Value x = tile("x", Type::f32, lanes);
    b.load(x, rows_.staged, at(lanes, rows_.staged_row + lanes.row, first));
    return x;
  }
  static std::vector<Slice> at(const Lanes& lanes, const Affine& row, const Affine& first) {
    return {{row, lanes.rows}, {first, lanes.cols}};
  }
  void store_column(const Lanes& lanes, BufferId buffer, const Affine& index, Value v) {
    b.store(buffer, {{rows_.row + lanes.row, lanes.rows}, {index}}, v);
  }
  void store_digit(const Lanes& lanes, const Affine& first, Value digit) {
    const Value narrow = tile("q", Type::i8, lanes);
    b.elementwise(Op::convert, narrow, digit);
    b.store(rows_.ap, at(lanes, rows_.row + lanes.row, first), narrow);
  }

  // --- arithmetic
  /// The bits of the largest magnitude: as integers they are ordered like the magnitudes, infinity and NaN above all.
  Value absmax_bits(const Lanes& lanes, const Affine& first, int64_t columns) {
    const Value most = tile("most", Type::i32, lanes);
    const Value mask = integer("magnitude", magnitude);
    b.fill(most, 0);
    for_tiles(lanes, first, columns, [&](const Affine& at_column) {
      const Value x = load_staged(lanes, at_column);
      const Value as_bits = tile("bits", Type::i32, lanes);
      b.elementwise(Op::bitcast, as_bits, x);
      b.elementwise(Op::bit_and, as_bits, as_bits, mask);
      b.elementwise(Op::max, most, most, as_bits);
    });
    return lanes.cols == 1 ? most : make(Op::reduce_max, "top", Type::i32, lanes, most);
  }

  /// All ones where the magnitude is infinite or NaN.
  Value non_finite(const Lanes& lanes, Value top) {
    return sign_mask("bad", lanes, make(Op::sub, "room", Type::i32, lanes, integer("finite", largest_finite), top));
  }

  Value nan_where(const Lanes& lanes, Value mask) {
    return make(Op::bit_and, "nan_bits", Type::i32, lanes, mask, integer("nan", quiet_nan));
  }

  void quantize_row(const Lanes& lanes) {
    const Value top = absmax_bits(lanes, 0, g.shape.padded_k);
    const Value bad = non_finite(lanes, top);
    const Value tiny =
        sign_mask("tiny", lanes, make(Op::sub, "over", Type::i32, lanes, top, integer("least", bits(0x1p-100F))));
    const Value off = make(Op::bit_or, "off", Type::i32, lanes, bad, tiny);
    const Value live = make(Op::sub, "live", Type::i32, lanes, integer("ones", -1), off);
    const Value absmax = make(Op::bitcast, "absmax", Type::f32, lanes, top);
    const Value most = number("q_max", 127.0F);
    const auto masked = [&](Value quotient) {
      return make(Op::bit_and, "kept", Type::i32, lanes, make(Op::bitcast, "quotient_bits", Type::i32, lanes, quotient),
                  live);
    };
    const Value scale = masked(make(Op::div, "scale", Type::f32, lanes, absmax, most));
    b.elementwise(Op::bit_or, scale, scale, nan_where(lanes, bad));
    store_column(lanes, ascale_, 0, make(Op::bitcast, "s_a", Type::f32, lanes, scale));
    const Value factor =
        make(Op::bitcast, "r", Type::f32, lanes, masked(make(Op::div, "factor", Type::f32, lanes, most, absmax)));
    for_tiles(lanes, 0, g.shape.padded_k, [&](const Affine& at_column) {
      const Value x = load_staged(lanes, at_column);
      const Value rounded = tile("rounded", Type::i32, lanes);
      b.elementwise(Op::mul, x, x, factor);
      b.elementwise(Op::convert, rounded, x);  // |x * r| < 127.5, and a NaN becomes 0
      store_digit(lanes, at_column, rounded);
    });
  }

  void sum_integers(const Lanes& lanes, const Affine& first, int64_t columns, const Affine& sum, const Affine& piece) {
    const Value total = tile("total", Type::i32, lanes);
    b.fill(total, 0);
    for_tiles(lanes, first, columns, [&](const Affine& at_column) {
      const Value q = tile("q", Type::i8, lanes);
      const Value wide = tile("wide", Type::i32, lanes);
      b.load(q, rows_.ap, at(lanes, rows_.row + lanes.row, at_column));
      b.elementwise(Op::convert, wide, q);
      b.elementwise(Op::add, total, total, wide);
    });
    const Value row_sum = reduced(lanes, total);
    if (g.has_c()) store_column(lanes, rows_.asum, sum, make(Op::convert, "a_sum", Type::f32, lanes, row_sum));
    store_isum(lanes, piece, row_sum);
  }

  void quantize_piece(const Lanes& lanes, const Affine& first, int64_t columns, const Affine& piece) {
    const Value top = absmax_bits(lanes, first, columns);
    const Value nan = nan_where(lanes, non_finite(lanes, top));
    b.elementwise(Op::max, top, top, integer("least", bits(0x1p-100F)));
    const Value quotient = make(Op::div, "quotient", Type::f32, lanes,
                                make(Op::bitcast, "absmax", Type::f32, lanes, top), number("v_max", 32639.0F));
    const Value t_bits = make(Op::bitcast, "t_bits", Type::i32, lanes, quotient);
    b.elementwise(Op::bit_or, t_bits, t_bits, nan);
    const Value t = make(Op::bitcast, "t", Type::f32, lanes, t_bits);
    store_column(lanes, ascale_, piece, t);
    const Value total = tile("total", Type::i32, lanes);
    b.fill(total, 0);
    const Value half = integer("half", 128);
    const Value byte = integer("byte", 255);
    for_tiles(lanes, first, columns, [&](const Affine& at_column) {
      const Value x = load_staged(lanes, at_column);
      const Value v = tile("v", Type::i32, lanes);
      const Value low = tile("low", Type::i32, lanes);
      b.elementwise(Op::div, x, x, t);
      b.elementwise(Op::convert, v, x);  // a NaN becomes 0
      b.elementwise(Op::add, total, total, v);
      b.elementwise(Op::add, low, v, half);
      b.elementwise(Op::bit_and, low, low, byte);
      b.elementwise(Op::sub, low, low, half);
      store_digit(lanes, at_column, low);
      b.elementwise(Op::sub, v, v, low);
      b.shift(Op::shift_right, v, v, 8);
      store_digit(lanes, at_column + g.ap_columns, v);
    });
    store_isum(lanes, piece, reduced(lanes, total));
  }

  Value reduced(const Lanes& lanes, Value total) {
    return lanes.cols == 1 ? total : make(Op::reduce_add, "row_sum", Type::i32, lanes, total);
  }

  /// -z * sum a where z is constant, so that a sum of dot steps can start there; else sum a.
  void store_isum(const Lanes& lanes, const Affine& piece, Value row_sum) {
    if (!g.needs_activation_sums()) return;
    Value v = row_sum;
    if (g.p.zp != ZeroDomain::integer)
      v = make(Op::mul, "z_sum", Type::i32, lanes, row_sum, integer("minus_z", -g.zero_of_sums()));
    store_column(lanes, isum_, piece, v);
  }

  const Geometry& g;
  ir::Builder& b;
  const StagedRows& rows_;
  BufferId ascale_, isum_ = BufferId::none;
};

}  // namespace

void quantize(const Geometry& geometry, ir::Builder& builder, const StagedRows& rows) {
  Quantizer(geometry, builder, rows).run();
}

}  // namespace tilejit
