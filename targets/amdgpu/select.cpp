#include "targets/amdgpu/select.h"

#include <fmt/format.h>
#include <llvm/Target/TargetMachine.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "targets/amdgpu/infer.h"
#include "targets/amdgpu/kernel_arguments.h"
#include "targets/amdgpu/selection.h"

namespace tilejit::amdgpu {
namespace {

constexpr uint64_t code_object_version = 500;

/// All registers that a value consists of; none before it is written.
std::vector<llvm::Value*> cells_of(const Tile& tile) {
  if (tile.registers.empty()) return {};
  std::vector<llvm::Value*> cells = tile.registers;
  cells.insert(cells.end(), tile.missing.begin(), tile.missing.end());
  return cells;
}

void set_cells(Tile& tile, const std::vector<llvm::Value*>& cells) {
  if (cells.empty()) return;
  const auto middle = cells.end() - static_cast<std::ptrdiff_t>(tile.missing.size());
  tile.registers.assign(cells.begin(), middle);
  tile.missing.assign(middle, cells.end());
}

class Selector {
 public:
  Selector(const ir::Kernel& kernel, const GpuRow& row, llvm::Module& module)
      : kernel_(kernel), partner_(ir::match_loops(kernel)), s_(kernel, row, module) {}

  Result<void> run() {
    s_.layouts = TRY(infer(kernel_, s_.row));
    TRY(find_waves());
    for (const ir::Instr& instr : kernel_.body) s_.has_matrix_steps |= instr.op == ir::Op::mma;
    open_function();
    TRY(place_own_buffers());
    prepare_sums(s_);
    TRY(body(0, kernel_.body.size()));
    s_.b.CreateRetVoid();
    return {};
  }

 private:
  // --- the function

  Result<void> find_waves() {
    for (size_t i = 0; i < kernel_.body.size(); ++i) {
      const ir::Instr& instr = kernel_.body[i];
      if (instr.op != ir::Op::for_loop || instr.loop != ir::LoopKind::waves) continue;
      const size_t end = static_cast<size_t>(partner_[i]);
      const bool is_alone = i > 0 && kernel_.body[i - 1].op == ir::Op::for_loop &&
                            kernel_.body[i - 1].loop != ir::LoopKind::serial && kernel_.body[end + 1].op == ir::Op::end;
      if (!is_alone) return refuse(s_, instr, "a waves loop beside other instructions of its task");
      const int64_t lo = instr.lo->value.constant();
      const int64_t count = (instr.hi->value.constant() - lo + instr.step - 1) / instr.step;
      if (count < 1) return refuse(s_, instr, "no waves");
      waves_ *= count;
      grid_.push_back(count);
      const int64_t most = 1024 / s_.row.wave;
      if (waves_ > most) return refuse(s_, instr, fmt::format("{} waves; a workgroup has 1 to {}", waves_, most));
    }
    return {};
  }

  void open_function() {
    llvm::IRBuilder<>& b = s_.b;
    llvm::Module& module = s_.module;
    module.addModuleFlag(llvm::Module::Error, "amdhsa_code_object_version", code_object_version);
    std::vector<llvm::Type*> types;
    for (const ir::Buffer& buffer : kernel_.buffers)
      if (buffer.is_parameter()) types.insert(types.end(), {b.getPtrTy(1), b.getInt64Ty()});
    types.push_back(b.getInt64Ty());
    s_.function = llvm::Function::Create(llvm::FunctionType::get(b.getVoidTy(), types, false),
                                         llvm::GlobalValue::ExternalLinkage, kernel_.name, module);
    llvm::Function& f = *s_.function;
    f.setCallingConv(llvm::CallingConv::AMDGPU_KERNEL);
    f.addFnAttr(llvm::Attribute::NoUnwind);
    const int64_t lanes = waves_ * s_.row.wave;
    f.addFnAttr("amdgpu-flat-work-group-size", fmt::format("{},{}", lanes, lanes));
    f.addFnAttr("denormal-fp-math", "ieee,ieee");
    f.addFnAttr("denormal-fp-math-f32", "ieee,ieee");
    f.addFnAttr("uniform-work-group-size", "true");
    // Sums in accumulation registers would be moved to others each time that they are scaled.
    if (s_.has_matrix_steps && is_cdna(s_.row.family)) f.addFnAttr("amdgpu-agpr-alloc", "0");
    for (const char* hidden : {"amdgpu-no-dispatch-ptr", "amdgpu-no-queue-ptr", "amdgpu-no-implicitarg-ptr",
                               "amdgpu-no-dispatch-id", "amdgpu-no-hostcall-ptr", "amdgpu-no-heap-ptr",
                               "amdgpu-no-default-queue", "amdgpu-no-completion-action", "amdgpu-no-multigrid-sync-arg",
                               "amdgpu-no-lds-kernel-id", "amdgpu-no-workitem-id-y", "amdgpu-no-workitem-id-z"})
      f.addFnAttr(hidden);
    b.SetInsertPoint(llvm::BasicBlock::Create(module.getContext(), "entry", &f));
    bind_parameters();
    bind_lane();
  }

