// report_text.cpp - the tables and sentences that people read. The lines that
// the labs' grading scripts look for keep their classic form to the letter
// (docs/instructor.md lists them).
#include "report.hpp"

#include "memlib.h"
#include "score.hpp"
#include "text.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

namespace driver {
namespace {

constexpr int kColumn = 16; // of an allocator in the comparison

std::string percent(double part) {
  return format("%.1f%%", 100 * part);
}

std::string ratio_text(double ratio) {
  return format(ratio < .1 ? "%.3fx" : ratio < 10 ? "%.2fx" : "%.1fx", ratio);
}

// Long names keep their end apart: "a-very-lo..".
std::string cut(const std::string &text, size_t width) {
  return text.size() <= width ? text : text.substr(0, width - 2) + "..";
}

// "-" for a system's allocator that took too little memory to measure.
std::string mean_utilization(const AllocatorResult &a) {
  const double mean = a.score.mean_utilization;
  return a.info.simulated || mean > 0 ? percent(mean) : "-";
}

// A trace's name in a table, and with how many threads it was replayed.
std::string row_name(const Trace &trace) {
  if (!trace.threaded()) return trace.name;
  return format("%s (%u thread%s)", trace.name.c_str(), trace.replay_threads(),
                trace.replay_threads() == 1 ? "" : "s");
}

// "alice (locked)"; of a long name, what fits.
std::string marked_name(const AllocatorInfo &info, size_t width) {
  const std::string mark = info.locked ? " (locked)" : "";
  return cut(info.name, width - mark.size()) + mark;
}

} // namespace

TextReport::TextReport(const Options &options) : options_(options) {
  const char *no_color = std::getenv("NO_COLOR");
  bool wanted = isatty(STDOUT_FILENO) && !(no_color && *no_color);
  color_ = options.color.value_or(wanted);
  progress_ = isatty(STDERR_FILENO);
}

std::string TextReport::red(const std::string &text) const {
  return color_ ? "\033[31m" + text + "\033[0m" : text;
}

// ---- While it runs --------------------------------------------------------

void TextReport::begin(const std::vector<Trace> &traces) {
  traces_ = &traces;
  if (options_.traces.empty())
    std::printf("Using default tracefiles in %s\n", options_.trace_dir.c_str());
}

void TextReport::clear_progress() {
  if (!progress_shown_) return;
  std::fprintf(stderr, "\r\033[K");
  progress_shown_ = false;
}

void TextReport::step(size_t trace, const char *what, const std::string &who) {
  std::string text = format("[%zu/%zu] %s: %s %s", trace + 1, traces_->size(),
                            (*traces_)[trace].name.c_str(), what, who.c_str());
  if (options_.verbose > 1) std::printf("%s\n", text.c_str());
  if (!progress_) return;
  clear_progress();
  std::fprintf(stderr, "%.79s", text.c_str());
  std::fflush(stderr);
  progress_shown_ = true;
}

// "ERROR [trace 3, line 57]: mm: traces/x.rep:57: a 3 40: payload ..."
void TextReport::trace_failed(const AllocatorInfo &who, size_t trace,
                              const TraceResult &result) {
  clear_progress();
  long line = 0;
  std::string place = (*traces_)[trace].path + ":";
  if (result.fault.starts_with(place))
    line = std::atol(result.fault.c_str() + place.size());
  std::printf("%s %s: %s\n",
              red(format("ERROR [trace %zu, line %ld]:", trace, line)).c_str(),
              who.name.c_str(), result.fault.c_str());
  std::printf("    see it again: %s\n", result.advice.c_str());
  std::fflush(stdout);
  allocator_printed(who, result.output);
}

// To stderr: a script that looks for results in stdout must not find one that
// an allocator printed.
void TextReport::allocator_printed(const AllocatorInfo &who,
                                   const std::string &output) {
  if (!output.empty()) clear_progress();
  for (size_t at = 0; at < output.size();) {
    size_t end = std::min(output.find('\n', at), output.size());
    std::fprintf(stderr, "    %s printed: %s\n", who.name.c_str(),
                 one_line(output.substr(at, end - at)).c_str());
    at = end + 1;
  }
}

// ---- One allocator ----------------------------------------------------------

void TextReport::team(const AllocatorResult &a) const {
  const AllocatorInfo &info = a.info;
  if (!info.has_team || info.team_name.empty()) return;
  std::printf("Team Name:%s\n", info.team_name.c_str());
  for (int i = 0; i < 2; i++)
    if (!info.members[i].empty())
      std::printf("Member %d :%s:%s\n", i + 1, info.members[i].c_str(),
                  info.emails[i].c_str());
}

void TextReport::table_row(const SuiteResult &all, const AllocatorResult &a,
                           size_t t) const {
  const Trace &trace = all.traces[t];
  const TraceResult &r = a.traces[t];
  std::string util = "-", bound, secs = "-", kops = "-", ratio = "-";
  if (r.valid && r.space.utilization > 0)
    util = format(options_.diagnostics ? "%.1f%%" : "%.0f%%",
                  100 * r.space.utilization);
  if (r.timing) {
    const Timing &time = *r.timing;
    secs = format("%.6f", time.seconds);
    kops = format("%.0f", 1e6 / time.ns_per_op.median);
    if (time.ratio.median > 0)
      ratio = format("%s +-%.0f%%", ratio_text(time.ratio.median).c_str(),
                     100 * time.ratio.spread);
  }
  if (options_.diagnostics)
    bound =
        format(" %6.1f%% %6s", 100 * trace.bound(),
               r.valid && r.space.utilization > 0
                   ? format("%.3f", r.space.utilization / trace.bound()).c_str()
                   : "-");
  if (options_.tab_mode) {
    std::printf("%zu\t%s\t%s\t%zu\t%s\t%s\t%s\t%s\n", t, r.valid ? "yes" : "no",
                util.c_str(), trace.replayed_ops(), secs.c_str(), kops.c_str(),
                ratio.c_str(), trace.name.c_str());
    return;
  }
  std::string valid = format("%5s", r.valid ? "yes" : "no");
  std::printf("%2zu   %s %6s%s %8zu %10s %7s %12s  %s\n", t,
              (r.valid ? valid : red(valid)).c_str(), util.c_str(),
              bound.c_str(), trace.replayed_ops(), secs.c_str(), kops.c_str(),
              ratio.c_str(), row_name(trace).c_str());
}

void TextReport::table_total(const SuiteResult &all,
                             const AllocatorResult &a) const {
  size_t ops = 0;
  double seconds = 0;
  for (size_t t = 0; t < all.traces.size(); t++) {
    if (!a.traces[t].valid || !a.traces[t].timing) continue;
    ops += all.traces[t].replayed_ops();
    seconds += a.traces[t].timing->seconds;
  }
  const Score &s = a.score;
  std::string ratio =
      s.geomean_ratio ? ratio_text(*s.geomean_ratio) + "     " : "-";
  std::printf("%-10s %6s%s %8zu %10.6f %7.0f %12s  %s\n", "Total",
              mean_utilization(a).c_str(),
              options_.diagnostics ? "               " : "", ops, seconds,
              s.throughput / 1000, ratio.c_str(),
              "mean utilization, geometric mean of ratios");
}

void TextReport::table(const SuiteResult &all, const AllocatorResult &a) const {
  std::printf("\nResults for %s malloc:\n", a.info.name.c_str());
  std::string against =
      all.reference.name.empty() ? "" : "vs " + all.reference.name;
  if (options_.tab_mode)
    std::printf("trace\tvalid\tutil\tops\tsecs\tKops\t%s\tname\n",
                against.c_str());
  else
    std::printf(
        "trace  valid   util%s      ops       secs    Kops %12s  name\n",
        options_.diagnostics ? "   bound util/b" : "", against.c_str());
  for (size_t t = 0; t < all.traces.size(); t++) table_row(all, a, t);
  if (options_.tab_mode) return;
  table_total(all, a);
  if (a.info.locked)
    std::printf("Threads call %s under one lock%s (locked).\n",
                a.info.name.c_str(),
                a.info.thread_safe ? "" : ", as it is not thread-safe");
}

// Where the bytes of the heap were when the payload was at its peak.
void TextReport::diagnostics(const SuiteResult &all,
                             const AllocatorResult &a) const {
  if (!a.info.has_walk) return;
  std::printf("\nThe heap of %s at the peak of the payload, in %% of its "
              "high-water mark:\n",
              a.info.name.c_str());
  std::printf("trace  payload internal external metadata unused above-brk   "
              "high-water  name\n");
  for (size_t t = 0; t < all.traces.size(); t++) {
    const Space &space = a.traces[t].space;
    if (!a.traces[t].valid || !space.at_peak) continue;
    const Breakdown &b = *space.at_peak;
    auto share = [&](uint64_t bytes) {
      return space.high_water ? 100.0 * static_cast<double>(bytes) /
                                    static_cast<double>(space.high_water)
                              : 0;
    };
    std::printf("%2zu       %6.1f   %6.1f   %6.1f   %6.1f %6.1f    %6.1f %12llu"
                "  %s\n",
                t, share(b.payload), share(b.internal), share(b.external),
                share(b.metadata), share(b.unused), share(b.above),
                static_cast<unsigned long long>(space.high_water),
                all.traces[t].name.c_str());
  }
}

// A digit a step, in tenths of `whole`: 9 from nine tenths on.
static std::string tenths(const uint64_t (&steps)[Touched::kSteps],
                          uint64_t whole) {
  std::string digits;
  for (uint64_t step : steps)
    digits += static_cast<char>('0' + std::min<uint64_t>(9, 10 * step / whole));
  return digits;
}

// How much memory the heap held in the course of the trace.
void TextReport::touched_pages(const SuiteResult &all,
                               const AllocatorResult &a) const {
  const size_t page = mem_pagesize();
  auto pages = [page](uint64_t bytes) {
    return static_cast<unsigned long long>((bytes + page - 1) / page);
  };
  std::printf(
      "\nOS pages of %zu bytes that %s touched; over time, in %zu steps "
      "and tenths of the peak:\n",
      page, a.info.name.c_str(), Touched::kSteps);
  std::printf("trace  payload     peak      end  live payload          touched "
              "pages         name\n");
  for (size_t t = 0; t < all.traces.size(); t++) {
    const TraceResult &r = a.traces[t];
    if (!r.valid) continue;
    std::string peak = "-", end = "-", live = "-", over_time = "-";
    if (r.space.touched) {
      const Touched &touched = *r.space.touched;
      peak = format("%llu", pages(touched.peak));
      end = format("%llu", pages(touched.end));
      live = tenths(touched.payload, touched.peak);
      over_time = tenths(touched.over_time, touched.peak);
    }
    std::printf("%2zu    %8llu %8s %8s  %-20s  %-20s  %s\n", t,
                pages(all.traces[t].peak_payload), peak.c_str(), end.c_str(),
                live.c_str(), over_time.c_str(), all.traces[t].name.c_str());
  }
}

// Nobody shall take for bad what was not measured.
void TextReport::what_the_mark_lacks(const AllocatorResult &a) const {
  if (a.score.mean_utilization == 0)
    std::printf("  (util) is 0, as %s\n",
                a.info.simulated
                    ? "no trace that counts for it (1 or 2 in its first line) "
                      "has a payload"
                    : "a system's allocator took too little memory to measure: "
                      "give larger traces");
  if (a.score.reference_throughput == 0)
    std::printf("  (thru) is 0, as %s\n",
                options_.reference == "none"
                    ? "--reference none leaves nothing to compare with"
                    : "no trace counts for it (1 or 3 in its first line)");
}

// A checker that was asked for and is not there has found nothing wrong.
void TextReport::checker(const AllocatorResult &a) const {
  if (options_.check.check_every && a.info.simulated && !a.info.has_checker)
    std::printf("%s has no mm_checkheap (or it is static): there was none to "
                "call\n",
                a.info.name.c_str());
}

void TextReport::mark(const AllocatorResult &a) const {
  const Score &s = a.score;
  if (s.errors) {
    std::printf("Terminated with %d errors\n", s.errors);
  } else if (options_.timing) {
    std::printf("Perf index = %.0f (util) + %.0f (thru) = %.0f/100\n",
                s.util_points, s.thru_points, s.perf_index);
    what_the_mark_lacks(a);
  } else if (options_.verbose == 0 && !options_.grader_summary) {
    bool one = a.traces.size() == 1;
    std::printf("Correct on %zu trace%s, which %s not timed\n", a.traces.size(),
                one ? "" : "s", one ? "was" : "were");
  }
  for (const std::string &fault : a.edge_faults)
    std::printf("Edge case%s: %s\n", options_.strict ? " (an error)" : "",
                fault.c_str());
}

// ---- Several allocators
// -------------------------------------------------------

void TextReport::comparison_row(const SuiteResult &all, size_t t,
                                int width) const {
  std::printf("%-*s", width, cut(all.traces[t].name, 24).c_str());
  for (const AllocatorResult &a : all.allocators) {
    const TraceResult &r = a.traces[t];
    std::string util = "-", ratio = "-";
    if (!r.valid) util = "FAILED";
    if (r.valid && r.space.utilization > 0) util = percent(r.space.utilization);
    if (r.timing && r.timing->ratio.median > 0)
      ratio = ratio_text(r.timing->ratio.median);
    std::string cell = format("%7s %7s", util.c_str(), ratio.c_str());
    std::printf("  %s", r.valid ? cell.c_str() : red(cell).c_str());
  }
  std::printf("\n");
}

void TextReport::comparison_foot(const SuiteResult &all, int width) const {
  std::printf("%-*s", width, "mean, geometric mean");
  for (const AllocatorResult &a : all.allocators)
    std::printf("  %7s %7s", mean_utilization(a).c_str(),
                a.score.geomean_ratio
                    ? ratio_text(*a.score.geomean_ratio).c_str()
                    : "-");
  std::printf("\n%-*s", width, "performance index");
  for (const AllocatorResult &a : all.allocators)
    std::printf("  %7s %7s", "",
                a.score.errors ? "FAILED"
                : has_mark(a)  ? format("%.0f", a.score.perf_index).c_str()
                               : "-");
  std::printf("\n");
}

void TextReport::comparison(const SuiteResult &all) const {
  int width = 20;
  for (const Trace &trace : all.traces)
    width = std::max(width, static_cast<int>(cut(trace.name, 24).size()));
  std::printf("\nUtilization, and speed as a multiple of %s's:\n%-*s",
              all.reference.name.empty() ? "the reference"
                                         : all.reference.name.c_str(),
              width, "trace");
  for (const AllocatorResult &a : all.allocators)
    std::printf(" %*s", kColumn, marked_name(a.info, kColumn).c_str());
  std::printf("\n");
  for (size_t t = 0; t < all.traces.size(); t++) comparison_row(all, t, width);
  comparison_foot(all, width);
  if (all.reference.locked)
    std::printf("Threads call the reference, %s, under one lock too.\n",
                all.reference.name.c_str());
}

// Who wins what.
void TextReport::verdict(const SuiteResult &all) const {
  const AllocatorResult *fast = nullptr, *tight = nullptr, *best = nullptr;
  for (const AllocatorResult &a : all.allocators) {
    const Score &s = a.score;
    if (s.errors) continue;
    if (s.geomean_ratio &&
        (!fast || *s.geomean_ratio > *fast->score.geomean_ratio))
      fast = &a;
    if (s.mean_utilization > 0 &&
        (!tight || s.mean_utilization > tight->score.mean_utilization))
      tight = &a;
    if (a.info.simulated && (!best || s.perf_index > best->score.perf_index))
      best = &a;
  }
  if (!fast || !tight || !best) return;
  std::printf("\n%s is the fastest (%s %s), %s the tightest (%s utilization); "
              "the best mark is %s's (%.0f of 100).\n",
              fast->info.name.c_str(),
              ratio_text(*fast->score.geomean_ratio).c_str(),
              all.reference.name.c_str(), tight->info.name.c_str(),
              percent(tight->score.mean_utilization).c_str(),
              best->info.name.c_str(), best->score.perf_index);
}

void TextReport::end(const SuiteResult &all) {
  clear_progress();
  for (const AllocatorResult &a : all.allocators) {
    if (&a == &all.allocators.front()) team(a);
    if (options_.verbose > 0) table(all, a);
    if (options_.diagnostics) diagnostics(all, a);
    if (options_.diagnostics) touched_pages(all, a);
    if (options_.verbose > 0 || &a == &all.allocators.front()) mark(a);
    checker(a);
  }
  if (options_.diagnostics && !all.replay_ns.empty()) {
    auto [least, most] =
        std::minmax_element(all.replay_ns.begin(), all.replay_ns.end());
    std::printf("\nThe replay's own %.1f to %.1f ns an operation are "
                "subtracted from all times.\n",
                *least, *most);
  }
  if (all.allocators.size() > 1) comparison(all);
  if (all.allocators.size() > 1) verdict(all);
  const AllocatorResult &linked = all.allocators.front();
  if (options_.grader_summary) {
    long correct = std::count_if(linked.traces.begin(), linked.traces.end(),
                                 [](const TraceResult &r) { return r.valid; });
    std::printf("correct:%ld\n", correct);
    if (has_mark(linked))
      std::printf("perfidx:%.0f\n", linked.score.perf_index);
  }
  std::fflush(stdout);
  if (all.noisy)
    std::fprintf(stderr,
                 "mdriver: speeds vary by up to %.0f%% between rounds: close "
                 "other programs, or ask for --rounds 51\n",
                 100 * all.worst_spread);
}

} // namespace driver
