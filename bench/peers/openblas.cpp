// OpenBLAS: sgemm over weights widened to f32, the baseline of a library that knows no quantized weights.
#include <cblas.h>

#include <map>

#include "bench/peers/peer.h"

namespace tilejit::peers {
namespace {

/// The weights as [k][n] or as [n][k].
enum class Order : uint8_t { k_n, n_k };

struct Layer {
  const PlainWeights* weights;
  std::map<Order, std::shared_ptr<WalkedCopies>> packed;
};

std::vector<float> transposed(const std::vector<float>& values, int64_t n) {
  const int64_t k = static_cast<int64_t>(values.size()) / n;
  std::vector<float> result(values.size());
  for (int64_t i = 0; i < k; ++i)
    for (int64_t j = 0; j < n; ++j) result[static_cast<size_t>(j * k + i)] = values[static_cast<size_t>(i * n + j)];
  return result;
}

Result<std::shared_ptr<WalkedCopies>> pack(Layer& layer, Order order) {
  std::shared_ptr<WalkedCopies>& packed = layer.packed[order];
  if (packed) return packed;
  std::vector<float> values = f32_weights(*layer.weights);
  if (order == Order::n_k) values = transposed(values, layer.weights->problem.n);
  const std::span<const std::byte> parts[] = {std::as_bytes(std::span(values))};
  packed = TRY(WalkedCopies::create(parts));
  return packed;
}

Result<PeerCall> make_call(Layer& layer, const PlainActivations& a, Order order) {
  const auto copies = TRY(pack(layer, order));
  const auto m = static_cast<blasint>(a.m);
  const auto n = static_cast<blasint>(layer.weights->problem.n);
  const auto k = static_cast<blasint>(a.k);
  const auto run = [=, &a](int64_t copy, void* out) {
    const auto* w = reinterpret_cast<const float*>(copies->part(copy, 0));
    const bool is_k_n = order == Order::k_n;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, is_k_n ? CblasNoTrans : CblasTrans, m, n, k, 1, a.f32.data(), k, w,
                is_k_n ? n : k, 0, static_cast<float*>(out), n);
    return true;
  };
  return PeerCall{.configuration = order == Order::k_n ? "sgemm f32, weights [k][n]" : "sgemm f32, weights [n][k]",
                  .a = Form::f32,
                  .out = Type::f32,
                  .rel_l2_limit = rounding_of(Type::f32),
                  .copies = copies->count(),
                  .run = run};
}

/// "OpenBLAS 0.3.21 ...": its first two words.
std::string version() {
  const std::string text = openblas_get_config();
  return text.substr(0, text.find(' ', text.find(' ') + 1));
}

}  // namespace

PeerLayer open_openblas(const PlainWeights& weights) {
  const auto layer = std::make_shared<Layer>(Layer{&weights, {}});
  const auto calls = [layer](const PlainActivations& a, int) -> Result<PeerCalls> {
    PeerCalls all;
    for (const Order order : {Order::k_n, Order::n_k}) all.calls.push_back(TRY(make_call(*layer, a, order)));
    return all;
  };
  return {.name = version(), .calls = calls, .use_threads = [](int threads) { openblas_set_num_threads(threads); }};
}

}  // namespace tilejit::peers
