#include "targets/x86/select.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "targets/x86/select_tiles.h"

namespace tilejit::x86 {
namespace {

bool fits32(int64_t v) { return v >= std::numeric_limits<int32_t>::min() && v <= std::numeric_limits<int32_t>::max(); }

/// A bound as a constant or a register.
struct Limit {
  Reg reg = Reg::none;
  int64_t constant = 0;
};

struct OpenLoop {
  size_t position = 0;
  bool is_loop = false;     // false: tasks, or a single iteration
  int32_t number = -1;      // in VCode::loops
  Reg counter = Reg::none;  // the variable, or what remains when it counts down
  bool counts_down = false;
  Limit hi;
  int64_t head = -1;
  int64_t exit = -1;
};

class Selector {
 public:
  Selector(const ir::Kernel& kernel, const CpuRow& row)
      : kernel_(kernel), partner_(ir::match_loops(kernel)), values_(kernel, emit_),
        addresses_(kernel, emit_), s_{kernel, row, emit_, values_, addresses_, {}, {}, {}} {}

  Result<VCode> run() {
    for (const ir::Buffer& buffer : kernel_.buffers)
      if (buffer.space == ir::Space::shared)
        return unsupported(
            fmt::format("{}: buffer %{}: shared memory; tasks of a CPU have none", s_.row.facts.name, buffer.name));
    TRY(values_.lay_out());
    TRY(addresses_.plan());
    for (size_t i = 0; i < kernel_.body.size(); ++i) TRY(visit(i));
    emit_.finish();
    return std::move(emit_.code);
  }

 private:
  Result<void> visit(size_t& i) {
    const ir::Instr& instr = kernel_.body[i];
    switch (instr.op) {
      case ir::Op::fill:
      case ir::Op::add:
      case ir::Op::sub:
      case ir::Op::mul:
      case ir::Op::max:
      case ir::Op::min:
      case ir::Op::fma:
      case ir::Op::div:
      case ir::Op::round:
      case ir::Op::bitcast:
      case ir::Op::bit_and:
      case ir::Op::bit_or:
      case ir::Op::shift_left:
      case ir::Op::shift_right: select_arithmetic(s_, instr, values_.define(instr.dst, i)); break;
      case ir::Op::convert: TRY(select_convert(s_, instr, values_.define(instr.dst, i))); break;
      case ir::Op::unpack:
      case ir::Op::unpack_zero: TRY(select_unpack(s_, instr, values_.define(instr.dst, i))); break;
      case ir::Op::reduce_max:
      case ir::Op::reduce_add: select_reduce(s_, instr, values_.define(instr.dst, i)); break;
      case ir::Op::dot_i8: select_dot_i8(s_, instr, values_.define(instr.dst, i)); break;
      case ir::Op::dot_bf16: TRY(select_dot_bf16(s_, instr, values_.define(instr.dst, i))); break;
      case ir::Op::load: TRY(select_load(s_, i, values_.define(instr.dst, i))); break;
      case ir::Op::store: TRY(select_store(s_, i)); break;
      case ir::Op::load_index: select_load_index(s_, i); return {};
      case ir::Op::prefetch: select_prefetch(s_, i); break;
      case ir::Op::for_loop: return enter(i);
      case ir::Op::end: leave(); return {};
      case ir::Op::exp:
      case ir::Op::erf:
      case ir::Op::tanh: return refuse(s_, instr, "a function; the expand_functions pass comes first");
      case ir::Op::mma: return refuse(s_, instr, "matrix steps are for GPUs");
      case ir::Op::async_copy:
      case ir::Op::barrier:
      case ir::Op::wait: return refuse(s_, instr, "waves and shared memory are for GPUs");
    }
    if (instr.dst == ir::Value::none) return {};
    forget_shared(s_, values_.registers(instr.dst));
    select_zeros(s_, instr.dst, i);
    return {};
  }

  void boundary() {
    values_.boundary();
    forget_shared(s_, {});
  }

  Result<void> enter(size_t& i) {
    const ir::Instr& instr = kernel_.body[i];
    if (instr.loop == ir::LoopKind::waves) return refuse(s_, instr, "waves and shared memory are for GPUs");
    if (instr.loop == ir::LoopKind::unrolled) return refuse(s_, instr, "an unrolled loop; the unroll pass comes first");
    boundary();
    OpenLoop loop;
    loop.position = i;
    if (instr.loop == ir::LoopKind::tasks) {
      open_.push_back(loop);
      return {};
    }
    if (instr.lo->is_constant() && instr.hi->is_constant()) {
      const int64_t lo = instr.lo->round(instr.lo->value.constant());
      const int64_t hi = instr.hi->round(instr.hi->value.constant());
      const int64_t trips = hi > lo ? (hi - lo + instr.step - 1) / instr.step : 0;
      if (trips == 0) {
        i = static_cast<size_t>(partner_[i]);
        return {};
      }
      enter_constant(loop, lo, hi, trips);
    } else {
      enter_runtime(loop);
    }
    open_.push_back(loop);
    return {};
  }

