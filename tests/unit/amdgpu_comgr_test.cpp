// An independent reader of code objects: what AMD's comgr library, which ROCm's loader uses, reads from the metadata is what
// tilejit compiled and launches by. The functions are those of ROCm's amd_comgr.h, version 2.
#ifdef TILEJIT_HAVE_AMDGPU

#include <dlfcn.h>
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "jit/build_linear.h"
#include "jit/compile.h"
#include "jit/default_schedule.h"
#include "targets/amdgpu/arch.h"
#include "targets/amdgpu/kernel_arguments.h"
#include "targets/targets.h"
#include "tests/support/gpu_rows.h"

namespace tilejit {
namespace {

using Status = int;
struct Handle {
  uint64_t value = 0;
};
constexpr int executable = 8;  // AMD_COMGR_DATA_KIND_EXECUTABLE

struct Functions {
  Status (*create_data)(int kind, Handle* data) = nullptr;
  Status (*set_data)(Handle data, size_t size, const char* bytes) = nullptr;
  Status (*release_data)(Handle data) = nullptr;
  Status (*get_data_metadata)(Handle data, Handle* node) = nullptr;
  Status (*destroy_metadata)(Handle node) = nullptr;
  Status (*get_metadata_string)(Handle node, size_t* size, char* text) = nullptr;
  Status (*get_metadata_list_size)(Handle node, size_t* size) = nullptr;
  Status (*index_list_metadata)(Handle node, size_t index, Handle* value) = nullptr;
  Status (*metadata_lookup)(Handle node, const char* key, Handle* value) = nullptr;
};

template <typename F>
bool bind(void* library, F& function, const char* name) {
  function = reinterpret_cast<F>(dlsym(library, name));
  return function != nullptr;
}

/// Null with the loader's words in `why`.
const Functions* comgr(std::string& why) {
  static Functions f;
  static std::string reason;
  static const bool found = [] {
    void* library = dlopen("libamd_comgr.so.2", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      const char* words = dlerror();
      reason = words != nullptr ? words : "no libamd_comgr.so.2";
      return false;
    }
    const bool all = bind(library, f.create_data, "amd_comgr_create_data") &&
                     bind(library, f.set_data, "amd_comgr_set_data") &&
                     bind(library, f.release_data, "amd_comgr_release_data") &&
                     bind(library, f.get_data_metadata, "amd_comgr_get_data_metadata") &&
                     bind(library, f.destroy_metadata, "amd_comgr_destroy_metadata") &&
                     bind(library, f.get_metadata_string, "amd_comgr_get_metadata_string") &&
                     bind(library, f.get_metadata_list_size, "amd_comgr_get_metadata_list_size") &&
                     bind(library, f.index_list_metadata, "amd_comgr_index_list_metadata") &&
                     bind(library, f.metadata_lookup, "amd_comgr_metadata_lookup");
    if (!all) reason = "libamd_comgr.so.2 lacks a function of version 2";
    return all;
  }();
  why = reason;
  return found ? &f : nullptr;
}

/// A node of the metadata; what is not there reads as empty, 0 and an empty list.
class Node {
 public:
  Node() = default;
  Node(const Functions& f, Handle handle) : f_(&f), handle_(handle) {}
  Node(Node&& o) noexcept : f_(std::exchange(o.f_, nullptr)), handle_(o.handle_) {}
  Node& operator=(Node&&) = delete;
  ~Node() {
    if (f_ != nullptr) f_->destroy_metadata(handle_);
  }

  Node operator[](const char* key) const {
    Handle value;
    if (f_ == nullptr || f_->metadata_lookup(handle_, key, &value) != 0) return {};
    return {*f_, value};
  }
  Node operator[](size_t index) const {
    Handle value;
    if (f_ == nullptr || f_->index_list_metadata(handle_, index, &value) != 0) return {};
    return {*f_, value};
  }
  size_t size() const {
    size_t size = 0;
    return f_ != nullptr && f_->get_metadata_list_size(handle_, &size) == 0 ? size : 0;
  }
  std::string text() const {
    size_t size = 0;
    if (f_ == nullptr || f_->get_metadata_string(handle_, &size, nullptr) != 0) return "";
    std::string text(size, '\0');
    f_->get_metadata_string(handle_, &size, text.data());
    while (!text.empty() && text.back() == '\0') text.pop_back();
    return text;
  }
  /// comgr gives numbers as text; -1 for what is no number.
  int64_t number() const {
    const std::string digits = text();
    char* end = nullptr;
    const int64_t value = std::strtoll(digits.c_str(), &end, 10);
    return digits.empty() || *end != '\0' ? -1 : value;
  }

