#include "targets/amdgpu/infer.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <optional>
#include <utility>

#include "ir/mma.h"
#include "ir/print.h"
#include "targets/amdgpu/matrix_form.h"

namespace tilejit::amdgpu {
namespace {

using ir::Op;
using ir::Shape;
using ir::Value;

class Inference {
 public:
  Inference(const ir::Kernel& kernel, const GpuRow& row) : kernel_(kernel), row_(row), found_(kernel.values.size()) {}

  Result<std::vector<Layout>> run() {
    for (const ir::Instr& instr : kernel_.body)
      if (instr.op == Op::mma) TRY(demand_mma(instr));
    do {
      changed_ = false;
      for (const ir::Instr& instr : kernel_.body) TRY(pass_on(instr));
    } while (changed_);
    find_copies();
    std::vector<Layout> layouts;
    for (size_t v = 0; v < found_.size(); ++v) {
      const ir::TileType& tile = kernel_.values[v].tile;
      if (tile.type == Type::index)
        layouts.emplace_back();
      else
        layouts.push_back(found_[v] ? std::move(*found_[v]) : columns_layout(tile, row_.wave));
    }
    TRY(check(layouts));
    return layouts;
  }

 private:
  const Shape& shape(Value v) const { return kernel_.value(v).tile.shape; }
  const std::optional<Layout>& found(Value v) const { return found_[static_cast<size_t>(v)]; }

  Error refuse(const ir::Instr& instr, const std::string& reason) const {
    return unsupported(fmt::format("{}: `{}`: {}", row_.facts.name, ir::print(kernel_, instr), reason));
  }

  Result<void> demand(const ir::Instr& instr, Value v, const std::vector<LaneBit>& lanes) {
    const ir::TileType& tile = kernel_.value(v).tile;
    Layout layout = Layout(tile.shape, word_of(tile), lanes).projected(tile.shape, word_of(tile));
    std::optional<Layout>& known = found_[static_cast<size_t>(v)];
    if (known && *known != layout)
      return refuse(instr,
                    fmt::format("%{} would have to lie in the lanes in two ways; a load of it for each way works",
                                kernel_.value(v).name));
    changed_ |= !known;
    known = std::move(layout);
    return {};
  }

  Result<void> demand_mma(const ir::Instr& instr) {
    const int numerics = static_cast<int>(instr.imm);
    const MatrixForm* form = find_matrix_form(row_.family, numerics, shape(instr.args[0]).depth);
    if (form == nullptr)
      return refuse(instr,
                    fmt::format("no matrix instruction has the bits of {} over this depth; {}",
                                ir::mma_rows()[static_cast<size_t>(numerics)].name,
                                row_.facts.matrix.empty() ? "dot=fma and dot=i8 work" : "multiples of its k work"));
    const MatrixLanes lanes = matrix_lanes(*form, shape(instr.dst).cols);
    TRY(demand(instr, instr.args[0], lanes.x));
    TRY(demand(instr, instr.args[1], lanes.w));
    TRY(demand(instr, instr.args[2], lanes.sum));
    return demand(instr, instr.dst, lanes.sum);
  }

  Result<void> pass_on(const ir::Instr& instr) {
    if (instr.op == Op::unpack || instr.op == Op::unpack_zero) return pass_unpack(instr);
    if (ir::info(instr.op).kind == ir::OpClass::elementwise) return pass_elementwise(instr);
    if ((instr.op == Op::reduce_add || instr.op == Op::reduce_max) && found(instr.args[0]))
      return demand(instr, instr.dst, found(instr.args[0])->lanes());
    return {};
  }

  /// A result and what has its shape lie alike; what is broadcast lies so that every lane has its part.
  Result<void> pass_elementwise(const ir::Instr& instr) {
    std::optional<std::vector<LaneBit>> lanes;
    if (found(instr.dst)) lanes = found(instr.dst)->lanes();
    for (const Value arg : instr.args)
      if (!lanes && arg != Value::none && shape(arg) == shape(instr.dst) && found(arg)) lanes = found(arg)->lanes();
    if (!lanes) return {};
    TRY(demand(instr, instr.dst, *lanes));
    for (const Value arg : instr.args)
      if (arg != Value::none) TRY(demand(instr, arg, *lanes));
    return {};
  }

  /// The rows of a packed tile are the lanes that share a column's k.
  Result<void> pass_unpack(const ir::Instr& instr) {
    if (!found(instr.dst)) return {};
    const int rows = shape(instr.args[0]).rows;
    const int together = std::countr_zero(static_cast<unsigned>(shape(instr.dst).depth / rows));
    std::vector<LaneBit> lanes = found(instr.dst)->lanes();
    for (LaneBit& lane : lanes) {
      if (lane.copies || lane.dim != Dim::depth) continue;
      if (lane.bit < together)
        return refuse(instr, fmt::format("{} lanes that share a column's k are not those of the matrix step", rows));
      lane = {false, Dim::row, lane.bit - together};
    }
    TRY(demand(instr, instr.args[0], lanes));
    if (instr.args[1] != Value::none) TRY(demand(instr, instr.args[1], found(instr.dst)->lanes()));
    return {};
  }

  // --- what memory sees only