  void bind_parameters() {
    for (const ir::Instr& instr : kernel_.body) {
      if (instr.buffer == ir::BufferId::none) continue;
      BufferPlace& place = s_.buffers[static_cast<size_t>(instr.buffer)];
      place.is_stored |= instr.op == ir::Op::store || instr.op == ir::Op::async_copy;
      place.is_loaded |= instr.op == ir::Op::load || instr.op == ir::Op::load_index;
    }
    unsigned number = 0;
    for (size_t i = 0; i < kernel_.buffers.size(); ++i) {
      const ir::Buffer& buffer = kernel_.buffers[i];
      if (!buffer.is_parameter()) continue;
      llvm::Argument* base = s_.function->getArg(number);
      base->setName(buffer.name);
      base->addAttr(llvm::Attribute::NoAlias);  // two names of one memory are the same elements in the same order
      if (!s_.buffers[i].is_stored) base->addAttr(llvm::Attribute::ReadOnly);
      s_.buffers[i].base = base;
      if (buffer.strided) s_.buffers[i].row_stride = s_.function->getArg(number + 1);
      number += 2;
    }
    s_.indices[static_cast<size_t>(ir::value_m)] =
        s_.b.CreateTrunc(s_.function->getArg(number), s_.b.getInt32Ty(), "m");
  }

  void bind_lane() {
    llvm::IRBuilder<>& b = s_.b;
    llvm::CallInst* item = b.CreateIntrinsic(b.getInt32Ty(), llvm::Intrinsic::amdgcn_workitem_id_x, {});
    item->addRangeRetAttr(
        llvm::ConstantRange(llvm::APInt(32, 0), llvm::APInt(32, static_cast<uint64_t>(waves_ * s_.row.wave))));
    if (waves_ == 1) {
      s_.lane = item;
      s_.wave = s_.i32(0);
      return;
    }
    s_.lane = b.CreateAnd(item, s_.i32(s_.row.wave - 1), "lane");
    llvm::Value* wave = b.CreateUDiv(item, s_.i32(s_.row.wave));
    s_.wave = b.CreateIntrinsic(llvm::Intrinsic::amdgcn_readfirstlane, {b.getInt32Ty()}, {wave});
  }

  /// Scratch of a task is LDS too: a task is one wave, whose lanes exchange what they keep there.
  Result<void> place_own_buffers() {
    int64_t total = 0;
    for (size_t i = 0; i < kernel_.buffers.size(); ++i) {
      const ir::Buffer& buffer = kernel_.buffers[i];
      if (buffer.is_parameter()) continue;
      int64_t elements = 1;
      for (const ir::Extent& dim : buffer.dims) elements *= dim.constant;
      const int64_t bytes =
          (bytes_of(buffer.type, elements) + buffer_alignment - 1) / buffer_alignment * buffer_alignment;
      total += bytes;
      llvm::Type* type = llvm::ArrayType::get(s_.b.getInt8Ty(), static_cast<uint64_t>(bytes));
      auto* memory = new llvm::GlobalVariable(s_.module, type, false, llvm::GlobalValue::InternalLinkage,
                                              llvm::PoisonValue::get(type), buffer.name, nullptr,
                                              llvm::GlobalValue::NotThreadLocal, 3);
      memory->setAlignment(llvm::Align(buffer_alignment));
      s_.buffers[i].base = memory;
    }
    if (total > s_.row.lds_bytes)
      return unsupported(
          fmt::format("{}: kernel {}: {} bytes of scratch and shared memory, a workgroup has {}: fewer "
                      "rows (mr) or a smaller k need less",
                      s_.row.facts.name, kernel_.name, total, s_.row.lds_bytes));
    return {};
  }

