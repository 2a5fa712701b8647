#include "tests/support/random_numbers.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace tilejit::test {

uint64_t Rng::next() {
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

int64_t Rng::between(int64_t lo, int64_t hi) {
  return lo + static_cast<int64_t>(next() % static_cast<uint64_t>(hi - lo + 1));
}

double Rng::symmetric() { return std::ldexp(static_cast<double>(static_cast<int64_t>(next()) >> 11), -52); }

void fill_activations(std::span<std::byte> memory, Type type, Values values, Rng& rng) {
  const auto bytes = static_cast<size_t>(bits_of(type) / 8);
  const double smallest = type == Type::f16 ? 0x1p-24 : type == Type::bf16 ? 0x1p-133 : 0x1p-149;
  for (size_t i = 0; i + bytes <= memory.size(); i += bytes) {
    double value = rng.symmetric() * std::ldexp(1.0, static_cast<int>(rng.between(-3, 3)));
    if (rng.one_in(16)) value = 0;
    if (rng.one_in(32)) value = static_cast<double>(rng.between(-100, 100)) * smallest;
    if (values == Values::with_specials && rng.one_in(200)) {
      value = rng.pick({std::numeric_limits<double>::infinity(), -std::numeric_limits<double>::infinity(),
                        std::numeric_limits<double>::quiet_NaN()});
    }
    store_float(&memory[i], type, value);
  }
}

void store_float(std::byte* to, Type type, double value) {
  const auto wide = static_cast<float>(value);
  const uint16_t half = type == Type::bf16 ? f32_to_bf16(wide) : f32_to_f16(wide);
  if (type == Type::f32) {
    std::memcpy(to, &wide, sizeof(wide));
  } else {
    std::memcpy(to, &half, sizeof(half));
  }
}

}  // namespace tilejit::test
