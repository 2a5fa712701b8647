#include "runtime/kernel.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "ir/builder.h"
#include "runtime/perf_map.h"

namespace tilejit {
namespace {

/// A kernel over tasks p = 0..5 and r = 2..m step 3 that notes the tasks it is called with.
struct Noted {
  std::vector<std::pair<int64_t, int64_t>> tasks;
};

CompiledKernel two_task_loops(Noted* noted) {
  ir::Builder b("probe");
  b.buffer("a", ir::Space::global, Type::f32, {ir::Extent::of_m(), 8}, true);
  b.buffer("tmp", ir::Space::workspace, Type::f32, {ir::Extent::of_m(), 8});
  b.buffer("panel", ir::Space::scratch, Type::f32, {8});
  b.for_loop(ir::LoopKind::tasks, "p", 0, 5);
  b.for_loop(ir::LoopKind::tasks, "r", 2, ir::Affine::of(ir::value_m), 3);
  b.end();
  b.end();
  CompiledKernel compiled{.kernel = b.take(), .code = {}};
  compiled.code.scratch_bytes = 100;
  compiled.code.interpreted = [noted](const BufferArg*, int64_t, const int64_t* task, void*) -> Result<void> {
    noted->tasks.emplace_back(task[0], task[1]);
    return {};
  };
  return compiled;
}

CompiledKernel machine_code() {
  ir::Builder b("probe");
  b.for_loop(ir::LoopKind::tasks, "p", 0, 1);
  b.end();
  CompiledKernel compiled{.kernel = b.take(), .code = {}};
  compiled.code.bytes = {0xf3, 0x0f, 0x1e, 0xfa, 0xc3};  // endbr64; ret
  return compiled;
}

TEST(Kernel, EnumeratesItsTasksForM) {
  Noted noted;
  const auto kernel = Kernel::load(two_task_loops(&noted), "test");
  ASSERT_TRUE(kernel.ok());
  const TaskGrid grid = kernel->grid(9);  // r = 2, 5, 8
  EXPECT_EQ(grid.tasks, 15);
  for (int64_t id = 0; id < grid.tasks; ++id) ASSERT_TRUE(kernel->run_task(grid, id, nullptr, 9, nullptr).ok());
  ASSERT_EQ(noted.tasks.size(), 15u);
  EXPECT_EQ(noted.tasks[0], std::pair(int64_t{0}, int64_t{2}));
  EXPECT_EQ(noted.tasks[2], std::pair(int64_t{0}, int64_t{8}));
  EXPECT_EQ(noted.tasks[14], std::pair(int64_t{4}, int64_t{8}));
  EXPECT_EQ(kernel->grid(2).tasks, 0);
  EXPECT_EQ(kernel->grid(1).tasks, 0);
}

TEST(Kernel, AProgramSharesWorkspaceByName) {
  Noted noted;
  std::vector<CompiledKernel> kernels;
  kernels.push_back(two_task_loops(&noted));
  kernels.push_back(two_task_loops(&noted));
  const auto program = load_program(std::move(kernels), "test");
  ASSERT_TRUE(program.ok());
  EXPECT_EQ(program->workspace.size(), 1u);
  EXPECT_EQ(program->scratch_bytes, 128);
  for (const Kernel& kernel : program->kernels) {
    ASSERT_EQ(kernel.parameters().size(), 2u);  // scratch is not a parameter
    EXPECT_EQ(kernel.parameters()[0].operand, Operand::a);
    EXPECT_TRUE(kernel.parameters()[0].strided);
    EXPECT_EQ(kernel.parameters()[1].workspace, 0);
  }
}

TEST(PerfMap, GetsALinePerKernel) {
  setenv("TILEJIT_PERF", "map", 1);
  const auto kernel = Kernel::load(machine_code(), "w4a16 n=64");
  unsetenv("TILEJIT_PERF");
  ASSERT_TRUE(kernel.ok());
  std::ifstream file(perf_map_path());
  std::string line;
  std::string last;
  while (std::getline(file, line)) last = line;
  uint64_t start = 0;
  uint64_t size = 0;
  ASSERT_EQ(std::sscanf(last.c_str(), "%lx %lx", &start, &size), 2) << last;
  EXPECT_NE(start, 0u);
  EXPECT_EQ(size, 5u);
  EXPECT_NE(last.find(" tilejit:probe:w4a16"), std::string::npos) << last;
  std::remove(perf_map_path().c_str());
}

TEST(PerfMap, IsOffByDefault) {
  ASSERT_TRUE(Kernel::load(machine_code(), "w4a16").ok());
  EXPECT_FALSE(std::ifstream(perf_map_path()).good());
}

template <typename T>
T read_at(std::span<const std::byte> file, size_t offset) {
  T value;
  EXPECT_LE(offset + sizeof(T), file.size());
  std::memcpy(&value, &file[offset], sizeof(T));
  return value;
}

TEST(GdbJit, TheElfHasOneFunctionSymbolOverTheCode) {
  const std::array<std::byte, 40> code{};
  const std::vector<std::byte> file = debug_elf(code, "tilejit:gemm");
  const auto header = read_at<Elf64_Ehdr>(file, 0);
  ASSERT_EQ(std::memcmp(header.e_ident, ELFMAG, SELFMAG), 0);
  const auto section = [&](size_t i) { return read_at<Elf64_Shdr>(file, header.e_shoff + i * sizeof(Elf64_Shdr)); };
  const auto text_at = [&](const Elf64_Shdr& strings, size_t offset) {
    return std::string(reinterpret_cast<const char*>(&file[strings.sh_offset + offset]));
  };
  size_t symbols = 0;
  for (size_t i = 1; i < header.e_shnum; ++i) {
    if (section(i).sh_type == SHT_SYMTAB) symbols = i;
    EXPECT_LE(section(i).sh_offset + (section(i).sh_type == SHT_NOBITS ? 0 : section(i).sh_size), file.size());
  }
  ASSERT_NE(symbols, 0u);
  const auto symbol = read_at<Elf64_Sym>(file, section(symbols).sh_offset + sizeof(Elf64_Sym));
  EXPECT_EQ(symbol.st_value, reinterpret_cast<uint64_t>(code.data()));
  EXPECT_EQ(symbol.st_size, code.size());
  EXPECT_EQ(ELF64_ST_TYPE(symbol.st_info), STT_FUNC);
  EXPECT_EQ(text_at(section(section(symbols).sh_link), symbol.st_name), "tilejit:gemm");
  EXPECT_EQ(text_at(section(header.e_shstrndx), section(symbol.st_shndx).sh_name), ".text");
  EXPECT_EQ(section(symbol.st_shndx).sh_addr, symbol.st_value);
}

/// What a debugger reads: the list that hangs on __jit_debug_descriptor.
struct DescriptorView {
  uint32_t version;
  uint32_t action;
  void* relevant;
  void* first;
};
extern "C" DescriptorView __jit_debug_descriptor;  // NOLINT(bugprone-reserved-identifier): the name GDB looks for

TEST(GdbJit, AKernelIsListedWhileItLives) {
  void* const before = __jit_debug_descriptor.first;
  setenv("TILEJIT_GDB", "1", 1);
  {
    const auto kernel = Kernel::load(machine_code(), "w4a16");
    ASSERT_TRUE(kernel.ok());
    EXPECT_NE(__jit_debug_descriptor.first, before);
    EXPECT_EQ(__jit_debug_descriptor.action, 1u);
  }
  unsetenv("TILEJIT_GDB");
  EXPECT_EQ(__jit_debug_descriptor.first, before);
  EXPECT_EQ(__jit_debug_descriptor.action, 2u);
}

}  // namespace
}  // namespace tilejit
