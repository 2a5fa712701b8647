// Buffers, and the elements that an instruction touches in them.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "ir/names.h"
#include "ir/print.h"
#include "ir/verify_rules.h"

namespace tilejit::ir {
namespace {

constexpr size_t most_dims = 5;
constexpr int64_t most_extent = std::numeric_limits<int32_t>::max();
constexpr int64_t most_elements = int64_t{1} << 40;   // at m = 1
constexpr int64_t most_own_bytes = int64_t{1} << 30;  // of a task's scratch or shared buffer

void check_extent(const Extent& e, const Report& report) {
  const bool inside = e.constant >= -most_extent && e.constant <= most_extent && e.per >= 0 && e.per <= most_extent &&
                      e.divisor >= 1 && e.divisor <= most_extent;
  if (!inside || e.constant + e.per < 1 || (e.per > 0 && e.constant < 0))
    report(fmt::format("dimension {} is not between 1 and {}", print(e), most_extent));
}

void check_size(const Buffer& buffer, const Report& report) {
  int64_t elements = 1;
  for (const Extent& e : buffer.dims) {
    if (!__builtin_mul_overflow(elements, e.constant + e.per, &elements) && elements <= most_elements) continue;
    report(fmt::format("more than {} elements", most_elements));
    return;
  }
  if (!buffer.is_parameter() && bytes_of(buffer.type, elements) > most_own_bytes)
    report(
        fmt::format("{} bytes of a task's own memory, more than {}", bytes_of(buffer.type, elements), most_own_bytes));
}

int32_t extent_of(const Slice& slice) { return slice.extent; }
int32_t extent_of(int32_t extent) { return extent; }
std::array<int32_t, 3> extents_of(const Shape& shape) { return {shape.rows, shape.cols, shape.depth}; }

template <typename Extents>
std::vector<int32_t> wide_extents(const Extents& extents) {
  std::vector<int32_t> wide;
  for (const auto& e : extents)
    if (extent_of(e) != 1) wide.push_back(extent_of(e));
  return wide;
}

/// Whether wide_extents of both are the same.
template <typename Extents, typename Others>
bool are_alike(const Extents& extents, const Others& others) {
  const auto is_wide = [](const auto& e) { return extent_of(e) != 1; };
  auto other = others.begin();
  for (const auto& e : extents) {
    if (!is_wide(e)) continue;
    other = std::find_if(other, others.end(), is_wide);
    if (other == others.end() || extent_of(*other) != extent_of(e)) return false;
    ++other;
  }
  return std::none_of(other, others.end(), is_wide);
}

/// A nibble shares its byte with a neighbour, which another task may be storing.
void check_whole_bytes(const Slice& last, const Report& report) {
  bool even = last.start.constant() % 2 == 0 && last.extent % 2 == 0;
  for (const Term& t : last.start) even &= t.coef % 2 == 0;
  if (!even)
    report("a u4 slice starts and ends on whole bytes: even start, coefficients and extent in the last dimension");
}

/// One slice against its dimension. An index that depends on m or on loaded values is rejected only if it is outside
/// whatever they are; the interpreter checks the others as they run.
void check_inside(const Slice& slice, const Interval& start, const Extent& dim, size_t number, const Ranges& ranges,
                  const Report& report) {
  const bool may_pass_end = dim.is_constant() && start.hi + slice.extent > dim.constant;
  if (start.lo >= 0 && !may_pass_end) return;  // most slices; a sharper end is slower to find
  const bool below = start.fixed ? start.lo < 0 : start.hi < 0;
  const int64_t last = (start.fixed ? ranges.upper(slice.start) : start.lo) + slice.extent - 1;
  const bool above = dim.is_constant() && last >= dim.constant;
  if (below || above)
    report(fmt::format("elements {}..{} of dimension {} are not all inside 0..{}", start.lo, last, number,
                       dim.is_constant() ? fmt::format("{}", dim.constant - 1) : print(dim) + "-1"));
}

struct Access {
  const Buffer& buffer;
  const std::vector<Slice>& slices;
  bool may_leave;  // clipped, or a hint
};

void check_slices(const Access& access, const Ranges& ranges, const Report& report) {
  const Buffer& buffer = access.buffer;
  if (access.slices.size() != buffer.dims.size()) {
    report(
        fmt::format("{} slices for the {} dimensions of %{}", access.slices.size(), buffer.dims.size(), buffer.name));
    return;
  }
  for (size_t d = 0; d < buffer.dims.size(); ++d) {
    const Slice& slice = access.slices[d];
    if (slice.extent < 1) report(fmt::format("the extent of slice {} is {}, not positive", d, slice.extent));
    const Interval start = ranges.of(slice.start);
    if (!start.fits())
      report(fmt::format("the start of slice {} may leave 64 bits", d));
    else if (!access.may_leave && !ranges.is_dead())
      check_inside(slice, start, buffer.dims[d], d, ranges, report);
  }
  if (buffer.type == Type::u4 && !buffer.dims.empty()) check_whole_bytes(access.slices.back(), report);
}

template <typename Wanted>
void check_extents(const std::vector<Slice>& slices, const Wanted& wanted, std::string_view whose,
                   const Report& report) {
  if (!are_alike(slices, wanted))
    report(fmt::format("the slice's extents above 1 are [{}], {} are [{}]", fmt::join(wide_extents(slices), ","), whose,
                       fmt::join(wide_extents(wanted), ",")));
}

void check_moved_tile(const Buffer& buffer, const std::vector<Slice>& slices, const TileType& tile,
                      const Report& report) {
  if (tile.type != buffer.type)
    report(fmt::format("the tile is {}, %{} is {}: convert first", to_string(tile.type), buffer.name,
                       to_string(buffer.type)));
  if (slices.size() == buffer.dims.size()) check_extents(slices, extents_of(tile.shape), "the tile's", report);
}

void check_copy(const Kernel& kernel, const Instr& instr, const Ranges& ranges, const Report& report) {
  const Buffer& to = kernel.buffer(instr.buffer);
  const Buffer& from = kernel.buffer(instr.source);
  if (to.space != Space::shared)
    report(fmt::format("async_copy writes shared memory, %{} is {}", to.name, to_string(to.space)));
  if (!from.is_parameter())
    report(fmt::format("async_copy reads global or workspace memory, %{} is {}", from.name, to_string(from.space)));
  if (to.type != from.type)
    report(fmt::format("async_copy keeps the type, %{} is {} and %{} is {}", to.name, to_string(to.type), from.name,
                       to_string(from.type)));
  check_slices({from, instr.source_slices, false}, ranges, report);
  check_extents(instr.slices, instr.source_slices, "the source's", report);
}

}  // namespace

void check_buffer(const Buffer& buffer, const Report& report) {
  if (!is_identifier(buffer.name)) report("the name is not a word of letters, digits and _");
  if (buffer.type == Type::index) report("a buffer does not hold indices");
  if (buffer.dims.empty() || buffer.dims.size() > most_dims)
    report(fmt::format("{} dimensions, a buffer has 1 to {}", buffer.dims.size(), most_dims));
  bool sound = true;
  for (const Extent& e : buffer.dims)
    check_extent(e, [&](std::string rule) {
      sound = false;
      report(std::move(rule));
    });
  if (sound) check_size(buffer, report);
  const bool even = buffer.dims.empty() || (buffer.dims.back().constant % 2 == 0 && buffer.dims.back().per % 2 == 0);
  if (buffer.type == Type::u4 && !even) report("the last dimension of u4 is even, so that rows start on whole bytes");
  if (buffer.strided && (buffer.space != Space::global || buffer.dims.size() != 2))
    report("only a global buffer of two dimensions can be strided");
  if (!buffer.is_parameter())
    for (const Extent& e : buffer.dims)
      if (!e.is_constant()) report(fmt::format("a {} buffer has constant dimensions", to_string(buffer.space)));
}

void check_access(const Kernel& kernel, const Instr& instr, const Ranges& ranges, const Report& report) {
  if (info(instr.op).kind != OpClass::memory) return;
  const Buffer& buffer = kernel.buffer(instr.buffer);
  check_slices({buffer, instr.slices, instr.clip || instr.op == Op::prefetch}, ranges, report);
  if (instr.op == Op::load) check_moved_tile(buffer, instr.slices, kernel.value(instr.dst).tile, report);
  if (instr.op == Op::store) check_moved_tile(buffer, instr.slices, kernel.value(instr.args[0]).tile, report);
  if (instr.op == Op::async_copy) check_copy(kernel, instr, ranges, report);
  if (instr.op == Op::load_index && buffer.type != Type::i32)
    report(fmt::format("an index is loaded from i32, %{} is {}", buffer.name, to_string(buffer.type)));
  if (instr.op == Op::load_index && !wide_extents(instr.slices).empty()) report("an index is one element");
}

}  // namespace tilejit::ir
