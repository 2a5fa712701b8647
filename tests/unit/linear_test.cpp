#include <gtest/gtest.h>
#include <malloc.h>
#include <tilejit/linear.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "runtime/cache.h"
#include "targets/targets.h"
#include "tests/support/random_weights.h"
#include "tests/support/reference_linear.h"
#include "tests/unit/allocations.h"

namespace tilejit {
namespace {

using test::Rng;

/// The row of this machine where it has AVX-512, else the interpreter: everything below holds for both.
std::string target_name() { return find_target("host").ok() ? "host" : "ref"; }

LinearOptions options_of(int threads = 1) {
  return {
      .target = target_name(), .schedule = {}, .warm_m = {}, .threads = {.max_threads = threads, .parallel_for = {}}};
}

/// A layer of f32 activations and outputs, its weights, and a call of it.
struct Layer {
  explicit Layer(std::string_view text, uint64_t seed = 1) : line(text), problem(*parse_problem(text)) {
    Rng rng(seed);
    weights = test::random_weights(problem, rng);
  }
  std::vector<float> activations(int64_t m) const {
    Rng rng(7);
    std::vector<float> a(static_cast<size_t>(m * problem.k));
    test::fill_activations(std::as_writable_bytes(std::span(a)), Type::f32, test::Values::finite, rng);
    return a;
  }
  Result<std::vector<float>> run(const Linear& linear, int64_t m, const Threads* threads = nullptr) const {
    const std::vector<float> a = activations(m);
    std::vector<float> out(static_cast<size_t>(m * problem.n));
    TRY(linear.run({.a = a.data(),
                    .lda = problem.k,
                    .m = m,
                    .out = out.data(),
                    .ldo = problem.n,
                    .workspace = nullptr,
                    .threads = threads}));
    return out;
  }

