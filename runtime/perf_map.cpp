#include "runtime/perf_map.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

namespace tilejit {

std::string perf_map_path() { return fmt::format("/tmp/perf-{}.map", getpid()); }

void append_perf_map(std::span<const std::byte> code, std::string_view symbol) {
  const char* setting = std::getenv("TILEJIT_PERF");
  if (setting == nullptr || std::string_view(setting) != "map") return;
  const std::string line = fmt::format("{:x} {:x} {}\n", reinterpret_cast<uintptr_t>(code.data()), code.size(), symbol);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(perf_map_path().c_str(), "ae"), std::fclose);
  // Appending one short line is one write: threads that load kernels at once do not mix theirs.
  if (file) std::fwrite(line.data(), 1, line.size(), file.get());
}

}  // namespace tilejit
