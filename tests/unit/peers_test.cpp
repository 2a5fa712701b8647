// The comparison with other libraries: what counts as a right result, and that each library that was found multiplies
// the same operands. AOCL-DLP and some products of oneDNN need AVX-512: where it is missing their errors are printed,
// and a library that runs nothing is skipped.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "bench/peers/check.h"
#include "bench/peers/operands.h"
#include "bench/peers/peer.h"
#include "targets/targets.h"
#include "tools/report/operands.h"

namespace tilejit::peers {
namespace {

struct Layer {
  Problem problem;
  Weights weights;
  PlainWeights plain;
  PlainActivations a;

  Layer(const std::string& line, int64_t m)
      : problem(*parse_problem(line)), weights(report::random_weights(problem, 1)),
        plain(plain_weights(problem, weights)),
        a(plain_activations(problem, report::random_matrix(problem.a, m, problem.k, 2))) {}
};

/// The product of `f32_weights` with the activations in double.
std::vector<float> product(const Layer& layer) {
  const std::vector<float> w = f32_weights(layer.plain);
  const auto n = static_cast<size_t>(layer.problem.n);
  const auto k = static_cast<size_t>(layer.problem.k);
  std::vector<float> out;
  for (size_t r = 0; r < static_cast<size_t>(layer.a.m); ++r)
    for (size_t j = 0; j < n; ++j) {
      double sum = 0;
      for (size_t i = 0; i < k; ++i) sum += static_cast<double>(layer.a.f32[r * k + i]) * w[i * n + j];
      out.push_back(static_cast<float>(sum));
    }
  return out;
}

PeerCall f32_call() {
  return {.configuration = "test", .a = Form::f32, .out = Type::f32, .rel_l2_limit = 1e-5, .run = {}};
}

TEST(Peers, ThePlainOperandsMultiplyToTheReference) {
  for (const char* line :
       {"w4a16 n=48 k=100 a=f32 g=32 dot=fma ks=1", "w4a16 n=48 k=64 a=bf16 g=16 zp=int dot=fma ks=1",
        "w8a16 n=48 k=64 a=f32 zp=int dot=fma ks=1", "w16a16 n=48 k=64 a=bf16 dot=fma ks=1"}) {
    const Layer layer(line, 3);
    const std::vector<float> out = product(layer);
    const Verdict verdict = PeerReference(layer.plain, layer.a).compare(f32_call(), out.data());
    EXPECT_TRUE(verdict.ok) << line << ": " << verdict.worst;
    EXPECT_LT(verdict.rel_l2, 1e-6) << line;
  }
}

TEST(Peers, AWrongOutputIsNamed) {
  const Layer layer("w4a16 n=48 k=64 a=f32 g=16 dot=fma ks=1", 3);
  std::vector<float> out = product(layer);
  out[48 + 5] += 0.01f;
  const Verdict verdict = PeerReference(layer.plain, layer.a).compare(f32_call(), out.data());
  EXPECT_FALSE(verdict.ok);
  EXPECT_TRUE(verdict.worst.starts_with("out[1,5] = ")) << verdict.worst;
}

TEST(Peers, QuantizedRowsAreReferredToAsIntegers) {
  const Layer layer("w8a8 n=32 k=64 a=bf16 dot=i8 ks=1", 2);
  const std::vector<int8_t> w = signed_bytes(layer.plain);
  std::vector<float> out;
  for (size_t r = 0; r < 2; ++r)
    for (size_t n = 0; n < 32; ++n) {
      double sum = 0;
      for (size_t k = 0; k < 64; ++k) sum += (layer.a.s8[r * 64 + k] + 128.0) * w[k * 32 + n];
      out.push_back(static_cast<float>(sum * layer.plain.scales[n]));
    }
  PeerReference reference(layer.plain, layer.a);
  PeerCall call = f32_call();
  call.a = Form::u8;
  EXPECT_TRUE(reference.compare(call, out.data()).ok);
  call.a = Form::s8;
  EXPECT_FALSE(reference.compare(call, out.data()).ok);
  const auto [low, high] = std::minmax_element(layer.a.s8.begin(), layer.a.s8.end());
  EXPECT_EQ(std::max(-*low, int{*high}), 127);
}

TEST(Peers, WhatNoPeerHasIsRefusedByName) {
  for (const char* line : {"w4a16 n=32 k=64 epilogue=relu", "w4a16 n=32 k=64 perm=1", "w4a16 n=32 k=64 zp=float"})
    EXPECT_FALSE(can_compare(*parse_problem(line)).ok()) << line;
  EXPECT_TRUE(can_compare(*parse_problem("w4a8 n=32 k=64 g=32 zp=int")).ok());
}

TEST(Peers, CopiesOfWeightsAreEqualAndAligned) {
  const std::vector<std::byte> first(100, std::byte{7});
  const std::vector<std::byte> second(30, std::byte{9});
  const std::span<const std::byte> parts[] = {first, second};
  const auto copies = WalkedCopies::create(parts);
  ASSERT_TRUE(copies);
  ASSERT_GT((*copies)->count(), 1);
  const int64_t last = (*copies)->count() - 1;
  EXPECT_TRUE(std::equal(first.begin(), first.end(), (*copies)->part(last, 0)));
  EXPECT_TRUE(std::equal(second.begin(), second.end(), (*copies)->part(last, 1)));
  EXPECT_EQ(reinterpret_cast<uintptr_t>((*copies)->part(last, 1)) % 64, 0u);
}

TEST(Peers, ARowThatIsNotFiniteIsQuantizedToZeros) {
  const Problem problem = *parse_problem("w8a8 n=16 k=4 a=f32 dot=i8 ks=1");
  report::Matrix a = report::random_matrix(Type::f32, 2, 4, 1);
  const float values[] = {1, -2, 3, std::numeric_limits<float>::infinity(), 0.5f, -1, 0.25f, 1};
  for (int64_t i = 0; i < 8; ++i) report::store_float(a.data.data(), Type::f32, i, values[i]);
  const PlainActivations plain = plain_activations(problem, a);
  EXPECT_EQ(plain.s8, (std::vector<int8_t>{0, 0, 0, 0, 64, -127, 32, 127}));
  EXPECT_EQ(plain.u8, (std::vector<uint8_t>{128, 128, 128, 128, 192, 1, 160, 255}));
}

/// Every call of a library that has the problem, on the last copy of its weights. Returns how many ran. One that
/// reports an error is printed, and a failure where the CPU has AVX-512.
int run_peer(const PeerLibrary& library, const std::string& line, int64_t m) {
  const Layer layer(line, m);
  PeerReference reference(layer.plain, layer.a);
  const PeerLayer opened = library.open(layer.plain);
  const auto calls = opened.calls(layer.a, 1);
  if (!calls) {
    ADD_FAILURE() << opened.name << ", " << line << ": " << calls.error().message;
    return 0;
  }
  if (calls->calls.empty()) fmt::print("{}, {}: none: {}\n", opened.name, line, calls->reason);
  opened.use_threads(1);
  int run = 0;
  for (const PeerCall& call : calls->calls) {
    const std::string name = fmt::format("{}, {}, {}, m={}", opened.name, call.configuration, line, m);
    std::vector<std::byte> out(static_cast<size_t>(m * layer.problem.n * 4), std::byte{0xff});
    if (!call.run(call.copies - 1, out.data())) {
      fmt::print("{}: the library reports an error\n", name);
      EXPECT_FALSE(find_target("host").ok()) << name << ": an error on a CPU with AVX-512";
      continue;
    }
    const Verdict verdict = reference.compare(call, out.data());
    EXPECT_TRUE(verdict.ok) << name << ": rel_l2 " << verdict.rel_l2 << " " << verdict.worst;
    ++run;
  }
  return run;
}

class PeersOf : public testing::TestWithParam<const char*> {};

TEST_P(PeersOf, TheLibraryMultipliesTheSameOperands) {
  const std::vector<PeerLibrary> found = peer_libraries();
  const auto library = std::find_if(found.begin(), found.end(), [](const auto& one) { return one.name == GetParam(); });
  if (library == found.end()) GTEST_SKIP() << GetParam() << " was not found when this was built";
  int run = 0;
  for (const char* line : {"w4a16 n=32 k=128 g=32 dot=fma ks=1", "w4a16 n=32 k=128 g=32 zp=int s=bf16 dot=fma ks=1",
                           "w4a8 n=32 k=128 g=32 dot=i8 ks=1", "w4a8 n=32 k=128 g=32 zp=int dot=i8 ks=1",
                           "w8a8 n=32 k=128 dot=i8 ks=1", "w8a16 n=32 k=128 g=32 a=f32 dot=fma ks=1",
                           "w16a16 n=32 k=128 dot=fma ks=1", "w16a16 n=32 k=128 a=f32 dot=fma ks=1"})
    for (const int64_t m : {1, 5}) run += run_peer(*library, line, m);
  if (const auto host = find_target("host"); run == 0 && !host)
    GTEST_SKIP() << GetParam() << " runs none of the problems here: " << host.error().message;
  EXPECT_GT(run, 0) << GetParam() << " runs none of the problems";
}

INSTANTIATE_TEST_SUITE_P(Libraries, PeersOf, testing::Values("oneDNN", "AOCL-DLP", "OpenBLAS"),
                         [](const auto& library) {
                           std::string name = library.param;
                           std::erase(name, '-');  // not in the name of a test
                           return name;
                         });

}  // namespace
}  // namespace tilejit::peers
