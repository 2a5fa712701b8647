#include "runtime/pack.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "jit/build_linear.h"
#include "runtime/threads.h"
#include "runtime/weights_layout.h"

namespace tilejit {
namespace {

constexpr int64_t tile_k = 256;  // k per read_tile: with a panel of 128 channels a tile of 32 KiB
constexpr int max_kk = 8;

using Bytes = uint8_t __attribute__((vector_size(16)));

int64_t round_up(int64_t value, int64_t unit) { return (value + unit - 1) / unit * unit; }

/// Where the packer writes and how the words are made; the same for all panels.
struct Plan {
  const Weights& weights;
  const Problem& problem;
  PackedShape shape;
  int64_t tile_stride = 0;
  int kk = 8;
  int bits = 4;
  std::array<int, max_kk> k_of{};  // the k of element e of a word
  std::array<std::byte*, operand_count> operands{};
  std::vector<uint8_t> tiles;    // one tile per thread
  std::vector<uint32_t> values;  // a float for each group of a channel per thread; empty unless floats lie in blocks

  std::byte* at(Operand operand) const { return operands[static_cast<size_t>(operand)]; }
};

Bytes load_bytes(const uint8_t* p) {
  Bytes b;
  std::memcpy(&b, p, sizeof(b));
  return b;
}

/// Byte i of the words of 16 channels, whose values of element e lie at rows[e].
Bytes word_bytes(const Plan& plan, const uint8_t* block, size_t i) {
  const auto row = [&](size_t e) { return load_bytes(block + plan.k_of[e] * plan.tile_stride); };
  if (plan.bits == 8) return row(i);
  return row(2 * i) | (row(2 * i + 1) << 4);
}

/// Words of 16 channels: four vectors of the words' bytes, interleaved.
void pack_words16(const Plan& plan, const uint8_t* block, std::byte* words) {
  std::array<Bytes, 4> b;
  for (size_t i = 0; i < 4; ++i) b[i] = word_bytes(plan, block, i);
  using Halves = uint16_t __attribute__((vector_size(16)));
  std::array<Halves, 4> h;  // bytes 0 and 1, 2 and 3 of the words of channels 0..7, then of 8..15
  for (size_t i = 0; i < 2; ++i) {
    const Bytes x = b[2 * i];
    const Bytes y = b[2 * i + 1];
    h[i] = std::bit_cast<Halves>(__builtin_shufflevector(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    h[i + 2] = std::bit_cast<Halves>(
        __builtin_shufflevector(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
  }
  std::array<Halves, 4> w;
  for (size_t i = 0; i < 2; ++i) {
    w[2 * i] = __builtin_shufflevector(h[2 * i], h[2 * i + 1], 0, 8, 1, 9, 2, 10, 3, 11);
    w[2 * i + 1] = __builtin_shufflevector(h[2 * i], h[2 * i + 1], 4, 12, 5, 13, 6, 14, 7, 15);
  }
  std::memcpy(words, w.data(), sizeof(w));
}

/// The kk rows at `block` become one word per channel of the panel.
void pack_block(const Plan& plan, const uint8_t* block, std::byte* words) {
  const int64_t panel = plan.shape.panel;
  int64_t channel = 0;
  for (; channel + 16 <= panel; channel += 16) pack_words16(plan, block + channel, words + 4 * channel);
  for (; channel < panel; ++channel) {
    uint32_t word = 0;
    for (int e = 0; e < plan.kk; ++e) {
      word |= uint32_t{block[plan.k_of[static_cast<size_t>(e)] * plan.tile_stride + channel]} << (plan.bits * e);
    }
    std::memcpy(words + 4 * channel, &word, sizeof(word));
  }
}

/// Weights [k0, k0 + count) of a panel, into words from block `first` on.
void pack_run(const Plan& plan, int64_t panel, int64_t k0, int64_t count, int64_t first, uint8_t* tile) {
  const int64_t n0 = panel * plan.shape.panel;
  const int64_t channels = std::min(plan.shape.panel, plan.weights.n - n0);
  const int64_t stride = plan.tile_stride;
  for (int64_t done = 0; done < count; done += tile_k) {
    const int64_t rows = std::min(tile_k, count - done);
    const int64_t padded = round_up(rows, plan.kk);
    read_tile(plan.weights, k0 + done, rows, n0, channels, tile, stride);
    std::memset(tile + rows * stride, 0, static_cast<size_t>((padded - rows) * stride));
    for (int64_t b = 0; b < padded / plan.kk; ++b) {
      const int64_t word = (panel * plan.shape.blocks + first + done / plan.kk + b) * plan.shape.panel;
      pack_block(plan, tile + b * plan.kk * stride, plan.at(Operand::w) + 4 * word);
    }
  }
}

void pack_weights(const Plan& plan, int64_t panel, uint8_t* tile) {
  const PackedShape& shape = plan.shape;
  // Channels past n are never read into the tile: they stay zero.
  if ((panel + 1) * shape.panel > plan.weights.n) std::memset(tile, 0, static_cast<size_t>(tile_k * plan.tile_stride));
  // Groups of whole words follow one another without padding, so all of k is one run.
  if (shape.group % plan.kk == 0) return pack_run(plan, panel, 0, plan.weights.k, 0, tile);
  for (int64_t g = 0; g < shape.groups; ++g) {
    const int64_t k0 = g * shape.group;
    pack_run(plan, panel, k0, std::min(shape.group, plan.weights.k - k0), g * shape.group_blocks, tile);
  }
}

/// Channels of a panel that the layer has; the others are padding.
int64_t channels_of(const Plan& plan, int64_t panel) {
  return std::min(plan.shape.panel, plan.weights.n - panel * plan.shape.panel);
}

/// Where a value of each channel of a panel goes, for one group.
std::byte* value_row(const Plan& plan, Operand operand, int64_t panel, int64_t group, int64_t bytes) {
  return plan.at(operand) + (panel * plan.shape.groups + group) * plan.shape.panel * bytes;
}

void pack_zeros(const Plan& plan, int64_t panel) {
  if (plan.at(Operand::z) == nullptr) return;
  for (int64_t g = 0; g < plan.shape.groups; ++g)
    read_zeros(plan.weights, g, panel * plan.shape.panel, channels_of(plan, panel),
               reinterpret_cast<uint8_t*>(value_row(plan, Operand::z, panel, g, 1)));
}

/// Scales or offsets that lie in a matrix of their own: the same bits, in the order of the packed ones.
template <typename T>
void pack_matrix(const Plan& plan, int64_t panel, Operand operand, const FloatMatrix& from) {
  constexpr auto bytes = static_cast<int64_t>(sizeof(T));
  for (int64_t g = 0; g < plan.shape.groups; ++g) {
    const std::byte* source =
        from.data + (g * from.group_stride + panel * plan.shape.panel * from.channel_stride) * bytes;
    std::byte* const row = value_row(plan, operand, panel, g, bytes);
    for (int64_t i = 0; i < channels_of(plan, panel); ++i)
      std::memcpy(row + i * bytes, source + i * from.channel_stride * bytes, sizeof(T));
  }
}

bool has_block_floats(const Weights& w) {
  return w.scales.data == nullptr || (w.has_offsets() && w.offsets.data == nullptr);
}

/// Those that lie in the blocks of ggml formats, in the order of the blocks.
template <typename T>
void pack_block_floats(const Plan& plan, int64_t panel, Operand operand, BlockFloat which, uint32_t* values) {
  constexpr auto bytes = static_cast<int64_t>(sizeof(T));
  for (int64_t i = 0; i < channels_of(plan, panel); ++i) {
    read_block_floats(plan.weights, which, panel * plan.shape.panel + i, values);
    std::byte* to = value_row(plan, operand, panel, 0, bytes) + i * bytes;
    for (int64_t g = 0; g < plan.shape.groups; ++g, to += plan.shape.panel * bytes)
      std::memcpy(to, values + g, sizeof(T));  // x86 and every GPU: little endian
  }
}

template <typename T>
void pack_floats(const Plan& plan, int64_t panel, uint32_t* values) {
  const Weights& w = plan.weights;
  if (w.scales.data == nullptr)
    pack_block_floats<T>(plan, panel, Operand::s, BlockFloat::scale, values);
  else
    pack_matrix<T>(plan, panel, Operand::s, w.scales);
  if (w.offsets.data != nullptr)
    pack_matrix<T>(plan, panel, Operand::c, w.offsets);
  else if (w.has_offsets())
    pack_block_floats<T>(plan, panel, Operand::c, BlockFloat::offset, values);
}

void pack_panel(void* context, int64_t panel, int thread) {
  Plan& plan = *static_cast<Plan*>(context);
  if (panel * plan.shape.panel >= plan.weights.n) return;  // rounding up to whole streams: the mapping is zero already
  pack_weights(plan, panel, plan.tiles.data() + thread * tile_k * plan.tile_stride);
  uint32_t* const values = plan.values.empty() ? nullptr : plan.values.data() + thread * plan.shape.groups;
  if (bytes_of(plan.problem.s, 1) == 2)
    pack_floats<uint16_t>(plan, panel, values);
  else
    pack_floats<uint32_t>(plan, panel, values);
  pack_zeros(plan, panel);
}

/// Bytes of every operand of the problem, 0 for those that it does not have.
std::array<int64_t, operand_count> operand_bytes(const Problem& p, const PackedShape& shape) {
  const int64_t values = shape.panels * shape.groups * shape.panel;
  std::array<int64_t, operand_count> bytes{};
  const auto set = [&](Operand operand, int64_t count) { bytes[static_cast<size_t>(operand)] = count; };
  set(Operand::w, shape.panels * shape.blocks * shape.panel * 4);
  set(Operand::s, bytes_of(p.s, values));
  if (p.zp == ZeroDomain::integer) set(Operand::z, values);
  if (p.zp == ZeroDomain::floating) set(Operand::c, bytes_of(p.s, values));
  if (p.perm) set(Operand::perm, 4 * p.k);
  if (p.has(Epilogue::bias)) set(Operand::bias, bytes_of(p.bias_type, p.n));
  return bytes;
}

Result<PackedWeights> allocate(const std::array<int64_t, operand_count>& sizes) {
  PackedWeights packed;
  int64_t total = 0;
  for (const int64_t size : sizes) {
    packed.bytes += size;
    total += round_up(size, 64);
  }
  packed.memory = TRY(Mapping::create(total));
  std::byte* next = packed.memory.data();
  for (size_t i = 0; i < operand_count; ++i) {
    if (sizes[i] == 0) continue;
    packed.operands[i] = next;
    next += round_up(sizes[i], 64);
  }
  return packed;
}

/// g=-1 and a group that covers all of k have the same scales.
int64_t group_length(int64_t group, int64_t k) { return group == -1 ? k : std::min(group, k); }

ZeroDomain zero_domain(const Weights& weights) {
  if (weights.has_offsets()) return ZeroDomain::floating;
  return weights.zero_packing == ZeroPacking::none ? ZeroDomain::none : ZeroDomain::integer;
}

}  // namespace

Result<Mapping> Mapping::create(int64_t bytes) {
  constexpr size_t huge = size_t{2} << 20;
  const auto page = static_cast<int64_t>(sysconf(_SC_PAGESIZE));
  const auto wanted = static_cast<size_t>(round_up(std::max<int64_t>(bytes, 1), page));
  const size_t slack = wanted >= huge ? huge : 0;
  void* memory = mmap(nullptr, wanted + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return resource(fmt::format("cannot map {} bytes for packed weights: {}", wanted, std::strerror(errno)));
  auto* data = static_cast<std::byte*>(memory);
  if (slack > 0) {
    const size_t head = (huge - reinterpret_cast<uintptr_t>(memory) % huge) % huge;
    if (head > 0) munmap(data, head);
    if (head < slack) munmap(data + head + wanted, slack - head);
    data += head;
    madvise(data, wanted, MADV_HUGEPAGE);
    // Clearing the pages here, ahead of the threads: two that first touch the same ones wait for each other far longer.
    madvise(data, wanted, MADV_POPULATE_WRITE);  // a hint: small pages are right too
  }
  Mapping mapping;
  mapping.data_ = data;
  mapping.bytes_ = wanted;
  return mapping;
}

Mapping::Mapping(Mapping&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Mapping::~Mapping() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

Result<void> check_match(const Problem& problem, const Weights& weights) {
  std::string differences;
  const auto compare = [&](std::string_view field, const auto& wanted, const auto& given) {
    if (wanted == given) return;
    differences +=
        fmt::format("{}{}={} but the weights have {}", differences.empty() ? "" : "; ", field, wanted, given);
  };
  compare("n", problem.n, weights.n);
  compare("k", problem.k, weights.k);
  compare("bits", problem.weight_bits(), weights.bits);
  compare("g", group_length(problem.group, problem.k), group_length(weights.group, weights.k));
  const ZeroDomain zp = zero_domain(weights);
  compare("zp", to_string(problem.zp), to_string(zp));
  if (zp != ZeroDomain::integer) compare("z", problem.zero, weights.zero);
  compare("s", to_string(problem.s), to_string(weights.scale_type()));
  compare("perm", problem.perm, !weights.perm.empty());
  compare("bias", problem.has(Epilogue::bias), !weights.bias.empty());
  if (problem.has(Epilogue::bias) && !weights.bias.empty()) {
    compare("bias type", to_string(problem.bias_type), to_string(weights.bias_type));
  }
  if (differences.empty()) return {};
  return invalid(
      fmt::format("the problem '{}' does not describe its weights: {}", print_problem(problem), differences));
}

Result<PackedWeights> pack(const Weights& weights, const Problem& resolved, const Layout& layout,
                           const Threads& threads) {
  const int count = TRY(thread_count(threads));
  Plan plan{.weights = weights,
            .problem = resolved,
            .shape = packed_shape(resolved, layout),
            .k_of = {},
            .operands = {},
            .tiles = {},
            .values = {}};
  PackedWeights packed = TRY(allocate(operand_bytes(resolved, plan.shape)));
  plan.operands = packed.operands;
  plan.kk = layout.kk;
  plan.bits = resolved.weight_bits();
  plan.tile_stride = plan.shape.panel;
  const int steps = layout.kk / plan.shape.pair;
  for (int e = 0; e < layout.kk; ++e) plan.k_of[static_cast<size_t>(e)] = e % steps * plan.shape.pair + e / steps;
  plan.tiles.resize(static_cast<size_t>(count * tile_k * plan.tile_stride));
  if (has_block_floats(weights)) plan.values.resize(static_cast<size_t>(count * plan.shape.groups));

  const Phase phase{.tasks = plan.shape.panels, .run = pack_panel, .context = &plan};
  run_phases({&phase, 1}, threads, count);
  if (resolved.perm) std::memcpy(plan.at(Operand::perm), weights.perm.data(), weights.perm.size_bytes());
  if (resolved.has(Epilogue::bias)) std::memcpy(plan.at(Operand::bias), weights.bias.data(), weights.bias.size());
  return packed;
}

}  // namespace tilejit
