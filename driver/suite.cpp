#include "suite.hpp"

#include "config.h"
#include "edges.hpp"
#include "memlib.h"
#include "score.hpp"
#include "text.hpp"
#include "worker.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace driver {
namespace {

// A round takes about this long, so that the clock and the first, cold
// operations do not matter; all rounds of a trace together not much more than
// the budget, but there are at least kLeastRounds.
constexpr double kRoundNs = 3e6;
constexpr double kThreadedRoundNs = 2e7; // several of the scheduler's slices
constexpr double kBudgetNs = 1.5e9;
constexpr int kRounds = 15, kLeastRounds = 3;

// No allocator is faster than this: what the subtraction of the replay's own
// cost leaves below it is noise.
constexpr double kLeastNsPerOp = .3;

// From this spread on a figure is called noisy.
constexpr double kNoisySpread = .10;

// ---- Probing ----------------------------------------------------------------

struct ProbeReport {
  Progress progress;
  char error[4000] = "";
  char name[64] = "";
  bool simulated, thread_safe, has_checker, has_walk, has_team;
  uint64_t static_data;
  char team[5][128];
};

template <size_t N> void copy_text(char (&to)[N], const char *from) {
  std::snprintf(to, N, "%s", from ? from : "");
}

void probe_here(const std::string &what, ProbeReport &report) {
  Allocator a;
  try {
    a = load_allocator(what);
  } catch (const InputError &error) {
    return copy_text(report.error, error.what());
  }
  copy_text(report.name, a.name.c_str());
  report.simulated = a.simulated;
  report.thread_safe = a.thread_safe;
  report.has_checker = a.checkheap_symbol != nullptr;
  report.has_walk = a.fn.walk != nullptr;
  report.static_data = a.static_data;
  report.has_team = a.team != nullptr;
  if (!a.team) return;
  const team_t &t = *a.team;
  const char *texts[] = {t.teamname, t.name1, t.id1, t.name2, t.id2};
  for (int i = 0; i < 5; i++) copy_text(report.team[i], texts[i]);
}

// Its names are printed among the results, where they must not look like some.
AllocatorInfo info_of(const std::string &what, const ProbeReport &report) {
  AllocatorInfo info;
  info.what = what;
  info.name = report.name[0] ? one_line(report.name) : default_name(what);
  info.simulated = report.simulated;
  info.thread_safe = report.thread_safe;
  info.has_checker = report.has_checker;
  info.has_walk = report.has_walk;
  info.static_data = report.static_data;
  info.has_team = report.has_team;
  info.team_name = one_line(report.team[0]);
  for (int i = 0; i < 2; i++) {
    info.members[i] = one_line(report.team[1 + 2 * i]);
    info.emails[i] = one_line(report.team[2 + 2 * i]);
  }
  return info;
}

// ---- A run
// --------------------------------------------------------------------

class Suite {
public:
  Suite(const Options &options, Listener &listener)
      : options_(options), listener_(listener) {}

  SuiteResult run();

private:
  void read_traces();
  void require_place_to_stop() const;
  void probe_all();
  void run_trace(size_t t);
  void check(size_t t, size_t a);
  void time(size_t t);
  bool calibrate(size_t t, std::vector<std::unique_ptr<Worker>> &workers,
                 std::vector<uint32_t> &passes, int &rounds);
  void run_rounds(size_t t, std::vector<std::unique_ptr<Worker>> &workers);
  void fail(size_t t, size_t a, Worker &worker);
  void keep_timing(size_t t, const std::vector<std::vector<double>> &ns,
                   const std::vector<uint64_t> &high_water);

  TraceResult &result(size_t t, size_t a) {
    return all_.allocators[a].traces[t];
  }

