#include "ir/interpret_memory.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstring>

#include "ir/check.h"

namespace tilejit::ir::interpreter {
namespace {

/// f(bit, element, cell) for each innermost loop of a region; stops at the first false.
template <typename F>
bool for_each_run(const Region& r, F f) {
  if (r.empty) return true;
  std::array<int64_t, Region::max_levels> done{};
  int64_t bit = r.bit, element = r.element, cell = r.cell;
  for (;;) {
    if (!f(bit, element, cell)) return false;
    size_t l = 1;
    for (; l < r.levels; ++l) {
      bit += r.bit_step[l], element += r.element_step[l], cell += r.cell_step[l];
      if (++done[l] < r.n[l]) break;
      bit -= r.n[l] * r.bit_step[l], element -= r.n[l] * r.element_step[l], cell -= r.n[l] * r.cell_step[l];
      done[l] = 0;
    }
    if (l >= r.levels) return true;
  }
}

/// `sign` is the sign bit of a signed type, which is extended.
template <typename T, uint32_t sign = 0>
void read_elements(const std::byte* from, int64_t byte_step, int64_t n, uint32_t* cells) {
  for (int64_t i = 0; i < n; ++i) {
    T element;
    std::memcpy(&element, from + i * byte_step, sizeof(T));
    cells[i] = (element ^ sign) - sign;
  }
}

template <typename T>
void write_elements(std::byte* to, int64_t byte_step, int64_t n, const uint32_t* cells) {
  for (int64_t i = 0; i < n; ++i) {
    const T element = static_cast<T>(cells[i]);
    std::memcpy(to + i * byte_step, &element, sizeof(T));
  }
}

void read_nibbles(const std::byte* data, int64_t bit, int64_t bit_step, int64_t n, uint32_t* cells) {
  for (int64_t i = 0; i < n; ++i, bit += bit_step)
    cells[i] = (std::to_integer<uint32_t>(data[bit >> 3]) >> (bit & 4)) & 15u;
}

void write_nibbles(std::byte* data, int64_t bit, int64_t bit_step, int64_t n, const uint32_t* cells) {
  for (int64_t i = 0; i < n; ++i, bit += bit_step) {
    const std::byte kept = data[bit >> 3] & std::byte(0xf0u >> (bit & 4));
    data[bit >> 3] = kept | std::byte((cells[i] & 15u) << (bit & 4));
  }
}

void read_run(Type type, const std::byte* data, int64_t bit, int64_t bit_step, int64_t n, uint32_t* cells) {
  const std::byte* from = data + bit / 8;
  switch (type) {
    case Type::f32:
    case Type::i32: return read_elements<uint32_t>(from, bit_step / 8, n, cells);
    case Type::bf16:
    case Type::f16: return read_elements<uint16_t>(from, bit_step / 8, n, cells);
    case Type::i16: return read_elements<uint16_t, 0x8000u>(from, bit_step / 8, n, cells);
    case Type::i8: return read_elements<uint8_t, 0x80u>(from, bit_step / 8, n, cells);
    case Type::u8: return read_elements<uint8_t>(from, bit_step / 8, n, cells);
    case Type::u4: return read_nibbles(data, bit, bit_step, n, cells);
    case Type::index: break;
  }
  CHECK(false, "a buffer of indices");
}

void write_run(Type type, std::byte* data, int64_t bit, int64_t bit_step, int64_t n, const uint32_t* cells) {
  std::byte* to = data + bit / 8;
  switch (type) {
    case Type::f32:
    case Type::i32: return write_elements<uint32_t>(to, bit_step / 8, n, cells);
    case Type::bf16:
    case Type::f16:
    case Type::i16: return write_elements<uint16_t>(to, bit_step / 8, n, cells);
    case Type::i8:
    case Type::u8: return write_elements<uint8_t>(to, bit_step / 8, n, cells);
    case Type::u4: return write_nibbles(data, bit, bit_step, n, cells);
    case Type::index: break;
  }
  CHECK(false, "a buffer of indices");
}

}  // namespace

Result<void> Memory::bind(const Plan& plan, std::span<const BufferView> parameters, int64_t m) {
  kernel_ = plan.kernel;
  m_ = m;
  const bool waves = std::any_of(plan.steps.begin(), plan.steps.end(), [](const Step& s) {
    return s.instr->op == Op::for_loop && s.instr->loop == LoopKind::waves;
  });
  size_t next = 0;
  for (const Buffer& buffer : kernel_->buffers) {
    Bound& b = bounds_.emplace_back();
    b.buffer = &buffer;
    if (!buffer.is_parameter()) {
      lay_out(b, 0);
      own_storage(b, waves);
      continue;
    }
    if (next == parameters.size())
      return invalid(
          fmt::format("kernel {}: no memory is given for %{} (parameter {})", kernel_->name, buffer.name, next));
    const BufferView& view = parameters[next++];
    b.data = view.data;
    b.bytes = view.data == nullptr ? 0 : view.bytes;
    lay_out(b, view.row_stride);
  }
  if (next != parameters.size())
    return invalid(
        fmt::format("kernel {}: {} parameters are given, it has {}", kernel_->name, parameters.size(), next));
  return {};
}

void Memory::lay_out(Bound& b, int64_t row_stride) const {
  const Buffer& buffer = *b.buffer;
  const int64_t bits = bits_of(buffer.type);
  b.rank = buffer.dims.size();
  CHECK(b.rank >= 1 && b.rank <= Region::max_levels, "a buffer of " + std::to_string(b.rank) + " dimensions");
  int64_t bit_step = bits, element_step = 1;
  for (size_t d = b.rank; d-- > 0;) {
    b.dims[d] = buffer.dims[d].at(m_);
    b.bit_step[d] = bit_step;
    b.element_step[d] = element_step;
    element_step *= b.dims[d];
    bit_step *= b.dims[d];
  }
  if (buffer.strided && buffer.is_parameter()) b.bit_step[0] = row_stride * bits;
}

void Memory::own_storage(Bound& b, bool waves) const {
  const int64_t elements = b.element_step[0] * b.dims[0];
  b.bytes = bytes_of(b.buffer->type, elements);
  b.own.resize(static_cast<size_t>(b.bytes));
  b.data = b.own.data();
  b.states.resize(static_cast<size_t>(elements));
  if (waves) b.touches.resize(static_cast<size_t>(elements));
}

void Memory::start_task() {
  for (Bound& b : bounds_) {
    std::fill(b.states.begin(), b.states.end(), State::unwritten);
    std::fill(b.touches.begin(), b.touches.end(), Touch{});
  }
}

bool Memory::locate(BufferId buffer, const std::vector<Slice>& slices, bool clip, const std::vector<int64_t>& index,
                    Region& region) {
  const Bound& b = bound(buffer);
  region = {};
  region.buffer = buffer;
  for (size_t d = b.rank; d-- > 0;)
    if (!add_dimension(b, d, slices[d], evaluate(slices[d].start, index), clip, region)) return false;
  if (region.levels == 0) {  // a single element
    region.levels = 1;
    region.n[0] = 1;
  }
  return region.empty || check_bytes(b, region);
}

/// Dimensions come innermost first; one that continues its neighbour lengthens that loop.
bool Memory::add_dimension(const Bound& b, size_t d, const Slice& slice, int64_t start, bool clip, Region& r) {
  const int64_t extent = slice.extent;
  int64_t lo = 0, hi = extent;
  if (start < 0 || start > b.dims[d] - extent) {
    if (!clip) {
      error_ = fmt::format("elements {}..{} of dimension {} lie outside {}", start, start + extent - 1, d, describe(b));
      return false;
    }
    lo = std::clamp<int64_t>(-start, 0, extent);
    hi = std::clamp<int64_t>(b.dims[d] - start, lo, extent);
    r.whole = false;
    r.empty |= lo == hi;
  }
  r.bit += (start + lo) * b.bit_step[d];
  r.element += (start + lo) * b.element_step[d];
  r.cell += lo * r.cells;
  if (extent == 1) return true;
  const int64_t cell_step = r.cells;
  r.cells *= extent;
  if (r.levels > 0) {
    const size_t inner = r.levels - 1;
    const int64_t n = r.n[inner];
    if (b.bit_step[d] == n * r.bit_step[inner] && b.element_step[d] == n * r.element_step[inner] &&
        cell_step == n * r.cell_step[inner]) {
      r.n[inner] = n * (hi - lo);
      return true;
    }
  }
  const size_t level = r.levels++;
  r.n[level] = hi - lo;
  r.bit_step[level] = b.bit_step[d];
  r.element_step[level] = b.element_step[d];
  r.cell_step[level] = cell_step;
  return true;
}

bool Memory::check_bytes(const Bound& b, const Region& region) {
  int64_t first = region.bit, last = region.bit;
  for (size_t l = 0; l < region.levels; ++l) {
    const int64_t reach = (region.n[l] - 1) * region.bit_step[l];
    (reach < 0 ? first : last) += reach;
  }
  last += bits_of(b.buffer->type) - 1;
  if (first >= 0 && last / 8 < b.bytes) return true;
  error_ = fmt::format("bytes {}..{} lie outside the {} bytes given for {}", first / 8, last / 8, b.bytes, describe(b));
  return false;
}

bool Memory::load(const Region& region, Accessor who, uint32_t* cells) {
  Bound& b = bound(region.buffer);
  if (!region.whole) std::fill_n(cells, region.cells, 0u);
  return for_each_run(region, [&](int64_t bit, int64_t element, int64_t cell) {
    if (!b.states.empty() && !check_read(b, {element, region.element_step[0], region.n[0]}, who)) return false;
    read_run(b.buffer->type, b.data, bit, region.bit_step[0], region.n[0], cells + cell);
    return true;
  });
}

bool Memory::store(const Region& region, Accessor who, const uint32_t* cells) {
  Bound& b = bound(region.buffer);
  return for_each_run(region, [&](int64_t bit, int64_t element, int64_t cell) {
    if (!b.states.empty() && !check_write(b, {element, region.element_step[0], region.n[0]}, who, State::written))
      return false;
    write_run(b.buffer->type, b.data, bit, region.bit_step[0], region.n[0], cells + cell);
    return true;
  });
}

bool Memory::start_flight(const Region& region, Accessor who) {
  Bound& b = bound(region.buffer);
  return for_each_run(region, [&](int64_t, int64_t element, int64_t) {
    return b.states.empty() || check_write(b, {element, region.element_step[0], region.n[0]}, who, State::in_flight);
  });
}

bool Memory::land(const Region& region, Accessor who, const uint32_t* cells) {
  Bound& b = bound(region.buffer);
  for_each_run(region, [&](int64_t, int64_t element, int64_t) {
    for (int64_t i = 0; i < region.n[0] && !b.states.empty(); ++i)
      b.states[static_cast<size_t>(element + i * region.element_step[0])] = State::unwritten;
    return true;
  });
  return store(region, who, cells);
}

bool Memory::check_read(Bound& b, Run run, Accessor who) {
  for (int64_t i = 0; i < run.n; ++i) {
    const int64_t element = run.element + i * run.step;
    const size_t at = static_cast<size_t>(element);
    if (b.states[at] == State::unwritten) return fail_element(b, element, "is read and was never written");
    if (b.states[at] == State::in_flight)
      return fail_element(b, element, "is read while an async_copy to it is in flight: a wait is missing");
    if (b.touches.empty()) continue;
    Touch& t = b.touches[at];
    if (t.written == who.interval && t.writer != who.wave)
      return fail_element(
          b, element, fmt::format("is a race: wave {} reads, wave {} wrote, no barrier between", who.wave, t.writer));
    t.reader = t.read == who.interval && t.reader != who.wave ? several_waves : who.wave;
    t.read = who.interval;
  }
  return true;
}

bool Memory::check_write(Bound& b, Run run, Accessor who, State becomes) {
  for (int64_t i = 0; i < run.n; ++i) {
    const int64_t element = run.element + i * run.step;
    const size_t at = static_cast<size_t>(element);
    if (b.states[at] == State::in_flight)
      return fail_element(b, element, "is written while an async_copy to it is in flight: a wait is missing");
    b.states[at] = becomes;
    if (b.touches.empty()) continue;
    Touch& t = b.touches[at];
    if (t.written == who.interval && t.writer != who.wave)
      return fail_element(b, element,
                          fmt::format("is a race: waves {} and {} write, no barrier between", t.writer, who.wave));
    if (t.read == who.interval && t.reader != who.wave)
      return fail_element(b, element,
                          fmt::format("is a race: wave {} writes, {} read, no barrier between", who.wave,
                                      t.reader == several_waves ? "several waves" : fmt::format("wave {}", t.reader)));
    t.writer = who.wave;
    t.written = who.interval;
  }
  return true;
}

std::string Memory::describe(const Bound& b) const {
  return fmt::format("%{}: {} {}[{}] at m={}", b.buffer->name, to_string(b.buffer->space),
                     tilejit::to_string(b.buffer->type),
                     fmt::join(b.dims.begin(), b.dims.begin() + static_cast<std::ptrdiff_t>(b.rank), ","), m_);
}

bool Memory::fail_element(const Bound& b, int64_t element, std::string_view words) {
  std::vector<int64_t> at;
  for (size_t d = 0; d < b.rank; ++d) at.push_back(element / b.element_step[d] % b.dims[d]);
  error_ = fmt::format("%{}[{}] {}", b.buffer->name, fmt::join(at, ","), words);
  return false;
}

}  // namespace tilejit::ir::interpreter
