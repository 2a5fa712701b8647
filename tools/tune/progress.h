// One line on stderr that is written over: what is measured, and how much time is left. Nothing where stderr is no terminal.
#pragma once

#include <string>

namespace tilejit::tune {

class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(const std::string& what, double seconds_left);

 private:
  bool is_terminal_;
};

}  // namespace tilejit::tune
