#include "bench/measure/machine.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "bench/measure/clock.h"

namespace tilejit::measure {
namespace {

/// The first line of a file of /sys or /proc; empty when there is none.
std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string cpu_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.rfind("model name", 0) == 0) return line.substr(line.find(':') + 2);
  return "unknown";
}

/// Of the first CPU; 0 when the kernel does not say. The system lists the data, instruction, second and third level caches as
/// index0 to index3. (sysconf guesses the third level of some virtual machines ten times too large.)
int64_t cache_bytes(const char* index) {
  const std::string size = first_line(fmt::format("/sys/devices/system/cpu/cpu0/cache/{}/size", index).c_str());
  return std::atoll(size.c_str()) << 10;  // "1024K"
}

int usable_threads() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return CPU_COUNT(&set);
}

/// "always [madvise] never" -> "madvise".
std::string huge_page_setting() {
  const std::string line = first_line("/sys/kernel/mm/transparent_hugepage/enabled");
  const size_t open = line.find('[');
  const size_t close = line.find(']');
  return open == std::string::npos || close == std::string::npos ? "unknown" : line.substr(open + 1, close - open - 1);
}

}  // namespace

Machine inspect_machine() {
  Machine machine;
  machine.cpu = cpu_name();
  machine.threads = usable_threads();
  machine.clock_ghz = measure_clock_hz() * 1e-9;
  machine.clock_source = first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  machine.huge_pages = huge_page_setting();
  machine.l1d_bytes = cache_bytes("index0");
  machine.l2_bytes = cache_bytes("index2");
  machine.l3_bytes = cache_bytes("index3");
  return machine;
}

std::string to_line(const Machine& machine) {
  return fmt::format("{}, {} threads, {:.2f} GHz now, L1d {} KiB, L2 {} KiB, L3 {} MiB, huge pages {}, clock {}",
                     machine.cpu, machine.threads, machine.clock_ghz, machine.l1d_bytes >> 10, machine.l2_bytes >> 10,
                     machine.l3_bytes >> 20, machine.huge_pages, machine.clock_source);
}

double huge_page_share(const void* data, size_t bytes) {
  const auto first = reinterpret_cast<uint64_t>(data);
  const uint64_t last = first + bytes;
  std::ifstream file("/proc/self/smaps");
  bool inside = false;
  uint64_t resident = 0;
  uint64_t huge = 0;
  for (std::string line; std::getline(file, line);) {
    uint64_t lo = 0;
    uint64_t hi = 0;
    uint64_t kib = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &lo, &hi) == 2) inside = lo < last && first < hi;
    if (inside && std::sscanf(line.c_str(), "Rss: %lu kB", &kib) == 1) resident += kib;
    if (inside && std::sscanf(line.c_str(), "AnonHugePages: %lu kB", &kib) == 1) huge += kib;
  }
  return resident == 0 ? 0 : static_cast<double>(huge) / static_cast<double>(resident);
}

HugeBuffer::HugeBuffer(size_t bytes) {
  void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  madvise(memory, bytes, MADV_HUGEPAGE);  // a hint: without huge pages the roof is only lower, and the report says so
  data_ = static_cast<std::byte*>(memory);
  size_ = bytes;
}

HugeBuffer::~HugeBuffer() {
  if (data_ != nullptr) munmap(data_, size_);
}

}  // namespace tilejit::measure
