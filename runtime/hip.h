// HIP, the driver interface of AMD's GPUs, as far as a Linear needs it: loaded at run time, so that neither a header nor a
// library of it is needed to build or to start. Every failure is a Result that names the call and HIP's own word for it.
//
// Source of the functions and of the launch's argument block: AMD's HIP API reference (module and memory management).
#pragma once

#include <tilejit/result.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace tilejit::hip {

/// What HIP's functions take and give; opaque here.
using Stream = void*;
using Function = void*;
struct Functions;

/// A GPU that HIP reports. `arch` is LLVM's name of the processor, without feature suffixes: "gfx942".
struct Gpu {
  int index = 0;
  std::string name;
  std::string arch;
};

/// A loaded libamdhip64. It stays loaded as long as the process: GPU drivers do not survive being unloaded.
class Library {
 public:
  /// The first that loads of libamdhip64.so.7, .6 and .5, or what $TILEJIT_HIP_LIBRARY names; the same for every caller.
  /// `resource`: what the loader said of each.
  static Result<const Library*> find();
  /// One library file. `resource`: it does not load, or lacks a function, which is named.
  static Result<Library> open(const std::string& path);

  Library(Library&&) noexcept;
  Library& operator=(Library&&) noexcept;
  ~Library();

  const std::string& path() const { return path_; }
  /// `resource`: HIP cannot be initialised, or reports no GPU.
  Result<std::vector<Gpu>> gpus() const;
  const Functions& functions() const { return *functions_; }

 private:
  Library() = default;
  std::string path_;
  std::unique_ptr<Functions> functions_;
};

/// A GPU that a Linear lives on; without a library, the CPU.
struct Place {
  const Library* library = nullptr;
  int gpu = 0;
};

/// Makes `gpu` the calling thread's current one, and the former one again at its end.
class CurrentGpu {
 public:
  static Result<CurrentGpu> set(const Place& place);
  CurrentGpu(CurrentGpu&& other) noexcept;
  CurrentGpu& operator=(CurrentGpu&&) = delete;
  ~CurrentGpu();

 private:
  CurrentGpu(const Library& library, int former) : library_(&library), former_(former) {}
  const Library* library_;
  int former_;
};

/// Memory of the GPU that is current when it is allocated.
class Memory {
 public:
  static Result<Memory> allocate(const Library& library, int64_t bytes);
  Memory() = default;
  Memory(Memory&& other) noexcept;
  Memory& operator=(Memory&& other) noexcept;
  ~Memory();

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  /// Both wait until the bytes are there. They must lie inside the memory.
  Result<void> upload(std::span<const std::byte> from, int64_t offset = 0) const;
  Result<void> download(std::span<std::byte> to, int64_t offset = 0) const;

 private:
  const Library* library_ = nullptr;
  void* data_ = nullptr;
  int64_t bytes_ = 0;
};

/// A code object on the GPU that is current when it is loaded.
class Module {
 public:
  static Result<Module> load(const Library& library, std::span<const uint8_t> code_object);
  Module(Module&& other) noexcept;
  Module& operator=(Module&& other) noexcept;
  ~Module();

  /// The kernel of that name; it lives as long as the module.
  Result<Function> function(const std::string& name) const;

 private:
  Module(const Library& library, void* handle) : library_(&library), handle_(handle) {}
  const Library* library_;
  void* handle_;
};

/// One launch: workgroups in x, y, z of `threads` work items each, and the bytes of the kernel's argument segment.
struct Launch {
  std::array<uint32_t, 3> workgroups{1, 1, 1};
  uint32_t threads = 64;
  std::span<const std::byte> arguments;
  Stream stream = nullptr;  // null: HIP's default stream
};
/// Returns when the launch is queued; the arguments are copied before that.
Result<void> launch(const Library& library, Function function, const Launch& launch);
/// Waits for all that was queued on the stream, whose errors it returns.
Result<void> wait_for(const Library& library, Stream stream);

}  // namespace tilejit::hip
