// v_cmp and v_cmpx: predicates times types.
#include <cmath>
#include <deque>
#include <string>
#include <vector>

#include "targets/amdgpu/emulator/half.h"
#include "targets/amdgpu/emulator/vector_row.h"

namespace tilejit::amdgpu::emulator {
namespace {

/// Which of less, equal, greater, unordered count; in the order of the opcodes.
struct Predicate {
  const char* name;
  uint8_t bits;  // 1 less, 2 equal, 4 greater, 8 unordered
};
constexpr Predicate integer_predicates[] = {{"f", 0},  {"lt", 1}, {"eq", 2}, {"le", 3},
                                            {"gt", 4}, {"ne", 5}, {"ge", 6}, {"t", 7}};
constexpr Predicate float_predicates[] = {{"f", 0},    {"lt", 1},   {"eq", 2},   {"le", 3},   {"gt", 4},   {"lg", 5},
                                          {"ge", 6},   {"o", 7},    {"u", 8},    {"nge", 9},  {"nlg", 10}, {"ngt", 11},
                                          {"nle", 12}, {"neq", 13}, {"nlt", 14}, {"tru", 15}, {"t", 15}};

template <typename T>
auto number(T x) {
  if constexpr (std::is_same_v<T, F16>)
    return from_f16(x.bits);
  else
    return x;
}

template <typename T>
void compare(Call& c) {
  const unsigned wanted = c.instr->row_index;
  uint64_t mask = 0;
  for (size_t lane = 0; lane < most_lanes; ++lane) {
    const auto a = number(get<T>(c, 0, lane));
    const auto b = number(get<T>(c, 1, lane));
    const unsigned found = a < b ? 1U : a == b ? 2U : a > b ? 4U : 8U;
    mask |= uint64_t{(found & wanted) != 0} << lane;
  }
  c.mask_out = mask;
}

/// Bits, from 0: signalling NaN, quiet NaN, -inf, -normal, -subnormal, -0, +0, +subnormal, +normal, +inf.
template <typename T>
uint32_t class_of(T x) {
  if (std::isnan(x)) {
    const uint64_t bits = std::bit_cast<uint64_t>(static_cast<double>(x));
    // Widening makes a NaN quiet, so the f32 bit is looked at before.
    if constexpr (sizeof(T) == 4) return (std::bit_cast<uint32_t>(x) & 0x400000U) != 0 ? 2 : 1;
    return (bits & (uint64_t{1} << 51)) != 0 ? 2 : 1;
  }
  const bool negative = std::signbit(x);
  if (std::isinf(x)) return negative ? 4 : 512;
  if (x == 0) return negative ? 32 : 64;
  if (std::fpclassify(x) == FP_SUBNORMAL) return negative ? 16 : 128;
  return negative ? 8 : 256;
}
bool has_class(float x, uint32_t mask) { return (class_of(x) & mask) != 0; }
bool has_class64(double x, uint32_t mask) { return (class_of(x) & mask) != 0; }
bool has_class16(F16 x, uint16_t mask) {
  const uint32_t magnitude = x.bits & 0x7fffU;
  if (magnitude > 0x7c00U) return ((magnitude & 0x200U) != 0 ? mask & 2U : mask & 1U) != 0;
  const bool is_small = magnitude != 0 && magnitude < 0x400U;
  const bool negative = (x.bits & 0x8000U) != 0;
  if (is_small) return (mask & (negative ? 16U : 128U)) != 0;
  return (class_of(from_f16(x.bits)) & mask) != 0;
}

struct Table {
  std::deque<std::string> names;  // what the rows' views show
  std::vector<VectorRow> rows;

  void add(const std::string& name, const VectorRow& pattern, uint8_t index) {
    for (const bool to_exec : {false, true}) {
      VectorRow row = pattern;
      row.mnemonic = names.emplace_back((to_exec ? "v_cmpx_" : "v_cmp_") + name);
      row.index = index;
      row.result = Value::none;
      row.gives_mask = true;
      row.flags = to_exec ? vector_flag::writes_exec : vector_flag::none;
      rows.push_back(row);
    }
  }
  template <typename T>
  void add_type(const char* type, std::span<const Predicate> predicates) {
    const VectorRow pattern = whole("", compare<T>, Value::none, {value_of<T>(), value_of<T>()});
    for (const Predicate& p : predicates) add(std::string(p.name) + "_" + type, pattern, p.bits);
  }
};

Table make_table() {
  Table t;
  t.add_type<int32_t>("i32", integer_predicates);
  t.add_type<uint32_t>("u32", integer_predicates);
  t.add_type<int64_t>("i64", integer_predicates);
  t.add_type<uint64_t>("u64", integer_predicates);
  t.add_type<int16_t>("i16", integer_predicates);
  t.add_type<uint16_t>("u16", integer_predicates);
  t.add_type<float>("f32", float_predicates);
  t.add_type<double>("f64", float_predicates);
  t.add_type<F16>("f16", float_predicates);
  t.add("class_f32", lanewise<has_class>(""), 0);
  t.add("class_f64", lanewise<has_class64>(""), 0);
  t.add("class_f16", lanewise<has_class16>(""), 0);
  return t;
}

}  // namespace

std::span<const VectorRow> compare_rows() {
  static const Table table = make_table();
  return table.rows;
}

}  // namespace tilejit::amdgpu::emulator
