#include "targets/ref/ref_target.h"

#include <algorithm>
#include <utility>

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
  return ir::interpret_task(kernel, views, m, {task, task_loops});
}

class RefTarget final : public Target {
 public:
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
  const TargetFacts facts_{.name = "ref", .lanes = 1, .has_dot_bf16 = true, .any_tile = true, .identity = "ref"};
};

}  // namespace

const Target& ref_target() {
  static const RefTarget target;
  return target;
}

}  // namespace tilejit
