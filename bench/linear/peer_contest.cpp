#include "bench/linear/peer_contest.h"

namespace tilejit::bench {

std::unique_ptr<PeerLayers> open_peers(const Copies& copies) {
  auto opened = std::make_unique<PeerLayers>();
  const auto comparable = peers::can_compare(copies.problem);
  if (!comparable) {
    opened->reason = comparable.error().message;
    return opened;
  }
  opened->weights = peers::plain_weights(copies.problem, copies.first);
  const std::vector<peers::PeerLibrary> libraries = peers::peer_libraries();
  for (const peers::PeerLibrary& library : libraries) opened->layers.push_back(library.open(opened->weights));
  if (libraries.empty())
    opened->reason = "no peer library was found when tilejit was built (README: Against other libraries)";
  return opened;
}

}  // namespace tilejit::bench
