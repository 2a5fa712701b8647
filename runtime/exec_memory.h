// Executable memory: one private mapping for the kernels of a program, written while it is readable and writable, then
// switched once to readable and executable. No page is ever writable and executable at the same time. A program takes whole
// pages (4 KiB); those of a process are few, so sharing pages would save little and would need a second mapping.
#pragma once

#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace tilejit {

class ExecMemory {
 public:
  /// Copies `code` to the start of a fresh page. `resource`: no memory, or the system refuses executable pages.
  static Result<ExecMemory> create(std::span<const uint8_t> code);

  ExecMemory() = default;
  ExecMemory(ExecMemory&& other) noexcept;
  ExecMemory& operator=(ExecMemory&& other) noexcept;
  ~ExecMemory();

  const std::byte* data() const { return data_; }
  /// Bytes of the mapping: whole pages; 0 when empty.
  int64_t mapped_bytes() const { return mapped_bytes_; }

 private:
  ExecMemory(std::byte* data, int64_t mapped_bytes) : data_(data), mapped_bytes_(mapped_bytes) {}

  std::byte* data_ = nullptr;
  int64_t mapped_bytes_ = 0;
};

}  // namespace tilejit
