// mdriver.cpp - scores an allocator on traces.
//
//   flags -> suite of allocators x traces -> score -> report -> exit status
//
// Exit status: 0 all valid, 1 some allocator failed, 2 bad usage or input.
#include "driver/allocator.hpp"
#include "driver/options.hpp"
#include "driver/report.hpp"
#include "driver/sandbox.hpp"
#include "driver/suite.hpp"
#include "driver/text.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <unistd.h>

using namespace driver;

// Some system allocators want more thread-local memory than a library may
// have that is loaded late. glibc can be asked for more, but only before the
// program starts: so start again.
static void start_again_with_static_tls(char **argv) {
  const char *name = "GLIBC_TUNABLES", *old = std::getenv(name);
  std::string value = "glibc.rtld.optional_static_tls=65536";
  if (old && std::strstr(old, "optional_static_tls")) return; // did not help
  if (old && *old) value = std::string(old) + ":" + value;
  setenv(name, value.c_str(), 1);
  execv("/proc/self/exe", argv);
}

static void check_team(const Options &options, const SuiteResult &all) {
  const AllocatorInfo &info = all.allocators.front().info;
  if (options.check_team && options.grader_summary && info.has_team &&
      info.team_name.empty())
    throw InputError("ERROR: Please provide the information about your team "
                     "in mm.c (-a does not ask for it).");
}

// Where the caller closed one of the first three, the next file to be opened
// would be read, or printed to, in its place. What stands there now fails.
static void hold_standard_files() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0)
      open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static int run(int argc, char **argv) {
  std::optional<Options> options = parse_options(argc, argv);
  if (!options) {
    require_printed();
    return 0;
  }
  if (options->autolab && !options->timing)
    throw InputError("-A without a file asks for a mark, and -c measures no "
                     "speed: give the traces with -f");
  require_writable("--csv", options->csv_file);
  require_writable("--json", options->json_file);
  TextReport report(*options);
  SuiteResult all = run_suite(*options, report);
  check_team(*options, all);
  report.end(all);
  if (!options->csv_file.empty()) write_csv(all, options->csv_file);
  if (!options->json_file.empty()) write_json(all, options->json_file);
  if (options->autolab) print_autolab(all.allocators.front());
  require_printed();
  for (const AllocatorResult &a : all.allocators)
    if (a.score.errors && !options->lab_exit) return 1;
  return 0;
}

int main(int argc, char **argv) {
  hold_standard_files();
  outlive_file_limit();
  try {
    return run(argc, argv);
  } catch (const InputError &error) {
    if (lacks_static_tls(error.what())) start_again_with_static_tls(argv);
    std::fflush(stdout);
    std::fprintf(stderr, "mdriver: %s\n", error.what());
    return 2;
  } catch (const std::bad_alloc &) {
    std::fprintf(stderr, "mdriver: out of memory; raise `ulimit -v`, or give "
                         "smaller traces with -f\n");
    return 2;
  }
}
