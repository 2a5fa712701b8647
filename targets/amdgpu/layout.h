// How the elements of a tile lie in the lanes and registers of a wave.
//
// Each bit of the lane number is a bit of the row, column or depth of an element, or of none: such lanes hold copies. What the
// lanes leave of a dimension lies in registers, numbered row-major (row, column, depth); a register holds `word` elements that
// follow one another in depth. A dimension that lanes share is padded to whole powers of two: elements at or beyond its extent
// are held by lanes but are not part of the tile.
#pragma once

#include <cstdint>
#include <vector>

#include "ir/ir.h"

namespace tilejit::amdgpu {

enum class Dim : uint8_t { row, col, depth };

struct LaneBit {
  bool copies = true;
  Dim dim = Dim::row;
  int bit = 0;
  bool operator==(const LaneBit&) const = default;
};

struct Coord {
  int row = 0;
  int col = 0;
  int depth = 0;
  int of(Dim dim) const { return dim == Dim::row ? row : dim == Dim::col ? col : depth; }
  bool operator==(const Coord&) const = default;
};

class Layout {
 public:
  Layout() = default;
  Layout(ir::Shape shape, int word, std::vector<LaneBit> lanes);

  const ir::Shape& shape() const { return shape_; }
  int extent(Dim dim) const;
  int word() const { return word_; }
  const std::vector<LaneBit>& lanes() const { return lanes_; }

  int registers() const;
  /// Of the first element of a register in the lanes that add nothing: its coordinates are these plus lane_part(lane).
  Coord register_part(int reg) const;
  Coord lane_part(int lane) const;
  /// The register whose part this is.
  int register_of(Coord part) const;

  /// The most that lanes add to a coordinate.
  int lane_most(Dim dim) const;
  /// Whether some lane's element of this register lies outside of the tile.
  bool is_padded(int reg, Dim dim) const;
  /// The lane bits whose lanes are copies.
  uint32_t copy_mask() const;
  /// The lane bits that are bits of this dimension.
  uint32_t lane_mask(Dim dim) const;

  /// The layout of a tile that is broadcast to this one: lanes along a dimension of extent 1 hold copies.
  Layout projected(ir::Shape shape, int word) const;

  bool operator==(const Layout&) const = default;

 private:
  std::vector<int>& parts(Dim dim) { return parts_[static_cast<size_t>(dim)]; }
  const std::vector<int>& parts(Dim dim) const { return parts_[static_cast<size_t>(dim)]; }

  ir::Shape shape_;
  int word_ = 1;
  std::vector<LaneBit> lanes_;
  std::vector<int> parts_[3];  // what registers add to each coordinate, ascending
};

/// Elements of a type that one register of at most 32 bits holds of a tile of this depth.
int word_of(const ir::TileType& tile);

/// Columns over lanes; two or four neighbouring columns in each where they are so many; rows and depth in registers. A tile of
/// one column is the same in all lanes.
Layout columns_layout(const ir::TileType& tile, int wave);

}  // namespace tilejit::amdgpu