  // --- instructions

  Result<void> body(size_t first, size_t last) {
    for (size_t i = first; i < last; ++i) {
      if (kernel_.body[i].op != ir::Op::for_loop) {
        if (i > first) order(i);
        TRY(visit(kernel_.body[i]));
        continue;
      }
      s_.ranges.open(kernel_.body[i]);
      TRY(loop(i));
      s_.ranges.close();
      i = static_cast<size_t>(partner_[i]);
    }
    return {};
  }

  bool is_from_memory(const ir::Instr& instr) const {
    return instr.op == ir::Op::load && kernel_.buffer(instr.buffer).is_parameter();
  }

  /// Before instruction i.
  void order(size_t i) {
    const ir::Instr& last = kernel_.body[i - 1];
    const ir::Op next = kernel_.body[i].op;
    // What stands outside of loops is scheduled in parts, at the borders of stages and of the epilogue.
    if (serial_loops_ == 0 && (next == ir::Op::barrier || next == ir::Op::convert)) part_regions(s_);
    if (is_from_memory(last) && !is_from_memory(kernel_.body[i])) keep_loads_early(s_);
    if (last.op == ir::Op::mma && (!is_cdna(s_.row.family) || is_step_ahead(i))) keep_steps_apart(s_);
  }

  /// Whether the operands of the step before instruction i were not those of the next one: others have been brought meanwhile.
  bool is_step_ahead(size_t i) const {
    const ir::Value x = kernel_.body[i - 1].args[0];
    for (size_t at = i; at < kernel_.body.size(); ++at) {
      const ir::Op op = kernel_.body[at].op;
      if (op == ir::Op::mma) return kernel_.body[at].args[0] != x;
      if (op == ir::Op::for_loop || op == ir::Op::end || op == ir::Op::barrier) return false;
    }
    return false;
  }

  Result<void> visit(const ir::Instr& instr) {
    switch (instr.op) {
      case ir::Op::fill:
      case ir::Op::add:
      case ir::Op::sub:
      case ir::Op::mul:
      case ir::Op::max:
      case ir::Op::min:
      case ir::Op::fma:
      case ir::Op::div:
      case ir::Op::round:
      case ir::Op::bitcast:
      case ir::Op::bit_and:
      case ir::Op::bit_or:
      case ir::Op::shift_left:
      case ir::Op::shift_right: return select_arithmetic(s_, instr);
      case ir::Op::convert: return select_convert(s_, instr);
      case ir::Op::unpack:
      case ir::Op::unpack_zero: return select_unpack(s_, instr);
      case ir::Op::reduce_max:
      case ir::Op::reduce_add: return select_reduce(s_, instr);
      case ir::Op::dot_i8: return select_dot_i8(s_, instr);
      case ir::Op::mma: return select_mma(s_, instr);
      case ir::Op::dot_bf16: return refuse(s_, instr, "no GPU instruction rounds as vdpbf16ps does; dot=fma works");
      case ir::Op::load: return select_load(s_, instr);
      case ir::Op::store: return select_store(s_, instr);
      case ir::Op::load_index: return select_load_index(s_, instr);
      case ir::Op::prefetch: return {};  // loads are in flight long enough when several waves are
      case ir::Op::exp:
      case ir::Op::erf:
      case ir::Op::tanh: return refuse(s_, instr, "a function; the expand_functions pass comes first");
      case ir::Op::barrier: select_barrier(s_, waves_); return {};
      case ir::Op::async_copy:
      case ir::Op::wait: return refuse(s_, instr, "asynchronous copies have no code; a load and a store work");
      case ir::Op::for_loop:
      case ir::Op::end: break;
    }
    return {};
  }

