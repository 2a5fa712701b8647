// Dot instructions: one lane of d = c + a0*b0 + a1*b1 + ..., the elements packed in 32 bits, lowest first.
//
// Integers are exact: the whole sum wraps, or saturates once with clamp. Floats (RDNA 3 and 4 only; nothing published
// says how others round) are one step of the row `rdna` of matrix_numerics.h. Source: AMD's CDNA and RDNA ISA
// documents.
#pragma once

#include <tilejit/result.h>

#include <cstdint>
#include <string_view>

#include "targets/amdgpu/arch.h"

namespace tilejit::amdgpu::emulator {

enum class DotType : uint8_t { i8, u8, iu8, i4, u4, iu4, f16, bf16 };
enum class DotSource : uint8_t { three, destination };  // whether C is an operand or the destination

struct DotOp {
  std::string_view mnemonic;
  DotType type = DotType::i8;
  DotSource source = DotSource::three;
};

/// By the printed mnemonic without _e32, _e64 and _dpp; null when it is no dot, or one of floats before RDNA 3.
const DotOp* find_dot_op(Family family, std::string_view mnemonic);

/// Bits 0, 1, 2 belong to a, b, c. Integers: neg_lo of iu8 and iu4 says that a, b are signed. Floats: neg_lo negates
/// the element that becomes the low one, neg_hi the high one; of c neg_hi takes the absolute value, then neg_lo
/// negates; op_sel and op_sel_hi choose the half that becomes the low and the high element; clamp cuts to 0..1, NaN to
/// 0.
struct DotModifiers {
  uint8_t neg_lo = 0;
  uint8_t neg_hi = 0;
  uint8_t op_sel = 0;
  uint8_t op_sel_hi = 7;
  bool clamp = false;
};

/// `invalid` when the instruction has no such modifier.
Result<void> check(const DotOp& op, const DotModifiers& modifiers);

uint32_t dot(const DotOp& op, uint32_t a, uint32_t b, uint32_t c, const DotModifiers& modifiers);

}  // namespace tilejit::amdgpu::emulator
