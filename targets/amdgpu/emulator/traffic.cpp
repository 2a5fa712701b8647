#include "targets/amdgpu/emulator/traffic.h"

#include <algorithm>

namespace tilejit::amdgpu::emulator {
namespace {

/// Whether the line is new.
bool mark(std::vector<bool>& lines, uint64_t line) {
  if (line >= lines.size()) lines.resize(std::max<size_t>(line + 1, 2 * lines.size()));
  const bool is_new = !lines[line];
  lines[line] = true;
  return is_new;
}

}  // namespace

Traffic::Range& Traffic::find(const std::string& name) {
  if (last_ < ranges_.size() && ranges_[last_].sums.name == name) return ranges_[last_];
  for (last_ = 0; last_ < ranges_.size(); ++last_)
    if (ranges_[last_].sums.name == name) return ranges_[last_];
  ranges_.emplace_back().sums.name = name;
  return ranges_.back();
}

void Traffic::note(const std::string& name, uint64_t at, uint64_t bytes, Direction direction) {
  Range& range = find(name);
  RangeTraffic& sums = range.sums;
  const bool reads = direction == Direction::read;
  (reads ? sums.read : sums.written) += bytes;
  if (reads && bytes == wide_bytes) sums.read_wide += bytes;
  for (uint64_t line = at / line_bytes; line * line_bytes < at + bytes; ++line) {
    if (line != range.last_line) sums.visited += line_bytes;
    range.last_line = line;
    if (mark(reads ? range.has_read : range.has_written, line))
      (reads ? sums.lines_read : sums.lines_written) += line_bytes;
  }
}

std::vector<RangeTraffic> Traffic::ranges() const {
  std::vector<RangeTraffic> all;
  for (const Range& range : ranges_) all.push_back(range.sums);
  return all;
}

}  // namespace tilejit::amdgpu::emulator
