#include "tools/tilejit/activations.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <utility>

namespace tilejit::command {

Result<std::optional<report::Matrix>> find_activations(const TensorSet& tensors, const std::string& layer, int64_t k) {
  const StoredTensor* tensor = tensors.find(layer + ".input");
  if (tensor == nullptr) return std::optional<report::Matrix>();
  const bool fits =
      tensor->dtype->type == Type::bf16 && tensor->shape.size() == 2 && tensor->shape[0] > 0 && tensor->shape[1] >= k;
  if (!fits)
    return invalid(fmt::format("{}: tensor {} is {} [{}], activations are BF16 [rows, {} or more]", tensor->file,
                               tensor->name, tensor->dtype->name, fmt::join(tensor->shape, ", "), k));
  report::Matrix rows{{}, Type::bf16, tensor->shape[0], k};
  const size_t stored_bytes = static_cast<size_t>(bytes_of(Type::bf16, tensor->shape[1]));
  for (int64_t r = 0; r < rows.rows; ++r) {
    const auto row =
        tensor->data.subspan(static_cast<size_t>(r) * stored_bytes).first(static_cast<size_t>(bytes_of(Type::bf16, k)));
    rows.data.insert(rows.data.end(), row.begin(), row.end());
  }
  return std::optional(std::move(rows));
}

}  // namespace tilejit::command
