// A target turns one lowered tile-IR kernel into code. It knows the IR and itself: not what a linear layer is, not how kernels
// are cached or called. `facts()` is what the schedule chooser and the checks read; `lower` is select -> allocate -> encode.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ir/ir.h"

namespace tilejit {

/// What a matrix step of a wave takes: `rows` x `k` activations and `cols` x `k` weights. A column's k lies in `lanes` lanes, an
/// equal share of consecutive k in each.
struct MatrixStep {
  Type type = Type::bf16;  // of activations and weights
  int numerics = 0;        // row of ir/mma.h
  int rows = 16;
  int cols = 16;
  int k = 16;
  int lanes = 1;

  int k_of_lane() const { return k / lanes; }
};

/// Which dot a linear layer of 16-bit activations resolves `dot=auto` to is a fact of the machine row, because it changes bits.
struct TargetFacts {
  std::string name;    // the row: "zen4", "spr", "avx512", "ref"
  int lanes = 16;      // f32 lanes of a vector register
  int registers = 32;  // vector registers
  bool has_dot_bf16 = false;
  bool prefers_dot_bf16 = false;  // dot=auto of bf16 activations resolves to bf16
  bool prefers_dot_i8x2 = false;  // dot=auto of 16-bit schemes with bf16 output resolves to i8x2, before bf16
  bool any_tile = false;          // tile columns need not be a multiple of lanes (the interpreter)
  int prefetch_bytes =
      0;  // how far ahead a kernel must ask for the weights that it reads once from memory; 0: it need not
  int fma_per_cycle = 1;            // zmm FMAs; bench_linear --model counts the clock by it
  bool unpacks_beside_dot = false;  // vector pipes that dot steps leave free take the unpacking (Zen: two of four)
  int64_t task_bytes = 0;           // of scratch that a task can have (a GPU's LDS); 0: as much as it asks for
  int64_t l1_bytes = 32 << 10;
  int64_t l2_bytes = 1 << 20;
  bool is_gpu = false;                  // an emulator or a driver runs its code, not this process
  bool keeps_code = false;              // code takes so long to generate that it is kept between processes
  double memory_bytes_per_cycle = 5;    // that one core reads from memory through several streams
  int wave_lanes = 0;                   // lanes of a wave; 0: tasks have no waves
  int sum_registers = 0;                // beside `registers`, in which sums wait that no loop changes (a GPU's AGPRs)
  int compute_units = 0;                // of a GPU, which share its memory
  int simds_of_unit = 0;                // of a compute unit, each of which issues for waves of its own
  double memory_gigabytes = 0;          // a second, of a GPU
  int most_waves = 16;                  // of a task
  int64_t shared_bytes = 0;             // that the waves of a task share
  std::vector<MatrixStep> matrix = {};  // at most one of each type
  bool prefers_dot_mma = false;  // dot=auto of 16-bit schemes resolves to mma, where a has the type of a matrix step
  std::string identity;          // everything of the row that can change a byte of code, for the cache key
};

/// The matrix instructions of a family of GPUs, named as in the rows of ir/mma.h: facts that a row of a machine and the
/// interpreter's row of its bits share.
struct MatrixFamily {
  std::string_view name;
  int wave;     // lanes
  int k;        // of a step of 16-bit floats
  int k_of_i8;  // of a step of int8
  int lanes;    // that share a column's k
};
std::span<const MatrixFamily> matrix_families();
/// Steps of bf16, f16 and i8.
std::vector<MatrixStep> matrix_steps(const MatrixFamily& family);
/// The target's matrix step of a type, null where it has none.
const MatrixStep* find_matrix_step(const TargetFacts& facts, Type type);

/// One run-time argument slot of a parameter buffer, in the order of the kernel's parameter buffers. It has no initializers:
/// a call writes only as many slots of its array as the kernel reads.
struct BufferArg {
  void* data;
  int64_t row_stride_bytes;  // strided buffers only
};

/// What an entry point is called with. One call runs one task: `task` holds the values of the kernel's `tasks` loop
/// variables, outermost first; `scratch` is 64-byte aligned and `Code::scratch_bytes` long.
using Entry = void (*)(const BufferArg* buffers, int64_t m, const int64_t* task, void* scratch);

/// What one resource of a machine has to do in one iteration, and how long that takes.
struct ResourceUse {
  std::string name;  // a group of ports, "front end" or "chain"
  double work = 0;   // micro-ops, instructions, or cycles of latency
  double cycles = 0;
};

/// What a static model of a machine says of one iteration of a loop (or of one pass over straight code), inner loops excluded:
/// no fewer cycles than its busiest resource takes.
struct Prediction {
  std::string machine;  // a row: "zen4"
  std::vector<ResourceUse>
      uses;           // groups of ports that are used, then the front end and the chain carried from the last iteration
  std::string limit;  // the busiest
  double cycles = 0;  // all data in L1
  double l2_cycles = 0;           // all data in L2
  double l2_bytes_per_cycle = 0;  // that the machine reads from L2
};

/// Bytes of memory that one iteration moves; spilled registers and constants are not counted.
struct Traffic {
  int64_t vector_bytes = 0;     // loaded as they lie: weights, scales
  int64_t broadcast_bytes = 0;  // loaded into all lanes: activations
  int64_t stored_bytes = 0;
};

/// Counts of one loop of the machine code, innermost loops last.
struct LoopResources {
  std::string name;      // the IR loop variable
  int32_t position = 0;  // of the for_loop in the kernel's body
  int depth = 0;
  int64_t instructions = 0;  // in the body, inner loops excluded
  int64_t spill_loads = 0;
  int64_t spill_stores = 0;
  int64_t first_byte = 0;
  int64_t last_byte = 0;
  Traffic traffic;                      // of an iteration, inner loops excluded; filled beside the predictions
  std::vector<Prediction> predictions;  // the target's own row first; empty unless asked for
};

struct Resources {
  int vector_registers = 0;  // used, accumulator registers included
  int general_registers = 0;
  int mask_registers = 0;
  int accumulator_registers = 0;  // GPUs: AGPRs
  int64_t shared_bytes = 0;       // GPUs: LDS of a workgroup
  int64_t private_bytes = 0;      // GPUs: scratch memory of a lane
  int waves_per_simd = 0;         // GPUs: that registers and LDS let a SIMD hold
  int64_t spill_slots = 0;
  int64_t spill_loads = 0;
  int64_t spill_stores = 0;
  int64_t code_bytes = 0;
  int64_t constant_bytes = 0;
  std::vector<LoopResources> loops;
  std::vector<Prediction> straight;  // of the code outside all loops, which runs once a task; empty unless asked for
};

/// How code of a GPU is launched: a task is a workgroup of `threads` work items along x, whose ids x, y, z number the iterations of
/// the `tasks` loops, outermost first. The argument segment is the BufferArgs of the parameter buffers in their order, then m
/// (8 bytes).
struct GpuEntry {
  std::string function;  // of the code object; empty: code of a CPU
  int threads = 0;
};

/// A number under the name that tables and JSON give it.
struct NamedNumber {
  std::string name;
  double value = 0;
};

/// How long an iteration takes when as many waves as a SIMD holds repeat it, by counting issue slots.
struct SlotEstimate {
  int waves = 0;                     // of the SIMD
  double clocks = 0;                 // in which each of them makes one iteration
  std::vector<NamedNumber> busy;     // share of the clocks for which a kind of instructions holds its port
  double matrix_share = 0;           // of the clocks in which the matrix unit works
  std::vector<NamedNumber> waiting;  // what the waves did in the others, as shares of all clocks; largest first
};

/// The loop in which a task spends its time.
struct LoopProfile {
  int64_t first_address = 0, last_address = 0;  // of instructions, as the listing prints them
  int64_t iterations = 0;                       // of all waves
  double share = 0;                             // of the instructions that the task executes
  std::vector<NamedNumber> counts;              // of one iteration of one wave, the mean of all
  SlotEstimate estimate;
};

/// Loads of one buffer that a wave has in flight at once, at most, in its steady loop (or, without one, in all of its code).
struct LoadsInFlight {
  std::string buffer;
  int64_t loads = 0;
  int64_t bytes = 0;  // of them, those that several lanes ask for counted once
};

/// Bytes that tasks move between one buffer and registers or shared memory. Lines have 64 bytes.
struct BufferTraffic {
  std::string buffer;
  int64_t read = 0, written = 0;              // that lanes ask for
  int64_t read_wide = 0;                      // of `read`, by loads of 16 bytes of a lane
  int64_t visited = 0;                        // of lines, one for each time that lanes turn to it
  int64_t lines_read = 0, lines_written = 0;  // of distinct lines
};

/// What an emulator counted of one task.
struct TaskProfile {
  int waves = 0;
  std::vector<NamedNumber> counts;  // of all waves together, under the names of LoopProfile::counts
  std::optional<LoopProfile> steady_loop;
  std::vector<LoadsInFlight> in_flight;
  double waves_of_unit = 0;  // that a compute unit holds of many such tasks, by registers and shared memory
};

/// What runs a task in place of machine code, called as an Entry is; it may fail, and says why.
using Interpreted = std::function<Result<void>(const BufferArg*, int64_t m, const int64_t* task, void* scratch)>;

/// Lanes of a GPU are rows of a caller's matrix: their distances stay inside 31 bits.
inline constexpr int64_t most_gpu_row_stride = int64_t{1} << 27;

/// Lowered code. `bytes` of a CPU is position-independent: the entry is at offset 0 and constants follow the instructions at
/// `constants_offset`; of a GPU it is a code object (ELF). Where `interpreted` is set it runs the task instead of them, with
/// the arguments of an Entry: the ref target has no bytes, and Target::emulated sets it beside them.
struct Code {
  std::vector<uint8_t> bytes;
  int64_t constants_offset = 0;
  int64_t scratch_bytes = 0;
  GpuEntry gpu;
  Resources resources;
  std::string listing;  // assembly text of a target that writes its own; made only for a stage sink
  Interpreted interpreted;
};

/// Receives a stage's text under its name ("vcode", "alloc"); the text is made only when a sink is there.
using StageSink = std::function<void(std::string_view stage, const std::string& text)>;

/// Whose cycles are predicted: models of machines cost compile time.
enum class Predict : uint8_t { none, own_row, compared_rows };

struct LowerOptions {
  int vector_registers = 32;  // the allocator may use only so many (at least 6)
  StageSink stages = {};      // may be empty
  Predict predict = Predict::none;
};

class Target {
 public:
  virtual ~Target() = default;
  virtual const TargetFacts& facts() const = 0;
  /// ok when this machine can execute the target's code, else why not.
  virtual Result<void> can_execute() const = 0;
  /// The kernel must be verified and free of `unrolled` loops. `unsupported` names the instruction that the target lacks.
  virtual Result<Code> lower(const ir::Kernel& kernel, const LowerOptions& options) const = 0;
  /// ok when the target and this build of it have an emulator, else why not.
  virtual Result<void> can_emulate() const;
  /// Code of a lowered kernel for a machine that cannot execute it: `interpreted` executes its bytes, instruction by
  /// instruction.
  virtual Result<Code> emulated(Code code, const ir::Kernel& kernel) const;
  /// Runs one task of lowered code on the emulator, with the arguments of an Entry, and counts. `unsupported`: this target's
  /// emulator does not count.
  virtual Result<TaskProfile> profile(const Code& code, const ir::Kernel& kernel, const BufferArg* buffers, int64_t m,
                                      const int64_t* task) const;
  /// Runs all `tasks` in order, likewise, and adds up what they move.
  virtual Result<std::vector<BufferTraffic>> traffic(const Code& code, const ir::Kernel& kernel,
                                                     const BufferArg* buffers, int64_t m,
                                                     std::span<const std::vector<int64_t>> tasks) const;
};

}  // namespace tilejit
