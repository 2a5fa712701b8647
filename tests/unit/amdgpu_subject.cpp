#include "tests/unit/amdgpu_subject.h"

#ifdef TILEJIT_HAVE_AMDGPU

#include <fmt/format.h>
#include <tilejit/types.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <utility>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "targets/amdgpu/emulator/code_object.h"
#include "targets/amdgpu/emulator/program.h"
#include "targets/targets.h"
#include "tests/support/target_run.h"

namespace tilejit::testing {
namespace {

using namespace amdgpu::emulator;

/// Numbers whose every bit reaches a sum of them.
float moderate(std::mt19937_64& random) {
  const float magnitude = 0.25F + static_cast<float>(random() % (1U << 20)) / (1U << 20);
  return random() % 2 == 0 ? magnitude : -magnitude;
}

template <typename T, typename Make>
void fill(std::vector<std::byte>& memory, Make&& make) {
  for (size_t at = 0; at + sizeof(T) <= memory.size(); at += sizeof(T)) {
    const T element = make();
    std::memcpy(memory.data() + at, &element, sizeof element);
  }
}

void make_moderate(const ir::Buffer& buffer, std::vector<std::byte>& memory, std::mt19937_64& random) {
  if (buffer.type == Type::f32) fill<float>(memory, [&] { return moderate(random); });
  if (buffer.type == Type::bf16) fill<uint16_t>(memory, [&] { return f32_to_bf16(moderate(random)); });
  if (buffer.type == Type::f16) fill<uint16_t>(memory, [&] { return f32_to_f16(moderate(random)); });
}

Result<Operands> operands_of(const ir::Kernel& kernel, int threads, int64_t m, uint64_t seed) {
  Operands operands;
  test::Arguments arguments = test::random_arguments(kernel, m, seed);
  std::mt19937_64 random(seed);
  std::vector<BufferArg> args;
  size_t p = 0;
  for (const ir::Buffer& buffer : kernel.buffers) {
    if (!buffer.is_parameter()) continue;
    make_moderate(buffer, arguments.memory[p], random);
    operands.buffers.push_back({arguments.memory[p], arguments.memory[p], {}});
    args.push_back({operands.buffers.back().live.data(), arguments.row_strides[p] * bits_of(buffer.type) / 8});
    ++p;
  }
  for (const std::vector<int64_t>& task : test::tasks_of(kernel, m))
    operands.launches.push_back(TRY(amdgpu::task_launch(kernel, threads, args.data(), m, task.data())));
  return operands;
}

/// Where the code lies, and what the kernel gives.
Result<void> complete(Subject& subject) {
  const Emulator emulator = TRY(subject.load());
  const std::vector<uint8_t>& code = emulator.program().kernel.code;
  const auto found = std::search(subject.code_object.begin(), subject.code_object.end(), code.begin(), code.end());
  subject.code_at = static_cast<size_t>(found - subject.code_object.begin());
  for (size_t n = 0; n < subject.operands.size(); ++n) {
    uint64_t executed = 0;
    const Observer count = [&](const Wave&, const Instr&) { ++executed; };
    const Ran ran = run(subject, n, emulator, &count);
    if (ran.end != End::silent && ran.end != End::bits) return invalid(fmt::format("{}: {}", subject.name, ran.why));
    subject.operands[n].instructions = executed;
    for (Operands::Buffer& buffer : subject.operands[n].buffers) buffer.expected = buffer.live;
  }
  return {};
}

}  // namespace

Ran run(Subject& subject, size_t n, const Emulator& emulator, const Observer* observer) {
  Operands& operands = subject.operands[n];
  for (Operands::Buffer& buffer : operands.buffers) std::ranges::copy(buffer.initial, buffer.live.begin());
  for (const amdgpu::TaskLaunch& task : operands.launches) {
    Launch launch = task.launch;
    launch.observer = observer;
    if (operands.instructions != 0) launch.most_instructions = 4 * operands.instructions + 4096;
    const Result<Outcome> outcome = emulator.run_workgroup(launch);
    if (!outcome) return {End::stopped, outcome.error().message};
    if (!outcome->reports.empty()) return {End::report, describe(outcome->reports.front())};
  }
  for (const Operands::Buffer& buffer : operands.buffers)
    if (buffer.live != buffer.expected) return {End::bits, "another result"};
  return {};
}

Ran run_all(Subject& subject, const Emulator& emulator) {
  for (size_t n = 0; n < subject.operands.size(); ++n)
    if (Ran ran = run(subject, n, emulator); ran.end != End::silent) return ran;
  return {};
}

Result<std::vector<Subject>> linear_subjects(const std::string& target_name, const std::string& line, size_t sets) {
  const Target& target = *TRY(find_target(target_name));
  const Problem parsed = TRY(parse_problem(line));
  const Problem problem = TRY(resolve(parsed, target.facts()));
  const Schedule schedule = default_schedule(problem, problem.m, target.facts());
  std::vector<Subject> subjects;
  for (const ir::Kernel& kernel : lower_program(build_linear(problem, schedule), {}).kernels) {
    Code code = TRY(target.lower(kernel, {}));
    Subject subject;
    subject.name = fmt::format("{} {}: {}", target_name, line, kernel.name);
    subject.row = amdgpu::find_gpu_row(target_name);
    subject.code_object = std::move(code.bytes);
    for (size_t n = 0; n < sets; ++n)
      subject.operands.push_back(TRY(operands_of(kernel, code.gpu.threads, problem.m, n + 1)));
    TRY(complete(subject));
    subjects.push_back(std::move(subject));
  }
  return subjects;
}

Result<Subject> written_subject(const Written& written, size_t sets) {
  Subject subject;
  subject.name = fmt::format("{} {}", written.kernel.target, written.name);
  subject.row = amdgpu::find_gpu_row(written.kernel.target);
  subject.code_object = TRY(assemble_kernel(written.kernel));
  for (size_t n = 0; n < sets; ++n) {
    Operands operands;
    std::mt19937_64 random(n + 1);
    std::vector<std::byte> in(4 * written.in_words), out(4 * written.out_words);
    if (written.holds_halves)
      fill<uint16_t>(in, [&] { return f32_to_f16(moderate(random)); });
    else
      fill<uint32_t>(in, [&] { return static_cast<uint32_t>(random()); });
    operands.buffers = {{in, in, {}}, {out, out, {}}};
    for (uint32_t group = 0; group < written.groups; ++group) {
      amdgpu::TaskLaunch task;
      task.kernarg.resize(written.kernel.kernarg_bytes);
      task.memory = {{operands.buffers[0].live.data(), in.size(), Access::read, "in"},
                     {operands.buffers[1].live.data(), out.size(), Access::read_write, "out"}};
      const uint64_t addresses[] = {reinterpret_cast<uintptr_t>(operands.buffers[0].live.data()),
                                    reinterpret_cast<uintptr_t>(operands.buffers[1].live.data())};
      std::memcpy(task.kernarg.data(), addresses, sizeof addresses);
      task.launch.kernarg = task.kernarg;
      task.launch.memory = task.memory;
      task.launch.workgroup = {group, 0, 0};
      task.launch.workgroups = {written.groups, 1, 1};
      task.launch.size = {written.items, 1, 1};
      operands.launches.push_back(std::move(task));
    }
    subject.operands.push_back(std::move(operands));
  }
  TRY(complete(subject));
  return subject;
}

}  // namespace tilejit::testing

#endif
