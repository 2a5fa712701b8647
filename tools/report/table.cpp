#include "tools/report/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "ir/check.h"

namespace tilejit::report {

void Table::add_column(std::string title, Align align) {
  titles_.push_back(std::move(title));
  aligns_.push_back(align);
}

void Table::add_row(std::vector<std::string> cells) {
  CHECK(cells.size() == titles_.size(), "a row with another number of cells than columns");
  rows_.push_back(std::move(cells));
}

std::string Table::line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const {
  std::string text;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) text += "  ";
    text += aligns_[i] == Align::left ? fmt::format("{:<{}}", cells[i], widths[i])
                                      : fmt::format("{:>{}}", cells[i], widths[i]);
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

std::string Table::text() const {
  if (rows_.empty()) return "";
  std::vector<size_t> widths;
  for (size_t i = 0; i < titles_.size(); ++i) {
    widths.push_back(titles_[i].size());
    for (const auto& row : rows_) widths[i] = std::max(widths[i], row[i].size());
  }
  std::vector<std::string> rule;
  rule.reserve(widths.size());
  for (const size_t width : widths) rule.push_back(std::string(width, '-'));
  std::string text = line(titles_, widths) + line(rule, widths);
  for (const auto& row : rows_) text += line(row, widths);
  return text;
}

}  // namespace tilejit::report
