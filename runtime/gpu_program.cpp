#include "runtime/gpu_program.h"

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <limits>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "ir/check.h"

namespace tilejit {
namespace {

/// One kernel in the driver.
struct Loaded {
  hip::Module module;
  hip::Function function;
  uint32_t threads;
};

/// `is_strided`: of each parameter.
Result<void> queue(const hip::Place& place, const Loaded& kernel, const std::vector<bool>& is_strided,
                   const BufferArg* buffers, int64_t m, const TaskGrid& grid, hip::Stream stream) {
  if (grid.tasks == 0) return {};
  const size_t parameters = is_strided.size();
  for (size_t i = 0; i < parameters; ++i)
    if (is_strided[i] && buffers[i].row_stride_bytes > most_gpu_row_stride)
      return unsupported(fmt::format("rows {} bytes apart; at most {} work on a GPU", buffers[i].row_stride_bytes,
                                     most_gpu_row_stride));
  hip::Launch launch{.workgroups = {1, 1, 1}, .threads = kernel.threads, .arguments = {}, .stream = stream};
  for (size_t i = 0; i < grid.loops; ++i) {
    // The hardware counts x in 32 bits, y and z in 16.
    const int64_t most = i == 0 ? std::numeric_limits<int32_t>::max() : std::numeric_limits<uint16_t>::max();
    if (grid.count[i] > most)
      return unsupported(fmt::format("{} workgroups in dimension {} of a launch; at most {}", grid.count[i], i, most));
    launch.workgroups[i] = static_cast<uint32_t>(grid.count[i]);
  }
  std::array<std::byte, Kernel::max_parameters * sizeof(BufferArg) + sizeof(int64_t)> arguments;
  const size_t buffer_bytes = parameters * sizeof(BufferArg);
  std::memcpy(arguments.data(), buffers, buffer_bytes);
  std::memcpy(arguments.data() + buffer_bytes, &m, sizeof(m));
  launch.arguments = {arguments.data(), buffer_bytes + sizeof(m)};
  return hip::launch(*place.library, kernel.function, launch);
}

/// Memory of the streams of all GPUs; a stream's memory only grows, and is kept: the driver may be gone when the process ends.
struct Arena {
  std::mutex mutex;  // held while a call queues its kernels
  hip::Memory memory;
};

Arena& arena_of(const hip::Place& place, hip::Stream stream) {
  using Key = std::tuple<const hip::Library*, int, hip::Stream>;
  static std::mutex mutex;
  static auto& arenas = *new std::map<Key, std::unique_ptr<Arena>>;
  const std::lock_guard lock(mutex);
  std::unique_ptr<Arena>& arena = arenas[{place.library, place.gpu, stream}];
  if (!arena) arena = std::make_unique<Arena>();
  return *arena;
}

}  // namespace

Result<hip::Place> find_gpu(const TargetFacts& target, int gpu) {
  if (!target.is_gpu)
    return unsupported(fmt::format("device=hip needs a GPU's target; {} is a CPU's, gfx942 would work", target.name));
  const hip::Library* library = TRY(hip::Library::find());
  const std::vector<hip::Gpu> gpus = TRY(library->gpus());
  if (gpu < 0 || static_cast<size_t>(gpu) >= gpus.size())
    return invalid(
        fmt::format("gpu={} is none of the {} that HIP reports; 0 to {} work", gpu, gpus.size(), gpus.size() - 1));
  const hip::Gpu& found = gpus[static_cast<size_t>(gpu)];
  if (found.arch != target.name)
    return unsupported(fmt::format("gpu {} ({}) is {}, which cannot run code for {}; target {} would work", gpu,
                                   found.name, found.arch, target.name, found.arch));
  return hip::Place{library, gpu};
}

Result<Executable> load_on_gpu(std::vector<CompiledKernel> compiled, std::string_view label, const hip::Place& place) {
  const hip::CurrentGpu current = TRY(hip::CurrentGpu::set(place));
  std::vector<std::shared_ptr<const Loaded>> loaded;
  for (const CompiledKernel& one : compiled) {
    const GpuEntry& entry = one.code.gpu;
    CHECK(!entry.function.empty(), "a kernel without code of a GPU");
    hip::Module module = TRY(hip::Module::load(*place.library, one.code.bytes));
    const hip::Function function = TRY(module.function(entry.function));
    loaded.push_back(
        std::make_shared<const Loaded>(Loaded{std::move(module), function, static_cast<uint32_t>(entry.threads)}));
  }
  Executable program = TRY(load_program(std::move(compiled), label));
  program.place = place;
  for (size_t i = 0; i < loaded.size(); ++i) {
    Kernel& kernel = program.kernels[i];
    std::vector<bool> is_strided;
    for (const Parameter& parameter : kernel.parameters()) is_strided.push_back(parameter.strided);
    kernel.set_gpu_launch([place, one = loaded[i], is_strided = std::move(is_strided)](
                              const BufferArg* buffers, int64_t m, const TaskGrid& grid, void* stream) {
      return queue(place, *one, is_strided, buffers, m, grid, stream);
    });
  }
  return program;
}

Result<PackedWeights> to_gpu(PackedWeights packed, const hip::Place& place) {
  const hip::CurrentGpu current = TRY(hip::CurrentGpu::set(place));
  auto memory = std::make_shared<hip::Memory>(TRY(hip::Memory::allocate(*place.library, packed.memory.bytes())));
  TRY(memory->upload({packed.memory.data(), static_cast<size_t>(packed.memory.bytes())}));
  PackedWeights moved;
  moved.bytes = packed.bytes;
  for (size_t i = 0; i < packed.operands.size(); ++i)
    if (packed.operands[i] != nullptr)
      moved.operands[i] = static_cast<std::byte*>(memory->data()) + (packed.operands[i] - packed.memory.data());
  moved.elsewhere = std::move(memory);
  return moved;
}

Result<GpuWorkspace> GpuWorkspace::lease(const hip::Place& place, hip::Stream stream, int64_t bytes) {
  Arena& arena = arena_of(place, stream);
  std::unique_lock lock(arena.mutex);
  if (arena.memory.bytes() < bytes) {
    const hip::CurrentGpu current = TRY(hip::CurrentGpu::set(place));
    TRY(hip::wait_for(*place.library, stream));  // queued kernels use the memory that goes
    arena.memory = hip::Memory();
    arena.memory = TRY(hip::Memory::allocate(*place.library, bytes));
  }
  return GpuWorkspace(std::move(lock), static_cast<std::byte*>(arena.memory.data()));
}

}  // namespace tilejit
