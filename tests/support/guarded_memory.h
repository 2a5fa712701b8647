// Memory whose end (or beginning) touches a page that cannot be accessed, so that one byte too far is a fault. The bytes on
// its open side, up to the page's edge, hold a pattern that `intact` checks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace tilejit::test {

class GuardedMemory {
 public:
  enum class Guard : uint8_t { at_end, at_begin };

  /// With Guard::at_end, `alignment` (a power of two) moves the beginning down; what is then left at the end is checked by
  /// `intact` too. The memory is filled with the pattern, which is a NaN in every float type.
  explicit GuardedMemory(int64_t bytes, Guard guard = Guard::at_end, int64_t alignment = 1);
  ~GuardedMemory();
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  std::byte* data() const { return data_; }
  int64_t size() const { return size_; }
  std::span<std::byte> bytes() const { return {data_, static_cast<size_t>(size_)}; }
  template <typename T>
  T* as() const {
    return reinterpret_cast<T*>(data_);
  }
  /// No byte outside [data, data + size) has changed.
  bool intact() const;

  static constexpr std::byte pattern{0xff};

 private:
  std::byte* mapping_ = nullptr;  // a guard page, the pages, a guard page
  int64_t mapped_ = 0;
  int64_t page_ = 0;
  std::byte* data_ = nullptr;
  int64_t size_ = 0;
};

}  // namespace tilejit::test
