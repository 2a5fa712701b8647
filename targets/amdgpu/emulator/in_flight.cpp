#include "targets/amdgpu/emulator/in_flight.h"

#include <algorithm>
#include <deque>
#include <map>

#include "targets/amdgpu/emulator/memory_row.h"
#include "targets/amdgpu/emulator/waits.h"

namespace tilejit::amdgpu::emulator {
namespace {

struct Issued {
  int32_t range = -1;
  int64_t bytes = 0;  // 0: a store
};

class Queue {
 public:
  void issue(Issued issued) {
    queue_.push_back(issued);
    if (issued.bytes == 0 || issued.range < 0) return;
    InFlight& now = now_[issued.range];
    ++now.loads;
    now.bytes += issued.bytes;
    InFlight& most = most_[issued.range];
    if (now.bytes > most.bytes) most = {issued.range, now.loads, now.bytes};
  }
  void wait(int outstanding) {
    while (static_cast<int>(queue_.size()) > outstanding) {
      const Issued done = queue_.front();
      queue_.pop_front();
      if (done.bytes == 0 || done.range < 0) continue;
      --now_[done.range].loads;
      now_[done.range].bytes -= done.bytes;
    }
  }
  std::vector<InFlight> most() const {
    std::vector<InFlight> all;
    for (const auto& [range, most] : most_) all.push_back(most);
    return all;
  }

 private:
  std::deque<Issued> queue_;
  std::map<int32_t, InFlight> now_, most_;
};

bool is_vector_memory(const MemoryRow& row) {
  return row.space == Space::global || row.space == Space::flat || row.space == Space::buffer;
}

}  // namespace

std::vector<InFlight> most_in_flight(const Program& program, const Trace& trace, std::span<const int32_t> path,
                                     Path kind) {
  const bool counts_stores = is_cdna(program.row->family);
  Queue queue;
  for (int round = 0; round < (kind == Path::repeated ? 2 : 1); ++round)
    for (const int32_t at : path) {
      const auto n = static_cast<size_t>(at);
      const Instr& instr = program.instrs[n];
      if (const int16_t left = instr.wait[static_cast<size_t>(Counter::vm)]; instr.kind == Class::wait && left >= 0)
        queue.wait(left);
      if (instr.memory == nullptr || !is_vector_memory(*instr.memory)) continue;
      const bool stores = instr.memory->direction == Direction::store;
      if (stores && !counts_stores) continue;
      queue.issue({trace.touched[n].range, stores ? 0 : trace.touched[n].bytes});
    }
  return queue.most();
}

}  // namespace tilejit::amdgpu::emulator
