#include "ir/interpret.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <optional>
#include <utility>

#include "ir/float_mode.h"
#include "ir/interpret_memory.h"
#include "ir/interpret_ops.h"
#include "ir/interpret_plan.h"
#include "ir/print.h"

namespace tilejit::ir {
namespace interpreter {
namespace {

struct Flight {
  Region to, from;
};

/// One thread of control: the task itself, or one wave of it. It can stop at a barrier and go on later.
struct Wave {
  int32_t number = 0;
  size_t pc = 0;
  std::vector<int64_t> index;     // of each value of type index
  std::vector<int64_t> loop_end;  // of each for_loop that is open
  std::vector<uint32_t> cells;
  std::vector<uint8_t> written;  // tile registers that hold something
  std::deque<Flight> flights;    // async copies, oldest first
};

enum class Stop { end, barrier, error };

/// A permutation of the waves for one interval between barriers.
std::vector<size_t> wave_order(size_t waves, uint64_t seed, uint64_t interval) {
  std::vector<size_t> order(waves);
  std::iota(order.begin(), order.end(), size_t{0});
  if (seed == 0) return order;
  uint64_t state = seed * 0x9e3779b97f4a7c15u + interval;
  for (size_t i = waves; i > 1; --i) {  // splitmix64 draws, Fisher-Yates
    uint64_t x = state += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    std::swap(order[i - 1], order[(x ^ (x >> 31)) % i]);
  }
  return order;
}

class Machine {
 public:
  Machine(const Plan& plan, InterpretOptions options) : plan_(plan), options_(options) {}

  Result<void> bind(std::span<const BufferView> parameters, int64_t m) {
    m_ = m;
    return memory_.bind(plan_, parameters, m);
  }
  Result<void> run_all_tasks();
  Result<void> run_task(std::span<const int64_t> task);

 private:
  Stop run(Wave& wave, size_t end);
  bool run_step(Wave& wave, const Step& step);
  bool run_waves(Wave& task, size_t first);
  size_t start_waves(Wave& task, size_t first, std::vector<Wave>& waves);
  bool run_interval(std::vector<Wave>& waves, size_t end, bool& finished);
  void forget_written(Wave& wave, size_t first, size_t end) const;
  bool open_loop(Wave& wave, const Step& step);
  void close_loop(Wave& wave, const Step& step) const;
  bool tile_op(Wave& wave, const Step& step);
  bool load(Wave& wave, const Step& step);
  bool load_index(Wave& wave, const Instr& instr);
  bool store(Wave& wave, const Step& step);
  bool async_copy(Wave& wave, const Instr& instr);
  bool wait(Wave& wave, int64_t may_fly);
  bool check_written(const Wave& wave, const Instr& instr);
  bool check_zeros(const Wave& wave, const Step& step);
  int64_t lo(const Instr& loop, const Wave& wave) const { return loop.lo->round(evaluate(loop.lo->value, wave.index)); }
  int64_t hi(const Instr& loop, const Wave& wave) const { return loop.hi->round(evaluate(loop.hi->value, wave.index)); }
  Accessor accessor(const Wave& wave) const { return {wave.number, interval_}; }
  bool fail(std::string words);
  Result<void> failure(const Instr& instr) const;
  Result<void> for_each_task(size_t depth, std::vector<int64_t>& task, std::vector<int64_t>& index);

