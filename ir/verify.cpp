// The walk over a kernel: loops, scopes and what has been written. Rules about one instruction are in verify_tiles.cpp and
// verify_memory.cpp.
//
// A register is written before it is read if, in the order of the text, a write stands before the read and every loop that
// closed between them surely runs (its bounds prove it for every m). What a tasks or waves loop writes ends with it. So a
// value carried from one iteration to the next is written once before its loop.
#include "ir/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "ir/names.h"
#include "ir/print.h"
#include "ir/verify_rules.h"

namespace tilejit::ir {
namespace {

constexpr int most_tasks_loops = 3;
constexpr int64_t most_copies = 4096;  // of the body of an unrolled loop
constexpr size_t most_kernels = 3;
constexpr int64_t most_step = std::numeric_limits<int32_t>::max();

class Verifier {
 public:
  explicit Verifier(const Kernel& kernel)
      : kernel_(kernel), ranges_(kernel), written_(kernel.values.size(), 0), states_(kernel.values.size()),
        here_([this](const std::string& rule) { report(*visited_, rule); }) {}
  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;
  ~Verifier() = default;

  std::vector<Violation> run();

 private:
  enum class Role : uint8_t { plain, closed, open };  // a loop variable is closed or open
  struct OpenLoop {
    const Instr* instr;
    size_t first_written;  // how much of order_ was written before the loop
    bool defines;          // what its body writes stays written after it
    int64_t copies;        // of its body, when it and the loops around it are unrolled
  };

  void report(const Instr& instr, const std::string& rule);
  int64_t copies_of(const Instr& loop);
  void report_kernel(const std::string& rule) {
    violations_.push_back({0, fmt::format("kernel {}: {}", kernel_.name, rule)});
  }
  void check_declarations();
  void visit(size_t position);
  void enter(size_t position);
  void leave(size_t position);
  void check_loop(const Instr& loop, size_t position);
  bool may_hold_waves(size_t position) const;
  void check_bound(const Instr& loop, const Bound& bound);
  bool check_indices(const Instr& instr);
  bool check_affine(const Instr& instr, const Affine& affine);
  bool check_index(const Instr& instr, Value index);
  void check_reads(const Instr& instr);
  void check_waves_op(const Instr& instr);
  void write(const Instr& instr);

  Role& role(Value v) { return states_[static_cast<size_t>(v)]; }
  bool exists(Value v) const { return static_cast<int32_t>(v) >= 0 && static_cast<size_t>(v) < kernel_.values.size(); }
  bool is_written(Value v) const { return v == value_m || written_[static_cast<size_t>(v)] != 0; }
  bool inside(LoopKind kind) const {
    return std::any_of(open_.begin(), open_.end(), [&](const OpenLoop& l) { return l.instr->loop == kind; });
  }
  std::string name_of(Value v) const {
    return exists(v) ? print(kernel_, Affine::of(v)) : "a value that does not exist";
  }

