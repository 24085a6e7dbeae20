// reports.cpp - reports CASE: prints one report of a fixed result, so that its
// text can be compared (tests/golden/run.sh). The figures are made up: nothing
// here depends on a clock or on an allocator.
#include "driver/report.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace driver;

namespace {

Trace trace_of(const char *path, const char *ops, int weight) {
  std::string text = "1 9 9 0\n" + std::string(ops);
  Trace t = parse_trace(path, text, {1 << 30, 16});
  t.weight = weight;
  return t;
}

std::vector<Trace> traces() {
  std::vector<Trace> all;
  all.push_back(trace_of("traces/cc1.rep", "a 0 1000\na 1 500\nf 0\nf 1\n", 1));
  all.push_back(trace_of("traces/a-name-that-is-longer-than-a-column.rep",
                         "a 0 70000\nr 0 90000\nf 0\n", 2));
  all.push_back(trace_of("other/threads.txt", "@1 a 0 64\n@2 f 0\n", 3));
  return all;
}

TraceResult good(double utilization, double ns, double ratio, double spread) {
  TraceResult r;
  r.valid = true;
  r.space.utilization = utilization;
  r.space.high_water = 4096;
  r.timing = Timing{{ns, spread}, {ratio, spread}, ns * 4e-6, 8192};
  return r;
}

TraceResult bad(const char *fault) {
  TraceResult r;
  r.fault = fault;
  r.advice = "gdb -ex run --args ./mdriver --no-fork -c traces/x.rep";
  r.output = "first line of \"output\"\nPerf index = 100/100\n";
  return r;
}

Score score_of(double utilization, double ratio, double util, double thru) {
  Score s;
  s.mean_utilization = utilization;
  s.geomean_ratio = ratio;
  s.throughput = 20e6;
  s.reference_throughput = 16e6;
  s.util_points = util;
  s.thru_points = thru;
  s.perf_index = util + thru;
  return s;
}

AllocatorResult linked() {
  AllocatorResult a;
  a.info.name = "mm";
  a.info.has_walk = true;
  a.info.has_team = true;
  a.info.static_data = 1234;
  a.info.team_name = "the \"A\" team";
  a.info.members[0] = "Ada Lovelace";
  a.info.emails[0] = "ada@example.org";
  a.traces = {good(.91234, 12.345, 1.2345, .0123), good(.875, 100, 12.3, .2),
              good(.5, 7.5, .5, 0)};
  a.traces[0].space.at_peak = Breakdown{2000, 100, 1000, 500, 396, 100};
  Touched touched{100 * 4096, 1, {}, {}};
  for (size_t i = 0; i < Touched::kSteps; i++) {
    touched.over_time[i] = (i < 10 ? 10 * i + 10 : 0) * 4096;
    touched.payload[i] = 5 * i * 4096;
  }
  a.traces[0].space.touched = touched;
  a.score = score_of(.893, 1.96, 53.6, 40);
  return a;
}

// Fails on the second and third trace.
AllocatorResult failing() {
  AllocatorResult a;
  a.info.what = "build/alloc/alice.so";
  a.info.name = "alice";
  a.traces = {
      good(.7, 25, .6, .01),
      bad("traces/a-name-that-is-longer-than-a-column.rep:3: r 0 90000: "
          "payload [0x10, 0x20) overlaps block 9 [0x8, 0x18) of line 2"),
      bad("other/threads.txt: mm_init failed")};
  a.score = score_of(.7, .6, 0, 0);
  a.score.errors = 2;
  a.edge_faults = {"malloc(0): malloc(0) returned the same pointer twice",
                   "calloc: calloc returned memory that is not zero"};
  return a;
}

// Has no utilization to speak of.
AllocatorResult system_one() {
  AllocatorResult a;
  a.info.what = "libc";
  a.info.name = "libc";
  a.info.simulated = false;
  a.traces = {good(0, 15, 1, .02), good(.6, 1200, 1, .01), good(0, 4, 1, .01)};
  a.score = score_of(.6, 2.5, 36, 40);
  return a;
}

struct Case {
  Options options;
  SuiteResult all;

