#include <atomic>

#include "bench/measure/roofs.h"
#include "bench/measure/side_by_side.h"

namespace tilejit::measure {
namespace {

constexpr size_t line_bytes = 64;
constexpr size_t step_bytes = 4 * line_bytes;  // of one stream before the next one's turn

using Line = uint64_t __attribute__((vector_size(line_bytes)));  // one zmm register

/// Reads `bytes` (a multiple of streams * step_bytes) once. The sum is what keeps the loads alive.
template <int streams>
__attribute__((target("avx512f"))) uint64_t read_all(const std::byte* data, size_t bytes) {
  const size_t piece = bytes / streams;
  Line sum[4] = {};
  for (size_t at = 0; at < piece; at += step_bytes)
    for (size_t s = 0; s < streams; ++s) {
      const Line* lines = reinterpret_cast<const Line*>(data + s * piece + at);
      sum[0] ^= lines[0];
      sum[1] ^= lines[1];
      sum[2] ^= lines[2];
      sum[3] ^= lines[3];
    }
  const Line all = sum[0] ^ sum[1] ^ sum[2] ^ sum[3];
  uint64_t total = 0;
  for (size_t i = 0; i < line_bytes / sizeof total; ++i) total ^= all[i];
  return total;
}

using ReadAll = uint64_t (*)(const std::byte*, size_t);

ReadAll reader(int streams) {
  switch (streams) {
    case 2: return read_all<2>;
    case 4: return read_all<4>;
    case 8: return read_all<8>;
    case 16: return read_all<16>;
  }
  return read_all<1>;
}

/// Different bits in every word, by a full-period generator.
void fill(HugeBuffer& buffer) {
  auto* words = reinterpret_cast<uint64_t*>(buffer.data());
  uint64_t state = 1;
  for (size_t i = 0; i < buffer.size() / sizeof *words; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    words[i] = state;
  }
}

}  // namespace

Result<ReadRoof> ReadRoof::create(size_t bytes) {
  if (!has(Peak::vfmadd231ps)) return unsupported("the read roof needs AVX-512");
  auto buffer = std::make_unique<HugeBuffer>(bytes);
  if (buffer->data() == nullptr) return resource("no memory for the buffer of the read roof");
  fill(*buffer);
  return ReadRoof(std::move(buffer));
}

double ReadRoof::gbps(int threads, int streams) const {
  const size_t whole_steps = static_cast<size_t>(streams) * step_bytes;
  const size_t part = buffer_->size() / static_cast<size_t>(threads) / whole_steps * whole_steps;
  const ReadAll read = reader(streams);
  std::atomic<uint64_t> sum{0};
  const double seconds = side_by_side(
      threads, [&](int thread) { sum += read(buffer_->data() + static_cast<size_t>(thread) * part, part); });
  return static_cast<double>(part * static_cast<size_t>(threads)) / seconds * 1e-9;
}

double ReadRoof::huge_page_share() const { return measure::huge_page_share(buffer_->data(), buffer_->size()); }

}  // namespace tilejit::measure
