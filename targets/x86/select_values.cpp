#include "targets/x86/select_values.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/print.h"

namespace tilejit::x86 {
namespace {

constexpr int lanes = 16;
constexpr int most_registers = 4096;  // of one tile; more would only be spill code

/// Backward over the kernel: which tiles may still be read. A loop's body may run again or not at all, so what it reads of an
/// earlier iteration is live around the whole loop. That is found first, for every loop once.
class Liveness {
 public:
  explicit Liveness(const ir::Kernel& kernel)
      : kernel_(kernel), partner_(ir::match_loops(kernel)), carried_(kernel.body.size(), 0),
        exposed_(kernel.body.size()) {}

  std::vector<uint8_t> run() {
    Tiles read(kernel_.values.size(), 0);
    expose(0, kernel_.body.size(), read);
    Tiles live(kernel_.values.size(), 0);
    walk(0, kernel_.body.size(), live);
    return std::move(carried_);
  }

 private:
  using Tiles = std::vector<uint8_t>;  // by value: 1 for those in the set

  /// `read` becomes what begin..end reads before it writes it.
  void expose(size_t begin, size_t end, Tiles& read) {
    for (size_t i = end; i-- > begin;) {
      const ir::Instr& instr = kernel_.body[i];
      if (instr.op == ir::Op::end) {
        Tiles inside(kernel_.values.size(), 0);
        const auto first = static_cast<size_t>(partner_[i]);
        expose(first + 1, i, inside);
        for (size_t v = 0; v < inside.size(); ++v)
          if (inside[v] != 0) exposed_[first].push_back(v);
        for (const size_t v : exposed_[first]) read[v] = 1;
        i = first;
        continue;
      }
      if (writes_anew(instr)) read[index(instr.dst)] = 0;
      mark_reads(instr, read);
    }
  }

  /// `live` is what is read after `end`; becomes what is read from `begin` on.
  void walk(size_t begin, size_t end, Tiles& live) {
    Tiles reaches = live;  // by tile: its present value is read after the next boundary
    for (size_t i = end; i-- > begin;) {
      const ir::Instr& instr = kernel_.body[i];
      if (instr.op == ir::Op::end) {
        const auto first = static_cast<size_t>(partner_[i]);
        for (const size_t v : exposed_[first]) live[v] = 1;
        Tiles inside = live;
        walk(first + 1, i, inside);
        reaches = live;
        i = first;
        continue;
      }
      if (writes_anew(instr)) {
        const size_t v = index(instr.dst);
        carried_[i] = reaches[v];
        reaches[v] = 0;
        live[v] = 0;
      }
      mark_reads(instr, live);
    }
  }

  static size_t index(ir::Value v) { return static_cast<size_t>(v); }
  static bool writes_anew(const ir::Instr& instr) {
    return instr.dst != ir::Value::none &&
           std::find(instr.args.begin(), instr.args.end(), instr.dst) == instr.args.end();
  }
  static void mark_reads(const ir::Instr& instr, Tiles& tiles) {
    for (const ir::Value arg : instr.args)
      if (arg != ir::Value::none) tiles[index(arg)] = 1;
  }

