#include "tools/jitdump/traffic.h"

#include <fmt/format.h>

#include "tools/report/table.h"

namespace tilejit::jitdump {
namespace {

std::string share(int64_t part, int64_t whole) {
  return whole == 0 ? "" : fmt::format("{:.0f}%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace

Result<std::vector<inspect::KernelTraffic>> count_traffic(const Source& source,
                                                          const std::vector<CompiledKernel>& kernels, uint64_t seed) {
  inspect::ProgramMemory memory = TRY(inspect::make_memory(source.program, source.m, seed));
  return inspect::count_traffic(kernels, *source.target, memory, source.m);
}

std::string traffic_text(const std::vector<inspect::KernelTraffic>& kernels) {
  report::Table table;
  for (const char* title : {"kernel", "buffer"}) table.add_column(title, report::Align::left);
  for (const char* title :
       {"read by lanes", "in 16-byte loads", "lines visited", "distinct lines", "written by lanes", "distinct lines"})
    table.add_column(title, report::Align::right);
  for (const inspect::KernelTraffic& kernel : kernels)
    for (const BufferTraffic& buffer : kernel.buffers)
      table.add_row({fmt::format("{} ({} tasks)", kernel.kernel, kernel.tasks), buffer.buffer,
                     fmt::format("{}", buffer.read), share(buffer.read_wide, buffer.read),
                     fmt::format("{}", buffer.visited), fmt::format("{}", buffer.lines_read),
                     fmt::format("{}", buffer.written), fmt::format("{}", buffer.lines_written)});
  return "bytes moved, counted on the emulator; lines have 64 bytes:\n" + table.text();
}

nlohmann::ordered_json traffic_json(const std::vector<inspect::KernelTraffic>& kernels) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const inspect::KernelTraffic& kernel : kernels)
    for (const BufferTraffic& buffer : kernel.buffers)
      all.push_back({{"kernel", kernel.kernel},
                     {"tasks", kernel.tasks},
                     {"buffer", buffer.buffer},
                     {"read", buffer.read},
                     {"read_wide", buffer.read_wide},
                     {"visited", buffer.visited},
                     {"lines_read", buffer.lines_read},
                     {"written", buffer.written},
                     {"lines_written", buffer.lines_written}});
  return all;
}

}  // namespace tilejit::jitdump
