#include "targets/amdgpu/emulated.h"

#include <memory>
#include <utility>

#include "targets/amdgpu/launcher.h"

namespace tilejit::amdgpu {

Result<Code> emulated(const GpuRow& row, Code code, const ir::Kernel& kernel) {
  auto launcher = std::make_shared<const Launcher>(TRY(Launcher::load(row, code, kernel)));
  code.interpreted = [launcher = std::move(launcher)](const BufferArg* buffers, int64_t m, const int64_t* task,
                                                      void*) -> Result<void> {
    TRY(launcher->run(buffers, m, task, emulator::Detail::sums));
    return {};
  };
  return code;
}

}  // namespace tilejit::amdgpu
