// Loads and stores. An address is a uniform 64-bit base (buffer and index), what the lane adds in 32 bits, and a constant for
// each register. Accesses of which some lanes have no part (clipped elements, copies, padding) go through a buffer resource
// of the whole address range: a lane without a part asks beyond it, where a load gives 0 and a store does nothing.
#include <bit>

#include "targets/amdgpu/access.h"
#include "targets/amdgpu/selection.h"

namespace tilejit::amdgpu {
namespace {

void mark_constant(Selection& s, llvm::Instruction* load, ir::BufferId buffer) {
  const BufferPlace& place = s.buffers[static_cast<size_t>(buffer)];
  if (!place.is_stored && s.kernel.buffer(buffer).is_parameter())
    load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(s.module.getContext(), {}));
}

bool are_same(const llvm::Value* x, const llvm::Value* y) {
  if (x == y) return true;
  const auto* first = x == nullptr ? nullptr : llvm::dyn_cast<llvm::Instruction>(x);
  const auto* second = y == nullptr ? nullptr : llvm::dyn_cast<llvm::Instruction>(y);
  return first != nullptr && second != nullptr && first->isIdenticalTo(second);
}

/// LDS has no bounds-checked stores: lanes without a part skip them.
void store_to_lds(Selection& s, Access& access, const Layout& layout, const std::vector<llvm::Value*>& registers) {
  llvm::Value* open = nullptr;  // the condition of the block that is being written
  llvm::BasicBlock* next = nullptr;
  const auto close = [&] {
    if (open == nullptr) return;
    s.b.CreateBr(next);
    s.b.SetInsertPoint(next);
    open = nullptr;
  };
  std::vector<llvm::Value*> addresses;
  std::vector<llvm::Value*> conditions;  // all made before the first block opens, so that each is known in all of them
  for (int r = 0; r < layout.registers(); ++r) {
    addresses.push_back(access.address(r));
    llvm::Value* condition = access.lane_condition(layout.register_part(r), true);
    if (!conditions.empty() && are_same(conditions.back(), condition)) condition = conditions.back();
    conditions.push_back(condition);
  }
  for (int r = 0; r < layout.registers(); ++r) {
    llvm::Value* condition = conditions[static_cast<size_t>(r)];
    if (condition != open) close();
    if (condition != open) {
      llvm::BasicBlock* then = llvm::BasicBlock::Create(s.module.getContext(), "", s.function);
      next = llvm::BasicBlock::Create(s.module.getContext(), "", s.function);
      s.b.CreateCondBr(condition, then, next);
      s.b.SetInsertPoint(then);
      open = condition;
    }
    const auto i = static_cast<size_t>(r);
    s.b.CreateAlignedStore(registers[i], addresses[i], access.alignment());
  }
  close();
}

llvm::Type* piece_type(llvm::Type* cell, int count) {
  return count == 1 ? cell : llvm::FixedVectorType::get(cell, static_cast<unsigned>(count));
}

/// Buffer instructions move whole words.
llvm::Type* buffer_type(Selection& s, llvm::Type* type) {
  const auto bits = static_cast<unsigned>(type->getPrimitiveSizeInBits());
  if (bits <= 32) return s.b.getIntNTy(bits);
  return llvm::FixedVectorType::get(s.b.getInt32Ty(), bits / 32);
}

bool is_exchanged(const Selection& s, ir::BufferId buffer) {
  const BufferPlace& place = s.buffers[static_cast<size_t>(buffer)];
  return place.is_stored && place.is_loaded;
}

}  // namespace

Result<void> select_load(Selection& s, const ir::Instr& instr) {
  const Layout& layout = s.layout(instr.dst);
  Access access(s, instr, layout);
  TRY(access.plan());
  llvm::Type* cell = s.cell_type(s.type(instr.dst));
  const bool is_whole = access.is_whole(false);
  const bool follows_loops = access.can_follow_loops();
  std::vector<llvm::Value*> registers;
  for (const Access::Piece& piece : access.pieces()) {
    llvm::Type* type = piece_type(cell, piece.count);
    llvm::Value* value = nullptr;
    if (is_whole && follows_loops) {
      const Access::Followed at = access.followed(piece.first);
      value = s.b.CreateIntrinsic(llvm::Intrinsic::amdgcn_raw_ptr_buffer_load, {buffer_type(s, type)},
                                  {at.resource, at.lanes, at.loop, s.i32(0)});
      value = s.b.CreateBitCast(value, type);
    } else if (is_whole) {
      llvm::LoadInst* load = s.b.CreateAlignedLoad(type, access.address(piece.first), piece.alignment);
      mark_constant(s, load, instr.buffer);
      value = load;
    } else {
      const Access::Checked at = access.checked(piece.first, false);
      value = s.b.CreateIntrinsic(llvm::Intrinsic::amdgcn_raw_ptr_buffer_load, {buffer_type(s, type)},
                                  {at.resource, at.offset, s.i32(0), s.i32(0)});
      value = s.b.CreateBitCast(value, type);
    }
    if (piece.count == 1) registers.push_back(value);
    for (int i = 0; piece.count > 1 && i < piece.count; ++i)
      registers.push_back(s.b.CreateExtractElement(value, static_cast<uint64_t>(i)));
  }
  s.write(instr.dst, std::move(registers));
  return {};
}

Result<void> select_store(Selection& s, const ir::Instr& instr) {
  const Layout& layout = s.layout(instr.args[0]);
  Access access(s, instr, layout);
  TRY(access.plan());
  if (is_exchanged(s, instr.buffer)) s.fence();
  std::vector<llvm::Value*> registers;
  for (int r = 0; r < layout.registers(); ++r) registers.push_back(s.read(instr.args[0], layout.register_part(r)));
  const bool is_whole = access.is_whole(true);
  if (access.is_own() && !is_whole) {
    if (instr.clip) return refuse(s, instr, "a clipped store to memory of the task");
    store_to_lds(s, access, layout, registers);
  } else {
    for (const Access::Piece& piece : access.pieces()) {
      llvm::Value* value = s.joined({&registers[static_cast<size_t>(piece.first)], static_cast<size_t>(piece.count)});
      if (is_whole) {
        s.b.CreateAlignedStore(value, access.address(piece.first), piece.alignment);
        continue;
      }
      const Access::Checked at = access.checked(piece.first, true);
      value = s.b.CreateBitCast(value, buffer_type(s, value->getType()));
      s.b.CreateIntrinsic(llvm::Intrinsic::amdgcn_raw_ptr_buffer_store, {value->getType()},
                          {value, at.resource, at.offset, s.i32(0), s.i32(0)});
    }
  }
  if (is_exchanged(s, instr.buffer)) s.fence();
  return {};
}

Result<void> select_load_index(Selection& s, const ir::Instr& instr) {
  const Layout one({1, 1, 1}, 1,
                   std::vector<LaneBit>(static_cast<size_t>(std::countr_zero(static_cast<unsigned>(s.row.wave)))));
  Access access(s, instr, one);
  TRY(access.plan());
  llvm::LoadInst* load = s.b.CreateAlignedLoad(s.b.getInt32Ty(), access.address(0), access.alignment());
  mark_constant(s, load, instr.buffer);
  s.indices[static_cast<size_t>(instr.dst)] =
      s.b.CreateIntrinsic(llvm::Intrinsic::amdgcn_readfirstlane, {s.b.getInt32Ty()}, {load});
  return {};
}

}  // namespace tilejit::amdgpu
