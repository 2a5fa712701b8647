#include "targets/amdgpu/layout.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "ir/check.h"

namespace tilejit::amdgpu {

Layout::Layout(ir::Shape shape, int word, std::vector<LaneBit> lanes)
    : shape_(shape), word_(word), lanes_(std::move(lanes)) {
  for (const Dim dim : {Dim::row, Dim::col, Dim::depth}) {
    const uint32_t size = static_cast<uint32_t>(extent(dim));
    uint32_t taken = 0;
    for (const LaneBit& lane : lanes_)
      if (!lane.copies && lane.dim == dim) taken |= 1U << lane.bit;
    const uint32_t unit = dim == Dim::depth ? static_cast<uint32_t>(word_) : 1;
    for (uint32_t at = 0; at < size; at += unit)
      if ((at & taken) == 0) parts(dim).push_back(static_cast<int>(at));
  }
}

int Layout::extent(Dim dim) const {
  return dim == Dim::row ? shape_.rows : dim == Dim::col ? shape_.cols : shape_.depth;
}

int Layout::registers() const {
  return static_cast<int>(parts(Dim::row).size() * parts(Dim::col).size() * parts(Dim::depth).size());
}

Coord Layout::register_part(int reg) const {
  const auto depths = static_cast<int>(parts(Dim::depth).size());
  const auto cols = static_cast<int>(parts(Dim::col).size());
  const auto part = [&](Dim dim, int i) { return parts(dim)[static_cast<size_t>(i)]; };
  return {part(Dim::row, reg / depths / cols), part(Dim::col, reg / depths % cols), part(Dim::depth, reg % depths)};
}

Coord Layout::lane_part(int lane) const {
  Coord at;
  for (size_t i = 0; i < lanes_.size(); ++i) {
    if (lanes_[i].copies || (lane >> i & 1) == 0) continue;
    (lanes_[i].dim == Dim::row ? at.row : lanes_[i].dim == Dim::col ? at.col : at.depth) += 1 << lanes_[i].bit;
  }
  return at;
}

int Layout::register_of(Coord part) const {
  size_t reg = 0;
  for (const Dim dim : {Dim::row, Dim::col, Dim::depth}) {
    const auto at = std::lower_bound(parts(dim).begin(), parts(dim).end(), part.of(dim));
    CHECK(at != parts(dim).end() && *at == part.of(dim), "no register holds this part of the tile");
    reg = reg * parts(dim).size() + static_cast<size_t>(at - parts(dim).begin());
  }
  return static_cast<int>(reg);
}

int Layout::lane_most(Dim dim) const { return lane_part((1 << lanes_.size()) - 1).of(dim); }

bool Layout::is_padded(int reg, Dim dim) const { return register_part(reg).of(dim) + lane_most(dim) >= extent(dim); }

uint32_t Layout::copy_mask() const {
  uint32_t mask = 0;
  for (size_t i = 0; i < lanes_.size(); ++i)
    if (lanes_[i].copies) mask |= 1U << i;
  return mask;
}

uint32_t Layout::lane_mask(Dim dim) const {
  uint32_t mask = 0;
  for (size_t i = 0; i < lanes_.size(); ++i)
    if (!lanes_[i].copies && lanes_[i].dim == dim) mask |= 1U << i;
  return mask;
}

Layout Layout::projected(ir::Shape shape, int word) const {
  std::vector<LaneBit> lanes = lanes_;
  const int extents[] = {shape.rows, shape.cols, shape.depth};
  for (LaneBit& lane : lanes)
    if (!lane.copies && extents[static_cast<size_t>(lane.dim)] == 1) lane = {};
  return {shape, word, std::move(lanes)};
}

int word_of(const ir::TileType& tile) { return std::min(tile.shape.depth, 32 / bits_of(tile.type)); }

Layout columns_layout(const ir::TileType& tile, int wave) {
  const int cols = tile.shape.cols;
  const int lane_bits = std::countr_zero(static_cast<unsigned>(wave));
  const int column_bits = static_cast<int>(std::bit_width(static_cast<unsigned>(cols - 1)));
  const int neighbours = cols % wave != 0 ? 0 : cols / wave % 4 == 0 ? 2 : cols / wave % 2 == 0 ? 1 : 0;
  std::vector<LaneBit> lanes(static_cast<size_t>(lane_bits));
  for (int i = 0; i < std::min(lane_bits, column_bits - neighbours); ++i)
    lanes[static_cast<size_t>(i)] = {false, Dim::col, i + neighbours};
  return {tile.shape, word_of(tile), std::move(lanes)};
}

}  // namespace tilejit::amdgpu
