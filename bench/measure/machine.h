// What a reader of a measurement must know of the machine: CPU, clock, threads, huge pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tilejit::measure {

struct Machine {
  std::string cpu;           // the model name that the kernel reports
  int threads = 0;           // logical CPUs that this process may use
  double clock_ghz = 0;      // measured now, on one thread
  std::string clock_source;  // what steady_clock reads
  std::string huge_pages;    // the system's setting: always, madvise or never
  int64_t l1d_bytes = 0;
  int64_t l2_bytes = 0;
  int64_t l3_bytes = 0;
};
Machine inspect_machine();
/// One line for the head of a report.
std::string to_line(const Machine& machine);

/// Share (0..1) of the mappings that hold [data, data + bytes) which is backed by huge pages now.
double huge_page_share(const void* data, size_t bytes);

/// Private zeroed memory that asks for huge pages; owned.
class HugeBuffer {
 public:
  /// Null data() when the system has no memory.
  explicit HugeBuffer(size_t bytes);
  ~HugeBuffer();
  HugeBuffer(const HugeBuffer&) = delete;
  HugeBuffer& operator=(const HugeBuffer&) = delete;

  std::byte* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace tilejit::measure