  const ir::Kernel& kernel_;
  std::vector<int32_t> partner_;
  Tiles carried_;                             // by instruction
  std::vector<std::vector<size_t>> exposed_;  // by for_loop: the tiles that its body reads before it writes them
};

bool makes_nibbles(const ir::Kernel& kernel, const ir::Instr& instr) {
  return instr.op == ir::Op::unpack && kernel.value(instr.args[0]).tile.type == Type::u4 &&
         kernel.value(instr.dst).tile.type == Type::u8;
}

}  // namespace

Result<TileLayout> layout_of(const ir::TileType& tile) {
  const ir::Shape& shape = tile.shape;
  TileLayout layout;
  layout.rows = shape.rows;
  layout.splat = shape.cols == 1;
  if (!layout.splat && shape.cols % lanes != 0)
    return unsupported(fmt::format("cols={} is not a multiple of 16 (lanes of a zmm)", shape.cols));
  layout.vectors = layout.splat ? 1 : shape.cols / lanes;
  const int bits = shape.depth * bits_of(tile.type);
  if (bits != 8 && bits != 16 && bits != 32)
    return unsupported(fmt::format("a column of {} is {} bits, not 8, 16 or 32", ir::print(tile), bits));
  layout.column_bytes = bits / 8;
  if (int64_t{layout.rows} * layout.vectors > most_registers)
    return unsupported(fmt::format("{} needs {} vector registers, the limit is {}", ir::print(tile),
                                   int64_t{layout.rows} * layout.vectors, most_registers));
  return layout;
}

Values::Values(const ir::Kernel& kernel, Emitter& emit)
    : kernel_(kernel), emit_(emit), state_(kernel.values.size()), carried_(Liveness(kernel).run()) {}

Result<void> Values::lay_out() {
  std::vector<uint8_t> done(kernel_.values.size(), 0);
  for (const ir::Instr& instr : kernel_.body) {
    for (const ir::Value v : {instr.dst, instr.args[0], instr.args[1], instr.args[2]}) {
      if (v == ir::Value::none || done[index(v)] != 0 || kernel_.value(v).tile.type == Type::index) continue;
      done[index(v)] = 1;
      Result<TileLayout> layout = layout_of(kernel_.value(v).tile);
      if (!layout) return unsupported(fmt::format("`{}`: {}", ir::print(kernel_, instr), layout.error().message));
      state_[index(v)].layout = *layout;
    }
    if (instr.op != ir::Op::unpack_zero) continue;
    const bool through_bytes =
        kernel_.value(instr.dst).tile.type == Type::bf16 && kernel_.value(instr.args[0]).tile.type == Type::u4;
    state_[index(instr.args[1])].wants[through_bytes ? 1 : 0] = true;
  }
  find_nibbles();
  return {};
}

/// Supposes that every load of scratch memory is one of nibbles until a store there shows otherwise.
void Values::find_nibbles() {
  std::vector<uint8_t> may_hold(kernel_.buffers.size(), 0);
  for (size_t b = 0; b < may_hold.size(); ++b) may_hold[b] = kernel_.buffers[b].space == ir::Space::scratch;
  for (bool changed = true; changed;) {
    changed = false;
    for (const ir::Instr& instr : kernel_.body) {
      if (instr.op == ir::Op::store && state_[index(instr.args[0])].has_other_writes) {
        uint8_t& buffer = may_hold[static_cast<size_t>(instr.buffer)];
        changed = changed || buffer != 0;
        buffer = 0;
      }
      if (instr.dst == ir::Value::none || makes_nibbles(kernel_, instr)) continue;
      if (instr.op == ir::Op::load && may_hold[static_cast<size_t>(instr.buffer)] != 0) continue;
      bool& other = state_[index(instr.dst)].has_other_writes;
      changed = changed || !other;
      other = true;
    }
  }
}

Registers Values::pick(Registers& home, Registers& current, size_t count, bool carried) {
  if (carried && !home.empty()) return current = home;
  current = emit_.zmms(count);
  if (carried) home = current;
  return current;
}

Registers Values::define(ir::Value v, size_t position) {
  State& s = state_[index(v)];
  const ir::Instr& instr = kernel_.body[position];
  const bool in_place = std::find(instr.args.begin(), instr.args.end(), v) != instr.args.end();
  if (in_place) return s.current;
  return pick(s.home, s.current, static_cast<size_t>(s.layout.count()), carried_[position] != 0);
}

Registers Values::define_zeros(ir::Value v, Zeros form, size_t position) {
  State& s = state_[index(v)];
  const auto f = static_cast<size_t>(form);
  const bool carried = carried_[position] != 0 || s.current == s.home;
  return pick(s.zero_home[f], s.zero_current[f], static_cast<size_t>(s.layout.vectors), carried);
}

Reg Values::at(ir::Value v, int row, int vector) const {
  const State& s = state_[index(v)];
  const int r = s.layout.rows == 1 ? 0 : row;
  const int c = s.layout.vectors == 1 ? 0 : vector;
  return s.current[s.layout.index(r, c)];
}

Reg Values::zeros_at(ir::Value v, Zeros form, int vector) const {
  const State& s = state_[index(v)];
  return s.zero_current[static_cast<size_t>(form)][static_cast<size_t>(s.layout.vectors == 1 ? 0 : vector)];
}

void Values::boundary() {
  for (State& s : state_) {
    if (!s.home.empty()) s.current = s.home;
    for (size_t f = 0; f < 2; ++f)
      if (!s.zero_home[f].empty()) s.zero_current[f] = s.zero_home[f];
  }
}

}  // namespace tilejit::x86
