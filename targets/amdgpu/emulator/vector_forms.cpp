// What all vector instructions share: sources with their modifiers, DPP and SDWA; results under EXEC.
#include <algorithm>
#include <bit>
#include <cmath>

#include "targets/amdgpu/emulator/defined.h"
#include "targets/amdgpu/emulator/machine.h"
#include "targets/amdgpu/emulator/vector_row.h"
#include "targets/amdgpu/emulator/wave.h"

namespace tilejit::amdgpu::emulator {
namespace {

struct Buffers {
  std::array<std::array<Lanes, 2>, 4> source;
  std::array<Lanes, 2> result;
};

uint32_t flushed(uint32_t bits) { return (bits & 0x7f800000U) == 0 ? bits & 0x80000000U : bits; }

/// The lane that DPP reads for `lane`; -1: none.
int source_lane(const Modifiers& m, int lane, int lanes) {
  const int row = lane & ~15;
  const int in_row = lane & 15;
  const int n = static_cast<int>(m.dpp_value);
  const auto within = [&](int at) { return at >= 0 && at < 16 ? row + at : -1; };
  switch (m.dpp) {
    case Lanewise::none: return lane;
    case Lanewise::quad_perm: return (lane & ~3) + ((n >> (2 * (lane & 3))) & 3);
    case Lanewise::dpp8: return (lane & ~7) + static_cast<int>((m.dpp_value >> (3 * (lane & 7))) & 7);
    case Lanewise::row_shl: return within(in_row + n);
    case Lanewise::row_shr: return within(in_row - n);
    case Lanewise::row_ror: return row + ((in_row - n) & 15);
    case Lanewise::row_share:
    case Lanewise::row_newbcast: return row + n;
    case Lanewise::row_xmask: return row + (in_row ^ n);
    case Lanewise::row_mirror: return row + 15 - in_row;
    case Lanewise::row_half_mirror: return (lane & ~7) + 7 - (lane & 7);
    // The last lane of the row before, or of the half before.
    case Lanewise::row_bcast: return n == 15 ? row - 1 : lane >= 32 ? 31 : -1;
    case Lanewise::wave_shl: return lane + 1 < lanes ? lane + 1 : -1;
    case Lanewise::wave_shr: return lane - 1;
    case Lanewise::wave_rol: return (lane + 1) % lanes;
    case Lanewise::wave_ror: return (lane + lanes - 1) % lanes;
  }
  return -1;
}

/// Moves lanes; `enabled` loses those that DPP leaves without a source.
void apply_dpp(const Wave& w, const Instr& i, const Lanes* from, Lanes* to, int words, uint64_t& enabled) {
  const Modifiers& m = i.modifiers;
  const uint64_t exec = w.exec();
  uint64_t kept = 0;
  for (int lane = 0; lane < w.lanes; ++lane) {
    const auto l = static_cast<size_t>(lane);
    const bool is_masked = m.dpp != Lanewise::dpp8 &&
                           (((m.row_mask >> (lane / 16)) & 1) == 0 || ((m.bank_mask >> (lane / 4 % 4)) & 1) == 0);
    const int at = source_lane(m, lane, w.lanes);
    const bool is_live = at >= 0 && (((exec >> at) & 1) != 0 || m.fetch_inactive);
    for (int n = 0; n < words; ++n) to[n][l] = is_live ? from[n][static_cast<size_t>(at)] : 0;
    // An invalid lane reads zero when asked to (dpp8: always), else its destination stays.
    if (!is_masked && (is_live || m.bound_ctrl || m.dpp == Lanewise::dpp8)) kept |= uint64_t{1} << lane;
  }
  enabled &= kept;
}

uint32_t select(uint32_t word, Select which, bool sign_extend) {
  switch (which) {
    case Select::byte_0:
    case Select::byte_1:
    case Select::byte_2:
    case Select::byte_3: {
      const auto byte = static_cast<uint8_t>(word >> (8 * static_cast<int>(which)));
      return sign_extend ? static_cast<uint32_t>(static_cast<int8_t>(byte)) : byte;
    }
    case Select::word_0:
    case Select::word_1: {
      const auto half = static_cast<uint16_t>(word >> (which == Select::word_1 ? 16 : 0));
      return sign_extend ? static_cast<uint32_t>(static_cast<int16_t>(half)) : half;
    }
    case Select::dword: break;
  }
  return word;
}

/// |x| and -x on the bits that the type's sign is.
void apply_signs(const Operand& o, Value value, Lanes* lanes) {
  if ((!o.negate && !o.magnitude) || value == Value::mixed) return;  // a mixed row has them itself
  Lanes& top = lanes[words_of(value) - 1];
  const uint32_t sign = is_16_bits(value) ? 0x8000U : 0x80000000U;
  for (uint32_t& x : top) {
    if (o.magnitude) x &= ~sign;
    if (o.negate) x ^= sign;
  }
}

void fetch(Wave& w, const Instr& i, size_t n, const Operand& o, Call& call, std::array<Lanes, 2>& room,
           uint64_t& enabled) {
  const VectorRow& row = *i.vector;
  const Value value = row.source[n];
  if (value == Value::mask) {
    call.mask[n] = w.mask(o.first);
    return;
  }
  if (value == Value::wide) {  // the row looks itself
    call.in[n] = o.kind == Kind::vgpr ? &w.vgpr[o.first] : nullptr;
    return;
  }
  const int words = words_of(value);
  const bool is_dpp = n == 0 && i.modifiers.dpp != Lanewise::none;
  const bool is_sdwa = i.modifiers.sdwa && n < 2;
  const bool flushes = w.flushes_f32 && value == Value::f32 && !row.has(vector_flag::raw_floats);
  const bool is_plain =
      o.kind == Kind::vgpr && !is_dpp && !is_sdwa && !o.negate && !o.magnitude && o.half != Half::high && !flushes;
  if (is_plain) {
    call.in[n] = &w.vgpr[o.first];
    return;
  }
  if (o.kind == Kind::vgpr && is_dpp) {
    apply_dpp(w, i, &w.vgpr[o.first], room.data(), words, enabled);
  } else if (o.kind == Kind::vgpr) {
    std::copy_n(&w.vgpr[o.first], words, room.data());
  } else {
    const uint64_t bits = o.kind == Kind::constant ? o.value : words == 2 ? w.words(o) : w.word(o);
    room[0].fill(static_cast<uint32_t>(bits));
    room[1].fill(static_cast<uint32_t>(bits >> 32));
  }
  if (is_sdwa)
    for (uint32_t& x : room[0]) x = select(x, i.modifiers.src_sel[n], o.sign_extend);
  if (o.half == Half::high)
    for (uint32_t& x : room[0]) x >>= 16;
  apply_signs(o, value, room.data());
  if (flushes)
    for (uint32_t& x : room[0]) x = flushed(x);
  call.in[n] = room.data();
}

float clamped(float x) { return x > 0 ? std::min(x, 1.0F) : 0.0F; }  // NaN gives 0

void apply_output(const Wave& w, const Instr& i, Lanes* out) {
  const VectorRow& row = *i.vector;
  const Modifiers& m = i.modifiers;
  if (row.result == Value::f32 && !row.has(vector_flag::raw_floats)) {
    if (m.omod != 1)
      for (uint32_t& x : out[0]) x = std::bit_cast<uint32_t>(std::bit_cast<float>(x) * m.omod);
    if (w.flushes_f32)
      for (uint32_t& x : out[0]) x = flushed(x);
    if (m.clamp)
      for (uint32_t& x : out[0]) x = std::bit_cast<uint32_t>(clamped(std::bit_cast<float>(x)));
  } else if (row.result == Value::f16 && m.clamp) {
    // Positive f16 are ordered as their bits: 0x3c00 is 1, above 0x7c00 are NaN.
    for (uint32_t& x : out[0]) x = (x & 0x8000U) != 0 || x > 0x7c00U ? 0 : std::min(x, 0x3c00U);
  }
}

/// A destination of 16 or 8 bits: what the rest of the register becomes.
struct Merge {
  uint32_t mask = ~uint32_t{0};  // the bits that change
  int shift = 0;
};

Merge merge_of(const Wave& w, const Instr& i) {
  const Operand& to = i.operand[0];
  const VectorRow& row = *i.vector;
  if (i.modifiers.sdwa && i.modifiers.dst_sel != Select::dword) {
    const int n = static_cast<int>(i.modifiers.dst_sel);
    const bool is_byte = i.modifiers.dst_sel <= Select::byte_3;
    const int shift = is_byte ? 8 * n : i.modifiers.dst_sel == Select::word_1 ? 16 : 0;
    const uint32_t mask = (is_byte ? 0xffU : 0xffffU) << shift;
    return {i.modifiers.dst_unused == Unused::preserve ? mask : ~uint32_t{0}, shift};
  }
  if (!is_16_bits(row.result)) return {};
  if (to.half == Half::high || row.has(vector_flag::high_result)) return {0xffff0000U, 16};
  const bool clears = is_cdna(w.machine->program->row->family) && !row.has(vector_flag::keeps_high);
  return {clears ? ~uint32_t{0} : 0xffffU, 0};
}

void store_words(Wave& w, const Instr& i, const Lanes* out, uint64_t enabled) {
  const VectorRow& row = *i.vector;
  const Operand& to = i.operand[0];
  const Merge merge = merge_of(w, i);
  for (int n = 0; n < words_of(row.result); ++n) {
    const size_t reg = static_cast<size_t>(to.first) + static_cast<size_t>(n);
    Lanes& old = w.vgpr[reg];
    const uint32_t narrow = i.modifiers.sdwa && i.modifiers.dst_sel != Select::dword
                                ? (i.modifiers.dst_sel <= Select::byte_3 ? 0xffU : 0xffffU)
                                : ~uint32_t{0};
    if (merge.mask == ~uint32_t{0} && merge.shift == 0 && narrow == ~uint32_t{0} && enabled == w.all_lanes) {
      old = out[n];
    } else {
      for (size_t lane = 0; lane < most_lanes; ++lane) {
        const uint32_t value = (out[n][lane] & narrow) << merge.shift;
        const uint32_t result = (old[lane] & ~merge.mask) | (value & merge.mask);
        old[lane] = ((enabled >> lane) & 1) != 0 ? result : old[lane];
      }
    }
    Written16& written = w.vgpr_written[reg];
    if ((merge.mask & 0xffffU) != 0) written.low |= enabled;
    if ((merge.mask & 0xffff0000U) != 0) written.high |= enabled;
  }
}

struct Ready {
  Call call;
  uint64_t enabled = 0;
  std::array<Written16, 2> defined;
};

void compute(Wave& w, const Instr& i, Buffers& buffers, Ready& ready) {
  const VectorRow& row = *i.vector;
  ready.enabled = row.has(vector_flag::whole_wave) ? w.all_lanes : w.exec();
  ready.call.out = buffers.result.data();
  ready.call.instr = &i;
  ready.call.wave = &w;
  const size_t results = (row.result == Value::none ? 0U : 1U) + (row.gives_mask ? 1U : 0U);
  for (size_t n = 0; n < row.sources; ++n)
    fetch(w, i, n, i.operand[results + n], ready.call, buffers.source[n], ready.enabled);
  if (i.copies) ready.defined = defined_lanes(w, i, ready.enabled);
  row.compute(ready.call);
  apply_output(w, i, buffers.result.data());
}

void commit(Wave& w, const Instr& i, const Ready& ready) {
  const VectorRow& row = *i.vector;
  if (row.result != Value::none) {
    store_words(w, i, ready.call.out, ready.enabled);
    for (size_t n = 0; i.copies && n < i.operand[0].words; ++n) {
      Written16& written = w.vgpr_written[i.operand[0].first + n];
      written.low &= ready.defined[n].low | ~ready.enabled;
      written.high &= ready.defined[n].high | ~ready.enabled;
    }
  }
  if (row.gives_mask) {
    const Operand& to = i.operand[row.result == Value::none ? 0 : 1];
    // Lanes that EXEC disables give 0.
    w.set_mask(to.first, ready.call.mask_out & ready.enabled);
    if (row.has(vector_flag::writes_exec)) w.set_mask(scalar::exec, ready.call.mask_out & ready.enabled);
  }
}

}  // namespace

void run_vector(Wave& wave, const Instr& i) {
  Buffers buffers;
  Ready ready;
  compute(wave, i, buffers, ready);
  if (i.dual == nullptr) {
    commit(wave, i, ready);
    return;
  }
  Buffers other_buffers;
  Ready other;
  compute(wave, *i.dual, other_buffers, other);
  commit(wave, i, ready);
  commit(wave, *i.dual, other);
}

}  // namespace tilejit::amdgpu::emulator
