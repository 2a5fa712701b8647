#include "tools/report/operands.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <numeric>
#include <random>
#include <utility>

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

/// Uniform integers and zeros, scales around 0.02 / 2^(bits-1), normal offsets.
void fill_quantized(Weights& w, Storage& storage, const Problem& problem, std::mt19937_64& engine) {
  const int64_t groups = problem.groups();
  const float step = 0.02f / std::ldexp(1.0f, w.bits - 1);
  w.packing = Packing::row_words;
  storage.data = random_bits(static_cast<size_t>(w.n) * words_bytes(w.k * w.bits), engine);
  storage.scales =
      random_floats(problem.s, groups * w.n, std::uniform_real_distribution<float>(0.5f * step, 1.5f * step), engine);
  w.scales = {storage.scales.data(), problem.s, 1, groups};
  if (problem.zp == ZeroDomain::integer) {
    w.zero_packing = ZeroPacking::n_words_transposed;
    storage.zeros = random_bits(words_bytes(w.n * w.bits) * static_cast<size_t>(groups), engine);
    w.zeros = storage.zeros;
  }
  if (problem.zp == ZeroDomain::floating) {
    storage.offsets = random_floats(problem.s, groups * w.n, std::normal_distribution<float>(0, 4 * step), engine);
    w.offsets = {storage.offsets.data(), problem.s, 1, groups};
  }
}

/// Normal values of the size that quantized ones have.
void fill_dense(Weights& w, Storage& storage, const Problem& problem, std::mt19937_64& engine) {
  w.packing = Packing::row_floats;
  w.data_type = problem.weight_type();
  storage.data = random_floats(w.data_type, w.n * w.k, std::normal_distribution<float>(0, 0.01f), engine);
}

}  // namespace

void store_float(std::byte* data, Type type, int64_t index, float value) {
  const uint32_t bits = type == Type::bf16  ? f32_to_bf16(value)
                        : type == Type::f16 ? f32_to_f16(value)
                                            : std::bit_cast<uint32_t>(value);
  const int64_t bytes = bytes_of(type, 1);
  std::memcpy(data + index * bytes, &bits, static_cast<size_t>(bytes));
}

Matrix random_matrix(Type type, int64_t rows, int64_t cols, uint64_t seed) {
  std::mt19937_64 engine(seed);
  return {random_floats(type, rows * cols, std::normal_distribution<float>(), engine), type, rows, cols};
}

Matrix repeat_rows(const Matrix& matrix, int64_t rows) {
  const size_t row_bytes = matrix.data.size() / static_cast<size_t>(matrix.rows);
  Matrix repeated{{}, matrix.type, rows, matrix.cols};
  repeated.data.reserve(row_bytes * static_cast<size_t>(rows));
  for (int64_t r = 0; r < rows; ++r) {
    const auto row = matrix.data.begin() + static_cast<int64_t>(row_bytes) * (r % matrix.rows);
    repeated.data.insert(repeated.data.end(), row, row + static_cast<int64_t>(row_bytes));
  }
  return repeated;
}

CallInputs random_inputs(const Problem& problem, Matrix a, uint64_t seed) {
  const auto operand = [&](Epilogue op, uint64_t its_seed) -> Matrix {
    if (!problem.has(op)) return {};
    return random_matrix(problem.out, a.rows, problem.columns_at(op), its_seed);
  };
  CallInputs inputs{.a = {}, .mul = operand(Epilogue::mul, seed), .residual = operand(Epilogue::residual, seed + 1)};
  inputs.a = std::move(a);
  return inputs;
}

LinearCall make_call(const CallInputs& inputs, const Problem& problem, std::byte* out) {
  const auto data = [](const Matrix& matrix) { return matrix.rows == 0 ? nullptr : matrix.data.data(); };
  return {.a = inputs.a.data.data(),
          .lda = inputs.a.cols,
          .m = inputs.a.rows,
          .out = out,
          .ldo = problem.out_columns(),
          .mul = data(inputs.mul),
          .ldmul = inputs.mul.cols,
          .residual = data(inputs.residual),
          .ldres = inputs.residual.cols};
}

Weights random_weights(const Problem& problem, uint64_t seed) {
  std::mt19937_64 engine(seed);
  auto storage = std::make_shared<Storage>();
  Weights w;
  w.n = problem.n;
  w.k = problem.k;
  w.bits = problem.weight_bits();
  w.activation_bits = problem.quantizes_rows() ? 8 : 16;
  w.group = problem.group;
  w.zero = problem.zero;
  if (problem.has_scales())
    fill_quantized(w, *storage, problem, engine);
  else
    fill_dense(w, *storage, problem, engine);
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
