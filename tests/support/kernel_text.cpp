#include "tests/support/kernel_text.h"

#include "ir/check.h"
#include "ir/parse.h"
#include "ir/verify.h"

namespace tilejit::test {
namespace {

ir::Program parsed(std::string_view text) {
  Result<ir::Program> program = ir::parse(text, "test");
  CHECK(program.ok(), program.error().message);
  return *std::move(program);
}

}  // namespace

ir::Kernel parsed_kernel(std::string_view text) { return parsed(text).kernels.front(); }

ir::Kernel legal_kernel(std::string_view text) {
  const ir::Program program = parsed(text);
  const Result<void> legal = ir::check_legal(program, "test");
  CHECK(legal.ok(), legal.error().message);
  return program.kernels.front();
}

std::string interpret_error(const ir::Kernel& kernel, std::vector<ir::BufferView> parameters, int64_t m,
                            ir::InterpretOptions options) {
  const Result<void> done = ir::interpret(kernel, parameters, m, options);
  return done.ok() ? "" : done.error().message;
}

void run_kernel(const ir::Kernel& kernel, std::vector<ir::BufferView> parameters, int64_t m,
                ir::InterpretOptions options) {
  const std::string error = interpret_error(kernel, std::move(parameters), m, options);
  CHECK(error.empty(), error);
}

}  // namespace tilejit::test
