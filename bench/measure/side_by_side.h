// The same work on several threads at once, timed from the moment all are ready until the last has ended.
#pragma once

#include <functional>

namespace tilejit::measure {

/// Seconds that work(0) .. work(threads - 1) take, each on a thread of its own; work(0) runs on the caller's.
double side_by_side(int threads, const std::function<void(int thread)>& work);

}  // namespace tilejit::measure
