// bench_linear --peers: every library that was found, holding the weights of one of our problems.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/linear/contest.h"
#include "bench/peers/operands.h"
#include "bench/peers/peer.h"

namespace tilejit::bench {

/// The weights of a problem as the libraries hold them, or why no library runs it.
struct PeerLayers {
  peers::PlainWeights weights;
  std::vector<peers::PeerLayer> layers;
  std::string reason;  // empty: they run
};
/// The copies outlive it.
std::unique_ptr<PeerLayers> open_peers(const Copies& copies);

}  // namespace tilejit::bench
