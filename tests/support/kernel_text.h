// Kernels written as text in a test, and vectors as their parameters.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ir/interpret.h"
#include "ir/ir.h"

namespace tilejit::test {

/// The first kernel of a text. One that does not parse aborts with the error.
ir::Kernel parsed_kernel(std::string_view text);
/// The same, verified.
ir::Kernel legal_kernel(std::string_view text);

template <typename T>
ir::BufferView view(std::vector<T>& elements, int64_t row_stride = 0) {
  return {.data = reinterpret_cast<std::byte*>(elements.data()),
          .bytes = static_cast<int64_t>(elements.size() * sizeof(T)),
          .row_stride = row_stride};
}

/// The message of an interpretation that must fail, empty where it does not.
std::string interpret_error(const ir::Kernel& kernel, std::vector<ir::BufferView> parameters, int64_t m = 1,
                            ir::InterpretOptions options = {});
/// Interprets; an error aborts with its message.
void run_kernel(const ir::Kernel& kernel, std::vector<ir::BufferView> parameters, int64_t m = 1,
                ir::InterpretOptions options = {});

}  // namespace tilejit::test
