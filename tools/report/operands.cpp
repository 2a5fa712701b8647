#include "tools/report/operands.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>

namespace tilejit::report {
namespace {

using Bytes = std::vector<std::byte>;

/// What the spans of Weights point into.
struct Storage {
  Bytes data;
  Bytes zeros;
  Bytes scales;
  Bytes offsets;
  Bytes bias;
  std::vector<int32_t> perm;
};

/// Uniform bits. An engine of eight bytes a step, because benchmarks fill many copies of large layers.
Bytes random_bits(size_t bytes, std::mt19937_64& engine) {
  Bytes data(bytes);
  for (size_t i = 0; i < bytes; i += sizeof(uint64_t)) {
    const uint64_t bits = engine();
    std::memcpy(data.data() + i, &bits, std::min(sizeof bits, bytes - i));
  }
  return data;
}

template <typename Distribution>
Bytes random_floats(Type type, int64_t count, Distribution distribution, std::mt19937_64& engine) {
  Bytes data(static_cast<size_t>(bytes_of(type, count)));
  for (int64_t i = 0; i < count; ++i) store_float(data.data(), type, i, distribution(engine));
  return data;
}

size_t words_bytes(int64_t bits) { return static_cast<size_t>((bits + 31) / 32 * 4); }

}  // namespace

void store_float(std::byte* data, Type type, int64_t index, float value) {
  const uint32_t bits = type == Type::bf16  ? f32_to_bf16(value)
                        : type == Type::f16 ? f32_to_f16(value)
                                            : std::bit_cast<uint32_t>(value);
  const int64_t bytes = bytes_of(type, 1);
  std::memcpy(data + index * bytes, &bits, static_cast<size_t>(bytes));
}

std::vector<std::byte> random_normals(Type type, int64_t count, uint64_t seed) {
  std::mt19937_64 engine(seed);
  return random_floats(type, count, std::normal_distribution<float>(), engine);
}

Weights random_weights(const Problem& problem, uint64_t seed) {
  std::mt19937_64 engine(seed);
  const int bits = problem.weight_bits();
  const int64_t groups = problem.groups();
  const float step = 0.02f / std::ldexp(1.0f, bits - 1);
  auto storage = std::make_shared<Storage>();
  Weights w;
  w.n = problem.n;
  w.k = problem.k;
  w.bits = bits;
  w.group = problem.group;
  w.packing = Packing::row_words;
  w.zero = problem.zero;
  storage->data = random_bits(static_cast<size_t>(w.n) * words_bytes(w.k * bits), engine);
  storage->scales =
      random_floats(problem.s, groups * w.n, std::uniform_real_distribution<float>(0.5f * step, 1.5f * step), engine);
  w.scales = {storage->scales.data(), problem.s, 1, groups};
  if (problem.zp == ZeroDomain::integer) {
    w.zero_packing = ZeroPacking::n_words_transposed;
    storage->zeros = random_bits(words_bytes(w.n * bits) * static_cast<size_t>(groups), engine);
    w.zeros = storage->zeros;
  }
  if (problem.zp == ZeroDomain::floating) {
    storage->offsets = random_floats(problem.s, groups * w.n, std::normal_distribution<float>(0, 4 * step), engine);
    w.offsets = {storage->offsets.data(), problem.s, 1, groups};
  }
  if (problem.perm) {
    storage->perm.resize(static_cast<size_t>(w.k));
    std::iota(storage->perm.begin(), storage->perm.end(), 0);
    std::shuffle(storage->perm.begin(), storage->perm.end(), engine);
    w.perm = storage->perm;
  }
  if (problem.has(Epilogue::bias)) {
    storage->bias = random_floats(problem.bias_type, w.n, std::normal_distribution<float>(), engine);
    w.bias = storage->bias;
    w.bias_type = problem.bias_type;
  }
  w.data = storage->data;
  w.storage = storage;
  return w;
}

}  // namespace tilejit::report
