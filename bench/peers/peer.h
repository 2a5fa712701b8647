// Other libraries that multiply the same matrices: what bench_linear --peers measures beside tilejit. One file per
// library holds all of its types; a library that CMake does not find is not named here, and nothing is needed to build
// without any.
#pragma once

#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/measure/machine.h"
#include "bench/peers/operands.h"

namespace tilejit::peers {

/// Packed weights again and again in memory that asks for huge pages, so that a walk over them reads memory and not a
/// cache.
class WalkedCopies {
 public:
  /// Each copy holds these parts, every one at a multiple of 64 bytes. `resource`: no memory.
  static Result<std::shared_ptr<WalkedCopies>> create(std::span<const std::span<const std::byte>> parts);

  int64_t count() const { return count_; }
  std::byte* part(int64_t copy, size_t part) const { return buffer_->data() + copy * stride_ + offsets_[part]; }

 private:
  std::unique_ptr<measure::HugeBuffer> buffer_;
  std::vector<int64_t> offsets_;
  int64_t stride_ = 0;
  int64_t count_ = 0;
};

/// One configuration of a library, ready to run: weights packed, everything set up for one m and one number of threads.
struct PeerCall {
  std::string configuration;  // "bf16 x s4, layout any, brg_matmul:avx512_core_bf16"
  Form a = Form::given;
  Type out = Type::f32;
  double rel_l2_limit = 0;  // what its arithmetic can keep
  int64_t copies = 1;
  /// Multiplies by one copy of the weights, into m dense rows. False: the library reports an error.
  std::function<bool(int64_t copy, void* out)> run;
};

struct PeerCalls {
  std::vector<PeerCall> calls;
  std::string reason;  // why there are none
};

/// A library that holds the weights of one layer.
struct PeerLayer {
  std::string name;  // with its version
  /// The configurations for these rows. The activations and the layer outlive them. Before one is run,
  /// use_threads(threads).
  std::function<Result<PeerCalls>(const PlainActivations& a, int threads)> calls;
  std::function<void(int threads)> use_threads;
};

/// Errors of outputs of this type, beside those of the arithmetic before.
inline double rounding_of(Type out) { return out == Type::bf16 ? 3e-3 : out == Type::f16 ? 1e-3 : 1e-5; }

struct PeerLibrary {
  std::string name;
  /// The weights outlive the layer.
  PeerLayer (*open)(const PlainWeights& weights);
};
/// Those that CMake found.
std::vector<PeerLibrary> peer_libraries();

PeerLayer open_onednn(const PlainWeights& weights);
PeerLayer open_aocl_dlp(const PlainWeights& weights);
PeerLayer open_openblas(const PlainWeights& weights);

}  // namespace tilejit::peers
