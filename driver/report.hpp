// report.hpp - results for people and for programs.
#pragma once

#include "options.hpp"
#include "suite.hpp"

#include <string>

namespace driver {

// Prints to stdout while the suite runs (faults as they are found; a progress
// line to stderr if that is a terminal) and when it is done.
class TextReport : public Listener {
public:
  explicit TextReport(const Options &options);

  void begin(const std::vector<Trace> &traces) override;
  void step(size_t trace, const char *what, const std::string &who) override;
  void trace_failed(const AllocatorInfo &who, size_t trace,
                    const TraceResult &result) override;
  void allocator_printed(const AllocatorInfo &who,
                         const std::string &output) override;
  void end(const SuiteResult &all);

private:
  void clear_progress();
  void team(const AllocatorResult &a) const;
  void table(const SuiteResult &all, const AllocatorResult &a) const;
  void table_row(const SuiteResult &all, const AllocatorResult &a,
                 size_t t) const;
  void table_total(const SuiteResult &all, const AllocatorResult &a) const;
  void diagnostics(const SuiteResult &all, const AllocatorResult &a) const;
  void touched_pages(const SuiteResult &all, const AllocatorResult &a) const;
  void comparison(const SuiteResult &all) const;
  void comparison_row(const SuiteResult &all, size_t t, int width) const;
  void comparison_foot(const SuiteResult &all, int width) const;
  void verdict(const SuiteResult &all) const;
  void mark(const AllocatorResult &a) const;
  void what_the_mark_lacks(const AllocatorResult &a) const;
  void checker(const AllocatorResult &a) const;
  std::string red(const std::string &text) const;

  const Options &options_;
  const std::vector<Trace> *traces_ = nullptr;
  bool color_, progress_;
  bool progress_shown_ = false;
};

// Throws InputError, before the work is done, if the file that `flag` names
// cannot be written. Leaves the file as it is.
void require_writable(const std::string &flag, const std::string &file);

// Throw InputError if the file cannot be written.
void write_json(const SuiteResult &all, const std::string &file);
void write_csv(const SuiteResult &all, const std::string &file);

// Throws InputError if not all that was printed has reached stdout.
void require_printed();

// The last line of stdout, for Autolab's graders.
void print_autolab(const AllocatorResult &a);

} // namespace driver
