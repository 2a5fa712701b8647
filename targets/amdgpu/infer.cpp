#include "targets/amdgpu/infer.h"

namespace tilejit::amdgpu {

Result<std::vector<Layout>> infer(const ir::Kernel& kernel, const GpuRow& row) {
  std::vector<Layout> layouts;
  layouts.reserve(kernel.values.size());
  for (const ir::ValueInfo& value : kernel.values)
    layouts.push_back(value.tile.type == Type::index ? Layout() : columns_layout(value.tile, row.wave));
  return layouts;
}

}  // namespace tilejit::amdgpu
