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

  /// At least `bytes` of this thread's memory, contents unspecified; where `given` is not null, that memory instead.
  explicit ArenaLease(int64_t bytes, std::byte* given = nullptr) : data_(given) {
    if (given != nullptr) return;
    thread_ = &outermost_;
    const bool fits = thread_->leases == 0 && bytes <= thread_->bytes;
    data_ = fits ? thread_->memory : lease(thread_->leases, bytes);
    ++thread_->leases;
  }
  ~ArenaLease() {
    if (thread_ != nullptr) --thread_->leases;
  }
  ArenaLease(const ArenaLease&) = delete;
  ArenaLease& operator=(const ArenaLease&) = delete;

  /// 64-byte aligned; null when memory is exhausted.
  std::byte* data() const { return data_; }

 private:
  /// The block of the first lease and how many there are. Constant from the start and without a destructor, so that reading
  /// it costs no call that asks whether this thread's arena exists yet.
  struct Outermost {
    std::byte* memory;
    int64_t bytes;  // less than 0: there is no memory
    size_t leases;
  };
  static constinit thread_local Outermost outermost_;

  /// Memory for the lease around which `depth` others are, from a block that has grown where it must.
  static std::byte* lease(size_t depth, int64_t bytes);

  std::byte* data_;
  Outermost* thread_ = nullptr;  // null: the memory was given
};

}  // namespace tilejit
