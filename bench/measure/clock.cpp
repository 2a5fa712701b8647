#include "bench/measure/clock.h"

#include <algorithm>
#include <chrono>
#include <cmath>

namespace tilejit::measure {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

double percentile(std::vector<double> samples, double share) {
  if (samples.empty()) return 0;
  const double last = static_cast<double>(samples.size() - 1);
  const auto at = samples.begin() + static_cast<int64_t>(std::lround(share * last));
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

double Summary::spread() const { return median > 0 ? (high - low) / median : 0; }

Summary summarize(const std::vector<double>& samples) {
  return {percentile(samples, 0.5), percentile(samples, 0.1), percentile(samples, 0.9)};
}

double measure_clock_hz() {
  constexpr int64_t rounds = 500'000;
  constexpr int64_t cycles_per_round = 16 * 3;
  double best = 0;
  for (int attempt = 0; attempt < 5; ++attempt) {  // the fastest attempt is the one without an interruption
    int64_t left = rounds;
    int64_t sum = 3;
    const double start = now();
    asm volatile(
        "1:\n"
        ".rept 16\n"
        "imul %[sum], %[sum]\n"
        ".endr\n"
        "dec %[left]\n"
        "jnz 1b\n"
        : [left] "+r"(left), [sum] "+r"(sum)
        :
        : "cc");
    best = std::max(best, static_cast<double>(rounds * cycles_per_round) / (now() - start));
  }
  return best;
}

}  // namespace tilejit::measure
