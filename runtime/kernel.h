// Loaded kernels. A Kernel is one compiled IR kernel that can be called: machine code in executable memory, or the
// interpreter's function. An Executable is a whole program: its kernels in order, and the memory they need between them.
// An Executable never changes after load, so any number of calls use it at once; bound_program.h binds and runs it.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/ir.h"
#include "jit/compile.h"
#include "runtime/exec_memory.h"
#include "runtime/gdb_jit.h"
#include "runtime/hip.h"
#include "targets/target.h"

namespace tilejit {

/// The memory behind a parameter buffer of a linear layer's kernels, by the buffer's name; `workspace` by its index.
enum class Operand : uint8_t { a, out, mul, residual, perm, w, s, z, c, bias, workspace };
constexpr size_t operand_count = static_cast<size_t>(Operand::workspace);

struct Parameter {
  std::string name;
  Operand operand = Operand::workspace;
  int32_t workspace = -1;  // index into Executable::workspace
  bool strided = false;
};

/// The values of one `tasks` loop, whose bounds depend on m only.
struct TaskLoop {
  struct End {
    int64_t constant = 0;
    int64_t per_row = 0;   // of m
    bool is_exact = true;  // the bound neither rounds nor limits
    ir::Bound bound;
    int64_t at(int64_t m) const {
      const int64_t value = constant + per_row * m;
      return is_exact ? std::max<int64_t>(value, 0) : bound.round(value);
    }
  };
  End lo;
  End hi;
  int64_t step = 1;
};

/// The tasks of a kernel for one m: the cross product of its `tasks` loops, the outermost slowest.
struct TaskGrid {
  static constexpr size_t max_loops = 3;
  std::array<int64_t, max_loops> lo{};
  std::array<int64_t, max_loops> step{};
  std::array<int64_t, max_loops> count{};
  size_t loops = 0;
  int64_t tasks = 1;

  /// The values of the loop variables in task `id`, outermost first.
  std::array<int64_t, max_loops> task(int64_t id) const {
    std::array<int64_t, max_loops> values{};
    for (size_t i = loops; i-- > 1; id /= count[i]) values[i] = lo[i] + id % count[i] * step[i];
    if (loops > 0) values[0] = lo[0] + id * step[0];
    return values;
  }
};

/// Queues all tasks of a kernel on a stream of a GPU.
using GpuLaunch = std::function<Result<void>(const BufferArg* buffers, int64_t m, const TaskGrid& grid, void* stream)>;

class Kernel {
 public:
  static constexpr size_t max_parameters = 16;

  /// `label` names the kernel for profilers and debuggers. `resource`: no executable memory.
  static Result<Kernel> load(CompiledKernel compiled, std::string_view label);
  /// The same of code that lies in `memory` already, from `offset` on.
  static Kernel load_at(const ir::Kernel& lowered, Code code, std::string_view label,
                        std::shared_ptr<const ExecMemory> memory, size_t offset);

  const std::string& name() const { return name_; }
  std::span<const Parameter> parameters() const { return parameters_; }
  std::vector<Parameter>& parameters() { return parameters_; }
  int64_t scratch_bytes() const { return scratch_bytes_; }
  std::span<const TaskLoop> task_loops() const { return loops_; }
  TaskGrid grid(int64_t m) const;
  /// Machine code, which cannot fail; null: run_task interprets.
  Entry entry() const { return entry_; }
  /// Of a kernel that a GPU holds; else empty.
  const GpuLaunch& gpu_launch() const { return gpu_launch_; }
  void set_gpu_launch(GpuLaunch launch) { gpu_launch_ = std::move(launch); }
  /// Runs task `id` of the grid, of a kernel that no GPU holds. The interpreter says what it found.
  Result<void> run_task(const TaskGrid& grid, int64_t id, const BufferArg* buffers, int64_t m, void* scratch) const;

 private:
  std::string name_;
  std::vector<Parameter> parameters_;
  std::vector<TaskLoop> loops_;
  std::shared_ptr<const ExecMemory> code_;  // of all kernels of a program
  GdbSymbol gdb_;                           // after code_: withdrawn before the code is unmapped
  Entry entry_ = nullptr;                   // null: interpreted
  Interpreted interpreted_;
  GpuLaunch gpu_launch_;
  int64_t scratch_bytes_ = 0;
};

/// Memory that lives between the kernels of one call.
struct WorkspaceBuffer {
  std::string name;
  Type type = Type::f32;
  std::vector<ir::Extent> dims;
};

struct Executable {
  static constexpr size_t max_kernels = 3;

  hip::Place place;  // where the kernels and what they are bound to lie

  std::vector<Kernel> kernels;
  std::vector<WorkspaceBuffer> workspace;
  int64_t scratch_bytes = 0;  // per thread, a multiple of 64
  int64_t bytes = 0;          // what the cache counts
};

/// The kernels as `device` runs them: as they are, or by the target's emulator.
Result<std::vector<CompiledKernel>> for_device(std::vector<CompiledKernel> compiled, const Target& target,
                                               Device device);
/// Loads the kernels of one program of build_linear. Those with code of a GPU get no entry (gpu_program.h gives them a launch).
Result<Executable> load_program(std::vector<CompiledKernel> compiled, std::string_view label);

}  // namespace tilejit
