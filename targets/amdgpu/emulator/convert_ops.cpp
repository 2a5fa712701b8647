// Conversions between types.
#include <algorithm>
#include <cmath>

#include "targets/amdgpu/emulator/half.h"
#include "targets/amdgpu/emulator/vector_row.h"

namespace tilejit::amdgpu::emulator {
namespace {

using namespace vector_flag;
using u32 = uint32_t;
using i32 = int32_t;

/// Truncated and saturated; NaN gives 0.
template <typename To, typename From>
To truncated(From x) {
  if (std::isnan(x)) return 0;
  const double limit_low = static_cast<double>(std::numeric_limits<To>::min());
  const double limit_high = static_cast<double>(std::numeric_limits<To>::max());
  return static_cast<To>(std::clamp(std::trunc(static_cast<double>(x)), limit_low, limit_high));
}
template <int byte>
float from_byte(u32 x) {
  return static_cast<float>((x >> (8 * byte)) & 0xff);
}
/// A signed nibble of sixteenths.
float from_nibble(u32 x) { return static_cast<float>(static_cast<i32>(x << 28) >> 28) * 0.0625F; }
u32 pair_of(uint16_t low, uint16_t high) { return u32{low} | u32{high} << 16; }
u32 pack_toward_zero(float a, float b) { return pair_of(to_f16_toward_zero(a), to_f16_toward_zero(b)); }
u32 pack_bf16(float a, float b) { return pair_of(to_bf16(a), to_bf16(b)); }
u32 pack_f16(float a, float b) { return pair_of(to_f16(a), to_f16(b)); }
u32 pack_i16(i32 a, i32 b) {
  const auto limit = [](i32 x) { return static_cast<uint16_t>(std::clamp(x, -32768, 32767)); };
  return pair_of(limit(a), limit(b));
}
u32 pack_u16(u32 a, u32 b) {
  const auto limit = [](u32 x) { return static_cast<uint16_t>(std::min(x, 65535U)); };
  return pair_of(limit(a), limit(b));
}
u32 pack_u8(float x, u32 byte, u32 old) {
  const u32 shift = 8 * (byte & 3);
  const auto value = static_cast<u32>(std::isnan(x) ? 0 : std::clamp(std::nearbyint(x), 0.0F, 255.0F));
  return (old & ~(0xffU << shift)) | value << shift;
}

constexpr VectorRow rows[] = {
    lanewise<[](i32 a) { return static_cast<float>(a); }>("v_cvt_f32_i32"),
    lanewise<[](u32 a) { return static_cast<float>(a); }>("v_cvt_f32_u32"),
    lanewise<truncated<i32, float>>("v_cvt_i32_f32"),
    lanewise<truncated<u32, float>>("v_cvt_u32_f32"),
    lanewise<[](float a) { return truncated<i32>(std::floor(a + 0.5)); }>("v_cvt_rpi_i32_f32"),
    lanewise<[](float a) { return truncated<i32>(std::floor(a + 0.5)); }>("v_cvt_nearest_i32_f32"),
    lanewise<[](float a) { return truncated<i32>(std::floor(a)); }>("v_cvt_flr_i32_f32"),
    lanewise<[](float a) { return truncated<i32>(std::floor(a)); }>("v_cvt_floor_i32_f32"),
    lanewise<from_byte<0>>("v_cvt_f32_ubyte0"),
    lanewise<from_byte<1>>("v_cvt_f32_ubyte1"),
    lanewise<from_byte<2>>("v_cvt_f32_ubyte2"),
    lanewise<from_byte<3>>("v_cvt_f32_ubyte3"),
    lanewise<from_nibble>("v_cvt_off_f32_i4"),
    lanewise<[](F16 a) { return from_f16(a.bits); }>("v_cvt_f32_f16"),
    lanewise<[](float a) { return F16{to_f16(a)}; }>("v_cvt_f16_f32"),
    lanewise<[](Bf16 a) { return from_bf16(a.bits); }>("v_cvt_f32_bf16"),
    lanewise<[](float a) { return Bf16{to_bf16(a)}; }>("v_cvt_bf16_f32"),
    lanewise<[](int16_t a) { return F16{to_f16(a)}; }>("v_cvt_f16_i16"),
    lanewise<[](uint16_t a) { return F16{to_f16(a)}; }>("v_cvt_f16_u16"),
    lanewise<[](F16 a) { return truncated<int16_t>(from_f16(a.bits)); }>("v_cvt_i16_f16"),
    lanewise<[](F16 a) { return truncated<uint16_t>(from_f16(a.bits)); }>("v_cvt_u16_f16"),
    lanewise<[](int16_t a) { return static_cast<i32>(a); }>("v_cvt_i32_i16"),
    lanewise<[](uint16_t a) { return static_cast<u32>(a); }>("v_cvt_u32_u16"),
    lanewise<pack_toward_zero>("v_cvt_pkrtz_f16_f32"),
    lanewise<pack_toward_zero>("v_cvt_pk_rtz_f16_f32"),
    lanewise<pack_f16>("v_cvt_pk_f16_f32"),
    lanewise<pack_bf16>("v_cvt_pk_bf16_f32"),
    lanewise<pack_i16>("v_cvt_pk_i16_i32"),
    lanewise<pack_u16>("v_cvt_pk_u16_u32"),
    lanewise<pack_u8>("v_cvt_pk_u8_f32"),
    lanewise<[](float a) { return static_cast<double>(a); }>("v_cvt_f64_f32"),
    lanewise<[](double a) { return static_cast<float>(a); }>("v_cvt_f32_f64"),
    lanewise<[](i32 a) { return static_cast<double>(a); }>("v_cvt_f64_i32"),
    lanewise<[](u32 a) { return static_cast<double>(a); }>("v_cvt_f64_u32"),
    lanewise<truncated<i32, double>>("v_cvt_i32_f64"),
    lanewise<truncated<u32, double>>("v_cvt_u32_f64"),
};

}  // namespace

std::span<const VectorRow> convert_rows() { return rows; }

}  // namespace tilejit::amdgpu::emulator
