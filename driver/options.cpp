// options.cpp - the command line of mdriver.
//
// The short flags are those of three generations of malloc labs; where these
// disagree (-v is a flag in one and takes a number in another, -A has an
// argument here and none at CMU) both forms are understood, which is why this
// is not getopt.
#include "options.hpp"

#include "config.h"
#include "memlib.h"
#include "text.hpp"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <filesystem>
#include <unistd.h>

namespace driver {
namespace {

enum class Takes { Nothing, Value, MaybeNumber, MaybeFile };

struct Flag {
  char letter; // 0: none
  const char *name;
  Takes takes;
  void (*apply)(Options &, const std::string &value);
};

double number(const std::string &text, const char *what) {
  char *end = nullptr;
  double value = std::strtod(text.c_str(), &end);
  if (text.empty() || *end || !(value >= 0) || value > 1e15)
    throw InputError(format("%s takes a number, not '%s'", what, text.c_str()));
  return value;
}

uint64_t whole_number(const std::string &text, const char *what,
                      double most = 1e15) {
  double value = number(text, what);
  if (value > most || value != std::floor(value))
    throw InputError(format("%s takes a whole number up to %.0f, not '%s'",
                            what, most, text.c_str()));
  return static_cast<uint64_t>(value);
}

void set_seconds(Options &o, const std::string &v) {
  o.limits.seconds = number(v, "-s");
  if (o.limits.seconds == 0)
    throw InputError("-s takes a number of seconds above 0");
  o.limits.op_seconds = std::min(o.limits.op_seconds, o.limits.seconds);
}

std::string folder(const std::string &path) {
  return path.empty() || path.ends_with("/") ? path : path + "/";
}

void add_trace(Options &o, const std::string &v) {
  o.traces.push_back(v);
}

void add_plug_in(Options &o, const std::string &v) {
  if (v.empty())
    o.autolab = true;
  else
    o.plug_ins.push_back(v);
}

void set_debug(Options &o, const std::string &v) {
  if (v != "0" && v != "1" && v != "2")
    throw InputError("-d takes 0, 1 or 2, not '" + v + "'");
  o.check.contents = v != "0";
  if (v == "2") o.check.check_every = 1;
}

void set_color(Options &o, const std::string &v) {
  if (v != "always" && v != "never" && v != "auto")
    throw InputError("--color takes always, never or auto, not '" + v + "'");
  if (v != "auto") o.color = v == "always";
}

void set_heap_base(Options &o, const std::string &v) {
  o.heap_base = v == "low" ? 0x10000000 : parse_bytes(v, "--heap-base");
  if (o.heap_base % mem_pagesize() != 0)
    throw InputError(format("--heap-base takes a multiple of the OS page's %zu "
                            "bytes, not '%s'",
                            mem_pagesize(), v.c_str()));
}

// Below this the driver's own tables would not fit, and the allocator would
// get the blame.
constexpr uint64_t kLeastMemory = 1 << 20;

uint64_t bytes_at_least(uint64_t least, const std::string &v,
                        const char *what) {
  uint64_t bytes = parse_bytes(v, what);
  if (bytes < least)
    throw InputError(format("%s takes at least %s, not '%s'", what,
                            human_bytes(least).c_str(), v.c_str()));
  return bytes;
}

void set_threads(Options &o, const std::string &v) {
  bool digits = !v.empty() && v.find_first_not_of("0123456789") == v.npos;
  double value = digits ? number(v, "--threads") : 0;
  if (value < 1 || value > kMostThreads)
    throw InputError(format("--threads takes a whole number from 1 to %u, not "
                            "'%s'",
                            kMostThreads, v.c_str()));
  o.threads.replicas = static_cast<uint32_t>(value);
}

void set_alignment(Options &o, const std::string &v) {
  uint64_t a = parse_bytes(v, "--alignment");
  if (a == 0 || (a & (a - 1)) != 0 || a > 4096)
    throw InputError("--alignment takes a power of two up to 4096, not '" + v +
                     "'");
  o.check.alignment = a;
}

// The classic graders' scripts have it.
void ignore(Options &, const std::string &) {}

const Flag kFlags[] = {
    {'a', "no-team-check", Takes::Nothing,
     [](Options &o, const std::string &) { o.check_team = false; }},
    {'A', "against", Takes::MaybeFile, add_plug_in},
    {'c', "check", Takes::Value,
     [](Options &o, const std::string &v) {
       o.traces.push_back(v);
       o.timing = false;
     }},
    {'C', "checkpoint", Takes::Nothing, ignore},
    {'p', nullptr, Takes::Nothing, ignore},
    {'d', "debug", Takes::Value, set_debug},
    {'D', "check-heap", Takes::Nothing,
     [](Options &o, const std::string &) { o.check.check_every = 1; }},
    {'f', "file", Takes::Value, add_trace},
    {'g', "grader", Takes::Nothing,
     [](Options &o, const std::string &) { o.grader_summary = true; }},
    {'h', "help", Takes::Nothing,
     [](Options &o, const std::string &) { o.help = true; }},
    {'l', "libc", Takes::Nothing,
     [](Options &o, const std::string &) { o.plug_ins.push_back("libc"); }},
    {'s', "time-limit", Takes::Value, set_seconds},
    {'t', "trace-dir", Takes::Value,
     [](Options &o, const std::string &v) {
       o.trace_dir = folder(v);
       o.trace_dir_given = true;
     }},
    {'T', "tabs", Takes::Nothing,
     [](Options &o, const std::string &) { o.tab_mode = true; }},
    {'v', "verbose", Takes::MaybeNumber,
     [](Options &o, const std::string &v) {
       o.verbose = v.empty() ? o.verbose + 1
                             : static_cast<int>(whole_number(v, "-v", 1000));
     }},
    {'V', "diagnostics", Takes::Nothing,
     [](Options &o, const std::string &) {
       o.verbose = std::max(o.verbose, 1);
       o.diagnostics = true;
     }},
    {0, "allocator", Takes::Value,
     [](Options &o, const std::string &v) { o.allocator = v; }},
    {0, "alignment", Takes::Value, set_alignment},
    {0, "check-every", Takes::Value,
     [](Options &o, const std::string &v) {
       o.check.check_every = whole_number(v, "--check-every");
     }},
    {0, "color", Takes::Value, set_color},
    {0, "csv", Takes::Value,
     [](Options &o, const std::string &v) { o.csv_file = v; }},
    {0, "json", Takes::Value,
     [](Options &o, const std::string &v) { o.json_file = v; }},
    {0, "handoff", Takes::Nothing,
     [](Options &o, const std::string &) { o.threads.handoff = true; }},
    {0, "heap-base", Takes::Value, set_heap_base},
    {0, "lock", Takes::Nothing,
     [](Options &o, const std::string &) { o.threads.lock = true; }},
    {0, "max-heap", Takes::Value,
     [](Options &o, const std::string &v) {
       o.max_heap = bytes_at_least(mem_pagesize(), v, "--max-heap");
     }},
    {0, "memory-limit", Takes::Value,
     [](Options &o, const std::string &v) {
       o.limits.memory = bytes_at_least(kLeastMemory, v, "--memory-limit");
     }},
    {0, "lab-exit", Takes::Nothing,
     [](Options &o, const std::string &) { o.lab_exit = true; }},
    {0, "no-fork", Takes::Nothing,
     [](Options &o, const std::string &) { o.limits.fork = false; }},
    {0, "reference", Takes::Value,
     [](Options &o, const std::string &v) { o.reference = v; }},
    {0, "rounds", Takes::Value,
     [](Options &o, const std::string &v) {
       o.rounds = static_cast<int>(whole_number(v, "--rounds", 1e6));
     }},
    {0, "stop-at", Takes::Value,
     [](Options &o, const std::string &v) {
       o.check.stop_at = whole_number(v, "--stop-at");
     }},
    {0, "strict", Takes::Nothing,
     [](Options &o, const std::string &) { o.strict = true; }},
    {0, "threads", Takes::Value, set_threads},
    {0, "zero-heap", Takes::Nothing,
     [](Options &o, const std::string &) { o.check.zeroed_heap = true; }},
};

constexpr char kHelp[] =
    "usage: %s [flags]       scores an allocator on traces (docs/driver.md)\n"
    "  -V                    tables, the heap's bytes, OS pages over time\n"
    "  -v[N], -T             tables; N=2: each step; -T: with tabs\n"
    "  -f FILE, -t DIR       this trace (repeatable); the traces of this "
    "folder\n"
    "  -c FILE               check this trace only, without timing it\n"
    "  -A FILE.so|libc       compare with this allocator too (repeatable)\n"
    "  --allocator FILE.so   score this one in place of the linked one\n"
    "  --reference NAME      libc, libc-notrim, FILE.so, constant or none\n"
    "  -l, --rounds N        as -A libc; how many timed rounds\n"
    "  -D, --check-every N   call mm_checkheap after each, each Nth operation\n"
    "  -d N                  0: leave payloads alone, 1: verify them, 2: as "
    "-D\n"
    "  --no-fork --stop-at N for debuggers: one process; trap before op N\n"
    "  -s SEC                time limit for a trace (default %d)\n"
    "  --max-heap BYTES, --memory-limit BYTES   as 512M: limits of heap, rest\n"
    "  --heap-base ADDR|low, --zero-heap        where it lies; zeroed by init\n"
    "  --alignment N         payloads must be multiples of N (default %d)\n"
    "  --threads N           N threads do all of a trace, unless it has its "
    "own\n"
    "  --handoff, --lock     .. the next one frees; one lock, for any "
    "allocator\n"
    "  --strict              edge cases (malloc(0), SIZE_MAX, ..) count too\n"
    "  --json FILE, --csv FILE                  results for programs\n"
    "  -g, -A (bare)         lines for graders; Autolab's JSON\n"
    "  -a, --lab-exit        do not check the team; always exit with 0\n"
    "  --color always|never|auto\n"
    "exit status: 0 all valid, 1 some allocator failed, 2 bad flags or input\n";

// Walks over argv, one flag at a time.
class CommandLine {
public:
  CommandLine(int argc, char **argv, Options &options)
      : args_(argv + 1, argv + argc), options_(options) {}

