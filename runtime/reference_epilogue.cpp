#include "runtime/reference_epilogue.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ir/check.h"
#include "runtime/read_float.h"

namespace tilejit {
namespace {

constexpr double f32_rounding = 0x1p-24;
/// The steepest slope of silu (1.0998), gelu and gelu_tanh (1.129).
constexpr double steepest = 1.13;

double relu(double x) { return x < 0 ? 0 : x; }  // NaN stays
double silu(double x) { return x / (1 + std::exp(-x)); }
double gelu(double x) { return 0.5 * x * std::erfc(-x / std::numbers::sqrt2); }
double gelu_tanh(double x) {
  const double root = std::sqrt(2 / std::numbers::pi);
  return 0.5 * x * (1 + std::tanh(root * (x + 0.044715 * x * x * x)));
}

/// What the contract allows an activation function: 4 ulp of an f32 result up to y, or 2^-22 of its argument up to x.
double function_bound(double x, double y) {
  const double ulp = std::ldexp(1.0, std::max(std::ilogb(y), -126) - 23);
  return std::max(4 * ulp, 0x1p-22 * x);
}

void activate(double (*function)(double), Unrounded& output) {
  const double x = output.value;
  const double moved = steepest * output.error;
  output.value = function(x);
  output.unquantized = function(output.unquantized);
  output.error = moved + function_bound(std::abs(x) + output.error, std::abs(output.value) + moved);
}

void multiply(Unrounded& output, double factor) {
  output.value *= factor;
  output.unquantized *= factor;
  output.error = std::abs(factor) * output.error + f32_rounding * std::abs(output.value);
}

void add(Unrounded& output, double summand, double error) {
  output.value += summand;
  output.unquantized += summand;
  output.error += error;
}

}  // namespace

void ReferenceEpilogue::apply(Epilogue op, int64_t column, UnroundedColumn& outputs) const {
  for (int64_t r = 0; r < static_cast<int64_t>(outputs.size()); ++r) {
    Unrounded& output = outputs[static_cast<size_t>(r)];
    switch (op) {
      case Epilogue::bias: {
        const double bias = read_float(weights.bias.data(), weights.bias_type, column);
        add(output, bias, rounding * std::abs(bias));
        break;
      }
      case Epilogue::relu:
        output.value = relu(output.value);
        output.unquantized = relu(output.unquantized);
        break;
      case Epilogue::silu: activate(silu, output); break;
      case Epilogue::gelu: activate(gelu, output); break;
      case Epilogue::gelu_tanh: activate(gelu_tanh, output); break;
      case Epilogue::mul: multiply(output, read_float(operands.mul, problem.out, r * operands.ldmul + column)); break;
      case Epilogue::residual: {
        const double residual = read_float(operands.residual, problem.out, r * operands.ldres + column);
        add(output, residual, f32_rounding * std::abs(output.value + residual));
        break;
      }
      case Epilogue::swiglu: CHECK(false, "swiglu joins two columns");
    }
  }
}

void apply_swiglu(UnroundedColumn& gate, const UnroundedColumn& up) {
  for (size_t r = 0; r < gate.size(); ++r) {
    Unrounded& output = gate[r];
    activate(silu, output);
    const double gate_error = output.error;
    const double up_error = up[r].error * (std::abs(output.value) + gate_error);
    output.value *= up[r].value;
    output.unquantized *= up[r].unquantized;
    output.error = gate_error * std::abs(up[r].value) + up_error + f32_rounding * std::abs(output.value);
  }
}

}  // namespace tilejit