  // --- loops

  Result<void> loop(size_t i) {
    const ir::Instr& instr = kernel_.body[i];
    const ir::Interval range = s_.ranges.of(instr.dst);
    if (range.hi > std::numeric_limits<int32_t>::max() || range.lo < 0)
      return refuse(s_, instr, fmt::format("an index of {}..{} leaves 32 bits", range.lo, range.hi));
    switch (instr.loop) {
      case ir::LoopKind::tasks: set_number(instr, workgroup_id()); return inner(i);
      case ir::LoopKind::waves: set_number(instr, wave_number()); return inner(i);
      case ir::LoopKind::unrolled: return refuse(s_, instr, "an unrolled loop; the unroll pass comes first");
      case ir::LoopKind::serial: break;
    }
    if (instr.lo->is_constant() && instr.hi->is_constant()) {
      const int64_t lo = instr.lo->round(instr.lo->value.constant());
      const int64_t hi = instr.hi->round(instr.hi->value.constant());
      if (hi <= lo) return {};
      if (hi - lo <= instr.step) {
        s_.indices[static_cast<size_t>(instr.dst)] = s_.i32(lo);
        return inner(i);
      }
    }
    return repeat(i);
  }

  Result<void> inner(size_t i) { return body(i + 1, static_cast<size_t>(partner_[i])); }

  llvm::Value* workgroup_id() {
    constexpr llvm::Intrinsic::ID ids[] = {llvm::Intrinsic::amdgcn_workgroup_id_x,
                                           llvm::Intrinsic::amdgcn_workgroup_id_y,
                                           llvm::Intrinsic::amdgcn_workgroup_id_z};
    return s_.b.CreateIntrinsic(s_.b.getInt32Ty(), ids[tasks_++], {});
  }

  /// Of a grid of waves the outer loop has the rows.
  llvm::Value* wave_number() {
    if (grid_.size() == 1) return s_.wave;
    const auto columns = s_.i32(grid_[1]);
    return waves_loops_++ == 0 ? s_.b.CreateUDiv(s_.wave, columns) : s_.b.CreateURem(s_.wave, columns);
  }

  void set_number(const ir::Instr& instr, llvm::Value* iteration) {
    llvm::Value* v = s_.b.CreateMul(iteration, s_.i32(instr.step), "", true, true);
    s_.indices[static_cast<size_t>(instr.dst)] =
        s_.b.CreateAdd(v, s_.limit(instr.lo), kernel_.value(instr.dst).name, true, true);
  }

  std::vector<ir::Value> written_in(size_t i) const {
    std::vector<ir::Value> written;
    for (size_t at = i + 1; at < static_cast<size_t>(partner_[i]); ++at) {
      const ir::Instr& instr = kernel_.body[at];
      const bool is_tile = instr.op != ir::Op::for_loop && instr.op != ir::Op::load_index;
      if (is_tile && instr.dst != ir::Value::none) written.push_back(instr.dst);
    }
    std::sort(written.begin(), written.end());
    written.erase(std::unique(written.begin(), written.end()), written.end());
    return written;
  }

