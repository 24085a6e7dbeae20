// options_test.cpp - the command line, in all the ways that courses write it.
#include "driver/options.hpp"

#include "config.h"
#include "driver/text.hpp"
#include "tests/check.h"

#include <initializer_list>

using namespace driver;

namespace {

using Args = std::initializer_list<const char *>;

Options parse(Args args) {
  std::vector<char *> argv{const_cast<char *>("./mdriver")};
  for (const char *arg : args) argv.push_back(const_cast<char *>(arg));
  return parse_options(static_cast<int>(argv.size()), argv.data()).value();
}

std::string error_of(Args args) {
  return check::thrown_by<InputError>([&] { parse(args); });
}

std::string joined(const std::vector<std::string> &list) {
  std::string text;
  for (const std::string &item : list) text += "[" + item + "]";
  return text;
}

} // namespace

TEST(options_without_flags) {
  Options o = parse({});
  CHECK_EQ(o.program, "./mdriver");
  CHECK_EQ(o.trace_dir, TRACEDIR);
  CHECK(!o.trace_dir_given);
  CHECK_EQ(o.reference, "libc");
  CHECK_EQ(o.max_heap, MAX_HEAP);
  CHECK_EQ(o.check.alignment, ALIGNMENT);
  CHECK(o.check.contents && o.check.check_every == 0 && o.check_team);
  CHECK(o.timing && o.limits.fork && !o.lab_exit && !o.strict);
  CHECK_EQ(o.limits.seconds, double{TIME_LIMIT});
  CHECK_EQ(o.limits.op_seconds, double{OP_TIME_LIMIT});
  CHECK_EQ(o.limits.memory, MEMORY_LIMIT);
  CHECK_EQ(o.verbose, 0);
}

// ---- Verbosity: a flag in one generation, with a number in the others -------

TEST(verbose_in_every_form) {
  CHECK_EQ(parse({"-v"}).verbose, 1);
  CHECK_EQ(parse({"-v", "-v"}).verbose, 2);
  CHECK_EQ(parse({"-v2"}).verbose, 2);
  CHECK_EQ(parse({"-v", "1"}).verbose, 1);
  CHECK_EQ(parse({"-v", "0"}).verbose, 0);
  CHECK_EQ(parse({"-v", "2", "-g"}).verbose, 2);
  CHECK_EQ(parse({"--verbose"}).verbose, 1);
  CHECK_EQ(parse({"--verbose=2"}).verbose, 2);
  CHECK_EQ(parse({"--verbose", "2"}).verbose, 2);
  CHECK_EQ(parse({"-V"}).verbose, 1);
  CHECK(parse({"-V"}).diagnostics);
  CHECK_EQ(parse({"-V", "-v", "2"}).verbose, 2);
}

TEST(bundles) {
  Options o = parse({"-vg"});
  CHECK(o.verbose == 1 && o.grader_summary);
  o = parse({"-v2g"});
  CHECK(o.verbose == 2 && o.grader_summary);
  o = parse({"-gv"});
  CHECK(o.verbose == 1 && o.grader_summary);
  o = parse({"-gv", "2"});
  CHECK(o.verbose == 2 && o.grader_summary);
  o = parse({"-vgf", "x.rep"});
  CHECK(o.verbose == 1 && o.grader_summary);
  CHECK_EQ(joined(o.traces), "[x.rep]");
  o = parse({"-vfx.rep", "-aDT"});
  CHECK_EQ(joined(o.traces), "[x.rep]");
  CHECK(!o.check_team && o.check.check_every == 1 && o.tab_mode);
}

// In a bundle, "v" takes a number only if it is the last.
TEST(a_bundle_does_not_eat_the_next_number) {
  CHECK_HAS(error_of({"-vg", "2"}), "'2' is no flag");
}

// ---- -A: nothing at CMU, a file here ----------------------------------------

TEST(dash_A_bare_and_with_a_file) {
  CHECK(parse({"-A"}).autolab);
  CHECK(parse({"-A", "-v"}).autolab);
  CHECK(parse({"-vA"}).autolab);
  Options o = parse({"-A", "x.so", "-A", "libc", "-Ay.so"});
  CHECK(!o.autolab);
  CHECK_EQ(joined(o.plug_ins), "[x.so][libc][y.so]");
  o = parse({"-A", "x.so", "-A"});
  CHECK(o.autolab);
  CHECK_EQ(joined(o.plug_ins), "[x.so]");
  CHECK_EQ(joined(parse({"--against", "x.so"}).plug_ins), "[x.so]");
  CHECK_EQ(joined(parse({"--against=x.so"}).plug_ins), "[x.so]");
  CHECK_EQ(joined(parse({"-l", "-A", "x.so"}).plug_ins), "[libc][x.so]");
}