  std::string line;
  Problem problem;
  test::OwnedWeights weights;
};

constexpr const char* small_line = "w4a16 n=96 k=80 a=f32 g=32 zp=int s=f16 epilogue=bias";

Linear create(const Layer& layer, const LinearOptions& options) {
  auto linear = Linear::create(layer.line, layer.weights.view, options);
  EXPECT_TRUE(linear.ok()) << linear.error().message;
  return std::move(*linear);
}

TEST(Linear, ComputesTheLayerForEveryM) {
  const Layer layer(small_line);
  const Linear linear = create(layer, options_of());
  Problem resolved = *parse_problem(linear.info().problem);
  for (const int64_t m : {1, 2, 5, 16, 33, 100}) {
    const auto out = layer.run(linear, m);
    ASSERT_TRUE(out.ok()) << out.error().message;
    const std::vector<float> a = layer.activations(m);
    std::vector<double> reference(out->size());
    std::vector<double> bound(out->size());
    test::reference_linear(resolved, layer.weights.view, {reinterpret_cast<const std::byte*>(a.data()), Type::f32, 80},
                           {}, m, reference.data(), bound.data());
    const auto report = test::check_bound({reinterpret_cast<const std::byte*>(out->data()), Type::f32, 96}, m, 96,
                                          reference.data(), bound.data());
    EXPECT_TRUE(report.ok) << "m=" << m << ": " << report.message;
  }
}

TEST(Linear, TheNumberOfThreadsChangesNoBit) {
  const Layer layer("w4a16 n=300 k=160 a=f32 g=32");
  const Linear linear = create(layer, options_of());
  const Threads two{.max_threads = 2, .parallel_for = {}};
  for (const int64_t m : {1, 9, 70}) {
    const auto one = layer.run(linear, m);
    const auto other = layer.run(linear, m, &two);
    ASSERT_TRUE(one.ok() && other.ok());
    EXPECT_EQ(*one, *other) << "m=" << m;
  }
}

TEST(Linear, RunsFromManyThreadsAtOnce) {
  const Layer layer("w4a16 n=160 k=96 a=f32 g=16 zp=float s=bf16");
  const Linear serial = create(layer, options_of());
  const std::vector<int64_t> sizes = {1, 3, 17, 64};
  std::vector<std::vector<float>> expected;
  for (const int64_t m : sizes) expected.push_back(*layer.run(serial, m));
  const Linear linear = create(layer, options_of());
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (size_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = 0; i < 20; ++i) {
        const size_t at = (i + t) % sizes.size();
        const auto out = layer.run(linear, sizes[at]);
        wrong += out.ok() && *out == expected[at] ? 0 : 1;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Linear, SharesKernelsThroughTheCache) {
  const Layer layer("w4a16 n=112 k=72 a=f32 g=24");
  LinearOptions options = options_of();
  options.warm_m = {1, 1000};
  const Linear first = create(layer, options);
  const int64_t compiled = process_cache().stats().misses;
  const Linear second = create(layer, options);
  ASSERT_TRUE(layer.run(first, 1).ok() && layer.run(second, 1).ok() && layer.run(second, 1000).ok());
  EXPECT_EQ(process_cache().stats().misses, compiled);
}

/// Two threads that share out tasks without allocating: this one and a helper that waits for work.
class TwoThreads {
 public:
  TwoThreads() : helper_([this] { help(); }) {}
  ~TwoThreads() {
    work_ = nullptr;
    start();
    helper_.join();
  }
  void run(int64_t tasks, const std::function<void(int64_t, int)>& fn) {
    work_ = &fn;
    tasks_ = tasks;
    next_ = 0;
    start();
    take(0);
    done_.wait(false);
    done_ = false;
  }
  int runs() const { return generation_; }

 private:
  void start() {
    ++generation_;
    generation_.notify_one();
  }
  void take(int thread) {
    for (int64_t task = next_++; task < tasks_; task = next_++) (*work_)(task, thread);
  }
  void help() {
    for (int seen = 0;; ++seen) {
      generation_.wait(seen);
      if (work_ == nullptr) return;
      take(1);
      done_ = true;
      done_.notify_one();
    }
  }

  const std::function<void(int64_t, int)>* work_ = nullptr;
  int64_t tasks_ = 0;
  std::atomic<int64_t> next_ = 0;
  std::atomic<int> generation_ = 0;
  std::atomic<bool> done_ = false;
  std::thread helper_;
};

/// The first two calls may allocate (OpenMP starts and keeps its threads); ten more may not, on any thread.
void expect_no_allocation(const Linear& linear, const LinearCall& call) {
  for (int i = 0; i < 2; ++i) ASSERT_TRUE(linear.run(call).ok());
  const int64_t before = test::allocations();
  const size_t used = mallinfo2().uordblks;  // also what OpenMP's runtime takes: it calls malloc itself
  bool ok = true;
  for (int i = 0; i < 10; ++i) ok &= linear.run(call).ok();
  EXPECT_EQ(mallinfo2().uordblks, used);
  EXPECT_EQ(test::allocations(), before);
  EXPECT_TRUE(ok);
}

TEST(Linear, AllocatesNothingInASteadyState) {
  if (!find_target("host").ok()) GTEST_SKIP() << "the interpreter allocates";
  const Layer layer("w4a16 n=512 k=128 a=f32 g=32 zp=float s=f16 epilogue=bias");
  const Linear linear = create(layer, options_of(2));
  TwoThreads pool;
  const Threads one{.max_threads = 1, .parallel_for = {}};
  const Threads two{.max_threads = 2, .parallel_for = [&pool](int64_t tasks, const auto& fn) { pool.run(tasks, fn); }};
  struct Row {
    const char* name;
    const Threads* threads;
    int count;
  };
  for (const Row& row : {Row{"one thread", &one, 1}, Row{"parallel_for", &two, 2}, Row{"OpenMP", nullptr, 2}}) {
    for (const int64_t m : {1, 40}) {
      const std::vector<float> a = layer.activations(m);
      std::vector<float> out(static_cast<size_t>(m * 512));
      const int64_t bytes = *linear.workspace_bytes(m, row.count);
      void* const workspace = std::aligned_alloc(64, static_cast<size_t>((bytes + 63) / 64 * 64));
      for (void* memory : {static_cast<void*>(nullptr), workspace}) {
        SCOPED_TRACE(std::string(row.name) + (memory == nullptr ? "" : ", own workspace") + ", m=" + std::to_string(m));
        const int runs = pool.runs();
        expect_no_allocation(linear, {.a = a.data(),
                                      .lda = 128,
                                      .m = m,
                                      .out = out.data(),
                                      .ldo = 512,
                                      .workspace = memory,
                                      .threads = row.threads});
        EXPECT_EQ(pool.runs() > runs, row.threads == &two) << "a call of one task tests no threads";
      }
      std::free(workspace);
    }
  }
}

TEST(Linear, RefusesABadCall) {
  const Layer layer(small_line);
  const Linear linear = create(layer, options_of());
  std::vector<float> a(80);
  std::vector<float> out(96);
  const LinearCall good{.a = a.data(), .lda = 80, .m = 1, .out = out.data(), .ldo = 96};
  ASSERT_TRUE(linear.run(good).ok());
  const Threads negative{.max_threads = -2, .parallel_for = {}};
  const auto refusal = [&](auto change) {
    LinearCall call = good;
    change(call);
    const auto result = linear.run(call);
    EXPECT_FALSE(result.ok());
    EXPECT_EQ(result.error().kind, ErrorKind::invalid);
    return result.error().message;
  };
  EXPECT_EQ(refusal([](LinearCall& c) { c.a = nullptr; }), "a is null");
  EXPECT_EQ(refusal([](LinearCall& c) { c.out = nullptr; }), "out is null");
  EXPECT_EQ(refusal([](LinearCall& c) { c.lda = 79; }), "lda=79 is shorter than a row of a, k=80 elements");
  EXPECT_EQ(refusal([](LinearCall& c) { c.ldo = 95; }), "ldo=95 is shorter than a row of out, n=96 elements");
  EXPECT_NE(refusal([](LinearCall& c) { c.m = 0; }).find("m=0"), std::string::npos);
  EXPECT_NE(refusal([](LinearCall& c) { c.m = int64_t{1} << 60; }).find("m="), std::string::npos);
  EXPECT_NE(refusal([&](LinearCall& c) { c.workspace = reinterpret_cast<char*>(64) + 1; }).find("aligned"),
            std::string::npos);
  EXPECT_NE(refusal([&](LinearCall& c) { c.threads = &negative; }).find("max_threads=-2"), std::string::npos);
  EXPECT_FALSE(linear.workspace_bytes(0, 1).ok());
}

TEST(Linear, CreationErrorsNameTheLayerAndTheReason) {
  const Layer layer(small_line);
  struct Row {
    std::string problem;
    LinearOptions options;
    ErrorKind kind;
    std::string message;
  };
  LinearOptions unknown = options_of();
  unknown.target = "z80";
  LinearOptions bad_schedule = options_of();
  bad_schedule.schedule = "panel=64 nr=48";
  LinearOptions bad_warm = options_of();
  bad_warm.warm_m = {0};
  const std::string line = small_line;
  for (const Row& row :
       {Row{"w4a16 n=96", options_of(), ErrorKind::invalid, "k is missing"},
        Row{line, unknown, ErrorKind::invalid, "z80"}, Row{line, bad_schedule, ErrorKind::unsupported, "nr=48"},
        Row{line, bad_warm, ErrorKind::invalid, "m=0"},
        Row{"w4a16 n=95 k=80 a=f32 g=32 zp=int s=f16 epilogue=bias", options_of(), ErrorKind::invalid, "n=95"},
        Row{line + " dot=mma", options_of(), ErrorKind::unsupported, "dot=mma"}}) {
    const auto linear = Linear::create(row.problem, layer.weights.view, row.options);
    ASSERT_FALSE(linear.ok()) << row.message;
    EXPECT_EQ(linear.error().kind, row.kind) << linear.error().message;
    EXPECT_EQ(linear.error().message.find("layer 'random': "), 0u) << linear.error().message;
    EXPECT_EQ(linear.error().message.rfind("layer 'random': "), 0u) << "named twice: " << linear.error().message;
    EXPECT_NE(linear.error().message.find(row.message), std::string::npos) << linear.error().message;
  }
  Weights broken = layer.weights.view;
  broken.data = broken.data.first(broken.data.size() - 4);
  const auto linear = Linear::create(line, broken, options_of());
  ASSERT_FALSE(linear.ok());
  EXPECT_EQ(linear.error().kind, ErrorKind::invalid);
  EXPECT_EQ(linear.error().message.rfind("layer 'random': "), 0u) << linear.error().message;
}

TEST(Linear, ReportsWhatItHolds) {
  const Layer layer("w4a16 m=1 n=128 k=64 a=f32 g=32 zp=int s=f16 epilogue=bias");
  const Linear linear = create(layer, options_of());
  const LinearInfo& info = linear.info();
  EXPECT_EQ(info.information_bytes, 128 * 64 / 2 + 128 * 2 * 2 + 128 * 2 / 2);
  EXPECT_GE(info.packed_bytes, info.information_bytes);
  EXPECT_LT(info.packed_bytes, 3 * info.information_bytes);
  EXPECT_NE(info.problem.find("dot=fma ks=1"), std::string::npos) << info.problem;
  EXPECT_FALSE(info.schedules.empty());
  EXPECT_FALSE(info.tuned);
  EXPECT_GT(info.pack_seconds, 0);
  EXPECT_TRUE(layer.run(linear, 6).ok());  // m=1 in the line does not bind
}

TEST(Linear, CountsTheInformationOfEveryScheme) {
  struct Row {
    const char* line;
    int64_t bytes;
  };
  for (const Row& row : {Row{"w4a16 n=100 k=64 a=f32 g=32 zp=int s=f16", 100 * 32 + 200 * 2 + 200 / 2},
                         Row{"w4a8 n=100 k=64 a=bf16 g=32 zp=float s=bf16", 100 * 32 + 2 * 200 * 2},
                         Row{"w8a16 n=100 k=64 a=f16 g=16 s=f32", 100 * 64 + 400 * 4},
                         Row{"w8a8 n=100 k=64 a=bf16 s=f16", 100 * 64 + 100 * 2}}) {
    const Layer layer(row.line);
    EXPECT_EQ(create(layer, options_of()).info().information_bytes, row.bytes) << row.line;
  }
}

TEST(Linear, DenseWeightsAreMultipliedAsTheyAre) {
  constexpr int64_t m = 3, n = 37, k = 45;
  std::vector<float> weights(n * k), a(m * k), out(m * n);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = static_cast<float>(i * 7 % 31) - 15;
  for (size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i * 5 % 17) - 8;
  Weights w;
  w.n = n;
  w.k = k;
  w.bits = 16;
  w.packing = Packing::row_floats;
  w.data_type = Type::f32;
  w.data = std::as_bytes(std::span(weights));
  const auto linear = Linear::create(describe(w, Type::f32), w, options_of());
  ASSERT_TRUE(linear.ok()) << linear.error().message;
  EXPECT_EQ(linear->info().information_bytes, n * k * 4);
  ASSERT_TRUE(linear->run({.a = a.data(), .lda = k, .m = m, .out = out.data(), .ldo = n}).ok());
  for (size_t row = 0; row < m; ++row)
    for (size_t channel = 0; channel < n; ++channel) {
      float sum = 0;  // small integers: exact in any order
      for (size_t i = 0; i < k; ++i) sum += a[row * k + i] * weights[channel * k + i];
      EXPECT_EQ(out[row * n + channel], sum) << row << ", " << channel;
    }
}

TEST(Linear, PrintsWhatWasChosenOnRequest) {
  const Layer layer("w4a16 n=80 k=88 a=f32 g=8");  // no other test compiles it
  setenv("TILEJIT_VERBOSE", "dispatch", 1);
  testing::internal::CaptureStderr();
  const Linear linear = create(layer, options_of());
  const std::string created = testing::internal::GetCapturedStderr();
  testing::internal::CaptureStderr();
  EXPECT_TRUE(layer.run(linear, 1).ok() && layer.run(linear, 1).ok());
  const std::string compiled = testing::internal::GetCapturedStderr();
  testing::internal::CaptureStderr();
  const auto refused = Linear::create("w4a16 n=96", layer.weights.view, options_of());
  const std::string refusal = testing::internal::GetCapturedStderr();
  unsetenv("TILEJIT_VERBOSE");
  EXPECT_FALSE(refused.ok());
  const LinearInfo& info = linear.info();
  for (const std::string& part : {"layer 'random': " + info.problem, " target=" + info.target,
                                  std::string(info.target == "ref" ? " device=interpreted" : " device=native"),
                                  " schedules default: [" + info.schedules[0] + "]", "[" + info.schedules.back() + "]"})
    EXPECT_NE(created.find(part), std::string::npos) << part << " in: " << created;
  EXPECT_EQ(std::count(created.begin(), created.end(), '\n'), 1) << created;
  EXPECT_NE(compiled.find("compiled in "), std::string::npos) << compiled;
  EXPECT_NE(compiled.find("us: [" + info.schedules[0] + "]"), std::string::npos) << compiled;
  EXPECT_EQ(std::count(compiled.begin(), compiled.end(), '\n'), 1) << "once for each range: " << compiled;
  EXPECT_NE(refusal.find("refused 'w4a16 n=96' target="), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("k is missing"), std::string::npos) << refusal;
}

TEST(CanImplement, SaysWhyNot) {
  EXPECT_TRUE(can_implement(small_line, target_name()).ok());
  const auto groups = can_implement("w8a8 n=64 k=64 a=f32 g=32", "ref");
  ASSERT_FALSE(groups.ok());
  EXPECT_EQ(groups.error().kind, ErrorKind::unsupported);
  EXPECT_EQ(can_implement("nonsense", "ref").error().kind, ErrorKind::invalid);
  EXPECT_EQ(can_implement(small_line, "z80").error().kind, ErrorKind::invalid);
}

TEST(Version, HasThreeNumbers) {
  int major = -1;
  int minor = -1;
  int patch = -1;
  EXPECT_EQ(std::sscanf(version(), "%d.%d.%d", &major, &minor, &patch), 3) << version();
}

}  // namespace
}  // namespace tilejit
