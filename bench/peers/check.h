// Is a peer's result right? Its outputs against the double reference of the product that its configuration computes,
// for some whole columns. What a peer rounds on the way is its own business: the limit says what its arithmetic can
// keep.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/peers/operands.h"
#include "bench/peers/peer.h"

namespace tilejit::peers {

struct Verdict {
  bool ok = false;
  double rel_l2 = 0;
  std::string worst;  // the first output far off, or empty
};

/// The reference of one layer and one m, computed once for each form of the activations.
class PeerReference {
 public:
  /// Both outlive it.
  PeerReference(const PlainWeights& weights, const PlainActivations& a);

  /// `out` is [m][n] of call.out. ok: rel_l2 within the call's limit and no output further off than eight times the
  /// limit of its own size or of the root mean square of all.
  Verdict compare(const PeerCall& call, const void* out);
  bool is_sampled() const;

 private:
  const std::vector<double>& values(Form form);  // [column][row]

  const PlainWeights* weights_;
  const PlainActivations* a_;
  std::vector<int64_t> columns_;
  std::map<Form, std::vector<double>> values_;
};

}  // namespace tilejit::peers
