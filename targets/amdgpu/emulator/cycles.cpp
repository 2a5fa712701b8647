#include "targets/amdgpu/emulator/cycles.h"

#include <algorithm>
#include <deque>

namespace tilejit::amdgpu::emulator {
namespace {

// At least so many rounds are measured; then, as long as they are not many, until all waves are again where they were.
constexpr int64_t warm_rounds = 4, measured_rounds = 8, most_rounds = 64;
constexpr int64_t patience = 1 << 16;  // clocks in which nothing issues: more than any latency

/// Why a wave does not issue: its last instruction or another one holds a port (the first of these, as the ports), or
/// it waits.
enum Reason : uint8_t {
  on_valu,
  on_matrix,
  on_lds,
  on_memory,
  on_scalar,
  on_nop,
  for_loads,
  for_stores,
  for_lds,
  for_scalar,
  for_result,
  at_barrier,
  reasons
};
constexpr const char* reason_names[reasons] = {
    "VALU instructions",
    "matrix instructions",
    "LDS instructions",
    "memory instructions",
    "SALU instructions",
    "waits and nops",
    "loads",
    "stores",
    "LDS results",
    "scalar loads",
    "results of VALU, SALU and matrix instructions",
    "barriers",
};

struct Wave {
  int64_t issued = 0;         // steps
  int64_t next = 0;           // clock from which it may issue
  Reason last = on_nop;       // what it issued last
  std::vector<int64_t> done;  // clock of the result of each step's last issue
  std::array<std::deque<int64_t>, waited_kinds> outstanding;
  int64_t arrived = 0, passed = 0;  // barriers
};

class Simulation {
 public:
  Simulation(const CycleModel& model, std::span<const Step> loop, const Residency& residency)
      : model_(model), loop_(loop), residency_(residency), waves_(static_cast<size_t>(residency.waves)),
        round_(static_cast<int64_t>(loop.size() * waves_.size())) {
    for (Wave& wave : waves_) wave.done.assign(loop.size(), 0);
  }

  Result<CycleEstimate> run();

 private:
  const Step& step_of(const Wave& wave) const { return loop_[static_cast<size_t>(wave.issued) % loop_.size()]; }
  size_t unit_of(Port port) const {
    return static_cast<size_t>(model_.matrix_on_valu_port && port == Port::matrix ? Port::valu : port);
  }
  bool everyone_arrived(size_t wave) const;
  /// `reasons` when the wave can issue.
  Reason blocked(size_t index);
  void issue(Wave& wave);
  void clock();
  /// Of each wave, the step of the loop that comes next.
  std::vector<int64_t> places() const;
  CycleEstimate result() const;

