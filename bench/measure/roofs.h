// The roofs that a linear layer is measured against, measured in the same run as the layer: how fast this machine reads
// memory with several streams a thread, and how many operations of each dot instruction it retires from registers.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "bench/measure/machine.h"

namespace tilejit::measure {

/// GB/s of reading memory far larger than the caches.
class ReadRoof {
 public:
  static constexpr size_t default_bytes = size_t{512} << 20;
  /// Addresses that one thread reads side by side: one stream alone leaves a third of the bandwidth.
  static constexpr int stream_counts[] = {1, 2, 4, 8, 16};

  /// `resource`: no memory; `unsupported`: a CPU without AVX-512.
  static Result<ReadRoof> create(size_t bytes = default_bytes);

  /// Reads all bytes once, each thread its own part in `streams` contiguous pieces.
  double gbps(int threads, int streams) const;
  double huge_page_share() const;

 private:
  explicit ReadRoof(std::unique_ptr<HugeBuffer> buffer) : buffer_(std::move(buffer)) {}
  std::unique_ptr<HugeBuffer> buffer_;
};

/// Dot instructions over zmm registers.
enum class Peak : uint8_t { vfmadd231ps, vdpbf16ps, vpdpbusd };
std::string_view to_string(Peak peak);
/// By cpuid: does this machine have it?
bool has(Peak peak);
inline constexpr Peak all_peaks[] = {Peak::vfmadd231ps, Peak::vdpbf16ps, Peak::vpdpbusd};

/// 10^9 operations (a multiplication and an addition are two) a second on `threads` threads; 0 where !has(peak).
double peak_gops(Peak peak, int threads);

}  // namespace tilejit::measure