  void enter_constant(OpenLoop& loop, int64_t lo, int64_t hi, int64_t trips) {
    const ir::Instr& instr = kernel_.body[loop.position];
    const bool is_number = addresses_.is_needed(instr.dst);
    loop.is_loop = trips > 1;
    loop.hi.constant = hi;
    loop.counts_down = !is_number || !fits32(hi);
    if (is_number) addresses_.set(instr.dst, emit_.immediate(lo));
    addresses_.start(loop.position, Reg::none, lo);
    if (!loop.is_loop) return;
    loop.counter = loop.counts_down ? emit_.immediate(trips) : addresses_.variable(instr.dst);
    begin(loop);
  }

  void enter_runtime(OpenLoop& loop) {
    const ir::Instr& instr = kernel_.body[loop.position];
    const Limit lo = limit(instr.lo);
    loop.hi = limit(instr.hi);
    loop.is_loop = true;
    loop.exit = emit_.label();
    loop.counts_down = instr.step == 1 && !addresses_.is_needed(instr.dst);
    loop.counter = emit_.gpr();
    if (loop.counts_down) {
      const Reg hi = loop.hi.reg == Reg::none ? emit_.immediate(loop.hi.constant) : loop.hi.reg;
      if (lo.reg == Reg::none)
        copy(loop.counter, emit_.plus(hi, -lo.constant));
      else
        emit_.push(VOp::sub, loop.counter, hi, lo.reg);
      emit_.jump(VOp::jump_le, loop.counter, Reg::none, 0, loop.exit);
    } else {
      if (lo.reg == Reg::none)
        emit_.push(VOp::mov_imm, loop.counter).imm = lo.constant;
      else
        copy(loop.counter, lo.reg);
      if (loop.hi.reg == Reg::none && !fits32(loop.hi.constant)) loop.hi.reg = emit_.immediate(loop.hi.constant);
      jump_by_limit(VOp::jump_ge, loop, loop.exit);
      addresses_.set(instr.dst, loop.counter);
    }
    addresses_.start(loop.position, lo.reg, lo.constant);
    begin(loop);
  }

  void begin(OpenLoop& loop) {
    int depth = 1;
    for (const OpenLoop& l : open_) depth += l.is_loop;
    loop.number = static_cast<int32_t>(emit_.code.loops.size());
    emit_.code.loops.push_back(
        {kernel_.value(kernel_.body[loop.position].dst).name, depth, static_cast<int32_t>(loop.position)});
    loop.head = emit_.label();
    emit_.push(VOp::loop_begin).imm = loop.number;
    emit_.place(loop.head);
  }

  void leave() {
    const OpenLoop loop = open_.back();
    open_.pop_back();
    boundary();
    if (!loop.is_loop) return;
    addresses_.advance(loop.position);
    const ir::Value v = kernel_.body[loop.position].dst;
    if (loop.counts_down) {
      if (addresses_.is_needed(v)) emit_.add_to(addresses_.variable(v), kernel_.body[loop.position].step);
      emit_.push(VOp::count_down, loop.counter, loop.counter).imm = loop.head;
    } else {
      emit_.add_to(loop.counter, kernel_.body[loop.position].step);
      jump_by_limit(VOp::jump_lt, loop, loop.head);
    }
    emit_.push(VOp::loop_end).imm = loop.number;
    if (loop.exit >= 0) emit_.place(loop.exit);
  }

  void jump_by_limit(VOp op, const OpenLoop& loop, int64_t to) {
    emit_.jump(op, loop.counter, loop.hi.reg, static_cast<int32_t>(loop.hi.reg == Reg::none ? loop.hi.constant : 0),
               to);
  }

  void copy(Reg dst, Reg src) { emit_.push(VOp::mov, dst, src); }

  /// min(limit, round(max(value, 0) / divisor)).
  Limit limit(const ir::Bound& bound) {
    if (bound.is_constant()) return {Reg::none, bound.round(bound.value.constant())};
    Reg value = addresses_.evaluate(bound.value);
    value = emit_.general(VOp::andn, emit_.general(VOp::sign, value), value);
    if (bound.rounding == ir::Rounding::ceil) value = emit_.plus(value, bound.divisor - 1);
    if (bound.rounding != ir::Rounding::exact) value = addresses_.divide(value, bound.divisor);
    if (bound.limit != ir::Bound::no_limit) value = emit_.general(VOp::min, value, emit_.immediate(bound.limit));
    return {value, 0};
  }

  const ir::Kernel& kernel_;
  std::vector<int32_t> partner_;
  Emitter emit_;
  Values values_;
  Addresses addresses_;
  Selection s_;
  std::vector<OpenLoop> open_;
};

}  // namespace

Result<VCode> select(const ir::Kernel& kernel, const CpuRow& row) { return Selector(kernel, row).run(); }

}  // namespace tilejit::x86
