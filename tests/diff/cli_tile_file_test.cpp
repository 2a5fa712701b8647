// A .tile file that somebody wrote or edited: it compiles and agrees with the interpreter, or its mistakes are named on
// their lines.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "tests/support/checkpoint_files.h"
#include "tests/support/command.h"

namespace tilejit::test {
namespace {

/// Two panels of 32 channels, two rows at a time, zero points of 5, and two epilogue ops on buffers that no linear layer has.
constexpr const char* hand_written = R"(// other tile sizes, another zero point, a second epilogue op
kernel gemm(
    %x: global f32[m,64] strided,
    %w: global u4[2,8,32,8],
    %s: global f32[2,2,32],
    %bias: global f32[64],
    %gain: global f32[64],
    %y: global bf16[m,64] strided) {
  for tasks %p = 0..2 {
    for serial %b = 0..ceil(m,2) {
      %acc = fill 0 : f32[2,32]
      for serial %g = 0..2 {
        %part = fill 0 : f32[2,32]
        for serial %k = 0..4 {
          %q = load %w[%p, %g*4+%k, 0:32, 0:8] : u4[1,32,8]
          for unrolled %j = 0..8 {
            %a = load.clip %x[%b*2:2, %g*32+%k*8+%j] : f32[2,1]
            %u = unpack %q lane %j zero 5 : f32[1,32]
            %part = fma %a, %u, %part : f32[2,32]
          }
        }
        %scale = load %s[%p, %g, 0:32] : f32[1,32]
        %acc = fma %part, %scale, %acc : f32[2,32]
      }
      %bias_row = load %bias[%p*32:32] : f32[1,32]
      %acc = add %acc, %bias_row : f32[2,32]
      %gain_row = load %gain[%p*32:32] : f32[1,32]
      %acc = mul %acc, %gain_row : f32[2,32]
      %out = convert %acc : bf16[2,32]
      store.clip %y[%b*2:2, %p*32:32], %out
    }
  }
}
)";

/// Runs a file on a target; --run needs a machine that executes it.
CommandResult run_file(const std::string& text, const std::string& options) {
  const TemporaryFolder folder;
  return run_command("jitdump", fmt::format("--from {} {}", folder.write("edited.tile", text), options));
}

std::string replace(std::string text, std::string_view old_words, std::string_view new_words) {
  const size_t at = text.find(old_words);
  EXPECT_NE(at, std::string::npos) << old_words;
  return at == std::string::npos ? text : text.replace(at, old_words.size(), new_words);
}

/// A target whose compiled code runs here: the host, or one that is emulated; without either, the interpreter.
std::string code_target() {
  for (const char* target : {"host", "zen4"})
    if (run_command("jitdump", std::string("'w4a16 m=1 n=64 k=64 a=bf16' --run --target ") + target).status == 0)
      return target;
  return "ref";
}

TEST(TileFile, CompilesRunsAndAgrees) {
  for (const std::string& target : {std::string("ref"), code_target()}) {
    for (const int m : {1, 2, 7}) {
      const CommandResult result = run_file(hand_written, fmt::format("--run --bisect --target {} --m {}", target, m));
      EXPECT_EQ(result.status, 0) << target << " m=" << m << "\n" << result.err << result.out;
      EXPECT_NE(result.out.find("bit for bit"), std::string::npos);
    }
  }
}

TEST(TileFile, ADumpIsAFile) {
  const std::string target = code_target();
  const CommandResult dump = run_command(
      "jitdump",
      fmt::format("'w4a16 m=5 n=64 k=96 a=bf16 g=32 dot=fma epilogue=bias' --stage tile --target {}", target));
  ASSERT_EQ(dump.status, 0) << dump.err;
  const std::string other_zero = replace(dump.out, "zero 8", "zero 3");
  const std::string other_epilogue =
      replace(other_zero, "%acc = add %acc, %bias_stored", "%acc = mul %acc, %bias_stored");
  for (const std::string& text : {dump.out, other_zero, other_epilogue}) {
    const CommandResult result = run_file(text, "--run --target " + target);
    EXPECT_EQ(result.status, 0) << result.err << result.out << text;
  }
}

TEST(TileFile, NamesASyntaxErrorOnItsLine) {
  const CommandResult result =
      run_file(replace(hand_written, "fma %a, %u, %part", "fmq %a, %u, %part"), "--target zen4");
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("edited.tile:19:"), std::string::npos) << result.err;
  EXPECT_EQ(result.error_lines(), 1) << result.err;
}

TEST(TileFile, NamesEveryViolationOnItsLine) {
  std::string text = replace(hand_written, "%scale = load %s[%p, %g, 0:32]", "%scale = load %s[%p, %g, 8:32]");
  text = replace(text, "%bias_row = load %bias[%p*32:32]", "%bias_row = load %bias[%p*64:32]");
  const CommandResult result = run_file(text, "--run --target zen4");
  EXPECT_EQ(result.status, 2);
  EXPECT_NE(result.err.find("edited.tile:22:"), std::string::npos) << result.err;
  EXPECT_NE(result.err.find("edited.tile:25:"), std::string::npos) << result.err;
  EXPECT_EQ(result.out, "");
}

}  // namespace
}  // namespace tilejit::test
