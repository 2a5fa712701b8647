#include "targets/amdgpu/emulator/code_object.h"

#include <fmt/format.h>
#include <llvm/BinaryFormat/ELF.h>
#include <llvm/BinaryFormat/MsgPackDocument.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

namespace tilejit::amdgpu::emulator {
namespace {

namespace elf = llvm::ELF;
constexpr uint32_t metadata_note = 32;  // NT_AMDGPU_METADATA
constexpr uint64_t descriptor_bytes = 64;

/// A file whose every read is checked.
struct File {
  std::span<const uint8_t> bytes;

  Result<std::span<const uint8_t>> part(uint64_t offset, uint64_t size, std::string_view what) const {
    if (offset > bytes.size() || size > bytes.size() - offset)
      return invalid(fmt::format("code object: {} of {} bytes at {:#x} lies outside of the file's {} bytes", what, size,
                                 offset, bytes.size()));
    return bytes.subspan(offset, size);
  }
  template <typename T>
  Result<T> read(uint64_t offset, std::string_view what) const {
    const auto from = TRY(part(offset, sizeof(T), what));
    T value;
    std::memcpy(&value, from.data(), sizeof(T));
    return value;
  }
};

struct Sections {
  std::vector<elf::Elf64_Shdr> headers;

  /// The file offset of a loaded address.
  std::optional<uint64_t> offset_of(uint64_t address) const {
    for (const auto& s : headers)
      if ((s.sh_flags & elf::SHF_ALLOC) != 0 && s.sh_type != elf::SHT_NOBITS && address >= s.sh_addr &&
          address - s.sh_addr < s.sh_size)
        return s.sh_offset + (address - s.sh_addr);
    return std::nullopt;
  }
};

Result<std::string> name_at(const File& file, const elf::Elf64_Shdr& strings, uint64_t index) {
  const auto table = TRY(file.part(strings.sh_offset, strings.sh_size, "the string table"));
  if (index >= table.size())
    return invalid(fmt::format("code object: the name at {} lies outside of its table", index));
  const auto rest = table.subspan(index);
  const auto end = std::find(rest.begin(), rest.end(), uint8_t{0});
  if (end == rest.end()) return invalid("code object: a symbol's name has no end");
  return std::string(rest.begin(), end);
}

Result<KernelDescriptor> read_descriptor(const File& file, uint64_t offset, int64_t& entry) {
  KernelDescriptor d;
  TRY(file.part(offset, descriptor_bytes, "a kernel descriptor"));
  d.lds_bytes = TRY(file.read<uint32_t>(offset, "LDS bytes"));
  d.private_bytes = TRY(file.read<uint32_t>(offset + 4, "private bytes"));
  d.kernarg_bytes = TRY(file.read<uint32_t>(offset + 8, "kernarg bytes"));
  entry = TRY(file.read<int64_t>(offset + 16, "the entry"));
  d.rsrc3 = TRY(file.read<uint32_t>(offset + 44, "rsrc3"));
  d.rsrc1 = TRY(file.read<uint32_t>(offset + 48, "rsrc1"));
  d.rsrc2 = TRY(file.read<uint32_t>(offset + 52, "rsrc2"));
  d.properties = TRY(file.read<uint16_t>(offset + 56, "kernel code properties"));
  d.preload = TRY(file.read<uint16_t>(offset + 58, "kernarg preload"));
  return d;
}

struct Symbol {
  std::string name;
  elf::Elf64_Sym entry;
};

Result<std::vector<Symbol>> read_symbols(const File& file, const Sections& sections) {
  std::vector<Symbol> symbols;
  for (const auto& s : sections.headers) {
    if (s.sh_type != elf::SHT_DYNSYM && s.sh_type != elf::SHT_SYMTAB) continue;
    if (s.sh_entsize != sizeof(elf::Elf64_Sym) || s.sh_link >= sections.headers.size())
      return invalid("code object: a malformed symbol table");
    TRY(file.part(s.sh_offset, s.sh_size, "a symbol table"));
    for (uint64_t at = 0; at + sizeof(elf::Elf64_Sym) <= s.sh_size; at += sizeof(elf::Elf64_Sym)) {
      const auto entry = TRY(file.read<elf::Elf64_Sym>(s.sh_offset + at, "a symbol"));
      auto name = TRY(name_at(file, sections.headers[s.sh_link], entry.st_name));
      const bool known = std::any_of(symbols.begin(), symbols.end(), [&](const Symbol& x) { return x.name == name; });
      if (!known) symbols.push_back({std::move(name), entry});
    }
  }
  return symbols;
}

Result<int64_t> number(llvm::msgpack::MapDocNode& map, const char* key, int64_t otherwise) {
  const auto found = map.find(key);
  if (found == map.end()) return otherwise;
  const auto& node = found->second;
  if (node.getKind() == llvm::msgpack::Type::UInt) return static_cast<int64_t>(node.getUInt());
  if (node.getKind() == llvm::msgpack::Type::Int) return node.getInt();
  return invalid(fmt::format("code object: {} of the metadata is no number", key));
}

Result<KernelMetadata> read_kernel(llvm::msgpack::MapDocNode& map) {
  KernelMetadata m;
  const auto name = map.find(".name");
  if (name == map.end() || !name->second.isString())
    return invalid("code object: a kernel of the metadata has no name");
  m.name = name->second.getString().str();
  m.sgprs = TRY(number(map, ".sgpr_count", 0));
  m.vgprs = TRY(number(map, ".vgpr_count", 0));
  m.agprs = TRY(number(map, ".agpr_count", 0));
  m.sgpr_spills = TRY(number(map, ".sgpr_spill_count", 0));
  m.vgpr_spills = TRY(number(map, ".vgpr_spill_count", 0));
  m.lds_bytes = TRY(number(map, ".group_segment_fixed_size", 0));
  m.private_bytes = TRY(number(map, ".private_segment_fixed_size", 0));
  m.kernarg_bytes = TRY(number(map, ".kernarg_segment_size", 0));
  m.wave = TRY(number(map, ".wavefront_size", 0));
  m.most_workitems = TRY(number(map, ".max_flat_workgroup_size", 0));
  return m;
}

Result<std::vector<KernelMetadata>> read_document(std::span<const uint8_t> blob, std::string& target) {
  llvm::msgpack::Document document;
  if (!document.readFromBlob({reinterpret_cast<const char*>(blob.data()), blob.size()}, false) ||
      !document.getRoot().isMap())
    return invalid("code object: the metadata note is no map in msgpack");
  auto& root = document.getRoot().getMap();
  if (const auto found = root.find("amdhsa.target"); found != root.end() && found->second.isString())
    target = found->second.getString().str();
  std::vector<KernelMetadata> all;
  const auto kernels = root.find("amdhsa.kernels");
  if (kernels == root.end() || !kernels->second.isArray()) return invalid("code object: the metadata lists no kernels");
  for (auto& node : kernels->second.getArray()) {
    if (!node.isMap()) return invalid("code object: a kernel of the metadata is no map");
    all.push_back(TRY(read_kernel(node.getMap())));
  }
  return all;
}

constexpr uint64_t padded(uint64_t bytes) { return (bytes + 3) & ~uint64_t{3}; }

Result<std::vector<KernelMetadata>> read_metadata(const File& file, const Sections& sections, std::string& target) {
  for (const auto& s : sections.headers) {
    if (s.sh_type != elf::SHT_NOTE) continue;
    TRY(file.part(s.sh_offset, s.sh_size, "a note section"));
    for (uint64_t at = 0; at + 12 <= s.sh_size;) {
      const uint64_t name_bytes = TRY(file.read<uint32_t>(s.sh_offset + at, "a note"));
      const uint64_t bytes = TRY(file.read<uint32_t>(s.sh_offset + at + 4, "a note"));
      const uint32_t type = TRY(file.read<uint32_t>(s.sh_offset + at + 8, "a note"));
      const uint64_t from = at + 12 + padded(name_bytes);
      if (from > s.sh_size || bytes > s.sh_size - from) return invalid("code object: a note leaves its section");
      if (type == metadata_note)
        return read_document(TRY(file.part(s.sh_offset + from, bytes, "the metadata")), target);
      at = from + padded(bytes);
    }
  }
  return invalid("code object: no metadata note");
}

Result<Sections> read_sections(const File& file, const elf::Elf64_Ehdr& header) {
  Sections sections;
  if (header.e_shentsize != sizeof(elf::Elf64_Shdr)) return invalid("code object: section headers of another size");
  TRY(file.part(header.e_shoff, uint64_t{header.e_shnum} * sizeof(elf::Elf64_Shdr), "the section headers"));
  for (uint64_t n = 0; n < header.e_shnum; ++n)
    sections.headers.push_back(
        TRY(file.read<elf::Elf64_Shdr>(header.e_shoff + n * sizeof(elf::Elf64_Shdr), "a section header")));
  return sections;
}

Result<Kernel> read_one(const File& file, const Sections& sections, const std::vector<Symbol>& symbols,
                        const Symbol& descriptor, const std::vector<KernelMetadata>& metadata) {
  Kernel kernel;
  kernel.name = descriptor.name.substr(0, descriptor.name.size() - 3);
  const auto at = sections.offset_of(descriptor.entry.st_value);
  if (!at) return invalid(fmt::format("code object: {} lies in no section", descriptor.name));
  int64_t entry = 0;
  kernel.descriptor = TRY(read_descriptor(file, *at, entry));
  kernel.address = descriptor.entry.st_value + static_cast<uint64_t>(entry);
  const auto code =
      std::find_if(symbols.begin(), symbols.end(), [&](const Symbol& s) { return s.name == kernel.name; });
  if (code == symbols.end() || code->entry.st_value != kernel.address)
    return invalid(fmt::format("code object: the descriptor of {} enters at {:#x}, where no such symbol is",
                               kernel.name, kernel.address));
  const auto from = sections.offset_of(kernel.address);
  if (!from) return invalid(fmt::format("code object: the code of {} lies in no section", kernel.name));
  const auto bytes = TRY(file.part(*from, code->entry.st_size, "the code of " + kernel.name));
  kernel.code.assign(bytes.begin(), bytes.end());
  const auto about =
      std::find_if(metadata.begin(), metadata.end(), [&](const KernelMetadata& m) { return m.name == kernel.name; });
  if (about == metadata.end()) return invalid(fmt::format("code object: the metadata does not name {}", kernel.name));
  kernel.metadata = *about;
  return kernel;
}

}  // namespace

Result<CodeObject> read_code_object(std::span<const uint8_t> bytes) {
  const File file{bytes};
  const auto header = TRY(file.read<elf::Elf64_Ehdr>(0, "the ELF header"));
  if (!header.checkMagic() || header.getFileClass() != elf::ELFCLASS64 || header.getDataEncoding() != elf::ELFDATA2LSB)
    return invalid("code object: no little-endian ELF64 file");
  if (header.e_machine != elf::EM_AMDGPU)
    return invalid(fmt::format("code object: e_machine={} is not AMDGPU ({})", header.e_machine, +elf::EM_AMDGPU));
  const Sections sections = TRY(read_sections(file, header));
  const auto symbols = TRY(read_symbols(file, sections));
  CodeObject object;
  object.machine = header.e_flags & elf::EF_AMDGPU_MACH;
  const auto metadata = TRY(read_metadata(file, sections, object.target));
  for (const Symbol& symbol : symbols)
    if (symbol.name.ends_with(".kd"))
      object.kernels.push_back(TRY(read_one(file, sections, symbols, symbol, metadata)));
  if (object.kernels.empty()) return invalid("code object: no kernel descriptor");
  return object;
}

}  // namespace tilejit::amdgpu::emulator
