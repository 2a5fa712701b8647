#include "ir/reuse.h"

#include <algorithm>
#include <array>

namespace tilejit::ir {
namespace {

constexpr int no_loop = -1;

/// A loop as its first iteration sees it.
struct Loop {
  size_t position = 0;
  Value variable = Value::none;
  int64_t first = 0;
  int64_t last = 0;
  int64_t trips = 0;
  int around = no_loop;
};

struct Access {
  const Instr* instr = nullptr;
  int loop = no_loop;  // the innermost one around it
};

struct Span {
  int64_t lo = 0;
  int64_t hi = 1;
};

/// By dimension, those that a buffer lacks are one element wide.
using Box = std::array<Span, 5>;

/// What is touched of a buffer: no more than the box around all accesses, nor than their sum.
struct Touched {
  Box box;
  int64_t sum = 0;  // elements
};

int64_t volume(const Box& box) {
  int64_t elements = 1;
  for (const Span& span : box) elements *= std::max<int64_t>(0, span.hi - span.lo);
  return elements;
}

class Sources {
 public:
  Sources(const Kernel& kernel, int64_t m, CacheSizes caches)
      : kernel_(kernel), m_(m), caches_(caches), first_(kernel.values.size(), 0) {
    first_[static_cast<size_t>(value_m)] = m;
  }

  std::vector<LoadedBytes> find() {
    collect();
    std::vector<std::vector<Touched>> touched(loops_.size(), std::vector<Touched>(kernel_.buffers.size()));
    for (const Access& access : accesses_) touch(access, touched);
    for (const auto& of_loop : touched) footprints_.push_back(bytes_of_all(of_loop));
    std::vector<LoadedBytes> loaded(kernel_.body.size());
    for (const Access& access : accesses_)
      if (access.instr->op == Op::load && access.loop != no_loop) add(access, loaded[at(access.loop).position]);
    return loaded;
  }

 private:
  const Loop& at(int loop) const { return loops_[static_cast<size_t>(loop)]; }

  int64_t evaluate(const Affine& affine) const {
    int64_t value = affine.constant();
    for (const Term& term : affine) value += term.coef * first_[static_cast<size_t>(term.var)];
    return value;
  }

  void collect() {
    int open = no_loop;
    for (size_t i = 0; i < kernel_.body.size(); ++i) {
      const Instr& instr = kernel_.body[i];
      if (instr.op == Op::for_loop) {
        const int64_t lo = instr.lo->round(evaluate(instr.lo->value));
        const int64_t hi = instr.hi->round(evaluate(instr.hi->value));
        const int64_t trips = std::max<int64_t>(0, (hi - lo + instr.step - 1) / instr.step);
        first_[static_cast<size_t>(instr.dst)] = lo;
        loops_.push_back({i, instr.dst, lo, lo + std::max<int64_t>(0, trips - 1) * instr.step, trips, open});
        open = static_cast<int>(loops_.size()) - 1;
      } else if (instr.op == Op::end) {
        open = at(open).around;
      } else if (instr.op == Op::load || instr.op == Op::store) {
        accesses_.push_back({&instr, open});
      }
    }
  }

  /// Adds what the access touches in one iteration of each loop around it.
  void touch(const Access& access, std::vector<std::vector<Touched>>& touched) const {
    const Buffer& buffer = kernel_.buffer(access.instr->buffer);
    const std::vector<Slice>& slices = access.instr->slices;
    Box box;
    for (size_t d = 0; d < slices.size(); ++d) {
      const int64_t start = evaluate(slices[d].start);
      box[d] = {start, start + slices[d].extent};
    }
    for (int loop = access.loop; loop != no_loop; loop = at(loop).around) {
      Box inside = box;
      for (size_t d = 0; d < slices.size(); ++d)
        inside[d] = {std::max<int64_t>(0, box[d].lo), std::min(buffer.dims[d].at(m_), box[d].hi)};
      join(touched[static_cast<size_t>(loop)][static_cast<size_t>(access.instr->buffer)], inside);
      for (size_t d = 0; d < slices.size(); ++d) {
        const int64_t moved = slices[d].start.coef_of(at(loop).variable) * (at(loop).last - at(loop).first);
        (moved < 0 ? box[d].lo : box[d].hi) += moved;
      }
    }
  }

  static void join(Touched& touched, const Box& box) {
    if (touched.sum == 0) touched.box = box;
    touched.sum += volume(box);
    for (size_t d = 0; d < box.size(); ++d)
      touched.box[d] = {std::min(touched.box[d].lo, box[d].lo), std::max(touched.box[d].hi, box[d].hi)};
  }

  int64_t bytes_of_all(const std::vector<Touched>& touched) const {
    int64_t bytes = 0;
    for (size_t b = 0; b < touched.size(); ++b)
      if (touched[b].sum > 0)
        bytes += bytes_of(kernel_.buffers[b].type, std::min(touched[b].sum, volume(touched[b].box)));
    return bytes;
  }

  double& source(LoadedBytes& bytes, int64_t distance) const {
    return distance <= caches_.l1_bytes ? bytes.l1 : distance <= caches_.l2_bytes ? bytes.l2 : bytes.memory;
  }

  /// From the innermost loop outwards: of the iterations of a loop that meets the bytes again all but the first find
  /// them.
  void add(const Access& access, LoadedBytes& loaded) const {
    const Instr& load = *access.instr;
    const Buffer& buffer = kernel_.buffer(load.buffer);
    int64_t elements = 1;
    for (const Slice& slice : load.slices) elements *= slice.extent;
    auto rest = static_cast<double>(bytes_of(buffer.type, elements));
    for (int loop = access.loop; loop != no_loop; loop = at(loop).around) {
      const bool moves = std::any_of(load.slices.begin(), load.slices.end(),
                                     [&](const Slice& s) { return s.start.coef_of(at(loop).variable) != 0; });
      if (moves || at(loop).trips < 2) continue;
      const double first = rest / static_cast<double>(at(loop).trips);
      source(loaded, footprints_[static_cast<size_t>(loop)]) += rest - first;
      rest = first;
    }
    const bool is_weight =
        buffer.space == Space::global &&
        std::all_of(buffer.dims.begin(), buffer.dims.end(), [](const Extent& e) { return e.is_constant(); });
    if (is_weight)
      loaded.memory += rest;
    else
      (size_of(buffer) <= caches_.l2_bytes ? loaded.l2 : loaded.memory) += rest;
  }

  int64_t size_of(const Buffer& buffer) const {
    int64_t elements = 1;
    for (const Extent& dim : buffer.dims) elements *= dim.at(m_);
    return bytes_of(buffer.type, elements);
  }

  const Kernel& kernel_;
  const int64_t m_;
  const CacheSizes caches_;
  std::vector<int64_t> first_;  // by value
  std::vector<Loop> loops_;     // in the order of the text
  std::vector<Access> accesses_;
  std::vector<int64_t> footprints_;  // bytes that one iteration touches, by loop
};

}  // namespace

std::vector<LoadedBytes> find_sources(const Kernel& kernel, int64_t m, CacheSizes caches) {
  return Sources(kernel, m, caches).find();
}

}  // namespace tilejit::ir
