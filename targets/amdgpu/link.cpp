#include "targets/amdgpu/link.h"

#include <fmt/format.h>
#include <lld/Common/Driver.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>

LLD_HAS_DRIVER(elf)

namespace tilejit::amdgpu {
namespace {

/// A folder of its own for the linker's files: lld reads and writes by name.
class Folder {
 public:
  Folder() {
    std::error_code error;
    std::string name = (std::filesystem::temp_directory_path(error) / "tilejit-XXXXXX").string();
    if (!error && mkdtemp(name.data()) != nullptr) path_ = name;
  }
  ~Folder() {
    std::error_code ignored;
    if (is_there()) std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  bool is_there() const { return !path_.empty(); }
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

Result<std::vector<uint8_t>> link(std::span<const char> object) {
  const Folder folder;
  if (!folder.is_there()) return resource("no temporary folder for the linker; set TMPDIR to one that can be written");
  const std::string input = folder.file("kernel.o");
  const std::string output = folder.file("kernel.co");
  if (!std::ofstream(input, std::ios::binary).write(object.data(), static_cast<std::streamsize>(object.size())).flush())
    return resource(fmt::format("cannot write {} bytes to {}", object.size(), input));
  const char* arguments[] = {"ld.lld",      "-shared", "--no-undefined", "--threads=1", "--build-id=none",
                             input.c_str(), "-o",      output.c_str()};
  std::string words;
  llvm::raw_string_ostream report(words);
  {
    static std::mutex one_at_a_time;  // lld keeps its state in globals
    const std::lock_guard lock(one_at_a_time);
    const lld::Result result = lld::lldMain(arguments, llvm::nulls(), report, {{lld::Gnu, &lld::elf::link}});
    if (result.retCode != 0) return unsupported(fmt::format("linking a code object: {}", words));
  }
  std::ifstream file(output, std::ios::binary);
  std::vector<uint8_t> elf{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (elf.empty()) return resource(fmt::format("the linker wrote nothing to {}", output));
  return elf;
}

}  // namespace tilejit::amdgpu
