#include "tools/report/device_call.h"

#include <utility>

namespace tilejit::report {

Result<DeviceCall> DeviceCall::make(const Linear& linear, const CallInputs& inputs, const Problem& problem,
                                    std::span<std::byte> out) {
  DeviceCall made(linear, make_call(inputs, problem, out.data()), out);
  if (linear.info().device != Device::hip) return made;
  const hip::Library* library = TRY(hip::Library::find());
  TRY(made.move_to({library, linear.info().gpu}, inputs));
  return made;
}

Result<void> DeviceCall::move_to(const hip::Place& place, const CallInputs& inputs) {
  const hip::CurrentGpu current = TRY(hip::CurrentGpu::set(place));
  const auto copy = [&](std::span<const std::byte> from) -> Result<void*> {
    hip::Memory memory = TRY(hip::Memory::allocate(*place.library, static_cast<int64_t>(from.size())));
    TRY(memory.upload(from));
    memory_.push_back(std::move(memory));
    return memory_.back().data();
  };
  call_.a = TRY(copy(inputs.a.data));
  const void* mul = TRY(copy(inputs.mul.data));
  const void* residual = TRY(copy(inputs.residual.data));
  call_.out = TRY(copy(out_));
  if (call_.mul != nullptr) call_.mul = mul;
  if (call_.residual != nullptr) call_.residual = residual;
  return {};
}

Result<void> DeviceCall::run(const Threads* threads) {
  call_.threads = threads;
  TRY(linear_->run(call_));
  if (memory_.empty()) return {};
  return hip::wait_for(*TRY(hip::Library::find()), call_.stream);
}

Result<void> DeviceCall::fetch() {
  if (memory_.empty()) return {};
  return memory_.back().download(out_);
}

}  // namespace tilejit::report
