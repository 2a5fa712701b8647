// Instructions that move lanes: permutes, shuffles, unpacks, broadcasts, extracts.
#include <cstring>

#include "targets/x86/emulator/lanes.h"

namespace tilejit::x86::emulator {
namespace {

/// out[i] = b[a[i]]: the index modulo the lanes.
template <typename T>
void permute(Vector& out, const Vector& a, const Vector& b, const Instr& i) {
  const size_t last = i.bytes / sizeof(T) - 1;
  for (size_t l = 0; l <= last; ++l) lanes<T>(out)[l] = lanes<T>(b)[lanes<T>(a)[l] & last];
}

/// The lane of two tables that `index` names.
template <typename T>
T pick(const Vector& low, const Vector& high, T index, size_t count) {
  return (index & count) != 0 ? lanes<T>(high)[index & (count - 1)] : lanes<T>(low)[index & (count - 1)];
}
/// vpermi2: the old destination has the indices, a and b are the tables.
template <typename T>
void permute_two(Vector& out, const Vector& a, const Vector& b, const Instr& i) {
  const size_t count = i.bytes / sizeof(T);
  for (size_t l = 0; l < count; ++l) lanes<T>(out)[l] = pick<T>(a, b, lanes<T>(out)[l], count);
}
/// vpermt2: the old destination is the first table, a has the indices.
template <typename T>
void permute_table(Vector& out, const Vector& a, const Vector& b, const Instr& i) {
  const Vector table = out;
  const size_t count = i.bytes / sizeof(T);
  for (size_t l = 0; l < count; ++l) lanes<T>(out)[l] = pick<T>(table, b, lanes<T>(a)[l], count);
}

/// Within each 16 bytes: dword l of the result is the dword that bits 2l+1:2l of imm name.
void shuffle_dwords(Vector& out, const Vector&, const Vector& b, const Instr& i) {
  for (size_t l = 0; l < 16; ++l)
    out.u32[l] = b.u32[(l & ~size_t{3}) + (static_cast<size_t>(i.imm) >> 2 * (l & 3) & 3)];
}
/// Within each 16 bytes: the byte of a that b names, 0 where b's top bit is set.
void shuffle_bytes(Vector& out, const Vector& a, const Vector& b, const Instr&) {
  for (size_t l = 0; l < 64; ++l)
    out.u8[l] = (b.u8[l] & 0x80) != 0 ? uint8_t{0} : a.u8[(l & ~size_t{15}) + (b.u8[l] & 15)];
}

/// Quarters (or, of a ymm, halves): the lower ones from a, the upper from b, each chosen by the next bits of imm.
void shuffle_quarters(Vector& out, const Vector& a, const Vector& b, const Instr& i) {
  const size_t count = i.bytes / 16;
  const size_t bits = count == 4 ? 2 : 1;
  for (size_t q = 0; q < count; ++q) {
    const Vector& from = q < count / 2 ? a : b;
    std::memcpy(out.u8 + 16 * q, from.u8 + 16 * (static_cast<size_t>(i.imm) >> bits * q & (count - 1)), 16);
  }
}

/// Within each 16 bytes: lanes of a and b in turn, from the low or the high half.
template <typename T, size_t half>
void interleave(Vector& out, const Vector& a, const Vector& b, const Instr&) {
  constexpr size_t count = 16 / sizeof(T);
  for (size_t block = 0; block < lane_count<T>; block += count)
    for (size_t l = 0; l < count; ++l)
      lanes<T>(out)[block + l] = lanes<T>((l & 1) != 0 ? b : a)[block + half * count / 2 + l / 2];
}

template <size_t bytes>
void repeat(Vector& out, const Vector&, const Vector& b, const Instr&) {
  for (size_t at = 0; at < sizeof(Vector); at += bytes) std::memcpy(out.u8 + at, b.u8, bytes);
}

/// Part imm of b.
template <size_t bytes>
void extract(Vector& out, const Vector&, const Vector& b, const Instr& i) {
  const size_t part = static_cast<size_t>(i.imm) & (i.operand[1].bytes / bytes - 1);
  std::memcpy(out.u8, b.u8 + part * bytes, bytes);
}
/// a with part imm replaced by b.
template <size_t bytes>
void insert(Vector& out, const Vector& a, const Vector& b, const Instr& i) {
  const size_t part = static_cast<size_t>(i.imm) & (i.bytes / bytes - 1);
  out = a;
  std::memcpy(out.u8 + part * bytes, b.u8, bytes);
}

constexpr uint8_t whole = row_flag::whole;
constexpr uint8_t imm = row_flag::immediate;
constexpr uint8_t table = row_flag::whole | row_flag::accumulates;

constexpr VectorRow rows[] = {
    {"vpermb", 2, 1, whole, permute<uint8_t>},
    {"vpermw", 2, 2, whole, permute<uint16_t>},
    {"vpermd", 2, 4, whole, permute<uint32_t>},
    {"vpermps", 2, 4, whole, permute<uint32_t>},
    {"vpermi2b", 2, 1, table, permute_two<uint8_t>},
    {"vpermi2w", 2, 2, table, permute_two<uint16_t>},
    {"vpermi2d", 2, 4, table, permute_two<uint32_t>},
    {"vpermi2ps", 2, 4, table, permute_two<uint32_t>},
    {"vpermt2b", 2, 1, table, permute_table<uint8_t>},
    {"vpermt2w", 2, 2, table, permute_table<uint16_t>},
    {"vpermt2d", 2, 4, table, permute_table<uint32_t>},
    {"vpermt2ps", 2, 4, table, permute_table<uint32_t>},
    {"vpshufd", 1, 4, imm | whole, shuffle_dwords},
    {"vpshufb", 2, 1, whole, shuffle_bytes},
    {"vshuff32x4", 2, 4, imm | whole, shuffle_quarters},
    {"vshufi32x4", 2, 4, imm | whole, shuffle_quarters},
    {"vpunpcklbw", 2, 1, whole, interleave<uint8_t, 0>},
    {"vpunpcklwd", 2, 2, whole, interleave<uint16_t, 0>},
    {"vpunpckldq", 2, 4, whole, interleave<uint32_t, 0>},
    {"vpunpcklqdq", 2, 8, whole, interleave<uint64_t, 0>},
    {"vunpcklps", 2, 4, whole, interleave<uint32_t, 0>},
    {"vunpcklpd", 2, 8, whole, interleave<uint64_t, 0>},
    {"vpunpckhbw", 2, 1, whole, interleave<uint8_t, 1>},
    {"vpunpckhwd", 2, 2, whole, interleave<uint16_t, 1>},
    {"vpunpckhdq", 2, 4, whole, interleave<uint32_t, 1>},
    {"vpunpckhqdq", 2, 8, whole, interleave<uint64_t, 1>},
    {"vunpckhps", 2, 4, whole, interleave<uint32_t, 1>},
    {"vunpckhpd", 2, 8, whole, interleave<uint64_t, 1>},
    {"vpbroadcastb", 1, 1, whole, repeat<1>},
    {"vpbroadcastw", 1, 2, whole, repeat<2>},
    {"vpbroadcastd", 1, 4, whole, repeat<4>},
    {"vpbroadcastq", 1, 8, whole, repeat<8>},
    {"vbroadcastss", 1, 4, whole, repeat<4>},
    {"vbroadcasti32x4", 1, 4, whole, repeat<16>},
    {"vbroadcastf32x4", 1, 4, whole, repeat<16>},
    {"vbroadcasti64x4", 1, 8, whole, repeat<32>},
    {"vbroadcastf64x4", 1, 8, whole, repeat<32>},
    {"vextractf128", 1, 4, imm, extract<16>},
    {"vextracti128", 1, 4, imm, extract<16>},
    {"vextractf32x4", 1, 4, imm, extract<16>},
    {"vextracti32x4", 1, 4, imm, extract<16>},
    {"vextractf32x8", 1, 4, imm, extract<32>},
    {"vextracti32x8", 1, 4, imm, extract<32>},
    {"vextractf64x4", 1, 8, imm, extract<32>},
    {"vextracti64x4", 1, 8, imm, extract<32>},
    {"vinsertf32x4", 2, 4, imm, insert<16>},
    {"vinserti32x4", 2, 4, imm, insert<16>},
    {"vinsertf64x4", 2, 8, imm, insert<32>},
    {"vinserti64x4", 2, 8, imm, insert<32>},
};

}  // namespace

std::span<const VectorRow> shuffle_rows() { return rows; }

}  // namespace tilejit::x86::emulator