// ---- The others -------------------------------------------------------------

TEST(classic_flags_all_exist) {
  parse({"-a", "-g", "-l", "-t", "d", "-f", "f", "-V", "-d", "1", "-D", "-c",
         "f", "-s", "5", "-T", "-p", "-C", "-A"});
}

TEST(traces_and_their_folder) {
  Options o = parse({"-f", "a.rep", "-f/abs/b.rep", "--file=c.rep"});
  CHECK_EQ(joined(o.traces), "[a.rep][/abs/b.rep][c.rep]");
  CHECK_EQ(parse({"-t", "dir"}).trace_dir, "dir/");
  CHECK_EQ(parse({"-tdir/"}).trace_dir, "dir/");
  CHECK(parse({"--trace-dir", "dir"}).trace_dir_given);
}

TEST(check_only) {
  Options o = parse({"-c", "a.rep"});
  CHECK(!o.timing);
  CHECK_EQ(joined(o.traces), "[a.rep]");
}

TEST(debug_levels) {
  CHECK(!parse({"-d", "0"}).check.contents);
  CHECK(parse({"-d", "1"}).check.contents);
  CHECK_EQ(parse({"-d1"}).check.check_every, 0);
  CHECK_EQ(parse({"-d", "2"}).check.check_every, 1);
  CHECK_EQ(parse({"-D"}).check.check_every, 1);
  CHECK_EQ(parse({"--check-every", "50"}).check.check_every, 50);
  CHECK_EQ(parse({"--stop-at=7"}).check.stop_at, 7);
}

TEST(limits) {
  Options o = parse({"-s", "2"});
  CHECK_EQ(o.limits.seconds, 2.0);
  CHECK_EQ(o.limits.op_seconds, 2.0);
  o = parse({"--time-limit", "600"});
  CHECK_EQ(o.limits.seconds, 600.0);
  CHECK_EQ(o.limits.op_seconds, double{OP_TIME_LIMIT});
  CHECK_EQ(parse({"--max-heap", "512M"}).max_heap, 512u << 20);
  CHECK_EQ(parse({"--memory-limit=64M"}).limits.memory, 64u << 20);
  CHECK_EQ(parse({"--heap-base", "low"}).heap_base, 0x10000000);
  CHECK_EQ(parse({"--heap-base", "0x20000000"}).heap_base, 0x20000000);
  CHECK_EQ(parse({"--alignment", "8"}).check.alignment, 8);
  CHECK_EQ(parse({"--rounds", "51"}).rounds, 51);
  CHECK(!parse({"--no-fork"}).limits.fork);
}

TEST(thread_options) {
  CHECK_EQ(parse({}).threads.replicas, 0);
  CHECK_EQ(parse({"--threads", "1"}).threads.replicas, 1);
  CHECK_EQ(parse({"--threads=256"}).threads.replicas, 256);
  Options o = parse({"--handoff", "--threads", "2", "--lock"});
  CHECK(o.threads.handoff && o.threads.lock);
  for (const char *bad : {"0", "257", "-1", "1.5", "two", "1e2"})
    CHECK_EQ(
        error_of({"--threads", bad}),
        std::string("--threads takes a whole number from 1 to 256, not '") +
            bad + "'");
  CHECK_HAS(error_of({"--handoff"}),
            "--handoff needs --threads N with an N of");
  CHECK_HAS(error_of({"--handoff", "--threads", "1"}), "--handoff needs");
}

TEST(output_options) {
  CHECK_EQ(parse({"--json", "o.json"}).json_file, "o.json");
  CHECK_EQ(parse({"--csv=o.csv"}).csv_file, "o.csv");
  CHECK(parse({"--color", "always"}).color == true);
  CHECK(parse({"--color=never"}).color == false);
  CHECK(!parse({"--color=auto"}).color.has_value());
  CHECK(parse({"--lab-exit"}).lab_exit);
  CHECK(parse({"-C", "-p", "--checkpoint", "--strict"}).strict);
  CHECK(parse({"--strict"}).strict && parse({"--zero-heap"}).check.zeroed_heap);
  CHECK_EQ(parse({"--reference", "none"}).reference, "none");
  CHECK_EQ(parse({"--allocator", "x.so"}).allocator, "x.so");
}

// ---- Errors -----------------------------------------------------------------

TEST(flags_that_do_not_exist) {
  CHECK_EQ(error_of({"-Z"}), "unknown flag -Z in '-Z' (--help lists all)");
  CHECK_EQ(error_of({"-vZ"}), "unknown flag -Z in '-vZ' (--help lists all)");
  CHECK_EQ(error_of({"--nope"}), "unknown flag --nope (--help lists all)");
  CHECK_EQ(error_of({"--nope=1"}), "unknown flag --nope (--help lists all)");
  CHECK_EQ(error_of({"--"}), "unknown flag -- (--help lists all)");
  CHECK_HAS(error_of({"x.rep"}), "'x.rep' is no flag; traces are given with "
                                 "-f, allocators with -A");
  CHECK_HAS(error_of({"-"}), "'-' is no flag");
  CHECK_HAS(error_of({""}), "'' is no flag");
}

