// Symbols for `perf report`: with TILEJIT_PERF=map every kernel adds a line to /tmp/perf-PID.map.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace tilejit {

/// Appends "START SIZE symbol" (hexadecimal) when TILEJIT_PERF is `map`; a file that cannot be written is ignored.
void append_perf_map(std::span<const std::byte> code, std::string_view symbol);
/// "/tmp/perf-PID.map" of this process.
std::string perf_map_path();

}  // namespace tilejit
