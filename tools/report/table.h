// A table of text whose columns are as wide as their contents.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace tilejit::report {

enum class Align : unsigned char { left, right };

class Table {
 public:
  void add_column(std::string title, Align align);
  /// One cell for each column.
  void add_row(std::vector<std::string> cells);
  /// Title, rule and rows, two spaces between columns, no trailing spaces. Empty without rows.
  std::string text() const;

 private:
  std::string line(const std::vector<std::string>& cells, const std::vector<size_t>& widths) const;

  std::vector<std::string> titles_;
  std::vector<Align> aligns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace tilejit::report