  void run() {
    for (; next_ < args_.size(); next_++) {
      std::string arg = args_[next_];
      if (arg.starts_with("--"))
        long_flag(arg);
      else if (arg.size() > 1 && arg[0] == '-')
        bundle(arg);
      else
        throw InputError(format("'%s' is no flag; traces are given with -f, "
                                "allocators with -A (--help lists all)",
                                arg.c_str()));
    }
  }

private:
  void long_flag(const std::string &arg) {
    size_t equals = arg.find('=');
    std::string name = arg.substr(2, equals - 2);
    for (const Flag &flag : kFlags) {
      if (!flag.name || name != flag.name) continue;
      if (flag.takes == Takes::Nothing && equals != arg.npos)
        throw InputError(format("--%s takes no value", flag.name));
      std::string attached = equals == arg.npos ? "" : arg.substr(equals + 1);
      return apply(flag, "--" + name, attached, equals != arg.npos);
    }
    throw InputError(
        format("unknown flag --%s (--help lists all)", name.c_str()));
  }

  // "-vgf x" is -v -g -f x, "-v2g" is -v 2 -g.
  void bundle(const std::string &arg) {
    for (size_t i = 1; i < arg.size(); i++) {
      const Flag *flag = find(arg[i]);
      if (!flag)
        throw InputError(format("unknown flag -%c in '%s' (--help lists all)",
                                arg[i], arg.c_str()));
      std::string rest = arg.substr(i + 1), name = format("-%c", arg[i]);
      if (flag->takes == Takes::Nothing) {
        flag->apply(options_, "");
      } else if (flag->takes == Takes::MaybeNumber) {
        size_t digits = rest.find_first_not_of("0123456789");
        digits = std::min(digits, rest.size());
        apply(*flag, name, rest.substr(0, digits), digits > 0,
              digits == rest.size());
        i += digits;
      } else {
        return apply(*flag, name, rest, !rest.empty());
      }
    }
  }

