// Runs one linear layer and fills its rows: what `tilejit run`, `tilejit linear` and bench_linear share.
#pragma once

#include <tilejit/linear.h>
#include <tilejit/result.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "jit/problem.h"
#include "tools/report/operands.h"
#include "tools/report/row.h"

namespace tilejit::report {

/// The target's own name where `host` is asked for; else, or without such a target, what is asked for.
std::string target_name(std::string_view asked);
/// What every row of a layer says, run or not: problem, scheme, sizes, target.
Row describe_row(const Problem& problem, std::string_view target);
/// A row that says why the layer was not run: `unsupported: w8a8` where the target has no such scheme, else the message.
Row refused_row(Row row, Device device, const Error& error);
/// ok when the target has the scheme at all, else why not.
Result<void> supports(Scheme scheme, std::string_view target, Device device);

/// Fills device, schedule, time and rates of `row` from the seconds of one call with row.m rows.
void fill_time(Row& row, const Linear& linear, double seconds);
/// Runs the layer once for the rows of `inputs` and compares with the double reference: fills rel_l2, sqnr_db, sampled and ok.
Result<void> fill_check(Row& row, const Linear& linear, const Weights& weights, const CallInputs& inputs,
                        const Threads& threads);

/// What becomes of a layer that the target refuses.
enum class Refusal : uint8_t { is_a_row, is_an_error };

struct LayerRun {
  Problem problem;  // m is ignored
  std::vector<int64_t> m;
  LinearOptions options;
  const Matrix* activations = nullptr;  // null: seeded normals
  Refusal refusal = Refusal::is_a_row;
};
/// One row per m, each a copy of `description`: compiles, times warm calls (their median), compares. A layer, or an m of
/// it, that the target refuses gives a row that says so, or an error; wrong weights (`invalid`) and a lack of memory (`resource`) are errors.
Result<std::vector<Row>> run_layer(const Row& description, const Weights& weights, const LayerRun& run);

}  // namespace tilejit::report