  /// Rows that waves bring to shared memory: each lane has as many neighbours of a row as one access moves.
  void find_copies() {
    std::vector<bool> computes(found_.size());
    std::vector<int64_t> unit(
        found_.size());  // bytes on multiples of which the shared rows begin; 0: in no shared memory
    std::vector<int64_t> row(found_.size());  // bytes of a shared row
    for (const ir::Instr& instr : kernel_.body) {
      if (instr.op == Op::load || instr.op == Op::store) {
        const Value v = instr.op == Op::load ? instr.dst : instr.args[0];
        const ir::Buffer& buffer = kernel_.buffer(instr.buffer);
        if (buffer.space == ir::Space::shared) {
          int64_t& known = unit[static_cast<size_t>(v)];
          known = std::gcd(known, row_unit(buffer, instr));
          row[static_cast<size_t>(v)] = bytes_of(buffer.type, buffer.dims.back().constant);
        }
        continue;
      }
      if (instr.dst != Value::none) computes[static_cast<size_t>(instr.dst)] = true;
      for (const Value arg : instr.args)
        if (arg != Value::none) computes[static_cast<size_t>(arg)] = true;
    }
    for (size_t v = 0; v < found_.size(); ++v)
      if (!found_[v] && !computes[v] && unit[v] != 0) found_[v] = copy_layout(kernel_.values[v].tile, unit[v], row[v]);
  }

  static int64_t row_unit(const ir::Buffer& buffer, const ir::Instr& instr) {
    constexpr int64_t widest = 16;
    const int64_t row = bytes_of(buffer.type, buffer.dims.back().constant);
    int64_t unit = std::gcd(widest, row);
    const ir::Affine& start = instr.slices.back().start;
    unit = std::gcd(unit, bytes_of(buffer.type, start.constant()));
    for (const ir::Term& term : start) unit = std::gcd(unit, bytes_of(buffer.type, term.coef));
    return unit;
  }

  /// Columns come first; of the bits of rows, that one which keeps the lanes that move together in different banks.
  std::optional<Layout> copy_layout(const ir::TileType& tile, int64_t unit, int64_t row_bytes) const {
    if (tile.shape.depth != 1 || bits_of(tile.type) < 8) return std::nullopt;
    const int lane_bits = std::countr_zero(static_cast<unsigned>(row_.wave));
    for (int64_t bytes = unit; bytes >= bits_of(tile.type) / 8; bytes /= 2) {
      const int64_t together = bytes * 8 / bits_of(tile.type);
      if (tile.shape.cols % together != 0) continue;
      const auto pieces = static_cast<unsigned>(tile.shape.cols / together);
      if (!std::has_single_bit(pieces) ||
          pieces * static_cast<unsigned>(tile.shape.rows) < static_cast<unsigned>(row_.wave))
        continue;
      const int column_bits = std::min(lane_bits, std::countr_zero(pieces));
      const int first = std::countr_zero(static_cast<unsigned>(together));
      std::optional<Layout> best;
      int least = 0;
      for (int of_rows = 0; of_rows < std::max(lane_bits - column_bits, 1); ++of_rows) {
        std::vector<LaneBit> lanes;
        for (int i = 0; i < column_bits; ++i) lanes.push_back({false, Dim::col, first + i});
        if (column_bits < lane_bits) lanes.push_back({false, Dim::row, of_rows});
        for (int i = 0; i < lane_bits - column_bits; ++i)
          if (i != of_rows) lanes.push_back({false, Dim::row, i});
        Layout layout(tile.shape, 1, std::move(lanes));
        const int waiting = conflicts(layout, bytes, bits_of(tile.type) / 8, row_bytes);
        if (best && waiting >= least) continue;
        least = waiting;
        best = std::move(layout);
      }
      return best;
    }
    return std::nullopt;
  }

  /// Words that wait for others of their bank, where lanes store so many bytes each. Lanes go in groups that fill 32 banks once.
  static int conflicts(const Layout& layout, int64_t bytes, int64_t element, int64_t row_bytes) {
    constexpr int64_t banks = 32;
    const int64_t group = banks / std::max<int64_t>(bytes / 4, 1);
    int waiting = 0;
    std::array<int, banks> taken{};
    for (int lane = 0; lane < 1 << layout.lanes().size(); ++lane) {
      if (lane % group == 0) taken = {};
      const Coord at = layout.lane_part(lane);
      const int64_t first = at.row * row_bytes + at.col * element;
      for (int64_t word = first / 4; word < (first + bytes + 3) / 4; ++word)
        waiting += taken[static_cast<size_t>(word % banks)]++ > 0 ? 1 : 0;
    }
    return waiting;
  }

  /// What no rule passes on must agree all the same.
  Result<void> check(const std::vector<Layout>& layouts) const {
    const auto of = [&](Value v) -> const Layout& { return layouts[static_cast<size_t>(v)]; };
    for (const ir::Instr& instr : kernel_.body) {
      const bool is_reduced = instr.op == Op::reduce_add || instr.op == Op::reduce_max;
      if (!is_reduced && ir::info(instr.op).kind != ir::OpClass::elementwise) continue;
      for (const Value arg : instr.args) {
        if (arg == Value::none) continue;
        const Value from = is_reduced ? arg : instr.dst;
        const Value to = is_reduced ? instr.dst : arg;
        if (of(from).projected(shape(to), of(to).word()) != of(to))
          return refuse(instr, fmt::format("%{} does not lie in the lanes where it is used", kernel_.value(to).name));
      }
    }
    return {};
  }

  const ir::Kernel& kernel_;
  const GpuRow& row_;
  std::vector<std::optional<Layout>> found_;
  bool changed_ = false;
};

}  // namespace

Result<std::vector<Layout>> infer(const ir::Kernel& kernel, const GpuRow& row) { return Inference(kernel, row).run(); }

}  // namespace tilejit::amdgpu