  static const Flag *find(char letter) {
    for (const Flag &flag : kFlags)
      if (flag.letter == letter) return &flag;
    return nullptr;
  }

  // A value may be attached ("-f=x" aside) or be the next argument.
  void apply(const Flag &flag, const std::string &name,
             const std::string &attached, bool has_attached,
             bool may_take_next = true) {
    if (flag.takes == Takes::Value && has_attached && attached.empty())
      throw InputError(name + " needs a value behind it (--help)");
    if (flag.takes == Takes::Nothing || has_attached)
      return flag.apply(options_, attached);
    bool more = may_take_next && next_ + 1 < args_.size();
    std::string next = more ? args_[next_ + 1] : "";
    bool is_number = !next.empty() &&
                     std::all_of(next.begin(), next.end(), [](unsigned char c) {
                       return std::isdigit(c);
                     });
    bool take = flag.takes == Takes::Value         ? more
                : flag.takes == Takes::MaybeNumber ? is_number
                                                   : more && next[0] != '-';
    if (flag.takes == Takes::Value && (!take || next.empty()))
      throw InputError(name + " needs a value behind it (--help)");
    if (flag.takes == Takes::Value) refuse_flag_as_value(name, next);
    if (take) next_++;
    flag.apply(options_, take ? next : "");
  }

  // A forgotten value would swallow the flag behind it. A number may be
  // negative, which its reader refuses with better words.
  static void refuse_flag_as_value(const std::string &name,
                                   const std::string &next) {
    bool flag = next.size() > 1 && next[0] == '-' &&
                !std::isdigit(static_cast<unsigned char>(next[1]));
    if (flag)
      throw InputError(format("%s needs a value behind it, and '%s' is a flag "
                              "(of a file with that name: ./%s)",
                              name.c_str(), next.c_str(), next.c_str()));
  }

