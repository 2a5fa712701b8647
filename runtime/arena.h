// Workspace of the calling thread: memory that only grows, so that a steady state allocates nothing.
//
// A lease holds one block until it goes out of scope. Leases of one thread nest (a caller's parallel_for may run another
// layer on a thread that waits in run): each depth has a block of its own.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tilejit {

class ArenaLease {
 public:
  static constexpr int64_t alignment = 64;

  /// At least `bytes` of this thread's memory, contents unspecified.
  explicit ArenaLease(int64_t bytes);
  ~ArenaLease();
  ArenaLease(const ArenaLease&) = delete;
  ArenaLease& operator=(const ArenaLease&) = delete;

  /// 64-byte aligned; null when memory is exhausted.
  std::byte* data() const { return data_; }

 private:
  std::byte* data_ = nullptr;
};

}  // namespace tilejit
