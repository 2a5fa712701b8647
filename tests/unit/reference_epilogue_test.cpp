// The epilogue of the double reference: each op by hand, their order, and errors that grow no more than the ops make them.
#include "runtime/reference_epilogue.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace tilejit {
namespace {

/// Four channels over one k: the sums are 1 * a, -2 * a, 3 * a and 4 * a.
struct Layer {
  std::vector<int8_t> q{1, -2, 3, 4};
  std::vector<float> scale{1};
  std::vector<float> bias{0.5f, 1, -1, 0};
  std::vector<float> a{1, 0.5f};
  std::vector<float> mul{2, 3, 4, 5, 99, 0, -1, 1, 2, 99};      // rows of 4, stride 5
  std::vector<float> residual{10, 20, 30, 40, 50, 60, 70, 80};  // rows of 4
  Problem problem;

  explicit Layer(const std::string& epilogue)
      : problem(*parse_problem("w8a16 n=4 k=1 a=f32 dot=fma ks=1 epilogue=" + epilogue)) {}

  std::vector<ReferenceOutput> column(int64_t n) const {
    Weights w;
    w.n = 4;
    w.k = 1;
    w.bits = 8;
    w.zero = 128;
    w.data = std::as_bytes(std::span(q));
    w.scales = {std::as_bytes(std::span(scale)).data(), Type::f32, 0, 0};
    w.bias = std::as_bytes(std::span(bias));
    const ReferenceRows rows = reference_rows(problem, w, a.data(), 1, 2);
    const ReferenceOperands operands{.mul = mul.data(), .ldmul = 5, .residual = residual.data(), .ldres = 4};
    return reference_column(problem, w, rows, operands, n);
  }
  double value(int64_t row, int64_t n) const { return column(n)[static_cast<size_t>(row)].value; }
};

constexpr double silu_of_1 = 0.7310585786300049;
constexpr double gelu_of_1 = 0.8413447460685429;
constexpr double gelu_tanh_of_1 = 0.8411919906082768;

TEST(ReferenceEpilogue, OpsByHand) {
  EXPECT_EQ(Layer("none").value(0, 1), -2);
  EXPECT_EQ(Layer("bias").value(0, 1), -1);
  EXPECT_EQ(Layer("relu").value(0, 1), 0);
  EXPECT_EQ(Layer("relu").value(1, 2), 1.5);
  EXPECT_DOUBLE_EQ(Layer("silu").value(0, 0), silu_of_1);
  EXPECT_DOUBLE_EQ(Layer("silu").value(1, 1), silu_of_1 - 1);  // silu(-x) = silu(x) - x
  EXPECT_DOUBLE_EQ(Layer("gelu").value(0, 0), gelu_of_1);
  EXPECT_NEAR(Layer("gelu").value(1, 1), gelu_of_1 - 1, 1e-15);
  EXPECT_DOUBLE_EQ(Layer("gelu_tanh").value(0, 0), gelu_tanh_of_1);
  EXPECT_NEAR(Layer("gelu_tanh").value(1, 1), gelu_tanh_of_1 - 1, 1e-15);
  EXPECT_EQ(Layer("mul").value(0, 3), 20);
  EXPECT_EQ(Layer("mul").value(1, 1), 1);
  EXPECT_EQ(Layer("residual").value(1, 3), 82);
}

TEST(ReferenceEpilogue, OpsRunInTheirOrder) {
  EXPECT_EQ(Layer("bias+relu").value(0, 1), 0);
  EXPECT_EQ(Layer("relu+bias").value(0, 1), 1);
  EXPECT_EQ(Layer("residual+mul").value(0, 2), (3 + 30) * 4);
  EXPECT_EQ(Layer("mul+residual").value(0, 2), 3 * 4 + 30);
  EXPECT_DOUBLE_EQ(Layer("bias+silu").value(1, 0), silu_of_1);  // 0.5 + 0.5
}

TEST(ReferenceEpilogue, SwigluJoinsTheTwoHalves) {
  EXPECT_DOUBLE_EQ(Layer("swiglu").value(0, 0), silu_of_1 * 3);
  EXPECT_DOUBLE_EQ(Layer("swiglu").value(1, 1), (silu_of_1 - 1) * 2);
  // Operands before swiglu have four columns, those behind it two.
  EXPECT_DOUBLE_EQ(Layer("bias+swiglu").value(1, 0), silu_of_1 * (1.5 - 1));
  EXPECT_DOUBLE_EQ(Layer("swiglu+residual").value(0, 0), silu_of_1 * 3 + 10);
  EXPECT_DOUBLE_EQ(Layer("residual+swiglu+mul").value(0, 1), (18 / (1 + std::exp(-18.0))) * 44 * 3);
}

TEST(ReferenceEpilogue, NaNPassesEveryOp) {
  for (const char* op : {"relu", "silu", "gelu", "gelu_tanh", "mul", "residual", "swiglu"}) {
    Layer layer(op);
    layer.a = {std::nanf(""), 1};
    EXPECT_TRUE(std::isnan(layer.value(0, 0))) << op;
    EXPECT_FALSE(std::isnan(layer.value(1, 0))) << op;
  }
}

double bound_without_output(const ReferenceOutput& o) { return o.bound - 0x1p-23 * std::abs(o.value) - 0x1p-126; }

TEST(ReferenceEpilogue, BoundsFollowTheFormula) {
  const double rounding = 0x1p-24 * (1 + 1 + 1 + 8);  // one product, one group, one segment
  const auto error = [](const char* epilogue) { return bound_without_output(Layer(epilogue).column(0)[0]); };
  EXPECT_DOUBLE_EQ(error("none"), rounding);
  EXPECT_DOUBLE_EQ(error("bias"), rounding * 1.5);
  EXPECT_DOUBLE_EQ(error("relu"), rounding);
  EXPECT_DOUBLE_EQ(error("mul"), 2 * rounding + 0x1p-24 * 2);
  EXPECT_DOUBLE_EQ(error("residual"), rounding + 0x1p-24 * 11);
  // 4 ulp of 0.73 are 2^-22, a little less than 2^-22 of the argument, which may be above 1.
  EXPECT_DOUBLE_EQ(error("silu"), 1.13 * rounding + 0x1p-22 * (1 + rounding));
  const double gate = 1.13 * rounding + 0x1p-22 * (1 + rounding);
  EXPECT_NEAR(error("swiglu"), gate * 3 + 3 * rounding * (silu_of_1 + gate) + 0x1p-24 * 3 * silu_of_1, 1e-20);
}

/// Moves the input of one op by its error: the output moves no more than the op says.
TEST(ReferenceEpilogue, ErrorsAreKeptWithinBounds) {
  const Layer layer("none");
  const std::vector<float> factor{-3.5f};
  const ReferenceOperands operands{.mul = factor.data(), .ldmul = 0, .residual = factor.data(), .ldres = 0};
  const ReferenceEpilogue epilogue{layer.problem, {}, operands, 0};
  for (const Epilogue op :
       {Epilogue::relu, Epilogue::silu, Epilogue::gelu, Epilogue::gelu_tanh, Epilogue::mul, Epilogue::residual}) {
    for (double x = -20; x <= 20; x += 0.37) {
      for (const double error : {1e-7, 1e-3, 0.5, 3.0}) {
        UnroundedColumn exact{{x, error, x}};
        UnroundedColumn moved{{x - error, 0, 0}, {x + error, 0, 0}};
        epilogue.apply(op, 0, exact);
        epilogue.apply(op, 0, moved);
        for (const Unrounded& m : moved)
          ASSERT_LE(std::abs(m.value - exact[0].value), exact[0].error + 1e-14) << static_cast<int>(op) << " at " << x;
      }
    }
  }
}

TEST(ReferenceEpilogue, SwigluKeepsTheErrorsOfBothFactors) {
  for (const double gate : {-3.0, 0.0, 2.5}) {
    for (const double up : {-1.0, 0.0, 4.0}) {
      const double error = 0.25;
      UnroundedColumn exact{{gate, error, gate}};
      apply_swiglu(exact, {{up, error, up}});
      for (const double x : {gate - error, gate + error}) {
        for (const double y : {up - error, up + error}) {
          UnroundedColumn moved{{x, 0, x}};
          apply_swiglu(moved, {{y, 0, y}});
          EXPECT_LE(std::abs(moved[0].value - exact[0].value), exact[0].error) << gate << " " << up;
        }
      }
    }
  }
}

}  // namespace
}  // namespace tilejit
