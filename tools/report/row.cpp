#include "tools/report/row.h"

#include <fmt/format.h>

#include <algorithm>

#include "ir/check.h"
#include "tools/report/exit_status.h"
#include "tools/report/table.h"

namespace tilejit::report {
namespace {

struct Column {
  std::string_view title;
  Align align;
  std::string (*cell)(const Row& row);
};

/// About three significant digits without an exponent.
std::string digits(std::optional<double> value) {
  if (!value) return "-";
  return fmt::format("{:.{}f}", *value, *value < 1 ? 3 : *value < 10 ? 2 : *value < 100 ? 1 : 0);
}

std::string or_dash(int64_t value) { return value == 0 ? "-" : std::to_string(value); }
std::string or_dash(const std::string& text) { return text.empty() ? "-" : text; }

std::string or_dash(const std::optional<std::string>& text) { return text ? *text : "-"; }
std::string percent(std::optional<double> share) { return share ? fmt::format("{:.1f}%", *share * 100) : "-"; }

std::string verdict(const Row& row) {
  if (!row.ok) return row.note;
  if (!*row.ok) return "FAILED " + row.note;
  std::string remarks = row.sampled ? "sampled" : "";
  if (!row.note.empty()) remarks += (remarks.empty() ? "" : ", ") + row.note;
  return remarks.empty() ? "ok" : "ok (" + remarks + ")";
}

constexpr Column columns[] = {
    {"checkpoint", Align::left, [](const Row& r) { return or_dash(r.checkpoint); }},
    {"layer", Align::left, [](const Row& r) { return or_dash(r.layer); }},
    {"problem", Align::left, [](const Row& r) { return r.problem; }},
    {"n x k", Align::right, [](const Row& r) { return r.n == 0 ? "-" : fmt::format("{} x {}", r.n, r.k); }},
    {"scheme", Align::left, [](const Row& r) { return or_dash(r.scheme); }},
    {"format", Align::left, [](const Row& r) { return or_dash(r.format); }},
    {"m", Align::right, [](const Row& r) { return or_dash(r.m); }},
    {"device", Align::left, [](const Row& r) { return or_dash(r.device); }},
    {"peer", Align::left, [](const Row& r) { return r.peer ? *r.peer : std::string("tilejit"); }},
    {"threads", Align::right, [](const Row& r) { return r.threads ? fmt::format("{}", *r.threads) : "-"; }},
    {"compile us", Align::right, [](const Row& r) { return r.compile_us == 0.0 ? "cached" : digits(r.compile_us); }},
    {"time us", Align::right, [](const Row& r) { return digits(r.time_us); }},
    {"of ours", Align::right, [](const Row& r) { return r.relative ? fmt::format("{:.2f}x", *r.relative) : "-"; }},
    {"of m = 1", Align::right, [](const Row& r) { return r.of_one_row ? fmt::format("{:.2f}x", *r.of_one_row) : "-"; }},
    {"spread", Align::right, [](const Row& r) { return percent(r.spread); }},
    {"GB/s", Align::right, [](const Row& r) { return digits(r.gbps); }},
    {"GFLOP/s", Align::right, [](const Row& r) { return digits(r.gflops); }},
    {"roof", Align::left, [](const Row& r) { return or_dash(r.roof); }},
    {"share", Align::right, [](const Row& r) { return percent(r.roof_share); }},
    {"of read", Align::right, [](const Row& r) { return percent(r.read_share); }},
    {"rel_l2", Align::right, [](const Row& r) { return r.rel_l2 ? fmt::format("{:.2e}", *r.rel_l2) : "-"; }},
    {"SQNR dB", Align::right, [](const Row& r) { return r.sqnr_db ? fmt::format("{:.1f}", *r.sqnr_db) : "-"; }},
    {"ok", Align::left, verdict},
    {"schedule", Align::left, [](const Row& r) { return or_dash(r.schedule); }},
};

template <typename T>
nlohmann::ordered_json or_null(const std::optional<T>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

nlohmann::ordered_json or_null(const std::string& text) {
  return text.empty() ? nlohmann::ordered_json() : nlohmann::ordered_json(text);
}
nlohmann::ordered_json or_null(int64_t value) {
  return value == 0 ? nlohmann::ordered_json() : nlohmann::ordered_json(value);
}

int64_t count_ok(std::span<const Row> rows, bool ok) {
  return std::count_if(rows.begin(), rows.end(), [&](const Row& r) { return r.ok == ok; });
}

}  // namespace

nlohmann::ordered_json to_json(const Row& row) {
  return {
      {"checkpoint", or_null(row.checkpoint)},
      {"problem", or_null(row.problem)},
      {"target", row.target},
      {"device", or_null(row.device)},
      {"activations", or_null(row.activations)},
      {"threads", or_null(row.threads)},
      {"layer", or_null(row.layer)},
      {"format", or_null(row.format)},
      {"scheme", or_null(row.scheme)},
      {"n", or_null(row.n)},
      {"k", or_null(row.k)},
      {"m", or_null(row.m)},
      {"schedule", or_null(row.schedule)},
      {"compile_us", or_null(row.compile_us)},
      {"time_us", or_null(row.time_us)},
      {"spread", or_null(row.spread)},
      {"gbps", or_null(row.gbps)},
      {"gflops", or_null(row.gflops)},
      {"roof", or_null(row.roof)},
      {"roof_share", or_null(row.roof_share)},
      {"read_share", or_null(row.read_share)},
      {"peer", or_null(row.peer)},
      {"relative", or_null(row.relative)},
      {"of_one_row", or_null(row.of_one_row)},
      {"rel_l2", or_null(row.rel_l2)},
      {"sqnr_db", or_null(row.sqnr_db)},
      {"ok", or_null(row.ok)},
      {"sampled", row.sampled},
      {"note", or_null(row.note)},
  };
}

std::string to_json_text(std::span<const Row> rows) {
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const Row& row : rows) array.push_back(to_json(row));
  return array.dump(1) + "\n";
}

std::string to_table(std::span<const Row> rows, std::span<const std::string_view> titles) {
  Table table;
  std::vector<const Column*> chosen;
  for (const std::string_view title : titles) {
    const auto* column =
        std::find_if(std::begin(columns), std::end(columns), [&](const Column& c) { return c.title == title; });
    CHECK(column != std::end(columns), "no such column");
    chosen.push_back(column);
    table.add_column(std::string(title), column->align);
  }
  for (const Row& row : rows) {
    std::vector<std::string> cells;
    cells.reserve(chosen.size());
    for (const Column* column : chosen) cells.push_back(column->cell(row));
    table.add_row(std::move(cells));
  }
  return table.text();
}

std::string totals(std::span<const Row> rows) {
  const int64_t ok = count_ok(rows, true);
  const int64_t failed = count_ok(rows, false);
  return fmt::format("{} ok, {} failed, {} unsupported", ok, failed, static_cast<int64_t>(rows.size()) - ok - failed);
}

int exit_status_of(std::span<const Row> rows) {
  const bool is_wrong = std::any_of(rows.begin(), rows.end(), [](const Row& r) { return !r.peer && r.ok == false; });
  return is_wrong ? exit_failed : exit_ok;
}

}  // namespace tilejit::report
