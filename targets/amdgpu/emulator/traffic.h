// What launches move between memory and the lanes of waves, summed for each memory range over as many launches as one Traffic is
// given to. `read` and `written` are what lanes ask for; lines are what memory moves when a cache keeps each line from its first
// use on.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace tilejit::amdgpu::emulator {

inline constexpr uint64_t line_bytes = 64;  // of a burst of HBM and GDDR6
inline constexpr uint64_t wide_bytes = 16;  // of the widest load of a lane

struct RangeTraffic {
  std::string name;
  uint64_t read = 0, written = 0;
  uint64_t read_wide = 0;                      // of `read`, by accesses of 16 bytes of a lane
  uint64_t visited = 0;                        // bytes of lines, counted again when a lane turns to another line
  uint64_t lines_read = 0, lines_written = 0;  // bytes of distinct lines
};

class Traffic {
 public:
  enum class Direction : uint8_t { read, write };
  /// `bytes` that lie `at` bytes behind the begin of the range of this name.
  void note(const std::string& name, uint64_t at, uint64_t bytes, Direction direction);
  std::vector<RangeTraffic> ranges() const;

 private:
  struct Range {
    RangeTraffic sums;
    uint64_t last_line = UINT64_MAX;
    std::vector<bool> has_read, has_written;  // by line
  };
  Range& find(const std::string& name);

  std::vector<Range> ranges_;
  size_t last_ = 0;
};

}  // namespace tilejit::amdgpu::emulator