  const Options &options_;
  Listener &listener_;
  const AllocatorInfo nothing_{"nothing", "nothing"};
  SuiteResult all_;
};

void Suite::read_traces() {
  HeapRules rules{mem_limit(), options_.check.alignment,
                  options_.threads.handoff};
  for (const TraceChoice &choice : chosen_traces(options_)) {
    all_.traces.push_back(read_trace(choice.path, rules));
    Trace &trace = all_.traces.back();
    if (choice.weight >= 0) trace.weight = choice.weight;
    if (trace.threads == 1) trace.replicas = options_.threads.replicas;
  }
  require_place_to_stop();
}

// Without --no-fork the trap would end a child, and look like a fault of the
// allocator.
void Suite::require_place_to_stop() const {
  const uint64_t stop = options_.check.stop_at;
  if (stop == 0) return;
  if (options_.limits.fork)
    throw InputError("--stop-at is for debuggers and needs --no-fork");
  for (const Trace &trace : all_.traces)
    if (stop <= trace.ops.size()) return;
  throw InputError(format("--stop-at %llu: no trace here has so many "
                          "operations",
                          static_cast<unsigned long long>(stop)));
}

void Suite::probe_all() {
  std::vector<std::string> whats{options_.allocator};
  whats.insert(whats.end(), options_.plug_ins.begin(), options_.plug_ins.end());
  for (const std::string &what : whats) {
    AllocatorResult r;
    r.info = probe_allocator(
        what, all_.allocators.empty() ? "--allocator" : "-A", options_);
    r.traces.resize(all_.traces.size());
    all_.allocators.push_back(std::move(r));
  }
  const std::string &reference = options_.reference;
  if (options_.timing && reference != "none" && reference != "constant")
    all_.reference = probe_allocator(reference, "--reference", options_);
  if (reference == "constant") all_.reference.name = "constant";
  bool threads = std::any_of(all_.traces.begin(), all_.traces.end(),
                             [](const Trace &t) { return t.threaded(); });
  // --lock leaves the reference alone: against it the lock's price is seen.
  all_.reference.locked =
      threads && !all_.reference.what.empty() && !all_.reference.thread_safe;
  for (AllocatorResult &a : all_.allocators)
    a.info.locked = threads && (options_.threads.lock || !a.info.thread_safe);
}

void Suite::fail(size_t t, size_t a, Worker &worker) {
  TraceResult &r = result(t, a);
  r.valid = false;
  r.fault = worker.fault();
  r.advice = worker.advice();
  r.timing.reset();
  r.output = worker.output();
  listener_.trace_failed(all_.allocators[a].info, t, r);
}

void Suite::check(size_t t, size_t a) {
  const AllocatorInfo &who = all_.allocators[a].info;
  TraceResult &r = result(t, a);
  listener_.step(t, "checking", who.name);
  Worker worker(who, all_.traces[t], options_);
  if (!worker.check(2)) return fail(t, a, worker);
  if (all_.traces[t].threaded() && !worker.check_threads())
    return fail(t, a, worker);
  listener_.step(t, "measuring the heap of", who.name);
  Worker measurer(who, all_.traces[t], options_);
  if (!measurer.measure_space()) return fail(t, a, measurer);
  r.valid = true;
  r.space = space_of(all_.traces[t], measurer.space());
  r.output = worker.output();
  listener_.allocator_printed(who, r.output);
}

// A pass that does not count, which says how many make a round.
// With threads twice, as one pass of those tells mostly how fast they wake up.
bool Suite::calibrate(size_t t, std::vector<std::unique_ptr<Worker>> &workers,
                      std::vector<uint32_t> &passes, int &rounds) {
  const bool threaded = all_.traces[t].threaded();
  const double wanted = threaded ? kThreadedRoundNs : kRoundNs;
  double round_ns = 0;
  for (size_t w = 0; w < workers.size(); w++) {
    double ns = 0;
    for (int times = threaded ? 2 : 1; workers[w] && times > 0; times--) {
      ns = workers[w]->time_round(passes[w]) ? workers[w]->round().ns : 0;
      if (ns == 0) break;
      passes[w] = static_cast<uint32_t>(std::clamp(wanted / ns, 1.0, 10000.0));
    }
    round_ns += ns * passes[w];
  }
  rounds = options_.rounds;
  if (rounds == 0 && round_ns > 0)
    rounds = std::clamp(static_cast<int>(kBudgetNs / round_ns), kLeastRounds,
                        kRounds);
  return round_ns > 0;
}

void Suite::run_rounds(size_t t,
                       std::vector<std::unique_ptr<Worker>> &workers) {
  size_t n = workers.size();
  std::vector<uint32_t> passes(n, 1);
  int rounds = 0;
  if (!calibrate(t, workers, passes, rounds)) return;
  std::vector<std::vector<double>> ns(n);
  std::vector<uint64_t> high_water(n);
  for (int r = 0; r < rounds; r++)
    for (size_t k = 0; k < n; k++) {
      size_t w = (k + static_cast<size_t>(r)) % n;
      if (workers[w] && workers[w]->fault().empty() &&
          workers[w]->time_round(passes[w])) {
        ns[w].push_back(workers[w]->round().ns);
        high_water[w] = workers[w]->round().last_high_water;
      }
    }
  keep_timing(t, ns, high_water);
}

void Suite::keep_timing(size_t t, const std::vector<std::vector<double>> &ns,
                        const std::vector<uint64_t> &high_water) {
  const double ops = static_cast<double>(all_.traces[t].replayed_ops());
  const double replay = least_of(ns.back()); // 0 with threads
  if (!ns.back().empty()) all_.replay_ns.push_back(replay / ops);
  auto net = [&](double gross) {
    return std::max(gross - replay, kLeastNsPerOp * ops);
  };
  const std::vector<double> &reference = ns[ns.size() - 2];
  for (size_t a = 0; a < all_.allocators.size(); a++) {
    if (ns[a].empty()) continue;
    std::vector<double> per_op, ratios;
    for (double value : ns[a]) per_op.push_back(net(value) / ops);
    for (size_t r = 0; r < ns[a].size(); r++) {
      if (options_.reference == "constant")
        ratios.push_back(1e9 / AVG_LIBC_THRUPUT / per_op[r]);
      else if (r < reference.size())
        ratios.push_back(net(reference[r]) / net(ns[a][r]));
    }
    Timing timing{figure_of(per_op), figure_of(ratios), 0, high_water[a]};
    timing.seconds = timing.ns_per_op.median * ops * 1e-9;
    result(t, a).timing = timing;
    all_.worst_spread = std::max(all_.worst_spread, timing.ratio.spread);
  }
}

// Behind the allocators' workers come that of the reference, which may be
// missing, and that of the allocator that does nothing, which there is not
// with threads (timing.hpp says why).
void Suite::time(size_t t) {
  listener_.step(t, "timing", "all");
  const Trace &trace = all_.traces[t];
  std::vector<std::unique_ptr<Worker>> workers;
  for (size_t a = 0; a < all_.allocators.size(); a++)
    workers.push_back(
        result(t, a).valid
            ? std::make_unique<Worker>(all_.allocators[a].info, trace, options_)
            : nullptr);
  bool measured =
      !all_.reference.name.empty() && options_.reference != "constant";
  workers.push_back(
      measured ? std::make_unique<Worker>(all_.reference, trace, options_)
               : nullptr);
  workers.push_back(trace.threaded()
                        ? nullptr
                        : std::make_unique<Worker>(nothing_, trace, options_));
  run_rounds(t, workers);
  for (size_t a = 0; a < all_.allocators.size(); a++) {
    if (!workers[a]) continue;
    bool ok = workers[a]->fault().empty() && workers[a]->check(1);
    if (!ok) fail(t, a, *workers[a]);
  }
  const Worker *reference = workers[all_.allocators.size()].get();
  // Marks without it would be lower than is right.
  if (reference && !reference->fault().empty())
    throw InputError(format("the reference failed: %s; choose another with "
                            "--reference, or raise --memory-limit or `ulimit`",
                            reference->fault().c_str()));
}

void Suite::run_trace(size_t t) {
  bool any = false;
  for (size_t a = 0; a < all_.allocators.size(); a++) {
    check(t, a);
    any = any || result(t, a).valid;
  }
  if (any && options_.timing) time(t);
}

SuiteResult Suite::run() {
  read_traces();
  probe_all();
  listener_.begin(all_.traces);
  for (size_t t = 0; t < all_.traces.size(); t++) run_trace(t);
  for (AllocatorResult &a : all_.allocators) {
    if (a.info.simulated) a.edge_faults = check_edges(a.info, options_);
    score(a, all_.traces);
    if (options_.strict)
      a.score.errors += static_cast<int>(a.edge_faults.size());
  }
  all_.noisy = all_.worst_spread > kNoisySpread;
  return std::move(all_);
}

void reserve_heap(const Options &options) {
  void *base = reinterpret_cast<void *>(options.heap_base);
  if (mem_reserve(options.max_heap, base) != 0)
    throw InputError(format("cannot reserve a heap of %s%s: %s; %s",
                            human_bytes(options.max_heap).c_str(),
                            base ? " at --heap-base" : "", std::strerror(errno),
                            base ? "try another place, or `low`"
                                 : "lower --max-heap or raise `ulimit -v` "
                                   "and `-d`"));
}

} // namespace

AllocatorInfo probe_allocator(const std::string &what, const char *flag,
                              const Options &options) {
  SharedMemory<ProbeReport> report;
  Sandbox sandbox(options.limits, report->progress,
                  [&](char) { probe_here(what, *report); });
  Ending ending = sandbox.call('p');
  if (report->error[0]) throw InputError(format("%s %s", flag, report->error));
  if (ending.kind != Ending::kDone)
    throw InputError(format("%s %s: %s while it was loaded", flag, what.c_str(),
                            describe(ending).c_str()));
  return info_of(what, *report);
}

SuiteResult run_suite(const Options &options, Listener &listener) {
  reserve_heap(options);
  return Suite(options, listener).run();
}

} // namespace driver
