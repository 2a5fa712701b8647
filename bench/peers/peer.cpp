#include "bench/peers/peer.h"

#include <fmt/format.h>

#include <cstring>

#include "bench/measure/walk.h"

namespace tilejit::peers {

Result<std::shared_ptr<WalkedCopies>> WalkedCopies::create(std::span<const std::span<const std::byte>> parts) {
  constexpr int64_t alignment = 64;
  auto copies = std::make_shared<WalkedCopies>();
  int64_t bytes = 0;
  for (const std::span<const std::byte>& part : parts) {
    copies->offsets_.push_back(bytes);
    bytes += (static_cast<int64_t>(part.size()) + alignment - 1) / alignment * alignment;
  }
  copies->stride_ = bytes;
  copies->count_ = measure::walk_copies(bytes);
  const auto all_bytes = static_cast<size_t>(copies->stride_ * copies->count_);
  copies->buffer_ = std::make_unique<measure::HugeBuffer>(all_bytes);
  if (copies->buffer_->data() == nullptr)
    return resource(fmt::format("--peers: no memory for {} bytes of a peer's weights", all_bytes));
  for (int64_t copy = 0; copy < copies->count_; ++copy)
    for (size_t i = 0; i < parts.size(); ++i)
      if (!parts[i].empty()) std::memcpy(copies->part(copy, i), parts[i].data(), parts[i].size());
  return copies;
}

std::vector<PeerLibrary> peer_libraries() {
  std::vector<PeerLibrary> found;
  if constexpr (TILEJIT_HAS_ONEDNN != 0) found.push_back({"oneDNN", open_onednn});
  if constexpr (TILEJIT_HAS_AOCL_DLP != 0) found.push_back({"AOCL-DLP", open_aocl_dlp});
  if constexpr (TILEJIT_HAS_OPENBLAS != 0) found.push_back({"OpenBLAS", open_openblas});
  return found;
}

}  // namespace tilejit::peers