  explicit Case(bool several = false) {
    options.program = "./mdriver";
    options.trace_dir = "./traces/";
    options.color = false;
    all.traces = traces();
    all.reference.name = "libc";
    all.allocators.push_back(linked());
    if (several) all.allocators.push_back(failing());
    if (several) all.allocators.push_back(system_one());
  }

  void print() {
    TextReport report(options);
    report.begin(all.traces);
    for (const AllocatorResult &a : all.allocators)
      for (size_t t = 0; t < a.traces.size(); t++)
        if (!a.traces[t].valid) report.trace_failed(a.info, t, a.traces[t]);
    report.end(all);
  }
};

void print_failed() {
  Case c;
  c.all.allocators = {failing()};
  c.options.verbose = 1;
  c.options.grader_summary = true;
  c.print();
}

void print_untimed() {
  Case c;
  c.options.verbose = 1;
  c.options.timing = false;
  c.options.traces = {"x.rep"};
  c.all.reference.name = "";
  for (TraceResult &r : c.all.allocators[0].traces) r.timing.reset();
  c.all.allocators[0].score.geomean_ratio.reset();
  c.all.allocators[0].score.throughput = 0;
  c.print();
}

void print_noisy() {
  Case c;
  c.all.noisy = true;
  c.all.worst_spread = .3333;
  c.print();
}

// Two allocators that threads call under a lock: one needs it.
void print_locked() {
  Case c(true);
  c.options.verbose = 1;
  c.all.allocators.erase(c.all.allocators.begin() + 1);
  c.all.allocators[0].info.locked = true;
  c.all.allocators[0].info.name = "a-name-that-is-longer";
  c.all.allocators[1].info.locked = true;
  c.all.allocators[1].info.thread_safe = true;
  c.all.traces[0].replicas = 4;
  c.print();
}

void print_steps() {
  Case c;
  c.options.verbose = 2;
  TextReport report(c.options);
  report.begin(c.all.traces);
  report.step(1, "checking", "mm");
}

// Flags of the report by their letters, then the figures.
void print_text(const char *flags) {
  Case c(std::strchr(flags, 's') != nullptr);
  c.options.verbose = std::strchr(flags, 'v') ? 1 : 0;
  c.options.diagnostics = std::strchr(flags, 'V') != nullptr;
  c.options.tab_mode = std::strchr(flags, 'T') != nullptr;
  c.options.grader_summary = std::strchr(flags, 'g') != nullptr;
  c.options.strict = std::strchr(flags, 'S') != nullptr;
  if (std::strchr(flags, 'c')) c.options.color = true;
  c.print();
}

const struct {
  const char *name;
  void (*print)();
} kCases[] = {
    {"plain", [] { print_text(""); }},
    {"verbose", [] { print_text("v"); }},
    {"diagnostics", [] { print_text("vV"); }},
    {"tabs", [] { print_text("vT"); }},
    {"grader", [] { print_text("vg"); }},
    {"several", [] { print_text("s"); }},
    {"several_verbose", [] { print_text("svS"); }},
    {"color", [] { print_text("svc"); }},
    {"failed", print_failed},
    {"untimed", print_untimed},
    {"noisy", print_noisy},
    {"locked", print_locked},
    {"steps", print_steps},
    {"autolab", [] { print_autolab(Case().all.allocators.front()); }},
    {"json", [] { write_json(Case(true).all, "/dev/stdout"); }},
    {"csv", [] { write_csv(Case(true).all, "/dev/stdout"); }},
};

} // namespace

// Without a case: their names.
int main(int argc, char **argv) {
  setenv("TERM", "dumb", 1);
  for (const auto &c : kCases) {
    if (argc == 1) std::printf("%s\n", c.name);
    if (argc > 1 && std::strcmp(argv[1], c.name) == 0) c.print();
  }
}