  const Kernel& kernel_;
  Ranges ranges_;
  std::vector<uint8_t> written_;
  std::vector<Value> order_;  // of the first writes, so that a loop's can be taken back
  std::vector<Role> states_;
  std::vector<OpenLoop> open_;
  std::vector<Violation> violations_;
  const Instr* visited_ = nullptr;
  const Report here_;  // of the instruction that is visited; made once, not for each
};

void Verifier::report(const Instr& instr, const std::string& rule) {
  violations_.push_back({instr.line, fmt::format("kernel {}: `{}`: {}", kernel_.name, print(kernel_, instr), rule)});
}

std::vector<Violation> Verifier::run() {
  check_declarations();
  if (kernel_.values.empty() || kernel_.value(value_m).tile.type != Type::index) {
    report_kernel("value 0 is the index m");
    return std::move(violations_);
  }
  for (const Instr& instr : kernel_.body)
    if (instr.op == Op::for_loop && exists(instr.dst)) role(instr.dst) = Role::closed;
  for (size_t i = 0; i < kernel_.body.size(); ++i) visit(i);
  for (const OpenLoop& l : open_) report(*l.instr, "the loop has no end");
  return std::move(violations_);
}

void Verifier::check_declarations() {
  if (!is_identifier(kernel_.name)) report_kernel("the name is not a word of letters, digits and _");
  std::vector<std::string_view> names;
  for (const Buffer& b : kernel_.buffers) {
    if (std::find(names.begin(), names.end(), b.name) != names.end())
      report_kernel(fmt::format("buffer %{}: the name is used twice", b.name));
    names.push_back(b.name);
    check_buffer(b, [&](const std::string& rule) { report_kernel(fmt::format("buffer %{}: {}", b.name, rule)); });
  }
}

void Verifier::visit(size_t position) {
  const Instr& instr = kernel_.body[position];
  visited_ = &instr;
  if (instr.op == Op::end) return leave(position);
  const bool sound = check_operands(kernel_, instr, here_);
  const bool indices = check_indices(instr);
  if (instr.op == Op::for_loop) return enter(position);
  check_waves_op(instr);
  if (!sound) return;
  check_reads(instr);
  check_tiles(kernel_, instr, here_);
  if (indices) check_access(kernel_, instr, ranges_, here_);
  if (indices && (instr.op == Op::unpack || instr.op == Op::unpack_zero)) check_lane(kernel_, instr, ranges_, here_);
  write(instr);
}

void Verifier::enter(size_t position) {
  const Instr& loop = kernel_.body[position];
  if (exists(loop.dst) && (loop.dst == value_m || role(loop.dst) == Role::open))
    report(loop, fmt::format("{} is in use already", name_of(loop.dst)));
  check_loop(loop, position);
  const bool keeps = loop.loop == LoopKind::serial || loop.loop == LoopKind::unrolled;
  open_.push_back({&loop, order_.size(), keeps && ranges_.surely_runs(loop), copies_of(loop)});
  ranges_.open(loop);
  if (exists(loop.dst)) role(loop.dst) = Role::open;
}

/// Copies that unrolling makes of a loop's body; more than the limit is reported and counted as one.
int64_t Verifier::copies_of(const Instr& loop) {
  const int64_t around = open_.empty() ? 1 : open_.back().copies;
  if (loop.loop != LoopKind::unrolled || !loop.lo->is_constant() || !loop.hi->is_constant() || loop.step < 1)
    return around;
  const int64_t first = loop.lo->round(loop.lo->value.constant());
  const int64_t past = loop.hi->round(loop.hi->value.constant());
  const int64_t trips = past <= first ? 0 : (past - first - 1) / loop.step + 1;
  if (trips <= most_copies / std::max<int64_t>(around, 1)) return around * trips;
  report(loop, fmt::format("{} x {} copies of an unrolled body; at most {}", around, trips, most_copies));
  return 1;
}

void Verifier::leave(size_t position) {
  const Instr& end = kernel_.body[position];
  if (open_.empty()) return report(end, "an end without its loop");
  const OpenLoop loop = open_.back();
  open_.pop_back();
  ranges_.close();
  if (exists(loop.instr->dst)) role(loop.instr->dst) = Role::closed;
  while (!loop.defines && order_.size() > loop.first_written) {
    written_[static_cast<size_t>(order_.back())] = 0;
    order_.pop_back();
  }
  const bool last = position + 1 == kernel_.body.size();
  if (loop.instr->loop == LoopKind::tasks && !last && kernel_.body[position + 1].op != Op::end)
    report(kernel_.body[position + 1], "an instruction after a tasks loop; everything stands inside the innermost one");
  const bool in_grid =
      loop.instr->loop == LoopKind::waves && !open_.empty() && open_.back().instr->loop == LoopKind::waves;
  if (in_grid && !last && kernel_.body[position + 1].op != Op::end)
    report(kernel_.body[position + 1], "an instruction beside the inner loop of a grid of waves");
}

void Verifier::check_loop(const Instr& loop, size_t position) {
  if (loop.step < 1 || loop.step > most_step)
    report(loop, fmt::format("the step {} is not between 1 and {}", loop.step, most_step));
  check_bound(loop, loop.lo);
  check_bound(loop, loop.hi);
  const auto depends_only_on_m = [](const Bound& b) {
    return std::all_of(b.value.begin(), b.value.end(), [](const Term& t) { return t.var == value_m; });
  };
  const bool constant = loop.lo->is_constant() && loop.hi->is_constant();
  switch (loop.loop) {
    case LoopKind::serial: return;
    case LoopKind::unrolled:
      if (!constant) report(loop, "an unrolled loop has constant bounds");
      return;
    case LoopKind::tasks:
      if (position != open_.size() || (!open_.empty() && open_.back().instr->loop != LoopKind::tasks))
        report(loop, "tasks loops are the outermost ones, with nothing between them");
      if (open_.size() >= most_tasks_loops) report(loop, fmt::format("more than {} tasks loops", most_tasks_loops));
      if (!depends_only_on_m(loop.lo) || !depends_only_on_m(loop.hi))
        report(loop, "the bounds of a tasks loop are of constants and m");
      return;
    case LoopKind::waves:
      if (!may_hold_waves(position))
        report(loop, "a waves loop stands directly inside a tasks loop, or alone inside another waves loop that does");
      if (!constant) report(loop, "a waves loop has constant bounds");
      return;
  }
}

/// Whether a waves loop may stand here: two of them, with nothing between, are a grid of waves.
bool Verifier::may_hold_waves(size_t position) const {
  if (open_.empty()) return false;
  const Instr& around = *open_.back().instr;
  if (around.loop == LoopKind::tasks) return true;
  const bool first = &kernel_.body[position - 1] == &around;
  return around.loop == LoopKind::waves && first && open_.size() >= 2 &&
         open_[open_.size() - 2].instr->loop == LoopKind::tasks;
}

void Verifier::check_bound(const Instr& loop, const Bound& bound) {
  if (bound.divisor < 1 || bound.divisor > most_step)
    report(loop, fmt::format("the divisor {} is not between 1 and {}", bound.divisor, most_step));
  if (bound.rounding == Rounding::exact && bound.divisor != 1) report(loop, "a divisor needs floor or ceil");
  if (!ranges_.of(bound.value).fits()) report(loop, "a bound may leave 64 bits");
}

/// False if an index does not exist, so that ranges cannot be asked.
bool Verifier::check_indices(const Instr& instr) {
  bool sound = check_affine(instr, instr.lo->value);
  sound &= check_affine(instr, instr.hi->value);
  for (const Slice& s : instr.slices) sound &= check_affine(instr, s.start);
  for (const Slice& s : instr.source_slices) sound &= check_affine(instr, s.start);
  if (instr.lane_var == Value::none) return sound;
  if (!check_index(instr, instr.lane_var)) return false;
  if (role(instr.lane_var) == Role::open) return sound;
  report(instr, fmt::format("the lane {} is not a loop variable", name_of(instr.lane_var)));
  return false;
}

bool Verifier::check_affine(const Instr& instr, const Affine& affine) {
  bool sound = true;
  for (const Term& t : affine) sound &= check_index(instr, t.var);
  return sound;
}

bool Verifier::check_index(const Instr& instr, Value index) {
  const auto breach = [&](std::string_view rule) {
    report(instr, fmt::format("{} {}", name_of(index), rule));
    return false;
  };
  if (!exists(index)) return breach("cannot be an index");
  if (kernel_.value(index).tile.type != Type::index) return breach("is a tile, not an index");
  if (role(index) == Role::closed) return breach("is used outside its loop");
  if (role(index) == Role::plain && !is_written(index)) return breach("is read before it is surely written");
  return true;
}

void Verifier::check_reads(const Instr& instr) {
  for (size_t i = 0; i < instr.args.size(); ++i) {
    const Value v = instr.args[i];
    const bool repeated = std::find(instr.args.begin(), instr.args.begin() + i, v) != instr.args.begin() + i;
    if (v != Value::none && !repeated && !is_written(v))
      report(instr, fmt::format("{} is read before it is surely written", name_of(v)));
  }
}

void Verifier::check_waves_op(const Instr& instr) {
  const bool needs_waves = instr.op == Op::barrier || instr.op == Op::wait || instr.op == Op::async_copy;
  if (needs_waves && !inside(LoopKind::waves))
    report(instr, fmt::format("{} stands inside a waves loop", info(instr.op).name));
  if (instr.op == Op::wait && instr.imm < 0) report(instr, "wait counts from 0");
}

void Verifier::write(const Instr& instr) {
  if (instr.dst == Value::none) return;
  if (instr.dst == value_m || role(instr.dst) != Role::plain)
    return report(instr, fmt::format("{} is not written by instructions", name_of(instr.dst)));
  if (written_[static_cast<size_t>(instr.dst)] != 0) return;
  written_[static_cast<size_t>(instr.dst)] = 1;
  order_.push_back(instr.dst);
}

/// Buffers of one name are one memory.
void check_agreement(const Program& program, std::vector<Violation>& violations) {
  struct First {
    const Kernel* kernel;
    const Buffer* buffer;
  };
  std::vector<First> first;  // of each name
  for (const Kernel& k : program.kernels)
    for (const Buffer& b : k.buffers) {
      if (!b.is_parameter()) continue;
      const auto same_name = [&](const First& f) { return f.buffer->name == b.name; };
      const auto found = std::find_if(first.begin(), first.end(), same_name);
      if (found == first.end()) {
        first.push_back({&k, &b});
        continue;
      }
      if (*found->buffer == b || found->kernel == &k) continue;
      violations.push_back(
          {0, fmt::format("kernel {}: buffer %{} differs in space, type, dimensions or strided from that of "
                          "kernel {}",
                          k.name, b.name, found->kernel->name)});
    }
}

}  // namespace

std::vector<Violation> verify(const Kernel& kernel) { return Verifier(kernel).run(); }

std::vector<Violation> verify(const Program& program) {
  std::vector<Violation> violations;
  if (program.kernels.empty() || program.kernels.size() > most_kernels)
    violations.push_back({0, fmt::format("{} kernels, a program has 1 to {}", program.kernels.size(), most_kernels)});
  std::unordered_set<std::string_view> names;
  for (const Kernel& k : program.kernels) {
    if (!names.insert(k.name).second)
      violations.push_back({0, fmt::format("kernel {}: the name is used twice", k.name)});
    for (Violation& v : verify(k)) violations.push_back(std::move(v));
  }
  check_agreement(program, violations);
  return violations;
}

Result<void> check_legal(const Program& program, std::string_view file) {
  std::string lines;
  for (const Violation& v : verify(program)) {
    const std::string place = v.line > 0 ? fmt::format("{}:{}", file, v.line) : std::string(file);
    lines += fmt::format("{}{}: {}", lines.empty() ? "" : "\n", place, v.message);
  }
  if (lines.empty()) return {};
  return invalid(std::move(lines));
}

}  // namespace tilejit::ir