  const CycleModel& model_;
  std::span<const Step> loop_;
  Residency residency_;
  std::vector<Wave> waves_;
  std::vector<Reason> why_;  // of this clock
  int64_t now_ = 0, last_issue_ = 0, measured_from_ = -1;
  int64_t issued_ = 0, issued_before_ = 0;  // steps of all waves; those before measuring
  std::vector<int64_t> places_;             // when measuring began
  int64_t round_;                           // steps of one round of all waves
  std::array<int64_t, ports> free_at_{}, path_free_at_{};
  std::array<Port, ports> user_{};  // of a unit
  std::array<int64_t, ports> busy_{};
  std::array<int64_t, reasons> idle_{};
};

bool Simulation::everyone_arrived(size_t wave) const {
  const size_t group = static_cast<size_t>(residency_.waves_per_group), first = wave / group * group;
  for (size_t w = first; w < std::min(first + group, waves_.size()); ++w)
    if (waves_[w].arrived <= waves_[wave].passed) return false;
  return true;
}

Reason Simulation::blocked(size_t index) {
  Wave& wave = waves_[index];
  if (now_ < wave.next) return wave.last;
  const Step& step = step_of(wave);
  for (size_t c = 0; c < waited_kinds; ++c) {
    std::deque<int64_t>& queue = wave.outstanding[c];
    while (!queue.empty() && queue.front() <= now_) queue.pop_front();
    if (step.at_most[c] >= 0 && queue.size() > static_cast<size_t>(step.at_most[c]))
      return static_cast<Reason>(for_loads + c);
  }
  const int64_t size = static_cast<int64_t>(loop_.size());
  for (const int back : step.needs)
    if (back <= wave.issued && wave.done[static_cast<size_t>((wave.issued - back) % size)] > now_) return for_result;
  if (step.meeting != Meeting::none && step.meeting != Meeting::arrive) {
    if (step.meeting == Meeting::both && wave.arrived == wave.passed) ++wave.arrived;
    if (!everyone_arrived(index)) return at_barrier;
  }
  if (step.port != Port::none && free_at_[unit_of(step.port)] > now_)
    return static_cast<Reason>(user_[unit_of(step.port)]);
  return reasons;
}

void Simulation::issue(Wave& wave) {
  const Step& step = step_of(wave);
  const size_t place = static_cast<size_t>(wave.issued) % loop_.size();
  int64_t& path = path_free_at_[static_cast<size_t>(step.port)];
  path = std::max(path, now_) + step.transfer;
  const int64_t result = path + step.latency;
  wave.done[place] = result;
  wave.next = now_ + (step.port == Port::none ? std::max(model_.wave_gap, step.clocks) : model_.wave_gap);
  wave.last = static_cast<Reason>(step.port);
  if (step.port != Port::none) {
    const size_t unit = unit_of(step.port);
    free_at_[unit] = now_ + step.clocks;
    user_[unit] = step.port;
  }
  if (step.counter != Outstanding::none) {
    std::deque<int64_t>& queue = wave.outstanding[static_cast<size_t>(step.counter)];
    queue.push_back(std::max(queue.empty() ? 0 : queue.back(), result));
  }
  if (step.meeting == Meeting::arrive) ++wave.arrived;
  if (step.meeting == Meeting::wait || step.meeting == Meeting::both) ++wave.passed;
  ++wave.issued;
  ++issued_;
  last_issue_ = now_;
}

/// The oldest wave goes first.
void Simulation::clock() {
  why_.clear();
  for (size_t i = 0; i < waves_.size(); ++i) {
    Reason reason = blocked(i);
    if (reason == reasons) {
      reason = static_cast<Reason>(step_of(waves_[i]).port);
      issue(waves_[i]);
    }
    why_.push_back(reason);
  }
  if (measured_from_ < 0) return;
  for (size_t port = 0; port + 1 < ports; ++port) {
    const size_t unit = unit_of(static_cast<Port>(port));
    const bool is_held = free_at_[unit] > now_ && user_[unit] == static_cast<Port>(port);
    if (is_held || path_free_at_[port] > now_) ++busy_[port];
  }
  const size_t matrix = unit_of(Port::matrix);
  if (free_at_[matrix] > now_ && user_[matrix] == Port::matrix) return;
  for (const Reason reason : why_) ++idle_[reason];
}

std::vector<int64_t> Simulation::places() const {
  std::vector<int64_t> places;
  for (const Wave& wave : waves_) places.push_back(wave.issued % static_cast<int64_t>(loop_.size()));
  return places;
}

CycleEstimate Simulation::result() const {
  CycleEstimate estimate;
  const double all = static_cast<double>(now_ - measured_from_);
  estimate.clocks = all * static_cast<double>(round_) / static_cast<double>(issued_ - issued_before_);
  for (size_t port = 0; port < ports; ++port) estimate.busy[port] = static_cast<double>(busy_[port]) / all;
  for (size_t reason = 0; reason < reasons; ++reason)
    if (idle_[reason] > 0)
      estimate.idle.emplace_back(reason_names[reason],
                                 static_cast<double>(idle_[reason]) / all / static_cast<double>(waves_.size()));
  std::ranges::stable_sort(estimate.idle, std::greater<>{}, &std::pair<std::string, double>::second);
  return estimate;
}

Result<CycleEstimate> Simulation::run() {
  for (;; ++now_) {
    if (measured_from_ < 0 && issued_ >= warm_rounds * round_) {
      measured_from_ = now_;
      issued_before_ = issued_;
      places_ = places();
    }
    const int64_t rounds = issued_ / round_ - warm_rounds;
    if (rounds >= most_rounds || (rounds >= measured_rounds && places() == places_)) return result();
    if (now_ - last_issue_ > patience) return invalid("cycle estimate: every wave of the loop waits for ever");
    clock();
  }
}

}  // namespace

Result<CycleEstimate> estimate_cycles(const CycleModel& model, std::span<const Step> loop, const Residency& residency) {
  if (loop.empty()) return invalid("cycle estimate: the loop has no instructions");
  if (residency.waves < 1 || residency.waves_per_group < 1) return invalid("cycle estimate: no wave is resident");
  for (const Step& step : loop)
    for (const int back : step.needs)
      if (back < 1 || back > static_cast<int>(loop.size()))
        return invalid("cycle estimate: a step needs the result of step " + std::to_string(back) +
                       " before it, in a loop of " + std::to_string(loop.size()));
  return Simulation(model, loop, residency).run();
}

}  // namespace tilejit::amdgpu::emulator
