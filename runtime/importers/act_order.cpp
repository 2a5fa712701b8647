#include "runtime/importers/act_order.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "runtime/importers/layer_tensors.h"

namespace tilejit {

Result<void> apply_g_idx(const StoredTensor& g_idx, Layer& layer) {
  Weights& w = layer.weights;
  TRY(expect_type(g_idx, {Type::i32}));
  TRY(expect_shape(g_idx, {w.k}));
  std::vector<int32_t> group_of_k(static_cast<size_t>(w.k));
  std::memcpy(group_of_k.data(), g_idx.data.data(), g_idx.data.size());

  const int64_t groups = w.groups(), members = w.group == -1 ? w.k : w.group;
  std::vector<int64_t> count(static_cast<size_t>(groups));
  bool is_sorted = true;
  for (int64_t k = 0; k < w.k; ++k) {
    const int32_t group = group_of_k[static_cast<size_t>(k)];
    if (group < 0 || group >= groups)
      return bad_tensor(g_idx, fmt::format("entry {} is {}; there are {} groups", k, group, groups));
    ++count[static_cast<size_t>(group)];
    is_sorted = is_sorted && group == k / members;
  }
  if (is_sorted) return {};
  for (int64_t group = 0; group < groups; ++group)
    if (const int64_t wanted = std::min(members, w.k - group * members); count[static_cast<size_t>(group)] != wanted)
      return unsupported(fmt::format("g_idx gives group {} {} weights; act-order is read when it has {}", group,
                                     count[static_cast<size_t>(group)], wanted));

  std::vector<int64_t> next(static_cast<size_t>(groups));  // a stable counting sort
  for (int64_t group = 0; group < groups; ++group) next[static_cast<size_t>(group)] = group * members;
  std::vector<int32_t> perm(static_cast<size_t>(w.k));
  for (int64_t k = 0; k < w.k; ++k)
    perm[static_cast<size_t>(next[static_cast<size_t>(group_of_k[static_cast<size_t>(k)])]++)] =
        static_cast<int32_t>(k);
  w.perm = keep(w, std::move(perm));
  layer.group_of_k = std::move(group_of_k);
  layer.format += "+act_order";
  return {};
}

}  // namespace tilejit
