#include "tests/support/emulator_run.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <random>
#include <string>
#include <utility>

#include "targets/targets.h"

namespace tilejit::test {
namespace {

constexpr std::array<uint32_t, 18> special_words = {
    0,          0x80000000, 1,          0x80000001, 0x007fffff, 0x00800000, 0x3f800000, 0xbf800000, 0x7f800000,
    0xff800000, 0x7fc00000, 0x7f7fffff, 0x477ff000, 0x33000000, 0x7fffffff, 0x4f000000, 0x477fe000, 0x477fefff};

bool both_nan_halves(uint32_t left, uint32_t right) {
  const auto is_nan = [](uint32_t half) { return (half & 0x7fff) > 0x7c00; };
  for (const int shift : {0, 16}) {
    const uint32_t l = left >> shift & 0xffff;
    const uint32_t r = right >> shift & 0xffff;
    if (l != r && !(is_nan(l) && is_nan(r))) return false;
  }
  return true;
}

}  // namespace

Result<void> emulator_here() { return (*find_target("zen4"))->can_emulate(); }

EmulatorMemory random_memory(uint64_t seed) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, 50);
  EmulatorMemory memory;
  for (size_t word = 0; word < 64; ++word) {
    const uint64_t any = random();
    const auto bits = static_cast<uint32_t>(any >> 8);
    switch (any % 4) {
      case 0: memory.words[word] = bits; break;
      case 1: memory.words[word] = special_words[bits % special_words.size()]; break;
      case 2: memory.words[word] = bits % 64; break;
      default: memory.words[word] = std::bit_cast<uint32_t>(normal(random)); break;
    }
  }
  // The first two general operands are equal in a quarter of the cases.
  if (seed % 4 == 0) std::copy_n(memory.words.begin(), 2, memory.words.begin() + 2);
  return memory;
}

std::vector<uint8_t> bytes_of_hex(std::string_view hex) {
  std::vector<uint8_t> bytes;
  for (size_t at = 0; at + 1 < hex.size(); at += 2)
    bytes.push_back(static_cast<uint8_t>(std::stoi(std::string(hex.substr(at, 2)), nullptr, 16)));
  return bytes;
}

bool same_word(uint32_t left, uint32_t right) {
  if (left == right) return true;
  const bool nan = std::isnan(std::bit_cast<float>(left)) && std::isnan(std::bit_cast<float>(right));
  return nan || both_nan_halves(left, right);
}

Result<void> emulate_whole(const std::vector<uint8_t>& bytes, EmulatorMemory& memory) {
  Code code;
  code.bytes = bytes;
  code.constants_offset = static_cast<int64_t>(bytes.size());
  code = TRY((*find_target("zen4"))->emulated(std::move(code), ir::Kernel()));
  constexpr int64_t m = 1;
  return code.interpreted(reinterpret_cast<const BufferArg*>(memory.words.data()), m, nullptr, nullptr);
}

Result<void> emulate(const std::vector<uint8_t>& bytes, EmulatorMemory& memory) {
  std::vector<uint8_t> whole = bytes_of_hex("f30f1efa");  // endbr64
  std::ranges::copy(bytes, std::back_inserter(whole));
  return emulate_whole(whole, memory);
}

}  // namespace tilejit::test
