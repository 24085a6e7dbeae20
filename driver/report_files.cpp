// report_files.cpp - results for programs: JSON, CSV, Autolab's line.
#include "report.hpp"

#include "score.hpp"
#include "text.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sys/stat.h>
#include <unistd.h>

namespace driver {
namespace {

[[noreturn]] void cannot_write(const std::string &flag,
                               const std::string &path) {
  throw InputError(format("%s %s: cannot write it: %s", flag.c_str(),
                          path.c_str(), std::strerror(errno)));
}

class OutputFile {
public:
  OutputFile(const std::string &flag, const std::string &path)
      : flag_(flag), path_(path), file_(std::fopen(path.c_str(), "w")) {
    if (!file_) cannot_write(flag_, path_);
  }
  ~OutputFile() {
    if (file_) std::fclose(file_);
  }
  OutputFile(const OutputFile &) = delete;
  OutputFile &operator=(const OutputFile &) = delete;

  void write(const std::string &text) {
    if (std::fwrite(text.data(), 1, text.size(), file_) != text.size() ||
        std::fflush(file_) != 0)
      cannot_write(flag_, path_);
  }

private:
  std::string flag_, path_;
  std::FILE *file_;
};

std::string json_number(bool known, double value) {
  return known ? format("%.6g", value) : "null";
}

std::string json_touched(const std::optional<Touched> &touched) {
  auto ull = [](uint64_t n) { return static_cast<unsigned long long>(n); };
  auto list = [&](const uint64_t(&steps)[Touched::kSteps]) {
    std::string text;
    for (uint64_t step : steps)
      text += format(text.empty() ? "%llu" : ", %llu", ull(step));
    return "[" + text + "]";
  };
  if (!touched)
    return "\"touched_peak\": null, \"touched_end\": null, "
           "\"touched_over_time\": null, \"payload_over_time\": null";
  return format("\"touched_peak\": %llu, \"touched_end\": %llu, ",
                ull(touched->peak), ull(touched->end)) +
         "\"touched_over_time\": " + list(touched->over_time) +
         ", \"payload_over_time\": " + list(touched->payload);
}

std::string json_trace(const Trace &trace, const TraceResult &r) {
  bool timed = r.valid && r.timing.has_value();
  bool space = r.valid;
  auto ull = [](uint64_t n) { return static_cast<unsigned long long>(n); };
  std::string text = "      {";
  text += format("\"trace\": %s, \"valid\": %s, \"fault\": %s, ",
                 json_quote(trace.name).c_str(), r.valid ? "true" : "false",
                 r.valid ? "null" : json_quote(r.fault).c_str());
  text +=
      format("\"ops\": %zu, \"threads\": %u, \"peak_payload\": %llu, ",
             trace.ops.size(), trace.replay_threads(), ull(trace.peak_payload));
  text += format("\"bound\": %.6g, ", trace.bound());
  text += "\"heap_high_water\": " +
          (space ? format("%llu", ull(r.space.high_water)) : "null");
  text += ", \"utilization\": " +
          json_number(space && r.space.utilization > 0, r.space.utilization);
  text += ", \"ns_per_op\": " +
          json_number(timed, timed ? r.timing->ns_per_op.median : 0);
  text += ", \"reference_ratio\": " +
          json_number(timed && r.timing->ratio.median > 0,
                      timed ? r.timing->ratio.median : 0);
  text +=
      ", \"ratio_spread\": " + json_number(timed && r.timing->ratio.median > 0,
                                           timed ? r.timing->ratio.spread : 0);
  text +=
      ", \"timed_high_water\": " +
      (timed && r.timing->high_water ? format("%llu", ull(r.timing->high_water))
                                     : "null");
  return text + ", " + json_touched(space ? r.space.touched : std::nullopt) +
         "}";
}

std::string json_allocator(const SuiteResult &all, const AllocatorResult &a) {
  std::string text = "    {\"name\": " + json_quote(a.info.name) +
                     ", \"locked\": " + (a.info.locked ? "true" : "false") +
                     ", \"traces\": [\n";
  for (size_t t = 0; t < all.traces.size(); t++)
    text += json_trace(all.traces[t], a.traces[t]) +
            (t + 1 < all.traces.size() ? ",\n" : "\n");
  const Score &s = a.score;
  text += "    ], \"edge_faults\": [";
  for (size_t i = 0; i < a.edge_faults.size(); i++)
    text += (i ? ", " : "") + json_quote(a.edge_faults[i]);
  text += format("],\n     \"errors\": %d, \"static_data\": %zu, ", s.errors,
                 a.info.static_data);
  text += "\"mean_utilization\": " +
          json_number(s.mean_utilization > 0, s.mean_utilization);
  text += ", \"geomean_reference_ratio\": " +
          json_number(s.geomean_ratio.has_value(), s.geomean_ratio.value_or(0));
  text += ", \"perf_index\": " + json_number(has_mark(a), s.perf_index) + "}";
  return text;
}

} // namespace

void require_writable(const std::string &flag, const std::string &file) {
  struct stat info {};
  if (file.empty()) return;
  if (file == "-")
    throw InputError(flag + " -: name a file; /dev/stdout is where the tables "
                            "go");
  bool there = stat(file.c_str(), &info) == 0;
  std::string folder = file.substr(0, file.rfind('/') + 1);
  if (there && S_ISDIR(info.st_mode))
    errno = EISDIR;
  else if (access(there ? file.c_str() : (folder + ".").c_str(), W_OK) == 0)
    return;
  cannot_write(flag, file);
}

void require_printed() {
  if (std::fflush(stdout) == 0 && !std::ferror(stdout)) return;
  throw InputError("cannot write all results to stdout: is the disk full, or "
                   "was it closed?");
}

void write_json(const SuiteResult &all, const std::string &file) {
  OutputFile out("--json", file);
  out.write(
      "{\n  \"reference\": " +
      (all.reference.name.empty() ? "null" : json_quote(all.reference.name)) +
      ",\n  \"allocators\": [\n");
  for (size_t i = 0; i < all.allocators.size(); i++)
    out.write(json_allocator(all, all.allocators[i]) +
              (i + 1 < all.allocators.size() ? ",\n" : "\n"));
  out.write("  ]\n}\n");
}

static std::string csv_text(const std::string &text) {
  std::string quoted = "\"";
  for (char c : valid_utf8(text))
    quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + '"';
}

static std::string csv_number(bool known, double value) {
  return known ? format(",%.6g", value) : ",";
}

static std::string csv_bytes(bool known, uint64_t bytes) {
  return known ? format(",%llu", static_cast<unsigned long long>(bytes)) : ",";
}

static uint64_t mean_of(const uint64_t (&steps)[Touched::kSteps]) {
  uint64_t sum = 0;
  for (uint64_t step : steps) sum += step;
  return sum / Touched::kSteps;
}

static std::string csv_row(const AllocatorInfo &who, const Trace &trace,
                           const TraceResult &r) {
  Timing time = r.timing.value_or(Timing{});
  Touched touched = r.space.touched.value_or(Touched{});
  bool has_touched = r.valid && r.space.touched;
  return format("%s,%s,%d,%s,%zu,%u", csv_text(who.name).c_str(),
                csv_text(trace.name).c_str(), r.valid,
                r.valid ? "" : csv_text(r.fault).c_str(), trace.ops.size(),
                trace.replay_threads()) +
         csv_bytes(true, trace.peak_payload) + csv_number(true, trace.bound()) +
         csv_bytes(r.valid, r.space.high_water) +
         csv_number(r.space.utilization > 0, r.space.utilization) +
         csv_number(r.timing.has_value(), time.ns_per_op.median) +
         csv_number(time.ratio.median > 0, time.ratio.median) +
         csv_number(time.ratio.median > 0, time.ratio.spread) +
         csv_bytes(has_touched, touched.peak) +
         csv_bytes(has_touched, mean_of(touched.over_time)) +
         csv_bytes(has_touched, touched.end) +
         csv_bytes(has_touched, mean_of(touched.payload)) +
         csv_bytes(has_touched, touched.payload[Touched::kSteps - 1]) +
         csv_bytes(time.high_water > 0, time.high_water) + "\n";
}

void write_csv(const SuiteResult &all, const std::string &file) {
  OutputFile out("--csv", file);
  out.write("allocator,trace,valid,fault,ops,threads,peak_payload,bound,"
            "heap_high_water,utilization,ns_per_op,reference_ratio,"
            "ratio_spread,touched_peak,touched_mean,touched_end,payload_mean,"
            "payload_end,timed_high_water\n");
  for (const AllocatorResult &a : all.allocators)
    for (size_t t = 0; t < all.traces.size(); t++)
      out.write(csv_row(a.info, all.traces[t], a.traces[t]));
}

// Autolab's parser takes a word and a colon inside a string for a key, so
// there are no colons in ours.
void print_autolab(const AllocatorResult &a) {
  const Score &s = a.score;
  std::printf("{\"scores\": {\"Performance\": %.1f}, \"scoreboard\": "
              "[%.1f, %.1f, %.0f]}\n",
              s.perf_index, s.perf_index, 100 * s.mean_utilization,
              s.throughput / 1000);
}

} // namespace driver
