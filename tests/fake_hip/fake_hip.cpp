// A libamdhip64 without a GPU: the functions that the runtime binds, over the process's memory and the emulator. What real HIP
// refuses it refuses too: memory it did not allocate, copies beyond an allocation, code objects of another processor. The
// architecture is $TILEJIT_FAKE_HIP_ARCH, else gfx942. A launch that the emulator reports on fails and says why on stderr.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/emulator/emulator.h"

namespace {

using namespace tilejit::amdgpu;

constexpr int success = 0;
constexpr int invalid_value = 1;
constexpr int no_binary = 209;
constexpr int not_found = 500;
constexpr int launch_failed = 719;

struct Function {
  emulator::Emulator emulator;
};
struct Module {
  std::vector<uint8_t> code_object;
  std::vector<std::unique_ptr<Function>> functions;
};

std::mutex mutex;
std::map<void*, size_t>& allocations() {
  static std::map<void*, size_t> all;
  return all;
}

const char* arch() {
  const char* named = std::getenv("TILEJIT_FAKE_HIP_ARCH");
  return named != nullptr ? named : "gfx942";
}

/// Bytes from `data` to the end of its allocation; 0 where it lies in none.
size_t bytes_behind(const void* data) {
  for (const auto& [start, bytes] : allocations()) {
    const auto offset = static_cast<const char*>(data) - static_cast<const char*>(start);
    if (offset >= 0 && static_cast<size_t>(offset) < bytes) return bytes - static_cast<size_t>(offset);
  }
  return 0;
}

/// An ELF file's length, from its section headers, which lie last.
size_t elf_bytes(const uint8_t* elf) {
  uint64_t offset = 0;
  uint16_t size = 0;
  uint16_t count = 0;
  std::memcpy(&offset, elf + 0x28, sizeof(offset));
  std::memcpy(&size, elf + 0x3a, sizeof(size));
  std::memcpy(&count, elf + 0x3c, sizeof(count));
  return offset + size_t{size} * count;
}

int run_workgroups(const Function& function, emulator::Launch launch) {
  for (uint32_t z = 0; z < launch.workgroups[2]; ++z)
    for (uint32_t y = 0; y < launch.workgroups[1]; ++y)
      for (uint32_t x = 0; x < launch.workgroups[0]; ++x) {
        launch.workgroup = {x, y, z};
        const auto outcome = function.emulator.run_workgroup(launch);
        if (outcome && outcome->reports.empty()) continue;
        std::fprintf(stderr, "fake HIP: %s\n",
                     outcome ? emulator::describe(outcome->reports.front()).c_str() : outcome.error().message.c_str());
        return launch_failed;
      }
  return success;
}

}  // namespace

extern "C" {

int hipInit(unsigned) { return success; }

int hipGetDeviceCount(int* count) {
  *count = 2;
  return success;
}

int hipGetDevicePropertiesR0600(void* properties, int gpu) {
  if (gpu < 0 || gpu > 1) return 101;
  std::memset(properties, 0, 1472);
  std::snprintf(static_cast<char*>(properties), 256, "Emulated GPU gfx %d", gpu);
  std::snprintf(static_cast<char*>(properties) + 1160, 256, "%s:sramecc+:xnack-", arch());
  return success;
}

int hipGetDevice(int* gpu) {
  *gpu = 0;
  return success;
}

int hipSetDevice(int gpu) { return gpu == 0 || gpu == 1 ? success : 101; }

int hipMalloc(void** data, size_t bytes) {
  const std::lock_guard lock(mutex);
  *data = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (*data == nullptr) return 2;
  std::memset(*data, 0xff, bytes);
  allocations()[*data] = bytes;
  return success;
}

int hipFree(void* data) {
  const std::lock_guard lock(mutex);
  if (allocations().erase(data) == 0) return invalid_value;
  std::free(data);
  return success;
}

int hipMemcpy(void* to, const void* from, size_t bytes, int kind) {
  const std::lock_guard lock(mutex);
  if (bytes_behind(kind == 1 ? to : from) < bytes) return invalid_value;
  std::memcpy(to, from, bytes);
  return success;
}

int hipModuleLoadData(void** module, const void* image) {
  const auto* elf = static_cast<const uint8_t*>(image);
  auto loaded = std::make_unique<Module>();
  loaded->code_object.assign(elf, elf + elf_bytes(elf));
  const GpuRow* row = find_gpu_row(arch());
  if (row == nullptr || !emulator::Emulator::load(*row, loaded->code_object)) return no_binary;
  *module = loaded.release();
  return success;
}

int hipModuleUnload(void* module) {
  delete static_cast<Module*>(module);
  return success;
}

int hipModuleGetFunction(void** function, void* module, const char* name) {
  auto& owner = *static_cast<Module*>(module);
  auto loaded = emulator::Emulator::load(*find_gpu_row(arch()), owner.code_object, name);
  if (!loaded) return not_found;
  owner.functions.push_back(std::make_unique<Function>(Function{std::move(*loaded)}));
  *function = owner.functions.back().get();
  return success;
}

int hipModuleLaunchKernel(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                          unsigned block_y, unsigned block_z, unsigned shared_bytes, void*, void** parameters,
                          void** extra) {
  if (parameters != nullptr || extra == nullptr || shared_bytes != 0) return invalid_value;
  if (reinterpret_cast<uintptr_t>(extra[0]) != 1 || reinterpret_cast<uintptr_t>(extra[2]) != 2 ||
      reinterpret_cast<uintptr_t>(extra[4]) != 3)
    return invalid_value;
  const std::lock_guard lock(mutex);
  const std::vector<uint8_t> arguments(static_cast<const uint8_t*>(extra[1]),
                                       static_cast<const uint8_t*>(extra[1]) + *static_cast<size_t*>(extra[3]));
  std::vector<emulator::MemoryRange> memory;
  for (const auto& [start, bytes] : allocations())
    memory.push_back({.data = start, .bytes = bytes, .access = emulator::Access::read_write, .name = "device memory"});
  emulator::Launch launch;
  launch.workgroups = {grid_x, grid_y, grid_z};
  launch.size = {block_x, block_y, block_z};
  launch.kernarg = arguments;
  launch.memory = memory;
  return run_workgroups(*static_cast<Function*>(function), launch);
}

int hipStreamSynchronize(void*) { return success; }

const char* hipGetErrorName(int status) {
  switch (status) {
    case invalid_value: return "hipErrorInvalidValue";
    case no_binary: return "hipErrorNoBinaryForGpu";
    case not_found: return "hipErrorNotFound";
    case launch_failed: return "hipErrorLaunchFailure";
    default: return "hipErrorUnknown";
  }
}

/// Not HIP's: allocations that have not been freed.
int fake_hip_allocations() {
  const std::lock_guard lock(mutex);
  return static_cast<int>(allocations().size());
}
}