TEST(values_that_are_missing) {
  for (const char *flag : {"-f", "-c", "-t", "-d", "-s", "--json", "--csv",
                           "--rounds", "--allocator", "--reference"})
    CHECK_EQ(error_of({flag}),
             std::string(flag) + " needs a value behind it (--help)");
  CHECK_HAS(error_of({"-vf"}), "-f needs a value");
  CHECK_HAS(error_of({"--strict=1"}), "--strict takes no value");
  for (const char *flag : {"--json=", "--csv=", "--allocator=", "--file="})
    CHECK_HAS(error_of({flag}), "needs a value behind it");
}

TEST(values_that_are_no_numbers) {
  CHECK_HAS(error_of({"-s", "soon"}), "-s takes a number");
  CHECK_HAS(error_of({"-s", "-1"}), "-s takes a number");
  CHECK_HAS(error_of({"-s", "nan"}), "-s takes a number");
  CHECK_HAS(error_of({"-s", "0"}), "-s takes a number of seconds above 0");
  CHECK_HAS(error_of({"-d", "x"}), "-d takes");
  CHECK_HAS(error_of({"-d", "3"}), "-d takes 0, 1 or 2, not '3'");
  CHECK_HAS(error_of({"--rounds", "many"}), "--rounds takes");
  CHECK_HAS(error_of({"--rounds", "1.5"}), "--rounds takes");
  CHECK_HAS(error_of({"--rounds", "-3"}), "--rounds takes");
  CHECK_HAS(error_of({"--rounds", "99999999"}), "--rounds takes");
  CHECK_HAS(error_of({"--check-every", ".5"}), "--check-every takes");
  CHECK_HAS(error_of({"--stop-at", "1e99"}), "--stop-at takes");
  CHECK_HAS(error_of({"-v", "99999999999999999999"}), "-v takes");
  CHECK_HAS(error_of({"--max-heap", "lots"}), "--max-heap takes a number of");
  CHECK_HAS(error_of({"--max-heap", "0"}), "--max-heap takes at least");
  CHECK_HAS(error_of({"--memory-limit", "1"}), "--memory-limit takes at least");
  CHECK_HAS(error_of({"--heap-base", "up"}), "--heap-base takes");
  CHECK_HAS(error_of({"--heap-base", "4097"}), "--heap-base takes a multiple");
  CHECK_HAS(error_of({"--alignment", "24"}), "--alignment takes a power of");
  CHECK_HAS(error_of({"--alignment", "0"}), "--alignment takes a power of");
  CHECK_HAS(error_of({"--color", "red"}), "--color takes always, never or");
}

// ---- Which traces -----------------------------------------------------------

TEST(default_traces_have_the_weights_of_the_list) {
  std::vector<TraceChoice> chosen = chosen_traces(parse({}));
  CHECK(!chosen.empty());
  for (const TraceChoice &c : chosen) {
    CHECK(c.path.starts_with(TRACEDIR));
    CHECK(c.path.ends_with(".rep"));
    CHECK(c.weight >= -1 && c.weight <= 3);
  }
}

TEST(a_trace_is_looked_for_in_the_trace_folder_too) {
  std::string dir = "tests/traces/";
  std::vector<TraceChoice> chosen =
      chosen_traces(parse({"-t", dir.c_str(), "-f", "plain.rep"}));
  CHECK_EQ(chosen.at(0).path, dir + "plain.rep");
  chosen = chosen_traces(parse({"-f", "tests/traces/plain.rep"}));
  CHECK_EQ(chosen.at(0).path, dir + "plain.rep");
}

TEST(all_traces_of_a_folder_in_order) {
  std::vector<TraceChoice> chosen =
      chosen_traces(parse({"-t", "tests/traces"}));
  CHECK(chosen.size() > 1);
  for (size_t i = 1; i < chosen.size(); i++)
    CHECK(chosen[i - 1].path < chosen[i].path);
}

TEST(a_folder_without_traces) {
  CHECK_HAS(check::thrown_by<InputError>([] {
              chosen_traces(parse({"-t", "tests/unit"}));
            }),
            "-t tests/unit/: there is no .rep file in that folder");
  CHECK_HAS(check::thrown_by<InputError>([] {
              chosen_traces(parse({"-t", "no/such"}));
            }),
            "-t no/such/: cannot read that folder: No such file");
}
