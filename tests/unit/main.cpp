// main.cpp - runs the unit tests whose names contain an argument, or all.
#include "tests/check.h"

#include <csignal>
#include <cstring>
#include <exception>

static bool chosen(const char *name, int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    if (std::strstr(name, argv[i])) return true;
  return argc == 1;
}

static void run(const check::Test &test) {
  check::state = {};
  try {
    test.run();
  } catch (const std::exception &error) {
    check::state.report += std::string("    it threw: ") + error.what() + "\n";
  }
  if (!check::state.report.empty())
    std::printf("FAIL unit: %s\n%s", test.name, check::state.report.c_str());
  else if (!check::state.skipped.empty())
    std::printf("skip unit: %s: %s\n", test.name, check::state.skipped.c_str());
  else
    std::printf("ok unit: %s\n", test.name);
  std::fflush(stdout);
}

int main(int argc, char **argv) {
  // Under nohup, or in the background of a script, some are ignored.
  for (int number : {SIGHUP, SIGINT, SIGQUIT}) std::signal(number, SIG_DFL);
  for (const check::Test &test : check::all_tests())
    if (chosen(test.name, argc, argv)) run(test);
}
