#include "targets/ref/ref_target.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "ir/interpret.h"

namespace tilejit {
namespace {

Result<void> run_task(const ir::Kernel& kernel, size_t task_loops, const BufferArg* args, int64_t m,
                      const int64_t* task) {
  std::vector<ir::BufferView> views;
  for (const ir::Buffer& buffer : kernel.buffers) {
    if (!buffer.is_parameter()) continue;
    const BufferArg& arg = args[views.size()];
    views.push_back({.data = static_cast<std::byte*>(arg.data),
                     .bytes = buffer.bytes_at(m, arg.row_stride_bytes),
                     .row_stride = arg.row_stride_bytes * 8 / bits_of(buffer.type)});
  }
  // Each task has its waves in another order.
  const auto order = static_cast<uint64_t>(std::accumulate(task, task + task_loops, int64_t{0}));
  return ir::interpret_task(kernel, views, m, {task, task_loops}, {.wave_order = order});
}

class RefTarget final : public Target {
 public:
  explicit RefTarget(TargetFacts facts) : facts_(std::move(facts)) {}
  const TargetFacts& facts() const override { return facts_; }
  Result<void> can_execute() const override { return {}; }

  /// The code keeps its own copy of the kernel; scratch memory is the interpreter's.
  Result<Code> lower(const ir::Kernel& kernel, const LowerOptions&) const override {
    const auto tasks = std::count_if(kernel.body.begin(), kernel.body.end(), [](const ir::Instr& i) {
      return i.op == ir::Op::for_loop && i.loop == ir::LoopKind::tasks;
    });
    Code code;
    code.interpreted = [kernel, task_loops = static_cast<size_t>(tasks)](const BufferArg* args, int64_t m,
                                                                         const int64_t* task, void*) {
      return run_task(kernel, task_loops, args, m, task);
    };
    return code;
  }

 private:
  const TargetFacts facts_;
};

TargetFacts ref_facts(std::string name) {
  TargetFacts facts;
  facts.name = facts.identity = std::move(name);
  facts.lanes = 1;
  facts.has_dot_bf16 = true;
  facts.any_tile = true;
  return facts;
}

TargetFacts matrix_facts(const MatrixFamily& family) {
  TargetFacts facts = ref_facts("ref_" + std::string(family.name));
  facts.registers = 256;
  facts.wave_lanes = family.wave;
  facts.shared_bytes = 64 << 10;
  facts.prefers_dot_mma = true;
  facts.matrix = matrix_steps(family);
  return facts;
}

}  // namespace

const Target& ref_target() {
  static const RefTarget target(ref_facts("ref"));
  return target;
}

std::span<const std::unique_ptr<Target>> ref_matrix_targets() {
  static const std::vector<std::unique_ptr<Target>> targets = [] {
    std::vector<std::unique_ptr<Target>> list;
    for (const MatrixFamily& family : matrix_families())
      list.push_back(std::make_unique<RefTarget>(matrix_facts(family)));
    return list;
  }();
  return targets;
}

}  // namespace tilejit
