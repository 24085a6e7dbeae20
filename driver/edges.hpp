// edges.hpp - what the contract (mm.h) says of the edges: no bytes, NULL,
// sizes that no heap has, an exhausted heap.
//
// No trace of a course asks for these, and many a submission that is right on
// every trace gets one wrong; so they are reported beside the traces, and
// count as errors only if the course says so (--strict).
#pragma once

#include "options.hpp"
#include "result.hpp"

#include <string>
#include <vector>

namespace driver {

// Runs each edge case in a process of its own; returns a line for each that
// the allocator got wrong.
std::vector<std::string> check_edges(const AllocatorInfo &who,
                                     const Options &options);

} // namespace driver
