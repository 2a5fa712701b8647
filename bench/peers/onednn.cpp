// oneDNN: matmul with weights of 4 or 8 bits decompressed inside, int8 products, and dense ones. It is kept to
// the instructions that Zen has too (no AMX) unless ONEDNN_MAX_CPU_ISA says otherwise, and its reference code is not
// measured.
#include <fmt/format.h>
#include <omp.h>

#include <cstdlib>
#include <map>
#include <oneapi/dnnl/dnnl.hpp>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "bench/peers/peer.h"

namespace tilejit::peers {
namespace {

using DataType = dnnl::memory::data_type;
using Tag = dnnl::memory::format_tag;
using Arguments = std::unordered_map<int, dnnl::memory>;

/// A multiplication by its types.
struct Kind {
  Form a;
  DataType src;
  DataType weights;
  DataType scales;  // undef: none
  bool has_zeros;
};
struct Layout {
  const char* name;
  Tag tag;
};
constexpr Layout layouts[] = {{"any", Tag::any}, {"[k][n]", Tag::ab}, {"[n][k]", Tag::ba}};
constexpr int weights_scales = DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS;
constexpr int weights_zeros = DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_WEIGHTS;
constexpr int src_zeros = DNNL_ARG_ATTR_ZERO_POINTS | DNNL_ARG_SRC;

struct Layer {
  const PlainWeights* weights;
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
  std::map<std::string, std::shared_ptr<WalkedCopies>> packed;  // by source type and memory descriptor
};

DataType data_type(Type type) {
  return type == Type::bf16 ? DataType::bf16 : type == Type::f16 ? DataType::f16 : DataType::f32;
}

std::string_view name_of(DataType type) {
  switch (type) {
    case DataType::bf16: return "bf16";
    case DataType::f16: return "f16";
    case DataType::s8: return "s8";
    case DataType::u8: return "u8";
    case DataType::s4: return "s4";
    case DataType::u4: return "u4";
    default: return "f32";
  }
}

bool has_zeros(const Problem& problem) {
  return problem.zp == ZeroDomain::integer || problem.zero != 1 << (problem.weight_bits() - 1);
}

std::vector<Kind> kinds_of(const Problem& problem) {
  const DataType a = data_type(problem.a);
  if (!problem.has_scales()) return {{Form::given, a, a, DataType::undef, false}};
  const bool zeros = has_zeros(problem);
  const bool is_4_bit = problem.weight_bits() == 4;
  const DataType weights = is_4_bit ? (zeros ? DataType::u4 : DataType::s4) : (zeros ? DataType::u8 : DataType::s8);
  if (!problem.quantizes_rows()) return {{Form::given, a, weights, data_type(problem.s), zeros}};
  return {{Form::s8, DataType::s8, weights, DataType::f32, zeros},
          {Form::u8, DataType::u8, weights, DataType::f32, zeros}};
}

/// What oneDNN reorders: [k][n], weights of 4 bits as floats (it packs no nibbles from bytes or nibbles).
struct PlainBytes {
  DataType type;
  std::vector<std::byte> data;
};

PlainBytes plain_bytes(const PlainWeights& weights, DataType type) {
  const auto bytes = [](const auto& values) {
    const auto span = std::as_bytes(std::span(values));
    return std::vector<std::byte>(span.begin(), span.end());
  };
  switch (type) {
    case DataType::u4: return {DataType::f32, bytes(std::vector<float>(weights.u.begin(), weights.u.end()))};
    case DataType::s4: {
      const std::vector<int8_t> integers = signed_bytes(weights);
      return {DataType::f32, bytes(std::vector<float>(integers.begin(), integers.end()))};
    }
    case DataType::u8: return {DataType::u8, bytes(weights.u)};
    case DataType::s8: return {DataType::s8, bytes(signed_bytes(weights))};
    default: return {type, as_type(weights.values, weights.problem.a)};
  }
}

/// Groups along k, or one scale for each channel.
dnnl::memory::dims groups_of(const Problem& problem) {
  return problem.group == -1 ? dnnl::memory::dims{} : dnnl::memory::dims{problem.group, 1};
}

dnnl::primitive_attr attributes(const Problem& problem, const Kind& kind) {
  constexpr int per_channel = 1 << 1;
  constexpr int per_group_and_channel = 1 << 0 | per_channel;
  const int mask = problem.group == -1 ? per_channel : per_group_and_channel;
  dnnl::primitive_attr attr;
  if (kind.scales != DataType::undef) attr.set_scales(DNNL_ARG_WEIGHTS, mask, groups_of(problem), kind.scales);
  if (kind.has_zeros) attr.set_zero_points(DNNL_ARG_WEIGHTS, mask, groups_of(problem), DataType::u8);
  if (kind.a == Form::u8) attr.set_zero_points_mask(DNNL_ARG_SRC, 0);
  if (kind.a == Form::given && kind.scales != DataType::undef) {
    const auto math = kind.src == DataType::bf16  ? dnnl::fpmath_mode::bf16
                      : kind.src == DataType::f16 ? dnnl::fpmath_mode::f16
                                                  : dnnl::fpmath_mode::strict;
    attr.set_fpmath_mode(math, true);  // true: integer weights become floats
  }
  return attr;
}

std::vector<std::byte> reordered(Layer& layer, const Kind& kind, const dnnl::memory::desc& wanted) {
  const Problem& problem = layer.weights->problem;
  PlainBytes plain = plain_bytes(*layer.weights, kind.weights);
  dnnl::memory from({{problem.k, problem.n}, plain.type, Tag::ab}, layer.engine, plain.data.data());
  std::vector<std::byte> packed(wanted.get_size());
  dnnl::memory to(wanted, layer.engine, packed.data());
  dnnl::reorder(from, to).execute(layer.stream, from, to);
  layer.stream.wait();
  return packed;
}

Result<std::shared_ptr<WalkedCopies>> pack(Layer& layer, const Kind& kind, dnnl::memory::desc wanted) {
  const std::vector<uint8_t> blob = wanted.get_blob();
  std::string key(name_of(kind.src));
  key.append(blob.begin(), blob.end());
  std::shared_ptr<WalkedCopies>& packed = layer.packed[key];
  if (packed) return packed;
  const std::vector<std::byte> weights = reordered(layer, kind, wanted);
  const Type stored = kind.scales == DataType::bf16 ? Type::bf16 : kind.scales == DataType::f16 ? Type::f16 : Type::f32;
  const std::vector<std::byte> scales = as_type(layer.weights->scales, stored);
  const std::span<const std::byte> parts[] = {weights, scales, std::as_bytes(std::span(layer.weights->zeros))};
  packed = TRY(WalkedCopies::create(parts));
  return packed;
}

/// The arguments of a call for each copy of the weights.
std::vector<Arguments> arguments(const Layer& layer, const Kind& kind, const dnnl::matmul::primitive_desc& desc,
                                 const PlainActivations& a, const WalkedCopies& copies) {
  const Problem& problem = layer.weights->problem;
  const dnnl::memory::dims per_group = {problem.groups(), problem.n};
  const dnnl::memory::dims per_channel = {problem.n};
  const auto parameters = [&](DataType type) {
    return problem.group == -1 ? dnnl::memory::desc(per_channel, type, Tag::a)
                               : dnnl::memory::desc(per_group, type, Tag::ab);
  };
  const dnnl::memory middle(dnnl::memory::desc({1}, DataType::s32, Tag::a), layer.engine);
  *static_cast<int32_t*>(middle.get_data_handle()) = 128;
  std::vector<Arguments> all;
  for (int64_t copy = 0; copy < copies.count(); ++copy) {
    Arguments one;
    one.emplace(DNNL_ARG_SRC, dnnl::memory(desc.src_desc(), layer.engine, const_cast<void*>(a.data(kind.a))));
    one.emplace(DNNL_ARG_WEIGHTS, dnnl::memory(desc.weights_desc(), layer.engine, copies.part(copy, 0)));
    one.emplace(DNNL_ARG_DST, dnnl::memory(desc.dst_desc(), layer.engine, nullptr));
    if (kind.scales != DataType::undef)
      one.emplace(weights_scales, dnnl::memory(parameters(kind.scales), layer.engine, copies.part(copy, 1)));
    if (kind.has_zeros)
      one.emplace(weights_zeros, dnnl::memory(parameters(DataType::u8), layer.engine, copies.part(copy, 2)));
    if (kind.a == Form::u8) one.emplace(src_zeros, middle);
    all.push_back(std::move(one));
  }
  return all;
}

/// How far the arithmetic is from the product: floats of 16 bits round each weight.
double limit_of(const Kind& kind, Type out) {
  const bool rounds_weights = kind.a == Form::given && kind.src != DataType::f32 && kind.scales != DataType::undef;
  return rounding_of(out) + (rounds_weights ? rounding_of(kind.src == DataType::bf16 ? Type::bf16 : Type::f16) : 0);
}

/// Nothing where oneDNN has only reference code, or none at all.
Result<std::optional<PeerCall>> make_call(const std::shared_ptr<Layer>& layer, const Kind& kind, const Layout& layout,
                                          const PlainActivations& a) {
  const Problem& problem = layer->weights->problem;
  const dnnl::memory::desc src({a.m, a.k}, kind.src, Tag::ab);
  const dnnl::memory::desc weights({a.k, problem.n}, kind.weights, layout.tag);
  const dnnl::memory::desc dst({a.m, problem.n}, data_type(problem.out), Tag::ab);
  const dnnl::matmul::primitive_desc desc(layer->engine, src, weights, dst, attributes(problem, kind), true);
  if (!desc) return std::optional<PeerCall>();
  const std::string implementation = desc.impl_info_str();
  if (implementation.find("ref") != std::string::npos) return std::optional<PeerCall>();
  const auto copies = TRY(pack(*layer, kind, desc.weights_desc()));
  const auto call_arguments = std::make_shared<std::vector<Arguments>>(arguments(*layer, kind, desc, a, *copies));
  const dnnl::matmul primitive(desc);
  const auto run = [layer, copies, call_arguments, primitive](int64_t copy, void* out) {
    Arguments& one = (*call_arguments)[static_cast<size_t>(copy)];
    one.at(DNNL_ARG_DST).set_data_handle(out);
    try {
      primitive.execute(layer->stream, one);
      layer->stream.wait();
    } catch (const dnnl::error&) { return false; }
    return true;
  };
  return std::optional<PeerCall>(
      {.configuration = fmt::format("{} x {}{}, layout {}, {}", name_of(kind.src), name_of(kind.weights),
                                    kind.has_zeros ? " with zero points" : "", layout.name, implementation),
       .a = kind.a == Form::u8 ? Form::s8 : kind.a,  // the source's zero point takes the 128 off
       .out = problem.out,
       .rel_l2_limit = limit_of(kind, problem.out),
       .copies = copies->count(),
       .run = run});
}

Result<PeerCalls> make_calls(const std::shared_ptr<Layer>& layer, const PlainActivations& a) {
  PeerCalls all{.calls = {}, .reason = "only reference code, or none"};
  for (const Kind& kind : kinds_of(layer->weights->problem))
    for (const Layout& layout : layouts) {
      try {
        auto call = TRY(make_call(layer, kind, layout, a));
        if (call) all.calls.push_back(std::move(*call));
      } catch (const dnnl::error& error) { all.reason = error.message; }
    }
  return all;
}

}  // namespace

PeerLayer open_onednn(const PlainWeights& weights) {
  if (std::getenv("ONEDNN_MAX_CPU_ISA") == nullptr) (void)dnnl::set_max_cpu_isa(dnnl::cpu_isa::avx512_core_bf16);
  const auto layer = std::make_shared<Layer>(Layer{.weights = &weights, .packed = {}});
  const auto calls = [layer](const PlainActivations& a, int threads) {
    omp_set_num_threads(threads);  // a primitive is made for a number of threads
    return make_calls(layer, a);
  };
  const dnnl::version_t* version = dnnl::version();
  return {.name = fmt::format("oneDNN {}.{}.{}", version->major, version->minor, version->patch),
          .calls = calls,
          .use_threads = [](int threads) { omp_set_num_threads(threads); }};
}

}  // namespace tilejit::peers
