#include "targets/amdgpu/metadata.h"

#include <fmt/format.h>
#include <llvm/BinaryFormat/MsgPackDocument.h>
#include <llvm/Object/ELF.h>

#include <optional>
#include <string>

namespace tilejit::amdgpu {
namespace {

using Elf = llvm::object::ELF64LEFile;

template <typename T>
Result<T> take(llvm::Expected<T> value) {
  if (value) return std::move(*value);
  return invalid(fmt::format("code object: {}", llvm::toString(value.takeError())));
}

/// Beside metadata, code: the sections with instructions.
Result<int64_t> code_bytes(const Elf& elf) {
  int64_t bytes = 0;
  for (const Elf::Elf_Shdr& section : TRY(take(elf.sections())))
    if ((section.sh_flags & llvm::ELF::SHF_EXECINSTR) != 0) bytes += static_cast<int64_t>(section.sh_size);
  return bytes;
}

std::optional<std::string> find_note(const Elf& elf, const Elf::Elf_Shdr& section) {
  llvm::Error error = llvm::Error::success();
  std::optional<std::string> found;
  for (const Elf::Elf_Note note : elf.notes(section, error))
    if (note.getType() == llvm::ELF::NT_AMDGPU_METADATA && note.getName() == "AMDGPU")
      found = note.getDescAsStringRef(section.sh_addralign).str();
  if (error) {
    llvm::consumeError(std::move(error));
    return std::nullopt;
  }
  return found;
}

Result<std::string> metadata(const Elf& elf) {
  for (const Elf::Elf_Shdr& section : TRY(take(elf.sections())))
    if (section.sh_type == llvm::ELF::SHT_NOTE)
      if (std::optional<std::string> note = find_note(elf, section)) return std::move(*note);
  return invalid("code object: no AMDGPU metadata");
}

int64_t number(llvm::msgpack::MapDocNode& kernel, const char* key) {
  llvm::msgpack::DocNode& node = kernel[key];
  if (node.getKind() == llvm::msgpack::Type::UInt) return static_cast<int64_t>(node.getUInt());
  return node.getKind() == llvm::msgpack::Type::Int ? node.getInt() : 0;
}

}  // namespace

Result<GpuResources> read_resources(std::span<const uint8_t> bytes) {
  const llvm::StringRef text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const Elf elf = TRY(take(Elf::create(text)));
  const std::string note = TRY(metadata(elf));
  llvm::msgpack::Document document;
  if (!document.readFromBlob(note, false)) return invalid("code object: its metadata is not MessagePack");
  llvm::msgpack::DocNode& kernels = document.getRoot().getMap(true)["amdhsa.kernels"];
  if (!kernels.isArray() || kernels.getArray().size() != 1)
    return invalid("code object: not one kernel in its metadata");
  llvm::msgpack::MapDocNode& kernel = kernels.getArray()[0].getMap(true);
  GpuResources r;
  r.vgprs = static_cast<int>(number(kernel, ".vgpr_count"));
  r.agprs = static_cast<int>(number(kernel, ".agpr_count"));
  r.sgprs = static_cast<int>(number(kernel, ".sgpr_count"));
  r.spilled_vgprs = static_cast<int>(number(kernel, ".vgpr_spill_count"));
  r.spilled_sgprs = static_cast<int>(number(kernel, ".sgpr_spill_count"));
  r.lds_bytes = number(kernel, ".group_segment_fixed_size");
  r.private_bytes = number(kernel, ".private_segment_fixed_size");
  r.kernarg_bytes = number(kernel, ".kernarg_segment_size");
  r.workgroup_size = static_cast<int>(number(kernel, ".max_flat_workgroup_size"));
  r.code_bytes = TRY(code_bytes(elf));
  return r;
}

}  // namespace tilejit::amdgpu
