#include <tilejit/linear.h>

#include "ir/quant.h"
#include "jit/problem.h"

namespace tilejit {

namespace {

Scheme scheme_of(const Weights& w) {
  if (quant_format_of(w.packing).is_dense) return Scheme::w16a16;
  if (w.activation_bits == 8) return w.bits == 4 ? Scheme::w4a8 : Scheme::w8a8;
  return w.bits == 4 ? Scheme::w4a16 : Scheme::w8a16;
}

/// The key z is the constant, which dense weights do not have; stored zero points leave it at its default.
int constant_zero(const Weights& w, const Problem& problem) {
  if (problem.scheme == Scheme::w16a16) return 0;
  return problem.zp == ZeroDomain::integer ? 1 << (w.bits - 1) : w.zero;
}

}  // namespace

std::string describe(const Weights& w, Type a) {
  Problem problem;
  problem.scheme = scheme_of(w);
  problem.n = w.n;
  problem.k = w.k;
  problem.a = a;
  problem.out = a;
  problem.group = w.group;
  problem.zp = w.has_offsets()                       ? ZeroDomain::floating
               : w.zero_packing == ZeroPacking::none ? ZeroDomain::none
                                                     : ZeroDomain::integer;
  problem.zero = constant_zero(w, problem);
  problem.s = w.scale_type();
  problem.perm = !w.perm.empty();
  if (!w.bias.empty()) {
    problem.epilogue = {Epilogue::bias};
    problem.bias_type = w.bias_type;
  }
  return print_problem(problem);
}

}  // namespace tilejit
