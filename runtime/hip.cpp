#include "runtime/hip.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "ir/check.h"

namespace tilejit::hip {

using Status = int;
constexpr Status success = 0;

struct Functions {
  Status (*hipInit)(unsigned flags);
  Status (*hipGetDeviceCount)(int* count);
  Status (*hipGetDeviceProperties)(void* properties, int gpu);
  Status (*hipGetDevice)(int* gpu);
  Status (*hipSetDevice)(int gpu);
  Status (*hipMalloc)(void** data, size_t bytes);
  Status (*hipFree)(void* data);
  Status (*hipMemcpy)(void* to, const void* from, size_t bytes, int kind);
  Status (*hipModuleLoadData)(void** module, const void* image);
  Status (*hipModuleUnload)(void* module);
  Status (*hipModuleGetFunction)(void** function, void* module, const char* name);
  Status (*hipModuleLaunchKernel)(void* function, unsigned grid_x, unsigned grid_y, unsigned grid_z, unsigned block_x,
                                  unsigned block_y, unsigned block_z, unsigned shared_bytes, Stream stream,
                                  void** parameters, void** extra);
  Status (*hipStreamSynchronize)(Stream stream);
  const char* (*hipGetErrorName)(Status status);
};

namespace {

constexpr int host_to_device = 1;  // hipMemcpyKind
constexpr int device_to_host = 2;

Error failed(const Functions& f, std::string_view call, Status status) {
  const char* name = f.hipGetErrorName(status);
  return resource(fmt::format("{} failed: {} ({})", call, name != nullptr ? name : "unknown error", status));
}

Result<void> check(const Functions& f, std::string_view call, Status status) {
  if (status != success) return failed(f, call, status);
  return {};
}

/// `symbol` of the library, as what `function` points to. ROCm 6 renamed some functions when their structures grew.
template <typename F>
Result<void> bind(void* library, const std::string& path, F& function, std::initializer_list<const char*> symbols) {
  for (const char* symbol : symbols) {
    function = reinterpret_cast<F>(dlsym(library, symbol));
    if (function != nullptr) return {};
  }
  return resource(fmt::format("{} has no {}; libamdhip64 of ROCm 5 or later would do", path, *symbols.begin()));
}

Result<void> bind_all(void* library, const std::string& path, Functions& f) {
  TRY(bind(library, path, f.hipInit, {"hipInit"}));
  TRY(bind(library, path, f.hipGetDeviceCount, {"hipGetDeviceCount"}));
  TRY(bind(library, path, f.hipGetDeviceProperties, {"hipGetDevicePropertiesR0600", "hipGetDeviceProperties"}));
  TRY(bind(library, path, f.hipGetDevice, {"hipGetDevice"}));
  TRY(bind(library, path, f.hipSetDevice, {"hipSetDevice"}));
  TRY(bind(library, path, f.hipMalloc, {"hipMalloc"}));
  TRY(bind(library, path, f.hipFree, {"hipFree"}));
  TRY(bind(library, path, f.hipMemcpy, {"hipMemcpy"}));
  TRY(bind(library, path, f.hipModuleLoadData, {"hipModuleLoadData"}));
  TRY(bind(library, path, f.hipModuleUnload, {"hipModuleUnload"}));
  TRY(bind(library, path, f.hipModuleGetFunction, {"hipModuleGetFunction"}));
  TRY(bind(library, path, f.hipModuleLaunchKernel, {"hipModuleLaunchKernel"}));
  TRY(bind(library, path, f.hipStreamSynchronize, {"hipStreamSynchronize"}));
  TRY(bind(library, path, f.hipGetErrorName, {"hipGetErrorName"}));
  return {};
}

/// The processor's name in a device's properties. Their structure differs between releases, and no header of any is at hand;
/// in all of them the processor is the one text that reads "gfx" and digits.
std::string find_arch(std::string_view properties) {
  for (size_t at = properties.find("gfx"); at != std::string_view::npos; at = properties.find("gfx", at + 1)) {
    size_t end = at + 3;
    while (end < properties.size() && std::isxdigit(static_cast<unsigned char>(properties[end])) != 0) ++end;
    if (end - at >= 6) return std::string(properties.substr(at, end - at));
  }
  return "";
}

}  // namespace

Library::Library(Library&&) noexcept = default;
Library& Library::operator=(Library&&) noexcept = default;
Library::~Library() = default;

Result<Library> Library::open(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* why = dlerror();
    return resource(fmt::format("HIP does not load: {}", why != nullptr ? why : path));
  }
  Library library;
  library.path_ = path;
  library.functions_ = std::make_unique<Functions>();
  TRY(bind_all(handle, path, *library.functions_));
  return library;
}

Result<const Library*> Library::find() {
  static const Result<Library> found = []() -> Result<Library> {
    if (const char* named = std::getenv("TILEJIT_HIP_LIBRARY")) return open(named);
    std::string reasons;
    for (const char* name : {"libamdhip64.so.7", "libamdhip64.so.6", "libamdhip64.so.5"}) {
      Result<Library> library = open(name);
      if (library) return library;
      reasons += (reasons.empty() ? "" : "; ") + library.error().message;
    }
    return resource(reasons);
  }();
  if (!found) return found.error();
  return &found.value();
}

