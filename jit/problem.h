// The problem: what one linear layer computes, as one line of text (design: "w4a16 m=1 n=4096 k=4096 a=bf16 g=128 ...").
//
// The line is the test, the benchmark, the readable half of the cache key and the bug report. parse_problem checks every
// key and value; print_problem writes the canonical line (defaults left out, keys in a fixed order), so that
// parse(print(p)) == p. `resolve` replaces dot=auto, ks=auto and the default zero point by what a target row gives.
#pragma once

#include <tilejit/result.h>
#include <tilejit/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "targets/target.h"

namespace tilejit {

enum class Scheme : uint8_t { w4a16, w8a16, w8a8, w4a8, w16a16 };
/// Where a weight's zero comes from: w = (u - z) * s + c. none: z is the constant `zero`; integer: z is stored for each group
/// and channel; floating: z is the constant and c is stored.
enum class ZeroDomain : uint8_t { none, integer, floating };
enum class Dot : uint8_t { automatic, fma, bf16, i8x2, mma, i8 };
enum class Epilogue : uint8_t { bias, relu, silu, gelu, gelu_tanh, mul, residual, swiglu };
enum class Bits : uint8_t { exact, relaxed };

struct Problem {
  static constexpr int64_t any_m = -1;
  static constexpr int64_t max_size = int64_t{1} << 30;  // of m, n and k

  Scheme scheme = Scheme::w4a16;
  int64_t m = any_m;
  int64_t n = 0;  // weight rows (output channels)
  int64_t k = 0;
  Type a = Type::bf16;
  Type out = Type::bf16;
  int64_t group = -1;  // weights per scale along k; -1: one scale per channel; the last group may be short
  ZeroDomain zp = ZeroDomain::none;
  int zero = 8;        // the constant z (key `z`; default 2^(bits-1); 0 for w16a16)
  Type s = Type::f32;  // stored type of scales and c
  bool perm = false;   // activations are gathered by a stored permutation
  Dot dot = Dot::automatic;
  int numerics = -1;  // dot=mma: the row of ir/mma.h that rounds its sums, as in `dot=mma.cdna3`; -1: the target's
  int ks = 0;         // k segments, 0: auto
  std::vector<Epilogue> epilogue;
  Type bias_type = Type::f32;
  Bits bits = Bits::exact;

  bool operator==(const Problem&) const = default;

  int weight_bits() const;
  /// The type of a packed weight: u4, u8, or that of the activations (w16a16).
  Type weight_type() const;
  /// Consecutive weights of one channel that are packed side by side: 8 of 4 bits, 4 of 8, 2 of bf16, else 1.
  int packed_k() const;
  /// w8a8 and w4a8: activations are quantized to int8 row by row.
  bool quantizes_rows() const { return scheme == Scheme::w8a8 || scheme == Scheme::w4a8; }
  /// Sums are exact integers: dot=i8 and i8x2.
  bool has_integer_dot() const { return dot == Dot::i8 || dot == Dot::i8x2; }
  /// Of a weight in a dot step: u8, bf16 or f32; in a float matrix step that of the activations.
  Type unpacked_type() const {
    if (dot == Dot::mma) return a;
    return has_integer_dot() ? Type::u8 : dot == Dot::bf16 ? Type::bf16 : Type::f32;
  }
  /// Int8 digits of an activation in a dot step, each with a sum of its own.
  int digits() const { return dot == Dot::i8x2 ? 2 : 1; }
  /// Dot steps take packed weights as they lie, or widened by one op: an expanded panel would save nothing.
  bool is_cheap_to_unpack() const { return scheme == Scheme::w16a16 || (weight_bits() == 8 && has_integer_dot()); }
  bool has_scales() const { return scheme != Scheme::w16a16; }
  /// Columns of out: n, or n / 2 behind swiglu.
  int64_t out_columns() const { return has(Epilogue::swiglu) ? n / 2 : n; }
  /// Columns of the operand of an epilogue op: n, or n / 2 behind swiglu.
  int64_t columns_at(Epilogue e) const;
  /// Scales along k: 1 for group -1, else ceil(k / group).
  int64_t groups() const { return group == -1 ? 1 : (k + group - 1) / group; }
  /// What `ks` may cut: the groups, or units of 128 k when one group covers all of k.
  int64_t segment_units() const { return group == -1 ? (k + 127) / 128 : groups(); }
  bool has(Epilogue e) const;
};

/// The constant zero point of a scheme that names none.
int default_zero(Scheme scheme);
/// `invalid`: a combination that means nothing on any target.
Result<void> check(const Problem& problem);

/// `invalid` for an unknown key, a bad value or a meaningless combination; the message names the word and what would work.
Result<Problem> parse_problem(std::string_view line);
std::string print_problem(const Problem& problem);
std::string_view to_string(Scheme scheme);
std::string_view to_string(ZeroDomain zp);
std::string_view to_string(Dot dot);

/// The problem with `dot` and `ks` written out for a target row: what decides every bit. The result depends on (scheme, n, k,
/// a, out, row), never on m. Fails as can_implement does.
Result<Problem> resolve(const Problem& problem, const TargetFacts& target);

/// ok, or `unsupported` with the unmet condition and the nearest request that would work.
Result<void> can_implement(const Problem& problem, const TargetFacts& target);

}  // namespace tilejit
