// options.hpp - what was asked for: the command line, and config.h behind it.
#pragma once

#include "check.hpp"
#include "sandbox.hpp"
#include "threads.hpp"

#include <optional>
#include <string>
#include <vector>

namespace driver {

struct Options {
  std::string program; // argv[0]

  // What is run on what.
  std::string allocator;             // in place of the linked one
  std::vector<std::string> plug_ins; // -A, in order
  std::string reference = "libc";    // or "constant", "none"
  std::string trace_dir;
  bool trace_dir_given = false;
  std::vector<std::string> traces; // -f; empty: the default ones

  // How.
  CheckOptions check;
  ThreadOptions threads;
  Limits limits;
  bool timing = true;
  int rounds = 0; // 0: as many as the driver thinks fit
  uint64_t max_heap = 0;
  uint64_t heap_base = 0;
  bool strict = false;
  bool check_team = true;

  // What is printed.
  bool help = false;
  int verbose = 0;          // 1: tables, 2: each step
  bool diagnostics = false; // -V: where the heap's bytes were
  bool tab_mode = false;
  bool grader_summary = false;
  bool autolab = false;
  bool lab_exit = false;
  std::optional<bool> color;
  std::string csv_file, json_file;
};

// Throws InputError for what it does not understand. Returns nothing if the
// user asked for help, which it has then printed.
std::optional<Options> parse_options(int argc, char **argv);

// The trace files to run, with the weights that the default list gives them
// (-1: the trace's own).
struct TraceChoice {
  std::string path;
  int weight = -1;
};
std::vector<TraceChoice> chosen_traces(const Options &options);

} // namespace driver