 private:
  const Functions* f_ = nullptr;
  Handle handle_;
};

/// The metadata of a code object; the root outlives the data.
Node metadata_of(const Functions& f, const std::vector<uint8_t>& bytes) {
  Handle data, root;
  if (f.create_data(executable, &data) != 0) return {};
  const bool read = f.set_data(data, bytes.size(), reinterpret_cast<const char*>(bytes.data())) == 0 &&
                    f.get_data_metadata(data, &root) == 0;
  f.release_data(data);
  return read ? Node(f, root) : Node();
}

constexpr const char* problems[] = {
    "w4a16 m=4 n=512 k=256 a=bf16 g=128 zp=int s=f16 epilogue=bias+silu+mul+residual",
    "w4a16 m=2 n=500 k=250 a=f32 g=100 perm=1 epilogue=relu",
    "w8a8 m=40 n=512 k=256 a=bf16 epilogue=gelu_tanh",
    "w4a16 m=1 n=512 k=1024 a=f16 g=128 ks=4",
    "w16a16 m=64 n=512 k=256 a=bf16",
};

/// A pointer and a row distance for each parameter buffer, then m, of 8 bytes each without gaps; nothing hidden behind.
void expect_arguments(const Node& kernel, const ir::Kernel& compiled) {
  int64_t parameters = 0;
  for (const ir::Buffer& buffer : compiled.buffers) parameters += buffer.is_parameter();
  EXPECT_EQ(kernel[".kernarg_segment_size"].number(), amdgpu::explicit_bytes(parameters));
  EXPECT_EQ(kernel[".kernarg_segment_align"].number(), 8);
  const Node arguments = kernel[".args"];
  ASSERT_EQ(static_cast<int64_t>(arguments.size()), 2 * parameters + 1);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const Node argument = arguments[i];
    const bool is_pointer = i % 2 == 0 && i + 1 < arguments.size();
    EXPECT_EQ(argument[".offset"].number(), static_cast<int64_t>(8 * i)) << i;
    EXPECT_EQ(argument[".size"].number(), 8) << i;
    EXPECT_EQ(argument[".value_kind"].text(), is_pointer ? "global_buffer" : "by_value") << i;
  }
}

void expect_agreement(const Functions& f, const amdgpu::GpuRow& row, const CompiledKernel& one) {
  const Node root = metadata_of(f, one.code.bytes);
  EXPECT_EQ(root["amdhsa.version"][size_t{0}].number(), 1);
  EXPECT_EQ(root["amdhsa.version"][size_t{1}].number(), 2);  // of code object version 5
  EXPECT_EQ(root["amdhsa.target"].text(), "amdgcn-amd-amdhsa--" + row.facts.name);
  const Node kernels = root["amdhsa.kernels"];
  ASSERT_EQ(kernels.size(), 1u);
  const Node kernel = kernels[size_t{0}];
  EXPECT_EQ(kernel[".name"].text(), one.code.gpu.function);
  EXPECT_EQ(kernel[".symbol"].text(), one.code.gpu.function + ".kd");
  expect_arguments(kernel, one.kernel);
  const Resources& r = one.code.resources;
  EXPECT_EQ(kernel[".group_segment_fixed_size"].number(), r.shared_bytes);
  EXPECT_EQ(kernel[".private_segment_fixed_size"].number(), 0);
  EXPECT_EQ(kernel[".vgpr_count"].number(), r.vector_registers);
  EXPECT_EQ(kernel[".sgpr_count"].number(), r.general_registers);
  if (amdgpu::is_cdna(row.family)) { EXPECT_EQ(kernel[".agpr_count"].number(), r.accumulator_registers); }
  EXPECT_EQ(kernel[".vgpr_spill_count"].number() + kernel[".sgpr_spill_count"].number(), r.spill_slots);
  EXPECT_EQ(kernel[".wavefront_size"].number(), row.wave);
  EXPECT_EQ(kernel[".max_flat_workgroup_size"].number(), one.code.gpu.threads);
}

class AmdgpuComgr : public testing::TestWithParam<const char*> {};

TEST_P(AmdgpuComgr, ReadsWhatWasCompiled) {
  std::string why;
  const Functions* f = comgr(why);
  if (f == nullptr) GTEST_SKIP() << "libamd-comgr2 is not installed: " << why;
  const Target& target = **find_target(GetParam());
  for (const char* line : problems) {
    const Problem problem = *resolve(*parse_problem(line), target.facts());
    const Schedule schedule = default_schedule(problem, problem.m, target.facts());
    const auto compiled = compile(build_linear(problem, schedule), target, {});
    ASSERT_TRUE(compiled.ok()) << line << ": " << compiled.error().message;
    for (const CompiledKernel& one : *compiled) {
      SCOPED_TRACE(fmt::format("{}: {}", line, one.kernel.name));
      expect_agreement(*f, *amdgpu::find_gpu_row(GetParam()), one);
    }
  }
}

TEST(AmdgpuComgrReader, FindsNothingInWhatIsNoCodeObject) {
  std::string why;
  const Functions* f = comgr(why);
  if (f == nullptr) GTEST_SKIP() << "libamd-comgr2 is not installed: " << why;
  EXPECT_EQ(metadata_of(*f, std::vector<uint8_t>(64, 1))["amdhsa.kernels"].size(), 0u);
}

INSTANTIATE_TEST_SUITE_P(Rows, AmdgpuComgr, testing::ValuesIn(test::gpu_rows),
                         [](const auto& row) { return row.param; });

}  // namespace
}  // namespace tilejit

#endif
