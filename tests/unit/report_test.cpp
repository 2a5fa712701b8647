#include <gtest/gtest.h>

#include "tools/report/exit_status.h"
#include "tools/report/operands.h"
#include "tools/report/row.h"
#include "tools/report/run_layer.h"
#include "tools/report/table.h"

namespace tilejit::report {
namespace {

TEST(Table, IsAsWideAsItsCells) {
  Table table;
  table.add_column("name", Align::left);
  table.add_column("us", Align::right);
  EXPECT_EQ(table.text(), "");
  table.add_row({"a", "1"});
  table.add_row({"longer", "1000"});
  EXPECT_EQ(table.text(),
            "name      us\n"
            "------  ----\n"
            "a          1\n"
            "longer  1000\n");
}

TEST(Row, HasTheKeysOfTheContract) {
  const auto json = to_json({});
  for (const char* key : {"problem", "target", "device", "threads", "layer", "format", "schedule", "compile_us",
                          "time_us", "gbps", "gflops", "roof", "roof_share", "rel_l2", "sqnr_db", "ok"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_TRUE(json["ok"].is_null());
  EXPECT_TRUE(json["layer"].is_null());
}

TEST(Row, FailedRowsDecideTheStatus) {
  std::vector<Row> rows(3);
  rows[0].ok = true;
  rows[2].note = "unsupported: w8a8";
  EXPECT_EQ(exit_status_of(rows), 0);
  EXPECT_EQ(totals(rows), "1 ok, 0 failed, 2 unsupported");
  rows[1].ok = false;
  EXPECT_EQ(exit_status_of(rows), 1);
  EXPECT_EQ(totals(rows), "1 ok, 1 failed, 1 unsupported");
}

TEST(ExitStatus, FollowsTheKind) {
  EXPECT_EQ(exit_status(ErrorKind::invalid), 2);
  EXPECT_EQ(exit_status(ErrorKind::unsupported), 3);
  EXPECT_EQ(exit_status(ErrorKind::resource), 4);
}

TEST(Operands, AreValidForEveryKindOfProblem) {
  for (const char* line : {"w4a16 n=48 k=72 a=bf16 g=32 s=f16", "w4a16 n=5 k=17 a=f32 zp=int perm=1 epilogue=bias",
                           "w8a16 n=16 k=31 a=f16 g=8 zp=float s=bf16 epilogue=bias.f16", "w4a8 n=24 k=40 a=bf16 g=16",
                           "w8a8 n=7 k=9 a=f32", "w16a16 n=5 k=6 a=f16 epilogue=bias"}) {
    const Problem problem = parse_problem(line).value();
    const Weights weights = random_weights(problem, 3);
    const auto valid = validate(weights);
    EXPECT_TRUE(valid) << line << ": " << valid.error().message;
    EXPECT_EQ(weights.perm.empty(), !problem.perm);
    EXPECT_EQ(weights.bias.empty(), !problem.has(Epilogue::bias));
  }
}

TEST(Operands, RepeatRows) {
  const Matrix two = random_matrix(Type::bf16, 2, 3, 1);
  const Matrix five = repeat_rows(two, 5);
  EXPECT_EQ(five.rows, 5);
  const std::vector<std::byte> last(five.data.end() - 6, five.data.end());
  EXPECT_EQ(last, std::vector<std::byte>(two.data.begin(), two.data.begin() + 6));
}

TEST(RunLayer, RunsOnTheInterpreterAndAgrees) {
  LayerRun run;
  run.problem = parse_problem("w4a16 n=24 k=40 a=f32 g=16 zp=int epilogue=bias").value();
  run.m = {1, 3};
  run.options.target = "ref";
  const Weights weights = random_weights(run.problem, 1);
  const auto rows = run_layer(describe_row(run.problem, "ref"), weights, run);
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 2u);
  for (const Row& row : *rows) {
    EXPECT_EQ(row.ok, true) << row.note;
    EXPECT_EQ(row.device, "interpreted");
    EXPECT_LT(*row.rel_l2, 1e-5);
    EXPECT_GT(*row.time_us, 0);
  }
}

TEST(RunLayer, FindsWrongWeights) {
  LayerRun run;
  run.problem = parse_problem("w4a16 n=24 k=40 a=f32 g=16").value();
  run.options.target = "ref";
  Row row = describe_row(run.problem, "ref");
  row.m = 2;
  const Weights packed = random_weights(run.problem, 1);
  const Weights others = random_weights(run.problem, 2);
  const auto linear = Linear::create(row.problem, packed, run.options);
  ASSERT_TRUE(linear) << linear.error().message;
  const auto checked =
      fill_check(row, *linear, others, random_inputs(run.problem, random_matrix(Type::f32, 2, 40, 1), 1), {});
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(row.ok, false);
  EXPECT_NE(row.note.find("out["), std::string::npos);
}

TEST(RunLayer, SaysWhyAProblemIsRefused) {
  LayerRun run;
  run.problem = parse_problem("w4a16 n=64 k=64 a=bf16 dot=mma").value();
  run.m = {1, 16};
  run.options.target = "ref";
  const auto rows = run_layer(describe_row(run.problem, "ref"), random_weights(run.problem, 1), run);
  ASSERT_TRUE(rows) << rows.error().message;
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_TRUE(rows->front().note.starts_with("unsupported: ref cannot run this problem: dot=mma"))
      << rows->front().note;
  EXPECT_FALSE(rows->front().ok.has_value());
}

TEST(RunLayer, RunsEverySchemeWithEveryOperand) {
  for (const char* line :
       {"w4a16 n=24 k=256 a=bf16 g=32 epilogue=mul+residual+bias", "w4a16 n=24 k=256 a=bf16 dot=i8x2",
        "w8a16 n=24 k=256 a=f16 g=64 zp=int epilogue=residual", "w8a8 n=24 k=256 a=bf16 epilogue=relu",
        "w4a8 n=24 k=256 a=f32 g=128 zp=float epilogue=mul", "w16a16 n=24 k=256 a=bf16 epilogue=bias"}) {
    LayerRun run;
    run.problem = parse_problem(line).value();
    run.m = {1, 16};
    run.options.target = "ref";
    const auto rows = run_layer(describe_row(run.problem, "ref"), random_weights(run.problem, 1), run);
    ASSERT_TRUE(rows) << line << ": " << rows.error().message;
    for (const Row& row : *rows) {
      EXPECT_EQ(row.ok, true) << line << ": " << row.note;
      EXPECT_GT(*row.sqnr_db, run.problem.quantizes_rows() ? 35 : 45) << line;
    }
  }
}

}  // namespace
}  // namespace tilejit::report
