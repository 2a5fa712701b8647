#include <tilejit/linear.h>

#include "jit/problem.h"

namespace tilejit {

std::string describe(const Weights& w, Type a) {
  const bool four = w.bits == 4;
  Problem problem;
  problem.scheme =
      w.activation_bits == 8 ? (four ? Scheme::w4a8 : Scheme::w8a8) : (four ? Scheme::w4a16 : Scheme::w8a16);
  problem.n = w.n;
  problem.k = w.k;
  problem.a = a;
  problem.out = a;
  problem.group = w.group;
  problem.zp = w.has_offsets()                       ? ZeroDomain::floating
               : w.zero_packing == ZeroPacking::none ? ZeroDomain::none
                                                     : ZeroDomain::integer;
  // The key z is the constant; stored zero points leave it at its default.
  problem.zero = problem.zp == ZeroDomain::integer ? 1 << (w.bits - 1) : w.zero;
  problem.s = w.scale_type();
  problem.perm = !w.perm.empty();
  if (!w.bias.empty()) {
    problem.epilogue = {Epilogue::bias};
    problem.bias_type = w.bias_type;
  }
  return print_problem(problem);
}

}  // namespace tilejit
