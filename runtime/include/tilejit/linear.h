// tilejit: quantized linear layers, compiled for this machine.
//
//   auto linear = tilejit::Linear::create("w4a16 n=4096 k=4096 a=bf16 g=128 s=f16", weights, {});
//   linear->run({.a = activations, .lda = 4096, .m = 16, .out = result, .ldo = 4096});
//
// out[m,n] = epilogue(sum_k a[m,k] * w[k,n]). create packs the weights once and compiles kernels through a cache; run is
// const and may be called from many threads at once, for any m. Errors are values: nothing throws.
#pragma once

#include <tilejit/result.h>
#include <tilejit/types.h>
#include <tilejit/weights.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tilejit {

/// Runs fn(task, thread) once for every task in [0, tasks), thread in [0, max_threads), and returns when all have ended.
using ParallelFor = std::function<void(int64_t tasks, const std::function<void(int64_t task, int thread)>& fn)>;

/// Threads of a call: the caller's own pool, or OpenMP when `parallel_for` is empty. One thread never enters OpenMP, nor does
/// a call whose work is smaller than the cost of sharing it.
struct Threads {
  int max_threads = 0;  // 0: OpenMP's default; with a parallel_for at least 1, else `invalid`
  ParallelFor parallel_for;
};

/// What executes the machine code. The emulator runs the same bytes instruction by instruction and gives the same bits, a
/// thousand times slower: for tests and for looking at code of another CPU or GPU. It is never chosen for the caller. `hip` is
/// a GPU of this machine through the HIP library, which is loaded when it is first asked for.
enum class Device : uint8_t { native, emulated, hip };
/// "native", "emulated", "hip".
const char* to_string(Device device);

struct LinearOptions {
  std::string target = "host";  // a row's name (`tilejit info`), `host` or `ref`
  Device device = Device::native;
  int gpu = 0;           // device=hip: which of those that HIP reports; its architecture must be the target
  std::string schedule;  // a schedule line for every m; empty: the tuned ones, else the row's default per range of m
  std::vector<int64_t> warm_m;  // kernels for these m are compiled by create
  Threads threads;              // for packing, and for run when its call names none
  std::string tuned = "auto";   // where `tune` wrote schedules: auto (the user's store), off (none), or a file's path
};

/// One call. Strides are in elements; matrices may have any alignment. a is [m,k]; out is [m,n], or [m,n/2] with swiglu.
/// `mul` and `residual` are given exactly when the epilogue names them: of out's type, [m,n], or [m,n/2] where they stand
/// behind swiglu. `residual` may be `out` itself, with the same stride; no other operands overlap `out`.
struct LinearCall {
  const void* a = nullptr;
  int64_t lda = 0;
  int64_t m = 0;
  void* out = nullptr;
  int64_t ldo = 0;
  const void* mul = nullptr;
  int64_t ldmul = 0;
  const void* residual = nullptr;
  int64_t ldres = 0;
  /// workspace_bytes(m, threads) of 64-byte aligned memory, or null: an arena of the calling thread that only grows.
  void* workspace = nullptr;
  const Threads* threads = nullptr;  // null: LinearOptions::threads
  /// device=hip, where all pointers of the call are memory of the GPU: the hipStream_t on which the kernels are queued (null:
  /// HIP's default stream). run returns before they have run. A workspace given is the call's until then.
  void* stream = nullptr;
};

struct LinearInfo {
  std::string problem;  // the resolved line (dot and ks written out)
  std::string target;
  Device device = Device::native;
  int gpu = 0;                         // device=hip
  std::vector<std::string> schedules;  // one line per range of m
  bool tuned = false;                  // the schedules were measured, by `tune`
  std::string schedule_origin;         // "default", "given", or "tuned in FILE"
  int64_t packed_bytes = 0;            // resident weights, scales, zeros, offsets, bias
  int64_t information_bytes = 0;       // what a call must read: weights, stored scales (+ c), zeros of a weight's bits
  double pack_seconds = 0;
};

class Linear {
 public:
  /// `problem` is a problem line (m is ignored: any m runs). `invalid`: the line or the weights; `unsupported`: the target
  /// cannot do it, with the nearest request that works; `resource`: memory. The weights may be freed afterwards.
  static Result<Linear> create(std::string_view problem, const Weights& weights, const LinearOptions& options);

  Linear(Linear&&) noexcept;
  Linear& operator=(Linear&&) noexcept;
  ~Linear();

  /// `invalid` for null operands, a mul or residual that the epilogue does not name, m < 1, and strides shorter than a row or
  /// over 2^40 elements; `resource` when a kernel cannot be compiled, memory is exhausted, or the caller's parallel_for
  /// throws, or HIP fails. Nothing is allocated once the kernel for this m exists and the arena has its size.
  Result<void> run(const LinearCall& call) const;

  /// Bytes of workspace that run needs for this m with this many threads (0: OpenMP's default). Compiles the kernels for m.
  /// `invalid` for m < 1 or max_threads < 0, `resource` when a kernel cannot be compiled.
  Result<int64_t> workspace_bytes(int64_t m, int max_threads) const;

  const LinearInfo& info() const;

 private:
  struct State;
  explicit Linear(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

/// ok, or why `target` on this device cannot run the problem line, and the nearest one that it can.
Result<void> can_implement(std::string_view problem, std::string_view target, Device device = Device::native);
/// The problem line that describes these weights for activations of type `a`, e.g. "w4a16 n=.. k=.. a=bf16 g=128 zp=int s=f16".
std::string describe(const Weights& weights, Type a);
/// The library's version, "MAJOR.MINOR.PATCH".
const char* version();

}  // namespace tilejit