  /// The test stands at the end; a loop that may not run at all has one before it too. Registers written inside have a phi at
  /// its start, and one behind it where the loop may be skipped.
  Result<void> repeat(size_t i) {
    ++serial_loops_;
    const ir::Instr& instr = kernel_.body[i];
    llvm::IRBuilder<>& b = s_.b;
    const std::vector<ir::Value> written = written_in(i);
    llvm::Value* lo = s_.limit(instr.lo);
    llvm::Value* hi = s_.limit(instr.hi);
    llvm::BasicBlock* before = b.GetInsertBlock();
    llvm::BasicBlock* head = new_block(kernel_.value(instr.dst).name);
    llvm::BasicBlock* exit = new_block("");
    if (s_.ranges.surely_runs(instr))
      b.CreateBr(head);
    else
      b.CreateCondBr(b.CreateICmpULT(lo, hi), head, exit);
    const bool may_skip = !s_.ranges.surely_runs(instr);
    std::vector<std::vector<llvm::Value*>> at_entry;
    for (const ir::Value v : written) at_entry.push_back(cells_of(s_.tile(v)));

    b.SetInsertPoint(head);
    llvm::PHINode* number = b.CreatePHI(b.getInt32Ty(), 2, kernel_.value(instr.dst).name);
    number->addIncoming(lo, before);
    s_.is_serial[static_cast<size_t>(instr.dst)] = true;
    s_.indices[static_cast<size_t>(instr.dst)] = number;
    const auto phis = open_phis(written, at_entry, before);
    TRY(inner(i));
    llvm::BasicBlock* last = b.GetInsertBlock();
    llvm::Value* next = b.CreateAdd(number, s_.i32(instr.step), "", true);
    number->addIncoming(next, last);
    b.CreateCondBr(b.CreateICmpULT(next, hi), head, exit);
    for (size_t w = 0; w < written.size(); ++w) {
      const std::vector<llvm::Value*> cells = cells_of(s_.tile(written[w]));
      for (size_t c = 0; c < phis[w].size(); ++c) phis[w][c]->addIncoming(cells[c], last);
    }
    exit->moveAfter(last);
    --serial_loops_;
    b.SetInsertPoint(exit);
    if (may_skip) merge(written, at_entry, before, last);
    return {};
  }

  llvm::BasicBlock* new_block(const std::string& name) {
    return llvm::BasicBlock::Create(s_.module.getContext(), name, s_.function);
  }

  std::vector<std::vector<llvm::PHINode*>> open_phis(const std::vector<ir::Value>& written,
                                                     const std::vector<std::vector<llvm::Value*>>& at_entry,
                                                     llvm::BasicBlock* before) {
    std::vector<std::vector<llvm::PHINode*>> phis(written.size());
    for (size_t w = 0; w < written.size(); ++w) {
      for (llvm::Value* cell : at_entry[w]) {
        phis[w].push_back(s_.b.CreatePHI(cell->getType(), 2));
        phis[w].back()->addIncoming(cell, before);
      }
      set_cells(s_.tile(written[w]), {phis[w].begin(), phis[w].end()});
    }
    return phis;
  }

  /// Behind a loop that may have been skipped. What it alone wrote is not read there.
  void merge(const std::vector<ir::Value>& written, const std::vector<std::vector<llvm::Value*>>& at_entry,
             llvm::BasicBlock* before, llvm::BasicBlock* last) {
    for (size_t w = 0; w < written.size(); ++w) {
      std::vector<llvm::Value*> cells = cells_of(s_.tile(written[w]));
      for (size_t c = 0; c < cells.size(); ++c) {
        llvm::PHINode* phi = s_.b.CreatePHI(cells[c]->getType(), 2);
        phi->addIncoming(at_entry[w].empty() ? llvm::Constant::getNullValue(cells[c]->getType()) : at_entry[w][c],
                         before);
        phi->addIncoming(cells[c], last);
        cells[c] = phi;
      }
      set_cells(s_.tile(written[w]), cells);
    }
  }

  const ir::Kernel& kernel_;
  std::vector<int32_t> partner_;
  Selection s_;
  int64_t waves_ = 1;
  std::vector<int64_t> grid_;  // waves of each waves loop
  size_t waves_loops_ = 0;
  int serial_loops_ = 0;  // around the instruction
  size_t tasks_ = 0;
};

}  // namespace

Result<std::unique_ptr<llvm::Module>> select(const ir::Kernel& kernel, const GpuRow& row, llvm::LLVMContext& context,
                                             const llvm::TargetMachine& machine) {
  auto module = std::make_unique<llvm::Module>(kernel.name, context);
  module->setTargetTriple(machine.getTargetTriple());
  module->setDataLayout(machine.createDataLayout());
  TRY(Selector(kernel, row, *module).run());
  return module;
}

}  // namespace tilejit::amdgpu