  const Plan& plan_;
  const InterpretOptions options_;
  Memory memory_;
  int64_t m_ = 0;
  std::span<const int64_t> task_;
  bool waves_running_ = false;
  uint32_t interval_ = 1;            // between two barriers
  std::optional<size_t> failed_at_;  // the innermost step that failed
  std::string error_;
  std::vector<uint32_t> landing_;
};

bool Machine::fail(std::string words) {
  error_ = std::move(words);
  return false;
}

Result<void> Machine::failure(const Instr& instr) const {
  const std::string place = instr.line > 0 ? fmt::format("line {}: ", instr.line) : "";
  return invalid(fmt::format("kernel {}: {}`{}`: {}", plan_.kernel->name, place, print(*plan_.kernel, instr), error_));
}

Result<void> Machine::run_all_tasks() {
  std::vector<int64_t> task;
  std::vector<int64_t> index(plan_.kernel->values.size(), 0);
  index[static_cast<size_t>(value_m)] = m_;
  return for_each_task(0, task, index);
}

Result<void> Machine::for_each_task(size_t depth, std::vector<int64_t>& task, std::vector<int64_t>& index) {
  if (depth == plan_.task_loops.size()) return run_task(task);
  const Instr& loop = *plan_.steps[static_cast<size_t>(plan_.task_loops[depth])].instr;
  const int64_t end = loop.hi->round(evaluate(loop.hi->value, index));
  for (int64_t i = loop.lo->round(evaluate(loop.lo->value, index)); i < end; i += loop.step) {
    index[static_cast<size_t>(loop.dst)] = i;
    task.push_back(i);
    if (Result<void> done = for_each_task(depth + 1, task, index); !done.ok()) return done;
    task.pop_back();
  }
  return {};
}

Result<void> Machine::run_task(std::span<const int64_t> task) {
  if (task.size() != plan_.task_loops.size())
    return invalid(fmt::format("kernel {}: a task of {} indices is given, it has {} tasks loops", plan_.kernel->name,
                               task.size(), plan_.task_loops.size()));
  task_ = task;
  memory_.start_task();
  Wave wave;
  wave.index.resize(plan_.kernel->values.size());
  wave.index[static_cast<size_t>(value_m)] = m_;
  wave.loop_end.resize(plan_.steps.size());
  wave.cells.resize(static_cast<size_t>(plan_.cells));
  wave.written.resize(plan_.kernel->values.size());
  if (run(wave, plan_.steps.size()) == Stop::error) return failure(*plan_.steps[*failed_at_].instr);
  return {};
}

/// Runs up to the step `end`, or through a barrier that other waves must reach too.
Stop Machine::run(Wave& wave, size_t end) {
  while (wave.pc != end) {
    const size_t at = wave.pc++;
    const Step& step = plan_.steps[at];
    if (!run_step(wave, step)) {
      if (error_.empty()) error_ = memory_.take_error();
      if (!failed_at_) failed_at_ = at;
      return Stop::error;
    }
    if (step.instr->op == Op::barrier && waves_running_) return Stop::barrier;
  }
  return Stop::end;
}

bool Machine::run_step(Wave& wave, const Step& step) {
  switch (step.instr->op) {
    case Op::fill:
    case Op::convert:
    case Op::add:
    case Op::sub:
    case Op::mul:
    case Op::fma:
    case Op::max:
    case Op::min:
    case Op::div:
    case Op::round:
    case Op::exp:
    case Op::erf:
    case Op::tanh:
    case Op::bitcast:
    case Op::bit_and:
    case Op::bit_or:
    case Op::shift_left:
    case Op::shift_right:
    case Op::reduce_max:
    case Op::reduce_add:
    case Op::dot_i8:
    case Op::unpack:
    case Op::unpack_zero:
    case Op::dot_bf16:
    case Op::mma: return tile_op(wave, step);
    case Op::load: return load(wave, step);
    case Op::store: return store(wave, step);
    case Op::load_index: return load_index(wave, *step.instr);
    case Op::async_copy: return async_copy(wave, *step.instr);
    case Op::wait: return wait(wave, step.instr->imm);
    case Op::for_loop: return open_loop(wave, step);
    case Op::end: close_loop(wave, step); return true;
    case Op::prefetch:  // a hint may point anywhere
    case Op::barrier: return true;
  }
  return true;
}

// --- loops ------------------------------------------------------------------------------------------------------------

bool Machine::open_loop(Wave& wave, const Step& step) {
  const Instr& loop = *step.instr;
  const size_t at = wave.pc - 1;
  const size_t end = static_cast<size_t>(step.partner);
  if (loop.loop == LoopKind::waves) return run_waves(wave, at);
  int64_t first = lo(loop, wave);
  int64_t past = hi(loop, wave);
  if (loop.loop == LoopKind::tasks) {
    const int64_t task = task_[static_cast<size_t>(step.task)];
    if (task < first || task >= past || (task - first) % loop.step != 0)
      return fail(fmt::format("task {} is not one of {}..{} step {}", task, first, past, loop.step));
    first = task;
    past = task + 1;
  }
  wave.index[static_cast<size_t>(loop.dst)] = first;
  wave.loop_end[at] = past;
  if (first >= past) wave.pc = end + 1;
  return true;
}

void Machine::close_loop(Wave& wave, const Step& step) const {
  const size_t at = static_cast<size_t>(step.partner);
  const Instr& loop = *plan_.steps[at].instr;
  int64_t& i = wave.index[static_cast<size_t>(loop.dst)];
  i += loop.step;
  if (i < wave.loop_end[at]) wave.pc = at + 1;
}

// --- waves ------------------------------------------------------------------------------------------------------------

/// Each wave starts with the task's registers. They meet at every barrier and at the loop's end; what they wrote to
/// registers is theirs, so these hold nothing afterwards.
bool Machine::run_waves(Wave& task, size_t first) {
  const size_t end = static_cast<size_t>(plan_.steps[first].partner);
  std::vector<Wave> waves;
  const size_t body_end = start_waves(task, first, waves);
  waves_running_ = true;
  ++interval_;
  for (bool finished = waves.empty(); !finished; ++interval_)
    if (!run_interval(waves, body_end, finished)) return false;
  waves_running_ = false;
  forget_written(task, first, end);
  task.pc = end + 1;
  return true;
}

/// The waves of the loop at step `first`, or of the grid that it makes with the waves loop inside it; the end of their body.
size_t Machine::start_waves(Wave& task, size_t first, std::vector<Wave>& waves) {
  const Instr& loop = *plan_.steps[first].instr;
  const Instr& next = *plan_.steps[first + 1].instr;
  const bool is_grid = next.op == Op::for_loop && next.loop == LoopKind::waves;
  size_t body_end = static_cast<size_t>(plan_.steps[is_grid ? first + 1 : first].partner);
  const int64_t past = hi(loop, task);
  for (int64_t i = lo(loop, task); i < past; i += loop.step) {
    task.index[static_cast<size_t>(loop.dst)] = i;
    if (is_grid) {
      body_end = start_waves(task, first + 1, waves);
      continue;
    }
    Wave& wave = waves.emplace_back(task);
    wave.number = static_cast<int32_t>(waves.size()) - 1;
    wave.pc = first + 1;
  }
  return body_end;
}

/// Runs every wave to its next barrier, in this interval's order; all must stop at the same one, or all end.
bool Machine::run_interval(std::vector<Wave>& waves, size_t end, bool& finished) {
  for (const size_t w : wave_order(waves.size(), options_.wave_order, interval_))
    if (run(waves[w], end) == Stop::error) return false;
  for (const Wave& wave : waves) {
    if (wave.pc == waves[0].pc) continue;
    const auto stop = [&](const Wave& v) {
      return v.pc == end ? std::string("the end") : fmt::format("the barrier of step {}", v.pc - 1);
    };
    return fail(fmt::format("waves part: wave 0 stops at {}, wave {} at {}", stop(waves[0]), wave.number, stop(wave)));
  }
  finished = waves[0].pc == end;
  return true;
}

void Machine::forget_written(Wave& wave, size_t first, size_t end) const {
  for (size_t i = first; i < end; ++i)
    if (const Value v = plan_.steps[i].instr->dst; v != Value::none) wave.written[static_cast<size_t>(v)] = 0;
}

// --- ops --------------------------------------------------------------------------------------------------------------

bool Machine::check_written(const Wave& wave, const Instr& instr) {
  const int operands = info(instr.op).operands;
  for (size_t i = 0; i < static_cast<size_t>(operands); ++i) {
    const Value v = instr.args[i];
    if (!wave.written[static_cast<size_t>(v)])
      return fail(fmt::format("register %{} is read and was never written", plan_.kernel->value(v).name));
  }
  return true;
}

bool Machine::check_zeros(const Wave& wave, const Step& step) {
  const Instr& instr = *step.instr;
  const int64_t most = int64_t{1} << bits_of(plan_.kernel->value(instr.args[0]).tile.type);
  const int64_t count = plan_.kernel->value(instr.args[1]).tile.shape.count();
  for (int64_t i = 0; i < count; ++i) {
    const auto zero = static_cast<int32_t>(wave.cells[static_cast<size_t>(step.at[2] + i)]);
    if (zero < 0 || zero > most) return fail(fmt::format("zero point {} is not one of 0..{}", zero, most));
  }
  return true;
}

bool Machine::tile_op(Wave& wave, const Step& step) {
  const Instr& instr = *step.instr;
  if (!check_written(wave, instr)) return false;
  int64_t lane = 0;
  if (instr.op == Op::unpack || instr.op == Op::unpack_zero) {
    lane = instr.lane_constant;
    if (instr.lane_var != Value::none) lane += wave.index[static_cast<size_t>(instr.lane_var)];
    const int64_t lanes = step.walk.n[2];
    if (lane < 0 || lane >= lanes) return fail(fmt::format("lane {} is not one of 0..{}", lane, lanes));
  }
  if (instr.op == Op::unpack_zero && !check_zeros(wave, step)) return false;
  run_tile_op(step, wave.cells.data(), lane);
  wave.written[static_cast<size_t>(instr.dst)] = 1;
  return true;
}

bool Machine::load(Wave& wave, const Step& step) {
  const Instr& instr = *step.instr;
  Region region;
  if (!memory_.locate(instr.buffer, instr.slices, instr.clip, wave.index, region)) return false;
  wave.written[static_cast<size_t>(instr.dst)] = 1;
  return memory_.load(region, accessor(wave), wave.cells.data() + step.at[0]);
}

bool Machine::load_index(Wave& wave, const Instr& instr) {
  Region region;
  uint32_t cell = 0;
  if (!memory_.locate(instr.buffer, instr.slices, false, wave.index, region)) return false;
  if (!memory_.load(region, accessor(wave), &cell)) return false;
  wave.index[static_cast<size_t>(instr.dst)] = static_cast<int32_t>(cell);
  return true;
}

bool Machine::store(Wave& wave, const Step& step) {
  const Instr& instr = *step.instr;
  Region region;
  return check_written(wave, instr) && memory_.locate(instr.buffer, instr.slices, instr.clip, wave.index, region) &&
         memory_.store(region, accessor(wave), wave.cells.data() + step.at[0]);
}

/// The copy happens as late as it may, at its wait: a kernel that reuses the source too early gives a wrong result here.
bool Machine::async_copy(Wave& wave, const Instr& instr) {
  Flight flight;
  if (!memory_.locate(instr.buffer, instr.slices, false, wave.index, flight.to)) return false;
  if (!memory_.locate(instr.source, instr.source_slices, false, wave.index, flight.from)) return false;
  if (!memory_.start_flight(flight.to, accessor(wave))) return false;
  wave.flights.push_back(flight);
  return true;
}

bool Machine::wait(Wave& wave, int64_t may_fly) {
  while (static_cast<int64_t>(wave.flights.size()) > may_fly) {
    const Flight flight = wave.flights.front();
    wave.flights.pop_front();
    landing_.resize(static_cast<size_t>(flight.from.cells));
    if (!memory_.load(flight.from, accessor(wave), landing_.data())) return false;
    if (!memory_.land(flight.to, accessor(wave), landing_.data())) return false;
  }
  return true;
}

}  // namespace
}  // namespace interpreter

Result<void> interpret(const Kernel& kernel, std::span<const BufferView> parameters, int64_t m,
                       InterpretOptions options) {
  const DefaultFloatMode mode;
  const interpreter::Plan plan = interpreter::make_plan(kernel);
  interpreter::Machine machine(plan, options);
  if (Result<void> bound = machine.bind(parameters, m); !bound.ok()) return bound;
  return machine.run_all_tasks();
}

Result<void> interpret_task(const Kernel& kernel, std::span<const BufferView> parameters, int64_t m,
                            std::span<const int64_t> task, InterpretOptions options) {
  const DefaultFloatMode mode;
  const interpreter::Plan plan = interpreter::make_plan(kernel);
  interpreter::Machine machine(plan, options);
  if (Result<void> bound = machine.bind(parameters, m); !bound.ok()) return bound;
  return machine.run_task(task);
}

}  // namespace tilejit::ir
