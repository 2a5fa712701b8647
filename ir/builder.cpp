#include "ir/builder.h"

#include "ir/check.h"

namespace tilejit::ir {

BufferId Builder::buffer(std::string name, Space space, Type type, std::vector<Extent> dims, bool strided) {
  return kernel_.add_buffer({std::move(name), space, type, std::move(dims), strided});
}

Instr& Builder::append(Op op) {
  Instr& instr = kernel_.body.emplace_back();
  instr.op = op;
  return instr;
}

Value Builder::for_loop(LoopKind kind, std::string var, Bound lo, Bound hi, int64_t step) {
  const Value v = kernel_.add_value(std::move(var), {Type::index, {}});
  Instr& instr = append(Op::for_loop);
  instr.loop = kind;
  instr.dst = v;
  instr.lo = lo;
  instr.hi = hi;
  instr.step = step;
  ++open_loops_;
  return v;
}

void Builder::end() {
  CHECK(open_loops_ > 0, "end() without an open loop");
  --open_loops_;
  append(Op::end);
}

void Builder::fill(Value dst, int64_t bits) {
  Instr& instr = append(Op::fill);
  instr.dst = dst;
  instr.imm = bits;
}

void Builder::elementwise(Op op, Value dst, Value a, Value b, Value c) {
  Instr& instr = append(op);
  instr.dst = dst;
  instr.args = {a, b, c};
}

void Builder::shift(Op op, Value dst, Value a, int64_t bits) {
  elementwise(op, dst, a);
  kernel_.body.back().imm = bits;
}

void Builder::unpack(Value dst, Value packed, Value lane_var, int32_t lane_constant, int64_t zero) {
  Instr& instr = append(Op::unpack);
  instr.dst = dst;
  instr.args[0] = packed;
  instr.lane_var = lane_var;
  instr.lane_constant = lane_constant;
  instr.imm = zero;
}

void Builder::unpack_zero(Value dst, Value packed, Value zeros, Value lane_var, int32_t lane_constant) {
  Instr& instr = append(Op::unpack_zero);
  instr.dst = dst;
  instr.args[0] = packed;
  instr.args[1] = zeros;
  instr.lane_var = lane_var;
  instr.lane_constant = lane_constant;
}

void Builder::dot(Op op, Value dst, Value x, Value w, Value acc) { elementwise(op, dst, x, w, acc); }

void Builder::mma(int row, Value dst, Value x, Value w, Value acc) {
  elementwise(Op::mma, dst, x, w, acc);
  kernel_.body.back().imm = row;
}

void Builder::async_copy(BufferId shared, std::vector<Slice> slices, BufferId source,
                         std::vector<Slice> source_slices) {
  Instr& instr = append(Op::async_copy);
  instr.buffer = shared;
  instr.slices = std::move(slices);
  instr.source = source;
  instr.source_slices = std::move(source_slices);
}

void Builder::load(Value dst, BufferId buffer, std::vector<Slice> slices, bool clip) {
  Instr& instr = append(Op::load);
  instr.dst = dst;
  instr.buffer = buffer;
  instr.slices = std::move(slices);
  instr.clip = clip;
}

void Builder::store(BufferId buffer, std::vector<Slice> slices, Value tile, bool clip) {
  Instr& instr = append(Op::store);
  instr.args[0] = tile;
  instr.buffer = buffer;
  instr.slices = std::move(slices);
  instr.clip = clip;
}

Value Builder::load_index(std::string name, BufferId buffer, std::vector<Slice> slices) {
  const Value v = kernel_.add_value(std::move(name), {Type::index, {}});
  Instr& instr = append(Op::load_index);
  instr.dst = v;
  instr.buffer = buffer;
  instr.slices = std::move(slices);
  return v;
}

void Builder::prefetch(BufferId buffer, std::vector<Slice> slices, int level) {
  Instr& instr = append(Op::prefetch);
  instr.imm = level;
  instr.buffer = buffer;
  instr.slices = std::move(slices);
}

}  // namespace tilejit::ir
