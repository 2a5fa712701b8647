// Kernels for x86_forms_test.cpp, each about one op or tile form.
#pragma once

#include <vector>

namespace tilejit::test {

struct Form {
  const char* name;
  const char* text;
  bool needs_bf16 = false;
};

/// Ops that quantize activations, integer dots, and epilogues.
std::vector<Form> quantized_forms();

}  // namespace tilejit::test
