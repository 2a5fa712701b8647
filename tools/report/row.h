// One result: what was run, how fast, how right. Every command that runs linear layers prints rows of this kind, as a table
// or as JSON with the keys of the design; a value that does not apply is absent (null).
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tilejit::report {

struct Row {
  std::optional<std::string> checkpoint;
  std::optional<std::string> layer;
  std::optional<std::string> format;  // of the stored weights
  std::string problem;                // resolved; as asked for when it cannot be built; empty: not known
  std::string scheme;                 // empty: not known
  int64_t n = 0;                      // 0: not known
  int64_t k = 0;
  int64_t m = 0;  // 0: any; a layer that cannot be built has one row for all m
  std::string target;
  std::optional<std::string> device;       // native, emulated or interpreted
  std::optional<std::string> activations;  // file or random
  std::optional<int> threads;
  std::optional<std::string> peer;      // another library, with its version; absent: tilejit
  std::optional<std::string> schedule;  // of a peer: its configuration
  std::optional<double> compile_us;     // 0: another row compiled the kernel
  std::optional<double> time_us;
  std::optional<double> spread;  // (90th - 10th percentile) / median of the time
  std::optional<double> gbps;    // information bytes
  std::optional<double> gflops;
  std::optional<std::string> roof;
  std::optional<double> roof_share;
  std::optional<double> read_share;  // information bytes per second, of the read roof whichever roof binds
  std::optional<double> relative;    // a peer's time / ours
  std::optional<double> of_one_row;  // time / that of m = 1, where the run has both
  std::optional<double> rel_l2;
  std::optional<double> sqnr_db;
  std::optional<bool> ok;
  bool sampled = false;  // only a sample of the outputs was compared
  std::string note;  // why there is no result ("unsupported: w8a8"), which output is wrong, or what to know of an ok
};

nlohmann::ordered_json to_json(const Row& row);
/// One array, indented.
std::string to_json_text(std::span<const Row> rows);

/// The columns with these titles (row.cpp has them all), in this order.
std::string to_table(std::span<const Row> rows, std::span<const std::string_view> titles);
/// `12 ok, 0 failed, 3 unsupported`.
std::string totals(std::span<const Row> rows);
/// 1 when the ok of any row that is not a peer's is false.
int exit_status_of(std::span<const Row> rows);

}  // namespace tilejit::report
