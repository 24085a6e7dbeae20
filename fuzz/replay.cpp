// replay.cpp - a main for a fuzz target where there is no libFuzzer: runs it on
// each file that is given. Says before each which one it is, so that a crash
// has a name.
#include "fuzz.hpp"

#include <fstream>
#include <iterator>
#include <vector>

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++) {
    std::fprintf(stderr, "%s\n", argv[i]);
    std::ifstream file(argv[i], std::ios::binary);
    fuzz::require(file.good(), "cannot read %s", argv[i]);
    std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    std::vector<uint8_t> data(bytes.begin(), bytes.end());
    LLVMFuzzerTestOneInput(data.data(), data.size());
  }
  std::printf("%d\n", argc - 1);
  return 0;
}