Result<std::vector<Gpu>> Library::gpus() const {
  const Functions& f = *functions_;
  int count = 0;
  Result<void> counted = check(f, "hipInit", f.hipInit(0));
  if (counted) counted = check(f, "hipGetDeviceCount", f.hipGetDeviceCount(&count));
  if (!counted) return resource(fmt::format("{} finds no GPU: {}", path_, counted.error().message));
  if (count == 0) return resource(path_ + " finds no GPU");
  std::vector<Gpu> gpus;
  for (int i = 0; i < count; ++i) {
    constexpr size_t name_bytes = 256;  // the structure begins with the name, in every release
    std::vector<char> properties(16384);
    TRY(check(f, "hipGetDeviceProperties", f.hipGetDeviceProperties(properties.data(), i)));
    const std::string_view all(properties.data(), properties.size());
    const std::string_view name = all.substr(0, name_bytes);
    gpus.push_back(
        {.index = i, .name = std::string(name.substr(0, name.find('\0'))), .arch = find_arch(all.substr(name_bytes))});
  }
  return gpus;
}

Result<CurrentGpu> CurrentGpu::set(const Place& place) {
  const Functions& f = place.library->functions();
  int former = 0;
  TRY(check(f, "hipGetDevice", f.hipGetDevice(&former)));
  if (former != place.gpu) TRY(check(f, "hipSetDevice", f.hipSetDevice(place.gpu)));
  return CurrentGpu(*place.library, former == place.gpu ? -1 : former);
}

CurrentGpu::CurrentGpu(CurrentGpu&& other) noexcept
    : library_(other.library_), former_(std::exchange(other.former_, -1)) {}

CurrentGpu::~CurrentGpu() {
  if (former_ >= 0) library_->functions().hipSetDevice(former_);
}

Result<Memory> Memory::allocate(const Library& library, int64_t bytes) {
  Memory memory;
  memory.library_ = &library;
  memory.bytes_ = bytes;
  if (bytes == 0) return memory;
  const Functions& f = library.functions();
  TRY(check(f, fmt::format("hipMalloc of {} bytes", bytes), f.hipMalloc(&memory.data_, static_cast<size_t>(bytes))));
  return memory;
}

Memory::Memory(Memory&& other) noexcept
    : library_(other.library_), data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Memory& Memory::operator=(Memory&& other) noexcept {
  std::swap(library_, other.library_);
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Memory::~Memory() {
  if (data_ != nullptr) library_->functions().hipFree(data_);
}

Result<void> Memory::upload(std::span<const std::byte> from, int64_t offset) const {
  CHECK(offset >= 0 && offset + static_cast<int64_t>(from.size()) <= bytes_, "an upload beyond the memory");
  if (from.empty()) return {};
  const Functions& f = library_->functions();
  return check(f, "hipMemcpy to the GPU",
               f.hipMemcpy(static_cast<std::byte*>(data_) + offset, from.data(), from.size(), host_to_device));
}

Result<void> Memory::download(std::span<std::byte> to, int64_t offset) const {
  CHECK(offset >= 0 && offset + static_cast<int64_t>(to.size()) <= bytes_, "a download from beyond the memory");
  if (to.empty()) return {};
  const Functions& f = library_->functions();
  return check(f, "hipMemcpy from the GPU",
               f.hipMemcpy(to.data(), static_cast<const std::byte*>(data_) + offset, to.size(), device_to_host));
}

Result<Module> Module::load(const Library& library, std::span<const uint8_t> code_object) {
  const Functions& f = library.functions();
  void* handle = nullptr;
  TRY(check(f, "hipModuleLoadData", f.hipModuleLoadData(&handle, code_object.data())));
  return Module(library, handle);
}

Module::Module(Module&& other) noexcept : library_(other.library_), handle_(std::exchange(other.handle_, nullptr)) {}

Module& Module::operator=(Module&& other) noexcept {
  std::swap(library_, other.library_);
  std::swap(handle_, other.handle_);
  return *this;
}

Module::~Module() {
  if (handle_ != nullptr) library_->functions().hipModuleUnload(handle_);
}

Result<Function> Module::function(const std::string& name) const {
  const Functions& f = library_->functions();
  void* function = nullptr;
  TRY(check(f, fmt::format("hipModuleGetFunction '{}'", name),
            f.hipModuleGetFunction(&function, handle_, name.c_str())));
  return Function{function};
}

Result<void> launch(const Library& library, Function function, const Launch& launch) {
  const Functions& f = library.functions();
  // HIP's words for: the argument block lies here, it is so long, the list ends.
  const auto word = [](uintptr_t value) { return reinterpret_cast<void*>(value); };
  size_t bytes = launch.arguments.size();
  std::array<void*, 5> extra = {word(1), const_cast<std::byte*>(launch.arguments.data()), word(2), &bytes, word(3)};
  return check(f, "hipModuleLaunchKernel",
               f.hipModuleLaunchKernel(function, launch.workgroups[0], launch.workgroups[1], launch.workgroups[2],
                                       launch.threads, 1, 1, 0, launch.stream, nullptr, extra.data()));
}

Result<void> wait_for(const Library& library, Stream stream) {
  const Functions& f = library.functions();
  return check(f, "hipStreamSynchronize", f.hipStreamSynchronize(stream));
}

}  // namespace tilejit::hip
