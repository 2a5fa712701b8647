// Mutated checkpoints of every format: opening them, and reading every layer that passes validate, ends in a value or in an
// error of kind invalid or unsupported with a one-line message. Meant to run under the address and undefined sanitizers too.
#include <gtest/gtest.h>
#include <tilejit/checkpoint.h>
#include <tilejit/linear.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "jit/problem.h"
#include "tests/support/checkpoint_files.h"
#include "tests/support/random_cases.h"

namespace tilejit::test {
namespace {

using Random = std::mt19937_64;

size_t below(Random& random, size_t bound) { return bound == 0 ? 0 : static_cast<size_t>(random() % bound); }

void flip_bits(std::string& bytes, Random& random) {
  for (size_t i = below(random, 4) + 1; i > 0 && !bytes.empty(); --i)
    bytes[below(random, bytes.size())] ^= static_cast<char>(1 << random() % 8);
}

void truncate(std::string& bytes, Random& random) { bytes.resize(below(random, bytes.size() + 1)); }

void extend(std::string& bytes, Random& random) { bytes.append(below(random, 100) + 1, static_cast<char>(random())); }

/// A length, count, offset or size somewhere becomes small, huge or negative.
void overwrite_number(std::string& bytes, Random& random) {
  static constexpr std::array<uint64_t, 12> values = {
      0, 1, 2, 3, 8, 31, 255, 1u << 20, UINT32_MAX, uint64_t{1} << 40, INT64_MAX, UINT64_MAX};
  const uint64_t value = values[below(random, values.size())];
  const size_t size = random() % 2 == 0 ? 4 : 8;
  if (bytes.size() >= size)
    std::memcpy(bytes.data() + below(random, std::min<size_t>(bytes.size(), 600) - size + 1), &value, size);
}

void remove_piece(std::string& bytes, Random& random) {
  bytes.erase(below(random, bytes.size()), below(random, 16) + 1);
}

void repeat_piece(std::string& bytes, Random& random) {
  const size_t at = below(random, bytes.size());
  bytes.insert(at, bytes.substr(at, below(random, 64) + 1));
}

/// One number or string of JSON text becomes another value.
void edit_json(std::string& text, Random& random) {
  static constexpr std::array values = {"0",
                                        "1",
                                        "-1",
                                        "3",
                                        "7",
                                        "31",
                                        "64",
                                        "1e30",
                                        "0.5",
                                        "9223372036854775807",
                                        "18446744073709551615",
                                        "1000000007",
                                        "\"x\"",
                                        "\"int-quantized\"",
                                        "\"gptq_v2\"",
                                        "\"F32\"",
                                        "\"I8\"",
                                        "\"re:(a*)*b\"",
                                        "\"re:[\"",
                                        "null",
                                        "true",
                                        "[]",
                                        "{}",
                                        "[[[[[[[[1]]]]]]]]",
                                        "\"I32\"",
                                        "[1,2]",
                                        "\"tensor\""};
  const size_t at = text.find_first_of("0123456789\"", below(random, text.size()));
  if (at == std::string::npos) return;
  size_t end = at + 1;
  if (text[at] == '"') {
    end = text.find('"', at + 1);
    end = end == std::string::npos ? text.size() : end + 1;
  } else {
    while (end < text.size() && std::isdigit(static_cast<unsigned char>(text[end])) != 0) ++end;
  }
  text.replace(at, end - at, values[below(random, values.size())]);
}

/// The JSON header changes and its length is set right, so that the change is seen.
void edit_header(std::string& bytes, Random& random) {
  uint64_t length = 0;
  if (bytes.size() < sizeof length) return;
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > bytes.size() - sizeof length) return;
  std::string header = bytes.substr(sizeof length, length);
  edit_json(header, random);
  bytes = safetensors_bytes(header, bytes.substr(sizeof length + length));
}

void mutate(const std::string& name, std::string& bytes, Random& random) {
  using Mutation = void (*)(std::string&, Random&);
  static constexpr std::array<Mutation, 8> binary = {flip_bits,    truncate,     extend,      overwrite_number,
                                                     remove_piece, repeat_piece, edit_header, edit_header};
  static constexpr std::array<Mutation, 6> text = {flip_bits,    truncate,  remove_piece,
                                                   repeat_piece, edit_json, edit_json};
  for (size_t i = below(random, 2) + 1; i > 0; --i)
    (name.ends_with(".json") ? text[below(random, text.size())] : binary[below(random, binary.size())])(bytes, random);
}

void expect_good_error(const Error& error) {
  EXPECT_NE(error.kind, ErrorKind::resource) << error.message;
  EXPECT_FALSE(error.message.empty());
  EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
}

void read_everything(const Layer& layer) {
  const Weights& w = layer.weights;
  if (const Result<void> valid = validate(w); !valid.ok()) return expect_good_error(valid.error());
  std::vector<uint8_t> u(static_cast<size_t>(w.n * w.k));
  read_tile(w, 0, w.k, 0, w.n, u.data(), w.n);
  for (const uint8_t value : u) ASSERT_LT(value, 1 << w.bits);
  for (int64_t group = 0; group < w.groups(); ++group)
    for (int64_t n = 0; n < w.n; ++n) {
      ASSERT_LE(read_zero(w, group, n), 1 << w.bits);
      (void)read_scale(w, group, n);
      if (w.has_offsets()) (void)read_offset(w, group, n);
    }
  const auto problem = parse_problem(describe(w, Type::bf16));
  EXPECT_TRUE(problem.ok()) << describe(w, Type::bf16) << ": " << problem.error().message;
}

void open_and_read(const std::string& path) {
  const Result<Checkpoint> checkpoint = Checkpoint::open(path);
  if (!checkpoint.ok()) return expect_good_error(checkpoint.error());
  for (const Layer& layer : checkpoint->layers)
    if (layer.unsupported.empty()) read_everything(layer);
}

class CheckpointFuzz : public testing::TestWithParam<std::string> {};

TEST_P(CheckpointFuzz, EndsInAValueOrAGoodError) {
  const TemporaryFolder folder;
  const uint64_t first = first_seed();
  const auto cases = static_cast<uint64_t>(test_cases(300));
  for (uint64_t seed = first; seed < first + cases; ++seed) {
    Random random(seed);
    SmallCheckpoint checkpoint = small_checkpoint(GetParam());
    auto file = checkpoint.files.begin();
    std::advance(file, static_cast<int64_t>(below(random, checkpoint.files.size())));
    mutate(file->first, file->second, random);
    open_and_read(checkpoint.write(folder));
    ASSERT_FALSE(HasFailure()) << file->first << ": " << reproduction(seed);
  }
}

std::vector<std::string> names() {
  std::vector<std::string> all;
  for (const SmallCheckpoint& checkpoint : small_checkpoints()) all.push_back(checkpoint.name);
  return all;
}

INSTANTIATE_TEST_SUITE_P(Formats, CheckpointFuzz, testing::ValuesIn(names()),
                         [](const auto& test) { return test.param; });

}  // namespace
}  // namespace tilejit::test
