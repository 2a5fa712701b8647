// A program of build_linear on a GPU, through HIP: its code objects in the driver, its packed weights in the GPU's memory, and
// workspace there for the calls of a stream. BoundProgram binds and lays out everything else as it does on a CPU.
#pragma once

#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "jit/compile.h"
#include "runtime/hip.h"
#include "runtime/kernel.h"
#include "runtime/pack.h"
#include "targets/target.h"

namespace tilejit {

/// GPU number `gpu` of this machine, which must be of the target's architecture. `unsupported`: the target is a CPU's, or the GPU
/// of another architecture, whose name says which target would work; `resource`: no HIP, or no GPU; `invalid`: no such number.
Result<hip::Place> find_gpu(const TargetFacts& target, int gpu);

/// The kernels, each with a launch.
Result<Executable> load_on_gpu(std::vector<CompiledKernel> compiled, std::string_view label, const hip::Place& place);
/// The same weights in the GPU's memory; those in the host's are given back.
Result<PackedWeights> to_gpu(PackedWeights packed, const hip::Place& place);

/// Workspace of one stream, which all layers of the process share: what they queue there runs in order. A lease keeps other
/// threads from queueing between the kernels of one call.
class GpuWorkspace {
 public:
  static Result<GpuWorkspace> lease(const hip::Place& place, hip::Stream stream, int64_t bytes);
  std::byte* data() const { return data_; }

 private:
  GpuWorkspace(std::unique_lock<std::mutex> lock, std::byte* data) : lock_(std::move(lock)), data_(data) {}
  std::unique_lock<std::mutex> lock_;
  std::byte* data_;
};

}  // namespace tilejit