  std::vector<std::string> args_;
  size_t next_ = 0;
  Options &options_;
};

// As the shell's *.rep: what is hidden is an editor's or a file system's.
bool is_trace(std::string_view name) {
  return name.ends_with(".rep") && !name.starts_with('.');
}

std::vector<std::string> rep_files_in(const std::string &dir) {
  std::vector<std::string> files;
  DIR *stream = opendir(dir.c_str());
  while (dirent *entry = stream ? readdir(stream) : nullptr)
    if (is_trace(entry->d_name)) files.push_back(dir + entry->d_name);
  if (!stream)
    throw InputError(format("-t %s: cannot read that folder: %s", dir.c_str(),
                            std::strerror(errno)));
  closedir(stream);
  if (files.empty())
    throw InputError(
        format("-t %s: there is no .rep file in that folder", dir.c_str()));
  std::sort(files.begin(), files.end());
  return files;
}

} // namespace

// Also if it is not there yet.
static bool same_file(const std::string &a, const std::string &b) {
  if (a == b || b.empty()) return a == b;
  std::error_code error;
  const auto path = std::filesystem::weakly_canonical(a, error);
  return !error && path == std::filesystem::weakly_canonical(b, error);
}

std::optional<Options> parse_options(int argc, char **argv) {
  Options options;
  options.program = argc > 0 ? argv[0] : "./mdriver";
  options.trace_dir = folder(TRACEDIR);
  options.max_heap = MAX_HEAP;
  options.check.alignment = ALIGNMENT;
  options.limits.seconds = TIME_LIMIT;
  options.limits.op_seconds = OP_TIME_LIMIT;
  options.limits.memory = MEMORY_LIMIT;
  CommandLine(argc, argv, options).run();
  if (options.threads.handoff && options.threads.replicas < 2)
    throw InputError("--handoff needs --threads N with an N of 2 or more");
  if (!options.json_file.empty() &&
      same_file(options.json_file, options.csv_file))
    throw InputError("--json and --csv need a file each, not both '" +
                     options.json_file + "'");
  if (!options.help) return options;
  std::printf(kHelp, options.program.c_str(), TIME_LIMIT, ALIGNMENT);
  return {};
}

namespace {

// A folder that holds the default traces is asked for those; another one for
// all that it has.
std::vector<TraceChoice> listed_traces(const Options &options) {
  std::vector<TraceChoice> chosen;
  if (!options.traces.empty()) {
    for (const std::string &file : options.traces) {
      std::string in_dir = options.trace_dir + file;
      bool there = access(file.c_str(), F_OK) == 0;
      bool use_dir =
          !there && file[0] != '/' && access(in_dir.c_str(), F_OK) == 0;
      chosen.push_back({use_dir ? in_dir : file});
    }
    return chosen;
  }
  bool all_there = true;
  for (const char *name : {DEFAULT_TRACEFILES}) {
    std::string file = name;
    int weight = -1;
    size_t colon = file.rfind(':');
    if (colon != file.npos && colon + 2 == file.size()) {
      weight = file.back() - '0';
      if (weight < 0 || weight > 3)
        throw InputError(format("config.h: DEFAULT_TRACEFILES: '%s': a weight "
                                "is a number from 0 to 3",
                                name));
      file.resize(colon);
    }
    chosen.push_back({options.trace_dir + file, weight});
    all_there = all_there && access(chosen.back().path.c_str(), R_OK) == 0;
  }
  if (all_there || !options.trace_dir_given) return chosen;
  chosen.clear();
  for (const std::string &file : rep_files_in(options.trace_dir))
    chosen.push_back({file});
  return chosen;
}

// A file that was forgotten behind --json must not cost the trace that comes
// next.
void refuse_to_overwrite(const std::string &flag, const std::string &file,
                         const std::vector<TraceChoice> &traces) {
  std::error_code none; // a file that is not there is no trace
  for (const TraceChoice &trace : traces)
    if (std::filesystem::is_regular_file(trace.path, none) &&
        std::filesystem::equivalent(file, trace.path, none))
      throw InputError(flag + ' ' + file +
                       ": that is a trace of this run, and would be "
                       "overwritten; name another file");
}

} // namespace

std::vector<TraceChoice> chosen_traces(const Options &options) {
  std::vector<TraceChoice> chosen = listed_traces(options);
  refuse_to_overwrite("--json", options.json_file, chosen);
  refuse_to_overwrite("--csv", options.csv_file, chosen);
  return chosen;
}

} // namespace driver
