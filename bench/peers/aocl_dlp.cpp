// AOCL-DLP: bf16 by weights of 4 bits (scales per group, zero points for unsigned ones), int8 by int8 with a scale per
// channel, and dense bf16 and f32. It needs AVX-512 (BF16 or VNNI); without, every call reports an error.
#include <aocl_dlp.h>
#include <fmt/format.h>

#include <map>

#include "bench/peers/peer.h"

namespace tilejit::peers {
namespace {

enum class Kind : uint8_t { bf16_s4, bf16_u4, s8_s8, u8_s8, bf16_bf16, f32_f32 };

struct Row {
  Kind kind;
  const char* name;
  Form a;
};
constexpr Row rows[] = {
    // in the order of Kind
    {Kind::bf16_s4, "bf16 x s4", Form::given},
    {Kind::bf16_u4, "bf16 x u4 with zero points", Form::given},
    {Kind::s8_s8, "s8 x s8", Form::s8},
    {Kind::u8_s8, "u8 x s8, the 128 not taken off", Form::u8},
    {Kind::bf16_bf16, "bf16 x bf16", Form::given},
    {Kind::f32_f32, "f32 x f32", Form::given},
};

struct Layer {
  const PlainWeights* weights;
  std::map<Kind, std::shared_ptr<WalkedCopies>> packed;
};

std::vector<Kind> kinds_of(const Problem& problem) {
  const bool is_bf16 = problem.a == Type::bf16 && problem.out != Type::f16;
  const bool is_plain = problem.zp == ZeroDomain::none && problem.zero == 1 << (problem.weight_bits() - 1);
  switch (problem.scheme) {
    case Scheme::w4a16:
      if (!is_bf16) return {};
      return is_plain ? std::vector{Kind::bf16_s4, Kind::bf16_u4} : std::vector{Kind::bf16_u4};
    case Scheme::w8a8:
      if (problem.out == Type::f16) return {};
      return {Kind::s8_s8, Kind::u8_s8};
    case Scheme::w16a16:
      if (problem.a == Type::f32 && problem.out == Type::f32) return {Kind::f32_f32};
      return is_bf16 ? std::vector{Kind::bf16_bf16} : std::vector<Kind>{};
    case Scheme::w8a16:
    case Scheme::w4a8: return {};
  }
  return {};
}

/// Reorders plain weights; empty where this CPU cannot.
template <typename Source, typename Size, typename Reorder>
std::vector<std::byte> reorder(const Problem& problem, const std::vector<Source>& plain, Size size_of,
                               Reorder function) {
  dlp_metadata_t metadata{};
  const size_t bytes = size_of('r', 'n', 'B', problem.k, problem.n, &metadata);
  std::vector<std::byte> packed(metadata.error_hndl.error_code == DLP_CLSC_SUCCESS ? bytes : 0);
  if (packed.empty()) return packed;
  function('r', 'n', 'B', reinterpret_cast<const std::byte*>(plain.data()), packed.data(), problem.k, problem.n,
           problem.n, &metadata);
  if (metadata.error_hndl.error_code != DLP_CLSC_SUCCESS) packed.clear();
  return packed;
}

/// The reorder function of a kind with pointers to bytes.
template <auto function, typename T>
void reorder_as(char order, char trans, char which, const std::byte* plain, std::byte* packed, md_t k, md_t n, md_t ldb,
                dlp_metadata_t* metadata) {
  function(order, trans, which, reinterpret_cast<const T*>(plain), reinterpret_cast<T*>(packed), k, n, ldb, metadata);
}

std::vector<std::byte> bytes_of_signed(const PlainWeights& weights) {
  const std::vector<int8_t> values = signed_bytes(weights);
  const auto bytes = std::as_bytes(std::span(values));
  return {bytes.begin(), bytes.end()};
}

std::vector<std::byte> reordered(const PlainWeights& w, Kind kind) {
  const Problem& p = w.problem;
  switch (kind) {
    case Kind::bf16_s4:
      return reorder(p, signed_nibbles(w), aocl_get_reorder_buf_size_bf16s4f32of32,
                     reorder_as<aocl_reorder_bf16s4f32of32, int8_t>);
    case Kind::bf16_u4:
      return reorder(p, unsigned_nibbles(w), aocl_get_reorder_buf_size_bf16s4f32of32,
                     reorder_as<aocl_reorder_bf16s4f32of32, int8_t>);
    case Kind::s8_s8:
      return reorder(p, bytes_of_signed(w), aocl_get_reorder_buf_size_s8s8s32os32,
                     reorder_as<aocl_reorder_s8s8s32os32, int8_t>);
    case Kind::u8_s8:
      return reorder(p, bytes_of_signed(w), aocl_get_reorder_buf_size_u8s8s32os32,
                     reorder_as<aocl_reorder_u8s8s32os32, int8_t>);
    case Kind::bf16_bf16:
      return reorder(p, as_type(w.values, Type::bf16), aocl_get_reorder_buf_size_bf16bf16f32of32,
                     reorder_as<aocl_reorder_bf16bf16f32of32, bfloat16>);
    case Kind::f32_f32:
      return reorder(p, as_type(w.values, Type::f32), aocl_get_reorder_buf_size_f32f32f32of32,
                     reorder_as<aocl_reorder_f32f32f32of32, float>);
  }
  return {};
}

/// Scales keep bf16 and widen f16, which the library does not read.
Type scale_type(const Problem& problem) {
  return problem.s == Type::bf16 && !problem.quantizes_rows() ? Type::bf16 : Type::f32;
}

/// Null where this CPU cannot.
Result<std::shared_ptr<WalkedCopies>> pack(Layer& layer, Kind kind) {
  const auto found = layer.packed.find(kind);
  if (found != layer.packed.end()) return found->second;
  const std::vector<std::byte> weights = reordered(*layer.weights, kind);
  if (weights.empty()) return layer.packed[kind] = nullptr;
  const std::vector<std::byte> scales = as_type(layer.weights->scales, scale_type(layer.weights->problem));
  const std::span<const std::byte> parts[] = {weights, scales, std::as_bytes(std::span(layer.weights->zeros))};
  return layer.packed[kind] = TRY(WalkedCopies::create(parts));
}

/// What the library reads beside the matrices, for one copy of the weights.
struct Metadata {
  dlp_sf_t scales{};
  dlp_zp_t zeros{};
  dlp_pre_op before{};
  dlp_scale_t after{};
  DLP_POST_OP_TYPE order = SCALE;
  dlp_metadata_t all{};
};

void fill(Metadata& metadata, const Problem& problem, Kind kind, std::byte* scales, std::byte* zeros) {
  const DLP_TYPE type = scale_type(problem) == Type::bf16 ? DLP_BF16 : DLP_F32;
  const md_t count = problem.groups() * problem.n;
  metadata.scales = {scales, count, type, DLP_PARAM_DIM_PER_CHANNEL};
  metadata.zeros = {zeros, count, DLP_S8};
  switch (kind) {
    case Kind::bf16_s4:
    case Kind::bf16_u4:
      metadata.before = {kind == Kind::bf16_u4 ? &metadata.zeros : nullptr, &metadata.scales, 1,
                         problem.group == -1 ? 0 : problem.group};
      metadata.all.pre_ops = &metadata.before;
      break;
    case Kind::s8_s8:
    case Kind::u8_s8:
      metadata.after = {&metadata.scales, nullptr};
      metadata.all.scale = &metadata.after;
      metadata.all.seq_length = 1;
      metadata.all.seq_vector = &metadata.order;
      break;
    case Kind::bf16_bf16:
    case Kind::f32_f32: break;
  }
}

/// The matrices of a call, packed weights by their address.
struct Matrices {
  md_t m, n, k;
  const void* a;
  const std::byte* weights;
  void* out;
};

/// One of the library's functions, which all have these arguments and differ in the types.
template <typename A, typename W, typename Out, typename Scalar>
void multiply(void (*function)(char, char, char, md_t, md_t, md_t, Scalar, const A*, md_t, char, const W*, md_t, char,
                               Scalar, Out*, md_t, dlp_metadata_t*),
              const Matrices& x, dlp_metadata_t* metadata) {
  function('r', 'n', 'n', x.m, x.n, x.k, 1, static_cast<const A*>(x.a), x.k, 'n', reinterpret_cast<const W*>(x.weights),
           x.n, 'r', 0, static_cast<Out*>(x.out), x.n, metadata);
}

void run_kind(Kind kind, Type out, const Matrices& x, dlp_metadata_t* metadata) {
  const bool is_f32 = out == Type::f32;
  switch (kind) {
    case Kind::bf16_s4:
      return is_f32 ? multiply(aocl_gemm_bf16s4f32of32, x, metadata) : multiply(aocl_gemm_bf16s4f32obf16, x, metadata);
    case Kind::bf16_u4:
      return is_f32 ? multiply(aocl_gemm_bf16u4f32of32, x, metadata) : multiply(aocl_gemm_bf16u4f32obf16, x, metadata);
    case Kind::s8_s8:
      return is_f32 ? multiply(aocl_gemm_s8s8s32of32, x, metadata) : multiply(aocl_gemm_s8s8s32obf16, x, metadata);
    case Kind::u8_s8:
      return is_f32 ? multiply(aocl_gemm_u8s8s32of32, x, metadata) : multiply(aocl_gemm_u8s8s32obf16, x, metadata);
    case Kind::bf16_bf16:
      return is_f32 ? multiply(aocl_gemm_bf16bf16f32of32, x, metadata)
                    : multiply(aocl_gemm_bf16bf16f32obf16, x, metadata);
    case Kind::f32_f32: return multiply(aocl_gemm_f32f32f32of32, x, metadata);
  }
}

Result<PeerCalls> make_calls(const std::shared_ptr<Layer>& layer, const PlainActivations& a) {
  const Problem& problem = layer->weights->problem;
  PeerCalls all{.calls = {}, .reason = "no such multiplication"};
  for (const Kind kind : kinds_of(problem)) {
    const Row& row = rows[static_cast<size_t>(kind)];
    const auto copies = TRY(pack(*layer, kind));
    if (!copies) {
      all.reason = "this CPU lacks AVX512_BF16 or AVX512_VNNI";
      continue;
    }
    const auto run = [=, &a, &problem](int64_t copy, void* out) {
      Metadata metadata;
      fill(metadata, problem, kind, copies->part(copy, 1), copies->part(copy, 2));
      run_kind(kind, problem.out, {a.m, problem.n, a.k, a.data(row.a), copies->part(copy, 0), out}, &metadata.all);
      return metadata.all.error_hndl.error_code == DLP_CLSC_SUCCESS;
    };
    const bool rounds_weights = kind == Kind::bf16_s4 || kind == Kind::bf16_u4;
    all.calls.push_back({.configuration = row.name,
                         .a = row.a,
                         .out = problem.out,
                         .rel_l2_limit = rounding_of(problem.out) + (rounds_weights ? rounding_of(Type::bf16) : 0),
                         .copies = copies->count(),
                         .run = run});
  }
  return all;
}

}  // namespace

PeerLayer open_aocl_dlp(const PlainWeights& weights) {
  const auto layer = std::make_shared<Layer>(Layer{&weights, {}});
  int major = 0;
  int minor = 0;
  int patch = 0;
  dlp_version_query(&major, &minor, &patch);
  return {.name = fmt::format("AOCL-DLP {}.{}.{}", major, minor, patch),
          .calls = [layer](const PlainActivations& a, int) { return make_calls(layer, a); },
          .use_threads = [](int threads) { dlp_thread_set_num_threads(threads); }};
}

}  // namespace tilejit::peers
