// The border of Linear: strides that a call refuses, exceptions that become errors, and calls too small for OpenMP.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <tilejit/linear.h>

#include <atomic>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "targets/targets.h"
#include "tests/support/random_weights.h"

namespace tilejit {
namespace {

struct Call {
  explicit Call(const std::string& line, const Threads& threads = {.max_threads = 1, .parallel_for = {}})
      : problem(*parse_problem(line)), linear(make(line, threads)) {
    a.resize(static_cast<size_t>(4 * problem.k));
    out.resize(static_cast<size_t>(4 * problem.n));
    call = {.a = a.data(), .lda = problem.k, .m = 4, .out = out.data(), .ldo = problem.n};
  }
  Linear make(const std::string& line, const Threads& threads) const {
    test::Rng rng(1);
    const char* target = find_target("host").ok() ? "host" : "ref";
    const LinearOptions options{.target = target, .schedule = {}, .warm_m = {}, .threads = threads};
    auto created = Linear::create(line, test::random_weights(problem, rng).view, options);
    return std::move(*created);
  }

  Problem problem;
  Linear linear;
  std::vector<float> a;
  std::vector<float> out;
  LinearCall call;
};

TEST(LinearCall, RefusesStridesThatOverflow) {
  Call good("w4a16 n=96 k=80 a=f32");
  ASSERT_TRUE(good.linear.run(good.call).ok());
  struct Row {
    int64_t LinearCall::*stride;
    int64_t value;
    int64_t m;
    const char* message;
  };
  constexpr int64_t limit = int64_t{1} << 40;
  for (const Row& row : {Row{&LinearCall::lda, limit + 1, 4, "lda=1099511627777 is more than 1099511627776 elements"},
                         Row{&LinearCall::ldo, limit + 1, 4, "ldo=1099511627777 is more than 1099511627776 elements"},
                         Row{&LinearCall::lda, INT64_MAX, 1, "lda=9223372036854775807 is more than"},
                         Row{&LinearCall::lda, limit, int64_t{1} << 30, "a spans more bytes than 64 bits count"},
                         Row{&LinearCall::ldo, limit, int64_t{1} << 30, "out spans more bytes than 64 bits count"}}) {
    LinearCall call = good.call;
    call.*row.stride = row.value;
    call.m = row.m;
    const auto result = good.linear.run(call);
    ASSERT_FALSE(result.ok()) << row.message;
    EXPECT_EQ(result.error().kind, ErrorKind::invalid);
    EXPECT_NE(result.error().message.find(row.message), std::string::npos) << result.error().message;
  }
}

/// A call whose epilogue reads mul and residual.
struct GatedCall : Call {
  GatedCall() : Call("w4a16 n=96 k=80 a=f32 epilogue=mul+residual") {
    test::Rng rng(3);
    for (float& value : a) value = static_cast<float>(rng.symmetric());
    for (std::vector<float>* operand : {&mul, &residual}) {
      operand->resize(4 * 100);
      for (float& value : *operand) value = static_cast<float>(rng.symmetric());
    }
    call.mul = mul.data();
    call.ldmul = 100;
    call.residual = residual.data();
    call.ldres = 97;
  }
  std::vector<float> mul;
  std::vector<float> residual;
};

TEST(LinearCall, MulAndResidualAreAppliedInF32) {
  GatedCall gated;
  Call plain("w4a16 n=96 k=80 a=f32");
  plain.a = gated.a;
  ASSERT_TRUE(gated.linear.run(gated.call).ok());
  ASSERT_TRUE(plain.linear.run(plain.call).ok());
  for (size_t row = 0; row < 4; ++row)
    for (size_t column = 0; column < 96; ++column) {
      const float product = plain.out[row * 96 + column] * gated.mul[row * 100 + column];
      EXPECT_EQ(gated.out[row * 96 + column], product + gated.residual[row * 97 + column]) << row << ", " << column;
    }
}

TEST(LinearCall, ResidualMayBeOut) {
  GatedCall gated;
  ASSERT_TRUE(gated.linear.run(gated.call).ok());
  LinearCall in_place = gated.call;
  in_place.out = gated.residual.data();
  in_place.ldo = gated.call.ldres;
  ASSERT_TRUE(gated.linear.run(in_place).ok());
  for (size_t row = 0; row < 4; ++row)
    for (size_t column = 0; column < 96; ++column)
      EXPECT_EQ(gated.residual[row * 97 + column], gated.out[row * 96 + column]) << row << ", " << column;
}

TEST(LinearCall, RefusesMulAndResidualThatTheEpilogueDoesNotExpect) {
  GatedCall gated;
  Call plain("w4a16 n=96 k=80 a=f32");
  const auto message = [](const Call& base, auto change) {
    LinearCall call = base.call;
    change(call);
    const auto result = base.linear.run(call);
    EXPECT_FALSE(result.ok());
    return result.ok() ? std::string() : Result<void>(result).error().message;
  };
  EXPECT_EQ(message(gated, [](LinearCall& c) { c.mul = nullptr; }), "mul is null, but the epilogue names it");
  EXPECT_EQ(message(gated, [](LinearCall& c) { c.residual = nullptr; }), "residual is null, but the epilogue names it");
  EXPECT_EQ(message(gated, [](LinearCall& c) { c.ldmul = 95; }),
            "ldmul=95 is shorter than a row of mul, n=96 elements");
  EXPECT_EQ(message(gated, [](LinearCall& c) { c.ldres = 0; }),
            "ldres=0 is shorter than a row of residual, n=96 elements");
  EXPECT_EQ(message(plain, [](LinearCall& c) { c.mul = c.a; }).find("mul is given, but the epilogue of 'w4a16"), 0u);
  EXPECT_EQ(message(plain, [](LinearCall& c) { c.residual = c.a; }).find("residual is given, but the epilogue of"), 0u);
}

template <typename Thrown>
Threads throwing(Thrown thrown) {
  return {.max_threads = 2, .parallel_for = [thrown](int64_t, const auto&) { throw thrown; }};
}

TEST(LinearCall, ExceptionsAreErrors) {
  Call call("w4a16 n=512 k=512 a=f32");
  const std::tuple<Threads, const char*> cases[] = {{throwing(std::runtime_error("pool closed")), "run: pool closed"},
                                                    {throwing(std::bad_alloc()), "out of memory"},
                                                    {throwing(7), "run: an exception that is no std::exception"}};
  for (const auto& [threads, message] : cases) {
    call.call.threads = &threads;
    const auto result = call.linear.run(call.call);
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().kind, ErrorKind::resource);
    EXPECT_EQ(result.error().message, message);
  }
}

TEST(LinearCall, CanImplementSurvivesExhaustedMemory) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer aborts when memory is exhausted";
#endif
  const std::string line(size_t{256} << 20, 'x');  // any copy of it is more than what is left
  int64_t pages = 0;
  std::ifstream("/proc/self/statm") >> pages;
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &old), 0);
  const rlimit low{.rlim_cur = static_cast<rlim_t>(pages * 4096 + (int64_t{32} << 20)), .rlim_max = old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_AS, &low), 0);
  const auto result = can_implement(line, "ref");
  setrlimit(RLIMIT_AS, &old);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().message, "out of memory");
  EXPECT_EQ(result.error().kind, ErrorKind::resource);
}

/// A kernel does not say who runs it, but a region of OpenMP leaves its threads behind.
int64_t process_threads() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    int64_t count = 0;
    if (word == "Threads:" && status >> count) return count;
  }
  return 0;
}

TEST(LinearCall, ASmallCallStaysOnItsThread) {
  int64_t before = 0;
  int64_t small = 0;
  int64_t large = 0;
  // A thread of its own has no OpenMP pool yet.
  Call tiny("w4a16 n=384 k=384 a=f32 g=32");
  Call wide("w4a16 n=2048 k=1024 a=f32 g=32");
  const Threads five{.max_threads = 5, .parallel_for = {}};
  std::thread([&] {
    before = process_threads();
    for (Call* call : {&tiny, &wide}) {
      call->call.threads = &five;
      call->call.m = 1;
    }
    EXPECT_TRUE(tiny.linear.run(tiny.call).ok());
    small = process_threads();
    EXPECT_TRUE(wide.linear.run(wide.call).ok());
    large = process_threads();
  }).join();
  EXPECT_EQ(small, before);
  EXPECT_EQ(large, before + 4);
}

}  // namespace
}  // namespace tilejit
